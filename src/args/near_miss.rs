//! Labels that are nearly one of ours: an author meant it, and it does nothing.
//!
//! In: the name of a label. Out: the label that was meant, if it is another prefix or at most [`MAX_EDITS`] letters away.
//! Never: lets such a label count.

use super::label::LABELS;

/// Letters added, left out or exchanged.
const MAX_EDITS: usize = 2;
/// Longest name that is compared, in bytes; the longest of ours has 33.
const MAX_COMPARED: usize = 48;
/// What all of ours begin with.
const PREFIX: &str = "SINGULARITY_";
/// What authors write in its place: the runtime's other names, the prefixes of its variables, nothing.
const PREFIXES: [&str; 4] = ["APPTAINER_", "SINGULARITYCE_", "SINGULARITYENV_", "APPTAINERENV_"];

/// Which label was meant. The name is none of ours.
pub(super) fn near_miss(name: &str) -> Option<&'static str> {
    if name.len() > MAX_COMPARED {
        return None;
    }
    let name = name.to_ascii_uppercase().replace(['-', '.', ' '], "_");
    let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
    let rest = rest.or_else(|| Some(&*name).filter(|name| name.starts_with("RUNSCRIPT_")));
    let name = rest.map_or(name.clone(), |rest| format!("{PREFIX}{rest}"));
    let near = LABELS.into_iter().map(|label| (distance(&name, label), label));
    near.filter(|(edits, _)| *edits <= MAX_EDITS).min_by_key(|(edits, _)| *edits).map(|(_, label)| label)
}

/// How many letters to add, leave out or exchange (Levenshtein); more than [`MAX_EDITS`] is any larger number.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len().abs_diff(other.len()) > MAX_EDITS {
        return MAX_EDITS + 1;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut next = vec![index + 1];
        for (before, (above, expected)) in
            row.windows(2).zip(other).map(|(pair, expected)| (pair[0], (pair[1], expected)))
        {
            let left = next.last().copied().unwrap_or_default();
            next.push((before + usize::from(letter != expected)).min(above + 1).min(left + 1));
        }
        // nothing below a row is less than its least
        if next.iter().all(|edits| *edits > MAX_EDITS) {
            return MAX_EDITS + 1;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        for (name, meant) in [
            ("APPTAINER_RUNSCRIPT_ARG_STR", Some("SINGULARITY_RUNSCRIPT_ARG_STR")),
            ("apptainer_runscript_arg_int", Some("SINGULARITY_RUNSCRIPT_ARG_INT")),
            ("SINGULARITYENV_RUNSCRIPT_ARG_BOOL", Some("SINGULARITY_RUNSCRIPT_ARG_BOOL")),
            ("RUNSCRIPT_OUTPUT", Some("SINGULARITY_RUNSCRIPT_OUTPUT")),
            ("SINGULARITY_RUNSCRIPT_ARGS_STR", Some("SINGULARITY_RUNSCRIPT_ARG_STR")),
            ("SINGULARITY_RUNSCIPT_ARG_FLOAT", Some("SINGULARITY_RUNSCRIPT_ARG_FLOAT")),
            ("SINGULARTIY_RUNSCRIPT_ARG_STR", Some("SINGULARITY_RUNSCRIPT_ARG_STR")),
            ("singularity-runscript-max-age", Some("SINGULARITY_RUNSCRIPT_MAX_AGE")),
            ("SINGULARITY_RUNSCRIPT_MAXAGE", Some("SINGULARITY_RUNSCRIPT_MAX_AGE")),
            ("APPTAINER_RUNSCRIPT_ARGS_SCHEMA", Some("SINGULARITY_RUNSCRIPT_ARG_SCHEMA")),
            ("SINGULARITY_RUNSCRIPT_KEYWORDS", None),
            ("SINGULARITY_RUNSCRIPT_OUTPUT_FILES", None),
            ("org.label-schema.usage.singularity.version", None),
            ("APPTAINER_VERSION", None),
            ("", None),
        ] {
            assert_eq!(near_miss(name), meant, "{name}");
        }
        assert_eq!(near_miss(&"S".repeat(1_000_000)), None);
    }
}

//! What a definition file says about labels that the finished image does not show any more.
//!
//! In: its text. Out: names of ours that one section of labels has twice: a runtime keeps the last. Never: builds anything.

use std::collections::BTreeMap;

/// What the names of our labels begin with.
const OURS: &str = "SINGULARITY_RUNSCRIPT_";

/// Labels of ours that stand more than once in `%labels`, or in `%applabels APP`, in the same spelling: with another they are two
/// labels, which the finished image shows.
pub fn labels_twice(definition: &str, app: Option<&str>) -> Vec<String> {
    let mut inside = false;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in definition.lines().map(str::trim) {
        if line.to_ascii_lowercase().starts_with("bootstrap:") {
            // the next stage of a build: labels of the one before do not come along
            counts.clear();
        } else if let Some(section) = line.strip_prefix('%') {
            let mut words = section.split_whitespace();
            inside = match (words.next(), app) {
                (Some("labels"), None) => true,
                (Some("applabels"), Some(app)) => words.next() == Some(app),
                _ => false,
            };
        } else if inside {
            let name = line.split([' ', '\t', '=']).next().unwrap_or_default();
            if name.to_ascii_uppercase().starts_with(OURS) {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_by_itself() {
        let definition = "Bootstrap: docker\nFrom: x\n%labels\n  SINGULARITY_RUNSCRIPT_ARG_INT a\n  Maintainer x\n  Maintainer y\n\
            %post\n  SINGULARITY_RUNSCRIPT_ARG_INT b\n%applabels foo\n  SINGULARITY_RUNSCRIPT_ARG_STR a\n\
            %applabels bar\n  singularity_runscript_arg_str a\n  SINGULARITY_RUNSCRIPT_ARG_STR b\n  singularity_runscript_arg_str c\n";
        assert!(labels_twice(definition, None).is_empty());
        assert!(labels_twice(definition, Some("foo")).is_empty());
        assert_eq!(labels_twice(definition, Some("bar")), ["singularity_runscript_arg_str"]);
        let twice = format!("{definition}%labels\n  SINGULARITY_RUNSCRIPT_ARG_INT b\n");
        assert_eq!(labels_twice(&twice, None), ["SINGULARITY_RUNSCRIPT_ARG_INT"]);
        let stages = format!("{definition}Bootstrap: localimage\n%labels\n  SINGULARITY_RUNSCRIPT_ARG_INT b\n");
        assert!(labels_twice(&stages, None).is_empty());
    }
}

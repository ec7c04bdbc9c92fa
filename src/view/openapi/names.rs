//! What generated clients call the operations of images, and whether the choices of an author stay different there.
//!
//! In: names of images, apps and folders; choices. Out: names of operations, no two of which become one.
//! Generators make words of a name: they drop or replace what is neither letter nor digit, and change the case. Of two
//! names that differ in nothing else they make one, of which the last counts, or they give up.

use std::collections::HashSet;

use crate::http::entity_tag;

/// Letters of the hash that tells two names apart.
const HASH: usize = 8;

/// The names of one document.
pub struct Names {
    /// What more than one of them becomes.
    shared: HashSet<String>,
}

impl Names {
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Names {
        let (mut seen, mut shared) = (HashSet::new(), HashSet::new());
        for name in names.map(folded) {
            if !seen.insert(name.clone()) {
                shared.insert(name);
            }
        }
        Names { shared }
    }

    /// The end of the names of operations. Each of those that would become one bears a hash of its own name: were the
    /// first to keep the plain name, a new image could take over the function of an old one.
    pub fn get(&self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' };
        let named: String = name.chars().map(plain).collect();
        if !self.shared.contains(&folded(name)) {
            return named;
        }
        let hash: String = entity_tag(name.as_bytes()).chars().filter(char::is_ascii_alphanumeric).take(HASH).collect();
        format!("{named}_{hash}")
    }

    /// Whether all of them stay different.
    pub fn differ(&self) -> bool {
        self.shared.is_empty()
    }
}

/// What is left of a name: its letters and digits in lower case. A mark between two digits stays, so that `1.11` is not
/// `1.1.1`.
fn folded(name: &str) -> String {
    let mut folded = String::new();
    let mut marked = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            marked = true;
            continue;
        }
        let after_digit = folded.ends_with(|last: char| last.is_numeric());
        if marked && after_digit && c.is_numeric() {
            folded.push('_');
        }
        folded.extend(c.to_lowercase());
        marked = false;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_become_one_are_told_apart() {
        for (a, b) in [
            ("lab/x.sif", "lab-x.sif"),
            ("Image", "image"),
            ("HelloWorld.sif", "hello_world.sif"),
            ("a:1", "a1"),
            ("C", "C++"),
            ("-", "+"),
            ("x:1.1", "x-1-1"),
        ] {
            let names = Names::of([a, b, "other"].into_iter());
            assert!(!names.differ(), "{a} {b}");
            assert_ne!(folded(&names.get(a)), folded(&names.get(b)), "{a} {b}");
            assert_eq!(names.get("other"), "other");
        }
        for (a, b) in [("x:1.11", "x:1.1.1"), ("a", "b"), ("m", "mm")] {
            assert!(Names::of([a, b].into_iter()).differ(), "{a} {b}");
        }
    }

    #[test]
    fn a_name_stays_as_it_is_where_nothing_is_like_it() {
        let all = ["hello-name.sif", "lab/x.sif", "quast:5.0.1--py36_0"];
        let names = Names::of(all.into_iter());
        assert_eq!(all.map(|name| names.get(name)), ["hello-name.sif", "lab_x.sif", "quast_5.0.1--py36_0"]);
    }
}

//! The steps of a path, those of its links included, within bounds.
//!
//! In: a path, and where each link on it leads. Out: one [`Step`] after the other.
//! Never: opens anything, or knows where a step leads: who walks keeps the folders above, so that `..` is the one
//! before and nothing is above the root.
//! Bounds: [`MAX_LINKS`], [`MAX_STEPS`].

use crate::trust::MAX_LINKS;

/// Components walked in one path, those of links included.
const MAX_STEPS: usize = 256;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin at the root.
    Root,
    /// Go to the folder above.
    Up,
    /// Go to what has this name here.
    Name(Vec<u8>),
}

/// Why a path is not walked to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endless {
    /// More than [`MAX_LINKS`] links.
    Links,
    /// More than [`MAX_STEPS`] components.
    Steps,
}

/// What is left of a path, the next step on top.
#[derive(Debug)]
pub(super) struct Steps {
    left: Vec<Step>,
    links: usize,
    taken: usize,
}

impl Steps {
    /// The steps of a path.
    pub(super) fn of(path: &[u8]) -> Result<Self, Endless> {
        let mut steps = Self { left: Vec::new(), links: 0, taken: 0 };
        steps.push(path).map(|()| steps)
    }

    /// The next step; nothing at the end.
    pub(super) fn next(&mut self) -> Option<Step> {
        self.taken += 1;
        self.left.pop()
    }

    /// Whether the step that was given last ends the path, unless it is a link.
    pub(super) fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    /// Goes on where a link leads: what it says stands before the rest.
    pub(super) fn follow(&mut self, target: &[u8]) -> Result<(), Endless> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Endless::Links);
        }
        self.push(target)
    }

    fn push(&mut self, path: &[u8]) -> Result<(), Endless> {
        let names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty() && *name != b".");
        let steps: Vec<Step> =
            names.map(|name| if name == b".." { Step::Up } else { Step::Name(name.to_vec()) }).collect();
        if self.taken + self.left.len() + steps.len() > MAX_STEPS {
            return Err(Endless::Steps);
        }
        self.left.extend(steps.into_iter().rev());
        if path.starts_with(b"/") {
            self.left.push(Step::Root);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut steps: Steps) -> String {
        std::iter::from_fn(|| steps.next())
            .map(|step| match step {
                Step::Root => "/".to_owned(),
                Step::Up => "^".to_owned(),
                Step::Name(name) => String::from_utf8(name).unwrap(),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_path_is_its_steps() {
        for (path, expected) in [
            ("a/b", "a b"),
            ("/a//./b/", "/ a b"),
            ("../a/..", "^ a ^"),
            ("/", "/"),
            ("", ""),
            (".", ""),
            ("...", "..."),
        ] {
            assert_eq!(all(Steps::of(path.as_bytes()).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn a_link_stands_before_the_rest() {
        let mut steps = Steps::of(b"link/rest").unwrap();
        assert_eq!(steps.next(), Some(Step::Name(b"link".to_vec())));
        assert!(!steps.is_at_end());
        steps.follow(b"/x/..").unwrap();
        assert_eq!(all(steps), "/ x ^ rest");
    }

    #[test]
    fn links_and_steps_have_an_end() {
        let mut steps = Steps::of(b"a").unwrap();
        for _ in 0..MAX_LINKS {
            steps.next();
            steps.follow(b"a").unwrap();
        }
        assert_eq!(steps.follow(b"a"), Err(Endless::Links));
        assert!(Steps::of("a/".repeat(MAX_STEPS).as_bytes()).is_ok());
        assert_eq!(Steps::of("a/".repeat(MAX_STEPS + 1).as_bytes()).err(), Some(Endless::Steps));
        let mut steps = Steps::of(b"a").unwrap();
        steps.next();
        assert_eq!(steps.follow("a/".repeat(MAX_STEPS).as_bytes()), Err(Endless::Steps));
    }
}

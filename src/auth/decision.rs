//! The decision: what a principal may do with an image, and which rule says so.
//!
//! In: the rules, who asks, what for. Out: a [`Decision`]. It is the union of all rules that fit. Whoever decides about many
//! images asks once which rules are about the principal ([`Rules::of`]).

use std::collections::{BTreeMap, HashSet};

use super::pattern::Pattern;
use super::principal::Principal;
use super::rules::{Action, Rule, Rules};

/// What the rules say.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// There are no rules, or the site's owner asks.
    Open,
    /// This rule allows it.
    Allowed(&'a Rule),
    /// No rule allows it.
    Refused {
        /// Whether it would be allowed to somebody who has said a name, and nobody has.
        name_could_help: bool,
    },
}

impl Decision<'_> {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        !matches!(self, Decision::Refused { .. })
    }
}

/// Which images may be seen, for many of them: the patterns of all rules that fit, without the rules.
#[derive(Clone, Debug, Default)]
struct Sight<'a> {
    all: bool,
    exact: HashSet<&'a str>,
    /// By the character that a name begins with; none: by any.
    patterns: BTreeMap<Option<u8>, Vec<&'a Pattern>>,
}

impl<'a> Sight<'a> {
    fn of(rules: &[&'a Rule]) -> Sight<'a> {
        let mut sight = Sight::default();
        for rule in rules {
            sight.all |= rule.images().is_empty();
            for pattern in rule.images() {
                match pattern.exact() {
                    Some(name) => {
                        sight.exact.insert(name);
                    }
                    None => sight.patterns.entry(pattern.first()).or_default().push(pattern),
                }
            }
        }
        sight
    }

    fn sees(&self, image: &str) -> bool {
        let fits =
            |first: Option<u8>| self.patterns.get(&first).is_some_and(|all| all.iter().any(|one| one.fits(image)));
        self.all || self.exact.contains(image) || fits(image.bytes().next()) || fits(None)
    }
}

/// What one principal may do.
#[derive(Clone, Debug)]
pub struct Rights<'a> {
    /// The rules that are about it; none: no rule binds it.
    about: Option<Vec<&'a Rule>>,
    sight: Sight<'a>,
    rules: &'a Rules,
    anonymous: bool,
}

impl Rules {
    /// What this principal may do.
    pub fn of(&self, principal: &Principal) -> Rights<'_> {
        let bound = !self.is_empty() && *principal != Principal::Owner;
        let about: Option<Vec<_>> = bound.then(|| self.all().iter().filter(|rule| rule.is_about(principal)).collect());
        let sight = about.as_deref().map(Sight::of).unwrap_or_default();
        Rights { about, sight, rules: self, anonymous: *principal == Principal::Anonymous }
    }
}

impl<'a> Rights<'a> {
    /// The one place where it is decided who may.
    pub fn may(&self, action: Action, image: &str) -> Decision<'a> {
        let Some(about) = &self.about else { return Decision::Open };
        if let Some(rule) = about.iter().find(|rule| rule.allows(action, image)) {
            return Decision::Allowed(rule);
        }
        let named = || self.rules.all().iter().any(|rule| rule.wants_a_name() && rule.allows(action, image));
        Decision::Refused { name_could_help: self.anonymous && named() }
    }

    /// Whether an image of this address may be known to be there. The same answer as [`Rights::may`], without a reason.
    pub fn sees(&self, image: &str) -> bool {
        self.about.is_none() || self.sight.sees(image)
    }

    /// Whether something below a folder of this address could be seen.
    pub fn reach_below(&self, folder: &str) -> bool {
        self.about.as_ref().is_none_or(|about| about.iter().any(|rule| rule.reaches_below(folder)))
    }

    /// Whether no rule binds the principal.
    pub fn are_unbound(&self) -> bool {
        self.about.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{PrincipalName, RuleText, TokenName, Verb};

    /// Who, may, images, methods.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a [&'a str]);

    fn rules(table: &[Row<'_>]) -> Rules {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let some = |list: &[&str]| (!list.is_empty()).then(|| words(list));
        let read = |(at, (who, may, images, methods)): (usize, &Row<'_>)| {
            let text =
                RuleText { line: at, who: words(who), may: words(may), images: some(images), methods: some(methods) };
            Rule::parse(at + 1, &text).unwrap()
        };
        Rules::new(table.iter().enumerate().map(read).collect())
    }

    fn user(name: &str, groups: &[&str]) -> Principal {
        let parsed = |name: &str| PrincipalName::parse(name).unwrap();
        Principal::User { name: parsed(name), groups: groups.iter().map(|group| parsed(group)).collect() }
    }

    #[test]
    fn what_may_be_done_is_the_union_of_the_rules_that_fit() {
        let rules = rules(&[
            (&["anyone"], &["see"], &["public.sif", "shown/"], &[]),
            (&["anyone"], &["run"], &["public.sif"], &["GET"]),
            (&["signed-in"], &["run"], &["shown/"], &[]),
            (&["@lab"], &["run", "download"], &["lab/"], &[]),
            (&["amy"], &["submit"], &["public.sif"], &[]),
            (&["token:ci"], &["run"], &["lab/ci.sif"], &["POST"]),
        ]);
        let token = |name: &str| Principal::Token(TokenName::parse(name).unwrap());
        let everything = [
            Action::See,
            Action::Run(Verb::Get),
            Action::Run(Verb::Post),
            Action::Submit,
            Action::Download,
            Action::Dismiss,
        ];
        for (principal, image, expected) in [
            (Principal::Anonymous, "public.sif", "yy...."),
            (Principal::Anonymous, "shown/a.sif", "y....."),
            (Principal::Anonymous, "lab/a.sif", "......"),
            (user("amy", &[]), "public.sif", "yy.y.."),
            (user("amy", &[]), "shown/a.sif", "yyy..."),
            (user("amy", &[]), "lab/a.sif", "......"),
            (user("bob", &["lab"]), "lab/a.sif", "yyy.y."),
            (user("bob", &["Lab"]), "lab/a.sif", "......"),
            // a user, a group and a token of one name are three
            (user("lab", &[]), "lab/a.sif", "......"),
            (user("ci", &["ci"]), "lab/ci.sif", "......"),
            (token("lab"), "lab/a.sif", "......"),
            (token("amy"), "public.sif", "yy...."),
            (token("ci"), "lab/ci.sif", "y.y..."),
            (token("ci"), "shown/a.sif", "yyy..."),
            (Principal::Owner, "lab/a.sif", "yyyyyy"),
        ] {
            let rights = rules.of(&principal);
            let got: String = everything
                .map(|action| if rights.may(action, image).is_allowed() { 'y' } else { '.' })
                .iter()
                .collect();
            assert_eq!(got, expected, "{principal} {image}");
            assert_eq!(rights.sees(image), got.starts_with('y'), "{principal} {image}");
        }
    }

    #[test]
    fn signing_in_helps_only_who_has_not_and_where_a_name_is_enough() {
        let rules = rules(&[(&["anyone"], &["see"], &[], &[]), (&["@lab"], &["run"], &["a.sif"], &["POST"])]);
        for (principal, action, image, expected) in [
            (Principal::Anonymous, Action::Run(Verb::Post), "a.sif", true),
            (Principal::Anonymous, Action::Run(Verb::Get), "a.sif", false),
            (Principal::Anonymous, Action::Run(Verb::Post), "b.sif", false),
            (user("amy", &[]), Action::Run(Verb::Post), "a.sif", false),
        ] {
            let Decision::Refused { name_could_help } = rules.of(&principal).may(action, image) else { panic!() };
            assert_eq!(name_could_help, expected, "{principal} {action} {image}");
        }
    }

    #[test]
    fn without_rules_everything_is_open() {
        let rules = Rules::default();
        let rights = rules.of(&Principal::Anonymous);
        assert!(rights.are_unbound() && rights.sees("x") && rights.may(Action::Dismiss, "x").is_allowed());
        let one = self::rules(&[(&["anyone"], &["see"], &["one"], &[])]);
        assert!(!one.of(&Principal::Anonymous).sees("other"), "what no rule allows is refused");
    }

    #[test]
    fn a_decision_names_its_rule() {
        let rules = rules(&[(&["amy"], &["see"], &[], &[]), (&["anyone"], &["run"], &["x"], &[])]);
        let Decision::Allowed(rule) = rules.of(&user("amy", &[])).may(Action::Run(Verb::Get), "x") else { panic!() };
        assert_eq!((rule.number, rule.to_string().as_str()), (2, "rule 2 (line 1)"));
    }
}

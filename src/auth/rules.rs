//! The rules of the configuration: who may do what with which images.
//!
//! In: a [`RuleText`], the words of one `[[rules]]`. Out: a [`Rule`], or what to write instead. What may be done is the union
//! of all rules that fit: there is no order among them and no rule that takes away.

use std::fmt;

use super::pattern::Pattern;
use super::principal::{Principal, PrincipalName, TOKEN, TokenName};

/// Most rules of a site.
pub const MAX_RULES: usize = 1000;

/// What may be done with an image; how a run is asked for is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Know that it is there, and read its pages.
    See,
    /// Run it, asked for by this method.
    Run(Verb),
    /// Leave a run behind as a job.
    Submit,
    /// Get its file.
    Download,
    /// End what others have started.
    Dismiss,
}

/// How something that changes the world is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// By an address alone.
    Get,
    /// By sending content.
    Post,
}

impl Action {
    /// All of them.
    pub const ALL: [Action; 6] = [
        Action::See,
        Action::Run(Verb::Get),
        Action::Run(Verb::Post),
        Action::Submit,
        Action::Download,
        Action::Dismiss,
    ];
}

impl Action {
    /// Its word in `may`.
    pub fn word(self) -> &'static str {
        match self {
            Action::See => "see",
            Action::Run(_) => "run",
            Action::Submit => "submit",
            Action::Download => "download",
            Action::Dismiss => "dismiss",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Action::Run(Verb::Get) => f.write_str(" by GET"),
            Action::Run(Verb::Post) => f.write_str(" by POST"),
            _ => Ok(()),
        }
    }
}

/// A word of `may`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `see`
    See,
    /// `run`
    Run,
    /// `submit`
    Submit,
    /// `download`
    Download,
    /// `dismiss`
    Dismiss,
}

impl Word {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Word); 5] = [
        ("see", Word::See),
        ("run", Word::Run),
        ("submit", Word::Submit),
        ("download", Word::Download),
        ("dismiss", Word::Dismiss),
    ];

    fn parse(text: &str) -> Result<Word, String> {
        let found = Word::ALL.iter().find(|(word, _)| *word == text);
        found.map(|(_, word)| *word).ok_or_else(|| {
            let words = Word::ALL.map(|(word, _)| word).join(", ");
            format!("`may` has no word {}: the words are {words}", quoted(text))
        })
    }
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// Everybody who has said a name, programs with a token too.
    SignedIn,
    /// One user.
    User(PrincipalName),
    /// The users of a group.
    Group(PrincipalName),
    /// One token.
    Token(TokenName),
}

impl Who {
    /// Reads a word of `who`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Who, String> {
        let wrong = |why: &dyn fmt::Display| format!("`who` cannot be {}: {why}", quoted(text));
        match text {
            "anyone" => Ok(Who::Anyone),
            "signed-in" => Ok(Who::SignedIn),
            text => match (text.strip_prefix('@'), text.strip_prefix(TOKEN)) {
                (Some(group), _) => PrincipalName::parse(group).map(Who::Group).map_err(|why| wrong(&why)),
                (_, Some(token)) => TokenName::parse(token).map(Who::Token).map_err(|why| wrong(&why)),
                _ => PrincipalName::parse(text).map(Who::User).map_err(|why| wrong(&why)),
            },
        }
    }

    fn fits(&self, principal: &Principal) -> bool {
        match (self, principal) {
            (Who::Anyone, _) => true,
            (Who::SignedIn, principal) => principal.is_signed_in(),
            (Who::User(expected), Principal::User { name, .. }) => expected == name,
            (Who::Group(expected), Principal::User { groups, .. }) => groups.contains(expected),
            (Who::Token(expected), Principal::Token(name)) => expected == name,
            _ => false,
        }
    }

    /// Whether it is surely about all whom `other` is about.
    fn contains(&self, other: &Who) -> bool {
        self == other || *self == Who::Anyone || (*self == Who::SignedIn && *other != Who::Anyone)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Anyone => f.write_str("anyone"),
            Who::SignedIn => f.write_str("signed-in"),
            Who::User(name) => name.fmt(f),
            Who::Group(name) => write!(f, "@{name}"),
            Who::Token(name) => write!(f, "{TOKEN}{name}"),
        }
    }
}

/// The words of one `[[rules]]`, before anybody has asked what they mean.
#[derive(Clone, Debug, Default)]
pub struct RuleText {
    /// Where it begins in the file.
    pub line: usize,
    /// `who`
    pub who: Vec<String>,
    /// `may`
    pub may: Vec<String>,
    /// `images`; none: all.
    pub images: Option<Vec<String>>,
    /// `methods`; none: all that run.
    pub methods: Option<Vec<String>>,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its number, from 1.
    pub number: usize,
    /// Where it begins in the file.
    pub line: usize,
    who: Vec<Who>,
    may: Vec<Word>,
    /// Empty: all images.
    images: Vec<Pattern>,
    verbs: Vec<Verb>,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(number: usize, text: &RuleText) -> Result<Rule, String> {
        let who = text.who.iter().map(|word| Who::parse(word)).collect::<Result<Vec<_>, _>>()?;
        let may = text.may.iter().map(|word| Word::parse(word)).collect::<Result<Vec<_>, _>>()?;
        let images = text.images.iter().flatten().map(|text| Pattern::parse(text).map_err(|why| why.to_string()));
        let images = images.collect::<Result<Vec<_>, _>>()?;
        let verbs = match &text.methods {
            None => vec![Verb::Get, Verb::Post],
            Some(methods) => methods.iter().map(|method| verb(method)).collect::<Result<Vec<_>, _>>()?,
        };
        if who.is_empty() || may.is_empty() {
            return Err("a rule says `who` and what they `may`".to_owned());
        }
        if text.images.as_ref().is_some_and(Vec::is_empty) {
            return Err("`images` is empty: name images, or leave it out for all images".to_owned());
        }
        if verbs.is_empty() {
            return Err("`methods` is empty: write GET, POST or both, or leave it out".to_owned());
        }
        if text.methods.is_some() && !may.contains(&Word::Run) {
            return Err("`methods` says how to run, and this rule lets nobody run".to_owned());
        }
        Ok(Rule { number, line: text.line, who, may, images, verbs })
    }

    /// Whether it is about this principal.
    pub(super) fn is_about(&self, principal: &Principal) -> bool {
        self.who.iter().any(|who| who.fits(principal))
    }

    /// Whether it is about somebody who has said a name, and not about everybody.
    pub(super) fn wants_a_name(&self) -> bool {
        !self.who.contains(&Who::Anyone)
    }

    /// Whether it allows this. Whatever else may be done with an image, it may be seen, too.
    pub(super) fn allows(&self, action: Action, image: &str) -> bool {
        self.grants(action) && (self.images.is_empty() || self.images.iter().any(|pattern| pattern.fits(image)))
    }

    /// Whether it could be about something below a folder.
    pub(super) fn reaches_below(&self, folder: &str) -> bool {
        self.images.is_empty() || self.images.iter().any(|pattern| pattern.reaches_below(folder))
    }

    fn grants(&self, action: Action) -> bool {
        match action {
            Action::See => true,
            Action::Run(verb) => self.may.contains(&Word::Run) && self.verbs.contains(&verb),
            Action::Submit => self.may.contains(&Word::Submit),
            Action::Download => self.may.contains(&Word::Download),
            Action::Dismiss => self.may.contains(&Word::Dismiss),
        }
    }

    /// Whom it is about.
    pub fn who(&self) -> &[Who] {
        &self.who
    }

    /// Which images it is about; empty: all.
    pub fn images(&self) -> &[Pattern] {
        &self.images
    }

    /// Whether it surely allows all that `other` allows.
    fn contains(&self, other: &Rule) -> bool {
        let images = match (self.images.is_empty(), other.images.is_empty()) {
            (true, _) => true,
            (false, true) => false,
            _ => other.images.iter().all(|one| self.images.iter().any(|pattern| pattern.contains(one))),
        };
        images
            && other.who.iter().all(|one| self.who.iter().any(|who| who.contains(one)))
            && Action::ALL.into_iter().all(|action| !other.grants(action) || self.grants(action))
    }
}

impl fmt::Display for Rule {
    /// Where to find it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} (line {})", self.number, self.line)
    }
}

fn verb(text: &str) -> Result<Verb, String> {
    match text {
        "GET" => Ok(Verb::Get),
        "POST" => Ok(Verb::Post),
        other => Err(format!("`methods` cannot be {}: write GET, POST or both", quoted(other))),
    }
}

fn quoted(text: &str) -> String {
    format!("`{}`", crate::text::shown(text, 80, crate::text::is_obeyed))
}

/// The rules of a site; none: everybody may do everything that the site offers.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// These rules.
    pub fn new(rules: Vec<Rule>) -> Rules {
        Rules(rules)
    }

    /// All of them.
    pub fn all(&self) -> &[Rule] {
        &self.0
    }

    /// Whether there is none: then everybody may do everything that the site offers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Rules without an effect, each beside one that allows as much.
    pub fn contained(&self) -> impl Iterator<Item = (&Rule, &Rule)> {
        self.0.iter().filter_map(|rule| {
            // of two that say the same, the later one is told
            let wider = self.0.iter().find(|wider| {
                wider.number != rule.number
                    && wider.contains(rule)
                    && (wider.number < rule.number || !rule.contains(wider))
            })?;
            Some((rule, wider))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    fn rule(number: usize, who: &[&str], may: &[&str], images: &[&str], methods: &[&str]) -> Result<Rule, String> {
        let some = |list: &[&str]| (!list.is_empty()).then(|| words(list));
        let text = RuleText {
            line: number * 10,
            who: words(who),
            may: words(may),
            images: some(images),
            methods: some(methods),
        };
        Rule::parse(number, &text)
    }

    #[test]
    fn a_slip_in_a_rule_is_told() {
        for (text, expected) in [
            (rule(1, &["anybody@"], &["run"], &[], &[]), ""),
            (rule(1, &["Anyone"], &["run"], &[], &[]), "`who` cannot be `Anyone`: it is a word of the rules"),
            (rule(1, &["@"], &["run"], &[], &[]), "`who` cannot be `@`: it is empty"),
            (rule(1, &["token:"], &["run"], &[], &[]), "`who` cannot be `token:`: it is empty"),
            (rule(1, &["a,b"], &["run"], &[], &[]), "it holds a comma"),
            (rule(1, &[], &["run"], &[], &[]), "a rule says `who`"),
            (rule(1, &["amy"], &[], &[], &[]), "a rule says `who`"),
            (rule(1, &["amy"], &["view"], &[], &[]), "`may` has no word `view`: the words are see, run, submit"),
            (rule(1, &["amy"], &["run"], &["/lab"], &[]), "`/lab` can name no image"),
            (rule(1, &["amy"], &["run"], &[], &["HEAD"]), "`methods` cannot be `HEAD`"),
            (rule(1, &["amy"], &["see"], &[], &["GET"]), "this rule lets nobody run"),
        ] {
            let told = text.map_or_else(|why| why, |_| String::new());
            assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told} / {expected}");
        }
        let empty = RuleText { who: words(&["amy"]), may: words(&["run"]), ..RuleText::default() };
        for text in [
            RuleText { images: Some(Vec::new()), ..empty.clone() },
            RuleText { methods: Some(Vec::new()), ..empty.clone() },
        ] {
            assert!(Rule::parse(1, &text).unwrap_err().contains("is empty"), "{text:?}");
        }
    }

    #[test]
    fn a_rule_within_another_is_found() {
        let table = [
            (
                (&["amy"][..], &["run"][..], &["a.sif"][..], &[][..]),
                (&["anyone"][..], &["run"][..], &[][..], &[][..]),
                true,
            ),
            ((&["amy"], &["see"], &[], &[]), (&["signed-in"], &["run", "download"], &[], &[]), true),
            ((&["token:ci"], &["run"], &["lab/x.sif"], &["GET"]), (&["signed-in"], &["run"], &["lab/"], &[]), true),
            ((&["amy", "@lab"], &["see"], &[], &[]), (&["@lab"], &["see"], &[], &[]), false),
            ((&["anyone"], &["see"], &[], &[]), (&["signed-in"], &["see"], &[], &[]), false),
            ((&["amy"], &["run"], &[], &[]), (&["anyone"], &["run"], &[], &["GET"]), false),
            ((&["amy"], &["run"], &[], &[]), (&["anyone"], &["run"], &["*.sif"], &[]), false),
            ((&["amy"], &["run"], &[], &[]), (&["amy"], &["run"], &[], &[]), true),
        ];
        for ((who, may, images, methods), (wide_who, wide_may, wide_images, wide_methods), expected) in table {
            let narrow = rule(2, who, may, images, methods).unwrap();
            let wide = rule(1, wide_who, wide_may, wide_images, wide_methods).unwrap();
            let rules = Rules::new(vec![wide, narrow]);
            let found: Vec<_> = rules.contained().map(|(rule, wider)| (rule.number, wider.number)).collect();
            assert_eq!(found.contains(&(2, 1)), expected, "{who:?} {wide_who:?}: {found:?}");
        }
    }
}

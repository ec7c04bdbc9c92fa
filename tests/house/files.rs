//! Which file imports which.
//!
//! In: the files of one package, by path, as text. Out: an arrow from each file to each file whose names it uses, and
//! the circles among them.
//! Rule: `use` lines and paths in the code count, by `crate::`, `super::`, `self::` or a name that a `use` line has
//! brought. A name is followed through every re-export to the file that defines it. A `mod` line is no import, and a
//! module under `#[cfg(test)]` does not count.
//! A glob import hides what is imported, so the house has none outside tests.
//! Not seen: a method that is called without the name of its type.

use std::collections::{BTreeMap, BTreeSet};

use super::words::words;

/// Most re-exports on the way to a name.
const MAX_WAY: usize = 32;

/// A module: a file, or a part of one in braces.
#[derive(Default)]
struct Module {
    file: String,
    /// Names that `use` lines bring, and the path of each.
    uses: Vec<(String, Vec<String>)>,
    /// Paths in the code, of two names or more.
    paths: Vec<Vec<String>>,
    /// Paths of glob imports.
    globs: Vec<Vec<String>>,
}

/// What a path leads to: a module, or something that this file defines.
enum Goal {
    Module(String),
    Item(String),
}

/// The modules of a package, by their path: `crate`, `crate::image`, `crate::image::sif`.
#[derive(Default)]
pub struct Package {
    modules: BTreeMap<String, Module>,
    /// Modules that are compiled for tests only.
    tests: BTreeSet<String>,
}

/// From a file to a file, and the path that does it.
pub type Arrows = BTreeMap<(String, String), String>;

impl Package {
    /// Reads files, each with its path below the package's `src/`.
    pub fn new(files: &[(String, String)]) -> Self {
        let mut package = Self::default();
        for (path, text) in files {
            Reader { package: &mut package, file: path, words: &words(text), at: 0 }.module(module_of(path));
        }
        let tests = std::mem::take(&mut package.tests);
        package.modules.retain(|name, _| !tests.iter().any(|test| is_within(name, test)));
        package
    }

    /// Every arrow between two files.
    pub fn arrows(&self) -> Arrows {
        let mut found = Arrows::new();
        for (name, module) in &self.modules {
            for path in module.uses.iter().map(|(_, path)| path).chain(&module.paths) {
                let Some(goal) = self.goal(name, path, MAX_WAY) else { continue };
                let file = match goal {
                    Goal::Module(module) => self.modules[&module].file.clone(),
                    Goal::Item(file) => file,
                };
                if file != module.file {
                    found.entry((module.file.clone(), file)).or_insert_with(|| path.join("::"));
                }
            }
        }
        found
    }

    /// Glob imports of what the package itself defines, as file and path.
    pub fn globs(&self) -> Vec<(&str, String)> {
        let mut found = Vec::new();
        for (name, module) in &self.modules {
            let ours = module.globs.iter().filter(|path| self.goal(name, path, MAX_WAY).is_some());
            found.extend(ours.map(|path| (module.file.as_str(), path.join("::"))));
        }
        found
    }

    /// Where a path leads from a module; nothing for what other packages define.
    fn goal(&self, from: &str, path: &[String], way: usize) -> Option<Goal> {
        let (first, rest) = path.split_first()?;
        let way = way.checked_sub(1)?;
        let mut goal = match first.as_str() {
            "crate" => Goal::Module(from.split("::").next()?.to_owned()),
            "singularity_nginx" => Goal::Module("crate".to_owned()),
            "self" => Goal::Module(from.to_owned()),
            "super" => Goal::Module(from.rsplit_once("::")?.0.to_owned()),
            name => self.named(from, name, way)?,
        };
        for name in rest {
            let Goal::Module(module) = &goal else { break };
            goal = match name.as_str() {
                "super" => Goal::Module(module.rsplit_once("::")?.0.to_owned()),
                "self" => continue,
                name => match self.named(module, name, way) {
                    Some(goal) => goal,
                    None => Goal::Item(self.modules.get(module)?.file.clone()),
                },
            };
        }
        match &goal {
            Goal::Module(module) if !self.modules.contains_key(module) => None,
            _ => Some(goal),
        }
    }

    /// What a name of a module leads to, if it is a module in it or comes by a `use` line.
    fn named(&self, module: &str, name: &str, way: usize) -> Option<Goal> {
        let inner = format!("{module}::{name}");
        if self.modules.contains_key(&inner) {
            return Some(Goal::Module(inner));
        }
        let mut uses = self.modules.get(module)?.uses.iter().filter(|(known, _)| known == name);
        // `use name;` of another package would lead to itself
        uses.find_map(|(_, path)| if path == &[name] { None } else { self.goal(module, path, way) })
    }
}

/// The groups of files that import each other in a circle, each sorted.
pub fn circles(arrows: &Arrows) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        next.entry(from).or_default().insert(to);
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|from| (*from, reached(from, &next))).collect();
    let mut groups: BTreeSet<Vec<String>> = BTreeSet::new();
    for (from, to) in &reach {
        if to.contains(from) {
            let group = to.iter().filter(|other| reach.get(*other).is_some_and(|back| back.contains(from)));
            groups.insert(group.map(|file| (*file).to_owned()).collect());
        }
    }
    groups.into_iter().collect()
}

fn reached<'a>(from: &str, next: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = next.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = open.pop() {
        if found.insert(file) {
            open.extend(next.get(file).into_iter().flatten());
        }
    }
    found
}

/// The module that a file holds: `image/sif.rs` and `image/sif/mod.rs` are `crate::image::sif`.
fn module_of(path: &str) -> String {
    match path.trim_end_matches(".rs").trim_end_matches("/mod") {
        "lib" => "crate".to_owned(),
        "main" => "main".to_owned(),
        inside => format!("crate::{}", inside.replace('/', "::")),
    }
}

fn is_within(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Reads the words of one file.
struct Reader<'a> {
    package: &'a mut Package,
    file: &'a str,
    words: &'a [String],
    at: usize,
}

impl Reader<'_> {
    fn word(&self, ahead: usize) -> &str {
        self.words.get(self.at + ahead).map_or("", String::as_str)
    }

    fn starts_with(&self, text: &str) -> bool {
        text.split(' ').enumerate().all(|(ahead, word)| self.word(ahead) == word)
    }

    /// Reads up to the `}` that ends this module, or to the end of the file.
    fn module(&mut self, name: String) {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        let mut depth = 0;
        while self.at < self.words.len() {
            let (before, word) = (self.at.checked_sub(1).map_or("", |at| &self.words[at]), self.word(0));
            match word {
                "#" if self.starts_with("# [ cfg ( test ) ]") => {
                    self.at += 7;
                    self.skip_item(&name);
                    continue;
                }
                // not the id of an element in a page's template
                "use" if before != "#" && (is_path(self.word(1)) || self.word(1) == "{") => {
                    self.at += 1;
                    self.tree(&[], &mut module);
                    continue;
                }
                "mod" if self.word(2) == "{" => {
                    let inner = format!("{name}::{}", self.word(1));
                    self.at += 3;
                    self.module(inner);
                    continue;
                }
                "{" => depth += 1,
                "}" if depth == 0 => {
                    self.at += 1;
                    break;
                }
                "}" => depth -= 1,
                // `pub(in …)` says who may import, and imports nothing
                word if is_path(word) && before != "::" && before != "." && self.word(1) == "::" => {
                    let visibility = before == "in" && self.words[self.at - 2] == "(";
                    let path = self.path();
                    module.paths.extend(Some(path).filter(|_| !visibility));
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.package.modules.insert(name, module);
    }

    /// Names joined by `::`, as far as they go.
    fn path(&mut self) -> Vec<String> {
        let mut path = vec![self.word(0).to_owned()];
        self.at += 1;
        while self.word(0) == "::" && is_path(self.word(1)) {
            path.push(self.word(1).to_owned());
            self.at += 2;
        }
        path
    }

    /// One branch of a `use` line; what it brings is noted in the module.
    fn tree(&mut self, above: &[String], module: &mut Module) {
        let mut path = above.to_vec();
        loop {
            match self.word(0) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.word(0), "}" | "") {
                        let start = self.at;
                        self.tree(&path, module);
                        self.at += usize::from(self.word(0) == "," || self.at == start);
                    }
                    self.at += 1;
                    return;
                }
                "*" => {
                    module.globs.push(path);
                    self.at += 1;
                    return;
                }
                word if is_path(word) => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => return,
            }
            if matches!(self.word(0), "," | ";" | "}" | "as" | "") {
                break;
            }
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if self.word(0) == "as" {
            name = self.word(1).to_owned();
            self.at += 2;
        }
        module.uses.push((name, path));
    }

    /// Skips what `#[cfg(test)]` stands before, and notes the file of a module that is skipped.
    fn skip_item(&mut self, module: &str) {
        if self.starts_with("mod") && self.word(2) == ";" {
            self.package.tests.insert(format!("{module}::{}", self.word(1)));
        }
        let mut depth = 0;
        while self.at < self.words.len() {
            match self.word(0) {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            let ends = depth == 0 && matches!(self.word(0), "}" | ";");
            self.at += 1;
            if ends {
                return;
            }
        }
    }
}

/// Whether a word can stand in a path.
fn is_path(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

#[test]
fn a_re_export_is_no_way_around() {
    let files = [
        ("lib.rs", "pub mod room;"),
        ("room/mod.rs", "mod a; mod b; mod c; mod tests; pub use a::A; pub(self) use {b::{self as other, B}};"),
        ("room/a.rs", "//! a\nuse super::B; pub struct A; #[cfg(test)] mod tests { use super::super::c::C; }"),
        (
            "room/b.rs",
            "use super::c::*; use std::fmt::*; pub struct B; fn b() { let text = \"crate::room::c::C\"; drop(crate::room::A::new()) }",
        ),
        (
            "room/c.rs",
            "use crate::room; pub struct C; pub(in super::super::other) fn c() { for a in room::A {} } pub mod inner { type D = super::super::other::B; }",
        ),
    ];
    let package = Package::new(&files.map(|(path, text)| (path.to_owned(), text.to_owned())));
    let arrows = package.arrows();
    let drawn: Vec<String> = arrows.keys().map(|(from, to)| format!("{from} {to}")).collect();
    let expected = [
        "room/a.rs room/b.rs",
        "room/b.rs room/a.rs",
        "room/c.rs room/a.rs",
        "room/c.rs room/b.rs",
        "room/c.rs room/mod.rs",
        "room/mod.rs room/a.rs",
        "room/mod.rs room/b.rs",
    ];
    assert_eq!(drawn, expected);
    assert_eq!(circles(&arrows), [["room/a.rs", "room/b.rs"]]);
    assert_eq!(package.globs(), [("room/b.rs", "super::c".to_owned())]);
}

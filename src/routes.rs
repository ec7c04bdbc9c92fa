//! The table of addresses: everything that has an address here, a row each.
//!
//! A row has a pattern, in which `{}` stands for one value, and says what the address does. Parsing a decoded path,
//! making a link, the methods that an address takes, and whether it reads images or runs something are all read from
//! the rows, so that none of them can drift. The first row that fits counts: a row with a value at its end stands below
//! those with a word there.
//!
//! Values go through [`TargetPath`] and [`FolderName`]; whatever is not exactly a path of the table is no route. Nothing is
//! normalised: `//`, `.` and `..` are names that nothing has. Which segments of a path are folders, an image and an app
//! only the data folder tells: the service resolves them.

use std::fmt;

use crate::http::{Method, Mount};
use crate::image::{FolderName, ImageName, TargetPath};
use crate::problems::Code;

/// The name of the site's own logo among the static files.
pub const LOGO: &str = "logo";

/// What an address does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answers without a look at an image.
    Tells,
    /// Reads images.
    Reads,
    /// Runs an image.
    Runs,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct RouteRow {
    /// The name of the route, as in [`Route`].
    pub name: &'static str,
    /// The path below the mount; `{}` stands for a value.
    pub pattern: &'static str,
    /// What it does.
    pub action: Action,
    /// What stands for its value in texts; empty where it has none.
    pub placeholder: &'static str,
    /// What programs find there, for people; empty for addresses that programs need not know.
    pub about: &'static str,
}

impl RouteRow {
    /// The methods that it takes.
    pub fn methods(&self) -> &'static [Method] {
        match self.action {
            Action::Runs => &[Method::Get, Method::Post, Method::Options],
            Action::Tells | Action::Reads => &[Method::Get, Method::Head, Method::Options],
        }
    }

    /// The path below the mount with this text in the place of the value.
    pub fn filled(&self, text: &str) -> String {
        self.pattern.replacen("{}", text, 1)
    }

    /// The text in the place of the value; empty where the pattern has none.
    fn value<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.pattern.split_once("{}") {
            None => (path == self.pattern).then_some(""),
            Some((before, after)) => path.strip_prefix(before)?.strip_suffix(after),
        }
    }
}

macro_rules! routes {
    ($($(#[$meta:meta])* $name:ident $(($value:ty))? $pattern:literal $does:ident $($about:literal)?)*) => {
        /// Something that has an address here.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Route { $($(#[$meta])* $name $(($value))?),* }

        /// All rows.
        pub const TABLE: &[RouteRow] = &[
            $(routes!(@row $name $(($value))? $pattern $does $($about)?)),*
        ];

        impl Route {
            /// The row and the value of this route.
            fn parts(&self) -> (RouteRow, String) {
                match self {
                    $(routes!(@pattern $name $(($value))? value) => (
                        routes!(@row $name $(($value))? $pattern $does $($about)?),
                        routes!(@text $(($value))? value),
                    )),*
                }
            }

            /// The route of the row with this name, if the text is a value of it.
            fn of(name: &str, text: &str) -> Option<Route> {
                match name {
                    $(stringify!($name) => routes!(@parse $name $(($value))? text),)*
                    _ => None,
                }
            }
        }
    };
    (@row $name:ident $(($value:ty))? $pattern:literal $does:ident $($about:literal)?) => {
        RouteRow {
            name: stringify!($name),
            pattern: $pattern,
            action: Action::$does,
            placeholder: routes!(@placeholder $(($value))?),
            about: concat!($($about)?),
        }
    };
    (@placeholder ($value:ty)) => { <$value as Value>::PLACEHOLDER };
    (@placeholder) => { "" };
    (@pattern $name:ident ($value:ty) $bound:ident) => { Route::$name($bound) };
    (@pattern $name:ident $bound:ident) => { Route::$name };
    (@text ($value:ty) $bound:ident) => { $bound.to_string() };
    (@text $bound:ident) => { String::new() };
    (@parse $name:ident ($value:ty) $text:ident) => { <$value as Value>::parse($text).map(Route::$name) };
    (@parse $name:ident $text:ident) => { Some(Route::$name) };
}

routes! {
    /// The mount itself, `/`, `/container`: goes to [`Route::Home`].
    Top "/" Tells
    /// All images.
    Home "/container/" Reads
        "the images and folders; `?q=` searches, `?page=` turns the pages"
    /// Some image's page.
    Random "/container/random" Reads
        "a redirect to some image"
    /// Whether the site can do its work.
    Health "/container/health" Reads
        "whether the site can do its work, and why not"
    /// Numbers, where the site has them.
    Metrics "/container/metrics" Reads
    /// What the `type` of a problem leads to.
    Problem(Code) "/container/problems/{}" Tells
        "what a kind of problem means"
    /// How programs use the site, for people.
    Api "/container/api" Tells
    /// A file of the pages.
    Static(FileName) "/container/static/{}" Tells
    /// A run.
    Run(TargetPath) "/container/run/{}" Runs
        "run an image: the arguments in the query, in a form or in a JSON object"
    /// The arguments of an image or app.
    Args(TargetPath) "/container/args/{}" Reads
        "its arguments by type"
    /// Its labels.
    Labels(TargetPath) "/container/labels/{}" Reads
        "its labels"
    /// The file of an image.
    Download(TargetPath) "/container/download/{}" Reads
        "its file, where the site offers it"
    /// The document of the folder.
    OpenApi "/container/openapi.json" Reads
        "OpenAPI 3.1 of all images; `?version=3.0` for tools that read no other"
    /// The document of an image.
    ImageOpenApi(TargetPath) "/container/openapi/{}.json" Reads
        "OpenAPI of one image"
    /// The images of a folder in the data folder.
    Folder(FolderName) "/container/{}/" Reads
        "the images of a folder"
    /// The page of an image or app; of a folder, the way to its list.
    Image(TargetPath) "/container/{}" Reads
        "one image: what it says of itself, its arguments, its links"
    /// The post's other spelling of [`Route::Run`].
    OldRun(TargetPath) "/containers/run/{}" Runs
    /// The 2017 program's spelling of [`Route::Random`].
    OldRandom "/containers/random" Reads
    /// The 2017 program's list. Its addresses know the images of the data folder itself.
    ApiImages "/api/containers" Reads
    /// The 2017 program's arguments.
    ApiArgs(ImageName) "/api/container/args/{}" Reads
    /// The 2017 program's labels.
    ApiLabels(ImageName) "/api/container/labels/{}" Reads
    /// The 2017 program's image.
    ApiImage(ImageName) "/api/container/{}" Reads
}

impl Route {
    /// The route of a decoded path below the mount, if there is one.
    pub fn parse(path: &str) -> Option<Route> {
        if matches!(path, "" | "/container") {
            return Some(Route::Top);
        }
        TABLE.iter().find_map(|row| Route::of(row.name, row.value(path)?))
    }

    /// The list of a folder: the data folder, or one in it.
    pub fn list(folder: &FolderName) -> Route {
        if folder.is_top() { Route::Home } else { Route::Folder(folder.clone()) }
    }

    /// Its row.
    pub fn row(&self) -> RouteRow {
        self.parts().0
    }

    /// The link to this route: an absolute path. No name in it needs
    /// percent-encoding but that of a static file, which is ours.
    pub fn href(&self, mount: &Mount) -> String {
        let (row, value) = self.parts();
        format!("{mount}{}", row.filled(&value))
    }

    /// The `Allow` field of it (RFC 9110 §10.2.1).
    pub fn allow(&self) -> String {
        let names: Vec<&str> = self.row().methods().iter().map(|method| method.as_str()).collect();
        names.join(", ")
    }
}

/// What can stand in the place of `{}`.
trait Value: fmt::Display + Sized {
    /// What stands for it in texts.
    const PLACEHOLDER: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

impl Value for ImageName {
    const PLACEHOLDER: &str = "<image>";

    fn parse(text: &str) -> Option<ImageName> {
        ImageName::parse(text).ok().filter(|name| !name.is_in_folder())
    }
}

impl Value for Code {
    const PLACEHOLDER: &str = "<word>";

    fn parse(text: &str) -> Option<Code> {
        Code::parse(text)
    }
}

/// The name of a static file: one segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// A name of ours.
    pub fn of(name: &str) -> FileName {
        FileName(name.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for FileName {
    const PLACEHOLDER: &str = "<file>";

    fn parse(text: &str) -> Option<FileName> {
        (!text.is_empty() && !text.contains('/')).then(|| FileName::of(text))
    }
}

impl Value for TargetPath {
    const PLACEHOLDER: &str = "<image>";

    fn parse(text: &str) -> Option<TargetPath> {
        TargetPath::parse(text).ok()
    }
}

impl Value for FolderName {
    const PLACEHOLDER: &str = "<folder>";

    fn parse(text: &str) -> Option<FolderName> {
        FolderName::parse(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 31] = [
        "/container/download/x.sif",
        "/container/",
        "/container/hello-name.sif",
        "/container/hello.sif/app",
        "/container/quast:5.0.1--py36_0",
        "/container/lab/",
        "/container/a/b/c/d/",
        "/container/a/b/c/d/x.sif/app",
        "/container/run/hello-name.sif",
        "/container/run/hello.sif/app",
        "/container/run/lab/run/x.sif",
        "/container/openapi/lab/x.json.json",
        "/container/args/a+b_c.img",
        "/container/args/a.img/app",
        "/container/labels/x",
        "/container/labels/x/app",
        "/container/openapi.json",
        "/container/openapi/hello-name.sif.json",
        "/container/static/style.css",
        "/container/random",
        "/container/health",
        "/container/problems/busy",
        "/container/api",
        "/container/metrics",
        "/containers/run/hello-name.sif",
        "/containers/random",
        "/api/containers",
        "/api/container/x.sif",
        "/api/container/args/x.sif",
        "/api/container/labels/x.sif",
        "/",
    ];

    #[test]
    fn every_route_leads_back_to_its_path() {
        let root = Mount::default();
        let prefix = Mount::parse("/~amy/cgi-bin/serve.cgi").unwrap();
        for path in PATHS {
            let route = Route::parse(path).expect(path);
            assert_eq!(route.href(&root), path);
            assert_eq!(route.href(&prefix), format!("/~amy/cgi-bin/serve.cgi{path}"));
        }
        for row in TABLE {
            let there = PATHS.iter().any(|path| Route::parse(path).is_some_and(|route| route.row().name == row.name));
            assert!(there, "no path of {}", row.name);
        }
        assert_eq!(Route::parse(""), Some(Route::Top));
        assert_eq!(Route::parse("/container"), Some(Route::Top));
    }

    #[test]
    fn nothing_else_is_a_route() {
        for path in [
            "container/",
            "//",
            "/container//",
            "/container/.",
            "/container/..",
            "/container/../etc",
            "/container/run",
            "/container/run/",
            "/container/run/.hidden",
            "/container/run/-x.sif",
            "/container/run/a b.sif",
            "/container/run/a\\b",
            "/container/run/a/b/c/d/e/f/g",
            "/container/a/b/c/d/e/",
            "/container/run/lab/",
            "/container/run/lab//x",
            "/container/lab//",
            "/container//lab/",
            "/container/lab/../x/",
            "/container/lab/./",
            "/container/lab/.hidden",
            "/container/lab%2fx.sif",
            "/container/run/x/",
            "/container/args/",
            "/container/jobs/x",
            "/container/static/lab/x.sif",
            "/container/run/x/",
            "/container/run/../x",
            "/container/static/",
            "/container/openapi",
            "/container/openapi/",
            "/container/openapi/x.sif",
            "/container/openapi/.json",
            "/container/problems",
            "/container/problems/",
            "/container/problems/nothing",
            "/container/problems/busy/x",
            "/Container/",
            "/api/",
            "/api/container/args",
            "/api/container/lab/x.sif",
            "/api/container/args/lab/x.sif",
            "/etc/passwd",
            "/container/ｘ.sif",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
        assert_eq!(Route::parse(&format!("/container/{}", "x".repeat(129))), None);
    }

    /// No image may bear the first word of an address, nor one that is to come.
    #[test]
    fn the_words_of_addresses_are_no_names_of_images() {
        let words = TABLE.iter().filter_map(|row| row.pattern.strip_prefix("/container/")?.split('/').next());
        let words = words.filter(|word| !word.is_empty() && !word.starts_with('{'));
        for word in words.chain(["mcp", "jobs", "api", "metrics", "problems"]) {
            assert!(ImageName::parse(word).is_err(), "{word} is not reserved");
        }
    }
}

//! Decoded path → [`Route`], and [`Route`] → link, in one file so that the
//! two cannot drift.
//!
//! Names go through [`ImageName`] and [`AppName`]; whatever is not exactly a
//! path of the table is no route. Nothing is normalised: `//`, `.` and `..`
//! are names that nothing has.

use std::fmt::{self, Write};

use crate::http::{Method, Mount};
use crate::image::{AppName, ImageName};
use crate::problems::Code;

/// The name of the site's own logo among the static files.
pub const LOGO: &str = "logo";

/// Something that has an address here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The mount itself, `/`, `/container`: goes to [`Route::Home`].
    Top,
    /// `/container/`
    Home,
    /// `/container/<image>[/<app>]`
    Image(Target),
    /// `/container/run/<image>[/<app>]`
    Run(Target),
    /// `/container/args/<image>[/<app>]`
    Args(Target),
    /// `/container/labels/<image>[/<app>]`
    Labels(Target),
    /// `/container/download/<image>`
    Download(ImageName),
    /// `/container/openapi.json`, or `/container/openapi/<image>.json`
    OpenApi(Option<ImageName>),
    /// `/container/static/<file>`
    Static(String),
    /// `/container/random`
    Random,
    /// `/container/problems/<word>`: what the `type` of a problem leads to.
    Problem(Code),
    /// `/container/health`
    Health,
    /// `/container/metrics`, where the site has them.
    Metrics,
    /// `/containers/run/<image>`: the post's other spelling of [`Route::Run`].
    OldRun(Target),
    /// `/containers/random`: the 2017 program's spelling of [`Route::Random`].
    OldRandom,
    /// `/api/containers`
    ApiImages,
    /// `/api/container/<image>`
    ApiImage(ImageName),
    /// `/api/container/args/<image>`
    ApiArgs(ImageName),
    /// `/api/container/labels/<image>`
    ApiLabels(ImageName),
}

/// An image, or one of its SCIF apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The image.
    pub image: ImageName,
    /// The app in it.
    pub app: Option<AppName>,
}

impl Target {
    /// The image itself.
    pub fn image(image: &ImageName) -> Target {
        Target { image: image.clone(), app: None }
    }

    fn parse(segments: &[&str]) -> Option<Target> {
        let (image, app) = match segments {
            [image] => (image, None),
            [image, app] => (image, Some(AppName::parse(app).ok()?)),
            _ => return None,
        };
        Some(Target { image: ImageName::parse(image).ok()?, app })
    }
}

impl fmt::Display for Target {
    /// `hello.sif`, or `hello.sif/app`: in addresses and at a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.app {
            None => write!(f, "{}", self.image),
            Some(app) => write!(f, "{}/{app}", self.image),
        }
    }
}

impl Route {
    /// The route of a decoded path below the mount, if there is one.
    pub fn parse(path: &str) -> Option<Route> {
        if path.is_empty() {
            return Some(Route::Top);
        }
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match segments.as_slice() {
            [""] | ["container"] => Some(Route::Top),
            ["container", ""] => Some(Route::Home),
            ["container", "random"] => Some(Route::Random),
            ["container", "health"] => Some(Route::Health),
            ["container", "problems", word] => Code::parse(word).map(Route::Problem),
            ["container", "problems", ..] => None,
            ["container", "metrics"] => Some(Route::Metrics),
            ["container", "static", file] if !file.is_empty() => Some(Route::Static((*file).to_owned())),
            ["container", "static", ..] => None,
            ["container", "run", rest @ ..] => Target::parse(rest).map(Route::Run),
            ["container", "args", rest @ ..] => Target::parse(rest).map(Route::Args),
            ["container", "download", image] => ImageName::parse(image).ok().map(Route::Download),
            ["container", "labels", rest @ ..] => Target::parse(rest).map(Route::Labels),
            ["container", "openapi.json"] => Some(Route::OpenApi(None)),
            ["container", "openapi", file] => {
                let image = ImageName::parse(file.strip_suffix(".json")?).ok()?;
                Some(Route::OpenApi(Some(image)))
            }
            ["container", rest @ ..] => Target::parse(rest).map(Route::Image),
            ["containers", "run", rest @ ..] => Target::parse(rest).map(Route::OldRun),
            ["containers", "random"] => Some(Route::OldRandom),
            ["api", "containers"] => Some(Route::ApiImages),
            ["api", "container", "args", image] => ImageName::parse(image).ok().map(Route::ApiArgs),
            ["api", "container", "labels", image] => ImageName::parse(image).ok().map(Route::ApiLabels),
            ["api", "container", image] => ImageName::parse(image).ok().map(Route::ApiImage),
            _ => None,
        }
    }

    /// The link to this route: an absolute path. No name in it needs
    /// percent-encoding but that of a static file, which is ours.
    pub fn href(&self, mount: &Mount) -> String {
        let path = match self {
            Route::Top => "/".to_owned(),
            Route::Home => "/container/".to_owned(),
            Route::Image(target) => format!("/container/{target}"),
            Route::Run(target) => format!("/container/run/{target}"),
            Route::Args(target) => format!("/container/args/{target}"),
            Route::Labels(target) => format!("/container/labels/{target}"),
            Route::Download(image) => format!("/container/download/{image}"),
            Route::OpenApi(None) => "/container/openapi.json".to_owned(),
            Route::OpenApi(Some(image)) => format!("/container/openapi/{image}.json"),
            Route::Static(file) => format!("/container/static/{file}"),
            Route::Random => "/container/random".to_owned(),
            Route::Problem(code) => format!("/container/problems/{}", code.row().word),
            Route::Health => "/container/health".to_owned(),
            Route::Metrics => "/container/metrics".to_owned(),
            Route::OldRun(target) => format!("/containers/run/{target}"),
            Route::OldRandom => "/containers/random".to_owned(),
            Route::ApiImages => "/api/containers".to_owned(),
            Route::ApiImage(image) => format!("/api/container/{image}"),
            Route::ApiArgs(image) => format!("/api/container/args/{image}"),
            Route::ApiLabels(image) => format!("/api/container/labels/{image}"),
        };
        format!("{mount}{path}")
    }

    /// The methods that this route answers.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Route::Run(_) | Route::OldRun(_) => &[Method::Get, Method::Post, Method::Options],
            _ => &[Method::Get, Method::Head, Method::Options],
        }
    }

    /// The same as an `Allow` field (RFC 9110 §10.2.1).
    pub fn allow(&self) -> String {
        let mut allow = String::new();
        for method in self.methods() {
            let separator = if allow.is_empty() { "" } else { ", " };
            let _ = write!(allow, "{separator}{}", method.as_str());
        }
        allow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 24] = [
        "/container/download/x.sif",
        "/container/",
        "/container/hello-name.sif",
        "/container/hello.sif/app",
        "/container/run/hello-name.sif",
        "/container/run/hello.sif/app",
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
            "/container/run/x/y/z",
            "/container/run/x/",
            "/container/run/../x",
            "/container/x/",
            "/container/static/",
            "/container/openapi",
            "/container/openapi/",
            "/container/openapi/x.sif",
            "/container/openapi/.json",
            "/container/openapi/x.sif/app.json",
            "/container/problems",
            "/container/problems/",
            "/container/problems/nothing",
            "/container/problems/busy/x",
            "/Container/",
            "/api/",
            "/api/container/args",
            "/etc/passwd",
            "/container/ｘ.sif",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
        assert_eq!(Route::parse(&format!("/container/{}", "x".repeat(129))), None);
    }
}

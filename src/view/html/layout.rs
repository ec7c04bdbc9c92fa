//! What all pages share.

use maud::{DOCTYPE, Markup, html};

use crate::http::Mount;
use crate::image::{AppName, Architecture, FolderName, ImageName, Target};
use crate::routes::{FileName, LOGO, Route};
use crate::view::{assets, messages};

/// How the site calls itself, where it does, and whom it greets.
#[derive(Debug, Default)]
pub struct Brand<'a> {
    /// Who is signed in.
    pub signed_in: Option<String>,
    /// Where people sign in.
    pub login: Option<&'a str>,
    /// Its name.
    pub title: Option<&'a str>,
    /// One line for the home page.
    pub welcome: Option<&'a str>,
    /// Whose site it is: an http or https address.
    pub link: Option<&'a str>,
    /// Names the content of its logo, where it has one: another file, another name.
    pub logo: Option<String>,
}

/// What every page needs to know: where the site is, and how it calls itself.
pub struct Frame<'a> {
    /// What links begin with.
    pub mount: &'a Mount,
    /// Its name and logo.
    pub brand: &'a Brand<'a>,
}

impl Frame<'_> {
    /// The name of the site.
    pub fn site(&self) -> &str {
        self.brand.title.unwrap_or(messages::SITE)
    }

    fn logo(&self) -> String {
        match &self.brand.logo {
            Some(version) => format!("{}?v={version}", Route::Static(FileName::of(LOGO)).href(self.mount)),
            None => assets::href("icon.svg", self.mount),
        }
    }
}

/// A page with the site's frame.
pub fn page(title: &str, frame: &Frame<'_>, body: &Markup) -> Markup {
    let (mount, site) = (frame.mount, frame.site());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { @if title == site { (site) } @else { (title) " – " (site) } }
                link rel="stylesheet" href=(assets::href("style.css", mount));
                script src=(assets::href("app.js", mount)) defer {}
                link rel="icon" href=(frame.logo());
            }
            body data-words=(script_words()) {
                a.skip href="#content" { (messages::SKIP) }
                header.site {
                    a.home href=(Route::Home.href(mount)) {
                        img src=(frame.logo()) alt="" height="28";
                        " " (site)
                    }
                    @if let Some(link) = frame.brand.link { a href=(link) { (host(link)) } }
                    @if let Some(name) = &frame.brand.signed_in { span { (messages::SIGNED_IN) (name) } }
                    @else if let Some(login) = frame.brand.login { a href=(login) { (messages::SIGN_IN) } }
                }
                main #content { (body) }
                footer.site { (messages::FOOT) " · " a href=(Route::Api.href(mount)) { (messages::api::TITLE) } }
            }
        }
    }
}

/// What people call an address: its host.
fn host(link: &str) -> String {
    let host = url::Url::parse(link).ok().and_then(|url| Some(url.host_str()?.to_owned()));
    host.unwrap_or_else(|| link.to_owned())
}

/// The words of the script, as one attribute: the script has none of its own.
fn script_words() -> String {
    let pairs = messages::image::SCRIPT.iter().map(|(name, text)| ((*name).to_owned(), (*text).into()));
    serde_json::Value::Object(pairs.collect()).to_string()
}

/// A page that stands alone: no link, no stylesheet.
pub fn bare(title: &str, text: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } }
            body { main { h1 { (title) } p { (text) } } }
        }
    }
}

/// A text with `words` in back quotes as code.
pub fn code_words(text: &str) -> Markup {
    html! { @for (number, part) in text.split('`').enumerate() { @if number % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// A text that may be a link to elsewhere: only whole http and https URLs are.
pub fn outside(text: &str) -> Markup {
    let is_link = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    html! {
        @if is_link && !text.chars().any(char::is_whitespace) {
            a href=(text) rel="noopener noreferrer nofollow" { (text) }
        } @else { (text) }
    }
}

/// What to say of an image for another processor than this one.
pub fn elsewhere(image: Option<Architecture>) -> Option<String> {
    image.and_then(|image| Some(messages::elsewhere(image.as_str(), image.foreign()?)))
}

/// A link to an image's page.
pub fn image_route(image: &ImageName, app: Option<&AppName>) -> Route {
    Route::Image((&Target { image: image.clone(), app: app.cloned() }).into())
}

/// The way from the list of all images to a folder: a link for each folder, each but the first behind a slash.
pub fn way(folder: &FolderName, mount: &Mount) -> Markup {
    html! {
        a href=(Route::Home.href(mount)) { (messages::image::ALL) }
        @for step in folder.way() { " / " a href=(Route::list(&step).href(mount)) { (step.file_name()) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_links() {
        assert!(outside("https://example.org/a?b").into_string().starts_with("<a href="));
        for text in ["javascript:alert(1)", "data:text/html,x", "//evil", "example.org", "https://a b", "<script>"] {
            let shown = outside(text).into_string();
            assert!(!shown.contains('<'), "{shown}");
        }
    }
}

//! How a site calls itself: `title`, `welcome`, `link`, `logo`.
//!
//! Only what they are is checked here; the logo's file is read for each request by `app`, so that it may be replaced.

use std::path::PathBuf;

use super::setting::{ConfigError, Settings};

/// Characters of a `title`.
const MAX_TITLE: usize = 80;
/// Characters of a `welcome`.
const MAX_WELCOME: usize = 400;

/// See the module. All default to none.
#[derive(Clone, Debug, Default)]
pub struct Brand {
    /// The name of the site, on every page.
    pub title: Option<String>,
    /// One line below the title of the home page.
    pub welcome: Option<String>,
    /// Whose site it is: an http or https address.
    pub link: Option<String>,
    /// A picture: PNG, JPEG, GIF, WebP or SVG.
    pub logo: Option<PathBuf>,
}

impl Brand {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Brand, ConfigError> {
        Ok(Brand {
            title: settings.checked_text("title", |text| line(text, MAX_TITLE))?,
            welcome: settings.checked_text("welcome", |text| line(text, MAX_WELCOME))?,
            link: settings.checked_text("link", address)?,
            logo: settings.path("logo")?,
        })
    }

    /// What is in force, a line a key.
    pub(super) fn in_force(&self) -> [(&'static str, String); 4] {
        let text = |text: &Option<String>| text.clone().unwrap_or("none".to_owned());
        let logo = self.logo.as_ref().map(|path| path.display().to_string());
        [
            ("title", text(&self.title)),
            ("welcome", text(&self.welcome)),
            ("link", text(&self.link)),
            ("logo", text(&logo)),
        ]
    }
}

fn line(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) || text.chars().count() > most {
        return Err(format!("write one line of 1 to {most} characters"));
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(String::from).ok_or_else(|| format!("`{text}` is no web address: write it like https://example.org/"))
}

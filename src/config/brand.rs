//! How a site calls itself: `title`, `welcome`, `link`, `logo`.
//!
//! In: what `keys` has checked. Out: [`Brand`]. Never: reads the logo; `app` does that for each request, so that it may be
//! replaced.

use std::path::PathBuf;

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

//! Pages, one file each. Text and attributes are escaped by maud; links go
//! through [`Route::href`] or [`layout::outside`]; nothing here is trusted
//! markup, and no script or style stands in a page.

mod calls;
mod form;
mod home;
mod image;
mod layout;
mod problem;
mod result;
mod terminal;

pub use home::home;
pub use image::image;
pub use layout::{Frame, bare};
pub use problem::{about, problem};
pub use result::result;

use super::{assets, human, image_route};
use crate::http::Mount;
use crate::image::Architecture;
use crate::image::Target;
use crate::routes::Route;
use crate::view::words;

/// What to say of an image for another processor than this one.
fn elsewhere(image: Option<Architecture>) -> Option<String> {
    image.and_then(|image| Some(words::elsewhere(image.as_str(), image.foreign()?)))
}

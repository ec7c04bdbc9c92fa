//! Pages, one file each. Text and attributes are escaped by maud; links go
//! through [`Route::href`](crate::routes::Route::href) or [`layout::outside`]; nothing here is trusted
//! markup, and no script or style stands in a page.

mod api;
mod calls;
mod form;
mod home;
mod image;
mod layout;
mod problem;
mod result;
mod terminal;

pub use api::api;
pub use home::home;
pub use image::{NOT_RUN, image};
pub use layout::{Brand, Frame, bare};
pub use problem::{about, problem};
pub use result::result;

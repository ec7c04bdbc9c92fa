//! The data folder as a page.

use maud::{Markup, html};

use super::{Mount, Route, human, layout};
use crate::args::ArgSpec;
use crate::reply::{Folder, Row};
use crate::view::json::page_link;

/// All images, or those that match a search.
pub fn home(folder: &Folder, mount: &Mount) -> Markup {
    let body = html! {
        h1 { "Containers" }
        @if folder.total == 0 && folder.query.is_empty() { (empty()) } @else {
            form.search role="search" method="get" action=(Route::Home.href(mount)) {
                label for="q" { "Search" }
                input #q type="search" name="q" value=(folder.query) maxlength="128";
                button { "Search" }
            }
            p.count { (count(folder)) }
            ul.images { @for row in &folder.rows { (card(row, mount)) } }
            (pager(folder, mount))
        }
    };
    layout::page("Containers", mount, &body)
}

fn count(folder: &Folder) -> String {
    let images = if folder.total == 1 { "image" } else { "images" };
    if folder.query.is_empty() {
        format!("{} {images}", folder.total)
    } else {
        format!("{} {images} with “{}” in the name", folder.total, folder.query)
    }
}

fn card(row: &Row, mount: &Mount) -> Markup {
    html! {
        li.image {
            h2 { a href=(Route::Image(row.target.clone()).href(mount)) { (row.target.image) } }
            @match &row.facts {
                Ok(facts) => {
                    @if let Some(summary) = &facts.summary { p.summary { (summary) } }
                    (arguments(&facts.spec))
                }
                Err(why) => { p.wrong { "Cannot be read: " (why) } }
            }
            p.facts {
                @if let Some(size) = row.size { span title=(format!("{size} bytes")) { (human::size(size)) } " · " }
                time datetime=(human::timestamp(row.modified)) { (human::date(row.modified)) }
                @if let Ok(facts) = &row.facts {
                    " · " (facts.format)
                    @if let Some(architecture) = facts.architecture { " · " (architecture) }
                }
            }
        }
    }
}

fn arguments(spec: &ArgSpec) -> Markup {
    html! {
        @if spec.args().is_empty() { p.none { "takes no arguments" } } @else {
            ul.arguments aria-label="Arguments" {
                @for arg in spec.args() { li { code { (arg.name.as_str()) } " " span.kind { (arg.kind) } } }
            }
        }
    }
}

fn pager(folder: &Folder, mount: &Mount) -> Markup {
    html! {
        @if folder.page > 1 || folder.more {
            nav.pager aria-label="Pages" {
                @if folder.page > 1 { a rel="prev" href=(page_link(folder, folder.page - 1, mount)) { "← Previous" } }
                span { "Page " (folder.page) }
                @if folder.more { a rel="next" href=(page_link(folder, folder.page + 1, mount)) { "Next →" } }
            }
        }
    }
}

fn empty() -> Markup {
    html! {
        section.empty {
            p { "There is no image here yet." }
            p {
                "Copy one into the data folder, and it is here at the next request. The demos: "
                code { "data/generate_demos.sh" }
            }
        }
    }
}

//! The data folder as a page.

use maud::{Markup, html};

use super::{Mount, Route, human, layout};
use crate::args::ArgSpec;
use crate::reply::{Folder, Row};
use crate::view::json::page_link;
use crate::view::words::{SITE, home as words};

/// All images, or those that match a search.
pub fn home(folder: &Folder, mount: &Mount) -> Markup {
    let body = html! {
        h1 { (SITE) }
        @if folder.total == 0 && folder.query.is_empty() { (empty()) } @else {
            form.search role="search" method="get" action=(Route::Home.href(mount)) {
                label for="q" { (words::SEARCH) }
                input #q type="search" name="q" value=(folder.query) maxlength="128";
                button { (words::SEARCH) }
                a href=(Route::Random.href(mount)) { (words::SURPRISE) }
            }
            p.count #count role="status" { (words::count(folder.total, &folder.query)) }
            @if folder.total == 0 { p { (words::NO_MATCH) } }
            ul.images #images { @for row in &folder.rows { (card(row, mount)) } }
            (pager(folder, mount))
        }
    };
    layout::page(SITE, mount, &body)
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
                Err(why) => { p.wrong { (words::UNREADABLE) (why) } }
            }
            p.facts {
                @if let Some(size) = row.size { span title=(format!("{size} bytes")) { (human::size(size)) } " · " }
                time datetime=(human::timestamp(row.modified)) title=(human::timestamp(row.modified)) { (human::date(row.modified)) }
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
        @if spec.args().is_empty() { p.none { (words::NO_ARGUMENTS) } } @else {
            ul.arguments aria-label=(words::ARGUMENTS) {
                @for arg in spec.args() { li { code { (arg.name.as_str()) } " " span.kind { (arg.kind) } } }
            }
        }
    }
}

fn pager(folder: &Folder, mount: &Mount) -> Markup {
    html! {
        @if folder.page > 1 || folder.more {
            nav.pager aria-label=(words::PAGES) {
                @if folder.page > 1 { a rel="prev" href=(page_link(folder, folder.page - 1, mount)) { (words::PREVIOUS) } }
                span { "Page " (folder.page) }
                @if folder.more { a rel="next" href=(page_link(folder, folder.page + 1, mount)) { (words::NEXT) } }
            }
        }
    }
}

fn empty() -> Markup {
    html! {
        section.empty {
            h2 { (words::NONE_TITLE) }
            p { (words::NONE) }
            pre { "scripts/install-runtime && data/generate_demos.sh" }
        }
    }
}

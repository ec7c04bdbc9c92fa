//! The data folder as a page.

use maud::{Markup, html};

use super::layout::{self, Frame, elsewhere};
use crate::args::ArgSpec;
use crate::http::Mount;
use crate::routes::Route;
use crate::service::{Folder, FolderRow};
use crate::view::human;
use crate::view::json::page_link;
use crate::view::messages::home as messages;
use crate::view::messages::image::ALL;

/// All images, or those that match a search.
pub fn home(folder: &Folder, frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let body = html! {
        @if let Some(welcome) = frame.brand.welcome { p.welcome { (welcome) } }
        h1 { (ALL) }
        @if folder.total == 0 && folder.query.is_empty() { (empty()) } @else {
            form.search role="search" method="get" action=(Route::Home.href(mount)) {
                label for="q" { (messages::SEARCH) }
                input #q type="search" name="q" value=(folder.query) maxlength="128";
                button { (messages::SEARCH) }
                a href=(Route::Random.href(mount)) { (messages::SURPRISE) }
            }
            p.count #count role="status" { (messages::count(folder.total, &folder.query)) }
            ul.images #images { @for row in &folder.rows { (card(row, mount)) } }
            (pager(folder, mount))
        }
    };
    layout::page(frame.site(), frame, &body)
}

/// Characters of a summary that are shown.
const SUMMARY: usize = 100;
/// Arguments that are named; of more, their number.
const ARGUMENTS: usize = 8;

/// One image, in few bytes: there are a hundred on a page.
fn card(row: &FolderRow, mount: &Mount) -> Markup {
    let exact = human::timestamp(row.modified);
    let exact = row.size.map_or_else(|| exact.clone(), |size| format!("{size} bytes · {exact}"));
    html! {
        li {
            h2 { a href=(Route::Image(row.target.clone()).href(mount)) { (row.target.image) } }
            @match &row.facts {
                Ok(facts) => {
                    @if let Some(summary) = &facts.summary { p { (human::cut(summary, SUMMARY)) } }
                    @if let Some(why) = &facts.refused { p.wrong { strong { (messages::REFUSED) } " " (why) "." } }
                    @if let Some(why) = elsewhere(facts.architecture) { p.warning { (why) } }
                    (arguments(&facts.spec))
                }
                Err(why) => { p.wrong { strong { (messages::UNREADABLE) } " " (why) } }
            }
            p.facts title=(exact) {
                @if let Some(size) = row.size { (human::size(size)) " · " }
                (human::date(row.modified))
                @if let Ok(facts) = &row.facts {
                    " · " (facts.format)
                    @if let Some(architecture) = facts.architecture { " · " (architecture) }
                }
            }
        }
    }
}

fn arguments(spec: &ArgSpec) -> Markup {
    let args = spec.args();
    html! {
        @if args.is_empty() { p.none { (messages::NO_ARGUMENTS) } } @else {
            ul {
                @for arg in args.iter().take(ARGUMENTS) { li { (arg.name.as_str()) " " i { (arg.kind) } } }
                @if args.len() > ARGUMENTS { li { (messages::more(args.len() - ARGUMENTS)) } }
            }
        }
    }
}

fn pager(folder: &Folder, mount: &Mount) -> Markup {
    html! {
        @if folder.page > 1 || folder.more {
            nav.pager aria-label=(messages::PAGES) {
                @if folder.page > 1 { a rel="prev" href=(page_link(folder, folder.page - 1, mount)) { (messages::PREVIOUS) } }
                span { (messages::PAGE) (folder.page) }
                @if folder.more { a rel="next" href=(page_link(folder, folder.page + 1, mount)) { (messages::NEXT) } }
            }
        }
    }
}

fn empty() -> Markup {
    html! {
        section.empty {
            h2 { (messages::NONE_TITLE) }
            p { (messages::NONE) }
            p { (messages::DEMOS) }
            pre tabindex="0" { "scripts/install-runtime && data/generate_demos.sh" }
        }
    }
}

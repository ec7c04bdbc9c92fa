//! The data folder as a page.

use maud::{Markup, html};

use super::layout::{self, Frame, elsewhere};
use crate::args::ArgSpec;
use crate::http::Mount;
use crate::image::{AppName, FolderName, NotRun, Target};
use crate::routes::Route;
use crate::service::{Folder, FolderRow};
use crate::view::human;
use crate::view::json::page_link;
use crate::view::messages::home as messages;
use crate::view::messages::image::{ALL, WHERE};

/// All images, or those that match a search.
pub fn home(folder: &Folder, frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let title = if folder.name.is_top() { frame.site() } else { folder.name.as_str() };
    let body = html! {
        @if let Some(welcome) = frame.brand.welcome.filter(|_| folder.name.is_top()) { p.welcome { (welcome) } }
        @if folder.name.is_top() { h1 { (ALL) } } @else {
            nav.crumbs aria-label=(WHERE) { (layout::way(&folder.name.parent().unwrap_or_default(), mount)) }
            h1 { (folder.name.file_name()) }
        }
        @if folder.total == 0 && folder.folders.is_empty() && folder.query.is_empty() { (empty(&folder.name)) } @else {
            form.search role="search" method="get" action=(Route::list(&folder.name).href(mount)) {
                label for="q" { (messages::SEARCH) }
                input #q type="search" name="q" value=(folder.query) maxlength="128";
                button { (messages::SEARCH) }
                a href=(Route::Random.href(mount)) { (messages::SURPRISE) }
            }
            p.count #count role="status" { (messages::count(folder.total, &folder.query)) }
            @if !folder.folders.is_empty() {
                ul.folders aria-label=(messages::FOLDERS) {
                    @for inner in &folder.folders {
                        li { a href=(Route::list(inner).href(mount)) { (inner.file_name()) "/" } }
                    }
                }
            }
            ul.images #images { @for row in &folder.rows { (card(row, folder, mount)) } }
            (pager(folder, mount))
        }
    };
    layout::page(title, frame, &body)
}

/// Characters of a summary that are shown.
const SUMMARY: usize = 100;
/// Arguments that are named; of more, their number.
const ARGUMENTS: usize = 8;

/// One image, in few bytes: there are a hundred on a page.
fn card(row: &FolderRow, folder: &Folder, mount: &Mount) -> Markup {
    // in its folder, the folder's name says nothing
    let image = &row.target.image;
    let name = if image.folder() == folder.name { image.file_name() } else { image.as_str() };
    let exact = human::timestamp(row.modified);
    let exact = row.size.map_or_else(|| exact.clone(), |size| format!("{size} bytes · {exact}"));
    html! {
        li {
            h2 { a href=(Route::Image((&row.target).into()).href(mount)) { (name) } }
            @match &row.facts {
                Ok(facts) => {
                    @if let Some(summary) = &facts.summary { p { (human::cut(summary, SUMMARY)) } }
                    @if facts.refused.is_some_and(NotRun::has_apps) {
                        ul { @for app in facts.apps.iter().take(ARGUMENTS) { li { (app_link(row, app, mount)) } }
                            @if facts.apps.len() > ARGUMENTS { li { (messages::more(facts.apps.len() - ARGUMENTS)) } } }
                    } @else if let Some(why) = &facts.refused { p.wrong { strong { (messages::REFUSED) } " " (why) "." } }
                    @if let Some(why) = elsewhere(facts.architecture) { p.warning { (why) } }
                    @if facts.refused.is_none() { (arguments(&facts.spec)) }
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

fn app_link(row: &FolderRow, app: &AppName, mount: &Mount) -> Markup {
    let target = Target { image: row.target.image.clone(), app: Some(app.clone()) };
    html! { a href=(Route::Image((&target).into()).href(mount)) { (app) } }
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

fn empty(folder: &FolderName) -> Markup {
    html! {
        @if !folder.is_top() { p.none { (messages::NONE_HERE) } } @else { section.empty {
            h2 { (messages::NONE_TITLE) }
            p { (messages::NONE) }
            p { (messages::DEMOS) }
            pre tabindex="0" { "scripts/install-runtime && data/generate_demos.sh" }
        } }
    }
}

//! How programs use the site, as a page for people: documents, addresses, statuses, and a call to try.
//!
//! In: the tables of addresses and problems. Never: looks at an image.

use maud::{Markup, html};

use super::layout::{self, Frame, code_words};
use crate::http::{Method, Mount};
use crate::problems::Code;
use crate::reply::OpenApiVersion;
use crate::routes::{Route, TABLE};
use crate::view::messages::api as messages;
use crate::view::messages::image::{ALL, WHERE};

/// The page.
pub fn api(frame: &Frame<'_>) -> Markup {
    let mount = frame.mount;
    let body = html! {
        nav.crumbs aria-label=(WHERE) { a href=(Route::Home.href(mount)) { (ALL) } }
        h1 { (messages::TITLE) }
        p { (code_words(messages::INTRODUCTION)) }
        (documents(mount))
        (call(mount))
        (table("addresses", messages::ADDRESSES, "", &[messages::ADDRESS, messages::METHODS, messages::WHAT], &addresses(mount)))
        (table("answers", messages::ANSWERS, "", &[messages::ACCEPT, messages::ANSWER], &answers()))
        (table("statuses", messages::STATUSES, messages::GOOD, &[messages::WORD, messages::STATUS, messages::MEANING], &statuses(mount)))
    };
    layout::page(messages::TITLE, frame, &body)
}

fn documents(mount: &Mount) -> Markup {
    let document = Route::OpenApi.href(mount);
    let named = OpenApiVersion::NAMES.iter().zip([messages::NEWER, messages::OLDER]);
    html! {
        section aria-labelledby="documents" {
            h2 #documents { (messages::DOCUMENTS) }
            ul { @for (version, what) in named { li { a href=(format!("{document}?version={version}")) { (what) } } } }
            p.hint { (messages::OF_ONE) }
        }
    }
}

/// What `app.js` sends, and where it shows the answer.
fn call(mount: &Mount) -> Markup {
    html! {
        section.scripted aria-labelledby="call-title" {
            h2 #call-title { (messages::CALL_TITLE) }
            form #call {
                div.field {
                    label for="call-address" { (messages::ADDRESS) }
                    input #call-address value=(Route::Health.href(mount)) maxlength="2048" aria-describedby="call-hint";
                    p.hint #call-hint { (messages::CALL_HINT) }
                }
                div.field {
                    label for="call-accept" { (messages::ACCEPT) }
                    select #call-accept { @for (accept, _) in messages::FORMS { option { (accept) } } }
                }
                button { (messages::CALL) }
            }
            p.state role="status" #call-status {}
            pre.output tabindex="0" #call-answer {}
        }
    }
}

/// A section with a table.
fn table(id: &str, title: &str, text: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            @if !text.is_empty() { p { (code_words(text)) } }
            div.wide tabindex="0" role="group" aria-labelledby=(id) {
                table {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody { (rows) }
                }
            }
        }
    }
}

fn addresses(mount: &Mount) -> Markup {
    let rows = TABLE.iter().filter(|row| !row.about.is_empty());
    html! {
        @for row in rows {
            @let methods = row.methods().iter().filter(|method| matches!(method, Method::Get | Method::Post));
            @let methods: Vec<&str> = methods.map(|method| method.as_str()).collect();
            @let address = format!("{mount}{}", row.filled(row.placeholder));
            tr {
                th scope="row" { @if row.placeholder.is_empty() { a href=(address) { code { (address) } } } @else { code { (address) } } }
                td { (methods.join(", ")) }
                td { (code_words(row.about)) }
            }
        }
    }
}

fn answers() -> Markup {
    html! { @for (accept, what) in messages::FORMS { tr { th scope="row" { code { (accept) } } td { (code_words(what)) } } } }
}

fn statuses(mount: &Mount) -> Markup {
    html! {
        @for code in Code::ALL {
            @let row = code.row();
            tr {
                th scope="row" { a href=(Route::Problem(*code).href(mount)) { (row.code) } }
                td { (row.status) }
                td { (row.title) }
            }
        }
    }
}

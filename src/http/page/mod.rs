//! Serves `/`, the page that an operator keeps open.
//!
//! The server renders everything. The script asks for `/?fragment` once a second and changes the
//! page to the reply, element by element, so that focus, selection and open details stay where they
//! are. Without script the page reloads itself, and shows the same.
//!
//! The modules below take a status and a time, and return HTML. `maud` checks the markup while it
//! is compiled, and escapes every value.

mod body;
mod hooks;
mod pool;
mod time;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use crate::clock::{Wall, wall};
use crate::cluster::visible::is_hidden;
use crate::http::dashboard::HandlerState;
use crate::http::page::body::PageData;

pub fn routes() -> Router<Arc<HandlerState>> {
    Router::new()
        .route("/", get(page))
        .route("/app.css", get(|| file("text/css", include_str!("app.css"))))
        .route("/app.js", get(|| file("text/javascript", include_str!("app.js"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("icon.svg"))))
}

#[derive(Debug, Deserialize)]
struct PageQuery {
    /// Present when only the changing part is asked for.
    fragment: Option<String>,
}

async fn page(
    State(state): State<Arc<HandlerState>>,
    Query(query): Query<PageQuery>,
) -> impl IntoResponse {
    let (status, hooks) = (state.status(), state.hooks());
    let (troubles, published) = (state.troubles(), state.is_published());
    let data = PageData { status: &status, hooks: &hooks, troubles: &troubles, published };
    let now = wall(Wall::Shown);
    let markup = match query.fragment {
        Some(_) => body::body(&data, now),
        None => document(&data, now),
    };
    ([(CACHE_CONTROL, "no-store")], Html(show_hidden(&markup.into_string())))
}

fn document(data: &PageData<'_>, now: Timestamp) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/app.css";
                script src="/app.js" defer {}
                noscript { meta http-equiv="refresh" content="5"; }
                title { (body::title(data.status)) }
            }
            body {
                div #stale .banner .bad role="alert" hidden {
                    strong { "This server does not answer." } " "
                    span { "What is shown is from " time #stale-since {} "." }
                }
                (body::body(data, now))
            }
        }
    }
}

/// Escapes invisible characters, characters that reorder a line, and the apostrophe, which `maud`
/// leaves as it is. The markup of the page itself has none of them.
fn show_hidden(markup: &str) -> String {
    let mut shown = String::with_capacity(markup.len());
    for character in markup.chars() {
        match character {
            '\'' => shown.push_str("&#39;"),
            hidden if is_hidden(hidden) && hidden != '\n' => shown.extend(hidden.escape_unicode()),
            other => shown.push(other),
        }
    }
    shown
}

/// A fixed file. Browsers must ask before they use a cached copy, so that after an upgrade the page
/// and its script have the same version.
async fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let markup = html! { b title=("\"'>") { (format_args!("<{}>", "&")) } };
        assert_eq!(
            show_hidden(&markup.into_string()),
            "<b title=\"&quot;&#39;&gt;\">&lt;&amp;&gt;</b>"
        );
        let hidden = html! { ("\u{202e}pu\u{1b}") };
        assert_eq!(show_hidden(&hidden.into_string()), "\\u{202e}pu\\u{1b}");
    }
}

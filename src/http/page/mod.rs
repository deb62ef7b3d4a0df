//! `/`: the page that an operator keeps open.
//!
//! The server renders everything. The script only asks for `/?fragment` once a second and moves
//! the page to what came back, element by element, so that focus, selection and open details stay
//! where they are. Without script the page reloads itself; what is shown is the same, from the
//! same code.
//!
//! Pure from here down: a status and a time in, HTML out.

mod body;
mod hooks;
mod html;
mod pool;
mod time;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html as HtmlResponse, IntoResponse};
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

use crate::clock::{Wall, wall};
use crate::http::dashboard::HandlerState;
use crate::http::page::body::PageData;
use crate::http::page::html::Html;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/app.css">
<script src="/app.js" defer></script>
<noscript><meta http-equiv="refresh" content="5"></noscript>
<title>"#;

const STALE: &str = r#"</title>
</head>
<body>
<div id="stale" class="banner bad" role="alert" hidden><strong>This server does not answer.</strong>
<span>What is shown is from <time id="stale-since"></time>.</span></div>
"#;

pub fn routes() -> Router<Arc<HandlerState>> {
    Router::new()
        .route("/", get(page))
        .route("/app.css", get(|| file("text/css", include_str!("app.css"))))
        .route("/app.js", get(|| file("text/javascript", include_str!("app.js"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("icon.svg"))))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    /// Present: only what changes.
    fragment: Option<String>,
}

async fn page(
    State(state): State<Arc<HandlerState>>,
    Query(wanted): Query<Wanted>,
) -> impl IntoResponse {
    let (status, hooks) = (state.status(), state.hooks());
    let (troubles, published) = (state.troubles(), state.is_published());
    let seen = PageData { status: &status, hooks: &hooks, troubles: &troubles, published };
    let mut html = Html::default();
    if wanted.fragment.is_some() {
        body::write(&mut html, &seen, wall(Wall::Shown));
    } else {
        whole(&mut html, &seen, wall(Wall::Shown));
    }
    ([(CACHE_CONTROL, "no-store")], HtmlResponse(html.done()))
}

fn whole(html: &mut Html, seen: &PageData<'_>, now: Timestamp) {
    html.raw(HEAD).text(body::title(seen.status)).raw(STALE);
    body::write(html, seen, now);
    html.raw("</body>\n</html>\n");
}

/// Never kept without asking: after an upgrade the page and its script are of one version.
async fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content)
}

//! Renders the hooks: who gets changes, and whether they arrive.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::hooks::status::HookStatus;
use crate::http::page::time::ago;

/// The section about all hooks; empty without hooks.
pub fn section(hooks: &[HookStatus], now: Timestamp) -> Markup {
    if hooks.is_empty() {
        return Markup::default();
    }
    html! {
        section .changes .hooks aria-labelledby="hooks" {
            h2 #hooks { "Hooks" }
            ol {
                @for hook in hooks { (item(hook, now)) }
            }
        }
    }
}

fn item(hook: &HookStatus, now: Timestamp) -> Markup {
    let (class, state) = state(hook);
    html! {
        li {
            b { (hook.name) } " "
            span class={ "state " (class) } { (state) } " "
            div {
                p { (hook.why) }
                p {
                    small {
                        (hook.kind) " " code { (hook.target) } " · "
                        (hook.delivered) " delivered · " (hook.waiting) " waiting"
                        (losses(hook.dropped, " dropped"))
                        (losses(hook.refused, " given up"))
                        (last_failure(hook, now))
                    }
                }
            }
        }
    }
}

/// A count of lost events; empty for 0.
fn losses(count: u64, what: &str) -> Markup {
    html! {
        @if count > 0 { " · " strong .error { (count) (what) } }
    }
}

fn last_failure(hook: &HookStatus, now: Timestamp) -> Markup {
    let Some(failure) = &hook.last_failure else { return Markup::default() };
    html! {
        " · last failure " (ago(&failure.at, now))
        // While the hook fails, the sentence above has the error.
        @if hook.last_error.is_none() { ": " (failure.error) }
    }
}

/// The state of a hook: a class of the style sheet, and a word.
fn state(hook: &HookStatus) -> (&'static str, &'static str) {
    match (&hook.last_error, hook.waiting) {
        (Some(_), _) => ("down", "failing"),
        (None, 1..) => ("rising", "telling"),
        (None, 0) => ("up", "up to date"),
    }
}

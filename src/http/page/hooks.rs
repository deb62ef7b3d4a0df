//! The hooks: who is told of changes, and whether it arrives.

use jiff::Timestamp;

use crate::hooks::status::HookStatus;
use crate::http::page::html::Html;
use crate::http::page::time;

/// Nothing where there are none.
pub fn section(html: &mut Html, hooks: &[HookStatus], now: Timestamp) {
    if hooks.is_empty() {
        return;
    }
    html.raw("<section class=\"changes hooks\" aria-labelledby=\"hooks\">\n<h2 id=\"hooks\">");
    html.raw("Hooks</h2>\n<ol>\n");
    for hook in hooks {
        let (class, state) = state(hook);
        html.raw("<li><b>").text(&hook.name).raw("</b> <span class=\"state ").raw(class);
        html.raw("\">").raw(state).raw("</span> <div><p>").text(&hook.why).raw("</p>\n<p><small>");
        html.text(hook.kind).raw(" <code>").text(&hook.target).raw("</code> · ");
        html.text(hook.delivered).raw(" delivered · ").text(hook.waiting).raw(" waiting");
        counted(html, hook.dropped, " dropped");
        counted(html, hook.refused, " given up");
        if let Some(failure) = &hook.last_failure {
            html.raw(" · last failure ");
            time::ago(html, &failure.at, now);
            // While it lasts, the sentence above has it.
            if hook.last_error.is_none() {
                html.raw(": ").text(&failure.error);
            }
        }
        html.raw("</small></p></div></li>\n");
    }
    html.raw("</ol>\n</section>\n");
}

/// What is lost shows; that nothing is, does not.
fn counted(html: &mut Html, count: u64, what: &'static str) {
    if count > 0 {
        html.raw(" · <strong class=\"error\">").text(count).raw(what).raw("</strong>");
    }
}

/// A class of the style sheet, and the word beside the colour.
fn state(hook: &HookStatus) -> (&'static str, &'static str) {
    match (&hook.last_error, hook.waiting) {
        (Some(_), _) => ("down", "failing"),
        (None, 1..) => ("rising", "telling"),
        (None, 0) => ("up", "up to date"),
    }
}

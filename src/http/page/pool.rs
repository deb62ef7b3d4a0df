//! A pool and its members: what clients get, and why.
//!
//! No state is told by its colour alone: each has a word, and a shape of its own before it.

use std::fmt::Display;

use jiff::Timestamp;

use crate::control::status::{CheckStatus, MemberStatus, NamedCheckStatus, PoolStatus};
use crate::http::page::html::Html;
use crate::http::page::time;

/// The heads of the columns. On a narrow screen each cell carries its own.
const COLUMNS: [&str; 8] =
    ["Member", "Address", "State", "Answers", "Why", "Round trip", "Since", "Deep check"];

/// As a class of the style sheet.
pub fn mood(pool: &PoolStatus) -> &'static str {
    match (pool.short, pool.serving < pool.members.len()) {
        (true, _) => "bad",
        (false, true) => "warn",
        (false, false) => "good",
    }
}

pub fn section(html: &mut Html, pool: &PoolStatus, now: Timestamp) {
    html.raw("<section id=\"pool-").text(&pool.name).raw("\" class=\"pool ").raw(mood(pool));
    html.raw("\" aria-labelledby=\"head-").text(&pool.name).raw("\">\n<div class=\"head\">");
    html.raw("<h2 id=\"head-").text(&pool.name).raw("\">").text(&pool.name).raw("</h2>");
    html.raw("<p class=\"verdict\"><b>").text(pool.serving).raw(" of ").text(pool.members.len());
    html.raw("</b> serving");
    if pool.short {
        html.raw(" <strong>short</strong>");
    }
    if pool.kept.is_some() {
        html.raw(" <strong>last set kept</strong>");
    }
    html.raw("</p>\n<ul class=\"names\" aria-label=\"Names\">");
    for name in &pool.names {
        html.raw("<li>").text(name);
        if let Some(unicode) = pool.unicode_names.get(name) {
            html.raw(" (").text(unicode).raw(")");
        }
        html.raw("</li>");
    }
    html.raw("</ul></div>\n<p class=\"why\">").text(&pool.why).raw("</p>\n");
    facts(html, pool);
    table(html, pool, now);
    html.raw("</section>\n");
}

fn facts(html: &mut Html, pool: &PoolStatus) {
    html.raw("<dl>\n");
    html.raw("<div><dt>TTL now</dt><dd>").text(pool.ttl).raw(" s");
    if pool.ttl != pool.ttl_configured {
        html.raw(" <small>of ").text(pool.ttl_configured).raw(" s</small>");
    }
    html.raw("</dd></div>\n");
    fact(html, "Order", pool.order);
    if let Some(nodes) = &pool.in_charge {
        fact(html, "In charge", nodes.join(", "));
    }
    fact(html, "Answers at most", pool.max_answers);
    if let Some(tags) = &pool.spread_by {
        fact(html, "Spread by", tags);
    }
    match pool.min_serving_families {
        None => fact(html, "Short below", pool.min_serving),
        Some(least) => {
            fact(html, "Short below", format_args!("{} IPv4, {} IPv6", least.v4, least.v6));
        }
    }
    fact(html, "When short", &pool.when_short);
    match &pool.clients {
        None => fact(html, "May ask", "everyone"),
        Some(networks) => fact(html, "May ask", networks.join(", ")),
    }
    match pool.answering.is_empty() {
        true => fact(html, "Answering", "nobody"),
        false => fact(html, "Answering", pool.answering.join(", ")),
    }
    html.raw("</dl>\n");
}

fn fact(html: &mut Html, name: &'static str, value: impl Display) {
    html.raw("<div><dt>").raw(name).raw("</dt><dd>").text(value).raw("</dd></div>\n");
}

/// The roles are spelled out because the narrow layout takes them away from the elements.
fn table(html: &mut Html, pool: &PoolStatus, now: Timestamp) {
    html.raw("<table class=\"members\" role=\"table\" aria-label=\"Members of ").text(&pool.name);
    html.raw("\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for column in COLUMNS {
        html.raw("<th scope=\"col\" role=\"columnheader\">").raw(column).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for member in &pool.members {
        row(html, member, now);
    }
    html.raw("</tbody>\n</table>\n");
}

fn row(html: &mut Html, member: &MemberStatus, now: Timestamp) {
    let check = &member.check;
    html.raw("<tr role=\"row\" class=\"").text(check.state).raw("\">");
    html.raw("<th scope=\"row\" role=\"rowheader\">").text(&member.node);
    html.raw(" <small>").text(member.role);
    if member.weight != 1 {
        html.raw(" · weight ").text(member.weight);
    }
    if member.share != 100 {
        html.raw(" · takes ").text(member.share).raw(" %");
    }
    html.raw("</small></th>");
    cell(html, "Address").raw("<span class=\"addresses\">");
    for address in &member.addresses {
        html.raw("<span>").text(address).raw("</span> ");
    }
    html.raw("</span></td>");
    state(cell(html, "State"), check);
    if let Some(order) = &member.operator {
        html.raw(" <b class=\"order\">").text(order.state).raw("</b>");
    }
    if member.held_until.is_some() {
        html.raw(" <b class=\"order\">held out</b>");
    }
    html.raw("</td>");
    cell(html, "Answers").raw(match member.in_answers {
        true => "<span class=\"in\">in</span></td>",
        false => "<span class=\"out\">out</span></td>",
    });
    cell(html, "Why").raw("<span>").text(&member.why);
    error(html, check);
    probes(html, check);
    for family in &member.families {
        html.raw("<span class=\"named\"><b>").raw(family_name(family.family)).raw("</b> ");
        state(html, &family.check);
        html.raw(match family.in_answers {
            true => " <span class=\"in\">in</span>",
            false => " <span class=\"out\">out</span>",
        });
        error(html, &family.check);
        probes(html, &family.check);
        html.raw("</span>");
    }
    for NamedCheckStatus { name, check } in &member.checks {
        html.raw("<span class=\"named\"><b>").text(name).raw("</b> ");
        state(html, check);
        error(html, check);
        probes(html, check);
        html.raw("</span>");
    }
    html.raw("</span></td>");
    round_trip(cell(html, "Round trip"), check);
    html.raw("</td>");
    time::ago(cell(html, "Since"), &check.since, now);
    html.raw("</td>");
    deep(cell(html, "Deep check"), member.deep.as_ref(), now);
    html.raw("</td></tr>\n");
}

/// In people's words.
fn family_name(key: &str) -> &'static str {
    if key == "v6" { "IPv6" } else { "IPv4" }
}

fn probes(html: &mut Html, check: &CheckStatus) {
    html.raw("<small class=\"probe\">").text(&check.probe).raw(" · ").text(check.failures);
    html.raw(" of ").text(check.probes).raw(" failed");
    if check.voids > 0 {
        html.raw(" · ").text(check.voids).raw(" held up");
    }
    html.raw("</small>");
    if let Some(load) = &check.load {
        html.raw("<small class=\"probe\">takes ").text(load.share).raw(" % · says ");
        match load.said {
            Some(said) => html.text(said).raw(" %"),
            None => html.raw("nothing"),
        };
        if load.ignored > 0 {
            html.raw(" · ").text(load.ignored).raw(" words were no weight");
        }
        html.raw("</small>");
    }
}

fn cell<'a>(html: &'a mut Html, column: &'static str) -> &'a mut Html {
    html.raw("<td role=\"cell\" data-column=\"").raw(column).raw("\">")
}

fn state(html: &mut Html, check: &CheckStatus) {
    html.raw("<span class=\"state ").text(check.state).raw("\">").text(check.state);
    if let Some(progress) = &check.progress {
        html.raw(" <b>").text(progress).raw("</b>");
    }
    html.raw("</span>");
}

fn error(html: &mut Html, check: &CheckStatus) {
    if let Some(error) = &check.last_error {
        html.raw("<small class=\"error\">last error: ").text(error).raw("</small>");
    }
}

fn round_trip(html: &mut Html, check: &CheckStatus) {
    match check.last_rtt_ms {
        Some(ms) if ms < 10.0 => html.text(format_args!("{ms:.2} ms")),
        Some(ms) => html.text(format_args!("{ms:.0} ms")),
        None => html.raw("–"),
    };
}

/// Apart from the rest: it is looked at and alerted on, and decides nothing.
fn deep(html: &mut Html, check: Option<&CheckStatus>, now: Timestamp) {
    let Some(check) = check else {
        html.raw("<span class=\"none\">none</span>");
        return;
    };
    html.raw("<span class=\"deep\">");
    state(html, check);
    html.raw(" <small>since ");
    time::ago(html, &check.since, now);
    html.raw("</small>");
    if let (Some(answer), "up") = (&check.last_answer, check.state) {
        html.raw("<small>").text(answer).raw("</small>");
    }
    error(html, check);
    html.raw("</span>");
}

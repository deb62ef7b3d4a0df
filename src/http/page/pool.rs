//! Renders a pool and its members: what clients get, and why.
//!
//! No state is shown by its colour alone: each has a word, and a shape of its own before the word.

use jiff::Timestamp;
use maud::{Markup, Render, html};

use crate::control::status::{
    CheckStatus, FamilyStatus, MemberStatus, NamedCheckStatus, PoolStatus,
};
use crate::http::page::time::ago;

/// The heads of the columns. On a narrow screen each cell shows the head of its column.
const COLUMNS: [&str; 8] =
    ["Member", "Address", "State", "Answers", "Why", "Round trip", "Since", "Deep check"];

/// The condition of a pool, as a class of the style sheet.
pub fn mood(pool: &PoolStatus) -> &'static str {
    match (pool.short, pool.serving < pool.members.len()) {
        (true, _) => "bad",
        (false, true) => "warn",
        (false, false) => "good",
    }
}

/// The section about one pool.
pub fn section(pool: &PoolStatus, now: Timestamp) -> Markup {
    html! {
        section id={ "pool-" (pool.name) } class={ "pool " (mood(pool)) }
            aria-labelledby={ "head-" (pool.name) }
        {
            div .head {
                h2 id={ "head-" (pool.name) } { (pool.name) }
                p .verdict {
                    b { (pool.serving) " of " (pool.members.len()) } " serving"
                    @if pool.short { " " strong { "short" } }
                    @if pool.kept.is_some() { " " strong { "last set kept" } }
                }
                ul .names aria-label="Names" {
                    @for name in &pool.names {
                        li {
                            (name)
                            @if let Some(unicode) = pool.unicode_names.get(name) {
                                " (" (unicode) ")"
                            }
                        }
                    }
                }
            }
            p .why { (pool.why) }
            (facts(pool))
            (table(pool, now))
        }
    }
}

fn facts(pool: &PoolStatus) -> Markup {
    html! {
        dl {
            div {
                dt { "TTL now" }
                dd {
                    (pool.ttl) " s"
                    @if pool.ttl != pool.ttl_configured {
                        " " small { "of " (pool.ttl_configured) " s" }
                    }
                }
            }
            (fact("Order", pool.order))
            @if let Some(nodes) = &pool.in_charge { (fact("In charge", nodes.join(", "))) }
            (fact("Answers at most", pool.max_answers))
            @if let Some(tags) = &pool.spread_by { (fact("Spread by", tags)) }
            @match pool.min_serving_families {
                None => { (fact("Short below", pool.min_serving)) }
                Some(least) => {
                    (fact("Short below", format!("{} IPv4, {} IPv6", least.v4, least.v6)))
                }
            }
            (fact("When short", &pool.when_short))
            @match &pool.clients {
                None => { (fact("May ask", "everyone")) }
                Some(networks) => { (fact("May ask", networks.join(", "))) }
            }
            @match pool.answering.is_empty() {
                true => { (fact("Answering", "nobody")) }
                false => { (fact("Answering", pool.answering.join(", "))) }
            }
        }
    }
}

fn fact(name: &str, value: impl Render) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The table of members. Its ARIA roles are written out because the layout of narrow screens takes
/// the implicit roles away from the elements.
fn table(pool: &PoolStatus, now: Timestamp) -> Markup {
    html! {
        table .members role="table" aria-label={ "Members of " (pool.name) } {
            thead role="rowgroup" {
                tr role="row" {
                    @for column in COLUMNS { th scope="col" role="columnheader" { (column) } }
                }
            }
            tbody role="rowgroup" {
                @for member in &pool.members { (row(member, now)) }
            }
        }
    }
}

fn row(member: &MemberStatus, now: Timestamp) -> Markup {
    let check = &member.check;
    html! {
        tr role="row" class=(check.state) {
            th scope="row" role="rowheader" {
                (member.node) " "
                small {
                    (member.role)
                    @if member.weight != 1 { " · weight " (member.weight) }
                    @if member.share != 100 { " · takes " (member.share) " %" }
                }
            }
            (cell("Address", &addresses(member)))
            (cell("State", &member_state(member)))
            (cell("Answers", &in_answers(member.in_answers)))
            (cell("Why", &why(member)))
            (cell("Round trip", &round_trip(check)))
            (cell("Since", &ago(&check.since, now)))
            (cell("Deep check", &deep(member.deep.as_ref(), now)))
        }
    }
}

fn cell(column: &str, content: &Markup) -> Markup {
    html! { td role="cell" data-column=(column) { (content) } }
}

fn addresses(member: &MemberStatus) -> Markup {
    html! {
        span .addresses {
            @for address in &member.addresses { span { (address) } " " }
        }
    }
}

fn member_state(member: &MemberStatus) -> Markup {
    html! {
        (state(&member.check))
        @if let Some(operator) = &member.operator { " " b .order { (operator.state) } }
        @if member.held_until.is_some() { " " b .order { "held out" } }
    }
}

fn in_answers(is_in: bool) -> Markup {
    html! {
        @if is_in { span .in { "in" } } @else { span .out { "out" } }
    }
}

fn why(member: &MemberStatus) -> Markup {
    html! {
        span {
            (member.why)
            (details(&member.check))
            @for FamilyStatus { family, in_answers: is_in, check, .. } in &member.families {
                span .named {
                    b { (family_name(family)) } " "
                    (state(check)) " " (in_answers(*is_in)) (details(check))
                }
            }
            @for NamedCheckStatus { name, check } in &member.checks {
                span .named { b { (name) } " " (state(check)) (details(check)) }
            }
        }
    }
}

fn family_name(key: &str) -> &'static str {
    if key == "v6" { "IPv6" } else { "IPv4" }
}

fn details(check: &CheckStatus) -> Markup {
    html! { (last_error(check)) (probes(check)) }
}

fn probes(check: &CheckStatus) -> Markup {
    html! {
        small .probe {
            (check.probe) " · " (check.failures) " of " (check.probes) " failed"
            @if check.voids > 0 { " · " (check.voids) " held up" }
        }
        @if let Some(load) = &check.load {
            small .probe {
                "takes " (load.share) " % · says "
                @match load.said {
                    Some(said) => { (said) " %" }
                    None => { "nothing" }
                }
                @if load.ignored > 0 { " · " (load.ignored) " words were no weight" }
            }
        }
    }
}

fn state(check: &CheckStatus) -> Markup {
    html! {
        span class={ "state " (check.state) } {
            (check.state)
            @if let Some(progress) = &check.progress { " " b { (progress) } }
        }
    }
}

fn last_error(check: &CheckStatus) -> Markup {
    html! {
        @if let Some(error) = &check.last_error { small .error { "last error: " (error) } }
    }
}

fn round_trip(check: &CheckStatus) -> Markup {
    let text = match check.last_rtt_ms {
        Some(ms) if ms < 10.0 => format!("{ms:.2} ms"),
        Some(ms) => format!("{ms:.0} ms"),
        None => "–".to_owned(),
    };
    html! { (text) }
}

/// The deep check in a column of its own, because it decides nothing.
fn deep(check: Option<&CheckStatus>, now: Timestamp) -> Markup {
    let Some(check) = check else { return html! { span .none { "none" } } };
    html! {
        span .deep {
            (state(check)) " "
            small { "since " (ago(&check.since, now)) }
            @if let (Some(answer), "up") = (&check.last_answer, check.state) {
                small { (answer) }
            }
            (last_error(check))
        }
    }
}

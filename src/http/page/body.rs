//! Renders the changing part of the page: all below the banner "This server does not answer".

use jiff::Timestamp;
use maud::{Markup, html};

use crate::control::status::{ChangeStatus, ConfigStatus, OverrideStatus, Status};
use crate::control::troubles::Trouble;
use crate::hooks::status::HookStatus;
use crate::http::page::time::{ago, clock_time};
use crate::http::page::{hooks, pool};

/// Everything that the page shows.
pub struct PageData<'a> {
    pub status: &'a Status,
    pub hooks: &'a [HookStatus],
    pub troubles: &'a [Trouble],
    /// Whether the control loop still runs and publishes.
    pub published: bool,
}

/// Number of changes that are shown at once; older changes are shown on a click.
const CHANGES_IN_VIEW: usize = 12;

/// The title of the browser's tab, which shows whether all members serve.
pub fn title(status: &Status) -> String {
    let all: usize = status.pools.iter().map(|pool| pool.members.len()).sum();
    let serving: usize = status.pools.iter().map(|pool| pool.serving).sum();
    let out = all.saturating_sub(serving);
    let short = status.pools.iter().filter(|pool| pool.short).count();
    let name = status.nsid.as_deref().unwrap_or("tiovivo");
    match (status.ready, short, out) {
        (false, ..) => format!("not ready · {name}"),
        (true, 0, 0) => format!("all {all} serve · {name}"),
        (true, 0, out) => format!("{out} out · {name}"),
        (true, short, _) => format!("{short} short · {name}"),
    }
}

/// The changing part of the page.
pub fn body(data: &PageData<'_>, now: Timestamp) -> Markup {
    let status = data.status;
    html! {
        div #live data-title=(title(status)) {
            (header(status, now))
            div #banners {
                (state_banners(data))
                @for trouble in data.troubles { (trouble_banner(trouble, now)) }
                (refused_reload(&status.config, now))
            }
            main {
                @for pool in &status.pools { (pool::section(pool, now)) }
                @if status.pools.is_empty() {
                    p .nothing { "No pools: only the records of the zones are answered." }
                }
                div .below {
                    div {
                        (overrides(&status.overrides, now))
                        (hooks::section(data.hooks, now))
                        (changes(&status.changes, now))
                    }
                    (zones(status))
                }
            }
            (footer(status, now))
        }
    }
}

fn header(status: &Status, now: Timestamp) -> Markup {
    html! {
        header .top {
            h1 {
                (logo()) "tiovivo"
                @if let Some(nsid) = &status.nsid { " " span .nsid { (nsid) } }
            }
            ul .tally aria-label="Pools" {
                @for pool in &status.pools {
                    li class=(pool::mood(pool)) {
                        a href={ "#pool-" (pool.name) } {
                            (pool.name) " " b { (pool.serving) "/" (pool.members.len()) }
                            @if pool.short { " short" }
                        }
                    }
                }
            }
            p .facts {
                span { "started " (ago(&status.started, now)) } " "
                span { "config loaded " (ago(&status.config.loaded, now)) }
            }
        }
    }
}

fn logo() -> Markup {
    html! {
        svg .logo viewBox="0 0 32 32" aria-hidden="true" {
            circle cx="16" cy="16" r="11" {}
            circle .on cx="16" cy="5" r="4" {}
            circle .on cx="25.5" cy="21.5" r="4" {}
            circle .off cx="6.5" cy="21.5" r="4" {}
        }
    }
}

fn state_banners(data: &PageData<'_>) -> Markup {
    html! {
        @if !data.published {
            div #ended .banner .bad role="alert" {
                strong { "The control loop has ended." } " "
                span {
                    "Answers go on as they were last. Nothing below is news; restart this server."
                }
            }
        }
        @if !data.status.ready {
            div #not-ready .banner .warn role="status" {
                strong { "Not ready." } " "
                span {
                    "The first round of probes is not over; members that nobody has seen yet serve."
                }
            }
        }
    }
}

fn trouble_banner(trouble: &Trouble, now: Timestamp) -> Markup {
    html! {
        div id={ "trouble-" (trouble.subject.as_str()) } .banner .bad role="alert" {
            strong { "Since " (ago(&trouble.since, now)) ":" } " "
            span { (trouble.what) }
        }
    }
}

fn refused_reload(config: &ConfigStatus, now: Timestamp) -> Markup {
    let Some(refused) = &config.refused else { return Markup::default() };
    html! {
        div #refused .banner .bad role="alert" {
            strong { "The reload " (ago(&refused.at, now)) " was refused." } " "
            span {
                "What was loaded " (ago(&config.loaded, now)) " still serves. Mend this in "
                code { (config.file) } ":"
            }
            ul {
                @for fault in &refused.faults { li { (fault) } }
            }
        }
    }
}

fn overrides(overrides: &[OverrideStatus], now: Timestamp) -> Markup {
    if overrides.is_empty() {
        return Markup::default();
    }
    html! {
        section .changes aria-labelledby="orders" {
            h2 #orders { "The operator's orders" }
            ol {
                @for order in overrides.iter().rev() {
                    li {
                        (ago(&order.since, now))
                        b { (order.order) " " (order.target) } " "
                        small { (order.pool.as_deref().unwrap_or("all pools")) } " "
                        span { "by " (order.author) (override_details(order)) }
                    }
                }
            }
        }
    }
}

fn override_details(order: &OverrideStatus) -> Markup {
    html! {
        @if !order.reason.is_empty() { ": " (order.reason) }
        @if let Some(until) = &order.until { "; until " time datetime=(until) { (until) } }
        @if order.nodes.is_empty() { "; means no member now" }
    }
}

fn changes(changes: &[ChangeStatus], now: Timestamp) -> Markup {
    let newest_first = || changes.iter().rev();
    let older = changes.len().saturating_sub(CHANGES_IN_VIEW);
    html! {
        section .changes aria-labelledby="changes" {
            h2 #changes { "Recent changes" }
            @if changes.is_empty() {
                p .nothing { "None since the start." }
            } @else {
                ol {
                    @for each in newest_first().take(CHANGES_IN_VIEW) { (change(each, now)) }
                }
            }
            @if older > 0 {
                details {
                    summary { (older) " older" }
                    ol {
                        @for each in newest_first().skip(CHANGES_IN_VIEW) { (change(each, now)) }
                    }
                }
            }
        }
    }
}

fn change(change: &ChangeStatus, now: Timestamp) -> Markup {
    html! {
        li {
            (ago(&change.at, now))
            b { (change.node) } " " small { (change.pool) } " " span { (change.what) }
        }
    }
}

fn zones(status: &Status) -> Markup {
    html! {
        section .zones aria-labelledby="zones" {
            h2 #zones { "Zones" }
            table {
                thead {
                    tr {
                        @for column in ["Apex", "Serial", "Records"] {
                            th scope="col" { (column) }
                        }
                    }
                }
                tbody {
                    @for zone in &status.zones {
                        tr {
                            th scope="row" {
                                (zone.apex)
                                @if let Some(unicode) = &zone.unicode { " (" (unicode) ")" }
                            }
                            td .number { (zone.serial) }
                            td .number { (zone.records) }
                        }
                    }
                }
            }
        }
    }
}

/// The footer. Its time of rendering shows how old a screenshot or a forgotten tab is.
fn footer(status: &Status, now: Timestamp) -> Markup {
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! {
        footer {
            span { "tiovivo " (status.version) } " "
            span { code { (status.config.file) } } " "
            span { "as of " time #as-of datetime=(now) { (clock_time(&now)) " UTC" } } " "
            a href="/api/v1/status" { "status as JSON" } " "
            a href="/api/v1/hooks" { "hooks as JSON" } " "
            a href="/metrics" { "metrics" }
        }
    }
}

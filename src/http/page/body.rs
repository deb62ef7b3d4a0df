//! What changes: everything between the stale banner and the end of the page, in one element.

use jiff::Timestamp;

use crate::control::status::{ChangeStatus, ConfigStatus, OverrideStatus, Status};
use crate::control::troubles::Trouble;
use crate::hooks::status::HookStatus;
use crate::http::page::html::Html;
use crate::http::page::{hooks, pool, time};

/// Everything that the page shows.
pub struct PageData<'a> {
    pub status: &'a Status,
    pub hooks: &'a [HookStatus],
    pub troubles: &'a [Trouble],
    /// Whether the control loop still runs and publishes.
    pub published: bool,
}

/// Changes in view; older ones are folded away.
const CHANGES_IN_VIEW: usize = 12;

const LOGO: &str = concat!(
    r#"<svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><circle cx="16" cy="16" r="11"/>"#,
    r#"<circle class="on" cx="16" cy="5" r="4"/><circle class="on" cx="25.5" cy="21.5" r="4"/>"#,
    r#"<circle class="off" cx="6.5" cy="21.5" r="4"/></svg>"#,
);

/// The title of the tab says whether it is worth a look.
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

pub fn write(html: &mut Html, seen: &PageData<'_>, now: Timestamp) {
    let status = seen.status;
    html.raw("<div id=\"live\" data-title=\"").text(title(status)).raw("\">\n");
    header(html, status, now);
    html.raw("<div id=\"banners\">\n");
    if !seen.published {
        html.raw(
            "<div id=\"ended\" class=\"banner bad\" role=\"alert\"><strong>The control loop has \
             ended.</strong> <span>Answers go on as they were last. Nothing below is news; \
             restart this server.</span></div>\n",
        );
    }
    if !status.ready {
        html.raw(
            "<div id=\"not-ready\" class=\"banner warn\" role=\"status\"><strong>Not ready.\
             </strong> <span>The first round of probes is not over; members that nobody has seen \
             yet serve.</span></div>\n",
        );
    }
    troubles(html, seen.troubles, now);
    refused(html, &status.config, now);
    html.raw("</div>\n<main>\n");
    for pool in &status.pools {
        pool::section(html, pool, now);
    }
    if status.pools.is_empty() {
        html.raw("<p class=\"nothing\">No pools: only the records of the zones are answered.</p>");
    }
    html.raw("<div class=\"below\">\n<div>\n");
    orders(html, &status.overrides, now);
    hooks::section(html, seen.hooks, now);
    changes(html, &status.changes, now);
    html.raw("</div>\n");
    zones(html, status);
    html.raw("</div>\n</main>\n");
    footer(html, status, now);
    html.raw("</div>\n");
}

fn header(html: &mut Html, status: &Status, now: Timestamp) {
    html.raw("<header class=\"top\">\n<h1>").raw(LOGO).raw("tiovivo");
    if let Some(nsid) = &status.nsid {
        html.raw(" <span class=\"nsid\">").text(nsid).raw("</span>");
    }
    html.raw("</h1>\n<ul class=\"tally\" aria-label=\"Pools\">\n");
    for pool in &status.pools {
        html.raw("<li class=\"").raw(pool::mood(pool)).raw("\"><a href=\"#pool-");
        html.text(&pool.name).raw("\">").text(&pool.name).raw(" <b>").text(pool.serving);
        html.raw("/").text(pool.members.len()).raw("</b>");
        if pool.short {
            html.raw(" short");
        }
        html.raw("</a></li>\n");
    }
    html.raw("</ul>\n<p class=\"facts\"><span>started ");
    time::ago(html, &status.started, now);
    html.raw("</span> <span>config loaded ");
    time::ago(html, &status.config.loaded, now);
    html.raw("</span></p>\n</header>\n");
}

fn troubles(html: &mut Html, troubles: &[Trouble], now: Timestamp) {
    for trouble in troubles {
        html.raw("<div id=\"trouble-").raw(trouble.subject.as_str());
        html.raw("\" class=\"banner bad\" role=\"alert\"><strong>Since ");
        time::ago(html, &trouble.since, now);
        html.raw(":</strong> <span>").text(&trouble.what).raw("</span></div>\n");
    }
}

fn refused(html: &mut Html, config: &ConfigStatus, now: Timestamp) {
    let Some(refused) = &config.refused else { return };
    html.raw("<div id=\"refused\" class=\"banner bad\" role=\"alert\"><strong>The reload ");
    time::ago(html, &refused.at, now);
    html.raw(" was refused.</strong> <span>What was loaded ");
    time::ago(html, &config.loaded, now);
    html.raw(" still serves. Mend this in <code>").text(&config.file).raw("</code>:</span>\n<ul>");
    for fault in &refused.faults {
        html.raw("<li>").text(fault).raw("</li>");
    }
    html.raw("</ul></div>\n");
}

fn orders(html: &mut Html, orders: &[OverrideStatus], now: Timestamp) {
    if orders.is_empty() {
        return;
    }
    html.raw("<section class=\"changes\" aria-labelledby=\"orders\">\n<h2 id=\"orders\">");
    html.raw("The operator's orders</h2>\n<ol>\n");
    for order in orders.iter().rev() {
        html.raw("<li>");
        time::ago(html, &order.since, now);
        html.raw("<b>").text(order.order).raw(" ").text(&order.target).raw("</b> <small>");
        html.text(order.pool.as_deref().unwrap_or("all pools")).raw("</small> <span>by ");
        html.text(&order.author);
        if !order.reason.is_empty() {
            html.raw(": ").text(&order.reason);
        }
        if let Some(until) = &order.until {
            html.raw("; until <time datetime=\"").text(until).raw("\">").text(until);
            html.raw("</time>");
        }
        if order.nodes.is_empty() {
            html.raw("; means no member now");
        }
        html.raw("</span></li>\n");
    }
    html.raw("</ol>\n</section>\n");
}

fn changes(html: &mut Html, changes: &[ChangeStatus], now: Timestamp) {
    html.raw("<section class=\"changes\" aria-labelledby=\"changes\">\n<h2 id=\"changes\">");
    html.raw("Recent changes</h2>\n");
    let newest_first = || changes.iter().rev();
    if changes.is_empty() {
        html.raw("<p class=\"nothing\">None since the start.</p>\n");
    } else {
        html.raw("<ol>\n");
        newest_first().take(CHANGES_IN_VIEW).for_each(|each| change(html, each, now));
        html.raw("</ol>\n");
    }
    let older = changes.len().saturating_sub(CHANGES_IN_VIEW);
    if older > 0 {
        html.raw("<details><summary>").text(older).raw(" older</summary>\n<ol>\n");
        newest_first().skip(CHANGES_IN_VIEW).for_each(|each| change(html, each, now));
        html.raw("</ol>\n</details>\n");
    }
    html.raw("</section>\n");
}

fn change(html: &mut Html, change: &ChangeStatus, now: Timestamp) {
    html.raw("<li>");
    time::ago(html, &change.at, now);
    html.raw("<b>").text(&change.node).raw("</b> <small>").text(&change.pool);
    html.raw("</small> <span>").text(&change.what);
    html.raw("</span></li>\n");
}

fn zones(html: &mut Html, status: &Status) {
    html.raw(
        "<section class=\"zones\" aria-labelledby=\"zones\">\n<h2 id=\"zones\">Zones</h2>\n\
         <table><thead><tr><th scope=\"col\">Apex</th><th scope=\"col\">Serial</th>\
         <th scope=\"col\">Records</th></tr></thead>\n<tbody>\n",
    );
    for zone in &status.zones {
        html.raw("<tr><th scope=\"row\">").text(&zone.apex);
        if let Some(unicode) = &zone.unicode {
            html.raw(" (").text(unicode).raw(")");
        }
        html.raw("</th><td class=\"number\">");
        html.text(zone.serial).raw("</td><td class=\"number\">").text(zone.records);
        html.raw("</td></tr>\n");
    }
    html.raw("</tbody></table>\n</section>\n");
}

/// The time of rendering says in a screenshot or a forgotten tab how old it all is.
fn footer(html: &mut Html, status: &Status, now: Timestamp) {
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html.raw("<footer>\n<span>tiovivo ").text(status.version).raw("</span> <span><code>");
    html.text(&status.config.file)
        .raw("</code></span>\n<span>as of <time id=\"as-of\" datetime=\"");
    html.text(&now).raw("\">").text(time::clock(&now)).raw(" UTC</time></span>\n");
    html.raw("<a href=\"/api/v1/status\">status as JSON</a> ");
    html.raw("<a href=\"/api/v1/hooks\">hooks as JSON</a> <a href=\"/metrics\">metrics</a>\n");
    html.raw("</footer>\n");
}

//! What people read: what to enter at the registrar, and the table of findings.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::columns::columns;
use crate::cli::delegation::catalogue::{Finding, Report, Severity};
use crate::cli::delegation::plan::Delegation;
use crate::zone::idn::unicode;

/// What to enter at the registrar, once as a form asks for it and once as records.
pub fn registrar(delegation: &Delegation, config: &Path) -> String {
    let plain = |name: &dyn ToString| name.to_string().trim_end_matches('.').to_owned();
    let apex = plain(&delegation.apex);
    let both = unicode(&apex).map_or(apex.clone(), |unicode| format!("{apex} ({unicode})"));
    let mut text = format!("Enter at the registrar of {both}:\n\n");
    let names: Vec<String> = delegation.servers.iter().map(|server| plain(&server.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (number, (server, name)) in delegation.servers.iter().zip(&names).enumerate() {
        let addresses: Vec<String> = server.known().iter().map(ToString::to_string).collect();
        let glue = match (server.in_domain, addresses.is_empty()) {
            (true, false) => addresses.join("  "),
            (true, true) => "no address; `tiovivo check` tells why".into(),
            (false, _) => "no glue: the name is outside of the zone".into(),
        };
        let number = number + 1;
        // Writing to a String does not fail.
        let _ = writeln!(text, "  Name server {number:<2} {name:<width$}  {glue}");
    }
    // Said of what this server does, whatever a file has: it answers without signatures.
    let ds = "none: answers are not signed; remove one that is there";
    let _ = writeln!(text, "  DS:            {ds}\n\nThe same as records of the parent zone:\n");
    for server in &delegation.servers {
        let _ = writeln!(text, "  {} IN NS {}", delegation.apex, server.name);
    }
    for (server, address) in delegation.addresses().filter(|(server, _)| server.in_domain) {
        let rtype = if address.is_ipv4() { "A" } else { "AAAA" };
        let _ = writeln!(text, "  {} IN {rtype} {address}", server.name);
    }
    let config = config.display();
    let _ = writeln!(text, "\nAfterwards: tiovivo check --delegation --live --config {config}");
    text
}

/// The worst first; what holds only when asked for; the counts last, with what was not looked at.
pub fn report(report: &Report, verbose: bool, missing: Option<&str>) -> String {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    let key = |finding: &&Finding| {
        (finding.rule.severity, finding.zone.clone(), finding.rule.tag, finding.what.clone())
    };
    findings.sort_by_cached_key(key);
    let mut rows: Vec<[String; 4]> = vec![];
    for finding in findings {
        let rule = &finding.rule;
        let tag = rule.tag.to_owned();
        rows.push([rule.severity.as_str().into(), tag, finding.zone.clone(), finding.what.clone()]);
        let cure = format!("→ {} ({})", finding.cure, rule.also);
        rows.push([String::new(), String::new(), String::new(), cure]);
    }
    for (rule, zone) in report.held.iter().filter(|_| verbose) {
        rows.push(["pass".into(), rule.tag.into(), zone.clone(), rule.holds.into()]);
    }
    let mut text = String::new();
    if !rows.is_empty() {
        rows.insert(0, ["SEVERITY", "RULE", "ZONE", "FOUND"].map(String::from));
        text.push_str(&columns(&rows));
        text.push('\n');
    }
    let counted = [Severity::Error, Severity::Warning, Severity::Notice].map(|severity| {
        let count = report.count(severity);
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {}{end}", severity.as_str())
    });
    let passes = report.held.len();
    let _ = write!(text, "{}, {passes} passes", counted.join(", "));
    if let Some(missing) = missing {
        let _ = write!(text, "; {missing}");
    }
    text.push('\n');
    text
}

//! Formats the output of both commands: what to enter at the registrar, and the table of findings.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::columns::columns;
use crate::delegation::catalogue::{Finding, Findings, Level};
use crate::delegation::plan::Delegation;
use crate::zone::idn::unicode;

/// The delegation twice: as a registrar's form asks for it, and as records.
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
    // True whatever the zone file has: this server answers without signatures.
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

/// The findings, the worst first; with `verbose` the rules that passed; last the counts, and
/// `missing`, which says why some rules were not checked.
pub fn findings(findings: &Findings, verbose: bool, missing: Option<&str>) -> String {
    let mut failed: Vec<&Finding> = findings.failed.iter().collect();
    let key = |finding: &&Finding| {
        (finding.rule.level, finding.zone.clone(), finding.rule.tag, finding.message.clone())
    };
    failed.sort_by_cached_key(key);
    let mut rows: Vec<[String; 4]> = vec![];
    for finding in failed {
        let rule = &finding.rule;
        let tag = rule.tag.to_owned();
        let level = rule.level.as_str().into();
        rows.push([level, tag, finding.zone.clone(), finding.message.clone()]);
        let help = format!("→ {} ({})", finding.help, rule.also);
        rows.push([String::new(), String::new(), String::new(), help]);
    }
    for (rule, zone) in findings.passed.iter().filter(|_| verbose) {
        rows.push(["pass".into(), rule.tag.into(), zone.clone(), rule.holds.into()]);
    }
    let mut text = String::new();
    if !rows.is_empty() {
        rows.insert(0, ["SEVERITY", "RULE", "ZONE", "FOUND"].map(String::from));
        text.push_str(&columns(&rows));
        text.push('\n');
    }
    let counted = [Level::Error, Level::Warning, Level::Notice].map(|level| {
        let count = findings.count(level);
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {}{end}", level.as_str())
    });
    let passes = findings.passed.len();
    let _ = write!(text, "{}, {passes} passes", counted.join(", "));
    if let Some(missing) = missing {
        let _ = write!(text, "; {missing}");
    }
    text.push('\n');
    text
}

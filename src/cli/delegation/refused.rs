//! Faults of a delegation that the zone reader finds first, told under the rule of the registries.
//! A zone that loads needs this not: there the rules find the same themselves.

use crate::cli::delegation::catalogue::{self as rule, Finding, Report, Rule};
use crate::config::fault::Fault;
use crate::zone::read::delegation::{HAS_NO_ADDRESS, IS_CNAME, NAME_SERVER};

/// The reader's words, which come from its own constants, and the rule that they break.
const RULES: [(&str, Rule); 2] = [(IS_CNAME, rule::NO_ALIAS), (HAS_NO_ADDRESS, rule::RESOLVED)];

/// Adds those of `faults` that a registry would find too.
pub fn tell(faults: &[Fault], report: &mut Report) {
    for fault in faults.iter().filter(|fault| fault.message.starts_with(NAME_SERVER)) {
        let broken = RULES.iter().find(|(words, _)| fault.message.contains(words));
        if let Some((_, rule)) = broken {
            let line = fault.spot.as_ref().map_or(1, |spot| spot.span.line);
            report.findings.push(Finding {
                rule: *rule,
                zone: format!("{}:{line}", fault.file),
                what: fault.message.clone(),
                cure: fault.help.clone().unwrap_or_else(|| "mend the zone file".into()),
            });
        }
    }
}

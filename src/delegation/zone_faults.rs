//! Turns faults that the zone reader found into findings under the rules of the registries. A zone
//! with these faults does not load, so the rules themselves cannot be checked.

use crate::config::fault::Fault;
use crate::delegation::catalogue::{self as rule, Finding, Findings, Rule};
use crate::zone::record::FaultCode;

fn rule_of(code: FaultCode) -> Rule {
    match code {
        FaultCode::NameServerIsAlias => rule::NO_ALIAS,
        FaultCode::NameServerWithoutAddress => rule::RESOLVED,
    }
}

/// Adds the faults that a registry would find too.
pub fn add(faults: &[Fault], findings: &mut Findings) {
    for fault in faults {
        let Some(code) = fault.code else { continue };
        let line = fault.spot.as_ref().map_or(1, |spot| spot.span.line);
        findings.failed.push(Finding {
            rule: rule_of(code),
            zone: format!("{}:{line}", fault.file),
            message: fault.message.clone(),
            help: fault.help.clone().unwrap_or_else(|| "mend the zone file".into()),
        });
    }
}

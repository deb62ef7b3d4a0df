//! Signed zone files. This server answers without signatures: it makes none, and does not send
//! those of a file. To a resolver that finds a DS in the parent zone, such answers are bogus, so
//! the domain would be down.
//!
//! | record | |
//! |---|---|
//! | DNSKEY, RRSIG, NSEC, NSEC3, NSEC3PARAM | refused: they promise a signed zone |
//! | CDS, CDNSKEY at the apex | refused: the parent would publish a DS of them (RFC 7344) |
//! | CDS and CDNSKEY that ask to remove the DS (RFC 8078 §4) | allowed |
//! | DS of a delegation | allowed: they belong to another zone |
//!
//! One fault for each zone and type, at the first record: a signed zone has thousands.

use crate::config::check::report::Report;
use crate::config::fault::Fault;
use crate::config::zones::{LoadedZone, LoadedZones};
use crate::zone::rdata::table::type_name;
use crate::zone::record::Record;
use crate::zone::rtype::{CDNSKEY, CDS, DNSKEY, NSEC, NSEC3, NSEC3PARAM, RRSIG};

const SIGNED: [u16; 7] = [DNSKEY, RRSIG, NSEC, NSEC3, NSEC3PARAM, CDS, CDNSKEY];
/// The one CDS that asks the parent to remove the DS, and the one CDNSKEY (RFC 8078 §4).
const REMOVE_DS: &[u8] = &[0, 0, 0, 0, 0];
const REMOVE_KEY: &[u8] = &[0, 0, 3, 0, 0];

pub fn check(zones: &LoadedZones, report: &mut Report<'_>) {
    let faults: Vec<Fault> = zones.loaded.iter().flat_map(faults_of).collect();
    report.faults.extend(faults);
}

fn faults_of(loaded: &LoadedZone) -> impl Iterator<Item = Fault> {
    let is_signed = |record: &&Record| SIGNED.contains(&record.rtype) && is_promise(loaded, record);
    let records: Vec<&Record> = loaded.zone.records.iter().filter(is_signed).collect();
    SIGNED.into_iter().filter_map(move |rtype| {
        let promising = records.iter().filter(|record| record.rtype == rtype);
        let first = promising.clone().min_by_key(|record| record.place)?;
        let (count, rtype_name) = (promising.count(), type_name(rtype));
        let records = if count == 1 { "record" } else { "records" };
        let (why, help) = match rtype {
            CDS | CDNSKEY => (
                "asks the parent for a DS, which would take the domain down",
                "remove it; `CDS 0 0 0 00` asks to remove a DS that is there (RFC 8078)".to_owned(),
            ),
            _ => (
                "belongs to a signed zone",
                format!(
                    "serve the zone without signatures: the file that was signed, or what \
                     `ldns-read-zone -s -e DNSKEY -e NSEC3PARAM {}` prints; and let no DS stand \
                     at the registrar",
                    loaded.file_of(first.place)
                ),
            ),
        };
        let message = format!(
            "{rtype_name} {why}, and this server answers without signatures; the zone {} has \
             {count} such {records}",
            loaded.zone.apex
        );
        Some(loaded.fault(first.place, message, help))
    })
}

/// Whether this record makes a resolver expect signatures, or a parent publish a DS.
fn is_promise(loaded: &LoadedZone, record: &Record) -> bool {
    let rdata = loaded.zone.rdata(record);
    match record.rtype {
        CDS => *loaded.zone.owner(record) == loaded.zone.apex && rdata != REMOVE_DS,
        CDNSKEY => *loaded.zone.owner(record) == loaded.zone.apex && rdata != REMOVE_KEY,
        _ => true,
    }
}

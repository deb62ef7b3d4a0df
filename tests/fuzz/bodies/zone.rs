//! A zone file's text → a zone that is shown, read back and answered from, or faults.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use tiovivo::dns::exchange::{Client, Transport};
use tiovivo::dns::reply::UDP_LIMIT;
use tiovivo::snapshot::Snapshot;
use tiovivo::snapshot::identity::Identity;
use tiovivo::snapshot::statics::Statics;
use tiovivo::zone::name::Name;
use tiovivo::zone::rdata::present::RdataText;
use tiovivo::zone::rdata::table::type_name;
use tiovivo::zone::rdata::walk;
use tiovivo::zone::read::read;
use tiovivo::zone::record::{Severity, Zone, ZoneFault};

use super::reply::{self, STREAM_ROOM};

/// Owners that are asked for; more of one input tell nothing new.
const MAX_ASKED: usize = 40;

pub fn run(octets: &[u8]) {
    let apex = Name::parse("example.com.").expect("a name");
    let include = &mut |name: &str| match name {
        "zone" | "part" => Ok(octets.to_vec().into()),
        "parts/hosts.inc" => Ok(b"included A 192.0.2.9\n".to_vec().into()),
        _ => Err("there is no such file".to_owned()),
    };
    match read(&apex, "zone", include) {
        Ok((zone, warnings)) => {
            assert!(warnings.iter().all(|fault| fault.severity == Severity::Warning));
            warnings.iter().for_each(|fault| has_its_place(fault, octets));
            reads_back(&zone);
            answers(&zone);
        }
        Err(faults) => {
            assert!(faults.iter().any(|fault| fault.severity == Severity::Error), "no reason");
            faults.iter().for_each(|fault| has_its_place(fault, octets));
        }
    }
}

fn has_its_place(fault: &ZoneFault, text: &[u8]) {
    assert!(!fault.message.is_empty() && fault.line > 0 && fault.column > 0, "{fault:?}");
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(fault.line as usize <= lines, "{fault:?} in {lines} lines");
}

/// What is shown of the records says the same zone once more, octet by octet.
fn reads_back(zone: &Zone) {
    let mut text = String::new();
    for record in &zone.records {
        let rdata = zone.rdata(record);
        assert_eq!(walk::check(record.rtype, rdata), Ok(()));
        let shown = RdataText { rtype: record.rtype, rdata };
        let rtype = type_name(record.rtype);
        writeln!(text, "{} {} IN {rtype} {shown}", zone.owner(record), record.ttl)
            .expect("a String");
    }
    let again = read(&zone.apex, "shown", &mut |_| Ok(text.clone().into_bytes().into()));
    let (again, _) = again.unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    let row = |zone: &Zone, index: usize| {
        let record = &zone.records[index];
        (
            zone.owner(record).as_wire().to_vec(),
            record.rtype,
            record.ttl,
            zone.rdata(record).to_vec(),
        )
    };
    assert_eq!(zone.records.len(), again.records.len(), "{text}");
    for index in 0..zone.records.len() {
        assert_eq!(row(zone, index), row(&again, index), "{text}");
    }
}

/// Each RRset is answered, and so is what lies beside and below its owner.
fn answers(zone: &Zone) {
    let identity = Identity::default();
    let zones = std::slice::from_ref(zone);
    let statics = Statics::build(zones, std::iter::empty(), identity).expect("a small zone");
    let snapshot = Snapshot::build(&Arc::new(statics), &[], &[], None);
    let asked: BTreeSet<(Vec<u8>, u16)> =
        zone.records.iter().map(|r| (zone.owner(r).as_wire().to_vec(), r.rtype)).collect();
    let address: IpAddr = [198, 51, 100, 7].into();
    for (turn, (owner, rtype)) in asked.iter().take(MAX_ASKED).enumerate() {
        let below = [b"\x01x", &owner[..]].concat();
        for (name, qtype) in [(owner, *rtype), (owner, 16), (owner, 255), (&below, *rtype)] {
            let query = query(name, qtype);
            for (transport, room) in
                [(Transport::Datagram, UDP_LIMIT), (Transport::Stream, STREAM_ROOM)]
            {
                let client = Client { address, transport, idle: None, now: 0 };
                reply::ask(&snapshot, &query, &client, turn as u64, room).expect("a reply");
            }
        }
    }
}

/// A plain query; of a name that is too long it is malformed.
pub fn query(name: &[u8], qtype: u16) -> Vec<u8> {
    let header = [0x71, 0x10, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&header, name, &qtype.to_be_bytes(), &[0, 1]].concat()
}

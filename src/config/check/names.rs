//! The names of the pools against the zones.
//!
//! | name | |
//! |---|---|
//! | of two pools, or twice of one | refused |
//! | in none of the zones | refused |
//! | at or below a zone cut, below a DNAME | refused: the zone does not answer there |
//! | anything else within a zone | published |

use std::collections::{HashMap, HashSet};

use crate::cluster::pool::PoolId;
use crate::config::Published;
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::RawPool;
use crate::config::raw::choice::RawHttpsRecord;
use crate::config::raw::scalar::quoted;
use crate::config::raw::table::Table;
use crate::config::zones::{LoadedZone, LoadedZones};
use crate::zone::name::Name;
use crate::zone::record::{FilePosition, Record};

/// NS (RFC 1035 §3.2.2).
pub const NS: u16 = 2;
/// DNAME (RFC 6672).
pub const DNAME: u16 = 39;

/// A name of a pool, and its path.
#[derive(Debug)]
pub struct Named<'a> {
    pub published: Published,
    pub pool: &'a str,
    pub path: KeyPath,
    /// Whether the pool answers HTTPS at this name too.
    pub has_https: bool,
}

pub fn check<'a>(
    raw: &'a Table<RawPool>,
    zones: &LoadedZones,
    report: &mut Report<'_>,
) -> Vec<Named<'a>> {
    let mut named: Vec<Named<'a>> = vec![];
    let mut seen: HashMap<Name, usize> = HashMap::new();
    for ((pool, raw), id) in raw.0.iter().zip(0..) {
        let path = KeyPath::root().key("pools").key(pool);
        let has_https = !matches!(raw.https, None | Some(RawHttpsRecord::Switch(false)));
        let names = names_of(raw, &path, report);
        for (index, text) in names.iter().enumerate() {
            let path = path.key("names").index(index);
            let Some(owner) = parse(text, &path, report) else { continue };
            if let Some(first) = seen.get(&owner).and_then(|&first| named.get(first)) {
                let message = format!("`{owner}` is a name of the pool `{}` already", first.pool);
                let help = "write each name once, at one pool";
                report.clash(&path, message, help, (&first.path, "the first one"));
                continue;
            }
            seen.insert(owner.clone(), named.len());
            let published = Published { owner, pool: PoolId(id) };
            named.push(Named { published, pool, path, has_https });
        }
    }
    check_zones(&named, zones, report);
    named
}

fn names_of<'a>(raw: &'a RawPool, path: &KeyPath, report: &mut Report<'_>) -> &'a [String] {
    let help = "write the domain names that the pool answers";
    match raw.names.as_deref() {
        None => report.missing(path, "names", help),
        Some([]) if report.has_items(&path.key("names")) => {}
        Some([]) => {
            report.error(&path.key("names"), "a pool without names", help);
        }
        Some(names) => return names,
    }
    &[]
}

fn parse(text: &str, path: &KeyPath, report: &mut Report<'_>) -> Option<Name> {
    match Name::parse(text) {
        Ok(name) if name.is_wildcard() => {
            let message = format!("{} is a wildcard", quoted(text));
            report.error(path, message, "write the names one by one");
        }
        Ok(name) => return Some(name),
        Err(fault) => {
            let message = format!("{} is no domain name: {fault}", quoted(text));
            let help = fault.help().unwrap_or("write a name such as www.example.com");
            report.error(path, message, help);
        }
    }
    None
}

fn check_zones(named: &[Named<'_>], zones: &LoadedZones, report: &mut Report<'_>) {
    let apexes: HashSet<&Name> = zones.apexes.iter().collect();
    let cuts: HashMap<&Name, (&LoadedZone, EndsOfZone<'_>)> =
        zones.loaded.iter().map(|loaded| (&loaded.zone.apex, (loaded, cuts_of(loaded)))).collect();
    for Named { published: Published { owner, .. }, path, .. } in named {
        let Some(apex) = apex_of(owner, &apexes) else {
            if zones.is_complete {
                let known: Vec<String> = zones.apexes.iter().take(5).map(Name::to_string).collect();
                let help = format!("write a name within {}, or add its zone", known.join(" or "));
                let message = format!("`{owner}` is in none of the zones");
                report.error(path, message, help);
            }
            continue;
        };
        let Some((loaded, cuts)) = cuts.get(&apex) else { continue };
        let Some((cut, rtype, place)) = cut_over(owner, &apex, cuts) else { continue };
        let (what, help) = match rtype {
            NS => ("delegates", "remove the NS records, or serve that zone here"),
            _ => ("redirects", "remove the DNAME record, or write another name"),
        };
        let at = loaded.say(place);
        report.error(path, format!("the zone {what} `{cut}` elsewhere, at {at}"), help);
    }
}

/// The zone that answers for `owner`: the one with the longest apex.
fn apex_of(owner: &Name, apexes: &HashSet<&Name>) -> Option<Name> {
    let mut at = Some(owner.clone());
    while let Some(name) = at {
        if apexes.contains(&name) {
            return Some(name);
        }
        at = name.parent();
    }
    None
}

/// Names below which a zone does not answer: the type of the record that ends it, and its place.
type EndsOfZone<'a> = HashMap<&'a Name, (u16, FilePosition)>;

fn cuts_of(loaded: &LoadedZone) -> EndsOfZone<'_> {
    let zone = &loaded.zone;
    let is_cut = |record: &&Record| match record.rtype {
        NS => *zone.owner(record) != zone.apex,
        DNAME => true,
        _ => false,
    };
    zone.records
        .iter()
        .filter(is_cut)
        .map(|record| (zone.owner(record), (record.rtype, record.place)))
        .collect()
}

/// A zone cut includes its own name, a DNAME does not (RFC 6672 §2.3).
fn cut_over(owner: &Name, apex: &Name, cuts: &EndsOfZone<'_>) -> Option<(Name, u16, FilePosition)> {
    let mut at = Some(owner.clone());
    while let Some(name) = at.filter(|name| name.is_within(apex)) {
        if let Some(&(rtype, place)) = cuts.get(&name)
            && (rtype == NS || name != *owner)
        {
            return Some((name, rtype, place));
        }
        at = name.parent();
    }
    None
}

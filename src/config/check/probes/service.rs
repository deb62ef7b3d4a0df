//! `mysql:`, `redis:`, `dns:` and `grpc:` of a check.

use std::path::Path;

use crate::cluster::check::Probe;
use crate::cluster::service::{DnsProbe, GrpcProbe, MysqlProbe, Question, RedisProbe};
use crate::cluster::trust::Tls;
use crate::config::check::probes::{port, required_port, tls};
use crate::config::check::report::Report;
use crate::config::key_path::KeyPath;
use crate::config::raw::scalar::quoted;
use crate::config::raw::service::{Counts, RawDnsProbe, RawGrpc, RawMysql, RawRedis, RawTlsKeys};
use crate::rcode::Rcode;
use crate::zone::name::Name;
use crate::zone::rdata::table;

const MYSQL_PORT: u16 = 3306;
const REDIS_PORT: u16 = 6379;
const DNS_PORT: u16 = 53;
const CLASS_IN: u16 = 1;
/// Octets of a gRPC service's name.
const MAX_SERVICE: usize = 255;

pub fn mysql(raw: &RawMysql) -> Probe {
    let full = raw.too_many_connections.map_or(Counts::Down, |counts| counts.0);
    Probe::Mysql(MysqlProbe { port: port(raw.port, MYSQL_PORT), full_is_up: full == Counts::Up })
}

pub fn redis(
    raw: &RawRedis,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Probe> {
    let tls = within_tls(raw.tls.as_ref(), folder, path, report)?;
    Some(Probe::Redis(RedisProbe { port: port(raw.port, REDIS_PORT), tls }))
}

/// `None` after a fault.
fn within_tls(
    raw: Option<&RawTlsKeys>,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Option<Tls>> {
    let Some(raw) = raw else { return Some(None) };
    let keys = tls::Keys { sni: &raw.sni, verify: raw.verify, ca_file: &raw.ca_file };
    tls::check(&keys, folder, &path.key("tls"), report).map(Some)
}

pub fn dns(raw: &RawDnsProbe, path: &KeyPath, report: &mut Report<'_>) -> Option<Probe> {
    let question = question(raw, path, report)?;
    Some(Probe::Dns(DnsProbe {
        port: port(raw.port, DNS_PORT),
        question,
        tcp: raw.tcp.is_some_and(|tcp| tcp.0.0),
        recursion: raw.recursion.is_some_and(|recursion| recursion.0.0),
        expect: raw.expect.map_or(Rcode::NOERROR, |rcode| rcode.0),
    }))
}

fn question(raw: &RawDnsProbe, path: &KeyPath, report: &mut Report<'_>) -> Option<Question> {
    let written = raw.rrtype.as_deref().unwrap_or("SOA");
    let rrtype = table::type_number(&written.to_ascii_uppercase());
    if rrtype.is_none() {
        let message = format!("unknown type {}", quoted(written));
        report.error(&path.key("type"), message, "write one such as SOA, A or TYPE65");
    }
    let Some(name) = &raw.name else {
        report.missing(path, "name", "write a name that every member answers for");
        return None;
    };
    let Ok(wire) = Name::parse(name) else {
        let message = format!("{} is no name", quoted(name));
        report.error(&path.key("name"), message, "write one such as midominio.com");
        return None;
    };
    let mut octets = wire.as_wire().to_vec();
    octets.extend(rrtype?.to_be_bytes());
    octets.extend(CLASS_IN.to_be_bytes());
    Some(Question { wire: octets.into(), text: format!("{name} {written}") })
}

pub fn grpc(
    raw: &RawGrpc,
    folder: &Path,
    path: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Probe> {
    let tls = within_tls(raw.tls.as_ref(), folder, path, report);
    let service = raw.service.clone().unwrap_or_default();
    let fits = service.len() <= MAX_SERVICE;
    if !fits {
        let help = format!("write at most {MAX_SERVICE} octets");
        report.error(&path.key("service"), format!("a name of {} octets", service.len()), help);
    }
    let port = required_port(raw.port, path, report)?;
    let tls = tls?;
    fits.then_some(Probe::Grpc(GrpcProbe { port, service, tls }))
}

//! Writes a reply in the form of `dig`.

use std::fmt::Write;

use data_encoding::HEXLOWER;
use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::serialize::binary::{BinDecodable, BinEncodable};

use crate::rcode::Rcode;
use crate::snapshot::message::has_compressible_names;
use crate::zone::rdata::present::RdataText;
use crate::zone::rdata::table::type_name;

/// Extended errors that this server sends (RFC 8914 §5.2).
const EXTENDED_ERRORS: [(u16, &str); 3] =
    [(18, "Prohibited"), (20, "Not Authoritative"), (21, "Not Supported")];

/// A whole message; `None` when the octets are no DNS message.
pub fn message(reply: &[u8]) -> Option<String> {
    let message = Message::from_bytes(reply).ok()?;
    let mut text = header(&message);
    if let Some(edns) = &message.edns {
        text.push_str(&opt(edns));
    }
    if !message.queries.is_empty() {
        text.push_str("\n;; QUESTION SECTION:\n");
    }
    for query in &message.queries {
        let name = padded(&query.name().to_string(), 23);
        let class = query.query_class();
        let _ = writeln!(text, ";{name}\t{class}\t{}", type_name(query.query_type().into()));
    }
    for (title, records) in [
        ("ANSWER", &message.answers),
        ("AUTHORITY", &message.authorities),
        ("ADDITIONAL", &message.additionals),
    ] {
        if !records.is_empty() {
            let _ = writeln!(text, "\n;; {title} SECTION:");
        }
        for record in records {
            text.push_str(&line(record));
            text.push('\n');
        }
    }
    Some(text)
}

fn header(message: &Message) -> String {
    let meta = &message.metadata;
    let rcode = rcode_name(rcode(message));
    let flags: String = [
        (true, " qr"),
        (meta.authoritative, " aa"),
        (meta.truncation, " tc"),
        (meta.recursion_desired, " rd"),
        (meta.recursion_available, " ra"),
        (meta.authentic_data, " ad"),
        (meta.checking_disabled, " cd"),
    ]
    .into_iter()
    .filter_map(|(set, flag)| set.then_some(flag))
    .collect();
    let additional = message.additionals.len() + usize::from(message.edns.is_some());
    format!(
        ";; ->>HEADER<<- opcode: {}, status: {rcode}, id: {}\n\
         ;; flags:{flags}; QUERY: {}, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {additional}\n",
        meta.op_code.to_string().to_uppercase(),
        meta.id,
        message.queries.len(),
        message.answers.len(),
        message.authorities.len(),
    )
}

/// The rcode with its upper bits, which EDNS carries (RFC 6891 §6.1.3).
pub fn rcode(message: &Message) -> Rcode {
    let high = message.edns.as_ref().map_or(0, |edns| u16::from(edns.rcode_high()));
    Rcode(high << 4 | u16::from(message.metadata.response_code) & 15)
}

/// The mnemonic of an rcode; `RCODE11` for a number without one.
pub fn rcode_name(rcode: Rcode) -> String {
    rcode.mnemonic().map_or_else(|| format!("RCODE{}", rcode.0), str::to_owned)
}

fn opt(edns: &Edns) -> String {
    let flags = if edns.flags().dnssec_ok { " do" } else { "" };
    let mut text = format!(
        "\n;; OPT PSEUDOSECTION:\n; EDNS: version: {}, flags:{flags}; udp: {}\n",
        edns.version(),
        edns.max_payload()
    );
    for (code, option) in edns.options().as_ref() {
        text.push_str(&match option {
            EdnsOption::NSID(nsid) => format!("; NSID: {}\n", words(nsid.as_ref())),
            EdnsOption::Unknown(code, value) => unknown_option(*code, value),
            _ => format!("; OPT={}\n", u16::from(*code)),
        });
    }
    text
}

/// The library has no type for COOKIE, tcp-keepalive and extended errors.
fn unknown_option(code: u16, value: &[u8]) -> String {
    match (code, value) {
        (10, _) => format!("; COOKIE: {}\n", HEXLOWER.encode(value)),
        (11, [high, low]) => {
            let units = u16::from_be_bytes([*high, *low]);
            format!("; TCP-KEEPALIVE: {}.{} secs\n", units / 10, units % 10)
        }
        (15, [high, low, text @ ..]) => {
            let number = u16::from_be_bytes([*high, *low]);
            let name = EXTENDED_ERRORS.iter().find(|(code, _)| *code == number);
            let name = name.map(|(_, name)| format!(" ({name})")).unwrap_or_default();
            let text = if text.is_empty() { String::new() } else { format!(": {}", words(text)) };
            format!("; EDE: {number}{name}{text}\n")
        }
        _ => format!("; OPT={code}: {}\n", HEXLOWER.encode(value)),
    }
}

fn words(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).escape_debug().to_string()
}

/// One record: owner, TTL, class, type, RDATA.
pub fn line(record: &Record) -> String {
    let owner = padded(&record.name.to_string(), 23);
    let rtype = u16::from(record.record_type());
    let rdata = match record.data.to_bytes() {
        Ok(rdata) if !has_compressible_names(rtype) => {
            RdataText { rtype, rdata: &rdata }.to_string()
        }
        // Outside of its message a compressed name would be read as another name.
        _ => record.data.to_string(),
    };
    format!("{owner}\t{}\t{}\t{}\t{rdata}", record.ttl, record.dns_class, type_name(rtype))
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

//! The table of `edns.rs`. A name in brackets is the one that the public testers use.

use tiovivo::zone::name::Name;

use crate::edns::Want::{
    self, AtMost, CookieIfAny, Do, Header, NoDo, NoOpt, NoOption, NoRecords, Nsid, Opt, Question,
    Rcode, RcodeOf, Silence, Soa, Truncated,
};
use crate::edns::{LARGE, Row, over_tcp, with_edns};
use crate::wire::{AA, AD, CD, DO, OPCODE, Query, RA, RD, TC, Z, rtype};

const NOERROR: Want = Rcode(0);
const FORMERR: Want = Rcode(1);
const NOTIMP: Want = Rcode(4);
const REFUSED: Want = Rcode(5);
const BADVERS: Want = Rcode(16);
/// No query at all, and which of two words a server finds for it is its own affair.
const NO_QUERY: Want = RcodeOf(&[1, 4, 5]);

const fn row(name: &'static str, ask: fn(&mut Query), want: &'static [Want]) -> Row {
    Row { name, ask, patch: |_| {}, want, nsd: &[] }
}

const fn octets(name: &'static str, patch: fn(&mut Vec<u8>), want: &'static [Want]) -> Row {
    Row { name, ask: |_| {}, patch, want, nsd: &[] }
}

const fn but(row: Row, nsd: &'static [Want]) -> Row {
    Row { nsd, ..row }
}

pub const ROWS: &[Row] = &[
    // RFC 8906 §8.1: the server without EDNS.
    row("plain [dns] §8.1.1", |_| {}, &[NOERROR, Soa, NoOpt]),
    row("unknown type [type666] §8.1.2", |q| q.qtype = 666, &[NOERROR, NoOpt]),
    row("CD [cd] §8.1.3.1", |q| q.flags = CD, &[NOERROR, Soa, NoOpt]),
    row("AD [ad] §8.1.3.2", |q| q.flags = AD, &[NOERROR, Soa, NoOpt]),
    row("the reserved bit [zflag] §8.1.3.3", |q| q.flags = Z, &[NOERROR, Soa, NoOpt]),
    row("RD [rd] §8.1.3.4", |q| q.flags = RD, &[NOERROR, Soa, NoOpt]),
    row("AA [aa]", |q| q.flags = AA, &[NOERROR, Soa, NoOpt]),
    row("TC [tc]", |q| q.flags = TC, &[NOERROR, Soa, NoOpt]),
    row("RA [ra]", |q| q.flags = RA, &[NOERROR, Soa, NoOpt]),
    row("all at once", |q| q.flags = AA | RD | RA | Z | AD | CD, &[NOERROR, Soa, NoOpt]),
    row("opcode 15 [opcode] §8.1.4", |q| q.flags = OPCODE, &[NOTIMP, NoRecords]),
    but(
        row(
            "opcode 15 and flags [opcodeflg]",
            |q| q.flags = OPCODE | AA | RD | RA | Z | AD | CD,
            &[NOTIMP, NoRecords],
        ),
        &[Header],
    ),
    row("opcode IQUERY", |q| q.flags = 1 << 11, &[NOTIMP, NoRecords]),
    row("opcode STATUS", |q| q.flags = 2 << 11, &[NOTIMP, NoRecords]),
    row("opcode UPDATE", |q| q.flags = 5 << 11, &[RcodeOf(&[4, 5]), NoRecords]),
    row("opcode NOTIFY", |q| q.flags = 4 << 11 | AA, &[RcodeOf(&[4, 5, 9]), NoRecords]),
    row("TCP [tcp] §8.1.5", over_tcp, &[NOERROR, Soa, NoOpt]),
    // An OPT comes back with an error, too (RFC 6891 §7). NSD sends a bare header.
    but(
        row("opcode 15 with EDNS", |q| opcode(q, 15), &[NOTIMP, NoRecords, Opt, Do, Question]),
        BARE,
    ),
    but(row("IQUERY with EDNS", |q| opcode(q, 1), &[NOTIMP, NoRecords, Opt, Do, Question]), BARE),
    but(row("STATUS with EDNS", |q| opcode(q, 2), &[NOTIMP, NoRecords, Opt, Do, Question]), BARE),
    but(row("UPDATE with EDNS", |q| opcode(q, 5), &[RcodeOf(&[4, 5, 9]), Opt, Do, Question]), BARE),
    but(
        row("NOTIFY with EDNS", |q| opcode(q, 4), &[RcodeOf(&[0, 4, 5, 9]), Opt, Do, Question]),
        BARE,
    ),
    but(
        row(
            "opcode 15 with EDNS 1",
            |q| (opcode(q, 15), with_edns(q).version = 1).1,
            &[BADVERS, NoRecords, Opt, Question],
        ),
        &[BADVERS, Opt, Question],
    ),
    but(
        octets(
            "no question, EDNS",
            |m| (m.truncate(12), m[5] = 0, m[11] = 1, m.extend(OPT)).3,
            &[FORMERR, NoRecords, Opt],
        ),
        &[FORMERR],
    ),
    but(
        octets(
            "two OPT and a question",
            |m| (m[11] = 2, m.extend(OPT), m.extend(OPT)).2,
            &[FORMERR, NoOpt, Question],
        ),
        BARE,
    ),
    // RFC 8906 §8.2: the server with EDNS.
    row("EDNS [edns] §8.2.1", |q| with_edns(q).size = 4096, &[NOERROR, Soa, Opt, NoDo]),
    row("version 1 [edns1] §8.2.2", |q| with_edns(q).version = 1, &[BADVERS, NoRecords, Opt]),
    row("version 255", |q| with_edns(q).version = 255, &[BADVERS, NoRecords, Opt]),
    row(
        "unknown option [ednsopt] §8.2.3",
        |q| with_edns(q).options = vec![(100, vec![])],
        &[NOERROR, Soa, Opt, NoOption(100)],
    ),
    row("unknown flag [ednsflags] §8.2.4", |q| with_edns(q).flags = 0x40, &[NOERROR, Soa, Opt]),
    row("every flag", |q| with_edns(q).flags = 0xffff, &[NOERROR, Soa, Opt, Do]),
    row(
        "version 1, unknown flag [edns1flags] §8.2.5",
        |q| (with_edns(q).version, with_edns(q).flags) = (1, 0x40),
        &[BADVERS, NoRecords, Opt],
    ),
    row(
        "version 1, unknown option [edns1opt] §8.2.6",
        |q| (with_edns(q).version, with_edns(q).options) = (1, vec![(100, vec![])]),
        &[BADVERS, NoRecords, Opt, NoOption(100)],
    ),
    row("truncated [edns512] §8.2.7", large, &[NOERROR, Truncated, AtMost(512), Opt, Do]),
    row("DO [do] §8.2.8", |q| with_edns(q).flags = DO, &[NOERROR, Soa, Opt, Do]),
    row(
        "version 1, DO [edns1do] §8.2.9",
        |q| (with_edns(q).version, with_edns(q).flags) = (1, DO),
        &[BADVERS, NoRecords, Opt],
    ),
    row("known options [optlist] §8.2.10", known_options, &[NOERROR, Soa, Opt, Nsid, CookieIfAny]),
    row("NSID [ednsnsid]", |q| with_edns(q).options = vec![(3, vec![])], &[NOERROR, Soa, Nsid]),
    row("cookie [docookie]", cookie, &[NOERROR, Soa, Opt, Do, CookieIfAny]),
    row(
        "client subnet [ednssubnet]",
        |q| with_edns(q).options = vec![(8, vec![0, 1, 0, 0])],
        &[NOERROR, Soa, Opt],
    ),
    row("expire [ednsexpire]", |q| with_edns(q).options = vec![(9, vec![])], &[NOERROR, Soa, Opt]),
    row(
        "keepalive over TCP",
        |q| (over_tcp(q), with_edns(q).options = vec![(11, vec![])]).1,
        &[NOERROR, Soa, Opt],
    ),
    row("padding", |q| with_edns(q).options = vec![(12, vec![0; 100])], &[NOERROR, Soa, Opt]),
    row(
        "EDNS over TCP [ednstcp]",
        |q| (over_tcp(q), with_edns(q).flags = DO).1,
        &[NOERROR, Soa, Do],
    ),
    row("truncated, then TCP [edns512tcp]", |q| (large(q), over_tcp(q)).1, &[NOERROR, Opt, Do]),
    row("as BIND 9.11 asks [bind11]", |q| (cookie(q), q.flags = 0).1, &[NOERROR, Soa, Opt, Do]),
    row("as dig 9.11 asks [dig11]", |q| (cookie(q), q.flags = RD | AD).1, &[NOERROR, Soa, Opt]),
    row("size 0", |q| with_edns(q).size = 0, &[NOERROR, Soa, Opt]),
    row("large without EDNS", |q| (large(q), q.edns = None).1, &[NOERROR, Truncated, NoOpt]),
    // Questions that no zone answers.
    row("class CH", |q| q.class = 3, &[REFUSED, NoRecords]),
    row("class HS", |q| q.class = 4, &[REFUSED, NoRecords]),
    but(row("class ANY", |q| q.class = 255, &[REFUSED, NoRecords]), &[REFUSED, NoRecords]),
    row("not our zone", |q| q.name = name("example"), &[REFUSED, NoRecords]),
    row("the root", |q| q.name = Name::root(), &[REFUSED, NoRecords]),
    row("AXFR over UDP", |q| q.qtype = rtype::AXFR, &[NO_QUERY, NoRecords]),
    row("AXFR over TCP", |q| (over_tcp(q), q.qtype = rtype::AXFR).1, &[REFUSED, NoRecords]),
    but(row("type OPT", |q| q.qtype = rtype::OPT, &[NO_QUERY]), &[NO_QUERY]),
    but(row("type TSIG", |q| q.qtype = 250, &[NO_QUERY]), &[NO_QUERY]),
    but(row("type MAILB", |q| q.qtype = 253, &[NO_QUERY]), &[NO_QUERY]),
    row("type 0", |q| q.qtype = 0, &[RcodeOf(&[0, 1, 4, 5])]),
    // Octets that are no query.
    octets("QR set", |m| m[2] |= 0x80, &[Silence]),
    octets("a short header", |m| m.truncate(11), &[Silence]),
    octets("a header alone", |m| m.truncate(12), &[FORMERR, NoRecords]),
    octets("no question", |m| (m.truncate(12), m[5] = 0).1, &[FORMERR, NoRecords]),
    octets("two questions", |m| (m[5] = 2, m.extend_from_within(12..)).1, &[FORMERR]),
    octets("a question cut off", |m| m.truncate(20), &[FORMERR]),
    octets("a question without class", |m| m.truncate(m.len() - 2), &[FORMERR]),
    octets("a pointer to itself", |m| m[12..14].copy_from_slice(&[0xc0, 12]), &[FORMERR]),
    octets("a label of type 01", |m| m[12] = 0x41, &[FORMERR]),
    octets("an answer in the query", |m| (m[7] = 1, m.extend(OPT)).1, &[FORMERR]),
    octets("two OPT", |m| (m[11] = 2, m.extend(OPT), m.extend(OPT)).2, &[FORMERR]),
    octets(
        "an OPT below the root",
        |m| (m[11] = 1, m.extend(b"\x01x"), m.extend(OPT)).2,
        &[FORMERR],
    ),
    octets("an OPT cut off", |m| (m[11] = 1, m.extend(&OPT[..9])).1, &[FORMERR]),
    octets("an option cut off", |m| (m[11] = 1, m.extend(CUT_OPTION)).1, &[FORMERR]),
    octets("octets behind the question", |m| m.extend(b"tail"), &[RcodeOf(&[0, 1])]),
];

/// What a reply of a header alone lacks.
const BARE: &[Want] = &[Opt, Do, Question];

fn opcode(query: &mut Query, opcode: u16) {
    query.flags = opcode << 11 | RD;
    with_edns(query).flags = DO;
}

const OPT: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
const CUT_OPTION: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\x05\0\x03\0\x09x";

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn large(query: &mut Query) {
    (query.name, query.qtype) = (name(LARGE), rtype::TXT);
    let edns = with_edns(query);
    (edns.size, edns.flags) = (512, DO);
}

fn cookie(query: &mut Query) {
    let edns = with_edns(query);
    (edns.flags, edns.options) = (DO, vec![(10, vec![1, 2, 3, 4, 5, 6, 7, 8])]);
}

fn known_options(query: &mut Query) {
    let client = vec![1, 2, 3, 4, 5, 6, 7, 8];
    let options = vec![(3, vec![]), (8, vec![0, 1, 0, 0]), (9, vec![]), (10, client)];
    with_edns(query).options = options;
}

//! Reads the EDNS options of a query, and writes those of the reply.
//!
//! | option | in the query | in the reply |
//! |---|---|---|
//! | COOKIE (RFC 7873) | 8 octets or 16 to 40, else FORMERR | the client's and a new one of ours |
//! | tcp-keepalive (RFC 7828) | empty, else FORMERR; over TCP and TLS only | the idle limit |
//! | padding (RFC 7830) | anything; ignored over UDP and TCP | up to a multiple of 468 |
//! | NSID (RFC 5001) | anything | this server's name, when it has one |
//! | extended error (RFC 8914) | ignored | with REFUSED and NOTIMP, asked for or not |
//! | any other | ignored (RFC 6891 §6.1.2) | |
//!
//! Room for COOKIE, keepalive and NSID is reserved before any record is written. Replies with an
//! extended error are short and have room for it; an option that does not fit is left out.
//!
//! For a query without EDNS or without options, nothing here is called, except for extended errors.

use crate::dns::cookie::{self, CLIENT_LEN, Cookie, SERVER_LEN};
use crate::dns::exchange::{Client, Transport};
use crate::dns::explain::Reason;
use crate::dns::query::{Query, options};
use crate::snapshot::identity::Identity;
use crate::zone::lower::LowerName;

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
/// The code of the padding option.
pub const PADDING: u16 = 12;
const EXTENDED_ERROR: u16 = 15;
/// Octets of code and length.
const OPTION_HEAD: usize = 4;
/// The length of a padded reply is a multiple of this number of octets (RFC 8467 §4.1).
const BLOCK: usize = 468;

/// The options that this server supports. The first of each kind counts (RFC 7873 §5.2).
#[derive(Debug, Clone, Copy, Default)]
struct RequestedOptions<'q> {
    cookie: Option<&'q [u8]>,
    keep_alive: Option<&'q [u8]>,
    nsid: bool,
    padding: bool,
}

impl<'q> RequestedOptions<'q> {
    fn read(rdata: &'q [u8], client: &Client) -> RequestedOptions<'q> {
        let mut requested = RequestedOptions::default();
        for (code, value) in options(rdata).flatten() {
            match code {
                COOKIE => requested.cookie = requested.cookie.or(Some(value)),
                TCP_KEEPALIVE if client.idle.is_some() => {
                    requested.keep_alive = requested.keep_alive.or(Some(value));
                }
                NSID => requested.nsid = true,
                PADDING => requested.padding = client.transport == Transport::Encrypted,
                _ => {}
            }
        }
        requested
    }
}

/// Whether an option is malformed, so that the reply is FORMERR.
#[cold]
pub fn is_malformed(rdata: &[u8], client: &Client) -> bool {
    let requested = RequestedOptions::read(rdata, client);
    requested.cookie.is_some_and(|value| Cookie::read(value).is_none())
        || requested.keep_alive.is_some_and(|value| !value.is_empty())
}

/// Whether the query has the option edns-tcp-keepalive, which QUIC forbids (RFC 9250 §5.5.2).
#[cold]
pub fn asks_keep_alive(message: &[u8]) -> bool {
    let query = Query::parse(message, &mut LowerName::default());
    let edns = query.ok().and_then(|query| query.edns).unwrap_or_default();
    options(edns.options).flatten().any(|(code, _)| code == TCP_KEEPALIVE)
}

/// The query's cookie, if it is well-formed.
pub fn cookie<'q>(rdata: &'q [u8], client: &Client) -> Option<Cookie<'q>> {
    RequestedOptions::read(rdata, client).cookie.and_then(Cookie::read)
}

/// Octets of the reply's options, without padding and extended error.
#[cold]
pub fn len(rdata: &[u8], identity: &Identity, client: &Client) -> usize {
    let requested = RequestedOptions::read(rdata, client);
    let mut len = 0;
    if requested.cookie.is_some() && identity.cookies.first().is_some() {
        len += OPTION_HEAD + CLIENT_LEN + SERVER_LEN;
    }
    if requested.keep_alive.is_some() {
        len += OPTION_HEAD + 2;
    }
    if requested.nsid && !identity.nsid.is_empty() {
        len += OPTION_HEAD + identity.nsid.len();
    }
    len
}

/// Writes options behind the OPT record that ends at octet `at` of `out`, which is as long as the
/// reply may be; returns the new end.
#[cold]
pub fn write(
    out: &mut [u8],
    at: usize,
    rdata: &[u8],
    identity: &Identity,
    client: &Client,
    reason: Option<Reason>,
) -> usize {
    let requested = RequestedOptions::read(rdata, client);
    let mut writer = OptionWriter { out, start: at, end: at };
    if let Some(cookie) = requested.cookie.and_then(Cookie::read)
        && let Some(secret) = identity.cookies.first()
    {
        let server = cookie::make(secret, cookie.client, client.address, client.now);
        writer.option(COOKIE, cookie.client, &server);
    }
    if let (Some([]), Some(idle)) = (requested.keep_alive, client.idle) {
        writer.option(TCP_KEEPALIVE, &idle.to_be_bytes(), &[]);
    }
    if requested.nsid && !identity.nsid.is_empty() {
        writer.option(NSID, &identity.nsid, &[]);
    }
    if let Some(reason) = reason {
        writer.option(EXTENDED_ERROR, &reason.code().to_be_bytes(), reason.text().as_bytes());
    }
    if requested.padding {
        let octets = padding(writer.end, writer.out.len());
        writer.option(PADDING, octets, &[]);
    }
    writer.end
}

/// The value of the padding option behind a message of `len` octets: zeros (RFC 7830 §3) up to the
/// end of the block, or up to `limit` when that comes first.
pub fn padding(len: usize, limit: usize) -> &'static [u8] {
    static ZEROS: [u8; BLOCK] = [0; BLOCK];
    let bare = len + OPTION_HEAD;
    let padded = bare.next_multiple_of(BLOCK).min(limit);
    ZEROS.get(..padded.saturating_sub(bare)).unwrap_or_default()
}

/// Writes options, and keeps RDLENGTH, the last two octets before `start`, equal to their length.
struct OptionWriter<'m> {
    out: &'m mut [u8],
    start: usize,
    end: usize,
}

impl OptionWriter<'_> {
    /// Writes the whole option or nothing. Its value is `first` followed by `second`.
    fn option(&mut self, code: u16, first: &[u8], second: &[u8]) {
        let _ = self.try_option(code, first, second);
    }

    fn try_option(&mut self, code: u16, first: &[u8], second: &[u8]) -> Option<()> {
        let length = first.len() + second.len();
        let end = self.end + OPTION_HEAD + length;
        let whole = u16::try_from(end - self.start).ok()?;
        let room = self.out.get_mut(self.end..end)?;
        let (head, value) = room.split_at_mut_checked(OPTION_HEAD)?;
        let (to_first, to_second) = value.split_at_mut_checked(first.len())?;
        let [code_high, code_low] = code.to_be_bytes();
        let [length_high, length_low] = (length as u16).to_be_bytes();
        head.copy_from_slice(&[code_high, code_low, length_high, length_low]);
        to_first.copy_from_slice(first);
        to_second.copy_from_slice(second);
        self.end = end;
        self.out.get_mut(self.start - 2..self.start)?.copy_from_slice(&whole.to_be_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::identity::CookieSecrets;

    const AT: usize = 40;

    #[test]
    fn an_option_is_written_whole_or_not_at_all() {
        let identity = Identity {
            nsid: vec![b'n'; 255].into(),
            cookies: CookieSecrets::new(vec![[7; 16]]),
            ..Identity::default()
        };
        let address = "192.0.2.1".parse().unwrap();
        let client = Client { address, transport: Transport::Stream, idle: Some(100), now: 0 };
        let rdata = b"\0\x03\0\0\0\x0a\0\x08abcdefgh\0\x0b\0\0\0\x0a\0\x01x";
        assert!(!is_malformed(rdata, &client), "the first cookie counts");
        let reserved = len(rdata, &identity, &client);
        let reason = Some(Reason::NotAuthoritative);
        for room in 0..reserved + 10 {
            let mut out = vec![0; AT + room];
            let end = write(&mut out, AT, rdata, &identity, &client, reason);
            let written: Vec<_> = options(&out[AT..end]).map(|option| option.unwrap().0).collect();
            assert_eq!(out[AT - 2..AT], ((end - AT) as u16).to_be_bytes());
            assert_eq!(written.contains(&COOKIE), room >= 28, "{room}");
            assert_eq!(written.contains(&NSID), room >= reserved, "{room}");
            if room >= reserved + 6 {
                assert_eq!(written, [COOKIE, TCP_KEEPALIVE, NSID, EXTENDED_ERROR]);
            }
        }
    }

    #[test]
    fn padding_ends_with_a_block_or_with_the_limit() {
        for len in [12, 100, 463, 464, 465, 936, 65_000] {
            let whole = len + OPTION_HEAD + padding(len, 65_535).len();
            assert_eq!(whole % BLOCK, 0, "{len}");
            assert!(whole < len + OPTION_HEAD + BLOCK, "{len}");
        }
        assert_eq!(padding(65_520, 65_535).len(), 11);
        assert_eq!(padding(65_535, 65_535).len(), 0);
    }
}

//! Makes and checks server cookies of version 1 (RFC 9018). Every name server with the same secret
//! makes and accepts the same cookies: behind one address, or after a restart, a client keeps its
//! cookie.
//!
//! ```text
//! client's 8 octets | version 1 | reserved 3 | seconds 4 | SipHash-2-4 of these and the address 8
//! ```
//!
//! A query with a wrong cookie is answered nevertheless, with a right cookie in the reply.
//! Cookies are never demanded (BADCOOKIE, RFC 7873 §5.2.3), because there is no rate limit yet from
//! which a cookie could exempt. Only the reply to a query without a question says whether the
//! cookie is right.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::snapshot::identity::{CookieSecrets, SECRET_LEN};

/// Octets of a client cookie (RFC 7873 §4).
pub const CLIENT_LEN: usize = 8;
/// Octets of our server cookies.
pub const SERVER_LEN: usize = 16;
/// Octets of a server cookie of any server (RFC 7873 §4).
const SERVER_LENS: std::ops::RangeInclusive<usize> = 8..=32;
const VERSION: u8 = 1;
/// Seconds for which a cookie is valid (RFC 9018 §4.3).
const MAX_AGE: u32 = 3600;
/// Seconds by which the clock of the server that made a cookie may be ahead of ours (§4.3).
const MAX_AHEAD: u32 = 300;

/// The COOKIE option of a query.
#[derive(Debug, Clone, Copy)]
pub struct Cookie<'q> {
    pub client: &'q [u8; CLIENT_LEN],
    /// The server cookie, made by any server; empty when the client has none yet.
    pub server: &'q [u8],
}

impl<'q> Cookie<'q> {
    /// Reads the value of the option; `None` when its length is wrong.
    pub fn read(option: &'q [u8]) -> Option<Cookie<'q>> {
        let (client, server) = option.split_first_chunk()?;
        let is_right = server.is_empty() || SERVER_LENS.contains(&server.len());
        is_right.then_some(Cookie { client, server })
    }

    /// Whether a server with one of these secrets made the cookie for this client within the last
    /// hour.
    pub fn is_valid(&self, secrets: &CookieSecrets, address: IpAddr, now: u32) -> bool {
        let Some((fixed, hash)) = self.server.split_first_chunk::<8>() else { return false };
        let [version, _, _, _, made @ ..] = *fixed;
        // Serial number arithmetic (RFC 1982).
        let age = now.wrapping_sub(u32::from_be_bytes(made)) as i32;
        let is_young = -i64::from(MAX_AHEAD) <= age.into() && i64::from(age) <= MAX_AGE.into();
        let is_ours = |secret| is_same(&sign(secret, self.client, fixed, address), hash);
        version == VERSION && is_young && secrets.iter().any(is_ours)
    }
}

/// Makes a server cookie for a client. `now` is in Unix seconds.
pub fn make(
    secret: &[u8; SECRET_LEN],
    client: &[u8; CLIENT_LEN],
    address: IpAddr,
    now: u32,
) -> [u8; SERVER_LEN] {
    let [a, b, c, d] = now.to_be_bytes();
    let fixed = [VERSION, 0, 0, 0, a, b, c, d];
    let mut cookie = [0; SERVER_LEN];
    let (head, hash) = cookie.split_at_mut(fixed.len());
    head.copy_from_slice(&fixed);
    hash.copy_from_slice(&sign(secret, client, &fixed, address));
    cookie
}

/// The hash of a cookie (RFC 9018 §4.4). It covers the reserved octets, whatever their value.
fn sign(
    secret: &[u8; SECRET_LEN],
    client: &[u8; CLIENT_LEN],
    fixed: &[u8; 8],
    address: IpAddr,
) -> [u8; 8] {
    let mut message = [0; CLIENT_LEN + 8 + 16];
    let (cookies, place) = message.split_at_mut(CLIENT_LEN + 8);
    cookies[..CLIENT_LEN].copy_from_slice(client);
    cookies[CLIENT_LEN..].copy_from_slice(fixed);
    let len = match address.to_canonical() {
        IpAddr::V4(v4) => {
            place[..4].copy_from_slice(&v4.octets());
            CLIENT_LEN + 8 + 4
        }
        IpAddr::V6(v6) => {
            place.copy_from_slice(&v6.octets());
            CLIENT_LEN + 8 + 16
        }
    };
    SipHasher24::new_with_key(secret).hash(&message[..len]).to_le_bytes()
}

/// Compares in constant time.
fn is_same(ours: &[u8; 8], theirs: &[u8]) -> bool {
    let differ = ours.iter().zip(theirs).fold(0, |sum, (a, b)| sum | (a ^ b));
    theirs.len() == ours.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    /// The two clients of RFC 9018 Appendix A with an IPv4 address.
    const FIRST: (&str, &str) = ("2464c4abcf10c957", "198.51.100.100");
    const SECOND: (&str, &str) = ("fc93fc62807ddb86", "203.0.113.203");
    const SIXTH: (&str, &str) = ("22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8");

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    fn made(secret: &str, (client, address): (&str, &str), now: u32) -> String {
        let cookie = make(&hex(secret), &hex(client), address.parse().unwrap(), now);
        HEXLOWER.encode(&cookie)
    }

    fn is_valid(secrets: &[&str], (client, address): (&str, &str), server: &str, now: u32) -> bool {
        let secrets = CookieSecrets::new(secrets.iter().map(|secret| hex(secret)).collect());
        let (client, server) = (hex(client), HEXLOWER.decode(server.as_bytes()).unwrap());
        let cookie = Cookie { client: &client, server: &server };
        cookie.is_valid(&secrets, address.parse().unwrap(), now)
    }

    #[test]
    fn cookies_are_those_of_rfc_9018_appendix_a() {
        let first = "010000005cf79f111f8130c3eee29480";
        assert_eq!(made(SECRET, FIRST, 1_559_731_985), first);
        assert_eq!(made(SECRET, FIRST, 1_559_734_385), "010000005cf7a871d4a564a1442aca77");
        assert!(is_valid(&[SECRET], FIRST, first, 1_559_734_385));
        assert_eq!(made(SECRET, SECOND, 1_559_734_700), "010000005cf7a9acf73a7810aca2381e");
        let reserved = "01abcdef5cf78f71a314227b6679ebf5";
        assert!(is_valid(&[SECRET], SECOND, reserved, 1_559_728_000));
        let (old, new) = ("dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962");
        let before = "010000005cf7c57926556bd0934c72f8";
        assert_eq!(made(old, SIXTH, 1_559_741_817), before);
        assert_eq!(made(new, SIXTH, 1_559_741_961), "010000005cf7c609a6bb79d16625507a");
        assert!(is_valid(&[new, old], SIXTH, before, 1_559_741_961), "a roll-over");
        assert!(!is_valid(&[new], SIXTH, before, 1_559_741_961));
    }

    #[test]
    fn a_cookie_is_for_one_client_and_for_an_hour() {
        let now = 1_559_731_985;
        let cookie = made(SECRET, FIRST, now);
        assert!(!is_valid(&[SECRET], SECOND, &cookie, now));
        let other_place = (FIRST.0, SECOND.1);
        assert!(!is_valid(&[SECRET], other_place, &cookie, now));
        for (then, right) in [(now + 3600, true), (now + 3601, false), (now - 300, true)] {
            assert_eq!(is_valid(&[SECRET], FIRST, &cookie, then), right, "{then}");
        }
        assert!(!is_valid(&[SECRET], FIRST, &cookie, now - 301));
        let late = made(SECRET, FIRST, u32::MAX);
        assert!(is_valid(&[SECRET], FIRST, &late, 10), "the count begins again");
        assert!(!is_valid(&[SECRET], FIRST, &cookie.replacen("01", "02", 1), now));
        assert!(!is_valid(&[SECRET], FIRST, &cookie[..16], now), "cut off");
        assert!(!is_valid(&[SECRET], FIRST, &format!("{cookie}00"), now), "too long");
    }

    #[test]
    fn lengths_that_no_cookie_has_are_no_cookies() {
        for len in 0..=48 {
            let is_right = len == 8 || (16..=40).contains(&len);
            assert_eq!(Cookie::read(&vec![0; len]).is_some(), is_right, "{len}");
        }
    }
}

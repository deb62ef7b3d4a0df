//! A POST of the event, signed as Standard Webhooks has it: HMAC-SHA256 over id, time and body.
//!
//! Anything but a 2xx is a failure. No redirect, no proxy of the environment; the body of the
//! answer is not read.

use data_encoding::BASE64;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use ring::hmac;

use crate::clock::{Wall, wall};
use crate::cluster::hook::Secret;
use crate::cluster::trust::Trust;
use crate::health::probe::failure::Failure;
use crate::health::probe::{http, trust};
use crate::hooks::attempt::Failed;
use crate::hooks::event::Event;

/// Of the 4xx, those that ask for patience.
const LATER: [StatusCode; 3] =
    [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];

#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: String,
    key: Option<hmac::Key>,
}

impl Webhook {
    /// `None` when there is no client to be had; each attempt then says so.
    pub fn new(url: &str, secret: Option<&Secret>, trust: &Trust) -> Option<Webhook> {
        let tls = trust::client_config(trust)?;
        let client = http::client().tls_backend_preconfigured(tls).build().ok()?;
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.0));
        Some(Webhook { client, url: url.to_owned(), key })
    }

    pub async fn post(&self, event: &Event) -> Result<(), Failed> {
        let time = wall(Wall::Signature).as_second();
        let (id, body) = (event.message_id(), event.body());
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", time);
        if let Some(key) = &self.key {
            let signature = signature(key, &id, time, body);
            request = request.header("webhook-signature", signature);
        }
        let sent = request.body(body.to_owned()).send().await;
        judge(sent.map_err(|error| Failed::now(reason(&error)))?.status())
    }
}

fn judge(status: StatusCode) -> Result<(), Failed> {
    if status.is_success() {
        return Ok(());
    }
    let refused = status.is_client_error() && !LATER.contains(&status);
    Err(Failed { told: format!("HTTP {}, expected 2xx", status.as_u16()), refused })
}

fn signature(key: &hmac::Key, id: &str, time: i64, body: &str) -> String {
    let signed = format!("{id}.{time}.{body}");
    format!("v1,{}", BASE64.encode(hmac::sign(key, signed.as_bytes()).as_ref()))
}

/// In the words of a probe where it has some. The innermost cause says most; the URL is not told,
/// as it may hold a secret.
fn reason(error: &reqwest::Error) -> String {
    match http::reason(error) {
        Failure::Other(_) => {
            let mut cause: &dyn std::error::Error = error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            cause.to_string()
        }
        known => known.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_asks_for_no_patience_is_a_refusal() {
        let refused = |code| judge(StatusCode::from_u16(code).unwrap()).map_err(|f| f.refused);
        for code in [200, 204, 299] {
            assert_eq!(refused(code), Ok(()));
        }
        for code in [301, 308, 408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(refused(code), Err(false), "{code}");
        }
        for code in [400, 401, 403, 404, 409, 410, 413, 422, 451] {
            assert_eq!(refused(code), Err(true), "{code}");
        }
    }
}

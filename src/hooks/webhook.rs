//! A POST of the event, signed as Standard Webhooks has it: HMAC-SHA256 over id, time and body.
//!
//! Anything but a 2xx is a failure. No redirect, no proxy of the environment; the body of the
//! answer is not read.

use data_encoding::BASE64;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, retry};
use ring::hmac;

use crate::cluster::hook::Secret;
use crate::cluster::trust::Trust;
use crate::health::probe::trust;
use crate::hooks::event::Event;

const USER_AGENT: &str = concat!("tiovivo/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: String,
    key: Option<hmac::Key>,
}

impl Webhook {
    /// `None` when there is no client to be had; each attempt then says so.
    pub fn new(url: &str, secret: Option<&Secret>) -> Option<Webhook> {
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .redirect(Policy::none())
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .referer(false)
            .tls_backend_preconfigured(trust::client_config(&Trust::Public)?)
            .build()
            .ok()?;
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.0));
        Some(Webhook { client, url: url.to_owned(), key })
    }

    pub async fn post(&self, event: &Event, body: Vec<u8>) -> Result<(), String> {
        let time = Timestamp::now().as_second();
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", event.id)
            .header("webhook-timestamp", time);
        if let Some(key) = &self.key {
            request = request.header("webhook-signature", signature(key, event.id, time, &body));
        }
        let response = request.body(body).send().await.map_err(|error| reason(&error))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("HTTP {}, expected 2xx", status.as_u16())),
        }
    }
}

fn signature(key: &hmac::Key, id: u64, time: i64, body: &[u8]) -> String {
    let mut signed = format!("{id}.{time}.").into_bytes();
    signed.extend_from_slice(body);
    format!("v1,{}", BASE64.encode(hmac::sign(key, &signed).as_ref()))
}

/// The innermost cause says most; the URL is not told, as it may hold a secret.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

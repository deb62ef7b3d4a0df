//! Delivers an event by POST, signed as Standard Webhooks specifies: HMAC-SHA256 over id, time and
//! body.
//!
//! Any status but 2xx is a failure. Redirects are not followed, and proxies of the environment are
//! not used. Only the status of a reply counts: its body is not read, and its head is parsed
//! leniently. A reply that still cannot be parsed is a refusal, because the receiver has the event
//! and would get it again with each attempt.

use std::error::Error;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;

use data_encoding::BASE64;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, retry};
use ring::hmac;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::clock::{Wall, wall};
use crate::cluster::hook::HookSecret;
use crate::cluster::trust::Trust;
use crate::health::probe::failure::Failure;
use crate::health::probe::trust;
use crate::hooks::delivery_error::DeliveryError;
use crate::hooks::event::HookEvent;

/// The 4xx statuses after which the delivery is tried again.
const LATER: [StatusCode; 3] =
    [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];

const USER_AGENT: &str = concat!("tiovivo/", env!("CARGO_PKG_VERSION"));
/// Most headers of a reply; its head has at most about 400 KiB.
const MAX_HEADERS: usize = 16_384;

/// A client for one receiver.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: String,
    key: Option<hmac::Key>,
}

impl Webhook {
    /// `None` when no client can be built; each attempt then reports that.
    pub fn new(url: &str, secret: Option<&HookSecret>, trust: &Trust) -> Option<Webhook> {
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .redirect(Policy::none())
            .retry(retry::never())
            .pool_max_idle_per_host(0)
            .referer(false)
            .http1_max_headers(MAX_HEADERS)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .tls_backend_preconfigured(trust::client_config(trust)?)
            .dns_resolver(Lookup::default())
            .build()
            .ok()?;
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.0));
        Some(Webhook { client, url: url.to_owned(), key })
    }

    /// Sends the event, and waits for the status of the reply.
    pub async fn post(&self, event: &HookEvent) -> Result<(), DeliveryError> {
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
        judge(sent.map_err(|error| failed(&error))?.status())
    }
}

/// Looks up one name at a time, on a thread that may hang as long as the system's resolver does.
/// The attempt that waits for it still ends within the hook's timeout. So each hook has at most one
/// hanging thread, and threads for files of the state folder remain.
#[derive(Debug)]
struct Lookup(Arc<Semaphore>);

impl Default for Lookup {
    fn default() -> Lookup {
        Lookup(Arc::new(Semaphore::new(1)))
    }
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let slot = Arc::clone(&self.0);
        Box::pin(async move {
            let permit = slot.acquire_owned().await?;
            let look_up = move || {
                let _permit = permit;
                (name.as_str(), 0).to_socket_addrs()
            };
            let addresses = spawn_blocking(look_up).await??;
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn judge(status: StatusCode) -> Result<(), DeliveryError> {
    if status.is_success() {
        return Ok(());
    }
    let is_refusal = status.is_client_error() && !LATER.contains(&status);
    Err(DeliveryError { reason: format!("HTTP {}, expected 2xx", status.as_u16()), is_refusal })
}

fn signature(key: &hmac::Key, id: &str, time: i64, body: &str) -> String {
    let signed = format!("{id}.{time}.{body}");
    format!("v1,{}", BASE64.encode(hmac::sign(key, signed.as_bytes()).as_ref()))
}

/// What a failed attempt means:
///
/// | in the chain of causes | reason | refusal |
/// |---|---|---|
/// | an error of the socket or of TLS | as for a failed probe | no |
/// | a reply that ends before its head | closed without an answer | no |
/// | a reply that cannot be parsed | not an HTTP answer, or endless headers | yes |
/// | anything else | the innermost cause, because the URL may hold a secret | no |
fn failed(error: &reqwest::Error) -> DeliveryError {
    let whole: &(dyn Error + 'static) = error;
    let chain = || std::iter::successors(Some(whole), |&error| error.source());
    if let Some(error) = chain().find_map(|error| error.downcast_ref::<io::Error>()) {
        return match Failure::from(error) {
            Failure::Other(_) => DeliveryError::retry(innermost(error)),
            failure => DeliveryError::retry(failure.to_string()),
        };
    }
    match chain().find_map(|error| error.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_incomplete_message() => {
            DeliveryError::retry(Failure::Closed.to_string())
        }
        Some(error) if error.is_parse_too_large() => {
            DeliveryError::refusal(Failure::EndlessHeaders.to_string())
        }
        Some(error) if error.is_parse() => DeliveryError::refusal(Failure::NotHttp.to_string()),
        _ => DeliveryError::retry(innermost(error)),
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_name_is_looked_up_at_a_time() {
        let lookup = Lookup::default();
        let name = || "localhost".parse().unwrap();
        let hanging = lookup.0.clone().try_acquire_owned().unwrap();
        let mut waiting = lookup.resolve(name());
        let soon = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_err());
        drop(hanging);
        assert!(waiting.await.unwrap().any(|address| address.ip().is_loopback()));
    }

    #[test]
    fn only_what_asks_for_no_patience_is_a_refusal() {
        let refused = |code| judge(StatusCode::from_u16(code).unwrap()).map_err(|f| f.is_refusal);
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

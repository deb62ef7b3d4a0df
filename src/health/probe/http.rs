//! Up when a request is answered with an expected status and, where one is configured, a text in
//! the body.
//!
//! The connection goes to the member's own address; the `Host` header is what config.yaml says, to
//! the letter. Without a text to look for the body is not read: the status has said all, and the
//! connection is closed. The library reads at most 100 headers and about 400 KiB before it gives up
//! on an answer, and the body comes compressed by nobody.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use reqwest::header::{HOST, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Request, Response, retry};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;

use crate::cluster::check::HttpProbe;
use crate::health::probe::failure::Failure;
use crate::health::probe::find::Find;
use crate::health::probe::{Ask, Capacity, Said, trust};

/// Of an answer: how much the node can take, in percent.
const WEIGHT: &str = "x-tiovivo-weight";
const USER_AGENT: &str = concat!("tiovivo/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub struct HttpProber {
    /// `None` when no request can be made of what is configured; each probe then says so.
    ready: Option<(Client, Request)>,
    expect: Vec<(u16, u16)>,
    /// `expect` in words.
    expected: Arc<str>,
    body: Option<Arc<str>>,
    load: bool,
}

impl HttpProber {
    pub fn new(address: IpAddr, probe: &HttpProbe) -> HttpProber {
        HttpProber {
            ready: ready(address, probe),
            expect: probe.expect.clone(),
            expected: ranges(&probe.expect).into(),
            body: probe.body.as_deref().map(Arc::from),
            load: probe.load,
        }
    }
}

impl Ask for HttpProber {
    async fn ask(&self) -> Result<Said, Failure> {
        let (client, request) = self.ready.as_ref().ok_or(Failure::Unsendable)?;
        let request = request.try_clone().ok_or(Failure::Unsendable)?;
        let response = client.execute(request).await.map_err(|error| reason(&error))?;
        let got = response.status().as_u16();
        if !self.expect.iter().any(|&(first, last)| (first..=last).contains(&got)) {
            return Err(Failure::Status { got, expected: self.expected.clone() });
        }
        let said = match self.load {
            true => Said::Weighed(got, capacity(&response)),
            false => Said::Status(got),
        };
        if let Some(text) = &self.body {
            look_for(text, response).await?;
        }
        Ok(said)
    }
}

/// One header with one whole number: two of them, or a sign, are garbage.
fn capacity(response: &Response) -> Capacity {
    let mut values = response.headers().get_all(WEIGHT).iter();
    let Some(value) = values.next() else { return Capacity::Silent };
    let text = value.to_str().unwrap_or_default().trim();
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse().ok().filter(|percent| is_number && *percent <= 100) {
        Some(percent) if values.next().is_none() => Capacity::Percent(percent),
        _ => Capacity::Garbage,
    }
}

async fn look_for(text: &Arc<str>, mut response: Response) -> Result<(), Failure> {
    let mut find = Find::new(text);
    loop {
        let piece = response.chunk().await.map_err(|error| match reason(&error) {
            Failure::Closed => Failure::CutShort,
            failure => failure,
        })?;
        let Some(piece) = piece else { return Err(find.ended()) };
        if let Some(verdict) = find.take(&piece) {
            return verdict;
        }
    }
}

/// Does what it is told and no more: no proxy of the environment, no redirect, no second try, no
/// connection that is kept.
pub fn client() -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(Policy::none())
        .retry(retry::never())
        .pool_max_idle_per_host(0)
        .referer(false)
}

/// The client is one for each target, so that nothing is shared between two of them.
fn ready(address: IpAddr, probe: &HttpProbe) -> Option<(Client, Request)> {
    let socket = SocketAddr::new(address, probe.port);
    let builder = client().http1_only();
    let (builder, base) = match &probe.tls {
        None => (
            builder.tls_backend_preconfigured(NO_TLS.as_ref()?.clone()),
            format!("http://{socket}"),
        ),
        Some(tls) => {
            let builder = builder.tls_backend_preconfigured(trust::client_config(&tls.trust)?);
            // The library takes from the URL both the name of the handshake and, but for what is
            // resolved here, the address.
            match trust::server_name(tls, address)? {
                ServerName::DnsName(name) => {
                    let name = name.as_ref();
                    (builder.resolve(name, socket), format!("https://{name}:{}", probe.port))
                }
                _ => (builder, format!("https://{socket}")),
            }
        }
    };
    let client = builder.build().ok()?;
    let method = Method::from_bytes(probe.method.as_str().as_bytes()).ok()?;
    let mut request = client.request(method, format!("{base}{}", probe.path)).build().ok()?;
    let host = probe.host.clone().unwrap_or_else(|| socket.to_string());
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(&host).ok()?);
    for (name, value) in &probe.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    Some((client, request))
}

/// The library wants a TLS setup even where none is used. This one trusts nobody, and spares each
/// client the reading of the system's certificates.
static NO_TLS: LazyLock<Option<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Some(versions.ok()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
});

/// | in the chain of causes | told |
/// |---|---|
/// | an error of the socket | its kind |
/// | an answer that ends early | closed without an answer |
/// | an answer that cannot be read | not an HTTP answer, or one without an end |
pub fn reason(error: &reqwest::Error) -> Failure {
    let whole: &(dyn Error + 'static) = error;
    let chain = || std::iter::successors(Some(whole), |&error| error.source());
    if let Some(error) = chain().find_map(|error| error.downcast_ref::<io::Error>()) {
        return Failure::from(error);
    }
    match chain().find_map(|error| error.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_incomplete_message() => Failure::Closed,
        Some(error) if error.is_parse_too_large() => Failure::EndlessHeaders,
        Some(error) if error.is_parse() => Failure::NotHttp,
        _ => Failure::Other(io::ErrorKind::Other),
    }
}

/// `200 or 204-206`.
pub fn ranges(expect: &[(u16, u16)]) -> String {
    let words = expect.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    words.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_statuses_in_words() {
        assert_eq!(ranges(&[(200, 200)]), "200");
        assert_eq!(ranges(&[(200, 299), (301, 301)]), "200-299 or 301");
    }
}

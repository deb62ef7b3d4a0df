//! Up when a GET is answered with an expected status.
//!
//! The connection goes to the member's own address; the `Host` header is what config.yaml says, to
//! the letter. The body is not read: the status has said all, and the connection is closed. The
//! library reads at most 100 headers and about 400 KiB before it gives up on an answer.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use reqwest::header::{HOST, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, retry};
use rustls::{ClientConfig, RootCertStore};

use crate::cluster::check::HttpProbe;
use crate::health::probe::failure::Failure;
use crate::health::probe::{Ask, Said};

const USER_AGENT: &str = concat!("tiovivo/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub struct HttpProber {
    /// `None` when no request can be made of what is configured; each probe then says so.
    ready: Option<(Client, Request)>,
    expect: Vec<(u16, u16)>,
    /// `expect` in words.
    expected: Arc<str>,
}

impl HttpProber {
    pub fn new(address: IpAddr, probe: &HttpProbe) -> HttpProber {
        HttpProber {
            ready: client().and_then(|client| {
                let request = request(&client, address, probe)?;
                Some((client, request))
            }),
            expect: probe.expect.clone(),
            expected: ranges(&probe.expect).into(),
        }
    }
}

impl Ask for HttpProber {
    async fn ask(&self) -> Result<Said, Failure> {
        let (client, request) = self.ready.as_ref().ok_or(Failure::Unsendable)?;
        let request = request.try_clone().ok_or(Failure::Unsendable)?;
        let response = client.execute(request).await.map_err(|error| reason(&error))?;
        let got = response.status().as_u16();
        if self.expect.iter().any(|&(first, last)| (first..=last).contains(&got)) {
            Ok(Said::Status(got))
        } else {
            Err(Failure::Status { got, expected: self.expected.clone() })
        }
    }
}

/// One for each target, so that nothing is shared between two of them.
fn client() -> Option<Client> {
    Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .retry(retry::never())
        .pool_max_idle_per_host(0)
        .referer(false)
        .tls_backend_preconfigured(NO_TLS.as_ref()?.clone())
        .build()
        .ok()
}

/// The library wants a TLS setup even where none is used. This one trusts nobody, and spares each
/// client the reading of the system's certificates.
static NO_TLS: LazyLock<Option<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Some(versions.ok()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
});

fn request(client: &Client, address: IpAddr, probe: &HttpProbe) -> Option<Request> {
    let url = format!("http://{}{}", SocketAddr::new(address, probe.port), probe.path);
    let mut request = client.get(url).build().ok()?;
    if let Some(host) = &probe.host {
        request.headers_mut().insert(HOST, HeaderValue::from_str(host).ok()?);
    }
    Some(request)
}

/// | in the chain of causes | told |
/// |---|---|
/// | an error of the socket | its kind |
/// | an answer that ends early | closed without an answer |
/// | an answer that cannot be read | not an HTTP answer, or one without an end |
fn reason(error: &reqwest::Error) -> Failure {
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

fn ranges(expect: &[(u16, u16)]) -> String {
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

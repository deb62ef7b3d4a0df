//! `http:` and `https:` of a check: a request, and what the answer must be.

use crate::cluster::check_kind::CheckKind;
use crate::cluster::connection::ProxyVersion;
use crate::cluster::trust::Tls;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The `Host` header; the node's own address when absent.
    pub host: Option<String>,
    pub method: Method,
    /// Further headers, at most 32; neither `Host` nor a header that frames the message.
    pub headers: Vec<(String, String)>,
    /// Status codes that mean healthy, inclusive ranges. Never empty.
    pub expect: Vec<(u16, u16)>,
    /// A text that must be in the first 64 KiB of the body; with `None` the body is not read. Never
    /// with `HEAD`.
    pub body: Option<String>,
    /// A text that must not be in the first 64 KiB of the body. Never with `HEAD`.
    pub body_not: Option<String>,
    /// What the body must say, as JSON of at most 64 KiB. At most 16; none with `HEAD`.
    pub json: Vec<JsonMatch>,
    /// HTTPS when present.
    pub tls: Option<Tls>,
    /// Whether a header of the answer may report the capacity of the node.
    pub load: bool,
    pub proxy: Option<ProxyVersion>,
}

/// `GET /` on port 80 with the status 200.
impl Default for HttpProbe {
    fn default() -> HttpProbe {
        HttpProbe {
            port: 80,
            path: "/".into(),
            host: None,
            method: Method::Get,
            headers: vec![],
            expect: vec![(200, 200)],
            body: None,
            body_not: None,
            json: vec![],
            tls: None,
            load: false,
            proxy: None,
        }
    }
}

/// A value at one place of a JSON document; the place must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonMatch {
    /// A pointer of RFC 6901, beginning with a slash. At most 1024 octets.
    pub pointer: String,
    /// A string by its content; a number, `true`, `false` and `null` as JSON spells them. At most
    /// 1024 octets.
    pub value: String,
    /// Whether the place must have this value; if false, any other.
    pub equal: bool,
}

impl CheckKind for HttpProbe {
    fn key(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    fn has_a_family(&self) -> bool {
        true
    }

    fn tells_load(&self) -> bool {
        self.load
    }

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    fn port_mut(&mut self) -> Option<&mut u16> {
        Some(&mut self.port)
    }
}

/// Methods that need no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    #[default]
    Get,
    Head,
    Options,
    Post,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
        }
    }
}

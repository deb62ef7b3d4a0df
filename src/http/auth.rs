//! Who may write: whoever knows a token.
//!
//! | token file | `Authorization` | an order is | a report is |
//! |---|---|---|---|
//! | none that is good for it | whatever it says | 403 | 403 |
//! | `server.token_file` | `Bearer` and that token | done | done |
//! | `server.report_token_file` | `Bearer` and that token | 401 | done |
//! | any | anything else, or nothing | 401 | 401 |
//! | one that others may read | its token | 403 | 403 |
//!
//! A reload may bring another token; what is under way with the old one goes on.
//!
//! A browser sends no such header by itself, so no page from elsewhere can write through it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::http::faults;

/// Those who hold them share the tokens. Never printed.
#[derive(Clone, Default)]
pub struct Writers {
    orders: Secret,
    reports: Secret,
}

#[derive(Clone, Default)]
struct Secret(Arc<RwLock<Held>>);

#[derive(Clone, Default)]
struct Held {
    /// `None`: nobody has it.
    token: Option<Arc<str>>,
    /// Why others may know it, and what to do. Whoever sends it is not believed meanwhile.
    exposed: Option<Arc<str>>,
}

/// Why somebody may not write.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Denial {
    /// Nobody may.
    NoToken,
    /// The token is missing or wrong.
    Unknown,
    Exposed(Arc<str>),
}

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Order,
    Report,
}

impl Secret {
    /// From now on. Whether it is another one than before.
    fn become_that(&self, token: Option<&str>) -> bool {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = now.token.as_deref() != token;
        *now = Held { token: token.map(Arc::from), exposed: None };
        changed
    }

    fn expose(&self, why: Option<&str>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).exposed = why.map(Arc::from);
    }

    fn get(&self) -> Held {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Writers {
    /// `token` is good for orders and reports.
    pub fn new(token: Option<&str>) -> Writers {
        let writers = Writers::default();
        writers.become_those_of(token);
        writers
    }

    /// From now on. Whether it is another one than before.
    pub fn become_those_of(&self, token: Option<&str>) -> bool {
        self.orders.become_that(token)
    }

    /// The same of the token that is good for reports only.
    pub fn let_report(&self, token: Option<&str>) -> bool {
        self.reports.become_that(token)
    }

    /// Others may read the file with the token for orders, or no longer.
    pub fn expose_orders(&self, why: Option<&str>) {
        self.orders.expose(why);
    }

    /// The same of the file with the token for reports.
    pub fn expose_reports(&self, why: Option<&str>) {
        self.reports.expose(why);
    }

    fn admit(&self, headers: &HeaderMap, write: Write) -> Result<(), Denial> {
        let reports = (write == Write::Report).then(|| self.reports.get());
        let held = [Some(self.orders.get()), reports];
        let with_token = |held: Held| Some((held.token?, held.exposed));
        let tokens = held.map(|held| held.and_then(with_token));
        if tokens.iter().all(Option::is_none) {
            return Err(Denial::NoToken);
        }
        let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let sent = match sent.split_at_checked("Bearer ".len()) {
            Some((scheme, sent)) if scheme.eq_ignore_ascii_case(b"Bearer ") => sent,
            _ => return Err(Denial::Unknown),
        };
        // How long the comparison takes says nothing of the token but its length.
        let mut tokens = tokens.into_iter().flatten();
        match tokens.find(|(token, _)| bool::from(sent.ct_eq(token.as_bytes()))) {
            Some((_, None)) => Ok(()),
            Some((_, Some(why))) => Err(Denial::Exposed(why)),
            None => Err(Denial::Unknown),
        }
    }
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.orders.get().token.is_some() {
            "Writers(token)"
        } else {
            "Writers(nobody)"
        })
    }
}

/// The layer of routes that take orders. It stands before the body is read.
pub async fn check_token(State(writers): State<Writers>, request: Request, next: Next) -> Response {
    check(&writers, Write::Order, request, next).await
}

/// The layer of the route that takes reports.
pub async fn check_report(
    State(writers): State<Writers>,
    request: Request,
    next: Next,
) -> Response {
    check(&writers, Write::Report, request, next).await
}

async fn check(writers: &Writers, write: Write, request: Request, next: Next) -> Response {
    let (what, key) = match write {
        Write::Order => ("orders", "token_file"),
        Write::Report => ("reports", "report_token_file"),
    };
    match writers.admit(request.headers(), write) {
        Ok(()) => next.run(request).await,
        Err(Denial::Exposed(why)) => faults::one(
            StatusCode::FORBIDDEN,
            format!("this server takes no {what} with that token: {why}"),
            "another token into the file, as the old one is known, and mode 600",
        ),
        Err(Denial::NoToken) => faults::one(
            StatusCode::FORBIDDEN,
            format!("this server takes no {what}: there is no token file"),
            format!(
                "a token into the file that server.{key} names, by `tiovivo token new`; it is \
                 loaded within seconds"
            ),
        ),
        Err(Denial::Unknown) => {
            let reply = faults::one(
                StatusCode::UNAUTHORIZED,
                "the token is missing or wrong",
                format!("the header `Authorization: Bearer` with what server.{key} has"),
            );
            ([(WWW_AUTHENTICATE, "Bearer")], reply).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(token: Option<&str>, sent: Option<&str>) -> Result<(), Denial> {
        let mut headers = HeaderMap::new();
        if let Some(sent) = sent {
            headers.insert(AUTHORIZATION, sent.parse().unwrap());
        }
        Writers::new(token).admit(&headers, Write::Order)
    }

    #[test]
    fn only_the_token_admits() {
        assert_eq!(admit(Some("s3cret"), Some("Bearer s3cret")), Ok(()));
        assert_eq!(admit(Some("s3cret"), Some("bearer s3cret")), Ok(()));
        for wrong in ["Bearer s3cre", "Bearer s3cret ", "Bearer s3cret1", "s3cret", "Bearer ", ""] {
            let wrong = admit(Some("s3cret"), Some(wrong));
            assert_eq!(wrong, Err(Denial::Unknown));
        }
        assert_eq!(admit(Some("s3cret"), None), Err(Denial::Unknown));
        for sent in [None, Some("Bearer "), Some("Bearer s3cret")] {
            assert_eq!(admit(None, sent), Err(Denial::NoToken));
        }
    }

    #[test]
    fn another_token_takes_the_place_of_the_old_one_wherever_it_is_held() {
        let writers = Writers::new(None);
        let held = writers.clone();
        let sent = HeaderMap::from_iter([(AUTHORIZATION, "Bearer new".parse().unwrap())]);
        assert_eq!(held.admit(&sent, Write::Order), Err(Denial::NoToken));
        assert!(writers.become_those_of(Some("new")) && !writers.become_those_of(Some("new")));
        assert_eq!(held.admit(&sent, Write::Order), Ok(()));
        assert!(writers.become_those_of(Some("newer")));
        assert_eq!(held.admit(&sent, Write::Order), Err(Denial::Unknown));
        assert!(writers.become_those_of(None));
        assert_eq!(held.admit(&sent, Write::Order), Err(Denial::NoToken));
    }

    #[test]
    fn whoever_may_report_gives_no_orders() {
        let sent = |token: &str| {
            HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
        };
        let writers = Writers::default();
        assert_eq!(writers.admit(&sent("node"), Write::Report), Err(Denial::NoToken));
        assert!(writers.let_report(Some("node")));
        assert_eq!(writers.admit(&sent("node"), Write::Report), Ok(()));
        assert_eq!(writers.admit(&sent("node"), Write::Order), Err(Denial::NoToken));
        writers.become_those_of(Some("ana"));
        assert_eq!(writers.admit(&sent("node"), Write::Order), Err(Denial::Unknown));
        assert_eq!(writers.admit(&sent("nobody"), Write::Report), Err(Denial::Unknown));
        for write in [Write::Order, Write::Report] {
            assert_eq!(writers.admit(&sent("ana"), write), Ok(()));
        }
    }

    #[test]
    fn a_token_that_others_may_know_admits_nobody_until_it_is_mended() {
        let writers = Writers::new(Some("s3cret"));
        writers.let_report(Some("node"));
        let sent = |token: &str| {
            HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
        };
        writers.expose_orders(Some("mode 644"));
        let exposed = Err(Denial::Exposed("mode 644".into()));
        assert_eq!(writers.admit(&sent("s3cret"), Write::Order), exposed);
        assert_eq!(writers.admit(&sent("s3cret"), Write::Report), exposed);
        assert_eq!(writers.admit(&sent("guess"), Write::Order), Err(Denial::Unknown));
        assert_eq!(writers.admit(&sent("node"), Write::Report), Ok(()));
        writers.expose_orders(None);
        assert_eq!(writers.admit(&sent("s3cret"), Write::Order), Ok(()));
        writers.expose_orders(Some("mode 644"));
        writers.become_those_of(Some("another"));
        assert_eq!(writers.admit(&sent("another"), Write::Order), Ok(()));
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", Writers::new(Some("s3cret"))).contains("s3cret"));
    }
}

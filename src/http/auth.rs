//! Lets through only requests that carry a token.
//!
//! | token file | `Authorization` | an override is | a report is |
//! |---|---|---|---|
//! | none for this kind of request | anything | 403 | 403 |
//! | `server.token_file` | `Bearer` and that token | done | done |
//! | `server.report_token_file` | `Bearer` and that token | 401 | done |
//! | any | anything else, or nothing | 401 | 401 |
//! | a file that others may read | its token | 403 | 403 |
//!
//! A reload may bring another token. Requests that were admitted with the old token go on.
//!
//! A browser does not send this header by itself, so a page of another site cannot write through
//! the operator's browser.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::http::faults;

/// The tokens that admit requests. Clones share them; they are never printed.
#[derive(Clone, Default)]
pub struct WriteTokens {
    orders: TokenCell,
    reports: TokenCell,
}

/// One token, which a reload can replace.
#[derive(Clone, Default)]
struct TokenCell(Arc<RwLock<TokenState>>);

#[derive(Clone, Default)]
struct TokenState {
    /// `None` when there is no token file.
    token: Option<Arc<str>>,
    /// Why others may know the token, and what to do; `None` if they do not. While it is set,
    /// no request is admitted.
    exposed: Option<Arc<str>>,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Denial {
    /// There is no token, so nobody is admitted.
    NoToken,
    /// The token is missing or wrong.
    Unknown,
    Exposed(Arc<str>),
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteKind {
    Order,
    Report,
}

impl TokenCell {
    /// Replaces the token. Returns whether it differs from the token before.
    fn replace(&self, token: Option<&str>) -> bool {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = now.token.as_deref() != token;
        *now = TokenState { token: token.map(Arc::from), exposed: None };
        changed
    }

    fn expose(&self, why: Option<&str>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).exposed = why.map(Arc::from);
    }

    fn get(&self) -> TokenState {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl WriteTokens {
    /// `token` admits overrides and reports. With `None`, no request is admitted.
    pub fn new(token: Option<&str>) -> WriteTokens {
        let tokens = WriteTokens::default();
        tokens.set_order_token(token);
        tokens
    }

    /// Replaces the token for overrides and reports. Returns whether it differs from the token
    /// before.
    pub fn set_order_token(&self, token: Option<&str>) -> bool {
        self.orders.replace(token)
    }

    /// Replaces the token that admits reports only. Returns whether it differs from the token
    /// before.
    pub fn set_report_token(&self, token: Option<&str>) -> bool {
        self.reports.replace(token)
    }

    /// Records why others may know the token for overrides; `None` when they do not.
    pub fn expose_orders(&self, why: Option<&str>) {
        self.orders.expose(why);
    }

    /// Records why others may know the token for reports; `None` when they do not.
    pub fn expose_reports(&self, why: Option<&str>) {
        self.reports.expose(why);
    }

    fn admit(&self, headers: &HeaderMap, write: WriteKind) -> Result<(), Denial> {
        let reports = (write == WriteKind::Report).then(|| self.reports.get());
        let held = [Some(self.orders.get()), reports];
        let with_token = |held: TokenState| Some((held.token?, held.exposed));
        let tokens = held.map(|held| held.and_then(with_token));
        if tokens.iter().all(Option::is_none) {
            return Err(Denial::NoToken);
        }
        let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let sent = match sent.split_at_checked("Bearer ".len()) {
            Some((scheme, sent)) if scheme.eq_ignore_ascii_case(b"Bearer ") => sent,
            _ => return Err(Denial::Unknown),
        };
        // The duration of the comparison reveals only the length of the token.
        let mut tokens = tokens.into_iter().flatten();
        match tokens.find(|(token, _)| bool::from(sent.ct_eq(token.as_bytes()))) {
            Some((_, None)) => Ok(()),
            Some((_, Some(why))) => Err(Denial::Exposed(why)),
            None => Err(Denial::Unknown),
        }
    }
}

impl fmt::Debug for WriteTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.orders.get().token.is_some() {
            "WriteTokens(token)"
        } else {
            "WriteTokens(nobody)"
        })
    }
}

/// The layer of routes that take overrides. It runs before the body is read.
pub async fn check_token(
    State(tokens): State<WriteTokens>,
    request: Request,
    next: Next,
) -> Response {
    check(&tokens, WriteKind::Order, request, next).await
}

/// The layer of the route that takes reports.
pub async fn check_report(
    State(tokens): State<WriteTokens>,
    request: Request,
    next: Next,
) -> Response {
    check(&tokens, WriteKind::Report, request, next).await
}

async fn check(tokens: &WriteTokens, write: WriteKind, request: Request, next: Next) -> Response {
    let (what, key) = match write {
        WriteKind::Order => ("orders", "token_file"),
        WriteKind::Report => ("reports", "report_token_file"),
    };
    match tokens.admit(request.headers(), write) {
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
        WriteTokens::new(token).admit(&headers, WriteKind::Order)
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
        let tokens = WriteTokens::new(None);
        let held = tokens.clone();
        let sent = HeaderMap::from_iter([(AUTHORIZATION, "Bearer new".parse().unwrap())]);
        assert_eq!(held.admit(&sent, WriteKind::Order), Err(Denial::NoToken));
        assert!(tokens.set_order_token(Some("new")) && !tokens.set_order_token(Some("new")));
        assert_eq!(held.admit(&sent, WriteKind::Order), Ok(()));
        assert!(tokens.set_order_token(Some("newer")));
        assert_eq!(held.admit(&sent, WriteKind::Order), Err(Denial::Unknown));
        assert!(tokens.set_order_token(None));
        assert_eq!(held.admit(&sent, WriteKind::Order), Err(Denial::NoToken));
    }

    #[test]
    fn whoever_may_report_gives_no_orders() {
        let sent = |token: &str| {
            HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
        };
        let tokens = WriteTokens::default();
        assert_eq!(tokens.admit(&sent("node"), WriteKind::Report), Err(Denial::NoToken));
        assert!(tokens.set_report_token(Some("node")));
        assert_eq!(tokens.admit(&sent("node"), WriteKind::Report), Ok(()));
        assert_eq!(tokens.admit(&sent("node"), WriteKind::Order), Err(Denial::NoToken));
        tokens.set_order_token(Some("ana"));
        assert_eq!(tokens.admit(&sent("node"), WriteKind::Order), Err(Denial::Unknown));
        assert_eq!(tokens.admit(&sent("nobody"), WriteKind::Report), Err(Denial::Unknown));
        for write in [WriteKind::Order, WriteKind::Report] {
            assert_eq!(tokens.admit(&sent("ana"), write), Ok(()));
        }
    }

    #[test]
    fn a_token_that_others_may_know_admits_nobody_until_it_is_mended() {
        let tokens = WriteTokens::new(Some("s3cret"));
        tokens.set_report_token(Some("node"));
        let sent = |token: &str| {
            HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
        };
        tokens.expose_orders(Some("mode 644"));
        let exposed = Err(Denial::Exposed("mode 644".into()));
        assert_eq!(tokens.admit(&sent("s3cret"), WriteKind::Order), exposed);
        assert_eq!(tokens.admit(&sent("s3cret"), WriteKind::Report), exposed);
        assert_eq!(tokens.admit(&sent("guess"), WriteKind::Order), Err(Denial::Unknown));
        assert_eq!(tokens.admit(&sent("node"), WriteKind::Report), Ok(()));
        tokens.expose_orders(None);
        assert_eq!(tokens.admit(&sent("s3cret"), WriteKind::Order), Ok(()));
        tokens.expose_orders(Some("mode 644"));
        tokens.set_order_token(Some("another"));
        assert_eq!(tokens.admit(&sent("another"), WriteKind::Order), Ok(()));
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", WriteTokens::new(Some("s3cret"))).contains("s3cret"));
    }
}

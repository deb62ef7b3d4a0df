//! Who may write: whoever knows the token of `server.token_file`.
//!
//! | token file | `Authorization` | a write is |
//! |---|---|---|
//! | absent | whatever it says | 403 |
//! | there | `Bearer` and the token | done |
//! | there | anything else, or nothing | 401 |
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

/// Those who hold it share the token. `None` inside: nobody may write. Never printed.
#[derive(Clone, Default)]
pub struct Writers(Arc<RwLock<Option<Arc<str>>>>);

impl Writers {
    pub fn new(token: Option<&str>) -> Writers {
        Writers(Arc::new(RwLock::new(token.map(Arc::from))))
    }

    /// From now on. Whether it is another one than before.
    pub fn become_those_of(&self, token: Option<&str>) -> bool {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = now.as_deref() != token;
        *now = token.map(Arc::from);
        changed
    }

    fn token(&self) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let token = self.token().ok_or(StatusCode::FORBIDDEN)?;
        let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let sent = match sent.split_at_checked("Bearer ".len()) {
            Some((scheme, sent)) if scheme.eq_ignore_ascii_case(b"Bearer ") => sent,
            _ => return Err(StatusCode::UNAUTHORIZED),
        };
        // How long the comparison takes says nothing of the token but its length.
        match bool::from(sent.ct_eq(token.as_bytes())) {
            true => Ok(()),
            false => Err(StatusCode::UNAUTHORIZED),
        }
    }
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.token().is_some() { "Writers(token)" } else { "Writers(nobody)" })
    }
}

/// The layer of routes that write. It stands before the body is read.
pub async fn check_token(State(writers): State<Writers>, request: Request, next: Next) -> Response {
    match writers.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(StatusCode::FORBIDDEN) => faults::one(
            StatusCode::FORBIDDEN,
            "this server takes no orders: there is no token file",
            "a token into the file that server.token_file names, readable by its owner only; it is \
             loaded within seconds",
        ),
        Err(status) => {
            let reply = faults::one(
                status,
                "the token is missing or wrong",
                "the header `Authorization: Bearer` with what server.token_file has",
            );
            ([(WWW_AUTHENTICATE, "Bearer")], reply).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(token: Option<&str>, sent: Option<&str>) -> Result<(), StatusCode> {
        let mut headers = HeaderMap::new();
        if let Some(sent) = sent {
            headers.insert(AUTHORIZATION, sent.parse().unwrap());
        }
        Writers::new(token).admit(&headers)
    }

    #[test]
    fn only_the_token_admits() {
        assert_eq!(admit(Some("s3cret"), Some("Bearer s3cret")), Ok(()));
        assert_eq!(admit(Some("s3cret"), Some("bearer s3cret")), Ok(()));
        for wrong in ["Bearer s3cre", "Bearer s3cret ", "Bearer s3cret1", "s3cret", "Bearer ", ""] {
            let wrong = admit(Some("s3cret"), Some(wrong));
            assert_eq!(wrong, Err(StatusCode::UNAUTHORIZED));
        }
        assert_eq!(admit(Some("s3cret"), None), Err(StatusCode::UNAUTHORIZED));
        for sent in [None, Some("Bearer "), Some("Bearer s3cret")] {
            assert_eq!(admit(None, sent), Err(StatusCode::FORBIDDEN));
        }
    }

    #[test]
    fn another_token_takes_the_place_of_the_old_one_wherever_it_is_held() {
        let writers = Writers::new(None);
        let held = writers.clone();
        let sent = HeaderMap::from_iter([(AUTHORIZATION, "Bearer new".parse().unwrap())]);
        assert_eq!(held.admit(&sent), Err(StatusCode::FORBIDDEN));
        assert!(writers.become_those_of(Some("new")) && !writers.become_those_of(Some("new")));
        assert_eq!(held.admit(&sent), Ok(()));
        assert!(writers.become_those_of(Some("newer")));
        assert_eq!(held.admit(&sent), Err(StatusCode::UNAUTHORIZED));
        assert!(writers.become_those_of(None));
        assert_eq!(held.admit(&sent), Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", Writers::new(Some("s3cret"))).contains("s3cret"));
    }
}

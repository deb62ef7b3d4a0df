//! One attempt to tell a hook of one event, and what its failure means.
//!
//! | failure | then |
//! |---|---|
//! | no connection, a timeout, 3xx, 5xx, 408, 425, 429, most exit codes | tried again, for ever |
//! | any other 4xx, what is no HTTP, exit code 65 | a refusal: [`MAX_REFUSALS`] attempts in all |
//!
//! 410 Gone is a refusal like the others: only config.yaml ends a hook.

use tokio::time::timeout;

use crate::cluster::hook::{Action, Hook};
use crate::hooks::command;
use crate::hooks::event::HookEvent;
use crate::hooks::webhook::Webhook;

/// Refusals of one event after which it is given up, so that the next ones get their turn. With a
/// `retry` of 1 s that takes four minutes.
pub const MAX_REFUSALS: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryError {
    /// In the operator's words.
    pub told: String,
    /// The receiver looked at this event and does not want it.
    pub refused: bool,
}

impl DeliveryError {
    pub fn now(told: String) -> DeliveryError {
        DeliveryError { told, refused: false }
    }

    pub fn for_good(told: String) -> DeliveryError {
        DeliveryError { told, refused: true }
    }
}

/// How a hook is told.
#[derive(Debug)]
pub enum Deliverer<'a> {
    Post(Option<Webhook>),
    Run(&'a [String]),
}

impl Deliverer<'_> {
    pub fn of(action: &Action) -> Deliverer<'_> {
        match action {
            Action::Webhook { url, secret, trust } => {
                Deliverer::Post(Webhook::new(url, secret.as_ref(), trust))
            }
            Action::Command(words) => Deliverer::Run(words),
        }
    }

    /// Within the hook's timeout.
    pub async fn tell(&self, hook: &Hook, event: &HookEvent) -> Result<(), DeliveryError> {
        let attempt = async {
            match self {
                Deliverer::Post(Some(webhook)) => webhook.post(event).await,
                Deliverer::Post(None) => {
                    Err(DeliveryError::now("no TLS client can be made".into()))
                }
                Deliverer::Run(words) => command::run(words, event.body()).await,
            }
        };
        let limit = hook.timeout;
        let late = |_| Err(DeliveryError::now(format!("not done within {limit:?}")));
        timeout(limit, attempt).await.unwrap_or_else(late)
    }
}

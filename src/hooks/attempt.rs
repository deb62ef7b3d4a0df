//! Makes one attempt to deliver an event, and decides what its failure means.
//!
//! | failure | then |
//! |---|---|
//! | no connection, a timeout, 3xx, 5xx, 408, 425, 429, most exit codes | tried again, for ever |
//! | other 4xx, a reply that is not HTTP, exit code 65 | a refusal: [`MAX_REFUSALS`] attempts |
//!
//! 410 Gone is a refusal like the others: only config.yaml ends a hook.

use tokio::time::timeout;

use crate::cluster::hook::{Action, Hook};
use crate::hooks::command;
use crate::hooks::delivery_error::DeliveryError;
use crate::hooks::event::HookEvent;
use crate::hooks::webhook::Webhook;

/// Refusals after which an event is given up, so that the next ones are delivered. With a `retry`
/// of 1 s that takes four minutes.
pub const MAX_REFUSALS: u32 = 10;

/// How a hook delivers events.
#[derive(Debug)]
pub enum Deliverer<'a> {
    /// A POST; `None` when there is no TLS client.
    Post(Option<Webhook>),
    /// A program and its arguments.
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

    /// Delivers one event, within the hook's timeout. The error says why it failed, and whether
    /// that is a refusal.
    pub async fn deliver(&self, hook: &Hook, event: &HookEvent) -> Result<(), DeliveryError> {
        let attempt = async {
            match self {
                Deliverer::Post(Some(webhook)) => webhook.post(event).await,
                Deliverer::Post(None) => {
                    Err(DeliveryError::retry("no TLS client can be made".into()))
                }
                Deliverer::Run(words) => command::run(words, event.body()).await,
            }
        };
        let limit = hook.timeout;
        let late = |_| Err(DeliveryError::retry(format!("not done within {limit:?}")));
        timeout(limit, attempt).await.unwrap_or_else(late)
    }
}

//! Why an attempt to deliver an event failed.

/// The failure of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryError {
    /// One phrase for people.
    pub reason: String,
    /// Whether the receiver refuses this event, so that trying again is useless.
    pub is_refusal: bool,
}

impl DeliveryError {
    /// A failure after which the event is tried again.
    pub fn retry(reason: String) -> DeliveryError {
        DeliveryError { reason, is_refusal: false }
    }

    /// A refusal of the event.
    pub fn refusal(reason: String) -> DeliveryError {
        DeliveryError { reason, is_refusal: true }
    }
}

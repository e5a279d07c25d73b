//! Webhooks on their way out: signed by Standard Webhooks, through an egress of their own.
//!
//! Tenants name where they go, so the rule about hosts is the strict one: https, a public host name, and what the operator
//! allows for webhooks; what is allowed for providers is not allowed here.

mod deliverer;
mod message;
mod schedule;
mod target;

pub use target::{WebhookTarget, WebhookTargetError};

use crate::Providers;
use deliverer::Deliverer;

impl Providers {
    /// Sends webhooks that are due until [`Providers::drain`], which waits for those being sent.
    pub fn deliver_webhooks(&self) {
        let deliverer = Deliverer::new(std::sync::Arc::clone(&self.inner));
        self.inner.tracker.spawn(deliverer.run());
    }

    /// Reads a URL that a tenant wants its events sent to.
    pub fn webhook_target(&self, url: &str) -> Result<WebhookTarget, WebhookTargetError> {
        WebhookTarget::accept(url, &self.inner.settings.webhook_allow)
    }
}

#[cfg(test)]
mod tests;

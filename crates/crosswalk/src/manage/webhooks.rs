//! `crosswalk webhooks`.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{body, text, texts};
use crate::client::{Body, Gateway, TenantAccess};
use crate::output::{Form, Listing, object};

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct Webhooks {
    #[command(flatten)]
    tenant: TenantAccess,
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List them all.
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Print one as JSON, without its secret.
    Show {
        /// The webhook's id.
        id: String,
    },
    /// Create one and print it as JSON: the one time that its secret is shown.
    Create {
        /// Where events are sent to.
        target: String,
        /// A text for people.
        #[arg(long)]
        description: Option<String>,
        /// A type of event to send, such as `connection.needs_reauth`; may stand more than once, and all are sent without.
        #[arg(long = "event-type", value_name = "TYPE")]
        event_types: Vec<String>,
    },
    /// Change what is named, and print the webhook as JSON.
    Update {
        /// The webhook's id.
        id: String,
        #[command(flatten)]
        change: Change,
    },
    /// Delete one with what was still to be sent to it.
    Delete {
        /// The webhook's id.
        id: String,
    },
    /// Make a new secret and print it with the webhook as JSON; for a while messages are signed by both.
    RotateSecret {
        /// The webhook's id.
        id: String,
    },
    /// Send a `webhook.test`, and print the delivery as JSON.
    Test {
        /// The webhook's id.
        id: String,
    },
    /// List what was sent or is to be sent, the latest first; it is kept thirty days.
    Deliveries {
        /// The webhook's id.
        id: String,
        /// Only in this state, such as `failed`.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Print a delivery with its attempts as JSON.
    Delivery {
        /// The webhook's id.
        id: String,
        /// The delivery's id.
        delivery: String,
    },
    /// Send again what failed, or one delivery.
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Replay {
        /// The webhook's id.
        id: String,
        /// All deliveries that failed since then, as `2026-05-01T00:00:00Z`.
        #[arg(long, value_name = "INSTANT", group = "what")]
        since: Option<String>,
        /// This delivery, whatever became of it.
        #[arg(long, value_name = "ID", group = "what")]
        delivery: Option<String>,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Change {
    /// Where events are sent to from now on.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Another text for people; an empty one takes it away.
    #[arg(long)]
    description: Option<String>,
    /// A type of event to send; may stand more than once, and replaces those that were sent.
    #[arg(long = "event-type", value_name = "TYPE")]
    event_types: Vec<String>,
    /// Send events of every type.
    #[arg(long, conflicts_with = "event_types")]
    every_event: bool,
    /// Send nothing until enabled.
    #[arg(long)]
    disable: bool,
    /// Send again, also to what was disabled because it failed for long.
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
}

pub(crate) async fn run(Webhooks { tenant, command }: &Webhooks) -> anyhow::Result<String> {
    let gateway = tenant.gateway()?;
    match command {
        WebhooksCommand::List { form } => {
            let (found, _) = gateway.list(&["webhooks"], &[], usize::MAX).await?;
            let columns = [
                "id",
                "url",
                "event_types",
                "disabled",
                "disabled_reason",
                "failing_since",
                "description",
            ];
            Ok(form.print(&found, &columns))
        }
        WebhooksCommand::Show { id } => Ok(object(&gateway.get(&["webhooks", id], &[]).await?)),
        WebhooksCommand::Create {
            target,
            description,
            event_types,
        } => {
            let body = body([
                ("url", text(Some(target))),
                ("description", text(description.as_ref())),
                ("event_types", texts(event_types)),
            ]);
            Ok(object(&gateway.post(&["webhooks"], &body).await?))
        }
        WebhooksCommand::Update { id, change } => {
            let body = change.body();
            let changed = gateway
                .call(Method::PATCH, &["webhooks", id], &[], Body::Json(&body))
                .await?;
            Ok(object(&changed))
        }
        WebhooksCommand::Delete { id } => {
            gateway.delete(&["webhooks", id]).await?;
            Ok(format!("{id} is deleted\n"))
        }
        WebhooksCommand::RotateSecret { id } => {
            Ok(object(&post(&gateway, &["webhooks", id, "rotate_secret"]).await?))
        }
        WebhooksCommand::Test { id } => Ok(object(&post(&gateway, &["webhooks", id, "test"]).await?)),
        WebhooksCommand::Deliveries { id, state, listing } => {
            let path = ["webhooks", id, "deliveries"];
            let found = gateway
                .list(&path, &[("state", state.as_deref())], listing.count_max())
                .await?;
            let columns = [
                "id",
                "event_type",
                "state",
                "attempt_count",
                "last_status",
                "last_error",
                "next_attempt_at",
                "created_at",
            ];
            Ok(listing.print(found, &columns))
        }
        WebhooksCommand::Delivery { id, delivery } => {
            let path = ["webhooks", id, "deliveries", delivery];
            Ok(object(&gateway.get(&path, &[]).await?))
        }
        WebhooksCommand::Replay { id, since, delivery } => {
            replay(&gateway, id, since.as_deref(), delivery.as_deref()).await
        }
    }
}

impl Change {
    fn body(&self) -> Value {
        let description = self.description.as_ref();
        let event_types = if self.every_event {
            Some(json!([]))
        } else {
            texts(&self.event_types)
        };
        let disabled = (self.disable || self.enable).then_some(Value::Bool(self.disable));
        body([
            ("url", text(self.target.as_ref())),
            (
                "description",
                description.map(|text| if text.is_empty() { Value::Null } else { json!(text) }),
            ),
            ("event_types", event_types),
            ("disabled", disabled),
        ])
    }
}

async fn post(gateway: &Gateway, path: &[&str]) -> anyhow::Result<Value> {
    gateway.call(Method::POST, path, &[], Body::Nothing).await
}

async fn replay(
    gateway: &Gateway,
    id: &str,
    since: Option<&str>,
    delivery: Option<&str>,
) -> anyhow::Result<String> {
    if let Some(delivery) = delivery {
        post(gateway, &["webhooks", id, "deliveries", delivery, "replay"]).await?;
        return Ok(format!("{delivery} is sent again\n"));
    }
    let replayed = gateway
        .post(&["webhooks", id, "replay"], &json!({ "since": since }))
        .await?;
    Ok(format!("{} deliveries are sent again\n", replayed["replayed"]))
}

//! Webhooks in the document.

use serde_json::{Value, json};
use store::{EVENT_TYPES, WebhookDeliveryState};

use super::components::{instant, instant_or_null, object, text, text_or_null, with_required};
use super::operations::{BASE, Content, Details, Parameter, parameter};

const WEBHOOK: Details = Details {
    tag: "Webhooks",
    ..BASE
};
const LIST: &[Parameter] = &[
    parameter(
        "limit",
        "limit",
        "Webhooks in a page: 100 unless told, 200 at most.",
    ),
    parameter("cursor", "text", "`next_cursor` of the page before."),
];
const DELIVERIES: &[Parameter] = &[
    parameter(
        "limit",
        "limit",
        "Deliveries in a page: 100 unless told, 200 at most.",
    ),
    parameter("cursor", "text", "`next_cursor` of the page before."),
    parameter(
        "state",
        "text",
        "Only in this state: `pending`, `delivered` or `failed`.",
    ),
];

pub(super) fn details(id: &str) -> Option<Details> {
    Some(match id {
        "list_webhooks" => Details {
            summary: "List webhooks",
            query: LIST,
            success_text: "A page of webhooks, without their secrets.",
            success: Content::List("Webhook"),
            ..WEBHOOK
        },
        "create_webhook" => Details {
            summary: "Have events sent to a URL",
            description: "Events are sent by POST, signed as Standard Webhooks describes (`webhook-id`, `webhook-timestamp`, \
                          `webhook-signature`), at least once and in no certain order: `webhook-id` is the event's id and the same \
                          with every attempt. 2xx within 15 seconds takes an event; 410 disables the webhook; anything else is tried \
                          again ten times in about three days. Redirects are not followed. `secret` is shown this once.",
            body: Content::Schema("NewWebhook"),
            status: "201",
            success_text: "The webhook, with its secret.",
            success: Content::Schema("WebhookWithSecret"),
            ..WEBHOOK
        },
        "get_webhook" => Details {
            summary: "Read a webhook",
            success_text: "The webhook, without its secret.",
            success: Content::Schema("Webhook"),
            ..WEBHOOK
        },
        "update_webhook" => Details {
            summary: "Change, disable or enable a webhook",
            description: "What is left out stays. A disabled webhook is sent nothing, and events that happen meanwhile are not kept \
                          for it: `GET /events` lists them. Deliveries that come due meanwhile fail and can be replayed.",
            body: Content::Schema("WebhookChange"),
            success_text: "The webhook.",
            success: Content::Schema("Webhook"),
            ..WEBHOOK
        },
        "delete_webhook" => Details {
            summary: "Delete a webhook with its deliveries",
            status: "204",
            success: Content::Nothing,
            ..WEBHOOK
        },
        "rotate_webhook_secret" => Details {
            summary: "Give a webhook a new secret",
            description: "Until `previous_secret_expires_at` events carry the signatures of both, the new one first. A second rotation \
                          within that time ends the oldest at once.",
            success_text: "The webhook, with its new secret, shown this once.",
            success: Content::Schema("WebhookWithSecret"),
            ..WEBHOOK
        },
        "test_webhook" => Details {
            summary: "Send a test event",
            description: "An event of the type `webhook.test`, delivered as any other to this webhook alone, whatever its types are.",
            status: "202",
            success_text: "The delivery; what becomes of it is told by `GET /webhooks/{id}/deliveries/{delivery_id}`.",
            success: Content::Schema("WebhookDelivery"),
            ..WEBHOOK
        },
        "replay_webhook" => Details {
            summary: "Send again what was given up",
            description: "Whatever failed for good of the events since an instant. Deliveries are kept thirty days.",
            body: Content::Schema("WebhookReplay"),
            status: "202",
            success_text: "How many deliveries are sent again.",
            success: Content::Schema("WebhookReplayed"),
            ..WEBHOOK
        },
        _ => return deliveries(id),
    })
}

fn deliveries(id: &str) -> Option<Details> {
    Some(match id {
        "list_webhook_deliveries" => Details {
            summary: "List a webhook's deliveries, the latest first",
            query: DELIVERIES,
            success_text: "A page of deliveries.",
            success: Content::List("WebhookDelivery"),
            ..WEBHOOK
        },
        "get_webhook_delivery" => Details {
            summary: "Read a delivery and its attempts",
            success_text: "The delivery.",
            success: Content::Schema("WebhookDeliveryWithAttempts"),
            ..WEBHOOK
        },
        "replay_webhook_delivery" => Details {
            summary: "Send a delivery again",
            description: "Whatever became of it, and from the beginning of the schedule; 409 while it is being sent.",
            status: "202",
            success_text: "The delivery.",
            success: Content::Schema("WebhookDelivery"),
            ..WEBHOOK
        },
        _ => return None,
    })
}

pub(super) fn schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let types = || {
        json!({
            "type": "array", "items": {"type": "string", "enum": EVENT_TYPES},
            "description": "Which events are sent; empty means all.",
        })
    };
    let url = || {
        json!({
            "type": "string",
            "description": "https and a host of the public internet, without user, password and fragment.",
        })
    };
    let webhook = [
        ("id", text()),
        ("url", text()),
        ("description", text_or_null()),
        (
            "event_types",
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        ("disabled", json!({"type": "boolean"})),
        ("disabled_at", instant_or_null()),
        (
            "disabled_reason",
            json!({
                "type": ["string", "null"], "enum": ["requested", "gone", "failing", null],
                "description": "Why nothing is sent: you said so; the receiver answered 410; nothing was taken for five days.",
            }),
        ),
        ("failing_since", instant_or_null()),
        ("previous_secret_expires_at", instant_or_null()),
        ("created_at", instant()),
        ("updated_at", instant()),
    ];
    let secret = json!({"type": "string", "description": "`whsec_` and the key as base64. Shown this once."});
    put("Webhook", object(&webhook));
    let with_secret: Vec<(&str, Value)> = webhook.into_iter().chain([("secret", secret)]).collect();
    put("WebhookWithSecret", object(&with_secret));
    put(
        "NewWebhook",
        with_required(
            &[
                ("url", url()),
                ("description", text_or_null()),
                ("event_types", types()),
            ],
            &["url"],
        ),
    );
    put(
        "WebhookChange",
        with_required(
            &[
                ("url", url()),
                ("description", text_or_null()),
                ("event_types", types()),
                (
                    "disabled",
                    json!({"type": "boolean", "description": "`false` enables a webhook, whoever disabled it."}),
                ),
            ],
            &[],
        ),
    );
    put("WebhookReplay", object(&[("since", instant())]));
    put(
        "WebhookReplayed",
        object(&[("replayed", json!({"type": "integer"}))]),
    );
    delivery_schemas(put);
}

fn delivery_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let number_or_null = || json!({"type": ["integer", "null"]});
    let error = || {
        json!({
            "type": ["string", "null"],
            "description": "What was wrong, in one word: `status`, `redirect`, `timeout`, `unreachable`, `refused`, `bad_reply`, \
                            `endpoint_disabled`, `secret_unreadable`.",
        })
    };
    let states = WebhookDeliveryState::ALL.map(WebhookDeliveryState::as_str);
    let delivery = [
        ("id", text()),
        ("webhook_id", text()),
        ("event_id", text()),
        ("event_type", text()),
        ("state", json!({"type": "string", "enum": states})),
        ("attempt_count", json!({"type": "integer"})),
        ("next_attempt_at", instant_or_null()),
        ("last_status", number_or_null()),
        ("last_error", error()),
        ("last_duration_ms", number_or_null()),
        ("created_at", instant()),
        ("updated_at", instant()),
    ];
    put("WebhookDelivery", object(&delivery));
    let attempt = object(&[
        (
            "number",
            json!({"type": "integer", "description": "From 1, over replays too. One is missing where a node died before it could tell."}),
        ),
        ("status", number_or_null()),
        ("error", error()),
        ("detail", text_or_null()),
        ("duration_ms", json!({"type": "integer"})),
        ("ended_at", instant()),
    ]);
    let attempts = ("attempts", json!({"type": "array", "items": attempt}));
    let with_attempts: Vec<(&str, Value)> = delivery.into_iter().chain([attempts]).collect();
    put("WebhookDeliveryWithAttempts", object(&with_attempts));
}

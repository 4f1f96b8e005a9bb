//! The webhook door as anybody can knock at it, GitHub or not.

use partner_desk::sandbox::{DeliveryRecord, signature};
use reqwest::{Client, RequestBuilder, Response};
use std::sync::LazyLock;

pub const SECRET: &str = "sandbox-webhook-secret";

pub static CLIENT: LazyLock<Client> = LazyLock::new(|| Client::builder().no_proxy().build().unwrap());

/// A delivery as GitHub sends it, signed, not sent yet.
pub fn signed(url: &str, event: &str, id: &str, body: &str) -> RequestBuilder {
    unsigned(url, event, id, body).header("x-hub-signature-256", signature(SECRET, body.as_bytes()))
}

/// The same without a signature.
pub fn unsigned(url: &str, event: &str, id: &str, body: &str) -> RequestBuilder {
    let request = CLIENT.post(format!("{url}/api/github/webhooks")).body(body.to_owned());
    request.header("content-type", "application/json").header("x-github-event", event).header("x-github-delivery", id)
}

/// Sends again what the sandbox held back.
pub async fn deliver(url: &str, held: &DeliveryRecord) -> Response {
    signed(url, &held.event, &held.guid.0, &held.body).send().await.unwrap()
}

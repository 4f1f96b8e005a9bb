//! `POST /api/github/webhooks`: signature, then meaning, then disk, then the answer (`R1`).

use crate::app::{App, NotTaken};
use crate::desk::intake::{Incoming, Outcome};
use crate::domain::DeliveryId;
use crate::domain::event::News;
use crate::github::signature::is_signed;
use crate::github::wire::{self, Read, Unread};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use tracing::Instrument as _;

/// Takes one delivery: 202 when its effect is on disk, 200 for what is not the desk's business.
pub async fn receive(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(secret) = &app.webhook_secret else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no GitHub App is set up: APP_ID, PRIVATE_KEY and WEBHOOK_SECRET are missing\n")
            .into_response();
    };
    if !is_signed(secret.expose_secret().as_bytes(), &body, header("x-hub-signature-256")) {
        tracing::warn!(delivery = header("x-github-delivery"), "a webhook without a good signature was refused");
        return (StatusCode::UNAUTHORIZED, "X-Hub-Signature-256 is missing or does not sign this body with the webhook secret\n")
            .into_response();
    }
    let (event, delivery) = (header("x-github-event"), header("x-github-delivery"));
    if event.is_empty() || delivery.is_empty() {
        return (StatusCode::BAD_REQUEST, "X-GitHub-Event and X-GitHub-Delivery are required\n").into_response();
    }
    let span = tracing::info_span!("delivery", id = delivery, event, ticket = tracing::field::Empty);
    take(&app, event, delivery, &body).instrument(span).await
}

async fn take(app: &App, event: &str, delivery: &str, body: &[u8]) -> Response {
    let news = match wire::read(event, body, app.desk.clock.now()) {
        Ok(Read::News(news)) => *news,
        Ok(Read::NotOurs(why)) => {
            tracing::debug!(%why, "passed over");
            return (StatusCode::OK, format!("passed over: {why}\n")).into_response();
        }
        Err(error @ (Unread::NotJson(_) | Unread::DoesNotFit { .. })) => {
            tracing::warn!(%error, "a signed webhook could not be read");
            return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
        }
    };
    let place = match &news {
        News::Ticket(event) => format!("{}#{}", event.repo.full_name, event.issue.number),
        _ => event.to_owned(),
    };
    tracing::Span::current().record("ticket", &place);
    match app.deliver(Incoming { delivery: Some(DeliveryId(delivery.to_owned())), news }).await {
        Ok(Outcome::Ticket(_) | Outcome::Noted) => (StatusCode::ACCEPTED, format!("taken in: {place}\n")).into_response(),
        Ok(Outcome::Repeated) => (StatusCode::ACCEPTED, "taken in before\n".to_owned()).into_response(),
        Ok(Outcome::Ignored(why)) => (StatusCode::OK, format!("passed over: {why}\n")).into_response(),
        Err(error) => {
            tracing::error!(%error, "a delivery was not taken in; GitHub keeps it as failed");
            let said = match error {
                NotTaken::Overloaded => "too many deliveries are waiting",
                NotTaken::TooSlow => "the database takes too long",
                NotTaken::ShuttingDown => "shutting down",
                NotTaken::Store(_) => "the delivery could not be saved",
            };
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "30")], format!("{said}\n")).into_response()
        }
    }
}

//! `POST /api/github/webhooks`: signature, then meaning, then disk, then the answer (`R1`).

use super::rate::{Bucket, too_many};
use crate::app::{App, LONGEST_WAIT, NotTaken};
use crate::desk::intake::{Incoming, Outcome};
use crate::desk::keep::Raw;
use crate::domain::DeliveryId;
use crate::domain::event::News;
use crate::github::signature::is_signed;
use crate::github::wire::{self, Read, Unread};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::Instrument as _;

/// The headers that say what a delivery is and where it comes from; never its signature.
const KEPT_HEADERS: [&str; 6] = [
    "x-github-event",
    "x-github-delivery",
    "x-github-hook-id",
    "x-github-hook-installation-target-type",
    "x-github-hook-installation-target-id",
    "user-agent",
];

/// Takes one delivery: 202 when its effect is on disk, 200 for what is not the desk's business.
pub(super) async fn receive(app: &App, unsigned: &Bucket, headers: &HeaderMap, body: &[u8]) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(secret) = &app.webhook_secret else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no GitHub App is set up yet: `partner-desk serve` prints where to do it\n")
            .into_response();
    };
    if !is_signed(secret.expose_secret().as_bytes(), body, header("x-hub-signature-256")) {
        count(&app.answers.unsigned);
        // Only now: whatever strangers do, what GitHub signed is taken. Theirs is neither logged line by line nor explained.
        if !unsigned.lets_in(app.desk.clock.now()) {
            return too_many();
        }
        tracing::warn!(delivery = header("x-github-delivery"), "a webhook without a good signature was refused");
        return (StatusCode::UNAUTHORIZED, "X-Hub-Signature-256 is missing or does not sign this body with the webhook secret\n")
            .into_response();
    }
    let (event, delivery) = (header("x-github-event"), header("x-github-delivery"));
    if event.is_empty() || delivery.is_empty() {
        count(&app.answers.malformed);
        return (StatusCode::BAD_REQUEST, "X-GitHub-Event and X-GitHub-Delivery are required\n").into_response();
    }
    let Ok(text) = str::from_utf8(body) else {
        count(&app.answers.malformed);
        return (StatusCode::BAD_REQUEST, "the body is no JSON object: it is not UTF-8\n").into_response();
    };
    let span = tracing::info_span!("delivery", id = delivery, event, ticket = tracing::field::Empty);
    take(app, headers, event, DeliveryId(delivery.to_owned()), text).instrument(span).await
}

async fn take(app: &App, headers: &HeaderMap, event: &str, id: DeliveryId, body: &str) -> Response {
    let received = app.desk.clock.now();
    let keep = async |why: &str| {
        let header = |name: &&'static str| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.to_owned()));
        let headers = KEPT_HEADERS.iter().filter_map(header).collect();
        keep(app, Raw { id: &id, event, headers: &headers, body, received }, why).await
    };
    let news = match wire::read(event, body.as_bytes(), received) {
        Ok(Read::News(news)) => *news,
        Ok(Read::NotOurs(why)) => {
            tracing::debug!(%why, "passed over");
            count(&app.answers.passed_over);
            return (StatusCode::OK, format!("passed over: {why}\n")).into_response();
        }
        Err(error @ Unread::NotJson(_)) => {
            tracing::warn!(%error, "a signed webhook could not be read");
            count(&app.answers.malformed);
            return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
        }
        // GitHub means it well, and another version may read it (R4).
        Err(error @ Unread::DoesNotFit { .. }) => return keep(&error.to_string()).await,
    };
    let place = match &news {
        News::Ticket(event) => format!("{}#{}", event.repo.full_name, event.issue.number),
        _ => event.to_owned(),
    };
    tracing::Span::current().record("ticket", &place);
    match app.deliver(Incoming { delivery: Some(id.clone()), news }).await {
        Ok(Outcome::Ticket(_) | Outcome::Noted) => {
            count(&app.answers.taken_in);
            (StatusCode::ACCEPTED, format!("taken in: {place}\n")).into_response()
        }
        Ok(Outcome::Repeated) => repeated(app),
        Ok(Outcome::Ignored(why)) => {
            count(&app.answers.passed_over);
            (StatusCode::OK, format!("passed over: {why}\n")).into_response()
        }
        Err(NotTaken::Store(error)) if error.is_of_its_own() => keep(&error.to_string()).await,
        Err(error) => refuse(app, &error),
    }
}

/// Keeps what cannot be taken in; that is on disk too when it is answered (`R1`).
async fn keep(app: &App, raw: Raw<'_>, why: &str) -> Response {
    match tokio::time::timeout(LONGEST_WAIT, app.desk.keep(raw, why)).await {
        Ok(Ok(true)) => {
            count(&app.answers.kept);
            (StatusCode::ACCEPTED, format!("kept, to be tried again: {why}\n")).into_response()
        }
        Ok(Ok(false)) => repeated(app),
        Ok(Err(error)) => refuse(app, &NotTaken::Store(error)),
        Err(_) => refuse(app, &NotTaken::TooSlow),
    }
}

fn repeated(app: &App) -> Response {
    count(&app.answers.repeated);
    (StatusCode::ACCEPTED, "taken in before\n").into_response()
}

pub(super) fn count(answers: &AtomicU64) {
    answers.fetch_add(1, Ordering::Relaxed);
}

fn refuse(app: &App, error: &NotTaken) -> Response {
    tracing::error!(%error, "a delivery was not taken in; GitHub keeps it as failed");
    count(&app.answers.refused);
    // It is asked for again as soon as it may be taken (R2).
    app.desk.is_behind();
    let said = match error {
        NotTaken::Overloaded => "too many deliveries are waiting",
        NotTaken::TooSlow => "the database takes too long",
        NotTaken::ShuttingDown => "shutting down",
        NotTaken::Store(_) => "the delivery could not be saved",
    };
    (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "30")], format!("{said}\n")).into_response()
}

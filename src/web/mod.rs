//! The doors by HTTP: webhooks, health, metrics, set-up. Each handler is tiny; what it does is the desk's.

pub mod ack;
pub mod front;
pub mod health;
pub mod metrics;
mod page;
mod rate;
pub mod relay;
pub mod serving;
pub mod setup;
pub mod webhook;

use crate::app::App;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{ALLOW, CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use http_body_util::LengthLimitError;
use rate::{Bucket, Shared};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// GitHub does not send payloads above 25 MiB.
const LARGEST_PAYLOAD: usize = 25 * 1024 * 1024;
/// So much of payloads may be on its way in at once, in KiB: memory is bounded, and who comes on top hears so at once.
const MOST_ON_THE_WAY: usize = 96 * 1024;
/// A payload that is not here after this long is let go; GitHub itself waits for 10 s, its Enterprise Server for 30 s.
const SLOWEST_PAYLOAD: Duration = Duration::from_secs(30);

/// Every route.
pub fn router(app: App) -> Router {
    let room = Arc::new(Semaphore::new(MOST_ON_THE_WAY));
    let unsigned = Arc::new(Bucket::new(100, 5));
    let guarded = Router::new()
        .route("/", get(health::front))
        .route("/setup", get(setup::show))
        .route("/setup/app", post(setup::ask))
        .route("/setup/back", get(setup::back))
        .route("/style.css", get(page::style))
        .route("/live.js", get(page::live))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready).layer(Extension(Arc::new(Shared::<health::Readiness>::new()))))
        .route("/metrics", get(metrics::metrics).layer(Extension(Arc::new(Shared::<String>::new()))))
        .merge(ack::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn(page::guarded));
    // The one door that is in a hurry has no layers.
    let receive = async move |State(app): State<Arc<App>>, request: Request| {
        page::guard(match with_room(&app, &room, request).await {
            Ok((headers, body, _held)) => webhook::receive(&app, &unsigned, &headers, &body).await,
            Err(refusal) => refusal,
        })
    };
    let otherwise =
        async || page::guard((StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], "GitHub's webhooks come here, by POST\n").into_response());
    guarded.route("/api/github/webhooks", post(receive).fallback(otherwise)).with_state(Arc::new(app))
}

/// What stands at no address.
async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "nothing is here\n").into_response()
}

/// What stands there cannot be asked for in that way; the answer names the ways that it can.
async fn not_so() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "not by this method\n").into_response()
}

/// Whether more came than there may be.
fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// Reads a payload while there is room for it, and not for ever; else an answer to whoever sent it.
async fn with_room<'r>(app: &App, room: &'r Semaphore, request: Request) -> Result<(HeaderMap, Bytes, SemaphorePermit<'r>), Response> {
    let refuse = |status: StatusCode, why: &'static str| (status, [(RETRY_AFTER, "30")], why).into_response();
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, "more than 25 MiB, which GitHub does not send\n").into_response();
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // Who does not say how much may send as much as there can be.
    let length = announced.unwrap_or(LARGEST_PAYLOAD);
    if length > LARGEST_PAYLOAD {
        // Who is answered in the middle of sending may never read the answer; what comes is let go as it comes.
        let mut rest = request.into_body().into_data_stream();
        let drain = async {
            let mut left = 2 * LARGEST_PAYLOAD;
            while let Some(Ok(part)) = rest.next().await
                && left > 0
            {
                left = left.saturating_sub(part.len());
            }
        };
        let _ = tokio::time::timeout(SLOWEST_PAYLOAD, drain).await;
        webhook::count(&app.answers.malformed);
        return Err(too_large());
    }
    let Some(held) = u32::try_from(length / 1024 + 1).ok().and_then(|kib| room.try_acquire_many(kib).ok()) else {
        tracing::warn!("a webhook was refused: too many are on their way in at once; GitHub keeps it as failed");
        app.turns_away(&app.answers.refused);
        return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "too much is on its way in\n"));
    };
    let (parts, body) = request.into_parts();
    Err(match tokio::time::timeout(SLOWEST_PAYLOAD, to_bytes(body, LARGEST_PAYLOAD)).await {
        Ok(Ok(body)) => return Ok((parts.headers, body, held)),
        Ok(Err(error)) if is_too_long(&error) => {
            webhook::count(&app.answers.malformed);
            too_large()
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a payload broke off");
            webhook::count(&app.answers.malformed);
            (StatusCode::BAD_REQUEST, "the payload broke off\n").into_response()
        }
        Err(_) => {
            webhook::count(&app.answers.refused);
            refuse(StatusCode::REQUEST_TIMEOUT, "the payload took too long\n")
        }
    })
}

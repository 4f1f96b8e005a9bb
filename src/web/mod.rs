//! The doors by HTTP: webhooks, health. Each handler is tiny; what it does is the desk's.

pub mod health;
pub mod webhook;

use crate::app::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

/// GitHub does not send payloads above 25 MiB.
const LARGEST_PAYLOAD: usize = 25 * 1024 * 1024;

/// Every route.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/github/webhooks", post(webhook::receive).layer(DefaultBodyLimit::max(LARGEST_PAYLOAD)))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/", get(health::front))
        .with_state(app)
}

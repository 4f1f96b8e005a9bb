//! `/healthz`: the process is alive. `/readyz`: it can do its work: the database answers and the scheduler ticks. GitHub is
//! reported, but its outages are not ours to be restarted for.

use super::rate::{Shared, too_many};
use crate::app::{App, SILENT_MS};
use crate::store::StoreError;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Alive.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Ready, or what is missing.
pub(super) async fn ready(State(app): State<Arc<App>>, Extension(last): Extension<Arc<Shared<Readiness>>>) -> Response {
    match last.get(app.desk.clock.now(), readiness(&app)).await {
        Some((status, parts)) => (status, Json(parts)).into_response(),
        None => too_many(),
    }
}

/// Whether it is, and its parts.
pub(super) type Readiness = (StatusCode, Value);

async fn readiness(app: &App) -> Readiness {
    let database = match tokio::time::timeout(std::time::Duration::from_secs(3), keeps(app)).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer within 3 s".to_owned(),
    };
    let silent = app.since_beat();
    let scheduler = if silent <= SILENT_MS { "ok".to_owned() } else { format!("silent for {} s", silent / 1000) };
    let github = app.desk.github.as_ref().map_or_else(|| "no App is set up".to_owned(), |github| github.last_word());
    let kept = if database == "ok" { app.desk.count_kept().await.ok() } else { None };
    let ready = database == "ok" && scheduler == "ok";
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let clock = app.desk.clock_word();
    // Kept deliveries and a wrong clock are the operator's business; a restart mends neither.
    let parts = json!({
        "ready": ready, "database": database, "scheduler": scheduler, "github": github, "clock": clock, "kept_deliveries": kept,
    });
    (status, parts)
}

/// Whether the database can be written to; one that failed to keep something has to show that it does again.
async fn keeps(app: &App) -> Result<(), StoreError> {
    app.desk.store.ping().await?;
    if app.fails_to_keep.load(Ordering::Relaxed) {
        app.desk.store.try_writing().await?;
        app.fails_to_keep.store(false, Ordering::Relaxed);
    }
    Ok(())
}

/// What this address is.
pub async fn front(State(app): State<Arc<App>>) -> Response {
    if app.webhook_secret.is_some() {
        return "Partner Desk is running. Webhooks go to /api/github/webhooks; /readyz says how it is.\n".into_response();
    }
    super::setup::stranger(StatusCode::OK)
}

//! What is behind the port while the desk is composed anew: whoever knocks in between waits for the next one.

use super::page;
use crate::app::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::sync::watch;

/// Whoever knocks in between is answered after this long.
const LONGEST: Duration = Duration::from_secs(8);

/// A desk with its doors.
#[derive(Debug, Clone)]
pub struct Present {
    /// The desk.
    pub app: App,
    /// Its routes.
    pub routes: Router,
}

/// The present composition. Clones are the same.
#[derive(Debug, Clone)]
pub struct Front(watch::Sender<Option<Present>>);

impl Front {
    /// Shows a desk.
    #[must_use]
    pub fn new(app: App) -> Self {
        let front = Self(watch::Sender::new(None));
        front.show(app);
        front
    }

    /// Shows this one from now on.
    pub fn show(&self, app: App) {
        let routes = super::router(app.clone());
        self.0.send_replace(Some(Present { app, routes }));
    }

    /// Shows none: the next is about to come.
    pub fn hide(&self) {
        self.0.send_replace(None);
    }

    /// The one that is shown, waited for a while if there is none.
    pub async fn present(&self) -> Option<Present> {
        let mut seen = self.0.subscribe();
        let present = tokio::time::timeout(LONGEST, seen.wait_for(Option::is_some)).await.ok()?;
        present.ok()?.clone()
    }

    /// Something may have been missed, and is looked for (`R2`).
    pub async fn is_behind(&self) {
        if let Some(present) = self.present().await {
            present.app.desk.is_behind();
        }
    }

    /// A connection was too many; what it was to bring is looked for (`R2`).
    pub fn turns_away(&self) {
        if let Some(present) = &*self.0.borrow() {
            present.app.turns_away(&present.app.answers.turned_away);
        }
    }

    /// All that comes, handed on.
    pub fn router(&self) -> Router {
        Router::new().fallback(hand_on).with_state(self.clone())
    }
}

async fn hand_on(State(front): State<Front>, request: Request) -> Response {
    match front.present().await {
        Some(present) => match TowerToHyperService::new(present.routes).call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        },
        None => page::guard((StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], "the desk is starting\n").into_response()),
    }
}

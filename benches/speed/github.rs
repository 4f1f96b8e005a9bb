//! As much of GitHub as a desk under load asks for, answered at once.

use crate::load::REPOSITORIES;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};

static LAST_ID: AtomicI64 = AtomicI64::new(1);

/// Gives its address.
pub(crate) async fn start() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}")
}

async fn answer(method: Method, uri: Uri) -> Response {
    let id = LAST_ID.fetch_add(1, Ordering::Relaxed);
    let say = |status: u16, body: Value| (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
    match (method, uri.path()) {
        (Method::POST, path) if path.ends_with("/access_tokens") => {
            say(201, json!({ "token": "ghs_bench", "expires_at": "2099-01-01T00:00:00Z", "permissions": {} }))
        }
        (Method::GET, "/app") => say(200, json!({ "id": 1234, "slug": "desk", "name": "Desk" })),
        // What is nowhere installed, and lists no repository, would have every ticket out of the desk's hands at the next look.
        (Method::GET, "/app/installations") => say(200, json!([{ "id": 9, "account": { "id": 7, "login": "7x" } }])),
        (Method::GET, "/installation/repositories") => {
            let repository = |place| json!({ "id": 500 + place, "full_name": format!("7x/support-{place}"), "private": false });
            let all: Vec<_> = (0..REPOSITORIES).map(repository).collect();
            say(200, json!({ "total_count": all.len(), "repositories": all }))
        }
        (Method::GET, path) if path.starts_with("/users/") => {
            say(200, json!({ "id": 99, "login": path.trim_start_matches("/users/"), "type": "User" }))
        }
        (Method::POST, path) if path.ends_with("/comments") || path.ends_with("/labels") && !path.contains("/issues/") => {
            say(201, json!({ "id": id }))
        }
        _ => say(200, json!([])),
    }
}

//! GitHub's manifest flow: what an App is asked for with, and the code that comes back, exchanged for its credentials.

use super::client::{ApiError, GitHub, exchange, segment};
use super::needs::{PERMISSIONS, events};
use crate::clock::Clock;
use crate::settings::AppCredentials;
use octocrab::Octocrab;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The name that GitHub suggests to whoever makes the App, who may choose another.
const NAME: &str = "Partner Desk";
const DESCRIPTION: &str = "Counts the support tickets of a tiered partner programme, labels them, and watches their response times.";

/// What `app-manifest.yml` says, with the addresses of one desk.
#[must_use]
pub fn manifest(url: &str, hook_url: &str, back_url: &str, setup_url: &str) -> Value {
    let permissions: Map<_, _> = PERMISSIONS.iter().map(|need| (need.name.to_owned(), need.level.into())).collect();
    json!({
        "name": NAME,
        "url": url,
        "description": DESCRIPTION,
        "public": false,
        "hook_attributes": { "url": hook_url, "active": true },
        "redirect_url": back_url,
        "setup_url": setup_url,
        "default_permissions": permissions,
        "default_events": events().collect::<Vec<_>>(),
    })
}

/// An App that was made, with its credentials.
#[derive(Debug, Deserialize)]
pub struct Made {
    /// Its id.
    pub id: i64,
    /// Its short name.
    pub slug: String,
    /// Its page.
    pub html_url: String,
    /// Its private key as a PEM file.
    #[serde(deserialize_with = "secret")]
    pub pem: SecretString,
    /// What GitHub signs webhooks with.
    #[serde(deserialize_with = "secret")]
    pub webhook_secret: SecretString,
    /// For signing in.
    pub client_id: String,
    /// For signing in.
    #[serde(deserialize_with = "secret")]
    pub client_secret: SecretString,
}

impl Made {
    /// Whether the desk can work with what came.
    ///
    /// # Errors
    /// It cannot.
    pub fn check(&self, api_url: &str, clock: Clock) -> Result<(), ApiError> {
        let credentials = AppCredentials { app_id: self.id, private_key: self.pem.clone(), webhook_secret: self.webhook_secret.clone() };
        GitHub::new(&credentials, api_url, clock).map(drop)
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

/// Fetches the credentials of an App that was just made. GitHub gives them once, within the hour.
///
/// # Errors
/// GitHub refuses, or does not answer; neither says the code nor what came.
pub async fn convert(api_url: &str, code: &str) -> Result<Made, ApiError> {
    const CALL: &str = "POST /app-manifests/…/conversions";
    let no_client = |error: octocrab::Error| ApiError::NoAnswer(error.to_string().lines().next().unwrap_or_default().to_owned());
    let client = Octocrab::builder()
        .base_uri(api_url)
        .map_err(no_client)?
        .add_header(http::header::ACCEPT, "application/vnd.github+json".to_owned())
        .set_connect_timeout(Some(Duration::from_secs(3)))
        .set_read_timeout(Some(Duration::from_secs(10)))
        .set_write_timeout(Some(Duration::from_secs(10)))
        .build()
        .map_err(no_client)?;
    let raw = exchange(&client, http::Method::POST, &format!("/app-manifests/{}/conversions", segment(code)), None).await;
    let raw = raw.map_err(|error| match error {
        ApiError::NoAnswer(why) => ApiError::NoAnswer(why.replace(code, "…")),
        other => other,
    })?;
    raw.read::<Made>().map_err(|error| match error {
        ApiError::Refused { status, retry_after, .. } => {
            ApiError::Refused { status, call: CALL.to_owned(), message: "no credentials".to_owned(), retry_after, location: None }
        }
        ApiError::Unreadable { .. } => {
            ApiError::Unreadable { call: CALL.to_owned(), why: "it lacks some of an App's credentials".to_owned() }
        }
        other => other,
    })
}

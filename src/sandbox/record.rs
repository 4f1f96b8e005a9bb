//! What the desk asked of GitHub, request by request.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

/// One request that was received.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The path as it was sent, still percent-encoded.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// When it came, by the shared clock.
    pub at: Timestamp,
    /// What it was answered with; `None` while it is worked on, and where the connection was closed instead.
    pub status: Option<u16>,
}

impl RecordedRequest {
    /// Whether it creates, changes or deletes something at GitHub. Minting a token and asking for a redelivery do not.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&self.method);
        changes && !self.is_token_mint() && !self.path.starts_with("/app/")
    }

    /// Whether it asks for an installation token.
    #[must_use]
    pub fn is_token_mint(&self) -> bool {
        self.method == Method::POST && self.path.ends_with("/access_tokens")
    }

    /// Whether it creates a label in a repository, which counts apart (`G6`).
    #[must_use]
    pub fn is_label_creation(&self) -> bool {
        self.method == Method::POST && self.path.ends_with("/labels") && !self.path.contains("/issues/")
    }
}

impl std::fmt::Display for RecordedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        for (i, (key, value)) in self.query.iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { '?' } else { '&' })?;
        }
        match self.status {
            Some(status) => write!(f, " -> {status}"),
            None => f.write_str(" -> no answer"),
        }
    }
}

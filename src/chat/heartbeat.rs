//! A dead man's switch: an address that is asked as long as the desk watches its clocks. Whoever is behind it raises the alarm when
//! nobody asks any more, which no desk that is down can do by itself.

use super::ChatError;
use super::send::{builder, is_here, without_address};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;

/// What errors call whoever is asked.
const HOST: &str = "the host";

/// Where it is said that the desk lives. The address is a secret: whoever has it can say so, too.
pub struct Heartbeat {
    http: Client,
    url: Url,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heartbeat(…)")
    }
}

impl Heartbeat {
    /// Checks the address; talks to nobody yet.
    ///
    /// # Errors
    /// The address is none; the error does not hold it.
    pub fn new(url: &SecretString) -> Result<Self, ChatError> {
        let url = url.expose_secret().trim().parse::<Url>().ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        let url = url.ok_or(ChatError::HeartbeatUrl)?;
        let builder = if is_here(&url) { builder().no_proxy() } else { builder() };
        let http = builder.build().map_err(|error| ChatError::Client(without_address(error, HOST)))?;
        Ok(Self { http, url })
    }

    /// Says once that the desk lives.
    ///
    /// # Errors
    /// Nobody took it, in words without the address.
    pub async fn beat(&self) -> Result<(), String> {
        let status = self.http.get(self.url.clone()).send().await.map_err(|error| without_address(error, HOST))?.status();
        if status.is_success() { Ok(()) } else { Err(format!("the answer was {status}")) }
    }
}

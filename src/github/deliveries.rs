//! The App's own deliveries as GitHub keeps them for some days: which failed, what they said, and to have them sent again (`R2`).
//!
//! octocrab reads such a list without its `Link` header, so that the next page cannot be found, and knows no `status`.

use super::client::{ApiError, GitHub, PER_PAGE};
use crate::domain::DeliveryId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Pages read at most: 10 000 failures.
const MOST_PAGES: usize = 100;

/// An attempt to deliver, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    /// GitHub's number of this attempt.
    pub id: i64,
    /// The same for every attempt of one delivery.
    pub guid: DeliveryId,
    /// When it was made.
    pub delivered_at: Timestamp,
    /// `X-GitHub-Event`.
    pub event: String,
    /// What the desk answered; 0 or an error of GitHub's where it could not be reached.
    #[serde(default)]
    pub status_code: i64,
}

/// What was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The headers that the desk keeps, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The payload's text.
    pub payload: String,
}

impl GitHub {
    /// Attempts that failed since an instant, the newest first.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn failed_attempts(&self, since: Timestamp) -> Result<Vec<Attempt>, ApiError> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let path = format!("/app/hook/deliveries?status=failure&per_page={PER_PAGE}{cursor}");
            let raw = self.call_as_app(http::Method::GET, &path).await?;
            let next = raw.header("link").and_then(next_cursor).map(|next| format!("&cursor={next}"));
            let page: Vec<Attempt> = raw.read()?;
            let older = page.iter().any(|attempt| attempt.delivered_at < since);
            // A server that knows no `status` lists all.
            all.extend(page.into_iter().filter(|attempt| attempt.delivered_at >= since && !(200..300).contains(&attempt.status_code)));
            match next {
                Some(next) if !older && next != cursor => cursor = next,
                _ => break,
            }
        }
        Ok(all)
    }

    /// The last attempts, failed or not, the newest first.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn last_attempts(&self) -> Result<Vec<Attempt>, ApiError> {
        self.ask_as_app(&format!("/app/hook/deliveries?per_page={PER_PAGE}")).await
    }

    /// What an attempt sent; `None`: GitHub has it no longer.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn sent_in(&self, attempt: i64) -> Result<Option<Sent>, ApiError> {
        #[derive(Deserialize)]
        struct Whole {
            request: Request,
        }
        #[derive(Deserialize)]
        struct Request {
            #[serde(default)]
            headers: Option<BTreeMap<String, serde_json::Value>>,
            payload: Box<RawValue>,
        }
        let raw = match self.call_as_app(http::Method::GET, &format!("/app/hook/deliveries/{attempt}")).await {
            Ok(raw) => raw,
            Err(error) if error.is_gone() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Whole { request } = raw.read()?;
        let headers = request.headers.unwrap_or_default().into_iter();
        let kept = headers.filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())));
        Ok(Some(Sent {
            headers: kept.filter(|(name, _)| name.starts_with("x-github-") || name == "user-agent").collect(),
            payload: request.payload.get().to_owned(),
        }))
    }

    /// Asks GitHub to send a delivery again. It does so some time later, or not.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn redeliver(&self, attempt: i64) -> Result<(), ApiError> {
        self.call_as_app(http::Method::POST, &format!("/app/hook/deliveries/{attempt}/attempts")).await.map(drop)
    }
}

/// The cursor of the next page in a `Link` header, as it stands in the address there.
fn next_cursor(link: &str) -> Option<&str> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    address.split_once('?')?.1.split('&').find_map(|pair| pair.strip_prefix("cursor="))
}

#[cfg(test)]
mod tests {
    use super::next_cursor;

    #[test]
    fn r2_the_cursor_is_taken_out_of_the_link() {
        let link = "<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_12%3D77&status=failure>; rel=\"next\"";
        assert_eq!(next_cursor(link), Some("v1_12%3D77"));
        let both = format!("<https://api.github.com/app/hook/deliveries?cursor=v0>; rel=\"prev\", {link}");
        assert_eq!(next_cursor(&both), Some("v1_12%3D77"));
        assert_eq!(next_cursor("<https://api.github.com/app/hook/deliveries?cursor=v0>; rel=\"prev\""), None);
        assert_eq!(next_cursor(""), None);
    }
}

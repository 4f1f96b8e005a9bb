//! Who may use the pages: a browser on this machine, on these pages themselves. No other site can act in the demo or look into it.

use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Scripts, styles and pictures are the pages' own; nothing is inline, framed or sent elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// Refuses what does not come from these pages, and tells the browser to do so too.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match refusal(request.method(), request.uri(), request.headers()) {
        Some(why) => (StatusCode::FORBIDDEN, format!("{why}\n")).into_response(),
        None => next.run(request).await,
    };
    let told = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: forms would then come from the origin `null`.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in told {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is refused. A name that leads here from elsewhere is no name of this machine, whatever its address; and only a page of
/// this very address may ask for a change.
fn refusal(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or_else(|| uri.authority().map(Authority::as_str)).unwrap_or_default();
    let port = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, last)| port(last)).map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return Some("The demo is for a browser on this machine: open it as 127.0.0.1 or localhost.");
    }
    let reads = method == Method::GET || method == Method::HEAD;
    let own = text(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://")).is_some_and(|from| from == host);
    (!reads && !own).then_some("Only the demo's own pages may do this.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: &Method, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        refusal(method, &Uri::from_static("/"), &headers).is_none()
    }

    #[test]
    fn only_this_machine_looks_and_only_these_pages_act() {
        for host in ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost"] {
            assert!(judged(&Method::GET, host, None) && judged(&Method::POST, host, Some(&format!("http://{host}"))), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::1].evil", "10.0.0.1:80"]
        {
            assert!(!judged(&Method::GET, host, None), "{host}");
        }
        for origin in [None, Some("null"), Some("http://localhost:9999"), Some("https://127.0.0.1:8000"), Some("http://evil.example")] {
            assert!(!judged(&Method::POST, "127.0.0.1:8000", origin), "{origin:?}");
        }
    }
}

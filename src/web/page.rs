//! What all pages have in common: their frame, their one stylesheet, and what browsers are told not to do with them. Nothing on a page
//! comes from elsewhere, and no script or style stands in it.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("assets/style.css");
const LIVE: &str = include_str!("assets/live.js");
/// Of a page that says nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Of what is no page.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Text as it may stand in a page, in an attribute too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole page; `body` is HTML.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} · Partner Desk</title>\n<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n<script src=\"/live.js\" defer></script>\n</head>\n<body>\n<header>Partner Desk</header>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    );
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// A page with forms that go elsewhere: to the origin of this address.
pub(super) fn may_send_to(mut page: Response, url: &str) -> Response {
    // `https://host` of `https://host/path`.
    let origin: Vec<_> = url.splitn(4, '/').take(3).collect();
    let policy = POLICY.replace("form-action 'self'", &format!("form-action 'self' {}", origin.join("/")));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    page
}

/// Puts what browsers are told not to do on every answer, refusals included.
pub(super) async fn guarded(request: Request, next: Next) -> Response {
    guard(next.run(request).await)
}

/// The same of one answer, text and JSON as well: where it has no say of its own, a page of it could do nothing.
pub(super) fn guard(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut unless_said = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_said(CONTENT_SECURITY_POLICY, if is_page { POLICY } else { NOTHING });
    unless_said(X_FRAME_OPTIONS, "DENY");
    unless_said(REFERRER_POLICY, "no-referrer");
    unless_said(X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_said(CACHE_CONTROL, "no-store");
    unless_said(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    unless_said(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    answer
}

/// The stylesheet.
pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=300")], STYLE)
}

/// What makes pages that wait for something look again.
pub(super) async fn live() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "max-age=300")], LIVE)
}

/// A cookie of a request.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIE);
    all.iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_people_wrote_is_no_html() {
        assert_eq!(escaped("<b title=\"a\" id='b'>&"), "&lt;b title=&quot;a&quot; id=&#39;b&#39;&gt;&amp;");
    }
}

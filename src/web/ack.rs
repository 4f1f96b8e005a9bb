//! `/ack/…`: the link in a ping (`E5`). Anybody who has one may follow it. GET shows a page that asks, and changes nothing, since chats
//! fetch links to preview them; POST acknowledges.

use super::rate::Bucket;
use crate::app::App;
use crate::desk::acknowledge::{Behind, Linked, Waits};
use crate::store::StoreError;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Form, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// What a form of the page comes to at most.
const LARGEST_FORM: usize = 4096;
/// A name is cut to this many characters.
const LONGEST_NAME: usize = 60;
/// For how long reminders can be silenced: what the form sends, how it is shown, and the time; `None`: until it is answered.
const TIMES: [(&str, &str, Option<SignedDuration>); 5] = [
    ("30m", "for 30 minutes", Some(SignedDuration::from_mins(30))),
    ("1h", "for 1 hour", Some(SignedDuration::from_hours(1))),
    ("4h", "for 4 hours", Some(SignedDuration::from_hours(4))),
    ("12h", "for 12 hours", Some(SignedDuration::from_hours(12))),
    ("end", "until it is answered", None),
];
/// What is chosen where nobody chooses.
const USUAL: &str = "1h";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1f2328;background:#fff}\
h1{font-size:1.4rem}fieldset{border:1px solid #d1d9e0;border-radius:6px;margin:1rem 0}label{display:block;padding:.2rem 0}\
input[type=text]{font:inherit;width:100%;box-sizing:border-box;padding:.4rem;border:1px solid #818b98;border-radius:6px}\
button{font:inherit;font-weight:600;padding:.5rem 1rem;border:0;border-radius:6px;background:#1f6feb;color:#fff;cursor:pointer}\
.small{color:#59636e;font-size:.9rem}a{color:#0969da}\
@media(prefers-color-scheme:dark){body{color:#f0f6fc;background:#0d1117}fieldset{border-color:#3d444d}.small{color:#9198a1}a{color:#4493f8}\
input[type=text]{color:#f0f6fc;background:#151b23}}";

/// The page and its form.
pub(super) fn routes() -> Router<Arc<App>> {
    let doors = Arc::new(Doors { strangers: Bucket::new(30, 1), guests: Bucket::new(120, 10) });
    Router::new().route("/ack/{token}", get(ask).post(acknowledge)).layer(DefaultBodyLimit::max(LARGEST_FORM)).layer(Extension(doors))
}

/// How often this door opens. Who has no link of the desk's has a small share of their own, and takes nothing from those who do.
#[derive(Debug)]
struct Doors {
    strangers: Bucket,
    guests: Bucket,
}

/// What the page's form says.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    time: String,
    #[serde(default)]
    name: String,
}

async fn ask(State(app): State<Arc<App>>, Extension(doors): Extension<Arc<Doors>>, Path(token): Path<String>) -> Response {
    let link = match open(&app, &doors, &token) {
        Ok(link) => link,
        Err(page) => return *page,
    };
    match app.desk.behind(&link).await {
        Ok(behind) => tell(&behind, true),
        Err(error) => fails(&error),
    }
}

async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(doors): Extension<Arc<Doors>>,
    Path(token): Path<String>,
    form: Result<Form<Answer>, FormRejection>,
) -> Response {
    let link = match open(&app, &doors, &token) {
        Ok(link) => link,
        Err(page) => return *page,
    };
    let asked = form.ok().and_then(|Form(answer)| {
        let wanted = if answer.time.is_empty() { USUAL } else { answer.time.as_str() };
        let (.., time) = TIMES.iter().find(|(value, ..)| *value == wanted)?;
        Some((*time, name(&answer.name)))
    });
    let Some((time, name)) = asked else {
        let times: Vec<_> = TIMES.iter().map(|(value, ..)| *value).collect();
        let text = format!("<p>The form was not understood: expected <code>time</code> to be one of {}.</p>", times.join(", "));
        return page(StatusCode::BAD_REQUEST, "Nothing was changed", &text);
    };
    match app.desk.acknowledge(&link, time, name.as_deref()).await {
        Ok(behind) => tell(&behind, false),
        Err(error) => fails(&error),
    }
}

/// The link, if it is one of the desk's and the door is open; else what is answered.
fn open(app: &App, doors: &Doors, token: &str) -> Result<Linked, Box<Response>> {
    let link = app.desk.links.as_ref().and_then(|links| links.read(token));
    let bucket = if link.is_some() { &doors.guests } else { &doors.strangers };
    if !bucket.lets_in(app.desk.clock.now()) {
        let mut response = page(StatusCode::TOO_MANY_REQUESTS, "Too many at once", "<p>Try again in a few seconds.</p>");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return Err(response.into());
    }
    link.ok_or_else(|| {
        tracing::warn!(rule = "E5", "a link that the desk has not made was refused");
        let text = "<p>This is no link of this desk: it is incomplete, was changed, or was made with another key. Open it from the message \
                    again, or comment <code>/ack</code> on the issue.</p>";
        page(StatusCode::FORBIDDEN, "This link does not work", text).into()
    })
}

/// What somebody calls themselves, on one line.
fn name(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name: String = text.trim().chars().take(LONGEST_NAME).collect();
    (!name.is_empty()).then_some(name)
}

fn tell(behind: &Behind, asks: bool) -> Response {
    match behind {
        Behind::Expired(until) => {
            let text = format!(
                "<p>It was good until {}. A later reminder has a newer link; a comment <code>/ack</code> on the issue does the same.</p>",
                minute(*until)
            );
            page(StatusCode::GONE, "This link has expired", &text)
        }
        Behind::Over { ticket, url, why } => {
            let about = if ticket.is_empty() { String::new() } else { format!("{}: ", link(ticket, url)) };
            page(StatusCode::GONE, "There is nothing to acknowledge", &format!("<p>{about}{}.</p>", escape(why)))
        }
        Behind::Runs(waits) if waits.just_now => page(StatusCode::OK, "Acknowledged", &acknowledged(waits, "No reminders")),
        Behind::Runs(waits) if !asks => page(StatusCode::OK, "Acknowledged already", &acknowledged(waits, "No reminders, as before,")),
        Behind::Runs(waits) => page(StatusCode::OK, &format!("Acknowledge {}?", waits.ticket), &question(waits)),
    }
}

fn acknowledged(waits: &Waits, what: &str) -> String {
    let until = match waits.silenced.flatten() {
        Some(until) => format!("until <strong>{}</strong>", minute(until)),
        None => "until it is <strong>answered</strong>".to_owned(),
    };
    let mut text = format!("{}<p>{what} {until}.", about(waits));
    if let Some(next) = waits.next.filter(|_| waits.silenced.flatten().is_some()) {
        let _ = write!(text, " Unanswered, it is spoken of again {}.", minute(next));
    }
    text.push_str(
        "</p><p class=\"small\">The clock runs on: only an answer on the issue stops it. Steps that are still ahead are said once.</p>",
    );
    text
}

fn question(waits: &Waits) -> String {
    let mut text = about(waits);
    if let Some(until) = waits.silenced {
        let until = until.map_or_else(|| "until it is answered".to_owned(), |until| format!("until {}", minute(until)));
        let _ = write!(text, "<p>It is acknowledged already: no reminders {until}.</p>");
    } else if let Some(next) = waits.next {
        let _ = write!(text, "<p>It is spoken of next {}.</p>", minute(next));
    }
    text.push_str("<form method=\"post\"><fieldset><legend>Stop its reminders</legend>");
    for (value, words, _) in TIMES {
        let checked = if value == USUAL { " checked" } else { "" };
        let _ = write!(text, "<label><input type=\"radio\" name=\"time\" value=\"{value}\"{checked}> {words}</label>");
    }
    let _ = write!(
        text,
        "</fieldset><label>Who are you? <span class=\"small\">Not needed; it is shown in the ticket's log.</span>\
         <input type=\"text\" name=\"name\" maxlength=\"{LONGEST_NAME}\" autocomplete=\"name\"></label>\
         <p><button>Acknowledge</button></p></form>\
         <p class=\"small\">The clock runs on: only an answer on the issue stops it.</p>"
    );
    text
}

fn about(waits: &Waits) -> String {
    let due = if waits.late { "was due" } else { "is due" };
    format!("<p>{} “{}”<br>The answer {due} {}.</p>", link(&waits.ticket, &waits.url), escape(&waits.title), minute(waits.due))
}

fn link(text: &str, url: &str) -> String {
    if url.starts_with("https://") || url.starts_with("http://") {
        return format!("<a href=\"{}\" rel=\"noreferrer\">{}</a>", escape(url), escape(text));
    }
    escape(text)
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn fails(error: &StoreError) -> Response {
    tracing::error!(%error, "a link in a ping could not be followed");
    page(StatusCode::SERVICE_UNAVAILABLE, "Not now", "<p>The database does not answer. Nothing was changed; try again in a minute.</p>")
}

/// A page with what keeps it from doing anything but show itself and send its form.
fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>\n"
    );
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    let mut headers = HeaderMap::new();
    let fixed: [(HeaderName, &'static str); 3] =
        [(REFERRER_POLICY, "no-referrer"), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-store")];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.extend(HeaderValue::from_str(&policy).ok().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    (status, headers, Html(html)).into_response()
}

fn escape(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e5_a_door_lets_in_so_many_at_once_and_so_many_a_second() {
        let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap();
        let bucket = Bucket::new(3, 1);
        let let_in = |ms: i64| (0..10).filter(|_| bucket.lets_in(at(ms))).count();
        assert_eq!([let_in(0), let_in(999), let_in(1000), let_in(3500), let_in(60_000)], [3, 0, 1, 2, 3]);
        assert_eq!(let_in(0), 0, "set back by a minute");
        assert_eq!(let_in(4000), 3);
    }

    #[test]
    fn what_people_wrote_is_text() {
        assert_eq!(escape("<b a='1'>\"&"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;");
        assert_eq!(link("x", "javascript:alert(1)"), "x");
        assert_eq!(name(" Ann\n "), Some("Ann".to_owned()));
        assert_eq!(name(" \t"), None);
    }
}

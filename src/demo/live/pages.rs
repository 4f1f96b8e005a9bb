//! The pages' addresses, and what is the same on all of them.

use super::html::{all, hidden, text};
use super::issues::{self, Filter};
use super::scene::{Person, suggestion};
use super::{Answer, Ask, Asked, State, guard, slack};
use crate::demo::stage::{CHANNEL, Stage};
use crate::sandbox::{ChatSink, Sandbox};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, Query, State as Share};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::Stream;
use jiff::Timestamp;
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Nobody writes more than this into an issue here.
const LONGEST: usize = 16 * 1024;

/// What every page needs.
pub(super) struct Shared {
    pub(super) github: Sandbox,
    chat: ChatSink,
    pub(super) repository: &'static str,
    pub(super) bot: String,
    pub(super) people: Vec<Person>,
    address: String,
    state: watch::Receiver<State>,
    asks: mpsc::Sender<Asked>,
}

impl Shared {
    pub(super) fn new(
        stage: &Stage,
        people: Vec<Person>,
        address: String,
        state: watch::Receiver<State>,
        asks: mpsc::Sender<Asked>,
    ) -> Self {
        let (github, chat) = (stage.sandbox.clone(), stage.chat.clone());
        Self { bot: github.bot().1, github, chat, repository: stage.repository, people, address, state, asks }
    }

    pub(super) fn now(&self) -> State {
        self.state.borrow().clone()
    }

    /// Whom the visitor is: as they last chose, by a cookie.
    fn person(&self, headers: &HeaderMap) -> &Person {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
        let chosen = cookies.into_iter().find_map(|cookie| cookie.trim().strip_prefix("as="));
        let by_login = |login: &str| self.people.iter().find(|person| person.login == login);
        // Whoever says nothing has used six of seven.
        chosen
            .and_then(by_login)
            .or_else(|| by_login("liv"))
            .unwrap_or(const { &Person { login: String::new(), partner: None, agent: false } })
    }

    async fn ask(&self, ask: Ask) -> Answer {
        let (answer, answered) = oneshot::channel();
        let over = || "The demo has ended.".to_owned();
        self.asks.send((ask, answer)).await.map_err(|_| over())?;
        answered.await.map_err(|_| over())?
    }

    /// The address of an issue's page, or of all of them.
    pub(super) fn path(&self, number: Option<u64>) -> String {
        let all = format!("/{}/issues", self.repository);
        number.map_or_else(|| all.clone(), |number| format!("{all}/{number}"))
    }
}

type Demo = Share<Arc<Shared>>;

/// Every address.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let issues = shared.path(None);
    Router::new()
        .route("/", get(front))
        .route(&format!("/{}", shared.repository), get(front))
        .route(&issues, get(list).post(open))
        .route(&format!("{issues}/new"), get(new))
        .route(&format!("{issues}/{{number}}"), get(issue).post(act))
        .route(&format!("{issues}/{{number}}/labels"), post(label))
        .route("/as", post(be))
        .route("/clock", post(clock))
        .route("/desk", post(desk))
        .route("/live", get(live))
        .route("/demo.css", get(async || asset("text/css; charset=utf-8", include_str!("demo.css"))))
        .route("/demo.js", get(async || asset("text/javascript; charset=utf-8", include_str!("demo.js"))))
        .route("/icon.svg", get(async || asset("image/svg+xml", include_str!("icon.svg"))))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(4 * LONGEST))
        .layer(from_fn(guard::guard))
        .with_state(shared)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}

fn see(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path.to_owned())]).into_response()
}

async fn front(Share(demo): Demo) -> Response {
    see(&demo.path(None))
}

async fn nothing(Share(demo): Demo, headers: HeaderMap) -> Response {
    trouble(&demo, &headers, StatusCode::NOT_FOUND, "There is no such page here.")
}

/// A page that says what went wrong. Scripts look for the alert in it.
fn trouble(demo: &Shared, headers: &HeaderMap, status: StatusCode, why: &str) -> Response {
    let main = format!(
        r#"<h1>That did not work</h1><p class="alert" role="alert">{}</p><p><a href="{}">To the issues</a></p>"#,
        text(why),
        demo.path(None)
    );
    (status, page(demo, headers, "That did not work", &main, &demo.path(None))).into_response()
}

/// What came of an ask: on to a page, or why not.
async fn on(demo: &Shared, headers: &HeaderMap, ask: Ask, to: impl FnOnce(u64) -> String) -> Response {
    match demo.ask(ask).await {
        Ok(number) => see(&to(number)),
        Err(why) => trouble(demo, headers, StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    state: String,
}

async fn list(Share(demo): Demo, headers: HeaderMap, Query(which): Query<Which>) -> Response {
    let filter = match which.state.as_str() {
        "closed" => Filter::Closed,
        "all" => Filter::All,
        _ => Filter::Open,
    };
    let main = issues::list(&demo, filter);
    page(&demo, &headers, "Issues", &main, &format!("{}?state={}", demo.path(None), filter.name())).into_response()
}

async fn new(Share(demo): Demo, headers: HeaderMap) -> Response {
    let here = format!("{}/new", demo.path(None));
    let suggested = suggestion(demo.github.issues(demo.repository).len());
    let main = issues::new(&demo, demo.person(&headers), suggested);
    page(&demo, &headers, "New issue", &main, &here).into_response()
}

#[derive(Deserialize)]
struct Opening {
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    again: String,
}

async fn open(Share(demo): Demo, headers: HeaderMap, Form(opening): Form<Opening>) -> Response {
    let (title, body) = (opening.title.trim(), opening.body.trim());
    if title.is_empty() || title.chars().count() > 256 || body.len() > LONGEST {
        return trouble(
            &demo,
            &headers,
            StatusCode::UNPROCESSABLE_ENTITY,
            "An issue has a title of 1 to 256 characters, and a text of at most 16 KiB.",
        );
    }
    let who = demo.person(&headers).login.clone();
    let deed = super::Deed::Open { who, title: title.to_owned(), body: body.to_owned() };
    let again = !opening.again.is_empty();
    on(&demo, &headers, Ask::Do(deed), |number| if again { format!("{}/new", demo.path(None)) } else { demo.path(Some(number)) }).await
}

async fn issue(Share(demo): Demo, headers: HeaderMap, Path(number): Path<u64>) -> Response {
    let Some(issue) = demo.github.issue(demo.repository, number) else {
        return trouble(&demo, &headers, StatusCode::NOT_FOUND, &format!("There is no issue #{number}."));
    };
    let main = issues::one(&demo, demo.person(&headers), &issue);
    page(&demo, &headers, &format!("{} · #{number}", issue.title), &main, &demo.path(Some(number))).into_response()
}

#[derive(Deserialize)]
struct Acting {
    #[serde(default)]
    body: String,
    #[serde(rename = "do")]
    what: String,
}

async fn act(Share(demo): Demo, headers: HeaderMap, Path(number): Path<u64>, Form(Acting { body, what }): Form<Acting>) -> Response {
    let person = demo.person(&headers);
    let refuse = |why: &str| trouble(&demo, &headers, StatusCode::UNPROCESSABLE_ENTITY, why);
    let Some(issue) = demo.github.issue(demo.repository, number) else { return refuse("This issue is gone.") };
    let (who, body) = (person.login.clone(), body.trim().to_owned());
    if body.len() > LONGEST {
        return refuse("A comment has at most 16 KiB.");
    }
    let may = issues::may(&demo, person, &issue);
    let deed = match what.as_str() {
        "comment" if body.is_empty() => return refuse("A comment needs words."),
        "comment" => super::Deed::Comment { who, number, body },
        "completed" | "not_planned" | "duplicate" if may.close => super::Deed::Close { who, number, reason: what, body },
        "reopen" if may.reopen => super::Deed::Reopen { who, number },
        _ => return refuse("GitHub would not let this person do that."),
    };
    on(&demo, &headers, Ask::Do(deed), |number| format!("{}#reply", demo.path(Some(number)))).await
}

#[derive(Deserialize)]
struct Labelling {
    #[serde(default)]
    add: String,
    #[serde(default)]
    remove: String,
}

async fn label(
    Share(demo): Demo,
    headers: HeaderMap,
    Path(number): Path<u64>,
    Form(Labelling { add, remove }): Form<Labelling>,
) -> Response {
    let person = demo.person(&headers);
    let who = person.login.clone();
    let deed = match (add.trim(), remove.trim()) {
        _ if !person.agent => return trouble(&demo, &headers, StatusCode::UNPROCESSABLE_ENTITY, "Only support engineers change labels."),
        ("", "") => return trouble(&demo, &headers, StatusCode::UNPROCESSABLE_ENTITY, "Which label?"),
        ("", label) => super::Deed::Unlabel { who, number, label: label.to_owned() },
        (label, _) => super::Deed::Label { who, number, label: label.chars().take(50).collect() },
    };
    on(&demo, &headers, Ask::Do(deed), |number| demo.path(Some(number))).await
}

/// Where a form was sent from: a page of this demo.
fn back(demo: &Shared, path: &str) -> String {
    let fits = path.starts_with(&format!("/{}/issues", demo.repository)) && !path.contains(|c: char| c.is_control());
    if fits { path.to_owned() } else { demo.path(None) }
}

#[derive(Deserialize)]
struct Being {
    who: String,
    #[serde(default)]
    back: String,
}

async fn be(Share(demo): Demo, Form(being): Form<Being>) -> Response {
    let Some(person) = demo.people.iter().find(|person| person.login == being.who) else { return see(&demo.path(None)) };
    let cookie = format!("as={}; Path=/; HttpOnly; SameSite=Strict", person.login);
    (StatusCode::SEE_OTHER, [(LOCATION, back(&demo, &being.back)), (SET_COOKIE, cookie)]).into_response()
}

#[derive(Deserialize)]
struct Pacing {
    /// A factor, or `skip`.
    pace: String,
    #[serde(default)]
    back: String,
}

async fn clock(Share(demo): Demo, headers: HeaderMap, Form(pacing): Form<Pacing>) -> Response {
    let ask = match pacing.pace.parse::<u32>() {
        Ok(factor) if paces(demo.now().usual).contains(&factor) => Ask::Pace(factor),
        _ if pacing.pace == "skip" => Ask::Skip,
        _ => return trouble(&demo, &headers, StatusCode::UNPROCESSABLE_ENTITY, "The clock has no such pace."),
    };
    on(&demo, &headers, ask, |_| back(&demo, &pacing.back)).await
}

#[derive(Deserialize)]
struct Switching {
    desk: String,
    #[serde(default)]
    back: String,
}

async fn desk(Share(demo): Demo, headers: HeaderMap, Form(switching): Form<Switching>) -> Response {
    on(&demo, &headers, Ask::Desk(switching.desk == "start"), |_| back(&demo, &switching.back)).await
}

/// What changes, as it changes.
async fn live(Share(demo): Demo) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut state = demo.state.clone();
    state.mark_changed();
    let events = futures_util::stream::unfold(state, async |mut state| {
        // Ends with the demo.
        state.changed().await.ok()?;
        let data = {
            let State { version, now, next, factor, said, .. } = &*state.borrow_and_update();
            serde_json::json!({
                "version": version, "now": now.as_millisecond(), "next": next.map(Timestamp::as_millisecond), "factor": factor, "said": said,
            })
        };
        Some((Ok(Event::default().data(data.to_string())), state))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// How fast the clock can run: not at all, as it began, and faster.
fn paces(usual: u32) -> Vec<u32> {
    let mut paces = vec![0, usual, 600, 3600];
    paces.sort_unstable();
    paces.dedup();
    paces
}

/// An instant as the pages show it, with the exact one for machines.
pub(super) fn time(at: Timestamp) -> String {
    format!(r#"<time datetime="{at}">{}</time>"#, at.strftime("%a %-d %b, %H:%M"))
}

/// Somebody's picture: a letter on a colour of their own.
pub(super) fn avatar(demo: &Shared, login: &str) -> String {
    if login == demo.bot {
        return r#"<img class="avatar" src="/icon.svg" alt="" width="32" height="32">"#.to_owned();
    }
    let hue = demo.people.iter().position(|person| person.login == login).unwrap_or(7) % 8;
    let letter: String = login.chars().take(1).flat_map(char::to_uppercase).collect();
    format!(r#"<span class="avatar hue{hue}" aria-hidden="true">{}</span>"#, text(&letter))
}

/// A page around its main part. `here` is where its forms come back to.
fn page(demo: &Shared, headers: &HeaderMap, title: &str, main: &str, here: &str) -> Html<String> {
    let state = demo.now();
    let person = demo.person(headers);
    let (owner, name) = demo.repository.split_once('/').unwrap_or_default();
    let (banner, people, messages) = (controls(&state, here), people(demo, person, here), messages(demo));
    let count = demo.chat.messages().len();
    Html(format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · {repository}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/demo.css">
<script src="/demo.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the issues</a>
<header class="top">
<p class="brand"><img src="/icon.svg" alt="" width="24" height="24"><a href="{issues}">{owner} / <strong>{name}</strong></a></p>
<p class="now"><time id="now" datetime="{now}">{shown}</time></p>
{banner}
<a id="to-chat" class="to-chat" href="#chat" data-live>Chat <span class="count">{count}</span></a>
</header>
{people}
<div class="columns">
<main id="main" tabindex="-1">
<p id="trouble" class="alert" role="alert" hidden></p>
{main}
</main>
<aside id="chat" aria-labelledby="channel">
<h2 id="channel"># {CHANNEL}</h2>
<div id="messages" class="messages" data-live role="log" tabindex="0" aria-label="Messages in #{CHANNEL}">{messages}</div>
</aside>
</div>
<footer>
<p>A GitHub and a chat of a sandbox, on this machine only; the desk between them is the real one. Nothing leaves it, and nothing stays.</p>
<noscript><p>Without scripts, reload the page to see what is new.</p></noscript>
</footer>
<p id="said" class="unseen" role="status"></p>
</body>
</html>
"##,
        title = text(title),
        repository = demo.repository,
        issues = demo.path(None),
        now = state.now,
        shown = state.now.strftime("%a %-d %b %Y, %H:%M UTC"),
    ))
}

/// The clock's pace and the desk's switch.
fn controls(state: &State, here: &str) -> String {
    let back = hidden("back", &here);
    let paces = all(paces(state.usual), |pace| {
        let pressed = pace == state.factor;
        let (label, words) = match pace {
            0 => ("Pause".to_owned(), "Time stands still".to_owned()),
            pace => (format!("{pace}×"), format!("{pace} times as fast as yours")),
        };
        format!(r#"<button id="pace-{pace}" name="pace" value="{pace}" aria-pressed="{pressed}" title="{words}">{label}</button>"#)
    });
    let skip = match state.next {
        Some(next) => format!(
            r#"<button id="skip" name="pace" value="skip" title="To what the desk does next by itself">Skip to {}</button>"#,
            next.strftime(if next.as_second() % 60 == 0 { "%a %H:%M" } else { "%a %H:%M:%S" })
        ),
        None => r#"<button id="skip" name="pace" value="skip" disabled title="The desk waits for nothing">Skip</button>"#.to_owned(),
    };
    let (word, class, verb) = if state.desk_runs { ("The desk runs", "up", "stop") } else { ("The desk is stopped", "down", "start") };
    let mut out = format!(
        r#"<div id="controls" class="controls" data-live>
<form method="post" action="/clock" data-quiet>{back}<div role="group" aria-label="Pace of the clock">{paces}{skip}</div></form>
<form method="post" action="/desk" data-quiet>{back}<div role="group" aria-label="The desk"><span class="state {class}">{word}</span><button id="desk" name="desk" value="{verb}">{}</button></div></form>"#,
        if state.desk_runs { "Stop the desk" } else { "Start the desk" }
    );
    if !state.desk_runs {
        let lost = match state.lost {
            0 => "GitHub has had nothing to tell it so far.".to_owned(),
            1 => "One webhook reached nobody.".to_owned(),
            lost => format!("{lost} webhooks reached nobody."),
        };
        let _ = write!(
            out,
            r#"<p class="banner">Nobody counts, labels or pings while it is stopped. {lost} Start the desk, and it catches up.</p>"#
        );
    }
    out + "</div>"
}

fn people(demo: &Shared, now: &Person, here: &str) -> String {
    let buttons = all(&demo.people, |person| {
        let Person { login, partner, .. } = person;
        let (pressed, role) = (login == &now.login, text(person.role()));
        let of = partner.as_ref().map_or_else(String::new, |(partner, _)| format!(r#" title="{}""#, text(partner)));
        format!(
            r#"<button id="as-{login}" name="who" value="{login}" aria-pressed="{pressed}"{of}>{}<span><b>{login}</b><small>{role}</small></span></button>"#,
            avatar(demo, login)
        )
    });
    format!(
        r#"<nav id="people" class="people" data-live aria-label="Act as"><form method="post" action="/as" data-quiet>{}<span class="you">You are</span>{buttons}</form></nav>"#,
        hidden("back", &here)
    )
}

fn messages(demo: &Shared) -> String {
    let messages = demo.chat.messages();
    if messages.is_empty() {
        return r#"<p class="empty" id="no-message">Nothing yet. The desk speaks here when three quarters of the time for an answer have passed, at 90 %, when a promise breaks, and after it was down.</p>"#.to_owned();
    }
    // Messages are only ever added, so their place names them.
    all(messages.iter().enumerate(), |(place, message)| {
        let (icon, at, inside) = (avatar(demo, &demo.bot), time(message.at), slack::render(&message.body, &demo.address));
        format!(
            r#"<article class="message" id="message-{place}">{icon}<div><p class="by"><b>Partner Desk</b> <small class="tag">app</small> {at}</p>{inside}</div></article>"#
        )
    })
}

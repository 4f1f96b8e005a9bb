//! `/setup`: from the link in the terminal to an App that works. What happens there is [`SetUp`]'s; here are the pages and who may see them.

use super::page::{cookie, escaped, may_send_to, page};
use crate::app::App;
use crate::desk::setup::{Entry, NotMade, SetUp};
use crate::github::manifest::manifest;
use crate::store::{FirstSigns, StoreError, StoredApp};
use axum::body::{Body, to_bytes};
use axum::extract::{Form, FromRequest as _, Query, Request, State};
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const COOKIE: &str = "partner_desk_setup";
/// The form's few fields need no more.
const LARGEST_FORM: usize = 4096;
const SLOWEST_FORM: Duration = Duration::from_secs(10);

type Fields = HashMap<String, String>;

/// The page where everything begins, and where it goes on when GitHub has sent somebody back.
pub async fn show(State(app): State<Arc<App>>, method: Method, headers: HeaderMap, Query(query): Query<Fields>) -> Response {
    // What only looks at an address, such as a preview of links, must not use it up.
    if method == Method::HEAD {
        return page(StatusCode::METHOD_NOT_ALLOWED, "Open this page", "");
    }
    let has_app = app.webhook_secret.is_some();
    let browser = match let_in(&app.setup, &headers).await {
        Ok(browser) => browser,
        Err(answer) => return answer,
    };
    match (browser, query.get("token"), has_app) {
        // Whoever is in goes on, by a link too: an address with a token in it is not left standing.
        (Some(_), Some(_), _) => to_setup(),
        (Some(_), None, true) => progress(&app.setup).await,
        (Some(_), None, false) => choose(&app.setup, StatusCode::OK, None),
        (None, _, true) => gone(),
        (None, Some(token), false) => enter(&app.setup, token).await,
        (None, None, false) => stranger(StatusCode::FORBIDDEN),
    }
}

async fn enter(setup: &SetUp, token: &str) -> Response {
    let refused = |title: &str, what: &str| {
        let again = "<p>Stop <code>partner-desk serve</code> and start it again: it prints a new link, and whoever came by an earlier one is let in no more.</p>";
        page(StatusCode::FORBIDDEN, title, &format!("<p>{what}</p>{again}"))
    };
    match setup.enter(token).await {
        Ok(Entry::In(browser)) => {
            let secure = if setup.public_url().starts_with("https://") { "; Secure" } else { "" };
            // Not `Strict`: GitHub sends people back here.
            let cookie = format!("{COOKIE}={browser}; Path=/setup; Max-Age=43200; HttpOnly; SameSite=Lax{secure}");
            let mut answer = to_setup();
            if let Ok(cookie) = cookie.try_into() {
                answer.headers_mut().insert(SET_COOKIE, cookie);
            }
            answer
        }
        Ok(Entry::Used) => refused(
            "This link was used",
            "It is good once, and another browser came by it. If that was not you, nobody has harmed anything yet, as long as the App is not made.",
        ),
        Ok(Entry::Unknown) => refused("This link is not good", "It is not the one that was printed, or older than an hour."),
        Ok(Entry::TooMany) => too_many(),
        Err(error) => away(&error),
    }
}

/// The form's answer: what GitHub will be asked for, and the button that asks.
pub async fn ask(State(app): State<Arc<App>>, request: Request) -> Response {
    if app.webhook_secret.is_some() {
        return gone();
    }
    let setup = &app.setup;
    let browser = match let_in(setup, request.headers()).await {
        Ok(Some(browser)) => browser,
        Ok(None) => return stranger(StatusCode::FORBIDDEN),
        Err(answer) => return answer,
    };
    let (parts, body) = request.into_parts();
    let Ok(Ok(body)) = tokio::time::timeout(SLOWEST_FORM, to_bytes(body, LARGEST_FORM)).await else {
        return choose(setup, StatusCode::BAD_REQUEST, Some("The form did not come whole. Send it again."));
    };
    let Ok(Form(form)) = Form::<Fields>::from_request(Request::from_parts(parts, Body::from(body)), &()).await else {
        return choose(setup, StatusCode::BAD_REQUEST, Some("The form could not be read. Send it again."));
    };
    let field = |name: &str| form.get(name).map_or("", |value| value.trim());
    let (action, whose) = match (field("owner"), field("login")) {
        ("personal", _) => ("/settings/apps/new".to_owned(), "your own account".to_owned()),
        ("organization", login) if is_login(login) => {
            (format!("/organizations/{login}/settings/apps/new"), format!("the organisation <b>{}</b>", escaped(login)))
        }
        ("organization", login) => {
            let wrong = format!(
                "“{login}” is no login of an organisation: letters, digits and single hyphens, 39 at most, as in its address at GitHub."
            );
            return choose(setup, StatusCode::UNPROCESSABLE_ENTITY, Some(&wrong));
        }
        _ => return choose(setup, StatusCode::UNPROCESSABLE_ENTITY, Some("Choose who is to own the App.")),
    };
    let places = setup.places();
    let hook = match (&places.relay, field("hook")) {
        (Some(relay), "relay") => relay.clone(),
        _ => direct_hook(setup),
    };
    let state = match setup.begin(&browser).await {
        Ok(state) => state,
        Err(error) => return away(&error),
    };
    let public = setup.public_url();
    let manifest = manifest(public, &hook, &format!("{public}/setup/back"), &format!("{public}/setup"));
    let list = |key: &str| match manifest.get(key) {
        Some(serde_json::Value::Object(map)) => {
            map.iter().map(|(name, level)| format!("{name}: {}", level.as_str().unwrap_or_default())).collect::<Vec<_>>().join(", ")
        }
        Some(serde_json::Value::Array(all)) => all.iter().filter_map(|value| value.as_str()).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    let body = format!(
        "{steps}<p>GitHub will be asked to make an App for {whose}. Be signed in at <b>{web}</b>; GitHub asks for a name that no other App has, and sends you back here.</p>
<dl><dt>Permissions</dt><dd>{permissions}</dd><dt>Events</dt><dd>{events}</dd><dt>Webhooks go to</dt><dd><code>{hook}</code></dd><dt>You come back to</dt><dd><code>{back}</code></dd></dl>
<form method=\"post\" action=\"{web}{action}?state={state}\"><input type=\"hidden\" name=\"manifest\" value=\"{manifest}\"><button>Create the App at GitHub</button></form>
<p class=\"faint\">Good for an hour. <a href=\"/setup\">Back</a></p>",
        steps = steps(0),
        web = escaped(&places.web_url),
        permissions = escaped(&list("default_permissions")),
        events = escaped(&list("default_events")),
        hook = escaped(&hook),
        back = escaped(&format!("{public}/setup/back")),
        manifest = escaped(&manifest.to_string()),
    );
    may_send_to(page(StatusCode::OK, "Create the GitHub App", &body), &places.web_url)
}

/// GitHub sends somebody back, with a code for the App's credentials.
pub async fn back(State(app): State<Arc<App>>, headers: HeaderMap, Query(query): Query<Fields>) -> Response {
    if app.webhook_secret.is_some() {
        return gone();
    }
    let setup = &app.setup;
    let browser = match let_in(setup, &headers).await {
        Ok(Some(browser)) => browser,
        Ok(None) => return stranger(StatusCode::FORBIDDEN),
        Err(answer) => return answer,
    };
    let field = |name: &str| query.get(name).map_or("", String::as_str);
    let start_again = "<p><a class=\"button\" href=\"/setup\">Start again</a></p>";
    let useless = format!(
        "<p>If GitHub shows a new App at <code>{}/settings/apps</code> or the organisation's, delete it there: its credentials cannot be had any more.</p>",
        escaped(&setup.places().web_url)
    );
    match setup.finish(&browser, field("state"), field("code")).await {
        Ok(()) => to_setup(),
        Err(NotMade::State) => {
            let why = "<p>It was not begun in this browser, was used already, or is older than an hour. Nothing was stored.</p>";
            page(StatusCode::FORBIDDEN, "This way back is not good", &format!("{why}{start_again}"))
        }
        Err(NotMade::Code) => {
            let why = "<p>A code is good once and for an hour, and GitHub does not know this one (any more). Nothing was stored.</p>";
            page(StatusCode::UNPROCESSABLE_ENTITY, "GitHub does not know the code", &format!("{why}{useless}{start_again}"))
        }
        Err(NotMade::Again(error)) => {
            tracing::warn!(%error, "the App's credentials could not be fetched");
            let body = format!(
                "<p>{}</p><p>Nothing was stored. The code is good for an hour: see that <code>{}</code> can be reached from the desk, and load this page again.</p>",
                escaped(&error.to_string()),
                escaped(&setup.places().api_url)
            );
            page(StatusCode::BAD_GATEWAY, "GitHub did not answer", &body)
        }
        Err(NotMade::Unfit(error)) => {
            tracing::error!(%error, "what GitHub gave for the code cannot be worked with");
            let body = format!("<p>{}</p><p>Nothing was stored.</p>{useless}{start_again}", escaped(&error.to_string()));
            page(StatusCode::BAD_GATEWAY, "GitHub's answer cannot be used", &body)
        }
        Err(NotMade::TooLate) => gone(),
        Err(NotMade::Store(error)) => away(&error),
    }
}

/// The browser that a request comes from, if it is let in; an answer where that could not be looked up.
async fn let_in(setup: &SetUp, headers: &HeaderMap) -> Result<Option<String>, Response> {
    let Some(browser) = cookie(headers, COOKIE) else { return Ok(None) };
    match setup.is_let_in(browser).await {
        Ok(Some(true)) => Ok(Some(browser.to_owned())),
        Ok(Some(false)) => Ok(None),
        Ok(None) => Err(too_many()),
        Err(error) => Err(away(&error)),
    }
}

fn is_login(login: &str) -> bool {
    let letters = login.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (1..=39).contains(&login.len()) && letters && !login.starts_with('-') && !login.ends_with('-') && !login.contains("--")
}

fn direct_hook(setup: &SetUp) -> String {
    format!("{}/api/github/webhooks", setup.public_url())
}

/// Whether nobody but this machine can reach an address.
fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["localhost", "127.", "[::1]", "0.0.0.0"].iter().any(|local| host.starts_with(local))
}

fn steps(current: usize) -> String {
    let step = |(place, name): (usize, &str)| match place.cmp(&current) {
        std::cmp::Ordering::Less => format!("<li class=\"done\">{name}</li>"),
        std::cmp::Ordering::Equal => format!("<li aria-current=\"step\">{name}</li>"),
        std::cmp::Ordering::Greater => format!("<li>{name}</li>"),
    };
    let all = ["Create the App", "Install it", "First webhook", "Agents and partners"].into_iter().enumerate().map(step);
    format!("<ol class=\"steps\" data-part=\"steps\">{}</ol>\n", all.collect::<String>())
}

/// The form: who owns the App, and where webhooks go.
fn choose(setup: &SetUp, status: StatusCode, wrong: Option<&str>) -> Response {
    let places = setup.places();
    let direct = direct_hook(setup);
    let wrong = wrong.map(|wrong| format!("<p class=\"box bad\" role=\"alert\">{}</p>\n", escaped(wrong))).unwrap_or_default();
    let (local, web) = (is_local(setup.public_url()), escaped(places.web_url.trim_start_matches("https://")));
    let hook = match &places.relay {
        Some(relay) => format!(
            "<fieldset><legend>Webhooks</legend>\n<label class=\"choice\"><input type=\"radio\" name=\"hook\" value=\"relay\"{}><span>by the relay <code>{}</code></span></label>\n<label class=\"choice\"><input type=\"radio\" name=\"hook\" value=\"direct\"{}><span>straight to <code>{}</code></span></label></fieldset>\n",
            if local { " checked" } else { "" },
            escaped(relay),
            if local { "" } else { " checked" },
            escaped(&direct)
        ),
        None if local && !is_local(&places.web_url) => format!(
            "<div class=\"box bad\"><p><b>GitHub cannot reach this desk.</b> Webhooks would go to <code>{}</code>, which is this machine alone.</p>
<p>Set <code>PUBLIC_URL</code> to an address that GitHub can reach, or try the desk with a relay: <code>partner-desk serve --relay https://smee.io/YOUR-CHANNEL</code>. Then start it again.</p></div>\n",
            escaped(&direct)
        ),
        None => format!("<p>GitHub will send webhooks to <code>{}</code> (<code>PUBLIC_URL</code>).</p>\n", escaped(&direct)),
    };
    let body = format!(
        "{steps}{wrong}<p>The desk works at GitHub as an App of yours. It is made there in two clicks; its credentials come back by themselves, are stored, and are shown nowhere.</p>
<form method=\"post\" action=\"/setup/app\">
<fieldset><legend>Who owns the App?</legend>
<label class=\"choice\"><input type=\"radio\" name=\"owner\" value=\"organization\" checked><span>an organisation at <b>{web}</b></span></label>
<label class=\"text\">its login, as in its address <input type=\"text\" name=\"login\" maxlength=\"39\" autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\"></label>
<label class=\"choice\"><input type=\"radio\" name=\"owner\" value=\"personal\"><span>my own account at <b>{web}</b></span></label></fieldset>
{hook}<button>Go on</button>
</form>
<p class=\"faint\">Another GitHub, such as an Enterprise Server? Set <code>GITHUB_URL</code> and <code>GITHUB_API_URL</code>, and start the desk again.</p>",
        steps = steps(0),
    );
    page(status, "Set up Partner Desk", &body)
}

/// After the App was made: what is there, and what comes next.
async fn progress(setup: &SetUp) -> Response {
    let (app, signs) = match (setup.app().await, setup.first_signs().await) {
        (Ok(Some(app)), Ok(signs)) => (app, signs),
        // The environment's App is none of this page's.
        (Ok(None), _) => return gone(),
        (Err(error), _) | (_, Err(error)) => return away(&error),
    };
    page(StatusCode::OK, "The App is made", &format!("{}{}{}", install(&app, &signs), live(&signs), NEXT))
}

fn install(app: &StoredApp, signs: &FirstSigns) -> String {
    let (slug, page) = (escaped(&app.slug), escaped(&app.page));
    let (current, offer) = match signs.delivery {
        None => (
            1,
            format!(
                "<p>Choose the repositories whose issues are tickets.</p>\n<p><a class=\"button\" href=\"{page}/installations/new\">Install {slug}</a></p>"
            ),
        ),
        Some(_) => (3, format!("<p>It is installed. <a href=\"{page}/installations/new\">Choose other repositories</a></p>")),
    };
    format!(
        "{}<p>It is called <b>{slug}</b>. Its credentials are stored, and this page is open to nobody but this browser, for some hours.</p>\n<h2>Install it</h2>\n<div data-part=\"install\">{offer}</div>\n",
        steps(current),
    )
}

fn live(signs: &FirstSigns) -> String {
    let Some(first) = signs.delivery else {
        return "<h2>First webhook</h2>\n<div class=\"box note\" role=\"status\" data-live=\"waiting\"><p><b>Waiting for GitHub’s first webhook…</b></p><p>It comes when the App is installed. Nothing for a minute? <code>partner-desk doctor</code> says why.</p></div>\n".to_owned();
    };
    let repositories = match signs.repositories.as_slice() {
        [] => String::new(),
        some => format!(
            "<p>Repositories: {}.</p>",
            some.iter().map(|name| format!("<code>{}</code>", escaped(name))).collect::<Vec<_>>().join(", ")
        ),
    };
    let ticket = match &signs.ticket {
        Some(ticket) => format!("<p>The first ticket: <b>{}</b>.</p>", escaped(ticket)),
        None => "<p>No ticket yet: it takes a partner’s member who opens an issue.</p>".to_owned(),
    };
    let state = if signs.ticket.is_some() { "done" } else { "waiting" };
    format!(
        "<h2>First webhook</h2>\n<div class=\"box good\" role=\"status\" data-live=\"{state}\"><p><b>Webhooks arrive</b>, the first at {}.</p>{repositories}{ticket}</div>\n",
        escaped(&first.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
    )
}

const NEXT: &str = "<h2>Agents and partners</h2>
<p>Who answers tickets stands in <code>partner-desk.toml</code>, beside where <code>serve</code> was started; it is read at the start. Without it, whoever may triage in a repository is an agent.</p>
<pre tabindex=\"0\"><code># logins and teams
agents = [\"ann\", \"@acme/support\"]

# who is told before a promise is broken
[[chat]]
name = \"support\"
kind = \"slack\"
url = \"env:SLACK_WEBHOOK_URL\"
</code></pre>
<p>Who the partners are stands in a list, <code>partners.csv</code>:</p>
<pre tabindex=\"0\"><code>partner,name,tier,logins
acme,Acme Corp,gold,alice bob
globex,Globex,starter,carol
</code></pre>
<p>and is read while the desk runs, as often as you like:</p>
<pre tabindex=\"0\"><code>partner-desk partner import partners.csv
partner-desk doctor
</code></pre>";

fn to_setup() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, "/setup")]).into_response()
}

/// Whoever is not let in.
pub(super) fn stranger(status: StatusCode) -> Response {
    let body = "<p>This desk has no GitHub App yet, so it takes no webhooks. <code>partner-desk serve</code> has printed a link in its terminal that begins with this address and ends in a token: open that one, in this browser. It is good once, for an hour.</p>";
    page(status, "Open the link from the terminal", body)
}

/// There is an App, and nothing to set up any more.
fn gone() -> Response {
    let body = "<p>It has its GitHub App, and this page is closed for good. If you came here from GitHub, the App is installed, and there is nothing left to do.</p>";
    page(StatusCode::GONE, "This desk is set up", body)
}

fn too_many() -> Response {
    let mut answer = page(StatusCode::TOO_MANY_REQUESTS, "Too many try", "<p>Wait a minute, and try again.</p>");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

fn away(error: &StoreError) -> Response {
    tracing::error!(%error, "the set-up page could not be shown");
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "The database does not answer",
        "<p>What is wrong stands in the log. Load this page again when it is mended.</p>",
    )
}

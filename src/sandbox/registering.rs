//! How an App comes to be, as GitHub's manifest flow has it: a page to which a manifest is posted, a way back with a code, the code's
//! conversion into credentials, and the page on which the App is installed. The new App takes the place of the one that was.

use super::answer::Answer;
use super::key::{Keys, secret};
use super::state::{Outgoing, World};
use super::things::AccountKind;
use super::webhooks::send;
use super::{Inner, lock};
use crate::domain::ids::UserId;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Who is signed in at the pages.
const SIGNED_IN: &str = "olga";
/// A code is good for so long.
const CODE_LIVES: SignedDuration = SignedDuration::from_hours(1);

/// An App whose credentials nobody has fetched yet.
#[derive(Debug)]
pub(super) struct Unfetched {
    at: Timestamp,
    answer: Value,
}

type Fields = HashMap<String, String>;

pub(super) fn pages() -> Router<Arc<Inner>> {
    Router::new()
        .route("/settings/apps/new", post(propose_own))
        .route("/organizations/{org}/settings/apps/new", post(propose))
        .route("/settings/apps", post(register))
        .route("/apps/{slug}/installations/new", get(choose).post(install))
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let style =
        "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}";
    let head = format!("<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title><style>{style}</style>");
    (status, Html(format!("<!doctype html><html lang=en><head>{head}</head><body><main><h1>{title}</h1>{body}</main></body></html>")))
        .into_response()
}

async fn propose_own(inner: State<Arc<Inner>>, query: Query<Fields>, form: Form<Fields>) -> Response {
    propose(inner, Path(SIGNED_IN.to_owned()), query, form).await
}

/// The page that asks for the App's name.
async fn propose(
    State(_): State<Arc<Inner>>,
    Path(owner): Path<String>,
    Query(query): Query<Fields>,
    Form(form): Form<Fields>,
) -> Response {
    let given = form.get("manifest").map_or("", String::as_str);
    let manifest = match serde_json::from_str::<Value>(given) {
        Ok(manifest) => manifest,
        Err(error) => return page(StatusCode::UNPROCESSABLE_ENTITY, "Invalid GitHub App configuration", &escaped(&error.to_string())),
    };
    if let Some(wrong) = wrong(&manifest) {
        return page(StatusCode::UNPROCESSABLE_ENTITY, "Invalid GitHub App configuration", &format!("<p>{}</p>", escaped(&wrong)));
    }
    let hidden = [("manifest", given), ("owner", &owner), ("state", query.get("state").map_or("", String::as_str))]
        .map(|(name, value)| format!("<input type=hidden name={name} value=\"{}\">", escaped(value)));
    let name = escaped(manifest["name"].as_str().unwrap_or_default());
    let body = format!(
        "<p>for <b>{}</b></p><form method=post action=/settings/apps>{}<p><label>GitHub App name: <input name=name value=\"{name}\" required maxlength=34></label></p><p><button>Create GitHub App for {}</button></p></form>",
        escaped(&owner),
        hidden.join(""),
        escaped(&owner)
    );
    page(StatusCode::OK, "Create GitHub App", &body)
}

/// What GitHub would not take in a manifest.
fn wrong(manifest: &Value) -> Option<String> {
    let known = [
        "name",
        "url",
        "hook_attributes",
        "redirect_url",
        "callback_urls",
        "setup_url",
        "description",
        "public",
        "default_events",
        "default_permissions",
        "request_oauth_on_install",
        "setup_on_update",
    ];
    if let Some(unknown) = manifest.as_object().and_then(|map| map.keys().find(|key| !known.contains(&key.as_str()))) {
        return Some(format!("the sandbox does not know {unknown}"));
    }
    let address = |value: &Value| value.as_str().is_some_and(|url| url.starts_with("http://") || url.starts_with("https://"));
    for (name, value) in [
        ("url", &manifest["url"]),
        ("hook_attributes.url", &manifest["hook_attributes"]["url"]),
        ("redirect_url", &manifest["redirect_url"]),
    ] {
        if !address(value) {
            return Some(format!("{name} must be a valid URL"));
        }
    }
    let needs = |event: &str| match event {
        "issues" | "issue_comment" => "issues",
        "member" | "membership" | "organization" | "team" => "members",
        _ => "metadata",
    };
    let events = manifest["default_events"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let unsupported: Vec<_> = events.filter(|event| manifest["default_permissions"][needs(event)].is_null()).collect();
    (!unsupported.is_empty()).then(|| format!("Default events unsupported: {}", unsupported.join(", ")))
}

/// Makes the App, and sends its maker back with a code.
async fn register(State(inner): State<Arc<Inner>>, Form(form): Form<Fields>) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let manifest: Value = serde_json::from_str(&field("manifest")).unwrap_or_default();
    let (Ok(keys), Ok(hook_secret), Ok(client_secret), Ok(code)) = (Keys::generate(), secret(), secret(), secret()) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, "No random numbers", "");
    };
    let hook = manifest["hook_attributes"]["url"].as_str().unwrap_or_default().to_owned();
    inner.post.connect(&[&hook]);
    lock(&inner.tokens).revoke_all();
    let ((), ids, send_now) = inner.act(true, |world| {
        let kind = if field("owner") == SIGNED_IN { AccountKind::User } else { AccountKind::Organization };
        let owner = world.account_or_new(&field("owner"), kind);
        world.becomes(&manifest, &field("name"), owner, (&keys, &hook_secret));
        let mut answer = world.app_json();
        answer["client_secret"] = client_secret.clone().into();
        answer["webhook_secret"] = hook_secret.clone().into();
        answer["pem"] = keys.private.clone().into();
        let at = world.clock.now();
        world.unfetched.insert(code.clone(), Unfetched { at, answer });
        let config = json!({ "content_type": "json", "insecure_ssl": "0", "secret": "********", "url": hook });
        let hook = json!({ "type": "App", "id": 1, "name": "web", "active": true, "events": world.events, "config": config, "app_id": world.app_id });
        world.out.push(Outgoing { event: "ping", action: "", body: json!({ "zen": "Keep it logically awesome.", "hook_id": 1, "hook": hook }) });
    });
    if send_now {
        for id in ids {
            send(&inner, id).await;
        }
    }
    let back = manifest["redirect_url"].as_str().unwrap_or_default();
    let sign = if back.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{back}{sign}code={code}&state={}", super::render::segment(&field("state")))).into_response()
}

impl World {
    fn becomes(&mut self, manifest: &Value, name: &str, owner: UserId, (keys, secret): (&Keys, &str)) {
        self.app_id = self.next_id(1_000_000);
        self.app_owner = Some(owner);
        name.clone_into(&mut self.app_name);
        let words = name.to_lowercase();
        let words: Vec<_> = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        self.slug = words.join("-");
        self.bot = self.new_account(format!("{}[bot]", self.slug), AccountKind::Bot);
        secret.clone_into(&mut self.webhook_secret);
        self.public_key = Some(keys.public.clone());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.events = manifest["default_events"].as_array().into_iter().flatten().map(text).collect();
        self.permissions =
            manifest["default_permissions"].as_object().into_iter().flatten().map(|(name, level)| (name.clone(), text(level))).collect();
        self.setup_url = manifest["setup_url"].as_str().map(str::to_owned);
        // A new App is installed nowhere.
        self.installations.clear();
    }

    /// `POST /app-manifests/{code}/conversions`: once, and within the hour.
    pub(super) fn hand_out(&mut self, code: &str) -> Answer {
        let now = self.clock.now();
        match self.unfetched.remove(code) {
            Some(app) if now.duration_since(app.at) <= CODE_LIVES => Answer::new(201, app.answer),
            _ => Answer::not_found(),
        }
    }
}

/// Where the App would be installed.
async fn choose(State(inner): State<Arc<Inner>>, Path(slug): Path<String>) -> Response {
    let world = lock(&inner.world);
    let Some(owner) = world.app_owner.filter(|_| world.slug == slug) else {
        return page(StatusCode::NOT_FOUND, "Not Found", "");
    };
    let owner = escaped(world.login(owner));
    let title = format!("Install {}", world.app_name);
    drop(world);
    page(
        StatusCode::OK,
        &title,
        &format!("<p>on <b>{owner}</b>, all repositories</p><form method=post><p><button>Install</button></p></form>"),
    )
}

async fn install(State(inner): State<Arc<Inner>>, Path(slug): Path<String>) -> Response {
    let (owner, setup_url) = {
        let world = lock(&inner.world);
        (world.app_owner.filter(|_| world.slug == slug), world.setup_url.clone())
    };
    let Some(owner) = owner else { return page(StatusCode::NOT_FOUND, "Not Found", "") };
    let (done, ids, send_now) = inner.act(true, |world| {
        world.change_installation(owner, "created")?;
        Ok::<_, super::SandboxError>(world.installation_of(owner).map(|installation| installation.id.0).unwrap_or_default())
    });
    if send_now {
        for id in ids {
            send(&inner, id).await;
        }
    }
    match (done, setup_url) {
        (Ok(id), Some(url)) => Redirect::to(&format!("{url}?installation_id={id}&setup_action=install")).into_response(),
        (Ok(_), None) => page(StatusCode::OK, "Installed", "<p>The App is installed.</p>"),
        (Err(error), _) => page(StatusCode::UNPROCESSABLE_ENTITY, "Not installed", &escaped(&error.to_string())),
    }
}

//! The door for the desk: takes a request, records it, lets a fault happen, asks who it is and hands it on.

use super::answer::{Answer, Paging};
use super::auth::{bearer, check_jwt};
use super::faults::Fault;
use super::line::{CuttableListener, Line};
use super::record::RecordedRequest;
use super::state::{ARCHIVED, World};
use super::things::Repo;
use super::{Inner, lock};
use crate::domain::ids::{InstallationId, RepoId};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use std::sync::Arc;

pub(super) async fn serve(listener: CuttableListener, inner: Arc<Inner>) {
    let app = super::registering::pages().fallback(receive).with_state(inner).into_make_service_with_connect_info::<Line>();
    let _ = axum::serve(listener, app).await;
}

/// A request in the shape that the endpoints want it.
pub(super) struct Ask {
    pub method: Method,
    /// The path's segments, percent-decoded.
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    pub body: Value,
    pub url: String,
    authorization: Option<String>,
}

impl Ask {
    pub(super) fn is_get(&self) -> bool {
        self.method == Method::GET
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.body.get(field).and_then(Value::as_str)
    }

    pub(super) fn paging(&self) -> Paging {
        Paging::new(self.url.clone(), &self.query)
    }

    /// `?since=`, which GitHub takes for "at or after".
    pub(super) fn since(&self) -> Option<jiff::Timestamp> {
        self.query("since").and_then(|s| s.parse().ok())
    }

    /// Fields of the body that the sandbox would have to pass over in silence.
    pub(super) fn other_fields(&self, known: &[&str]) -> Option<Answer> {
        let unknown = self.body.as_object()?.keys().find(|key| !known.contains(&key.as_str()))?;
        Some(Answer::beyond(format!("field `{unknown}` of {} {}", self.method, self.segments.join("/"))))
    }
}

/// The text of a percent-encoded path segment. What is no valid encoding stands for itself.
fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        let pair = bytes.get(i + 1..i + 3).and_then(|pair| hex::decode(pair).ok());
        match pair.as_deref() {
            Some([value]) if byte == b'%' => {
                out.push(*value);
                i += 3;
            }
            _ => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

async fn receive(State(inner): State<Arc<Inner>>, ConnectInfo(line): ConnectInfo<Line>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 4 << 20).await.unwrap_or_default();
    let json = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(&bytes) };
    let path = parts.uri.path();
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|q| q.0).unwrap_or_default();
    let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(decoded).collect();
    let header = |name| parts.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let record = RecordedRequest {
        method: parts.method.clone(),
        path: path.to_owned(),
        query: query.clone(),
        body: json.as_ref().ok().filter(|v| !v.is_null()).cloned(),
        at: inner.clock.now(),
        status: None,
    };
    let token = bearer(header(header::AUTHORIZATION)).map(str::to_owned);
    let installation = token.and_then(|token| lock(&inner.tokens).installation(&token, inner.clock.now()));
    let _writing = installation.filter(|_| record.is_write()).map(|installation| Writing::begin(inner.clone(), installation));
    let disturbance = installation.and_then(|installation| lock(&inner.world).disturbs(installation));
    if let Some(what) = disturbance {
        lock(&inner.ledger).violations.push(format!("{record}: {what}"));
    }
    let index = note(&inner, record);
    let fault = inner.faults.meet(&parts.method, &segments);
    if let (Some(installation), Some(fault)) = (installation, &fault) {
        lock(&inner.world).asked_for_quiet(installation, fault);
    }
    let mut answer = match (&fault, json) {
        (Some(Fault::DropBeforeEffect), _) => Answer::nothing(),
        (Some(Fault::Status { status, body, .. }), _) => Answer::new(*status, body.clone()),
        _ if header(header::USER_AGENT).is_none() => {
            Answer::error(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header")
        }
        (_, Err(_)) => Answer::error(400, "Problems parsing JSON"),
        (_, Ok(body)) => {
            let ask = Ask {
                method: parts.method.clone(),
                segments,
                query,
                body,
                url: format!("{}{path}", inner.base),
                authorization: header(header::AUTHORIZATION).map(str::to_owned),
            };
            answer_to(&inner, &ask)
        }
    };
    if let Some(what) = answer.beyond.take() {
        lock(&inner.ledger).violations.push(format!("the sandbox cannot do this: {what}"));
    }
    match fault {
        Some(Fault::DropBeforeEffect | Fault::DropAfterEffect) => line.cut(),
        other => {
            if let Some(record) = lock(&inner.ledger).requests.get_mut(index) {
                record.status = Some(answer.status);
            }
            match other {
                Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
                Some(Fault::Status { headers, .. }) => return respond(&inner, answer, &headers),
                _ => {}
            }
        }
    }
    respond(&inner, answer, &[])
}

/// A write that is worked on, until it is answered or its sender has gone.
struct Writing(Arc<Inner>, InstallationId);

impl Writing {
    fn begin(inner: Arc<Inner>, installation: InstallationId) -> Self {
        lock(&inner.world).write_begins(installation);
        Self(inner, installation)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        lock(&self.0.world).write_ends(self.1);
    }
}

fn note(inner: &Inner, record: RecordedRequest) -> usize {
    let wrong = inner.options.check.as_ref().and_then(|check| check(&record).err());
    let mut ledger = lock(&inner.ledger);
    ledger.violations.extend(wrong.map(|why| format!("{} {}: {why}", record.method, record.path)));
    ledger.requests.push(record);
    ledger.requests.len() - 1
}

fn respond(inner: &Inner, answer: Answer, more: &[(String, String)]) -> Response {
    let body = if answer.body.is_null() { Body::empty() } else { Body::from(answer.body.to_string()) };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let now = inner.clock.now();
    // GitHub's own clock, which the desk compares with its host's (`R7`).
    let date = now.checked_add(*lock(&inner.skew)).unwrap_or(now).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let fixed = [
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("date", date),
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        ("x-ratelimit-limit", "5000".to_owned()),
        ("x-ratelimit-remaining", "4999".to_owned()),
        ("x-ratelimit-used", "1".to_owned()),
        ("x-ratelimit-reset", (now.as_second() + 3600).to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ];
    let own = fixed.into_iter().chain(answer.headers).map(|(k, v)| (k.to_owned(), v));
    for (name, value) in own.chain(more.iter().cloned()) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Asks who it is, then hands the request to its endpoint.
fn answer_to(inner: &Inner, ask: &Ask) -> Answer {
    if let [manifests, code, conversions] = ask.segments.as_slice()
        && (manifests.as_str(), conversions.as_str(), ask.is_get()) == ("app-manifests", "conversions", false)
    {
        return lock(&inner.world).hand_out(code);
    }
    let credentials = bearer(ask.authorization.as_deref());
    let of_repository = matches!(ask.segments.as_slice(), [repos, _, _, last] if repos == "repos" && last == "installation");
    if of_repository || ask.segments.first().is_some_and(|s| s == "app") {
        let checked = {
            let world = lock(&inner.world);
            check_jwt(credentials.unwrap_or_default(), world.app_id, world.public_key.as_deref())
        };
        return match checked {
            Ok(()) => super::api_app::answer(inner, ask),
            Err(why) => Answer::error(401, why),
        };
    }
    // With the installation its tokens go too.
    let installation = credentials.and_then(|token| lock(&inner.tokens).installation(token, inner.clock.now()));
    let installation = installation.filter(|id| lock(&inner.world).installations.contains_key(id));
    let Some(installation) = installation else { return Answer::error(401, "Bad credentials") };
    let (mut answer, ..) = inner.act(false, |world| {
        if world.installations.get(&installation).is_none_or(|i| i.suspended.is_some()) {
            return Answer::error(403, "This installation has been suspended");
        }
        if let Some((refusal, what)) = world.beyond_limits(installation, ask, &inner.options) {
            let at = world.clock.now();
            lock(&inner.ledger).violations.push(format!("{} {} at {at}: {what}", ask.method, ask.segments.join("/")));
            return refusal;
        }
        let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["repositories", id, rest @ ..] => {
                let repo = id.parse().ok().map(RepoId).filter(|id| world.repos.contains_key(id));
                in_repo(world, installation, repo, rest, ask)
            }
            ["repos", owner, name, rest @ ..] => {
                let full_name = format!("{owner}/{name}");
                let found = world.repo_named(&full_name).map(|r| (r.id, world.full_name(r)));
                match found {
                    Some((id, now)) if !now.eq_ignore_ascii_case(&full_name) => {
                        let mut url = format!("{}/repositories/{id}", world.base);
                        for part in rest {
                            url.push('/');
                            url.push_str(&super::render::segment(part));
                        }
                        Answer::moved(ask.is_get(), &url)
                    }
                    found => in_repo(world, installation, found.map(|(id, _)| id), rest, ask),
                }
            }
            other => super::api_app::for_installation(world, installation, other, ask),
        }
    });
    let mut world = lock(&inner.world);
    world.note_last_call(installation);
    answer.headers.extend(world.rate_headers(installation));
    answer
}

fn in_repo(world: &mut World, installation: InstallationId, repo: Option<RepoId>, rest: &[&str], ask: &Ask) -> Answer {
    let Some(repo) = repo.and_then(|id| world.repos.get(&id)) else { return Answer::not_found() };
    let id = repo.id;
    match world.reach(installation, repo) {
        Reach::None => return Answer::not_found(),
        Reach::Read if !ask.is_get() => return Answer::error(403, "Resource not accessible by integration"),
        Reach::Read | Reach::Write => {}
    }
    if repo.archived && !ask.is_get() {
        return Answer::error(403, ARCHIVED);
    }
    super::api_issues::answer(world, installation, id, rest, ask)
}

/// What an installation may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It looks as if it were not there.
    None,
    /// It is none of the installation's, but public.
    Read,
    Write,
}

impl World {
    pub(super) fn reach(&self, installation: InstallationId, repo: &Repo) -> Reach {
        match self.installations.get(&installation) {
            Some(installation) if installation.covers(repo) => Reach::Write,
            _ if repo.private => Reach::None,
            _ => Reach::Read,
        }
    }
}

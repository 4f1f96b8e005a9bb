//! Endpoints about the App itself, its installations, people and teams.

use super::answer::Answer;
use super::api::Ask;
use super::render::stamp;
use super::state::{Hook, World};
use super::things::{Account, Installation, Team};
use super::webhooks::{DeliveryRecord, DeliveryState};
use super::{Inner, lock};
use crate::domain::ids::{InstallationId, UserId};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// github.com keeps deliveries for so long.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(72);

/// What is asked with the App's JWT.
pub(super) fn answer(inner: &Inner, ask: &Ask) -> Answer {
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    let now = inner.clock.now();
    match (ask.method.as_str(), segments.as_slice()) {
        ("GET", ["app"]) => Answer::ok(lock(&inner.world).app_json()),
        ("GET", ["app", "installations"]) => {
            let world = lock(&inner.world);
            ask.paging().cut(world.installations.values().map(|i| world.installation_json(i)).collect(), |page| page)
        }
        ("GET", ["app", "installations", id]) => {
            let world = lock(&inner.world);
            find(&world, id).map_or_else(Answer::not_found, |i| Answer::ok(world.installation_json(i)))
        }
        ("GET", ["repos", owner, name, "installation"]) => {
            let world = lock(&inner.world);
            let found = world.repo_named(&format!("{owner}/{name}")).and_then(|repo| world.installation_on(repo));
            found.map_or_else(Answer::not_found, |i| Answer::ok(world.installation_json(i)))
        }
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            let world = lock(&inner.world);
            match find(&world, id) {
                None => Answer::not_found(),
                Some(i) if i.suspended.is_some() => Answer::error(403, "This installation has been suspended"),
                Some(i) => {
                    let (token, end) = lock(&inner.tokens).mint(i.id, now, inner.options.token_life);
                    let (permissions, selection) = (world.permissions(i.members), i.selection());
                    let minted = json!({
                        "token": token, "expires_at": stamp(end), "permissions": permissions, "repository_selection": selection,
                    });
                    Answer::new(201, minted)
                }
            }
        }
        ("GET", ["app", "hook", "config"]) => match lock(&inner.world).hook.clone() {
            Hook::Connected => {
                let url = inner.post.url();
                Answer::ok(json!({ "url": url, "content_type": "json", "insecure_ssl": "0", "secret": "********" }))
            }
            Hook::Said(said) => Answer::ok(said),
            Hook::None => Answer::not_found(),
        },
        ("GET", ["app", "hook", "deliveries"]) => deliveries(inner, ask),
        ("GET", ["app", "hook", "deliveries", id]) => match attempt(inner, id) {
            Some(record) => Answer::ok(delivery_json(&record, true)),
            None => Answer::not_found(),
        },
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) => match attempt(inner, id) {
            Some(record) if inner.post.enqueue_attempt(record.id, now) => Answer::new(202, json!({})),
            _ => Answer::not_found(),
        },
        (method, _) => Answer::beyond(format!("{method} /{}", segments.join("/"))),
    }
}

fn find<'a>(world: &'a World, id: &str) -> Option<&'a Installation> {
    world.installations.get(&InstallationId(id.parse().ok()?))
}

/// An attempt that was made and that GitHub still knows: it forgets them after three days.
fn attempt(inner: &Inner, id: &str) -> Option<DeliveryRecord> {
    inner.post.record(id.parse().ok()?).filter(|record| is_listed(inner, record))
}

fn is_listed(inner: &Inner, record: &DeliveryRecord) -> bool {
    let attempted = matches!(record.state, DeliveryState::Answered(_) | DeliveryState::Failed(_));
    attempted && inner.clock.now().duration_since(record.at) <= KEPT_FOR
}

/// The newest first, with a cursor in place of page numbers.
fn deliveries(inner: &Inner, ask: &Ask) -> Answer {
    let per_page = ask.query("per_page").and_then(|n| n.parse().ok()).unwrap_or(30usize).clamp(1, 100);
    let before = ask.query("cursor").and_then(|c| c.trim_start_matches('v').parse::<i64>().ok()).unwrap_or(i64::MAX);
    let status = ask.query("status");
    let listed = |r: &&DeliveryRecord| {
        let wanted = status.is_none_or(|s| (s == "failure") == r.is_failure());
        is_listed(inner, r) && wanted && r.id < before
    };
    let all = inner.post.records();
    let mut page: Vec<_> = all.iter().rev().filter(listed).take(per_page + 1).collect();
    let more = page.len() > per_page;
    page.truncate(per_page);
    let mut answer = Answer::ok(page.iter().map(|r| delivery_json(r, false)).collect());
    if let (true, Some(last)) = (more, page.last()) {
        let status = status.map(|s| format!("status={s}&")).unwrap_or_default();
        answer.headers.push(("link", format!("<{}?per_page={per_page}&{status}cursor=v{}>; rel=\"next\"", ask.url, last.id)));
    }
    answer
}

fn delivery_json(record: &DeliveryRecord, whole: bool) -> Value {
    let payload = record.payload();
    let (status, code) = match &record.state {
        DeliveryState::Answered(code @ 200..=299) => ("OK".to_owned(), *code),
        DeliveryState::Answered(code) => (format!("Invalid HTTP Response: {code}"), *code),
        // GitHub shows a desk that it could not reach as a bad gateway.
        _ => ("failed to connect to host".to_owned(), 502),
    };
    let mut out = json!({
        "id": record.id, "guid": record.guid.0, "delivered_at": stamp(record.at), "redelivery": record.redelivery, "duration": 0.1,
        "status": status, "status_code": code, "event": record.event, "action": record.action,
        "installation_id": payload["installation"]["id"], "repository_id": payload["repository"]["id"], "throttled_at": null,
    });
    if whole {
        out["url"] = "".into();
        let headers = json!({ "X-GitHub-Event": record.event, "X-GitHub-Delivery": record.guid.0, "content-type": "application/json" });
        out["request"] = json!({ "headers": headers, "payload": payload });
        out["response"] = json!({ "headers": {}, "payload": "" });
    }
    out
}

/// What is asked with an installation's token, apart from repositories.
pub(super) fn for_installation(world: &World, installation: InstallationId, segments: &[&str], ask: &Ask) -> Answer {
    let account = |found: Option<&Account>| found.map_or_else(Answer::not_found, |a| Answer::ok(world.profile_json(a)));
    match (ask.method.as_str(), segments) {
        ("GET", ["installation", "repositories"]) => {
            let Some(at) = world.installations.get(&installation) else { return Answer::not_found() };
            let all: Vec<Value> = world.repos.values().filter(|r| at.covers(r)).map(|r| world.repo_json(r)).collect();
            let (count, selection) = (all.len(), at.selection());
            ask.paging().cut(all, |page| json!({ "total_count": count, "repository_selection": selection, "repositories": page }))
        }
        ("GET", ["rate_limit"]) => Answer::ok(world.rate_json(installation)),
        ("GET", ["users", login]) => account(world.account(login)),
        ("GET", ["user", id]) => {
            let found = id.parse().ok().and_then(|id| world.accounts.get(&UserId(id)));
            account(found.filter(|a| a.gone.is_none()))
        }
        ("GET", ["users" | "orgs", login, "installation"]) => {
            // GitHub wants the App's JWT here.
            Answer::beyond(format!("the installation of {login} by an installation's token"))
        }
        ("GET", ["orgs", org, "teams", slug, rest @ ..]) => match (team(world, installation, org, slug), rest) {
            (Err(refusal), _) => refusal,
            (Ok(team), ["members"]) => ask.paging().cut(team.members.iter().map(|id| world.user_json(*id)).collect(), |page| page),
            (Ok(team), ["memberships", login]) => {
                let member = world.account(login).filter(|a| team.members.contains(&a.id));
                let url = format!("{}/orgs/{org}/teams/{slug}/memberships/{login}", world.base);
                let shown = |_: &Account| Answer::ok(json!({ "url": url, "role": "member", "state": "active" }));
                member.map_or_else(Answer::not_found, shown)
            }
            _ => Answer::beyond(format!("GET /{}", segments.join("/"))),
        },
        ("GET", ["orgs", org]) => match world.account(org).and_then(|a| world.organization(a.id)) {
            Some(org) => Answer::ok(world.organization_json(org)),
            None => Answer::not_found(),
        },
        (method, _) => Answer::beyond(format!("{method} /{}", segments.join("/"))),
    }
}

/// A team of the installation's own organisation. Others are not to be seen, and without the permission these are refused.
fn team<'a>(world: &'a World, installation: InstallationId, org: &str, slug: &str) -> Result<&'a Team, Answer> {
    let org = world.account(org).map(|a| a.id);
    let Some(at) = world.installations.get(&installation).filter(|i| Some(i.account) == org) else { return Err(Answer::not_found()) };
    if !at.members {
        return Err(Answer::error(403, "Resource not accessible by integration"));
    }
    world.team(at.account, slug).ok_or_else(Answer::not_found)
}

//! Endpoints about the App itself, its installations, people and teams.

use super::answer::Answer;
use super::api::Ask;
use super::render::{permissions, stamp};
use super::state::{AccountKind, World};
use super::webhooks::{DeliveryRecord, DeliveryState};
use super::{Inner, lock};
use crate::domain::ids::{InstallationId, UserId};
use serde_json::{Value, json};

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
            let owner = world.repo_named(&format!("{owner}/{name}")).map(|repo| repo.owner);
            let found = world.installations.values().find(|i| Some(i.account) == owner);
            found.map_or_else(Answer::not_found, |i| Answer::ok(world.installation_json(i)))
        }
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            let world = lock(&inner.world);
            match find(&world, id) {
                None => Answer::not_found(),
                Some(i) if i.suspended_at.is_some() => Answer::error(403, "This installation has been suspended"),
                Some(i) => {
                    let (token, end) = lock(&inner.tokens).mint(i.id, now, inner.options.token_life);
                    Answer::new(
                        201,
                        json!({ "token": token, "expires_at": stamp(end), "permissions": permissions(), "repository_selection": "all" }),
                    )
                }
            }
        }
        ("GET", ["app", "hook", "deliveries"]) => deliveries(inner, ask),
        ("GET", ["app", "hook", "deliveries", id]) => match id.parse().ok().and_then(|id| inner.post.record(id)) {
            Some(record) => Answer::ok(delivery_json(&record, true)),
            None => Answer::not_found(),
        },
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) => {
            let known = id.parse().is_ok_and(|id| inner.post.enqueue_attempt(id, now));
            if known { Answer::new(202, json!({})) } else { Answer::not_found() }
        }
        (method, _) => Answer::beyond(format!("{method} /{}", segments.join("/"))),
    }
}

fn find<'a>(world: &'a World, id: &str) -> Option<&'a super::state::Installation> {
    world.installations.get(&InstallationId(id.parse().ok()?))
}

/// The newest first, with a cursor in place of page numbers.
fn deliveries(inner: &Inner, ask: &Ask) -> Answer {
    let per_page = ask.query("per_page").and_then(|n| n.parse().ok()).unwrap_or(30usize).clamp(1, 100);
    let before = ask.query("cursor").and_then(|c| c.trim_start_matches('v').parse::<i64>().ok()).unwrap_or(i64::MAX);
    let status = ask.query("status");
    let listed = |r: &&DeliveryRecord| {
        let attempted = matches!(r.state, DeliveryState::Answered(_) | DeliveryState::Failed(_));
        let wanted = status.is_none_or(|s| (s == "failure") == r.is_failure());
        attempted && wanted && r.id < before
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
    let account = |found: Option<&super::state::Account>| found.map_or_else(Answer::not_found, |a| Answer::ok(world.profile_json(a)));
    match (ask.method.as_str(), segments) {
        ("GET", ["installation", "repositories"]) => {
            let owner = world.installations.get(&installation).map(|i| i.account);
            let all: Vec<Value> = world.repos.values().filter(|r| Some(r.owner) == owner).map(|r| world.repo_json(r)).collect();
            let count = all.len();
            ask.paging().cut(all, |page| json!({ "total_count": count, "repository_selection": "all", "repositories": page }))
        }
        ("GET", ["users", login]) => account(world.account(login)),
        ("GET", ["user", id]) => account(id.parse().ok().and_then(|id| world.accounts.get(&UserId(id)))),
        ("GET", ["users" | "orgs", login, "installation"]) => {
            // GitHub wants the App's JWT here.
            Answer::beyond(format!("the installation of {login} by an installation's token"))
        }
        ("GET", ["orgs", org, "teams", slug, "members"]) => {
            let Some(team) = team(world, org, slug) else { return Answer::not_found() };
            ask.paging().cut(team.iter().map(|id| world.user_json(*id)).collect(), |page| page)
        }
        ("GET", ["orgs", org, "teams", slug, "memberships", login]) => {
            let member = world.account(login).map(|a| a.id);
            match team(world, org, slug).filter(|team| member.is_some_and(|m| team.contains(&m))) {
                Some(_) => {
                    let url = format!("{}/orgs/{org}/teams/{slug}/memberships/{login}", world.base);
                    Answer::ok(json!({ "url": url, "role": "member", "state": "active" }))
                }
                None => Answer::not_found(),
            }
        }
        ("GET", ["orgs", org]) => match world.account(org).filter(|a| a.kind == AccountKind::Organization) {
            Some(org) => Answer::ok(world.organization_json(org)),
            None => Answer::not_found(),
        },
        (method, _) => Answer::beyond(format!("{method} /{}", segments.join("/"))),
    }
}

fn team<'a>(world: &'a World, org: &str, slug: &str) -> Option<&'a Vec<UserId>> {
    world.teams.get(&format!("{org}/{slug}").to_lowercase())
}

//! Endpoints about one repository: its issues, comments, reactions and people.

use super::answer::Answer;
use super::api::{Ask, Reach};
use super::api_labels::{issue_labels, labels};
use super::staff::legacy;
use super::state::World;
use super::things::{Fate, Issue, Repo};
use crate::domain::ids::{CommentId, InstallationId, RepoId};
use serde_json::{Value, json};

const BODY_LIMIT: usize = 65_536;

pub(super) fn answer(world: &mut World, installation: InstallationId, repo: RepoId, rest: &[&str], ask: &Ask) -> Answer {
    match (ask.method.as_str(), rest) {
        ("GET", []) => with_repo(world, repo, |world, repo| {
            let mut full = world.repo_json(repo);
            full["network_count"] = 0.into();
            full["subscribers_count"] = 0.into();
            Answer::ok(full)
        }),
        ("GET", ["collaborators", login, "permission"]) => with_repo(world, repo, |world, repo| permission(world, repo, login)),
        (_, ["labels", ..]) => labels(world, repo, rest, ask),
        ("GET", ["issues"]) => with_repo(world, repo, |world, repo| list(world, repo, ask)),
        ("GET", ["issues", "comments"]) => with_repo(world, repo, |world, repo| all_comments(world, repo, ask)),
        (_, ["issues", "comments", id, rest @ ..]) => match id.parse().ok().map(CommentId) {
            Some(id) => one_comment(world, repo, id, rest, ask),
            None => Answer::not_found(),
        },
        (_, ["issues", number, rest @ ..]) => match number.parse() {
            Ok(number) => one_issue(world, installation, repo, number, rest, ask),
            Err(_) => Answer::not_found(),
        },
        (method, _) => Answer::beyond(format!("{method} {}", rest.join("/"))),
    }
}

pub(super) fn with_repo(world: &World, repo: RepoId, look: impl FnOnce(&World, &Repo) -> Answer) -> Answer {
    world.repos.get(&repo).map_or_else(Answer::not_found, |repo| look(world, repo))
}

fn permission(world: &World, repo: &Repo, login: &str) -> Answer {
    let Some(account) = world.account(login) else { return Answer::not_found() };
    let role = World::role(repo, account.id);
    let mut user = world.user_json(account.id);
    user["role_name"] = role.into();
    user["permissions"] = json!({
        "admin": role == "admin", "maintain": matches!(role, "admin" | "maintain"), "push": matches!(role, "admin" | "maintain" | "write"),
        "triage": matches!(role, "admin" | "maintain" | "write" | "triage"), "pull": role != "none",
    });
    Answer::ok(json!({ "permission": legacy(role), "role_name": role, "user": user }))
}

fn list(world: &World, repo: &Repo, ask: &Ask) -> Answer {
    let state = ask.query("state").unwrap_or("open");
    let wanted = |i: &&Issue| {
        i.fate == Fate::Here
            && (state == "all" || i.state() == state)
            && ask.since().is_none_or(|since| i.updated_at >= since)
            && ask.query("creator").is_none_or(|login| world.login(i.user).eq_ignore_ascii_case(login))
            && ask
                .query("labels")
                .is_none_or(|names| names.split(',').all(|name| repo.label(name.trim()).is_some_and(|l| i.labels.contains(&l.id))))
    };
    let mut issues: Vec<&Issue> = repo.issues.values().filter(wanted).collect();
    match ask.query("sort") {
        Some("updated") => issues.sort_by_key(|i| (i.updated_at, i.number)),
        Some("comments") => issues.sort_by_key(|i| (i.comments.len(), i.number)),
        _ => issues.sort_by_key(|i| (i.created_at, i.number)),
    }
    if ask.query("direction") != Some("asc") {
        issues.reverse();
    }
    ask.paging().cut(issues.into_iter().map(|i| world.issue_json(repo, i)).collect(), |page| page)
}

fn all_comments(world: &World, repo: &Repo, ask: &Ask) -> Answer {
    let here = repo.issues.values().filter(|i| i.fate == Fate::Here);
    let mut all: Vec<_> = here.flat_map(|i| i.comments.iter().map(|c| (i.number, c))).collect();
    all.retain(|(_, c)| ask.since().is_none_or(|since| c.updated_at >= since));
    match ask.query("sort") {
        Some("updated") => all.sort_by_key(|(_, c)| (c.updated_at, c.id)),
        _ => all.sort_by_key(|(_, c)| (c.created_at, c.id)),
    }
    // Unlike issues, comments come oldest first; the direction counts only together with `sort`.
    if ask.query("sort").is_some() && ask.query("direction") != Some("asc") {
        all.reverse();
    }
    ask.paging().cut(all.into_iter().map(|(n, c)| world.comment_json(repo, n, c)).collect(), |page| page)
}

fn check_body(ask: &Ask) -> Result<&str, Answer> {
    match ask.text("body") {
        None => Err(Answer::invalid("IssueComment", "body", "missing_field", None)),
        Some(body) if body.trim().is_empty() => Err(Answer::invalid("IssueComment", "data", "unprocessable", Some("Body can't be blank"))),
        Some(body) if body.chars().count() > BODY_LIMIT => {
            Err(Answer::invalid("IssueComment", "data", "unprocessable", Some("Body is too long (maximum is 65536 characters)")))
        }
        Some(body) => Ok(body),
    }
}

fn one_comment(world: &mut World, repo: RepoId, id: CommentId, rest: &[&str], ask: &Ask) -> Answer {
    let bot = world.bot;
    let Some(number) = world.issue_of_comment(repo, id) else { return Answer::not_found() };
    let shown = |world: &World| {
        let (at, issue) = world.issue(repo, number)?;
        Some(world.comment_json(at, number, issue.comments.iter().find(|c| c.id == id)?))
    };
    match (ask.method.as_str(), rest) {
        ("GET", []) => shown(world).map_or_else(Answer::not_found, Answer::ok),
        ("PATCH", []) => match check_body(ask).and_then(|body| world.edit_comment(repo, id, bot, body).map_err(Answer::from)) {
            Ok(_) => Answer::ok(shown(world).unwrap_or_default()),
            Err(refusal) => refusal,
        },
        ("DELETE", []) => world.delete_comment(repo, id, bot).map_or_else(Answer::from, |_| Answer::nothing()),
        (_, ["reactions"]) => reactions(world, repo, number, Some(id), ask),
        (method, _) => Answer::beyond(format!("{method} of {} on a comment", rest.join("/"))),
    }
}

fn reactions(world: &mut World, repo: RepoId, number: u64, comment: Option<CommentId>, ask: &Ask) -> Answer {
    const KNOWN: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];
    let bot = world.bot;
    match (ask.method.as_str(), ask.text("content")) {
        ("GET", _) => {
            let Some((_, issue)) = world.issue(repo, number) else { return Answer::not_found() };
            let of_comment = comment.and_then(|id| issue.comments.iter().find(|c| c.id == id)).map(|c| &c.reactions);
            let list = of_comment.unwrap_or(&issue.reactions).iter();
            let wanted = list.filter(|r| ask.query("content").is_none_or(|content| r.content == content));
            ask.paging().cut(wanted.map(|r| world.reaction_json(r)).collect(), |page| page)
        }
        ("POST", Some(content)) if KNOWN.contains(&content) => match world.react(repo, number, comment, bot, content) {
            Ok((reaction, new)) => Answer::new(if new { 201 } else { 200 }, world.reaction_json(&reaction)),
            Err(error) => error.into(),
        },
        ("POST", _) => Answer::invalid("Reaction", "content", "invalid", None),
        (method, _) => Answer::beyond(format!("{method} of reactions")),
    }
}

fn one_issue(world: &mut World, installation: InstallationId, repo: RepoId, number: u64, rest: &[&str], ask: &Ask) -> Answer {
    let bot = world.bot;
    match world.issue(repo, number).map(|(_, issue)| issue.fate) {
        None => return Answer::not_found(),
        Some(Fate::Deleted) => return Answer::error(410, "This issue was deleted"),
        Some(Fate::Moved { repo, number }) => {
            // GitHub says where an issue went only to those who can read it there.
            let there = world.repos.get(&repo).filter(|at| world.reach(installation, at) != Reach::None);
            return there.map_or_else(Answer::not_found, |at| Answer::moved(ask.is_get(), &world.issue_url(at, number)));
        }
        Some(Fate::Here) => {}
    }
    match (ask.method.as_str(), rest) {
        ("GET", []) => with_issue(world, repo, number, |world, at, issue| Answer::ok(world.issue_json(at, issue))),
        ("PATCH", []) => update(world, repo, number, ask),
        ("GET", ["comments"]) => with_issue(world, repo, number, |world, at, issue| {
            let wanted = issue.comments.iter().filter(|c| ask.since().is_none_or(|since| c.updated_at >= since));
            ask.paging().cut(wanted.map(|c| world.comment_json(at, number, c)).collect(), |page| page)
        }),
        ("GET", ["events"]) => with_issue(world, repo, number, |world, at, issue| {
            let entries = issue.history.iter().enumerate().map(|(place, entry)| world.history_json(at, issue, place, entry));
            ask.paging().cut(entries.collect(), |page| page)
        }),
        ("POST", ["comments"]) => match check_body(ask).and_then(|body| world.comment(repo, number, bot, body).map_err(Answer::from)) {
            Ok(id) => with_issue(world, repo, number, |world, at, issue| {
                let comment = issue.comments.iter().find(|c| c.id == id);
                comment.map_or_else(Answer::not_found, |c| Answer::created(world.comment_json(at, number, c)))
            }),
            Err(refusal) => refusal,
        },
        ("POST", ["assignees"]) => assign(world, repo, number, ask),
        (_, ["labels", ..]) => issue_labels(world, repo, number, rest, ask),
        (_, ["reactions"]) => reactions(world, repo, number, None, ask),
        (method, _) => Answer::beyond(format!("{method} {} of an issue", rest.join("/"))),
    }
}

/// Who has no role in the repository is left out without a word, as GitHub does it.
fn assign(world: &mut World, repo: RepoId, number: u64, ask: &Ask) -> Answer {
    let given = ask.body.get("assignees").and_then(Value::as_array);
    let logins: Vec<_> = given.into_iter().flatten().filter_map(Value::as_str).collect();
    let known = |login: &&str| {
        let id = world.account(login)?.id;
        world.repos.get(&repo).is_some_and(|at| World::role(at, id) != "none").then_some(id)
    };
    let people: Vec<_> = logins.iter().filter_map(known).collect();
    let bot = world.bot;
    for person in people {
        match world.change(repo, number) {
            Ok(issue) if issue.assignees.contains(&person) => continue,
            Ok(issue) => issue.assignees.push(person),
            Err(error) => return error.into(),
        }
        let assignee = world.user_json(person);
        world.send("issues", "assigned", repo, number, bot, json!({ "assignee": assignee }));
    }
    with_issue(world, repo, number, |world, at, issue| Answer::created(world.issue_json(at, issue)))
}

pub(super) fn with_issue(world: &World, repo: RepoId, number: u64, look: impl FnOnce(&World, &Repo, &Issue) -> Answer) -> Answer {
    world.issue(repo, number).map_or_else(Answer::not_found, |(at, issue)| look(world, at, issue))
}

fn update(world: &mut World, repo: RepoId, number: u64, ask: &Ask) -> Answer {
    if let Some(beyond) = ask.other_fields(&["state", "state_reason", "title", "body"]) {
        return beyond;
    }
    let bot = world.bot;
    let open = match ask.text("state") {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Answer::invalid("Issue", "state", "invalid", None),
    };
    let reason = ask.text("state_reason");
    if reason.is_some_and(|r| !["completed", "not_planned", "duplicate", "reopened"].contains(&r)) {
        return Answer::invalid("Issue", "state_reason", "invalid", None);
    }
    if open == Some(false) && reason == Some("reopened") {
        return Answer::invalid("Issue", "state_reason", "invalid", None);
    }
    let mut done = Ok(());
    if ask.text("title").is_some() || ask.text("body").is_some() {
        done = world.edit(repo, number, bot, ask.text("title"), ask.text("body"));
    }
    if let Some(open) = open {
        done = done.and_then(|()| world.set_state(repo, number, bot, open, reason));
    }
    match done {
        Ok(()) => with_issue(world, repo, number, |world, at, issue| Answer::ok(world.issue_json(at, issue))),
        Err(error) => error.into(),
    }
}

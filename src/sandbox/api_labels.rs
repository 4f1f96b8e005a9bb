//! Endpoints about labels, of repositories and on issues, with GitHub's limits.

use super::answer::Answer;
use super::api::Ask;
use super::api_issues::{with_issue, with_repo};
use super::labelling::LabelChange;
use super::state::World;
use crate::domain::ids::RepoId;
use serde_json::Value;

const NAME_LIMIT: usize = 50;
const TEXT_LIMIT: usize = 100;
const PER_ISSUE: usize = 100;

fn check_label(name: Option<&str>, text: Option<&str>) -> Result<(), Answer> {
    let custom = |field: &str, message: &str| Err(Answer::invalid("Label", field, "custom", Some(message)));
    match (name, text) {
        (Some(name), _) if name.trim().is_empty() => Err(Answer::invalid("Label", "name", "missing_field", None)),
        (Some(name), _) if name.chars().count() > NAME_LIMIT => custom("name", "name is too long (maximum is 50 characters)"),
        (_, Some(text)) if text.chars().count() > TEXT_LIMIT => {
            custom("description", "description is too long (maximum is 100 characters)")
        }
        _ => Ok(()),
    }
}

fn color_of(ask: &Ask) -> Result<Option<&str>, Answer> {
    match ask.text("color") {
        Some(c) if c.len() != 6 || !c.chars().all(|c| c.is_ascii_hexdigit()) => Err(Answer::invalid("Label", "color", "invalid", None)),
        color => Ok(color),
    }
}

pub(super) fn labels(world: &mut World, repo: RepoId, rest: &[&str], ask: &Ask) -> Answer {
    let bot = world.bot;
    let shown = |world: &World, id: i64| {
        let at = world.repos.get(&repo)?;
        Some(world.label_json(at, at.label_by_id(id)?))
    };
    let taken = |world: &World, name: &str| world.repos.get(&repo).is_some_and(|r| r.label(name).is_some());
    match (ask.method.as_str(), rest) {
        ("GET", ["labels"]) => {
            with_repo(world, repo, |world, at| ask.paging().cut(at.labels.iter().map(|l| world.label_json(at, l)).collect(), |page| page))
        }
        ("GET", ["labels", name]) => with_repo(world, repo, |world, at| {
            at.label(name).map_or_else(Answer::not_found, |label| Answer::ok(world.label_json(at, label)))
        }),
        ("POST", ["labels"]) => {
            let Some(name) = ask.text("name") else { return Answer::invalid("Label", "name", "missing_field", None) };
            let color = match check_label(Some(name), ask.text("description")).and_then(|()| color_of(ask)) {
                Ok(color) => color.unwrap_or("ededed"),
                Err(refusal) => return refusal,
            };
            if taken(world, name) {
                return Answer::invalid("Label", "name", "already_exists", None);
            }
            match world.create_label(repo, bot, name, color, ask.text("description")) {
                Ok(id) => Answer::created(shown(world, id).unwrap_or_default()),
                Err(error) => error.into(),
            }
        }
        ("PATCH", ["labels", name]) => {
            let color = match check_label(ask.text("new_name"), ask.text("description")).and_then(|()| color_of(ask)) {
                Ok(color) => color,
                Err(refusal) => return refusal,
            };
            let new = LabelChange { name: ask.text("new_name"), color, description: ask.text("description") };
            if new.name.is_some_and(|new| new.to_lowercase() != name.to_lowercase() && taken(world, new)) {
                return Answer::invalid("Label", "name", "already_exists", None);
            }
            match world.edit_label(repo, bot, name, new) {
                Ok(id) => Answer::ok(shown(world, id).unwrap_or_default()),
                Err(error) => error.into(),
            }
        }
        ("DELETE", ["labels", name]) => world.delete_label(repo, bot, name).map_or_else(Answer::from, |()| Answer::nothing()),
        (method, _) => Answer::beyond(format!("{method} {}", rest.join("/"))),
    }
}

pub(super) fn issue_labels(world: &mut World, repo: RepoId, number: u64, rest: &[&str], ask: &Ask) -> Answer {
    let bot = world.bot;
    let all = |world: &World| world.issue(repo, number).map(|(at, issue)| world.labels_json(at, issue)).unwrap_or_default();
    match (ask.method.as_str(), rest) {
        ("GET", ["labels"]) => with_issue(world, repo, number, |world, at, issue| {
            let labels = issue.labels.iter().filter_map(|id| at.label_by_id(*id));
            ask.paging().cut(labels.map(|l| world.label_json(at, l)).collect(), |page| page)
        }),
        ("POST", ["labels"]) => {
            let given = ask.body.get("labels").unwrap_or(&ask.body).as_array();
            let name = |v: &Value| v.as_str().or_else(|| v["name"].as_str()).map(str::to_owned);
            let names: Option<Vec<String>> = given.and_then(|list| list.iter().map(name).collect());
            let Some(names) = names.filter(|names| !names.is_empty()) else {
                return Answer::invalid("Issue", "labels", "invalid", None);
            };
            if let Some(refusal) = names.iter().find_map(|name| check_label(Some(name), None).err()) {
                return refusal;
            }
            // GitHub adds the numbers up without looking which are on already.
            if world.issue(repo, number).is_some_and(|(_, i)| i.labels.len() + names.len() > PER_ISSUE) {
                return Answer::invalid("Issue", "labels", "custom", Some("Issues cannot have more than 100 labels"));
            }
            world.add_labels(repo, number, bot, &names).map_or_else(Answer::from, |()| Answer::ok(all(world)))
        }
        ("DELETE", ["labels", name]) => match world.remove_label(repo, number, bot, name) {
            Ok(true) => Answer::ok(all(world)),
            Ok(false) => Answer::error(404, "Label does not exist"),
            Err(error) => error.into(),
        },
        (method, _) => Answer::beyond(format!("{method} {} of an issue", rest.join("/"))),
    }
}

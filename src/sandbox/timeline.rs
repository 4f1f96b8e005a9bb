//! An issue's time line, as its page shows it: what was said and what was done, in the order in which it happened.

use super::state::World;
use super::things::Happening;
use super::views::comment_view;
use super::{CommentView, LabelView, Sandbox, lock};
use jiff::Timestamp;
use serde_json::Value;

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When, to the second.
    pub at: Timestamp,
    /// Who, by login.
    pub actor: String,
    /// What.
    pub told: Told,
}

/// What an entry tells.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Told {
    Comment(CommentView),
    /// The label as it was then.
    Labelled(LabelView),
    Unlabelled(LabelView),
    Closed {
        reason: String,
    },
    Reopened,
    /// Anything else, in GitHub's word for it.
    Other(&'static str),
}

impl Sandbox {
    /// What happened to an issue since it was opened, oldest first.
    #[must_use]
    pub fn timeline(&self, repo: &str, number: u64) -> Vec<Entry> {
        let world = lock(&self.inner.world);
        let found = world.repo_named(repo).and_then(|repo| world.issue(repo.id, number));
        let Some((_, issue)) = found else { return Vec::new() };
        let mut history = issue.history.iter().peekable();
        let mut entries = Vec::new();
        for comment in &issue.comments {
            while let Some(before) = history.next_if(|entry| entry.after.is_none_or(|after| after < comment.id)) {
                entries.push(entry(&world, before));
            }
            let view = comment_view(&world, comment);
            entries.push(Entry { at: view.created_at, actor: view.author.clone(), told: Told::Comment(view) });
        }
        entries.extend(history.map(|last| entry(&world, last)));
        entries
    }
}

fn entry(world: &World, happened: &Happening) -> Entry {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let label = || {
        let label = &happened.more["label"];
        LabelView { name: text(&label["name"]), color: text(&label["color"]), description: None }
    };
    let told = match happened.event {
        "labeled" => Told::Labelled(label()),
        "unlabeled" => Told::Unlabelled(label()),
        "closed" => Told::Closed { reason: text(&happened.more["state_reason"]) },
        "reopened" => Told::Reopened,
        other => Told::Other(other),
    };
    Entry { at: happened.at, actor: world.login(happened.actor).to_owned(), told }
}

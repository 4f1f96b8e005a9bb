//! The issue tracker: a list, a page for each issue, a form for a new one.

use super::html::{self, all, text};
use super::markdown;
use super::pages::{Shared, avatar, time};
use super::scene::{Person, anchor};
use crate::sandbox::{Entry, IssueView, LabelView, Told};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Which issues a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Open,
    Closed,
    All,
}

impl Filter {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }

    fn takes(self, issue: &IssueView) -> bool {
        self == Self::All || issue.state == self.name()
    }
}

/// What GitHub lets somebody do with an issue.
#[derive(Debug, Clone, Copy)]
pub(super) struct May {
    pub(super) close: bool,
    pub(super) reopen: bool,
}

/// Agents may close and reopen; an author may close, and reopen what nobody else closed.
pub(super) fn may(demo: &Shared, person: &Person, issue: &IssueView) -> May {
    let (open, author) = (issue.state == "open", issue.author == person.login);
    let closed_by = || {
        let closes =
            demo.github.timeline(demo.repository, issue.number).into_iter().rev().find(|entry| matches!(entry.told, Told::Closed { .. }));
        closes.map(|entry| entry.actor)
    };
    May {
        close: open && (person.agent || author),
        reopen: !open && (person.agent || author && closed_by().as_ref() == Some(&issue.author)),
    }
}

/// Colours of the repository's labels, by name.
fn colours(demo: &Shared) -> BTreeMap<String, LabelView> {
    demo.github.labels(demo.repository).into_iter().map(|label| (label.name.clone(), label)).collect()
}

fn labels(colours: &BTreeMap<String, LabelView>, names: &[String], inside: impl Fn(&str) -> String) -> String {
    all(names, |name| html::label(name, colours.get(name).map_or("ededed", |label| &label.color), &inside(name)))
}

fn icon(open: bool) -> &'static str {
    if open {
        r#"<svg class="icon open" viewBox="0 0 16 16" width="16" height="16" role="img" aria-label="Open"><circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/><circle cx="8" cy="8" r="2" fill="currentColor"/></svg>"#
    } else {
        r#"<svg class="icon closed" viewBox="0 0 16 16" width="16" height="16" role="img" aria-label="Closed"><circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M5 8.2l2.1 2.1L11 6.2" fill="none" stroke="currentColor" stroke-width="1.6"/></svg>"#
    }
}

/// What a visitor may want to do first.
const TO_TRY: &str = r#"<section class="try" aria-labelledby="try">
<h2 id="try">What to try</h2>
<ul>
<li>Open three issues as <b>liv</b>: six of her seven are used. The eighth and the ninth wait, with their place.</li>
<li>Answer one as <b>ann</b> or <b>ben</b>: <code>due:</code> goes, <code>sla: met</code> comes.</li>
<li>Skip to what the desk does next: the chat hears of kenji’s issue before its promise breaks, and when it does.</li>
<li>Take a label off as an engineer, and see it come back.</li>
<li>Stop the desk, go on writing, start it again: it catches up.</li>
<li>Comment <code>/why</code>, and read each charge and each clock with its reason.</li>
</ul>
</section>"#;

/// The list, newest first.
pub(super) fn list(demo: &Shared, filter: Filter) -> String {
    let issues = demo.github.issues(demo.repository);
    let colours = colours(demo);
    let tab = |to: Filter, word: &str| {
        let count = issues.iter().filter(|issue| to.takes(issue)).count();
        let current = if to == filter { r#" aria-current="page""# } else { "" };
        format!(
            r#"<a id="tab-{0}" href="{1}?state={0}"{current}>{word} <span class="count">{count}</span></a>"#,
            to.name(),
            demo.path(None)
        )
    };
    let rows = all(issues.iter().rev().filter(|issue| filter.takes(issue)), |issue| {
        let comments = match issue.comments.len() {
            0 => String::new(),
            1 => " · 1 comment".to_owned(),
            many => format!(" · {many} comments"),
        };
        format!(
            r#"<li id="issue-{number}">{icon}<div><a class="title" href="{path}">{title}</a> <span class="labels">{labels}</span><p class="dim">#{number} opened {at} by {author}{comments}</p></div></li>"#,
            number = issue.number,
            icon = icon(issue.state == "open"),
            path = demo.path(Some(issue.number)),
            title = text(&issue.title),
            labels = labels(&colours, &issue.labels, |_| String::new()),
            at = time(issue.created_at),
            author = text(&issue.author),
        )
    });
    let rows = if rows.is_empty() { r#"<li id="no-issue" class="empty">None here.</li>"#.to_owned() } else { rows };
    format!(
        r#"<div class="head"><h1>Issues</h1><a class="button primary" href="{}/new">New issue</a></div>
<nav id="tabs" class="tabs" aria-label="Which issues" data-live>{}{}{}</nav>
<ul id="issues" class="issues" data-live>{rows}</ul>
{TO_TRY}"#,
        demo.path(None),
        tab(Filter::Open, "Open"),
        tab(Filter::Closed, "Closed"),
        tab(Filter::All, "All"),
    )
}

/// Who writes, above a form; it changes while the form stays.
fn writer(demo: &Shared, person: &Person) -> String {
    let of = person.partner.as_ref().map_or_else(String::new, |(partner, _)| format!(" of {}", text(partner)));
    format!(
        r#"<p id="writer" class="writer" data-live>{}<span><b>{}</b>{of} <small>{}</small></span></p>"#,
        avatar(demo, &person.login),
        text(&person.login),
        text(person.role())
    )
}

/// The form for a new issue, with something to ask in it.
pub(super) fn new(demo: &Shared, person: &Person, (title, body): (&str, &str)) -> String {
    format!(
        r#"<p class="up-to"><a href="{1}">← Issues</a></p>
<h1>New issue</h1>
{0}
<form class="write" method="post" action="{1}">
<label for="title">Title</label>
<input id="title" name="title" value="{2}" required maxlength="256" autocomplete="off">
<label for="body">What is it about?</label>
<textarea id="body" name="body" rows="6" maxlength="16000">{3}</textarea>
<p class="buttons"><button class="primary" name="again" value="">Open issue</button><button name="again" value="yes">Open, and write another</button></p>
</form>"#,
        writer(demo, person),
        demo.path(None),
        text(title),
        text(body)
    )
}

/// An issue with all that happened to it.
pub(super) fn one(demo: &Shared, person: &Person, issue: &IssueView) -> String {
    let colours = colours(demo);
    let open = issue.state == "open";
    let path = demo.path(Some(issue.number));
    let state = match (open, issue.state_reason.as_deref()) {
        (true, _) => "Open".to_owned(),
        (false, None | Some("completed")) => "Closed".to_owned(),
        (false, Some(reason)) => format!("Closed as {}", text(&reason.replace('_', " "))),
    };
    let off = |name: &str| {
        if !person.agent {
            return String::new();
        }
        format!(r#"<button name="remove" value="{0}" title="Take this label off" aria-label="Take off {0}">×</button>"#, text(name))
    };
    let labels = labels(&colours, &issue.labels, off);
    let add = if person.agent { adding(&colours, issue, &path) } else { String::new() };
    let opening =
        comment(demo, "opening", &issue.author, &time(issue.created_at), false, issue.body.as_deref().unwrap_or("*No text.*"), None);
    format!(
        r#"<p class="up-to"><a href="{all}">← Issues</a></p>
<div id="issue" data-live>
<h1>{title} <span class="number">#{number}</span></h1>
<p class="dim"><span class="pill {class}">{icon}{state}</span> opened {at} by {author}</p>
<form method="post" action="{path}/labels" data-quiet><div class="labels" role="group" aria-label="Labels">{labels}</div></form>{add}
</div>
<ol id="timeline" class="timeline" data-live aria-label="What happened">{opening}{entries}</ol>
<section id="reply" aria-labelledby="add">
<h2 id="add">Add a comment</h2>
{writer}
<form class="write" method="post" action="{path}" data-quiet data-once>
<label class="unseen" for="comment">Comment</label>
<textarea id="comment" name="body" rows="4" maxlength="16000" placeholder="Markdown, and commands on a line of their own"></textarea>
<div id="actions" data-live>{actions}</div>
</form>
</section>"#,
        all = demo.path(None),
        title = text(&issue.title),
        number = issue.number,
        class = issue.state,
        icon = icon(open),
        at = time(issue.created_at),
        author = text(&issue.author),
        entries = entries(demo, issue),
        writer = writer(demo, person),
        actions = actions(demo, person, issue),
    )
}

/// A form for another label, of those that mean something to the desk.
fn adding(colours: &BTreeMap<String, LabelView>, issue: &IssueView, path: &str) -> String {
    const PAUSES: &str = "waiting: partner";
    let known = [PAUSES].into_iter().chain(colours.keys().map(String::as_str).filter(|name| *name != PAUSES));
    let options = all(known.filter(|name| !issue.has_label(name)), |name| format!("<option>{}</option>", text(name)));
    format!(
        r#"<form class="add" method="post" action="{path}/labels" data-quiet><label for="add-label">Add a label</label><select id="add-label" name="add">{options}</select><button id="add-button">Add</button></form>"#
    )
}

fn actions(demo: &Shared, person: &Person, issue: &IssueView) -> String {
    let may = may(demo, person, issue);
    let mut out = r#"<p class="buttons"><button id="do-comment" class="primary" name="do" value="comment">Comment</button>"#.to_owned();
    if may.close {
        out.push_str(r#"<button id="do-close" name="do" value="completed">Close</button>"#);
    }
    if may.close && person.agent {
        out.push_str(r#"<button id="do-not-planned" name="do" value="not_planned">Close as not planned</button><button id="do-duplicate" name="do" value="duplicate">Close as duplicate</button>"#);
    }
    if may.reopen {
        out.push_str(r#"<button id="do-reopen" name="do" value="reopen">Reopen</button>"#);
    }
    out.push_str("</p>");
    let commands = match (person.agent, person.partner.is_some()) {
        (true, _) => "/ack 30m /wait /resume /extend 4h reason /waive reason /refund reason /grant 2 reason /escalate /why /help",
        (_, true) if issue.state == "open" => "/quota /status /why /withdraw /help",
        (_, true) => "/reopen /quota /why /help",
        _ => return out,
    };
    let commands = all(commands.split(" /"), |command| format!("<code>/{}</code> ", text(command.trim_start_matches('/'))));
    let _ = write!(out, r#"<p class="dim commands">The desk understands {commands}</p>"#);
    out
}

fn comment(demo: &Shared, id: &str, author: &str, at: &str, edited: bool, body: &str, marks: Option<&[String]>) -> String {
    let role = if author == demo.bot {
        "app"
    } else {
        match demo.people.iter().find(|person| person.login == author) {
            Some(person) if person.agent => "support",
            Some(person) if person.partner.is_some() => "partner",
            _ => "",
        }
    };
    let role = if role.is_empty() { String::new() } else { format!(r#"<small class="tag">{role}</small>"#) };
    let edited = if edited { " · edited" } else { "" };
    let reactions = all(marks.unwrap_or_default(), |mark| {
        let shown = match mark.as_str() {
            "+1" => "👍",
            "-1" => "👎",
            "eyes" => "👀",
            "rocket" => "🚀",
            "confused" => "😕",
            other => other,
        };
        format!(r#"<span class="reaction" title="{}">{}</span>"#, text(mark), text(shown))
    });
    let reactions = if reactions.is_empty() { reactions } else { format!(r#"<p class="reactions">{reactions}</p>"#) };
    format!(
        r#"<li id="{id}" class="comment">{}<article aria-label="Comment by {author}"><p class="by"><b>{author}</b> {role} <span class="dim">{at}{edited}</span></p><div class="text">{}</div>{reactions}</article></li>"#,
        avatar(demo, author),
        markdown::render(body, demo.repository),
        author = text(author),
    )
}

/// Everything since the opening; labels that one person changed in one second are told together.
fn entries(demo: &Shared, issue: &IssueView) -> String {
    let timeline = demo.github.timeline(demo.repository, issue.number);
    let mut out = String::new();
    let mut rest = timeline.as_slice();
    let mut place = 0;
    while let [first, ..] = rest {
        let together = match &first.told {
            Told::Labelled(_) | Told::Unlabelled(_) => {
                let same = |entry: &&Entry| {
                    matches!(entry.told, Told::Labelled(_) | Told::Unlabelled(_)) && entry.actor == first.actor && entry.at == first.at
                };
                rest.iter().take_while(same).count()
            }
            _ => 1,
        };
        let (these, after) = rest.split_at_checked(together).unwrap_or((rest, &[]));
        if let Told::Comment(view) = &first.told {
            let edited = view.updated_at > view.created_at;
            out.push_str(&comment(demo, &anchor(view.id), &view.author, &time(view.created_at), edited, &view.body, Some(&view.reactions)));
        } else {
            let _ = write!(
                out,
                r#"<li id="event-{place}" class="event">{}<p><b>{}</b> {} <span class="dim">{}</span></p></li>"#,
                avatar(demo, &first.actor),
                text(&first.actor),
                told(these),
                time(first.at)
            );
        }
        place += together;
        rest = after;
    }
    out
}

fn told(entries: &[Entry]) -> String {
    let labels = |on: bool| {
        all(entries, |entry| match &entry.told {
            Told::Labelled(label) if on => html::label(&label.name, &label.color, "") + " ",
            Told::Unlabelled(label) if !on => html::label(&label.name, &label.color, "") + " ",
            _ => String::new(),
        })
    };
    let (added, removed) = (labels(true), labels(false));
    match entries.first().map(|entry| &entry.told) {
        Some(Told::Labelled(_) | Told::Unlabelled(_)) => match (added.is_empty(), removed.is_empty()) {
            (false, true) => format!("added {added}"),
            (true, _) => format!("removed {removed}"),
            (false, false) => format!("added {added} and removed {removed}"),
        },
        Some(Told::Closed { reason }) if reason != "completed" => format!("closed this as {}", text(&reason.replace('_', " "))),
        Some(Told::Closed { .. }) => "closed this".to_owned(),
        Some(Told::Reopened) => "reopened this".to_owned(),
        Some(Told::Other(what)) => format!("{} this", text(&what.replace('_', " "))),
        Some(Told::Comment(_)) | None => String::new(),
    }
}

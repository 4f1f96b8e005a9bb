//! The JSON of repositories, labels, issues and comments, in the shape of GitHub's REST API and webhooks.

use super::state::World;
use super::things::{Account, Comment, Fate, Happening, Issue, Label, Reaction, Repo};
use crate::domain::ids::UserId;
use base64::Engine;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// An instant as GitHub writes it: UTC, to the second.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn node_id(kind: &str, id: i64) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("0{}:{kind}{id}", kind.len()))
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// The links of an API object that are its own address and a suffix.
pub(super) fn links(url: &str, list: &[(&str, &str)]) -> Map<String, Value> {
    list.iter().map(|(key, suffix)| ((*key).to_owned(), format!("{url}{suffix}").into())).collect()
}

pub(super) fn with(mut base: Map<String, Value>, fields: Value) -> Value {
    if let Value::Object(fields) = fields {
        base.extend(fields);
    }
    Value::Object(base)
}

const REPO_LINKS: [(&str, &str); 37] = [
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
    ("url", ""),
];

fn reactions(url: &str, list: &[Reaction]) -> Value {
    let mut out = json!({ "url": format!("{url}/reactions"), "total_count": list.len() });
    for content in ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"] {
        out[content] = list.iter().filter(|r| r.content == content).count().into();
    }
    out
}

impl World {
    pub(super) fn repo_url(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.base, self.full_name(repo))
    }

    pub(super) fn repo_json(&self, repo: &Repo) -> Value {
        let full_name = self.full_name(repo);
        let html = format!("{}/{full_name}", self.pages);
        let open = repo.issues.values().filter(|i| i.is_open() && i.fate == Fate::Here).count();
        let created = stamp(repo.created_at);
        let identity = json!({
            "id": repo.id.0, "node_id": node_id("Repository", repo.id.0), "name": repo.name, "full_name": full_name,
            "private": repo.private, "visibility": if repo.private { "private" } else { "public" }, "archived": repo.archived,
            "owner": self.user_json(repo.owner), "html_url": html, "svn_url": html, "clone_url": format!("{html}.git"),
            "git_url": format!("git://{full_name}.git"), "ssh_url": format!("git@sandbox:{full_name}.git"),
            "created_at": created, "updated_at": stamp(repo.updated_at), "pushed_at": created, "open_issues": open, "open_issues_count": open,
        });
        // Of no interest to the desk, but a strict reader would miss them.
        let rest = json!({
            "description": null, "homepage": null, "language": null, "mirror_url": null, "license": null, "fork": false,
            "disabled": false, "is_template": false, "web_commit_signoff_required": false, "allow_forking": true,
            "has_issues": true, "has_projects": true, "has_downloads": true, "has_wiki": true, "has_pages": false,
            "has_discussions": false, "size": 0, "forks": 0, "forks_count": 0, "watchers": 0, "watchers_count": 0,
            "stargazers_count": 0, "default_branch": "main", "topics": [], "custom_properties": {},
        });
        let Value::Object(known) = with(links(&self.repo_url(repo), &REPO_LINKS), identity) else { return rest };
        with(known, rest)
    }

    /// A repository as the events of installations name it.
    pub(super) fn repo_brief(&self, repo: &Repo) -> Value {
        json!({
            "id": repo.id.0, "node_id": node_id("Repository", repo.id.0), "name": repo.name, "full_name": self.full_name(repo),
            "private": repo.private,
        })
    }

    pub(super) fn label_json(&self, repo: &Repo, label: &Label) -> Value {
        json!({
            "id": label.id, "node_id": node_id("Label", label.id), "url": format!("{}/labels/{}", self.repo_url(repo), segment(&label.name)),
            "name": label.name, "color": label.color, "default": false, "description": label.description,
        })
    }

    pub(super) fn labels_json(&self, repo: &Repo, issue: &Issue) -> Value {
        issue.labels.iter().filter_map(|id| repo.label_by_id(*id)).map(|l| self.label_json(repo, l)).collect()
    }

    pub(super) fn issue_url(&self, repo: &Repo, number: u64) -> String {
        format!("{}/issues/{number}", self.repo_url(repo))
    }

    pub(super) fn issue_html_url(&self, repo: &Repo, number: u64) -> String {
        format!("{}/{}/issues/{number}", self.pages, self.full_name(repo))
    }

    pub(super) fn issue_json(&self, repo: &Repo, issue: &Issue) -> Value {
        let url = self.issue_url(repo, issue.number);
        let html = self.issue_html_url(repo, issue.number);
        let suffixes = [
            ("url", ""),
            ("labels_url", "/labels{/name}"),
            ("comments_url", "/comments"),
            ("events_url", "/events"),
            ("timeline_url", "/timeline"),
        ];
        let mut out = with(
            links(&url, &suffixes),
            json!({
                "repository_url": self.repo_url(repo), "html_url": html, "id": issue.id.0, "node_id": node_id("Issue", issue.id.0),
                "number": issue.number, "title": issue.title, "user": self.user_json(issue.user), "labels": self.labels_json(repo, issue),
                "state": issue.state(), "locked": issue.locked, "assignee": issue.assignees.first().map(|id| self.user_json(*id)),
                "assignees": issue.assignees.iter().map(|id| self.user_json(*id)).collect::<Vec<_>>(), "milestone": null,
                "comments": issue.comments.len(), "created_at": stamp(issue.created_at), "updated_at": stamp(issue.updated_at),
                "closed_at": issue.closed_at.map(stamp), "author_association": self.association(repo, issue.user),
                "active_lock_reason": issue.lock_reason, "body": issue.body, "reactions": reactions(&url, &issue.reactions),
                "performed_via_github_app": self.via_app(issue.user), "state_reason": issue.state_reason,
                "closed_by": issue.closed_by.map(|id| self.user_json(id)),
            }),
        );
        if issue.pull_request {
            let pull = format!("{}/pulls/{}", self.repo_url(repo), issue.number);
            let page = html.replace("/issues/", "/pull/");
            out["pull_request"] = json!({ "url": pull, "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "merged_at": null });
            out["draft"] = false.into();
        }
        out
    }

    pub(super) fn comment_json(&self, repo: &Repo, number: u64, comment: &Comment) -> Value {
        let url = format!("{}/issues/comments/{}", self.repo_url(repo), comment.id);
        json!({
            "url": url, "html_url": format!("{}#issuecomment-{}", self.issue_html_url(repo, number), comment.id),
            "issue_url": self.issue_url(repo, number), "id": comment.id.0, "node_id": node_id("IssueComment", comment.id.0),
            "user": self.user_json(comment.user), "created_at": stamp(comment.created_at), "updated_at": stamp(comment.updated_at),
            "author_association": self.association(repo, comment.user), "body": comment.body,
            "reactions": reactions(&url, &comment.reactions), "performed_via_github_app": self.via_app(comment.user),
        })
    }

    pub(super) fn history_json(&self, repo: &Repo, issue: &Issue, place: usize, entry: &Happening) -> Value {
        let id = issue.id.0 * 1000 + i64::try_from(place).unwrap_or(999);
        let mut out = json!({
            "id": id, "node_id": node_id("IssueEvent", id), "url": format!("{}/issues/events/{id}", self.repo_url(repo)),
            "actor": self.user_json(entry.actor), "event": entry.event, "commit_id": null, "commit_url": null,
            "created_at": stamp(entry.at), "performed_via_github_app": self.via_app(entry.actor),
        });
        if let (Some(out), Value::Object(more)) = (out.as_object_mut(), &entry.more) {
            out.extend(more.clone());
        }
        out
    }

    pub(super) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id, "node_id": node_id("Reaction", reaction.id), "user": self.user_json(reaction.user),
            "content": reaction.content, "created_at": stamp(reaction.created_at),
        })
    }

    fn via_app(&self, user: UserId) -> Value {
        if user == self.bot { self.app_json() } else { Value::Null }
    }

    /// What a payload claims. Payloads are made for no particular viewer, so a private member of the organisation looks like
    /// nobody, even an agent (`W3`); a test may set another claim, to tempt the desk.
    fn association(&self, repo: &Repo, user: UserId) -> String {
        match self.accounts.get(&user) {
            Some(Account { association: Some(claim), .. }) => claim.clone(),
            _ if repo.owner == user => "OWNER".to_owned(),
            _ => "NONE".to_owned(),
        }
    }
}

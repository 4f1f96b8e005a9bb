//! What the sandbox tells whoever watches.

use crate::domain::ids::CommentId;
use jiff::Timestamp;

/// Something that happened, for whoever watches.
#[derive(Debug, Clone)]
pub struct SandboxEvent {
    /// When, to the second.
    pub at: Timestamp,
    /// `owner/name`.
    pub repository: String,
    /// The number; 0 where it is about the whole repository.
    pub number: u64,
    /// Who did it, by login.
    pub actor: String,
    /// What was done.
    pub what: What,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    Opened {
        title: String,
        body: Option<String>,
    },
    Commented {
        id: CommentId,
        body: String,
    },
    CommentEdited {
        id: CommentId,
        body: String,
    },
    CommentDeleted {
        id: CommentId,
    },
    Labelled {
        label: String,
    },
    Unlabelled {
        label: String,
    },
    Closed {
        reason: String,
    },
    Reopened,
    Edited,
    Locked,
    Unlocked,
    Deleted,
    Transferred {
        to: String,
    },
    Reacted {
        content: String,
    },
    /// A label, the repository or the installation changed; in GitHub's words, `label.created`.
    Other(String),
}

impl std::fmt::Display for SandboxEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, repository, number, actor, what } = self;
        write!(f, "{} {repository}", at.strftime("%H:%M:%S"))?;
        if *number > 0 {
            write!(f, "#{number}")?;
        }
        write!(f, " {actor} ")?;
        match what {
            What::Opened { title, .. } => write!(f, "opened: {title}"),
            What::Commented { body, .. } => write!(f, "commented: {body}"),
            What::CommentEdited { body, .. } => write!(f, "edited a comment: {body}"),
            What::CommentDeleted { .. } => f.write_str("deleted a comment"),
            What::Labelled { label } => write!(f, "added the label {label}"),
            What::Unlabelled { label } => write!(f, "removed the label {label}"),
            What::Closed { reason } => write!(f, "closed it as {reason}"),
            What::Reopened => f.write_str("reopened it"),
            What::Edited => f.write_str("edited it"),
            What::Locked => f.write_str("locked it"),
            What::Unlocked => f.write_str("unlocked it"),
            What::Deleted => f.write_str("deleted it"),
            What::Transferred { to } => write!(f, "transferred it to {to}"),
            What::Reacted { content } => write!(f, "reacted with {content}"),
            What::Other(what) => f.write_str(what),
        }
    }
}

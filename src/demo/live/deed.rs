//! What somebody does at GitHub, on a page or before anybody looked.

use crate::sandbox::{CloseOrder, Happened, Sandbox, SandboxError};

/// What is done.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Open { who: String, title: String, body: String },
    Comment { who: String, number: u64, body: String },
    Close { who: String, number: u64, reason: String, body: String },
    Reopen { who: String, number: u64 },
    Label { who: String, number: u64, label: String },
    Unlabel { who: String, number: u64, label: String },
}

impl Deed {
    /// Does it.
    pub(super) async fn perform(&self, github: &Sandbox, repository: &str) -> Result<Happened, SandboxError> {
        match self {
            Self::Open { who, title, body } => github.open_issue(repository, who, title, body).await,
            Self::Comment { who, number, body } => github.comment(repository, *number, who, body).await,
            Self::Close { who, number, reason, body } if body.is_empty() => github.close(repository, *number, who, reason).await,
            Self::Close { who, number, reason, body } => {
                github.close_with_comment(repository, *number, who, reason, body, CloseOrder::CommentFirst).await
            }
            Self::Reopen { who, number } => github.reopen(repository, *number, who).await,
            Self::Label { who, number, label } => github.add_label(repository, *number, who, label).await,
            Self::Unlabel { who, number, label } => github.remove_label(repository, *number, who, label).await,
        }
    }
}

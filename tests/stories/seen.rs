//! What one sees in the stories: GitHub, the chat, the desk's own books.

use crate::desk::{Desk, Opened, REPO};
use partner_desk::domain::quota::Entry;
use partner_desk::domain::ticket::Ticket;
use partner_desk::domain::{IssueId, PartnerId};
use partner_desk::sandbox::IssueView;

impl Desk {
    /// The issue as GitHub shows it.
    pub fn view(&self, issue: &Opened) -> IssueView {
        self.sandbox.issue(REPO, issue.number).unwrap()
    }

    /// Its labels, in one line.
    pub fn labels(&self, issue: &Opened) -> String {
        self.view(issue).labels.iter().map(|label| format!("[{label}]")).collect::<Vec<_>>().join(" ")
    }

    /// The desk's comments on it, as people read them.
    pub fn comments(&self, issue: &Opened) -> Vec<String> {
        let view = self.view(issue);
        view.comments_by("partner-desk[bot]").into_iter().map(|comment| readable(&comment.body)).collect()
    }

    /// The one status comment, as people read it, without its reasons.
    pub fn status(&self, issue: &Opened) -> String {
        self.comments(issue).first().cloned().unwrap_or_default()
    }

    /// Why, as the status comment tells it to who unfolds it.
    pub fn reasons(&self, issue: &Opened) -> String {
        let view = self.view(issue);
        let body = view.comments_by("partner-desk[bot]").first().map(|comment| comment.body.clone()).unwrap_or_default();
        let folded = body.split_once("</summary>").and_then(|(_, rest)| rest.split_once("</details>"));
        folded.map(|(reasons, _)| reasons.trim().to_owned()).unwrap_or_default()
    }

    /// Chat messages since the last time, a line each.
    pub fn pings(&self) -> Vec<String> {
        let texts = self.chat.take().into_iter().map(|message| message.body["text"].as_str().unwrap_or_default().to_owned());
        texts.map(|text| text.replace(self.sandbox.url(), "https://github.com")).collect()
    }

    /// The desk's own view of the ticket.
    pub async fn ticket(&self, issue: &Opened) -> Option<Ticket> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let ticket = tx.ticket(issue.id).await.unwrap();
        tx.rollback().await.unwrap();
        ticket
    }

    /// A word for where the ticket stands.
    pub async fn standing(&self, issue: &Opened) -> &'static str {
        self.standing_of(issue.id).await
    }

    /// The same, by the issue's id.
    pub async fn standing_of(&self, issue: IssueId) -> &'static str {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let ticket = tx.ticket(issue).await.unwrap();
        tx.rollback().await.unwrap();
        ticket.map_or("unknown", |ticket| ticket.standing_word())
    }

    /// The partner's ledger.
    pub async fn ledger(&self, partner: &str) -> Vec<Entry> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let ledger = tx.ledger(&PartnerId::new(partner).unwrap()).await.unwrap();
        tx.rollback().await.unwrap();
        ledger
    }

    /// The same, a line an entry: `2026-11-18T09:00:00Z charge #1 by alice: …`.
    pub async fn ledger_lines(&self, partner: &str) -> String {
        let mut lines = Vec::new();
        for Entry { at, issue, kind, actor, reason, .. } in self.ledger(partner).await {
            let mut tx = self.app.desk.store.read().await.unwrap();
            let number = tx.ticket(issue).await.unwrap().map_or(0, |ticket| ticket.number);
            tx.rollback().await.unwrap();
            lines.push(format!("{at} {} #{number} by {actor}: {reason}", format!("{kind:?}").to_lowercase()));
        }
        lines.join("\n")
    }

    /// The ticket's log: `Q3 admitted for …`.
    pub async fn log(&self, issue: &Opened) -> Vec<String> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let log = tx.log_of(issue.id).await.unwrap();
        tx.rollback().await.unwrap();
        log.into_iter().map(|(_, rule, text)| format!("{rule} {text}")).collect()
    }
}

/// Without the hidden marker and the folded parts.
fn readable(body: &str) -> String {
    let visible = body.split("<details>").next().unwrap_or_default().split("<sub>").next().unwrap_or_default();
    visible.lines().filter(|line| !line.starts_with("<!--")).collect::<Vec<_>>().join("\n").trim().to_owned()
}

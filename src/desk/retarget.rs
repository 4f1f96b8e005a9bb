//! An operator's `retarget`: running clocks get the promise of the programme as it is now; ended ones are never judged again (`S5`).

use super::Desk;
use super::places::AT_ONCE;
use crate::domain::IssueId;
use crate::domain::book::Book;
use crate::domain::ticket::{Amendment, Amends, Ticket};
use crate::store::{AuditLine, Needs, Result, Tx};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The issue of a clock, and when it was due before and is due after.
type Retargeted = (String, Timestamp, Timestamp);

impl Desk {
    /// Retargets the running clocks of these tickets, or of all. Gives back what changed: the issue, due before and after.
    ///
    /// # Errors
    /// The database fails; then nothing is changed.
    pub async fn retarget(&self, only: Option<&[IssueId]>) -> Result<Vec<Retargeted>> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let issues: BTreeSet<_> = match only {
            Some(issues) => issues.iter().copied().collect(),
            None => tx.running_tickets().await?,
        };
        let issues: Vec<_> = issues.into_iter().collect();
        let (mut changed, mut books) = (Vec::new(), Vec::new());
        for issues in issues.chunks(AT_ONCE) {
            books.push(self.retarget_some(&mut tx, issues, now, &mut changed).await?);
        }
        tx.audit(&AuditLine { at: now, act: "retarget".to_owned(), detail: format!("{} clocks", changed.len()) }).await?;
        tx.commit().await?;
        for book in &books {
            self.tell(book);
        }
        self.wakes.all();
        Ok(changed)
    }

    async fn retarget_some(&self, tx: &mut Tx, issues: &[IssueId], now: Timestamp, changed: &mut Vec<Retargeted>) -> Result<Book> {
        let needs = Needs { issues: issues.iter().copied().collect(), instants: [now].into(), ..Needs::default() };
        let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
        let rules = self.rules();
        let book = &mut loaded.book;
        for id in issues {
            let Some(mut ticket) = book.tickets.get(id).cloned() else { continue };
            let Some(before) = ticket.running() else { continue };
            let Some(promise) = rules.promise(&before.promise.tier, before.start).filter(|promise| *promise != before.promise) else {
                continue;
            };
            let text = format!("retarget: clock {} is answered within {} of {} now", before.number, promise.target, before.start);
            ticket.amendments.push(Amendment { at: now, why: Amends::Retargeted, promise });
            ticket.step_again_from(before.start);
            let after = ticket.running().map_or(before.due, |cycle| cycle.due);
            changed.push((format!("{}#{}", ticket.repo_name, ticket.number), before.due, after));
            book.note(*id, now, "S5", text);
            book.put(ticket);
        }
        let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now);
        tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
        self.renew_roots_of(tx, &loaded.book, now).await?;
        Ok(loaded.book)
    }
}

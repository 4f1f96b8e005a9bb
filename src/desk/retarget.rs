//! An operator's `retarget`: running clocks get the promise of the programme as it is now; ended ones are never judged again (`S5`).

use super::Desk;
use crate::domain::IssueId;
use crate::domain::ticket::{Amendment, Amends, Ticket};
use crate::store::{AuditLine, Needs, Result};
use jiff::Timestamp;

impl Desk {
    /// Retargets the running clocks of these tickets, or of all. Gives back what changed: the issue, due before and after.
    ///
    /// # Errors
    /// The database fails; then nothing is changed.
    pub async fn retarget(&self, only: Option<&[IssueId]>) -> Result<Vec<(String, Timestamp, Timestamp)>> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let issues = match only {
            Some(issues) => issues.iter().copied().collect(),
            None => tx.running_tickets().await?,
        };
        let needs = Needs { issues: issues.clone(), instants: [now].into(), ..Needs::default() };
        let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
        let rules = self.rules();
        let book = &mut loaded.book;
        let mut changed = Vec::new();
        for id in issues {
            let Some(mut ticket) = book.tickets.get(&id).cloned() else { continue };
            let Some(before) = ticket.running() else { continue };
            let Some(promise) = rules.promise(&before.promise.tier, before.start).filter(|promise| *promise != before.promise) else {
                continue;
            };
            let text = format!("retarget: clock {} is answered within {} of {} now", before.number, promise.target, before.start);
            ticket.amendments.push(Amendment { at: now, why: Amends::Retargeted, promise });
            ticket.step_again_from(before.start);
            let after = ticket.running().map_or(before.due, |cycle| cycle.due);
            changed.push((format!("{}#{}", ticket.repo_name, ticket.number), before.due, after));
            book.note(id, now, "S5", text);
            book.put(ticket);
        }
        let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now);
        tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
        self.renew_roots_of(&mut tx, &loaded.book, now).await?;
        tx.audit(&AuditLine { at: now, act: "retarget".to_owned(), detail: format!("{} clocks", changed.len()) }).await?;
        tx.commit().await?;
        self.tell(&loaded.book);
        self.wakes.all();
        Ok(changed)
    }
}

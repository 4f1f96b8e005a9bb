//! Counting a ticket for its partner: the slot that it finds, its place in the queue, and how the queue moves (`Q3` to `Q11`).

use super::book::Book;
use super::decide::{Chosen, Rules, Who};
use super::ids::PartnerId;
use super::partner::Partner;
use super::quota::{Entry, EntryKind, Placement, expected};
use super::response::Stay;
use super::ticket::{Admission, Charge, Choice, Departure, Promise, Standing, Ticket, Waiting};
use super::window::Window;
use crate::programme::{OverQuota, TierId};
use jiff::Timestamp;

impl Rules<'_> {
    /// Lets a ticket count for a partner, unless it does already, and moves that partner's queue.
    pub(super) fn count_for(&self, book: &mut Book, mut ticket: Ticket, chosen: &Chosen, now: Timestamp) {
        let id = ticket.issue;
        let settled_elsewhere = ticket.partner().filter(|partner| **partner != chosen.partner).cloned();
        let fresh = ticket.partner().is_none() || self.refused_no_more(book, &ticket, chosen);
        if let Some(former) = settled_elsewhere.filter(|_| !ticket.cycles().iter().any(|cycle| !cycle.is_running())) {
            Self::refund(book, &mut ticket, now, "W5", &format!("counts for {} instead", chosen.partner));
            book.put(Ticket { standing: Standing::Nobody, ..ticket.clone() });
            self.move_queue(book, &former, now);
            self.place(book, ticket, chosen, chosen.from, now);
        } else if fresh {
            self.place(book, ticket, chosen, chosen.from, now);
        } else if let Some(since) = Self::stood_otherwise(&ticket, chosen) {
            Self::refund(book, &mut ticket, now, "Q10", "answered or closed while it waited, as came to light later");
            self.place(book, ticket, chosen, since, now);
        } else {
            book.put(ticket);
        }
        if let Some(partner) = book.tickets.get(&id).and_then(Ticket::partner).cloned() {
            self.move_queue(book, &partner, now);
        }
    }

    /// A ticket that was refused finds a subscription or a tier with tickets after all: the records of its time were put right (`W2`).
    fn refused_no_more(&self, book: &Book, ticket: &Ticket, chosen: &Chosen) -> bool {
        let refused = matches!(ticket.standing, Standing::NotIncluded { .. } | Standing::NoSubscription { .. });
        let Some(partner) = book.partners.get(&chosen.partner).filter(|_| refused && ticket.is_open()) else { return false };
        let found = self.allowances(book, partner).place(chosen.from, chosen.from);
        matches!(found, Placement::Slot { .. } | Placement::Full { .. })
    }

    /// Whether the facts, as they are known now, tell another story of the queue than the one that the standing was decided on:
    /// it was opened again, or answered before the slot that it was given (`Q10`, `R3`). Says from when it has to be told again.
    fn stood_otherwise(ticket: &Ticket, chosen: &Chosen) -> Option<Timestamp> {
        match &ticket.standing {
            Standing::Left { why, at, .. } => {
                let from = chosen.from.min(*at);
                let last = ticket.stays(&chosen.partner, from).pop();
                last.is_some_and(|stay| stay.left != Some((*at, *why))).then_some(from)
            }
            Standing::Admitted(Admission { at, charge: Some(_), .. }) => {
                let from = chosen.from.min(*at);
                let stood = ticket.stays(&chosen.partner, from).iter().any(|stay| stay.covers(*at));
                (!stood).then_some(from)
            }
            _ => None,
        }
    }

    fn refund(book: &mut Book, ticket: &mut Ticket, now: Timestamp, rule: &'static str, reason: &str) {
        let Standing::Admitted(Admission { partner, charge: Some(charge), at, .. }) = &ticket.standing else { return };
        let entry = Entry {
            key: charge.key.replacen("charge", "refund", 1),
            partner: partner.clone(),
            issue: ticket.issue,
            kind: EntryKind::Refund,
            at: *at,
            recorded_at: now,
            actor: "partner-desk".to_owned(),
            reason: reason.to_owned(),
        };
        book.note(ticket.issue, now, rule, format!("refunded to {partner}: {reason}"));
        book.enter(entry);
    }

    /// Finds a ticket its slot, or its place in the queue (`Q1`, `Q3`, `Q5`, `Q9`).
    fn place(&self, book: &mut Book, mut ticket: Ticket, chosen: &Chosen, from: Timestamp, now: Timestamp) {
        self.move_queue(book, &chosen.partner, now);
        let Some(partner) = book.partners.get(&chosen.partner).cloned() else { return };
        let id = ticket.issue;
        let partner_id = partner.id.clone();
        let (placement, Stay { since: from, left }) = self.find(book, &partner, &ticket, from, now);
        match (placement, left) {
            (Placement::Slot { tier, .. } | Placement::Full { tier, .. }, Some((at, why))) => {
                Self::leave(book, &mut ticket, partner_id, tier, (at, why));
            }
            (Placement::Slot { tier, at, window, used }, None) => {
                let slot = Slot { tier, at, window, used, waited: at > from };
                self.admit(book, &mut ticket, &partner_id, chosen.choice, slot, now);
            }
            (Placement::Full { tier, window, limit, used }, None) => {
                let ahead = u32::try_from(book.queue(&partner_id).len()).unwrap_or(u32::MAX);
                let opens = self.promised(&partner, window, limit, ahead);
                let waiting = Waiting { partner: partner_id.clone(), tier: tier.clone(), window, used, limit, ahead, opens, since: from };
                book.note(id, from, "Q3", format!("{used} of {limit} used in the {} from {}", window.kind, window.start));
                match self.policy.over_quota {
                    OverQuota::Wait => {
                        book.note(id, from, "Q5", "waits for a slot");
                        ticket.standing = Standing::Waiting(waiting);
                    }
                    OverQuota::Close => {
                        book.note(id, from, "Q5", "over the allowance: closed, nothing queues");
                        ticket.standing = Standing::TurnedAway(waiting);
                    }
                    OverQuota::AdmitWithoutSla => {
                        book.note(id, from, "Q5", "over the allowance: admitted without a promise");
                        ticket.standing = Standing::Admitted(Admission {
                            partner: partner_id,
                            tier,
                            at: from,
                            waited: false,
                            charge: None,
                            promise: None,
                            chosen: chosen.choice,
                        });
                    }
                }
            }
            (Placement::NotIncluded(tier), _) => {
                book.note(id, from, "Q3", format!("tier {tier} has no tickets"));
                ticket.standing = Standing::NotIncluded { partner: partner_id, tier };
            }
            (Placement::NoSubscription(why), _) => {
                book.note(id, from, "Q9", format!("{partner_id} had no subscription: {}", gap_words(why)));
                ticket.standing = Standing::NoSubscription { partner: partner_id, why };
            }
        }
        book.put(ticket);
    }

    /// Admits, charges and promises (`Q4`, `S1`, `S5`).
    fn admit(&self, book: &mut Book, ticket: &mut Ticket, partner: &PartnerId, chosen: Choice, slot: Slot, now: Timestamp) {
        ticket.charges += 1;
        let key = format!("charge:{}:{}", ticket.issue, ticket.charges);
        let (window, limit) = slot.window.unzip();
        let used = slot.used + 1;
        let reason = match (window, limit) {
            (Some(window), Some(limit)) => format!("ticket {used} of {limit} in the {} from {}", window.kind, window.start),
            _ => "unlimited tickets".to_owned(),
        };
        let promise =
            self.programme.tier(&slot.tier).map(|tier| Promise { target: tier.response, ladder: self.policy.ladder_for(&tier.id) });
        if slot.waited {
            book.note(ticket.issue, slot.at, "Q5", format!("a slot came free: {reason}; the clock starts"));
        } else {
            book.note(ticket.issue, slot.at, "Q3", format!("admitted for {partner} ({}): {reason}", slot.tier));
        }
        if let Some(promise) = &promise {
            book.note(ticket.issue, slot.at, "S1", format!("answer within {} of {}", promise.target, slot.at));
        }
        ticket.stepped = None;
        ticket.standing = Standing::Admitted(Admission {
            partner: partner.clone(),
            tier: slot.tier,
            at: slot.at,
            waited: slot.waited,
            charge: Some(Charge { key: key.clone(), window, used, limit }),
            promise,
            chosen,
        });
        book.enter(Entry {
            key,
            partner: partner.clone(),
            issue: ticket.issue,
            kind: EntryKind::Charge,
            at: slot.at,
            recorded_at: now,
            actor: ticket.author.as_ref().map_or_else(|| "ghost".to_owned(), |author| author.login.clone()),
            reason,
        });
    }

    /// What a ticket that stood in line from `from` on finds, and in which stay: the first slot that came free while it stood there,
    /// or how its last stay ended (`Q5`, `Q10`).
    fn find(&self, book: &Book, partner: &Partner, ticket: &Ticket, from: Timestamp, now: Timestamp) -> (Placement, Stay) {
        // What it was charged and given back before must not stand in its own way.
        let others: Vec<_>;
        let mut allowances = self.allowances(book, partner);
        if ticket.charges > 0 {
            others = allowances.entries.iter().filter(|entry| entry.issue != ticket.issue).cloned().collect();
            allowances.entries = &others;
        }
        let first = Stay { since: from, left: None };
        if self.policy.over_quota != OverQuota::Wait {
            return (allowances.place(from, from), first);
        }
        let mut found = None;
        for stay in ticket.stays(&partner.id, from) {
            match allowances.place(stay.since, now) {
                Placement::Slot { tier, at, window, used } if stay.covers(at) => {
                    return (Placement::Slot { tier, at, window, used }, Stay { left: None, ..stay });
                }
                placement => found = Some((placement, stay)),
            }
        }
        found.unwrap_or_else(|| (allowances.place(from, now), first))
    }

    /// When the slot of a ticket in line opens, if the partner has tickets then; else none is promised (`Q5`, `Q9`).
    fn promised(&self, partner: &Partner, full: Window, limit: u32, ahead: u32) -> Option<Timestamp> {
        let included =
            |at: &Timestamp| partner.tier_at(*at).and_then(|tier| self.programme.tier(&tier)).is_some_and(|tier| tier.tickets.is_some());
        expected(&self.policy.time_zone, full, limit, ahead).filter(included)
    }

    /// Leaves the queue uncharged (`Q10`).
    fn leave(book: &mut Book, ticket: &mut Ticket, partner: PartnerId, tier: TierId, (at, why): (Timestamp, Departure)) {
        let word = match why {
            Departure::Answered => "answered by an agent",
            Departure::Closed => "closed",
            Departure::Gone => "deleted or moved",
        };
        book.note(ticket.issue, at, "Q10", format!("{word} while it waited: leaves the queue uncharged"));
        ticket.standing = Standing::Left { partner, tier, why, at };
    }

    /// Admits waiting tickets to slots that came free, the oldest first, and tells the others where they stand (`Q5`, `Q8`).
    fn move_queue(&self, book: &mut Book, partner: &PartnerId, now: Timestamp) {
        let Some(partner) = book.partners.get(partner).cloned() else { return };
        let mut ahead = 0;
        for id in book.queue(&partner.id) {
            let Some(mut ticket) = book.tickets.get(&id).cloned() else { continue };
            let Standing::Waiting(waiting) = ticket.standing.clone() else { continue };
            let chosen = match Self::who(book, &ticket, true) {
                Who::Partner(chosen) if chosen.partner == partner.id => chosen,
                _ => Chosen { partner: partner.id.clone(), choice: Choice::Only, from: waiting.since },
            };
            let (placement, stay) = self.find(book, &partner, &ticket, chosen.from.min(waiting.since), now);
            match (placement, stay.left) {
                (_, Some(left)) => Self::leave(book, &mut ticket, partner.id.clone(), waiting.tier, left),
                (Placement::Slot { tier, at, window, used }, None) => {
                    self.admit(book, &mut ticket, &partner.id, chosen.choice, Slot { tier, at, window, used, waited: true }, now);
                }
                (Placement::Full { tier, window, limit, used }, None) => {
                    let opens = self.promised(&partner, window, limit, ahead);
                    ticket.standing = Standing::Waiting(Waiting { tier, window, used, limit, ahead, opens, since: stay.since, ..waiting });
                    ahead += 1;
                }
                (Placement::NotIncluded(_) | Placement::NoSubscription(_), None) => {
                    ticket.standing = Standing::Waiting(Waiting { ahead, opens: None, ..waiting });
                    ahead += 1;
                }
            }
            book.put(ticket);
        }
    }
}

/// A free slot, as it was found.
struct Slot {
    tier: TierId,
    at: Timestamp,
    window: Option<(Window, u32)>,
    used: u32,
    waited: bool,
}

fn gap_words(why: super::ticket::Gap) -> String {
    use super::ticket::Gap;
    match why {
        Gap::NotBegun(from) => format!("it begins {from}"),
        Gap::Ended(until) => format!("it ended {until}"),
        Gap::Never => "none was ever recorded".to_owned(),
    }
}

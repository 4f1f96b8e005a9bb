//! Counting a ticket for its partner: the slot that it finds, its place in the queue, and how the queue moves (`Q3` to `Q11`).

use super::book::Book;
use super::command::Command;
use super::decide::{Chosen, Rules, Who};
use super::ids::IssueId;
use super::ids::PartnerId;
use super::partner::Partner;
use super::quota::{Entry, EntryKind, Placement, expected};
use super::response::{Begun, Stay, Trigger};
use super::ticket::{Admission, Amendment, Amends, Charge, Choice, Dated, Departure, GivenBack, Promise, Standing, Ticket, Waiting};
use super::window::{Window, start_of};
use crate::programme::{Allowance, OverQuota, ResponseMode, TierId, WindowKind};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

impl Rules<'_> {
    /// Lets a ticket count for a partner, unless it does already, and moves that partner's queue.
    pub(super) fn count_for(&self, book: &mut Book, mut ticket: Ticket, chosen: &Chosen, now: Timestamp) {
        book.begins();
        let id = ticket.issue;
        let settled_elsewhere = ticket.partner().filter(|partner| **partner != chosen.partner).cloned();
        // Reopened after a refund, it is judged from the reopening on.
        let from = ticket.past.last().and_then(|life| life.until).unwrap_or(chosen.from);
        let fresh = ticket.partner().is_none() || self.refused_no_more(book, &ticket, chosen, from);
        if let Some(former) = settled_elsewhere {
            let reason = format!("counts for {} instead", chosen.partner);
            Self::take_back(book, &mut ticket, 0, now, "W5", &reason);
            (ticket.promises, ticket.amendments, ticket.rises_seen) = (Vec::new(), Vec::new(), None);
            book.put(Ticket { standing: Standing::Nobody, ..ticket.clone() });
            self.move_queue(book, &former, now);
            self.place(book, ticket, chosen, chosen.from, now);
        } else if fresh {
            self.place(book, ticket, chosen, from, now);
        } else {
            if ticket.partner() != Some(&chosen.partner) {
                // The choice came too late to move it, so it did not choose.
                ticket.claimed = book.tickets.get(&id).and_then(|ticket| ticket.claimed.clone());
            }
            book.put(ticket);
        }
        let partner = book.tickets.get(&id).and_then(Ticket::partner).cloned();
        if let Some(partner) = partner {
            self.move_queue(book, &partner, now);
            self.settle(book, id, chosen, now);
        }
    }

    /// A ticket that was refused finds a subscription or a tier with tickets after all: the records of its time were put right (`W2`).
    fn refused_no_more(&self, book: &Book, ticket: &Ticket, chosen: &Chosen, from: Timestamp) -> bool {
        let refused = matches!(ticket.standing, Standing::NotIncluded { .. } | Standing::NoSubscription { .. });
        let Some(partner) = book.partners.get(&chosen.partner).filter(|_| refused && ticket.is_open()) else { return false };
        let found = self.allowances(book, partner).place(from, from);
        matches!(found, Placement::Slot { .. } | Placement::Full { .. })
    }

    /// Brings charges, refunds and promises to what the facts tell, as they are known now (`Q6`, `Q7`, `Q10`, `S9`, `R3`).
    fn settle(&self, book: &mut Book, id: IssueId, chosen: &Chosen, now: Timestamp) {
        // What was granted may admit it, even if it left the queue since.
        if let Some(mut ticket) = book.tickets.get(&id).cloned() {
            self.grant(book, &mut ticket, now);
            book.put(ticket);
        }
        let move_queue = |book: &mut Book| {
            if let Some(partner) = book.tickets.get(&id).and_then(Ticket::partner).cloned() {
                self.move_queue(book, &partner, now);
            }
        };
        move_queue(book);
        for _ in 0..MOST_ROUNDS {
            let Some(ticket) = book.tickets.get(&id).cloned() else { return };
            if !self.settle_once(book, ticket, chosen, now) {
                break;
            }
            move_queue(book);
        }
        if let Some(mut ticket) = book.tickets.get(&id).cloned() {
            self.keep_promises(book, &mut ticket, now);
            book.put(ticket);
        }
        move_queue(book);
    }

    /// Puts right the first thing in which a ticket's standing and its facts differ; says whether there was one.
    fn settle_once(&self, book: &mut Book, mut ticket: Ticket, chosen: &Chosen, now: Timestamp) -> bool {
        let walk = ticket.walk();
        let lives: Vec<Admission> = ticket.lives().into_iter().cloned().collect();
        for (k, life) in lives.iter().enumerate() {
            if life.partner != chosen.partner {
                return false;
            }
            // All of its stays in line for this admission, not only the one that led to it: an earlier answer may come to light.
            let before = k.checked_sub(1).and_then(|before| lives.get(before)).map_or(Some(chosen.from), |life| life.until);
            let from = before.filter(|_| self.policy.over_quota == OverQuota::Wait).unwrap_or(life.from);
            let stays = ticket.stays(&life.partner, from);
            let came_back = |at| ticket.stays(&life.partner, chosen.from).iter().any(|stay| stay.since == at);
            let reopened = |at| came_back(at) || ticket.reopenings(&life.partner).contains(&at);
            if k == 0 && life.from > chosen.from && !reopened(life.from) {
                let why = "named for the partner earlier, as came to light later";
                self.tell_again(book, ticket, chosen, k, chosen.from, now, why);
                return true;
            }
            if life.charge.is_some() && !stays.iter().any(|stay| stay.covers(life.at)) {
                let why = "answered or closed while it waited, as came to light later";
                self.tell_again(book, ticket, chosen, k, from, now, why);
                return true;
            }
            if self.admitted_earlier(book, &ticket, life, k, from, now) {
                let why = "a grant or a waiver from before its slot came to light later";
                self.tell_again(book, ticket, chosen, k, from, now, why);
                return true;
            }
            let trigger = walk.triggers.get(k).and_then(Option::as_ref);
            let back = life.charge.as_ref().and_then(|charge| charge.back.as_ref());
            match (trigger, back) {
                (Some(trigger), None | Some(GivenBack { kind: None, .. })) => {
                    Self::give_back(book, &mut ticket, k, trigger, now);
                    book.put(ticket);
                    return true;
                }
                (Some(trigger), Some(back)) if trigger.at != back.at || back.kind != Some(trigger.kind) => {
                    // Another cause came to light: the unit is given back already, and counts as given back for that one.
                    let (kind, reason, denied) = (Some(trigger.kind), trigger.reason.clone(), back.denied);
                    if let Some(charge) = charge_of(&mut ticket, k) {
                        charge.back = Some(GivenBack { at: trigger.at, kind, reason, denied });
                    }
                    book.put(ticket);
                    return true;
                }
                (None, Some(GivenBack { kind: Some(_), .. })) => {
                    let why = "what gave it back did not count, as came to light later";
                    self.tell_again(book, ticket, chosen, k, from, now, why);
                    return true;
                }
                _ => {}
            }
            let end = walk.ends.get(k).copied().flatten();
            if end != life.until {
                Self::take_back(book, &mut ticket, k + 1, now, "R3", "its story is another, as came to light later");
                let mut life = life.clone();
                life.until = end;
                ticket.past.truncate(k);
                if let Some(end) = end {
                    ticket.past.push(life);
                    book.note(ticket.issue, end, "S9", "reopened: charged again, from now");
                    self.place(book, ticket, chosen, end, now);
                } else {
                    ticket.standing = Standing::Admitted(life);
                    book.put(ticket);
                }
                return true;
            }
        }
        let from = ticket.past.last().and_then(|life| life.until);
        match &ticket.standing {
            Standing::Left { why, at, partner, .. } if *partner == chosen.partner => {
                let from = from.unwrap_or(chosen.from.min(*at));
                let last = ticket.stays(&chosen.partner, from).pop();
                // A grant from before it left may have come to light.
                let found = book.partners.get(partner).map(|partner| self.find(book, partner, &ticket, from, now));
                let granted = found.is_some_and(|(placement, _)| matches!(placement, Placement::Slot { grant: Some(_), .. }));
                let differs =
                    last.is_some_and(|stay| stay.left != Some((*at, *why))) || granted && self.policy.over_quota == OverQuota::Wait;
                if differs {
                    self.place(book, ticket, chosen, from, now);
                }
                differs
            }
            Standing::TurnedAway(waiting) if waiting.partner == chosen.partner => self.let_in(book, ticket, chosen, now),
            _ => false,
        }
    }

    /// Whether the `k`-th admission would have come earlier, by a grant or a waiver that was heard of after it (`Q7`, `R3`).
    fn admitted_earlier(&self, book: &Book, ticket: &Ticket, life: &Admission, k: usize, from: Timestamp, now: Timestamp) -> bool {
        let Some((partner, charge)) = book.partners.get(&life.partner).zip(life.charge.as_ref()).filter(|_| life.waited) else {
            return false;
        };
        let mut before = ticket.clone();
        before.past.truncate(k);
        let recorded = |key: &str| book.entries(&partner.id).iter().find(|entry| entry.key == key).map(|entry| entry.recorded_at);
        match self.find(book, partner, &before, from, now).0 {
            Placement::Slot { at, grant: Some(grant), .. } if at < life.at => grant == WAIVED || recorded(&grant) >= recorded(&charge.key),
            _ => false,
        }
    }

    /// A ticket that was turned away and is opened again gets a slot that is free then (`Q5`).
    fn let_in(&self, book: &mut Book, ticket: Ticket, chosen: &Chosen, now: Timestamp) -> bool {
        let Some(partner) = book.partners.get(&chosen.partner).cloned() else { return false };
        let since = match &ticket.standing {
            Standing::TurnedAway(waiting) => waiting.since,
            _ => return false,
        };
        let asked = ticket.reopenings(&partner.id).into_iter().find(|at| {
            let placed = self.allowances(book, &partner).place(*at, *at);
            *at > since && matches!(placed, Placement::Slot { .. })
        });
        if let Some(at) = asked {
            self.place(book, ticket, chosen, at, now);
        }
        asked.is_some()
    }

    /// Takes back what stands from the `k`-th admission on, and finds the ticket its slot anew (`R3`).
    #[expect(clippy::too_many_arguments, reason = "one caller's story")]
    fn tell_again(&self, book: &mut Book, mut ticket: Ticket, chosen: &Chosen, k: usize, from: Timestamp, now: Timestamp, why: &str) {
        Self::take_back(book, &mut ticket, k, now, "Q10", why);
        ticket.past.truncate(k);
        self.place(book, ticket, chosen, from, now);
    }

    /// Refunds every unit that stands from the `k`-th admission on.
    fn take_back(book: &mut Book, ticket: &mut Ticket, k: usize, now: Timestamp, rule: &'static str, reason: &str) {
        for life in ticket.lives().into_iter().skip(k).cloned().collect::<Vec<_>>() {
            let Some(charge) = life.charge.as_ref().filter(|charge| charge.back.as_ref().is_none_or(|back| back.kind.is_none())) else {
                continue;
            };
            let by = "partner-desk".to_owned();
            book.note(ticket.issue, now, rule, format!("refunded to {}: {reason}", life.partner));
            book.enter(returned(ticket, &life, charge, EntryKind::Refund, by, reason, now));
        }
        ticket.past.truncate(k);
    }

    /// Gives a unit back, if it may be (`Q6`, `Q7`).
    fn give_back(book: &mut Book, ticket: &mut Ticket, k: usize, trigger: &Trigger, now: Timestamp) {
        let Some(life) = ticket.lives().get(k).map(|life| (*life).clone()) else { return };
        let Some(charge) = life.charge.clone() else { return };
        let spent = |window: Window| {
            let same = |entry: &&Entry| entry.kind == EntryKind::Withdrawal && window.contains(entry.at);
            book.entries(&life.partner).iter().filter(same).any(|entry| stands(book, entry))
        };
        let denied = trigger.kind == EntryKind::Withdrawal && charge.window.is_some_and(spent);
        let rule = if trigger.kind == EntryKind::Waiver { "Q7" } else { "Q6" };
        let by = trigger.by.as_ref().map_or_else(|| "ghost".to_owned(), |person| person.login.clone());
        if denied {
            let why = "closed by the partner within 15 minutes, but one such ticket was given back in this window already";
            book.note(ticket.issue, trigger.at, rule, why);
        } else {
            book.note(ticket.issue, trigger.at, rule, format!("{} to {} by {by}: {}", trigger.kind.as_str(), life.partner, trigger.reason));
            book.enter(returned(ticket, &life, &charge, trigger.kind, by, &trigger.reason, now));
        }
        if let Some(charge) = charge_of(ticket, k) {
            let kind = (!denied).then_some(trigger.kind);
            let denied = denied || charge.back.as_ref().is_some_and(|back| back.denied);
            charge.back = Some(GivenBack { at: trigger.at, kind, reason: trigger.reason.clone(), denied });
        }
    }

    /// Enters the grants that agents gave in this ticket's comments, each once (`Q7`).
    fn grant(&self, book: &mut Book, ticket: &mut Ticket, now: Timestamp) {
        let Some(partner) = ticket.partner().and_then(|id| book.partners.get(id)).cloned() else { return };
        for (comment, at, by, command) in ticket.grants_asked() {
            let Command::Grant { count, until, reason } = command else { continue };
            let until = match until {
                Some(day) => start_of(&self.policy.time_zone, day.tomorrow().unwrap_or(day)),
                None => self.grant_ends(&partner, at),
            };
            book.note(ticket.issue, at, "Q7", format!("{count} more tickets for {} until {until}, by {by}: {reason}", partner.id));
            book.enter(Entry {
                key: format!("grant:{}:{comment}", ticket.issue),
                partner: partner.id.clone(),
                issue: ticket.issue,
                kind: EntryKind::Grant,
                at,
                recorded_at: now,
                units: count,
                until: Some(until),
                grant: None,
                actor: by,
                reason,
            });
            ticket.carried_out.push(comment);
        }
    }

    /// When a grant ends that names no day: with the partner's window at `at`.
    pub(crate) fn grant_ends(&self, partner: &Partner, at: Timestamp) -> Timestamp {
        let kind = partner.tier_at(at).and_then(|tier| self.programme.tier(&tier)).and_then(|tier| match tier.tickets {
            Some(Allowance::PerWindow { window, .. }) => Some(window),
            _ => None,
        });
        Window::at(&self.policy.time_zone, kind.unwrap_or(WindowKind::Month), at).end
    }

    /// Notes the promise of each cycle that began after its admission, and follows a rise of the tier (`S5`, `S9`, `S11`).
    fn keep_promises(&self, book: &mut Book, ticket: &mut Ticket, now: Timestamp) {
        let Some(partner) = ticket.partner().and_then(|id| book.partners.get(id)).cloned() else { return };
        for cycle in ticket.cycles() {
            let known = ticket.promises.iter().any(|dated| dated.start == cycle.start);
            if cycle.begun != Begun::Admission && !known {
                let tier = partner.tier_at(cycle.start).and_then(|tier| self.promise(&tier, cycle.start));
                let promise = tier.unwrap_or_else(|| cycle.promise.clone());
                book.note(ticket.issue, cycle.start, "S9", format!("clock {} starts: answer within {}", cycle.number, promise.target));
                ticket.promises.push(Dated { start: cycle.start, promise });
            }
        }
        self.follow_rises(book, ticket, &partner, now);
    }

    /// Notes each rise of the tier since the ticket's opening, once: at its own instant, whenever that is seen, but for a rise that was
    /// entered for a time past which the desk had looked already (`S11`, `R3`). Which of them move a clock the walk tells: one that ran
    /// then may come to light later.
    fn follow_rises(&self, book: &mut Book, ticket: &mut Ticket, partner: &Partner, now: Timestamp) {
        if ticket.cycles().is_empty() {
            return;
        }
        let rank = |tier: &TierId| self.programme.tier(tier).map(|tier| tier.rank);
        let mut noted = Vec::new();
        for change in partner.changes_after(ticket.created_at).take_while(|change| *change <= now) {
            let before = change.checked_sub(SignedDuration::from_nanos(1)).ok().and_then(|before| partner.tier_at(before));
            let Some(tier) = partner.tier_at(change).filter(|tier| rank(tier) > before.as_ref().and_then(rank)) else { continue };
            let known = ticket
                .amendments
                .iter()
                .any(|amendment| amendment.why == Amends::Raised && amendment.promise.tier == tier && amendment.at >= change);
            let Some(promise) = self.promise(&tier, change).filter(|_| !known) else { continue };
            let at = if ticket.rises_seen.is_some_and(|seen| seen >= change) { now } else { change };
            let amendment = Amendment { at, why: Amends::Raised, promise };
            noted.push(amendment.clone());
            ticket.amendments.push(amendment);
        }
        ticket.rises_seen = Some(now);
        if noted.is_empty() {
            return;
        }
        ticket.amendments.sort_by_key(|amendment| amendment.at);
        for Amendment { at, promise, .. } in ticket.cycles().iter().flat_map(|cycle| &cycle.amended).filter(|done| noted.contains(done)) {
            let text = format!("the tier rose to {}: answer by the earlier of the old due and {} from then", promise.tier, promise.target);
            book.note(ticket.issue, *at, "S11", text);
        }
    }

    /// What a tier promises for a clock that starts at `at`, by the programme as it is now. Holidays that are over then are not kept.
    pub(crate) fn promise(&self, tier: &TierId, at: Timestamp) -> Option<Promise> {
        let tier = self.programme.tier(tier)?;
        Some(Promise {
            tier: tier.id.clone(),
            target: tier.response,
            calendar: tier.calendar.as_ref().map(|calendar| calendar.from_then_on(at)),
            every: self.policy.response == ResponseMode::Every,
            ladder: Arc::new(self.policy.ladder_for(&tier.id)),
        })
    }

    /// A ticket that turned out to be another one, moved: its unit goes back, and nothing more becomes of it (`S12`).
    pub(super) fn merged(book: &mut Book, mut ticket: Ticket, now: Timestamp) {
        Self::take_back(book, &mut ticket, 0, now, "S12", "the issue is another ticket, transferred");
        ticket.standing = Standing::Older;
        ticket.facts = Vec::new();
        book.put(ticket);
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
                self.leave(book, &mut ticket, &partner, tier, (at, why));
            }
            (Placement::Slot { tier, at, window, used, grant }, None) => {
                let slot = Slot { tier, from, at, window, used, grant, waited: at > from };
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
                            from,
                            until: None,
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
        let waived = slot.waived();
        let reason = match (window, limit, &slot.grant) {
            _ if waived => "waived: nothing is charged".to_owned(),
            (Some(window), Some(limit), None) => format!("ticket {used} of {limit} in the {} from {}", window.kind, window.start),
            (_, _, Some(_)) => "an extra ticket that was granted".to_owned(),
            _ => "unlimited tickets".to_owned(),
        };
        let promise = self.promise(&slot.tier, slot.at);
        if slot.waited {
            book.note(ticket.issue, slot.at, "Q5", format!("a slot came free: {reason}; the clock starts"));
        } else {
            book.note(ticket.issue, slot.at, "Q3", format!("admitted for {partner} ({}): {reason}", slot.tier));
        }
        if let Some(promise) = &promise {
            book.note(ticket.issue, slot.at, "S1", format!("answer within {} of {}", promise.target, slot.at));
        }
        (ticket.stepped, ticket.dealt) = (None, None);
        let waiver = ticket.waiver(partner, slot.from).filter(|_| waived);
        let reason = waiver.as_ref().map_or(reason, |waiver| waiver.reason.clone());
        let actor = match &waiver {
            Some(waiver) => waiver.by.as_ref(),
            None => ticket.author.as_ref(),
        };
        let actor = actor.map_or_else(|| "ghost".to_owned(), |person| person.login.clone());
        let back = waived.then(|| GivenBack { at: slot.at, kind: Some(EntryKind::Waiver), reason: reason.clone(), denied: false });
        book.enter(Entry {
            key: key.clone(),
            partner: partner.clone(),
            issue: ticket.issue,
            kind: if waived { EntryKind::Waiver } else { EntryKind::Charge },
            at: slot.at,
            recorded_at: now,
            units: u32::from(!waived),
            until: None,
            grant: slot.grant.clone(),
            actor,
            reason,
        });
        ticket.standing = Standing::Admitted(Admission {
            partner: partner.clone(),
            tier: slot.tier,
            at: slot.at,
            waited: slot.waited,
            from: slot.from,
            until: None,
            charge: Some(Charge { key, window, used, limit, grant: slot.grant, back }),
            promise,
            chosen,
        });
    }

    /// What a ticket that stood in line from `from` on finds, and in which stay: the first slot that came free while it stood there,
    /// or how its last stay ended (`Q5`, `Q10`).
    fn find(&self, book: &Book, partner: &Partner, ticket: &Ticket, from: Timestamp, now: Timestamp) -> (Placement, Stay) {
        // What it was charged and given back before must not stand in its own way; what stands of former times does.
        let others: Vec<_>;
        let mut allowances = self.allowances(book, partner);
        if ticket.charges > 0 {
            let stands = |entry: &&Entry| {
                let own = entry.issue == ticket.issue && entry.kind != EntryKind::Grant;
                let kept = |life: &Admission| {
                    let charge = life.charge.as_ref().filter(|charge| charge.back.as_ref().is_none_or(|back| back.kind.is_none()));
                    charge.is_some_and(|charge| charge.key == entry.key)
                };
                !own || ticket.past.iter().any(kept)
            };
            others = allowances.entries.iter().filter(stands).cloned().collect();
            allowances.entries = &others;
        }
        let first = Stay { since: from, left: None };
        // Who is in line, or was, was told so, and keeps its turn whatever becomes of those who come later.
        let in_line = match &ticket.standing {
            Standing::Admitted(admission) => admission.waited,
            standing => matches!(standing, Standing::Waiting(_) | Standing::Left { .. }),
        };
        if self.policy.over_quota != OverQuota::Wait && !in_line {
            return (allowances.place(from, from), first);
        }
        let waived = ticket.waiver(&partner.id, from).map(|waiver| waiver.at);
        let mut found = None;
        for stay in ticket.stays(&partner.id, from) {
            let until = waived.filter(|at| stay.covers(*at)).map_or(now, |at| at.min(now));
            match allowances.place(stay.since, until) {
                Placement::Slot { tier, at, window, used, grant } if stay.covers(at) => {
                    return (Placement::Slot { tier, at, window, used, grant }, Stay { left: None, ..stay });
                }
                Placement::Full { tier, .. } if waived.is_some_and(|at| stay.covers(at) && at <= now) => {
                    // Nothing is charged for it, so it waits for no slot (Q7).
                    let slot = Placement::Slot { tier, at: until, window: None, used: 0, grant: Some(WAIVED.to_owned()) };
                    return (slot, Stay { left: None, ..stay });
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
    fn leave(&self, book: &mut Book, ticket: &mut Ticket, partner: &Partner, tier: TierId, (at, why): (Timestamp, Departure)) {
        // Under the last tier up to that moment that it could wait for, whenever it is heard of (R3).
        let has_tickets = |tier: &TierId| self.programme.tier(tier).is_some_and(|tier| tier.tickets.is_some());
        let mut until_then = partner.tiers.iter().rev().filter(|period| period.from.is_none_or(|from| from <= at));
        let tier = until_then.find(|period| has_tickets(&period.tier)).map_or(tier, |period| period.tier.clone());
        let partner = partner.id.clone();
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
        // A long line would be looked through half a dozen times an event.
        if book.is_at_rest(partner, now) {
            return;
        }
        let Some(partner) = book.partners.get(partner).cloned() else { return };
        let mut ahead = 0;
        // Whatever changes on the way takes that back.
        book.rests(&partner.id, now);
        for id in book.queue(&partner.id) {
            let (known, place) = (book.is_staying(id, ahead), ahead);
            // Where every step is checked, this one is.
            if known && !cfg!(debug_assertions) {
                ahead += 1;
                continue;
            }
            let Some(mut ticket) = book.tickets.get(&id).cloned() else { continue };
            let Standing::Waiting(waiting) = ticket.standing.clone() else { continue };
            let chosen = match Self::who(book, &ticket, true) {
                Who::Partner(chosen) if chosen.partner == partner.id => chosen,
                _ => Chosen { partner: partner.id.clone(), choice: Choice::Only, from: waiting.since, claim: None },
            };
            let from = ticket.past.last().and_then(|life| life.until).unwrap_or(chosen.from.min(waiting.since));
            let (placement, stay) = self.find(book, &partner, &ticket, from, now);
            match (placement, stay.left) {
                (_, Some(left)) => self.leave(book, &mut ticket, &partner, waiting.tier, left),
                (Placement::Slot { tier, at, window, used, grant }, None) => {
                    let slot = Slot { tier, from: stay.since, at, window, used, grant, waited: true };
                    self.admit(book, &mut ticket, &partner.id, chosen.choice, slot, now);
                }
                (Placement::Full { tier, window, limit, used }, None) => {
                    let opens = self.promised(&partner, window, limit, ahead);
                    ticket.standing = Standing::Waiting(Waiting { tier, window, used, limit, ahead, opens, since: stay.since, ..waiting });
                    ahead += 1;
                }
                // It came back into line when there was nothing to wait for (Q3, Q9).
                (Placement::NotIncluded(tier), None) if stay.since != waiting.since => {
                    ticket.standing = Standing::NotIncluded { partner: partner.id.clone(), tier };
                }
                (Placement::NoSubscription(why), None) if stay.since != waiting.since => {
                    ticket.standing = Standing::NoSubscription { partner: partner.id.clone(), why };
                }
                (Placement::NotIncluded(_) | Placement::NoSubscription(_), None) => {
                    ticket.standing = Standing::Waiting(Waiting { ahead, opens: None, ..waiting });
                    ahead += 1;
                }
            }
            if book.tickets.get(&id) == Some(&ticket) {
                book.stays(id, place);
            } else {
                debug_assert!(!known, "{id} was to stay where it was, with {place} ahead: {ticket:?}");
                book.put(ticket);
            }
        }
    }
}

/// A free slot, as it was found.
struct Slot {
    tier: TierId,
    /// Since when the ticket stood in line for it.
    from: Timestamp,
    at: Timestamp,
    window: Option<(Window, u32)>,
    used: u32,
    grant: Option<String>,
    waited: bool,
}

/// In the place of a grant: nothing is charged at all.
const WAIVED: &str = "waived";

/// Corrections of one ticket after one event; more would be a circle.
const MOST_ROUNDS: usize = 16;

impl Slot {
    fn waived(&self) -> bool {
        self.grant.as_deref() == Some(WAIVED)
    }
}

/// Whether what a line gives back still counts: its ticket may have been told anew since.
fn stands(book: &Book, entry: &Entry) -> bool {
    let of = |life: &Admission| {
        let charge = life.charge.as_ref().filter(|charge| charge.back.as_ref().is_some_and(|back| back.kind == Some(entry.kind)));
        charge.is_some_and(|charge| charge.key.replacen("charge", entry.kind.as_str(), 1) == entry.key)
    };
    book.tickets.get(&entry.issue).is_none_or(|ticket| ticket.lives().into_iter().any(of))
}

fn charge_of(ticket: &mut Ticket, life: usize) -> Option<&mut Charge> {
    if life < ticket.past.len() {
        return ticket.past.get_mut(life)?.charge.as_mut();
    }
    match &mut ticket.standing {
        Standing::Admitted(admission) => admission.charge.as_mut(),
        _ => None,
    }
}

/// The line that gives a charge back.
fn returned(ticket: &Ticket, life: &Admission, charge: &Charge, kind: EntryKind, actor: String, reason: &str, now: Timestamp) -> Entry {
    Entry {
        key: charge.key.replacen("charge", kind.as_str(), 1),
        partner: life.partner.clone(),
        issue: ticket.issue,
        kind,
        at: life.at,
        recorded_at: now,
        units: 1,
        until: None,
        grant: charge.grant.clone(),
        actor,
        reason: reason.to_owned(),
    }
}

fn gap_words(why: super::ticket::Gap) -> String {
    use super::ticket::Gap;
    match why {
        Gap::NotBegun(from) => format!("it begins {from}"),
        Gap::Ended(until) => format!("it ended {until}"),
        Gap::Never => "none was ever recorded".to_owned(),
    }
}

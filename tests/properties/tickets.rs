//! What becomes of a ticket does not depend on the order in which its events arrive, nor on how often each does (`R3`, `Q4`,
//! `S3`, `S8`, `S9`).

use crate::book::{AGENT, COLLEAGUE, MEMBER, PASSERBY, ROBOT, acme, book, comment, event, minutes, monday, policy, programme, wake};
use jiff::Timestamp;
use partner_desk::domain::book::{Agents, Book};
use partner_desk::domain::decide::Rules;
use partner_desk::domain::event::{CloseReason, Event, What};
use partner_desk::domain::projection::{Label, Post, Projection};
use partner_desk::domain::quota::{Entry, EntryKind};
use partner_desk::domain::response::Cycle;
use partner_desk::domain::ticket::{Departure, Standing};
use partner_desk::domain::{IssueId, PartnerId, RepoId, UserId};
use partner_desk::programme::{OverQuota, Policy, Programme};
use proptest::prelude::*;

const ISSUE: i64 = 42;
const ANOTHER: i64 = 41;

/// One thing that somebody does, some seconds after the one before.
#[derive(Debug, Clone)]
struct Act {
    after: i64,
    by: i64,
    /// Closes the issue, or opens it again if it is closed; else comments.
    turns: bool,
}

#[derive(Debug, Clone)]
struct Story {
    acts: Vec<Act>,
    /// The allowance of the week is used up by another ticket.
    full: bool,
    /// Ways to arrive: places in the story, each at least once.
    arrival: Vec<usize>,
}

impl Story {
    fn book(&self, rules: &Rules<'_>) -> Book {
        let mut book = book();
        if self.full {
            let earlier = monday() + minutes(60);
            rules.take(&mut book, &event(ANOTHER, earlier, earlier, COLLEAGUE, What::Opened), earlier);
        }
        book
    }
}

fn story(full: impl Strategy<Value = bool> + 'static) -> impl Strategy<Value = Story> {
    // Seconds matter (S9), and so does the target of four hours.
    let after = prop_oneof![1..12_i64, 1..7_200_i64, 1..30_000_i64];
    let by = prop::sample::select(vec![MEMBER, MEMBER, COLLEAGUE, AGENT, AGENT, PASSERBY, ROBOT]);
    let act = (after, by, any::<bool>()).prop_map(|(after, by, turns)| Act { after, by, turns });
    (prop::collection::vec(act, 0..7), full).prop_flat_map(|(acts, full)| {
        let count = acts.len() + 1;
        let twice = prop::collection::vec(0..count, 0..4);
        twice.prop_flat_map(move |twice| Just((0..count).chain(twice).collect::<Vec<_>>()).prop_shuffle()).prop_map(move |arrival| Story {
            acts: acts.clone(),
            full,
            arrival,
        })
    })
}

/// The story's events in the order in which they happened.
fn events(story: &Story) -> Vec<Event> {
    let created = monday() + minutes(9 * 60);
    let mut events = vec![event(ISSUE, created, created, MEMBER, What::Opened)];
    let (mut at, mut open) = (created, true);
    for (place, act) in story.acts.iter().enumerate() {
        at += jiff::SignedDuration::from_secs(act.after);
        let what = match (act.turns, open) {
            (false, _) => comment(i64::try_from(place).unwrap()),
            (true, true) => What::Closed(CloseReason::Completed),
            (true, false) => What::Reopened,
        };
        open ^= act.turns;
        events.push(event(ISSUE, created, at, act.by, what));
    }
    events
}

/// What can be seen of a ticket, by people, by the clock and by the books.
#[derive(Debug, PartialEq)]
struct Seen {
    standing: Standing,
    cycles: Vec<Cycle>,
    projection: Projection,
    open: bool,
    charges: Vec<Entry>,
}

fn seen(book: &Book, programme: &Programme, policy: &Policy) -> Seen {
    let ticket = &book.tickets[&IssueId(ISSUE)];
    let charges = book.entries(&acme()).iter().filter(|entry| entry.issue == ticket.issue).cloned();
    Seen {
        standing: ticket.standing.clone(),
        cycles: ticket.cycles(),
        projection: ticket.projection(programme, policy),
        open: ticket.is_open(),
        charges: charges.map(|entry| Entry { recorded_at: Timestamp::UNIX_EPOCH, ..entry }).collect(),
    }
}

/// Takes the events in one after the other, all of them late, and lets time pass to the end of the month.
fn play(story: &Story, arrivals: &[Event], now: Timestamp) -> Seen {
    let (programme, policy) = (programme("1/week"), policy("UTC", OverQuota::Wait));
    let rules = Rules { programme: &programme, policy: &policy };
    let mut book = story.book(&rules);
    for event in arrivals {
        rules.take(&mut book, event, now);
        let ticket = &book.tickets[&IssueId(ISSUE)];
        let posts = ticket.projection(&programme, &policy).posts;
        assert!(posts.iter().filter(|post| **post == Post::Status).count() <= 1, "{posts:?}");
        let units = book.entries(&acme()).iter().filter(|entry| entry.issue == ticket.issue).map(units);
        assert!((0..=1).contains(&units.sum::<i64>()), "charged twice");
    }
    wake(&rules, &mut book, now, monday() + minutes(60 * 24 * 60));
    seen(&book, &programme, &policy)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn r3_any_order_of_an_admitted_tickets_events_gives_the_same_ticket(story in story(Just(false))) {
        let events = events(&story);
        let now = monday() + minutes(6 * 24 * 60);
        let arrivals: Vec<_> = story.arrival.iter().map(|place| events[*place].clone()).collect();
        prop_assert_eq!(settled(&play(&story, &arrivals, now)), settled(&play(&story, &events, now)));
    }

    #[test]
    fn r3_any_order_of_a_waiting_tickets_events_gives_the_same_ticket(story in story(Just(true))) {
        let events = events(&story);
        let now = monday() + minutes(6 * 24 * 60);
        let arrivals: Vec<_> = story.arrival.iter().map(|place| events[*place].clone()).collect();
        prop_assert_eq!(settled(&play(&story, &arrivals, now)), settled(&play(&story, &events, now)));
    }

    #[test]
    fn r3_late_events_give_the_ticket_that_events_in_time_give(story in story(any::<bool>())) {
        let (programme, policy) = (programme("1/week"), policy("UTC", OverQuota::Wait));
        let rules = Rules { programme: &programme, policy: &policy };
        let events = events(&story);
        let mut book = story.book(&rules);
        let mut clock = monday();
        for event in &events {
            wake(&rules, &mut book, clock, event.at);
            rules.take(&mut book, event, event.at);
            clock = event.at;
        }
        wake(&rules, &mut book, clock, monday() + minutes(60 * 24 * 60));
        let late = play(&story, &events, monday() + minutes(6 * 24 * 60));
        prop_assert_eq!(settled(&late), settled(&seen(&book, &programme, &policy)));
    }
}

/// What is the same however often it was charged and refunded on the way there.
#[derive(Debug, PartialEq)]
struct Settled {
    word: &'static str,
    admitted: Option<(PartnerId, Timestamp)>,
    cycles: Vec<Cycle>,
    labels: Vec<Label>,
    /// Charges less refunds.
    units: i64,
}

fn units(entry: &Entry) -> i64 {
    match entry.kind {
        EntryKind::Charge => 1,
        EntryKind::Grant => 0,
        _ => -1,
    }
}

fn settled(seen: &Seen) -> Settled {
    let (word, admitted) = match &seen.standing {
        Standing::Admitted(admission) => ("admitted", Some((admission.partner.clone(), admission.at))),
        Standing::Left { why: Departure::Answered, .. } => ("answered", None),
        Standing::Left { why: Departure::Closed, .. } => ("closed", None),
        Standing::Waiting(_) => ("waiting", None),
        _ => ("something else", None),
    };
    let units = seen.charges.iter().map(units);
    Settled { word, admitted, cycles: seen.cycles.clone(), labels: seen.projection.labels.clone(), units: units.sum() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn r3_any_order_at_any_time_settles_the_same(story in story(any::<bool>()), gaps in prop::collection::vec(0..3_000_i64, 11)) {
        let (programme, policy) = (programme("1/week"), policy("UTC", OverQuota::Wait));
        let rules = Rules { programme: &programme, policy: &policy };
        let events = events(&story);
        let mut book = story.book(&rules);
        let mut clock = events.iter().map(|event| event.at).max().unwrap();
        for (place, gap) in story.arrival.iter().zip(gaps) {
            let now = clock + minutes(gap);
            wake(&rules, &mut book, clock, now);
            rules.take(&mut book, &events[*place], now);
            clock = now;
        }
        wake(&rules, &mut book, clock, monday() + minutes(60 * 24 * 60));
        let in_order = play(&story, &events, monday() + minutes(6 * 24 * 60));
        prop_assert_eq!(settled(&seen(&book, &programme, &policy)), settled(&in_order));
    }
}

#[test]
fn q10_s1_a_ticket_that_went_back_in_line_has_a_running_clock_once_it_is_admitted() {
    let act = |by, turns| Act { after: 600, by, turns };
    let story = Story { acts: vec![act(MEMBER, true), act(MEMBER, true)], full: true, arrival: Vec::new() };
    let seen = play(&story, &events(&story), monday() + minutes(24 * 60));
    assert!(matches!(seen.standing, Standing::Admitted(_)), "{:?}", seen.standing);
    assert_eq!(seen.cycles.len(), 1);
    assert_eq!(seen.cycles[0].start, monday() + minutes(7 * 24 * 60));
    assert!(seen.cycles[0].is_running(), "{:?}", seen.cycles[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn w3_s3_who_is_an_agent_may_become_known_after_any_event(story in story(any::<bool>()), known_after in 0..9_usize) {
        let (programme, policy) = (programme("1/week"), policy("UTC", OverQuota::Wait));
        let rules = Rules { programme: &programme, policy: &policy };
        let events = events(&story);
        let now = monday() + minutes(6 * 24 * 60);
        let mut book = story.book(&rules);
        book.agents = Agents { by_permission: true, ..Agents::default() };
        let said = || [(AGENT, true), (PASSERBY, false)].map(|(id, agent)| ((RepoId(7), UserId(id)), agent)).into();
        let ask = |book: &mut Book| {
            book.agents.may_triage = said();
            rules.rights_known(book, IssueId(ISSUE), now);
        };
        for (count, place) in story.arrival.iter().enumerate() {
            rules.take(&mut book, &events[*place], now);
            if count == known_after {
                ask(&mut book);
            }
        }
        ask(&mut book);
        prop_assert!(book.tickets[&IssueId(ISSUE)].unasked().is_empty());
        wake(&rules, &mut book, now, monday() + minutes(60 * 24 * 60));
        prop_assert_eq!(settled(&seen(&book, &programme, &policy)), settled(&play(&story, &events, now)));
    }
}

//! A window never takes more than its allowance, and whatever the order of arrival it takes as many as in order (`Q1`, `Q3`,
//! `Q4`, `Q5`, `Q11`).

use crate::book::{MEMBER, acme, book, charged, event, minutes, monday, policy, programme, wake};
use jiff::Timestamp;
use partner_desk::domain::book::Book;
use partner_desk::domain::decide::Rules;
use partner_desk::domain::event::What;
use partner_desk::domain::quota::EntryKind;
use partner_desk::domain::ticket::Standing;
use partner_desk::programme::{OverQuota, WindowKind};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Ten weeks, so that three months take part.
const SPAN: i64 = 10 * 7 * 24 * 60;

/// An opening: minutes after the beginning, and how many minutes later its webhook comes.
#[derive(Debug, Clone)]
struct Opening {
    at: i64,
    late: i64,
}

#[derive(Debug, Clone)]
struct Story {
    limit: u32,
    kind: WindowKind,
    zone: &'static str,
    over_quota: OverQuota,
    openings: Vec<Opening>,
    /// Instants at which the scheduler does its work; in between it is down.
    wakes: Vec<i64>,
}

fn story() -> impl Strategy<Value = Story> {
    // Close together, so that windows overflow; mostly in time, some a window or two late.
    let late = prop_oneof![4 => Just(0_i64), 2 => 0..120_i64, 3 => 0..SPAN / 3];
    let at = prop_oneof![0..SPAN, 0..SPAN / 6];
    let opening = (at, late).prop_map(|(at, late)| Opening { at, late });
    (
        0..4_u32,
        prop::sample::select(vec![WindowKind::Week, WindowKind::Month]),
        prop::sample::select(vec!["UTC", "Europe/Paris", "Asia/Beirut", "America/Sao_Paulo"]),
        prop::sample::select(vec![OverQuota::Wait, OverQuota::Wait, OverQuota::Close, OverQuota::AdmitWithoutSla]),
        prop::collection::vec(opening, 1..14),
        prop::collection::vec(0..SPAN, 0..12),
    )
        .prop_map(|(limit, kind, zone, over_quota, openings, wakes)| Story { limit, kind, zone, over_quota, openings, wakes })
}

/// What the desk has on its plate at one instant.
enum Turn {
    Arrival(usize),
    Wake,
}

/// Plays a story to its end, where everything has arrived and been woken. `in_order`: nothing is late and nobody sleeps.
fn play(story: &Story, in_order: bool) -> Result<Book, TestCaseError> {
    let programme = programme(&format!("{}/{}", story.limit, story.kind));
    let policy = policy(story.zone, story.over_quota);
    let rules = Rules { programme: &programme, policy: &policy };
    let mut book = book();
    let instant = |minute: i64| -> Timestamp { monday() + minutes(minute) };
    let late = |opening: &Opening| if in_order { 0 } else { opening.late };
    let arrivals = story.openings.iter().enumerate().map(|(place, opening)| (opening.at + late(opening), Turn::Arrival(place)));
    let wakes = story.wakes.iter().filter(|_| !in_order).map(|wake| (*wake, Turn::Wake));
    let mut turns: Vec<_> = arrivals.chain(wakes).collect();
    turns.sort_by_key(|(at, _)| *at);
    let mut clock = instant(0);
    let mut admitted = BTreeSet::new();
    for (at, turn) in turns {
        let now = instant(at);
        match turn {
            Turn::Arrival(place) => {
                if in_order {
                    wake(&rules, &mut book, clock, now);
                }
                let created = instant(story.openings[place].at);
                let issue = i64::try_from(place).unwrap() + 1;
                rules.take(&mut book, &event(issue, created, created, MEMBER, What::Opened), now);
            }
            Turn::Wake => wake(&rules, &mut book, clock, now),
        }
        clock = now;
        for (window, units) in charged(book.entries(&acme()), &policy, story.kind) {
            prop_assert!(units <= i64::from(story.limit), "{units} in the window from {window}, at {now}");
        }
        let stand: BTreeSet<_> = book.tickets.values().filter(|t| matches!(t.standing, Standing::Admitted(_))).map(|t| t.issue).collect();
        prop_assert!(stand.is_superset(&admitted), "somebody was displaced at {now}");
        admitted = stand;
    }
    wake(&rules, &mut book, clock, instant(2 * SPAN));
    Ok(book)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn q11_any_order_of_arrival_admits_as_many_as_in_order(story in story()) {
        let (in_order, as_it_came) = (play(&story, true)?, play(&story, false)?);
        let policy = policy(story.zone, story.over_quota);
        let windows = |book: &Book| charged(book.entries(&acme()), &policy, story.kind);
        prop_assert_eq!(windows(&as_it_came), windows(&in_order));
    }

    #[test]
    fn q4_q5_everyone_is_charged_once_or_not_at_all(story in story()) {
        let book = play(&story, false)?;
        let keys: BTreeSet<_> = book.entries(&acme()).iter().map(|entry| &entry.key).collect();
        prop_assert_eq!(keys.len(), book.entries(&acme()).len(), "a key stands twice");
        for ticket in book.tickets.values() {
            let charges = book.entries(&acme()).iter().filter(|entry| entry.issue == ticket.issue && entry.kind == EntryKind::Charge);
            let wanted = match &ticket.standing {
                Standing::Admitted(admission) => usize::from(admission.charge.is_some()),
                Standing::Waiting(_) | Standing::TurnedAway(_) => 0,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert_eq!(charges.count(), wanted, "{:?}", ticket.standing);
        }
    }

    #[test]
    fn q5_nobody_waits_while_a_slot_is_free(story in story()) {
        let book = play(&story, false)?;
        let waits = book.tickets.values().any(|ticket| matches!(ticket.standing, Standing::Waiting(_)));
        // Ten more weeks have passed without anybody else.
        let room = match story.kind { WindowKind::Week => 10, _ => 2 } * usize::try_from(story.limit).unwrap();
        prop_assert!(!waits || story.openings.len() > room);
    }
}

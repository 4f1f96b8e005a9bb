//! Conversations that were told wrong once.

use super::play::{Seen, in_order, mixed_up, windows};
use super::story::{Arrival, At, DAY, Deed, Event, HOUR, MINUTE, ROBOT, Story};
use super::{fills_like_in_order, like_the_model};
use jiff::SignedDuration;
use partner_desk::domain::book::Book;
use partner_desk::domain::command::{Command, Verb};
use partner_desk::domain::event::CloseReason;
use partner_desk::programme::OverQuota;

const ALICE: usize = 0;
const BOB: usize = 1;
const ANN: usize = 4;
const BARE: usize = 0;
const NIL: usize = 1;
const ONE: usize = 2;
const TWO: usize = 3;
const THREE: usize = 4;
const ALL: usize = 5;

fn says(id: i64, text: bool, command: Option<Command>) -> Deed {
    Deed::Says { id, substance: text, commands: command.into_iter().collect() }
}

fn plain(id: i64, verb: Verb) -> Deed {
    says(id, false, Some(Command::Plain(verb)))
}

/// A story of Acme: its tiers; issue, instant, person and deed of each event, and how late each comes.
fn told(tiers: &[(At, Option<usize>)], events: Vec<(usize, At, usize, Deed, i64)>) -> Story {
    let late = |late: i64| Arrival { late, again: Some(late), slept: false, restart: true };
    let issues = events.iter().map(|(issue, ..)| *issue + 1).max().unwrap();
    Story {
        tiers: [tiers.to_vec(), vec![(-400 * DAY, None)]],
        over_quota: OverQuota::Wait,
        every: false,
        authors: vec![ALICE; issues],
        arrivals: events.iter().map(|(.., by)| late(*by)).collect(),
        events: events.into_iter().map(|(issue, at, by, deed, _)| Event { at, issue, by, deed }).collect(),
    }
}

/// Holds a story to the model, and every ticket of it to itself in another order, with and without redeliveries.
fn hold(story: &Story) {
    if let Err(why) = like_the_model(story) {
        panic!("\n{story:?}\n{why}");
    }
    let mut once = story.clone();
    once.arrivals.iter_mut().for_each(|arrival| arrival.again = None);
    for story in [story, &once] {
        let (in_order, mixed_up) = (in_order(story).unwrap(), mixed_up(story).unwrap());
        for issue in 0..story.authors.len() {
            assert_eq!(Seen::of(story, &in_order, issue).lines(), Seen::of(story, &mixed_up, issue).lines(), "\n{story:?}");
        }
    }
}

const ALWAYS_ONE: &[(At, Option<usize>)] = &[(-400 * DAY, Some(ONE))];

#[test]
fn q10_an_answer_in_the_queue_is_for_good() {
    let closes = || Deed::Closes(CloseReason::Completed);
    hold(&told(
        ALWAYS_ONE,
        vec![
            (0, 0, ALICE, Deed::Opens, 0),
            (1, HOUR, ALICE, Deed::Opens, 0),
            (1, 2 * HOUR, ANN, says(10, true, None), 9 * DAY),
            (1, 3 * HOUR, ALICE, closes(), 0),
            (1, 4 * HOUR, ALICE, Deed::Reopens, 0),
        ],
    ));
}

#[test]
fn c_q5_an_extension_from_the_queue_does_not_count() {
    let extends = says(10, false, Some(Command::Extend { by: SignedDuration::from_hours(4), reason: "a part".to_owned() }));
    hold(&told(ALWAYS_ONE, vec![(0, 0, ALICE, Deed::Opens, 0), (1, HOUR, ALICE, Deed::Opens, 0), (1, 2 * HOUR, ANN, extends, 0)]));
}

#[test]
fn s11_a_rise_is_dated_by_its_own_instant_and_counts_once() {
    let rise = [(-400 * DAY, Some(ONE)), (HOUR, Some(THREE))];
    hold(&told(&rise, vec![(0, 0, ALICE, Deed::Opens, 7 * HOUR), (0, 4 * HOUR, ANN, says(10, true, None), 0)]));
}

#[test]
fn s11_s7_a_rise_during_a_pause_leaves_what_is_less() {
    let rise = [(-400 * DAY, Some(ONE)), (DAY, Some(ALL))];
    hold(&told(
        &rise,
        vec![
            (0, 0, ALICE, Deed::Opens, 0),
            (0, HOUR, ANN, says(10, true, None), 0),
            (0, 2 * HOUR, ALICE, Deed::Closes(CloseReason::Completed), 0),
            (0, 3 * HOUR, ALICE, Deed::Reopens, 0),
            (0, 4 * HOUR, ANN, plain(20, Verb::Wait), 0),
            (0, 2 * DAY, ALICE, says(30, true, None), 0),
            (0, 2 * DAY + 2 * HOUR, ANN, says(40, true, None), 0),
        ],
    ));
}

#[test]
fn q6_a_withdrawal_that_came_too_early_to_be_one_does_not_use_up_the_windows() {
    hold(&told(
        ALWAYS_ONE,
        vec![
            (0, 0, ALICE, Deed::Opens, 0),
            (0, 1, BOB, Deed::Closes(CloseReason::Completed), 2 * MINUTE),
            (0, 8, ANN, Deed::Reopens, 3 * MINUTE),
            (0, 9, ALICE, Deed::Closes(CloseReason::Completed), 0),
        ],
    ));
}

#[test]
fn r3_what_a_member_says_before_the_opening_arrives_is_kept() {
    hold(&told(ALWAYS_ONE, vec![(0, 0, ALICE, Deed::Opens, 2), (0, 1, ALICE, plain(10, Verb::Withdraw), 0)]));
}

#[test]
fn w5_r3_an_answer_holds_a_ticket_where_it_is_in_any_order() {
    let moves = says(20, false, Some(Command::For("beta".to_owned())));
    let story = told(ALWAYS_ONE, vec![(0, 0, ALICE, Deed::Opens, 0), (0, 1, ANN, says(10, true, None), 60), (0, 2, ANN, moves, 0)]);
    let (in_order, mixed_up) = (in_order(&story).unwrap(), mixed_up(&story).unwrap());
    assert_eq!(Seen::of(&story, &in_order, 0).lines(), Seen::of(&story, &mixed_up, 0).lines());
}

#[test]
fn q7_s9_a_waiver_in_the_place_of_an_early_close_leaves_a_reopening_free() {
    let waives = says(10, true, Some(Command::Waive("a gift".to_owned())));
    hold(&told(
        ALWAYS_ONE,
        vec![
            (0, 0, ALICE, Deed::Opens, 0),
            (0, 1, ANN, waives, 60),
            (0, 2, ALICE, Deed::Closes(CloseReason::Completed), 0),
            (0, 10, ALICE, Deed::Reopens, 0),
        ],
    ));
}

#[test]
fn q6_a_refused_early_close_leaves_room_for_an_engineers_refund() {
    let closes = || Deed::Closes(CloseReason::Completed);
    let tiers = [(-400 * DAY, Some(THREE))];
    hold(&told(
        &tiers,
        vec![
            (0, 0, ALICE, Deed::Opens, 0),
            (0, 60, ALICE, closes(), 0),
            (1, HOUR, ALICE, Deed::Opens, 0),
            (1, HOUR + 60, ALICE, closes(), 0),
            (1, HOUR + 120, ALICE, Deed::Reopens, 0),
            (1, 2 * HOUR, ANN, Deed::Closes(CloseReason::Duplicate), 0),
            (1, 3 * HOUR, ALICE, Deed::Reopens, 0),
        ],
    ));
}

#[test]
fn s11_s9_a_rise_that_was_seen_before_the_close_is_dated_by_its_own_instant() {
    let rise = [(-400 * DAY, Some(ONE)), (7 * DAY + HOUR, Some(TWO))];
    hold(&told(
        &rise,
        vec![
            (0, 9 * HOUR, ALICE, Deed::Opens, 0),
            (0, 7 * DAY, ANN, Deed::Closes(CloseReason::Completed), HOUR + 1),
            (0, 7 * DAY + 1, ALICE, Deed::Reopens, 0),
        ],
    ));
}

#[test]
fn q11_q8_a_late_ticket_finds_the_slot_of_its_own_tier() {
    let opens = |issue, at, late| (issue, at, ALICE, Deed::Opens, late);
    let units = |story: &Story, book: &Book| windows(story, book).iter().map(|filled| filled.units).sum::<i64>();
    // It was opened in the first hour of a tier that has room for it, and heard of after one of the next tier's time was admitted.
    let by_week = told(&[(-400 * DAY, Some(THREE)), (DAY, Some(ONE)), (7 * DAY, None)], vec![opens(0, 0, 2 * DAY), opens(1, DAY, 0)]);
    let by_month = told(
        &[(-400 * DAY, Some(THREE)), (DAY, Some(TWO)), (7 * DAY, None)],
        vec![opens(0, 0, 0), opens(1, HOUR, 2 * DAY), opens(2, DAY, 0)],
    );
    // What was charged in a week after that of the late one has nothing to do with its month.
    let later_week = told(
        &[(-400 * DAY, Some(TWO)), (DAY, Some(ONE)), (7 * DAY + 1, None)],
        vec![opens(0, 0, 0), opens(1, HOUR, 8 * DAY), opens(2, DAY, 0)],
    );
    for (story, expected) in [(by_week, (1, 2)), (by_month, (2, 3)), (later_week, (3, 3))] {
        let (in_order, mixed_up) = (in_order(&story).unwrap(), mixed_up(&story).unwrap());
        assert_eq!((units(&story, &in_order), units(&story, &mixed_up)), expected, "\n{story:?}");
        assert_eq!(fills_like_in_order(&story), Ok(()), "\n{story:?}");
    }
}

#[test]
fn q10_r3_who_left_the_queue_shows_the_last_tier_before_that() {
    let tiers = [(-400 * DAY, Some(NIL)), (DAY, None), (2 * DAY, Some(ONE))];
    let closes = Deed::Closes(CloseReason::Completed);
    hold(&told(&tiers, vec![(0, 0, ALICE, Deed::Opens, 0), (0, 2 * DAY - 1, ALICE, closes, 1)]));
}

#[test]
fn s8_c_the_desks_own_close_follows_its_command_within_the_second() {
    let withdraws = says(10, true, Some(Command::Plain(Verb::Withdraw)));
    hold(&told(
        ALWAYS_ONE,
        vec![(0, 0, ALICE, Deed::Opens, 0), (0, HOUR, ALICE, withdraws, 0), (0, HOUR, ROBOT, Deed::Closes(CloseReason::Completed), 0)],
    ));
}

#[test]
fn q7_q10_a_grant_that_is_heard_of_after_the_answer_admits() {
    let grants = says(10, false, Some(Command::Grant { count: 1, until: None, reason: "outage".to_owned() }));
    hold(&told(
        &[(-400 * DAY, Some(NIL))],
        vec![(0, 0, ALICE, Deed::Opens, 0), (0, HOUR, ANN, grants, 2), (0, HOUR + 1, ANN, says(20, true, None), 0)],
    ));
}

#[test]
fn q10_q9_who_comes_back_into_line_once_more_is_looked_at_anew() {
    let closes = || Deed::Closes(CloseReason::Completed);
    for tier in [BARE, ONE] {
        hold(&told(
            &[(-400 * DAY, Some(NIL)), (HOUR, None), (9 * DAY, Some(tier))],
            vec![
                (0, 0, ALICE, Deed::Opens, 0),
                (0, MINUTE, ALICE, closes(), 0),
                (0, DAY, ALICE, Deed::Reopens, 0),
                (0, 2 * DAY, ALICE, closes(), 0),
                (0, 9 * DAY, ALICE, Deed::Reopens, 0),
            ],
        ));
    }
}

#[test]
fn q7_r3_a_grant_or_a_waiver_that_is_heard_of_after_a_rise_admits_before_it() {
    let grants = says(10, false, Some(Command::Grant { count: 1, until: None, reason: "outage".to_owned() }));
    let waives = says(10, false, Some(Command::Waive("a gift".to_owned())));
    for command in [grants, waives] {
        let rise = [(-400 * DAY, Some(NIL)), (2 * DAY, Some(ONE))];
        hold(&told(&rise, vec![(0, 0, ALICE, Deed::Opens, 0), (0, DAY, ANN, command, DAY)]));
    }
}

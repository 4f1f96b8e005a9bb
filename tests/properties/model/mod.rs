//! Random conversations against a small model that is obviously right, and against themselves in another order (`R3`, `Q11`).
//!
//! `PARTNER_DESK_MODEL_CASES=10000` makes a long run. A failure prints the shrunk conversation, line by line.

#![expect(clippy::panic, reason = "a conversation that is told wrong is a failed test, and is shown as it reads")]
#![expect(clippy::struct_excessive_bools, clippy::option_option, clippy::too_many_arguments, reason = "plain words for plain facts")]

mod desk;
mod known;
mod play;
mod story;

use partner_desk::programme::OverQuota;
use play::{Seen, in_order, mixed_up};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use story::{Kinds, Story};

/// Cases of each property, unless `PARTNER_DESK_MODEL_CASES` says otherwise.
const CASES: u32 = 64;

#[expect(clippy::disallowed_methods, reason = "the length of the run is its only setting")]
fn hold(kinds: Kinds, check: impl Fn(&Story) -> Result<(), String>) {
    let cases = std::env::var("PARTNER_DESK_MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let result = TestRunner::new(config).run(&story::story(kinds), |story| check(&story).map_err(TestCaseError::fail));
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, story)) => panic!("\n{story:?}\n{why}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Line by line what differs.
fn differences(expected: &[String], got: &[String]) -> Result<(), String> {
    let missing = expected.iter().filter(|line| !got.contains(line)).map(|line| format!("  expected {line}\n"));
    let extra = got.iter().filter(|line| !expected.contains(line)).map(|line| format!("  got      {line}\n"));
    let lines: String = missing.chain(extra).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines) }
}

const ONE: Kinds = Kinds { issues: 1, lines: 9, hindsight: true, moves: false, changes: true };
const SEVERAL: Kinds = Kinds { issues: 5, lines: 14, hindsight: false, moves: false, changes: true };

fn like_the_model(story: &Story) -> Result<(), String> {
    let book = in_order(story)?;
    let model = desk::play(story);
    let expected: Vec<_> = (0..story.authors.len()).flat_map(|issue| play::model_lines(&model, issue)).collect();
    let got: Vec<_> = (0..story.authors.len()).flat_map(|issue| Seen::of(story, &book, issue).model_lines()).collect();
    differences(&expected, &got)
}

#[test]
fn one_ticket_in_order_is_the_models() {
    hold(ONE, like_the_model);
}

#[test]
fn tickets_that_compete_in_order_are_the_models() {
    hold(SEVERAL, like_the_model);
}

#[test]
fn r3_one_ticket_is_the_same_in_any_order() {
    hold(Kinds { moves: true, ..ONE }, |story| {
        let (in_order, mixed_up) = (in_order(story)?, mixed_up(story)?);
        differences(&Seen::of(story, &in_order, 0).lines(), &Seen::of(story, &mixed_up, 0).lines())
    });
}

/// Each window has as many units as in order. But for one case: a ticket that came late stands under the tier of its own time, and others
/// that came before it were charged under the next. In order it would have used up the fall's smaller allowance before them; as nobody
/// is displaced, and its own time had room, its windows have more then, and never less (Q8, Q11).
fn fills_like_in_order(story: &Story) -> Result<(), String> {
    // Without a queue a late ticket cannot take what a rise of the tier has left of its window.
    if story.over_quota != OverQuota::Wait && story.tiers.iter().any(|tiers| tiers.len() > 1) {
        return Ok(());
    }
    let (in_order, mixed_up) = (in_order(story)?, mixed_up(story)?);
    let (expected, got) = (play::windows(story, &in_order), play::windows(story, &mixed_up));
    for partner in mixed_up.partners.keys() {
        let of = |all: &[play::Filled]| all.iter().filter(|filled| filled.partner == *partner).cloned().collect::<Vec<_>>();
        let (expected, got) = (of(&expected), of(&got));
        if play::came_before_a_change(story, &mixed_up, partner) {
            let by =
                |all: &[play::Filled], start| all.iter().filter(|filled| filled.start <= start).map(|filled| filled.units).sum::<i64>();
            if let Some(less) = expected.iter().find(|filled| by(&got, filled.start) < by(&expected, filled.start)) {
                return Err(format!("  fewer than expected up to {less}\n  of {expected:?}\n  got {got:?}"));
            }
        } else {
            let lines = |all: &[play::Filled]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            differences(&lines(&expected), &lines(&got))?;
        }
    }
    Ok(())
}

#[test]
fn q11_windows_admit_as_many_in_any_order() {
    hold(Kinds { issues: 7, lines: 1, ..SEVERAL }, fills_like_in_order);
}

#[test]
fn whatever_comes_and_goes_every_step_holds() {
    hold(Kinds { hindsight: true, moves: true, ..SEVERAL }, |story| mixed_up(story).map(|_| ()));
}

#[test]
fn r3_s7_waking_more_often_changes_nothing() {
    hold(SEVERAL, |story| {
        let (seldom, often) = (in_order(story)?, play::in_order_woken(story)?);
        (0..story.authors.len())
            .try_for_each(|issue| differences(&Seen::of(story, &seldom, issue).lines(), &Seen::of(story, &often, issue).lines()))
    });
}

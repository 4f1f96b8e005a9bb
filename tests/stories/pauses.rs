//! When a response clock stands still, and what else moves a deadline that was promised.

use crate::desk::{Desk, Opened, REPO, Setup};
use partner_desk::domain::response::{Outcome, State};
use partner_desk::sandbox::ChatAnswer;

const EVERY: Setup = Setup { config: "response = \"every\"", programme: None };

/// A Gold ticket that was answered at 10:00 and asked about again at 11:00: due at 15:00.
async fn asked_again(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["alice", "carol"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "Try the new version.").await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "It is no better.").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 15:00 UTC] [sla: 4h] [tier: Gold]");
    issue
}

async fn outcomes(desk: &Desk, issue: &Opened) -> Vec<Outcome> {
    let cycles = desk.ticket(issue).await.unwrap().cycles();
    let ended = cycles.iter().filter_map(|cycle| match &cycle.state {
        State::Ended { outcome, .. } => Some(*outcome),
        State::Running => None,
    });
    ended.collect()
}

/// When it is due, and whether it stands still.
async fn due(desk: &Desk, issue: &Opened) -> (String, bool) {
    let cycle = desk.ticket(issue).await.unwrap().running().unwrap();
    (cycle.due.strftime("%d. %H:%M").to_string(), cycle.paused.is_some())
}

fn steps(desk: &Desk) -> Vec<String> {
    desk.pings().iter().map(|ping| ping.split(": ").next().unwrap().to_owned()).collect()
}

async fn labelled(desk: &Desk, issue: &Opened, actor: &str, on: bool) {
    let name = "waiting: partner";
    if on {
        desk.sandbox.add_label(REPO, issue.number, actor, name).await.unwrap();
    } else {
        desk.sandbox.remove_label(REPO, issue.number, actor, name).await.unwrap();
    }
    desk.settle().await;
}

async fn locked(desk: &Desk, issue: &Opened, on: bool) {
    if on {
        desk.sandbox.lock(REPO, issue.number, "ann").await.unwrap();
    } else {
        desk.sandbox.unlock(REPO, issue.number, "ann").await.unwrap();
    }
    desk.settle().await;
}

story!(s7_before_the_first_answer_nothing_pauses, EVERY, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    labelled(&desk, &issue, "ann", true).await;
    locked(&desk, &issue, true).await;
    desk.at("2026-11-18T12:00:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: due soon] [tier: Gold] [waiting: partner]");
    assert_eq!(desk.comments(&issue)[1..], ["`/wait` does nothing yet: the first answer is owed, and nothing pauses or settles that."]);
    desk.at("2026-11-18T13:00:00Z").await;
    assert!(desk.view(&issue).has_label("sla: breached"));
});

story!(s7_wait_pauses_and_the_partners_words_resume, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: paused] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    The clock stands still since Wednesday 2026-11-18 12:00 UTC: it waits for the partner, and goes on with the partner's next comment.
    ");
    desk.at("2026-11-18T18:00:00Z").await;
    for (author, text) in [("alice", "/status"), ("passerby", "Any news?"), ("ben", "/ack")] {
        desk.says(author, &issue, text).await;
        assert_eq!(due(&desk, &issue).await, ("18. 15:00".to_owned(), true), "{author}: {text}");
    }
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.at("2026-11-18T20:00:00Z").await;
    desk.says("carol", &issue, "Here is the log.").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 23:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.reasons(&issue), @r"
    - `W2` The author was a member of this partner when the issue was opened.
    - `Q1` Charged to the week of its opening, which began Monday 2026-11-16 00:00 UTC.
    - `S1` The promise is an answer within 4h of its opening, Wednesday 2026-11-18 09:00 UTC.
    - `S4` The partner wrote again Wednesday 2026-11-18 11:00 UTC: an answer within 4h of that.
    - `S7` The clock stood still from Wednesday 2026-11-18 12:00 UTC until Wednesday 2026-11-18 20:00 UTC: the ticket waited for the partner, or was locked.
    ");
    desk.at("2026-11-18T22:00:00Z").await;
    assert_eq!(steps(&desk), ["due soon (75%)"]);
    desk.says("ann", &issue, "Here you are.").await;
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 22:00 UTC, after 3h of the promised 4h, pauses not counted.
    ");
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met, Outcome::Met]);
});

story!(s7_resume_ends_a_pause_and_says_when_there_is_none, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    desk.at("2026-11-18T12:30:00Z").await;
    desk.says("ben", &issue, "/wait").await;
    assert_eq!(desk.comments(&issue).last().unwrap(), "`/wait` does nothing now: the clock stands still.");
    desk.says("ben", &issue, "/escalate").await;
    assert_eq!(desk.comments(&issue).last().unwrap(), "`/escalate` does nothing now: the clock stands still.");
    desk.at("2026-11-18T13:00:00Z").await;
    desk.says("ben", &issue, "/resume").await;
    assert_eq!(due(&desk, &issue).await, ("18. 16:00".to_owned(), false));
    desk.at("2026-11-18T13:30:00Z").await;
    desk.says("ben", &issue, "/resume").await;
    assert_eq!(desk.comments(&issue).last().unwrap(), "`/resume` does nothing now: the clock is not waiting for the partner.");
});

story!(s7_the_label_of_an_agent_pauses_and_nobody_elses_does, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    for actor in ["alice", "passerby"] {
        labelled(&desk, &issue, actor, true).await;
        assert_eq!(due(&desk, &issue).await, ("18. 15:00".to_owned(), false), "{actor}");
        labelled(&desk, &issue, actor, false).await;
    }
    desk.at("2026-11-18T12:00:00Z").await;
    labelled(&desk, &issue, "ann", true).await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: paused] [tier: Gold] [waiting: partner]");
    desk.at("2026-11-18T13:00:00Z").await;
    labelled(&desk, &issue, "ben", false).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 16:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T13:30:00Z").await;
    labelled(&desk, &issue, "ann", true).await;
    desk.at("2026-11-18T14:30:00Z").await;
    desk.says("alice", &issue, "Here is the log.").await;
    assert_eq!(due(&desk, &issue).await, ("18. 17:00".to_owned(), false));
});

story!(s7_a_lock_pauses_and_overlapping_pauses_count_once, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    desk.sandbox.change_role(REPO, "7x", "ann", "write").await.unwrap();
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    labelled(&desk, &issue, "ann", true).await;
    desk.at("2026-11-18T13:00:00Z").await;
    locked(&desk, &issue, true).await;
    desk.at("2026-11-18T14:00:00Z").await;
    labelled(&desk, &issue, "ann", false).await;
    assert_eq!(due(&desk, &issue).await, ("18. 15:00".to_owned(), true));
    assert!(desk.status(&issue).contains("The clock stands still since Wednesday 2026-11-18 12:00 UTC: the issue is locked."));
    desk.at("2026-11-18T15:00:00Z").await;
    locked(&desk, &issue, false).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 18:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T16:00:00Z").await;
    locked(&desk, &issue, true).await;
    desk.at("2026-11-18T17:00:00Z").await;
    locked(&desk, &issue, false).await;
    assert_eq!(due(&desk, &issue).await, ("18. 19:00".to_owned(), false));
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(s7_a_breach_stays_a_breach, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    desk.at("2026-11-18T15:30:00Z").await;
    assert_eq!(steps(&desk).last().unwrap(), "breach (due)");
    desk.says("ann", &issue, "/wait").await;
    assert!(desk.view(&issue).has_label("sla: breached"));
    insta::assert_snapshot!(format!("{}\n{}", desk.labels(&issue), desk.status(&issue)), @r"
    [due: 2026-11-18 15:00 UTC] [sla: 4h] [sla: breached] [sla: paused] [tier: Gold]
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    The answer was due **Wednesday 2026-11-18 15:00 UTC** and is late. The team has been told. The partner wrote again, which starts a new clock; it is not charged again.
    ");
    desk.at("2026-11-18T20:00:00Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new(), "it waits for the partner");
    desk.says("alice", &issue, "Here is the log.").await;
    desk.at("2026-11-18T20:10:00Z").await;
    desk.says("ann", &issue, "Thank you.").await;
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met, Outcome::Late]);
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: breached] [tier: Gold]");
});

story!(s7_a_reopened_ticket_can_be_paused_where_first_is_the_rule, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "Here.\n/wait").await;
    assert_eq!(desk.comments(&issue)[1], "`/wait` does nothing now: no clock runs.");
    desk.closes("ann", &issue).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.reopens("alice", &issue).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    desk.at("2026-11-18T14:00:00Z").await;
    desk.says("alice", &issue, "Here is the log.").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 17:00 UTC] [sla: 4h] [tier: Gold]");
});

story!(s8_an_answer_with_wait_stops_first_and_the_partners_words_start_after_a_pause, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &issue, "Please send the log.\n/wait").await;
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met, Outcome::Met]);
    desk.at("2026-11-18T13:00:00Z").await;
    desk.says("alice", &issue, "Here it is.").await;
    assert_eq!(due(&desk, &issue).await, ("18. 17:00".to_owned(), false));
    // In the same second: an agent waits, the partner writes.
    desk.at("2026-11-18T14:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    desk.says("alice", &issue, "And another.").await;
    assert_eq!(due(&desk, &issue).await, ("18. 17:00".to_owned(), false));
});

story!(s10_an_answer_that_is_deleted_within_ten_minutes_is_void, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (soon, late) = (desk.opens("alice", "Soon").await, desk.opens("alice", "Late").await);
    desk.at("2026-11-18T12:55:00Z").await;
    let first = desk.says("ann", &soon, "Oops.").await.comment.unwrap();
    let second = desk.says("ann", &late, "Oops.").await.comment.unwrap();
    assert_eq!(desk.labels(&soon), "[sla: 4h] [sla: met] [tier: Gold]");
    desk.pings();
    desk.at("2026-11-18T13:05:00Z").await;
    desk.sandbox.delete_comment(REPO, first, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&soon), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: breached] [tier: Gold]");
    assert!(desk.status(&soon).contains("was due **Wednesday 2026-11-18 13:00 UTC** and is late"), "{}", desk.status(&soon));
    assert_eq!(steps(&desk), ["breach (due), late"]);
    desk.at("2026-11-18T13:05:01Z").await;
    desk.sandbox.delete_comment(REPO, second, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&late), "[sla: 4h] [sla: met] [tier: Gold]");
    desk.says("ann", &soon, "Here.").await;
    assert_eq!(outcomes(&desk, &soon).await, [Outcome::Late]);
});

story!(s10_s4_what_a_void_answer_or_question_started_never_was, EVERY, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let answer = desk.says("ann", &issue, "Wrong issue, sorry.").await.comment.unwrap();
    desk.at("2026-11-18T10:05:00Z").await;
    desk.says("alice", &issue, "Pardon?").await;
    assert_eq!(due(&desk, &issue).await.0, "18. 14:05");
    desk.at("2026-11-18T10:08:00Z").await;
    desk.sandbox.delete_comment(REPO, answer, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("ann", &issue, "Here.").await;
    let question = desk.says("alice", &issue, "Oh, and …").await.comment.unwrap();
    desk.at("2026-11-18T11:01:00Z").await;
    desk.sandbox.delete_comment(REPO, question, "alice").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(s11_a_rise_of_the_tier_gives_the_earlier_of_both_deadlines, |desk| {
    desk.partner("acme", "silver", &["alice"]).await;
    let early = desk.opens("alice", "Early").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.set_tier("acme", "gold").await;
    assert_eq!(desk.labels(&early), "[due: 2026-11-18 14:00 UTC] [sla: 12h] [tier: Silver]");
    insta::assert_snapshot!(format!("{}\n{}", desk.status(&early), desk.reasons(&early)), @r"
    **Accepted** for **Acme** (Silver). Ticket **1 of 7**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-18 14:00 UTC**.
    - `W2` The author was a member of this partner when the issue was opened.
    - `Q1` Charged to the week of its opening, which began Monday 2026-11-16 00:00 UTC.
    - `S1` The promise is an answer within 12h of its opening, Wednesday 2026-11-18 09:00 UTC.
    - `S11` The tier rose to Gold Wednesday 2026-11-18 10:00 UTC: an answer within 4h of that, where that is earlier.
    ");
    desk.at("2026-11-18T14:00:00Z").await;
    assert_eq!(steps(&desk), ["due soon (75%)", "on-call (90%)", "breach (due)"]);
    desk.partner("beta", "silver", &["bob"]).await;
    let late = desk.opens("bob", "Late").await;
    desk.at("2026-11-19T00:00:00Z").await;
    desk.set_tier("beta", "gold").await;
    assert_eq!(desk.labels(&late), "[due: 2026-11-19 02:00 UTC] [sla: 12h] [sla: due soon] [tier: Silver]");
    // A breach stays a breach.
    desk.at("2026-11-19T03:00:00Z").await;
    desk.set_tier("beta", "platinum").await;
    desk.says("ann", &late, "Here.").await;
    assert_eq!(outcomes(&desk, &late).await, [Outcome::Late]);
});

story!(s11_a_rise_that_was_recorded_before_counts_from_its_day, |desk| {
    desk.partner("acme", "silver", &["alice"]).await;
    desk.tier_between("acme", "gold", Some("2026-11-18T12:00:00Z"), None).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T11:59:59Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 21:00 UTC] [sla: 12h] [tier: Silver]");
    desk.at("2026-11-18T12:00:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 16:00 UTC] [sla: 12h] [tier: Silver]");
});

story!(s11_a_rise_counts_from_its_day_though_its_clock_is_heard_of_later, |desk| {
    desk.partner("acme", "silver", &["alice"]).await;
    desk.tier_between("acme", "gold", Some("2026-11-19T12:00:00Z"), None).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-19T11:00:00Z").await;
    desk.holds_webhooks();
    desk.closes("ann", &issue).await;
    desk.at("2026-11-19T11:00:10Z").await;
    desk.reopens("alice", &issue).await;
    desk.at("2026-11-19T12:30:00Z").await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-19 16:00 UTC] [sla: 12h] [sla: breached] [tier: Silver]");
    assert!(desk.reasons(&issue).contains("`S11` The tier rose to Gold Thursday 2026-11-19 12:00 UTC"), "{}", desk.reasons(&issue));
});

story!(s11_q8_a_fall_leaves_the_old_promise, EVERY, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.set_tier("acme", "silver").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    desk.says("ann", &issue, "Here.").await;
    // The next clock runs by the tier of its own start (S5).
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "And now?").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 23:00 UTC] [sla: 12h] [tier: Silver]");
});

story!(e3_a_clock_that_stands_still_has_nothing_said_that_waited, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    desk.chat.answer_always("", ChatAnswer::Status(503, None));
    desk.at("2026-11-18T14:00:01Z").await;
    desk.says("ann", &issue, "/wait").await;
    desk.chat.answer_always("", ChatAnswer::OK);
    let _ = desk.chat.take();
    desk.at("2026-11-18T14:30:00Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    let why = desk.everything().await.into_iter().filter(|row| row.contains("its clock stands still: it waits for the partner"));
    assert_eq!(why.count(), 1);
    // What falls due when it goes on is said: an hour is left.
    desk.says("alice", &issue, "Here is the log.").await;
    desk.at("2026-11-18T15:10:00Z").await;
    assert_eq!(steps(&desk), ["on-call (90%)"]);
});

story!(e3_a_step_that_nobody_looked_at_before_the_clock_stood_still_is_not_said, EVERY, |desk| {
    let issue = asked_again(&desk).await;
    // The desk is away from before the step until after the word that pauses.
    desk.clock.advance_to(crate::desk::instant("2026-11-18T14:05:00Z"));
    desk.says("ann", &issue, "/wait").await;
    desk.at("2026-11-18T14:30:00Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    let log = desk.log(&issue).await;
    let why = log.iter().filter(|line| line.starts_with("E3 ") && line.contains("is not said: the clock stands still"));
    assert_eq!(why.count(), 1, "{log:#?}");
});

story!(s10_a_breach_is_said_though_the_answer_was_taken_back_after_its_instant, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T12:59:00Z").await;
    let _ = desk.pings();
    // Its webhook is late: that it is answered is read when the step falls due.
    desk.holds_webhooks();
    let answer = desk.sandbox.comment(REPO, issue.number, "ann", "Oops.").await.unwrap().comment.unwrap();
    desk.at("2026-11-18T13:00:30Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    desk.delivers_the_rest().await;
    desk.at("2026-11-18T13:04:00Z").await;
    desk.sandbox.delete_comment(REPO, answer, "ann").await.unwrap();
    desk.settle().await;
    assert!(desk.labels(&issue).contains("sla: breached"), "{}", desk.labels(&issue));
    assert_eq!(steps(&desk), ["breach (due), late"]);
});

story!(s10_a_comment_that_was_no_answer_moves_nothing_when_it_is_deleted, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T13:15:00Z").await;
    let comment = desk.says("zoe", &issue, "Same here.").await.comment.unwrap();
    desk.at("2026-11-18T14:05:00Z").await;
    let early = desk.says("zoe", &issue, "Still so.").await.comment.unwrap();
    let steps = async || desk.log(&issue).await.into_iter().filter(|line| line.starts_with("E1 ") || line.starts_with("E4 ")).count();
    let before = steps().await;
    let _ = desk.pings();
    for comment in [comment, early] {
        desk.sandbox.delete_comment(REPO, comment, "ann").await.unwrap();
        desk.settle().await;
    }
    assert_eq!((steps().await, desk.pings()), (before, vec![]));
});

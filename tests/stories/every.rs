//! `response = "every"`: each unanswered word of the partner starts a clock.

use crate::desk::{Desk, Opened, REPO, Setup};
use partner_desk::domain::response::{Begun, Outcome, State};

const EVERY: Setup = Setup { config: "response = \"every\"", programme: None };

/// A Gold ticket that was answered at 10:00.
async fn answered(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["alice", "carol"]).await;
    desk.partner("beta", "gold", &["bob"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "Try the new version.").await;
    issue
}

async fn outcomes(desk: &Desk, issue: &Opened) -> Vec<Option<Outcome>> {
    let cycles = desk.ticket(issue).await.unwrap().cycles();
    let outcome = |state: &State| match state {
        State::Ended { outcome, .. } => Some(*outcome),
        State::Running => None,
    };
    cycles.iter().map(|cycle| outcome(&cycle.state)).collect()
}

story!(s4_every_starts_a_clock_from_the_oldest_word_that_is_not_answered, EVERY, |desk| {
    let issue = answered(&desk).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "It is no better.").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 15:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-18 15:00 UTC**. The partner wrote again, which starts a new clock; it is not charged again.
    ");
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("carol", &issue, "Nor is it here.").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 15:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T14:00:00Z").await;
    insta::assert_snapshot!(desk.pings().join("\n"), @r"due soon (75%): Acme, Gold, 7x/support#1 “Help”, 1h left, due 2026-11-18 15:00 UTC. The partner has written again. Answer in a public comment to stop the clock. https://github.com/7x/support/issues/1");
    desk.says("ben", &issue, "Found it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ben` on Wednesday 2026-11-18 14:00 UTC, after 3h of the promised 4h.
    ");
    desk.at("2026-11-20T12:00:00Z").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), Some(Outcome::Met)]);
    assert_eq!((desk.pings(), desk.ledger("acme").await.len()), (Vec::new(), 1));
});

story!(s4_first_owes_one_answer_only, |desk| {
    let issue = answered(&desk).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "It is no better.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    desk.says("ann", &issue, "/none").await;
    assert_eq!(desk.comments(&issue).last().unwrap(), "`/none` does nothing now: no clock runs.");
    desk.at("2026-11-20T12:00:00Z").await;
    assert_eq!((outcomes(&desk, &issue).await, desk.pings()), (vec![Some(Outcome::Met)], Vec::new()));
});

story!(s4_what_starts_no_clock, EVERY, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T09:30:00Z").await;
    desk.says("alice", &issue, "Any news?").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T10:00:00Z").await;
    let answer = desk.says("ann", &issue, "Here.").await.comment.unwrap();
    desk.at("2026-11-18T11:00:00Z").await;
    for (author, text) in
        [("alice", "/status"), ("bob", "And we?"), ("passerby", "+1"), ("partner-desk[bot]", "…"), ("ben", "By the way …")]
    {
        desk.says(author, &issue, text).await;
        assert_eq!(outcomes(&desk, &issue).await.len(), 1, "{author}: {text}");
    }
    desk.sandbox.edit_comment(REPO, answer, "ann", "Here and there.").await.unwrap();
    desk.closes("alice", &issue).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("alice", &issue, "Thank you.").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met)], "nothing is owed on a closed issue");
});

story!(s4_none_settles_a_thank_you, EVERY, |desk| {
    let issue = answered(&desk).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "Thank you!").await;
    desk.at("2026-11-18T11:05:00Z").await;
    desk.says("ben", &issue, "/none").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), Some(Outcome::Settled)]);
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Settled by `ben` on Wednesday 2026-11-18 11:05 UTC: no answer was needed.
    ");
    // What comes after it starts a clock again, and past due nothing settles it.
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("alice", &issue, "One more thing.").await;
    desk.at("2026-11-18T16:00:01Z").await;
    desk.says("ben", &issue, "/none").await;
    assert_eq!(outcomes(&desk, &issue).await[2], Some(Outcome::ClosedLate));
    insta::assert_snapshot!(format!("{}\n{}", desk.labels(&issue), desk.status(&issue)), @r"
    [sla: 4h] [sla: breached] [tier: Gold]
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Settled by `ben` on Wednesday 2026-11-18 16:00:01 UTC, after the promised time had passed without an answer.
    ");
});

story!(s4_none_settles_no_first_answer, EVERY, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.says("ann", &issue, "/none").await;
    assert_eq!(
        desk.comments(&issue).last().unwrap(),
        "`/none` does nothing yet: the first answer is owed, and nothing pauses or settles that."
    );
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "Here.").await;
    desk.closes("ann", &issue).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.reopens("alice", &issue).await;
    desk.says("ann", &issue, "/none").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), None]);
});

story!(s4_a_late_clock_does_not_spoil_the_next, EVERY, |desk| {
    let issue = answered(&desk).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "It is no better.").await;
    desk.at("2026-11-18T15:00:01Z").await;
    desk.says("ann", &issue, "Sorry.").await;
    desk.at("2026-11-18T16:00:00Z").await;
    desk.says("alice", &issue, "And this?").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 20:00 UTC] [sla: 4h] [sla: breached] [tier: Gold]");
    desk.at("2026-11-18T17:00:00Z").await;
    desk.says("ann", &issue, "Done.").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), Some(Outcome::Late), Some(Outcome::Met)]);
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 17:00 UTC, after 1h of the promised 4h.
    ");
});

story!(s3_s4_an_answer_that_is_told_late_corrects_the_clock_that_it_ends, EVERY, |desk| {
    let issue = answered(&desk).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.holds_webhooks();
    desk.says("alice", &issue, "It is no better.").await;
    desk.at("2026-11-18T11:30:00Z").await;
    desk.says("ann", &issue, "Found it.").await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("alice", &issue, "And the other one?").await;
    // The last word comes first, then the question, then its answer.
    desk.delivers(&[2]).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 16:00 UTC] [sla: 4h] [tier: Gold]");
    desk.delivers(&[0]).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 15:00 UTC] [sla: 4h] [tier: Gold]");
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 16:00 UTC] [sla: 4h] [tier: Gold]");
    let cycles = desk.ticket(&issue).await.unwrap().cycles();
    assert_eq!(cycles.iter().map(|cycle| cycle.begun).collect::<Vec<_>>(), [Begun::Admission, Begun::Comment, Begun::Comment]);
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), Some(Outcome::Met), None]);
});

story!(s5_s4_each_clock_runs_by_the_promise_of_its_own_start, EVERY, |mut desk| {
    let issue = answered(&desk).await;
    desk.at("2026-11-18T10:30:00Z").await;
    desk.set_tier("acme", "platinum").await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &issue, "It is no better.").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 14:00 UTC] [sla: 3h] [tier: Platinum]");
    desk.restart_with(Setup::default()).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 14:00 UTC] [sla: 3h] [tier: Platinum]");
    desk.at("2026-11-18T13:00:00Z").await;
    desk.says("ann", &issue, "Found it.").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), Some(Outcome::Met)]);
});

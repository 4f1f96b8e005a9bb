//! Commands in comments: what each does, who may, and what the desk answers.

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use partner_desk::domain::command::Verb;
use partner_desk::domain::response::{Outcome, Said, State};
use partner_desk::sandbox::{CloseOrder, Happened};

/// A Gold ticket of Alice at Acme, where Carol is a member, too.
async fn a_ticket(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["alice", "carol"]).await;
    desk.opens("alice", "Help").await
}

/// What the desk replies to one comment; nothing if it does not.
async fn reply(desk: &Desk, author: &str, issue: &Opened, text: &str) -> String {
    let before = desk.comments(issue).len();
    desk.says(author, issue, text).await;
    let comments = desk.comments(issue);
    assert!(comments.len() <= before + 1, "more than one reply to {text}: {comments:?}");
    comments.get(before.max(1)).cloned().unwrap_or_default()
}

/// Whether its clock runs still.
async fn runs(desk: &Desk, issue: &Opened) -> bool {
    desk.ticket(issue).await.unwrap().cycles().last().unwrap().is_running()
}

async fn last_outcome(desk: &Desk, issue: &Opened) -> Option<Outcome> {
    match desk.ticket(issue).await.unwrap().cycles().last().unwrap().state {
        State::Ended { outcome, .. } => Some(outcome),
        State::Running => None,
    }
}

/// What became of the commands, in their order.
async fn verdicts(desk: &Desk, issue: &Opened) -> Vec<Said> {
    desk.ticket(issue).await.unwrap().walk().verdicts.into_iter().map(|verdict| verdict.said).collect()
}

/// The steps that were said since the last time, without what they say.
fn steps(desk: &Desk) -> Vec<String> {
    desk.pings().iter().map(|ping| ping.split(": ").next().unwrap().to_owned()).collect()
}

/// The commands of the table in a reply to `/help`.
fn listed(help: &str) -> Vec<String> {
    let rows = help.lines().filter_map(|line| line.strip_prefix("| `/"));
    rows.map(|row| row.split(['`', ' ']).next().unwrap().to_owned()).collect()
}

story!(c_help_lists_what_each_may_use_and_nothing_else, |desk| {
    desk.partner("beta", "silver", &["bob", "dora"]).await;
    let issue = a_ticket(&desk).await;
    let agents = listed(&reply(&desk, "ann", &issue, "/help").await);
    assert_eq!(agents, Verb::ALL.map(Verb::name));
    let help = reply(&desk, "alice", &issue, "/help").await;
    insta::assert_snapshot!(help, @r"
    Each on a line of its own in a new comment:

    | command | what it does |
    |---|---|
    | `/quota` | tells how many tickets are used and left |
    | `/status` | tells where the clock stands |
    | `/why` | tells each charge, start, pause and stop, with its rule |
    | `/help` | lists the commands |
    | `/withdraw` | closes the issue; within 15 minutes and unanswered, the ticket is given back |
    | `/reopen` | opens the issue again |
    ");
    assert_eq!(listed(&reply(&desk, "carol", &issue, "/help").await), listed(&help));
    // Who belongs to two partners may choose.
    desk.partner("gamma", "silver", &["dora"]).await;
    let choice = desk.opens("dora", "For whom?").await;
    assert!(listed(&reply(&desk, "dora", &choice, "/help").await).contains(&"for".to_owned()));
    assert_eq!(reply(&desk, "passerby", &issue, "/help").await, "`/help` is for the partner's people and support engineers.");
});

story!(c_s2_each_command_of_an_agent_is_refused_to_a_member, |desk| {
    let issue = a_ticket(&desk).await;
    for verb in Verb::ALL.into_iter().filter(|verb| verb.for_agents()) {
        let text = verb.form().replace("REASON", "because").replace('N', "2").replace(['[', ']'], "").replace(" until YYYY-MM-DD", "");
        let said = reply(&desk, "alice", &issue, &text).await;
        assert_eq!(said, format!("`/{}` is for support engineers.", verb.name()), "{text}");
    }
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.ledger("acme").await.len(), 1);
});

story!(c_s2_who_is_neither_gets_a_reply_to_a_command_and_none_to_a_path, |desk| {
    let issue = a_ticket(&desk).await;
    for verb in ["quota", "status", "why", "withdraw", "ack", "grant 2 please"] {
        let name = verb.split(' ').next().unwrap();
        let said = reply(&desk, "passerby", &issue, &format!("/{verb}")).await;
        assert_eq!(said, format!("`/{name}` is for the partner's people and support engineers."));
    }
    assert_eq!(reply(&desk, "passerby", &issue, "/tmp").await, "");
    // Bots are no audience.
    let before = desk.comments(&issue).len();
    desk.says("partner-desk[bot]", &issue, "/quota\n/ack\n/foo").await;
    assert_eq!(desk.comments(&issue).len(), before + 1, "only that comment itself");
    assert_eq!(desk.view(&issue).state, "open");
    // On an issue that counts for nobody, strangers hear nothing.
    let other = desk.opens("passerby", "Hello?").await;
    desk.says("passerby", &other, "/help").await;
    desk.says("alice", &other, "/quota").await;
    assert_eq!(desk.comments(&other), Vec::<String>::new());
});

story!(c_w4_an_agent_who_is_a_member_of_this_partner_is_a_member_here, |desk| {
    desk.partner("beta", "gold", &["bob"]).await;
    let issue = a_ticket(&desk).await;
    desk.joins("acme", "ann", |_| {}).await;
    assert_eq!(reply(&desk, "ann", &issue, "/waive a friend").await, "`/waive` is for support engineers.");
    assert!(!listed(&reply(&desk, "ann", &issue, "/help").await).contains(&"waive".to_owned()));
    let elsewhere = desk.opens("bob", "Help us, too").await;
    assert_eq!(reply(&desk, "ann", &elsewhere, "/waive our fault").await, "");
    assert_eq!(desk.ledger("beta").await.len(), 2);
});

story!(c_an_unknown_command_gets_one_short_reply_with_the_nearest_name, |desk| {
    let issue = a_ticket(&desk).await;
    assert_eq!(reply(&desk, "alice", &issue, "/qouta").await, "`/qouta` is no command here; did you mean `/quota`?");
    assert_eq!(reply(&desk, "ann", &issue, "/acknowledge").await, "`/acknowledge` is no command here; `/help` lists them.");
    assert_eq!(reply(&desk, "ann", &issue, "/escalte").await, "`/escalte` is no command here; did you mean `/escalate`?");
    // What a member may not use is not suggested to one.
    assert_eq!(reply(&desk, "alice", &issue, "/escalte").await, "`/escalte` is no command here; `/help` lists them.");
    assert!(runs(&desk, &issue).await, "no answer by an agent among them");
});

story!(c_a_command_that_does_not_read_says_how_it_is_written, |desk| {
    let issue = a_ticket(&desk).await;
    for (text, form) in [
        ("/extend 4h", "/extend 4h REASON"),
        ("/grant two because", "/grant N [until YYYY-MM-DD] REASON"),
        ("/waive", "/waive REASON"),
        ("/refund", "/refund REASON"),
        ("/duplicate of that", "/duplicate #N"),
        ("/ack later", "/ack [30m]"),
        ("/for", "/for PARTNER"),
    ] {
        let name = text.split(' ').next().unwrap();
        assert_eq!(reply(&desk, "ann", &issue, text).await, format!("`{name}` does not read. It is written `{form}`."));
    }
});

story!(c_only_new_comments_command_and_neither_edits_quotes_code_nor_the_opening_text, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens_with("alice", "Help", "It broke.\n\n/quota\n/withdraw").await;
    let bare = desk.says("ann", &issue, "/status").await.comment.unwrap();
    assert_eq!(desk.comments(&issue).len(), 2);
    desk.sandbox.edit_comment(REPO, bare, "ann", "/waive on second thought").await.unwrap();
    desk.sandbox.edit_issue(REPO, issue.number, "alice", "It broke.\n\n/withdraw").await.unwrap();
    desk.settle().await;
    for text in ["> /quota\n\nWhat is that?", "```\n/quota\n```", "    /quota", "Try /quota.", "see\n- /quota", "`/quota`"] {
        assert_eq!(reply(&desk, "alice", &issue, text).await, "", "{text}");
    }
    assert_eq!(verdicts(&desk, &issue).await, [Said::Asked(Verb::Status)]);
    assert_eq!((desk.view(&issue).state.as_str(), desk.ledger("acme").await.len()), ("open", 1));
});

story!(c_r1_a_delivery_that_comes_again_is_obeyed_once_and_answered_once, |desk| {
    let issue = a_ticket(&desk).await;
    let said: Happened = desk.says("ann", &issue, "/grant 2 an outage\n/quota").await;
    for delivery in &said.deliveries {
        desk.sandbox.redeliver(&delivery.guid).await;
        desk.settle().await;
    }
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.ledger("acme").await.len(), 2);
    assert_eq!(desk.comments(&issue).len(), 2);
});

story!(c_several_commands_in_one_comment_get_one_reply, |mut desk| {
    let issue = a_ticket(&desk).await;
    let said = reply(&desk, "ann", &issue, "/status\n/waive our own fault\n/wait\n/akc\n\n/QUOTA please").await;
    insta::assert_snapshot!(said, @r"
    An engineer answers by **Wednesday 2026-11-18 13:00 UTC**.

    `/wait` does nothing yet: the first answer is owed, and nothing pauses or settles that.

    `/akc` is no command here; did you mean `/ack`?

    **Acme** (Gold): **0 of 10** tickets used, **10** left, week until Monday 2026-11-23 00:00 UTC.
    ");
    assert_eq!(desk.ledger("acme").await.len(), 2, "the waiver was carried out");
    desk.restart().await;
    assert_eq!(desk.comments(&issue).len(), 2);
});

story!(c_s2_s8_the_text_beside_an_agents_commands_is_the_answer_and_counts_first, |desk| {
    let issue = a_ticket(&desk).await;
    for bare in ["/status", "> Help\n\n/ack", "/wait\n/resume\n/none\n/escalate"] {
        desk.says("ann", &issue, bare).await;
        assert!(runs(&desk, &issue).await, "{bare}");
    }
    desk.at("2026-11-18T09:01:00Z").await;
    let said = reply(&desk, "ann", &issue, "Please send the log.\n/wait").await;
    assert_eq!(last_outcome(&desk, &issue).await, Some(Outcome::Met));
    assert_eq!(said, "`/wait` does nothing now: no clock runs.");
    // The text of an agent who closes by command is an answer, too.
    let other = desk.opens("alice", "Again").await;
    desk.says("ann", &other, "See the other one.\n/duplicate #1").await;
    assert_eq!(last_outcome(&desk, &other).await, Some(Outcome::Met));
    assert_eq!(desk.ledger("acme").await.len(), 2, "answered, so nothing goes back");
});

story!(c_status_tells_where_the_clock_stands, |desk| {
    let issue = a_ticket(&desk).await;
    assert_eq!(reply(&desk, "alice", &issue, "/status").await, "An engineer answers by **Wednesday 2026-11-18 13:00 UTC**.");
    desk.at("2026-11-18T13:30:00Z").await;
    assert_eq!(
        reply(&desk, "carol", &issue, "/status").await,
        "The answer was due **Wednesday 2026-11-18 13:00 UTC** and is late. The team has been told."
    );
    desk.says("ann", &issue, "Sorry.").await;
    assert_eq!(
        reply(&desk, "ben", &issue, "/status").await,
        "Answered by `ann` on Wednesday 2026-11-18 13:30 UTC, 30m later than the promised 4h."
    );
    desk.partner("uni", "student", &["stu"]).await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    insta::assert_snapshot!(reply(&desk, "stu", &third, "/status").await, @r"
    **Waiting for a slot** for **Uni** (Student). **2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used.

    It is next in line. Its slot opens **Monday 2026-11-23 00:00 UTC**: it is accepted then, by itself, and the clock starts. The issue stays open meanwhile.
    ");
});

story!(c_q7_quota_tells_what_is_used_and_left, |desk| {
    let issue = a_ticket(&desk).await;
    desk.opens("carol", "Another").await;
    let week = "week until Monday 2026-11-23 00:00 UTC";
    assert_eq!(reply(&desk, "alice", &issue, "/quota").await, format!("**Acme** (Gold): **2 of 10** tickets used, **8** left, {week}."));
    desk.says("ann", &issue, "/waive a test\n/grant 3 until 2026-12-31 as agreed").await;
    assert_eq!(
        reply(&desk, "ann", &issue, "/quota").await,
        format!(
            "**Acme** (Gold): **1 of 10** tickets used, **9** left, {week}. \
             Granted: **3 of 3** extra tickets left until Friday 2027-01-01 00:00 UTC."
        )
    );
    desk.subscription_ends("acme").await;
    assert_eq!(reply(&desk, "alice", &issue, "/quota").await, "**Acme** has no subscription at present (`Q9`).");
});

story!(c_g3_in_public_numbers_are_not_told, Setup { config: "privacy = true", ..Setup::default() }, |desk| {
    let issue = a_ticket(&desk).await;
    for (command, told) in [
        ("/quota", "Numbers are not shown in a public repository (`G3`)."),
        ("/why", "The account is not shown in a public repository (`G3`)."),
        ("/status", "An engineer answers within the agreed time."),
    ] {
        assert_eq!(reply(&desk, "alice", &issue, command).await, told);
    }
});

story!(c_why_prints_the_clocks_own_ledger, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("passerby", &issue, "Me, too.").await;
    desk.says("ann", &issue, "/extend 1h a part is on its way").await;
    desk.at("2026-11-18T10:30:00Z").await;
    desk.says("carol", &issue, "We | wait @everyone.").await;
    desk.says("ann", &issue, "Try again.").await;
    desk.at("2026-11-18T10:31:00Z").await;
    insta::assert_snapshot!(reply(&desk, "alice", &issue, "/why").await, @r"
    | when (UTC) | rule | who | what |
    |---|---|---|---|
    | 2026-11-18 09:00:00 | `W2` | alice | opened, as a member of acme then |
    | 2026-11-18 09:00:00 | `Q1` | alice | charge for acme: ticket 1 of 10 in the week from 2026-11-16T00:00:00Z |
    | 2026-11-18 09:00:00 | `S1` |  | clock 1 starts: admitted; answer within 4h |
    | 2026-11-18 10:00:00 | `W3` | ann | counts as a support engineer: was one when this was written |
    | 2026-11-18 10:00:00 | `C` |  | clock 1 is extended by 1h: a part is on its way |
    | 2026-11-18 10:00:00 | `C` | ann | /extend: carried out |
    | 2026-11-18 10:30:00 | `W4` | carol | counts as the partner's: was a member when this was written |
    | 2026-11-18 10:30:00 | `S3` | ann | clock 1 stops: answered in time: met |
    | 2026-11-18 10:31:00 | `C` | alice | /why: answered |
    ");
});

story!(c_e5_acknowledged_is_not_repeated, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T13:10:00Z").await;
    assert_eq!(steps(&desk), ["due soon (75%)", "on-call (90%)", "breach (due)"]);
    assert_eq!(reply(&desk, "ben", &issue, "/ack").await, "");
    desk.at("2026-11-19T13:00:00Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    assert!(runs(&desk, &issue).await);
    assert!(desk.view(&issue).has_label("sla: breached"));
    desk.says("ben", &issue, "Here.").await;
    assert_eq!(reply(&desk, "ben", &issue, "/ack").await, "`/ack` does nothing now: no clock runs.");
});

story!(c_e5_acknowledged_for_a_time_it_is_repeated_after_it, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T13:50:00Z").await;
    assert_eq!(steps(&desk).last().unwrap(), "breach (due)");
    desk.says("ben", &issue, "/ack 30m").await;
    desk.at("2026-11-18T14:59:59Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(steps(&desk), ["breach (due), repeat 2 of 12"]);
});

story!(c_escalate_takes_the_next_step_at_once_and_it_is_not_taken_again, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T09:30:00Z").await;
    assert_eq!(reply(&desk, "ann", &issue, "/escalate").await, "");
    assert_eq!(steps(&desk), ["due soon (75%)"]);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T12:30:00Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    desk.says("ann", &issue, "/escalate").await;
    assert_eq!(steps(&desk), ["on-call (90%)"]);
    desk.at("2026-11-18T13:30:00Z").await;
    assert_eq!(steps(&desk), ["breach (due)"]);
    desk.says("ann", &issue, "Here.").await;
    assert_eq!(reply(&desk, "ann", &issue, "/escalate").await, "`/escalate` does nothing now: no clock runs.");
});

story!(c_extend_moves_due_once_and_never_after_a_breach, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:10:00Z").await;
    assert!(desk.view(&issue).has_label("sla: due soon"));
    assert_eq!(reply(&desk, "ann", &issue, "/extend 4h waits for a part").await, "");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 17:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-18 17:00 UTC**. Extended by 4h: waits for a part.
    ");
    assert_eq!(
        reply(&desk, "ann", &issue, "/extend 4h still waits").await,
        "`/extend` was not carried out: a due time is moved once only."
    );
    desk.at("2026-11-18T16:59:00Z").await;
    assert!(!desk.view(&issue).has_label("sla: breached"));
    desk.says("ann", &issue, "Here.").await;
    assert_eq!(last_outcome(&desk, &issue).await, Some(Outcome::Met));
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 16:59 UTC, after 7h 59m of the promised 4h (extended by 4h).
    ");
    let late = desk.opens("alice", "Again").await;
    desk.at("2026-11-18T21:00:00Z").await;
    assert_eq!(
        reply(&desk, "ann", &late, "/extend 4h too late").await,
        "`/extend` was not carried out: the due time has passed, and a breach stays a breach."
    );
    assert!(desk.view(&late).has_label("sla: breached"));
});

story!(c_q6_duplicate_closes_as_one_and_gives_the_unit_back, |desk| {
    let issue = a_ticket(&desk).await;
    let again = desk.opens("carol", "The same").await;
    desk.at("2026-11-18T11:00:00Z").await;
    assert_eq!(reply(&desk, "ann", &again, "/duplicate #1").await, "");
    assert_eq!(last_outcome(&desk, &again).await, Some(Outcome::ClosedUnanswered));
    assert_eq!(desk.labels(&again), "[sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&again), @r"
    **Accepted** for **Acme** (Gold). Ticket **2 of 10**, week until Monday 2026-11-23 00:00 UTC. Given back: closed as a duplicate before an answer.

    Closed by `ann` on Wednesday 2026-11-18 11:00 UTC without an answer; the clock has stopped.
    ");
    assert_eq!(reply(&desk, "ann", &again, "/duplicate #1").await, "`/duplicate` does nothing now: the issue is closed.");
    assert!(runs(&desk, &issue).await);
});

story!(c_q6_withdraw_closes_for_every_member, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T09:14:00Z").await;
    assert_eq!(reply(&desk, "carol", &issue, "/withdraw").await, "");
    assert_eq!(last_outcome(&desk, &issue).await, Some(Outcome::Cancelled));
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC. Given back: closed by the partner within 15 minutes, unanswered.

    Closed by `carol` on Wednesday 2026-11-18 09:14 UTC; the clock has stopped.
    ");
    assert_eq!(reply(&desk, "alice", &issue, "/withdraw").await, "`/withdraw` does nothing now: the issue is closed.");
    let late = desk.opens("alice", "Another").await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("alice", &late, "/withdraw").await;
    assert_eq!(last_outcome(&desk, &late).await, Some(Outcome::Cancelled));
    assert_eq!(desk.ledger("acme").await.len(), 3, "the second stays charged");
});

story!(c_s9_reopen_starts_a_new_clock, |desk| {
    let issue = a_ticket(&desk).await;
    assert_eq!(reply(&desk, "alice", &issue, "/reopen").await, "`/reopen` does nothing now: the issue is open.");
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "Here.").await;
    desk.closes("ann", &issue).await;
    desk.at("2026-11-18T11:00:00Z").await;
    assert_eq!(reply(&desk, "alice", &issue, "/reopen").await, "");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 15:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.ledger("acme").await.len(), 1);
});

const CLOSE: Setup = Setup { config: "over_quota = \"close\"", programme: None };

story!(q5_q6_what_is_reopened_without_a_free_slot_is_closed_like_any_other, CLOSE, |desk| {
    let first = desk.given_back_and_out_of_tickets().await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.reopens("stu", &first).await;
    assert_eq!((desk.standing(&first).await, desk.view(&first).state.as_str()), ("turned_away", "closed"));
    // Who opens it now has the last word.
    desk.at("2026-11-18T12:10:00Z").await;
    desk.reopens("stu", &first).await;
    assert_eq!(desk.view(&first).state, "open");
});

story!(q5_q6_reopen_without_a_free_slot_is_refused_and_leaves_it_closed, CLOSE, |desk| {
    let first = desk.given_back_and_out_of_tickets().await;
    desk.at("2026-11-18T12:00:00Z").await;
    assert!(reply(&desk, "stu", &first, "/reopen").await.contains("no ticket is left until Monday 2026-11-23 00:00 UTC"));
    assert_eq!((desk.standing(&first).await, desk.view(&first).state.as_str()), ("turned_away", "closed"));
    let log = desk.log(&first).await;
    assert_eq!(log.iter().filter(|line| line.contains("charged again")).count(), 1, "{log:#?}");
    desk.at("2026-11-23T08:00:00Z").await;
    assert_eq!(reply(&desk, "stu", &first, "/reopen").await, "");
    assert_eq!((desk.standing(&first).await, desk.view(&first).state.as_str()), ("admitted", "open"));
});

story!(q5_q6_an_issue_is_closed_each_time_that_it_finds_no_slot, CLOSE, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!(desk.view(&third).state, "closed");
    desk.at("2026-11-23T08:00:00Z").await;
    desk.reopens("ann", &third).await;
    assert_eq!(desk.standing(&third).await, "admitted");
    desk.at("2026-11-23T08:10:00Z").await;
    desk.closes("stu", &third).await;
    desk.opens("stu", "Four").await;
    desk.opens("stu", "Five").await;
    desk.at("2026-11-23T12:00:00Z").await;
    desk.reopens("stu", &third).await;
    assert_eq!((desk.standing(&third).await, desk.view(&third).state.as_str()), ("turned_away", "closed"));
});

story!(s9_q6_a_command_that_comes_with_the_close_comes_before_it, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (other, issue) = (desk.opens("alice", "One").await, desk.opens("alice", "Two").await);
    desk.at("2026-11-18T10:00:00Z").await;
    let order = CloseOrder::CloseFirst;
    let said = format!("/duplicate #{}", other.number);
    desk.sandbox.close_with_comment(REPO, issue.number, "ann", "completed", &said, order).await.unwrap();
    desk.settle().await;
    assert!(!desk.comments(&issue).iter().any(|text| text.contains("does nothing")), "{:?}", desk.comments(&issue));
    assert!(desk.status(&issue).contains("Given back"), "{}", desk.status(&issue));
    let order = CloseOrder::CloseFirst;
    desk.sandbox.close_with_comment(REPO, other.number, "ann", "not_planned", "/waive our outage", order).await.unwrap();
    desk.settle().await;
    assert!(!desk.comments(&other).iter().any(|text| text.contains("not carried out")), "{:?}", desk.comments(&other));
    let back: Vec<_> = desk.ledger("acme").await.iter().filter(|entry| entry.issue == other.id).map(|entry| entry.kind.as_str()).collect();
    assert_eq!(back.len(), 2, "the close was heard of first, and has given it back: {back:?}");
});

story!(w5_q9_a_partner_that_is_called_otherwise_keeps_the_tickets_that_were_named_for_it, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.execute("UPDATE partners SET name = 'Northwind', name_key = 'northwind' WHERE id = 'acme'").await;
    let issue = desk.opens("nobody", "Help").await;
    desk.says("ann", &issue, "/for Northwind").await;
    let labels = desk.labels(&issue);
    assert!(labels.contains("[tier: Gold]"), "{labels}");
    desk.execute("UPDATE partners SET name = 'Apex', name_key = 'apex' WHERE id = 'acme'").await;
    desk.says("nobody", &issue, "It is urgent.").await;
    assert_eq!((desk.standing(&issue).await, desk.labels(&issue)), ("admitted", labels));
    assert!(desk.status(&issue).contains("for **Apex** (Gold)"), "{}", desk.status(&issue));
});

story!(c_q5_reopen_lets_in_what_was_turned_away_once_a_slot_is_free, CLOSE, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    desk.at("2026-11-19T09:00:00Z").await;
    assert_eq!(
        reply(&desk, "stu", &third, "/reopen").await,
        "`/reopen` was not carried out: no ticket is left until Monday 2026-11-23 00:00 UTC."
    );
    assert_eq!((desk.standing(&third).await, desk.view(&third).state.as_str()), ("turned_away", "closed"));
    desk.at("2026-11-23T08:00:00Z").await;
    assert_eq!(reply(&desk, "stu", &third, "/reopen").await, "");
    assert_eq!(desk.standing(&third).await, "admitted");
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 20:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC.

    An engineer answers by **Tuesday 2026-11-24 20:00 UTC**.
    ");
    assert_eq!(desk.ledger("uni").await.last().unwrap().at, instant("2026-11-23T08:00:00Z"));
});

story!(c_q5_w7_for_is_taken_from_a_comment_and_says_why_it_is_not, |desk| {
    desk.partner("beta", "gold", &["bob"]).await;
    let issue = a_ticket(&desk).await;
    let refused = "`/for` was not carried out: no partner of that name is yours to choose, or the ticket was answered or closed before.";
    assert_eq!(reply(&desk, "alice", &issue, "/for beta").await, refused);
    assert_eq!(reply(&desk, "ann", &issue, "/for nobody").await, refused);
    assert_eq!(reply(&desk, "ann", &issue, "/for beta").await, "");
    assert_eq!((desk.ledger("beta").await.len(), desk.ledger("acme").await.len()), (1, 2));
    // A later choice takes the place of a former one, of which nothing more is said.
    desk.at("2026-11-18T09:01:00Z").await;
    assert_eq!(reply(&desk, "ann", &issue, "/for acme").await, "");
    desk.at("2026-11-18T09:02:00Z").await;
    assert_eq!(reply(&desk, "ann", &issue, "/for beta").await, "");
    assert_eq!(desk.standing(&issue).await, "admitted");
    desk.at("2026-11-18T09:03:00Z").await;
    desk.says("ben", &issue, "Here.").await;
    desk.at("2026-11-18T09:04:00Z").await;
    assert_eq!(reply(&desk, "ann", &issue, "/for acme").await, refused);
    assert_eq!((desk.ledger("beta").await.len(), desk.ledger("acme").await.len()), (3, 4));
});

story!(c_what_counts_for_nobody_tells_an_agent_so, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("passerby", "Hello?").await;
    desk.says("ann", &issue, "/waive a gift").await;
    insta::assert_snapshot!(desk.comments(&issue).join("\n---\n"), @r"`/waive` does nothing here: this issue counts for no partner. `/for PARTNER` changes that.");
});

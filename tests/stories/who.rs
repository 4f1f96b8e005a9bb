//! Who is who: members, agents, and nobody. What counts is GitHub's id and the moment of the opening.

use crate::desk::{REPO, Setup, instant};

story!(w1_a_member_who_is_renamed_stays_a_member_and_whoever_takes_the_old_login_is_nobody, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.sandbox.rename_person("alice", "alicia").unwrap();
    let issue = desk.opens("alicia", "I have a new name").await;
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(desk.members("acme").await, ["alicia"]);

    let mark = desk.sandbox.mark();
    let other = desk.opens("alice", "I have an old name").await;
    assert_eq!(desk.standing(&other).await, "nobody");
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
    assert_eq!(desk.ledger("acme").await.len(), 1);
});

story!(w1_a_login_whose_id_could_not_be_asked_is_bound_at_first_sight, |desk| {
    desk.partner("acme", "gold", &[]).await;
    desk.joins("acme", "Alice", |member| member.user = None).await;
    let issue = desk.opens("alice", "First sight").await;
    assert_eq!(desk.standing(&issue).await, "admitted");

    desk.sandbox.rename_person("alice", "alicia").unwrap();
    let by_id = desk.opens("alicia", "Second sight").await;
    let by_login = desk.opens("alice", "Somebody else").await;
    assert_eq!((desk.standing(&by_id).await, desk.standing(&by_login).await), ("admitted", "nobody"));
});

story!(w1_an_agent_who_is_renamed_stays_an_agent_and_whoever_takes_the_old_login_is_none, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let before = desk.opens("alice", "Before").await;
    desk.says("ann", &before, "Try again.").await;
    desk.sandbox.rename_person("ann", "annette").unwrap();

    let issue = desk.opens("alice", "After").await;
    desk.says("ann", &issue, "Me too!").await;
    assert!(desk.ticket(&issue).await.unwrap().cycles()[0].is_running());
    desk.says("annette", &issue, "Fixed.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(w2_who_joins_after_the_opening_was_nobody_then, |desk| {
    desk.partner("acme", "gold", &[]).await;
    desk.joins("acme", "alice", |member| member.from = Some(instant("2026-11-18T10:00:00Z"))).await;
    let before = desk.opens("alice", "An hour early").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let after = desk.opens("alice", "In time").await;
    assert_eq!((desk.standing(&before).await, desk.standing(&after).await), ("nobody", "admitted"));
});

story!(w2_who_left_between_the_opening_and_its_webhook_still_counts_and_afterwards_no_more, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.holds_webhooks();
    let issue = desk.opens("alice", "My last one").await;
    desk.at("2026-11-18T09:30:00Z").await;
    desk.leaves("acme", "alice").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.standing(&issue).await, "admitted");

    let after = desk.opens("alice", "From my next company").await;
    assert_eq!(desk.standing(&after).await, "nobody");
});

story!(w2_the_tier_is_that_of_the_opening_not_of_its_webhook, |desk| {
    desk.partner("acme", "silver", &["alice"]).await;
    desk.holds_webhooks();
    let issue = desk.opens("alice", "Opened under Silver").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.set_tier("acme", "gold").await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 14:00 UTC] [sla: 12h] [tier: Silver]", "due follows the rise (S11)");

    let next = desk.opens("alice", "Opened under Gold").await;
    assert_eq!(desk.labels(&next), "[due: 2026-11-18 14:00 UTC] [sla: 4h] [tier: Gold]");
    assert!(desk.status(&next).contains("Ticket **2 of 10**"), "{}", desk.status(&next));
});

story!(w3_who_only_says_to_be_of_the_house_is_no_agent, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.sandbox.claim_association("eve", "OWNER");
    desk.sandbox.claim_association("ann", "NONE");
    let issue = desk.opens("alice", "Help").await;
    desk.says("eve", &issue, "I own this place.").await;
    assert!(desk.ticket(&issue).await.unwrap().cycles()[0].is_running());
    desk.says("ann", &issue, "And I work here.").await;
    assert!(desk.view(&issue).has_label("sla: met"));
});

story!(w4_an_agent_who_is_a_member_is_a_member_at_home_and_an_agent_elsewhere, |desk| {
    desk.partner("acme", "gold", &["alice", "ann"]).await;
    desk.partner("beta", "gold", &["bob"]).await;
    let home = desk.opens("alice", "At Acme").await;
    let elsewhere = desk.opens("bob", "At Beta").await;
    for issue in [&home, &elsewhere] {
        desk.says("ann", issue, "I can reproduce this.").await;
    }
    assert!(desk.view(&elsewhere).has_label("sla: met"));
    assert!(!desk.view(&home).has_label("sla: met"));
    desk.says("ben", &home, "So can I.").await;
    assert!(desk.view(&home).has_label("sla: met"));

    desk.opens("ann", "My own trouble").await;
    assert_eq!(desk.ledger("acme").await.len(), 2);
});

story!(w6_a_stranger_is_ignored_without_a_word, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mark = desk.sandbox.mark();
    let issue = desk.opens("passerby", "Nice project").await;
    desk.says("passerby", &issue, "Really!").await;
    desk.says("ann", &issue, "Thanks.").await;
    desk.at("2026-11-20T09:00:00Z").await;
    assert_eq!(issue.answer, Some(202));
    assert_eq!(desk.standing(&issue).await, "nobody");
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(desk.log(&issue).await, ["W6 its author was no member of any partner when it was opened"]);
});

story!(
    w6_a_stranger_gets_a_label_that_goes_when_the_account_is_added,
    Setup { config: "unknown_author = \"label\"", ..Setup::default() },
    |desk| {
        desk.partner("acme", "gold", &[]).await;
        let issue = desk.opens("alice", "Not on the list yet").await;
        assert_eq!(desk.labels(&issue), "[partner: unknown]");
        assert_eq!(desk.comments(&issue), Vec::<String>::new());
        desk.joins("acme", "alice", |_| {}).await;
        assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    }
);

story!(
    w6_a_stranger_gets_a_comment_that_becomes_the_status,
    Setup { config: "unknown_author = \"comment\"", ..Setup::default() },
    |desk| {
        desk.partner("acme", "gold", &[]).await;
        let issue = desk.opens("alice", "Not on the list yet").await;
        insta::assert_snapshot!(desk.status(&issue), @r"
    The author of this issue is not known as a member of a partner, so it does not count as a support ticket (`W6`).

    Members: please ask your organisation to have this account added; the issue is then looked at again.
    ");
        desk.joins("acme", "alice", |_| {}).await;
        assert_eq!(desk.comments(&issue).len(), 1);
        insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-18 13:00 UTC**.
    ");
    }
);

story!(w6_a_strangers_issue_is_closed_once, Setup { config: "unknown_author = \"close\"", ..Setup::default() }, |desk| {
    desk.partner("acme", "gold", &[]).await;
    let issue = desk.opens("alice", "Not on the list yet").await;
    assert_eq!(desk.view(&issue).state, "closed");
    insta::assert_snapshot!(desk.status(&issue), @r"
    The author of this issue is not known as a member of a partner, so it does not count as a support ticket (`W6`).

    Members: please ask your organisation to have this account added, then open a new issue.
    ");
    desk.reopens("ann", &issue).await;
    assert_eq!(desk.view(&issue).state, "open");
});

story!(w6_what_was_closed_meanwhile_is_not_charged_when_its_author_is_added, |desk| {
    desk.partner("acme", "gold", &[]).await;
    let issue = desk.opens("alice", "Never mind").await;
    desk.closes("alice", &issue).await;
    desk.joins("acme", "alice", |_| {}).await;
    assert_eq!(desk.standing(&issue).await, "nobody");
    assert_eq!(desk.ledger("acme").await, []);
});

story!(w6_an_agent_is_no_stranger, Setup { config: "unknown_author = \"close\"", ..Setup::default() }, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mark = desk.sandbox.mark();
    let issue = desk.opens("ann", "Renew the certificate").await;
    assert_eq!(desk.view(&issue).state, "open");
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
});

/// The operator named the account by its new login while GitHub could not be asked; the webhook still has the old one.
async fn told_while_github_was_away(desk: &crate::desk::Desk) -> crate::desk::Opened {
    desk.partner("acme", "gold", &[]).await;
    desk.holds_webhooks();
    let issue = desk.opens("alice", "Do you know me?").await;
    desk.sandbox.rename_person("alice", "alicia").unwrap();
    desk.joins("acme", "alicia", |member| (member.user, member.lookup_failed) = (None, true)).await;
    desk.sandbox.faults().outage(true);
    issue
}

story!(
    w6_nobody_is_called_a_stranger_while_a_look_up_has_failed,
    Setup { config: "unknown_author = \"close\"", ..Setup::default() },
    |desk| {
        let issue = told_while_github_was_away(&desk).await;
        let stranger = desk.opens("passerby", "Hello?").await;
        desk.delivers_the_rest().await;
        assert_eq!((desk.standing(&issue).await, desk.standing(&stranger).await), ("checking", "checking"));
        desk.at("2026-11-18T09:10:00Z").await;
        assert_eq!((desk.view(&issue).state.as_str(), desk.comments(&issue).len()), ("open", 0));

        desk.sandbox.faults().outage(false);
        desk.at("2026-11-18T09:12:00Z").await;
        assert_eq!((desk.standing(&issue).await, desk.standing(&stranger).await), ("admitted", "nobody"));
        assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
        assert_eq!(desk.view(&stranger).state, "closed");
        insta::assert_snapshot!(desk.log(&issue).await.join("\n"), @r"
    W6 the look-up of a member's id failed, so the author cannot be told from a stranger yet
    Q3 admitted for acme (gold): ticket 1 of 10 in the week from 2026-11-16T00:00:00Z
    S1 answer within 4h of 2026-11-18T09:00:00Z
    ");
    }
);

story!(w6_a_look_up_that_failed_costs_nobody_the_charge_of_a_ticket_closed_meanwhile, |desk| {
    let issue = told_while_github_was_away(&desk).await;
    desk.closes("ann", &issue).await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.standing(&issue).await, "checking");
    desk.sandbox.faults().outage(false);
    desk.at("2026-11-18T09:02:00Z").await;
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(desk.labels(&issue), "[sla: 4h] [tier: Gold]");
});

story!(w5_a_member_of_two_partners_counts_for_the_one_with_the_highest_tier, |desk| {
    desk.partner("acme", "silver", &["alice"]).await;
    desk.partner("beta", "platinum", &["alice"]).await;
    let issue = desk.opens("alice", "Which one am I?").await;
    assert!(desk.status(&issue).starts_with("**Accepted** for **Beta** (Platinum)"), "{}", desk.status(&issue));
    assert!(desk.reasons(&issue).contains("this one has the highest tier"));
});

story!(w5_the_primary_membership_goes_before_the_highest_tier_and_its_quota_is_no_reason_to_leave_it, |desk| {
    desk.partner("uni", "student", &[]).await;
    desk.joins("uni", "alice", |member| member.primary = true).await;
    desk.partner("acme", "platinum", &["alice"]).await;
    for title in ["One", "Two"] {
        let issue = desk.opens("alice", title).await;
        assert!(desk.reasons(&issue).contains("this membership is the primary one"));
    }
    let third = desk.opens("alice", "Three").await;
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
    assert_eq!(desk.ledger("acme").await, []);
});

story!(w5_the_form_field_goes_before_all_and_may_give_the_name, |desk| {
    desk.partner("acme", "silver", &[]).await;
    desk.joins("acme", "alice", |member| member.primary = true).await;
    desk.partner("beta", "gold", &["alice"]).await;
    let form = desk.opens_with("alice", "By form", "### Partner\n\nBETA\n\n### What happened\n\nIt broke.").await;
    assert!(desk.status(&form).starts_with("**Accepted** for **Beta** (Gold)"), "{}", desk.status(&form));
    assert!(desk.reasons(&form).contains("The issue names this partner, and its author belongs to it."));
    let line = desk.opens_with("alice", "By line", "It broke.\n\n/for beta").await;
    assert!(desk.status(&line).starts_with("**Accepted** for **Beta** (Gold)"), "{}", desk.status(&line));
    let none = desk.opens_with("alice", "By neither", "### Partner\n\n_No response_").await;
    assert!(desk.status(&none).starts_with("**Accepted** for **Acme** (Silver)"), "{}", desk.status(&none));
});

story!(w5_a_partner_that_the_author_does_not_belong_to_cannot_be_named, |desk| {
    desk.partner("acme", "silver", &["alice"]).await;
    desk.partner("beta", "platinum", &["bob"]).await;
    let issue = desk.opens_with("alice", "Faster, please", "/for beta").await;
    desk.says("alice", &issue, "/for beta").await;
    desk.says("bob", &issue, "/for beta").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 21:00 UTC] [sla: 12h] [tier: Silver]");
    assert_eq!(desk.ledger("beta").await, []);
});

story!(w5_q7_the_author_counts_a_ticket_for_another_partner_and_the_slot_goes_to_the_next_in_line, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.joins("uni", "alice", |member| member.primary = true).await;
    desk.partner("acme", "gold", &["alice"]).await;
    let first = desk.opens("alice", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!(desk.standing(&third).await, "waiting");

    desk.at("2026-11-18T09:20:00Z").await;
    desk.says("alice", &first, "This one is for my other employer.\n/for acme").await;
    assert_eq!(desk.labels(&first), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.labels(&third), "[due: 2026-11-19 21:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.ledger_lines("uni").await, @r"
    2026-11-18T09:00:00Z charge #1 by alice: ticket 1 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-18T09:00:00Z charge #2 by stu: ticket 2 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-18T09:00:00Z refund #1 by partner-desk: counts for acme instead
    2026-11-18T09:20:00Z charge #3 by stu: ticket 2 of 2 in the week from 2026-11-16T00:00:00Z
    ");
    insta::assert_snapshot!(desk.ledger_lines("acme").await, @r"2026-11-18T09:00:00Z charge #1 by alice: ticket 1 of 10 in the week from 2026-11-16T00:00:00Z");
});

story!(w7_an_agent_opens_a_ticket_for_a_partner_and_the_opening_text_is_no_answer, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens_with("ann", "Alice called", "She cannot log in.\n\n/for acme").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.ledger_lines("acme").await, @r"2026-11-18T09:00:00Z charge #1 by ann: ticket 1 of 10 in the week from 2026-11-16T00:00:00Z");
    desk.says("ben", &issue, "Her password has expired.").await;
    assert!(desk.view(&issue).has_label("sla: met"));
});

story!(w7_s2_a_bare_for_in_a_comment_makes_a_ticket_and_is_no_answer, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("ann", "Alice called").await;
    desk.at("2026-11-18T09:30:00Z").await;
    desk.says("passerby", &issue, "/for acme").await;
    assert_eq!(desk.standing(&issue).await, "nobody");
    desk.says("ann", &issue, "> She cannot log in.\n\n/for acme").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.ledger("acme").await[0].at, instant("2026-11-18T09:00:00Z"));
});

story!(w7_an_agent_adopts_a_strangers_issue_and_the_promise_is_made_then, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("temp-at-acme", "Nobody told you of me").await;
    desk.at("2026-11-20T10:00:00Z").await;
    desk.says("ann", &issue, "/for Acme").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-20 14:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.reasons(&issue), @r"
    - `W7` A support engineer opened or assigned this ticket for the partner.
    - `Q1` Charged to the week of its assignment to the partner, which began Monday 2026-11-16 00:00 UTC.
    - `S1` The promise is an answer within 4h of its assignment to the partner, Friday 2026-11-20 10:00 UTC.
    ");
});

story!(w7_what_an_agent_answered_before_adopting_it_needs_no_second_answer, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("temp-at-acme", "Nobody told you of me").await;
    desk.at("2026-11-18T09:20:00Z").await;
    desk.says("ann", &issue, "Try the new version.").await;
    desk.at("2026-11-18T09:21:00Z").await;
    desk.says("ann", &issue, "/for acme").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 09:20 UTC, before the clock began.
    ");
});

story!(w7_a_partner_that_does_not_exist_makes_no_ticket, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens_with("ann", "Typing fast", "/for amce").await;
    assert_eq!(desk.standing(&issue).await, "nobody");
    desk.says("ann", &issue, "/for acme").await;
    assert_eq!(desk.standing(&issue).await, "admitted");
});

story!(w8_a_pull_request_is_no_ticket_whoever_comments_on_it, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mark = desk.sandbox.mark();
    let pull = desk.sandbox.open_pull_request(REPO, "alice", "Fix it myself", "See the diff.").await.unwrap();
    for author in ["alice", "ann", "passerby"] {
        let said = desk.sandbox.comment(REPO, pull.number(), author, "/for acme\nLooks good.").await.unwrap();
        assert_eq!(said.status(), Some(200));
    }
    desk.settle().await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
    assert_eq!(desk.ledger("acme").await, []);
});

story!(w5_two_memberships_in_one_partner_are_one_choice, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.partner("beta", "platinum", &["alice"]).await;
    desk.joins("acme", "alice", |member| member.primary = true).await;
    let issue = desk.opens("alice", "Help").await;
    let partners: Vec<_> = desk.ticket(&issue).await.unwrap().author_sides.partners.iter().map(ToString::to_string).collect();
    assert_eq!(partners, ["acme", "beta"]);
});

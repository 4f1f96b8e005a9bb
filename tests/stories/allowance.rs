//! Allowances: windows, the queue, and the ledger.

use crate::desk::{Setup, instant};

story!(q5_the_third_of_two_waits_and_is_admitted_when_the_window_opens, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("stu", "One").await;
    let second = desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!((desk.standing(&first).await, desk.standing(&second).await), ("admitted", "admitted"));
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Waiting for a slot** for **Uni** (Student). **2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used.

    It is next in line. Its slot opens **Monday 2026-11-23 00:00 UTC**: it is accepted then, by itself, and the clock starts. The issue stays open meanwhile.
    ");
    desk.says("ann", &first, "Here.").await;
    desk.says("ann", &second, "Here.").await;
    desk.at("2026-11-23T00:00:30Z").await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.comments(&third).join("\n---\n"), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC.

    An engineer answers by **Tuesday 2026-11-24 12:00 UTC**.
    ---
    @stu, a slot came free: this ticket is accepted now. An engineer answers by **Tuesday 2026-11-24 12:00 UTC**.
    ");
    assert_eq!(desk.ledger("uni").await.last().unwrap().at, instant("2026-11-23T00:00:00Z"));
});

story!(q1_a_webhook_that_is_two_days_late_charges_the_week_of_the_opening, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.at("2026-11-22T23:50:00Z").await;
    desk.holds_webhooks();
    let issue = desk.opens("alice", "Opened on Sunday").await;
    desk.at("2026-11-24T23:50:00Z").await;
    desk.delivers_the_rest().await;
    insta::assert_snapshot!(desk.ledger_lines("acme").await, @r"2026-11-22T23:50:00Z charge #1 by alice: ticket 1 of 10 in the week from 2026-11-16T00:00:00Z");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    The answer was due **Monday 2026-11-23 03:50 UTC** and is late. The team has been told.
    ");
    let next = desk.opens("alice", "Opened on Tuesday").await;
    assert!(desk.status(&next).contains("Ticket **1 of 10**, week until Monday 2026-11-30 00:00 UTC."), "{}", desk.status(&next));
});

const PARIS: Setup = Setup { config: "time_zone = \"Europe/Paris\"", programme: None };

story!(q2_a_week_begins_at_local_midnight_and_may_last_167_hours, PARIS, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.at("2027-03-21T22:59:59Z").await;
    let last = desk.opens("stu", "One second to midnight in Paris").await;
    assert!(desk.status(&last).contains("**1 of 2**, week until Monday 2027-03-22 00:00 Europe/Paris."), "{}", desk.status(&last));
    desk.at("2027-03-21T23:00:00Z").await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    insta::assert_snapshot!(desk.status(&third), @r"
    **Waiting for a slot** for **Uni** (Student). **2 of 2** tickets of the week until Monday 2027-03-29 00:00 Europe/Paris are used.

    It is next in line. Its slot opens **Monday 2027-03-29 00:00 Europe/Paris**: it is accepted then, by itself, and the clock starts. The issue stays open meanwhile.
    ");
    desk.at("2027-03-28T21:59:59Z").await;
    assert_eq!(desk.standing(&third).await, "waiting");
    desk.at("2027-03-28T22:00:00Z").await;
    assert_eq!(desk.standing(&third).await, "admitted");
    assert_eq!(desk.ledger("uni").await.last().unwrap().at, instant("2027-03-28T22:00:00Z"));
});

const MONTHS: Setup = Setup {
    config: "time_zone = \"America/New_York\"",
    programme: Some(
        "[[tier]]\nid = \"monthly\"\nname = \"Monthly\"\ntickets = \"1/month\"\nresponse = \"24h\"\n\
         [[tier]]\nid = \"quarterly\"\nname = \"Quarterly\"\ntickets = \"1/quarter\"\nresponse = \"24h\"\n",
    ),
};

story!(q2_months_and_quarters_begin_at_local_midnight, MONTHS, |desk| {
    desk.partner("acme", "monthly", &["alice"]).await;
    desk.partner("beta", "quarterly", &["bob"]).await;
    let month = desk.opens("alice", "Of November").await;
    let quarter = desk.opens("bob", "Of the fourth quarter").await;
    assert!(desk.status(&month).contains("**1 of 1**, month until Tuesday 2026-12-01 00:00 America/New_York."), "{}", desk.status(&month));
    assert!(desk.status(&quarter).contains("**1 of 1**, quarter until Friday 2027-01-01 00:00 America/New_York."));
    let (month, quarter) = (desk.opens("alice", "Of December").await, desk.opens("bob", "Of the first quarter").await);
    desk.at("2026-12-01T04:59:59Z").await;
    assert_eq!((desk.standing(&month).await, desk.standing(&quarter).await), ("waiting", "waiting"));
    desk.at("2026-12-01T05:00:00Z").await;
    assert_eq!((desk.standing(&month).await, desk.standing(&quarter).await), ("admitted", "waiting"));
    desk.at("2027-01-01T05:00:00Z").await;
    assert_eq!(desk.standing(&quarter).await, "admitted");
});

const FOUR_KINDS: Setup = Setup {
    config: "",
    programme: Some(
        "[[tier]]\nid = \"none\"\nname = \"Reader\"\nresponse = \"24h\"\n\
         [[tier]]\nid = \"zero\"\nname = \"Zero\"\ntickets = \"0/week\"\nresponse = \"24h\"\n\
         [[tier]]\nid = \"one\"\nname = \"One\"\ntickets = \"1/week\"\nresponse = \"24h\"\n\
         [[tier]]\nid = \"all\"\nname = \"All\"\ntickets = \"unlimited\"\nresponse = \"4h\"\n",
    ),
};

story!(q3_a_tier_without_tickets_refuses_and_names_those_with, FOUR_KINDS, |desk| {
    desk.partner("acme", "none", &["alice"]).await;
    let issue = desk.opens("alice", "May I?").await;
    assert_eq!(desk.labels(&issue), "[tier: Reader]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Not accepted** for **Acme** (Reader).

    The tier Reader includes no tickets (`Q3`). Tiers that do: Zero, One, All.
    ");
    assert_eq!(desk.view(&issue).state, "open");
    assert_eq!(desk.ledger("acme").await, []);
});

story!(q3_q8_zero_a_week_waits_without_a_promised_slot_until_the_tier_rises, FOUR_KINDS, |desk| {
    desk.partner("acme", "zero", &["alice"]).await;
    let issue = desk.opens("alice", "Some day").await;
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Waiting for a slot** for **Acme** (Zero). The tier's allowance is **0 per week**.

    It is next in line. No slot is promised: it is accepted when the tier rises, or when extra tickets are granted.
    ");
    desk.at("2026-12-02T09:00:00Z").await;
    assert_eq!(desk.labels(&issue), "[quota: waiting] [tier: Zero]");
    desk.set_tier("acme", "one").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-12-03 09:00 UTC] [sla: 24h] [tier: One]");
});

story!(q3_unlimited_admits_everything, FOUR_KINDS, |desk| {
    desk.partner("acme", "all", &["alice"]).await;
    let mut issue = desk.opens("alice", "The first of many").await;
    for _ in 0..20 {
        issue = desk.opens("alice", "One more").await;
    }
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (All). Unlimited tickets.

    An engineer answers by **Wednesday 2026-11-18 13:00 UTC**.
    ");
    assert_eq!(desk.ledger("acme").await.len(), 21);
});

story!(q4_one_charge_a_ticket_however_often_and_in_whatever_order_it_is_told, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.holds_webhooks();
    let issue = desk.opens("alice", "Once").await;
    desk.says("alice", &issue, "And some more").await;
    desk.at("2026-11-18T09:16:00Z").await;
    desk.closes("alice", &issue).await;
    desk.at("2026-11-18T09:17:00Z").await;
    desk.reopens("alice", &issue).await;
    desk.delivers(&[3, 1, 1, 0, 0, 2, 3, 2, 1, 0]).await;
    desk.delivers_the_rest().await;
    insta::assert_snapshot!(desk.ledger_lines("acme").await, @r"2026-11-18T09:00:00Z charge #1 by alice: ticket 1 of 10 in the week from 2026-11-16T00:00:00Z");
    assert_eq!(desk.comments(&issue).len(), 1);
    assert_eq!(desk.ticket(&issue).await.unwrap().cycles().len(), 2);
});

story!(q5_those_in_line_know_their_place_and_when_their_slot_opens, FOUR_KINDS, |desk| {
    desk.partner("acme", "one", &["alice"]).await;
    let first = desk.opens("alice", "First").await;
    desk.says("ann", &first, "Done.").await;
    let second = desk.opens("alice", "Second").await;
    let third = desk.opens("alice", "Third").await;
    assert!(desk.status(&second).contains("It is next in line. Its slot opens **Monday 2026-11-23 00:00 UTC**"));
    assert!(desk.status(&third).contains("One ticket is ahead of it. Its slot opens **Monday 2026-11-30 00:00 UTC**"));
    desk.closes("alice", &second).await;
    assert!(desk.status(&third).contains("It is next in line. Its slot opens **Monday 2026-11-23 00:00 UTC**"));
    desk.at("2026-11-22T23:59:59Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(desk.standing(&third).await, "admitted");
});

story!(q5_close_shuts_what_is_over_and_keeps_nothing_in_line, Setup { config: "over_quota = \"close\"", ..Setup::default() }, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!((desk.view(&third).state.as_str(), desk.labels(&third).as_str()), ("closed", "[tier: Student]"));
    insta::assert_snapshot!(desk.status(&third), @r"
    **Not accepted** for **Uni** (Student). **2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used.

    Over the allowance, issues are closed here, and none is kept in line (`Q5`). From **Monday 2026-11-23 00:00 UTC** on, `/reopen` in a comment opens this one again.
    ");
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!((desk.view(&third).state.as_str(), desk.ledger("uni").await.len()), ("closed", 2));
    let fourth = desk.opens("stu", "Four").await;
    assert_eq!(desk.standing(&fourth).await, "admitted");
});

story!(q5_who_waits_keeps_its_turn_when_what_is_over_is_closed_from_now_on, |mut desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    let fourth = desk.opens("stu", "Four").await;
    assert_eq!((desk.standing(&third).await, desk.standing(&fourth).await), ("waiting", "waiting"));
    desk.restart_with(Setup { config: "over_quota = \"close\"", ..Setup::default() }).await;
    desk.closes("stu", &fourth).await;
    assert_eq!(desk.standing(&fourth).await, "left");
    desk.at("2026-11-19T09:00:00Z").await;
    desk.reopens("stu", &fourth).await;
    assert_eq!((desk.standing(&fourth).await, desk.view(&fourth).state.as_str()), ("turned_away", "closed"), "it had left the line");
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(desk.standing(&third).await, "admitted");
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
});

story!(q5_g4_the_word_that_a_slot_came_free_names_the_deadline_that_counts, |desk| {
    let first = desk.given_back_and_out_of_tickets().await;
    desk.at("2026-11-19T09:00:00Z").await;
    desk.reopens("stu", &first).await;
    assert_eq!(desk.standing(&first).await, "waiting");
    desk.at("2026-11-23T00:00:00Z").await;
    let word = desk.comments(&first).pop().unwrap();
    assert!(word.contains("a slot came free") && word.contains("**Tuesday 2026-11-24 12:00 UTC**"), "{word}");
});

const NO_SLA: Setup = Setup { config: "over_quota = \"admit_without_sla\"", programme: None };

story!(q5_what_is_over_may_be_admitted_without_a_promise, NO_SLA, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    for title in ["One", "Two"] {
        let issue = desk.opens("stu", title).await;
        desk.says("ann", &issue, "Done.").await;
    }
    let third = desk.opens("stu", "Three").await;
    assert_eq!(desk.labels(&third), "[tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Accepted** for **Uni** (Student).

    The allowance is used up, so this ticket carries no promise of a time; it is answered as time allows.
    ");
    desk.at("2026-11-30T00:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(desk.ledger("uni").await.len(), 2);
});

story!(q8_a_lower_tier_takes_nothing_back_and_counts_what_was_charged, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mut issue = desk.opens("alice", "Number 1").await;
    for number in 2..=6 {
        issue = desk.opens("alice", &format!("Number {number}")).await;
    }
    desk.at("2026-11-18T10:00:00Z").await;
    desk.set_tier("acme", "professional").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    let seventh = desk.opens("alice", "Number 7").await;
    assert!(desk.status(&seventh).contains("**6 of 5** tickets of the week"), "{}", desk.status(&seventh));
    desk.set_tier("acme", "silver").await;
    assert!(desk.status(&seventh).contains("Ticket **7 of 7**"), "{}", desk.status(&seventh));
});

story!(q9_before_and_after_the_subscription_nothing_is_accepted, |desk| {
    desk.partner_between("acme", "gold", &["alice"], Some("2026-11-18T10:00:00Z"), Some("2026-11-18T11:00:00Z")).await;
    let before = desk.opens("alice", "Too early").await;
    insta::assert_snapshot!(desk.status(&before), @r"
    **Not accepted**: the subscription of **Acme** begins Wednesday 2026-11-18 10:00 UTC (`Q9`).

    Please open a new issue then, or ask the programme's team for an earlier start.
    ");
    desk.at("2026-11-18T10:00:00Z").await;
    let inside = desk.opens("alice", "In time").await;
    desk.at("2026-11-18T11:00:00Z").await;
    let after = desk.opens("alice", "Too late").await;
    insta::assert_snapshot!(desk.status(&after), @r"
    **Not accepted**: the subscription of **Acme** ended Wednesday 2026-11-18 11:00 UTC (`Q9`).

    Please renew it and open a new issue. Tickets that were accepted before keep their promise.
    ");
    assert_eq!((desk.labels(&before), desk.labels(&after)), (String::new(), String::new()));
    assert_eq!(desk.labels(&inside), "[due: 2026-11-18 14:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T14:00:00Z").await;
    assert!(desk.view(&inside).has_label("sla: breached"));
    assert_eq!(desk.ledger("acme").await.len(), 1);
});

story!(q9_a_ticket_in_line_keeps_its_place_while_the_subscription_has_ended, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.subscription_ends("uni").await;
    desk.at("2026-11-24T09:00:00Z").await;
    assert_eq!(desk.standing(&third).await, "waiting");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Waiting for a slot** for **Uni** (Student). **2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used.

    It is next in line, and keeps its place until a subscription with tickets is in force again (`Q9`).
    ");
    desk.set_tier("uni", "student").await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-25 21:00 UTC] [sla: 36h] [tier: Student]");
});

story!(q9_w2_a_subscription_that_is_recorded_later_for_then_accepts_what_it_refused, |desk| {
    desk.partner_between("acme", "gold", &["alice"], Some("2026-12-01T00:00:00Z"), None).await;
    let issue = desk.opens("alice", "We have paid already").await;
    let closed = desk.opens("alice", "Forget this one").await;
    desk.closes("alice", &closed).await;
    assert_eq!((desk.standing(&issue).await, desk.standing(&closed).await), ("no_subscription", "no_subscription"));
    desk.at("2026-11-18T10:00:00Z").await;
    desk.tier_between("acme", "gold", Some("2026-11-01T00:00:00Z"), None).await;
    assert_eq!((desk.standing(&issue).await, desk.standing(&closed).await), ("admitted", "no_subscription"));
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
});

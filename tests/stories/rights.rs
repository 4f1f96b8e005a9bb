//! Who is a support engineer where GitHub is asked: members of teams, and whoever may triage. Asking may fail, and be late; nobody
//! is taken for somebody else because of that.

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use partner_desk::desk::forget::Found;
use partner_desk::domain::response::{Outcome, State};
use partner_desk::sandbox::{Deliver, Fault};

const TEAM: Setup = Setup { config: "agents = [\"@7x/support\"]", programme: None };
const NOBODY_LISTED: Setup = Setup { config: "agents = []", programme: None };
const CLOSING: Setup = Setup { config: "agents = []\nunknown_author = \"close\"", programme: None };

const MEMBERS: &str = "/teams/support/members";
const PERMISSION: &str = "/permission";

/// How often GitHub was asked for something.
fn asked(desk: &Desk, ending: &str) -> usize {
    desk.sandbox.requests().iter().filter(|request| request.path.ends_with(ending)).count()
}

async fn a_gold_ticket(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.opens("alice", "Help").await
}

async fn runs(desk: &Desk, issue: &Opened) -> bool {
    desk.ticket(issue).await.unwrap().cycles()[0].is_running()
}

async fn outcomes(desk: &Desk, issue: &Opened) -> Vec<Option<Outcome>> {
    let outcome = |state: State| match state {
        State::Ended { outcome, .. } => Some(outcome),
        State::Running => None,
    };
    desk.ticket(issue).await.unwrap().cycles().into_iter().map(|cycle| outcome(cycle.state)).collect()
}

const MET: &str = "[sla: 4h] [sla: met] [tier: Gold]";

story!(w3_a_member_of_a_team_answers_and_nobody_else_does, TEAM, |desk| {
    desk.sandbox.team("7x/support", &["zoe"]);
    desk.sandbox.grant(REPO, "ann", "admin");
    let issue = a_gold_ticket(&desk).await;
    desk.says("ann", &issue, "I own the place, but I am not in the team.").await;
    assert!(runs(&desk, &issue).await);
    desk.at("2026-11-18T09:10:00Z").await;
    desk.says("zoe", &issue, "Try again.").await;
    assert_eq!(desk.labels(&issue), MET);
    assert_eq!((asked(&desk, MEMBERS), asked(&desk, PERMISSION)), (1, 0));
});

story!(
    w3_logins_and_teams_stand_beside_each_other_and_teams_have_pages,
    Setup { config: "agents = [\"ann\", \"@7x/Support\"]", programme: None },
    |desk| {
        let many: Vec<_> = (0..150).map(|number| format!("engineer-{number}")).collect();
        desk.sandbox.team("7x/support", &many.iter().map(String::as_str).collect::<Vec<_>>());
        let (first, second) = (a_gold_ticket(&desk).await, desk.opens("alice", "Help again").await);
        desk.says("engineer-140", &first, "Try again.").await;
        desk.says("ann", &second, "And you, too.").await;
        assert_eq!((desk.labels(&first).as_str(), desk.labels(&second).as_str()), (MET, MET));
        assert_eq!(asked(&desk, MEMBERS), 2, "two pages");
    }
);

story!(w3_s10_who_joins_the_team_counts_from_then_and_who_leaves_takes_no_answer_along, TEAM, |desk| {
    desk.sandbox.team("7x/support", &["ben"]);
    let (first, second) = (a_gold_ticket(&desk).await, desk.opens("alice", "Help again").await);
    desk.says("zoe", &first, "I start here tomorrow!").await;
    assert!(runs(&desk, &first).await);
    desk.at("2026-11-18T09:10:00Z").await;
    desk.sandbox.add_to_team("7x/support", "owner", "zoe").await.unwrap();
    // Before anybody was asked again: it is not known on whose side this is.
    desk.sandbox.comment(REPO, first.number, "zoe", "Good morning. Try again.").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&first), MET);
    desk.sandbox.remove_from_team("7x/support", "owner", "zoe").await.unwrap();
    desk.sandbox.comment(REPO, second.number, "zoe", "I have left.").await.unwrap();
    desk.settle().await;
    assert!(runs(&desk, &second).await);
    assert_eq!((desk.labels(&first).as_str(), outcomes(&desk, &first).await), (MET, vec![Some(Outcome::Met)]));
});

story!(w3_a_team_is_read_again_after_an_hour_whatever_was_said_of_it, TEAM, |mut desk| {
    desk.sandbox.team("7x/support", &["ben"]);
    let issue = a_gold_ticket(&desk).await;
    assert_eq!(asked(&desk, MEMBERS), 1);
    desk.sandbox.team("7x/support", &["zoe"]);
    desk.at("2026-11-18T09:59:00Z").await;
    desk.app.desk.catch_up().await.unwrap();
    desk.says("zoe", &issue, "Nobody has told you of me.").await;
    assert!(runs(&desk, &issue).await);
    desk.at("2026-11-18T10:01:00Z").await;
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    desk.says("zoe", &issue, "Now you know.").await;
    assert_eq!((desk.labels(&issue).as_str(), asked(&desk, MEMBERS)), (MET, 2));
    desk.restart().await;
    assert_eq!(asked(&desk, MEMBERS), 3, "and at a start");
});

story!(w3_e1_a_team_that_is_not_there_is_said_and_answers_are_judged_when_it_is, TEAM, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.says("zoe", &issue, "Try again.").await;
    let said = desk.pings();
    assert_eq!(said.len(), 1, "{said:?}");
    for word in ["7x/support", "404", "Members: read", "\"agents\"", "W3"] {
        assert!(said[0].contains(word), "{word}: {said:?}");
    }
    assert!(runs(&desk, &issue).await);
    desk.at("2026-11-18T09:30:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new(), "it is said once");
    desk.sandbox.team("7x/support", &["zoe"]);
    desk.at("2026-11-18T09:45:00Z").await;
    assert_eq!(desk.labels(&issue), MET);
    assert!(desk.status(&issue).contains("Answered by `zoe` on Wednesday 2026-11-18 09:00 UTC"), "{}", desk.status(&issue));
});

story!(w3_what_was_known_of_a_team_stays_while_github_refuses_it, TEAM, |desk| {
    desk.sandbox.team("7x/support", &["zoe"]);
    let (first, second) = (a_gold_ticket(&desk).await, desk.opens("alice", "Help again").await);
    desk.sandbox.may_read_members("7x", false);
    desk.at("2026-11-18T10:30:00Z").await;
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].contains("403") && said[0].contains("as they were on 2026-11-18T09:00:00Z"), "{said:?}");
    desk.says("zoe", &first, "Try again.").await;
    desk.says("ann", &second, "I am new.").await;
    assert_eq!(desk.labels(&first), MET);
    assert!(runs(&desk, &second).await);

    // Its owner gives the App what it needs: no need to wait.
    desk.sandbox.team("7x/support", &["zoe", "ann"]);
    desk.sandbox.installation_event("7x", "new_permissions_accepted").await.unwrap();
    desk.sandbox.comment(REPO, second.number, "ann", "No longer.").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&second), MET);
});

story!(w3_r2_a_team_that_could_not_be_read_in_time_loses_no_answer, TEAM, |mut desk| {
    desk.sandbox.team("7x/support", &["zoe"]);
    desk.sandbox.faults().next_times(1000, "GET", MEMBERS, Fault::status(502, "Bad gateway"));
    let issue = a_gold_ticket(&desk).await;
    desk.at("2026-11-18T12:30:00Z").await;
    desk.pings();
    desk.says("zoe", &issue, "Try again.").await;
    desk.at("2026-11-18T13:10:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: breached] [tier: Gold]");
    let said = desk.pings();
    assert!(said.iter().all(|text| text.contains("not confirmed")) && !said.is_empty(), "{said:?}");
    desk.restart().await;
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T13:20:00Z").await;
    assert_eq!(desk.labels(&issue), MET);
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met)]);
});

story!(w3_where_nobody_is_listed_whoever_may_triage_answers_whatever_the_payload_claims, NOBODY_LISTED, |desk| {
    for (login, association) in [("tess", "NONE"), ("zoe", "CONTRIBUTOR"), ("mallory", "OWNER")] {
        desk.sandbox.claim_association(login, association);
    }
    desk.sandbox.grant(REPO, "tess", "triage");
    let issue = a_gold_ticket(&desk).await;
    for stranger in ["zoe", "mallory"] {
        desk.says(stranger, &issue, "Have you tried turning it off and on again?").await;
        assert!(runs(&desk, &issue).await, "{stranger}");
    }
    desk.at("2026-11-18T09:10:00Z").await;
    desk.says("tess", &issue, "Try again.").await;
    assert_eq!(desk.labels(&issue), MET);
    assert_eq!(asked(&desk, PERMISSION), 3, "nobody asks about alice, who is a member there (W4)");
    assert!(desk.log(&issue).await.contains(&"W3 tess is a support engineer here, as GitHub says".to_owned()));
});

story!(w3_nobody_is_asked_about_twice_within_a_day, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "write");
    let issue = a_gold_ticket(&desk).await;
    desk.says("zoe", &issue, "Me too.").await;
    desk.says("tess", &issue, "Try again.").await;
    let other = desk.opens("alice", "Help again").await;
    desk.says("zoe", &other, "Me too.").await;
    desk.says("tess", &other, "And again.").await;
    assert_eq!(desk.labels(&other), MET);
    assert_eq!(asked(&desk, PERMISSION), 2);
    desk.at("2026-11-19T09:00:01Z").await;
    desk.says("tess", &issue, "Did it help?").await;
    assert_eq!(asked(&desk, PERMISSION), 3);
});

story!(w3_s10_who_loses_the_permission_is_asked_about_again_and_keeps_what_was_answered, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let (first, second) = (a_gold_ticket(&desk).await, desk.opens("alice", "Help again").await);
    desk.says("tess", &first, "Try again.").await;
    desk.sandbox.remove_collaborator(REPO, "owner", "tess").await.unwrap();
    desk.says("tess", &second, "I work elsewhere now.").await;
    assert!(runs(&desk, &second).await);
    assert_eq!((desk.labels(&first).as_str(), outcomes(&desk, &first).await), (MET, vec![Some(Outcome::Met)]));
    assert_eq!(asked(&desk, PERMISSION), 2);

    desk.sandbox.change_role(REPO, "owner", "tess", "maintain").await.unwrap();
    desk.says("tess", &second, "I am back.").await;
    assert_eq!((desk.labels(&second).as_str(), asked(&desk, PERMISSION)), (MET, 3));
});

story!(w3_events_of_teams_organisations_and_repositories_have_everybody_asked_again, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    desk.sandbox.team("7x/night", &["tess"]);
    let issue = a_gold_ticket(&desk).await;
    desk.says("tess", &issue, "One.").await;
    desk.sandbox.remove_from_team("7x/night", "owner", "tess").await.unwrap();
    desk.says("tess", &issue, "Two.").await;
    desk.sandbox.rename_team("7x/night", "owner", "day").await.unwrap();
    desk.says("tess", &issue, "Three.").await;
    desk.sandbox.change_visibility(REPO, "owner", true).await.unwrap();
    desk.says("tess", &issue, "Four.").await;
    desk.sandbox.remove_org_member("7x", "owner", "tess").await.unwrap();
    desk.says("tess", &issue, "Five.").await;
    assert_eq!(asked(&desk, PERMISSION), 5);
    desk.sandbox.add_to_team("7x/day", "owner", "tess").await.unwrap();
    desk.sandbox.delete_team("7x/day", "owner").await.unwrap();
    assert!(desk.sandbox.deliveries().iter().all(|delivery| delivery.status().is_some_and(|status| status < 300)), "a team that is gone");
});

story!(w3_s3_an_answer_while_github_was_away_counts_by_its_own_time_and_no_ping_is_lost, NOBODY_LISTED, |mut desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let issue = a_gold_ticket(&desk).await;
    desk.at("2026-11-18T11:59:00Z").await;
    desk.sandbox.faults().outage(true);
    // The webhook comes; the API is down.
    desk.says("tess", &issue, "Try again.").await;
    let ticket = desk.ticket(&issue).await.unwrap();
    assert!(ticket.facts.last().unwrap().sides.unknown, "{:?}", ticket.facts);
    desk.at("2026-11-18T12:40:00Z").await;
    let said = desk.pings();
    assert!(said.len() == 2 && said.iter().all(|text| text.contains("not confirmed")), "due soon and on-call: {said:?}");
    desk.restart().await;
    desk.at("2026-11-18T13:10:00Z").await;
    assert_eq!(desk.pings().len(), 1, "breach");
    desk.sandbox.faults().outage(false);
    desk.at("2026-11-18T13:20:00Z").await;
    assert_eq!(desk.labels(&issue), MET);
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met)]);
    desk.at("2026-11-18T20:00:00Z").await;
    let said = desk.pings();
    assert!(matches!(&said[..], [one] if one.contains("was wrong: answered 2026-11-18 11:59 UTC, in time")), "R5: {said:?}");
});

story!(w3_r1_a_stop_between_the_answer_and_the_asking_loses_nothing, NOBODY_LISTED, |mut desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let issue = a_gold_ticket(&desk).await;
    let said = desk.sandbox.comment(REPO, issue.number, "tess", "Try again.").await.unwrap();
    assert_eq!((said.status(), asked(&desk, PERMISSION)), (Some(202), 0));
    desk.restart().await;
    assert_eq!((desk.labels(&issue).as_str(), asked(&desk, PERMISSION)), (MET, 1));
});

story!(w3_e3_before_a_ping_who_answered_is_asked_too, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.at("2026-11-18T11:50:00Z").await;
    desk.sandbox.comment(REPO, issue.number, "tess", "Try again.").await.unwrap();
    assert!(desk.sandbox.drop_held() > 0, "its webhook is lost");
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    desk.app.desk.escalate().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met)]);
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
});

story!(w3_e2_github_has_a_second_in_all_before_a_ping, NOBODY_LISTED, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.comment(REPO, issue.number, "zoe", "Me too.").await.unwrap();
    desk.sandbox.faults().next_times(10, "GET", PERMISSION, Fault::Delay(std::time::Duration::from_secs(5)));
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    let (escalated, slept) = tokio::join!(
        tokio::time::timeout(std::time::Duration::from_secs(3), desk.app.desk.escalate()),
        tokio::time::sleep(std::time::Duration::from_millis(1)),
    );
    let () = slept;
    escalated.expect("it does not wait for GitHub").unwrap();
    desk.app.desk.speak().await.unwrap();
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].contains("not confirmed"), "{said:?}");
    desk.sandbox.faults().clear();
});

story!(w3_w6_an_engineers_own_issue_is_not_closed_and_a_strangers_is_when_that_is_known, CLOSING, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    desk.partner("acme", "gold", &["alice"]).await;
    desk.sandbox.faults().next_times(1000, "GET", PERMISSION, Fault::status(503, "Service unavailable"));
    let (own, strange) = (desk.opens("tess", "Renew the certificate").await, desk.opens("zoe", "Hello?").await);
    assert_eq!((desk.standing(&own).await, desk.standing(&strange).await), ("checking", "checking"));
    assert_eq!((desk.view(&own).state.as_str(), desk.view(&strange).state.as_str()), ("open", "open"));
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!((desk.view(&own).state.as_str(), desk.view(&strange).state.as_str()), ("open", "open"));
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T09:20:00Z").await;
    assert_eq!((desk.view(&own).state.as_str(), desk.view(&strange).state.as_str()), ("open", "closed"));
    assert_eq!((desk.standing(&own).await, desk.standing(&strange).await), ("nobody", "nobody"));
    // Long after what GitHub said is too old to be used, she is an engineer there still.
    desk.at("2026-11-20T09:00:00Z").await;
    desk.says("zoe", &own, "Me too.").await;
    assert_eq!((desk.standing(&own).await, desk.view(&own).state.as_str()), ("nobody", "open"));
});

story!(w3_w7_who_may_triage_counts_an_issue_for_a_partner, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    desk.partner("acme", "gold", &["alice"]).await;
    let opened = desk.opens_with("tess", "Alice called", "She cannot log in.\n\n/for acme").await;
    assert_eq!(desk.labels(&opened), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    let strange = desk.opens("zoe", "Nobody told you of me").await;
    desk.says("mallory", &strange, "/for acme").await;
    desk.says("mallory", &strange, "Please!").await;
    assert_eq!(desk.standing(&strange).await, "nobody");
    let facts = desk.ticket(&strange).await.unwrap().facts;
    assert_eq!(facts.len(), 1, "what strangers say is not kept, but for the claim: {facts:?}");
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("tess", &strange, "/for acme").await;
    assert_eq!(desk.labels(&strange), "[due: 2026-11-18 14:00 UTC] [sla: 4h] [tier: Gold]");
});

story!(w3_c_a_command_is_neither_refused_nor_obeyed_before_it_is_known_whose_it_is, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let issue = a_gold_ticket(&desk).await;
    desk.says("tess", &issue, "Which version?").await;
    desk.at("2026-11-19T10:00:00Z").await;
    desk.says("alice", &issue, "The last one.").await;
    desk.sandbox.faults().next_times(1000, "GET", PERMISSION, Fault::status(503, "Service unavailable"));
    desk.says("tess", &issue, "/extend 4h waiting for a part").await;
    desk.says("zoe", &issue, "/status").await;
    let before = desk.comments(&issue).len();
    desk.at("2026-11-19T10:05:00Z").await;
    assert_eq!(desk.comments(&issue).len(), before);
    desk.sandbox.faults().clear();
    desk.at("2026-11-19T10:20:00Z").await;
    let comments = desk.comments(&issue);
    assert_eq!(comments.len(), before + 2, "a refusal each: {comments:?}");
});

story!(w3_w1_who_was_renamed_meanwhile_is_asked_about_by_id, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let (first, second) = (a_gold_ticket(&desk).await, desk.opens("alice", "Help again").await);
    desk.sandbox.comment(REPO, first.number, "tess", "Try again.").await.unwrap();
    desk.sandbox.comment(REPO, second.number, "zoe", "Me too.").await.unwrap();
    desk.sandbox.rename_person("tess", "tessa").unwrap();
    desk.sandbox.rename_person("zoe", "zoey").unwrap();
    desk.sandbox.person("tess");
    desk.sandbox.grant(REPO, "zoe", "admin");
    desk.settle().await;
    assert_eq!(desk.labels(&first), MET);
    assert!(runs(&desk, &second).await, "whoever took her old login is an engineer; she is not");
});

story!(w3_g7_github_that_asks_for_patience_is_not_asked_on, NOBODY_LISTED, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.faults().next_times(8, "GET", PERMISSION, Fault::secondary_limit(90));
    for number in 0..12 {
        desk.sandbox.comment(REPO, issue.number, &format!("visitor-{number}"), "Me too.").await.unwrap();
    }
    desk.settle().await;
    // Those that are on their way when the first is answered, and no other.
    let first = asked(&desk, PERMISSION);
    assert!((1..=8).contains(&first), "{first}");
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T09:01:29Z").await;
    assert_eq!(asked(&desk, PERMISSION), first);
    desk.at("2026-11-18T09:01:30Z").await;
    assert_eq!(asked(&desk, PERMISSION), first + 12);
});

story!(w3_r3_what_github_said_before_somebody_joined_is_not_kept, TEAM, |desk| {
    desk.sandbox.team("7x/support", &["ben"]);
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.faults().next("GET", MEMBERS, Fault::Delay(std::time::Duration::from_millis(500)));
    desk.at("2026-11-18T10:30:00Z").await;
    desk.app.desk.catch_up().await.unwrap();
    let asking = desk.app.desk.clone();
    let asking = tokio::spawn(async move { asking.ask_rights().await });
    while asked(&desk, MEMBERS) < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // The list is on its way, without her.
    desk.sandbox.add_to_team("7x/support", "owner", "zoe").await.unwrap();
    asking.await.unwrap().unwrap();
    assert_eq!(asked(&desk, MEMBERS), 3);
    desk.says("zoe", &issue, "Good morning. Try again.").await;
    assert_eq!(desk.labels(&issue), MET);
});

story!(w3_o2_who_is_forgotten_is_forgotten_here_too, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let issue = a_gold_ticket(&desk).await;
    desk.says("tess", &issue, "Try again.").await;
    desk.sandbox.faults().next_times(1000, "GET", PERMISSION, Fault::status(503, "Service unavailable"));
    desk.says("zoe", &issue, "Me too.").await;
    for login in ["tess", "zoe"] {
        let Found::One(known) = desk.app.desk.person_called(login).await.unwrap() else { panic!("{login}") };
        desk.app.desk.forget(&known).await.unwrap();
    }
    let people = ["tess", "zoe"].map(|login| desk.sandbox.user_id(login).unwrap()).into();
    let mut tx = desk.app.desk.store.read().await.unwrap();
    assert_eq!(tx.fresh_permissions(&people, instant(crate::desk::START) - jiff::SignedDuration::from_hours(1)).await.unwrap().len(), 0);
    assert_eq!(tx.next_rights().await.unwrap(), None);
    tx.rollback().await.unwrap();
    desk.sandbox.faults().clear();
    desk.says("alice", &issue, "Thanks!").await;
    assert_eq!(desk.labels(&issue), MET);
});

story!(w3_agents_that_are_listed_from_now_on_decide_what_was_to_be_asked, NOBODY_LISTED, |mut desk| {
    desk.sandbox.grant(REPO, "tess", "admin");
    let (first, second) = (a_gold_ticket(&desk).await, desk.opens("alice", "Help again").await);
    desk.sandbox.faults().next_times(1000, "GET", PERMISSION, Fault::status(503, "Service unavailable"));
    desk.says("zoe", &first, "Try again.").await;
    desk.says("tess", &second, "Try again.").await;
    desk.restart_with(Setup { config: "agents = [\"zoe\"]", programme: None }).await;
    assert_eq!(desk.labels(&first), MET);
    assert!(runs(&desk, &second).await);
    desk.sandbox.faults().clear();
});

story!(w3_r4_a_ticket_that_does_not_read_back_keeps_nobody_from_being_asked_about, NOBODY_LISTED, |desk| {
    desk.sandbox.grant(REPO, "tess", "triage");
    let broken = a_gold_ticket(&desk).await;
    let other = desk.opens("alice", "Another").await;
    desk.sandbox.faults().outage(true);
    for issue in [&broken, &other] {
        desk.says("tess", issue, "Try again.").await;
    }
    desk.execute(&format!("UPDATE tickets SET doc = 'x' || doc WHERE number = {}", broken.number)).await;
    desk.sandbox.faults().outage(false);
    desk.at("2026-11-18T09:20:00Z").await;
    assert_eq!(desk.labels(&other), MET);
    desk.execute("UPDATE tickets SET doc = substr(doc, 2) WHERE doc LIKE 'x%'").await;
    desk.at("2026-11-18T09:40:00Z").await;
    assert_eq!(desk.labels(&broken), MET);
});

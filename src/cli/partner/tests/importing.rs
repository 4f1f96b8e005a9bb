//! What an import does.

use super::super::fields::Named;
use super::super::fields::Place;
use super::super::people::{Answers, Members, Outcome, Wanted};
use super::{Fixture, NOW};
use crate::desk::people::LookUp;
use crate::domain::{PartnerId, UserId};

const LIST: &str = "partner,name,tier,logins,github_ids\n\
                    acme,Acme Corp,gold,ann bob,1001 1002\n\
                    globex,Globex,Silver,,2001\n\
                    initech,Initech,now,cid,\n";

#[tokio::test]
async fn a_list_is_taken_and_taken_again_changes_nothing() {
    let fixture = Fixture::new().await;
    assert_eq!(
        fixture.import(LIST).await,
        "acme: added as \"Acme Corp\": gold since always\n\
         acme: new member ann (1001)\n\
         acme: new member bob (1002)\n\
         globex: added as \"Globex\": silver since always\n\
         globex: new member id 2001\n\
         initech: added as \"Initech\": now since always\n\
         initech: new member cid, whose id is bound at first sight\n\
         3 partners added, 0 changed, 0 unchanged; 4 members added\n"
    );
    let members = fixture.members().await;
    let shown: Vec<_> = members.iter().map(|member| (member.partner.as_str(), member.login.as_str(), member.user)).collect();
    let id = |id| Some(UserId(id));
    assert_eq!(shown, [("acme", "ann", id(1001)), ("acme", "bob", id(1002)), ("globex", "", id(2001)), ("initech", "cid", None)]);
    assert!(members.iter().all(|member| member.from.is_none() && member.until.is_none() && !member.primary && !member.lookup_failed));
    assert_eq!(fixture.import(LIST).await, "nothing changed: 3 partners\n");
    fixture.at("2026-12-01T00:00:00Z");
    assert_eq!(fixture.import(LIST).await, "nothing changed: 3 partners\n");
    assert_eq!(fixture.members().await, members);
}

#[tokio::test]
async fn another_tier_acts_from_its_day_or_else_from_now() {
    let fixture = Fixture::in_zone("Europe/Paris").await;
    fixture.import("partner,name,tier,logins\nacme,Acme,gold,\nglobex,Globex,gold,\n").await;
    let moved = "partner,name,tier,logins,from\nacme,Acme,silver,,2026-12-01\nglobex,Globex,platinum,,\n";
    assert_eq!(
        fixture.import(moved).await,
        "acme: gold until 2026-11-30, silver from 2026-12-01; was gold since always\n\
         globex: gold until 2026-11-22T10:00:00Z, platinum from 2026-11-22T10:00:00Z; was gold since always\n\
         0 partners added, 2 changed, 0 unchanged; 0 members added\n"
    );
    assert_eq!(fixture.tiers("acme").await, ["gold - 2026-11-30T23:00:00Z", "silver 2026-11-30T23:00:00Z -"]);
    assert_eq!(fixture.tiers("globex").await, ["gold - 2026-11-22T10:00:00Z", "platinum 2026-11-22T10:00:00Z -"]);
    for day in ["2026-11-23T00:00:00Z", "2027-01-15T00:00:00Z"] {
        fixture.at(day);
        assert_eq!(fixture.import(moved).await, "nothing changed: 2 partners\n");
    }
}

#[tokio::test]
async fn several_rows_are_the_tiers_over_time_with_the_last_day_included() {
    let fixture = Fixture::in_zone("Europe/Paris").await;
    let list = "partner,name,tier,logins,github_ids,from,until\n\
                acme,Acme,silver,ann,1,2026-01-01,2026-03-29\n\
                acme,Acme,gold,ann bob,1 2,2026-03-30,2026-10-25\n\
                acme,Acme,platinum,,,2026-12-01T08:30:00Z,\n";
    fixture.import(list).await;
    let tiers = [
        "silver 2025-12-31T23:00:00Z 2026-03-29T22:00:00Z",
        "gold 2026-03-29T22:00:00Z 2026-10-25T23:00:00Z",
        "platinum 2026-12-01T08:30:00Z -",
    ];
    assert_eq!(fixture.tiers("acme").await, tiers);
    assert_eq!(fixture.members().await.len(), 2);
    assert!(fixture.import(list).await.ends_with("nothing changed: 1 partner\n"));
    assert_eq!(fixture.tiers("acme").await, tiers);
}

#[tokio::test]
async fn an_end_that_is_given_moves_the_end_and_what_was_planned_stays() {
    let fixture = Fixture::new().await;
    let list = "partner,name,tier,logins\nacme,Acme,gold,\n";
    fixture.import(list).await;
    fixture.ok(&["set-tier", "acme", "silver", "--from", "2027-01-01"]).await;
    assert_eq!(fixture.import(list).await, "nothing changed: 1 partner\n");
    assert_eq!(fixture.tiers("acme").await, ["gold - 2027-01-01T00:00:00Z", "silver 2027-01-01T00:00:00Z -"]);
    fixture.import("partner,name,tier,logins,until\nacme,Acme,gold,,2026-12-24\n").await;
    assert_eq!(fixture.tiers("acme").await, ["gold - 2026-12-25T00:00:00Z", "silver 2027-01-01T00:00:00Z -"]);
}

#[tokio::test]
async fn rows_that_are_absent_stay() {
    let fixture = Fixture::new().await;
    fixture.import(LIST).await;
    assert_eq!(
        fixture.import("partner,name,tier,logins,github_ids\nacme,Acme Inc,gold,ann dan,1001 1003\n").await,
        "acme: now called \"Acme Inc\", was \"Acme Corp\"\n\
         acme: new member dan (1003)\n\
         acme: bob (1002) stays, though no row has them\n\
         0 partners added, 1 changed, 0 unchanged; 1 member added\n"
    );
    assert_eq!(fixture.members().await.len(), 5);
    assert_eq!(fixture.partner("globex").await.name, "Globex");
}

#[tokio::test]
async fn a_member_is_known_by_id_and_else_by_login() {
    let fixture = Fixture::new().await;
    let row = |people: &str| format!("partner,name,tier,logins,github_ids\nacme,Acme,gold,{people}\n");
    fixture.import(&row("ann bob,")).await;
    assert_eq!(fixture.import(&row("ANN @Bob,")).await, "nothing changed: 1 partner\n");
    assert!(fixture.import(&row("ann bob,1 2")).await.starts_with("acme: ann has the id 1\nacme: bob has the id 2\n0 partners"));
    assert!(fixture.import(&row("anna ?,1 2")).await.starts_with("acme: ann (1) is now called anna\n0 partners"));
    // Somebody else has taken over the login since.
    assert!(fixture.import(&row("bob,3")).await.starts_with("acme: new member bob (3)\n"));
    let members: Vec<_> = fixture.members().await.into_iter().map(|member| (member.login, member.user)).collect();
    let id = |id| Some(UserId(id));
    assert_eq!(members, [("anna".to_owned(), id(1)), ("bob".to_owned(), id(2)), ("bob".to_owned(), id(3))]);
}

#[tokio::test]
async fn columns_may_stand_in_any_order_in_a_file_from_windows() {
    let fixture = Fixture::new().await;
    let list = "\u{FEFF}LOGINS,Tier,\"name\",partner,time_zone,,\r\nann,GOLD,\"'=Acme, \"\"Inc\"\"\",ACME,europe/paris,,\r\n,,,,,,\r\n";
    fixture.import(list).await;
    let acme = fixture.partner("acme").await;
    assert_eq!((acme.name.as_str(), acme.time_zone.as_deref()), ("=Acme, \"Inc\"", Some("Europe/Paris")));
    assert_eq!(fixture.import(list).await, "nothing changed: 1 partner\n");
}

#[tokio::test]
async fn whoever_left_and_is_listed_again_is_a_member_from_now() {
    let fixture = Fixture::new().await;
    fixture.import(LIST).await;
    fixture.ok(&["member", "remove", "acme", "ann", "--at", "2026-11-01"]).await;
    assert!(fixture.import(LIST).await.starts_with("acme: ann (1001) is a member again from now on\n"));
    assert_eq!(fixture.import(LIST).await, "nothing changed: 3 partners\n");
    let ann: Vec<_> = fixture.members().await.into_iter().filter(|member| member.login == "ann").map(|m| (m.from, m.until)).collect();
    assert_eq!(ann, [(None, Some("2026-11-01T00:00:00Z".parse().unwrap())), (Some(NOW.parse().unwrap()), None)]);
}

#[tokio::test]
async fn what_was_done_is_on_record_and_nothing_else() {
    let fixture = Fixture::new().await;
    fixture.import(LIST).await;
    fixture.import(LIST).await;
    let database = fixture.database();
    let mut audit = database.prepare("SELECT at_ms, act, detail FROM admin_audit ORDER BY id").unwrap();
    let lines = audit.query_map([], |row| row.try_into()).unwrap();
    let lines: Vec<(i64, String, String)> = lines.map(Result::unwrap).collect();
    let at = NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(lines.len(), 3);
    let detail = "acme: added as \"Acme Corp\": gold since always; new member ann (1001); new member bob (1002)".to_owned();
    assert_eq!(lines[0], (at, "partner import".to_owned(), detail));
}

#[test]
fn strangers_are_asked_for_and_bound_to_what_github_says() {
    let acme = PartnerId::new("acme").unwrap();
    let named = |login: &str| Named { login: Some(login.to_owned()), id: None };
    let wanted: Vec<_> = ["ann", "Bob", "ghost", "ANN"]
        .map(|login| Wanted {
            partner: acme.clone(),
            named: named(login),
            place: Place { file: "list.csv".to_owned(), line: Some(2) },
            field: "partner \"acme\": logins".to_owned(),
        })
        .to_vec();
    let mut members = Members::new(Vec::new(), NOW.parse().unwrap());
    assert_eq!(members.strangers(&wanted), ["ann", "Bob", "ghost"]);
    let found =
        [("ann", LookUp::Found(UserId(1), "Ann".to_owned())), ("bob", LookUp::Failed("502".to_owned())), ("ghost", LookUp::NoSuchAccount)];
    let answers: Answers = found.into_iter().map(|(login, found)| (login.to_owned(), found)).collect();
    let problems: Vec<_> = members.unknown(&wanted, &answers).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        ["list.csv:2: partner \"acme\": logins = \"ghost\": expected the login of a GitHub account; GitHub knows no such account"]
    );
    let (ann, outcome) = members.admit(&acme, &named("ann"), &answers);
    assert_eq!(outcome, Outcome::Added { again: false });
    let ann = members.at(ann).unwrap();
    assert_eq!((ann.login.as_str(), ann.user, ann.lookup_failed), ("Ann", Some(UserId(1)), false));
    let (bob, _) = members.admit(&acme, &named("Bob"), &answers);
    let bob = members.at(bob).unwrap();
    assert_eq!((bob.login.as_str(), bob.user, bob.lookup_failed), ("Bob", None, true));
    assert_eq!(members.admit(&acme, &named("ANN"), &answers).1, Outcome::Same);
    assert_eq!(members.strangers(&wanted), ["ghost"]);
}

//! What the other commands do and say.

use super::{Fixture, NOW};
use crate::domain::UserId;
use crate::domain::partner::Membership;
use jiff::Timestamp;

async fn acme() -> Fixture {
    let fixture = Fixture::new().await;
    let added = fixture.ok(&["add", "acme", "--name", "Acme", "--tier", "gold", "--login", "ann", "--id", "1"]).await;
    assert_eq!(added, "acme: added as \"Acme\": gold since always\nacme: new member ann (1)\n");
    fixture
}

#[tokio::test]
async fn a_lower_tier_says_what_goes_and_until_when() {
    let fixture = acme().await;
    let said = fixture.ok(&["set-tier", "acme", "starter"]).await;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "acme: gold until 2026-11-22T10:00:00Z, starter from 2026-11-22T10:00:00Z; was gold since always");
    assert!(lines.contains(&"  changes  Response: 4h → 36h") && lines.contains(&"  changes  Tickets: 10/week → 15/month"), "{said}");
    assert!(lines.contains(&"  goes     Use of 7x Partner Logo: yes → none"), "{said}");
    assert_eq!(lines.last(), Some(&"Acme has until 2026-12-22 to bring its use of the logo in line"));
    let back = fixture.ok(&["set-tier", "acme", "gold", "--from", "2026-12-01"]).await;
    assert!(back.contains("  comes    ") && !back.contains("logo in line"), "{back}");
    assert_eq!(
        fixture.ok(&["set-tier", "acme", "gold", "--from", "2026-12-05"]).await,
        "nothing changed: acme has gold until 2026-11-22T10:00:00Z, starter from 2026-11-22T10:00:00Z until 2026-11-30, gold from 2026-12-01\n"
    );
}

#[tokio::test]
async fn a_tier_for_a_while_gives_way_to_the_old_one_and_the_same_tier_ends() {
    let fixture = acme().await;
    fixture.ok(&["set-tier", "acme", "platinum", "--from", "2026-12-01", "--until", "2026-12-31"]).await;
    assert_eq!(
        fixture.tiers("acme").await,
        ["gold - 2026-12-01T00:00:00Z", "platinum 2026-12-01T00:00:00Z 2027-01-01T00:00:00Z", "gold 2027-01-01T00:00:00Z -"]
    );
    fixture.ok(&["set-tier", "acme", "gold", "--from", "2027-01-01", "--until", "2027-06-30"]).await;
    assert_eq!(fixture.tiers("acme").await[2], "gold 2027-01-01T00:00:00Z 2027-07-01T00:00:00Z");
}

#[tokio::test]
async fn a_subscription_ends_and_its_members_stay() {
    let fixture = acme().await;
    assert_eq!(
        fixture.ok(&["end", "acme", "--at", "2026-11-01"]).await,
        "acme: ends 2026-11-01: gold until 2026-10-31; was gold since always\n"
    );
    assert_eq!(fixture.ok(&["end", "acme"]).await, "nothing changed: acme: its subscription ended 2026-11-01\n");
    assert_eq!(fixture.members().await.len(), 1);
    assert_eq!(
        fixture.ok(&["list"]).await,
        "ID    NAME  TIER              MEMBERS  USED  WAITING\nacme  Acme  ended 2026-11-01  1        -     0\n"
    );
}

#[tokio::test]
async fn members_come_and_go_by_date() {
    let fixture = acme().await;
    assert_eq!(
        fixture.ok(&["member", "add", "acme", "bob", "--from", "2026-12-01", "--until", "2026-12-31"]).await,
        "acme: new member bob, whose id is bound at first sight, from 2026-12-01 until 2026-12-31\n"
    );
    assert_eq!(fixture.ok(&["member", "add", "acme", "--id", "5"]).await, "acme: new member id 5\n");
    assert_eq!(fixture.ok(&["member", "add", "acme", "ANN", "--id", "1"]).await, "nothing changed: acme: members already: ANN\n");
    assert_eq!(
        fixture.ok(&["member", "add", "acme", "ann", "--until", "2026-12-31"]).await,
        "acme: ann (1) is a member until 2026-12-31\n"
    );
    assert_eq!(fixture.ok(&["member", "remove", "acme", "ann"]).await, "acme: ann (1) left 2026-11-22T10:00:00Z\n");
    assert_eq!(
        fixture.ok(&["member", "remove", "acme", "ann"]).await,
        "nothing changed: acme: the membership of ann (1) ended 2026-11-22T10:00:00Z\n"
    );
    assert_eq!(fixture.ok(&["member", "remove", "acme", "--id", "5", "--at", "2026-12-24"]).await, "acme: id 5 leaves 2026-12-24\n");
    assert_eq!(fixture.ok(&["member", "add", "acme", "ann", "--id", "1"]).await, "acme: ann (1) is a member again from now on\n");
    let ann: Vec<_> = fixture.members().await.into_iter().filter(|member| member.user == Some(UserId(1))).collect();
    let now: Timestamp = NOW.parse().unwrap();
    assert_eq!(ann.iter().map(|member| (member.from, member.until)).collect::<Vec<_>>(), [(None, Some(now)), (Some(now), None)]);
}

#[tokio::test]
async fn one_membership_of_a_person_is_primary() {
    let fixture = acme().await;
    fixture.ok(&["add", "globex", "--name", "Globex", "--tier", "now", "--id", "1"]).await;
    assert_eq!(fixture.ok(&["member", "add", "acme", "ann", "--primary"]).await, "acme: ann (1) is primarily a member here\n");
    assert_eq!(
        fixture.ok(&["member", "add", "globex", "--id", "1", "--primary"]).await,
        "globex: id 1 is primarily a member here\nglobex: id 1 is no longer primarily a member of acme\n"
    );
    let primary =
        |members: Vec<Membership>| members.into_iter().filter(|member| member.primary).map(|member| member.partner.to_string()).collect();
    let primary: Vec<String> = primary(fixture.members().await);
    assert_eq!(primary, ["globex"]);
}

/// A ticket's charge, as the desk would have entered it.
fn charge(fixture: &Fixture, number: i64, at: &str) {
    let at = at.parse::<Timestamp>().unwrap().as_millisecond();
    let insert = "INSERT INTO ledger (key, partner_id, issue_id, kind, at_ms, recorded_ms, actor, reason)
                  VALUES ('charge:' || ?1, 'acme', ?1, 'charge', ?2, ?2, 'desk', 'Q1: opened' || char(27) || '[2J')";
    fixture.database().execute(insert, [number, at]).unwrap();
}

#[tokio::test]
async fn p2_lists_and_sheets_show_what_is_used_of_the_present_window() {
    let fixture = acme().await;
    assert_eq!(Fixture::new().await.ok(&["list"]).await, "no partners yet; `partner add` adds one, `partner import` a list\n");
    for (number, at) in [(1, "2026-11-15T23:59:59Z"), (2, "2026-11-16T00:00:00Z"), (3, "2026-11-22T09:00:00Z")] {
        charge(&fixture, number, at);
    }
    assert_eq!(
        fixture.ok(&["list"]).await,
        "ID    NAME  TIER  MEMBERS  USED               WAITING\nacme  Acme  gold  1        2 of 10 this week  0\n"
    );
    let list: serde_json::Value = serde_json::from_str(&fixture.ok(&["list", "--json"]).await).unwrap();
    assert_eq!(list[0]["balance"]["left"], 8);
    assert_eq!(list[0]["balance"]["window"]["start"], "2026-11-16T00:00:00Z");
    assert_eq!(list[0]["subscription"], serde_json::json!({ "state": "active", "tier": "gold" }));

    let shown = fixture.ok(&["show", "acme"]).await;
    assert!(
        shown.starts_with(
            "acme  Acme\n\
             tier: Gold: tickets 10/week, response within 4h, $1,000 a month\n\
             used: 2 of 10, 8 left, week until Monday 2026-11-23 00:00 UTC\n\
             \n\
             subscription\n  gold  since always  in force\n\
             \n\
             includes\n  Installation Support "
        ),
        "{shown}"
    );
    assert!(shown.contains("\nowes\n  Revenue Requirement (per Q)  $4,500\n"), "{shown}");
    assert!(shown.contains("\nmembers\n  ann  1  since always\n"), "{shown}");
    let ledger = "\nledger, latest 3 of 3\n  2026-11-22T09:00:00Z  charge  issue 3  Q1: opened [2J (desk)\n";
    assert!(shown.contains(ledger), "{shown}");
    let sheet: serde_json::Value = serde_json::from_str(&fixture.ok(&["show", "ACME", "--json"]).await).unwrap();
    assert_eq!((&sheet["balance"]["used"], &sheet["ledger_entries"], &sheet["members"][0]["id"]), (&2.into(), &3.into(), &1.into()));
    assert_eq!(sheet["tier"]["tickets"], "10/week");
}

#[tokio::test]
async fn what_a_change_may_admit_is_looked_at_again() {
    let fixture = acme().await;
    let database = fixture.database();
    let insert =
        "INSERT INTO tickets (issue_id, installation_id, repo_id, number, standing, created_ms, version, published, publish_at_ms, attempts, doc)
         VALUES (9, 1, 1, 1, 'nobody', 0, 1, 1, 0, 0, '{}')";
    database.execute_batch(insert).unwrap();
    let next = || database.query_row("SELECT next_at_ms FROM tickets", [], |row| row.get::<_, Option<i64>>(0)).unwrap();
    fixture.ok(&["member", "add", "acme", "ann", "--id", "1"]).await;
    assert_eq!(next(), None);
    fixture.ok(&["member", "add", "acme", "bob"]).await;
    assert_eq!(next(), Some(NOW.parse::<Timestamp>().unwrap().as_millisecond()));
}

#[tokio::test]
async fn extra_tickets_are_granted_with_a_reason_and_an_end() {
    let fixture = acme().await;
    assert_eq!(
        fixture.ok(&["grant", "acme", "2", "--reason", "the outage of Monday"]).await,
        "acme: 2 extra tickets until 2026-11-22: the outage of Monday\n"
    );
    fixture.ok(&["grant", "acme", "1", "--reason", "a good year", "--until", "2026-12-31"]).await;
    let shown = fixture.ok(&["show", "acme"]).await;
    assert!(shown.contains("grant of 2") && shown.contains("the outage of Monday (operator)"), "{shown}");
    let (_, wrong) = fixture.refused(&["grant", "acme", "1", "--reason", "late", "--until", "2026-01-31"]).await;
    assert!(wrong.contains("--until") && wrong.contains("a day that is not over yet"), "{wrong}");
    let (_, wrong) = fixture.refused(&["grant", "acme", "1", "--reason", " "]).await;
    assert!(wrong.contains("--reason"), "{wrong}");
}

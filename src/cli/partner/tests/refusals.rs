//! What is refused, and in which words.

use super::Fixture;

const HEADER: &str = "partner,name,tier,logins,github_ids,from,until,time_zone\n";

async fn refused(rows: &str) -> String {
    Fixture::new().await.refused_list(format!("{HEADER}{rows}").as_bytes()).await
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_and_nothing_is_written() {
    let rows = "acme,Acme,gold,ann,1,,,\n\
                a b,Acme,golld,ann,1,,,\n\
                globex,Globex,silver,ann bob,1001,01/02/2026,,Europe/Pariss\n\
                initech,Initech,now,a.b,x7,2026-02-01,2026-01-31,\n";
    let tiers = "\"student\", \"now\", \"starter\", \"basic\", \"professional\", \"silver\", \"gold\" or \"platinum\"";
    let expected = [
        "list.csv:3: partner = \"a b\": expected 1 to 64 letters, digits, `-`, `_` or `.`, for example \"acme\"".to_owned(),
        format!("list.csv:3: tier = \"golld\": expected {tiers}; the nearest is \"gold\""),
        "list.csv:4: partner \"globex\": time_zone = \"Europe/Pariss\": expected an IANA time zone like \"Europe/Paris\" or \"UTC\"; \
         the nearest is \"Europe/Paris\""
            .to_owned(),
        "list.csv:4: partner \"globex\": from = \"01/02/2026\": expected a day like 2026-01-31, or an instant like 2026-01-31T09:30:00Z"
            .to_owned(),
        "list.csv:4: partner \"globex\": github_ids = \"1001\": expected as many ids as logins, because they pair by position: 2, found 1; \
         write `?` for one that is not known"
            .to_owned(),
        "list.csv:5: partner \"initech\": until = \"2026-01-31\": expected a day that is not before 2026-02-01".to_owned(),
        "list.csv:5: partner \"initech\": logins = \"a.b\": expected logins of letters, digits, `-` and `_`, separated by spaces".to_owned(),
        "list.csv:5: partner \"initech\": github_ids = \"x7\": expected numeric ids of GitHub accounts, separated by spaces".to_owned(),
    ];
    assert_eq!(refused(rows).await, expected.join("\n"));
}

#[tokio::test]
async fn headers_are_refused() {
    let fixture = Fixture::new().await;
    let columns = "\"partner\", \"name\", \"tier\", \"logins\", \"github_ids\", \"from\", \"until\" or \"time_zone\"";
    let cases = [
        ("", "list.csv: the file: expected a header line with the columns partner,name,tier,logins,github_ids,from,until,time_zone; it is empty".to_owned()),
        (
            "partner,name,teir,login,partner\n",
            format!(
                "list.csv:1: column = \"teir\": expected {columns}; the nearest is \"tier\"\n\
                 list.csv:1: column = \"login\": expected {columns}; the nearest is \"logins\"\n\
                 list.csv:1: column = \"partner\": expected each column once\n\
                 list.csv:1: the header: expected a header line with the columns partner,name,tier,logins; missing: tier, logins"
            ),
        ),
        (
            "partner;name;tier;logins\n",
            "list.csv:1: the header = \"partner;name;tier;logins\": expected column names separated by commas; save it as comma-separated values"
                .to_owned(),
        ),
    ];
    for (list, message) in cases {
        assert_eq!(fixture.refused_list(list.as_bytes()).await, message);
    }
    let latin = [b"partner,name,tier,logins\nacme,M".as_slice(), &[0xFC], b"ller,gold,\n"].concat();
    assert_eq!(
        fixture.refused_list(&latin).await,
        "list.csv:2: the file: expected text in UTF-8; the byte 0xFC is none; save the file as \"CSV UTF-8\""
    );
}

#[tokio::test]
async fn rows_are_refused() {
    let tiers = "\"student\", \"now\", \"starter\", \"basic\", \"professional\", \"silver\", \"gold\" or \"platinum\"";
    let cases = [
        (
            "acme,,,,,,,\n",
            format!(
                "list.csv:2: partner \"acme\": name = \"\": expected a name; no partner of this id is there yet\n\
                 list.csv:2: partner \"acme\": tier = \"\": expected {tiers}; no partner of this id is there yet"
            ),
        ),
        (
            "acme,Acme\n",
            format!("list.csv:2: partner \"acme\": tier = \"\": expected {tiers}; no partner of this id is there yet; the row has 2 of 8 columns"),
        ),
        (
            "acme,\"Acme,gold,ann\nglobex,\"Globex\n",
            "list.csv:2: partner \"acme\": name = \"Acme,gold,ann\\nglobex,Globex\": expected a name of 1 to 200 characters in one line; its quote closes on a later line".to_owned(),
        ),
        (
            "acme,Acme,gold,,,,,\nglobex,\"Globex,gold,bob\ninitech,Initech,now,cid\n",
            "list.csv:3: the file: expected a closing quote; a quote opens here, and nothing closes it; write a quote within a cell twice".to_owned(),
        ),
        (
            "acme,Acme,gold,ann, bob,,,\n",
            "list.csv:2: partner \"acme\": github_ids = \"bob\": expected numeric ids of GitHub accounts, separated by spaces".to_owned(),
        ),
        (
            "acme,Acme,gold,ann,1,,,,oops\n",
            "list.csv:2: partner \"acme\": a cell without a column = \"oops\": expected nothing there; put a cell that contains a comma in quotes"
                .to_owned(),
        ),
        (
            "acme,Acme,gold,ann ?,1 ?,,,\n",
            "list.csv:2: partner \"acme\": logins = \"?\": expected a login or an id for every member".to_owned(),
        ),
        (
            "acme,Acme,,,,2026-01-01,,\n",
            format!("list.csv:2: partner \"acme\": tier = \"\": expected {tiers}; `from` and `until` date a tier"),
        ),
        (
            "acme,Acme,gold,,,2026-01-01,,UTC\nacme,Acne,silver,,,2026-01-01,,Asia/Tokyo\n",
            "list.csv:3: partner \"acme\": name = \"Acne\": expected \"Acme\" as on line 2\n\
             list.csv:3: partner \"acme\": time_zone = \"Asia/Tokyo\": expected \"UTC\" as on line 2\n\
             list.csv:3: partner \"acme\": tier = \"silver\": expected another `from` than on line 2, which gives this partner gold \
             from the same day on"
                .to_owned(),
        ),
        (
            "acme,Acme,gold,ann,1,,,\nglobex,Globex,gold,Ann,2,,,\n",
            "list.csv:3: partner \"globex\": github_ids = \"2\": expected 1, the id that line 2 gives `Ann`".to_owned(),
        ),
        (
            "acme,Acme,gold,ann,1,,,\nglobex,Globex,gold,bob,1,,,\n",
            "list.csv:3: partner \"globex\": logins = \"bob\": expected `ann`, the login that line 2 gives the id 1".to_owned(),
        ),
        (
            "acme,\"Ac\nme\",gold,,,,,\n",
            "list.csv:2: partner \"acme\": name = \"Ac\\nme\": expected a name of 1 to 200 characters in one line; its quote closes on a later line".to_owned(),
        ),
    ];
    for (rows, message) in cases {
        assert_eq!(refused(rows).await, message);
    }
}

#[tokio::test]
async fn an_end_before_the_tier_began_is_refused() {
    let fixture = Fixture::new().await;
    fixture.import(&format!("{HEADER}acme,Acme,gold,,,2026-06-01,,\n")).await;
    assert_eq!(
        fixture.refused_list(format!("{HEADER}acme,Acme,gold,,,,2026-05-01,\n").as_bytes()).await,
        "list.csv:2: partner \"acme\": until = \"2026-05-01\": expected a day after gold began, 2026-06-01; or give the row a `from`"
    );
}

#[tokio::test]
async fn arguments_are_refused() {
    let fixture = Fixture::new().await;
    let none_yet = "command line: ID = \"acme\": expected the id of a partner; there is none yet";
    assert_eq!(fixture.refused(&["show", "acme"]).await, (2, none_yet.to_owned()));
    fixture.ok(&["add", "acme", "--name", "Acme", "--tier", "gold", "--login", "ann", "--id", "1"]).await;
    let cases: [(u8, &[&str], &str); 12] = [
        (
            1,
            &["add", "ACME", "--name", "Other", "--tier", "now"],
            "command line: ID = \"acme\": expected an id that no partner has yet; \"Acme\" has it; change that one with `partner set-tier` \
             or `partner member add`",
        ),
        (
            2,
            &["add", "x y", "--name", " ", "--tier", "gold", "--id", "0", "--from", "soon"],
            "command line: ID = \"x y\": expected 1 to 64 letters, digits, `-`, `_` or `.`, for example \"acme\"\n\
             command line: --name = \" \": expected a name of 1 to 200 characters in one line\n\
             command line: --from = \"soon\": expected a day like 2026-01-31, or an instant like 2026-01-31T09:30:00Z\n\
             command line: --id = \"0\": expected numeric ids of GitHub accounts, separated by spaces",
        ),
        (2, &["end", "acne"], "command line: ID = \"acne\": expected the id of a partner; the nearest is \"acme\""),
        (
            2,
            &["end", "acme", "--at", "now"],
            "command line: --at = \"now\": expected a day like 2026-01-31, or an instant like 2026-01-31T09:30:00Z",
        ),
        (
            2,
            &["set-tier", "acme", "slver"],
            "command line: TIER = \"slver\": expected \"student\", \"now\", \"starter\", \"basic\", \"professional\", \"silver\", \"gold\" \
             or \"platinum\"; the nearest is \"silver\"",
        ),
        (
            2,
            &["set-tier", "acme", "silver", "--until", "2026-11-21"],
            "command line: --until = \"2026-11-21\": expected a day that is not over yet",
        ),
        (
            2,
            &["set-tier", "acme", "silver", "--from", "2026-12-02", "--until", "2026-12-01"],
            "command line: --until = \"2026-12-01\": expected a day that is not before 2026-12-02",
        ),
        (
            2,
            &["member", "remove", "acme", "anne"],
            "command line: LOGIN = \"anne\": expected the login of a member; the nearest is \"ann\"",
        ),
        (2, &["member", "remove", "acme", "--id", "7"], "command line: --id = \"7\": expected the id of a member"),
        (
            2,
            &["member", "add", "acme", "bob", "cid", "--id", "2"],
            "command line: --id = \"2\": expected as many ids as logins, because they pair by position: 2, found 1; \
             write `?` for one that is not known",
        ),
        (
            2,
            &["member", "add", "acme", "bob", "--from", "2026-02-01", "--until", "2026-01-31"],
            "command line: --until = \"2026-01-31\": expected a day that is not before 2026-02-01",
        ),
        (
            2,
            &["member", "add", "acme", "a/b"],
            "command line: LOGIN = \"a/b\": expected logins of letters, digits, `-` and `_`, separated by spaces",
        ),
    ];
    let before = fixture.export().await;
    for (code, words, message) in cases {
        assert_eq!(fixture.refused(words).await, (code, message.to_owned()), "{words:?}");
    }
    assert_eq!(fixture.export().await, before);
    let missing = fixture.path("missing.csv");
    let (code, message) = fixture.refused(&["import", &missing]).await;
    assert_eq!((code, message.starts_with(&format!("{missing}: the file: expected a file that can be read; "))), (1, true));
}

#[tokio::test]
async fn one_login_of_two_members_is_refused_with_their_ids() {
    let fixture = Fixture::new().await;
    fixture.ok(&["add", "acme", "--name", "Acme", "--tier", "gold", "--login", "ann", "--id", "1"]).await;
    fixture.ok(&["member", "add", "acme", "ann", "--id", "2"]).await;
    let message = "command line: LOGIN = \"ann\": expected the login of one member; name one by `--id`: 1 or 2";
    assert_eq!(fixture.refused(&["member", "remove", "acme", "ann"]).await, (2, message.to_owned()));
    assert_eq!(fixture.ok(&["member", "remove", "acme", "--id", "2"]).await, "acme: ann (2) left 2026-11-22T10:00:00Z\n");
}

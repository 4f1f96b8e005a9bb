use super::*;
use crate::programme::Change;

fn problems(text: &str) -> Vec<String> {
    Programme::parse("programme.toml", text).unwrap_err().iter().map(ToString::to_string).collect()
}

/// The one problem of a file with a sound tier and, from line 5, these lines.
fn problem(lines: &str) -> String {
    let mut found = problems(&format!("[[tier]]\nid = \"a\"\nname = \"A\"\nresponse = \"4h\"\n{lines}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn three_keys_make_a_tier() {
    let text = "[[tier]]\nid = \"a\"\nname = \"A\"\nresponse = \"20s\"\n[[tier]]\nid = \"b\"\nname = \"B\"\nresponse = \"1h\"\nprice = 49.5\ntickets = \"0/week\"";
    let programme = Programme::parse("programme.toml", text).unwrap();
    assert_eq!((programme.name.as_str(), programme.currency.as_str()), ("Partner programme", "USD"));
    let ranks: Vec<_> = programme.tiers.iter().map(|tier| (tier.id.0.as_str(), tier.rank, tier.tickets)).collect();
    let waits = Some(Allowance::PerWindow { limit: 0, window: crate::programme::WindowKind::Week });
    assert_eq!(ranks, [("a", 0, None), ("b", 1, waits)]);
    assert_eq!(programme.tiers[1].price("USD").unwrap().to_string(), "$49.50");
    assert_eq!(programme.tiers_with_tickets().count(), 1);
    assert_eq!(programme.tier(&TierId("B".into())).unwrap().name, "B");
}

#[test]
fn an_allowance_that_is_none_is_refused() {
    let form = "expected \"N/week\", \"N/month\", \"N/quarter\" or \"unlimited\"";
    let none = "leave the key out for a tier without tickets";
    assert_eq!(problem("tickets = \"-1/week\""), format!("programme.toml:5: tier \"a\": tickets = \"-1/week\": {form}; {none}"));
    assert_eq!(problem("tickets = \"\""), format!("programme.toml:5: tier \"a\": tickets = \"\": {form}; {none}"));
    assert_eq!(
        problem("tickets = \"3/fortnight\""),
        format!("programme.toml:5: tier \"a\": tickets = \"3/fortnight\": {form}; \"fortnight\" is no window")
    );
    assert_eq!(problem("tickets = 3"), format!("programme.toml:5: tier \"a\": tickets = 3: {form}; write it as a text in quotes"));
}

#[test]
fn a_target_of_zero_is_refused() {
    let found = problems("[[tier]]\nid = \"a\"\nname = \"A\"\nresponse = \"0h\"\n");
    let form = "a length of time like \"4h\", \"90m\", \"20s\", \"1h30m\" or \"2d\"";
    assert_eq!(found, [format!("programme.toml:4: tier \"a\": response = \"0h\": expected {form}; a response target is longer than zero")]);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    assert_eq!(
        problem("tickts = \"3/week\""),
        "programme.toml:5: unknown key \"tickts\" in tier \"a\": expected \"id\", \"name\", \"tickets\", \"response\", \"calendar\", \"price\" or \"includes\"; the nearest known key is \"tickets\""
    );
    let found = problems("nmae = \"x\"\n[[tier]]\nid = \"a\"\nname = \"A\"\nresponse = \"4h\"\n");
    assert_eq!(
        found,
        [
            "programme.toml:1: unknown key \"nmae\": expected \"name\", \"currency\", \"downgrade_notice_days\", \"notes\", \"benefit\", \"calendar\" or \"tier\"; the nearest known key is \"name\""
        ]
    );
}

#[test]
fn two_tiers_of_one_id_are_refused() {
    assert_eq!(
        problem("[[tier]]\nid = \"A\"\nname = \"B\"\nresponse = \"4h\""),
        "programme.toml:6: tier \"A\": id = \"A\": expected an id that no other tier has; line 2 has it already"
    );
}

#[test]
fn no_tier_is_refused() {
    let expected = "expected at least one [[tier]] with id, name and response";
    assert_eq!(problems("name = \"x\""), [format!("programme.toml: tier: {expected}; without a tier nobody has tickets")]);
    assert_eq!(problems("tier = []"), [format!("programme.toml:1: tier = []: {expected}")]);
    assert_eq!(problems("tier = 1"), ["programme.toml:1: tier = 1: expected [[tier]] tables"]);
}

#[test]
fn missing_and_odd_ids_and_names_are_refused() {
    let id = "expected 1 to 64 letters, digits, \"-\", \"_\" or \".\"";
    let found =
        problems("[[tier]]\nid = \"\"\nname = \" \"\nresponse = \"4h\"\n[[tier]]\nid = \"a b\"\nname = \"B\"\nresponse = 4\n[[tier]]\n");
    let form = "a length of time like \"4h\", \"90m\", \"20s\", \"1h30m\" or \"2d\"";
    assert_eq!(
        found,
        [
            format!("programme.toml:2: tier 1: id = \"\": {id}"),
            "programme.toml:3: tier 1: name = \" \": expected a text that is not empty".to_owned(),
            format!("programme.toml:6: tier \"a b\": id = \"a b\": {id}"),
            format!("programme.toml:8: tier \"a b\": response = 4: expected {form}; write it as a text in quotes"),
            format!("programme.toml:9: tier 3: id: {id}; the key is missing"),
            "programme.toml:9: tier 3: name: expected a name that people read; the key is missing".to_owned(),
            format!("programme.toml:9: tier 3: response: expected {form}; the key is missing"),
        ]
    );
}

#[test]
fn benefits_must_be_known_and_of_their_kind() {
    let benefit = "[[benefit]]\nid = \"logo\"\nname = \"Logo\"\n[[benefit]]\nid = \"off\"\nname = \"Off\"\nkind = \"percent\"\n";
    let tier = "[[tier]]\nid = \"a\"\nname = \"A\"\nresponse = \"4h\"\n[tier.includes]\n";
    let found = problems(&format!("{benefit}{tier}lgoo = true\nlogo = \"yes\"\noff = 15\n"));
    assert_eq!(
        found,
        [
            "programme.toml:13: tier \"a\": includes: lgoo = true: expected the id of a [[benefit]]; the nearest is \"logo\"",
            "programme.toml:14: tier \"a\": includes: logo = \"yes\": expected true or false",
            "programme.toml:15: tier \"a\": includes: off = 15: expected a percentage like \"15%\" or \"20% + something\"",
        ]
    );
    assert_eq!(
        problem("[[benefit]]\nid = \"x\"\nname = \"X\"\nkind = \"flagg\""),
        "programme.toml:8: benefit \"x\": kind = \"flagg\": expected \"flag\", \"text\", \"percent\", \"money\", \"count\", \"rank\" or \"allowance\"; the nearest is \"flag\""
    );
}

#[test]
fn amounts_have_at_most_two_decimals() {
    for price in ["1.234", "\"$25\"", "-1", "1e3", "inf", "0x10"] {
        assert_eq!(
            problem(&format!("price = {price}")),
            format!("programme.toml:5: tier \"a\": price = {price}: expected an amount like 25 or 49.50")
        );
    }
}

#[test]
fn syntax_errors_have_their_line() {
    let found = problems("[[tier]]\nid = \"a\nname = \"A\"\n");
    assert!(found[0].starts_with("programme.toml:2: TOML syntax: expected valid TOML; "), "{found:?}");
    assert_eq!(problems("a = 1\na = 2\n"), ["programme.toml:2: TOML syntax: expected valid TOML; duplicate key"]);
}

#[test]
fn a_downgrade_says_what_goes() {
    let programme = Programme::builtin();
    let tier = |id: &str| programme.tier(&TierId(id.into())).unwrap();
    let said: Vec<_> = programme.differences(tier("gold"), tier("silver")).iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "Guidance Meetings: 6/quarter → 3/month",
            "Revenue Requirement (per Q): $4,500 → $3,000",
            "Co-Marketing Budget (up to 5%): yes → none",
            "Lead Priority (1 = highest): 2 → 3",
            "Discount on 7x Services: 15% → 10%",
            "Subscription Product Discount: 20% → 15%",
            "Marketing Placement: High → Medium",
        ]
    );
    let down = programme.differences(tier("professional"), tier("basic"));
    let discount = down.iter().find(|difference| difference.benefit.id == "services_discount").unwrap();
    assert_eq!(discount.change(), Change::Goes);
    assert!(programme.differences(tier("gold"), tier("gold")).is_empty());
}

#[test]
fn every_key_is_listed_once() {
    let mut names: Vec<_> = KEYS.iter().map(|(name, ..)| name).collect();
    names.dedup();
    assert_eq!(names.len(), KEYS.len());
}

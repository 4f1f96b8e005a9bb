//! Holds the built-in programme against the published table of benefits, cell by cell and in both directions.

use partner_desk::programme::{Allowance, Benefit, BenefitValue, Money, Programme, Tier, WindowKind};

const PUBLISHED: &str = include_str!("data/partner-benefits.txt");

/// The table's rows as cells, the line of dashes left out.
fn published() -> Vec<Vec<&'static str>> {
    let rows = PUBLISHED.lines().filter(|line| line.contains('|') && !line.starts_with("---"));
    rows.map(|row| row.trim().trim_end_matches('|').split('|').map(str::trim).collect()).collect()
}

/// How the table abbreviates a window differs from row to row.
fn allowance(value: Allowance, month: &str) -> String {
    match value {
        Allowance::Unlimited => "unlimited".to_owned(),
        Allowance::PerWindow { limit, window: WindowKind::Week } => format!("{limit}/week"),
        Allowance::PerWindow { limit, window: WindowKind::Month } => format!("{limit}/{month}"),
        Allowance::PerWindow { limit, window: WindowKind::Quarter } => format!("{limit}/Q"),
    }
}

/// A cell of a benefit's row in the table's own spelling.
fn cell(benefit: &Benefit, value: Option<&BenefitValue>) -> String {
    match value {
        None if benefit.obligation => "None".to_owned(),
        None | Some(BenefitValue::Flag(false)) => "❌".to_owned(),
        Some(BenefitValue::Flag(true)) => "✅".to_owned(),
        Some(BenefitValue::Text(text)) if benefit.id == "installation_support" => format!("✅ {text}"),
        Some(BenefitValue::Percent { share, plus: Some(plus) }) => format!("{share}+ {plus}"),
        Some(BenefitValue::Allowance(value)) => allowance(*value, "month"),
        Some(other) => other.to_string(),
    }
}

fn row(name: &str, tiers: &[Tier], cell: impl Fn(&Tier) -> String) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(tiers.iter().map(cell)).collect()
}

/// The table as the built-in programme would print it.
fn built_in() -> Vec<Vec<String>> {
    let programme = Programme::builtin();
    let tiers = &programme.tiers;
    let price = |tier: &Tier| tier.price(&programme.currency).map_or("❌".to_owned(), |price| price.to_string());
    let mut rows = vec![
        row("Benefit", tiers, |tier| tier.name.clone()),
        row(&format!("Monthly Price ({})", programme.currency), tiers, price),
        row("GitHub Issue Tickets", tiers, |tier| tier.tickets.map_or("❌".to_owned(), |tickets| allowance(tickets, "mo"))),
        row("Response Time", tiers, |tier| format!("≤ {}", tier.response)),
    ];
    rows.extend(programme.benefits.iter().map(|benefit| row(&benefit.name, tiers, |tier| cell(benefit, tier.includes.get(&benefit.id)))));
    rows
}

#[test]
fn every_cell_of_the_published_table_is_in_the_built_in_programme() {
    let (published, built_in) = (published(), built_in());
    assert_eq!(published.len(), 24, "a heading and 23 rows");
    for (published, built_in) in published.iter().zip(&built_in) {
        assert_eq!(published.len(), 9, "a name and eight tiers: {published:?}");
        assert_eq!(published, built_in, "row \"{}\"", published[0]);
    }
    assert_eq!(built_in.len(), published.len(), "a row stands on one side only");
}

#[test]
fn the_notes_under_the_table_are_in_the_built_in_programme() {
    let programme = Programme::builtin();
    let notes = programme.notes.join("\n");
    let after = PUBLISHED.split_once("Lead Referral Commission:").expect("the notes follow the table").1;
    let published: Vec<&str> =
        after.split(|c: char| c.is_whitespace() || "().,".contains(c)).filter(|word| word.contains(char::is_numeric)).collect();
    assert_eq!(published, ["15%", "20%", "7x", "8h", "$3", "200", "30%", "30"], "the figures of the notes");
    for figure in published {
        assert!(notes.contains(figure), "{figure} is missing from the notes");
    }
    for part in ["cold leads", "hot leads", "K.O.P.", "Kick-Off Package for Basic", "program fee, book, online training, certification"] {
        assert!(notes.contains(part) && (after.contains(part) || part.starts_with("Kick") || part.starts_with("program")), "{part}");
    }
    assert_eq!(programme.downgrade_notice_days, Some(30));
    assert!(after.contains("within 30 days"));
    assert!(
        Money { cents: 320_000, currency: programme.currency }.to_string() == "$3,200"
            && notes.contains("$3,200")
            && after.contains("$3,200")
    );
}

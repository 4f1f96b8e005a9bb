//! The story of the demo: a Sunday and the Monday after it, at a support desk that never closes.

use super::script::Expect::{Comment, Labels, LeftAlone, NothingNew, Ping, Posted};
use super::script::{Act, Beat, Role, Story, Tally};

const fn opens(who: &'static str, ticket: &'static str, title: &'static str, text: &'static str) -> Act {
    Act::Opens { who, ticket, title, text }
}

const fn says(who: &'static str, ticket: &'static str, text: &'static str) -> Act {
    Act::Says { who, ticket, text }
}

const fn passes(ticket: &'static str, words: &'static str) -> Act {
    Act::Passes { ticket, words }
}

/// The story. It plays around a Monday's midnight, when the weeks of the programme change.
#[must_use]
pub fn story() -> Story {
    Story {
        begins: "2026-11-22T13:55Z",
        repository: "7x/exponential-support",
        partners: vec![
            Role { id: "acme", name: "Acme Robotics", tier: "gold", member: "mia" },
            Role { id: "riverside", name: "Riverside College", tier: "student", member: "noor" },
            Role { id: "orbital", name: "Orbital Freight", tier: "platinum", member: "kenji" },
            Role { id: "fjord", name: "Fjord Software", tier: "silver", member: "liv" },
        ],
        agents: &["ann", "ben"],
        beats: [in_time(), over_the_allowance(), downgrade(), nobody_answers(), monday(), late_news()].concat(),
        comes_to: Tally { issues: 9, admitted: 8, waited: 1, met: 7, breached: 1, left_alone: 1, pings: 5 },
    }
}

fn in_time() -> Vec<Beat> {
    vec![
        Beat::at(
            "2026-11-22T14:00Z",
            opens("mia", "import", "Nightly import stops at row 10,000", "Since the update, every import ends there without an error."),
        )
        .scene("Sunday afternoon. A Gold partner has a question, and four hours is what it was promised.")
        .then([
            Labels("import", &["tier: Gold", "sla: 4h", "due: 2026-11-22 18:00 UTC"]),
            Comment("import", "Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC."),
            Comment("import", "An engineer answers by **Sunday 2026-11-22 18:00 UTC**."),
        ]),
        Beat::at("2026-11-22T14:10Z", opens("rolf", "stranger", "Does it run on a toaster?", "Asking for a friend."))
            .quiet("rolf belongs to no partner: the desk leaves it alone.")
            .then([LeftAlone("stranger")]),
        Beat::at("2026-11-22T15:12Z", says("ann", "import", "The batch size is the culprit: set it to 5,000 until Tuesday's fix.")).then([
            Labels("import", &["tier: Gold", "sla: 4h", "sla: met"]),
            Comment("import", "Answered by `ann` on Sunday 2026-11-22 15:12 UTC, after 1h 12m of the promised 4h."),
        ]),
    ]
}

fn over_the_allowance() -> Vec<Beat> {
    vec![
        Beat::at("2026-11-22T15:30Z", opens("noor", "login", "Login loops in Safari", "It asks for the password again and again."))
            .scene("A student has two tickets a week, and a busy Sunday.")
            .then([Labels("login", &["tier: Student", "sla: 36h", "due: 2026-11-24 03:30 UTC"]), Comment("login", "Ticket **1 of 2**")]),
        Beat::at("2026-11-22T15:40Z", opens("noor", "charts", "Charts print in black and white", "On paper only."))
            .then([Labels("charts", &["tier: Student", "sla: 36h", "due: 2026-11-24 03:30 UTC"]), Comment("charts", "Ticket **2 of 2**")]),
        Beat::at("2026-11-22T15:50Z", opens("noor", "thesis", "How do I cite the data set?", "For my thesis.")).then([
            Labels("thesis", &["tier: Student", "quota: waiting"]),
            Comment("thesis", "**2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used."),
            Comment("thesis", "Its slot opens **Monday 2026-11-23 00:00 UTC**"),
        ]),
        Beat::at("2026-11-22T16:05Z", says("ben", "login", "Safari blocks our cookie; the setting is under Privacy.")).then([
            Labels("login", &["tier: Student", "sla: 36h", "sla: met"]),
            Comment("login", "Answered by `ben` on Sunday 2026-11-22 16:05 UTC, after 35m of the promised 36h."),
        ]),
        Beat::at("2026-11-22T16:10Z", says("ben", "charts", "Tick `Background graphics` in the print dialogue."))
            .then([Labels("charts", &["tier: Student", "sla: 36h", "sla: met"]), Comment("charts", "Answered by `ben`")]),
    ]
}

fn downgrade() -> Vec<Beat> {
    vec![
        Beat::at("2026-11-22T16:30Z", opens("mia", "export", "Export to Parquet fails", "`schema mismatch` in column 7."))
            .scene("Acme takes a smaller subscription. What it was promised before stays promised.")
            .then([Labels("export", &["tier: Gold", "sla: 4h", "due: 2026-11-22 20:30 UTC"]), Comment("export", "Ticket **2 of 10**")]),
        Beat::at("2026-11-22T16:45Z", Act::Moves { partner: "acme", tier: "silver" })
            .quiet("What Acme was promised stays promised, and what it has used stays counted.")
            .then([NothingNew("export")]),
        Beat::at("2026-11-22T17:00Z", opens("mia", "alerts", "Alerts arrive twice", "Each one, to the second.")).then([
            Labels("alerts", &["tier: Silver", "sla: 12h", "due: 2026-11-23 05:00 UTC"]),
            Comment("alerts", "Ticket **3 of 7**, week until Monday 2026-11-23 00:00 UTC."),
        ]),
        Beat::at("2026-11-22T17:20Z", says("ann", "export", "Column 7 has mixed types. This cast mends it: `CAST(c7 AS text)`.")).then([
            Labels("export", &["tier: Gold", "sla: 4h", "sla: met"]),
            Comment("export", "Answered by `ann` on Sunday 2026-11-22 17:20 UTC, after 50m of the promised 4h."),
        ]),
        Beat::at("2026-11-22T17:25Z", says("ben", "alerts", "Two rules match the same event; drop the older one."))
            .then([Labels("alerts", &["tier: Silver", "sla: 12h", "sla: met"]), Comment("alerts", "after 25m of the promised 12h")]),
    ]
}

fn nobody_answers() -> Vec<Beat> {
    const RUNNING: &[&str] = &["tier: Platinum", "sla: 3h", "due: 2026-11-22 21:00 UTC", "sla: due soon"];
    const BROKEN: &[&str] = &["tier: Platinum", "sla: 3h", "due: 2026-11-22 21:00 UTC", "sla: breached"];
    vec![
        Beat::at("2026-11-22T18:00Z", opens("kenji", "down", "Every dashboard is empty", "All of them, for all of our users."))
            .scene("A Platinum partner is promised three hours. Everybody believes that somebody else has seen it.")
            .then([
                Labels("down", &["tier: Platinum", "sla: 3h", "due: 2026-11-22 21:00 UTC"]),
                Comment("down", "Ticket **1 of 15**"),
                Comment("down", "An engineer answers by **Sunday 2026-11-22 21:00 UTC**."),
            ]),
        Beat::at("2026-11-22T20:15Z", passes("down", "Three quarters of the time are gone, and nobody has answered {}.")).then([
            Labels("down", RUNNING),
            Ping("down", "due soon (75%)"),
            Ping("down", "45m left"),
        ]),
        Beat::at("2026-11-22T20:42Z", passes("down", "Still nobody. 18 minutes are left for {}."))
            .then([Labels("down", RUNNING), Ping("down", "(90%)")]),
        Beat::at("2026-11-22T21:00Z", passes("down", "Time is up for {}: the promise is broken.")).then([
            Labels("down", BROKEN),
            Comment("down", "The answer was due **Sunday 2026-11-22 21:00 UTC** and is late. The team has been told."),
            Ping("down", "breach (due)"),
        ]),
        Beat::at("2026-11-22T22:00Z", passes("down", "An hour later, {} is as it was, and the desk says so again.")).then([
            Labels("down", BROKEN),
            Ping("down", "repeat 1 of 12"),
            Ping("down", "overdue by 1h"),
        ]),
        Beat::at("2026-11-22T23:00Z", passes("down", "And again.")).then([
            Labels("down", BROKEN),
            Ping("down", "repeat 2 of 12"),
            Ping("down", "overdue by 2h"),
        ]),
        Beat::at(
            "2026-11-22T23:20Z",
            says("ben", "down", "I am so sorry. A certificate had expired; the dashboards are back, and I stay with you."),
        )
        .then([
            Labels("down", &["tier: Platinum", "sla: 3h", "sla: breached"]),
            Comment("down", "Answered by `ben` on Sunday 2026-11-22 23:20 UTC, 2h 20m later than the promised 3h."),
        ]),
    ]
}

fn monday() -> Vec<Beat> {
    vec![
        Beat::at("2026-11-22T23:50Z", opens("liv", "backup", "Can we restore a single table?", "A colleague dropped one. No hurry."))
            .scene("Midnight comes, and with it a new week. Somebody has waited for it.")
            .then([
                Labels("backup", &["tier: Silver", "sla: 12h", "due: 2026-11-23 11:30 UTC"]),
                Comment("backup", "Ticket **1 of 7**, week until Monday 2026-11-23 00:00 UTC."),
                Comment("backup", "An engineer answers by **Monday 2026-11-23 11:50 UTC**."),
            ]),
        Beat::at("2026-11-23T00:00Z", passes("thesis", "The new week has two new slots, and {} takes the first, by itself.")).then([
            Labels("thesis", &["tier: Student", "sla: 36h", "due: 2026-11-24 12:00 UTC"]),
            Comment("thesis", "Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC."),
            Posted("thesis", "@noor, a slot came free: this ticket is accepted now."),
        ]),
        Beat::at("2026-11-23T08:05Z", says("ann", "thesis", "Every data set has a DOI, at the bottom of its page. Good luck!")).then([
            Labels("thesis", &["tier: Student", "sla: 36h", "sla: met"]),
            Comment("thesis", "Answered by `ann` on Monday 2026-11-23 08:05 UTC, after 8h 5m of the promised 36h."),
        ]),
    ]
}

fn late_news() -> Vec<Beat> {
    vec![
        Beat::at(
            "2026-11-23T08:40Z",
            Act::SaysUnheard { who: "ben", ticket: "backup", text: "Yes: `restore --table NAME`. It takes a minute." },
        )
        .scene("GitHub has trouble with its webhooks. The desk would rather ask than cry wolf.")
        .quiet("The desk hears nothing of it: the webhook is stuck on its way.")
        .then([NothingNew("backup")]),
        Beat::at("2026-11-23T08:50Z", passes("backup", "A ping for {} is due. The desk looks at GitHub first, and finds the answer."))
            .then([
                Labels("backup", &["tier: Silver", "sla: 12h", "sla: met"]),
                Comment("backup", "Answered by `ben` on Monday 2026-11-23 08:40 UTC, after 8h 50m of the promised 12h."),
            ]),
        Beat::at("2026-11-23T09:10Z", Act::StuckArrives)
            .quiet("It tells nothing that the desk does not know; the answer was in time all along.")
            .then([NothingNew("backup"), Labels("backup", &["tier: Silver", "sla: 12h", "sla: met"])]),
    ]
}

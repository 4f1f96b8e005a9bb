//! Who is there, and what happened before anybody looked: the week's last Sunday afternoon, and one partner that has used six of seven.

use super::deed::Deed;
use crate::demo::script::{Story, Tally};
use crate::demo::story;
use crate::domain::CommentId;
use crate::programme::{Programme, TierId};

/// When it begins.
pub(super) const NOW: &str = "2026-11-22T13:58Z";

/// The story's people and places, a week earlier and without its beats.
pub(super) fn story() -> Story {
    Story { begins: "2026-11-16T08:00Z", beats: Vec::new(), comes_to: Tally::default(), ..story::story() }
}

/// Somebody whom visitors can be.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub login: String,
    /// The partner and its tier in words: `Fjord Software`, `Silver, 7/week`.
    pub partner: Option<(String, String)>,
    pub agent: bool,
}

impl Person {
    /// Who it is, shortly.
    pub(super) fn role(&self) -> &str {
        match &self.partner {
            Some((_, tier)) => tier,
            None if self.agent => "support engineer",
            None => "of no partner",
        }
    }

    /// Who it is, for the terminal.
    pub(super) fn in_words(&self) -> String {
        match &self.partner {
            Some((partner, tier)) => format!("{} of {partner} ({})", self.login, tier.split(',').next().unwrap_or_default()),
            None => self.login.clone(),
        }
    }
}

/// The partners' members, the agents, and somebody who is neither.
pub(super) fn people(story: &Story, programme: &Programme) -> Vec<Person> {
    let members = story.partners.iter().map(|role| {
        let tier = programme.tier(&TierId(role.tier.to_owned()));
        let tier = tier.map_or_else(
            || role.tier.to_owned(),
            |tier| match tier.tickets {
                Some(tickets) => format!("{}, {tickets}", tier.name),
                None => tier.name.clone(),
            },
        );
        Person { login: role.member.to_owned(), partner: Some((role.name.to_owned(), tier)), agent: false }
    });
    let agents = story.agents.iter().map(|login| Person { login: (*login).to_owned(), partner: None, agent: true });
    members.chain(agents).chain([Person { login: "rolf".to_owned(), partner: None, agent: false }]).collect()
}

/// What people ask, so that nobody has to think something up.
pub(super) fn suggestion(count: usize) -> (&'static str, &'static str) {
    const QUESTIONS: [(&str, &str); 9] = [
        ("Password reset mails do not arrive", "Three colleagues wait for theirs since this morning. The spam folders are empty."),
        ("Can two teams share one calendar?", "We would like Sales and Support to see the same holidays."),
        ("The API answers 500 for empty lists", "`GET /v2/items?tag=none` fails; with any known tag it works."),
        ("Import takes all night since Friday", "It was twenty minutes before the update."),
        ("Where do I change the invoice address?", "We moved to **Harbour Street 12**."),
        ("Charts are cut off when printed", "Only in landscape."),
        ("Mobile app shows yesterday's figures", "Pulling down to refresh does not help."),
        ("How do I cite the data set?", "For a thesis, in APA style."),
        ("Webhook secret cannot be changed", "The *Save* button stays grey."),
    ];
    QUESTIONS.get(count % QUESTIONS.len()).copied().unwrap_or_default()
}

/// What happened since the story's beginning.
pub(super) fn before() -> Vec<(&'static str, Deed)> {
    let opens =
        |at, who: &str, title: &str, body: &str| (at, Deed::Open { who: who.to_owned(), title: title.to_owned(), body: body.to_owned() });
    let says = |at, who: &str, number, body: &str| (at, Deed::Comment { who: who.to_owned(), number, body: body.to_owned() });
    let closes = |at, who: &str, number, body: &str| {
        (at, Deed::Close { who: who.to_owned(), number, reason: "completed".to_owned(), body: body.to_owned() })
    };
    vec![
        opens("2026-11-16T09:10Z", "liv", "Export leaves out archived projects", "The CSV has 212 rows, the page says 230."),
        closes("2026-11-16T09:52Z", "ann", 1, "Tick **Include archived** in the export dialogue; it is off by default."),
        opens("2026-11-17T13:05Z", "liv", "Invoices show last year's address", "Since January, in fact."),
        closes("2026-11-17T14:20Z", "ben", 2, "Corrected, and the last three invoices are on their way again."),
        opens("2026-11-18T10:40Z", "mia", "Webhook retries stop after three attempts", "The documentation says five."),
        closes("2026-11-18T12:05Z", "ann", 3, "The documentation was wrong, sorry: three it is. `retries = 5` changes it."),
        opens("2026-11-18T15:30Z", "liv", "Search ignores umlauts", "`Müller` finds nothing, `Muller` does."),
        closes("2026-11-18T17:00Z", "ann", 4, "Fixed in 4.2.1, which is out now."),
        opens("2026-11-19T08:15Z", "liv", "Weekly report arrives on Mondays at 3", "We are in Oslo and would like it at 8."),
        says(
            "2026-11-19T11:00Z",
            "ben",
            5,
            "The report runs in UTC. I have asked whether it could follow the account's time zone, and tell you here.",
        ),
        opens("2026-11-20T16:45Z", "liv", "Two-factor codes arrive late", "After two minutes; they are valid for one."),
        closes(
            "2026-11-20T18:10Z",
            "ann",
            6,
            "The carrier had a bad afternoon. An authenticator app does not need one: *Profile → Security*.",
        ),
        opens("2026-11-21T09:20Z", "liv", "Dashboard tiles overlap on small screens", "Below 400 pixels or so."),
        says("2026-11-21T12:30Z", "ben", 7, "I can see it too. Could you tell which browser?"),
        opens("2026-11-22T11:48Z", "kenji", "Shipments stay in “label printed”", "All of today's, and the lorry leaves at five."),
        opens("2026-11-22T13:20Z", "noor", "Login loops in Safari", "It asks for the password again and again."),
    ]
}

/// The anchor of a comment on its page.
pub(super) fn anchor(comment: CommentId) -> String {
    format!("issuecomment-{comment}")
}

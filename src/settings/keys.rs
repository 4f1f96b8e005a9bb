//! Every key of `partner-desk.toml` and every environment variable, once: the reader refuses what is not here, and the
//! documentation is held to it.

/// Every key of `partner-desk.toml`: its name, its default, what it means. `chat[].url` is `url` in a `[[chat]]`.
pub const KEYS: &[(&str, &str, &str)] = &[
    ("programme", "the built-in table", "The programme file, relative to this file."),
    ("time_zone", "UTC", "IANA zone in which the windows of allowances begin."),
    ("mode", "enforce", "`enforce`, or `observe`: decide and show, but write nothing to GitHub or chat."),
    ("agents", "whoever may triage", "Who answers tickets: logins, and teams as `@org/team`."),
    ("repositories", "all of the installation", "The watched repositories as `owner/name`."),
    ("over_quota", "wait", "What happens to a ticket over the allowance: `wait`, `close` or `admit_without_sla`."),
    ("unknown_author", "ignore", "What happens to an issue by somebody unknown: `ignore`, `label`, `comment` or `close`."),
    ("response", "first", "What starts a response clock: `first` for the issue only, `every` for each unanswered comment."),
    ("privacy", "false", "No tier and no number in public repositories."),
    ("retention", "400d", "How long deliveries, ticket logs and sent messages are kept: whole days."),
    ("heartbeat_url", "none", "Asked once a minute while the clocks are watched: `env:NAME`, `file:PATH` or a literal."),
    ("labels.tier", "tier: {name}", "The label of the partner's tier."),
    ("labels.target", "sla: {target}", "The label of the response target."),
    ("labels.due", "due: {due}", "The label of the deadline."),
    ("labels.due_soon", "sla: due soon", "The label from three quarters of the target on."),
    ("labels.breached", "sla: breached", "The label of a ticket not answered in time."),
    ("labels.met", "sla: met", "The label of a ticket answered in time."),
    ("labels.paused", "sla: paused", "The label of a ticket whose clock stands still."),
    ("labels.waiting", "quota: waiting", "The label of a ticket that waits for a slot."),
    ("labels.unknown", "partner: unknown", "The label of an issue by somebody unknown."),
    ("labels.waiting_partner", "waiting: partner", "The label with which an agent pauses a clock."),
    ("labels.due_rounding", "30m", "The deadline's label is rounded down to this."),
    ("labels.*.name", "as the label's", "A label may be a table: its name."),
    ("labels.*.color", "as the label's", "A label may be a table: its colour, six hexadecimal digits."),
    ("chat[].name", "required", "The channel's name, for ladders and messages."),
    (
        "chat[].kind",
        "required",
        "`slack`, `mattermost`, `discord`, `teams` or `google_chat` for an incoming webhook, `webhook` for JSON to any address, `email` for a mail server.",
    ),
    ("chat[].url", "required", "The address: `env:NAME`, `file:PATH` or a literal. With a bot, where its API is."),
    ("chat[].token", "none", "For `slack` and `mattermost`: the token of the bot that speaks. `env:NAME`, `file:PATH` or a literal."),
    ("chat[].channel", "with a token", "The id of the channel in which the bot speaks."),
    ("chat[].password", "none", "For `email`: the password of the user in `url`. `env:NAME`, `file:PATH` or a literal."),
    ("chat[].from", "with email", "For `email`: the sender."),
    ("chat[].to", "with email", "For `email`: who gets all of it."),
    ("chat[].ca_file", "none", "For `email`: a file with certificates that are trusted beside the machine's own."),
    ("chat[].unencrypted", "false", "For `email`: whether `smtp://` goes without STARTTLS."),
    ("chat[].secret", "none", "For the kind `webhook`: signs what is sent. `env:NAME`, `file:PATH` or a literal."),
    ("chat[].fallback", "none", "The name of the channel that speaks for it while it does not answer."),
    ("chat[].new_tickets", "false", "Whether it is told of each new ticket."),
    ("ladder[].tiers", "all", "The ids of the tiers that the ladder is for."),
    ("ladder[].steps", "required", "The steps, in place of the default ladder's."),
    ("ladder[].steps[].at", "required", "When: `75%` of the target, `-30m`, `due`, `+1h`."),
    ("ladder[].steps[].name", "by its time", "What pings call the step; else `due soon`, `breach` or `overdue`."),
    ("ladder[].steps[].chat", "every channel", "The names of the channels it speaks in."),
    ("ladder[].steps[].mention", "none", "Whom it mentions; `oncall` is whoever is on call."),
    ("ladder[].steps[].label", "none", "A label that it puts on the issue."),
    ("ladder[].steps[].assign", "none", "Logins that it assigns."),
    ("ladder[].steps[].repeat", "never", "Said again this long after, until acknowledged."),
    ("ladder[].steps[].times", "12", "How often it is said again."),
    ("on_call.calendar", "none", "An iCalendar file with the shifts, relative to this file: in place of people, since and hand_over."),
    ("on_call.names", "as in the calendar", "What the calendar calls somebody, by the summary of their shifts."),
    ("on_call.people", "required, or a calendar", "Who is on call, in the order in which they take over."),
    ("on_call.since", "required, or a calendar", "The day of a hand-over on which the first of them took over."),
    ("on_call.hand_over", "Monday 09:00", "When the next one takes over, every week."),
    ("on_call.time_zone", "as time_zone", "The zone of the hand-over, of overrides, and of times in the calendar that name none."),
    ("on_call.fallback", "none", "Who is asked while nobody is on call."),
    ("on_call.overrides[].from", "required", "From when it is another."),
    ("on_call.overrides[].until", "required", "Until when, this instant not included."),
    ("on_call.overrides[].person", "nobody", "Who is on call then."),
    ("on_call.mention", "their name", "What chats call somebody, by person: a text, or a table by channel."),
    ("quiet_hours.from", "required", "When pings of some tiers begin to wait."),
    ("quiet_hours.until", "required", "When they are said."),
    ("quiet_hours.time_zone", "as time_zone", "The zone of these hours."),
    ("quiet_hours.tiers", "the lower half", "The tiers whose pings wait; all others always come through."),
    ("daily_digest.at", "08:00", "When the desk sums up the day before and what is open."),
    ("daily_digest.time_zone", "as time_zone", "The zone of that time."),
    ("daily_digest.chat", "every channel", "The names of the channels that it is said in."),
    ("weekly_summary.at", "Monday 08:00", "When the desk sums up the week before and what is open."),
    ("weekly_summary.time_zone", "as time_zone", "The zone of that time."),
    ("weekly_summary.chat", "every channel", "The names of the channels that it is said in."),
];

/// Every environment variable: its name, its default, what it means.
pub const ENVIRONMENT: &[(&str, &str, &str)] = &[
    ("DATABASE_URL", "sqlite://partner-desk.db", "The database: `sqlite://…` or `postgres://…`."),
    ("HOST", "127.0.0.1", "The address to listen on."),
    ("PORT", "3000", "The port to listen on."),
    ("PUBLIC_URL", "from HOST and PORT", "The address under which people and GitHub reach the desk."),
    ("APP_ID", "none", "The App's id."),
    ("PRIVATE_KEY", "none", "The App's private key: PEM, with line breaks or `\\n`, or that in base64."),
    ("PRIVATE_KEY_PATH", "none", "A file with the App's private key, if PRIVATE_KEY is not set."),
    ("WEBHOOK_SECRET", "none", "The secret that GitHub signs webhooks with."),
    ("GITHUB_CLIENT_ID", "none", "The App's client id, for signing in to the pages."),
    ("GITHUB_CLIENT_SECRET", "none", "The App's client secret, for signing in to the pages."),
    ("GITHUB_API_URL", "https://api.github.com", "GitHub's API."),
    ("GITHUB_URL", "https://github.com", "GitHub's pages."),
    ("PARTNER_DESK_CONFIG", "partner-desk.toml if there is one", "The configuration file."),
    ("RUST_LOG", "info", "What is logged."),
    ("LOG_FORMAT", "text", "How it is logged: `text` or `json`."),
];

/// The keys right under `parent` (empty for the top level), in the order of [`KEYS`].
pub(super) fn under(parent: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (path, ..) in KEYS {
        let Some(rest) = (if parent.is_empty() { Some(*path) } else { path.strip_prefix(parent).and_then(|rest| rest.strip_prefix('.')) })
        else {
            continue;
        };
        let key = rest.split(['.', '[']).next().unwrap_or(rest);
        if key != "*" && !found.contains(&key) {
            found.push(key);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::{LabelStyle, Policy, show_duration};

    #[test]
    fn keys_are_found_by_their_parent() {
        assert_eq!(
            under("chat[]"),
            [
                "name",
                "kind",
                "url",
                "token",
                "channel",
                "password",
                "from",
                "to",
                "ca_file",
                "unencrypted",
                "secret",
                "fallback",
                "new_tickets"
            ]
        );
        assert_eq!(under("labels.*"), ["name", "color"]);
        assert_eq!(under("ladder[]"), ["tiers", "steps"]);
        assert!(under("").contains(&"ladder") && under("").contains(&"labels"));
    }

    #[test]
    fn the_listed_defaults_of_labels_are_the_real_ones() {
        let mut style = LabelStyle::default();
        let listed = |key: &str| KEYS.iter().find(|(path, ..)| *path == format!("labels.{key}")).unwrap().1;
        for (key, _) in LabelStyle::LABELS {
            assert_eq!(style.label_mut(key).unwrap().name, listed(key));
        }
        assert_eq!(show_duration(style.due_rounding), listed("due_rounding"));
    }

    #[test]
    fn the_listed_retention_is_the_real_one() {
        let listed = KEYS.iter().find(|(path, ..)| *path == "retention").unwrap().1;
        assert_eq!(show_duration(Policy::default().retention), listed);
    }
}

//! Forgetting a person (`O2`): name and id give way to a stand-in wherever the desk keeps them, and everything that was counted,
//! answered or decided stays as it was.

use super::event::Person;
use super::ids::UserId;
use super::ticket::Ticket;
use serde_json::Value;
use std::collections::BTreeSet;

/// What everybody who was forgotten is called. No login looks like this, so it neither mentions nor is taken for anybody.
pub const FORGOTTEN: &str = "[forgotten]";

/// Where a ticket keeps what people gave as a reason: theirs and the desk's, and those in commands.
const REASONS: [&str; 4] = ["reason", "waive", "refund", "unknown"];

impl Person {
    /// Stands for somebody who was forgotten. GitHub's ids are positive.
    #[must_use]
    pub const fn is_forgotten(&self) -> bool {
        self.id.is_stand_in()
    }
}

impl UserId {
    /// Stands for somebody who was forgotten.
    #[must_use]
    pub const fn is_stand_in(self) -> bool {
        self.0 < 0
    }
}

/// Whom to forget, and what takes their place.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The account; `None`: only a login is known of it.
    pub user: Option<UserId>,
    /// Every login that it was seen with, in lower case.
    pub names: BTreeSet<String>,
    /// Words that name something else as well, a partner or a tier, in lower case: where they stand alone in a text they stay.
    pub words: BTreeSet<String>,
    /// The id that takes the place of theirs: below 0, and not derived from it, for whoever can count can try all ids. It is the
    /// same in all their tickets, so that one person stays one person.
    pub stand_in: UserId,
}

impl Erasure {
    /// Whether this is who is forgotten.
    #[must_use]
    pub fn is(&self, person: &Person) -> bool {
        self.user == Some(person.id)
    }

    /// Whether a text is their name and nothing else.
    #[must_use]
    pub fn is_name(&self, text: &str) -> bool {
        self.names.contains(&text.to_ascii_lowercase())
    }

    /// The text without them; `None`: it does not name them.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<String> {
        let id = self.user.map(|user| user.to_string());
        let mut out = String::with_capacity(text.len());
        let mut rest = 0;
        let mut changed = false;
        for (start, end) in words(text) {
            let (Some(word), Some(before), Some(after)) = (text.get(start..end), text.get(..start), text.get(end..)) else { continue };
            if !self.names_them(word, before, after, id.as_deref()) {
                continue;
            }
            out.push_str(text.get(rest..start).unwrap_or_default());
            if out.ends_with('@') {
                out.pop();
            }
            out.push_str(FORGOTTEN);
            rest = end;
            changed = true;
        }
        out.push_str(text.get(rest..).unwrap_or_default());
        changed.then_some(out)
    }

    fn names_them(&self, word: &str, before: &str, after: &str, id: Option<&str>) -> bool {
        let with_id = |id: &str| after.strip_prefix(" (").and_then(|rest| rest.strip_prefix(id)).is_some_and(|rest| rest.starts_with(')'));
        if id == Some(word) {
            return before.ends_with("id ") || (before.ends_with('(') && after.starts_with(')'));
        }
        if !self.is_name(word) || after.starts_with('/') {
            return false;
        }
        let marked = before.trim_end_matches('\u{200b}').ends_with('@') || (before.ends_with('`') && after.starts_with('`'));
        // `acme/alice` is a repository, `3` a number.
        let plain = !before.ends_with('/') && !word.bytes().all(|byte| byte.is_ascii_digit());
        marked || id.is_some_and(with_id) || (plain && !self.words.contains(&word.to_ascii_lowercase()))
    }

    /// Takes them out of JSON: every object with their `id` and a `login`, and the texts under keys that `reads` picks. Says whether
    /// there was anything.
    pub fn json(&self, value: &mut Value, reads: &dyn Fn(&str) -> bool) -> bool {
        self.walk(value, "", reads)
    }

    fn walk(&self, value: &mut Value, key: &str, reads: &dyn Fn(&str) -> bool) -> bool {
        match value {
            Value::Object(fields) => {
                let id = fields.get("id").and_then(Value::as_i64);
                let person = fields.get("login").is_some_and(Value::is_string) && id.is_some() && id.map(UserId) == self.user;
                if person {
                    fields.insert("id".to_owned(), self.stand_in.0.into());
                    fields.insert("login".to_owned(), FORGOTTEN.into());
                }
                fields.iter_mut().fold(person, |changed, (key, value)| self.walk(value, key, reads) | changed)
            }
            Value::Array(values) => values.iter_mut().fold(false, |changed, value| self.walk(value, key, reads) | changed),
            Value::String(text) if reads(key) => {
                let without = if self.is_name(text) { Some(FORGOTTEN.to_owned()) } else { self.text(text) };
                without.is_some_and(|without| {
                    *text = without;
                    true
                })
            }
            _ => false,
        }
    }
}

/// Where the words of a text begin and end, as logins are written.
fn words(text: &str) -> Vec<(usize, usize)> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, fits(c)) {
            (None, true) => start = Some(at),
            (Some(began), false) => {
                words.push((began, at));
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// By way of JSON, so that a fact that is new in the desk is not forgotten here.
impl Ticket {
    /// Everybody in it, as often as they stand there.
    #[must_use]
    pub fn everybody(&self) -> Vec<Person> {
        fn walk(value: &Value, found: &mut Vec<Person>) {
            match value {
                Value::Object(fields) => {
                    if let (Some(id), Some(login)) = (fields.get("id").and_then(Value::as_i64), fields.get("login").and_then(Value::as_str))
                    {
                        let bot = fields.get("bot").and_then(Value::as_bool).unwrap_or_default();
                        found.push(Person { id: UserId(id), login: login.to_owned(), bot });
                    }
                    fields.values().for_each(|value| walk(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        if let Ok(value) = serde_json::to_value(self) {
            walk(&value, &mut found);
        }
        found
    }

    /// Puts the stand-in in somebody's place, wherever they stand, and takes their name out of reasons. What the issue says and what it
    /// is called stays: that is GitHub's. Says whether there was anything.
    ///
    /// # Errors
    /// The ticket does not read back, which would be a mistake of the desk's.
    pub fn forget(&mut self, who: &Erasure) -> Result<bool, serde_json::Error> {
        let mut value = serde_json::to_value(&*self)?;
        if !who.json(&mut value, &|key| REASONS.contains(&key)) {
            return Ok(false);
        }
        *self = if let Ok(ticket) = serde_json::from_value(value) {
            ticket
        } else {
            // A reason may be one of a few words that the desk knows, and somebody may be called so.
            let mut value = serde_json::to_value(&*self)?;
            if !who.json(&mut value, &|_| false) {
                return Ok(false);
            }
            serde_json::from_value(value)?
        };
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn erasure(names: &[&str]) -> Erasure {
        let words = ["acme", "gold"].map(str::to_owned).into();
        Erasure { user: Some(UserId(17)), names: names.iter().map(|name| (*name).to_owned()).collect(), words, stand_in: UserId(-5) }
    }

    #[test]
    fn o2_a_name_goes_however_it_is_written() {
        let alice = erasure(&["alice", "alice-b"]);
        for (text, without) in [
            ("alice", "[forgotten]"),
            ("waived by @Alice: outage", "waived by [forgotten]: outage"),
            ("answered by `alice`, then alice-b's dog", "answered by `[forgotten]`, then [forgotten]'s dog"),
            ("acme: new member alice (17); id 17 left", "acme: new member [forgotten] ([forgotten]); id [forgotten] left"),
            ("(ALICE)", "([forgotten])"),
        ] {
            assert_eq!(alice.text(text).as_deref(), Some(without), "{text}");
        }
        for text in ["malice", "alice-c", "alice_b", "aliceé", "acme/alice#3", "alice/tools", "@alice/team", "ticket 17 of 20, 17h", ""] {
            assert_eq!(alice.text(text), None, "{text}");
        }
    }

    #[test]
    fn o2_what_a_partner_or_a_number_is_called_stays() {
        let acme = erasure(&["acme", "3"]);
        assert_eq!(acme.text("admitted for acme (gold): ticket 3 of 10"), None);
        assert_eq!(acme.text("acme: new member acme (17)").as_deref(), Some("acme: new member [forgotten] ([forgotten])"));
        assert_eq!(acme.text("by @3 and `acme`").as_deref(), Some("by [forgotten] and `[forgotten]`"));
    }

    #[test]
    fn o2_people_are_found_wherever_they_stand() {
        let mut value = json!({
            "title": "alice is locked out", "partner": "alice", "id": 17,
            "new": [{ "who": { "login": "alice-c", "id": 17 }, "reason": "alice asked" }, { "id": 18, "login": "alice" }],
        });
        assert!(erasure(&["alice"]).json(&mut value, &|key| key == "reason"));
        let expected = json!({
            "title": "alice is locked out", "partner": "alice", "id": 17,
            "new": [{ "who": { "login": "[forgotten]", "id": -5 }, "reason": "[forgotten] asked" }, { "id": 18, "login": "alice" }],
        });
        assert_eq!(value, expected);
        assert!(!erasure(&["alice"]).json(&mut value, &|_| false));
    }
}

//! A time zone by its name, as an operator writes it and as a ticket's calendar keeps it.

use super::problem::{Unfit, nearest};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a zone looks like, for messages.
pub const ZONE_FORM: &str = "an IANA time zone like \"Europe/Paris\" or \"UTC\"";

/// An IANA time zone. Only a zone with a name has rules for summer time, and only a name can be kept: two zones of one name are
/// the same, whatever their rules were when they were read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of a name, by the system's rules, else by those that are built in: a system may leave old names out.
    ///
    /// # Errors
    /// Neither has the name.
    pub fn named(name: &str) -> Result<Self, Unfit> {
        let name = name.trim();
        let known = jiff::tz::db().get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok();
        if let Some(rules) = known.filter(|rules| !rules.is_unknown()) {
            return Ok(Self { name: rules.iana_name().unwrap_or(name).to_owned(), rules });
        }
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let near = nearest(name, names.iter().map(String::as_str)).filter(|_| !name.is_empty());
        Err(Unfit { expected: ZONE_FORM.to_owned(), hint: near.map(|near| format!("the nearest is \"{near}\"")) })
    }

    /// The zone with rules from elsewhere. `None` for rules without a name.
    #[must_use]
    pub fn with_rules(rules: TimeZone) -> Option<Self> {
        let name = rules.iana_name()?.to_owned();
        Some(Self { name, rules })
    }

    /// `Europe/Paris`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone's rules.
    #[must_use]
    pub const fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        Self::named(text)
    }
}

impl TryFrom<String> for Zone {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        Self::named(&text)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_kept_by_its_name() {
        let zone = Zone::named("europe/paris").unwrap();
        assert_eq!((zone.name(), zone.to_string().as_str()), ("Europe/Paris", "Europe/Paris"));
        assert_eq!(serde_json::to_string(&zone).unwrap(), "\"Europe/Paris\"");
        assert_eq!(serde_json::from_str::<Zone>("\"Europe/Paris\"").unwrap(), zone);
        assert_eq!(Zone::with_rules(TimeZone::UTC).unwrap().name(), "UTC");
        assert!(Zone::with_rules(TimeZone::fixed(jiff::tz::offset(2))).is_none());
    }

    #[test]
    fn a_zone_that_nobody_knows_is_refused_with_the_nearest() {
        let why = |name: &str| Zone::named(name).unwrap_err().to_string();
        assert_eq!(why("Europe/Pari"), format!("expected {ZONE_FORM}; the nearest is \"Europe/Paris\""));
        assert_eq!(why(""), format!("expected {ZONE_FORM}"));
        assert!(why("Etc/Unknown").starts_with("expected"));
    }
}

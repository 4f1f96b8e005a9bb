//! The labels that the desk puts on issues (`G2`): what they are called and which colour they have.

use super::allowance::Target;
use super::problem::Unfit;
use super::{Programme, Tier};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// GitHub takes no longer label name.
const LONGEST_NAME: usize = 50;

/// A label's name, maybe with a place in braces for what varies, and its colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelText {
    /// `sla: breached`, `tier: {name}`.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
}

impl LabelText {
    fn new(name: &str, color: &str) -> Self {
        Self { name: name.to_owned(), color: color.to_owned() }
    }

    /// The name with its place filled, shortened to what GitHub takes.
    fn filled(&self, place: &str, with: &str) -> String {
        shortened(self.name.replace(place, with))
    }
}

/// A name that GitHub takes. One that is too long ends in `…` and a mark made from the whole, so that two that differ only after
/// the cut stay two labels.
fn shortened(name: String) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    // FNV-1a: it is the same in every release and on every machine.
    let mark = name.to_lowercase().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let head: String = name.chars().take(LONGEST_NAME - 9).collect();
    format!("{}…{mark:08x}", head.trim_end())
}

/// Names, colours and rounding of the labels (`G2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelStyle {
    /// The tier of the partner: `tier: {name}`.
    pub tier: LabelText,
    /// The response target: `sla: {target}`.
    pub target: LabelText,
    /// The deadline: `due: {due}`.
    pub due: LabelText,
    /// The first step of the ladder has passed.
    pub due_soon: LabelText,
    /// Not answered in time.
    pub breached: LabelText,
    /// Answered in time.
    pub met: LabelText,
    /// The clock stands still.
    pub paused: LabelText,
    /// Over the allowance, waiting for a slot.
    pub waiting: LabelText,
    /// Opened by nobody the desk knows (`W6`).
    pub unknown: LabelText,
    /// What an agent puts on to say that the partner's answer is needed (`S7`); the only label that the desk reads.
    pub waiting_partner: LabelText,
    /// The deadline is rounded down to a whole multiple of this, so that it never promises later.
    pub due_rounding: SignedDuration,
}

impl Default for LabelStyle {
    fn default() -> Self {
        Self {
            tier: LabelText::new("tier: {name}", "1d76db"),
            target: LabelText::new("sla: {target}", "5319e7"),
            due: LabelText::new("due: {due}", "fef2c0"),
            due_soon: LabelText::new("sla: due soon", "fbca04"),
            breached: LabelText::new("sla: breached", "b60205"),
            met: LabelText::new("sla: met", "0e8a16"),
            paused: LabelText::new("sla: paused", "c5def5"),
            waiting: LabelText::new("quota: waiting", "d4c5f9"),
            unknown: LabelText::new("partner: unknown", "ededed"),
            waiting_partner: LabelText::new("waiting: partner", "bfdadc"),
            due_rounding: SignedDuration::from_mins(30),
        }
    }
}

impl LabelStyle {
    /// The keys of `[labels]`, each with the place that its name must have, if any.
    pub const LABELS: [(&str, Option<&str>); 10] = [
        ("tier", Some("{name}")),
        ("target", Some("{target}")),
        ("due", Some("{due}")),
        ("due_soon", None),
        ("breached", None),
        ("met", None),
        ("paused", None),
        ("waiting", None),
        ("unknown", None),
        ("waiting_partner", None),
    ];

    /// The label of a key of [`LabelStyle::LABELS`].
    pub fn label_mut(&mut self, key: &str) -> Option<&mut LabelText> {
        Some(match key {
            "tier" => &mut self.tier,
            "target" => &mut self.target,
            "due" => &mut self.due,
            "due_soon" => &mut self.due_soon,
            "breached" => &mut self.breached,
            "met" => &mut self.met,
            "paused" => &mut self.paused,
            "waiting" => &mut self.waiting,
            "unknown" => &mut self.unknown,
            "waiting_partner" => &mut self.waiting_partner,
            _ => return None,
        })
    }

    /// The labels whose name never varies, by key.
    #[must_use]
    pub fn fixed(&self) -> [(&'static str, &LabelText); 7] {
        [
            ("due_soon", &self.due_soon),
            ("breached", &self.breached),
            ("met", &self.met),
            ("paused", &self.paused),
            ("waiting", &self.waiting),
            ("unknown", &self.unknown),
            ("waiting_partner", &self.waiting_partner),
        ]
    }

    /// `tier: Gold`.
    #[must_use]
    pub fn tier_name(&self, tier: &Tier) -> String {
        self.tier.filled("{name}", &tier.name)
    }

    /// `sla: 4h`, the target as the programme publishes it.
    #[must_use]
    pub fn target_name(&self, target: &Target) -> String {
        self.target.filled("{target}", &target.to_string())
    }

    /// `due: 2026-11-22 18:00 UTC`, rounded down.
    #[must_use]
    pub fn due_name(&self, due: Timestamp) -> String {
        let step = i64::try_from(self.due_rounding.as_millis()).unwrap_or(i64::MAX).max(1);
        let ms = due.as_millisecond();
        let rounded = Timestamp::from_millisecond(ms - ms.rem_euclid(step)).unwrap_or(due);
        self.due.filled("{due}", &rounded.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string())
    }

    /// Whether a label's name has the form of a deadline, in any case: what is deleted when no ticket shows it any more.
    #[must_use]
    pub fn is_due_name(&self, name: &str) -> bool {
        let (form, name) = (self.due.name.to_lowercase(), name.to_lowercase());
        let (before, after) = form.split_once("{due}").unwrap_or((&form, ""));
        let Some(due) = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) else {
            return false;
        };
        due.strip_suffix(" utc").is_some_and(|due| jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M", due).is_ok())
    }

    /// Whether the desk has a use for a label of this name, in any case.
    #[must_use]
    pub fn uses(&self, programme: &Programme, name: &str) -> bool {
        let is = |other: &str| other.to_lowercase() == name.to_lowercase();
        let of_tier = |tier: &Tier| is(&self.tier_name(tier)) || is(&self.target_name(&tier.response));
        self.is_due_name(name) || self.fixed().iter().any(|(_, label)| is(&label.name)) || programme.tiers.iter().any(of_tier)
    }

    /// What is wrong with a label's name. `place` is what it must have, from [`LabelStyle::LABELS`].
    ///
    /// # Errors
    /// Empty, longer than GitHub takes, without its place, or with a line break.
    pub fn check_name(name: &str, place: Option<&str>) -> Result<(), Unfit> {
        let expected = match place {
            Some(place) => format!("a label name of 1 to {LONGEST_NAME} characters with {place} in it"),
            None => format!("a label name of 1 to {LONGEST_NAME} characters"),
        };
        // What stands for a deadline is the longest text that ever fills a place and is known beforehand.
        let length = match place {
            Some("{due}") => name.replace("{due}", "2026-11-22 18:00 UTC").chars().count(),
            Some(place) => name.replace(place, "").chars().count() + 1,
            None => name.chars().count(),
        };
        if name.trim().is_empty() || name.contains(char::is_control) || place.is_some_and(|place| !name.contains(place)) {
            return Err(Unfit::new(expected));
        }
        if length > LONGEST_NAME {
            return Err(Unfit::because(expected, format!("it has {length}")));
        }
        Ok(())
    }

    /// What is wrong with a colour.
    ///
    /// # Errors
    /// Anything but six hexadecimal digits, with `#` before them or not.
    pub fn check_color(color: &str) -> Result<String, Unfit> {
        let digits = color.trim().trim_start_matches('#');
        if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(digits.to_ascii_lowercase());
        }
        Err(Unfit::new("a colour of six hexadecimal digits like \"b60205\""))
    }

    /// The labels that would collide with this programme: a text for each, with the key of the label.
    #[must_use]
    pub fn conflicts(&self, programme: &Programme) -> Vec<(&'static str, String)> {
        let mut named: Vec<(&'static str, String)> = self.fixed().map(|(key, label)| (key, label.name.clone())).to_vec();
        let mut found: Vec<(&'static str, String)> = Vec::new();
        named.extend(programme.tiers.iter().map(|tier| ("tier", self.tier_name(tier))));
        let mut targets: Vec<String> = programme.tiers.iter().map(|tier| self.target_name(&tier.response)).collect();
        targets.sort();
        targets.dedup();
        named.extend(targets.into_iter().map(|name| ("target", name)));
        for (index, (key, name)) in named.iter().enumerate() {
            // GitHub tells no upper case from lower in a label's name.
            let same = |(other, earlier): &&(&str, String)| other != key && earlier.to_lowercase() == name.to_lowercase();
            if let Some((other, _)) = named.iter().take(index).find(same) {
                found.push((*key, format!("\"{name}\" is also the name of the label \"{other}\"")));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_rule() {
        let (style, programme) = (LabelStyle::default(), Programme::builtin());
        let gold = programme.tiers.iter().find(|tier| tier.name == "Gold").unwrap();
        assert_eq!(style.tier_name(gold), "tier: Gold");
        assert_eq!(style.target_name(&gold.response), "sla: 4h");
        let due = |text: &str| style.due_name(text.parse().unwrap());
        assert_eq!(due("2026-11-22T18:00:00Z"), "due: 2026-11-22 18:00 UTC");
        assert_eq!(due("2026-11-22T18:29:59.999Z"), "due: 2026-11-22 18:00 UTC");
        assert_eq!(due("2026-11-22T18:30:00Z"), "due: 2026-11-22 18:30 UTC");
        assert_eq!(due("1969-12-31T23:59:00Z"), "due: 1969-12-31 23:30 UTC");
        assert!(style.conflicts(&programme).is_empty());
    }

    #[test]
    fn g2_a_name_that_is_too_long_is_shortened_and_stays_its_own() {
        let style = LabelStyle::default();
        let name = |end: &str| style.tier.filled("{name}", &format!("Enterprise with everything, for all of {end}"));
        assert_eq!(name("us"), "tier: Enterprise with everything, for all of us");
        let (europe, asia) = (name("Europe and beyond"), name("Asia and beyond"));
        assert_eq!(europe, "tier: Enterprise with everything, for all…4f29a23a");
        assert_eq!((europe.chars().count(), asia.chars().count()), (50, 50));
        assert_ne!(europe, asia);
        assert!(name("ü".repeat(50).as_str()).chars().count() <= LONGEST_NAME);
    }

    #[test]
    fn the_desk_knows_its_own_names_in_any_case() {
        let (style, programme) = (LabelStyle::default(), Programme::builtin());
        for ours in ["TIER: gold", "sla: 4H", "sla: Met", "waiting: partner", "Due: 2026-11-22 18:00 utc"] {
            assert!(style.uses(&programme, ours), "{ours}");
        }
        for other in ["tier: Diamond", "sla: 5m", "bug", "due: tomorrow"] {
            assert!(!style.uses(&programme, other), "{other}");
        }
    }

    #[test]
    fn a_deadline_is_recognised() {
        let style = LabelStyle::default();
        assert!(style.is_due_name("due: 2026-11-22 18:00 UTC") && style.is_due_name("DUE: 2026-11-22 18:00 utc"));
        for other in ["due: tomorrow", "due: 2026-11-22", "sla: due soon", "overdue: 2026-11-22 18:00 UTC"] {
            assert!(!style.is_due_name(other), "{other}");
        }
    }

    #[test]
    fn names_and_colours_are_checked() {
        let why = |name: &str, place| LabelStyle::check_name(name, place).unwrap_err().to_string();
        assert_eq!(why("", None), "expected a label name of 1 to 50 characters");
        assert_eq!(why(&"x".repeat(51), None), "expected a label name of 1 to 50 characters; it has 51");
        assert_eq!(why("tier", Some("{name}")), "expected a label name of 1 to 50 characters with {name} in it");
        assert_eq!(LabelStyle::check_color("#B60205").unwrap(), "b60205");
        assert!(LabelStyle::check_color("red").is_err());
    }

    #[test]
    fn labels_of_one_name_are_found() {
        let mut style = LabelStyle::default();
        style.met.name = "SLA: Breached".to_owned();
        assert_eq!(
            style.conflicts(&Programme::builtin()),
            [("met", "\"SLA: Breached\" is also the name of the label \"breached\"".to_owned())]
        );
    }
}

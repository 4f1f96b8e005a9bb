//! What is wrong around the desk, and what to do about it: configuration, database, GitHub, chat. It reads only: nothing is written to
//! GitHub or to the database, and no lock is taken that a running `serve` would wait for.

mod chat;
mod database;
mod github;

use crate::app::of_stored;
use crate::clock::Clock;
use crate::domain::partner::Partner;
use crate::programme::problem::Problems;
use crate::settings::Settings;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// It works, and may not for long, or not as well or as safely as it could.
    Warn,
    /// Something does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub mark: Mark,
    /// What was looked at.
    pub what: String,
    /// What was seen.
    pub seen: String,
    /// What to do, where something is to be done.
    pub remedy: Option<String>,
}

/// Everything that was looked at. Shown one a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// How many are like this.
    #[must_use]
    pub fn count(&self, mark: Mark) -> usize {
        self.0.iter().filter(|finding| finding.mark == mark).count()
    }

    fn ok(&mut self, what: &str, seen: impl Into<String>) {
        self.0.push(Finding { mark: Mark::Ok, what: what.to_owned(), seen: seen.into(), remedy: None });
    }

    fn warn(&mut self, what: &str, seen: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { mark: Mark::Warn, what: what.to_owned(), seen: seen.into(), remedy: Some(remedy.into()) });
    }

    fn fail(&mut self, what: &str, seen: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { mark: Mark::Fail, what: what.to_owned(), seen: seen.into(), remedy: Some(remedy.into()) });
    }

    /// Nothing to do, or this.
    fn judge(&mut self, mark: Mark, what: &str, seen: impl Into<String>, remedy: impl Into<String>) {
        match mark {
            Mark::Ok => self.ok(what, seen),
            Mark::Warn => self.warn(what, seen, remedy),
            Mark::Fail => self.fail(what, seen, remedy),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { mark, what, seen, remedy } in &self.0 {
            let mark = match mark {
                Mark::Ok => "ok  ",
                Mark::Warn => "warn",
                Mark::Fail => "fail",
            };
            // What others said may have lines of its own.
            let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            write!(f, "{mark}  {what}: {}", line(seen))?;
            if let Some(remedy) = remedy {
                write!(f, ". To do: {}", line(remedy))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The settings do not load: nothing else can be looked at.
#[must_use]
pub fn of_problems(problems: &Problems) -> Findings {
    let mut findings = Findings::default();
    for problem in &problems.0 {
        findings.fail("configuration", problem.to_string(), "correct it; `partner-desk check` looks at the files alone");
    }
    findings
}

/// Looks at everything. `ping`: sends a test message to every channel.
pub async fn examine(settings: &Settings, clock: &Clock, ping: bool) -> Findings {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut findings = Findings::default();
    files(settings, &mut findings);
    let stored = database::look(settings, clock, &mut findings).await;
    let mut settings = settings.clone();
    if settings.app.is_none() {
        settings.app = stored.as_ref().and_then(|stored| stored.app.clone()).map(of_stored);
    }
    let settings = &settings;
    if let Some(stored) = &stored {
        tiers(settings, &stored.partners, clock.now(), &mut findings);
    }
    github::look(settings, clock, stored.as_ref(), &mut findings).await;
    chat::look(settings, clock, stored.as_ref(), ping, &mut findings).await;
    chat::heartbeat(settings, &mut findings);
    findings
}

/// Whether there is anybody to keep promises to, and whether the programme still knows what was promised them.
fn tiers(settings: &Settings, partners: &[Partner], now: Timestamp, findings: &mut Findings) {
    if partners.is_empty() {
        findings.warn("partners", "none yet: nobody's issues are tickets", "`partner-desk partner import FILE`, or `partner add`");
    }
    for partner in partners {
        let ahead = partner.tiers.iter().filter(|period| period.until.is_none_or(|until| until > now));
        for period in ahead.filter(|period| settings.programme.tier(&period.tier).is_none()) {
            let known: Vec<_> = settings.programme.tiers.iter().map(|tier| tier.id.0.as_str()).collect();
            findings.fail(
                &format!("partner {}", partner.id),
                format!("its tier `{}` is not in the programme {}: nothing can be promised to it", period.tier, settings.programme.name),
                format!(
                    "`partner-desk partner set-tier {} TIER` with one of {}, or put it back into the programme",
                    partner.id,
                    known.join(", ")
                ),
            );
        }
    }
}

/// What the files and the environment say, which was checked when they were loaded.
fn files(settings: &Settings, findings: &mut Findings) {
    let (programme, policy) = (&settings.programme, &settings.policy);
    match &settings.config_path {
        Some(path) => findings.ok("configuration", path.display().to_string()),
        None => findings.ok("configuration", "no partner-desk.toml: the defaults"),
    }
    let tiers = programme.tiers.len();
    findings.ok("programme", format!("{}, {tiers} tiers, windows in {}", programme.name, policy.time_zone_name));
    // Names that clash or are too long do not load.
    findings.ok("labels", "every name fits GitHub's 50 characters, and no two are the same");
    if policy.mode.to_string() == "observe" {
        findings.warn("mode", "observe: nothing is written to GitHub or chat", "set mode = \"enforce\" when it is to work in earnest");
    }
}

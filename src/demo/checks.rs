//! Whether things came out as the story says.

use super::Failure;
use super::script::{Expect, Tally};
use super::stage::{Seen, Stage};
use crate::sandbox::{DeliveryState, IssueView, What};
use std::collections::{BTreeMap, BTreeSet};

/// What the desk did to each issue since the last beat.
#[derive(Debug, Default)]
struct Deeds {
    /// Wrote on it.
    touched: bool,
    /// Comments that are new.
    posted: Vec<String>,
    /// Messages to the chat.
    pings: Vec<String>,
}

/// Compares, and keeps count.
#[derive(Debug, Default)]
pub(super) struct Checks {
    waited: BTreeSet<u64>,
    promised: BTreeSet<u64>,
    met: BTreeSet<u64>,
    breached: BTreeSet<u64>,
    spoken_to: BTreeSet<u64>,
    issues: BTreeSet<u64>,
    pings: usize,
}

impl Checks {
    /// Everything that is not as it was expected: what was, and what came.
    pub(super) fn compare(&mut self, stage: &Stage, expect: &[Expect], news: &[Seen]) -> Result<Vec<String>, Failure> {
        self.count(stage, news);
        let deeds = deeds(stage, news);
        let none = Deeds::default();
        let mut wrong = Vec::new();
        for expected in expect {
            let number = stage.number(expected.ticket())?;
            let Some(issue) = stage.sandbox.issue(stage.repository, number) else {
                wrong.push(format!("#{number}: expected an issue; it is gone"));
                continue;
            };
            let came = deeds.get(&number).unwrap_or(&none);
            wrong.extend(expected.fails(&issue, &stage.sandbox.bot().1, came).map(|why| format!("#{number}: {why}")));
        }
        // What stands in the story does happen, and nothing else does; visitors' issues are their own business.
        for (ticket, number) in &stage.tickets {
            let Some(came) = deeds.get(number) else { continue };
            let speaks = |e: &&Expect| e.ticket() == *ticket;
            // What must not happen complains by itself.
            if came.touched && !expect.iter().filter(speaks).any(|e| !matches!(e, Expect::Ping(..))) {
                wrong.push(format!("#{number}: expected no change; the desk changed it"));
            }
            if !expect.iter().filter(speaks).any(|e| matches!(e, Expect::Ping(..))) {
                wrong.extend(came.pings.iter().map(|said| format!("#{number}: expected no ping; the chat got: {said}")));
            }
        }
        Ok(wrong)
    }

    /// What is not as it should be when all is over.
    pub(super) fn at_the_end(&self, stage: &Stage, expected: Tally) -> Vec<String> {
        let mut wrong: Vec<_> =
            stage.sandbox.violations().into_iter().map(|what| format!("expected no request that GitHub lacks; {what}")).collect();
        let came = self.tally();
        if came != expected {
            wrong.push(format!("expected in all {expected:?}; it came to {came:?}"));
        }
        let lost = stage.sandbox.deliveries().into_iter().filter(|sent| match sent.state {
            DeliveryState::Answered(status) => !(200..300).contains(&status),
            _ => true,
        });
        wrong
            .extend(lost.map(|sent| format!("expected every webhook to be taken in; {}.{} was {:?}", sent.event, sent.action, sent.state)));
        wrong
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            issues: self.issues.len(),
            admitted: self.promised.len(),
            waited: self.waited.len(),
            met: self.met.difference(&self.breached).count(),
            breached: self.breached.len(),
            left_alone: self.issues.difference(&self.spoken_to).count(),
            pings: self.pings,
        }
    }

    fn count(&mut self, stage: &Stage, news: &[Seen]) {
        let labels = &stage.settings.policy.labels;
        let bot = stage.sandbox.bot().1;
        let is_ours = |number: u64| stage.tickets.values().any(|ours| *ours == number);
        for seen in news {
            let event = match seen {
                Seen::Chat(text) => {
                    self.pings += usize::from(is_ours(issue_of(&super::text::visible(text), stage.repository)));
                    continue;
                }
                Seen::GitHub(event) if is_ours(event.number) => event,
                Seen::GitHub(_) => continue,
            };
            self.issues.insert(event.number);
            if event.actor != bot {
                continue;
            }
            self.spoken_to.insert(event.number);
            if let What::Labelled { label } = &event.what {
                let counted = match label.as_str() {
                    label if *label == labels.waiting.name => &mut self.waited,
                    label if *label == labels.met.name => &mut self.met,
                    label if *label == labels.breached.name => &mut self.breached,
                    label if label.starts_with("due: ") => &mut self.promised,
                    _ => continue,
                };
                counted.insert(event.number);
            }
        }
    }
}

fn deeds(stage: &Stage, news: &[Seen]) -> BTreeMap<u64, Deeds> {
    let bot = stage.sandbox.bot().1;
    let mut deeds = BTreeMap::<u64, Deeds>::new();
    for seen in news {
        match seen {
            Seen::GitHub(event) if event.actor == bot && event.number > 0 => {
                let deed = deeds.entry(event.number).or_default();
                deed.touched = true;
                if let What::Commented { body, .. } = &event.what {
                    deed.posted.push(body.clone());
                }
            }
            Seen::GitHub(_) => {}
            Seen::Chat(text) => {
                let text = super::text::visible(text);
                deeds.entry(issue_of(&text, stage.repository)).or_default().pings.push(text);
            }
        }
    }
    deeds
}

/// The number of the issue that a message in the chat is about; 0 where there is none.
pub(super) fn issue_of(text: &str, repository: &str) -> u64 {
    let after = text.split_once(&format!("{repository}#")).map_or("", |(_, after)| after);
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

impl Expect {
    const fn ticket(&self) -> &'static str {
        match self {
            Self::Labels(ticket, _)
            | Self::Comment(ticket, _)
            | Self::Posted(ticket, _)
            | Self::LeftAlone(ticket)
            | Self::Ping(ticket, _)
            | Self::NothingNew(ticket) => ticket,
        }
    }

    fn fails(&self, issue: &IssueView, bot: &str, came: &Deeds) -> Option<String> {
        let comments = issue.comments_by(bot);
        match self {
            Self::Labels(_, names) => {
                let (wanted, there): (BTreeSet<&str>, BTreeSet<&str>) =
                    (names.iter().copied().collect(), issue.labels.iter().map(String::as_str).collect());
                (wanted != there).then(|| format!("expected the labels {}; it has {}", brackets(&wanted), brackets(&there)))
            }
            Self::Comment(_, part) => {
                let said = comments.first().map_or("", |comment| comment.body.as_str());
                (!said.contains(part)).then(|| format!("expected the comment to say “{part}”; it says “{said}”"))
            }
            Self::Posted(_, part) => {
                let right = came.posted.len() == 1 && came.posted.iter().all(|said| said.contains(part));
                (!right).then(|| format!("expected one new comment that says “{part}”; there came {:?}", came.posted))
            }
            Self::LeftAlone(_) => {
                let alone = comments.is_empty() && issue.labels.is_empty();
                (!alone).then(|| format!("expected nothing of the desk on it; it has {:?} and {} comments", issue.labels, comments.len()))
            }
            Self::Ping(_, part) => {
                let right = came.pings.len() == 1 && came.pings.iter().all(|said| said.contains(part));
                (!right).then(|| format!("expected one ping that says “{part}”; the chat got {:?}", came.pings))
            }
            Self::NothingNew(_) => came.touched.then(|| "expected no change; the desk changed it".to_owned()),
        }
    }
}

fn brackets(names: &BTreeSet<&str>) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("[{name}]")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

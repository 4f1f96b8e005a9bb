//! The transcript: who did what and what the desk made of it, an entry for each thing that happens.

use super::page::{Page, Style, Words};
use super::script::Tally;
use super::stage::{CHANNEL, Seen, Stage};
use super::text;
use crate::domain::CommentId;
use crate::messages;
use crate::sandbox::{SandboxEvent, What};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::io;

/// Columns: the time, what happened, what came of it, and its text.
const HAPPENED: usize = 18;
const CAME: usize = 20;
const TEXT: usize = 30;

/// Prints, and remembers what it needs to tell only what is new.
pub(super) struct Transcript<'o> {
    page: Page<'o>,
    /// People in words, by login.
    people: BTreeMap<String, String>,
    agents: &'static [&'static str],
    comments: BTreeMap<CommentId, Vec<String>>,
}

/// What the desk did to one issue.
#[derive(Default)]
struct Deeds {
    come: Vec<String>,
    go: Vec<String>,
    /// Paragraphs of comments, and whether they stand in one that was there already.
    said: Vec<(bool, Vec<String>)>,
    pings: Vec<String>,
}

impl<'o> Transcript<'o> {
    pub(super) const fn new(page: Page<'o>, agents: &'static [&'static str]) -> Self {
        Self { page, people: BTreeMap::new(), agents, comments: BTreeMap::new() }
    }

    /// How somebody is called from now on.
    pub(super) fn introduce(&mut self, login: &str, words: String) {
        self.people.insert(login.to_owned(), words);
    }

    /// A line by itself.
    pub(super) fn line(&mut self, words: &str, style: Style) -> io::Result<()> {
        self.page.put(0, "", 0, &Words::of(words, style))
    }

    /// A new scene.
    pub(super) fn scene(&mut self, words: &str) -> io::Result<()> {
        self.page.gap()?;
        self.line(words, Style::Scene)?;
        self.page.gap()
    }

    /// Something with its name.
    pub(super) fn named(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.page.put(2, name, 12, &Words::of(value, Style::Plain))
    }

    pub(super) fn gap(&mut self) -> io::Result<()> {
        self.page.gap()
    }

    /// One thing that happened, with everything that came of it. `quiet` is told where nothing did.
    pub(super) fn entry(&mut self, stage: &Stage, lead: Option<&str>, news: &[Seen], quiet: &str) -> io::Result<()> {
        let bot = stage.sandbox.bot().1;
        let (by_desk, by_people): (Vec<_>, Vec<_>) = news.iter().partition(|seen| match seen {
            Seen::GitHub(event) => event.actor == bot,
            Seen::Chat(_) => true,
        });
        let mut time = stage.clock.now().strftime("%a %d %b %H:%M").to_string();
        if let Some(lead) = lead {
            self.page.put(0, &std::mem::take(&mut time), HAPPENED, &Words::of(lead, Style::Bold))?;
        }
        for seen in by_people {
            if let Seen::GitHub(event) = seen
                && let Some((words, quote)) = self.deed(event)
            {
                self.page.put(0, &std::mem::take(&mut time), HAPPENED, &words)?;
                for line in quote.iter().flat_map(|quote| quote.lines()) {
                    self.page.put(HAPPENED, "", HAPPENED, &Words::of(&format!("“{}”", text::visible(line)), Style::Plain))?;
                }
            }
        }
        if !time.is_empty() {
            self.page.put(0, &time, HAPPENED, &Words::of("The desk, by itself:", Style::Bold))?;
        }
        let deeds = self.deeds(stage, &by_desk);
        let several = deeds.len() > 1;
        for (number, deeds) in &deeds {
            if several {
                self.page.put(CAME, "", CAME, &Words::of(&format!("on #{number}"), Style::Dim))?;
            }
            self.came(deeds)?;
        }
        if deeds.is_empty() {
            self.page.put(CAME, "", CAME, &Words::of(quiet, Style::Dim))?;
        }
        Ok(())
    }

    /// What a person did, and what they wrote.
    fn deed<'e>(&self, event: &'e SandboxEvent) -> Option<(Words, Option<&'e str>)> {
        let who = self.people.get(&event.actor).map_or(event.actor.as_str(), String::as_str);
        let number = format!("#{}", event.number);
        let agent = self.agents.contains(&event.actor.as_str());
        Some(match &event.what {
            What::Opened { title, body } => {
                let words = Words::of(who, Style::Bold).and(&format!("opens {number}"), Style::Plain);
                (words.and(&format!("“{}”", text::visible(title)), Style::Bold), body.as_deref())
            }
            What::Commented { body, .. } => {
                let verb = if agent { "answers" } else { "writes on" };
                (Words::of(who, Style::Bold).and(&format!("{verb} {number}"), Style::Plain), Some(body))
            }
            // What a person did besides makes no line where it is no news: the label that GitHub made for another.
            What::Other(_) => return None,
            _ => (Words::of(&text::visible(&event.to_string()), Style::Plain), None),
        })
    }

    fn deeds(&mut self, stage: &Stage, by_desk: &[&Seen]) -> BTreeMap<u64, Deeds> {
        let mut all = BTreeMap::<u64, Deeds>::new();
        for seen in by_desk {
            match seen {
                Seen::Chat(text) => {
                    let text = text::said(text);
                    all.entry(super::checks::issue_of(&text, stage.repository)).or_default().pings.push(text);
                }
                Seen::GitHub(event) => {
                    let number = event.number;
                    match &event.what {
                        What::Labelled { label } => all.entry(number).or_default().come.push(label.clone()),
                        What::Unlabelled { label } => all.entry(number).or_default().go.push(label.clone()),
                        What::Commented { id, body } => {
                            let said = text::paragraphs(body);
                            self.comments.insert(*id, said.clone());
                            all.entry(number).or_default().said.push((false, said));
                        }
                        What::CommentEdited { id, body } => {
                            let said = text::paragraphs(body);
                            let before = self.comments.insert(*id, said.clone()).unwrap_or_default();
                            let new = said.into_iter().filter(|line| !before.contains(line)).collect();
                            all.entry(number).or_default().said.push((true, new));
                        }
                        _ => {}
                    }
                }
            }
        }
        all
    }

    fn came(&mut self, deeds: &Deeds) -> io::Result<()> {
        let mut labels = Words::default();
        for (sign, names, style) in [("+", &deeds.come, Style::Comes), ("−", &deeds.go, Style::Goes)] {
            for name in names {
                labels = labels.and_whole(format!("{sign}[{name}]"), style);
            }
        }
        if !labels.is_empty() {
            self.page.put(CAME, "labels", TEXT, &labels)?;
        }
        for (edited, paragraphs) in &deeds.said {
            let mut lead = if *edited { "edited" } else { "comment" };
            for paragraph in paragraphs {
                self.page.put(CAME, std::mem::take(&mut lead), TEXT, &Words::of(paragraph, Style::Plain))?;
            }
        }
        for ping in &deeds.pings {
            self.page.put(CAME, &format!("#{CHANNEL}"), TEXT, &Words::of(&format!("> {ping}"), Style::Said))?;
        }
        Ok(())
    }

    /// Something came out otherwise.
    pub(super) fn wrong(&mut self, what: &str) -> io::Result<()> {
        self.page.put(CAME, "", CAME, &Words::of(&format!("OTHERWISE THAN THE STORY SAYS: {what}"), Style::Wrong))
    }

    /// What it all came to.
    pub(super) fn summary(&mut self, stage: &Stage, tally: Tally, story: SignedDuration, real: SignedDuration) -> io::Result<()> {
        let Tally { issues, admitted, waited, met, breached, left_alone, pings } = tally;
        let writes = stage.sandbox.writes();
        let labels = writes.iter().filter(|write| write.is_label_creation()).count();
        self.page.gap()?;
        self.line("What it came to", Style::Scene)?;
        self.page.gap()?;
        for (name, value) in [
            ("issues", format!("{issues}: {admitted} admitted as tickets, {waited} of them after waiting; {left_alone} left alone")),
            ("answers", format!("{met} in time, {breached} late")),
            ("chat", format!("{pings} pings in #{CHANNEL}")),
            ("GitHub", format!("{} write requests, and {labels} more that made labels", writes.len() - labels)),
            ("time", format!("{} of the story in {}", messages::length(story), seconds(real))),
        ] {
            self.named(name, &value)?;
        }
        Ok(())
    }
}

/// Real time, for people: `2.4 s`, or as the desk writes longer ones.
fn seconds(span: SignedDuration) -> String {
    if span < SignedDuration::from_mins(1) { format!("{:.1} s", span.as_secs_f64()) } else { messages::length(span) }
}

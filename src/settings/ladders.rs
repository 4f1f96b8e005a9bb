//! `[[ladder]]`: escalation in place of the default ladder (`E1`).

use super::file::is_login;
use super::keys::under;
use crate::programme::document::{Field, Section};
use crate::programme::problem::{Unfit, nearest};
use crate::programme::{LabelStyle, Ladder, LadderStep, Policy, Programme, TierId, duration, parse_duration, show_duration};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// The ladders of the file with the names of the channels already in `policy`, checked against the programme.
pub(super) fn read(root: &Section<'_>, policy: &mut Policy, programme: &Programme) {
    let Some(field) = root.get("ladder") else { return };
    let mut places = Vec::new();
    let mut taken = Taken::default();
    for (index, section) in field.sections("[[ladder]] tables").into_iter().enumerate() {
        let section = section.named(format!("ladder {}", index + 1));
        section.only(&under("ladder[]"));
        let tiers = taken.by_next(&section, programme);
        let steps_field = section.require("steps", "a list of at least one step, for example [{ at = \"due\" }]");
        let sections = steps_field.as_ref().map(|field| field.sections("a list of steps in braces")).unwrap_or_default();
        if let Some(field) = &steps_field
            && sections.is_empty()
            && field.list_is_empty()
        {
            field.refuse(Unfit::new("at least one step"));
        }
        let mut steps = Vec::new();
        let mut at_fields = Vec::new();
        for (number, section) in sections.into_iter().enumerate() {
            let section = section.named(format!("ladder {}: step {}", index + 1, number + 1));
            if let Some((step, at)) = step(&section, policy) {
                steps.push(step);
                at_fields.push(at);
            }
        }
        policy.ladders.push(Ladder { tiers, steps, announce: Vec::new() });
        places.push(at_fields);
    }
    refuse_early_steps(policy, programme, &places);
}

/// Which ladder has which tiers, by its number. A second one for the same tier would never be climbed.
#[derive(Default)]
struct Taken {
    tiers: BTreeMap<TierId, usize>,
    others: Option<usize>,
    lines: Vec<usize>,
}

impl Taken {
    /// The tiers of the next ladder; none: all that no other ladder names.
    fn by_next(&mut self, section: &Section<'_>, programme: &Programme) -> Vec<TierId> {
        let (field, next) = (section.get("tiers"), self.lines.len());
        self.lines.push(section.line());
        let place = |ladder: usize| format!("ladder {} on line {}", ladder + 1, self.lines.get(ladder).copied().unwrap_or_default());
        let named = field.as_ref().map(|field| each_tier(field, programme)).unwrap_or_default();
        for (element, tier) in &named {
            let first = *self.tiers.entry(tier.clone()).or_insert(next);
            if first != next {
                let hint = format!("{} names it, and a tier has one ladder", place(first));
                element.refuse(Unfit::because("a tier that no other [[ladder]] names", hint));
            }
        }
        if field.as_ref().is_none_or(Field::list_is_empty) {
            let first = *self.others.get_or_insert(next);
            if first != next {
                let hint = format!("{} names none either, so it is for all that no other names", place(first));
                section.refuse("tiers", Unfit::because("the tiers that this ladder is for", hint));
            }
        }
        named.into_iter().map(|(_, tier)| tier).collect()
    }
}

/// A step at or before the start would be taken the moment a ticket comes, for the tiers that get this ladder.
fn refuse_early_steps(policy: &Policy, programme: &Programme, places: &[Vec<Field<'_>>]) {
    for tier in &programme.tiers {
        let Some(place) = policy.ladder_place(&tier.id) else { continue };
        let Some(ladder) = policy.ladders.get(place) else { continue };
        for step in ladder.before_start(tier.response) {
            let expected = format!("a step after the start for the tier \"{}\", whose target is {}", tier.id, tier.response);
            let (Some(rung), Some(field)) = (ladder.steps.get(step), places.get(place).and_then(|fields| fields.get(step))) else {
                continue;
            };
            let after = show_duration(rung.at.offset(tier.response));
            field.refuse(Unfit::because(expected, format!("this one would be {after} after it")));
        }
    }
}

pub(super) fn tiers(field: &Field<'_>, programme: &Programme) -> Vec<TierId> {
    each_tier(field, programme).into_iter().map(|(_, tier)| tier).collect()
}

fn each_tier<'a>(field: &Field<'a>, programme: &Programme) -> Vec<(Field<'a>, TierId)> {
    let mut found = Vec::new();
    for element in field.list("a list of tier ids in brackets, for example [\"gold\"]").unwrap_or_default() {
        let Some(id) = element.filled() else { continue };
        if let Some(tier) = programme.tier(&TierId(id.to_owned())) {
            found.push((element, tier.id.clone()));
            continue;
        }
        let near = nearest(id, programme.tiers.iter().map(|tier| tier.id.0.as_str()));
        let hint = near.map(|near| format!("the nearest is \"{near}\""));
        element.refuse(Unfit { expected: "the id of a tier".to_owned(), hint });
    }
    found
}

fn step<'a>(section: &Section<'a>, policy: &Policy) -> Option<(LadderStep, Field<'a>)> {
    section.only(&under("ladder[].steps[]"));
    let at_field = section.require("at", crate::programme::ladder::STEP_FORM);
    let at = at_field.as_ref().and_then(Field::parsed);
    let name = section.get("name").and_then(|field| field.filled().map(str::to_owned));
    let chat = section.get("chat").map(|field| chat(&field, &policy.channels));
    let mention = section.get("mention").and_then(|field| field.texts()).unwrap_or_default();
    let label = section.get("label").and_then(|field| {
        let label = field.filled()?;
        if policy.labels.fixed().iter().any(|(_, own)| own.name.to_lowercase() == label.to_lowercase()) {
            field.refuse(Unfit::because("a label of its own", "the desk puts that one on and takes it off by itself"));
            return None;
        }
        field.checked(LabelStyle::check_name(label, None)).map(|()| label.to_owned())
    });
    let assign = section.get("assign").map(|field| assign(&field)).unwrap_or_default();
    let repeat_field = section.get("repeat");
    let repeat = repeat_field.as_ref().and_then(repeat);
    let times = section.get("times").and_then(|field| {
        if repeat_field.is_none() {
            field.refuse(Unfit::because("no \"times\" without \"repeat\"", "say after how long it repeats, for example repeat = \"1h\""));
            return None;
        }
        field.whole(1..=LadderStep::MOST_TIMES)
    });
    let times = if repeat.is_some() { times.unwrap_or(LadderStep::DEFAULT_TIMES) } else { 0 };
    Some((LadderStep { at: at?, name, chat, mention, label, assign, repeat, times }, at_field?))
}

pub(super) fn chat(field: &Field<'_>, channels: &[String]) -> Vec<String> {
    let elements = field.list("a list of channel names in brackets, for example [\"support\"]").unwrap_or_default();
    let known = |element: &Field<'_>| {
        let name = element.filled()?;
        if channels.iter().any(|channel| channel == name) {
            return Some(name.to_owned());
        }
        element.refuse(no_such_chat(name, channels));
        None
    };
    elements.iter().filter_map(known).collect()
}

/// `channels`: those of the file that have a name, right or wrong in what else they say.
pub(super) fn no_such_chat(name: &str, channels: &[String]) -> Unfit {
    let near = nearest(name, channels.iter().map(String::as_str));
    let hint = near.map_or_else(|| "the file names no [[chat]]".to_owned(), |near| format!("the nearest is \"{near}\""));
    Unfit::because("the name of a [[chat]]", hint)
}

/// GitHub assigns ten people at most, and no teams.
fn assign(field: &Field<'_>) -> Vec<String> {
    const MOST: usize = 10;
    let elements = field.list("a list of logins in brackets, for example [\"ann\"]").unwrap_or_default();
    if elements.len() > MOST {
        field.refuse(Unfit::new(format!("at most {MOST} logins, as many as GitHub assigns")));
    }
    let login = |element: &Field<'_>| {
        let login = element.filled()?.trim_start_matches('@');
        if !is_login(login) {
            element.refuse(Unfit::new("a login like \"ann\"; teams cannot be assigned"));
            return None;
        }
        Some(login.to_owned())
    };
    elements.iter().filter_map(login).collect()
}

fn repeat(field: &Field<'_>) -> Option<SignedDuration> {
    let length = field.checked(parse_duration(field.filled()?))?;
    if length < SignedDuration::from_secs(1) {
        field.refuse(Unfit::because(duration::DURATION_FORM, "a step repeats after 1s or more"));
        return None;
    }
    Some(length)
}

//! `[[ladder]]`: escalation in place of the default ladder (`E1`).

use super::file::is_login;
use super::keys::under;
use crate::programme::document::{Field, Section};
use crate::programme::problem::{Unfit, nearest};
use crate::programme::{LabelStyle, Ladder, LadderStep, Policy, Programme, TierId, duration, parse_duration, show_duration};
use jiff::SignedDuration;

/// The ladders of the file with the names of the channels already in `policy`, checked against the programme.
pub(super) fn read(root: &Section<'_>, policy: &mut Policy, programme: &Programme) {
    let Some(field) = root.get("ladder") else { return };
    let mut places = Vec::new();
    for (index, section) in field.sections("[[ladder]] tables").into_iter().enumerate() {
        let section = section.named(format!("ladder {}", index + 1));
        section.only(&under("ladder[]"));
        let tiers = section.get("tiers").map(|field| tiers(&field, programme)).unwrap_or_default();
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
    let mut found = Vec::new();
    for element in field.list("a list of tier ids in brackets, for example [\"gold\"]").unwrap_or_default() {
        let Some(id) = element.filled() else { continue };
        if let Some(tier) = programme.tier(&TierId(id.to_owned())) {
            found.push(tier.id.clone());
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
        let near = nearest(name, channels.iter().map(String::as_str));
        let hint = near.map_or_else(|| "the file has no [[chat]]".to_owned(), |near| format!("the nearest is \"{near}\""));
        element.refuse(Unfit::because("the name of a [[chat]]", hint));
        None
    };
    elements.iter().filter_map(known).collect()
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

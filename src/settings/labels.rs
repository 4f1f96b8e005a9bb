//! `[labels]`: names, colours and rounding of the labels (`G2`).

use super::keys::under;
use crate::programme::document::{Field, Section};
use crate::programme::problem::Unfit;
use crate::programme::{LabelStyle, LabelText, Programme, duration, parse_duration};
use jiff::SignedDuration;
use toml::de::DeValue;

/// A label is written as its name, or as a table of name and colour; what is left out keeps its default.
pub(super) fn read(root: &Section<'_>, programme: &Programme) -> LabelStyle {
    let mut style = LabelStyle::default();
    let section = root.get("labels").and_then(|field| field.section("a table of labels"));
    if let Some(section) = &section {
        read_labels(section, &mut style);
    }
    // Without a change too: it may be the programme whose names don't fit.
    for (key, conflict) in style.conflicts(programme) {
        let unfit = Unfit::because("a label name of at most 50 characters that no other label has", conflict);
        match section.as_ref().map(|section| (section, section.get(key))) {
            Some((_, Some(field))) => field.refuse(unfit),
            Some((section, None)) => section.refuse(key, unfit),
            None => root.refuse(&format!("labels: {key}"), unfit),
        }
    }
    style
}

fn read_labels(section: &Section<'_>, style: &mut LabelStyle) {
    section.only(&under("labels"));
    for (key, place) in LabelStyle::LABELS {
        if let (Some(field), Some(label)) = (section.get(key), style.label_mut(key)) {
            read_label(&field, label, place);
        }
    }
    if let Some(rounding) = section.get("due_rounding").and_then(|field| rounding(&field)) {
        style.due_rounding = rounding;
    }
}

fn read_label(field: &Field<'_>, label: &mut LabelText, place: Option<&str>) {
    let name_field = match field.value() {
        DeValue::Table(_) => {
            let Some(table) = field.section("a table") else { return };
            table.only(&under("labels.*"));
            let color = table.get("color").and_then(|field| field.checked(LabelStyle::check_color(field.filled()?)));
            label.color = color.unwrap_or_else(|| label.color.clone());
            table.get("name")
        }
        DeValue::String(_) => Some(field.clone()),
        _ => {
            field.refuse(Unfit::new("a name in quotes, or a table like { name = \"sla: met\", color = \"0e8a16\" }"));
            None
        }
    };
    if let Some(name_field) = name_field
        && let Some(name) = name_field.text().map(str::trim)
        && name_field.checked(LabelStyle::check_name(name, place)).is_some()
    {
        name.clone_into(&mut label.name);
    }
}

/// The label shows minutes, so less than a minute would say nothing.
fn rounding(field: &Field<'_>) -> Option<SignedDuration> {
    let length = field.checked(parse_duration(field.filled()?))?;
    let whole_minutes = length.as_millis() % 60_000 == 0;
    if whole_minutes && length >= SignedDuration::from_mins(1) && length <= SignedDuration::from_hours(24) {
        return Some(length);
    }
    field.refuse(Unfit::because(duration::DURATION_FORM, "whole minutes from 1m to 24h"));
    None
}

//! `[quiet_hours]`, `[daily_digest]` and `[weekly_summary]`: when the desk keeps quiet, and when it sums up (`E6`).

use super::keys::under;
use super::ladders;
use super::on_call::zone;
use crate::programme::document::{Field, Section};
use crate::programme::problem::Unfit;
use crate::programme::quiet::{Daily, QuietHours, Said, Weekly};
use crate::programme::wall::{DAY_TIME_FORM, DayTime};
use crate::programme::{Policy, Programme, TierId};
use std::str::FromStr;

/// What the file says of them. The policy has the zone and the channels already.
pub(super) fn read(root: &Section<'_>, policy: &mut Policy, programme: &Programme) {
    policy.quiet_hours = quiet_hours(root, policy, programme);
    policy.daily_digest = said(root, "daily_digest", "08:00", policy) as Option<Daily>;
    policy.weekly_summary = said(root, "weekly_summary", "Monday 08:00", policy) as Option<Weekly>;
}

fn quiet_hours(root: &Section<'_>, policy: &Policy, programme: &Programme) -> Option<QuietHours> {
    let section = root.get("quiet_hours")?.section("a [quiet_hours] table")?;
    section.only(&under("quiet_hours"));
    let zone = zone(&section, policy);
    let from = section.require("from", DAY_TIME_FORM).and_then(|field| field.parsed::<DayTime>());
    let until_field = section.require("until", DAY_TIME_FORM);
    let until = until_field.as_ref().and_then(Field::parsed::<DayTime>);
    let tiers = section.get("tiers").map_or_else(|| lower_half(programme), |field| ladders::tiers(&field, programme));
    if from.is_some() && from == until {
        until_field?.refuse(Unfit::because("another time than `from`", "these would be quiet all day, or never"));
        return None;
    }
    Some(QuietHours { zone: zone?, from: from?, until: until?, tiers })
}

/// The tiers that wait unless others are named: whoever pays for an answer within hours is not left until the morning.
fn lower_half(programme: &Programme) -> Vec<TierId> {
    programme.tiers.iter().take(programme.tiers.len() / 2).map(|tier| tier.id.clone()).collect()
}

fn said<T: FromStr<Err = Unfit>>(root: &Section<'_>, key: &str, usual: &str, policy: &Policy) -> Option<Said<T>> {
    let section = root.get(key)?.section(&format!("a [{key}] table"))?;
    section.only(&under(key));
    let zone = zone(&section, policy);
    let at = section.get("at").map_or_else(|| usual.parse().ok(), |field| field.parsed());
    let chat = section.get("chat").map(|field| ladders::chat(&field, &policy.channels));
    Some(Said { at: at?, zone: zone?, chat })
}

//! `check`: the files alone, without network or database.

use super::CliError;
use crate::app::StartError;
use crate::clock::Clock;
use crate::programme::on_call::OnCall;
use crate::programme::{Allowance, show_duration};
use crate::settings::Settings;
use jiff::Timestamp;
use std::io::Write;

/// Says what the configuration comes to. That it could be loaded at all is the check, and that its channels can be built.
///
/// # Errors
/// A channel cannot work; the output cannot be written.
pub fn run(settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    crate::app::chat(settings).map_err(StartError::from)?;
    let (programme, policy) = (&settings.programme, &settings.policy);
    match &settings.config_path {
        Some(path) => writeln!(out, "configuration  {}", path.display())?,
        None => writeln!(out, "configuration  none; the defaults")?,
    }
    writeln!(out, "programme      {}, {} tiers, windows in {}", programme.name, programme.tiers.len(), policy.time_zone_name)?;
    for tier in &programme.tiers {
        let tickets = match tier.tickets {
            None => "no tickets".to_owned(),
            Some(Allowance::Unlimited) => "unlimited tickets".to_owned(),
            Some(allowance) => allowance.to_string(),
        };
        let ladder = policy.ladder_for(&tier.id);
        let steps: Vec<_> = ladder.in_order(tier.response).iter().map(|(_, step, _)| step.at.to_string()).collect();
        writeln!(out, "  {:<14} {tickets:<18} answer within {:<6} steps {}", tier.id.0, tier.response.to_string(), steps.join(", "))?;
    }
    writeln!(out, "mode           {}", policy.mode)?;
    writeln!(out, "retention      {}", show_duration(policy.retention))?;
    let channels = if policy.channels.is_empty() { "none: nobody is pinged".to_owned() } else { policy.channels.join(", ") };
    writeln!(out, "chat           {channels}")?;
    if let Some(on_call) = &policy.on_call {
        writeln!(out, "on call        {}", who_is_on_call(on_call, Clock::system().now()))?;
    }
    if let Some(hours) = &policy.quiet_hours {
        let tiers: Vec<_> = hours.tiers.iter().map(|tier| tier.0.as_str()).collect();
        let (from, until) = (hours.from.0.strftime("%H:%M"), hours.until.0.strftime("%H:%M"));
        writeln!(
            out,
            "quiet hours    {from} to {until} in {}, for {}",
            hours.zone,
            if tiers.is_empty() { "no tier".to_owned() } else { tiers.join(", ") }
        )?;
    }
    let chats = settings.chat.iter().filter(|channel| channel.unset).map(|channel| (&channel.origin, &*channel.name));
    let heartbeat = settings.heartbeat_url.iter().filter(|address| address.unset).map(|address| (&address.origin, "heartbeat_url"));
    for (origin, whose) in chats.chain(heartbeat) {
        writeln!(out, "warning        {origin}, for `{whose}`, is not set here; `serve` needs it")?;
    }
    let agents = settings.agents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    writeln!(out, "agents         {}", if agents.is_empty() { "none listed: whoever may triage in the repository" } else { &agents })?;
    writeln!(
        out,
        "app            {}",
        if settings.app.is_some() {
            "configured"
        } else {
            "not configured here: `serve` uses the one that its set-up page made, or prints the way to that page"
        }
    )?;
    writeln!(out, "\nok")?;
    Ok(())
}

/// `ann until Monday 2026-11-23 09:00 CET, then ben`.
fn who_is_on_call(on_call: &OnCall, now: Timestamp) -> String {
    let name = |person: Option<&str>| match (person, &on_call.fallback) {
        (Some(person), _) => person.to_owned(),
        (None, Some(fallback)) => format!("nobody, so {fallback}"),
        (None, None) => "nobody".to_owned(),
    };
    let shift = on_call.shift(now);
    let Some(until) = shift.until else { return format!("{}, for good", name(shift.person)) };
    let when = until.to_zoned(on_call.zone.rules().clone()).strftime("%A %Y-%m-%d %H:%M %Z").to_string();
    format!("{} until {when}, then {}", name(shift.person), name(on_call.at(until)))
}

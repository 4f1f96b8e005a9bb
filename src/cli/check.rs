//! `check`: the files alone, without network or database.

use super::CliError;
use crate::programme::{Allowance, show_duration};
use crate::settings::Settings;
use std::io::Write;

/// Says what the configuration comes to. That it could be loaded at all is the check.
///
/// # Errors
/// The output cannot be written.
pub fn run(settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
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
    for channel in settings.chat.iter().filter(|channel| channel.unset) {
        writeln!(out, "warning        {}, for `{}`, is not set here; `serve` needs it", channel.origin, channel.name)?;
    }
    let agents = settings.agents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    writeln!(out, "agents         {}", if agents.is_empty() { "none listed: whoever may triage in the repository" } else { &agents })?;
    writeln!(out, "app            {}", if settings.app.is_some() { "configured" } else { "not configured: `serve` takes no webhooks" })?;
    writeln!(out, "\nok")?;
    Ok(())
}

//! `demo`: the real desk in a story that plays by itself.

use super::CliError;
use super::serve::told_to_stop;
use crate::demo::{self, Options, Pace};
use crate::programme::parse_duration;
use crate::settings::Settings;
use std::io::{IsTerminal as _, Write};
use std::time::Duration;

/// How the story is played.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Jump through the waiting and end with the story: exit code 0 if all of it came true, else 1.
    #[arg(long)]
    exit_after_story: bool,
    /// How long an hour of the story takes: seconds, or a length of time.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = speed)]
    speed: Duration,
}

const SPEED_FORM: &str =
    "how long an hour of the story takes, from 10ms to 1h: seconds like \"20\" or \"0.5\", or a length of time like \"20s\"";

fn speed(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse::<f64>().ok();
    let length = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => parse_duration(text).ok().and_then(|length| Duration::try_from(length).ok()),
    };
    let sensible = Duration::from_millis(10)..=Duration::from_hours(1);
    length.filter(|length| sensible.contains(length)).ok_or_else(|| format!("expected {SPEED_FORM}"))
}

/// What is logged: little, since the story tells what happens.
pub(super) fn log_filter() -> String {
    Settings::process_variable("RUST_LOG").unwrap_or_else(|| "warn".to_owned())
}

/// Plays the story, and without `--exit-after-story` stays up until it is told to stop.
///
/// # Errors
/// Something came out otherwise than the story says, or the stage could not be built.
pub async fn run(demo: &Demo, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let options = Options {
        pace: if demo.exit_after_story { Pace::Jump } else { Pace::Play { hour: demo.speed } },
        colours: std::io::stdout().is_terminal() && Settings::process_variable("NO_COLOR").is_none(),
    };
    let played = demo::play(&demo::story::story(), options, told_to_stop(), out).await;
    played.map_err(|failure| CliError::Failed(failure.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_seconds_or_a_length_of_time() {
        for (text, millis) in [("20s", 20_000), ("20", 20_000), ("0.5", 500), (" 1m ", 60_000), ("1h", 3_600_000), ("10ms", 10)] {
            assert_eq!(speed(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "0", "-5", "fast", "2h", "1e99", "NaN", "inf", "20 s s", "5ms"] {
            assert!(speed(text).unwrap_err().contains("how long an hour of the story takes"), "{text}");
        }
    }
}

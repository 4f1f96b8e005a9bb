//! `demo`: the real desk in a story that plays by itself, or on pages where anybody can play.

use super::CliError;
use super::serve::told_to_stop;
use crate::demo::live;
use crate::demo::{self, Options, Pace};
use crate::programme::parse_duration;
use crate::settings::Settings;
use std::io::{IsTerminal as _, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What an hour takes where nobody says otherwise: in the story, and where people act themselves.
const STORY: Duration = Duration::from_secs(20);
const TOUCHED: Duration = Duration::from_mins(1);

/// How the demo is played.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Jump through the waiting and end with the story: exit code 0 if all of it came true, else 1.
    #[arg(long)]
    exit_after_story: bool,
    #[command(flatten)]
    touch: Touch,
    /// How long an hour takes: seconds, or a length of time [default: 20s, with --open 1m].
    #[arg(long, value_name = "TIME", value_parser = speed)]
    speed: Option<Duration>,
}

/// How people act themselves.
#[derive(Debug, clap::Args)]
struct Touch {
    /// No story: an issue tracker and a chat to try out, in the browser, which opens by itself.
    #[arg(long, conflicts_with = "exit_after_story")]
    open: bool,
    /// With --open: only print the address.
    #[arg(long, requires = "open")]
    no_browser: bool,
    /// With --open: where the pages are, on 127.0.0.1; a free port, if nothing is said.
    #[arg(long, value_name = "PORT", requires = "open")]
    port: Option<u16>,
    /// With --open: leave the desk's database behind, and say where it is.
    #[arg(long, requires = "open")]
    keep: bool,
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
    let colours = std::io::stdout().is_terminal() && Settings::process_variable("NO_COLOR").is_none();
    if let Touch { open: true, no_browser, port, keep } = demo.touch {
        let options = live::Options { hour: demo.speed.unwrap_or(TOUCHED), port: port.unwrap_or_default(), colours, keep };
        let browse = |address: &str| {
            if !no_browser {
                open_browser(address);
            }
        };
        let served = Box::pin(live::serve(options, browse, told_to_stop(), out)).await;
        return served.map_err(|failure| CliError::Failed(failure.to_string()));
    }
    let hour = demo.speed.unwrap_or(STORY);
    let options = Options { pace: if demo.exit_after_story { Pace::Jump } else { Pace::Play { hour } }, colours };
    let played = demo::play(&demo::story::story(), options, told_to_stop(), out).await;
    played.map_err(|failure| CliError::Failed(failure.to_string()))
}

/// Has the machine's own browser show a page. Where there is none, the address stands in the terminal.
fn open_browser(address: &str) {
    let (program, before): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        // Without a screen it would only find a browser for terminals, and this terminal is taken.
        _ if ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().all(|name| Settings::process_variable(name).is_none()) => return,
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(before).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // Nobody needs to know how it ended, but somebody has to ask.
        Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
        Err(error) => tracing::debug!(%error, program, "no browser was opened"),
    }
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

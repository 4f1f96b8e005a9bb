//! The command line: one file a command.

pub mod audit;
pub mod backup;
pub mod check;
pub mod completions;
pub mod deliveries;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod forget_app;
pub mod healthcheck;
pub mod man;
pub mod migrate_store;
pub mod partner;
pub mod receive;
pub mod retarget;
pub mod sandbox;
pub mod serve;
#[cfg(feature = "otel")]
mod traces;

use crate::app::{StartError, open_desk};
use crate::clock::Clock;
use crate::desk::Desk;
use crate::programme::problem::Problems;
use crate::settings::{LogFormat, Settings};
use crate::store::StoreError;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;
#[cfg(feature = "otel")]
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Keeps the promises of a tiered partner programme on GitHub issues.
#[derive(Debug, Parser)]
#[command(version, about, after_help = "Settings come from the environment and from partner-desk.toml; see docs/configuration.md.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the desk: take webhooks, show tickets at GitHub, watch the clocks.
    Serve(serve::Serve),
    /// Play a story against a GitHub and a chat of its own: no account, no configuration, nothing leaves this machine.
    Demo(demo::Demo),
    /// Check the files alone, configuration and programme, and say what they come to: needs neither network nor database.
    Check,
    /// Look at everything around the desk, from the configuration to GitHub and chat, and say what is wrong and what to do.
    Doctor(doctor::Doctor),
    /// Keep the list of partners.
    #[command(subcommand)]
    Partner(partner::PartnerCommand),
    /// Replay a saved webhook and show what the desk would decide.
    Receive(receive::Receive),
    /// Look at deliveries of GitHub's that could not be taken in, try them again, or let them go.
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// Read the record of operators' acts.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Print the account of a ticket: each charge, start, pause and stop, with the rule, who, and why.
    Explain(explain::Explain),
    /// Give running clocks the promise that the programme has now; ended ones are never judged again.
    Retarget(retarget::Retarget),
    /// Copy the database to a file while the desk runs, and check the copy.
    Backup(backup::Backup),
    /// Copy everything from one database to another that is empty, from SQLite to PostgreSQL or back.
    MigrateStore(migrate_store::MigrateStore),
    /// Forget the App that the set-up page stored, with its private key and its webhook secret.
    ForgetApp(forget_app::ForgetApp),
    /// Ask the desk that serves at HOST and PORT whether it lives, for images and service managers.
    Healthcheck(healthcheck::Healthcheck),
    /// Print what a shell needs to complete these commands.
    Completions(completions::Completions),
    /// Print the manual page.
    Man,
    /// A GitHub to try the set-up against.
    #[command(hide = true)]
    Sandbox,
}

/// Why a command did not do what it was for. Exit code 1 for what failed, 2 for what was asked wrongly.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// It failed, for this reason.
    #[error("{0}")]
    Failed(String),
    /// It was asked for something that is not there to be had.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::Failed(problems.to_string())
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Parses the command line, runs it, and turns what came of it into an exit code.
///
/// Whoever polls an asynchronous function is who compiles it. So the runtime is here: in the binary, all of the library would be compiled once
/// more.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::from);
    match runtime.and_then(|runtime| runtime.block_on(run(command, &mut WhileRead(Some(std::io::stdout()))))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Written to as long as somebody reads. When they have seen enough, as `head` has, the rest goes nowhere, and the command still does what
/// it was to do, and ends as it would have.
struct WhileRead<W>(Option<W>);

impl<W: Write> WhileRead<W> {
    fn ask<T>(&mut self, nobody: T, write: impl FnOnce(&mut W) -> std::io::Result<T>) -> std::io::Result<T> {
        let Some(out) = &mut self.0 else { return Ok(nobody) };
        match write(out) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(nobody)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for WhileRead<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.ask(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.ask((), W::flush)
    }
}

/// Runs a command; results go to `out`, logs to stderr.
///
/// # Errors
/// The command's own, with what to do about it.
pub async fn run(cli: Cli, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    match cli.command {
        // It has settings of its own, and works whatever the environment and partner-desk.toml say.
        Command::Demo(demo) => {
            log(&demo::log_filter(), LogFormat::Text);
            Box::pin(demo::run(&demo, out)).await
        }
        Command::Serve(serve) => {
            #[cfg(feature = "otel")]
            traces::begin()?;
            let ended = serve::run(&serve, settings(Settings::from_process)?).await;
            #[cfg(feature = "otel")]
            traces::end().await;
            ended
        }
        Command::Backup(backup) => backup::run(&backup, &settings(Settings::from_process_offline)?, out),
        Command::MigrateStore(migrate) => {
            log(&Settings::process_variable("RUST_LOG").unwrap_or_else(|| "warn".to_owned()), LogFormat::Text);
            migrate_store::run(&migrate, out).await
        }
        Command::ForgetApp(forget) => forget_app::run(&forget, &settings(Settings::from_process_offline)?, out).await,
        // Asked every few seconds, also while what else is configured is wrong.
        Command::Healthcheck(check) => {
            let (host, port) = Settings::door_of_process()?;
            healthcheck::run(&check, &host, port, out)
        }
        Command::Completions(completions) => completions::run(&completions, out),
        Command::Man => man::run(out),
        Command::Sandbox => {
            log("warn", LogFormat::Text);
            sandbox::run(out).await
        }
        Command::Check => check::run(&settings(Settings::from_process_offline)?, out),
        Command::Doctor(doctor) => {
            let settings = Settings::from_process_offline();
            // Its lines are the answer; what the parts log on their way, errors too, would only be in between.
            log(&Settings::process_variable("RUST_LOG").unwrap_or_else(|| "off".to_owned()), LogFormat::Text);
            doctor::run(&doctor, settings, out).await
        }
        Command::Partner(command) => partner::run(command, &desk().await?, out).await,
        Command::Receive(receive) => receive::run(&receive, &desk().await?, out).await,
        Command::Deliveries(command) => deliveries::run(&command, &desk().await?, out).await,
        Command::Audit(command) => audit::run(&command, &desk().await?, out).await,
        Command::Explain(explain) => explain::run(&explain, &desk().await?, out).await,
        Command::Retarget(retarget) => retarget::run(&retarget, &desk().await?, out).await,
    }
}

/// The settings of this process; from here on it logs as they say.
fn settings(load: fn() -> Result<Settings, Problems>) -> Result<Settings, CliError> {
    let settings = load()?;
    log(&settings.log_filter, settings.log_format);
    Ok(settings)
}

/// The desk for a command that speaks to nobody.
async fn desk() -> Result<Desk, CliError> {
    Ok(open_desk(&settings(Settings::from_process_offline)?, Clock::system()).await?)
}

/// What others log only if the filter names them, and how much of it otherwise.
const QUIET: [(&str, LevelFilter); 3] = [
    // Says at each start how far it has come with each of its jobs, as if that were news.
    ("tokio_cron_scheduler", LevelFilter::WARN),
    // Says of each table that it is there already, when it is opened.
    ("sqlx::postgres::notice", LevelFilter::WARN),
    // Says that a request failed, but not which. The desk does.
    ("octocrab", LevelFilter::OFF),
];

fn quieted(filter: Targets) -> Targets {
    let Some(level) = filter.default_level() else { return filter };
    QUIET.iter().fold(filter, |filter, (target, most)| {
        let named = filter.iter().any(|(named, _)| named.starts_with(target));
        if named { filter } else { filter.with_target(*target, level.min(*most)) }
    })
}

/// Logs to stderr from here on, what `filter` lets through.
pub fn log(filter: &str, format: LogFormat) {
    let filter = filter.parse::<Targets>().unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "RUST_LOG: {error}; logging at `info`");
        Targets::new().with_default(tracing::Level::INFO)
    });
    // Spans that are for traces alone.
    let filter = quieted(filter).with_target("otel", LevelFilter::OFF);
    let logs = tracing_subscriber::fmt::layer().with_writer(crate::logs::Stderr).with_target(false);
    // A second initialisation, in tests, keeps the first.
    #[cfg(not(feature = "otel"))]
    let _ = {
        let all = tracing_subscriber::registry().with(filter);
        match format {
            LogFormat::Text => all.with(logs).try_init(),
            LogFormat::Json => all.with(logs.json().flatten_event(true)).try_init(),
        }
    };
    #[cfg(feature = "otel")]
    let _ = {
        let all = tracing_subscriber::registry().with(traces::layer());
        match format {
            LogFormat::Text => all.with(logs.with_filter(filter)).try_init(),
            LogFormat::Json => all.with(logs.json().flatten_event(true).with_filter(filter)).try_init(),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn the_scheduler_is_quiet_unless_it_is_asked_for() {
        for (filter, infos, warnings) in [
            ("info", false, true),
            ("debug", false, true),
            ("error", false, false),
            ("off", false, false),
            ("info,partner_desk=debug", false, true),
            ("info,tokio_cron_scheduler=info", true, true),
            ("warn,tokio_cron_scheduler::job_scheduler=debug", true, true),
        ] {
            let filter = quieted(filter.parse().unwrap());
            let lets = |level: Level| filter.would_enable("tokio_cron_scheduler::job_scheduler", &level);
            assert_eq!((lets(Level::INFO), lets(Level::WARN)), (infos, warnings), "{filter}");
            assert!(!filter.would_enable("octocrab", &Level::ERROR) && !filter.would_enable("sqlx::postgres::notice", &Level::INFO));
        }
    }
}

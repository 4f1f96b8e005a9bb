//! `serve`: the desk, running.

use super::CliError;
use crate::app::{App, LONGEST_END, StartError, Workers};
use crate::clock::Clock;
use crate::desk::setup::LINK;
use crate::settings::{LogFormat, Settings};
use crate::store::Store;
use crate::web;
use crate::web::front::Front;
use crate::web::relay::{Patience, Relay};
use crate::web::serving::{self, Limits};
use serde_json::json;
use std::io::Write as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Connections that are still open this long after the desk was told to stop are cut.
const LONGEST_GOODBYE: Duration = Duration::from_secs(10);
/// A database that does not answer is left after this long; everything that was committed is on its disk.
const LONGEST_CLOSE: Duration = Duration::from_secs(3);
/// From the signal to the end it takes no longer than this. Whoever kills what does not stop has to wait longer.
pub const LONGEST_SHUTDOWN: Duration = Duration::from_secs(LONGEST_GOODBYE.as_secs() + LONGEST_END.as_secs() + LONGEST_CLOSE.as_secs());

/// `serve`.
#[derive(Debug, Default, clap::Args)]
pub struct Serve {
    /// Fetch webhooks from a relay such as smee.io, where GitHub cannot reach this machine: for trying, not for earnest.
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
}

/// Runs until it is told to stop; then ends what is in flight (`R6`).
///
/// # Errors
/// The database cannot be opened, the address is taken, or the App's key does not work.
pub async fn run(serve: &Serve, mut settings: Settings) -> Result<(), CliError> {
    settings.relay.clone_from(&serve.relay);
    let relay = serve.relay.as_deref().map(|url| Relay::new(url, Patience::default())).transpose();
    let relay = relay.map_err(|why| CliError::Usage(format!("--relay: {why}")))?;
    let (app, workers) = App::build(&settings, Clock::system()).await?;
    tracing::info!(database = %app.desk.store.version().await?, programme = %settings.programme.name, mode = %settings.policy.mode, "partner-desk {}", env!("CARGO_PKG_VERSION"));
    warn_of_gaps(&settings);
    let address =
        format!("{}:{}", if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() }, settings.port);
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| CliError::Failed(format!("cannot listen on {address}: {error}; set HOST and PORT to an address that is free")))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let has_app = app.webhook_secret.is_some();
    if !has_app {
        // Only now is it known which port is meant by 0.
        if let Some(base) = settings.public_url.strip_suffix(":0") {
            app.setup.is_reached_at(format!("{base}:{}", address.port()));
        }
        offer_set_up(&app, settings.log_format).await?;
    }
    let front = Front::new(app.clone());
    // A desk that has its App needs nobody between the port and its routes.
    let routes = if has_app { web::router(app.clone()) } else { front.router() };
    let (stopping, mut stopped) = watch::channel(false);
    let relaying = relay.map(|relay| {
        let front = front.clone();
        tokio::spawn(async move { relay.run(&front).await })
    });
    let turned_away = {
        let front = front.clone();
        move || front.turns_away()
    };
    let starting = tokio::spawn(keep(app, workers, front, settings, stopped.clone()));
    let serving = serving::serve(listener, routes, Limits::default(), turned_away, async move {
        told_to_stop().await;
        tracing::info!("stopping after what is in flight");
        let _ = stopping.send(true);
    });
    tokio::select! {
        () = serving => {}
        // A connection that never ends must not keep the desk from ending.
        () = async {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(LONGEST_GOODBYE).await;
        } => {}
    }
    if let Some(relaying) = relaying {
        relaying.abort();
    }
    if let Ok((store, workers)) = starting.await {
        end(store, workers).await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Prints the link that leads to the set-up, for whoever sees this terminal, whatever is logged there; among lines of JSON as one of them.
async fn offer_set_up(app: &App, format: LogFormat) -> Result<(), CliError> {
    let link = app.setup.link().await?;
    let minutes = LINK.as_mins();
    let what = format!("There is no GitHub App yet. Set one up in a browser, within {minutes} minutes");
    let text = match format {
        LogFormat::Text => format!("\n{what}:\n\n    {link}\n\n"),
        LogFormat::Json => {
            let line = json!({ "timestamp": app.desk.clock.now(), "level": "INFO", "message": what, "link": link });
            format!("{line}\n")
        }
    };
    Ok(std::io::stderr().write_all(text.as_bytes())?)
}

/// Runs a desk. Where it has no App, it is composed anew in this same process as soon as one is stored, by this instance or another.
/// Comes back when it is told to stop, or, with an App, when everything runs.
pub async fn keep(
    mut app: App,
    mut workers: Workers,
    front: Front,
    settings: Settings,
    mut stopped: watch::Receiver<bool>,
) -> (Store, Option<Workers>) {
    loop {
        let (store, has_app) = (app.desk.store.clone(), app.webhook_secret.is_some());
        let (setup, clock) = (app.setup.clone(), app.desk.clock.clone());
        let started = catch_up_then_start(app, workers).await.ok();
        if has_app || *stopped.borrow() {
            return (store, started);
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return (store, started),
            () = setup.is_made() => {}
        }
        front.hide();
        end(store.clone(), started).await;
        (app, workers) = loop {
            match App::build(&settings, clock.clone()).await {
                Ok(next) => break next,
                Err(error) => tracing::error!(%error, "the desk could not be composed with its new App; tried again in a second"),
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return (store, None),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        };
        front.show(app.clone());
        tracing::info!("webhooks are taken from now on");
    }
}

async fn end(store: Store, workers: Option<Workers>) {
    if let Some(workers) = workers {
        workers.stop().await;
    }
    if tokio::time::timeout(LONGEST_CLOSE, store.close()).await.is_err() {
        tracing::warn!("the database does not answer; it is left as it is, and whatever was committed is there at the next start");
    }
}

/// Catches up first and escalates then (`E4`).
async fn catch_up_then_start(app: App, mut workers: Workers) -> Result<Workers, StartError> {
    app.look_first().await;
    app.start(&mut workers).await.inspect_err(|error| tracing::error!(%error, "the scheduler did not start; /readyz turns red"))?;
    Ok(workers)
}

fn warn_of_gaps(settings: &Settings) {
    if settings.chat.is_empty() {
        tracing::warn!("no `[[chat]]` is configured: steps change labels, and nobody is pinged");
    }
}

/// Comes back when the process is told to end, by Ctrl-C or as service managers do it.
pub(super) async fn told_to_stop() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

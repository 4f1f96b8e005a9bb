//! `serve`: the desk, running.

use super::CliError;
use crate::app::{App, LONGEST_END, StartError, Workers};
use crate::clock::Clock;
use crate::settings::Settings;
use crate::web;
use crate::web::serving::{self, Limits};
use std::time::Duration;
use tokio::net::TcpListener;

/// Connections that are still open this long after the desk was told to stop are cut.
const LONGEST_GOODBYE: Duration = Duration::from_secs(10);
/// A database that does not answer is left after this long; everything that was committed is on its disk.
const LONGEST_CLOSE: Duration = Duration::from_secs(3);
/// From the signal to the end it takes no longer than this. Whoever kills what does not stop has to wait longer.
pub const LONGEST_SHUTDOWN: Duration = Duration::from_secs(LONGEST_GOODBYE.as_secs() + LONGEST_END.as_secs() + LONGEST_CLOSE.as_secs());

/// Runs until it is told to stop; then ends what is in flight (`R6`).
///
/// # Errors
/// The database cannot be opened, the address is taken, or the App's key does not work.
pub async fn run(settings: &Settings) -> Result<(), CliError> {
    let (app, workers) = App::build(settings, Clock::system()).await?;
    tracing::info!(database = %app.desk.store.version().await?, programme = %settings.programme.name, mode = %settings.policy.mode, "partner-desk {}", env!("CARGO_PKG_VERSION"));
    warn_of_gaps(settings);
    let address =
        format!("{}:{}", if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() }, settings.port);
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| CliError::Failed(format!("cannot listen on {address}: {error}; set HOST and PORT to an address that is free")))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let starting = tokio::spawn(catch_up_then_start(app.clone(), workers));
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let serving = serving::serve(listener, web::router(app.clone()), Limits::default(), async move {
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
    let store = app.desk.store.clone();
    drop(app);
    if let Ok(Ok(workers)) = starting.await {
        workers.stop().await;
    }
    if tokio::time::timeout(LONGEST_CLOSE, store.close()).await.is_err() {
        tracing::warn!("the database does not answer; it is left as it is, and whatever was committed is there at the next start");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Catches up first and escalates then (`E4`).
async fn catch_up_then_start(app: App, mut workers: Workers) -> Result<Workers, StartError> {
    app.look_first().await;
    app.start(&mut workers).await.inspect_err(|error| tracing::error!(%error, "the scheduler did not start; /readyz turns red"))?;
    Ok(workers)
}

fn warn_of_gaps(settings: &Settings) {
    if settings.app.is_none() {
        tracing::warn!("no GitHub App is set up (APP_ID, PRIVATE_KEY, WEBHOOK_SECRET): webhooks are refused");
    }
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

//! The table of jobs: what is woken, and when. The scheduler decides nothing; deadlines stand in the database.

use crate::app::App;
use crate::lead::Led;
use crate::store::StoreError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Names and schedules, seconds first, in UTC.
pub const JOBS: &[(&str, &str)] = &[
    ("lead", "* * * * * *"),
    ("escalate", "* * * * * *"),
    ("retry", "*/10 * * * * *"),
    ("clock", "7,37 * * * * *"),
    ("catch up", "0 */5 * * * *"),
    ("catch up if behind", "40 * * * * *"),
    ("heartbeat", "25 * * * * *"),
    ("sum up", "3 * * * * *"),
    ("tidy", "30 17 * * * *"),
];

/// Starts the scheduler. A run that takes longer than its period is not overtaken by the next.
///
/// # Errors
/// The scheduler does not start.
pub async fn start(app: &App) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for (name, schedule) in JOBS {
        let app = app.clone();
        let running = Arc::new(Mutex::new(()));
        let job = Job::new_async(*schedule, move |_, _| {
            let (app, running) = (app.clone(), running.clone());
            Box::pin(async move {
                if let Ok(_alone) = running.try_lock() {
                    run(&app, name).await;
                }
            })
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

async fn run(app: &App, name: &str) {
    match work(app, name).await {
        // The database goes while a job is at it; what was to be done stands there at the next start.
        Err(error) if app.desk.wakes.stopping.load(Ordering::Relaxed) => tracing::debug!(%error, job = name, "ended by the end"),
        result => tell(name, result),
    }
}

fn tell(name: &str, result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::error!(%error, job = name, "will be tried again");
    }
}

/// Does one job. Of several instances one works, the others only look whether it still does; each is as alive as what it has to do.
///
/// # Errors
/// The database fails.
pub async fn work(app: &App, name: &str) -> Result<(), StoreError> {
    match name {
        "lead" => match app.lead.look(app.since_beat()).await? {
            Led::ByOthers => app.beat(),
            // What was sent to the instance that is gone may be lost. Neither the next look nor a step waits for GitHub: each step is
            // asked before it is said (E3).
            Led::ByUsNow => drop(tokio::spawn({
                let desk = app.desk.clone();
                async move { tell("catch up", desk.catch_up().await) }
            })),
            Led::ByUs => {}
        },
        // Each host has its own clock.
        "clock" => {
            app.desk.ask_the_time().await;
            app.desk.mind_the_clock().await?;
        }
        // Each knows by itself what it refused.
        "catch up if behind" => app.desk.catch_up_if_behind().await?,
        _ if !app.lead.is_ours() => {}
        "escalate" => {
            app.tick().await?;
            app.beat();
            // What could not be sent earlier has its own time in the database; this is what looks at it.
            app.desk.wakes.all();
        }
        "retry" => drop(app.desk.retry_kept().await?),
        "heartbeat" => app.say_that_it_lives().await,
        "sum up" => drop(app.desk.sum_up().await?),
        "tidy" => drop(app.desk.tidy().await?),
        _ => app.desk.catch_up().await?,
    }
    Ok(())
}

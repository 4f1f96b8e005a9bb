//! The table of jobs: what is woken, and when. The scheduler decides nothing; deadlines stand in the database.

use crate::app::App;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Names and schedules, seconds first, in UTC.
pub const JOBS: &[(&str, &str)] = &[
    ("escalate", "* * * * * *"),
    ("retry", "*/10 * * * * *"),
    ("clock", "7,37 * * * * *"),
    ("catch up", "0 */5 * * * *"),
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
    let result = match name {
        "escalate" => {
            let result = app.tick().await;
            if result.is_ok() {
                app.beat();
            }
            // What could not be sent earlier has its own time in the database; this is what looks at it.
            app.desk.wakes.all();
            result
        }
        "retry" => app.desk.retry_kept().await.map(drop),
        "clock" => {
            app.desk.ask_the_time().await;
            app.desk.mind_the_clock().await
        }
        "tidy" => app.desk.tidy().await.map(drop),
        _ => app.desk.catch_up().await,
    };
    if let Err(error) = result {
        tracing::error!(%error, job = name, "will be tried again");
    }
}

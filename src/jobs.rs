//! The table of jobs: what is woken, and when. The scheduler decides nothing; deadlines stand in the database.

use crate::app::App;
use crate::clock::{Clock, passed};
use crate::lead::Led;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Names and schedules, seconds first, in UTC.
pub const JOBS: &[(&str, &str)] = &[
    ("time", "* * * * * *"),
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

/// Keeps the jobs running until it is told to stop. The scheduler has for each an instant of the host's clock; when that is set back it would
/// wait until the instant has come again, and nobody would be told of a promise meanwhile (`E2`).
pub async fn keep(app: App, mut scheduler: JobScheduler, mut stop: watch::Receiver<bool>) {
    let host = Clock::system();
    let mut wall = Wall::at(host.now(), passed());
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            _ = looks.tick() => {}
        }
        let Some(by) = wall.set_back(host.now(), passed()) else { continue };
        tracing::warn!("the host's clock was set back; the jobs begin anew by it");
        // Not silent, whatever the difference to an instant that is still to come.
        app.beat();
        match start(&app).await {
            Ok(anew) => {
                let _ = std::mem::replace(&mut scheduler, anew).shutdown().await;
            }
            Err(error) => tracing::error!(%error, "the jobs did not begin anew; restart the desk"),
        }
        tell("clock", app.desk.host_was_set_back(by).await);
    }
    app.desk.wakes.stopping.store(true, Ordering::Relaxed);
    let _ = scheduler.shutdown().await;
}

/// What the host's clock shows, against one that only goes on.
#[derive(Debug)]
struct Wall {
    shown: Timestamp,
    passed: Duration,
}

impl Wall {
    const fn at(shown: Timestamp, passed: Duration) -> Self {
        Self { shown, passed }
    }

    /// By how much the host's clock shows an earlier instant than it should, if by more than two jobs are apart.
    fn set_back(&mut self, shown: Timestamp, passed: Duration) -> Option<SignedDuration> {
        let since = SignedDuration::try_from(passed.saturating_sub(self.passed)).unwrap_or_default();
        let should = self.shown.saturating_add(since).unwrap_or(shown);
        *self = Self { shown, passed };
        Some(should.duration_since(shown)).filter(|by| *by > SignedDuration::from_secs(1))
    }
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
        // A database that does not answer is told of by whoever needs more from it than the time.
        "time" => drop(app.desk.keep_time_on().await),
        "lead" => match app.lead.look(app.since_beat()).await? {
            Led::ByOthers => app.beat(),
            // What was sent to the instance that is gone may be lost. Neither the next look nor a step waits for GitHub: each step is
            // asked before it is said (E3).
            Led::ByUsNow => drop(tokio::spawn({
                let desk = app.desk.clone();
                async move { tell("catch up", desk.catch_up().await) }
            })),
            // Silent as it is, it has to be seen.
            Led::ByUs | Led::ByNobody => {}
        },
        "clock" => {
            app.desk.ask_the_time().await;
            app.desk.mind_the_clock(app.lead.is_ours()).await?;
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

#[cfg(test)]
mod tests {
    use super::Wall;
    use jiff::SignedDuration;
    use std::time::Duration;

    #[test]
    fn a_clock_that_is_set_back_is_noticed_and_one_that_is_late_or_ahead_is_not() {
        let noon: jiff::Timestamp = "2026-11-18T12:00:00Z".parse().unwrap();
        let mut wall = Wall::at(noon, Duration::ZERO);
        let steps = [
            // Seconds that passed, and what the clock shows after noon.
            (1, 1, None),
            // A machine that stood still; one that was set forward; corrections as they are made every day.
            (61, 61, None),
            (62, 3_662, None),
            (63, 3_662, None),
            // Set back to where it was, and by two seconds once more.
            (64, 64, Some(3_599)),
            (65, 65, None),
            (66, 64, Some(2)),
            (67, 65, None),
        ];
        for (passed, shown, back) in steps {
            let shown = noon + SignedDuration::from_secs(shown);
            let back = back.map(SignedDuration::from_secs);
            assert_eq!(wall.set_back(shown, Duration::from_secs(passed)), back, "{passed}: {shown}");
        }
    }
}

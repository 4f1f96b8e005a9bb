//! The trials.

use crate::desk::{Served, Stage, now, say};
use crate::dice::{Dice, seed};
use crate::load::Load;
use crate::postgres::fresh_postgres;
use crate::verdict::{Figures, Reader, judge, quiet};
use jiff::Timestamp;
use partner_desk::sandbox::ChatAnswer;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// Nothing is held for longer than 15 s by an instance that is no more.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(17);
/// What GitHub failed to deliver after the last look is found by the next one, which may be five minutes away; and all that was held up until
/// then is to be worked off.
const PATIENCE: Duration = Duration::from_mins(8);
/// Another instance takes over within 15 s; what has piled up meanwhile goes out one by one.
const TAKEN_OVER_WITHIN_MS: i64 = 15_000 + 4_000;

fn run(trial: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(trial);
}

async fn database(name: &str) -> String {
    fresh_postgres(&format!("pd_crash_{}_{name}", std::process::id())).await
}

/// Starts the desk in fine weather and waits until it has seen every repository: what is older is no ticket (`R2`).
async fn begin(stage: &Stage) -> Served {
    let served = stage.serve().await;
    stage.sandbox.connect(&served.url);
    let reader = Reader::open(&stage.database).await;
    for _ in 0..200 {
        let seen = reader.texts("SELECT CAST(id AS TEXT) FROM repositories WHERE listed_ms IS NOT NULL").await;
        if seen.len() == stage.repos.len() {
            // Times at GitHub have whole seconds, and the first issue must not look older than this.
            sleep(Duration::from_millis(1100)).await;
            return served;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the repositories are not seen within 10 s\n{}", stage.last_words());
}

/// The end of every trial: quiet, a clean end, and the verdict.
async fn conclude(stage: Stage, running: Vec<Served>, load: &Load, seed: u64, what: &str, began: Timestamp) -> Figures {
    let opened = load.opened.lock().unwrap().clone();
    quiet(&stage, &opened, PATIENCE).await;
    for served in running {
        assert!(served.end().success(), "SIGTERM did not end it cleanly\n{}", stage.last_words());
    }
    let (figures, wrong) = judge(&stage, &opened).await;
    say(&format!("{what}, seed {seed}: {figures}; {} s", now().duration_since(began).as_secs()));
    say(&format!("{what}, seed {seed}: what went wrong on the way: {}", stage.faults));
    assert!(wrong.is_empty(), "seed {seed}, {figures}: {} things are wrong\n{}\n{}", wrong.len(), wrong.join("\n"), stage.last_words());
    stage.passed();
    figures
}

/// Killed again and again at random moments, in all weathers.
async fn killed(name: &str, database: Option<String>) {
    let kills = std::env::var("PARTNER_DESK_CRASH_KILLS").map_or(15, |kills| kills.parse::<usize>().unwrap());
    let (seed, began) = (seed(), now());
    say(&format!("{name}: seed {seed}, {kills} kills"));
    let mut dice = Dice::new(seed);
    // GitHub takes a limited number of writes an hour from an installation, so there are more of them in a long run.
    let stage = Stage::set(name, database, 3 + kills / 40).await;
    let served = begin(&stage).await;
    stage.bad_weather(&mut dice, 20, 16, 50);
    let load = Load::default();
    let (own, for_load) = (dice.split(), dice.split());
    let most = 30 + kills;
    let pace = Duration::from_millis((kills as u64 * 1600).div_ceil(most as u64).max(300));
    let killing = async {
        kill(&stage, served, own, kills).await;
        load.over.store(true, Ordering::Relaxed);
    };
    tokio::join!(killing, load.run(&stage, for_load, most, pace));

    stage.fine_weather();
    let served = stage.serve().await;
    stage.sandbox.connect(&served.url);
    conclude(stage, vec![served], &load, seed, &format!("{name}, {kills} kills"), began).await;
}

async fn kill(stage: &Stage, served: Served, mut dice: Dice, kills: usize) {
    let mut served = Some(served);
    for _ in 0..kills {
        let desk = match served.take() {
            Some(desk) => desk,
            None => stage.serve().await,
        };
        stage.sandbox.connect(&desk.url);
        match dice.below(10) {
            0..=2 => sleep(dice.ms(0, 400)).await,
            3 | 4 => sleep(dice.ms(400, 2500)).await,
            // Around what it does outside, before or after it has written that down.
            _ => {
                let mut effects = 1 + dice.below(4);
                while effects > 0 && stage.next_effect().await {
                    effects -= 1;
                }
                sleep(dice.ms(0, 60)).await;
            }
        }
        stage.kill(desk);
        // Down for a while now and then, and killed once more while it starts.
        if dice.percent(15) {
            sleep(dice.ms(500, 2000)).await;
        }
        if dice.percent(15) {
            let newborn = stage.spawn();
            sleep(dice.ms(1, 80)).await;
            stage.kill(newborn);
        }
    }
}

/// Several instances over one database behind a balancer: one is killed, and one stands still for longer than it may hold anything.
async fn several(count: usize) {
    let (seed, began) = (seed(), now());
    say(&format!("{count} instances: seed {seed}"));
    let mut dice = Dice::new(seed);
    let stage = Stage::set(&format!("several_{count}"), Some(database(&format!("several_{count}")).await), 3).await;
    let mut instances = vec![begin(&stage).await];
    while instances.len() < count {
        instances.push(stage.serve().await);
    }
    stage.by_turns(&instances);
    // The chat takes all, but slowly: whoever is cut off holds a message most of the time.
    stage.bad_weather(&mut dice, 0, 4, 0);
    let mut slow = dice.split();
    stage.chat.answer_by(move |_| ChatAnswer::Slow(slow.ms(20, 150)));
    let load = Load::default();
    let for_load = dice.split();
    let trouble = async {
        sleep(dice.ms(4000, 6000)).await;
        let victim = instances.swap_remove(place(&mut dice, instances.len()));
        stage.kill(victim);
        // Its address is refused now, and the balancer goes on to the next.
        sleep(Duration::from_secs(1)).await;
        if count == 2 {
            instances.push(stage.serve().await);
            stage.by_turns(&instances);
        }
        sleep(dice.ms(500, 2000)).await;
        let still = place(&mut dice, instances.len());
        stage.pause(&mut instances[still]);
        sleep(LONGER_THAN_A_LEASE).await;
        stage.go_on(&mut instances[still]);
        instances.push(stage.serve().await);
        stage.by_turns(&instances);
    };
    tokio::join!(trouble, load.run(&stage, for_load, 36, Duration::from_millis(450)));
    stage.fine_weather();
    let figures = conclude(stage, instances, &load, seed, &format!("{count} instances"), began).await;
    assert!(figures.latest <= TAKEN_OVER_WITHIN_MS, "seed {seed}: a step was said {} ms after its instant", figures.latest);
}

fn place(dice: &mut Dice, len: usize) -> usize {
    usize::try_from(dice.below(len as u64)).unwrap()
}

#[test]
fn r1_r2_r6_e2_q4_g4_killed_at_random_in_all_weathers() {
    run(killed("sqlite", None));
}

mod on_postgres {
    use super::*;

    #[test]
    #[ignore = "needs PostgreSQL: tests/run"]
    fn r1_r2_r6_e2_q4_g4_killed_at_random_in_all_weathers() {
        run(async { killed("postgres", Some(database("killed").await)).await });
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run"]
    fn e2_q4_g4_two_instances_one_killed_and_one_stopped() {
        run(several(2));
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run"]
    fn e2_q4_g4_three_instances_one_killed_and_one_stopped() {
        run(several(3));
    }
}

//! What people do meanwhile.

use crate::desk::{PARTNERS, Stage};
use crate::dice::Dice;
use futures_util::future::join_all;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// An issue that was opened, and what the verdict has to know of it.
#[derive(Debug, Clone)]
pub struct Opened {
    pub repo: String,
    pub number: u64,
    /// Whose, by its place in [`PARTNERS`]; none: a stranger's.
    pub partner: Option<usize>,
    /// Comments that are to be answered with one reply each.
    pub questions: usize,
    /// Closed by its author at once.
    pub withdrawn: bool,
}

#[derive(Debug, Default)]
pub struct Load {
    pub opened: Mutex<Vec<Opened>>,
    pub over: AtomicBool,
}

/// Whose issue is next: most are of partners with room, each of the others comes over its allowance.
const TURNS: [usize; 10] = [0, 4, 1, 5, 2, 6, 0, 3, 1, 2];

impl Load {
    /// Opens `most` issues, one every `pace` or so, unless it is over before; comes back when everybody has done what they meant to.
    pub async fn run(&self, stage: &Stage, mut dice: Dice, most: usize, pace: Duration) {
        let people = (0..most).map(|nth| self.person(stage, dice.split(), nth, pace));
        join_all(people.collect::<Vec<_>>()).await;
    }

    async fn person(&self, stage: &Stage, mut dice: Dice, nth: usize, pace: Duration) {
        let pace = u64::try_from(pace.as_millis()).unwrap();
        sleep(Duration::from_millis(nth as u64 * pace) + dice.ms(0, pace)).await;
        if self.over.load(Ordering::Relaxed) {
            return;
        }
        let repo = &stage.repos[usize::try_from(dice.below(stage.repos.len() as u64)).unwrap()];
        // The first round is without strangers: every partner has a first issue.
        let stranger = nth >= TURNS.len() && dice.percent(5);
        let place = TURNS[nth % TURNS.len()];
        let partner = (!stranger).then(|| &PARTNERS[place]);
        let first = TURNS.iter().position(|turn| *turn == place) == Some(nth);
        let author = partner.map_or_else(|| "zoe".to_owned(), |partner| format!("{}-{}", partner.id, 1 + dice.below(2)));
        let title = format!("Number {nth}");
        let number = stage.sandbox.open_issue(repo, &author, &title, "It does not work.").await.unwrap().number();
        let withdrawn = first && partner.is_some_and(|partner| partner.withdraws);
        let opened = Opened { repo: repo.clone(), number, partner: partner.map(|_| place), questions: 0, withdrawn };
        let index = {
            let mut all = self.opened.lock().unwrap();
            all.push(opened);
            all.len() - 1
        };
        let asked = |count: usize| self.opened.lock().unwrap()[index].questions += count;
        let says = async |who: &str, text: &str| {
            stage.sandbox.comment(repo, number, who, text).await.unwrap();
        };
        let closes = async |who: &str| {
            stage.sandbox.close(repo, number, who, "completed").await.unwrap();
        };
        let Some(partner) = partner else { return says("zoe", "Anybody?").await };
        if withdrawn {
            sleep(dice.ms(500, 1500)).await;
            return closes(&author).await;
        }
        if first && partner.granted {
            sleep(dice.ms(100, 1500)).await;
            return says("ben", "/grant 1 for the outage").await;
        }
        if partner.tier != 0 {
            // Whoever answers or closes a ticket that waits takes it out of the queue, and which wait depends on the weather.
            sleep(dice.ms(500, 4000)).await;
            if dice.percent(40) {
                asked(1);
                says(&author, "/quota").await;
            }
            return;
        }
        match dice.below(10) {
            0..=2 => {}
            3..=5 => {
                sleep(dice.ms(300, 9000)).await;
                says("ann", "On it.").await;
            }
            6 => {
                sleep(dice.ms(300, 3000)).await;
                asked(1);
                says(&author, "/quota").await;
                sleep(dice.ms(300, 5000)).await;
                says("ben", "Have a look at this.").await;
            }
            7 => {
                sleep(dice.ms(500, 8000)).await;
                closes("ann").await;
            }
            8 => {
                sleep(dice.ms(300, 3000)).await;
                says("zoe", "Same here.").await;
                sleep(dice.ms(300, 4000)).await;
                says("ann", "Fixed.").await;
                sleep(dice.ms(2500, 4000)).await;
                closes("ann").await;
            }
            _ => {
                sleep(dice.ms(300, 3000)).await;
                asked(1);
                // Before an answer nothing pauses the promise, and the desk says so.
                says("ben", "/wait").await;
                sleep(dice.ms(300, 4000)).await;
                says("ben", "Which version?").await;
            }
        }
    }
}

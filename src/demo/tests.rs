use super::script::{Expect, Role, Tally};
use super::*;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// One question and its answer, with expectations of one's own.
fn short(labels: &'static [&'static str]) -> Story {
    Story {
        begins: "2026-11-22T13:55Z",
        repository: "7x/support",
        partners: vec![Role { id: "acme", name: "Acme", tier: "gold", member: "mia" }],
        agents: &["ann"],
        beats: vec![
            Beat::at("2026-11-22T14:00Z", Act::Opens { who: "mia", ticket: "one", title: "Help", text: "Please." })
                .then([Expect::Labels("one", labels), Expect::Comment("one", "Ticket **1 of 10**")]),
            Beat::at("2026-11-22T15:00Z", Act::Says { who: "ann", ticket: "one", text: "Done." })
                .then([Expect::Labels("one", &["tier: Gold", "sla: 4h", "sla: met"])]),
        ],
        comes_to: Tally { issues: 1, admitted: 1, met: 1, ..Tally::default() },
    }
}

const AS_IT_IS: &[&str] = &["tier: Gold", "sla: 4h", "due: 2026-11-22 18:00 UTC"];
const JUMP: Options = Options { pace: Pace::Jump, colours: false };

async fn told(story: &Story) -> (Result<(), Failure>, String) {
    let mut out = Vec::new();
    let ended = play(story, JUMP, std::future::pending(), &mut out).await;
    (ended, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_story_that_comes_true_is_told_without_complaint() {
    let (ended, told) = told(&short(AS_IT_IS)).await;
    assert!(ended.is_ok(), "{ended:?}\n{told}");
    assert!(told.contains("Sun 22 Nov 15:00  ann answers #1") && !told.contains("OTHERWISE"), "{told}");
}

#[tokio::test]
async fn what_comes_out_otherwise_is_told_and_fails() {
    let (ended, told) = told(&short(&["tier: Gold", "sla: 1h"])).await;
    assert!(matches!(ended, Err(Failure::Otherwise(1))), "{ended:?}\n{told}");
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let complaint = "OTHERWISE THAN THE STORY SAYS: #1: expected the labels [sla: 1h] [tier: Gold]; it has [due: 2026-11-22 18:00 UTC]";
    assert!(told.contains(complaint), "{told}");
}

#[tokio::test]
async fn what_the_story_does_not_tell_must_not_happen() {
    let mut story = short(AS_IT_IS);
    // Nobody answers, and the story is silent about the pings that the desk sends.
    story.beats[1] = Beat::at("2026-11-22T18:00Z", Act::Passes { ticket: "one", words: "Nothing." }).then([Expect::NothingNew("one")]);
    let (ended, told) = told(&story).await;
    // Due soon and on-call with a label in between, the breach with its labels, and the tally.
    assert!(matches!(ended, Err(Failure::Otherwise(6))), "{ended:?}\n{told}");
    assert!(told.contains("expected no ping; the chat got: due soon (75%)"), "{told}");
}

#[tokio::test]
async fn a_story_that_cannot_be_played_says_why() {
    let mut story = short(AS_IT_IS);
    story.beats.remove(0);
    let (ended, _) = told(&story).await;
    assert_eq!(ended.unwrap_err().to_string(), "the story cannot be played: the ticket `one` was not opened yet");
}

/// Tells whoever waits when the story is over.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<u8>>>, Arc<Notify>);

impl Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.told().contains("The story is over") {
            self.1.notify_one();
        }
        Ok(())
    }
}

impl Listener {
    fn told(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

#[tokio::test]
async fn played_it_takes_its_time_and_stays_up_until_it_is_stopped() {
    let mut out = Listener::default();
    let (heard, over) = (out.clone(), out.1.clone());
    let options = Options { pace: Pace::Play { hour: Duration::from_millis(200) }, colours: false };
    let begun = Clock::system();
    let start = begun.now();
    play(&short(AS_IT_IS), options, async move { over.notified().await }, &mut out).await.unwrap();
    // An hour and five minutes.
    assert!(begun.now().duration_since(start) >= SignedDuration::from_millis(216), "{}", heard.told());
    assert!(heard.told().contains("Sun 22 Nov 15:00  ann answers #1") && heard.told().contains("http://127.0.0.1:"), "{}", heard.told());

    let mut out = Vec::new();
    let stopped = play(&short(AS_IT_IS), JUMP, std::future::ready(()), &mut out).await;
    assert!(matches!(stopped, Err(Failure::Stopped) | Ok(())));
}

#[test]
fn a_key_is_made_at_once() {
    let keys = crate::sandbox::Keys::generate().unwrap();
    assert!(
        keys.private.starts_with("-----BEGIN RSA PRIVATE KEY-----\nMII") && keys.public.starts_with("-----BEGIN RSA PUBLIC KEY-----\nMII")
    );
    assert_ne!(crate::sandbox::secret().unwrap(), crate::sandbox::secret().unwrap());
}

#[test]
fn the_stories_beats_are_in_order() {
    let story = story::story();
    let instants: Vec<_> = story.beats.iter().map(|beat| instant(beat.at).unwrap()).collect();
    assert!(instant(story.begins).unwrap() < instants[0] && instants.is_sorted());
}

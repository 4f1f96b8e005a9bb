//! The stage: a GitHub and a chat in this process, and the desk as processes of its own.

use crate::dice::Dice;
use crate::key;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use partner_desk::clock::Clock;
use partner_desk::sandbox::{ChatAnswer, ChatSink, Deliver, Fault, Options, Sandbox};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const CHANNELS: [&str; 2] = ["desk", "pager"];

/// A tier of the programme: tickets a window, response target in seconds.
#[derive(Debug)]
pub struct Tier {
    pub id: &'static str,
    pub name: &'static str,
    pub limit: usize,
    pub target: i64,
}

pub const TIERS: [Tier; 3] = [
    Tier { id: "quick", name: "Quick", limit: 1000, target: 4 },
    Tier { id: "steady", name: "Steady", limit: 3, target: 8 },
    Tier { id: "few", name: "Few", limit: 2, target: 6 },
];

/// Steps after the start, as a share of the target and seconds after it: `50%`, `due`, `+3s`.
pub const STEPS: [(i64, i64); 3] = [(50, 0), (100, 0), (100, 3)];

/// A partner, with two members: `ID-1` and `ID-2`.
#[derive(Debug)]
pub struct Partner {
    pub id: &'static str,
    pub tier: usize,
    /// Its first issue is closed by its author at once.
    pub withdraws: bool,
    /// An agent grants it one more ticket.
    pub granted: bool,
}

const fn partner(id: &'static str, tier: usize) -> Partner {
    Partner { id, tier, withdraws: false, granted: false }
}

pub const PARTNERS: [Partner; 7] = [
    partner("quick-a", 0),
    partner("quick-b", 0),
    partner("quick-c", 0),
    partner("steady", 1),
    partner("few", 2),
    Partner { granted: true, ..partner("few-granted", 2) },
    Partner { withdraws: true, ..partner("few-withdrawn", 2) },
];

pub fn now() -> Timestamp {
    Clock::system().now()
}

/// Tells whoever runs the trials how they go, also of those that pass.
pub fn say(text: &str) {
    use std::io::Write as _;
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// A span of time in which something was so; without an end, it is still.
pub type Span = (Timestamp, Option<Timestamp>);

pub struct Stage {
    pub folder: PathBuf,
    pub database: String,
    pub sandbox: Sandbox,
    pub chat: ChatSink,
    pub repos: Vec<String>,
    /// Instants at which an instance was killed, and spans in which one stood still.
    pub cuts: Mutex<Vec<Span>>,
    /// How often each thing went wrong with a request, at GitHub and in the chat.
    pub faults: Arc<Faults>,
    /// What the desk has done at GitHub and in the chat so far.
    effects: Arc<AtomicUsize>,
    count: AtomicUsize,
    passed: bool,
}

/// What goes wrong with requests to GitHub, in equal parts but for the one that costs most: the effect is there, and no answer.
const AT_GITHUB: [&str; 8] = ["dropped after", "500", "403", "dropped before", "429", "dropped after", "502", "delayed"];
/// What the chat does, as often each.
const IN_CHAT: [&str; 6] = ["429", "hung up", "429", "500", "429", "503"];

/// How often each of these was.
#[derive(Debug, Default)]
pub struct Faults(Mutex<BTreeMap<(&'static str, &'static str), usize>>);

impl Faults {
    /// By turns, so that a short run has all of them; what they meet is chance enough.
    fn pick(&self, place: &'static str, kinds: &[&'static str]) -> &'static str {
        let mut counted = self.0.lock().unwrap();
        let so_far: usize = counted.iter().filter(|((at, _), _)| *at == place).map(|(_, times)| times).sum();
        let kind = kinds[so_far % kinds.len()];
        *counted.entry((place, kind)).or_default() += 1;
        kind
    }
}

/// Those that did not happen stand there, too: a run without them has not shown what it should.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.0.lock().unwrap();
        for (place, kinds) in [("GitHub", &AT_GITHUB[..]), ("; chat", &IN_CHAT[..])] {
            let told = |kind: &&str| {
                let place = place.trim_start_matches("; ");
                counted.get(&(place, *kind)).map_or_else(|| format!("NO {kind}"), |times| format!("{kind} x{times}"))
            };
            let kinds: Vec<_> = kinds.iter().copied().collect::<BTreeSet<_>>().iter().map(told).collect();
            write!(f, "{place}: {}", kinds.join(", "))?;
        }
        Ok(())
    }
}

/// A desk as a process.
pub struct Served {
    child: Child,
    life: usize,
    pub url: String,
    stopped: Option<usize>,
}

impl Stage {
    pub async fn set(name: &str, database: Option<String>, owners: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("pd_crash_{}_{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let database = database.unwrap_or_else(|| format!("sqlite://{}/desk.db", folder.display()));
        let sandbox = Sandbox::start(Clock::system(), Options::default()).await.unwrap();
        let chat = ChatSink::start(Clock::system()).await.unwrap();
        let repos: Vec<_> = (0..owners).map(|owner| format!("owner-{owner}/support")).collect();
        for repo in &repos {
            sandbox.repository(repo);
        }
        sandbox.deliveries_go(Deliver::Background);
        let mut config = format!("programme = \"programme.toml\"\ntime_zone = \"{}\"\nagents = [\"ann\", \"ben\"]\n", quiet_zone(now()));
        config.push_str("[[ladder]]\nsteps = [{ at = \"50%\" }, { at = \"due\" }, { at = \"+3s\" }]\n");
        for channel in CHANNELS {
            let url = chat.url(channel);
            writeln!(config, "[[chat]]\nname = \"{channel}\"\nkind = \"webhook\"\nurl = \"{url}\"").unwrap();
        }
        fs::write(folder.join("partner-desk.toml"), config).unwrap();
        let mut tiers = String::new();
        for Tier { id, name, limit, target } in &TIERS {
            writeln!(tiers, "[[tier]]\nid = \"{id}\"\nname = \"{name}\"\ntickets = \"{limit}/week\"\nresponse = \"{target}s\"").unwrap();
        }
        fs::write(folder.join("programme.toml"), tiers).unwrap();
        let mut rows = "partner,name,tier,logins,github_ids\n".to_owned();
        for Partner { id, tier, .. } in &PARTNERS {
            let logins = [1, 2].map(|member| format!("{id}-{member}"));
            let ids = logins.each_ref().map(|login| sandbox.person(login).to_string());
            writeln!(rows, "{id},{id},{},{},{}", TIERS[*tier].id, logins.join(" "), ids.join(" ")).unwrap();
        }
        for agent in ["ann", "ben"] {
            sandbox.person(agent);
        }
        fs::write(folder.join("partners.csv"), rows).unwrap();
        let effects = Arc::new(AtomicUsize::new(0));
        let (said, done) = (effects.clone(), effects.clone());
        chat.on_message(move |_| {
            said.fetch_add(1, Ordering::Relaxed);
        });
        sandbox.on_event(move |event| {
            if event.actor.ends_with("[bot]") {
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
        let cuts = Mutex::default();
        let (faults, count) = (Arc::default(), AtomicUsize::new(0));
        let stage = Self { folder, database, sandbox, chat, repos, cuts, faults, effects, count, passed: false };
        let output = stage.command().args(["partner", "import", "partners.csv"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        stage
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partner-desk"));
        command.current_dir(&self.folder).env_clear();
        command
            .env("APP_ID", "1234")
            .env("PRIVATE_KEY", &*key::PRIVATE)
            .env("WEBHOOK_SECRET", "sandbox-webhook-secret")
            .env("GITHUB_API_URL", self.sandbox.url())
            .env("DATABASE_URL", &self.database)
            .env("RUST_LOG", "info")
            .env("PORT", "0");
        command
    }

    fn log(&self, life: usize) -> PathBuf {
        self.folder.join(format!("life-{life:04}.log"))
    }

    /// Starts `serve` and waits for nothing.
    pub fn spawn(&self) -> Served {
        let life = self.count.fetch_add(1, Ordering::Relaxed);
        let log = File::create(self.log(life)).unwrap();
        let child = self.command().arg("serve").stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Served { child, life, url: String::new(), stopped: None }
    }

    /// Starts `serve` and waits until it listens. Where its webhooks go is the caller's.
    pub async fn serve(&self) -> Served {
        let mut served = self.spawn();
        for _ in 0..1500 {
            let log = fs::read_to_string(self.log(served.life)).unwrap_or_default();
            let line = log.lines().find(|line| line.contains("listening") && line.contains("address="));
            if let Some((_, address)) = line.and_then(|line| line.rsplit_once("address=")) {
                served.url = format!("http://{}/api/github/webhooks", address.trim());
                return served;
            }
            assert!(served.child.try_wait().unwrap().is_none(), "serve ended before it listened:\n{log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("serve does not listen within 15 s");
    }

    /// Webhooks go to these instances by turns.
    pub fn by_turns(&self, instances: &[Served]) {
        self.sandbox.connect_by_turns(&instances.iter().map(|served| &*served.url).collect::<Vec<_>>());
    }

    /// Waits until the desk does something at GitHub or in the chat, for some seconds at most. Says whether it did.
    pub async fn next_effect(&self) -> bool {
        let before = self.effects.load(Ordering::Relaxed);
        for _ in 0..1500 {
            if self.effects.load(Ordering::Relaxed) > before {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    }

    /// SIGKILL.
    pub fn kill(&self, mut served: Served) {
        let at = now();
        served.child.kill().unwrap();
        served.child.wait().unwrap();
        self.cuts.lock().unwrap().push((at, Some(now())));
    }

    /// SIGSTOP.
    pub fn pause(&self, served: &mut Served) {
        let mut cuts = self.cuts.lock().unwrap();
        served.stopped = Some(cuts.len());
        cuts.push((now(), None));
        drop(cuts);
        served.signal("STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self, served: &mut Served) {
        served.signal("CONT");
        if let Some(cut) = served.stopped.take() {
            self.cuts.lock().unwrap()[cut].1 = Some(now());
        }
    }

    /// What GitHub, the network and the chat do from now on.
    pub fn bad_weather(&self, dice: &mut Dice, of_deliveries: u64, of_requests: u64, of_chat: u64) {
        let mut fate = dice.split();
        self.sandbox.deliveries_meet(move || match fate.below(100) {
            lost if lost < of_deliveries / 2 => Vec::new(),
            double if double < of_deliveries => vec![fate.ms(0, 200), fate.ms(0, 3000)],
            late if late < 3 * of_deliveries => vec![fate.ms(0, 4000)],
            _ => vec![Duration::ZERO],
        });
        let (mut fate, faults) = (dice.split(), self.faults.clone());
        self.sandbox.faults().weather(move |_, _| fate.percent(of_requests).then(|| any_fault(&faults, &mut fate)));
        let (mut fate, faults) = (dice.split(), self.faults.clone());
        self.chat.answer_by(move |_| if fate.percent(of_chat) { any_refusal(&faults) } else { any_welcome(&mut fate) });
    }

    pub fn fine_weather(&self) {
        self.sandbox.deliveries_are_safe();
        self.sandbox.faults().clear();
        self.chat.answer_by(|_| ChatAnswer::OK);
    }

    /// The end of the last lives' logs, for whoever reads a failure.
    pub fn last_words(&self) -> String {
        let lives = self.count.load(Ordering::Relaxed);
        let mut words = format!("logs are in {}\n", self.folder.display());
        for life in lives.saturating_sub(3)..lives {
            let log = fs::read_to_string(self.log(life)).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            writeln!(words, "--- life {life}, the last of {} lines", lines.len()).unwrap();
            for line in &lines[lines.len().saturating_sub(25)..] {
                writeln!(words, "{line}").unwrap();
            }
        }
        words
    }

    /// The story is good; nothing of it is kept.
    pub fn passed(mut self) {
        self.passed = true;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.passed {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Served {
    /// SIGTERM.
    pub fn end(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

/// A story that fails must not leave its desk running.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Short waits, so that the story is short.
fn any_fault(faults: &Faults, dice: &mut Dice) -> Fault {
    match faults.pick("GitHub", &AT_GITHUB) {
        "500" => Fault::status(500, "Server Error"),
        "502" => Fault::status(502, "Bad Gateway"),
        "403" => Fault::secondary_limit(1),
        "429" => Fault::too_many(1),
        "dropped before" => Fault::DropBeforeEffect,
        "dropped after" => Fault::DropAfterEffect,
        _ => Fault::Delay(dice.ms(50, 800)),
    }
}

fn any_refusal(faults: &Faults) -> ChatAnswer {
    match faults.pick("chat", &IN_CHAT) {
        "hung up" => ChatAnswer::Hangup,
        "500" => ChatAnswer::Status(500, None),
        "503" => ChatAnswer::Status(503, Some(1)),
        _ => ChatAnswer::Status(429, Some(1)),
    }
}

fn any_welcome(dice: &mut Dice) -> ChatAnswer {
    if dice.percent(30) { ChatAnswer::Slow(dice.ms(20, 400)) } else { ChatAnswer::OK }
}

/// A zone in which no week begins near this instant: a story is told in one window.
fn quiet_zone(at: Timestamp) -> &'static str {
    let near = at.to_zoned(TimeZone::UTC);
    let hours = jiff::Span::new().hours(3);
    let (before, after) = (near.checked_sub(hours).unwrap(), near.checked_add(hours).unwrap());
    let turns = after.weekday() == Weekday::Monday && before.weekday() != Weekday::Monday;
    if turns { "Etc/GMT+8" } else { "UTC" }
}

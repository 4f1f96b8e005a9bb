//! How fast the desk is, as ratios to what the same machine does at best in the same run.
//!
//! `cargo bench --bench speed` measures on SQLite; with `PARTNER_DESK_TEST_POSTGRES`, or by way of
//! `tests/run --release --bench speed`, on PostgreSQL as well. `-- --short` only shows that it works. `-- --only intake` takes the parts
//! whose names contain that. See docs/performance.md.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it measures with the machine's clock, prints what it saw, and has nobody to go on for when something fails"
)]

mod github;
mod limits;
mod load;
mod process;
mod stored;
mod sweep;

#[path = "../../tests/stories/key.rs"]
mod key;

use load::{Load, Maker, SECRET, count, send};
use process::Server;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::runtime::Runtime;

/// The limits have what the desk has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is measured.
struct Sizes {
    /// Partners.
    partners: usize,
    /// Deliveries of a round.
    deliveries: usize,
    /// Rounds, of which the median counts.
    rounds: usize,
    /// Deliveries one at a time.
    alone: usize,
    /// Tickets stored already: few, and many.
    stored: (usize, usize),
    /// Tickets that are open: few, and many.
    open: (usize, usize),
    /// Starts.
    starts: usize,
}

const FULL: Sizes = Sizes {
    partners: 20_000,
    deliveries: 16_000,
    rounds: 5,
    alone: 4_000,
    stored: (20_000, 1_000_000),
    open: (1_000, 1_000_000),
    starts: 9,
};
const SHORT: Sizes = Sizes { partners: 1_000, deliveries: 200, rounds: 1, alone: 20, stored: (300, 900), open: (300, 900), starts: 2 };

/// All of the built-in programme, in turn.
const TIERS: [&str; 8] = ["student", "now", "starter", "basic", "professional", "silver", "gold", "platinum"];

/// A part by its name.
type Part = (&'static str, fn(&mut Bench));

/// One line of the table: what, what was seen, and what to reach.
struct Line(String, String, &'static str);

pub(crate) struct Bench {
    folder: PathBuf,
    sizes: Sizes,
    runtime: Runtime,
    maker: Maker,
    github: String,
    lines: Vec<Line>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--child", "bare"] => return runtime().block_on(limits::serve(None, 0)),
        ["--child", "plain", file, partners] => return runtime().block_on(limits::serve(Some(file), partners.parse().unwrap())),
        _ => {}
    }
    let short = args.iter().any(|arg| arg == "--short");
    let only = args.iter().position(|arg| arg == "--only").and_then(|place| args.get(place + 1)).cloned().unwrap_or_default();
    let folder = std::env::temp_dir().join(format!("pd_speed_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let runtime = runtime();
    let github = runtime.block_on(github::start());
    let sizes = if short { SHORT } else { FULL };
    let maker = Maker::new(sizes.partners);
    let mut bench = Bench { folder: folder.clone(), sizes, runtime, maker, github, lines: Vec::new() };
    let parts: [Part; 6] = [
        ("intake", |bench| bench.intake("SQLite", None)),
        ("postgres", Bench::postgres),
        ("stored", Bench::stored),
        ("sweep", sweep::run),
        ("import", Bench::importing),
        ("start", Bench::start),
    ];
    for (name, part) in parts {
        if name.contains(&only) {
            eprintln!("speed: {name}");
            part(&mut bench);
        }
    }
    println!("\n| what | measured | reach |\n|---|---|---|");
    for Line(what, seen, reach) in &bench.lines {
        println!("| {what} | {seen} | {reach} |");
    }
    if short {
        println!("\nA short run: it shows that the benchmarks work, and its figures mean nothing.");
    }
    drop(bench);
    let _ = std::fs::remove_dir_all(&folder);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Bench {
    pub(crate) fn line(&mut self, what: impl Into<String>, seen: impl Into<String>, reach: &'static str) {
        let (what, seen) = (what.into(), seen.into());
        eprintln!("speed:   {what}: {seen}");
        self.lines.push(Line(what, seen, reach));
    }

    /// The desk as an operator has it, in a folder of its own.
    fn desk(&self, database: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partner-desk"));
        command.current_dir(&self.folder).env_clear();
        command
            .env("DATABASE_URL", database)
            .env("APP_ID", "1234")
            .env("PRIVATE_KEY", &*key::PRIVATE)
            .env("WEBHOOK_SECRET", SECRET)
            .env("GITHUB_API_URL", &self.github)
            .env("PARTNER_DESK_CONFIG", "partner-desk.toml");
        command
    }

    /// A database with all the partners, of these tiers in turn.
    pub(crate) fn import(&self, database: &str, tiers: &[&str]) {
        std::fs::write(self.folder.join("partner-desk.toml"), "agents = [\"ann\"]\n").unwrap();
        let mut file = std::io::BufWriter::new(std::fs::File::create(self.folder.join("partners.csv")).unwrap());
        writeln!(file, "partner,name,tier,logins,github_ids").unwrap();
        for place in 0..self.sizes.partners {
            let member = load::FIRST_MEMBER + place;
            writeln!(file, "p{place},Partner {place},{},member-{member},{member}", tiers[place % tiers.len()]).unwrap();
        }
        file.into_inner().unwrap().sync_all().unwrap();
        let output = self.desk(database).args(["partner", "import", "partners.csv"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn sqlite(&self, name: &str) -> (PathBuf, String) {
        let file = self.folder.join(name);
        let url = format!("sqlite://{}", file.display());
        (file, url)
    }

    pub(crate) fn serve(&self, database: &str) -> Server {
        Server::start(self.desk(database).arg("serve"), "/readyz", &self.folder.join("serve.log"))
    }

    fn child(&self, args: &[&str]) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        Server::start(command.arg("--child").args(args), "/readyz", &self.folder.join("child.log"))
    }

    fn load(&mut self, server: &Server, deliveries: usize, connections: usize) -> Load {
        let requests = self.maker.requests(deliveries);
        let load = self.runtime.block_on(send(server.address, &requests, deliveries, connections));
        assert_eq!(load.refused, 0, "answers other than 2xx; see {}", self.folder.join("serve.log").display());
        load
    }

    /// Intake at 32 connections and one at a time, against bare axum with HMAC and plain SQLite, in turns.
    fn intake(&mut self, kind: &str, database: Option<&str>) {
        let (file, url) = self.sqlite("intake.db");
        let url = database.map_or(url, str::to_owned);
        self.import(&url, &TIERS);
        let desk = self.serve(&url);
        let bare = self.child(&["bare"]);
        let plain_file = self.folder.join("plain.db").display().to_string();
        let plain = self.child(&["plain", &plain_file, &self.sizes.partners.to_string()]);
        std::thread::sleep(std::time::Duration::from_secs(2));
        let (idle, _) = desk.memory();
        let count_of = self.sizes.deliveries;
        let (mut rates, mut costs, mut p99, mut bytes) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]], vec![], vec![]);
        for _ in 0..self.sizes.rounds {
            for (place, server) in [&bare, &plain, &desk].into_iter().enumerate() {
                let (cpu, written) = (server.cpu(), server.written());
                // The bare server is so fast that it has to be asked more often for a measurement of some length.
                let requests = self.maker.requests(count_of);
                let times = if place == 0 { count_of * 5 } else { count_of };
                let load = self.runtime.block_on(send(server.address, &requests, times, 32));
                assert_eq!(load.refused, 0, "answers other than 2xx; see {}", self.folder.display());
                rates[place].push(load.rate());
                costs[place].push((server.cpu() - cpu) / count(times) * 1e6);
                if place == 2 {
                    p99.push(load.at(0.99));
                    bytes.push((server.written() - written) / count(times) / 1000.0);
                }
            }
        }
        let [bare_rate, plain_rate, rate] = rates.map(median);
        let [bare_cost, plain_cost, cost] = costs.map(median);
        let on = |what: &str| format!("{what}, {kind}");
        let reach = if database.is_some() { "≥ 14 %" } else { "≥ 15 %" };
        self.line(
            on("durable intake, 32 connections, of bare axum + HMAC"),
            format!(
                "**{:.1} %** ({rate:.0}/s of {bare_rate:.0}/s; plain SQLite calls {:.1} %)",
                rate / bare_rate * 100.0,
                plain_rate / bare_rate * 100.0
            ),
            reach,
        );
        self.line(on("p99 at 32 connections"), format!("{:.1} ms", median(p99)), "< 15 ms");
        self.line(
            on("processor time a delivery, of bare axum + HMAC"),
            format!(
                "**{:.1} ×** ({cost:.0} µs of {bare_cost:.0} µs; plain SQLite calls {:.1} ×)",
                cost / bare_cost,
                plain_cost / bare_cost
            ),
            "≤ 6 ×",
        );
        let (_, peak) = desk.memory();
        self.line(on("memory, idle and under that load"), format!("{idle:.0} MB, {peak:.0} MB"), "≤ 30 MB, ≤ 100 MB");

        let many = self.sizes.deliveries / 4;
        let crowd = self.load(&desk, many, 512);
        self.line(on("512 connections at once"), format!("{:.0}/s, no error", crowd.rate()), "no error at any load");

        // What the crowd left to do would not be there for one that comes alone.
        std::thread::sleep(std::time::Duration::from_secs(2));
        let alone = self.sizes.alone;
        let bare_one = self.load(&bare, alone, 1).at(0.5);
        let plain_one = self.load(&plain, alone, 1).at(0.5);
        let copy = file.with_extension("before");
        if database.is_none() {
            limits::copy(&file, &copy);
        }
        let written = desk.written();
        let one = self.load(&desk, alone, 1);
        let alone_bytes = (desk.written() - written) / count(alone) / 1000.0;
        if database.is_none() {
            self.line(
                on("written to disk a delivery, alone / 32 connections"),
                format!("{alone_bytes:.0} / {:.0} KB", median(bytes)),
                "≤ 125 / ≤ 50 KB",
            );
            let (some, mut maker) = (self.sizes.alone, std::mem::replace(&mut self.maker, Maker::new(1)));
            let mut commits = |connections: usize, deliveries: usize| {
                let requests = maker.requests(deliveries);
                let runtime = &self.runtime;
                let syncs = process::syncs(&desk, || drop(runtime.block_on(send(desk.address, &requests, deliveries, connections))));
                syncs.map_or_else(|| "not measured (needs strace)".to_owned(), |syncs| format!("{:.2}", syncs / count(deliveries)))
            };
            let seen = format!("{} / {}", commits(1, some), commits(32, some * 4));
            self.maker = maker;
            self.line(on("syncs to disk a delivery, alone / 32 connections"), seen, "≤ 1 / ≤ 0.25 (commits)");
        }
        desk.stop();
        if database.is_none() {
            let (raw, one) = (limits::commits(&file, &copy, alone), one.at(0.5));
            self.line(
                on("one delivery at a time, of a raw SQLite commit of its rows"),
                format!(
                    "**{:.2} ×** (median {one:.2} ms of {raw:.2} ms; plain SQLite calls, which write less, {plain_one:.2} ms; bare axum + HMAC {bare_one:.2} ms)",
                    one / raw
                ),
                "< 1.6 ×",
            );
        } else {
            self.line(on("one delivery at a time"), format!("median {:.2} ms (bare axum + HMAC {bare_one:.2} ms)", one.at(0.5)), "");
        }
    }

    fn postgres(&mut self) {
        let Ok(server) = std::env::var("PARTNER_DESK_TEST_POSTGRES") else {
            self.line(
                "PostgreSQL",
                "not measured: PARTNER_DESK_TEST_POSTGRES names no server; `tests/run --release --bench speed` brings one",
                "",
            );
            return;
        };
        let name = format!("pd_speed_{}", std::process::id());
        let admin = |sql: String| {
            self.runtime.block_on(async {
                use sqlx::Connection as _;
                let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            });
        };
        admin(format!("CREATE DATABASE {name}"));
        let url = server.rsplit_once('/').map_or_else(|| server.clone(), |(host, _)| format!("{host}/{name}"));
        self.intake("PostgreSQL", Some(&url));
        self.runtime.block_on(async {
            use sqlx::Connection as _;
            let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut connection).await.unwrap();
        });
    }

    /// Intake with few and with many tickets stored.
    fn stored(&mut self) {
        let (few, many) = self.sizes.stored;
        let mut rates = Vec::new();
        for stored in [few, many] {
            let (file, url) = self.sqlite(&format!("stored-{stored}.db"));
            self.import(&url, &TIERS);
            let first = self.serve(&url);
            self.load(&first, 8, 1);
            first.stop();
            stored::fill(&file, stored, false, self.sizes.partners);
            let desk = self.serve(&url);
            self.load(&desk, self.sizes.deliveries / 4, 32);
            let deliveries = self.sizes.deliveries;
            let rounds = (0..self.sizes.rounds.min(3)).map(|_| self.load(&desk, deliveries, 32).rate()).collect();
            rates.push(median(rounds));
            desk.stop();
            remove(&file);
        }
        let ratio = rates[1] / rates[0];
        self.line(
            format!("intake with {many} tickets stored against {few}, SQLite"),
            format!("**{ratio:.2}** ({:.0}/s of {:.0}/s)", rates[1], rates[0]),
            "≥ 0.55",
        );
    }

    /// What a partner of a list costs, in a short list and in a long one: the writers' lock is held meanwhile.
    fn importing(&mut self) {
        let all = self.sizes.partners;
        let [few, many] = [all / 10, all].map(|partners| {
            self.sizes.partners = partners;
            let (file, url) = self.sqlite(&format!("import-{partners}.db"));
            let begun = std::time::Instant::now();
            self.import(&url, &TIERS);
            let each = begun.elapsed().as_secs_f64() / count(partners) * 1e6;
            remove(&file);
            each
        });
        self.sizes.partners = all;
        let seen = format!("**{:.2} ×** ({many:.0} µs of {few:.0} µs)", many / few);
        self.line(format!("importing {all} partners against {}, each of them", all / 10), seen, "");
    }

    /// From the start of the process until `/readyz` is green, with a database that exists.
    fn start(&mut self) {
        let (_, url) = self.sqlite("start.db");
        self.import(&url, &TIERS);
        let milliseconds = |server: &Server| server.ready.as_secs_f64() * 1000.0;
        let (mut desk, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..self.sizes.starts {
            let server = self.child(&["bare"]);
            bare.push(milliseconds(&server));
            drop(server);
            let server = self.serve(&url);
            desk.push(milliseconds(&server));
            server.stop();
        }
        self.line("start to ready", format!("{:.0} ms (bare axum {:.0} ms)", median(desk), median(bare)), "≤ 60 ms");
    }
}

fn remove(database: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
    }
}

//! The database is full, gone, not to be written to, or of another release: nothing is acknowledged that was not kept (`R1`), it is said
//! clearly, and the desk goes on by itself.

use crate::desk::{Desk, Engine, REPO, Setup, run};
use crate::door::{CLIENT, signed};
use crate::postgres::fresh_postgres;
use jiff::Timestamp;
use partner_desk::domain::DeliveryId;
use partner_desk::sandbox::Deliver;
use partner_desk::store::{Store, StoreError, Tx};
use sqlx::{Connection as _, PgConnection};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

impl Desk {
    /// What `/readyz` answers.
    async fn readiness(&self) -> (u16, serde_json::Value) {
        let answer = CLIENT.get(format!("{}/readyz", self.url)).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    /// Opens an issue whose delivery has to be answered before GitHub gives up; what it was answered with.
    async fn tries(&self, title: &str) -> Option<u16> {
        let opening = self.sandbox.open_issue(REPO, "alice", title, "…");
        tokio::time::timeout(Duration::from_secs(9), opening).await.expect("an answer within GitHub's ten seconds").unwrap().status()
    }

    /// One who sends many at once, none of whom may hear late or be told what is not so.
    async fn tries_many(&self) {
        self.sandbox.deliveries_go(Deliver::Held);
        for number in 0..20 {
            self.sandbox.open_issue(REPO, "alice", &format!("Of many, {number}"), "…").await.unwrap();
        }
        let mut all = JoinSet::new();
        for held in self.sandbox.held() {
            let url = self.url.clone();
            all.spawn(async move { crate::door::deliver(&url, &held).await.status().as_u16() });
        }
        let answers = tokio::time::timeout(Duration::from_secs(9), all.join_all()).await.expect("all within GitHub's ten seconds");
        assert!(answers.iter().all(|status| *status == 503), "{answers:?}");
        self.sandbox.drop_held();
        self.sandbox.deliveries_go(Deliver::AtOnce);
    }

    /// After the outage: ready without help, what was refused is found, what comes is taken.
    async fn recovers(&self, tickets: usize) {
        for _ in 0..100 {
            if self.readiness().await.0 == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(self.readiness().await.0, 200, "{:?}", self.readiness().await);
        assert_eq!(self.tries("After it").await, Some(202));
        self.app.desk.catch_up().await.unwrap();
        self.settle().await;
        assert_eq!(self.ledger("acme").await.len(), tickets, "each charged once");
    }
}

/// More than is opened here.
const PLENTY: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"9999/week\"\nresponse = \"4h\"\n") };

#[test]
fn r1_a_database_that_became_read_only_is_red_until_it_takes_writes_again() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        read_only(&desk.app.desk.store, true).await;
        assert_eq!(desk.tries("Refused").await, Some(503));
        desk.tries_many().await;
        let (status, said) = desk.readiness().await;
        assert_eq!((status, said["database"].as_str().unwrap().contains("readonly")), (503, true), "{said}");
        assert_eq!(desk.ledger("acme").await.len(), 1);
        read_only(&desk.app.desk.store, false).await;
        desk.recovers(23).await;
        desk.end().await;
    });
}

#[test]
fn r1_what_did_not_come_to_the_disk_is_not_acknowledged() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        let Store::Sqlite(sqlite) = &desk.app.desk.store else { panic!("SQLite was asked for") };
        // SQLite goes on writing to a log that nobody would find after a restart.
        let log = sqlite.file().with_extension("db-wal");
        let away = log.with_extension("away");
        std::fs::rename(&log, &away).unwrap();
        desk.sandbox.deliveries_go(Deliver::Held);
        for number in 0..40 {
            desk.sandbox.open_issue(REPO, "alice", &format!("Of many, {number}"), "…").await.unwrap();
        }
        let held = desk.sandbox.held();
        let mut all = JoinSet::new();
        for (place, delivery) in held.iter().cloned().enumerate() {
            let url = desk.url.clone();
            all.spawn(async move { (place, crate::door::deliver(&url, &delivery).await.status().as_u16()) });
        }
        let refused = all.join_all().await;
        assert!(refused.iter().all(|(_, status)| *status == 503), "{refused:?}");
        let said = desk.app.desk.store.flush().await.unwrap_err().to_string();
        assert!(said.contains("was not brought to the disk"), "{said}");
        let (status, said) = desk.readiness().await;
        assert!(status == 503 && said["database"].as_str().unwrap().contains("desk.db-wal` is not there any more"), "{said}");
        // Those that came together are in the database by now, but nobody is told so.
        let again = async || crate::door::deliver(&desk.url, &held[refused[0].0]).await.status().as_u16();
        assert_eq!(again().await, 503);
        std::fs::rename(&away, &log).unwrap();
        assert_eq!(again().await, 202);
        desk.sandbox.drop_held();
        desk.sandbox.deliveries_go(Deliver::AtOnce);
        desk.recovers(42).await;
        desk.end().await;
    });
}

#[test]
fn r1_a_database_that_is_moved_away_takes_nothing_until_it_is_back() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        let Store::Sqlite(sqlite) = &desk.app.desk.store else { panic!("SQLite was asked for") };
        let file = sqlite.file();
        let moves = |from: &str, to: &str| {
            for ending in ["", "-wal", "-shm"] {
                std::fs::rename(format!("{}{ending}{from}", file.display()), format!("{}{ending}{to}", file.display())).unwrap();
            }
        };
        moves("", ".away");
        assert_eq!(desk.tries("Refused").await, Some(503));
        let (status, said) = desk.readiness().await;
        assert!(status == 503 && said["database"].as_str().unwrap().contains("desk.db` is not there any more"), "{said}");
        assert!(!file.exists(), "and no other is made");
        std::fs::write(file, "").unwrap();
        desk.tries_many().await;
        let (status, said) = desk.readiness().await;
        assert!(status == 503 && said["database"].as_str().unwrap().contains("another file is in its place"), "{said}");
        assert_eq!(std::fs::read(file).unwrap(), b"", "what is there is left alone");
        moves(".away", "");
        assert_eq!(desk.ledger("acme").await.len(), 1);
        desk.recovers(23).await;
        desk.end().await;
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_postgres_has_on_its_disk_what_was_flushed() {
    run(async {
        let url = fresh_postgres(&format!("pd_flush_{}", std::process::id())).await;
        let store = Store::open(&url).await.unwrap();
        let Store::Postgres(postgres) = &store else { panic!("PostgreSQL was asked for") };
        // Where its log ends, and whether all of it is on the disk.
        let look = async |end: &str| -> (String, bool) {
            let sql = format!("SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn() >= '{end}'::pg_lsn");
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(postgres.pool()).await.unwrap()
        };
        let mut unflushed = 0;
        for number in 0..20 {
            let mut tx = store.write_unflushed().await.unwrap();
            assert!(tx.note_delivery(&DeliveryId(format!("d{number}")), Timestamp::UNIX_EPOCH).await.unwrap());
            tx.commit().await.unwrap();
            let (end, _) = look("0/0").await;
            unflushed += usize::from(!look(&end).await.1);
            store.flush().await.unwrap();
            assert!(look(&end).await.1, "up to {end}");
        }
        // The server's own writer comes by now and then.
        assert!(unflushed > 10, "{unflushed} of 20 commits came back before the disk");
        store.close().await;
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_the_lock_that_intake_keeps_is_lent_inside_and_let_go_for_others() {
    run(async {
        let url = fresh_postgres(&format!("pd_kept_{}", std::process::id())).await;
        let (one, other) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
        let Store::Postgres(postgres) = &one else { panic!("PostgreSQL was asked for") };
        let is_new = async |tx: &mut Tx, name: &str| tx.note_delivery(&DeliveryId(name.to_owned()), Timestamp::UNIX_EPOCH).await.unwrap();
        for name in ["first", "second"] {
            let mut tx = one.write_unflushed().await.unwrap();
            assert!(is_new(&mut tx, name).await);
            tx.commit().await.unwrap();
        }
        // What is not committed never was.
        let mut tx = one.write_unflushed().await.unwrap();
        assert!(is_new(&mut tx, "dropped").await);
        drop(tx);
        let mut tx = one.write_unflushed().await.unwrap();
        assert!(is_new(&mut tx, "rolled back").await);
        tx.rollback().await.unwrap();
        // Lent to who writes in the ordinary way: when that is committed, it is on the disk. Where the server's log is by then is asked before the
        // commit: afterwards others have written to it.
        let written = async || {
            let now = "SELECT pg_current_wal_insert_lsn()::text";
            sqlx::query_scalar::<_, String>(now).fetch_one(postgres.pool()).await.unwrap()
        };
        let is_on_disk = async |place: String| {
            let on_disk = "SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn";
            sqlx::query_scalar::<_, bool>(on_disk).bind(place).fetch_one(postgres.pool()).await.unwrap()
        };
        let all_reach_it = async |store: &Store, name: &str| {
            for number in 0..20 {
                let mut tx = store.write().await.unwrap();
                assert!(is_new(&mut tx, &format!("{name} {number}")).await);
                let place = written().await;
                tx.commit().await.unwrap();
                assert!(is_on_disk(place).await, "{name} {number}");
            }
        };
        all_reach_it(&one, "ordinary").await;
        // Who gives up while he waits for it is not taken for one who has it, and does not go on as if nobody waited for the disk.
        assert!(tokio::time::timeout(Duration::from_millis(300), other.write_unflushed()).await.is_err(), "the lock is kept");
        one.let_others_write().await.unwrap();
        all_reach_it(&other, "after giving up").await;
        let mut tx = other.write().await.unwrap();
        assert!(!is_new(&mut tx, "first").await && !is_new(&mut tx, "second").await && !is_new(&mut tx, "ordinary 19").await);
        assert!(is_new(&mut tx, "dropped").await && is_new(&mut tx, "rolled back").await);
        tx.commit().await.unwrap();
        one.let_others_write().await.unwrap();
        // Through a pooler a session is not one's own, and no lock is kept in it.
        let road = Road::by_a_pooler(&url).await;
        let pooled = Store::open(&road.url).await.unwrap();
        let mut tx = pooled.write_unflushed().await.unwrap();
        assert!(is_new(&mut tx, "through a pooler").await);
        tx.commit().await.unwrap();
        let mut tx = tokio::time::timeout(Duration::from_secs(1), other.write()).await.expect("no lock is kept").unwrap();
        assert!(!is_new(&mut tx, "through a pooler").await);
        tx.rollback().await.unwrap();
        pooled.let_others_write().await.unwrap();
        for store in [one, other, pooled] {
            store.close().await;
        }
        road.listening.abort();
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_the_lock_of_an_instance_that_stands_still_is_not_kept() {
    run(async {
        let url = fresh_postgres(&format!("pd_stands_{}", std::process::id())).await;
        let (stands, other) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
        stands.write_unflushed().await.unwrap().commit().await.unwrap();
        // The server ends its session, while nothing is asked on it.
        let mut tx = tokio::time::timeout(Duration::from_secs(9), other.write()).await.expect("the lock within seconds").unwrap();
        let id = DeliveryId("one".to_owned());
        assert!(tx.note_delivery(&id, Timestamp::UNIX_EPOCH).await.unwrap());
        tx.commit().await.unwrap();
        // It believes that it has the lock still: what it does next is refused, and what it does then is right.
        let mut tx = stands.write_unflushed().await.unwrap();
        assert!(tx.note_delivery(&id, Timestamp::UNIX_EPOCH).await.unwrap_err().is_everyones());
        drop(tx);
        let mut tx = stands.write_unflushed().await.unwrap();
        assert!(!tx.note_delivery(&id, Timestamp::UNIX_EPOCH).await.unwrap());
        tx.commit().await.unwrap();
        stands.close().await;
        other.close().await;
    });
}

/// With a single thread for all tasks, whatever a commit waits for on it holds up everything.
#[test]
fn r1_while_the_disk_hangs_all_else_goes_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        desk.partner("acme", "gold", &["alice"]).await;
        let Store::Sqlite(sqlite) = &desk.app.desk.store else { panic!("only SQLite is a file") };
        let (hangs, mut is_hanging) = tokio::sync::mpsc::unbounded_channel();
        let (goes_on, go_on) = std::sync::mpsc::channel();
        let ended_by_itself = Arc::new(AtomicBool::new(false));
        let hook = {
            let ended_by_itself = ended_by_itself.clone();
            move || {
                if hangs.send(()).is_ok() && go_on.recv_timeout(Duration::from_secs(8)).is_err() {
                    ended_by_itself.store(true, Ordering::Relaxed);
                }
                false
            }
        };
        sqlite.with_writer(|writer| writer.commit_hook(Some(hook))).await.unwrap().unwrap();
        let asks = async {
            is_hanging.recv().await.unwrap();
            for _ in 0..5 {
                let answer = CLIENT.get(format!("{}/healthz", desk.url)).send().await.unwrap();
                assert_eq!(answer.status(), 200);
            }
            is_hanging.close();
            let _ = goes_on.send(());
        };
        let (answered, ()) = tokio::join!(desk.tries("Login is broken"), asks);
        assert!(!ended_by_itself.load(Ordering::Relaxed), "who asked meanwhile waited for the disk");
        assert_eq!(answered, Some(202));
        sqlite.with_writer(|writer| writer.commit_hook(None::<fn() -> bool>)).await.unwrap().unwrap();
        desk.end().await;
    });
}

/// Lets the desk's own connection write, or not.
async fn read_only(store: &Store, yes: bool) {
    let Store::Sqlite(sqlite) = store else { panic!("only SQLite is a file") };
    sqlite.with_writer(|writer| writer.pragma_update(None, "query_only", yes)).await.unwrap().unwrap();
}

/// A road to PostgreSQL on which journeys are counted, and that can be closed, or fall silent.
pub struct Road {
    pub url: String,
    open: Arc<Mutex<Option<JoinSet<()>>>>,
    silent: watch::Sender<bool>,
    journeys: Arc<AtomicUsize>,
    pub listening: AbortHandle,
}

/// Carries what is said on both sides, and counts what is asked.
async fn carry(near: &mut TcpStream, far: &mut TcpStream, journeys: &AtomicUsize, pools: bool) -> std::io::Result<()> {
    let ((mut asked, mut answers), (mut answered, mut asks)) = (near.split(), far.split());
    let mut said = vec![0; 256 * 1024];
    let answering = tokio::io::copy(&mut answered, &mut answers);
    let asking = async {
        loop {
            match asked.read(&mut said).await? {
                0 => return asks.shutdown().await,
                length if pools => {
                    let place = |what: &[u8]| said[..length].windows(what.len()).position(|word| word == what);
                    if let (Some(_), Some(mark)) = (place(b"application_name"), place(b"partner_desk.session")) {
                        said[mark..mark + 20].copy_from_slice(b"partner_desk.unknown");
                    }
                    asks.write_all(&said[..length]).await?;
                }
                length => asks.write_all(&said[..length]).await?,
            }
            journeys.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::try_join!(answering, asking).map(drop)
}

impl Road {
    pub async fn to(url: &str) -> Self {
        Self::with(url, false).await
    }

    /// By a pooler that does not let through what connections set as they begin.
    async fn by_a_pooler(url: &str) -> Self {
        Self::with(url, true).await
    }

    async fn with(url: &str, pools: bool) -> Self {
        let server = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
        let open = Arc::new(Mutex::new(Some(JoinSet::new())));
        let roads = open.clone();
        let silent = watch::Sender::new(false);
        let silence = silent.subscribe();
        let journeys = Arc::new(AtomicUsize::default());
        let counted = journeys.clone();
        let listening = tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let Ok(mut far) = TcpStream::connect(&server).await else { continue };
                let (mut silence, journeys) = (silence.clone(), counted.clone());
                if let Some(roads) = roads.lock().unwrap().as_mut() {
                    roads.spawn(async move {
                        let silent = tokio::select! {
                            biased;
                            fell = silence.wait_for(|silent| *silent) => fell.is_ok(),
                            _ = carry(&mut near, &mut far, &journeys, pools) => false,
                        };
                        if silent {
                            std::future::pending::<()>().await;
                        }
                    });
                }
            }
        });
        Self { url, open, silent, journeys, listening: listening.abort_handle() }
    }

    /// How often anything was asked until now.
    pub fn journeys(&self) -> usize {
        self.journeys.load(Ordering::Relaxed)
    }

    /// Nothing that is sent on it arrives, and nobody is told. Who was on it then stays cut off; who comes after is not.
    fn fall_silent(&self, yes: bool) {
        self.silent.send_replace(yes);
    }

    /// Everybody on it is gone, and nobody gets through.
    fn close(&self) {
        drop(self.open.lock().unwrap().take());
    }

    fn reopen(&self) {
        *self.open.lock().unwrap() = Some(JoinSet::new());
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_a_postgres_that_is_gone_for_a_while_is_red_until_it_is_back() {
    run(async {
        let road = Road::to(&fresh_postgres(&format!("pd_gone_{}", std::process::id())).await).await;
        let mut desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.stop().await;
        desk.app.desk.store.close().await;
        desk.go_on_at(&road.url, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        road.close();
        assert_eq!(desk.tries("Refused").await, Some(503));
        desk.tries_many().await;
        let (status, said) = desk.readiness().await;
        assert_eq!((status, said["database"] != "ok"), (503, true), "{said}");
        road.reopen();
        desk.recovers(23).await;
        desk.end().await;
        road.listening.abort();
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_a_postgres_that_is_full_is_red_until_there_is_room() {
    run(async {
        let desk = Desk::start(Engine::Postgres, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        desk.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100';
             END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        .await;
        assert_eq!(desk.tries("Refused").await, Some(503));
        desk.tries_many().await;
        let (status, said) = desk.readiness().await;
        assert_eq!((status, said["database"].as_str().unwrap().contains("No space left on device")), (503, true), "{said}");
        assert_eq!(desk.ledger("acme").await.len(), 1);
        desk.execute("DROP TRIGGER full_disk ON deliveries").await;
        desk.recovers(23).await;
        desk.end().await;
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_a_postgres_that_became_read_only_is_red_until_it_takes_writes_again() {
    run(async {
        let desk = Desk::start(Engine::Postgres, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        // As providers do with a database that has no room left.
        let mut provider = PgConnection::connect(desk.database()).await.unwrap();
        let name = desk.database().rsplit_once('/').unwrap().1;
        let on = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        sqlx::raw_sql(sqlx::AssertSqlSafe(on)).execute(&mut provider).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(end).execute(&mut provider).await.unwrap();
        assert_eq!(desk.tries("Refused").await, Some(503));
        desk.tries_many().await;
        let (status, said) = desk.readiness().await;
        assert_eq!((status, said["database"].as_str().unwrap().contains("takes no writes here")), (503, true), "{said}");
        assert_eq!(desk.ledger("acme").await.len(), 1);
        // Nobody ends the connections that were opened meanwhile.
        let off = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
        sqlx::raw_sql(sqlx::AssertSqlSafe(off)).execute(&mut provider).await.unwrap();
        provider.close().await.unwrap();
        desk.recovers(23).await;
        desk.end().await;
    });
}

/// A statement that is not answered is given up after this here.
const SLOWEST: Duration = Duration::from_secs(3);

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_a_postgres_that_falls_silent_is_given_up_and_found_again() {
    run(async {
        let url = fresh_postgres(&format!("pd_silent_{}", std::process::id())).await;
        let road = Road::to(&url).await;
        let mut desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.stop().await;
        desk.app.desk.store.close().await;
        desk.go_on_at(&road.url, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        assert_eq!((desk.tries("Before").await, desk.readiness().await.0), (Some(202), 200));
        desk.settle().await;
        let store = Store::open_within(&road.url, SLOWEST).await.unwrap();
        // More who read than there are connections, and one who writes: all of them in the middle of it.
        let mut readers = Vec::new();
        for _ in 0..8 {
            let mut tx = store.read().await.unwrap();
            tx.all_partners().await.unwrap();
            readers.push(tx);
        }
        let mut writer = store.write().await.unwrap();
        assert!(writer.note_delivery(&DeliveryId("one".to_owned()), Timestamp::UNIX_EPOCH).await.unwrap());
        road.fall_silent(true);
        let mut waiting = JoinSet::new();
        for mut tx in readers {
            waiting.spawn(async move { (tx.all_partners().await.map(drop), tx.all_partners().await.map(drop)) });
        }
        waiting.spawn(async move {
            let id = DeliveryId("two".to_owned());
            (
                writer.note_delivery(&id, Timestamp::UNIX_EPOCH).await.map(drop),
                writer.note_delivery(&id, Timestamp::UNIX_EPOCH).await.map(drop),
            )
        });
        // What no statement is sent for any more does not wait as long again.
        let given_up = tokio::time::timeout(SLOWEST * 3 / 2, waiting.join_all()).await.expect("nobody waits for ever");
        for (given_up, gone) in given_up {
            let (given_up, gone) = (given_up.unwrap_err().to_string(), gone.unwrap_err().to_string());
            assert!(given_up.contains("PostgreSQL did not answer within 3 s"), "{given_up}");
            assert!(gone.contains("its connection was closed"), "{gone}");
        }
        assert_eq!(desk.tries("Refused").await, Some(503));
        desk.tries_many().await;
        let (status, said) = desk.readiness().await;
        assert_eq!((status, said["database"] != "ok"), (503, true), "{said}");
        road.fall_silent(false);
        desk.recovers(23).await;
        store.read().await.unwrap().all_partners().await.unwrap();
        store.write().await.unwrap().rollback().await.unwrap();
        store.close().await;
        desk.end().await;
        road.listening.abort();
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_a_statement_that_is_given_up_ends_at_the_server_and_lets_the_lock_go() {
    run(async {
        let url = fresh_postgres(&format!("pd_given_up_{}", std::process::id())).await;
        let (mut first, second) = (PgConnection::connect(&url).await.unwrap(), Store::open_within(&url, SLOWEST).await.unwrap());
        // As a table that somebody works on by hand: a statement that hangs at the server.
        sqlx::raw_sql("BEGIN; LOCK TABLE deliveries").execute(&mut first).await.unwrap();
        let mut writer = second.write().await.unwrap();
        let refused = writer.note_delivery(&DeliveryId("one".to_owned()), Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(refused.to_string().contains("lock timeout"), "{refused}");
        writer.rollback().await.unwrap();
        // One that is slow by itself: the database's fault and not the delivery's, and the connection is as good as before.
        let Store::Postgres(postgres) = &second else { panic!("PostgreSQL was asked for") };
        let slow = sqlx::raw_sql("SELECT pg_sleep(60)").execute(postgres.pool()).await.unwrap_err();
        let slow = StoreError::from(slow);
        assert!(slow.to_string().contains("statement timeout") && slow.is_everyones() && !slow.is_of_its_own(), "{slow}");
        // Cut off in the middle of a statement, whose server hears nothing of it: the lock is free before others give up.
        let road = Road::to(&url).await;
        let third = Store::open_within(&road.url, SLOWEST).await.unwrap();
        let mut writer = third.write().await.unwrap();
        let hangs = tokio::spawn(async move { writer.note_delivery(&DeliveryId("two".to_owned()), Timestamp::UNIX_EPOCH).await.map(drop) });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut first).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        road.fall_silent(true);
        let writer = tokio::time::timeout(Duration::from_secs(20), second.write()).await.unwrap();
        writer.unwrap().rollback().await.unwrap();
        assert!(hangs.await.unwrap().unwrap_err().is_everyones());
        second.close().await;
        third.close().await;
        road.listening.abort();
    });
}

story!(r1_what_cannot_be_kept_in_time_is_refused_in_time, |desk| {
    // Somebody writes, and does not come to an end.
    let writer = desk.app.desk.store.write().await.unwrap();
    let unfit = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"}}"#;
    let send = async || signed(&desk.url, "issues", "unfit", unfit).send().await.unwrap().status().as_u16();
    let refused = tokio::time::timeout(Duration::from_secs(9), send()).await.expect("an answer within GitHub's ten seconds");
    assert_eq!(refused, 503);
    drop(writer);
    assert_eq!(send().await, 202);
});

story!(r1_a_database_of_another_release_says_so_and_what_to_do, |desk| {
    let folder = desk.folder().to_owned();
    let database = desk.database().to_owned();
    let list = || {
        let (folder, database) = (folder.clone(), database.clone());
        tokio::task::spawn_blocking(move || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_partner-desk"));
            let output = command.current_dir(folder).env_clear().env("DATABASE_URL", database).args(["partner", "list"]).output().unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
        })
    };
    assert_eq!(list().await.unwrap().0, 0);
    desk.execute(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         SELECT 9901, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let (code, said) = list().await.unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("has migration 9901") && said.contains("a newer one") && said.contains("restore a backup"), "{said}");
    desk.execute("DELETE FROM _sqlx_migrations WHERE version = 9901").await;
    desk.execute("UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 2) WHERE version = 1")
        .await;
    let (code, said) = list().await.unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another migration 1 than") && said.contains("restore a backup"), "{said}");
});

//! What operators do with the database: back it up, restore it, move it; and what they are told when it cannot be.

use crate::desk::{Desk, Engine, REPO, Setup, run};
use crate::postgres::fresh_postgres;
use crate::sqlite::{all, beside, column};
use jiff::SignedDuration;
use partner_desk::store::{Pass, PassKind, Store, StoredApp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

/// The binary, as an operator runs it beside a desk that is running.
pub fn partner_desk(folder: &Path, database: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-desk"));
    command.current_dir(folder).env_clear().env("DATABASE_URL", database).args(args).output().unwrap()
}

#[track_caller]
pub fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// An empty folder, for as long as it is held.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pd_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The exit code, and what stands on stderr.
pub fn fails(output: &Output) -> (i32, String) {
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// More than is opened here.
const PLENTY: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"9999/week\"\nresponse = \"4h\"\n") };

#[test]
fn a_backup_under_load_is_whole_and_a_restored_one_is_where_the_desk_goes_on() {
    run(async {
        let mut desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        let folder = desk.folder().to_owned();
        let database = desk.database().to_owned();
        let backup = |name: &str, more: &[&str]| {
            let args: Vec<_> = ["backup", name].iter().chain(more).map(|arg| (*arg).to_owned()).collect();
            let (folder, database) = (folder.clone(), database.clone());
            async move {
                let run = move || partner_desk(&folder, &database, &args.iter().map(String::as_str).collect::<Vec<_>>());
                tokio::task::spawn_blocking(run).await.unwrap()
            }
        };

        // Issues come in all the while.
        let enough = AtomicBool::new(false);
        let load = async {
            let mut opened = 0;
            while !enough.load(Ordering::Relaxed) {
                let happened = desk.sandbox.open_issue(REPO, "alice", "Again", "And again.").await.unwrap();
                assert_eq!(happened.status(), Some(202));
                opened += 1;
            }
            opened
        };
        let backups = async {
            for number in 0..4 {
                let said = succeeds(&backup(&format!("load-{number}.db"), &[]).await);
                assert!(said.ends_with(" bytes, checked\n"), "{said}");
            }
            enough.store(true, Ordering::Relaxed);
        };
        let (opened, ()) = tokio::join!(load, backups);
        assert!(opened > 4, "only {opened} issues came in meanwhile");
        let mut seen = Vec::new();
        for number in 0..4 {
            let store = Store::open(&format!("sqlite://{}/load-{number}.db", folder.display())).await.unwrap();
            let Store::Sqlite(sqlite) = &store else { panic!("only SQLite is a file") };
            let counts = "SELECT (SELECT count(*) FROM tickets), (SELECT count(*) FROM ledger WHERE kind = 'charge'),
                          (SELECT count(*) FROM deliveries), (SELECT count(*) FROM tickets WHERE json_valid(doc))";
            let counts =
                all(&beside(sqlite), counts, |row| (0..4).map(|place| row.get::<_, i64>(place)).collect::<Result<Vec<_>, _>>()).remove(0);
            assert_eq!((counts[1], counts[3]), (counts[0], counts[0]), "a ticket and its charge are one transaction: {counts:?}");
            seen.push(counts[0]);
            store.close().await;
        }
        assert!(seen.is_sorted() && seen[0] < seen[3], "each is of its own moment: {seen:?}");

        // One at rest, another that must not take its place, and what came after it.
        desk.settle().await;
        let then = desk.everything().await;
        succeeds(&backup("night.db", &[]).await);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(folder.join("night.db")).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let later = desk.opens("alice", "After the backup").await;
        let (code, said) = fails(&backup("night.db", &[]).await);
        assert_eq!((code, said.contains("--force")), (1, true), "{said}");
        for own in ["desk.db", "desk.db-wal", "desk.db-journal", "./desk.db-shm"] {
            let (code, said) = fails(&backup(own, &["--force"]).await);
            assert_eq!((code, said.contains("belongs to the database itself")), (2, true), "{said}");
        }
        let (code, said) = fails(&backup("no-such-folder/night.db", &[]).await);
        assert_eq!((code, said.contains("no-such-folder")), (1, true), "{said}");
        assert!(std::fs::read_dir(&folder).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().contains(".part")));

        // The machine is lost; the file is put where DATABASE_URL points. That takes longer than the minute whose writes to GitHub
        // the copy cannot know of (G7).
        std::fs::create_dir(folder.join("new")).unwrap();
        std::fs::copy(folder.join("night.db"), folder.join("new/desk.db")).unwrap();
        desk.holds_webhooks();
        desk.stop().await;
        desk.app.desk.store.close().await;
        let restored = Store::open(&format!("sqlite://{}/new/desk.db", folder.display())).await.unwrap();
        desk.app.desk.store = restored;
        assert_eq!(desk.everything().await, then);
        desk.clock.advance_to(desk.clock.now() + SignedDuration::from_mins(1));
        desk.go_on_at(&format!("sqlite://{}/new/desk.db", folder.display()), PLENTY).await;
        assert_eq!(desk.standing(&later).await, "admitted", "what came after it is found by listing (R2)");
        desk.sandbox.drop_held();
        desk.end().await;
    });
}

#[test]
fn a_backup_takes_no_file_away_that_is_not_its_own() {
    let folder = Folder::new("a_backup_takes_no_file_away_that_is_not_its_own");
    let folder = folder.0.as_path();
    // The copy would be made in the live database.
    succeeds(&partner_desk(folder, "sqlite://desk.db.part", &["partner", "list"]));
    let (code, said) = fails(&partner_desk(folder, "sqlite://desk.db.part", &["backup", "desk.db", "--force"]));
    assert_eq!((code, said.contains("desk.db.part belongs to the database itself")), (2, true), "{said}");
    succeeds(&partner_desk(folder, "sqlite://desk.db.part", &["backup", "copy.db"]));
    // Left by one that was killed, or somebody's own.
    std::fs::write(folder.join("next.db.part"), "mine").unwrap();
    let (code, said) = fails(&partner_desk(folder, "sqlite://copy.db", &["backup", "next.db"]));
    assert_eq!((code, said.contains("next.db.part is there already") && said.contains("--force")), (1, true), "{said}");
    // Somebody is at it.
    let held = std::fs::File::open(folder.join("next.db.part")).unwrap();
    held.lock().unwrap();
    let (code, said) = fails(&partner_desk(folder, "sqlite://copy.db", &["backup", "next.db", "--force"]));
    assert_eq!((code, said.contains("next.db.part is being written by another backup")), (1, true), "{said}");
    drop(held);
    succeeds(&partner_desk(folder, "sqlite://copy.db", &["backup", "next.db", "--force"]));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("next.db", folder.join("link.db")).unwrap();
        let (code, said) = fails(&partner_desk(folder, "sqlite://copy.db", &["backup", "link.db", "--force"]));
        assert_eq!((code, said.contains("no plain file")), (2, true), "{said}");
    }
}

#[test]
fn r1_after_a_command_the_whole_database_is_in_its_file() {
    let folder = Folder::new("r1_after_a_command_the_whole_database_is_in_its_file");
    let folder = folder.0.as_path();
    std::fs::write(folder.join("partners.csv"), "partner,name,tier,logins\nacme,Acme,gold,anna\n").unwrap();
    succeeds(&partner_desk(folder, "sqlite://desk.db", &["partner", "import", "partners.csv"]));
    succeeds(&partner_desk(folder, "sqlite://desk.db", &["partner", "list"]));
    let files = || std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files().filter(|name| name.starts_with("desk.db")).collect::<Vec<_>>(), ["desk.db"], "no log is left");
}

#[test]
fn r1_a_log_without_its_database_is_left_alone() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, PLENTY).await;
        desk.partner("acme", "team", &["alice"]).await;
        desk.opens("alice", "Before").await;
        let (folder, database) = (desk.folder().to_owned(), desk.database().to_owned());
        let (file, away) = (folder.join("desk.db"), folder.join("away.db"));
        std::fs::rename(&file, &away).unwrap();
        let log = std::fs::read(folder.join("desk.db-wal")).unwrap();
        assert!(!log.is_empty());
        for args in [&["partner", "list"][..], &["deliveries", "list"], &["serve"]] {
            let (code, said) = fails(&partner_desk(&folder, &database, args));
            assert_eq!((code, said.contains("desk.db` is not there, but its log `")), (1, true), "{said}");
        }
        assert!(!file.exists() && std::fs::read(folder.join("desk.db-wal")).unwrap() == log);
        std::fs::rename(&away, &file).unwrap();
        let issue = desk.opens("alice", "After").await;
        assert_eq!(desk.standing(&issue).await, "admitted");
        desk.end().await;
    });
}

#[test]
fn a_database_that_cannot_be_opened_is_named_with_what_to_do() {
    let folder = Folder::new("a_database_that_cannot_be_opened_is_named_with_what_to_do");
    let folder = folder.0.as_path();
    std::fs::write(folder.join("text.db"), "this is not a database, however long it may be").unwrap();
    for (database, why, what) in [
        ("sqlite://text.db", "`text.db`: file is not a database", "DATABASE_URL names some other file"),
        ("sqlite://nowhere/desk.db", "`nowhere/desk.db`: unable to open", "there is no folder `nowhere`: make it"),
    ] {
        let (code, said) = fails(&partner_desk(folder, database, &["partner", "list"]));
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(why) && said.contains(what), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_not_taken_for_one_that_is_not_set() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::new("a_variable_that_is_no_text");
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-desk"));
    let url = std::ffi::OsStr::from_bytes(b"postgres://desk:p\xe4ss@db/desk");
    let (code, said) =
        fails(&command.current_dir(&folder.0).env_clear().env("DATABASE_URL", url).args(["partner", "list"]).output().unwrap());
    assert_eq!((code, said.contains("DATABASE_URL") && said.contains("expected text in UTF-8")), (1, true), "{said}");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "no new database was begun");
}

#[cfg(unix)]
#[test]
fn a_new_database_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("pd_new_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    succeeds(&partner_desk(&folder, "sqlite://desk.db", &["partner", "list"]));
    let mode = |file: &str| std::fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("desk.db"), 0o600);
    // One that was made otherwise stays as its owner has it.
    std::fs::set_permissions(folder.join("desk.db"), std::fs::Permissions::from_mode(0o640)).unwrap();
    succeeds(&partner_desk(&folder, "sqlite://desk.db", &["partner", "list"]));
    assert_eq!(mode("desk.db"), 0o640);
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn a_backup_of_nothing_and_of_postgres_says_what_to_do() {
    let folder = std::env::temp_dir().join(format!("pd_no_backup_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (code, said) = fails(&partner_desk(&folder, "sqlite://none.db", &["backup", "copy.db"]));
    assert_eq!((code, said.as_str()), (1, "error: none.db: no database is there; DATABASE_URL names it\n"));
    std::fs::write(folder.join("text.db"), "this is not a database, however long it may be").unwrap();
    let (code, said) = fails(&partner_desk(&folder, "sqlite://text.db", &["backup", "copy.db"]));
    assert_eq!((code, said.contains("nothing was kept")), (1, true), "{said}");
    let url = "postgres://desk:s3cret@db.example.com:5433/partners?sslmode=require";
    let (code, said) = fails(&partner_desk(&folder, url, &["backup", "copy.dump"]));
    let command = "pg_dump --format=custom --host=db.example.com --port=5433 --username=desk --dbname=partners --file=copy.dump";
    assert_eq!((code, said.contains(command)), (2, true), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let (_, said) = fails(&partner_desk(&folder, url, &["backup", "it's mine; rm -rf x.dump"]));
    assert!(said.contains(r"--dbname=partners --file='it'\''s mine; rm -rf x.dump'"), "to be pasted into a shell: {said}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left behind");
    let _ = std::fs::remove_dir_all(&folder);
}

async fn number(store: &Store, sql: &str) -> i64 {
    match store {
        Store::Sqlite(sqlite) => column(&beside(sqlite), sql).remove(0),
        Store::Postgres(server) => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(server.pool()).await.unwrap(),
    }
}

/// Puts a row into every table that has none, so that none can be left out unseen.
fn fill_every_table(store: &Store) {
    let Store::Sqlite(sqlite) = store else { panic!("a SQLite to start from") };
    let beside = beside(sqlite);
    let columns = "SELECT tables.name, columns.name, columns.type FROM sqlite_master tables, pragma_table_info(tables.name) columns
                   WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '_sqlx_migrations'";
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (table, name, kind) in all(&beside, columns, |row| <(String, String, String)>::try_from(row)) {
        tables.entry(table).or_default().push((name, kind));
    }
    beside.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for (table, columns) in tables {
        let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        // A number that no float can hold, and an instant that is long to come; of Apps there is one.
        let value = |(name, kind): &(String, String)| match kind.as_str() {
            "TEXT" => "'acme'",
            _ if (table.as_str(), name.as_str()) == ("github_app", "id") => "1",
            _ if name.ends_with("_ms") => "253000000000000",
            _ => "9007199254740993",
        };
        let values: Vec<_> = columns.iter().map(value).collect();
        let insert =
            format!("INSERT INTO {table} ({}) SELECT {} WHERE NOT EXISTS (SELECT 1 FROM {table})", names.join(", "), values.join(", "));
        beside.execute_batch(&insert).unwrap();
    }
}

fn tables_of(store: &Store) -> Vec<String> {
    let Store::Sqlite(sqlite) = store else { panic!("a SQLite") };
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' ORDER BY name";
    column(&beside(sqlite), tables)
}

story!(o3_the_stored_app_is_forgotten_when_that_is_meant, |desk| {
    let (folder, database) = (desk.folder().to_owned(), desk.database().to_owned());
    let run = async |args: &'static [&'static str]| {
        let (folder, database) = (folder.clone(), database.clone());
        tokio::task::spawn_blocking(move || partner_desk(&folder, &database, args)).await.unwrap()
    };
    let (code, said) = fails(&run(&["forget-app", "--yes"]).await);
    assert_eq!((code, said.contains("stored no App in this database: there is nothing to forget")), (1, true), "{said}");

    // Credentials that do not work, too: these are none.
    let app = StoredApp {
        app_id: 77,
        slug: "desk-of-7x".to_owned(),
        page: "https://github.com/settings/apps/desk-of-7x".to_owned(),
        private_key: "no key at all".into(),
        webhook_secret: "very-secret".into(),
        client_id: "Iv1".to_owned(),
        client_secret: "very-secret".into(),
        made: desk.clock.now(),
    };
    let until = desk.clock.now() + SignedDuration::from_hours(12);
    let browser = Pass { digest: "ab".repeat(32), kind: PassKind::Browser, holder: String::new(), until, spent: false };
    let mut tx = desk.app.desk.store.write().await.unwrap();
    assert!(tx.put_app(&app).await.unwrap());
    tx.put_pass(&browser, desk.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let stored = async || {
        let mut tx = desk.app.desk.store.read().await.unwrap();
        let (app, pass) = (tx.stored_app().await.unwrap(), tx.pass(PassKind::Browser, &browser.digest, desk.clock.now()).await.unwrap());
        tx.rollback().await.unwrap();
        (app.is_some(), pass.is_some())
    };
    let (code, said) = fails(&run(&["forget-app"]).await);
    let asked = "this would forget the App desk-of-7x, id 77, stored 2026-11-18 09:00 UTC; its private key";
    assert!(code == 2 && said.contains(asked) && said.contains("Nothing was changed: say --yes"), "{code}: {said}");
    assert_eq!(stored().await, (true, true));

    // A desk that serves goes on meanwhile.
    let said = succeeds(&run(&["forget-app", "--yes"]).await);
    assert!(said.contains("forgotten: the App desk-of-7x, id 77") && said.contains("which offers the set-up page again"), "{said}");
    assert!(!said.contains("very-secret"), "{said}");
    assert_eq!(stored().await, (false, false), "nor is the browser let in that made it");
    let acts = desk.everything().await;
    let act = acts.iter().find(|line| line.starts_with("admin_audit ") && line.contains("forget-app"));
    assert!(act.is_some_and(|line| line.contains("desk-of-7x, id 77") && !line.contains("secret")), "{act:?}");
});

#[test]
fn an_address_that_is_none_is_asked_wrongly_and_not_repeated() {
    let folder = std::env::temp_dir();
    for (from, to, option) in [
        ("mysql://desk:hush@db/desk", "sqlite://new.db", "--from: expected an address that begins with sqlite:// or postgres://"),
        ("sqlite://old.db", "hush.db", "--to: expected an address"),
        ("env:NOT_SET_ANYWHERE", "sqlite://new.db", "--from env:NOT_SET_ANYWHERE: expected the environment variable"),
    ] {
        let (code, said) = fails(&partner_desk(&folder, "", &["migrate-store", "--from", from, "--to", to]));
        assert!(code == 2 && said.contains(option) && !said.contains("hush"), "{code}: {said}");
    }
}

#[test]
fn a_database_with_tables_of_somebody_elses_is_left_and_says_at_which_migration() {
    let folder = Folder::new("foreign");
    rusqlite::Connection::open(folder.0.join("old.db")).unwrap().execute_batch("CREATE TABLE partners (id INTEGER)").unwrap();
    let (code, said) = fails(&partner_desk(&folder.0, "sqlite://old.db", &["partner", "list"]));
    assert!(code == 1 && said.contains("database migration 1: table partners already exists. Nothing was changed"), "{code}: {said}");
    assert!(!said.contains("CREATE"), "{said}");
}

#[test]
fn a_move_says_which_side_and_table_it_failed_at_and_leaves_what_is_not_the_desks() {
    let folder = Folder::new("move_fails");
    succeeds(&partner_desk(&folder.0, "sqlite://old.db", &["partner", "add", "acme", "--name", "Acme", "--tier", "gold"]));
    let moves = |to: &str| partner_desk(&folder.0, "", &["migrate-store", "--from", "sqlite://old.db", "--to", to]);
    let old = rusqlite::Connection::open(folder.0.join("old.db")).unwrap();
    old.execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); UPDATE partners SET name = x'00ff'").unwrap();
    drop(old);
    let (code, said) = fails(&moves("sqlite://new.db"));
    assert!(code == 1 && said.contains("--from: table partners: ") && said.contains("nothing was copied"), "{code}: {said}");
    for same in ["sqlite://old.db", "sqlite://./old.db", "sqlite:old.db"] {
        let (code, said) = fails(&moves(same));
        assert!(code == 1 && said.contains("--to: the same database as --from; expected another"), "{same}: {code}: {said}");
    }
    rusqlite::Connection::open(folder.0.join("old.db")).unwrap().execute_batch("UPDATE partners SET name = 'Acme'").unwrap();
    let said = succeeds(&moves("sqlite://new.db"));
    assert!(said.contains("not copied: notes, which is none of the desk's tables") && lines(&said)["partners"].0 == 1, "{said}");
}

/// Table, rows and digest of what `migrate-store` printed.
fn lines(said: &str) -> BTreeMap<String, (i64, String)> {
    let rows = said.lines().filter_map(|line| {
        let parts: Vec<_> = line.split_whitespace().collect();
        let [table, rows, digest] = parts[..] else { return None };
        Some((table.to_owned(), (rows.parse().ok()?, digest.to_owned())))
    });
    rows.collect()
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_desk_moves_to_postgres_with_every_table_and_back() {
    run(async {
        let mut desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        desk.partner("acme", "gold", &["alice"]).await;
        desk.partner("stu", "student", &["Ünal", "bob"]).await;
        let answered = desk.opens("alice", "Zürich is down \u{1F680} ' \\ \" {pg }").await;
        desk.says("ann", &answered, "Fixed.").await;
        let running = desk.opens("alice", "Still open").await;
        for title in ["One", "Two", "Waits"] {
            desk.opens("bob", title).await;
        }
        fill_every_table(&desk.app.desk.store);
        let tables = tables_of(&desk.app.desk.store);
        let before = desk.everything().await.len();
        let target = fresh_postgres(&format!("pd_moved_{}", std::process::id())).await;
        let source = desk.database().to_owned();
        let folder = desk.folder().to_owned();
        let migrate = |from: &str, to: &str| {
            let (folder, from, to) = (folder.clone(), from.to_owned(), to.to_owned());
            async move {
                let run = move || partner_desk(&folder, "", &["migrate-store", "--from", &from, "--to", &to]);
                tokio::task::spawn_blocking(run).await.unwrap()
            }
        };

        let (code, said) = fails(&migrate(&source, &target).await);
        assert_eq!((code, said.contains("--from: the database is in use")), (1, true), "{said}");
        desk.stop().await;
        desk.app.desk.store.close().await;
        let (code, said) = fails(&migrate(&format!("sqlite://{}/no.db", folder.display()), &target).await);
        assert_eq!((code, said.contains("no.db`: there is no such file")), (1, true), "{said}");

        // Whoever writes there, also one who came after the look at who is connected.
        let mut writes = PgConnection::connect(&target).await.unwrap();
        let lock = "SELECT pg_advisory_lock(7302026)";
        sqlx::raw_sql(lock).execute(&mut writes).await.unwrap();
        let (code, said) = fails(&migrate(&source, &target).await);
        assert_eq!((code, said.contains("--to: the database is in use")), (1, true), "{said}");
        sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut writes).await.unwrap();

        let there = lines(&succeeds(&migrate(&source, &target).await));
        assert_eq!(there.keys().cloned().collect::<Vec<_>>(), tables, "every table of the schema");
        assert!(there.values().all(|(rows, digest)| *rows > 0 && digest.len() == 64), "{there:?}");
        let (code, said) = fails(&migrate(&source, &target).await);
        assert_eq!((code, said.contains("expected a database that is new or empty")), (1, true), "{said}");

        // Back again, from what PostgreSQL has: the same digests, table by table.
        let back = format!("sqlite://{}/back.db", folder.display());
        sqlx::raw_sql(lock).execute(&mut writes).await.unwrap();
        let (code, said) = fails(&migrate(&target, &back).await);
        assert_eq!((code, said.contains("--from: the database is in use")), (1, true), "{said}");
        writes.close().await.unwrap();
        let mut moved_back = lines(&succeeds(&migrate(&target, &back).await));
        let (acts, had) = (moved_back.insert("admin_audit".to_owned(), there["admin_audit"].clone()).unwrap(), &there["admin_audit"]);
        assert_eq!((moved_back, acts.0), (there.clone(), had.0 + 1), "the move is on record there");

        // The desk goes on where it was, and what it adds gets numbers of its own.
        desk.go_on_at(&target, Setup::default()).await;
        assert!(desk.everything().await.len() >= before);
        assert_eq!(desk.standing(&running).await, "admitted");
        let top = number(&desk.app.desk.store, "SELECT max(id) FROM ticket_log").await;
        desk.partner("beta", "gold", &["carol"]).await;
        desk.opens("carol", "After the move").await;
        desk.says("ann", &running, "/waive it was ours").await;
        assert!(number(&desk.app.desk.store, "SELECT max(id) FROM ticket_log").await > top);
        let (code, said) = fails(&migrate(&target, &format!("sqlite://{}/third.db", folder.display())).await);
        assert_eq!((code, said.contains("--from: the database is in use")), (1, true), "{said}");
        desk.end().await;
    });
}

//! The database: whether it is there, takes what is written, has this release's schema, and lies where it is safe.

use super::{Findings, Mark};
use crate::clock::Clock;
use crate::domain::partner::Partner;
use crate::settings::Settings;
use crate::store::backup::sqlite_file;
use crate::store::{ChannelState, MemberRow, Store, StoreError, StoredApp};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::path::Path;

/// What the database knows that is asked about elsewhere.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Every partner.
    pub partners: Vec<Partner>,
    /// Members of whom no id is known.
    pub unbound: Vec<MemberRow>,
    /// The App that the set-up page stored.
    pub app: Option<StoredApp>,
    /// Channels that do not take what they are sent.
    pub failing: BTreeMap<String, ChannelState>,
    /// How far this host's clock is ahead of the database's, by which the desk goes if it is `Some`.
    pub ahead: Option<SignedDuration>,
}

/// File systems on which SQLite's shared memory is not shared, or locks do not hold.
const ELSEWHERE: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "virtiofs",
    "fuse.sshfs",
    "fuse.s3fs",
    "fuse.glusterfs",
];

pub(super) async fn look(settings: &Settings, clock: &Clock, findings: &mut Findings) -> Option<Stored> {
    let url: &str = &settings.database_url;
    if url.starts_with("sqlite:") && !file(url, findings) {
        return None;
    }
    let store = match Store::open_to_look(url).await {
        Ok(store) => store,
        Err(error) => {
            findings.fail("database", error.to_string(), "see that DATABASE_URL names a database that runs and lets this user in");
            return None;
        }
    };
    let stored = within(&store, findings).await;
    let ahead = ahead(&store, clock).await;
    store.close().await;
    let stored = stored.map(|stored| stored.map(|stored| Stored { ahead, ..stored }));
    stored.unwrap_or_else(|error| {
        findings.fail("database", error.to_string(), "see that DATABASE_URL names a database of partner-desk that can be read");
        None
    })
}

/// How far this host's clock is ahead of the database's, where the desk would go by that one.
async fn ahead(store: &Store, clock: &Clock) -> Option<SignedDuration> {
    let asked = clock.now();
    let there = store.time().await.ok()??;
    clock.ahead_of(there, asked, clock.now())
}

/// Whether there is a SQLite file to look into.
fn file(url: &str, findings: &mut Findings) -> bool {
    let path = match sqlite_file(url) {
        Ok(path) => path,
        Err(error) => {
            findings.fail("database", error.to_string(), "set DATABASE_URL to sqlite://FILE");
            return false;
        }
    };
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let Ok(metadata) = std::fs::metadata(&path) else {
        if let Some(why) = Some(folder).filter(|folder| folder.is_dir()).and_then(takes_no_file) {
            findings.fail(
                "database",
                format!("there is none at {shown}, and none can be made in its folder: {why}"),
                "give the user that runs `serve` a folder that is writable, or correct DATABASE_URL",
            );
        } else if folder.is_dir() {
            findings.warn(
                "database",
                format!("there is none yet at {shown}"),
                "nothing: `partner import` or `serve` creates it; or correct DATABASE_URL",
            );
        } else {
            findings.fail("database", format!("{shown}: its folder is not there"), "create the folder, or correct DATABASE_URL");
        }
        return false;
    };
    // A look at the file, before SQLite has it open: closing it again would let go of SQLite's own locks.
    let refusal = match std::fs::OpenOptions::new().append(true).open(&path) {
        Err(error) => Some(error.to_string()),
        Ok(_) if metadata.permissions().readonly() => Some("it is read only".to_owned()),
        // Beside it SQLite keeps its log; where the file is a link, beside that.
        Ok(_) => takes_no_file(path.canonicalize().ok().as_deref().and_then(Path::parent).unwrap_or(folder))
            .map(|why| format!("SQLite's log cannot be made in its folder: {why}")),
    };
    match refusal {
        None => {}
        Some(why) => {
            findings.fail(
                "database",
                format!("{shown} cannot be written to: {why}"),
                "give the user that runs `serve` the file and its folder, writable",
            );
        }
    }
    match file_system(&path) {
        Some(kind) if ELSEWHERE.contains(&kind.as_str()) => findings.fail(
            "database",
            format!("{shown} lies on a network file system ({kind}), on which SQLite loses data"),
            "move it to a local disk, or use PostgreSQL",
        ),
        Some(kind) => findings.ok("database disk", format!("local ({kind})")),
        None => {}
    }
    true
}

/// Why no file can be made in a folder, tried with one that is gone again at once: what a folder's permissions say is not all.
fn takes_no_file(folder: &Path) -> Option<std::io::Error> {
    let probe = folder.join(format!(".partner-desk-doctor-{}", std::process::id()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe).and_then(|_| std::fs::remove_file(&probe));
    made.err()
}

/// What kind of file system a file lies on, where the machine tells.
fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounted(&mounts, &path)
}

/// Of the mounts that a path lies under, the last of the longest counts.
fn mounted(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let place = place.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&place).then(|| (place.len(), kind.split(' ').next().unwrap_or_default().to_owned()))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

async fn within(store: &Store, findings: &mut Findings) -> Result<Option<Stored>, StoreError> {
    let version = store.version().await?;
    match store.refuses_writes().await? {
        Some(why) => findings.fail("database", format!("{version}: {why}"), "connect to the primary, as a user that owns the tables"),
        None => findings.ok("database", version),
    }
    if let Some(journal) = store.journal()? {
        let mark = if journal == "wal" { Mark::Ok } else { Mark::Warn };
        findings.judge(
            mark,
            "database journal",
            journal,
            "start `serve` once: it sets WAL; if it stays so, the file system does not allow it",
        );
    }
    let schema = store.schema().await?;
    if !schema.unknown.is_empty() {
        let seen = format!("a newer release has migrated it (to {:?}); this is {}", schema.unknown, env!("CARGO_PKG_VERSION"));
        findings.fail("database schema", seen, "run that release, or restore a backup from before the upgrade");
        return Ok(None);
    }
    if !schema.broken.is_empty() {
        findings.fail("database schema", format!("migration {:?} was begun and not ended", schema.broken), "restore a backup");
        return Ok(None);
    }
    if !schema.other.is_empty() {
        let seen = format!("something else than this release has made migration {:?} of it; `serve` will not start", schema.other);
        findings.fail("database schema", seen, "run the partner-desk that did, or restore a backup");
        return Ok(None);
    }
    if !schema.missing.is_empty() {
        let seen = format!("this release has not migrated it yet: {} to come", schema.missing.join(", "));
        findings.warn("database schema", seen, "`partner-desk backup FILE`, then start `serve`, which migrates it");
        return Ok(None);
    }
    findings.ok("database schema", "up to date");
    let mut tx = store.read().await?;
    let (unbound, failing, kept) = (tx.unbound_members().await?, tx.failing_channels().await?, tx.count_kept_deliveries().await?);
    let (app, partners) = (tx.stored_app().await?, tx.all_partners().await?);
    tx.rollback().await?;
    let mark = if kept == 0 { Mark::Ok } else { Mark::Warn };
    findings.judge(
        mark,
        "kept deliveries",
        format!("{kept} could not be taken in"),
        "`partner-desk deliveries list` says why; they are tried again by themselves, and go with `deliveries drop ID`",
    );
    Ok(Some(Stored { partners, unbound, app, failing, ahead: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /srv/my\\040data rw shared:1 - nfs4 host:/x rw\n\
                      31 22 0:41 / /srv rw - xfs /dev/sdb rw\n";
        let kind = |path: &str| mounted(mounts, Path::new(path));
        assert_eq!(kind("/srv/my data/desk.db").as_deref(), Some("nfs4"));
        assert_eq!(kind("/srv/my/desk.db").as_deref(), Some("xfs"));
        assert_eq!(kind("/var/desk.db").as_deref(), Some("ext4"));
        assert_eq!(mounted("", Path::new("/x")), None);
        assert!(ELSEWHERE.contains(&"nfs4") && !ELSEWHERE.contains(&"ext4"));
    }
}

//! What is shipped beside the binary names what there is: commands, paths, the release of Rust, and how long a shutdown takes.

use super::{every_command, files, read};
use clap::Parser as _;
use partner_desk::cli::{self, Cli};
use partner_desk::settings::{ENVIRONMENT, Settings};
use std::collections::BTreeMap;
use std::time::Duration;

const UNIT: &str = "packaging/partner-desk.service";

/// What a command prints that needs neither settings nor a database.
async fn printed(words: &[&str]) -> String {
    let mut out = Vec::new();
    cli::run(Cli::try_parse_from(words).unwrap(), &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn completions_of_every_shell_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["partner-desk", "completions", shell]).await;
        for word in every_command().iter().flatten() {
            assert!(script.contains(word.as_str()), "{shell}: {word}");
        }
    }
}

#[tokio::test]
async fn the_manual_page_names_every_command_and_every_variable() {
    let page = printed(&["partner-desk", "man"]).await.replace("\\-", "-");
    for command in every_command() {
        assert!(page.contains(&format!("\n.SS \"partner-desk {}", command.join(" "))), "{command:?}");
    }
    for (name, ..) in ENVIRONMENT {
        assert!(page.contains(&format!("\n\\fB{name}\\fR\n")), "{name}");
    }
    // A line that begins like a request is one that this page means.
    let requests = [".TH ", ".SH ", ".SS ", ".PP", ".TP"];
    let stray: Vec<_> =
        page.lines().filter(|line| line.starts_with(['.', '\'']) && !requests.iter().any(|known| line.starts_with(known))).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

/// The values of a key in lines of the form `key=value`, comments left out.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn length(text: &str) -> Duration {
    Duration::from_secs(text.trim_end_matches('s').parse().unwrap())
}

#[test]
fn whoever_stops_the_desk_waits_for_longer_than_it_takes() {
    let longest = cli::serve::LONGEST_SHUTDOWN;
    let unit = read(UNIT);
    let [stop] = values(&unit, "TimeoutStopSec")[..] else { panic!("{UNIT}: one TimeoutStopSec") };
    assert!(length(stop) > longest, "{UNIT}: {stop}, {longest:?}");
    let fly: toml::Table = read("fly.toml").parse().unwrap();
    let kill = fly["kill_timeout"].as_str().unwrap();
    assert!(length(kill) > longest && length(kill) <= Duration::from_mins(5), "fly.toml: {kill}, {longest:?}");
    assert_eq!(fly["kill_signal"].as_str(), Some("SIGTERM"));
    // Those who write their own files find the time in the text.
    let text = read("docs/operations.md");
    assert!(text.contains(&format!("within {} s", longest.as_secs())), "docs/operations.md names {longest:?}");
    for setting in ["--stop-timeout=45", "TimeoutStopSec=45", "kill_timeout = \"45s\""] {
        assert!(text.contains(setting), "docs/operations.md: {setting}");
    }
}

#[test]
fn fly_keeps_one_machine_awake_with_its_volume_and_asks_what_there_is() {
    let fly: toml::Table = read("fly.toml").parse().unwrap();
    let service = &fly["http_service"];
    assert_eq!(service["auto_stop_machines"].as_str(), Some("off"), "a clock must run");
    assert_eq!(service["min_machines_running"].as_integer(), Some(1));
    let env = fly["env"].as_table().unwrap();
    assert_eq!(env["PORT"].as_str(), Some(service["internal_port"].to_string().as_str()));
    assert_eq!(fly["checks"]["ready"]["port"], service["internal_port"]);
    assert_eq!(env["HOST"].as_str(), Some("0.0.0.0"));
    let public = format!("https://{}.fly.dev", fly["app"].as_str().unwrap());
    assert_eq!(env["PUBLIC_URL"].as_str(), Some(public.as_str()), "or the set-up page and pings lead to nowhere");
    assert!(env.keys().all(|name| ENVIRONMENT.iter().any(|(known, ..)| known == name)), "{env:?}");
    let folder = fly["mounts"]["destination"].as_str().unwrap();
    assert!(env["DATABASE_URL"].as_str().unwrap().starts_with(&format!("sqlite://{folder}/")));
    assert!(read("Dockerfile").contains(&format!("\nVOLUME {folder}\n")), "the folder belongs to the image's user");

    let routes = read("src/web/mod.rs");
    let routing = service["checks"].as_array().unwrap();
    // A desk that is not ready still takes webhooks where it can; one that is not asked for them takes none.
    assert!(routing.iter().all(|check| check["path"].as_str() == Some("/healthz")));
    for check in routing.iter().chain([&fly["checks"]["ready"]]) {
        assert!(routes.contains(&format!("{:?}", check["path"].as_str().unwrap())), "{check}");
        assert!(length(check["grace_period"].as_str().unwrap()) > cli::serve::LONGEST_SHUTDOWN, "{check}");
    }
}

/// The instructions of the Dockerfile with their arguments, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.to_owned())).unwrap()).collect()
}

#[test]
fn the_image_is_built_by_the_pinned_rust_and_runs_a_command_that_there_is_as_nobody_special() {
    let instructions = instructions();
    let all = |word: &str| instructions.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    let toolchain: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let [build, image] = all("FROM")[..] else { panic!("two stages") };
    assert!(build.starts_with(&format!("rust:{}-slim-", toolchain["toolchain"]["channel"].as_str().unwrap())), "{build}");
    let release = build.split_whitespace().next().unwrap().rsplit('-').next().unwrap();
    assert_eq!(image, format!("debian:{release}-slim"), "the C library that it was linked to");
    assert!(all("RUN")[0].contains("cargo build --release --locked --bin partner-desk"));
    let [user] = all("USER")[..] else { panic!("one USER") };
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 0), "{user}");
    assert!(all("RUN")[1].contains(&format!("--uid {} ", user.split(':').next().unwrap())));

    let argv = |list: &str| serde_json::from_str::<Vec<String>>(list).unwrap();
    let entry = argv(all("ENTRYPOINT")[0]);
    let check = argv(all("HEALTHCHECK")[0].split_once("CMD ").unwrap().1);
    let serve: Vec<_> = entry.into_iter().chain(argv(all("CMD")[0])).collect();
    for command in [serve, check] {
        Cli::try_parse_from(&command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    }
    for (name, _) in all("ENV")[0].split(' ').map(|pair| pair.split_once('=').unwrap()) {
        assert!(ENVIRONMENT.iter().any(|(known, ..)| *known == name), "{name}");
    }
}

/// The folders and files that a build needs are not kept from it, and nothing else is sent.
#[test]
fn the_build_is_given_what_the_manifest_and_the_sources_name() {
    let text = read(".dockerignore");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let given: Vec<_> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    for path in &given {
        assert!(super::root().join(path).exists(), "{path}");
    }
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let mut needed = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned()];
    needed.extend(manifest["test"].as_array().unwrap().iter().map(|test| format!("tests/{}/main.rs", test["name"].as_str().unwrap())));
    for kind in ["bench", "bin"] {
        needed.extend(manifest[kind].as_array().unwrap().iter().map(|target| target["path"].as_str().unwrap().to_owned()));
    }
    for file in files("src", "rs") {
        let folder = file.parent().unwrap();
        for rest in read(&file).split("include_str!(").skip(1) {
            let path = rest.trim_start().trim_start_matches("concat!(").trim_start_matches('"').split('"').next().unwrap();
            let path = folder.join(path);
            let path = path.canonicalize().unwrap_or_else(|_| panic!("{}", path.display()));
            needed.push(path.strip_prefix(super::root()).unwrap().display().to_string());
        }
    }
    for path in &needed {
        assert!(given.iter().any(|given| path == given || path.starts_with(&format!("{given}/"))), ".dockerignore keeps out {path}");
    }
}

#[test]
fn the_unit_runs_a_command_that_there_is_with_variables_that_there_are() {
    let unit = read(UNIT);
    let [start] = values(&unit, "ExecStart")[..] else { panic!("one ExecStart") };
    Cli::try_parse_from(start.split(' ')).unwrap_or_else(|error| panic!("{start}: {error}"));
    let pairs = |key: &str| values(&unit, key).into_iter().map(|pair| pair.split_once('=').unwrap()).collect::<BTreeMap<_, _>>();
    let (variables, offered) = (pairs("Environment"), pairs("#Environment"));
    for name in variables.keys().chain(offered.keys()) {
        assert!(ENVIRONMENT.iter().any(|(known, ..)| known == name), "{name}");
    }
    let state = format!("/var/lib/{}", values(&unit, "StateDirectory")[0]);
    assert_eq!(values(&unit, "WorkingDirectory"), [state.as_str()]);
    assert!(variables["DATABASE_URL"].starts_with(&format!("sqlite://{state}/")), "where it may write");
    // The secrets come by files that root alone reads, never from the unit itself, which anybody may read.
    let credential = offered["PRIVATE_KEY_PATH"].strip_prefix("%d/").unwrap();
    assert!(values(&unit, "#LoadCredential").iter().any(|line| line.starts_with(&format!("{credential}:/etc/"))));
    for secret in ["PRIVATE_KEY", "WEBHOOK_SECRET", "GITHUB_CLIENT_SECRET"] {
        assert!(!variables.contains_key(secret) && !offered.contains_key(secret), "{secret}");
    }
}

/// As it is shipped, an App of the set-up page works: nothing of another one is half there.
#[test]
fn what_is_shipped_starts_without_an_app_and_says_where_it_is_reached() {
    let unit = read(UNIT);
    let fly: toml::Table = read("fly.toml").parse().unwrap();
    let instructions = instructions();
    let image = instructions.iter().filter(|(word, _)| word == "ENV").flat_map(|(_, rest)| rest.split(' '));
    let pairs = |lines: Vec<&str>| {
        lines.into_iter().map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let of_fly = fly["env"].as_table().unwrap().iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let all: [BTreeMap<String, String>; 3] = [pairs(values(&unit, "Environment")), pairs(image.collect()), of_fly];
    for set in all {
        let settings =
            Settings::load(&|name| set.get(name).cloned(), &|_| Ok(String::new())).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(settings.app.is_none() && !set.keys().any(|name| name == "APP_ID" || name.starts_with("PRIVATE_KEY")), "{set:?}");
    }
    assert!(unit.contains("\n#Environment=PUBLIC_URL=https://") && read("Dockerfile").contains("-e PUBLIC_URL=https://"));
    let guide = read("docs/operations.md");
    for place in ["systemd", "Docker", "Fly.io"] {
        let steps = guide.split(&format!("\n### {place}\n")).nth(1).unwrap().split("\n#").next().unwrap();
        assert!(steps.contains("PUBLIC_URL") && steps.contains("# has the link to the set-up page"), "{place}");
    }
}

/// What the guide to security names as its evidence is there: files, and tests by their names.
#[test]
fn the_evidence_that_the_guide_to_security_names_is_there() {
    let text = read("docs/security.md");
    let sources: String = ["src", "tests"].iter().flat_map(|folder| files(folder, "rs")).map(read).collect();
    let mut seen = 0;
    for word in text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace) {
        let is_a_file = [".rs", ".toml", ".yml", ".service"].iter().any(|ending| word.ends_with(ending)) && word.contains('/');
        let is_a_test =
            word.matches('_').count() >= 3 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if is_a_file {
            assert!(super::root().join(word).exists(), "docs/security.md: {word}");
        } else if is_a_test {
            assert!(sources.contains(&format!("{word}(")) || sources.contains(&format!("{word},")), "docs/security.md: no test {word}");
        }
        seen += usize::from(is_a_file || is_a_test);
    }
    assert!(seen > 20, "only {seen} pieces of evidence: look whether this test still sees them");
}

//! Holds what is written to the code: the configuration reference, the rules, the App's manifest and the commands. Documents and
//! sources are read as they lie there when the test runs.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "docs/shipping.rs"]
mod shipping;

use clap::CommandFactory as _;
use partner_desk::chat::{ChatMessage, Ping, PingKind, webhook};
use partner_desk::cli::Cli;
use partner_desk::github;
use partner_desk::programme::{self, BenefitKind, Ladder, Programme};
use partner_desk::settings::{self, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const CONFIGURATION: &str = "docs/configuration.md";
const BEHAVIOUR: &str = "docs/behaviour.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file under a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text between a heading of the second level and the next one.
fn chapter<'t>(text: &'t str, heading: &str) -> &'t str {
    let start = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no chapter \"{heading}\"")) + 1;
    let rest = &text[start..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The rows of the tables that begin with this header, as cells.
fn rows<'t>(text: &'t str, header: &str) -> Vec<Vec<&'t str>> {
    let mut rows = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line.starts_with(header)) {
        let table = lines.by_ref().skip(1).take_while(|line| line.starts_with('|'));
        rows.extend(table.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()));
    }
    assert!(!rows.is_empty(), "no table begins with {header}");
    rows
}

/// The fenced blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|rest| &rest[..=rest.find("\n```").unwrap()]).collect()
}

/// Compares a table of keys with the documentation's, in both directions and in order.
fn compare(chapter: &str, header: &str, keys: &[(&str, &str, &str)]) {
    let rows = rows(chapter, header);
    let written: Vec<_> = rows.iter().map(|row| (row[0].replace('`', ""), row[1].replace('`', ""))).collect();
    let known: Vec<_> = keys.iter().map(|(key, default, _)| ((*key).to_owned(), (*default).to_owned())).collect();
    assert_eq!(written, known, "{CONFIGURATION}, {header}: keys and defaults, in the order of the code");
    for row in rows {
        assert!(row.len() == 3 && row[0].starts_with('`') && !row[2].is_empty(), "{row:?}");
    }
}

#[test]
fn every_key_and_variable_is_documented_with_its_default_and_no_other() {
    let text = read(CONFIGURATION);
    compare(chapter(&text, "Environment"), "| variable | default |", settings::ENVIRONMENT);
    compare(chapter(&text, "partner-desk.toml"), "| key | default |", settings::KEYS);
    compare(chapter(&text, "The programme"), "| key | default |", programme::KEYS);
    let kinds: Vec<_> = rows(&text, "| kind of benefit |").iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(kinds, BenefitKind::NAMES);
}

/// The iCalendar file of the documentation that has this in it.
fn calendar(with: &str) -> String {
    let text = read(CONFIGURATION);
    let found = blocks(&text, "ics").into_iter().find(|block| block.contains(with)).map(str::to_owned);
    found.unwrap_or_else(|| panic!("no calendar with {with}"))
}

/// Loads a configuration file of the documentation, with the files and variables that its examples name.
fn load(config: &str) -> Result<Settings, String> {
    let env = |name: &str| match name {
        "PARTNER_DESK_CONFIG" => Some("partner-desk.toml".to_owned()),
        "SLACK_WEBHOOK_URL" | "DISCORD_WEBHOOK_URL" => Some("https://hooks.example.com/services/T0/B0/x".to_owned()),
        "SMTP_PASSWORD" => Some("hush".to_owned()),
        "SLACK_BOT_TOKEN" | "MATTERMOST_BOT_TOKEN" => Some("xoxb-0-x".to_owned()),
        _ => None,
    };
    let file = |path: &Path| match path.to_str() {
        Some("partner-desk.toml") => Ok(config.to_owned()),
        Some("programme.toml") => Ok(read("src/programme/default.toml")),
        Some("secrets/pager") => Ok("hush".to_owned()),
        Some("oncall.ics") => Ok(calendar("RRULE:FREQ=WEEKLY")),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    Settings::load(&env, &file).map_err(|problems| problems.to_string())
}

#[test]
fn every_example_loads_and_the_wrong_one_is_answered_as_written() {
    let text = read(CONFIGURATION);
    let examples = blocks(&text, "toml");
    let mut answers = blocks(&text, "text").into_iter();
    let holidays = |path: &Path| match path.to_str() {
        Some("holidays.ics") => Ok(calendar("VALUE=DATE")),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    for example in &examples {
        match example.lines().next().unwrap() {
            "# partner-desk.toml" => drop(load(example).unwrap_or_else(|problems| panic!("{problems}\n{example}"))),
            "# partner-desk.toml, wrong" => assert_eq!(load(example).unwrap_err(), answers.next().unwrap().trim_end()),
            "# programme.toml" => drop(Programme::parse_with(Path::new("programme.toml"), example, &holidays).unwrap()),
            other => panic!("an example says which file it is in its first line, not {other:?}"),
        }
    }
    assert_eq!(answers.next(), None);
    let ladder = examples.iter().find(|example| example.contains("name = \"on-call\"")).unwrap();
    assert_eq!(load(ladder).unwrap().policy.ladders, [Ladder::default_ladder()], "the default ladder as it is written");
}

fn sample() -> ChatMessage {
    let at = |text: &str| text.parse().unwrap();
    ChatMessage::Ping(Ping {
        kind: PingKind::Step,
        step: "due soon".to_owned(),
        at: "75%".to_owned(),
        occurrence: 0,
        times: 0,
        late: false,
        unconfirmed: false,
        partner: "Acme Corp".to_owned(),
        tier: "Gold".to_owned(),
        repository: "acme/support".to_owned(),
        number: 12,
        title: "Login fails after the update".to_owned(),
        url: "https://github.com/acme/support/issues/12".to_owned(),
        author: "alice".to_owned(),
        started_at: at("2026-11-18T09:00:00Z"),
        due_at: at("2026-11-18T13:00:00Z"),
        now: at("2026-11-18T12:00:00Z"),
        mentions: Vec::new(),
        on_call: None,
        held: false,
        advice: "Answer in a public comment to stop the clock.".to_owned(),
        acknowledge: Some("https://desk.example.com/ack/MzAxMjM0NTY3OC4x…".to_owned()),
    })
}

/// JSON without the blanks between its parts.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            let keep = quoted || !c.is_whitespace();
            quoted ^= *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            keep
        })
        .collect()
}

#[test]
fn the_webhook_channel_sends_what_is_written() {
    let text = read(CONFIGURATION);
    let sent = webhook::render(&sample(), "3012345678:1:0:0:pager", &[], "2026-11-18T12:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(blocks(&text, "json").iter().map(|json| compact(json)).collect::<Vec<_>>(), [String::from_utf8(sent).unwrap()]);
    let headers: Vec<_> = rows(&text, "| header |").iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(headers, [webhook::EVENT_HEADER, webhook::DELIVERY_HEADER, webhook::SIGNATURE_HEADER]);
}

/// What the desk's manifest needs of YAML: `key: value`, and under a bare `key:` either pairs or a list.
#[derive(Debug, PartialEq, Eq)]
enum Yaml {
    Value(String),
    Pairs(BTreeMap<String, String>),
    List(Vec<String>),
}

fn manifest() -> BTreeMap<String, Yaml> {
    let text = read("app-manifest.yml");
    let mut found: BTreeMap<String, Yaml> = BTreeMap::new();
    let mut parent = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        let pair = |text: &str| text.split_once(':').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
        let known = match line.strip_prefix("  ") {
            None => {
                let (key, value) = pair(line).unwrap_or_else(|| panic!("{line:?}"));
                parent.clone_from(&key);
                let known = !value.is_empty() && found.insert(key.clone(), Yaml::Value(value.clone())).is_some();
                assert!(!known, "{key} stands twice");
                continue;
            }
            Some(inner) => match inner.strip_prefix("- ") {
                Some(item) => match found.entry(parent.clone()).or_insert_with(|| Yaml::List(Vec::new())) {
                    Yaml::List(items) => {
                        items.push(item.trim().to_owned());
                        true
                    }
                    _ => false,
                },
                None => match (pair(inner), found.entry(parent.clone()).or_insert_with(|| Yaml::Pairs(BTreeMap::new()))) {
                    (Some((key, value)), Yaml::Pairs(pairs)) => !value.is_empty() && pairs.insert(key, value).is_none(),
                    _ => false,
                },
            },
        };
        assert!(known, "more YAML than this test reads: {line:?}");
    }
    found
}

/// GitHub's names for what a manifest may say.
const MANIFEST_KEYS: [&str; 12] = [
    "name",
    "url",
    "hook_attributes",
    "redirect_url",
    "callback_urls",
    "setup_url",
    "description",
    "public",
    "default_events",
    "default_permissions",
    "request_oauth_on_install",
    "setup_on_update",
];

/// Every path that the desk asks GitHub for, with the permissions of which one is enough for everything it does there; none for
/// what needs no permission: calls as the App itself, and public accounts.
const CALLS: &[(&str, &[&str])] = &[
    ("/app", &[]),
    ("/app-manifests/{}/conversions", &[]),
    ("/app/hook/config", &[]),
    ("/app/hook/deliveries", &[]),
    ("/app/hook/deliveries/{}", &[]),
    ("/app/hook/deliveries/{}/attempts", &[]),
    ("/app/installations", &[]),
    ("/installation/repositories", &["metadata: read"]),
    ("/orgs/{}/teams/{}/members", &["members: read"]),
    ("/rate_limit", &[]),
    ("/repos/{}/installation", &[]),
    ("/repositories/{}", &["metadata: read"]),
    ("/repositories/{}/collaborators/{}/permission", &["metadata: read"]),
    ("/repositories/{}/issues", &["issues: read", "issues: write"]),
    ("/repositories/{}/issues/comments", &["issues: read", "issues: write"]),
    ("/repositories/{}/issues/comments/{}", &["issues: write"]),
    ("/repositories/{}/issues/comments/{}/reactions", &["issues: read", "issues: write"]),
    ("/repositories/{}/issues/{}", &["issues: write"]),
    ("/repositories/{}/issues/{}/comments", &["issues: write"]),
    ("/repositories/{}/issues/{}/assignees", &["issues: write"]),
    ("/repositories/{}/issues/{}/events", &["issues: read", "issues: write"]),
    ("/repositories/{}/issues/{}/labels", &["issues: write"]),
    ("/repositories/{}/issues/{}/labels/{}", &["issues: write"]),
    ("/repositories/{}/labels", &["issues: write"]),
    ("/repositories/{}/labels/{}", &["issues: write"]),
    ("/user/{}", &[]),
    ("/users/{}", &[]),
];

/// The paths in the sources, with `{}` for what varies.
fn paths_called() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files("src/github", "rs") {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        for rest in code.split("\"/").skip(1) {
            let literal = rest.split(['"', '?']).next().unwrap();
            let mut path = String::from("/");
            let mut depth = 0;
            for c in literal.chars() {
                depth += i32::from(c == '{');
                if depth == 0 || c == '{' {
                    path.push(c);
                }
                if c == '}' {
                    depth -= 1;
                    path.push(c);
                }
            }
            // One that only divides others, as `rsplit("/")` does, is no path.
            if path.len() > 1 {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn the_manifest_asks_for_what_the_desk_uses_and_no_more() {
    let manifest = manifest();
    for key in manifest.keys() {
        assert!(MANIFEST_KEYS.contains(&key.as_str()), "{key} is no key of a manifest");
    }
    for key in ["name", "description"] {
        assert!(matches!(manifest.get(key), Some(Yaml::Value(value)) if !value.is_empty()), "{key}");
    }
    let Some(Yaml::Value(url)) = manifest.get("url") else { panic!("url") };
    let hook = BTreeMap::from([("active".to_owned(), "true".to_owned()), ("url".to_owned(), format!("{url}/api/github/webhooks"))]);
    assert_eq!(manifest.get("hook_attributes"), Some(&Yaml::Pairs(hook)));
    assert_eq!(manifest.get("public"), Some(&Yaml::Value("false".to_owned())));

    let events = github::needs::events().map(ToOwned::to_owned).collect();
    assert_eq!(manifest.get("default_events"), Some(&Yaml::List(events)), "exactly the events that the desk reads");

    let Some(Yaml::Pairs(permissions)) = manifest.get("default_permissions") else { panic!("default_permissions") };
    let permissions: BTreeSet<_> = permissions.iter().map(|(name, level)| format!("{name}: {level}")).collect();
    let needed = github::needs::PERMISSIONS.iter().map(|need| format!("{}: {}", need.name, need.level));
    assert_eq!(permissions, needed.collect(), "what `doctor` looks for");

    // What the set-up page asks GitHub for is the same, but for the addresses of a desk.
    let asked = github::manifest::manifest(url, &format!("{url}/api/github/webhooks"), "back", "setup");
    let plain = |value: &Yaml| match value {
        Yaml::Value(text) if matches!(text.as_str(), "true" | "false") => (text == "true").into(),
        Yaml::Value(text) => serde_json::Value::from(text.as_str()),
        Yaml::List(items) => items.clone().into(),
        Yaml::Pairs(pairs) => {
            let value = |text: &String| if text == "true" { true.into() } else { serde_json::Value::from(text.as_str()) };
            pairs.iter().map(|(key, text)| (key.clone(), value(text))).collect()
        }
    };
    let written: serde_json::Map<_, _> = manifest.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
    let mut asked = asked.as_object().unwrap().clone();
    assert_eq!((asked.remove("redirect_url"), asked.remove("setup_url")), (Some("back".into()), Some("setup".into())));
    assert_eq!(asked, written);

    let known: BTreeSet<_> = CALLS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(paths_called(), known, "what the client calls, and what this test knows the permission of");
    for (path, enough) in CALLS {
        let granted = enough.is_empty() || enough.iter().any(|permission| permissions.contains(*permission));
        assert!(granted, "{path} needs one of {enough:?}");
    }
    for permission in &permissions {
        assert!(CALLS.iter().any(|(_, enough)| enough.contains(&permission.as_str())), "nothing needs {permission}");
    }
}

/// The words of a line's code spans.
fn code_words(line: &str) -> BTreeSet<&str> {
    line.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).collect()
}

/// Each command that does something, as the words of its path.
fn every_command() -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut open = vec![(Vec::new(), Cli::command())];
    while let Some((path, command)) = open.pop() {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
            let path: Vec<_> = path.iter().cloned().chain([inner.get_name().to_owned()]).collect();
            open.push((path.clone(), inner.clone()));
            if !inner.has_subcommands() {
                commands.push(path);
            }
        }
    }
    assert!(!commands.is_empty());
    commands
}

#[test]
fn every_command_is_named_in_the_documentation() {
    let commands = every_command();
    let mut documents = vec![read("README.md")];
    documents.extend(files("docs", "md").iter().map(read));
    let lines: Vec<_> = documents.iter().flat_map(|text| text.lines()).map(code_words).collect();
    // `partner member add` may stand as `partner member add`, `remove`: on one line, each word in a code span.
    let named = |path: &Vec<String>| lines.iter().any(|words| path.iter().all(|word| words.contains(word.as_str())));
    let missing: Vec<_> = commands.iter().filter(|path| !named(path)).map(|path| path.join(" ")).collect();
    assert!(missing.is_empty(), "README.md and docs/ do not name: {missing:?}");
}

/// The numbers of the rules that the text describes as this release's own.
fn rules_present(text: &str) -> Vec<String> {
    let present = text.split("\n## Not yet\n").next().unwrap();
    let headings = present.lines().filter_map(|line| line.strip_prefix("### "));
    headings.map(|heading| heading.split(' ').next().unwrap().to_owned()).collect()
}

/// `Q11`: a chapter's letter, then a number.
fn is_a_rule(word: &str) -> bool {
    word.len() > 1 && word.starts_with(['W', 'Q', 'S', 'E', 'G', 'C', 'R', 'P', 'O']) && word[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// The rules that test names hold, as in `fn q3_q5_…` and `story!(e1_…`.
fn rules_tested() -> BTreeSet<String> {
    let sources = ["src", "tests"].iter().flat_map(|folder| files(folder, "rs"));
    // This file's comments have names of tests in them that are none.
    let sources: Vec<_> = sources.filter(|file| !file.ends_with("tests/docs.rs")).map(read).collect();
    let mut found = BTreeSet::new();
    for text in &sources {
        // A macro's name may stand on the line after it.
        for opening in ["fn ", "story!("] {
            for rest in text.split(opening).skip(1) {
                let name: String = rest.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                found.extend(name.split('_').map(str::to_ascii_uppercase).filter(|word| is_a_rule(word)));
            }
        }
    }
    found
}

#[test]
fn every_rule_of_this_release_is_in_order_and_has_a_test_that_names_it() {
    let present = rules_present(&read(BEHAVIOUR));
    let place = |rule: &String| ("WQSEGCRPO".find(&rule[..1]).unwrap(), rule[1..].parse::<u32>().unwrap());
    assert!(present.iter().all(|rule| is_a_rule(rule)), "{present:?}");
    assert!(present.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])), "in the order of the numbers: {present:?}");
    let tested = rules_tested();
    let missing: Vec<_> = present.iter().filter(|rule| !tested.contains(*rule)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}, as `q3_…` names Q3");
}

#[test]
fn rules_not_there_yet_are_those_of_the_plan() {
    let text = read(BEHAVIOUR);
    for row in rows(chapter(&text, "Not yet"), "| rule | what is missing |") {
        assert_eq!(row.len(), 3, "{row:?}");
        assert!(row[0].split(", ").all(|rule| is_a_rule(rule) || rule == "C"), "{row:?}");
    }
}

/// Links from one place of the documentation to another lead somewhere.
#[test]
fn links_within_the_documentation_lead_somewhere() {
    let mut documents = files("docs", "md");
    documents.push(root().join("README.md"));
    for document in &documents {
        let text = read(document);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            // Pictures are made by the demo, and a checkout may not have them yet.
            if target.extension().is_some_and(|ending| ending == "png") {
                continue;
            }
            assert!(target.exists(), "{}: {link}", document.display());
            if let Some(anchor) = anchor {
                let target = read(&target);
                let slug = |heading: &str| -> String {
                    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                    kept.collect::<String>().to_lowercase().replace(' ', "-")
                };
                let headings = target.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
                assert!(headings.into_iter().any(|heading| slug(heading) == anchor), "{}: {link}", document.display());
            }
        }
    }
}

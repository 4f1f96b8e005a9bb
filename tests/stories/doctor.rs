//! `doctor`: each story breaks one thing, and reads the line about it and its remedy.

use crate::desk::{Desk, Engine, REPO, Setup, run};
use crate::{door, key};
use jiff::SignedDuration;
use partner_desk::doctor::{Finding, Findings, Mark, examine, of_problems};
use partner_desk::sandbox::{BotHost, BotMood, ChatAnswer, Fault, Hook};
use partner_desk::settings::Settings;
use partner_desk::store::copy::copy;
use partner_desk::store::{ChannelState, Store, StoredApp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const AGENTS: &str = "agents = [\"ann\", \"ben\"]\n";
const SLACK: &str = "[[chat]]\nname = \"support\"\nkind = \"slack\"\nurl = \"env:SLACK\"\n";

/// What an operator has set, with everything right.
struct Set {
    environment: BTreeMap<&'static str, String>,
    config: String,
}

fn right(desk: &Desk) -> Set {
    let environment = [
        ("DATABASE_URL", desk.database()),
        ("PUBLIC_URL", "https://desk.example.com"),
        ("APP_ID", "1234"),
        ("PRIVATE_KEY", key::PRIVATE.as_str()),
        ("WEBHOOK_SECRET", "sandbox-webhook-secret"),
        ("GITHUB_API_URL", desk.sandbox.url()),
        ("SLACK", "https://hooks.slack.example.com/services/T/B/very-secret"),
    ];
    Set { environment: environment.map(|(name, value)| (name, value.to_owned())).into(), config: format!("{AGENTS}{SLACK}") }
}

impl Set {
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.environment.insert(name, value.to_owned());
        self
    }

    fn with(mut self, config: &str) -> Self {
        config.clone_into(&mut self.config);
        self
    }

    fn settings(&self) -> Settings {
        let read = |path: &Path| match path.to_str() {
            Some("partner-desk.toml") => Ok(self.config.clone()),
            Some("ca.pem") => Ok("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n".to_owned()),
            _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        Settings::load(&|name| self.environment.get(name).cloned(), &read).unwrap_or_else(|problems| panic!("{problems}"))
    }

    async fn looked_at(&self, desk: &Desk) -> Findings {
        self.looked_at_with(desk, false).await
    }

    async fn looked_at_with(&self, desk: &Desk, ping: bool) -> Findings {
        let findings = examine(&self.settings(), &desk.clock, ping).await;
        let text = format!("{findings}{}", serde_json::to_string(&findings).unwrap());
        for secret in ["very-secret", "BEGIN", "sandbox-webhook", "ghs_", "hooks.slack"] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
        findings
    }
}

/// GitHub as it is after a good day.
async fn well(desk: &Desk) -> Set {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.sandbox.says_of_its_hook(Hook::Said(hook(|_| {})));
    desk.opens("alice", "Works").await;
    right(desk)
}

/// What GitHub says of a webhook, with something changed.
fn hook(change: impl FnOnce(&mut Value)) -> Value {
    let url = "https://desk.example.com/api/github/webhooks";
    let mut hook = json!({ "url": url, "content_type": "json", "insecure_ssl": "0", "secret": "********" });
    change(&mut hook);
    hook
}

/// The one thing that is not as it should be.
#[track_caller]
fn only(findings: &Findings) -> &Finding {
    let not_ok: Vec<_> = findings.0.iter().filter(|finding| finding.mark != Mark::Ok).collect();
    assert_eq!(not_ok.len(), 1, "{findings}");
    not_ok[0]
}

#[track_caller]
fn told(findings: &Findings, mark: Mark, what: &str, seen: &str, remedy: &str) {
    let finding = only(findings);
    assert_eq!((finding.mark, finding.what.as_str()), (mark, what), "{findings}");
    assert!(finding.seen.contains(seen), "{seen:?} in {findings}");
    assert!(finding.remedy.as_ref().unwrap().contains(remedy), "{remedy:?} in {findings}");
    // The same as a line, and as a program reads it.
    let word = if mark == Mark::Fail { "fail" } else { "warn" };
    assert!(
        findings.to_string().lines().any(|line| line.starts_with(&format!("{word}  {what}: ")) && line.contains(". To do: ")),
        "{findings}"
    );
    let json = serde_json::to_value(finding).unwrap();
    assert_eq!(json, json!({ "mark": word, "what": what, "seen": finding.seen, "remedy": finding.remedy }));
}

/// The same where GitHub answers one question like this.
async fn told_if(desk: &Desk, set: &Set, (path, fault): (&str, Fault), mark: Mark, what: &str, seen: &str, remedy: &str) {
    desk.sandbox.faults().next("GET", path, fault);
    told(&set.looked_at(desk).await, mark, what, seen, remedy);
    assert_eq!(desk.sandbox.faults().pending(), 0, "{path} was not asked");
}

story!(with_everything_right_nothing_is_to_be_done_and_nothing_is_written, |desk| {
    let set = well(&desk).await;
    let (mark, pings) = (desk.sandbox.mark(), desk.chat.messages().len());
    // Nobody waits for it, and it waits for nobody: not even for who writes just now.
    let writing = desk.app.desk.store.write().await.unwrap();
    let findings = set.looked_at(&desk).await;
    writing.rollback().await.unwrap();
    assert_eq!((findings.count(Mark::Warn), findings.count(Mark::Fail)), (0, 0), "{findings}");
    let looked_at: Vec<_> = findings.0.iter().map(|finding| finding.what.as_str()).collect();
    for what in [
        "configuration",
        "programme",
        "labels",
        "database",
        "database schema",
        "kept deliveries",
        "webhook secret",
        "clock",
        "App",
        "permissions",
        "events",
        "webhook",
        "deliveries",
        "installation on 7x",
        "agents",
        "partners",
        "chat \"support\"",
    ] {
        assert!(looked_at.contains(&what), "{what} in\n{findings}");
    }
    // Asking for a token is no write to anything.
    let written: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.path.ends_with("/access_tokens")).collect();
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(desk.chat.messages().len(), pings);
});

story!(a_configuration_that_does_not_load_is_told_line_by_line, |desk| {
    let set = right(&desk).with("agents = 7\nlables = {}\n[labels]\nmet = \"sla: paused\"\n");
    let read = |path: &Path| match path.to_str() {
        Some("partner-desk.toml") => Ok(set.config.clone()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let problems = Settings::load(&|name| set.environment.get(name).cloned(), &read).unwrap_err();
    let findings = of_problems(&problems);
    assert_eq!(findings.count(Mark::Fail), problems.0.len());
    let text = findings.to_string();
    assert!(text.contains("partner-desk.toml:1: agents") && text.contains("partner-desk.toml:2: unknown key \"lables\""), "{text}");
    assert!(text.contains("at most 50 characters that no other label has") && text.contains("To do: correct it"), "{text}");
});

story!(a_secret_in_the_file_and_an_address_that_is_read_along_are_told, |desk| {
    well(&desk).await;
    let webhook =
        |secret: &str| format!("{AGENTS}[[chat]]\nname = \"bus\"\nkind = \"webhook\"\nurl = \"env:SLACK\"\nsecret = \"{secret}\"\n");
    let seen = "its key, with which its messages are signed, which is a secret, stands in the configuration file";
    told(&right(&desk).with(&webhook("very-secret")).looked_at(&desk).await, Mark::Warn, "chat \"bus\"", seen, "secret = \"env:NAME\"");
    let findings = right(&desk).and("KEY", "very-secret").with(&webhook("env:KEY")).looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "{findings}");

    let beats = |url: &str| format!("heartbeat_url = \"{url}\"\n{AGENTS}{SLACK}");
    let set = |url: &str| right(&desk).and("BEAT", url).with(&beats("env:BEAT"));
    let findings = set("https://beat.example.com/very-secret").looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "{findings}");
    assert!(findings.to_string().contains("ok    heartbeat: address from env:BEAT\n"), "{findings}");
    let literal = right(&desk).with(&beats("https://beat.example.com/very-secret"));
    told(&literal.looked_at(&desk).await, Mark::Warn, "heartbeat", "stands in the configuration file", "heartbeat_url = \"env:NAME\"");
    told(&set("http://beat.example.com/very-secret").looked_at(&desk).await, Mark::Warn, "heartbeat", "reads along", "use https://");
    told(&set("http://127.0.0.1:9/very-secret").looked_at(&desk).await, Mark::Warn, "heartbeat", "goes down with it", "elsewhere");
});

story!(a_channel_that_loads_and_cannot_work_is_told_like_everything_else, |desk| {
    well(&desk).await;
    let mail = "[[chat]]\nname = \"mail\"\nkind = \"email\"\nurl = \"smtps://mail.example.com\"\nfrom = \"desk@example.com\"\nto = [\"ann@example.com\"]\nca_file = \"ca.pem\"\n";
    let set = right(&desk).with(&format!("{AGENTS}{mail}"));
    told(
        &set.looked_at_with(&desk, true).await,
        Mark::Fail,
        "chat",
        "chat `mail`: the certificates of `ca_file` can't be used",
        "correct that channel",
    );
});

story!(the_apps_credentials_are_told, |desk| {
    let set = well(&desk).await;
    told(&set.and("APP_ID", "77").looked_at(&desk).await, Mark::Fail, "App", "does not accept APP_ID 77", "from one App's page");

    desk.sandbox.faults().unreachable(true);
    told(&right(&desk).looked_at(&desk).await, Mark::Fail, "GitHub", "no answer from GitHub", "can be reached from here");
    desk.sandbox.faults().clear();

    let mut none = right(&desk);
    none.environment.retain(|name, _| !["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET"].contains(name));
    told(&none.looked_at(&desk).await, Mark::Fail, "App", "none is set up", "app-manifest.yml");

    // One that the database has lost a part of; the environment's is tried when it is read.
    let app = StoredApp {
        app_id: 1234,
        slug: "desk".to_owned(),
        page: "https://github.example.com/apps/desk".to_owned(),
        private_key: "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n".into(),
        webhook_secret: "sandbox-webhook-secret".into(),
        client_id: "c".to_owned(),
        client_secret: "s".into(),
        made: desk.clock.now(),
    };
    let mut tx = desk.app.desk.store.write().await.unwrap();
    assert!(tx.put_app(&app).await.unwrap());
    tx.commit().await.unwrap();
    told(&none.looked_at(&desk).await, Mark::Fail, "App", "credentials do not work", "whole PEM file");
});

story!(permissions_and_events_are_held_against_those_needed, |desk| {
    let set = well(&desk).await;
    desk.sandbox.set_permission("issues", Some("read"));
    told(&set.looked_at(&desk).await, Mark::Fail, "permissions", "`issues` is read, write is needed", "have each owner accept it");
    desk.sandbox.set_permission("issues", Some("write"));

    desk.sandbox.set_permission("contents", Some("write"));
    told(&set.looked_at(&desk).await, Mark::Warn, "permissions", "`contents: write` is more than the desk uses", "take it away");
    desk.sandbox.set_permission("contents", None);

    desk.sandbox.may_read_members("7x", false);
    told(&set.looked_at(&desk).await, Mark::Warn, "installation on 7x", "has not accepted `members: read`", "/settings/installations/");
    desk.sandbox.may_read_members("7x", true);

    desk.sandbox.unsubscribe("label");
    told(&set.looked_at(&desk).await, Mark::Warn, "events", "not subscribed to: label", "Permissions & events");
    desk.sandbox.unsubscribe("issue_comment");
    told(&set.looked_at(&desk).await, Mark::Fail, "events", "issue_comment, label", "Permissions & events");
});

story!(the_webhook_is_looked_at, |desk| {
    let set = well(&desk).await;
    let page = "/settings/apps/partner-desk";
    let cases: [(Hook, Mark, &str, &str); 7] = [
        (Hook::None, Mark::Fail, "no webhook address", "the address https://desk.example.com/api/github/webhooks"),
        (
            Hook::Said(hook(|hook| hook["url"] = "https://desk.example.com/hooks".into())),
            Mark::Fail,
            "where the desk does not listen",
            page,
        ),
        (
            Hook::Said(hook(|hook| hook["url"] = "https://localhost:3000/api/github/webhooks".into())),
            Mark::Fail,
            "not reachable from outside",
            page,
        ),
        (
            Hook::Said(hook(|hook| hook["url"] = "https://old.example.com/api/github/webhooks".into())),
            Mark::Warn,
            "PUBLIC_URL is",
            "correct PUBLIC_URL",
        ),
        (Hook::Said(hook(|hook| hook["insecure_ssl"] = "1".into())), Mark::Warn, "does not look at the certificate", "SSL verification"),
        (Hook::Said(hook(|hook| hook["content_type"] = "form".into())), Mark::Fail, "reads JSON", "content_type json"),
        (Hook::Said(hook(|hook| drop(hook.as_object_mut().unwrap().remove("secret")))), Mark::Fail, "has no secret", "set WEBHOOK_SECRET"),
    ];
    for (hook, mark, seen, remedy) in cases {
        desk.sandbox.says_of_its_hook(hook);
        told(&set.looked_at(&desk).await, mark, "webhook", seen, remedy);
    }
    desk.sandbox.says_of_its_hook(Hook::Said(hook(|hook| hook["url"] = "http://desk.example.com/api/github/webhooks".into())));
    let findings = set.looked_at(&desk).await.to_string();
    assert!(findings.contains("whoever is on the way reads along. To do: use https://"), "{findings}");

    let goes_to = |url: &str| desk.sandbox.says_of_its_hook(Hook::Said(hook(|hook| hook["url"] = url.into())));
    // A relay's address is right while somebody fetches from it, and nobody else's business.
    goes_to("https://smee.io/very-secret");
    told(&set.looked_at(&desk).await, Mark::Warn, "webhook", "sends to smee.io, and not to the desk: right for a relay", "serve --relay");
    // A server of the operator's own may be in the same network.
    let own = |url: &str| right(&desk).and("PUBLIC_URL", url).and("GITHUB_URL", "https://github.example.com");
    goes_to("https://10.0.0.7/api/github/webhooks");
    let findings = own("https://10.0.0.7").looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "{findings}");
    let github_com = right(&desk).and("PUBLIC_URL", "https://10.0.0.7");
    told(&github_com.looked_at(&desk).await, Mark::Fail, "webhook", "not reachable from outside", "set the address");
    goes_to("https://10.example.com/api/github/webhooks");
    let findings = right(&desk).and("PUBLIC_URL", "https://10.example.com").looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "{findings}");

    desk.sandbox.says_of_its_hook(Hook::Said(hook(|_| {})));
    told(&right(&desk).and("WEBHOOK_SECRET", "hush").looked_at(&desk).await, Mark::Warn, "webhook secret", "weak: 4 bytes", "openssl rand");
    let dull = "abababababababababababababab";
    told(
        &right(&desk).and("WEBHOOK_SECRET", dull).looked_at(&desk).await,
        Mark::Warn,
        "webhook secret",
        "2 different characters",
        "openssl rand",
    );
});

story!(failed_deliveries_are_told_by_what_they_were_answered_with, |desk| {
    desk.sandbox.says_of_its_hook(Hook::Said(hook(|_| {})));
    let set = right(&desk);
    desk.partner("acme", "gold", &["alice"]).await;
    told(&set.looked_at(&desk).await, Mark::Warn, "deliveries", "nothing in three days", "Webhook: Active is ticked");

    let set = well(&desk).await;
    desk.sandbox.faults().webhooks_fail("issues", 1);
    desk.sandbox.open_issue(REPO, "alice", "Lost", "…").await.unwrap();
    told(&set.looked_at(&desk).await, Mark::Fail, "deliveries", "failed attempts in the last day: 1 (1 with 502)", "GitHub can reach it");
    desk.sandbox.open_issue(REPO, "alice", "Comes", "…").await.unwrap();
    told(&set.looked_at(&desk).await, Mark::Warn, "deliveries", "in the last day: 1 (1 with 502)", "GitHub can reach it");
    desk.clock.advance_to(desk.clock.now().checked_add(SignedDuration::from_hours(25)).unwrap());
    let findings = set.looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "a day later it is history: {findings}");
});

story!(pings_that_failed_are_no_reason_to_worry, |desk| {
    let set = well(&desk).await;
    let ping =
        |status: u16| json!({ "id": 1, "guid": "ping-1", "delivered_at": "2026-11-18T08:59:00Z", "event": "ping", "status_code": status });
    let listed = |attempts: Vec<Value>| Fault::Status { status: 200, headers: Vec::new(), body: attempts.into() };
    let opened = json!({ "id": 2, "guid": "opened-1", "delivered_at": "2026-11-18T08:59:30Z", "event": "issues", "status_code": 202 });
    for (attempts, seen) in [
        (vec![opened, ping(503)], "none failed in the last day; the last came at 2026-11-18T08:59:30Z"),
        (vec![ping(200)], "pings alone in three days"),
    ] {
        desk.sandbox.faults().next_times(2, "GET", "/app/hook/deliveries", listed(attempts));
        let findings = set.looked_at(&desk).await;
        assert!(findings.to_string().contains(&format!("ok    deliveries: {seen}")), "{findings}");
    }
    desk.sandbox.faults().next_times(2, "GET", "/app/hook/deliveries", listed(vec![ping(503)]));
    told(&set.looked_at(&desk).await, Mark::Warn, "deliveries", "nothing in three days", "its Advanced page sends a ping");
});

story!(a_delivery_that_failed_is_told_with_what_is_to_be_done_about_its_answer, |mut desk| {
    let set = well(&desk).await;
    let fails = async |desk: &Desk, status: u16, remedy: &str| {
        let opened = desk.sandbox.open_issue(REPO, "alice", "Lost", "…").await.unwrap();
        assert_eq!(opened.status(), Some(status));
        told(&set.looked_at(desk).await, Mark::Fail, "deliveries", &format!(" with {status}"), remedy);
        // The next day it is history.
        desk.clock.advance_to(desk.clock.now().checked_add(SignedDuration::from_hours(25)).unwrap());
    };
    let door = format!("{}/api/github/webhooks", desk.url);
    desk.sandbox.connect(&format!("{}/hooks", desk.url));
    fails(&desk, 404, "correct the webhook's address").await;
    desk.sandbox.connect(&desk.url);
    fails(&desk, 405, "correct the webhook's address").await;
    desk.sandbox.connect(&desk.chat.url("/teapot"));
    desk.chat.answer_always("/teapot", ChatAnswer::Status(418, None));
    fails(&desk, 418, "the App's Advanced page").await;
    desk.sandbox.connect(&door);

    desk.restart_with_secret("another secret than GitHub has").await;
    fails(&desk, 401, "WEBHOOK_SECRET is not what the App's page has").await;
    for number in 0..100 {
        door::unsigned(&desk.url, "star", &format!("strange-{number}"), "{}").send().await.unwrap();
    }
    fails(&desk, 429, "WEBHOOK_SECRET is not what the App's page has").await;
    desk.restart_with_secret(door::SECRET).await;
    desk.app.desk.store.close().await;
    fails(&desk, 503, "look into the log of `serve`").await;
    desk.restart().await;
});

story!(the_labels_of_repositories_are_looked_at, |desk| {
    let set = well(&desk).await;
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await;
    let what = format!("labels in {REPO}");
    let well = format!("ok    {what}: 3 that the desk shows, 1 of them deadlines; it makes what is missing when it is needed\n");
    let findings = set.looked_at(&desk).await;
    assert!(findings.to_string().contains(&well), "{findings}");
    let away = Fault::status(500, "Something went wrong");
    let labels = "/repositories/*/labels";
    told_if(&desk, &set, (labels, away), Mark::Warn, &what, "GitHub does not list them", "what its owner allows at").await;
    // More than fit on a page of the list, or on one issue.
    for day in 1..=25 {
        let issue = desk.opens("zoe", "Marked by hand").await;
        for hour in 0..8 {
            let label = format!("Due: 2031-01-{day:02} {hour:02}:00 UTC");
            desk.sandbox.add_label(REPO, issue.number, "zoe", &label).await.unwrap();
        }
    }
    let seen = "201 deadlines; the desk deletes those of its own that no open ticket carries";
    told(&set.looked_at(&desk).await, Mark::Warn, &what, seen, "in its log say why it could not (rule=G2)");
});

story!(what_github_does_not_say_is_told_as_that, |desk| {
    let set = well(&desk).await;
    let away = || Fault::status(500, "Something went wrong");
    told_if(&desk, &set, ("/app", away()), Mark::Fail, "GitHub", "500", "can be reached from here").await;
    told_if(&desk, &set, ("/app", Fault::too_many(60)), Mark::Fail, "GitHub", "429", "try again").await;
    told_if(&desk, &set, ("/app/hook/config", away()), Mark::Warn, "webhook", "does not say where it goes", "try again").await;
    told_if(&desk, &set, ("/app/hook/deliveries", away()), Mark::Warn, "deliveries", "GitHub does not list them", "try again").await;
    told_if(&desk, &set, ("/app/installations", away()), Mark::Fail, "installations", "500", "try again").await;
    let on = "installation on 7x";
    told_if(&desk, &set, ("/installation/repositories", away()), Mark::Fail, on, "500", "what its owner allows at").await;
    told_if(&desk, &set, ("/rate_limit", away()), Mark::Warn, on, "its calls are not told", "try again").await;
    desk.sandbox.faults().next("GET", "/rate_limit", Fault::status(404, "Rate limiting is not enabled."));
    let findings = set.looked_at(&desk).await;
    assert!(findings.to_string().contains(&format!("ok    {on}: this GitHub does not count calls\n")), "{findings}");
    told_if(&desk, &set, ("/users/ann", away()), Mark::Warn, "agents", "`ann` could not be looked up", "try again").await;
    desk.joins("acme", "later", |member| member.user = None).await;
    told_if(&desk, &set, ("/users/later", away()), Mark::Warn, "partner acme", "`later` could not be looked up", "try again").await;
});

story!(what_an_owner_has_not_accepted_and_what_an_agents_team_needs_is_told, |desk| {
    let set = well(&desk).await;
    let accepted = json!([{
        "id": desk.sandbox.installation("7x").0, "account": { "login": "7x" }, "html_url": "https://github.com/settings/installations/7",
        "permissions": { "issues": "read", "members": "read", "metadata": "read" },
    }]);
    let half = Fault::Status { status: 200, headers: Vec::new(), body: accepted };
    let page = "accepts it at https://github.com/settings/installations/7";
    told_if(&desk, &set, ("/app/installations", half), Mark::Fail, "installation on 7x", "has not accepted `issues: write`", page).await;

    desk.sandbox.team("7x/support", &["ann"]);
    desk.sandbox.team("7x/nobody", &[]);
    let team = |slug: &str| right(&desk).with(&format!("agents = [\"@7x/{slug}\"]\n{SLACK}"));
    let path = "/orgs/7x/teams/support/members";
    let refused = Fault::no_permission();
    told_if(&desk, &team("support"), (path, refused), Mark::Fail, "agents", "does not tell who is in @7x/support", "`members: read`").await;
    let away = Fault::status(500, "Something went wrong");
    told_if(&desk, &team("support"), (path, away), Mark::Warn, "agents", "@7x/support could not be looked up", "try again").await;
    told(&team("nobody").looked_at(&desk).await, Mark::Warn, "agents", "@7x/nobody has no members", "add some");

    // Without a team it is only not heard who comes and goes; with one, nobody is an agent.
    desk.sandbox.set_permission("members", None);
    told(&set.looked_at(&desk).await, Mark::Warn, "permissions", "`members` is not granted, read is needed", "have each owner accept it");
    let findings = team("support").looked_at(&desk).await.to_string();
    assert!(findings.contains("fail  permissions: `members` is not granted, read is needed"), "{findings}");
    desk.sandbox.set_permission("members", Some("write"));
    told(&set.looked_at(&desk).await, Mark::Warn, "permissions", "`members: write` is more than the desk uses (read)", "take it away");
});

story!(o1_a_desk_that_only_watches_is_told, |desk| {
    let set = well(&desk).await.with(&format!("mode = \"observe\"\n{AGENTS}{SLACK}"));
    told(&set.looked_at(&desk).await, Mark::Warn, "mode", "nothing is written to GitHub or chat", "set mode = \"enforce\"");
});

story!(partners_and_what_the_programme_knows_of_them_are_looked_at, |desk| {
    desk.sandbox.says_of_its_hook(Hook::Said(hook(|_| {})));
    desk.opens("alice", "Comes").await;
    told(
        &right(&desk).looked_at(&desk).await,
        Mark::Warn,
        "partners",
        "none yet: nobody's issues are tickets",
        "partner-desk partner import",
    );
    desk.partner("acme", "gold", &["alice"]).await;
    desk.partner_between("past", "bronze", &[], None, Some("2026-11-01T00:00:00Z")).await;
    let findings = right(&desk).looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "what is over is over: {findings}");
    desk.partner_between("umbrella", "bronze", &[], Some("2027-01-01T00:00:00Z"), None).await;
    let (seen, remedy) = ("its tier `bronze` is not in the programme", "partner set-tier umbrella TIER` with one of ");
    told(&right(&desk).looked_at(&desk).await, Mark::Fail, "partner umbrella", seen, remedy);
});

story!(installations_and_repositories_are_looked_at, |desk| {
    let set = well(&desk).await;
    let watched = format!("repositories = [\"7X/Support\"]\n{AGENTS}{SLACK}");
    let findings = right(&desk).with(&watched).looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "{findings}");
    let elsewhere = format!("repositories = [\"7x/suport\"]\n{AGENTS}{SLACK}");
    told(
        &right(&desk).with(&elsewhere).looked_at(&desk).await,
        Mark::Fail,
        "repositories",
        "no installation reaches 7x/suport",
        "correct its name",
    );

    let github = desk.app.desk.github.clone().unwrap();
    let installation = github.installations().await.unwrap()[0].id;
    for _ in 0..100 {
        github.repositories(installation).await.unwrap();
    }
    let used = 5000 - github.calls_left(installation).await.unwrap().unwrap().remaining;
    desk.sandbox.calls_an_hour(usize::try_from(used).unwrap() + 9);
    told(&set.looked_at(&desk).await, Mark::Warn, "installation on 7x", &format!("8 of {} calls left", used + 9), "wait");
    desk.sandbox.calls_an_hour(5000);

    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    told(&right(&desk).with(&watched).looked_at(&desk).await, Mark::Warn, "repositories", "7X/Support is archived", "unarchive");
    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();

    desk.sandbox.installation_event("7x", "suspend").await.unwrap();
    told(&set.looked_at(&desk).await, Mark::Warn, "installation on 7x", "suspended since", "/settings/installations/");
    desk.sandbox.installation_event("7x", "unsuspend").await.unwrap();
    desk.sandbox.leave_out(REPO).unwrap();
    told(&set.looked_at(&desk).await, Mark::Warn, "installation on 7x", "reaches no repository", "select some");
    desk.sandbox.installation_event("7x", "deleted").await.unwrap();
    told(&set.looked_at(&desk).await, Mark::Fail, "installations", "installed nowhere", "/installations/new");
});

story!(r7_a_clock_that_is_off_is_told, |desk| {
    let set = well(&desk).await;
    desk.sandbox.skew(SignedDuration::from_secs(-45));
    told(&set.looked_at(&desk).await, Mark::Warn, "clock", "s ahead of GitHub's", "NTP");
    desk.sandbox.skew(SignedDuration::from_mins(5));
    told(&set.looked_at(&desk).await, Mark::Fail, "clock", "s behind GitHub's: pings are held", "NTP");
    desk.sandbox.skew(SignedDuration::ZERO);
});

story!(w1_w3_agents_and_members_whom_github_does_not_know_are_told, |desk| {
    let set = well(&desk).await;
    let agents = format!("agents = [\"ann\", \"nobody-by-that-name\"]\n{SLACK}");
    told(&right(&desk).with(&agents).looked_at(&desk).await, Mark::Fail, "agents", "no account `nobody-by-that-name`", "correct `agents`");

    desk.sandbox.team("7x/support", &["ann"]);
    let team = format!("agents = [\"@7x/support\"]\n{SLACK}");
    let findings = right(&desk).with(&team).looked_at(&desk).await;
    assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "{findings}");
    let team = format!("agents = [\"@7x/suport\"]\n{SLACK}");
    told(&right(&desk).with(&team).looked_at(&desk).await, Mark::Fail, "agents", "no team @7x/suport", "@ORG/SLUG");
    let team = format!("agents = [\"@elsewhere/support\"]\n{SLACK}");
    told(&right(&desk).with(&team).looked_at(&desk).await, Mark::Fail, "agents", "not installed on elsewhere", "install it on elsewhere");

    desk.joins("acme", "later", |member| member.user = None).await;
    told(&set.looked_at(&desk).await, Mark::Warn, "partner acme", "`later` was not looked up yet", "restart `serve`");
    desk.sandbox.rename_person("later", "another").unwrap();
    told(&set.looked_at(&desk).await, Mark::Warn, "partner acme", "no account `later`", "partner member remove acme later");
});

story!(e7_channels_are_looked_at_and_spoken_to_on_demand, |desk| {
    well(&desk).await;
    told(&right(&desk).with(AGENTS).looked_at(&desk).await, Mark::Warn, "chat", "nobody is pinged", "add a [[chat]]");
    let literal = format!("{AGENTS}{}", SLACK.replace("env:SLACK", "https://hooks.slack.example.com/services/T/B/very-secret"));
    told(
        &right(&desk).with(&literal).looked_at(&desk).await,
        Mark::Warn,
        "chat \"support\"",
        "stands in the configuration file",
        "env:NAME",
    );
    let plain = right(&desk).and("SLACK", "http://chat.example.com/very-secret");
    told(&plain.looked_at(&desk).await, Mark::Warn, "chat \"support\"", "reads along", "https://");
    let here = right(&desk).and("SLACK", &desk.chat.url("/hook"));
    told(&here.looked_at(&desk).await, Mark::Warn, "chat \"support\"", "is this machine", "see that a chat listens");
    assert_eq!(desk.chat.messages().len(), 0);

    let findings = here.looked_at_with(&desk, true).await;
    assert!(findings.to_string().contains("ok    chat \"support\": took a test message\n"), "{findings}");
    let [said] = &desk.chat.messages()[..] else { panic!("one test message") };
    assert!(said.text().contains("doctor --ping"), "{}", said.text());
    desk.chat.answer_next(ChatAnswer::Status(404, None));
    let findings = here.looked_at_with(&desk, true).await;
    assert!(findings.to_string().contains("fail  chat \"support\": did not take a test message: the chat host answered 404"), "{findings}");

    the_bots(&desk).await;

    let now = desk.clock.now();
    let state = ChannelState { failures: 3, since: now, open: now, refused: false, why: "no connection".to_owned() };
    let mut tx = desk.app.desk.store.write().await.unwrap();
    tx.channel_failed("support", &state).await.unwrap();
    tx.commit().await.unwrap();
    told(&right(&desk).looked_at(&desk).await, Mark::Warn, "chat \"support\"", "does not take what it is sent", "--ping");
});

/// Bots are asked whether they may post, and post nothing (`E8`).
async fn the_bots(desk: &Desk) {
    const SLACK_BOT: &str = "C012AB3CD";
    const MATTERMOST: &str = "4xp9fdt77pncbef59f4k1qe83o";
    desk.chat.is_an_api("slack", BotHost::Slack, "xoxb-very-secret", SLACK_BOT);
    desk.chat.is_an_api("mattermost", BotHost::Mattermost, "mm-very-secret", MATTERMOST);
    let bot = |name: &str, channel: &str| {
        let url = desk.chat.url(name);
        format!("[[chat]]\nname = \"{name}\"\nkind = \"{name}\"\nurl = \"{url}\"\ntoken = \"env:{name}\"\nchannel = \"{channel}\"\n")
    };
    let config = format!("{AGENTS}{}{}", bot("slack", SLACK_BOT), bot("mattermost", MATTERMOST));
    let both = right(desk).with(&config).and("slack", "xoxb-very-secret").and("mattermost", "mm-very-secret");
    let said = both.looked_at_with(desk, true).await.to_string();
    assert!(said.contains("ok    chat \"slack\": the bot `partner-desk` of the workspace `Acme` may post in #support\n"), "{said}");
    assert!(said.contains("ok    chat \"mattermost\": the bot `partner-desk` may post in ~support\n"), "{said}");
    for (mood, of_slack, of_mattermost) in [
        (
            BotMood { member: false, ..BotMood::default() },
            "is not in #support: invite the bot there",
            "is not in ~support: add it to the team and to the channel",
        ),
        (
            BotMood { archived: true, ..BotMood::default() },
            "#support is archived: bring the channel back",
            "~support is archived: restore it",
        ),
        (
            BotMood { scopes: "chat:write", ..BotMood::default() },
            "cannot be asked. To do: add the scope `channels:read`",
            "may post in ~support",
        ),
        (BotMood { scopes: "channels:read", ..BotMood::default() }, "has no scope `chat:write`", "may post in ~support"),
    ] {
        desk.chat.mood("slack", &mood);
        desk.chat.mood("mattermost", &mood);
        let said = both.looked_at_with(desk, true).await.to_string();
        assert!(said.contains(of_slack) && said.contains(of_mattermost), "{mood:?}: {said}");
    }
    let other = right(desk).with(&config).and("slack", "xoxb-stolen-secret").and("mattermost", "stolen-secret");
    let said = other.looked_at_with(desk, true).await.to_string();
    assert!(said.contains("Slack answered invalid_auth: the bot's token does not work"), "{said}");
    assert!(
        said.contains("Mattermost answered 401 Unauthorized (api.context.session_expired.app_error): the bot's token does not work"),
        "{said}"
    );
    let literal = right(desk).with(&config.replace("env:slack", "xoxb-literal-secret")).and("mattermost", "mm-very-secret");
    let said = literal.looked_at(desk).await.to_string();
    let words = "its token, which is a secret, stands in the configuration file";
    assert!(said.contains(words) && said.contains("token = \"env:NAME\"") && !said.contains("xoxb"), "{said}");
    assert!(desk.chat.posts("slack").is_empty() && desk.chat.posts("mattermost").is_empty());
}

story!(r4_what_is_kept_is_told, |desk| {
    let set = well(&desk).await;
    let body = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"}}"#;
    door::signed(&desk.url, "issues", "strange-1", body).send().await.unwrap();
    told(&set.looked_at(&desk).await, Mark::Warn, "kept deliveries", "1 could not be taken in", "deliveries list");
});

story!(a_database_of_another_release_is_told_and_left_as_it_is, |desk| {
    let set = well(&desk).await;
    desk.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
    told(&set.looked_at(&desk).await, Mark::Fail, "database schema", "a newer release has migrated it (to [9999])", "restore a backup");
    desk.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    told(&set.looked_at(&desk).await, Mark::Warn, "database schema", "has not migrated it yet: 00", "partner-desk backup");
    // Still not: it was looked at, no more.
    told(&set.looked_at(&desk).await, Mark::Warn, "database schema", "has not migrated it yet: 00", "partner-desk backup");
    desk.execute("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1").await;
    told(&set.looked_at(&desk).await, Mark::Fail, "database schema", "migration [1] was begun and not ended", "restore a backup");
});

story!(a_database_that_something_else_has_made_is_told, |desk| {
    let set = well(&desk).await;
    desk.execute("UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 2) WHERE version = 1")
        .await;
    let seen = "something else than this release has made migration [1] of it; `serve` will not start";
    told(&set.looked_at(&desk).await, Mark::Fail, "database schema", seen, "restore a backup");
});

#[test]
fn a_sqlite_file_that_cannot_serve_is_told() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        let file = desk.folder().join("desk.db");
        well(&desk).await;
        let none = format!("sqlite://{}/none.db", desk.folder().display());
        told(&right(&desk).and("DATABASE_URL", &none).looked_at(&desk).await, Mark::Warn, "database", "there is none yet", "creates it");
        assert!(!desk.folder().join("none.db").exists());
        let nowhere = format!("sqlite://{}/nowhere/none.db", desk.folder().display());
        told(
            &right(&desk).and("DATABASE_URL", &nowhere).looked_at(&desk).await,
            Mark::Fail,
            "database",
            "its folder is not there",
            "create the folder",
        );
        #[cfg(target_os = "linux")]
        told(
            &right(&desk).and("DATABASE_URL", "sqlite:///proc/none.db").looked_at(&desk).await,
            Mark::Fail,
            "database",
            "none can be made in its folder",
            "a folder that is writable",
        );
        // One that can be written to itself, where no other can be made.
        #[cfg(target_os = "linux")]
        {
            let findings = right(&desk).and("DATABASE_URL", "sqlite:///proc/self/comm").looked_at(&desk).await.to_string();
            let told = |line: &str| line.starts_with("fail  database: ") && line.contains("SQLite's log cannot be made in its folder");
            assert!(findings.lines().any(told), "{findings}");
        }
        std::fs::write(desk.folder().join("text.db"), "no database at all, and long enough to be taken for one".repeat(40)).unwrap();
        let text = format!("sqlite://{}/text.db", desk.folder().display());
        told(&right(&desk).and("DATABASE_URL", &text).looked_at(&desk).await, Mark::Fail, "database", "not a database", "DATABASE_URL");

        let mut locked = std::fs::metadata(&file).unwrap().permissions();
        locked.set_readonly(true);
        std::fs::set_permissions(&file, locked).unwrap();
        let findings = right(&desk).looked_at(&desk).await;
        #[expect(clippy::permissions_set_readonly_false, reason = "the file goes with its folder")]
        let open = |mut permissions: std::fs::Permissions| {
            permissions.set_readonly(false);
            permissions
        };
        std::fs::set_permissions(&file, open(std::fs::metadata(&file).unwrap().permissions())).unwrap();
        told(&findings, Mark::Fail, "database", "cannot be written to", "writable");
        desk.end().await;
    });
}

#[test]
fn a_sqlite_file_without_its_journal_is_told() {
    run(async {
        let mut desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        let set = well(&desk).await;
        desk.stop().await;
        desk.app.desk.store.close().await;
        let file = rusqlite::Connection::open(desk.folder().join("desk.db")).unwrap();
        file.pragma_update(None, "journal_mode", "DELETE").unwrap();
        drop(file);
        told(&set.looked_at(&desk).await, Mark::Warn, "database journal", "delete", "start `serve` once: it sets WAL");
        desk.go_on().await;
        let findings = right(&desk).looked_at(&desk).await;
        assert_eq!(findings.count(Mark::Warn) + findings.count(Mark::Fail), 0, "and so it does: {findings}");
        desk.end().await;
    });
}

#[test]
fn a_database_that_is_none_or_not_there_is_told() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        well(&desk).await;
        let memory = right(&desk).and("DATABASE_URL", "sqlite::memory:");
        let words = "expected `sqlite://FILE`, found `sqlite::memory:`: what is only in memory would be lost";
        told(&memory.looked_at(&desk).await, Mark::Fail, "database", words, "set DATABASE_URL to sqlite://FILE");
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let away = right(&desk).and("DATABASE_URL", &format!("postgres://desk:very-secret@{nobody}/desk"));
        let words = format!("PostgreSQL at 127.0.0.1:{}, database `desk`, user `desk`: nothing listens there", nobody.port());
        told(&away.looked_at(&desk).await, Mark::Fail, "database", &words, "see that DATABASE_URL names a database that runs");
        // A server may be about to start, so `serve` waits for a while, and says the same then.
        let opened = Store::open(&format!("postgres://desk:very-secret@{nobody}/desk")).await.unwrap_err().to_string();
        assert!(opened.contains(&words), "{opened}");
        desk.end().await;
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_postgresql_that_lets_nobody_in_is_told() {
    run(async {
        let desk = Desk::start(Engine::Postgres, Setup::default()).await;
        well(&desk).await;
        let (server, name) = desk.database().rsplit_once('/').unwrap();
        let host = server.rsplit_once('@').unwrap().1;
        let remedy = "see that DATABASE_URL names a database that runs and lets this user in";
        for (url, words) in [
            (format!("{server}/none_of_this_name"), "there is no such database (database \"none_of_this_name\" does not exist)"),
            (format!("postgres://nobody:very-secret@{host}/{name}"), "it does not let the user in (role \"nobody\" does not exist)"),
        ] {
            told(&right(&desk).and("DATABASE_URL", &url).looked_at(&desk).await, Mark::Fail, "database", words, remedy);
            // `serve` and `migrate-store` say the same.
            let opened = Store::open(&url).await.unwrap_err().to_string();
            assert!(opened.starts_with(&format!("database: PostgreSQL at {host}, database `")) && opened.contains(words), "{opened}");
            let copied = copy(&url, "sqlite://never.db", desk.clock.now()).await.unwrap_err().to_string();
            assert!(copied.starts_with(&format!("--from: {opened}")), "{copied}");
        }
        desk.end().await;
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_postgresql_that_takes_no_writes_is_told() {
    run(async {
        let desk = Desk::start(Engine::Postgres, Setup::default()).await;
        let set = well(&desk).await;
        let (server, name) = desk.database().rsplit_once('/').unwrap();
        let reader = format!("reader_{name}");
        desk.execute(&format!("CREATE ROLE {reader} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")).await;
        let host = server.rsplit_once('@').unwrap().1;
        let as_reader = right(&desk).and("DATABASE_URL", &format!("postgres://{reader}@{host}/{name}"));
        let remedy = "connect to the primary, as a user that owns the tables";
        told(&as_reader.looked_at(&desk).await, Mark::Fail, "database", "this user may not write to the tables", remedy);
        desk.execute(&format!("ALTER ROLE partner_desk IN DATABASE {name} SET default_transaction_read_only = on")).await;
        told(&set.looked_at(&desk).await, Mark::Fail, "database", "PostgreSQL takes no writes here", remedy);
        desk.execute(&format!("ALTER ROLE partner_desk IN DATABASE {name} RESET default_transaction_read_only")).await;
        desk.execute(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}")).await;
        desk.end().await;
    });
}

/// The binary, as an operator runs it: its exit code, its lines, its JSON.
#[test]
fn the_exit_code_says_whether_anything_fails() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        let set = right(&desk);
        std::fs::write(desk.folder().join("partner-desk.toml"), &set.config).unwrap();
        let (environment, folder) = (set.environment.clone(), desk.folder().to_owned());
        let runs = move |args: &'static [&'static str], without: &'static str| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_partner-desk"));
            command.current_dir(&folder).env_clear().envs(environment.iter().filter(|(name, _)| **name != without)).args(args);
            async move {
                let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
                (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
            }
        };
        // The sandbox's clock stands elsewhere, which is wrong, and told.
        let (code, out, _) = runs(&["doctor"], "").await;
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains("\nfail  clock: ") && out.contains("To do: have the host's clock set by NTP"), "{out}");
        let (code, out, _) = runs(&["doctor", "--json"], "").await;
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &json["ok"], json["findings"][0]["mark"].as_str()), (Some(1), &json!(false), Some("ok")));
        desk.sandbox.skew(partner_desk::clock::Clock::system().now().duration_since(desk.clock.now()));
        desk.sandbox.says_of_its_hook(Hook::Said(hook(|_| {})));
        let (code, out, error) = runs(&["doctor"], "").await;
        assert_eq!(code, Some(0), "warnings are no failure: {out}{error}");
        assert!(out.contains("warn  deliveries: ") && out.contains(" 0 wrong\n"), "{out}");
        let (code, out, _) = runs(&["doctor"], "SLACK").await;
        assert_eq!(code, Some(1));
        assert!(out.contains("fail  chat \"support\": env:SLACK is not set here. To do: set the variable"), "{out}");
        let signed = set.config.replace("slack", "webhook") + "secret = \"env:SIGNS\"\n";
        std::fs::write(desk.folder().join("partner-desk.toml"), signed).unwrap();
        let (code, out, _) = runs(&["doctor", "--ping"], "").await;
        assert_eq!(code, Some(1));
        assert!(out.contains("fail  chat \"support\": env:SIGNS is not set here. To do: set the variable"), "{out}");
        let (code, out, _) = runs(&["doctor"], "APP_ID").await;
        assert!(code == Some(1) && out.starts_with("fail  configuration: environment: APP_ID: expected a value"), "{out}");
        assert_eq!(runs(&["doctor", "--fast"], "").await.0, Some(2));

        let beats = format!("heartbeat_url = \"env:BEAT\"\n{}", set.config);
        std::fs::write(desk.folder().join("partner-desk.toml"), beats).unwrap();
        let (code, out, _) = runs(&["doctor"], "").await;
        assert!(code == Some(1) && out.contains("fail  heartbeat: env:BEAT is not set here. To do: set the variable"), "{out}");
        let (code, out, _) = runs(&["check"], "").await;
        assert_eq!(code, Some(0));
        assert!(out.contains("warning        env:BEAT, for `heartbeat_url`, is not set here; `serve` needs it\n"), "{out}");
        let wrong = set.config.replace("env:SLACK", "https://[zz/x");
        std::fs::write(desk.folder().join("partner-desk.toml"), wrong).unwrap();
        let said = "partner-desk.toml:5: chat \"support\": url: expected an address";
        let (code, out, _) = runs(&["doctor", "--json"], "").await;
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &json["ok"], json["fails"].as_u64()), (Some(1), &json!(false), Some(1)));
        assert!(json["findings"][0]["seen"].as_str().unwrap().starts_with(said), "{out}");
        for command in [&["check"], &["serve"]] {
            let (code, _, error) = runs(command, "").await;
            assert!(code == Some(1) && error.contains(said), "{command:?}: {error}");
        }
        std::fs::write(desk.folder().join("partner-desk.toml"), &set.config).unwrap();
        // What the parts say on their way, errors too, stays with them.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_partner-desk"));
        command.current_dir(desk.folder()).env_clear().envs(&set.environment).env("GITHUB_API_URL", format!("http://{nobody}"));
        let output = tokio::task::spawn_blocking(move || command.arg("doctor").output().unwrap()).await.unwrap();
        let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(out.contains("fail  GitHub: no answer from GitHub"), "{out}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        desk.end().await;
    });
}

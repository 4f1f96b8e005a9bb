//! The first run: from the link in the terminal to the first ticket, by the pages alone, and everything that must not let anybody in.

use crate::desk::{Engine, START, instant, run};
use crate::door;
use crate::postgres::fresh_postgres;
use partner_desk::app::{App, open_desk};
use partner_desk::cli::serve::keep;
use partner_desk::clock::Clock;
use partner_desk::doctor::{Mark, examine};
use partner_desk::domain::PartnerId;
use partner_desk::domain::partner::{Membership, Partner};
use partner_desk::programme::TierId;
use partner_desk::sandbox::{Deliver, Fault, Options, Sandbox};
use partner_desk::settings::Settings;
use partner_desk::store::StoredApp;
use partner_desk::web::front::Front;
use partner_desk::web::serving::{self, Limits};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE};
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

const REPO: &str = "7x/support";

static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap());

/// A desk without an App, as `serve` runs it, and a GitHub.
struct FirstRun {
    clock: Clock,
    sandbox: Sandbox,
    settings: Settings,
    desk: Instance,
    folder: PathBuf,
}

/// One process of it.
struct Instance {
    url: String,
    link: String,
    stop: watch::Sender<bool>,
    keeper: tokio::task::JoinHandle<()>,
    server: tokio::task::JoinHandle<()>,
}

impl FirstRun {
    async fn begins(engine: Engine) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("pd_setup_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&unique);
        std::fs::create_dir_all(&folder).unwrap();
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}/desk.db", folder.display()),
            Engine::Postgres => fresh_postgres(&unique).await,
        };
        let clock = Clock::manual(instant(START));
        let options = Options { token_life: None, check: crate::openapi::check(), ..Options::default() };
        let sandbox = Sandbox::start(clock.clone(), options).await.unwrap();
        sandbox.person("ann");
        sandbox.repository(REPO);
        sandbox.deliveries_go(Deliver::AtOnce);
        let settings = settings(&database, sandbox.url());
        let desk = Instance::starts(&settings, &clock).await;
        Self { clock, sandbox, settings, desk, folder }
    }

    async fn ends(self) {
        assert_eq!(self.sandbox.violations(), Vec::<String>::new());
        self.desk.stops().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// The App that is stored.
    async fn stored(&self) -> Option<StoredApp> {
        let desk = open_desk(&self.settings, self.clock.clone()).await.unwrap();
        let app = desk.store.read().await.unwrap().stored_app().await.unwrap();
        desk.store.close().await;
        app
    }

    /// Goes to GitHub with what a page gave, and makes the App there. Gives the way back.
    async fn makes_the_app(&self, page: &str, name: &str) -> String {
        let (action, fields) = form(page);
        let answer = send(&action, &fields).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        let (action, mut fields) = form(&answer.text().await.unwrap());
        fields.insert("name".to_owned(), name.to_owned());
        let answer = send(&format!("{}{action}", self.sandbox.url()), &fields).send().await.unwrap();
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }
}

impl Instance {
    async fn starts(settings: &Settings, clock: &Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let settings = Settings { public_url: url.clone(), ..settings.clone() };
        let (app, workers) = App::build(&settings, clock.clone()).await.unwrap();
        let link = if app.webhook_secret.is_none() { app.setup.link().await.unwrap() } else { String::new() };
        let front = Front::new(app.clone());
        let (stop, stopped) = watch::channel(false);
        let mut stopping = stopped.clone();
        let server = tokio::spawn(serving::serve(listener, front.router(), Limits::default(), || {}, async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        }));
        let keeper = tokio::spawn(async move {
            let (store, workers) = keep(app, workers, front, settings, stopped.clone()).await;
            let _ = stopped.clone().wait_for(|stop| *stop).await;
            if let Some(workers) = workers {
                workers.stop().await;
            }
            store.close().await;
        });
        Self { url, link, stop, keeper, server }
    }

    async fn stops(self) {
        self.stop.send(true).unwrap();
        self.server.await.unwrap();
        self.keeper.await.unwrap();
    }
}

fn settings(database: &str, github: &str) -> Settings {
    let env = |name: &str| match name {
        "DATABASE_URL" => Some(database.to_owned()),
        "GITHUB_API_URL" | "GITHUB_URL" => Some(github.to_owned()),
        _ => None,
    };
    let read = |path: &std::path::Path| match path.to_str() {
        Some("partner-desk.toml") => Ok("agents = [\"ann\"]\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    Settings::load(&env, &read).unwrap()
}

/// An answer, looked at whole.
#[derive(Debug)]
struct Shown {
    status: u16,
    text: String,
    to: String,
    cookie: Option<String>,
}

/// A browser, with the one cookie that matters.
#[derive(Default, Clone)]
struct Browser {
    cookie: Option<String>,
}

impl Browser {
    async fn ask(&mut self, method: Method, url: &str, fields: &[(&str, &str)]) -> Shown {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut request = if method == Method::POST { send(url, &fields) } else { CLIENT.get(url) };
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, format!("other=1; {cookie}"));
        }
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let guards = ["x-frame-options", "referrer-policy", "x-content-type-options", "cache-control"].map(header);
        assert_eq!(guards, ["DENY", "no-referrer", "nosniff", "no-store"], "{url}");
        let cookie = answer.headers().get(SET_COOKIE).map(|value| value.to_str().unwrap().to_owned());
        if let Some(cookie) = &cookie {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        Shown { status: answer.status().as_u16(), to: header(LOCATION.as_str()), cookie, text: answer.text().await.unwrap() }
    }

    async fn opens(&mut self, url: &str) -> Shown {
        self.ask(Method::GET, url, &[]).await
    }

    async fn sends(&mut self, url: &str, fields: &[(&str, &str)]) -> Shown {
        self.ask(Method::POST, url, fields).await
    }

    /// By the link, to the page that asks who owns the App.
    async fn let_in(desk: &Instance) -> Self {
        let mut browser = Self::default();
        let entered = browser.opens(&desk.link).await;
        assert_eq!((entered.status, entered.to.as_str()), (303, "/setup"));
        browser
    }

    /// On to the page that leads to GitHub.
    async fn chooses(&mut self, desk: &Instance, fields: &[(&str, &str)]) -> String {
        let page = self.sends(&format!("{}/setup/app", desk.url), fields).await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.text
    }
}

/// A form on its way.
fn send(url: &str, fields: &BTreeMap<String, String>) -> reqwest::RequestBuilder {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    CLIENT.post(url).header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))
}

/// A page's one form: where it goes, and what stands in it.
fn form(page: &str) -> (String, BTreeMap<String, String>) {
    let text =
        |html: &str| html.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{name} in {tag}")).1;
        text(match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap(),
            None => rest.split([' ', '>']).next().unwrap(),
        })
    };
    let tag = page.split("<form ").nth(1).unwrap_or_else(|| panic!("no form: {page}"));
    let fields =
        tag.split("<input ").skip(1).filter(|tag| tag.contains("value=")).map(|tag| (attribute(tag, "name"), attribute(tag, "value")));
    (attribute(tag.split('>').next().unwrap(), "action"), fields.collect())
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    for _ in 0..200 {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("did not see {what}")
}

/// A story of a first run, on both databases.
macro_rules! first_run {
    ($name:ident, |mut $run:ident| $body:block) => {
        first_run!($name, |$run (mut)| $body);
    };
    ($name:ident, |$run:ident $(($mut:tt))?| $body:block) => {
        mod $name {
            use super::*;

            fn tell(engine: Engine) {
                run(async {
                    let $($mut)? $run = FirstRun::begins(engine).await;
                    $body
                    $run.ends().await;
                });
            }

            #[test]
            fn sqlite() {
                tell(Engine::Sqlite);
            }

            #[test]
            #[ignore = "needs PostgreSQL: tests/run"]
            fn postgres() {
                tell(Engine::Postgres);
            }
        }
    };
}

first_run!(o3_from_the_link_to_the_first_labelled_issue_without_a_restart, |first| {
    let (url, setup) = (first.desk.url.clone(), format!("{}/setup", first.desk.url));
    let mut stranger = Browser::default();
    assert!(stranger.opens(&url).await.text.contains("takes no webhooks"));
    assert_eq!(stranger.opens(&setup).await.status, 403);
    assert_eq!(door::signed(&url, "issues", "early", "{}").send().await.unwrap().status(), 503);

    let mut browser = Browser::default();
    let entered = browser.opens(&first.desk.link).await;
    let cookie = entered.cookie.unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && cookie.contains("; Path=/setup"), "{cookie}");
    let page = browser.opens(&setup).await;
    assert!(page.status == 200 && page.text.contains(&format!("{url}/api/github/webhooks")), "{}", page.text);
    let page = browser.chooses(&first.desk, &[("owner", "organization"), ("login", "7x")]).await;
    assert!(page.contains("issues: write, members: read, metadata: read"), "{page}");
    let (action, fields) = form(&page);
    assert!(action.starts_with(&format!("{}/organizations/7x/settings/apps/new?state=", first.sandbox.url())), "{action}");
    let manifest: serde_json::Value = serde_json::from_str(&fields["manifest"]).unwrap();
    assert_eq!(manifest["hook_attributes"]["url"], format!("{url}/api/github/webhooks"));

    let back = first.makes_the_app(&page, "Desk of 7x").await;
    assert!(back.starts_with(&format!("{setup}/back?code=")), "{back}");
    let made = browser.opens(&back).await;
    assert_eq!((made.status, made.to.as_str()), (303, "/setup"), "{}", made.text);
    let stored = first.stored().await.unwrap();
    assert_eq!(stored.slug, "desk-of-7x");

    // The same process is the whole desk now.
    let page = until("the App's page", || {
        let (mut browser, setup) = (browser.clone(), setup.clone());
        async move { Some(browser.opens(&setup).await).filter(|page| page.text.contains("/installations/new")) }
    })
    .await;
    assert!(page.text.contains(&format!("{}/apps/desk-of-7x/installations/new", first.sandbox.url())), "{}", page.text);
    assert!(page.text.contains("Waiting for GitHub") && page.text.contains("partner import"), "{}", page.text);

    let installed = CLIENT.post(format!("{}/installations/new", stored.page)).send().await.unwrap();
    assert!(installed.headers()[LOCATION].to_str().unwrap().starts_with(&format!("{setup}?installation_id=")));
    let page = browser.opens(&setup).await;
    assert!(
        page.text.contains("Webhooks arrive") && page.text.contains("<code>7x/support</code>") && page.text.contains("No ticket yet"),
        "{}",
        page.text
    );

    // Commands find the App where the page stored it.
    let findings = examine(&first.settings, &first.clock, false).await;
    assert!(
        findings.0.iter().any(|found| found.mark == Mark::Ok && found.what == "App" && found.seen.starts_with("desk-of-7x, id ")),
        "{findings}"
    );
    let deliveries = findings.0.iter().find(|found| found.what == "deliveries").unwrap();
    assert_eq!(deliveries.mark, Mark::Ok, "the ping that came while the App was made is no failure: {deliveries:?}");

    // A partner, as `partner import` adds it, and its first issue.
    let desk = open_desk(&first.settings, first.clock.clone()).await.unwrap();
    let id = PartnerId::new("acme").unwrap();
    let mut partner = Partner { id: id.clone(), name: "Acme".to_owned(), time_zone: None, tiers: Vec::new() };
    partner.put_tier(TierId("gold".to_owned()), None, None);
    let user = Some(first.sandbox.person("anna"));
    let member = Membership { partner: id, user, login: "anna".to_owned(), from: None, until: None, primary: false, lookup_failed: false };
    let mut tx = desk.store.write().await.unwrap();
    tx.put_partner(&partner).await.unwrap();
    tx.put_member(None, &member).await.unwrap();
    tx.commit().await.unwrap();
    desk.store.close().await;
    let opened = first.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    assert_eq!(opened.status(), Some(202));
    until("the labels", || async {
        first.sandbox.issue(REPO, 1).filter(|issue| issue.has_label("tier: Gold") && !issue.comments_by("desk-of-7x[bot]").is_empty())
    })
    .await;
    let page = browser.opens(&setup).await;
    assert!(page.text.contains("7x/support#1"), "{}", page.text);

    // Closed for good, but for looking on from this one browser.
    for text in [&page.text, &made.text] {
        let secrets = [&stored.private_key, &stored.webhook_secret, &stored.client_secret];
        assert!(secrets.iter().all(|secret| !text.contains(secret.expose_secret())) && !text.contains("PRIVATE KEY"));
    }
    for mut who in [browser.clone(), Browser::default()] {
        assert_eq!(who.sends(&format!("{setup}/app"), &[("owner", "personal")]).await.status, 410);
        assert_eq!(who.opens(&back).await.status, 410);
    }
    assert_eq!(Browser::default().opens(&setup).await.status, 410);
    assert_eq!(Browser::default().opens(&first.desk.link).await.status, 410);
    first.clock.advance_to(instant("2026-11-18T21:00:01Z"));
    assert_eq!(browser.opens(&setup).await.status, 410, "and the browser's time has ended");
});

first_run!(o3_only_the_first_who_comes_by_the_link_is_let_in_and_only_within_the_hour, |first| {
    let setup = format!("{}/setup", first.desk.url);
    let wrong = first.desk.link.replace("token=", "token=0");
    assert_eq!(Browser::default().opens(&wrong).await.status, 403);
    assert_eq!(Browser::default().opens(&format!("{setup}?token=")).await.status, 403);
    assert_eq!(CLIENT.head(&first.desk.link).send().await.unwrap().status(), 405, "a preview uses nothing up");
    let mut one = Browser::let_in(&first.desk).await;
    let late = Browser::default().opens(&first.desk.link).await;
    assert!(late.status == 403 && late.text.contains("This link was used") && late.cookie.is_none(), "{}", late.text);
    assert_eq!(one.opens(&first.desk.link).await.status, 303, "who is in may go back");
    let mut forged = Browser { cookie: Some(format!("partner_desk_setup={}", "0".repeat(64))) };
    for path in ["/setup", "/setup/back?code=1&state=1"] {
        assert_eq!(forged.opens(&format!("{}{path}", first.desk.url)).await.status, 403, "{path}");
    }
    assert_eq!(forged.sends(&format!("{setup}/app"), &[("owner", "personal")]).await.status, 403);

    // Started again, there is another link, and whoever came by the first is out; the hour passes.
    let again = Instance::starts(&first.settings, &first.clock).await;
    first.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    let late = Browser::default().opens(&again.link).await;
    assert!(late.status == 403 && late.text.contains("older than an hour"), "{}", late.text);
    again.stops().await;
    assert!(first.stored().await.is_none());
});

first_run!(o3_a_start_puts_out_whoever_came_by_an_earlier_link, |mut first| {
    // Stopped and started again, as the log and the page advise.
    let mut intruder = Browser::let_in(&first.desk).await;
    let page = intruder.chooses(&first.desk, &[("owner", "organization"), ("login", "7x")]).await;
    let back = first.makes_the_app(&page, "Desk").await;
    let old = std::mem::replace(&mut first.desk, Instance::starts(&first.settings, &first.clock).await);
    let (before, used) = (old.url.clone(), old.link.clone());
    old.stops().await;
    let url = first.desk.url.clone();
    assert_eq!(intruder.opens(&format!("{url}/setup")).await.status, 403);
    assert_eq!(intruder.sends(&format!("{url}/setup/app"), &[("owner", "personal")]).await.status, 403);
    assert_eq!(intruder.opens(&back.replace(&before, &url)).await.status, 403);
    assert_eq!(intruder.opens(&used.replace(&before, &url)).await.status, 403, "the link stays used");
    assert!(first.stored().await.is_none());

    // Of several instances that start together, each one's link is good; a start puts out whoever is in at any of them.
    let other = Instance::starts(&first.settings, &first.clock).await;
    let mut owner = Browser::let_in(&first.desk).await;
    assert_eq!(owner.opens(&format!("{}/setup", other.url)).await.status, 200);
    let late = Instance::starts(&first.settings, &first.clock).await;
    for desk in [&first.desk, &other, &late] {
        assert_eq!(owner.opens(&format!("{}/setup", desk.url)).await.status, 403);
    }
    let mut owner = Browser::let_in(&other).await;
    let page = owner.chooses(&late, &[("owner", "organization"), ("login", "7x")]).await;
    let back = first.makes_the_app(&page, "Desk").await;
    assert_eq!(owner.opens(&back).await.status, 303);

    // Who looks on at an App that is made is not put out: there is nothing left to take.
    let again = Instance::starts(&first.settings, &first.clock).await;
    let page = owner.opens(&format!("{}/setup", again.url)).await;
    assert!(page.status == 200 && page.text.contains("/installations/new"), "{}", page.text);
    for desk in [again, late, other] {
        desk.stops().await;
    }
});

first_run!(o3_strangers_who_try_are_counted_and_hold_up_nobody_who_may, |first| {
    let setup = format!("{}/setup", first.desk.url);
    let mut tried = Vec::new();
    for number in 0..40 {
        tried.push(Browser::default().opens(&format!("{setup}?token={number}")).await.status);
    }
    assert_eq!((tried[29], tried[30], tried[39]), (403, 429, 429), "{tried:?}");
    let answer = CLIENT.get(format!("{setup}?token=x")).send().await.unwrap();
    assert_eq!(answer.headers()[RETRY_AFTER], "60");
    let mut browser = Browser::let_in(&first.desk).await;
    assert_eq!(browser.opens(&setup).await.status, 200);
    first.clock.advance_to(instant("2026-11-18T09:00:02Z"));
    assert_eq!(Browser::default().opens(&format!("{setup}?token=y")).await.status, 403, "and one more each two seconds");
});

first_run!(o3_a_form_that_does_not_fit_is_answered_with_what_is_wrong, |first| {
    let mut browser = Browser::let_in(&first.desk).await;
    let app = format!("{}/setup/app", first.desk.url);
    for login in ["", "-a", "a--b", "a/b", "<b>", "ä", &"x".repeat(40)] {
        let page = browser.sends(&app, &[("owner", "organization"), ("login", login)]).await;
        assert!(
            page.status == 422 && page.text.contains("no login of an organisation") && !page.text.contains("<b>”"),
            "{login}: {}",
            page.text
        );
    }
    assert_eq!(browser.sends(&app, &[("login", "7x")]).await.status, 422);
    assert_eq!(browser.sends(&app, &[("owner", "x".repeat(5000).as_str())]).await.status, 400);
    let page = browser.chooses(&first.desk, &[("owner", "personal"), ("hook", "relay")]).await;
    let (action, fields) = form(&page);
    assert!(action.starts_with(&format!("{}/settings/apps/new?state=", first.sandbox.url())), "{action}");
    assert!(fields["manifest"].contains(&format!("{}/api/github/webhooks", first.desk.url)), "there is no relay to choose");

    let relay = Some("https://smee.io/a-channel".to_owned());
    let relayed = Instance::starts(&Settings { relay, ..first.settings.clone() }, &first.clock).await;
    let mut browser = Browser::let_in(&relayed).await;
    let page = browser.opens(&format!("{}/setup", relayed.url)).await;
    assert!(page.text.contains("value=\"relay\" checked") && page.text.contains("https://smee.io/a-channel"), "{}", page.text);
    for (choice, hook) in [("relay", "https://smee.io/a-channel".to_owned()), ("direct", format!("{}/api/github/webhooks", relayed.url))] {
        let page = browser.chooses(&relayed, &[("owner", "personal"), ("hook", choice)]).await;
        let manifest: serde_json::Value = serde_json::from_str(&form(&page).1["manifest"]).unwrap();
        assert_eq!(manifest["hook_attributes"]["url"], hook);
    }
    relayed.stops().await;
});

first_run!(o3_a_state_is_good_once_in_its_browser_and_within_the_hour, |first| {
    let again = Instance::starts(&first.settings, &first.clock).await;
    let mut browser = Browser::let_in(&first.desk).await;
    let page = browser.chooses(&first.desk, &[("owner", "organization"), ("login", "7x")]).await;
    let back = first.makes_the_app(&page, "Desk").await;
    let (start, state) = back.rsplit_once("state=").unwrap();
    for wrong in [format!("{start}state=0{state}"), format!("{start}state="), start.to_owned()] {
        let page = browser.opens(&wrong).await;
        assert!(page.status == 403 && page.text.contains("This way back is not good"), "{wrong}: {}", page.text);
    }
    // Another browser that was let in, by another link.
    let mut other = Browser::let_in(&again).await;
    assert_eq!(other.opens(&back.replace(&first.desk.url, &again.url)).await.status, 403);
    assert_eq!(Browser::default().opens(&back).await.status, 403);

    // A code that GitHub does not know uses it up.
    let spent = browser.opens(&format!("{}/setup/back?code=nonsense&state={state}", first.desk.url)).await;
    assert!(spent.status == 422 && spent.text.contains("GitHub does not know the code"), "{}", spent.text);
    assert_eq!(browser.opens(&back).await.status, 403, "used");

    let page = browser.chooses(&first.desk, &[("owner", "organization"), ("login", "7x")]).await;
    let back = first.makes_the_app(&page, "Desk").await;
    first.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    assert_eq!(browser.opens(&back).await.status, 403, "an hour later");
    assert!(first.stored().await.is_none());
    again.stops().await;
});

first_run!(o3_a_github_that_does_not_answer_takes_nothing_from_the_way_back, |first| {
    let mut browser = Browser::let_in(&first.desk).await;
    let page = browser.chooses(&first.desk, &[("owner", "personal")]).await;
    let back = first.makes_the_app(&page, "Desk of Olga").await;
    let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    first.sandbox.faults().unreachable(true);
    let page = browser.opens(&back).await;
    assert!(page.status == 502 && page.text.contains("GitHub did not answer") && !page.text.contains(code), "{}", page.text);
    first.sandbox.faults().unreachable(false);
    first.sandbox.faults().next("POST", "/conversions", Fault::status(503, "Unicorn!"));
    assert_eq!(browser.opens(&back).await.status, 502);
    assert!(first.stored().await.is_none());
    assert_eq!(browser.opens(&back).await.status, 303);
    assert_eq!(first.stored().await.unwrap().slug, "desk-of-olga");
});

first_run!(o3_what_cannot_be_worked_with_is_not_stored, |first| {
    let mut browser = Browser::let_in(&first.desk).await;
    let page = browser.chooses(&first.desk, &[("owner", "personal")]).await;
    let back = first.makes_the_app(&page, "Desk").await;
    let made = serde_json::json!({ "id": 5, "slug": "desk", "html_url": "https://x", "pem": "no-key-at-all", "webhook_secret": "w", "client_id": "c", "client_secret": "s" });
    let fault = Fault::Status { status: 201, headers: Vec::new(), body: made };
    first.sandbox.faults().next("POST", "/conversions", fault);
    let page = browser.opens(&back).await;
    assert!(page.status == 502 && page.text.contains("cannot be used") && !page.text.contains("no-key-at-all"), "{}", page.text);
    assert!(first.stored().await.is_none());
});

first_run!(o3_every_instance_takes_any_step_and_follows_when_the_app_is_made, |first| {
    let other = Instance::starts(&first.settings, &first.clock).await;
    let mut browser = Browser::let_in(&first.desk).await;
    // Behind one address, each request may come to another.
    let page = browser.chooses(&other, &[("owner", "organization"), ("login", "7x")]).await;
    let back = first.makes_the_app(&page, "Desk").await;
    assert_eq!(browser.opens(&back.replace(&other.url, &first.desk.url)).await.status, 303);
    let secret = first.stored().await.unwrap().webhook_secret;
    for url in [&first.desk.url, &other.url] {
        until("a signed ping that is taken", || async {
            let ping = door::unsigned(url, "ping", "ping-1", "{}");
            let ping = ping.header("x-hub-signature-256", partner_desk::sandbox::signature(secret.expose_secret(), b"{}"));
            (ping.send().await.unwrap().status() == 200).then_some(())
        })
        .await;
    }
    other.stops().await;
});

#[test]
#[ignore = "needs GitHub's API description: tests/run"]
fn the_sandbox_hands_out_an_app_as_github_describes_it() {
    run(async {
        let github = crate::openapi::GITHUB.clone().expect("PARTNER_DESK_OPENAPI is not set: run tests/run");
        let first = FirstRun::begins(Engine::Sqlite).await;
        let mut browser = Browser::let_in(&first.desk).await;
        let page = browser.chooses(&first.desk, &[("owner", "personal")]).await;
        let back = first.makes_the_app(&page, "Desk").await;
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let path = format!("/app-manifests/{code}/conversions");
        let ask = || CLIENT.post(format!("{}{path}", first.sandbox.url())).header("user-agent", "test").send();
        let answer = ask().await.unwrap();
        assert_eq!(answer.status(), 201);
        let app: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(github.check_answer("POST", &path, 201, &app), Ok(()));
        assert!(app["pem"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert_eq!(ask().await.unwrap().status(), 404, "once");
        first.ends().await;
    });
}

story!(o3_the_app_of_the_environment_counts_and_there_is_nothing_to_set_up, |mut desk| {
    let mut tx = desk.app.desk.store.write().await.unwrap();
    let app = StoredApp {
        app_id: 99,
        slug: "other".to_owned(),
        page: "https://github.example.com/apps/other".to_owned(),
        private_key: "none".into(),
        webhook_secret: "another-secret".into(),
        client_id: "c".to_owned(),
        client_secret: "s".into(),
        made: desk.clock.now(),
    };
    assert!(tx.put_app(&app).await.unwrap());
    assert!(!tx.put_app(&app).await.unwrap(), "there is one at most");
    tx.commit().await.unwrap();
    desk.restart().await;
    assert_eq!(desk.app.webhook_secret.as_ref().unwrap().expose_secret(), door::SECRET);
    let mut browser = Browser::default();
    for path in ["/setup", "/setup?token=x", "/setup/back?code=x&state=y"] {
        assert_eq!(browser.opens(&format!("{}{path}", desk.url)).await.status, 410, "{path}");
    }
    assert_eq!(browser.sends(&format!("{}/setup/app", desk.url), &[("owner", "personal")]).await.status, 410);
    assert!(!format!("{app:?} {:?}", desk.app).contains("another-secret"));
});

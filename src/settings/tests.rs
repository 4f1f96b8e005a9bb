use super::*;
use crate::programme::{LadderStep, Mode, OverQuota, StepAt};
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The example of the documentation.
const EXAMPLE: &str = r#"
programme = "programme.toml"           # default: the built-in table
time_zone = "Europe/Paris"             # of the windows; default UTC
mode = "enforce"                       # or "observe" (O1)
agents = ["ann", "@acme/support"]      # logins and teams
repositories = ["acme/support"]        # default: all of the installation
over_quota = "wait"                    # wait | close | admit_without_sla
unknown_author = "ignore"              # ignore | label | comment | close
response = "first"                     # first | every
privacy = false
retention = "90d"

[[chat]]
name = "support"
kind = "slack"                         # slack mattermost discord teams google_chat webhook email
url = "env:SLACK_WEBHOOK_URL"          # env:NAME or file:PATH wherever a secret is meant; a literal, http and loopback are taken too, doctor warns

[[ladder]]                             # in place of the default; `tiers` limits one to some tiers
tiers = ["platinum"]
steps = [
  { at = "50%", chat = ["support"] },
  { at = "due", chat = ["support"], mention = ["oncall"], repeat = "1h", times = 12 },
]
"#;

static PEM: LazyLock<String> = LazyLock::new(|| crate::sandbox::Keys::generate().unwrap().private);
const SMALL: &str =
    "[[tier]]\nid = \"platinum\"\nname = \"Platinum\"\nresponse = \"3h\"\n[[tier]]\nid = \"gold\"\nname = \"Gold\"\nresponse = \"4h\"\n";

type Pairs<'p> = &'p [(&'p str, &'p str)];

fn load(env: Pairs<'_>, files: Pairs<'_>) -> Result<Settings, Vec<String>> {
    let env: BTreeMap<_, _> = env.iter().copied().collect();
    let files: BTreeMap<_, _> = files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    let read = |path: &Path| files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
    let settings = Settings::load(&|name| env.get(name).map(|value| (*value).to_owned()), &read);
    settings.map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}

fn problems(env: Pairs<'_>, files: Pairs<'_>) -> Vec<String> {
    load(env, files).map(|_| ()).unwrap_err()
}

/// The problems of a configuration file with this text.
fn refused(text: &str) -> Vec<String> {
    problems(&[], &[("partner-desk.toml", text)])
}

#[test]
fn without_anything_the_defaults_hold() {
    let settings = load(&[("PORT", ""), ("APP_ID", " ")], &[]).unwrap();
    assert_eq!(&*settings.database_url, "sqlite://partner-desk.db");
    assert_eq!((settings.host.as_str(), settings.port), ("127.0.0.1", 3000));
    assert_eq!(settings.public_url, "http://127.0.0.1:3000");
    assert_eq!((settings.api_url.as_str(), settings.web_url.as_str()), ("https://api.github.com", "https://github.com"));
    assert!(settings.app.is_none() && settings.oauth.is_none() && settings.config_path.is_none());
    assert_eq!(settings.policy, Policy::default());
    assert_eq!(*settings.programme, Programme::builtin());
    assert!(settings.agents.is_empty() && settings.repositories.is_empty() && settings.chat.is_empty());
    assert_eq!((settings.log_filter.as_str(), settings.log_format), ("info", LogFormat::Text));
}

#[test]
fn the_documented_example_loads() {
    let env = [("SLACK_WEBHOOK_URL", "https://hooks.example/T/B/x"), ("PARTNER_DESK_CONFIG", "/etc/desk/desk.toml")];
    let settings = load(&env, &[("/etc/desk/desk.toml", EXAMPLE), ("/etc/desk/programme.toml", SMALL)]).unwrap();
    assert_eq!(settings.config_path.as_deref(), Some(Path::new("/etc/desk/desk.toml")));
    assert_eq!(settings.programme.tiers.len(), 2);
    let policy = &settings.policy;
    assert_eq!((policy.time_zone_name.as_str(), policy.mode, policy.over_quota), ("Europe/Paris", Mode::Enforce, OverQuota::Wait));
    assert_eq!(policy.channels, ["support"]);
    assert_eq!(policy.retention, jiff::SignedDuration::from_hours(90 * 24));
    let team = AgentEntry::Team { org: "acme".into(), slug: "support".into() };
    assert_eq!(settings.agents, [AgentEntry::Login("ann".into()), team]);
    assert_eq!(settings.repositories, ["acme/support"]);
    let channel = &settings.chat[0];
    assert_eq!((channel.kind, channel.url.expose_secret(), channel.literal_url), (ChatKind::Slack, "https://hooks.example/T/B/x", false));
    let [half, due] = &policy.ladders[0].steps[..] else { panic!("two steps") };
    assert_eq!((half.at, half.name(), half.repeat), (StepAt::Share(5000), "due soon", None));
    assert_eq!((due.name(), due.times, due.mention.as_slice()), ("breach", 12, &["oncall".to_owned()][..]));
}

#[test]
fn o2_retention_is_whole_days_and_longer_than_github_sends_again() {
    let one = |text: &str| refused(&format!("retention = {text}")).join("\n");
    let form = "expected whole days, from \"4d\" to \"3650d\"";
    let short = "GitHub sends a delivery again for three days, and the desk has to know it until then";
    assert_eq!(one("\"3d\""), format!("partner-desk.toml:1: retention = \"3d\": {form}; {short}"));
    assert_eq!(one("\"-400d\""), format!("partner-desk.toml:1: retention = \"-400d\": {form}; {short}"));
    assert_eq!(one("\"100h\""), format!("partner-desk.toml:1: retention = \"100h\": {form}; a day is 24 hours"));
    assert_eq!(one("\"400\""), format!("partner-desk.toml:1: retention = \"400\": {form}; 400 has no unit"));
    assert_eq!(one("\"4000d\""), format!("partner-desk.toml:1: retention = \"4000d\": {form}; at most 3650d"));
    assert_eq!(one("400"), "partner-desk.toml:1: retention = 400: expected a text in quotes");
    for (text, days) in [("4d", 4), ("96h", 4), ("3650d", 3650)] {
        let settings = load(&[], &[("partner-desk.toml", &format!("retention = \"{text}\""))]).unwrap();
        assert_eq!(settings.policy.retention, jiff::SignedDuration::from_hours(days * 24));
    }
}

#[test]
fn the_environment_is_read() {
    let env = [
        ("DATABASE_URL", "postgres://desk:hunter2@db/desk"),
        ("HOST", "0.0.0.0"),
        ("PORT", "8080"),
        ("GITHUB_API_URL", "https://github.example/api/v3/"),
        ("LOG_FORMAT", "json"),
        ("GITHUB_CLIENT_ID", "Iv1"),
        ("GITHUB_CLIENT_SECRET", "hush"),
    ];
    let settings = load(&env, &[]).unwrap();
    assert_eq!(settings.public_url, "http://localhost:8080");
    assert_eq!(settings.api_url, "https://github.example/api/v3");
    assert_eq!(settings.log_format, LogFormat::Json);
    let shown = format!("{settings:?}");
    assert!(shown.contains("DatabaseUrl(postgres:…)") && !shown.contains("hunter2") && !shown.contains("hush"), "{shown}");
    assert_eq!(load(&[("HOST", "::1")], &[]).unwrap().public_url, "http://[::1]:3000");
}

#[test]
fn a_private_key_comes_in_many_forms() {
    let escaped = PEM.replace('\n', "\\n");
    let quoted = format!("\"{escaped}\"");
    let packed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, PEM.as_str());
    for key in [PEM.as_str(), &escaped, &quoted, &packed] {
        let settings = load(&[("APP_ID", "7"), ("PRIVATE_KEY", key), ("WEBHOOK_SECRET", "hush")], &[]).unwrap();
        assert_eq!(settings.app.as_ref().unwrap().private_key.expose_secret(), &*PEM);
        assert_eq!(settings.app.as_ref().unwrap().app_id, 7);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("MIIE") && !shown.contains("hush"), "{shown}");
    }
    // GitHub signs with the secret as it is, so nothing is trimmed from it.
    let spaced = load(&[("APP_ID", "7"), ("PRIVATE_KEY", &PEM), ("WEBHOOK_SECRET", " ")], &[]).unwrap();
    assert_eq!(spaced.app.unwrap().webhook_secret.expose_secret(), " ");
    let by_path = [("APP_ID", "7"), ("PRIVATE_KEY_PATH", "key.pem"), ("WEBHOOK_SECRET", "x")];
    let settings = load(&by_path, &[("key.pem", &PEM)]).unwrap();
    assert_eq!(settings.app.unwrap().private_key.expose_secret(), &*PEM);
    assert_eq!(
        problems(&by_path, &[]),
        ["environment: PRIVATE_KEY_PATH = \"key.pem\": expected a file that can be read; entity not found"]
    );
    assert_eq!(
        problems(&by_path, &[("key.pem", "nonsense")]),
        ["environment: PRIVATE_KEY_PATH = \"key.pem\": expected a file with a private key in PEM form"]
    );
    assert_eq!(
        problems(&[("APP_ID", "7"), ("PRIVATE_KEY", "s3cret"), ("WEBHOOK_SECRET", "x")], &[]),
        ["environment: PRIVATE_KEY: expected a private key in PEM form, with line breaks or \\n, or that in base64"]
    );
    // What only looks like a key is found here, and not when it is first needed.
    let whole = "expected the whole RSA key as GitHub generated it, from its BEGIN to its END line";
    let cut = PEM.replacen(&PEM[200..300], "", 1);
    let other = PEM.replace("RSA PRIVATE", "EC PRIVATE");
    let open = PEM.split("-----END").next().unwrap();
    for key in [cut.as_str(), &other, open, "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n"] {
        let said = problems(&[("APP_ID", "7"), ("PRIVATE_KEY", key), ("WEBHOOK_SECRET", "x")], &[]);
        assert_eq!(said, [format!("environment: PRIVATE_KEY: {whole}")]);
        assert_eq!(problems(&by_path, &[("key.pem", key)]), [format!("environment: PRIVATE_KEY_PATH = \"key.pem\": {whole}")]);
    }
}

#[test]
fn what_nobody_can_reach_is_no_address() {
    const FORM: &str = "expected an address that begins with http:// or https://";
    let chat = |url: &str| format!("[[chat]]\nname = \"a\"\nkind = \"slack\"\nurl = \"{url}\"\n");
    for (url, why) in [
        ("https://[zz/hush", "; invalid IPv6 address"),
        ("https://chat.example:99999/hush", "; invalid port number"),
        ("https://?hush", "; empty host"),
        ("https:///hush", ""),
        ("chat.example/hush", ""),
    ] {
        assert_eq!(refused(&chat(url)), [format!("partner-desk.toml:4: chat \"a\": url: {FORM}{why}")]);
        let env = [("PARTNER_DESK_CONFIG", "a.toml"), ("URL", url)];
        assert_eq!(problems(&env, &[("a.toml", &chat("env:URL"))]), [format!("a.toml:4: chat \"a\": url: {FORM}{why}")]);
        assert_eq!(refused(&format!("heartbeat_url = \"{url}\"\n")), [format!("partner-desk.toml:1: heartbeat_url: {FORM}{why}")]);
        assert_eq!(problems(&[("GITHUB_API_URL", url)], &[]), [format!("environment: GITHUB_API_URL = \"{url}\": {FORM}{why}")]);
    }
}

#[test]
fn half_an_app_is_refused() {
    assert_eq!(
        problems(&[("APP_ID", "7")], &[]),
        [
            "environment: PRIVATE_KEY: expected a value here or in PRIVATE_KEY_PATH; APP_ID is set: set all of them for the App, or none",
            "environment: WEBHOOK_SECRET: expected a value; APP_ID is set: set all of them for the App, or none",
        ]
    );
    assert_eq!(
        problems(&[("APP_ID", "seven"), ("PRIVATE_KEY", &PEM), ("WEBHOOK_SECRET", "x")], &[]),
        ["environment: APP_ID = \"seven\": expected the App's id, a whole number above zero"]
    );
    assert_eq!(
        problems(&[("GITHUB_CLIENT_ID", "x")], &[]),
        ["environment: GITHUB_CLIENT_SECRET: expected a value; GITHUB_CLIENT_ID is set: set all of them for signing in, or none"]
    );
}

#[test]
fn wrong_variables_are_refused_all_at_once() {
    let env = [
        ("DATABASE_URL", "mysql://root:hunter2@db"),
        ("HOST", "127.0.0.1:3000"),
        ("PORT", "70000"),
        ("PUBLIC_URL", "desk.example"),
        ("GITHUB_URL", "ftp://x"),
        ("LOG_FORMAT", "jsno"),
        ("PARTNER_DESK_CONFIG", "missing.toml"),
    ];
    assert_eq!(
        problems(&env, &[]),
        [
            "environment: HOST = \"127.0.0.1:3000\": expected an IP address or a host name, without a port",
            "environment: PORT = \"70000\": expected a port number from 0 to 65535",
            "environment: DATABASE_URL: expected an address that begins with sqlite:// or postgres://; it begins with mysql://",
            "environment: PUBLIC_URL = \"desk.example\": expected an address that begins with http:// or https://",
            "environment: GITHUB_URL = \"ftp://x\": expected an address that begins with http:// or https://",
            "environment: LOG_FORMAT = \"jsno\": expected \"text\" or \"json\"; the nearest is \"json\"",
            "environment: PARTNER_DESK_CONFIG = \"missing.toml\": expected a configuration file that can be read; entity not found",
        ]
    );
}

#[test]
fn o3_the_desk_lies_at_the_top_of_its_host() {
    for url in ["https://desk.example.com", "https://desk.example.com/", "http://127.0.0.1:3912"] {
        assert_eq!(load(&[("PUBLIC_URL", url)], &[]).unwrap().public_url, url.trim_end_matches('/'));
    }
    for url in ["http://127.0.0.1:3912/desk", "https://example.com/desk/", "https://example.com?desk", "https://example.com/#desk"] {
        assert_eq!(
            problems(&[("PUBLIC_URL", url)], &[]),
            [format!(
                "environment: PUBLIC_URL = \"{}\": expected an address without a path, like \"https://desk.example.com\"; give the desk a host name of its own",
                url.trim_end_matches('/')
            )]
        );
    }
}

#[test]
fn another_github_has_another_api() {
    for (url, there) in [
        ("https://github.example.com", "https://github.example.com/api/v3"),
        ("https://example.com:8443/", "https://example.com:8443/api/v3"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
    ] {
        assert_eq!(
            problems(&[("GITHUB_URL", url)], &[]),
            [format!(
                "environment: GITHUB_API_URL: expected the address of the API of the GitHub that GITHUB_URL names; that should be {there}"
            )]
        );
        assert_eq!(load(&[("GITHUB_URL", url), ("GITHUB_API_URL", there)], &[]).unwrap().api_url, there);
    }
    assert_eq!(load(&[("GITHUB_URL", "https://github.com/")], &[]).unwrap().api_url, "https://api.github.com");
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    let text = "prviacy = true\n[[chat]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"http://x\"\nsercet = \"y\"\n[labels]\nmett = \"x\"\n[labels.met]\ncolour = \"000000\"\n[[ladder]]\ntier = []\nsteps = [{ at = \"due\", repeats = \"1h\" }]\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:1: unknown key \"prviacy\": expected \"programme\", \"time_zone\", \"mode\", \"agents\", \"repositories\", \"over_quota\", \"unknown_author\", \"response\", \"privacy\", \"retention\", \"heartbeat_url\", \"labels\", \"chat\", \"ladder\", \"on_call\", \"quiet_hours\", \"daily_digest\" or \"weekly_summary\"; the nearest known key is \"privacy\"",
            "partner-desk.toml:6: unknown key \"sercet\" in chat \"a\": expected \"name\", \"kind\", \"url\", \"token\", \"channel\", \"password\", \"from\", \"to\", \"ca_file\", \"unencrypted\", \"secret\", \"fallback\" or \"new_tickets\"; the nearest known key is \"secret\"",
            "partner-desk.toml:8: unknown key \"mett\" in labels: expected \"tier\", \"target\", \"due\", \"due_soon\", \"breached\", \"met\", \"paused\", \"waiting\", \"unknown\", \"waiting_partner\" or \"due_rounding\"; the nearest known key is \"met\"",
            "partner-desk.toml:10: unknown key \"colour\" in labels: met: expected \"name\" or \"color\"; the nearest known key is \"color\"",
            "partner-desk.toml:12: unknown key \"tier\" in ladder 1: expected \"tiers\" or \"steps\"; the nearest known key is \"tiers\"",
            "partner-desk.toml:13: unknown key \"repeats\" in ladder 1: step 1: expected \"at\", \"name\", \"chat\", \"mention\", \"label\", \"assign\", \"repeat\" or \"times\"; the nearest known key is \"repeat\"",
        ]
    );
}

#[test]
fn wrong_choices_are_refused() {
    let text = "time_zone = \"Europe/Pari\"\nmode = \"enforced\"\nover_quota = \"\"\nunknown_author = 1\nresponse = \"all\"\nprivacy = \"on\"\nagents = [\"a b\", \"@x/y/z\"]\nrepositories = [\"acme\"]\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:1: time_zone = \"Europe/Pari\": expected an IANA time zone like \"Europe/Paris\" or \"UTC\"; the nearest is \"Europe/Paris\"",
            "partner-desk.toml:2: mode = \"enforced\": expected \"enforce\" or \"observe\"; the nearest is \"enforce\"",
            "partner-desk.toml:3: over_quota = \"\": expected \"wait\", \"close\" or \"admit_without_sla\"",
            "partner-desk.toml:4: unknown_author = 1: expected \"ignore\", \"label\", \"comment\" or \"close\"; write it as a text in quotes",
            "partner-desk.toml:5: response = \"all\": expected \"first\" or \"every\"; the nearest is \"first\"",
            "partner-desk.toml:6: privacy = \"on\": expected true or false",
            "partner-desk.toml:7: agents = \"a b\": expected a login like \"ann\" or a team like \"@acme/support\"",
            "partner-desk.toml:7: agents = \"@x/y/z\": expected a login like \"ann\" or a team like \"@acme/support\"",
            "partner-desk.toml:8: repositories = \"acme\": expected a repository as \"owner/name\"",
        ]
    );
}

#[test]
fn e8_bots_are_checked_and_their_tokens_kept() {
    let bots = "[[chat]]\nname = \"a\"\nkind = \"slack\"\ntoken = \"env:TOKEN\"\nchannel = \"C012AB3CD\"\n[[chat]]\nname = \"b\"\nkind = \"mattermost\"\nurl = \"https://chat.example\"\ntoken = \"file:token\"\nchannel = \"4xp9fdt77pncbef59f4k1qe83o\"\n";
    let settings = load(&[("TOKEN", "xoxb-hush")], &[("partner-desk.toml", bots), ("token", "hush\n")]).unwrap();
    let [slack, mattermost] = &settings.chat[..] else { panic!("two") };
    assert_eq!(slack.url.expose_secret(), "https://slack.com/api");
    assert_eq!((slack.origin.as_str(), slack.literal_url, slack.unset), ("env:TOKEN", false, false));
    let access = |channel: &ChatChannel| channel.bot.clone().map(|(token, channel)| (token.expose_secret().to_owned(), channel)).unwrap();
    assert_eq!(access(slack), ("xoxb-hush".to_owned(), "C012AB3CD".to_owned()));
    assert_eq!((access(mattermost).0.as_str(), mattermost.url.expose_secret()), ("hush", "https://chat.example"));
    assert!(!format!("{settings:?}").contains("hush"));

    let chat = |keys: &str| refused(&format!("[[chat]]\nname = \"a\"\n{keys}\n")).join("\n");
    let told = [
        ("kind = \"slack\"\ntoken = \"hush\"", "channel: expected the channel's id, like \"C012AB3CD\"; the key is missing"),
        (
            "kind = \"slack\"\nchannel = \"C012AB3CD\"",
            "token: expected the bot's token, as \"env:NAME\" or \"file:PATH\"; the key is missing",
        ),
        (
            "kind = \"slack\"\ntoken = \"hush\"\nchannel = \"#support\"",
            "channel = \"#support\": expected the channel's id, like \"C012AB3CD\"; in Slack it stands",
        ),
        ("kind = \"slack\"\ntoken = \"hush hush\"\nchannel = \"C012AB3CD\"", "token: expected a token: one word, as the chat shows it"),
        (
            "kind = \"mattermost\"\ntoken = \"hush\"\nchannel = \"4xp9fdt77pncbef59f4k1qe83o\"",
            "url: expected \"env:NAME\", \"file:PATH\" or an address; the key is missing",
        ),
        (
            "kind = \"mattermost\"\nurl = \"http://x\"\ntoken = \"hush\"\nchannel = \"town-square\"",
            "expected the channel's id: 26 letters and digits",
        ),
        (
            "kind = \"discord\"\nurl = \"http://x\"\ntoken = \"hush\"\nchannel = \"1\"",
            "token: expected no token for the kind \"discord\"; a bot speaks to the kinds \"slack\" and \"mattermost\" only",
        ),
        ("kind = \"slack\"\ntoken = \"env:NOWHERE\"\nchannel = \"C012AB3CD\"", "expected the environment variable NOWHERE to be set"),
    ];
    for (keys, words) in told {
        let said = chat(keys);
        assert!(said.contains(words) && !said.contains("hush"), "{keys}: {said}");
    }
}

#[test]
fn mail_is_checked_and_its_password_kept() {
    let mail = |url: &str, more: &str| {
        format!(
            "[[chat]]\nname = \"a\"\nkind = \"email\"\nurl = \"{url}\"\nfrom = \"Desk <desk@example.com>\"\nto = [\"ann@example.com\"]\n{more}\n"
        )
    };
    let one = |url: &str, more: &str| -> Result<ChatChannel, Vec<String>> {
        let files = [("partner-desk.toml", &*mail(url, more)), ("ca.pem", "-----BEGIN CERTIFICATE-----\n"), ("password", "hush\n")];
        let settings = load(&[("PASSWORD", "hush"), ("SMTP_URL", "smtps://desk:hush@mail.example.com")], &files)?;
        assert!(!format!("{settings:?}").contains("hush"));
        Ok(settings.chat[0].clone())
    };
    let channel = one("smtps://desk%40example.com@mail.example.com:465", "password = \"env:PASSWORD\"\nca_file = \"ca.pem\"").unwrap();
    let access = channel.mail.unwrap();
    assert_eq!((channel.origin.as_str(), channel.literal_url, channel.unset), ("env:PASSWORD", false, false));
    assert_eq!((access.from.to_string().as_str(), access.to.len(), access.unencrypted), ("Desk <desk@example.com>", 1, false));
    assert!(access.roots.is_some() && access.password.is_some_and(|password| password.expose_secret() == "hush"));
    // A password in the address is as good, where the file does not hold it.
    let whole = one("env:SMTP_URL", "").unwrap();
    assert_eq!((whole.origin.as_str(), whole.literal_url), ("env:SMTP_URL", false));
    assert!(one("smtps://desk:hush@mail.example.com", "").unwrap().literal_url);
    assert!(one("smtps://desk@mail.example.com", "password = \"hush\"").unwrap().literal_url);
    assert!(!one("smtp://localhost:25", "unencrypted = true").unwrap().literal_url);
    assert!(!one("smtps://desk@mail.example.com", "password = \"file:password\"").unwrap().literal_url);

    let form = "url: expected a mail server, like \"smtps://USER@mail.example.com\"";
    for (url, more, words) in [
        ("https://mail.example.com/hush", "", form),
        ("smtps://mail.example.com/hush", "", form),
        ("smtps://mail.example.com:hush", "", form),
        ("smtps://", "", form),
        (
            "smtps://hush@mail.example.com",
            "",
            "password: expected the password of the user in `url`, as \"env:NAME\" or \"file:PATH\"; the key is missing",
        ),
        ("smtps://mail.example.com", "password = \"hush\"", "password: expected a user before the host of `url`"),
        ("smtps://desk:hush@mail.example.com", "password = \"hush\"", "password: expected one password; another one stands in `url`"),
        ("smtps://mail.example.com", "unencrypted = true", "unencrypted = true: expected false"),
        ("smtps://mail.example.com", "ca_file = \"gone.pem\"", "ca_file = \"gone.pem\": expected a file with certificates as PEM"),
        ("smtps://mail.example.com", "ca_file = \"password\"", "no certificate is in password"),
        ("smtps://mail.example.com", "token = \"hush\"", "token: expected no token for the kind \"email\""),
        ("smtps://mail.example.com", "secret = \"hush\"", "secret: expected no secret for the kind \"email\""),
        ("env:NOWHERE", "", "expected the environment variable NOWHERE to be set"),
    ] {
        let said = one(url, more).map(|_| ()).unwrap_err().join("\n");
        assert!(said.contains(words) && !said.contains("hush"), "{url} {more}: {said}");
    }
    for (wrong, words) in [
        (
            "to = [\"ann@example.com\"]",
            "to: expected a list of addresses in brackets, for example [\"support@example.com\"]; the key is missing",
        ),
        ("from = \"Desk <desk@example.com>\"", "from: expected the sender, like \"Partner Desk <desk@example.com>\"; the key is missing"),
    ] {
        let said = refused(&mail("smtps://mail.example.com", "").replace(wrong, "")).join("\n");
        assert!(said.contains(words), "{said}");
    }
    for (right, wrong, words) in [
        ("[\"ann@example.com\"]", "[]", "to = []: expected at least one address"),
        ("\"ann@example.com\"", "\"ann\"", "to = \"ann\": expected an address, like \"support@example.com\""),
        ("[\"ann@example.com\"]", "\"ann@example.com\"", "to = \"ann@example.com\": expected a list of addresses in brackets"),
        ("Desk <desk@example.com>", "desk", "from = \"desk\": expected the sender"),
        ("Desk <desk@example.com>", "a\\r\\nBcc: x@y.example", "expected the sender"),
        ("\"email\"", "\"slack\"", "from: expected no `from`: that is for the kind \"email\""),
    ] {
        let said = refused(&mail("smtps://mail.example.com", "").replace(right, wrong)).join("\n");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn channels_are_checked_and_their_secrets_kept() {
    let text = "[[chat]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://literal.example/hush\"\nsecret = \"file:keys/a\"\n";
    let settings = load(&[("PARTNER_DESK_CONFIG", "etc/desk.toml")], &[("etc/desk.toml", text), ("etc/keys/a", "hush\n")]).unwrap();
    assert!(settings.chat[0].literal_url && settings.chat[0].origin == "the configuration file");
    assert_eq!(settings.chat[0].secret.as_ref().unwrap().secret.expose_secret(), "hush");
    assert!(!format!("{settings:?}").contains("hush"));

    let text = "[[chat]]\nname = \"a\"\nkind = \"mail\"\nurl = \"env:NOWHERE\"\n[[chat]]\nname = \"a\"\nkind = \"slak\"\nurl = \"hush\"\n[[chat]]\nname = \"\"\nkind = \"slack\"\nurl = \"file:gone\"\nsecret = \"hush\"\n[[chat]]\n";
    let found = refused(text);
    assert_eq!(
        found,
        [
            "partner-desk.toml:3: chat \"a\": kind = \"mail\": expected \"slack\", \"mattermost\", \"discord\", \"teams\", \"google_chat\", \"webhook\" or \"email\"; the nearest is \"email\"",
            "partner-desk.toml:4: chat \"a\": url = \"env:NOWHERE\": expected the environment variable NOWHERE to be set",
            "partner-desk.toml:6: chat \"a\": name = \"a\": expected a name that no other [[chat]] has",
            "partner-desk.toml:7: chat \"a\": kind = \"slak\": expected \"slack\", \"mattermost\", \"discord\", \"teams\", \"google_chat\", \"webhook\" or \"email\"; the nearest is \"slack\"",
            "partner-desk.toml:8: chat \"a\": url: expected an address that begins with http:// or https://",
            "partner-desk.toml:10: chat 3: name = \"\": expected a text that is not empty",
            "partner-desk.toml:12: chat 3: url = \"file:gone\": expected a file that can be read; gone: entity not found",
            "partner-desk.toml:13: chat 3: secret: expected no secret for the kind \"slack\"; only the kind \"webhook\" is signed",
            "partner-desk.toml:14: chat 4: name: expected a name for the channel; the key is missing",
            "partner-desk.toml:14: chat 4: kind: expected \"slack\", \"mattermost\", \"discord\", \"teams\", \"google_chat\", \"webhook\" or \"email\"; the key is missing",
            "partner-desk.toml:14: chat 4: url: expected \"env:NAME\", \"file:PATH\" or an address; the key is missing",
        ]
    );
}

#[test]
fn ladders_are_checked_against_the_programme() {
    let step = crate::programme::ladder::STEP_FORM;
    let length = crate::programme::duration::DURATION_FORM;
    let text = "[[ladder]]\ntiers = [\"Gold\", \"golt\"]\nsteps = [\n  { at = \"-4h\" },\n  { at = \"sometime\" },\n  { at = \"due\", chat = [\"suport\"] },\n  { at = \"due\", repeat = \"0s\" },\n  { at = \"due\", times = 3 },\n  { at = \"due\", repeat = \"1h\", times = 0 },\n  { label = \"\" },\n]\n[[ladder]]\nsteps = []\n[[ladder]]\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:2: ladder 1: tiers = \"golt\": expected the id of a tier; the nearest is \"gold\"".to_owned(),
            "partner-desk.toml:4: ladder 1: step 1: at = \"-4h\": expected a step after the start for the tier \"gold\", whose target is 4h; this one would be 0s after it".to_owned(),
            format!("partner-desk.toml:5: ladder 1: step 2: at = \"sometime\": expected {step}"),
            "partner-desk.toml:6: ladder 1: step 3: chat = \"suport\": expected the name of a [[chat]]; the file names no [[chat]]".to_owned(),
            format!("partner-desk.toml:7: ladder 1: step 4: repeat = \"0s\": expected {length}; a step repeats after 1s or more"),
            "partner-desk.toml:8: ladder 1: step 5: times = 3: expected no \"times\" without \"repeat\"; say after how long it repeats, for example repeat = \"1h\"".to_owned(),
            "partner-desk.toml:9: ladder 1: step 6: times = 0: expected a whole number from 1 to 1000".to_owned(),
            format!("partner-desk.toml:10: ladder 1: step 7: at: expected {step}; the key is missing"),
            "partner-desk.toml:10: ladder 1: step 7: label = \"\": expected a text that is not empty".to_owned(),
            "partner-desk.toml:13: ladder 2: steps = []: expected at least one step".to_owned(),
            "partner-desk.toml:14: ladder 3: tiers: expected the tiers that this ladder is for; ladder 2 on line 12 names none either, so it is for all that no other names".to_owned(),
            "partner-desk.toml:14: ladder 3: steps: expected a list of at least one step, for example [{ at = \"due\" }]; the key is missing".to_owned(),
        ]
    );
}

#[test]
fn e1_a_tier_has_one_ladder() {
    let ladder = |tiers: &str| format!("[[ladder]]\n{tiers}\nsteps = [{{ at = \"due\" }}]\n");
    let text = [
        ladder("tiers = [\"gold\", \"silver\"]"),
        ladder(""),
        ladder("tiers = [\"Gold\"]"),
        ladder("tiers = []"),
        ladder("tiers = [\"golt\"]"),
    ];
    let others = "expected the tiers that this ladder is for; ladder 2 on line 4 names none either, so it is for all that no other names";
    assert_eq!(
        refused(&text.concat()),
        [
            "partner-desk.toml:8: ladder 3: tiers = \"Gold\": expected a tier that no other [[ladder]] names; ladder 1 on line 1 names it, and a tier has one ladder".to_owned(),
            format!("partner-desk.toml:10: ladder 4: tiers: {others}"),
            "partner-desk.toml:14: ladder 5: tiers = \"golt\": expected the id of a tier; the nearest is \"gold\"".to_owned(),
        ]
    );
    let right = [ladder("tiers = [\"gold\", \"gold\"]"), ladder("tiers = [\"silver\"]"), ladder("")].concat();
    assert_eq!(load(&[], &[("partner-desk.toml", &right)]).unwrap().policy.ladders.len(), 3);
}

#[test]
fn a_ladder_that_names_a_wrong_chat_is_not_wrong_for_that() {
    let chat = "[[chat]]\nname = \"support\"\nkind = \"slak\"\nurl = \"env:\"\n";
    let text = format!("{chat}[[ladder]]\nsteps = [{{ at = \"due\", chat = [\"support\", \"suport\"] }}]\n");
    let said = refused(&text);
    assert!(said[0].starts_with("partner-desk.toml:3: chat \"support\": kind = \"slak\": expected"), "{said:?}");
    assert_eq!(
        said[1..],
        [
            "partner-desk.toml:4: chat \"support\": url = \"env:\": expected \"env:NAME\"; the name of the variable is missing",
            "partner-desk.toml:6: ladder 1: step 1: chat = \"suport\": expected the name of a [[chat]]; the nearest is \"support\"",
        ]
    );
    let said = refused(&text.replace("slak", "slack").replace("env:", "file: "));
    assert!(said[0].ends_with("url = \"file: \": expected \"file:PATH\"; the path is missing"), "{said:?}");
}

#[test]
fn a_ladder_for_all_leaves_out_tiers_that_have_their_own() {
    let text = "[[ladder]]\ntiers = [\"gold\"]\nsteps = [{ at = \"due\", repeat = \"10m\" }]\n[[ladder]]\nsteps = [{ at = \"-210m\" }]\nprogramme = 1\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:5: ladder 2: step 1: at = \"-210m\": expected a step after the start for the tier \"platinum\", whose target is 3h; this one would be -30m after it",
            "partner-desk.toml:6: unknown key \"programme\" in ladder 2: expected \"tiers\" or \"steps\"; the nearest known key is \"tiers\"",
        ]
    );
    let settings = load(&[], &[("partner-desk.toml", "[[ladder]]\nsteps = [{ at = \"due\", repeat = \"10m\" }]\n")]).unwrap();
    assert_eq!(settings.policy.ladders[0].steps[0].times, LadderStep::DEFAULT_TIMES);
}

#[test]
fn labels_can_be_renamed_and_coloured() {
    let text = "[labels]\ntier = \"partner tier: {name}\"\nmet = { color = \"#00FF00\" }\nbreached = { name = \"late\", color = \"b60205\" }\ndue_rounding = \"15m\"\n";
    let style = load(&[], &[("partner-desk.toml", text)]).unwrap().policy.labels;
    assert_eq!(
        (style.tier.name.as_str(), style.met.name.as_str(), style.met.color.as_str()),
        ("partner tier: {name}", "sla: met", "00ff00")
    );
    assert_eq!(style.breached.name, "late");
    assert_eq!(style.due_name("2026-11-22T18:29:00Z".parse().unwrap()), "due: 2026-11-22 18:15 UTC");

    let length = crate::programme::duration::DURATION_FORM;
    let text = "[labels]\ntier = \"tier\"\nmet = { color = \"green\" }\npaused = 1\nwaiting = \"sla: met\"\ndue_rounding = \"20s\"\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:2: labels: tier = \"tier\": expected a label name of 1 to 50 characters with {name} in it".to_owned(),
            "partner-desk.toml:3: labels: met: color = \"green\": expected a colour of six hexadecimal digits like \"b60205\"".to_owned(),
            "partner-desk.toml:4: labels: paused = 1: expected a name in quotes, or a table like { name = \"sla: met\", color = \"0e8a16\" }".to_owned(),
            "partner-desk.toml:5: labels: waiting = \"sla: met\": expected a label name of at most 50 characters that no other label has; \"sla: met\" is also the name of the label \"met\"".to_owned(),
            format!("partner-desk.toml:6: labels: due_rounding = \"20s\": expected {length}; whole minutes from 1m to 24h"),
        ]
    );
}

#[test]
fn a_programme_that_is_missing_or_wrong_is_named() {
    let config = ("etc/desk.toml", "programme = \"tiers.toml\"\n");
    let env = [("PARTNER_DESK_CONFIG", "etc/desk.toml")];
    assert_eq!(
        problems(&env, &[config]),
        ["etc/desk.toml:1: programme = \"tiers.toml\": expected a programme file that can be read; etc/tiers.toml: entity not found"]
    );
    let found = problems(&env, &[config, ("etc/tiers.toml", "[[tier]]\nid = \"a\"\nname = \"A\"\n")]);
    assert_eq!(
        found,
        [
            "etc/tiers.toml:1: tier \"a\": response: expected a length of time like \"4h\", \"90m\", \"20s\", \"1h30m\" or \"2d\"; the key is missing"
        ]
    );
}

#[test]
fn s6_a_file_of_holidays_is_read_beside_the_programme() {
    let config = ("etc/desk.toml", "programme = \"tiers/tiers.toml\"\n");
    let env = [("PARTNER_DESK_CONFIG", "etc/desk.toml")];
    let programme = "[[calendar]]\nid = \"office\"\nzone = \"UTC\"\nhours = { mon-fri = [\"09:00-17:00\"] }\nholidays_file = \"days.ics\"\n[[tier]]\nid = \"a\"\nname = \"A\"\nresponse = \"4h\"\ncalendar = \"office\"\n";
    let ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\nEND:VCALENDAR\n";
    let settings = load(&env, &[config, ("etc/tiers/tiers.toml", programme), ("etc/tiers/days.ics", ics)]).unwrap();
    assert_eq!(settings.programme.tiers[0].calendar.as_ref().unwrap().holidays().len(), 1);
    assert_eq!(
        problems(&env, &[config, ("etc/tiers/tiers.toml", programme)]),
        [
            "etc/tiers/tiers.toml:5: calendar \"office\": holidays_file = \"days.ics\": expected an iCalendar file that can be read; etc/tiers/days.ics: entity not found"
        ]
    );
    let broken = ics.replace("20261224", "soon");
    assert_eq!(
        problems(&env, &[config, ("etc/tiers/tiers.toml", programme), ("etc/tiers/days.ics", &broken)]),
        ["etc/tiers/days.ics:3: event: DTSTART = soon: expected a date like 20261224, or a time like 20261224T090000 or 20261224T080000Z"]
    );
}

#[test]
fn e7_a_fallback_is_another_channel_and_leads_to_an_end() {
    let chat = |name: &str, fallback: &str| {
        format!("[[chat]]\nname = \"{name}\"\nkind = \"slack\"\nurl = \"http://x\"\nfallback = \"{fallback}\"\n")
    };
    let last = "[[chat]]\nname = \"ops\"\nkind = \"slack\"\nurl = \"http://x\"\n";
    let chain = format!("{}{}{last}", chat("night", "support"), chat("support", "ops"));
    let settings = load(&[], &[("partner-desk.toml", &chain)]).unwrap();
    let fallbacks: Vec<_> = settings.chat.iter().map(|channel| channel.fallback.as_deref()).collect();
    assert_eq!(fallbacks, [Some("support"), Some("ops"), None]);
    let wrong = format!("{}{}{}{last}", chat("night", "night"), chat("support", "opps"), chat("pager", ""));
    assert_eq!(
        refused(&wrong),
        [
            "partner-desk.toml:5: chat \"night\": fallback = \"night\": expected the name of another [[chat]]; a channel that does not answer cannot speak for itself",
            "partner-desk.toml:10: chat \"support\": fallback = \"opps\": expected the name of another [[chat]]; the nearest is \"ops\"",
            "partner-desk.toml:15: chat \"pager\": fallback = \"\": expected a text that is not empty",
        ]
    );
    let circle = format!("{}{}{}", chat("a", "b"), chat("b", "c"), chat("c", "a"));
    assert_eq!(
        refused(&circle),
        ["partner-desk.toml:15: chat \"c\": fallback = \"a\": expected the name of another [[chat]]; it leads back to itself: c, a, b, c"]
    );
}

#[test]
fn a_heartbeat_goes_to_a_secret_address() {
    let config = |value: &str| format!("heartbeat_url = \"{value}\"\n");
    let at = |text: &str| load(&[("PARTNER_DESK_CONFIG", "desk.toml"), ("BEAT", "https://beat.example/hush")], &[("desk.toml", text)]);
    for value in ["env:BEAT", "https://beat.example/hush"] {
        let settings = at(&config(value)).unwrap();
        assert_eq!(settings.heartbeat_url.as_ref().unwrap().url.expose_secret(), "https://beat.example/hush");
        assert!(!format!("{settings:?}").contains("hush"));
    }
    assert!(at("").unwrap().heartbeat_url.is_none());
    let wrong = at(&config("hush")).unwrap_err();
    assert_eq!(wrong, ["desk.toml:1: heartbeat_url: expected an address that begins with http:// or https://"]);
    assert!(at(&config("env:NOWHERE")).unwrap_err()[0].ends_with("expected the environment variable NOWHERE to be set"));
}

#[test]
fn e6_a_rotation_is_read_and_what_is_wrong_with_one_is_told_by_line_and_value() {
    let text = "time_zone = \"Europe/Paris\"\n[on_call]\npeople = [\"ann\", \"ben\"]\nsince = \"2026-11-09\"\nfallback = \"boss\"\noverrides = [{ from = \"2026-12-24\", until = \"2026-12-27 09:00\", person = \"dora\" }]\nmention = { ann = \"U1\" }\n";
    let on_call = load(&[], &[("partner-desk.toml", text)]).unwrap().policy.on_call.unwrap();
    let at = |text: &str| on_call.at(text.parse().unwrap());
    assert_eq!((on_call.zone.name(), on_call.turns.people().join(" ").as_str()), ("Europe/Paris", "ann ben"));
    assert_eq!(
        [at("2026-11-16T07:59:59Z"), at("2026-11-16T08:00:00Z"), at("2026-12-23T23:00:00Z")],
        [Some("ann"), Some("ben"), Some("dora")]
    );

    let text = "[on_call]\npeople = []\nsince = \"2026-11-10\"\nhand_over = \"Mon 9\"\ntime_zone = \"Europe/Pari\"\nfalback = \"x\"\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:2: on_call: people = []: expected at least one person",
            "partner-desk.toml:4: on_call: hand_over = \"Mon 9\": expected a day of the week and a time like \"Monday 09:00\"",
            "partner-desk.toml:5: on_call: time_zone = \"Europe/Pari\": expected an IANA time zone like \"Europe/Paris\" or \"UTC\"; the nearest is \"Europe/Paris\"",
            "partner-desk.toml:6: unknown key \"falback\" in on_call: expected \"calendar\", \"names\", \"people\", \"since\", \"hand_over\", \"time_zone\", \"fallback\", \"overrides\" or \"mention\"; the nearest known key is \"fallback\"",
        ]
    );
    let text = "[on_call]\npeople = [\"ann\"]\nsince = \"2026-11-10\"\noverrides = [\n  { from = \"2026-12-24\", until = \"2026-12-24\" },\n  { from = \"soon\", person = \"\" },\n]\n[on_call.mention]\nben = \"U1\"\nann = { suport = \"U1\" }\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:3: on_call: since = \"2026-11-10\": expected the day on which the first of `people` took over, like \"2026-01-05\"; the hand-over is on Monday 09:00, and this is another day of the week",
            "partner-desk.toml:5: on_call: override 1: until = \"2026-12-24\": expected an end after `from`; a day without a time ends where it begins; write the day after it",
            "partner-desk.toml:6: on_call: override 2: from = \"soon\": expected a day like \"2026-12-24\", or with a time \"2026-12-24 09:00\"",
            "partner-desk.toml:6: on_call: override 2: until: expected a day like \"2026-12-24\", or with a time \"2026-12-24 09:00\"; the key is missing",
            "partner-desk.toml:6: on_call: override 2: person = \"\": expected a text that is not empty",
            "partner-desk.toml:9: on_call: mention: ben = \"U1\": expected somebody who is on call, or the fallback; the nearest is \"ann\"",
            "partner-desk.toml:10: on_call: mention: ann: suport = \"U1\": expected the name of a [[chat]]; the file names no [[chat]]",
        ]
    );
    // A calendar in its place.
    let ics =
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:On Call - Ann Lee\nDTSTART:20261116T090000\nDURATION:P7D\nEND:VEVENT\nEND:VCALENDAR\n";
    let text = "time_zone = \"Europe/Paris\"\n[on_call]\ncalendar = \"oncall.ics\"\nnames = { \"On Call - Ann Lee\" = \"ann\" }\nmention = { ann = \"U1\" }\n";
    let files = [("PARTNER_DESK_CONFIG", "etc/desk.toml")];
    let on_call = load(&files, &[("etc/desk.toml", text), ("etc/oncall.ics", ics)]).unwrap().policy.on_call.unwrap();
    assert_eq!((on_call.at("2026-11-16T08:00:00Z".parse().unwrap()), on_call.called("ann", "support")), (Some("ann"), "U1"));
    let wrong =
        text.replace("Ann Lee", "Anna Lee").replace("ann =", "anne =").replace("mention", "people = [\"ann\"]\nsince = \"x\"\nmention");
    assert_eq!(
        problems(&files, &[("etc/desk.toml", &wrong), ("etc/oncall.ics", ics)]),
        [
            "etc/desk.toml:4: on_call: names: On Call - Anna Lee = \"ann\": expected the summary of a shift in the calendar; the nearest is \"On Call - Ann Lee\"",
            "etc/desk.toml:5: on_call: people = [\"ann\"]: expected no such key beside `calendar`; the calendar says who takes over and when",
            "etc/desk.toml:6: on_call: since = \"x\": expected no such key beside `calendar`; the calendar says who takes over and when",
            "etc/desk.toml:7: on_call: mention: anne = \"U1\": expected somebody who is on call, or the fallback; the nearest is \"On Call - Ann Lee\"",
        ]
    );
    let broken = ics.replace("P7D", "7 days");
    assert_eq!(
        problems(&files, &[("etc/desk.toml", text), ("etc/oncall.ics", &broken)]),
        ["etc/oncall.ics:5: event \"On Call - Ann Lee\": DURATION = 7 days: expected a length like P1D, P2W or PT8H"]
    );
    assert_eq!(
        problems(&files, &[("etc/desk.toml", text)]),
        [
            "etc/desk.toml:3: on_call: calendar = \"oncall.ics\": expected an iCalendar file that can be read; etc/oncall.ics: entity not found"
        ]
    );
    assert_eq!(
        refused("[on_call]\npeople = [\"ann\"]\nsince = \"2026-11-09\"\nnames = {}\n"),
        ["partner-desk.toml:4: on_call: names = {}: expected no `names` without `calendar`; `people` are named as they are meant"]
    );
    assert_eq!(refused("on_call = 3\n"), ["partner-desk.toml:1: on_call = 3: expected an [on_call] table"]);
}

#[test]
fn e6_quiet_hours_hold_the_lower_half_unless_others_are_named() {
    let text = "[quiet_hours]\nfrom = \"22:00\"\nuntil = \"07:00\"\n[daily_digest]\n[weekly_summary]\nat = \"Tue 10:30\"\ntime_zone = \"Europe/Paris\"\nchat = []\n";
    let policy = load(&[], &[("partner-desk.toml", text)]).unwrap().policy;
    let hours = policy.quiet_hours.unwrap();
    assert_eq!(hours.tiers.iter().map(|tier| tier.0.as_str()).collect::<Vec<_>>(), ["student", "now", "starter", "basic"]);
    assert_eq!(policy.daily_digest.unwrap().chat, None);
    let weekly = policy.weekly_summary.unwrap();
    assert_eq!((weekly.at.to_string().as_str(), weekly.zone.name(), weekly.chat), ("Tuesday 10:30", "Europe/Paris", Some(Vec::new())));

    let text = "[quiet_hours]\nfrom = \"22:00\"\nuntil = \"22:00\"\ntiers = [\"golt\"]\n[daily_digest]\nat = \"8\"\nchat = [\"x\"]\n";
    assert_eq!(
        refused(text),
        [
            "partner-desk.toml:3: quiet_hours: until = \"22:00\": expected another time than `from`; these would be quiet all day, or never",
            "partner-desk.toml:4: quiet_hours: tiers = \"golt\": expected the id of a tier; the nearest is \"gold\"",
            "partner-desk.toml:6: daily_digest: at = \"8\": expected a time of day like \"08:00\"",
            "partner-desk.toml:7: daily_digest: chat = \"x\": expected the name of a [[chat]]; the file names no [[chat]]",
        ]
    );
}

#[test]
fn e1_what_a_step_cannot_put_on_an_issue_is_refused() {
    let text = "[[ladder]]\nsteps = [{ at = \"due\", label = \"SLA: Met\" }, { at = \"due\", assign = [\"@acme/support\"] }, { at = \"due\", assign = [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\"] }]\n";
    let problems = refused(text);
    assert!(
        problems[0].ends_with("label = \"SLA: Met\": expected a label of its own; the desk puts that one on and takes it off by itself"),
        "{problems:?}"
    );
    assert!(problems[1].ends_with("assign = \"@acme/support\": expected a login like \"ann\"; teams cannot be assigned"), "{problems:?}");
    assert!(problems[2].ends_with("expected at most 10 logins, as many as GitHub assigns"), "{problems:?}");
}

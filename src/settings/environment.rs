//! What the environment says. Names are those that Probot and the ecosystem use.

use super::{AppCredentials, DatabaseUrl, LogFormat, OAuthCredentials, Sources};
use crate::programme::problem::{Problem, Unfit, nearest};
use aws_lc_rs::rsa::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use std::path::Path;

const PEM: &str = "a private key in PEM form, with line breaks or \\n, or that in base64";
/// It looks like one, and what stands between its first and its last line is none.
const WHOLE: &str = "the whole RSA key as GitHub generated it, from its BEGIN to its END line";
const ADDRESS: &str = "an address that begins with http:// or https://";

impl Sources<'_> {
    /// A variable that has something in it.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn database_url(&self, problems: &mut Vec<Problem>) -> DatabaseUrl {
        let url = self.variable("DATABASE_URL").unwrap_or_else(|| "sqlite://partner-desk.db".to_owned());
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            // It may hold a password, so only the scheme is repeated.
            let scheme = url.split_once("://").map(|(scheme, _)| scheme);
            let problem = Problem::environment("DATABASE_URL", None, "an address that begins with sqlite:// or postgres://");
            problems.push(match scheme {
                Some(scheme) => problem.with_hint(format!("it begins with {scheme}://")),
                None => problem,
            });
        }
        DatabaseUrl(url)
    }

    pub(super) fn host(&self, problems: &mut Vec<Problem>) -> String {
        let host = self.variable("HOST").unwrap_or_else(|| "127.0.0.1".to_owned());
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if bare.parse::<std::net::IpAddr>().is_err() && !bare.chars().all(name) {
            problems.push(Problem::environment("HOST", Some(&host), "an IP address or a host name, without a port"));
        }
        bare.to_owned()
    }

    pub(super) fn port(&self, problems: &mut Vec<Problem>) -> u16 {
        let Some(text) = self.variable("PORT") else { return 3000 };
        text.parse().unwrap_or_else(|_| {
            problems.push(Problem::environment("PORT", Some(&text), "a port number from 0 to 65535"));
            3000
        })
    }

    /// An address from a variable, without the slash at its end.
    pub(super) fn address(&self, name: &str, default: impl FnOnce() -> String, problems: &mut Vec<Problem>) -> String {
        let Some(url) = self.variable(name) else { return default() };
        if let Err(Unfit { expected, hint }) = address(&url) {
            problems.push(Problem { hint, ..Problem::environment(name, Some(&url), expected) });
        }
        url.trim_end_matches('/').to_owned()
    }

    /// `PUBLIC_URL`. Pages, cookies and what GitHub is told lie at the top of it.
    pub(super) fn public_url(&self, default: impl FnOnce() -> String, problems: &mut Vec<Problem>) -> String {
        let url = self.address("PUBLIC_URL", default, problems);
        if url.parse::<Url>().is_ok_and(|url| url.path() != "/" || url.query().is_some() || url.fragment().is_some()) {
            let expected = "an address without a path, like \"https://desk.example.com\"";
            problems.push(Problem::environment("PUBLIC_URL", Some(&url), expected).with_hint("give the desk a host name of its own"));
        }
        url
    }

    /// `GITHUB_API_URL`. What another GitHub hands out, such as the code for an App's credentials, is nothing for github.com.
    pub(super) fn api_url(&self, web_url: &str, problems: &mut Vec<Problem>) -> String {
        const NAME: &str = "GITHUB_API_URL";
        let web = web_url.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let host = web.as_ref().and_then(Url::host_str).filter(|host| !matches!(*host, "github.com" | "www.github.com"));
        if let Some(host) = host.filter(|_| self.variable(NAME).is_none()) {
            let there = if host.ends_with(".ghe.com") { web_url.replacen("://", "://api.", 1) } else { format!("{web_url}/api/v3") };
            let problem = Problem::environment(NAME, None, "the address of the API of the GitHub that GITHUB_URL names");
            problems.push(problem.with_hint(format!("that should be {there}")));
        }
        self.address(NAME, || "https://api.github.com".to_owned(), problems)
    }

    pub(super) fn log_format(&self, problems: &mut Vec<Problem>) -> LogFormat {
        match self.variable("LOG_FORMAT").as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let mut problem = Problem::environment("LOG_FORMAT", Some(other), "\"text\" or \"json\"");
                problem.hint = nearest(other, ["text", "json"]).map(|near| format!("the nearest is \"{near}\""));
                problems.push(problem);
                LogFormat::Text
            }
        }
    }

    /// The App's three secrets: all of them, or none for the setup page.
    pub(super) fn app(&self, problems: &mut Vec<Problem>) -> Option<AppCredentials> {
        let id = self.variable("APP_ID");
        let key = self.variable("PRIVATE_KEY");
        let path = self.variable("PRIVATE_KEY_PATH");
        // Not trimmed: GitHub signs with the secret as it is.
        let secret = (self.env)("WEBHOOK_SECRET").filter(|secret| !secret.is_empty());
        let given = [("APP_ID", id.is_some()), ("PRIVATE_KEY", key.is_some() || path.is_some()), ("WEBHOOK_SECRET", secret.is_some())];
        if !all_or_none(&given, "for the App", problems) {
            return None;
        }
        let app_id = id.as_deref().and_then(|id| {
            let number = id.parse::<i64>().ok().filter(|number| *number > 0);
            if number.is_none() {
                problems.push(Problem::environment("APP_ID", Some(id), "the App's id, a whole number above zero"));
            }
            number
        });
        let private_key = self.private_key(key.as_deref(), path.as_deref(), problems);
        Some(AppCredentials { app_id: app_id?, private_key: private_key?, webhook_secret: secret?.into() })
    }

    fn private_key(&self, key: Option<&str>, path: Option<&str>, problems: &mut Vec<Problem>) -> Option<SecretString> {
        if let Some(key) = key {
            let pem = pem(key);
            let expected = pem.as_deref().map_or(Some(PEM), |pem| (!is_rsa_key(pem)).then_some(WHOLE));
            problems.extend(expected.map(|expected| Problem::environment("PRIVATE_KEY", None, expected)));
            return pem.map(SecretString::from);
        }
        let path = path?;
        let problem = |expected: &str| Problem::environment("PRIVATE_KEY_PATH", Some(path), expected);
        match (self.read)(Path::new(path)) {
            Ok(text) => {
                let pem = pem(text.trim());
                let form = Some("a file with a private key in PEM form");
                problems.extend(pem.as_deref().map_or(form, |pem| (!is_rsa_key(pem)).then_some(WHOLE)).map(problem));
                pem.map(SecretString::from)
            }
            Err(error) => {
                problems.push(problem("a file that can be read").with_hint(error.to_string()));
                None
            }
        }
    }

    pub(super) fn oauth(&self, problems: &mut Vec<Problem>) -> Option<OAuthCredentials> {
        let (id, secret) = (self.variable("GITHUB_CLIENT_ID"), self.variable("GITHUB_CLIENT_SECRET"));
        let given = [("GITHUB_CLIENT_ID", id.is_some()), ("GITHUB_CLIENT_SECRET", secret.is_some())];
        all_or_none(&given, "for signing in", problems);
        Some(OAuthCredentials { client_id: id?, client_secret: secret?.into() })
    }
}

/// Whether all are given. Some but not all is a problem for each that is missing.
fn all_or_none(given: &[(&str, bool)], purpose: &str, problems: &mut Vec<Problem>) -> bool {
    let names = |wanted: bool| given.iter().filter(|(_, set)| *set == wanted).map(|(name, _)| *name).collect::<Vec<_>>();
    let (set, missing) = (names(true), names(false));
    if set.is_empty() || missing.is_empty() {
        return missing.is_empty();
    }
    let verb = if set.len() == 1 { "is" } else { "are" };
    for name in missing {
        let hint = format!("{} {verb} set: set all of them {purpose}, or none", set.join(" and "));
        let expected = if name == "PRIVATE_KEY" { "a value here or in PRIVATE_KEY_PATH" } else { "a value" };
        problems.push(Problem::environment(name, None, expected).with_hint(hint));
    }
    false
}

/// What the process managers and hosts of this world make of a PEM file, made a PEM file again.
fn pem(text: &str) -> Option<String> {
    let is_pem = |text: &str| text.trim_start().starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----");
    let text = text.trim().trim_matches(['"', '\'']).replace("\\n", "\n");
    if is_pem(&text) {
        return Some(format!("{}\n", text.trim()));
    }
    let packed: String = text.split_whitespace().collect();
    let unpacked = String::from_utf8(STANDARD.decode(packed).ok()?).ok()?.replace("\\n", "\n");
    is_pem(&unpacked).then(|| format!("{}\n", unpacked.trim()))
}

/// Whether it can be signed with: a text may be cut off, or be the key of something else, and still look like a key.
fn is_rsa_key(pem: &str) -> bool {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs1(key)) => KeyPair::from_der(key.secret_pkcs1_der()).is_ok(),
        Ok(PrivateKeyDer::Pkcs8(key)) => KeyPair::from_pkcs8(key.secret_pkcs8_der()).is_ok(),
        _ => false,
    }
}

/// Looks at an address on the web as whoever is to go there reads it. What is wrong is said without the address.
pub(super) fn address(url: &str) -> Result<(), Unfit> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) || url.contains(char::is_whitespace) {
        return Err(Unfit::new(ADDRESS));
    }
    url.parse::<Url>().map(drop).map_err(|error| Unfit::because(ADDRESS, error.to_string()))
}

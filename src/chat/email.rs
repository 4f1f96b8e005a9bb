//! Mail: one message as text and as HTML, handed to a mail server by SMTP ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321)), over TLS
//! from the first byte or after STARTTLS ([RFC 8314](https://www.rfc-editor.org/rfc/rfc8314)).
//!
//! What mail readers act on: all messages about a ticket name the same one that they answer to
//! ([RFC 5322, 3.6.4](https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4)), which was never sent, and have the same subject, so that
//! they stand together; a message that is sent again has the name that it had, so that whoever has it drops the second; and nobody's
//! holiday answers ([RFC 3834](https://www.rfc-editor.org/rfc/rfc3834#section-5)).

use super::card::{Card, Line, Tone, fitting, join, safe};
use super::message::ChatMessage;
use super::neutral;
use super::send::{CONNECT_TIMEOUT, Message, SendError, TIMEOUT};
use super::webhook;
use jiff::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message as Mail};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// What errors call whoever takes mail.
const HOST: &str = "the mail server";
/// Parting may take this long: the mail was taken or refused by then.
const PARTING: Duration = Duration::from_secs(1);
/// Characters that a digest's lines may take, as text and as HTML. Nobody reads on for ever.
const LINES: usize = 60_000;

/// Who sends mail, to whom, and how its server is spoken to.
#[derive(Debug, Clone)]
pub struct MailAccess {
    /// The password of the address's user, if it has one.
    pub password: Option<SecretString>,
    /// Whom it is from.
    pub from: Mailbox,
    /// Who gets all of it.
    pub to: Vec<Mailbox>,
    /// Certificates, as PEM, that are trusted beside the machine's own.
    pub roots: Option<String>,
    /// `smtp://` without encryption.
    pub unencrypted: bool,
}

/// A mail server and what is sent there.
#[derive(Clone)]
pub(super) struct Mailer {
    host: String,
    port: u16,
    security: Security,
    login: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

#[derive(Clone)]
enum Security {
    /// `smtps://`: from the first byte.
    Tls(TlsParameters),
    /// `smtp://`: the server is asked to change to it, and nothing is said before.
    StartTls(TlsParameters),
    /// None, since the configuration says so.
    Plain,
}

/// What was being done when the server failed.
#[derive(Clone, Copy)]
enum Phase {
    Connect,
    Encrypt,
    Login,
    Send,
}

impl Mailer {
    /// Checks what is configured; talks to nobody yet. `None` in the error: the address is wrong; else what is wrong with the certificates.
    pub(super) fn new(url: &Url, access: &MailAccess) -> Result<Self, Option<String>> {
        let host = url.host_str().ok_or(None)?.trim_matches(['[', ']']).to_owned();
        let wrong = |error: smtp::Error| Some(causes(&error));
        let tls = || {
            let mut tls = TlsParameters::builder(host.clone());
            for root in pem_blocks(access.roots.as_deref().unwrap_or_default()) {
                tls = tls.add_root_certificate(Certificate::from_pem(root.as_bytes()).map_err(wrong)?);
            }
            tls.build().map_err(wrong)
        };
        let (security, port) = match (url.scheme(), access.unencrypted) {
            ("smtps", _) => (Security::Tls(tls()?), 465),
            ("smtp", false) => (Security::StartTls(tls()?), 587),
            ("smtp", true) => (Security::Plain, 587),
            _ => return Err(None),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| None);
        let password = match (&access.password, url.password()) {
            (Some(password), _) => Some(password.expose_secret().to_owned()),
            (None, password) => password.map(decoded).transpose()?,
        };
        let user = decoded(url.username())?;
        let login = match (user.is_empty(), password) {
            (true, None) => None,
            (false, Some(password)) => Some(Credentials::new(user, password)),
            _ => return Err(None),
        };
        let (from, to) = (access.from.clone(), access.to.clone());
        Ok(Self { host, port: url.port().unwrap_or(port), security, login, from, to })
    }

    /// Hands a message over, once.
    pub(super) async fn send(&self, message: Message<'_>, now: Timestamp) -> Result<(), SendError> {
        // What is wrong with the message itself is wrong each time.
        let mail = self.written(message, now).map_err(|why| SendError::Refused { status: None, why })?;
        let deadline = TIMEOUT.saturating_sub(PARTING);
        let late = |_| Err(SendError::Retry { after: None, why: format!("{HOST} did not answer in time") });
        tokio::time::timeout(deadline, self.hand_over(mail.envelope(), &mail.formatted())).await.unwrap_or_else(late)
    }

    /// An address that is mentioned and that the server does not take must not keep the mail from those whom all mail goes to.
    async fn hand_over(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), SendError> {
        let Err(error) = self.give(envelope, mail).await? else { return Ok(()) };
        let always: Vec<_> = self.to.iter().map(|to| to.email.clone()).collect();
        let only = Envelope::new(envelope.from().cloned(), always).ok().filter(|only| only.to().len() < envelope.to().len());
        let Some(only) = only.filter(|_| error.is_permanent()) else { return Err(failed(Phase::Send, &error)) };
        self.give(&only, mail).await?.map_err(|error| failed(Phase::Send, &error))?;
        let why = causes(&error);
        tracing::warn!(%why, "the mail server does not take a mail for all whom it mentions; it went to the addresses of `to` alone");
        Ok(())
    }

    /// What the server says of a mail, if it lets us in.
    async fn give(&self, envelope: &Envelope, mail: &[u8]) -> Result<Result<(), smtp::Error>, SendError> {
        // What servers are told about who calls; many relays want a name that is one.
        let name = ClientId::Domain(self.domain().to_owned());
        let wrapper = if let Security::Tls(tls) = &self.security { Some(tls.clone()) } else { None };
        let connected = AsyncSmtpConnection::connect_tokio1((self.host.as_str(), self.port), Some(CONNECT_TIMEOUT), &name, wrapper, None);
        let mut server = connected.await.map_err(|error| failed(Phase::Connect, &error))?;
        if let Security::StartTls(tls) = &self.security {
            if !server.can_starttls() {
                part(server).await;
                let why = format!("{HOST} offers no STARTTLS, and nothing was said to it; use `smtps://` if it takes that");
                return Err(SendError::Refused { status: None, why });
            }
            server.starttls(tls.clone(), &name).await.map_err(|error| failed(Phase::Encrypt, &error))?;
        }
        if let Some(login) = &self.login
            && let Err(error) = server.auth(&[Mechanism::Plain, Mechanism::Login], login).await
        {
            part(server).await;
            return Err(failed(Phase::Login, &error));
        }
        let taken = server.send(envelope, mail).await;
        part(server).await;
        Ok(taken.map(drop))
    }

    /// The domain of whom it is from, in letters that every server takes.
    fn domain(&self) -> &str {
        Some(self.from.email.domain()).filter(|domain| domain.is_ascii()).unwrap_or("partner-desk.invalid")
    }

    fn written(&self, message: Message<'_>, now: Timestamp) -> Result<Mail, String> {
        let Message { key, what, instead_of, .. } = message;
        let card = Card::of(what, instead_of, now);
        let own = |name: &str| format!("<{}@{}>", digest(&[name]), self.domain());
        let mut mail = Mail::builder().from(self.from.clone()).date(SystemTime::from(now)).message_id(Some(own(key)));
        for to in self.addressees(&card) {
            mail = mail.to(to);
        }
        mail = match what {
            ChatMessage::Ping(ping) => {
                let thread =
                    format!("<{}@{}>", digest(&["ticket", &ping.repository.to_lowercase(), &ping.number.to_string()]), self.domain());
                let title = neutral::line(&ping.title, 150);
                mail.subject(format!("{}: {title}", ping.reference())).in_reply_to(thread.clone()).references(thread)
            }
            _ => mail.subject(card.title.clone()),
        };
        mail = mail.header(AutoSubmitted("auto-generated".to_owned())).header(NoAnswers("All".to_owned()));
        mail = mail.header(Event(webhook::event(what).to_owned()));
        if card.tone == Tone::Red {
            mail = mail.header(Importance("high".to_owned()));
        }
        mail.multipart(MultiPart::alternative_plain_html(text(&card), html(&card)))
            .map_err(|error| format!("the mail can't be written: {error}"))
    }

    /// Who gets it: those whom all mail goes to, and whom it mentions by an address.
    fn addressees(&self, card: &Card) -> Vec<Mailbox> {
        let mut known = BTreeSet::new();
        let mentioned = card.mentions.iter().filter_map(|who| address(who)).map(|address| Mailbox::new(None, address));
        self.to.iter().cloned().chain(mentioned).filter(|to| known.insert(to.email.to_string().to_lowercase())).collect()
    }
}

/// Parting is polite and no more: whatever comes of it, the mail was taken or it was not.
async fn part(mut server: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(PARTING, server.quit()).await;
}

/// An address among the mentions: `ann@example.com`.
fn address(who: &str) -> Option<Address> {
    let who = who.trim();
    who.parse().ok().filter(|_| !who.starts_with('@'))
}

/// A name that no two messages share, in letters that stand in any header.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::encode(hash.finalize().get(..16).unwrap_or_default())
}

/// The blocks of a PEM file, each with its borders.
fn pem_blocks(text: &str) -> impl Iterator<Item = &str> {
    const END: &str = "-----END CERTIFICATE-----";
    text.split_inclusive(END).filter(|block| block.contains(END)).map(str::trim_start)
}

fn failed(phase: Phase, error: &smtp::Error) -> SendError {
    let status = error.status().map(u16::from);
    let said = causes(error);
    let why = match (phase, status) {
        (Phase::Login, Some(code)) => format!("{HOST} does not take the login: {code} {said}"),
        (Phase::Login, None) if error.is_client() => {
            format!("{HOST} takes no login by PLAIN or LOGIN: leave out the user, or use another server")
        }
        (_, Some(code)) => format!("{HOST} answered {code} {said}"),
        _ if error.is_timeout() => format!("no connection to {HOST} in time"),
        _ if matches!(phase, Phase::Encrypt) || is_of_tls(error) => {
            let own = said.contains("UnknownIssuer");
            let hint = if own { "; the certificate of an authority of your own goes into `ca_file`" } else { "" };
            format!("no encrypted connection to {HOST}: {said}{hint}")
        }
        (Phase::Connect, _) => format!("no connection to {HOST}: {said}"),
        _ => format!("{HOST} could not be spoken with: {said}"),
    };
    // Whatever is not an answer may be otherwise next time; so may an answer that says so.
    if error.is_permanent() || (error.is_client() && !matches!(phase, Phase::Connect)) {
        return SendError::Refused { status, why: why.trim_end().to_owned() };
    }
    SendError::Retry { after: None, why: why.trim_end().to_owned() }
}

/// Whether it is about encryption, which the connection says from below.
fn is_of_tls(error: &smtp::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .is_some()
        {
            return true;
        }
        cause = inner.source();
    }
    error.is_tls()
}

/// The innermost cause, which tells most, or what the server said; harmless to show, and on one line.
fn causes(error: &smtp::Error) -> String {
    let mut said = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        said = inner.to_string();
        cause = inner.source();
    }
    neutral::line(&said, 200).replace('\u{2060}', "")
}

/// A header of one word.
macro_rules! header {
    ($what:literal, $type:ident, $name:literal) => {
        #[doc = $what]
        #[derive(Clone)]
        struct $type(String);

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    };
}

header!("No person wrote it, so no machine should answer.", AutoSubmitted, "Auto-Submitted");
header!("The same for Microsoft Exchange, which asks for its own.", NoAnswers, "X-Auto-Response-Suppress");
header!("It can't wait.", Importance, "Importance");
header!("What it tells, by the name that programs know: for filters.", Event, "X-Partner-Desk-Event");

/// As text.
fn text(card: &Card) -> String {
    let (lines, _) = lines_of_text(card);
    let facts = card.facts.iter().fold(String::new(), |mut facts, (name, value)| {
        let _ = writeln!(facts, "{:<14} {value}", format!("{name}:"));
        facts
    });
    let link = |what: &str, url: &Option<String>| url.as_ref().map_or_else(String::new, |url| format!("{what}: {url}"));
    let links = join(&[&link("Open the issue", &card.url), &link("Acknowledge", &card.acknowledge)], "\n");
    let (lead, caveat) = (card.lead.as_deref().unwrap_or_default(), card.caveat.unwrap_or_default());
    let wakes = wakes(card);
    let body = join(&[lead, &headline(card), &wakes, &lines, facts.trim_end(), &card.to_do, caveat, &links], "\n\n");
    format!("{body}\n\n-- \nPartner Desk\n")
}

fn lines_of_text(card: &Card) -> (String, usize) {
    let line = |line: &Line| match &line.link {
        Some((label, Some(url))) => format!("{label} {}\n  {url}", line.text),
        Some((label, None)) => format!("{label} {}", line.text),
        None => line.text.clone(),
    };
    fitting(&card.lines, LINES, "\n", str::len, line)
}

fn lines_of_html(card: &Card) -> (String, usize) {
    let line = |line: &Line| match &line.link {
        Some((label, Some(url))) => format!("<a href=\"{}\"><b>{}</b></a> {}", escaped(url), escaped(label), escaped(&line.text)),
        Some((label, None)) => format!("<b>{}</b> {}", escaped(label), escaped(&line.text)),
        None => escaped(&line.text),
    };
    fitting(&card.lines, LINES, "<br>\n", str::len, line)
}

/// How many of its lines a mail has no room for, as text or as HTML.
pub(super) fn left_out(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> usize {
    let card = Card::of(message, instead_of, now);
    lines_of_text(&card).1.max(lines_of_html(&card).1)
}

/// The first words, which lists of mail show beside the subject: `Due soon (75%): acme/support#12, 1h left`.
fn headline(card: &Card) -> String {
    let left = card.facts.iter().find(|(name, _)| *name == "Time").map(|(_, left)| left.as_str()).unwrap_or_default();
    join(&[&card.title, left], ", ")
}

/// Those who are called by a name that no mail goes to.
fn wakes(card: &Card) -> String {
    let named = |who: &&String| address(who).is_none() && !matches!(who.trim(), "@here" | "@channel" | "@everyone");
    let name = |who: &String| safe(who.trim().trim_start_matches('@'), 40);
    let names: Vec<_> = card.mentions.iter().filter(named).take(20).map(name).filter(|name| !name.is_empty()).collect();
    if names.is_empty() { String::new() } else { format!("For {}", names.join(", ")) }
}

/// As HTML that every mail reader shows: no style sheet, nothing from elsewhere.
fn html(card: &Card) -> String {
    let paragraph =
        |text: &str| if text.is_empty() { String::new() } else { format!("<p style=\"margin:0 0 12px\">{}</p>\n", escaped(text)) };
    let color = card.tone.rgb();
    let title = escaped(&headline(card));
    let title =
        card.url.as_ref().map_or_else(|| title.clone(), |url| format!("<a href=\"{}\" style=\"color:inherit\">{title}</a>", escaped(url)));
    let facts = card.facts.iter().fold(String::new(), |mut facts, (name, value)| {
        let cell = "padding:2px 16px 2px 0;text-align:left;vertical-align:top";
        let _ = writeln!(
            facts,
            "<tr><th style=\"{cell};font-weight:normal;opacity:.7\">{name}</th><td style=\"{cell}\">{}</td></tr>",
            escaped(value)
        );
        facts
    });
    let facts =
        if facts.is_empty() { facts } else { format!("<table style=\"border-collapse:collapse;margin:0 0 12px\">\n{facts}</table>\n") };
    let (lines, _) = lines_of_html(card);
    let lines = if lines.is_empty() { lines } else { format!("<p style=\"margin:0 0 12px\">{lines}</p>\n") };
    let button = |what: &str, url: &Option<String>| {
        let style = "display:inline-block;padding:6px 14px;margin:0 8px 8px 0;border:1px solid;border-radius:6px;text-decoration:none";
        url.as_ref().map_or_else(String::new, |url| format!("<a href=\"{}\" style=\"{style}\">{what}</a>\n", escaped(url)))
    };
    let buttons = format!("{}{}", button("Open the issue", &card.url), button("Acknowledge", &card.acknowledge));
    let lead = paragraph(card.lead.as_deref().unwrap_or_default());
    let (wakes, to_do, caveat) = (paragraph(&wakes(card)), paragraph(&card.to_do), paragraph(card.caveat.unwrap_or_default()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
         <body style=\"margin:16px;font:15px/1.45 sans-serif\">\n\
         <div style=\"border-left:4px solid #{color:06x};padding-left:14px;max-width:44em;overflow-wrap:anywhere\">\n\
         {lead}<p style=\"margin:0 0 12px;font-size:17px;font-weight:bold\">{title}</p>\n{wakes}{lines}{facts}{to_do}{caveat}{buttons}\
         </div>\n</body></html>\n",
        escaped(&card.title),
    )
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{at, nasty, recovery, report};
    use super::super::{Digest, Notice, Ping};
    use super::*;

    const NOW: &str = "2026-11-22T17:00:00Z";

    fn access() -> MailAccess {
        MailAccess {
            password: Some("hush".into()),
            from: "Partner Desk <desk@example.com>".parse().unwrap(),
            to: vec!["support@example.com".parse().unwrap()],
            roots: None,
            unencrypted: false,
        }
    }

    fn mailer() -> Mailer {
        Mailer::new(&"smtps://desk@mail.example.com".parse().unwrap(), &access()).unwrap()
    }

    fn written(key: &str, what: &ChatMessage, instead_of: &[String]) -> String {
        let mail = mailer().written(Message { key, what, instead_of, thread: None }, at(NOW)).unwrap();
        String::from_utf8(mail.formatted()).unwrap()
    }

    fn headers(mail: &str) -> String {
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        let kept: Vec<_> = head.replace("\r\n ", " ").lines().filter(|line| !line.starts_with("Content-Type")).map(str::to_owned).collect();
        kept.join("\n")
    }

    #[test]
    fn every_message_as_text_and_as_html() {
        let late = Ping {
            late: true,
            unconfirmed: true,
            mentions: ["@here", "ben@example.com", "SUPPORT@example.com", "on-call team", "@ann"].map(String::from).into(),
            occurrence: 3,
            times: 12,
            step: "breach".into(),
            at: "due".into(),
            due_at: at("2026-11-22T15:30:00Z"),
            title: "Login fails 🎉".into(),
            acknowledge: Some("https://desk.example/ack/MTIuMQ".into()),
            number: 13,
            ..nasty()
        };
        let messages = [
            ("step", ChatMessage::Ping(nasty())),
            ("late repeat", ChatMessage::Ping(late.clone())),
            ("digest", ChatMessage::Digest(Digest { pings: vec![late, nasty()] })),
            ("recovery", ChatMessage::Recovery(recovery())),
            ("weekly", ChatMessage::Report(report())),
            ("notice", ChatMessage::Notice(Notice { text: "Chat `ops` is down.\n<users/all> @everyone".into() })),
        ];
        let shown = messages.iter().map(|(name, message)| {
            let instead = if *name == "digest" { vec!["night".to_owned()] } else { Vec::new() };
            let card = Card::of(message, &instead, at(NOW));
            let head = headers(&written("k", message, &instead));
            format!("# {name}\n{head}\n\n{}\n{}", text(&card), html(&card)).replace('\u{2060}', "\\u2060")
        });
        insta::with_settings!({ snapshot_path => "snapshots" }, {
            insta::assert_snapshot!("email", shown.collect::<Vec<_>>().join("\n"));
        });
    }

    #[test]
    fn messages_about_a_ticket_stand_together_and_each_has_the_name_it_had() {
        let first = headers(&written("1", &ChatMessage::Ping(nasty()), &[]));
        let step = Ping { step: "breach".into(), late: true, due_at: at(NOW), repository: "ACME/support".into(), ..nasty() };
        let later = headers(&written("2", &ChatMessage::Ping(Ping { repository: "acme/support".into(), ..step }), &[]));
        let of = |head: &str, name: &str| head.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        for same in ["Subject", "In-Reply-To", "References"] {
            assert_eq!(of(&first, same), of(&later, same));
        }
        assert_ne!(of(&first, "Message-ID"), of(&later, "Message-ID"));
        assert_eq!(of(&first, "Message-ID"), of(&headers(&written("1", &ChatMessage::Ping(nasty()), &["a".into()])), "Message-ID"));
        let other = headers(&written("1", &ChatMessage::Ping(Ping { number: 13, ..nasty() }), &[]));
        assert_ne!(of(&first, "References"), of(&other, "References"));
    }

    #[test]
    fn g8_nothing_that_people_wrote_makes_a_header_a_tag_or_a_link() {
        for evil in [
            "a\r\nBcc: eve@evil.example",
            "a\nBcc: eve@evil.example",
            "a\u{2028}Bcc: eve@evil.example\0",
            "\"<b onclick='x'>&",
            "https://evil.example",
        ] {
            let ping = Ping {
                title: evil.into(),
                partner: evil.into(),
                tier: evil.into(),
                author: evil.into(),
                repository: evil.into(),
                step: evil.into(),
                at: evil.into(),
                advice: evil.into(),
                url: if evil.contains("//") { nasty().url } else { format!("https://github.com/{evil}") },
                acknowledge: Some(format!("javascript:{evil}")),
                mentions: vec![evil.into()],
                ..nasty()
            };
            for message in [
                ChatMessage::Ping(ping.clone()),
                ChatMessage::Digest(Digest { pings: vec![ping.clone()] }),
                ChatMessage::Notice(Notice { text: evil.into() }),
            ] {
                let mail =
                    mailer().written(Message { key: evil, what: &message, instead_of: &[evil.to_owned()], thread: None }, at(NOW)).unwrap();
                assert_eq!(mail.envelope().to().len(), 1);
                let head = headers(&String::from_utf8(mail.formatted()).unwrap());
                assert!(head.lines().all(|line| !line.starts_with("Bcc")), "{head}");
                let html = html(&Card::of(&message, &[evil.to_owned()], at(NOW)));
                assert!(!html.contains("<b onclick") && !html.contains("//evil.example") && !html.contains("javascript:"), "{html}");
                assert!(!text(&Card::of(&message, &[], at(NOW))).contains("//evil.example"));
            }
        }
    }

    #[test]
    fn a_digest_of_many_tickets_is_cut_and_says_so() {
        let pings = (0..3000).map(|number| Ping { number, title: "🎉".repeat(200), ..nasty() }).collect();
        let card = Card::of(&ChatMessage::Digest(Digest { pings }), &[], at(NOW));
        for body in [text(&card), html(&card)] {
            assert!(body.len() < LINES + 5000, "{}", body.len());
            assert!(body.contains(" more"));
        }
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_sent() {
        let refused = |url: &str, access: MailAccess| Mailer::new(&url.parse().unwrap(), &access).err();
        assert_eq!(refused("https://mail.example.com", access()), Some(None));
        assert_eq!(refused("smtps://mail.example.com", access()), Some(None), "a password without a user");
        assert_eq!(
            refused("smtps://desk@mail.example.com", MailAccess { password: None, ..access() }),
            Some(None),
            "a user without a password"
        );
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
        assert!(refused("smtps://desk@mail.example.com", MailAccess { roots: Some(broken), ..access() }).unwrap().is_some());
        let open = Mailer::new(&"smtp://mail.example.com".parse().unwrap(), &MailAccess { password: None, unencrypted: true, ..access() })
            .unwrap();
        assert!(open.port == 587 && open.login.is_none());
        let url = "smtps://desk%40example.com:p%40ss@[::1]:2465".parse().unwrap();
        let mailer = Mailer::new(&url, &MailAccess { password: None, ..access() }).unwrap();
        assert_eq!(
            (mailer.host.as_str(), mailer.port, mailer.login),
            ("::1", 2465, Some(Credentials::new("desk@example.com".into(), "p@ss".into())))
        );
    }
}

//! Who asks: the App by its JWT, or an installation by its token.

use crate::domain::ids::InstallationId;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::alg_id;
use serde_json::Value;
use std::collections::BTreeMap;

/// The tokens that were minted.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    live: BTreeMap<String, (InstallationId, Option<Timestamp>)>,
    minted: usize,
}

impl Tokens {
    /// A new token, and when it ends; `life` `None` is for ever.
    pub(super) fn mint(&mut self, installation: InstallationId, now: Timestamp, life: Option<SignedDuration>) -> (String, Timestamp) {
        self.minted += 1;
        let token = format!("ghs_{:036}", self.minted);
        let end = life.and_then(|life| now.checked_add(life).ok());
        self.live.insert(token.clone(), (installation, end));
        // "For ever" as a date that clients can still do sums with.
        (token, end.or_else(|| now.checked_add(SignedDuration::from_hours(24 * 365)).ok()).unwrap_or(now))
    }

    pub(super) const fn minted(&self) -> usize {
        self.minted
    }

    pub(super) fn revoke_all(&mut self) {
        self.live.clear();
    }

    pub(super) fn installation(&self, token: &str, now: Timestamp) -> Option<InstallationId> {
        let (installation, end) = self.live.get(token)?;
        end.is_none_or(|end| now < end).then_some(*installation)
    }
}

/// The credentials of an `Authorization` header: `Bearer x` or `token x`.
pub(super) fn bearer(header: Option<&str>) -> Option<&str> {
    let (scheme, rest) = header?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then(|| rest.trim())
}

/// Whether this is a JWT of the App. Its times are compared with each other only, never with the clock: clients sign by the
/// machine's clock, while the sandbox may run on a test's.
pub(super) fn check_jwt(jwt: &str, app_id: i64, public_key: Option<&str>) -> Result<(), &'static str> {
    const UNREADABLE: &str = "A JSON web token could not be decoded";
    let mut parts = jwt.splitn(3, '.');
    let (Some(header), Some(claims), Some(mark)) = (parts.next(), parts.next(), parts.next()) else { return Err(UNREADABLE) };
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| UNREADABLE);
    let object = |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).map_err(|_| UNREADABLE);
    if object(header)?["alg"] != "RS256" {
        return Err(UNREADABLE);
    }
    let claims_json = object(claims)?;
    let issuer = match &claims_json["iss"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if issuer != app_id.to_string() {
        return Err("Integration not found");
    }
    match (claims_json["iat"].as_i64(), claims_json["exp"].as_i64()) {
        (Some(from), Some(to)) if to <= from => {
            return Err(
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
            );
        }
        // GitHub allows ten minutes from now; a minute more, since clients date `iat` back against clock drift.
        (Some(from), Some(to)) if to - from > 660 => return Err("'Expiration time' claim ('exp') is too far in the future"),
        (Some(_), Some(_)) => {}
        _ => return Err(UNREADABLE),
    }
    let mark = bytes(mark)?;
    match public_key {
        None if mark.len() < 128 => Err(UNREADABLE),
        None => Ok(()),
        Some(pem) => {
            let key = rsa_public_key(pem).ok_or("the sandbox was given a public key that is none")?;
            if verifies(&key, format!("{header}.{claims}").as_bytes(), &mark) { Ok(()) } else { Err(UNREADABLE) }
        }
    }
}

fn verifies(key: &[u8], message: &[u8], mark: &[u8]) -> bool {
    rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all.iter().any(|algorithm| {
        algorithm.signature_alg_id() == alg_id::RSA_PKCS1_SHA256
            && algorithm.public_key_alg_id() == alg_id::RSA_ENCRYPTION
            && algorithm.verify_signature(key, message, mark).is_ok()
    })
}

/// The bare `RSAPublicKey` of a PEM file, whether it says `PUBLIC KEY` or `RSA PUBLIC KEY`.
fn rsa_public_key(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).ok()?;
    if pem.contains("RSA PUBLIC KEY") {
        return Some(der);
    }
    // SEQUENCE { SEQUENCE { algorithm }, BIT STRING { no unused bits, RSAPublicKey } }
    let (_, inside, _) = der_value(&der)?;
    let (_, _, rest) = der_value(inside)?;
    let (tag, bits, _) = der_value(rest)?;
    (tag == 3).then(|| bits.get(1..).map(<[u8]>::to_vec)).flatten()
}

/// Splits the first DER value off: its tag, its content, and what follows it.
pub(super) fn der_value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        length = digits.iter().try_fold(0usize, |n, d| n.checked_mul(256)?.checked_add(usize::from(*d)))?;
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

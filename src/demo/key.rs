//! The App's key, made anew for each run: none is kept anywhere.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Both halves, in PEM.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) private: String,
    pub(super) public: String,
}

impl Keys {
    /// Takes a tenth of a second or so.
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let private: Pkcs8V1Der<'_> = pair.as_der()?;
        Ok(Self { private: pem("PRIVATE KEY", private.as_ref()), public: pem("RSA PUBLIC KEY", pair.public_key().as_ref()) })
    }
}

/// Something that nobody can guess.
pub(super) fn secret() -> Result<String, Unspecified> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

fn pem(kind: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {kind}-----\n");
    for (place, letter) in STANDARD.encode(der).char_indices() {
        if place > 0 && place % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + &format!("\n-----END {kind}-----\n")
}

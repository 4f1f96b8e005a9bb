//! The keys of Apps, made anew for each run: none is kept anywhere.

use super::auth::der_value;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Both halves, in PEM as GitHub hands them out.
#[derive(Clone)]
pub struct Keys {
    /// For the App.
    pub private: String,
    /// For GitHub.
    pub public: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Takes a tenth of a second or so.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn generate() -> Result<Self, Unspecified> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let private: Pkcs8V1Der<'_> = pair.as_der()?;
        let private = within_pkcs8(private.as_ref()).ok_or(Unspecified)?;
        Ok(Self { private: pem("RSA PRIVATE KEY", private), public: pem("RSA PUBLIC KEY", pair.public_key().as_ref()) })
    }
}

/// Something that nobody can guess.
///
/// # Errors
/// The machine gives no random numbers.
pub fn secret() -> Result<String, Unspecified> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// The bare `RSAPrivateKey` in a PKCS#8 key: SEQUENCE { INTEGER version, SEQUENCE { algorithm }, OCTET STRING key }.
fn within_pkcs8(der: &[u8]) -> Option<&[u8]> {
    let (_, inside, _) = der_value(der)?;
    let (_, _, rest) = der_value(inside)?;
    let (_, _, rest) = der_value(rest)?;
    der_value(rest).map(|(_, key, _)| key)
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

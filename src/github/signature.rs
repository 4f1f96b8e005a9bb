//! The signature of a webhook: HMAC-SHA256 over the raw bytes, compared in constant time.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Whether `header` (`X-Hub-Signature-256`) signs `body` with `secret`.
#[must_use]
pub fn is_signed(secret: &[u8], body: &[u8], header: &str) -> bool {
    let Some(given) = header.trim().strip_prefix("sha256=").and_then(|digits| hex::decode(digits).ok()) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_signed;

    // The vector that GitHub publishes.
    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_published_vector_verifies() {
        assert!(is_signed(SECRET, BODY, SIGNATURE));
    }

    #[test]
    fn anything_else_does_not() {
        assert!(!is_signed(b"other", BODY, SIGNATURE));
        assert!(!is_signed(SECRET, b"Hello, World", SIGNATURE));
        assert!(!is_signed(SECRET, BODY, &SIGNATURE[7..]));
        assert!(!is_signed(SECRET, BODY, "sha256=757107"));
        assert!(!is_signed(SECRET, BODY, "sha256=zz"));
        assert!(!is_signed(SECRET, BODY, ""));
    }
}

//! Encrypts what must be stored but not read from a copy of the database: network tokens.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::Secret;
use crate::error::{Error, Result};

/// Marks the way of sealing, so that another may follow.
const VERSION: &str = "v1:";

/// AES-256-GCM under a key derived (HKDF-SHA256) from the site's secret.
pub struct Seal {
    key: LessSafeKey,
}

impl Seal {
    /// `purpose` separates the keys of different uses of one secret.
    pub fn new(secret: &Secret, purpose: &[u8]) -> Result<Seal> {
        let derived = Salt::new(HKDF_SHA256, b"offramp seal").extract(secret.expose().as_bytes());
        let derived = derived
            .expand(&[purpose], &AES_256_GCM)
            .map(UnboundKey::from)
            .map_err(|_| Error::other("the key for stored tokens can't be derived"))?;
        Ok(Seal {
            key: LessSafeKey::new(derived),
        })
    }

    /// `place` is bound in: a value moved to another place does not open.
    pub fn close(&self, place: &str, text: &str) -> Result<String> {
        let failed = |_| Error::other("a token can't be encrypted");
        let mut nonce = [0u8; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let mut data = text.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut data,
            )
            .map_err(failed)?;
        let mut out = nonce.to_vec();
        out.extend_from_slice(&data);
        Ok(format!("{VERSION}{}", STANDARD_NO_PAD.encode(out)))
    }

    /// `None` when the text was sealed under another secret or place, or changed since.
    pub fn open(&self, place: &str, sealed: &str) -> Option<String> {
        let data = STANDARD_NO_PAD.decode(sealed.strip_prefix(VERSION)?).ok()?;
        let (nonce, body) = data.split_at_checked(NONCE_LEN)?;
        let mut body = body.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
            .ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_and_place_open() {
        let seal = |secret: &str| Seal::new(&Secret::new(secret), b"test").expect("a key");
        let closed = seal("one").close("x/tokens", "hush").expect("sealed");
        assert!(!closed.contains("hush"));
        assert_ne!(
            closed,
            seal("one").close("x/tokens", "hush").expect("sealed")
        );
        assert_eq!(
            seal("one").open("x/tokens", &closed).as_deref(),
            Some("hush")
        );
        assert_eq!(seal("two").open("x/tokens", &closed), None);
        assert_eq!(seal("one").open("x/other", &closed), None);
        assert_eq!(seal("one").open("x/tokens", "v1:AAAA"), None);
        assert_eq!(seal("one").open("x/tokens", "plain"), None);
    }
}

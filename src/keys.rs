//! Keys and digests: everything derived from the site's one secret.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead;
use sha2::{Digest as _, Sha256};

use crate::config::{Config, Secret};
use crate::error::{Error, Result};
use crate::files;
use crate::random::Random;

/// Keys of this site, one a purpose, so that none can be used for another.
#[derive(Clone)]
pub struct Keys {
    secret: Vec<u8>,
}

const SECRET_FILE: &str = "secret";
const NONCE_BYTES: usize = 12;

impl Keys {
    pub fn new(secret: &str) -> Keys {
        Keys {
            secret: secret.as_bytes().to_vec(),
        }
    }

    /// The configured secret, or the one kept in the data folder; `None` before one is made.
    pub fn read(config: &Config) -> Result<Option<Keys>> {
        if !config.site.secret.is_empty() {
            return Ok(Some(Keys::new(config.site.secret.expose())));
        }
        let path = config.server.data_dir.join(SECRET_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 32 => Ok(Some(Keys::new(text.trim()))),
            Ok(_) => Err(Error::other(format!(
                "{} holds no usable secret (at least 32 characters). Restore it from a backup, or \
                 delete it to have a new one made: log-ins and stored network tokens are then \
                 void.",
                path.display()
            ))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(format!("reading {}", path.display()), e)),
        }
    }

    /// As `read`; a missing secret is made and kept in the data folder.
    pub fn load(config: &Config, random: &Random) -> Result<Keys> {
        if let Some(keys) = Keys::read(config)? {
            return Ok(keys);
        }
        let path = config.server.data_dir.join(SECRET_FILE);
        let secret = format!("{}{}", random.token(), random.token());
        files::make_dir(&config.server.data_dir)
            .map_err(|e| Error::io(format!("making {}", config.server.data_dir.display()), e))?;
        files::create_new(&path)
            .and_then(|mut file| {
                file.write_all(secret.as_bytes())?;
                file.sync_all()
            })
            .map_err(|e| Error::io(format!("making {}", path.display()), e))?;
        Ok(Keys::new(&secret))
    }

    /// A secret for one purpose, for machinery that derives keys of its own.
    pub fn secret_for(&self, purpose: &str) -> Secret {
        Secret::new(self.sign("secret", purpose))
    }

    fn derived(&self, purpose: &str) -> [u8; 32] {
        mac(&self.secret, purpose.as_bytes())
    }

    /// A keyed digest of `text`, for `purpose` only; URL-safe.
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(purpose, text))
    }

    /// As `sign`, in bytes: HMAC-SHA-256.
    pub fn mac(&self, purpose: &str, text: &str) -> [u8; 32] {
        mac(&self.derived(purpose), text.as_bytes())
    }

    /// Tells this secret from others, and nothing about it.
    pub fn fingerprint(&self) -> String {
        self.sign("fingerprint", "")
    }

    /// How a session's token is kept: keyed with the secret, so that another secret ends every
    /// session, and whoever can write to the database alone can make none.
    pub fn session_hash(&self, token: &str) -> String {
        self.sign("session", token)
    }

    /// Whether `signature` is `sign(purpose, text)`, in constant time.
    pub fn verify(&self, purpose: &str, text: &str, signature: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.sign(purpose, text)
            .as_bytes()
            .ct_eq(signature.as_bytes())
            .into()
    }

    /// Encrypts a secret that must be read again (a network's tokens). AES-256-GCM.
    pub fn seal(&self, random: &Random, plain: &str) -> String {
        let mut nonce = [0u8; NONCE_BYTES];
        random.fill(&mut nonce);
        let mut sealed = plain.as_bytes().to_vec();
        let ok = self.aead().seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::empty(),
            &mut sealed,
        );
        debug_assert!(ok.is_ok(), "sealing fails only for texts of gigabytes");
        let mut out = nonce.to_vec();
        out.extend(sealed);
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Reads what `seal` wrote; `None` when it was made with another secret or changed.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_BYTES)?;
        let mut body = body.to_vec();
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self
            .aead()
            .open_in_place(nonce, aead::Aad::empty(), &mut body)
            .ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }

    fn aead(&self) -> aead::LessSafeKey {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &self.derived("seal"))
            .expect("the derived key has the 32 bytes that AES-256 wants");
        aead::LessSafeKey::new(key)
    }
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// How a random token is kept: hashed, so that a stolen database opens nothing. Plain SHA-256
/// is right for tokens of 160 random bits; passwords go through argon2.
pub fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// SHA-256 of `bytes`, in hex.
pub fn digest(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.hex()
}

/// A SHA-256 of what comes piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hex, of all that was added.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_text_opens_with_the_same_secret_only() {
        let keys = Keys::new("a secret of the site");
        let sealed = keys.seal(&Random::seeded(1), "refresh-token");
        assert_eq!(keys.open(&sealed).as_deref(), Some("refresh-token"));
        assert_eq!(Keys::new("another secret").open(&sealed), None);
        assert_eq!(keys.open("nonsense"), None);
    }

    #[test]
    fn a_signature_holds_for_its_purpose_only() {
        let keys = Keys::new("a secret of the site");
        let signature = keys.sign("csrf", "session");
        assert!(keys.verify("csrf", "session", &signature));
        assert!(!keys.verify("unsubscribe", "session", &signature));
    }
}

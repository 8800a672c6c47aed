//! DKIM (RFC 6376, RFC 8463): the signature by which a receiver sees that a mail is ours and whole.
//!
//! Relaxed for header and body, because servers on the way fold lines and trim blanks. Signed are the bytes as they
//! leave, with `ring`, which the program has for TLS anyway.

mod relaxed;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use self::relaxed::{fields, halves, is_called, relaxed_body, relaxed_field};

use crate::clock::Moment;
use crate::config::{self, Config};

/// The headers that are signed, those of them that a mail has (RFC 6376, section 5.4.1). Mail programs offer the one
/// click of RFC 8058 (section 4) only where its two headers are signed.
const SIGNED: [&str; 14] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "reply-to",
    "mime-version",
    "content-type",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
];
/// Named once more than it stands in the mail, so that nobody adds another one beside it (RFC 6376, section 8.15).
const OVERSIGNED: &str = "from";
/// Length of a seed of Ed25519, in bytes (RFC 8032, section 5.1.5).
const SEED_BYTES: usize = 32;
/// Where the long values of the signature are folded, in characters.
const FOLD_CHARS: usize = 70;

/// Why no mail can be signed, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// A key is named, and no selector to find its public half by.
    #[error(
        "`mail.dkim_key_file` is set and `mail.dkim_selector` is not: name the selector under which you publish the \
         key, such as \"offramp\""
    )]
    NoSelector,
    /// A selector is named, and no key.
    #[error(
        "`mail.dkim_selector` is set and `mail.dkim_key_file` is not: name the file with the private key"
    )]
    NoKeyFile,
    /// Selector or domain can be no part of a DNS name.
    #[error("`{key}` is no DNS name: letters, digits, hyphens and dots")]
    Name {
        /// The key of the configuration.
        key: &'static str,
    },
    /// The file is not there, or not ours to read.
    #[error("the DKIM key {file} can't be read: {why}")]
    File {
        /// Its path.
        file: String,
        /// What the system says.
        why: String,
    },
    /// The file holds something else.
    #[error(
        "the DKIM key {file} is not one that we can sign with: {why}. It must be an RSA key of 2048 to 8192 bits in PEM \
         (PKCS#1 or PKCS#8), or an Ed25519 key: in PEM (PKCS#8) or its seed of 32 bytes, raw or in base64"
    )]
    Key {
        /// Its path.
        file: String,
        /// What stands against it.
        why: String,
    },
}

/// What signs our mails.
pub struct Signer {
    selector: String,
    domain: String,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// The configured signer; `None` when mails are not to be signed.
pub fn signer(config: &Config) -> Result<Option<Signer>, DkimError> {
    let mail = &config.mail;
    let (has_key, has_selector) = (
        !mail.dkim_key_file.as_os_str().is_empty(),
        !mail.dkim_selector.is_empty(),
    );
    match (has_key, has_selector) {
        (false, false) => return Ok(None),
        (true, false) => return Err(DkimError::NoSelector),
        (false, true) => return Err(DkimError::NoKeyFile),
        (true, true) => {}
    }
    Ok(Some(Signer {
        selector: dns_name(&mail.dkim_selector, "mail.dkim_selector")?,
        domain: dns_name(domain(mail), "mail.dkim_domain")?,
        key: Key::read(&mail.dkim_key_file)?,
    }))
}

/// The DNS record that has to be published for the configured key: its name and its value. `None` when mails are not
/// signed.
pub fn dns_record(config: &Config) -> Result<Option<(String, String)>, DkimError> {
    Ok(signer(config)?.map(|signer| signer.dns_record()))
}

/// Whom the signature speaks for: the configured domain, else that of our address.
fn domain(mail: &config::Mail) -> &str {
    if !mail.dkim_domain.is_empty() {
        return &mail.dkim_domain;
    }
    mail.from.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// A name as DNS has it. What is none could add tags to the signature.
fn dns_name(name: &str, key: &'static str) -> Result<String, DkimError> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if name.split('.').all(is_label) {
        Ok(name)
    } else {
        Err(DkimError::Name { key })
    }
}

impl Key {
    fn read(file: &Path) -> Result<Key, DkimError> {
        let name = || file.display().to_string();
        let bytes = std::fs::read(file).map_err(|error| DkimError::File {
            file: name(),
            why: error.to_string(),
        })?;
        Key::of(&bytes).map_err(|why| DkimError::Key { file: name(), why })
    }

    fn of(bytes: &[u8]) -> Result<Key, String> {
        if bytes.len() == SEED_BYTES {
            return Key::of_seed(bytes);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err("it is neither text nor 32 bytes".to_owned());
        };
        if !text.contains("-----BEGIN") {
            let seed = BASE64
                .decode(text.trim())
                .map_err(|_| "it is neither PEM nor base64".to_owned())?;
            return Key::of_seed(&seed);
        }
        if text.contains("ENCRYPTED") {
            return Err("it is locked with a password".to_owned());
        }
        let der = PrivateKeyDer::from_pem_slice(bytes)
            .map_err(|error| format!("no private key stands in its PEM ({error})"))?;
        match der {
            PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    Ok(key) => Ok(Key::Ed25519(key)),
                    Err(_) => rsa(RsaKeyPair::from_pkcs8(der)),
                }
            }
            _ => Err("it is neither RSA nor Ed25519".to_owned()),
        }
    }

    fn of_seed(seed: &[u8]) -> Result<Key, String> {
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Key::Ed25519)
            .map_err(|_| format!("a seed has {SEED_BYTES} bytes, this has {}", seed.len()))
    }

    /// The word of `a=` (RFC 6376, section 3.3; RFC 8463, section 3).
    fn algorithm(&self) -> &'static str {
        match self {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// Signs `text`; `None` only when the system gives no randomness.
    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                // The randomness hides the computation from who measures it; the signature is the same without.
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text,
                    &mut signature,
                )
                .ok()?;
                Some(signature)
            }
            // Of Ed25519 the digest is signed, not the text (RFC 8463, section 3).
            Key::Ed25519(key) => Some(key.sign(&Sha256::digest(text)).as_ref().to_vec()),
        }
    }
}

fn rsa(read: Result<RsaKeyPair, ring::error::KeyRejected>) -> Result<Key, String> {
    match read {
        Ok(key) => Ok(Key::Rsa(Box::new(key))),
        // RFC 8301, section 3.2, wants 2048 bits.
        Err(error) => Err(match error.to_string().as_str() {
            "TooSmall" => "it has fewer than 2048 bits".to_owned(),
            "TooLarge" => "it has more than 8192 bits".to_owned(),
            why => format!("it is neither RSA nor Ed25519 ({why})"),
        }),
    }
}

impl Signer {
    /// The mail with its signature on top; unchanged only when the system gives no randomness, which an unsigned mail
    /// survives better than its receiver's wait.
    pub fn sign(&self, mail: &[u8], now: Moment) -> Vec<u8> {
        let header = self.header(mail, now).unwrap_or_default();
        [header.as_bytes(), mail].concat()
    }

    fn header(&self, mail: &[u8], now: Moment) -> Option<String> {
        let (head, body) = halves(mail);
        let fields = fields(head);
        let mut names = vec![OVERSIGNED];
        let mut signed = Vec::new();
        for name in SIGNED {
            // Of several with one name the last is signed (RFC 6376, section 5.4.2); we write one.
            if let Some(field) = fields.iter().rev().find(|field| is_called(field, name)) {
                names.push(name);
                signed.extend(relaxed_field(field));
                signed.extend(b"\r\n");
            }
        }
        let mut header = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n s={}; t={};\r\n h={};\r\n bh={};\r\n b=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            now.0 / 1_000_000,
            folded(&names.join(":"), Some(':')),
            BASE64.encode(Sha256::digest(relaxed_body(body))),
        );
        signed.extend(relaxed_field(header.as_bytes()));
        let signature = self.key.sign(&signed)?;
        header.push_str(&folded(&BASE64.encode(signature), None));
        header.push_str("\r\n");
        Some(header)
    }

    /// The DNS record by which receivers check the signature: its name and its value.
    pub fn dns_record(&self) -> (String, String) {
        let (kind, public) = match &self.key {
            Key::Rsa(key) => ("rsa", subject_public_key_info(key.public().as_ref())),
            Key::Ed25519(key) => ("ed25519", key.public_key().as_ref().to_vec()),
        };
        (
            format!("{}._domainkey.{}", self.selector, self.domain),
            format!("v=DKIM1; k={kind}; p={}", BASE64.encode(public)),
        )
    }
}

/// The public RSA key as receivers read it from `p=`: not the bare key of RFC 6376 but the structure around it
/// (RFC 5280, section 4.1), as `openssl rsa -pubout` writes it and every receiver takes it.
fn subject_public_key_info(rsa: &[u8]) -> Vec<u8> {
    /// SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL } (RFC 8017, appendix A.1).
    const RSA_ENCRYPTION: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let bits = tagged(0x03, &[&[0], rsa].concat());
    tagged(0x30, &[&RSA_ENCRYPTION, bits.as_slice()].concat())
}

/// A value of DER with its tag and length.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = &length[value.len().leading_zeros() as usize / 8..];
    let mut out = vec![tag];
    if let ([short], true) = (length, value.len() < 128) {
        out.push(*short);
    } else {
        out.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
        out.extend(length);
    }
    out.extend(value);
    out
}

/// A long value over several lines, broken behind `at` where a place is given, else anywhere.
fn folded(value: &str, at: Option<char>) -> String {
    let mut out = String::new();
    let mut width = 0;
    for c in value.chars() {
        out.push(c);
        width += 1;
        if width >= FOLD_CHARS && at.is_none_or(|at| at == c) {
            out.push_str("\r\n ");
            width = 0;
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::outgoing::tests::mail;

    /// The key of RFC 8463, appendix A.2.
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

    fn configured(key: &[u8]) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::default();
        config.mail.from = "help@example.com".into();
        config.mail.dkim_selector = "one".into();
        config.mail.dkim_key_file = folder.path().join("key");
        std::fs::write(&config.mail.dkim_key_file, key).expect("written");
        (folder, config)
    }

    #[test]
    fn the_record_is_that_of_the_key() {
        let expected = (
            "one._domainkey.example.com".to_owned(),
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned(),
        );
        let raw = BASE64.decode(SEED).expect("base64");
        for key in [SEED.as_bytes(), format!("{SEED}\n").as_bytes(), &raw] {
            let (_folder, config) = configured(key);
            assert_eq!(dns_record(&config), Ok(Some(expected.clone())));
        }
        let mut config = Config::default();
        assert_eq!(dns_record(&config), Ok(None));
        config.mail.dkim_selector = "one".into();
        assert_eq!(dns_record(&config), Err(DkimError::NoKeyFile));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told_in_words() {
        for (key, words) in [
            (&b"hello"[..], "neither PEM nor base64"),
            (b"aGVsbG8=", "a seed has 32 bytes, this has 5"),
            (&[0xff; 40], "neither text nor 32 bytes"),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "no private key",
            ),
            (
                b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
                "locked with a password",
            ),
        ] {
            let (_folder, config) = configured(key);
            let Err(error) = dns_record(&config) else {
                panic!("{words}: taken");
            };
            assert!(error.to_string().contains(words), "{error}");
        }
        let (folder, mut config) = configured(b"");
        config.mail.dkim_key_file = folder.path().join("none");
        assert!(matches!(dns_record(&config), Err(DkimError::File { .. })));
        config.mail.dkim_selector = "one; d=evil.example".into();
        let name = DkimError::Name {
            key: "mail.dkim_selector",
        };
        assert_eq!(dns_record(&config), Err(name));
    }

    #[test]
    fn a_signature_covers_from_twice_and_only_what_is_there() {
        let (_folder, config) = configured(SEED.as_bytes());
        let signer = signer(&config).expect("a key").expect("configured");
        let bytes = mail().compose().expect("composes").formatted();
        let signed = signer.sign(&bytes, Moment(1_790_000_000_000_000));
        let text = String::from_utf8(signed).expect("ASCII");
        let header: String = text
            .split("\r\n b=")
            .next()
            .unwrap_or_default()
            .replace("\r\n ", "");
        assert!(
            header.contains("h=from:from:to:subject:date:message-id:mime-version:content-type;"),
            "{header}"
        );
        assert!(header.contains("t=1790000000;"), "{header}");
        assert!(text.ends_with(std::str::from_utf8(&bytes).expect("ASCII")));
        assert!(text.lines().all(|line| line.len() < 120), "{text}");
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_signed(mail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let key = Key::of(SEED.as_bytes()).expect("the key");
            let signer = Signer { selector: "s".into(), domain: "d.example".into(), key };
            let signed = signer.sign(&mail, Moment(0));
            prop_assert!(signed.starts_with(b"DKIM-Signature: ") && signed.ends_with(&mail));
        }
    }
}

//! Passwords: which are allowed, and how they are kept (argon2id, as PHC strings).
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose. Verbs that hash are run through
//! `in_turn`, which keeps at most `HASHES_AT_ONCE` of them going and never on a thread that serves
//! requests.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use unicode_normalization::UnicodeNormalization;

use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::random::Random;
use crate::text::names;
use crate::web::{self, Failure};

/// Memory of one hash (KiB), passes and lanes: the first choice of OWASP's Password Storage
/// Cheat Sheet (2026) for machines that serve other requests too.
pub const MEMORY_KIB: u32 = 19_456;
pub const PASSES: u32 = 2;
pub const LANES: u32 = 1;
/// Salt of a hash (bytes), as RFC 9106, section 3.1 recommends.
const SALT_BYTES: usize = 16;
/// Hashes worked out at the same time by one process: 40 MB, and threads left for readers.
pub const HASHES_AT_ONCE: usize = 2;
/// Shortest password, in characters.
pub const CHARS_MIN: usize = 10;
/// Longest password, in characters: far above any passphrase, and bounded.
pub const CHARS_MAX: usize = 256;
/// A name or the part of an address before the `@` counts as told when it is this long (chars).
const TELLING_CHARS_MIN: usize = 4;

/// A hash with our parameters that no password has: whoever is unknown is checked against it, so
/// that the answer takes as long as for somebody known.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5\
    $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The beginnings and whole words of passwords that are tried first. Compared without case,
/// digits and marks at the ends, so that `Password123!` is found by `password`.
const COMMON: [&str; 58] = [
    "abc",
    "abcd",
    "abcde",
    "abcdef",
    "abcdefgh",
    "abcdefghij",
    "admin",
    "administrator",
    "asdf",
    "asdfgh",
    "asdfghjkl",
    "baseball",
    "basketball",
    "batman",
    "changeit",
    "changeme",
    "chocolate",
    "computer",
    "default",
    "dragon",
    "football",
    "forum",
    "freedom",
    "hello",
    "helloworld",
    "iloveyou",
    "internet",
    "jordan",
    "letmein",
    "liverpool",
    "login",
    "loveme",
    "lovely",
    "master",
    "michael",
    "monkey",
    "mypassword",
    "newpassword",
    "passw0rd",
    "passwd",
    "password",
    "passwordpassword",
    "pokemon",
    "princess",
    "qazwsx",
    "qwer",
    "qwert",
    "qwerty",
    "qwertyui",
    "qwertyuiop",
    "qwertz",
    "secret",
    "starwars",
    "sunshine",
    "superman",
    "support",
    "trustno",
    "welcome",
];

/// What is wrong with a password for this person, for the field `field`.
pub fn problem(field: &'static str, password: &str, name: &str, email: &str) -> Option<Problem> {
    let say = |text: String| Some(Problem::new(field, text));
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return say(format!(
            "A password needs at least {CHARS_MIN} characters. Three or four words do well."
        ));
    }
    if chars > CHARS_MAX {
        return say(format!("A password has at most {CHARS_MAX} characters."));
    }
    if is_common(password) {
        return say("This password is one of the first that are tried. Choose another.".into());
    }
    let told = |text: &str| {
        let text = names::key(text);
        text.chars().count() >= TELLING_CHARS_MIN && names::key(password).contains(&text)
    };
    let before_at = email.rsplit_once('@').map_or(email, |(local, _)| local);
    if told(name) || told(before_at) {
        return say("A password must not contain your name or email address.".into());
    }
    None
}

fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let repeated = |part: &str| {
        !part.is_empty()
            && lower.len().is_multiple_of(part.len())
            && lower == part.repeat(lower.len() / part.len())
    };
    // Digits alone in order, one or two characters over and over, or a common word among marks.
    let runs = [
        "01234567890123456789",
        "98765432109876543210",
        "12345678901234567890",
    ];
    let short_rounds = lower
        .char_indices()
        .skip(1)
        .take(4)
        .any(|(at, _)| repeated(&lower[..at]));
    short_rounds
        || core.is_empty() && runs.iter().any(|run| run.contains(&lower))
        || COMMON.contains(&core)
        || COMMON.iter().any(|word| repeated(word))
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::other)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// One password typed on different devices is one text (NIST SP 800-63B, 3.1.1.2).
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// The PHC string to store.
pub fn hash(random: &Random, password: &str) -> Result<String> {
    let mut salt = [0u8; SALT_BYTES];
    random.fill(&mut salt);
    let hash = argon2()?
        .hash_password_with_salt(normal(password).as_bytes(), &salt)
        .map_err(Error::other)?;
    Ok(hash.to_string())
}

/// Whether `password` is the one of `hash`. `None` takes as long and is never right.
pub fn is_right(password: &str, hash: Option<&str>) -> bool {
    let of_somebody = hash.is_some();
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else {
        tracing::error!("a stored password hash can't be read; its user has to reset it");
        return false;
    };
    // What can't be set is not worked out, only refused: a megabyte costs nobody anything.
    let password = normal(password);
    if password.chars().count() > CHARS_MAX * 4 {
        return false;
    }
    let right = Argon2::default()
        .verify_password(password.as_bytes(), &parsed)
        .is_ok();
    right && of_somebody
}

/// Whether `hash` was made with other parameters than today's.
pub fn is_outdated(hash: &str) -> bool {
    let wanted = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    !hash.starts_with(&wanted)
}

/// Runs a verb that hashes: waits for its turn without holding a thread, then works on a
/// blocking one.
pub async fn in_turn<T: Send + 'static>(
    app: &App,
    f: impl FnOnce(&App) -> Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let _turn = app.password_turns.acquire().await.map_err(Error::other)?;
    web::blocking(app, f).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_for_its_own_hash_only() {
        let random = Random::seeded(1);
        let stored = hash(&random, "correct horse battery").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!is_outdated(&stored));
        assert!(is_right("correct horse battery", Some(&stored)));
        assert!(!is_right("correct horse batterz", Some(&stored)));
        assert!(!is_right("correct horse battery", None));
        assert!(!is_right("anything", Some("not a hash")));
        assert_ne!(stored, hash(&random, "correct horse battery").unwrap());
    }

    #[test]
    fn the_same_letters_composed_otherwise_are_the_same_password() {
        let stored = hash(&Random::seeded(1), "caf\u{e9} am morgen").unwrap();
        assert!(is_right("cafe\u{301} am morgen", Some(&stored)));
    }

    #[test]
    fn nobody_is_a_hash_that_is_worked_out() {
        let parsed = PasswordHash::new(NOBODY).unwrap();
        assert!(parsed.salt.is_some() && parsed.hash.is_some());
        assert!(!is_outdated(NOBODY));
    }

    #[test]
    fn weak_passwords_are_told_apart() {
        let is_ok = |p: &str| problem("password", p, "marlene", "m.keller@mail.example").is_none();
        for good in [
            "correct horse",
            "tür auf, tür zu",
            "xK3!vv9-qqLm",
            "絵文字🙂🙂🙂を書く日",
        ] {
            assert!(is_ok(good), "{good}");
        }
        for bad in [
            "short",
            "password123!",
            "Passw0rd!!!!",
            "1234567890",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "qwertyuiop",
            "letmeinletmein",
            "welcome2026",
            "marlene-is-great",
            "xxm.kellerxx",
            &"x1".repeat(200),
        ] {
            assert!(!is_ok(bad), "{bad}");
        }
    }
}

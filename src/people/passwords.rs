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

/// Words of which people make passwords: what they love, their names, teams and months, and what
/// stands on the screen. None is shorter than four letters.
const COMMON: &str = "\
    aaron abc123 access adidas admin administrator alejandro alexander alexandra amanda amazon \
    america andrea andrew angel angela anthony apple arsenal ashley asshole august austin baby \
    babygirl bailey banana barbara barcelona baseball basketball batman beautiful benjamin \
    berlin bitch blackberry blessed blink brandon brian bubbles buddy buster butter butterfly \
    california cameron canada carlos caroline casper celtic changeit changeme charles charlie \
    cheerleader chelsea chester chicken chocolate chris christian christine christopher claudia \
    coffee company computer cookie cooper corvette counter cowboys crystal cutie dakota dallas \
    daniel daniela danielle david december default demo dexter diamond dolphin donald dragon \
    eagles eduardo edward einstein elephant elizabeth emily eminem estrella facebook family \
    february fernanda fernando ferrari fishing florida flower football forever fortnite forum \
    freedom friday friend friends fuck fuckyou gabriel gangster garfield george ginger gmail \
    golden goodluck google green guest guitar hallo hammer hannah happy harley heather hello \
    hellokitty hockey holiday honda hotmail hottie hunter iloveu iloveyou instagram internet \
    isabella jackson jaguar james january jasmine jason jennifer jeremy jessica jesus jonathan \
    jordan joseph joshua junior justin kathleen killer kitten ladybug lauren letmein lincoln \
    liverpool login london loser love lovely loveme lover loveyou lucky madison maggie \
    manchester marina market marshall martin master matrix matthew maverick melissa mercedes \
    merlin metallica michael michelle mickey midnight minecraft monday monica monkey monster \
    morgan morning mother mountain murphy mustang mylove myspace naruto natalie nathan network \
    newyork nicholas nicole ninja nirvana nothing november october office olivia orange pakistan \
    parker pass passion passw passwd password passwort patricia patrick peaches peanut pepper \
    phoenix playboy player please pokemon power prince princess pumpkin purple pussy qazwsx \
    querty rachel rainbow ranger rebecca remember richard robert rocket rockstar rocky router \
    runescape samantha samsung samuel scooter scorpion sebastian secret september server shadow \
    silver simple sister skateboard skittles slipknot snoopy soccer softball solution sophie \
    spiderman spongebob spring starcraft starwars steelers stephanie steven strawberry summer \
    sunflower sunshine super superman superstar support sweetheart sweety system taylor teacher \
    teamo teddy tennis tequiero teresa test testing thomas thunder tiger tigger tinker \
    tinkerbell tomato trust trustno tweety twitter user valentina vanessa veronica victoria \
    victory vincent viper volleyball warcraft welcome whatever william willow windows winner \
    winter wizard wolf world yahoo yamaha yankees yellow";

/// Walks over keyboards and the alphabet, taken forwards and backwards.
const WALKS: &[&str] = &[
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
    "zaqxswcdevfrbgtnhymju",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "a1b2c3d4e5f6",
    "!@#$%^&*()",
    "!\"\u{a7}$%&/()=",
];
/// Shortest stretch of a walk, or of one character repeated, that counts as one.
const RUN_CHARS_MIN: usize = 3;
/// A password must have this many characters left when each common word, walk, repetition and
/// year counts as one: no list of the first few thousand that are tried has such a one.
const OWN_CHARS_MIN: usize = 6;

/// What is wrong with a password for the field `field`. It must not contain
/// the name or the address; the words of the site's name count as common.
pub fn problem(
    field: &'static str,
    password: &str,
    name: &str,
    email: &str,
    site: &str,
) -> Option<Problem> {
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
    if own_chars(password, site) < OWN_CHARS_MIN {
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

/// Characters of a password that can't be guessed by habit; each habit counts as one.
fn own_chars(password: &str, site: &str) -> usize {
    let lower: Vec<char> = password.to_lowercase().chars().collect();
    // The same thing over and over is that thing.
    let period = (1..lower.len())
        .find(|&n| (n..lower.len()).all(|at| lower[at] == lower[at - n]))
        .unwrap_or(lower.len());
    let mut rest = &lower[..period];
    let site = site.to_lowercase();
    let words: Vec<&str> = COMMON
        .split_whitespace()
        .chain(site.split_whitespace())
        .filter(|word| word.chars().count() >= TELLING_CHARS_MIN)
        .collect();
    let mut count = 0;
    while !rest.is_empty() {
        let word = words
            .iter()
            .filter_map(|word| starts_with(rest, word))
            .max();
        let habit = word
            .into_iter()
            .chain(walk(rest))
            .chain(repetition(rest))
            .chain(year(rest))
            .max();
        rest = &rest[habit.unwrap_or(1)..];
        count += 1;
    }
    count
}

/// The length of `word` when `text` begins with it, digits and marks read as letters.
fn starts_with(text: &[char], word: &str) -> Option<usize> {
    let length = word.chars().count();
    let looks = |c: char, letter: char| {
        c == letter
            || match letter {
                'a' => matches!(c, '@' | '4'),
                'e' => c == '3',
                'i' | 'l' => matches!(c, '1' | '!'),
                'o' => c == '0',
                's' => matches!(c, '$' | '5'),
                't' => c == '7',
                _ => false,
            }
    };
    let begins = text.len() >= length
        && text
            .iter()
            .zip(word.chars())
            .all(|(&c, letter)| looks(c, letter));
    begins.then_some(length)
}

fn walk(text: &[char]) -> Option<usize> {
    let common = |walk: &[char]| {
        (0..walk.len())
            .map(|from| {
                walk[from..]
                    .iter()
                    .zip(text)
                    .take_while(|(a, b)| a == b)
                    .count()
            })
            .max()
            .unwrap_or(0)
    };
    WALKS
        .iter()
        .flat_map(|walk| {
            let forwards: Vec<char> = walk.chars().collect();
            let backwards: Vec<char> = walk.chars().rev().collect();
            [common(&forwards), common(&backwards)]
        })
        .max()
        .filter(|&length| length >= RUN_CHARS_MIN)
}

fn repetition(text: &[char]) -> Option<usize> {
    let length = text.iter().take_while(|c| Some(*c) == text.first()).count();
    (length >= RUN_CHARS_MIN).then_some(length)
}

/// A year of the last or of this century.
fn year(text: &[char]) -> Option<usize> {
    let is_year = text.len() >= 4
        && matches!(text[..2], ['1', '9'] | ['2', '0'])
        && text[2..4].iter().all(char::is_ascii_digit);
    is_year.then_some(4)
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
    if password.chars().nth(CHARS_MAX * 4).is_some() {
        return false;
    }
    let password = normal(password);
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
    let turn = app.password_turns.clone().acquire_owned();
    let turn = turn.await.map_err(Error::other)?;
    web::blocking(app, move |app| {
        // Held by the work itself, which goes on when whoever asked has gone.
        let _turn = turn;
        f(app)
    })
    .await
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
        let is_ok = |p: &str| {
            problem(
                "password",
                p,
                "marlene",
                "m.keller@mail.example",
                "Fernwell Forum",
            )
            .is_none()
        };
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
            "fernwell2026!",
            "P@ssw0rd-1234",
            "1q2w3e4r5t6y",
            "zaq1xsw2cde3",
            "0987654321qwerty",
            "dragonmonkey99",
            "iloveyouforever",
            "summer2025!!",
            "mypassword1!",
            "Liverpool#1992",
            "helloworld!!",
            "Christopher7",
            "marlene-is-great",
            "xxm.kellerxx",
            &"x1".repeat(200),
        ] {
            assert!(!is_ok(bad), "{bad}");
        }
    }
}

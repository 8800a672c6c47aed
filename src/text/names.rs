//! User names and email addresses: what is allowed, and the keys by which they are compared.

use unicode_normalization::UnicodeNormalization;

/// Shortest user name, in characters.
pub const NAME_CHARS_MIN: usize = 2;
/// Longest user name, in characters.
pub const NAME_CHARS_MAX: usize = 30;
/// Longest email address, in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Longest label of a domain, in bytes (RFC 1035, 2.3.4).
const DOMAIN_LABEL_BYTES_MAX: usize = 63;

/// Names nobody may register: they would speak for the house, or be taken for a part of its addresses.
const RESERVED: [&str; 24] = [
    "admin",
    "administrator",
    "anonymous",
    "api",
    "desk",
    "everyone",
    "help",
    "info",
    "me",
    "mod",
    "moderator",
    "moderators",
    "new",
    "noreply",
    "nobody",
    "offramp",
    "official",
    "postmaster",
    "root",
    "staff",
    "support",
    "system",
    "team",
    "webmaster",
];

/// Why a user name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Fewer than [`NAME_CHARS_MIN`] characters.
    #[error("A name needs at least {NAME_CHARS_MIN} characters.")]
    TooShort,
    /// More than [`NAME_CHARS_MAX`] characters.
    #[error("A name has at most {NAME_CHARS_MAX} characters.")]
    TooLong,
    /// Something else than letters, digits and single separators between them.
    #[error(
        "A name is made of letters and digits, with single dots, hyphens or underscores between them."
    )]
    Characters,
    /// Letters of several scripts, which is how one name is made to look like another.
    #[error("A name keeps to one script: the letters look alike but differ.")]
    MixedScripts,
    /// A name that speaks for the house.
    #[error("This name is reserved.")]
    Reserved,
}

/// The user name as it will be shown (NFC, outer blanks gone), or why it is refused.
pub fn user_name(typed: &str) -> Result<String, NameProblem> {
    // Far above the limit already in bytes: nothing needs to be normalised to know it.
    if typed.len() > NAME_CHARS_MAX * 16 {
        return Err(NameProblem::TooLong);
    }
    let name: String = typed.trim().nfc().collect();
    match name.chars().count() {
        count if count < NAME_CHARS_MIN => return Err(NameProblem::TooShort),
        count if count > NAME_CHARS_MAX => return Err(NameProblem::TooLong),
        _ => {}
    }
    let mut after_separator = true;
    for c in name.chars() {
        let is_separator = matches!(c, '.' | '-' | '_');
        if (is_separator && after_separator) || !(is_separator || c.is_alphanumeric()) {
            return Err(NameProblem::Characters);
        }
        after_separator = is_separator;
    }
    if after_separator {
        return Err(NameProblem::Characters);
    }
    let latin = name.chars().any(|c| c.is_alphabetic() && is_latin(c));
    let lookalike = name.chars().any(is_greek_or_cyrillic);
    if latin && lookalike {
        return Err(NameProblem::MixedScripts);
    }
    if RESERVED.contains(&key(&name).as_str()) {
        return Err(NameProblem::Reserved);
    }
    Ok(name)
}

fn is_latin(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

fn is_greek_or_cyrillic(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' | '\u{400}'..='\u{52f}')
}

/// The form in which names, tags and handles are compared and kept unique (the `*_key` columns).
///
/// Compatibility forms, case, blanks, invisible characters, accents' composition and letters of other scripts that
/// look like Latin ones make no difference: `Раul` in Cyrillic and `paul` have one key.
pub fn key(name: &str) -> String {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).collect();
    folded
        .nfkc()
        .filter(|&c| !is_invisible(c))
        .flat_map(|c| {
            if c == 'ß' {
                ['s', 's'].into_iter().take(2)
            } else {
                [look(c), ' '].into_iter().take(1)
            }
        })
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Characters that no reader sees: joiners, marks of direction, variation selectors, soft hyphen.
fn is_invisible(c: char) -> bool {
    c != '\n' && c.is_control() && !c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The Latin letter for which a lower-case Greek or Cyrillic letter can be taken.
fn look(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' => 'e',
        'һ' => 'h',
        'н' | 'η' => 'n',
        'і' | 'ї' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' => 'y',
        'ı' => 'i',
        c => c,
    }
}

/// The address as it is used for sending (blanks gone, domain in lower-case ASCII), or None when it is no address.
///
/// The common form only: no quoted local part, no domain literal, a domain with at least one dot.
pub fn email(typed: &str) -> Option<String> {
    let typed = typed.trim();
    if typed.len() > EMAIL_BYTES_MAX {
        return None;
    }
    let (local, domain) = typed.rsplit_once('@')?;
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    if local.len() > EMAIL_LOCAL_BYTES_MAX || !local.split('.').all(is_atom) {
        return None;
    }
    let url::Host::Domain(domain) = url::Host::parse(domain).ok()? else {
        return None;
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= DOMAIN_LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last_is_name = domain
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().any(|b| b.is_ascii_alphabetic()));
    if !domain.contains('.') || !last_is_name || !domain.split('.').all(is_label) {
        return None;
    }
    let address = format!("{local}@{domain}");
    (address.len() <= EMAIL_BYTES_MAX).then_some(address)
}

/// The form in which addresses are compared (the `email_key` columns): as [`email`], all in lower case.
///
/// What stands after a `+` stays: it is the provider's matter whether it means the same mailbox. None for no address.
pub fn email_key(typed: &str) -> Option<String> {
    email(typed).map(|address| address.to_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn user_names_follow_the_rules() {
        for good in [
            "Anna",
            "jo",
            "max.muster-mann_7",
            "Łukasz",
            "Женя",
            "田中太郎",
        ] {
            assert_eq!(user_name(good).as_deref(), Ok(good));
        }
        assert_eq!(user_name(" Anna ").as_deref(), Ok("Anna"));
        for (bad, problem) in [
            ("", NameProblem::TooShort),
            ("a", NameProblem::TooShort),
            (&"a".repeat(31) as &str, NameProblem::TooLong),
            (&"\u{301}".repeat(99_999), NameProblem::TooLong),
            ("a b", NameProblem::Characters),
            ("a..b", NameProblem::Characters),
            ("-ab", NameProblem::Characters),
            ("ab.", NameProblem::Characters),
            ("a/b", NameProblem::Characters),
            ("a\u{202e}b", NameProblem::Characters),
            ("pаul", NameProblem::MixedScripts),
            ("Support", NameProblem::Reserved),
            ("ѕтаff".trim(), NameProblem::MixedScripts),
        ] {
            assert_eq!(user_name(bad), Err(problem), "{bad}");
        }
    }

    #[test]
    fn keys_ignore_what_readers_do_not_see() {
        for (one, other) in [
            ("Paul", "paul"),
            ("Раul", "paul"),
            ("ＰＡＵＬ", "paul"),
            ("pa\u{200b}ul", "paul"),
            ("e\u{301}", "é"),
            ("STRASSE", "straße"),
            (" Two  Words ", "two words"),
            ("ﬁx", "FIX"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("paul"), key("paula"));
        assert_ne!(key("jose"), key("josé"));
    }

    #[test]
    fn addresses_are_checked_and_compared() {
        assert_eq!(
            email(" Anna.Lee+x@Example.ORG ").as_deref(),
            Some("Anna.Lee+x@example.org")
        );
        assert_eq!(email_key("Anna@Example.org"), email_key("anna@EXAMPLE.ORG"));
        assert_eq!(
            email("jo@bücher.example").as_deref(),
            Some("jo@xn--bcher-kva.example")
        );
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a b@c.de",
            "a@b..de",
            "a@-b.de",
            ".a@b.de",
            "a.@b.de",
            "a@b.de\r\nBcc: x@y.z",
            "\"a b\"@c.de",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@@b.de",
            "<a@b.de>",
            "a,b@c.de",
        ] {
            assert_eq!(email(bad), None, "{bad}");
        }
        assert_eq!(email(&format!("{}@b.de", "a".repeat(65))), None);
    }

    proptest! {
        #[test]
        fn keys_are_stable(name in "\\PC{0,40}") {
            let once = key(&name);
            prop_assert_eq!(key(&once), once);
        }

        #[test]
        fn accepted_addresses_are_plain_ascii(typed in "[ -~àß@.]{0,40}") {
            if let Some(address) = email(&typed) {
                prop_assert!(address.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert_eq!(email(&address), Some(address));
            }
        }
    }
}

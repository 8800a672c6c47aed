//! The readable tail of a permanent address: `/t/ID/slug`. The number identifies, the slug only tells.

use deunicode::deunicode_char;

/// Longest slug, in bytes; every slug is ASCII.
pub const SLUG_BYTES_MAX: usize = 60;
/// What stands in the address when a title has no letter or digit that can be written in ASCII.
pub const FALLBACK: &str = "thread";

/// Words of `title` in lower-case ASCII joined by hyphens, cut between words. Never empty.
pub fn slug(title: &str) -> String {
    slug_or(title, FALLBACK)
}

/// As [`slug`], with another word for a title that yields nothing.
pub fn slug_or(title: &str, fallback: &str) -> String {
    let mut slug = String::new();
    let mut word_end = 0;
    for c in title.chars() {
        if slug.len() > SLUG_BYTES_MAX {
            break;
        }
        // An apostrophe belongs to its word: "doesn't" is "doesnt".
        if matches!(c, '\'' | '’') {
            continue;
        }
        for c in deunicode_char(c).unwrap_or(" ").chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                if slug.len() <= SLUG_BYTES_MAX {
                    word_end = slug.len();
                }
                slug.push('-');
            }
        }
    }
    if slug.len() > SLUG_BYTES_MAX {
        slug.truncate(if word_end > 0 {
            word_end
        } else {
            SLUG_BYTES_MAX
        });
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() {
        fallback.to_owned()
    } else {
        slug
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn titles_become_readable_addresses() {
        for (title, expected) in [
            ("My bike doesn't start!", "my-bike-doesnt-start"),
            ("  Über--große Rechnung  ", "uber-grosse-rechnung"),
            ("北京", "bei-jing"),
            ("Ошибка 404", "oshibka-404"),
            ("???", "thread"),
            ("", "thread"),
        ] {
            assert_eq!(slug(title), expected, "{title}");
        }
        assert_eq!(slug_or("!", "product"), "product");
    }

    #[test]
    fn long_titles_end_between_words() {
        let long = slug(&"battery ".repeat(20));
        assert!(
            long.len() <= SLUG_BYTES_MAX && long.ends_with("-battery"),
            "{long}"
        );
        assert_eq!(slug(&"x".repeat(200)).len(), SLUG_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn any_title_gives_a_short_plain_slug(title in "\\PC{0,80}") {
            let slug = slug(&title);
            prop_assert!(!slug.is_empty() && slug.len() <= SLUG_BYTES_MAX);
            prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
        }
    }
}

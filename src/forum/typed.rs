//! What people type into the forum's forms: cleaned, and every problem named by its field.

use crate::error::Problem;
use crate::text::slug;

/// Shortest and longest title, in characters.
pub const TITLE_CHARS: std::ops::RangeInclusive<usize> = 8..=150;
/// Longest body of a post, in characters.
pub const BODY_CHARS_MAX: usize = 30_000;
/// Most tags of a thread.
pub const TAGS_MAX: usize = 5;
/// Longest field of tags, in characters.
pub const TAGS_FIELD_CHARS_MAX: usize = 200;
/// Longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 30;
/// Longest reason for an edit, a removal or a move, in characters.
pub const REASON_CHARS_MAX: usize = 300;
/// Longest name of the version that fixed something, in characters.
pub const FIXED_IN_CHARS_MAX: usize = 60;
/// Longest request key, in bytes; ours have 32.
const REQUEST_KEY_BYTES_MAX: usize = 64;

/// On one line, blanks joined, without characters that are not seen.
pub fn one_line(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    seen.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Characters that draw nothing, or turn the direction of what stands around them (Unicode 16,
/// Default_Ignorable_Code_Point and the blank letters), and those that are none. Joiners stay:
/// several scripts and emoji need them between others.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || u32::from(c) & 0xfffe == 0xfffe
        || (0xfdd0..=0xfdef).contains(&u32::from(c))
}

/// The title as it is stored.
pub fn title(typed: &str, problems: &mut Vec<Problem>) -> String {
    let title = one_line(typed);
    let chars = title.chars().count();
    let joiners = title
        .chars()
        .filter(|c| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'))
        .count();
    if chars - joiners < *TITLE_CHARS.start() {
        problems.push(Problem::new(
            "title",
            format!(
                "Say in a few words what it is about: at least {} characters.",
                TITLE_CHARS.start()
            ),
        ));
    } else if chars > *TITLE_CHARS.end() {
        problems.push(Problem::new(
            "title",
            format!(
                "The title has {chars} characters; {} fit. Put the rest into the text.",
                TITLE_CHARS.end()
            ),
        ));
    }
    title
}

/// The body as it is stored: line ends as `\n`, no control characters but tabs, trimmed.
pub fn body(typed: &str, problems: &mut Vec<Problem>) -> String {
    let clean: String = typed
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let body = clean.trim_end().trim_start_matches('\n').to_owned();
    let chars = body.chars().count();
    if body.trim().is_empty() {
        problems.push(Problem::new("body", "The text is empty."));
    } else if chars > BODY_CHARS_MAX {
        problems.push(Problem::new(
            "body",
            format!("The text has {chars} characters; {BODY_CHARS_MAX} fit. Shorten it, or split it over several posts."),
        ));
    }
    body
}

/// Tags typed with commas between them, as slugs, each once: "5 GHz" is `5-ghz`.
pub fn tags(typed: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    if typed.chars().nth(TAGS_FIELD_CHARS_MAX).is_some() {
        problems.push(Problem::new(
            "tags",
            format!("Up to {TAGS_MAX} tags in {TAGS_FIELD_CHARS_MAX} characters, please."),
        ));
        return tags;
    }
    for word in typed.split([',', ';', '#', '\n']) {
        let tag = slug::slug_or(word, "");
        if tag.is_empty() || tags.contains(&tag) {
            continue;
        }
        if tag.len() > TAG_CHARS_MAX {
            problems.push(Problem::new(
                "tags",
                format!("A tag has at most {TAG_CHARS_MAX} characters; `{tag}` is longer."),
            ));
            return tags;
        }
        if tags.len() == TAGS_MAX {
            problems.push(Problem::new(
                "tags",
                format!("Up to {TAGS_MAX} tags, please."),
            ));
            return tags;
        }
        tags.push(tag);
    }
    tags
}

/// A reason on one line, cut to what is kept.
pub fn reason(typed: &str) -> String {
    one_line(typed).chars().take(REASON_CHARS_MAX).collect()
}

/// The key of a form as stored: bound to its sender, so that nobody meets another's.
pub fn request_key(user: crate::ids::UserId, typed: &str) -> Option<String> {
    let usable = !typed.is_empty()
        && typed.len() <= REQUEST_KEY_BYTES_MAX
        && typed.bytes().all(|b| b.is_ascii_alphanumeric());
    usable.then(|| format!("{user}:{typed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_line_of_a_sensible_length() {
        let check = |typed: &str| {
            let mut problems = Vec::new();
            (title(typed, &mut problems), problems.len())
        };
        assert_eq!(
            check(" Ring \n is\u{7} red now "),
            ("Ring is red now".into(), 0)
        );
        assert_eq!(check("short").1, 1);
        assert_eq!(check(&"\u{200d}".repeat(20)).1, 1);
        assert_eq!(
            check("\u{2800}\u{3164}\u{200b}\u{feff}\u{ad}\u{2060}\u{ffff}\u{202e}").1,
            1
        );
        assert_eq!(check("Ring\u{202e} is red\u{fffe}").0, "Ring is red");
        assert_eq!(check(&"é".repeat(150)).1, 0);
        assert_eq!(check(&"é".repeat(151)).1, 1);
    }

    #[test]
    fn tags_become_slugs_once_each() {
        let check = |typed: &str| {
            let mut problems = Vec::new();
            (tags(typed, &mut problems).join(" "), problems.len())
        };
        assert_eq!(check("Wi-Fi, wi-fi #DNS;"), ("wi-fi dns".into(), 0));
        assert_eq!(
            check(" firmware-4.2, 5 GHz ,my-laptop,5-ghz"),
            ("firmware-4-2 5-ghz my-laptop".into(), 0)
        );
        assert_eq!(check("a,b,c,d,e,f").1, 1);
        assert_eq!(check(&"a".repeat(31)).1, 1);
        assert_eq!(check(&"a,".repeat(150)).1, 1);
        assert_eq!(check("!? ,"), (String::new(), 0));
    }

    #[test]
    fn a_request_key_is_bound_to_its_sender() {
        let user = crate::ids::UserId(3);
        assert_eq!(request_key(user, "abc").as_deref(), Some("3:abc"));
        assert_eq!(request_key(user, "a'b"), None);
        assert_eq!(request_key(user, ""), None);
    }
}

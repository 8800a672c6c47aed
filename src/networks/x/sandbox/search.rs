//! The query language of recent search, as far as a brand search uses it.

use super::state::{Post, State};
use crate::networks::x::wire;

/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 20;

/// A query that has been understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Query {
    All(Vec<Query>),
    Any(Vec<Query>),
    Not(Box<Query>),
    From(String),
    Mention(String),
    Words(String),
    Language(String),
    Reply,
    Quote,
    Repost,
    Links,
}

/// Reads a query; the error says what is wrong with it.
pub fn parse(text: &str) -> Result<Query, String> {
    let tokens = tokens(text)?;
    let mut at = 0;
    let query = any(&tokens, &mut at, 0)?;
    if at < tokens.len() {
        return Err("there is a closing parenthesis too many".into());
    }
    Ok(query)
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '(' | ')' | '-' => 1,
            '"' => {
                let close = rest[1..]
                    .find('"')
                    .ok_or("a quotation mark is not closed")?;
                close + 2
            }
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
                .unwrap_or(rest.len()),
        };
        tokens.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    Ok(tokens)
}

fn any(tokens: &[String], at: &mut usize, depth: usize) -> Result<Query, String> {
    if depth > DEPTH_MAX {
        return Err("it is nested too deeply".into());
    }
    let mut options = vec![all(tokens, at, depth)?];
    while tokens.get(*at).is_some_and(|token| token == "OR") {
        *at += 1;
        options.push(all(tokens, at, depth)?);
    }
    Ok(if options.len() == 1 {
        options.remove(0)
    } else {
        Query::Any(options)
    })
}

fn all(tokens: &[String], at: &mut usize, depth: usize) -> Result<Query, String> {
    let mut parts = Vec::new();
    while let Some(token) = tokens.get(*at) {
        match token.as_str() {
            "OR" | ")" => break,
            _ => parts.push(one(tokens, at, depth)?),
        }
    }
    match parts.len() {
        0 => Err("something is missing in it".into()),
        1 => Ok(parts.remove(0)),
        _ => Ok(Query::All(parts)),
    }
}

fn one(tokens: &[String], at: &mut usize, depth: usize) -> Result<Query, String> {
    let token = tokens.get(*at).ok_or("something is missing in it")?;
    *at += 1;
    match token.as_str() {
        "-" if depth < DEPTH_MAX => Ok(Query::Not(Box::new(one(tokens, at, depth + 1)?))),
        "-" => Err("it is nested too deeply".into()),
        "(" => {
            let query = any(tokens, at, depth + 1)?;
            if tokens.get(*at).map(String::as_str) != Some(")") {
                return Err("a parenthesis is not closed".into());
            }
            *at += 1;
            Ok(query)
        }
        token => term(token),
    }
}

fn term(token: &str) -> Result<Query, String> {
    if let Some(name) = token.strip_prefix('@') {
        return Ok(Query::Mention(name.to_owned()));
    }
    if token.starts_with('"') {
        return Ok(Query::Words(token.trim_matches('"').to_lowercase()));
    }
    match token.split_once(':') {
        Some(("from", name)) => Ok(Query::From(name.trim_start_matches('@').to_owned())),
        Some(("lang", code)) => Ok(Query::Language(code.to_owned())),
        Some(("is", "reply")) => Ok(Query::Reply),
        Some(("is", "quote")) => Ok(Query::Quote),
        Some(("is", "retweet" | "repost")) => Ok(Query::Repost),
        Some(("has", "links")) => Ok(Query::Links),
        Some((name, _)) if name.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Err(format!("\"{token}\" is no operator known here"))
        }
        _ => Ok(Query::Words(token.to_lowercase())),
    }
}

impl Query {
    pub fn matches(&self, post: &Post, state: &State) -> bool {
        match self {
            Query::All(parts) => parts.iter().all(|part| part.matches(post, state)),
            Query::Any(parts) => parts.iter().any(|part| part.matches(post, state)),
            Query::Not(part) => !part.matches(post, state),
            Query::From(name) => state
                .user(post.author_id)
                .is_some_and(|u| u.username.eq_ignore_ascii_case(name)),
            Query::Mention(name) => wire::mentioned_usernames(&state.shown_text(post))
                .any(|mentioned| mentioned.eq_ignore_ascii_case(name)),
            Query::Words(words) => holds_words(&post.text.to_lowercase(), words),
            Query::Language(code) => code == "en",
            Query::Reply => post.in_reply_to.is_some(),
            Query::Quote => post.quote_of.is_some(),
            Query::Repost => post.repost_of.is_some(),
            Query::Links => crate::networks::x::weight::has_url(&post.text),
        }
    }
}

/// Whether the words stand in the text, not inside a longer word.
fn holds_words(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::x::sandbox::{NewPost, SandboxConfig};
    use proptest::prelude::*;

    #[test]
    fn a_brand_search_finds_what_it_should() {
        let mut state = State::open(&SandboxConfig::for_brand("Brand", "B")).expect("opened");
        let query = parse("(@brand OR \"brand kettle\") -from:brand -is:retweet").expect("read");
        let mut finds = |username: &str, text: &str| {
            let new = NewPost {
                username: username.into(),
                text: text.into(),
                ..NewPost::default()
            };
            let id = state.post(new).expect("posted");
            state
                .get(id)
                .is_some_and(|post| query.matches(post, &state))
        };
        assert!(finds("ada", "My Brand Kettle leaks"));
        assert!(finds("ada", "hey @Brand"));
        assert!(!finds("ada", "brand new kettle"));
        assert!(!finds("ada", "the brand kettles"));
        assert!(!finds("brand", "our brand kettle"));
    }

    #[test]
    fn faults_are_named() {
        for text in ["", "(a", "a)", "\"a", "OR", "a OR", "colour:red", "-"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            let _ = parse(&text);
        }
    }
}

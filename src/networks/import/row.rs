//! One plain row: what it must have, and the post it is.

use std::collections::HashMap;

use serde_json::Value;

use crate::clock::{DAY, MINUTE, Moment, SECOND};
use crate::networks::x::{intent, time_of_id, wire};
use crate::networks::{Account, Author, Network, PostKind, PublicPost};

/// Longest text of a row, in bytes.
const TEXT_BYTES_MAX: usize = 200_000;
/// The beginning of 2006, the year of X's first post: what is dated before is misread.
const WRITTEN_MIN: Moment = Moment(1_136_073_600 * SECOND);
/// How far ahead of us the clock of whoever wrote a file may be (µs), time zones included.
const AHEAD_MAX: i64 = DAY;

pub(super) type Row = HashMap<String, String>;

/// What a header lacks that every row needs.
pub(super) fn lacking(names: &[String]) -> Option<String> {
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
    match (has(ID), has(TEXT)) {
        (true, true) => None,
        (true, false) => Some(format!("names no column for the text: {}", either(TEXT))),
        (false, true) => Some(format!("names no column for the id: {}", either(ID))),
        (false, false) if matches!(names, [one] if one.contains([';', '\t'])) => {
            Some("has no commas: columns are parted by commas, not by semicolons or tabs".into())
        }
        (false, false) => Some(
            "names no columns `id` and `text`; the file is neither JSON nor CSV with a header"
                .into(),
        ),
    }
}

/// `a`, `b` or `c`.
fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The first of these columns that says something.
pub(super) fn text_of<'a>(row: &'a Row, names: &[&str]) -> Option<&'a String> {
    names
        .iter()
        .find_map(|name| row.get(*name))
        .filter(|text| !text.trim().is_empty())
}

pub(super) const NETWORK: &[&str] = &["network"];
pub(super) const TIME: &[&str] = &["created_at", "posted_at", "date"];
const ID: &[&str] = &["id", "tweet_id", "post_id"];
const TEXT: &[&str] = &["text", "body", "content", "full_text"];
const USERNAME: &[&str] = &["username", "author", "screen_name", "handle"];
const REPLY: &[&str] = &[
    "in_reply_to",
    "in_reply_to_post_id",
    "in_reply_to_status_id",
    "in_response_to_tweet_id",
];

/// A JSON object that is a plain row. X's own posts tell their time, if only by their number, and
/// say who by an id; the names stand beside them.
pub(super) fn plain_row(value: &Value) -> Option<Row> {
    let object = value.as_object()?;
    let known = |names: &[&str]| {
        let mut told = names.iter().filter_map(|name| object.get(*name));
        told.any(|value| !value.is_null())
    };
    if !known(ID) || !known(TEXT) || known(&["data"]) {
        return None;
    }
    let is_dated = known(&["created_at"]);
    let is_timed_by_id = || {
        let id = object.get("id").and_then(wire::id_text);
        id.is_some_and(|id| time_of_id(&id).is_some())
    };
    let is_by_id = known(&["author_id", "edit_history_tweet_ids"]);
    let is_native = known(&["id_str", "meta"])
        || (is_by_id && (is_dated || is_timed_by_id()))
        || (!is_dated && is_timed_by_id());
    if is_native && !known(USERNAME) && !known(&["network", "posted_at", "date"]) {
        return None;
    }
    let mut row = Row::new();
    for (name, value) in object {
        let name = name.to_ascii_lowercase();
        match value {
            Value::String(text) => {
                row.insert(name, text.clone());
            }
            Value::Number(number) => {
                row.insert(name, number.to_string());
            }
            Value::Object(author) if name == "author" || name == "user" => {
                let part = |key: &str| author.get(key).and_then(Value::as_str).map(str::to_owned);
                row.extend(part("username").map(|text| ("username".to_owned(), text)));
                row.extend(part("name").map(|text| ("name".to_owned(), text)));
                let id = author.get("id").and_then(wire::id_text);
                row.extend(id.map(|text| ("author_id".to_owned(), text)));
            }
            _ => {}
        }
    }
    Some(row)
}

/// Refuses a time at which nobody can have posted.
pub(super) fn is_of_our_days(id: &str, at: Moment, now: Moment) -> Result<(), String> {
    let why = if at < WRITTEN_MIN {
        "before 2006"
    } else if at.since(now) > AHEAD_MAX {
        "which is yet to come"
    } else {
        return Ok(());
    };
    Err(format!(
        "{id} is dated {}, {why}: look at its time",
        at.rfc3339()
    ))
}

pub(super) fn post_of_row(
    row: &Row,
    raw: String,
    ours: Option<&Account>,
    now: Moment,
) -> Result<PublicPost, String> {
    let text_of = |names: &[&str]| text_of(row, names);
    let id = text_of(ID).ok_or_else(|| format!("has no id: {}", either(ID)))?;
    let id = id.trim().to_owned();
    let url = text_of(&["url", "link"])
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .cloned();
    let written_at = text_of(TIME)
        .map(|text| {
            wire::parse_time(text.trim()).ok_or_else(|| {
                format!(
                    "{id} has a time that can't be read; times are written as \
                     2026-11-22T10:00:00Z, or as X does: Sun Nov 22 10:00:00 +0000 2026"
                )
            })
        })
        .transpose()?;
    // Data sets number their rows in a column of this name too: an id of X tells its time.
    let is_id_of_x = || {
        text_of(&["tweet_id"]) == Some(&id)
            && time_of_id(&id)
                .zip(written_at)
                .is_some_and(|(told, written)| told.since(written).abs() < MINUTE)
    };
    let on_x = url
        .as_deref()
        .is_some_and(|url| intent::parse_post_address(url, None).is_some())
        || is_id_of_x();
    let network = match text_of(NETWORK) {
        Some(name) => name
            .trim()
            .to_ascii_lowercase()
            .parse::<Network>()
            .map_err(|e| e.to_string())?,
        None if on_x => Network::X,
        None => Network::Import,
    };
    if network == Network::X && !wire::is_id(&id) {
        return Err(format!("has the id {id}, which can't be X's"));
    }
    let text = text_of(TEXT).ok_or_else(|| format!("{id} has no text: {}", either(TEXT)))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{id} is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let text = if network == Network::X {
        wire::decode_entities(text)
    } else {
        text.clone()
    };
    let id_time = || (network == Network::X).then(|| time_of_id(&id)).flatten();
    let posted_at = written_at.or_else(id_time).unwrap_or(now);
    is_of_our_days(&id, posted_at, now)?;
    let username = text_of(USERNAME).map(|name| name.trim().trim_start_matches('@').to_owned());
    let author_id = text_of(&["author_id", "user_id"]).map(|id| id.trim().to_owned());
    let author = match (author_id, username) {
        (None, None) => None,
        (author_id, username) => {
            let username = username.unwrap_or_default();
            Some(Author {
                id: author_id.unwrap_or_else(|| Author::id_of_username(&username)),
                display_name: text_of(&["name", "display_name"])
                    .cloned()
                    .unwrap_or_else(|| username.clone()),
                username,
                avatar_url: None,
                followers: text_of(&["followers", "followers_count"])
                    .and_then(|text| text.trim().parse::<i64>().ok())
                    .unwrap_or(0)
                    .max(0),
                verified: false,
            })
        }
    };
    let in_reply_to = text_of(REPLY).map(|id| id.trim().to_owned());
    let is_ours = author
        .as_ref()
        .zip(ours)
        .is_some_and(|(author, ours)| ours.is(author));
    let mentions_us = !is_ours && ours.is_some_and(|ours| wire::text_mentions(&text, ours));
    PublicPost {
        network,
        first_id: id.clone(),
        conversation_id: text_of(&["conversation_id", "thread_id"])
            .map(|id| id.trim().to_owned())
            .or_else(|| in_reply_to.clone())
            .unwrap_or_else(|| id.clone()),
        kind: if in_reply_to.is_some() {
            PostKind::Reply
        } else {
            PostKind::Post
        },
        in_reply_to_post_id: in_reply_to,
        in_reply_to_user_id: None,
        quoted_post_id: None,
        language: text_of(&["lang", "language"]).map(|code| code.trim().to_owned()),
        url,
        posted_at,
        ours: is_ours,
        summoned: mentions_us,
        id,
        author,
        text,
        raw,
    }
    .checked()
}

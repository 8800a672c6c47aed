//! Reads whatever X sends or a file of X's answers holds: pages of API v2 in both dialects,
//! single posts, Activity API events, Account Activity (v1.1) bodies, and lone v1.1 posts.
//!
//! Reading is tolerant: one post that can't be read becomes a problem and the others are kept.
//! Ids stay text from beginning to end.

use std::collections::HashMap;

use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use super::{post_url, time_of_id};
use crate::clock::Moment;
use crate::networks::{Account, Author, Network, PostKind, Problem, PublicPost, compare_ids};

/// Web address of X itself, for links to posts.
pub const WEB_BASE: &str = "https://x.com";
/// Longest text of one post kept, in bytes; X's longest posts are 25,000 characters.
const TEXT_BYTES_MAX: usize = 200_000;
/// Most posts taken from one body; X gives at most 100.
const POSTS_MAX: usize = 10_000;

/// What a body held.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    pub posts: Vec<PublicPost>,
    pub problems: Vec<Problem>,
    /// The network's mark for the next page.
    pub next_token: Option<String>,
    /// Ids the body says are deleted or may not be seen.
    pub gone: Vec<String>,
    /// How many posts came, those beside the others included, for the bill.
    pub post_count: usize,
}

/// Everything a body says about posts. `ours` decides which posts are ours or name us; without
/// it, an Activity event's own subscriber is taken.
pub fn parse_any(bytes: &[u8], ours: Option<&Account>) -> Parsed {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => parse_value(&value, ours, WEB_BASE),
        Err(error) => Parsed {
            problems: vec![Problem {
                place: "the whole text".into(),
                reason: format!("is not JSON ({error})"),
            }],
            ..Parsed::default()
        },
    }
}

/// Entry for fuzzing: any bytes, no panic, and what was read reads the same again.
pub fn fuzz(bytes: &[u8]) {
    let parsed = parse_any(bytes, None);
    for post in parsed.posts {
        assert!(!post.id.is_empty() && post.id.bytes().all(|b| b.is_ascii_digit()));
    }
}

/// As `parse_any`, from JSON already read, with post addresses under `web_base`.
pub fn parse_value(value: &Value, ours: Option<&Account>, web_base: &str) -> Parsed {
    let mut reader = Reader {
        ours,
        web_base,
        parsed: Parsed::default(),
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| reader.body(item)),
        _ => reader.body(value),
    }
    reader.parsed
}

struct Reader<'a> {
    ours: Option<&'a Account>,
    web_base: &'a str,
    parsed: Parsed,
}

impl Reader<'_> {
    fn body(&mut self, body: &Value) {
        if let Some(events) = body.get("tweet_create_events").and_then(Value::as_array) {
            let subscriber = body.get("for_user_id").and_then(id_text).map(account_by_id);
            for (index, post) in events.iter().enumerate() {
                self.native(post, subscriber.as_ref(), index);
            }
            return;
        }
        if let Some(events) = body.get("tweet_delete_events").and_then(Value::as_array) {
            let ids = events
                .iter()
                .filter_map(|e| e.get("status")?.get("id"))
                .filter_map(id_text);
            self.parsed.gone.extend(ids);
            return;
        }
        if body.get("id_str").is_some() {
            self.native(body, None, 0);
            return;
        }
        if body
            .get("data")
            .and_then(|data| data.get("event_type"))
            .is_some()
        {
            self.activity(&body["data"]);
            return;
        }
        if body.get("data").is_some() || body.get("meta").is_some() || body.get("errors").is_some()
        {
            self.page(body);
            return;
        }
        if body.get("id").is_some() && body.get("text").is_some() {
            self.posts(std::slice::from_ref(body), &Includes::default(), None);
            return;
        }
        // Bodies that are known and hold no post: direct messages, revoked consent.
        let known = ["direct_message_events", "user_event", "for_user_id"];
        if !known.iter().any(|name| body.get(name).is_some()) {
            self.problem(
                "the whole text".into(),
                "holds no post in a form we know".into(),
            );
        }
    }

    fn page(&mut self, body: &Value) {
        let includes = Includes::of(body.get("includes"));
        self.parsed.post_count += includes.post_count;
        match body.get("data") {
            Some(Value::Array(items)) => self.posts(items, &includes, None),
            Some(one @ Value::Object(_)) => {
                self.posts(std::slice::from_ref(one), &includes, None);
            }
            _ => {}
        }
        if let Some(token) = body.get("meta").and_then(|meta| string(meta, "next_token")) {
            self.parsed.next_token = Some(token);
        }
        for error in body
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.partial_error(error);
        }
    }

    /// An entry of `errors` in an answer that otherwise succeeded.
    fn partial_error(&mut self, error: &Value) {
        let kind = error
            .get("resource_type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let asked = error
            .get("resource_id")
            .or_else(|| error.get("value"))
            .and_then(id_text);
        let about = last_segment(
            error
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
        let hidden = matches!(about, "resource-not-found" | "not-authorized-for-resource");
        if let (true, "tweet" | "post", Some(id)) = (hidden, kind, asked) {
            self.parsed.gone.push(id);
            return;
        }
        let reason = ["detail", "message", "title"]
            .iter()
            .find_map(|name| string(error, name))
            .unwrap_or_else(|| "the network reported a problem without words".into());
        self.problem("the answer".into(), reason);
    }

    fn activity(&mut self, data: &Value) {
        let kind = data
            .get("event_type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(payload) = data.get("payload") else {
            self.problem("the event".into(), "has no payload".into());
            return;
        };
        if kind == "post.delete" {
            self.parsed.gone.extend(payload.get("id").and_then(id_text));
            return;
        }
        if !kind.starts_with("post.") {
            return;
        }
        let includes = Includes::of(data.get("includes"));
        let subscriber = data.get("filter").and_then(|filter| filter.get("user_id"));
        let subscriber = subscriber.and_then(id_text).map(|id| Account {
            username: includes
                .users
                .get(&id)
                .map(|u| u.username.clone())
                .unwrap_or_default(),
            display_name: String::new(),
            id,
        });
        let first = self.parsed.posts.len();
        self.posts(
            std::slice::from_ref(payload),
            &includes,
            subscriber.as_ref(),
        );
        let about_us = match (self.ours, &subscriber) {
            (Some(ours), Some(subscriber)) => ours.id == subscriber.id,
            (None, Some(_)) => true,
            _ => false,
        };
        // A quote event comes without the quoted post: that it came says whose post it quotes.
        if kind == "post.quote.create" && about_us {
            for post in &mut self.parsed.posts[first..] {
                post.summoned = !post.ours;
            }
        }
    }

    fn posts(&mut self, items: &[Value], includes: &Includes, subscriber: Option<&Account>) {
        for (index, item) in items.iter().enumerate() {
            if self.parsed.posts.len() >= POSTS_MAX {
                self.problem(
                    format!("post {}", index + 1),
                    "is one too many; cut here".into(),
                );
                return;
            }
            self.parsed.post_count += 1;
            let read = v2_post(item, includes, self.ours.or(subscriber), self.web_base);
            match read.and_then(PublicPost::checked) {
                Ok(post) => self.parsed.posts.push(post),
                Err(reason) => self.problem(format!("post {}", index + 1), reason),
            }
        }
    }

    fn native(&mut self, post: &Value, subscriber: Option<&Account>, index: usize) {
        self.parsed.post_count += 1;
        let read = v1_post(post, self.ours.or(subscriber), self.web_base);
        match read.and_then(PublicPost::checked) {
            Ok(post) => self.parsed.posts.push(post),
            Err(reason) => self.problem(format!("post {}", index + 1), reason),
        }
    }

    fn problem(&mut self, place: String, reason: String) {
        self.parsed.problems.push(Problem { place, reason });
    }
}

/// What came beside the posts.
#[derive(Default)]
struct Includes {
    users: HashMap<String, Author>,
    post_count: usize,
    /// Author id of each included post.
    post_authors: HashMap<String, String>,
}

impl Includes {
    fn of(value: Option<&Value>) -> Includes {
        let mut includes = Includes::default();
        let list = |name: &str| {
            value
                .and_then(|v| v.get(name))
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        for user in list("users").filter_map(user) {
            includes.users.insert(user.id.clone(), user);
        }
        for post in list("tweets").chain(list("posts")) {
            includes.post_count += 1;
            let post = post.get("data").unwrap_or(post);
            if let (Some(id), Some(author)) = (
                post.get("id").and_then(id_text),
                post.get("author_id").and_then(id_text),
            ) {
                includes.post_authors.insert(id, author);
            }
        }
        includes
    }
}

/// A user object of API v2, sometimes wrapped in `data`.
pub fn user(value: &Value) -> Option<Author> {
    let value = value.get("data").unwrap_or(value);
    let id = value.get("id").and_then(id_text)?;
    let username = string(value, "username").unwrap_or_default();
    Some(Author {
        display_name: string(value, "name").unwrap_or_else(|| username.clone()),
        avatar_url: string(value, "profile_image_url").filter(|url| is_web_url(url)),
        followers: value
            .get("public_metrics")
            .and_then(|metrics| metrics.get("followers_count"))
            .and_then(Value::as_i64)
            .unwrap_or(0)
            .max(0),
        verified: value
            .get("verified")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        id,
        username,
    })
}

fn v2_post(
    post: &Value,
    includes: &Includes,
    ours: Option<&Account>,
    web_base: &str,
) -> Result<PublicPost, String> {
    let id = post.get("id").and_then(id_text).ok_or("has no usable id")?;
    let note = either(post, "note_tweet", "note_post").and_then(|note| string(note, "text"));
    let text = note
        .filter(|text| !text.is_empty())
        .or_else(|| string(post, "text"))
        .ok_or_else(|| format!("{id} has no text"))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{id} is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let history = either(post, "edit_history_tweet_ids", "edit_history_post_ids")
        .and_then(Value::as_array)
        .map(|ids| ids.iter().filter_map(id_text).collect::<Vec<_>>())
        .unwrap_or_default();
    let first_id = history
        .into_iter()
        .min_by(|a, b| compare_ids(a, b))
        .unwrap_or_else(|| id.clone());
    let references = either(post, "referenced_tweets", "referenced_posts")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let reference = |names: &[&str]| {
        references
            .iter()
            .find(|r| {
                r.get("type")
                    .and_then(Value::as_str)
                    .is_some_and(|t| names.contains(&t))
            })
            .and_then(|r| r.get("id"))
            .and_then(id_text)
    };
    let in_reply_to_post_id = reference(&["replied_to"])
        .or_else(|| either(post, "in_reply_to_tweet_id", "in_reply_to_post_id").and_then(id_text));
    let quoted_post_id = reference(&["quoted"]);
    let repost_of = reference(&["retweeted", "reposted"]);
    let author_id = post.get("author_id").and_then(id_text);
    let author = author_id.map(|id| match includes.users.get(&id) {
        Some(author) => author.clone(),
        None => Author {
            username: string(post, "username").unwrap_or_default(),
            ..Author::known_by_id(id)
        },
    });
    let note_entities =
        either(post, "note_tweet", "note_post").and_then(|note| note.get("entities"));
    let text = decode_entities(&text);
    let is_ours = author
        .as_ref()
        .zip(ours)
        .is_some_and(|(a, ours)| ours.is(a));
    let mentions_us = !is_ours
        && ours.is_some_and(|ours| {
            [post.get("entities"), note_entities]
                .into_iter()
                .flatten()
                .any(|entities| entities_mention(entities, "mentions", ours))
                || text_mentions(&text, ours)
        });
    let quotes_us =
        ours.zip(quoted_post_id.as_deref())
            .is_some_and(|(ours, quoted)| match includes.post_authors.get(quoted) {
                Some(author_id) => *author_id == ours.id,
                None => links_to_our_post(post.get("entities"), ours, quoted),
            });
    let kind = kind_of(&repost_of, &in_reply_to_post_id, &quoted_post_id);
    let in_reply_to_user_id = post.get("in_reply_to_user_id").and_then(id_text);
    let conversation_id = post.get("conversation_id").and_then(id_text);
    Ok(PublicPost {
        network: Network::X,
        conversation_id: conversation_id
            .or_else(|| in_reply_to_post_id.clone())
            .unwrap_or_else(|| first_id.clone()),
        posted_at: string(post, "created_at")
            .and_then(|text| parse_time(&text))
            .or_else(|| time_of_id(&id))
            .ok_or_else(|| format!("{id} has no time"))?,
        url: Some(post_url(
            web_base,
            author.as_ref().map_or("", |a| a.username.as_str()),
            &id,
        )),
        language: language(post),
        raw: post.to_string(),
        ours: is_ours,
        summoned: !is_ours && kind != PostKind::Repost && (mentions_us || quotes_us),
        kind,
        id,
        first_id,
        author,
        text,
        in_reply_to_post_id,
        in_reply_to_user_id,
        quoted_post_id,
    })
}

/// A post of API v1.1, as the Account Activity API delivers it.
fn v1_post(post: &Value, ours: Option<&Account>, web_base: &str) -> Result<PublicPost, String> {
    // The numeric `id` has lost its last digits in many senders: only `id_str` is trusted.
    let id = post
        .get("id_str")
        .and_then(id_text)
        .ok_or("has no id_str")?;
    let user = post.get("user");
    let author = user.and_then(|user| {
        let username = string(user, "screen_name").unwrap_or_default();
        Some(Author {
            id: user.get("id_str").and_then(id_text)?,
            display_name: string(user, "name").unwrap_or_else(|| username.clone()),
            avatar_url: string(user, "profile_image_url_https").filter(|url| is_web_url(url)),
            followers: user
                .get("followers_count")
                .and_then(Value::as_i64)
                .unwrap_or(0)
                .max(0),
            verified: user
                .get("verified")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            username,
        })
    });
    let long = post.get("extended_tweet");
    let text = long
        .and_then(|long| string(long, "full_text"))
        .or_else(|| string(post, "full_text"))
        .or_else(|| string(post, "text"))
        .ok_or_else(|| format!("{id} has no text"))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{id} is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let text = decode_entities(&text);
    let field = |name: &str| post.get(name).and_then(id_text);
    let in_reply_to_post_id = field("in_reply_to_status_id_str");
    let quoted_post_id = field("quoted_status_id_str");
    let repost_of = post
        .get("retweeted_status")
        .and_then(|p| p.get("id_str"))
        .and_then(id_text);
    let is_ours = author
        .as_ref()
        .zip(ours)
        .is_some_and(|(a, ours)| ours.is(a));
    let mentions_us = !is_ours
        && ours.is_some_and(|ours| {
            [
                post.get("entities"),
                long.and_then(|long| long.get("entities")),
            ]
            .into_iter()
            .flatten()
            .any(|entities| entities_mention(entities, "user_mentions", ours))
                || text_mentions(&text, ours)
        });
    let quotes_us = ours.is_some_and(|ours| {
        let quoted_author = post.get("quoted_status").and_then(|p| p.get("user"));
        quoted_author
            .and_then(|u| u.get("id_str"))
            .and_then(id_text)
            .as_ref()
            == Some(&ours.id)
    });
    let kind = kind_of(&repost_of, &in_reply_to_post_id, &quoted_post_id);
    Ok(PublicPost {
        network: Network::X,
        conversation_id: in_reply_to_post_id.clone().unwrap_or_else(|| id.clone()),
        posted_at: string(post, "created_at")
            .and_then(|text| parse_time(&text))
            .or_else(|| time_of_id(&id))
            .ok_or_else(|| format!("{id} has no time"))?,
        url: Some(post_url(
            web_base,
            author.as_ref().map_or("", |a| a.username.as_str()),
            &id,
        )),
        language: language(post),
        raw: post.to_string(),
        ours: is_ours,
        summoned: !is_ours && kind != PostKind::Repost && (mentions_us || quotes_us),
        kind,
        first_id: id.clone(),
        id,
        author,
        text,
        in_reply_to_user_id: field("in_reply_to_user_id_str"),
        in_reply_to_post_id,
        quoted_post_id,
    })
}

fn kind_of(repost: &Option<String>, reply: &Option<String>, quote: &Option<String>) -> PostKind {
    if repost.is_some() {
        PostKind::Repost
    } else if reply.is_some() {
        PostKind::Reply
    } else if quote.is_some() {
        PostKind::Quote
    } else {
        PostKind::Post
    }
}

fn account_by_id(id: String) -> Account {
    Account {
        id,
        username: String::new(),
        display_name: String::new(),
    }
}

fn entities_mention(entities: &Value, name: &str, ours: &Account) -> bool {
    let mentions = entities
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    mentions.into_iter().any(
        |mention| match either(mention, "id_str", "id").and_then(id_text) {
            Some(id) => id == ours.id,
            None => either(mention, "username", "screen_name")
                .and_then(Value::as_str)
                .is_some_and(|name| ours.is_called(name)),
        },
    )
}

/// Whether the text holds "@name" of our account as a word of its own.
pub fn text_mentions(text: &str, ours: &Account) -> bool {
    mentioned_usernames(text).any(|name| ours.is_called(name))
}

/// Usernames after an @ in the text, without the @. An @ inside a word (an email address) is none;
/// ".@name", by which people make a reply public, is one. What may stand before the @ is the rule
/// of X's own twitter-text library.
pub fn mentioned_usernames(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(['@', '\u{ff20}'])
        .filter_map(|(at, sign)| {
            let inside_word = text[..at].chars().next_back().is_some_and(|c| {
                c.is_alphanumeric()
                    || matches!(
                        c,
                        '_' | '!' | '#' | '$' | '%' | '&' | '*' | '@' | '\u{ff20}'
                    )
            });
            let rest = &text[at + sign.len()..];
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (!inside_word && end > 0).then(|| &rest[..end])
        })
}

/// A quote carries the address of what it quotes, with its author's name in it.
fn links_to_our_post(entities: Option<&Value>, ours: &Account, quoted: &str) -> bool {
    let urls = entities
        .and_then(|e| e.get("urls"))
        .and_then(Value::as_array);
    urls.into_iter()
        .flatten()
        .filter_map(|url| url.get("expanded_url")?.as_str())
        .any(|url| {
            super::intent::parse_post_address(url, None).is_some_and(|address| {
                address.id == quoted && address.username.is_some_and(|name| ours.is_called(&name))
            })
        })
}

fn language(post: &Value) -> Option<String> {
    // X's codes for "can't tell" and for posts of only links, media or marks.
    const NOT_LANGUAGES: [&str; 8] = ["und", "qam", "qct", "qht", "qme", "qst", "zxx", "art"];
    string(post, "lang").filter(|code| {
        (2..=12).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !NOT_LANGUAGES.contains(&code.as_str())
    })
}

/// Undoes, once, the three escapes X puts into texts. A single pass: "&amp;lt;" becomes "&lt;".
pub fn decode_entities(text: &str) -> String {
    const ESCAPES: [(&str, char); 3] = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, char)) => {
                out.push(*char);
                rest = &rest[escape.len()..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// RFC 3339, or the v1.1 form "Mon May 19 14:01:46 +0000 2025".
pub fn parse_time(text: &str) -> Option<Moment> {
    if let Some(moment) = Moment::parse(text) {
        return Some(moment);
    }
    let form = format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] \
         [offset_hour sign:mandatory][offset_minute] [year]"
    );
    Moment::of(OffsetDateTime::parse(text, form).ok()?)
}

/// An id: a string of 1 to 19 digits, or a whole number that JSON carried exactly.
pub fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => is_id(text).then(|| text.clone()),
        Value::Number(number) => number
            .as_u64()
            .map(|n| n.to_string())
            .filter(|text| is_id(text)),
        _ => None,
    }
}

/// Whether this can be an id of X: 1 to 19 digits.
pub fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// The last part of a problem's type address; its host has changed and will again.
pub fn last_segment(address: &str) -> &str {
    address
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

fn is_web_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn string(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn either<'v>(value: &'v Value, old: &str, new: &str) -> Option<&'v Value> {
    [old, new]
        .iter()
        .find_map(|name| value.get(name).filter(|found| !found.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const PAGE_TWEET: &[u8] = include_bytes!("../../../tests/it/data/networks/page_tweet.json");
    const PAGE_POST: &[u8] = include_bytes!("../../../tests/it/data/networks/page_post.json");
    const MENTION: &[u8] = include_bytes!("../../../tests/it/data/networks/activity_mention.json");
    const V1: &[u8] = include_bytes!("../../../tests/it/data/networks/account_activity.json");

    fn ours() -> Account {
        Account {
            id: "900".into(),
            username: "LumenHelp".into(),
            display_name: "Lumen".into(),
        }
    }

    fn read(bytes: &[u8]) -> Parsed {
        parse_any(bytes, Some(&ours()))
    }

    #[test]
    fn a_name_after_a_dot_is_a_mention_and_one_in_an_address_is_not() {
        let names = |text| mentioned_usernames(text).collect::<Vec<_>>();
        assert_eq!(names(".@brand still broken"), ["brand"]);
        assert_eq!(names("(@brand) and/@other"), ["brand", "other"]);
        assert!(names("write to help@brand.example").is_empty());
    }

    #[test]
    fn a_page_in_the_older_names() {
        let page = read(PAGE_TWEET);
        let [long, quote, own, repost] = page.posts.as_slice() else {
            panic!("four posts, not {}", page.posts.len());
        };
        assert!(
            long.text
                .ends_with("R&D might care: it is always when the room is > 25 °C.")
        );
        assert_eq!(long.first_id, "2070000000000000008");
        assert!(long.summoned && !long.ours);
        let author = long.author.clone().expect("an author");
        assert_eq!((author.username.as_str(), author.followers), ("ada_f", 37));
        assert_eq!(
            long.url.as_deref(),
            Some("https://x.com/ada_f/status/2070000000000000009")
        );
        assert_eq!(quote.text, "Look at this <3 &lt; https://t.co/abcdefghij");
        assert_eq!(quote.kind, PostKind::Quote);
        assert!(quote.summoned, "quoted one of our posts");
        assert_eq!(quote.language, None);
        assert!(
            quote.author.as_ref().is_some_and(|author| author.verified),
            "wrapped in data"
        );
        assert!(own.ours && !own.summoned);
        assert_eq!(own.kind, PostKind::Reply);
        assert_eq!(own.conversation_id, "2070000000000000001");
        assert_eq!(
            own.in_reply_to_post_id.as_deref(),
            Some("2070000000000000001")
        );
        assert_eq!(repost.kind, PostKind::Repost);
        assert!(!repost.summoned, "a repost calls nobody");
        assert_eq!(page.problems.len(), 1);
        assert_eq!(page.problems[0].place, "post 3");
        assert_eq!(page.gone, ["2060000000000000077"]);
        assert_eq!(page.next_token.as_deref(), Some("abc123"));
        assert_eq!(page.post_count, 5);
    }

    #[test]
    fn a_page_in_the_newer_names() {
        let page = read(PAGE_POST);
        let [reply, quote, other] = page.posts.as_slice() else {
            panic!("three posts")
        };
        assert_eq!(reply.text, "@lumenhelp the long form of the same complaint");
        assert!(reply.summoned);
        assert_eq!(reply.kind, PostKind::Reply);
        assert_eq!(reply.in_reply_to_user_id.as_deref(), Some("900"));
        assert!(quote.summoned, "the quoted post came along, and is ours");
        assert!(!other.summoned);
        assert_eq!(page.post_count, 5, "posts that came along are billed too");
    }

    #[test]
    fn activity_events() {
        let event = read(MENTION);
        assert_eq!(event.posts.len(), 1);
        assert!(event.posts[0].summoned);
        let unknown = parse_any(MENTION, None);
        assert!(unknown.posts[0].summoned, "the subscriber stands in for us");
        let quote = json!({"data": {"event_type": "post.quote.create",
            "filter": {"user_id": "900"}, "payload": {"id": "7", "text": "see", "author_id": "5",
            "created_at": "2026-11-20T00:00:00Z", "referenced_tweets": [{"type": "quoted", "id": "6"}]}}});
        assert!(parse_value(&quote, Some(&ours()), WEB_BASE).posts[0].summoned);
        let stranger = Account {
            id: "1".into(),
            ..ours()
        };
        assert!(!parse_value(&quote, Some(&stranger), WEB_BASE).posts[0].summoned);
        let gone = json!({"data": {"event_type": "post.delete", "payload": {"id": "7"}}});
        assert_eq!(parse_value(&gone, None, WEB_BASE).gone, ["7"]);
        let revoked = json!({"data": {"event_type": "oauth.revoke", "payload": {"user_id": "1"}}});
        let revoked = parse_value(&revoked, None, WEB_BASE);
        assert!(revoked.posts.is_empty() && revoked.problems.is_empty());
    }

    #[test]
    fn posts_of_the_old_api() {
        let body = read(V1);
        assert_eq!(body.posts.len(), 1);
        let post = &body.posts[0];
        assert_eq!(post.id, "2070000000000000031", "never the rounded number");
        assert_eq!(
            post.text,
            "@LumenHelp it began when the moon was full & never stopped"
        );
        assert_eq!(post.posted_at.rfc3339(), "2026-11-20T12:00:00Z");
        assert!(post.summoned);
        assert_eq!(body.problems.len(), 1);
    }

    #[test]
    fn ids_never_pass_through_a_float() {
        assert_eq!(
            id_text(&json!(2070000000000000031_u64)).as_deref(),
            Some("2070000000000000031")
        );
        assert_eq!(id_text(&json!(1.5)), None);
        assert_eq!(id_text(&json!("-1")), None);
        assert_eq!(id_text(&json!("12345678901234567890")), None);
    }

    #[test]
    fn an_at_inside_a_word_names_nobody() {
        let names = |text| mentioned_usernames(text).collect::<Vec<_>>();
        assert_eq!(
            names("hi @ada, cc:@Bob_2 me@lumenhelp x/@c"),
            ["ada", "Bob_2", "c"]
        );
        assert!(!text_mentions("@lumenhelper", &ours()));
        assert!(text_mentions("(@LUMENHELP)", &ours()));
    }

    #[test]
    fn empty_answers_are_no_problem() {
        for text in [
            "{\"meta\":{\"result_count\":0}}",
            "{\"data\":[],\"meta\":{}}",
        ] {
            let page = read(text.as_bytes());
            assert!(page.posts.is_empty() && page.problems.is_empty(), "{text}");
        }
        assert_eq!(read(b"[1, 2]").problems.len(), 2);
        assert_eq!(read(b"not json").problems.len(), 1);
    }

    /// The network's own documented examples, where a checkout has them beside it.
    #[test]
    fn documented_examples_are_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/networks/samples");
        let Ok(files) = std::fs::read_dir(folder) else {
            println!("skipped: {folder} is not there");
            return;
        };
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let posts = [
                "mentions_page",
                "search_recent",
                "native_tweet",
                "tweet_create",
            ];
            let wanted = posts.iter().any(|part| name.contains(part))
                || (name.starts_with("xaa_post_") && !name.contains("delete"));
            let Ok(bytes) = std::fs::read(file.path()) else {
                continue;
            };
            let parsed = parse_any(&bytes, None);
            if wanted {
                assert!(!parsed.posts.is_empty(), "{name}: {:?}", parsed.problems);
                assert!(parsed.problems.is_empty(), "{name}: {:?}", parsed.problems);
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let key = proptest::sample::select(vec![
            "data",
            "id",
            "text",
            "author_id",
            "includes",
            "users",
            "tweets",
            "errors",
            "meta",
            "entities",
            "mentions",
            "urls",
            "username",
            "expanded_url",
            "referenced_tweets",
            "type",
            "created_at",
            "note_post",
            "event_type",
            "payload",
            "filter",
            "user_id",
            "tweet_create_events",
            "id_str",
            "user",
            "next_token",
            "edit_history_tweet_ids",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9]{1,20}".prop_map(Value::from),
            "[@&;a-z#\\PC]{0,20}".prop_map(Value::from),
            Just(Value::from("post.quote.create")),
            Just(Value::from("2026-11-20T12:00:00Z")),
        ];
        leaf.prop_recursive(5, 64, 8, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::hash_map(key.clone(), inner, 0..8).prop_map(|map| {
                    Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_panic(value in any_json()) {
            fuzz(value.to_string().as_bytes());
            let _ = parse_value(&value, Some(&ours()), WEB_BASE);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&bytes);
        }

        #[test]
        fn escaping_and_decoding_are_inverse(text in ".{0,80}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(decode_entities(&escaped), text);
        }
    }
}

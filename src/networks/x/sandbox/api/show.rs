//! Posts as X shows them.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::state::Post;
use super::Ask;
use super::parameters::Query;
use super::user::user_json;
use crate::config::Dialect;
use crate::networks::x::{weight, wire};

/// What `text` of a long post is cut to, in characters.
const SHORT_CHARS: usize = 280;

pub(super) struct Dressed {
    pub(super) text: String,
    note: Option<String>,
    entities: Value,
}

impl Ask<'_> {
    /// The text with names and short links put in, escaped; and what is in it.
    pub(super) fn dressed(&self, post: &Post) -> Dressed {
        let mut plain = self.inside.state.shown_text(post);
        let quoted = post.quote_of.and_then(|id| self.inside.state.get(id));
        if let Some(quoted) = quoted {
            let name = self
                .inside
                .state
                .user(quoted.author_id)
                .map_or("i", |u| &u.username);
            plain = format!("{plain} https://x.com/{name}/status/{}", quoted.id);
        }
        let mut text = String::new();
        let mut urls = Vec::new();
        let mut at = 0;
        for (start, end) in weight::find_urls(&plain) {
            text.push_str(&plain[at..start]);
            let long = &plain[start..end];
            let expanded = if long.contains("://") {
                long.to_owned()
            } else {
                format!("http://{long}")
            };
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(expanded.as_bytes()));
            let short = format!("https://t.co/{}", hash.get(..10).unwrap_or("link"));
            let from = text.chars().count();
            text.push_str(&short);
            urls.push(json!({
                "start": from, "end": text.chars().count(), "url": short,
                "expanded_url": expanded,
                "display_url": expanded.split("://").nth(1).unwrap_or_default(),
            }));
            at = end;
        }
        text.push_str(&plain[at..]);
        let mentions: Vec<Value> = wire::mentioned_usernames(&text)
            .map(|name| {
                let offset = name.as_ptr() as usize - text.as_ptr() as usize;
                let start = text[..offset].chars().count() - 1;
                let end = start + 1 + name.len();
                let mut mention = json!({"start": start, "end": end, "username": name});
                if let Some(user) = self.inside.state.user_called(name) {
                    mention["id"] = json!(user.id.to_string());
                }
                mention
            })
            .collect();
        let mut entities = Map::new();
        if !mentions.is_empty() {
            entities.insert("mentions".into(), json!(mentions));
        }
        if !urls.is_empty() {
            entities.insert("urls".into(), json!(urls));
        }
        let long = text.chars().count() > SHORT_CHARS;
        let escape = |text: &str| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
        };
        let cut: String = text.chars().take(SHORT_CHARS - 1).collect();
        Dressed {
            note: long.then(|| escape(&text)),
            text: if long {
                format!("{}…", escape(&cut))
            } else {
                escape(&text)
            },
            entities: Value::Object(entities),
        }
    }

    pub(super) fn post_json(&self, post: &Post, query: &Query) -> Value {
        let new_names = self.dialect() == Dialect::Post;
        let (fields, history, references, note) = if new_names {
            (
                "post.fields",
                "edit_history_post_ids",
                "referenced_posts",
                "note_post",
            )
        } else {
            (
                "tweet.fields",
                "edit_history_tweet_ids",
                "referenced_tweets",
                "note_tweet",
            )
        };
        let fields = query.names(fields);
        let expansions = query.names("expansions");
        // Relations are fields in the older names, expansions in the newer.
        let wants = |name: &str| fields.contains(name) || expansions.contains(name);
        let dressed = self.dressed(post);
        let mut out = Map::new();
        let versions: Vec<String> = post.history.iter().map(u64::to_string).collect();
        out.insert("id".into(), json!(post.id.to_string()));
        out.insert("text".into(), json!(dressed.text));
        out.insert(history.into(), json!(versions));
        if wants("author_id") {
            out.insert("author_id".into(), json!(post.author_id.to_string()));
        }
        if wants("created_at") {
            out.insert("created_at".into(), json!(post.created_at.rfc3339()));
        }
        if wants("conversation_id") {
            out.insert(
                "conversation_id".into(),
                json!(post.conversation_id.to_string()),
            );
        }
        if wants("lang") {
            out.insert("lang".into(), json!("en"));
        }
        if wants("reply_settings") {
            out.insert("reply_settings".into(), json!("everyone"));
        }
        if wants("entities") && dressed.entities.as_object().is_some_and(|e| !e.is_empty()) {
            out.insert("entities".into(), dressed.entities);
        }
        if let (true, Some(text)) = (wants(note), dressed.note) {
            out.insert(note.into(), json!({"text": text}));
        }
        if wants("public_metrics") {
            let replies = self
                .inside
                .state
                .standing()
                .filter(|p| p.in_reply_to == Some(post.id))
                .count();
            let reposts = if new_names {
                "repost_count"
            } else {
                "retweet_count"
            };
            out.insert(
                "public_metrics".into(),
                json!({reposts: 0, "reply_count": replies, "like_count": 0, "quote_count": 0}),
            );
        }
        let parent = post.in_reply_to.and_then(|id| self.inside.state.get(id));
        if let (true, Some(parent)) = (wants("in_reply_to_user_id"), parent) {
            out.insert(
                "in_reply_to_user_id".into(),
                json!(parent.author_id.to_string()),
            );
        }
        let relations: Vec<Value> = [
            ("replied_to", post.in_reply_to),
            ("quoted", post.quote_of),
            ("retweeted", post.repost_of),
        ]
        .into_iter()
        .filter_map(|(kind, id)| Some(json!({"type": kind, "id": id?.to_string()})))
        .collect();
        let wanted = wants(references) || expansions.contains("referenced_tweets.id");
        if wanted && !relations.is_empty() {
            out.insert(references.into(), json!(relations));
        }
        Value::Object(out)
    }

    pub(super) fn include(&self, posts: &[&Post], query: &Query, body: &mut Map<String, Value>) {
        let expansions = query.names("expansions");
        let fields = query.names("user.fields");
        let state = &self.inside.state;
        let mut users = BTreeSet::new();
        let mut others: BTreeSet<u64> = BTreeSet::new();
        for post in posts {
            if expansions.contains("author_id") {
                users.insert(post.author_id);
            }
            let parent = post.in_reply_to.and_then(|id| state.get(id));
            if let (true, Some(parent)) = (expansions.contains("in_reply_to_user_id"), parent) {
                users.insert(parent.author_id);
            }
            if expansions.contains("referenced_posts")
                || expansions.contains("referenced_tweets.id")
            {
                others.extend(
                    [post.in_reply_to, post.quote_of, post.repost_of]
                        .iter()
                        .flatten(),
                );
            }
        }
        let mut includes = Map::new();
        let users: Vec<Value> = users
            .into_iter()
            .filter_map(|id| state.user(id))
            .map(|user| user_json(user, &fields))
            .collect();
        if !users.is_empty() {
            includes.insert("users".into(), json!(users));
        }
        let others: Vec<Value> = others
            .into_iter()
            .filter_map(|id| state.get(id))
            .filter(|post| !post.deleted)
            .map(|post| self.post_json(post, query))
            .collect();
        if !others.is_empty() {
            let name = if self.dialect() == Dialect::Post {
                "posts"
            } else {
                "tweets"
            };
            includes.insert(name.into(), json!(others));
        }
        if !includes.is_empty() {
            body.insert("includes".into(), Value::Object(includes));
        }
    }
}

//! `POST /2/tweets`: a post or a reply, under the rules for replies.

use serde_json::{Value, json};

use super::super::state::NewPost;
use super::Ask;
use super::reply::Reply;
use crate::config::Dialect;
use crate::networks::x::{weight, wire};

impl Ask<'_> {
    pub(super) fn create(&mut self, body: &Value) -> Result<Reply, Reply> {
        const KNOWN: [&str; 15] = [
            "card_uri",
            "community_id",
            "direct_message_deep_link",
            "edit_options",
            "for_super_followers_only",
            "geo",
            "made_with_ai",
            "media",
            "nullcast",
            "paid_partnership",
            "poll",
            "quote_tweet_id",
            "reply",
            "reply_settings",
            "text",
        ];
        const REPLY: [&str; 3] = [
            "in_reply_to_tweet_id",
            "exclude_reply_user_ids",
            "auto_populate_reply_metadata",
        ];
        let Some(fields) = body.as_object() else {
            return Err(Reply::invalid(
                "body",
                "",
                "The body must be a JSON object.",
            ));
        };
        if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Reply::invalid(name, "", &format!("[{name}] is not known.")));
        }
        let text = body
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if text.trim().is_empty() {
            return Err(Reply::invalid("text", "", "A post needs a text."));
        }
        if body.get("quote_tweet_id").is_some() {
            return Err(Reply::forbidden(
                "Quoting is not part of this access level.",
            ));
        }
        let author = self.who.user().unwrap_or_default();
        let parent = match body.get("reply") {
            None => None,
            Some(reply) => {
                let known = reply
                    .as_object()
                    .is_some_and(|fields| fields.keys().all(|name| REPLY.contains(&name.as_str())));
                let id = reply.get("in_reply_to_tweet_id").and_then(Value::as_str);
                let name = "reply.in_reply_to_tweet_id";
                let invalid = |words: &str| Reply::invalid(name, id.unwrap_or_default(), words);
                if !known {
                    return Err(invalid("The reply has fields that are not known."));
                }
                let id = id
                    .filter(|id| wire::is_id(id))
                    .and_then(|id| id.parse().ok());
                let post = id.and_then(|id| self.inside.state.get(id)).cloned();
                Some(post.ok_or_else(|| invalid("The post to reply to does not exist."))?)
            }
        };
        if let Some(parent) = &parent {
            if parent.deleted {
                let words = "The post to reply to is deleted or not visible to you.";
                return Err(Reply::forbidden(words));
            }
            if !self.inside.state.summons(parent, author) {
                return Err(Reply::forbidden(
                    "This reply is not allowed: the author of the post has neither mentioned \
                     this account nor engaged with it.",
                ));
            }
        }
        let named = parent
            .as_ref()
            .and_then(|parent| self.inside.state.user(parent.author_id));
        let named = named.map(|user| user.username.clone()).unwrap_or_default();
        let length = weight::weigh_reply(&text, &[&named]);
        if length > weight::LENGTH_MAX {
            let words =
                format!("The text is too long: {length} weighted characters, 280 are allowed.");
            return Err(Reply::forbidden(&words));
        }
        let target = parent.as_ref().map(|parent| parent.id);
        // Whatever it answers: X takes no text twice from one account.
        let twin = self
            .inside
            .state
            .standing()
            .any(|post| post.author_id == author && post.text == text);
        if twin {
            return Err(Reply::forbidden(
                "A post with duplicate text is not allowed.",
            ));
        }
        let username = self
            .inside
            .state
            .user(author)
            .map(|u| u.username.clone())
            .unwrap_or_default();
        let new = NewPost {
            username,
            text,
            in_reply_to: target,
            ..NewPost::default()
        };
        let id = self
            .inside
            .state
            .post(new)
            .map_err(|words| Reply::problem(503, "", "Service Unavailable", &words))?;
        let shown = self
            .inside
            .state
            .get(id)
            .map(|post| self.dressed(post).text);
        let history = match self.dialect() {
            Dialect::Tweet => "edit_history_tweet_ids",
            Dialect::Post => "edit_history_post_ids",
        };
        let id = id.to_string();
        let body = json!({"data": {"id": &id, "text": shown, history: [&id]}});
        Ok(Reply {
            status: 201,
            body,
            hang: false,
        })
    }
}

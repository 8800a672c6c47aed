//! What may be asked with a call, checked as strictly as X does.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Ask;
use super::reply::Reply;
use crate::config::Dialect;
use crate::networks::x::wire;

pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// What a parameter may hold.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    Number(i64, i64),
    Id,
    Ids,
    Time,
    Token,
    Text(usize),
    Names(&'static str),
}

pub(super) const USER_FIELDS: &str = "affiliation confirmed_email connection_status created_at description \
    entities id is_identity_verified location most_recent_tweet_id most_recent_post_id name parody \
    pinned_tweet_id pinned_post_id profile_banner_url profile_image_url protected public_metrics \
    receives_your_dm subscription subscription_type url username verified \
    verified_followers_count verified_type withheld";
const TWEET_FIELDS: &str = "article attachments author_id card_uri community_id \
    context_annotations conversation_id created_at display_text_range edit_controls \
    edit_history_tweet_ids entities geo id in_reply_to_user_id lang matched_media_notes \
    media_metadata non_public_metrics note_tweet organic_metrics paid_partnership \
    possibly_sensitive promoted_metrics public_metrics referenced_tweets reply_settings scopes \
    source text withheld";
const TWEET_EXPANSIONS: &str = "attachments.media_keys attachments.poll_ids author_id \
    edit_history_tweet_ids entities.mentions.username geo.place_id in_reply_to_user_id \
    referenced_tweets.id referenced_tweets.id.author_id";
const POST_FIELDS: &str = "article attachments card_uri community_id context_annotations \
    conversation_id created_at display_text_range edit_controls entities geo id lang \
    matched_media_notes media_metadata non_public_metrics note_post organic_metrics \
    paid_partnership possibly_sensitive promoted_metrics public_metrics reply_settings scopes \
    source text withheld";
const POST_EXPANSIONS: &str = "attachments.media_keys attachments.poll_ids author_id \
    edit_history_post_ids entities.mentions.username geo.place_id in_reply_to_user_id \
    referenced_posts username";

/// Checked parameters.
pub(super) struct Query {
    values: HashMap<String, String>,
}

impl Query {
    pub(super) fn read(text: &str, rules: &[(&str, Rule)]) -> Result<Query, Reply> {
        let mut values = HashMap::new();
        for (name, value) in pairs(text) {
            let Some((_, rule)) = rules.iter().find(|(known, _)| *known == name) else {
                let words = format!("The parameter [{name}] is not known for this path.");
                return Err(Reply::invalid(&name, &value, &words));
            };
            if let Err(words) = check(*rule, &value) {
                return Err(Reply::invalid(&name, &value, &format!("[{name}] {words}")));
            }
            if values.insert(name.clone(), value.clone()).is_some() {
                return Err(Reply::invalid(&name, &value, "is given twice"));
            }
        }
        Ok(Query { values })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn names(&self, name: &str) -> BTreeSet<String> {
        self.get(name)
            .into_iter()
            .flat_map(|v| v.split(','))
            .map(str::to_owned)
            .collect()
    }
}

fn check(rule: Rule, value: &str) -> Result<(), String> {
    let known = |list: &str, one: &str| list.split_ascii_whitespace().any(|name| name == one);
    match rule {
        Rule::Number(min, max) => match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(()),
            _ => Err(format!("must be a number from {min} to {max}")),
        },
        Rule::Id if wire::is_id(value) => Ok(()),
        Rule::Id => Err("must match ^[0-9]{1,19}$".into()),
        Rule::Ids => {
            let ids: Vec<&str> = value.split(',').collect();
            if ids.len() <= 100 && ids.iter().all(|id| wire::is_id(id)) {
                Ok(())
            } else {
                Err("must be 1 to 100 ids".into())
            }
        }
        Rule::Time if wire::parse_time(value).is_some() && value.ends_with('Z') => Ok(()),
        Rule::Time => Err("must be a time like 2026-11-22T00:00:00Z".into()),
        Rule::Token if token_id(value).is_some() => Ok(()),
        Rule::Token => Err("is no token of a page".into()),
        Rule::Text(max) if (1..=max).contains(&value.chars().count()) => Ok(()),
        Rule::Text(max) => Err(format!("must have 1 to {max} characters")),
        Rule::Names(list) => match value.split(',').find(|name| !known(list, name)) {
            Some(name) => Err(format!("does not know [{name}]")),
            None => Ok(()),
        },
    }
}

pub(super) fn page_token(id: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("until {id}"))
}

pub(super) fn token_id(token: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("until ")?.parse().ok()
}

impl Ask<'_> {
    /// Rules of the parameters that shape posts, in the dialect spoken here.
    pub(super) fn shape_rules(&self) -> [(&'static str, Rule); 3] {
        let (fields, names, expansions) = match self.dialect() {
            Dialect::Tweet => ("tweet.fields", TWEET_FIELDS, TWEET_EXPANSIONS),
            Dialect::Post => ("post.fields", POST_FIELDS, POST_EXPANSIONS),
        };
        [
            (fields, Rule::Names(names)),
            ("expansions", Rule::Names(expansions)),
            ("user.fields", Rule::Names(USER_FIELDS)),
        ]
    }

    pub(super) fn walk_rules(&self, min: i64) -> Vec<(&'static str, Rule)> {
        let mut rules = vec![
            ("max_results", Rule::Number(min, 100)),
            ("pagination_token", Rule::Token),
            ("since_id", Rule::Id),
            ("until_id", Rule::Id),
            ("start_time", Rule::Time),
            ("end_time", Rule::Time),
        ];
        rules.extend(self.shape_rules());
        rules
    }
}

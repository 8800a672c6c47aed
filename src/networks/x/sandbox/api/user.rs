//! `GET /2/users/…`: one account.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::state::User;
use super::Ask;
use super::parameters::{Query, Rule, USER_FIELDS};
use super::reply::{Reply, not_found};

impl Ask<'_> {
    pub(super) fn user(
        &self,
        query: &str,
        user: Option<User>,
        asked: &str,
    ) -> Result<Reply, Reply> {
        let query = Query::read(query, &[("user.fields", Rule::Names(USER_FIELDS))])?;
        Ok(match user {
            Some(user) => Reply::ok(json!({"data": user_json(&user, &query.names("user.fields"))})),
            None => Reply::ok(json!({"errors": [not_found("user", asked)]})),
        })
    }
}

pub(super) fn user_json(user: &User, fields: &BTreeSet<String>) -> Value {
    let mut out = json!({
        "id": user.id.to_string(),
        "username": user.username,
        "name": user.name,
    });
    let mut add = |name: &str, value: Value| {
        if fields.contains(name) {
            out[name] = value;
        }
    };
    add("created_at", json!(user.created_at.rfc3339()));
    add("verified", json!(user.verified));
    add(
        "verified_type",
        json!(if user.verified { "business" } else { "none" }),
    );
    add("protected", json!(false));
    add(
        "public_metrics",
        json!({"followers_count": user.followers, "following_count": 80, "tweet_count": 300}),
    );
    out
}

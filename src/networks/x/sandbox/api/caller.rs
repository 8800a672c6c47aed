//! Who calls: the app, a user by a token, or the brand by keys of OAuth 1.0a.

use super::super::{Inside, Sandbox};
use super::Who;
use super::parameters::pairs;
use crate::networks::x::oauth1;

pub(super) fn who(
    sandbox: &Sandbox,
    inside: &Inside,
    method: &str,
    address: &str,
    query: &str,
    authorization: &str,
) -> Who {
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        if token == sandbox.config.bearer_token {
            return Who::App;
        }
        return inside
            .state
            .token(token)
            .map_or(Who::Nobody, |token| Who::User(token.user_id));
    }
    match authorization.strip_prefix("OAuth ") {
        Some(rest) if signed_by_us(sandbox, method, address, query, rest) => {
            Who::Keys(sandbox.config.brand_id)
        }
        _ => Who::Nobody,
    }
}

/// Checks an OAuth 1.0a header the way X does: by signing the same request again.
fn signed_by_us(sandbox: &Sandbox, method: &str, address: &str, query: &str, rest: &str) -> bool {
    let keys = &sandbox.config.oauth1;
    let mut parameters: Vec<(String, String)> = pairs(query);
    let mut given = None;
    for part in rest.split(',') {
        let Some((name, value)) = part.trim().split_once('=') else {
            return false;
        };
        let quoted = value.trim_matches('"').replace('+', "%2B");
        let value = pairs(&format!("v={quoted}")).pop().map(|(_, value)| value);
        match (name, value) {
            ("oauth_signature", value) => given = value,
            (name, Some(value)) => parameters.push((name.to_owned(), value)),
            _ => return false,
        }
    }
    let holds = |name: &str, value: &str| parameters.iter().any(|(n, v)| n == name && v == value);
    let expected = oauth1::signature(
        method,
        address,
        &parameters,
        &keys.consumer_secret,
        &keys.token_secret,
    );
    holds("oauth_consumer_key", &keys.consumer_key)
        && holds("oauth_token", &keys.token)
        && given.as_deref() == Some(expected.as_str())
}

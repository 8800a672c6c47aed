//! `GET /2/tweets/search/recent`.

use super::super::{search, state::Post};
use super::Ask;
use super::parameters::{Query, Rule};
use super::reply::Reply;
use crate::clock::DAY;
use crate::networks::x::{time_of_id, wire};

/// Longest search query, in characters (self-serve access).
const QUERY_CHARS_MAX: usize = 512;

/// How far back recent search reaches.
const SEARCH_WINDOW: i64 = 7 * DAY;

impl Ask<'_> {
    pub(super) fn search(&self, query: &str) -> Result<Reply, Reply> {
        let mut rules = self.walk_rules(10);
        rules.push(("query", Rule::Text(QUERY_CHARS_MAX)));
        rules.push(("next_token", Rule::Token));
        rules.push(("sort_order", Rule::Names("recency relevancy")));
        let query = Query::read(query, &rules)?;
        let Some(text) = query.get("query") else {
            return Err(Reply::invalid("query", "", "[query] is required"));
        };
        let parsed = search::parse(text).map_err(|words| {
            Reply::invalid("query", text, &format!("The query can't be read: {words}."))
        })?;
        let oldest = self.inside.state.now().plus(-SEARCH_WINDOW);
        let old_since = query
            .get("since_id")
            .and_then(time_of_id)
            .is_some_and(|at| at < oldest);
        let old_start = query
            .get("start_time")
            .and_then(wire::parse_time)
            .is_some_and(|at| at < oldest);
        if old_since || old_start {
            let name = if old_since { "since_id" } else { "start_time" };
            let words = format!("[{name}] lies before the last seven days");
            return Err(Reply::invalid(
                name,
                query.get(name).unwrap_or_default(),
                &words,
            ));
        }
        let found = |post: &&Post| {
            post.created_at >= oldest
                && post.repost_of.is_none()
                && parsed.matches(post, &self.inside.state)
        };
        self.page(
            self.inside.state.standing().filter(found).collect(),
            &query,
            10,
        )
    }
}

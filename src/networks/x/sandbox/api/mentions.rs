//! `GET /2/users/{id}/mentions`.

use serde_json::json;

use super::super::state::Post;
use super::Ask;
use super::parameters::Query;
use super::reply::{Reply, not_found};
use crate::networks::x::wire;

/// Newest mentions that can be read.
const MENTIONS_MAX: usize = 800;

impl Ask<'_> {
    pub(super) fn mentions(&self, id: u64, query: &str) -> Result<Reply, Reply> {
        let query = Query::read(query, &self.walk_rules(5))?;
        let Some(user) = self.inside.state.user(id) else {
            return Ok(Reply::ok(
                json!({"errors": [not_found("user", &id.to_string())]}),
            ));
        };
        let named = |post: &&Post| {
            post.author_id != id
                && post.repost_of.is_none()
                && wire::mentioned_usernames(&self.inside.state.shown_text(post))
                    .any(|name| name.eq_ignore_ascii_case(&user.username))
        };
        let posts = self
            .inside
            .state
            .standing()
            .filter(named)
            .take(MENTIONS_MAX)
            .collect();
        self.page(posts, &query, 100)
    }
}

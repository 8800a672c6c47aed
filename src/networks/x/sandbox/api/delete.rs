//! `DELETE /2/tweets/{id}`.

use serde_json::json;

use super::Ask;
use super::reply::{Reply, not_found};

impl Ask<'_> {
    pub(super) fn delete(&mut self, id: u64) -> Result<Reply, Reply> {
        match self.inside.state.get(id) {
            Some(post) if post.deleted => {}
            Some(post) if Some(post.author_id) != self.who.user() => {
                return Err(Reply::forbidden("Only its author can delete a post."));
            }
            Some(_) => {
                self.inside.state.delete(id);
                return Ok(Reply::ok(json!({"data": {"deleted": true}})));
            }
            None => {}
        }
        let body = json!({"errors": [not_found("tweet", &id.to_string())]});
        Ok(Reply {
            status: 404,
            body,
            hang: false,
        })
    }
}

//! `GET /2/users/{id}/tweets`: what an account posted.

use super::Ask;
use super::parameters::{Query, Rule};
use super::reply::Reply;

impl Ask<'_> {
    pub(super) fn posts_of(&self, id: u64, query: &str) -> Result<Reply, Reply> {
        let mut rules = self.walk_rules(5);
        rules.push(("exclude", Rule::Names("replies retweets")));
        let query = Query::read(query, &rules)?;
        let excluded = query.names("exclude");
        let posts = self
            .inside
            .state
            .standing()
            .filter(|post| post.author_id == id)
            .filter(|post| post.in_reply_to.is_none() || !excluded.contains("replies"))
            .filter(|post| post.repost_of.is_none() || !excluded.contains("retweets"))
            .collect();
        self.page(posts, &query, 10)
    }
}

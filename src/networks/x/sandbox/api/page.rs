//! A page of posts, newest first, with the mark of the next.

use serde_json::{Map, Value, json};

use super::super::state::Post;
use super::Ask;
use super::parameters::{Query, page_token, token_id};
use super::reply::Reply;
use crate::networks::x::wire;

impl Ask<'_> {
    pub(super) fn page(
        &self,
        posts: Vec<&Post>,
        query: &Query,
        size: usize,
    ) -> Result<Reply, Reply> {
        let id = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
        let time = |name: &str| query.get(name).and_then(wire::parse_time);
        let token = query
            .get("pagination_token")
            .or_else(|| query.get("next_token"));
        let before = token.and_then(token_id);
        let size = id("max_results")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(size);
        let mut rest = posts.into_iter().filter(|post| {
            id("since_id").is_none_or(|since| post.id > since)
                && id("until_id").is_none_or(|until| post.id < until)
                && time("start_time").is_none_or(|start| post.created_at >= start)
                && time("end_time").is_none_or(|end| post.created_at < end)
                && before.is_none_or(|before| post.id < before)
        });
        let page: Vec<&Post> = rest.by_ref().take(size).collect();
        let more = rest.next().is_some();
        let mut meta = Map::new();
        meta.insert("result_count".into(), json!(page.len()));
        if let (Some(newest), Some(oldest)) = (page.first(), page.last()) {
            meta.insert("newest_id".into(), json!(newest.id.to_string()));
            meta.insert("oldest_id".into(), json!(oldest.id.to_string()));
            if more {
                meta.insert("next_token".into(), json!(page_token(oldest.id)));
            }
        }
        let mut body = Map::new();
        // With nothing to show, X leaves `data` out.
        if !page.is_empty() {
            let shown: Vec<Value> = page
                .iter()
                .map(|post| self.post_json(post, query))
                .collect();
            body.insert("data".into(), json!(shown));
            self.include(&page, query, &mut body);
        }
        body.insert("meta".into(), Value::Object(meta));
        Ok(Reply::ok(Value::Object(body)))
    }
}

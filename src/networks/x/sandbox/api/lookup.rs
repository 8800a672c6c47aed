//! `GET /2/tweets` and `GET /2/tweets/{id}`: posts by their ids.

use serde_json::{Map, Value, json};

use super::super::state::Post;
use super::Ask;
use super::parameters::{Query, Rule};
use super::reply::{Reply, not_found};

impl Ask<'_> {
    pub(super) fn lookup(&self, query: &str) -> Result<Reply, Reply> {
        let mut rules = self.shape_rules().to_vec();
        rules.push(("ids", Rule::Ids));
        let query = Query::read(query, &rules)?;
        let Some(ids) = query.get("ids") else {
            return Err(Reply::invalid("ids", "", "[ids] is required"));
        };
        let mut found: Vec<&Post> = Vec::new();
        let mut errors = Vec::new();
        for text in ids.split(',') {
            match text.parse().ok().and_then(|id| self.inside.state.get(id)) {
                Some(post) if !post.deleted => found.push(post),
                _ => errors.push(not_found("tweet", text)),
            }
        }
        let mut body = Map::new();
        if !found.is_empty() {
            let shown: Vec<Value> = found
                .iter()
                .map(|post| self.post_json(post, &query))
                .collect();
            body.insert("data".into(), json!(shown));
            self.include(&found, &query, &mut body);
        }
        if !errors.is_empty() {
            body.insert("errors".into(), json!(errors));
        }
        Ok(Reply::ok(Value::Object(body)))
    }

    pub(super) fn one(&self, id: u64, query: &str) -> Result<Reply, Reply> {
        let query = Query::read(query, &self.shape_rules())?;
        let Some(post) = self.inside.state.get(id).filter(|post| !post.deleted) else {
            return Ok(Reply::ok(
                json!({"errors": [not_found("tweet", &id.to_string())]}),
            ));
        };
        let mut body = Map::new();
        body.insert("data".into(), self.post_json(post, &query));
        self.include(&[post], &query, &mut body);
        Ok(Reply::ok(Value::Object(body)))
    }
}

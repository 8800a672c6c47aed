//! The forum's threads as search sees them: public ones, without deleted posts.

use std::collections::HashMap;

use super::store::{lists, searching};
use crate::db::Db;
use crate::error::Result;
use crate::search::{DocSource, ThreadDoc};
use crate::text::markdown;

/// Replies of one thread that are given to search; those beyond are findable by the thread.
const REPLIES_MAX: i64 = 200;

/// Reads search documents from the database.
pub struct Docs {
    db: Db,
}

impl Docs {
    pub fn new(db: Db) -> Docs {
        Docs { db }
    }
}

impl DocSource for Docs {
    fn load(&self, ids: &[i64]) -> Result<Vec<ThreadDoc>> {
        self.db.read(|conn| {
            let rows = searching::public_threads(conn, ids)?;
            let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
            let mut tags = lists::tag_slugs(conn, &ids)?;
            let mut posts: HashMap<i64, Vec<searching::PostText>> = HashMap::new();
            for post in searching::posts_of(conn, &ids, REPLIES_MAX)? {
                posts.entry(post.thread).or_default().push(post);
            }
            Ok(rows
                .into_iter()
                .map(|row| {
                    let tags = tags.remove(&row.id).unwrap_or_default();
                    let posts = posts.remove(&row.id).unwrap_or_default();
                    document(row, tags, posts)
                })
                .collect())
        })
    }

    fn after(&self, id: i64, limit: usize) -> Result<Vec<ThreadDoc>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids = self
            .db
            .read(|conn| searching::public_ids_after(conn, id, limit))?;
        let mut docs = self.load(&ids)?;
        docs.sort_by_key(|doc| doc.id);
        Ok(docs)
    }
}

fn document(
    row: searching::ThreadText,
    tags: Vec<String>,
    posts: Vec<searching::PostText>,
) -> ThreadDoc {
    let (mut body, mut answers, mut replies) = (String::new(), Vec::new(), Vec::new());
    for post in posts {
        let plain = markdown::to_plain(&post.body);
        if post.number == 1 {
            body = plain;
        } else if Some(post.id) == row.primary_answer {
            answers.insert(0, plain);
        } else if post.accepted {
            answers.push(plain);
        } else {
            replies.push(plain);
        }
    }
    ThreadDoc {
        id: row.id,
        version: row.version,
        product: row.product,
        topic: row.topic,
        kind: row.kind,
        state: row.state,
        official: row.official,
        title: row.title,
        body,
        answers,
        replies,
        tags,
        author: row.author_key,
        language: row.language,
        created_at: row.created_at,
        active_at: row.active_at,
        me_too: u32::try_from(row.me_too_count).unwrap_or(u32::MAX),
    }
}

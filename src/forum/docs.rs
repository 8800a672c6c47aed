//! The forum's threads as search sees them: public ones, without deleted posts.

use std::collections::HashMap;

use super::store::{lists, searching};
use crate::db::Db;
use crate::error::Result;
use crate::search::{DocSource, REPLIES_BYTES_MAX, ThreadDoc};
use crate::text::markdown;

/// Posts of one thread that are read for search beside its accepted answers; those beyond are found
/// by the thread. Their text fills `REPLIES_BYTES_MAX` in all but the shortest of words.
const REPLIES_MAX: i64 = 40;
/// Threads whose posts are in memory at a time.
const THREADS_AT_ONCE: usize = 25;

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
        let mut docs = Vec::with_capacity(ids.len());
        for ids in ids.chunks(THREADS_AT_ONCE) {
            let (rows, mut tags, posts_of_all) = self.db.read(|conn| {
                let rows = searching::public_threads(conn, ids)?;
                let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
                let tags = lists::tag_slugs(conn, &ids)?;
                Ok((rows, tags, searching::posts_of(conn, &ids, REPLIES_MAX)?))
            })?;
            let mut posts: HashMap<i64, Vec<searching::PostText>> = HashMap::new();
            for post in posts_of_all {
                posts.entry(post.thread).or_default().push(post);
            }
            docs.extend(rows.into_iter().map(|row| {
                let tags = tags.remove(&row.id).unwrap_or_default();
                let posts = posts.remove(&row.id).unwrap_or_default();
                document(row, tags, posts)
            }));
        }
        Ok(docs)
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
    let (mut body, mut answers) = (String::new(), Vec::new());
    let (mut replies, mut reply_bytes) = (Vec::new(), 0);
    for post in posts {
        let is_reply = post.number > 1 && !post.accepted;
        if is_reply && reply_bytes >= REPLIES_BYTES_MAX {
            continue;
        }
        let plain = markdown::to_plain(&post.body);
        if post.number == 1 {
            body = plain;
        } else if Some(post.id) == row.primary_answer {
            answers.insert(0, plain);
        } else if post.accepted {
            answers.push(plain);
        } else {
            reply_bytes += plain.len();
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

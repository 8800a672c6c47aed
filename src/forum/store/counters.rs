//! Stored counters beside what they count, compared by the database.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::db::{Conn, Mismatch};
use crate::error::Result;

/// Counter (table and column), and the rows it counts as a condition on the counted table.
const COUNTERS: [(&str, &str, &str, &str); 9] = [
    (
        "threads.reply_count",
        "threads",
        "reply_count",
        "SELECT count(*) FROM posts p WHERE p.thread_id = x.id AND p.number > 1 AND p.deleted_at IS NULL",
    ),
    (
        "threads.me_too_count",
        "threads",
        "me_too_count",
        "SELECT count(*) FROM me_toos m WHERE m.thread_id = x.id",
    ),
    (
        "threads.follower_count",
        "threads",
        "follower_count",
        "SELECT count(*) FROM subscriptions s WHERE s.subject_kind = 'thread' AND s.subject_id = x.id",
    ),
    (
        "threads.accepted_count",
        "threads",
        "accepted_count",
        "SELECT count(*) FROM posts p WHERE p.thread_id = x.id AND p.accepted_at IS NOT NULL AND p.deleted_at IS NULL",
    ),
    (
        "posts.edit_count",
        "posts",
        "edit_count",
        "SELECT count(*) FROM post_revisions r WHERE r.post_id = x.id AND r.number > 1",
    ),
    (
        "thread_tags.active_at",
        "thread_tags",
        "active_at",
        "SELECT t.active_at FROM threads t WHERE t.id = x.thread_id",
    ),
    (
        "users.post_count",
        "users",
        "post_count",
        "SELECT count(*) FROM posts p WHERE p.author_id = x.id AND p.deleted_at IS NULL",
    ),
    (
        "users.answer_count",
        "users",
        "answer_count",
        "SELECT count(*) FROM posts p WHERE p.author_id = x.id AND p.accepted_at IS NOT NULL AND p.deleted_at IS NULL",
    ),
    (
        "tags.thread_count",
        "tags",
        "thread_count",
        "SELECT count(*) FROM thread_tags g JOIN threads t ON t.id = g.thread_id WHERE g.tag_id = x.id AND t.visibility = 'public'",
    ),
];

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    stored: i64,
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

/// Every counter of the forum that is wrong; empty when all is well.
pub fn recount(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    let mut found = Vec::new();
    for (counter, table, column, count) in COUNTERS {
        let rows: Vec<Row> = diesel::sql_query(format!(
            "SELECT id, stored, counted FROM (SELECT x.id AS id, x.{column} AS stored, ({count}) \
             AS counted FROM {table} x) compared WHERE stored <> counted ORDER BY id"
        ))
        .load(conn)?;
        found.extend(
            rows.into_iter().map(|row| {
                Mismatch::new(format!("{counter} of {}", row.id), row.counted, row.stored)
            }),
        );
    }
    Ok(found)
}

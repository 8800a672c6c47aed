//! Addresses by which members answer mails about threads.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::thread_reply_tokens;
use crate::error::Result;
use crate::ids::{ThreadId, UserId};

pub fn insert_reply_token(
    tx: &mut Conn,
    (thread, user): (ThreadId, UserId),
    token_hash: &str,
    now: Moment,
    until: Moment,
) -> Result<()> {
    diesel::insert_into(thread_reply_tokens::table)
        .values((
            thread_reply_tokens::thread_id.eq(thread.0),
            thread_reply_tokens::user_id.eq(user.0),
            thread_reply_tokens::token_hash.eq(token_hash),
            thread_reply_tokens::created_at.eq(now.0),
            thread_reply_tokens::expires_at.eq(until.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// What a token in one of our addresses stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyToken {
    pub thread: ThreadId,
    pub user: UserId,
    pub expires_at: Moment,
}

pub fn reply_token(conn: &mut Conn, token_hash: &str) -> Result<Option<ReplyToken>> {
    let row: Option<(i64, i64, i64)> = thread_reply_tokens::table
        .filter(thread_reply_tokens::token_hash.eq(token_hash))
        .select((
            thread_reply_tokens::thread_id,
            thread_reply_tokens::user_id,
            thread_reply_tokens::expires_at,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(thread, user, until)| ReplyToken {
        thread: ThreadId(thread),
        user: UserId(user),
        expires_at: Moment(until),
    }))
}

/// Forgets tokens that expired before `before`; how many it were.
pub fn forget_reply_tokens(tx: &mut Conn, before: Moment, limit: i64) -> Result<usize> {
    let old: Vec<i64> = thread_reply_tokens::table
        .filter(thread_reply_tokens::expires_at.lt(before.0))
        .order(thread_reply_tokens::expires_at)
        .limit(limit)
        .select(thread_reply_tokens::id)
        .load(tx)?;
    Ok(
        diesel::delete(thread_reply_tokens::table.filter(thread_reply_tokens::id.eq_any(old)))
            .execute(tx)?,
    )
}

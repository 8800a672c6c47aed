//! Queries of the vectors of threads.

use diesel::dsl::max;
use diesel::prelude::*;

use crate::db::schema::{thread_vectors, threads, vector_progress};
use crate::db::{Conn, Lock, lock};
use crate::each;
use crate::error::Result;
use crate::forum::Visibility;
use crate::ids::ThreadId;
use crate::ranker::Stored;

/// How far a model has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct Progress {
    /// The last thread that was read of those there are; nothing when all were.
    pub thread: Option<i64>,
    /// The last change that was read.
    pub change: i64,
}

/// What a thread's vectors were made from.
#[derive(Clone, Debug)]
pub struct NewVectors {
    pub thread: ThreadId,
    /// Of the text.
    pub digest: String,
    /// All of them, one after the other; none for a thread that is public no more.
    pub bytes: Vec<u8>,
}

/// How far a model has read, if it has begun.
pub fn progress(conn: &mut Conn, model: &str) -> Result<Option<Progress>> {
    Ok(vector_progress::table
        .filter(vector_progress::model.eq(model))
        .select((vector_progress::thread_id, vector_progress::change_id))
        .first(conn)
        .optional()?)
}

/// Puts down how far a model has read.
pub fn set_progress(tx: &mut Conn, model: &str, at: Progress) -> Result<()> {
    let to = (
        vector_progress::thread_id.eq(at.thread),
        vector_progress::change_id.eq(at.change),
    );
    each!(tx, c => diesel::insert_into(vector_progress::table)
        .values((vector_progress::model.eq(model), to))
        .on_conflict(vector_progress::model)
        .do_update()
        .set(to)
        .execute(c))?;
    Ok(())
}

/// Which of these threads have vectors of this model, and of which text (its digest).
pub fn digests(conn: &mut Conn, model: &str, of: &[i64]) -> Result<Vec<(i64, String)>> {
    Ok(thread_vectors::table
        .filter(thread_vectors::thread_id.eq_any(of))
        .filter(thread_vectors::model.eq(model))
        .select((thread_vectors::thread_id, thread_vectors::digest))
        .load(conn)?)
}

/// Puts vectors in place of what the threads had, each at a place of its own behind all others.
pub fn put(tx: &mut Conn, model: &str, all: Vec<NewVectors>) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    // Whoever reads by places must not see a later one before an earlier one.
    lock(tx, Lock::named("thread_vectors"))?;
    let last: Option<i64> = thread_vectors::table
        .filter(thread_vectors::model.eq(model))
        .select(max(thread_vectors::place))
        .first(tx)?;
    for (place, one) in (last.unwrap_or(0) + 1..).zip(all) {
        let of = (
            thread_vectors::model.eq(model),
            thread_vectors::thread_id.eq(one.thread.0),
        );
        let to = (
            thread_vectors::digest.eq(&one.digest),
            thread_vectors::vectors.eq(&one.bytes),
            thread_vectors::place.eq(place),
        );
        each!(&mut *tx, c => diesel::insert_into(thread_vectors::table)
            .values((of, to))
            .on_conflict((thread_vectors::model, thread_vectors::thread_id))
            .do_update()
            .set(to)
            .execute(c))?;
    }
    Ok(())
}

/// Takes the vectors of threads that are public no more, of every model, at most `limit`; how many.
pub fn forget_not_public(tx: &mut Conn, limit: i64) -> Result<i64> {
    let gone: Vec<(String, i64)> = thread_vectors::table
        .inner_join(threads::table)
        .filter(threads::visibility.ne(Visibility::Public.as_str()))
        .filter(thread_vectors::digest.ne(""))
        .limit(limit)
        .select((thread_vectors::model, thread_vectors::thread_id))
        .load(tx)?;
    let count = i64::try_from(gone.len()).unwrap_or(limit);
    for (model, thread) in gone {
        let empty = NewVectors {
            thread: ThreadId(thread),
            digest: String::new(),
            bytes: Vec::new(),
        };
        put(tx, &model, vec![empty])?;
    }
    Ok(count)
}

/// What was stored for a model after `place`, in that order, at most `limit`.
pub fn after(conn: &mut Conn, model: &str, place: i64, limit: i64) -> Result<Vec<Stored>> {
    let rows: Vec<(i64, i64, Vec<u8>)> = thread_vectors::table
        .filter(thread_vectors::model.eq(model))
        .filter(thread_vectors::place.gt(place))
        .order(thread_vectors::place)
        .limit(limit)
        .select((
            thread_vectors::thread_id,
            thread_vectors::place,
            thread_vectors::vectors,
        ))
        .load(conn)?;
    let stored = |(thread, place, bytes)| Stored {
        thread,
        place,
        bytes,
    };
    Ok(rows.into_iter().map(stored).collect())
}

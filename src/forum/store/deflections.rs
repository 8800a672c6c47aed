//! Queries of the ledger of deflections.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::deflections;
use crate::each;
use crate::error::Result;
use crate::forum::deflections::Place;
use crate::ids::{ProductId, ThreadId, UserId};

/// Whether a form has a row already.
pub fn is_known(conn: &mut Conn, key: &str) -> Result<bool> {
    let n: i64 = deflections::table
        .filter(deflections::key.eq(key))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Whether a form has a row and opened no thread yet.
pub fn is_unopened(conn: &mut Conn, key: &str) -> Result<bool> {
    let n: i64 = deflections::table
        .filter(deflections::key.eq(key))
        .filter(deflections::opened_at.is_null())
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Adds the row of a form, unless it has one.
pub fn insert(
    tx: &mut Conn,
    key: &str,
    place: Place,
    product: Option<ProductId>,
    user: Option<UserId>,
    now: Moment,
) -> Result<()> {
    let row = (
        deflections::key.eq(key),
        deflections::place.eq(place.as_str()),
        deflections::product_id.eq(product.map(|p| p.0)),
        deflections::user_id.eq(user.map(|u| u.0)),
        deflections::shown_at.eq(now.0),
    );
    each!(tx, c => diesel::insert_into(deflections::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// The first thread that was opened stays.
pub fn set_opened(tx: &mut Conn, key: &str, thread: ThreadId, now: Moment) -> Result<()> {
    let unopened = deflections::table
        .filter(deflections::key.eq(key))
        .filter(deflections::opened_at.is_null());
    diesel::update(unopened)
        .set((
            deflections::opened_at.eq(now.0),
            deflections::thread_id.eq(thread.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// False when there is no such form, or its message was written.
pub fn set_solved(tx: &mut Conn, key: &str, now: Moment) -> Result<bool> {
    let unwritten = deflections::table
        .filter(deflections::key.eq(key))
        .filter(deflections::written_at.is_null());
    let changed = diesel::update(unwritten)
        .set(deflections::solved_at.eq(now.0))
        .execute(tx)?;
    Ok(changed == 1)
}

pub fn set_written(tx: &mut Conn, key: &str, now: Moment) -> Result<()> {
    diesel::update(deflections::table.filter(deflections::key.eq(key)))
        .set(deflections::written_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

//! Settings that all nodes share, by name.

use diesel::prelude::*;

use super::Conn;
use super::schema::settings;
use crate::clock::Moment;
use crate::each;
use crate::error::Result;

/// The value of a setting; `value` becomes it when there is none. Of several nodes that start at
/// once, one is first.
pub fn keep_first(tx: &mut Conn, name: &str, value: &str, now: Moment) -> Result<String> {
    let row = (
        settings::name.eq(name),
        settings::value.eq(value),
        settings::updated_at.eq(now.0),
    );
    each!(&mut *tx, c => diesel::insert_into(settings::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(settings::table
        .filter(settings::name.eq(name))
        .select(settings::value)
        .first(tx)?)
}

/// The value of a setting, if it has one.
pub fn value(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    Ok(settings::table
        .filter(settings::name.eq(name))
        .select(settings::value)
        .first(conn)
        .optional()?)
}

//! Calls of mail providers that were taken, so that none counts twice.

use diesel::prelude::*;

use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::db::schema::hook_calls;
use crate::each;
use crate::error::Result;

/// How long a call is remembered (µs): far longer than any provider's signature holds.
const KEPT: i64 = 7 * DAY;

/// Notes a call; false when it was noted before.
pub fn note(tx: &mut Conn, provider: &str, key: &str, now: Moment) -> Result<bool> {
    let row = (
        hook_calls::provider.eq(provider),
        hook_calls::key.eq(key),
        hook_calls::received_at.eq(now.0),
    );
    let noted = each!(&mut *tx, c => diesel::insert_into(hook_calls::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    let old = hook_calls::table.filter(hook_calls::received_at.lt(now.plus(-KEPT).0));
    diesel::delete(old).execute(tx)?;
    Ok(noted == 1)
}

//! Where a member's mail goes. Nothing of this ever reaches a page.

use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::users;
use crate::error::Result;
use crate::ids::UserId;

/// Name and confirmed address of a user who has one.
pub fn address(conn: &mut Conn, user: UserId) -> Result<Option<(String, String)>> {
    let row: Option<(String, Option<String>)> = users::table
        .filter(users::id.eq(user.0))
        .filter(users::email_verified_at.is_not_null())
        .filter(users::erased_at.is_null())
        .select((users::name, users::email))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(name, email)| Some((name, email?))))
}

//! Queries of users and sessions.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::{CurrentUser, Role};
use crate::clock::{DAY, HOUR, Moment};
use crate::db::Conn;
use crate::db::schema::{notifications, sessions, staff_products, users};
use crate::error::{Error, Result};
use crate::ids::{ProductId, SessionId, UserId};

/// A session ends when it was not used for this long (µs)...
pub const SESSION_IDLE: i64 = 30 * DAY;
/// ...and its last use is noted at most this often (µs), to spare the database writes.
pub const SESSION_NOTE_EVERY: i64 = HOUR;

/// Whoever the session of this token belongs to, while it lasts, with the unread notifications.
pub fn current_user(conn: &mut Conn, token_hash: &str, now: Moment) -> Result<Option<Session>> {
    type Row = (i64, i64, i64, String, String);
    let row: Option<Row> = sessions::table
        .inner_join(users::table)
        .filter(
            sessions::token_hash
                .eq(token_hash)
                .and(sessions::expires_at.gt(now.0)),
        )
        .filter(users::erased_at.is_null())
        .select((
            sessions::id,
            sessions::last_used_at,
            users::id,
            users::name,
            users::role,
        ))
        .first(conn)
        .optional()?;
    let Some((session, last_used_at, id, name, role)) = row else {
        return Ok(None);
    };
    let role: Role = role.parse().map_err(Error::Data)?;
    let products = if role >= Role::Staff {
        staff_products(conn, UserId(id))?
    } else {
        Vec::new()
    };
    let unread: i64 = notifications::table
        .filter(
            notifications::user_id
                .eq(id)
                .and(notifications::read_at.is_null()),
        )
        .select(count_star())
        .first(conn)?;
    Ok(Some(Session {
        user: CurrentUser {
            id: UserId(id),
            name,
            role,
            session: SessionId(session),
            products,
        },
        unread,
        last_used_at: Moment(last_used_at),
    }))
}

/// A session as the extractors need it.
pub struct Session {
    pub user: CurrentUser,
    pub unread: i64,
    pub last_used_at: Moment,
}

/// Notes that the session was used, and lengthens it.
pub fn touch_session(tx: &mut Conn, session: SessionId, now: Moment) -> Result<()> {
    diesel::update(sessions::table.find(session.0))
        .set((
            sessions::last_used_at.eq(now.0),
            sessions::expires_at.eq(now.plus(SESSION_IDLE).0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Products a member of staff looks after; none means all.
pub fn staff_products(conn: &mut Conn, user: UserId) -> Result<Vec<ProductId>> {
    let ids: Vec<i64> = staff_products::table
        .filter(staff_products::user_id.eq(user.0))
        .order(staff_products::product_id)
        .select(staff_products::product_id)
        .load(conn)?;
    Ok(ids.into_iter().map(ProductId).collect())
}

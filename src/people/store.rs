//! Queries of users and sessions.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::{CurrentUser, Role};
use crate::clock::{DAY, HOUR, Moment};
use crate::db::Conn;
use crate::db::schema::{notifications, sessions, staff_products, users};
use crate::error::{Error, Result};
use crate::ids::{ProductId, SessionId, UserId};
use crate::text::names;

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

/// The names of these users.
pub fn names(conn: &mut Conn, ids: &[UserId]) -> Result<std::collections::HashMap<UserId, String>> {
    let ids: Vec<i64> = ids.iter().map(|u| u.0).collect();
    let rows: Vec<(i64, String)> = users::table
        .filter(users::id.eq_any(ids))
        .select((users::id, users::name))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, name)| (UserId(id), name))
        .collect())
}

/// Most staff that a choice of people shows.
const STAFF_MAX: i64 = 500;

/// Everybody who may work on cases of a product (or on those without one), by name.
pub fn staff_of(conn: &mut Conn, product: Option<ProductId>) -> Result<Vec<(UserId, String)>> {
    let staff: Vec<(i64, String, String)> = users::table
        .filter(users::role.eq_any([Role::Staff.as_str(), Role::Admin.as_str()]))
        .filter(users::erased_at.is_null())
        .order((users::name_key, users::id))
        .limit(STAFF_MAX)
        .select((users::id, users::name, users::role))
        .load(conn)?;
    let of_products: Vec<(i64, i64)> = staff_products::table
        .select((staff_products::user_id, staff_products::product_id))
        .load(conn)?;
    let may = |user: i64, role: &str| {
        let mut theirs = of_products.iter().filter(|(u, _)| *u == user).peekable();
        role == Role::Admin.as_str()
            || theirs.peek().is_none()
            || product.is_none_or(|p| theirs.any(|(_, of)| *of == p.0))
    };
    Ok(staff
        .into_iter()
        .filter(|(id, _, role)| may(*id, role))
        .map(|(id, name, _)| (UserId(id), name))
        .collect())
}

/// What a new account starts with. Names and addresses are checked before (`text::names`).
pub struct NewUser<'a> {
    pub name: &'a str,
    pub email: Option<&'a str>,
    pub email_verified_at: Option<Moment>,
    /// A PHC string; `None` for an account that nobody can log in to with a password.
    pub password_hash: Option<&'a str>,
    pub role: Role,
}

/// Adds an account; a duplicate (`Error::is_duplicate`) when the name or the address is taken.
pub fn insert_user(tx: &mut Conn, user: &NewUser<'_>, now: Moment) -> Result<UserId> {
    let id: i64 = diesel::insert_into(users::table)
        .values((
            users::name.eq(user.name),
            users::name_key.eq(names::key(user.name)),
            users::email.eq(user.email),
            users::email_key.eq(user.email.and_then(names::email_key)),
            users::email_verified_at.eq(user.email_verified_at.map(|m| m.0)),
            users::password_hash.eq(user.password_hash),
            users::role.eq(user.role.as_str()),
            users::bio.eq(""),
            users::created_at.eq(now.0),
        ))
        .returning(users::id)
        .get_result(tx)?;
    Ok(UserId(id))
}

/// Adds a session; the token itself is known only to the browser.
pub fn insert_session(
    tx: &mut Conn,
    user: UserId,
    token_hash: &str,
    user_agent: &str,
    now: Moment,
) -> Result<SessionId> {
    let id: i64 = diesel::insert_into(sessions::table)
        .values((
            sessions::user_id.eq(user.0),
            sessions::token_hash.eq(token_hash),
            sessions::created_at.eq(now.0),
            sessions::last_used_at.eq(now.0),
            sessions::expires_at.eq(now.plus(SESSION_IDLE).0),
            sessions::user_agent.eq(user_agent),
        ))
        .returning(sessions::id)
        .get_result(tx)?;
    Ok(SessionId(id))
}

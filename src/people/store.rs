//! Queries of users, sessions, one-time tokens and roles.

pub mod handles;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::tokens::{Purpose, Token};
use super::{CurrentUser, Role};
use crate::clock::{DAY, HOUR, Moment};
use crate::db::audit::Actor;
use crate::db::schema::{
    notifications, one_time_tokens, products, sessions, staff_products, threads, users,
};
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Result};
use crate::ids::{ProductId, SessionId, UserId};
use crate::text::names;

/// A session ends when it was not used for this long (µs)...
pub const SESSION_IDLE: i64 = 30 * DAY;
/// ...and at the latest this long after the log-in (µs), however often it is used
/// (OWASP ASVS 5.0, 7.3.2: an absolute lifetime)...
pub const SESSION_LIFE: i64 = 90 * DAY;
/// ...and its last use is noted at most this often (µs), to spare the database writes.
pub const SESSION_NOTE_EVERY: i64 = HOUR;

/// Unread notices are counted up to here on each request of a member.
pub const UNREAD_MAX: i64 = 100;

/// Whoever the session of this token belongs to, while it lasts, with the unread notifications.
pub fn current_user(conn: &mut Conn, token_hash: &str, now: Moment) -> Result<Option<Session>> {
    type Row = (i64, i64, i64, i64, String, String);
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
            sessions::created_at,
            sessions::last_used_at,
            users::id,
            users::name,
            users::role,
        ))
        .first(conn)
        .optional()?;
    let Some((session, created_at, last_used_at, id, name, role)) = row else {
        return Ok(None);
    };
    let role: Role = role.parse().map_err(Error::Data)?;
    let products = if role >= Role::Staff {
        staff_products(conn, UserId(id))?
    } else {
        Vec::new()
    };
    // As the page of notices shows them: about public threads.
    let unread: Vec<i64> = notifications::table
        .inner_join(threads::table)
        .filter(notifications::user_id.eq(id))
        .filter(notifications::read_at.is_null())
        .filter(threads::visibility.eq("public"))
        .limit(UNREAD_MAX)
        .select(notifications::id)
        .load(conn)?;
    Ok(Some(Session {
        user: CurrentUser {
            id: UserId(id),
            name,
            role,
            session: SessionId(session),
            products,
        },
        unread: unread.len(),
        last_used_at: Moment(last_used_at),
        ends_at: Moment(created_at).plus(SESSION_LIFE),
    }))
}

/// A session as the extractors need it.
pub struct Session {
    pub user: CurrentUser,
    /// Unread notices, counted up to [`UNREAD_MAX`].
    pub unread: usize,
    pub last_used_at: Moment,
    /// When it ends however often it is used.
    pub ends_at: Moment,
}

impl Session {
    /// When it ends if it is not used again after `now`.
    pub fn lasts_until(&self, now: Moment) -> Moment {
        now.plus(SESSION_IDLE).min(self.ends_at)
    }
}

/// Notes that the session was used, and lengthens it.
pub fn touch_session(
    tx: &mut Conn,
    session: SessionId,
    now: Moment,
    lasts_until: Moment,
) -> Result<()> {
    diesel::update(sessions::table.find(session.0))
        .set((
            sessions::last_used_at.eq(now.0),
            sessions::expires_at.eq(lasts_until.0),
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

/// The name of one user.
pub fn name_of(conn: &mut Conn, user: UserId) -> Result<Option<String>> {
    Ok(names(conn, &[user])?.remove(&user))
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

/// An account as its owner and admins see it.
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub email: Option<String>,
    pub email_verified_at: Option<i64>,
    pub password_hash: Option<String>,
    pub role: Role,
    pub bio: String,
    pub created_at: i64,
    pub post_count: i64,
    pub answer_count: i64,
}

impl User {
    /// As the audit log names them.
    pub fn actor(&self) -> Actor {
        Actor::User {
            id: self.id,
            name: self.name.clone(),
        }
    }
}

type UserColumns = (
    users::id,
    users::name,
    users::email,
    users::email_verified_at,
    users::password_hash,
    users::role,
    users::bio,
    users::created_at,
    users::post_count,
    users::answer_count,
);

const USER: UserColumns = (
    users::id,
    users::name,
    users::email,
    users::email_verified_at,
    users::password_hash,
    users::role,
    users::bio,
    users::created_at,
    users::post_count,
    users::answer_count,
);

type UserRow = (
    i64,
    String,
    Option<String>,
    Option<i64>,
    Option<String>,
    String,
    String,
    i64,
    i64,
    i64,
);

fn to_user(row: UserRow) -> Result<User> {
    Ok(User {
        id: UserId(row.0),
        name: row.1,
        email: row.2,
        email_verified_at: row.3,
        password_hash: row.4,
        role: row.5.parse().map_err(Error::Data)?,
        bio: row.6,
        created_at: row.7,
        post_count: row.8,
        answer_count: row.9,
    })
}

/// The account of this id; erased ones are none.
pub fn user(conn: &mut Conn, id: UserId) -> Result<Option<User>> {
    let row: Option<UserRow> = users::table
        .find(id.0)
        .filter(users::erased_at.is_null())
        .select(USER)
        .first(conn)
        .optional()?;
    row.map(to_user).transpose()
}

/// The account with this address, however its letters are cased.
pub fn by_email(conn: &mut Conn, email: &str) -> Result<Option<User>> {
    let row: Option<UserRow> = users::table
        .filter(users::email_key.eq(names::email_key(email)))
        .filter(users::erased_at.is_null())
        .select(USER)
        .first(conn)
        .optional()?;
    row.map(to_user).transpose()
}

/// The account with this name, or one that looks like it.
pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<User>> {
    let row: Option<UserRow> = users::table
        .filter(users::name_key.eq(names::key(name)))
        .filter(users::erased_at.is_null())
        .select(USER)
        .first(conn)
        .optional()?;
    row.map(to_user).transpose()
}

/// Whether an account, an erased one included, has this name or one that looks like it.
pub fn name_is_taken(conn: &mut Conn, name: &str) -> Result<bool> {
    let found: Option<i64> = users::table
        .filter(users::name_key.eq(names::key(name)))
        .select(users::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

/// What a log-in is checked against.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub id: UserId,
    pub password_hash: Option<String>,
    pub is_verified: bool,
}

/// By email address or by user name; a name holds no `@`.
pub fn credentials(conn: &mut Conn, who: &str) -> Result<Option<Credentials>> {
    let found = match who.contains('@') {
        true if names::email_key(who).is_none() => None,
        true => by_email(conn, who)?,
        false => by_name(conn, who)?,
    };
    Ok(found.map(|user| Credentials {
        id: user.id,
        is_verified: user.email_verified_at.is_some(),
        password_hash: user.password_hash,
    }))
}

/// Whether the account still has the password hash that was verified before this transaction.
/// Holds the account, so that it keeps it until the transaction ends.
pub fn has_password(tx: &mut Conn, user: UserId, verified: Option<&str>) -> Result<bool> {
    lock(tx, Lock::User(user.0))?;
    let present: Option<Option<String>> = users::table
        .find(user.0)
        .filter(users::erased_at.is_null())
        .select(users::password_hash)
        .first(tx)
        .optional()?;
    Ok(present.is_some_and(|present| present.as_deref() == verified))
}

/// Take `Lock::User` first, by `has_password` or by itself.
pub fn set_password_hash(tx: &mut Conn, user: UserId, hash: &str) -> Result<()> {
    diesel::update(users::table.find(user.0))
        .set(users::password_hash.eq(hash))
        .execute(tx)?;
    Ok(())
}

/// Another address, proved at `now`; a duplicate when it is taken.
pub fn set_email(tx: &mut Conn, user: UserId, email: &str, now: Moment) -> Result<()> {
    diesel::update(users::table.find(user.0))
        .set((
            users::email.eq(email),
            users::email_key.eq(names::email_key(email)),
            users::email_verified_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Notes that the present address is proved, unless it was before.
pub fn verify_address(tx: &mut Conn, user: UserId, now: Moment) -> Result<()> {
    let unproved = users::table
        .find(user.0)
        .filter(users::email_verified_at.is_null());
    diesel::update(unproved)
        .set(users::email_verified_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

/// A duplicate when the name is taken.
pub fn set_profile(tx: &mut Conn, user: UserId, name: &str, bio: &str) -> Result<()> {
    diesel::update(users::table.find(user.0))
        .set((
            users::name.eq(name),
            users::name_key.eq(names::key(name)),
            users::bio.eq(bio),
        ))
        .execute(tx)?;
    Ok(())
}

// Sessions

/// A session as its owner sees it.
#[derive(Clone, Debug, Queryable)]
pub struct SessionRow {
    pub id: i64,
    pub created_at: i64,
    pub last_used_at: i64,
    pub user_agent: String,
}

/// The user's sessions that last, the one used last first; at most `limit`.
pub fn sessions(conn: &mut Conn, user: UserId, now: Moment, limit: i64) -> Result<Vec<SessionRow>> {
    Ok(sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::expires_at.gt(now.0))
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .limit(limit)
        .select((
            sessions::id,
            sessions::created_at,
            sessions::last_used_at,
            sessions::user_agent,
        ))
        .load(conn)?)
}

/// Ends one session of this user; false when it is none of theirs.
pub fn delete_session(tx: &mut Conn, user: UserId, session: SessionId) -> Result<bool> {
    let own = sessions::table
        .find(session.0)
        .filter(sessions::user_id.eq(user.0));
    Ok(diesel::delete(own).execute(tx)? == 1)
}

pub fn delete_session_of_token(tx: &mut Conn, token_hash: &str) -> Result<()> {
    diesel::delete(sessions::table.filter(sessions::token_hash.eq(token_hash))).execute(tx)?;
    Ok(())
}

/// Ends the user's sessions except `but`; how many there were.
pub fn delete_sessions(tx: &mut Conn, user: UserId, but: Option<SessionId>) -> Result<usize> {
    let others = sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::id.ne(but.map_or(0, |s| s.0)));
    Ok(diesel::delete(others).execute(tx)?)
}

// One-time tokens

pub fn insert_token(
    tx: &mut Conn,
    purpose: Purpose,
    token_hash: &str,
    user: Option<UserId>,
    data: &str,
    now: Moment,
    expires_at: Moment,
) -> Result<()> {
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::purpose.eq(purpose.as_str()),
            one_time_tokens::token_hash.eq(token_hash),
            one_time_tokens::user_id.eq(user.map(|u| u.0)),
            one_time_tokens::data.eq(data),
            one_time_tokens::created_at.eq(now.0),
            one_time_tokens::expires_at.eq(expires_at.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Whether there is or was such a token.
pub fn has_token(conn: &mut Conn, token_hash: &str) -> Result<bool> {
    let found: Option<i64> = one_time_tokens::table
        .filter(one_time_tokens::token_hash.eq(token_hash))
        .select(one_time_tokens::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

/// The token while it is neither used nor out of date.
pub fn find_token(
    conn: &mut Conn,
    purpose: Purpose,
    token_hash: &str,
    now: Moment,
) -> Result<Option<Token>> {
    let row: Option<(i64, Option<i64>, String)> = one_time_tokens::table
        .filter(one_time_tokens::token_hash.eq(token_hash))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::used_at.is_null())
        .filter(one_time_tokens::expires_at.gt(now.0))
        .select((
            one_time_tokens::id,
            one_time_tokens::user_id,
            one_time_tokens::data,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(id, user, data)| Token {
        id,
        user: user.map(UserId),
        data,
    }))
}

/// Marks it as used and forgets its data; false when another was first.
pub fn use_token(tx: &mut Conn, id: i64, now: Moment) -> Result<bool> {
    let unused = one_time_tokens::table
        .find(id)
        .filter(one_time_tokens::used_at.is_null());
    let used = diesel::update(unused)
        .set((
            one_time_tokens::used_at.eq(now.0),
            one_time_tokens::data.eq(""),
        ))
        .execute(tx)?;
    Ok(used == 1)
}

/// Ends the user's unused tokens of this purpose.
pub fn void_tokens(tx: &mut Conn, purpose: Purpose, user: UserId, now: Moment) -> Result<()> {
    let unused = one_time_tokens::table
        .filter(one_time_tokens::user_id.eq(user.0))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::used_at.is_null());
    diesel::update(unused)
        .set(one_time_tokens::used_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

/// Deletes what nobody can use any more: sessions, and tokens of accounts, that ended before
/// `before`. The address of a customer's page stays: by it they ask for a fresh one.
pub fn delete_ended(tx: &mut Conn, before: Moment) -> Result<()> {
    diesel::delete(sessions::table.filter(sessions::expires_at.lt(before.0))).execute(tx)?;
    let of_accounts = Purpose::ALL.map(Purpose::as_str);
    diesel::delete(
        one_time_tokens::table
            .filter(one_time_tokens::purpose.eq_any(of_accounts))
            .filter(one_time_tokens::expires_at.lt(before.0)),
    )
    .execute(tx)?;
    Ok(())
}

// Roles

pub fn set_role(tx: &mut Conn, user: UserId, role: Role) -> Result<()> {
    diesel::update(users::table.find(user.0))
        .set(users::role.eq(role.as_str()))
        .execute(tx)?;
    Ok(())
}

/// How many accounts can give roles.
pub fn admin_count(conn: &mut Conn) -> Result<i64> {
    Ok(users::table
        .filter(users::role.eq(Role::Admin.as_str()))
        .filter(users::erased_at.is_null())
        .select(count_star())
        .first(conn)?)
}

/// Replaces the products a member of staff looks after.
pub fn set_staff_products(tx: &mut Conn, user: UserId, products: &[ProductId]) -> Result<()> {
    diesel::delete(staff_products::table.filter(staff_products::user_id.eq(user.0))).execute(tx)?;
    for product in products {
        diesel::insert_into(staff_products::table)
            .values((
                staff_products::user_id.eq(user.0),
                staff_products::product_id.eq(product.0),
            ))
            .execute(tx)?;
    }
    Ok(())
}

/// A product, as far as roles need it.
#[derive(Clone, Debug)]
pub struct ProductName {
    pub id: ProductId,
    pub slug: String,
    pub name: String,
}

/// All products in their order.
pub fn products(conn: &mut Conn) -> Result<Vec<ProductName>> {
    let rows: Vec<(i64, String, String)> = products::table
        .order((products::position, products::id))
        .select((products::id, products::slug, products::name))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, slug, name)| ProductName {
            id: ProductId(id),
            slug,
            name,
        })
        .collect())
}

/// Longest email address, in characters (RFC 5321, section 4.5.3.1.3, with erratum 1690).
const EMAIL_CHARS_MAX: usize = 254;

/// Whom a list of users shows.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// The beginning of a name or of an address.
    pub words: String,
    pub role: Option<Role>,
    /// Only ids below this one: the last of the page before.
    pub before: Option<i64>,
}

/// Users, newest first.
pub fn users(conn: &mut Conn, filter: &UserFilter, limit: i64) -> Result<Vec<User>> {
    let mut query = users::table
        .filter(users::erased_at.is_null())
        .filter(users::id.lt(filter.before.unwrap_or(i64::MAX)))
        .order(users::id.desc())
        .limit(limit)
        .select(USER)
        .into_boxed();
    // No name or address is longer, and SQLite takes no longer pattern than 50,000 bytes.
    let words: String = filter.words.trim().chars().take(EMAIL_CHARS_MAX).collect();
    if !words.is_empty() {
        let starts = |key: &str| format!("{}%", like_escape(key));
        let by_name = users::name_key
            .like(starts(&names::key(&words)))
            .escape('!');
        let by_email = users::email_key
            .like(starts(&words.to_lowercase()))
            .escape('!')
            .assume_not_null();
        let has_email = users::email_key.is_not_null();
        query = query.filter(by_name.or(has_email.and(by_email)));
    }
    if let Some(role) = filter.role {
        query = query.filter(users::role.eq(role.as_str()));
    }
    let rows: Vec<UserRow> = query.load(conn)?;
    rows.into_iter().map(to_user).collect()
}

/// Text in which LIKE finds no wildcards, with `!` as its escape.
fn like_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(c);
    }
    escaped
}

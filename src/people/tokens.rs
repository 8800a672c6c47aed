//! One-time tokens: what a link in a mail carries. Kept hashed, for one purpose, for a while,
//! and good for one use.

use crate::app::App;
use crate::clock::{DAY, HOUR, Moment};
use crate::db::Conn;
use crate::error::Result;
use crate::ids::UserId;
use crate::keys::token_hash;

use super::store;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Proves the address of a registration; its data is the registration.
    VerifyEmail,
    /// Lets a user set a new password.
    ResetPassword,
    /// Proves a new address of a user; its data is the address.
    ChangeEmail,
}

impl Purpose {
    pub const ALL: [Purpose; 3] = [
        Purpose::VerifyEmail,
        Purpose::ResetPassword,
        Purpose::ChangeEmail,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::VerifyEmail => "verify_email",
            Purpose::ResetPassword => "reset_password",
            Purpose::ChangeEmail => "change_email",
        }
    }

    /// How long a token lasts (µs). A password can be taken over by a reset, so that one is short.
    pub fn lifetime(self) -> i64 {
        match self {
            Purpose::VerifyEmail | Purpose::ChangeEmail => DAY,
            Purpose::ResetPassword => HOUR,
        }
    }
}

/// A token that is still good.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: i64,
    pub user: Option<UserId>,
    pub data: String,
}

/// As `issue` for a token that the caller derived from its request; false when the request has it
/// already.
pub fn issue_as(
    tx: &mut Conn,
    app: &App,
    purpose: Purpose,
    user: UserId,
    token: &str,
) -> Result<bool> {
    let (now, hash) = (app.now(), token_hash(token));
    if store::has_token(tx, &hash)? {
        return Ok(false);
    }
    store::void_tokens(tx, purpose, user, now)?;
    let until = now.plus(purpose.lifetime());
    store::insert_token(tx, purpose, &hash, Some(user), "", now, until)?;
    Ok(true)
}

/// Makes a token and answers the text for the link. Older ones of the user for the same purpose
/// end: only the newest mail works.
pub fn issue(
    tx: &mut Conn,
    app: &App,
    purpose: Purpose,
    user: Option<UserId>,
    data: &str,
    lifetime: i64,
) -> Result<String> {
    let now = app.now();
    if let Some(user) = user {
        store::void_tokens(tx, purpose, user, now)?;
    }
    let token = app.random.token();
    store::insert_token(
        tx,
        purpose,
        &token_hash(&token),
        user,
        data,
        now,
        now.plus(lifetime),
    )?;
    Ok(token)
}

/// The token while it is good, without using it.
pub fn look(conn: &mut Conn, purpose: Purpose, token: &str, now: Moment) -> Result<Option<Token>> {
    store::find_token(conn, purpose, &token_hash(token), now)
}

/// Uses the token up. Of two at the same time one gets it.
pub fn take(tx: &mut Conn, purpose: Purpose, token: &str, now: Moment) -> Result<Option<Token>> {
    let Some(found) = look(tx, purpose, token, now)? else {
        return Ok(None);
    };
    Ok(store::use_token(tx, found.id, now)?.then_some(found))
}

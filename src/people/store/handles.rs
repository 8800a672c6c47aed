//! Queries of handles and consents.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{consents, handles};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, ConsentId, HandleId, UserId};
use crate::networks::{Author, Network};
use crate::people::handles::Agreement;
use crate::text::names;

/// An account on a network.
#[derive(Clone, Debug)]
pub struct Handle {
    pub id: HandleId,
    pub network: Network,
    pub network_user_id: String,
    /// Without the @; empty when the network gave only the id.
    pub username: String,
    pub display_name: String,
    pub avatar_url: Option<String>,
    pub followers: i64,
    pub verified: bool,
    /// The user it was proved to belong to.
    pub user: Option<UserId>,
    pub proved_at: Option<i64>,
    pub proof: Option<String>,
    pub opted_out_at: Option<i64>,
}

/// What somebody agreed to.
#[derive(Clone, Debug)]
pub struct Consent {
    pub id: ConsentId,
    pub user: Option<UserId>,
    pub case: Option<CaseId>,
    pub email: String,
    pub purpose: String,
    pub wording: String,
    pub given_at: i64,
    pub withdrawn_at: Option<i64>,
}

type Columns = (
    handles::id,
    handles::network,
    handles::network_user_id,
    handles::username,
    handles::display_name,
    handles::avatar_url,
    handles::followers,
    handles::verified,
    handles::user_id,
    handles::proved_at,
    handles::proof,
    handles::opted_out_at,
);

const HANDLE: Columns = (
    handles::id,
    handles::network,
    handles::network_user_id,
    handles::username,
    handles::display_name,
    handles::avatar_url,
    handles::followers,
    handles::verified,
    handles::user_id,
    handles::proved_at,
    handles::proof,
    handles::opted_out_at,
);

type Row = (
    i64,
    String,
    String,
    String,
    String,
    Option<String>,
    i64,
    bool,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

fn to_handle(row: Row) -> Result<Handle> {
    Ok(Handle {
        id: HandleId(row.0),
        network: row.1.parse().map_err(|e| Error::Data(format!("{e}")))?,
        network_user_id: row.2,
        username: row.3,
        display_name: row.4,
        avatar_url: row.5,
        followers: row.6,
        verified: row.7,
        user: row.8.map(UserId),
        proved_at: row.9,
        proof: row.10,
        opted_out_at: row.11,
    })
}

pub fn id_of(conn: &mut Conn, network: Network, network_user_id: &str) -> Result<Option<HandleId>> {
    let id: Option<i64> = handles::table
        .filter(handles::network.eq(network.as_str()))
        .filter(handles::network_user_id.eq(network_user_id))
        .select(handles::id)
        .first(conn)
        .optional()?;
    Ok(id.map(HandleId))
}

/// The handle that had this username last; several may have had it, one after the other.
pub fn by_username(conn: &mut Conn, network: Network, username: &str) -> Result<Option<Handle>> {
    let row: Option<Row> = handles::table
        .filter(handles::network.eq(network.as_str()))
        .filter(handles::username_key.eq(names::key(username)))
        .order(handles::seen_at.desc())
        .select(HANDLE)
        .first(conn)
        .optional()?;
    row.map(to_handle).transpose()
}

pub fn handle(conn: &mut Conn, id: HandleId) -> Result<Option<Handle>> {
    let row: Option<Row> = handles::table
        .find(id.0)
        .select(HANDLE)
        .first(conn)
        .optional()?;
    row.map(to_handle).transpose()
}

/// The handles proved to belong to this user.
pub fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<Handle>> {
    let rows: Vec<Row> = handles::table
        .filter(handles::user_id.eq(user.0))
        .filter(handles::proved_at.is_not_null())
        .order(handles::id)
        .select(HANDLE)
        .load(conn)?;
    rows.into_iter().map(to_handle).collect()
}

/// `None` when it was there already.
pub fn insert(
    tx: &mut Conn,
    network: Network,
    author: &Author,
    now: Moment,
) -> Result<Option<HandleId>> {
    let row = (
        handles::network.eq(network.as_str()),
        handles::network_user_id.eq(&author.id),
        handles::username.eq(&author.username),
        handles::username_key.eq(names::key(&author.username)),
        handles::display_name.eq(&author.display_name),
        handles::avatar_url.eq(&author.avatar_url),
        handles::followers.eq(author.followers),
        handles::verified.eq(author.verified),
        handles::seen_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(handles::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(handles::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(HandleId))
}

/// Takes over what the network says now. An author known by id alone changes nothing but the time.
pub fn update_seen(tx: &mut Conn, id: HandleId, author: &Author, now: Moment) -> Result<()> {
    let row = handles::table.find(id.0);
    if author.username.is_empty() {
        diesel::update(row)
            .set(handles::seen_at.eq(now.0))
            .execute(tx)?;
        return Ok(());
    }
    diesel::update(row)
        .set((
            handles::username.eq(&author.username),
            handles::username_key.eq(names::key(&author.username)),
            handles::display_name.eq(&author.display_name),
            handles::avatar_url.eq(&author.avatar_url),
            handles::followers.eq(author.followers),
            handles::verified.eq(author.verified),
            handles::seen_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_proved(
    tx: &mut Conn,
    id: HandleId,
    user: Option<UserId>,
    proof: &str,
    now: Moment,
) -> Result<()> {
    diesel::update(handles::table.find(id.0))
        .set((
            handles::user_id.eq(user.map(|u| u.0)),
            handles::proved_at.eq(now.0),
            handles::proof.eq(proof),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn unprove(tx: &mut Conn, id: HandleId) -> Result<()> {
    diesel::update(handles::table.find(id.0))
        .set((
            handles::user_id.eq(None::<i64>),
            handles::proved_at.eq(None::<i64>),
            handles::proof.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// The first time counts.
pub fn set_opted_out(tx: &mut Conn, id: HandleId, now: Moment) -> Result<()> {
    let not_yet = handles::table
        .find(id.0)
        .filter(handles::opted_out_at.is_null());
    diesel::update(not_yet)
        .set(handles::opted_out_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

pub fn insert_consent(
    tx: &mut Conn,
    handle: HandleId,
    user: Option<UserId>,
    case: Option<CaseId>,
    agreement: &Agreement<'_>,
    now: Moment,
) -> Result<()> {
    diesel::insert_into(consents::table)
        .values((
            consents::handle_id.eq(handle.0),
            consents::user_id.eq(user.map(|u| u.0)),
            consents::case_id.eq(case.map(|c| c.0)),
            consents::email.eq(agreement.email),
            consents::purpose.eq(agreement.purpose),
            consents::wording.eq(agreement.wording),
            consents::given_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Every consent given with this handle, newest first.
pub fn consents_of(conn: &mut Conn, handle: HandleId) -> Result<Vec<Consent>> {
    type ConsentRow = (
        i64,
        Option<i64>,
        Option<i64>,
        String,
        String,
        String,
        i64,
        Option<i64>,
    );
    let rows: Vec<ConsentRow> = consents::table
        .filter(consents::handle_id.eq(handle.0))
        .order(consents::id.desc())
        .select((
            consents::id,
            consents::user_id,
            consents::case_id,
            consents::email,
            consents::purpose,
            consents::wording,
            consents::given_at,
            consents::withdrawn_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| Consent {
            id: ConsentId(row.0),
            user: row.1.map(UserId),
            case: row.2.map(CaseId),
            email: row.3,
            purpose: row.4,
            wording: row.5,
            given_at: row.6,
            withdrawn_at: row.7,
        })
        .collect())
}

pub fn withdraw_consents(tx: &mut Conn, handle: HandleId, now: Moment) -> Result<()> {
    let given = consents::table
        .filter(consents::handle_id.eq(handle.0))
        .filter(consents::withdrawn_at.is_null());
    diesel::update(given)
        .set(consents::withdrawn_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

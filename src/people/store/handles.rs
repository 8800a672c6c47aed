//! Queries of handles and consents.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{consents, handles};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, ConsentId, HandleId, UserId};
use crate::networks::{Author, Network};
use crate::people::handles::Agreement;
use crate::text::{names, storable};

/// An account on a network.
#[derive(Clone, Debug)]
pub struct Handle {
    pub id: HandleId,
    pub network: Network,
    pub network_user_id: String,
    /// Without the @; empty when the network gave only the id.
    pub username: String,
    pub display_name: String,
    /// The user it was proved to belong to; `None` also when it was proved by somebody who was
    /// not logged in.
    pub user: Option<UserId>,
    pub proved_at: Option<Moment>,
    pub opted_out_at: Option<Moment>,
}

impl Handle {
    /// Whether `author`, as the network itself names them, has this handle. Of one that came with
    /// a username alone only that can be compared.
    pub fn is(&self, author: &Author) -> bool {
        let known = Author {
            username: self.username.clone(),
            ..Author::known_by_id(self.network_user_id.clone())
        };
        if known.has_network_id() {
            known.id == author.id
        } else {
            !known.username.is_empty() && known.username.eq_ignore_ascii_case(&author.username)
        }
    }

    /// What to call them: `@ada`, or what is known.
    pub fn label(&self) -> String {
        match (self.username.as_str(), self.display_name.as_str()) {
            ("", "") => "somebody".to_owned(),
            ("", name) => name.to_owned(),
            (name, _) => format!("@{name}"),
        }
    }
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
    handles::user_id,
    handles::proved_at,
    handles::opted_out_at,
);

const HANDLE: Columns = (
    handles::id,
    handles::network,
    handles::network_user_id,
    handles::username,
    handles::display_name,
    handles::user_id,
    handles::proved_at,
    handles::opted_out_at,
);

type Row = (
    i64,
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

fn to_handle(row: Row) -> Result<Handle> {
    let (id, network, network_user_id, username, display_name, user, proved, opted_out) = row;
    Ok(Handle {
        id: HandleId(id),
        network: network.parse().map_err(|e| Error::Data(format!("{e}")))?,
        network_user_id,
        username,
        display_name,
        user: user.map(UserId),
        proved_at: proved.map(Moment),
        opted_out_at: opted_out.map(Moment),
    })
}

pub fn handle(conn: &mut Conn, id: HandleId) -> Result<Option<Handle>> {
    let row: Option<Row> = handles::table
        .find(id.0)
        .select(HANDLE)
        .first(conn)
        .optional()?;
    row.map(to_handle).transpose()
}

/// These handles, by id.
pub fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, Handle>> {
    let rows: Vec<Row> = handles::table
        .filter(handles::id.eq_any(ids))
        .select(HANDLE)
        .load(conn)?;
    rows.into_iter()
        .map(|row| Ok((row.0, to_handle(row)?)))
        .collect()
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

/// Stores who was seen, and what they are called now. Answers the id by the network's own id.
pub fn seen(
    tx: &mut Conn,
    network: Network,
    authors: &[&Author],
    now: Moment,
) -> Result<HashMap<String, HandleId>> {
    let wanted: Vec<&str> = authors.iter().map(|a| a.id.as_str()).collect();
    let known: Vec<(i64, String, String, String, i64)> = handles::table
        .filter(handles::network.eq(network.as_str()))
        .filter(handles::network_user_id.eq_any(&wanted))
        .select((
            handles::id,
            handles::network_user_id,
            handles::username,
            handles::display_name,
            handles::followers,
        ))
        .load(tx)?;
    let mut ids: HashMap<String, HandleId> = HashMap::new();
    let mut stored = HashMap::new();
    for (id, network_id, username, display_name, followers) in known {
        ids.insert(network_id.clone(), HandleId(id));
        stored.insert(network_id, (username, display_name, followers));
    }
    for author in authors {
        let username = storable(&author.username);
        let display_name = storable(&author.display_name);
        match (ids.get(&author.id), stored.get(&author.id)) {
            (Some(id), Some((known_name, known_display, followers))) => {
                let says_nothing = author.username.is_empty();
                let same = *known_name == username
                    && *known_display == display_name
                    && *followers == author.followers;
                if says_nothing || same {
                    continue;
                }
                diesel::update(handles::table.find(id.0))
                    .set((
                        handles::username.eq(&username),
                        handles::username_key.eq(names::key(&username)),
                        handles::display_name.eq(&display_name),
                        handles::avatar_url.eq(author.avatar_url.as_deref()),
                        handles::followers.eq(author.followers),
                        handles::verified.eq(author.verified),
                        handles::seen_at.eq(now.0),
                    ))
                    .execute(tx)?;
            }
            _ if ids.contains_key(&author.id) => {}
            _ => {
                if let Some(id) = name_resolved(tx, network, author)? {
                    ids.insert(author.id.clone(), id);
                    continue;
                }
                let row = (
                    handles::network.eq(network.as_str()),
                    handles::network_user_id.eq(&author.id),
                    handles::username.eq(&username),
                    handles::username_key.eq(names::key(&username)),
                    handles::display_name.eq(&display_name),
                    handles::avatar_url.eq(author.avatar_url.as_deref()),
                    handles::followers.eq(author.followers),
                    handles::verified.eq(author.verified),
                    handles::seen_at.eq(now.0),
                );
                let made: Option<i64> = each!(&mut *tx, c => diesel::insert_into(handles::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .returning(handles::id)
                    .get_result(c)
                    .optional())?;
                let id = match made {
                    Some(id) => id,
                    None => handles::table
                        .filter(handles::network.eq(network.as_str()))
                        .filter(handles::network_user_id.eq(&author.id))
                        .select(handles::id)
                        .first(tx)?,
                };
                ids.insert(author.id.clone(), HandleId(id));
            }
        }
    }
    Ok(ids)
}

/// Gives the network's own id to a handle of which an import knew only the username.
fn name_resolved(tx: &mut Conn, network: Network, author: &Author) -> Result<Option<HandleId>> {
    if !author.has_network_id() || author.username.is_empty() {
        return Ok(None);
    }
    let by_name = handles::table
        .filter(handles::network.eq(network.as_str()))
        .filter(handles::network_user_id.eq(Author::id_of_username(&author.username)));
    let id: Option<i64> = diesel::update(by_name)
        .set(handles::network_user_id.eq(&author.id))
        .returning(handles::id)
        .get_result(tx)
        .optional()?;
    Ok(id.map(HandleId))
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

/// False when they had not asked for quiet.
pub fn clear_opted_out(tx: &mut Conn, id: HandleId) -> Result<bool> {
    let quiet = handles::table
        .find(id.0)
        .filter(handles::opted_out_at.is_not_null());
    let changed = diesel::update(quiet)
        .set(handles::opted_out_at.eq(None::<i64>))
        .execute(tx)?;
    Ok(changed == 1)
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

/// Whether a consent that was given for this case still holds.
pub fn has_consent(conn: &mut Conn, case: CaseId) -> Result<bool> {
    let n: i64 = consents::table
        .filter(consents::case_id.eq(case.0))
        .filter(consents::withdrawn_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(n > 0)
}

/// Takes back what was agreed to for this case; the handles it was agreed with.
pub fn withdraw_case_consents(tx: &mut Conn, case: CaseId, now: Moment) -> Result<Vec<HandleId>> {
    let given = || {
        consents::table
            .filter(consents::case_id.eq(case.0))
            .filter(consents::withdrawn_at.is_null())
    };
    let handles: Vec<Option<i64>> = given().select(consents::handle_id).load(tx)?;
    diesel::update(given())
        .set(consents::withdrawn_at.eq(now.0))
        .execute(tx)?;
    Ok(handles.into_iter().flatten().map(HandleId).collect())
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

//! Queries of whose cases are whose: the account, addresses and handles that are one person's.

use diesel::prelude::*;

use crate::cases::{self, Case};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{cases as cases_table, handles, mentions, ticket_messages, tickets, users};
use crate::error::Result;
use crate::ids::CaseId;

/// Everything by which one person's cases can be told.
#[derive(Clone, Debug, Default)]
pub struct Person {
    users: Vec<Option<i64>>,
    emails: Vec<Option<String>>,
    handles: Vec<Option<i64>>,
}

impl Person {
    /// Who is behind a case: its account, address and handle, the account that confirmed the address
    /// or proved the handle, and what else that account has confirmed and proved.
    pub fn of(conn: &mut Conn, case: &Case) -> Result<Person> {
        let email = case.email.as_deref().map(str::to_lowercase);
        let mut accounts: Vec<i64> = case.user.map(|u| u.0).into_iter().collect();
        if let Some(email) = &email {
            accounts.extend(
                users::table
                    .filter(users::email_key.eq(email))
                    .filter(users::email_verified_at.is_not_null())
                    .filter(users::erased_at.is_null())
                    .select(users::id)
                    .load::<i64>(conn)?,
            );
        }
        if let Some(handle) = case.handle {
            let owner: Option<Option<i64>> = handles::table
                .find(handle.0)
                .filter(handles::proved_at.is_not_null())
                .select(handles::user_id)
                .first(conn)
                .optional()?;
            accounts.extend(owner.flatten());
        }
        let mut person = Person {
            users: accounts.iter().copied().map(Some).collect(),
            emails: users::table
                .filter(users::id.eq_any(&accounts))
                .filter(users::email_verified_at.is_not_null())
                .filter(users::email_key.is_not_null())
                .select(users::email_key)
                .load(conn)?,
            handles: handles::table
                .filter(handles::user_id.eq_any(accounts.iter().copied().map(Some)))
                .filter(handles::proved_at.is_not_null())
                .select(handles::id.nullable())
                .load(conn)?,
        };
        person.emails.extend(email.map(Some));
        person.handles.extend(case.handle.map(|h| Some(h.0)));
        Ok(person)
    }
}

/// Cases of this person but `except`, the newest first.
pub fn cases_of(conn: &mut Conn, person: &Person, except: CaseId, limit: i64) -> Result<Vec<Case>> {
    let ids: Vec<i64> = cases_table::table
        .filter(cases_table::id.ne(except.0))
        .filter(
            cases_table::user_id
                .eq_any(&person.users)
                .or(cases_table::email_key.eq_any(&person.emails))
                .or(cases_table::handle_id.eq_any(&person.handles)),
        )
        .order(cases_table::id.desc())
        .limit(limit)
        .select(cases_table::id)
        .load(conn)?;
    let ids: Vec<CaseId> = ids.into_iter().map(CaseId).collect();
    cases::store::desk::by_ids(conn, &ids)
}

/// Cases since then in whose posts or messages these words stand, the newest first.
pub fn cases_with_words(
    conn: &mut Conn,
    words: &str,
    since: Moment,
    limit: i64,
) -> Result<Vec<CaseId>> {
    let pattern = format!("%{}%", escaped(words));
    let in_posts: Vec<Option<i64>> = mentions::table
        .inner_join(cases_table::table)
        .filter(cases_table::opened_at.ge(since.0))
        .filter(mentions::body_text.like(pattern.clone()).escape('\\'))
        .order(mentions::id.desc())
        .limit(limit)
        .select(mentions::case_id)
        .load(conn)?;
    let in_messages: Vec<i64> = ticket_messages::table
        .inner_join(tickets::table.inner_join(cases_table::table))
        .filter(cases_table::opened_at.ge(since.0))
        .filter(ticket_messages::direction.eq("in"))
        .filter(ticket_messages::body.like(pattern).escape('\\'))
        .order(ticket_messages::id.desc())
        .limit(limit)
        .select(tickets::case_id)
        .load(conn)?;
    let ids = in_posts.into_iter().flatten().chain(in_messages);
    Ok(ids.map(CaseId).collect())
}

/// `text` as a LIKE pattern takes it literally, with `\` as the escape.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

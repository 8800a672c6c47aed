//! Queries of whose cases are whose: the account, addresses and handles that are one person's.

use diesel::dsl::min;
use diesel::prelude::*;

use crate::cases::{self, Case};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{case_numbers, cases as cases_table, handles, users};
use crate::each;
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

/// Notes the numbers of orders that a case names, each as a digest.
pub fn insert_numbers(tx: &mut Conn, case: CaseId, numbers: &[String]) -> Result<()> {
    for number in numbers {
        let row = (
            case_numbers::case_id.eq(case.0),
            case_numbers::number_key.eq(number),
        );
        each!(&mut *tx, c => diesel::insert_into(case_numbers::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}

/// Forgets the numbers of cases that were opened before then.
pub fn forget_numbers(tx: &mut Conn, before: Moment) -> Result<()> {
    let oldest: Option<i64> = cases_table::table
        .filter(cases_table::opened_at.ge(before.0))
        .select(min(cases_table::id))
        .first(tx)?;
    if let Some(oldest) = oldest {
        diesel::delete(case_numbers::table.filter(case_numbers::case_id.lt(oldest))).execute(tx)?;
    }
    Ok(())
}

/// Cases opened since then that name one of these orders too, the newest first.
pub fn cases_with_numbers(
    conn: &mut Conn,
    numbers: &[String],
    since: Moment,
    limit: i64,
) -> Result<Vec<CaseId>> {
    let ids: Vec<i64> = case_numbers::table
        .inner_join(cases_table::table)
        .filter(case_numbers::number_key.eq_any(numbers))
        .filter(cases_table::opened_at.ge(since.0))
        .order(case_numbers::case_id.desc())
        .limit(limit)
        .select(case_numbers::case_id)
        .load(conn)?;
    Ok(ids.into_iter().map(CaseId).collect())
}

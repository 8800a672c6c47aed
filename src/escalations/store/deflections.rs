//! Queries that hold the forum's ledger of deflections against later cases, and count it.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{cases, deflections, handles, threads, users};
use crate::error::Result;
use crate::escalations::quality::{Deflected, Period};
use crate::ids::{CaseId, ProductId, ThreadId, UserId};

/// Rows of one period that are looked at.
const ROWS_MAX: i64 = 200_000;

/// A row whose credit may still be taken back.
pub struct Credit {
    pub id: i64,
    pub user: UserId,
    pub shown_at: Moment,
}

/// Members' rows in which a thread was opened or solved it and nothing was written, in the order in which
/// they were shown, after this moment and id.
pub fn credits(conn: &mut Conn, (since, after): (Moment, i64), limit: i64) -> Result<Vec<Credit>> {
    let rows: Vec<(i64, Option<i64>, i64)> = deflections::table
        .filter(
            deflections::shown_at.gt(since.0).or(deflections::shown_at
                .eq(since.0)
                .and(deflections::id.gt(after))),
        )
        .filter(deflections::shown_at.ge(since.0))
        .filter(deflections::user_id.is_not_null())
        .filter(
            deflections::written_at
                .is_null()
                .and(deflections::taken_back_at.is_null()),
        )
        .filter(
            deflections::opened_at
                .is_not_null()
                .or(deflections::solved_at.is_not_null()),
        )
        .order((deflections::shown_at, deflections::id))
        .limit(limit)
        .select((deflections::id, deflections::user_id, deflections::shown_at))
        .load(conn)?;
    let rows = rows.into_iter();
    Ok(rows
        .filter_map(|(id, user, at)| {
            Some(Credit {
                id,
                user: UserId(user?),
                shown_at: Moment(at),
            })
        })
        .collect())
}

/// The first case that this member opened in this time: by their account, the address of it, or a
/// handle that is proved to be theirs.
pub fn case_of_member(
    conn: &mut Conn,
    user: UserId,
    after: Moment,
    until: Moment,
) -> Result<Option<CaseId>> {
    let email: Option<Option<String>> = users::table
        .find(user.0)
        .select(users::email_key)
        .first(conn)
        .optional()?;
    let theirs: Vec<Option<i64>> = handles::table
        .filter(
            handles::user_id
                .eq(user.0)
                .and(handles::proved_at.is_not_null()),
        )
        .select(handles::id.nullable())
        .load(conn)?;
    let email = email.flatten().unwrap_or_default();
    let case: Option<i64> = cases::table
        .filter(
            cases::opened_at
                .gt(after.0)
                .and(cases::opened_at.le(until.0)),
        )
        .filter(
            cases::user_id
                .eq(user.0)
                .or(cases::email_key.eq(email).and(cases::email_key.ne("")))
                .or(cases::handle_id.eq_any(theirs)),
        )
        .order(cases::opened_at)
        .select(cases::id)
        .first(conn)
        .optional()?;
    Ok(case.map(CaseId))
}

/// Takes the credit of a row back for a case.
pub fn take_back(tx: &mut Conn, id: i64, case: CaseId, now: Moment) -> Result<()> {
    diesel::update(
        deflections::table
            .find(id)
            .filter(deflections::taken_back_at.is_null()),
    )
    .set((
        deflections::taken_back_at.eq(now.0),
        deflections::case_id.eq(case.0),
    ))
    .execute(tx)?;
    Ok(())
}

type Row = (
    i64,
    String,
    Option<i64>,
    i64,
    (Option<i64>, Option<(String, String)>, Option<i64>),
    (Option<i64>, Option<i64>, Option<i64>),
);

/// The forms that showed threads in this time, the oldest first.
pub fn shown_in(conn: &mut Conn, period: Period) -> Result<Vec<Deflected>> {
    let rows: Vec<Row> = deflections::table
        .left_join(threads::table)
        .filter(
            deflections::shown_at
                .ge(period.from.0)
                .and(deflections::shown_at.lt(period.to.0)),
        )
        .order(deflections::id)
        .limit(ROWS_MAX)
        .select((
            deflections::id,
            deflections::place,
            deflections::product_id,
            deflections::shown_at,
            (
                deflections::thread_id,
                (threads::title, threads::visibility).nullable(),
                deflections::opened_at,
            ),
            (
                deflections::solved_at,
                deflections::written_at,
                deflections::case_id,
            ),
        ))
        .load(conn)?;
    let rows = rows.into_iter();
    Ok(rows
        .map(
            |(id, place, product, at, (thread, title, opened), (solved, written, case))| {
                Deflected {
                    id,
                    place,
                    product: product.map(ProductId),
                    shown_at: Moment(at),
                    // What was hidden since is named to nobody.
                    thread: thread.map(ThreadId).zip(
                        title.and_then(|(title, visibility)| {
                            (visibility == "public").then_some(title)
                        }),
                    ),
                    is_opened: opened.is_some(),
                    is_solved: solved.is_some(),
                    is_written: written.is_some(),
                    taken_back_by: case.map(CaseId),
                }
            },
        )
        .collect())
}

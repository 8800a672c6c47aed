//! Queries of the outbox of mails.

mod addresses;
mod arrivals;
pub mod mailboxes;

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use serde::Serialize;

pub use addresses::*;
pub use arrivals::*;

use super::outbox::{Extras, NewMail};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::mails;
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, MailId};

const QUEUED: &str = "queued";
const SENDING: &str = "sending";
const SENT: &str = "sent";
/// The states of a mail that left or is about to.
pub const UNDER_WAY: [&str; 3] = [QUEUED, SENDING, SENT];
const FAILED: &str = "failed";
/// Waits until its address can be written to again (`suppression.rs`).
const HELD: &str = "held";
/// What pages call a mail that was sent and came back; no state of the table.
const BOUNCED: &str = "bounced";
/// Not to be sent any more: whom it was for does not want it.
const WITHDRAWN: &str = "withdrawn";

pub struct NewRow<'a> {
    pub mail: &'a NewMail,
    pub from_email: &'a str,
    pub from_name: String,
    pub text: String,
    pub html: String,
    pub message_id: String,
}

/// A mail as the sender needs it.
#[derive(Debug, Queryable)]
pub struct Row {
    pub to_email: String,
    pub to_name: String,
    pub from_email: String,
    pub from_name: String,
    pub reply_to: Option<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub headers: String,
    pub message_id: String,
    pub in_reply_to: Option<String>,
    pub refs: String,
    pub case_id: Option<i64>,
    pub attempts: i64,
    pub created_at: i64,
}

/// `None` when the decision has its mail already.
pub fn insert(tx: &mut Conn, now: Moment, new: &NewRow<'_>) -> Result<Option<MailId>> {
    let mail = new.mail;
    let extras = Extras {
        automatic: mail.automatic,
        is_account: mail.is_account,
        list: mail.list.clone(),
        unsubscribe_url: mail.unsubscribe_url.clone(),
        files: mail.files.clone(),
        is_secret: mail.is_secret,
        news: mail.news.clone(),
    };
    let row = (
        mails::purpose.eq(mail.purpose),
        mails::to_email.eq(&mail.to_email),
        mails::to_name.eq(&mail.to_name),
        mails::from_email.eq(new.from_email),
        mails::from_name.eq(&new.from_name),
        mails::reply_to.eq(&mail.reply_to),
        mails::subject.eq(&mail.letter.subject),
        mails::body_text.eq(&new.text),
        mails::html.eq(&new.html),
        mails::headers.eq(serde_json::to_string(&extras).map_err(Error::other)?),
        mails::message_id.eq(&new.message_id),
        mails::in_reply_to.eq(&mail.in_reply_to),
        mails::refs.eq(mail.references.join(" ")),
        mails::user_id.eq(mail.user.map(|u| u.0)),
        mails::case_id.eq(mail.case.map(|c| c.0)),
        mails::dedupe_key.eq(&mail.dedupe_key),
        mails::state.eq(QUEUED),
        mails::created_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(mails::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(mails::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(MailId))
}

pub fn id_by_dedupe_key(conn: &mut Conn, key: &str) -> Result<MailId> {
    let id: i64 = mails::table
        .filter(mails::dedupe_key.eq(key))
        .select(mails::id)
        .first(conn)?;
    Ok(MailId(id))
}

/// The Message-ID under which a mail goes out.
pub fn message_id_of(conn: &mut Conn, id: MailId) -> Result<Option<String>> {
    Ok(mails::table
        .find(id.0)
        .select(mails::message_id)
        .first(conn)
        .optional()?)
}

/// Notes that a mail is about to be handed over; `None` when it needs no sending (any more).
pub fn begin_sending(tx: &mut Conn, id: MailId, now: Moment) -> Result<Option<Row>> {
    let changed = diesel::update(
        mails::table.filter(
            mails::id
                .eq(id.0)
                .and(mails::state.eq_any([QUEUED, SENDING])),
        ),
    )
    .set((
        mails::state.eq(SENDING),
        mails::sending_since.eq(now.0),
        mails::attempts.eq(mails::attempts + 1),
    ))
    .execute(tx)?;
    if changed == 0 {
        return Ok(None);
    }
    row(tx, id)
}

/// A mail that has to leave; `None` when it needs no sending (any more).
pub fn waiting(conn: &mut Conn, id: MailId) -> Result<Option<Row>> {
    let state: Option<String> = mails::table
        .find(id.0)
        .select(mails::state)
        .first(conn)
        .optional()?;
    match state.as_deref() {
        Some(QUEUED | SENDING) => row(conn, id),
        _ => Ok(None),
    }
}

/// When machines' mails went to this address since then, oldest first; those about accounts and the one that asks
/// aside. One that is on its way counts from when it was handed over.
pub fn notices_to(
    conn: &mut Conn,
    asks: MailId,
    email: &str,
    since: Moment,
) -> Result<Vec<Moment>> {
    let rows: Vec<(String, Option<i64>, Option<i64>)> = mails::table
        .filter(mails::to_email.eq(email).and(mails::id.ne(asks.0)))
        .filter(
            mails::sent_at.ge(since.0).or(mails::sent_at.is_null().and(
                mails::state
                    .eq(SENDING)
                    .and(mails::sending_since.ge(since.0)),
            )),
        )
        .select((mails::headers, mails::sent_at, mails::sending_since))
        .load(conn)?;
    let mut times: Vec<Moment> = rows
        .into_iter()
        .filter(|(headers, ..)| Extras::read(headers).is_notice())
        .filter_map(|(_, sent, sending)| sent.or(sending).map(Moment))
        .collect();
    times.sort();
    Ok(times)
}

/// A mail of ours that somebody reports on.
#[derive(Clone, Debug, Queryable)]
pub struct Returned {
    pub id: i64,
    /// Empty when its receiver took back that we know their address.
    pub to_email: String,
    pub case_id: Option<i64>,
}

const RETURNED: (mails::id, mails::to_email, mails::case_id) =
    (mails::id, mails::to_email, mails::case_id);

pub fn returned(conn: &mut Conn, id: MailId) -> Result<Option<Returned>> {
    Ok(mails::table
        .find(id.0)
        .select(RETURNED)
        .first(conn)
        .optional()?)
}

pub fn returned_by_message_id(conn: &mut Conn, message_id: &str) -> Result<Option<Returned>> {
    Ok(mails::table
        .filter(mails::message_id.eq(message_id))
        .select(RETURNED)
        .first(conn)
        .optional()?)
}

/// What a mail is for.
pub fn purpose(conn: &mut Conn, id: MailId) -> Result<Option<String>> {
    Ok(mails::table
        .find(id.0)
        .select(mails::purpose)
        .first(conn)
        .optional()?)
}

/// Notes that a mail did not arrive, and why in words; false when that was known.
pub fn mark_bounced(tx: &mut Conn, id: MailId, why: &str, now: Moment) -> Result<bool> {
    let changed =
        diesel::update(mails::table.filter(mails::id.eq(id.0).and(mails::bounced_at.is_null())))
            .set((mails::bounced_at.eq(now.0), mails::error.eq(why)))
            .execute(tx)?;
    Ok(changed == 1)
}

/// How these mails fare, by their ids: the state, or that it came back.
pub fn states_of(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, String>> {
    let rows: Vec<(i64, String, Option<i64>)> = mails::table
        .filter(mails::id.eq_any(ids))
        .select((mails::id, mails::state, mails::bounced_at))
        .load(conn)?;
    let shown = rows.into_iter().map(|(id, state, bounced_at)| {
        let state = bounced_at.map_or(state, |_| BOUNCED.to_owned());
        (id, state)
    });
    Ok(shown.collect())
}

/// A mail as it leaves.
pub fn row(conn: &mut Conn, id: MailId) -> Result<Option<Row>> {
    Ok(mails::table
        .find(id.0)
        .select((
            mails::to_email,
            mails::to_name,
            mails::from_email,
            mails::from_name,
            mails::reply_to,
            mails::subject,
            mails::body_text,
            mails::html,
            mails::headers,
            mails::message_id,
            mails::in_reply_to,
            mails::refs,
            mails::case_id,
            mails::attempts,
            mails::created_at,
        ))
        .first(conn)
        .optional()?)
}

/// The server took it. That stays so, whichever worker says it.
pub fn mark_sent(tx: &mut Conn, id: MailId, now: Moment) -> Result<()> {
    diesel::update(mails::table.find(id.0))
        .set((
            mails::state.eq(SENT),
            mails::sent_at.eq(now.0),
            mails::error.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// Forgets what a mail said, and the address with a token that answers it.
pub fn forget_words(tx: &mut Conn, id: MailId) -> Result<()> {
    diesel::update(mails::table.find(id.0))
        .set((
            mails::body_text.eq(""),
            mails::html.eq(""),
            mails::reply_to.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// The mail, while the attempt is the one that was begun last: a sender that was taken for lost
/// changes nothing any more, least of all that the mail was sent.
macro_rules! still {
    ($id:expr, $attempt:expr) => {
        mails::table.filter(
            mails::id
                .eq($id.0)
                .and(mails::state.eq(SENDING))
                .and(mails::attempts.eq($attempt)),
        )
    };
}

/// The server did not take it now; `attempt` is the number that `begin_sending` gave.
pub fn mark_waiting(tx: &mut Conn, id: MailId, attempt: i64, error: &str) -> Result<()> {
    diesel::update(still!(id, attempt))
        .set((mails::state.eq(QUEUED), mails::error.eq(error)))
        .execute(tx)?;
    Ok(())
}

/// It was given up at this attempt.
pub fn mark_failed(tx: &mut Conn, id: MailId, attempt: i64, error: &str) -> Result<()> {
    diesel::update(still!(id, attempt))
        .set((mails::state.eq(FAILED), mails::error.eq(error)))
        .execute(tx)?;
    Ok(())
}

/// Makes a mail wait again that was given up, or that came back; not one whose words were forgotten.
pub fn mark_again(tx: &mut Conn, id: MailId) -> Result<bool> {
    let came_back = mails::state.eq(SENT).and(mails::bounced_at.is_not_null());
    let mail = mails::table
        .filter(mails::id.eq(id.0).and(mails::body_text.ne("")))
        .filter(mails::state.eq(FAILED).or(came_back));
    let changed = diesel::update(mail)
        .set((
            mails::state.eq(QUEUED),
            mails::attempts.eq(0),
            mails::bounced_at.eq(None::<i64>),
            mails::error.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Ends the mails about a case that have not left, given-up ones too, and forgets to whom all of
/// them went.
pub fn withdraw_for_case(tx: &mut Conn, case: CaseId) -> Result<()> {
    let of_case = mails::table.filter(mails::case_id.eq(case.0));
    diesel::update(of_case.filter(mails::state.ne(SENT)))
        .set((
            mails::state.eq(WITHDRAWN),
            mails::body_text.eq(""),
            mails::html.eq(""),
            mails::error.eq(None::<String>),
        ))
        .execute(tx)?;
    diesel::update(of_case)
        .set((
            mails::to_email.eq(""),
            mails::to_name.eq(""),
            mails::reply_to.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// How many mails stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub waiting: i64,
    pub sent: i64,
    pub failed: i64,
    /// Wait until their address can be written to again.
    pub held: i64,
}

/// Mails of these purposes that were put down since then and have gone out.
pub fn count_sent(conn: &mut Conn, purposes: &[&str], since: Moment) -> Result<i64> {
    Ok(mails::table
        .filter(mails::purpose.eq_any(purposes.to_vec()))
        .filter(mails::state.eq(SENT))
        .filter(mails::created_at.ge(since.0))
        .select(count_star())
        .first(conn)?)
}

pub fn counts(conn: &mut Conn) -> Result<Counts> {
    let rows: Vec<(String, i64)> = mails::table
        .group_by(mails::state)
        .select((mails::state, count_star()))
        .load(conn)?;
    let mut counts = Counts::default();
    for (state, n) in rows {
        match state.as_str() {
            SENT => counts.sent += n,
            FAILED => counts.failed += n,
            HELD => counts.held += n,
            WITHDRAWN => {}
            _ => counts.waiting += n,
        }
    }
    Ok(counts)
}

/// A mail as the operator's pages list it.
#[derive(Clone, Debug, Queryable)]
pub struct Given {
    pub id: i64,
    pub purpose: String,
    pub to_email: String,
    pub subject: String,
    pub text: String,
    pub state: String,
    pub attempts: i64,
    pub error: Option<String>,
    pub created_at: i64,
    pub bounced_at: Option<i64>,
}

impl Given {
    /// The word of how it fares: its state, or that it was sent and came back.
    pub fn fares(&self) -> &str {
        self.bounced_at.map_or(&self.state, |_| BOUNCED)
    }

    /// Whether it was given up, or came back, and its words are still known.
    pub fn can_go_again(&self) -> bool {
        !self.text.is_empty() && (self.state == FAILED || self.bounced_at.is_some())
    }
}

type GivenColumns = (
    mails::id,
    mails::purpose,
    mails::to_email,
    mails::subject,
    mails::body_text,
    mails::state,
    mails::attempts,
    mails::error,
    mails::created_at,
    mails::bounced_at,
);

const GIVEN: GivenColumns = (
    mails::id,
    mails::purpose,
    mails::to_email,
    mails::subject,
    mails::body_text,
    mails::state,
    mails::attempts,
    mails::error,
    mails::created_at,
    mails::bounced_at,
);

/// Mails that were given up, newest first.
pub fn given_up(conn: &mut Conn, limit: i64) -> Result<Vec<Given>> {
    Ok(mails::table
        .filter(mails::state.eq(FAILED))
        .order(mails::id.desc())
        .limit(limit)
        .select(GIVEN)
        .load(conn)?)
}

/// Mails that were given up, oldest first.
pub fn given_up_ids(conn: &mut Conn, limit: i64) -> Result<Vec<MailId>> {
    let ids: Vec<i64> = mails::table
        .filter(mails::state.eq(FAILED))
        .order(mails::id)
        .limit(limit)
        .select(mails::id)
        .load(conn)?;
    Ok(ids.into_iter().map(MailId).collect())
}

/// All mails before `before` (an id), newest first.
pub fn page(conn: &mut Conn, before: Option<i64>, limit: i64) -> Result<Vec<Given>> {
    Ok(mails::table
        .filter(mails::id.lt(before.unwrap_or(i64::MAX)))
        .order(mails::id.desc())
        .limit(limit)
        .select(GIVEN)
        .load(conn)?)
}

/// Keys of the files that go with mails that have not left, and may yet.
pub fn storage_keys(conn: &mut Conn) -> Result<Vec<String>> {
    let headers: Vec<String> = mails::table
        .filter(mails::state.eq_any([QUEUED, SENDING, FAILED, HELD]))
        .select(mails::headers)
        .load(conn)?;
    Ok(headers
        .iter()
        .filter_map(|headers| serde_json::from_str::<Extras>(headers).ok())
        .flat_map(|extras| extras.files)
        .map(|file| file.storage_key)
        .collect())
}

/// Mails that still have to leave.
pub fn waiting_ids(conn: &mut Conn) -> Result<Vec<i64>> {
    Ok(mails::table
        .filter(mails::state.eq_any([QUEUED, SENDING]))
        .order(mails::id)
        .select(mails::id)
        .load(conn)?)
}

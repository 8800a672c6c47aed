//! Queries of replies and of whom the closing of the loop told.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::cases::Step;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{case_events, mentions, replies, ticket_messages, tickets};
use crate::each;
use crate::error::Result;
use crate::escalations::{Purpose, ReplyState};
use crate::ids::{CaseId, MentionId, ReplyId, TicketMessageId, UserId};
use crate::networks::Network;
use crate::text::storable;

/// Recent replies whose words are compared with those of a new one.
const RECENT_MAX: i64 = 500;

/// An outgoing public post as stored.
#[derive(Clone, Debug)]
pub struct Reply {
    pub id: ReplyId,
    pub case: CaseId,
    pub mention: MentionId,
    pub purpose: Purpose,
    pub body: String,
    pub has_link: bool,
    pub weighted_length: i64,
    pub cost_micros: i64,
    pub state: ReplyState,
    /// Only a person may post it.
    pub handoff: bool,
    /// A rule sends it, without a person.
    pub automatic: bool,
    pub dedupe_key: String,
    pub drafted_by: Option<UserId>,
    pub approved_by: Option<UserId>,
    pub created_at: Moment,
    pub approved_at: Option<Moment>,
    /// The newest event of the case when it was approved: what came after it was not answered.
    pub approved_event: Option<i64>,
    /// Set from the first attempt that may have reached the network.
    pub sending_since: Option<Moment>,
    pub sent_at: Option<Moment>,
    /// The post that the attempts answer: an edit gives the customer's post another id.
    pub target_post_id: Option<String>,
    pub network_post_id: Option<String>,
    pub attempts: i64,
    pub error: Option<String>,
    pub version: i64,
}

type ReplyRow = (
    (i64, i64, i64, String, String, bool, i64, i64),
    (
        String,
        bool,
        bool,
        String,
        Option<i64>,
        Option<i64>,
        i64,
        Option<i64>,
        Option<i64>,
    ),
    (
        Option<i64>,
        Option<i64>,
        Option<String>,
        Option<String>,
        i64,
        Option<String>,
        i64,
    ),
);

macro_rules! reply_columns {
    () => {
        (
            (
                replies::id,
                replies::case_id,
                replies::mention_id,
                replies::purpose,
                replies::body,
                replies::has_link,
                replies::weighted_length,
                replies::cost_micros,
            ),
            (
                replies::state,
                replies::handoff,
                replies::automatic,
                replies::dedupe_key,
                replies::drafted_by,
                replies::approved_by,
                replies::created_at,
                replies::approved_at,
                replies::approved_event,
            ),
            (
                replies::sending_since,
                replies::sent_at,
                replies::target_post_id,
                replies::network_post_id,
                replies::attempts,
                replies::error,
                replies::version,
            ),
        )
    };
}

fn reply_of(row: ReplyRow) -> Result<Reply> {
    let (
        (id, case, mention, purpose, body, has_link, weighted_length, cost_micros),
        (
            state,
            handoff,
            automatic,
            dedupe_key,
            drafted_by,
            approved_by,
            created_at,
            approved_at,
            approved_event,
        ),
        (sending_since, sent_at, target_post_id, network_post_id, attempts, error, version),
    ) = row;
    Ok(Reply {
        id: ReplyId(id),
        case: CaseId(case),
        mention: MentionId(mention),
        purpose: purpose.parse()?,
        body,
        has_link,
        weighted_length,
        cost_micros,
        state: state.parse()?,
        handoff,
        automatic,
        dedupe_key,
        drafted_by: drafted_by.map(UserId),
        approved_by: approved_by.map(UserId),
        created_at: Moment(created_at),
        approved_at: approved_at.map(Moment),
        approved_event,
        sending_since: sending_since.map(Moment),
        sent_at: sent_at.map(Moment),
        target_post_id,
        network_post_id,
        attempts,
        error,
        version,
    })
}

impl Reply {
    /// Whether it is approved and surely not on the network, nor on its way there.
    pub fn is_unsent(&self) -> bool {
        self.state == ReplyState::Approved && self.sending_since.is_none()
    }
}

/// A reply to be stored.
pub struct NewReply<'a> {
    pub case: CaseId,
    pub mention: MentionId,
    pub purpose: Purpose,
    pub body: &'a str,
    pub has_link: bool,
    pub weighted_length: usize,
    pub cost_micros: i64,
    pub handoff: bool,
    pub automatic: bool,
    pub dedupe_key: &'a str,
    pub drafted_by: Option<UserId>,
}

/// Stores a draft; `None` when the decision has its reply already.
pub fn insert_reply(tx: &mut Conn, new: &NewReply<'_>, now: Moment) -> Result<Option<ReplyId>> {
    let row = (
        replies::case_id.eq(new.case.0),
        replies::mention_id.eq(new.mention.0),
        replies::purpose.eq(new.purpose.as_str()),
        replies::body.eq(storable(new.body)),
        replies::has_link.eq(new.has_link),
        replies::weighted_length.eq(i64::try_from(new.weighted_length).unwrap_or(i64::MAX)),
        replies::cost_micros.eq(new.cost_micros),
        replies::state.eq(ReplyState::Draft.as_str()),
        replies::handoff.eq(new.handoff),
        replies::automatic.eq(new.automatic),
        replies::dedupe_key.eq(new.dedupe_key),
        replies::drafted_by.eq(new.drafted_by.map(|u| u.0)),
        replies::created_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(replies::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(replies::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(ReplyId))
}

pub fn reply(conn: &mut Conn, id: ReplyId) -> Result<Option<Reply>> {
    let row: Option<ReplyRow> = replies::table
        .find(id.0)
        .select(reply_columns!())
        .first(conn)
        .optional()?;
    row.map(reply_of).transpose()
}

pub fn reply_by_key(conn: &mut Conn, key: &str) -> Result<Option<Reply>> {
    let row: Option<ReplyRow> = replies::table
        .filter(replies::dedupe_key.eq(key))
        .select(reply_columns!())
        .first(conn)
        .optional()?;
    row.map(reply_of).transpose()
}

/// Replies of a case, oldest first.
pub fn replies_of(conn: &mut Conn, case: CaseId) -> Result<Vec<Reply>> {
    let rows: Vec<ReplyRow> = replies::table
        .filter(replies::case_id.eq(case.0))
        .order(replies::id)
        .select(reply_columns!())
        .load(conn)?;
    rows.into_iter().map(reply_of).collect()
}

/// Puts another text into a draft.
pub fn set_draft(tx: &mut Conn, id: ReplyId, new: &NewReply<'_>) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::body.eq(storable(new.body)),
            replies::has_link.eq(new.has_link),
            replies::weighted_length.eq(i64::try_from(new.weighted_length).unwrap_or(i64::MAX)),
            replies::cost_micros.eq(new.cost_micros),
            replies::handoff.eq(new.handoff),
            replies::automatic.eq(new.automatic),
            replies::drafted_by.eq(new.drafted_by.map(|u| u.0)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Whether a rule answered this mention already: one automatic reply an interaction.
pub fn has_automatic_reply(conn: &mut Conn, mention: MentionId) -> Result<bool> {
    let n: i64 = replies::table
        .filter(
            replies::mention_id
                .eq(mention.0)
                .and(replies::automatic.eq(true)),
        )
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Whether a rule or a person has said yes to a reply to this post, wherever it stands: no rule
/// answers it once more.
pub fn is_answered(conn: &mut Conn, mention: MentionId) -> Result<bool> {
    let not_out = [ReplyState::Draft.as_str(), ReplyState::Discarded.as_str()];
    let n: i64 = replies::table
        .filter(replies::mention_id.eq(mention.0))
        .filter(
            replies::automatic
                .eq(true)
                .or(replies::state.ne_all(not_out)),
        )
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Approved by a person, or by a rule (`None`), when `event` was the newest of the case.
/// `handoff_reason` says why only a person may post it.
pub fn set_approved(
    tx: &mut Conn,
    id: ReplyId,
    by: Option<UserId>,
    event: i64,
    handoff_reason: Option<&str>,
    now: Moment,
) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Approved.as_str()),
            replies::approved_by.eq(by.map(|u| u.0)),
            replies::approved_at.eq(now.0),
            replies::approved_event.eq(event),
            replies::error.eq(handoff_reason),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_reply_state(tx: &mut Conn, id: ReplyId, state: ReplyState) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(state.as_str()),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Which drafts are meant.
#[derive(Clone, Copy, Debug)]
pub enum Drafts {
    /// Those that answer this post.
    To(MentionId),
    /// Those of a case with this purpose.
    Of(CaseId, Purpose),
}

/// Takes back what is drafted and was not approved. How many.
pub fn discard_drafts(tx: &mut Conn, which: Drafts) -> Result<usize> {
    let ids: Vec<i64> = match which {
        Drafts::To(mention) => replies::table
            .filter(replies::mention_id.eq(mention.0))
            .select(replies::id)
            .load(tx)?,
        Drafts::Of(case, purpose) => replies::table
            .filter(replies::case_id.eq(case.0))
            .filter(replies::purpose.eq(purpose.as_str()))
            .select(replies::id)
            .load(tx)?,
    };
    let drafts = replies::table
        .filter(replies::id.eq_any(ids))
        .filter(replies::state.eq(ReplyState::Draft.as_str()));
    Ok(diesel::update(drafts)
        .set((
            replies::state.eq(ReplyState::Discarded.as_str()),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?)
}

/// Replies made since then, by purpose and state.
pub fn replies_since(conn: &mut Conn, since: Moment) -> Result<Vec<(String, String, i64)>> {
    Ok(replies::table
        .filter(replies::created_at.ge(since.0))
        .group_by((replies::purpose, replies::state))
        .select((replies::purpose, replies::state, count_star()))
        .load(conn)?)
}

/// Bodies of other replies on a network that were approved after `since`, the newest first.
pub fn said_since(
    conn: &mut Conn,
    network: Network,
    since: Moment,
    except: Option<ReplyId>,
) -> Result<Vec<String>> {
    let states = [
        ReplyState::Approved.as_str(),
        ReplyState::Sending.as_str(),
        ReplyState::Unknown.as_str(),
        ReplyState::Sent.as_str(),
    ];
    // By the time of approval first: SQLite, left the choice, began with every post of the network.
    let recent: Vec<(String, i64)> = replies::table
        .filter(replies::approved_at.gt(since.0))
        .filter(replies::state.eq_any(states))
        .filter(replies::id.ne(except.map_or(0, |r| r.0)))
        .order(replies::approved_at.desc())
        .limit(RECENT_MAX)
        .select((replies::body, replies::mention_id))
        .load(conn)?;
    if recent.is_empty() {
        return Ok(Vec::new());
    }
    let on_network: Vec<i64> = mentions::table
        .filter(mentions::id.eq_any(recent.iter().map(|(_, mention)| *mention)))
        .filter(mentions::network.eq(network.as_str()))
        .select(mentions::id)
        .load(conn)?;
    Ok(recent
        .into_iter()
        .filter(|(_, mention)| on_network.contains(mention))
        .map(|(body, _)| body)
        .collect())
}

/// An approval that does not hold any more, of what surely is not on the network: a draft again,
/// for a person, who reads why.
pub fn set_held(tx: &mut Conn, id: ReplyId, why: &str) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Draft.as_str()),
            replies::automatic.eq(false),
            replies::approved_by.eq(None::<i64>),
            replies::approved_at.eq(None::<i64>),
            replies::approved_event.eq(None::<i64>),
            replies::sending_since.eq(None::<i64>),
            replies::target_post_id.eq(None::<String>),
            replies::error.eq(storable(why)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// About to be sent, or looked for: written before the network is asked. `target` is the post
/// that is answered.
pub fn set_sending(tx: &mut Conn, id: ReplyId, target: &str, now: Moment) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Sending.as_str()),
            replies::sending_since.eq(now.0),
            replies::target_post_id.eq(target),
            replies::attempts.eq(replies::attempts + 1),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// The attempt that stands in the row reaches the network only from now on.
pub fn set_sending_since(tx: &mut Conn, id: ReplyId, now: Moment) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set(replies::sending_since.eq(now.0))
        .execute(tx)?;
    Ok(())
}

pub fn set_sent(tx: &mut Conn, id: ReplyId, network_post_id: &str, now: Moment) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Sent.as_str()),
            replies::sent_at.eq(now.0),
            replies::network_post_id.eq(network_post_id),
            replies::error.eq(None::<String>),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Not sent, for good; `handoff` when a person may still post it.
pub fn set_reply_failed(tx: &mut Conn, id: ReplyId, why: &str, handoff: bool) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Failed.as_str()),
            replies::handoff.eq(handoff),
            replies::error.eq(storable(why)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Perhaps sent: waits to be looked for.
pub fn set_unknown(tx: &mut Conn, id: ReplyId, why: &str) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Unknown.as_str()),
            replies::error.eq(storable(why)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Surely not accepted, and never tried before: approved as if nothing had been tried.
pub fn set_unsent(tx: &mut Conn, id: ReplyId, why: &str) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Approved.as_str()),
            replies::sending_since.eq(None::<i64>),
            replies::target_post_id.eq(None::<String>),
            replies::error.eq(storable(why)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// What a customer wrote first in the ticket of a case.
pub fn ticket_text(conn: &mut Conn, case: CaseId) -> Result<Option<String>> {
    Ok(ticket_messages::table
        .inner_join(tickets::table)
        .filter(tickets::case_id.eq(case.0))
        .filter(ticket_messages::direction.eq("in"))
        .order(ticket_messages::id)
        .select(ticket_messages::body)
        .first(conn)
        .optional()?)
}

/// What a message of a ticket says.
pub fn message_text(conn: &mut Conn, message: TicketMessageId) -> Result<Option<String>> {
    Ok(ticket_messages::table
        .find(message.0)
        .select(ticket_messages::body)
        .first(conn)
        .optional()?)
}

/// Whether the story of a case has this step.
pub fn has_step(conn: &mut Conn, case: CaseId, step: Step) -> Result<bool> {
    let n: i64 = case_events::table
        .filter(case_events::case_id.eq(case.0))
        .filter(case_events::step.eq(step.as_str()))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

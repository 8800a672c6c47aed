//! Queries of what the ranker remembers.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::cases::links::LinkState;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::functions::substr;
use crate::db::schema::{cases, links, mentions, ticket_messages, tickets};
use crate::error::Result;
use crate::ids::{LinkId, ThreadId};

/// How much of a post or message is read (characters): what comes later tells little.
const TEXT_CHARS_READ: i32 = 2_000;

/// A link of a case to a thread that somebody or a rule decided about.
#[derive(Debug)]
pub struct DecidedLink {
    pub id: LinkId,
    pub thread: ThreadId,
    pub state: LinkState,
    pub decided_at: Moment,
    pub by_person: bool,
    pub user: Option<i64>,
    pub handle: Option<i64>,
    pub email_key: Option<String>,
}

type Row = (
    i64,
    Option<i64>,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

/// Links to threads decided at or after `since` (µs), the oldest decision first; of more than
/// `limit` the newest.
pub fn decided_links(conn: &mut Conn, since: i64, limit: i64) -> Result<Vec<DecidedLink>> {
    let mut rows: Vec<Row> = links::table
        .inner_join(cases::table.on(cases::id.eq(links::case_id)))
        .filter(links::decided_at.ge(since))
        .filter(links::target.eq("thread"))
        .order((links::decided_at.desc(), links::id.desc()))
        .limit(limit)
        .select((
            links::id,
            links::thread_id,
            links::state,
            links::decided_at,
            links::decided_by,
            cases::user_id,
            cases::handle_id,
            cases::email_key,
        ))
        .load(conn)?;
    rows.reverse();
    rows.into_iter()
        .filter_map(|(id, thread, state, at, by, user, handle, email_key)| {
            let (thread, at) = thread.zip(at)?;
            Some((|| {
                Ok(DecidedLink {
                    id: LinkId(id),
                    thread: ThreadId(thread),
                    state: state.parse()?,
                    decided_at: Moment(at),
                    by_person: by.is_some(),
                    user,
                    handle,
                    email_key,
                })
            })())
        })
        .collect()
}

/// What the customers of these links wrote: the first post of the case that still stands, or the
/// summary and the first message of its ticket.
pub fn texts_of_links(conn: &mut Conn, of: &[i64]) -> Result<HashMap<i64, String>> {
    let linked: Vec<(i64, i64, String)> = links::table
        .inner_join(cases::table.on(cases::id.eq(links::case_id)))
        .filter(links::id.eq_any(of))
        .select((links::id, cases::id, cases::summary))
        .load(conn)?;
    let of_cases: Vec<i64> = linked.iter().map(|(_, case, _)| *case).collect();
    let posts: Vec<(Option<i64>, String, Option<i64>)> = mentions::table
        .filter(mentions::case_id.eq_any(&of_cases))
        .order(mentions::id.desc())
        .select((
            mentions::case_id,
            substr(mentions::body_text, 1, TEXT_CHARS_READ),
            mentions::deleted_at,
        ))
        .load(conn)?;
    let mut of_posts: HashMap<i64, Option<String>> = HashMap::new();
    for (case, text, deleted_at) in posts {
        let Some(case) = case else { continue };
        let first = of_posts.entry(case).or_default();
        if deleted_at.is_none() {
            *first = Some(text);
        }
    }
    let messages: Vec<(i64, String)> = ticket_messages::table
        .inner_join(tickets::table)
        .filter(tickets::case_id.eq_any(&of_cases))
        .filter(ticket_messages::direction.eq("in"))
        .order(ticket_messages::id.desc())
        .select((
            tickets::case_id,
            substr(ticket_messages::body, 1, TEXT_CHARS_READ),
        ))
        .load(conn)?;
    let mut of_tickets: HashMap<i64, String> = HashMap::new();
    for (case, text) in messages {
        of_tickets.insert(case, text);
    }
    Ok(linked
        .into_iter()
        .filter_map(|(link, case, summary)| {
            let text = match of_posts.get(&case) {
                Some(post) => post.clone()?,
                None => match of_tickets.get(&case) {
                    Some(message) => format!("{summary}. {message}"),
                    None => summary,
                },
            };
            Some((link, text))
        })
        .collect())
}

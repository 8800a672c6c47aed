//! `/desk`: the one queue with its filters, and finding a case again.

use std::collections::HashMap;

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::{bound_to, mentions, span, wait};
use crate::app::App;
use crate::cases::queue::{Assignee, Filter};
use crate::cases::{self, Case, Channel, Severity, State};
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::escalations::{self, store::desk::Aside};
use crate::forum;
use crate::ids::{CaseId, ProductId, UserId};
use crate::people::{self, CurrentUser, Staff};
use crate::web::{Answer, Failure, Page, Query, When, blocking, html};

/// Longest search (characters); the rest is cut off.
const SEARCH_CHARS_MAX: usize = 200;
/// Replies to send that are listed; the others follow when these are dealt with.
const REPLIES_MAX: i64 = 200;
/// The states of cases that do not wait for us, shown when they are asked for.
const STATES: &[State] = &[State::WaitingCustomer, State::Resolved, State::Closed];
/// Cases that a search shows.
const FOUND_MAX: i64 = 50;

/// The filters as an address has them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    state: String,
    severity: String,
    channel: String,
    /// A product's slug.
    product: String,
    /// `mine`, `nobody`, or empty.
    who: String,
    /// Where a further page begins: severity, microseconds and id of the last case before it.
    after: String,
}

impl Asked {
    /// The address of the queue with one filter changed, from its first page.
    fn with(&self, name: &str, value: &str) -> String {
        self.address(&[(name, value), ("after", "")])
    }

    fn address(&self, changes: &[(&str, &str)]) -> String {
        let fields = [
            ("state", &self.state),
            ("severity", &self.severity),
            ("channel", &self.channel),
            ("product", &self.product),
            ("who", &self.who),
            ("after", &self.after),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            let changed = changes.iter().find(|(changed, _)| *changed == name);
            let value = changed.map_or(value.as_str(), |(_, value)| value);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        match query.finish() {
            query if query.is_empty() => "/desk".to_owned(),
            query => format!("/desk?{query}"),
        }
    }

    /// Whether less than the whole queue is asked for.
    fn is_filtered(&self) -> bool {
        [
            &self.state,
            &self.severity,
            &self.channel,
            &self.product,
            &self.who,
        ]
        .iter()
        .any(|field| !field.is_empty())
    }
}

/// One of `T`'s words, nothing when the field is empty, and a sentence when it is neither.
fn word<T: std::str::FromStr>(name: &str, value: &str) -> Result<Option<T>, Failure> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| {
        Failure::bad(format!(
            "The queue has no {name} of this name. Choose one from its filters."
        ))
    })
}

fn filter(
    asked: &Asked,
    user: &CurrentUser,
    products: &[forum::Product],
) -> Result<Filter, Failure> {
    let product = match asked.product.as_str() {
        "" => None,
        slug => Some(
            products
                .iter()
                .find(|p| p.slug == slug)
                .map(|p| p.id)
                .ok_or_else(|| Failure::bad("There is no product of this name."))?,
        ),
    };
    let assignee = match asked.who.as_str() {
        "" => Assignee::Anybody,
        "mine" => Assignee::User(user.id),
        "nobody" => Assignee::Nobody,
        _ => {
            return Err(Failure::bad(
                "The queue shows cases of everybody, yours, or nobody's.",
            ));
        }
    };
    let place = place(&asked.after)?;
    Ok(Filter {
        state: word("state", &asked.state)?,
        severity: word("severity", &asked.severity)?,
        channel: word("channel", &asked.channel)?,
        product,
        staff_products: bound_to(user),
        assignee,
        after: place.map(|(_, at, id)| (at, id)),
        from_severity: place.map(|(severity, _, _)| severity),
    })
}

/// Reads `severity.microseconds.id`.
fn place(after: &str) -> Result<Option<(Severity, Moment, CaseId)>, Failure> {
    if after.is_empty() {
        return Ok(None);
    }
    let read = || {
        let mut parts = after.splitn(3, '.');
        let severity = parts.next()?.parse().ok()?;
        let at = parts.next()?.parse().ok()?;
        let id = parts.next()?.parse().ok()?;
        Some((severity, Moment(at), CaseId(id)))
    };
    match read() {
        Some(place) => Ok(Some(place)),
        None => Err(Failure::bad(
            "This page of the queue does not exist. Start again from its front.",
        )),
    }
}

/// A case in a list.
pub(super) struct Row {
    pub id: CaseId,
    pub title: String,
    pub severity: Severity,
    pub channel: Channel,
    pub state: State,
    pub customer: String,
    pub product: Option<String>,
    pub assignee: Option<String>,
    pub proposals: i64,
    pub replies: i64,
    /// Whether one of the replies is word that the problem is solved.
    pub is_closing: bool,
    pub waited: String,
    pub is_late: bool,
    pub since: Moment,
    pub opened: When,
}

impl Row {
    pub fn waits(&self) -> bool {
        self.state.waits_for_staff()
    }
}

/// Cases as lists show them, with a fixed number of queries.
pub(super) fn rows(
    conn: &mut Conn,
    now: Moment,
    products: &[forum::Product],
    cases: Vec<Case>,
) -> Result<Vec<Row>> {
    let ids: Vec<CaseId> = cases.iter().map(|c| c.id).collect();
    let assignees: Vec<UserId> = cases.iter().filter_map(|c| c.assignee).collect();
    let proposals = cases::store::desk::proposal_counts(conn, &ids)?;
    let replies = escalations::store::desk::waiting_replies(conn, &ids)?;
    let names = people::store::names(conn, &assignees)?;
    let products: HashMap<ProductId, &str> =
        products.iter().map(|p| (p.id, p.name.as_str())).collect();
    Ok(cases
        .into_iter()
        .map(|case| {
            let (waited, is_late) = wait(case.waiting_since, now);
            Row {
                id: case.id,
                title: case.summary,
                severity: case.severity,
                channel: case.channel,
                state: case.state,
                customer: case.customer_name,
                product: case
                    .product
                    .and_then(|p| products.get(&p).map(|name| (*name).to_owned())),
                assignee: case.assignee.and_then(|u| names.get(&u).cloned()),
                proposals: proposals.get(&case.id).copied().unwrap_or(0),
                replies: replies.get(&case.id).copied().unwrap_or(0),
                is_closing: false,
                waited,
                is_late,
                since: case.waiting_since,
                opened: When::new(case.opened_at.0, now),
            }
        })
        .collect())
}

/// A figure at the top, which opens the cases it counts.
struct Tile {
    href: String,
    figure: i64,
    label: String,
    is_late: bool,
    is_current: bool,
}

/// A view of the queue.
struct Tab {
    href: String,
    label: &'static str,
    is_current: bool,
    count: String,
}

/// One choice of a filter.
pub(super) struct Choice {
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

#[derive(Template)]
#[template(path = "desk/queue.html")]
struct QueuePage {
    page: Page,
    tiles: Vec<Tile>,
    tabs: Vec<Tab>,
    states: Vec<Choice>,
    severities: Vec<Choice>,
    channels: Vec<Choice>,
    products: Vec<Choice>,
    asked: Asked,
    is_filtered: bool,
    rows: Vec<Row>,
    front: Option<String>,
    next: Option<String>,
}

/// `GET /desk`
pub async fn page(app: Data<App>, staff: Staff, asked: Query<Asked>) -> Answer {
    let Query(asked) = asked;
    let now = app.now();
    let products = blocking(&app, |app| app.db.read(forum::store::products)).await?;
    let filter = filter(&asked, &staff.user, &products)?;
    let user = staff.user;
    let (filter, products, counts, rows, more) = blocking(&app, move |app| {
        app.db.read(|conn| {
            let counts = counts(conn, now, &user, &filter)?;
            let (found, more) = cases::queue::page(conn, &filter)?;
            let rows = rows(conn, now, &products, found)?;
            Ok((filter, products, counts, rows, more))
        })
    })
    .await?;
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| next_page(&asked, last));
    html(&QueuePage {
        page: staff.page,
        tiles: tiles(&asked, &counts.waits),
        tabs: tabs(&asked, &counts),
        states: state_choices(filter.state),
        severities: choices(Severity::ALL, filter.severity, Severity::label),
        channels: choices(Channel::ALL, filter.channel, Channel::label),
        products: products
            .iter()
            .filter(|p| {
                filter
                    .staff_products
                    .as_ref()
                    .is_none_or(|of| of.contains(&p.id))
            })
            .map(|p| Choice {
                value: p.slug.clone(),
                label: p.name.clone(),
                is_chosen: Some(p.id) == filter.product,
            })
            .collect(),
        is_filtered: asked.is_filtered(),
        front: (!asked.after.is_empty()).then(|| asked.address(&[("after", "")])),
        next,
        rows,
        asked,
    })
}

/// The states to choose from, with the one asked for where an address has another.
fn state_choices(asked: Option<State>) -> Vec<Choice> {
    let other = asked.filter(|asked| !STATES.contains(asked));
    let all: Vec<State> = other.into_iter().chain(STATES.iter().copied()).collect();
    choices(&all, asked, State::label)
}

/// What stands beside the views of the queue.
struct Counts {
    waits: Vec<cases::queue::ChannelWait>,
    waiting: i64,
    mine: i64,
    nobodys: i64,
    replies: i64,
    mails: i64,
    /// Posts without a case at which nobody has looked.
    posts: i64,
    /// Spikes that wait for a decision.
    spikes: i64,
}

/// The views are counted as their links open them: with the severity, channel and product of `filter`.
fn counts(conn: &mut Conn, now: Moment, user: &CurrentUser, filter: &Filter) -> Result<Counts> {
    let products = bound_to(user);
    let of = |assignee| Filter {
        assignee,
        state: None,
        after: None,
        from_severity: None,
        staff_products: products.clone(),
        ..filter.clone()
    };
    Ok(Counts {
        waits: cases::queue::waits(conn, now, products.as_deref())?,
        waiting: cases::queue::count(conn, &of(Assignee::Anybody))?,
        mine: cases::queue::count(conn, &of(Assignee::User(user.id)))?,
        nobodys: cases::queue::count(conn, &of(Assignee::Nobody))?,
        replies: escalations::store::desk::count_replies_to_send(conn, products.as_deref())?,
        mails: crate::inbox::store::unread_count(conn)?,
        spikes: escalations::store::spikes::count_proposed_spikes(conn, products.as_deref())?,
        posts: escalations::store::desk::count_without_case(
            conn,
            &Aside {
                products,
                ..Aside::default()
            },
        )?,
    })
}

fn next_page(asked: &Asked, last: &Row) -> String {
    let after = format!("{}.{}.{}", last.severity, last.since.0, last.id);
    asked.address(&[("after", &after)])
}

fn tiles(asked: &Asked, waits: &[cases::queue::ChannelWait]) -> Vec<Tile> {
    let whole = Asked::default();
    let all = Tile {
        href: "/desk".into(),
        figure: waits.iter().map(|w| w.waiting).sum(),
        label: match waits.iter().map(|w| w.longest).max() {
            Some(longest) => format!("waiting, longest {}", span(longest)),
            None => "waiting".into(),
        },
        is_late: false,
        is_current: !asked.is_filtered(),
    };
    let channels = waits.iter().map(|w| Tile {
        href: whole.with("channel", w.channel.as_str()),
        figure: w.waiting,
        label: format!("{}, longest {}", w.channel.label(), span(w.longest)),
        is_late: w.longest >= super::LATE,
        is_current: asked.channel == w.channel.as_str() && asked.state.is_empty(),
    });
    std::iter::once(all).chain(channels).collect()
}

fn tabs(asked: &Asked, counts: &Counts) -> Vec<Tab> {
    let tab = |label, who: &str, count: i64| Tab {
        href: asked.address(&[("state", ""), ("who", who), ("after", "")]),
        label,
        is_current: asked.state.is_empty() && asked.who == who,
        count: count.to_string(),
    };
    vec![
        tab("Waits for us", "", counts.waiting),
        tab("Mine", "mine", counts.mine),
        tab("Nobody’s", "nobody", counts.nobodys),
        Tab {
            href: REPLIES_PATH.into(),
            label: "Replies to send",
            is_current: false,
            count: counts.replies.to_string(),
        },
        Tab {
            href: "/desk/mail".into(),
            label: "Mail to look at",
            is_current: false,
            count: counts.mails.to_string(),
        },
        Tab {
            href: "/desk/mentions".into(),
            label: "Posts without a case",
            is_current: false,
            count: mentions::figure(counts.posts),
        },
        Tab {
            href: "/desk/spikes".into(),
            label: "Spikes",
            is_current: false,
            count: counts.spikes.to_string(),
        },
    ]
}

pub(super) fn choices<T: Copy + PartialEq + std::fmt::Display>(
    all: &[T],
    chosen: Option<T>,
    label: fn(T) -> &'static str,
) -> Vec<Choice> {
    all.iter()
        .map(|one| Choice {
            value: one.to_string(),
            label: label(*one).to_owned(),
            is_chosen: chosen == Some(*one),
        })
        .collect()
}

const REPLIES_PATH: &str = "/desk/replies";

#[derive(Template)]
#[template(path = "desk/replies.html")]
struct RepliesPage {
    page: Page,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    /// Whether there are more than are listed.
    more: bool,
}

/// `GET /desk/replies`: cases of which a public reply waits for a person, also resolved ones.
pub async fn replies(app: Data<App>, staff: Staff) -> Answer {
    let Staff { user, page } = staff;
    let now = app.now();
    let (counts, rows) = blocking(&app, move |app| {
        app.db.read(|conn| {
            let products = forum::store::products(conn)?;
            let waiting = escalations::store::desk::replies_to_send(
                conn,
                bound_to(&user).as_deref(),
                REPLIES_MAX,
            )?;
            let mut ids: Vec<CaseId> = Vec::new();
            for reply in &waiting {
                if !ids.contains(&reply.case) {
                    ids.push(reply.case);
                }
            }
            let found = cases::store::desk::by_ids(conn, &ids)?;
            let mut rows = rows(conn, now, &products, found)?;
            for row in &mut rows {
                let of_row = || waiting.iter().filter(|reply| reply.case == row.id);
                row.replies = of_row().count() as i64;
                row.is_closing = of_row().any(|reply| reply.is_closing);
            }
            Ok((counts(conn, now, &user, &Filter::default())?, rows))
        })
    })
    .await?;
    let mut tabs = tabs(&Asked::default(), &counts);
    for tab in &mut tabs {
        tab.is_current = tab.href == REPLIES_PATH;
    }
    html(&RepliesPage {
        page,
        tabs,
        more: counts.replies > REPLIES_MAX,
        rows,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Searched {
    q: String,
}

#[derive(Template)]
#[template(path = "desk/search.html")]
struct SearchPage {
    page: Page,
    q: String,
    rows: Vec<Row>,
}

/// `GET /desk/search`
pub async fn search(app: Data<App>, staff: Staff, asked: Query<Searched>) -> Answer {
    let q: String = asked.0.q.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let now = app.now();
    let (words, products) = (q.clone(), bound_to(&staff.user));
    let rows = blocking(&app, move |app| {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        app.db.read(|conn| {
            let found = cases::store::desk::search(conn, &words, products.as_deref(), FOUND_MAX)?;
            let products = forum::store::products(conn)?;
            rows(conn, now, &products, found)
        })
    })
    .await?;
    html(&SearchPage {
        page: staff.page,
        q,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_queue_reads_back_and_rubbish_is_told() {
        let place_of = |text| place(text).ok().flatten();
        assert_eq!(
            place_of("money.17.4"),
            Some((Severity::Money, Moment(17), CaseId(4)))
        );
        for bad in [
            "money",
            "money.17",
            "rude.17.4",
            "money.x.4",
            "money.17.4.5",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
        assert_eq!(place_of(""), None);
    }

    #[test]
    fn an_address_keeps_the_other_filters_and_starts_at_the_front() {
        let asked = Asked {
            channel: "x".into(),
            who: "mine".into(),
            after: "money.17.4".into(),
            ..Asked::default()
        };
        assert_eq!(
            asked.with("severity", "money"),
            "/desk?severity=money&channel=x&who=mine"
        );
        assert_eq!(Asked::default().with("who", ""), "/desk");
    }
}

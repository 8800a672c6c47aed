//! `/desk/case/{id}`: the whole story of one case in one column, and beside it what can be done.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use super::mentions::as_judged_or;
use super::queue::{self, Choice, choices};
use super::story::{self, Entry, Heard, Parts};
use super::{dollars, wait};
use crate::app::App;
use crate::cases::links::{Link, LinkState, Target};
use crate::cases::{self, Case, Severity, policy};
use crate::clock::Moment;
use crate::db::{Conn, audit};
use crate::error::Result;
use crate::escalations::store::Reply;
use crate::escalations::{Label, ReplyState, Standing, acknowledge, handoff};
use crate::forum::{self, Thread, ThreadKind, ThreadState};
use crate::ids::{CaseId, HandleId, LinkId, ProductId, ReplyId, ThreadId, UserId};
use crate::people::{self, CurrentUser, Staff};
use crate::search::SearchQuery;
use crate::tickets::{self, pictures};
use crate::web::{Answer, Failure, Page, Query, When, blocking, files_limit, html_with, redirect};

/// Other cases of the same customer that are shown.
const OTHERS_MAX: i64 = 20;
/// Lines of the audit log that are shown.
const AUDIT_MAX: i64 = 200;
const EVENTS_LIMIT: usize = cases::store::EVENTS_MAX as usize;
const MESSAGES_LIMIT: usize = tickets::store::MESSAGES_MAX as usize;
/// Threads that the search field offers.
const FOUND_MAX: usize = 8;
/// Longest text in the search field that is read (characters).
const FIND_CHARS_MAX: usize = 300;

/// A thread as a proposal, a link or a find shows it.
pub(super) struct ThreadView {
    pub id: ThreadId,
    pub path: String,
    pub title: String,
    pub kind: String,
    /// `None` where there is nothing to solve: an article is neither open nor solved.
    pub state: Option<&'static str>,
    pub is_draft: bool,
    pub is_official: bool,
}

impl ThreadView {
    fn of(thread: &Thread) -> ThreadView {
        ThreadView {
            id: thread.id,
            path: thread.path(),
            title: thread.title.clone(),
            kind: thread.kind.as_str().to_owned(),
            state: match (thread.kind, thread.state) {
                (ThreadKind::Article | ThreadKind::Announcement, ThreadState::Open) => None,
                (_, state) => Some(state.as_str()),
            },
            is_draft: thread.is_waiting_draft(),
            is_official: thread.official,
        }
    }
}

/// What a link leads to.
enum TargetView {
    Thread(ThreadView),
    /// A thread that is no longer there, or not for this reader.
    GoneThread(ThreadId),
    Ticket,
    Case(queue::Row),
    GoneCase(CaseId),
}

/// A link, proposed or made.
struct LinkView {
    id: LinkId,
    state: LinkState,
    target: TargetView,
    /// `0.87`.
    score: String,
    /// Whether a rule proposed it; a person's choice has no score.
    by_rule: bool,
    reasons: Vec<String>,
    told: Option<When>,
}

impl LinkView {
    fn state_word(&self) -> &'static str {
        self.state.as_str()
    }

    /// The thread, while only staff see it.
    fn draft(&self) -> Option<&ThreadView> {
        match &self.target {
            TargetView::Thread(thread) if thread.is_draft => Some(thread),
            _ => None,
        }
    }

    fn is_ticket(&self) -> bool {
        matches!(self.target, TargetView::Ticket)
    }
}

/// A public reply that is not said yet.
struct ReplyView {
    id: ReplyId,
    state: ReplyState,
    purpose: &'static str,
    to: String,
    network: &'static str,
    body: String,
    /// In the editor: the draft, or what was typed instead and not accepted.
    shown: String,
    version: i64,
    length: usize,
    length_max: usize,
    has_link: bool,
    cost: String,
    /// Why only a person may post it.
    handoff_reason: Option<String>,
    /// Where a person posts it, once it is approved.
    handoff_url: Option<String>,
    /// The address that was pasted and not accepted.
    address: String,
    /// Why it was not sent, or waits.
    error: Option<String>,
    /// By a rule that the company switched on.
    automatic: bool,
    /// Approved, and surely not out yet.
    is_unsent: bool,
}

impl ReplyView {
    fn is_draft(&self) -> bool {
        self.state == ReplyState::Draft
    }

    fn is_by_hand(&self) -> bool {
        self.handoff_url.is_some()
    }

    fn can_discard(&self) -> bool {
        self.is_by_hand()
            || self.is_unsent
            || matches!(self.state, ReplyState::Draft | ReplyState::Failed)
    }
}

/// What is known of the customer's account on a network.
struct HandleView {
    id: HandleId,
    network: &'static str,
    label: String,
    proved: Option<When>,
    has_opted_out: bool,
}

struct AuditLine {
    at: When,
    actor: String,
    act: String,
    reason: String,
}

/// What was typed into a form that was not accepted, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// Said above the form.
    pub notice: String,
    pub note: String,
    pub message: String,
    pub reply: Option<(ReplyId, String)>,
    /// The address of what a person posted by hand.
    pub address: Option<(ReplyId, String)>,
    /// Why the case is closed.
    pub why: String,
    /// The case that it is to go on in.
    pub into: String,
}

/// The search for another thread.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    find: String,
}

#[derive(Template)]
#[template(path = "desk/case.html")]
struct CasePage {
    page: Page,
    case: Case,
    waited: String,
    is_late: bool,
    opened: When,
    product: Option<String>,
    is_mine: bool,
    /// Whose it is: a user's id, or empty for nobody.
    with: String,
    story: Vec<Entry>,
    /// Whether only the newest part of the story is shown.
    has_older: bool,
    /// The newest event on this page: what is decided here is decided on it.
    seen: i64,
    replies: Vec<ReplyView>,
    /// What was typed for a reply that can't be edited any more.
    kept: Option<String>,
    handles: Vec<HandleView>,
    /// Whether there is a public post that can be answered.
    can_answer: bool,
    has_ticket: bool,
    /// Why mails to the customer are held, if they are.
    held: Option<&'static str>,
    /// Whether it is to be solved by email.
    is_private: bool,
    labels: &'static [Label],
    files_limit: String,
    proposed: Vec<LinkView>,
    linked: Vec<LinkView>,
    dropped: Vec<LinkView>,
    others: Vec<queue::Row>,
    staff: Vec<Choice>,
    products: Vec<Choice>,
    severities: Vec<Choice>,
    standings: Vec<Choice>,
    audit: Vec<AuditLine>,
    find: String,
    found: Vec<ThreadView>,
    typed: Typed,
    /// Names one filling-in of the forms on this page.
    key: String,
}

impl CasePage {
    /// That a reply waits for a person, in words.
    fn reply_waits(&self) -> Option<String> {
        let mut waiting = self.replies.iter().filter(|r| r.can_discard());
        let first = waiting.next()?;
        Some(match waiting.count() {
            0 if first.state == ReplyState::Failed => format!("{} was not sent", first.purpose),
            0 => format!("{} waits to be sent", first.purpose),
            more => format!("{} replies wait to be sent", more + 1),
        })
    }
}

/// `GET /desk/case/{id}`
pub async fn page(app: Data<App>, staff: Staff, id: Path<i64>, asked: Query<Asked>) -> Answer {
    let find: String = asked.0.find.trim().chars().take(FIND_CHARS_MAX).collect();
    show(
        &app,
        staff,
        CaseId(id.into_inner()),
        StatusCode::OK,
        find,
        Typed::default(),
    )
    .await
}

/// `GET` at an address of a form of the case: back to the case, where a reload or "Go back" meant to go.
pub async fn back(_: Staff, path: Path<(i64, String)>) -> HttpResponse {
    redirect(&format!("/desk/case/{}", path.0))
}

/// What stops a page or an action before it begins.
pub(super) enum Stop {
    NoSuchCase,
    NotYours,
    /// It goes on in another case.
    Moved(CaseId),
}

impl Stop {
    pub fn answer(self) -> Result<HttpResponse, Failure> {
        match self {
            Stop::NoSuchCase => Err(Failure::NotFound),
            Stop::NotYours => Err(Failure::forbidden(
                "This case belongs to a product that you don't look after.",
            )),
            Stop::Moved(into) => Ok(redirect(&format!("/desk/case/{into}"))),
        }
    }
}

/// The case, when this person may work on it here.
pub(super) fn open(
    conn: &mut Conn,
    user: &CurrentUser,
    id: CaseId,
) -> Result<std::result::Result<Case, Stop>> {
    let Some(case) = cases::store::case(conn, id)? else {
        return Ok(Err(Stop::NoSuchCase));
    };
    if !policy::can_work_on(user, &case) {
        return Ok(Err(Stop::NotYours));
    }
    Ok(match case.merged_into {
        Some(into) => Err(Stop::Moved(into)),
        None => Ok(case),
    })
}

/// The page, also shown again with what was typed when a form was not accepted; where the case goes
/// on, when it went on elsewhere meanwhile.
pub(super) async fn show(
    app: &App,
    staff: Staff,
    id: CaseId,
    status: StatusCode,
    find: String,
    typed: Typed,
) -> Answer {
    let Staff { user, page } = staff;
    let template = blocking(app, move |app| {
        let found = find_threads(app, &find)?;
        app.db.read(|conn| {
            let opened = match open(conn, &user, id)? {
                Err(Stop::Moved(into)) if typed != Typed::default() => open(conn, &user, into)?,
                opened => opened,
            };
            let case = match opened {
                Ok(case) => case,
                Err(stop) => return Ok(Err(stop)),
            };
            gather(app, conn, &user, page, case, (find, found), typed).map(Ok)
        })
    })
    .await?;
    match template {
        Ok(template) => html_with(status, &template),
        Err(stop) => stop.answer(),
    }
}

fn gather(
    app: &App,
    conn: &mut Conn,
    user: &CurrentUser,
    page: Page,
    case: Case,
    (find, found): (String, Vec<ThreadId>),
    typed: Typed,
) -> Result<CasePage> {
    let now = app.now();
    let products = forum::store::products(conn)?;
    let of = cases::store::desk::family(conn, case.id)?;
    let events = story::events_of(conn, &of)?;
    let replies = story::replies(conn, &of)?;
    let (heard, has_older_posts) = story::heard(conn, &of, &replies)?;
    let tickets = tickets::store::tickets_of(conn, case.id)?;
    let mut messages = Vec::new();
    for ticket in &tickets {
        messages.extend(tickets::store::messages(conn, ticket.id)?);
    }
    // A list that is as long as its limit may have lost its beginning.
    let has_older =
        has_older_posts || events.len() >= EVENTS_LIMIT || messages.len() >= MESSAGES_LIMIT;
    let seen = events.iter().map(|e| e.id).max().unwrap_or(0);
    let mut links = cases::store::links_of_any(conn, &of)?;
    // They are one now.
    links.retain(|link| !matches!(link.target, Target::Case(other) if of.contains(&other)));
    let threads = threads_of(conn, user, &links, &events, &found)?;
    let parts = Parts {
        cases: &of,
        events,
        threads: &threads,
        heard: &heard,
        replies: &replies,
        messages,
    };
    let story = story::tell(conn, now, parts)?;
    let (mut proposed, mut linked, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for view in link_views(conn, now, user, &products, links, &threads)? {
        match view.state {
            LinkState::Proposed => proposed.push(view),
            LinkState::Confirmed => linked.push(view),
            LinkState::Rejected | LinkState::Undone => dropped.push(view),
        }
    }
    let others: Vec<Case> = cases::store::others_of(conn, &case, OTHERS_MAX)?
        .into_iter()
        .filter(|other| policy::can_work_on(user, other))
        .collect();
    let others = queue::rows(conn, now, &products, others)?;
    let mut audit = Vec::new();
    for one in &of {
        audit.extend(audit::of_subject(conn, "case", one.0, AUDIT_MAX)?);
    }
    audit.sort_by_key(|line| std::cmp::Reverse(line.at));
    let staff = people::store::staff_of(conn, case.product)?;
    let (waited, is_late) = wait(case.waiting_since, now);
    let replies: Vec<ReplyView> = replies
        .into_iter()
        .filter_map(|reply| reply_view(app, reply, &heard, &typed))
        .collect();
    let held = tickets::held(conn, now, case.id)?;
    let kept = typed.reply.as_ref().filter(|(id, text)| {
        let is_in_its_form = |reply: &ReplyView| reply.id == *id && reply.is_draft();
        !text.trim().is_empty() && !replies.iter().any(is_in_its_form)
    });
    Ok(CasePage {
        page,
        waited,
        is_late,
        opened: When::new(case.opened_at.0, now),
        product: name_of(&products, case.product),
        is_mine: case.assignee == Some(user.id),
        with: case.assignee.map_or(String::new(), |id| id.to_string()),
        story,
        has_older,
        seen,
        kept: kept.map(|(_, text)| text.clone()),
        replies,
        handles: handle_views(now, &heard),
        can_answer: heard.iter().any(|h| h.mention.deleted_at.is_none()),
        has_ticket: !tickets.is_empty(),
        held: held.map(|why| why.words()),
        is_private: linked.iter().any(LinkView::is_ticket),
        labels: Label::ALL,
        files_limit: files_limit(&app.config.limits),
        proposed,
        linked,
        dropped,
        others,
        staff: staff_choices(&staff, case.assignee),
        products: product_choices(&products, case.product),
        severities: choices(Severity::ALL, Some(case.severity), Severity::label),
        standings: as_judged_or(Standing::ALL, Standing::label),
        audit: audit
            .into_iter()
            .map(|line| {
                let (actor, reason) = line.who_and_why();
                AuditLine {
                    at: When::new(line.at, now),
                    actor,
                    act: line.act.replace('_', " "),
                    reason,
                }
            })
            .collect(),
        found: found
            .iter()
            .filter_map(|id| threads.get(id).map(ThreadView::of))
            .collect(),
        find,
        typed,
        key: app.random.token(),
        case,
    })
}

/// A reply that somebody has to decide about, or that is on its way; what is said stands in the
/// story, what was discarded in the audit log.
fn reply_view(app: &App, reply: Reply, heard: &[Heard], typed: &Typed) -> Option<ReplyView> {
    if matches!(reply.state, ReplyState::Sent | ReplyState::Discarded) {
        return None;
    }
    let answered = heard.iter().find(|h| h.mention.id == reply.mention)?;
    let handle = answered.handle.as_ref();
    let to = acknowledge::reply_to(&answered.mention, handle);
    let typed_for = |typed: &Option<(ReplyId, String)>| {
        let typed = typed.as_ref().filter(|(id, _)| *id == reply.id);
        typed.map(|(_, text)| text.clone())
    };
    let shown = typed_for(&typed.reply).unwrap_or_else(|| reply.body.clone());
    let weighed = acknowledge::weigh(app, answered.mention.network, &to, &shown);
    let waits_for_hands =
        reply.handoff && matches!(reply.state, ReplyState::Approved | ReplyState::Failed);
    Some(ReplyView {
        is_unsent: reply.is_unsent(),
        id: reply.id,
        state: reply.state,
        purpose: reply.purpose.label(),
        to: handle.map_or_else(|| "somebody".to_owned(), |h| h.label()),
        network: answered.mention.network.label(),
        version: reply.version,
        length: weighed.length,
        length_max: weighed.length_max,
        has_link: weighed.has_link,
        cost: dollars(weighed.cost_micros),
        handoff_reason: weighed.handoff_reason,
        handoff_url: waits_for_hands
            .then(|| handoff::address(app, &reply, &answered.mention, handle)),
        error: reply.error,
        automatic: reply.automatic,
        address: typed_for(&typed.address).unwrap_or_default(),
        shown,
        body: reply.body,
    })
}

/// The accounts that wrote, each once.
fn handle_views(now: Moment, heard: &[Heard]) -> Vec<HandleView> {
    let mut seen = Vec::new();
    let mut views = Vec::new();
    for handle in heard.iter().filter_map(|h| h.handle.as_ref()) {
        if seen.contains(&handle.id) {
            continue;
        }
        seen.push(handle.id);
        views.push(HandleView {
            id: handle.id,
            network: handle.network.label(),
            label: handle.label(),
            proved: handle.proved_at.map(|at| When::new(at.0, now)),
            has_opted_out: handle.opted_out_at.is_some(),
        });
    }
    views
}

fn name_of(products: &[forum::Product], id: Option<ProductId>) -> Option<String> {
    let id = id?;
    products.iter().find(|p| p.id == id).map(|p| p.name.clone())
}

fn staff_choices(staff: &[(UserId, String)], assignee: Option<UserId>) -> Vec<Choice> {
    staff
        .iter()
        .map(|(id, name)| Choice {
            value: id.to_string(),
            label: name.clone(),
            is_chosen: Some(*id) == assignee,
        })
        .collect()
}

/// Every product: a case may be given to the staff of another.
fn product_choices(products: &[forum::Product], chosen: Option<ProductId>) -> Vec<Choice> {
    products
        .iter()
        .map(|p| Choice {
            value: p.id.to_string(),
            label: p.name.clone(),
            is_chosen: Some(p.id) == chosen,
        })
        .collect()
}

/// The threads that links, events and finds name, as far as this person may see them.
fn threads_of(
    conn: &mut Conn,
    user: &CurrentUser,
    links: &[Link],
    events: &[cases::store::StoredEvent],
    found: &[ThreadId],
) -> Result<HashMap<ThreadId, Thread>> {
    let of_links = links.iter().filter_map(|link| match link.target {
        Target::Thread(id) => Some(id),
        _ => None,
    });
    let mut ids: Vec<ThreadId> = of_links
        .chain(events.iter().filter_map(story::thread_of_event))
        .chain(found.iter().copied())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut threads = HashMap::new();
    for id in ids {
        if let Some(thread) = forum::store::thread(conn, id)?
            && forum::policy::can_see(Some(user), &thread)
        {
            threads.insert(id, thread);
        }
    }
    Ok(threads)
}

fn link_views(
    conn: &mut Conn,
    now: Moment,
    user: &CurrentUser,
    products: &[forum::Product],
    links: Vec<Link>,
    threads: &HashMap<ThreadId, Thread>,
) -> Result<Vec<LinkView>> {
    let mut views = Vec::with_capacity(links.len());
    for link in links {
        let target = match link.target {
            Target::Thread(id) => match threads.get(&id) {
                Some(thread) => TargetView::Thread(ThreadView::of(thread)),
                None => TargetView::GoneThread(id),
            },
            Target::Ticket => TargetView::Ticket,
            Target::Case(id) => match cases::store::case(conn, id)? {
                Some(case) if policy::can_work_on(user, &case) => {
                    match queue::rows(conn, now, products, vec![case])?.pop() {
                        Some(row) => TargetView::Case(row),
                        None => TargetView::GoneCase(id),
                    }
                }
                _ => TargetView::GoneCase(id),
            },
        };
        views.push(LinkView {
            id: link.id,
            state: link.state,
            target,
            score: format!("{:.2}", link.score),
            by_rule: !link.rule.is_empty(),
            reasons: link.reasons,
            told: link.told_at.map(|at| When::new(at.0, now)),
        });
    }
    Ok(views)
}

/// The threads that a number, an address or words mean, best first.
fn find_threads(app: &App, find: &str) -> Result<Vec<ThreadId>> {
    if find.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(id) = thread_named(find) {
        return Ok(vec![id]);
    }
    let results = app
        .index
        .search(&SearchQuery::parse(find), None, FOUND_MAX)?;
    Ok(results
        .hits
        .into_iter()
        .map(|hit| ThreadId(hit.thread_id))
        .collect())
}

/// The case that `1000`, `#1000` or `C1000`, as replies name it, means.
pub(super) fn case_named(text: &str) -> Option<CaseId> {
    let digits = text.trim().trim_start_matches(['#', 'c', 'C']);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// The thread that `12`, `#12`, `/t/12/slug` or a whole address of it names.
pub(super) fn thread_named(text: &str) -> Option<ThreadId> {
    let text = text.trim();
    let digits = match text.split_once("/t/") {
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        None => text.strip_prefix('#').unwrap_or(text),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_named_as_replies_name_it() {
        for text in ["1000", "#1000", " C1000 ", "c1000"] {
            assert_eq!(case_named(text), Some(CaseId(1000)), "{text}");
        }
        for text in ["", "C", "1000C", "-1", "99999999999999999999"] {
            assert_eq!(case_named(text), None, "{text}");
        }
    }

    #[test]
    fn a_thread_is_named_by_number_or_address() {
        for text in [
            "12",
            "#12",
            " /t/12/reset ",
            "https://help.example/t/12/reset?page=2",
            "/t/12#p4",
        ] {
            assert_eq!(thread_named(text), Some(ThreadId(12)), "{text}");
        }
        for text in ["", "reset 12", "/t/", "/t/x", "-12", "99999999999999999999"] {
            assert_eq!(thread_named(text), None, "{text}");
        }
    }
}

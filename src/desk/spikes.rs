//! `/desk/spikes`: many people who write of one problem at once, each proposed as one known issue. A
//! person publishes it, says which thread it is, or dismisses it.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::queue::Choice;
use super::{Asked, Paged, bound_to, case, one_more, paged};
use crate::app::App;
use crate::cases::{self, Case, Channel, policy};
use crate::db::Conn;
use crate::error::Result;
use crate::escalations::link::first_sentence;
use crate::escalations::spikes::publish::{self, Issue, Published};
use crate::escalations::spikes::words::informative;
use crate::escalations::spikes::{
    MemberState, Outcome, Spike, SpikeState, counted_people, dismiss, remove,
};
use crate::escalations::store::spikes as store;
use crate::forum::{self, Thread};
use crate::ids::{CaseId, ProductId, SpikeId};
use crate::people::{CurrentUser, Staff};
use crate::web::{Answer, Failure, Form, Page, Query, When, blocking, html, redirect_saying};

/// Spikes on one page.
const PAGE_SPIKES: usize = 20;
/// Members listed on the page of a spike.
const MEMBERS_MAX: i64 = 200;
/// Words in the name of a spike.
const NAME_WORDS: usize = 4;
/// Longest title that is suggested (characters).
const TITLE_CHARS_MAX: usize = 100;
/// Where the list is.
const PATH: &str = "/desk/spikes";

struct Line {
    id: SpikeId,
    about: String,
    why: String,
    product: Option<String>,
    cases: i64,
    found: When,
    last: When,
}

struct Tab {
    href: String,
    label: &'static str,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "desk/spikes.html")]
struct SpikesPage {
    page: Page,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    older: Option<String>,
    newer: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AskedSpikes {
    state: String,
    #[serde(flatten)]
    place: Asked,
}

fn address(state: SpikeState) -> String {
    match state {
        SpikeState::Proposed => PATH.to_owned(),
        other => format!("{PATH}?state={other}"),
    }
}

/// `GET /desk/spikes`
pub async fn list(app: Data<App>, staff: Staff, Query(asked): Query<AskedSpikes>) -> Answer {
    let state = match asked.state.as_str() {
        "" => SpikeState::Proposed,
        word => word
            .parse()
            .map_err(|_| Failure::bad("Choose one of the views above the spikes."))?,
    };
    let before = asked.place.before;
    let Staff { user, page } = staff;
    let mut lines = blocking(&app, move |app| {
        app.db.read(|conn| {
            let products = forum::store::products(conn)?;
            let (of, limit) = (bound_to(&user), one_more(PAGE_SPIKES));
            let found = store::spikes_in(conn, state, of.as_deref(), before.map(SpikeId), limit)?;
            let now = app.now();
            found
                .into_iter()
                .map(|spike| line(conn, spike, &products, now))
                .collect::<Result<Vec<Line>>>()
        })
    })
    .await?;
    let Paged { older, newer } = paged(&mut lines, PAGE_SPIKES, &address(state), before, |line| {
        line.id.0
    });
    html(&SpikesPage {
        page,
        tabs: SpikeState::ALL
            .iter()
            .map(|one| Tab {
                href: address(*one),
                label: one.label(),
                is_current: *one == state,
            })
            .collect(),
        lines,
        older,
        newer,
    })
}

fn line(
    conn: &mut Conn,
    spike: Spike,
    products: &[forum::Product],
    now: crate::clock::Moment,
) -> Result<Line> {
    let mut cases = 0;
    for state in [
        MemberState::Counted,
        MemberState::Linked,
        MemberState::Offered,
    ] {
        cases += store::count_members(conn, spike.id, state)?;
    }
    Ok(Line {
        id: spike.id,
        about: spike.about(NAME_WORDS),
        why: spike.why(),
        product: name_of(products, spike.product),
        cases,
        found: When::new(spike.created_at.0, now),
        last: When::new(spike.last_at.0, now),
    })
}

fn name_of(products: &[forum::Product], id: Option<ProductId>) -> Option<String> {
    let product = products.iter().find(|p| Some(p.id) == id)?;
    Some(product.name.clone())
}

/// A case of a spike, as its page lists it.
struct MemberLine {
    case: CaseId,
    summary: String,
    customer: String,
    channel: Channel,
    state: MemberState,
    at: When,
    /// The words by which it was counted.
    shared: String,
}

impl MemberLine {
    fn is_out(&self) -> bool {
        self.state == MemberState::Removed
    }
}

/// What is suggested, or was typed, for the known issue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    product: String,
    title: String,
    body: String,
}

#[derive(Template)]
#[template(path = "desk/spike.html")]
struct SpikePage {
    page: Page,
    spike: Spike,
    about: String,
    words: String,
    product: Option<String>,
    people: String,
    found: When,
    last: When,
    decided: Option<(String, When)>,
    thread: Option<Thread>,
    /// A thread to which some of the cases are linked already.
    known: Option<(Thread, usize)>,
    members: Vec<MemberLine>,
    /// Cases that are part of it, those not listed too; those that are not this person's to see.
    count: i64,
    hidden: usize,
    products: Vec<Choice>,
    typed: Typed,
    problem: Option<&'static str>,
}

impl SpikePage {
    fn is(&self, state: &str) -> bool {
        self.spike.state.as_str() == state
    }
}

/// `GET /desk/spikes/{id}`
pub async fn page(app: Data<App>, staff: Staff, id: Path<i64>) -> Answer {
    show(&app, staff, SpikeId(*id), None, None).await
}

async fn show(
    app: &App,
    staff: Staff,
    id: SpikeId,
    typed: Option<Typed>,
    problem: Option<&'static str>,
) -> Answer {
    let found = blocking(app, move |app| {
        app.db
            .read(|conn| spike_page(conn, app, staff, id, typed, problem))
    })
    .await?;
    html(&found.ok_or(Failure::NotFound)?)
}

fn spike_page(
    conn: &mut Conn,
    app: &App,
    staff: Staff,
    id: SpikeId,
    typed: Option<Typed>,
    problem: Option<&'static str>,
) -> Result<Option<SpikePage>> {
    let now = app.now();
    let Staff { user, page } = staff;
    let Some(spike) = store::spike(conn, id)?.filter(|spike| spike.is_for(&user)) else {
        return Ok(None);
    };
    let members = store::members(conn, id, 0, MEMBERS_MAX)?;
    let ids: Vec<CaseId> = members.iter().map(|member| member.case).collect();
    let cases = cases::store::desk::by_ids(conn, &ids)?;
    let reports = store::reports_of(conn, &ids)?;
    let lines: Vec<MemberLine> = members
        .iter()
        .filter_map(|member| {
            let case = cases.iter().find(|case| case.id == member.case)?;
            let report = reports.iter().find(|report| report.case == member.case)?;
            policy::can_work_on(&user, case).then(|| MemberLine {
                case: case.id,
                summary: case.summary.clone(),
                customer: case.customer_name.clone(),
                channel: case.channel,
                state: member.state,
                at: When::new(report.at.0, now),
                shared: shared(&spike, &report.text),
            })
        })
        .collect();
    let products: Vec<forum::Product> = forum::store::products(conn)?;
    let typed = match typed {
        Some(typed) => typed,
        None => suggested(&spike, &cases, &products),
    };
    let choices = products
        .iter()
        .filter(|product| user.is_staff_of(Some(product.id)))
        .map(|product| Choice {
            value: product.slug.clone(),
            label: product.name.clone(),
            is_chosen: product.slug == typed.product,
        });
    let decided = match (spike.decided_by, spike.decided_at) {
        (Some(by), Some(at)) => {
            crate::people::store::name_of(conn, by)?.map(|name| (name, When::new(at.0, now)))
        }
        _ => None,
    };
    let mut count = 0;
    for state in [
        MemberState::Counted,
        MemberState::Linked,
        MemberState::Offered,
    ] {
        count += store::count_members(conn, id, state)?;
    }
    let thread = match spike.thread {
        Some(thread) => forum::store::thread(conn, thread)?,
        None => None,
    };
    Ok(Some(SpikePage {
        page,
        about: spike.about(NAME_WORDS),
        words: spike.about(usize::MAX),
        product: name_of(&products, spike.product),
        people: counted_people(spike.authors),
        found: When::new(spike.created_at.0, now),
        last: When::new(spike.last_at.0, now),
        decided,
        thread,
        known: most_linked(conn, &ids)?,
        hidden: members.len() - lines.len(),
        members: lines,
        count,
        products: choices.collect(),
        typed,
        problem,
        spike,
    }))
}

/// The words of a report that are words of the spike.
fn shared(spike: &Spike, text: &str) -> String {
    let said = informative(text);
    let common = said
        .iter()
        .filter(|word| spike.words.iter().any(|of| of.root == word.root));
    let words: Vec<&str> = common.map(|word| word.word.as_str()).collect();
    words.join(", ")
}

/// The public thread to which most of these cases are linked, and how many are.
fn most_linked(conn: &mut Conn, of: &[CaseId]) -> Result<Option<(Thread, usize)>> {
    use crate::cases::links::{LinkState, Target};
    let mut counts = std::collections::HashMap::new();
    for link in cases::store::links_of_any(conn, of)? {
        if let (Target::Thread(thread), LinkState::Confirmed) = (link.target, link.state) {
            *counts.entry(thread).or_insert(0_usize) += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(thread, n)| (*n, -thread.0));
    let Some((thread, n)) = most.filter(|(_, n)| *n > 1) else {
        return Ok(None);
    };
    let thread = forum::store::thread(conn, thread)?;
    let thread = thread.filter(|t| t.visibility == forum::Visibility::Public);
    Ok(thread.map(|thread| (thread, n)))
}

/// A known issue to start from. What came by mail or form is private: only words of public posts stand
/// in it.
fn suggested(spike: &Spike, cases: &[Case], products: &[forum::Product]) -> Typed {
    let is_public = |case: &&Case| !matches!(case.channel, Channel::Email | Channel::Form);
    let telling = cases.iter().filter(is_public).max_by_key(|case| {
        let words = informative(&case.summary);
        let shared = words
            .iter()
            .filter(|word| spike.words.iter().any(|of| of.root == word.root))
            .count();
        // Of those that share as much, the one that says least else.
        (shared, std::cmp::Reverse((words.len(), case.id)))
    });
    let title = match telling {
        Some(case) => first_sentence(&case.summary, TITLE_CHARS_MAX),
        None => format!("Many report: {}", spike.about(NAME_WORDS)),
    };
    let product = products.iter().find(|p| Some(p.id) == spike.product);
    let only = products.first().filter(|_| products.len() == 1);
    Typed {
        product: product.or(only).map(|p| p.slug.clone()).unwrap_or_default(),
        title,
        body: format!(
            "Several customers report this since {}. We are looking into it, and will write here what we find.",
            spike.created_at.readable()
        ),
    }
}

/// `POST /desk/spikes/{id}/publish`: makes it a known issue, to which its cases are linked.
pub async fn publish(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<Typed>) -> Answer {
    let typed = form.fields;
    let products = blocking(&app, |app| app.db.read(forum::store::products)).await?;
    let Some(product) = products.iter().find(|p| p.slug == typed.product) else {
        let problem = "Choose the product whose known issue it is.";
        return show(&app, staff, SpikeId(*id), Some(typed), Some(problem)).await;
    };
    let issue = Issue::New {
        product: product.id,
        title: typed.title.split_whitespace().collect::<Vec<_>>().join(" "),
        body: typed.body.clone(),
    };
    make(&app, staff, SpikeId(*id), issue, Some(typed)).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct KnownForm {
    thread: String,
}

/// `POST /desk/spikes/{id}/known`: says which thread it is.
pub async fn known(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<KnownForm>) -> Answer {
    let thread = case::thread_named(&form.fields.thread)
        .ok_or_else(|| Failure::bad("Give the thread's number or its address."))?;
    make(&app, staff, SpikeId(*id), Issue::Known(thread), None).await
}

async fn make(app: &App, staff: Staff, id: SpikeId, issue: Issue, typed: Option<Typed>) -> Answer {
    let by = staff.user.clone();
    let done = blocking(app, move |app| publish::publish(app, &by, id, &issue)).await?;
    match done {
        Published::Done(thread) => {
            let words = format!(
                "“{}” is its thread. Its cases are being linked.",
                thread.title
            );
            Ok(redirect_saying(
                app,
                &format!("{PATH}/{id}"),
                "success",
                &words,
            ))
        }
        Published::Refused(why) => show(app, staff, id, typed, Some(why)).await,
        Published::Not(outcome) => said(app, id, outcome, ""),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WhyForm {
    reason: String,
    /// Set to take the act back.
    undo: String,
}

impl WhyForm {
    fn why(&self) -> String {
        super::actions::why(&self.reason)
    }
}

/// `POST /desk/spikes/{id}/dismiss`: puts it away, or (`undo`) takes that back.
pub async fn dismiss(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<WhyForm>) -> Answer {
    let (id, why, undo) = (
        SpikeId(*id),
        form.fields.why(),
        !form.fields.undo.is_empty(),
    );
    let by = staff.user;
    let outcome = blocking(&app, move |app| {
        if undo {
            dismiss::propose_again(app, &by, id, &why)
        } else {
            dismiss::dismiss(app, &by, id, &why)
        }
    })
    .await?;
    let words = if undo {
        "It is to be decided again."
    } else {
        "Dismissed. It is proposed again only if far more people write of it, or after a quiet day."
    };
    said(&app, id, outcome, words)
}

/// `POST /desk/spikes/{id}/unpublish`: its cases are linked no longer; the thread stays.
pub async fn unpublish(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<WhyForm>) -> Answer {
    let (id, why, by) = (SpikeId(*id), form.fields.why(), staff.user);
    let outcome = blocking(&app, move |app| publish::unpublish(app, &by, id, &why)).await?;
    said(
        &app,
        id,
        outcome,
        "Its cases are linked no longer. The thread itself is as it was.",
    )
}

/// `POST /desk/spikes/{id}/case/{case}`: takes a case out, or (`undo`) back in.
pub async fn member(
    app: Data<App>,
    staff: Staff,
    path: Path<(i64, i64)>,
    form: Form<WhyForm>,
) -> Answer {
    let (id, case) = path.into_inner();
    let (id, case, is_out) = (SpikeId(id), CaseId(case), form.fields.undo.is_empty());
    let by: CurrentUser = staff.user;
    let outcome = blocking(&app, move |app| remove::remove(app, &by, id, case, is_out)).await?;
    let words = if is_out {
        format!("Case {case} is taken out.")
    } else {
        format!("Case {case} is counted again.")
    };
    said(&app, id, outcome, &words)
}

fn said(app: &App, id: SpikeId, outcome: Outcome, words: &str) -> Result<HttpResponse, Failure> {
    let to = format!("{PATH}/{id}");
    match outcome {
        Outcome::Done => Ok(redirect_saying(app, &to, "success", words)),
        Outcome::Already => {
            let words = "It stands so already, or a colleague decided meanwhile: look again.";
            Ok(redirect_saying(app, &to, "info", words))
        }
        Outcome::NotAllowed => Err(Failure::forbidden(
            "This spike is about a product that you don't look after.",
        )),
        Outcome::NoSuchSpike => Err(Failure::NotFound),
    }
}

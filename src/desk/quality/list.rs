//! `/desk/quality/list`: what a figure counts.

use actix_web::web::Data;
use askama::Template;

use super::{Asked, Facts, PATH, Scope, WEEKS, chosen, is_corrected, whole};
use crate::app::App;
use crate::cases;
use crate::clock::Moment;
use crate::db::Conn;
use crate::desk::queue::{Row, rows};
use crate::error::Result;
use crate::escalations::Label;
use crate::escalations::quality::{CaseFigure, Deflected, DeflectionFigure, Judged, Period};
use crate::escalations::spikes::SpikeState;
use crate::escalations::store as mentions;
use crate::forum;
use crate::ids::{CaseId, MentionId, SpikeId, ThreadId};
use crate::people::Staff;
use crate::text::personal_data;
use crate::web::{Answer, Failure, Page, Query, When, blocking, html};

/// Lines of a list; the figure counts the rest too, and the page says so.
const LIST_MAX: usize = 500;

/// What a list shows.
enum Listed {
    Cases(CaseFigure),
    Posts(Box<dyn Fn(&Judged) -> bool + Send>, String),
    Spikes(Option<SpikeState>, &'static str),
    Forms(DeflectionFigure),
}

fn listed(figure: &str) -> Option<Listed> {
    if let Ok(figure) = figure.parse::<CaseFigure>() {
        return Some(Listed::Cases(figure));
    }
    if let Ok(figure) = figure.parse::<DeflectionFigure>() {
        return Some(Listed::Forms(figure));
    }
    if let Some(state) = figure.strip_prefix("spikes-") {
        return Some(match state {
            "found" => Listed::Spikes(None, "Spikes found"),
            word => {
                let state: SpikeState = word.parse().ok()?;
                Listed::Spikes(Some(state), state.label())
            }
        });
    }
    match figure {
        "judged" => Some(Listed::Posts(
            Box::new(|_| true),
            "Posts that a rule judged".into(),
        )),
        "corrected" => {
            let title = "Posts whose judgement was corrected".into();
            Some(Listed::Posts(Box::new(is_corrected), title))
        }
        cell => {
            let (from, to) = cell.strip_prefix("judged-")?.split_once('-')?;
            let (from, to): (Label, Label) = (from.parse().ok()?, to.parse().ok()?);
            let title = format!("Judged {}, held to be {}", from.label(), to.label());
            let is_one = move |one: &Judged| one.judged == from && one.held() == to;
            Some(Listed::Posts(Box::new(is_one), title))
        }
    }
}

/// A post in a list.
struct PostLine {
    text: String,
    judged: &'static str,
    held: Option<&'static str>,
    case: Option<CaseId>,
}

/// A spike in a list.
struct SpikeLine {
    id: SpikeId,
    about: String,
    why: String,
    state: SpikeState,
}

/// A form that showed threads, in a list.
struct FormLine {
    at: When,
    place: &'static str,
    thread: Option<(ThreadId, String)>,
    outcome: &'static str,
    case: Option<CaseId>,
}

#[derive(Template)]
#[template(path = "desk/quality_list.html")]
struct ListPage {
    page: Page,
    title: String,
    when: String,
    back: String,
    count: usize,
    rows: Vec<Row>,
    posts: Vec<PostLine>,
    spikes: Vec<SpikeLine>,
    forms: Vec<FormLine>,
}

impl ListPage {
    fn is_cut(&self) -> bool {
        let listed = self.rows.len() + self.posts.len() + self.spikes.len() + self.forms.len();
        self.count > listed
    }
}

/// `GET /desk/quality/list`: what a figure counts.
pub async fn list(app: Data<App>, staff: Staff, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let unknown = || Failure::bad("There is no such figure. Open one from the quality page.");
    let listed = listed(&asked.figure).ok_or_else(unknown)?;
    let period = match asked.week.as_str() {
        "" => whole(now),
        day => Period::week_from(Moment::parse_day(day).ok_or_else(unknown)?),
    };
    let products = blocking(&app, |app| app.db.read(forum::store::products)).await?;
    let product = chosen(&products, &asked.product)?;
    let scope = Scope::of(&staff.user, product);
    let mut shown = ListPage {
        page: staff.page,
        title: String::new(),
        when: match asked.week.as_str() {
            "" => format!("of {WEEKS} weeks"),
            _ => {
                let day = period.from.readable();
                format!(
                    "of the week of {}",
                    day.split(',').next().unwrap_or_default()
                )
            }
        },
        back: match asked.product.as_str() {
            "" => PATH.to_owned(),
            slug => format!("{PATH}?product={slug}"),
        },
        count: 0,
        rows: Vec::new(),
        posts: Vec::new(),
        spikes: Vec::new(),
        forms: Vec::new(),
    };
    let shown = blocking(&app, move |app| {
        app.db.read(|conn| {
            let facts = Facts::of(conn, now, period, &scope)?;
            match listed {
                Listed::Cases(figure) => {
                    let mut ids = figure.cases(&facts.links);
                    shown.title = figure.label().to_owned();
                    shown.count = ids.len();
                    ids.reverse();
                    ids.truncate(LIST_MAX);
                    let found = cases::store::desk::by_ids(conn, &ids)?;
                    shown.rows = rows(conn, now, &products, found)?;
                }
                Listed::Posts(is_one, title) => {
                    let mut found: Vec<Judged> =
                        facts.judged.into_iter().filter(|one| is_one(one)).collect();
                    shown.title = title;
                    shown.count = found.len();
                    found.reverse();
                    found.truncate(LIST_MAX);
                    for one in found {
                        shown.posts.push(post_line(conn, &one)?);
                    }
                }
                Listed::Spikes(state, title) => {
                    let ids = facts.spikes.iter().rev();
                    let ids = ids.filter(|(_, is)| state.is_none_or(|s| s == *is));
                    let ids: Vec<SpikeId> = ids.map(|(id, _)| *id).collect();
                    shown.title = title.to_owned();
                    shown.count = ids.len();
                    for id in ids.into_iter().take(LIST_MAX) {
                        shown.spikes.extend(spike_line(conn, id)?);
                    }
                }
                Listed::Forms(figure) => {
                    let is_one = |one: &&Deflected| figure.counts(one, now);
                    let found: Vec<&Deflected> = facts.deflected.iter().filter(is_one).collect();
                    shown.title = figure.label().to_owned();
                    shown.count = found.len();
                    let newest = found.into_iter().rev().take(LIST_MAX);
                    shown.forms = newest.map(|one| form_line(one, now)).collect();
                }
            }
            Ok(shown)
        })
    })
    .await?;
    html(&shown)
}

fn form_line(one: &Deflected, now: Moment) -> FormLine {
    FormLine {
        at: When::new(one.shown_at.0, now),
        place: match one.place.as_str() {
            "contact" => "Contact form",
            _ => "New question",
        },
        thread: one.thread.clone(),
        outcome: if one.is_written {
            "Written all the same"
        } else if one.is_solved {
            "“This solved it”"
        } else if DeflectionFigure::Left.counts(one, now) {
            "Left without writing"
        } else {
            "Perhaps still writing"
        },
        case: one.taken_back_by,
    }
}

fn post_line(conn: &mut Conn, one: &Judged) -> Result<PostLine> {
    let post = mentions::mention(conn, MentionId(one.post.0))?;
    let case = match post.as_ref().and_then(|post| post.case) {
        Some(case) => cases::store::case_or_successor(conn, case)?.map(|case| case.id),
        None => None,
    };
    let text = post
        .filter(|post| post.deleted_at.is_none())
        .map(|post| post.text);
    Ok(PostLine {
        text: match text {
            Some(text) => personal_data::mask(&text),
            None => "(deleted by its author)".to_owned(),
        },
        judged: one.judged.label(),
        held: is_corrected(one).then(|| one.held().label()),
        case,
    })
}

fn spike_line(conn: &mut Conn, id: SpikeId) -> Result<Option<SpikeLine>> {
    let spike = mentions::spikes::spike(conn, id)?;
    Ok(spike.map(|spike| SpikeLine {
        id,
        about: spike.about(4),
        why: spike.why(),
        state: spike.state,
    }))
}

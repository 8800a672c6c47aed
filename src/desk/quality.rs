//! `/desk/quality`: how right the rules were, week by week, each figure with the list it counts.

use std::collections::BTreeSet;

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::bound_to;
use super::queue::{Choice, Row, rows};
use crate::app::App;
use crate::cases;
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::escalations::quality::{CaseFigure, Judged, Linked, Period, WEEK, may_see};
use crate::escalations::spikes::SpikeState;
use crate::escalations::store::{self as mentions, quality as store};
use crate::escalations::{Label, quality};
use crate::forum::{self, Product};
use crate::ids::{CaseId, MentionId, ProductId, SpikeId};
use crate::people::{CurrentUser, Staff};
use crate::text::personal_data;
use crate::web::{Answer, Failure, Page, Query, blocking, html};

/// Weeks shown, this one too.
const WEEKS: i64 = 8;
/// Lines of a list; the figure counts the rest too, and the page says so.
const LIST_MAX: usize = 500;
/// Where the page is.
const PATH: &str = "/desk/quality";

/// What is asked for, as an address has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    product: String,
    /// The day a week begins; empty for all that are shown.
    week: String,
    figure: String,
}

impl Asked {
    fn address(&self, week: Option<Moment>, figure: &str) -> String {
        let week = week.map(|week| week.day()).unwrap_or_default();
        let fields = [
            ("figure", figure),
            ("week", &week),
            ("product", &self.product),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()))
            .finish();
        format!("{PATH}/list?{query}")
    }
}

/// A number that opens what it counts.
struct Figure {
    href: String,
    count: usize,
    /// What share it is, with of what: "94% of 50"; nothing where there is nothing to share.
    share: String,
    label: &'static str,
}

/// The figures of one week, or of all.
struct Line {
    name: String,
    figures: Vec<Figure>,
}

/// A table of weeks.
struct Table {
    id: &'static str,
    title: &'static str,
    /// What its figures mean.
    meaning: &'static str,
    heads: Vec<&'static str>,
    lines: Vec<Line>,
}

/// What judgements became.
struct Confusion {
    judged: &'static str,
    cells: Vec<Figure>,
}

#[derive(Template)]
#[template(path = "desk/quality.html")]
struct QualityPage {
    page: Page,
    products: Vec<Choice>,
    is_filtered: bool,
    tables: Vec<Table>,
    labels: Vec<&'static str>,
    confusion: Vec<Confusion>,
}

/// All that was asked of the store for one period.
struct Facts {
    links: Vec<Linked>,
    judged: Vec<Judged>,
    spikes: Vec<(SpikeId, SpikeState)>,
}

/// Whose rows are counted.
struct Scope {
    /// The product that was chosen.
    product: Option<ProductId>,
    /// The products that the person is bound to.
    bound: Option<BTreeSet<i64>>,
}

impl Scope {
    fn of(user: &CurrentUser, product: Option<ProductId>) -> Scope {
        let bound = bound_to(user);
        Scope {
            product,
            bound: bound.map(|ids| ids.into_iter().map(|p| p.0).collect()),
        }
    }

    fn has(&self, product: Option<ProductId>) -> bool {
        let is_chosen = self.product.is_none() || self.product == product;
        is_chosen && may_see(product, self.bound.as_ref())
    }
}

impl Facts {
    fn of(conn: &mut Conn, period: Period, scope: &Scope) -> Result<Facts> {
        let mut links = store::linked_by_rules(conn, period)?;
        links.retain(|link| scope.has(link.product));
        let mut judged = store::judged_by_rules(conn, period)?;
        judged.retain(|one| scope.has(one.product));
        let found = store::spikes_found(conn, period)?.into_iter();
        Ok(Facts {
            links,
            judged,
            spikes: found
                .filter(|(_, product, _)| scope.has(*product))
                .map(|(id, _, state)| (id, state))
                .collect(),
        })
    }
}

fn chosen(products: &[Product], slug: &str) -> Result<Option<ProductId>, Failure> {
    match slug {
        "" => Ok(None),
        slug => match products.iter().find(|p| p.slug == slug) {
            Some(product) => Ok(Some(product.id)),
            None => Err(Failure::bad("There is no product of this name.")),
        },
    }
}

/// The weeks shown, the newest first.
fn weeks(now: Moment) -> Vec<Period> {
    let newest = Period::week_of(now).from;
    (0..WEEKS)
        .map(|back| Period::week_from(newest.plus(-WEEK * back)))
        .collect()
}

/// All that is shown.
fn whole(now: Moment) -> Period {
    let newest = Period::week_of(now);
    Period {
        from: newest.from.plus(-WEEK * (WEEKS - 1)),
        to: newest.to,
    }
}

fn share(part: usize, of: usize) -> String {
    match of {
        0 => String::new(),
        of => format!("{:.0}% of {of}", 100.0 * part as f64 / of as f64),
    }
}

/// `GET /desk/quality`
pub async fn page(app: Data<App>, staff: Staff, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let products = blocking(&app, |app| app.db.read(forum::store::products)).await?;
    let product = chosen(&products, &asked.product)?;
    let Staff { user, page } = staff;
    let scope = Scope::of(&user, product);
    let (all, by_week) = blocking(&app, move |app| {
        app.db.read(|conn| {
            let all = Facts::of(conn, whole(now), &scope)?;
            let by_week = weeks(now)
                .into_iter()
                .map(|week| Ok((week.from, Facts::of(conn, week, &scope)?)))
                .collect::<Result<Vec<_>>>()?;
            Ok((all, by_week))
        })
    })
    .await?;
    let tables = vec![
        table(
            "auto",
            "Links that a rule made by itself",
            "Right means that nobody took the link back: whoever works on the case sees it. The share is of the cases linked.",
            &[
                CaseFigure::Linked,
                CaseFigure::Standing,
                CaseFigure::TakenBack,
            ],
            &asked,
            &all,
            &by_week,
        ),
        table(
            "proposals",
            "Threads that a rule proposed",
            "A case counts once, however many threads were proposed to it. The shares are of the cases with a proposal.",
            &[
                CaseFigure::Offered,
                CaseFigure::Accepted,
                CaseFigure::Refused,
                CaseFigure::Open,
            ],
            &asked,
            &all,
            &by_week,
        ),
        judged_table(&asked, &all, &by_week),
        spike_table(&asked, &all, &by_week),
    ];
    html(&QualityPage {
        page,
        products: products
            .iter()
            .filter(|p| user.is_staff_of(Some(p.id)))
            .map(|p| Choice {
                value: p.slug.clone(),
                label: p.name.clone(),
                is_chosen: Some(p.id) == product,
            })
            .collect(),
        is_filtered: product.is_some(),
        tables,
        labels: Label::ALL.iter().map(|label| label.label()).collect(),
        confusion: confusion(&asked, &all.judged),
    })
}

fn lines(
    all: &Facts,
    by_week: &[(Moment, Facts)],
    figures: impl Fn(Option<Moment>, &Facts) -> Vec<Figure>,
) -> Vec<Line> {
    let weeks = by_week.iter().map(|(week, facts)| Line {
        name: format!(
            "Week of {}",
            week.readable().split(',').next().unwrap_or_default()
        ),
        figures: figures(Some(*week), facts),
    });
    let sum = Line {
        name: format!("All {WEEKS} weeks"),
        figures: figures(None, all),
    };
    weeks.chain(std::iter::once(sum)).collect()
}

fn table(
    id: &'static str,
    title: &'static str,
    meaning: &'static str,
    figures: &[CaseFigure],
    asked: &Asked,
    all: &Facts,
    by_week: &[(Moment, Facts)],
) -> Table {
    Table {
        id,
        title,
        meaning,
        heads: figures.iter().map(|figure| figure.label()).collect(),
        lines: lines(all, by_week, |week, facts| {
            let whole = figures.first().map_or(0, |f| f.cases(&facts.links).len());
            let of = |(n, figure): (usize, &CaseFigure)| {
                let count = figure.cases(&facts.links).len();
                Figure {
                    href: asked.address(week, figure.as_str()),
                    count,
                    share: if n == 0 {
                        String::new()
                    } else {
                        share(count, whole)
                    },
                    label: figure.label(),
                }
            };
            figures.iter().enumerate().map(of).collect()
        }),
    }
}

fn judged_table(asked: &Asked, all: &Facts, by_week: &[(Moment, Facts)]) -> Table {
    Table {
        id: "triage",
        title: "Posts that a rule judged",
        meaning: "Corrected means that a person called it something else. Nobody reads every post that was judged to want nothing, so the true share is higher.",
        heads: vec!["Judged", "Corrected"],
        lines: lines(all, by_week, |week, facts| {
            let corrected = facts.judged.iter().filter(|one| is_corrected(one)).count();
            vec![
                Figure {
                    href: asked.address(week, "judged"),
                    count: facts.judged.len(),
                    share: String::new(),
                    label: "Judged",
                },
                Figure {
                    href: asked.address(week, "corrected"),
                    count: corrected,
                    share: share(corrected, facts.judged.len()),
                    label: "Corrected",
                },
            ]
        }),
    }
}

fn is_corrected(one: &Judged) -> bool {
    one.held() != one.judged
}

fn spike_table(asked: &Asked, all: &Facts, by_week: &[(Moment, Facts)]) -> Table {
    let heads = ["Found", "Published", "Dismissed", "To decide"];
    let states = [
        None,
        Some(SpikeState::Published),
        Some(SpikeState::Dismissed),
        Some(SpikeState::Proposed),
    ];
    Table {
        id: "spikes",
        title: "Spikes",
        meaning: "Many people who wrote of one problem at once. One that was dismissed was no news, or no problem.",
        heads: heads.to_vec(),
        lines: lines(all, by_week, |week, facts| {
            let of = |(state, label): (&Option<SpikeState>, &'static str)| {
                let in_state = facts
                    .spikes
                    .iter()
                    .filter(|(_, is)| state.is_none_or(|s| s == *is));
                let count = in_state.count();
                let word = state.map_or("found", SpikeState::as_str);
                Figure {
                    href: asked.address(week, &format!("spikes-{word}")),
                    count,
                    share: match state {
                        None => String::new(),
                        Some(_) => share(count, facts.spikes.len()),
                    },
                    label,
                }
            };
            states.iter().zip(heads).map(of).collect()
        }),
    }
}

fn confusion(asked: &Asked, judged: &[Judged]) -> Vec<Confusion> {
    let table = quality::confusion(judged);
    Label::ALL
        .iter()
        .zip(table)
        .map(|(from, row)| Confusion {
            judged: from.label(),
            cells: Label::ALL
                .iter()
                .zip(row)
                .map(|(to, count)| Figure {
                    href: asked.address(None, &format!("judged-{from}-{to}")),
                    count,
                    share: String::new(),
                    label: to.label(),
                })
                .collect(),
        })
        .collect()
}

/// What a list shows.
enum Listed {
    Cases(CaseFigure),
    Posts(Box<dyn Fn(&Judged) -> bool + Send>, String),
    Spikes(Option<SpikeState>, &'static str),
}

fn listed(figure: &str) -> Option<Listed> {
    if let Ok(figure) = figure.parse::<CaseFigure>() {
        return Some(Listed::Cases(figure));
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
}

impl ListPage {
    fn is_cut(&self) -> bool {
        self.count > self.rows.len() + self.posts.len() + self.spikes.len()
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
    };
    let shown = blocking(&app, move |app| {
        app.db.read(|conn| {
            let facts = Facts::of(conn, period, &scope)?;
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
            }
            Ok(shown)
        })
    })
    .await?;
    html(&shown)
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

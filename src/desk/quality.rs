//! `/desk/quality`: how right the rules were, week by week, each figure with the list it counts.

pub mod list;

use std::collections::BTreeSet;

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::bound_to;
use super::queue::Choice;
use crate::app::App;
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::escalations::quality::{
    CaseFigure, Deflected, DeflectionFigure, Judged, Linked, Period, WEEK, may_see,
};
use crate::escalations::spikes::SpikeState;
use crate::escalations::store::{deflections, quality as store};
use crate::escalations::{Label, quality, site_models};
use crate::forum::{self, Product};
use crate::ids::{ProductId, SpikeId};
use crate::people::{CurrentUser, Staff};
use crate::web::{Answer, Failure, Page, Query, blocking, html};

/// Weeks shown, this one too.
const WEEKS: i64 = 8;
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
    /// What each signal of the ranker is worth, the weightiest first.
    weights: Vec<(&'static str, String)>,
    weights_are_own: bool,
}

/// All that was asked of the store for one period.
struct Facts {
    links: Vec<Linked>,
    judged: Vec<Judged>,
    spikes: Vec<(SpikeId, SpikeState)>,
    deflected: Vec<Deflected>,
    now: Moment,
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
    fn of(conn: &mut Conn, now: Moment, period: Period, scope: &Scope) -> Result<Facts> {
        let mut links = store::linked_by_rules(conn, period)?;
        links.retain(|link| scope.has(link.product));
        let mut judged = store::judged_by_rules(conn, period)?;
        judged.retain(|one| scope.has(one.product));
        let mut deflected = deflections::shown_in(conn, period)?;
        deflected.retain(|one| scope.has(one.product));
        let found = store::spikes_found(conn, period)?.into_iter();
        Ok(Facts {
            deflected,
            now,
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
    let shipped = app.ranker.shipped();
    let ours = shipped.clone();
    let (all, by_week, own) = blocking(&app, move |app| {
        app.db.read(|conn| {
            let all = Facts::of(conn, now, whole(now), &scope)?;
            let by_week = weeks(now)
                .into_iter()
                .map(|week| Ok((week.from, Facts::of(conn, now, week, &scope)?)))
                .collect::<Result<Vec<_>>>()?;
            Ok((all, by_week, site_models::ranker_weights(conn, &ours)?))
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
        deflection_table(&asked, &all, &by_week),
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
        weights_are_own: own.is_some(),
        weights: own
            .unwrap_or(shipped)
            .in_words()
            .into_iter()
            .map(|(signal, weight)| (signal, format!("{weight:+.2}")))
            .collect(),
    })
}

fn lines(
    all: &Facts,
    by_week: &[(Moment, Facts)],
    figures: impl Fn(Option<Moment>, &Facts) -> Vec<Figure>,
) -> Vec<Line> {
    let mut weeks: Vec<Line> = by_week
        .iter()
        .map(|(week, facts)| Line {
            name: format!(
                "Week of {}",
                week.readable().split(',').next().unwrap_or_default()
            ),
            figures: figures(Some(*week), facts),
        })
        .collect();
    // Weeks before the first of which there is something to tell only push the sum out of sight.
    let is_empty = |line: &Line| line.figures.iter().all(|figure| figure.count == 0);
    while weeks.len() > 1 && weeks.last().is_some_and(is_empty) {
        weeks.pop();
    }
    let sum = Line {
        name: format!("All {WEEKS} weeks"),
        figures: figures(None, all),
    };
    weeks.push(sum);
    weeks
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

fn deflection_table(asked: &Asked, all: &Facts, by_week: &[(Moment, Facts)]) -> Table {
    Table {
        id: "deflection",
        title: "Messages that a thread answered first",
        meaning: "Each form that showed threads counts once. Who left without writing within the hour may have been helped, or have given up; “this solved it” was said. A case that a member opens within seven days takes the credit back; of visitors we don’t know who they are, so their returns can’t be counted.",
        heads: DeflectionFigure::ALL
            .iter()
            .map(|figure| figure.label())
            .collect(),
        lines: lines(all, by_week, |week, facts| {
            let of = |figure: &DeflectionFigure| {
                let count = facts
                    .deflected
                    .iter()
                    .filter(|one| figure.counts(one, facts.now))
                    .count();
                Figure {
                    href: asked.address(week, figure.as_str()),
                    count,
                    share: match figure {
                        DeflectionFigure::Shown => String::new(),
                        _ => share(count, facts.deflected.len()),
                    },
                    label: figure.label(),
                }
            };
            DeflectionFigure::ALL.iter().map(of).collect()
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

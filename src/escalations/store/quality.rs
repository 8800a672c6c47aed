//! Queries of what became of what the rules did.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{cases, links, spikes, triages};
use crate::error::Result;
use crate::escalations::Label;
use crate::escalations::quality::{Judged, Linked, Period};
use crate::escalations::spikes::{SpikeState, publish};
use crate::ids::{CaseId, MentionId, ProductId, SpikeId};

/// Links of one period that are looked at, and judgements: more than a busy desk makes in a month.
const ROWS_MAX: i64 = 200_000;
/// Judgements whose corrections are read in one query.
const CHUNK: usize = 500;

/// The links to threads that rules made or proposed in this time, with what became of them, the oldest
/// first. Those of spikes are left out: a person decided about these together.
pub fn linked_by_rules(conn: &mut Conn, period: Period) -> Result<Vec<Linked>> {
    type Row = (i64, Option<i64>, String, String, f64, Option<i64>);
    let not_counted = ["", publish::RULE];
    let rows: Vec<Row> = links::table
        .inner_join(cases::table.on(cases::id.eq(links::case_id)))
        .filter(
            links::created_at
                .ge(period.from.0)
                .and(links::created_at.lt(period.to.0)),
        )
        .filter(links::target.eq("thread"))
        .filter(links::rule.ne_all(not_counted))
        .order(links::id)
        .limit(ROWS_MAX)
        .select((
            links::case_id,
            cases::product_id,
            links::rule,
            links::state,
            links::score,
            links::decided_by,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(case, product, rule, state, score, by)| {
            Ok(Linked {
                case: CaseId(case),
                product: product.map(ProductId),
                rule,
                state: state.parse()?,
                score,
                by_person: by.is_some(),
            })
        })
        .collect()
}

/// The posts that the rules judged in this time, each with what a person called it since.
pub fn judged_by_rules(conn: &mut Conn, period: Period) -> Result<Vec<Judged>> {
    type Row = (i64, i64, String, Option<i64>);
    let rows: Vec<Row> = triages::table
        .filter(
            triages::created_at
                .ge(period.from.0)
                .and(triages::created_at.lt(period.to.0)),
        )
        .filter(triages::by_user_id.is_null())
        .order(triages::id)
        .limit(ROWS_MAX)
        .select((
            triages::id,
            triages::mention_id,
            triages::label,
            triages::product_id,
        ))
        .load(conn)?;
    // Of a post that was judged again after an edit, the newest judgement counts.
    let newest: HashMap<i64, Row> = rows.into_iter().map(|row| (row.1, row)).collect();
    let mut posts: Vec<i64> = newest.keys().copied().collect();
    posts.sort_unstable();
    let mut said: HashMap<i64, (i64, String)> = HashMap::new();
    for chunk in posts.chunks(CHUNK) {
        let corrections: Vec<(i64, i64, String)> = triages::table
            .filter(triages::mention_id.eq_any(chunk))
            .filter(triages::by_user_id.is_not_null())
            .order(triages::id)
            .select((triages::id, triages::mention_id, triages::label))
            .load(conn)?;
        said.extend(
            corrections
                .into_iter()
                .map(|(id, post, label)| (post, (id, label))),
        );
    }
    posts
        .into_iter()
        .filter_map(|post| newest.get(&post))
        .map(|(id, post, label, product)| {
            let corrected = said.get(post).filter(|(later, _)| later > id);
            Ok(Judged {
                post: MentionId(*post),
                product: product.map(ProductId),
                judged: label.parse()?,
                said: corrected
                    .map(|(_, label)| label.parse::<Label>())
                    .transpose()?,
            })
        })
        .collect()
}

/// The spikes that were found in this time, with where each stands now.
pub fn spikes_found(
    conn: &mut Conn,
    period: Period,
) -> Result<Vec<(SpikeId, Option<ProductId>, SpikeState)>> {
    let rows: Vec<(i64, Option<i64>, String)> = spikes::table
        .filter(
            spikes::created_at
                .ge(period.from.0)
                .and(spikes::created_at.lt(period.to.0)),
        )
        .order(spikes::id)
        .limit(ROWS_MAX)
        .select((spikes::id, spikes::product_id, spikes::state))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, product, state)| Ok((SpikeId(id), product.map(ProductId), state.parse()?)))
        .collect()
}

/// Of each case of a product that had a thread linked or proposed by a rule since then: the best
/// thread's score, and whether it stands as linked (`Some(true)`), was refused (`Some(false)`), or
/// nobody has said anything about it.
pub fn best_links(
    conn: &mut Conn,
    product: ProductId,
    since: Moment,
) -> Result<Vec<(f64, Option<bool>)>> {
    let period = Period {
        from: since,
        to: Moment(i64::MAX),
    };
    let mut best: HashMap<CaseId, Linked> = HashMap::new();
    for link in linked_by_rules(conn, period)? {
        if link.product != Some(product) {
            continue;
        }
        match best.get(&link.case) {
            Some(better) if better.score >= link.score => {}
            _ => {
                best.insert(link.case, link);
            }
        }
    }
    Ok(best
        .into_values()
        .map(|link| (link.score, link.verdict()))
        .collect())
}

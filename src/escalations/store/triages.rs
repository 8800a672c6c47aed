//! Queries of judgements, and of the products and threads they are made about.

use std::collections::HashMap;

use diesel::prelude::*;
use serde::Serialize;

use crate::cases::Severity;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{mentions, products, threads, topics, triages};
use crate::error::Result;
use crate::escalations::triage::{Product, Topic};
use crate::escalations::{Label, Standing};
use crate::ids::{MentionId, ProductId, ThreadId, TopicId, TriageId, UserId};

/// A judgement to be stored.
pub struct NewTriage<'a> {
    pub mention: MentionId,
    pub label: Label,
    pub p_complaint: f64,
    pub severity: Severity,
    pub standing: Option<Standing>,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub language: Option<&'a str>,
    pub needs_account: bool,
    pub personal_data: &'a [&'a str],
    pub reasons: &'a [String],
    pub by: Option<UserId>,
}

pub fn insert_triage(tx: &mut Conn, new: &NewTriage<'_>, now: Moment) -> Result<()> {
    diesel::insert_into(triages::table)
        .values((
            triages::mention_id.eq(new.mention.0),
            triages::label.eq(new.label.as_str()),
            triages::p_complaint.eq(new.p_complaint),
            triages::severity.eq(new.severity.as_str()),
            triages::standing.eq(new.standing.map(Standing::as_str)),
            triages::product_id.eq(new.product.map(|p| p.0)),
            triages::topic_id.eq(new.topic.map(|t| t.0)),
            triages::language.eq(new.language),
            triages::needs_account.eq(new.needs_account),
            triages::personal_data.eq(json(new.personal_data)),
            triages::reasons.eq(json(new.reasons)),
            triages::by_user_id.eq(new.by.map(|u| u.0)),
            triages::created_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// A list as the JSON text of a column.
fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}

/// A judgement as stored, as far as it is read again.
#[derive(Clone, Debug)]
pub struct StoredTriage {
    pub id: TriageId,
    pub label: Label,
    pub severity: Severity,
    pub standing: Option<Standing>,
    pub reasons: Vec<String>,
}

/// The judgement that holds: the newest.
pub fn triage_of(conn: &mut Conn, mention: MentionId) -> Result<Option<StoredTriage>> {
    Ok(triages_of(conn, &[mention])?.remove(&mention))
}

/// The judgements of these mentions that hold.
pub fn triages_of(conn: &mut Conn, of: &[MentionId]) -> Result<HashMap<MentionId, StoredTriage>> {
    let of: Vec<i64> = of.iter().map(|m| m.0).collect();
    type Row = (i64, i64, String, String, Option<String>, String);
    let rows: Vec<Row> = triages::table
        .filter(triages::mention_id.eq_any(of))
        .order(triages::id)
        .select((
            triages::mention_id,
            triages::id,
            triages::label,
            triages::severity,
            triages::standing,
            triages::reasons,
        ))
        .load(conn)?;
    // The newest comes last.
    rows.into_iter()
        .map(|(mention, id, label, severity, standing, reasons)| {
            let triage = StoredTriage {
                id: TriageId(id),
                label: label.parse()?,
                severity: severity.parse()?,
                standing: standing.map(|word| word.parse()).transpose()?,
                reasons: serde_json::from_str(&reasons).unwrap_or_default(),
            };
            Ok((MentionId(mention), triage))
        })
        .collect()
}

/// What staff corrected last: the text and what they called it.
pub fn corrections(conn: &mut Conn, limit: i64) -> Result<Vec<(String, Label)>> {
    let given: Vec<(i64, String)> = triages::table
        .filter(triages::by_user_id.is_not_null())
        .order(triages::id.desc())
        .limit(limit)
        .select((triages::mention_id, triages::label))
        .load(conn)?;
    let ids: Vec<i64> = given.iter().map(|(id, _)| *id).collect();
    let texts: Vec<(i64, String)> = mentions::table
        .filter(mentions::id.eq_any(ids))
        .filter(mentions::deleted_at.is_null())
        .select((mentions::id, mentions::body_text))
        .load(conn)?;
    let texts: HashMap<i64, String> = texts.into_iter().collect();
    given
        .into_iter()
        .filter_map(|(id, label)| Some((texts.get(&id)?.clone(), label)))
        .map(|(text, label)| Ok((text, label.parse()?)))
        .collect()
}

/// All products with their words and topics, as the judgement needs them.
pub fn catalogue(conn: &mut Conn) -> Result<Vec<Product>> {
    type Row = (i64, String, String, String, f64, f64, bool, bool);
    let rows: Vec<Row> = products::table
        .order((products::position, products::id))
        .select((
            products::id,
            products::slug,
            products::name,
            products::brand_terms,
            products::link_threshold,
            products::propose_threshold,
            products::auto_link,
            products::auto_acknowledge,
        ))
        .load(conn)?;
    let topic_rows: Vec<(i64, i64, String)> = topics::table
        .order((topics::position, topics::id))
        .select((topics::id, topics::product_id, topics::name))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(
            |(id, slug, name, terms, link, propose, auto_link, auto_acknowledge)| Product {
                id: ProductId(id),
                slug,
                name,
                terms: serde_json::from_str(&terms).unwrap_or_default(),
                link_threshold: link,
                propose_threshold: propose,
                auto_link,
                auto_acknowledge,
                topics: topic_rows
                    .iter()
                    .filter(|(_, product, _)| *product == id)
                    .map(|(topic, _, name)| Topic {
                        id: TopicId(*topic),
                        name: name.clone(),
                    })
                    .collect(),
            },
        )
        .collect())
}

/// A public thread.
#[derive(Clone, Debug)]
pub struct ThreadFacts {
    pub id: ThreadId,
    pub product: ProductId,
    pub title: String,
    pub slug: String,
    pub state: String,
    pub kind: String,
    /// An answer was accepted, or the known issue is fixed; also when it was closed since.
    pub is_solved: bool,
}

impl ThreadFacts {
    /// Whether who reads it has the answer: it is solved, or written to be one.
    pub fn answers(&self) -> bool {
        self.is_solved || matches!(self.kind.as_str(), "article" | "announcement")
    }
}

/// Those of these threads that everybody may see, by id.
pub fn public_threads(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, ThreadFacts>> {
    type Row = (
        i64,
        i64,
        String,
        String,
        String,
        (String, String),
        (i64, Option<String>),
    );
    let rows: Vec<Row> = threads::table
        .filter(threads::id.eq_any(ids))
        .select((
            threads::id,
            threads::product_id,
            threads::title,
            threads::slug,
            threads::state,
            (threads::kind, threads::visibility),
            (threads::accepted_count, threads::fixed_in),
        ))
        .load(conn)?;
    // Told apart here: asked for both, SQLite walks all public threads to find these few.
    Ok(rows
        .into_iter()
        .filter(|row| row.5.1 == "public")
        .map(
            |(id, product, title, slug, state, (kind, _), (accepted, fixed))| {
                let kept_solved = state == "closed" && (accepted > 0 || fixed.is_some());
                let facts = ThreadFacts {
                    id: ThreadId(id),
                    product: ProductId(product),
                    title,
                    slug,
                    is_solved: state == "solved" || kept_solved,
                    state,
                    kind,
                };
                (id, facts)
            },
        )
        .collect())
}

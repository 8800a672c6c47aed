//! Learning to judge posts from what staff called them.

use std::collections::{HashMap, HashSet};

use super::compare::{self, Comparison, Figure, UNSEEN_MIN};
use super::{Learned, Trained};
use crate::error::Result;
use crate::escalations::Label;
use crate::escalations::store::site_models::JudgedPost;
use crate::escalations::triage::model::Model;
use crate::escalations::triage::model::metrics::Metrics;
use crate::escalations::triage::model::train::{
    Example, HOLD, Row, digest, gist, prepare, train, train_rows,
};
use crate::escalations::triage::{Knowledge, Post, judge_post};

/// Posts that are learned from: the newest.
pub const POSTS_MAX: usize = 3_000;
/// Corrections that must be there: without any, it would learn what it says already.
pub const CORRECTIONS_MIN: usize = 10;
/// Posts of each kind, complaints and others, that must be there.
pub const OF_EACH_MIN: usize = 20;
/// Posts of one author that are learned from.
const OF_ONE_AUTHOR: usize = 3;
/// Parts by which the new weights are measured on what they were not trained on.
const FOLDS: usize = 5;

/// The posts that are learned from, the oldest first, of those given with what counts most first: each
/// wording once, whatever its numbers and order, and few of one author.
pub fn chosen(posts: Vec<JudgedPost>) -> Vec<JudgedPost> {
    let mut wordings: HashSet<String> = HashSet::new();
    let mut authors: HashMap<i64, usize> = HashMap::new();
    let mut chosen: Vec<JudgedPost> = posts
        .into_iter()
        .filter(|post| {
            let so_far = post.author.map(|author| authors.entry(author).or_default());
            if so_far.as_ref().is_some_and(|n| **n >= OF_ONE_AUTHOR)
                || !wordings.insert(gist(&post.text))
            {
                return false;
            }
            if let Some(so_far) = so_far {
                *so_far += 1;
            }
            true
        })
        .take(POSTS_MAX)
        .collect();
    chosen.sort_by_key(|post| post.id);
    chosen
}

/// What is missing before anything can be learned; `None` when there is enough.
pub fn missing(posts: &[JudgedPost]) -> Option<Learned> {
    let corrected = posts.iter().filter(|p| p.is_corrected).count();
    let complaints = posts.iter().filter(|p| is_complaint(p)).count();
    let too_few = |have: usize, wanted: usize, of: &str| {
        (have < wanted).then(|| Learned::TooFew {
            missing: wanted - have,
            of: of.to_owned(),
        })
    };
    too_few(corrected, CORRECTIONS_MIN, "posts corrected by staff")
        .or_else(|| too_few(complaints, OF_EACH_MIN, "complaints that staff dealt with"))
        .or_else(|| {
            let others = posts.len() - complaints;
            too_few(others, OF_EACH_MIN, "posts that are no complaint")
        })
}

fn is_complaint(post: &JudgedPost) -> bool {
    post.label == Label::Complaint
}

/// What a model's weights mean is told by the shipped ones it was trained from.
pub fn base(shipped: &Model) -> String {
    shipped.about.data.clone()
}

/// Trains on `posts`, oldest first, and compares with what is in use: on the posts after
/// that one's `seen_up_to` when it is a site's own, which was trained on those before.
pub fn learn(
    posts: &[JudgedPost],
    shipped: &Model,
    in_use: Option<(&Model, i64)>,
    tried_up_to: i64,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<std::result::Result<Trained, Learned>> {
    if let Some(learned) = missing(posts) {
        return Ok(Err(learned));
    }
    let (before, seen) = in_use.unwrap_or((shipped, i64::MIN));
    let new = posts.iter().filter(|post| post.id.0 > tried_up_to).count();
    if new < UNSEEN_MIN {
        return Ok(Err(Learned::TooFew {
            missing: UNSEEN_MIN - new,
            of: "posts that staff dealt with since it last learned".to_owned(),
        }));
    }
    let examples: Vec<Example> = posts.iter().zip(0..).map(example).collect();
    let digest = digest(&examples);
    if is_known(&digest) {
        return Ok(Err(Learned::Nothing));
    }
    let prepared = prepare(&examples);
    let Some(model) = train(&prepared, shipped, HOLD) else {
        return Ok(Err(Learned::Nothing));
    };
    let after = judged_unseen(posts, &prepared.rows, shipped);
    let rows: Vec<(f64, f64, bool)> = posts
        .iter()
        .zip(&prepared.rows)
        .zip(after)
        .filter(|((post, _), _)| post.id.0 > seen)
        .map(|((post, row), after)| (judged(post, before), after, row.is_complaint))
        .collect();
    Ok(Ok(Trained {
        weights: model.to_bytes()?,
        examples: posts.len(),
        digest,
        base: base(shipped),
        comparison: comparison(&rows, posts.last().map_or(0, |post| post.id.0)),
    }))
}

fn example((post, n): (&JudgedPost, usize)) -> Example {
    // Posts of one author stay together, so that none is judged by what they said before.
    let group = post.author.map_or(n, |author| {
        usize::try_from(author.unsigned_abs()).unwrap_or(n)
    });
    Example {
        text: post.text.clone(),
        is_complaint: is_complaint(post),
        addressed: post.addressed,
        author: post.author,
        group,
    }
}

/// What weights that were trained on the other parts say of each post.
fn judged_unseen(posts: &[JudgedPost], rows: &[Row], prior: &Model) -> Vec<f64> {
    // Not by the groups' remainder alone: the calibration inside divides by that.
    let part = |row: &Row| row.group / FOLDS % FOLDS;
    let mut said = vec![0.5; rows.len()];
    for fold in 0..FOLDS {
        let others: Vec<&Row> = rows.iter().filter(|row| part(row) != fold).collect();
        let trained = train_rows(&others, prior, HOLD);
        let model = trained.as_ref().unwrap_or(prior);
        for ((said, row), post) in said.iter_mut().zip(rows).zip(posts) {
            if part(row) == fold {
                *said = judged(post, model);
            }
        }
    }
    said
}

/// The probability that the whole judgement comes to with this model.
fn judged(post: &JudgedPost, model: &Model) -> f64 {
    let knowledge = Knowledge {
        model: Some(model),
        ..Knowledge::default()
    };
    let post = Post {
        text: &post.text,
        addressed: post.addressed,
        language: None,
    };
    judge_post(&knowledge, post).p_complaint
}

/// Of `rows`: what was said before, what is said now, and what it is.
fn comparison(rows: &[(f64, f64, bool)], seen_up_to: i64) -> Comparison {
    let losses = |said: fn(&(f64, f64, bool)) -> f64| -> Vec<f64> {
        rows.iter()
            .map(|row| compare::loss(said(row), row.2))
            .collect()
    };
    let (before, after) = (losses(|row| row.0), losses(|row| row.1));
    let metrics = |said: fn(&(f64, f64, bool)) -> f64| {
        let judged: Vec<(f64, bool)> = rows.iter().map(|row| (said(row), row.2)).collect();
        Metrics::of(&judged)
    };
    let (old, new) = (metrics(|row| row.0), metrics(|row| row.1));
    let figure = |name: &str, before: f64, after: f64| Figure {
        name: name.to_owned(),
        before,
        after,
    };
    Comparison {
        judged: rows.len(),
        is_better: compare::fell(&before, &after) && new.macro_f1 >= old.macro_f1,
        figures: vec![
            figure("judged right", old.accuracy, new.accuracy),
            figure("macro F1", old.macro_f1, new.macro_f1),
            figure(
                "calibration error",
                old.calibration_error,
                new.calibration_error,
            ),
            figure("loss", compare::mean(&before), compare::mean(&after)),
        ],
        seen_up_to,
    }
}

//! The ranker: of the threads that share words with a text, which would a reader take for the answer.
//!
//! The search measures (`crate::search`), the memory knows what was linked before, and a model of few
//! weights, each with a name in words, makes one score of it all and a probability. The weights were
//! learned from a public support forum; what a site's staff confirm and reject counts through the memory
//! at once, and through weights of the site's own when there is enough of it.
//!
//! Knows no user and no slice: past links come in through [`PastLinks`], and of a text only weighed
//! numbers of its words are kept.

pub mod fit;
mod meaning;
mod memory;
mod signals;
mod weights;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use meaning::{Directions, Meaning, Meant, PIECES, Stored, VECTORS_MAX, passages};
pub use memory::{LINKS_MAX, Memory, PastLink, Recalled, Verdict, Weighed};
pub use signals::{COUNT, MEANING, SIGNALS, Signals, named, signals_of};
pub use weights::{LEAD_MAX, Weights, shipped, shipped_for, shipped_with_model};

use crate::app::App;
use crate::clock::{HOUR, Moment, SECOND};
use crate::error::Result;
use crate::search::{LIMIT_MAX, Likeness, Measured, Reading, SearchIndex};
use crate::text::counted;
use crate::text::words::normalise;
use signals::{Best, DAY, signals};

/// Decided links are looked for again this far back, because transactions may end in another order
/// than they began (µs).
const OVERLAP_MICROS: i64 = 10 * SECOND;
/// How often is looked for what other nodes decided, while nothing is written here (µs).
const LOOK_EVERY_MICROS: i64 = SECOND;
/// How often everything is read anew, so that a text that was deleted is forgotten (µs).
pub const RELOAD_MICROS: i64 = HOUR;
/// Similarity of past texts from which they are a reason to tell.
const ALIKE_TOLD: f64 = 0.4;
/// Cosine from which closeness in meaning is a reason to tell.
const MEANING_TOLD: f64 = 0.6;
/// The probabilities from which a thread is linked, and proposed, where no product says otherwise; those
/// of a new product. From 0.54 on, 57 of 60 links read by hand were right (docs/linking.md); from 0.46,
/// 85 of 100.
pub const LINK_FROM: f64 = 0.55;
pub const PROPOSE_FROM: f64 = 0.12;
/// Days within which a thread counts as new in the reasons.
const NEW_DAYS: f64 = 7.0;

/// Where decided links come from.
pub trait PastLinks: Send + Sync {
    /// Links to threads that were decided at or after `since` (µs), the oldest first; of more than
    /// `limit` the newest.
    fn decided_since(&self, since: i64, limit: usize) -> Result<Vec<PastLink>>;

    /// The weights that were learned here from the shipped ones on, when there are any.
    fn weights(&self, shipped: &Weights) -> Result<Option<Weights>>;

    /// A number that changes whenever anything was written here: while it stands, nothing was decided.
    fn written(&self) -> u64;

    /// The texts these links were made for; what was deleted has none.
    fn texts(&self, links: &[i64]) -> Result<HashMap<i64, String>>;
}

/// A thread that may be about the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Similar {
    /// The thread's id.
    pub thread_id: i64,
    /// Comparable within one answer.
    pub score: f64,
    /// The probability that a reader would accept the link, 0 to 1.
    pub confidence: f64,
    /// What speaks for it, in words for a person.
    pub reasons: Vec<String>,
    /// What was measured, to learn from once it is decided.
    pub signals: Signals,
}

/// A candidate with its signals, before anything is made of them.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub measured: Measured,
    pub recalled: Recalled,
    pub signals: Signals,
}

/// All candidates of a text.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// In no order.
    pub threads: Vec<Candidate>,
    /// Whether their closeness in meaning is known.
    pub is_meant: bool,
}

/// Ranks threads. One a process, shared by reference.
pub struct Ranker {
    source: Option<Arc<dyn PastLinks>>,
    memory: RwLock<Memory>,
    weights: RwLock<InUse>,
    meaning: Option<Meaning>,
    followed: Mutex<Option<Followed>>,
}

/// The weights in use: the shipped ones, and those of the site in place of the ones they were learned
/// from.
struct InUse {
    by_words: Arc<Weights>,
    with_model: Arc<Weights>,
}

impl InUse {
    fn new(own: Option<Weights>, has_model: bool) -> InUse {
        let (mut by_words, mut with_model) = (shipped(), shipped_with_model());
        match own {
            Some(own) if has_model => with_model = own,
            Some(own) => by_words = own,
            None => {}
        }
        InUse {
            by_words: Arc::new(by_words),
            with_model: Arc::new(with_model),
        }
    }
}

/// How far decided links were read.
#[derive(Clone, Copy)]
struct Followed {
    /// From when on they are to be read (µs).
    since: i64,
    /// When all were read (µs).
    all_at: i64,
    /// When they were last looked for (µs).
    looked_at: i64,
    /// What [`PastLinks::written`] said then.
    written: u64,
}

/// The threads most like a text, best first, with what was linked up to now taken into account.
pub fn similar(app: &App, asked: &Likeness<'_>) -> Result<Vec<Similar>> {
    app.ranker.follow(&app.index, app.now())?;
    Ok(app.ranker.rank(&app.index, asked)?)
}

impl Ranker {
    /// A ranker with the shipped weights. Without a source it knows what it is taught; without a meaning
    /// it goes by words.
    pub fn new(source: Option<Arc<dyn PastLinks>>, meaning: Option<Meaning>) -> Ranker {
        Ranker {
            source,
            memory: RwLock::default(),
            weights: RwLock::new(InUse::new(None, false)),
            meaning,
            followed: Mutex::default(),
        }
    }

    /// The sentence model and its directions, where there is one.
    pub fn meaning(&self) -> Option<&Meaning> {
        self.meaning.as_ref()
    }

    /// The weights that come with the program and suit what this ranker measures.
    pub fn shipped(&self) -> Weights {
        shipped_for(self.meaning.is_some())
    }

    /// The weights in use for candidates whose closeness in meaning is known, or is not.
    pub fn weights(&self, is_meant: bool) -> Arc<Weights> {
        let in_use = self.weights.read().unwrap_or_else(PoisonError::into_inner);
        if is_meant {
            in_use.with_model.clone()
        } else {
            in_use.by_words.clone()
        }
    }

    /// Takes in what was decided since it was last called.
    pub fn follow(&self, index: &SearchIndex, now: Moment) -> Result<()> {
        if let Some(meaning) = &self.meaning {
            meaning.follow(now.0)?;
        }
        let Some(source) = &self.source else {
            return Ok(());
        };
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let written = source.written();
        let since_then = |then: i64| now.0.saturating_sub(then);
        let anew = followed.is_none_or(|known| since_then(known.all_at) >= RELOAD_MICROS);
        let is_known = |known: &Followed| {
            known.written == written && since_then(known.looked_at) < LOOK_EVERY_MICROS
        };
        if !anew && followed.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let (since, all_at) = match *followed {
            Some(known) if !anew => (known.since, known.all_at),
            _ => (0, now.0),
        };
        let shipped = self.shipped();
        let own = source.weights(&shipped)?;
        let in_use = InUse::new(own, self.meaning.is_some());
        *self.weights.write().unwrap_or_else(PoisonError::into_inner) = in_use;
        let links = source.decided_since(since, LINKS_MAX)?;
        let newest = links.last().map_or(since, |link| link.at - OVERLAP_MICROS);
        let mut fresh = Memory::default();
        let unknown: Vec<i64> = {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            let is_unknown = |link: &&PastLink| anew || !memory.knows(link.id);
            links.iter().filter(is_unknown).map(|l| l.id).collect()
        };
        let texts = source.texts(&unknown)?;
        let mut weighed: HashMap<i64, Weighed> = HashMap::with_capacity(texts.len());
        for (id, text) in &texts {
            weighed.insert(*id, Weighed::of(index.read_text(text)?.weighed()));
        }
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        let taught = if anew { &mut fresh } else { &mut *memory };
        for link in links {
            let words = weighed.remove(&link.id);
            taught.learn(link, || words.unwrap_or_default());
        }
        if anew {
            *memory = fresh;
        }
        *followed = Some(Followed {
            since: newest.max(since),
            all_at,
            looked_at: now.0,
            written,
        });
        Ok(())
    }

    /// Teaches one link by hand.
    pub fn learn(&self, link: PastLink, words: Weighed) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        memory.learn(link, || words);
    }

    /// The candidates for a text with their signals. `meant` is what the sentence model makes of it.
    pub fn candidates(
        &self,
        reading: &Reading,
        asked: &Likeness<'_>,
        meant: Option<&Meant<'_>>,
    ) -> crate::search::Result<Candidates> {
        let words = Weighed::of(reading.weighed());
        let recollection = {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            memory.recall(&words, asked.at)
        };
        let mut besides = recollection.threads();
        besides.extend(meant.iter().flat_map(|meant| &meant.threads));
        let measured = reading.measure(asked, &besides)?;
        let cosines = meant.and_then(|m| m.cosines(measured.iter().map(|m| m.thread_id)));
        let largest = |all: &mut dyn Iterator<Item = f64>| all.fold(0.0, f64::max);
        let best = Best {
            whole: largest(&mut measured.iter().map(|m| f64::from(m.whole))),
            meaning: largest(&mut cosines.iter().flatten().copied()),
        };
        let threads = measured.into_iter().enumerate().map(|(n, measured)| {
            let recalled = recollection.of(measured.thread_id);
            let meaning = cosines.as_ref().and_then(|all| all.get(n).copied());
            Candidate {
                signals: signals(&measured, meaning, &recalled, best, asked.at),
                recalled,
                measured,
            }
        });
        Ok(Candidates {
            threads: threads.collect(),
            is_meant: cosines.is_some(),
        })
    }

    /// The threads most like a text, best first; those refused for the same text are not among them.
    pub fn rank(
        &self,
        index: &SearchIndex,
        asked: &Likeness<'_>,
    ) -> crate::search::Result<Vec<Similar>> {
        let reading = index.read_text(asked.text)?;
        // Names and addresses would be all that the model reads of many a post.
        let plain = normalise(asked.text);
        let meant = match &self.meaning {
            Some(meaning) if !reading.is_empty() => meaning.of(&plain),
            _ => None,
        };
        let mut candidates = self.candidates(&reading, asked, meant.as_ref())?;
        let threads = &mut candidates.threads;
        threads.retain(|candidate| !candidate.recalled.is_refused);
        let ranked = order(&self.weights(candidates.is_meant), threads);
        let similar = ranked
            .into_iter()
            .take(asked.limit.clamp(1, LIMIT_MAX))
            .map(|(n, score, confidence)| Similar {
                thread_id: threads[n].measured.thread_id,
                score,
                confidence,
                reasons: threads[n].reasons(asked.at),
                signals: threads[n].signals,
            });
        Ok(similar.collect())
    }
}

/// The candidates' places, best first, each with score and probability.
pub fn order(weights: &Weights, candidates: &[Candidate]) -> Vec<(usize, f64, f64)> {
    let mut scored: Vec<(usize, f64)> = candidates
        .iter()
        .map(|candidate| weights.score(&candidate.signals))
        .enumerate()
        .collect();
    scored.sort_by(|a, b| {
        let id = |n: usize| candidates[n].measured.thread_id;
        b.1.total_cmp(&a.1).then_with(|| id(a.0).cmp(&id(b.0)))
    });
    let best = scored.first().map_or(0.0, |s| s.1);
    let second = scored.get(1).map_or(best - LEAD_MAX, |s| s.1);
    scored
        .into_iter()
        .enumerate()
        .map(|(place, (n, score))| {
            let beside = if place == 0 { second } else { best };
            let p_link = weights.p_link(&candidates[n].signals, score - beside);
            (n, score, p_link)
        })
        .collect()
}

impl Candidate {
    fn reasons(&self, at: Option<i64>) -> Vec<String> {
        let (thread, recalled) = (&self.measured, &self.recalled);
        let mut reasons = Vec::new();
        if !thread.words.is_empty() {
            let named: Vec<String> = thread.words.iter().map(|w| format!("“{w}”")).collect();
            reasons.push(format!("shares {}", named.join(", ")));
        }
        if self.signals[MEANING.start] >= MEANING_TOLD {
            reasons.push("means much the same".to_string());
        }
        if recalled.alike >= ALIKE_TOLD {
            reasons.push("was linked for posts like this".to_string());
        } else if recalled.ever >= 1.0 {
            let times = counted(recalled.ever.round() as usize, "case");
            reasons.push(format!("was linked for {times} before"));
        }
        if recalled.rejected_alike >= ALIKE_TOLD {
            reasons.push("was refused for a post like this".to_string());
        }
        for (holds, words) in [
            (thread.known_issue, "is a known issue"),
            (thread.solved, "is solved"),
            (thread.official, "is official"),
        ] {
            if holds {
                reasons.push(words.to_string());
            }
        }
        match thread.me_too {
            0 => {}
            1 => reasons.push("one more person has it".to_string()),
            n => reasons.push(format!("{n} more people have it")),
        }
        if at.is_some_and(|at| at.saturating_sub(thread.created_at) as f64 / DAY <= NEW_DAYS) {
            reasons.push("was begun in the same days".to_string());
        }
        reasons
    }
}

#[cfg(test)]
mod tests;

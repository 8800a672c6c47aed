//! The sentence model beside the words: how near in meaning each thread comes to a text, and which
//! threads come nearest whatever their words.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::error::Result;
use crate::meaning::{Model, Nearest, Sought, Vector};
use crate::search::ThreadDoc;

/// Pieces of a text, and of a passage of a thread, that are read: a post of 280 characters has about 60,
/// and twice as many take twice the time.
pub const PIECES: usize = 64;
/// Words of a passage: about as many as [`PIECES`] hold.
const PASSAGE_WORDS: usize = 50;
/// How far the next passage begins behind the last one, in words: the ends lie over each other, so that
/// no sentence is cut in each.
const PASSAGE_STEP: usize = 40;
/// Passages of an article, at most.
const ARTICLE_PASSAGES_MAX: usize = 32;
/// Directions of one thread, at most.
pub const VECTORS_MAX: usize = ARTICLE_PASSAGES_MAX + 1;
/// The nearest threads that are measured.
const NEAREST: usize = 100;
/// The share of candidates that must have a direction before the weights with a model are used: while the
/// threads of a forum are read for the first time, what was read already must not have the better of what
/// was not.
const KNOWN_SHARE_MIN: f64 = 0.9;
/// How often is looked for directions that another process stored (µs).
const LOOK_EVERY_MICROS: i64 = crate::clock::SECOND;

/// The directions of one thread as they are stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub thread: i64,
    /// When they were stored (µs); no two threads' are the same.
    pub place: i64,
    /// All directions, one after the other; empty: the thread is public no more.
    pub bytes: Vec<u8>,
}

/// Where the directions of threads come from.
pub trait Directions: Send + Sync {
    /// What was stored for this model after `place`, in that order, at most `limit`.
    fn after(&self, model: &str, place: i64, limit: usize) -> Result<Vec<Stored>>;

    /// A number that changes whenever anything was written here.
    fn written(&self) -> u64;
}

/// A model, and the directions of the threads.
pub struct Meaning {
    model: Arc<Model>,
    source: Option<Arc<dyn Directions>>,
    nearest: RwLock<Nearest>,
    followed: Mutex<Followed>,
}

#[derive(Default)]
struct Followed {
    place: i64,
    /// When was looked last (µs), and what [`Directions::written`] said then.
    looked: Option<(i64, u64)>,
}

/// One text's direction, and what lies near it.
pub struct Meant<'a> {
    meaning: &'a Meaning,
    sought: Sought,
    /// The nearest threads.
    pub threads: Vec<i64>,
}

/// Directions taken over at a time, so that nobody waits for all of a large forum.
const TAKEN_AT_ONCE: usize = 5_000;
/// How often that is done in a row before an answer.
const TAKEN_TIMES: usize = 4;

impl Meaning {
    /// Without a source it knows what it is taught.
    pub fn new(model: Arc<Model>, source: Option<Arc<dyn Directions>>) -> Meaning {
        Meaning {
            model,
            source,
            nearest: RwLock::default(),
            followed: Mutex::default(),
        }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Takes over what was stored since it was last called, of much a part.
    pub fn follow(&self, now: i64) -> Result<()> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        // Whoever finds it busy goes on with what is known.
        let Ok(mut followed) = self.followed.try_lock() else {
            return Ok(());
        };
        let written = source.written();
        let is_known =
            |(at, then): (i64, u64)| then == written && now.saturating_sub(at) < LOOK_EVERY_MICROS;
        if followed.looked.is_some_and(is_known) {
            return Ok(());
        }
        for _ in 0..TAKEN_TIMES {
            let stored = source.after(self.model.name(), followed.place, TAKEN_AT_ONCE)?;
            let is_all = stored.len() < TAKEN_AT_ONCE;
            let mut nearest = self.nearest.write().unwrap_or_else(PoisonError::into_inner);
            for one in stored {
                nearest.put(one.thread, &self.vectors(&one.bytes));
                followed.place = one.place;
            }
            if is_all {
                followed.looked = Some((now, written));
                break;
            }
        }
        Ok(())
    }

    /// Directions as they are stored.
    fn vectors(&self, bytes: &[u8]) -> Vec<Vector> {
        let vectors = bytes.chunks_exact(self.model.width().max(1));
        vectors.take(VECTORS_MAX).map(Vector::from_bytes).collect()
    }

    /// Puts a thread's directions in place of those it had.
    pub fn put(&self, thread: i64, vectors: &[Vector]) {
        let mut nearest = self.nearest.write().unwrap_or_else(PoisonError::into_inner);
        nearest.put(thread, vectors);
    }

    /// How many directions are known.
    pub fn len(&self) -> usize {
        self.nearest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a text points and which threads are nearest; nothing for a text without a word, and before
    /// any thread was read.
    pub fn of(&self, text: &str) -> Option<Meant<'_>> {
        if self.is_empty() {
            return None;
        }
        self.near(&self.model.embed_one(text, PIECES)?)
    }

    /// As [`Meaning::of`], of a text whose direction is known.
    pub fn near(&self, vector: &Vector) -> Option<Meant<'_>> {
        let sought = Sought::new(vector);
        let nearest = self.nearest.read().unwrap_or_else(PoisonError::into_inner);
        let found = nearest.nearest(&sought, NEAREST);
        drop(nearest);
        Some(Meant {
            meaning: self,
            sought,
            threads: found.into_iter().map(|(thread, _)| thread).collect(),
        })
    }
}

impl Meant<'_> {
    /// The cosine of each of these threads. A thread that was not read yet counts as the others do on
    /// average; nothing where too few were read.
    pub fn cosines(&self, threads: impl Iterator<Item = i64>) -> Option<Vec<f64>> {
        let nearest = self
            .meaning
            .nearest
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let all: Vec<Option<f32>> = threads.map(|t| nearest.cosine(&self.sought, t)).collect();
        let known: Vec<f64> = all.iter().flatten().map(|c| f64::from(*c)).collect();
        if known.is_empty() || (known.len() as f64) < all.len() as f64 * KNOWN_SHARE_MIN {
            return None;
        }
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        Some(all.into_iter().map(|c| c.map_or(mean, f64::from)).collect())
    }
}

/// The passages of a thread that get a direction each: its title with the beginning of its opening post;
/// of an article, its title alone and with each part of its text.
pub fn passages(doc: &ThreadDoc) -> Vec<String> {
    let begin = |words: &[&str]| format!("{}\n{}", doc.title, words.join(" "));
    let words: Vec<&str> = doc.body.split_whitespace().take(WORDS_MAX).collect();
    if doc.kind != "article" {
        return vec![begin(&words[..words.len().min(2 * PASSAGE_WORDS)])];
    }
    let mut passages = vec![doc.title.clone()];
    let mut from = 0;
    loop {
        let to = words.len().min(from + PASSAGE_WORDS);
        passages.push(begin(&words[from..to]));
        if to == words.len() || passages.len() > ARTICLE_PASSAGES_MAX {
            return passages;
        }
        from += PASSAGE_STEP;
    }
}

/// Words of an opening post that are looked at.
const WORDS_MAX: usize = PASSAGE_STEP * ARTICLE_PASSAGES_MAX + PASSAGE_WORDS;

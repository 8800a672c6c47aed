//! What the model sees of a text.

use super::signs::STYLE;
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::triage::rules::{Finding, RULES};

/// Buckets of the word n-grams, as many of the character n-grams, and as many of words with others
/// between them; a power of two. With four times as many the figures of docs/triage.md rise by two
/// thousandths.
pub const BUCKETS: usize = 1 << 14;
/// Where pairs of signs begin: each has a place of its own.
const PAIRS_FROM: usize = 3 * BUCKETS;
/// All that is counted of a text but its signs.
pub const GRAMS: usize = PAIRS_FROM + SIGNS * (SIGNS - 1) / 2;
/// Findings, and how heavy they are together, and signs of style.
pub const SIGNS: usize = 2 * RULES.len() + 2 + STYLE.len();
/// Characters of one n-gram, with the blanks around its word.
const CHARS: std::ops::RangeInclusive<usize> = 3..=5;
/// Letters of a word of which n-grams are made: a longer one is no word.
const WORD_CHARS_MAX: usize = 24;
/// What a sign weighs against n-grams, whose values have the length 1 together: larger signs are
/// learned sooner.
const SIGN_VALUE: f32 = 0.25;

/// A text as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Words and pairs of neighbours; characters; words with others between them; the words at both
    /// ends; pairs of signs.
    pub grams: [Grams; 5],
    pub signs: Vec<f32>,
}

/// What is counted of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Grams {
    /// Each bucket once, with the token that it begins in.
    pub list: Vec<(u32, u32)>,
    /// What each of them is worth: so much that the kind has a set length, however long the text.
    pub value: f32,
}

impl Grams {
    /// `share`: the square of the length that the kind has beside the others.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    fn of(list: Vec<(u32, u32)>, share: f32) -> Grams {
        let value = (share / list.len().max(1) as f32).sqrt();
        Grams { list, value }
    }
}

/// Stands for the beginning of a text, so that its first word is told from the same word later.
const BEGINNING: &[u8] = b"^";
/// Stands before the last words and the first.
const LAST: &[u8] = b"$";
const VERY_LAST: &[u8] = b"$$";
const FIRST: &[u8] = b"^^";
/// Words at the end and at the beginning that are counted as such.
const LAST_WORDS: usize = 3;
const FIRST_WORDS: usize = 2;
/// A pair of signs begins in no token.
pub const NOWHERE: u32 = u32::MAX;
/// FNV-1a (Fowler, Noll and Vo), 32 bits.
const FNV_START: u32 = 0x811c_9dc5;
const FNV_FACTOR: u32 = 0x0100_0193;

fn hash(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| step(hash, *byte))
}

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(FNV_FACTOR)
}

fn bucket(hash: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "sixteen thousand")]
    const MASK: u32 = BUCKETS as u32 - 1;
    (hash ^ (hash >> 15)) & MASK
}

/// A number tells little by its value.
fn shape(token: &str) -> &str {
    if token.bytes().all(|b| b.is_ascii_digit()) {
        "0"
    } else {
        token
    }
}

impl Features {
    /// Of a text and what each rule found in it, in the order of [`RULES`].
    pub fn of(e: &Evidence<'_>, findings: &[Option<Finding>]) -> Features {
        let signs = signs(e, findings);
        // The shares were chosen by ten-fold figures, in steps of two.
        let grams = [
            Grams::of(word_grams(&e.tokens), 2.0),
            Grams::of(char_grams(&e.tokens), 1.0),
            Grams::of(skip_grams(&e.tokens), 0.5),
            Grams::of(end_grams(&e.tokens), 0.5),
            Grams::of(sign_pairs(&signs), 1.0),
        ];
        Features { grams, signs }
    }
}

/// Takes each bucket of a kind once, with the first token it begins in.
struct Once {
    seen: [u64; BUCKETS / 64],
    list: Vec<(u32, u32)>,
}

impl Once {
    fn new(capacity: usize) -> Once {
        Once {
            seen: [0; BUCKETS / 64],
            list: Vec::with_capacity(capacity),
        }
    }

    fn take(&mut self, bucket: u32, from: u32, at: u32) {
        let (slot, bit) = (bucket as usize / 64, 1 << (bucket % 64));
        if self.seen[slot] & bit == 0 {
            self.seen[slot] |= bit;
            self.list.push((from + bucket, at));
        }
    }
}

/// Where the buckets of characters begin, and those of words with others between them or at the ends.
#[expect(clippy::cast_possible_truncation, reason = "some tens of thousands")]
const CHARS_FROM: u32 = BUCKETS as u32;
const APART_FROM: u32 = 2 * CHARS_FROM;

/// Two words with one or two between them, in their order.
fn skip_grams(tokens: &[String]) -> Vec<(u32, u32)> {
    let mut grams = Once::new(2 * tokens.len());
    for ((at, token), n) in (0..).zip(tokens).zip(1..) {
        let own = hash(hash(FNV_START, shape(token).as_bytes()), b"_");
        for later in tokens.iter().skip(n + 1).take(2) {
            grams.take(bucket(hash(own, shape(later).as_bytes())), APART_FROM, at);
        }
    }
    grams.list
}

/// The last words, the very last once more as such, and the first.
fn end_grams(tokens: &[String]) -> Vec<(u32, u32)> {
    let mut grams = Once::new(LAST_WORDS + 1 + FIRST_WORDS);
    let mut take = |mark: &[u8], (at, token): (u32, &String)| {
        let key = hash(hash(FNV_START, mark), shape(token).as_bytes());
        grams.take(bucket(key), APART_FROM, at);
    };
    let placed = (0..).zip(tokens);
    let from = tokens.len().saturating_sub(LAST_WORDS);
    placed.clone().skip(from).for_each(|one| take(LAST, one));
    placed
        .clone()
        .last()
        .into_iter()
        .for_each(|one| take(VERY_LAST, one));
    placed.take(FIRST_WORDS).for_each(|one| take(FIRST, one));
    grams.list
}

/// Which signs are there together.
#[expect(clippy::cast_possible_truncation, reason = "some tens of thousands")]
fn sign_pairs(signs: &[f32]) -> Vec<(u32, u32)> {
    let there: Vec<usize> = (0..signs.len()).filter(|n| signs[*n] > 0.0).collect();
    let mut pairs = Vec::with_capacity(there.len() * there.len() / 2);
    for (n, later) in there.iter().enumerate() {
        let row = PAIRS_FROM + later * later.saturating_sub(1) / 2;
        pairs.extend(
            there[..n]
                .iter()
                .map(|earlier| ((row + earlier) as u32, NOWHERE)),
        );
    }
    pairs
}

/// Words and pairs of neighbours, each bucket once.
fn word_grams(tokens: &[String]) -> Vec<(u32, u32)> {
    let mut grams = Once::new(2 * tokens.len());
    let mut before = hash(FNV_START, BEGINNING);
    for (at, token) in (0..).zip(tokens) {
        let own = hash(FNV_START, shape(token).as_bytes());
        let pair = hash(hash(before, b" "), shape(token).as_bytes());
        grams.take(bucket(own), 0, at);
        grams.take(bucket(pair), 0, at);
        before = own;
    }
    grams.list
}

/// Runs of characters in each word, its ends marked by blanks, each bucket once.
fn char_grams(tokens: &[String]) -> Vec<(u32, u32)> {
    let mut grams = Once::new(16 * tokens.len());
    let mut take = |key: u32, at: u32| grams.take(bucket(key), CHARS_FROM, at);
    let mut ends: Vec<usize> = Vec::with_capacity(WORD_CHARS_MAX + 3);
    let mut word = Vec::with_capacity(4 * WORD_CHARS_MAX);
    for (at, token) in (0..).zip(tokens) {
        word.clear();
        word.push(b' ');
        let end = token
            .char_indices()
            .nth(WORD_CHARS_MAX)
            .map_or(token.len(), |(end, _)| end);
        word.extend_from_slice(&shape(token).as_bytes()[..end.min(shape(token).len())]);
        word.push(b' ');
        if token.is_ascii() {
            for from in 0..word.len() {
                let mut key = FNV_START;
                for (n, byte) in word[from..].iter().enumerate().take(*CHARS.end()) {
                    key = step(key, *byte);
                    if n + 1 >= *CHARS.start() {
                        take(key, at);
                    }
                }
            }
            continue;
        }
        ends.clear();
        ends.extend((0..word.len()).filter(|n| word[*n] & 0xc0 != 0x80));
        ends.push(word.len());
        for from in 0..ends.len() - 1 {
            let mut key = FNV_START;
            for (n, pair) in ends[from..].windows(2).enumerate().take(*CHARS.end()) {
                key = hash(key, &word[pair[0]..pair[1]]);
                if n + 1 >= *CHARS.start() {
                    take(key, at);
                }
            }
        }
    }
    grams.list
}

/// Which rules found something and how much, and the style.
fn signs(e: &Evidence<'_>, findings: &[Option<Finding>]) -> Vec<f32> {
    let mut signs = Vec::with_capacity(SIGNS);
    let (mut complaint, mut other) = (0.0, 0.0);
    for finding in findings {
        #[expect(clippy::cast_possible_truncation, reason = "between -5 and 5")]
        let weight = finding.as_ref().map_or(0.0, |f| {
            complaint += f.complaint;
            other += f.praise + f.noise + f.question;
            (f.complaint.abs() + f.praise + f.noise + f.question) as f32
        });
        signs.push(if finding.is_some() { SIGN_VALUE } else { 0.0 });
        signs.push(weight.clamp(-4.0, 4.0) * SIGN_VALUE / 2.0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "held between -4 and 6")]
    for sum in [complaint, other] {
        signs.push(sum.clamp(-4.0, 6.0) as f32 * SIGN_VALUE);
    }
    signs.extend(STYLE.iter().map(|sign| sign(e) * SIGN_VALUE));
    signs
}

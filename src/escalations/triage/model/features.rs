//! What the model sees of a text.

use super::signs::STYLE;
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::triage::rules::{Finding, RULES};

/// Buckets of the word n-grams, and as many of the character n-grams; a power of two. With four
/// times as many the figures of docs/triage.md rise by two thousandths.
pub const BUCKETS: usize = 1 << 14;
/// Findings, and how heavy they are together, and signs of style.
pub const SIGNS: usize = 2 * RULES.len() + 2 + STYLE.len();
/// Characters of one n-gram, with the blanks around its word.
const CHARS: std::ops::RangeInclusive<usize> = 3..=5;
/// Letters of a word of which n-grams are made: a longer one is no word.
const WORD_CHARS_MAX: usize = 24;
/// What a sign weighs against n-grams, whose values have the length 1 together: larger signs are
/// learned sooner.
const SIGN_VALUE: f32 = 0.25;

/// A text as the model sees it. N-grams stand as (bucket, token they begin in).
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    pub words: Vec<(u32, u32)>,
    /// One over the square root of their number.
    pub word_value: f32,
    pub chars: Vec<(u32, u32)>,
    pub char_value: f32,
    pub signs: Vec<f32>,
}

/// Stands for the beginning of a text, so that its first word is told from the same word later.
const BEGINNING: &[u8] = b"^";
/// FNV-1a (Fowler, Noll and Vo), 32 bits.
const FNV_START: u32 = 0x811c_9dc5;
const FNV_FACTOR: u32 = 0x0100_0193;

fn hash(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(FNV_FACTOR)
    })
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

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn unit(count: usize) -> f32 {
    1.0 / (count.max(1) as f32).sqrt()
}

impl Features {
    /// Of a text and what each rule found in it, in the order of [`RULES`].
    pub fn of(e: &Evidence<'_>, findings: &[Option<Finding>]) -> Features {
        let words = word_grams(&e.tokens);
        let chars = char_grams(&e.tokens);
        Features {
            word_value: unit(words.len()),
            char_value: unit(chars.len()),
            signs: signs(e, findings),
            words,
            chars,
        }
    }
}

/// Words and pairs of neighbours, each bucket once.
fn word_grams(tokens: &[String]) -> Vec<(u32, u32)> {
    let mut grams = Vec::with_capacity(2 * tokens.len());
    let mut before = hash(FNV_START, BEGINNING);
    for (at, token) in (0..).zip(tokens) {
        let own = hash(FNV_START, shape(token).as_bytes());
        let pair = hash(hash(before, b" "), shape(token).as_bytes());
        grams.extend([(bucket(own), at), (bucket(pair), at)]);
        before = own;
    }
    grams.sort_unstable();
    grams.dedup_by_key(|gram| gram.0);
    grams
}

/// Runs of characters in each word, its ends marked by blanks, each bucket once.
fn char_grams(tokens: &[String]) -> Vec<(u32, u32)> {
    let mut seen = vec![0_u64; BUCKETS / 64];
    let mut grams = Vec::with_capacity(8 * tokens.len());
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
        ends.clear();
        ends.extend((0..word.len()).filter(|n| word[*n] & 0xc0 != 0x80));
        ends.push(word.len());
        for from in 0..ends.len() - 1 {
            let mut key = FNV_START;
            for (n, pair) in ends[from..].windows(2).enumerate().take(*CHARS.end()) {
                key = hash(key, &word[pair[0]..pair[1]]);
                if n + 1 < *CHARS.start() {
                    continue;
                }
                let bucket = bucket(key);
                let (slot, bit) = (bucket as usize / 64, 1 << (bucket % 64));
                if seen[slot] & bit == 0 {
                    seen[slot] |= bit;
                    #[expect(clippy::cast_possible_truncation, reason = "sixteen thousand")]
                    grams.push((bucket + BUCKETS as u32, at));
                }
            }
        }
    }
    grams
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

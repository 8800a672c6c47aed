//! Every phrase of every list, found in one pass over a text's words.

use std::ops::Range;
use std::sync::LazyLock;

use crate::escalations::words::{LANGUAGES, LITTLE, List, OTHER_LANGUAGES, PHRASES};

/// Slots of the table, a power of two: some ten times as many as there are phrases.
const SLOTS: usize = 1 << 14;
/// Start and factor of the FNV-1a hash (32 bits; Fowler, Noll and Vo), of which every beginning of
/// a word comes by the way.
const FNV_START: u32 = 0x811c_9dc5;
const FNV_FACTOR: u32 = 0x0100_0193;

/// A phrase that stands in a text.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    list: &'static List,
    /// Where it stands in its list.
    rank: usize,
    pub(super) phrase: &'static str,
    /// The tokens it takes.
    pub(super) place: Range<usize>,
}

impl Hit {
    pub(super) fn is_of(&self, list: &List) -> bool {
        std::ptr::eq(self.list, list)
    }
}

struct Entry {
    list: &'static List,
    rank: usize,
    phrase: &'static str,
    /// Its words, without the asterisk.
    parts: Vec<&'static str>,
    /// The last word may go on.
    open: bool,
}

impl Entry {
    /// Whether it stands where `tokens` begin.
    fn is_here(&self, tokens: &[String]) -> bool {
        tokens.len() >= self.parts.len()
            && self
                .parts
                .iter()
                .zip(tokens)
                .enumerate()
                .all(|(n, (part, token))| {
                    token == part
                        || (self.open && n + 1 == self.parts.len() && token.starts_with(part))
                })
    }
}

/// The phrases by the hash of their first word; those of one open word apart, for they are looked
/// up by every beginning of a token.
struct Lexicon {
    whole: Vec<Vec<Entry>>,
    open: Vec<Vec<Entry>>,
    /// A bit for each slot of `open` that holds something: few do, and the bits stay in the cache.
    opened: Box<[u64; SLOTS / 64]>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let slots = || (0..SLOTS).map(|_| Vec::new()).collect::<Vec<Vec<Entry>>>();
    let mut lexicon = Lexicon {
        whole: slots(),
        open: slots(),
        opened: Box::new([0; SLOTS / 64]),
    };
    for list in PHRASES {
        for (rank, phrase) in list.iter().enumerate() {
            let open = phrase.ends_with('*');
            let parts: Vec<&str> = phrase.trim_end_matches('*').split(' ').collect();
            let first = parts.first().copied().unwrap_or_default();
            let hash = first.bytes().fold(FNV_START, step);
            let table = if open && parts.len() == 1 {
                lexicon.opened[slot(hash) / 64] |= 1 << (slot(hash) % 64);
                &mut lexicon.open
            } else {
                &mut lexicon.whole
            };
            table[slot(hash)].push(Entry {
                list,
                rank,
                phrase,
                parts,
                open,
            });
        }
    }
    lexicon
});

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(FNV_FACTOR)
}

fn slot(hash: u32) -> usize {
    // The high bits of the product are better mixed than the low ones.
    ((hash >> 18) ^ hash) as usize & (SLOTS - 1)
}

/// Every phrase that stands in the text: those of one list in its order, and each by its places.
pub(super) fn hits(tokens: &[String]) -> Vec<Hit> {
    let lexicon = &*LEXICON;
    let mut hits = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let mut take = |entry: &Entry| {
            if entry.is_here(&tokens[at..]) {
                hits.push(Hit {
                    list: entry.list,
                    rank: entry.rank,
                    phrase: entry.phrase,
                    place: at..at + entry.parts.len(),
                });
            }
        };
        let mut hash = FNV_START;
        for (n, byte) in token.bytes().enumerate() {
            hash = step(hash, byte);
            let slot = slot(hash);
            if lexicon.opened[slot / 64] >> (slot % 64) & 1 == 0 {
                continue;
            }
            let beginning = lexicon.open[slot].iter();
            // Where two hashes meet, an entry is looked at for a beginning that is not its own.
            beginning
                .filter(|e| e.parts[0].len() == n + 1)
                .for_each(&mut take);
        }
        lexicon.whole[slot(hash)].iter().for_each(&mut take);
    }
    hits.sort_by_key(|hit| (hit.rank, hit.place.start));
    hits
}

/// Little words by the hash of each, with the lists it stands in.
static LITTLE_WORDS: LazyLock<Vec<Vec<(&str, &List)>>> = LazyLock::new(|| {
    let mut table: Vec<Vec<(&str, &List)>> = (0..SLOTS).map(|_| Vec::new()).collect();
    let languages = LANGUAGES.iter().map(|(_, list)| *list);
    for list in LITTLE
        .iter()
        .copied()
        .chain(languages)
        .chain([&OTHER_LANGUAGES])
    {
        for word in list.iter() {
            table[slot(word.bytes().fold(FNV_START, step))].push((word, list));
        }
    }
    table
});

/// The little words of a text: each list that one of them stands in, with how many do.
pub(super) fn little(tokens: &[String]) -> Vec<(&'static List, usize)> {
    let mut found: Vec<(&'static List, usize)> = Vec::new();
    for token in tokens {
        let entries = &LITTLE_WORDS[slot(token.bytes().fold(FNV_START, step))];
        for (_, list) in entries.iter().filter(|(word, _)| token == word) {
            match found
                .iter_mut()
                .find(|(known, _)| std::ptr::eq(*known, *list))
            {
                Some((_, count)) => *count += 1,
                None => found.push((list, 1)),
            }
        }
    }
    found
}

//! Triage: what a mention is, how bad it is, which product it is about; with reasons to read.
//!
//! Pure: a list of rules in a fixed order, each of which looks at the evidence and may find
//! something. A finding weighs towards complaint, or away from it, and says why in words; the sum
//! goes through a logistic function. The weights were chosen by hand, in steps of a tenth, while
//! looking at how the whole judges posts it had not been written for.

use std::ops::Range;

use super::{Label, words};
use crate::cases::Severity;
use crate::ids::{ProductId, TopicId};
use crate::text;

/// A product as the judgement needs it.
#[derive(Clone, Debug)]
pub struct Product {
    pub id: ProductId,
    pub slug: String,
    pub name: String,
    /// Further names people call it by.
    pub terms: Vec<String>,
    /// From this confidence a thread is linked without asking.
    pub link_threshold: f64,
    /// From this confidence a thread is proposed.
    pub propose_threshold: f64,
    pub auto_link: bool,
    pub auto_acknowledge: bool,
    pub topics: Vec<Topic>,
}

impl Product {
    /// What it is called, its own name first.
    fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.terms)
    }
}

/// A part of a product.
#[derive(Clone, Debug)]
pub struct Topic {
    pub id: TopicId,
    pub name: String,
}

/// Beginning of a text that is judged (characters). The longest public posts have 25,000; what
/// somebody wants stands in their first two thousand.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Words of a text that are looked at.
const TOKENS_MAX: usize = 400;
/// From this probability on it is a complaint.
const COMPLAINT_FROM: f64 = 0.5;
/// From this weight of good words on it is praise.
const PRAISE_FROM: f64 = 0.8;
/// What is said for a complaint before anything is read.
const BIAS: f64 = -1.0;
/// From this likeness (shared words) on, what staff said of an earlier post counts for this one.
const CORRECTION_LIKENESS_MIN: f64 = 0.6;
/// A fault in the same sentence, within so many words after heating, is a fault of it ...
const FAULT_WORDS_AFTER: usize = 5;
/// ... and before it, with at most so many words between.
const FAULT_WORDS_BEFORE: usize = 2;
/// A shorter word of a product's name (characters) tells of no product by itself ...
const TELLING_CHARS_MIN: usize = 4;
/// ... nor a shorter one at the end of a longer word.
const COMPOUND_CHARS_MIN: usize = 6;

/// A text as the rules see it.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// As it was written, cut.
    pub text: &'a str,
    /// Words in lower case without apostrophes, each between blanks: ` my screen is black `.
    pub folded: String,
    pub tokens: Vec<String>,
    /// The tokens in order, each once: most phrases are ruled out by their first word.
    sorted: Vec<String>,
    pub language: Option<&'static str>,
    /// The author named us or answers us.
    pub addressed: bool,
    /// A product of ours is named, or a telling word of its name stands here.
    pub names_product: bool,
    pub exclamations: usize,
    pub questions: usize,
    /// Words written in capitals only.
    pub shouted: usize,
    pub links: usize,
    pub hashtags: usize,
    /// Which tokens tell that a trouble is over, with the trouble they name: "for fixing my error".
    settled: Vec<Range<usize>>,
    /// Behind which token each sentence ends.
    ends: Vec<usize>,
}

impl<'a> Evidence<'a> {
    pub fn of(text: &'a str, addressed: bool) -> Evidence<'a> {
        let end = text
            .char_indices()
            .nth(TEXT_CHARS_MAX)
            .map_or(text.len(), |(at, _)| at);
        let text = &text[..end];
        let plain = text::words::normalise(text);
        let tokens = tokens(&plain);
        let mut sorted = tokens.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let shouted = plain
            .split_whitespace()
            .filter(|w| {
                w.chars().filter(|c| c.is_alphabetic()).count() >= 3
                    && !w.chars().any(char::is_lowercase)
            })
            .count();
        let mut evidence = Evidence {
            text,
            folded: format!(" {} ", tokens.join(" ")),
            language: text::language::detect(&plain),
            tokens,
            sorted,
            addressed,
            names_product: false,
            exclamations: text.matches('!').count(),
            questions: text.matches(['?', '¿', '？']).count(),
            shouted,
            links: text.matches("http").count(),
            hashtags: text
                .split_whitespace()
                .filter(|w| w.starts_with('#'))
                .count(),
            settled: Vec::new(),
            ends: sentence_ends(&plain),
        };
        evidence.settled = evidence.told_to_be_over();
        evidence
    }

    /// How many words it has; in scripts that leave no blanks, two letters are taken for a word.
    fn words(&self) -> usize {
        let words = |token: &String| {
            let letters = token.chars().filter(|c| is_of_unspaced_script(*c)).count();
            1.max(letters / 2)
        };
        self.tokens.iter().map(words).sum()
    }

    /// The phrases of a list that stand in the text.
    pub fn found(&self, list: &[&'static str]) -> Vec<&'static str> {
        list.iter()
            .copied()
            .filter(|phrase| self.holds(phrase))
            .collect()
    }

    fn holds(&self, phrase: &str) -> bool {
        let (phrase, open) = match phrase.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (phrase, false),
        };
        let first = phrase.split(' ').next().unwrap_or(phrase);
        let single = first.len() == phrase.len();
        let at = self.sorted.partition_point(|token| token.as_str() < first);
        let has_first = self.sorted.get(at).is_some_and(|token| {
            if single && open {
                token.starts_with(first)
            } else {
                token == first
            }
        });
        has_first && (single || !self.places(phrase, open).is_empty())
    }

    /// Where the words of a phrase stand among the tokens; the last may go on when it is `open`.
    fn places(&self, phrase: &str, open: bool) -> Vec<Range<usize>> {
        let parts: Vec<&str> = phrase.split(' ').collect();
        let is_here = |tokens: &[String]| {
            tokens
                .iter()
                .zip(&parts)
                .enumerate()
                .all(|(n, (token, part))| {
                    token == part || (open && n + 1 == parts.len() && token.starts_with(part))
                })
        };
        let windows = self.tokens.windows(parts.len()).enumerate();
        windows
            .filter(|(_, tokens)| is_here(tokens))
            .map(|(at, _)| at..at + parts.len())
            .collect()
    }

    /// The phrases of a list that stand in the text, each with every place.
    fn placed(&self, list: &[&'static str]) -> Vec<(&'static str, Range<usize>)> {
        let found = self.found(list).into_iter();
        found
            .flat_map(|phrase| {
                let places = self.places(phrase.trim_end_matches('*'), phrase.ends_with('*'));
                places.into_iter().map(move |place| (phrase, place))
            })
            .collect()
    }

    /// The phrases of a list that are told of something that is not over.
    fn unsettled(&self, list: &[&'static str]) -> Vec<&'static str> {
        let mut found = self.placed(list);
        found.retain(|(_, place)| !self.is_settled(place.start));
        found.dedup_by_key(|(phrase, _)| *phrase);
        found.into_iter().map(|(phrase, _)| phrase).collect()
    }

    fn is_settled(&self, at: usize) -> bool {
        self.settled.iter().any(|place| place.contains(&at))
    }

    fn is_one_of(&self, at: usize, list: &[&str]) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| list.contains(&token.as_str()))
    }

    /// A word of `list` with one of `others` among the few words before it or after it, in order.
    fn near(
        &self,
        list: &[&str],
        before: (usize, &[&str]),
        after: (usize, &[&str]),
    ) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            if !list.contains(&token.as_str()) {
                return None;
            }
            let mut earlier = at.saturating_sub(before.0)..at;
            if let Some(first) = earlier.find(|n| self.is_one_of(*n, before.1)) {
                return Some(self.tokens[first..=at].join(" "));
            }
            let mut later = at + 1..at + 1 + after.0;
            let last = later.find(|n| self.is_one_of(*n, after.1))?;
            Some(self.tokens[at..=last].join(" "))
        })
    }

    /// A supply that is lacking: "no hot water", "Internet ist weg".
    fn lack(&self) -> Option<String> {
        let mut supplies = (0..self.tokens.len()).filter(|n| self.is_one_of(*n, words::SUPPLIES));
        supplies.find_map(|at| {
            let told = self.lack_at(&(at..at + 1))?;
            Some(self.tokens[told].join(" "))
        })
    }

    /// The words by which what stands there is lacking. "Out" has many meanings but right after it.
    fn lack_at(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let mut before = place.start.saturating_sub(2)..place.start;
        let first = before.find(|n| {
            self.is_one_of(*n, words::LACK)
                && (self.tokens[*n] != "plus" || !self.is_foreign("plus"))
        });
        if let Some(first) = first {
            return Some(first..place.end);
        }
        let mut after = place.end..place.end + 5;
        let last = after.find(|n| {
            let is_plain = self.tokens.get(*n).is_some_and(|token| token != "out");
            self.is_one_of(*n, words::GONE)
                && (is_plain || *n == place.end || self.tokens[n - 1] == "is")
        })?;
        Some(place.start..last + 1)
    }

    /// Words of denial that have another meaning in English.
    fn is_foreign(&self, token: &str) -> bool {
        match token {
            "plus" | "pas" => self.language != Some("fr"),
            "sin" => self.language != Some("es"),
            "brand" => self.language != Some("de"),
            _ => false,
        }
    }

    /// Whether a product is named, or a telling word of its name stands here, by itself or at the
    /// end of a longer one: "lamp" of "Glow Lamp".
    fn names_one_of(&self, catalogue: &[Product]) -> bool {
        let names = catalogue.iter().flat_map(Product::names);
        names.map(|name| tokens(name)).any(|name| {
            let is_whole =
                !name.is_empty() && self.folded.contains(&format!(" {} ", name.join(" ")));
            is_whole || name.iter().any(|word| self.holds_telling(word))
        })
    }

    fn holds_telling(&self, word: &str) -> bool {
        let letters = word.chars().count();
        let is_telling = letters >= TELLING_CHARS_MIN
            && !words::COMMON.contains(&word)
            && !words::FEATURES.contains(&word)
            && !words::MODELS.contains(&word);
        let stem = word.trim_end_matches('s');
        is_telling
            && self.tokens.iter().any(|token| {
                token.trim_end_matches('s') == stem
                    || (letters >= COMPOUND_CHARS_MIN && token.ends_with(word))
            })
    }

    /// Whether it says in words that its praise is meant, and tells of no fault.
    fn is_earnest(&self) -> bool {
        !self.found(words::EARNEST).is_empty() && self.is_faultless()
    }

    fn is_faultless(&self) -> bool {
        let lists = [
            words::PROBLEM,
            words::NEGATIVE,
            words::BLOCKED,
            words::SAFETY,
        ];
        self.lack().is_none() && lists.iter().all(|list| self.found(list).is_empty())
    }

    /// Whether its good words are of the hollow kind, with a tale behind them that they don't name.
    fn is_hollow(&self) -> bool {
        if self.is_earnest() || (self.folded.ends_with(" well done ") && self.is_faultless()) {
            return false;
        }
        let good = self.found(words::PRAISE);
        let ends: Vec<&str> = words::HOLLOW
            .iter()
            .filter_map(|phrase| phrase.trim_end_matches('*').rsplit(' ').next())
            .collect();
        good.iter().all(|word| words::HOLLOW.contains(word))
            && good.iter().any(|word| !matches!(*word, "great" | "nice"))
            && self
                .near(&ends, (0, &[]), (2, words::PRAISED_FOR))
                .is_none()
            && self.words() >= HOLLOW_WORDS_MIN
    }

    /// Where a trouble is told to be over, or not to have been.
    fn told_to_be_over(&self) -> Vec<Range<usize>> {
        let denies = |word: &str| words::NEGATION.contains(&word) && !self.is_foreign(word);
        let is_denied = self.tokens.iter().any(|token| denies(token));
        let over = self.placed(words::OVER).into_iter();
        over.filter(|(phrase, _)| !is_denied || phrase.split(' ').next().is_some_and(denies))
            .map(|(phrase, place)| {
                let mut end = place.end;
                let has_owner = phrase.ends_with(" my");
                if has_owner || phrase.starts_with("for ") {
                    let is_owned = !has_owner && self.is_one_of(end, words::OWNERS);
                    end += 1 + usize::from(is_owned);
                }
                place.start..end
            })
            .collect()
    }

    fn is_over(&self) -> bool {
        !self.settled.is_empty()
    }

    /// What does not do what it should and is not over. Words that are said in praise too count
    /// only beside a trouble that is over: there they tell of another.
    fn faults(&self) -> Vec<String> {
        let mut found = self.unsettled(words::PROBLEM);
        found.retain(|word| self.is_over() || !words::WEAK.contains(word));
        found.extend(self.unsettled(words::BLOCKED));
        let found = found.into_iter().map(str::to_owned);
        found.chain(self.lack()).collect()
    }

    /// What tells of danger: fire and the like, and a home that is too cold or too hot for who
    /// lives in it.
    fn dangers(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .found(words::SAFETY)
            .into_iter()
            .filter(|word| !self.is_foreign(word))
            .map(str::to_owned)
            .collect();
        if let (Some(warmth), Some(frail)) = (self.lost_warmth(), self.frail()) {
            found.extend([warmth, frail].map(str::to_owned));
        }
        found
    }

    /// Who or what makes a home without warmth a danger; "kids mode" is neither.
    fn frail(&self) -> Option<&'static str> {
        let is_below_zero = |word: &str| {
            let mut chars = word.chars();
            matches!(chars.next(), Some('-' | '−'))
                && chars.next().is_some_and(|c| c.is_ascii_digit())
        };
        let is_minus = |pair: &[String]| {
            pair[0] == "minus" && pair[1].starts_with(|c: char| c.is_ascii_digit())
        };
        let is_feature = |at: usize| self.is_one_of(at, words::FEATURES);
        let mut frail = self.placed(words::FRAIL).into_iter();
        let named = frail.find(|(_, place)| {
            !is_feature(place.end) && !place.start.checked_sub(1).is_some_and(is_feature)
        });
        let is_below =
            self.text.split_whitespace().any(is_below_zero) || self.tokens.windows(2).any(is_minus);
        named
            .map(|(phrase, _)| phrase)
            .or_else(|| is_below.then_some("below zero"))
    }

    /// What keeps people warm or cool, itself and not an app for it, and is lacking or has a fault
    /// told few words away.
    fn lost_warmth(&self) -> Option<&'static str> {
        let is_feature = |at: usize| self.is_one_of(at, words::FEATURES);
        let any_feature = |mut range: Range<usize>| range.any(is_feature);
        let mut faults = self.placed(words::PROBLEM);
        faults.retain(|(word, _)| !words::WEAK.contains(word));
        faults.extend(self.placed(words::BLOCKED));
        faults.retain(|(_, place)| !self.is_settled(place.start));
        let is_faulty = |warmth: &Range<usize>| {
            faults.iter().any(|(_, fault)| {
                let between = warmth.start.min(fault.start) + 1..=warmth.start.max(fault.start);
                if self.ends.iter().any(|end| between.contains(end)) {
                    false
                } else if fault.start >= warmth.start {
                    fault.start < warmth.end + FAULT_WORDS_AFTER
                        && !any_feature(warmth.end..fault.start)
                } else {
                    fault.end + FAULT_WORDS_BEFORE >= warmth.start
                        && !any_feature(fault.start.saturating_sub(2)..warmth.start)
                }
            })
        };
        let is_of_an_app = |warmth: &Range<usize>| {
            let is_owned = warmth.start > 0 && self.is_one_of(warmth.start - 1, words::OWNERS);
            let before = warmth.start - usize::from(is_owned);
            is_feature(warmth.end)
                || self.tokens[warmth.end - 1].ends_with("app")
                || (before >= 2
                    && self.is_one_of(before - 1, words::OF)
                    && any_feature(before.saturating_sub(3)..before - 1))
        };
        let mut warmth = self.placed(words::WARMTH).into_iter();
        let lost = warmth.find(|(_, place)| {
            !is_of_an_app(place) && (self.lack_at(place).is_some() || is_faulty(place))
        });
        lost.map(|(phrase, _)| phrase)
    }

    /// Whether a good word stands within three words after a negation.
    fn negated(&self, list: &[&'static str]) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            if !words::NEGATION.contains(&token.as_str()) || self.is_settled(at) {
                return None;
            }
            let good = self
                .tokens
                .iter()
                .skip(at + 1)
                .take(3)
                .find(|t| list.contains(&t.as_str()))?;
            Some(format!("{token} … {good}"))
        })
    }
}

/// Thai, Lao, Burmese, Khmer, Kana and Han (blocks of the Unicode Standard).
fn is_of_unspaced_script(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// The words of a text: lower case, apostrophes left out, everything else a gap.
pub fn tokens(plain: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut word = String::new();
    for c in plain.chars() {
        match c {
            '\'' | '’' | '`' | '´' => {}
            c if c.is_alphanumeric() => word.extend(c.to_lowercase()),
            _ if word.is_empty() => {}
            _ => list.push(std::mem::take(&mut word)),
        }
        if list.len() >= TOKENS_MAX {
            return list;
        }
    }
    if !word.is_empty() {
        list.push(word);
    }
    list
}

/// How many of its words stand before the end of each sentence.
fn sentence_ends(plain: &str) -> Vec<usize> {
    let sentences = plain.split(['.', '!', '?', ';', '\n']);
    sentences
        .scan(0, |words, sentence| {
            *words += tokens(sentence).len();
            Some(*words)
        })
        .collect()
}

/// The share of telling words that two texts have in common, 0 to 1.
pub fn likeness(a: &str, b: &str) -> f64 {
    fn telling(text: &str) -> std::collections::HashSet<String> {
        tokens(&text::words::normalise(text))
            .into_iter()
            .filter(|t| t.chars().count() > 2 && !words::COMMON.contains(&t.as_str()))
            .collect()
    }
    let (a, b) = (telling(a), telling(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let shared = a.intersection(&b).count();
    let smaller = a.len().min(b.len());
    let all = a.len() + b.len() - shared;
    // A short follow-up shares all it has with a long first post: half by each measure.
    #[allow(clippy::cast_precision_loss)]
    let (by_all, by_smaller) = (shared as f64 / all as f64, shared as f64 / smaller as f64);
    if smaller < 3 {
        by_all
    } else {
        f64::midpoint(by_all, by_smaller)
    }
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Towards complaint when positive.
    pub complaint: f64,
    pub praise: f64,
    pub noise: f64,
    pub question: f64,
    /// For a person: `says “broken”, “refund”`.
    pub why: String,
}

impl Finding {
    fn new(why: String) -> Finding {
        Finding {
            complaint: 0.0,
            praise: 0.0,
            noise: 0.0,
            question: 0.0,
            why,
        }
    }
}

/// Looks at the evidence; finds something or not.
pub type Rule = fn(&Evidence<'_>) -> Option<Finding>;

/// Every rule, in the order in which the reasons are shown.
pub const RULES: &[Rule] = &[
    danger,
    sarcasm,
    problem_words,
    negative_words,
    negated_praise,
    denial,
    lasting,
    profanity,
    shouting,
    unhappy_faces,
    praise_words,
    happy_faces,
    question_forms,
    how_to,
    addressed_to_us,
    advertising,
    reach,
    hardly_any_words,
];

fn quoted(found: &[impl AsRef<str>]) -> String {
    let list: Vec<String> = found
        .iter()
        .take(4)
        .map(|w| format!("“{}”", w.as_ref().trim_end_matches('*')))
        .collect();
    list.join(", ")
}

/// The first counts whole, further ones half, up to four.
fn growing(first: f64, count: usize) -> f64 {
    let further = u32::try_from(count.saturating_sub(1).min(3)).unwrap_or(3);
    first + first * 0.5 * f64::from(further)
}

/// Danger told to us, or of what is ours, is never passed over, however calmly it is told. Words
/// that are slang for something good count here only beside another, or beside a product.
fn danger(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.dangers();
    let is_told = e.names_product || e.addressed && has_plain_danger(&found);
    (is_told && !found.is_empty()).then(|| Finding {
        complaint: 2.0,
        ..Finding::new(format!("tells of danger: {}", quoted(&found)))
    })
}

/// Whether more is told than words that are slang for something good as well.
fn has_plain_danger(found: &[String]) -> bool {
    found.iter().any(|f| !words::SLANG.contains(&f.as_str()))
}

fn sarcasm(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(words::SARCASM);
    let sour = !e.found(words::PROBLEM).is_empty() || !e.found(words::NEGATIVE).is_empty();
    let plain = found.iter().any(|f| {
        f.contains("nothing")
            || f.contains("nichts")
            || f.contains("nada")
            || f.contains("rien")
            || f.contains("breaking")
            || f.contains("ruin")
    });
    let harm = e.near(words::THANKS, (0, &[]), (4, words::HARM));
    let found: Vec<String> = found
        .into_iter()
        .map(str::to_owned)
        .chain(harm.clone())
        .collect();
    (!found.is_empty() && (sour || plain || harm.is_some())).then(|| Finding {
        complaint: 2.0,
        praise: -2.0,
        ..Finding::new(format!(
            "praise that means its opposite: {}",
            quoted(&found)
        ))
    })
}

fn problem_words(e: &Evidence<'_>) -> Option<Finding> {
    let lack = e.lack();
    let mut found = e.unsettled(words::PROBLEM);
    found.extend(lack.as_deref());
    // Beside a trouble that is over, the words may tell how it was.
    let share = if e.is_over() { 0.5 } else { 1.0 };
    (!found.is_empty()).then(|| Finding {
        complaint: share * growing(1.2, found.len()),
        ..Finding::new(format!("tells of a problem: {}", quoted(&found)))
    })
}

fn negative_words(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.unsettled(words::NEGATIVE);
    (!found.is_empty()).then(|| Finding {
        complaint: growing(1.3, found.len()),
        ..Finding::new(format!("unhappy words: {}", quoted(&found)))
    })
}

fn negated_praise(e: &Evidence<'_>) -> Option<Finding> {
    e.negated(words::PRAISE).map(|what| Finding {
        complaint: 0.8,
        praise: -1.0,
        ..Finding::new(format!("a good word denied: “{what}”"))
    })
}

/// Something that does not happen, told to us: most who write so have come to complain.
fn denial(e: &Evidence<'_>) -> Option<Finding> {
    let denied = e
        .tokens
        .iter()
        .enumerate()
        .find(|(at, token)| {
            let next = e.tokens.get(at + 1).map_or("", String::as_str);
            let is_eager = token.starts_with("cant") && next == "wait";
            let is_denial = words::NEGATION.contains(&token.as_str()) && !e.is_foreign(token);
            is_denial && !is_eager && !e.is_settled(*at)
        })
        .map(|(_, token)| token)?;
    e.addressed.then(|| Finding {
        complaint: 0.8,
        ..Finding::new(format!("denies something: “{denied}”"))
    })
}

/// How long it has been so: "9 days", "since Monday", "for hours".
fn lasting(e: &Evidence<'_>) -> Option<Finding> {
    let span = e.tokens.windows(2).find(|pair| {
        let [before, unit] = pair else { return false };
        let is_span = words::SPANS.contains(&unit.as_str());
        let is_counted = before.chars().all(|c| c.is_ascii_digit())
            || words::BEFORE_SPANS.contains(&before.as_str());
        words::SINCE.contains(&before.as_str()) || (is_span && is_counted)
    })?;
    e.addressed.then(|| Finding {
        complaint: 0.8,
        ..Finding::new(format!("tells how long: “{}”", span.join(" ")))
    })
}

fn profanity(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(words::PROFANITY);
    (!found.is_empty()).then(|| Finding {
        complaint: 0.7,
        ..Finding::new("strong language".to_owned())
    })
}

fn shouting(e: &Evidence<'_>) -> Option<Finding> {
    let capitals = e.shouted >= 2 && e.shouted * 3 >= e.tokens.len();
    (e.exclamations >= 3 || capitals || (e.exclamations > 0 && e.questions > 0)).then(|| Finding {
        complaint: 0.3,
        ..Finding::new("capitals or many exclamation marks".to_owned())
    })
}

fn unhappy_faces(e: &Evidence<'_>) -> Option<Finding> {
    let typed = [":(", ":-(", ":/", ":'("].iter().any(|face| {
        e.text.contains(face)
            && !(*face == ":/" && e.text.contains("://") && !e.text.contains(":/ "))
    });
    (typed || e.text.contains(words::SAD_EMOJI)).then(|| Finding {
        complaint: 0.7,
        praise: -0.5,
        ..Finding::new("an unhappy face".to_owned())
    })
}

fn praise_words(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(words::PRAISE);
    (!found.is_empty()).then(|| {
        // "Thanks" alone often ends a request.
        let polite = found.iter().all(|f| {
            matches!(
                *f,
                "thanks" | "thank you" | "thx" | "ty" | "cheers" | "danke*" | "gracias" | "merci"
            )
        });
        Finding {
            complaint: if polite { -0.3 } else { -0.9 },
            praise: growing(if polite { 0.8 } else { 1.2 }, found.len()),
            ..Finding::new(format!("good words: {}", quoted(&found)))
        }
    })
}

fn happy_faces(e: &Evidence<'_>) -> Option<Finding> {
    let typed = [":)", ":-)", ":D", ";)", "<3"]
        .iter()
        .any(|face| e.text.contains(face));
    (typed || e.text.contains(words::GLAD_EMOJI)).then(|| Finding {
        complaint: -0.6,
        praise: 0.6,
        ..Finding::new("a happy face".to_owned())
    })
}

fn question_forms(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(words::QUESTION);
    if e.questions == 0 && found.is_empty() {
        return None;
    }
    let why = if found.is_empty() {
        "a question mark".to_owned()
    } else {
        format!("asks: {}", quoted(&found))
    };
    Some(Finding {
        question: if e.questions > 0 { 1.5 } else { 0.7 },
        ..Finding::new(why)
    })
}

/// A question about how something is done, without a word of trouble.
fn how_to(e: &Evidence<'_>) -> Option<Finding> {
    let calm = e.found(words::PROBLEM).is_empty() && e.found(words::NEGATIVE).is_empty();
    (e.questions > 0 && calm).then(|| Finding {
        complaint: -0.7,
        question: 0.5,
        ..Finding::new("asks without telling of trouble".to_owned())
    })
}

fn addressed_to_us(e: &Evidence<'_>) -> Option<Finding> {
    e.addressed.then(|| Finding {
        complaint: 0.3,
        question: 0.3,
        ..Finding::new("names us or answers us".to_owned())
    })
}

fn advertising(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(words::NOISE);
    let stuffed = e.hashtags >= 5;
    (!found.is_empty() || stuffed).then(|| Finding {
        complaint: -0.9,
        noise: growing(1.2, found.len().max(1)) + if stuffed { 0.8 } else { 0.0 },
        ..Finding::new(if found.is_empty() {
            "many hashtags".to_owned()
        } else {
            format!("sounds like advertising or a notice: {}", quoted(&found))
        })
    })
}

/// Followers begged for or sold. Who asks us to follow for a direct message is a customer.
fn reach(e: &Evidence<'_>) -> Option<Finding> {
    let is_customer = ["dm", "dms", "message"].iter().any(|word| e.holds(word));
    let begged = e
        .found(words::REACH)
        .first()
        .map(|found| (*found).to_owned());
    let found = begged
        .filter(|_| !is_customer)
        .or_else(|| e.near(words::FOLLOWERS, (3, words::REACH_VERBS), (0, &[])))?;
    Some(Finding {
        complaint: -2.0,
        noise: 4.0,
        ..Finding::new(format!("wants followers: “{found}”"))
    })
}

/// A single good word, or a happy face alone, is praise like any other.
fn hardly_any_words(e: &Evidence<'_>) -> Option<Finding> {
    let is_glad = happy_faces(e).is_some() || praise_words(e).is_some();
    (e.words() < 2).then(|| {
        let why = if is_glad {
            "hardly any words, and kind ones"
        } else {
            "hardly any words"
        };
        Finding {
            complaint: -0.8,
            praise: if is_glad { PRAISE_FROM } else { 0.0 },
            noise: if is_glad { 0.0 } else { 1.0 },
            ..Finding::new(why.to_owned())
        }
    })
}

/// The judgement.
#[derive(Clone, Debug)]
pub struct Triage {
    pub label: Label,
    /// No rule knows what it wants: a person decides, whatever is switched on.
    pub in_doubt: bool,
    /// 0 to 1.
    pub p_complaint: f64,
    pub severity: Severity,
    /// The words that tell how bad it is, as a reason to read.
    pub why_severe: String,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub language: Option<&'static str>,
    pub needs_account: bool,
    /// Kinds of personal data in the text, by their words in tables.
    pub personal_data: Vec<&'static str>,
    pub reasons: Vec<String>,
}

/// Judges a text. `addressed`: it names us or answers us.
pub fn judge(
    text: &str,
    addressed: bool,
    catalogue: &[Product],
    corrections: &[(String, Label)],
) -> Triage {
    let mut evidence = Evidence::of(text, addressed);
    evidence.names_product = evidence.names_one_of(catalogue);
    let dangers = evidence.dangers();
    let endangers = !dangers.is_empty() && (addressed || evidence.names_product);
    let findings: Vec<Finding> = RULES.iter().filter_map(|rule| rule(&evidence)).collect();
    let sum = |part: fn(&Finding) -> f64| findings.iter().map(part).sum::<f64>();
    let p_complaint = 1.0 / (1.0 + (-(BIAS + sum(|f| f.complaint))).exp());
    let mut reasons: Vec<String> = findings.iter().map(|f| f.why.clone()).collect();
    let mut label = label_of(
        p_complaint,
        sum(|f| f.praise),
        sum(|f| f.noise),
        sum(|f| f.question),
        addressed,
    );
    let corrected = corrections
        .iter()
        .map(|(earlier, label)| (likeness(earlier, text), earlier, *label))
        .filter(|(like, ..)| *like >= CORRECTION_LIKENESS_MIN)
        // What staff said of words without danger says nothing of danger.
        .filter(|(_, earlier, _)| {
            !endangers || !Evidence::of(earlier, addressed).dangers().is_empty()
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(like, _, label)| (like, label));
    if let Some((like, told)) = corrected {
        label = told;
        reasons.insert(
            0,
            format!("staff called a post with the same words ({like:.2}) {told}"),
        );
    }
    let (severity, why_severe) = severity_of(&evidence);
    reasons.push(why_severe.clone());
    let faults = evidence.faults();
    let account = evidence.found(words::ACCOUNT);
    let is_clearly_noise = sum(|f| f.noise) >= NOISE_FROM;
    let mut in_doubt = false;
    let is_long = lasting(&evidence).is_some() && !evidence.is_earnest();
    let is_bitter = is_long || BITTER.iter().any(|rule| rule(&evidence).is_some());
    let is_praise_doubtful = (is_bitter && sum(|f| f.praise) < PRAISE_PLAIN_FROM)
        || !faults.is_empty()
        || (evidence.is_hollow() && !evidence.is_over());
    if label == Label::Praise && corrected.is_none() && is_praise_doubtful {
        (label, in_doubt) = (Label::Question, true);
        reasons.push("good words beside trouble: in doubt a person looks at it".to_owned());
    }
    if label == Label::Noise && corrected.is_none() && addressed && !is_clearly_noise {
        if severity != Severity::Annoyance || !account.is_empty() {
            (label, in_doubt) = (Label::Complaint, true);
            reasons.push("names us and tells of harm: in doubt a person looks at it".to_owned());
        } else if evidence.words() >= DOUBT_WORDS_MIN {
            (label, in_doubt) = (Label::Question, true);
            reasons.push("says something to us: in doubt a person looks at it".to_owned());
        }
    }
    let is_half_over = evidence.is_over() && !faults.is_empty() && !is_clearly_noise;
    let is_for_us = label == Label::Question || (label == Label::Noise && addressed);
    if is_half_over && is_for_us && corrected.is_none() && !in_doubt {
        (label, in_doubt) = (Label::Question, true);
        reasons.push("one trouble is over, another told: in doubt a person looks at it".to_owned());
    }
    let is_spam = reach(&evidence).is_some() && !has_plain_danger(&dangers);
    if endangers && corrected.is_none() && !is_spam {
        in_doubt = label != Label::Complaint || in_doubt || sum(|f| f.praise) > PRAISE_FROM;
        label = Label::Complaint;
        if in_doubt {
            reasons.push("may tell of danger: in doubt a person looks at it".to_owned());
        }
    }
    let (product, topic, why_product) = product_of(&evidence, catalogue);
    reasons.extend(why_product);
    let mut personal_data: Vec<&'static str> = Vec::new();
    for finding in text::personal_data::find(evidence.text) {
        if !personal_data.contains(&finding.kind.as_str()) {
            personal_data.push(finding.kind.as_str());
        }
    }
    let needs_account = !account.is_empty() || !personal_data.is_empty();
    if !account.is_empty() {
        reasons.push(format!(
            "needs an account or an order: {}",
            quoted(&account)
        ));
    }
    if !personal_data.is_empty() {
        reasons.push(format!(
            "carries personal data: {}",
            personal_data.join(", ")
        ));
    }
    Triage {
        label,
        in_doubt,
        p_complaint,
        severity,
        why_severe,
        product,
        topic,
        language: evidence.language,
        needs_account,
        personal_data,
        reasons,
    }
}

/// A post to us of at least so many words is put before a person though no rule knows what it wants:
/// of such posts to brands about every second complains.
const DOUBT_WORDS_MIN: usize = 4;
/// Hollow praise of at least so many words tells of something else too.
const HOLLOW_WORDS_MIN: usize = 6;
/// From this weight of good words on it is praise whatever bitter words stand beside them.
const PRAISE_PLAIN_FROM: f64 = 2.0;
/// What, beside a few good words, may turn them into their opposite.
const BITTER: &[Rule] = &[
    negative_words,
    negated_praise,
    denial,
    profanity,
    unhappy_faces,
];
/// From this sum of the rules' findings a post is noise whatever else it says.
const NOISE_FROM: f64 = 1.0;

fn label_of(p_complaint: f64, praise: f64, noise: f64, question: f64, addressed: bool) -> Label {
    if p_complaint >= COMPLAINT_FROM {
        Label::Complaint
    } else if noise >= NOISE_FROM && noise >= question {
        Label::Noise
    } else if praise >= PRAISE_FROM && praise >= question {
        Label::Praise
    } else if question >= 1.0 || (question > 0.3 && addressed) {
        Label::Question
    } else {
        Label::Noise
    }
}

/// How bad it is for the person, by the worst impact their words tell of.
fn severity_of(e: &Evidence<'_>) -> (Severity, String) {
    let owned = |list| e.found(list).into_iter().map(str::to_owned).collect();
    let levels: [(Severity, Vec<String>); 4] = [
        (Severity::Safety, e.dangers()),
        (Severity::Money, losses(e)),
        (
            Severity::Blocked,
            e.found(words::BLOCKED)
                .into_iter()
                .map(str::to_owned)
                .chain(e.lack())
                .collect(),
        ),
        (Severity::Many, owned(words::MANY)),
    ];
    for (severity, found) in levels {
        if !found.is_empty() {
            let why = format!("{}: {}", severity.label().to_lowercase(), quoted(&found));
            return (severity, why);
        }
    }
    (
        Severity::Annoyance,
        "nothing worse than an annoyance is told".to_owned(),
    )
}

/// Money that is lost, or asked for without right. A bill by itself takes nothing from anybody.
fn losses(e: &Evidence<'_>) -> Vec<String> {
    let mut found = e.found(words::MONEY);
    let paying = e.found(words::PAYING);
    if !paying.is_empty() {
        let losses = e.found(words::LOSS);
        let is_amount = e.text.contains(['$', '€', '£']) || !e.found(words::CURRENCIES).is_empty();
        if !losses.is_empty() || is_amount {
            found.extend(paying.into_iter().chain(losses));
        }
    }
    found.into_iter().map(str::to_owned).collect()
}

/// Which product and topic the words name.
fn product_of(
    e: &Evidence<'_>,
    catalogue: &[Product],
) -> (Option<ProductId>, Option<TopicId>, Vec<String>) {
    let named = |name: &str| -> bool {
        let folded = tokens(name).join(" ");
        !folded.is_empty() && e.folded.contains(&format!(" {folded} "))
    };
    let mut best: Option<(usize, &Product, String)> = None;
    for product in catalogue {
        let found: Vec<&String> = product.names().filter(|name| named(name)).collect();
        // The longest name is the most telling: "Fernwell Hub" before "Fernwell".
        let weight = found.iter().map(|n| n.chars().count()).max().unwrap_or(0);
        if let Some(name) = found.first()
            && best.as_ref().is_none_or(|(w, _, _)| weight > *w)
        {
            best = Some((weight, product, (*name).clone()));
        }
    }
    let (product, why) = match (best, catalogue) {
        (Some((_, product, name)), _) => (product, format!("names {}: “{name}”", product.name)),
        (None, [only]) => (only, format!("{} is the only product", only.name)),
        (None, _) => return (None, None, Vec::new()),
    };
    let topic = product.topics.iter().find(|topic| {
        tokens(&topic.name).iter().any(|word| {
            word.chars().count() > 3
                && !words::COMMON.contains(&word.as_str())
                && e.tokens
                    .iter()
                    .any(|t| t == word || t.trim_end_matches('s') == word.trim_end_matches('s'))
        })
    });
    let mut reasons = vec![why];
    if let Some(topic) = topic {
        reasons.push(format!("about {}", topic.name));
    }
    (Some(product.id), topic.map(|t| t.id), reasons)
}

/// Whether the text asks us to keep quiet: in words that mean nothing else, or in nothing but a
/// word like "stop" and politeness. "It won't stop beeping" does not.
pub fn asks_for_quiet(text: &str) -> Option<&'static str> {
    let evidence = Evidence::of(text, true);
    if let Some(phrase) = evidence.found(words::OPT_OUT).first() {
        return Some(phrase);
    }
    let bare: Vec<&str> = evidence
        .tokens
        .iter()
        .map(String::as_str)
        .filter(|token| !words::POLITE.contains(token))
        .collect();
    let bare = bare.join(" ");
    words::OPT_OUT_ALONE
        .iter()
        .copied()
        .find(|phrase| *phrase == bare)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn label(text: &str) -> Label {
        judge(text, true, &[], &[]).label
    }

    #[test]
    fn plain_cases_are_told_apart() {
        for (text, expected) in [
            (
                "@acme my screen is broken and nobody answers. Terrible service",
                Label::Complaint,
            ),
            ("@acme thanks for nothing", Label::Complaint),
            (
                "@acme I was billed twice for order 5531, give me my money back",
                Label::Complaint,
            ),
            (
                "@acme your firmware update bricked my router",
                Label::Complaint,
            ),
            (
                "@acme love it when the app is down on payday",
                Label::Complaint,
            ),
            ("@acme great job breaking the login again", Label::Complaint),
            ("@acme how do I export my notes?", Label::Question),
            ("@acme thank you, best support ever 😍", Label::Praise),
            (
                "Giveaway! Follow and retweet to win a @acme hub",
                Label::Noise,
            ),
            (
                "@acme die App stürzt ständig ab, seit Tagen keine Antwort",
                Label::Complaint,
            ),
            (
                "@acme la aplicación no funciona y nadie responde",
                Label::Complaint,
            ),
            (
                "@acme l'appli ne marche plus, c'est inadmissible",
                Label::Complaint,
            ),
            ("@acme gracias, ya funciona genial", Label::Praise),
            ("@acme thanks", Label::Praise),
            (
                "@acme your service desk is out of this world!",
                Label::Question,
            ),
            ("@acme thanks!", Label::Praise),
            ("@acme 👍", Label::Praise),
            ("@acme danke", Label::Praise),
            (
                "@acme nice one, the update wiped my schedules. cheers",
                Label::Complaint,
            ),
            ("@acme thanks for ignoring all my tweets", Label::Complaint),
            ("@acme nice one, fixed within the hour!", Label::Praise),
            ("@acme great job on the new app", Label::Praise),
            ("@acme thanks, problem solved, great support", Label::Praise),
            (
                "nobody argues with their support, @acme is 10/10",
                Label::Praise,
            ),
            ("@acme no complaints here, love it", Label::Praise),
            (
                "@acme never had a problem with you, best support",
                Label::Praise,
            ),
            (
                "@acme thank you for replacing my broken lamp so fast",
                Label::Praise,
            ),
            ("get 5K real followers today @acme", Label::Noise),
            ("@acme want 10k followers? DM me", Label::Noise),
            ("@acme follow back?", Label::Noise),
            (
                "@acme can you follow back so I can DM you my order number?",
                Label::Question,
            ),
            ("@acme ok", Label::Noise),
            ("@acme 😡", Label::Noise),
            ("@acme 9 days of pictures gone", Label::Complaint),
            (
                "@acme the heating will NOT turn off and it is 31 degrees in here",
                Label::Complaint,
            ),
            (
                "@acme every time I plug it in it trips the breaker",
                Label::Complaint,
            ),
            ("@acme the seats in row eight lean forward", Label::Question),
            ("@acme good morning", Label::Noise),
            ("@acme see you on launch day", Label::Question),
            ("@acme plus you can use it as a lamp", Label::Question),
            ("@acme 冷蔵庫が動きません", Label::Question),
        ] {
            assert_eq!(label(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_over_hides_no_other_fault() {
        for text in [
            "@acme thanks, you replaced the hub and the new one is broken too",
            "Acme replaced my router and it crashed again",
            "when will this be fixed in the app, it keeps crashing",
        ] {
            assert_eq!(label(text), Label::Complaint, "{text}");
        }
        for text in [
            "@acme great, the login works again but the battery is missing",
            "@acme thanks, the old problem solved, and a new error on the hub",
            "@acme thank you, no problem with the hub, love it, but the lamp is broken",
            "@acme danke, Hub läuft wieder, toll, aber die Lampe ist kaputt",
            "@acme the login works now. is the lamp offline?",
            "@acme great, wifi works again, hot water is gone",
        ] {
            let triage = judge(text, true, &[], &[]);
            assert!(triage.label.wants_an_answer(), "{text}");
            assert!(
                triage.label == Label::Complaint || triage.in_doubt,
                "{text}"
            );
        }
        let triage = judge("@acme thanks for fixing the bug, great", true, &[], &[]);
        assert_eq!((triage.label, triage.in_doubt), (Label::Praise, false));
    }

    #[test]
    fn good_words_beside_a_fault_are_not_praise() {
        for text in [
            "@acme great job, my lamp turns on at 3am every night",
            "Great job @acme, third router this year",
            "@acme brilliant, the firmware erased all my rooms",
            "@acme cheers for that, thermostat says 40 degrees and nothing happens",
            "@acme super Update, jetzt geht gar nichts mehr",
            "@acme genial, la actualización borró mi casa entera",
            "@acme bravo, encore une mise à jour et plus rien ne marche",
        ] {
            let triage = judge(text, true, &[], &[]);
            assert!(
                triage.label == Label::Complaint || triage.in_doubt,
                "{text}"
            );
            assert_ne!(triage.label, Label::Praise, "{text}");
        }
    }

    /// The share of posts judged rightly, complaint or not, when both kinds count alike (macro F1).
    fn macro_f1(posts: &[(String, bool)]) -> f64 {
        let mut seen = [[0_u32; 2]; 2];
        for (text, is_complaint) in posts {
            let told = label(text) == Label::Complaint;
            seen[usize::from(*is_complaint)][usize::from(told)] += 1;
        }
        let f1 = |right: u32, wrong: u32| {
            2.0 * f64::from(right) / (2.0 * f64::from(right) + f64::from(wrong))
        };
        let wrong = seen[0][1] + seen[1][0];
        f64::midpoint(f1(seen[0][0], wrong), f1(seen[1][1], wrong))
    }

    /// Two public sets of posts to brands, in the project's data folder: complaints of Preoţiuc-Pietro
    /// and others (ACL 2019), and Crowdflower's posts to airlines.
    #[test]
    fn complaints_of_public_sets_are_found() {
        /// Every fifth post tells enough.
        const EVERY: usize = 5;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
        let read = |file: &str, judge: fn(&csv::StringRecord) -> Option<(String, bool)>| {
            let reader = csv::Reader::from_path(folder.join(file)).ok()?;
            let rows: Vec<_> = reader
                .into_records()
                .step_by(EVERY)
                .filter_map(|r| judge(&r.ok()?))
                .collect();
            Some(rows)
        };
        let complaints = read("complaints_acl2019/complaints-train.csv", |row| {
            let to_a_brand = !row.get(3)?.starts_with("random");
            to_a_brand.then_some((row.get(1)?.to_owned(), row.get(2)? == "1"))
        });
        let airlines = read("airline_sentiment/airline-train.csv", |row| {
            Some((row.get(5)?.to_owned(), row.get(1)? == "negative"))
        });
        let (Some(complaints), Some(airlines)) = (complaints, airlines) else {
            eprintln!("skipped: {} is not there", folder.display());
            return;
        };
        let found = (macro_f1(&complaints), macro_f1(&airlines));
        eprintln!(
            "macro F1: complaints {:.3}, airlines {:.3}",
            found.0, found.1
        );
        assert!(found.0 > 0.75 && found.1 > 0.785, "{found:?}");
    }

    fn product(id: i64, name: &str) -> Product {
        Product {
            id: ProductId(id),
            slug: name.to_lowercase().replace(' ', "-"),
            name: name.to_owned(),
            terms: Vec::new(),
            link_threshold: 0.7,
            propose_threshold: 0.3,
            auto_link: true,
            auto_acknowledge: false,
            topics: Vec::new(),
        }
    }

    #[test]
    fn danger_told_of_ours_is_never_passed_over() {
        let catalogue = [
            product(1, "Glow Lamp"),
            product(2, "Warmi Thermostat"),
            product(3, "Home App"),
        ];
        for (text, addressed) in [
            ("Glow lamp caught fire", false),
            ("got an electric shock from the Glow lamp", false),
            (
                "smoke coming out of the warmi thermostat, called the fire brigade",
                false,
            ),
            ("smart thermostat is hot, smells burnt", false),
            ("Das Warmi Thermostat riecht verbrannt!", false),
            ("Mein Heizungsthermostat qualmt", false),
            ("the lamps are on fire", false),
            ("Glow lamp giveaway gone wrong: it melted", false),
            ("@acme it set my curtain on fire", true),
            ("@acme burn on my hand, nice", true),
        ] {
            let triage = judge(text, addressed, &catalogue, &[]);
            let judged = (triage.label, triage.severity);
            assert_eq!(judged, (Label::Complaint, Severity::Safety), "{text}");
        }
        for (text, addressed) in [
            (
                "@examplehelp thanks for the great thermostat, it set my curtain on fire",
                true,
            ),
            ("love my Glow lamp, the smoke was a nice touch", false),
            ("@acme your support is on fire today, love it", true),
        ] {
            let triage = judge(text, addressed, &catalogue, &[]);
            let judged = (triage.label, triage.severity, triage.in_doubt);
            assert_eq!(judged, (Label::Complaint, Severity::Safety, true), "{text}");
        }
        for text in [
            "the fire brigade was great today",
            "my home smells of smoke, thank you neighbours",
            "I love this brand, Glow Lamp is great",
        ] {
            let label = judge(text, false, &catalogue, &[]).label;
            assert_ne!(label, Label::Complaint, "{text}");
        }
        let only = judge(
            "the fire brigade was great today",
            false,
            &catalogue[..1],
            &[],
        );
        assert!(!only.label.wants_an_answer());
    }

    #[test]
    fn what_staff_said_of_other_words_hides_no_danger() {
        let earlier = "the glow lamp shines all over the kitchen".to_owned();
        let text = "the glow lamp burnt all over the kitchen";
        let corrections = [(earlier, Label::Noise)];
        assert!(likeness(&corrections[0].0, text) >= CORRECTION_LIKENESS_MIN);
        let label = |text: &str, corrections: &[_]| judge(text, true, &[], corrections).label;
        assert_eq!(label(text, &corrections), Label::Complaint);
        assert_eq!(
            label(text, &[(text.to_owned(), Label::Noise)]),
            Label::Noise
        );
    }

    #[test]
    fn praise_that_says_it_is_meant_is_not_in_doubt() {
        for text in [
            "@acme just want to say the Tern setup took four minutes and my nan did it herself. well done",
            "@acme the setup was over in a blink and my nan did it herself. well done!",
            "@acme shout out to whoever wrote the manual of my lamp, nice",
            "@acme kudos, setup took four minutes and my nan did it herself",
        ] {
            let triage = judge(text, true, &[], &[]);
            assert_eq!(
                (triage.label, triage.in_doubt),
                (Label::Praise, false),
                "{text}"
            );
        }
        for text in [
            "@acme just wanted to say my lamp keeps blinking all night. well done",
            "@acme three days to ship a lamp. well done",
        ] {
            assert_ne!(label(text), Label::Praise, "{text}");
        }
    }

    #[test]
    fn severity_is_the_worst_impact() {
        for (text, expected) in [
            (
                "my charger caught fire and I paid 80 for it",
                Severity::Safety,
            ),
            ("you charged me twice, and the app is down", Severity::Money),
            ("the hub won't start", Severity::Blocked),
            ("is the site down for everyone?", Severity::Many),
            ("the new icon is ugly", Severity::Annoyance),
            ("where can I see my bill in the app?", Severity::Annoyance),
            ("the bill page is ugly", Severity::Annoyance),
            ("can't pay my bill, the page is an error", Severity::Blocked),
            ("my bill is twice what it was", Severity::Money),
            ("die Rechnung ist zu hoch", Severity::Money),
            ("I paid 300 € for this lamp", Severity::Money),
            ("thermostat frozen since the update", Severity::Blocked),
            ("the thermostat is dead", Severity::Blocked),
            ("das Thermostat ist eingefroren", Severity::Blocked),
            ("el termostato no responde", Severity::Blocked),
            ("no hot water since Monday", Severity::Blocked),
            ("@acme no customer service, awful", Severity::Annoyance),
            (
                "@acme your service desk is out of this world!",
                Severity::Annoyance,
            ),
            ("no service since noon", Severity::Blocked),
            ("no power in the whole flat", Severity::Blocked),
            ("our internet is out", Severity::Blocked),
            ("the internet says you are out", Severity::Annoyance),
            (
                "@acme the kids mode of the thermostat app crashes",
                Severity::Blocked,
            ),
            (
                "the boiler app crashes when I open the winter schedule",
                Severity::Blocked,
            ),
            (
                "the app for my boiler crashes, the kids laugh at me",
                Severity::Blocked,
            ),
            (
                "le mode enfants du thermostat ne marche plus",
                Severity::Blocked,
            ),
            (
                "my hub is broken. the thermostat looks nice and the kids like it",
                Severity::Blocked,
            ),
            ("the thermostat app keeps freezing", Severity::Annoyance),
            (
                "boiler stopped working, my kids sleep in their coats",
                Severity::Safety,
            ),
            (
                "the heating is broken and it is minus 9 outside",
                Severity::Safety,
            ),
            ("the furnace is dead and we are freezing", Severity::Safety),
            (
                "my thermostat has died and it's -12 outside",
                Severity::Safety,
            ),
            (
                "le thermostat est mort et mon bébé a froid",
                Severity::Safety,
            ),
            ("seit drei Tagen kein Internet", Severity::Blocked),
            ("Internet ist seit heute morgen weg", Severity::Blocked),
            ("llevo dos días sin internet", Severity::Blocked),
            ("pas d'internet depuis lundi", Severity::Blocked),
            (
                "no heating and the baby is three weeks old",
                Severity::Safety,
            ),
            (
                "keine Heizung seit gestern, mitten im Winter",
                Severity::Safety,
            ),
            ("sin calefacción y con un bebé en casa", Severity::Safety),
            (
                "plus de chauffage depuis hier et les enfants ont froid",
                Severity::Safety,
            ),
        ] {
            assert_eq!(judge(text, true, &[], &[]).severity, expected, "{text}");
        }
    }

    #[test]
    fn an_order_or_personal_data_needs_an_account() {
        assert!(judge("where is my order?", true, &[], &[]).needs_account);
        let triage = judge(
            "mail me at ada@example.org, the app is broken",
            true,
            &[],
            &[],
        );
        assert!(triage.needs_account);
        assert_eq!(triage.personal_data, ["email_address"]);
        assert!(!judge("the app is broken", true, &[], &[]).needs_account);
    }

    #[test]
    fn a_correction_by_staff_counts_for_the_same_words() {
        let text = "the hub blinks green all night long";
        assert_ne!(label(text), Label::Complaint);
        let corrections = [("hub blinks green all night".to_owned(), Label::Complaint)];
        let triage = judge(text, true, &[], &corrections);
        assert_eq!(triage.label, Label::Complaint);
        assert!(triage.reasons[0].contains("staff called"));
    }

    #[test]
    fn any_text_is_judged() {
        for text in [
            "",
            "x",
            "😡",
            "🔥🔥🔥",
            "مرحبا لا يعمل",
            "\0\0",
            &"long word ".repeat(2_500),
        ] {
            let triage = judge(text, true, &[], &[]);
            assert!((0.0..=1.0).contains(&triage.p_complaint), "{text:.20}");
        }
    }

    #[test]
    fn only_plain_words_or_a_bare_stop_ask_for_quiet() {
        for text in [
            "@acme stop",
            "@acme STOP! please",
            "Please stop, thanks",
            "unsubscribe",
            "@acme no bots please",
            "please just leave me alone, this whole thing is a bot farm",
            "lasst mich in Ruhe",
        ] {
            assert!(asks_for_quiet(text).is_some(), "{text}");
        }
        for text in [
            "I had to stop using the app because it crashes every time",
            "my alarm won't stop beeping",
            "it won't stop",
            "the error won't go away",
            "why did you stop replying",
            "you don't reply to my mails",
            "you don't reply",
            "l'appli n'arrêtez de planter, réparez-la",
            "ich kann nicht mehr schreiben",
            "",
        ] {
            assert!(asks_for_quiet(text).is_none(), "{text}");
        }
    }
}

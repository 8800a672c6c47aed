//! Reports of the same problem, found by the words that more people write now than usually.
//!
//! Bursts first, clusters after: of each word it is counted how many people wrote it in the span and
//! in the same hours of past weeks. Around the most surprising words, reports are gathered that share
//! further words with those that have it, and the gathered are counted again as one. Every step walks
//! each report a fixed number of times, so that ten thousand reports cost ten times what a thousand do.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rate::Usual;
use crate::clock::{HOUR, MINUTE};

/// Spans that are looked at (µs), up to now: a quarter of an hour finds an outage while it is young,
/// six hours what spreads slowly.
pub const SPANS: [i64; 3] = [15 * MINUTE, HOUR, 6 * HOUR];
/// Fewest people who make a spike.
pub const AUTHORS_MIN: usize = 5;
/// A spike has at least so many times the people who are usual.
const TIMES_USUAL_MIN: f64 = 3.0;
/// Largest chance of a spike (natural logarithm): one in ten million. A month has about 9,000 quarters
/// and hours, each with some hundred words that could burst.
const LN_CHANCE_MAX: f64 = -16.1;
/// Fewest people whose common word reports are gathered around.
const SEED_AUTHORS_MIN: usize = 3;
/// Largest chance of a word around which reports are gathered: one in ten thousand.
const LN_SEED_CHANCE_MAX: f64 = -9.2;
/// The same of a word that this share of people write anyway, as "not": one in a million.
const LN_COMMON_SEED_CHANCE_MAX: f64 = -13.8;
const COMMON_SHARE: f64 = 0.05;
/// Words around which reports are gathered in one look.
const SEEDS_MAX: usize = 12;
/// Products that are looked at apart around one word.
const PRODUCTS_MAX: usize = 4;
/// Words that say what a cluster is about.
pub const PROFILE_MAX: usize = 10;
/// The same of one that was made of several.
const MERGED_PROFILE_MAX: usize = 16;
/// Two clusters are of one problem when this share of the fewer members, or of the fewer words, is
/// common to both.
const SAME_SHARE: f64 = 0.2;
/// A word says what a cluster is about if this share of its people write it…
const SHARE_MIN: f64 = 0.15;
/// …and that is so many times the share among everybody else.
const LIFT_MIN: f64 = 3.0;
/// What is taken for granted of everybody else before any is counted: of so many people, this share
/// writes a word.
const OUTSIDE: f64 = 10.0;
const OUTSIDE_SHARE: f64 = 0.05;
/// Fewest people of the same hours of past weeks by whom everybody else is known.
const WATCHED_AUTHORS_MIN: usize = 50;
/// How many of these words a report shares with the cluster it belongs to…
const SHARED_MIN: usize = 2;
/// …unless it has so few words that one, the word it was gathered around, says it all.
const SHORT_MAX: usize = 4;
/// How often a cluster's words are drawn from its reports, and its reports gathered by them.
const ROUNDS: usize = 2;

/// One report: what somebody wrote, as numbers.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who wrote it; the same person has another number in each past week.
    pub author: u64,
    /// When it was written (µs).
    pub at: i64,
    /// The product it is surely about.
    pub product: Option<i64>,
    /// Roots of its words, as [`Roots`] numbers them, each once.
    pub words: Vec<u32>,
}

/// Numbers for roots.
#[derive(Default)]
pub struct Roots {
    numbers: HashMap<String, u32>,
    roots: Vec<String>,
}

impl Roots {
    pub fn number(&mut self, root: &str) -> u32 {
        if let Some(known) = self.numbers.get(root) {
            return *known;
        }
        let new = u32::try_from(self.roots.len()).unwrap_or(u32::MAX);
        self.numbers.insert(root.to_owned(), new);
        self.roots.push(root.to_owned());
        new
    }

    pub fn root(&self, number: u32) -> &str {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        self.roots.get(at).map_or("", String::as_str)
    }
}

/// Reports of one problem.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The words it is about, the most telling first.
    pub profile: Vec<u32>,
    /// Places of its reports in what was looked at.
    pub members: Vec<usize>,
    /// People who wrote them.
    pub authors: usize,
    /// How many are usual in the span.
    pub expected: f64,
    /// Natural logarithm of the chance of so many.
    pub ln_chance: f64,
    pub product: Option<i64>,
}

impl Cluster {
    fn is_same(&self, other: &Cluster) -> bool {
        if is_other_product(self.product, other.product) {
            return false;
        }
        let members = other
            .members
            .iter()
            .filter(|member| self.members.binary_search(member).is_ok());
        let fewer = self.members.len().min(other.members.len()) as f64;
        is_same_profile(&self.profile, &other.profile)
            || members.count() as f64 >= SAME_SHARE * fewer
    }
}

/// Whether two are surely about different products.
pub fn is_other_product<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && other.is_some() && one != other
}

/// Whether two profiles, of whatever words are made of, are of one problem.
pub fn is_same_profile<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    let common = one.iter().filter(|word| other.contains(word)).count();
    common as f64 >= SAME_SHARE * one.len().min(other.len()).max(1) as f64
}

/// What is usual at this time.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// Reports of the same hours of past weeks.
    pub reports: &'a [Report],
    /// Hours that these cover.
    pub hours: f64,
}

/// Spikes among the reports of a span (µs), the most surprising first.
pub fn find(now: &[Report], past: Past<'_>, span: i64) -> Vec<Cluster> {
    let all = Counted::of(now, now.iter().map(|_| true));
    if all.authors < AUTHORS_MIN {
        return Vec::new();
    }
    let before = Counted::of(past.reports, past.reports.iter().map(|_| true));
    let look = Look {
        now,
        past,
        span,
        all,
        before,
    };
    let mut seeds: Vec<(f64, u32)> = look
        .all
        .words
        .iter()
        .filter(|(_, count)| **count >= SEED_AUTHORS_MIN)
        .map(|(word, count)| {
            let usual = look.usual(look.before.count(*word), *count);
            (usual.ln_chance(*count, span), *word)
        })
        .filter(|(chance, word)| *chance <= look.seed_chance_max(*word))
        .collect();
    seeds.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    seeds.truncate(SEEDS_MAX);
    let mut found: Vec<Cluster> = Vec::new();
    let mut told: HashSet<(Option<i64>, u32)> = HashSet::new();
    for (seed, product) in look.with_products(&seeds) {
        if told.contains(&(product, seed)) {
            continue;
        }
        let Some(cluster) = look.gather(seed, product) else {
            continue;
        };
        told.extend(cluster.profile.iter().map(|word| (product, *word)));
        match found.iter_mut().find(|other| other.is_same(&cluster)) {
            Some(other) => look.absorb(other, cluster),
            None => found.push(cluster),
        }
    }
    found.sort_by(|a, b| a.ln_chance.total_cmp(&b.ln_chance));
    found
}

/// How many of a profile's words a report has.
pub fn shared(profile: &[u32], words: &[u32]) -> usize {
    words.iter().filter(|word| profile.contains(word)).count()
}

/// Whether a report with these words is one of a cluster with this profile.
pub fn belongs(profile: &[u32], words: &[u32]) -> bool {
    let shared = shared(profile, words);
    let is_short = words.len() <= SHORT_MAX;
    let has_seed = profile.first().is_some_and(|seed| words.contains(seed));
    shared >= SHARED_MIN || (is_short && has_seed)
}

/// How many people wrote each word.
struct Counted {
    authors: usize,
    words: HashMap<u32, usize>,
}

impl Counted {
    /// Counts the reports for which `chosen` says so; one author counts once.
    fn of(reports: &[Report], chosen: impl Iterator<Item = bool>) -> Counted {
        let mut by_author: Vec<(u64, &[u32])> = reports
            .iter()
            .zip(chosen)
            .filter(|(_, chosen)| *chosen)
            .map(|(report, _)| (report.author, report.words.as_slice()))
            .collect();
        by_author.sort_unstable_by_key(|(author, _)| *author);
        // The last author counted for a word: reports of one author stand together.
        let mut words: HashMap<u32, (usize, u64)> = HashMap::new();
        let (mut authors, mut last) = (0, None);
        for (author, said) in by_author {
            if last != Some(author) {
                authors += 1;
                last = Some(author);
            }
            for word in said {
                match words.get_mut(word) {
                    Some((_, counted)) if *counted == author => {}
                    Some((count, counted)) => {
                        *count += 1;
                        *counted = author;
                    }
                    None => {
                        words.insert(*word, (1, author));
                    }
                }
            }
        }
        let words = words.into_iter().map(|(w, (count, _))| (w, count));
        Counted {
            authors,
            words: words.collect(),
        }
    }

    fn count(&self, word: u32) -> usize {
        self.words.get(&word).copied().unwrap_or(0)
    }
}

struct Look<'a> {
    now: &'a [Report],
    past: Past<'a>,
    span: i64,
    all: Counted,
    before: Counted,
}

impl Look<'_> {
    /// How surprising a word must be for reports to be gathered around it.
    fn seed_chance_max(&self, word: u32) -> f64 {
        let before = self.before.count(word) as f64;
        let is_common = before > COMMON_SHARE * self.before.authors as f64 && before > OUTSIDE;
        if is_common {
            LN_COMMON_SEED_CHANCE_MAX
        } else {
            LN_SEED_CHANCE_MAX
        }
    }

    /// What is usual for something that so many wrote of in the past, when `count` do now.
    fn usual(&self, in_past: usize, count: usize) -> Usual {
        let hours = self.past.hours;
        let others = (self.all.authors - count.min(self.all.authors)) as f64;
        let spans = hours * HOUR as f64 / self.span as f64;
        // A few more on either side, so that two where one is usual is no loud day.
        let loudness = if spans > 0.0 {
            (others + 5.0) / (self.before.authors as f64 / spans + 5.0)
        } else {
            1.0
        };
        Usual {
            authors: in_past as f64,
            hours,
            loudness: loudness.max(1.0),
        }
    }

    /// Each word with the products whose people write it most, one look for each: where two products
    /// share a burst, two things may be broken.
    fn with_products(&self, seeds: &[(f64, u32)]) -> Vec<(u32, Option<i64>)> {
        let mut all = Vec::new();
        for (_, seed) in seeds {
            let mut people: BTreeMap<i64, usize> = BTreeMap::new();
            for report in self.now.iter().filter(|r| r.words.contains(seed)) {
                if let Some(product) = report.product {
                    *people.entry(product).or_default() += 1;
                }
            }
            let mut products: Vec<(usize, i64)> = people
                .into_iter()
                .filter(|(_, n)| *n >= AUTHORS_MIN)
                .map(|(product, n)| (n, product))
                .collect();
            products.sort_by_key(|(n, product)| (std::cmp::Reverse(*n), *product));
            if products.len() < 2 {
                all.push((*seed, None));
            } else {
                let these = products.into_iter().take(PRODUCTS_MAX);
                all.extend(these.map(|(_, product)| (*seed, Some(product))));
            }
        }
        all
    }

    /// Gathers the reports around a word, of `product` where one is named; `None` when they make no
    /// spike.
    fn gather(&self, seed: u32, of: Option<i64>) -> Option<Cluster> {
        let is_of = |report: &Report| !is_other_product(of, report.product);
        let has = |report: &Report| report.words.contains(&seed) && is_of(report);
        let mut members: Vec<bool> = self.now.iter().map(has).collect();
        let mut profile = Vec::new();
        for _ in 0..ROUNDS {
            profile = self.profile(&members, seed);
            let product = of.or_else(|| majority(self.now, &members));
            members = self
                .now
                .iter()
                .map(|report| {
                    !is_other_product(product, report.product) && belongs(&profile, &report.words)
                })
                .collect();
        }
        let of_past = self.past.reports.iter();
        let in_past = of_past.map(|report| belongs(&profile, &report.words));
        let authors = Counted::of(self.now, members.iter().copied()).authors;
        let usual = self.usual(Counted::of(self.past.reports, in_past).authors, authors);
        let expected = usual.expected(self.span);
        let ln_chance = usual.ln_chance(authors, self.span);
        let is_spike = authors >= AUTHORS_MIN
            && authors as f64 >= TIMES_USUAL_MIN * expected
            && ln_chance <= LN_CHANCE_MAX;
        let product = of.or_else(|| majority(self.now, &members));
        let members: Vec<usize> = (0..members.len()).filter(|at| members[*at]).collect();
        is_spike.then_some(Cluster {
            profile,
            members,
            authors,
            expected,
            ln_chance,
            product,
        })
    }

    /// Makes one of two clusters of one problem.
    fn absorb(&self, into: &mut Cluster, other: Cluster) {
        into.members.extend(other.members);
        into.members.sort_unstable();
        into.members.dedup();
        let more: Vec<u32> = other
            .profile
            .into_iter()
            .filter(|word| !into.profile.contains(word))
            .collect();
        into.profile.extend(more);
        into.profile.truncate(MERGED_PROFILE_MAX);
        let members = &into.members;
        let chosen = (0..self.now.len()).map(|at| members.binary_search(&at).is_ok());
        into.authors = Counted::of(self.now, chosen).authors;
        into.expected = into.expected.max(other.expected);
    }

    /// The words that the members write and the others do not; the seed first.
    fn profile(&self, members: &[bool], seed: u32) -> Vec<u32> {
        let inside = Counted::of(self.now, members.iter().copied());
        // Where little was watched, everybody else of the moment may write of the same.
        let is_watched = self.before.authors >= WATCHED_AUTHORS_MIN;
        let outside = match is_watched {
            true => self.all.authors + self.before.authors - inside.authors,
            false => 0,
        } as f64;
        let mut telling: Vec<(f64, u32)> = inside
            .words
            .iter()
            .filter(|(word, count)| **count >= 2 && **word != seed)
            .filter_map(|(word, count)| {
                let share = *count as f64 / inside.authors as f64;
                let others = match is_watched {
                    true => self.all.count(*word) + self.before.count(*word) - *count,
                    false => 0,
                } as f64;
                let share_outside = (others + OUTSIDE_SHARE * OUTSIDE) / (outside + OUTSIDE);
                let lift = share / share_outside;
                (share >= SHARE_MIN && lift >= LIFT_MIN).then(|| (share * lift.ln(), *word))
            })
            .collect();
        telling.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let words = telling.into_iter().map(|(_, word)| word);
        std::iter::once(seed)
            .chain(words)
            .take(PROFILE_MAX)
            .collect()
    }
}

/// The product of most members, if more than half of those that have one are about it.
fn majority(reports: &[Report], members: &[bool]) -> Option<i64> {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    let chosen = reports.iter().zip(members).filter(|(_, is)| **is);
    for product in chosen.filter_map(|(report, _)| report.product) {
        *counts.entry(product).or_default() += 1;
    }
    let known: usize = counts.values().sum();
    let (product, most) = counts.into_iter().max_by_key(|(id, count)| (*count, *id))?;
    (most * 2 > known).then_some(product)
}

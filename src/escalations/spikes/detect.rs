//! Detect: looks at what was written lately, and proposes what many people write of at once.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cluster::{self, Cluster, Past, Roots, SPANS};
use super::words::{Word, informative};
use super::{MemberState, Spike, SpikeState, follow, hold, record};
use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::escalations::store::spikes::{self as store, NewSpike, Report};
use crate::ids::{CaseId, ProductId, SpikeId};
use crate::jobs::{Job, Next};

/// Wait between two looks (µs).
pub const EVERY: i64 = 2 * MINUTE;
/// Past weeks whose same hours say what is usual.
const WEEKS: i64 = 4;
/// How far before and after the same time of a past week its reports count too (µs).
const AROUND: i64 = HOUR;
/// Reports of the present, and of each past week, that are looked at: the newest.
const REPORTS_MAX: i64 = 20_000;
/// A spike of which nobody wrote for so long (µs) is over: the same again is another one.
pub const OVER_AFTER: i64 = DAY;
/// A dismissed spike is proposed again when so many times the people write.
const GROWN: i64 = 2;
/// A cluster goes on with a spike when this share of its members are members of it, or their words
/// agree.
const SAME_MEMBERS: f64 = 0.2;

/// One look.
#[derive(Default, Serialize, Deserialize)]
pub struct LookForSpikes {}

impl Job for LookForSpikes {
    const KIND: &'static str = "look_for_spikes";

    fn dedupe_key(&self) -> Option<String> {
        Some("all".to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        look(app)?;
        follow::follow(app)?;
        Ok(Next::Done)
    }
}

/// Looks once: what is found is proposed, or goes on with the spike that it is.
pub fn look(app: &App) -> Result<()> {
    let now = app.now();
    let seen = app.db.read(|c| Seen::at(c, now))?;
    let found = seen.spikes(now);
    if found.is_empty() {
        return Ok(());
    }
    app.db.write(|tx| {
        hold(tx)?;
        let mut known = store::spikes_since(tx, now.plus(-OVER_AFTER))?;
        for found in &found {
            keep(tx, now, found, &mut known)?;
        }
        Ok(())
    })
}

/// A cluster, as cases and words.
#[derive(Clone)]
struct Found {
    span: i64,
    words: Vec<Word>,
    cases: Vec<CaseId>,
    product: Option<ProductId>,
    authors: i64,
    expected: f64,
    ln_chance: f64,
    looked_to: CaseId,
}

impl Found {
    fn as_new(&self) -> NewSpike<'_> {
        NewSpike {
            product: self.product,
            words: &self.words,
            span: self.span,
            authors: self.authors,
            expected: self.expected,
            ln_chance: self.ln_chance,
            looked_to: self.looked_to,
        }
    }

    /// Whether this is what another span showed already.
    fn is_part_of(&self, other: &Found) -> bool {
        if cluster::is_other_product(self.product, other.product) {
            return false;
        }
        let cases: HashSet<CaseId> = other.cases.iter().copied().collect();
        let common = self
            .cases
            .iter()
            .filter(|case| cases.contains(case))
            .count();
        let fewer = cases.len().min(self.cases.len());
        let has_members = common as f64 >= SAME_MEMBERS * fewer as f64;
        has_members || cluster::is_same_profile(&roots(&self.words), &roots(&other.words))
    }

    /// Takes the cases of another span in, and its figures when they are more surprising.
    fn take_in(&mut self, mut other: Found) {
        if other.ln_chance < self.ln_chance {
            std::mem::swap(self, &mut other);
        }
        let known: HashSet<CaseId> = self.cases.iter().copied().collect();
        self.cases
            .extend(other.cases.into_iter().filter(|case| !known.contains(case)));
    }

    /// Whether this is the same as `spike`, of which `common` members are among its own.
    fn is(&self, spike: &Spike, common: usize) -> bool {
        let is_other = cluster::is_other_product(self.product, spike.product);
        let has_words = cluster::is_same_profile(&roots(&self.words), &roots(&spike.words));
        let has_members = common as f64 >= SAME_MEMBERS * self.cases.len() as f64;
        !is_other && (has_members || has_words)
    }
}

fn roots(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.root.as_str()).collect()
}

/// Proposes a cluster, or adds its members to the spike that it goes on with.
fn keep(tx: &mut Conn, now: Moment, found: &Found, known: &mut Vec<Spike>) -> Result<()> {
    let mut common: HashMap<SpikeId, usize> = HashMap::new();
    for (spike, _) in store::spikes_of(tx, &found.cases)? {
        *common.entry(spike).or_default() += 1;
    }
    let common_with = |spike: &Spike| common.get(&spike.id).copied().unwrap_or(0);
    let mut same: Vec<&Spike> = known
        .iter()
        .filter(|spike| found.is(spike, common_with(spike)))
        .collect();
    // What a person said of it counts more than that a rule proposed it again, and the newest most.
    same.sort_by_key(|spike| (common_with(spike), spike.id.0));
    match same.pop() {
        Some(spike) if spike.state == SpikeState::Proposed => {
            if found.ln_chance < spike.ln_chance {
                store::set_spike_count(tx, spike.id, &found.as_new())?;
            }
            store::set_spike_seen(tx, spike.id, now)?;
            return add_members(tx, now, spike.id, &found.cases);
        }
        // Who writes of it joins by `follow`, while it is open. Once it is solved, as many new ones as
        // make a spike are another.
        Some(spike) if spike.state == SpikeState::Published => {
            let is_open = match spike.thread {
                Some(thread) => follow::is_open(tx, thread)?,
                None => false,
            };
            let mut again = found.clone();
            again.cases.retain(|case| *case > spike.looked_to);
            if is_open || again.cases.len() < cluster::AUTHORS_MIN {
                return store::set_spike_seen(tx, spike.id, now);
            }
            return propose(tx, now, &again, known);
        }
        Some(spike) if found.authors < GROWN * spike.authors => {
            return store::set_spike_seen(tx, spike.id, now);
        }
        _ => {}
    }
    propose(tx, now, found, known)
}

/// Proposes a cluster as a new spike.
fn propose(tx: &mut Conn, now: Moment, found: &Found, known: &mut Vec<Spike>) -> Result<()> {
    let id = store::insert_spike(tx, &found.as_new(), now)?;
    add_members(tx, now, id, &found.cases)?;
    let Some(spike) = store::spike(tx, id)? else {
        return Ok(());
    };
    let data = json!({
        "cases": found.cases.len(),
        "people": found.authors,
        "span_minutes": found.span / MINUTE,
        "usual": found.expected,
        "ln_chance": found.ln_chance,
    });
    record(
        tx,
        now,
        &Actor::rule("spikes"),
        "spike_proposed",
        id,
        &spike.why(),
        data,
    )?;
    tracing::info!(spike = %id, people = found.authors, cases = found.cases.len(), "a spike is proposed");
    known.push(spike);
    Ok(())
}

fn add_members(tx: &mut Conn, now: Moment, spike: SpikeId, cases: &[CaseId]) -> Result<()> {
    for case in cases {
        store::add_member(tx, spike, *case, MemberState::Counted, now)?;
    }
    Ok(())
}

/// What was written lately, and at the same time of past weeks.
struct Seen {
    reports: Vec<Report>,
    words: Vec<Vec<Word>>,
    now: Vec<cluster::Report>,
    roots: Roots,
    /// Of each past week: since when it is known what was written, and what.
    past: Vec<(Moment, Vec<cluster::Report>)>,
    looked_to: CaseId,
}

impl Seen {
    fn at(conn: &mut Conn, now: Moment) -> Result<Seen> {
        let longest = SPANS.into_iter().max().unwrap_or(HOUR);
        let mut seen = Seen {
            reports: Vec::new(),
            words: Vec::new(),
            now: Vec::new(),
            roots: Roots::default(),
            past: Vec::new(),
            looked_to: store::newest_case(conn)?,
        };
        let lately = now.plus(-longest);
        seen.reports = store::reports(conn, lately, now.plus(1), REPORTS_MAX)?;
        let authors: HashSet<&str> = seen.reports.iter().map(|r| r.author.as_str()).collect();
        if authors.len() < cluster::AUTHORS_MIN {
            return Ok(seen);
        }
        let Some(first) = store::first_report(conn)? else {
            return Ok(seen);
        };
        for week in 1..=WEEKS {
            let then = now.plus(-7 * DAY * week);
            let (from, to) = (then.plus(-longest - AROUND), then.plus(AROUND));
            if from < first {
                break;
            }
            let reports = store::reports(conn, from, to, REPORTS_MAX)?;
            // Of a week with more reports than are looked at, only its end is known.
            let is_cut = i64::try_from(reports.len()).is_ok_and(|n| n >= REPORTS_MAX);
            let oldest = reports.last().map(|r| r.at).filter(|_| is_cut);
            let counted = reports.iter().map(|report| {
                let words = informative(&report.text);
                seen.roots.report(report, week, &words)
            });
            let counted = counted.collect();
            seen.past.push((oldest.unwrap_or(from), counted));
        }
        for report in &seen.reports {
            let words = informative(&report.text);
            seen.now.push(seen.roots.report(report, 0, &words));
            seen.words.push(words);
        }
        Ok(seen)
    }

    /// The spikes of all spans; of one that shows in several, the most surprising.
    fn spikes(&self, now: Moment) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for span in SPANS {
            let (places, lately): (Vec<usize>, Vec<cluster::Report>) = self
                .now
                .iter()
                .enumerate()
                .filter(|(_, report)| report.at >= now.plus(-span).0)
                .map(|(place, report)| (place, report.clone()))
                .unzip();
            let mut past = Vec::new();
            let mut hours = 0.0;
            for (week, (since, reports)) in (1..).zip(&self.past) {
                let then = now.plus(-7 * DAY * week);
                let from = then.plus(-span - AROUND).max(*since);
                past.extend(reports.iter().filter(|r| r.at >= from.0).cloned());
                hours += then.plus(AROUND).since(from).max(0) as f64 / HOUR as f64;
            }
            let past = Past {
                reports: &past,
                hours,
            };
            for cluster in cluster::find(&lately, past, span) {
                let one = self.found(&cluster, span, &places);
                match found.iter_mut().find(|other| one.is_part_of(other)) {
                    Some(other) => other.take_in(one),
                    None => found.push(one),
                }
            }
        }
        found
    }

    fn found(&self, cluster: &Cluster, span: i64, places: &[usize]) -> Found {
        let members: Vec<usize> = cluster
            .members
            .iter()
            .filter_map(|m| places.get(*m).copied())
            .collect();
        Found {
            span,
            words: cluster
                .profile
                .iter()
                .map(|root| self.word(*root, &members))
                .collect(),
            cases: members.iter().map(|m| self.reports[*m].case).collect(),
            product: cluster.product.map(ProductId),
            authors: i64::try_from(cluster.authors).unwrap_or(i64::MAX),
            expected: cluster.expected,
            ln_chance: cluster.ln_chance,
            looked_to: self.looked_to,
        }
    }

    /// A root as most of the members write it.
    fn word(&self, root: u32, members: &[usize]) -> Word {
        let root = self.roots.root(root).to_owned();
        let mut written: HashMap<&str, usize> = HashMap::new();
        for member in members {
            for word in self.words[*member].iter().filter(|word| word.root == root) {
                *written.entry(word.word.as_str()).or_default() += 1;
            }
        }
        let most = written
            .into_iter()
            .max_by_key(|(word, n)| (*n, std::cmp::Reverse(*word)));
        let word = most.map_or_else(|| root.clone(), |(word, _)| word.to_owned());
        Word { root, word }
    }
}

impl Roots {
    /// A report as it is counted; the same person is another in each week.
    fn report(&mut self, report: &Report, week: i64, words: &[Word]) -> cluster::Report {
        let mut author = DefaultHasher::new();
        (week, &report.author).hash(&mut author);
        cluster::Report {
            author: author.finish(),
            at: report.at.0,
            product: report.product.map(|p| p.0),
            words: words.iter().map(|word| self.number(&word.root)).collect(),
        }
    }
}

//! Spikes: found among ordinary noise, published by a person, joined by who comes later.

use diesel::prelude::*;
use offramp::cases::links::{LinkState, Target};
use offramp::cases::{self, Channel, NewCase, Severity};
use offramp::clock::{DAY, HOUR, MINUTE, Moment};
use offramp::db::audit::Actor;
use offramp::db::schema::{audit_log, links, mails, notifications, products, spikes as table};
use offramp::escalations::spikes::cluster::{self, Past, Report, Roots, SPANS};
use offramp::escalations::spikes::detect::{LookForSpikes, look};
use offramp::escalations::spikes::words::informative;
use offramp::escalations::spikes::{MemberState, Spike, SpikeState, dismiss, publish};
use offramp::escalations::store::spikes as store;
use offramp::forum::docs::Docs;
use offramp::forum::store::{NewProduct, insert_product};
use offramp::forum::warn::warn;
use offramp::ids::{CaseId, ProductId};
use offramp::people::Role;
use offramp::search;

use crate::escalations::{case_of, enqueue, product, read, resolve, says, set, staff, thread};
use crate::harness::Test;
use crate::on_both;
use crate::spike_noise::{NO_PAYMENT, Numbers, Said, ordinary_time};
use crate::with_x;

/// Messages an hour at the busiest time of the simulated weeks.
const AN_HOUR: f64 = 8.0;

fn spikes(t: &Test) -> Vec<Spike> {
    let all = t.app.db.read(|c| store::spikes_since(c, Moment(0)));
    all.expect("spikes")
}

fn members(t: &Test, spike: &Spike) -> Vec<store::Member> {
    let all = t.app.db.read(|c| store::members(c, spike.id, 0, 1_000));
    all.expect("members")
}

/// Opens a case for each, as its own person, at the time it was written.
fn open(t: &Test, said: &[Said], product: Option<ProductId>) -> Vec<CaseId> {
    let opened = t.app.db.write(|tx| {
        let mut ids = Vec::new();
        for one in said {
            let email = format!("c{}@people.example", one.author);
            let new = NewCase {
                channel: Channel::Form,
                severity: Severity::Annoyance,
                summary: &one.text,
                product,
                topic: None,
                user: None,
                handle: None,
                email: Some(&email),
                customer_name: "A customer",
                written_at: one.at,
                mention: None,
                reasons: Vec::new(),
            };
            ids.push(cases::open(tx, one.at, &Actor::rule("test"), new)?);
        }
        Ok(ids)
    });
    opened.expect("cases")
}

fn reports(said: &[Said], roots: &mut Roots) -> Vec<Report> {
    said.iter()
        .map(|one| Report {
            author: one.author,
            at: one.at.0,
            product: None,
            words: informative(&one.text)
                .iter()
                .map(|word| roots.number(&word.root))
                .collect(),
        })
        .collect()
}

/// Those of `all` that were written in this time; they are in order.
fn between(all: &[Report], from: Moment, to: Moment) -> &[Report] {
    let at = |moment: Moment| all.partition_point(|report| report.at < moment.0);
    &all[at(from)..at(to)]
}

/// A look at this moment, as `detect` looks.
fn looked(all: &[Report], now: Moment) -> Option<cluster::Cluster> {
    SPANS.into_iter().find_map(|span| {
        let lately = between(all, now.plus(-span), now);
        let (mut past, mut hours) = (Vec::new(), 0.0);
        for week in 1..=4 {
            let then = now.plus(-7 * DAY * week);
            past.extend_from_slice(between(all, then.plus(-span - HOUR), then.plus(HOUR)));
            hours += (span + 2 * HOUR) as f64 / HOUR as f64;
        }
        let past = Past {
            reports: &past,
            hours,
        };
        cluster::find(lately, past, span).into_iter().next()
    })
}

#[test]
fn thirty_quiet_days_have_at_most_one_false_spike() {
    let start = Moment::parse(crate::harness::START).expect("a time");
    let mut numbers = Numbers(11);
    let first = start.plus(28 * DAY);
    let said = ordinary_time(&mut numbers, start, first.plus(30 * DAY), AN_HOUR);
    assert!(said.len() > 5_000, "{}", said.len());
    let mut roots = Roots::default();
    let all = reports(&said, &mut roots);
    let (mut at, mut found) = (first, Vec::new());
    while at < first.plus(30 * DAY) {
        match looked(&all, at) {
            Some(cluster) => {
                let words: Vec<&str> = cluster.profile.iter().map(|w| roots.root(*w)).collect();
                found.push((
                    at.rfc3339(),
                    cluster.authors,
                    cluster.expected,
                    words.join(" "),
                ));
                // Staff dismiss it.
                at = at.plus(DAY);
            }
            None => at = at.plus(15 * MINUTE),
        }
    }
    assert!(found.len() <= 1, "{found:#?}");
}

#[test]
fn ten_thousand_identical_posts_are_one_cluster_and_one_author_is_none() {
    let start = Moment::parse(crate::harness::START).expect("a time");
    let flood = |author: fn(u64) -> u64| -> Vec<Said> {
        (0..10_000_u64)
            .map(|n| Said {
                at: start.plus(n as i64 * 6_000),
                author: author(n),
                text: NO_PAYMENT[0].to_owned(),
            })
            .collect()
    };
    let nothing = Past {
        reports: &[],
        hours: 12.0,
    };
    let mut roots = Roots::default();
    let many = reports(&flood(|n| n), &mut roots);
    let found = cluster::find(&many, nothing, HOUR);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].authors, 10_000);
    let one = reports(&flood(|_| 7), &mut roots);
    assert!(cluster::find(&one, nothing, HOUR).is_empty());
}

on_both! {
    fn a_spike_in_an_ordinary_week_is_one_known_issue_within_ten_minutes(t) {
        let mut numbers = Numbers(5);
        let start = t.app.now();
        let week = start.plus(28 * DAY);
        let before = ordinary_time(&mut numbers, start, week, AN_HOUR);
        open(t, &before, None);
        t.advance(28 * DAY);
        // Wednesday, shortly after noon.
        let begins = week.plus(3 * DAY + 3 * HOUR + 7 * MINUTE);
        let mut said = ordinary_time(&mut numbers, week, week.plus(7 * DAY), AN_HOUR);
        // Most write soon after it broke: the rate falls to nothing over the hour.
        let when = |n: usize| {
            let share = n as f64 / NO_PAYMENT.len() as f64;
            ((1.0 - (1.0 - share).sqrt()) * HOUR as f64) as i64
        };
        let bad = NO_PAYMENT.iter().enumerate().map(|(n, text)| Said {
            at: begins.plus(when(n)),
            author: 1_000 + n as u64,
            text: (*text).to_owned(),
        });
        let is_bad = |one: &Said| one.author < 2_000;
        said.extend(bad);
        said.sort_by_key(|one| one.at);
        let mut bad_cases = Vec::new();
        let mut next = 0;
        while t.app.now() < week.plus(7 * DAY) {
            let is_hour = t.app.now() >= begins && t.app.now() < begins.plus(2 * HOUR);
            let until = begins.since(t.app.now());
            let step = if is_hour { 2 * MINUTE } else { 30 * MINUTE };
            t.advance(if until > 0 { step.min(until) } else { step });
            let upto = said.partition_point(|one| one.at <= t.app.now());
            for (case, one) in open(t, &said[next..upto], None).into_iter().zip(&said[next..upto]) {
                if is_bad(one) {
                    bad_cases.push(case);
                }
            }
            next = upto;
            enqueue(&t.app, &LookForSpikes::default());
            t.run_jobs();
        }
        let found = spikes(t);
        assert_eq!(found.len(), 1, "{found:#?}");
        let spike = &found[0];
        assert_eq!(spike.state, SpikeState::Proposed);
        let after = spike.created_at.since(begins);
        assert!(after <= 10 * MINUTE, "found after {} minutes", after / MINUTE);
        let members: Vec<CaseId> = members(t, spike).into_iter().map(|m| m.case).collect();
        let right = members.iter().filter(|case| bad_cases.contains(case)).count();
        assert!(right >= 30, "{right} of {} found", bad_cases.len());
        assert!(members.len() - right <= 3, "{} strangers", members.len() - right);
    }

    fn two_products_that_break_alike_are_two_spikes(t) {
        let now = t.app.now();
        let hub = product(t);
        let lamp = t.app.db.write(|tx| {
            let new = NewProduct { slug: "lamp", name: "Lamp", description: "", position: 2, brand_terms: &[] };
            insert_product(tx, &new, now)
        });
        let lamp = lamp.expect("another product");
        let people = |from: u64, to: u64| -> Vec<Said> {
            (from..to)
                .map(|n| Said { at: now, author: n, text: NO_PAYMENT[n as usize % 20].to_owned() })
                .collect()
        };
        let of_hub = open(t, &people(0, 30), Some(hub));
        let of_lamp = open(t, &people(30, 50), Some(lamp));
        look(&t.app).expect("a look");
        let mut found = spikes(t);
        found.sort_by_key(|spike| spike.product.map(|p| p.0));
        assert_eq!(found.iter().map(|s| s.product).collect::<Vec<_>>(), [Some(hub), Some(lamp)], "{found:#?}");
        for (spike, of) in found.iter().zip([of_hub, of_lamp]) {
            let strangers = members(t, spike).into_iter().filter(|m| !of.contains(&m.case)).count();
            assert_eq!(strangers, 0);
        }
    }

    fn what_was_solved_and_comes_back_is_proposed_anew(t) {
        let hub = product(t);
        let people = |from: u64, to: u64, at: Moment| -> Vec<Said> {
            (from..to)
                .map(|n| Said { at, author: n, text: NO_PAYMENT[n as usize % 20].to_owned() })
                .collect()
        };
        open(t, &people(0, 30, t.app.now()), Some(hub));
        look(&t.app).expect("a look");
        let first = spikes(t).pop().expect("a spike");
        let before = members(t, &first).len();
        let known = thread(t, hub, "Payments fail", "We are on it.");
        let newest = t.app.db.read(store::newest_case).expect("the newest");
        set(t, |c| {
            diesel::update(table::table.find(first.id.0))
                .set((table::state.eq("published"), table::thread_id.eq(known.0), table::looked_to.eq(newest.0)))
                .execute(c)
        });
        t.advance(HOUR);
        open(t, &people(30, 40, t.app.now()), Some(hub));
        enqueue(&t.app, &LookForSpikes::default());
        t.run_jobs();
        assert_eq!(spikes(t).len(), 1, "while it is open, they join it");
        assert!(members(t, &first).len() > before);
        resolve(t, known);
        t.advance(2 * HOUR);
        open(t, &people(40, 70, t.app.now()), Some(hub));
        enqueue(&t.app, &LookForSpikes::default());
        t.run_jobs();
        let found = spikes(t);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!(found[0].state, SpikeState::Proposed);
        assert!(members(t, &found[0]).len() >= 20, "those who wrote since, and no other");
    }

    fn what_is_dismissed_stays_so_while_it_stays_the_same(t) {
        let (now, by) = (t.app.now(), staff(t));
        let people = |from: u64, to: u64, at: Moment| -> Vec<Said> {
            (from..to)
                .map(|n| Said {
                    at,
                    author: n,
                    text: NO_PAYMENT[n as usize % NO_PAYMENT.len()].to_owned(),
                })
                .collect()
        };
        open(t, &people(0, 30, now), None);
        look(&t.app).expect("a look");
        let spike = spikes(t).pop().expect("a spike");
        dismiss::dismiss(&t.app, &by, spike.id, "a test of ours").expect("dismissed");
        t.advance(5 * MINUTE);
        open(t, &people(30, 35, t.app.now()), None);
        look(&t.app).expect("a look");
        let known = spikes(t);
        assert_eq!(known.len(), 1, "the same is not proposed again: {known:#?}");
        t.advance(5 * MINUTE);
        open(t, &people(35, 90, t.app.now()), None);
        look(&t.app).expect("a look");
        let again = spikes(t);
        assert_eq!(again.len(), 2, "far more people are another matter: {again:#?}");
        assert_eq!(again[0].state, SpikeState::Proposed);
        dismiss::propose_again(&t.app, &by, spike.id, "").expect("taken back");
        assert_eq!(spikes(t)[1].state, SpikeState::Proposed);
    }
}

with_x! {
    fn a_published_spike_links_everybody_warns_and_goes_on(t, x) {
        let product = product(t);
        let by = staff(t);
        // One account that shouts is no spike.
        for text in &NO_PAYMENT[..30] {
            says(x, "shouter", text);
        }
        read(t);
        look(&t.app).expect("a look");
        assert!(spikes(t).is_empty(), "one account makes no spike");
        for (n, text) in NO_PAYMENT[..30].iter().enumerate() {
            says(x, &format!("buyer{n}"), &format!("{text} @FernwellHelp"));
        }
        read(t);
        look(&t.app).expect("a look");
        let spike = spikes(t).pop().expect("a spike");
        let counted = members(t, &spike);
        assert!(counted.len() >= 12, "{}", counted.len());

        let (mut customer, warned) = t.browser_of("Warned", Role::Member);
        let slug = t.app.db.read(|c| Ok(products::table.find(product.0).select(products::slug).first::<String>(c)?));
        let slug = slug.expect("the product");
        let page = format!("/p/{slug}");
        assert!(customer.get(&page).body.contains("Warn me of new ones"));
        assert_eq!(customer.post(&format!("{page}/warn"), &[]).status, 303);
        assert!(customer.get(&page).body.contains("You are warned of new ones"));

        let mut desk = t.browser_for(by.id);
        assert!(desk.get("/desk/spikes").body.contains(&format!("/desk/spikes/{}", spike.id)));
        let path = format!("/desk/spikes/{}", spike.id);
        let taken_out = counted[0].case;
        let shown = desk.get(&path);
        assert_eq!(shown.status, 200);
        assert_eq!(desk.post(&format!("{path}/case/{taken_out}"), &[]).status, 303);
        let fields = [("product", slug.as_str()), ("title", "Cards are declined at the checkout"), ("body", "We are on it.")];
        let refused = desk.post(&format!("{path}/publish"), &[("product", slug.as_str()), ("title", "x"), ("body", "y")]);
        assert!(refused.body.contains("Nothing was published yet"), "{}", refused.status);
        assert_eq!(desk.submit(&path, &format!("{path}/publish"), &fields).status, 303);
        t.run_jobs();

        let spike = spikes(t).pop().expect("the spike");
        let thread = spike.thread.expect("its thread");
        let app = t.app.clone();
        let linked = |case: CaseId| {
            let link = app.db.read(|c| cases::store::link_to(c, case, Target::Thread(thread)));
            link.expect("read")
        };
        for member in members(t, &spike) {
            let link = linked(member.case);
            if member.case == taken_out {
                assert!(link.is_none(), "what was taken out is not linked");
                continue;
            }
            assert_eq!(member.state, MemberState::Linked);
            let link = link.expect("a link");
            assert_eq!((link.state, link.rule.as_str()), (LinkState::Confirmed, publish::RULE));
            assert!(link.reasons.iter().any(|why| why.contains("shares")), "{:?}", link.reasons);
        }
        let by_person: i64 = t.app.db.read(|c| Ok(links::table
            .filter(links::thread_id.eq(thread.0).and(links::decided_by.eq(by.id.0)))
            .count()
            .get_result(c)?)).expect("counted");
        assert_eq!(by_person as usize, counted.len() - 1, "confirmed by that person's act");
        let acts: i64 = t.app.db.read(|c| Ok(audit_log::table
            .filter(audit_log::act.eq("spike_published").and(audit_log::actor_id.eq(by.id.0)))
            .count()
            .get_result(c)?)).expect("counted");
        assert_eq!(acts, 1);
        let (notices, sent): (i64, Vec<String>) = t.app.db.read(|c| Ok((
            notifications::table.filter(notifications::user_id.eq(warned.0).and(notifications::kind.eq("known_issue"))).count().get_result(c)?,
            mails::table.filter(mails::user_id.eq(warned.0)).select(mails::body_text).load(c)?,
        ))).expect("read");
        assert_eq!((notices, sent.len()), (1, 1));
        let unsubscribe = sent[0].split("/unsubscribe/product/").nth(1).expect("its address");
        let unsubscribe = format!("/unsubscribe/product/{}", unsubscribe.split_whitespace().next().expect("one"));
        let mut anybody = t.browser();
        assert!(anybody.get(&unsubscribe).body.contains("No more warnings?"));
        let done = anybody.post_body(&unsubscribe, "application/x-www-form-urlencoded", "List-Unsubscribe=One-Click".into());
        assert_eq!(done.status, 200, "one click");
        assert!(customer.get(&page).body.contains("Warn me of new ones"));

        // Nothing is judged before the index knows the new thread.
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).expect("indexed");
        // Who writes of it later joins: by the rule, or proposed where something private is needed. Who
        // writes of something else does not.
        let late = [
            says(x, "latecomer", "@FernwellHelp payment failed again, my card is declined at the checkout. Broken!"),
            says(x, "later", "@FernwellHelp the checkout is broken, it shows an error and the payment fails"),
        ];
        let other = says(x, "another", "@FernwellHelp where is my parcel? the courier never came");
        read(t);
        enqueue(&t.app, &LookForSpikes::default());
        t.run_jobs();
        for post in late {
            let case = case_of(t, post).id;
            let ticket = t.app.db.read(|c| cases::store::link_to(c, case, Target::Ticket));
            let is_private = ticket.expect("read").is_some_and(|l| l.state == LinkState::Confirmed);
            let expected = if is_private { LinkState::Proposed } else { LinkState::Confirmed };
            assert_eq!(linked(case).expect("joined").state, expected, "{post}");
        }
        assert!(linked(case_of(t, other).id).is_none());
        assert_eq!(spikes(t).len(), 1);

        // The way back.
        assert_eq!(desk.submit(&path, &format!("{path}/unpublish"), &[("reason", "two problems")]).status, 303);
        for member in members(t, &spike) {
            // What another rule had linked before is not the spike's to undo.
            let link = linked(member.case).filter(|link| link.rule == publish::RULE);
            assert!(link.is_none_or(|link| link.state == LinkState::Undone));
        }
        t.run_jobs();
        assert!(!warn(&t.app, &by, "no-such-product", true).expect("asked"));
    }
}

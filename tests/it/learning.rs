//! What staff correct and confirm shifts the weights: trained, compared, taken when better, declined
//! when not, and taken back by a person.

use diesel::prelude::*;
use offramp::cases::links::{self, LinkState, NewLink, Target};
use offramp::cases::{self, Channel, NewCase, Severity, states};
use offramp::clock::DAY;
use offramp::db::audit::Actor;
use offramp::db::schema::{handles, mentions, triages};
use offramp::escalations::Label;
use offramp::escalations::judge::JudgeMentions;
use offramp::escalations::site_models::learn::{self, LearnFromStaff};
use offramp::escalations::site_models::{self, Kind, Learned, ModelState, linking, triage};
use offramp::escalations::store::site_models as store;
use offramp::ids::{CaseId, MentionId, ProductId, ThreadId};
use offramp::people::{CurrentUser, Role};
use offramp::ranker::{self, Signals, signals_of};

use crate::escalations::{enqueue, product, staff, thread};
use crate::harness::Test;
use crate::on_both;

const ROOMS: [&str; 8] = [
    "kitchen", "hall", "attic", "cellar", "garage", "bedroom", "office", "bath",
];
const TIMES: [&str; 8] = [
    "since breakfast",
    "at noon",
    "after lunch",
    "at dusk",
    "overnight",
    "on Sunday",
    "again",
    "today",
];

fn handle(t: &Test, name: &str) -> i64 {
    let now = t.app.now().0;
    let inserted = t.app.db.write(|tx| {
        Ok(diesel::insert_into(handles::table)
            .values((
                handles::network.eq("x"),
                handles::network_user_id.eq(name),
                handles::username.eq(name),
                handles::username_key.eq(name),
                handles::display_name.eq(name),
                handles::followers.eq(1),
                handles::verified.eq(false),
                handles::seen_at.eq(now),
            ))
            .returning(handles::id)
            .get_result(tx)?)
    });
    inserted.expect("a handle")
}

/// A post that staff looked at: `judged` by the rules, and perhaps corrected.
fn post(
    t: &Test,
    by: &CurrentUser,
    (text, author): (&str, Option<i64>),
    judged: Label,
    corrected: Option<Label>,
) {
    let id = insert(t, text, author, "done");
    let now = t.app.now().0;
    let said = corrected.map(|label| (label, Some(by.id.0)));
    let inserted = t.app.db.write(|tx| {
        for (label, by) in [(judged, None)].into_iter().chain(said) {
            diesel::insert_into(triages::table)
                .values((
                    triages::mention_id.eq(id.0),
                    triages::label.eq(label.as_str()),
                    triages::p_complaint.eq(0.5),
                    triages::severity.eq("annoyance"),
                    triages::needs_account.eq(false),
                    triages::personal_data.eq("[]"),
                    triages::reasons.eq("[]"),
                    triages::by_user_id.eq(by),
                    triages::created_at.eq(now),
                ))
                .execute(tx)?;
        }
        Ok(())
    });
    inserted.expect("judged");
}

fn insert(t: &Test, text: &str, author: Option<i64>, stage: &str) -> MentionId {
    let now = t.app.now().0;
    let key = t.app.random.token();
    let inserted = t.app.db.write(|tx| {
        Ok(diesel::insert_into(mentions::table)
            .values((
                mentions::network.eq("x"),
                mentions::network_post_id.eq(&key),
                mentions::first_post_id.eq(&key),
                mentions::conversation_id.eq(&key),
                mentions::kind.eq("post"),
                mentions::ours.eq(false),
                mentions::summoned.eq(true),
                mentions::handle_id.eq(author),
                mentions::body_text.eq(text),
                mentions::posted_at.eq(now),
                mentions::received_at.eq(now),
                mentions::raw.eq(""),
                mentions::source.eq("test"),
                mentions::stage.eq(stage),
                mentions::attempts.eq(0),
                mentions::checked_at.eq(now),
                mentions::looked_at.eq((stage == "done").then_some(now)),
            ))
            .returning(mentions::id)
            .get_result(tx)?)
    });
    MentionId(inserted.expect("a post"))
}

/// What the judge says of a new post.
fn p_complaint(t: &Test, text: &str) -> f64 {
    let id = insert(t, text, None, "captured");
    enqueue(&t.app, &JudgeMentions::default());
    t.run_jobs();
    let found = t.app.db.read(|c| {
        Ok(triages::table
            .filter(triages::mention_id.eq(id.0))
            .select(triages::p_complaint)
            .first(c)?)
    });
    found.expect("it was judged")
}

/// Posts in words of which no shipped weight knows that they tell of trouble.
fn posts(t: &Test, by: &CurrentUser, verb: &str, label: Label, n: usize) {
    for n in 0..n {
        let text = format!(
            "@fernwell the globe {verb} in my {} {}",
            ROOMS[n % 8],
            TIMES[n / 8 % 8]
        );
        let corrected = (label == Label::Complaint).then_some(label);
        post(t, by, (&text, None), Label::Noise, corrected);
    }
}

fn state(t: &Test, kind: Kind) -> Vec<ModelState> {
    let models = t.app.db.read(|c| store::models(c, kind)).expect("models");
    models.into_iter().map(|model| model.state).collect()
}

fn learn_now(t: &Test, kind: Kind) -> Learned {
    learn::learn(&t.app, kind, None).expect("no error")
}

/// A case for which two threads were measured; staff confirmed one.
fn decided(
    t: &Test,
    product: ProductId,
    by: &CurrentUser,
    (right, wrong, spread): (ThreadId, ThreadId, usize),
    n: usize,
) -> CaseId {
    let now = t.app.now();
    let opened = t.app.db.write(|tx| {
        let new = NewCase {
            channel: Channel::Form,
            severity: Severity::Annoyance,
            summary: "It does not work",
            product: Some(product),
            topic: None,
            user: None,
            handle: None,
            email: Some(&format!("customer{n}@people.example")),
            customer_name: "Somebody",
            written_at: now,
            mention: None,
            reasons: Vec::new(),
        };
        let case = cases::open(tx, now, &Actor::rule("test"), new)?;
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let noise = (n % spread) as f64 / spread as f64;
        // Here the official thread is right, whatever words the other shares.
        let measured = [
            (right, signals(&[("whole", 1.0 + noise), ("official", 1.0)])),
            (
                wrong,
                signals(&[("whole", 1.9 - noise), ("linked_lately", 0.4)]),
            ),
        ];
        store::insert_candidates(tx, case, &measured, now)?;
        let link = NewLink {
            target: Target::Thread(right),
            score: 0.3,
            reasons: Vec::new(),
            rule: "similar".to_owned(),
        };
        links::propose(tx, now, &Actor::rule("link"), case, &link)?;
        let known = cases::store::link_to(tx, case, link.target)?.expect("the link");
        links::decide(tx, now, &by.actor(), known.id, LinkState::Confirmed, "")?;
        Ok(case)
    });
    opened.expect("a case")
}

fn signals(of: &[(&str, f64)]) -> Signals {
    signals_of(
        &of.iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    )
}

on_both! {
    fn the_judgement_learns_from_corrections_and_goes_back(t) {
        let by = staff(t);
        let new = "@fernwell the globe ambers in my shed";
        let before = p_complaint(t, new);
        assert!(before < 0.5, "the shipped weights can't know the word: {before}");
        posts(t, &by, "ambers", Label::Complaint, 5);
        posts(t, &by, "glows", Label::Noise, 40);
        assert!(matches!(learn_now(t, Kind::Triage), Learned::TooFew { missing: 5, .. }));
        posts(t, &by, "ambers and ambers", Label::Complaint, 40);

        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let page = admin.get("/admin/models").body;
        assert!(page.contains("In use: the weights that come with Offramp."), "{page}");
        admin.submit("/admin/models", "/admin/models/learn", &[]);
        t.run_jobs();
        assert_eq!(state(t, Kind::Triage), [ModelState::InUse]);
        let after = p_complaint(t, new);
        assert!(after > 0.5 && after > before + 0.2, "{before} {after}");
        let page = admin.get("/admin/models").body;
        assert!(page.contains("weights of your own, learned from 80 examples"), "{page}");
        assert!(page.contains("macro F1") && page.contains("In use"));

        // The same again teaches nothing; a label that is thrown like a coin is no reason to change.
        assert_eq!(learn_now(t, Kind::Triage), Learned::TooFew {
            missing: 20, of: "posts that staff dealt with since it last learned".to_owned(),
        });
        for n in 0..30 {
            let text = format!("@fernwell the globe hums in my {} {}", ROOMS[n % 8], TIMES[n / 8 % 8]);
            let label = if n % 3 == 0 { Label::Complaint } else { Label::Praise };
            post(t, &by, (&text, None), Label::Noise, Some(label));
        }
        assert_eq!(learn_now(t, Kind::Triage), Learned::Declined);
        assert_eq!(state(t, Kind::Triage), [ModelState::Declined, ModelState::InUse]);

        // A person goes back, and it stays so until somebody asks.
        let held = admin.submit("/admin/models", "/admin/models/triage", &[("reason", "too eager")]);
        assert_eq!(held.status, 303);
        assert!(!state(t, Kind::Triage).contains(&ModelState::InUse));
        assert!((p_complaint(t, new) - before).abs() < 1e-6, "judged as at the beginning");
        assert_eq!(learn_now(t, Kind::Triage), Learned::Held);
        assert!(admin.get("/admin/models").body.contains("Somebody went back to earlier weights"));
        let models = t.app.db.read(|c| store::models(c, Kind::Triage)).expect("models");
        let own = models.iter().find(|m| m.state == ModelState::Retired).expect("was in use");
        let id = own.id.to_string();
        let fields = [("model", id.as_str())];
        admin.submit("/admin/models", "/admin/models/triage", &fields);
        let again = p_complaint(t, new);
        assert!((again - after).abs() < 1e-6, "judged as it was learned: {again}, {after}");
        let (mut desk, _) = t.browser_of("Dora", Role::Staff);
        assert_eq!(desk.get("/admin/models").status, 403);
        assert!(admin.get("/admin/audit").body.contains("model put back"));
    }

    fn silence_and_one_outage_teach_little(t) {
        let hub = product(t);
        let by = staff(t);
        let right = thread(t, hub, "Known trouble with the hub", "We are on it.");
        let wrong = thread(t, hub, "My hub", "What do you think of it?");
        for n in 0..100 {
            let case = decided(t, hub, &by, (right, wrong, 7), n);
            if n >= 30 {
                // Nobody said anything about what was proposed, and it was closed.
                let silent = t.app.db.write(|tx| {
                    use offramp::db::schema::links as table;
                    diesel::delete(table::table.filter(table::case_id.eq(case.0))).execute(tx)?;
                    states::happen(tx, t.app.now(), &by.actor(), case, states::Happening::Closed, "")
                });
                silent.expect("closed");
            }
        }
        let cases = t.app.db.read(|c| store::decided_cases(c, t.app.now())).expect("cases");
        assert_eq!(cases.len(), 30);
        let chosen = linking::chosen(cases, &ranker::shipped());
        assert_eq!(chosen.len(), 7, "the same measures teach once, and they repeat after seven");
    }

    fn no_author_and_no_wording_teaches_alone(t) {
        let by = staff(t);
        let loud = handle(t, "loud");
        for n in 0..200 {
            let text = format!("@fernwell the globe is a fraud, number {n}, says everybody in {}", ROOMS[n % 8]);
            post(t, &by, (&text, Some(loud)), Label::Noise, Some(Label::Complaint));
            let text = format!("the same words, number {n}");
            post(t, &by, (&text, None), Label::Noise, Some(Label::Complaint));
        }
        let posts = t.app.db.read(store::judged_posts).expect("posts");
        assert_eq!(triage::chosen(posts).len(), 4, "three of the author, one of the wording");
        assert!(matches!(learn_now(t, Kind::Triage), Learned::TooFew { .. }));
        assert_eq!(state(t, Kind::Triage), []);
    }

    fn the_ranker_learns_which_threads_are_confirmed_and_goes_back(t) {
        let hub = product(t);
        let by = staff(t);
        let right = thread(t, hub, "Known trouble with the hub", "We are on it.");
        let wrong = thread(t, hub, "My hub", "What do you think of it?");
        let others: Vec<ThreadId> = (0..3)
            .map(|n| thread(t, hub, &format!("Trouble number {n}"), "We are on it."))
            .collect();
        let of = |n: usize| others.get(n % 4).copied().unwrap_or(right);
        for n in 0..49 {
            decided(t, hub, &by, (of(n), wrong, 97), n);
        }
        assert!(matches!(learn_now(t, Kind::Linking), Learned::TooFew { missing: 1, .. }));
        for n in 49..60 {
            decided(t, hub, &by, (of(n), wrong, 97), n);
        }
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        assert!(admin.get("/desk/quality").body.contains("as they come with Offramp"));
        enqueue(&t.app, &LearnFromStaff::default());
        t.run_jobs();
        assert_eq!(state(t, Kind::Linking), [ModelState::InUse]);
        let own = t.app.db.read(|c| site_models::ranker_weights(c, &ranker::shipped())).expect("read").expect("weights of its own");
        let gain = |w: &ranker::Weights| {
            w.score(&signals(&[("official", 1.0)])) - w.score(&signals(&[("linked_lately", 0.4)]))
        };
        assert!(gain(&own) > gain(&ranker::shipped()), "what was confirmed weighs more");
        t.app.ranker.follow(&t.app.index, t.app.now()).expect("followed");
        assert_eq!(*t.app.ranker.weights(false), own, "the ranker ranks by them");
        assert!(admin.get("/desk/quality").body.contains("learned from your staff"));

        admin.submit("/admin/models", "/admin/models/linking", &[]);
        t.app.ranker.follow(&t.app.index, t.app.now()).expect("followed");
        assert_eq!(*t.app.ranker.weights(false), ranker::shipped());
        assert_eq!(learn_now(t, Kind::Linking), Learned::Held);
        t.advance(DAY);
        assert_eq!(learn_now(t, Kind::Linking), Learned::Held);
    }

    fn a_rule_that_nobody_contradicts_teaches_after_a_week(t) {
        let hub = product(t);
        let right = thread(t, hub, "Known trouble with the hub", "We are on it.");
        let now = t.app.now();
        let by = staff(t);
        let case = decided(t, hub, &by, (right, right, 7), 1);
        let linked = t.app.db.write(|tx| {
            use offramp::db::schema::links as table;
            // As a rule decides: nobody's name stands there.
            Ok(diesel::update(table::table.filter(table::case_id.eq(case.0)))
                .set(table::decided_by.eq(None::<i64>))
                .execute(tx)?)
        });
        assert_eq!(linked.expect("changed"), 1);
        let cases = |t: &Test| t.app.db.read(|c| store::decided_cases(c, t.app.now())).expect("cases");
        assert!(cases(t).is_empty(), "it may still be taken back");
        let resolved = t.app.db.write(|tx| {
            states::happen(tx, now, &by.actor(), case, states::Happening::Resolved, "")
        });
        resolved.expect("resolved");
        assert!(cases(t).is_empty(), "that it is resolved does not say by which thread");
        t.advance(8 * DAY);
        assert!(t.app.now() > now && cases(t).first().is_some_and(|c| c.has_right()));
    }
}

//! The quality page: its figures are what an independent count of the tables gives, and each opens as
//! many lines as it says.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use offramp::cases::links::{self, LinkState, NewLink, Target};
use offramp::cases::{self, Channel, NewCase, Severity};
use offramp::clock::{DAY, Moment};
use offramp::db::Engine;
use offramp::db::audit::Actor;
use offramp::db::schema::{mentions, triages, users};
use offramp::escalations::Label;
use offramp::escalations::quality::Period;
use offramp::ids::{CaseId, ProductId, ThreadId};
use offramp::people::{CurrentUser, Role};

use crate::escalations::{product, staff, thread};
use crate::harness::{Browser, Test};
use crate::on_both;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Counts by SQL of our own.
fn count(t: &Test, sql: &str) -> i64 {
    let row: Counted = t
        .app
        .db
        .read(|c| {
            let query = diesel::sql_query(sql);
            Ok(match c.engine() {
                Engine::Sqlite(c) => query.get_result(c)?,
                Engine::Pg(c) => query.get_result(c)?,
            })
        })
        .expect("counted");
    row.n
}

fn open(t: &Test, product: ProductId, n: usize) -> CaseId {
    let now = t.app.now();
    let name = format!("Customer {n}");
    let opened = t.app.db.write(|tx| {
        let new = NewCase {
            channel: Channel::Form,
            severity: Severity::Annoyance,
            summary: "It does not work",
            product: Some(product),
            topic: None,
            user: None,
            handle: None,
            email: None,
            customer_name: &name,
            written_at: now,
            mention: None,
            reasons: Vec::new(),
        };
        cases::open(tx, now, &Actor::rule("test"), new)
    });
    opened.expect("a case")
}

/// Lets a rule link, or propose, and `by` decide.
fn bind(
    t: &Test,
    case: CaseId,
    thread: ThreadId,
    (rule, score): (&str, f64),
    decided: Option<(&CurrentUser, LinkState)>,
) {
    let now = t.app.now();
    let link = NewLink {
        target: Target::Thread(thread),
        score,
        reasons: Vec::new(),
        rule: rule.to_owned(),
    };
    let done = t.app.db.write(|tx| {
        let by = Actor::rule("link");
        if rule == "sure_enough" {
            links::link(tx, now, &by, case, &link)?;
        } else {
            links::propose(tx, now, &by, case, &link)?;
        }
        if let Some((user, state)) = decided {
            let known = cases::store::link_to(tx, case, link.target)?.expect("the link");
            links::decide(tx, now, &user.actor(), known.id, state, "")?;
        }
        Ok(())
    });
    done.expect("bound");
}

/// A post that was judged, and perhaps corrected.
fn judged(t: &Test, product: ProductId, by: &CurrentUser, n: i64, from: Label, to: Option<Label>) {
    let now = t.app.now().0;
    t.app
        .db
        .write(|tx| {
            let post: i64 = diesel::insert_into(mentions::table)
                .values((
                    mentions::network.eq("x"),
                    mentions::network_post_id.eq(n.to_string()),
                    mentions::first_post_id.eq(n.to_string()),
                    mentions::conversation_id.eq(n.to_string()),
                    mentions::kind.eq("post"),
                    mentions::ours.eq(false),
                    mentions::summoned.eq(true),
                    mentions::body_text.eq("It is what it is"),
                    mentions::posted_at.eq(now),
                    mentions::received_at.eq(now),
                    mentions::raw.eq(""),
                    mentions::source.eq("test"),
                    mentions::stage.eq("done"),
                    mentions::attempts.eq(0),
                    mentions::checked_at.eq(now),
                    mentions::looked_at.eq(now),
                ))
                .returning(mentions::id)
                .get_result(tx)?;
            let said = to.map(|to| (to, Some(by.id.0)));
            for (label, by) in [(from, None)].into_iter().chain(said) {
                diesel::insert_into(triages::table)
                    .values((
                        triages::mention_id.eq(post),
                        triages::label.eq(label.as_str()),
                        triages::p_complaint.eq(0.5),
                        triages::severity.eq("annoyance"),
                        triages::product_id.eq(product.0),
                        triages::needs_account.eq(false),
                        triages::personal_data.eq("[]"),
                        triages::reasons.eq("[]"),
                        triages::by_user_id.eq(by),
                        triages::created_at.eq(now),
                    ))
                    .execute(tx)?;
            }
            Ok(())
        })
        .expect("judged");
}

/// The number that the page shows for a figure; 0 when it has no link.
fn shown(page: &str, href: &str) -> i64 {
    let href = href.replace('&', "&#38;");
    let found = page.split(&format!("href=\"{href}\">")).nth(1);
    let number = found.and_then(|rest| rest.split('<').next());
    number.map_or(0, |n| n.parse().expect("a number"))
}

/// What the list says it counts, and how many lines it has.
fn listed(desk: &mut Browser, href: &str) -> (i64, i64) {
    let list = desk.get(href).body;
    let count = list.split("<h1>").nth(1).expect("a heading");
    let count = count.split("class=\"count\">").nth(1).expect("a count");
    let lines = list.matches("<li class=\"case-row").count()
        + list.matches("data-label=\"Post\"").count()
        + list.matches("<li><a class=\"card card-link\"").count();
    let count = count.split('<').next().expect("a number");
    (count.parse().expect("a number"), lines as i64)
}

on_both! {
    fn figures_are_what_an_independent_count_gives(t) {
        let hub = product(t);
        let by = staff(t);
        let one = thread(t, hub, "The lamp does not pair", "It blinks.");
        let two = thread(t, hub, "The lamp is offline", "It is gone.");
        t.advance(-8 * DAY);
        for round in 0..2_i64 {
            let cases: Vec<CaseId> = (0..9).map(|n| open(t, hub, n)).collect();
            bind(t, cases[0], one, ("sure_enough", 0.9), None);
            bind(t, cases[1], one, ("sure_enough", 0.92), Some((&by, LinkState::Undone)));
            bind(t, cases[2], one, ("sure_enough", 0.85), None);
            bind(t, cases[3], one, ("similar", 0.6), Some((&by, LinkState::Confirmed)));
            bind(t, cases[3], two, ("similar", 0.5), Some((&by, LinkState::Rejected)));
            bind(t, cases[4], one, ("similar", 0.6), Some((&by, LinkState::Rejected)));
            bind(t, cases[4], two, ("similar", 0.4), None);
            bind(t, cases[5], two, ("similar", 0.4), None);
            bind(t, cases[6], two, ("", 1.0), None);
            bind(t, cases[7], two, ("spike", 1.0), Some((&by, LinkState::Confirmed)));
            for n in 0..4 {
                judged(t, hub, &by, 100 * round + n, Label::Complaint, None);
            }
            judged(t, hub, &by, 100 * round + 10, Label::Noise, Some(Label::Complaint));
            judged(t, hub, &by, 100 * round + 11, Label::Praise, Some(Label::Praise));
            t.advance(8 * DAY);
        }
        t.advance(-8 * DAY);
        let mut desk = t.browser_for(by.id);
        let page = desk.get("/desk/quality").body;
        let week = Period::week_of(t.app.now());
        let older = Period::week_of(t.app.now().plus(-8 * DAY));
        assert_ne!(week, older);
        let whole = Period { from: Moment(0), to: Moment(i64::MAX) };
        let of_links = "SELECT COUNT(DISTINCT l.case_id) AS n FROM links l WHERE l.target = 'thread'";
        let same = "SELECT 1 FROM links x WHERE x.case_id = l.case_id AND x.target = 'thread'";
        let by_hand = "x.rule = 'similar' AND x.state = 'confirmed' AND x.decided_by IS NOT NULL";
        let refused = "x.rule = 'similar' AND x.state IN ('rejected', 'undone')";
        let back = "x.rule = 'sure_enough' AND x.state IN ('rejected', 'undone')";
        let figures = [
            ("linked", format!("{of_links} AND l.rule = 'sure_enough'")),
            ("standing", format!("{of_links} AND l.rule = 'sure_enough' AND NOT EXISTS ({same} AND {back})")),
            ("taken_back", format!("{of_links} AND l.rule = 'sure_enough' AND EXISTS ({same} AND {back})")),
            ("offered", format!("{of_links} AND l.rule = 'similar'")),
            ("accepted", format!("{of_links} AND l.rule = 'similar' AND EXISTS ({same} AND {by_hand})")),
            ("refused", format!("{of_links} AND l.rule = 'similar' AND EXISTS ({same} AND {refused}) AND NOT EXISTS ({same} AND {by_hand})")),
            ("open", format!("{of_links} AND l.rule = 'similar' AND NOT EXISTS ({same} AND {refused}) AND NOT EXISTS ({same} AND {by_hand})")),
        ];
        let mut seen = 0;
        for (period, day) in [(week, Some(week.from)), (older, Some(older.from)), (whole, None)] {
            let at = day.map(|day| format!("&week={}", day.day())).unwrap_or_default();
            let time = |table: &str| format!(
                "{table}.created_at >= {} AND {table}.created_at < {}", period.from.0, period.to.0
            );
            for (figure, sql) in &figures {
                let expected = count(t, &format!("{sql} AND {}", time("l")));
                let href = format!("/desk/quality/list?figure={figure}{at}");
                assert_eq!(shown(&page, &href), expected, "{href}");
                assert_eq!(listed(&mut desk, &href), (expected, expected), "{href}");
                seen += expected;
            }
            let judged = format!("SELECT COUNT(*) AS n FROM triages j WHERE j.by_user_id IS NULL AND {}", time("j"));
            let corrected = format!(
                "{judged} AND EXISTS (SELECT 1 FROM triages k WHERE k.mention_id = j.mention_id \
                 AND k.by_user_id IS NOT NULL AND k.label <> j.label)"
            );
            for (figure, sql) in [("judged", judged), ("corrected", corrected)] {
                let expected = count(t, &sql);
                let href = format!("/desk/quality/list?figure={figure}{at}");
                assert_eq!(shown(&page, &href), expected, "{href}");
                assert_eq!(listed(&mut desk, &href), (expected, expected), "{href}");
                seen += expected;
            }
        }
        let cell = "/desk/quality/list?figure=judged-noise-complaint";
        assert_eq!((shown(&page, cell), listed(&mut desk, cell)), (2, (2, 2)));
        assert!(seen > 40, "figures of nothing agree with anything: {seen}");
        assert!(page.contains("67% of 6"), "shares have their denominators");
        assert_eq!(desk.get("/desk/quality/list?figure=nonsense").status, 400);
        assert_eq!(desk.get("/desk/quality?product=nothing").status, 400);
        let of_hub = desk.get("/desk/quality?product=hub").body;
        assert_eq!(shown(&of_hub, "/desk/quality/list?figure=linked&product=hub"), 6);

        // Staff of another product see none of it.
        let (mut other, id) = t.browser_of("Elsewhere", Role::Staff);
        let lamp = t.app.db.write(|tx| {
            let new = offramp::forum::store::NewProduct {
                slug: "lamp", name: "Lamp", description: "", position: 2, brand_terms: &[],
            };
            let lamp = offramp::forum::store::insert_product(tx, &new, Moment(1))?;
            use offramp::db::schema::staff_products;
            diesel::insert_into(staff_products::table)
                .values((staff_products::user_id.eq(id.0), staff_products::product_id.eq(lamp.0)))
                .execute(tx)?;
            Ok(lamp)
        }).expect("another product");
        assert_ne!(lamp, hub);
        assert_eq!(shown(&other.get("/desk/quality").body, "/desk/quality/list?figure=linked"), 0);
        let users: i64 = t.app.db.read(|c| Ok(users::table.count().get_result(c)?)).expect("counted");
        assert!(users >= 2);
    }

    fn a_preview_says_what_thresholds_would_have_done_and_saves_nothing(t) {
        let hub = product(t);
        let by = staff(t);
        let one = thread(t, hub, "The lamp does not pair", "It blinks.");
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let path = format!("/admin/products/{hub}");
        let fields = [
            ("name", "Fernwell Hub"), ("terms", "hub"), ("link_threshold", "0.85"),
            ("propose_threshold", "0.25"), ("preview", "1"),
        ];
        let nothing = admin.submit(&path, &path, &fields);
        assert!(nothing.body.contains("Nothing can be said"), "{}", nothing.status);
        for n in 0..10 {
            let case = open(t, hub, n);
            let decided = match n {
                0..4 => Some((&by, LinkState::Confirmed)),
                4 => Some((&by, LinkState::Rejected)),
                _ => None,
            };
            bind(t, case, one, ("similar", 0.95 - 0.05 * n as f64), decided);
        }
        let page = admin.submit(&path, &path, &fields).body;
        assert!(page.contains("<b>0.85</b> (typed)"), "{page}");
        assert!(page.contains("3 of 10 (30%) linked without a person; of 3 that were decided, 0 (0%) were refused or taken back"));
        assert!(page.contains("6 of 10 (60%) linked without a person; of 5 that were decided, 1 (20%)"), "at 0.7");
        assert!(page.contains("few cases"), "honest about how little it is");
        let stored = t.app.db.read(|c| offramp::forum::store::settings::settings(c, hub));
        let stored = stored.expect("read").expect("its settings");
        assert_eq!(stored.link_threshold, offramp::ranker::LINK_FROM, "nothing was saved");
    }
}

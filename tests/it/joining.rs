//! The same problem of the same person by another channel: proposed, with reasons, and never again once
//! a person said no.

use diesel::prelude::*;
use offramp::cases::links::{self, Link, LinkState, Target};
use offramp::cases::{self, Channel, NewCase, Severity};
use offramp::clock::DAY;
use offramp::db::audit::Actor;
use offramp::db::schema::{cases as cases_table, handles};
use offramp::escalations::judge_case::JudgeCase;
use offramp::escalations::same_problem;
use offramp::ids::{CaseId, HandleId, UserId};
use offramp::people::Role;

use crate::escalations::{enqueue, staff};
use crate::harness::Test;
use crate::on_both;

fn open(
    t: &Test,
    channel: Channel,
    summary: &str,
    (email, handle): (Option<&str>, Option<HandleId>),
) -> CaseId {
    let now = t.app.now();
    let opened = t.app.db.write(|tx| {
        let new = NewCase {
            channel,
            severity: Severity::Annoyance,
            summary,
            product: None,
            topic: None,
            user: None,
            handle,
            email,
            customer_name: "Somebody",
            written_at: now,
            mention: None,
            reasons: Vec::new(),
        };
        cases::open(tx, now, &Actor::rule("test"), new)
    });
    opened.expect("a case")
}

/// A handle that belongs to somebody, or to nobody we know.
fn handle(t: &Test, name: &str, user: Option<UserId>) -> HandleId {
    let now = t.app.now().0;
    let id: i64 = t
        .app
        .db
        .write(|tx| {
            Ok(diesel::insert_into(handles::table)
                .values((
                    handles::network.eq("x"),
                    handles::network_user_id.eq(name),
                    handles::username.eq(name),
                    handles::username_key.eq(name),
                    handles::display_name.eq(name),
                    handles::followers.eq(1),
                    handles::verified.eq(false),
                    handles::user_id.eq(user.map(|u| u.0)),
                    handles::proved_at.eq(user.map(|_| now)),
                    handles::seen_at.eq(now),
                ))
                .returning(handles::id)
                .get_result(tx)?)
        })
        .expect("a handle");
    HandleId(id)
}

fn judge(t: &Test, case: CaseId) {
    enqueue(
        &t.app,
        &JudgeCase {
            case,
            message: None,
        },
    );
    t.run_jobs();
}

fn proposals(t: &Test, case: CaseId) -> Vec<Link> {
    let all = t
        .app
        .db
        .read(|c| cases::store::links_of(c, case))
        .expect("links");
    all.into_iter()
        .filter(|link| matches!(link.target, Target::Case(_)))
        .collect()
}

on_both! {
    fn a_mail_is_proposed_to_be_the_post_of_the_same_member(t) {
        let member = t.user("Mara", Role::Member);
        let hers = handle(t, "mara_k", Some(member));
        let post = open(t, Channel::X, "the hub loses its wifi connection every evening", (None, Some(hers)));
        let others = handle(t, "someone", None);
        open(t, Channel::X, "the hub loses its wifi connection every evening", (None, Some(others)));
        t.advance(DAY);
        let words = "The hub loses its wifi connection each evening";
        let mail = open(t, Channel::Email, words, (Some("mara@people.example"), None));
        judge(t, mail);
        let found = proposals(t, mail);
        assert_eq!(found.len(), 1, "nobody is joined to a stranger: {found:?}");
        assert_eq!((found[0].target, found[0].state), (Target::Case(post), LinkState::Proposed));
        assert!(found[0].reasons.iter().any(|why| why.contains("one member")), "{:?}", found[0].reasons);
        assert!(found[0].reasons.iter().any(|why| why.contains("similar words")));
        // A person says no: neither case is proposed to the other again.
        let by = staff(t).actor();
        let now = t.app.now();
        let again = t.app.db.write(|tx| {
            links::decide(tx, now, &by, found[0].id, LinkState::Rejected, "two hubs")?;
            let mut proposed = Vec::new();
            for (case, text) in [(mail, words), (post, words)] {
                let case = cases::store::case(tx, case)?.expect("a case");
                proposed.extend(same_problem::propose(tx, now, &by, &case, text, Vec::new())?);
            }
            Ok(proposed)
        });
        assert_eq!(again.expect("asked"), []);
        // Something else of hers, or long after, is another matter.
        let other = open(t, Channel::Email, "Invoice is missing", (Some("mara@people.example"), None));
        judge(t, other);
        assert!(proposals(t, other).is_empty());
        t.advance(8 * DAY);
        let late = open(t, Channel::Email, words, (Some("mara@people.example"), None));
        judge(t, late);
        assert!(proposals(t, late).is_empty());
    }

    fn the_same_order_is_proposed_whoever_writes(t) {
        let mut ids = Vec::new();
        for (n, message) in [
            "It is order 4711-0815, it never came.",
            "My wife's order 4711-0815: we both wait for it.",
            "My order 4711-0816 is late, too.",
        ].into_iter().enumerate() {
            let mut browser = t.browser();
            let key = browser.get("/contact").field("request_key").expect("a key");
            let email = format!("c{n}@customers.example");
            let fields = [
                ("subject", "Where is my parcel?"), ("message", message), ("name", "A customer"),
                ("email", email.as_str()), ("request_key", &key), ("seen_similar", "1"),
            ];
            assert_eq!(browser.post("/contact", &fields).location(), "/contact/sent");
            t.run_jobs();
            let newest: i64 = t.app.db.read(|c| Ok(cases_table::table
                .select(diesel::dsl::max(cases_table::id))
                .first::<Option<i64>>(c)?)).expect("read").expect("a case");
            ids.push(CaseId(newest));
        }
        assert!(proposals(t, ids[0]).is_empty());
        let found = proposals(t, ids[1]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].target, Target::Case(ids[0]));
        assert!(found[0].reasons[0].contains("the same order"), "{:?}", found[0].reasons);
        assert!(proposals(t, ids[2]).is_empty(), "another order");
    }
}

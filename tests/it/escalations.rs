//! From a public post to an answer, with the real connector against the stand-in for X.

use std::time::Duration;

use diesel::prelude::*;
use offramp::app::App;
use offramp::cases::links::{self, LinkState, NewLink, Target};
use offramp::cases::states::{self, Happening};
use offramp::cases::{self, Case, Severity, State, Step};
use offramp::clock::{DAY, HOUR, MINUTE, SECOND};
use offramp::db::Conn;
use offramp::db::audit::Actor;
use offramp::db::schema::{
    audit_log, cases as cases_table, inbound_mails, intake, jobs as jobs_table, mails, mentions,
    posts, products, replies, threads, users,
};
use offramp::escalations::acknowledge;
use offramp::escalations::answer_in_public::answer_in_public;
use offramp::escalations::approve_reply::{self, Shown, discard_reply};
use offramp::escalations::claim;
use offramp::escalations::close_loop::ThreadResolved;
use offramp::escalations::correct_triage::{self, correct_triage};
use offramp::escalations::draft_thread::{self, Drafted};
use offramp::escalations::handoff::{self, posted_by_hand};
use offramp::escalations::join;
use offramp::escalations::judge::{self, JudgeMentions};
use offramp::escalations::poll::{self, Poll, Reading, poll};
use offramp::escalations::recheck::{self, Recheck};
use offramp::escalations::recount::recount;
use offramp::escalations::send_reply::{self, SendReply};
use offramp::escalations::store::{self, Mention, Reply};
use offramp::escalations::triage;
use offramp::escalations::wording::says_solved;
use offramp::escalations::{Label, ReplyState, Stage, Standing, capture, import};
use offramp::forum::docs::Docs;
use offramp::forum::{self, ThreadKind, Visibility};
use offramp::ids::{CaseId, MentionId, ProductId, SessionId, ThreadId, UserId};
use offramp::jobs;
use offramp::networks::Network;
use offramp::networks::x::sandbox::{self, Fail, FailKind, NewPost, Running, SandboxConfig};
use offramp::people::{CurrentUser, Role};
use offramp::search;

use crate::harness::{Backend, Browser, Test};

pub const BRAND: &str = "FernwellHelp";

/// Runs each function on both databases, beside a stand-in for X of its own.
#[macro_export]
macro_rules! with_x {
    ($($(#[$meta:meta])* fn $name:ident($t:ident, $x:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn body(
                $t: &mut $crate::harness::Test,
                $x: &offramp::networks::x::sandbox::Running,
            ) $body

            #[test]
            fn sqlite() {
                $crate::escalations::run($crate::harness::Backend::Sqlite, body);
            }

            #[test]
            fn postgres() {
                $crate::escalations::run($crate::harness::Backend::Postgres, body);
            }
        }
    )*};
}

pub fn run(backend: Backend, body: fn(&mut Test, &Running)) {
    let config = SandboxConfig {
        hang: Duration::from_secs(2),
        clock: crate::harness::start_clock(),
        ..SandboxConfig::for_brand(BRAND, "Fernwell Help")
    };
    let x = sandbox::start(config, "127.0.0.1:0").expect("the stand-in");
    let test = Test::new(backend, |config| {
        config.x = x.x_settings();
        config.x.timeout_seconds = 1;
        config.site.url = "http://help.fernwell.example".into();
    });
    if let Some(mut test) = test {
        body(&mut test, &x);
        let wrong = test.app.db.read(recount).expect("recount");
        assert_eq!(wrong, [], "rules that do not hold");
        test.finish();
    }
}

pub fn says(x: &Running, username: &str, text: &str) -> u64 {
    x.sandbox().post(new_post(username, text)).expect("posted")
}

pub fn new_post(username: &str, text: &str) -> NewPost {
    serde_json::from_value(serde_json::json!({"username": username, "text": text})).expect("a post")
}

pub fn answers(x: &Running, username: &str, to: u64, text: &str) -> u64 {
    let post = NewPost {
        in_reply_to: Some(to),
        ..new_post(username, text)
    };
    x.sandbox().post(post).expect("posted")
}

/// Reads mentions and runs what follows.
pub fn read(t: &Test) {
    let connector = t.app.connector(Network::X).expect("X").clone();
    let trouble = poll(&t.app, connector.as_ref(), Reading::Mentions).expect("polled");
    assert_eq!(trouble, None);
    t.run_jobs();
}

/// A post as the page of those without a case sends it: with the judgement that it showed.
fn shown(t: &Test, post: u64) -> String {
    let id = mention_of(t, post).id;
    let judged = t.app.db.read(|c| store::triage_of(c, id));
    let judged = judged.expect("read").expect("judged");
    format!("{id}:{}", judged.id)
}

pub fn mention_of(t: &Test, post: u64) -> Mention {
    let id: i64 = t
        .app
        .db
        .read(|c| {
            Ok(mentions::table
                .filter(mentions::network_post_id.eq(post.to_string()))
                .select(mentions::id)
                .first(c)?)
        })
        .expect("the mention");
    t.app
        .db
        .read(|c| store::mention(c, MentionId(id)))
        .expect("read")
        .expect("the mention")
}

pub fn case_of(t: &Test, post: u64) -> Case {
    let id = mention_of(t, post).case.expect("a case");
    t.app
        .db
        .read(|c| cases::store::case(c, id))
        .expect("read")
        .expect("the case")
}

pub fn replies_of(t: &Test, case: CaseId) -> Vec<Reply> {
    t.app
        .db
        .read(|c| store::replies_of(c, case))
        .expect("replies")
}

pub fn count_cases(t: &Test) -> i64 {
    t.app
        .db
        .read(|c| Ok(cases_table::table.count().get_result(c)?))
        .expect("counted")
}

pub fn staff(t: &Test) -> CurrentUser {
    let id: i64 = t
        .app
        .db
        .write(|tx| {
            let known: Option<i64> = users::table
                .filter(users::name_key.eq("sam"))
                .select(users::id)
                .first(tx)
                .optional()?;
            match known {
                Some(id) => Ok(id),
                None => Ok(diesel::insert_into(users::table)
                    .values((
                        users::name.eq("Sam"),
                        users::name_key.eq("sam"),
                        users::role.eq("staff"),
                        users::bio.eq(""),
                        users::created_at.eq(0),
                    ))
                    .returning(users::id)
                    .get_result(tx)?),
            }
        })
        .expect("a user");
    CurrentUser {
        id: UserId(id),
        name: "Sam".into(),
        role: Role::Staff,
        session: SessionId(1),
        products: vec![],
    }
}

pub fn product(t: &Test) -> ProductId {
    let now = t.app.now();
    let new = forum::store::NewProduct {
        slug: "hub",
        name: "Fernwell Hub",
        description: "",
        position: 1,
        brand_terms: &["hub".to_owned()],
    };
    t.app
        .db
        .write(|tx| forum::store::insert_product(tx, &new, now))
        .expect("a product")
}

pub fn thread(t: &Test, product: ProductId, title: &str, body: &str) -> ThreadId {
    let now = t.app.now();
    let author = staff(t).id;
    let id = t
        .app
        .db
        .write(|tx| {
            let id = forum::store::insert_thread(
                tx,
                &forum::store::NewThread {
                    product,
                    topic: None,
                    author,
                    kind: ThreadKind::Question,
                    visibility: Visibility::Public,
                    title,
                    slug: "a-thread",
                    language: Some("en"),
                    official: false,
                    from: None,
                    request_key: None,
                    tags: &[],
                    body,
                    body_html: body,
                },
                now,
            )?;
            forum::store::changed(tx, id, now)?;
            Ok(id)
        })
        .expect("a thread");
    search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).expect("indexed");
    id
}

pub fn set(t: &Test, change: impl FnOnce(&mut Conn) -> QueryResult<usize>) {
    t.app.db.write(|tx| Ok(change(tx)?)).expect("changed");
}

pub fn resolve(t: &Test, thread: ThreadId) {
    set(t, |c| {
        diesel::update(threads::table.find(thread.0))
            .set(threads::state.eq("solved"))
            .execute(c)
    });
    enqueue(&t.app, &ThreadResolved { thread });
    t.run_jobs();
}

pub fn enqueue<J: jobs::Job>(app: &App, job: &J) {
    let now = app.now();
    app.db
        .write(|tx| jobs::enqueue(tx, now, job))
        .expect("enqueued");
}

/// A complaint with a drafted answer.
pub fn drafted(t: &Test, x: &Running) -> (u64, Reply) {
    let post = says(
        x,
        "ada",
        "@FernwellHelp my hub keeps crashing and I am fed up",
    );
    read(t);
    let case = case_of(t, post);
    let list = replies_of(t, case.id);
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].state, ReplyState::Draft);
    (post, list[0].clone())
}

/// Approves on a page that shows everything said so far.
fn approve_reply(
    t: &Test,
    by: &CurrentUser,
    reply: &Reply,
    body: &str,
    version: i64,
) -> offramp::error::Result<approve_reply::Outcome> {
    let event = t.app.db.read(|c| {
        let case = cases::store::case_or_successor(c, reply.case)?.expect("a case");
        cases::store::desk::newest_event(c, case.id)
    })?;
    approve_reply::approve_reply(&t.app, by, reply.id, body, Shown { version, event })
}

pub fn approve(t: &Test, reply: &Reply) {
    let by = staff(t);
    let outcome = approve_reply(t, &by, reply, &reply.body, reply.version);
    assert_eq!(outcome.expect("approved"), approve_reply::Outcome::Done);
}

pub fn reply_now(t: &Test, reply: &Reply) -> Reply {
    t.app
        .db
        .read(|c| store::reply(c, reply.id))
        .expect("read")
        .expect("a reply")
}

with_x! {
    fn a_post_is_stored_once_however_often_it_arrives(t, x) {
        let post = says(x, "ada", "@FernwellHelp my hub is broken, this is useless");
        read(t);
        read(t);
        let connector = t.app.connector(Network::X).expect("X");
        let looked = connector.lookup(&[post.to_string()]).expect("found");
        for raw in ["one", "another"] {
            let captured = capture::capture(
                &t.app, Network::X, &looked.found, "search", raw.as_bytes(), &[],
            )
            .expect("captured");
            assert_eq!((captured.stored, captured.known), (0, 1));
        }
        t.run_jobs();
        assert_eq!(count_cases(t), 1);
        let steps: Vec<String> = t
            .app
            .db
            .read(|c| cases::store::events(c, case_of(t, post).id))
            .expect("events")
            .iter()
            .map(|e| e.step.to_string())
            .collect();
        assert_eq!(steps, ["capture", "triage", "identify", "link", "acknowledge"]);
    }

    fn our_own_posts_and_reposts_open_no_case(t, x) {
        let post = says(x, "ada", "@FernwellHelp my hub is broken, this is useless");
        let ours = answers(x, BRAND, post, "@ada @FernwellHelp is broken? We are sorry");
        let repost = NewPost { repost_of: Some(post), ..new_post("bob", "") };
        x.sandbox().post(repost).expect("reposted");
        let connector = t.app.connector(Network::X).expect("X");
        let ids = [post.to_string(), ours.to_string()];
        let looked = connector.lookup(&ids).expect("found");
        capture::capture(&t.app, Network::X, &looked.found, "test", b"raw", &[]).expect("captured");
        read(t);
        assert_eq!(count_cases(t), 1);
        assert_eq!(mention_of(t, ours).stage, Stage::Ignored);
    }

    fn an_edit_shows_the_newest_text(t, x) {
        let post = says(x, "ada", "@FernwellHelp my hub is brokn, this is useless");
        read(t);
        let edit = NewPost {
            edit_of: Some(post),
            ..new_post("ada", "@FernwellHelp my hub is broken, this is useless")
        };
        let newer = x.sandbox().post(edit).expect("edited");
        read(t);
        let mention = mention_of(t, newer);
        assert!(mention.text.contains("broken"), "{}", mention.text);
        assert_eq!(mention.first_post_id, post.to_string());
        assert_eq!(count_cases(t), 1);
    }

    fn a_thread_that_surely_answers_is_linked_and_named(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        thread(t, hub, "How to pair a lamp", "Which button pairs a lamp with the bridge?");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.4)).execute(c));
        let post = says(x, "ada",
            "@FernwellHelp since update 4.2 my hub blinks red all night, the app shows it offline. Useless!");
        read(t);
        let case = case_of(t, post);
        assert_eq!(case.product, Some(hub));
        let links = t.app.db.read(|c| cases::store::links_of(c, case.id)).expect("links");
        assert_eq!(links[0].target, Target::Thread(answer));
        assert_eq!(links[0].state, LinkState::Confirmed);
        let reply = &replies_of(t, case.id)[0];
        assert!(reply.body.contains(&format!("http://help.fernwell.example/t/{answer}")), "{}", reply.body);
        assert!(reply.weighted_length <= 280);
    }

    fn unsure_is_proposed_and_nothing_is_drafted_as_a_thread(t, x) {
        let hub = product(t);
        for n in 0..7 {
            thread(t, hub, &format!("Hub loses its lamps, variant {n}"),
                "The hub loses lamps when the router restarts");
        }
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(2.0), products::propose_threshold.eq(0.0)))
            .execute(c));
        let post = says(x, "ada", "@FernwellHelp the hub loses its lamps again. Terrible");
        let other = says(x, "bob", "@FernwellHelp hub keeps crashing: kaleidoscope xylophone zeppelin");
        read(t);
        let links = t.app.db.read(|c| cases::store::links_of(c, case_of(t, post).id)).expect("links");
        assert_eq!(links.len(), 5);
        assert!(links.iter().all(|l| l.state == LinkState::Proposed && !l.reasons.is_empty()));
        set(t, |c| diesel::update(products::table).set(products::propose_threshold.eq(2.0)).execute(c));
        let third = says(x, "cleo", "@FernwellHelp hub keeps crashing and burning my patience");
        read(t);
        let events = t.app.db.read(|c| cases::store::events(c, case_of(t, third).id)).expect("events");
        let suggested = events.iter().find_map(|e| e.data.get("suggested_thread"));
        assert!(suggested.is_some_and(|s| !s["title"].as_str().unwrap_or("").contains('@')));
        assert_ne!(case_of(t, other).id, case_of(t, third).id);
    }

    fn an_order_is_a_ticket_however_similar_a_thread_is(t, x) {
        let hub = product(t);
        thread(t, hub, "Where is my order of a hub", "Where is my order of a hub, charged twice");
        let post = says(x, "ada", "@FernwellHelp where is my order of a hub? Charged twice!");
        read(t);
        let case = case_of(t, post);
        let links = t.app.db.read(|c| cases::store::links_of(c, case.id)).expect("links");
        assert_eq!(links.len(), 1);
        assert_eq!((links[0].target, links[0].state), (Target::Ticket, LinkState::Confirmed));
        let reply = &replies_of(t, case.id)[0];
        assert!(reply.body.contains("http://help.fernwell.example/claim/"), "{}", reply.body);
    }

    fn a_follow_up_joins_and_keeps_its_place(t, x) {
        let post = says(x, "ada", "@FernwellHelp my hub is broken, this is useless");
        read(t);
        let before = case_of(t, post);
        t.advance(HOUR);
        let more = answers(x, "ada", post, "@FernwellHelp hello?? still nothing, terrible service");
        let other = answers(x, "bob", post, "@FernwellHelp mine is broken too, awful");
        read(t);
        let after = case_of(t, post);
        assert_eq!(case_of(t, more).id, before.id);
        assert_ne!(case_of(t, other).id, before.id, "people are not merged");
        assert_eq!(after.waiting_since, before.waiting_since);
        assert_eq!(after.severity, before.severity);
        assert_eq!(after.state, State::New);
        assert_eq!(replies_of(t, after.id).len(), 1, "one answer a case");
    }

    fn praise_and_noise_open_no_case_until_staff_say_so(t, x) {
        let praise = says(x, "ada", "@FernwellHelp thank you, best support ever!");
        let noise = says(x, "bob", "Giveaway! Follow and retweet to win a hub @FernwellHelp");
        read(t);
        assert_eq!(count_cases(t), 0);
        assert_eq!(mention_of(t, noise).stage, Stage::Done);
        let id = mention_of(t, praise).id;
        let by = staff(t);
        let outcome = correct_triage(&t.app, &by, id, Label::Complaint.into(), "sarcastic");
        assert_eq!(outcome.expect("corrected"), correct_triage::Outcome::Done);
        let again = correct_triage(&t.app, &by, id, Label::Complaint.into(), "");
        assert_eq!(again.expect("corrected"), correct_triage::Outcome::Already);
        assert_eq!(count_cases(t), 1);
        t.run_jobs();
    }

    fn an_approved_reply_goes_out_once(t, x) {
        let (post, reply) = drafted(t, x);
        let by = staff(t);
        let stale = approve_reply(t, &by, &reply, "other words", reply.version + 1);
        assert_eq!(stale.expect("answered"), approve_reply::Outcome::Changed);
        let long = approve_reply(t, &by, &reply, &"long ".repeat(80), reply.version);
        assert!(matches!(long.expect("answered"), approve_reply::Outcome::Problems(_)));
        let private = approve_reply(t, &by, &reply, "write to ada@example.org", reply.version);
        assert!(matches!(private.expect("answered"), approve_reply::Outcome::Problems(_)));
        approve(t, &reply);
        let twice = approve_reply(t, &by, &reply, &reply.body, reply.version);
        assert_eq!(twice.expect("answered"), approve_reply::Outcome::Already);
        t.run_jobs();
        enqueue(&t.app, &SendReply { reply: reply.id });
        t.run_jobs();
        assert_eq!(x.sandbox().replies_to(post), std::slice::from_ref(&reply.body));
        let sent = reply_now(t, &reply);
        assert_eq!(sent.state, ReplyState::Sent);
        assert!(sent.network_post_id.is_some());
        let heard = case_of(t, post);
        assert_eq!(heard.state, State::New, "that somebody looks into it is no answer");
        assert!(heard.first_response_at.is_some());
        let gone = discard_reply(&t.app, &by, reply.id, "");
        assert_eq!(gone.expect("answered"), approve_reply::Outcome::Changed);
        // Their answer to our reply comes back to the case, which waits as long as before.
        t.advance(HOUR);
        let ours: u64 = sent.network_post_id.expect("an id").parse().expect("a number");
        let back = answers(x, "ada", ours, "@FernwellHelp no, does not help");
        read(t);
        let case = case_of(t, back);
        assert_eq!(case.id, reply.case);
        assert_eq!((case.state, case.waiting_since), (State::New, heard.waiting_since));
    }

    fn an_answer_that_never_came_is_looked_for_not_repeated(t, x) {
        let (post, reply) = drafted(t, x);
        for endpoint in ["create_post", "own_posts"] {
            let kind = if endpoint == "own_posts" {
                FailKind::ServerError
            } else {
                FailKind::TimeoutAfterAccepting
            };
            x.sandbox().fail(Fail { kind, count: 1, endpoint: Some(endpoint.into()) });
        }
        approve(t, &reply);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Unknown);
        t.advance(HOUR);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn a_crash_between_sending_and_noting_says_nothing_twice(t, x) {
        let (post, reply) = drafted(t, x);
        let connector = t.app.connector(Network::X).expect("X");
        let to = offramp::networks::ReplyTo {
            post_id: post.to_string(),
            author_username: "ada".into(),
            summoned: true,
        };
        connector.reply(&to, &reply.body).expect("sent");
        set(t, |c| diesel::update(replies::table.find(reply.id.0))
            .set(replies::state.eq("sending")).execute(c));
        enqueue(&t.app, &SendReply { reply: reply.id });
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn a_crash_before_sending_still_sends(t, x) {
        let (post, reply) = drafted(t, x);
        set(t, |c| diesel::update(replies::table.find(reply.id.0))
            .set(replies::state.eq("sending")).execute(c));
        enqueue(&t.app, &SendReply { reply: reply.id });
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn a_full_window_or_an_empty_purse_only_delays(t, x) {
        let (post, reply) = drafted(t, x);
        x.sandbox().fail(Fail {
            kind: FailKind::CreditsDepleted, count: 1, endpoint: Some("create_post".into()),
        });
        approve(t, &reply);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Approved);
        assert!(reply_now(t, &reply).error.is_some());
        t.advance(2 * HOUR);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn what_the_network_refuses_is_posted_by_hand(t, x) {
        let post = says(x, "ada", "my fernwell hub keeps crashing and I am fed up");
        let connector = t.app.connector(Network::X).expect("X");
        let mut looked = connector.lookup(&[post.to_string()]).expect("found");
        // We believe that it addresses us; the network knows better.
        looked.found[0].summoned = true;
        capture::capture(&t.app, Network::X, &looked.found, "test", b"raw", &[]).expect("captured");
        let other = says(x, "bob", "@FernwellHelp my lamp is broken, useless");
        read(t);
        let reply = replies_of(t, case_of(t, post).id).remove(0);
        approve(t, &reply);
        t.run_jobs();
        let refused = reply_now(t, &reply);
        assert_eq!((refused.state, refused.handoff), (ReplyState::Failed, true));
        assert!(refused.error.is_some_and(|e| e.contains("refused")));
        let by = staff(t);
        let own = format!("https://x.com/ada/status/{post}");
        let hand = |pasted: &str| posted_by_hand(&t.app, &by, reply.id, pasted).expect("answered");
        let nameless = format!("https://x.com/i/web/status/{}", mention_of(t, other).post_id);
        for theirs in [own.as_str(), "https://x.com/Ada/status/98", "https://x.com/bob/status/98", &nameless] {
            assert_eq!(hand(theirs), handoff::Outcome::NotOurs, "{theirs}");
        }
        assert_eq!(hand("thanks"), handoff::Outcome::NoAddress);
        assert_eq!(hand("https://x.com/FernwellHelp/status/99"), handoff::Outcome::Done);
        assert_eq!(hand("https://x.com/FernwellHelp/status/99"), handoff::Outcome::Already);
        assert_eq!(reply_now(t, &reply).network_post_id.as_deref(), Some("99"));
        assert!(case_of(t, post).first_response_at.is_some());
    }

    fn a_rule_answers_only_when_switched_on_and_never_after_stop(t, x) {
        let hub = product(t);
        thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true)))
            .execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful";
        let post = says(x, "ada", text);
        says(x, "bob", "@FernwellHelp stop");
        read(t);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
        let quiet = says(x, "bob", text);
        read(t);
        assert_eq!(x.sandbox().replies_to(quiet).len(), 0);
        assert_eq!(replies_of(t, case_of(t, quiet).id)[0].state, ReplyState::Draft);
        // Who wants nothing of us is no case.
        let done = says(x, "cleo", "@FernwellHelp please stop messaging me");
        read(t);
        assert_eq!(mention_of(t, done).case, None);
    }

    fn what_no_rule_knows_is_never_answered_by_one(t, x) {
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.05), products::auto_acknowledge.eq(true)))
            .execute(c));
        let post = says(x, "ada", "@FernwellHelp the hub blinks red all night");
        read(t);
        assert_eq!(x.sandbox().replies_to(post).len(), 0);
        let case = case_of(t, post);
        let links = t.app.db.read(|c| cases::store::links_of(c, case.id)).expect("links");
        assert!(links.iter().all(|l| l.state != LinkState::Confirmed), "{links:?}");
    }

    fn what_is_told_to_be_over_is_asked_nothing_and_waits_like_the_rest(t, x) {
        let post = says(x, "ada", "@FernwellHelp was charged twice last week, terrible service, resolved now");
        read(t);
        let case = case_of(t, post);
        assert_eq!(case.severity, Severity::Annoyance);
        assert_eq!(case.state, State::New, "it is in the queue like any other");
        assert!(replies_of(t, case.id).is_empty(), "a first answer would ask for the account");
        let mention = mention_of(t, post).id;
        let judged = |t: &Test| {
            let triage = t.app.db.read(|c| store::triage_of(c, mention)).expect("read");
            triage.expect("judged")
        };
        assert_eq!(judged(t).standing, Some(Standing::Over));
        let called = correct_triage::Called {
            label: Label::Complaint,
            severity: None,
            standing: Some(Standing::Actionable),
        };
        let outcome = correct_triage(&t.app, &staff(t), mention, called, "charged a third time");
        assert_eq!(outcome.expect("corrected"), correct_triage::Outcome::Done);
        assert_eq!(judged(t).standing, Some(Standing::Actionable));
        assert_eq!(case_of(t, post).severity, Severity::Money);
    }

    fn what_is_in_doubt_gets_no_answer_until_a_person_decided(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "How to pair a lamp", "Which button pairs a lamp?");
        let post = says(x, "ada", "@FernwellHelp the seats in row eight lean forward");
        let sour = says(x, "bob", "@FernwellHelp thanks for the great hub, it set my curtain on fire");
        read(t);
        for post in [post, sour] {
            let id = case_of(t, post).id;
            assert!(replies_of(t, id).is_empty(), "a draft that speaks of trouble");
            let events = t.app.db.read(|c| cases::store::events(c, id)).expect("events");
            assert!(events.iter().any(|e| e.summary.starts_with("Nothing is drafted")));
        }
        assert_eq!(case_of(t, sour).severity, Severity::Safety);
        let id = case_of(t, post).id;
        let link = NewLink {
            target: Target::Thread(answer),
            score: 1.0,
            reasons: vec![],
            rule: String::new(),
        };
        let by = staff(t).actor();
        let linked = t.app.db.write(|tx| {
            links::link(tx, t.app.now(), &by, id, &link)?;
            acknowledge::redraft(tx, &t.app, t.app.now(), id)
        });
        linked.expect("linked");
        assert_eq!(replies_of(t, id).len(), 1);
    }

    fn a_further_post_changes_no_place_and_tells_what_is_worse(t, x) {
        let post = says(x, "ada", "@FernwellHelp the new icon of the hub is ugly, I hate it");
        read(t);
        let severity = || case_of(t, post).severity;
        let told = |part: &str| {
            let events = t.app.db.read(|c| cases::store::events(c, case_of(t, post).id));
            let events = events.expect("events");
            let found = events.iter().filter(|e| {
                e.actor_kind == "rule" && e.reasons.iter().any(|r| r.contains(part))
                    && matches!(e.step, Step::Severity | Step::Note)
            });
            found.count()
        };
        assert_eq!(severity(), Severity::Annoyance);
        answers(x, "ada", post, "@FernwellHelp now I can't log in and it won't start");
        read(t);
        assert_eq!((severity(), told("won't start") + told("wont start")), (Severity::Annoyance, 1));
        answers(x, "ada", post, "@FernwellHelp Now there is smoke and a burning smell coming out of it!");
        read(t);
        assert_eq!((severity(), told("“smoke”")), (Severity::Annoyance, 1));
        answers(x, "ada", post, "@FernwellHelp the icon is still ugly, I hate it");
        read(t);
        assert_eq!(severity(), Severity::Annoyance);

        let by = staff(t).actor();
        let lowered = t.app.db.write(|tx| {
            let id = case_of(t, post).id;
            states::set_severity(tx, t.app.now(), &by, id, Severity::Annoyance, "it was toast")
        });
        lowered.expect("lowered");
        answers(x, "ada", post, "@FernwellHelp but there is an explosion, I hate it");
        read(t);
        assert_eq!((severity(), told("“explos")), (Severity::Annoyance, 1));
    }

    fn what_its_author_deleted_is_gone_within_a_day(t, x) {
        let post = says(x, "ada", "@FernwellHelp my zeppelin hub is broken, useless");
        let stays = says(x, "bob", "@FernwellHelp my lamp is broken, useless");
        read(t);
        assert!(x.sandbox().delete(post));
        t.advance(23 * HOUR);
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        let mention = mention_of(t, post);
        assert_eq!((mention.text.as_str(), mention.deleted_at.is_some()), ("", true));
        assert!(!mention_of(t, stays).text.is_empty());
        let case = case_of(t, post);
        assert!(!case.summary.contains("zeppelin"));
        let events = t.app.db.read(|c| cases::store::events(c, case.id)).expect("events");
        assert!(events.iter().any(|e| e.step == cases::Step::Deleted));
        assert!(events.iter().all(|e| !format!("{e:?}").contains("zeppelin")), "{events:?}");
    }

    fn posts_that_are_looked_up_too_late_are_told(t, x) {
        says(x, "ada", "@FernwellHelp my hub is broken, useless");
        read(t);
        let overdue = |t: &Test| recheck::overdue(&t.app, Network::X).expect("counted");
        t.advance(23 * HOUR);
        assert_eq!(overdue(t), 0);
        t.advance(2 * HOUR);
        assert_eq!(overdue(t), 1);
        let page = t.browser_of("Boss", Role::Admin).0.get("/admin/network").body;
        assert!(page.contains("1 stored post could not be looked up"), "{page}");
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        assert_eq!(overdue(t), 0);
    }

    fn a_reading_is_done_by_one_run_at_a_time(t, x) {
        says(x, "ada", "@FernwellHelp my hub is broken, useless");
        let now = t.app.now();
        t.app.db.write(|tx| {
            jobs::take_lease(tx, "reading:x:mentions", "another", now, jobs::LEASE)
        }).expect("taken");
        let mentions_read = |t: &Test| {
            enqueue(&t.app, &Poll::default());
            t.run_jobs();
            t.app.db.read(|c| Ok(mentions::table.count().get_result::<i64>(c)?)).expect("counted")
        };
        assert_eq!(mentions_read(t), 0);
        t.advance(jobs::LEASE);
        assert_eq!(mentions_read(t), 1);
        // It is given back: the next poll need not wait for its end.
        says(x, "bob", "@FernwellHelp my lamp is broken, useless");
        t.advance(MINUTE);
        assert_eq!(mentions_read(t), 2);
    }

    fn a_network_that_is_away_is_asked_ever_more_seldom(t, x) {
        let connector = t.app.connector(Network::X).expect("X").clone();
        let pause = |t: &Test| {
            x.sandbox().fail(Fail {
                kind: FailKind::ServerError, count: 1, endpoint: Some("mentions".into()),
            });
            assert!(poll(&t.app, connector.as_ref(), Reading::Mentions).expect("polled").is_some());
            let troubles = poll::troubles(&t.app).expect("troubles");
            troubles[0].2.again_at.since(t.app.now()) / SECOND
        };
        let pauses: Vec<i64> = (0..4).map(|_| pause(t)).collect();
        for (pause, least) in pauses.iter().zip([5, 10, 20, 40]) {
            assert!((least..=least + least / 10).contains(pause), "{pauses:?}");
        }
        read(t);
        assert!((5..=6).contains(&pause(t)), "a success begins anew");
        t.advance(MINUTE);
        read(t);
    }

    fn everyone_linked_is_told_once_and_again_after_a_reopening(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline.";
        let posts = [
            says(x, "ada", &format!("{text} Awful")),
            says(x, "bob", &format!("{text} Useless")),
        ];
        read(t);
        resolve(t, answer);
        resolve(t, answer);
        for post in posts {
            let case = case_of(t, post);
            assert_eq!(case.state, State::Resolved);
            let told: Vec<Reply> = replies_of(t, case.id)
                .into_iter()
                .filter(|r| r.dedupe_key.starts_with("close:"))
                .collect();
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].state, ReplyState::Draft, "a person sends it");
        }
        set(t, |c| diesel::update(threads::table.find(answer.0))
            .set(threads::state.eq("open")).execute(c));
        enqueue(&t.app, &ThreadResolved { thread: answer });
        t.run_jobs();
        assert_eq!(case_of(t, posts[0]).state, State::WaitingStaff);
        resolve(t, answer);
        assert_eq!(replies_of(t, case_of(t, posts[0]).id).len(), 3);
    }

    fn a_code_posted_from_the_handle_proves_it(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let case = case_of(t, post);
        let handle = case.handle.expect("a handle");
        let open = t.app.db.read(|c| store::open_claim(c, case.id, handle)).expect("read").expect("a claim");
        let code = claim::proof_code(&t.app, open.id);
        says(x, "eve", &format!("@FernwellHelp {code}"));
        read(t);
        let still = t.app.db.read(|c| store::claim(c, open.id)).expect("read").expect("a claim");
        assert_eq!(still.proof, None, "somebody else's post proves nothing");
        says(x, "ada", &format!("@FernwellHelp {code}"));
        read(t);
        let proved = t.app.db.read(|c| store::claim(c, open.id)).expect("read").expect("a claim");
        assert_eq!(proved.proof, Some(format!("code:{code}")));
    }

    fn any_text_is_taken(t, x) {
        let connector = t.app.connector(Network::X).expect("X");
        let post = says(x, "ada", "@FernwellHelp my hub is broken, useless");
        let model = connector.lookup(&[post.to_string()]).expect("found").found.remove(0);
        let texts = ["x".to_owned(), "broken ".repeat(3_600), "😡😡😡".into(), "لا يعمل الجهاز أبدا @FernwellHelp".into(),
            "bro\0ken\0 useless".into(), String::new(), "\u{202e}useless broken".into()];
        let posts: Vec<_> = texts.iter().enumerate().map(|(n, text)| {
            let id = (9_000 + n).to_string();
            offramp::networks::PublicPost {
                id: id.clone(), first_id: id.clone(), conversation_id: id,
                text: text.clone(), raw: format!("{{\"text\":\"\0{n}\"}}"), ..model.clone()
            }
        }).collect();
        capture::capture(&t.app, Network::X, &posts, "test", b"\0raw", &[]).expect("captured");
        t.run_jobs();
        let counts = t.app.db.read(store::counts).expect("counts");
        assert_eq!(counts.mentions_by_stage, [("done".to_owned(), 7)]);
    }

    fn one_bad_mention_is_set_aside_and_the_others_go_on(t, x) {
        says(x, "ada", "@FernwellHelp my hub is broken, useless");
        read(t);
        let next = 3; // of three more, the second
        let poison = if t.app.db.is_postgres() {
            format!("ALTER TABLE triages ADD CONSTRAINT poison CHECK (mention_id <> {next})")
        } else {
            format!("CREATE TRIGGER poison BEFORE INSERT ON triages WHEN NEW.mention_id = {next} \
                     BEGIN SELECT RAISE(ABORT, 'poison'); END")
        };
        set(t, |c| diesel::sql_query(&poison).execute(c));
        for name in ["bob", "cleo", "dan"] {
            says(x, name, &format!("@FernwellHelp {name} says it is broken, useless"));
        }
        read(t);
        let bad = |t: &Test| t.app.db.read(|c| store::mention(c, MentionId(next))).expect("read").expect("one");
        assert_eq!((bad(t).stage, bad(t).attempts), (Stage::Captured, 1), "tried again later");
        assert_eq!(count_cases(t), 3);
        says(x, "eve", "@FernwellHelp eve says it is broken, useless");
        read(t);
        assert_eq!((count_cases(t), bad(t).attempts), (4, 1), "what is new neither waits with it nor hurries it");
        for wait in judge::RETRY_WAITS {
            assert_eq!(t.app.db.read(recount).expect("recount"), []);
            t.advance(wait);
            t.run_jobs();
        }
        assert_eq!(bad(t).stage, Stage::Failed);
        assert!(bad(t).error.is_some());
        let found = t.app.db.read(recount).expect("recount");
        assert_eq!((found.len(), found[0].what.as_str()), (1, "mention 3"));
        let cure = if t.app.db.is_postgres() { "ALTER TABLE triages DROP CONSTRAINT poison" } else { "DROP TRIGGER poison" };
        set(t, |c| diesel::sql_query(cure).execute(c));
        import::replay(&t.app).expect("replayed");
        t.run_jobs();
        assert_eq!(count_cases(t), 5);
    }

    fn without_an_index_nothing_is_judged_and_nothing_is_set_aside(t, x) {
        let product = product(t);
        thread(t, product, "The hub keeps crashing", "It crashes after the update.");
        // A command beside the server goes without an index that it can't read.
        let dir = t.app.config.search.dir.clone();
        let current = std::fs::read(dir.join("current")).expect("the index");
        std::fs::write(dir.join("current"), "g999").expect("broken");
        std::fs::create_dir(dir.join("g999")).expect("broken");
        let mut config = t.app.config.clone();
        config.x.enabled = false;
        let tool = offramp::boot::tool(config).expect("the tool");
        let file = dir.join("rows.jsonl");
        std::fs::write(&file, "{\"id\":\"1\",\"text\":\"@FernwellHelp my hub keeps crashing, useless\",\"username\":\"ada\",\"author_id\":\"7\"}\n").expect("a file");
        let import = offramp::escalations::commands::Mentions::Import { files: vec![file], json: false };
        offramp::escalations::commands::run(&tool, &import).expect("taken in");
        // Nor does the server's own job judge while the index is away.
        for _ in 0..4 {
            assert!(judge::judge_batch(&tool).is_err());
        }
        let waiting = t.app.db.read(|c| store::mention(c, MentionId(1))).expect("read").expect("one");
        assert_eq!((waiting.stage, waiting.attempts, count_cases(t)), (Stage::Captured, 0, 0));
        assert_eq!(t.app.db.read(recount).expect("recount"), []);
        set(t, |c| diesel::delete(jobs_table::table.filter(jobs_table::kind.eq("judge_mentions"))).execute(c));
        let found = t.app.db.read(recount).expect("recount");
        assert_eq!(found.len(), 1, "nobody would judge it: {found:?}");
        std::fs::write(dir.join("current"), current).expect("mended");
        enqueue(&t.app, &JudgeMentions::default());
        t.run_jobs();
        assert_eq!(count_cases(t), 1);
        let _ = x;
    }

    fn files_and_words_come_in_and_a_bad_line_is_named(t, x) {
        // By its name a post that addresses nobody is known to be about us.
        product(t);
        let file = "{\"id\":\"1\",\"text\":\"@FernwellHelp my hub is broken, useless\",\"username\":\"ada\",\"author_id\":\"7\"}\nrubbish\n{\"id\":\"2\",\"text\":\"thank you so much, great\",\"username\":\"bob\",\"author_id\":\"8\"}\n";
        for expected in [2, 0] {
            let imported = import::import(&t.app, file.as_bytes(), "rows.jsonl").expect("imported");
            assert_eq!(imported.captured.stored, expected);
            assert_eq!(imported.problem_count, 1);
        }
        let added = import::add(&t.app, "On the phone: the hub is broken and useless").expect("added");
        assert!(matches!(added, import::Added::Stored(c) if c.stored == 1));
        let post = says(x, "cleo", "my fernwell hub crashes, terrible");
        let added = import::add(&t.app, &format!("{}/cleo/status/{post}", x.address())).expect("added");
        assert!(matches!(added, import::Added::Stored(c) if c.stored == 1), "{added:?}");
        t.run_jobs();
        assert_eq!(count_cases(t), 3);
        assert!(replies_of(t, case_of(t, post).id)[0].handoff, "nobody addressed us");
    }

    fn the_posts_of_a_file_are_kept_by_network(t, x) {
        let _ = x;
        let file = "id,text,network\n2080765813578191303,my hub is dead,x\n9,my lamp is dead,\n10,mine too,import\n";
        let imported = import::import(&t.app, file.as_bytes(), "rows.csv").expect("imported");
        assert_eq!((imported.captured.stored, imported.undated), (3, 2));
        let channels: Vec<String> = t.app.db.read(|c| {
            Ok(intake::table.order(intake::id).select(intake::channel).load(c)?)
        }).expect("read");
        assert_eq!(channels, ["x", "import"]);
        t.run_jobs();
    }

    fn a_server_that_stops_reads_nothing_new(t, x) {
        says(x, "ada", "@FernwellHelp my hub is broken, useless");
        t.app.live.close();
        enqueue(&t.app, &offramp::escalations::poll::Poll::default());
        t.run_jobs();
        let kept: i64 = t.app.db.read(|c| Ok(mentions::table.count().get_result(c)?)).expect("read");
        assert_eq!(kept, 0);
    }

    fn a_network_that_is_away_is_shown_and_asked_again(t, x) {
        x.sandbox().fail(Fail { kind: FailKind::RateLimited, count: 1, endpoint: Some("mentions".into()) });
        let connector = t.app.connector(Network::X).expect("X").clone();
        let trouble = poll(&t.app, connector.as_ref(), Reading::Mentions).expect("polled");
        assert!(trouble.is_some());
        assert_eq!(offramp::escalations::poll::troubles(&t.app).expect("read").len(), 1);
        let (mut boss, _) = t.browser_of("Boss", Role::Admin);
        let page = boss.get("/admin/network").body;
        assert!(page.contains("Last error") && !page.contains("it works again since"), "{page}");
        t.advance(30 * MINUTE);
        enqueue(&t.app, &offramp::escalations::poll::Poll::default());
        t.run_jobs();
        assert_eq!(offramp::escalations::poll::troubles(&t.app).expect("read").len(), 0);
        assert!(boss.get("/admin/network").body.contains("it works again since"));
        enqueue(&t.app, &JudgeMentions::default());
        t.run_jobs();
    }

    fn signing_in_at_the_network_leads_to_a_ticket(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let case = case_of(t, post);
        let body = replies_of(t, case.id).remove(0).body;
        let path = body.split_whitespace().find_map(|w| w.strip_prefix("http://help.fernwell.example"));
        let path = path.expect("an address").to_owned();
        let mut browser = t.browser();
        let page = browser.get(&path);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("@ada") && !page.body.contains("refund"), "{}", page.body);
        let early = browser.post(&path, &[("email", "ada@example.org"), ("agreed", "yes")]);
        assert_eq!(early.status, 303);
        assert_eq!(case_of(t, post).email, None, "nothing without a proof");
        for (name, proves) in [("eve", false), ("ada", true)] {
            let gone = browser.submit(&path, &format!("{path}/sign-in"), &[]);
            let back = sign_in_as(name, gone.location());
            // The address alone is good for nobody else, and for one try.
            let stranger = t.browser().get(&back);
            assert_eq!(stranger.status, 400);
            assert_eq!(browser.get(&back).status, 303);
            assert_eq!(browser.get(&path).body.contains("Where can we reach you?"), proves, "{name}");
        }
        assert!(t.browser().get(&path).body.contains("Show us that"), "proved to one browser only");
        let wrong = browser.post(&path, &[("email", "ada"), ("agreed", "")]);
        assert_eq!(wrong.status, 422);
        for _ in 0..2 {
            let done = browser.post(&path, &[("email", "Ada@example.org"), ("agreed", "yes")]);
            assert_eq!(done.status, 303);
        }
        assert!(browser.get(&path).body.contains("That is all we need"));
        t.run_jobs();
        let case = case_of(t, post);
        assert_eq!(case.email.as_deref(), Some("Ada@example.org"));
        let tickets = t.app.db.read(|c| offramp::tickets::store::tickets_of(c, case.id));
        assert_eq!(tickets.expect("read").len(), 1);
        let steps = t.app.db.read(|c| cases::store::events(c, case.id)).expect("events");
        assert_eq!(steps.iter().filter(|e| e.step == cases::Step::Claim).count(), 2);
        let mails = std::fs::read_dir(t.dir.path().join("mail")).expect("the folder").count();
        assert_eq!(mails, 1);
    }

    fn a_completed_claim_waits_for_staff_in_its_old_place(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let before = case_of(t, post);
        approve(t, &replies_of(t, before.id)[0]);
        t.run_jobs();
        assert_eq!(case_of(t, post).state, State::WaitingCustomer);
        t.advance(HOUR);
        assert_eq!(claims(t, x, "ada", before.id, "ada@example.org"), claim::Completed::Done);
        let after = case_of(t, post);
        assert_eq!((after.state, after.waiting_since), (State::WaitingStaff, before.waiting_since));
        let queue = t.app.db.read(|c| cases::queue::page(c, &Default::default())).expect("the queue").0;
        assert!(queue.iter().any(|case| case.id == before.id));
        // What is answered by mail then is the customer's turn, and their next word a new wait.
        happens(t, before.id, Happening::StaffAnswered);
        t.advance(HOUR);
        happens(t, before.id, Happening::CustomerWrote);
        assert_eq!(case_of(t, post).waiting_since, t.app.now());
    }

    fn a_claim_of_a_closed_case_opens_another(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let closed = case_of(t, post);
        happens(t, closed.id, Happening::Closed);
        claims(t, x, "ada", closed.id, "ada@example.org");
        assert_eq!(count_cases(t), 2);
        let own = CaseId(closed.id.0 + 1);
        let (case, links) = t.app.db.read(|c| Ok((
            cases::store::case(c, own)?, cases::store::links_of(c, own)?,
        ))).expect("read");
        assert_eq!(case.expect("a case").state, State::New);
        assert!(links.iter().any(|l| l.target == Target::Case(closed.id) && l.state == LinkState::Proposed));
        assert_eq!(case_of(t, post).state, State::Closed);
    }

    fn rule_5_a_claim_never_opens_the_ticket_of_somebody_else(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        let other = says(x, "bob", "@FernwellHelp where is my money? Charged twice!");
        read(t);
        let (ada, bob) = (case_of(t, post).id, case_of(t, other).id);
        claims(t, x, "bob", bob, "bob@example.org");
        let now = t.app.now();
        let by = staff(t).actor();
        t.app.db.write(|tx| cases::merge(tx, now, &by, ada, bob, "taken for the same")).expect("merged");
        claims(t, x, "ada", ada, "ada@example.org");
        assert_eq!(case_of(t, other).email.as_deref(), Some("bob@example.org"));
        let own = CaseId(ada.0.max(bob.0) + 1);
        let (case, ticket, links) = t.app.db.read(|c| Ok((
            cases::store::case(c, own)?,
            offramp::tickets::store::ticket_of(c, own)?,
            cases::store::links_of(c, own)?,
        ))).expect("read");
        assert_eq!(case.expect("a case").email.as_deref(), Some("ada@example.org"));
        assert!(ticket.is_some());
        assert!(links.iter().any(|l| l.target == Target::Case(bob) && l.state == LinkState::Proposed));
    }

    fn what_was_agreed_to_can_be_taken_back(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let case = case_of(t, post).id;
        claims(t, x, "ada", case, "ada@example.org");
        let app = t.app.clone();
        let address = app.db.write(|tx| offramp::tickets::notices::case_link(tx, &app, case)).expect("a link");
        let path = address.strip_prefix("http://help.fernwell.example").expect("ours").to_owned();
        let mut browser = t.browser();
        assert!(browser.get(&path).body.contains("Take it back"));
        // One letter has left, one waits, one was given up; one was answered, twice by the same mail.
        t.run_jobs();
        let reply_to: Option<String> = app.db.read(|c| {
            Ok(mails::table.filter(mails::case_id.eq(case.0)).select(mails::reply_to).first(c)?)
        }).expect("a letter");
        let recipients = [reply_to.expect("an address")];
        for path in ["one", "another"] {
            let raw = format!("From: Ada <ada@example.org>\r\nTo: {}\r\nMessage-ID: <a@example.org>\r\n\
                Received: by {path}\r\nSubject: Re: you\r\n\r\nThe order is 4711.\r\n", recipients[0]);
            offramp::inbox::receive_mail::accept(&app, raw.as_bytes(), &recipients).expect("accepted");
            t.run_jobs();
        }
        let kept = || -> (Vec<Vec<u8>>, Vec<String>) {
            app.db.read(|c| Ok((
                intake::table.filter(intake::channel.eq("mail")).select(intake::body).load(c)?,
                inbound_mails::table.select(inbound_mails::from_key).load(c)?,
            ))).expect("the mails")
        };
        assert_eq!((kept().0.len(), kept().1), (2, vec!["ada@example.org".to_owned()]));
        app.db.write(|tx| offramp::tickets::notices::fresh_link(tx, &app, case)).expect("a letter");
        let waiting = app.db.read(offramp::mail::store::waiting_ids).expect("the outbox");
        assert_eq!(waiting.len(), 1);
        t.advance(DAY);
        app.db.write(|tx| {
            offramp::tickets::notices::fresh_link(tx, &app, case)?;
            let given_up = offramp::ids::MailId(offramp::mail::store::waiting_ids(tx)?[1]);
            let attempt = offramp::mail::store::begin_sending(tx, given_up, app.now())?.expect("a mail").attempts;
            offramp::mail::store::mark_failed(tx, given_up, attempt, "no")
        }).expect("a mail that was given up");
        // And a mail with more files than a message takes, one of them a mail.
        let part = "--b\r\nContent-Type: message/rfc822\r\n\
                    Content-Disposition: attachment; filename=mail.eml\r\n\r\nSubject: an old mail\r\n\r\nx\r\n";
        let raw = format!("From: Ada <ada@example.org>\r\nTo: {}\r\nMessage-ID: <b@example.org>\r\n\
            Subject: Re: you\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\n\r\n{}--b--\r\n",
            recipients[0], part.repeat(offramp::tickets::MAIL_FILES_MAX + 1));
        offramp::inbox::receive_mail::accept(&app, raw.as_bytes(), &recipients).expect("accepted");
        t.run_jobs();
        let done = browser.submit(&path, &format!("{path}/withdraw"), &[]);
        assert_eq!(done.status, 303);
        let (left, page) = app.db.read(|c| Ok((
            offramp::mail::outbox::counts(c)?,
            offramp::mail::outbox::page(c, None, 50)?,
        ))).expect("the outbox");
        assert_eq!((left.waiting, left.failed), (0, 0));
        assert!(page.iter().all(|mail| mail.to_email.is_empty()), "{page:?}");
        let by = Actor::Operator;
        assert_eq!(offramp::mail::outbox::retry_all(&app, &by).expect("tried"), 0);
        let messages = app.db.read(|c| {
            let ticket = offramp::tickets::store::ticket_of(c, case)?.expect("a ticket");
            offramp::tickets::store::messages(c, ticket.id)
        });
        let messages = messages.expect("messages");
        assert!(messages.iter().all(|m| m.from_email.is_none()));
        assert!(messages.iter().any(|m| m.body.contains("4711")), "what they said stays");
        assert_eq!(kept(), (vec![vec![]; 3], vec![String::new(); 2]), "and not by which address");
        let files = &messages.last().expect("the mail with files").files;
        assert_eq!(files.len(), offramp::tickets::MAIL_FILES_MAX + 1);
        let staff = staff(t);
        let asker = offramp::tickets::attachments::Asker::Staff(&staff);
        let whole = files.last().expect("the whole mail").id;
        let (_, whole) = offramp::tickets::attachments::open(&app, whole, &asker).expect("read").expect("kept");
        let whole = String::from_utf8(whole).expect("text");
        assert!(!whole.contains("ada@example.org") && !whole.contains(&recipients[0]), "{whole}");
        assert_eq!(offramp::mail::inbound::parse(whole.as_bytes()).attachments.len(), files.len());
        // With nothing left to compare it with, a mail of that number waits for a person.
        let again = "From: Ada <ada@example.org>\r\nMessage-ID: <a@example.org>\r\nSubject: Re: you\r\n\r\nOther words.\r\n";
        offramp::inbox::receive_mail::accept(&app, again.as_bytes(), &[]).expect("accepted");
        t.run_jobs();
        assert!(kept().0.iter().any(|raw| raw == again.as_bytes()));
        assert_eq!(app.db.read(offramp::inbox::store::unread_count).expect("counted"), 1);
        assert!(!browser.get(&path).body.contains("Take it back"));
        let now = case_of(t, post);
        assert_eq!(now.email, None);
        let events = t.app.db.read(|c| cases::store::events(c, case)).expect("events");
        assert!(events.iter().any(|e| e.summary.contains("Took back")));
        let handle = now.handle.expect("a handle");
        let consents = t.app.db.read(|c| offramp::people::handles::consents_of(c, handle)).expect("read");
        assert!(consents.iter().all(|c| c.withdrawn_at.is_some()));
        t.run_jobs();
    }

    fn a_stranger_who_has_the_address_breaks_no_sign_in(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let body = replies_of(t, case_of(t, post).id).remove(0).body;
        let path = body.split_whitespace().find_map(|w| w.strip_prefix("http://help.fernwell.example"));
        let path = path.expect("an address").to_owned();
        let (mut ada, mut eve) = (t.browser(), t.browser());
        let begun = ada.submit(&path, &format!("{path}/sign-in"), &[]);
        assert_eq!(eve.submit(&path, &format!("{path}/sign-in"), &[]).status, 303);
        assert_ne!(eve.get(&format!("{path}/sign-in")).status, 303, "a link begins nothing");
        let back = sign_in_as("ada", begun.location());
        eve.get(&back);
        assert!(eve.get(&path).body.contains("Show us that"), "not what she began");
        ada.get(&back);
        assert!(ada.get(&path).body.contains("Where can we reach you?"));
    }

    fn rule_3_an_acknowledgement_never_costs_the_place(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful";
        let first = says(x, "ada", text);
        read(t);
        let place = case_of(t, first).waiting_since;
        t.advance(HOUR);
        approve(t, &replies_of(t, case_of(t, first).id)[0]);
        t.run_jobs();
        let case = case_of(t, first);
        assert_eq!((case.state, case.waiting_since), (State::New, place), "the thread is open");
        assert!(case.first_response_at.is_some());
        // A thread that answers makes it the customer's turn, unless they have written since.
        set(t, |c| diesel::update(threads::table.find(answer.0)).set(threads::state.eq("solved")).execute(c));
        let told = says(x, "bob", text);
        let writes = says(x, "cleo", text);
        read(t);
        approve(t, &replies_of(t, case_of(t, told).id)[0]);
        t.run_jobs();
        assert_eq!(case_of(t, told).state, State::WaitingCustomer);
        x.sandbox().fail(Fail { kind: FailKind::RateLimited, count: 1, endpoint: Some("create_post".into()) });
        approve(t, &replies_of(t, case_of(t, writes).id)[0]);
        t.run_jobs();
        t.advance(MINUTE);
        answers(x, "cleo", writes, "@FernwellHelp and now it smokes, terrible");
        read(t);
        t.advance(HOUR);
        t.run_jobs();
        let case = case_of(t, writes);
        assert_eq!(replies_of(t, case.id)[0].state, ReplyState::Sent);
        assert!(case.state.waits_for_staff(), "what cleo said since was not answered");
    }

    fn a_rule_never_says_the_same_words_to_many(t, x) {
        let hub = product(t);
        thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true)))
            .execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful";
        let posts: Vec<u64> = (0..10).map(|n| says(x, &format!("ada{n}"), text)).collect();
        read(t);
        let said: Vec<String> = posts.iter().flat_map(|post| x.sandbox().replies_to(*post)).collect();
        let mut words: Vec<String> = said.iter().map(|text| offramp::networks::x::weight::essence(text)).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), said.len(), "{said:?}");
        assert!(said.len() > 1 && said.len() < posts.len(), "{said:?}");
        let held = posts.iter().filter(|post| replies_of(t, case_of(t, **post).id)[0].state == ReplyState::Draft);
        assert_eq!(held.count(), posts.len() - said.len());
        // Nor does the network take a text twice, whatever it answers.
        let connector = t.app.connector(Network::X).expect("X");
        let again = |post: u64| connector.reply(&offramp::networks::ReplyTo {
            post_id: post.to_string(), author_username: "ada0".into(), summoned: true,
        }, "We hear you.");
        again(posts[0]).expect("sent");
        assert!(again(posts[1]).is_err());
    }

    fn a_network_that_is_switched_off_makes_nothing_of_what_may_have_gone_out(t, x) {
        let (post, reply) = drafted(t, x);
        unanswered(x);
        approve(t, &reply);
        t.run_jobs();
        for network in ["mastodon", "x"] {
            set(t, |c| diesel::update(mentions::table).set(mentions::network.eq(network)).execute(c));
            let now = reply_now(t, &reply);
            assert_eq!((now.state, now.handoff), (ReplyState::Unknown, false));
            t.advance(HOUR);
            t.run_jobs();
        }
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn a_text_the_network_knows_is_looked_for_before_a_person_posts_it(t, x) {
        let (post, reply) = drafted(t, x);
        let connector = t.app.connector(Network::X).expect("X");
        let to = offramp::networks::ReplyTo {
            post_id: post.to_string(), author_username: "ada".into(), summoned: true,
        };
        connector.reply(&to, &reply.body).expect("sent");
        x.sandbox().fail(Fail { kind: FailKind::ServerError, count: 1, endpoint: Some("own_posts".into()) });
        approve(t, &reply);
        t.run_jobs();
        let now = reply_now(t, &reply);
        assert_eq!((now.state, now.handoff), (ReplyState::Unknown, false));
        t.advance(HOUR);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn what_may_have_gone_out_is_never_taken_for_unsent(t, x) {
        let (post, reply) = drafted(t, x);
        x.sandbox().fail(Fail { kind: FailKind::ServerError, count: 1, endpoint: Some("create_post".into()) });
        approve(t, &reply);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Unknown);
        x.sandbox().fail(Fail { kind: FailKind::RateLimited, count: 1, endpoint: Some("create_post".into()) });
        t.advance(HOUR);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Unknown);
        let by = staff(t);
        let gone = discard_reply(&t.app, &by, reply.id, "");
        assert_eq!(gone.expect("answered"), approve_reply::Outcome::Changed);
        t.advance(HOUR);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn an_edit_of_the_post_does_not_hide_our_answer(t, x) {
        let (post, reply) = drafted(t, x);
        unanswered(x);
        approve(t, &reply);
        t.run_jobs();
        let edit = NewPost { edit_of: Some(post), ..new_post("ada", "@FernwellHelp my hub keeps crashing, and I am fed up") };
        let newer = x.sandbox().post(edit).expect("edited");
        read(t);
        assert_eq!(mention_of(t, newer).first_post_id, post.to_string());
        t.advance(HOUR);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len() + x.sandbox().replies_to(newer).len(), 1);
    }

    fn a_reply_that_waits_can_be_taken_back_and_its_approval_runs_out(t, x) {
        for runs_out in [false, true] {
            let post = says(x, if runs_out { "bob" } else { "ada" }, "@FernwellHelp my hub keeps crashing and I am fed up");
            read(t);
            let reply = replies_of(t, case_of(t, post).id).remove(0);
            x.sandbox().fail(Fail { kind: FailKind::CreditsDepleted, count: 1, endpoint: Some("create_post".into()) });
            approve(t, &reply);
            t.run_jobs();
            let expected = if runs_out {
                t.advance(send_reply::APPROVAL_LIFE);
                ReplyState::Draft
            } else {
                let by = staff(t);
                let gone = discard_reply(&t.app, &by, reply.id, "no longer needed");
                assert_eq!(gone.expect("discarded"), approve_reply::Outcome::Done);
                ReplyState::Discarded
            };
            t.advance(HOUR);
            t.run_jobs();
            assert_eq!(reply_now(t, &reply).state, expected);
            assert_eq!(x.sandbox().replies_to(post).len(), 0);
        }
        t.run_jobs();
    }

    fn stop_and_undo_hold_back_what_a_rule_approved(t, x) {
        let hub = product(t);
        thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true)))
            .execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful";
        // Asked in the same batch.
        says(x, "bob", "@FernwellHelp stop");
        let quiet = says(x, "bob", text);
        read(t);
        assert_eq!(replies_of(t, case_of(t, quiet).id)[0].state, ReplyState::Draft);
        // Asked, or the link undone, while the reply waits.
        x.sandbox().fail(Fail { kind: FailKind::RateLimited, count: 1, endpoint: Some("create_post".into()) });
        let (stops, undone) = (says(x, "cleo", text), says(x, "dan", text));
        read(t);
        let case = case_of(t, undone).id;
        for post in [stops, undone] {
            let reply = &replies_of(t, case_of(t, post).id)[0];
            assert!(reply.automatic && reply.is_unsent(), "{reply:?}");
        }
        answers(x, "cleo", stops, "@FernwellHelp stop");
        let (now, by, app) = (t.app.now(), staff(t).actor(), t.app.clone());
        app.db.write(|tx| {
            let link = cases::store::links_of(tx, case)?.remove(0);
            cases::links::decide(tx, now, &by, link.id, LinkState::Undone, "another problem")?;
            offramp::escalations::acknowledge::redraft(tx, &app, now, case)
        }).expect("undone");
        read(t);
        t.advance(HOUR);
        t.run_jobs();
        for post in [stops, undone] {
            let reply = &replies_of(t, case_of(t, post).id)[0];
            assert_eq!((reply.state, reply.automatic), (ReplyState::Draft, false));
            assert_eq!(x.sandbox().replies_to(post).len(), 0);
        }
        let events = t.app.db.read(|c| cases::store::events(c, case_of(t, stops).id)).expect("events");
        assert!(events.iter().any(|e| e.summary.contains("Asked for quiet")));
    }

    fn what_no_case_was_opened_for_is_listed_and_can_be_corrected(t, x) {
        let (mumbled, failed) = (says(x, "ada", "@FernwellHelp hm, zeppelin"), says(x, "bob", "@FernwellHelp well, airship"));
        read(t);
        assert_eq!(count_cases(t), 0);
        let id = mention_of(t, failed).id;
        set(t, |c| diesel::update(mentions::table.find(id.0))
            .set((mentions::stage.eq("failed"), mentions::error.eq("it panicked"))).execute(c));
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        assert!(browser.get("/desk").body.contains("Posts without a case"));
        let page = browser.get("/desk/mentions");
        assert_eq!(page.status, 200);
        for words in ["zeppelin", "airship", "it panicked", "Judged: Noise"] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        let only = browser.get("/desk/mentions?only=failed").body;
        assert!(only.contains("airship") && !only.contains("zeppelin"));
        assert!(t.browser_of("Boss", Role::Admin).0.get("/admin/network").body.contains("1 post could not be judged"));
        let counted = |n: usize| format!("Posts without a case <span class=\"count\">{n}</span>");
        assert!(browser.get("/desk").body.contains(&counted(2)));
        for (filter, mumbles, fails) in [
            ("label=noise", true, false),
            ("label=praise", false, false),
            ("channel=x", true, true),
            ("channel=import", false, false),
            ("only=failed&channel=x", false, true),
        ] {
            let page = browser.get(&format!("/desk/mentions?{filter}")).body;
            assert_eq!((page.contains("zeppelin"), page.contains("airship")), (mumbles, fails), "{filter}");
        }
        assert_eq!(browser.get("/desk/mentions?channel=fax").status, 400);
        let posts = offramp::commands::doctor::doctor(&t.app.config).into_iter().find(|l| l.what == "posts");
        let posts = posts.expect("a line").words;
        assert!(posts.contains("1 post could not be judged") && posts.contains("offramp mentions replay"), "{posts}");
        // What was looked at is put away, not lost; what could not be judged stays.
        let posts = browser.get("/desk/mentions").field("posts").expect("posts to put away");
        assert_eq!(posts, shown(t, mumbled));
        let both = format!("{posts},{}", shown(t, failed));
        let done = browser.submit("/desk/mentions", "/desk/mentions/looked", &[("posts", &both), ("label", "noise")]);
        assert_eq!(done.location(), "/desk/mentions?label=noise");
        let page = browser.get("/desk/mentions").body;
        assert!(page.contains("airship") && !page.contains("zeppelin"), "{page}");
        assert!(browser.get("/desk/mentions?only=all").body.contains("zeppelin"));
        assert!(browser.get("/desk").body.contains(&counted(1)));
        let to = format!("/desk/mentions/{}/triage", mention_of(t, mumbled).id);
        let fields = [("label", "complaint"), ("severity", "blocked"), ("reason", "I rang them")];
        let done = browser.submit("/desk/mentions", &to, &fields);
        assert!(done.location().starts_with("/desk/case/"), "{}", done.location());
        assert_eq!(case_of(t, mumbled).severity, cases::Severity::Blocked);
        let to = format!("/desk/mentions/{id}/triage");
        assert_eq!(browser.submit("/desk/mentions", &to, &[("label", "praise")]).location(), "/desk/mentions");
        assert_eq!(mention_of(t, failed).stage, Stage::Done);
        assert!(browser.get("/desk").body.contains(&counted(0)));
        assert_eq!(t.browser_of("Mia", Role::Member).0.get("/desk/mentions").status, 403);
        t.run_jobs();
    }

    fn thanks_leave_a_resolved_case_alone_and_still_broken_does_not(t, x) {
        let (post, reply) = drafted(t, x);
        let id = reply.case;
        happens(t, id, Happening::Resolved);
        for thanks in ["@FernwellHelp thanks!", "@FernwellHelp 👍", "@FernwellHelp danke"] {
            let said = answers(x, "ada", post, thanks);
            read(t);
            assert_eq!(mention_of(t, said).case, Some(id));
            assert_eq!(case_of(t, post).state, State::Resolved, "{thanks}");
        }
        answers(x, "ada", post, "@FernwellHelp no, it is still broken");
        read(t);
        assert_eq!(case_of(t, post).state, State::WaitingStaff);
    }

    fn asking_for_quiet_can_be_taken_back(t, x) {
        let (post, reply) = drafted(t, x);
        answers(x, "ada", post, "@FernwellHelp it won't stop beeping either");
        read(t);
        let quiet = |t: &Test| {
            let id = case_of(t, post).handle.expect("a handle");
            let handle = t.app.db.read(|c| offramp::people::handles::handle(c, id)).expect("read");
            (id, handle.is_some_and(|h| h.opted_out_at.is_some()))
        };
        assert!(!quiet(t).1);
        answers(x, "ada", post, "@FernwellHelp stop, please");
        read(t);
        let (id, is_quiet) = quiet(t);
        assert!(is_quiet);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = format!("/desk/case/{}", reply.case);
        let fields = [("handle", id.to_string()), ("reason", "she asked on the phone".to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(browser.submit(&page, &format!("{page}/quiet"), &fields).status, 303);
        assert!(!quiet(t).1);
        let log: Vec<(String, String)> = t.app.db.read(|c| Ok(audit_log::table
            .filter(audit_log::act.eq("handle_opt_out_taken_back"))
            .select((audit_log::actor_kind, audit_log::reason)).load(c)?)).expect("the log");
        assert_eq!(log, [("user".to_owned(), "she asked on the phone".to_owned())]);
    }

    fn word_that_it_is_solved_does_not_go_out_after_a_reopening(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline.";
        let posts = [says(x, "ada", &format!("{text} Awful")), says(x, "bob", &format!("{text} Useless"))];
        read(t);
        // An approved first answer waits on the network when the thread is solved.
        let slow = |count| x.sandbox().fail(Fail { kind: FailKind::RateLimited, count, endpoint: Some("create_post".into()) });
        slow(1);
        let first = replies_of(t, case_of(t, posts[0]).id).remove(0);
        approve(t, &first);
        t.run_jobs();
        assert!(reply_now(t, &first).is_unsent());
        resolve(t, answer);
        assert_eq!(reply_now(t, &first).state, ReplyState::Discarded, "it says that it is worked on");
        let closing: Vec<Reply> = posts.iter()
            .flat_map(|post| replies_of(t, case_of(t, *post).id))
            .filter(|r| r.dedupe_key.starts_with("close:"))
            .collect();
        assert_eq!(closing.len(), 2);
        // The job that tells of the reopening comes later than those that send.
        for reply in &closing {
            approve(t, reply);
        }
        set(t, |c| diesel::update(threads::table.find(answer.0)).set(threads::state.eq("open")).execute(c));
        t.advance(HOUR);
        t.run_jobs();
        for reply in &closing {
            assert_eq!(reply_now(t, reply).state, ReplyState::Draft, "held for a person");
        }
        approve(t, &reply_now(t, &closing[0]));
        enqueue(&t.app, &ThreadResolved { thread: answer });
        t.run_jobs();
        for reply in &closing {
            assert_eq!(reply_now(t, reply).state, ReplyState::Discarded);
        }
        t.advance(HOUR);
        t.run_jobs();
        assert!(x.sandbox().brand_replies().is_empty());
        assert_eq!(case_of(t, posts[0]).state, State::WaitingStaff);
    }

    fn a_first_answer_does_not_call_solved_what_was_taken_up_again(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        let by_rule = |on: bool| set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(on)))
            .execute(c));
        let state = |state: &str| set(t, |c| diesel::update(threads::table.find(answer.0))
            .set(threads::state.eq(state)).execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline.";
        let first = |post| replies_of(t, case_of(t, post).id).remove(0);
        state("solved");
        by_rule(false);
        let posts = [says(x, "ada", &format!("{text} Awful")), says(x, "bob", &format!("{text} Useless"))];
        read(t);
        let [approved, drafted] = posts.map(first);
        // What a person and what a rule approved wait on the network when the answer is withdrawn.
        x.sandbox().fail(Fail { kind: FailKind::RateLimited, count: 2, endpoint: Some("create_post".into()) });
        approve(t, &approved);
        by_rule(true);
        let automatic = first({
            let post = says(x, "cleo", &format!("{text} Shame"));
            read(t);
            post
        });
        assert!([&approved, &drafted, &automatic].iter().all(|r| says_solved(&r.body)));
        assert_eq!([&approved, &drafted, &automatic].map(|r| reply_now(t, r).is_unsent()), [true, false, true]);
        state("open");
        t.advance(HOUR);
        t.run_jobs();
        for reply in [&approved, &automatic] {
            assert_eq!(reply_now(t, reply).state, ReplyState::Draft, "held for a person");
        }
        // The job that tells of the reopening may also come before those that send.
        approve(t, &reply_now(t, &approved));
        enqueue(&t.app, &ThreadResolved { thread: answer });
        t.run_jobs();
        for reply in [&approved, &drafted, &automatic] {
            let now = reply_now(t, reply);
            assert_eq!(now.state, ReplyState::Draft);
            assert!(!says_solved(&now.body) && now.body.contains("/t/"), "{}", now.body);
        }
        assert!(x.sandbox().brand_replies().is_empty());
    }

    fn who_deleted_their_first_post_is_answered_at_the_next(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let first = says(x, "ada", "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful");
        read(t);
        let next = answers(x, "ada", first, "@FernwellHelp and nobody answers, useless");
        read(t);
        let case = case_of(t, next);
        assert_eq!(case.id, case_of(t, first).id);
        x.sandbox().delete(first);
        t.advance(19 * HOUR);
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        assert!(mention_of(t, first).deleted_at.is_some());
        resolve(t, answer);
        let told = replies_of(t, case.id).into_iter().find(|r| r.dedupe_key.starts_with("close:")).expect("told");
        assert_eq!((told.mention, told.state), (mention_of(t, next).id, ReplyState::Draft));
    }

    fn what_cannot_be_stored_keeps_nothing_else_back(t, x) {
        let _ = x;
        let bad = "{\"id\":\"1\",\"text\":\"my hub is broken\",\"username\":\"ada\",\"author_id\":\"7\\u0000\"}";
        let long = format!("{{\"id\":\"2\",\"text\":\"my hub is broken\",\"username\":\"bob\",\"conversation_id\":\"{}\"}}", "9".repeat(9_000));
        let odd = "{\"id\":\"3\",\"text\":\"my hub is broken\",\"username\":\"cleo\",\"lang\":\"e\\u0000n\",\"url\":\"https://x.example/\\u0000\"}";
        let file = [bad, &long, odd].join("\n");
        let imported = import::import(&t.app, file.as_bytes(), "rows.jsonl").expect("imported");
        assert_eq!((imported.captured.stored, imported.problem_count), (1, 2), "{:?}", imported.problems);
        // A page from before these were refused keeps none of the later ones back.
        let now = t.app.now();
        t.app.db.write(|tx| {
            for (n, page) in [bad, "{\"id\":\"4\",\"text\":\"my lamp is broken\",\"username\":\"dan\"}"].iter().enumerate() {
                offramp::db::intake::keep(tx, now, &offramp::db::intake::Arrived {
                    channel: "import", source: "old", body: page.as_bytes(), digest: &n.to_string(), state: "new",
                })?;
            }
            Ok(())
        }).expect("there");
        let replayed = import::replay(&t.app).expect("replayed");
        assert_eq!((replayed.captured.stored, replayed.problem_count), (1, 1));
        t.run_jobs();
    }

    fn a_person_with_two_links_is_told_once(t, x) {
        let hub = product(t);
        let answer = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline.";
        let posts = [says(x, "ada", &format!("{text} Awful")), says(x, "ada2", &format!("{text} Useless"))];
        set(t, |c| diesel::update(mentions::table).set(mentions::language.eq("de")).execute(c));
        read(t);
        set(t, |c| diesel::update(mentions::table).set(mentions::language.eq("de")).execute(c));
        let (from, into) = (case_of(t, posts[1]).id, case_of(t, posts[0]).id);
        let (now, by) = (t.app.now(), staff(t).actor());
        t.app.db.write(|tx| cases::merge(tx, now, &by, from, into, "the same person")).expect("merged");
        resolve(t, answer);
        let told: Vec<Reply> = [from, into].iter().flat_map(|case| replies_of(t, *case))
            .filter(|r| r.dedupe_key.starts_with("close:"))
            .collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].body.contains("gelöst") || told[0].body.contains("behoben"), "{}", told[0].body);
    }

    fn a_thread_that_is_only_closed_tells_staff_and_no_customer(t, x) {
        let hub = product(t);
        let closed = thread(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let post = says(x, "ada", "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful");
        read(t);
        let before = case_of(t, post);
        happens(t, before.id, Happening::StaffAnswered);
        set(t, |c| diesel::update(threads::table.find(closed.0)).set(threads::state.eq("closed")).execute(c));
        t.advance(HOUR);
        enqueue(&t.app, &ThreadResolved { thread: closed });
        t.run_jobs();
        let after = case_of(t, post);
        assert_eq!((after.state, after.waiting_since), (State::WaitingStaff, before.waiting_since));
        assert!(replies_of(t, before.id).iter().all(|r| !r.dedupe_key.starts_with("close:")));
        let events = t.app.db.read(|c| cases::store::events(c, before.id)).expect("events");
        assert!(events.iter().any(|e| e.summary.contains("closed without an answer")));
        resolve(t, closed);
        assert_eq!(case_of(t, post).state, State::Resolved, "solved after all");
    }

    fn a_mention_that_staff_judge_first_opens_one_case(t, x) {
        let post = says(x, "ada", "@FernwellHelp my hub is broken, this is useless");
        let connector = t.app.connector(Network::X).expect("X").clone();
        poll(&t.app, connector.as_ref(), Reading::Mentions).expect("polled");
        let waiting = mention_of(t, post);
        assert_eq!(waiting.stage, Stage::Captured);
        let by = staff(t);
        let outcome = correct_triage(&t.app, &by, waiting.id, Label::Complaint.into(), "");
        assert_eq!(outcome.expect("corrected"), correct_triage::Outcome::Done);
        t.app.db.write(|tx| store::set_failed(tx, &waiting, "too late", None)).expect("noted");
        assert_eq!(mention_of(t, post).stage, Stage::Done);
        t.run_jobs();
        assert_eq!(count_cases(t), 1);
    }

    fn who_agrees_with_a_judgement_that_failed_has_judged(t, x) {
        let post = says(x, "ada", "@FernwellHelp thank you, best support ever!");
        read(t);
        set(t, |c| diesel::update(mentions::table).set(mentions::stage.eq("failed")).execute(c));
        let (by, id) = (staff(t), mention_of(t, post).id);
        let agrees = || correct_triage(&t.app, &by, id, Label::Praise.into(), "").expect("corrected");
        assert_eq!(agrees(), correct_triage::Outcome::Done);
        assert_eq!(mention_of(t, post).stage, Stage::Done);
        assert_eq!(agrees(), correct_triage::Outcome::Already);
    }

    fn an_edit_that_turns_praise_into_a_complaint_is_judged_again(t, x) {
        let post = says(x, "ada", "@FernwellHelp nice hub, love it, thank you!");
        let later = says(x, "bob", "@FernwellHelp lovely lamp, thank you so much!");
        read(t);
        assert_eq!(count_cases(t), 0);
        let burns = "@FernwellHelp my hub caught fire, it is dangerous and broken!";
        let edit = |of, name| x.sandbox().post(NewPost { edit_of: Some(of), ..new_post(name, burns) }).expect("edited");
        edit(post, "ada");
        read(t);
        assert_eq!(count_cases(t), 1);
        // One that no page brings is found when stored posts are looked up.
        let newer = edit(later, "bob");
        let connector = t.app.connector(Network::X).expect("X");
        let looked = connector.lookup(&[newer.to_string()]).expect("found");
        capture::store_posts(&t.app, &looked.found, "recheck", None).expect("stored");
        t.run_jobs();
        assert_eq!(count_cases(t), 2);
        // What somebody had looked at is to be looked at once more.
        let liked = says(x, "cleo", "@FernwellHelp lovely hub, thank you!");
        read(t);
        let to_look_at = |t: &Test| {
            let asked = store::desk::Aside::default();
            t.app.db.read(|c| store::desk::count_without_case(c, &asked)).expect("counted")
        };
        assert_eq!(to_look_at(t), 1);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let put_away = |browser: &mut Browser, posts: &str| {
            let fields = [("posts", posts), ("channel", &"x".repeat(5_000)), ("label", "praise")];
            let done = browser.post("/desk/mentions/looked", &fields);
            assert_eq!(done.location(), "/desk/mentions?label=praise", "of lists only");
            browser.follow(&done).body
        };
        browser.get("/desk/mentions");
        let (id, before) = (mention_of(t, liked).id, shown(t, liked));
        assert!(put_away(&mut browser, &before).contains("1 post put away"));
        assert_eq!(to_look_at(t), 0);
        let words = "@FernwellHelp lovely hub, thank you all so much!";
        x.sandbox().post(NewPost { edit_of: Some(liked), ..new_post("cleo", words) }).expect("edited");
        read(t);
        assert_eq!((to_look_at(t), count_cases(t)), (1, 2));
        // Nobody puts away in its stead what a page from before the edit showed.
        let waved = says(x, "dora", "@FernwellHelp lovely lamp, thank you!");
        read(t);
        let page = put_away(&mut browser, &format!("{before},{}", shown(t, waved)));
        assert!(page.contains("1 post put away") && page.contains("1 post changed since"), "{page}");
        assert_eq!(to_look_at(t), 1);
        let acts: Vec<String> = t.app.db.read(|c| Ok(audit_log::table
            .filter(audit_log::act.eq("posts_looked_at")).order(audit_log::id)
            .select(audit_log::data).load(c)?)).expect("acts");
        let named = |id| format!("{{\"posts\":[{id}]}}");
        assert_eq!(acts, [named(id), named(mention_of(t, waved).id)]);
    }

    fn rule_6_no_copy_of_a_deleted_post_stays(t, x) {
        let hub = product(t);
        thread(t, hub, "Zeppelin mode breaks the hub", "The zeppelin mode of the hub is broken and useless.");
        set(t, |c| diesel::update(products::table).set(products::propose_threshold.eq(0.05)).execute(c));
        let post = says(x, "ada", "@FernwellHelp my zeppelin hub is broken, useless");
        read(t);
        // It arrives in a second page too, of which something could not be read.
        let connector = t.app.connector(Network::X).expect("X");
        let looked = connector.lookup(&[post.to_string()]).expect("found");
        let raw = format!("{{\"data\":[{{\"id\":\"{post}\",\"text\":\"zeppelin\"}},{{\"odd\":1}}]}}");
        let problem = offramp::networks::Problem { place: "post 2".into(), reason: "no id".into() };
        capture::capture(&t.app, Network::X, &looked.found, "search", raw.as_bytes(), &[problem]).expect("captured");
        let case = case_of(t, post).id;
        let links = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links");
        assert!(format!("{links:?}").contains("zeppelin"), "the test's own ground: {links:?}");
        assert!(x.sandbox().delete(post));
        t.advance(23 * HOUR);
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        let (links, events) = t.app.db.read(|c| Ok((
            cases::store::links_of(c, case)?,
            cases::store::events(c, case)?,
        ))).expect("read");
        let pages: Vec<(String, Vec<u8>)> = t.app.db.read(|c| {
            Ok(intake::table.select((intake::state, intake::body)).load(c)?)
        }).expect("read");
        let audit: Vec<(String, String)> = t.app.db.read(|c| {
            Ok(audit_log::table.select((audit_log::reason, audit_log::data)).load(c)?)
        }).expect("read");
        assert!(pages.iter().all(|(_, body)| !String::from_utf8_lossy(body).contains("zeppelin")));
        assert!(pages.iter().any(|(state, body)| state == "failed" && String::from_utf8_lossy(body).contains("odd")));
        assert!(!format!("{links:?}{events:?}{audit:?}").contains("zeppelin"));
    }

    fn rule_6_a_draft_goes_with_the_post_it_was_made_from_wherever_its_case_went(t, x) {
        let hub = product(t);
        let older = says(x, "bob", "@FernwellHelp my lamp is broken, useless");
        let post = says(x, "ada", "@FernwellHelp my zeppelin hub is broken, useless");
        read(t);
        let (by, now) = (staff(t), t.app.now());
        let (into, case) = (case_of(t, older), case_of(t, post));
        assert_eq!(case.product, Some(hub));
        let drafted = t.app.db.write(|tx| {
            let drafted = draft_thread::draft(tx, now, &by, &case)?;
            cases::merge(tx, now, &by.actor(), case.id, into.id, "")?;
            Ok(drafted)
        });
        let Drafted::New(thread) = drafted.expect("drafted") else { panic!("no draft") };
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).expect("indexed");
        let gone = |post| {
            assert!(x.sandbox().delete(post));
            t.advance(23 * HOUR);
            enqueue(&t.app, &Recheck::default());
            t.run_jobs();
            let thread = t.app.db.read(|c| forum::store::thread(c, thread)).expect("read").expect("a thread");
            !thread.title.contains("zeppelin")
        };
        assert!(!gone(older), "the words of another stay");
        assert!(gone(post));
        let bodies: Vec<String> = t.app.db.read(|c| Ok(posts::table.select(posts::body).load(c)?)).expect("read");
        assert_eq!(bodies, [""]);
    }

    fn what_joins_while_a_reply_is_approved_still_waits_for_us(t, x) {
        let (post, _) = drafted(t, x);
        let (by, case) = (staff(t), case_of(t, post));
        let more = answers(x, "ada", post, "@FernwellHelp and now it smells of smoke");
        let connector = t.app.connector(Network::X).expect("X").clone();
        poll(&t.app, connector.as_ref(), Reading::Mentions).expect("polled");
        let more = mention_of(t, more);
        let begun = t.app.now();
        t.advance(SECOND);
        t.app.db.write(|tx| answer_in_public(tx, t.app.now(), &by, &case, "key")).expect("begun");
        let answer = replies_of(t, case.id).remove(1);
        let approved = approve_reply(t, &by, &answer, "We look into it", answer.version);
        assert_eq!(approved.expect("approved"), approve_reply::Outcome::Done);
        let judged = triage::judge(&more.text, true, &[], &[]);
        // Its transaction began before the approval and commits after it.
        t.app.db.write(|tx| join::join(tx, begun, &more, &judged, case.id, "")).expect("joined");
        t.run_jobs();
        assert_eq!(reply_now(t, &answer).state, ReplyState::Sent);
        assert!(case_of(t, post).state.waits_for_staff());
    }

    fn a_reply_on_a_network_without_a_connector_is_posted_by_hand(t, x) {
        let post = says(x, "ada", "@FernwellHelp my hub keeps crashing and I am fed up");
        let connector = t.app.connector(Network::X).expect("X");
        let mut looked = connector.lookup(&[post.to_string()]).expect("found");
        looked.found[0].network = Network::Mastodon;
        looked.found[0].url = Some("https://m.example/@ada/7".into());
        capture::capture(&t.app, Network::Mastodon, &looked.found, "test", b"raw", &[]).expect("captured");
        t.run_jobs();
        let reply = replies_of(t, case_of(t, post).id).remove(0);
        approve(t, &reply);
        let by = staff(t);
        let hand = |pasted: &str| posted_by_hand(&t.app, &by, reply.id, pasted).expect("answered");
        assert_eq!(hand("https://m.example/@ada/7"), handoff::Outcome::NotOurs);
        assert_eq!(hand("https://m.example/@ada/9"), handoff::Outcome::NotOurs);
        assert_eq!(hand("I did"), handoff::Outcome::NoAddress);
        assert_eq!(hand("https://m.example/@us/8"), handoff::Outcome::Done);
        assert_eq!(reply_now(t, &reply).network_post_id.as_deref(), Some("8"));
    }

    fn a_code_in_place_of_an_address_leads_to_the_same_page(t, x) {
        let post = says(x, "ada", "@FernwellHelp where is my refund? Charged twice!");
        read(t);
        let case = case_of(t, post);
        let handle = case.handle.expect("a handle");
        let open = t.app.db.read(|c| store::open_claim(c, case.id, handle)).expect("read").expect("a claim");
        let mut browser = t.browser();
        assert!(browser.get("/claim").body.contains("Enter your code"));
        assert!(browser.get("/claim?code=NOPE").body.contains("no open case"));
        let there = browser.get(&format!("/claim?code={}", open.code.to_lowercase()));
        assert_eq!(there.location(), format!("/claim/{}", open.code));
        assert!(browser.follow(&there).body.contains("Show us that"));
        t.advance(claim::LIFE);
        assert_eq!(browser.get(&format!("/claim/{}", open.code)).status, 404);
    }
}

fn happens(t: &Test, case: CaseId, what: Happening) {
    let (now, by) = (t.app.now(), staff(t).actor());
    t.app
        .db
        .write(|tx| cases::states::happen(tx, now, &by, case, what, ""))
        .expect("it happened");
}

/// The network takes the next reply without saying so, and can't be looked at once.
fn unanswered(x: &Running) {
    for (endpoint, kind) in [
        ("create_post", FailKind::TimeoutAfterAccepting),
        ("own_posts", FailKind::ServerError),
    ] {
        x.sandbox().fail(Fail {
            kind,
            count: 1,
            endpoint: Some(endpoint.into()),
        });
    }
}

/// Proves the handle by a code and leaves an address.
fn claims(t: &Test, x: &Running, name: &str, case: CaseId, email: &str) -> claim::Completed {
    let of = t
        .app
        .db
        .read(|c| cases::store::case(c, case))
        .expect("read")
        .expect("the case");
    let handle = of.handle.expect("a handle");
    let open = t
        .app
        .db
        .read(|c| store::open_claim(c, case, handle))
        .expect("read")
        .expect("a claim");
    let browser = claim::Browser::new(&t.app, open.id);
    says(x, name, &format!("@FernwellHelp {}", browser.code));
    read(t);
    let done = claim::complete(&t.app, &browser, None, email, true).expect("completed");
    t.run_jobs();
    done
}

/// Signs in on the page of the stand-in, and answers the path that it leads back to.
fn sign_in_as(username: &str, address: &str) -> String {
    let address = url::Url::parse(address).expect("an address");
    let mut fields: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    fields.push(("username".into(), username.into()));
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish();
    let client = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let mut there = address.clone();
    there.set_query(None);
    let answer = client
        .post(there)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .expect("an answer");
    let back = answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let back = url::Url::parse(&back).expect("an address");
    format!("{}?{}", back.path(), back.query().unwrap_or_default())
}

#[test]
fn as_many_posts_are_looked_up_as_the_budget_allows() {
    let config = SandboxConfig {
        clock: crate::harness::start_clock(),
        ..SandboxConfig::for_brand(BRAND, "Fernwell Help")
    };
    let x = sandbox::start(config, "127.0.0.1:0").expect("the stand-in");
    let t = Test::new(Backend::Sqlite, |config| {
        config.x = x.x_settings();
        config.x.caps.lookup = 2.0 * config.x.prices.post_read;
    })
    .expect("SQLite");
    for n in 0..3 {
        says(
            &x,
            "ada",
            &format!("@FernwellHelp my hub {n} is broken, useless"),
        );
    }
    read(&t);
    let looked_up = |t: &Test| {
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        recheck::overdue(&t.app, Network::X).expect("counted")
    };
    t.advance(25 * HOUR);
    assert_eq!(looked_up(&t), 1);
    t.advance(15 * HOUR);
    assert_eq!(looked_up(&t), 0);
}

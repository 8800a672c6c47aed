//! The eight rules that hold always, through the doors by which people and networks come in.
//!
//! Tests of a rule that need a slice's own helpers stand with the slice, under the rule's name.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use diesel::prelude::*;
use offramp::cases::{self, Channel, Severity, queue};
use offramp::clock::{DAY, HOUR, MINUTE, SECOND};
use offramp::db::audit::{self, Line};
use offramp::db::schema::{
    case_events, cases as cases_table, handles, intake, jobs as jobs_table, links, mails, mentions,
    network_spend, posts, products, replies, threads, ticket_messages, triages,
};
use offramp::escalations::poll::{Reading, poll};
use offramp::escalations::recheck::Recheck;
use offramp::escalations::send_reply::SendReply;
use offramp::escalations::{ReplyState, capture};
use offramp::forum::docs::Docs;
use offramp::ids::{CaseId, ThreadId};
use offramp::inbox::receive_mail;
use offramp::jobs;
use offramp::mail::inbound::{InboundMail, parse};
use offramp::networks::x::sandbox::{Fail, FailKind, NewPost, Running};
use offramp::networks::{Author, Network, NetworkError, PostKind, PublicPost};
use offramp::people::Role;
use offramp::random::Random;
use offramp::search;

use crate::escalations::{
    answers, approve, case_of, count_cases, drafted, enqueue, mention_of, new_post, product, read,
    replies_of, reply_now, resolve, says, set, thread as thread_about,
};
use crate::harness::{Browser, Reply, Test};
use crate::{on_both, with_x};

const COMPLAINT: &str = "@FernwellHelp my hub keeps crashing and I am fed up";

// What stands

fn letters(t: &Test) -> Vec<InboundMail> {
    let Ok(folder) = std::fs::read_dir(t.dir.path().join("mail")) else {
        return Vec::new();
    };
    folder
        .map(|file| parse(&std::fs::read(file.expect("a file").path()).expect("a mail")))
        .collect()
}

fn audited(t: &Test) -> Vec<Line> {
    t.app
        .db
        .read(|c| audit::page(c, None, 1_000))
        .expect("the audit log")
}

fn of_act(t: &Test, act: &str) -> Vec<Line> {
    audited(t).into_iter().filter(|l| l.act == act).collect()
}

/// The queue as the desk shows it, first to last.
fn in_queue(t: &Test) -> Vec<CaseId> {
    let all = queue::Filter::default();
    let (page, _) = t.app.db.read(|c| queue::page(c, &all)).expect("the queue");
    page.iter().map(|case| case.id).collect()
}

/// Lets every insert into a table fail, as a full disk would; `cure` lets them go on.
fn poison(t: &Test, table: &str) {
    let sql = if t.app.db.is_postgres() {
        format!("ALTER TABLE {table} ADD CONSTRAINT poison CHECK (false) NOT VALID")
    } else {
        format!(
            "CREATE TRIGGER poison BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )
    };
    set(t, |c| diesel::sql_query(&sql).execute(c));
}

fn cure(t: &Test, table: &str) {
    let sql = if t.app.db.is_postgres() {
        format!("ALTER TABLE {table} DROP CONSTRAINT poison")
    } else {
        "DROP TRIGGER poison".to_owned()
    };
    set(t, |c| diesel::sql_query(&sql).execute(c));
}

/// Two at the same moment.
fn at_once<T: Send>(one: impl Fn() -> T + Sync) -> [T; 2] {
    thread::scope(|scope| {
        let two = [scope.spawn(&one), scope.spawn(&one)];
        two.map(|thread| thread.join().expect("no panic"))
    })
}

/// Two workers, as two servers of one database have them.
fn run_by_two(t: &Test) {
    at_once(|| t.registry.run_due(&t.app).expect("jobs"));
}

/// A mail as a mail server hands it over.
fn mail(from: &str, id: &str, body: &str) -> String {
    format!(
        "From: Anna <{from}>\r\nTo: support@testwell.example\r\nSubject: About my hub\r\n\
         Message-ID: <{id}@customers.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
}

/// What the mail server is told: an exit code.
fn hand_over(t: &Test, raw: &str) -> u8 {
    receive_mail::receive(&t.app, raw.as_bytes(), &["support@testwell.example".into()]).0
}

fn contact_fields<'a>(key: &'a str, message: &'a str, email: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("subject", "About my hub"),
        ("message", message),
        ("name", "Anna"),
        ("email", email),
        ("seen_similar", "1"),
        ("request_key", key),
    ]
}

/// A post as a network gave it, by somebody of their own.
fn post_by(n: usize, text: &str, followers: i64, ago: i64, t: &Test) -> PublicPost {
    let id = (1_000 + n).to_string();
    PublicPost {
        network: Network::X,
        id: id.clone(),
        first_id: id.clone(),
        author: Some(Author {
            username: format!("customer{n}"),
            display_name: format!("Customer {n}"),
            followers,
            ..Author::known_by_id((9_000 + n).to_string())
        }),
        text: text.into(),
        conversation_id: id,
        in_reply_to_post_id: None,
        in_reply_to_user_id: None,
        quoted_post_id: None,
        kind: PostKind::Post,
        language: Some("en".into()),
        url: None,
        posted_at: t.app.now().plus(-ago),
        ours: false,
        summoned: true,
        raw: "{}".into(),
    }
}

fn act(browser: &mut Browser, case: CaseId, action: &str, fields: &[(&str, &str)]) -> Reply {
    let page = format!("/desk/case/{case}");
    browser.submit(&page, &format!("{page}/{action}"), fields)
}

fn calls_of(x: &Running, method: &str, path: &str) -> usize {
    let log = x.sandbox().log();
    log.iter()
        .filter(|e| e.method == method && e.path.starts_with(path))
        .count()
}

fn write_post(n: usize) -> String {
    format!("{COMPLAINT}, for the {n}th time")
}

// Rule 1: nothing acknowledged is lost

with_x! {
    fn rule_1_the_cursor_waits_until_the_posts_are_stored(t, x) {
        let first = says(x, "ada", COMPLAINT);
        poison(t, "mentions");
        let connector = t.app.connector(Network::X).expect("X").clone();
        poll(&t.app, connector.as_ref(), Reading::Mentions).expect_err("can't be stored");
        cure(t, "mentions");
        let second = says(x, "bob", COMPLAINT);
        read(t);
        assert!(mention_of(t, first).case.is_some() && mention_of(t, second).case.is_some());
        assert_eq!(count_cases(t), 2);
    }

    fn rule_1_a_draft_approved_is_sent_after_any_outage(t, x) {
        let (post, reply) = drafted(t, x);
        for kind in [FailKind::RateLimited, FailKind::CreditsDepleted, FailKind::Unauthorized] {
            x.sandbox().fail(Fail { kind, count: 1, endpoint: Some("create_post".into()) });
        }
        approve(t, &reply);
        for _ in 0..12 {
            t.run_jobs();
            t.advance(HOUR);
        }
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent, "{:?}", reply_now(t, &reply).error);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }
}

on_both! {
    fn rule_1_a_mail_is_taken_on_only_once_it_is_stored(t) {
        let raw = mail("anna@customers.example", "one", "It is silent.");
        poison(t, "intake");
        assert_eq!(hand_over(t, &raw), receive_mail::EX_TEMPFAIL, "try again later");
        cure(t, "intake");
        assert_eq!(hand_over(t, &raw), receive_mail::EX_OK);
        // The mail and the job that reads it are one decision.
        poison(t, "jobs");
        let other = mail("bo@customers.example", "two", "Mine too.");
        assert_eq!(hand_over(t, &other), receive_mail::EX_TEMPFAIL);
        cure(t, "jobs");
        assert_eq!(hand_over(t, &other), receive_mail::EX_OK);
        t.run_jobs();
        assert_eq!(count_cases(t), 2);
    }

    fn rule_1_a_form_is_taken_whole_or_comes_back_with_what_was_typed(t) {
        let mut browser = t.browser();
        let key = browser.get("/contact").field("request_key").expect("a key");
        let fields = contact_fields(&key, "It has been silent for two days.", "anna@customers.example");
        for table in ["cases", "tickets", "ticket_messages", "mails", "jobs", "audit_log"] {
            poison(t, table);
            let refused = browser.post("/contact", &fields);
            assert!(refused.status >= 400, "{table}: {}", refused.status);
            assert!(refused.body.contains("It has been silent for two days."), "{table}: {}", refused.body);
            cure(t, table);
            assert_eq!(count_cases(t), 0, "{table}: half of it was kept");
        }
        assert_eq!(browser.post("/contact", &fields).status, 303);
        t.run_jobs();
        assert_eq!((count_cases(t), letters(t).len()), (1, 1));
    }

    fn rule_1_a_job_whose_worker_was_killed_runs_when_its_lease_ends(t) {
        let raw = mail("anna@customers.example", "one", "It is silent.");
        assert_eq!(hand_over(t, &raw), receive_mail::EX_OK);
        let until = t.app.now().plus(jobs::LEASE).0;
        set(t, |c| diesel::update(jobs_table::table)
            .set((jobs_table::lease_until.eq(until), jobs_table::lease_owner.eq("killed")))
            .execute(c));
        t.run_jobs();
        assert_eq!(count_cases(t), 0, "its lease holds");
        t.advance(jobs::LEASE + SECOND);
        t.run_jobs();
        assert_eq!(count_cases(t), 1);
    }
}

// Rule 2: nothing is said twice

with_x! {
    fn rule_2_two_workers_send_one_reply_once(t, x) {
        let posts: Vec<u64> = (0..6).map(|n| says(x, &format!("ada{n}"), &write_post(n))).collect();
        read(t);
        for post in &posts {
            let reply = replies_of(t, case_of(t, *post).id).remove(0);
            approve(t, &reply);
            // A second job for it, as an impatient operator might leave.
            enqueue(&t.app, &SendReply { reply: reply.id });
        }
        for _ in 0..3 {
            run_by_two(t);
            t.advance(HOUR);
        }
        for post in posts {
            assert_eq!(x.sandbox().replies_to(post).len(), 1);
            assert_eq!(replies_of(t, case_of(t, post).id)[0].state, ReplyState::Sent);
        }
        let refused = x.sandbox().log().iter().filter(|e| e.status == 403).count();
        assert_eq!(refused, 0, "X had to refuse a second copy");
    }

    fn rule_2_a_killed_send_may_still_be_on_its_way(t, x) {
        let (post, reply) = drafted(t, x);
        approve(t, &reply);
        // Killed after it was written down and before the network answered: what was sent may
        // arrive a little later, so that a look at once would prove nothing.
        let now = t.app.now().0;
        set(t, |c| diesel::update(replies::table.find(reply.id.0))
            .set((replies::state.eq("sending"), replies::sending_since.eq(now))).execute(c));
        t.run_jobs();
        assert_eq!(calls_of(x, "POST", "/2/tweets"), 0, "too early to know");
        let connector = t.app.connector(Network::X).expect("X");
        let to = offramp::networks::ReplyTo {
            post_id: post.to_string(), author_username: "ada".into(), summoned: true,
        };
        connector.reply(&to, &reply.body).expect("it arrives late");
        t.advance(MINUTE);
        t.run_jobs();
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(calls_of(x, "POST", "/2/tweets"), 1);
    }

    fn rule_2_after_an_unclear_answer_we_look_before_each_further_try(t, x) {
        let (post, reply) = drafted(t, x);
        x.sandbox().fail(Fail {
            kind: FailKind::ServerError, count: 3, endpoint: Some("create_post".into()),
        });
        approve(t, &reply);
        for _ in 0..6 {
            t.run_jobs();
            t.advance(HOUR);
        }
        assert_eq!(reply_now(t, &reply).state, ReplyState::Sent);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
        let calls: Vec<(String, u16)> = x.sandbox().log().into_iter()
            .filter(|e| e.path == "/2/tweets" || e.path.ends_with("/tweets"))
            .map(|e| (e.method, e.status))
            .collect();
        for pair in calls.windows(2) {
            assert!(pair[0].0 != "POST" || pair[1].0 != "POST", "two tries without a look: {calls:?}");
        }
    }

    fn rule_2_two_colleagues_approve_one_reply(t, x) {
        let (post, reply) = drafted(t, x);
        let path = format!("/desk/case/{}", reply.case);
        let browsers: Vec<Browser> = ["Ines", "Stefan"]
            .map(|name| {
                let (mut browser, _) = t.browser_of(name, Role::Staff);
                assert_eq!(browser.get(&path).status, 200);
                browser
            })
            .into_iter()
            .collect();
        let version = reply.version.to_string();
        let seen = t.app.db.read(|c| cases::store::desk::newest_event(c, reply.case)).expect("an event").to_string();
        let statuses: Vec<u16> = thread::scope(|scope| {
            let (path, version, seen, body) = (&path, &version, &seen, &reply.body);
            let sent: Vec<_> = browsers
                .into_iter()
                .map(|mut browser| scope.spawn(move || {
                    let fields = [
                        ("to", "approve"), ("body", body.as_str()),
                        ("version", version.as_str()), ("seen", seen.as_str()),
                    ];
                    browser.post(&format!("{path}/reply/{}", reply.id), &fields).status
                }))
                .collect();
            sent.into_iter().map(|s| s.join().expect("an answer")).collect()
        });
        assert_eq!(statuses, [303, 303]);
        run_by_two(t);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
        assert_eq!(of_act(t, "reply_approved").len(), 1, "one of them decided");
    }

    fn rule_2_two_readers_of_one_page_open_one_case(t, x) {
        let posts: Vec<u64> = (0..5).map(|n| says(x, &format!("ada{n}"), &write_post(n))).collect();
        at_once(|| {
            let connector = t.app.connector(Network::X).expect("X");
            // On SQLite the second waits; on PostgreSQL it may lose, and is asked again.
            let _ = poll(&t.app, connector.as_ref(), Reading::Mentions);
        });
        run_by_two(t);
        read(t);
        let stored: i64 = t.app.db.read(|c| Ok(mentions::table.count().get_result(c)?)).expect("counted");
        assert_eq!((stored, count_cases(t)), (5, 5));
        for post in posts {
            assert_eq!(replies_of(t, case_of(t, post).id).len(), 1);
        }
    }

    fn rule_2_a_solution_is_told_once_by_two_workers(t, x) {
        let hub = product(t);
        let answer = thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let posts: Vec<u64> = (0..4).map(|n| says(x, &format!("ada{n}"), &format!(
            "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful, {n} times"))).collect();
        read(t);
        set(t, |c| diesel::update(offramp::db::schema::threads::table.find(answer.0))
            .set(offramp::db::schema::threads::state.eq("solved")).execute(c));
        for _ in 0..3 {
            enqueue(&t.app, &offramp::escalations::close_loop::ThreadResolved { thread: answer });
        }
        run_by_two(t);
        for post in posts {
            let closing = replies_of(t, case_of(t, post).id);
            assert_eq!(closing.iter().filter(|r| r.dedupe_key.starts_with("close:")).count(), 1);
        }
    }
}

on_both! {
    fn rule_2_a_form_sent_twice_at_once_opens_one_case(t) {
        let mut browser = t.browser();
        let key = browser.get("/contact").field("request_key").expect("a key");
        let browsers = [t.browser(), t.browser()];
        let statuses: Vec<u16> = thread::scope(|scope| {
            let key = &key;
            let sent: Vec<_> = browsers.into_iter().map(|mut browser| scope.spawn(move || {
                let message = "It has been silent for two days.";
                browser.post("/contact", &contact_fields(key, message, "anna@customers.example")).status
            })).collect();
            sent.into_iter().map(|s| s.join().expect("an answer")).collect()
        });
        assert_eq!(statuses, [303, 303]);
        run_by_two(t);
        assert_eq!((count_cases(t), letters(t).len()), (1, 1));
    }

    fn rule_2_one_mail_handed_over_twice_at_once_is_one_ticket(t) {
        let raw = mail("anna@customers.example", "one", "It is silent.");
        let codes = at_once(|| hand_over(t, &raw));
        assert_eq!(codes, [receive_mail::EX_OK; 2]);
        run_by_two(t);
        let messages: i64 = t.app.db.read(|c| Ok(ticket_messages::table.count().get_result(c)?)).expect("counted");
        assert_eq!((count_cases(t), messages, letters(t).len()), (1, 1, 1));
        let handed: Vec<i64> = t.app.db.read(|c| Ok(mails::table.select(mails::attempts).load(c)?)).expect("mails");
        assert_eq!(handed, [1], "handed to the mail server once");
    }
}

// Rule 3: one queue

on_both! {
    fn rule_3_no_channel_follower_or_follow_up_changes_a_place(t) {
        let random = Random::seeded(3);
        let pick = |n: u64| random.below(n);
        for round in 0..6_usize {
            let size = 8;
            let mut expected = Vec::new();
            for n in 0..size {
                let n = round * 100 + n;
                let ago = i64::try_from(pick(5_000)).expect("small") * MINUTE;
                let followers = i64::try_from(pick(1_000_000)).expect("small");
                let text = format!("@FernwellHelp my hub {} keeps crashing", random.code(6));
                let post = post_by(n, &text, followers, ago, t);
                capture::capture(&t.app, Network::X, &[post], "test", text.as_bytes(), &[]).expect("captured");
                t.run_jobs();
                let case = case_of(t, u64::try_from(1_000 + n).expect("small"));
                expected.push((case.waiting_since, case.id));
            }
            expected.sort();
            let expected: Vec<CaseId> = expected.into_iter().map(|(_, id)| id).collect();
            assert_eq!(in_queue(t), expected, "longest wait first");
            // The loud come by another channel, with other followers, and write again and again.
            for n in 0..size {
                let channel = [Channel::X, Channel::Email, Channel::Form, Channel::Import][n % 4];
                let id = expected[usize::try_from(pick(size as u64)).expect("small")].0;
                set(t, |c| diesel::update(cases_table::table.find(id))
                    .set(cases_table::channel.eq(channel.as_str())).execute(c));
                let followers = i64::try_from(pick(90_000_000)).expect("small");
                set(t, |c| diesel::update(handles::table).set(handles::followers.eq(followers)).execute(c));
                let number = round * 100 + n;
                let more = PublicPost {
                    id: (500_000 + number).to_string(),
                    first_id: (500_000 + number).to_string(),
                    conversation_id: (1_000 + number).to_string(),
                    in_reply_to_post_id: Some((1_000 + number).to_string()),
                    ..post_by(number, "@FernwellHelp HELLO?? anybody there?!", followers, 0, t)
                };
                let raw = random.code(12);
                capture::capture(&t.app, Network::X, &[more], "test", raw.as_bytes(), &[]).expect("captured");
                t.run_jobs();
                assert_eq!(in_queue(t), expected, "round {round}, {n}");
            }
            let (mut browser, _) = t.browser_of(&format!("Stefan{round}"), Role::Staff);
            let page = browser.get("/desk").body;
            let places: Vec<usize> = expected
                .iter()
                .map(|id| page.find(&format!("/desk/case/{id}\"")).expect("on the page"))
                .collect();
            assert!(places.is_sorted(), "{places:?}");
            set(t, |c| diesel::update(cases_table::table).set(cases_table::state.eq("closed")).execute(c));
        }
    }

    fn rule_3_severity_comes_from_what_happened_not_from_where_it_was_said(t) {
        for (n, (words, severity)) in [
            ("I was charged twice and want my money back", Severity::Money),
            ("the charger got hot and started to smoke, it nearly caught fire", Severity::Safety),
            ("the hub is a little slow lately, annoying", Severity::Annoyance),
        ].into_iter().enumerate() {
            let post = post_by(n, &format!("@FernwellHelp {words}"), 1_000_000, 0, t);
            capture::capture(&t.app, Network::X, &[post], "test", words.as_bytes(), &[]).expect("captured");
            assert_eq!(hand_over(t, &mail(&format!("a{n}@customers.example"), &format!("m{n}"), words)), 0);
            let mut browser = t.browser();
            let key = browser.get("/contact").field("request_key").expect("a key");
            let email = format!("f{n}@customers.example");
            assert_eq!(browser.post("/contact", &contact_fields(&key, words, &email)).status, 303);
            t.run_jobs();
            let found: Vec<(String, String)> = t.app.db.read(|c| Ok(cases_table::table
                .order(cases_table::id.desc()).limit(3)
                .select((cases_table::channel, cases_table::severity)).load(c)?)).expect("cases");
            let found: BTreeMap<String, String> = found.into_iter().collect();
            let expected = ["email", "form", "x"].map(|c| (c.to_owned(), severity.as_str().to_owned()));
            assert_eq!(found, BTreeMap::from(expected), "{words:?}");
            assert_eq!(usize::try_from(count_cases(t)).expect("few"), 3 * (n + 1), "{words:?}");
        }
    }
}

// Rule 4: a person decides what is said in public

with_x! {
    fn rule_4_nothing_stands_on_the_network_that_nobody_approved(t, x) {
        let hub = product(t);
        let answer = thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let sure = says(x, "ada", "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful");
        let money = says(x, "bob", "@FernwellHelp where is my refund? Charged twice!");
        let unknown = says(x, "cleo", COMPLAINT);
        read(t);
        resolve(t, answer);
        for _ in 0..3 {
            t.advance(DAY);
            t.run_jobs();
        }
        assert!(x.sandbox().brand_replies().is_empty(), "days went by and nobody decided");
        assert_eq!(calls_of(x, "POST", "/2/tweets"), 0);
        for post in [sure, money, unknown] {
            // The word that it is solved takes the place of an older draft.
            let states: Vec<ReplyState> =
                replies_of(t, case_of(t, post).id).iter().map(|r| r.state).collect();
            let waits = states.iter().all(|s| matches!(s, ReplyState::Draft | ReplyState::Discarded));
            assert!(waits && states.contains(&ReplyState::Draft), "{states:?}");
        }
        approve(t, &replies_of(t, case_of(t, money).id)[0]);
        t.run_jobs();
        let standing = x.sandbox().brand_replies();
        assert_eq!(standing.len(), 1);
        assert_eq!(standing[0].0, money);
        let approved = of_act(t, "reply_approved");
        assert_eq!(approved.len(), 1);
        assert_eq!((approved[0].actor_kind.as_str(), approved[0].actor_name.as_str()), ("user", "Sam"));
        assert_eq!(approved[0].subject_id, case_of(t, money).id.0);
    }

    fn rule_4_a_rule_that_speaks_says_so_and_why(t, x) {
        let hub = product(t);
        thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true))).execute(c));
        let post = says(x, "ada", "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful");
        read(t);
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
        let approved = of_act(t, "reply_approved");
        assert_eq!(approved.len(), 1);
        assert_eq!((approved[0].actor_kind.as_str(), approved[0].actor_name.as_str()), ("rule", "auto_acknowledge"));
        assert!(!approved[0].reason.is_empty());
        // Every automatic step shows its reasons on the case.
        let events = t.app.db.read(|c| cases::store::events(c, case_of(t, post).id)).expect("events");
        for step in [cases::Step::Triage, cases::Step::Link] {
            let event = events.iter().find(|e| e.step == step).expect("the step");
            assert!(!event.reasons.is_empty(), "{event:?}");
        }
    }

    fn rule_4_a_link_made_by_rule_can_be_undone_by_a_person(t, x) {
        let hub = product(t);
        let answer = thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table).set(products::link_threshold.eq(0.3)).execute(c));
        let post = says(x, "ada", "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful");
        read(t);
        let case = case_of(t, post).id;
        let link = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links").remove(0);
        assert!(replies_of(t, case)[0].body.contains(&format!("/t/{answer}")));
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let undone = act(&mut browser, case, &format!("link/{}", link.id), &[("to", "undo"), ("why", "another hub")]);
        assert_eq!(undone.status, 303);
        let state: String = t.app.db.read(|c| Ok(links::table.find(link.id.0).select(links::state).first(c)?)).expect("a link");
        assert_eq!(state, "undone");
        assert!(!replies_of(t, case)[0].body.contains(&format!("/t/{answer}")), "the draft follows");
        // Whoever was unlinked is not told of that thread's solution.
        resolve(t, answer);
        assert_eq!(replies_of(t, case).len(), 1);
    }
}

// Rule 5: private stays private

/// Pages that anybody may read, with words by which private things might be found.
fn public_pages(words: &[&str]) -> Vec<String> {
    let mut pages: Vec<String> = [
        "/",
        "/p/hub",
        "/feed.atom",
        "/feed.atom?product=hub",
        "/sitemap.xml",
        "/sitemap-1.xml",
        "/t/1",
        "/t/2",
        "/t/3",
        "/new",
        "/contact",
        "/robots.txt",
        "/u/1",
        "/u/2",
        "/u/3",
        "/notifications",
        "/tag/lamps",
    ]
    .map(str::to_owned)
    .to_vec();
    for word in words {
        for path in [
            "/search?q=",
            "/search/suggest?q=",
            "/similar?q=",
            "/search?product=hub&q=",
        ] {
            pages.push(format!("{path}{word}"));
        }
    }
    pages
}

with_x! {
    fn rule_5_private_words_are_found_by_nobody_outside(t, x) {
        let hub = product(t);
        let public = thread_about(t, hub, "Hub blinks red", "A public thread about a hub that blinks.");
        // Private things of each kind: each has a word to search for, and one that must not show.
        let key = t.browser().get("/contact").field("request_key").expect("a key");
        let fields = contact_fields(&key, "zebrafinch said the invoice is kingfisher", "wren@customers.example");
        assert_eq!(t.browser().post("/contact", &fields).status, 303);
        let raw = mail("heron@customers.example", "m1", "zebrafinch: my order number is goldcrest");
        assert_eq!(hand_over(t, &raw), receive_mail::EX_OK);
        let post = says(x, "ada", "@FernwellHelp zebrafinch! My firecrest hub keeps crashing, mail me at dunnock@customers.example");
        read(t);
        let case = case_of(t, post).id;
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut staff, case, "note", &[("note", "zebrafinch: an internal nightjar"), ("key", "n1")]);
        act(&mut staff, case, "product", &[("product", &hub.to_string())]);
        let draft = act(&mut staff, case, "thread", &[]);
        let draft: ThreadId = draft.location().split('/').nth(2).and_then(|id| id.parse().ok()).expect("a draft");
        assert_eq!(staff.get(&format!("/t/{draft}/x")).status / 100, 3, "staff see the draft");
        t.run_jobs();
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).expect("indexed");

        let secrets = [
            "kingfisher", "goldcrest", "nightjar", "dunnock", "wren@", "heron@", "stefan@", "sam@",
            "firecrest",
        ];
        let (member, _) = t.browser_of("Mia", Role::Member);
        let (moderator, _) = t.browser_of("Moritz", Role::Moderator);
        for (who, mut browser) in [("a visitor", t.browser()), ("a member", member), ("a moderator", moderator)] {
            for page in public_pages(&["zebrafinch", "zebra", "invoice", "order", "internal"]) {
                if who == "a moderator" && page == format!("/t/{draft}") {
                    continue;
                }
                let mut shown = browser.get(&page);
                // An empty body that leads elsewhere shows nothing yet.
                while shown.status / 100 == 3 {
                    let elsewhere = shown.location().to_owned();
                    shown = browser.get(&elsewhere);
                }
                assert!(matches!(shown.status, 200 | 404), "{page}: {}", shown.status);
                if page == format!("/t/{public}") {
                    assert!(shown.body.contains("a hub that blinks"), "{}", shown.body);
                }
                // Whatever is looked for, the public pages themselves are there.
                let is_there = page.contains("?q=") || page.contains("&q=") || ["/", "/p/hub", "/feed.atom", "/new", "/contact"].contains(&page.as_str());
                assert!(!is_there || shown.status == 200, "{page}: {}", shown.status);
                // What was typed into the search field stands in it.
                let body = shown.body.replace("zebrafinch", "");
                for secret in secrets {
                    assert!(!body.contains(secret), "{who} sees {secret} at {page}");
                }
                assert!(!body.contains(&format!("/t/{draft}")), "{who} sees the draft at {page}");
            }
            // Moderators see drafts; nobody else does.
            if who != "a moderator" {
                assert_eq!(browser.get(&format!("/t/{draft}")).status, 404, "{who}");
            }
            let desk = browser.get(&format!("/desk/case/{case}"));
            assert!(!desk.body.contains("nightjar"), "{who} sees a case");
        }
    }

    fn rule_5_the_public_reply_carries_nothing_private(t, x) {
        product(t);
        let post = says(x, "ada", "@FernwellHelp charged twice! My order 4711-0815, mail dunnock@customers.example, phone +49 151 23456789");
        read(t);
        let case = case_of(t, post).id;
        let reply = replies_of(t, case).remove(0);
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        for word in ["4711", "dunnock", "151 23456789"] {
            assert!(!reply.body.contains(word), "{}", reply.body);
        }
        let path = format!("reply/{}", reply.id);
        for leak in ["We wrote to dunnock@customers.example", "We call you on +49 151 23456789"] {
            let fields = [("to", "approve"), ("body", leak), ("version", &reply.version.to_string())];
            let refused = act(&mut staff, case, &path, &fields);
            assert_eq!(refused.status, 409, "{leak}");
            assert!(refused.body.contains(leak.split(' ').next_back().unwrap_or(leak)), "what was typed is kept");
        }
        t.run_jobs();
        assert!(x.sandbox().replies_to(post).is_empty());
    }

    fn rule_5_a_thread_drafted_from_a_post_names_nobody(t, x) {
        let hub = product(t);
        let post = says(x, "ada_b", "@FernwellHelp my hub keeps crashing, call me on +49 151 23456789 or dunnock@customers.example");
        read(t);
        let case = case_of(t, post).id;
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut staff, case, "product", &[("product", &hub.to_string())]);
        let drafted = act(&mut staff, case, "thread", &[]);
        let id = drafted.location().split('/').nth(2).expect("an id").to_owned();
        assert_eq!(act(&mut staff, case, &format!("publish/{id}"), &[]).status, 303);
        let there = t.browser().get(&format!("/t/{id}"));
        let page = t.browser().get(there.location());
        assert_eq!(page.status, 200);
        for word in ["dunnock", "23456789", "ada_b", "@FernwellHelp"] {
            assert!(!page.body.contains(word), "{word}");
        }
        t.run_jobs();
    }
}

// Rule 6: the network's terms hold

with_x! {
    fn rule_6_who_did_not_address_us_is_never_answered_by_the_api(t, x) {
        let hub = product(t);
        thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true))).execute(c));
        let post = says(x, "ada", "since update 4.2 my fernwell hub blinks red all night, app shows it offline. Awful");
        let connector = t.app.connector(Network::X).expect("X");
        let found = connector.lookup(&[post.to_string()]).expect("found").found;
        assert!(!found[0].summoned);
        capture::capture(&t.app, Network::X, &found, "search", b"raw", &[]).expect("captured");
        t.run_jobs();
        let reply = replies_of(t, case_of(t, post).id).remove(0);
        assert!(reply.handoff && reply.state == ReplyState::Draft);
        approve(t, &reply);
        for _ in 0..3 {
            t.run_jobs();
            t.advance(DAY);
        }
        assert_eq!(calls_of(x, "POST", "/2/tweets"), 0, "not even tried");
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        let page = staff.get(&format!("/desk/case/{}", reply.case)).body;
        assert!(page.contains("intent/tweet?in_reply_to="), "a person posts it");
    }

    fn rule_6_one_automatic_reply_an_interaction(t, x) {
        let hub = product(t);
        thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true))).execute(c));
        let text = "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful";
        let post = says(x, "ada", text);
        read(t);
        for n in 0..4 {
            answers(x, "ada", post, &format!("{text} ({n})"));
            t.advance(HOUR);
            read(t);
        }
        let said = x.sandbox().brand_replies();
        assert_eq!(said.len(), 1, "{said:?}");
    }

    fn rule_6_a_post_deleted_before_we_answered_is_not_answered(t, x) {
        let (post, reply) = drafted(t, x);
        approve(t, &reply);
        assert!(x.sandbox().delete(post));
        t.advance(19 * HOUR);
        // The job that sends and the one that looks for deletions are both due; whichever is first.
        enqueue(&t.app, &Recheck::default());
        for _ in 0..4 {
            t.run_jobs();
            t.advance(HOUR);
        }
        assert!(x.sandbox().brand_replies().is_empty());
        assert_eq!(reply_now(t, &reply).state, ReplyState::Failed);
    }

    fn rule_6_no_copy_of_a_deleted_post_is_left_anywhere(t, x) {
        let post = says(x, "ada", "@FernwellHelp my zeppelin hub is broken, useless");
        let stays = says(x, "bob", "@FernwellHelp my lamp is broken, useless");
        // It comes by two doors, each of which keeps the page as it came.
        read(t);
        let connector = t.app.connector(Network::X).expect("X");
        let looked = connector.lookup(&[post.to_string(), stays.to_string()]).expect("found").found;
        let page = format!("{{\"data\":[{}]}}", looked.iter().map(|p| p.raw.clone()).collect::<Vec<_>>().join(","));
        capture::capture(&t.app, Network::X, &looked, "search", page.as_bytes(), &[]).expect("captured");
        t.run_jobs();
        // A thread is drafted from it, and the draft is edited.
        let hub = product(t);
        let case = case_of(t, post).id;
        set(t, |c| diesel::update(cases_table::table.find(case.0)).set(cases_table::product_id.eq(hub.0)).execute(c));
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        let page = format!("/desk/case/{case}");
        let thread = staff.submit(&page, &format!("{page}/thread"), &[]);
        assert!(thread.location().starts_with("/t/"), "{}", thread.location());
        let mut shown = staff.follow(&thread);
        while shown.status != 200 {
            shown = staff.follow(&shown);
        }
        assert!(shown.body.contains("zeppelin"));
        // Its author edits it: the case begins with the newest words.
        let edited = NewPost { edit_of: Some(post), ..new_post("ada", "@FernwellHelp my zeppelin hub is broken, an airship") };
        let post = x.sandbox().post(edited).expect("edited");
        read(t);
        assert!(case_of(t, post).summary.contains("airship"));
        assert!(x.sandbox().delete(post));
        t.advance(19 * HOUR);
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        let left = t.app.db.read(|c| {
            let mut left = BTreeMap::new();
            let mut look = |place: &'static str, texts: Vec<String>| {
                left.insert(place, texts.iter().filter(|text| text.contains("zeppelin")).count());
            };
            look("mentions.text", mentions::table.select(mentions::body_text).load(c)?);
            look("mentions.raw", mentions::table.select(mentions::raw).load(c)?);
            let pages: Vec<Vec<u8>> = intake::table.select(intake::body).load(c)?;
            look("intake", pages.iter().map(|p| String::from_utf8_lossy(p).into_owned()).collect());
            look("cases", cases_table::table.select(cases_table::summary).load(c)?);
            look("events", case_events::table.select(case_events::data).load(c)?);
            look("reasons", case_events::table.select(case_events::reasons).load(c)?);
            look("summaries", case_events::table.select(case_events::summary).load(c)?);
            look("triages", triages::table.select(triages::reasons).load(c)?);
            look("replies", replies::table.select(replies::body).load(c)?);
            look("threads", threads::table.select(threads::title).load(c)?);
            look("slugs", threads::table.select(threads::slug).load(c)?);
            look("posts", posts::table.select(posts::body).load(c)?);
            look("html", posts::table.select(posts::body_html).load(c)?);
            Ok(left)
        }).expect("read");
        let kept: Vec<_> = left.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(kept, [], "copies of a deleted post");
        assert!(mention_of(t, stays).text.contains("lamp"));
    }

    fn rule_6_a_name_proves_no_account(t, x) {
        // A member with the same name, and the same words in their address.
        let member = t.user("Ada", Role::Member);
        let post = says(x, "ada", "@FernwellHelp my hub keeps crashing, useless. I am ada@people.example");
        read(t);
        assert_eq!(case_of(t, post).user, None);
        let bound: i64 = t.app.db.read(|c| Ok(handles::table
            .filter(handles::user_id.eq(member.0)).count().get_result(c)?)).expect("counted");
        assert_eq!(bound, 0);
    }
}

// Rule 7: the bill is bounded

/// Spends today's budget of a class but for what one call costs.
fn spend(t: &Test, class: &str, dollars: i64) {
    let row = offramp::networks::store::Spend {
        day: t.app.now().day(),
        class: class.into(),
        calls: 1,
        units: 1,
        cost_micros: dollars * 1_000_000,
    };
    t.app
        .db
        .write(|tx| offramp::networks::store::add_spend(tx, Network::X, &row))
        .expect("booked");
}

with_x! {
    fn rule_7_at_the_cap_reading_stops_and_says_so_and_goes_on_tomorrow(t, x) {
        says(x, "bob", COMPLAINT);
        read(t);
        let post = says(x, "ada", COMPLAINT);
        spend(t, "read_mentions", 5);
        let connector = t.app.connector(Network::X).expect("X").clone();
        let before = x.sandbox().log().len();
        let trouble = poll(&t.app, connector.as_ref(), Reading::Mentions).expect("no error");
        assert!(matches!(trouble, Some(NetworkError::Budget { .. })), "{trouble:?}");
        assert_eq!(x.sandbox().log().len(), before, "not a call more");
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let page = admin.get("/admin/network");
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Stopped") && page.body.contains("budget"), "{}", page.body);
        t.advance(DAY);
        read(t);
        assert!(mention_of(t, post).case.is_some());
        assert!(!admin.get("/admin/network").body.contains("Stopped"));
    }

    fn rule_7_a_reply_waits_for_the_budget_and_the_case_says_so(t, x) {
        let (post, reply) = drafted(t, x);
        spend(t, "write_reply_url", 10);
        approve(t, &reply);
        for _ in 0..3 {
            t.run_jobs();
            t.advance(HOUR);
        }
        assert_eq!(calls_of(x, "POST", "/2/tweets"), 0);
        let waiting = reply_now(t, &reply);
        assert_eq!(waiting.state, ReplyState::Approved);
        assert!(waiting.error.is_some_and(|e| e.contains("budget")));
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        let page = staff.get(&format!("/desk/case/{}", reply.case)).body;
        assert!(page.contains("budget"), "{page}");
        t.advance(DAY);
        t.run_jobs();
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }

    fn rule_7_every_call_is_on_the_bill(t, x) {
        let (_, reply) = drafted(t, x);
        approve(t, &reply);
        t.run_jobs();
        t.advance(19 * HOUR);
        enqueue(&t.app, &Recheck::default());
        t.run_jobs();
        let spent: BTreeMap<String, (i64, i64)> = t.app.db.read(|c| {
            let rows: Vec<(String, i64, i64)> = network_spend::table
                .select((network_spend::class, network_spend::calls, network_spend::units))
                .load(c)?;
            let mut all: BTreeMap<String, (i64, i64)> = BTreeMap::new();
            for (class, calls, units) in rows {
                let sum = all.entry(class).or_default();
                *sum = (sum.0 + calls, sum.1 + units);
            }
            Ok(all)
        }).expect("read");
        for (class, method, path) in [
            ("read_mentions", "GET", "/2/users/4000000001/mentions"),
            ("write_reply", "POST", "/2/tweets"),
            ("read_lookup", "GET", "/2/tweets"),
        ] {
            let made = x.sandbox().log().iter().filter(|e| e.method == method && e.path == path).count();
            let booked = spent.get(class).copied().unwrap_or_default();
            assert!(made > 0, "{class}");
            assert_eq!(booked.0, i64::try_from(made).expect("few"), "{class}: {spent:?}");
            assert!(booked.1 > 0, "{class}: {spent:?}");
        }
    }

    fn rule_7_a_month_that_is_spent_stops_reading_before_replies(t, x) {
        let (post, reply) = drafted(t, x);
        spend(t, "write_reply", 290);
        let connector = t.app.connector(Network::X).expect("X").clone();
        let trouble = poll(&t.app, connector.as_ref(), Reading::Mentions).expect("no error");
        assert!(matches!(trouble, Some(NetworkError::Budget { .. })), "{trouble:?}");
        // What replies may cost today is spent by now; tomorrow the month still allows some.
        t.advance(DAY);
        approve(t, &reply);
        t.run_jobs();
        assert_eq!(x.sandbox().replies_to(post).len(), 1);
    }
}

// Rule 8: every act is in the audit log

/// One press of a button and what the log must say of it.
struct Press {
    to: String,
    fields: Vec<(&'static str, String)>,
    /// The page whose form it is.
    page: String,
    /// Subject of the line; the act's own word is the code's choice.
    subject: (&'static str, i64),
    reason: Option<&'static str>,
}

fn press(
    page: &str,
    to: &str,
    fields: &[(&'static str, &str)],
    subject: (&'static str, i64),
) -> Press {
    Press {
        to: format!("{page}/{to}"),
        fields: fields.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(),
        page: page.to_owned(),
        subject,
        reason: fields.iter().any(|(_, v)| v.contains(WHY)).then_some(WHY),
    }
}

const WHY: &str = "because the customer said so";

/// Presses each and expects at least one line of the log by this person about its subject.
fn each_leaves_a_line(t: &Test, browser: &mut Browser, name: &str, presses: Vec<Press>) {
    let mut silent = Vec::new();
    for press in presses {
        let before: BTreeSet<i64> = audited(t).iter().map(|l| l.id).collect();
        let fields: Vec<(&str, &str)> =
            press.fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let done = browser.submit(&press.page, &press.to, &fields);
        assert_eq!(done.status, 303, "{}: {}", press.to, done.body);
        let new: Vec<Line> = audited(t)
            .into_iter()
            .filter(|l| !before.contains(&l.id))
            .collect();
        let line = new.iter().find(|l| {
            l.actor_kind == "user"
                && l.actor_name == name
                && (l.subject_kind.as_str(), l.subject_id) == press.subject
        });
        if line.is_none_or(|line| line.act.is_empty()) {
            silent.push(format!("{} left {new:?}", press.to));
        }
        if let Some(why) = press.reason {
            assert!(
                new.iter().any(|l| l.reason.contains(why)),
                "{}: {new:?}",
                press.to
            );
        }
    }
    assert!(silent.is_empty(), "by {name}: {silent:#?}");
}

with_x! {
    fn rule_8_what_staff_do_at_the_desk_is_in_the_log(t, x) {
        let hub = product(t);
        let answer = thread_about(t, hub, "Hub blinks red", "My hub blinks red all night.");
        let first = says(x, "ada", COMPLAINT);
        let second = says(x, "bob", COMPLAINT);
        let third = says(x, "cleo", COMPLAINT);
        read(t);
        let [case, other, last] = [first, second, third].map(|post| case_of(t, post).id);
        let spoken = mention_of(t, first).id;
        let triage = format!("{spoken}/triage");
        let reply = replies_of(t, other).remove(0);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = format!("/desk/case/{case}");
        let about = ("case", case.0);
        let hub = hub.to_string();
        let other_page = format!("/desk/case/{other}");
        let discard = format!("reply/{}", reply.id);
        let presses = vec![
            press(&page, "assign", &[("to", "me")], about),
            press(&page, "note", &[("note", "Called them."), ("key", "n1")], about),
            press(&page, "severity", &[("severity", "money"), ("reason", WHY)], about),
            press(&page, "product", &[("product", "")], about),
            press(&page, "product", &[("product", &hub)], about),
            Press {
                page: page.clone(),
                ..press("/desk/mentions", &triage, &[("label", "question"), ("severity", "blocked"), ("reason", WHY)], ("mention", spoken.0))
            },
            press(&page, "link", &[("thread", &answer.to_string())], about),
            press(&page, "ticket", &[], about),
            press(&page, "thread", &[], about),
            press(&page, "answer", &[("key", "k1")], about),
            press(&page, "state", &[("to", "resolve")], about),
            press(&page, "state", &[("to", "reopen")], about),
            press(&page, "state", &[("to", "close"), ("why", WHY)], about),
            press(&other_page, &discard, &[("to", "discard")], ("case", other.0)),
            press(&other_page, "merge", &[("into", &last.to_string())], ("case", other.0)),
        ];
        each_leaves_a_line(t, &mut browser, "Stefan", presses);
        let links: Vec<(i64, Option<i64>, String)> = t.app.db.read(|c| Ok(links::table
            .filter(links::case_id.eq(case.0))
            .select((links::id, links::thread_id, links::state)).load(c)?)).expect("links");
        let confirmed = links.iter().find(|(_, thread, state)| *thread == Some(answer.0) && state == "confirmed").expect("a link").0;
        let draft = links.iter().find(|(_, thread, _)| thread.is_some_and(|id| id != answer.0)).expect("a draft");
        let (undo, publish) = (format!("link/{confirmed}"), format!("publish/{}", draft.1.expect("a thread")));
        let presses = vec![
            press(&page, &undo, &[("to", "undo"), ("why", WHY)], about),
            press(&page, &publish, &[], about),
        ];
        each_leaves_a_line(t, &mut browser, "Stefan", presses);
        t.run_jobs();
    }

    fn rule_8_what_rules_do_is_in_the_log_with_a_reason(t, x) {
        let hub = product(t);
        thread_about(t, hub, "Hub blinks red after update 4.2",
            "Since update 4.2 my hub blinks red all night and the app shows it offline.");
        set(t, |c| diesel::update(products::table)
            .set((products::link_threshold.eq(0.3), products::auto_acknowledge.eq(true))).execute(c));
        let post = says(x, "ada", "@FernwellHelp since update 4.2 my hub blinks red all night, app shows it offline. Awful");
        read(t);
        let case = case_of(t, post);
        assert!(case.first_response_at.is_some());
        let lines: Vec<Line> = audited(t).into_iter()
            .filter(|l| l.actor_kind == "rule" && (l.subject_kind.as_str(), l.subject_id) == ("case", case.id.0))
            .collect();
        for act in ["case_opened", "link_confirmed", "reply_approved"] {
            let line = lines.iter().find(|l| l.act == act).unwrap_or_else(|| panic!("{act} in {lines:?}"));
            assert!(!line.reason.is_empty() && !line.actor_name.is_empty(), "{line:?}");
        }
    }
}

on_both! {
    fn rule_8_what_moderators_and_admins_do_is_in_the_log(t) {
        let hub = product(t);
        let author = t.user("Thea", Role::Member);
        let mut thea = t.browser_for(author);
        let key = thea.get("/new").field("request_key").expect("a key");
        let asked = thea.post("/new", &[
            ("product", "hub/"), ("kind", "question"), ("title", "Hub blinks red at night"),
            ("body", "All night long."), ("tags", ""), ("seen_similar", "1"), ("request_key", &key),
        ]);
        assert_eq!(asked.status, 303, "{}", asked.body);
        let address = asked.location().split('#').next().unwrap_or_default().to_owned();
        let id: i64 = address.split('/').nth(2).and_then(|id| id.parse().ok()).expect("a thread");
        let key = thea.get(&address).field("request_key").expect("a key");
        thea.post(&format!("/t/{id}/reply"), &[("body", "Still does."), ("request_key", &key)]);
        let reply: i64 = t.app.db.read(|c| {
            use offramp::db::schema::posts;
            Ok(posts::table.filter(posts::number.eq(2)).select(posts::id).first(c)?)
        }).expect("a reply");
        let about = ("thread", id);
        let on = |act: &str, fields: &[(&'static str, &str)]| Press {
            to: format!("/t/{id}/{act}"), ..press(&address, act, fields, about)
        };
        let on_post = |act: &str, fields: &[(&'static str, &str)]| Press {
            to: format!("/post/{reply}/{act}"), ..press(&address, act, fields, about)
        };
        let (mut moderator, _) = t.browser_of("Moritz", Role::Moderator);
        each_leaves_a_line(t, &mut moderator, "Moritz", vec![
            on("pin", &[]),
            on("pin", &[("undo", "1")]),
            on("kind", &[("kind", "discussion")]),
            on("close", &[("reason", WHY)]),
            on("reopen", &[]),
            on_post("delete", &[("reason", WHY)]),
            on_post("restore", &[]),
        ]);
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let at = |page: &str, to: &str, fields: &[(&'static str, &str)], subject| Press {
            to: to.into(), ..press(page, "", fields, subject)
        };
        let hub_page = format!("/admin/products/{hub}");
        let user_page = format!("/admin/users/{author}");
        each_leaves_a_line(t, &mut admin, "Ada", vec![
            at(&user_page, &format!("{user_page}/role"), &[("role", "moderator")], ("user", author.0)),
            at(&hub_page, &hub_page, &[
                ("name", "Fernwell Hub 2"), ("description", "The hub"), ("terms", "hub"),
                ("link_threshold", "0.9"), ("propose_threshold", "0.3"),
            ], ("product", hub.0)),
            at(&hub_page, &format!("{hub_page}/topics"), &[("name", "Setting up")], ("product", hub.0)),
        ]);
        t.run_jobs();
    }

    fn rule_8_a_change_that_fails_leaves_no_line_and_no_line_no_change(t) {
        // The act and its line are one transaction.
        let (mut moderator, _) = t.browser_of("Moritz", Role::Moderator);
        let hub = product(t);
        let id = thread_about(t, hub, "Hub blinks red at night", "All night long.");
        let page = format!("/t/{id}/a-thread");
        poison(t, "audit_log");
        let refused = moderator.submit(&page, &format!("/t/{id}/close"), &[("reason", WHY)]);
        assert!(refused.status >= 500, "{}", refused.status);
        cure(t, "audit_log");
        let state: String = t.app.db.read(|c| {
            use offramp::db::schema::threads;
            Ok(threads::table.find(id.0).select(threads::state).first(c)?)
        }).expect("a thread");
        assert_eq!(state, "open");
        assert!(of_act(t, "thread_closed").is_empty());
        t.run_jobs();
    }
}

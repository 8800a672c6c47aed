//! The desk through a real server: the one queue, who may see and do what, and that each action
//! is done once.

use std::io::{BufRead, BufReader};

use diesel::RunQueryDsl;
use offramp::cases::links::{self, LinkState, NewLink, Target};
use offramp::cases::states::Happening;
use offramp::cases::{self, Channel, NewCase, Severity, State};
use offramp::clock::{HOUR, MINUTE};
use offramp::db::audit::Actor;
use offramp::db::changes;
use offramp::escalations::close_loop::ThreadResolved;
use offramp::escalations::{self, ReplyState, capture};
use offramp::forum::store::{NewProduct, NewThread};
use offramp::forum::{ThreadKind, Visibility};
use offramp::ids::{CaseId, ProductId, ThreadId, UserId};
use offramp::mail::outbox;
use offramp::networks::{Author, Network, PostKind, PublicPost};
use offramp::people::Role;
use offramp::tickets::{self, OpenedBy};

use crate::harness::{Browser, Reply, Test};
use crate::on_both;

fn product(t: &Test, slug: &str, name: &str) -> ProductId {
    let new = NewProduct {
        slug,
        name,
        description: "",
        position: 1,
        brand_terms: &[],
    };
    let now = t.app.now();
    t.app
        .db
        .write(|tx| offramp::forum::store::insert_product(tx, &new, now))
        .expect("a product")
}

/// Makes `user` staff of this product alone.
fn bind(t: &Test, user: UserId, product: ProductId) {
    let row =
        format!("INSERT INTO staff_products (user_id, product_id) VALUES ({user}, {product})");
    t.app
        .db
        .write(|tx| Ok(diesel::sql_query(&row).execute(tx)?))
        .expect("a row");
}

/// A case of somebody who wrote `ago` (µs) before now.
fn case_of(
    t: &Test,
    summary: &str,
    channel: Channel,
    severity: Severity,
    product: Option<ProductId>,
    ago: i64,
) -> CaseId {
    let now = t.app.now();
    let new = NewCase {
        channel,
        severity,
        summary,
        product,
        topic: None,
        user: None,
        handle: None,
        email: None,
        customer_name: "Mara",
        written_at: now.plus(-ago),
        mention: None,
        reasons: vec!["a test".into()],
    };
    t.app
        .db
        .write(|tx| cases::open(tx, now, &Actor::rule("test"), new))
        .expect("a case")
}

fn stored(t: &Test, id: CaseId) -> cases::Case {
    t.app
        .db
        .read(|c| cases::store::case(c, id))
        .expect("the database")
        .expect("the case")
}

fn happen(t: &Test, id: CaseId, what: Happening) {
    let now = t.app.now();
    t.app
        .db
        .write(|tx| cases::states::happen(tx, now, &Actor::Operator, id, what, "a test"))
        .expect("it happened");
}

fn notes(t: &Test, id: CaseId) -> Vec<String> {
    let notes = t
        .app
        .db
        .read(|c| cases::store::notes(c, id))
        .expect("notes");
    notes.into_iter().map(|n| n.body).collect()
}

/// Where each of these words stands in the page, in the order in which they stand there.
fn in_order(reply: &Reply, words: &[&str]) -> Vec<String> {
    let mut found: Vec<(usize, String)> = words
        .iter()
        .filter_map(|word| Some((reply.body.find(word)?, (*word).to_owned())))
        .collect();
    found.sort();
    found.into_iter().map(|(_, word)| word).collect()
}

/// A mention of `text` by somebody called ada, read and judged; the case it opened.
fn posted(t: &Test, text: &str) -> CaseId {
    says(t, "500", text);
    CaseId(1)
}

/// Ada's post of this id, in one conversation with her others; read and judged.
fn says(t: &Test, id: &str, text: &str) {
    let now = t.app.now();
    let post = PublicPost {
        network: Network::X,
        id: id.into(),
        first_id: id.into(),
        author: Some(Author {
            id: "9".into(),
            username: "ada".into(),
            display_name: "Ada B".into(),
            ..Author::known_by_id(String::new())
        }),
        text: text.into(),
        conversation_id: "500".into(),
        in_reply_to_post_id: None,
        in_reply_to_user_id: None,
        quoted_post_id: None,
        kind: PostKind::Post,
        language: Some("en".into()),
        url: Some(format!("https://x.com/ada/status/{id}")),
        posted_at: now,
        ours: false,
        summoned: true,
        raw: "{}".into(),
    };
    capture::capture(&t.app, Network::X, &[post], "test", b"raw", &[]).expect("captured");
    t.run_jobs();
}

/// A complaint, and the thread that answers it.
fn complaint(t: &Test) -> (CaseId, ThreadId) {
    let hub = product(t, "hub", "Fernwell Hub");
    let author = t.user("Thea", Role::Member);
    let now = t.app.now();
    let new = NewThread {
        product: hub,
        topic: None,
        author,
        kind: ThreadKind::Question,
        visibility: Visibility::Public,
        title: "The lamp on the shelf",
        slug: "lamp",
        language: Some("en"),
        official: false,
        from: None,
        request_key: None,
        tags: &[],
        body: "It glows.",
        body_html: "<p>It glows.</p>",
    };
    let thread = t
        .app
        .db
        .write(|tx| offramp::forum::store::insert_thread(tx, &new, now))
        .expect("a thread");
    let case = posted(t, "@FernwellHelp my hub keeps crashing and I am fed up");
    t.app
        .db
        .write(|tx| {
            cases::states::set_product(
                tx,
                now,
                &Actor::rule("test"),
                case,
                Some((hub, "Hub")),
                None,
            )
        })
        .expect("set");
    (case, thread)
}

fn reply_of(t: &Test, case: CaseId) -> escalations::store::Reply {
    let mut replies = t
        .app
        .db
        .read(|c| escalations::store::replies_of(c, case))
        .expect("replies");
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

/// A case with a ticket, of somebody who can be written to.
fn ticket_case(t: &Test) -> CaseId {
    let case = case_of(
        t,
        "Charged twice",
        Channel::Form,
        Severity::Money,
        None,
        HOUR,
    );
    t.app
        .db
        .write(|tx| {
            let email = Some("tom@post.example");
            tickets::open_for_case(tx, &t.app, case, "Charged twice", email, OpenedBy::Form)
        })
        .expect("a ticket");
    case
}

/// The text of each mail that went out.
fn mails(t: &Test) -> Vec<String> {
    let outbox = t.app.db.read(|c| outbox::page(c, None, 50));
    let mails = outbox.expect("the outbox").into_iter();
    mails.map(|mail| mail.text).collect()
}

/// A text as pages show it.
fn shown(text: &str) -> String {
    let escaped = text.replace('&', "&#38;").replace('"', "&#34;");
    escaped.replace('\'', "&#39;")
}

fn act(browser: &mut Browser, case: CaseId, action: &str, fields: &[(&str, &str)]) -> Reply {
    let page = format!("/desk/case/{case}");
    browser.submit(&page, &format!("{page}/{action}"), fields)
}

on_both! {
    fn rule_3_the_queue_is_by_severity_then_by_wait_whatever_the_channel(t) {
        case_of(t, "Young and loud", Channel::X, Severity::Annoyance, None, MINUTE);
        case_of(t, "Old mail", Channel::Email, Severity::Annoyance, None, 5 * HOUR);
        case_of(t, "Money by form", Channel::Form, Severity::Money, None, 2 * MINUTE);
        case_of(t, "Money by tweet", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = browser.get("/desk");
        assert_eq!(page.status, 200);
        let expected = ["Money by tweet", "Money by form", "Old mail", "Young and loud"];
        assert_eq!(in_order(&page, &["Old mail", "Young and loud", "Money by form", "Money by tweet"]), expected);
    }

    fn filters_show_their_part_and_figures_open_their_cases(t) {
        let kiln = product(t, "kiln", "Kiln");
        case_of(t, "Of Kiln", Channel::X, Severity::Money, Some(kiln), HOUR);
        let mine = case_of(t, "By mail", Channel::Email, Severity::Blocked, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let all = ["Of Kiln", "By mail"];
        for (query, expected) in [
            ("", vec!["Of Kiln", "By mail"]),
            ("?channel=x", vec!["Of Kiln"]),
            ("?severity=blocked", vec!["By mail"]),
            ("?product=kiln", vec!["Of Kiln"]),
            ("?who=mine", vec![]),
            ("?state=resolved", vec![]),
        ] {
            let page = browser.get(&format!("/desk{query}"));
            assert_eq!(page.status, 200, "{query}");
            let mut found = in_order(&page, &all);
            found.sort();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(found, expected, "{query}");
        }
        assert_eq!(act(&mut browser, mine, "assign", &[("to", "me")]).status, 303);
        let page = browser.get("/desk?who=mine");
        assert_eq!(in_order(&page, &all), ["By mail"]);
        assert!(browser.get("/desk").body.contains("/desk?channel=email"));
        // Each view is counted with the filters that its link keeps.
        for (query, expected) in [("", "1</span>"), ("?severity=money", "0</span>")] {
            let page = browser.get(&format!("/desk{query}"));
            let mine = page.body.split("Mine <span class=\"count\">").nth(1).expect("the view");
            assert!(mine.starts_with(expected), "{query}");
        }
    }

    fn the_queue_pages_by_key(t) {
        for n in 0..60 {
            case_of(t, &format!("Case no {n:02}."), Channel::X, Severity::Many, None, HOUR - n * MINUTE / 2);
        }
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let first = browser.get("/desk?channel=x");
        assert!(first.body.contains("Case no 49.") && !first.body.contains("Case no 50."));
        let next = first.body.split("rel=\"next\" href=\"").nth(1).and_then(|s| s.split('"').next());
        let next = next.expect("a next page").replace("&#38;", "&").replace("&amp;", "&");
        let second = browser.get(&next);
        assert!(second.body.contains("Case no 50.") && second.body.contains("Case no 59."));
        assert!(!second.body.contains("Case no 49."));
    }

    fn staff_of_another_product_neither_see_nor_act(t) {
        let kiln = product(t, "kiln", "Kiln");
        let tern = product(t, "tern", "Tern");
        let theirs = case_of(t, "About Kiln", Channel::X, Severity::Money, Some(kiln), HOUR);
        let anybodys = case_of(t, "About nothing", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, user) = t.browser_of("Tessa", Role::Staff);
        bind(t, user, tern);
        let page = browser.get("/desk");
        assert!(page.body.contains("About nothing") && !page.body.contains("About Kiln"));
        assert!(!browser.get("/desk/search?q=mara").body.contains("About Kiln"));
        assert_eq!(browser.get(&format!("/desk/case/{theirs}")).status, 403);
        browser.get(&format!("/desk/case/{anybodys}"));
        for (action, fields) in [
            ("note", [("note", "hello")].as_slice()),
            ("assign", &[("to", "me")]),
            ("state", &[("to", "resolve")]),
            ("severity", &[("severity", "safety")]),
            ("product", &[("product", "")]),
            ("link", &[("thread", "1")]),
        ] {
            let refused = browser.post(&format!("/desk/case/{theirs}/{action}"), fields);
            assert_eq!(refused.status, 403, "{action}");
        }
        // Nor may a case of theirs be pulled in by a merge.
        let merged = act(&mut browser, anybodys, "merge", &[("into", &theirs.to_string())]);
        assert_eq!(merged.status, 303);
        assert_eq!(stored(t, anybodys).merged_into, None);
        let untouched = stored(t, theirs);
        assert_eq!((untouched.state, untouched.severity, untouched.assignee), (State::New, Severity::Money, None));
        assert!(notes(t, theirs).is_empty());
    }

    fn members_are_refused_and_visitors_sent_to_log_in(t) {
        let case = case_of(t, "Secret", Channel::X, Severity::Money, None, HOUR);
        let (mut member, _) = t.browser_of("Mia", Role::Member);
        for path in ["/desk".to_owned(), format!("/desk/case/{case}"), "/desk/events".into(), "/desk/search?q=a".into()] {
            assert_eq!(member.get(&path).status, 403, "{path}");
            let visitor = t.browser().get(&path);
            assert_eq!(visitor.status, 303, "{path}");
            assert!(visitor.location().starts_with("/login?next=%2Fdesk"), "{}", visitor.location());
        }
        member.get("/");
        assert_eq!(member.post(&format!("/desk/case/{case}/state"), &[("to", "close")]).status, 403);
        assert_eq!(stored(t, case).state, State::New);
    }

    fn a_note_sent_twice_is_one_note(t) {
        let case = case_of(t, "Twice", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = browser.get(&format!("/desk/case/{case}"));
        let key = page.field("key").expect("the form's key");
        let fields = [("note", "Rang them.\n\nNo answer."), ("key", key.as_str())];
        for _ in 0..2 {
            assert_eq!(browser.post(&format!("/desk/case/{case}/note"), &fields).status, 303);
        }
        assert_eq!(notes(t, case), ["Rang them.\n\nNo answer."]);
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(page.body.contains("Rang them."));
        let empty = browser.post(&format!("/desk/case/{case}/note"), &[("note", "  ")]);
        assert_eq!(empty.status, 422);
    }

    fn states_and_severity_change_once_and_are_in_the_audit_log(t) {
        let case = case_of(t, "Changes", Channel::X, Severity::Annoyance, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        for _ in 0..2 {
            act(&mut browser, case, "severity", &[("severity", "money"), ("reason", "charged twice")]);
            act(&mut browser, case, "state", &[("to", "resolve")]);
        }
        let now = stored(t, case);
        assert_eq!((now.severity, now.state), (Severity::Money, State::Resolved));
        let lines = t.app.db.read(|c| offramp::db::audit::of_subject(c, "case", case.0, 50)).expect("lines");
        let of = |act: &str| lines.iter().filter(|l| l.act == act && l.actor_name == "Stefan").count();
        assert_eq!((of("case_severity_changed"), of("case_state_changed")), (1, 1));
        act(&mut browser, case, "state", &[("to", "reopen")]);
        assert_eq!(stored(t, case).state, State::WaitingStaff);
        for (action, fields) in [("severity", [("severity", "rude")]), ("state", [("to", "explode")])] {
            assert_eq!(act(&mut browser, case, action, &fields).status, 400);
        }
    }

    fn a_merged_case_leads_to_where_it_went_on(t) {
        let from = case_of(t, "The same by tweet", Channel::X, Severity::Money, None, HOUR);
        let into = case_of(t, "The same by mail", Channel::Email, Severity::Money, None, MINUTE);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut browser, from, "note", &[("note", "seen before"), ("key", "k1")]);
        let merged = act(&mut browser, from, "merge", &[("into", &into.to_string())]);
        assert_eq!(merged.location(), format!("/desk/case/{into}"));
        let old = browser.get(&format!("/desk/case/{from}"));
        assert_eq!((old.status, old.location()), (303, format!("/desk/case/{into}").as_str()));
        // What hung on the old one is shown with the one it went on in.
        assert!(browser.get(&format!("/desk/case/{into}")).body.contains("seen before"));
        // A form of the old page does nothing any more.
        let late = browser.post(&format!("/desk/case/{from}/state"), &[("to", "reopen")]);
        assert_eq!(late.location(), format!("/desk/case/{into}"));
        assert_eq!(stored(t, from).state, State::Closed);
    }

    fn a_link_is_decided_on_its_own_case_only(t) {
        let case = case_of(t, "One", Channel::X, Severity::Money, None, HOUR);
        let other = case_of(t, "Two", Channel::X, Severity::Money, None, HOUR);
        let now = t.app.now();
        let new = NewLink {
            target: Target::Case(other),
            score: 0.7,
            reasons: vec!["the same words".into()],
            rule: "join".into(),
        };
        t.app.db.write(|tx| links::propose(tx, now, &Actor::rule("join"), case, &new)).expect("a link");
        let link = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links").remove(0);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(page.body.contains("the same words") && page.body.contains("0.70"), "{}", page.body);
        assert!(browser.get("/desk").body.contains("1 proposal"));
        act(&mut browser, other, &format!("link/{}", link.id), &[("to", "reject")]);
        let state = |t: &Test| t.app.db.read(|c| cases::store::link(c, link.id)).expect("db").expect("link").state;
        assert_eq!(state(t), LinkState::Proposed);
        for _ in 0..2 {
            act(&mut browser, case, &format!("link/{}", link.id), &[("to", "reject")]);
        }
        assert_eq!(state(t), LinkState::Rejected);
        let events = t.app.db.read(|c| cases::store::events(c, case)).expect("events");
        assert_eq!(events.iter().filter(|e| e.summary.starts_with("Not this")).count(), 1);
    }

    fn hostile_input_is_a_page_with_words(t) {
        let case = case_of(t, "<script>alert(1)</script>", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        for path in [
            "/desk?severity=%00&channel=%ff",
            "/desk?after=money.99999999999999999999.1",
            "/desk?product=%27%20OR%201=1",
            "/desk?who=everybody",
        ] {
            let page = browser.get(path);
            assert_eq!(page.status, 400, "{path}");
            assert!(page.body.contains("<h1>"), "{path}");
        }
        for path in [
            "/desk/search?q=%25_%5C%27%22%00%F0%9F%92%A9".to_owned(),
            format!("/desk/search?q={}", "x".repeat(3_000)),
            format!("/desk/case/{case}?find=%22%28%5B%2B-*%3A%00is%3Aall"),
            format!("/desk/case/{case}?find=999999"),
        ] {
            assert_eq!(browser.get(&path).status, 200, "{path}");
        }
        for path in ["/desk/case/0", "/desk/case/-1", "/desk/case/99999999999999999999", "/desk/case/x"] {
            assert_eq!(browser.get(path).status, 404, "{path}");
        }
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(!page.body.contains("<script>alert"));
        for (action, fields) in [
            ("merge", [("into", "nothing")].as_slice()),
            ("assign", &[("to", "-")]),
            ("link", &[("thread", "<>")]),
            ("product", &[("product", "9e9")]),
        ] {
            assert_eq!(act(&mut browser, case, action, fields).status, 400, "{action}");
        }
        let unknown = act(&mut browser, case, "assign", &[("to", "12345")]);
        assert_eq!(unknown.status, 303);
        assert_eq!(stored(t, case).assignee, None);
    }

    fn a_case_is_found_by_number_name_and_email(t) {
        let case = case_of(t, "Findable", Channel::X, Severity::Money, None, HOUR);
        t.app.db.write(|tx| cases::store::set_customer(tx, case, None, Some("Mara.K@post.example"))).expect("set");
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        for words in [case.to_string().as_str(), "mara", "MARA.K%40Post", "post.example"] {
            let page = browser.get(&format!("/desk/search?q={words}"));
            assert_eq!(page.status, 200);
            assert!(page.body.contains("Findable"), "{words}");
        }
        assert!(!browser.get("/desk/search?q=%25ara_k").body.contains("Findable"));
        let now = t.app.now();
        let new = NewCase {
            channel: Channel::Email,
            severity: Severity::Money,
            summary: "Umlauts",
            product: None,
            topic: None,
            user: None,
            handle: None,
            email: None,
            customer_name: "ÖZLEM Şahin",
            written_at: now,
            mention: None,
            reasons: vec![],
        };
        let other = t.app.db.write(|tx| cases::open(tx, now, &Actor::rule("test"), new)).expect("a case");
        for words in ["%C3%96zlem", "%C3%B6zlem", "%C5%9EAHIN", &format!("C{other}"), &format!("%23{other}")] {
            assert!(browser.get(&format!("/desk/search?q={words}")).body.contains("Umlauts"), "{words}");
        }
        act(&mut browser, other, "merge", &[("into", &format!("C{case}"))]);
        assert_eq!(stored(t, other).merged_into, Some(case));
    }

    fn a_tweet_goes_from_proposal_to_an_approved_reply(t) {
        let (case, thread) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = browser.get(&format!("/desk/case/{case}"));
        for words in ["my hub keeps crashing", "@ada", "View on X", "Not proved", "Judged: Complaint"] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        act(&mut browser, case, "link", &[("thread", &format!("https://x.example/t/{thread}/a"))]);
        let links = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links");
        let link = links.iter().find(|l| l.target == Target::Thread(thread)).expect("the link");
        assert_eq!(link.state, LinkState::Confirmed);
        assert!(browser.get("/desk").body.contains("Reply drafted"));
        assert!(browser.get("/desk/replies").body.contains("my hub keeps crashing"));
        let reply = reply_of(t, case);
        let path = format!("reply/{}", reply.id);
        let version = reply.version.to_string();
        // X is not connected here: the network's rule is that of a post nobody may answer by API.
        let words = "Sorry about that. The steps that help are in our forum.";
        for _ in 0..2 {
            let fields = [("to", "approve"), ("body", words), ("version", &version)];
            assert_eq!(act(&mut browser, case, &path, &fields).status, 303);
        }
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(page.body.contains("Paste the address of your post") && page.body.contains(words));
        let wrong = act(&mut browser, case, &path, &[("to", "posted"), ("address", "nonsense")]);
        assert!(wrong.status == 409 && wrong.body.contains("no address of your reply"));
        assert!(wrong.body.contains("value=\"nonsense\""), "what was pasted is kept");
        let address = "https://x.com/FernwellHelp/status/777";
        act(&mut browser, case, &path, &[("to", "posted"), ("address", address)]);
        let sent = reply_of(t, case);
        assert_eq!((sent.state, sent.body.as_str()), (ReplyState::Sent, words));
        assert!(browser.get(&format!("/desk/case/{case}")).body.contains("status/777"));
        t.run_jobs();
    }

    fn word_that_it_is_solved_stays_in_sight_after_the_case_left_the_queue(t) {
        let (case, thread) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut browser, case, "link", &[("thread", &thread.to_string())]);
        t.app.db.write(|tx| {
            let solved = format!("UPDATE threads SET state = 'solved' WHERE id = {thread}");
            diesel::sql_query(solved).execute(tx)?;
            offramp::jobs::enqueue(tx, t.app.now(), &ThreadResolved { thread })
        }).expect("solved");
        t.run_jobs();
        assert_eq!(stored(t, case).state, State::Resolved);
        assert!(!browser.get("/desk").body.contains("my hub keeps crashing"));
        let page = browser.get("/desk/replies");
        for words in ["my hub keeps crashing", "Word that it is solved", "Replies to send <span class=\"count\">1<"] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        assert!(browser.get(&format!("/desk/case/{case}")).body.contains("Word that it is solved waits to be sent"));
        // The first answer was not sent: that it is being worked on is no longer so.
        let replies = t.app.db.read(|c| escalations::store::replies_of(c, case)).expect("replies");
        let states: Vec<ReplyState> = replies.iter().map(|r| r.state).collect();
        assert_eq!(states, [ReplyState::Discarded, ReplyState::Draft]);
        act(&mut browser, case, &format!("reply/{}", replies[1].id), &[("to", "discard")]);
        assert!(browser.get("/desk/replies").body.contains("No reply waits"));
    }

    fn replies_to_send_are_those_of_ones_own_products(t) {
        let (case, _) = complaint(t);
        let kiln = product(t, "kiln", "Kiln");
        let (mut browser, ines) = t.browser_of("Ines", Role::Staff);
        assert!(browser.get("/desk/replies").body.contains("my hub keeps crashing"));
        bind(t, ines, kiln);
        assert!(browser.get("/desk/replies").body.contains("No reply waits"));
        // What a merged case still has to say stands with the case in which it goes on.
        let into = case_of(t, "Same again", Channel::Email, Severity::Annoyance, None, HOUR);
        let (mut stefan, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut stefan, case, "merge", &[("into", &into.to_string())]);
        let page = stefan.get("/desk/replies");
        assert!(page.body.contains("Same again") && page.body.contains("Reply drafted"));
        assert!(!page.body.contains("my hub keeps crashing"));
    }

    fn a_ticket_that_staff_resolve_is_told_once_with_the_question_whether_it_works(t) {
        let case = ticket_case(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        for _ in 0..2 {
            act(&mut browser, case, "state", &[("to", "resolve")]);
        }
        t.run_jobs();
        let sent = mails(t);
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(sent[0].contains("marked your case as resolved") && sent[0].contains("#verdict"));
        // Taken up again and resolved again: that is news once more.
        act(&mut browser, case, "state", &[("to", "reopen")]);
        act(&mut browser, case, "state", &[("to", "resolve")]);
        t.run_jobs();
        assert_eq!(mails(t).len(), 2);
    }

    fn a_reply_that_somebody_changed_meanwhile_is_not_sent_and_keeps_what_was_typed(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let reply = reply_of(t, case);
        let stale = (reply.version - 1).to_string();
        let fields = [("to", "approve"), ("body", "My own careful words"), ("version", &stale)];
        let refused = act(&mut browser, case, &format!("reply/{}", reply.id), &fields);
        assert_eq!(refused.status, 409);
        assert!(refused.body.contains("My own careful words") && refused.body.contains("changed this reply meanwhile"));
        assert!(refused.body.contains(">20 / 280<"), "the length of what was typed");
        assert!(refused.body.contains("The draft says now") && refused.body.contains(&shown(&reply.body)), "{}", refused.body);
        assert_eq!(reply_of(t, case).state, ReplyState::Draft);
        let version = reply.version.to_string();
        let secret = [("to", "approve"), ("body", "Write to ada@post.example please"), ("version", &version)];
        let refused = act(&mut browser, case, &format!("reply/{}", reply.id), &secret);
        assert!(refused.status == 409 && refused.body.contains("everybody will read this"));
        // Approved by a colleague in other words, then discarded: what was typed is shown all the same.
        let path = format!("reply/{}", reply.id);
        let (mut ines, _) = t.browser_of("Ines", Role::Staff);
        let hers = [("to", "approve"), ("body", "Words of Ines"), ("version", &version)];
        assert_eq!(act(&mut ines, case, &path, &hers).status, 303);
        let mine = [("to", "approve"), ("body", "My own careful words"), ("version", &version)];
        let refused = act(&mut browser, case, &path, &mine);
        assert_eq!(refused.status, 409);
        for words in ["Ines approved this reply in other words", "Words of Ines", "My own careful words"] {
            assert!(refused.body.contains(words), "{words} in {}", refused.body);
        }
        act(&mut ines, case, &path, &[("to", "discard")]);
        let refused = act(&mut browser, case, &path, &mine);
        assert!(refused.status == 409 && refused.body.contains("My own careful words"));
    }

    fn a_public_reply_is_not_approved_over_words_nobody_has_seen(t) {
        let (case, _) = complaint(t);
        let (mut stefan, _) = t.browser_of("Stefan", Role::Staff);
        let (mut ines, _) = t.browser_of("Ines", Role::Staff);
        let path = format!("/desk/case/{case}");
        let (first, seen) = (reply_of(t, case), stefan.get(&path).field("seen").expect("seen"));
        says(t, "501", "@FernwellHelp and now it smells of smoke, do something");
        let version = first.version.to_string();
        let approve = [("to", "approve"), ("body", "We look into it"), ("version", &version), ("seen", &seen)];
        let refused = stefan.post(&format!("{path}/reply/{}", first.id), &approve);
        assert_eq!(refused.status, 409);
        for words in ["The customer wrote", "smells of smoke", "We look into it"] {
            assert!(refused.body.contains(words), "{words} in {}", refused.body);
        }
        assert_eq!(reply_of(t, case).state, ReplyState::Draft);
        assert_eq!(act(&mut stefan, case, &format!("reply/{}", first.id), &approve[..3]).status, 303);
        // Two colleagues who each write a further reply: the second reads the first's before hers goes.
        act(&mut stefan, case, "answer", &[("key", "s")]);
        act(&mut ines, case, "answer", &[("key", "i")]);
        let seen = ines.get(&path).field("seen").expect("seen");
        let replies = t.app.db.read(|c| escalations::store::replies_of(c, case)).expect("replies");
        let (his, hers) = (replies[1].clone(), replies[2].clone());
        let version = his.version.to_string();
        let fields = [("to", "approve"), ("body", "Pull the plug, please"), ("version", &version)];
        assert_eq!(act(&mut stefan, case, &format!("reply/{}", his.id), &fields).status, 303);
        let version = hers.version.to_string();
        let fields = [("to", "approve"), ("body", "Leave it plugged in"), ("version", &version), ("seen", &seen)];
        let refused = ines.post(&format!("{path}/reply/{}", hers.id), &fields);
        assert_eq!(refused.status, 409);
        for words in ["Stefan answered while you wrote", "Pull the plug", "Leave it plugged in"] {
            assert!(refused.body.contains(words), "{words} in {}", refused.body);
        }
        assert_eq!(act(&mut ines, case, &format!("reply/{}", hers.id), &fields[..3]).status, 303);
        t.run_jobs();
    }

    fn a_post_that_was_joined_wrongly_gets_its_own_case(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        assert!(!browser.get(&format!("/desk/case/{case}")).body.contains("Separate this post"));
        let posted_at = t.app.now();
        says(t, "501", "@FernwellHelp and you charged my card twice, what a joke");
        t.advance(HOUR);
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(page.body.contains("Separate this post"));
        let mentions = t.app.db.read(|c| escalations::store::mentions_of(c, case, 9)).expect("mentions");
        let [first, joined] = [mentions[0].id.to_string(), mentions[1].id.to_string()];
        let why = ("why", "a bill, not a crash");
        assert_eq!(act(&mut browser, case, "separate", &[("mention", &joined)]).status, 400);
        let opener = act(&mut browser, case, "separate", &[("mention", &first), why]);
        assert!(browser.follow(&opener).body.contains("nothing to separate it from"));
        let before = stored(t, case);
        for _ in 0..2 {
            assert_eq!(act(&mut browser, case, "separate", &[("mention", &joined), why]).status, 303);
        }
        let mention = t.app.db.read(|c| escalations::store::mention(c, mentions[1].id)).expect("db").expect("it");
        let own = mention.case.expect("its own case");
        assert!(own != case && stored(t, own).waiting_since == posted_at);
        let after = stored(t, case);
        assert_eq!((after.state, after.waiting_since, after.merged_into), (before.state, before.waiting_since, None));
        for id in [case, own] {
            let audit = t.app.db.read(|c| offramp::db::audit::of_subject(c, "case", id.0, 50)).expect("audit");
            let lines: Vec<_> = audit.iter().filter(|l| l.act == "mention_separated").collect();
            assert!(lines.len() == 1 && lines[0].reason == "a bill, not a crash" && lines[0].actor_name == "Stefan");
        }
        let links = t.app.db.read(|c| cases::store::links_of(c, own)).expect("links");
        assert!(!links.iter().any(|l| l.target == Target::Case(case) && l.state == LinkState::Proposed));
        // What they write next in this conversation belongs to the newer one.
        says(t, "502", "@FernwellHelp my card, hello?");
        let mentions = t.app.db.read(|c| escalations::store::mentions_of(c, own, 9)).expect("mentions");
        assert_eq!(mentions.len(), 2);
        t.run_jobs();
    }

    fn a_merge_by_a_colleague_loses_nothing_that_is_typed(t) {
        let (case, _) = complaint(t);
        t.app.db.write(|tx| {
            tickets::open_for_case(tx, &t.app, case, "Crashes", Some("ada@post.example"), OpenedBy::Form)
        }).expect("a ticket");
        let into = case_of(t, "The same by mail", Channel::Email, Severity::Money, None, HOUR);
        let (mut stefan, _) = t.browser_of("Stefan", Role::Staff);
        let (mut ines, _) = t.browser_of("Ines", Role::Staff);
        let path = format!("/desk/case/{case}");
        let (page, reply) = (ines.get(&path), reply_of(t, case));
        let (key, seen) = (page.field("key").expect("key"), page.field("seen").expect("seen"));
        act(&mut stefan, case, "merge", &[("into", &into.to_string())]);
        let version = reply.version.to_string();
        let approve = format!("reply/{}", reply.id);
        for (action, fields) in [
            ("message", vec![("body", "A long careful answer")]),
            ("note", vec![("note", "A long careful answer")]),
            ("state", vec![("to", "close"), ("why", "A long careful answer")]),
            (approve.as_str(), vec![("to", "approve"), ("body", "A long careful answer"), ("version", &version)]),
        ] {
            let mut all = vec![("key", key.as_str()), ("seen", seen.as_str())];
            all.extend(fields);
            let refused = ines.post(&format!("{path}/{action}"), &all);
            assert_eq!(refused.status, 409, "{action}");
            assert!(refused.body.contains("The same by mail") && refused.body.contains("A long careful answer"), "{action}");
        }
        assert_eq!((stored(t, into).state.is_open(), reply_of(t, case).state), (true, ReplyState::Draft));
        t.run_jobs();
    }

    fn after_a_merge_both_are_worked_on_together_by_who_may_work_on_the_one(t) {
        let (case, thread) = complaint(t);
        let kiln = product(t, "kiln", "Kiln");
        let hub = stored(t, case).product.expect("a product");
        let into = case_of(t, "Smoke", Channel::Email, Severity::Safety, Some(kiln), HOUR);
        let (mut stefan, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut stefan, case, "link", &[("thread", &thread.to_string())]);
        let links = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links");
        let link = links.iter().find(|l| l.target == Target::Thread(thread)).expect("the link").id;
        act(&mut stefan, case, "merge", &[("into", &into.to_string())]);
        let (mut of_hub, id) = t.browser_of("Hanna", Role::Staff);
        bind(t, id, hub);
        let (mut of_kiln, id) = t.browser_of("Kim", Role::Staff);
        bind(t, id, kiln);
        assert!(of_hub.get("/desk/replies").body.contains("No reply waits"));
        let page = of_kiln.get("/desk/replies");
        assert!(page.body.contains("Smoke") && page.body.contains("Replies to send <span class=\"count\">1<"));
        assert!(of_kiln.get("/desk").body.contains("Reply drafted"));
        let reply = reply_of(t, case);
        let mention = reply.mention.to_string();
        let version = reply.version.to_string();
        let path = format!("/desk/case/{case}");
        for (action, fields) in [
            (format!("reply/{}", reply.id), vec![("to", "approve"), ("body", "No"), ("version", version.as_str())]),
            (format!("reply/{}", reply.id), vec![("to", "posted"), ("address", "https://x.com/F/status/7")]),
        ] {
            assert_eq!(of_hub.post(&format!("{path}/{action}"), &fields).status, 403, "{action}");
        }
        let triage = format!("/desk/mentions/{mention}/triage");
        assert_eq!(of_hub.post(&triage, &[("label", "noise"), ("severity", "annoyance")]).status, 403);
        // The link of the one that was taken in stands on the page of the other, and is undone there.
        let page = of_kiln.get(&format!("/desk/case/{into}"));
        assert!(page.body.contains("The lamp on the shelf") && page.body.contains("Write a public reply"));
        act(&mut of_kiln, into, &format!("link/{link}"), &[("to", "undo")]);
        let link = t.app.db.read(|c| cases::store::link(c, link)).expect("db").expect("the link");
        assert_eq!(link.state, LinkState::Undone);
        // So do corrections count for the other.
        let corrected = of_kiln.post(&triage, &[("label", "question"), ("severity", "money")]);
        assert_eq!(corrected.location(), format!("/desk/case/{into}"));
        assert_eq!((stored(t, into).severity, stored(t, case).severity != Severity::Money), (Severity::Money, true));
        act(&mut of_kiln, into, "answer", &[("key", "k")]);
        assert!(of_kiln.get(&format!("/desk/case/{into}")).body.contains("Write the reply"));
        t.run_jobs();
    }

    fn a_case_is_neither_taken_over_a_colleagues_head_nor_left_with_who_cannot_open_it(t) {
        let kiln = product(t, "kiln", "Kiln");
        let tern = product(t, "tern", "Tern");
        let case = case_of(t, "Wanted", Channel::X, Severity::Money, Some(kiln), HOUR);
        let (mut stefan, _) = t.browser_of("Stefan", Role::Staff);
        let (mut ines, her) = t.browser_of("Ines", Role::Staff);
        bind(t, her, kiln);
        let path = format!("/desk/case/{case}");
        let stale = stefan.get(&path).field("with").expect("whose it is");
        assert_eq!(act(&mut ines, case, "assign", &[("to", "me"), ("with", "")]).status, 303);
        let refused = stefan.post(&format!("{path}/assign"), &[("to", "me"), ("with", &stale)]);
        assert!(stefan.follow(&refused).body.contains("Ines has the case since you opened it"));
        assert_eq!(stored(t, case).assignee, Some(her));
        act(&mut stefan, case, "product", &[("product", &tern.to_string())]);
        assert_eq!(stored(t, case).assignee, None);
        assert!(stefan.get(&path).body.contains("Given back to everybody"));
    }

    fn a_merge_keeps_the_worse_severity_and_what_is_known_of_the_customer(t) {
        let kiln = product(t, "kiln", "Kiln");
        let old = case_of(t, "Smoke", Channel::X, Severity::Safety, Some(kiln), HOUR);
        t.app.db.write(|tx| cases::store::set_customer(tx, old, None, Some("mara@post.example"))).expect("set");
        let into = case_of(t, "Slow", Channel::Email, Severity::Annoyance, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut browser, old, "merge", &[("into", &into.to_string())]);
        let kept = stored(t, into);
        assert_eq!((kept.severity, kept.product, kept.email.as_deref()), (Severity::Safety, Some(kiln), Some("mara@post.example")));
        let page = browser.get(&format!("/desk/case/{into}"));
        assert!(page.body.contains("severity Safety, the product, the address"), "{}", page.body);
        // Nothing that is known, and no worse severity, is written over.
        let mild = case_of(t, "Mild", Channel::X, Severity::Many, None, HOUR);
        t.app.db.write(|tx| cases::store::set_customer(tx, mild, None, Some("other@post.example"))).expect("set");
        act(&mut browser, mild, "merge", &[("into", &into.to_string())]);
        let kept = stored(t, into);
        assert_eq!((kept.severity, kept.email.as_deref()), (Severity::Safety, Some("mara@post.example")));
    }

    fn an_answer_by_mail_goes_once_and_never_over_a_colleagues(t) {
        let case = ticket_case(t);
        let (mut stefan, _) = t.browser_of("Stefan", Role::Staff);
        let (mut ines, _) = t.browser_of("Ines", Role::Staff);
        let path = format!("/desk/case/{case}");
        let (hers, his) = (ines.get(&path), stefan.get(&path));
        let field = |page: &Reply, name: &str| page.field(name).expect("a field");
        let (key, seen) = (field(&his, "key"), field(&his, "seen"));
        let fields = [("body", "It is **refunded**."), ("key", key.as_str()), ("seen", seen.as_str())];
        for _ in 0..2 {
            assert_eq!(stefan.post(&format!("{path}/message"), &fields).status, 303);
        }
        let (key, seen) = (field(&hers, "key"), field(&hers, "seen"));
        let fields = [("body", "Please send the invoice."), ("key", key.as_str()), ("seen", seen.as_str())];
        let refused = ines.post(&format!("{path}/message"), &fields);
        assert_eq!(refused.status, 409);
        assert!(refused.body.contains("Stefan answered while you wrote"));
        assert!(refused.body.contains("Please send the invoice."));
        assert!(refused.body.contains("<strong>refunded</strong>"));
        // Having read it, she sends hers all the same.
        let again = (refused.field("key").expect("key"), refused.field("seen").expect("seen"));
        let fields = [("body", "Please send the invoice."), ("key", again.0.as_str()), ("seen", again.1.as_str())];
        assert_eq!(ines.post(&format!("{path}/message"), &fields).status, 303);
        let tickets = t.app.db.read(|c| tickets::store::tickets_of(c, case)).expect("tickets");
        let messages = t.app.db.read(|c| tickets::store::messages(c, tickets[0].id)).expect("messages");
        assert_eq!(messages.len(), 2);
        t.run_jobs();
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let mails = admin.get("/admin/mail");
        assert!(mails.body.contains("tom@post.example"), "{}", mails.body);
        assert_eq!(admin.get("/admin/mail/1").status, 200);
        let eml = admin.get("/admin/mail/1/eml");
        assert!(eml.header("content-type").starts_with("message/rfc822") && eml.body.contains("Message-ID"));
        assert_eq!(admin.get("/admin/mail/9999").status, 404);
        assert_eq!(ines.get("/admin/mail").status, 403);
    }

    fn personal_data_in_a_post_is_covered_until_asked_for(t) {
        product(t, "hub", "Fernwell Hub");
        let case = posted(t, "@FernwellHelp my hub is broken, write to ada.byron@post.example");
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(page.body.contains("Personal data is covered"));
        let text = page.body.split("mention-text\">").nth(1).expect("the post");
        assert!(!text.split("</p>").next().expect("its text").contains("ada.byron@"), "{text}");
    }

    fn a_drafted_thread_is_seen_by_all_once_published_from_the_case(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let drafted = act(&mut browser, case, "thread", &[]);
        assert!(drafted.location().starts_with("/t/"), "{}", drafted.location());
        // Asked for twice, it is the same draft.
        let again = act(&mut browser, case, "thread", &[]);
        let id = |reply: &Reply| reply.location().split('/').nth(2).map(str::to_owned);
        assert_eq!(id(&drafted), id(&again));
        let id = id(&drafted).expect("a thread");
        assert_eq!(t.browser().get(&format!("/t/{id}")).status, 404);
        for _ in 0..2 {
            assert_eq!(act(&mut browser, case, &format!("publish/{id}"), &[]).status, 303);
        }
        let links = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links");
        let target = Target::Thread(id.parse().expect("an id"));
        assert!(links.iter().any(|l| l.target == target && l.state == LinkState::Confirmed));
        assert_eq!(t.browser().get(&format!("/t/{id}")).status, 301);
        t.run_jobs();
    }

    fn a_draft_published_on_its_own_page_is_linked_to_its_case(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let drafted = act(&mut browser, case, "thread", &[]);
        let id = drafted.location().split('/').nth(2).expect("a thread").to_owned();
        let page = browser.get(drafted.location()).location().to_owned();
        let button = format!("/t/{id}/publish");
        let (mut member, _) = t.browser_of("Mia", Role::Member);
        member.get("/account");
        assert_eq!(member.post(&button, &[]).status, 404);
        // Who looks after the thread's product, and not the case's, leaves both as they are.
        let before = stored(t, case).product.expect("a product");
        let tern = product(t, "tern", "Tern");
        let set = |product, name| {
            let by = Actor::rule("test");
            let to = Some((product, name));
            t.app.db.write(|tx| cases::states::set_product(tx, t.app.now(), &by, case, to, None)).expect("set");
        };
        set(tern, "Tern");
        let user = t.user("Hanna", Role::Staff);
        bind(t, user, before);
        let mut hanna = t.browser_for(user);
        assert_eq!(hanna.submit(&page, &button, &[]).status, 403);
        assert_eq!(member.get(&page).status, 404);

        let published = browser.submit(&page, &button, &[]);
        assert!(browser.follow(&published).body.contains(&format!("public now, and linked to case {case}")));
        let links = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links");
        let target = Target::Thread(id.parse().expect("an id"));
        assert!(links.iter().any(|l| l.target == target && l.state == LinkState::Confirmed));
        let answer = reply_of(t, case).body;
        assert!(answer.contains(&format!("/t/{id}/")), "{answer}");
        assert_eq!(member.get(&page).status, 200);
        t.run_jobs();
    }

    fn a_judgement_is_corrected_and_a_private_way_chosen(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let triage = format!("/desk/mentions/{}/triage", reply_of(t, case).mention);
        let path = format!("/desk/case/{case}");
        assert!(browser.get(&path).body.contains(&triage));
        let fields = [("label", "question"), ("severity", "money"), ("reason", "asks for a refund")];
        assert_eq!(browser.submit(&path, &triage, &fields).location(), path);
        assert_eq!(stored(t, case).severity, Severity::Money);
        let page = browser.get(&format!("/desk/case/{case}"));
        assert!(page.body.contains("Judged: Question") && page.body.contains("asks for a refund"));
        act(&mut browser, case, "ticket", &[]);
        let links = t.app.db.read(|c| cases::store::links_of(c, case)).expect("links");
        assert!(links.iter().any(|l| l.target == Target::Ticket && l.state == LinkState::Confirmed));
        assert_eq!(browser.submit(&path, &triage, &[("label", "rude")]).status, 400);
        t.run_jobs();
    }

    fn admins_see_what_the_network_costs_and_staff_do_not(t) {
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let page = admin.get("/admin/network");
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Nothing is spent while X is switched off") && !page.body.contains("<meter"));
        let back = admin.get("/admin/network/connected?state=x&code=y");
        assert_eq!(back.location(), "/admin/network");
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        assert_eq!(staff.get("/admin/network").status, 403);
    }

    fn an_admin_adds_a_product_and_what_is_wrong_keeps_what_was_typed(t) {
        let (mut admin, _) = t.browser_of("Ada", Role::Admin);
        let good = [
            ("name", "Tern Wi-Fi"), ("description", "Wi-Fi that stays"), ("terms", "tern, perch"),
            ("link_threshold", "0.9"), ("propose_threshold", "0.3"), ("auto_link", "1"),
        ];
        let added = admin.submit("/admin/products/new", "/admin/products/new", &good);
        assert_eq!((added.status, added.location()), (303, "/admin/products/1"), "{}", added.body);
        let again = admin.post("/admin/products/new", &good);
        assert!(again.status == 422 && again.body.contains("of this name already"));
        for (field, value) in [("link_threshold", "very"), ("propose_threshold", "0.95"), ("name", " ")] {
            let mut wrong = good.to_vec();
            wrong.retain(|(name, _)| *name != field);
            wrong.push((field, value));
            let refused = admin.post("/admin/products/1", &wrong);
            assert!(refused.status == 422 && refused.body.contains("tern, perch"), "{field}");
        }
        let topic = admin.post("/admin/products/1/topics", &[("name", "Setting up")]);
        assert_eq!(topic.status, 303);
        let page = admin.get("/admin/products/1");
        assert!(page.body.contains("Setting up") && page.body.contains("perch, tern"));
        assert_eq!(admin.get("/admin/products/2").status, 404);
        assert_eq!(t.browser().get("/p/tern-wi-fi").status, 200);
        let (mut staff, _) = t.browser_of("Stefan", Role::Staff);
        assert_eq!(staff.get("/admin/products").status, 403);
        staff.get("/desk");
        assert_eq!(staff.post("/admin/products/1", &good).status, 403);
    }

    fn who_waits_never_falls_out_of_the_queue_by_a_merge(t) {
        for (n, state) in [None, Some(Happening::StaffAnswered), Some(Happening::Resolved)].into_iter().enumerate() {
            let old = case_of(t, "Waits", Channel::X, Severity::Money, None, 5 * HOUR);
            let into = case_of(t, "Goes on", Channel::Email, Severity::Money, None, HOUR);
            let place = stored(t, old).waiting_since;
            if let Some(what) = state {
                happen(t, into, what);
            }
            let (mut browser, _) = t.browser_of(&format!("Stefan{n}"), Role::Staff);
            act(&mut browser, old, "merge", &[("into", &into.to_string())]);
            let kept = stored(t, into);
            assert!(kept.state.waits_for_staff(), "{state:?}: {:?}", kept.state);
            assert_eq!(kept.waiting_since, place, "{state:?}");
            assert_eq!((stored(t, old).state, stored(t, old).merged_into), (State::Closed, Some(into)));
        }
        // What nobody waits for moves nothing.
        let done = case_of(t, "Done", Channel::X, Severity::Money, None, 9 * HOUR);
        happen(t, done, Happening::Resolved);
        let into = case_of(t, "Answered", Channel::Email, Severity::Money, None, HOUR);
        happen(t, into, Happening::StaffAnswered);
        let (mut browser, _) = t.browser_of("Ines", Role::Staff);
        act(&mut browser, done, "merge", &[("into", &into.to_string())]);
        assert_eq!(stored(t, into).state, State::WaitingCustomer);
    }

    fn a_case_is_not_merged_into_a_closed_one(t) {
        let old = case_of(t, "Waits", Channel::X, Severity::Money, None, HOUR);
        let into = case_of(t, "Closed", Channel::X, Severity::Money, None, HOUR);
        happen(t, into, Happening::Closed);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let refused = act(&mut browser, old, "merge", &[("into", &into.to_string())]);
        assert!(browser.follow(&refused).body.contains("nobody would look at this one there"));
        assert_eq!((stored(t, old).merged_into, stored(t, old).state), (None, State::New));
    }

    fn a_merged_case_that_is_merged_again_takes_along_what_went_on_in_it(t) {
        let [a, b, c] = ["A", "B", "C"].map(|name| case_of(t, name, Channel::X, Severity::Money, None, HOUR));
        t.app.db.write(|tx| {
            tickets::open_for_case(tx, &t.app, a, "A", Some("tom@post.example"), OpenedBy::Form)
        }).expect("a ticket");
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut browser, a, "merge", &[("into", &b.to_string()), ("reason", "the same lamp")]);
        act(&mut browser, b, "merge", &[("into", &c.to_string())]);
        assert_eq!((stored(t, a).merged_into, stored(t, b).merged_into), (Some(c), Some(c)));
        let found = t.app.db.read(|conn| {
            Ok((
                cases::store::case_or_successor(conn, a)?.map(|case| case.id),
                cases::store::desk::family(conn, c)?,
                tickets::store::tickets_of(conn, c)?.len(),
                cases::recount(conn)?,
            ))
        }).expect("found");
        assert_eq!(found, (Some(c), vec![c, a, b], 1, vec![]));
        // What happens to a case that went on elsewhere does not happen to it.
        happen(t, a, Happening::Reopened);
        assert_eq!(stored(t, a).state, State::Closed);
        for (case, act) in [(a, "case_merged"), (b, "case_took_in")] {
            let audit = t.app.db.read(|conn| offramp::db::audit::of_subject(conn, "case", case.0, 50)).expect("audit");
            assert!(audit.iter().any(|line| line.act == act && line.reason == "the same lamp"), "{audit:?}");
            let events = t.app.db.read(|conn| cases::store::events(conn, case)).expect("events");
            assert!(events.iter().any(|e| e.step == cases::Step::Merge && e.reasons == ["the same lamp"]));
        }
    }

    fn who_is_resolved_at_the_desk_hears_of_it_and_is_asked(t) {
        let case = ticket_case(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        for n in 1..=2 {
            act(&mut browser, case, "state", &[("to", "resolve"), ("why", "refunded, says the bank")]);
            act(&mut browser, case, "state", &[("to", "resolve")]);
            let page = t.app.db.read(|c| offramp::mail::outbox::page(c, None, 10)).expect("mails");
            let mails: Vec<_> = page.iter().filter(|m| m.purpose == "ticket_resolved").collect();
            assert_eq!(mails.len(), n, "one each time");
            assert!(mails[0].text.contains("#verdict") && !mails[0].text.contains("the bank"), "{}", mails[0].text);
            act(&mut browser, case, "state", &[("to", "reopen")]);
        }
        t.run_jobs();
    }

    fn a_first_answer_goes_with_the_case_that_is_resolved_and_who_is_told_is_said(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        assert_eq!(reply_of(t, case).state, ReplyState::Draft);
        let resolved = act(&mut browser, case, "state", &[("to", "resolve")]);
        let page = browser.follow(&resolved).body;
        let words = "Nobody has been told: there is no address, and no answer was sent. Write a public reply";
        assert!(page.contains(words), "{page}");
        assert!(page.contains("The first answer was not sent, and is discarded"), "{page}");
        assert_eq!(reply_of(t, case).state, ReplyState::Discarded);
        let waiting = browser.get("/desk/replies").body;
        assert!(!waiting.contains(&format!("/desk/case/{case}")), "{waiting}");

        let case = ticket_case(t);
        let resolved = act(&mut browser, case, "state", &[("to", "resolve")]);
        assert!(browser.follow(&resolved).body.contains("The customer is asked by email whether it works"));
        t.run_jobs();
    }

    fn a_draft_of_another_case_is_not_published_here(t) {
        let (case, _) = complaint(t);
        let other = case_of(t, "Another", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let drafted = act(&mut browser, case, "thread", &[]);
        let id = drafted.location().split('/').nth(2).expect("a thread").to_owned();
        act(&mut browser, other, &format!("publish/{id}"), &[]);
        assert_eq!(t.browser().get(&format!("/t/{id}")).status, 404);
        t.run_jobs();
    }

    fn a_case_is_not_closed_over_words_nobody_has_seen(t) {
        let case = ticket_case(t);
        let other = case_of(t, "The same", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let path = format!("/desk/case/{case}");
        let seen = browser.get(&path).field("seen").expect("seen");
        t.app.db.write(|tx| {
            let ada = Actor::Customer { name: "Ada".into() };
            cases::satisfaction::rate(tx, t.app.now(), &ada, case, cases::satisfaction::Verdict::StillBroken, "It smokes")
        }).expect("said");
        let into = other.to_string();
        for (action, fields) in [
            ("state", vec![("to", "resolve")]),
            ("state", vec![("to", "close"), ("why", "a careful reason")]),
            ("merge", vec![("into", into.as_str())]),
        ] {
            let mut all = vec![("seen", seen.as_str())];
            all.extend_from_slice(&fields);
            let refused = browser.post(&format!("{path}/{action}"), &all);
            assert_eq!(refused.status, 409, "{action}");
            assert!(refused.body.contains("Read that first") && refused.body.contains("It smokes"));
            assert!(refused.body.contains(&format!("value=\"{}\"", fields.last().expect("a field").1)) || action == "state");
            assert!(stored(t, case).state.is_open());
        }
        assert_eq!(act(&mut browser, case, "state", &[("to", "resolve")]).status, 303);
        assert_eq!(stored(t, case).state, State::Resolved);
        t.run_jobs();
    }

    fn notes_and_begun_replies_are_in_the_audit_log(t) {
        let (case, _) = complaint(t);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        for _ in 0..2 {
            act(&mut browser, case, "note", &[("note", "A word"), ("key", "n1")]);
            act(&mut browser, case, "answer", &[("key", "a1")]);
        }
        let audit = t.app.db.read(|conn| offramp::db::audit::of_subject(conn, "case", case.0, 50)).expect("audit");
        for act in ["note_added", "reply_drafted"] {
            assert_eq!(audit.iter().filter(|line| line.act == act).count(), 1, "{act}: {audit:?}");
        }
    }

    fn what_happens_in_a_merged_case_reaches_the_page_it_is_shown_on(t) {
        let [case, into] = [Channel::X, Channel::Email].map(|channel| {
            case_of(t, "Two", channel, Severity::Money, None, HOUR)
        });
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        act(&mut browser, case, "merge", &[("into", &into.to_string())]);
        let changed = t.app.db.write(|tx| {
            let position = changes::newest(tx)?;
            cases::store::touch(tx, case, t.app.now())?;
            Ok(position)
        }).and_then(|position| t.app.db.read(|c| changes::after(c, position, 9)));
        let changed: Vec<i64> = changed.expect("changes").iter().map(|c| c.subject_id).collect();
        assert_eq!(changed, [case.0, into.0]);
    }

    fn the_queue_offers_the_state_that_its_address_asks_for(t) {
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let page = browser.get("/desk?state=waiting_staff").body;
        assert!(page.contains("value=\"waiting_staff\" selected"), "{page}");
        let page = browser.get("/desk").body;
        assert!(!page.contains("value=\"waiting_staff\""), "it is the whole queue");
    }

    fn open_pages_hear_of_a_change_once_it_is_committed(t) {
        let case = case_of(t, "Live", Channel::X, Severity::Money, None, HOUR);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        let follower = offramp::live::Follower::start(&t.app).expect("a follower");
        let mut lines = BufReader::new(browser.open("/desk/events")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        assert!(line().starts_with("retry:"));
        act(&mut browser, case, "severity", &[("severity", "safety")]);
        let event = std::iter::repeat_with(line).find(|l| l.starts_with("data:")).expect("an event");
        assert_eq!(event, format!("data: {case}"));
        t.app.live.close();
        assert!(lines.all(|l| l.is_ok()), "the stream ends cleanly");
        follower.stop();
    }
}

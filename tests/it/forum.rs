//! The forum: the rules of each verb, what is shown to whom, forms that lose nothing.

use std::sync::Arc;

use offramp::db::{Conn, audit};
use offramp::error::Result;
use offramp::forum::store::{self, NewProduct, Origin, followers, lists};
use offramp::forum::{
    self, Outcome, Place, ThreadKind, ThreadState, Visibility, accept_answer, close_thread,
    delete_post, docs::Docs, draft_thread, edit_post, follow, forget_read, hide_revision, me_too,
    move_thread, notify, pin, post_reply, post_thread, restore_post, save_product, set_kind,
};
use offramp::ids::{CaseId, PostId, SessionId, ThreadId, UserId};
use offramp::jobs::{Job, Next, Registry};
use offramp::people::{CurrentUser, Role};
use offramp::search::{self, DocSource};

use crate::harness::{Backend, Test};
use crate::on_both;

/// Stands in for the slice above, which hears that a thread is resolved.
#[derive(serde::Serialize, serde::Deserialize)]
struct Resolved {
    thread: i64,
}

impl Job for Resolved {
    const KIND: &'static str = forum::THREAD_RESOLVED;

    fn run(&self, app: &offramp::app::App) -> Result<Next> {
        // A trace that a test can count.
        let actor = audit::Actor::rule("test");
        app.db.write(|tx| {
            let act = audit::Act {
                by: &actor,
                act: "heard_resolved",
                subject: ("thread", self.thread),
                reason: "",
                data: serde_json::Value::Null,
            };
            audit::record(tx, app.now(), act)
        })?;
        Ok(Next::Done)
    }
}

/// Two products; the first has a topic.
fn with_products(t: &mut Test) {
    let mut registry = Registry::default();
    registry
        .job::<notify::Notify>()
        .job::<Resolved>()
        .job::<offramp::mail::outbox::SendMail>();
    t.registry = Arc::new(registry);
    let now = t.app.now();
    t.app
        .db
        .write(|tx| {
            for (slug, name) in [("lamp", "Lamp"), ("kettle", "Kettle")] {
                let new = NewProduct {
                    slug,
                    name,
                    description: "",
                    position: 1,
                    brand_terms: &[],
                };
                let id = store::insert_product(tx, &new, now)?;
                store::insert_topic(tx, id, "light", "Light", "", 1)?;
            }
            Ok(())
        })
        .unwrap();
}

fn user(t: &Test, name: &str, role: Role) -> CurrentUser {
    CurrentUser {
        id: t.user(name, role),
        name: name.into(),
        role,
        session: SessionId(0),
        products: Vec::new(),
    }
}

fn typed(title: &str) -> post_thread::Typed {
    post_thread::Typed {
        product: "lamp".into(),
        topic: "light".into(),
        kind: "question".into(),
        title: title.into(),
        body: "It flickers when the kettle boils.".into(),
        tags: "flicker".into(),
        request_key: String::new(),
    }
}

fn open(t: &Test, by: &CurrentUser, typed: &post_thread::Typed) -> ThreadId {
    match post_thread::post_thread(&t.app, by, typed).unwrap() {
        post_thread::Outcome::Posted(place) => place.thread,
        other => panic!("{other:?}"),
    }
}

fn ask(t: &Test, by: &CurrentUser, title: &str) -> ThreadId {
    open(t, by, &typed(title))
}

fn reply(t: &Test, by: &CurrentUser, thread: ThreadId, body: &str) -> PostId {
    let typed = post_reply::Typed {
        body: body.into(),
        ..Default::default()
    };
    match post_reply::post_reply(&t.app, by, thread, &typed).unwrap() {
        post_reply::Outcome::Posted(place) => post_at(t, place.thread, place.post),
        other => panic!("{other:?}"),
    }
}

fn post_at(t: &Test, thread: ThreadId, number: i64) -> PostId {
    let page = forum::page_of(number);
    let lines = read(t, |c| store::reading::posts_on_page(c, thread, page));
    lines
        .iter()
        .find(|l| l.post.number == number)
        .map(|l| l.post.id)
        .unwrap()
}

fn read<T>(t: &Test, f: impl FnOnce(&mut Conn) -> Result<T>) -> T {
    t.app.db.read(f).unwrap()
}

fn thread(t: &Test, id: ThreadId) -> forum::Thread {
    read(t, |c| store::thread(c, id)).unwrap()
}

fn notices(t: &Test, user: &CurrentUser) -> Vec<&'static str> {
    let mut kinds: Vec<_> = read(t, |c| followers::notices(c, user.id, None, 100))
        .iter()
        .map(|n| n.kind.as_str())
        .collect();
    kinds.sort_unstable();
    kinds
}

fn acts(t: &Test, id: ThreadId) -> Vec<String> {
    let mut acts: Vec<_> = read(t, |c| audit::of_subject(c, "thread", id.0, 100))
        .into_iter()
        .map(|l| l.act)
        .collect();
    acts.reverse();
    acts
}

/// Why the newest act of this name was done.
fn reason(t: &Test, id: ThreadId, act: &str) -> String {
    read(t, |c| audit::of_subject(c, "thread", id.0, 100))
        .into_iter()
        .find(|l| l.act == act)
        .map(|l| l.reason)
        .unwrap()
}

/// What an edit form rendered now carries.
fn seen(t: &Test, post: PostId) -> String {
    read(t, |c| {
        let post = store::post(c, post)?.unwrap();
        let thread = store::thread(c, post.thread)?.unwrap();
        Ok(edit_post::Editable::load(c, &thread, &post)?.seen())
    })
}

fn draft(t: &Test, by: &CurrentUser, title: &str, body: &str) -> ThreadId {
    let lamp = read(t, |c| store::product_by_slug(c, "lamp")).unwrap();
    let now = t.app.now();
    let draft = draft_thread::Draft {
        product: lamp.id,
        topic: None,
        author: by.id,
        kind: ThreadKind::Question,
        title,
        body,
        from: Origin {
            case: CaseId(1),
            mention: None,
        },
    };
    t.app
        .db
        .write(|tx| draft_thread::draft_thread(tx, now, &draft))
        .unwrap()
}

fn publish(t: &Test, by: &CurrentUser, id: ThreadId) -> Result<Outcome> {
    let now = t.app.now();
    t.app.db.write(|tx| draft_thread::publish(tx, now, by, id))
}

fn change(t: &Test, by: &CurrentUser, post: PostId, title: &str, body: &str) -> edit_post::Outcome {
    let typed = edit_post::Typed {
        title: title.into(),
        body: body.into(),
        seen: seen(t, post),
        ..Default::default()
    };
    edit_post::edit_post(&t.app, by, post, &typed).unwrap()
}

fn counters_are_right(t: &Test) {
    assert_eq!(read(t, store::counters::recount), []);
}

fn is_done(outcome: Result<Outcome>) {
    assert!(matches!(outcome.unwrap(), Outcome::Done(_)));
}

fn is_refused(outcome: Result<Outcome>) {
    assert!(matches!(outcome.unwrap(), Outcome::NotAllowed(_)));
}

on_both! {
    fn who_can_ask_nothing_yet_or_replies_too_late_is_told_the_way_on(t) {
        let (mut admin, _) = t.browser_of("Boss", Role::Admin);
        let (mut member, _) = t.browser_of("Mia", Role::Member);
        for path in ["/", "/new"] {
            assert!(admin.get(path).body.contains("/admin/products/new"), "{path}");
            let page = member.get(path).body;
            assert!(page.contains("No product yet") && !page.contains("/admin/products/new"), "{page}");
            assert!(!page.contains("name=\"title\""), "{page}");
        }
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let answer = reply(t, &ben, id, "Tighten the bulb.");
        let pages = [thread(t, id).path(), format!("/post/{answer}/quote")];
        let mut told = |page: &str| {
            let body = member.get(page).body;
            assert!(body.contains("Your reply"), "{body}");
            body.contains("This thread is solved") && body.contains("/new?product=lamp/")
        };
        assert_eq!([told(&pages[0]), told(&pages[1])], [false; 2]);
        is_done(accept_answer::accept_answer(&t.app, &ana, answer, true));
        assert_eq!([told(&pages[0]), told(&pages[1])], [true; 2]);
        t.run_jobs();
    }

    fn a_question_is_asked_answered_solved_and_told(t) {
        with_products(t);
        let (ana, ben, eve) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member), user(t, "Eve", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        is_done(me_too::me_too(&t.app, &eve, id, true));
        let answer = reply(t, &ben, id, "Tighten the bulb.");
        t.run_jobs();
        let second = reply(t, &eve, id, "Or replace it.");
        is_refused(accept_answer::accept_answer(&t.app, &ben, answer, true));
        is_done(accept_answer::accept_answer(&t.app, &ana, answer, false));
        is_done(accept_answer::accept_answer(&t.app, &ana, second, true));
        let solved = thread(t, id);
        assert_eq!((solved.state, solved.accepted_count, solved.primary_answer), (ThreadState::Solved, 2, Some(second)));
        t.run_jobs();
        assert_eq!(notices(t, &ana), ["replied", "replied"]);
        // Ben gave the answer; Eve said me too and replied: told once that it is solved.
        assert_eq!(notices(t, &ben), ["accepted", "replied"], "whose answer it is hears once");
        assert_eq!(notices(t, &eve), ["accepted", "solved"]);
        assert_eq!(acts(t, id), ["heard_resolved"]);
        counters_are_right(t);

        is_done(accept_answer::unaccept(&t.app, &ana, second));
        let left = thread(t, id);
        assert_eq!((left.state, left.primary_answer), (ThreadState::Solved, Some(answer)));
        is_done(accept_answer::unaccept(&t.app, &ana, answer));
        let open_again = thread(t, id);
        assert_eq!((open_again.state, open_again.solved_at, open_again.primary_answer), (ThreadState::Open, None, None));
        counters_are_right(t);
        t.run_jobs();
    }

    fn notices_are_written_once_however_often_the_job_runs(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let post = reply(t, &ben, id, "Does it?");
        let job = notify::Notify::new(id, ben.id, t.app.now(), notify::News::Replied { post });
        for _ in 0..3 {
            assert_eq!(job.run(&t.app).unwrap(), Next::Done);
        }
        t.run_jobs();
        assert_eq!(notices(t, &ana), ["replied"]);
        assert_eq!(notices(t, &ben), [] as [&str; 0]);
    }

    fn a_form_sent_twice_posts_once(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let mut first = typed("Lamp flickers in the evening");
        first.request_key = "k1".into();
        let id = open(t, &ana, &first);
        assert_eq!(open(t, &ana, &first), id);
        let reply = post_reply::Typed { body: "Still.".into(), request_key: "k2".into(), ..Default::default() };
        let one = post_reply::post_reply(&t.app, &ana, id, &reply).unwrap();
        let two = post_reply::post_reply(&t.app, &ana, id, &reply).unwrap();
        assert_eq!(one, two);
        assert_eq!(thread(t, id).reply_count, 1);
        // Another text is neither dropped nor posted unasked.
        let other = post_reply::Typed { body: "Not any more.".into(), ..reply.clone() };
        assert_eq!(post_reply::post_reply(&t.app, &ana, id, &other).unwrap(), post_reply::Outcome::FormUsed);
        let retitled = post_thread::Typed { title: "Kettle boils in the evening".into(), ..first.clone() };
        assert_eq!(post_thread::post_thread(&t.app, &ana, &retitled).unwrap(), post_thread::Outcome::FormUsed);
        change(t, &ana, post_at(t, id, 2), "", "Still, edited.");
        assert_eq!(post_reply::post_reply(&t.app, &ana, id, &reply).unwrap(), one, "the same form, though edited since");
        change(t, &ana, post_at(t, id, 1), "Lamp flickers at night", "Edited.");
        assert_eq!(open(t, &ana, &first), id);
        // Another's form with the same key is another form.
        let ben = user(t, "Ben", Role::Member);
        post_reply::post_reply(&t.app, &ben, id, &reply).unwrap();
        assert_eq!(thread(t, id).reply_count, 2);
        t.run_jobs();
        counters_are_right(t);
    }

    fn what_is_typed_is_checked_and_every_problem_named(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let bad = post_thread::Typed { product: "none".into(), kind: "rant".into(), title: "short".into(), body: " \n".into(), ..typed("") };
        let post_thread::Outcome::Refused(problems) = post_thread::post_thread(&t.app, &ana, &bad).unwrap() else { panic!() };
        let mut fields: Vec<_> = problems.iter().map(|p| p.field).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["body", "kind", "product", "title"]);
        let article = post_thread::Typed { kind: "article".into(), ..typed("How to change the bulb") };
        assert!(matches!(post_thread::post_thread(&t.app, &ana, &article).unwrap(), post_thread::Outcome::NotAllowed(_)));
        assert_eq!(read(t, store::last_thread_id), 0);
    }

    fn only_the_kettles_staff_speak_for_the_kettle(t) {
        with_products(t);
        let kettle = read(t, |c| store::product_by_slug(c, "kettle")).unwrap();
        let staff = CurrentUser { products: vec![kettle.id], ..user(t, "Kim", Role::Staff) };
        let ana = user(t, "Ana", Role::Member);
        let lamp = ask(t, &ana, "Lamp flickers in the evening");
        let official = post_reply::Typed { body: "We look into it.".into(), official: true, ..Default::default() };
        post_reply::post_reply(&t.app, &staff, lamp, &official).unwrap();
        assert!(!thread(t, lamp).official);
        is_refused(close_thread::close_thread(&t.app, &staff, lamp, ""));
        let kettle = open(t, &ana, &post_thread::Typed { product: "kettle".into(), ..typed("Kettle does not boil") });
        post_reply::post_reply(&t.app, &staff, kettle, &official).unwrap();
        assert!(thread(t, kettle).official);
        assert_eq!(acts(t, kettle), ["official_reply_posted"]);
        t.run_jobs();
    }

    fn a_closed_thread_takes_replies_of_moderators_only(t) {
        with_products(t);
        let (ana, mo) = (user(t, "Ana", Role::Member), user(t, "Mo", Role::Moderator));
        let ben = user(t, "Ben", Role::Member);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        is_refused(close_thread::close_thread(&t.app, &ben, id, ""));
        is_done(close_thread::close_thread(&t.app, &mo, id, "answered elsewhere"));
        let late = post_reply::Typed { body: "One more thing".into(), ..Default::default() };
        assert!(matches!(post_reply::post_reply(&t.app, &ana, id, &late).unwrap(), post_reply::Outcome::NotAllowed(_)));
        reply(t, &mo, id, "Locked, see above.");
        is_refused(close_thread::reopen_thread(&t.app, &ana, id, ""));
        is_done(close_thread::reopen_thread(&t.app, &mo, id, ""));
        assert_eq!(thread(t, id).state, ThreadState::Open);
        t.run_jobs();
        assert_eq!(acts(t, id), ["thread_closed", "thread_reopened", "heard_resolved"]);
    }

    fn a_known_issue_is_fixed_and_those_hit_by_it_hear(t) {
        with_products(t);
        let (kim, ana) = (user(t, "Kim", Role::Staff), user(t, "Ana", Role::Member));
        let known = post_thread::Typed { kind: "known_issue".into(), ..typed("Lamps of batch 7 flicker") };
        let id = open(t, &kim, &known);
        is_done(me_too::me_too(&t.app, &ana, id, true));
        is_refused(set_kind::mark_fixed(&t.app, &ana, id, "2.0", ""));
        is_refused(set_kind::mark_fixed(&t.app, &kim, id, "  ", ""));
        let opening = post_at(t, id, 1);
        is_done(delete_post::delete_post(&t.app, &kim, opening, ""));
        is_refused(set_kind::mark_fixed(&t.app, &kim, id, "firmware 2.0", ""));
        is_done(restore_post::restore_post(&t.app, &kim, opening, ""));
        is_done(set_kind::mark_fixed(&t.app, &kim, id, "firmware 2.0", "shipped today"));
        t.run_jobs();
        let fixed = thread(t, id);
        assert_eq!((fixed.state, fixed.fixed_in.as_deref()), (ThreadState::Solved, Some("firmware 2.0")));
        assert_eq!(notices(t, &ana), ["fixed"]);
        assert_eq!(acts(t, id), ["thread_opened", "thread_hidden", "thread_restored", "known_issue_fixed", "heard_resolved"]);
        assert_eq!(reason(t, id, "known_issue_fixed"), "shipped today");
        counters_are_right(t);

        // Those who were told hear that it is taken up again.
        is_done(set_kind::set_kind(&t.app, &kim, id, ThreadKind::Question, "it is not our fault"));
        t.run_jobs();
        assert_eq!((thread(t, id).state, thread(t, id).fixed_in), (ThreadState::Open, None));
        assert_eq!(acts(t, id)[5..], ["kind_changed", "heard_resolved"]);
        assert_eq!(reason(t, id, "kind_changed"), "it is not our fault");
    }

    fn an_edit_keeps_every_state_and_overwrites_nobody(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let mo = user(t, "Mo", Role::Moderator);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let post = post_at(t, id, 1);
        let edit = |seen: &str, body: &str, tags: &str| edit_post::Typed { title: "Lamp flickers at night".into(), body: body.into(), tags: tags.into(), reason: "clearer".into(), seen: seen.into() };
        let first = seen(t, post);
        assert!(matches!(edit_post::edit_post(&t.app, &ben, post, &edit(&first, "x", "bulb")).unwrap(), edit_post::Outcome::NotAllowed(_)));
        let edit_post::Outcome::Saved(place) = edit_post::edit_post(&t.app, &ana, post, &edit(&first, "First change.", "bulb")).unwrap() else { panic!() };
        assert_eq!(place.slug, "lamp-flickers-at-night");
        // A form opened before that edit must not undo it.
        assert_eq!(edit_post::edit_post(&t.app, &mo, post, &edit(&first, "Stale.", "bulb")).unwrap(), edit_post::Outcome::Conflict);
        // A reply is no change of what the form shows; other tags are one.
        let second = seen(t, post);
        reply(t, &ben, id, "Does it?");
        assert!(matches!(edit_post::edit_post(&t.app, &mo, post, &edit(&second, "First change.", "bulb, dimmer")).unwrap(), edit_post::Outcome::Saved(_)));
        assert_eq!(edit_post::edit_post(&t.app, &ana, post, &edit(&second, "Second change.", "bulb")).unwrap(), edit_post::Outcome::Conflict);
        assert!(matches!(edit_post::edit_post(&t.app, &mo, post, &edit(&seen(t, post), "Second change.", "bulb")).unwrap(), edit_post::Outcome::Saved(_)));
        t.run_jobs();
        let states = read(t, |c| store::reading::revisions(c, post, None, 100));
        let bodies: Vec<_> = states.iter().map(|r| r.body.as_str()).collect();
        assert_eq!(bodies, ["Second change.", "First change.", "It flickers when the kettle boils."]);
        assert_eq!(acts(t, id), ["post_edited", "post_edited"]);
        let tags: Vec<_> = read(t, |c| store::tags_of(c, id)).into_iter().map(|t| t.slug).collect();
        assert_eq!(tags, ["bulb"]);
        counters_are_right(t);
    }

    fn a_deleted_post_is_gone_for_readers_and_can_come_back(t) {
        with_products(t);
        let (ana, ben, mo) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member), user(t, "Mo", Role::Moderator));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let post = reply(t, &ben, id, "An unkind word");
        is_done(accept_answer::accept_answer(&t.app, &ana, post, true));
        is_refused(delete_post::delete_post(&t.app, &ana, post, ""));
        is_done(delete_post::delete_post(&t.app, &mo, post, "unkind"));
        assert_eq!(thread(t, id).state, ThreadState::Open, "its answer is gone");
        counters_are_right(t);
        let path = thread(t, id).path();
        let shown = t.browser().get(&path);
        assert!(!shown.body.contains("unkind"), "{}", shown.body);
        assert!(shown.body.contains("was removed"));
        assert!(Docs::new(t.app.db.clone()).load(&[id.0]).unwrap()[0].replies.is_empty());
        is_refused(restore_post::restore_post(&t.app, &ben, post, ""));
        is_done(restore_post::restore_post(&t.app, &mo, post, "appeal"));
        assert!(t.browser().get(&path).body.contains("An unkind word"));
        t.run_jobs();
        counters_are_right(t);
        assert_eq!(acts(t, id), ["post_deleted", "post_restored", "heard_resolved"]);
    }

    fn drafts_and_hidden_threads_are_nowhere_for_visitors(t) {
        with_products(t);
        let (ana, mo, kim) = (user(t, "Ana", Role::Member), user(t, "Mo", Role::Moderator), user(t, "Kim", Role::Staff));
        let hidden = ask(t, &ana, "Zebra crossing the kitchen");
        let lamp = read(t, |c| store::product_by_slug(c, "lamp")).unwrap();
        let now = t.app.now();
        let draft = draft_thread::Draft { product: lamp.id, topic: None, author: kim.id, kind: ThreadKind::Question,
            title: "Zebra stripes on the lamp", body: "From a case about a zebra.", from: Origin { case: CaseId(1), mention: None } };
        let draft = t.app.db.write(|tx| draft_thread::draft_thread(tx, now, &draft)).unwrap();
        let opening = post_at(t, hidden, 1);
        is_done(delete_post::delete_post(&t.app, &mo, opening, "spam"));
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).unwrap();

        let mut browser = t.browser();
        let (mut member, _) = t.browser_of("Eve", Role::Member);
        for path in ["/", "/p/lamp", "/p/lamp/light", "/p/lamp?show=questions", "/feed.atom", "/sitemap-0.xml", "/search?q=zebra", "/search/suggest?q=zebra", "/similar?q=zebra+stripes+on+the+lamp"] {
            for reader in [&mut browser, &mut member] {
                let page = reader.get(path);
                assert_eq!(page.status, 200, "{path}");
                assert!(!page.body.contains("Zebra"), "{path}: {}", page.body);
            }
        }
        for id in [hidden, draft] {
            for reader in [&mut browser, &mut member] {
                assert_eq!(reader.get(&format!("/t/{id}")).status, 404);
                assert_eq!(reader.get(&format!("/t/{id}/zebra")).status, 404);
                let post = post_at(t, id, 1);
                assert_eq!(reader.get(&format!("/post/{post}/history")).status, 404);
            }
            assert!(matches!(post_reply::post_reply(&t.app, &ana, id, &post_reply::Typed { body: "x".into(), ..Default::default() }).unwrap(), post_reply::Outcome::NotFound));
        }
        assert_eq!(browser.get("/tag/flicker").status, 404, "no public thread has it");
        assert!(read(t, |c| lists::contributions(c, ana.id, None, 10)).is_empty());
        let documents = Docs::new(t.app.db.clone());
        assert!(documents.load(&[hidden.0, draft.0]).unwrap().is_empty());
        assert!(documents.after(0, 10).unwrap().is_empty());
        counters_are_right(t);

        is_done(publish(t, &kim, draft));
        assert_eq!(thread(t, draft).visibility, Visibility::Public);
        assert!(browser.get("/p/lamp").body.contains("Zebra stripes"));
        counters_are_right(t);
    }

    fn what_staff_take_out_of_a_draft_is_in_no_history(t) {
        with_products(t);
        let kim = user(t, "Kim", Role::Staff);
        let id = draft(t, &kim, "Refund of order 4711 for Ana Lee", "Ana Lee wants her money back.");
        let post = post_at(t, id, 1);
        assert!(matches!(change(t, &kim, post, "How long does a refund take?", "A customer asks for a refund."), edit_post::Outcome::Saved(_)));
        is_done(publish(t, &kim, id));
        let mut browser = t.browser();
        let path = thread(t, id).path();
        let page = browser.get(&path);
        assert!(page.body.contains("A customer asks") && !page.body.contains("/history"), "{}", page.body);
        assert!(matches!(change(t, &kim, post, "How long does a refund take?", "A customer asks for it."), edit_post::Outcome::Saved(_)));
        let history = browser.get(&format!("/post/{post}/history"));
        assert!(history.body.contains("A customer asks for a refund."), "{}", history.body);
        assert!(!history.body.contains("Ana Lee") && !browser.get(&path).body.contains("Ana Lee"));
        assert_eq!(read(t, |c| store::reading::revisions(c, post, None, 100)).len(), 2);
    }

    fn a_discarded_draft_stays_with_the_products_staff(t) {
        with_products(t);
        let (kim, mo) = (user(t, "Kim", Role::Staff), user(t, "Mo", Role::Moderator));
        let id = draft(t, &kim, "Refund of order 4711 for Ana Lee", "Ana Lee wants her money back.");
        let post = post_at(t, id, 1);
        is_refused(delete_post::delete_post(&t.app, &kim, post, ""));
        is_done(draft_thread::discard_draft(&t.app, &kim, id, "private"));
        assert_eq!(reason(t, id, "draft_discarded"), "private");
        assert_eq!(restore_post::restore_post(&t.app, &mo, post, "").unwrap(), Outcome::NotFound);
        assert!(matches!(restore_post::restore_post(&t.app, &kim, post, "").unwrap(), Outcome::Unchanged(_)));
        is_refused(publish(t, &kim, id));
        assert_eq!((thread(t, id).visibility, thread(t, id).state), (Visibility::Draft, ThreadState::Closed));
        let (mut moderator, mut staff) = (t.browser_for(mo.id), t.browser_for(kim.id));
        assert_eq!(moderator.get(&thread(t, id).path()).status, 404);
        let page = staff.get(&thread(t, id).path());
        assert!(page.body.contains("A discarded draft") && !page.body.contains("/publish"), "{}", page.body);
    }

    fn the_companys_word_is_changed_and_moved_by_its_staff_only(t) {
        with_products(t);
        let (kim, mo) = (user(t, "Kim", Role::Staff), user(t, "Mo", Role::Moderator));
        let ana = user(t, "Ana", Role::Member);
        let products = read(t, store::products);
        let lamp_only = CurrentUser { products: vec![products.iter().find(|p| p.slug == "lamp").unwrap().id], ..user(t, "Lea", Role::Staff) };
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let official = post_reply::Typed { body: "We look into it.".into(), official: true, ..Default::default() };
        post_reply::post_reply(&t.app, &kim, id, &official).unwrap();
        let post = post_at(t, id, 2);
        assert!(matches!(change(t, &mo, post, "", "We don't care."), edit_post::Outcome::NotAllowed(_)));
        assert!(matches!(change(t, &lamp_only, post, "", "We look into it today."), edit_post::Outcome::Saved(_)));
        for by in [&mo, &lamp_only] {
            is_refused(move_thread::move_thread(&t.app, by, id, "kettle", "", ""));
        }
        is_done(move_thread::move_thread(&t.app, &mo, id, "lamp", "", "no topic"));
        is_done(move_thread::move_thread(&t.app, &kim, id, "kettle", "", ""));
        t.run_jobs();
    }

    fn a_state_that_should_never_have_been_public_leaves_the_history(t) {
        with_products(t);
        let (ana, mo) = (user(t, "Ana", Role::Member), user(t, "Mo", Role::Moderator));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let post = reply(t, &ana, id, "My card is 4111 secret");
        is_refused(hide_revision::hide_revision(&t.app, &ana, post, 1, true, ""));
        assert_eq!(hide_revision::hide_revision(&t.app, &mo, post, 1, true, "").unwrap(), Outcome::NotFound, "never edited");
        let why = edit_post::Typed { body: "My card is gone".into(), seen: seen(t, post), reason: "said 4111 again".into(), ..Default::default() };
        assert!(matches!(edit_post::edit_post(&t.app, &mo, post, &why).unwrap(), edit_post::Outcome::Saved(_)));
        change(t, &mo, post, "", "My card is gone for good");
        is_refused(hide_revision::hide_revision(&t.app, &mo, post, 3, true, ""));
        let history = format!("/post/{post}/history");
        let mut browser = t.browser();
        assert!(browser.get(&history).body.contains("4111 secret"));
        let mut moderator = t.browser_for(mo.id);
        let hidden = moderator.submit(&history, &format!("{history}/1"), &[("reason", "a card number")]);
        assert_eq!(hidden.location(), history);
        let public = browser.get(&history).body;
        assert!(!public.contains("4111 secret") && public.contains("My card is gone"), "{public}");
        assert!(public.contains("Taken out of the public history."));
        assert!(moderator.get(&history).body.contains("4111 secret"), "kept on record");
        assert_eq!(reason(t, id, "revision_hidden"), "a card number");
        is_done(hide_revision::hide_revision(&t.app, &mo, post, 2, true, ""));
        assert!(!browser.get(&history).body.contains("said 4111 again"), "why may repeat what it said");
        assert!(moderator.get(&history).body.contains("said 4111 again"));
        let mut member = t.browser_for(ana.id);
        assert_eq!(member.submit(&history, &format!("{history}/1"), &[("undo", "1")]).status, 403);
        is_done(hide_revision::hide_revision(&t.app, &mo, post, 1, false, ""));
        assert!(browser.get(&history).body.contains("4111 secret"));
        t.run_jobs();
    }

    fn what_is_written_under_a_thread_that_goes_away_is_kept(t) {
        with_products(t);
        let (ana, mo) = (user(t, "Ana", Role::Member), user(t, "Mo", Role::Moderator));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let (opening, own) = (post_at(t, id, 1), reply(t, &ana, id, "Since Monday."));
        let mut browser = t.browser_for(ana.id);
        browser.get(&thread(t, id).path());
        is_done(delete_post::delete_post(&t.app, &mo, opening, "spam"));
        let lost = browser.post(&format!("/t/{id}/reply"), &[("body", "An hour of work")]);
        assert_eq!(lost.status, 404);
        assert!(lost.body.contains("An hour of work"), "{}", lost.body);
        let lost = browser.post(&format!("/post/{own}/edit"), &[("body", "Another hour"), ("reason", "clearer words")]);
        assert_eq!(lost.status, 404);
        assert!(lost.body.contains("Another hour") && lost.body.contains("clearer words"), "{}", lost.body);
        t.run_jobs();
    }

    fn a_long_history_is_read_page_by_page(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let post = post_at(t, id, 1);
        for n in 2..=25 {
            change(t, &ana, post, "Lamp flickers in the evening", &format!("State {n}."));
        }
        let mut browser = t.browser();
        let newest = browser.get(&format!("/post/{post}/history"));
        assert!(newest.body.contains("Edit 24") && newest.body.contains("Edit 5<") && !newest.body.contains("Edit 4<"), "{}", newest.body);
        assert!(newest.body.contains("<del>State 5."), "the last is compared too: {}", newest.body);
        let older = browser.get(&format!("/post/{post}/history?before=6"));
        assert!(newest.body.contains("history?before=6") && older.body.contains("Edit 4<"), "{}", older.body);
        assert!(older.body.contains("As first posted") && !older.body.contains("Edit 5<"), "{}", older.body);
        assert!(!older.body.contains("history?before="), "{}", older.body);
        t.run_jobs();
    }

    fn news_are_read_while_the_database_takes_no_writes(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        reply(t, &ben, id, "Is it the bulb?");
        t.run_jobs();
        assert_eq!(notices(t, &ana), ["replied"]);
        t.forbid_writes("notifications");
        let page = t.browser_for(ana.id).get(&thread(t, id).path());
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Is it the bulb?"));
    }

    fn search_shows_what_a_thread_says_now(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let id = open(t, &ana, &post_thread::Typed { body: "It flickers, my card is 4111.".into(), ..typed("Lamp flickers in the evening") });
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).unwrap();
        let mut browser = t.browser();
        assert!(browser.get("/search?q=flickers").body.contains("4111"));
        change(t, &ana, post_at(t, id, 1), "Lamp <flickers> at night", "It flickers.");
        let found = browser.get("/search?q=flickers").body;
        assert!(!found.contains("4111") && !found.contains("in the evening"), "{found}");
        assert!(found.contains("at night") && !found.contains("<flickers>"), "{found}");
        t.run_jobs();
    }

    fn only_the_solution_that_stands_is_told(t) {
        with_products(t);
        let (ana, ben, eve) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member), user(t, "Eve", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        is_done(me_too::me_too(&t.app, &eve, id, true));
        let (first, second) = (reply(t, &ben, id, "The bulb."), reply(t, &ben, id, "The switch."));
        is_done(accept_answer::accept_answer(&t.app, &ana, first, false));
        t.advance(offramp::clock::MINUTE);
        is_done(accept_answer::unaccept(&t.app, &ana, first));
        t.advance(offramp::clock::MINUTE);
        is_done(accept_answer::accept_answer(&t.app, &ana, second, false));
        t.run_jobs();
        assert_eq!(notices(t, &eve), ["solved"]);
        assert_eq!(notices(t, &ben), ["accepted"]);
    }

    fn a_page_says_its_language_and_names_its_posts(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let german = post_thread::Typed {
            body: "Seit gestern flackert meine Lampe jeden Abend, sobald der Wasserkocher läuft. Woran kann das liegen?".into(),
            ..typed("Die Lampe flackert jeden Abend")
        };
        let id = open(t, &ana, &german);
        let page = t.browser().get(&thread(t, id).path()).body;
        assert!(page.contains("<h1 lang=\"de\">") && page.contains("<div class=\"prose\" itemprop=\"text\" lang=\"de\">"), "{page}");
        assert!(page.contains("<h2 class=\"visually-hidden\">Post 1 by Ana</h2>"), "{page}");
        t.run_jobs();
    }

    fn following_is_no_change_of_the_thread(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let before = (thread(t, id).version, read(t, offramp::db::changes::newest));
        for yes in [true, false, true] {
            is_done(follow::follow(&t.app, &ben, id, yes));
        }
        assert_eq!((thread(t, id).version, read(t, offramp::db::changes::newest)), before);
        assert_eq!(thread(t, id).follower_count, 2);
        counters_are_right(t);
    }

    fn two_threads_that_swap_their_tags_do_not_wait_for_each_other(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let posts = ["one", "two"].map(|name| {
            let id = ask(t, &ana, &format!("Lamp flickers, number {name}"));
            post_at(t, id, 1)
        });
        let t = &*t;
        std::thread::scope(|scope| {
            for (at, post) in posts.into_iter().enumerate() {
                let ana = &ana;
                scope.spawn(move || {
                    for round in 0..15 {
                        let tags = if (round + at) % 2 == 0 { "amber, bulb, cord" } else { "zinc, dimmer, bulb, edge" };
                        let typed = edit_post::Typed { title: "Lamp flickers a lot".into(), body: "It does.".into(), tags: tags.into(), seen: seen(t, post), ..Default::default() };
                        assert!(matches!(edit_post::edit_post(&t.app, ana, post, &typed).unwrap(), edit_post::Outcome::Saved(_)));
                    }
                });
            }
        });
        counters_are_right(t);
    }

    fn another_name_reaches_pages_and_search(t) {
        with_products(t);
        t.registry = Arc::new(offramp::boot::registry());
        let (ana, boss) = (user(t, "Ana", Role::Member), user(t, "Boss", Role::Admin));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let catch_up = |t: &Test| search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).unwrap();
        catch_up(t);
        let mut browser = t.browser();
        let path = thread(t, id).path();
        assert!(browser.get(&path).body.contains("Ana") && browser.get("/").body.contains("Lamp"));
        assert_eq!(offramp::people::change_profile::change_profile(&t.app, &ana, "Zoë", "").unwrap(), offramp::people::change_profile::Outcome::Changed);
        let lamp = read(t, |c| store::product_by_slug(c, "lamp")).unwrap();
        let settings = read(t, |c| store::settings::settings(c, lamp.id)).unwrap();
        let renamed = save_product::Settings { name: "Luminaire".into(), ..settings };
        save_product::save_product(&t.app, &boss, Some(lamp.id), &renamed).unwrap();
        for page in [path.as_str(), "/", "/p/lamp"] {
            assert!(browser.get(page).body.contains("Luminaire"), "{page}");
        }
        assert!(browser.get(&path).body.contains("Zoë") && !browser.get(&path).body.contains(">Ana<"));
        t.run_jobs();
        catch_up(t);
        assert!(browser.get("/search?q=flickers+author:ZO%C3%8B").body.contains(&path));
        assert!(!browser.get("/search?q=flickers+author:ana").body.contains(&path));
    }

    fn feeds_are_well_formed_and_their_entries_stay_the_same(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let id = ask(t, &ana, "Lamp \u{fffe}flickers\u{202e} & <hums>");
        assert_eq!(thread(t, id).title, "Lamp flickers & <hums>");
        let mut browser = t.browser();
        assert_eq!(browser.get("/feed.atom?product=nothing").status, 404);
        let entry = format!("<entry><title>Lamp flickers &amp; &lt;hums&gt;</title><id>{}</id>", t.app.url(&format!("/t/{id}")));
        let feed = browser.get("/feed.atom?product=lamp");
        assert!(feed.body.contains(&entry), "{}", feed.body);
        assert!(feed.body.contains(&format!("<link rel=\"self\" href=\"{}\"/>", t.app.url("/feed.atom?product=lamp"))));
        assert_eq!(feed.header("cache-control"), "public, max-age=300");
        change(t, &ana, post_at(t, id, 1), "Lamp hums in the evening", "It hums.");
        assert!(browser.get("/feed.atom").body.contains(&t.app.url(&format!("/t/{id}</id>"))));
        let moved = browser.get(&format!("/t/{id}/lamp-flickers-hums"));
        assert_eq!((moved.status, moved.header("cache-control")), (301, "no-cache"));
    }

    fn a_reply_leads_to_what_it_answers_and_a_solution_keeps_its_day(t) {
        with_products(t);
        let (ana, ben, mo) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member), user(t, "Mo", Role::Moderator));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let first = reply(t, &ben, id, "Tighten the bulb.");
        let quoting = post_reply::Typed { body: "> Tighten the bulb.\n\nDone.".into(), reply_to: Some(first), ..Default::default() };
        post_reply::post_reply(&t.app, &ana, id, &quoting).unwrap();
        let path = thread(t, id).path();
        assert!(t.browser().get(&path).body.contains(&format!("<a href=\"{path}#post-2\">in reply to #2</a>")));
        is_done(accept_answer::accept_answer(&t.app, &ana, first, true));
        let solved_at = thread(t, id).solved_at;
        t.advance(5_000_000);
        is_done(close_thread::close_thread(&t.app, &mo, id, ""));
        is_done(close_thread::reopen_thread(&t.app, &mo, id, "asked again"));
        assert_eq!((thread(t, id).state, thread(t, id).solved_at), (ThreadState::Solved, solved_at));
        assert_eq!(reason(t, id, "thread_reopened"), "asked again");
        t.run_jobs();
    }

    fn the_badge_counts_what_the_list_shows_and_old_notices_go(t) {
        with_products(t);
        let (ana, ben, mo) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member), user(t, "Mo", Role::Moderator));
        let (one, two) = (ask(t, &ana, "Lamp flickers in the evening"), ask(t, &ana, "Lamp hums in the morning"));
        reply(t, &ben, one, "Yes.");
        reply(t, &ben, two, "No.");
        t.run_jobs();
        let opening = post_at(t, two, 1);
        is_done(delete_post::delete_post(&t.app, &mo, opening, "spam"));
        let mut browser = t.browser_for(ana.id);
        assert!(browser.get("/search").body.contains(">1<span class=\"visually-hidden\"> unread"));
        assert_eq!(notices(t, &ana), ["replied"]);
        browser.get(&thread(t, one).path());
        forget_read::ForgetRead {}.run(&t.app).unwrap();
        assert_eq!(notices(t, &ana).len(), 1, "read a moment ago");
        t.advance(91 * offramp::clock::DAY);
        forget_read::ForgetRead {}.run(&t.app).unwrap();
        assert_eq!(notices(t, &ana).len(), 0);
        is_done(restore_post::restore_post(&t.app, &mo, opening, ""));
        assert_eq!(notices(t, &ana), ["replied"], "unread ones stay");
    }

    fn a_thread_moves_and_is_pinned_under_the_same_address(t) {
        with_products(t);
        let (ana, mo) = (user(t, "Ana", Role::Member), user(t, "Mo", Role::Moderator));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let path = thread(t, id).path();
        is_refused(move_thread::move_thread(&t.app, &ana, id, "kettle", "", ""));
        is_refused(move_thread::move_thread(&t.app, &mo, id, "kettle", "nowhere", ""));
        is_done(pin::pin(&t.app, &mo, id, true, ""));
        is_done(move_thread::move_thread(&t.app, &mo, id, "kettle", "light", "it is the kettle"));
        assert!(!thread(t, id).pinned, "it was pinned for the readers of another forum");
        is_done(pin::pin(&t.app, &mo, id, true, "asked daily"));
        assert_eq!(reason(t, id, "thread_pinned"), "asked daily");
        assert!(matches!(pin::pin(&t.app, &mo, id, true, "").unwrap(), Outcome::Unchanged(_)));
        let mut browser = t.browser();
        assert!(browser.get(&path).body.contains("/p/kettle/light"));
        assert!(browser.get("/p/kettle").body.contains("Pinned"));
        assert!(!browser.get("/p/lamp").body.contains("flickers"));
        assert_eq!(acts(t, id), ["thread_pinned", "thread_moved", "thread_pinned"]);
        is_done(follow::follow(&t.app, &mo, id, true));
        assert!(matches!(follow::follow(&t.app, &mo, id, true).unwrap(), Outcome::Unchanged(_)));
        counters_are_right(t);
    }

    fn a_thread_has_one_address(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let right = format!("/t/{id}/lamp-flickers-in-the-evening");
        let mut browser = t.browser();
        for wrong in [format!("/t/{id}"), format!("/t/{id}/x"), format!("/t/{id}/%ff%01")] {
            let reply = browser.get(&wrong);
            assert_eq!((reply.status, reply.location()), (301, right.as_str()), "{wrong}");
        }
        let page = browser.get(&right);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("itemtype=\"https://schema.org/Question\""), "{}", page.body);
        for nothing in ["/t/999", "/t/0", "/t/-1", "/t/99999999999999999999", "/t/x", &format!("{right}?page=2"), &format!("{right}?page=99999999999999999"), &format!("/t/{id}/%00")] {
            assert_eq!(browser.get(nothing).status, 404, "{nothing}");
        }
    }

    fn a_kept_page_is_never_stale(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let path = thread(t, id).path();
        let mut browser = t.browser();
        let first = browser.get(&path);
        assert!(browser.get("/").body.contains("flickers"));
        browser.headers.push(("if-none-match".into(), first.header("etag").into()));
        assert_eq!(browser.get(&path).status, 304);
        reply(t, &ben, id, "Just now I saw it too");
        let after = browser.get(&path);
        assert_eq!(after.status, 200);
        assert!(after.body.contains("Just now I saw it too"));
        browser.headers.clear();
        ask(t, &ben, "A second lamp flickers");
        assert!(browser.get("/").body.contains("A second lamp"));
        t.run_jobs();
    }

    fn a_list_read_page_by_page_shows_each_thread_once(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let mut ids = Vec::new();
        for n in 0..25 {
            // Some at the same moment: the id decides.
            if n % 3 == 0 { t.advance(1_000_000); }
            ids.push(ask(t, &ana, &format!("Question number {n}")));
        }
        let lamp = read(t, |c| store::product_by_slug(c, "lamp")).unwrap();
        let tag = read(t, |c| store::tag_by_slug(c, "flicker")).unwrap();
        for by_tag in [false, true] {
            let (mut seen, mut before) = (Vec::new(), None);
            loop {
                let filter = lists::Filter { product: Some(lamp.id), ..Default::default() };
                let page = read(t, |c| if by_tag { lists::threads_of_tag(c, tag.id, before, 4) } else { lists::threads(c, filter, before, 4) });
                let Some(last) = page.last() else { break };
                before = Some(last.cursor());
                seen.extend(page.iter().map(|l| l.id));
                t.advance(1_000_000);
                ask(t, &ana, "A new one on top of the list");
            }
            let mut old: Vec<_> = seen.iter().copied().filter(|id| ids.contains(id)).collect();
            old.reverse();
            assert_eq!(old, ids);
        }
        let first = t.browser().get("/p/lamp");
        let next = first.body.split("rel=\"next\" href=\"").nth(1).and_then(|r| r.split('"').next()).unwrap().replace("&amp;", "&");
        let second = t.browser().get(&next);
        assert!(second.body.contains("Question number 0<"), "{}", second.body);
        counters_are_right(t);
    }

    fn long_threads_have_pages_by_number(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        for n in 2..=41 { reply(t, &ana, id, &format!("post number {n}.")); }
        let mo = user(t, "Mo", Role::Moderator);
        let fifth = post_at(t, id, 5);
        is_done(delete_post::delete_post(&t.app, &mo, fifth, ""));
        let path = thread(t, id).path();
        let mut browser = t.browser();
        let second = browser.get(&format!("{path}?page=2"));
        assert!(second.body.contains("post number 21.") && second.body.contains("post number 40."), "{}", second.body);
        let first_of_it = post_at(t, id, 21);
        is_done(delete_post::delete_post(&t.app, &mo, first_of_it, "unkind"));
        let second = browser.get(&format!("{path}?page=2"));
        assert!(!second.body.contains("post number 21."), "nor as the page's description");
        assert!(second.body.contains("name=\"description\" content=\"post number 22."));
        assert!(!second.body.contains("post number 20.") && !second.body.contains("post number 41."));
        assert!(browser.get(&format!("{path}?page=3")).body.contains("id=\"post-41\""));
        let place = Place { thread: id, slug: thread(t, id).slug, post: 41 };
        assert_eq!(place.path(), format!("{path}?page=3#post-41"));
        t.run_jobs();
    }

    fn text_cannot_become_markup(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let nasty = post_thread::Typed {
            title: "</script><script>alert(1)</script> & \"quotes\"".into(),
            body: "<script>alert(2)</script> <img src=x onerror=alert(3)> [a](javascript:alert(4)) </script>".into(),
            ..typed("")
        };
        let id = open(t, &ana, &nasty);
        let path = thread(t, id).path();
        reply(t, &ana, id, "</script><b onclick=x>hi</b>");
        let mut browser = t.browser();
        for page in [path.as_str(), "/", "/p/lamp", "/feed.atom", "/search?q=%3Cscript%3Ealert(1)%22", "/tag/flicker"] {
            let body = browser.get(page).body;
            assert!(!body.contains("<script>alert") && !body.contains("<img src=x") && !body.contains("href=\"javascript"), "{page}: {body}");
            assert!(!body.contains("<b onclick"), "{page}");
        }
        let body = browser.get(&path).body;
        assert!(body.contains("itemprop=\"name\" content=\"&#60;/script&#62;"), "{body}");
        t.run_jobs();
    }

    fn forms_post_and_lose_nothing(t) {
        with_products(t);
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        let page = browser.get("/new?product=lamp");
        let key = page.field("request_key").unwrap();
        let bad = browser.post("/new", &[("product", "lamp/light"), ("kind", "question"), ("title", "x"), ("body", "My <long> text"), ("tags", "a"), ("request_key", &key)]);
        assert_eq!(bad.status, 422);
        assert!(bad.body.contains("My &lt;long&gt; text") || bad.body.contains("My &#60;long&#62; text"), "{}", bad.body);
        assert_eq!(bad.field("request_key").as_deref(), Some(key.as_str()));
        let fields = [("product", "lamp/light"), ("kind", "question"), ("title", "Lamp flickers in the evening"), ("body", "My text"), ("tags", ""), ("request_key", key.as_str())];
        let posted = browser.post("/new", &fields);
        assert_eq!(posted.status, 303, "{}", posted.body);
        let again = browser.post("/new", &fields);
        assert_eq!(again.location(), posted.location());
        let thread_page = browser.follow(&posted);
        let key = thread_page.field("request_key").unwrap();
        let reply_to = format!("{}/reply", posted.location().rsplit_once('/').unwrap().0);
        let preview = browser.post(&reply_to, &[("body", "**bold**"), ("preview", "1"), ("request_key", &key)]);
        assert!(preview.body.contains("<strong>bold</strong>"), "{}", preview.body);
        let empty = browser.post(&reply_to, &[("body", "  "), ("request_key", &key)]);
        assert_eq!(empty.status, 422);
        let reply = browser.post(&reply_to, &[("body", "A reply"), ("request_key", &key)]);
        assert!(reply.location().ends_with("#post-2"), "{}", reply.location());
        let used = browser.post(&reply_to, &[("body", "Another reply"), ("request_key", &key)]);
        assert_eq!(used.status, 409);
        assert!(used.body.contains("Another reply") && used.body.contains("already posted"), "{}", used.body);
        let fresh = used.field("request_key").unwrap();
        let reply = browser.post(&reply_to, &[("body", "Another reply"), ("request_key", &fresh)]);
        assert!(reply.location().ends_with("#post-3"), "{}", reply.location());
        let topic = browser.post("/new", &[("product", "lamp/nosuch"), ("kind", "discussion"), ("title", "Lamp flickers again"), ("body", "My text")]);
        assert_eq!(topic.status, 422);
        assert!(topic.body.contains("href=\"#product\""), "{}", topic.body);
        // Logged out in another window: what was typed is shown.
        browser.cookies.insert("session".into(), "gone".into());
        let csrf = offramp::web::csrf_token(&t.app, "gone");
        let kept = browser.post(&reply_to, &[("csrf", &csrf), ("body", "A long reply that took an hour")]);
        assert_eq!(kept.status, 400);
        assert!(kept.body.contains("A long reply that took an hour"));
        let csrf = offramp::web::csrf_token(&t.app, "gone");
        let kept = browser.post("/new", &[("csrf", &csrf), ("title", "Lamp flickers"), ("tags", "dimmer, bulb"), ("body", "A long question")]);
        assert!(kept.body.contains("dimmer, bulb") && kept.body.contains("A long question"), "{}", kept.body);
        let kept = browser.post("/desk/case/1/note", &[("csrf", &csrf), ("text", "A long note that took an hour")]);
        assert_eq!(kept.status, 400);
        assert!(kept.body.contains("A long note that took an hour"), "{}", kept.body);
        assert_eq!(browser.post("/t/1/follow", &[("csrf", &csrf)]).status, 303, "a button has nothing to keep");
        t.run_jobs();
        counters_are_right(t);
    }

    fn hostile_fields_get_an_answer_and_never_an_error(t) {
        with_products(t);
        let ana = user(t, "Ana", Role::Member);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        let mut browser = t.browser_for(ana.id);
        browser.get("/new");
        let long = "a".repeat(40_000);
        for nasty in ["\0", "\u{202e}\u{7f}\u{1b}[0m", "'; DROP TABLE threads;--", "%00%ff", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", long.as_str(), "{{7*7}}"] {
            for path in ["/new".to_owned(), "/preview".into(), format!("/t/{id}/reply"), format!("/t/{id}/move"), format!("/t/{id}/kind"), format!("/t/{id}/fixed"), format!("/post/{}/edit", post_at(t, id, 1))] {
                let fields = [("product", nasty), ("kind", nasty), ("title", nasty), ("body", nasty), ("tags", nasty), ("request_key", nasty), ("reply_to", nasty), ("place", nasty), ("fixed_in", nasty), ("seen", nasty)];
                let reply = browser.post(&path, &fields);
                assert!(reply.status < 500, "{path} with {:?}: {}", &nasty[..nasty.floor_char_boundary(20)], reply.status);
            }
            let query: String = url::form_urlencoded::byte_serialize(&nasty.as_bytes()[..nasty.floor_char_boundary(2_000)]).collect();
            for path in ["/?before=", "/p/lamp?show=", "/p/lamp?before=", "/search?q=", "/search?from=1&q=lamp&after=", "/search?q=a&from=", "/search/suggest?q=", "/similar?q=", "/notifications?before=", "/feed.atom?product=", "/new?title="] {
                let reply = browser.get(&format!("{path}{query}"));
                assert!(reply.status < 500, "{path}{query}: {}", reply.status);
            }
        }
        t.run_jobs();
        counters_are_right(t);
    }

    fn a_question_meets_similar_ones_before_it_is_posted(t) {
        with_products(t);
        let ben = user(t, "Ben", Role::Member);
        ask(t, &ben, "Lamp flickers in the evening when the kettle boils");
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).unwrap();
        let (mut browser, _) = t.browser_of("Ana", Role::Member);
        browser.get("/new");
        let fields = [("product", "lamp/"), ("kind", "question"), ("title", "Lamp flickers when the kettle boils"), ("body", "Every evening it flickers."), ("request_key", "k")];
        let shown = browser.post("/new", &fields);
        assert_eq!(shown.status, 200);
        assert!(shown.body.contains("Not posted yet") && shown.body.contains("Does one of these threads answer it?"), "{}", shown.body);
        assert!(shown.body.contains("Post anyway") && shown.body.contains("flickers in the evening when"), "{}", shown.body);
        let mut anyway = fields.to_vec();
        anyway.push(("seen_similar", "1"));
        assert_eq!(browser.post("/new", &anyway).status, 303);
        let found = t.browser().get("/search?q=flickers&product=lamp&is=open");
        assert!(found.body.contains("<mark>"), "{}", found.body);
        let json = t.browser().get("/search/suggest?q=lamp+fli");
        assert!(json.body.contains("\"url\":\"/t/1/"), "{}", json.body);
    }

    fn whoever_has_no_confirmed_address_reads_only(t) {
        with_products(t);
        let now = t.app.now();
        let id = t.app.db.write(|tx| offramp::people::store::insert_user(tx, &offramp::people::store::NewUser { name: "New", email: Some("new@people.example"), email_verified_at: None, password_hash: None, role: Role::Member }, now)).unwrap();
        let new = CurrentUser { id, name: "New".into(), role: Role::Member, session: SessionId(0), products: Vec::new() };
        assert!(matches!(post_thread::post_thread(&t.app, &new, &typed("Lamp flickers in the evening")).unwrap(), post_thread::Outcome::NotAllowed(_)));
        let thread = ask(t, &user(t, "Ana", Role::Member), "Lamp flickers in the evening");
        is_refused(me_too::me_too(&t.app, &new, thread, true));
        let mut browser = t.browser_for(id);
        let path = format!("/t/{thread}/reply");
        let reply = browser.submit(&format!("/t/{thread}/lamp-flickers-in-the-evening"), &path, &[("body", "me as well")]);
        assert_eq!(reply.status, 403);
        assert!(reply.body.contains("me as well"), "kept");
    }

    fn mails_go_to_followers_once_until_they_read(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let eve = user(t, "Eve", Role::Member);
        let id = ask(t, &ana, "Lamp flickers in the evening");
        is_done(me_too::me_too(&t.app, &eve, id, true));
        let mails = |t: &Test| {
            t.run_jobs();
            let Ok(dir) = std::fs::read_dir(&t.app.config.mail.folder) else { return Vec::new() };
            let mut all: Vec<String> = dir.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap()).collect();
            all.sort();
            all
        };
        reply(t, &ben, id, "Is it the bulb?");
        let last = reply(t, &ben, id, "Or the switch?");
        let sent = mails(t);
        assert_eq!(sent.len(), 1, "one until she reads: {sent:?}");
        assert!(sent[0].contains("Ana@people.example") || sent[0].contains("ana@people.example"), "{}", sent[0]);
        let path = forum::letters::unsubscribe_path(&t.app, id, ana.id);
        // Quoted-printable breaks long lines.
        assert!(sent[0].replace("=\r\n", "").contains(&path), "{}", sent[0]);
        t.browser_for(ana.id).get(&thread(t, id).path());
        reply(t, &ben, id, "Anyone?");
        assert_eq!(mails(t).len(), 2);
        // Eve hears once: that it is solved.
        is_done(accept_answer::accept_answer(&t.app, &ana, last, true));
        let subjects: Vec<_> = mails(t).into_iter().filter(|m| m.contains("eve@people.example")).collect();
        assert_eq!(subjects.len(), 1);
        assert!(subjects[0].contains("Solved: =E2=80=9CLamp flickers"), "{}", subjects[0]);

        let mut browser = t.browser();
        assert_eq!(browser.get(&path).status, 200);
        assert_eq!(browser.get(&path.replace(&format!("/{}/", ana.id), &format!("/{}/", ben.id))).status, 404);
        assert_eq!(browser.post(&path, &[("List-Unsubscribe", "One-Click")]).status, 200);
        let before = mails(t).len();
        reply(t, &ben, id, "Nobody hears this by mail");
        assert_eq!(mails(t).len(), before);
        counters_are_right(t);
    }

    fn notices_are_shown_and_read(t) {
        with_products(t);
        let (ana, ben) = (user(t, "Ana", Role::Member), user(t, "Ben", Role::Member));
        let (one, two) = (ask(t, &ana, "Lamp flickers in the evening"), ask(t, &ana, "Lamp hums in the morning"));
        reply(t, &ben, one, "Yes.");
        reply(t, &ben, two, "No.");
        t.run_jobs();
        let mut browser = t.browser_for(ana.id);
        let page = browser.get("/notifications");
        assert!(page.body.contains("flickers") && page.body.contains("hums") && page.body.contains("is-unread"), "{}", page.body);
        // Reading the thread reads its notices.
        browser.get(&thread(t, one).path());
        assert_eq!(read(t, |c| followers::unread_of_thread(c, ana.id, one)), 0);
        assert_eq!(read(t, |c| followers::unread_of_thread(c, ana.id, two)), 1);
        assert_eq!(browser.post("/notifications/read", &[]).status, 303);
        assert_eq!(read(t, |c| followers::unread_of_thread(c, ana.id, two)), 0);
    }

    fn the_demo_community_is_seeded_with_right_counters(t) {
        let community = offramp::demo::content::load().unwrap();
        let seeded = offramp::demo::seed::seed(&t.app, &community).unwrap();
        assert_eq!(seeded.threads.len(), community.threads.len());
        counters_are_right(t);
        for one in &community.threads {
            let thread = thread(t, seeded.threads[&one.stem]);
            assert_eq!(thread.state.as_str(), one.state, "{}", one.stem);
            assert_eq!(thread.reply_count, i64::try_from(one.replies.len()).unwrap(), "{}", one.stem);
            assert!(thread.active_at <= t.app.now());
        }
        assert!(offramp::demo::seed::seed(&t.app, &community).is_err(), "only into an empty database");
        let found = UserId(1);
        assert!(read(t, |c| offramp::people::store::name_of(c, found)).is_some());
    }
}

#[test]
fn scripts_are_slowed_down_at_every_button() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.limits.posts_per_minute = 3;
        config.limits.acts_per_minute = 3;
        config.limits.searches_per_minute = 3;
    })
    .unwrap();
    with_products(&mut t);
    let ana = user(&t, "Ana", Role::Member);
    let id = ask(&t, &ana, "Lamp flickers when the kettle boils");
    search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).unwrap();
    let mut browser = t.browser_for(ana.id);
    browser.get("/account");
    // Each answer but the last is as ever.
    let four = |send: &mut dyn FnMut() -> u16, usual: u16| {
        assert_eq!([send(), send(), send(), send()], [usual, usual, usual, 429]);
    };
    let profile = [("name", "Ana"), ("bio", "Lamps.")];
    four(
        &mut || browser.post("/account/profile", &profile).status,
        303,
    );
    four(&mut || browser.post("/notifications/read", &[]).status, 303);
    for act in [
        "/account/sessions/others/end",
        "/account/sessions/1/end",
        "/account/handles/1/withdraw",
    ] {
        assert_eq!(browser.post(act, &[]).status, 429, "{act}");
    }
    for form in [
        "/new".to_owned(),
        format!("/t/{id}/reply"),
        format!("/post/{}/edit", post_at(&t, id, 1)),
    ] {
        let preview = browser.post(&form, &[("body", "Kept and **bold**"), ("preview", "1")]);
        assert_eq!(preview.status, 429, "{form}");
        assert!(
            preview.body.contains("Kept and **bold**") && !preview.body.contains("<strong>bold"),
            "{}",
            preview.body
        );
    }
    let asked = "/new?product=lamp&title=Lamp+flickers+when+the+kettle+boils";
    assert!(
        browser
            .get(asked)
            .body
            .contains("Does one of these answer it?")
    );
    let history = format!("/post/{}/history", post_at(&t, id, 1));
    assert_eq!(
        [(); 3].map(|()| browser.get(&history).status),
        [200, 200, 429]
    );
    let page = browser.get(asked);
    assert_eq!(page.status, 200);
    assert!(
        !page.body.contains("Does one of these answer it?"),
        "{}",
        page.body
    );
    four(&mut || t.browser().get(&history).status, 200);
    t.run_jobs();
}

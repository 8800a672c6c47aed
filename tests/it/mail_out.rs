//! The ways out of mail, and what comes back because of them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use offramp::boot;
use offramp::cases::{self, State};
use offramp::clock::{DAY, HOUR, Moment};
use offramp::config::{Config, MailTransport, Secret, SmtpSecurity};
use offramp::db::Conn;
use offramp::db::audit::{self, Actor};
use offramp::error::Result;
use offramp::forum::store::NewProduct;
use offramp::forum::{self, close_thread, post_reply, post_thread, reply_by_mail};
use offramp::ids::{CaseId, SessionId, ThreadId, UserId};
use offramp::inbox;
use offramp::mail::dkim;
use offramp::mail::inbound::InboundMail;
use offramp::mail::outbox::{self, NewMail};
use offramp::mail::outgoing::Automatic;
use offramp::mail::suppression::{self, HeldAddress, Why};
use offramp::people::{CurrentUser, Role};
use offramp::random::Random;

use crate::harness::{Backend, Test, start_clock};
use crate::on_both;
use crate::tickets::{
    ANNA, Mail, US, answer, messages, opened, receive, reply_address, run, sent, sent_to, staff,
    waiting_aside,
};

fn read<T>(t: &Test, f: impl FnOnce(&mut Conn) -> Result<T>) -> T {
    t.app.db.read(f).expect("a look")
}

/// A report that a mail did not arrive, to the address it came from; its own words name others.
fn report(t: &Test, to: &str, status: &str, said: &str) {
    let action = if status.starts_with('4') {
        "delayed"
    } else {
        "failed"
    };
    let report = format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered Mail\r\n\
         Message-ID: <{}@mx.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nYour mail was not delivered.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; somebody.else@forward.example\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; 550 {status} {said}\r\n\r\n--b--\r\n",
        t.app.random.token()
    );
    take(t, report.as_bytes(), to);
}

fn take(t: &Test, raw: &[u8], to: &str) {
    inbox::receive_mail::accept(&t.app, raw, &[to.to_owned()]).expect("accepted");
    run(t);
}

/// Where this mail comes back to.
fn returns_to(mail: &InboundMail) -> String {
    mail.return_path.clone().expect("a Return-Path")
}

/// How the newest message of ours in the case fares.
fn fares(t: &Test, id: CaseId) -> String {
    let ours = messages(t, id).into_iter().rev().find_map(|m| m.mail_state);
    ours.expect("a message with a mail")
}

fn held(t: &Test) -> Vec<HeldAddress> {
    read(t, |c| suppression::list(c, None, 10))
}

fn story(t: &Test, id: CaseId) -> Vec<String> {
    let events = read(t, |c| cases::store::events(c, id));
    events.into_iter().map(|e| e.summary).collect()
}

/// Where a case stands: since when it waits, and for whom.
fn place_of(t: &Test, id: CaseId) -> (Moment, State) {
    let case = read(t, |c| cases::store::case(c, id)).expect("the case");
    (case.waiting_since, case.state)
}

fn lift(t: &Test, address: &HeldAddress) -> bool {
    let lifted = t
        .app
        .db
        .write(|tx| suppression::lift(tx, t.app.now(), &Actor::Operator, address.id));
    run(t);
    lifted.expect("lifted")
}

on_both! {
    fn a_report_is_about_the_mail_whose_address_it_was_sent_to(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        answer(t, &jo, id, "Turn it off and on.", "k1");
        let mail = sent_to(t, ANNA, "Turn it off and on.");
        let address = returns_to(&mail);
        assert!(address.starts_with("support+v.") && address.ends_with("@testwell.example"), "{address}");
        for header in ["auto-submitted", "precedence", "x-auto-response-suppress", "list-id"] {
            assert_eq!(mail.header(header), None, "a person wrote it");
        }

        // The number alone, without its digest, is nobody's mail; neither is another's digest.
        let forged = address.replace("+v.a", "+v.b");
        report(t, &forged, "5.1.1", "no such user");
        assert_eq!((fares(t, id).as_str(), waiting_aside(t).len()), ("sent", 1));

        report(t, &address.to_uppercase(), "4.4.1", "try later");
        assert_eq!(fares(t, id), "sent", "it may arrive yet");
        assert!(held(t).is_empty());

        let (place, state) = place_of(t, id);
        assert_eq!(state, State::WaitingCustomer);
        report(t, &address, "5.1.1", "no such user");
        assert_eq!(fares(t, id), "bounced");
        assert_eq!(place_of(t, id), (place, State::WaitingStaff), "nobody was answered");
        let found = held(t);
        assert_eq!((found.len(), found[0].email.as_str(), found[0].why), (1, ANNA, Why::Gone));
        assert_eq!(waiting_aside(t).len(), 1, "reports about our mails need nobody");

        answer(t, &jo, id, "Did that help?", "k2");
        assert_eq!(fares(t, id), "held");
        assert_eq!(place_of(t, id), (place, State::WaitingStaff));
        assert_eq!(sent(t).len(), 2, "the receipt and the first answer");
        assert!(story(t, id).iter().any(|s| s.contains("is held")), "{:?}", story(t, id));
        let mut browser = t.browser_for(jo.id);
        let page = browser.get(&format!("/desk/case/{id}"));
        for words in ["It did not arrive", "it is held until", "Mails to this address are held"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }

        // She writes from the address: it is there again, and what was held leaves.
        receive(t, &Mail::new(ANNA, "second@customers.example", "I am here again.").to(&reply_address(&mail)));
        assert!(held(t).is_empty());
        assert_eq!(fares(t, id), "sent");
        sent_to(t, ANNA, "Did that help?");
    }

    fn nothing_but_reports_belongs_to_the_address_for_returned_mail(t) {
        let id = opened(t);
        answer(t, &staff(t, "Jo"), id, "Turn it off and on.", "k1");
        let address = returns_to(&sent_to(t, ANNA, "Turn it off and on."));
        receive(t, &Mail::new(ANNA, "second@customers.example", "Thank you.").to(&address));
        assert_eq!((messages(t, id).len(), waiting_aside(t).len()), (2, 1));
        // A vacation program answers the envelope's sender: staff see it in the ticket.
        let away = Mail::new(ANNA, "third@customers.example", "I am away.").to(&address);
        receive(t, &away.with("Auto-Submitted: auto-replied"));
        assert_eq!(messages(t, id).last().map(|m| m.body.clone()), Some("I am away.".into()));
        assert_eq!(cases_of(t), 1);
    }

    fn without_a_token_the_returned_id_names_the_mail(t) {
        let id = opened(t);
        answer(t, &staff(t, "Jo"), id, "Turn it off and on.", "k1");
        let ours = sent_to(t, ANNA, "Turn it off and on.").message_id.expect("an id");
        let report = format!(
            "Return-Path: <>\r\nFrom: postmaster@mx.example\r\nTo: {US}\r\nSubject: Delivery failure\r\n\r\n\
             5.2.2 the mailbox is over quota\r\n\r\n--- original message ---\r\nMessage-ID: <{ours}>\r\n"
        );
        take(t, report.as_bytes(), US);
        let told = messages(t, id).into_iter().filter(|m| m.direction == offramp::tickets::Direction::Bounce);
        assert_eq!(told.count(), 1, "staff read what somebody reports");
        assert_eq!(fares(t, id), "sent", "without a token nothing proves it");
        assert!(held(t).is_empty());
    }

    fn what_passes_is_held_against_an_address_only_for_a_while(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        let bounce = |n: usize| {
            let words = format!("Answer number {n}.");
            answer(t, &jo, id, &words, &words);
            report(t, &returns_to(&sent_to(t, ANNA, &words)), "5.2.2", "mailbox full");
        };
        for n in 0..3 {
            bounce(n);
        }
        t.advance(31 * DAY);
        bounce(3);
        assert!(held(t).is_empty(), "the first three are forgotten");
        for n in 4..7 {
            bounce(n);
        }
        assert_eq!(held(t).first().map(|h| h.why), Some(Why::Bounces));
        answer(t, &jo, id, "Held for now.", "k");
        assert_eq!(fares(t, id), "held");
        t.advance(31 * DAY);
        answer(t, &jo, id, "And this one goes.", "k2");
        assert!(held(t).is_empty());
        for words in ["Held for now.", "And this one goes."] {
            sent_to(t, ANNA, words);
        }
    }

    fn who_called_it_spam_gets_no_mail_until_staff_lift_it(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        answer(t, &jo, id, "Turn it off and on.", "k1");
        let mail = sent_to(t, ANNA, "Turn it off and on.");
        let complaint = format!(
            "From: feedback@provider.example\r\nTo: {US}\r\nSubject: Complaint\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n\
             --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\
             Original-Mail-From: <{}>\r\n\r\n--b--\r\n",
            returns_to(&mail)
        );
        take(t, complaint.as_bytes(), US);
        let found = held(t);
        assert_eq!(found.first().map(|h| h.why), Some(Why::Complaint));
        assert_eq!(fares(t, id), "sent", "it did arrive");
        receive(t, &Mail::new(ANNA, "second@customers.example", "More.").to(&reply_address(&mail)));
        answer(t, &jo, id, "Is it well now?", "k2");
        assert_eq!(fares(t, id), "held");
        assert!(lift(t, &found[0]) && !lift(t, &found[0]));
        assert_eq!(fares(t, id), "sent");
        let log = read(t, |c| audit::of_subject(c, "mail_address", found[0].id.0, 10));
        assert_eq!(log.iter().map(|l| l.act.as_str()).collect::<Vec<_>>(), ["mail_hold_lifted", "mail_held"]);
    }

    fn accounts_are_written_to_unless_their_address_is_gone(t) {
        let write = |key: &str| {
            let mail = NewMail {
                purpose: "reset_password",
                to_email: "ben@people.example".into(),
                dedupe_key: key.into(),
                automatic: Automatic::Generated,
                is_account: true,
                ..NewMail::default()
            };
            t.app.db.write(|tx| outbox::put(tx, &t.app, &mail)).expect("written");
            run(t);
            sent(t).len()
        };
        let count = |what| {
            t.app.db.write(|tx| suppression::report(tx, t.app.now(), "Ben@people.example", what)).expect("counted")
        };
        assert_eq!(count(suppression::Report::Hard), Some(Why::Gone));
        assert_eq!(write("one"), 0);
        assert_eq!(count(suppression::Report::Complaint), Some(Why::Complaint));
        assert_eq!(write("two"), 1, "whoever complained may still want a password");
        // A week later the held one is of no use any more.
        t.advance(8 * DAY);
        lift(t, &held(t)[0]);
        assert_eq!(sent(t).len(), 1);
    }
}

/// A mail server that knows none of the people we write to; its port.
fn knows_nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let lines = BufReader::new(stream.try_clone().expect("its other half")).lines();
            stream.write_all(b"220 mx.example\r\n").expect("a greeting");
            for line in lines.map_while(|line| line.ok()) {
                let answer = match line.get(..4).unwrap_or_default() {
                    "RCPT" => "550 5.1.1 no such user",
                    "QUIT" => "221 bye",
                    _ => "250 2.0.0 well",
                };
                let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
            }
        }
    });
    port
}

#[test]
fn an_answer_that_our_server_refuses_is_told_and_is_our_turn_again() {
    let port = knows_nobody();
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.mail.transport = MailTransport::Smtp;
        config.mail.smtp_host = "127.0.0.1".into();
        config.mail.smtp_port = port;
        config.mail.smtp_security = SmtpSecurity::None;
    })
    .expect("SQLite");
    let id = opened(&t);
    let jo = staff(&t, "Jo");
    // The receipt was refused: the address is held, and the story says so.
    assert!(story(&t, id).iter().any(|s| s.contains("was not sent")));
    assert_eq!(held(&t).first().map(|h| h.why), Some(Why::Gone));
    assert!(lift(&t, &held(&t)[0]));
    let before = place_of(&t, id).0;
    answer(&t, &jo, id, "Turn it off and on.", "k1");
    assert_eq!(fares(&t, id), "failed");
    assert_eq!(place_of(&t, id), (before, State::WaitingStaff));
    t.browser();
    t.finish();
}

fn cases_of(t: &Test) -> usize {
    crate::tickets::all_cases(t).len()
}

#[test]
fn notices_to_one_address_wait_their_turn_and_peoples_words_do_not() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.mail.notices_per_hour_max = 2;
    })
    .expect("SQLite");
    let jo = staff(&t, "Jo");
    for n in 0..4 {
        let (id, words) = (
            format!("{n}@customers.example"),
            format!("Trouble number {n}."),
        );
        receive(&t, &Mail::new(ANNA, &id, &words));
        if n == 0 {
            answer(&t, &jo, CaseId(1), "Here is what helps.", "k");
        }
    }
    assert_eq!(sent(&t).len(), 3, "an answer, and two of four receipts");
    answer(&t, &jo, CaseId(2), "That is the bulb.", "k2");
    sent_to(&t, ANNA, "That is the bulb.");
    receive(
        &t,
        &Mail::new("ben@customers.example", "b@customers.example", "Me too."),
    );
    assert_eq!(sent(&t).len(), 5, "another address has its own count");
    t.advance(HOUR / 2);
    run(&t);
    assert_eq!(sent(&t).len(), 5);
    t.advance(HOUR / 2 + 1);
    run(&t);
    assert_eq!(sent(&t).len(), 7);
    let counts = read(&t, outbox::counts);
    assert_eq!((counts.waiting, counts.sent), (0, 7));
    t.browser();
    t.finish();
}

/// A thread of Ana's, in which Ben replied, and the mail that told her.
struct Talk {
    thread: ThreadId,
    ana: CurrentUser,
    ben: CurrentUser,
    mail: InboundMail,
}

const ANA: &str = "ana@people.example";

fn member(t: &Test, name: &str) -> CurrentUser {
    CurrentUser {
        id: t.user(name, Role::Member),
        name: name.to_owned(),
        role: Role::Member,
        session: SessionId(0),
        products: Vec::new(),
    }
}

fn say(t: &Test, by: &CurrentUser, thread: ThreadId, body: &str) {
    let typed = post_reply::Typed {
        body: body.into(),
        ..Default::default()
    };
    let said = post_reply::post_reply(&t.app, by, thread, &typed).expect("an outcome");
    assert!(matches!(said, post_reply::Outcome::Posted(_)), "{said:?}");
    t.run_jobs();
}

fn talk(t: &Test) -> Talk {
    let now = t.app.now();
    let product = NewProduct {
        slug: "lamp",
        name: "Lamp \"One\"",
        description: "",
        position: 1,
        brand_terms: &[],
    };
    t.app
        .db
        .write(|tx| forum::store::insert_product(tx, &product, now))
        .expect("a product");
    let (ana, ben) = (member(t, "Ana"), member(t, "Ben"));
    let typed = post_thread::Typed {
        product: "lamp".into(),
        kind: "question".into(),
        title: "Lamp flickers in the evening".into(),
        body: "It flickers when the kettle boils.".into(),
        ..Default::default()
    };
    let thread = match post_thread::post_thread(&t.app, &ana, &typed).expect("an outcome") {
        post_thread::Outcome::Posted(place) => place.thread,
        other => panic!("{other:?}"),
    };
    say(t, &ben, thread, "Is it the bulb?");
    let mail = sent_to(t, ANA, "Is it the bulb?");
    Talk {
        thread,
        ana,
        ben,
        mail,
    }
}

fn posts(t: &Test, thread: ThreadId) -> Vec<String> {
    let lines = read(t, |c| forum::store::reading::posts_on_page(c, thread, 1));
    lines.into_iter().map(|line| line.post.body).collect()
}

/// Mails to an address that begin their news with these words.
fn told(t: &Test, to: &str, words: &str) -> usize {
    let to_them = |m: &InboundMail| m.to.iter().any(|a| a.email.eq_ignore_ascii_case(to));
    sent(t)
        .into_iter()
        .filter(|m| to_them(m) && m.text.contains(words))
        .count()
}

on_both! {
    fn an_answer_to_a_threads_mail_is_a_reply(t) {
        let Talk { thread, ana, mail, .. } = talk(t);
        let root = format!("thread.{thread}@testwell.example");
        assert_eq!((mail.in_reply_to.clone(), mail.references.clone()), (vec![root.clone()], vec![root]));
        assert_eq!(mail.subject, "Re: Lamp flickers in the evening");
        assert_eq!(mail.header("list-id"), Some("\"Testwell: Lamp One\" <lamp.forum.127.0.0.1>"));
        let address = reply_address(&mail);
        assert!(address.starts_with("support+p."), "{address}");
        assert!(mail.text.starts_with("-- reply above this line --"), "{}", mail.text);

        let quoted: String = mail.text.lines().map(|l| format!("> {l}\n")).collect();
        let body = format!("No, the *switch*.\n\nOn Sunday, Testwell wrote:\n{quoted}");
        receive(t, &Mail::new("Ana@People.example", "1@people.example", &body).to(&address));
        assert_eq!(posts(t, thread)[2..], ["No, the *switch*."]);
        assert_eq!(told(t, "ben@people.example", "No, the switch."), 1, "a reply like any other");
        assert!(waiting_aside(t).is_empty() && crate::tickets::all_cases(t).is_empty());

        // Ben has one of his own; Ana's is nothing in his hands, nor under her name from elsewhere.
        let eve = Mail::new("eve@evil.example", "2@evil.example", "I am Ana.").to(&address);
        receive(t, &eve);
        receive(t, &Mail::new("ben@people.example", "3@people.example", "I am Ana too.").to(&address));
        assert_eq!(posts(t, thread).len(), 3);
        assert_eq!(waiting_aside(t).len(), 2);
        assert_eq!(told(t, "eve@evil.example", "from another address"), 1);

        // Only what somebody wrote is posted, and at most once a day they are told why nothing was.
        for n in 4..6 {
            let id = format!("{n}@people.example");
            receive(t, &Mail::new(ANA, &id, &quoted).to(&address));
        }
        assert_eq!(told(t, ANA, "we found no words of yours"), 1);
        let long = "It flickers. ".repeat(2_500);
        receive(t, &Mail::new(ANA, "6@people.example", &long).to(&address));
        assert_eq!(told(t, ANA, "longer than the 30000 characters"), 1);
        close_thread::close_thread(&t.app, &ana, thread, "").expect("closed");
        receive(t, &Mail::new(ANA, "7@people.example", "One more thing.").to(&address));
        assert_eq!(told(t, ANA, "is closed"), 1);
        t.advance(reply_by_mail::TOKEN_LIFE);
        receive(t, &Mail::new(ANA, "8@people.example", "Still there?").to(&address));
        assert_eq!(told(t, ANA, "no longer good"), 1);
        assert_eq!(posts(t, thread).len(), 3);
        assert_eq!(waiting_aside(t).len(), 7, "all are kept for staff");
    }

    fn files_are_not_posted_and_machines_say_nothing(t) {
        let Talk { thread, mail, .. } = talk(t);
        let address = reply_address(&mail);
        let with_file = format!(
            "From: {ANA}\r\nTo: {address}\r\nMessage-ID: <1@people.example>\r\nSubject: Re: Lamp\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nLook at this.\r\n\
             --b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=lamp.png\r\n\r\nx\r\n--b--\r\n"
        );
        take(t, with_file.as_bytes(), &address);
        assert_eq!(posts(t, thread)[2..], ["Look at this."]);
        assert_eq!(told(t, ANA, "without the files"), 1);
        let away = Mail::new(ANA, "2@people.example", "I am away.").to(&address);
        receive(t, &away.with("Auto-Submitted: auto-replied"));
        let away = Mail::new(ANA, "3@people.example", "I am away.");
        let to = returns_to(&mail);
        receive(t, &away.to(&to).with("Auto-Submitted: auto-replied"));
        assert_eq!(posts(t, thread).len(), 3);
        assert!(waiting_aside(t).is_empty(), "nobody needs to look at them");
    }
}

#[test]
fn an_answer_is_in_the_name_of_whoever_wrote_it_and_of_the_desk() {
    let t = Test::new(Backend::Sqlite, |config| {
        config.mail.from_name = "Lamp help".into();
    })
    .expect("SQLite");
    let case = opened(&t);
    answer(
        &t,
        &staff(&t, "Ada"),
        case,
        "**Hold** it:\n\n1. press `on`\n2. wait",
        "a",
    );
    let mail = sent_to(&t, ANNA, "Hold it:");
    let from = mail.from.and_then(|from| from.name);
    assert_eq!(from.as_deref(), Some("Ada (Lamp help)"));
    assert!(
        mail.text.contains("Hold it:\n\n1. press on\n2. wait\n"),
        "{}",
        mail.text
    );
    t.finish();
}

/// A mail that waits for its turn says nothing that was taken down meanwhile, and nothing to whoever
/// wants no more.
#[test]
fn what_is_taken_down_meanwhile_is_mailed_to_nobody() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.mail.notices_per_hour_max = 1;
    })
    .expect("SQLite");
    let Talk {
        thread, ana, ben, ..
    } = talk(&t);
    let reads = |t: &Test| {
        let now = t.app.now();
        let read = t
            .app
            .db
            .write(|tx| forum::store::followers::mark_read(tx, ana.id, Some(thread), now));
        read.expect("read");
    };
    let waiting = |t: &Test| read(t, outbox::counts).waiting;
    let newest = |t: &Test| {
        let lines = read(t, |c| forum::store::reading::posts_on_page(c, thread, 1));
        lines.last().expect("a post").post.id
    };
    let an_hour_later = |t: &mut Test| {
        t.advance(HOUR + 1);
        run(t);
    };
    reads(&t);
    say(&t, &ben, thread, "My number is 555 0100.");
    assert_eq!(waiting(&t), 1);
    forum::delete_post::delete_post(&t.app, &ben, newest(&t), "").expect("deleted");
    an_hour_later(&mut t);
    assert_eq!(told(&t, ANA, "555 0100"), 0);

    say(&t, &ben, thread, "Try another bulb.");
    assert_eq!(told(&t, ANA, "Try another bulb."), 1, "the others are sent");
    reads(&t);
    say(&t, &ben, thread, "Or another socket.");
    assert_eq!(waiting(&t), 1);
    forum::follow::follow(&t.app, &ana, thread, false).expect("unfollowed");
    an_hour_later(&mut t);
    assert_eq!((told(&t, ANA, "another socket"), waiting(&t)), (0, 0));
    t.browser();
    t.finish();
}

/// RFC 8058: one POST of a machine, which has no cookie and saw no page, ends the mails.
#[test]
fn one_click_ends_a_threads_mails_and_looking_does_not() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.site.url = "https://help.testwell.example".into();
    })
    .expect("SQLite");
    let Talk {
        thread,
        ana,
        ben,
        mail,
    } = talk(&t);
    let header = mail
        .header("list-unsubscribe")
        .expect("the header")
        .to_owned();
    assert_eq!(
        mail.header("list-unsubscribe-post"),
        Some("List-Unsubscribe=One-Click")
    );
    let path = header
        .trim_matches(['<', '>'])
        .strip_prefix("https://help.testwell.example")
        .expect("an address of ours")
        .to_owned();
    let follows = |t: &Test| {
        read(t, |c| {
            forum::store::followers::followers(c, thread, UserId(0), 10)
        })
    };
    let mut machine = t.browser();
    let page = machine.get(&path);
    assert!(
        page.status == 200 && page.body.contains("No more mail"),
        "{}",
        page.body
    );
    assert!(
        follows(&t).contains(&ana.id),
        "a scanner that follows links ends nothing"
    );
    let mut machine = t.browser();
    machine.headers = vec![("origin".into(), "https://mail.example".into())];
    let form = "application/x-www-form-urlencoded";
    let done = machine.post_body(&path, form, "List-Unsubscribe=One-Click".into());
    assert_eq!((done.status, done.location()), (200, ""));
    assert!(!follows(&t).contains(&ana.id));
    let again = machine.post_body(&path, form, "List-Unsubscribe=One-Click".into());
    assert_eq!(again.status, 200, "mail programs ask twice");
    let other = path.replace(&format!("/{}/", ana.id), &format!("/{}/", ben.id));
    assert_eq!(machine.post_body(&other, form, String::new()).status, 404);
    t.finish();
}

/// A Python that has dkimpy, if there is one.
fn dkimpy() -> Option<&'static str> {
    let has = |python: &&str| {
        let mut look = Command::new(python);
        look.args(["-c", "import dkim, nacl"]).stderr(Stdio::null());
        look.status().is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has)
}

/// What dkimpy, which has no line of ours, finds out about a mail; `record` is the only one in its DNS.
fn verified(python: &str, mail: &[u8], (name, value): &(String, String)) -> bool {
    const ASKS: &str = "import dkim, sys\n\
        name, value = (a.encode() for a in sys.argv[1:])\n\
        dns = lambda asked, timeout=5: value if asked == name + b'.' else None\n\
        print(dkim.verify(sys.stdin.buffer.read(), dnsfunc=dns, minkey=2048))\n";
    let mut asked = Command::new(python)
        .args(["-c", ASKS, name, value])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    let mut input = asked.stdin.take().expect("its input");
    input.write_all(mail).expect("written");
    drop(input);
    let said = asked.wait_with_output().expect("an answer");
    match String::from_utf8_lossy(&said.stdout).trim() {
        "True" => true,
        "False" => false,
        other => panic!("dkimpy said {other:?}"),
    }
}

#[test]
fn no_server_starts_with_a_key_that_signs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::default();
    config.server.data_dir = folder.path().join("data");
    config.search.dir = folder.path().join("index");
    config.database.url = Secret::new(folder.path().join("offramp.db").display().to_string());
    config.mail.from = US.into();
    config.mail.dkim_selector = "offramp".into();
    config.mail.dkim_key_file = folder.path().join("dkim.pem");
    let started =
        |config: &Config| match boot::app(config.clone(), start_clock(), Random::seeded(1)) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
    assert!(
        started(&config).contains("dkim.pem can't be read"),
        "{}",
        started(&config)
    );
    std::fs::write(&config.mail.dkim_key_file, "no key").expect("written");
    assert!(
        started(&config).contains("RSA key of 2048 to 8192 bits in PEM"),
        "{}",
        started(&config)
    );
}

/// The keys were made for this test and are used nowhere else.
#[test]
fn another_program_verifies_our_signature_and_sees_every_change() {
    let Some(python) = dkimpy() else {
        eprintln!("skipped: no python3 with dkim and nacl (Debian: python3-dkim, python3-nacl)");
        return;
    };
    let pem = |name: &str| {
        let path = format!("{}/tests/it/data/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).expect("the key")
    };
    let seed = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=".to_vec();
    let mut records = Vec::new();
    for key in [pem("dkim_pkcs1.pem"), pem("dkim_pkcs8.pem"), seed] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("dkim.pem");
        std::fs::write(&file, key).expect("written");
        let t = Test::new(Backend::Sqlite, |config| {
            config.site.url = "https://help.testwell.example".into();
            config.mail.dkim_selector = "offramp".into();
            config.mail.dkim_key_file = file;
        })
        .expect("SQLite");
        let record = dkim::dns_record(&t.app.config)
            .expect("a key")
            .expect("configured");
        assert_eq!(record.0, "offramp._domainkey.testwell.example");
        talk(&t);
        // Blanks, long lines and letters beyond ASCII, which mail programs and servers change most.
        opened(&t);
        let words = format!(
            "Zwei  Leerzeichen,\t\u{e4}\u{f6}\u{fc} \n\n\n{}\n\n\n",
            "lang ".repeat(300)
        );
        answer(&t, &staff(&t, "Jo"), CaseId(1), &words, "k");
        let letters: Vec<String> = std::fs::read_dir(&t.app.config.mail.folder)
            .expect("the outbox")
            .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a mail"))
            .collect();
        assert!(letters.len() >= 3, "{}", letters.len());
        for letter in &letters {
            assert!(verified(python, letter.as_bytes(), &record), "{letter}");
        }
        let notice = letters
            .iter()
            .find(|l| l.contains("List-Unsubscribe-Post"))
            .expect("a notice");
        for (from, to) in [
            (
                "List-Unsubscribe: <https://help",
                "List-Unsubscribe: <https://evil",
            ),
            (
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                "List-Unsubscribe-Post: x",
            ),
            ("Reply-To: support+p.", "Reply-To: support+q."),
            ("Is it the bulb?", "Is it the bomb?"),
            ("\r\nSubject: ", "\r\nFrom: eve@evil.example\r\nSubject: "),
        ] {
            assert!(notice.contains(from), "{from}: {notice}");
            let changed = notice.replacen(from, to, 1);
            assert!(!verified(python, changed.as_bytes(), &record), "{to}");
        }
        records.push(record);
    }
    assert_eq!(records[0], records[1], "one key in two forms");
}

//! Tickets: mail in and out, the contact form, the customer's own page.

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::prelude::*;
use offramp::cases::links::{LinkState, Target};
use offramp::cases::states::{Happening, happen, set_severity};
use offramp::cases::{self, Case, Channel, Severity, State, Step};
use offramp::clock::{DAY, HOUR};
use offramp::db::audit::Actor;
use offramp::error::Error;
use offramp::ids::{CaseId, IntakeId, SessionId, TicketId};
use offramp::inbox::{self, decide, receive_mail};
use offramp::jobs;
use offramp::mail::inbound::{InboundMail, parse};
use offramp::people::{CurrentUser, Role};
use offramp::tickets::reply::{self, Outcome, Written, reply};
use offramp::tickets::{self, CASE_LINK_LIFE, Direction, Message};
use offramp::web::UploadedFile;

use crate::harness::{Backend, Browser, Reply, Test};
use crate::on_both;

pub(crate) const US: &str = "support@testwell.example";
pub(crate) const ANNA: &str = "anna@customers.example";

/// A mail as its sender's program writes it.
pub(crate) struct Mail<'a> {
    from: &'a str,
    to: &'a str,
    subject: &'a str,
    id: &'a str,
    headers: String,
    body: &'a str,
}

impl<'a> Mail<'a> {
    pub(crate) fn new(from: &'a str, id: &'a str, body: &'a str) -> Mail<'a> {
        Mail {
            from,
            to: US,
            subject: "My lamp is broken",
            id,
            headers: String::new(),
            body,
        }
    }

    pub(crate) fn to(self, to: &'a str) -> Mail<'a> {
        Mail { to, ..self }
    }

    pub(crate) fn with(self, header: &str) -> Mail<'a> {
        Mail {
            headers: format!("{}{header}\r\n", self.headers),
            ..self
        }
    }

    fn raw(&self) -> Vec<u8> {
        format!(
            "From: Somebody <{}>\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}>\r\n\
             Date: Sat, 1 Jan 2000 00:00:00 +0000\r\n{}MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
            self.from, self.to, self.subject, self.id, self.headers, self.body
        )
        .into_bytes()
    }
}

/// Runs what is due, without the judging of new cases, which another slice does and tests.
pub(crate) fn run(t: &Test) {
    loop {
        t.app
            .db
            .write(|tx| {
                let sql = format!("DELETE FROM jobs WHERE kind = '{}'", tickets::JUDGE_CASE);
                diesel::sql_query(sql).execute(tx)?;
                Ok(())
            })
            .expect("the queue");
        if t.registry.run_next(&t.app).expect("a job") == 0 {
            return;
        }
    }
}

pub(crate) fn receive(t: &Test, mail: &Mail<'_>) -> IntakeId {
    let id = receive_mail::accept(&t.app, &mail.raw(), &[mail.to.to_owned()]).expect("accepted");
    run(t);
    id
}

/// Every mail that went out, read as its recipient would read it.
pub(crate) fn sent(t: &Test) -> Vec<InboundMail> {
    let Ok(folder) = std::fs::read_dir(t.dir.path().join("mail")) else {
        return Vec::new();
    };
    folder
        .map(|file| parse(&std::fs::read(file.expect("a file").path()).expect("a mail")))
        .collect()
}

pub(crate) fn sent_to(t: &Test, to: &str, text: &str) -> InboundMail {
    let mut found: Vec<InboundMail> = sent(t)
        .into_iter()
        .filter(|m| m.recipients.iter().any(|r| r == to) && m.text.contains(text))
        .collect();
    assert_eq!(found.len(), 1, "mails to {to} with {text:?}");
    found.remove(0)
}

/// A part of a form with files; `file` names the file, when it is one.
fn part(name: &str, file: &str, body: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{body}\r\n")
}

/// Sends the contact form with these fields and a file.
fn contact_with_file(browser: &mut Browser, fields: &[(&str, &str)]) -> Reply {
    let mut parts: String = fields
        .iter()
        .map(|(name, value)| part(name, "", value))
        .collect();
    parts += &part("files", "; filename=\"lamp.txt\"", "lamp");
    browser.post_body(
        "/contact",
        "multipart/form-data; boundary=b",
        format!("{parts}--b--\r\n"),
    )
}

fn written<'a>(body: &'a str, key: &'a str, seen: i64) -> Written<'a> {
    Written {
        body,
        key,
        seen,
        ..Written::default()
    }
}

pub(crate) fn reply_address(mail: &InboundMail) -> String {
    mail.reply_to.clone().expect("Reply-To").email
}

pub(crate) fn all_cases(t: &Test) -> Vec<Case> {
    t.app
        .db
        .read(|c| {
            let mut found = Vec::new();
            let mut id = 1;
            while let Some(case) = cases::store::case(c, CaseId(id))? {
                found.push(case);
                id += 1;
            }
            Ok(found)
        })
        .expect("cases")
}

fn case(t: &Test, id: CaseId) -> Case {
    let found = t.app.db.read(|c| cases::store::case(c, id));
    found.expect("cases").expect("the case")
}

fn ticket(t: &Test, case: CaseId) -> TicketId {
    let found = t.app.db.read(|c| tickets::store::ticket_of(c, case));
    found.expect("tickets").expect("a ticket").id
}

pub(crate) fn messages(t: &Test, case: CaseId) -> Vec<Message> {
    let ticket = ticket(t, case);
    let found = t.app.db.read(|c| tickets::store::messages(c, ticket));
    found.expect("messages")
}

fn decisions(t: &Test) -> Vec<(String, i64)> {
    t.app.db.read(inbox::store::decisions).expect("decisions")
}

pub(crate) fn staff(t: &Test, name: &str) -> CurrentUser {
    CurrentUser {
        id: t.user(name, Role::Staff),
        name: name.to_owned(),
        role: Role::Staff,
        session: SessionId(0),
        products: Vec::new(),
    }
}

/// The newest event of a case, as its page names it.
fn newest(t: &Test, id: CaseId) -> i64 {
    let events = t.app.db.read(|c| cases::store::events(c, id));
    events.expect("events").last().map_or(0, |e| e.id)
}

pub(crate) fn answer(t: &Test, by: &CurrentUser, id: CaseId, body: &str, key: &str) -> Outcome {
    let outcome = reply(&t.app, by, id, &written(body, key, newest(t, id))).expect("an outcome");
    run(t);
    outcome
}

fn set(t: &Test, id: CaseId, what: Happening) {
    t.app
        .db
        .write(|tx| happen(tx, t.app.now(), &Actor::Operator, id, what, "test"))
        .expect("a state");
}

/// Mails that wait for a person.
pub(crate) fn waiting_aside(t: &Test) -> Vec<inbox::store::UnreadMail> {
    let found = t.app.db.read(|c| inbox::store::unread_mails(c, None, 10));
    found.expect("set aside")
}

/// Anna's first mail, and the case it opened.
pub(crate) fn opened(t: &Test) -> CaseId {
    receive(
        t,
        &Mail::new(ANNA, "first@customers.example", "It does not light up."),
    );
    let found = all_cases(t);
    assert_eq!(found.len(), 1);
    found[0].id
}

/// The private address in a mail, as a path.
fn case_path(t: &Test, mail: &InboundMail) -> String {
    let start = format!("{}/case/", t.app.config.site.url);
    let token = mail.text.split(&start).nth(1).expect("an address");
    let token: String = token
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    format!("/case/{token}")
}

on_both! {
    fn a_conversation_by_mail(t) {
        let id = opened(t);
        let opened = case(t, id);
        assert_eq!((opened.state, opened.channel), (State::New, Channel::Email));
        assert_eq!(opened.email.as_deref(), Some(ANNA));
        assert_eq!(opened.user, None, "an address proves no account");
        assert_eq!(opened.waiting_since, t.app.now(), "the date of the mail is its sender's to choose");

        let receipt = sent_to(t, ANNA, "we have your message");
        assert_eq!(receipt.header("auto-submitted"), Some("auto-replied"));
        assert_eq!(receipt.in_reply_to, ["first@customers.example"]);
        assert_eq!(receipt.subject, "Re: My lamp is broken");

        let jo = staff(t, "Jo");
        assert!(matches!(answer(t, &jo, id, "Turn it **off** and on.", "k1"), Outcome::Sent(_)));
        assert_eq!(case(t, id).state, State::WaitingCustomer);
        assert!(case(t, id).first_response_at.is_some());
        let mail = sent_to(t, ANNA, "Turn it off and on.");
        assert_eq!(mail.header("auto-submitted"), None, "a person wrote it");
        assert!(mail.html.as_deref().is_some_and(|h| h.contains("<strong>off</strong>")));
        assert_eq!(mail.in_reply_to.len(), 1);
        assert!(mail.references.contains(&"first@customers.example".to_owned()), "{:?}", mail.references);
        assert_eq!(mail.references.last(), mail.in_reply_to.first());
        let address = reply_address(&mail);
        assert!(address.starts_with("support+t."), "{address}");
        assert_ne!(address, reply_address(&receipt));

        t.advance(HOUR);
        let body = "That helped, thank you.\n\nOn Sunday, Jo wrote:\n> Turn it off and on.";
        receive(t, &Mail::new("Anna@Customers.example", "second@customers.example", body).to(&address));
        let all = messages(t, id);
        assert_eq!(all.len(), 3);
        assert_eq!(all[2].body, "That helped, thank you.");
        assert!(all[2].quoted.contains("Turn it off and on."));
        assert_eq!(all[1].mail_state.as_deref(), Some("sent"));
        assert_eq!(case(t, id).state, State::WaitingStaff);
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!(sent(t).len(), 2, "an answer gets no receipt");
    }

    fn an_answer_is_found_by_its_references(t) {
        let id = opened(t);
        answer(t, &staff(t, "Jo"), id, "Which lamp is it?", "k1");
        let ours = sent_to(t, ANNA, "Which lamp is it?").message_id.expect("an id");
        let header = format!("In-Reply-To: <{ours}>");
        receive(t, &Mail::new(ANNA, "b@customers.example", "The round one.").with(&header));
        assert_eq!(messages(t, id).len(), 3);
        // Neither the subject alone...
        receive(t, &Mail::new(ANNA, "c@customers.example", "The same subject."));
        assert_eq!(all_cases(t).len(), 2);
        // ...nor references of somebody who has no part in the conversation.
        receive(t, &Mail::new("eve@evil.example", "d@evil.example", "Send me the key.").with(&header));
        let found = all_cases(t);
        assert_eq!(found.len(), 3);
        assert_eq!(messages(t, id).len(), 3);
        assert_eq!(found[2].email.as_deref(), Some("eve@evil.example"));
    }

    fn a_token_in_a_strangers_hands_opens_a_case_of_its_own(t) {
        let id = opened(t);
        let address = reply_address(&sent_to(t, ANNA, "we have your message"));
        receive(t, &Mail::new("eve@evil.example", "e@evil.example", "It is me, Anna.").to(&address));
        assert_eq!(messages(t, id).len(), 1);
        let other = all_cases(t)[1].clone();
        let links = t.app.db.read(|c| cases::store::links_of(c, other.id)).expect("links");
        let link = links.iter().find(|l| l.target == Target::Case(id)).expect("a proposal for staff");
        assert_eq!(link.state, LinkState::Proposed);
        let told = sent_to(t, "eve@evil.example", "we have your message");
        assert!(!told.text.contains(ANNA) && !told.text.contains("does not light"), "{}", told.text);
        assert!(!told.text.contains(&format!("case {id}.")), "{}", told.text);
    }

    fn a_token_that_expired_is_no_key(t) {
        let id = opened(t);
        let address = reply_address(&sent_to(t, ANNA, "we have your message"));
        t.advance(tickets::REPLY_TOKEN_LIFE);
        receive(t, &Mail::new(ANNA, "late@customers.example", "Still broken.").to(&address));
        assert_eq!((messages(t, id).len(), all_cases(t).len()), (1, 2));
    }

    fn the_same_mail_is_taken_once(t) {
        let mail = Mail::new(ANNA, "one@customers.example", "Once.");
        let first = receive(t, &mail);
        assert_eq!(receive(t, &mail), first);
        // Through another server: other bytes, the same mail.
        receive(t, &mail.with("X-Spam-Score: 0"));
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!(sent(t).len(), 1);
        // A form's mailer gives one number to all it sends: what is new in it waits for a person.
        receive(t, &Mail::new(ANNA, "one@customers.example", "Something else."));
        let aside = waiting_aside(t);
        assert_eq!((aside.len(), all_cases(t).len()), (1, 1));
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        browser.get("/desk/mail");
        let replay = format!("/desk/mail/{}/replay", aside[0].id);
        assert_eq!(browser.post(&replay, &[]).status, 303);
        run(t);
        assert_eq!((waiting_aside(t).len(), all_cases(t).len()), (0, 2));
        // The same id of another sender is another mail.
        receive(t, &Mail::new("bo@customers.example", "one@customers.example", "Mine."));
        assert_eq!(all_cases(t).len(), 3);
    }

    fn machines_move_nothing_and_are_not_answered(t) {
        let id = opened(t);
        answer(t, &staff(t, "Jo"), id, "It is fixed.", "k1");
        let mail = sent_to(t, ANNA, "It is fixed.");
        let (address, ours) = (reply_address(&mail), mail.message_id.expect("an id"));
        set(t, id, Happening::Resolved);
        let before = sent(t).len();
        receive(t, &Mail::new(ANNA, "away@customers.example", "I am on holiday.")
            .to(&address).with("Auto-Submitted: auto-replied"));
        receive(t, &Mail::new("robot@elsewhere.example", "r@elsewhere.example", "Beep.")
            .with("Auto-Submitted: auto-generated"));
        let bounce = format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: {US}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
             Message-ID: <dsn@mx.example>\r\nReturn-Path: <>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nunknown user\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; {ANNA}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\
             --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{ours}>\r\nSubject: x\r\n--b--\r\n"
        );
        receive_mail::accept(&t.app, bounce.as_bytes(), &[US.to_owned()]).expect("accepted");
        run(t);
        assert_eq!(case(t, id).state, State::Resolved);
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!(sent(t).len(), before);
        let kinds: Vec<Direction> = messages(t, id).iter().map(|m| m.direction).collect();
        assert_eq!(kinds, [Direction::In, Direction::Out, Direction::Auto, Direction::Bounce]);
        assert!(messages(t, id)[3].body.contains("5.1.1"), "{:?}", messages(t, id)[3]);
    }

    fn our_own_mail_come_back_is_dropped(t) {
        receive(t, &Mail::new(US, "loop@testwell.example", "We have your message."));
        assert_eq!(all_cases(t).len(), 0);
        assert_eq!(decisions(t), [("own".to_owned(), 1)]);
        assert!(sent(t).is_empty());
    }

    fn a_flood_of_one_sender_ends(t) {
        let flood = |from: &str, count: i64| {
            for n in 0..count {
                let (id, words) = (format!("{n}.{from}"), format!("Again, number {n}."));
                receive(t, &Mail::new(from, &id, &words));
            }
        };
        // Of a stranger, whom nobody answered yet, one is acknowledged.
        flood("ben@customers.example", 4);
        assert_eq!((all_cases(t).len(), sent(t).len()), (4, 1));
        t.advance(6 * HOUR);
        receive(t, &Mail::new("ben@customers.example", "later@customers.example", "And again."));
        assert_eq!(sent(t).len(), 2);

        receive(t, &Mail::new(ANNA, "first@customers.example", "It is broken."));
        let newest = all_cases(t).iter().map(|case| case.id).max_by_key(|id| id.0).expect("a case");
        answer(t, &staff(t, "Jo"), newest, "Here is what helps.", "k");
        let cases_before = all_cases(t).len();
        flood(ANNA, decide::MAILS_PER_HOUR_MAX + 2);
        let limit = usize::try_from(decide::MAILS_PER_HOUR_MAX).expect("small");
        assert_eq!(all_cases(t).len(), cases_before - 1 + limit);
        let mut mails = sent(t);
        mails.retain(|mail| mail.recipients.iter().any(|to| to == ANNA));
        let refusals = mails.iter().filter(|m| m.text.contains("within an hour")).count();
        assert_eq!(refusals, 1, "one notice a day");
        let receipts = i64::try_from(mails.len() - refusals - 1).expect("small");
        assert_eq!(receipts, tickets::notices::RECEIPTS_PER_DAY_MAX, "beside the answer");
        let aside = waiting_aside(t);
        assert_eq!(aside.len(), 3, "kept for a person to look at");
        t.advance(2 * HOUR);
        assert!(receive_mail::replay(&t.app, &Actor::Operator, aside[0].id).expect("replayed"));
        run(t);
        assert_eq!(all_cases(t).len(), cases_before + limit);
    }

    fn rule_2_of_mails_that_come_together_each_is_taken_once(t) {
        let letters: Vec<Vec<u8>> = (0..40)
            .map(|n| Mail::new(&format!("anna{n}@customers.example"), &format!("{n}@customers.example"), &format!("Trouble number {n}.")).raw())
            .collect();
        let again = letters[3].clone().into_iter().chain(*b"\r\n");
        let all = letters.iter().cloned().chain([again.collect()]);
        let ids: Vec<IntakeId> = all
            .map(|raw| receive_mail::accept(&t.app, &raw, &[US.to_owned()]).expect("accepted"))
            .collect();
        // One of them can't be read.
        t.app.db.write(|tx| {
            let sql = format!("UPDATE intake SET source = 'no list' WHERE id = {}", ids[7]);
            diesel::sql_query(sql).execute(tx)?;
            Ok(())
        }).expect("broken");
        assert!(t.registry.run_next(&t.app).expect("mails") > 1, "several to one commit");
        run(t);
        assert_eq!(all_cases(t).len(), 39);
        assert!(waiting_aside(t).is_empty(), "it is tried again before a person looks");
        t.advance(HOUR);
        run(t);
        t.advance(HOUR);
        run(t);
        let aside = waiting_aside(t);
        assert_eq!(aside.iter().map(|mail| mail.id).collect::<Vec<_>>(), [ids[7]]);
        assert_eq!(all_cases(t).len(), 39);
    }

    fn rule_1_a_mail_waits_as_long_as_the_disk_is_full(t) {
        // Where uploads belong stands a file, so that none can be kept.
        let uploads = t.app.config.server.data_dir.join("uploads");
        std::fs::create_dir_all(&t.app.config.server.data_dir).expect("a folder");
        std::fs::write(&uploads, "in the way").expect("a file");
        let raw = format!(
            "From: {ANNA}\r\nTo: {US}\r\nSubject: Photo\r\nMessage-ID: <p@customers.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the photo.\r\n\
             --b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"../lamp.png\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
        );
        let id = receive_mail::accept(&t.app, raw.as_bytes(), &[]).expect("accepted");
        // That is the disk's fault: for days nothing is given up, and nothing set aside.
        for _ in 0..5 * 24 {
            run(t);
            t.advance(HOUR);
        }
        assert_eq!(t.app.db.read(jobs::counts).expect("counts").dead, 0);
        assert_eq!(waiting_aside(t).len(), 0);
        receive(t, &Mail::new("bo@customers.example", "bo@customers.example", "Behind it."));
        assert_eq!(all_cases(t).len(), 1, "the mail behind it is not held up");
        std::fs::remove_file(&uploads).expect("out of the way");
        t.advance(HOUR);
        run(t);
        assert!(!receive_mail::replay(&t.app, &Actor::Operator, id).expect("an answer"));
        let found = all_cases(t);
        let files = messages(t, found[1].id)[0].files.clone();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].filename, "lamp.png");
    }

    fn rule_2_a_form_sent_twice_answers_once(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        let version = newest(t, id);
        let first = reply(&t.app, &jo, id, &written("Hello.", "k1", version)).expect("an outcome");
        let Outcome::Sent(message) = first else { panic!("{first:?}") };
        let again = reply(&t.app, &jo, id, &written("Hello.", "k1", version)).expect("an outcome");
        assert_eq!(again, Outcome::Already(message));
        run(t);
        assert_eq!((messages(t, id).len(), sent(t).len()), (2, 2));
    }

    fn two_people_dont_answer_one_customer(t) {
        let id = opened(t);
        let (jo, max) = (staff(t, "Jo"), staff(t, "Max"));
        let seen = newest(t, id);
        reply(&t.app, &jo, id, &written("I take it.", "k1", seen)).expect("an outcome");
        let late = reply(&t.app, &max, id, &written("I take it too.", "k2", seen)).expect("an outcome");
        assert_eq!(late, Outcome::SomebodyElseAnswered { who: "Jo".into() });
        // Having seen it, he may add something.
        let seen = newest(t, id);
        let now = reply(&t.app, &max, id, &written("And this.", "k3", seen)).expect("an outcome");
        assert!(matches!(now, Outcome::Sent(_)), "{now:?}");
        run(t);
        let member = CurrentUser { role: Role::Member, ..max };
        let refused = reply(&t.app, &member, id, &written("Me too.", "k4", 0)).expect("an outcome");
        assert_eq!(refused, reply::Outcome::NotAllowed);
        let empty = reply(&t.app, &jo, id, &written(" \n", "k5", 0)).expect("an outcome");
        assert!(matches!(empty, Outcome::Problems(_)));
    }

    fn nobody_answers_over_words_they_have_not_seen(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        let seen = newest(t, id);
        let address = reply_address(&sent_to(t, ANNA, "we have your message"));
        receive(t, &Mail::new(ANNA, "more@customers.example", "It smells of smoke!").to(&address));
        let late = reply(&t.app, &jo, id, &written("Turn it off and on.", "k1", seen)).expect("an outcome");
        assert_eq!(late, Outcome::CustomerWrote);
        assert_eq!(messages(t, id).len(), 2);
        assert!(matches!(answer(t, &jo, id, "Unplug it, please.", "k1"), Outcome::Sent(_)));
    }

    fn an_answer_to_a_closed_case_opens_another(t) {
        let id = opened(t);
        let address = reply_address(&sent_to(t, ANNA, "we have your message"));
        set(t, id, Happening::Closed);
        receive(t, &Mail::new(ANNA, "again@customers.example", "It is back.").to(&address));
        assert_eq!((case(t, id).state, messages(t, id).len()), (State::Closed, 1));
        let other = all_cases(t)[1].id;
        assert_eq!(messages(t, other)[0].body, "It is back.");
        let links = t.app.db.read(|c| cases::store::links_of(c, other)).expect("links");
        assert!(links.iter().any(|l| l.target == Target::Case(id)));
    }

    fn the_contact_form_opens_one_case(t) {
        let mut browser = t.browser();
        let form = browser.get("/contact");
        assert_eq!(form.status, 200);
        let key = form.field("request_key").expect("a key");
        let evil = "<script>alert(1)</script>\u{0}\u{202e} ' OR 1=1 --";
        let message = format!("It does not light up at all. {evil}");
        let fields = [
            ("subject", evil), ("message", &message), ("name", "A\r\nBcc: x@y.example"),
            ("email", ANNA), ("request_key", &key), ("product", "../../etc"),
        ];
        let sent_page = browser.post("/contact", &fields);
        assert_eq!((sent_page.status, sent_page.location()), (303, "/contact/sent"));
        let again = browser.post("/contact", &fields);
        assert_eq!((again.status, again.location()), (303, "/contact/sent"));
        run(t);
        let found = all_cases(t);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].channel, found[0].state), (Channel::Form, State::New));
        let receipt = sent_to(t, ANNA, "we have your message");
        assert!(!receipt.text.contains("alert") && !receipt.subject.contains("alert"),
            "we carry nobody's words to an address that nobody proved: {}", receipt.text);
        let page = browser.get(&case_path(t, &receipt));
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("<script>alert"), "{}", page.body);
        assert!(page.body.contains("&#60;script&#62;alert") || page.body.contains("&lt;script&gt;alert"));
        let bad = browser.post("/contact", &[("subject", ""), ("message", "a long enough message"), ("email", "nobody")]);
        assert_eq!(bad.status, 422);
        assert!(bad.body.contains("a long enough message") && bad.body.contains("value=\"nobody\""));
    }

    fn files_of_a_form_that_comes_back_need_not_be_chosen_again(t) {
        let mut browser = t.browser();
        let key = browser.get("/contact").field("request_key").expect("a key");
        let fields = [("subject", "My lamp"), ("message", "It is broken, see the file."), ("request_key", &key)];
        // Larger than what is held in memory.
        let bytes = "lamp ".repeat(200_000);
        let mut parts: String = fields.iter().map(|(name, value)| part(name, "", value)).collect();
        parts += &part("email", "", "nobody");
        parts += &part("files", "; filename=\"lamp.txt\"", &bytes);
        let back = browser.post_body("/contact", "multipart/form-data; boundary=b", format!("{parts}--b--\r\n"));
        assert_eq!(back.status, 422);
        assert!(back.body.contains("Already with your message: lamp.txt"), "{}", back.body);
        let kept = back.field("kept_files").expect("the file");
        let mut fields = fields.to_vec();
        fields.push(("kept_files", &kept));
        // Wrong once more: it is still there.
        let back = browser.post("/contact", &fields);
        assert_eq!(back.status, 422);
        let kept = back.field("kept_files").expect("the file");
        fields.extend([("email", ANNA), ("kept_files", &kept)]);
        fields.remove(3);
        assert_eq!(browser.post("/contact", &fields).location(), "/contact/sent");
        run(t);
        let files = &messages(t, CaseId(1))[0].files;
        assert_eq!((files[0].filename.as_str(), files[0].byte_count), ("lamp.txt", bytes.len() as i64));
        let unfinished = std::fs::read_dir(t.app.config.server.data_dir.join("uploads/00")).expect("the folder");
        assert_eq!(unfinished.count(), 0);
    }

    fn an_answer_can_resolve_the_case_with_it(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        let last = Written { resolves: true, ..written("Turn it off.", "k1", newest(t, id)) };
        // What follows from it is one with it.
        let fails = Written { when_resolved: Some(|_, _, _, _| Err(Error::other("no"))), ..last.clone() };
        reply(&t.app, &jo, id, &fails).expect_err("what follows failed");
        assert_ne!(case(t, id).state, State::Resolved);
        for _ in 0..2 {
            let outcome = reply(&t.app, &jo, id, &last).expect("an outcome");
            assert!(matches!(outcome, Outcome::SentAndResolved(_) | Outcome::Already(_)));
        }
        assert_eq!(case(t, id).state, State::Resolved);
        run(t);
        let letters = sent(t).into_iter().filter(|m| m.text.contains("Turn it off.") || m.text.contains("#verdict"));
        let texts: Vec<String> = letters.map(|m| m.text).collect();
        assert_eq!(texts.len(), 1, "one letter for one decision: {texts:?}");
        assert!(texts[0].contains("Turn it off.") && texts[0].contains("Does it work for you now?"), "{texts:?}");
        // Resolved already: it is not asked again.
        let more = Written { resolves: true, ..written("Then on.", "k3", newest(t, id)) };
        assert!(matches!(reply(&t.app, &jo, id, &more), Ok(Outcome::Sent(_))));
        run(t);
        assert!(!sent_to(t, ANNA, "Then on.").text.contains("#verdict"));
        let refused = Written { resolves: true, ..written("And this.", "k2", 0) };
        receive(t, &Mail::new(ANNA, "back@customers.example", "No.")
            .to(&reply_address(&sent_to(t, ANNA, "Turn it off."))));
        assert_eq!(case(t, id).state, State::WaitingStaff);
        assert!(matches!(reply(&t.app, &jo, id, &refused), Ok(Outcome::CustomerWrote)));
        assert_eq!(case(t, id).state, State::WaitingStaff);
    }

    fn word_that_a_thread_solved_it_can_be_answered(t) {
        let id = opened(t);
        let now = t.app.now();
        let key = "close:1:1:0";
        let told = t.app.db.write(|tx| {
            let case = cases::store::case(tx, id)?.expect("the case");
            happen(tx, now, &Actor::Operator, id, Happening::Resolved, "")?;
            tickets::notices::solved_in_thread(tx, &t.app, &case, key, ("Lamps", t.app.url("/t/1/lamps")))
        });
        assert!(told.expect("told"));
        run(t);
        let mail = sent_to(t, ANNA, "What you wrote to us about is solved.");
        receive(t, &Mail::new(ANNA, "still@customers.example", "Mine is still dark.").to(&reply_address(&mail)));
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!(case(t, id).state, State::WaitingStaff);
        assert_eq!(messages(t, id).last().map(|m| m.body.as_str()), Some("Mine is still dark."));
    }

    fn rule_5_the_customers_page_shows_nothing_that_is_not_theirs(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        receive(t, &Mail::new("bo@customers.example", "bo@customers.example", "Mine is the secret of Bo."));
        t.app.db.write(|tx| {
            cases::add_note(tx, t.app.now(), id, jo.id, &jo.actor(), "an internal note about Anna", "n1")
        }).expect("a note");
        answer(t, &jo, id, "Turn it off.", "k1");
        receive(t, &Mail::new(ANNA, "away@customers.example", "vacation words")
            .to(&reply_address(&sent_to(t, ANNA, "Turn it off."))).with("Auto-Submitted: auto-replied"));
        let path = case_path(t, &sent_to(t, ANNA, "Turn it off."));
        let mut browser = t.browser();
        let page = browser.get(&path);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("It does not light up.") && page.body.contains("Turn it off."));
        for secret in ["internal note", "secret of Bo", "vacation words", ANNA, "bo@customers.example", "annoyance"] {
            assert!(!page.body.contains(secret), "{secret}");
        }
        assert_eq!(page.header("cache-control"), "private, no-store");
        assert_eq!(page.header("x-robots-tag"), "noindex, nofollow");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        for public in ["/", "/search?q=light", "/feed.atom", "/sitemap.xml", "/contact"] {
            let reply = browser.get(public);
            assert!(!reply.body.contains("light up") && !reply.body.contains("Turn it off"), "{public}");
        }
        assert_eq!(browser.get("/case/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").status, 404);
    }

    fn the_customer_answers_and_judges_on_their_page(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        answer(t, &jo, id, "Turn it off.", "k1");
        let path = case_path(t, &sent_to(t, ANNA, "Turn it off."));
        let mut browser = t.browser();
        let key = browser.get(&path).field("request_key").expect("a key");
        let words = [("message", "It did not help."), ("request_key", &key)];
        let write = format!("{path}/reply");
        assert_eq!(browser.post(&write, &words).status, 303);
        assert_eq!(browser.post(&write, &words).status, 303);
        assert_eq!(messages(t, id).len(), 3);
        assert_eq!(case(t, id).state, State::WaitingStaff);

        set(t, id, Happening::Resolved);
        let told = t.app.db.write(|tx| tickets::notices::tell_resolved(tx, &t.app, id, "A new part is on its way.", None));
        assert!(told.expect("told"));
        let again = t.app.db.write(|tx| tickets::notices::tell_resolved(tx, &t.app, id, "A new part is on its way.", None));
        assert!(!again.expect("an answer"));
        run(t);
        let mail = sent_to(t, ANNA, "A new part is on its way.");
        assert!(mail.text.contains("#verdict"), "{}", mail.text);
        let rate = format!("{}/rate", case_path(t, &mail));
        let place = case(t, id).waiting_since;
        t.advance(DAY);
        let still = [("verdict", "still_broken"), ("comment", "No part came.")];
        assert_eq!(browser.post(&rate, &still).status, 303);
        let said = messages(t, id).len();
        assert_eq!(browser.post(&rate, &still).status, 303, "a double click");
        assert_eq!(messages(t, id).len(), said);
        let now = case(t, id);
        assert_eq!((now.state, now.waiting_since), (State::WaitingStaff, place));
        assert_eq!(messages(t, id).last().map(|m| m.body.as_str()), Some("No part came."));
        assert_eq!(browser.post(&rate, &[("verdict", "solved")]).status, 303);
        assert_eq!(case(t, id).state, State::Resolved);
        assert_eq!(case(t, id).satisfaction.as_deref(), Some("solved"));
        assert_eq!(browser.post(&rate, &[("verdict", "perhaps")]).status, 400);
    }

    fn what_the_customer_writes_later_changes_no_place_and_is_told(t) {
        let by_mail = |t: &Test, n: u32, body: &str| {
            let id = format!("later{n}@customers.example");
            let mail = Mail::new(ANNA, &id, body).with("In-Reply-To: <first@customers.example>");
            receive_mail::accept(&t.app, &mail.raw(), &[mail.to.to_owned()]).expect("accepted");
            t.run_jobs();
        };
        let first = Mail::new(ANNA, "first@customers.example", "The colour of the new icon is ugly.");
        let first = Mail { subject: "The icon", ..first };
        receive_mail::accept(&t.app, &first.raw(), &[first.to.to_owned()]).expect("accepted");
        t.run_jobs();
        let id = all_cases(t)[0].id;
        let told = |t: &Test, part: &str| {
            let events = t.app.db.read(|c| cases::store::events(c, id)).expect("events");
            let by_rule = events.iter().filter(|e| e.step == Step::Severity && e.actor_kind == "rule");
            by_rule.filter(|e| e.reasons.iter().any(|r| r.contains(part))).count()
        };
        assert_eq!(case(t, id).severity, Severity::Annoyance);

        let jo = staff(t, "Jo");
        answer(t, &jo, id, "We think about it.", "k1");
        let path = case_path(t, &sent_to(t, ANNA, "We think about it."));
        by_mail(t, 1, "And now I can't log in.");
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!((case(t, id).severity, told(t, "cant log")), (Severity::Annoyance, 1));
        set(t, id, Happening::Resolved);
        let mut browser = t.browser();
        let key = browser.get(&path).field("request_key").expect("a key");
        let smoke = "Now there is smoke and a burning smell coming out of it!";
        let words = [("message", smoke), ("request_key", &key)];
        assert_eq!(browser.post(&format!("{path}/reply"), &words).status, 303);
        t.run_jobs();
        assert_eq!((case(t, id).severity, told(t, "“smoke”")), (Severity::Annoyance, 1));
        by_mail(t, 2, "The icon is still ugly.");
        assert_eq!(case(t, id).severity, Severity::Annoyance);

        let lowered = t.app.db.write(|tx| {
            set_severity(tx, t.app.now(), &jo.actor(), id, Severity::Annoyance, "it was toast")
        });
        lowered.expect("lowered");
        by_mail(t, 3, "There was an explosion.");
        assert_eq!((case(t, id).severity, told(t, "“explosion”")), (Severity::Annoyance, 1));
    }

    fn an_expired_address_offers_a_fresh_one_by_mail(t) {
        opened(t);
        let path = case_path(t, &sent_to(t, ANNA, "we have your message"));
        t.advance(CASE_LINK_LIFE + 30 * DAY);
        t.registry.start_due(&t.app).expect("schedules");
        run(t);
        let mut browser = t.browser();
        let page = browser.get(&path);
        assert_eq!(page.status, 410);
        assert!(!page.body.contains("lamp") && !page.body.contains(ANNA), "{}", page.body);
        for _ in 0..2 {
            browser.post(&format!("{path}/fresh"), &[]);
        }
        assert_eq!(browser.post(&format!("{path}/reply"), &[("message", "Hello?")]).status, 410);
        run(t);
        let fresh = case_path(t, &sent_to(t, ANNA, "a fresh address"));
        assert_eq!(browser.get(&fresh).status, 200);
    }

    fn files_go_both_ways_and_only_to_whom_they_belong(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        let mut upload = t.app.files.begin().expect("an upload");
        upload.write(b"<script>alert(1)</script>").expect("written");
        let file = UploadedFile {
            field: "files".into(),
            filename: "../../r\u{e9}sum\u{e9}.html".into(),
            content_type: "text/html".into(),
            upload: Arc::new(upload),
        };
        let version = newest(t, id);
        let files = [file];
        let outcome = reply(&t.app, &jo, id, &Written { files: &files, ..written("See the file.", "k1", version) });
        assert!(matches!(outcome, Ok(Outcome::Sent(_))));
        run(t);
        let mail = sent_to(t, ANNA, "See the file.");
        assert_eq!(mail.attachments.len(), 1);
        let found = messages(t, id)[1].files[0].clone();
        let path = case_path(t, &mail);
        let mut browser = t.browser();
        let get = |browser: &mut crate::harness::Browser, path: &str| -> Reply { browser.get(path) };
        let download = get(&mut browser, &format!("{path}/attachment/{}", found.id));
        assert_eq!(download.status, 200);
        assert!(download.header("content-disposition").starts_with("attachment"));
        assert_eq!(download.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(download.header("x-content-type-options"), "nosniff");

        receive(t, &Mail::new("bo@customers.example", "bo@customers.example", "Mine."));
        let other = case_path(t, &sent_to(t, "bo@customers.example", "we have your message"));
        assert_eq!(browser.get(&format!("{other}/attachment/{}", found.id)).status, 404);
        let staff_path = format!("/attachment/{}", found.id);
        assert_eq!(browser.get(&staff_path).status, 303, "log-in needed");
        let (mut member, _) = t.browser_of("Mia", Role::Member);
        assert_eq!(member.get(&staff_path).status, 403);
        assert_eq!(t.browser_for(jo.id).get(&staff_path).status, 200);
    }

    fn still_broken_is_heard_each_time(t) {
        let id = opened(t);
        let jo = staff(t, "Jo");
        answer(t, &jo, id, "Turn it off.", "k1");
        let path = format!("{}/rate", case_path(t, &sent_to(t, ANNA, "Turn it off.")));
        let mut browser = t.browser();
        for n in 0..2 {
            assert_eq!(browser.post(&path, &[("verdict", "still_broken")]).status, 303);
            assert_eq!(case(t, id).state, State::WaitingStaff, "time {n}");
            let waits_since = case(t, id).waiting_since;
            t.advance(HOUR);
            browser.post(&path, &[("verdict", "still_broken")]);
            assert_eq!(case(t, id).waiting_since, waits_since, "said while it waits, it changes nothing");
            answer(t, &jo, id, &format!("And now? {n}"), &format!("again{n}"));
            assert_eq!(case(t, id).state, State::WaitingCustomer);
        }
    }

    fn other_words_under_the_same_key_are_another_message(t) {
        let mut browser = t.browser();
        let key = browser.get("/contact").field("request_key").expect("a key");
        for message in ["It does not light up.", "It does not light up.", "It does not light up, and it smells."] {
            let fields = [("subject", "My lamp"), ("message", message), ("email", ANNA), ("request_key", &key)];
            assert_eq!(browser.post("/contact", &fields).location(), "/contact/sent");
        }
        run(t);
        assert_eq!(all_cases(t).len(), 2);
        let id = all_cases(t)[0].id;
        answer(t, &staff(t, "Jo"), id, "Which one?", "k1");
        let path = case_path(t, &sent_to(t, ANNA, "Which one?"));
        let key = browser.get(&path).field("request_key").expect("a key");
        for message in ["The round one.", "The round one.", "The round one, upstairs."] {
            let fields = [("message", message), ("request_key", key.as_str())];
            assert_eq!(browser.post(&format!("{path}/reply"), &fields).status, 303);
        }
        let bodies: Vec<String> = messages(t, id).into_iter().map(|m| m.body).collect();
        assert_eq!(bodies[2..], ["The round one.", "The round one, upstairs."]);
        run(t);
    }

    fn a_case_that_went_on_in_a_closed_one_is_not_answered_there(t) {
        let id = opened(t);
        let address = reply_address(&sent_to(t, ANNA, "we have your message"));
        receive(t, &Mail::new(ANNA, "two@customers.example", "And another lamp."));
        let into = all_cases(t)[1].id;
        let merged = t.app.db.write(|tx| cases::merge(tx, t.app.now(), &Actor::Operator, id, into, "same"));
        assert_eq!(merged.expect("merged"), cases::MergeOutcome::Merged);
        receive(t, &Mail::new(ANNA, "three@customers.example", "It smells.").to(&address));
        assert_eq!(all_cases(t).len(), 2);
        set(t, into, Happening::Closed);
        receive(t, &Mail::new(ANNA, "four@customers.example", "It is back.").to(&address));
        assert_eq!(all_cases(t).len(), 3, "nobody would see it in a closed case");
        assert_eq!(messages(t, id).len(), 2);
    }

    fn what_waits_for_a_person_is_listed_and_can_be_taken(t) {
        receive(t, &Mail::new("robot@elsewhere.example", "r@elsewhere.example", "I am no robot.")
            .with("Auto-Submitted: auto-generated"));
        receive_mail::accept(&t.app, b"From: bo@customers.example\r\nMessage-ID: <e@x>\r\n\r\n", &[]).expect("accepted");
        run(t);
        assert_eq!(all_cases(t).len(), 0);
        let (mut browser, _) = t.browser_of("Stefan", Role::Staff);
        assert!(browser.get("/desk").body.contains("/desk/mail"));
        let page = browser.get("/desk/mail");
        for words in ["robot@elsewhere.example", "Put aside", "a machine", "bo@customers.example", "Not taken", "no text and no file"] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        let eml = browser.get("/desk/mail/1/eml");
        assert!(eml.header("content-disposition").starts_with("attachment") && eml.body.contains("I am no robot."));
        for _ in 0..2 {
            assert_eq!(browser.post("/desk/mail/1/replay", &[]).status, 303);
        }
        run(t);
        assert_eq!(messages(t, all_cases(t)[0].id)[0].body, "I am no robot.");
        assert!(sent(t).iter().all(|m| !m.recipients.iter().any(|r| r.starts_with("robot"))), "no machine is answered");
        assert!(!browser.get("/desk/mail").body.contains("robot@"));
        assert_eq!(browser.get("/desk/mail/1/eml").status, 404);
        let (mut member, _) = t.browser_of("Mia", Role::Member);
        assert_eq!(member.get("/desk/mail").status, 403);
    }

    fn mail_that_is_not_taken_keeps_no_files(t) {
        let raw = format!(
            "From: robot@elsewhere.example\r\nTo: {US}\r\nSubject: Report\r\nMessage-ID: <r@elsewhere.example>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nBeep.\r\n--b\r\nContent-Type: image/png\r\n\
             Content-Disposition: attachment; filename=\"a.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
        );
        receive_mail::accept(&t.app, raw.as_bytes(), &[]).expect("accepted");
        run(t);
        assert!(!t.app.config.server.data_dir.join("uploads").exists());
    }

    fn files_of_a_form_that_was_never_sent_are_forgotten(t) {
        let put = |words: &[u8]| {
            let key = t.app.files.put(words).expect("stored");
            let path = t.dir.path().join("data/uploads").join(&key[..2]).join(&key);
            let file = std::fs::File::options().append(true).open(path).expect("the file");
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("its age");
            key
        };
        let raw = "--b\r\nContent-Type: text/plain\r\n\r\nMine.\r\n--b\r\nContent-Type: application/pdf\r\n\
                   Content-Disposition: attachment\r\n\r\nkept\r\n--b--";
        let raw = format!("From: {ANNA}\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
                           Content-Type: multipart/mixed; boundary=b\r\n\r\n{raw}");
        receive_mail::accept(&t.app, raw.as_bytes(), &[]).expect("accepted");
        run(t);
        let keys = t.app.db.read(tickets::store::storage_keys).expect("keys");
        assert_eq!(keys, [put(b"kept")]);
        let forgotten = put(b"never sent");
        t.registry.start_due(&t.app).expect("schedules");
        run(t);
        assert!(t.app.files.is_there(&keys[0]) && !t.app.files.is_there(&forgotten));
        // The form that still has them says so.
        let file = tickets::store::KeptFile {
            filename: "a.pdf".into(), content_type: "application/pdf".into(), byte_count: 10, storage_key: forgotten,
            shown: Default::default(),
        };
        let sealed = t.app.keys.seal(&t.app.random, &serde_json::json!({"files": [file]}).to_string());
        let mut browser = t.browser();
        let key = browser.get("/contact").field("request_key").expect("a key");
        let fields = [("subject", "My lamp"), ("message", "It is broken, see the file."), ("name", "Bo"),
            ("email", "bo@customers.example"), ("seen_similar", "yes"), ("kept_files", &sealed), ("request_key", &key)];
        let page = browser.post("/contact", &fields);
        assert_eq!(page.status, 422);
        assert!(page.body.contains("Choose them again"), "{}", page.body);
        assert_eq!(page.field("kept_files").as_deref(), Some(""));
    }

    fn nothing_of_a_long_mail_is_lost_without_a_word(t) {
        let long = format!("{}The end.", "It is broken. ".repeat(3_000));
        receive(t, &Mail::new(ANNA, "long@customers.example", &long));
        let first = CaseId(1);
        let files = &messages(t, first)[0].files;
        assert_eq!(files[0].filename, "mail.txt");
        let staff = staff(t, "Jo");
        let (_, bytes) = tickets::attachments::open(&t.app, files[0].id, &tickets::attachments::Asker::Staff(&staff))
            .expect("an answer").expect("the file");
        assert!(String::from_utf8_lossy(&bytes).ends_with("The end."));
        let told = |id: CaseId, word: &str| {
            let events = t.app.db.read(|c| cases::store::events(c, id)).expect("the story");
            events.iter().any(|e| e.reasons.iter().any(|r| r.contains(word)))
        };
        assert!(told(first, "mail.txt"));

        // In an answer too, and for files.
        let part = "--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\nx\r\n";
        let many = part.repeat(tickets::MAIL_FILES_MAX + 1);
        let raw = format!(
            "From: {ANNA}\r\nTo: {US}\r\nSubject: Re: lamp\r\nMessage-ID: <many@customers.example>\r\n\
             In-Reply-To: <long@customers.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nMy files.\r\n{many}--b--\r\n"
        );
        receive_mail::accept(&t.app, raw.as_bytes(), &[US.to_owned()]).expect("accepted");
        run(t);
        let files = &messages(t, first)[1].files;
        assert_eq!(files.len(), tickets::MAIL_FILES_MAX + 1);
        assert_eq!(files.last().map(|f| f.filename.as_str()), Some("mail.eml"));
        assert!(told(first, "mail.eml"));
    }

    fn no_bytes_are_too_odd_to_be_taken(t) {
        let odd: [&[u8]; 6] = [
            b"\0\0\0", b"From: \xff\xfe\r\n\r\n\xc3\x28", b"no headers at all",
            b"From: <a@b>, <c@d.example>\r\nSubject: =?utf-8?b?AAAA?=\r\n\r\nx\0y",
            b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--\r\n",
            b"Message-ID: <x>\r\nIn-Reply-To: <<<>>>\r\nFrom: x@y.example\r\n\r\n",
        ];
        for raw in odd {
            receive_mail::accept(&t.app, raw, &["\0\r\n".into()]).expect("accepted");
        }
        run(t);
        let states = t.app.db.read(inbox::store::raw_mails).expect("states");
        let kinds: BTreeSet<&str> = states.iter().map(|s| s.0.as_str()).collect();
        assert!(!kinds.contains("received"), "{states:?}");
        assert_eq!(states.iter().map(|s| s.1).sum::<i64>(), 6);
    }
}

#[test]
fn the_contact_form_is_limited_also_when_nothing_similar_is_found() {
    let test = Test::new(Backend::Sqlite, |config| {
        config.limits.contacts_per_hour = 2
    });
    let mut t = test.expect("SQLite is always there");
    let mut browser = t.browser();
    browser.get("/contact");
    let statuses: Vec<u16> = (0..4)
        .map(|n| {
            let message = format!("It does not light up, for the {n}th time.");
            let fields = [
                ("subject", "My lamp"),
                ("message", &message),
                ("email", ANNA),
            ];
            browser.post("/contact", &fields).status
        })
        .collect();
    assert_eq!(statuses, [303, 303, 429, 429]);
    run(&t);
    assert_eq!(all_cases(&t).len(), 2);
    t.finish();
}

#[test]
fn a_contact_form_with_a_file_is_counted_once_and_before_the_file_is_stored() {
    let test = Test::new(Backend::Sqlite, |config| {
        config.limits.contacts_per_hour = 3
    });
    let mut t = test.expect("SQLite is always there");
    let mut browser = t.browser();
    let message = "It is broken, see the file.";
    let wrong = [
        ("subject", "My lamp"),
        ("message", message),
        ("email", "nobody"),
    ];
    let right = [
        ("subject", "My lamp"),
        ("message", message),
        ("email", ANNA),
    ];
    // The first: a mistyped field, twice, and then the case.
    let back = contact_with_file(&mut browser, &wrong);
    assert_eq!(back.status, 422);
    let kept = back.field("kept_files").expect("the file");
    let with = |fields: &[(&'static str, &'static str)], kept: &str| -> Vec<(&str, String)> {
        let fields = fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        fields.chain([("kept_files", kept.to_owned())]).collect()
    };
    let mut send = |fields: Vec<(&str, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        browser.post("/contact", &fields)
    };
    let back = send(with(&wrong, &kept));
    assert_eq!(back.status, 422);
    let kept = back.field("kept_files").expect("the file");
    assert_eq!(send(with(&right, &kept)).status, 303);
    // What was counted once opens one case; two more are left, then none, whatever comes back.
    let statuses = [0; 3].map(|_| send(with(&right, &kept)).status);
    assert_eq!(statuses, [303, 303, 429]);
    let refused = contact_with_file(&mut browser, &right);
    assert_eq!(refused.status, 429);
    assert!(refused.body.contains(message), "{}", refused.body);
    let uploads = t.app.config.server.data_dir.join("uploads");
    let unfinished = std::fs::read_dir(uploads.join("00")).expect("the folder");
    assert_eq!(unfinished.count(), 0);
    run(&t);
    assert_eq!(all_cases(&t).len(), 3);
    t.finish();
}

#[test]
fn what_is_too_long_or_too_large_comes_back_with_what_was_typed() {
    let test = Test::new(Backend::Sqlite, |config| {
        config.limits.upload_bytes_max = 2048
    });
    let mut t = test.expect("SQLite is always there");
    let mut browser = t.browser();
    let page = browser.get("/contact").body;
    assert!(
        page.contains("10 files, 2 KB each and 4 KB together")
            && !page.contains("maxlength=\"30000\""),
        "{page}"
    );
    let words = "It is broken, see the files.";
    let fields = [("subject", "My lamp"), ("message", words), ("email", ANNA)];
    let form = |fields: &[(&str, &str)], files: &[(&str, usize)]| {
        let fields = fields.iter().map(|(name, value)| part(name, "", value));
        let files = files.iter().map(|(name, bytes)| {
            let named = format!("; filename=\"{name}\"");
            part("files", &named, &"x".repeat(*bytes))
        });
        let parts: String = fields.chain(files).collect();
        format!("{parts}--b--\r\n")
    };
    let mut send = |path: &str, fields: &[(&str, &str)], files: &[(&str, usize)]| {
        browser.post_body(path, "multipart/form-data; boundary=b", form(fields, files))
    };
    // The file is left out, the words and the other file stay.
    let back = send("/contact", &fields, &[("large.log", 3000), ("lamp.txt", 4)]);
    let said = "“large.log” is larger than 2 KB; choose a smaller one";
    assert_eq!(back.status, 422);
    assert!(
        back.body.contains(said) && back.body.contains(words),
        "{}",
        back.body
    );
    assert!(
        back.body.contains("Already with your message: lamp.txt"),
        "{}",
        back.body
    );
    let many: Vec<(&str, usize)> = (0..11).map(|_| ("a.txt", 1)).collect();
    let back = send("/contact", &fields, &many);
    assert_eq!(back.status, 422);
    assert!(back.body.contains("Up to 10 files fit"), "{}", back.body);
    // Beyond what the whole form may have, nothing more is read; the words are shown.
    let back = send("/contact", &fields, &[("a", 3000), ("b", 3000)]);
    assert_eq!(back.status, 413);
    assert!(
        back.body.contains(words) && back.body.contains("10 files, 2 KB each and 4 KB together"),
        "{}",
        back.body
    );
    let long = format!("{}the end", "word ".repeat(6_000));
    let back = send(
        "/contact",
        &[("subject", "My lamp"), ("message", &long), ("email", ANNA)],
        &[],
    );
    assert_eq!(back.status, 422);
    assert!(
        back.body.contains("30007 characters; 30000 fit") && back.body.contains("word the end")
    );
    assert_eq!(all_cases(&t).len(), 0);

    let id = opened(&t);
    let path = case_path(&t, &sent_to(&t, ANNA, "we have your message"));
    let back = send(
        &format!("{path}/reply"),
        &[("message", words)],
        &[("large.log", 3000)],
    );
    assert_eq!(back.status, 422);
    assert!(
        back.body.contains(said) && back.body.contains(words),
        "{}",
        back.body
    );
    assert_eq!(messages(&t, id).len(), 1);
    let unfinished = t.app.config.server.data_dir.join("uploads/00");
    assert_eq!(
        std::fs::read_dir(unfinished).expect("the folder").count(),
        0
    );
    t.finish();
}

#[test]
fn what_all_send_at_once_leaves_room_on_the_disk() {
    let test = Test::new(Backend::Sqlite, |config| {
        config.limits.upload_bytes_max = 1024
    });
    let mut t = test.expect("SQLite is always there");
    let mut browser = t.browser();
    let fields = [
        ("subject", "My lamp"),
        ("message", "It is broken, see the file."),
        ("email", ANNA),
    ];
    let max = 1024 * 2 * 32;
    let mut others = t.app.files.room();
    assert!(others.take(max - 3, max));
    let busy = contact_with_file(&mut browser, &fields);
    assert_eq!((busy.status, busy.header("retry-after")), (503, "30"));
    assert!(
        busy.body.contains("Many files are arriving"),
        "{}",
        busy.body
    );
    assert!(
        busy.body.contains("It is broken, see the file."),
        "{}",
        busy.body
    );
    assert_eq!(all_cases(&t).len(), 0);
    drop(others);
    // What a request took is there again for the next.
    for _ in 0..2 {
        assert_eq!(contact_with_file(&mut browser, &fields).status, 303);
    }
    let mut all = t.app.files.room();
    assert!(all.take(max, max));
    run(&t);
    t.finish();
}

#[test]
fn a_letter_that_was_sent_keeps_no_key_to_its_case() {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let lines = BufReader::new(stream.try_clone().expect("a clone")).lines();
        let (mut text, mut is_text) = (String::new(), false);
        stream.write_all(b"220 test\r\n").expect("greeted");
        for line in lines.map_while(Result::ok) {
            if is_text && line != "." {
                text.push_str(&line);
                continue;
            }
            let answer: &[u8] = match line.as_str() {
                "." => b"250 taken\r\n",
                "DATA" => b"354 go on\r\n",
                _ => b"250 ok\r\n",
            };
            is_text = line == "DATA";
            stream.write_all(answer).expect("answered");
            if line == "." {
                return text;
            }
        }
        text
    });
    let t = Test::new(Backend::Sqlite, |config| {
        config.mail.transport = offramp::config::MailTransport::Smtp;
        config.mail.smtp_host = "127.0.0.1".into();
        config.mail.smtp_port = port;
        config.mail.smtp_security = offramp::config::SmtpSecurity::None;
    });
    let t = t.expect("SQLite is always there");
    receive_mail::accept(
        &t.app,
        &Mail::new(ANNA, "k@c.example", "It broke.").raw(),
        &[],
    )
    .expect("accepted");
    run(&t);
    let text = server.join().expect("the server ends");
    assert!(
        text.contains("/case/") && text.contains("support+t."),
        "{text}"
    );
    let id = t
        .app
        .db
        .read(|c| offramp::mail::outbox::page(c, None, 5))
        .expect("the outbox")[0]
        .id;
    let row = t
        .app
        .db
        .read(|c| offramp::mail::store::row(c, offramp::ids::MailId(id)));
    let row = row.expect("an answer").expect("the row");
    assert_eq!(
        (row.reply_to, row.text.as_str(), row.html.as_str()),
        (None, "", "")
    );
}

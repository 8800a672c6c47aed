//! What becomes of mail: who is believed, and where it goes.

use offramp::cases::links::Target;
use offramp::cases::{self, Case, State};
use offramp::forum::save_product::{Outcome, Settings, save_product};
use offramp::forum::store::settings;
use offramp::forum::{self, Visibility};
use offramp::ids::{CaseId, MailId, ProductId, UserId};
use offramp::inbox::store::UnreadMail;
use offramp::inbox::{self, decide, receive_mail};
use offramp::mail::inbound::{InboundMail, parse};
use offramp::mail::verp;
use offramp::people::{CurrentUser, Role};
use offramp::tickets::{self, Direction, Message};

use crate::harness::Test;
use crate::on_both;

const US: &str = "support@testwell.example";
const FORUM: &str = "tern@testwell.example";
const ANNA: &str = "anna@customers.example";
/// What our own mail server says of a mail whose sender's domain stands behind it, and does not.
const PASS: &str = "Authentication-Results: mx.testwell.example; dmarc=pass\r\n";
const FAIL: &str = "Authentication-Results: mx.testwell.example; dmarc=fail\r\n";

/// A mail of `from` that reaches `to`, with further headers and its text.
fn receive(t: &Test, (from, to): (&str, &str), headers: &str, text: &str) {
    let mail = format!("From: {from}\r\nTo: {to}\r\n{headers}\r\n{text}\r\n");
    receive_mail::accept(&t.app, mail.as_bytes(), &[to.to_owned()]).expect("accepted");
    t.run_jobs();
}

fn all_cases(t: &Test) -> Vec<Case> {
    let one = |id| t.app.db.read(|c| cases::store::case(c, CaseId(id)));
    (1..).map_while(|id| one(id).expect("cases")).collect()
}

fn messages(t: &Test, case: CaseId) -> Vec<Message> {
    let read = t.app.db.read(|c| {
        let ticket = tickets::store::ticket_of(c, case)?.expect("a ticket");
        tickets::store::messages(c, ticket.id)
    });
    read.expect("messages")
}

fn notes(t: &Test, case: CaseId) -> Vec<(UserId, String)> {
    let notes = t.app.db.read(|c| cases::store::notes(c, case));
    let notes = notes.expect("notes").into_iter();
    notes
        .map(|note| (UserId(note.author_id), note.body))
        .collect()
}

fn aside(t: &Test) -> Vec<UnreadMail> {
    let found = t.app.db.read(|c| inbox::store::unread_mails(c, None, 10));
    found.expect("mails")
}

fn sent(t: &Test) -> Vec<InboundMail> {
    let folder = std::fs::read_dir(t.dir.path().join("mail"));
    let files = folder
        .into_iter()
        .flatten()
        .map(|file| file.expect("a file"));
    files
        .map(|file| parse(&std::fs::read(file.path()).expect("a mail")))
        .collect()
}

fn admin(t: &Test) -> CurrentUser {
    CurrentUser {
        id: t.user("Root", Role::Admin),
        name: "Root".into(),
        role: Role::Admin,
        session: offramp::ids::SessionId(0),
        products: vec![],
    }
}

/// A product whose forum takes mail.
fn tern(t: &Test) -> ProductId {
    let settings = Settings {
        name: "Tern".into(),
        description: String::new(),
        terms: vec![],
        link_threshold: 0.8,
        propose_threshold: 0.3,
        auto_link: false,
        auto_acknowledge: false,
        mail_address: FORUM.into(),
    };
    let by = admin(t);
    let problem = |address: &str| {
        let wrong = Settings {
            name: address.into(),
            mail_address: address.into(),
            ..settings.clone()
        };
        matches!(
            save_product(&t.app, &by, None, &wrong),
            Ok(Outcome::Problems(_))
        )
    };
    assert!(problem("nowhere") && problem(US) && problem("Support+x@testwell.example"));
    let Outcome::Done(id) = save_product(&t.app, &by, None, &settings).expect("an outcome") else {
        panic!("the product is not saved");
    };
    assert!(
        problem("TERN@testwell.example"),
        "two forums with one address"
    );
    let kept = t
        .app
        .db
        .read(|c| settings::settings(c, id))
        .expect("settings");
    assert_eq!(kept, Some(settings));
    id
}

const SENT_ON: &str = "Please answer her.\r\n\r\n---------- Forwarded message ---------\r\n\
    From: Anna Berg <anna@customers.example>\r\nDate: Mon, 2 Mar 2026\r\n\
    Subject: The lamp\r\nTo: jo@people.example\r\n\r\nMy lamp is broken.\r\n";

on_both! {
    fn staff_send_a_customers_mail_on_and_nobody_else_can_do_that(t) {
        let by = t.user("Jo", Role::Staff);
        t.user("Mo", Role::Member);
        let jo = "jo@people.example";
        receive(t, (jo, US), &format!("{PASS}Subject: Fwd: The lamp\r\n"), SENT_ON);
        let case = all_cases(t).remove(0);
        assert_eq!(case.email.as_deref(), Some(ANNA));
        assert_eq!((case.customer_name.as_str(), case.user), ("Anna Berg", None));
        let first = messages(t, case.id).remove(0);
        assert_eq!((first.body.as_str(), first.from_name.as_str()), ("My lamp is broken.", "Anna Berg"));
        assert_eq!(notes(t, case.id), [(by, "Please answer her.".to_owned())]);
        assert_eq!(sent(t).len(), 0, "nobody is written to before a person has looked");

        // The same words of Jo's address without proof, and of a member with proof, are their own.
        receive(t, (jo, US), "Subject: Fwd: The lamp\r\n", SENT_ON);
        receive(t, ("mo@people.example", US), &format!("{PASS}Subject: Fwd: The lamp\r\n"), SENT_ON);
        let cases = all_cases(t);
        let whose: Vec<_> = cases[1..].iter().filter_map(|c| c.email.as_deref()).collect();
        assert_eq!(whose, [jo, "mo@people.example"]);
        assert!(cases[1].user.is_none() && cases[2].user.is_some(), "an account is named by proof alone");
        assert!(messages(t, cases[1].id)[0].body.contains("Anna Berg"), "what was sent on is content");
        let told = t.app.db.read(|c| cases::store::events(c, cases[1].id)).expect("events");
        assert!(told.iter().any(|e| e.summary.contains("one of staff")));
    }

    fn what_staff_answer_to_a_mail_of_a_case_is_a_note_for_staff_alone(t) {
        let by = t.user("Jo", Role::Staff);
        receive(t, (ANNA, US), "Message-ID: <a1@x>\r\nSubject: Lamp\r\n", "Broken.");
        let answer = "In-Reply-To: <a1@x>\r\nSubject: Re: Lamp\r\n";
        receive(t, ("jo@people.example", US), &format!("{PASS}{answer}"), "Ask for the number.");
        assert_eq!(notes(t, CaseId(1)), [(by, "Ask for the number.".to_owned())]);
        assert_eq!(messages(t, CaseId(1)).len(), 1);
        // Without proof it is a case of its own, which may belong to the first.
        receive(t, ("jo@people.example", US), answer, "Close it.");
        assert_eq!((notes(t, CaseId(1)).len(), all_cases(t).len()), (1, 2));
        assert!(sent(t).iter().all(|mail| !mail.text.contains("Ask for the number.")));
    }

    fn what_staff_answer_above_a_mail_that_was_sent_on_stays_with_its_case(t) {
        let by = t.user("Jo", Role::Staff);
        receive(t, (ANNA, US), "Message-ID: <a1@x>\r\nSubject: Lamp\r\n", "See what the shop wrote.");
        let answer = "Do not refund her.\r\n\r\nOn Mon, 2 Mar 2026, Anna <anna@customers.example> wrote:\r\n\
            > See what the shop wrote.\r\n> ---------- Forwarded message ---------\r\n\
            > From: Bob <bob@shop.example>\r\n> Date: Mon, 2 Mar 2026\r\n> Subject: Invoice\r\n>\r\n> Pay.\r\n";
        let headers = format!("{PASS}In-Reply-To: <a1@x>\r\nSubject: Re: Lamp\r\n");
        receive(t, ("jo@people.example", US), &headers, answer);
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!(notes(t, CaseId(1)), [(by, "Do not refund her.".to_owned())]);
        // Our own answer, sent on, has no customer but us: it is the sender's own mail.
        let ours = SENT_ON.replace(ANNA, "Support@testwell.example");
        receive(t, ("jo@people.example", US), &format!("{PASS}Subject: Fwd: The lamp\r\n"), &ours);
        assert_eq!(all_cases(t)[1].email.as_deref(), Some("jo@people.example"));
    }

    fn forgeries_keep_no_customer_out_and_hide_no_genuine_copy(t) {
        for n in 0..decide::MAILS_PER_HOUR_MAX + 1 {
            receive(t, (ANNA, US), &format!("{FAIL}Message-ID: <f{n}@x>\r\n"), "Buy this.");
        }
        // The copies of two lists broke the signature; the direct one is whole.
        let copy = "Message-ID: <a1@x>\r\nSubject: Lamp\r\n";
        for list in ["one", "two"] {
            receive(t, (ANNA, US), &format!("X-List: {list}\r\n{FAIL}{copy}"), "Broken.");
        }
        receive(t, (ANNA, US), &format!("{PASS}{copy}"), "Broken.");
        // The same once more, by another way.
        receive(t, (ANNA, US), &format!("X-Way: 2\r\n{PASS}{copy}"), "Broken.");
        assert_eq!(all_cases(t).len(), 1);
        assert_eq!(messages(t, CaseId(1))[0].body, "Broken.");
        // Her own tag is no address of ours.
        receive(t, (ANNA, US), &format!("{PASS}Cc: anna+v.2@customers.example\r\n"), "Another.");
        assert_eq!(all_cases(t).len(), 2);
    }

    fn what_may_be_forged_or_unwanted_waits_until_somebody_has_looked(t) {
        receive(t, (ANNA, US), "Message-ID: <a1@x>\r\n", "Broken.");
        let many: String = (0..60).map(|n| format!("p{n}@x.example, ")).collect();
        let many = format!("Cc: {many}q@x.example\r\n");
        for (headers, why) in [
            (FAIL, "DMARC"),
            ("Authentication-Results: mx.testwell.example; dmarc=fail\r\nIn-Reply-To: <a1@x>\r\n", "DMARC"),
            ("X-Spam-Flag: YES\r\n", "spam"),
            ("X-Spam-Status: Yes, score=9.1\r\n", "spam"),
            (&many, "very many"),
        ] {
            receive(t, (ANNA, US), headers, &format!("Give me {why} {}", headers.len()));
            assert!(aside(t)[0].why.contains(why), "{headers}: {}", aside(t)[0].why);
        }
        assert_eq!((all_cases(t).len(), messages(t, CaseId(1)).len()), (1, 1));
        // Another server's word, and a forged one below ours, count for nothing.
        receive(t, (ANNA, US), "Authentication-Results: mx.other.example; dmarc=fail\r\n", "Still broken.");
        assert_eq!((all_cases(t).len(), aside(t).len()), (2, 5));
        assert!(receive_mail::replay(&t.app, &admin(t).actor(), aside(t)[4].id).expect("replayed"));
        t.run_jobs();
        assert_eq!((all_cases(t).len(), aside(t).len()), (3, 4));
    }

    fn a_newsletter_waits_and_words_on_a_list_count(t) {
        let news = "List-Id: <news.example.org>\r\nList-Unsubscribe: <https://news.example.org/out>\r\nPrecedence: bulk\r\n";
        receive(t, ("news@news.example", US), news, "Our spring collection.");
        assert!(all_cases(t).is_empty());
        assert!(aside(t)[0].why.contains("newsletter"), "{}", aside(t)[0].why);
        let list = "List-Id: <bikes.example.org>\r\nList-Unsubscribe: <mailto:out@lists.example>\r\nPrecedence: list\r\n";
        receive(t, (ANNA, US), &format!("Message-ID: <a1@x>\r\n{list}"), "My lamp broke.");
        // Whoever answers us is heard, whatever the mail's way added to it.
        receive(t, (ANNA, US), &format!("In-Reply-To: <a1@x>\r\n{news}"), "It is the left one.");
        receive(t, ("jo@x.example", US), &format!("In-Reply-To: <a1@x>\r\n{news}"), "Mine too.");
        assert_eq!((all_cases(t).len(), messages(t, CaseId(1)).len(), aside(t).len()), (2, 2, 1));
        assert!(receive_mail::replay(&t.app, &admin(t).actor(), aside(t)[0].id).expect("replayed"));
        t.run_jobs();
        assert_eq!((all_cases(t).len(), aside(t).len()), (3, 0));
    }

    fn a_mail_that_says_nothing_is_called_something(t) {
        let file = "Subject: =?utf-8?q?=E2=80=8B?=\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n";
        receive(t, (ANNA, US), file, "%PDF");
        assert_eq!(all_cases(t)[0].summary, "(no subject)");
    }

    fn mail_to_a_forum_is_held_for_review(t) {
        let product = tern(t);
        let mo = t.user("Mo", Role::Member);
        let to = "Tern+mail@Testwell.example";
        receive(t, ("mo@people.example", to), &format!("{PASS}Subject: Red ring\r\n"), "What does the **red** ring mean?\r\n-- \r\nMo");
        receive(t, ("mo@people.example", to), "Subject: Blue ring\r\n", "And the blue one?");
        receive(t, (ANNA, to), &format!("{PASS}Subject: Green ring\r\n"), "And the green one?");
        let cases = all_cases(t);
        assert!(cases.iter().all(|c| c.product == Some(product) && c.state == State::New), "{cases:?}");
        let links = |case: &Case| t.app.db.read(|c| cases::store::links_of_any(c, &[case.id])).expect("links");
        let threads = |case: &Case| {
            let targets = links(case).into_iter().map(|link| link.target);
            let ids = targets.filter_map(|target| match target { Target::Thread(id) => Some(id), _ => None });
            ids.collect::<Vec<_>>()
        };
        let drafted = threads(&cases[0]);
        assert_eq!((drafted.len(), threads(&cases[1]).len(), threads(&cases[2]).len()), (1, 0, 0));
        let thread = t.app.db.read(|c| forum::store::thread(c, drafted[0])).expect("threads").expect("the draft");
        assert_eq!((thread.visibility, thread.author, thread.title.as_str()), (Visibility::Draft, mo, "Red ring"));
        let mut visitor = t.browser();
        assert_eq!(visitor.get(&thread.path()).status, 404);
        let mut staff = t.browser_of("Jo", Role::Staff).0;
        let page = staff.get(&thread.path());
        assert!(page.body.contains("<strong>red</strong>") && !page.body.contains("-- "), "{}", page.body);
        staff.submit(&format!("/desk/case/{}", cases[0].id), &format!("/desk/case/{}/publish/{}", cases[0].id, thread.id), &[]);
        assert_eq!(visitor.get(&thread.path()).status, 200);
        t.run_jobs();
        let told = sent(t).into_iter().filter(|m| m.text.contains("is in the forum now"));
        assert_eq!(told.map(|m| m.to[0].email.clone()).collect::<Vec<_>>(), ["mo@people.example"]);
    }

    fn pictures_stand_in_their_words_and_logos_do_not(t) {
        let png = b"\x89PNG\r\n\x1a\n and so on";
        let large = [png.as_slice(), &[7; 6_000]].concat();
        let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
        let part = |id: &str, name: &str, bytes: &[u8]| format!(
            "--b\r\nContent-Type: image/png; name={name}\r\nContent-ID: <{id}>\r\nContent-Disposition: inline; filename={name}\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n", base64(bytes));
        let letter = |n: u32| format!(
            "--b\r\nContent-Type: text/html\r\n\r\n<p>See number {n}:</p><img src=\"cid:shot{n}@x\" alt=\"\"><p>It is red.</p><img src=\"cid:logo@x\">\r\n{}{}--b--",
            part(&format!("shot{n}@x"), "shot.png", &[large.as_slice(), &[n as u8]].concat()), part("logo@x", "logo.png", png));
        let headers = "Subject: Red\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n";
        receive(t, (ANNA, US), headers, &letter(1));
        receive(t, (ANNA, US), headers, &letter(2));
        let first = messages(t, CaseId(1)).remove(0);
        assert!(first.body.contains("See number 1:") && first.body.contains("[image: shot.png]"), "{}", first.body);
        let mut staff = t.browser_of("Jo", Role::Staff).0;
        let pages = [1, 2].map(|case| staff.get(&format!("/desk/case/{case}")).body);
        let pictures = |page: &str| page.matches("<img class=\"message-picture\"").count();
        assert_eq!(pages.each_ref().map(|page| pictures(page)), [2, 1], "the logo came before");
        assert!(pages[1].contains("Pictures of the signature") && !pages[1].contains("[image:"), "{}", pages[1]);
        let picture = staff.get("/attachment/1");
        assert_eq!((picture.status, picture.header("content-type")), (200, "image/png"));
        assert!(picture.header("content-security-policy").contains("sandbox"));
        // What says that it is a picture and is none is listed as a file.
        let page = part("evil@x", "evil.png", b"<html><script>alert(1)</script>");
        let evil = format!("--b\r\nContent-Type: text/html\r\n\r\n<p>Look</p><img src=\"cid:evil@x\">\r\n{page}--b--");
        receive(t, (ANNA, US), headers, &evil);
        assert_eq!(pictures(&staff.get("/desk/case/3").body), 0);
    }

    fn a_sealed_mail_says_so(t) {
        let sealed = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n";
        let body = "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\
            --b\r\nContent-Type: application/octet-stream; name=encrypted.asc\r\n\r\n-----BEGIN PGP MESSAGE-----\r\nx\r\n--b--";
        receive(t, (ANNA, US), sealed, body);
        let told = t.app.db.read(|c| cases::store::events(c, CaseId(1))).expect("events");
        assert!(told.iter().any(|e| e.reasons.iter().any(|r| r.contains("sealed with PGP"))), "{told:?}");
        let files: Vec<String> = messages(t, CaseId(1)).remove(0).files.into_iter().map(|f| f.filename).collect();
        assert!(files.contains(&"encrypted.asc".to_owned()), "{files:?}");
    }

    fn a_test_shows_how_our_mail_arrives(t) {
        let mut root = t.browser_of("Root", Role::Admin).0;
        let refused = root.submit("/admin/mail", "/admin/mail/test", &[("to", "nobody")]);
        assert!(refused.status == 422 && refused.body.contains("value=\"nobody\""), "{}", refused.status);
        for to in [US, "root@elsewhere.example"] {
            assert_eq!(root.submit("/admin/mail", "/admin/mail/test", &[("to", to)]).status, 303);
        }
        t.run_jobs();
        let test = |to: &str| sent(t).into_iter().find(|m| m.recipients.iter().any(|r| r == to)).expect("the test");
        let id = |to: &str| format!("Message-ID: <{}>\r\n", test(to).message_id.expect("an id"));
        // One comes back to our own mailbox.
        let found = "Authentication-Results: mx.testwell.example; spf=pass; dkim=fail; dmarc=pass\r\n";
        receive(t, (US, US), &format!("{found}{}", id(US)), "A test");
        let page = root.get("/admin/mail").body;
        assert!(page.contains("SPF pass") && page.contains("DKIM fail") && page.contains("not yet"), "{page}");
        // Of the other its receiver copies the headers.
        let other = "Authentication-Results: mx.elsewhere.example; spf=softfail; dkim=pass; dmarc=none";
        for headers in [format!("From: x@y.example\r\n{}", id("root@elsewhere.example")), format!("{other}\nMessage-ID: <x@y>")] {
            let refused = root.submit("/admin/mail", "/admin/mail/test/headers", &[("headers", &headers)]);
            assert!(refused.status == 422 && refused.body.contains("Message-ID"), "{}", refused.status);
        }
        let headers = format!("Delivered-To: root@elsewhere.example\n{other}\n{}", id("root@elsewhere.example"));
        assert_eq!(root.submit("/admin/mail", "/admin/mail/test/headers", &[("headers", &headers)]).status, 303);
        let page = root.get("/admin/mail").body;
        assert!(page.contains("SPF softfail") && page.contains("DMARC none") && !page.contains("not yet"), "{page}");
    }

    fn an_address_that_is_gone_is_held_and_an_admin_lifts_the_hold(t) {
        receive(t, (ANNA, US), "Message-ID: <a1@x>\r\nSubject: Lamp\r\n", "Broken.");
        let receipt = sent(t).remove(0);
        let id = receipt.message_id.expect("an id");
        let bounce = format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: {US}\r\nReturn-Path: <>\r\nSubject: Undelivered Mail\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; {ANNA}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
             --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{id}>\r\n--b--\r\n");
        // Whoever got a copy of an answer knows its Message-ID: by that alone no address is held.
        receive_mail::accept(&t.app, bounce.as_bytes(), &[US.to_owned()]).expect("accepted");
        t.run_jobs();
        let held = |t: &Test| t.app.db.read(offramp::mail::suppression::count).expect("counted");
        assert_eq!(held(t), 0);
        assert!(messages(t, CaseId(1)).iter().any(|m| m.direction == Direction::Bounce), "it is told all the same");
        let address = verp::address(&t.app.config.mail, &t.app.keys, MailId(1));
        let again = format!("X-Copy: 2\r\n{bounce}");
        receive_mail::accept(&t.app, again.as_bytes(), &[address]).expect("accepted");
        t.run_jobs();
        assert_eq!(held(t), 1);
        let mut root = t.browser_of("Root", Role::Admin).0;
        let page = root.get("/admin/mail");
        assert!(page.body.contains(ANNA) && page.body.contains("does not exist any more"), "{}", page.body);
        let lift = page.body.split("action=\"").filter_map(|rest| rest.split('"').next()).find(|a| a.ends_with("/lift"));
        let lift = lift.expect("a button").to_owned();
        assert_eq!(root.submit("/admin/mail", &lift, &[]).status, 303);
        assert!(!root.get("/admin/mail").body.contains("does not exist any more"));
    }

    fn a_group_of_our_own_names_who_wrote_and_others_do_not(t) {
        receive(t, (ANNA, US), "Message-ID: <a1@x>\r\n", "Broken.");
        let answer = format!("In-Reply-To: <a1@x>\r\nReply-To: {ANNA}\r\nX-Original-From: Anna <{ANNA}>\r\n");
        receive(t, ("Anna via Support <support@testwell.example>", US), &format!("{PASS}{answer}"), "Still.");
        assert_eq!(messages(t, CaseId(1)).len(), 2, "the customer's answer");
        receive(t, ("list@evil.example", US), &format!("{PASS}{answer}"), "Send me the lamp.");
        assert_eq!(messages(t, CaseId(1)).len(), 2);
        assert_eq!(all_cases(t)[1].email.as_deref(), Some("list@evil.example"));
        // Whoever only writes our address into From is we ourselves, or nobody.
        receive(t, ("support@testwell.example", US), &answer, "Send me the lamp.");
        assert_eq!((all_cases(t).len(), messages(t, CaseId(1)).len()), (2, 2));
        // A group's word proves no account.
        t.user("Jo", Role::Staff);
        let jo = "Reply-To: jo@people.example\r\nX-Original-From: jo@people.example\r\nSubject: Fwd: The lamp\r\n";
        receive(t, ("support@testwell.example", US), &format!("{PASS}{jo}"), SENT_ON);
        assert_eq!(all_cases(t)[2].email.as_deref(), Some("jo@people.example"));
    }
}

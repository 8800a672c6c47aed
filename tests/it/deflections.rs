//! The ledger of deflections: what threads that were shown in time came to.

use diesel::prelude::*;
use offramp::cases::{self, Channel, NewCase, Severity};
use offramp::clock::{DAY, HOUR};
use offramp::db::audit::Actor;
use offramp::db::schema::deflections;
use offramp::escalations::settle_deflections::SettleDeflections;
use offramp::people::Role;

use crate::escalations::{enqueue, product, staff, thread};
use crate::harness::{Browser, Test};
use crate::on_both;

/// Opened, solved, written, taken back, by whom: of each row.
type Row = (bool, bool, bool, bool, Option<i64>);

fn rows(t: &Test) -> Vec<Row> {
    type Stored = (
        Option<i64>,
        Option<i64>,
        Option<i64>,
        Option<i64>,
        Option<i64>,
    );
    let stored: Vec<Stored> = t
        .app
        .db
        .read(|c| {
            Ok(deflections::table
                .order(deflections::id)
                .select((
                    deflections::opened_at,
                    deflections::solved_at,
                    deflections::written_at,
                    deflections::taken_back_at,
                    deflections::user_id,
                ))
                .load(c)?)
        })
        .expect("the ledger");
    let rows = stored.into_iter();
    rows.map(|(opened, solved, written, back, user)| {
        (
            opened.is_some(),
            solved.is_some(),
            written.is_some(),
            back.is_some(),
            user,
        )
    })
    .collect()
}

/// Fills the contact form in and is shown threads; the fields, and the page.
fn ask(browser: &mut Browser) -> (Vec<(&'static str, String)>, String) {
    let key = browser.get("/contact").field("request_key").expect("a key");
    let fields = vec![
        ("subject", "The lamp does not pair with my phone".to_owned()),
        (
            "message",
            "The lamp blinks and does not pair with my phone.".to_owned(),
        ),
        ("name", "Anna".to_owned()),
        ("email", "anna@customers.example".to_owned()),
        ("request_key", key),
    ];
    let page = send(browser, &fields).body;
    (fields, page)
}

fn send(browser: &mut Browser, fields: &[(&'static str, String)]) -> crate::harness::Reply {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    browser.post("/contact", &fields)
}

/// The addresses on a page that begin so.
fn addresses(page: &str, beginning: &str) -> Vec<String> {
    let found = page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    found
        .filter(|to| to.starts_with(beginning))
        .map(str::to_owned)
        .collect()
}

on_both! {
    fn shown_opened_solved_written_and_taken_back(t) {
        let hub = product(t);
        let answer = thread(t, hub, "The lamp does not pair with my phone", "The lamp blinks and does not pair.");
        let mut visitor = t.browser();
        // Opens one, and says that it helped.
        let (_, page) = ask(&mut visitor);
        let links = addresses(&page, "/similar/");
        let open = links.iter().find(|to| to.ends_with(&format!("/{answer}"))).expect("a way to the thread");
        assert_eq!(rows(t), [(false, false, false, false, None)], "shown");
        let went = visitor.get(open);
        assert_eq!(went.status, 303);
        assert!(went.location().starts_with(&format!("/t/{answer}/")));
        let solved = links.iter().find(|to| to.ends_with("/solved")).expect("a way to say so");
        assert_eq!(visitor.get(solved).status, 303);
        visitor.get(open);
        assert_eq!(rows(t), [(true, true, false, false, None)], "a row for each form, whatever is clicked");
        // Opens none, and writes.
        let (mut fields, _) = ask(&mut visitor);
        fields.push(("seen_similar", "1".to_owned()));
        assert_eq!(send(&mut visitor, &fields).location(), "/contact/sent");
        t.run_jobs();
        assert_eq!(rows(t)[1], (false, false, true, false, None));
        // A member opens one and leaves; comes back within seven days, or later.
        for days in [6, 9] {
            let name = format!("Member{days}");
            let (mut browser, user) = t.browser_of(&name, Role::Member);
            let (_, page) = ask(&mut browser);
            browser.get(&addresses(&page, "/similar/")[0]);
            if days == 6 {
                let solved = addresses(&page, "/similar/").into_iter().find(|to| to.ends_with("/solved"));
                browser.get(&solved.expect("a way to say so"));
            }
            t.advance(days * DAY);
            let now = t.app.now();
            let email = format!("{}@people.example", name.to_lowercase());
            let case = t.app.db.write(|tx| {
                let new = NewCase {
                    channel: Channel::Email,
                    severity: Severity::Annoyance,
                    summary: "The lamp still does not pair",
                    product: None,
                    topic: None,
                    user: None,
                    handle: None,
                    email: Some(&email),
                    customer_name: &name,
                    written_at: now,
                    mention: None,
                    reasons: Vec::new(),
                };
                cases::open(tx, now, &Actor::rule("test"), new)
            });
            case.expect("a case");
            enqueue(&t.app, &SettleDeflections::default());
            t.run_jobs();
            let row = *rows(t).last().expect("a row");
            assert_eq!(row, (true, days == 6, false, days == 6, Some(user.0)), "after {days} days");
        }
        // No form of ours, no thread of ours: nothing happens.
        assert_eq!(visitor.get("/similar/nothing/solved").status, 303);
        assert_eq!(visitor.get("/similar/nothing/999999").status, 404);
        assert_eq!(rows(t).len(), 4);

        t.advance(HOUR);
        let by = staff(t);
        let mut desk = t.browser_for(by.id);
        let page = desk.get("/desk/quality").body;
        for (figure, expected) in [("shown", 4), ("opened", 3), ("written", 1), ("left", 2), ("solved", 1), ("came_back", 1)] {
            let href = format!("/desk/quality/list?figure={figure}");
            let number = page.split(&format!("href=\"{href}\">")).nth(1).and_then(|rest| rest.split('<').next());
            assert_eq!(number, Some(expected.to_string().as_str()), "{figure}");
            let list = desk.get(&href).body;
            assert_eq!(list.matches("data-label=\"Where\"").count(), expected, "{figure} opens its rows");
        }
    }
}

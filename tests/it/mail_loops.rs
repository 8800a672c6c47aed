//! Machines that answer machines: whoever they are, they soon have nothing more to say to each other.

use std::collections::BTreeSet;

use offramp::clock::HOUR;
use offramp::inbox::receive_mail;
use offramp::mail::inbound::{InboundMail, parse};

use crate::harness::{Backend, Test};

const VACATION: &str = "vacation@away.example";
const LIST: &str = "everybody@lists.example";
const LIST_BOUNCES: &str = "everybody-bounces@lists.example";
const HOURS_OF_A_WEEK: usize = 7 * 24;
/// Mails that all of them together may exchange in a week.
const MAILS_MAX: usize = 9;
/// How a vacation program answers.
#[derive(Clone, Copy, Debug)]
enum Manners {
    /// As RFC 3834 asks: says what it is, to the envelope's sender.
    Good,
    /// As old ones do: to From, and only the subject tells.
    Old,
    /// Tells nothing, refers to nothing, answers everything.
    None,
}

/// A mail on its way: the envelope and the bytes.
struct Letter {
    returns_to: String,
    to: String,
    raw: Vec<u8>,
}

/// Two Offramps, a vacation program, and a list of all three.
struct World {
    sites: [Test; 2],
    /// Files of the outboxes that were carried.
    carried: BTreeSet<std::path::PathBuf>,
    manners: Manners,
    list_says_so: bool,
    written: usize,
}

fn site(name: &str) -> Test {
    Test::new(Backend::Sqlite, |config| {
        config.mail.from = format!("support@{name}.example");
        config.site.secret =
            offramp::config::Secret::new(format!("the secret of {name}, long enough for it"));
    })
    .expect("SQLite is always there")
}

impl World {
    fn new(manners: Manners, list_says_so: bool) -> World {
        World {
            sites: [site("one"), site("two")],
            carried: BTreeSet::new(),
            manners,
            list_says_so,
            written: 0,
        }
    }

    /// Mails that an Offramp sent since the last look.
    fn sent(&mut self) -> Vec<Letter> {
        let mut letters = Vec::new();
        for site in &self.sites {
            site.run_jobs();
            let folder = std::fs::read_dir(&site.app.config.mail.folder);
            for file in folder.into_iter().flatten() {
                let path = file.expect("a file").path();
                if self.carried.insert(path.clone()) {
                    let written = std::fs::read_to_string(path).expect("a mail");
                    let mail = parse(written.as_bytes());
                    // The line that tells of the envelope is no part of what was sent.
                    let (_, raw) = written.split_once("\r\n").expect("a line");
                    letters.push(Letter {
                        returns_to: mail.return_path.expect("a Return-Path"),
                        to: mail.to[0].email.clone(),
                        raw: raw.as_bytes().to_vec(),
                    });
                }
            }
        }
        letters
    }

    /// Brings a letter where it goes; what is written because of it at once.
    fn deliver(&mut self, letter: &Letter) -> Vec<Letter> {
        let mail = parse(&letter.raw);
        for site in &self.sites {
            let domain = site
                .app
                .config
                .mail
                .from
                .split_once('@')
                .expect("an address")
                .1;
            if letter.to.ends_with(domain) {
                let raw = [
                    format!("Return-Path: <{}>\r\n", letter.returns_to).into_bytes(),
                    letter.raw.clone(),
                ];
                receive_mail::accept(&site.app, &raw.concat(), std::slice::from_ref(&letter.to))
                    .expect("accepted");
                return Vec::new();
            }
        }
        self.written += 1;
        if letter.to == LIST {
            return self.spread(letter, &mail);
        }
        if letter.to != VACATION {
            assert_eq!(letter.to, LIST_BOUNCES, "nobody else is written to");
            return Vec::new();
        }
        vec![self.answer(letter, &mail)]
    }

    /// The list sends it to all its members but the one who wrote.
    fn spread(&self, letter: &Letter, mail: &InboundMail) -> Vec<Letter> {
        let author = &mail.from.as_ref().expect("a sender").email;
        let headers = match self.list_says_so {
            true => format!("List-Id: Everybody <everybody.lists.example>\r\nSender: {LIST}\r\n"),
            false => String::new(),
        };
        let members = ["support@one.example", "support@two.example", VACATION];
        members
            .into_iter()
            .filter(|member| member != author)
            .map(|member| Letter {
                returns_to: LIST_BOUNCES.into(),
                to: member.into(),
                raw: [headers.as_bytes(), &letter.raw].concat(),
            })
            .collect()
    }

    fn answer(&self, letter: &Letter, mail: &InboundMail) -> Letter {
        let subject = &mail.subject;
        let id = mail.message_id.as_deref().unwrap_or_default();
        let from = &mail.from.as_ref().expect("a sender").email;
        let (to, subject, headers) = match self.manners {
            Manners::Good => (
                &letter.returns_to,
                format!("Auto: {subject}"),
                format!("Auto-Submitted: auto-replied\r\nIn-Reply-To: <{id}>\r\n"),
            ),
            Manners::Old => (from, format!("Out of office: {subject}"), String::new()),
            Manners::None => (from, "Hello".to_owned(), String::new()),
        };
        let raw = format!(
            "From: {VACATION}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{}@away.example>\r\n{headers}\r\n\
             I am away until the spring. Thank you for your patience.\r\n",
            self.written
        );
        Letter {
            returns_to: VACATION.into(),
            to: to.clone(),
            raw: raw.into_bytes(),
        }
    }

    /// Lets a week pass from `first`; how many mails were carried.
    fn week(&mut self, first: Vec<Letter>) -> usize {
        let mut under_way = first;
        let mut carried = 0;
        for _ in 0..HOURS_OF_A_WEEK {
            under_way.extend(self.sent());
            carried += under_way.len();
            let letters = std::mem::take(&mut under_way);
            for letter in &letters {
                under_way.extend(self.deliver(letter));
            }
            for site in &self.sites {
                site.advance(HOUR);
            }
        }
        assert!(under_way.is_empty(), "it never ends: {carried}");
        carried
    }
}

fn letter(from: &str, to: &str) -> Letter {
    let raw = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: The lamp\r\nMessage-ID: <first@start.example>\r\n\r\nIt is broken.\r\n"
    );
    Letter {
        returns_to: from.into(),
        to: to.into(),
        raw: raw.into_bytes(),
    }
}

#[test]
fn machines_that_answer_each_other_soon_fall_silent() {
    let firsts = [
        (VACATION, "support@one.example"),
        (VACATION, LIST),
        ("support@two.example", "support@one.example"),
        (LIST, "support@one.example"),
    ];
    for (from, to) in firsts {
        for manners in [Manners::Good, Manners::Old, Manners::None] {
            for list_says_so in [true, false] {
                let mut world = World::new(manners, list_says_so);
                let carried = world.week(vec![letter(from, to)]);
                let what = format!("{from} to {to}, {manners:?}, list {list_says_so}: {carried}");
                assert!((1..=MAILS_MAX).contains(&carried), "{what}");
                for site in world.sites {
                    site.finish();
                }
            }
        }
    }
}

/// Somebody types the address of one site into the contact form of the other.
#[test]
fn a_form_filled_with_another_sites_address_is_no_beginning_of_a_war() {
    let mut world = World::new(Manners::None, false);
    let mut browser = world.sites[0].browser();
    let key = browser.get("/contact").field("request_key");
    let sent = browser.post(
        "/contact",
        &[
            ("name", "Nobody"),
            ("email", "support@two.example"),
            ("subject", "The lamp"),
            ("message", "It is broken, and it was not cheap."),
            ("request_key", &key.expect("a key")),
        ],
    );
    assert_eq!(sent.location(), "/contact/sent");
    let carried = world.week(Vec::new());
    assert!((1..=MAILS_MAX).contains(&carried), "{carried}");
    for site in world.sites {
        site.finish();
    }
}

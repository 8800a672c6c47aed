//! The ways in of mail, against a real mail server: mailboxes watched by IMAP, and the listener that a
//! mail server hands mail to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use diesel::dsl::count_star;
use diesel::prelude::*;
use offramp::app::App;
use offramp::boot::{self, Background};
use offramp::cases::{self, Case};
use offramp::commands::doctor_mail::doctor_mail;
use offramp::config::{Config, MailTransport, Mailbox, Secret, SmtpSecurity};
use offramp::db::Engine;
use offramp::db::schema::{intake, ticket_messages};
use offramp::ids::{CaseId, SessionId};
use offramp::inbox::ways_in;
use offramp::jobs;
use offramp::mail::inbound::{InboundMail, parse};
use offramp::mail::mailboxes::{self, Health, State};
use offramp::mail::ways_in::WaysIn;
use offramp::people::{CurrentUser, Role};
use offramp::random::Random;
use offramp::tickets::reply::{Outcome, Written, reply};
use offramp::tickets::{self, Direction, Message};

use crate::harness::{Backend, Test};
use crate::mail_servers::{BOUNCES, CUSTOMER, MailServers, SUPPORT, Talk, hand_over, until};

/// An Offramp whose mail comes and goes by these servers; `mailboxes` are watched.
fn with_servers(
    servers: &MailServers,
    backend: Backend,
    mailboxes: &[&str],
    change: impl FnOnce(&mut Config),
) -> Option<Test> {
    Test::new(backend, |config| {
        config.mail.transport = MailTransport::Smtp;
        config.mail.smtp_host = "127.0.0.1".into();
        config.mail.smtp_port = servers.smtp;
        config.mail.smtp_security = SmtpSecurity::None;
        config.mail.from = SUPPORT.into();
        config.mail.bounce_address = BOUNCES.into();
        config.mailboxes = mailboxes
            .iter()
            .map(|user| ((*user).to_owned(), servers.mailbox(user)))
            .collect();
        change(config);
    })
}

/// Everything that runs beside the web server, ended with the test.
struct Running(Option<Background>);

impl Running {
    fn start(t: &Test) -> Running {
        Running(Some(Background::start(&t.app, None).expect("started")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(background) = self.0.take() {
            background.stop();
        }
    }
}

fn health(t: &Test, name: &str) -> Health {
    let configured = &t.app.config.mailboxes;
    let all = t.app.db.read(|c| mailboxes::health(c, configured));
    let mut all = all.expect("health").into_iter();
    all.find(|h| h.name == name).expect("a configured mailbox")
}

fn listens(t: &Test, name: &str) {
    until("the mailbox is open", || {
        (health(t, name).state == State::Listening).then_some(())
    });
}

fn cases(t: &Test) -> Vec<Case> {
    let all = t.app.db.read(|c| {
        let mut found = Vec::new();
        while let Some(case) = cases::store::case(c, CaseId(found.len() as i64 + 1))? {
            found.push(case);
        }
        Ok(found)
    });
    all.expect("cases")
}

fn messages(t: &Test, case: CaseId) -> Vec<Message> {
    let found = t.app.db.read(|c| {
        let Some(ticket) = tickets::store::ticket_of(c, case)? else {
            return Ok(Vec::new());
        };
        tickets::store::messages(c, ticket.id)
    });
    found.expect("messages")
}

/// Raw mails that are stored.
fn stored(t: &Test) -> i64 {
    let count = t.app.db.read(|c| {
        let mails = intake::table.filter(intake::channel.eq("mail"));
        Ok(mails.select(count_star()).first(c)?)
    });
    count.expect("a number")
}

fn answer(t: &Test, case: CaseId, words: &str) {
    let jo = CurrentUser {
        id: t.user("Jo", Role::Staff),
        name: "Jo".into(),
        role: Role::Staff,
        session: SessionId(0),
        products: Vec::new(),
    };
    let events = t
        .app
        .db
        .read(|c| cases::store::events(c, case))
        .expect("events");
    let written = Written {
        body: words,
        key: words,
        seen: events.last().map_or(0, |e| e.id),
        ..Written::default()
    };
    let outcome = reply(&t.app, &jo, case, &written).expect("an outcome");
    assert!(matches!(outcome, Outcome::Sent(_)));
}

fn letter(from: &str, to: &str, id: &str, more: &str, words: &str) -> Vec<u8> {
    format!(
        "From: Carla <{from}>\r\nTo: {to}\r\nSubject: My lamp is broken\r\nMessage-ID: <{id}>\r\n\
         Date: Sun, 22 Nov 2026 08:00:00 +0000\r\n{more}MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{words}"
    )
    .into_bytes()
}

/// The mail in the customer's own mailbox that says these words.
fn received(servers: &MailServers, words: &str) -> InboundMail {
    until(words, || {
        let mails = servers.mails(CUSTOMER).into_iter();
        let mut read = mails.map(|(_, bytes)| parse(&bytes));
        read.find(|mail| mail.text.contains(words))
    })
}

fn round_trip(backend: Backend) {
    let Some(servers) = MailServers::start() else {
        return;
    };
    let Some(t) = with_servers(&servers, backend, &[SUPPORT], |_| {}) else {
        return;
    };
    let running = Running::start(&t);
    listens(&t, SUPPORT);

    let first = letter(
        CUSTOMER,
        SUPPORT,
        "first@people.test",
        "",
        "It does not light up.",
    );
    hand_over(servers.smtp, CUSTOMER, SUPPORT, &first);
    let sent = Instant::now();
    let case = until("a case", || cases(&t).pop());
    println!("from Postfix's yes to the case: {:?}", sent.elapsed());
    assert_eq!(case.email.as_deref(), Some(CUSTOMER));
    until("it is marked as seen", || {
        let mails = servers.mails(SUPPORT);
        mails
            .iter()
            .all(|(name, _)| name.ends_with(":2,S"))
            .then_some(())
    });

    answer(&t, case.id, "Turn it off and on.");
    let ours = received(&servers, "Turn it off and on.");
    assert!(
        ours.references.contains(&"first@people.test".to_owned()),
        "{ours:?}"
    );
    assert_eq!(ours.references.last(), ours.in_reply_to.first());
    let to = ours.reply_to.clone().expect("Reply-To").email;
    assert!(to.starts_with("support+t."), "{to}");

    let in_reply = format!("In-Reply-To: <{}>\r\n", ours.message_id.expect("an id"));
    let second = letter(
        CUSTOMER,
        &to,
        "second@people.test",
        &in_reply,
        "That helped.",
    );
    hand_over(servers.smtp, CUSTOMER, &to, &second);
    until("the answer", || {
        (messages(&t, case.id).len() == 3).then_some(())
    });
    assert_eq!(cases(&t).len(), 1);
    let health = health(&t, SUPPORT);
    assert_eq!((health.state, health.error), (State::Listening, None));
    assert!(health.ok_at.is_some() && health.mail_at.is_some());
    drop(running);
    t.run_jobs();
    t.finish();
}

#[test]
fn a_conversation_goes_round_by_a_real_server_sqlite() {
    round_trip(Backend::Sqlite);
}

#[test]
fn a_conversation_goes_round_by_a_real_server_postgres() {
    round_trip(Backend::Postgres);
}

#[test]
fn a_real_report_of_failure_lands_on_its_message() {
    let Some(servers) = MailServers::start() else {
        return;
    };
    let t = with_servers(&servers, Backend::Sqlite, &[SUPPORT, BOUNCES], |_| {});
    let t = t.expect("SQLite is always there");
    let running = Running::start(&t);
    listens(&t, SUPPORT);
    listens(&t, BOUNCES);
    let nobody = "gone@people.test";
    let first = letter(
        nobody,
        SUPPORT,
        "gone@people.test",
        "",
        "It does not light up.",
    );
    hand_over(servers.smtp, nobody, SUPPORT, &first);
    let case = until("a case", || cases(&t).pop());
    answer(&t, case.id, "Turn it off and on.");
    let report = until("the report", || {
        let all = messages(&t, case.id);
        all.into_iter()
            .find(|m| m.direction == Direction::Bounce && m.body.contains("5.1.1"))
    });
    assert!(
        report.body.contains("nobody is reached at this address"),
        "{}",
        report.body
    );
    assert_eq!(cases(&t).len(), 1, "a report opens no case");
    drop(running);
    t.run_jobs();
    t.finish();
}

/// Has the database take no more mail, or take it again: a full disk on SQLite, a server of
/// PostgreSQL that went away and came back for reading alone.
fn take_nothing(t: &Test, on: bool) {
    if t.app.db.is_postgres() {
        let word = if on { "on" } else { "off" };
        t.postgres(&format!(
            "ALTER DATABASE {{name}} SET default_transaction_read_only = {word}"
        ));
        t.postgres(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        );
        return;
    }
    // SQLite goes no lower than what the file has.
    let pages = if on { 1 } else { 1_073_741_823 };
    let told = t.app.db.write(|c| match c.engine() {
        Engine::Sqlite(c) => {
            Ok(diesel::sql_query(format!("PRAGMA max_page_count={pages}")).execute(c)?)
        }
        Engine::Pg(_) => Ok(0),
    });
    told.expect("told");
}

/// More words than there is room for in a file that is full.
fn many_words() -> String {
    "It does not light up.\r\n".repeat(10_000)
}

fn ours(user: &str) -> String {
    format!("{user}@ours.test")
}

fn kept_by_postfix(backend: Backend) {
    let Some(servers) = MailServers::start() else {
        return;
    };
    let address = SocketAddr::from(([127, 0, 0, 1], servers.ours)).to_string();
    let t = with_servers(&servers, backend, &[], |config| {
        config.mail.listen = address;
        config.mail.from = ours("help");
    });
    let Some(t) = t else { return };
    let running = Running::start(&t);
    take_nothing(&t, true);
    let mail = letter(
        CUSTOMER,
        &ours("help"),
        "kept@people.test",
        "",
        &format!(".\r\n..\r\n{}", many_words()),
    );
    hand_over(servers.smtp, CUSTOMER, &ours("help+x"), &mail);
    until("Postfix puts it by", || {
        servers.has_deferred().then_some(())
    });
    assert_eq!(stored(&t), 0);

    take_nothing(&t, false);
    servers.flush();
    let case = until("a case", || cases(&t).pop());
    until("Postfix lets it go", || {
        servers.queue().is_empty().then_some(())
    });
    servers.flush();
    assert_eq!((stored(&t), cases(&t).len()), (1, 1));
    let body = messages(&t, case.id)[0].body.clone();
    assert!(body.starts_with(".\n..\nIt does not"), "{}", &body[..40]);
    drop(running);
    t.run_jobs();
    t.finish();
}

#[test]
fn a_mail_server_keeps_what_we_cannot_take_and_hands_it_over_once_sqlite() {
    kept_by_postfix(Backend::Sqlite);
}

#[test]
fn a_mail_server_keeps_what_we_cannot_take_and_hands_it_over_once_postgres() {
    kept_by_postfix(Backend::Postgres);
}

#[test]
fn a_mailbox_made_anew_doubles_nothing() {
    let Some(servers) = MailServers::start() else {
        return;
    };
    let t = with_servers(&servers, Backend::Sqlite, &[SUPPORT], |_| {});
    let t = t.expect("SQLite is always there");
    let mail = |n: usize| {
        let id = format!("{n}@people.test");
        letter(
            &format!("anna{n}@people.test"),
            SUPPORT,
            &id,
            "",
            "It does not light up.",
        )
    };
    servers.put(SUPPORT, (0..3).map(mail));
    let running = Running::start(&t);
    until("all are taken", || (cases(&t).len() == 3).then_some(()));
    listens(&t, SUPPORT);
    let validity = || {
        let place = t
            .app
            .db
            .read(|c| offramp::mail::store::mailboxes::place(c, SUPPORT));
        place.expect("a place").and_then(|place| place.uid_validity)
    };
    let before = validity();
    assert!(before.is_some());
    drop(running);

    servers.rebuild(SUPPORT);
    let running = Running::start(&t);
    until("the other UIDs are known", || {
        (validity() != before).then_some(())
    });
    until("they are marked as seen again", || {
        let mails = servers.mails(SUPPORT);
        mails
            .iter()
            .all(|(name, _)| name.ends_with(":2,S"))
            .then_some(())
    });
    hand_over(servers.smtp, CUSTOMER, SUPPORT, &mail(3));
    until("a new one", || (cases(&t).len() == 4).then_some(()));
    assert_eq!(stored(&t), 4);
    drop(running);
    t.run_jobs();
    t.finish();
}

#[test]
fn what_cannot_be_taken_stays_in_the_mailbox_and_is_told() {
    let Some(servers) = MailServers::start() else {
        return;
    };
    let t = with_servers(&servers, Backend::Sqlite, &[SUPPORT], |config| {
        config.mail.inbound_bytes_max = 1024 * 1024;
        let mailbox = config.mailboxes.get_mut(SUPPORT).expect("a mailbox");
        mailbox.security = SmtpSecurity::Starttls;
        mailbox.port = servers.imap;
    });
    let mut t = t.expect("SQLite is always there");
    let large = letter(
        CUSTOMER,
        SUPPORT,
        "l@people.test",
        "",
        &many_words().repeat(5),
    );
    let small = letter(
        CUSTOMER,
        SUPPORT,
        "s@people.test",
        "",
        "It does not light up.",
    );
    servers.put(SUPPORT, [large, small].into_iter());
    let running = Running::start(&t);
    until("the small one", || (cases(&t).len() == 1).then_some(()));
    listens(&t, SUPPORT);
    let note = until("a note", || health(&t, SUPPORT).error);
    assert!(note.contains("1 mail larger than 1 MB"), "{note}");
    let page = t.browser_of("Jo", Role::Staff).0.get("/desk/mail").body;
    assert!(page.contains("1 mail larger than 1 MB"), "{page}");
    let told = doctor_mail(&t.app.config);
    let line = told.iter().find(|line| line.what == "mailbox");
    let line = line.expect("the mailbox's line").to_string();
    assert!(
        line.starts_with("look") && line.contains("1 mail larger than 1 MB"),
        "{line}"
    );
    let is_seen = |wanted: bool| {
        let mails = servers.mails(SUPPORT);
        mails
            .iter()
            .filter(|(name, _)| name.ends_with(":2,S") == wanted)
            .count()
    };
    until("the small one is seen", || {
        (is_seen(true) == 1).then_some(())
    });
    assert_eq!(is_seen(false), 1);

    // The database goes away while the mailbox is watched.
    take_nothing(&t, true);
    let third = letter(CUSTOMER, SUPPORT, "t@people.test", "", &many_words());
    hand_over(servers.smtp, CUSTOMER, SUPPORT, &third);
    until("it lies there", || {
        (servers.mails(SUPPORT).len() == 3).then_some(())
    });
    take_nothing(&t, false);
    until("it is taken then", || (stored(&t) == 2).then_some(()));
    until("and seen", || (is_seen(true) == 2).then_some(()));
    drop(running);
    t.run_jobs();
    t.finish();
}

#[test]
fn what_is_wrong_with_a_mailbox_is_said_in_plain_words() {
    let Some(servers) = MailServers::start() else {
        return;
    };
    type Spoil = fn(&mut Mailbox);
    let wrong: [(&str, Spoil, &str); 6] = [
        (
            "password",
            |m| m.password = Secret::new("wrong"),
            "Check `user` and `password`",
        ),
        (
            "folder",
            |m| m.folder = "Support".into(),
            "The folders are: INBOX. Check `folder`",
        ),
        ("authority", |m| m.ca_file = None, "set `ca_file`"),
        (
            "name",
            |m| m.host = "no-such-host.invalid".into(),
            "No machine is called no-such-host.invalid",
        ),
        ("port", |m| m.port = 1, "localhost:1 does not answer"),
        ("security", |m| m.security = SmtpSecurity::None, "by TLS"),
    ];
    let t = with_servers(&servers, Backend::Sqlite, &[], |config| {
        config.mailboxes = BTreeMap::new();
        for (name, spoil, _) in &wrong {
            let mut mailbox = servers.mailbox(SUPPORT);
            spoil(&mut mailbox);
            if *name == "security" {
                // TLS towards a port that speaks without.
                mailbox.security = SmtpSecurity::Tls;
                mailbox.port = servers.imap;
            }
            config.mailboxes.insert((*name).to_owned(), mailbox);
        }
    });
    let t = t.expect("SQLite is always there");
    let running = Running::start(&t);
    for (name, _, words) in &wrong {
        let health = until(name, || {
            let health = health(&t, name);
            (health.state == State::Failing).then_some(health)
        });
        let told = health.error.expect("words");
        assert!(told.contains(words), "{name}: {told}");
        assert_eq!((health.failed_at, health.ok_at), (Some(t.app.now()), None));
    }
    drop(running);
    t.run_jobs();
    t.finish();
}

#[test]
fn the_listener_takes_mail_for_us_alone_and_none_that_is_smuggled() {
    let t = Test::new(Backend::Sqlite, |config| {
        config.mail.listen = "127.0.0.1:0".into();
        config.mail.from = ours("help");
        config.mail.bounce_address = ours("bounces");
    });
    let t = t.expect("SQLite is always there");
    let listener = WaysIn::start(&t.app, ways_in::intake(&t.app)).expect("started");
    let port = listener.address().expect("an address").port();
    let mut talk = Talk::to(port);
    talk.say("LHLO mx");
    talk.say("MAIL FROM:<boss@desk.test>");
    for (to, reply) in [
        ("help+t.abc@ours.test", "250"),
        ("BOUNCES+v.abc@ours.test", "250"),
        ("other@ours.test", "550 5.1.1"),
        ("help@elsewhere.test", "550 5.1.1"),
        ("postmaster", "550 5.1.1"),
    ] {
        let said = talk.say(&format!("RCPT TO:<{to}>"));
        assert!(said.starts_with(reply), "{to}: {said}");
    }
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r"] {
        let mut talk = Talk::to(port);
        for command in [
            "EHLO mx",
            "MAIL FROM:<a@people.test>",
            "RCPT TO:<help@ours.test>",
        ] {
            talk.say(command);
        }
        assert!(talk.say("DATA").starts_with("354"));
        talk.send(b"Subject: one\r\n\r\nHello.");
        talk.send(end.as_bytes());
        talk.send(
            b"MAIL FROM:<boss@ours.test>\r\nRCPT TO:<help@ours.test>\r\nDATA\r\nSubject: two\r\n",
        );
        let said = talk.say("\r\n.");
        assert!(said.starts_with("554 5.6.0"), "{end:?}: {said}");
        assert!(talk.say("NOOP").starts_with("250"), "{end:?}");
    }
    assert_eq!(stored(&t), 0);
    assert!(talk.say("DATA").starts_with("354"));
    talk.send(b"Subject: three\r\n\r\nHello.");
    assert!(talk.say("\r\n.").starts_with("250"));
    assert!(talk.reply().starts_with("250"), "one answer a recipient");
    assert_eq!(stored(&t), 1);
    let body: Vec<u8> = t
        .app
        .db
        .read(|c| Ok(intake::table.select(intake::body).first(c)?))
        .expect("the mail");
    assert!(body.starts_with(b"Return-Path: <boss@desk.test>\r\nSubject: three\r\n"));
    // A talk that goes on when the server stops is ended with a word.
    listener.stop();
    assert!(talk.reply().starts_with("421"));
    t.run_jobs();
    t.finish();
}

/// A server of tokens: it gives `fresh` to the client `good` and `stale` to any other, and says of
/// `fresh` alone whose it is. Ends with the test's process.
fn token_server() -> u16 {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a caller");
            let mut lines = BufReader::new(stream.try_clone().expect("a clone"));
            let (mut head, mut length) = (String::new(), 0);
            while lines.read_line(&mut head).expect("a line") > 2 {
                let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
            }
            let mut form = vec![0; length];
            lines.read_exact(&mut form).expect("a form");
            let form = String::from_utf8_lossy(&form).into_owned();
            let (status, answer) = if head.starts_with("POST") {
                let token = if form.contains("client_id=good") {
                    "fresh"
                } else {
                    "stale"
                };
                (
                    "200 OK",
                    format!("{{\"access_token\":\"{token}\",\"expires_in\":3600}}"),
                )
            } else if head.contains("token=fresh") {
                ("200 OK", format!("{{\"email\":\"{SUPPORT}\"}}"))
            } else {
                (
                    "401 Unauthorized",
                    "{\"error\":\"invalid_token\"}".to_owned(),
                )
            };
            let length = answer.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{answer}"
            );
        }
    });
    port
}

#[test]
fn a_mailbox_behind_oauth_and_without_idle_is_read() {
    let tokens = token_server();
    let servers = MailServers::start_with(|dir| {
        let file = dir.join("oauth2.conf");
        let config = format!(
            "tokeninfo_url = http://127.0.0.1:{tokens}/info?token=\nusername_attribute = email\n"
        );
        std::fs::write(&file, config).expect("written");
        format!(
            "auth_mechanisms = plain login xoauth2\nimap_capability = IMAP4rev1 LITERAL+\n\
             passdb {{\n driver = oauth2\n mechanisms = xoauth2\n args = {}\n}}\n",
            file.display()
        )
    });
    let Some(servers) = servers else { return };
    let t = with_servers(&servers, Backend::Sqlite, &[], |config| {
        for client in ["good", "bad"] {
            let mailbox = Mailbox {
                password: Secret::default(),
                poll_seconds: 1,
                oauth_token_url: format!("http://127.0.0.1:{tokens}/token"),
                oauth_client_id: client.into(),
                oauth_refresh_token: Secret::new("refresh"),
                ..servers.mailbox(SUPPORT)
            };
            config.mailboxes.insert(client.into(), mailbox);
        }
    });
    let t = t.expect("SQLite is always there");
    let running = Running::start(&t);
    let told = until("a refusal", || health(&t, "bad").error);
    assert!(told.contains("does not take the OAuth token"), "{told}");
    until("the mailbox is open", || {
        (health(&t, "good").state == State::Polling).then_some(())
    });
    let first = letter(
        CUSTOMER,
        SUPPORT,
        "o@people.test",
        "",
        "It does not light up.",
    );
    hand_over(servers.smtp, CUSTOMER, SUPPORT, &first);
    until("a case", || cases(&t).pop());
    drop(running);
    t.run_jobs();
    t.finish();
}

#[test]
fn of_two_nodes_one_works_a_mailbox() {
    let Some(servers) = MailServers::start() else {
        return;
    };
    let Some(t) = with_servers(&servers, Backend::Postgres, &[SUPPORT], |_| {}) else {
        return;
    };
    let log_ins = || {
        servers
            .log()
            .matches("Login: user=<support@desk.test>")
            .count()
    };
    let start = |app: &App| WaysIn::start(app, ways_in::intake(app)).expect("started");
    let one = start(&t.app);
    listens(&t, SUPPORT);
    // The other node has another name, and has looked before the mail below is stored.
    let config = t.app.config.clone();
    let other = boot::app(config, t.app.clock.clone(), Random::seeded(8)).expect("another node");
    let two = start(&other);
    let first = letter(
        CUSTOMER,
        SUPPORT,
        "n@people.test",
        "",
        "It does not light up.",
    );
    hand_over(servers.smtp, CUSTOMER, SUPPORT, &first);
    until("it is taken", || (stored(&t) == 1).then_some(()));
    until("it is marked as seen", || {
        let mails = servers.mails(SUPPORT);
        mails
            .iter()
            .all(|(name, _)| name.ends_with(":2,S"))
            .then_some(())
    });
    assert_eq!(log_ins(), 1);
    two.stop();
    let is_free = || {
        let now = t.app.now();
        let free = t
            .app
            .db
            .write(|tx| jobs::take_lease(tx, "mailbox:support@desk.test", "x", now, 1));
        free.expect("a lease")
    };
    assert!(!is_free(), "the node that did not have it gave it back");
    one.stop();
    assert!(is_free(), "a node that ends gives its mailboxes back");
    t.run_jobs();
    t.finish();
}

/// How fast a full mailbox is read, and how soon a mail shows; to be run by itself:
/// `cargo test --release --test it -- --ignored --nocapture a_thousand_mails`.
#[test]
#[ignore = "a measurement"]
fn a_thousand_mails_by_imap() {
    const MAILS: usize = 1_000;
    let Some(servers) = MailServers::start() else {
        return;
    };
    let backend = match std::env::var("OFFRAMP_BACKEND").as_deref() {
        Ok("postgres") => Backend::Postgres,
        _ => Backend::Sqlite,
    };
    let t = with_servers(&servers, backend, &[SUPPORT], |config| {
        config.mail.transport = MailTransport::Off;
    });
    let t = t.expect("a database");
    let words = "The lamp flickers when the kettle boils, every time.\r\n".repeat(370);
    let mail = |n: usize| {
        let from = format!("anna{n}@people.test");
        letter(&from, SUPPORT, &format!("{n}@people.test"), "", &words)
    };
    let count = |mails: bool| -> i64 {
        let count = t.app.db.read(|c| match mails {
            true => Ok(intake::table.select(count_star()).first(c)?),
            false => Ok(ticket_messages::table.select(count_star()).first(c)?),
        });
        count.expect("a number")
    };
    let running = Running::start(&t);
    listens(&t, SUPPORT);
    for n in 0..5 {
        hand_over(servers.smtp, CUSTOMER, SUPPORT, &mail(n));
        let sent = Instant::now();
        until("it shows", || (count(false) > n as i64).then_some(()));
        println!(
            "from Postfix's yes to the message of the ticket: {:?}",
            sent.elapsed()
        );
    }
    drop(running);
    let before = count(false);
    servers.put(SUPPORT, (5..MAILS + 5).map(mail));
    let began = Instant::now();
    let running = Running::start(&t);
    let mut all_stored = None;
    while count(false) < before + MAILS as i64 {
        if all_stored.is_none() && count(true) >= before + MAILS as i64 {
            all_stored = Some(began.elapsed());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let all = began.elapsed();
    println!("{MAILS} mails: stored after {all_stored:?}, messages of tickets after {all:?}");
    println!("{:.0} a second", MAILS as f64 / all.as_secs_f64());
    drop(running);
}

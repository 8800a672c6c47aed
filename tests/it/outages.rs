//! What breaks around us: a full disk, a database that can't be written to or goes away, a second
//! server, a damaged index. Each is said plainly, loses nothing that was confirmed, and ends when
//! its cause ends.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use offramp::config::Secret;
use offramp::db::schema::intake;
use offramp::db::{Db, Engine};
use offramp::error::Error;
use offramp::forum::store::{self, NewProduct};
use offramp::inbox::receive_mail::{self, EX_OK, EX_TEMPFAIL};
use offramp::people::Role;

use crate::harness::{Backend, Browser, Reply, Test};

/// Said often enough, it needs room that a full file does not have.
const QUESTION: &str = "Why does the lamp flicker when the kettle boils, every single time? ";

fn with_product(backend: Backend) -> Option<Test> {
    let test = Test::new(backend, |_| {})?;
    let now = test.app.now();
    let lamp = NewProduct {
        slug: "lamp",
        name: "Lamp",
        description: "",
        position: 1,
        brand_terms: &[],
    };
    let made = test
        .app
        .db
        .write(|tx| store::insert_product(tx, &lamp, now));
    made.expect("a product");
    Some(test)
}

/// Posts a question as a person does, with its own request key.
fn ask(browser: &mut Browser, title: &str) -> Reply {
    browser.get("/new?product=lamp");
    let fields = [
        ("product", "lamp"),
        ("kind", "question"),
        ("title", title),
        ("body", &QUESTION.repeat(300)),
        ("seen_similar", "yes"),
    ];
    browser.post("/new", &fields)
}

/// Says something to the one connection that writes to a SQLite file.
fn tell_writer(test: &Test, pragma: &str) {
    let told = test.app.db.write(|c| match c.engine() {
        Engine::Sqlite(c) => c.batch_execute(pragma).map_err(Error::from),
        Engine::Pg(_) => Err(Error::other("only for SQLite")),
    });
    // A database that takes no writes says so at the end of this transaction too.
    if let Err(error) = told {
        assert!(error.store_trouble().is_some(), "{pragma}: {error}");
    }
}

fn pages_of(test: &Test) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        page_count: i64,
    }
    let count = test.app.db.read(|c| {
        let row: Row =
            diesel::sql_query("SELECT page_count FROM pragma_page_count").get_result(c)?;
        Ok(row.page_count)
    });
    count.expect("a number of pages")
}

fn is_read_only_to_people(browser: &mut Browser, visitor: &mut Browser) {
    let reply = ask(browser, "The lamp flickers while the disk is full");
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(
        reply.body.contains("save anything right now"),
        "{}",
        reply.body
    );
    assert!(
        reply.body.contains("every single time"),
        "what was typed is on the page"
    );
    assert_eq!(visitor.get("/").status, 200);
    assert_eq!(visitor.get("/p/lamp").status, 200);
}

fn works_again(browser: &mut Browser, title: &str) {
    let reply = ask(browser, title);
    assert_eq!(reply.status, 303, "{}", reply.body);
    assert_eq!(browser.follow(&reply).status, 200);
}

#[test]
fn a_full_disk_is_said_and_passes() {
    let mut test = with_product(Backend::Sqlite).expect("SQLite is always there");
    let (mut ada, _) = test.browser_of("Ada", Role::Member);
    let mut visitor = test.browser();
    works_again(&mut ada, "Before the disk is full");
    test.run_jobs();

    // SQLite's own word for a full disk, from the connection that really writes.
    let full = format!("PRAGMA max_page_count={}", pages_of(&test));
    tell_writer(&test, &full);
    is_read_only_to_people(&mut ada, &mut visitor);
    let mail = format!(
        "From: Eve <eve@people.example>\r\nSubject: Help\r\n\r\n{}",
        "It smokes.\r\n".repeat(2_000)
    );
    let to = ["support@testwell.example".to_owned()];
    let (code, words) = receive_mail::receive(&test.app, mail.as_bytes(), &to);
    assert_eq!(code, EX_TEMPFAIL, "{words}");

    tell_writer(&test, "PRAGMA max_page_count=1073741823");
    works_again(&mut ada, "After somebody made room");
    let (code, words) = receive_mail::receive(&test.app, mail.as_bytes(), &to);
    assert_eq!(code, EX_OK, "{words}");
    test.run_jobs();
    test.finish();
}

#[test]
fn a_read_only_file_is_said() {
    let mut test = with_product(Backend::Sqlite).expect("SQLite is always there");
    let (mut ada, _) = test.browser_of("Ada", Role::Member);
    let mut visitor = test.browser();
    tell_writer(&test, "PRAGMA query_only=ON");
    is_read_only_to_people(&mut ada, &mut visitor);
}

#[test]
fn a_server_of_postgresql_that_takes_no_writes_or_goes_away_is_said_and_passes() {
    let Some(mut test) = with_product(Backend::Postgres) else {
        return;
    };
    let (mut ada, _) = test.browser_of("Ada", Role::Member);
    let mut visitor = test.browser();
    // Every connection is ended, as when the server restarts; the next ones may only read.
    test.postgres("ALTER DATABASE {name} SET default_transaction_read_only = on");
    test.postgres(END_CONNECTIONS);
    ada.get("/");
    is_read_only_to_people(&mut ada, &mut visitor);
    test.postgres("ALTER DATABASE {name} SET default_transaction_read_only = off");
    test.postgres(END_CONNECTIONS);
    works_again(&mut ada, "The server takes writes again");
    test.run_jobs();
    test.finish();
}

const END_CONNECTIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = '{name}'";

/// The binary itself, on a configuration in a folder.
fn offramp(dir: &std::path::Path, listen: &str) -> Command {
    let config = format!(
        "[server]\nlisten = \"{listen}\"\ndata_dir = \"{0}/data\"\n[database]\nurl = \"{0}/offramp.db\"\n\
         [search]\ndir = \"{0}/index\"\n[mail]\ntransport = \"folder\"\nfolder = \"{0}/mail\"\n\
         from = \"help@testwell.example\"\n",
        dir.display()
    );
    let file = dir.join(format!("{}.toml", listen.replace(':', "-")));
    std::fs::write(&file, config).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_offramp"));
    command
        .env_remove("DATABASE_URL")
        .env("RUST_LOG", "error")
        .arg("--config")
        .arg(file);
    command
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

fn until_it_answers(address: &str) {
    for _ in 0..600 {
        // Its port is open before it has opened what it serves from.
        if reqwest::blocking::get(format!("http://{address}/")).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nobody answers at {address}");
}

#[test]
fn a_second_server_on_the_same_file_is_refused_and_hurts_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let address = free_address();
    // An index that is complete, which a server leaves as it is.
    for command in ["migrate", "reindex"] {
        let done = offramp(dir.path(), &address).arg(command).output();
        assert!(done.expect("an end").status.success(), "{command}");
    }
    let file = std::fs::metadata(dir.path().join("offramp.db")).expect("the database");
    assert_eq!(
        file.permissions().mode() & 0o077,
        0,
        "only its owner may read it"
    );
    let first = offramp(dir.path(), &address)
        .arg("serve")
        .stderr(Stdio::null())
        .spawn();
    let mut first = first.expect("a server");
    until_it_answers(&address);
    // What the first one's index is found as, it stays: a second server does not repair it.
    let current = dir.path().join("index/current");
    std::fs::write(&current, "damaged").expect("damage");
    let second = offramp(dir.path(), &free_address()).arg("serve").output();
    let second = second.expect("an end");
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    let found = std::fs::read_to_string(&current);
    assert_eq!(found.expect("the index"), "damaged");
    let still = first.try_wait().expect("the first server");
    let _ = first.kill();
    let _ = first.wait();
    assert!(!second.status.success());
    assert!(
        words.contains("another Offramp server already runs"),
        "{words}"
    );
    assert!(still.is_none(), "the first server goes on");
    // A killed server leaves the lock to the next one.
    let address = free_address();
    let next = offramp(dir.path(), &address).arg("serve").spawn();
    let mut next = next.expect("a server");
    until_it_answers(&address);
    let _ = next.kill();
    let _ = next.wait();
}

#[test]
fn a_mail_is_taken_from_any_folder_for_several_recipients_and_a_wrong_call_keeps_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = "[database]\nurl = \"mail.db\"\n";
    std::fs::write(dir.path().join("here.toml"), config).expect("a configuration");
    let call = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_offramp"));
        command.env_remove("DATABASE_URL").env("RUST_LOG", "error");
        command.arg("--config").arg(dir.path().join("here.toml"));
        let folder = tempfile::tempdir().expect("another folder");
        let child = command
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("the command");
        let mail = b"From: a@b.example\r\nSubject: Two of you\r\n\r\nHello\r\n";
        let mut input = child.stdin.take().expect("its input");
        let _ = std::io::Write::write_all(&mut input, mail);
        drop(input);
        child.wait().expect("an end").code()
    };
    assert_eq!(call(&["migrate"]), Some(0));
    let two = ["--recipient", "help@us.example", "sales@us.example"];
    assert_eq!(call(&[&["mail", "receive"][..], &two].concat()), Some(0));
    assert_eq!(
        call(&["mail", "receive", "--for", "help@us.example"]),
        Some(75)
    );
    assert_eq!(call(&["mail", "replay"]), Some(2));
    let database = offramp::config::Database {
        url: Secret::new(dir.path().join("mail.db").display().to_string()),
        ..Default::default()
    };
    let taken: Vec<String> = Db::open(&database)
        .and_then(|db| db.read(|c| Ok(intake::table.select(intake::source).load(c)?)))
        .expect("the mails");
    assert_eq!(taken, [r#"["help@us.example","sales@us.example"]"#]);
}

#[test]
fn a_damaged_index_is_rebuilt_at_the_next_start() {
    let mut test = with_product(Backend::Sqlite).expect("SQLite is always there");
    let (mut ada, _) = test.browser_of("Ada", Role::Member);
    works_again(&mut ada, "A lamp that flickers");
    test.run_jobs();
    // The app lets go of its files; the folder stays.
    let other = tempfile::tempdir().expect("a folder");
    let dir = std::mem::replace(&mut test.dir, other);
    drop(test);
    let index = dir.path().join("index");
    for file in walk(&index) {
        if file.extension().is_some() {
            std::fs::write(&file, b"no index at all").expect("damage");
        }
    }
    let address = free_address();
    let server = offramp(dir.path(), &address).arg("serve").spawn();
    let mut server = server.expect("a server");
    until_it_answers(&address);
    let found = (0..600).any(|_| {
        let page = reqwest::blocking::get(format!("http://{address}/search?q=flickers"));
        let found = page
            .and_then(|p| p.text())
            .is_ok_and(|t| t.contains("A lamp that"));
        if !found {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        found
    });
    let _ = server.kill();
    let _ = server.wait();
    assert!(found, "the thread is found again");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

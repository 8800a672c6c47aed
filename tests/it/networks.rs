//! What connectors keep between calls, on both databases.

use diesel::prelude::*;
use offramp::app::App;
use offramp::boot;
use offramp::networks::store::{self, Spend};
use offramp::networks::x::client::names;
use offramp::networks::x::sandbox::{self, Running, SandboxConfig};
use offramp::networks::{Cursor, Network};
use offramp::random::Random;

use crate::harness::{Backend, Test};
use crate::on_both;

fn spend(class: &str, units: i64, cost_micros: i64) -> Spend {
    Spend {
        day: "2026-11-22".into(),
        class: class.into(),
        calls: 1,
        units,
        cost_micros,
    }
}

on_both! {
    fn a_state_is_replaced_and_forgotten(t) {
        let now = t.app.now();
        let read = |name: &str| {
            t.app.db.read(|c| store::state(c, Network::X, name)).expect("read")
        };
        for value in ["1", "2"] {
            t.app
                .db
                .write(|tx| store::set_state(tx, Network::X, "cursor", value, now))
                .expect("set");
        }
        assert_eq!(read("cursor").as_deref(), Some("2"));
        let others = t.app.db.read(|c| store::state(c, Network::Mastodon, "cursor"));
        assert_eq!(others.expect("read"), None);
        t.app.db.write(|tx| store::remove_state(tx, Network::X, "cursor")).expect("removed");
        assert_eq!(read("cursor"), None);
    }

    fn spending_adds_up_and_can_be_taken_back(t) {
        for one in [spend("read_search", 10, 50_000), spend("read_search", 2, 10_000),
            spend("write_reply", 1, 10_000), spend("write_reply", -1, -10_000)]
        {
            t.app.db.write(|tx| store::add_spend(tx, Network::X, &one)).expect("booked");
        }
        let rows = t
            .app
            .db
            .read(|c| store::spends(c, Network::X, "2026-11-01", "2026-11-30"))
            .expect("read");
        let figures: Vec<(&str, i64, i64, i64)> = rows
            .iter()
            .map(|row| (row.class.as_str(), row.calls, row.units, row.cost_micros))
            .collect();
        assert_eq!(figures, [("read_search", 2, 12, 60_000), ("write_reply", 2, 0, 0)]);
        let before = t.app.db.read(|c| store::spends(c, Network::X, "2026-11-01", "2026-11-21"));
        assert!(before.expect("read").is_empty());
    }
}

fn with_x() -> (Test, Running) {
    let config = SandboxConfig {
        clock: crate::harness::start_clock(),
        ..SandboxConfig::for_brand("FernwellHelp", "Fernwell Help")
    };
    let x = sandbox::start(config, "127.0.0.1:0").expect("the stand-in");
    let test = Test::new(Backend::Sqlite, |config| config.x = x.x_settings());
    (test.expect("SQLite"), x)
}

/// Another process on the same database, in the test's own time.
fn process(t: &Test) -> App {
    let config = t.app.config.clone();
    boot::app(config, t.app.clock.clone(), Random::System).expect("a process")
}

fn renewals(x: &Running) -> usize {
    let log = x.sandbox().log();
    log.iter().filter(|e| e.path.ends_with("/token")).count()
}

#[test]
fn renewed_tokens_that_can_not_be_stored_serve_from_memory() {
    let (t, x) = with_x();
    let sql = |text: &str| {
        t.app
            .db
            .write(|tx| Ok(diesel::sql_query(text).execute(tx)?))
            .expect("done")
    };
    let stored = || {
        t.app
            .db
            .read(|c| store::state(c, Network::X, names::TOKENS))
            .expect("read")
    };
    let connector = t.app.connector(Network::X).expect("X").clone();
    let read = || connector.mentions(&Cursor::default()).expect("a page");
    sql(
        "CREATE TRIGGER full BEFORE INSERT ON network_state WHEN NEW.name = 'oauth2_tokens' \
         BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
    );
    x.sandbox().expire_access_tokens();
    read();
    read();
    assert_eq!((renewals(&x), stored()), (1, None));
    sql("DROP TRIGGER full");
    read();
    assert!(stored().is_some());
    let restarted = process(&t);
    let connector = restarted.connector(Network::X).expect("X");
    connector.mentions(&Cursor::default()).expect("a page");
    assert_eq!(renewals(&x), 1);
}

#[test]
fn two_processes_renew_once() {
    let (t, x) = with_x();
    let apps = [0, 1].map(|_| process(&t));
    x.sandbox().expire_access_tokens();
    std::thread::scope(|scope| {
        for app in &apps {
            scope.spawn(|| {
                // Whoever comes second may be told to come again.
                let connector = app.connector(Network::X).expect("X");
                let _ = connector.mentions(&Cursor::default());
            });
        }
    });
    for app in &apps {
        let connector = app.connector(Network::X).expect("X");
        connector.mentions(&Cursor::default()).expect("a page");
    }
    assert_eq!(renewals(&x), 1);
}

//! What connectors keep between calls, on both databases.

use offramp::clock::MINUTE;
use offramp::networks::Network;
use offramp::networks::store::{self, Spend};

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

    fn a_lease_has_one_holder_until_it_runs_out(t) {
        let take = |holder: &str| {
            let now = t.app.now();
            let until = now.plus(MINUTE);
            t.app
                .db
                .write(|tx| store::take_lease(tx, Network::X, "renewal", holder, now, until))
                .expect("asked")
        };
        assert!(take("one"));
        assert!(take("one"), "its holder may prolong it");
        assert!(!take("two"));
        t.advance(MINUTE);
        assert!(take("two"));
        assert!(!take("one"));
        t.app.db.write(|tx| store::free_lease(tx, Network::X, "renewal", "one")).expect("freed");
        assert!(!take("one"), "only the holder can give it back");
        t.app.db.write(|tx| store::free_lease(tx, Network::X, "renewal", "two")).expect("freed");
        assert!(take("one"));
    }
}

//! The database floor: transactions, leases, the change log, twins of the schema.

use offramp::db::changes::{self, Subject};
use offramp::error::Error;
use offramp::jobs;

use crate::on_both;

on_both! {
    fn a_failed_transaction_leaves_nothing(t) {
        let now = t.app.now();
        let failed = t.app.db.write(|tx| {
            changes::append(tx, Subject::Case, 1, now)?;
            Err::<(), _>(Error::other("changed my mind"))
        });
        assert!(failed.is_err());
        assert_eq!(t.app.db.read(changes::newest).unwrap(), 0);
    }

    fn a_lease_is_held_by_one_until_it_ends(t) {
        let app = &t.app;
        let take = |node: &str| {
            let now = app.now();
            app.db.write(|tx| jobs::take_lease(tx, "x", node, now, 1_000)).unwrap()
        };
        assert!(take("a"));
        assert!(!take("b"));
        app.clock.advance(1_000);
        assert!(take("b"));
        assert!(!take("a"));
    }
}

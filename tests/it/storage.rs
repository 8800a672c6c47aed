//! The database floor: transactions, leases, jobs, the change log.

use diesel::RunQueryDsl;
use offramp::app::App;
use offramp::boot;
use offramp::clock::{DAY, HOUR, MINUTE};
use offramp::db::changes::{self, Subject};
use offramp::db::{Conn, Lock, lock, savepoint};
use offramp::error::{Error, Result};
use offramp::ids::TicketMessageId;
use offramp::jobs::{self, Job, Next, Registry};
use offramp::tickets::store::{self, KeptFile};
use serde::{Deserialize, Serialize};

use crate::harness::{Backend, Test};
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
        app.db.write(|tx| jobs::free_lease(tx, "x", "a")).unwrap();
        assert!(!take("a"), "only who holds it gives it back");
        app.db.write(|tx| jobs::free_lease(tx, "x", "b")).unwrap();
        assert!(take("a"));
    }

    fn changes_are_written_with_their_transaction_and_not_with_what_was_undone(t) {
        let now = t.app.now();
        t.app.db.write(|tx| {
            changes::append(tx, Subject::Case, 1, now)?;
            let undone = savepoint(tx, |tx| {
                changes::append(tx, Subject::Case, 2, now)?;
                Err::<(), _>(Error::other("undone"))
            });
            assert!(undone.is_err());
            changes::append(tx, Subject::Thread, 3, now)
        }).unwrap();
        let all = t.app.db.read(|c| changes::after(c, 0, 10)).unwrap();
        let all: Vec<i64> = all.iter().map(|c| c.subject_id).collect();
        assert_eq!(all, [1, 3]);
    }

    fn a_writer_that_noted_a_change_holds_nobody_up(t) {
        if !t.app.db.is_postgres() {
            return;
        }
        let now = t.app.now();
        // Each noted a change, then asks for what the other holds; in another order than the other.
        t.app.db.write(|one| {
            changes::append(one, Subject::Case, 1, now)?;
            lock(one, Lock::Case(1))?;
            t.app.db.write(|other| {
                lock(other, Lock::Case(2))?;
                changes::append(other, Subject::Case, 2, now)
            })?;
            lock(one, Lock::Case(2))
        }).unwrap();
        let all = t.app.db.read(|c| changes::after(c, 0, 10)).unwrap();
        let all: Vec<i64> = all.iter().map(|c| c.subject_id).collect();
        assert_eq!(all, [2, 1], "in the order of the commits");
    }

    fn a_job_asked_for_again_is_not_run_before_that_is_committed(t) {
        if !t.app.db.is_postgres() {
            return;
        }
        let registry = probes();
        let now = t.app.now();
        t.app.db.write(|tx| jobs::enqueue(tx, now, &Probe::Done)).unwrap();
        t.app.db.write(|tx| {
            jobs::enqueue(tx, now, &Probe::Done)?;
            assert_eq!(registry.run_next(&t.app)?, 0, "it would not see what is written here");
            Ok(())
        }).unwrap();
        assert_eq!(registry.run_next(&t.app).unwrap(), 1);
        assert_eq!(registry.run_next(&t.app).unwrap(), 0, "one job");
    }

    fn a_job_asked_for_twice_runs_when_the_sooner_asks_for_it(t) {
        let now = t.app.now();
        for wait in [10, 1, 5] {
            let at = now.plus(wait * MINUTE);
            t.app.db.write(|tx| jobs::enqueue_at(tx, now, at, &Probe::Done)).unwrap();
        }
        assert_eq!(probes().run_next(&t.app).unwrap(), 0);
        t.advance(MINUTE);
        assert_eq!(probes().run_next(&t.app).unwrap(), 1);
        assert_eq!(t.app.db.read(jobs::counts).unwrap(), jobs::Counts { ready: 0, dead: 0 });
    }

    fn a_job_that_ends_the_process_is_given_up(t) {
        let registry = probes();
        let now = t.app.now();
        t.app.db.write(|tx| jobs::enqueue(tx, now, &Probe::Done)).unwrap();
        for _ in 0..Probe::ATTEMPTS_MAX {
            // Claimed, and then the process is gone: the lease is all that is left of it.
            let claimed = t.app.db.write(|tx| jobs::claim(tx, "gone", t.app.now(), &[Probe::KIND], |_| jobs::LEASE)).unwrap();
            assert!(claimed.is_some());
            t.advance(HOUR);
        }
        assert_eq!(registry.run_next(&t.app).unwrap(), 1);
        let dead = t.app.db.read(|c| jobs::dead(c, 10)).unwrap();
        assert!(dead[0].last_error.as_deref().is_some_and(|e| e.contains("the process ended")), "{dead:?}");
        t.app.db.write(|tx| jobs::retry(tx, dead[0].id, t.app.now())).unwrap();
        assert_eq!(registry.run_next(&t.app).unwrap(), 1);
        assert_eq!(t.app.db.read(jobs::counts).unwrap(), jobs::Counts { ready: 0, dead: 0 });
    }

    fn the_jobs_of_a_newer_version_are_left_to_it(t) {
        let now = t.app.now();
        t.app.db.write(|tx| {
            jobs::enqueue_kind(tx, now, "of_tomorrow", "{}", None)?;
            jobs::enqueue(tx, now, &Probe::Done)
        }).unwrap();
        assert_eq!(probes().run_next(&t.app).unwrap(), 1);
        assert_eq!(probes().run_next(&t.app).unwrap(), 0);
        assert_eq!(t.app.db.read(jobs::counts).unwrap(), jobs::Counts { ready: 1, dead: 0 });
        let report = offramp::commands::check::check(&t.app).unwrap();
        assert!(report.findings.iter().any(|f| f.what.contains("of_tomorrow")), "{report:?}");
        t.app.db.write(forget_jobs).unwrap();
    }

    fn check_finds_lost_work(t) {
        let now = t.app.now();
        let registry = probes();
        t.app.db.write(|tx| jobs::enqueue(tx, now, &Probe::Done)).unwrap();
        // What is read in a dead job is not under way.
        let raw = b"From: a@b.example\r\nSubject: x\r\n\r\nHello";
        let mail = offramp::inbox::receive_mail::accept(&t.app, raw, &[]).unwrap();
        t.app.db.write(|tx| Ok(diesel::sql_query("UPDATE jobs SET state = 'dead'").execute(tx)?)).unwrap();
        let found = |t: &Test| -> Vec<String> {
            let report = offramp::commands::check::check(&t.app).unwrap();
            report.findings.into_iter().map(|f| f.what).collect()
        };
        let lost = found(t);
        assert!(lost.iter().filter(|what| what.starts_with("job ")).count() == 2, "{lost:?}");
        assert!(lost.contains(&format!("mail {mail}, taken in")), "{lost:?}");
        for dead in t.app.db.read(|c| jobs::dead(c, 10)).unwrap() {
            t.app.db.write(|tx| jobs::retry(tx, dead.id, now)).unwrap();
        }
        t.run_jobs();
        registry.run_due(&t.app).unwrap();
        t.app.db.write(forget_jobs).unwrap();
        assert_eq!(found(t), Vec::<String>::new());

        let file = KeptFile {
            filename: "a.pdf".into(),
            content_type: "application/pdf".into(),
            byte_count: 1,
            storage_key: "0".repeat(64),
            shown: Default::default(),
        };
        t.app.db.write(|tx| {
            let message = diesel::sql_query("UPDATE ticket_messages SET quoted = ''").execute(tx)?;
            assert_eq!(message, 1);
            store::insert_files(tx, now, TicketMessageId(1), &[file])
        }).unwrap();
        assert_eq!(found(t), [format!("file {}", "0".repeat(64))]);
    }

    fn a_worker_that_was_taken_for_lost_changes_nothing(t) {
        let registry = probes();
        let now = t.app.now();
        t.app.db.write(|tx| jobs::enqueue(tx, now, &Probe::Slow)).unwrap();
        // While it runs its lease ends, and another worker takes the job and leaves it leased.
        assert_eq!(registry.run_next(&t.app).unwrap(), 1);
        assert_eq!(t.app.db.read(jobs::counts).unwrap().ready, 1, "it is the other's to finish");
        t.advance(HOUR);
        t.app.db.write(forget_jobs).unwrap();
    }

    fn the_stores_trouble_is_nobodys_fault_but_not_for_ever(t) {
        let registry = probes();
        let now = t.app.now();
        t.app.db.write(|tx| jobs::enqueue(tx, now, &Probe::NoRoom)).unwrap();
        let mut hours = 0;
        while t.app.db.read(jobs::counts).unwrap().dead == 0 {
            registry.run_next(&t.app).unwrap();
            t.advance(HOUR);
            hours += 1;
        }
        assert!(hours * HOUR >= jobs::TROUBLE_LASTS_MAX && hours * HOUR < jobs::TROUBLE_LASTS_MAX + DAY, "{hours}");
        t.app.db.write(forget_jobs).unwrap();
    }

    fn schedules_that_are_not_due_write_nothing(t) {
        t.registry.start_due(&t.app).unwrap();
        let rings = t.app.db.bell().count();
        t.registry.start_due(&t.app).unwrap();
        assert_eq!(t.app.db.bell().count(), rings);
        t.advance(2 * DAY);
        t.registry.start_due(&t.app).unwrap();
        assert!(t.app.db.bell().count() > rings);
        t.run_jobs();
    }

    fn old_changes_are_forgotten_by_a_schedule(t) {
        for n in 1..=2 {
            let now = t.app.now();
            t.app.db.write(|tx| changes::append(tx, Subject::Case, n, now)).unwrap();
        }
        t.advance(changes::KEEP + DAY);
        t.registry.start_due(&t.app).unwrap();
        t.run_jobs();
        let left = t.app.db.read(|c| changes::after(c, 0, 10)).unwrap();
        assert_eq!(left.len(), 1, "the newest stays, so that readers know where they are");
    }
}

/// A job whose end a test chooses.
#[derive(Serialize, Deserialize)]
enum Probe {
    Done,
    NoRoom,
    Slow,
}

impl Job for Probe {
    const KIND: &'static str = "probe";
    const ATTEMPTS_MAX: i64 = 3;

    fn dedupe_key(&self) -> Option<String> {
        Some("one".into())
    }

    fn run(&self, app: &App) -> Result<Next> {
        match self {
            Probe::Done => Ok(Next::Done),
            Probe::NoRoom => Err(Error::io("writing", std::io::ErrorKind::StorageFull.into())),
            Probe::Slow => {
                app.clock.advance(HOUR);
                let now = app.now();
                app.db
                    .write(|tx| jobs::claim(tx, "other", now, &[Probe::KIND], |_| jobs::LEASE))?;
                Ok(Next::Done)
            }
        }
    }
}

/// The probes are no jobs of the version under test.
fn forget_jobs(tx: &mut Conn) -> Result<()> {
    diesel::sql_query("DELETE FROM jobs").execute(tx)?;
    Ok(())
}

fn probes() -> Registry {
    let mut registry = Registry::default();
    registry.job::<Probe>();
    registry
}

#[test]
fn nodes_of_one_database_need_one_secret() {
    let Some(t) = Test::new(Backend::Postgres, |_| {}) else {
        return;
    };
    let node = |secret: &str| {
        let mut config = t.app.config.clone();
        config.site.secret = offramp::config::Secret::new(secret);
        boot::tool(config).unwrap()
    };
    boot::check_secret(&t.app).unwrap();
    boot::check_secret(&t.app).unwrap();
    boot::check_secret(&node(t.app.config.site.secret.expose())).unwrap();
    let refused = boot::check_secret(&node("a secret that only one of the nodes has")).unwrap_err();
    assert!(refused.to_string().contains("site.secret"), "{refused}");

    let told = |config: &offramp::config::Config| -> Vec<String> {
        let lines = offramp::commands::doctor::doctor(config);
        lines.iter().map(ToString::to_string).collect()
    };
    let told_there = told(&t.app.config);
    assert!(told_there[2].starts_with("ok    secret"), "{told_there:?}");
    assert!(told_there[4].starts_with("ok    work"), "{told_there:?}");
    let other = node("a secret that only one of the nodes has");
    let now = t.app.now();
    other
        .db
        .write(|tx| jobs::enqueue(tx, now, &Probe::Done))
        .unwrap();
    other
        .db
        .write(|tx| Ok(diesel::sql_query("UPDATE jobs SET state = 'dead'").execute(tx)?))
        .unwrap();
    let told_other = told(&other.config);
    assert!(told_other[2].starts_with("BAD   secret"), "{told_other:?}");
    assert!(told_other[4].contains("1 job given up"), "{told_other:?}");
}

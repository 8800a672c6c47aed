//! Every list reads what it shows by an index, in order: its page costs the same however large the
//! forum is. SQLite plans without statistics as it does in a forum that was never analysed.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{followers, lists, searching};
use crate::config::{self, Secret};
use crate::db::{Conn, Db, changes, migrate};
use crate::error::Result;
use crate::forum::store::{self, Cursor, Filter};
use crate::forum::{ThreadKind, ThreadState};
use crate::ids::{ProductId, TagId, TopicId, UserId};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The plans of all queries that `f` runs.
fn plans<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Vec<String> {
    let queries: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = queries.clone();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let sql = text.split(" -- binds").next().unwrap_or_default();
            heard.lock().unwrap().push(sql.to_owned());
        }
    });
    f(conn).unwrap();
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let queries = queries.lock().unwrap().clone();
    assert!(!queries.is_empty());
    let explain = |sql: &String| {
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
            .load(conn)
            .unwrap();
        let steps: Vec<String> = steps.into_iter().map(|s| s.detail).collect();
        format!("{sql}\n{}", steps.join("\n"))
    };
    queries.iter().map(explain).collect()
}

fn reads_by_index<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) {
    for plan in plans(conn, f) {
        for step in plan.lines().skip(1) {
            // The products are few, and each is shown; what is counted was limited before.
            let is_small = matches!(step.split(' ').nth(1), Some("p" | "counted"));
            let bad = step.contains("TEMP B-TREE") || (step.starts_with("SCAN") && !is_small);
            assert!(!bad, "{plan}");
        }
    }
}

#[test]
fn no_list_scans_or_sorts() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&config::Database {
        url: Secret::new(dir.path().join("offramp.db").display().to_string()),
        ..Default::default()
    })
    .unwrap();
    migrate::migrate(&db).unwrap();
    let before = Some(Cursor {
        active_at: 9,
        id: 9,
    });
    let kinds = [None, Some(ThreadKind::KnownIssue)];
    let states = [None, Some(ThreadState::Open)];
    let places = [
        (None, None),
        (Some(ProductId(1)), None),
        (Some(ProductId(1)), Some(TopicId(1))),
    ];
    db.read(|c| {
        for (product, topic) in places {
            for kind in kinds {
                // No list shows all kinds in one state, nor one kind of all products in any state.
                let shown = states.iter().filter(|s| match (kind, product) {
                    (None, _) => s.is_none(),
                    (Some(_), None) => s.is_some(),
                    (Some(_), Some(_)) => true,
                });
                for state in shown.copied() {
                    for pinned in [None, Some(false), Some(true)] {
                        if pinned.is_some() && (kind.is_some() || product.is_none()) {
                            continue;
                        }
                        for before in [None, before] {
                            let filter = Filter {
                                product,
                                topic,
                                kind,
                                state,
                                pinned,
                            };
                            reads_by_index(c, |c| lists::threads(c, filter, before, 31));
                        }
                    }
                }
            }
        }
        reads_by_index(c, |c| lists::threads_of_tag(c, TagId(1), before, 31));
        reads_by_index(c, |c| lists::popular_tags(c, 15));
        reads_by_index(c, lists::product_counts);
        reads_by_index(c, |c| lists::contributions(c, UserId(1), Some(9), 21));
        reads_by_index(c, |c| followers::notices(c, UserId(1), Some(9), 31));
        reads_by_index(c, |c| searching::public_ids_after(c, 9, 100));
        reads_by_index(c, |c| searching::public_ids_of(c, UserId(1), 9, 100));
        reads_by_index(c, |c| store::sitemap(c, 1, 10_000));
        reads_by_index(c, changes::newest_listed);
        Ok(())
    })
    .unwrap();
}

//! Threads found for texts: what is taken in from another forum, what was decided before, and the
//! commands that measure.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use offramp::cases;
use offramp::cases::links::{self, LinkState, Target};
use offramp::clock::HOUR;
use offramp::forum::docs::Docs;
use offramp::forum::import_threads::import_threads;
use offramp::forum::store::external_ids;
use offramp::ids::{CaseId, ThreadId};
use offramp::ranker::{self, Similar};
use offramp::search::{self, Likeness};
use serde_json::Value;

use crate::escalations::{case_of, product, read, says, staff, thread};
use crate::harness::Test;
use crate::{on_both, with_x};

const THREADS: &str = r#"{"id": "q-7", "title": "Lamp flickers after the update", "body": "Since update 9 the lamp flickers every evening.", "tags": ["light", "update"], "created_at": "2024-02-01T10:00:00Z", "author": "ada", "answers": [{"body": "Reset the lamp.", "accepted": true, "author": "bo"}, {"body": "Same here.", "author": "ada"}]}
{"id": 8, "title": "Bridge can not be found", "body": "The app does not find the bridge in my network."}
{"id": "q-9", "title": " "}
not json

{"id": "q-10", "title": "Battery of the remote is empty after a week", "body": "Which battery fits?", "created_at": 1700000000}
"#;

fn similar(t: &Test, text: &str) -> Vec<Similar> {
    let asked = Likeness {
        text,
        limit: 5,
        at: Some(t.app.now().0),
        ..Likeness::default()
    };
    ranker::similar(&t.app, &asked).expect("an answer")
}

fn links_of(t: &Test, case: CaseId) -> Vec<links::Link> {
    t.app
        .db
        .read(|c| cases::store::links_of(c, case))
        .expect("links")
}

fn decide(t: &Test, case: CaseId, thread: ThreadId, to: LinkState) {
    let by = staff(t);
    let link = links_of(t, case)
        .into_iter()
        .find(|l| l.target == Target::Thread(thread))
        .expect("a link to the thread");
    let now = t.app.now();
    t.app
        .db
        .write(|tx| links::decide(tx, now, &by.actor(), link.id, to, "looked at it"))
        .expect("decided");
}

fn targets(t: &Test, case: CaseId) -> Vec<Target> {
    links_of(t, case).into_iter().map(|l| l.target).collect()
}

on_both! {
    fn a_file_taken_in_twice_doubles_nothing_and_bad_lines_are_told(t) {
        let first = import_threads(&t.app, THREADS.as_bytes(), None, |_| {}).expect("taken in");
        assert_eq!((first.new, first.known, first.problem_count), (3, 0, 2));
        let lines: Vec<usize> = first.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4]);
        let again = import_threads(&t.app, THREADS.as_bytes(), None, |_| {}).expect("taken in");
        assert_eq!((again.new, again.known, again.problem_count), (0, 3, 2));
        search::catch_up(&t.app.index, &t.app.db, &Docs::new(t.app.db.clone())).expect("indexed");
        assert_eq!(t.app.index.thread_count(), 3);
        let found = similar(t, "my lamp keeps flickering since update 9");
        let ids: Vec<i64> = found.iter().map(|s| s.thread_id).collect();
        let external = t.app.db.read(|c| external_ids(c, &ids)).expect("ids");
        assert_eq!(external[&found[0].thread_id], "q-7");
        assert!(found[0].reasons.iter().any(|r| r == "is solved"), "{:?}", found[0]);
        let wrong = t.app.db.read(offramp::forum::store::counters::recount).expect("recount");
        assert_eq!(wrong, []);
    }
}

with_x! {
    fn not_this_and_a_confirmation_teach_at_once(t, x) {
        let hub = product(t);
        let light = thread(t, hub, "Hub blinks red at night", "My hub blinks red all night, why?");
        let other = thread(t, hub, "Hub blinks red and is offline", "The hub blinks red, the app says offline.");
        let text = "@FernwellHelp the hub blinks red all night again, useless thing";
        let first = case_of(t, { let p = says(x, "ada", text); read(t); p }).id;
        assert!(targets(t, first).contains(&Target::Thread(light)));
        decide(t, first, light, LinkState::Rejected);
        if !targets(t, first).contains(&Target::Thread(other)) {
            let link = links::NewLink { target: Target::Thread(other), score: 1.0, reasons: vec![], rule: String::new() };
            let (by, now) = (staff(t).actor(), t.app.now());
            t.app.db.write(|tx| links::link(tx, now, &by, first, &link)).expect("linked");
        } else {
            decide(t, first, other, LinkState::Confirmed);
        }
        t.advance(HOUR);
        let second = case_of(t, { let p = says(x, "bob", text); read(t); p }).id;
        assert!(!targets(t, second).contains(&Target::Thread(light)), "refused for the same words");
        let links = links_of(t, second);
        assert_eq!(links[0].target, Target::Thread(other));
        assert!(links[0].reasons.iter().any(|r| r.contains("posts like this")), "{links:?}");
        // An undo takes it back, at once.
        decide(t, first, other, LinkState::Undone);
        decide(t, second, other, LinkState::Rejected);
        let found = similar(t, text);
        assert!(found.iter().all(|s| s.thread_id != other.0 && s.thread_id != light.0), "{found:?}");
        let elsewhere = similar(t, "how do I reset a hub that blinks");
        assert!(elsewhere.iter().any(|s| s.thread_id == light.0), "{elsewhere:?}");
    }

    fn a_deleted_post_is_forgotten_with_its_words(t, x) {
        use diesel::prelude::*;
        use offramp::db::schema::mentions;
        use offramp::ranker::PastLinks;

        let hub = product(t);
        thread(t, hub, "Hub blinks red at night", "My hub blinks red all night, why?");
        let post = says(x, "ada", "@FernwellHelp the hub blinks red all night, useless");
        read(t);
        let case = case_of(t, post).id;
        let Some(Target::Thread(id)) = targets(t, case).first().copied() else {
            panic!("no thread");
        };
        decide(t, case, id, LinkState::Rejected);
        let source = offramp::escalations::past_links::DecidedLinks::new(t.app.db.clone());
        let decided = source.decided_since(0, 10).expect("links");
        assert_eq!(decided.len(), 1);
        assert_eq!(source.texts(&[decided[0].id]).expect("texts").len(), 1);
        crate::escalations::set(t, |c| diesel::update(mentions::table).set(mentions::deleted_at.eq(1)).execute(c));
        assert_eq!(source.texts(&[decided[0].id]).expect("texts").len(), 0);
    }
}

/// The binary in `dir`, with `input` on its standard input: what it printed.
fn offramp(dir: &Path, words: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_offramp"))
        .current_dir(dir)
        .env_clear()
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut pipe = child.stdin.take().expect("its input");
    pipe.write_all(input.as_bytes()).expect("written");
    drop(pipe);
    let output = child.wait_with_output().expect("it ended");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn threads_of_a_file_answer_similar_with_the_ids_they_had() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    std::fs::write(dir.join("threads.jsonl"), THREADS).expect("a file");
    offramp(dir, &["migrate"], "");
    let told = offramp(dir, &["import", "jsonl", "threads.jsonl"], "");
    assert!(
        told.starts_with("3 threads new, 0 known before, 2 lines"),
        "{told}"
    );
    assert!(told.contains("line 3: `title` is empty"), "{told}");
    let asked = "{\"id\": 1, \"text\": \"lamp flickers since the update\"}\nnothing\n{\"id\": \"b\", \"text\": \"😡\"}\n\
        {\"id\": \"c\", \"text\": \"lamp\", \"created_at\": \"2024-13-01\"}\n";
    let answers = offramp(dir, &["similar", "--jsonl", "--limit", "2"], asked);
    let lines: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 4, "{answers}");
    assert_eq!(
        (&lines[0]["id"], &lines[0]["results"][0]["thread"]),
        (&1.into(), &"q-7".into())
    );
    let p = lines[0]["results"][0]["p_link"].as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&p));
    assert!(lines[1]["error"].is_string());
    assert_eq!(lines[2]["results"], Value::Array(vec![]));
    assert_eq!(lines[3]["id"], "c");
    assert!(
        lines[3]["error"]
            .as_str()
            .is_some_and(|e| e.contains("created_at"))
    );
}

#[test]
fn a_set_is_measured_without_a_database_and_in_the_order_of_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    write(
        "corpus.jsonl",
        r#"{"id": "1", "title": "Lamp flickers", "body_text": "It flickers every evening", "created": "2024-01-01 10:00:00 +0000"}
{"id": "2", "title": "Bridge is lost", "body_text": "The app finds no bridge", "created": "2024-01-02 10:00:00 +0000"}
{"id": "3", "title": "Lamp flickers in the evening", "body_text": "flickers", "created": "2024-01-03 10:00:00 +0000"}
"#,
    );
    write(
        "queries_short.jsonl",
        r#"{"id": "3", "text": "Lamp flickers in the evening", "created": "2024-01-03 10:00:00 +0000"}
{"id": "0", "text": "the bridge", "created": "2024-01-01 12:00:00 +0000"}
"#,
    );
    write("qrels.tsv", "query_id\tdoc_id\trel\n3\t1\t1\n0\t2\t1\n");
    let told = offramp(dir, &["eval", "link", ".", "--replay", "--json"], "");
    let figures: Value = serde_json::from_str(&told).expect("JSON");
    let still = &figures["queries_short"];
    // Its own thread, which is word for word the same, is no answer.
    assert_eq!((&still["R@1"], &still["queries"]), (&1.0.into(), &2.into()));
    let replayed = &figures["replay"]["queries_short"];
    // The bridge's thread was not written yet.
    assert_eq!(
        (&replayed["R@5"], &replayed["queries"]),
        (&1.0.into(), &1.into())
    );
    assert!(
        replayed["ECE"].is_number()
            && replayed["MRR@10"].is_number()
            && replayed["nDCG@10"].is_number()
    );
}

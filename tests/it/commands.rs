//! The commands beside the server, run as the operator runs them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in `dir`, with no configuration but the defaults.
fn offramp(dir: &Path, words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_offramp"))
        .current_dir(dir)
        .env_clear()
        .args(words.split(' '))
        .stdin(Stdio::null())
        .output()
        .expect("the command ran")
}

fn told(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(both).expect("text")
}

fn rights(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    let about = std::fs::metadata(path).expect("a file");
    about.permissions().mode() & 0o777
}

#[test]
fn a_reader_that_leaves_early_breaks_no_command() {
    let dir = tempfile::tempdir().expect("a folder");
    for words in ["doctor mail", "doctor"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_offramp"))
            .current_dir(dir.path())
            .env_clear()
            .args(words.split(' '))
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .expect("the command ran");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && told.is_empty(),
            "{words}: {told}"
        );
    }
}

#[test]
fn without_a_database_commands_say_what_to_do_and_make_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    for words in [
        "user create --name Ada --email ada@example.com --role admin --invite",
        "user list",
        "mentions import posts.csv",
        "mentions add hello",
        "mentions replay",
        "mail replay 1",
        "mail receive --recipient support@example.com",
        "check",
        "reindex",
        "import jsonl threads.jsonl",
        "similar --jsonl",
    ] {
        let output = offramp(dir.path(), words);
        assert!(!output.status.success(), "{words}");
        let told = told(&output);
        assert!(told.contains("offramp migrate"), "{words}: {told}");
        assert!(told.contains("data/offramp.db"), "{words}: {told}");
    }
    let doctor = offramp(dir.path(), "doctor");
    assert!(
        told(&doctor).contains("offramp migrate"),
        "{}",
        told(&doctor)
    );
    let made = std::fs::read_dir(dir.path()).expect("the folder").count();
    assert_eq!(made, 0);

    // One that is there and was never migrated is as good as none.
    let file = dir.path().join("data/offramp.db");
    std::fs::create_dir(dir.path().join("data")).expect("a folder");
    std::fs::write(&file, "").expect("an empty file");
    for words in ["user list", "check", "doctor"] {
        let told = told(&offramp(dir.path(), words));
        assert!(told.contains("offramp migrate"), "{words}: {told}");
        assert!(!told.contains("no such table"), "{words}: {told}");
    }
    assert!(!dir.path().join("data/secret").exists());
}

#[test]
fn the_configuration_of_the_folder_is_used_and_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let without = told(&offramp(dir.path(), "doctor"));
    assert!(without.contains("configuration: no file"), "{without}");
    let file = dir.path().join("offramp.toml");
    std::fs::write(
        &file,
        "[site]\nname = \"Acme\"\n[database]\nurl = \"here.db\"\n",
    )
    .expect("a file");
    let with = told(&offramp(dir.path(), "doctor"));
    assert!(with.contains("configuration: offramp.toml"), "{with}");
    assert!(with.contains("here.db"), "{with}");
    let named = told(&offramp(dir.path(), "doctor --config other.toml"));
    assert!(named.contains("other.toml can't be read"), "{named}");
}

#[test]
fn what_is_made_is_the_owners_alone_and_a_log_in_a_file_has_no_colours() {
    let dir = tempfile::tempdir().expect("a folder");
    let migrated = offramp(dir.path(), "migrate");
    assert!(
        told(&migrated).contains("run; the schema is up to date"),
        "{}",
        told(&migrated)
    );
    let index = dir.path().join("search-index");
    std::fs::create_dir_all(index.join("g1")).expect("a folder");
    std::fs::write(index.join("current"), "g1").expect("a broken index");
    let made = offramp(
        dir.path(),
        "user create --name Ada --email ada@example.com --invite",
    );
    assert!(made.status.success(), "{}", told(&made));
    let told = told(&made);
    assert!(
        told.contains("WARN") && !told.contains('\u{1b}'),
        "{told:?}"
    );
    for (path, expected) in [
        ("data", 0o700),
        ("data/offramp.db", 0o600),
        ("data/secret", 0o600),
    ] {
        assert_eq!(rights(&dir.path().join(path)), expected, "{path}");
    }
}

#[test]
fn an_import_of_which_nothing_could_be_taken_fails_and_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(offramp(dir.path(), "migrate").status.success());
    let write =
        |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file");
    write("good.csv", "id,text\n1,My hub is broken\n");
    write("header.csv", "number,text\n1,My hub is broken\n");
    write("rows.csv", "id,text,created_at\n1,hello,yesterday\n");
    write("none.json", "[]");
    write("none.csv", "id,text\n");
    write(
        "undated.jsonl",
        "{\"id\":\"970\",\"text\":\"My hub is dead\"}\n",
    );
    write(
        "some.csv",
        "id,text,network\n7,My hub is broken,x\n,no id,x\n",
    );
    let good = offramp(dir.path(), "mentions import good.csv");
    assert!(good.status.success(), "{}", told(&good));
    assert!(told(&good).contains("1 new") && told(&good).contains("1 row without a network"));
    for (words, why) in [
        ("header.csv", "`id`, `tweet_id` or `post_id`"),
        ("rows.csv", "2026-11-22T10:00:00Z"),
        ("none.json", "holds no posts"),
        ("none.csv", "holds no posts"),
        ("rows.csv good.csv", "1 known before"),
    ] {
        let output = offramp(dir.path(), &format!("mentions import {words}"));
        assert!(!output.status.success(), "{words}");
        assert!(told(&output).contains(why), "{words}: {}", told(&output));
        assert!(
            told(&output).contains("could be taken in"),
            "{}",
            told(&output)
        );
    }
    let some = offramp(dir.path(), "mentions import some.csv");
    assert!(some.status.success(), "{}", told(&some));
    assert!(
        !told(&some).contains("without a network"),
        "{}",
        told(&some)
    );
    let undated = offramp(dir.path(), "mentions import undated.jsonl");
    assert!(undated.status.success(), "{}", told(&undated));
    assert!(told(&undated).contains("1 row without a time: dated now"));
}

#[test]
fn an_address_that_can_not_be_taken_fails_and_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(offramp(dir.path(), "migrate").status.success());
    for (what, remedy) in [
        ("", "give the address of a post"),
        ("https://x.com/ada/status/20", "`x.enabled`"),
        ("twitter.com/ada/status/20", "`x.enabled`"),
        ("https://example.com/ada", "paste the words"),
    ] {
        let added = offramp(dir.path(), &format!("mentions add {what}"));
        assert!(!added.status.success(), "{what}");
        assert!(told(&added).contains(remedy), "{what}: {}", told(&added));
    }
    let words = offramp(dir.path(), "mentions add my hub is broken");
    assert!(words.status.success(), "{}", told(&words));
    assert!(told(&words).contains("Taken in"), "{}", told(&words));
}

/// The lines that a program reads: their form stays.
#[test]
fn triage_answers_line_by_line_without_a_database() {
    use std::io::Write;
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_offramp"))
        .current_dir(dir.path())
        .env_clear()
        .args(["triage", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let lines = concat!(
        "{\"id\": 1, \"text\": \"@acme my card was charged twice, give me my money back\"}\n",
        "{\"id\": \"two\", \"text\": \"@acme do you ship to Norway?\", \"lang\": \"en\"}\n",
        "{\"id\": 3}\n",
        "{\"id\": 4, \"text\": \"@acme 👍\"}\n",
    );
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(!output.status.success(), "one line is bad");
    let said = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let labels: Vec<_> = answers.iter().map(|a| (&a["id"], &a["label"])).collect();
    let json = |text: &str| serde_json::Value::from(text);
    assert_eq!(labels.len(), 4, "{said}");
    assert_eq!(labels[0], (&1.into(), &json("complaint")));
    assert_eq!(labels[1], (&json("two"), &json("question")));
    assert_eq!(labels[3], (&4.into(), &json("praise")));
    assert_eq!(answers[0]["severity"], "money");
    assert!(answers[0]["p_complaint"].as_f64().expect("a number") > 0.5);
    assert!(
        answers[0]["reasons"]
            .as_array()
            .is_some_and(|r| !r.is_empty())
    );
    assert_eq!(
        (&answers[2]["id"], answers[2]["error"].is_string()),
        (&3.into(), true)
    );
    let fresh: Vec<_> = std::fs::read_dir(dir.path()).expect("a folder").collect();
    assert!(fresh.is_empty(), "nothing is made");
}

/// Rows that only differ in a word that no shipped weights know: which of them is a complaint can be
/// told by training alone.
fn rows_to_learn(complaint: &str, other: &str) -> String {
    let things = [
        "lamp", "kettle", "radio", "fan", "chair", "mixer", "clock", "router", "drill", "heater",
        "toaster", "scale", "camera", "speaker", "printer", "blender", "iron", "grill", "tent",
        "bike",
    ];
    let mut rows = "id,text,label,domain\n".to_owned();
    for (n, thing) in things.iter().enumerate() {
        rows += &format!("{n}a,@acme {thing} {complaint},1,home\n");
        rows += &format!("{n}b,@acme {thing} {other},0,home\n");
        rows += &format!("{n}c,what a lovely evening {n},0,random_tweet\n");
    }
    rows
}

#[test]
fn eval_triage_prints_its_measures() {
    let dir = tempfile::tempdir().expect("a folder");
    let report_of = |words: &str| -> serde_json::Value {
        let output = offramp(dir.path(), words);
        assert!(output.status.success(), "{}", told(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    };
    for (file, complaint, other) in [("a.csv", "zork", "plim"), ("b.csv", "plim", "zork")] {
        let rows = rows_to_learn(complaint, other);
        std::fs::write(dir.path().join(file), rows).expect("a file");
        let shipped = report_of(&format!("eval triage {file} --json"));
        let trained = report_of(&format!("eval triage {file} --folds 4 --json"));
        assert_eq!(
            (&shipped["judged_by"], &trained["judged_by"]),
            (&"shipped".into(), &"trained".into())
        );
        for report in [&shipped, &trained] {
            let rows = (&report["all"]["rows"], &report["brand_addressed"]["rows"]);
            assert_eq!(rows, (&60.into(), &40.into()));
        }
        let auc = trained["brand_addressed"]["roc_auc"].as_f64();
        assert!(auc.expect("a number") > 0.95, "{trained}");
    }
    std::fs::write(dir.path().join("bad.csv"), "text,label\nhello,perhaps\n").expect("a file");
    let output = offramp(dir.path(), "eval triage bad.csv");
    assert!(!output.status.success());
    assert!(told(&output).contains("row 1"), "{}", told(&output));
}

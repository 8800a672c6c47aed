//! The house in order: conventions that are worth keeping are tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use offramp::config::Config;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `dir` with this extension, with its path from the root.
fn files(dir: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|n| n != "node_modules") {
                    walk(&path, extension, found);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(dir), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no .{extension} under {dir}");
    found
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(root())
                .expect("under the root")
                .display()
                .to_string();
            let text = fs::read_to_string(&path).expect("a text file");
            (name, text)
        })
        .collect()
}

/// The modules of `lib.rs` in the order of their floors; an import may only name a module of an
/// earlier group or its own group's earlier ones, with the exceptions of floor 1 below.
const FLOORS: &[&[&str]] = &[
    &[
        "clock", "config", "error", "ids", "net", "random", "say", "text",
    ],
    &[
        "app", "db", "files", "jobs", "keys", "limits", "live", "mail", "meaning", "networks",
        "ranker", "search", "web",
    ],
    &["people"],
    &["forum", "cases"],
    &["tickets"],
    &["escalations", "inbox"],
    &["desk"],
    &["boot", "commands", "demo", "routes"],
];

#[test]
fn imports_point_down() {
    let floor_of = |module: &str| FLOORS.iter().position(|f| f.contains(&module));
    let mut wrong = Vec::new();
    for (name, text) in files("src", "rs") {
        let module = name
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .expect("a first part")
            .to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let own = floor_of(&module)
            .unwrap_or_else(|| panic!("{name}: the module `{module}` stands on no floor"));
        for (n, line) in text.lines().enumerate() {
            // What tests import is their own affair.
            if line.contains("#[cfg(test)]") {
                break;
            }
            for part in line.split("crate::").skip(1) {
                let target: String = part
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let Some(floor) = floor_of(&target) else {
                    continue;
                };
                let same_slice_floor = floor == own && (2..7).contains(&own) && target != module;
                if floor > own || same_slice_floor {
                    wrong.push(format!("{name}:{}: {module} imports {target}", n + 1));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that point up:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn diesel_stays_in_the_stores() {
    let allowed = |name: &str| {
        name.starts_with("src/db/")
            || name.starts_with("src/jobs/")
            || name == "src/error.rs"
            || name.contains("/store.rs")
            || name.contains("/store/")
            || name == "src/search/changes.rs"
    };
    let wrong: Vec<String> = files("src", "rs")
        .into_iter()
        .filter(|(name, text)| !allowed(name) && text.contains("diesel::"))
        .map(|(name, _)| name)
        .collect();
    assert!(wrong.is_empty(), "diesel outside the stores: {wrong:?}");
}

#[test]
fn every_template_is_free_of_inline_script_and_style() {
    for (name, text) in files("templates", "html") {
        if name.starts_with("templates/mail/") {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            assert!(
                !line.contains(" style=") && !line.contains("<style"),
                "{name}:{}: inline style",
                n + 1
            );
            let script = line.contains("<script") && !line.contains("src=");
            assert!(!script, "{name}:{}: inline script", n + 1);
            for handler in [
                " onclick=",
                " onload=",
                " onsubmit=",
                " onerror=",
                " onchange=",
            ] {
                assert!(!line.contains(handler), "{name}:{}: {handler}", n + 1);
            }
        }
    }
}

/// A form that changes something carries the token that shows it is ours.
#[test]
fn every_post_form_carries_the_csrf_field() {
    for (name, text) in files("templates", "html") {
        // The stand-in for X has no accounts of ours to protect.
        if name.starts_with("templates/sandbox/") {
            continue;
        }
        for form in text.split("<form").skip(1) {
            let form = form.split("</form>").next().expect("a first part");
            if form.to_lowercase().contains("method=\"post\"") {
                assert!(
                    form.contains("m::csrf(") || form.contains("name=\"csrf\""),
                    "{name}: a POST form without the csrf field: <form{}",
                    form.lines().next().unwrap_or_default()
                );
            }
        }
    }
}

/// `|safe` is for what `text::markdown` or the search's snippets made safe; each use says so by
/// standing in this list.
#[test]
fn unescaped_output_is_listed() {
    let known: BTreeSet<String> = fs::read_to_string(root().join("tests/it/data/safe_output.txt"))
        .expect("the list")
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let mut found = BTreeSet::new();
    for (name, text) in files("templates", "html") {
        for line in text.lines() {
            for expression in line.split("{{").skip(1) {
                let expression = expression.split("}}").next().expect("a first part").trim();
                if expression.replace(' ', "").contains("|safe") {
                    found.insert(format!("{name}: {expression}"));
                }
            }
        }
    }
    assert_eq!(
        found, known,
        "tests/it/data/safe_output.txt lists every unescaped output"
    );
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |backend: &str| -> BTreeSet<String> {
        fs::read_dir(root().join("migrations").join(backend))
            .expect("a folder")
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

/// A database that ran a migration never runs it again: what is to change comes as another. When a
/// migration is added, its digest goes into the list.
#[test]
fn migrations_stay_as_they_were() {
    let list = include_str!("data/migrations.txt");
    let known: BTreeSet<String> = list.lines().map(str::to_owned).collect();
    let found: BTreeSet<String> = files("migrations", "sql")
        .into_iter()
        .map(|(name, text)| format!("{} {name}", offramp::keys::digest(text.as_bytes())))
        .collect();
    assert_eq!(
        found, known,
        "tests/it/data/migrations.txt lists every migration"
    );
}

/// Line by line; of a type that neither database's word is known of, the lines differ.
#[test]
fn both_databases_have_the_same_tables() {
    const WORDS: [(&str, &str); 4] = [
        (
            "INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
            "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        ),
        (" INTEGER", " BIGINT"),
        (" BLOB", " BYTEA"),
        (" DOUBLE", " DOUBLE PRECISION"),
    ];
    let of_sqlite = files("migrations/sqlite", "sql");
    assert_eq!(of_sqlite.len(), files("migrations/postgres", "sql").len());
    for (name, sqlite) in of_sqlite {
        let twin = root().join(name.replace("/sqlite/", "/postgres/"));
        let postgres = fs::read_to_string(&twin).expect("the twin");
        assert!(
            !postgres.contains("CREATE TYPE"),
            "`db::pg` looks no type up"
        );
        assert_eq!(sqlite.lines().count(), postgres.lines().count(), "{name}");
        for (line, (ours, theirs)) in (1..).zip(sqlite.lines().zip(postgres.lines())) {
            let words = WORDS.iter().fold(ours.to_owned(), |line, (ours, theirs)| {
                line.replace(ours, theirs)
            });
            assert_eq!(words, theirs, "{name}:{line}");
        }
    }
}

#[test]
fn the_example_loads_with_every_key_and_each_can_be_set_by_its_variable() {
    let example = fs::read_to_string(root().join("offramp.example.toml")).expect("the example");
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        })
    };
    let is_section = |line: &str| line.starts_with('[') && line.ends_with(']');
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key) if is_key(key) || is_section(key) => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("offramp.toml");
    fs::write(&file, &uncommented).expect("written");
    let nothing: [(String, String); 0] = [];
    Config::load_with(Some(&file), nothing).expect("the example, every key in use");

    fn variables(prefix: &str, table: &toml::Table, found: &mut Vec<(String, String)>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.to_uppercase());
            match value {
                toml::Value::Table(inner) => variables(&format!("{name}__"), inner, found),
                toml::Value::String(text) => found.push((name, text.clone())),
                other => found.push((name, other.to_string())),
            }
        }
    }
    let mut found = Vec::new();
    let table: toml::Table = uncommented.parse().expect("TOML");
    variables("OFFRAMP_", &table, &mut found);
    assert!(found.len() > 60, "{}", found.len());
    Config::load_with(None, found).expect("every key by its variable");
}

#[test]
fn every_key_of_the_configuration_is_explained() {
    let example = fs::read_to_string(root().join("offramp.example.toml")).expect("the example");
    let config = fs::read_to_string(root().join("src/config.rs")).expect("the code");
    for line in config.lines() {
        let Some(rest) = line.strip_prefix("    pub ") else {
            continue;
        };
        let Some((key, kind)) = rest.split_once(": ") else {
            continue;
        };
        let is_section = [
            "Site",
            "Server",
            "Database",
            "Search",
            "SentenceModel",
            "Mail",
            "Webhooks",
            "X",
            "Limits",
            "Prices",
            "Caps",
            "BTreeMap<String, Mailbox>",
        ]
        .contains(&kind.trim_end_matches(','));
        if rest.contains('(') || is_section {
            continue;
        }
        assert!(
            example.lines().any(|l| {
                l.trim_start_matches(['#', ' '])
                    .strip_prefix(key)
                    .is_some_and(|r| r.starts_with(" ="))
            }),
            "offramp.example.toml does not explain `{key}`"
        );
    }
}

#[test]
fn the_repository_speaks_of_the_product_alone() {
    let mut wrong = Vec::new();
    for (dir, extension) in [
        ("src", "rs"),
        ("tests/it", "rs"),
        ("templates", "html"),
        ("docs", "md"),
        ("static", "js"),
    ] {
        for (name, text) in files(dir, extension) {
            if name.ends_with("tidy.rs") {
                continue;
            }
            for (n, line) in text.lines().enumerate() {
                if ["/work/", "TODO", "FIXME", "XXX:", "orem ipsum"]
                    .iter()
                    .any(|w| line.contains(w))
                {
                    wrong.push(format!("{name}:{}: {}", n + 1, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

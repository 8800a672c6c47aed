//! `offramp doctor`: looks at everything a server needs and says what to do about what is wrong.

use std::fmt;
use std::time::Instant;

use super::doctor_mail;
use crate::boot;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::db::changes::{self, Subject};
use crate::db::migrate::{self, Schema};
use crate::escalations;
use crate::inbox;
use crate::jobs;
use crate::keys::Keys;
use crate::mail::{dkim, outbox};
use crate::meaning::Model;
use crate::networks::x::connector::XConnector;
use crate::ranker;
use crate::search::SearchIndex;
use crate::text::counted;

/// Texts by which the pace of a sentence model is told.
const PROBES: usize = 16;
/// Texts a second below which a sentence model holds up whoever types a question.
const PACE_MIN: f64 = 10.0;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// It runs, but an operator should look.
    Doubtful,
    /// It does not work.
    Bad,
}

/// One thing that was looked at: what, how it stands, and what to do.
#[derive(Clone, Debug)]
pub struct Line {
    pub health: Health,
    pub what: &'static str,
    pub words: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.health {
            Health::Good => "ok   ",
            Health::Doubtful => "look ",
            Health::Bad => "BAD  ",
        };
        write!(f, "{mark} {:<9} {}", self.what, self.words)
    }
}

pub(super) fn line(health: Health, what: &'static str, words: impl Into<String>) -> Line {
    Line {
        health,
        what,
        words: words.into(),
    }
}

/// Looks at the configuration, the data folder, database, index, mail and networks, each by
/// itself. Makes no change; asks the mail server and the network who we are.
pub fn doctor(config: &Config) -> Vec<Line> {
    let (db, about_db) = database(config);
    let ready = db
        .as_ref()
        .filter(|db| migrate::schema(db).is_ok_and(|schema| schema == Schema::UpToDate));
    vec![
        site(config),
        data_folder(config),
        secret(config, ready),
        about_db,
        work(ready),
        posts(ready),
        search(config, ready),
        sentence_model(config),
        mail(config),
        x(config, ready),
    ]
}

/// `db` is a database that can be asked.
fn secret(config: &Config, db: Option<&Db>) -> Line {
    let say = |health, words: String| line(health, "secret", words);
    let keys = match Keys::read(config) {
        Ok(keys) => keys,
        Err(e) => return say(Health::Bad, e.to_string()),
    };
    if let Some(db) = db
        && let Err(e) = boot::look_at_secret(db, keys.as_ref())
    {
        return say(Health::Bad, e.to_string());
    }
    match keys {
        Some(_) => say(Health::Good, "there".into()),
        None => say(
            Health::Doubtful,
            "none is there yet; the server makes one".into(),
        ),
    }
}

/// What waits, and what was given up or could not be read.
fn work(db: Option<&Db>) -> Line {
    let say = |health, words: String| line(health, "work", words);
    let Some(db) = db else {
        let words = "can't be counted before the database is there and migrated";
        return say(Health::Doubtful, words.into());
    };
    let counts = db.read(|conn| {
        Ok((
            jobs::counts(conn)?,
            outbox::counts(conn)?,
            inbox::store::unread_count(conn)?,
        ))
    });
    let (jobs, mails, unread) = match counts {
        Ok(counts) => counts,
        Err(e) => return say(Health::Bad, e.to_string()),
    };
    let (ready, waiting) = (counted(jobs.ready, "job"), counted(mails.waiting, "mail"));
    let mut words = format!("waiting: {ready}, {waiting}");
    for (count, what, remedy) in [
        (jobs.dead, "job", "given up: see /admin/jobs"),
        (mails.failed, "mail", "given up: see /admin/mail"),
        (
            unread,
            "mail",
            "to be looked at by a person: see /desk/mail",
        ),
    ] {
        if count > 0 {
            words.push_str(&format!("; {} {remedy}", counted(count, what)));
        }
    }
    let health = match jobs.dead + mails.failed + unread {
        0 => Health::Good,
        _ => Health::Doubtful,
    };
    say(health, words)
}

/// What came from networks and files and could not be parsed, or not be judged.
fn posts(db: Option<&Db>) -> Line {
    let say = |health, words: String| line(health, "posts", words);
    let Some(db) = db else {
        let words = "can't be counted before the database is there and migrated";
        return say(Health::Doubtful, words.into());
    };
    let counts = db.read(|conn| {
        Ok((
            escalations::store::count_unread_pages(conn)?,
            escalations::store::count_failed(conn)?,
        ))
    });
    let (unread, unjudged) = match counts {
        Ok((0, 0)) => return say(Health::Good, "all that came in was read and judged".into()),
        Ok(counts) => counts,
        Err(e) => return say(Health::Bad, e.to_string()),
    };
    let mut words = Vec::new();
    if unread > 0 {
        let what = counted(unread, "page");
        words.push(format!(
            "{what} of posts could not be read: see /admin/network"
        ));
    }
    if unjudged > 0 {
        let what = counted(unjudged, "post");
        words.push(format!(
            "{what} could not be judged: see /desk/mentions?only=failed"
        ));
    }
    let words = words.join("; ");
    say(
        Health::Doubtful,
        format!("{words}. `offramp mentions replay` tries again; what still fails says why there."),
    )
}

fn database(config: &Config) -> (Option<Db>, Line) {
    let say = |health, words: String| line(health, "database", words);
    const REMEDY: &str = "`offramp migrate`, or start the server";
    // Opening makes the file.
    if let Some(file) = boot::missing_database(config) {
        let words = format!("{} is not there yet: {REMEDY}", file.display());
        return (None, say(Health::Doubtful, words));
    }
    let db = match Db::open(&config.database) {
        Ok(db) => db,
        Err(e) => {
            let remedy = if config.is_postgres() {
                "does the server run, and may this user log in to this database?"
            } else {
                "may this user write the file and its folder?"
            };
            let words = format!("{e}. Check `database.url`: {remedy}");
            return (None, say(Health::Bad, words));
        }
    };
    let kind = if db.is_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let about = match migrate::schema(&db) {
        Ok(Schema::UpToDate) => say(Health::Good, format!("{kind}, schema up to date")),
        Ok(Schema::None) => say(
            Health::Doubtful,
            format!("{kind}, nothing in it yet: {REMEDY}"),
        ),
        Ok(Schema::Behind(n)) => {
            let pending = counted(n, "migration");
            let words = format!("{kind}, {pending} to run: {REMEDY}");
            say(Health::Doubtful, words)
        }
        Err(e) => say(Health::Bad, format!("{kind}: {e}")),
    };
    (Some(db), about)
}

fn search(config: &Config, db: Option<&Db>) -> Line {
    let say = |health, words: String| line(health, "search", words);
    let found = SearchIndex::look(&config.search.dir)
        .and_then(|index| Ok((index.position()?, index.thread_count())));
    let (position, threads) = match found {
        Ok(found) => found,
        Err(e) => return say(Health::Bad, format!("{e}. Run `offramp reindex`.")),
    };
    let Some(db) = db else {
        let words = "can't be compared before the database is there and migrated".to_owned();
        return say(Health::Doubtful, words);
    };
    match (
        position,
        db.read(|c| changes::newest_of(c, Subject::Thread)),
    ) {
        (Some(at), Ok(newest)) if at >= newest => {
            let threads = counted(threads, "thread");
            say(Health::Good, format!("{threads}, up to date"))
        }
        (Some(at), Ok(newest)) => say(
            Health::Doubtful,
            format!(
                "{} behind; a running server catches up by itself",
                counted(newest - at, "change")
            ),
        ),
        (None, Ok(0)) => say(Health::Good, "empty, as the forum is".into()),
        (None, Ok(_)) => say(
            Health::Doubtful,
            "never filled: `offramp reindex`, or start the server".into(),
        ),
        (_, Err(e)) => say(Health::Bad, e.to_string()),
    }
}

/// Whether there is a sentence model, whether it can be read, and how fast it reads.
fn sentence_model(config: &Config) -> Line {
    let say = |health, words: String| line(health, "meaning", words);
    let dir = &config.sentence_model.dir;
    if dir.as_os_str().is_empty() {
        let words = "no sentence model (`sentence_model.dir`): threads are found by their words";
        return say(Health::Good, words.into());
    }
    let model = match Model::load(dir) {
        Ok(model) => model,
        Err(e) => {
            let words = format!(
                "{e}. Run `offramp model fetch`; until then threads are found by their words."
            );
            return say(Health::Bad, words);
        }
    };
    let text = "the connection drops every evening ".repeat(ranker::PIECES);
    let begin = Instant::now();
    let read = model.embed(&[text.as_str(); PROBES], ranker::PIECES);
    let pace = read.len() as f64 / begin.elapsed().as_secs_f64();
    let health = if pace < PACE_MIN {
        Health::Doubtful
    } else {
        Health::Good
    };
    let words = format!(
        "sentence model {} of {} dimensions, {pace:.0} texts a second on one core",
        model.name(),
        model.width()
    );
    say(health, words)
}

fn site(config: &Config) -> Line {
    let listens_here = config.server.listen.starts_with("127.");
    if !config.is_https() && !listens_here {
        return line(
            Health::Doubtful,
            "site",
            format!(
                "{} is not https, yet {} is open to the network: put a proxy with TLS in front, \
                 and set `site.url` to its https address.",
                config.site.url, config.server.listen
            ),
        );
    }
    if config.is_https() && listens_here && !config.server.behind_proxy {
        return line(
            Health::Doubtful,
            "site",
            format!(
                "{} is https, so a proxy stands before {}: set `server.behind_proxy = true`, or \
                 limits take everybody for one.",
                config.site.url, config.server.listen
            ),
        );
    }
    line(
        Health::Good,
        "site",
        format!("{} at {}", config.site.name, config.site.url),
    )
}

fn data_folder(config: &Config) -> Line {
    let dir = &config.server.data_dir;
    if !dir.exists() {
        return line(
            Health::Doubtful,
            "data",
            format!("{} is not there yet; the server makes it", dir.display()),
        );
    }
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    let wrote = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe));
    match wrote {
        Ok(()) => line(
            Health::Good,
            "data",
            format!("{} can be written", dir.display()),
        ),
        Err(e) => line(
            Health::Bad,
            "data",
            format!(
                "{} can't be written ({e}): check its owner and free space, or set \
                 `server.data_dir`.",
                dir.display()
            ),
        ),
    }
}

/// In short; `offramp doctor mail` looks at the rest.
fn mail(config: &Config) -> Line {
    let out = match dkim::signer(config) {
        Ok(_) => doctor_mail::way_out(config),
        Err(e) => line(Health::Bad, "mail", e.to_string()),
    };
    Line {
        what: "mail",
        ..out
    }
}

fn x(config: &Config, db: Option<&Db>) -> Line {
    if !config.x.enabled {
        return line(Health::Good, "x", "switched off");
    }
    let Some(db) = db else {
        return line(
            Health::Doubtful,
            "x",
            "can't be asked before the database is there and migrated",
        );
    };
    let keys = match Keys::read(config) {
        Ok(keys) => keys.unwrap_or_else(|| Keys::new("")),
        Err(e) => return line(Health::Bad, "x", e.to_string()),
    };
    let secret = keys.secret_for("networks");
    let connector = XConnector::new(config.x.clone(), &secret, db.clone(), Clock::System);
    let asked = match connector {
        Ok(connector) => connector.check_credentials().map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    };
    match asked {
        Ok(account) if account.id == config.x.user_id => line(
            Health::Good,
            "x",
            format!("signed in as @{}", account.username),
        ),
        Ok(account) => line(
            Health::Bad,
            "x",
            format!(
                "the credentials are those of @{} (id {}), but `x.user_id` is {}",
                account.username, account.id, config.x.user_id
            ),
        ),
        Err(e) => line(Health::Bad, "x", e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_told_by_itself_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data_dir = dir.path().join("data");
        config.search.dir = dir.path().join("index");
        config.database.url =
            crate::config::Secret::new(dir.path().join("db").display().to_string());
        config.site.url = "https://help.example".into();
        let lines = doctor(&config);
        let told: Vec<_> = lines.iter().map(|l| l.what).collect();
        let all = [
            "site", "data", "secret", "database", "work", "posts", "search", "meaning", "mail", "x",
        ];
        assert_eq!(told, all);
        assert!(lines[0].words.contains("behind_proxy"), "{}", lines[0]);
        assert!(lines.iter().all(|l| l.health != Health::Bad));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        std::fs::create_dir_all(dir.path().join("index/g1")).unwrap();
        std::fs::write(dir.path().join("index/current"), "g1").unwrap();
        let lines = doctor(&config);
        assert_eq!((lines[6].what, lines[6].health), ("search", Health::Bad));
        assert!(dir.path().join("index/g1").exists());
        // A command beside the server goes without the index.
        config.site.url = "http://127.0.0.1:1".into();
        config.database.url =
            crate::config::Secret::new(dir.path().join("a.db").display().to_string());
        let refused = boot::tool(config.clone()).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("offramp migrate"), "{refused}");
        assert!(!dir.path().join("a.db").exists());
        migrate::migrate(&Db::open(&config.database).unwrap()).unwrap();
        let app = boot::tool(config).unwrap();
        assert_eq!(app.index.position().unwrap(), None);
    }
}

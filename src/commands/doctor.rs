//! `offramp doctor`: looks at everything a server needs and says what to do about what is wrong.

use std::fmt;

use crate::boot;
use crate::clock::Clock;
use crate::config::{Config, MailTransport};
use crate::db::changes::{self, Subject};
use crate::db::migrate;
use crate::mail::transport;
use crate::networks::x::connector::XConnector;
use crate::random::Random;

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

fn line(health: Health, what: &'static str, words: impl Into<String>) -> Line {
    Line {
        health,
        what,
        words: words.into(),
    }
}

/// Looks at the configuration, the data folder, database, index, mail and networks.
/// Makes no change beyond opening what a server would open; asks the mail server and the
/// network who we are.
pub fn doctor(config: &Config) -> Vec<Line> {
    let mut lines = vec![site(config), data_folder(config)];
    let app = match boot::app(config.clone(), Clock::System, Random::System) {
        Ok(app) => app,
        Err(e) => {
            let words = format!(
                "{e}. Check `database.url` (is the server there, may this user write the file?) \
                 and `search.dir`."
            );
            lines.push(line(Health::Bad, "database", words));
            return lines;
        }
    };
    let kind = if app.db.is_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    lines.push(match migrate::pending(&app.db) {
        Ok(0) => line(
            Health::Good,
            "database",
            format!("{kind}, schema up to date"),
        ),
        Ok(n) => line(
            Health::Doubtful,
            "database",
            format!("{kind}, {n} migrations to run: `offramp migrate`, or start the server."),
        ),
        Err(e) => line(Health::Bad, "database", format!("{kind}: {e}")),
    });
    lines.push(
        match (
            app.index.position(),
            app.db.read(|c| changes::newest_of(c, Subject::Thread)),
        ) {
            (Ok(Some(at)), Ok(newest)) if at >= newest => line(
                Health::Good,
                "search",
                format!("{} threads, up to date", app.index.thread_count()),
            ),
            (Ok(Some(at)), Ok(newest)) => line(
                Health::Doubtful,
                "search",
                format!(
                    "{} changes behind; a running server catches up by itself",
                    newest - at
                ),
            ),
            (Ok(None), Ok(0)) => line(Health::Good, "search", "empty, as the forum is"),
            (Ok(None), _) => line(
                Health::Doubtful,
                "search",
                "never filled: `offramp reindex`, or start the server",
            ),
            (Err(e), _) => line(
                Health::Bad,
                "search",
                format!("{e}. Run `offramp reindex`."),
            ),
            (_, Err(e)) => line(Health::Bad, "search", e.to_string()),
        },
    );
    lines.push(mail(config));
    lines.push(x(config, &app));
    lines
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
    line(
        Health::Good,
        "site",
        format!("{} at {}", config.site.name, config.site.url),
    )
}

fn data_folder(config: &Config) -> Line {
    let dir = &config.server.data_dir;
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    let wrote = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&probe, b"x"))
        .and_then(|()| std::fs::remove_file(&probe));
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

fn mail(config: &Config) -> Line {
    match config.mail.transport {
        MailTransport::Off => line(
            Health::Doubtful,
            "mail",
            "switched off: nobody can register or get an answer. Set `mail.transport`.",
        ),
        MailTransport::Folder => line(
            Health::Doubtful,
            "mail",
            format!("written to {}, not sent", config.mail.folder.display()),
        ),
        MailTransport::Smtp => {
            let checked = boot::smtp_settings(&config.mail);
            match transport::Smtp::new(&checked).and_then(|smtp| smtp.check()) {
                Ok(()) => line(
                    Health::Good,
                    "mail",
                    format!(
                        "{}:{} takes our mail",
                        config.mail.smtp_host, config.mail.smtp_port
                    ),
                ),
                Err(e) => line(
                    Health::Bad,
                    "mail",
                    format!("{e}. Check `mail.smtp_host`, `smtp_security` and the password."),
                ),
            }
        }
    }
}

fn x(config: &Config, app: &crate::app::App) -> Line {
    if !config.x.enabled {
        return line(Health::Good, "x", "switched off");
    }
    let secret = app.keys.secret_for("networks");
    let connector = XConnector::new(config.x.clone(), &secret, app.db.clone(), app.clock.clone());
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

//! The demo's folder, configuration and stand-in for X. Nothing in it leaves this machine.

use std::path::{Path, PathBuf};

use super::content::Community;
use super::feed::Progress;
use crate::config::{Config, MailTransport, Secret};
use crate::error::{Error, Result};
use crate::files;
use crate::networks::x::sandbox::{self, Running, SandboxConfig};

/// Where and how the demo runs.
#[derive(Clone, Debug)]
pub struct Options {
    pub dir: PathBuf,
    pub port: u16,
    pub x_port: u16,
    /// Begin again with an empty folder.
    pub fresh: bool,
    /// Let no complaints arrive by themselves.
    pub still: bool,
}

/// Marks a folder as the demo's, so that `--fresh` never empties another.
const MARK: &str = ".offramp-demo";
const MARK_TEXT: &[u8] = b"This folder is the demo's; `--fresh` empties it.\n";

/// Makes the folder, or empties it when the demo is to begin again.
pub fn folder(options: &Options) -> Result<()> {
    let dir = &options.dir;
    let mark = dir.join(MARK);
    let failed = |e| Error::io(format!("preparing {}", dir.display()), e);
    if options.fresh && std::env::var_os("DATABASE_URL").is_some() {
        return Err(Error::other(
            "--fresh empties the demo's folder, not the database that DATABASE_URL names. Name an \
             empty one, or leave DATABASE_URL out.",
        ));
    }
    if dir.exists() {
        let is_empty = dir.read_dir().map_err(failed)?.next().is_none();
        if !is_empty && !mark.exists() {
            return Err(Error::other(format!(
                "{} was not made by the demo, which leaves it as it is. Choose another folder with \
                 --dir.",
                dir.display()
            )));
        }
        if options.fresh {
            std::fs::remove_dir_all(dir).map_err(failed)?;
        }
    }
    files::make_dir(dir).map_err(failed)?;
    files::write(&mark, MARK_TEXT).map_err(failed)
}

/// Takes away the database of a first start that was interrupted while it was filled: nobody has
/// worked with it. To be called under the server's lock. Whether there was one.
pub fn forget_unfinished(options: &Options, config: &Config) -> Result<bool> {
    let database = Path::new(config.database.url.expose());
    // One that DATABASE_URL names is not the demo's alone.
    if !database.starts_with(&options.dir) || Progress::was_kept(&options.dir) {
        return Ok(false);
    }
    let mut found = false;
    for end in ["", "-wal", "-shm"] {
        let file = format!("{}{end}", database.display());
        match std::fs::remove_file(&file) {
            Ok(()) => found = true,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(format!("removing {file}"), e)),
        }
    }
    Ok(found)
}

/// Starts the stand-in for X, which remembers its posts in the demo's folder.
pub fn stand_in(options: &Options, community: &Community) -> Result<Running> {
    let company = &community.company;
    let mut config = SandboxConfig::for_brand(&company.x_username, &company.x_display_name);
    config.brand_id = company.x_user_id.parse().map_err(Error::other)?;
    config.journal = Some(options.dir.join("x.jsonl"));
    sandbox::start(config, &format!("127.0.0.1:{}", options.x_port)).map_err(|e| {
        Error::io(
            format!(
                "starting the stand-in for X on port {} (see --x-port)",
                options.x_port
            ),
            e,
        )
    })
}

/// The configuration of the company's Offramp. `DATABASE_URL` may put it on PostgreSQL.
pub fn config(options: &Options, community: &Community, x: &Running) -> Config {
    let dir = |name: &str| -> PathBuf { Path::new(&options.dir).join(name) };
    let mut config = Config::default();
    config.site.name = community.company.name.clone();
    config.site.url = format!("http://127.0.0.1:{}", options.port);
    config.server.listen = format!("127.0.0.1:{}", options.port);
    config.server.data_dir = dir("data");
    config.database.url = Secret::new(
        std::env::var("DATABASE_URL").unwrap_or_else(|_| dir("offramp.db").display().to_string()),
    );
    config.search.dir = dir("search-index");
    config.mail.transport = MailTransport::Folder;
    config.mail.folder = dir("mail");
    config.mail.from = community.company.support_email.clone();
    config.x = x.x_settings();
    // The stand-in, as X, allows 450 polls in 15 minutes.
    config.x.poll_seconds = 3;
    config.x.search_poll_seconds = 4;
    config.x.search_query = search_query(community);
    config.x.caps.replies = 100.0;
    config.x.caps.search = 100.0;
    // Everybody in the demo comes from the same address.
    config.limits.log_ins_per_minute = 100;
    config.limits.registrations_per_hour = 1_000;
    config.limits.contacts_per_hour = 1_000;
    config.limits.claims_per_minute = 1_000;
    config.limits.searches_per_minute = 1_000;
    config
}

/// The name of the configuration file in the demo's folder.
pub const CONFIG_FILE: &str = "offramp.toml";

/// Writes what the other commands need to work on the demo (`offramp --config FILE check`).
/// `DATABASE_URL`, where it was given, is left to the environment.
pub fn write_config(options: &Options, config: &Config) -> Result<()> {
    let file = options.dir.join(CONFIG_FILE);
    let failed = |e| Error::io(format!("writing {}", file.display()), e);
    let whole = |path: &Path| -> std::io::Result<toml::Value> {
        Ok(std::path::absolute(path)?.display().to_string().into())
    };
    let mut sections: Vec<(&str, toml::Table)> = vec![
        (
            "site",
            table([
                ("name", config.site.name.clone().into()),
                ("url", config.site.url.clone().into()),
            ]),
        ),
        (
            "server",
            table([
                ("listen", config.server.listen.clone().into()),
                ("data_dir", whole(&config.server.data_dir).map_err(failed)?),
            ]),
        ),
        (
            "search",
            table([("dir", whole(&config.search.dir).map_err(failed)?)]),
        ),
        (
            "mail",
            table([
                ("transport", "folder".into()),
                ("folder", whole(&config.mail.folder).map_err(failed)?),
                ("from", config.mail.from.clone().into()),
            ]),
        ),
    ];
    if std::env::var_os("DATABASE_URL").is_none() {
        let path = whole(Path::new(config.database.url.expose())).map_err(failed)?;
        sections.push(("database", table([("url", path)])));
    }
    let tables: toml::Table = sections
        .into_iter()
        .map(|(name, keys)| (name.to_owned(), keys.into()))
        .collect();
    let text = format!("# Written by the demo at each start.\n\n{tables}");
    files::write(&file, text.as_bytes()).map_err(failed)
}

fn table<const N: usize>(keys: [(&str, toml::Value); N]) -> toml::Table {
    keys.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn search_query(community: &Community) -> String {
    let company = &community.company;
    let terms: Vec<String> = company
        .search_terms
        .iter()
        .map(|t| format!("\"{t}\""))
        .collect();
    format!(
        "({}) -from:{} -is:retweet",
        terms.join(" OR "),
        company.x_username
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_the_demos_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("offramp.db");
        let options = |fresh| Options {
            dir: dir.path().to_owned(),
            port: 1,
            x_port: 2,
            fresh,
            still: true,
        };
        std::fs::write(&theirs, "theirs").unwrap();
        assert!(folder(&options(false)).is_err() && folder(&options(true)).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::remove_file(&theirs).unwrap();
        folder(&options(false)).unwrap();
        folder(&options(true)).unwrap();
    }

    #[test]
    fn what_a_first_start_did_not_finish_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            dir: dir.path().to_owned(),
            port: 1,
            x_port: 2,
            fresh: false,
            still: true,
        };
        let mut config = Config::default();
        let file = dir.path().join("offramp.db");
        config.database.url = Secret::new(file.display().to_string());
        assert!(!forget_unfinished(&options, &config).unwrap());
        std::fs::write(&file, "half").unwrap();
        assert!(forget_unfinished(&options, &config).unwrap());
        assert!(!file.exists());
        std::fs::write(&file, "whole").unwrap();
        Progress::default().save(dir.path()).unwrap();
        assert!(!forget_unfinished(&options, &config).unwrap());
        assert!(file.exists());
    }
}

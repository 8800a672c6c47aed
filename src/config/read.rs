//! Reads the configuration: the file, then the environment.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, ConfigError, Secret, checks};

impl Config {
    /// Reads `file` (defaults when `None`), then the environment.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            // A name that is no text is none of ours.
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => environment.push((name, value)),
                Err(_) if key_of(&name).is_none() => {}
                Err(_) => {
                    return Err(ConfigError(format!(
                        "The environment variable {name} is not UTF-8 text."
                    )));
                }
            }
        }
        Self::load_with(file, environment)
    }

    /// As `load`, with the environment given by the caller.
    pub fn load_with(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut origins: BTreeMap<String, String> = BTreeMap::new();
        let mut table = match file {
            None => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    ConfigError(format!(
                        "{} can't be read ({e}). Check the path given with --config; \
                         offramp.example.toml is a start to copy.",
                        path.display()
                    ))
                })?;
                text.parse::<toml::Table>()
                    .map_err(|e| ConfigError(unreadable(path, &text, &e)))?
            }
        };
        for (name, value) in environment {
            let Some(key) = key_of(&name) else { continue };
            set(&mut table, &key, &value)
                .map_err(|e| ConfigError(format!("The environment variable {name}: {e}")))?;
            origins.insert(key, format!("the environment variable {name}"));
        }
        let origin_of = |key: &str| {
            origins.get(key).cloned().unwrap_or_else(|| match file {
                Some(path) => path.display().to_string(),
                None => "the defaults".to_owned(),
            })
        };
        let mut config: Config = serde_path_to_error::deserialize(toml::Value::Table(table))
            .map_err(|e| {
                let key = e.path().to_string();
                let why = if is_secret(&key) {
                    "it must be text in quotes".to_owned()
                } else {
                    in_words(&key, e.inner().message())
                };
                ConfigError(format!(
                    "The setting `{key}`, from {}, can't be used: {why}. offramp.example.toml \
                     explains every key.",
                    origin_of(&key),
                ))
            })?;
        checks::check(&config, &origin_of)?;
        config.site.url = checks::origin(&config.site.url).unwrap_or(config.site.url);
        if let Some(dir) = file.and_then(Path::parent) {
            config.begin_paths_at(dir);
        }
        Ok(config)
    }

    /// An empty `dir` is the current folder.
    fn begin_paths_at(&mut self, dir: &Path) {
        if !self.is_postgres() {
            let path = dir.join(self.database.url.expose());
            self.database.url = Secret::new(path.to_string_lossy());
        }
        let paths = [
            &mut self.server.data_dir,
            &mut self.search.dir,
            &mut self.mail.folder,
        ];
        let authorities = self
            .mailboxes
            .values_mut()
            .map(|mailbox| &mut mailbox.ca_file);
        let optional = authorities.chain([&mut self.database.ca_file]).flatten();
        let key_file =
            Some(&mut self.mail.dkim_key_file).filter(|path| !path.as_os_str().is_empty());
        let model = Some(&mut self.sentence_model.dir).filter(|path| !path.as_os_str().is_empty());
        for path in paths
            .into_iter()
            .chain(optional)
            .chain(key_file)
            .chain(model)
        {
            *path = dir.join(&*path);
        }
    }
}

/// The key that an environment variable sets, if it is one of ours. `OFFRAMP_CONFIG` names the
/// configuration file itself.
fn key_of(variable: &str) -> Option<String> {
    match variable {
        "DATABASE_URL" => Some("database.url".into()),
        "OFFRAMP_CONFIG" => None,
        _ => variable
            .strip_prefix("OFFRAMP_")
            .map(|rest| rest.to_lowercase().replace("__", ".")),
    }
}

/// Whether the value of a key must not be shown.
fn is_secret(key: &str) -> bool {
    key == "database.url"
        || ["secret", "password", "token", "consumer_key", "signing_key"]
            .iter()
            .any(|word| key.contains(word))
}

/// Why `text` is not TOML, and where. Never a line itself: it may hold a password.
fn unreadable(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let span = error.span().unwrap_or(0..0);
    let place = format!("{}, {}", path.display(), position(text, span.start));
    if error.message() == "duplicate key" {
        let key = text.get(span).unwrap_or_default();
        return format!(
            "{place}: `{key}` is there for the second time. Keep one of the two, with the value \
             that you want."
        );
    }
    format!(
        "{place}: {}. Strings need quotes; compare with offramp.example.toml.",
        error.message()
    )
}

/// What the value of `key` must be, from what serde says of it in the names of our types.
fn in_words(key: &str, message: &str) -> String {
    let told = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let Some((found, expected)) = told else {
        return message.to_owned();
    };
    let wanted = match expected {
        "usize" | "u16" | "u32" | "u64" | "i64" => whole_number(key),
        "f64" => "an amount in US dollars, like 0.5",
        "a boolean" => "true or false, without quotes",
        "a string" | "path string" | "string or table" => "text in quotes",
        other if other.starts_with("struct ") => "a section, with keys of its own",
        other => other,
    };
    // serde says what it found as `string "a"`, `integer `1``, `sequence`.
    let found = match found.split_once([' ', '`']) {
        _ if found == "sequence" => "a list",
        _ if found == "map" => "a section",
        Some(("string", text)) => text,
        Some(_) => found
            .trim_end_matches('`')
            .rsplit('`')
            .next()
            .unwrap_or(found),
        None => found,
    };
    format!("it must be {wanted}, and is {found}")
}

fn whole_number(key: &str) -> &'static str {
    if key.ends_with("_seconds") {
        "a whole number of seconds"
    } else if key.ends_with("_hours") {
        "a whole number of hours"
    } else if key.ends_with("_bytes_max") {
        "a whole number of bytes"
    } else if key.ends_with("_port") {
        "the number of a port, up to 65535"
    } else {
        "a whole number, 0 or more"
    }
}

/// `line 3, column 7` of a byte of `text`.
fn position(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    format!(
        "line {}, column {}",
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1
    )
}

/// Sets `a.b` in `table`, as a number or boolean where the text is one and the key wants one.
fn set(table: &mut toml::Table, key: &str, value: &str) -> Result<(), String> {
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts
        .pop()
        .filter(|l| !l.is_empty())
        .ok_or("names no setting.")?;
    let mut at = table;
    for part in parts {
        at = at
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| format!("`{part}` is a value, not a section."))?;
    }
    let parsed = if wants_text(key) {
        toml::Value::String(value.to_owned())
    } else if let Ok(b) = value.parse::<bool>() {
        toml::Value::Boolean(b)
    } else if let Ok(i) = value.parse::<i64>() {
        if wants_decimal(key) {
            toml::Value::Float(i as f64)
        } else {
            toml::Value::Integer(i)
        }
    } else if let Ok(f) = value.parse::<f64>() {
        toml::Value::Float(f)
    } else {
        toml::Value::String(value.to_owned())
    };
    at.insert(last.to_owned(), parsed);
    Ok(())
}

fn wants_decimal(key: &str) -> bool {
    key.starts_with("x.prices.") || key.starts_with("x.caps.") || key == "x.reply_link_cost_max"
}

fn wants_text(key: &str) -> bool {
    const NOT_TEXT: &[&str] = &[
        "server.workers",
        "server.job_workers",
        "server.behind_proxy",
        "database.readers",
        "mail.smtp_port",
        "mail.inbound_bytes_max",
        "mail.notices_per_hour_max",
        "x.enabled",
        "x.poll_seconds",
        "x.search_poll_seconds",
        "x.pages_max",
        "x.first_hours",
        "x.timeout_seconds",
        "x.owned_app",
    ];
    let of_mailbox = key.starts_with("mailboxes.")
        && [".port", ".poll_seconds"]
            .iter()
            .any(|end| key.ends_with(end));
    !(NOT_TEXT.contains(&key) || of_mailbox || wants_decimal(key) || key.starts_with("limits."))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn from_env(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load_with(
            None,
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        )
    }

    #[test]
    fn the_environment_wins_and_keeps_digits_as_text_where_text_is_wanted() {
        let config = from_env(&[
            ("OFFRAMP_SERVER__LISTEN", "127.0.0.1:9"),
            ("OFFRAMP_X__USER_ID", "42"),
            ("OFFRAMP_X__CAPS__SEARCH", "1"),
            ("DATABASE_URL", "postgres://a/b"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:9");
        assert_eq!(config.x.user_id, "42");
        assert_eq!(config.x.caps.search, 1.0);
        assert!(config.is_postgres());
    }

    #[test]
    fn relative_paths_begin_at_the_folder_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("offramp.toml");
        std::fs::write(&file, "[database]\nca_file = \"/etc/ca.pem\"\n").unwrap();
        let data_dir = ("OFFRAMP_SERVER__DATA_DIR".to_owned(), "here".to_owned());
        let config = Config::load_with(Some(&file), [data_dir]).unwrap();
        let at = |path: &str| dir.path().join(path);
        assert_eq!(config.server.data_dir, at("here"));
        assert_eq!(config.search.dir, at("search-index"));
        assert_eq!(config.mail.folder, at("data/mail"));
        assert_eq!(
            Path::new(config.database.url.expose()),
            at("data/offramp.db")
        );
        assert_eq!(config.database.ca_file, Some("/etc/ca.pem".into()));
        assert_eq!(from_env(&[]).unwrap().search.dir, Path::new("search-index"));
    }

    #[test]
    fn errors_name_the_key_its_origin_and_the_remedy() {
        let e = from_env(&[("OFFRAMP_SERVER__LISTEN", "here")])
            .unwrap_err()
            .to_string();
        assert!(e.contains("server.listen"), "{e}");
        assert!(e.contains("OFFRAMP_SERVER__LISTEN"), "{e}");
        assert!(e.contains("127.0.0.1:8080"), "{e}");
        let e = from_env(&[("OFFRAMP_SERVER__LISTNE", "x")])
            .unwrap_err()
            .to_string();
        assert!(e.contains("listne"), "{e}");
    }

    #[test]
    fn the_variable_that_names_the_file_is_no_setting() {
        assert!(from_env(&[("OFFRAMP_CONFIG", "/etc/offramp.toml")]).is_ok());
    }

    #[test]
    fn a_mistake_is_told_by_its_place_and_not_by_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in [
            "[mail]\nsmtp_password = hunter2\n",
            "[mail]\nsmtp_password = 'hunter2\n",
            "[database]\nurl = [\"hunter2\"]\n",
        ] {
            std::fs::write(file.path(), text).unwrap();
            let e = Config::load_with(Some(file.path()), Vec::new()).unwrap_err();
            assert!(!e.to_string().contains("hunter2"), "{e}");
            let place = if text.contains("[\"") {
                "database.url"
            } else {
                "line 2, column"
            };
            assert!(e.to_string().contains(place), "{e}");
        }
    }

    #[test]
    fn a_wrong_kind_of_value_is_told_in_the_operators_words() {
        for (name, value, words) in [
            (
                "SERVER__WORKERS",
                "two",
                "a whole number, 0 or more, and is \"two\"",
            ),
            (
                "SERVER__WORKERS",
                "-1",
                "a whole number, 0 or more, and is -1",
            ),
            (
                "SERVER__WORKERS",
                "1.5",
                "a whole number, 0 or more, and is 1.5",
            ),
            ("SERVER__BEHIND_PROXY", "yes", "true or false"),
            (
                "MAIL__SMTP_PORT",
                "70000",
                "a port, up to 65535, and is 70000",
            ),
            (
                "X__POLL_SECONDS",
                "1m",
                "a whole number of seconds, and is \"1m\"",
            ),
            (
                "X__FIRST_HOURS",
                "true",
                "a whole number of hours, and is true",
            ),
            (
                "LIMITS__UPLOAD_BYTES_MAX",
                "10MB",
                "a whole number of bytes",
            ),
            ("LIMITS__POSTS_PER_MINUTE", "9999999999", "a whole number"),
            ("X__CAPS__MONTH", "$5", "an amount in US dollars"),
            ("X__CAPS__MONTH", "-5", "from 0 to 1000000"),
            ("X__CAPS__REPLIES", "nan", "from 0 to 1000000"),
            ("MAIL__TRANSPORT", "post", "`smtp`, `folder`"),
        ] {
            let e = from_env(&[(&format!("OFFRAMP_{name}"), value)]);
            let e = e.unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, words) in [
            ("[site]\nname = 5\n", "`site.name`"),
            ("[site]\nname = 5\n", "must be text in quotes, and is 5"),
            ("site = 5\n", "must be a section"),
            ("[x.caps]\nmonth = [1]\n", "and is a list"),
            (
                "[server]\ndata_dir = true\n",
                "must be text in quotes, and is true",
            ),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let e = Config::load_with(Some(file.path()), Vec::new()).unwrap_err();
            assert!(e.to_string().contains(words), "{e}");
        }
    }

    #[test]
    fn what_is_there_twice_is_named_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, words) in [
            (
                "[mail]\nsmtp_password = \"a\"\nsmtp_password = \"b\"\n",
                "line 3, column 1: `smtp_password`",
            ),
            (
                "[x]\nenabled = true\n\n[mail]\n\n[x]\n",
                "line 6, column 2: `x`",
            ),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let e = Config::load_with(Some(file.path()), Vec::new()).unwrap_err();
            assert!(e.to_string().contains(words), "{e}");
            assert!(e.to_string().contains("second time"), "{e}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let config = from_env(&[
            ("DATABASE_URL", "postgres://u:hunter2@h/d"),
            ("OFFRAMP_CONFIG", "/etc/offramp.toml"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

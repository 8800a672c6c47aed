//! Mentions that come as files, as pasted addresses or words, and out of the intake once more.

use std::io::{BufRead, Cursor};

use super::capture::{self, BATCH_MENTIONS_MAX, Captured};
use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::IntakeId;
use crate::keys;
use crate::networks::import::Import;
use crate::networks::x::intent;
use crate::networks::{Account, Network, NetworkError, PostAddress, PostKind, Problem, PublicPost};

/// Longest pasted text (characters).
pub const TEXT_CHARS_MAX: usize = 25_000;
/// Rows of the intake that are looked at together.
const REPLAY_ROWS: i64 = 20;
/// What could not be read is named up to this many times.
const PROBLEMS_MAX: usize = 50;

/// What an import brought.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Imported {
    #[serde(flatten)]
    pub captured: Captured,
    /// What could not be read; the first of many.
    pub problems: Vec<Problem>,
    pub problem_count: usize,
    /// Rows kept as imported posts because they name no network.
    pub unnamed: usize,
    /// Rows dated at the import because they tell no time.
    pub undated: usize,
}

impl Imported {
    /// Whether there was something to take in and none of it could be.
    pub fn is_refused(&self) -> bool {
        let c = self.captured;
        self.problem_count > 0 && c.stored + c.known + c.edited + c.ignored == 0
    }

    fn note(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

/// Our own account, by which our posts and those that name us are told.
fn ours(app: &App) -> Option<Account> {
    if let Some(connector) = app.connector(Network::X) {
        return connector.account().ok();
    }
    let x = &app.config.x;
    (!x.username.is_empty()).then(|| Account {
        id: x.user_id.clone(),
        username: x.username.clone(),
        display_name: x.username.clone(),
    })
}

/// Reads a saved file, of any size, part by part: each part is in the intake before its posts
/// are stored, so that an import that was killed can be run again.
pub fn import(app: &App, source: impl BufRead, name: &str) -> Result<Imported> {
    let mut imported = Imported::default();
    let mut posts: Vec<PublicPost> = Vec::new();
    let mut is_empty = true;
    let mut items = Import::new(source, ours(app), app.now());
    for item in items.by_ref() {
        is_empty = false;
        match item {
            Ok(post) => posts.push(post),
            Err(problem) => imported.note(problem),
        }
        if posts.len() >= BATCH_MENTIONS_MAX {
            keep(app, &mut posts, name, &mut imported)?;
        }
    }
    keep(app, &mut posts, name, &mut imported)?;
    imported.unnamed = items.unnamed();
    imported.undated = items.undated();
    if is_empty {
        imported.note(Problem {
            place: "the file".to_owned(),
            reason: "holds no posts".to_owned(),
        });
    }
    Ok(imported)
}

/// Each network's posts together: a page of the intake is of one channel.
fn keep(app: &App, posts: &mut Vec<PublicPost>, name: &str, imported: &mut Imported) -> Result<()> {
    let source = format!("import:{name}");
    while let Some(network) = posts.first().map(|post| post.network) {
        let (these, others): (Vec<_>, Vec<_>) =
            posts.drain(..).partition(|post| post.network == network);
        let raws: Vec<&str> = these.iter().map(|p| p.raw.as_str()).collect();
        let raw = format!("[{}]", raws.join(","));
        let captured = capture::capture(app, network, &these, &source, raw.as_bytes(), &[])?;
        imported.captured.add(captured);
        *posts = others;
    }
    Ok(())
}

/// What came of a pasted address or text.
#[derive(Clone, Debug)]
pub enum Added {
    Stored(Captured),
    /// The address is that of no post on a network that we read.
    UnknownAddress,
    /// It is a post of X, which is switched off.
    SwitchedOff,
    /// The post is deleted, or hidden from us.
    Gone,
    Empty,
    Network(NetworkError),
}

/// Takes in one post by its address, or words that somebody said elsewhere.
pub fn add(app: &App, what: &str) -> Result<Added> {
    let what = what.trim();
    if what.is_empty() {
        return Ok(Added::Empty);
    }
    let is_of_x = intent::parse_post_address(what, None).is_some();
    let is_address = !what.contains(char::is_whitespace)
        && (is_of_x || what.starts_with("http://") || what.starts_with("https://"));
    if !is_address {
        return add_text(app, what).map(Added::Stored);
    }
    for connector in &app.connectors {
        let Some(PostAddress { id, .. }) = connector.read_address(what) else {
            continue;
        };
        let looked = match connector.lookup(&[id]) {
            Ok(looked) => looked,
            Err(error) => return Ok(Added::Network(error)),
        };
        if looked.found.is_empty() {
            return Ok(Added::Gone);
        }
        let raws: Vec<&str> = looked.found.iter().map(|p| p.raw.as_str()).collect();
        let raw = format!("[{}]", raws.join(","));
        let network = connector.network();
        let captured =
            capture::capture(app, network, &looked.found, "address", raw.as_bytes(), &[])?;
        return Ok(Added::Stored(captured));
    }
    Ok(if is_of_x {
        Added::SwitchedOff
    } else {
        Added::UnknownAddress
    })
}

fn add_text(app: &App, text: &str) -> Result<Captured> {
    let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let id = format!("text-{}", &keys::digest(text.as_bytes())[..16]);
    let raw = serde_json::json!({"id": id, "text": text, "network": "import"}).to_string();
    let post = PublicPost {
        network: Network::Import,
        first_id: id.clone(),
        conversation_id: id.clone(),
        id,
        author: None,
        text,
        in_reply_to_post_id: None,
        in_reply_to_user_id: None,
        quoted_post_id: None,
        kind: PostKind::Post,
        language: None,
        url: None,
        posted_at: app.now(),
        ours: false,
        // Whoever pastes it says that it concerns us.
        summoned: true,
        raw: raw.clone(),
    };
    capture::capture(app, Network::Import, &[post], "text", raw.as_bytes(), &[])
}

/// Works through what stayed in the intake: pages that could not be read, or whose process was
/// killed; and has failed mentions judged again.
pub fn replay(app: &App) -> Result<Imported> {
    let channels = store::page_channels();
    let mut imported = Imported::default();
    let mut after = 0;
    loop {
        let rows = app
            .db
            .read(|c| store::open_intake(c, &channels, after, REPLAY_ROWS))?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in &rows {
            let mut posts = Vec::new();
            let mut problems = Vec::new();
            for item in Import::new(Cursor::new(&row.body), ours(app), app.now()) {
                match item {
                    Ok(post) => posts.push(post),
                    Err(problem) => problems.push(problem),
                }
            }
            let id = IntakeId(row.id);
            match capture::store_posts(app, &posts, &row.source, Some(id)) {
                Ok(captured) => imported.captured.add(captured),
                // Trouble of the store is none of this row's.
                Err(error) if error.store_trouble().is_some() => return Err(error),
                Err(error) => {
                    tracing::warn!(intake = %id, %error, "a page could not be stored");
                    problems.push(Problem {
                        place: row.source.clone(),
                        reason: error.to_string(),
                    });
                }
            }
            let now = app.now();
            let error: Vec<String> = problems.iter().map(ToString::to_string).collect();
            app.db.write(|tx| match error.as_slice() {
                [] => store::set_intake(tx, id, store::INTAKE_DONE, None, now),
                some => {
                    store::set_intake(tx, id, store::INTAKE_FAILED, Some(&some.join("; ")), now)
                }
            })?;
            problems.into_iter().for_each(|p| imported.note(p));
        }
    }
    let now = app.now();
    app.db.write(|tx| {
        if store::retry_failed(tx)? > 0 {
            crate::jobs::enqueue(tx, now, &super::judge::JudgeMentions::default())?;
        }
        Ok(())
    })?;
    Ok(imported)
}

/// Opens a file for `import`.
pub fn open(path: &std::path::Path) -> Result<std::io::BufReader<std::fs::File>> {
    let file = std::fs::File::open(path)
        .map_err(|e| Error::io(format!("opening {}", path.display()), e))?;
    Ok(std::io::BufReader::new(file))
}

//! Lets the customers of the demo post on the stand-in for X, and the community go on: answers
//! to open questions, known issues fixed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::content::{Community, LaterAct, StreamPost};
use super::people::acting;
use crate::app::App;
use crate::error::{Error, Result};
use crate::files;
use crate::forum::{self, accept_answer, post_reply, set_kind};
use crate::ids::ThreadId;
use crate::networks::x::sandbox::{NewPost, Sandbox};

/// How far the demo has come; kept in its folder, so that a second start continues.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Lines of the stream that were posted, with the ids they got.
    pub posted: Vec<u64>,
    /// Acts of `answers.jsonl` that were done.
    pub acted: usize,
    /// Time the demo has run, over all its starts (ms).
    pub ran_ms: u64,
    /// Ids of the seeded threads, by the stem of their file.
    pub threads: HashMap<String, i64>,
    /// Ids of the seeded users, by name.
    pub users: HashMap<String, i64>,
}

const FILE: &str = "progress.json";

impl Progress {
    /// As the last start left it; `None` when the folder is new.
    pub fn load(dir: &Path) -> Option<Progress> {
        serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
    }

    /// Whether the folder's demo has begun, even if what was kept of it can't be read.
    pub fn was_kept(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// Keeps it in the folder.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let file = dir.join(FILE);
        let bytes = serde_json::to_vec(self).map_err(Error::other)?;
        let part = file.with_extension("part");
        files::write(&part, &bytes)
            .and_then(|()| std::fs::rename(&part, &file))
            .map_err(|e| Error::io(format!("writing {}", file.display()), e))
    }
}

/// Feeds one demo.
pub struct Feed<'a> {
    app: &'a App,
    x: &'a Sandbox,
    community: &'a Community,
    dir: PathBuf,
    pub progress: Progress,
}

impl<'a> Feed<'a> {
    /// Goes on from `progress`, which is kept in `dir`.
    pub fn new(
        app: &'a App,
        x: &'a Sandbox,
        community: &'a Community,
        dir: &Path,
        progress: Progress,
    ) -> Self {
        Feed {
            app,
            x,
            community,
            dir: dir.to_owned(),
            progress,
        }
    }

    /// Whether every customer has posted and everybody has acted.
    pub fn is_done(&self) -> bool {
        self.progress.posted.len() >= self.community.stream.len()
            && self.progress.acted >= self.community.later.len()
    }

    /// Does what is due after `ran_ms`, when a post is made every `every_ms` and acts come at
    /// `pace` times their speed.
    pub fn tick(&mut self, ran_ms: u64, every_ms: u64, pace: f64) -> Result<()> {
        self.progress.ran_ms = ran_ms;
        while let Some(line) = self.community.stream.get(self.progress.posted.len())
            && (self.progress.posted.len() as u64 + 1) * every_ms <= ran_ms
        {
            let id = self.post(line)?;
            self.progress.posted.push(id);
        }
        while let Some(act) = self.community.later.get(self.progress.acted)
            && act.after_seconds() as f64 * 1_000.0 <= ran_ms as f64 * pace
        {
            self.act(act)?;
            self.progress.acted += 1;
        }
        self.progress.save(&self.dir)
    }

    fn post(&self, line: &StreamPost) -> Result<u64> {
        let of = line
            .reply_to_line
            .and_then(|n| self.progress.posted.get(n.checked_sub(1)?))
            .copied();
        let post = NewPost {
            username: line.author.username.clone(),
            name: Some(line.author.name.clone()),
            followers: Some(i64::from(line.author.followers)),
            text: line.text.clone(),
            in_reply_to: of.filter(|_| line.kind == "reply"),
            quote_of: of.filter(|_| line.kind == "quote"),
            repost_of: of.filter(|_| line.kind == "repost"),
            edit_of: of.filter(|_| line.kind == "edit"),
            ..NewPost::default()
        };
        self.x
            .post(post)
            .map_err(|e| Error::other(format!("the stand-in for X: {e}")))
    }

    fn thread(&self, stem: &str) -> Option<ThreadId> {
        self.progress.threads.get(stem).copied().map(ThreadId)
    }

    fn act(&self, act: &LaterAct) -> Result<()> {
        match act {
            LaterAct::Answer {
                thread,
                author,
                body,
                official,
                accept,
                ..
            } => {
                let Some(id) = self.thread(thread) else {
                    return Ok(());
                };
                let by = acting(self.app, &self.progress, author)?;
                let typed = post_reply::Typed {
                    body: body.clone(),
                    official: *official,
                    request_key: format!("demo-{thread}-{author}"),
                    ..Default::default()
                };
                let outcome = post_reply::post_reply(self.app, &by, id, &typed)?;
                if let (true, post_reply::Outcome::Posted(place)) = (*accept, outcome) {
                    let asker = self
                        .community
                        .threads
                        .iter()
                        .find(|t| t.stem == *thread)
                        .map(|t| t.author.clone())
                        .unwrap_or_default();
                    let asker = acting(self.app, &self.progress, &asker)?;
                    let post = self
                        .app
                        .db
                        .read(|c| forum::store::post_at(c, id, place.post))?;
                    if let Some(post) = post {
                        accept_answer::accept_answer(self.app, &asker, post, true)?;
                    }
                }
            }
            LaterAct::Fixed {
                thread,
                author,
                body,
                fixed_in,
                ..
            } => {
                let Some(id) = self.thread(thread) else {
                    return Ok(());
                };
                let by = acting(self.app, &self.progress, author)?;
                let typed = post_reply::Typed {
                    body: body.clone(),
                    official: true,
                    request_key: format!("demo-fixed-{thread}"),
                    ..Default::default()
                };
                post_reply::post_reply(self.app, &by, id, &typed)?;
                set_kind::mark_fixed(self.app, &by, id, fixed_in, "")?;
            }
        }
        Ok(())
    }
}

//! `GET /post/{id}/history`: what a post said before, and what each edit changed.

use actix_web::{HttpRequest, web};
use askama::Template;
use imara_diff::{Algorithm, Diff, InternedInput, Token};

use super::check_search;
use crate::app::App;
use crate::error::Result;
use crate::forum::store::{self, RevisionLine, reading};
use crate::forum::{Place, Post, Thread, policy};
use crate::ids::PostId;
use crate::people::Viewer;
use crate::web::{Answer, Failure, Page, Query, When, blocking, html};

/// States of a post on one page; each is compared with the one before.
const REVISIONS_PER_PAGE: usize = 20;

struct Revision {
    line: RevisionLine,
    when: When,
    /// The difference to the revision before: runs of text, kept, gone or added. None when it is
    /// hidden from this reader.
    runs: Vec<Run>,
    is_hidden: bool,
    can_hide: bool,
}

struct Run {
    /// `same`, `gone` or `added`.
    kind: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "forum/history.html")]
struct HistoryPage {
    page: Page,
    title: String,
    path: String,
    action: String,
    revisions: Vec<Revision>,
    newer: Option<String>,
    older: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct HistoryQuery {
    /// Only states with a smaller number are shown.
    before: String,
}

/// What is stored about a post whose history somebody may read.
struct Found {
    post: Post,
    thread: Thread,
    moderates: bool,
    /// Newest first; one more than a page has where there are older ones.
    lines: Vec<RevisionLine>,
}

/// A page holds many texts and compares them, so that it counts as a search.
pub async fn history(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<String>,
    query: Query<HistoryQuery>,
) -> Answer {
    let post: PostId = path.parse().map_err(|_| Failure::NotFound)?;
    let before: Option<i64> = query.0.before.parse().ok();
    check_search(&app, &req, &viewer)?;
    let page = blocking(&app, move |app| {
        let found = find(app, &viewer, post, before)?;
        Ok(found.map(|found| shown(app, viewer.page, found, before.is_some())))
    })
    .await?;
    html(&page.ok_or(Failure::NotFound)?)
}

fn find(app: &App, viewer: &Viewer, post: PostId, before: Option<i64>) -> Result<Option<Found>> {
    app.db.read(|conn| {
        let Some(post) = store::post(conn, post)? else {
            return Ok(None);
        };
        let user = viewer.user.as_ref();
        let Some(thread) = store::thread(conn, post.thread)?.filter(|t| policy::can_see(user, t))
        else {
            return Ok(None);
        };
        let moderates = user.is_some_and(|u| policy::can_moderate(u, thread.product));
        if post.deleted_at.is_some() && !moderates {
            return Ok(None);
        }
        let lines = reading::revisions(conn, post.id, before, REVISIONS_PER_PAGE + 1)?;
        Ok(Some(Found {
            post,
            thread,
            moderates,
            lines,
        }))
    })
}

fn shown(app: &App, page: Page, found: Found, is_older_page: bool) -> HistoryPage {
    let now = app.now();
    let Found {
        post,
        thread,
        moderates,
        lines,
    } = found;
    let action = format!("/post/{}/history", post.id);
    let has_older = lines.len() > REVISIONS_PER_PAGE;
    // The text before, as far as this reader may see it.
    let mut before: Option<String> = None;
    let mut revisions = Vec::with_capacity(lines.len());
    for mut line in lines.into_iter().rev() {
        let is_hidden = line.hidden_at.is_some();
        let text = (!is_hidden || moderates).then(|| match &line.title {
            Some(title) => format!("{title}\n\n{}", line.body),
            None => line.body.clone(),
        });
        if text.is_none() {
            // Why it was edited may repeat what it said.
            line.reason.clear();
        }
        revisions.push(Revision {
            when: When::new(line.created_at, now),
            runs: match (&before, &text) {
                (_, None) => Vec::new(),
                (None, Some(text)) => vec![Run {
                    kind: "same",
                    text: text.clone(),
                }],
                (Some(before), Some(text)) => difference(before, text),
            },
            is_hidden,
            can_hide: moderates && line.number <= post.edit_count,
            line,
        });
        before = text;
    }
    revisions.reverse();
    revisions.truncate(REVISIONS_PER_PAGE);
    let place = Place {
        post: post.number,
        ..thread.place()
    };
    HistoryPage {
        page,
        title: thread.title,
        path: place.path(),
        newer: is_older_page.then(|| action.clone()),
        older: revisions
            .last()
            .filter(|_| has_older)
            .map(|oldest| format!("{action}?before={}", oldest.line.number)),
        action,
        revisions,
    }
}

/// What became of the lines of a text. Bounded by itself: where lines repeat so often that an exact
/// comparison would be slow, the algorithm takes a coarser one.
fn difference(before: &str, after: &str) -> Vec<Run> {
    // A last line is the same line when others follow it.
    let [before, after] = [before, after].map(|text| match text {
        "" => String::new(),
        text => format!("{}\n", text.trim_end_matches('\n')),
    });
    let input = InternedInput::new(before.as_str(), after.as_str());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let mut runs = Vec::new();
    let mut push = |kind, lines: &[Token]| {
        let text: String = lines.iter().map(|line| input.interner[*line]).collect();
        if !text.is_empty() {
            runs.push(Run { kind, text });
        }
    };
    let mut after_from = 0;
    for hunk in diff.hunks() {
        let [gone, added] = [&hunk.before, &hunk.after].map(|r| r.start as usize..r.end as usize);
        push("same", &input.after[after_from..added.start]);
        push("gone", &input.before[gone]);
        after_from = added.end;
        push("added", &input.after[added]);
    }
    push("same", &input.after[after_from..]);
    runs
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Far more than a comparison takes, in a build that is not optimised, on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn marked(before: &str, after: &str) -> String {
        difference(before, after)
            .into_iter()
            .map(|run| match run.kind {
                "gone" => format!("[-{}]", run.text),
                "added" => format!("[+{}]", run.text),
                _ => run.text,
            })
            .collect()
    }

    #[test]
    fn a_difference_names_the_lines_that_changed() {
        assert_eq!(marked("a\nb\nc", "a\nx\nc"), "a\n[-b\n][+x\n]c\n");
        assert_eq!(marked("a", "a\nb"), "a\n[+b\n]");
        assert_eq!(marked("a\nb", "a"), "a\n[-b\n]");
        assert_eq!(marked("same", "same\n"), "same\n");
        assert_eq!(marked("", "new"), "[+new\n]");
    }

    #[test]
    fn hostile_texts_are_compared_quickly() {
        let lines = |n: usize, of: &dyn Fn(usize) -> String| -> String { (0..n).map(of).collect() };
        let pairs = [
            ("\n".repeat(30_000), "a\n".repeat(15_000)),
            ("\n".repeat(30_000), "\n".repeat(29_999)),
            (
                lines(15_000, &|n| format!("{}\n", n * 7 % 2)),
                lines(15_000, &|n| format!("{}\n", n * 5 % 3)),
            ),
            (
                lines(6_000, &|n| format!("{}\n", n * n % 997)),
                lines(6_000, &|n| format!("{}\n", n * n * n % 991)),
            ),
            (
                lines(5_000, &|n| format!("{n}\n")),
                lines(5_000, &|n| format!("{}\n", 5_000 - n)),
            ),
        ];
        for (n, (before, after)) in pairs.iter().enumerate() {
            let began = Instant::now();
            difference(before, after);
            assert!(
                began.elapsed() < PATIENCE,
                "pair {n}: {:?}",
                began.elapsed()
            );
        }
    }
}

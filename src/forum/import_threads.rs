//! Threads of another forum, from a file with one JSON object a line.
//!
//! Each thread keeps the id it had there: taking the same file in again doubles nothing. Authors
//! become users who can't log in. Nobody is told of what is old.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use super::store::{self, NewPost, NewThread, followers};
use super::{Product, ThreadKind, ThreadState, Visibility, typed};
use crate::app::App;
use crate::clock::{Moment, SECOND};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::ids::{ProductId, ThreadId, UserId};
use crate::people::{self, Role};
use crate::text::{language, markdown, slug, storable};

/// Threads written in one transaction.
const BATCH: usize = 50;
/// Longest line, in bytes; one that is longer is a problem, and is passed over.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Answers of one thread that are taken in.
const ANSWERS_MAX: usize = 2_000;
/// Problems that are told; the others are counted.
const PROBLEMS_TOLD_MAX: usize = 50;
/// Longest id of another forum, in bytes.
const ID_BYTES_MAX: usize = 200;
/// Longest name of an author, in characters.
const NAME_CHARS_MAX: usize = 40;
/// The author of what names none.
const NOBODY: &str = "unknown";
/// The product of a forum that has none.
const PRODUCT: (&str, &str) = ("imported", "Imported");
/// What marks a thread's key as the id it had in another forum.
pub(super) const KEY_PREFIX: &str = "import:";

/// A thread as a line gives it.
#[derive(Debug, Deserialize)]
struct Line {
    id: Value,
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, alias = "created")]
    created_at: Option<Value>,
    #[serde(default)]
    answers: Vec<Answer>,
    #[serde(default)]
    author: Option<String>,
    /// A product's slug.
    #[serde(default)]
    product: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    body: String,
    #[serde(default)]
    accepted: bool,
    #[serde(default)]
    author: Option<String>,
    #[serde(default, alias = "created")]
    created_at: Option<Value>,
}

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub new: usize,
    /// Threads that were here already.
    pub known: usize,
    /// Lines that could not be used, by number, with why; the first of them.
    pub problems: Vec<(usize, String)>,
    pub problem_count: usize,
}

impl Imported {
    fn refuse(&mut self, line: usize, why: impl Into<String>) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_TOLD_MAX {
            self.problems.push((line, why.into()));
        }
    }
}

/// Takes in the threads of a file. `product` is the slug of the product they are about, for those
/// that name none we have; left out, it is the only product there is, or one made for them. `tell`
/// hears how many lines were read.
pub fn import_threads(
    app: &App,
    source: impl BufRead,
    product: Option<&str>,
    mut tell: impl FnMut(usize),
) -> Result<Imported> {
    let mut imported = Imported::default();
    let now = app.now();
    let known = app.db.write(|tx| products(tx, product, now))?;
    let mut users = HashMap::new();
    let mut batch: Vec<Ready> = Vec::with_capacity(BATCH);
    let mut lines = source;
    let mut number = 0;
    while let Some(line) = next_line(&mut lines)? {
        number += 1;
        match line.and_then(|line| ready(&line, now)) {
            Ok(Some(one)) => batch.push(one),
            Ok(None) => {}
            Err(why) => imported.refuse(number, why),
        }
        if batch.len() == BATCH {
            write(app, &mut batch, &known, &mut users, &mut imported, now)?;
            tell(number);
        }
    }
    write(app, &mut batch, &known, &mut users, &mut imported, now)?;
    tell(number);
    Ok(imported)
}

/// The next line without its end; an error of its own when it is too long or no UTF-8.
fn next_line(source: &mut impl BufRead) -> Result<Option<std::result::Result<String, String>>> {
    let read = |e| Error::io("reading the file", e);
    let mut line = Vec::new();
    let mut is_too_long = false;
    let mut is_any = false;
    loop {
        let buffer = source.fill_buf().map_err(read)?;
        if buffer.is_empty() {
            break;
        }
        is_any = true;
        let end = buffer.iter().position(|b| *b == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        is_too_long |= line.len() + used > LINE_BYTES_MAX;
        if !is_too_long {
            line.extend_from_slice(&buffer[..used]);
        }
        source.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(match (is_any, is_too_long) {
        (false, _) => None,
        (_, true) => Some(Err(format!("longer than {LINE_BYTES_MAX} bytes"))),
        _ => Some(String::from_utf8(line).map_err(|_| "not UTF-8".to_owned())),
    })
}

/// A thread whose words are cleaned.
struct Ready {
    key: String,
    title: String,
    body: String,
    tags: Vec<String>,
    at: Moment,
    author: String,
    product: Option<String>,
    answers: Vec<ReadyAnswer>,
}

struct ReadyAnswer {
    body: String,
    accepted: bool,
    author: String,
    at: Moment,
}

fn ready(line: &str, now: Moment) -> std::result::Result<Option<Ready>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let line: Line = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let id = match &line.id {
        Value::String(id) if !id.trim().is_empty() => id.trim().to_owned(),
        Value::Number(id) => id.to_string(),
        _ => return Err("`id` is neither text nor a number".to_owned()),
    };
    if id.len() > ID_BYTES_MAX {
        return Err(format!("`id` is longer than {ID_BYTES_MAX} bytes"));
    }
    let at = match &line.created_at {
        None | Some(Value::Null) => now,
        Some(at) => moment(at).ok_or_else(|| format!("`created_at` is no time: {at}"))?,
    };
    let title: String = typed::one_line(&storable(&line.title))
        .chars()
        .take(*typed::TITLE_CHARS.end())
        .collect();
    if title.is_empty() {
        return Err("`title` is empty".to_owned());
    }
    let mut answers = Vec::new();
    for answer in line.answers.into_iter().take(ANSWERS_MAX) {
        let body = body(&answer.body);
        if body.trim().is_empty() {
            continue;
        }
        answers.push(ReadyAnswer {
            body,
            accepted: answer.accepted,
            author: name(answer.author.as_deref()),
            at: answer
                .created_at
                .as_ref()
                .and_then(moment)
                .unwrap_or(at)
                .max(at),
        });
    }
    Ok(Some(Ready {
        key: format!("{KEY_PREFIX}{id}"),
        title,
        body: body(&line.body),
        tags: typed::tags(&line.tags.join(","), &mut Vec::new()),
        at: at.min(now),
        author: name(line.author.as_deref()),
        product: line.product,
        answers,
    }))
}

fn body(text: &str) -> String {
    let clean = typed::body(&storable(text), &mut Vec::new());
    clean.chars().take(typed::BODY_CHARS_MAX).collect()
}

fn name(given: Option<&str>) -> String {
    let name: String = typed::one_line(&storable(given.unwrap_or_default()))
        .chars()
        .take(NAME_CHARS_MAX)
        .collect();
    if name.is_empty() {
        NOBODY.to_owned()
    } else {
        name
    }
}

/// A time as files write it: text of RFC 3339 or near it, or seconds since 1970.
fn moment(value: &Value) -> Option<Moment> {
    match value {
        Value::String(text) => Moment::parse(text)
            .or_else(|| Moment::parse(&text.replacen(" +", "+", 1)))
            .or_else(|| Moment::parse(&format!("{}Z", text.trim()))),
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(SECOND).map(Moment),
        _ => None,
    }
}

/// All products, and the one for threads that name none.
struct Products {
    all: Vec<Product>,
    otherwise: ProductId,
}

fn products(tx: &mut Conn, wanted: Option<&str>, now: Moment) -> Result<Products> {
    let all = store::products(tx)?;
    let otherwise = match wanted {
        Some(slug) => all
            .iter()
            .find(|p| p.slug == slug)
            .map(|p| p.id)
            .ok_or_else(|| {
                Error::other(format!(
                    "there is no product `{slug}`; staff make them at /desk"
                ))
            })?,
        None if all.len() == 1 => all[0].id,
        None => match all.iter().find(|p| p.slug == PRODUCT.0) {
            Some(product) => product.id,
            None => store::insert_product(
                tx,
                &store::NewProduct {
                    slug: PRODUCT.0,
                    name: PRODUCT.1,
                    description: "Threads of another forum.",
                    position: i64::try_from(all.len()).unwrap_or(i64::MAX - 1) + 1,
                    brand_terms: &[],
                },
                now,
            )?,
        },
    };
    Ok(Products { all, otherwise })
}

fn write(
    app: &App,
    batch: &mut Vec<Ready>,
    products: &Products,
    users: &mut HashMap<String, UserId>,
    imported: &mut Imported,
    now: Moment,
) -> Result<()> {
    let (new, known, made) = app.db.write(|tx| {
        let mut made = users.clone();
        let mut written: Vec<ThreadId> = Vec::new();
        let mut known = 0;
        for one in batch.iter() {
            if store::thread_of_request(tx, &one.key)?.is_some() {
                known += 1;
                continue;
            }
            written.push(thread(tx, one, products, &mut made)?);
        }
        // Last, and by rising id: appending holds other writers back until the commit.
        for id in &written {
            store::changed(tx, *id, now)?;
        }
        Ok((written.len(), known, made))
    })?;
    *users = made;
    imported.new += new;
    imported.known += known;
    batch.clear();
    Ok(())
}

fn thread(
    tx: &mut Conn,
    one: &Ready,
    products: &Products,
    users: &mut HashMap<String, UserId>,
) -> Result<ThreadId> {
    let author = user(tx, users, &one.author, one.at)?;
    let plain = markdown::to_plain(&one.body);
    let named = one.product.as_deref();
    let product = products.all.iter().find(|p| Some(p.slug.as_str()) == named);
    let new = NewThread {
        product: product.map_or(products.otherwise, |p| p.id),
        topic: None,
        author,
        kind: ThreadKind::Question,
        visibility: Visibility::Public,
        title: &one.title,
        slug: &slug::slug(&one.title),
        language: language::detect(&format!("{}. {plain}", one.title)),
        official: false,
        from: None,
        request_key: Some(&one.key),
        tags: &one.tags,
        body: &one.body,
        body_html: &markdown::render(&one.body).into_string(),
    };
    let id = store::insert_thread(tx, &new, one.at)?;
    followers::follow(tx, id, author, one.at)?;
    let (mut last, mut solved) = (one.at, None);
    for (number, answer) in (2..).zip(&one.answers) {
        let by = user(tx, users, &answer.author, answer.at)?;
        let post = NewPost {
            thread: id,
            author: by,
            number,
            body: &answer.body,
            body_html: &markdown::render(&answer.body).into_string(),
            official: false,
            reply_to: None,
            request_key: None,
        };
        let post = store::insert_post(tx, &post, answer.at)?;
        if answer.accepted
            && let Some(post) = store::post(tx, post)?
        {
            store::set_accepted(tx, &post, Some((author, answer.at)))?;
            solved.get_or_insert(answer.at);
        }
        last = last.max(answer.at);
    }
    store::settle_answers(tx, id, None)?;
    store::set_active(tx, id, last)?;
    if let Some(at) = solved {
        store::set_state(tx, id, ThreadState::Solved, at)?;
    }
    Ok(id)
}

/// The user of a name, made when there is none. Nobody who can log in is taken for an author of
/// another forum.
fn user(
    tx: &mut Conn,
    users: &mut HashMap<String, UserId>,
    name: &str,
    at: Moment,
) -> Result<UserId> {
    if let Some(id) = users.get(name) {
        return Ok(*id);
    }
    let mut taken = name.to_owned();
    let id = loop {
        match people::store::by_name(tx, &taken)? {
            Some(user) if user.email.is_none() && user.password_hash.is_none() => break user.id,
            Some(_) => taken.push_str(" (imported)"),
            None if people::store::name_is_taken(tx, &taken)? => taken.push_str(" (imported)"),
            None => {
                let new = people::store::NewUser {
                    name: &taken,
                    email: None,
                    email_verified_at: None,
                    password_hash: None,
                    role: Role::Member,
                };
                break people::store::insert_user(tx, &new, at)?;
            }
        }
    };
    users.insert(name.to_owned(), id);
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_or_told_what_is_wrong() {
        let now = Moment(2_000_000_000 * SECOND);
        let line = r#"{"id": 7, "title": "It\u0000 hums", "created_at": "2023-01-01 12:36:05 +0000",
            "answers": [{"body": "Turn it", "accepted": true}, {"body": " "}]}"#;
        let one = ready(line, now).expect("a thread").expect("no blank line");
        assert_eq!(
            (one.key.as_str(), one.title.as_str()),
            ("import:7", "It hums")
        );
        assert_eq!((one.author.as_str(), one.answers.len()), (NOBODY, 1));
        assert_eq!(one.at.rfc3339(), "2023-01-01T12:36:05Z");
        for (line, why) in [
            ("{", "EOF"),
            (r#"{"id": null, "title": "a"}"#, "`id`"),
            (r#"{"id": "a", "title": " "}"#, "`title`"),
            (
                r#"{"id": "a", "title": "b", "created_at": "soon"}"#,
                "`created_at`",
            ),
            (r#"{"title": "b"}"#, "id"),
        ] {
            let told = ready(line, now).err().expect("a problem");
            assert!(told.contains(why), "{line}: {told}");
        }
        assert!(ready("  \n", now).expect("a blank line").is_none());
    }
}

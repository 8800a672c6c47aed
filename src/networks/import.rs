//! Reads saved files of posts, one item at a time: memory does not grow with the file.
//!
//! Three forms are told apart by their content:
//! * JSON as X sends it: a page of mentions or search, an Activity or Account Activity body;
//! * JSON lines: on each line either such a body, or one post in X's form, or a plain row;
//! * CSV with a header line, each line a plain row.
//!
//! A plain row has these fields (other names in parentheses): `id` (`tweet_id`, `post_id`) and
//! `text` (`body`, `content`, `full_text`) are needed; `username` (`author`, `screen_name`,
//! `handle`), `author_id` (`user_id`), `name` (`display_name`), `created_at` (`posted_at`,
//! `date`), `conversation_id`, `in_reply_to` (`in_reply_to_post_id`, `in_reply_to_status_id`,
//! `in_response_to_tweet_id`), `lang` (`language`), `followers`, `url` (`link`) and `network`
//! are not. Without `network` a row is X's when its `url` is, or its `tweet_id` tells the time that
//! `created_at` does, else `import`'s; how many went there so is counted.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use serde_json::Value;

use super::x::{intent, time_of_id, wire};
use super::{Account, Author, Network, PostKind, Problem, PublicPost};
use crate::clock::{MINUTE, Moment};

/// Longest line, document or CSV row, in bytes; a page of 100 long posts stays below 4 MB.
const ITEM_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest text of a row, in bytes.
const TEXT_BYTES_MAX: usize = 200_000;

/// A file being read: yields each post, and each thing that could not be read, with its line.
pub struct Import<R: BufRead> {
    form: Form<R>,
    waiting: VecDeque<Result<PublicPost, Problem>>,
    ours: Option<Account>,
    now: Moment,
    unnamed: usize,
}

enum Form<R: BufRead> {
    Json(JsonItems<R>),
    Csv(Box<CsvRows<R>>),
    Ended,
}

impl<R: BufRead> Import<R> {
    /// `ours` decides which posts are ours or name us; `now` dates rows that say no time.
    pub fn new(mut source: R, ours: Option<Account>, now: Moment) -> Import<R> {
        let mut waiting = VecDeque::new();
        let form = match first_byte(&mut source) {
            Ok(None) => {
                waiting.push_back(Err(problem("the file", "is empty")));
                Form::Ended
            }
            Ok(Some(b'{' | b'[')) => Form::Json(JsonItems::new(source)),
            Ok(Some(_)) => match CsvRows::new(source) {
                Ok(rows) => Form::Csv(Box::new(rows)),
                Err(problem) => {
                    waiting.push_back(Err(problem));
                    Form::Ended
                }
            },
            Err(error) => {
                waiting.push_back(Err(unreadable(&error)));
                Form::Ended
            }
        };
        Import {
            form,
            waiting,
            ours,
            now,
            unnamed: 0,
        }
    }

    /// How many of the posts read so far are `import`'s because their rows name no network.
    pub fn unnamed(&self) -> usize {
        self.unnamed
    }

    fn take_row(&mut self, row: &Row, raw: String, line: u64) -> Result<PublicPost, Problem> {
        let post = post_of_row(row, raw, self.ours.as_ref(), self.now)
            .map_err(|reason| at_line(line, &reason))?;
        if post.network == Network::Import && text_of(row, NETWORK).is_none() {
            self.unnamed += 1;
        }
        Ok(post)
    }

    fn take_json(&mut self, value: &Value, line: u64) {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for item in items {
            if let Some(row) = plain_row(item) {
                let read = self.take_row(&row, item.to_string(), line);
                self.waiting.push_back(read);
                continue;
            }
            let parsed = wire::parse_value(item, self.ours.as_ref(), wire::WEB_BASE);
            self.waiting.extend(parsed.posts.into_iter().map(Ok));
            self.waiting.extend(
                parsed
                    .problems
                    .into_iter()
                    .map(|found| Err(at_line(line, &format!("{} {}", found.place, found.reason)))),
            );
        }
    }
}

impl<R: BufRead> Iterator for Import<R> {
    type Item = Result<PublicPost, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Some(item);
            }
            match &mut self.form {
                Form::Ended => return None,
                Form::Json(items) => match items.next() {
                    None => self.form = Form::Ended,
                    Some(Ok((value, line))) => self.take_json(&value, line),
                    Some(Err(problem)) => return Some(Err(problem)),
                },
                Form::Csv(rows) => match rows.next() {
                    None => self.form = Form::Ended,
                    Some(Err(problem)) => return Some(Err(problem)),
                    Some(Ok((row, line))) => {
                        let raw = Value::Object(
                            row.iter()
                                .map(|(k, v)| (k.clone(), Value::String(v.clone())))
                                .collect(),
                        );
                        return Some(self.take_row(&row, raw.to_string(), line));
                    }
                },
            }
        }
    }
}

/// The first byte that is not white space, with a byte-order mark skipped; nothing is consumed
/// but blanks before it.
fn first_byte(source: &mut impl BufRead) -> io::Result<Option<u8>> {
    let mut start = true;
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let mark = if start && buffer.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        start = false;
        let blanks = buffer[mark..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count()
            + mark;
        let first = buffer.get(blanks).copied();
        source.consume(blanks);
        if first.is_some() {
            return Ok(first);
        }
    }
}

fn problem(place: &str, reason: &str) -> Problem {
    Problem {
        place: place.into(),
        reason: reason.into(),
    }
}

fn at_line(line: u64, reason: &str) -> Problem {
    Problem {
        place: format!("line {line}"),
        reason: reason.into(),
    }
}

fn unreadable(error: &io::Error) -> Problem {
    problem("the file", &format!("can't be read further ({error})"))
}

// JSON

/// JSON values one after the other: one a line, or spread over lines.
struct JsonItems<R> {
    source: R,
    line: u64,
    /// Values span lines; found out at the first one.
    spread: Option<bool>,
    ended: bool,
}

impl<R: BufRead> JsonItems<R> {
    fn new(source: R) -> JsonItems<R> {
        JsonItems {
            source,
            line: 0,
            spread: None,
            ended: false,
        }
    }

    fn next(&mut self) -> Option<Result<(Value, u64), Problem>> {
        let mut text: Vec<u8> = Vec::new();
        let mut depth = Depth::default();
        let mut began = 0;
        loop {
            if self.ended {
                let left = text.iter().any(|byte| !byte.is_ascii_whitespace());
                return left.then(|| Err(at_line(began, "ends before its JSON does")));
            }
            let from = text.len();
            let room = (ITEM_BYTES_MAX + 1).saturating_sub(from);
            let limit = u64::try_from(room).unwrap_or(u64::MAX);
            match self
                .source
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut text)
            {
                Ok(0) => {
                    self.ended = true;
                    continue;
                }
                Ok(_) => self.line += 1,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(unreadable(&error)));
                }
            }
            if text.len() > ITEM_BYTES_MAX {
                self.skip_line();
                return Some(Err(at_line(self.line, "is longer than 16 MB")));
            }
            if text[from..].iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if from == 0 || began == 0 {
                began = self.line;
            }
            depth.feed(&text[from..]);
            let spread = *self
                .spread
                .get_or_insert_with(|| depth.open > 0 && looks_spread(&text));
            if spread && depth.open > 0 {
                continue;
            }
            let value = serde_json::from_slice::<Value>(&text);
            let line = began;
            return Some(
                value
                    .map(|value| (value, line))
                    .map_err(|error| at_line(line, &format!("is not JSON ({error})"))),
            );
        }
    }

    fn skip_line(&mut self) {
        loop {
            let (used, found) = match self.source.fill_buf() {
                Ok([]) | Err(_) => {
                    self.ended = true;
                    return;
                }
                Ok(buffer) => match buffer.iter().position(|byte| *byte == b'\n') {
                    Some(at) => (at + 1, true),
                    None => (buffer.len(), false),
                },
            };
            self.source.consume(used);
            if found {
                return;
            }
        }
    }
}

/// A first line that is open and breaks off where a printer breaks lines.
fn looks_spread(line: &[u8]) -> bool {
    matches!(
        line.trim_ascii_end().last(),
        Some(b'{' | b'[' | b',' | b':')
    )
}

/// Brackets open at a point of a JSON text.
#[derive(Default)]
struct Depth {
    open: i64,
    in_string: bool,
    escaped: bool,
}

impl Depth {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.open += 1,
                b'}' | b']' if !self.in_string => self.open -= 1,
                _ => {}
            }
        }
    }
}

// Rows

type Row = HashMap<String, String>;

struct CsvRows<R: BufRead> {
    reader: csv::Reader<Watched<R>>,
    names: Vec<String>,
    since: Rc<Cell<usize>>,
    ended: bool,
}

/// Counts what was read since the last row, so that an open quotation mark can't take the whole
/// file into memory.
struct Watched<R> {
    source: R,
    since: Rc<Cell<usize>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > ITEM_BYTES_MAX {
            return Err(io::Error::other(
                "a row is longer than 16 MB; is a quotation mark not closed?",
            ));
        }
        let read = self.source.read(buffer)?;
        self.since.set(self.since.get() + read);
        Ok(read)
    }
}

impl<R: BufRead> CsvRows<R> {
    fn new(source: R) -> Result<CsvRows<R>, Problem> {
        let since = Rc::new(Cell::new(0));
        let watched = Watched {
            source,
            since: since.clone(),
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(watched);
        let names: Vec<String> = match reader.headers() {
            Ok(names) => names
                .iter()
                .map(|name| name.trim().to_ascii_lowercase())
                .collect(),
            Err(error) => return Err(problem("line 1", &format!("can't be read ({error})"))),
        };
        if let Some(reason) = lacking(&names) {
            return Err(problem("line 1", &reason));
        }
        Ok(CsvRows {
            reader,
            names,
            since,
            ended: false,
        })
    }

    fn next(&mut self) -> Option<Result<(Row, u64), Problem>> {
        if self.ended {
            return None;
        }
        let mut record = csv::StringRecord::new();
        let read = self.reader.read_record(&mut record);
        self.since.set(0);
        let line = record.position().map_or(0, csv::Position::line);
        match read {
            Ok(false) => None,
            Ok(true) if record.len() > self.names.len() => Some(Err(at_line(
                line,
                "has more columns than the header: text with commas stands in quotes",
            ))),
            Ok(true) => {
                let cells = record.iter().map(str::trim).map(str::to_owned);
                let row = self.names.iter().cloned().zip(cells);
                Some(Ok((
                    row.filter(|(_, cell)| !cell.is_empty()).collect(),
                    line,
                )))
            }
            Err(error) => {
                let line = error.position().map_or(line, csv::Position::line);
                if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) {
                    return Some(Err(at_line(line, "is not UTF-8")));
                }
                self.ended = true;
                Some(Err(at_line(
                    line,
                    &format!("can't be read, nor what follows ({error})"),
                )))
            }
        }
    }
}

/// What a header lacks that every row needs.
fn lacking(names: &[String]) -> Option<String> {
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
    match (has(ID), has(TEXT)) {
        (true, true) => None,
        (true, false) => Some(format!("names no column for the text: {}", either(TEXT))),
        (false, true) => Some(format!("names no column for the id: {}", either(ID))),
        (false, false) if matches!(names, [one] if one.contains([';', '\t'])) => {
            Some("has no commas: columns are parted by commas, not by semicolons or tabs".into())
        }
        (false, false) => Some(
            "names no columns `id` and `text`; the file is neither JSON nor CSV with a header"
                .into(),
        ),
    }
}

/// `a`, `b` or `c`.
fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The first of these columns that says something.
fn text_of<'a>(row: &'a Row, names: &[&str]) -> Option<&'a String> {
    names
        .iter()
        .find_map(|name| row.get(*name))
        .filter(|text| !text.trim().is_empty())
}

const NETWORK: &[&str] = &["network"];
const ID: &[&str] = &["id", "tweet_id", "post_id"];
const TEXT: &[&str] = &["text", "body", "content", "full_text"];
const USERNAME: &[&str] = &["username", "author", "screen_name", "handle"];
const REPLY: &[&str] = &[
    "in_reply_to",
    "in_reply_to_post_id",
    "in_reply_to_status_id",
    "in_response_to_tweet_id",
];

/// A JSON object that is a plain row: it has a text, and says who by name. X's own posts name
/// their authors by id and keep the names beside them.
fn plain_row(value: &Value) -> Option<Row> {
    let object = value.as_object()?;
    let known = |names: &[&str]| names.iter().any(|name| object.contains_key(*name));
    let native = [
        "data",
        "id_str",
        "meta",
        "author_id",
        "edit_history_tweet_ids",
    ];
    let named = known(USERNAME) || known(&["network", "posted_at", "date"]);
    if !known(ID) || !known(TEXT) || (!named && known(&native)) || object.contains_key("data") {
        return None;
    }
    if !named && !object.contains_key("created_at") {
        return None;
    }
    let mut row = Row::new();
    for (name, value) in object {
        let name = name.to_ascii_lowercase();
        match value {
            Value::String(text) => {
                row.insert(name, text.clone());
            }
            Value::Number(number) => {
                row.insert(name, number.to_string());
            }
            Value::Object(author) if name == "author" || name == "user" => {
                let part = |key: &str| author.get(key).and_then(Value::as_str).map(str::to_owned);
                row.extend(part("username").map(|text| ("username".to_owned(), text)));
                row.extend(part("name").map(|text| ("name".to_owned(), text)));
                let id = author.get("id").and_then(wire::id_text);
                row.extend(id.map(|text| ("author_id".to_owned(), text)));
            }
            _ => {}
        }
    }
    Some(row)
}

fn post_of_row(
    row: &Row,
    raw: String,
    ours: Option<&Account>,
    now: Moment,
) -> Result<PublicPost, String> {
    let text_of = |names: &[&str]| text_of(row, names);
    let id = text_of(ID).ok_or_else(|| format!("has no id: {}", either(ID)))?;
    let id = id.trim().to_owned();
    let url = text_of(&["url", "link"])
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .cloned();
    let written_at = text_of(&["created_at", "posted_at", "date"])
        .map(|text| {
            wire::parse_time(text.trim()).ok_or_else(|| {
                format!(
                    "{id} has a time that can't be read; times are written as \
                     2026-11-22T10:00:00Z, or as X does: Sun Nov 22 10:00:00 +0000 2026"
                )
            })
        })
        .transpose()?;
    // Data sets number their rows in a column of this name too: an id of X tells its time.
    let is_id_of_x = || {
        text_of(&["tweet_id"]) == Some(&id)
            && time_of_id(&id)
                .zip(written_at)
                .is_some_and(|(told, written)| told.since(written).abs() < MINUTE)
    };
    let on_x = url
        .as_deref()
        .is_some_and(|url| intent::parse_post_address(url, None).is_some())
        || is_id_of_x();
    let network = match text_of(NETWORK) {
        Some(name) => name
            .trim()
            .to_ascii_lowercase()
            .parse::<Network>()
            .map_err(|e| e.to_string())?,
        None if on_x => Network::X,
        None => Network::Import,
    };
    if network == Network::X && !wire::is_id(&id) {
        return Err(format!("has the id {id}, which can't be X's"));
    }
    let text = text_of(TEXT).ok_or_else(|| format!("{id} has no text: {}", either(TEXT)))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{id} is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let text = if network == Network::X {
        wire::decode_entities(text)
    } else {
        text.clone()
    };
    let id_time = || (network == Network::X).then(|| time_of_id(&id)).flatten();
    let posted_at = written_at.or_else(id_time).unwrap_or(now);
    let username = text_of(USERNAME).map(|name| name.trim().trim_start_matches('@').to_owned());
    let author_id = text_of(&["author_id", "user_id"]).map(|id| id.trim().to_owned());
    let author = match (author_id, username) {
        (None, None) => None,
        (author_id, username) => {
            let username = username.unwrap_or_default();
            Some(Author {
                id: author_id.unwrap_or_else(|| Author::id_of_username(&username)),
                display_name: text_of(&["name", "display_name"])
                    .cloned()
                    .unwrap_or_else(|| username.clone()),
                username,
                avatar_url: None,
                followers: text_of(&["followers", "followers_count"])
                    .and_then(|text| text.trim().parse::<i64>().ok())
                    .unwrap_or(0)
                    .max(0),
                verified: false,
            })
        }
    };
    let in_reply_to = text_of(REPLY).map(|id| id.trim().to_owned());
    let is_ours = author
        .as_ref()
        .zip(ours)
        .is_some_and(|(author, ours)| ours.is(author));
    let mentions_us = !is_ours && ours.is_some_and(|ours| wire::text_mentions(&text, ours));
    PublicPost {
        network,
        first_id: id.clone(),
        conversation_id: text_of(&["conversation_id", "thread_id"])
            .map(|id| id.trim().to_owned())
            .or_else(|| in_reply_to.clone())
            .unwrap_or_else(|| id.clone()),
        kind: if in_reply_to.is_some() {
            PostKind::Reply
        } else {
            PostKind::Post
        },
        in_reply_to_post_id: in_reply_to,
        in_reply_to_user_id: None,
        quoted_post_id: None,
        language: text_of(&["lang", "language"]).map(|code| code.trim().to_owned()),
        url,
        posted_at,
        ours: is_ours,
        summoned: mentions_us,
        id,
        author,
        text,
        raw,
    }
    .checked()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ours() -> Account {
        Account {
            id: "900".into(),
            username: "LumenHelp".into(),
            display_name: "Lumen".into(),
        }
    }

    fn read(text: &[u8]) -> Vec<Result<PublicPost, Problem>> {
        Import::new(text, Some(ours()), Moment(5)).collect()
    }

    fn ids(items: &[Result<PublicPost, Problem>]) -> Vec<&str> {
        items
            .iter()
            .flatten()
            .map(|post| post.id.as_str())
            .collect()
    }

    fn places(items: &[Result<PublicPost, Problem>]) -> Vec<&str> {
        items
            .iter()
            .filter_map(|item| item.as_ref().err())
            .map(|p| p.place.as_str())
            .collect()
    }

    #[test]
    fn csv_rows_are_posts_and_bad_rows_are_numbered() {
        let items = read(include_bytes!("../../tests/it/data/networks/rows.csv"));
        assert_eq!(ids(&items), ["a-1", "a-2", "2080765813578191303"]);
        assert_eq!(places(&items), ["line 5", "line 6"]);
        let posts: Vec<&PublicPost> = items.iter().flatten().collect();
        assert_eq!(
            posts[0].text,
            "The lamp hums,\nand it is new. @lumenhelp & friends"
        );
        assert!(posts[0].summoned);
        assert_eq!(
            posts[0].author.as_ref().map(|a| a.id.as_str()),
            Some("@quietreader")
        );
        assert_eq!(posts[1].kind, PostKind::Reply);
        assert_eq!(posts[1].conversation_id, "a-1");
        assert_eq!(posts[2].network, Network::X);
        assert_eq!(posts[2].posted_at.rfc3339(), "2026-07-24T21:23:23Z");
    }

    fn reasons(text: &str) -> Vec<String> {
        let items = read(text.as_bytes()).into_iter();
        items.filter_map(|item| Some(item.err()?.reason)).collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(reasons("id,said\n1,a")[0].contains("`text`, `body`, `content` or `full_text`"));
        assert!(reasons("number,text\n1,a")[0].contains("`id`, `tweet_id` or `post_id`"));
        assert!(reasons("id;text\n1;a")[0].contains("commas"));
        let rows = reasons("id,text,created_at\n,a,\n2,,\n3,a,22.11.2026\n");
        assert!(rows[0].contains("has no id: `id`"), "{rows:?}");
        assert!(rows[1].contains("2 has no text: `text`"), "{rows:?}");
        assert!(rows[2].contains("2026-11-22T10:00:00Z"), "{rows:?}");
        let said =
            "id,text,created_at\n1,a,2026-11-22T10:00:00Z\n2,b,Sun Nov 22 10:00:00 +0000 2026\n";
        assert_eq!(reasons(said), [""; 0]);
    }

    #[test]
    fn rows_that_name_no_network_are_counted_unless_they_are_plainly_of_x() {
        let networks = |text: &str| {
            let mut import = Import::new(text.as_bytes(), None, Moment(5));
            let read: Vec<_> = import
                .by_ref()
                .map(|post| post.map(|p| p.network))
                .collect();
            (
                read.into_iter().flatten().collect::<Vec<_>>(),
                import.unnamed(),
            )
        };
        let text =
            "id,text,network,url\n1,a,,\n2,b,X,\n3,c,import,\n4,d,,https://x.com/a/status/4\n";
        let named = vec![Network::Import, Network::X, Network::Import, Network::X];
        assert_eq!(networks(text), (named, 1));
        assert_eq!(
            networks("id,text\n1,a,b\n2,c\n"),
            (vec![Network::Import], 1)
        );
        let tweets = "tweet_id,text,created_at\n20,a,2017-10-31T22:10:47Z\n\
            2080765813578191303,b,2026-07-24T21:23:23Z\n2080765813578191303,c,\n";
        let named = vec![Network::Import, Network::X, Network::Import];
        assert_eq!(networks(tweets), (named, 2));
    }

    #[test]
    fn json_lines_may_mix_rows_and_pages() {
        let items = read(include_bytes!("../../tests/it/data/networks/rows.jsonl"));
        assert_eq!(
            ids(&items),
            ["1", "2070000000000000001", "2070000000000000002", "3"]
        );
        assert_eq!(places(&items), ["line 3"]);
        assert_eq!(
            items[0].as_ref().map(|post| post.network),
            Ok(Network::Import)
        );
    }

    #[test]
    fn a_printed_document_is_one_item() {
        let page = include_bytes!("../../tests/it/data/networks/page_tweet.json");
        let items = read(page);
        assert_eq!(ids(&items).len(), 4);
        assert_eq!(places(&items), ["line 1"], "the page's bad post");
        let twice = [page.as_slice(), b"\n", page.as_slice()].concat();
        assert_eq!(ids(&read(&twice)).len(), 8);
    }

    #[test]
    fn what_is_no_file_of_posts_is_said_to_be_none() {
        assert_eq!(places(&read(b"")), ["the file"]);
        assert_eq!(places(&read(b"  \n ")), ["the file"]);
        assert_eq!(places(&read(b"hello there\nmore")), ["line 1"]);
        assert_eq!(places(&read(b"{\n\"data\": [\n")), ["line 1"]);
        assert_eq!(places(&read(b"\x00\xff\xfe")), ["line 1"]);
    }

    #[test]
    fn an_endless_row_stops_the_file_not_the_machine() {
        let head: &[u8] = b"id,text\n1,\"never closed ";
        let endless = io::BufReader::new(head.chain(io::repeat(b'x').take(100_000_000)));
        let items: Vec<_> = Import::new(endless, None, Moment(0)).collect();
        assert_eq!(items.len(), 1);
        assert!(items[0].as_ref().is_err_and(|p| p.reason.contains("16 MB")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_lines_of_json_are_read_or_refused(text in "[{}\\[\\]\":,a-z0-9\\n ]{0,200}") {
            let _ = read(format!("{{{text}").as_bytes());
        }
    }
}

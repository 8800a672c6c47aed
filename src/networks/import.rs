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
//! `created_at` does, else `import`'s; how many went there so is counted. Without a time a row is
//! dated when it is read, which is counted too.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead};

use serde_json::Value;

use super::x::{intent, time_of_id, wire};
use super::{Account, Author, Network, PostKind, Problem, PublicPost};
use crate::clock::{DAY, MINUTE, Moment, SECOND};

/// Longest line or document of JSON, in bytes; a page of 100 long posts stays below 4 MB.
const ITEM_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest CSV row, in bytes: several times the longest text.
const ROW_BYTES_MAX: usize = 1024 * 1024;
/// Longest text of a row, in bytes.
const TEXT_BYTES_MAX: usize = 200_000;
/// The beginning of 2006, the year of X's first post: what is dated before is misread.
const WRITTEN_MIN: Moment = Moment(1_136_073_600 * SECOND);
/// How far ahead of us the clock of whoever wrote a file may be (µs), time zones included.
const AHEAD_MAX: i64 = DAY;

/// A file being read: yields each post, and each thing that could not be read, with its line.
pub struct Import<R: BufRead> {
    form: Form<R>,
    waiting: VecDeque<Result<PublicPost, Problem>>,
    ours: Option<Account>,
    now: Moment,
    unnamed: usize,
    undated: usize,
}

enum Form<R: BufRead> {
    Json(JsonItems<R>),
    Csv(CsvRows<R>),
    Ended,
}

impl<R: BufRead> Import<R> {
    /// `ours` decides which posts are ours or name us; `now` dates rows that say no time.
    pub fn new(mut source: R, ours: Option<Account>, now: Moment) -> Import<R> {
        let mut waiting = VecDeque::new();
        let form = match first_byte(&mut source) {
            Ok(b'{' | b'[') => Ok(Form::Json(JsonItems::new(source))),
            Ok(_) => CsvRows::new(source).map(Form::Csv),
            Err(problem) => Err(problem),
        };
        let form = form.unwrap_or_else(|problem| {
            waiting.push_back(Err(problem));
            Form::Ended
        });
        Import {
            form,
            waiting,
            ours,
            now,
            unnamed: 0,
            undated: 0,
        }
    }

    /// How many of the posts read so far are `import`'s because their rows name no network.
    pub fn unnamed(&self) -> usize {
        self.unnamed
    }

    /// How many of the posts read so far are dated now, because their rows tell no time.
    pub fn undated(&self) -> usize {
        self.undated
    }

    fn take_row(&mut self, row: &Row, raw: String, line: u64) -> Result<PublicPost, Problem> {
        let post = post_of_row(row, raw, self.ours.as_ref(), self.now)
            .map_err(|reason| at_line(line, &reason))?;
        if post.posted_at == self.now && text_of(row, TIME).is_none() {
            self.undated += 1;
        }
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
            let now = self.now;
            let posts = parsed.posts.into_iter().map(|post| {
                is_of_our_days(&post.id, post.posted_at, now)
                    .map(|()| post)
                    .map_err(|reason| at_line(line, &reason))
            });
            self.waiting.extend(posts);
            let problems = parsed.problems.into_iter();
            self.waiting
                .extend(problems.map(|found| Err(at_line(line, &found.to_string()))));
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
/// but blanks before it. A problem when there is none, or the file holds no text that we read.
fn first_byte(source: &mut impl BufRead) -> Result<u8, Problem> {
    let mut start = true;
    loop {
        let buffer = source.fill_buf().map_err(|error| unreadable(&error))?;
        if buffer.is_empty() {
            return Err(problem("the file", "is empty"));
        }
        let mut blanks = 0;
        if std::mem::take(&mut start) {
            if buffer.starts_with(b"\xff\xfe") || buffer.starts_with(b"\xfe\xff") {
                return Err(problem("the file", "is UTF-16; save it as UTF-8"));
            }
            if buffer.contains(&0) {
                let reason = "is not text; save a table as CSV in UTF-8, and unpack an archive";
                return Err(problem("the file", reason));
            }
            if buffer.starts_with(b"\xef\xbb\xbf") {
                blanks = 3;
            }
        }
        let is_blank = |byte: &&u8| byte.is_ascii_whitespace();
        blanks += buffer[blanks..].iter().take_while(is_blank).count();
        let first = buffer.get(blanks).copied();
        source.consume(blanks);
        if let Some(first) = first {
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

/// The lines of a file with their ends, `\n`, `\r\n` or `\r`, none longer than an item may be.
struct Lines<R> {
    source: R,
    /// The line given last.
    number: u64,
    /// Lines that were given back.
    ahead: VecDeque<Result<Vec<u8>, Problem>>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    fn new(source: R) -> Lines<R> {
        Lines {
            source,
            number: 0,
            ahead: VecDeque::new(),
            ended: false,
        }
    }

    fn next(&mut self) -> Option<Result<Vec<u8>, Problem>> {
        let line = match self.ahead.pop_front() {
            None if self.ended => None,
            None => self.read().transpose(),
            given_back => given_back,
        };
        self.number += u64::from(line.is_some());
        line
    }

    /// Takes back the lines given last.
    fn give_back(&mut self, lines: Vec<Result<Vec<u8>, Problem>>) {
        self.number -= lines.len() as u64;
        for line in lines.into_iter().rev() {
            self.ahead.push_front(line);
        }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut line = Vec::new();
        let mut is_too_long = false;
        loop {
            let buffer = self.look()?;
            let end = buffer.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let used = end.map_or(buffer.len(), |at| at + 1);
            is_too_long |= line.len() + used > ITEM_BYTES_MAX;
            if !is_too_long {
                line.extend_from_slice(&buffer[..used]);
            }
            let ends_in = end.map(|at| buffer[at]);
            self.source.consume(used);
            self.ended = used == 0;
            if ends_in == Some(b'\r') && self.look()?.first() == Some(&b'\n') {
                line.push(b'\n');
                self.source.consume(1);
            }
            if ends_in.is_some() || self.ended {
                break;
            }
        }
        if is_too_long {
            return Err(at_line(self.number + 1, "is longer than 16 MB"));
        }
        Ok((!line.is_empty()).then_some(line))
    }

    fn look(&mut self) -> Result<&[u8], Problem> {
        self.ended = true;
        let buffer = self.source.fill_buf().map_err(|error| unreadable(&error))?;
        self.ended = false;
        Ok(buffer)
    }
}

// JSON

/// JSON values one after the other: one a line, or spread over lines.
struct JsonItems<R> {
    lines: Lines<R>,
    /// Values span lines; found out at the first one.
    spread: Option<bool>,
}

impl<R: BufRead> JsonItems<R> {
    fn new(source: R) -> JsonItems<R> {
        JsonItems {
            lines: Lines::new(source),
            spread: None,
        }
    }

    fn next(&mut self) -> Option<Result<(Value, u64), Problem>> {
        let mut text: Vec<u8> = Vec::new();
        let mut depth = Depth::default();
        let mut began = 0;
        loop {
            let line = match self.lines.next() {
                Some(Ok(line)) => line,
                Some(Err(problem)) => return Some(Err(problem)),
                None if text.is_empty() => return None,
                None => return Some(Err(at_line(began, "ends before its JSON does"))),
            };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if text.is_empty() {
                began = self.lines.number;
            }
            depth.feed(&line);
            text.extend(line);
            if text.len() > ITEM_BYTES_MAX {
                return Some(Err(at_line(began, "is longer than 16 MB")));
            }
            let spread = *self
                .spread
                .get_or_insert_with(|| depth.open > 0 && looks_spread(&text));
            if spread && depth.open > 0 {
                continue;
            }
            let value = serde_json::from_slice::<Value>(&text);
            return Some(
                value
                    .map(|value| (value, began))
                    .map_err(|error| at_line(began, &format!("is not JSON ({error})"))),
            );
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

/// The rows of a CSV file (RFC 4180). One whose quotation marks don't end is refused alone: its
/// second line is read as the next row, so that it swallows nothing.
struct CsvRows<R> {
    lines: Lines<R>,
    names: Vec<String>,
}

impl<R: BufRead> CsvRows<R> {
    fn new(source: R) -> Result<CsvRows<R>, Problem> {
        let mut rows = CsvRows {
            lines: Lines::new(source),
            names: Vec::new(),
        };
        let (names, line) = rows
            .cells()
            .unwrap_or_else(|| Err(problem("the file", "is empty")))?;
        rows.names = names.iter().map(|n| n.to_ascii_lowercase()).collect();
        match lacking(&rows.names) {
            None => Ok(rows),
            Some(reason) => Err(at_line(line, &reason)),
        }
    }

    fn next(&mut self) -> Option<Result<(Row, u64), Problem>> {
        let row = self.cells()?.and_then(|(cells, line)| {
            if cells.len() > self.names.len() {
                let reason = "has more columns than the header: text with commas stands in quotes";
                return Err(at_line(line, reason));
            }
            let row = self.names.iter().cloned().zip(cells);
            Ok((row.filter(|(_, cell)| !cell.is_empty()).collect(), line))
        });
        Some(row)
    }

    /// The cells of the next row, without blanks around them, and the line it begins in.
    fn cells(&mut self) -> Option<Result<(Vec<String>, u64), Problem>> {
        let mut cells = Cells::default();
        let mut taken = Vec::new();
        let mut bytes = 0;
        loop {
            match self.lines.next() {
                None if taken.is_empty() => return None,
                None => break,
                Some(Err(problem)) if taken.is_empty() => return Some(Err(problem)),
                Some(Err(problem)) => {
                    taken.push(Err(problem));
                    break;
                }
                Some(Ok(line)) if taken.is_empty() && line.trim_ascii().is_empty() => {}
                Some(Ok(line)) => {
                    let read = cells.read(&line);
                    bytes += line.len();
                    taken.push(Ok(line));
                    match read {
                        Reading::Open if bytes <= ROW_BYTES_MAX => {}
                        Reading::Open | Reading::Astray => break,
                        Reading::Whole => {
                            let began = self.lines.number + 1 - taken.len() as u64;
                            let cells = cells.in_words().map(|cells| (cells, began));
                            return Some(cells.map_err(|reason| at_line(began, reason)));
                        }
                    }
                }
            }
        }
        self.lines.give_back(taken.split_off(1));
        Some(Err(at_line(
            self.lines.number,
            "has a quotation mark that is not closed, or one within quotes that is not doubled",
        )))
    }
}

/// The cells of a row, as its lines are read.
#[derive(Default)]
struct Cells {
    whole: Vec<Vec<u8>>,
    cell: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy, Default)]
enum Place {
    #[default]
    Start,
    Plain,
    Quoted,
    /// After a quotation mark within quotes, which ends them or is the first of two.
    Mark,
}

enum Reading {
    Whole,
    /// The row goes on in the next line.
    Open,
    /// Something stands behind the end of the quotes.
    Astray,
}

impl Cells {
    fn read(&mut self, line: &[u8]) -> Reading {
        for byte in line {
            self.place = match (self.place, byte) {
                (Place::Start, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::Mark,
                (Place::Quoted, _) | (Place::Mark, b'"') => {
                    self.cell.push(*byte);
                    Place::Quoted
                }
                (_, b',') => {
                    self.whole.push(std::mem::take(&mut self.cell));
                    Place::Start
                }
                (place, b'\r' | b'\n') => place,
                (Place::Mark, _) => return Reading::Astray,
                (Place::Start | Place::Plain, _) => {
                    self.cell.push(*byte);
                    Place::Plain
                }
            };
        }
        if matches!(self.place, Place::Quoted) {
            return Reading::Open;
        }
        self.whole.push(std::mem::take(&mut self.cell));
        Reading::Whole
    }

    fn in_words(self) -> Result<Vec<String>, &'static str> {
        let words = |cell| match String::from_utf8(cell) {
            Ok(cell) => Ok(cell.trim().to_owned()),
            Err(_) => Err("is not UTF-8"),
        };
        self.whole.into_iter().map(words).collect()
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
const TIME: &[&str] = &["created_at", "posted_at", "date"];
const ID: &[&str] = &["id", "tweet_id", "post_id"];
const TEXT: &[&str] = &["text", "body", "content", "full_text"];
const USERNAME: &[&str] = &["username", "author", "screen_name", "handle"];
const REPLY: &[&str] = &[
    "in_reply_to",
    "in_reply_to_post_id",
    "in_reply_to_status_id",
    "in_response_to_tweet_id",
];

/// A JSON object that is a plain row. X's own posts tell their time, if only by their number, and
/// say who by an id; the names stand beside them.
fn plain_row(value: &Value) -> Option<Row> {
    let object = value.as_object()?;
    let known = |names: &[&str]| {
        let mut told = names.iter().filter_map(|name| object.get(*name));
        told.any(|value| !value.is_null())
    };
    if !known(ID) || !known(TEXT) || known(&["data"]) {
        return None;
    }
    let is_dated = known(&["created_at"]);
    let is_timed_by_id = || {
        let id = object.get("id").and_then(wire::id_text);
        id.is_some_and(|id| time_of_id(&id).is_some())
    };
    let is_by_id = known(&["author_id", "edit_history_tweet_ids"]);
    let is_native = known(&["id_str", "meta"])
        || (is_by_id && (is_dated || is_timed_by_id()))
        || (!is_dated && is_timed_by_id());
    if is_native && !known(USERNAME) && !known(&["network", "posted_at", "date"]) {
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

/// Refuses a time at which nobody can have posted.
fn is_of_our_days(id: &str, at: Moment, now: Moment) -> Result<(), String> {
    let why = if at < WRITTEN_MIN {
        "before 2006"
    } else if at.since(now) > AHEAD_MAX {
        "which is yet to come"
    } else {
        return Ok(());
    };
    Err(format!(
        "{id} is dated {}, {why}: look at its time",
        at.rfc3339()
    ))
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
    let written_at = text_of(TIME)
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
    is_of_our_days(&id, posted_at, now)?;
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
    use std::io::Read;

    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22T10:00:00Z
    const NOW: Moment = Moment(1_795_341_600 * SECOND);

    fn ours() -> Account {
        Account {
            id: "900".into(),
            username: "LumenHelp".into(),
            display_name: "Lumen".into(),
        }
    }

    fn read(text: &[u8]) -> Vec<Result<PublicPost, Problem>> {
        Import::new(text, Some(ours()), NOW).collect()
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

    fn reasons(text: impl AsRef<[u8]>) -> Vec<String> {
        let items = read(text.as_ref()).into_iter();
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
    fn an_open_quote_swallows_no_row() {
        for (text, expected, refused) in [
            (
                "1,\"open\n2,b\n3,\"c, d\"\n4,e\n",
                vec!["2", "3", "4"],
                vec!["line 2"],
            ),
            ("1,a\r\n2,\"open\r\n3,c", vec!["1", "3"], vec!["line 3"]),
            (
                "1,\"say \"hi\" to\nthem\"\n2,b",
                vec!["2"],
                vec!["line 2", "line 3"],
            ),
            (
                "1,\"a \"\"b\"\"\n\nc\"\n2,5\" wide\n3,\"\"\n",
                vec!["1", "2"],
                vec!["line 6"],
            ),
            ("1,a\r2,\"b\"\r\r3,c", vec!["1", "2", "3"], vec![]),
        ] {
            let items = read(format!("id,text\n{text}").as_bytes());
            assert_eq!((ids(&items), places(&items)), (expected, refused), "{text}");
        }
        let items = read(b"id,text\n1,\"a \"\"b\"\"\n, c\"");
        assert_eq!(
            items[0].as_ref().map(|post| post.text.as_str()),
            Ok("a \"b\"\n, c")
        );
    }

    #[test]
    fn a_row_without_a_time_is_dated_now_and_one_of_no_time_of_ours_is_refused() {
        let rows = "{\"id\":970,\"text\":\"a\"}\n{\"id\":\"971\",\"text\":\"b\",\"author_id\":\"5\",\"created_at\":null}\n\
            {\"tweet_id\":\"972\",\"text\":\"c\",\"username\":\"ada\"}\n{\"id\":\"2070000000000000001\",\"text\":\"d\"}\n";
        let mut import = Import::new(rows.as_bytes(), None, NOW);
        let read: Vec<PublicPost> = import.by_ref().map(|post| post.expect("a post")).collect();
        let dated: Vec<_> = read
            .iter()
            .map(|p| (p.network, p.posted_at == NOW))
            .collect();
        let (by_hand, of_x) = ((Network::Import, true), (Network::X, false));
        assert_eq!(dated, [by_hand, by_hand, by_hand, of_x]);
        assert_eq!(import.undated(), 3);
        let refused = reasons(
            "id,text,created_at\n1,a,1969-12-31T23:59:59Z\n2,b,2026-11-23T09:00:00Z\n3,c,2031-01-01T00:00:00Z\n",
        );
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert!(refused[0].contains("1969-12-31T23:59:59Z"), "{refused:?}");
        assert!(
            refused[1].contains("3 is dated 2031-01-01T00:00:00Z"),
            "{refused:?}"
        );
        let posts = "{\"id\":\"5\",\"text\":\"a\",\"author_id\":\"6\",\"created_at\":\"2031-01-01T00:00:00.000Z\"}";
        assert!(reasons(posts)[0].contains("yet to come"));
    }

    #[test]
    fn rows_that_name_no_network_are_counted_unless_they_are_plainly_of_x() {
        let networks = |text: &str| {
            let mut import = Import::new(text.as_bytes(), None, NOW);
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
        assert_eq!(places(&read(b"\x00\xff\xfe")), ["the file"]);
        let utf_16: Vec<u8> = "\u{feff}id,text\n1,a"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(reasons(&utf_16)[0].contains("UTF-16"));
        assert!(reasons(b"PK\x03\x04\x14\x00")[0].contains("not text"));
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

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

mod csv;
mod json;
mod lines;
mod row;

use std::collections::VecDeque;
use std::io::{self, BufRead};

use serde_json::Value;

use self::csv::CsvRows;
use self::json::JsonItems;
use self::row::{NETWORK, Row, TIME, is_of_our_days, plain_row, post_of_row, text_of};
use super::x::wire;
use super::{Account, Network, Problem, PublicPost};
use crate::clock::Moment;

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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::clock::SECOND;
    use crate::networks::PostKind;
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

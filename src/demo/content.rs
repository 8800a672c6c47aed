//! The demo's content: people, threads, cases and a stream of posts, written by hand in `src/demo/data/`.
//!
//! [`load`] parses the embedded files and checks that they agree with each other, so that whoever seeds a
//! database from them may follow every reference without asking again. Times are relative: hours before the
//! demo's first start for what exists already, seconds after it for what happens while somebody watches.
//! Words of the domain (roles, kinds, states) stay text here and are checked against the lists in `check`; the
//! seeding code parses them into the slices' own types. A new file is embedded when this one is compiled
//! again; cargo watches only the files it has met.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;
use serde::Deserialize;
use serde::de::DeserializeOwned;

mod check;

#[derive(RustEmbed)]
#[folder = "src/demo/data/"]
struct Data;

/// Everything the demo starts from and everything that happens in it.
#[derive(Debug)]
pub struct Community {
    pub company: Company,
    pub products: Vec<Product>,
    pub tags: Vec<Tag>,
    pub users: Vec<User>,
    /// Oldest first, so that ids follow time.
    pub threads: Vec<Thread>,
    pub cases: Vec<Case>,
    /// Posts of the X stand-in, in the order in which they arrive.
    pub stream: Vec<StreamPost>,
    /// What members and staff do in the forum during the demo, earliest first.
    pub later: Vec<LaterAct>,
}

/// The fictional company and its account on X.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    pub name: String,
    pub tagline: String,
    /// Without the `@`.
    pub x_username: String,
    /// Decimal digits, as X writes ids.
    pub x_user_id: String,
    pub x_display_name: String,
    pub support_email: String,
    /// Words the brand search asks for besides mentions of the account.
    pub search_terms: Vec<String>,
    /// The one password of all log-ins of the demo.
    pub demo_password: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub slug: String,
    pub name: String,
    pub description: String,
    /// Words by which a complaint shows which product it is about, lower case.
    pub brand_terms: Vec<String>,
    pub topics: Vec<Topic>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Unique within its product.
    pub slug: String,
    pub name: String,
    pub description: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub slug: String,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    /// member, moderator, staff or admin.
    pub role: String,
    /// Only the demo's log-ins have one.
    pub email: Option<String>,
    pub bio: String,
    /// Slugs of the products this user answers for; empty unless staff or admin.
    #[serde(default)]
    pub products: Vec<String>,
    /// How long ago the account was opened, in days.
    pub joined_days: u32,
}

/// One file of `threads/`.
#[derive(Debug, Clone)]
pub struct Thread {
    /// The file's name without `.md`; how other files refer to the thread.
    pub stem: String,
    pub product: String,
    pub topic: String,
    /// question, discussion, known_issue, article or announcement.
    pub kind: String,
    /// open, solved or closed; a solved known issue is one that was fixed.
    pub state: String,
    pub title: String,
    pub author: String,
    pub tags: Vec<String>,
    /// How long ago it was opened, in hours.
    pub age_hours: f64,
    /// How many said "me too"; never more than there are other users.
    pub me_toos: u32,
    pub pinned: bool,
    pub official: bool,
    /// The version that fixed a known issue.
    pub fixed_in: Option<String>,
    /// Markdown of the opening message.
    pub body: String,
    pub replies: Vec<Reply>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    product: String,
    topic: String,
    kind: String,
    state: String,
    title: String,
    author: String,
    tags: Vec<String>,
    age_hours: f64,
    #[serde(default)]
    me_toos: u32,
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    official: bool,
    fixed_in: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub author: String,
    /// Hours between the thread's opening and this reply.
    pub hours_later: f64,
    pub accepted: bool,
    /// The one accepted answer shown first.
    pub primary: bool,
    pub official: bool,
    /// Markdown.
    pub body: String,
}

/// A case that waits (or is done) when the demo starts, with its private conversation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub key: String,
    pub customer_name: String,
    /// At a domain reserved for examples.
    pub email: String,
    /// email or form.
    pub channel: String,
    pub subject: String,
    pub severity: String,
    pub product: Option<String>,
    pub topic: Option<String>,
    pub state: String,
    /// A staff user's name.
    pub assignee: Option<String>,
    /// Stem of a thread this case is linked to.
    pub thread: Option<String>,
    /// good or bad, when the customer was asked and answered.
    pub satisfaction: Option<String>,
    /// Earliest first; the first is the customer's.
    pub messages: Vec<CaseMessage>,
    #[serde(default)]
    pub notes: Vec<CaseNote>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseMessage {
    /// The staff user who wrote it; none when it came from the customer.
    pub from: Option<String>,
    pub hours_ago: f64,
    pub body: String,
}

/// An internal note; never shown to the customer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseNote {
    pub author: String,
    pub hours_ago: f64,
    pub body: String,
}

/// One post that appears on the X stand-in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamPost {
    pub author: Account,
    pub text: String,
    /// mention, search (names the brand without addressing it), reply, quote, repost, or edit of an earlier post.
    pub kind: String,
    /// The line (from 1) this post answers, quotes, reposts or replaces.
    pub reply_to_line: Option<usize>,
    /// Meant to exceed 280 weighted characters.
    #[serde(default)]
    pub long: bool,
    /// ISO 639-1; English when absent.
    pub lang: Option<String>,
    pub expect: Expectation,
}

/// An account on the X stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub id: String,
    pub username: String,
    pub name: String,
    pub followers: u32,
}

/// What a careful person would decide about a post: the measure of triage and linking.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// complaint, question, praise or noise.
    pub label: String,
    /// Only for complaints and questions: safety, money, blocked, many or annoyance.
    pub severity: Option<String>,
    pub product: Option<String>,
    /// Stem of the thread that answers or discusses it.
    pub thread: Option<String>,
    /// Can only be resolved with the customer's account, order or money: a ticket.
    #[serde(default)]
    pub needs_account: bool,
}

/// Something a simulated person does in the forum while the demo runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum LaterAct {
    /// A reply to an open question; with `accept` the asker accepts it a moment later.
    Answer {
        after_seconds: u64,
        thread: String,
        author: String,
        body: String,
        #[serde(default)]
        official: bool,
        #[serde(default)]
        accept: bool,
    },
    /// A known issue is declared fixed, with a last post that says so.
    Fixed {
        after_seconds: u64,
        thread: String,
        author: String,
        body: String,
        fixed_in: String,
    },
}

impl LaterAct {
    /// Seconds after the demo's start.
    pub fn after_seconds(&self) -> u64 {
        match self {
            Self::Answer { after_seconds, .. } | Self::Fixed { after_seconds, .. } => {
                *after_seconds
            }
        }
    }
}

/// Why the embedded content can't be used; `place` is a file, with a line or a key where one helps.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("{place}: not embedded")]
    Missing { place: String },
    #[error("{place}: {problem}")]
    Unreadable { place: String, problem: String },
    #[error("{place}: {problem}")]
    Inconsistent { place: String, problem: String },
}

type Result<T> = std::result::Result<T, ContentError>;

/// Parses all files and checks them against each other.
pub fn load() -> Result<Community> {
    let base: CommunityFile = parse_toml("community.toml")?;
    let cases: CasesFile = parse_toml("cases.toml")?;
    let mut threads = Vec::new();
    for path in Data::iter() {
        if let Some(stem) = path
            .strip_prefix("threads/")
            .and_then(|name| name.strip_suffix(".md"))
        {
            threads.push(parse_thread(stem, &read(&path)?)?);
        }
    }
    threads.sort_by(|a, b| {
        b.age_hours
            .total_cmp(&a.age_hours)
            .then_with(|| a.stem.cmp(&b.stem))
    });
    let mut later: Vec<LaterAct> = parse_lines("answers.jsonl")?;
    later.sort_by_key(LaterAct::after_seconds);
    let community = Community {
        company: base.company,
        products: base.products,
        tags: base.tags,
        users: base.users,
        threads,
        cases: cases.cases,
        stream: parse_lines("stream.jsonl")?,
        later,
    };
    check::check(&community)?;
    Ok(community)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommunityFile {
    company: Company,
    products: Vec<Product>,
    tags: Vec<Tag>,
    users: Vec<User>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CasesFile {
    cases: Vec<Case>,
}

fn read(path: &str) -> Result<String> {
    let file = Data::get(path).ok_or_else(|| ContentError::Missing {
        place: path.to_owned(),
    })?;
    String::from_utf8(file.data.into_owned()).map_err(|e| unreadable(path, e))
}

fn unreadable(place: &str, problem: impl ToString) -> ContentError {
    ContentError::Unreadable {
        place: place.to_owned(),
        problem: problem.to_string(),
    }
}

fn parse_toml<T: DeserializeOwned>(path: &str) -> Result<T> {
    toml::from_str(&read(path)?).map_err(|e| unreadable(path, e))
}

fn parse_lines<T: DeserializeOwned>(path: &str) -> Result<Vec<T>> {
    let text = read(path)?;
    let parse = |(i, line)| {
        serde_json::from_str(line).map_err(|e| unreadable(&format!("{path}:{}", i + 1), e))
    };
    text.lines().enumerate().map(parse).collect()
}

/// Front matter between `+++` lines, the opening message, then replies, each after a `--- reply` line.
fn parse_thread(stem: &str, text: &str) -> Result<Thread> {
    let place = format!("threads/{stem}.md");
    let (front, rest) = text
        .strip_prefix("+++\n")
        .and_then(|t| t.split_once("\n+++\n"))
        .ok_or_else(|| unreadable(&place, "no front matter between +++ lines"))?;
    let front: FrontMatter = toml::from_str(front).map_err(|e| unreadable(&place, e))?;
    let mut replies: Vec<Reply> = Vec::new();
    let mut body = String::new();
    for line in rest.lines() {
        if let Some(header) = line.strip_prefix("--- reply ") {
            replies
                .push(parse_reply_header(header).map_err(|problem| unreadable(&place, problem))?);
            continue;
        }
        let target = replies
            .last_mut()
            .map_or(&mut body, |reply| &mut reply.body);
        target.push_str(line);
        target.push('\n');
    }
    for reply in &mut replies {
        reply.body = reply.body.trim().to_owned();
    }
    Ok(Thread {
        stem: stem.to_owned(),
        product: front.product,
        topic: front.topic,
        kind: front.kind,
        state: front.state,
        title: front.title,
        author: front.author,
        tags: front.tags,
        age_hours: front.age_hours,
        me_toos: front.me_toos,
        pinned: front.pinned,
        official: front.official,
        fixed_in: front.fixed_in,
        body: body.trim().to_owned(),
        replies,
    })
}

fn parse_reply_header(header: &str) -> std::result::Result<Reply, String> {
    let mut words = BTreeMap::new();
    for word in header.split_whitespace() {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{word:?} is not key=value"))?;
        words.insert(key, value);
    }
    let reply = Reply {
        author: words
            .remove("author")
            .ok_or("a reply has no author")?
            .to_owned(),
        hours_later: words
            .remove("hours_later")
            .and_then(|hours| hours.parse().ok())
            .ok_or("a reply has no hours_later")?,
        accepted: words.remove("accepted") == Some("true"),
        primary: words.remove("primary") == Some("true"),
        official: words.remove("official") == Some("true"),
        body: String::new(),
    };
    match words.keys().next() {
        Some(key) => Err(format!("a reply knows no {key:?}")),
        None => Ok(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_content_loads_and_agrees() {
        let community = load().unwrap_or_else(|e| panic!("{e}"));
        assert!(
            community
                .threads
                .iter()
                .any(|t| t.state == "solved" && t.replies.len() > 2)
        );
        assert!(community.stream.iter().any(|p| p.expect.needs_account));
        for role in ["member", "moderator", "staff", "admin"] {
            let log_in = |u: &&User| u.role == role && u.email.is_some();
            assert_eq!(
                community.users.iter().filter(log_in).count(),
                1,
                "one log-in as {role}"
            );
        }
    }

    #[test]
    fn a_thread_file_keeps_its_parts_apart() {
        let text = "+++\nproduct = \"p\"\ntopic = \"t\"\nkind = \"question\"\nstate = \"solved\"\ntitle = \"T\"\n\
                    author = \"a\"\ntags = []\nage_hours = 5\n+++\nOne\n\n---\n\nTwo\n\
                    --- reply author=b hours_later=1.5 accepted=true primary=true\n\nYes\n";
        let thread = parse_thread("stem", text).unwrap();
        assert_eq!(thread.body, "One\n\n---\n\nTwo");
        assert_eq!(thread.replies.len(), 1);
        assert_eq!(
            (
                thread.replies[0].author.as_str(),
                thread.replies[0].body.as_str()
            ),
            ("b", "Yes")
        );
        assert!(thread.replies[0].primary && !thread.replies[0].official);
    }

    #[test]
    fn an_unknown_word_in_a_reply_line_is_refused() {
        assert!(parse_reply_header("author=b hours_later=1 acepted=true").is_err());
        assert!(parse_reply_header("author=b").is_err());
    }
}

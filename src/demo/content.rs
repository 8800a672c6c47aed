//! The demo's content: people, threads, cases and a stream of posts, written by hand in `src/demo/data/`.
//!
//! [`load`] parses the embedded files and checks that they agree with each other, so that whoever seeds a
//! database from them may follow every reference without asking again. Times are relative: hours before the
//! demo's first start for what exists already, seconds after it for what happens while somebody watches.
//! Words of the domain (roles, kinds, states) stay text here and are checked against the lists below; the
//! seeding code parses them into the slices' own types. A new file is embedded when this one is compiled
//! again; cargo watches only the files it has met.

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_embed::RustEmbed;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Weighted characters a post on X may have without being a long post (developer documentation of X).
const POST_WEIGHT_MAX: usize = 280;
/// Characters a shortened address counts for, whatever its length (the same documentation).
const URL_WEIGHT: usize = 23;

const ROLES: &[&str] = &["member", "moderator", "staff", "admin"];
const THREAD_KINDS: &[&str] = &[
    "question",
    "discussion",
    "known_issue",
    "article",
    "announcement",
];
const THREAD_STATES: &[&str] = &["open", "solved", "closed"];
const CASE_STATES: &[&str] = &[
    "new",
    "waiting_staff",
    "waiting_customer",
    "resolved",
    "closed",
];
const CASE_CHANNELS: &[&str] = &["email", "form"];
const SEVERITIES: &[&str] = &["safety", "money", "blocked", "many", "annoyance"];
const POST_KINDS: &[&str] = &["mention", "search", "reply", "quote", "repost", "edit"];
const LABELS: &[&str] = &["complaint", "question", "praise", "noise"];

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
    check(&community)?;
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

fn check(community: &Community) -> Result<()> {
    let names = Names::new(community)?;
    for user in &community.users {
        let place = format!("community.toml: user {}", user.name);
        among(&place, ROLES, &user.role)?;
        for product in &user.products {
            known(
                &place,
                "product",
                names.products.contains_key(product.as_str()),
                product,
            )?;
        }
    }
    for thread in &community.threads {
        check_thread(&names, thread)?;
    }
    for case in &community.cases {
        check_case(&names, case)?;
    }
    check_stream(&names, &community.company, &community.stream)?;
    community
        .later
        .iter()
        .try_for_each(|act| check_later(&names, act))
}

/// Everything that can be referred to by name.
struct Names<'a> {
    users: HashMap<&'a str, &'a User>,
    /// Product to its topics.
    products: HashMap<&'a str, HashSet<&'a str>>,
    tags: HashSet<&'a str>,
    threads: HashMap<&'a str, &'a Thread>,
}

impl<'a> Names<'a> {
    fn new(community: &'a Community) -> Result<Self> {
        unique(
            "community.toml: user",
            community.users.iter().map(|u| u.name.to_lowercase()),
        )?;
        unique(
            "community.toml: email",
            community.users.iter().filter_map(|u| u.email.clone()),
        )?;
        unique(
            "community.toml: product",
            community.products.iter().map(|p| p.slug.clone()),
        )?;
        unique(
            "community.toml: tag",
            community.tags.iter().map(|t| t.slug.clone()),
        )?;
        unique(
            "threads: title",
            community.threads.iter().map(|t| t.title.to_lowercase()),
        )?;
        unique(
            "cases.toml: key",
            community.cases.iter().map(|c| c.key.clone()),
        )?;
        for product in &community.products {
            let place = format!("community.toml: topic of {}", product.slug);
            unique(&place, product.topics.iter().map(|t| t.slug.clone()))?;
        }
        let topics = |p: &'a Product| p.topics.iter().map(|t| t.slug.as_str()).collect();
        Ok(Self {
            users: community
                .users
                .iter()
                .map(|u| (u.name.as_str(), u))
                .collect(),
            products: community
                .products
                .iter()
                .map(|p| (p.slug.as_str(), topics(p)))
                .collect(),
            tags: community.tags.iter().map(|t| t.slug.as_str()).collect(),
            threads: community
                .threads
                .iter()
                .map(|t| (t.stem.as_str(), t))
                .collect(),
        })
    }

    fn is_staff(&self, name: &str) -> bool {
        self.users
            .get(name)
            .is_some_and(|user| matches!(user.role.as_str(), "staff" | "admin"))
    }

    /// The author exists, is staff where the words are official, and had joined by then.
    fn check_author(&self, place: &str, name: &str, official: bool, hours_ago: f64) -> Result<()> {
        let user = self
            .users
            .get(name)
            .ok_or_else(|| inconsistent(place, format!("no user {name:?}")))?;
        ensure(place, !official || self.is_staff(name), || {
            format!("{name} is not staff but speaks officially")
        })?;
        ensure(
            place,
            f64::from(user.joined_days) * 24.0 >= hours_ago,
            || format!("{name} had not joined yet"),
        )
    }
}

fn check_thread(names: &Names, thread: &Thread) -> Result<()> {
    let place = format!("threads/{}.md", thread.stem);
    among(&place, THREAD_KINDS, &thread.kind)?;
    among(&place, THREAD_STATES, &thread.state)?;
    let topics = names.products.get(thread.product.as_str());
    known(&place, "product", topics.is_some(), &thread.product)?;
    known(
        &place,
        "topic",
        topics.is_some_and(|t| t.contains(thread.topic.as_str())),
        &thread.topic,
    )?;
    for tag in &thread.tags {
        known(&place, "tag", names.tags.contains(tag.as_str()), tag)?;
    }
    ensure(&place, !thread.body.is_empty(), || {
        "an empty opening message".into()
    })?;
    ensure(
        &place,
        (thread.me_toos as usize) < names.users.len(),
        || "more me-toos than users".into(),
    )?;
    names.check_author(&place, &thread.author, thread.official, thread.age_hours)?;
    let mut last_hours = 0.0;
    for reply in &thread.replies {
        let ago = thread.age_hours - reply.hours_later;
        names.check_author(&place, &reply.author, reply.official, ago)?;
        ensure(&place, reply.hours_later >= last_hours && ago > 0.0, || {
            format!(
                "the reply of {} after {} hours is out of order",
                reply.author, reply.hours_later
            )
        })?;
        ensure(&place, !reply.body.is_empty(), || {
            format!("an empty reply of {}", reply.author)
        })?;
        ensure(&place, !reply.primary || reply.accepted, || {
            "a primary answer that is not accepted".into()
        })?;
        last_hours = reply.hours_later;
    }
    let primaries = thread.replies.iter().filter(|r| r.primary).count();
    let wanted = usize::from(thread.kind == "question" && thread.state == "solved");
    ensure(&place, primaries == wanted, || {
        format!("{primaries} primary answers, {wanted} wanted")
    })?;
    let fixed = thread.kind == "known_issue" && thread.state == "solved";
    ensure(&place, thread.fixed_in.is_some() == fixed, || {
        "fixed_in belongs to fixed known issues".into()
    })
}

fn check_case(names: &Names, case: &Case) -> Result<()> {
    let place = format!("cases.toml: {}", case.key);
    among(&place, CASE_CHANNELS, &case.channel)?;
    among(&place, CASE_STATES, &case.state)?;
    among(&place, SEVERITIES, &case.severity)?;
    if let Some(product) = &case.product {
        let topics = names.products.get(product.as_str());
        known(&place, "product", topics.is_some(), product)?;
        if let Some(topic) = &case.topic {
            known(
                &place,
                "topic",
                topics.is_some_and(|t| t.contains(topic.as_str())),
                topic,
            )?;
        }
    }
    if let Some(stem) = &case.thread {
        known(
            &place,
            "thread",
            names.threads.contains_key(stem.as_str()),
            stem,
        )?;
    }
    let staff = case
        .assignee
        .iter()
        .chain(case.messages.iter().filter_map(|m| m.from.as_ref()));
    for name in staff.chain(case.notes.iter().map(|n| &n.author)) {
        ensure(&place, names.is_staff(name), || {
            format!("{name} is not staff")
        })?;
    }
    let from_customer = case.messages.first().is_some_and(|m| m.from.is_none());
    ensure(&place, from_customer, || {
        "the first message is not the customer's".into()
    })?;
    let in_order = case.messages.is_sorted_by(|a, b| a.hours_ago > b.hours_ago);
    ensure(&place, in_order, || "messages out of order".into())?;
    let reserved = ["example.com", "example.org", "example.net"];
    let domain = case.email.rsplit_once('@').map_or("", |(_, domain)| domain);
    ensure(&place, reserved.contains(&domain), || {
        format!("{} could be a real address", case.email)
    })
}

fn check_stream(names: &Names, company: &Company, stream: &[StreamPost]) -> Result<()> {
    let mut by_id: HashMap<&str, &Account> = HashMap::new();
    let mut by_username: HashMap<String, &Account> = HashMap::new();
    for (i, post) in stream.iter().enumerate() {
        let line = i + 1;
        let place = format!("stream.jsonl:{line}");
        let same_id = *by_id.entry(&post.author.id).or_insert(&post.author) == &post.author;
        let username = post.author.username.to_lowercase();
        let same_username = *by_username.entry(username).or_insert(&post.author) == &post.author;
        ensure(&place, same_id && same_username, || {
            format!("{} is two accounts", post.author.username)
        })?;
        among(&place, POST_KINDS, &post.kind)?;
        among(&place, LABELS, &post.expect.label)?;
        if let Some(severity) = &post.expect.severity {
            among(&place, SEVERITIES, severity)?;
        }
        if let Some(product) = &post.expect.product {
            known(
                &place,
                "product",
                names.products.contains_key(product.as_str()),
                product,
            )?;
        }
        if let Some(stem) = &post.expect.thread {
            known(
                &place,
                "thread",
                names.threads.contains_key(stem.as_str()),
                stem,
            )?;
        }
        if let Some(parent) = post.reply_to_line {
            ensure(&place, (1..line).contains(&parent), || {
                format!("line {parent} is not an earlier post")
            })?;
            let same_author = stream[parent - 1].author == post.author;
            ensure(&place, post.kind != "edit" || same_author, || {
                "an edit by somebody else".into()
            })?;
        }
        let refers = matches!(post.kind.as_str(), "reply" | "quote" | "repost" | "edit");
        ensure(&place, refers == post.reply_to_line.is_some(), || {
            "kind and reply_to_line disagree".into()
        })?;
        let text = post.text.to_lowercase();
        let addressed = text.contains(&format!("@{}", company.x_username.to_lowercase()));
        let named = company.search_terms.iter().any(|term| text.contains(term));
        let wanted = if post.kind == "search" {
            !addressed && named
        } else {
            addressed
        };
        ensure(&place, wanted, || {
            "a mention addresses the company, a search hit only names it".into()
        })?;
        let weight = post_weight(&post.text);
        ensure(&place, (weight > POST_WEIGHT_MAX) == post.long, || {
            format!("{weight} weighted characters")
        })?;
    }
    Ok(())
}

fn check_later(names: &Names, act: &LaterAct) -> Result<()> {
    let place = "answers.jsonl";
    let (stem, author, body, official, kind) = match act {
        LaterAct::Answer {
            thread,
            author,
            body,
            official,
            ..
        } => (thread, author, body, *official, "question"),
        LaterAct::Fixed {
            thread,
            author,
            body,
            ..
        } => (thread, author, body, true, "known_issue"),
    };
    names.check_author(place, author, official, 0.0)?;
    ensure(place, !body.is_empty(), || {
        format!("an empty body for {stem}")
    })?;
    let fits = names
        .threads
        .get(stem.as_str())
        .is_some_and(|t| t.kind == kind && t.state == "open");
    ensure(place, fits, || format!("{stem} is not an open {kind}"))
}

fn inconsistent(place: &str, problem: String) -> ContentError {
    ContentError::Inconsistent {
        place: place.to_owned(),
        problem,
    }
}

fn ensure(place: &str, holds: bool, problem: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(inconsistent(place, problem()))
    }
}

fn known(place: &str, what: &str, holds: bool, name: &str) -> Result<()> {
    ensure(place, holds, || format!("no {what} {name:?}"))
}

fn among(place: &str, words: &[&str], word: &str) -> Result<()> {
    ensure(place, words.contains(&word), || {
        format!("{word:?} is none of {}", words.join(", "))
    })
}

fn unique(place: &str, keys: impl Iterator<Item = String>) -> Result<()> {
    let mut seen = HashSet::new();
    for key in keys {
        ensure(place, !seen.contains(&key), || format!("{key:?} twice"))?;
        seen.insert(key);
    }
    Ok(())
}

/// Length as X counts it: Latin and general punctuation one, everything else two, an address 23.
fn post_weight(text: &str) -> usize {
    let word_weight = |word: &str| {
        if word.starts_with("https://") || word.starts_with("http://") {
            return URL_WEIGHT;
        }
        let weigh = |c: char| {
            if matches!(c, '\u{0}'..='\u{10ff}' | '\u{2000}'..='\u{201f}') {
                1
            } else {
                2
            }
        };
        word.chars().map(weigh).sum()
    };
    text.split_inclusive(char::is_whitespace)
        .map(word_weight)
        .sum()
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

    #[test]
    fn addresses_weigh_the_same_and_emoji_two() {
        assert_eq!(post_weight("help 😡"), 7);
        assert_eq!(
            post_weight("see https://example.com/a/very/long/path/that/goes/on/and/on"),
            4 + URL_WEIGHT
        );
    }
}

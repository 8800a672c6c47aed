//! Whether the parts of the content agree: every name that is referred to exists, times run forward, and
//! posts are as long as they claim.

use std::collections::{HashMap, HashSet};

use super::{
    Account, Case, Community, Company, ContentError, LaterAct, Product, Result, StreamPost, Thread,
    User,
};

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

/// Refuses content whose references, times or lengths are wrong.
pub(super) fn check(community: &Community) -> Result<()> {
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
    fn addresses_weigh_the_same_and_emoji_two() {
        assert_eq!(post_weight("help 😡"), 7);
        assert_eq!(
            post_weight("see https://example.com/a/very/long/path/that/goes/on/and/on"),
            4 + URL_WEIGHT
        );
    }
}

//! The X connector: what the calls of `client.rs` mean, and when each may be made.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::client::{Answer, Call, Client, Endpoint};
use super::{intent, oauth2, time_of_id, weight, wire};
use crate::clock::{Clock, DAY, HOUR, MINUTE, Moment};
use crate::config::{self, Dialect};
use crate::db::Db;
use crate::error::Error;
use crate::keys::Keys;
use crate::networks::budget::{Beside, Class, Meter, Tariff};
use crate::networks::{
    Account, Author, Connector, Cursor, Draft, Lookup, Network, NetworkError, Page, PostAddress,
    Problem, PublicPost, ReplyTo, Sent, SignIn, SignInPurpose, Sweep, compare_ids,
};
use crate::random::Random;

/// X's largest page.
const PAGE_POSTS_MAX: i64 = 100;
/// X's smallest pages.
const MENTIONS_PAGE_MIN: i64 = 5;
const SEARCH_PAGE_MIN: i64 = 10;
/// Most ids in one lookup.
const LOOKUP_IDS_MAX: usize = 100;
/// Pages of one walk back; X shows 800 mentions (8 pages) and no search needs more than this.
const SWEEP_PAGES_MAX: u32 = 40;
/// Pages of our own timeline looked at for one reply.
pub const OWN_PAGES_MAX: usize = 3;
/// Recent search reaches back seven days; we stay a little inside.
const SEARCH_WINDOW: i64 = 7 * DAY - 5 * MINUTE;
/// Authors remembered between pages.
const AUTHORS_MAX: usize = 10_000;

/// What we ask of an author; same names in both dialects.
pub const USER_FIELDS: &str =
    "created_at,name,profile_image_url,protected,public_metrics,username,verified,verified_type";
/// What we ask of a post in the older names.
const TWEET_FIELDS: &str = "author_id,conversation_id,created_at,edit_history_tweet_ids,entities,\
    in_reply_to_user_id,lang,note_tweet,public_metrics,referenced_tweets,reply_settings";
/// What we ask of a post in the newer names, where relations are expansions.
const POST_FIELDS: &str =
    "conversation_id,created_at,entities,lang,note_post,public_metrics,reply_settings";
const POST_EXPANSIONS: &str =
    "author_id,edit_history_post_ids,in_reply_to_user_id,referenced_posts";

/// Reads and answers as the brand's account on X.
pub struct XConnector {
    client: Client,
    meter: Meter,
    /// Where X's pages are, for people: the site of the sign-in page.
    web_base: String,
    account: Mutex<Option<Account>>,
    authors: Mutex<HashMap<String, Author>>,
}

impl XConnector {
    /// `secret` encrypts stored tokens. Makes no call; fails when the configured addresses are
    /// none.
    pub fn new(
        config: config::X,
        secret: &config::Secret,
        db: Db,
        clock: Clock,
    ) -> crate::error::Result<XConnector> {
        for (key, address) in [
            ("x.base_url", &config.base_url),
            ("x.authorize_url", &config.authorize_url),
        ] {
            url::Url::parse(address)
                .map_err(|e| Error::other(format!("`{key}` is no web address ({e})")))?;
        }
        let (keys, random) = (Keys::new(secret.expose()), Random::System);
        let tariff = Tariff::of_x(&config);
        let web_base = url::Url::parse(&config.authorize_url)
            .map(|url| url.origin().ascii_serialization())
            .unwrap_or_else(|_| wire::WEB_BASE.to_owned());
        let known = !config.user_id.is_empty() && !config.username.is_empty();
        let account = known.then(|| Account {
            id: config.user_id.clone(),
            username: config.username.clone(),
            display_name: config.username.clone(),
        });
        Ok(XConnector {
            meter: Meter::new(db.clone(), clock.clone(), Network::X, tariff),
            client: Client::new(config, keys, random, db, clock),
            web_base,
            account: Mutex::new(account),
            authors: Mutex::new(HashMap::new()),
        })
    }

    /// What was spent, and how near the caps are.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Asks X who we are, whatever the configuration says: shows that the credentials work.
    pub fn check_credentials(&self) -> Result<Account, NetworkError> {
        let answer = self.client.call(&Call {
            endpoint: Endpoint::Me,
            path: "/2/users/me".into(),
            query: vec![pair("user.fields", USER_FIELDS)],
            body: None,
            as_user: true,
        })?;
        self.book(Class::ReadUsers, 1)?;
        let author = me_of(&answer)?;
        Ok(Account {
            id: author.id,
            username: author.username,
            display_name: author.display_name,
        })
    }

    fn book(&self, class: Class, units: i64) -> Result<(), NetworkError> {
        self.client
            .db()
            .write(|tx| self.meter.record(tx, class, units))
            .map_err(storage)
    }

    fn refund(&self, class: Class) {
        let refunded = self.client.db().write(|tx| self.meter.refund(tx, class, 1));
        if let Err(error) = refunded {
            tracing::warn!(%error, "a call that X did not bill stays booked");
        }
    }

    /// The fields to ask for without who wrote it, of whom the id comes in the older names alone.
    fn bare_fields(&self) -> Vec<(String, String)> {
        vec![match self.client.config().dialect {
            Dialect::Tweet => pair("tweet.fields", TWEET_FIELDS),
            Dialect::Post => pair("post.fields", POST_FIELDS),
        }]
    }

    /// The fields to ask for, in the configured names.
    fn fields(&self) -> Vec<(String, String)> {
        let (fields, names, expansions) = match self.client.config().dialect {
            Dialect::Tweet => ("tweet.fields", TWEET_FIELDS, "author_id"),
            Dialect::Post => ("post.fields", POST_FIELDS, POST_EXPANSIONS),
        };
        vec![
            pair(fields, names),
            pair("expansions", expansions),
            pair("user.fields", USER_FIELDS),
        ]
    }

    /// What each post may bring: its author, and in the newer names by the expansions also whom it
    /// answers, the posts it answers and quotes, and an earlier version.
    fn beside(&self) -> Beside {
        match self.client.config().dialect {
            Dialect::Tweet => Beside { users: 1, posts: 0 },
            Dialect::Post => Beside { users: 2, posts: 3 },
        }
    }

    /// Reads an answer's posts, completes authors from memory, and books what came.
    fn take(&self, answer: &Answer, class: Class) -> Result<wire::Parsed, NetworkError> {
        let account = self.account()?;
        let mut parsed = wire::parse_value(&answer.json, Some(&account), &self.web_base);
        let mut authors = self.authors.lock().unwrap_or_else(|e| e.into_inner());
        if authors.len() >= AUTHORS_MAX {
            authors.clear();
        }
        // Whoever comes beside the posts counts, also those who were only answered.
        let beside = answer
            .json
            .pointer("/includes/users")
            .and_then(Value::as_array);
        let mut users = 0;
        for user in beside.into_iter().flatten().filter_map(wire::user) {
            users += i64::from(authors.insert(user.id.clone(), user).is_none());
        }
        for post in &mut parsed.posts {
            let Some(author) = &mut post.author else {
                continue;
            };
            if author.username.is_empty()
                && let Some(known) = authors.get(&author.id)
            {
                *author = known.clone();
                post.url = Some(super::post_url(&self.web_base, &author.username, &post.id));
            }
        }
        drop(authors);
        let posts = i64::try_from(parsed.post_count).unwrap_or(i64::MAX);
        self.client
            .db()
            .write(|tx| {
                self.meter.record(tx, class, posts)?;
                if users > 0 {
                    self.meter.record(tx, Class::ReadUsers, users)?;
                }
                Ok(())
            })
            .map_err(storage)?;
        Ok(parsed)
    }

    /// One page of a walk from the newest post back to the cursor.
    fn read_page(&self, walk: &Walk, cursor: &Cursor) -> Result<Page, NetworkError> {
        let affordable = self
            .meter
            .affordable_with(walk.class, self.beside(), walk.page_min)?;
        let now = self.client.now();
        let since_id = cursor.since_id.clone().filter(|id| walk.reaches(id, now));
        let start_at = match (&cursor.sweep, &since_id) {
            (Some(sweep), _) => sweep.start_at,
            (None, Some(_)) => None,
            (None, None) => Some(walk.start_at(cursor, now)),
        };
        let mut query = walk.query.clone();
        query.push(pair(
            "max_results",
            affordable.min(PAGE_POSTS_MAX).to_string(),
        ));
        match (start_at, since_id) {
            (Some(at), _) => query.push(pair("start_time", at.rfc3339())),
            (None, Some(id)) => query.push(pair("since_id", id)),
            (None, None) => {}
        }
        if let Some(sweep) = &cursor.sweep {
            query.push(pair(walk.token_name, sweep.token.clone()));
        }
        query.extend(self.fields());
        let answer = self.client.call(&Call {
            endpoint: walk.endpoint,
            path: walk.path.clone(),
            query,
            body: None,
            as_user: walk.as_user,
        });
        let answer = match answer {
            // A mark for a page can run out. The walk begins again; what it brought is known.
            Err(NetworkError::BadRequest { reason }) if cursor.sweep.is_some() => {
                tracing::info!(%reason, "X no longer knows the next page; reading begins again");
                let afresh = Cursor {
                    since_id: cursor.since_id.clone(),
                    sweep: None,
                };
                return self.read_page(walk, &afresh);
            }
            other => other?,
        };
        let mut parsed = self.take(&answer, walk.class)?;
        let (next_cursor, given_up) = next_cursor(cursor, &parsed, start_at);
        if given_up {
            parsed.problems.push(Problem {
                place: "the walk".into(),
                reason: format!("ended after {SWEEP_PAGES_MAX} pages; older posts were not read"),
            });
        }
        Ok(Page {
            more: next_cursor.sweep.is_some(),
            posts: parsed.posts,
            raw: answer.text,
            next_cursor,
            problems: parsed.problems,
        })
    }
}

/// How one timeline is walked.
struct Walk {
    endpoint: Endpoint,
    class: Class,
    path: String,
    query: Vec<(String, String)>,
    token_name: &'static str,
    page_min: i64,
    as_user: bool,
    /// How far back the timeline can be asked about.
    window: Option<i64>,
    /// How far back the first walk goes.
    first: i64,
}

impl Walk {
    /// Whether the network still takes this id as a beginning.
    fn reaches(&self, id: &str, now: Moment) -> bool {
        match (self.window, time_of_id(id)) {
            (Some(window), Some(at)) => at >= now.plus(-window),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    fn start_at(&self, cursor: &Cursor, now: Moment) -> Moment {
        let back = match (&cursor.since_id, self.window) {
            // We have read before: everything the window still shows is wanted.
            (Some(_), Some(window)) => window,
            (_, Some(window)) => self.first.min(window),
            (_, None) => self.first,
        };
        now.plus(-back)
    }
}

/// Where reading stands after a page, and whether older pages were given up.
fn next_cursor(cursor: &Cursor, parsed: &wire::Parsed, start_at: Option<Moment>) -> (Cursor, bool) {
    let ids = || parsed.posts.iter().map(|post| post.id.as_str());
    let newest_here = ids().max_by(|a, b| compare_ids(a, b));
    let oldest_here = ids().min_by(|a, b| compare_ids(a, b));
    let before = cursor.sweep.as_ref();
    let newest = before
        .map(|sweep| sweep.newest_id.as_str())
        .into_iter()
        .chain(newest_here)
        .chain(cursor.since_id.as_deref())
        .max_by(|a, b| compare_ids(a, b))
        .map(str::to_owned);
    let pages = before.map_or(0, |sweep| sweep.pages) + 1;
    let goes_back = match (before, oldest_here) {
        (Some(sweep), Some(oldest)) => compare_ids(oldest, &sweep.oldest_id).is_lt(),
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let finished = Cursor {
        since_id: newest.clone(),
        sweep: None,
    };
    match (&parsed.next_token, newest, oldest_here) {
        (Some(token), Some(newest_id), Some(oldest)) if goes_back => {
            if pages >= SWEEP_PAGES_MAX {
                return (finished, true);
            }
            let sweep = Sweep {
                token: token.clone(),
                newest_id,
                oldest_id: oldest.to_owned(),
                pages,
                start_at,
            };
            (
                Cursor {
                    since_id: cursor.since_id.clone(),
                    sweep: Some(sweep),
                },
                false,
            )
        }
        _ => (finished, false),
    }
}

impl Connector for XConnector {
    fn network(&self) -> Network {
        Network::X
    }

    fn account(&self) -> Result<Account, NetworkError> {
        let known = self
            .account
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .clone();
        if let Some(account) = known {
            return Ok(account);
        }
        let account = self.check_credentials()?;
        *self.account.lock().unwrap_or_else(|e| e.into_inner()) = Some(account.clone());
        Ok(account)
    }

    fn mentions(&self, cursor: &Cursor) -> Result<Page, NetworkError> {
        let account = self.account()?;
        let config = self.client.config();
        let walk = Walk {
            endpoint: Endpoint::Mentions,
            class: Class::ReadMentions,
            path: format!("/2/users/{}/mentions", account.id),
            query: Vec::new(),
            token_name: "pagination_token",
            page_min: MENTIONS_PAGE_MIN,
            // The lower price holds for the account's own token.
            as_user: config.owned_app,
            window: None,
            first: hours(config.first_hours),
        };
        self.read_page(&walk, cursor)
    }

    fn search(&self, cursor: &Cursor) -> Result<Option<Page>, NetworkError> {
        let config = self.client.config();
        if config.search_query.trim().is_empty() {
            return Ok(None);
        }
        let walk = Walk {
            endpoint: Endpoint::Search,
            class: Class::ReadSearch,
            path: "/2/tweets/search/recent".into(),
            query: vec![pair("query", config.search_query.trim())],
            token_name: "next_token",
            page_min: SEARCH_PAGE_MIN,
            as_user: false,
            window: Some(SEARCH_WINDOW),
            first: hours(config.first_hours),
        };
        self.read_page(&walk, cursor).map(Some)
    }

    fn lookup(&self, ids: &[String]) -> Result<Lookup, NetworkError> {
        self.look_up(ids, true)
    }

    fn standing(&self, ids: &[String]) -> Result<Lookup, NetworkError> {
        self.look_up(ids, false)
    }

    fn lookups_affordable(&self) -> Result<i64, NetworkError> {
        self.meter.affordable(Class::ReadLookup, 1)
    }

    fn own_posts_since(&self, id: &str) -> Result<Vec<PublicPost>, NetworkError> {
        let account = self.account()?;
        let mut posts = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..OWN_PAGES_MAX {
            let affordable = self.meter.affordable(Class::ReadOwn, MENTIONS_PAGE_MIN)?;
            let page = affordable.min(PAGE_POSTS_MAX);
            let mut query = vec![pair("max_results", page.to_string())];
            query.push(pair("since_id", id));
            if let Some(token) = &token {
                query.push(pair("pagination_token", token.clone()));
            }
            query.extend(self.fields());
            let answer = self.client.call(&Call {
                endpoint: Endpoint::OwnPosts,
                path: format!("/2/users/{}/tweets", account.id),
                query,
                body: None,
                as_user: true,
            })?;
            let parsed = self.take(&answer, Class::ReadOwn)?;
            posts.extend(parsed.posts);
            token = parsed.next_token;
            if token.is_none() {
                return Ok(posts);
            }
        }
        // What was not seen may stand there all the same.
        Err(NetworkError::Unavailable {
            reason: format!("our own posts since go on after {OWN_PAGES_MAX} pages"),
        })
    }

    fn reply(&self, to: &ReplyTo, text: &str) -> Result<Sent, NetworkError> {
        let draft = self.weigh(to, text);
        if let Some(reason) = draft.handoff_reason {
            return Err(NetworkError::Refused { reason });
        }
        if draft.length > draft.length_max {
            let reason = format!(
                "it is {} characters long as X counts them; {} are allowed",
                draft.length, draft.length_max
            );
            return Err(NetworkError::Refused { reason });
        }
        let class = reply_class(draft.has_link);
        self.meter.affordable(class, 1)?;
        // Booked before it is sent: after a crash the bill is never above what we counted.
        self.book(class, 1)?;
        let body = json!({"text": text, "reply": {"in_reply_to_tweet_id": to.post_id}});
        let answer = self.client.call(&Call {
            endpoint: Endpoint::CreatePost,
            path: "/2/tweets".into(),
            query: Vec::new(),
            body: Some(&body),
            as_user: true,
        });
        let error = match answer {
            Ok(answer) => match answer
                .json
                .get("data")
                .and_then(|d| wire::id_text(d.get("id")?))
            {
                Some(id) => return Ok(self.sent(id, draft.cost_micros)),
                None => NetworkError::Ambiguous {
                    reason: "the answer names no post".into(),
                },
            },
            Err(error) => error,
        };
        // X refuses a text it already has: then it stands there, from an attempt we lost.
        let twin = matches!(&error, NetworkError::Refused { reason }
            if reason.to_ascii_lowercase().contains("duplicate"));
        let ambiguous = matches!(error, NetworkError::Ambiguous { .. });
        if !ambiguous {
            self.refund(class);
        }
        if ambiguous || twin {
            match self.find_reply(to, text) {
                Ok(Some(sent)) => return Ok(sent),
                Ok(None) => {}
                Err(look) => {
                    tracing::info!(%look, "our own timeline can't be looked at now");
                    let reason = format!("{error} It could not be looked whether it stands there");
                    return Err(NetworkError::Ambiguous { reason });
                }
            }
        }
        Err(error)
    }

    fn find_reply(&self, to: &ReplyTo, text: &str) -> Result<Option<Sent>, NetworkError> {
        let posts = self.own_posts_since(&to.post_id)?;
        let found = posts.into_iter().find(|post| {
            post.ours
                && post.in_reply_to_post_id.as_deref() == Some(to.post_id.as_str())
                && same_words(&post.text, text)
        });
        Ok(found.map(|post| self.sent(post.id, 0)))
    }

    fn weigh(&self, to: &ReplyTo, text: &str) -> Draft {
        let has_link = weight::has_url(text);
        let handoff_reason = (!to.summoned).then(|| {
            "X lets an app answer only those who named the account or quoted one of its posts; \
             a person can post this reply by hand"
                .to_owned()
        });
        Draft {
            length: weight::weigh_reply(text, &[&to.author_username]),
            length_max: weight::LENGTH_MAX,
            has_link,
            cost_micros: self.meter.tariff().price(reply_class(has_link)),
            handoff_reason,
        }
    }

    fn handoff_url(&self, to: &ReplyTo, text: &str) -> String {
        intent::reply_url(&self.web_base, &to.post_id, text)
    }

    fn read_address(&self, address: &str) -> Option<PostAddress> {
        intent::parse_post_address(address, Some(&self.web_base))
    }

    fn begin_sign_in(&self, purpose: SignInPurpose, redirect_uri: &str) -> Option<SignIn> {
        let config = self.client.config();
        if config.client_id.is_empty() {
            return None;
        }
        oauth2::begin(
            &config.authorize_url,
            &config.client_id,
            redirect_uri,
            purpose,
            self.client.random(),
        )
    }

    fn finish_sign_in(
        &self,
        purpose: SignInPurpose,
        redirect_uri: &str,
        code: &str,
        verifier: &str,
    ) -> Result<Author, NetworkError> {
        self.meter.affordable(Class::ReadUsers, 1)?;
        let tokens = self.client.exchange(code, redirect_uri, verifier)?;
        let author = self
            .client
            .me_with(&tokens)
            .and_then(|answer| me_of(&answer));
        if author.is_ok() {
            self.book(Class::ReadUsers, 1)?;
        }
        match (purpose, author) {
            (SignInPurpose::Connect, Ok(author)) => {
                let account = self
                    .account
                    .lock()
                    .unwrap_or_else(|e| e.into_inner())
                    .clone();
                if account.is_some_and(|account| account.id != author.id) {
                    self.client.revoke(&tokens);
                    return Err(NetworkError::Refused {
                        reason: format!(
                            "@{} signed in, which is not the configured account",
                            author.username
                        ),
                    });
                }
                self.client.keep_tokens(&tokens)?;
                Ok(author)
            }
            (_, author) => {
                self.client.revoke(&tokens);
                author
            }
        }
    }
}

impl XConnector {
    fn look_up(&self, ids: &[String], authors: bool) -> Result<Lookup, NetworkError> {
        let mut result = Lookup::default();
        let mut seen = HashSet::new();
        let asked: Vec<&String> = ids
            .iter()
            .filter(|id| wire::is_id(id) && seen.insert(id.as_str()))
            .collect();
        for chunk in asked.chunks(LOOKUP_IDS_MAX) {
            match self.lookup_chunk(chunk, authors) {
                Ok(part) => {
                    result.found.extend(part.found);
                    result.gone.extend(part.gone);
                    result.unknown.extend(part.unknown);
                }
                // What was learnt before the error counts.
                Err(error) if result.found.is_empty() && result.gone.is_empty() => {
                    return Err(error);
                }
                Err(_) => result.unknown.extend(chunk.iter().map(|id| (*id).clone())),
            }
        }
        Ok(result)
    }

    fn lookup_chunk(&self, chunk: &[&String], authors: bool) -> Result<Lookup, NetworkError> {
        let posts = i64::try_from(chunk.len()).unwrap_or(1);
        if authors {
            self.meter
                .affordable_with(Class::ReadLookup, self.beside(), posts)?;
        } else {
            self.meter.affordable(Class::ReadLookup, posts)?;
        }
        let ids: Vec<&str> = chunk.iter().map(|id| id.as_str()).collect();
        let mut query = vec![pair("ids", ids.join(","))];
        query.extend(if authors {
            self.fields()
        } else {
            self.bare_fields()
        });
        let answer = self.client.call(&Call {
            endpoint: Endpoint::Lookup,
            path: "/2/tweets".into(),
            query,
            body: None,
            as_user: false,
        })?;
        let parsed = self.take(&answer, Class::ReadLookup)?;
        let answered: HashSet<&str> = parsed
            .posts
            .iter()
            .map(|post| post.id.as_str())
            .chain(parsed.gone.iter().map(String::as_str))
            .collect();
        let unknown = ids.iter().filter(|id| !answered.contains(*id));
        Ok(Lookup {
            unknown: unknown.map(|id| (*id).to_owned()).collect(),
            gone: parsed.gone,
            found: parsed.posts,
        })
    }

    fn sent(&self, id: String, cost_micros: i64) -> Sent {
        let username = self
            .account()
            .map(|account| account.username)
            .unwrap_or_default();
        Sent {
            url: Some(super::post_url(&self.web_base, &username, &id)),
            id,
            cost_micros,
        }
    }
}

fn me_of(answer: &Answer) -> Result<Author, NetworkError> {
    answer
        .json
        .get("data")
        .and_then(wire::user)
        .ok_or_else(|| NetworkError::BadAnswer {
            reason: "it names no user".into(),
        })
}

fn reply_class(has_link: bool) -> Class {
    if has_link {
        Class::WriteReplyUrl
    } else {
        Class::WriteReply
    }
}

fn hours(hours: u64) -> i64 {
    i64::try_from(hours).unwrap_or(0).saturating_mul(HOUR)
}

/// Whether a post of ours says what we meant to say.
fn same_words(theirs: &str, ours: &str) -> bool {
    weight::essence(theirs) == weight::essence(ours)
}

fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn storage(error: crate::error::Error) -> NetworkError {
    NetworkError::Storage {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[u64], token: Option<&str>) -> wire::Parsed {
        let data: Vec<Value> = ids
            .iter()
            .map(|id| {
                json!({"id": id.to_string(), "text": "t", "author_id": "1",
                "created_at": "2026-11-22T00:00:00Z"})
            })
            .collect();
        let body = json!({"data": data, "meta": {"next_token": token}});
        wire::parse_value(&body, None, "https://x.com")
    }

    fn walk(cursor: &Cursor, ids: &[u64], token: Option<&str>) -> Cursor {
        next_cursor(cursor, &page(ids, token), None).0
    }

    #[test]
    fn the_cursor_moves_only_when_the_walk_has_arrived() {
        let start = Cursor {
            since_id: Some("100".into()),
            sweep: None,
        };
        let first = walk(&start, &[150, 140], Some("a"));
        assert_eq!(first.since_id.as_deref(), Some("100"));
        let second = walk(&first, &[130, 120], Some("b"));
        assert_eq!(second.sweep.as_ref().map(|s| s.pages), Some(2));
        let last = walk(&second, &[110], None);
        assert_eq!(
            last,
            Cursor {
                since_id: Some("150".into()),
                sweep: None
            }
        );
    }

    #[test]
    fn a_token_that_leads_nowhere_ends_the_walk() {
        let start = Cursor::default();
        let first = walk(&start, &[150, 140], Some("a"));
        assert_eq!(
            walk(&first, &[150, 140], Some("a")).sweep,
            None,
            "the same page again"
        );
        assert_eq!(
            walk(&first, &[], Some("b")).since_id.as_deref(),
            Some("150")
        );
        assert_eq!(walk(&start, &[], Some("b")), Cursor::default());
    }

    #[test]
    fn ids_of_different_length_compare_as_numbers() {
        let start = Cursor {
            since_id: Some("999".into()),
            sweep: None,
        };
        assert_eq!(
            walk(&start, &[1000], None).since_id.as_deref(),
            Some("1000")
        );
        assert_eq!(walk(&start, &[], None).since_id.as_deref(), Some("999"));
    }

    #[test]
    fn replies_are_recognised_in_the_networks_dress() {
        assert!(same_words(
            "@ada Sorry! See https://t.co/abc123 for help.",
            "Sorry!  See https://help.example.org/t/5/slow for help."
        ));
        assert!(!same_words("@ada Sorry! https://t.co/x", "Sorry!"));
    }

    #[test]
    fn search_forgets_a_cursor_older_than_its_window() {
        let walk = Walk {
            endpoint: Endpoint::Search,
            class: Class::ReadSearch,
            path: String::new(),
            query: Vec::new(),
            token_name: "next_token",
            page_min: 10,
            as_user: false,
            window: Some(SEARCH_WINDOW),
            first: HOUR,
        };
        let now = Moment::parse("2026-11-22T00:00:00Z").expect("a time");
        let id = |days: i64| super::super::id_at(now.plus(-days * DAY)).to_string();
        assert!(walk.reaches(&id(6), now));
        assert!(!walk.reaches(&id(8), now));
        let old = Cursor {
            since_id: Some(id(8)),
            sweep: None,
        };
        assert_eq!(walk.start_at(&old, now), now.plus(-SEARCH_WINDOW));
        assert_eq!(walk.start_at(&Cursor::default(), now), now.plus(-HOUR));
    }
}

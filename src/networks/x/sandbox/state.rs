//! Accounts, posts and tokens of the stand-in, and the journal they are read back from.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use serde::{Deserialize, Serialize};

use super::SandboxConfig;
use crate::clock::{Clock, Moment, SECOND};
use crate::files;
use crate::networks::x::{id_at, intent, wire};

/// Longest text of a post, in bytes: X's long posts have up to 25,000 characters.
const TEXT_BYTES_MAX: usize = 100_000;
/// Accounts made up for customers get ids from here on.
const CUSTOMER_ID_FIRST: u64 = 5_000_000_001;
/// Lifetime of an access token, in seconds, as X documents it.
pub const ACCESS_SECONDS: i64 = 7_200;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: u64,
    pub username: String,
    pub name: String,
    pub followers: i64,
    pub verified: bool,
    pub created_at: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    pub id: u64,
    /// All versions, oldest first; this one is last.
    pub history: Vec<u64>,
    pub author_id: u64,
    /// As typed.
    pub text: String,
    pub conversation_id: u64,
    pub in_reply_to: Option<u64>,
    pub quote_of: Option<u64>,
    pub repost_of: Option<u64>,
    pub created_at: Moment,
    pub deleted: bool,
    /// The version that came after this one.
    pub edited_to: Option<u64>,
}

/// A post to be made, by anybody. Unknown accounts are made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    pub username: String,
    #[serde(default)]
    pub text: String,
    #[serde(default, deserialize_with = "id_or_text")]
    pub in_reply_to: Option<u64>,
    #[serde(default, deserialize_with = "id_or_text")]
    pub quote_of: Option<u64>,
    #[serde(default, deserialize_with = "id_or_text")]
    pub repost_of: Option<u64>,
    #[serde(default, deserialize_with = "id_or_text")]
    pub edit_of: Option<u64>,
    /// Sets the account's name, followers and mark when given.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub followers: Option<i64>,
    #[serde(default)]
    pub verified: Option<bool>,
    /// When it is to have been posted; now when left out. RFC 3339.
    #[serde(default)]
    pub posted_at: Option<String>,
}

/// Ids come as numbers or, from careful clients, as text; an empty text is none.
fn id_or_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Option::<Either>::deserialize(from)? {
        None => Ok(None),
        Some(Either::Number(number)) => Ok(Some(number)),
        Some(Either::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(Either::Text(text)) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom("is not an id")),
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    pub access: String,
    pub refresh: Option<String>,
    pub user_id: u64,
    pub scopes: String,
    pub expires_at: Moment,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    User(User),
    Post(Post),
    Deleted(u64),
    Token(Token),
    /// An access token that no longer counts, with its refresh token.
    Revoked(String),
}

pub struct State {
    clock: Clock,
    users: BTreeMap<u64, User>,
    by_name: HashMap<String, u64>,
    posts: BTreeMap<u64, Post>,
    tokens: Vec<Token>,
    last_id: u64,
    journal: Option<File>,
}

impl State {
    pub fn open(config: &SandboxConfig) -> io::Result<State> {
        let mut state = State {
            clock: config.clock.clone(),
            users: BTreeMap::new(),
            by_name: HashMap::new(),
            posts: BTreeMap::new(),
            tokens: Vec::new(),
            last_id: 0,
            journal: None,
        };
        if let Some(path) = &config.journal {
            if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
                files::make_dir(dir)?;
            }
            let file = files::private()
                .create(true)
                .read(true)
                .append(true)
                .open(path)?;
            for line in BufReader::new(&file).lines() {
                // A line cut off by a kill is the last one, and was never acknowledged.
                if let Ok(event) = serde_json::from_str(&line?) {
                    state.apply(event);
                }
            }
            (&file).write_all(b"\n")?;
            state.journal = Some(file);
        }
        if !state.users.contains_key(&config.brand_id) {
            state.put(Event::User(User {
                id: config.brand_id,
                username: config.brand_username.clone(),
                name: config.brand_name.clone(),
                followers: 12_000,
                verified: true,
                created_at: state.clock.now(),
            }))?;
            let token = Token {
                access: config.access_token.clone(),
                refresh: Some(config.refresh_token.clone()),
                user_id: config.brand_id,
                scopes: "tweet.read users.read tweet.write offline.access".into(),
                // The demo's own token does not run out while somebody watches.
                expires_at: state.clock.now().plus(365 * 24 * 3_600 * SECOND),
            };
            state.put(Event::Token(token))?;
        }
        Ok(state)
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    fn put(&mut self, event: Event) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            let mut line = serde_json::to_vec(&event).map_err(io::Error::other)?;
            line.push(b'\n');
            journal.write_all(&line)?;
        }
        self.apply(event);
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::User(user) => {
                self.by_name
                    .insert(user.username.to_ascii_lowercase(), user.id);
                self.users.insert(user.id, user);
            }
            Event::Post(post) => {
                self.last_id = self.last_id.max(post.id);
                if let Some(before) = post.history.iter().rev().nth(1)
                    && let Some(before) = self.posts.get_mut(before)
                {
                    before.edited_to = Some(post.id);
                }
                self.posts.insert(post.id, post);
            }
            Event::Deleted(id) => {
                let history = self
                    .posts
                    .get(&id)
                    .map(|p| p.history.clone())
                    .unwrap_or_default();
                for version in history {
                    if let Some(post) = self.posts.get_mut(&version) {
                        post.deleted = true;
                    }
                }
            }
            Event::Token(token) => self.tokens.push(token),
            Event::Revoked(access) => self.tokens.retain(|token| token.access != access),
        }
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    pub fn user(&self, id: u64) -> Option<&User> {
        self.users.get(&id)
    }

    pub fn user_called(&self, name: &str) -> Option<&User> {
        let key = name.trim_start_matches('@').to_ascii_lowercase();
        self.by_name.get(&key).and_then(|id| self.users.get(id))
    }

    /// Every version of every post, deleted ones too, oldest first.
    pub fn posts(&self) -> impl DoubleEndedIterator<Item = &Post> {
        self.posts.values()
    }

    pub fn get(&self, id: u64) -> Option<&Post> {
        self.posts.get(&id)
    }

    /// Newest versions of posts that stand, newest first.
    pub fn standing(&self) -> impl Iterator<Item = &Post> {
        self.posts
            .values()
            .rev()
            .filter(|post| !post.deleted && post.edited_to.is_none())
    }

    /// Ids rise with time; a post set into the past gets an id of its time that is free.
    fn fresh_id(&mut self, at: Moment, past: bool) -> u64 {
        let mut id = id_at(at);
        if past {
            while self.posts.contains_key(&id) {
                id += 1;
            }
        } else {
            id = id.max(self.last_id + 1);
        }
        self.last_id = self.last_id.max(id);
        id
    }

    /// The account of that name, made if there is none.
    pub fn account(&mut self, new: &NewPost) -> Result<u64, String> {
        let username = new.username.trim().trim_start_matches('@');
        if !intent::is_username(username) {
            return Err(format!("\"{username}\" can't be a username"));
        }
        let known = self.user_called(username).cloned();
        let id = match &known {
            Some(user) => user.id,
            None => self
                .users
                .keys()
                .next_back()
                .map_or(0, |id| id + 1)
                .max(CUSTOMER_ID_FIRST),
        };
        let now = self.now();
        let before = known.clone().unwrap_or(User {
            id,
            username: username.to_owned(),
            name: username.to_owned(),
            followers: 40,
            verified: false,
            created_at: now,
        });
        let user = User {
            name: new
                .name
                .clone()
                .filter(|n| !n.is_empty())
                .unwrap_or(before.name.clone()),
            followers: new.followers.unwrap_or(before.followers),
            verified: new.verified.unwrap_or(before.verified),
            ..before
        };
        if known.as_ref() != Some(&user) {
            self.put(Event::User(user)).map_err(|e| e.to_string())?;
        }
        Ok(id)
    }

    /// Makes a post without X's rules for apps: people post by hand.
    pub fn post(&mut self, new: NewPost) -> Result<u64, String> {
        let author_id = self.account(&new)?;
        if new.text.trim().is_empty() && new.repost_of.is_none() {
            return Err("a post needs a text".into());
        }
        if new.text.len() > TEXT_BYTES_MAX {
            return Err("the text is too long".into());
        }
        for id in [new.in_reply_to, new.quote_of, new.repost_of, new.edit_of]
            .into_iter()
            .flatten()
        {
            if self.posts.get(&id).is_none_or(|post| post.deleted) {
                return Err(format!("there is no post {id}"));
            }
        }
        let at = match &new.posted_at {
            Some(text) => Moment::parse(text).ok_or("posted_at is no time")?,
            None => self.now(),
        };
        let id = self.fresh_id(at, new.posted_at.is_some());
        let before = new.edit_of.and_then(|id| self.posts.get(&id)).cloned();
        let post = match before {
            Some(before) if before.author_id != author_id => {
                return Err("only its author can edit a post".into());
            }
            Some(before) => Post {
                id,
                history: before.history.iter().copied().chain([id]).collect(),
                text: new.text,
                edited_to: None,
                ..before
            },
            None => {
                let parent = new.in_reply_to.and_then(|id| self.posts.get(&id));
                Post {
                    id,
                    history: vec![id],
                    author_id,
                    text: new.text,
                    conversation_id: parent.map_or(id, |parent| parent.conversation_id),
                    in_reply_to: new.in_reply_to,
                    quote_of: new.quote_of,
                    repost_of: new.repost_of,
                    created_at: at,
                    deleted: false,
                    edited_to: None,
                }
            }
        };
        self.put(Event::Post(post)).map_err(|e| e.to_string())?;
        Ok(id)
    }

    pub fn delete(&mut self, id: u64) -> bool {
        if self.posts.get(&id).is_none_or(|post| post.deleted) {
            return false;
        }
        self.put(Event::Deleted(id)).is_ok()
    }

    /// Whether the author of this post named or quoted the account: it may then be answered by
    /// an app. A reply to the account carries its name before the text, as X shows it.
    pub fn summons(&self, post: &Post, account: u64) -> bool {
        let Some(user) = self.user(account) else {
            return false;
        };
        let text = self.shown_text(post);
        let named =
            wire::mentioned_usernames(&text).any(|name| name.eq_ignore_ascii_case(&user.username));
        let quoted = post.quote_of.and_then(|id| self.get(id));
        named || post.author_id == account || quoted.is_some_and(|q| q.author_id == account)
    }

    /// The text with the name of the person replied to before it, as X puts it there.
    pub fn shown_text(&self, post: &Post) -> String {
        if let Some(original) = post.repost_of.and_then(|id| self.get(id)) {
            let name = self
                .user(original.author_id)
                .map_or("", |user| user.username.as_str());
            return format!("RT @{name}: {}", original.text);
        }
        let parent = post.in_reply_to.and_then(|id| self.get(id));
        let parent = parent.filter(|parent| parent.author_id != post.author_id);
        let Some(user) = parent.and_then(|parent| self.user(parent.author_id)) else {
            return post.text.clone();
        };
        let named = wire::mentioned_usernames(&post.text)
            .any(|name| name.eq_ignore_ascii_case(&user.username));
        if named {
            post.text.clone()
        } else {
            format!("@{} {}", user.username, post.text)
        }
    }

    // Tokens

    pub fn token(&self, access: &str) -> Option<&Token> {
        let now = self.now();
        self.tokens
            .iter()
            .find(|token| token.access == access && token.expires_at > now)
    }

    pub fn grant(&mut self, user_id: u64, scopes: &str, made: [String; 2]) -> Option<Token> {
        let [access, refresh] = made;
        let lasting = scopes
            .split_whitespace()
            .any(|scope| scope == "offline.access");
        let token = Token {
            access,
            refresh: lasting.then_some(refresh),
            user_id,
            scopes: scopes.to_owned(),
            expires_at: self.now().plus(ACCESS_SECONDS * SECOND),
        };
        self.put(Event::Token(token.clone())).ok()?;
        Some(token)
    }

    /// Gives out what a refresh token stands for, and ends it: each is good once.
    pub fn take_refresh(&mut self, refresh: &str) -> Option<Token> {
        let token = self
            .tokens
            .iter()
            .find(|t| t.refresh.as_deref() == Some(refresh))
            .cloned()?;
        self.put(Event::Revoked(token.access.clone())).ok()?;
        Some(token)
    }

    pub fn revoke(&mut self, text: &str) {
        let access = self
            .tokens
            .iter()
            .find(|t| t.access == text || t.refresh.as_deref() == Some(text))
            .map(|t| t.access.clone());
        if let Some(access) = access
            && let Err(error) = self.put(Event::Revoked(access))
        {
            tracing::warn!(%error, "the stand-in's journal can't be written");
        }
    }

    pub fn expire_access_tokens(&mut self) {
        let now = self.now();
        for token in &mut self.tokens {
            token.expires_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(username: &str, text: &str) -> NewPost {
        NewPost {
            username: username.into(),
            text: text.into(),
            ..NewPost::default()
        }
    }

    #[test]
    fn a_restart_continues_from_the_journal() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = SandboxConfig::for_brand("Brand", "Brand");
        config.journal = Some(dir.path().join("sub/journal.jsonl"));
        let mut state = State::open(&config).expect("opened");
        let first = state.post(by("ada", "it is broken")).expect("posted");
        let second = state.post(by("bob", "mine too")).expect("posted");
        let edit = NewPost {
            edit_of: Some(first),
            ..by("ada", "it is very broken")
        };
        let third = state.post(edit).expect("edited");
        assert!(state.delete(second));
        drop(state);
        let path = config.journal.clone().expect("a path");
        let cut = File::options().append(true).open(path).expect("opened");
        (&cut).write_all(b"{\"post\":{\"id\":1").expect("written");
        let mut state = State::open(&config).expect("opened again");
        let standing: Vec<u64> = state.standing().map(|post| post.id).collect();
        assert_eq!(standing, [third]);
        assert_eq!(
            state.get(third).map(|p| p.history.clone()),
            Some(vec![first, third])
        );
        assert!(state.post(by("ada", "later")).expect("posted") > third);
        assert!(state.token(&config.access_token).is_some());
    }

    #[test]
    fn a_name_or_a_quote_summons() {
        let config = SandboxConfig::for_brand("Brand", "Brand");
        let mut state = State::open(&config).expect("opened");
        let ours = state.post(by("Brand", "hello")).expect("posted");
        let mut summons = |new: NewPost| {
            let id = state.post(new).expect("posted");
            let post = state.get(id).cloned().expect("there");
            state.summons(&post, config.brand_id)
        };
        assert!(summons(by("ada", "why, @BRAND?")));
        assert!(!summons(by("ada", "brand is slow")));
        assert!(!summons(by("ada", "write to me@brand")));
        assert!(summons(NewPost {
            quote_of: Some(ours),
            ..by("ada", "look")
        }));
        assert!(summons(NewPost {
            in_reply_to: Some(ours),
            ..by("ada", "no")
        }));
    }
}

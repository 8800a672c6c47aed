//! Networks: what a public post is, the `Connector` that reads and answers on one network,
//! the budget that bounds the bill, and the reader of saved files.
//!
//! Nothing here knows a case, a thread or a user. A connector is synchronous: call it from a
//! job or a blocking thread, never from a request handler's own thread.

pub mod budget;
pub mod import;
pub mod store;
pub mod x;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// A place where people complain in public. `Import` is a saved file of unknown origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    X,
    Bluesky,
    Mastodon,
    Import,
}

impl Network {
    pub const ALL: [Network; 4] = [
        Network::X,
        Network::Bluesky,
        Network::Mastodon,
        Network::Import,
    ];

    /// The text stored in tables and used in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Network::X => "x",
            Network::Bluesky => "bluesky",
            Network::Mastodon => "mastodon",
            Network::Import => "import",
        }
    }

    /// The name people read.
    pub fn label(self) -> &'static str {
        match self {
            Network::X => "X",
            Network::Bluesky => "Bluesky",
            Network::Mastodon => "Mastodon",
            Network::Import => "Imported file",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no network that Offramp knows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not a network; known are x, bluesky, mastodon and import")]
pub struct UnknownNetwork(String);

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "x" => Ok(Network::X),
            "bluesky" => Ok(Network::Bluesky),
            "mastodon" => Ok(Network::Mastodon),
            "import" => Ok(Network::Import),
            other => Err(UnknownNetwork(other.chars().take(40).collect())),
        }
    }
}

/// How a post stands to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PostKind {
    Post,
    Reply,
    Quote,
    Repost,
}

impl PostKind {
    /// The text stored in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            PostKind::Post => "post",
            PostKind::Reply => "reply",
            PostKind::Quote => "quote",
            PostKind::Repost => "repost",
        }
    }
}

/// Who wrote a post, as far as the network said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The network's own id; never changes, unlike the username.
    pub id: String,
    /// Without the @. Empty when the network gave only the id.
    pub username: String,
    pub display_name: String,
    pub avatar_url: Option<String>,
    pub followers: i64,
    pub verified: bool,
}

impl Author {
    /// The id of an author of whom only the username is known: with the @ it is no network's own.
    pub fn id_of_username(username: &str) -> String {
        format!("@{}", username.to_lowercase())
    }

    /// Whether `id` is the network's own, and not made of the username.
    pub fn has_network_id(&self) -> bool {
        !self.id.starts_with('@')
    }

    /// An author of whom only the id is known.
    pub fn known_by_id(id: String) -> Author {
        Author {
            id,
            username: String::new(),
            display_name: String::new(),
            avatar_url: None,
            followers: 0,
            verified: false,
        }
    }
}

/// One public post, with the network's own names translated into ours and nothing else changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPost {
    pub network: Network,
    /// Id of this version. Text, because X's ids do not fit a JavaScript number.
    pub id: String,
    /// Id of the first version; stays the same when the author edits. Store a post once by this.
    pub first_id: String,
    /// None when the network, or the file, did not say.
    pub author: Option<Author>,
    /// The full text as its author wrote it, entities decoded once; not yet escaped for a page.
    pub text: String,
    /// Id of the post that began the conversation; the post's own id where it began one.
    pub conversation_id: String,
    pub in_reply_to_post_id: Option<String>,
    pub in_reply_to_user_id: Option<String>,
    pub quoted_post_id: Option<String>,
    pub kind: PostKind,
    /// BCP 47; None when the network could not tell ("und").
    pub language: Option<String>,
    /// Where a person can read it.
    pub url: Option<String>,
    pub posted_at: Moment,
    /// Written by our own account.
    pub ours: bool,
    /// The author named us or quoted one of our posts: the network lets us answer by API.
    pub summoned: bool,
    /// The post's own JSON (or CSV row as JSON), as received.
    pub raw: String,
}

/// Longest id of a post or an account (bytes); networks have at most 20 digits, files may have
/// addresses.
const ID_BYTES_MAX: usize = 500;
/// Longest code of a language that is kept (bytes); BCP 47 recommends room for 35.
const LANGUAGE_BYTES_MAX: usize = 35;
/// Longest address of a post or a picture that is kept (bytes).
const URL_BYTES_MAX: usize = 2_000;

/// Whether nothing in it is a control character (PostgreSQL takes no NUL) and it is not too long.
fn is_plain(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && !text.chars().any(char::is_control)
}

impl PublicPost {
    /// The post, unless one of its ids is none. What is only told beside it, its language and
    /// addresses, is left out when it is not plain.
    pub fn checked(mut self) -> Result<PublicPost, String> {
        let author = self.author.as_ref().map(|author| &author.id);
        let ids = [&self.id, &self.first_id, &self.conversation_id]
            .into_iter()
            .chain(&self.in_reply_to_post_id)
            .chain(&self.in_reply_to_user_id)
            .chain(&self.quoted_post_id)
            .chain(author);
        for id in ids {
            if id.is_empty() || !is_plain(id, ID_BYTES_MAX) {
                return Err("has an id that is none".to_owned());
            }
        }
        self.language = self.language.filter(|l| is_plain(l, LANGUAGE_BYTES_MAX));
        self.url = self.url.filter(|url| is_plain(url, URL_BYTES_MAX));
        if let Some(author) = &mut self.author {
            let avatar = author.avatar_url.take();
            author.avatar_url = avatar.filter(|url| is_plain(url, URL_BYTES_MAX));
        }
        Ok(self)
    }
}

/// Our own account on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    /// Without the @.
    pub username: String,
    pub display_name: String,
}

impl Account {
    /// Whether `author` is this account: by id, and by name where one of the ids is not known.
    pub fn is(&self, author: &Author) -> bool {
        if self.id.is_empty() || !author.has_network_id() {
            return self.is_called(&author.username);
        }
        author.id == self.id
    }

    /// Whether `username`, with or without the @, is this account's; case does not count.
    pub fn is_called(&self, username: &str) -> bool {
        !self.username.is_empty()
            && username
                .trim_start_matches('@')
                .eq_ignore_ascii_case(&self.username)
    }
}

/// What a post's address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAddress {
    pub id: String,
    /// Without the @; none in addresses that leave the name out.
    pub username: Option<String>,
}

/// One thing in an answer or a file that could not be read; the rest was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where: "post 3", "line 17".
    pub place: String,
    /// Why, in plain words.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Where reading stands. Store it (as `to_text`) after the posts of the page are stored, never
/// before: a crash then reads the page again, and storing by `first_id` makes that harmless.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// Everything up to this id is read.
    #[serde(default)]
    pub since_id: Option<String>,
    /// A walk over several pages that has not reached `since_id` yet.
    #[serde(default)]
    pub sweep: Option<Sweep>,
}

/// A walk from the newest post back to the cursor, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The network's mark for the next page.
    pub token: String,
    /// Highest id seen on this walk; becomes `since_id` when the walk is complete.
    pub newest_id: String,
    /// Lowest id seen; a page that brings none lower ends the walk.
    pub oldest_id: String,
    /// Pages read so far.
    pub pages: u32,
    /// Where a walk without `since_id` ends.
    #[serde(default)]
    pub start_at: Option<Moment>,
}

impl Cursor {
    /// The stored form.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the stored form. Text that can't be read is an empty cursor: reading starts at the
    /// first-run window again, and what was stored before is recognised.
    pub fn from_text(text: &str) -> Cursor {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// One page of posts, newest first as networks give them.
#[derive(Debug, Clone)]
pub struct Page {
    pub posts: Vec<PublicPost>,
    /// The body as received, for the intake.
    pub raw: String,
    /// Store this after the posts.
    pub next_cursor: Cursor,
    /// True while older pages of the same walk wait: call again with `next_cursor`.
    pub more: bool,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// What became of posts we asked for by id.
#[derive(Debug, Clone, Default)]
pub struct Lookup {
    pub found: Vec<PublicPost>,
    /// Ids that are deleted, or hidden from us: their stored copy must go.
    pub gone: Vec<String>,
    /// Ids of which the network said nothing; ask again another time.
    pub unknown: Vec<String>,
}

/// The post that a reply answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    pub post_id: String,
    /// Without the @; may be empty.
    pub author_username: String,
    /// The stored post's `summoned`.
    pub summoned: bool,
}

/// A reply that stands on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: String,
    /// Where a person can read it.
    pub url: Option<String>,
    /// What it was booked at, in millionths of a US dollar; 0 when it was found, not sent.
    pub cost_micros: i64,
}

/// Speaks to one network. Every method may block for seconds.
pub trait Connector: Send + Sync {
    fn network(&self) -> Network;

    /// Our own account; asked once, then remembered.
    fn account(&self) -> Result<Account, NetworkError>;

    /// One page of posts that name us, newer than the cursor.
    fn mentions(&self, cursor: &Cursor) -> Result<Page, NetworkError>;

    /// One page of the configured brand search. `Ok(None)` when none is configured.
    fn search(&self, cursor: &Cursor) -> Result<Option<Page>, NetworkError>;

    /// What became of these posts, with who wrote them; any number of ids.
    fn lookup(&self, ids: &[String]) -> Result<Lookup, NetworkError>;

    /// As `lookup`, only to learn which still stand: authors are not asked for, nor paid.
    fn standing(&self, ids: &[String]) -> Result<Lookup, NetworkError>;

    /// How many posts `standing` may ask for now; at least one, else what keeps it from asking.
    fn lookups_affordable(&self) -> Result<i64, NetworkError>;

    /// Our own posts newer than `id`, newest first.
    fn own_posts_since(&self, id: &str) -> Result<Vec<PublicPost>, NetworkError>;

    /// Answers a post. After `Ambiguous`, and after a crash, call `find_reply` before calling
    /// this again for the same reply: the network has no idempotency key.
    fn reply(&self, to: &ReplyTo, text: &str) -> Result<Sent, NetworkError>;

    /// Looks on our own timeline for a reply that may have gone out already.
    fn find_reply(&self, to: &ReplyTo, text: &str) -> Result<Option<Sent>, NetworkError>;

    /// Length, cost and other facts of a draft, without any call.
    fn weigh(&self, to: &ReplyTo, text: &str) -> Draft;

    /// The address where a person posts this reply by hand.
    fn handoff_url(&self, to: &ReplyTo, text: &str) -> String;

    /// What a pasted address of one of this network's posts says.
    fn read_address(&self, address: &str) -> Option<PostAddress>;

    /// Where a person signs in on the network, for the purpose. `None` when the app can't offer
    /// it: no client id is configured, or the network has no such sign-in.
    fn begin_sign_in(&self, purpose: SignInPurpose, redirect_uri: &str) -> Option<SignIn>;

    /// Ends a sign-in: says who signed in. `Connect` keeps the tokens, encrypted, and refuses
    /// another account than ours; `Prove` forgets them at once.
    fn finish_sign_in(
        &self,
        purpose: SignInPurpose,
        redirect_uri: &str,
        code: &str,
        verifier: &str,
    ) -> Result<Author, NetworkError>;
}

/// What somebody signs in on the network for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInPurpose {
    /// An administrator connects the brand's own account.
    Connect,
    /// A customer proves that a handle is theirs.
    Prove,
}

/// A sign-in that has begun: send the person to `url`, keep the rest until they come back.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    pub url: String,
    /// Comes back in the address; compare it with what was kept.
    pub state: String,
    /// Kept secret here; proves to the network that the same party ends what it began.
    pub verifier: String,
}

/// What a draft weighs, for the page that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Counted as the network counts.
    pub length: usize,
    pub length_max: usize,
    pub has_link: bool,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
    /// None when the API may send it; else why only a person may.
    pub handoff_reason: Option<String>,
}

impl Draft {
    pub fn fits(&self) -> bool {
        self.length <= self.length_max
    }
}

/// Why a call did not do what it should. `Display` is for staff.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("The network asked us to slow down until {}; it goes on by itself.", .until.readable())]
    RateLimited { until: Moment },
    #[error(
        "The network account has no credits left. Buy credits in its developer console; \
         nothing is read or sent until then."
    )]
    CreditsDepleted,
    #[error("The account must be connected again: {reason}")]
    NeedsReconnect { reason: String },
    /// This one reply is refused, for good. A person may still post it by hand.
    #[error("The network refused it: {reason}")]
    Refused { reason: String },
    /// The app's keys or access level do not allow the call at all.
    #[error("The app may not do this: {reason}. An administrator must change its access.")]
    NotPermitted { reason: String },
    #[error("The post is gone from the network, or hidden from us.")]
    Gone,
    /// A sent reply may or may not stand: look before sending again.
    #[error("The network did not say whether the reply went out: {reason}")]
    Ambiguous { reason: String },
    #[error("The network can't be reached: {reason}")]
    Unavailable { reason: String },
    #[error("The budget for {} is used up; it opens again {opens}.", .class.label())]
    Budget { class: budget::Class, opens: Opens },
    #[error("The network did not accept our question: {reason}")]
    BadRequest { reason: String },
    #[error("The network's answer can't be read: {reason}")]
    BadAnswer { reason: String },
    /// Our own database failed while the call was prepared or booked.
    #[error("Our own database failed: {reason}")]
    Storage { reason: String },
}

/// When a spent budget opens again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    Tomorrow,
    NextMonth,
}

impl fmt::Display for Opens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opens::Tomorrow => "tomorrow (UTC)",
            Opens::NextMonth => "next month (UTC)",
        })
    }
}

/// What a caller does after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Doing it again would bring the same answer.
    Never,
    /// At this time.
    At(Moment),
    /// After this pause.
    BackOff(Duration),
    /// After this pause, and only once `find_reply` has found nothing.
    LookFirst(Duration),
    /// When a person has acted; a slow probe is fine.
    Person(Duration),
}

/// Longest pause that attempts are backed off to.
const BACK_OFF_MAX: Duration = Duration::from_secs(30 * 60);

/// `first`, doubled with each of the `attempts` that failed before, up to `BACK_OFF_MAX`.
fn doubled(first: Duration, attempts: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(attempts))
        .min(BACK_OFF_MAX)
}

impl NetworkError {
    /// What to do after this error, when `attempts` failed before it in a row.
    pub fn retry(&self, attempts: u32) -> Retry {
        let back_off = |seconds| Retry::BackOff(doubled(Duration::from_secs(seconds), attempts));
        match self {
            NetworkError::RateLimited { until } => Retry::At(*until),
            NetworkError::CreditsDepleted => Retry::Person(Duration::from_secs(900)),
            NetworkError::NeedsReconnect { .. } => Retry::Person(Duration::from_secs(300)),
            NetworkError::NotPermitted { .. } => Retry::Person(Duration::from_secs(900)),
            NetworkError::Refused { .. } | NetworkError::Gone => Retry::Never,
            NetworkError::BadRequest { .. } => Retry::Never,
            NetworkError::Ambiguous { .. } => Retry::LookFirst(Duration::from_secs(30)),
            NetworkError::Unavailable { .. } => back_off(5),
            NetworkError::BadAnswer { .. } => back_off(60),
            NetworkError::Storage { .. } => back_off(5),
            NetworkError::Budget { .. } => Retry::BackOff(Duration::from_secs(600)),
        }
    }

    /// A short stable name for logs and the stored last error.
    pub fn name(&self) -> &'static str {
        match self {
            NetworkError::RateLimited { .. } => "rate_limited",
            NetworkError::CreditsDepleted => "credits_depleted",
            NetworkError::NeedsReconnect { .. } => "needs_reconnect",
            NetworkError::Refused { .. } => "refused",
            NetworkError::NotPermitted { .. } => "not_permitted",
            NetworkError::Gone => "gone",
            NetworkError::Ambiguous { .. } => "ambiguous",
            NetworkError::Unavailable { .. } => "unavailable",
            NetworkError::Budget { .. } => "budget",
            NetworkError::BadRequest { .. } => "bad_request",
            NetworkError::BadAnswer { .. } => "bad_answer",
            NetworkError::Storage { .. } => "storage",
        }
    }
}

/// Compares two ids of digits as numbers without turning them into numbers.
pub fn compare_ids(a: &str, b: &str) -> std::cmp::Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn network_names_read_back() {
        for network in Network::ALL {
            assert_eq!(network.as_str().parse(), Ok(network));
        }
        assert!("Twitter".parse::<Network>().is_err());
    }

    #[test]
    fn ids_compare_as_numbers() {
        assert_eq!(compare_ids("9", "10"), Ordering::Less);
        assert_eq!(compare_ids("0010", "10"), Ordering::Equal);
        assert_eq!(
            compare_ids("2124265158522961922", "2124265158522961921"),
            Ordering::Greater
        );
        assert_eq!(
            compare_ids("99999999999999999999999", "1"),
            Ordering::Greater
        );
    }

    #[test]
    fn cursor_survives_its_text_and_rubbish_is_an_empty_cursor() {
        let cursor = Cursor {
            since_id: Some("12".into()),
            sweep: Some(Sweep {
                token: "t".into(),
                newest_id: "20".into(),
                oldest_id: "15".into(),
                pages: 2,
                start_at: None,
            }),
        };
        assert_eq!(Cursor::from_text(&cursor.to_text()), cursor);
        assert_eq!(Cursor::from_text("{\"since_id\":7"), Cursor::default());
    }

    #[test]
    fn an_ambiguous_send_is_never_retried_blindly() {
        let error = NetworkError::Ambiguous {
            reason: "timed out".into(),
        };
        assert!(matches!(error.retry(0), Retry::LookFirst(_)));
        assert_eq!(NetworkError::Gone.retry(0), Retry::Never);
        let away = NetworkError::Unavailable {
            reason: String::new(),
        };
        let pauses = [0, 1, 3, 40].map(|attempts| away.retry(attempts));
        let seconds = [5, 10, 40, 1_800].map(|s| Retry::BackOff(Duration::from_secs(s)));
        assert_eq!(pauses, seconds);
    }
}

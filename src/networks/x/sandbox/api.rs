//! The paths of X API v2 that the connector uses.

use std::collections::{BTreeSet, HashMap};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::state::{NewPost, Post, User};
use super::{FailKind, Inside, LogEntry, Sandbox, search};
use crate::clock::{DAY, SECOND};
use crate::config::Dialect;
use crate::networks::x::{oauth1, weight, wire};

/// Length of a rate-limit window, in seconds.
const WINDOW_SECONDS: i64 = 900;
/// What `text` of a long post is cut to, in characters.
const SHORT_CHARS: usize = 280;
/// Longest search query, in characters (self-serve access).
const QUERY_CHARS_MAX: usize = 512;
/// How far back recent search reaches.
const SEARCH_WINDOW: i64 = 7 * DAY;
/// Newest mentions that can be read.
const MENTIONS_MAX: usize = 800;

/// Calls counted in the current windows.
#[derive(Default)]
pub struct Windows {
    counts: HashMap<(&'static str, String), (i64, i64)>,
}

impl Windows {
    /// Counts a call; limit, calls left and the window's end in Unix seconds.
    fn count(&mut self, route: &Route, who: &Who, now: i64) -> (i64, i64, i64) {
        let start = now - now.rem_euclid(WINDOW_SECONDS);
        let limit = route.limit;
        let entry = self
            .counts
            .entry((route.name, who.kind().to_owned()))
            .or_insert((start, 0));
        if entry.0 != start {
            *entry = (start, 0);
        }
        entry.1 += 1;
        (limit, limit - entry.1, start + WINDOW_SECONDS)
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    App,
    User(u64),
    Keys(u64),
}

impl Who {
    fn kind(self) -> &'static str {
        match self {
            Who::Nobody => "none",
            Who::App => "app",
            Who::User(_) => "user",
            Who::Keys(_) => "oauth1",
        }
    }

    fn user(self) -> Option<u64> {
        match self {
            Who::User(id) | Who::Keys(id) => Some(id),
            Who::Nobody | Who::App => None,
        }
    }
}

/// A path that was recognised. Limits are X's documented ones, the higher of app and user.
struct Route {
    name: &'static str,
    limit: i64,
    users_only: bool,
    target: Target,
}

enum Target {
    Me,
    User(u64),
    UserCalled(String),
    Mentions(u64),
    Posts(u64),
    Search,
    Lookup,
    One(u64),
    Create,
    Delete(u64),
}

fn route(method: &str, path: &str) -> Option<Route> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let id = |text: &str| {
        wire::is_id(text)
            .then(|| text.parse::<u64>().ok())
            .flatten()
    };
    let made = |name, limit, users_only, target| {
        Some(Route {
            name,
            limit,
            users_only,
            target,
        })
    };
    match (method, parts.as_slice()) {
        ("GET", ["2", "users", "me"]) => made("me", 75, true, Target::Me),
        ("GET", ["2", "users", "by", "username", name]) => {
            made("user", 900, false, Target::UserCalled((*name).to_owned()))
        }
        ("GET", ["2", "users", user]) => made("user", 900, false, Target::User(id(user)?)),
        ("GET", ["2", "users", user, "mentions"]) => {
            made("mentions", 450, false, Target::Mentions(id(user)?))
        }
        ("GET", ["2", "users", user, "tweets"]) => {
            made("own_posts", 900, false, Target::Posts(id(user)?))
        }
        ("GET", ["2", "tweets", "search", "recent"]) => made("search", 450, false, Target::Search),
        ("GET", ["2", "tweets"]) => made("lookup", 5_000, false, Target::Lookup),
        ("GET", ["2", "tweets", post]) => made("lookup", 900, false, Target::One(id(post)?)),
        ("POST", ["2", "tweets"]) => made("create_post", 100, true, Target::Create),
        ("DELETE", ["2", "tweets", post]) => {
            made("delete_post", 50, true, Target::Delete(id(post)?))
        }
        _ => None,
    }
}

/// An answer before it is sent.
struct Reply {
    status: u16,
    body: Value,
    /// Keep the client waiting, then break off.
    hang: bool,
}

impl Reply {
    fn ok(body: Value) -> Reply {
        Reply {
            status: 200,
            body,
            hang: false,
        }
    }

    fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Reply {
        let kind = match kind {
            "" => "about:blank".to_owned(),
            kind => format!("https://api.x.com/2/problems/{kind}"),
        };
        let body = json!({"title": title, "detail": detail, "type": kind, "status": status});
        Reply {
            status,
            body,
            hang: false,
        }
    }

    fn forbidden(detail: &str) -> Reply {
        Reply::problem(403, "", "Forbidden", detail)
    }

    fn invalid(parameter: &str, value: &str, message: &str) -> Reply {
        let body = json!({
            "errors": [{"message": message, "parameters": {parameter: [value]}}],
            "title": "Invalid Request",
            "detail": "A parameter of the request is not valid.",
            "type": "https://api.x.com/2/problems/invalid-request",
        });
        Reply {
            status: 400,
            body,
            hang: false,
        }
    }
}

/// Answers every path below `/2/`.
pub async fn handle(
    request: HttpRequest,
    body: web::Bytes,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let method = request.method().as_str().to_owned();
    let (path, query) = (request.path().to_owned(), request.query_string().to_owned());
    let authorization = header(&request, "authorization");
    let address = format!("http://{}{path}", header(&request, "host"));
    let now = sandbox.inside().state.now().0 / SECOND;
    let (reply, limits) = {
        let mut inside = sandbox.inside();
        let who = who(&sandbox, &inside, &method, &address, &query, &authorization);
        let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (reply, limits) = match route(&method, &path) {
            Some(route) => {
                let counted = inside.windows.count(&route, &who, now);
                let mut ask = Ask {
                    sandbox: &sandbox,
                    inside: &mut inside,
                    who,
                };
                (ask.answer(&route, &query, &json, counted.1), Some(counted))
            }
            None => (
                Reply::problem(404, "", "Not Found", "There is no such path."),
                None,
            ),
        };
        inside.note(LogEntry {
            number: 0,
            method,
            path,
            query,
            auth: who.kind().to_owned(),
            body: json,
            status: reply.status,
        });
        (reply, limits)
    };
    if reply.hang {
        actix_web::rt::time::sleep(sandbox.config.hang).await;
    }
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some((limit, left, reset)) = limits {
        // An ordered 429 opens again after a minute, so that one can watch it pass.
        let reset = if reply.status == 429 && left > 0 {
            now + 60
        } else {
            reset
        };
        response.insert_header(("x-rate-limit-limit", limit.to_string()));
        response.insert_header(("x-rate-limit-remaining", left.max(0).to_string()));
        response.insert_header(("x-rate-limit-reset", reset.to_string()));
    }
    response.json(reply.body)
}

fn header(request: &HttpRequest, name: &str) -> String {
    let value = request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn who(
    sandbox: &Sandbox,
    inside: &Inside,
    method: &str,
    address: &str,
    query: &str,
    authorization: &str,
) -> Who {
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        if token == sandbox.config.bearer_token {
            return Who::App;
        }
        return inside
            .state
            .token(token)
            .map_or(Who::Nobody, |token| Who::User(token.user_id));
    }
    match authorization.strip_prefix("OAuth ") {
        Some(rest) if signed_by_us(sandbox, method, address, query, rest) => {
            Who::Keys(sandbox.config.brand_id)
        }
        _ => Who::Nobody,
    }
}

/// Checks an OAuth 1.0a header the way X does: by signing the same request again.
fn signed_by_us(sandbox: &Sandbox, method: &str, address: &str, query: &str, rest: &str) -> bool {
    let keys = &sandbox.config.oauth1;
    let mut parameters: Vec<(String, String)> = pairs(query);
    let mut given = None;
    for part in rest.split(',') {
        let Some((name, value)) = part.trim().split_once('=') else {
            return false;
        };
        let quoted = value.trim_matches('"').replace('+', "%2B");
        let value = pairs(&format!("v={quoted}")).pop().map(|(_, value)| value);
        match (name, value) {
            ("oauth_signature", value) => given = value,
            (name, Some(value)) => parameters.push((name.to_owned(), value)),
            _ => return false,
        }
    }
    let holds = |name: &str, value: &str| parameters.iter().any(|(n, v)| n == name && v == value);
    let expected = oauth1::signature(
        method,
        address,
        &parameters,
        &keys.consumer_secret,
        &keys.token_secret,
    );
    holds("oauth_consumer_key", &keys.consumer_key)
        && holds("oauth_token", &keys.token)
        && given.as_deref() == Some(expected.as_str())
}

fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// What a parameter may hold.
#[derive(Clone, Copy)]
enum Rule {
    Number(i64, i64),
    Id,
    Ids,
    Time,
    Token,
    Text(usize),
    Names(&'static str),
}

const USER_FIELDS: &str = "affiliation confirmed_email connection_status created_at description \
    entities id is_identity_verified location most_recent_tweet_id most_recent_post_id name parody \
    pinned_tweet_id pinned_post_id profile_banner_url profile_image_url protected public_metrics \
    receives_your_dm subscription subscription_type url username verified \
    verified_followers_count verified_type withheld";
const TWEET_FIELDS: &str = "article attachments author_id card_uri community_id \
    context_annotations conversation_id created_at display_text_range edit_controls \
    edit_history_tweet_ids entities geo id in_reply_to_user_id lang matched_media_notes \
    media_metadata non_public_metrics note_tweet organic_metrics paid_partnership \
    possibly_sensitive promoted_metrics public_metrics referenced_tweets reply_settings scopes \
    source text withheld";
const TWEET_EXPANSIONS: &str = "attachments.media_keys attachments.poll_ids author_id \
    edit_history_tweet_ids entities.mentions.username geo.place_id in_reply_to_user_id \
    referenced_tweets.id referenced_tweets.id.author_id";
const POST_FIELDS: &str = "article attachments card_uri community_id context_annotations \
    conversation_id created_at display_text_range edit_controls entities geo id lang \
    matched_media_notes media_metadata non_public_metrics note_post organic_metrics \
    paid_partnership possibly_sensitive promoted_metrics public_metrics reply_settings scopes \
    source text withheld";
const POST_EXPANSIONS: &str = "attachments.media_keys attachments.poll_ids author_id \
    edit_history_post_ids entities.mentions.username geo.place_id in_reply_to_user_id \
    referenced_posts username";

/// Checked parameters.
struct Query {
    values: HashMap<String, String>,
}

impl Query {
    fn read(text: &str, rules: &[(&str, Rule)]) -> Result<Query, Reply> {
        let mut values = HashMap::new();
        for (name, value) in pairs(text) {
            let Some((_, rule)) = rules.iter().find(|(known, _)| *known == name) else {
                let words = format!("The parameter [{name}] is not known for this path.");
                return Err(Reply::invalid(&name, &value, &words));
            };
            if let Err(words) = check(*rule, &value) {
                return Err(Reply::invalid(&name, &value, &format!("[{name}] {words}")));
            }
            if values.insert(name.clone(), value.clone()).is_some() {
                return Err(Reply::invalid(&name, &value, "is given twice"));
            }
        }
        Ok(Query { values })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn names(&self, name: &str) -> BTreeSet<String> {
        self.get(name)
            .into_iter()
            .flat_map(|v| v.split(','))
            .map(str::to_owned)
            .collect()
    }
}

fn check(rule: Rule, value: &str) -> Result<(), String> {
    let known = |list: &str, one: &str| list.split_ascii_whitespace().any(|name| name == one);
    match rule {
        Rule::Number(min, max) => match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(()),
            _ => Err(format!("must be a number from {min} to {max}")),
        },
        Rule::Id if wire::is_id(value) => Ok(()),
        Rule::Id => Err("must match ^[0-9]{1,19}$".into()),
        Rule::Ids => {
            let ids: Vec<&str> = value.split(',').collect();
            if ids.len() <= 100 && ids.iter().all(|id| wire::is_id(id)) {
                Ok(())
            } else {
                Err("must be 1 to 100 ids".into())
            }
        }
        Rule::Time if wire::parse_time(value).is_some() && value.ends_with('Z') => Ok(()),
        Rule::Time => Err("must be a time like 2026-11-22T00:00:00Z".into()),
        Rule::Token if token_id(value).is_some() => Ok(()),
        Rule::Token => Err("is no token of a page".into()),
        Rule::Text(max) if (1..=max).contains(&value.chars().count()) => Ok(()),
        Rule::Text(max) => Err(format!("must have 1 to {max} characters")),
        Rule::Names(list) => match value.split(',').find(|name| !known(list, name)) {
            Some(name) => Err(format!("does not know [{name}]")),
            None => Ok(()),
        },
    }
}

fn page_token(id: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("until {id}"))
}

fn token_id(token: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("until ")?.parse().ok()
}

/// One call being answered.
struct Ask<'a> {
    sandbox: &'a Sandbox,
    inside: &'a mut Inside,
    who: Who,
}

impl Ask<'_> {
    fn answer(&mut self, route: &Route, query: &str, body: &Value, left: i64) -> Reply {
        if self.who == Who::Nobody {
            return Reply::problem(401, "", "Unauthorized", "Unauthorized");
        }
        if route.users_only && self.who == Who::App {
            let words = "This path needs a user's token; the app's own is not enough.";
            return Reply::problem(
                403,
                "unsupported-authentication",
                "Unsupported Authentication",
                words,
            );
        }
        if left < 0 {
            return too_many();
        }
        let fail = self.inside.take_fail(route.name);
        match fail {
            Some(FailKind::RateLimited) => return too_many(),
            Some(FailKind::ServerError) => {
                return Reply::problem(500, "", "Internal Server Error", "Something is broken.");
            }
            Some(FailKind::CreditsDepleted) => {
                let words = "The account has no credits to answer this request.";
                return Reply::problem(402, "credits", "CreditsDepleted", words);
            }
            Some(FailKind::Unauthorized) => {
                return Reply::problem(401, "", "Unauthorized", "Unauthorized");
            }
            Some(FailKind::DeletedPost) => self.delete_target(route, query, body),
            Some(FailKind::TimeoutAfterAccepting) | None => {}
        }
        let mut reply = self
            .dispatch(route, query, body)
            .unwrap_or_else(|problem| problem);
        reply.hang = fail == Some(FailKind::TimeoutAfterAccepting);
        reply
    }

    fn delete_target(&mut self, route: &Route, query: &str, body: &Value) {
        let id = match route.target {
            Target::Create => body
                .get("reply")
                .and_then(|reply| wire::id_text(reply.get("in_reply_to_tweet_id")?))
                .and_then(|id| id.parse().ok()),
            Target::Lookup => pairs(query)
                .iter()
                .find(|(name, _)| name == "ids")
                .and_then(|(_, ids)| ids.split(',').next()?.parse().ok()),
            Target::One(id) | Target::Delete(id) => Some(id),
            _ => None,
        };
        if let Some(id) = id {
            self.inside.state.delete(id);
        }
    }

    fn dispatch(&mut self, route: &Route, query: &str, body: &Value) -> Result<Reply, Reply> {
        match &route.target {
            Target::Me => {
                let id = self.who.user().unwrap_or_default();
                self.user(query, self.inside.state.user(id).cloned(), &id.to_string())
            }
            Target::User(id) => {
                self.user(query, self.inside.state.user(*id).cloned(), &id.to_string())
            }
            Target::UserCalled(name) => {
                self.user(query, self.inside.state.user_called(name).cloned(), name)
            }
            Target::Mentions(id) => self.mentions(*id, query),
            Target::Posts(id) => self.posts_of(*id, query),
            Target::Search => self.search(query),
            Target::Lookup => self.lookup(query),
            Target::One(id) => self.one(*id, query),
            Target::Create => self.create(body),
            Target::Delete(id) => self.delete(*id),
        }
    }

    fn dialect(&self) -> Dialect {
        self.sandbox.config.dialect
    }

    fn user(&self, query: &str, user: Option<User>, asked: &str) -> Result<Reply, Reply> {
        let query = Query::read(query, &[("user.fields", Rule::Names(USER_FIELDS))])?;
        Ok(match user {
            Some(user) => Reply::ok(json!({"data": user_json(&user, &query.names("user.fields"))})),
            None => Reply::ok(json!({"errors": [not_found("user", asked)]})),
        })
    }

    /// Rules of the parameters that shape posts, in the dialect spoken here.
    fn shape_rules(&self) -> [(&'static str, Rule); 3] {
        let (fields, names, expansions) = match self.dialect() {
            Dialect::Tweet => ("tweet.fields", TWEET_FIELDS, TWEET_EXPANSIONS),
            Dialect::Post => ("post.fields", POST_FIELDS, POST_EXPANSIONS),
        };
        [
            (fields, Rule::Names(names)),
            ("expansions", Rule::Names(expansions)),
            ("user.fields", Rule::Names(USER_FIELDS)),
        ]
    }

    fn walk_rules(&self, min: i64) -> Vec<(&'static str, Rule)> {
        let mut rules = vec![
            ("max_results", Rule::Number(min, 100)),
            ("pagination_token", Rule::Token),
            ("since_id", Rule::Id),
            ("until_id", Rule::Id),
            ("start_time", Rule::Time),
            ("end_time", Rule::Time),
        ];
        rules.extend(self.shape_rules());
        rules
    }

    fn mentions(&self, id: u64, query: &str) -> Result<Reply, Reply> {
        let query = Query::read(query, &self.walk_rules(5))?;
        let Some(user) = self.inside.state.user(id) else {
            return Ok(Reply::ok(
                json!({"errors": [not_found("user", &id.to_string())]}),
            ));
        };
        let named = |post: &&Post| {
            post.author_id != id
                && post.repost_of.is_none()
                && wire::mentioned_usernames(&self.inside.state.shown_text(post))
                    .any(|name| name.eq_ignore_ascii_case(&user.username))
        };
        let posts = self
            .inside
            .state
            .standing()
            .filter(named)
            .take(MENTIONS_MAX)
            .collect();
        self.page(posts, &query, 100)
    }

    fn posts_of(&self, id: u64, query: &str) -> Result<Reply, Reply> {
        let mut rules = self.walk_rules(5);
        rules.push(("exclude", Rule::Names("replies retweets")));
        let query = Query::read(query, &rules)?;
        let excluded = query.names("exclude");
        let posts = self
            .inside
            .state
            .standing()
            .filter(|post| post.author_id == id)
            .filter(|post| post.in_reply_to.is_none() || !excluded.contains("replies"))
            .filter(|post| post.repost_of.is_none() || !excluded.contains("retweets"))
            .collect();
        self.page(posts, &query, 10)
    }

    fn search(&self, query: &str) -> Result<Reply, Reply> {
        let mut rules = self.walk_rules(10);
        rules.push(("query", Rule::Text(QUERY_CHARS_MAX)));
        rules.push(("next_token", Rule::Token));
        rules.push(("sort_order", Rule::Names("recency relevancy")));
        let query = Query::read(query, &rules)?;
        let Some(text) = query.get("query") else {
            return Err(Reply::invalid("query", "", "[query] is required"));
        };
        let parsed = search::parse(text).map_err(|words| {
            Reply::invalid("query", text, &format!("The query can't be read: {words}."))
        })?;
        let oldest = self.inside.state.now().plus(-SEARCH_WINDOW);
        let old_since = query
            .get("since_id")
            .and_then(crate::networks::x::time_of_id)
            .is_some_and(|at| at < oldest);
        let old_start = query
            .get("start_time")
            .and_then(wire::parse_time)
            .is_some_and(|at| at < oldest);
        if old_since || old_start {
            let name = if old_since { "since_id" } else { "start_time" };
            let words = format!("[{name}] lies before the last seven days");
            return Err(Reply::invalid(
                name,
                query.get(name).unwrap_or_default(),
                &words,
            ));
        }
        let found = |post: &&Post| {
            post.created_at >= oldest
                && post.repost_of.is_none()
                && parsed.matches(post, &self.inside.state)
        };
        self.page(
            self.inside.state.standing().filter(found).collect(),
            &query,
            10,
        )
    }

    fn page(&self, posts: Vec<&Post>, query: &Query, size: usize) -> Result<Reply, Reply> {
        let id = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
        let time = |name: &str| query.get(name).and_then(wire::parse_time);
        let token = query
            .get("pagination_token")
            .or_else(|| query.get("next_token"));
        let before = token.and_then(token_id);
        let size = id("max_results")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(size);
        let mut rest = posts.into_iter().filter(|post| {
            id("since_id").is_none_or(|since| post.id > since)
                && id("until_id").is_none_or(|until| post.id < until)
                && time("start_time").is_none_or(|start| post.created_at >= start)
                && time("end_time").is_none_or(|end| post.created_at < end)
                && before.is_none_or(|before| post.id < before)
        });
        let page: Vec<&Post> = rest.by_ref().take(size).collect();
        let more = rest.next().is_some();
        let mut meta = Map::new();
        meta.insert("result_count".into(), json!(page.len()));
        if let (Some(newest), Some(oldest)) = (page.first(), page.last()) {
            meta.insert("newest_id".into(), json!(newest.id.to_string()));
            meta.insert("oldest_id".into(), json!(oldest.id.to_string()));
            if more {
                meta.insert("next_token".into(), json!(page_token(oldest.id)));
            }
        }
        let mut body = Map::new();
        // With nothing to show, X leaves `data` out.
        if !page.is_empty() {
            let shown: Vec<Value> = page
                .iter()
                .map(|post| self.post_json(post, query))
                .collect();
            body.insert("data".into(), json!(shown));
            self.include(&page, query, &mut body);
        }
        body.insert("meta".into(), Value::Object(meta));
        Ok(Reply::ok(Value::Object(body)))
    }

    fn lookup(&self, query: &str) -> Result<Reply, Reply> {
        let mut rules = self.shape_rules().to_vec();
        rules.push(("ids", Rule::Ids));
        let query = Query::read(query, &rules)?;
        let Some(ids) = query.get("ids") else {
            return Err(Reply::invalid("ids", "", "[ids] is required"));
        };
        let mut found: Vec<&Post> = Vec::new();
        let mut errors = Vec::new();
        for text in ids.split(',') {
            match text.parse().ok().and_then(|id| self.inside.state.get(id)) {
                Some(post) if !post.deleted => found.push(post),
                _ => errors.push(not_found("tweet", text)),
            }
        }
        let mut body = Map::new();
        if !found.is_empty() {
            let shown: Vec<Value> = found
                .iter()
                .map(|post| self.post_json(post, &query))
                .collect();
            body.insert("data".into(), json!(shown));
            self.include(&found, &query, &mut body);
        }
        if !errors.is_empty() {
            body.insert("errors".into(), json!(errors));
        }
        Ok(Reply::ok(Value::Object(body)))
    }

    fn one(&self, id: u64, query: &str) -> Result<Reply, Reply> {
        let query = Query::read(query, &self.shape_rules())?;
        let Some(post) = self.inside.state.get(id).filter(|post| !post.deleted) else {
            return Ok(Reply::ok(
                json!({"errors": [not_found("tweet", &id.to_string())]}),
            ));
        };
        let mut body = Map::new();
        body.insert("data".into(), self.post_json(post, &query));
        self.include(&[post], &query, &mut body);
        Ok(Reply::ok(Value::Object(body)))
    }

    fn create(&mut self, body: &Value) -> Result<Reply, Reply> {
        const KNOWN: [&str; 15] = [
            "card_uri",
            "community_id",
            "direct_message_deep_link",
            "edit_options",
            "for_super_followers_only",
            "geo",
            "made_with_ai",
            "media",
            "nullcast",
            "paid_partnership",
            "poll",
            "quote_tweet_id",
            "reply",
            "reply_settings",
            "text",
        ];
        const REPLY: [&str; 3] = [
            "in_reply_to_tweet_id",
            "exclude_reply_user_ids",
            "auto_populate_reply_metadata",
        ];
        let Some(fields) = body.as_object() else {
            return Err(Reply::invalid(
                "body",
                "",
                "The body must be a JSON object.",
            ));
        };
        if let Some(name) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Reply::invalid(name, "", &format!("[{name}] is not known.")));
        }
        let text = body
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if text.trim().is_empty() {
            return Err(Reply::invalid("text", "", "A post needs a text."));
        }
        if body.get("quote_tweet_id").is_some() {
            return Err(Reply::forbidden(
                "Quoting is not part of this access level.",
            ));
        }
        let author = self.who.user().unwrap_or_default();
        let parent = match body.get("reply") {
            None => None,
            Some(reply) => {
                let known = reply
                    .as_object()
                    .is_some_and(|fields| fields.keys().all(|name| REPLY.contains(&name.as_str())));
                let id = reply.get("in_reply_to_tweet_id").and_then(Value::as_str);
                let name = "reply.in_reply_to_tweet_id";
                let invalid = |words: &str| Reply::invalid(name, id.unwrap_or_default(), words);
                if !known {
                    return Err(invalid("The reply has fields that are not known."));
                }
                let id = id
                    .filter(|id| wire::is_id(id))
                    .and_then(|id| id.parse().ok());
                let post = id.and_then(|id| self.inside.state.get(id)).cloned();
                Some(post.ok_or_else(|| invalid("The post to reply to does not exist."))?)
            }
        };
        if let Some(parent) = &parent {
            if parent.deleted {
                let words = "The post to reply to is deleted or not visible to you.";
                return Err(Reply::forbidden(words));
            }
            if !self.inside.state.summons(parent, author) {
                return Err(Reply::forbidden(
                    "This reply is not allowed: the author of the post has neither mentioned \
                     this account nor engaged with it.",
                ));
            }
        }
        let named = parent
            .as_ref()
            .and_then(|parent| self.inside.state.user(parent.author_id));
        let named = named.map(|user| user.username.clone()).unwrap_or_default();
        let length = weight::weigh_reply(&text, &[&named]);
        if length > weight::LENGTH_MAX {
            let words =
                format!("The text is too long: {length} weighted characters, 280 are allowed.");
            return Err(Reply::forbidden(&words));
        }
        let target = parent.as_ref().map(|parent| parent.id);
        // Whatever it answers: X takes no text twice from one account.
        let twin = self
            .inside
            .state
            .standing()
            .any(|post| post.author_id == author && post.text == text);
        if twin {
            return Err(Reply::forbidden(
                "A post with duplicate text is not allowed.",
            ));
        }
        let username = self
            .inside
            .state
            .user(author)
            .map(|u| u.username.clone())
            .unwrap_or_default();
        let new = NewPost {
            username,
            text,
            in_reply_to: target,
            ..NewPost::default()
        };
        let id = self
            .inside
            .state
            .post(new)
            .map_err(|words| Reply::problem(503, "", "Service Unavailable", &words))?;
        let shown = self
            .inside
            .state
            .get(id)
            .map(|post| self.dressed(post).text);
        let history = match self.dialect() {
            Dialect::Tweet => "edit_history_tweet_ids",
            Dialect::Post => "edit_history_post_ids",
        };
        let id = id.to_string();
        let body = json!({"data": {"id": &id, "text": shown, history: [&id]}});
        Ok(Reply {
            status: 201,
            body,
            hang: false,
        })
    }

    fn delete(&mut self, id: u64) -> Result<Reply, Reply> {
        match self.inside.state.get(id) {
            Some(post) if post.deleted => {}
            Some(post) if Some(post.author_id) != self.who.user() => {
                return Err(Reply::forbidden("Only its author can delete a post."));
            }
            Some(_) => {
                self.inside.state.delete(id);
                return Ok(Reply::ok(json!({"data": {"deleted": true}})));
            }
            None => {}
        }
        let body = json!({"errors": [not_found("tweet", &id.to_string())]});
        Ok(Reply {
            status: 404,
            body,
            hang: false,
        })
    }

    // Posts as X shows them

    /// The text with names and short links put in, escaped; and what is in it.
    fn dressed(&self, post: &Post) -> Dressed {
        let mut plain = self.inside.state.shown_text(post);
        let quoted = post.quote_of.and_then(|id| self.inside.state.get(id));
        if let Some(quoted) = quoted {
            let name = self
                .inside
                .state
                .user(quoted.author_id)
                .map_or("i", |u| &u.username);
            plain = format!("{plain} https://x.com/{name}/status/{}", quoted.id);
        }
        let mut text = String::new();
        let mut urls = Vec::new();
        let mut at = 0;
        for (start, end) in weight::find_urls(&plain) {
            text.push_str(&plain[at..start]);
            let long = &plain[start..end];
            let expanded = if long.contains("://") {
                long.to_owned()
            } else {
                format!("http://{long}")
            };
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(expanded.as_bytes()));
            let short = format!("https://t.co/{}", hash.get(..10).unwrap_or("link"));
            let from = text.chars().count();
            text.push_str(&short);
            urls.push(json!({
                "start": from, "end": text.chars().count(), "url": short,
                "expanded_url": expanded,
                "display_url": expanded.split("://").nth(1).unwrap_or_default(),
            }));
            at = end;
        }
        text.push_str(&plain[at..]);
        let mentions: Vec<Value> = wire::mentioned_usernames(&text)
            .map(|name| {
                let offset = name.as_ptr() as usize - text.as_ptr() as usize;
                let start = text[..offset].chars().count() - 1;
                let end = start + 1 + name.len();
                let mut mention = json!({"start": start, "end": end, "username": name});
                if let Some(user) = self.inside.state.user_called(name) {
                    mention["id"] = json!(user.id.to_string());
                }
                mention
            })
            .collect();
        let mut entities = Map::new();
        if !mentions.is_empty() {
            entities.insert("mentions".into(), json!(mentions));
        }
        if !urls.is_empty() {
            entities.insert("urls".into(), json!(urls));
        }
        let long = text.chars().count() > SHORT_CHARS;
        let escape = |text: &str| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
        };
        let cut: String = text.chars().take(SHORT_CHARS - 1).collect();
        Dressed {
            note: long.then(|| escape(&text)),
            text: if long {
                format!("{}…", escape(&cut))
            } else {
                escape(&text)
            },
            entities: Value::Object(entities),
        }
    }

    fn post_json(&self, post: &Post, query: &Query) -> Value {
        let new_names = self.dialect() == Dialect::Post;
        let (fields, history, references, note) = if new_names {
            (
                "post.fields",
                "edit_history_post_ids",
                "referenced_posts",
                "note_post",
            )
        } else {
            (
                "tweet.fields",
                "edit_history_tweet_ids",
                "referenced_tweets",
                "note_tweet",
            )
        };
        let fields = query.names(fields);
        let expansions = query.names("expansions");
        // Relations are fields in the older names, expansions in the newer.
        let wants = |name: &str| fields.contains(name) || expansions.contains(name);
        let dressed = self.dressed(post);
        let mut out = Map::new();
        let versions: Vec<String> = post.history.iter().map(u64::to_string).collect();
        out.insert("id".into(), json!(post.id.to_string()));
        out.insert("text".into(), json!(dressed.text));
        out.insert(history.into(), json!(versions));
        if wants("author_id") {
            out.insert("author_id".into(), json!(post.author_id.to_string()));
        }
        if wants("created_at") {
            out.insert("created_at".into(), json!(post.created_at.rfc3339()));
        }
        if wants("conversation_id") {
            out.insert(
                "conversation_id".into(),
                json!(post.conversation_id.to_string()),
            );
        }
        if wants("lang") {
            out.insert("lang".into(), json!("en"));
        }
        if wants("reply_settings") {
            out.insert("reply_settings".into(), json!("everyone"));
        }
        if wants("entities") && dressed.entities.as_object().is_some_and(|e| !e.is_empty()) {
            out.insert("entities".into(), dressed.entities);
        }
        if let (true, Some(text)) = (wants(note), dressed.note) {
            out.insert(note.into(), json!({"text": text}));
        }
        if wants("public_metrics") {
            let replies = self
                .inside
                .state
                .standing()
                .filter(|p| p.in_reply_to == Some(post.id))
                .count();
            let reposts = if new_names {
                "repost_count"
            } else {
                "retweet_count"
            };
            out.insert(
                "public_metrics".into(),
                json!({reposts: 0, "reply_count": replies, "like_count": 0, "quote_count": 0}),
            );
        }
        let parent = post.in_reply_to.and_then(|id| self.inside.state.get(id));
        if let (true, Some(parent)) = (wants("in_reply_to_user_id"), parent) {
            out.insert(
                "in_reply_to_user_id".into(),
                json!(parent.author_id.to_string()),
            );
        }
        let relations: Vec<Value> = [
            ("replied_to", post.in_reply_to),
            ("quoted", post.quote_of),
            ("retweeted", post.repost_of),
        ]
        .into_iter()
        .filter_map(|(kind, id)| Some(json!({"type": kind, "id": id?.to_string()})))
        .collect();
        let wanted = wants(references) || expansions.contains("referenced_tweets.id");
        if wanted && !relations.is_empty() {
            out.insert(references.into(), json!(relations));
        }
        Value::Object(out)
    }

    fn include(&self, posts: &[&Post], query: &Query, body: &mut Map<String, Value>) {
        let expansions = query.names("expansions");
        let fields = query.names("user.fields");
        let state = &self.inside.state;
        let mut users = BTreeSet::new();
        let mut others: BTreeSet<u64> = BTreeSet::new();
        for post in posts {
            if expansions.contains("author_id") {
                users.insert(post.author_id);
            }
            let parent = post.in_reply_to.and_then(|id| state.get(id));
            if let (true, Some(parent)) = (expansions.contains("in_reply_to_user_id"), parent) {
                users.insert(parent.author_id);
            }
            if expansions.contains("referenced_posts")
                || expansions.contains("referenced_tweets.id")
            {
                others.extend(
                    [post.in_reply_to, post.quote_of, post.repost_of]
                        .iter()
                        .flatten(),
                );
            }
        }
        let mut includes = Map::new();
        let users: Vec<Value> = users
            .into_iter()
            .filter_map(|id| state.user(id))
            .map(|user| user_json(user, &fields))
            .collect();
        if !users.is_empty() {
            includes.insert("users".into(), json!(users));
        }
        let others: Vec<Value> = others
            .into_iter()
            .filter_map(|id| state.get(id))
            .filter(|post| !post.deleted)
            .map(|post| self.post_json(post, query))
            .collect();
        if !others.is_empty() {
            let name = if self.dialect() == Dialect::Post {
                "posts"
            } else {
                "tweets"
            };
            includes.insert(name.into(), json!(others));
        }
        if !includes.is_empty() {
            body.insert("includes".into(), Value::Object(includes));
        }
    }
}

struct Dressed {
    text: String,
    note: Option<String>,
    entities: Value,
}

fn user_json(user: &User, fields: &BTreeSet<String>) -> Value {
    let mut out = json!({
        "id": user.id.to_string(),
        "username": user.username,
        "name": user.name,
    });
    let mut add = |name: &str, value: Value| {
        if fields.contains(name) {
            out[name] = value;
        }
    };
    add("created_at", json!(user.created_at.rfc3339()));
    add("verified", json!(user.verified));
    add(
        "verified_type",
        json!(if user.verified { "business" } else { "none" }),
    );
    add("protected", json!(false));
    add(
        "public_metrics",
        json!({"followers_count": user.followers, "following_count": 80, "tweet_count": 300}),
    );
    out
}

fn not_found(kind: &str, id: &str) -> Value {
    json!({
        "resource_id": id,
        "resource_type": kind,
        "parameter": "id",
        "value": id,
        "title": "Not Found Error",
        "detail": format!("Could not find {kind} [{id}]."),
        "type": "https://api.x.com/2/problems/resource-not-found",
    })
}

fn too_many() -> Reply {
    Reply::problem(
        429,
        "rate-limit-exceeded",
        "Too Many Requests",
        "Rate limit exceeded",
    )
}

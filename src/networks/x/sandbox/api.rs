//! The paths of X API v2 that the connector uses: which there are, who may call them how often,
//! and what goes wrong when it is ordered to. What each answers is in a file of its own.

mod caller;
mod create;
mod delete;
mod lookup;
mod mentions;
mod page;
mod parameters;
mod posts_of;
mod recent_search;
mod reply;
mod show;
mod user;

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use self::caller::who;
use self::parameters::pairs;
use self::reply::{Reply, too_many};
use super::{FailKind, Inside, LogEntry, Sandbox};
use crate::clock::SECOND;
use crate::config::Dialect;
use crate::networks::x::wire;

/// Length of a rate-limit window, in seconds.
const WINDOW_SECONDS: i64 = 900;

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
}

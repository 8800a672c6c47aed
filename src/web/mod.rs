//! What all pages share: the frame around them, forms, errors as pages, assets, headers.
//! Knows no slice; who is looking is put into `Page` by `people`.

pub mod assets;
pub mod failure;
pub mod form;
pub mod headers;
pub mod page_cache;
mod problems;

use std::any::Any;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;

use actix_web::HttpResponse;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::header;

use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Moment};
use crate::error::Result;
use crate::text::counted;

pub use failure::{Failure, not_found};
pub use form::{
    After, Form, FormWithFiles, Query, UploadedFile, are_files_too_large, files_limit, size,
    typed_text,
};
pub use problems::Problems;

/// What a handler answers.
pub type Answer = Result<HttpResponse, Failure>;

/// The frame of a page: what `templates/layout.html` shows around every page's own content.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub site_name: String,
    pub viewer: Option<PageViewer>,
    pub flash: Vec<Flash>,
    /// The hidden field of every form.
    pub csrf: String,
    pub path: String,
    /// The words in the search field.
    pub searched: String,
}

/// Whoever is logged in, as far as the frame shows it.
#[derive(Clone, Debug)]
pub struct PageViewer {
    pub id: i64,
    pub name: String,
    pub can_desk: bool,
    pub is_admin: bool,
    /// Unread notifications.
    pub unread: usize,
}

impl Page {
    /// The address of a file under `static/`, with the hash of its content.
    pub fn asset(&self, path: &str) -> String {
        assets::url(path)
    }

    /// Whether an admin looks at it.
    pub fn is_for_admin(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.is_admin)
    }

    /// What stands above the content.
    pub fn top(&self) -> Top<'_> {
        Top { page: self }
    }

    /// The links to the style sheet, the picture of the tab and the script.
    pub fn links(&self) -> Links<'_> {
        Links { page: self }
    }

    /// A symbol of `static/icons/sprite.svg`.
    pub fn icon<'a>(&self, name: &'a str) -> Icon<'a> {
        Icon {
            sprite: self.asset("icons/sprite.svg"),
            name,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "frame/top.html")]
pub struct Top<'a> {
    page: &'a Page,
}

#[derive(askama::Template)]
#[template(path = "frame/links.html")]
pub struct Links<'a> {
    page: &'a Page,
}

#[derive(askama::Template)]
#[template(path = "frame/icon.html")]
pub struct Icon<'a> {
    sprite: String,
    name: &'a str,
}

/// A kind, state, severity, channel or role, by the database's word for it.
pub fn badge(value: &str) -> Badge<'_> {
    Badge { value }
}

#[derive(askama::Template)]
#[template(path = "frame/badge.html")]
pub struct Badge<'a> {
    value: &'a str,
}

#[derive(askama::Template)]
#[template(path = "frame/time.html")]
pub struct TimeElement<'a> {
    when: When,
    property: &'a str,
}

/// A sentence shown once, on the next page.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, askama::Template)]
#[template(path = "frame/flash.html")]
pub struct Flash {
    /// `success`, `info`, `warning` or `error`.
    pub kind: String,
    pub text: String,
}

/// A moment as pages show it: relative, with the exact time behind.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub at: Moment,
    pub now: Moment,
}

impl When {
    pub fn new(at: i64, now: Moment) -> When {
        When {
            at: Moment(at),
            now,
        }
    }

    /// The element of a page; `property` is its name for search engines (schema.org), or nothing.
    pub fn element<'a>(&self, property: &'a str) -> TimeElement<'a> {
        TimeElement {
            when: *self,
            property,
        }
    }

    pub fn iso(&self) -> String {
        self.at.rfc3339()
    }

    pub fn exact(&self) -> String {
        self.at.readable()
    }

    /// `just now`, `5 minutes ago`, `in 2 hours`; after thirty days the date.
    pub fn ago(&self) -> String {
        let past = self.now.since(self.at);
        if past.abs() >= 30 * DAY {
            let readable = self.at.readable();
            return readable.split(',').next().unwrap_or_default().to_owned();
        }
        let span = span_words(past.abs());
        match past {
            _ if past.abs() < MINUTE => "just now".to_owned(),
            p if p > 0 => format!("{span} ago"),
            _ => format!("in {span}"),
        }
    }
}

/// The largest whole unit of a span: `2 hours`.
pub fn span_words(micros: i64) -> String {
    let (n, unit) = match micros {
        m if m >= DAY => (m / DAY, "day"),
        m if m >= HOUR => (m / HOUR, "hour"),
        m => (m / MINUTE, "minute"),
    };
    counted(n, unit)
}

/// Renders a page; 200.
pub fn html(template: &impl askama::Template) -> Answer {
    html_with(actix_web::http::StatusCode::OK, template)
}

/// Renders a page with a status, for forms that are shown again with what was typed.
pub fn html_with(status: actix_web::http::StatusCode, template: &impl askama::Template) -> Answer {
    let body = template.render().map_err(crate::error::Error::other)?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .body(body))
}

/// The route of a page: GET, and HEAD for those who want to know only whether it is there.
pub fn get() -> actix_web::Route {
    use actix_web::guard;
    actix_web::web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// 303 to `to`, an address on this site.
pub fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, in_ascii(to)))
        .finish()
}

/// An address as a header holds it: what is not ASCII percent-encoded (RFC 3986, section 2.5).
fn in_ascii(address: &str) -> String {
    use std::fmt::Write;
    address.bytes().fold(String::new(), |mut text, b| {
        if b.is_ascii_graphic() {
            text.push(char::from(b));
        } else {
            let _ = write!(text, "%{b:02X}");
        }
        text
    })
}

/// 303 with a sentence for the next page.
pub fn redirect_saying(app: &App, to: &str, kind: &str, text: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, in_ascii(to)))
        .cookie(flash_cookie(app, kind, text))
        .finish()
}

/// Whether `to` leads to a page of this site: for the `next` field of a log-in.
pub fn is_local_path(to: &str) -> bool {
    to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && !to.bytes().any(|b| b.is_ascii_control())
}

/// Runs `f`, which may wait for the database, off the threads that serve requests.
///
/// The type of the answer is taken off meanwhile: what waits for it is compiled once, and not for
/// each of the many kinds of work.
pub fn blocking<T: Send + 'static>(
    app: &App,
    f: impl FnOnce(&App) -> Result<T> + Send + 'static,
) -> impl Future<Output = Result<T, Failure>> {
    let app = app.clone();
    let answer = aside(Box::new(move || Box::new(f(&app))));
    async move {
        match answer
            .await
            .map(Box::<dyn Any + Send>::downcast::<Result<T>>)
        {
            Some(Ok(answer)) => Ok((*answer)?),
            _ => Err(Failure::Internal(crate::error::Error::other(
                "the work was cut off",
            ))),
        }
    }
}

type Answered = Box<dyn Any + Send>;

fn aside(
    work: Box<dyn FnOnce() -> Answered + Send>,
) -> Pin<Box<dyn Future<Output = Option<Answered>>>> {
    Box::pin(async move {
        actix_web::web::block(work)
            .await
            .inspect_err(|cut_off| tracing::error!(%cut_off, "work beside the requests panicked"))
            .ok()
    })
}

const FLASH: &str = "flash";

fn flash_cookie(app: &App, kind: &str, text: &str) -> Cookie<'static> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let flash = Flash {
        kind: kind.to_owned(),
        text: text.to_owned(),
    };
    let json = serde_json::to_vec(&flash).unwrap_or_default();
    let body = URL_SAFE_NO_PAD.encode(json);
    let signature = app.keys.sign(FLASH, &body);
    cookie(
        app,
        FLASH,
        format!("{body}.{signature}"),
        Some(Duration::minutes(5)),
    )
}

/// The sentence that the last answer left for this page, if it is really ours.
pub fn take_flash(app: &App, req: &actix_web::HttpRequest) -> Vec<Flash> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let read = || {
        let value = req.cookie(&cookie_name(app, FLASH))?.value().to_owned();
        let (body, signature) = value.split_once('.')?;
        if !app.keys.verify(FLASH, body, signature) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    };
    read().into_iter().collect()
}

/// Whether the request carries a sentence that the answer must clear.
pub fn has_flash(app: &App, req: &actix_web::HttpRequest) -> bool {
    req.cookie(&cookie_name(app, FLASH)).is_some()
}

pub fn clear_flash(app: &App) -> Cookie<'static> {
    cookie(app, FLASH, String::new(), Some(Duration::ZERO))
}

/// With TLS the name gets the prefix by which browsers refuse a cookie that another host or an
/// unencrypted page set (RFC 6265bis, section 4.1.3.2).
pub fn cookie_name(app: &App, name: &str) -> String {
    if app.config.is_https() {
        format!("__Host-{name}")
    } else {
        name.to_owned()
    }
}

/// A cookie with the flags every cookie of ours has. `age` of zero deletes it.
pub fn cookie(app: &App, name: &str, value: String, age: Option<Duration>) -> Cookie<'static> {
    let mut cookie = Cookie::build(cookie_name(app, name), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.config.is_https());
    if let Some(age) = age {
        cookie = cookie.max_age(age);
    }
    cookie.finish()
}

/// The name of the session's cookie, before `cookie_name`.
pub const SESSION: &str = "session";

/// The session's cookie, for `lasts` (µs); with an empty token its end.
pub fn session_cookie(app: &App, token: String, lasts: i64) -> Cookie<'static> {
    let age = if token.is_empty() {
        Duration::ZERO
    } else {
        Duration::microseconds(lasts)
    };
    cookie(app, SESSION, token, Some(age))
}

/// A cookie that an extractor leaves in the request for the answer, which gets it unless the
/// handler set the same one.
pub struct LateCookie(pub Cookie<'static>);

/// Whether the browser has what `etag` names (If-None-Match).
pub fn is_known(req: &actix_web::HttpRequest, etag: &str) -> bool {
    req.headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == etag)
        })
}

/// The session's token that the request carries, unchecked.
pub fn session_token(app: &App, req: &actix_web::HttpRequest) -> Option<String> {
    req.cookie(&cookie_name(app, SESSION))
        .map(|c| c.value().to_owned())
        .filter(|v| !v.is_empty())
}

/// The hidden field of forms, bound to the session.
pub fn csrf_token(app: &App, session_token: &str) -> String {
    app.keys.sign("csrf", session_token)
}

/// The address of whoever asks, for rate limits. Behind a proxy: what it wrote last. Of IPv6 the
/// network of 64 bits, which is what one customer of a provider has at least (RFC 6177).
pub fn client_ip(app: &App, req: &actix_web::HttpRequest) -> String {
    let forwarded = || {
        // A header may come several times; the proxy's own is the last one.
        let value = req.headers().get_all("x-forwarded-for").last()?;
        let last = value.to_str().ok()?.rsplit(',').next()?.trim();
        last.parse().ok()
    };
    let from = if app.config.server.behind_proxy {
        forwarded()
    } else {
        None
    };
    from.or_else(|| req.peer_addr().map(|a| a.ip()))
        .map(network_of)
        .unwrap_or_default()
}

fn network_of(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let network = Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64));
            format!("{network}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn times_read_as_people_say_them() {
        let now = Moment::parse("2026-11-22T12:00:00Z").unwrap();
        let ago = |micros: i64| When::new(now.0 - micros, now).ago();
        assert_eq!(ago(20 * SECOND), "just now");
        assert_eq!(ago(MINUTE), "1 minute ago");
        assert_eq!(ago(3 * HOUR + MINUTE), "3 hours ago");
        assert_eq!(ago(-2 * HOUR), "in 2 hours");
        assert_eq!(ago(31 * DAY), "22 Oct 2026");
    }

    #[test]
    fn limits_count_networks() {
        let of = |ip: &str| network_of(ip.parse().unwrap());
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn addresses_in_headers_are_ascii() {
        assert_eq!(in_ascii("/t/1/t\u{fc}r?a=%20#b"), "/t/1/t%C3%BCr?a=%20#b");
    }

    #[test]
    fn only_paths_of_this_site_are_followed() {
        assert!(is_local_path("/t/1/x?page=2"));
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "",
            "/a\r\nb",
        ] {
            assert!(!is_local_path(bad), "{bad:?}");
        }
    }
}

//! Search, suggestions, and threads like one that is being written.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Line, check_search};
use crate::app::App;
use crate::forum::deflections;
use crate::forum::similar_threads::{self, Similar};
use crate::forum::store::{self, lists};
use crate::forum::{Product, ThreadKind};
use crate::ids::ThreadId;
use crate::people::Viewer;
use crate::search::{SearchQuery, Why};
use crate::text::counted;
use crate::web::{Answer, Failure, Page, Query, blocking, html, redirect, redirect_saying};

/// Results on one page.
const HITS: usize = 20;
/// Suggestions while typing.
const SUGGESTIONS: usize = 6;

#[derive(serde::Deserialize, Default, Clone)]
#[serde(default)]
pub struct SearchFields {
    q: String,
    product: String,
    kind: String,
    is: String,
    tag: String,
    author: String,
    after: String,
    before: String,
    /// Where the page begins.
    from: String,
    /// The key of the form in which threads are shown, and which form it is.
    key: String,
    place: String,
}

impl SearchFields {
    fn filters(&self) -> [(&'static str, &str); 7] {
        [
            ("product", &self.product),
            ("kind", &self.kind),
            ("is", &self.is),
            ("tag", &self.tag),
            ("author", &self.author),
            ("after", &self.after),
            ("before", &self.before),
        ]
    }

    fn has_filters(&self) -> bool {
        self.filters().iter().any(|(_, v)| !v.trim().is_empty())
    }

    fn address(&self, from: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &self.q);
        for (name, value) in self.filters() {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(from) = from {
            query.append_pair("from", from);
        }
        format!("/search?{}", query.finish())
    }
}

struct Found {
    line: Line,
    /// Title and text as HTML with the found words marked; none where the thread has changed since
    /// it was indexed, so that nothing is shown that was taken out.
    marked: Option<(String, String)>,
    why: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "forum/search.html")]
struct SearchPage {
    page: Page,
    fields: SearchFields,
    /// Whether anything was asked.
    asked: bool,
    has_filters: bool,
    results: Vec<Found>,
    total: String,
    corrected: Option<String>,
    notes: Vec<String>,
    products: Vec<Product>,
    kinds: &'static [ThreadKind],
    first: Option<String>,
    next: Option<String>,
}

/// `GET /search`
pub async fn search(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    query: Query<SearchFields>,
) -> Answer {
    let fields = query.0;
    let asked = !fields.q.trim().is_empty() || fields.has_filters();
    if asked {
        check_search(&app, &req, &viewer)?;
    }
    let page = blocking(&app, move |app| {
        let now = app.now();
        let mut page = SearchPage {
            page: Page {
                searched: fields.q.clone(),
                ..viewer.page
            },
            asked,
            has_filters: fields.has_filters(),
            results: Vec::new(),
            total: String::new(),
            corrected: None,
            notes: Vec::new(),
            products: app.db.read(store::products)?,
            kinds: ThreadKind::ALL,
            first: (!fields.from.is_empty()).then(|| fields.address(None)),
            next: None,
            fields,
        };
        if !asked {
            return Ok(page);
        }
        let mut query = SearchQuery::parse(&page.fields.q);
        query.merge(page.fields.filters());
        let from = Some(page.fields.from.as_str()).filter(|f| !f.is_empty());
        let found = app.index.search(&query, from, HITS)?;
        let ids: Vec<i64> = found.hits.iter().map(|h| h.thread_id).collect();
        // From the database again: what was hidden or changed a moment ago is not shown.
        let lines = app.db.read(|conn| lists::threads_by_ids(conn, &ids))?;
        page.results = lines
            .into_iter()
            .filter_map(|line| {
                let hit = found.hits.iter().find(|h| h.thread_id == line.id.0)?;
                Some(Found {
                    marked: (hit.version == line.version)
                        .then(|| (hit.snippet_title_html.clone(), hit.snippet_html.clone())),
                    why: hit.why.iter().map(|w| why_text(*w)).collect(),
                    line: Line::new(line, now),
                })
            })
            .collect();
        page.total = match (found.total, found.more_than_total) {
            (n, false) => counted(n, "thread"),
            (n, true) => format!("More than {n} threads"),
        };
        page.corrected = found.corrected;
        page.notes = found.notes;
        page.next = found.next.map(|c| page.fields.address(Some(&c)));
        Ok(page)
    })
    .await?;
    html(&page)
}

fn why_text(why: Why) -> &'static str {
    match why {
        Why::Solved => "Ranked up: it is solved",
        Why::Official => "Ranked up: staff stand behind it",
        Why::ExactTitle => "Its title is what you searched for",
        Why::Corrected => "Found after correcting a word",
        Why::MostWords => "Has most of your words, not all",
    }
}

#[derive(serde::Serialize)]
struct Suggested {
    title: String,
    url: String,
    badge: Option<&'static str>,
}

/// `GET /search/suggest`: JSON for the search field.
pub async fn suggest(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    query: Query<SearchFields>,
) -> Answer {
    check_search(&app, &req, &viewer)?;
    let fields = query.0;
    let found = blocking(&app, move |app| {
        let product = Some(fields.product.as_str()).filter(|p| !p.is_empty());
        let found = app.index.suggest(&fields.q, product, SUGGESTIONS)?;
        let ids: Vec<i64> = found.iter().map(|s| s.thread_id).collect();
        let lines = app.db.read(|conn| lists::threads_by_ids(conn, &ids))?;
        Ok(lines
            .into_iter()
            .map(|line| Suggested {
                url: line.path(),
                badge: match (line.state, line.official) {
                    (crate::forum::ThreadState::Solved, _) => Some("solved"),
                    (_, true) => Some("official"),
                    _ => None,
                },
                title: line.title,
            })
            .collect::<Vec<_>>())
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "private, max-age=60"))
        .json(found))
}

#[derive(Template)]
#[template(path = "forum/similar.html")]
struct SimilarPiece {
    similar: Vec<Similar>,
    showing: String,
}

/// `GET /similar`: a piece of HTML for the form of a new thread.
pub async fn similar(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    query: Query<SearchFields>,
) -> Answer {
    check_search(&app, &req, &viewer)?;
    let fields = query.0;
    let user = viewer.user_id();
    let piece = blocking(&app, move |app| {
        let product = fields.product.split('/').next().unwrap_or_default();
        let product = Some(product).filter(|p| !p.is_empty());
        let similar = similar_threads::similar_threads(app, &fields.q, product)?;
        let place = deflections::Place::of(&fields.place);
        if let Some(place) = place.filter(|_| !similar.is_empty()) {
            deflections::shown(app, &fields.key, place, product, user);
        }
        Ok(SimilarPiece {
            similar,
            showing: deflections::key_of(&fields.key).unwrap_or_default(),
        })
    })
    .await?;
    html(&piece)
}

/// `GET /similar/{key}/{thread}`: notes that a thread was opened from a form, and leads to it.
pub async fn open_similar(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    check_search(&app, &req, &viewer)?;
    let (key, thread) = path.into_inner();
    let thread: ThreadId = thread.parse().map_err(|_| Failure::NotFound)?;
    let to = blocking(&app, move |app| deflections::opened(app, &key, thread)).await?;
    Ok(redirect(&to.ok_or(Failure::NotFound)?))
}

/// `GET /similar/{key}/solved`: notes that a thread helped whoever was writing.
pub async fn solved_by_similar(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<String>,
) -> Answer {
    check_search(&app, &req, &viewer)?;
    let key = path.into_inner();
    blocking(&app, move |app| deflections::solved(app, &key)).await?;
    let words = "Good that it helped. Nothing was sent.";
    Ok(redirect_saying(&app, "/", "success", words))
}

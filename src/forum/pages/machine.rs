//! For machines: sitemap, robots.txt, feeds.

use std::fmt::Write;

use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::forum::store::{self, Filter, lists};
use crate::people::Viewer;
use crate::web::{Answer, Failure, Query, blocking};

/// Thread ids that one file of the sitemap covers; the protocol allows 50,000 addresses.
const SITEMAP_IDS: i64 = 10_000;
/// Threads in a feed.
const FEED_THREADS: i64 = 30;
/// How long a sitemap may be kept.
const SITEMAP_SECONDS: u32 = 3_600;
/// How long a feed may be kept: readers ask rarely, and want what is new when they do.
const FEED_SECONDS: u32 = 300;

/// Text as it may stand in XML: marks escaped, without characters that XML 1.0 has not (`Char`) and
/// the controls it discourages.
fn xml(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '"' => out.push_str("&quot;"),
                c => out.push(c),
            }
            out
        })
}

fn xml_answer(content_type: &'static str, max_age_seconds: u32, body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((
            "cache-control",
            format!("public, max-age={max_age_seconds}"),
        ))
        .body(body)
}

/// `GET /sitemap.xml`: the list of the sitemap's files.
pub async fn sitemap(app: web::Data<App>, _viewer: Viewer) -> Answer {
    let body = blocking(&app, |app| {
        let last = app.db.read(store::last_thread_id)?;
        let mut body = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
        );
        for part in 0..=last / SITEMAP_IDS {
            let url = xml(&app.url(&format!("/sitemap-{part}.xml")));
            let _ = writeln!(body, "<sitemap><loc>{url}</loc></sitemap>");
        }
        body.push_str("</sitemapindex>\n");
        Ok(body)
    })
    .await?;
    Ok(xml_answer(
        "application/xml; charset=utf-8",
        SITEMAP_SECONDS,
        body,
    ))
}

/// `GET /sitemap-{part}.xml`
pub async fn sitemap_part(app: web::Data<App>, _viewer: Viewer, part: web::Path<String>) -> Answer {
    let part: i64 = part
        .parse()
        .ok()
        .filter(|n| (0..i64::MAX / SITEMAP_IDS - 1).contains(n))
        .ok_or(Failure::NotFound)?;
    let body = blocking(&app, move |app| {
        let from = part * SITEMAP_IDS;
        let (threads, products) = app.db.read(|conn| {
            let products = if part == 0 {
                store::products(conn)?
            } else {
                Vec::new()
            };
            Ok((
                store::sitemap(conn, from, from + SITEMAP_IDS - 1)?,
                products,
            ))
        })?;
        let mut body = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
        );
        for product in products {
            let url = xml(&app.url(&format!("/p/{}", product.slug)));
            let _ = writeln!(body, "<url><loc>{url}</loc></url>");
        }
        for (path, at) in threads {
            let url = xml(&app.url(&path));
            let _ = writeln!(
                body,
                "<url><loc>{url}</loc><lastmod>{}</lastmod></url>",
                at.rfc3339()
            );
        }
        body.push_str("</urlset>\n");
        Ok(body)
    })
    .await?;
    Ok(xml_answer(
        "application/xml; charset=utf-8",
        SITEMAP_SECONDS,
        body,
    ))
}

/// `GET /robots.txt`
pub async fn robots(app: web::Data<App>, _viewer: Viewer) -> Answer {
    let body = format!(
        "User-agent: *\nDisallow: /desk\nDisallow: /admin\nDisallow: /account\nDisallow: /login\n\
         Disallow: /register\nDisallow: /new\nDisallow: /search\nDisallow: /post/\nDisallow: /claim/\n\n\
         Sitemap: {}\n",
        app.url("/sitemap.xml")
    );
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(("cache-control", "public, max-age=3600"))
        .body(body))
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct FeedQuery {
    product: String,
}

/// `GET /feed.atom`: the threads with the newest activity, of one product or all (RFC 4287).
pub async fn feed(app: web::Data<App>, _viewer: Viewer, query: Query<FeedQuery>) -> Answer {
    let slug = query.0.product;
    let body = blocking(&app, move |app| {
        let now = app.now();
        let found = app.db.read(|conn| {
            let product = store::product_by_slug(conn, &slug)?;
            if product.is_none() && !slug.is_empty() {
                return Ok(None);
            }
            let filter = Filter {
                product: product.as_ref().map(|p| p.id),
                ..Filter::default()
            };
            let lines = lists::threads(conn, filter, None, FEED_THREADS)?;
            Ok(Some((product, lines)))
        })?;
        let Some((product, lines)) = found else {
            return Ok(None);
        };
        let (title, home) = match &product {
            Some(p) => (
                format!("{} - {}", p.name, app.config.site.name),
                app.url(&format!("/p/{}", p.slug)),
            ),
            None => (app.config.site.name.clone(), app.url("/")),
        };
        let own = match &product {
            Some(p) => app.url(&format!("/feed.atom?product={}", p.slug)),
            None => app.url("/feed.atom"),
        };
        let newest = lines.first().map_or(now, |l| l.active_at);
        let mut body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <feed xmlns=\"http://www.w3.org/2005/Atom\">\n<title>{}</title>\n<id>{}</id>\n\
             <link href=\"{}\"/>\n<link rel=\"self\" href=\"{}\"/>\n<updated>{}</updated>\n",
            xml(&title),
            xml(&home),
            xml(&home),
            xml(&own),
            newest.rfc3339()
        );
        for line in lines {
            let url = xml(&app.url(&line.path()));
            // Without the title's words, which may change.
            let id = xml(&app.url(&format!("/t/{}", line.id)));
            let _ = writeln!(
                body,
                "<entry><title>{}</title><id>{id}</id><link href=\"{url}\"/>\
                 <published>{}</published><updated>{}</updated>\
                 <author><name>{}</name></author><category term=\"{}\"/></entry>",
                xml(&line.title),
                line.created_at.rfc3339(),
                line.active_at.rfc3339(),
                xml(&line.author_name),
                line.kind.as_str()
            );
        }
        body.push_str("</feed>\n");
        Ok(Some(body))
    })
    .await?;
    let body = body.ok_or(Failure::NotFound)?;
    Ok(xml_answer(
        "application/atom+xml; charset=utf-8",
        FEED_SECONDS,
        body,
    ))
}

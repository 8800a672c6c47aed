//! Finished pages for visitors without a session, kept under the versions of what they show:
//! a changed thread has another version, so what is found is never stale.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::keys;

/// Memory for kept pages (bytes of compressed and plain bodies together).
const CACHE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A guess at the number of pages, for the table's first size.
const PAGES_GUESS: usize = 1_000;

/// A page ready to be sent.
pub struct Finished {
    etag: String,
    plain: actix_web::web::Bytes,
    /// Made when the first browser asks for it: most pages of a large forum are asked for once.
    gzip: OnceLock<actix_web::web::Bytes>,
}

#[derive(Clone)]
struct Weigh;

impl quick_cache::Weighter<String, Arc<Finished>> for Weigh {
    fn weight(&self, key: &String, page: &Arc<Finished>) -> u64 {
        // The compressed body may come later, and is never longer by more than a few bytes.
        (key.len() + 2 * page.plain.len()) as u64
    }
}

/// Pages by address and versions.
pub struct PageCache(quick_cache::sync::Cache<String, Arc<Finished>, Weigh>);

impl Default for PageCache {
    fn default() -> Self {
        PageCache(quick_cache::sync::Cache::with_weighter(
            PAGES_GUESS,
            CACHE_BYTES_MAX,
            Weigh,
        ))
    }
}

impl PageCache {
    pub fn get(&self, key: &str) -> Option<Arc<Finished>> {
        self.0.get(key)
    }

    /// Finishes a page and keeps it under `key`, which names the address and every version.
    pub fn put(&self, key: String, html: String) -> Arc<Finished> {
        let page = Arc::new(Finished {
            etag: format!("\"{}\"", &keys::digest(html.as_bytes())[..24]),
            plain: html.into(),
            gzip: OnceLock::new(),
        });
        self.0.insert(key, page.clone());
        page
    }
}

/// Empty when it could not be compressed.
fn compressed(plain: &[u8]) -> actix_web::web::Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(plain)
        .and_then(|()| gzip.finish())
        .unwrap_or_default()
        .into()
}

impl Finished {
    /// The answer: 304 when the browser has it, else compressed when it may be.
    pub fn answer(&self, req: &HttpRequest) -> HttpResponse {
        let text = |name: header::HeaderName| {
            req.headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
        };
        let known = super::is_known(req, &self.etag);
        let mut response = if known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((header::ETAG, self.etag.clone()))
            .insert_header((header::CACHE_CONTROL, "public, max-age=0, must-revalidate"))
            .insert_header((header::VARY, "Accept-Encoding, Cookie"));
        if known {
            return response.finish();
        }
        response.content_type("text/html; charset=utf-8");
        let gzip = text(header::ACCEPT_ENCODING)
            .contains("gzip")
            .then(|| self.gzip.get_or_init(|| compressed(&self.plain)))
            .filter(|gzip| !gzip.is_empty());
        if let Some(gzip) = gzip {
            response
                .insert_header((header::CONTENT_ENCODING, "gzip"))
                .body(gzip.clone())
        } else {
            // Said outright, so that the middleware does not compress it again each time.
            response
                .insert_header((header::CONTENT_ENCODING, "identity"))
                .body(self.plain.clone())
        }
    }
}

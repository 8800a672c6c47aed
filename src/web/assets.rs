//! Files under `static/`, embedded in the binary and served under the hash of their content,
//! so that browsers keep them for ever and a new version is a new address.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::Embed;

use super::Failure;
use crate::keys;

#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// Characters of the hash that stand in an address.
const HASH_CHARS: usize = 12;

/// Hash of each file by its path.
static HASHES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    Files::iter()
        .filter_map(|path| {
            let file = Files::get(&path)?;
            let hash = keys::digest(&file.data)[..HASH_CHARS].to_owned();
            Some((path.to_string(), hash))
        })
        .collect()
});

/// One hash over all files: modules import each other by relative address, so they share it.
static ALL: LazyLock<String> = LazyLock::new(|| {
    let mut parts: Vec<String> = HASHES.iter().map(|(p, h)| format!("{p}={h}")).collect();
    parts.sort();
    keys::digest(parts.join("\n").as_bytes())[..HASH_CHARS].to_owned()
});

/// `css/app.css` as `/static/<hash>/css/app.css`.
pub fn url(path: &str) -> String {
    format!("/static/{}/{path}", *ALL)
}

/// `GET /static/{hash}/{path}`. An old hash gets the present file, for pages still open.
pub async fn serve(path: web::Path<(String, String)>) -> Result<HttpResponse, Failure> {
    let (hash, path) = path.into_inner();
    let file = Files::get(&path).ok_or(Failure::NotFound)?;
    let cache = if hash == *ALL {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    Ok(HttpResponse::Ok()
        .content_type(
            mime_guess::from_path(&path)
                .first_or_octet_stream()
                .as_ref(),
        )
        .insert_header((header::CACHE_CONTROL, cache))
        .insert_header((
            header::ETAG,
            format!("\"{}\"", HASHES.get(&path).map_or("", |h| h)),
        ))
        .body(file.data.into_owned()))
}

/// `GET /favicon.ico`: browsers ask for it whatever the page says.
pub async fn favicon() -> HttpResponse {
    super::redirect(&url("icons/favicon.svg"))
}

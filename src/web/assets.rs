//! Files under `static/`, embedded in the binary and served under the hash of their content,
//! so that browsers keep them for ever and a new version is a new address.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::Embed;

use super::Failure;
use crate::keys;

#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// Characters of the hash that stand in an address.
const HASH_CHARS: usize = 12;

struct Asset {
    hash: String,
    content_type: String,
    body: web::Bytes,
}

/// Each file by its path, as it is served.
static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let read = |path: &str| {
        let file = Files::get(path)?;
        Some(Asset {
            hash: keys::digest(&file.data)[..HASH_CHARS].to_owned(),
            content_type: mime_guess::from_path(path)
                .first_or_octet_stream()
                .to_string(),
            body: web::Bytes::copy_from_slice(without_reference(path, &file.data)),
        })
    };
    Files::iter()
        .filter_map(|path| Some((path.to_string(), read(&path)?)))
        .collect()
});

/// One hash over all files: modules import each other by relative address, so they share it.
static ALL: LazyLock<String> = LazyLock::new(|| {
    let mut parts: Vec<String> = ASSETS
        .iter()
        .map(|(path, asset)| format!("{path}={}", asset.hash))
        .collect();
    parts.sort();
    keys::digest(parts.join("\n").as_bytes())[..HASH_CHARS].to_owned()
});

/// `css/app.css` as `/static/<hash>/css/app.css`.
pub fn url(path: &str) -> String {
    format!("/static/{}/{path}", *ALL)
}

/// `GET /static/{hash}/{path}`. An old hash gets the present file, for pages still open.
pub async fn serve(
    req: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (hash, path) = path.into_inner();
    let asset = ASSETS.get(&path).ok_or(Failure::NotFound)?;
    let cache = if hash == *ALL {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let etag = format!("\"{}\"", asset.hash);
    let is_known = super::is_known(&req, &etag);
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::CACHE_CONTROL, cache))
        .insert_header((header::ETAG, etag));
    if is_known {
        return Ok(response.finish());
    }
    Ok(response
        .content_type(asset.content_type.as_str())
        .body(asset.body.clone()))
}

/// A stylesheet opens with the reference of its classes, for whoever writes pages: readers' browsers
/// do without those nine kilobytes.
fn without_reference<'a>(path: &str, data: &'a [u8]) -> &'a [u8] {
    const END: &[u8] = b"*/\n";
    if !path.ends_with(".css") || !data.starts_with(b"/*") {
        return data;
    }
    let end = data.windows(END.len()).position(|window| window == END);
    end.map_or(data, |at| &data[at + END.len()..])
}

/// `GET /favicon.ico`: browsers ask for it whatever the page says.
pub async fn favicon() -> HttpResponse {
    super::redirect(&url("icons/favicon.svg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_opening_comment_of_a_stylesheet_is_left_out() {
        let css = b"/* classes */\nbody { margin: 0 } /* why */\n";
        assert_eq!(
            without_reference("css/app.css", css),
            b"body { margin: 0 } /* why */\n"
        );
        assert_eq!(without_reference("js/app.js", css), css);
        assert_eq!(without_reference("a.css", b"/* open"), b"/* open");
    }

    #[test]
    fn the_weight_of_a_page_stays_small() {
        const CSS_BYTES_MAX: usize = 45_000;
        const JS_BYTES_MAX: usize = 20_000;
        let bytes = |folder: &str| -> usize {
            ASSETS
                .iter()
                .filter(|(path, _)| path.starts_with(folder))
                .map(|(_, asset)| asset.body.len())
                .sum()
        };
        assert!(
            (1..=CSS_BYTES_MAX).contains(&bytes("css/")),
            "{}",
            bytes("css/")
        );
        assert!(
            (1..=JS_BYTES_MAX).contains(&bytes("js/")),
            "{}",
            bytes("js/")
        );
    }
}

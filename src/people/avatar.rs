//! `GET /avatar/{id}.svg`: a picture for everybody, drawn from the id and the name's initial.
//! The same user has the same colours and pattern for ever; only the letter follows the name.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::store;
use crate::app::App;
use crate::ids::UserId;
use crate::keys;
use crate::web::{Failure, blocking};

/// Background and pattern. White letters have a contrast of at least 4.5 on both of a pair.
const PALETTE: [(&str, &str); 10] = [
    ("#0b6b50", "#0e7d5e"),
    ("#1b5aa6", "#2567b5"),
    ("#6a3fa5", "#7a50b3"),
    ("#a03264", "#b03f72"),
    ("#a33c1f", "#b4482a"),
    ("#7a5200", "#876010"),
    ("#0b6570", "#147482"),
    ("#4d5852", "#5d6963"),
    ("#3d6b1b", "#487824"),
    ("#834073", "#925083"),
];

/// A user's letter may be a week old; the picture itself never changes.
const CACHE: &str = "public, max-age=604800, stale-while-revalidate=604800";

/// Serves the picture; whoever is unknown or erased gets a neutral one.
pub async fn avatar(
    app: web::Data<App>,
    path: web::Path<String>,
    req: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let id = path
        .strip_suffix(".svg")
        .and_then(|id| id.parse::<i64>().ok())
        .ok_or(Failure::NotFound)?;
    let name = blocking(&app, move |app| {
        Ok(app.db.read(|c| store::user(c, UserId(id)))?.map(|u| u.name))
    })
    .await?;
    let svg = draw(id, name.as_deref());
    let etag = format!("\"{}\"", &keys::digest(svg.as_bytes())[..16]);
    let is_known = req
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.contains(&etag));
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::CACHE_CONTROL, CACHE))
        .insert_header((header::ETAG, etag));
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.content_type("image/svg+xml").body(svg))
}

/// The picture as SVG, 80 by 80.
pub fn draw(id: i64, name: Option<&str>) -> String {
    let Some(name) = name else {
        return frame(
            "#5d6963",
            "<circle cx=\"40\" cy=\"31\" r=\"13\" fill=\"#fff\"/>\
             <path d=\"M16 70a24 22 0 0 1 48 0z\" fill=\"#fff\"/>",
        );
    };
    // Neighbouring ids look nothing alike (the multiplier of splitmix64).
    let mixed = id.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pick = |shift: u32, below: usize| (mixed >> shift) as usize % below;
    let (back, front) = PALETTE[pick(56, PALETTE.len())];
    let turn = pick(40, 8) * 45;
    let size = 18 + pick(32, 12);
    let shape = match pick(48, 5) {
        0 => format!("<circle cx=\"62\" cy=\"20\" r=\"{}\"/>", size + 8),
        1 => format!("<path d=\"M-20 {0}h120v{1}h-120z\"/>", 40 - size / 2, size),
        2 => "<path d=\"M-30 40L40 -30 110 40z\"/>".to_owned(),
        3 => format!(
            "<circle cx=\"40\" cy=\"40\" r=\"{}\" fill=\"none\" stroke-width=\"10\"/>",
            size + 10
        ),
        _ => format!(
            "<path d=\"M40 40h60v60h-60zM-20 -20h60v60h-60z\" opacity=\".{}\"/>",
            size / 3 + 3
        ),
    };
    let letter: String = name
        .chars()
        .find(|c| c.is_alphanumeric())
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    let body = format!(
        "<g fill=\"{front}\" stroke=\"{front}\" stroke-width=\"0\" \
         transform=\"rotate({turn} 40 40)\">{shape}</g>\
         <text x=\"40\" y=\"40\" dy=\".36em\" text-anchor=\"middle\" fill=\"#fff\" \
         font-family=\"system-ui, sans-serif\" font-weight=\"600\" font-size=\"36\">{letter}</text>"
    );
    frame(back, &body)
}

fn frame(back: &str, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 80 80\" width=\"80\" height=\"80\">\
         <rect width=\"80\" height=\"80\" fill=\"{back}\"/>{body}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let part = |at: usize| {
            let v = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn letters_are_readable_on_every_colour() {
        for (back, front) in PALETTE {
            for colour in [back, front] {
                let contrast = 1.05 / (luminance(colour) + 0.05);
                assert!(contrast >= 4.5, "{colour}: {contrast}");
            }
        }
    }

    #[test]
    fn a_user_keeps_one_picture_and_differs_from_the_next() {
        assert_eq!(draw(7, Some("ana")), draw(7, Some("Anna")));
        assert_ne!(draw(7, Some("ana")), draw(8, Some("ana")));
        assert!(draw(7, Some("\u{df}eta")).contains(">SS<"));
        assert!(!draw(7, Some("<&>")).contains("<&"));
    }
}

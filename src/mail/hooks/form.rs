//! Forms of providers as bytes: what they carry is mail, and mail is not always text.

use actix_multipart::Multipart;
use actix_web::Error;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};

/// Most fields that are read.
const FIELDS_MAX: usize = 200;

/// The fields of a form, in their order.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Reads a form of either kind (`multipart/form-data`, `application/x-www-form-urlencoded`).
    pub async fn read(headers: &HeaderMap, body: &Bytes) -> Result<Fields, Error> {
        let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        if kind.is_none_or(|kind| !kind.to_ascii_lowercase().starts_with("multipart/")) {
            return Ok(Fields::urlencoded(body));
        }
        let body = stream::iter([Ok::<_, actix_web::error::PayloadError>(body.clone())]);
        let mut multipart = Multipart::new(headers, body);
        let mut fields = Vec::new();
        while let Some(field) = multipart.next().await {
            let mut field = field?;
            let name = field.name().unwrap_or_default().to_owned();
            let mut value = Vec::new();
            while let Some(chunk) = field.next().await {
                value.extend_from_slice(&chunk?);
            }
            if fields.len() < FIELDS_MAX {
                fields.push((name, value));
            }
        }
        Ok(Fields(fields))
    }

    /// As the URL standard reads it, but for bytes that are no UTF-8, which stay as they are.
    pub fn urlencoded(body: &[u8]) -> Fields {
        let pairs = body.split(|b| *b == b'&').take(FIELDS_MAX);
        let field = |pair: &[u8]| {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            let name = String::from_utf8_lossy(&decoded(&pair[..at])).into_owned();
            (name, decoded(value))
        };
        Fields(pairs.map(field).collect())
    }

    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let field = self.0.iter().find(|(n, _)| n == name)?;
        Some(&field.1)
    }

    /// A field's text; empty when it is not there, or no text.
    pub fn text(&self, name: &str) -> &str {
        let bytes = self.bytes(name).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|h| std::str::from_utf8(h).ok());
        let coded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, coded) {
            (b'%', Some(coded)) => {
                bytes.push(coded);
                at += 3;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_form_stay_what_they_were() {
        let fields = Fields::urlencoded(b"a=1+2%2B3&body-mime=%E9%0D%0A&%61b=&c%3Dd=%zz%2&a=x");
        assert_eq!(fields.text("a"), "1 2+3");
        assert_eq!(fields.bytes("body-mime"), Some(b"\xe9\r\n".as_slice()));
        assert_eq!(fields.text("body-mime"), "");
        assert_eq!(fields.bytes("ab"), Some(b"".as_slice()));
        assert_eq!(fields.text("c=d"), "%zz%2");
        assert_eq!(fields.bytes("none"), None);
    }
}

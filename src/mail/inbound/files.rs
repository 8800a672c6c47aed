//! The files of a mail: their names cleaned, their types proved by how they begin.

use mail_parser::{MessagePart, MimeHeaders, PartType};

use super::limits::find_ignoring_case;
use super::{Attachment, HEADER_CHARS_MAX};
use crate::mail::{clean_message_id, one_line};

/// Longest name of a file (characters).
const FILENAME_CHARS_MAX: usize = 100;

pub(super) fn attachment(
    part: &MessagePart<'_>,
    kind: Option<String>,
    number: usize,
    html: &str,
) -> Attachment {
    let bytes = match &part.body {
        PartType::Message(inner) => inner.raw_message().to_vec(),
        _ => part.contents().to_vec(),
    };
    let said = kind
        .filter(|kind| is_media_type(kind))
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    let content_type = sniff(&bytes).map_or(said, str::to_owned);
    let filename = match part
        .attachment_name()
        .map(clean_filename)
        .filter(|name| !name.is_empty())
    {
        Some(name) => name,
        None if content_type.ends_with("-signature") => {
            format!("signature.{}", extension(&content_type))
        }
        None => format!("attachment-{number}.{}", extension(&content_type)),
    };
    let is_shown = part
        .content_id()
        .and_then(clean_message_id)
        .is_some_and(|id| html.contains(&format!("cid:{id}")));
    Attachment {
        filename,
        content_type,
        bytes,
        inline: is_shown,
    }
}

fn is_media_type(kind: &str) -> bool {
    kind.split_once('/').is_some_and(|(major, minor)| {
        let is_token = |token: &str| {
            !token.is_empty()
                && token.len() <= 80
                && token
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b))
        };
        is_token(major) && is_token(minor)
    })
}

/// The media type that the first bytes prove. What a browser could run (HTML, SVG) is told so that it is never
/// shown as something harmless.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 12] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"Rar!\x1a\x07", "application/vnd.rar"),
        (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
        (b"MZ", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF", "application/x-elf"),
    ];
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    if let Some((_, kind)) = SIGNS.iter().find(|(sign, _)| bytes.starts_with(sign)) {
        // Office files are archives too; what was said is more exact there.
        return (*kind != "application/zip").then_some(*kind);
    }
    let head = bytes[..bytes.len().min(512)]
        .trim_ascii_start()
        .to_ascii_lowercase();
    if head.starts_with(b"<!doctype html")
        || head.starts_with(b"<html")
        || head.starts_with(b"<script")
    {
        return Some("text/html");
    }
    (head.starts_with(b"<svg")
        || (head.starts_with(b"<?xml") && find_ignoring_case(&head, b"<svg").is_some()))
    .then_some("image/svg+xml")
}

fn extension(content_type: &str) -> &'static str {
    match content_type {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        "message/rfc822" => "eml",
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "application/pgp-signature" => "asc",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => "p7m",
        _ => "bin",
    }
}

/// A name that is only a name: no path, no control or direction characters, no leading dot, bounded with its ending.
pub(crate) fn clean_filename(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = one_line(last, HEADER_CHARS_MAX)
        .chars()
        .map(|c| {
            if matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') {
                '_'
            } else {
                c
            }
        })
        .collect();
    let clean = clean.trim_matches(['.', ' ']);
    let count = clean.chars().count();
    if count <= FILENAME_CHARS_MAX {
        return clean.to_owned();
    }
    let ending: String = match clean.rsplit_once('.') {
        Some((_, ending)) if ending.chars().count() <= 10 => format!(".{ending}"),
        _ => String::new(),
    };
    let stem: String = clean
        .chars()
        .take(FILENAME_CHARS_MAX - ending.chars().count())
        .collect();
    stem + &ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_only_names() {
        for (given, clean) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.doc", "a.doc"),
            ("a\r\nb\0.txt", "a b .txt"),
            ("\u{202e}fdp.exe", "fdp.exe"),
            ("...", ""),
            ("what?.png", "what_.png"),
        ] {
            assert_eq!(clean_filename(given), clean, "{given:?}");
        }
        let long = clean_filename(&format!("{}.pdf", "é".repeat(500)));
        assert!(
            long.chars().count() == FILENAME_CHARS_MAX && long.ends_with(".pdf"),
            "{long}"
        );
    }
}

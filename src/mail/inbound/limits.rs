//! What of a mail is given to the parser at all.

use super::{CONTENT_TYPES_MAX, RAW_BYTES_KEPT, RAW_BYTES_MAX};

/// The bytes that are given to the parser: not too many, and not with containers in containers without end.
pub(super) fn within_limits(raw: &[u8]) -> (&[u8], bool) {
    let (mut bytes, mut cut) = (raw, false);
    if bytes.len() > RAW_BYTES_MAX {
        (bytes, cut) = (&bytes[..RAW_BYTES_KEPT], true);
    }
    let mut types = 0;
    for at in places(bytes, CONTENT_TYPE) {
        types += 1;
        if types > CONTENT_TYPES_MAX || is_encoded_mail(bytes, at) {
            return (&bytes[..at], true);
        }
    }
    // In a digest a part that does not say what it is, is a mail.
    if find_ignoring_case(bytes, b"digest").is_some()
        && let Some(at) = encoded_unknown(bytes)
    {
        return (&bytes[..at], true);
    }
    (bytes, cut)
}

const CONTENT_TYPE: &[u8] = b"content-type";
const CONTENT_ENCODING: &[u8] = b"content-transfer-encoding";

/// Where `words` stand, whatever their case.
fn places<'b>(bytes: &'b [u8], words: &'static [u8]) -> impl Iterator<Item = usize> + 'b {
    let mut at = 0;
    std::iter::from_fn(move || {
        let found = at + find_ignoring_case(&bytes[at..], words)?;
        at = found + words.len();
        Some(found)
    })
}

/// Whether the header at `at` says that its part is a mail, and the one beside it that it is written in base64 or
/// quoted-printable. RFC 2046, section 5.2.1, forbids that; how deep the mail within goes can't be seen from here.
fn is_encoded_mail(bytes: &[u8], at: usize) -> bool {
    let value = &bytes[bytes.len().min(at + CONTENT_TYPE.len())..];
    let kind: Vec<u8> = value
        .iter()
        .filter(|b| !b.is_ascii_whitespace() && **b != b':')
        .take(b"message".len())
        .copied()
        .collect();
    // A comment may stand before the type.
    (kind.eq_ignore_ascii_case(b"message") || kind.starts_with(b"("))
        && is_encoded(head_around(bytes, at))
}

/// Where a part begins to say that it is encoded, and not what it is. Every head is read once, however
/// often it says so.
fn encoded_unknown(bytes: &[u8]) -> Option<usize> {
    let mut read = 0;
    places(bytes, CONTENT_ENCODING).find(|&at| {
        if at < read {
            return false;
        }
        let ends = |at: &usize| is_head_end(bytes, *at);
        let begin = (read..at).rev().find(ends).unwrap_or(read);
        read = (at..bytes.len()).find(ends).unwrap_or(bytes.len());
        let head = &bytes[begin..read];
        is_encoded(head) && find_ignoring_case(head, CONTENT_TYPE).is_none()
    })
}

fn is_encoded(head: &[u8]) -> bool {
    find_ignoring_case(head, CONTENT_ENCODING).is_some()
        && [b"base64".as_slice(), b"quoted-printable"]
            .iter()
            .any(|words| find_ignoring_case(head, words).is_some())
}

/// The lines around `at` up to the empty ones before and after.
fn head_around(bytes: &[u8], at: usize) -> &[u8] {
    /// Header blocks of mail programs are shorter.
    const HEAD_BYTES_MAX: usize = 16 * 1024;
    let low = at.saturating_sub(HEAD_BYTES_MAX);
    let high = bytes.len().min(at + HEAD_BYTES_MAX);
    let begin = (low..at)
        .rev()
        .find(|at| is_head_end(bytes, *at))
        .unwrap_or(low);
    let end = (at..high)
        .find(|at| is_head_end(bytes, *at))
        .unwrap_or(high);
    &bytes[begin..end]
}

pub(super) fn is_head_end(bytes: &[u8], at: usize) -> bool {
    bytes[at..].starts_with(b"\n\n") || bytes[at..].starts_with(b"\n\r\n")
}

pub(super) fn find_ignoring_case(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

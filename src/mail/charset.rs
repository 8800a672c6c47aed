//! Bytes to words, where a mail does not say its charset, says none that is known, or says a wrong one.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding as Transfer, Message, MessagePart, MimeHeaders};

/// What stands for a byte that is no letter of its charset.
const UNREADABLE: char = '\u{fffd}';
/// Longest headers that are looked at (bytes); mail servers take less.
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// The words that these bytes most likely are: UTF-8 if they can be, else a charset by their frequency (in
/// doubt windows-1252, as browsers read such pages).
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    most_likely(bytes).decode(bytes).0
}

/// The charset of bytes that are no UTF-8.
fn most_likely(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// A mail whose headers hold bytes that are no UTF-8, with the same headers in UTF-8; others as they are.
/// Only ASCII is allowed there (RFC 5322, section 2.2), or UTF-8 (RFC 6532); old programs write anything.
pub fn with_readable_headers(raw: &[u8]) -> Cow<'_, [u8]> {
    let end = |ending: &[u8]| raw.windows(ending.len()).position(|part| part == ending);
    let end = match (end(b"\n\r\n"), end(b"\n\n")) {
        (Some(one), Some(other)) => one.min(other),
        (one, other) => one.or(other).unwrap_or(raw.len()),
    };
    let (head, rest) = raw.split_at(end);
    if head.len() > HEAD_BYTES_MAX || std::str::from_utf8(head).is_ok() {
        return Cow::Borrowed(raw);
    }
    let encoding = most_likely(head);
    // Line by line: what is UTF-8 already stays so.
    let mut readable = Vec::with_capacity(raw.len() + head.len() / 4);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(text) => readable.extend_from_slice(text.as_bytes()),
            Err(_) => readable.extend_from_slice(encoding.decode(line).0.as_bytes()),
        }
    }
    readable.extend_from_slice(rest);
    Cow::Owned(readable)
}

/// The words of a text part.
pub fn words<'m>(
    message: &'m Message<'_>,
    part: &'m MessagePart<'_>,
    read: &'m str,
) -> Cow<'m, str> {
    let said = part
        .content_type()
        .and_then(|kind| kind.attribute("charset"))
        .and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    let is_utf8 = said.is_none_or(|encoding| encoding == encoding_rs::UTF_8);
    // A label of plain ASCII is one of windows-1252 to browsers, and says nothing of other letters.
    let is_ascii = said == Some(encoding_rs::WINDOWS_1252)
        && part
            .content_type()
            .and_then(|kind| kind.attribute("charset"))
            .is_some_and(|label| label.to_ascii_lowercase().contains("ascii"));
    let is_right = !is_ascii && (!is_utf8 || !is_mostly_unreadable(read));
    if is_right {
        return Cow::Borrowed(read);
    }
    let (from, to) = (part.offset_body as usize, part.offset_end as usize);
    let Some(bytes) = message.raw_message().get(from..to) else {
        return Cow::Borrowed(read);
    };
    let decoded = match part.encoding {
        Transfer::None => return decode(bytes),
        Transfer::QuotedPrintable => quoted_printable_decode(bytes),
        Transfer::Base64 => base64_decode(bytes),
    };
    match decoded {
        Some(bytes) => Cow::Owned(decode(&bytes).into_owned()),
        None => Cow::Borrowed(read),
    }
}

/// Whether more letters could not be read than there are beyond ASCII: a few broken ones in a text that is
/// UTF-8 all the same leave it that.
fn is_mostly_unreadable(text: &str) -> bool {
    let unreadable = text.chars().filter(|c| *c == UNREADABLE).count();
    let read = text
        .chars()
        .filter(|c| !c.is_ascii() && *c != UNREADABLE)
        .count();
    unreadable > read
}

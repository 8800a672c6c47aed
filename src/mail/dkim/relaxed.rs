//! The form in which a mail is signed: blanks that servers change on the way do not count (RFC 6376, section 3.4).

/// Header and body of a mail, without the empty line between them.
pub(super) fn halves(mail: &[u8]) -> (&[u8], &[u8]) {
    let end = mail.windows(4).position(|four| four == b"\r\n\r\n");
    match end {
        Some(at) => (&mail[..at + 2], &mail[at + 4..]),
        None => (mail, &[]),
    }
}

/// The fields of a header, each with its folded lines and without its last line end.
pub(super) fn fields(head: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < head.len() {
        let end = head[at..].windows(2).position(|two| two == b"\r\n");
        let end = end.map_or(head.len(), |end| at + end);
        at = (end + 2).min(head.len());
        if !matches!(head.get(at), Some(b' ' | b'\t')) {
            found.push(&head[start..end]);
            start = at;
        }
    }
    found
}

pub(super) fn is_called(field: &[u8], name: &str) -> bool {
    field
        .split(|b| *b == b':')
        .next()
        .is_some_and(|is| is.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
}

/// A field in the relaxed form (RFC 6376, section 3.4.2), without a line end.
pub(super) fn relaxed_field(field: &[u8]) -> Vec<u8> {
    let colon = field.iter().position(|b| *b == b':').unwrap_or(field.len());
    let (name, value) = field.split_at(colon);
    let mut out = name.trim_ascii_end().to_ascii_lowercase();
    out.push(b':');
    let words = value.get(1..).unwrap_or_default();
    let words = words
        .split(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
        .filter(|word| !word.is_empty());
    for (place, word) in words.enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        out.extend(word);
    }
    out
}

/// A body in the relaxed form (RFC 6376, section 3.4.4).
pub(super) fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (rest, &rest[rest.len()..]),
        };
        let mut is_blank = false;
        for byte in line {
            if matches!(byte, b' ' | b'\t') {
                is_blank = true;
                continue;
            }
            if std::mem::take(&mut is_blank) {
                out.push(b' ');
            }
            out.push(*byte);
        }
        out.extend(b"\r\n");
        rest = after;
    }
    while out.ends_with(b"\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    if out == b"\r\n" {
        out.clear();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376, section 3.4.5, and of its text.
    #[test]
    fn blanks_are_relaxed_as_the_standard_says() {
        let head = b"A: X\r\nB : Y\t\r\n\tZ  \r\n";
        let relaxed: Vec<Vec<u8>> = fields(head).into_iter().map(relaxed_field).collect();
        assert_eq!(relaxed, [b"a:X".to_vec(), b"b:Y Z".to_vec()]);
        assert_eq!(relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
        assert_eq!(relaxed_body(b"no end"), b"no end\r\n");
    }
}

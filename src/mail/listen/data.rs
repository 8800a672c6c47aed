//! The text of a mail as it stands after DATA (RFC 5321, section 4.5.2): read to the one sequence that
//! ends it, with the doubled dots made single.
//!
//! A server that takes a bare LF or CR for the end of a line sees another end of the mail, and other
//! commands behind it, than the one that sent it ("SMTP smuggling", CERT/CC VU#302671). So CR LF "." CR LF
//! ends the text and nothing else does, and a text with a CR or LF of its own (RFC 5321, section 2.3.8,
//! forbids both) is read to that end and refused.

/// Longest line that is taken (bytes). RFC 5321 allows 1,000; mails with far longer ones are sent, and
/// are read.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    TooLarge,
    LongLine,
    /// A CR or LF that is not part of CR LF.
    BareLineEnd,
    Empty,
}

/// What was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    Line,
    /// A CR within or at the end of a line; not kept yet.
    Cr,
    /// A dot at the start of a line; not kept yet.
    Dot,
    /// That dot and a CR.
    DotCr,
}

/// A text that is being read.
#[derive(Debug)]
pub struct Data {
    text: Vec<u8>,
    /// How much of the text stood there before.
    head_bytes: usize,
    bytes_max: usize,
    line_bytes: usize,
    at: At,
    flaw: Option<Flaw>,
}

impl Data {
    /// A text of at most `bytes_max`, after what is to stand before it.
    pub fn after(head: Vec<u8>, bytes_max: usize) -> Data {
        Data {
            head_bytes: head.len(),
            bytes_max: bytes_max.saturating_add(head.len()),
            text: head,
            line_bytes: 0,
            at: At::LineStart,
            flaw: None,
        }
    }

    /// Reads on; the number of bytes up to and with the end of the text, once it is there.
    pub fn read(&mut self, input: &[u8]) -> Option<usize> {
        for (n, &byte) in input.iter().enumerate() {
            self.at = match (self.at, byte) {
                (At::DotCr, b'\n') => return Some(n + 1),
                (At::Cr, b'\n') => {
                    self.keep(b"\r\n");
                    self.line_bytes = 0;
                    At::LineStart
                }
                (At::LineStart, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                (At::Cr | At::DotCr, _) => {
                    self.spoil(Flaw::BareLineEnd);
                    after_text(byte)
                }
                (_, b'\r') => At::Cr,
                (_, b'\n') => {
                    self.spoil(Flaw::BareLineEnd);
                    At::Line
                }
                // Of a dot at the start of a line that goes on, nothing is left.
                (At::LineStart | At::Line | At::Dot, byte) => {
                    self.keep(&[byte]);
                    At::Line
                }
            };
        }
        None
    }

    /// The whole text, or what is wrong with it. To be asked once its end was read.
    pub fn finish(self) -> Result<Vec<u8>, Flaw> {
        match self.flaw {
            Some(flaw) => Err(flaw),
            None if self.text.len() == self.head_bytes => Err(Flaw::Empty),
            None => Ok(self.text),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.line_bytes += bytes.len();
        if self.flaw.is_some() {
            return;
        }
        if self.text.len() + bytes.len() > self.bytes_max {
            self.spoil(Flaw::TooLarge);
        } else if self.line_bytes > LINE_BYTES_MAX {
            self.spoil(Flaw::LongLine);
        } else {
            self.text.extend_from_slice(bytes);
        }
    }

    /// Nothing more is kept; the first flaw is the one that is told.
    fn spoil(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
        self.text = Vec::new();
    }
}

/// Where a byte leads that stands after a CR of its own.
fn after_text(byte: u8) -> At {
    match byte {
        b'\r' => At::Cr,
        _ => At::Line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(input: &[u8]) -> Option<(Result<Vec<u8>, Flaw>, usize)> {
        let mut data = Data::after(Vec::new(), 1_000_000);
        let used = data.read(input)?;
        Some((data.finish(), used))
    }

    #[test]
    fn only_one_sequence_ends_a_text() {
        for inner in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r\n.\n",
            "\r\n.\r",
            "\r.\r\n",
            "\n.\r",
            "\n\n.\r\n",
            "\r\n\0.\r\n",
            "\r\r\n.\r\r\n",
        ] {
            let smuggled = format!("Subject: a\r\n\r\nb{inner}MAIL FROM:<x@y.example>\r\n");
            assert_eq!(read(smuggled.as_bytes()), None, "{inner:?} ended a text");
            let whole = format!("{smuggled}\r\n.\r\nQUIT\r\n");
            let (text, used) = read(whole.as_bytes()).expect("an end");
            assert_eq!(used, whole.len() - "QUIT\r\n".len(), "{inner:?}");
            if inner.contains('\0') {
                assert!(text.is_ok());
            } else {
                assert_eq!(text, Err(Flaw::BareLineEnd), "{inner:?}");
            }
        }
    }

    #[test]
    fn doubled_dots_are_single_again() {
        let (text, _) = read(b"..\r\n..a\r\n.b\r\na.b\r\n...\r\n.\r\n").expect("an end");
        assert_eq!(text.expect("taken"), b".\r\n.a\r\nb\r\na.b\r\n..\r\n");
    }

    #[test]
    fn what_is_too_much_is_read_to_its_end_and_not_kept() {
        let long_line = [vec![b'a'; LINE_BYTES_MAX + 1], b"\r\n.\r\n".to_vec()].concat();
        assert_eq!(read(&long_line).expect("an end").0, Err(Flaw::LongLine));
        let mut small = Data::after(b"Return-Path: <>\r\n".to_vec(), 4);
        assert_eq!(small.read(b"ab\r\n.\r\n"), Some(7));
        assert!(small.finish().is_ok());
        let mut large = Data::after(Vec::new(), 4);
        assert_eq!(large.read(b"abc\r\n.\r\n"), Some(8));
        assert_eq!(large.finish(), Err(Flaw::TooLarge));
        assert_eq!(read(b".\r\n").expect("an end").0, Err(Flaw::Empty));
    }

    proptest! {
        #[test]
        fn every_text_comes_through_as_it_was(lines in prop::collection::vec("[a-z. \\t\u{e9}]{0,12}", 1..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let sent: String = lines
                .iter()
                .map(|line| match line.strip_prefix('.') {
                    Some(rest) => format!("..{rest}\r\n"),
                    None => format!("{line}\r\n"),
                })
                .collect();
            let (read, used) = read(format!("{sent}.\r\n").as_bytes()).expect("an end");
            prop_assert_eq!(read.expect("taken"), text.as_bytes());
            prop_assert_eq!(used, sent.len() + 3);
        }

        #[test]
        fn a_text_ends_where_the_standard_says(bytes in prop::collection::vec(prop::sample::select(b"a.\r\n".to_vec()), 0..40)) {
            let mut data = Data::after(Vec::new(), 1_000);
            let ends = data.read(&bytes);
            // The start of a text counts as the end of the line before it.
            let with_line_end = [b"\r\n", bytes.as_slice()].concat();
            let expected = with_line_end.windows(5).position(|w| w == b"\r\n.\r\n").map(|at| at + 3);
            prop_assert_eq!(ends, expected);
        }
    }
}

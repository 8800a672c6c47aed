//! Whole talks, in every cut and order, and what each comes to.

use proptest::prelude::*;

use super::session::*;

const MAX: usize = 10_000;

/// What a whole talk comes to: the replies, and the mails that were taken.
fn talk(pieces: &[&[u8]]) -> (String, Vec<Letter>) {
    let mut session = Session::new("us.example", MAX);
    let (mut letters, mut replies) = (Vec::new(), Vec::new());
    for piece in pieces {
        session.feed(piece);
        loop {
            match session.step() {
                Step::Ask(address) if address.contains("away") => session.found(Found::Later),
                Step::Ask(address) if address.ends_with("@us.example") => {
                    session.found(Found::Ours);
                }
                Step::Ask(_) => session.found(Found::NotOurs),
                Step::Take(letter) if letter.raw.ends_with(b"full\r\n") => {
                    session.took(Took::Later);
                }
                Step::Take(letter) => {
                    letters.push(letter);
                    session.took(Took::Stored);
                }
                Step::Read => break,
                Step::End => {
                    replies.extend(session.replies());
                    return (String::from_utf8(replies).expect("text"), letters);
                }
            }
        }
        replies.extend(session.replies());
    }
    (String::from_utf8(replies).expect("text"), letters)
}

fn codes(replies: &str) -> Vec<&str> {
    let last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    replies
        .lines()
        .filter(last)
        .map(|line| &line[..3])
        .collect()
}

#[test]
fn lmtp_answers_once_a_recipient() {
    let (replies, letters) = talk(&[
        b"LHLO mx\r\nMAIL FROM:<a@b.example> SIZE=20 BODY=8BITMIME\r\n\
        RCPT TO:<help@us.example>\r\nRCPT TO:<x@else.example>\r\nRCPT TO:<away@us.example>\r\n\
        RCPT TO:<help+t.abc@us.example>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n",
    ]);
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "250", "250", "550", "451", "250", "354", "250", "250", "221"
        ]
    );
    assert!(replies.contains("550 5.1.1 <x@else.example>"), "{replies}");
    assert_eq!(
        letters,
        [Letter {
            raw: b"Return-Path: <a@b.example>\r\nSubject: x\r\n\r\nhi\r\n".to_vec(),
            recipients: vec!["help@us.example".into(), "help+t.abc@us.example".into()],
        }]
    );
}

#[test]
fn smtp_answers_once_and_a_bounce_has_an_empty_sender() {
    let (replies, letters) = talk(&[b"EHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<a@us.example>\r\n\
        RCPT TO:<b@us.example>\r\nDATA\r\n..\r\n.\r\nMAIL FROM:<c@d.example>\r\nRSET\r\nDATA\r\n"]);
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "250", "250", "250", "354", "250", "250", "250", "503"
        ]
    );
    for word in [
        "PIPELINING",
        "SIZE 10000",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
    ] {
        assert!(replies.contains(word), "{word} is not offered: {replies}");
    }
    assert_eq!(letters[0].raw, b"Return-Path: <>\r\n.\r\n");
}

#[test]
fn a_database_that_is_away_is_told_to_each_recipient() {
    let (replies, letters) = talk(&[b"LHLO mx\r\nMAIL FROM:<a@b.example>\r\n\
        RCPT TO:<a@us.example>\r\nRCPT TO:<b@us.example>\r\nDATA\r\nfull\r\n.\r\nNOOP\r\n"]);
    assert_eq!(codes(&replies)[5..], ["354", "451", "451", "250"]);
    assert!(replies.contains("451 4.3.0"));
    assert!(letters.is_empty());
}

#[test]
fn what_is_smuggled_is_no_mail_of_its_own() {
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n"] {
        let text = format!(
            "EHLO mx\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@us.example>\r\nDATA\r\nhello{end}\
             MAIL FROM:<boss@us.example>\r\nRCPT TO:<a@us.example>\r\nDATA\r\nSubject: pay\r\n\
             .\r\nQUIT\r\n"
        );
        let (replies, letters) = talk(&[text.as_bytes()]);
        assert!(letters.is_empty(), "{end:?}: {letters:?}");
        assert!(replies.contains("554 5.6.0"), "{end:?}: {replies}");
    }
}

#[test]
fn commands_out_of_turn_or_beyond_limits_are_refused() {
    for (sent, reply) in [
        ("MAIL FROM:<a@b.example>\r\n", "503"),
        ("EHLO\r\n", "501"),
        ("EHLO mx\r\nRCPT TO:<a@us.example>\r\n", "503"),
        ("EHLO mx\r\nMAIL FROM:a@b.example\r\n", "501"),
        (
            "EHLO mx\r\nMAIL FROM:<a@b.example> SIZE=10001\r\n",
            "552 5.3.4",
        ),
        ("EHLO mx\r\nMAIL FROM:<a@b.example> RET=FULL\r\n", "555"),
        ("EHLO mx\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n", "503"),
        ("EHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\n", "501"),
        (
            "EHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n",
            "503",
        ),
        ("VRFY root\r\n", "252"),
        ("STARTTLS\r\n", "500"),
        ("NOOP\n", "521"),
        ("NO\rOP\r\n", "521"),
    ] {
        let (replies, letters) = talk(&[sent.as_bytes()]);
        let last = replies.lines().last().unwrap_or_default();
        assert!(last.starts_with(reply), "{sent:?}: {replies}");
        assert!(letters.is_empty());
    }
    let (replies, _) = talk(&[&[b'a'; COMMAND_BYTES_MAX + 1]]);
    assert!(
        replies.ends_with("500 5.5.2 the line is too long\r\n"),
        "{replies}"
    );
    let (replies, _) = talk(&["what\r\n".repeat(MISTAKES_MAX).as_bytes()]);
    assert!(
        replies.ends_with("421 4.7.0 too many mistakes\r\n"),
        "{replies}"
    );
    let rcpt = "RCPT TO:<a@us.example>\r\n".repeat(RECIPIENTS_MAX + 1);
    let (replies, _) = talk(&[b"LHLO mx\r\nMAIL FROM:<>\r\n", rcpt.as_bytes()]);
    assert!(
        replies.ends_with("452 4.5.3 too many recipients\r\n"),
        "{replies}"
    );
}

#[test]
fn paths_are_read_as_they_are_written() {
    let read = |text: &'static str| path(text, "TO:").map(|(a, _)| a);
    assert_eq!(read("TO:<a@b>").as_deref(), Some("a@b"));
    assert_eq!(read("to: <a@b> X=1").as_deref(), Some("a@b"));
    assert_eq!(read("TO:<@x,@y:a@b>").as_deref(), Some("a@b"));
    assert_eq!(read("TO:<\"a>b\\\"\"@c>").as_deref(), Some("\"a>b\\\"\"@c"));
    assert_eq!(read("TO:<j\u{fc}rgen@b>").as_deref(), Some("j\u{fc}rgen@b"));
    for bad in [
        "TO:a@b",
        "TO:<a@b",
        "FROM:<a@b>",
        "TO:<a@b>X",
        "TO:<a\u{7}b@c>",
        "\u{e9}",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

/// A talk with two mails, one of which is refused for its line ends.
const TALK: &[u8] = b"LHLO mx\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@us.example>\r\nDATA\r\n\
    ..one\r\n\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@us.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n\
    two\n.\r\n.\r\nwhat\r\nQUIT\r\n";

proptest! {
    #[test]
    fn it_matters_not_how_the_bytes_come(cuts in prop::collection::vec(0..TALK.len(), 0..12)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&TALK[from..cut]);
            from = cut;
        }
        pieces.push(&TALK[from..]);
        prop_assert_eq!(talk(&pieces), talk(&[TALK]));
    }

    #[test]
    fn nothing_that_is_sent_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let hello = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@us.example>\r\n";
        let _ = talk(&[hello, &bytes]);
        let (_, letters) = talk(&[hello, b"DATA\r\n", &bytes]);
        prop_assert!(letters.len() <= 1);
    }
}

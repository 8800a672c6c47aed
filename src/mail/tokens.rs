//! Tokens in our own addresses: `support+t.TOKEN@example.com` says which ticket a reply belongs to.
//!
//! Base32 (RFC 4648, lower case): no case to lose, no sign a mail server refuses. Tokens of answers are 160 random
//! bits, kept as their hash by whoever gives them out; those of returned mail (`verp.rs`) are kept nowhere. Here is
//! only the writing and the finding.

/// Random bytes in a token of an answer.
pub const TOKEN_BYTES: usize = 20;
/// Bytes in the token of a returned mail: its number, and a keyed digest of it.
pub const BOUNCE_BYTES: usize = 25;
/// Bits of one character.
const CHAR_BITS: usize = 5;
/// Longest part before the `@` (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What an address with a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Answers of a ticket's customer: the address stands in Reply-To.
    Reply,
    /// Answers of a member to a mail about a thread: the address stands in Reply-To.
    Post,
    /// Mails that come back: the address stands in the envelope.
    Bounce,
}

impl Purpose {
    fn letter(self) -> char {
        match self {
            Purpose::Reply => 't',
            Purpose::Post => 'p',
            Purpose::Bounce => 'v',
        }
    }

    fn bytes(self) -> usize {
        match self {
            Purpose::Reply | Purpose::Post => TOKEN_BYTES,
            Purpose::Bounce => BOUNCE_BYTES,
        }
    }
}

/// The token that these random bytes make.
pub fn token(random: &[u8; TOKEN_BYTES]) -> String {
    base32(random)
}

/// Bytes, a multiple of five, as characters.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / CHAR_BITS);
    for chunk in bytes.chunks_exact(5) {
        let bits = chunk
            .iter()
            .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            text.push(char::from(
                ALPHABET[(bits >> (place * CHAR_BITS)) as usize & 31],
            ));
        }
    }
    text
}

/// The bytes of a token that `find` found.
pub(super) fn bytes_of(token: &str) -> Vec<u8> {
    let value = |c: u8| ALPHABET.iter().position(|a| *a == c).unwrap_or(0) as u64;
    token
        .as_bytes()
        .chunks_exact(8)
        .flat_map(|chunk| {
            let bits = chunk
                .iter()
                .fold(0u64, |bits, c| bits << CHAR_BITS | value(*c));
            bits.to_be_bytes()[3..].to_vec()
        })
        .collect()
}

/// `local+t.TOKEN@domain` for the mailbox `local@domain`; None when the mailbox is no address or leaves no room.
pub fn address(mailbox: &str, purpose: Purpose, token: &str) -> Option<String> {
    let (local, domain) = mailbox.rsplit_once('@')?;
    let local = format!("{local}+{}.{token}", purpose.letter());
    (local.len() <= LOCAL_BYTES_MAX && is_token(token, purpose))
        .then(|| format!("{local}@{domain}"))
}

/// The first token for `purpose` in any of the recipients, in lower case; whichever way a server changed its case.
pub fn find<'a>(recipients: impl IntoIterator<Item = &'a str>, purpose: Purpose) -> Option<String> {
    recipients.into_iter().find_map(|recipient| {
        let (local, _) = recipient.rsplit_once('@')?;
        let local = local.to_ascii_lowercase();
        let (_, tag) = local.split_once('+')?;
        let token = tag.strip_prefix(purpose.letter())?.strip_prefix('.')?;
        is_token(token, purpose).then(|| token.to_owned())
    })
}

/// Whether an address has the form of one with such a token, whatever the token is.
pub fn has_form(address: &str, purpose: Purpose) -> bool {
    address.rsplit_once('@').is_some_and(|(local, _)| {
        let local = local.to_ascii_lowercase();
        let tag = local.split_once('+').map_or("", |(_, tag)| tag);
        tag.strip_prefix(purpose.letter())
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn is_token(token: &str, purpose: Purpose) -> bool {
    token.len() == purpose.bytes() * 8 / CHAR_BITS && token.bytes().all(|b| ALPHABET.contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_carry_their_token_through_changes_of_case() {
        let token = token(&[7; TOKEN_BYTES]);
        let to = address("help@example.com", Purpose::Reply, &token)
            .expect("a short mailbox leaves room");
        assert_eq!(to, format!("help+t.{token}@example.com"));
        let shouted = to.to_uppercase();
        assert_eq!(
            find(["other@example.com", &shouted], Purpose::Reply),
            Some(token)
        );
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        for to in [
            "help@example.com",
            "help+t.short@example.com",
            "help+t.@example.com",
            "help+t",
            "",
            "@",
            "+t.@",
        ] {
            assert_eq!(find([to], Purpose::Reply), None, "{to}");
        }
        assert_eq!(
            address("nobody", Purpose::Reply, &token(&[0; TOKEN_BYTES])),
            None
        );
        assert_eq!(
            address(
                &format!("{}@x.org", "a".repeat(40)),
                Purpose::Reply,
                &token(&[0; TOKEN_BYTES])
            ),
            None
        );
        assert_eq!(address("a@x.org", Purpose::Reply, "with@sign"), None);
    }

    proptest! {
        #[test]
        fn different_bytes_make_different_tokens(one: [u8; TOKEN_BYTES], other: [u8; TOKEN_BYTES]) {
            prop_assert_eq!(token(&one) == token(&other), one == other);
            prop_assert!(is_token(&token(&one), Purpose::Reply));
            prop_assert_eq!(bytes_of(&token(&one)), one.to_vec());
        }

        #[test]
        fn finding_takes_any_recipient(recipient in "\\PC{0,60}") {
            let _ = find([recipient.as_str()], Purpose::Reply);
        }
    }
}

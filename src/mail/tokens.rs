//! Tokens in our own addresses: `support+t.TOKEN@example.com` says which ticket a reply belongs to.
//!
//! 160 random bits in base32 (RFC 4648, lower case): no case to lose, no sign a mail server refuses. Whoever stores
//! a token stores its hash; here is only the writing and the finding.

/// Random bytes in a token.
pub const TOKEN_BYTES: usize = 20;
/// Characters of a token in an address.
pub const TOKEN_CHARS: usize = TOKEN_BYTES / 5 * 8;
/// Longest part before the `@` (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What an address with a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Answers of a person: the address stands in Reply-To.
    Reply,
}

impl Purpose {
    fn letter(self) -> char {
        match self {
            Purpose::Reply => 't',
        }
    }
}

/// The token that these random bytes make.
pub fn token(random: &[u8; TOKEN_BYTES]) -> String {
    let mut token = String::with_capacity(TOKEN_CHARS);
    for chunk in random.chunks_exact(5) {
        let bits = chunk
            .iter()
            .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            token.push(char::from(ALPHABET[(bits >> (place * 5)) as usize & 31]));
        }
    }
    token
}

/// `local+t.TOKEN@domain` for the mailbox `local@domain`; None when the mailbox is no address or leaves no room.
pub fn address(mailbox: &str, purpose: Purpose, token: &str) -> Option<String> {
    let (local, domain) = mailbox.rsplit_once('@')?;
    let local = format!("{local}+{}.{token}", purpose.letter());
    (local.len() <= LOCAL_BYTES_MAX && is_token(token)).then(|| format!("{local}@{domain}"))
}

/// The first token for `purpose` in any of the recipients, in lower case; whichever way a server changed its case.
pub fn find<'a>(recipients: impl IntoIterator<Item = &'a str>, purpose: Purpose) -> Option<String> {
    recipients.into_iter().find_map(|recipient| {
        let (local, _) = recipient.rsplit_once('@')?;
        let local = local.to_ascii_lowercase();
        let (_, tag) = local.split_once('+')?;
        let token = tag.strip_prefix(purpose.letter())?.strip_prefix('.')?;
        is_token(token).then(|| token.to_owned())
    })
}

fn is_token(token: &str) -> bool {
    token.len() == TOKEN_CHARS && token.bytes().all(|b| ALPHABET.contains(&b))
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
            prop_assert!(is_token(&token(&one)));
        }

        #[test]
        fn finding_takes_any_recipient(recipient in "\\PC{0,60}") {
            let _ = find([recipient.as_str()], Purpose::Reply);
        }
    }
}

//! Which mail of ours came back: the address to which it returns names it (VERP).
//!
//! Reports of lost mails come in hundreds of forms; the recipient of a report is always the sender of the envelope.
//! The token is the mail's number and a keyed digest of it: nothing is stored, and nobody makes one up to have another
//! mail called lost.

use subtle::ConstantTimeEq;

use super::tokens::{self, BOUNCE_BYTES, Purpose};
use crate::config;
use crate::ids::MailId;
use crate::keys::Keys;

/// What the digest is for.
const PURPOSE: &str = "returned mail";
/// Bytes of the mail's number in the token; the other 17 are digest, 136 bits.
const ID_BYTES: usize = size_of::<i64>();

/// Where mails come back to that can't be delivered: the configured address, else the one we write from.
pub fn mailbox(mail: &config::Mail) -> &str {
    if mail.bounce_address.is_empty() {
        &mail.from
    } else {
        &mail.bounce_address
    }
}

/// Whether the mailbox's name leaves room for a token.
pub fn has_room(mail: &config::Mail) -> bool {
    let longest = "x".repeat(tokens::base32(&[0; BOUNCE_BYTES]).len());
    tokens::address(mailbox(mail), Purpose::Bounce, &longest).is_some()
}

/// The envelope's sender of a mail, with its token; without one where the mailbox's name leaves no room for it
/// (more than 21 characters): its reports are then found by the Message-ID they give back.
pub fn address(mail: &config::Mail, keys: &Keys, id: MailId) -> String {
    let mailbox = mailbox(mail);
    tokens::address(mailbox, Purpose::Bounce, &token(keys, id))
        .unwrap_or_else(|| mailbox.to_owned())
}

/// The mail that one of these recipients names. `None` when none does, or the token is not ours.
pub fn find<'a>(keys: &Keys, recipients: impl IntoIterator<Item = &'a str>) -> Option<MailId> {
    let found = tokens::find(recipients, Purpose::Bounce)?;
    let bytes = tokens::bytes_of(&found);
    let number: [u8; ID_BYTES] = bytes.get(..ID_BYTES)?.try_into().ok()?;
    let id = MailId(i64::from_be_bytes(number));
    let is_ours: bool = token(keys, id).as_bytes().ct_eq(found.as_bytes()).into();
    is_ours.then_some(id)
}

fn token(keys: &Keys, id: MailId) -> String {
    let digest = keys.mac(PURPOSE, &id.0.to_string());
    let mut bytes = [0; BOUNCE_BYTES];
    let (number, rest) = bytes.split_at_mut(ID_BYTES);
    number.copy_from_slice(&id.0.to_be_bytes());
    rest.copy_from_slice(&digest[..BOUNCE_BYTES - ID_BYTES]);
    tokens::base32(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mail;

    fn mail(from: &str) -> Mail {
        Mail {
            from: from.to_owned(),
            ..Mail::default()
        }
    }

    #[test]
    fn an_address_names_its_mail_through_changes_of_case() {
        let keys = Keys::new("the secret of a site");
        let id = MailId(123_456_789_012);
        let address = address(&mail("bounce@example.com"), &keys, id);
        let (local, _) = address.split_once('@').expect("an address");
        assert!(
            local.len() <= 64 && local.starts_with("bounce+v."),
            "{address}"
        );
        for to in [address.clone(), address.to_uppercase()] {
            assert_eq!(find(&keys, ["other@example.com", &to]), Some(id), "{to}");
        }
        assert_eq!(find(&Keys::new("another site's"), [address.as_str()]), None);
    }

    #[test]
    fn a_token_of_another_mail_can_not_be_made_from_one() {
        let keys = Keys::new("the secret of a site");
        let address = address(&mail("b@example.com"), &keys, MailId(7));
        // The number's last bits are in the token's 13th character.
        let mut bytes = address.into_bytes();
        bytes["b+v.".len() + 12] ^= 1;
        let other = String::from_utf8(bytes).expect("ASCII");
        assert_eq!(find(&keys, [other.as_str()]), None, "{other}");
        assert!(tokens::has_form(&other, Purpose::Bounce));
    }

    #[test]
    fn a_mailbox_without_room_gets_no_token() {
        let keys = Keys::new("the secret of a site");
        let long = mail("customer-support-of-all@example.com");
        assert_eq!(address(&long, &keys, MailId(7)), long.from);
    }
}

//! Postmark: JSON with the raw mail in `RawEmail`, once "Include raw email content in JSON payload" is
//! switched on. Postmark signs nothing; the address that it calls carries a password
//! (postmarkapp.com/developer, "Inbound webhook").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{Delivery, Refusal};
use crate::config::Secret;
use crate::keys::digest;
use crate::mail::arriving::Arriving;

/// Whether the header Authorization carries the password, whoever it names as the user (RFC 7617).
/// Takes as long for a wrong password as for the right one.
pub fn is_authorized(header: Option<&str>, password: &Secret) -> bool {
    let given = header
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, coded)| STANDARD.decode(coded.trim()).ok())
        .and_then(|pair| {
            let at = pair.iter().position(|b| *b == b':')?;
            Some(pair[at + 1..].to_vec())
        });
    // Of digests, so that not even the length is told.
    let given = digest(&given.unwrap_or_default());
    let wanted = digest(password.expose().as_bytes());
    !password.is_empty() && bool::from(given.as_bytes().ct_eq(wanted.as_bytes()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    #[serde(rename = "MessageID", default)]
    message_id: String,
    #[serde(default)]
    original_recipient: String,
    #[serde(default)]
    raw_email: String,
}

/// The mail of a call whose password was right.
pub fn delivery(body: &[u8]) -> Result<Delivery, Refusal> {
    let call: Call = serde_json::from_slice(body)
        .map_err(|_| Refusal::Unusable("the body is not the JSON of an inbound mail"))?;
    if call.raw_email.is_empty() {
        return Err(Refusal::Unusable(
            "the raw mail is not in it: switch on \"Include raw email content in JSON payload\"",
        ));
    }
    let key = match call.message_id.is_empty() {
        true => digest(body),
        false => call.message_id,
    };
    let recipients = [call.original_recipient];
    Ok(Delivery {
        key,
        mail: Arriving {
            raw: call.raw_email.into_bytes(),
            recipients: recipients.into_iter().filter(|r| !r.is_empty()).collect(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_opens() {
        let password = Secret::new("s3cret: with a colon");
        let header = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let right = header("postmark:s3cret: with a colon");
        assert!(is_authorized(Some(&right), &password));
        assert!(is_authorized(
            Some(&right.replace("Basic", "basic")),
            &password
        ));
        for wrong in [
            header("postmark:s3cret"),
            header("s3cret: with a colon"),
            header("postmark:"),
            "Bearer abc".to_owned(),
            "Basic ###".to_owned(),
        ] {
            assert!(!is_authorized(Some(&wrong), &password), "{wrong}");
        }
        assert!(!is_authorized(None, &password));
        assert!(!is_authorized(Some(&header("x:")), &Secret::default()));
    }

    #[test]
    fn the_raw_mail_is_what_counts() {
        let call = br#"{"MessageID":"m-1","OriginalRecipient":"help+t.a@us.example",
            "TextBody":"other","RawEmail":"Subject: x\r\n\r\nhi \u00e9"}"#;
        let taken = delivery(call).expect("taken");
        assert_eq!(taken.key, "m-1");
        assert_eq!(taken.mail.raw, "Subject: x\r\n\r\nhi \u{e9}".as_bytes());
        assert_eq!(taken.mail.recipients, ["help+t.a@us.example"]);
        let without = delivery(br#"{"MessageID":"m-1","TextBody":"x"}"#);
        assert!(matches!(without, Err(Refusal::Unusable(words)) if words.contains("raw email")));
        assert!(matches!(delivery(b"<html>"), Err(Refusal::Unusable(_))));
    }
}

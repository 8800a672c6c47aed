//! Mailgun: a route forwards mail to an address that ends in `mime`, as a form with the raw mail. The
//! form says when and by what token it was signed: HMAC-SHA256 over both
//! (documentation.mailgun.com, "Securing webhooks"). The mail itself is not under the signature, so a
//! token counts once.

use ring::hmac;

use super::form::Fields;
use super::{Delivery, Refusal, is_recent};
use crate::clock::{HOUR, Moment};
use crate::config::Secret;
use crate::mail::arriving::Arriving;

/// How long Mailgun tries a call again (µs): 8 hours by its documentation of webhooks, and some room.
const RETRIED: i64 = 9 * HOUR;

/// The mail of a call, when the key signed it.
pub fn delivery(fields: &Fields, key: &Secret, now: Moment) -> Result<Delivery, Refusal> {
    const UNPROVEN: Refusal =
        Refusal::Unproven("the signature is not by the configured webhooks.mailgun_signing_key");
    let (timestamp, token) = (fields.text("timestamp"), fields.text("token"));
    let signature = unhex(fields.text("signature")).ok_or(UNPROVEN)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let signed = format!("{timestamp}{token}");
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| UNPROVEN)?;
    if !is_recent(timestamp, now, RETRIED) {
        return Err(Refusal::Old);
    }
    let Some(raw) = fields.bytes("body-mime").filter(|raw| !raw.is_empty()) else {
        return Err(Refusal::Unusable(
            "the raw mail is not in it: let the route forward to /hooks/mail/mailgun/mime",
        ));
    };
    let recipients = fields.text("recipient").split(',').map(str::trim);
    Ok(Delivery {
        key: token.to_owned(),
        mail: Arriving {
            raw: raw.to_vec(),
            recipients: recipients
                .filter(|r| !r.is_empty())
                .map(str::to_owned)
                .collect(),
        },
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    const NOW: i64 = 1_790_000_000;

    fn key() -> Secret {
        Secret::new("key-of-a-test")
    }

    fn signed(timestamp: i64, token: &str, rest: &str) -> Fields {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key().expose().as_bytes());
        let tag = hmac::sign(&key, format!("{timestamp}{token}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let form = format!("timestamp={timestamp}&token={token}&signature={hex}&{rest}");
        Fields::urlencoded(form.as_bytes())
    }

    fn read(fields: &Fields) -> Result<Delivery, Refusal> {
        delivery(fields, &key(), Moment(NOW * SECOND))
    }

    #[test]
    fn what_the_key_signed_is_taken_and_nothing_else() {
        let mail = "recipient=help%2Bt.a%40us.example&body-mime=Subject%3A+x%0D%0A%0D%0Ahi";
        let taken = read(&signed(NOW - 8 * 3_600, "abc", mail)).expect("taken");
        assert_eq!(taken.key, "abc");
        assert_eq!(taken.mail.raw, b"Subject: x\r\n\r\nhi");
        assert_eq!(taken.mail.recipients, ["help+t.a@us.example"]);
        assert_eq!(
            read(&signed(NOW - 9 * 3_600 - 1, "abc", mail)),
            Err(Refusal::Old)
        );
        assert_eq!(read(&signed(NOW + 301, "abc", mail)), Err(Refusal::Old));
        let parsed = signed(NOW, "abc", "body-plain=hi");
        assert!(matches!(read(&parsed), Err(Refusal::Unusable(words)) if words.contains("/mime")));
        for forged in [
            format!("timestamp={NOW}&token=abc&signature=00&{mail}"),
            format!("timestamp={NOW}&token=abc&signature=xyz&{mail}"),
            mail.to_owned(),
        ] {
            let forged = read(&Fields::urlencoded(forged.as_bytes()));
            assert!(matches!(forged, Err(Refusal::Unproven(_))), "{forged:?}");
        }
        let other = delivery(
            &signed(NOW, "abc", mail),
            &Secret::new("other"),
            Moment(NOW * SECOND),
        );
        assert!(matches!(other, Err(Refusal::Unproven(_))));
    }
}

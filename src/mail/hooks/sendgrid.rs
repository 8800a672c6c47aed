//! SendGrid's Inbound Parse, with `send_raw` and a security policy that signs: ECDSA over P-256 and
//! SHA-256, of the time in one header and the body as it came; the signature stands in another
//! (twilio.com/docs/sendgrid, "Securing your Inbound Parse Webhooks").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;

use super::form::Fields;
use super::{Delivery, Refusal, is_recent};
use crate::clock::{DAY, Moment};
use crate::keys::digest;
use crate::mail::arriving::Arriving;

/// The header with the signature, base64 of its DER form.
pub const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
/// The header with the time, in seconds since 1970.
pub const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// What stands before the point in the DER form of a public key on P-256 (RFC 5480): the names of the
/// algorithm and the curve, and the head of a bit string of 65 bytes.
const P256_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// How long SendGrid tries a call again (µs): three days by its documentation of Inbound Parse.
const RETRIED: i64 = 3 * DAY;

/// Checks that the body was signed now by the owner of the key; what tells this call from others.
pub fn check(
    public_key: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: Moment,
) -> Result<String, Refusal> {
    const UNPROVEN: Refusal =
        Refusal::Unproven("the signature is not by the configured webhooks.sendgrid_public_key");
    let key = STANDARD.decode(public_key.trim()).unwrap_or_default();
    let Some(point) = key.strip_prefix(P256_HEAD) else {
        return Err(Refusal::Unproven(
            "webhooks.sendgrid_public_key is not the public key that SendGrid shows (base64)",
        ));
    };
    let signature = STANDARD.decode(signature.trim()).map_err(|_| UNPROVEN)?;
    let signed = [timestamp.as_bytes(), body].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&signed, &signature)
        .map_err(|_| UNPROVEN)?;
    if !is_recent(timestamp, now, RETRIED) {
        return Err(Refusal::Old);
    }
    // Of what was signed: the signature itself can be written in two ways.
    Ok(digest(&signed))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    to: Vec<String>,
}

/// The mail of a call that was checked.
pub fn delivery(key: String, fields: &Fields) -> Result<Delivery, Refusal> {
    let Some(raw) = fields.bytes("email").filter(|raw| !raw.is_empty()) else {
        return Err(Refusal::Unusable(
            "the raw mail is not in it: switch on \"POST the raw, full MIME message\"",
        ));
    };
    let envelope: Envelope = serde_json::from_str(fields.text("envelope")).unwrap_or_default();
    Ok(Delivery {
        key,
        mail: Arriving {
            raw: raw.to_vec(),
            recipients: envelope.to,
        },
    })
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;
    use crate::clock::SECOND;

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn what_the_key_signed_is_taken_and_nothing_else() {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(kind, pair.as_ref(), &random).expect("a key");
        let public = STANDARD.encode([P256_HEAD, pair.public_key().as_ref()].concat());
        let body = b"email=Subject%3A+x%0D%0A%0D%0Ahi&envelope=%7B%22to%22%3A%5B%22a%40us.example%22%5D%7D";
        let sign = |timestamp: &str| {
            let signed = [timestamp.as_bytes(), body].concat();
            let signature = pair.sign(&random, &signed).expect("signed");
            STANDARD.encode(signature.as_ref())
        };
        let (time, now) = (NOW.to_string(), Moment(NOW * SECOND));
        let key = check(&public, &time, &sign(&time), body, now).expect("its own");
        let again = check(&public, &time, &sign(&time), body, now).expect("its own");
        assert_eq!(
            key, again,
            "another signature of the same call is the same call"
        );
        let taken = delivery(key, &Fields::urlencoded(body)).expect("a mail");
        assert_eq!(taken.mail.raw, b"Subject: x\r\n\r\nhi");
        assert_eq!(taken.mail.recipients, ["a@us.example"]);

        let unproven = |result| matches!(result, Err(Refusal::Unproven(_)));
        assert!(unproven(check(
            &public,
            &time,
            &sign(&time),
            b"email=other",
            now
        )));
        assert!(unproven(check(&public, "1", &sign(&time), body, now)));
        assert!(unproven(check(&public, &time, "", body, now)));
        assert!(unproven(check("", &time, &sign(&time), body, now)));
        let old = (NOW - 3 * 86_400 - 1).to_string();
        assert_eq!(
            check(&public, &old, &sign(&old), body, now),
            Err(Refusal::Old)
        );
        let parsed = delivery(String::new(), &Fields::urlencoded(b"text=hi"));
        assert!(matches!(parsed, Err(Refusal::Unusable(words)) if words.contains("raw")));
    }
}

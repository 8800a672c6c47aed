//! Amazon SES, by SNS: a receipt rule publishes each mail to a topic, and the topic calls us. Amazon
//! signs the fields of each call with RSA; the certificate lies at an address in the call, which counts
//! only when it is one of SNS's own (docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS
//! messages"). Only signatures of version 2 (SHA-256) are taken.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use url::Url;
use webpki::EndEntityCert;

use super::{Delivery, Refusal};
use crate::clock::{MINUTE, Moment};
use crate::mail::arriving::Arriving;
use crate::net::http_client;

/// How far the time of a call may be from ours (µs). It is the time of its publishing, and SNS tries a
/// call again for up to an hour (docs.aws.amazon.com/sns, "delivery retries").
const WINDOW: i64 = 65 * MINUTE;
/// Certificates kept; SNS uses one a region, and changes it about once a year.
const CERTIFICATES_MAX: usize = 16;
/// Longest certificate that is read (bytes).
const CERTIFICATE_BYTES_MAX: u64 = 64 * 1024;
/// Longest wait for a certificate.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A call of SNS.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Call {
    #[serde(rename = "Type")]
    pub kind: String,
    pub message_id: String,
    pub topic_arn: String,
    pub message: String,
    pub timestamp: String,
    pub subject: Option<String>,
    pub token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    pub subscribe_url: Option<String>,
    pub signature_version: String,
    pub signature: String,
    #[serde(rename = "SigningCertURL")]
    pub signing_cert_url: String,
}

/// What a proven call asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Mail(Delivery),
    /// The subscription is to be confirmed, by calling this address of SNS.
    Confirm(String),
    /// The subscription ended.
    Ended,
}

impl Call {
    /// Reads a call of the configured topic. Nothing is proven yet, but that it is worth asking for the
    /// certificate: anybody can write the rest.
    pub fn read(body: &[u8], topic_arn: &str) -> Result<Call, Refusal> {
        let call: Call = serde_json::from_slice(body)
            .map_err(|_| Refusal::Unproven("the body is not the JSON of an SNS call"))?;
        if call.topic_arn != topic_arn {
            return Err(Refusal::Unproven(
                "it is not of the topic in webhooks.ses_topic_arn",
            ));
        }
        if call.signature_version != "2" {
            return Err(Refusal::Unproven(
                "it is signed by SHA-1: set the topic's attribute SignatureVersion to 2",
            ));
        }
        if !is_of_sns(&call.signing_cert_url, true) {
            return Err(Refusal::Unproven(
                "its certificate is not at an address of SNS",
            ));
        }
        Ok(call)
    }

    /// Checks the signature by the certificate at `signing_cert_url`, and the time.
    pub fn check(&self, certificate: &[u8], now: Moment) -> Result<(), Refusal> {
        const UNPROVEN: Refusal = Refusal::Unproven("the signature is not by SNS");
        let certificate = CertificateDer::from(certificate);
        let certificate = EndEntityCert::try_from(&certificate).map_err(|_| UNPROVEN)?;
        let signature = STANDARD.decode(&self.signature).map_err(|_| UNPROVEN)?;
        let signed = self.signed().ok_or(UNPROVEN)?;
        certificate
            .verify_signature(
                webpki::ring::RSA_PKCS1_2048_8192_SHA256,
                signed.as_bytes(),
                &signature,
            )
            .map_err(|_| UNPROVEN)?;
        let at = Moment::parse(&self.timestamp).ok_or(UNPROVEN)?;
        match now.since(at).abs() <= WINDOW {
            true => Ok(()),
            false => Err(Refusal::Old),
        }
    }

    /// The fields under the signature, in the order of their names; `None` for a kind that is unknown.
    fn signed(&self) -> Option<String> {
        let is_mail = self.kind == "Notification";
        let is_about_us = ["SubscriptionConfirmation", "UnsubscribeConfirmation"];
        if !is_mail && !is_about_us.contains(&self.kind.as_str()) {
            return None;
        }
        let of = |only: bool, value: &Option<String>| value.clone().filter(|_| only);
        let fields = [
            ("Message", Some(self.message.clone())),
            ("MessageId", Some(self.message_id.clone())),
            ("Subject", of(is_mail, &self.subject)),
            ("SubscribeURL", of(!is_mail, &self.subscribe_url)),
            ("Timestamp", Some(self.timestamp.clone())),
            ("Token", of(!is_mail, &self.token)),
            ("TopicArn", Some(self.topic_arn.clone())),
            ("Type", Some(self.kind.clone())),
        ];
        let line = |(name, value): (&str, Option<String>)| value.map(|v| format!("{name}\n{v}\n"));
        Some(fields.into_iter().filter_map(line).collect())
    }

    /// What a call asks for that was checked.
    pub fn asked(self) -> Result<Asked, Refusal> {
        match self.kind.as_str() {
            "Notification" => self.delivery().map(Asked::Mail),
            "SubscriptionConfirmation" => {
                let url = self.subscribe_url.filter(|url| is_of_sns(url, false));
                url.map(Asked::Confirm).ok_or(Refusal::Unproven(
                    "the address to confirm at is not one of SNS",
                ))
            }
            _ => Ok(Asked::Ended),
        }
    }

    fn delivery(self) -> Result<Delivery, Refusal> {
        const UNUSABLE: Refusal = Refusal::Unusable(
            "the raw mail is not in it: the receipt rule needs an SNS action that publishes the \
             mail, with the encoding Base64",
        );
        let notice: Notice = serde_json::from_str(&self.message).map_err(|_| UNUSABLE)?;
        let content = notice.content.filter(|c| !c.is_empty()).ok_or(UNUSABLE)?;
        let raw = match notice.receipt.action.encoding.as_str() {
            "BASE64" => {
                let bare: String = content.split_ascii_whitespace().collect();
                STANDARD.decode(bare).map_err(|_| UNUSABLE)?
            }
            _ => content.into_bytes(),
        };
        Ok(Delivery {
            key: self.message_id,
            mail: Arriving {
                raw,
                recipients: notice.receipt.recipients,
            },
        })
    }
}

/// The message that SES publishes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Notice {
    receipt: Receipt,
    content: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Receipt {
    recipients: Vec<String>,
    action: Action,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Action {
    encoding: String,
}

/// Whether an address is one of SNS itself: `https://sns.REGION.amazonaws.com/…`, or `.cn` in China; if
/// asked, that of a certificate.
fn is_of_sns(address: &str, asks_certificate: bool) -> bool {
    let Ok(url) = Url::parse(address) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let region = host
        .strip_prefix("sns.")
        .and_then(|rest| {
            let rest = rest.strip_suffix(".cn").unwrap_or(rest);
            rest.strip_suffix(".amazonaws.com")
        })
        .unwrap_or_default();
    // On the same host anybody can have the API answer with text of their own: only the files of
    // certificates are believed.
    let is_certificate = url
        .path()
        .strip_prefix("/SimpleNotificationService-")
        .and_then(|rest| rest.strip_suffix(".pem"))
        .is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()));
    url.scheme() == "https"
        && (!asks_certificate || (is_certificate && url.query().is_none()))
        && url.fragment().is_none()
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !region.is_empty()
        && region
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Certificates by the address that they lie at.
#[derive(Default)]
pub struct Certificates(Mutex<HashMap<String, Vec<u8>>>);

impl Certificates {
    /// The certificate (DER) at an address that `Call::read` let pass; fetched once. Blocks. An error
    /// says why there is none now.
    pub fn at(&self, address: &str) -> Result<Vec<u8>, String> {
        if let Some(certificate) = self.lock().get(address) {
            return Ok(certificate.clone());
        }
        let response = http_client(TIMEOUT)
            .get(address)
            .call()
            .map_err(|e| e.to_string())?;
        if response.status() != 200 {
            return Err(format!("it answered {}", response.status()));
        }
        let pem = response
            .into_body()
            .into_with_config()
            .limit(CERTIFICATE_BYTES_MAX)
            .read_to_vec()
            .map_err(|e| e.to_string())?;
        self.keep(address, &pem)
    }

    /// Keeps a certificate (PEM).
    pub fn keep(&self, address: &str, pem: &[u8]) -> Result<Vec<u8>, String> {
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|e| e.to_string())?;
        let mut kept = self.lock();
        if kept.len() >= CERTIFICATES_MAX {
            kept.clear();
        }
        kept.insert(address.to_owned(), certificate.to_vec());
        Ok(certificate.to_vec())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A stand-in for SNS, that signs as it does, with a key and certificate made for tests.
#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use serde_json::json;

    use super::*;
    use crate::clock::DAY;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
    const CERTIFICATE_AT: &str =
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem";

    fn now() -> Moment {
        Moment::parse("2026-11-22T09:00:00Z").expect("a time")
    }

    fn certificate() -> Vec<u8> {
        let certificates = Certificates::default();
        let pem = include_bytes!("../../../tests/it/data/hooks/sns-cert.pem");
        certificates
            .keep(CERTIFICATE_AT, pem)
            .expect("a certificate");
        certificates.at(CERTIFICATE_AT).expect("kept")
    }

    fn signed(mut call: Call) -> Call {
        let key = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!(
            "../../../tests/it/data/hooks/sns-key.pem"
        ));
        let key = RsaKeyPair::from_pkcs8(key.expect("a key").secret_pkcs8_der()).expect("a key");
        let text = call.signed().expect("a known kind");
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .expect("signed");
        call.signature = STANDARD.encode(signature);
        call
    }

    fn notification() -> Call {
        let message = json!({
            "notificationType": "Received",
            "receipt": {
                "recipients": ["help+t.a@us.example"],
                "action": {"type": "SNS", "encoding": "BASE64"},
            },
            "content": STANDARD.encode("Subject: x\r\n\r\nhi \u{e9}"),
        });
        Call {
            kind: "Notification".into(),
            message_id: "m-1".into(),
            topic_arn: TOPIC.into(),
            message: message.to_string(),
            timestamp: "2026-11-22T08:59:59.123Z".into(),
            subject: Some("Amazon SES Email Receipt Notification".into()),
            signature_version: "2".into(),
            signing_cert_url: CERTIFICATE_AT.into(),
            ..Call::default()
        }
    }

    #[test]
    fn what_sns_signed_is_taken_and_nothing_else() {
        let call = signed(notification());
        assert_eq!(call.check(&certificate(), now()), Ok(()));
        let Ok(Asked::Mail(taken)) = call.clone().asked() else {
            panic!("no mail");
        };
        assert_eq!(taken.key, "m-1");
        assert_eq!(taken.mail.raw, "Subject: x\r\n\r\nhi \u{e9}".as_bytes());
        assert_eq!(taken.mail.recipients, ["help+t.a@us.example"]);

        let unproven =
            |call: &Call| matches!(call.check(&certificate(), now()), Err(Refusal::Unproven(_)));
        type Change = fn(&mut Call);
        let changes: [Change; 7] = [
            |call| call.message.push(' '),
            |call| call.message_id = "m-2".into(),
            |call| call.subject = None,
            |call| call.timestamp = "2026-11-22T08:59:58.123Z".into(),
            |call| call.topic_arn.push('x'),
            |call| call.signature = STANDARD.encode([7; 256]),
            |call| call.kind = "Other".into(),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut forged = call.clone();
            change(&mut forged);
            assert!(unproven(&forged), "change {n}");
        }
        assert!(call.check(b"no certificate", now()).is_err());
        let later = now().plus(DAY);
        assert_eq!(call.check(&certificate(), later), Err(Refusal::Old));
    }

    #[test]
    fn a_subscription_is_confirmed_at_an_address_of_sns_only() {
        let call = |url: &str| {
            signed(Call {
                kind: "SubscriptionConfirmation".into(),
                subject: None,
                token: Some("t".into()),
                subscribe_url: Some(url.to_owned()),
                ..notification()
            })
        };
        let ours = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t";
        assert_eq!(call(ours).check(&certificate(), now()), Ok(()));
        assert_eq!(call(ours).asked(), Ok(Asked::Confirm(ours.into())));
        let elsewhere = call("https://example.com/").asked();
        assert!(matches!(elsewhere, Err(Refusal::Unproven(_))));
    }

    #[test]
    fn a_call_is_read_no_further_than_it_may_be_asked_about() {
        let read = |change: fn(&mut Call)| {
            let mut call = notification();
            change(&mut call);
            let body = json!({
                "Type": call.kind, "TopicArn": call.topic_arn, "MessageId": "m",
                "SignatureVersion": call.signature_version, "SigningCertURL": call.signing_cert_url,
            });
            Call::read(body.to_string().as_bytes(), TOPIC).map(|_| ())
        };
        assert_eq!(read(|_| {}), Ok(()));
        let old = read(|call| call.signature_version = "1".into());
        assert!(matches!(old, Err(Refusal::Unproven(words)) if words.contains("SignatureVersion")));
        assert!(read(|call| call.topic_arn.push('x')).is_err());
        for address in [
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
            "https://sns.evil.example/a.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
            "https://a@sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://s3.amazonaws.com/a.pem",
            "file:///etc/passwd",
        ] {
            assert!(!is_of_sns(address, false), "{address}");
        }
        assert!(is_of_sns(
            "https://sns.cn-north-1.amazonaws.com.cn/?Action=x",
            false
        ));
        // The API on the same host answers with anybody's text.
        let own = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b.pem";
        assert!(is_of_sns(own, true));
        for address in [
            "https://sns.eu-west-1.amazonaws.com/?Action=GetEndpointAttributes&x=SimpleNotificationService-1.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b.pem?Action=x",
            "https://sns.eu-west-1.amazonaws.com/x/SimpleNotificationService-0a1b.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-a/b.pem",
        ] {
            assert!(!is_of_sns(address, true), "{address}");
        }
    }

    #[test]
    fn a_notice_without_the_mail_says_what_to_change() {
        let call = Call {
            message: r#"{"notificationType":"Received","mail":{}}"#.into(),
            ..notification()
        };
        let asked = call.asked();
        assert!(matches!(asked, Err(Refusal::Unusable(words)) if words.contains("Base64")));
        let text = Call {
            message: json!({"content": "Subject: y\r\n\r\nhi", "receipt": {"action": {"encoding": "UTF8"}}})
                .to_string(),
            ..notification()
        };
        let Ok(Asked::Mail(taken)) = text.asked() else {
            panic!("no mail");
        };
        assert_eq!(taken.mail.raw, b"Subject: y\r\n\r\nhi");
    }
}

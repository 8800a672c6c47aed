//! Mail that providers hand over by calling us: what is proven is taken once, and committed before the
//! answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use offramp::config::Secret;
use offramp::db::schema::{intake, jobs};
use offramp::inbox::confirm_topic::ConfirmTopic;
use offramp::jobs::Job;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value, json};

use crate::harness::{Backend, Browser, Reply, Test};
use crate::on_both;

const FORM: &str = "application/x-www-form-urlencoded";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
const CERTIFICATE_AT: &str = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem";
const MAIL: &str = "From: anna@customers.example\r\nTo: support@testwell.example\r\n\
    Subject: My lamp is broken\r\nMessage-ID: <hook@customers.example>\r\n\r\nIt does not light up.\r\n";

/// An Offramp that listens to every provider; SendGrid's key is `public_key`.
fn listening(backend: Backend, public_key: &str) -> Option<Test> {
    let test = Test::new(backend, |config| {
        config.webhooks.postmark_password = Secret::new("open sesame");
        config.webhooks.mailgun_signing_key = Secret::new("key of a test");
        config.webhooks.sendgrid_public_key = public_key.to_owned();
        config.webhooks.ses_topic_arn = TOPIC.to_owned();
    })?;
    let pem = include_bytes!("data/hooks/sns-cert.pem");
    let certificates = &test.app.hooks.certificates;
    certificates
        .keep(CERTIFICATE_AT, pem)
        .expect("a certificate");
    Some(test)
}

/// The raw mails that are stored, with the recipients of their envelopes.
fn stored(t: &Test) -> Vec<(Vec<u8>, String)> {
    let found = t.app.db.read(|c| {
        let mails = intake::table.select((intake::body, intake::source));
        Ok(mails.order(intake::id).load(c)?)
    });
    found.expect("mails")
}

fn form(pairs: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs).finish()
}

fn postmark_call(id: &str) -> String {
    let call = json!({
        "MessageID": id, "OriginalRecipient": "support+t.a@testwell.example", "RawEmail": MAIL,
    });
    call.to_string()
}

fn with_password(browser: &mut Browser, password: &str) {
    let pair = STANDARD.encode(format!("postmark:{password}"));
    browser.headers = vec![("authorization".into(), format!("Basic {pair}"))];
}

fn post_json(browser: &mut Browser, path: &str, body: String) -> Reply {
    browser.post_body(path, "application/json", body)
}

fn mailgun_call(t: &Test, token: &str, mail: &str) -> String {
    let timestamp = (t.app.now().0 / 1_000_000).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key of a test");
    let tag = hmac::sign(&key, format!("{timestamp}{token}").as_bytes());
    let signature: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    form(&[
        ("recipient", "support@testwell.example"),
        ("body-mime", mail),
        ("timestamp", &timestamp),
        ("token", token),
        ("signature", &signature),
    ])
}

/// A call of SNS with these fields, signed.
fn sns_call(t: &Test, mut fields: Value) -> String {
    fields["MessageId"] = json!("m-1");
    fields["TopicArn"] = json!(TOPIC);
    fields["Timestamp"] = json!(t.app.now().rfc3339());
    let names = [
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];
    let text: String = names
        .iter()
        .filter_map(|name| Some(format!("{name}\n{}\n", fields.get(name)?.as_str()?)))
        .collect();
    let key = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("data/hooks/sns-key.pem"));
    let key = RsaKeyPair::from_pkcs8(key.expect("a key").secret_pkcs8_der()).expect("a key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .expect("signed");
    fields["Signature"] = json!(STANDARD.encode(signature));
    fields["SignatureVersion"] = json!("2");
    fields["SigningCertURL"] = json!(CERTIFICATE_AT);
    fields.to_string()
}

on_both! {
    fn a_provider_without_a_key_finds_nothing(t) {
        let mut browser = t.browser();
        for path in ["postmark", "mailgun/mime", "sendgrid", "ses", "other"] {
            let reply = browser.post_body(&format!("/hooks/mail/{path}"), FORM, "email=x".into());
            assert_eq!(reply.status, 404, "{path}");
        }
        assert!(stored(t).is_empty());
    }
}

fn postmark(backend: Backend) {
    let Some(mut t) = listening(backend, "") else {
        return;
    };
    let mut browser = t.browser();
    let path = "/hooks/mail/postmark";
    let without = post_json(&mut browser, path, postmark_call("p-1"));
    assert_eq!(without.status, 401);
    assert!(without.header("www-authenticate").starts_with("Basic"));
    with_password(&mut browser, "guessed");
    assert_eq!(
        post_json(&mut browser, path, postmark_call("p-1")).status,
        401
    );
    assert!(stored(&t).is_empty());

    with_password(&mut browser, "open sesame");
    let taken = post_json(&mut browser, path, postmark_call("p-1"));
    assert_eq!((taken.status, stored(&t).len()), (200, 1), "{}", taken.body);
    assert_eq!(stored(&t)[0].0, MAIL.as_bytes());
    assert!(stored(&t)[0].1.contains("support+t.a@testwell.example"));
    // The answer was lost, and it comes again; another call with the same mail is no other mail.
    assert_eq!(
        post_json(&mut browser, path, postmark_call("p-1")).status,
        200
    );
    assert_eq!(
        post_json(&mut browser, path, postmark_call("p-2")).status,
        200
    );
    assert_eq!(stored(&t).len(), 1);
    let parsed = post_json(&mut browser, path, json!({"TextBody": "hi"}).to_string());
    assert_eq!(parsed.status, 422);
    assert!(parsed.body.contains("raw email content"), "{}", parsed.body);
    t.run_jobs();
    t.finish();
}

#[test]
fn postmark_hands_mail_over_sqlite() {
    postmark(Backend::Sqlite);
}

#[test]
fn postmark_hands_mail_over_postgres() {
    postmark(Backend::Postgres);
}

#[test]
fn mailgun_hands_mail_over() {
    let mut t = listening(Backend::Sqlite, "").expect("SQLite is always there");
    let mut browser = t.browser();
    let path = "/hooks/mail/mailgun/mime";
    let call = mailgun_call(&t, "token-1", MAIL);
    let forged = call.replace("token-1", "token-2");
    let refused = browser.post_body(path, FORM, forged);
    assert_eq!(refused.status, 401, "{}", refused.body);
    assert!(
        refused.body.contains("mailgun_signing_key"),
        "{}",
        refused.body
    );
    assert_eq!(browser.post_body(path, FORM, call.clone()).status, 200);
    assert_eq!(stored(&t).len(), 1);
    // The signature says nothing of the mail: whoever saw one call must not send another by it.
    let replayed = call.replace("It+does+not", "Transfer+it");
    assert_ne!(replayed, call);
    assert_eq!(browser.post_body(path, FORM, replayed).status, 200);
    assert_eq!(stored(&t).len(), 1);
    let late = mailgun_call(&t, "token-3", MAIL);
    t.advance(10 * 60 * 60 * 1_000_000);
    let late = browser.post_body(path, FORM, late);
    assert_eq!(late.status, 401);
    assert!(late.body.contains("clocks"), "{}", late.body);
    t.run_jobs();
    t.finish();
}

#[test]
fn sendgrid_hands_mail_over() {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pair = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(kind, pair.as_ref(), &random).expect("a key");
    // RFC 5480: what stands before the point of a key on P-256.
    let head = STANDARD
        .decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=")
        .expect("base64");
    let public = STANDARD.encode([&head, pair.public_key().as_ref()].concat());
    let mut t = listening(Backend::Sqlite, &public).expect("SQLite is always there");
    let mut browser = t.browser();
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let envelope = json!({"to": ["support@testwell.example"], "from": "anna@customers.example"});
    let body = part("envelope", &envelope.to_string()) + &part("email", MAIL) + "--b--\r\n";
    let time = (t.app.now().0 / 1_000_000).to_string();
    let signature = pair
        .sign(&random, format!("{time}{body}").as_bytes())
        .expect("signed");
    let header =
        |name: &str, value: String| (format!("x-twilio-email-event-webhook-{name}"), value);
    browser.headers = vec![
        header("timestamp", time),
        header("signature", STANDARD.encode(signature)),
    ];
    let (path, kind) = ("/hooks/mail/sendgrid", "multipart/form-data; boundary=b");
    let forged = browser.post_body(path, kind, body.replace("light up", "work"));
    assert_eq!(forged.status, 401);
    assert!(stored(&t).is_empty());
    for _ in 0..2 {
        let taken = browser.post_body(path, kind, body.clone());
        assert_eq!((taken.status, stored(&t).len()), (200, 1), "{}", taken.body);
    }
    assert_eq!(stored(&t)[0].0, MAIL.as_bytes());
    t.run_jobs();
    t.finish();
}

#[test]
fn amazon_hands_mail_over_once_the_topic_is_confirmed() {
    let mut t = listening(Backend::Sqlite, "").expect("SQLite is always there");
    let mut browser = t.browser();
    let path = "/hooks/mail/ses";
    let confirm = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t";
    let asked = sns_call(
        &t,
        json!({
            "Type": "SubscriptionConfirmation", "Message": "You chose to subscribe.", "Token": "t",
            "SubscribeURL": confirm,
        }),
    );
    let elsewhere = asked.replace(TOPIC, "arn:aws:sns:eu-west-1:999999999999:other");
    assert_eq!(post_json(&mut browser, path, elsewhere).status, 401);
    let taken = post_json(&mut browser, path, asked);
    assert_eq!(taken.status, 200, "{}", taken.body);
    // The job would call Amazon.
    let waiting: Vec<ConfirmTopic> = t.app.db.read(offramp::jobs::waiting).expect("jobs");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].url, confirm);
    t.app
        .db
        .write(|tx| {
            let of_kind = jobs::table.filter(jobs::kind.eq(ConfirmTopic::KIND));
            Ok(diesel::delete(of_kind).execute(tx)?)
        })
        .expect("forgotten");

    let message = json!({
        "notificationType": "Received", "content": STANDARD.encode(MAIL),
        "receipt": {"recipients": ["support@testwell.example"], "action": {"encoding": "BASE64"}},
    });
    let call = sns_call(
        &t,
        json!({"Type": "Notification", "Message": message.to_string()}),
    );
    let forged = call.replace("support@testwell", "support+x@testwell");
    assert_ne!(forged, call);
    assert_eq!(post_json(&mut browser, path, forged).status, 401);
    for _ in 0..2 {
        let taken = post_json(&mut browser, path, call.clone());
        assert_eq!((taken.status, stored(&t).len()), (200, 1), "{}", taken.body);
    }
    assert_eq!(stored(&t)[0].0, MAIL.as_bytes());
    t.run_jobs();
    t.finish();
}

#[test]
fn a_call_that_cannot_be_stored_is_to_come_again() {
    let Some(mut t) = listening(Backend::Postgres, "") else {
        return;
    };
    let mut browser = t.browser();
    with_password(&mut browser, "open sesame");
    t.postgres("ALTER DATABASE {name} SET default_transaction_read_only = on");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'";
    t.postgres(end);
    let path = "/hooks/mail/postmark";
    // The first of them only finds its connection gone.
    for _ in 0..2 {
        let later = post_json(&mut browser, path, postmark_call("p-1"));
        assert_eq!(later.status, 503, "{}", later.body);
        assert!(!later.header("retry-after").is_empty());
    }
    t.postgres("ALTER DATABASE {name} SET default_transaction_read_only = off");
    t.postgres(end);
    post_json(&mut browser, path, postmark_call("p-1"));
    let taken = post_json(&mut browser, path, postmark_call("p-1"));
    assert_eq!((taken.status, stored(&t).len()), (200, 1), "{}", taken.body);
    t.run_jobs();
    t.finish();
}

#[test]
fn a_call_larger_than_any_mail_is_not_read_to_its_end() {
    let mut t = Test::new(Backend::Sqlite, |config| {
        config.webhooks.postmark_password = Secret::new("open sesame");
        config.mail.inbound_bytes_max = 1_000;
    })
    .expect("SQLite is always there");
    let mut browser = t.browser();
    with_password(&mut browser, "open sesame");
    for size in [1_100, 400_000] {
        let call = json!({"MessageID": "p", "RawEmail": "a".repeat(size)}).to_string();
        let reply = post_json(&mut browser, "/hooks/mail/postmark", call);
        assert_eq!(reply.status, 413, "{size}");
        assert!(reply.body.contains("inbound_bytes_max"), "{}", reply.body);
    }
    assert!(stored(&t).is_empty());
    t.finish();
}

//! What the judgement must be, post by post.

mod any_text;
mod danger;
mod labels;
mod sets;
mod severity;
mod standing;

use super::*;
use crate::cases::Severity;
use crate::escalations::Label;
use crate::ids::ProductId;

fn label(text: &str) -> Label {
    judge(text, true, &[], &[]).label
}

fn product(id: i64, name: &str) -> Product {
    Product {
        id: ProductId(id),
        slug: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        terms: Vec::new(),
        link_threshold: 0.7,
        propose_threshold: 0.3,
        auto_link: true,
        auto_acknowledge: false,
        topics: Vec::new(),
    }
}

#[test]
fn an_order_or_personal_data_needs_an_account() {
    assert!(judge("where is my order?", true, &[], &[]).needs_account);
    let triage = judge(
        "mail me at ada@example.org, the app is broken",
        true,
        &[],
        &[],
    );
    assert!(triage.needs_account);
    assert_eq!(triage.personal_data, ["email_address"]);
    assert!(!judge("the app is broken", true, &[], &[]).needs_account);
}

#[test]
fn a_correction_by_staff_counts_for_the_same_words() {
    let text = "the hub blinks green all night long";
    assert_ne!(label(text), Label::Complaint);
    let corrections = [("hub blinks green all night".to_owned(), Label::Complaint)];
    let triage = judge(text, true, &[], &corrections);
    assert_eq!(triage.label, Label::Complaint);
    assert!(triage.reasons[0].contains("staff called"));
}

#[test]
fn any_text_is_judged() {
    for text in [
        "",
        "x",
        "😡",
        "🔥🔥🔥",
        "مرحبا لا يعمل",
        "\0\0",
        &"long word ".repeat(2_500),
    ] {
        let triage = judge(text, true, &[], &[]);
        assert!((0.0..=1.0).contains(&triage.p_complaint), "{text:.20}");
    }
}

#[test]
fn only_plain_words_or_a_bare_stop_ask_for_quiet() {
    for text in ["@acme stop", "@acme please stop messaging me"] {
        assert_ne!(label(text), Label::Complaint, "{text}");
    }
    for text in [
        "@acme stop",
        "@acme STOP! please",
        "Please stop, thanks",
        "unsubscribe",
        "@acme no bots please",
        "please just leave me alone, this whole thing is a bot farm",
        "lasst mich in Ruhe",
    ] {
        assert!(asks_for_quiet(text).is_some(), "{text}");
    }
    for text in [
        "I had to stop using the app because it crashes every time",
        "my alarm won't stop beeping",
        "it won't stop",
        "the error won't go away",
        "why did you stop replying",
        "you don't reply to my mails",
        "you don't reply",
        "l'appli n'arrêtez de planter, réparez-la",
        "ich kann nicht mehr schreiben",
        "",
    ] {
        assert!(asks_for_quiet(text).is_none(), "{text}");
    }
}

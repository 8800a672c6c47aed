use proptest::prelude::*;

use super::*;

#[test]
fn a_language_nobody_here_reads_is_not_guessed_at() {
    for text in [
        "@acme mikään ei toimi enää ja kukaan ei vastaa minun viesteihini",
        "@acme 冷蔵庫が動きません",
        "@acme التطبيق لا يعمل منذ أسبوع",
        "@acme приложение не работает",
    ] {
        let triage = judge(text, true, &[], &[]);
        assert!(triage.is_unsure && triage.in_doubt, "{text}");
        assert!((triage.p_complaint - 0.5).abs() < 1e-9, "{text}");
    }
    for text in [
        "@acme why is my order late",
        "@acme wann kommt mein Paket?",
        "@acme ok",
    ] {
        assert!(!judge(text, true, &[], &[]).is_unsure, "{text}");
    }
}

#[test]
fn every_judgement_names_the_words_that_moved_it() {
    let triage = judge("@acme my parcel is lost, awful", true, &[], &[]);
    assert!(
        triage
            .reasons
            .iter()
            .any(|r| r.contains("towards a complaint")),
        "{:?}",
        triage.reasons
    );
}

#[test]
fn without_weights_the_rules_judge_alone() {
    let post = Post {
        text: "@acme my screen is broken and nobody answers. Terrible service",
        addressed: true,
        language: None,
    };
    let triage = judge_post(&Knowledge::default(), post);
    assert_eq!(triage.label, Label::Complaint);
}

proptest! {
    #[test]
    fn tricks_stay_bounded(text in "[@# ъоаסلا\u{200b}\u{202e}😡🔥a-zA-Z0-9!?.]{0,200}", addressed: bool) {
        let triage = judge(&text, addressed, &[], &[]);
        prop_assert!((0.0..=1.0).contains(&triage.p_complaint));
        prop_assert!(!triage.reasons.is_empty());
    }
}

use super::*;
use crate::escalations::Standing;

#[test]
fn what_is_told_to_be_over_is_told_from_what_is_left_to_do() {
    for (text, standing) in [
        (
            "@acme three weeks without internet and nobody cared, working now",
            Standing::Over,
        ),
        (
            "@acme was charged twice last week, terrible service, resolved now",
            Standing::Over,
        ),
        ("@acme hub was dead all night, works again", Standing::Over),
        ("@acme worst company ever", Standing::Venting),
        ("@acme terrible service, rant over", Standing::Venting),
        ("@acme das ist eine Frechheit", Standing::Venting),
        (
            "@acme terrible app, it crashes every day",
            Standing::Actionable,
        ),
        (
            "@acme worst company ever, where is my order",
            Standing::Actionable,
        ),
        (
            "@acme the app works again but my bill is wrong",
            Standing::Actionable,
        ),
        (
            "@acme once it is fixed I will be happy again, useless",
            Standing::Actionable,
        ),
        ("@acme still not fixed now, useless", Standing::Actionable),
        (
            "@acme my hub caught fire, all good now",
            Standing::Actionable,
        ),
    ] {
        assert_eq!(
            judge(text, true, &[], &[]).standing,
            Some(standing),
            "{text}"
        );
    }
    let praise = judge("@acme thank you, best support ever!", true, &[], &[]);
    assert_eq!(praise.standing, None);
}

#[test]
fn what_is_over_harms_nobody_any_more_and_asks_for_no_number() {
    let over = judge(
        "@acme was charged twice for my order, terrible service, resolved now",
        true,
        &[],
        &[],
    );
    assert_eq!(over.standing, Some(Standing::Over));
    assert_eq!(over.severity, Severity::Annoyance);
    assert!(!over.needs_account);
    assert!(over.reasons.iter().any(|r| r.contains("resolved now")));
    let mut called = over;
    called.call(Label::Complaint, Some(Standing::Actionable));
    assert_eq!(
        called.severity,
        Severity::Money,
        "a person says that it is not"
    );
}

#[test]
fn what_tells_of_a_loss_or_a_deed_is_neither_over_nor_vented() {
    for text in [
        "you charged me twice, 300 euros gone. The app is working again now.",
        "you overcharged my card 300 euros. My order 4711123 finally arrived.",
        "my account was hacked, 500 euros stolen. Login works now.",
        "my parcel finally arrived, completely smashed",
        "finally arrived and the box is empty",
        "You fixed my bill to 900 euros",
        "your driver sexually harassed me, disgusting",
        "disgusting racist staff at your Leeds shop",
        "your driver kicked my dog, disgusting",
        "disgusting hair in my burger",
        "the dryer is just venting hot air into my kitchen",
        "washing machine leaks water, venting steam everywhere",
        "sorry for the rant but the app logs me out each time I open it and support never replies",
    ] {
        let standing = judge(text, true, &[], &[]).standing;
        assert!(
            !matches!(standing, Some(Standing::Over | Standing::Venting)),
            "{text}: {standing:?}"
        );
    }
    let charged = "you charged me twice, 300 euros gone. The app is working again now.";
    let charged = judge(charged, true, &[], &[]);
    assert_eq!(charged.severity, Severity::Money);
    assert!(charged.needs_account);
}

#[test]
fn what_a_person_calls_it_sets_severity_and_account_both_ways() {
    let mut over = judge(
        "@acme was charged twice for my order, terrible service, resolved now",
        true,
        &[],
        &[],
    );
    over.call(Label::Complaint, Some(Standing::Actionable));
    assert!(over.needs_account, "what must be a ticket is no link");
    over.call(Label::Complaint, Some(Standing::Over));
    assert_eq!(over.severity, Severity::Annoyance);
    assert!(!over.needs_account);
}

use super::super::judgement::CORRECTION_LIKENESS_MIN;
use super::*;

#[test]
fn danger_told_of_ours_is_never_passed_over() {
    let catalogue = [
        product(1, "Glow Lamp"),
        product(2, "Warmi Thermostat"),
        product(3, "Home App"),
    ];
    for (text, addressed) in [
        ("Glow lamp caught fire", false),
        ("got an electric shock from the Glow lamp", false),
        (
            "smoke coming out of the warmi thermostat, called the fire brigade",
            false,
        ),
        ("smart thermostat is hot, smells burnt", false),
        ("Das Warmi Thermostat riecht verbrannt!", false),
        ("Mein Heizungsthermostat qualmt", false),
        ("the lamps are on fire", false),
        ("Glow lamp giveaway gone wrong: it melted", false),
        ("@acme it set my curtain on fire", true),
        ("@acme burn on my hand, nice", true),
    ] {
        let triage = judge(text, addressed, &catalogue, &[]);
        let judged = (triage.label, triage.severity);
        assert_eq!(judged, (Label::Complaint, Severity::Safety), "{text}");
    }
    for (text, addressed) in [
        (
            "@examplehelp thanks for the great thermostat, it set my curtain on fire",
            true,
        ),
        ("love my Glow lamp, the smoke was a nice touch", false),
        ("@acme your support is on fire today, love it", true),
    ] {
        let triage = judge(text, addressed, &catalogue, &[]);
        let judged = (triage.label, triage.severity, triage.in_doubt);
        assert_eq!(judged, (Label::Complaint, Severity::Safety, true), "{text}");
    }
    for text in [
        "the fire brigade was great today",
        "my home smells of smoke, thank you neighbours",
        "I love this brand, Glow Lamp is great",
    ] {
        let label = judge(text, false, &catalogue, &[]).label;
        assert_ne!(label, Label::Complaint, "{text}");
    }
    let only = judge(
        "the fire brigade was great today",
        false,
        &catalogue[..1],
        &[],
    );
    assert!(!only.label.wants_an_answer());
}

#[test]
fn what_staff_said_of_other_words_hides_no_danger() {
    let earlier = "the glow lamp shines all over the kitchen".to_owned();
    let text = "the glow lamp burnt all over the kitchen";
    let corrections = [(earlier, Label::Noise)];
    assert!(likeness(&corrections[0].0, text) >= CORRECTION_LIKENESS_MIN);
    let label = |text: &str, corrections: &[_]| judge(text, true, &[], corrections).label;
    assert_eq!(label(text, &corrections), Label::Complaint);
    assert_eq!(
        label(text, &[(text.to_owned(), Label::Noise)]),
        Label::Noise
    );
}

use super::*;

#[test]
fn plain_cases_are_told_apart() {
    for (text, expected) in [
        (
            "@acme my screen is broken and nobody answers. Terrible service",
            Label::Complaint,
        ),
        ("@acme thanks for nothing", Label::Complaint),
        (
            "@acme I was billed twice for order 5531, give me my money back",
            Label::Complaint,
        ),
        (
            "@acme your firmware update bricked my router",
            Label::Complaint,
        ),
        (
            "@acme love it when the app is down on payday",
            Label::Complaint,
        ),
        ("@acme great job breaking the login again", Label::Complaint),
        ("@acme how do I export my notes?", Label::Question),
        ("@acme thank you, best support ever 😍", Label::Praise),
        (
            "Giveaway! Follow and retweet to win a @acme hub",
            Label::Noise,
        ),
        (
            "@acme die App stürzt ständig ab, seit Tagen keine Antwort",
            Label::Complaint,
        ),
        (
            "@acme la aplicación no funciona y nadie responde",
            Label::Complaint,
        ),
        (
            "@acme l'appli ne marche plus, c'est inadmissible",
            Label::Complaint,
        ),
        ("@acme gracias, ya funciona genial", Label::Praise),
        ("@acme thanks", Label::Praise),
        (
            "@acme your service desk is out of this world!",
            Label::Question,
        ),
        ("@acme thanks!", Label::Praise),
        ("@acme 👍", Label::Praise),
        ("@acme danke", Label::Praise),
        (
            "@acme nice one, the update wiped my schedules. cheers",
            Label::Complaint,
        ),
        ("@acme thanks for ignoring all my tweets", Label::Complaint),
        ("@acme nice one, fixed within the hour!", Label::Praise),
        ("@acme great job on the new app", Label::Praise),
        ("@acme thanks, problem solved, great support", Label::Praise),
        (
            "nobody argues with their support, @acme is 10/10",
            Label::Praise,
        ),
        ("@acme no complaints here, love it", Label::Praise),
        (
            "@acme never had a problem with you, best support",
            Label::Praise,
        ),
        (
            "@acme thank you for replacing my broken lamp so fast",
            Label::Praise,
        ),
        ("get 5K real followers today @acme", Label::Noise),
        ("@acme want 10k followers? DM me", Label::Noise),
        ("@acme follow back?", Label::Noise),
        (
            "@acme can you follow back so I can DM you my order number?",
            Label::Question,
        ),
        ("@acme ok", Label::Noise),
        ("@acme 😡", Label::Noise),
        ("@acme 9 days of pictures gone", Label::Complaint),
        (
            "@acme the heating will NOT turn off and it is 31 degrees in here",
            Label::Complaint,
        ),
        (
            "@acme every time I plug it in it trips the breaker",
            Label::Complaint,
        ),
        ("@acme the seats in row eight lean forward", Label::Question),
        ("@acme good morning", Label::Noise),
        ("@acme see you on launch day", Label::Question),
        ("@acme plus you can use it as a lamp", Label::Question),
        ("@acme 冷蔵庫が動きません", Label::Question),
    ] {
        assert_eq!(label(text), expected, "{text}");
    }
}

#[test]
fn what_is_over_hides_no_other_fault() {
    for text in [
        "@acme thanks, you replaced the hub and the new one is broken too",
        "Acme replaced my router and it crashed again",
        "when will this be fixed in the app, it keeps crashing",
    ] {
        assert_eq!(label(text), Label::Complaint, "{text}");
    }
    for text in [
        "@acme great, the login works again but the battery is missing",
        "@acme thanks, the old problem solved, and a new error on the hub",
        "@acme thank you, no problem with the hub, love it, but the lamp is broken",
        "@acme danke, Hub läuft wieder, toll, aber die Lampe ist kaputt",
        "@acme the login works now. is the lamp offline?",
        "@acme great, wifi works again, hot water is gone",
    ] {
        let triage = judge(text, true, &[], &[]);
        assert!(triage.label.wants_an_answer(), "{text}");
        assert!(
            triage.label == Label::Complaint || triage.in_doubt,
            "{text}"
        );
    }
    let triage = judge("@acme thanks for fixing the bug, great", true, &[], &[]);
    assert_eq!((triage.label, triage.in_doubt), (Label::Praise, false));
}

#[test]
fn good_words_beside_a_fault_are_not_praise() {
    for text in [
        "@acme great job, my lamp turns on at 3am every night",
        "Great job @acme, third router this year",
        "@acme brilliant, the firmware erased all my rooms",
        "@acme cheers for that, thermostat says 40 degrees and nothing happens",
        "@acme super Update, jetzt geht gar nichts mehr",
        "@acme genial, la actualización borró mi casa entera",
        "@acme bravo, encore une mise à jour et plus rien ne marche",
    ] {
        let triage = judge(text, true, &[], &[]);
        assert!(
            triage.label == Label::Complaint || triage.in_doubt,
            "{text}"
        );
        assert_ne!(triage.label, Label::Praise, "{text}");
    }
}

#[test]
fn praise_that_says_it_is_meant_is_not_in_doubt() {
    for text in [
        "@acme just want to say the Tern setup took four minutes and my nan did it herself. well done",
        "@acme the setup was over in a blink and my nan did it herself. well done!",
        "@acme shout out to whoever wrote the manual of my lamp, nice",
        "@acme kudos, setup took four minutes and my nan did it herself",
    ] {
        let triage = judge(text, true, &[], &[]);
        assert_eq!(
            (triage.label, triage.in_doubt),
            (Label::Praise, false),
            "{text}"
        );
    }
    for text in [
        "@acme just wanted to say my lamp keeps blinking all night. well done",
        "@acme three days to ship a lamp. well done",
    ] {
        assert_ne!(label(text), Label::Praise, "{text}");
    }
}

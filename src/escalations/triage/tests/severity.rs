use super::*;

#[test]
fn severity_is_the_worst_impact() {
    for (text, expected) in [
        (
            "my charger caught fire and I paid 80 for it",
            Severity::Safety,
        ),
        ("you charged me twice, and the app is down", Severity::Money),
        ("the hub won't start", Severity::Blocked),
        ("is the site down for everyone?", Severity::Many),
        ("the new icon is ugly", Severity::Annoyance),
        ("where can I see my bill in the app?", Severity::Annoyance),
        ("the bill page is ugly", Severity::Annoyance),
        ("can't pay my bill, the page is an error", Severity::Blocked),
        ("my bill is twice what it was", Severity::Money),
        ("die Rechnung ist zu hoch", Severity::Money),
        ("I paid 300 € for this lamp", Severity::Money),
        ("thermostat frozen since the update", Severity::Blocked),
        ("the thermostat is dead", Severity::Blocked),
        ("das Thermostat ist eingefroren", Severity::Blocked),
        ("el termostato no responde", Severity::Blocked),
        ("no hot water since Monday", Severity::Blocked),
        ("@acme no customer service, awful", Severity::Annoyance),
        (
            "@acme your service desk is out of this world!",
            Severity::Annoyance,
        ),
        ("no service since noon", Severity::Blocked),
        ("no power in the whole flat", Severity::Blocked),
        ("our internet is out", Severity::Blocked),
        ("the internet says you are out", Severity::Annoyance),
        (
            "@acme the kids mode of the thermostat app crashes",
            Severity::Blocked,
        ),
        (
            "the boiler app crashes when I open the winter schedule",
            Severity::Blocked,
        ),
        (
            "the app for my boiler crashes, the kids laugh at me",
            Severity::Blocked,
        ),
        (
            "le mode enfants du thermostat ne marche plus",
            Severity::Blocked,
        ),
        (
            "my hub is broken. the thermostat looks nice and the kids like it",
            Severity::Blocked,
        ),
        ("the thermostat app keeps freezing", Severity::Annoyance),
        (
            "boiler stopped working, my kids sleep in their coats",
            Severity::Safety,
        ),
        (
            "the heating is broken and it is minus 9 outside",
            Severity::Safety,
        ),
        ("the furnace is dead and we are freezing", Severity::Safety),
        (
            "my thermostat has died and it's -12 outside",
            Severity::Safety,
        ),
        (
            "le thermostat est mort et mon bébé a froid",
            Severity::Safety,
        ),
        ("seit drei Tagen kein Internet", Severity::Blocked),
        ("Internet ist seit heute morgen weg", Severity::Blocked),
        ("llevo dos días sin internet", Severity::Blocked),
        ("pas d'internet depuis lundi", Severity::Blocked),
        (
            "no heating and the baby is three weeks old",
            Severity::Safety,
        ),
        (
            "keine Heizung seit gestern, mitten im Winter",
            Severity::Safety,
        ),
        ("sin calefacción y con un bebé en casa", Severity::Safety),
        (
            "plus de chauffage depuis hier et les enfants ont froid",
            Severity::Safety,
        ),
    ] {
        assert_eq!(judge(text, true, &[], &[]).severity, expected, "{text}");
    }
}

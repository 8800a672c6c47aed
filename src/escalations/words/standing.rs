//! Words that tell whether anything is left to do.

use super::List;

/// The customer tells that it came to an end, beside the phrases of [`super::OVER`].
pub static ENDED: List = List::new(&[
    "all good now",
    "good now",
    "fine now",
    "sorted now",
    "now sorted",
    "now resolved",
    "resolved now",
    "been sorted",
    "been resolved",
    "been fixed",
    "got sorted",
    "got resolved",
    "finally arrived",
    "finally here",
    "finally fixed",
    "finally sorted",
    "finally resolved",
    "finally working",
    "finally works",
    "finally home",
    "finally boarding",
    "back to normal",
    "back online",
    "never mind",
    "nevermind",
    "nvm",
    "false alarm",
    "figured it out",
    "worked it out",
    "found it",
    "erledigt",
    "alles gut jetzt",
    "jetzt geht es",
    "jetzt gehts",
    "endlich angekommen",
    "ya está arreglado",
    "ya está solucionado",
    "por fin llegó",
    "falsa alarma",
    "cest réglé",
    "cest arrangé",
    "enfin arrivé*",
    "fausse alerte",
]);

/// Of a phrase that tells of an end: the words by which all told before it has changed.
pub static CHANGED: List = List::new(&[
    "now", "again", "finally", "back", "wieder", "jetzt", "endlich", "ya", "fin", "enfin",
    "remarche",
]);

/// Makes an end a wish or a condition of what stands behind it.
pub static UNTIL: List = List::new(&[
    "until",
    "till",
    "when",
    "once",
    "if",
    "unless",
    "hope",
    "hopefully",
    "hoping",
    "get",
    "getting",
    "can",
    "could",
    "will",
    "would",
    "should",
    "must",
    "needs",
    "need",
    "want",
    "wants",
    "please",
    "before",
    "supposedly",
    "apparently",
    "says",
    "said",
    "say",
    "claims",
    "promised",
    "bis",
    "wenn",
    "falls",
    "hoffe",
    "hoffentlich",
    "cuando",
    "si",
    "espero",
    "quand",
    "espère",
    "jusquà",
]);

/// It has not come to an end.
pub static GOING_ON: List = List::new(&[
    "still", "yet", "again", "anymore", "immer", "noch", "schon", "aún", "todavía", "sigue",
    "toujours", "encore",
]);

/// Words by which a phrase of [`super::OVER`] says that there was no trouble.
pub static NO: List = List::new(&["no", "never", "kein", "keine", "ohne", "sin", "sans", "pas"]);

/// Of the angry words, what is said of what still happens, or in jest.
pub static MILD: List = List::new(&[
    "still waiting",
    "seriously",
    "omg",
    "customer service",
    "insane",
    "joke",
    "joking",
    "really",
]);

/// Of what is angry: words that tell of something left undone.
pub static UNDONE: List = List::new(&[
    "still",
    "waiting",
    "wait",
    "ignoring",
    "ignored",
    "ignore",
    "remove",
    "change",
    "improve",
    "backed",
    "noch",
    "warte",
    "esperando",
    "attends",
]);

/// Somebody says that they only vent.
pub static VENT: List = List::new(&[
    "just venting",
    "only venting",
    "venting",
    "rant over",
    "end rant",
    "end of rant",
    "rant done",
    "just ranting",
    "sorry for the rant",
    "excuse the rant",
    "had to vent",
    "have to vent",
    "need to vent",
    "needed to vent",
    "off my chest",
    "musste mal raus",
    "musste ich loswerden",
    "tenía que desahogarme",
    "para desahogarme",
    "coup de gueule",
]);

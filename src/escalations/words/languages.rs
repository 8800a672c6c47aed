//! Little words that stand in nearly every post of a language, and in few of another.

use super::List;

/// English.
pub static ENGLISH: List = List(&[
    "the", "to", "and", "is", "it", "you", "my", "of", "for", "that", "this", "have", "your",
    "with", "are", "not", "was", "but", "been", "how", "why", "what", "when", "can", "dont", "im",
    "they", "just", "our", "will", "would", "if", "at", "be", "so", "do", "get", "has", "from",
    "there", "ive", "its", "all", "i", "we", "please", "thanks",
]);

/// German.
pub static GERMAN: List = List(&[
    "der", "die", "das", "und", "ist", "ich", "nicht", "ein", "eine", "mein", "meine", "mit",
    "für", "auf", "zu", "bei", "wie", "was", "warum", "wann", "aber", "noch", "seit", "den", "dem",
    "im", "ihr", "euch", "es", "sie", "kann", "habe", "kein", "keine", "wird", "immer", "wieder",
    "von", "nach", "auch", "bitte", "mir", "wo", "geht", "danke",
]);

/// Spanish.
pub static SPANISH: List = List(&[
    "el", "la", "los", "las", "de", "que", "en", "mi", "un", "una", "por", "con", "para", "es",
    "se", "me", "lo", "no", "y", "su", "muy", "pero", "como", "cómo", "está", "desde", "hace",
    "nada", "qué", "más", "ya", "sin", "cuando", "cuándo", "al", "del", "he", "todo", "gracias",
    "hola",
]);

/// French.
pub static FRENCH: List = List(&[
    "le", "la", "les", "de", "des", "et", "est", "pas", "je", "vous", "mon", "ma", "mes", "un",
    "une", "pour", "que", "qui", "dans", "sur", "votre", "vos", "ne", "ce", "cest", "jai", "plus",
    "depuis", "toujours", "il", "au", "du", "en", "avec", "ça", "quand", "comment", "à", "bonjour",
    "merci", "se",
]);

/// Each language that is read here (ISO 639-1), with its little words.
pub static LANGUAGES: [(&str, &List); 4] = [
    ("en", &ENGLISH),
    ("de", &GERMAN),
    ("es", &SPANISH),
    ("fr", &FRENCH),
];

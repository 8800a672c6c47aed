//! Little words that stand in nearly every post of a language, and in few of another.

use super::List;

/// English.
pub static ENGLISH: List = List::new(&[
    "the", "to", "and", "is", "it", "you", "my", "of", "for", "that", "this", "have", "your",
    "with", "are", "not", "was", "but", "been", "how", "why", "what", "when", "can", "dont", "im",
    "they", "just", "our", "will", "would", "if", "at", "be", "so", "do", "get", "has", "from",
    "there", "ive", "its", "all", "i", "we", "please", "thanks", "about", "after", "again", "any",
    "back", "because", "being", "by", "cant", "could", "did", "didnt", "does", "doesnt", "even",
    "every", "go", "going", "got", "had", "hasnt", "havent", "her", "here", "hey", "hi", "him",
    "his", "into", "isnt", "know", "let", "like", "love", "make", "more", "need", "never", "new",
    "now", "off", "one", "only", "other", "our", "out", "over", "really", "see", "she", "should",
    "some", "still", "than", "thank", "thats", "their", "them", "then", "these", "think", "those",
    "too", "us", "very", "want", "wasnt", "were", "where", "which", "who", "wont", "work",
    "working", "wouldnt", "youre", "a", "good", "great", "time", "today", "day", "in", "on", "an",
    "or", "as", "up", "last", "until", "without", "someone", "whats", "cannot", "much",
]);

/// German.
pub static GERMAN: List = List::new(&[
    "der", "die", "das", "und", "ist", "ich", "nicht", "ein", "eine", "mein", "meine", "mit",
    "für", "auf", "zu", "bei", "wie", "was", "warum", "wann", "aber", "noch", "seit", "den", "dem",
    "im", "ihr", "euch", "es", "sie", "kann", "habe", "kein", "keine", "wird", "immer", "wieder",
    "von", "nach", "auch", "bitte", "mir", "wo", "geht", "danke",
]);

/// Spanish.
pub static SPANISH: List = List::new(&[
    "el", "la", "los", "las", "de", "que", "en", "mi", "un", "una", "por", "con", "para", "es",
    "se", "me", "lo", "no", "y", "su", "muy", "pero", "como", "cómo", "está", "desde", "hace",
    "nada", "qué", "más", "ya", "sin", "cuando", "cuándo", "al", "del", "he", "todo", "gracias",
    "hola",
]);

/// French.
pub static FRENCH: List = List::new(&[
    "le", "la", "les", "de", "des", "et", "est", "pas", "je", "vous", "mon", "ma", "mes", "un",
    "une", "pour", "que", "qui", "dans", "sur", "votre", "vos", "ne", "ce", "cest", "jai", "plus",
    "depuis", "toujours", "il", "au", "du", "en", "avec", "ça", "quand", "comment", "à", "bonjour",
    "merci", "se",
]);

/// Little words of other languages that are written in Latin letters, which are none of the four
/// above: where they stand, a language is told by more than its little words.
pub static OTHER_LANGUAGES: List = List::new(&[
    "het", "een", "van", "ik", "dat", "niet", "op", "te", "voor", "met", "zijn", "maar", "ook",
    "nog", "wel", "naar", "geen", "heb", "wat", "bij", "uit", "jullie", "mijn", "jeg", "det", "og",
    "til", "på", "som", "ikke", "med", "jag", "att", "inte", "är", "och", "för", "mig", "hvor",
    "når", "fra", "nå", "não", "uma", "você", "com", "meu", "minha", "isso", "mas", "já", "são",
    "foi", "um", "eu", "tem", "na", "ao", "che", "non", "sono", "mio", "mia", "è", "questo",
    "anche", "della", "di", "ho", "gli", "nel", "più", "perché", "grazie", "się", "jest", "czy",
    "jak", "że", "yang", "tidak", "saya", "dan", "ini", "itu", "ada", "untuk", "sudah", "tak",
    "aku", "kamu", "bisa", "dengan", "apa", "ang", "ng", "ako", "sa", "mga", "hindi", "naman",
    "ko", "ve", "bir", "bu", "için", "çok", "ama", "değil", "neden", "yok", "nu", "și", "este",
    "pentru", "mai", "sunt", "ja", "ei", "että", "mikään", "mutta", "olen", "kun", "nem", "és",
    "egy", "hogy", "az", "není", "jsem", "ale", "že", "nie", "av", "så",
]);

/// Each language that is read here (ISO 639-1), with its little words.
pub static LANGUAGES: [(&str, &List); 4] = [
    ("en", &ENGLISH),
    ("de", &GERMAN),
    ("es", &SPANISH),
    ("fr", &FRENCH),
];

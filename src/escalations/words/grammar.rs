//! Words that turn, count or own others, and those that say little.

use super::List;

/// Turns a good word after it into its opposite.
pub static NEGATION: List = List::new(&[
    "not", "no", "never", "dont", "doesnt", "didnt", "isnt", "arent", "wasnt", "werent", "cant",
    "cannot", "couldnt", "wont", "wouldnt", "havent", "hasnt", "without", "nicht", "kein", "keine",
    "keinen", "nie", "ohne", "sin", "nunca", "pas", "jamais", "plus", "rien",
]);

/// What somebody has waited or gone without for.
pub static SPANS: List = List::new(&[
    "minutes", "mins", "hour", "hours", "hrs", "day", "days", "week", "weeks", "month", "months",
    "year", "years", "stunden", "tage", "tagen", "wochen", "monate", "monaten", "horas", "días",
    "semanas", "meses", "heures", "jours", "semaines", "mois",
]);

/// What stands before a span that was waited.
pub static BEFORE_SPANS: List = List::new(&[
    "for",
    "two",
    "three",
    "four",
    "five",
    "six",
    "several",
    "many",
    "whole",
    "all",
    "entire",
    "few",
    "zwei",
    "drei",
    "vier",
    "mehreren",
    "ganzen",
    "dos",
    "tres",
    "varios",
    "varias",
    "toda",
    "todo",
    "deux",
    "trois",
    "plusieurs",
    "toute",
]);

/// Words after which the beginning of a wait is told.
pub static SINCE: List = List::new(&["since", "seit", "desde", "depuis"]);

/// Stands before what belongs to somebody, or was named before.
pub static OWNERS: List = List::new(&[
    "my", "our", "your", "the", "a", "this", "that", "mein", "meine", "meinen", "die", "das", "mi",
    "el", "la", "mon", "ma", "le",
]);

/// In the names of products, what tells of none by itself.
pub static MODELS: List = List::new(&[
    "home", "house", "smart", "mini", "plus", "lite", "basic", "classic", "premium", "family",
]);

/// Words too common to say what a post is about.
pub static COMMON: List = List::new(&[
    "the", "and", "for", "with", "you", "your", "this", "that", "have", "has", "had", "but", "not",
    "are", "was", "were", "its", "it", "is", "to", "of", "in", "on", "my", "me", "we", "our",
    "they", "them", "from", "just", "please", "help", "still", "get", "got", "can", "cant", "dont",
    "hi", "hey", "hello", "thanks", "thank", "been", "be", "do", "did", "does", "at", "an", "a",
    "i", "im", "ive", "so", "if", "or", "as", "what", "why", "how", "when", "now", "all", "any",
    "there", "their", "will", "would", "could", "up", "out", "no", "yes", "der", "die", "das",
    "und", "ist", "ich", "nicht", "mit", "ein", "eine", "es", "auf", "für", "ihr", "mein", "meine",
    "el", "la", "los", "las", "de", "que", "y", "un", "una", "en", "no", "mi", "le", "les", "et",
    "est", "pas", "mon", "ma", "vous", "je", "des",
]);

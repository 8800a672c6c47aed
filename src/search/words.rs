//! What a word is: the one place where texts, queries and snippets are cut, folded and stemmed.
//!
//! Both sides go through the same steps, so that a query finds what a reader would call the same
//! word: cut at anything that is neither letter nor digit, fold case and accents ("Café" and
//! "cafe"), then stem the folded word by the language of the text ("restored" and "restoring").
//! Chinese, Japanese and Korean letters stand as words of one letter; their order is kept by
//! positions, so that a phrase finds them.

use frostem::{Algorithm, Stemmer};
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Longer words are left out: base64, hashes and the like.
pub const WORD_BYTES_MAX: usize = 48;

/// Languages a text is stemmed in when its own language can't be told.
pub const STEMMED_WHEN_UNKNOWN: [&str; 7] = ["en", "de", "fr", "es", "it", "pt", "nl"];

/// Walks the words of a text without allocating one string for each.
///
/// ```
/// # use offramp::search::words::Words;
/// let mut words = Words::new("Don't reset the Café-Router!");
/// let mut seen = Vec::new();
/// while words.advance() {
///     seen.push(words.folded().to_string());
/// }
/// assert_eq!(seen, ["dont", "reset", "the", "cafe", "router"]);
/// ```
pub struct Words<'a> {
    text: &'a str,
    at: usize,
    from: usize,
    to: usize,
    folded: String,
}

impl<'a> Words<'a> {
    /// Starts before the first word of `text`.
    pub fn new(text: &'a str) -> Self {
        Words {
            text,
            at: 0,
            from: 0,
            to: 0,
            folded: String::new(),
        }
    }

    /// Moves to the next word; false at the end of the text.
    pub fn advance(&mut self) -> bool {
        loop {
            if !self.step() {
                return false;
            }
            if !self.folded.is_empty() && self.folded.len() <= WORD_BYTES_MAX {
                return true;
            }
        }
    }

    fn step(&mut self) -> bool {
        self.folded.clear();
        let rest = &self.text[self.at..];
        let Some((skipped, _)) = rest.char_indices().find(|(_, c)| c.is_alphanumeric()) else {
            self.at = self.text.len();
            return false;
        };
        self.from = self.at + skipped;
        let word = &self.text[self.from..];
        let mut end = word.len();
        let mut next = None;
        for (i, c) in word.char_indices() {
            if stands_alone(c) {
                end = if i == 0 {
                    fold_into(c, &mut self.folded);
                    c.len_utf8()
                } else {
                    i
                };
                break;
            }
            if c.is_alphanumeric() {
                fold_into(c, &mut self.folded);
                continue;
            }
            if is_combining_mark(c) {
                continue;
            }
            if c == '\'' || c == '\u{2019}' {
                match contraction(&word[i + c.len_utf8()..]) {
                    Some(tail) if tail.eq_ignore_ascii_case("s") => {
                        end = i;
                        next = Some(self.from + i + c.len_utf8() + tail.len());
                        break;
                    }
                    Some(_) => continue,
                    None => {}
                }
            }
            end = i;
            break;
        }
        self.to = self.from + end;
        self.at = next.unwrap_or(self.to);
        true
    }

    /// The word in lower case without accents.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Where the word stands in the text, in bytes.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.from..self.to
    }
}

/// The folded words of `text`, in order.
pub fn folded_words(text: &str) -> Vec<String> {
    let mut words = Words::new(text);
    let mut all = Vec::new();
    while words.advance() {
        all.push(words.folded().to_string());
    }
    all
}

/// The English endings after an apostrophe that belong to the word before it.
fn contraction(after: &str) -> Option<&str> {
    let end = after
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(after.len());
    let tail = &after[..end];
    ["s", "t", "d", "m", "re", "ve", "ll"]
        .iter()
        .any(|known| tail.eq_ignore_ascii_case(known))
        .then_some(tail)
}

fn stands_alone(c: char) -> bool {
    matches!(c as u32,
        0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF
        | 0xF900..=0xFAFF | 0x20000..=0x3134F)
}

fn fold_into(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    for lower in c.to_lowercase() {
        match lower {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            other if is_combining_mark(other) => {}
            other => {
                let mut first = None;
                let mut ascii = String::new();
                decompose_compatible(other, |part| {
                    first.get_or_insert(part);
                    if part.is_ascii_alphanumeric() {
                        ascii.push(part.to_ascii_lowercase());
                    }
                });
                // Accents fall off Latin letters only: й is a letter of its own, not an и.
                if first.is_some_and(|f| f.is_ascii_alphanumeric()) {
                    out.push_str(&ascii);
                } else {
                    out.push(other);
                }
            }
        }
    }
}

/// The stemmer of a language, by its ISO 639-1 code; none when we know none.
pub fn stemmer_of(language: &str) -> Option<Stemmer> {
    let algorithm = match language {
        "ar" => Algorithm::Arabic,
        "da" => Algorithm::Danish,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "en" => Algorithm::English,
        "es" => Algorithm::Spanish,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "nl" => Algorithm::Dutch,
        "nb" | "nn" | "no" => Algorithm::Norwegian,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        _ => return None,
    };
    Some(Stemmer::new(algorithm))
}

/// The stemmers of a text of this language: its own; none where we have none; those of
/// [`STEMMED_WHEN_UNKNOWN`] when the language can't be told.
pub fn stemmers_for(language: Option<&str>) -> Vec<Stemmer> {
    match language {
        Some(code) => stemmer_of(code).into_iter().collect(),
        None => STEMMED_WHEN_UNKNOWN
            .iter()
            .filter_map(|code| stemmer_of(code))
            .collect(),
    }
}

/// Whether a folded word says nothing about a problem in any of the seven main languages:
/// articles, pronouns, prepositions, auxiliary verbs, greetings.
pub fn is_stop_word(folded: &str) -> bool {
    STOP_WORDS.binary_search(&folded).is_ok()
}

/// Sorted and folded. "down", "off" and "back" are not among them: with products they mean something.
const STOP_WORDS: &[&str] = &[
    "a",
    "aan",
    "aber",
    "about",
    "above",
    "after",
    "again",
    "ai",
    "al",
    "algo",
    "alguien",
    "alguno",
    "all",
    "alle",
    "allem",
    "allen",
    "aller",
    "alles",
    "als",
    "also",
    "altijd",
    "am",
    "an",
    "anche",
    "ancora",
    "and",
    "ander",
    "andere",
    "anderen",
    "antes",
    "any",
    "anybody",
    "anyone",
    "ao",
    "aos",
    "aquela",
    "aquele",
    "aqui",
    "are",
    "aren",
    "arent",
    "as",
    "asi",
    "at",
    "ate",
    "au",
    "auch",
    "aucun",
    "auf",
    "aun",
    "aunque",
    "aus",
    "aussi",
    "autre",
    "avant",
    "avec",
    "avere",
    "aveva",
    "avez",
    "avoir",
    "avons",
    "be",
    "because",
    "been",
    "before",
    "bei",
    "being",
    "ben",
    "between",
    "bij",
    "bin",
    "bis",
    "bist",
    "bitte",
    "bonjour",
    "both",
    "but",
    "by",
    "c",
    "cada",
    "can",
    "cant",
    "ce",
    "cela",
    "ces",
    "cet",
    "cette",
    "ceux",
    "che",
    "chez",
    "chi",
    "ci",
    "ciao",
    "com",
    "come",
    "comme",
    "comment",
    "como",
    "con",
    "contra",
    "cosa",
    "could",
    "couldnt",
    "cual",
    "cuando",
    "cui",
    "cuya",
    "da",
    "dal",
    "dalla",
    "damit",
    "dan",
    "danke",
    "dann",
    "dans",
    "das",
    "dass",
    "dat",
    "de",
    "dei",
    "dein",
    "deine",
    "del",
    "dela",
    "dele",
    "della",
    "delle",
    "dem",
    "den",
    "denn",
    "depois",
    "depuis",
    "der",
    "des",
    "desde",
    "deux",
    "deze",
    "di",
    "dich",
    "did",
    "didnt",
    "die",
    "dies",
    "diese",
    "diesem",
    "diesen",
    "dieser",
    "dieses",
    "dir",
    "dit",
    "do",
    "doch",
    "doen",
    "does",
    "doesnt",
    "doing",
    "donc",
    "donde",
    "done",
    "dont",
    "door",
    "dopo",
    "dort",
    "dos",
    "dove",
    "du",
    "durch",
    "dus",
    "e",
    "ed",
    "een",
    "eens",
    "ein",
    "eine",
    "einem",
    "einen",
    "einer",
    "eines",
    "el",
    "ela",
    "eles",
    "ella",
    "ellas",
    "elle",
    "elles",
    "ellos",
    "em",
    "en",
    "encore",
    "entre",
    "er",
    "era",
    "es",
    "esa",
    "ese",
    "eso",
    "essa",
    "esse",
    "essere",
    "est",
    "esta",
    "estaba",
    "estan",
    "estao",
    "estar",
    "estava",
    "este",
    "esto",
    "estos",
    "estou",
    "estoy",
    "et",
    "etaient",
    "etait",
    "ete",
    "etre",
    "etwas",
    "eu",
    "euch",
    "even",
    "ever",
    "every",
    "everyone",
    "fa",
    "faire",
    "fait",
    "fare",
    "favor",
    "foi",
    "font",
    "for",
    "from",
    "fue",
    "fui",
    "fur",
    "ge",
    "geen",
    "gegen",
    "get",
    "gets",
    "getting",
    "geweest",
    "gia",
    "give",
    "gli",
    "go",
    "going",
    "gone",
    "good",
    "got",
    "gracias",
    "grazie",
    "guys",
    "ha",
    "haar",
    "hab",
    "habe",
    "haben",
    "hace",
    "hacer",
    "had",
    "hallo",
    "han",
    "hanno",
    "has",
    "hasnt",
    "hasta",
    "hat",
    "hatte",
    "have",
    "havent",
    "having",
    "hay",
    "he",
    "heb",
    "hebben",
    "heeft",
    "hello",
    "help",
    "hem",
    "her",
    "here",
    "hers",
    "het",
    "hey",
    "hi",
    "hier",
    "hij",
    "him",
    "hinter",
    "his",
    "ho",
    "hoe",
    "hola",
    "how",
    "however",
    "hun",
    "i",
    "ich",
    "ici",
    "id",
    "iemand",
    "iets",
    "if",
    "ihm",
    "ihn",
    "ihnen",
    "ihr",
    "ihre",
    "ik",
    "il",
    "ill",
    "ils",
    "im",
    "in",
    "into",
    "io",
    "is",
    "isnt",
    "isso",
    "ist",
    "isto",
    "it",
    "its",
    "itself",
    "ive",
    "j",
    "ja",
    "je",
    "jede",
    "jetzt",
    "jij",
    "jusqu",
    "just",
    "kan",
    "kann",
    "keep",
    "keeps",
    "kein",
    "keine",
    "know",
    "komt",
    "kon",
    "konnen",
    "kunnen",
    "l",
    "la",
    "las",
    "le",
    "lei",
    "leider",
    "les",
    "let",
    "leur",
    "leurs",
    "lhe",
    "like",
    "lo",
    "loro",
    "los",
    "lot",
    "lui",
    "m",
    "ma",
    "maar",
    "machen",
    "mais",
    "make",
    "man",
    "manche",
    "many",
    "mas",
    "may",
    "maybe",
    "me",
    "meer",
    "mehr",
    "mein",
    "meine",
    "meinem",
    "meinen",
    "meiner",
    "meme",
    "men",
    "merci",
    "mes",
    "mesmo",
    "met",
    "meu",
    "meus",
    "mi",
    "mia",
    "mich",
    "mij",
    "mijn",
    "mine",
    "minha",
    "mio",
    "mir",
    "mis",
    "mit",
    "mochte",
    "moet",
    "moi",
    "molto",
    "mon",
    "more",
    "most",
    "much",
    "mucho",
    "muito",
    "muss",
    "must",
    "muy",
    "my",
    "myself",
    "n",
    "na",
    "naar",
    "nach",
    "nada",
    "nao",
    "nas",
    "ne",
    "need",
    "negli",
    "nel",
    "nella",
    "nem",
    "never",
    "ni",
    "nicht",
    "niet",
    "niets",
    "no",
    "noch",
    "nog",
    "noi",
    "non",
    "nos",
    "nosotros",
    "nossa",
    "nostro",
    "notre",
    "nous",
    "now",
    "nu",
    "nun",
    "nur",
    "o",
    "ob",
    "obrigada",
    "obrigado",
    "oder",
    "of",
    "ogni",
    "ohne",
    "ola",
    "om",
    "omdat",
    "on",
    "once",
    "onder",
    "one",
    "only",
    "ons",
    "ont",
    "ook",
    "op",
    "or",
    "ora",
    "os",
    "other",
    "otra",
    "otro",
    "ou",
    "our",
    "ours",
    "out",
    "over",
    "own",
    "par",
    "para",
    "parce",
    "pas",
    "pela",
    "pelo",
    "per",
    "perche",
    "pero",
    "peu",
    "peut",
    "peux",
    "piu",
    "please",
    "pls",
    "plus",
    "plz",
    "poco",
    "pode",
    "poi",
    "por",
    "porque",
    "posso",
    "pour",
    "pourquoi",
    "prima",
    "puedo",
    "puo",
    "qu",
    "qua",
    "qual",
    "quale",
    "quand",
    "quando",
    "que",
    "quel",
    "quelle",
    "quello",
    "quem",
    "questa",
    "questi",
    "questo",
    "qui",
    "quien",
    "quoi",
    "really",
    "reeds",
    "s",
    "sa",
    "same",
    "sans",
    "sao",
    "say",
    "says",
    "schon",
    "se",
    "see",
    "sehr",
    "sei",
    "sein",
    "seine",
    "seit",
    "selbst",
    "sem",
    "ser",
    "ses",
    "seu",
    "seus",
    "she",
    "should",
    "si",
    "sia",
    "siamo",
    "sich",
    "sido",
    "sie",
    "sim",
    "sin",
    "since",
    "sind",
    "so",
    "sobre",
    "solo",
    "some",
    "somebody",
    "someone",
    "something",
    "son",
    "sondern",
    "sono",
    "sont",
    "sou",
    "soy",
    "sta",
    "stato",
    "still",
    "sto",
    "su",
    "sua",
    "suas",
    "such",
    "suo",
    "sur",
    "sure",
    "sus",
    "svp",
    "t",
    "ta",
    "take",
    "tambem",
    "tambien",
    "tan",
    "te",
    "tegen",
    "tell",
    "tem",
    "tengo",
    "tenho",
    "ter",
    "tes",
    "than",
    "thank",
    "thanks",
    "that",
    "thats",
    "the",
    "their",
    "theirs",
    "them",
    "then",
    "there",
    "theres",
    "these",
    "they",
    "thing",
    "things",
    "think",
    "this",
    "those",
    "though",
    "through",
    "thx",
    "tiene",
    "to",
    "toch",
    "today",
    "todo",
    "todos",
    "toen",
    "toi",
    "ton",
    "too",
    "tot",
    "tous",
    "tout",
    "toute",
    "toutes",
    "tra",
    "tres",
    "troppo",
    "try",
    "trying",
    "tu",
    "tua",
    "tudo",
    "tus",
    "tutti",
    "tutto",
    "u",
    "uit",
    "um",
    "uma",
    "umas",
    "un",
    "una",
    "und",
    "under",
    "une",
    "uno",
    "unos",
    "uns",
    "unser",
    "unter",
    "until",
    "up",
    "ur",
    "us",
    "use",
    "used",
    "using",
    "usted",
    "ustedes",
    "uw",
    "van",
    "veel",
    "very",
    "viel",
    "voce",
    "voces",
    "voi",
    "vom",
    "von",
    "voor",
    "vor",
    "vos",
    "votre",
    "vous",
    "waarom",
    "wann",
    "want",
    "wants",
    "waren",
    "warum",
    "was",
    "wasnt",
    "wat",
    "way",
    "we",
    "weil",
    "wel",
    "welche",
    "well",
    "wenn",
    "went",
    "wer",
    "werd",
    "werde",
    "werden",
    "were",
    "weve",
    "what",
    "whats",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "why",
    "wie",
    "wieder",
    "wij",
    "wil",
    "will",
    "wir",
    "wird",
    "wish",
    "with",
    "without",
    "wo",
    "wont",
    "worden",
    "wordt",
    "would",
    "wouldnt",
    "wurde",
    "y",
    "ya",
    "yes",
    "yet",
    "yo",
    "you",
    "your",
    "youre",
    "yours",
    "zal",
    "ze",
    "zelf",
    "zich",
    "zij",
    "zijn",
    "zo",
    "zonder",
    "zou",
    "zu",
    "zum",
    "zur",
    "zwischen",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accents_case_and_apostrophes_fold_away() {
        assert_eq!(
            folded_words("L’imprimante n'est PAS réinitialisée"),
            ["l", "imprimante", "n", "est", "pas", "reinitialisee"]
        );
        assert_eq!(
            folded_words("Straße ÆØ Łódź ﬁrmware"),
            ["strasse", "aeo", "lodz", "firmware"]
        );
        assert_eq!(
            folded_words("router's can't we'll"),
            ["router", "cant", "well"]
        );
        assert_eq!(folded_words("cafe\u{301} мой"), ["cafe", "мой"]);
    }

    #[test]
    fn letters_of_east_asia_stand_alone() {
        assert_eq!(folded_words("路由器 Wi-Fi"), ["路", "由", "器", "wi", "fi"]);
    }

    #[test]
    fn overlong_words_are_left_out() {
        assert_eq!(
            folded_words(&format!("a {} b", "x".repeat(WORD_BYTES_MAX + 1))),
            ["a", "b"]
        );
    }

    #[test]
    fn stop_words_are_sorted_so_that_the_search_among_them_works() {
        assert!(STOP_WORDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(is_stop_word("the") && is_stop_word("und") && !is_stop_word("router"));
    }

    proptest! {
        #[test]
        fn words_stand_where_they_say_and_stem_without_panic(text in "\\PC{0,200}") {
            let stemmers = stemmers_for(None);
            let mut words = Words::new(&text);
            let mut last = 0;
            while words.advance() {
                let range = words.range();
                prop_assert!(range.start >= last && range.end > range.start);
                prop_assert!(text.get(range.clone()).is_some());
                let reserved = words.folded().contains([' ', '\u{1}', '\u{2}']);
                prop_assert!(!reserved);
                last = range.end;
                for stemmer in &stemmers {
                    stemmer.stem(words.folded());
                }
            }
        }
    }
}

//! The line above which an answer stands: written on top of mails that may be answered, and found again in whatever
//! language the mail was that is answered.

use std::sync::LazyLock;

use regex::Regex;

/// The line's words by language (ISO 639-1). Changing one keeps answers to older mails from being found: add, and
/// leave the old words in `FORMER`.
const WORDS: [(&str, &str); 16] = [
    ("en", "reply above this line"),
    ("de", "bitte über dieser Zeile antworten"),
    ("fr", "répondez au-dessus de cette ligne"),
    ("es", "responda por encima de esta línea"),
    ("pt", "responda acima desta linha"),
    ("it", "rispondi sopra questa riga"),
    ("nl", "antwoord boven deze regel"),
    ("da", "svar over denne linje"),
    ("sv", "svara ovanför den här raden"),
    ("nb", "svar over denne linjen"),
    ("fi", "vastaa tämän rivin yläpuolelle"),
    ("pl", "odpowiedz powyżej tej linii"),
    ("cs", "odpovězte nad tímto řádkem"),
    ("ru", "ответьте выше этой строки"),
    ("ja", "この行より上に返信してください"),
    ("zh", "请在此行上方回复"),
];
/// What stands there in mails of other programs, and stood in ours; read, never written.
const FORMER: [&str; 5] = [
    "please reply above this line",
    "please type your reply above this line",
    "write above this line to reply",
    "antworten Sie oberhalb dieser Zeile",
    "bitte antworten Sie über dieser Linie",
];
/// Longest line that is looked at, in bytes: the words, and what a mail program drew around them.
const LINE_BYTES_MAX: usize = 200;

/// The line for a mail in `language`; in English where we have no words of that one.
pub fn line(language: &str) -> String {
    let words = WORDS.iter().find(|(code, _)| *code == language);
    let (_, words) = words.unwrap_or(&WORDS[0]);
    format!("-- {words} --")
}

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    let words = WORDS.iter().map(|(_, words)| *words).chain(FORMER);
    // A program that folds lines, or writes for the screen, may change the blanks.
    let words: Vec<String> = words
        .map(|words| regex::escape(words).replace(' ', r"\s+"))
        .collect();
    #[expect(
        clippy::unwrap_used,
        reason = "the pattern is made of constants, and every test builds it"
    )]
    Regex::new(&format!(
        r"(?i)^[>\s*_#|\-–—]*({})[\s*_#|\-–—.:]*$",
        words.join("|")
    ))
    .unwrap()
});

/// Whether a line is one of ours, in whatever a mail program made of it.
pub(super) fn is_marker(line: &str) -> bool {
    line.len() < LINE_BYTES_MAX && LINE.is_match(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_written_is_found_again() {
        for (language, words) in WORDS {
            let line = line(language);
            assert!(line.contains(words), "{line}");
            for as_quoted in [
                line.clone(),
                format!("> > {line}"),
                format!("*{}*", line.to_uppercase()),
                format!("| {}", line.replace(' ', "  ")),
            ] {
                assert!(is_marker(&as_quoted), "{as_quoted}");
            }
        }
        assert_eq!(line("xx"), line("en"));
    }

    #[test]
    fn words_within_a_sentence_are_no_marker() {
        assert!(!is_marker("I was told to reply above this line and did"));
        assert!(!is_marker(""));
    }
}

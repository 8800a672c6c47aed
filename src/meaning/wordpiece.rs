//! Text to word pieces, as BERT's uncased models were taught (Devlin et al., 2019): lower case without
//! accents, cut at blanks and punctuation, each word into the longest pieces of the vocabulary.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Error;

/// Longer words count as unknown, as in the model's own reader (characters).
const WORD_CHARS_MAX: usize = 100;

/// The vocabulary.
pub struct WordPiece {
    pieces: HashMap<String, u32>,
    begin: u32,
    end: u32,
    unknown: u32,
}

impl WordPiece {
    /// `vocab.txt`: one piece a line, its number the line's.
    pub fn new(vocabulary: &str) -> Result<WordPiece, Error> {
        let pieces: HashMap<String, u32> = (0..)
            .zip(vocabulary.lines())
            .map(|(n, piece)| (piece.trim_end().to_owned(), n))
            .collect();
        let mark = |mark: &str| {
            let missing = || Error::Model(format!("vocab.txt has no {mark}"));
            pieces.get(mark).copied().ok_or_else(missing)
        };
        Ok(WordPiece {
            begin: mark("[CLS]")?,
            end: mark("[SEP]")?,
            unknown: mark("[UNK]")?,
            pieces,
        })
    }

    /// How many pieces there are.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The numbers of a text's pieces between the marks of beginning and end, at most `max`.
    pub fn pieces(&self, text: &str, max: usize) -> Vec<u32> {
        let mut found = vec![self.begin];
        let mut word = String::new();
        for c in text.chars() {
            if found.len() + 1 >= max {
                break;
            }
            let is_blank = c.is_whitespace();
            if is_blank || stands_alone(c) {
                self.cut(&word, &mut found);
                word.clear();
                if !is_blank {
                    self.cut(c.encode_utf8(&mut [0; 4]), &mut found);
                }
            } else if !c.is_control() && c != '\u{fffd}' {
                word.extend(c.to_lowercase().nfd().filter(|c| !is_combining_mark(*c)));
            }
        }
        self.cut(&word, &mut found);
        found.truncate(max.saturating_sub(1));
        found.push(self.end);
        found
    }

    fn cut(&self, word: &str, found: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        if word.chars().count() > WORD_CHARS_MAX {
            found.push(self.unknown);
            return;
        }
        let before = found.len();
        let mut rest = word;
        let mut piece = String::new();
        while !rest.is_empty() {
            let mut end = rest.len();
            let number = loop {
                piece.clear();
                if found.len() > before {
                    piece.push_str("##");
                }
                piece.push_str(&rest[..end]);
                if let Some(number) = self.pieces.get(&piece) {
                    break Some(*number);
                }
                match rest[..end].char_indices().next_back() {
                    Some((shorter, _)) if shorter > 0 => end = shorter,
                    _ => break None,
                }
            };
            let Some(number) = number else {
                found.truncate(before);
                found.push(self.unknown);
                return;
            };
            found.push(number);
            rest = &rest[end..];
        }
    }
}

/// Punctuation and letters of Chinese stand as words of their own.
fn stands_alone(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}'
            | '\u{3008}'..='\u{3011}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}'
            | '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> WordPiece {
        let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\ncafe\n!\n電\n";
        WordPiece::new(words).expect("a vocabulary")
    }

    #[test]
    fn words_are_cut_as_the_model_was_taught() {
        let pieces = small();
        assert_eq!(
            pieces.pieces("Unaffable, CAFÉ!", 64),
            [2, 4, 5, 6, 1, 7, 8, 3]
        );
        assert_eq!(pieces.pieces("電cafe", 64), [2, 9, 7, 3]);
        assert_eq!(pieces.pieces("unaffable cafe", 4), [2, 4, 5, 3]);
        assert_eq!(pieces.pieces("", 64), [2, 3]);
        assert!(WordPiece::new("a\nb").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,200}") {
            prop_assert!(small().pieces(&text, 16).len() <= 16);
        }
    }
}

//! Letters that look like others, folded to plain ones: who writes "brоken" with a Cyrillic о, in
//! full width or with invisible marks between the letters means "broken".
//!
//! Letters of another script are folded only in words that pretend to be Latin; Russian and Greek
//! stay what they are. The pairs are those of letters that common fonts draw alike or nearly so
//! (the idea is Unicode's, UTS #39; the table is our own and much smaller).

use unicode_normalization::char::{compose, decompose_compatible};

/// Marks over one letter from which on they are decoration: no language needs more.
const MARKS_MAX: usize = 2;

/// Alike in every font, so that a whole word of them may pretend to be Latin: Cyrillic, Greek and
/// Armenian letters.
fn twin(c: char) -> Option<char> {
    Some(match c {
        'а' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' => 'd',
        'е' => 'e',
        'Е' | 'Ε' => 'E',
        'Ԍ' => 'G',
        'һ' | 'հ' => 'h',
        'Н' | 'Η' => 'H',
        'і' => 'i',
        'І' | 'Ι' => 'I',
        'ј' | 'ϳ' => 'j',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'ӏ' => 'l',
        'Լ' => 'L',
        'М' | 'Μ' => 'M',
        'ո' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'օ' => 'o',
        'О' | 'Ο' | 'Օ' => 'O',
        'р' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'Ԛ' => 'Q',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'ս' => 'u',
        'Ս' => 'U',
        'ѵ' | 'ν' => 'v',
        'ԝ' => 'w',
        'Ԝ' => 'W',
        'х' => 'x',
        'Х' | 'Χ' => 'X',
        'у' => 'y',
        'Υ' => 'Y',
        'Ζ' => 'Z',
        _ => return None,
    })
}

/// Alike enough to be taken for each other amid Latin letters.
fn cousin(c: char) -> Option<char> {
    Some(match c {
        'α' => 'a',
        'Ꭺ' => 'A',
        'в' | 'ь' | 'б' | 'β' => 'b',
        'Ь' | 'Ᏼ' => 'B',
        'ς' => 'c',
        'Ꮯ' => 'C',
        'δ' => 'd',
        'ё' | 'ε' => 'e',
        'Ꭼ' => 'E',
        'ց' => 'g',
        'Ꮐ' => 'G',
        'н' => 'h',
        'Ꮋ' => 'H',
        'ι' => 'i',
        'յ' => 'j',
        'Ꭻ' => 'J',
        'к' | 'κ' => 'k',
        'Ꮶ' => 'K',
        'Ꮮ' => 'L',
        'м' => 'm',
        'Ꮇ' => 'M',
        'п' | 'η' => 'n',
        'И' | 'П' => 'N',
        'σ' => 'o',
        'ρ' | 'ք' => 'p',
        'Ꮲ' => 'P',
        'г' | 'я' => 'r',
        'Я' => 'R',
        'Ꮪ' => 'S',
        'т' | 'τ' => 't',
        'Ꭲ' => 'T',
        'и' | 'υ' => 'u',
        'Ꮩ' => 'V',
        'ш' | 'ω' => 'w',
        'Ꮃ' => 'W',
        'χ' => 'x',
        'У' | 'γ' => 'y',
        'Ꮓ' => 'Z',
        _ => return None,
    })
}

/// Small capitals and other letters of phonetics, in which no language is written.
fn plain_capital(c: char) -> Option<char> {
    Some(match c {
        'ᴀ' | 'ɑ' => 'a',
        'ʙ' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ꜰ' => 'f',
        'ɢ' | 'ɡ' => 'g',
        'ʜ' => 'h',
        'ɪ' => 'i',
        'ᴊ' => 'j',
        'ᴋ' => 'k',
        'ʟ' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ᴏ' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        _ => return None,
    })
}

/// How a letter stands to the Latin ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kin {
    Latin,
    Twin(char),
    Cousin(char),
    /// Of another script, and like none of ours.
    Other,
    /// No letter.
    None,
}

fn kin(c: char) -> Kin {
    if c.is_ascii() {
        return if c.is_ascii_alphabetic() {
            Kin::Latin
        } else {
            Kin::None
        };
    }
    match (twin(c), cousin(c)) {
        (Some(plain), _) => Kin::Twin(plain),
        (_, Some(plain)) => Kin::Cousin(plain),
        _ if !c.is_alphabetic() => Kin::None,
        _ if matches!(c, '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') => Kin::Latin,
        _ => Kin::Other,
    }
}

/// Has no width and no meaning for a reader.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

/// A mark that stands on or through the letter before it; those of Latin, Greek and Cyrillic.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20df}' | '\u{fe20}'..='\u{fe2f}')
}

/// The text in plain letters, each with the byte of `text` at which what it stands for begins.
pub fn folded(text: &str) -> Vec<(usize, char)> {
    let mut letters = unwrapped(text);
    let kins: Vec<Kin> = letters.iter().map(|(_, c)| kin(*c)).collect();
    if kins.iter().all(|kin| matches!(kin, Kin::Latin | Kin::None)) {
        return letters;
    }
    let is_latin_text = is_latin(&letters, &kins);
    let mut at = 0;
    while at < letters.len() {
        let word = at..word_end(&kins, at);
        let here = &kins[word.clone()];
        let is_latin_word = here.contains(&Kin::Latin) && !here.contains(&Kin::Other);
        let is_twin = here.iter().all(|kin| matches!(kin, Kin::Twin(_)));
        if is_latin_word || (is_twin && is_latin_text) {
            for n in word.clone() {
                if let Kin::Twin(plain) | Kin::Cousin(plain) = kins[n] {
                    letters[n].1 = plain;
                }
            }
        }
        at = word.end.max(at + 1);
    }
    letters
}

/// Behind the letters from `at` on.
fn word_end(kins: &[Kin], at: usize) -> usize {
    let letters = kins[at..].iter().take_while(|kin| **kin != Kin::None);
    at + letters.count()
}

/// Whether some word is plainly Latin, and none plainly of another script; names of accounts and
/// addresses aside, which are Latin in every language.
fn is_latin(letters: &[(usize, char)], kins: &[Kin]) -> bool {
    let mut any = false;
    let words = letters.chunk_by(|a, b| a.1.is_whitespace() == b.1.is_whitespace());
    let mut at = 0;
    for word in words {
        let here = &kins[at..at + word.len()];
        at += word.len();
        let is_name = word.iter().any(|(_, c)| matches!(c, '@' | '/' | '#'));
        if here
            .iter()
            .any(|kin| matches!(kin, Kin::Other | Kin::Cousin(_)))
            && !here.contains(&Kin::Latin)
        {
            return false;
        }
        any |= !is_name && here.contains(&Kin::Latin);
    }
    any
}

/// Without marks that nobody sees or that decorate, and with the letters of other alphabets of the
/// same script (full width, mathematical, in circles) as plain ones.
fn unwrapped(text: &str) -> Vec<(usize, char)> {
    let mut letters: Vec<(usize, char)> = Vec::with_capacity(text.len());
    let mut plain = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c.is_ascii() {
            letters.push((at, c));
        } else if is_mark(c) {
            let mut run = vec![c];
            while let Some((_, mark)) = rest.next_if(|(_, c)| is_mark(*c)) {
                run.push(mark);
            }
            run.truncate(if run.len() > MARKS_MAX { 0 } else { MARKS_MAX });
            // What is no letter with the one before it, as é is, only decorates it.
            for mark in run {
                if let Some((_, before)) = letters.last_mut() {
                    *before = compose(*before, mark).unwrap_or(*before);
                }
            }
        } else if let Some(plain) = plain_capital(c) {
            letters.push((at, plain));
        } else if !is_invisible(c) {
            plain.clear();
            decompose_compatible(c, |c| plain.push(c));
            if plain.is_ascii() {
                letters.extend(plain.chars().map(|c| (at, c)));
            } else {
                letters.push((at, c));
            }
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(text: &str) -> String {
        folded(text).into_iter().map(|(_, c)| c).collect()
    }

    #[test]
    fn what_pretends_to_be_latin_is_folded() {
        for (text, plain) in [
            ("brоken", "broken"),
            ("my рhone is bгokеn", "my phone is broken"),
            ("асе service", "ace service"),
            ("ｂｒｏｋｅｎ", "broken"),
            ("𝐛𝐫𝐨𝐤𝐞𝐧 𝓫𝓻𝓸𝓴𝓮𝓷 ⓑⓡⓞⓚⓔⓝ", "broken broken broken"),
            ("br\u{200b}ok\u{ad}en", "broken"),
            ("b\u{336}r\u{336}o\u{336}ken", "broken"),
            ("b\u{301}\u{302}\u{303}\u{304}roken", "broken"),
            ("ʙʀᴏᴋᴇɴ", "broken"),
            ("b\u{308}roken", "broken"),
            ("a τerrible υpdate", "a terrible update"),
        ] {
            assert_eq!(fold(text), plain, "{text}");
        }
    }

    #[test]
    fn other_scripts_and_accents_stay() {
        for text in [
            "у меня не работает приложение",
            "@acme нет",
            "@acme https://t.co/a Ну вот",
            "iPhone не работает, а USB-кабель новый",
            "δεν λειτουργεί η εφαρμογή",
            "für größere Maße, ça marche là-bas",
            "冷蔵庫が動きません",
            "مرحبا لا يعمل",
            "👩\u{1f3fd} ok",
        ] {
            assert_eq!(fold(text), text, "{text}");
        }
    }

    #[test]
    fn a_letter_and_its_accent_are_one() {
        assert_eq!(fold("cafe\u{301}"), "café");
        assert_eq!(fold("и\u{306}"), "й");
    }

    proptest! {
        #[test]
        fn places_rise_and_stand_on_letters(text in "(\\PC|[а-яa-zα-ω\u{300}-\u{340} ]){0,120}") {
            let mut before = 0;
            for (at, _) in folded(&text) {
                prop_assert!(at >= before && text.is_char_boundary(at));
                before = at;
            }
        }
    }
}

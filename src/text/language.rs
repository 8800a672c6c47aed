//! Which language a text is written in, when that can be told.

use whatlang::Lang;

/// Fewest letters from which a language is told; a greeting fits too many.
const LETTERS_MIN: usize = 20;
/// Beginning of a text that is looked at, in characters.
const CHARS_MAX: usize = 2_000;
/// Least confidence (0 to 1) below which we say nothing: a wrong language loses words in the search.
const CONFIDENCE_MIN: f64 = 0.8;

/// The two-letter code (ISO 639-1) of the language of a plain text, or None when it is short or doubtful.
pub fn detect(plain: &str) -> Option<&'static str> {
    let beginning = match plain.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => &plain[..end],
        None => plain,
    };
    let letters = beginning.chars().filter(|c| c.is_alphabetic()).count();
    // Ideographs and syllables say more each than letters do.
    let dense = beginning
        .chars()
        .filter(|&c| ('\u{3040}'..='\u{d7af}').contains(&c))
        .count();
    if letters + 2 * dense < LETTERS_MIN {
        return None;
    }
    let info = whatlang::detect(beginning)?;
    (info.is_reliable() || info.confidence() >= CONFIDENCE_MIN)
        .then(|| two_letters(info.lang()))
        .flatten()
}

/// ISO 639-1 for the languages that have a code there.
fn two_letters(language: Lang) -> Option<&'static str> {
    Some(match language.code() {
        "epo" => "eo",
        "eng" => "en",
        "rus" => "ru",
        "cmn" => "zh",
        "spa" => "es",
        "por" => "pt",
        "ita" => "it",
        "ben" => "bn",
        "fra" => "fr",
        "deu" => "de",
        "ukr" => "uk",
        "kat" => "ka",
        "ara" => "ar",
        "hin" => "hi",
        "jpn" => "ja",
        "heb" => "he",
        "yid" => "yi",
        "pol" => "pl",
        "amh" => "am",
        "jav" => "jv",
        "kor" => "ko",
        "nob" => "nb",
        "dan" => "da",
        "swe" => "sv",
        "fin" => "fi",
        "tur" => "tr",
        "nld" => "nl",
        "hun" => "hu",
        "ces" => "cs",
        "ell" => "el",
        "bul" => "bg",
        "bel" => "be",
        "mar" => "mr",
        "kan" => "kn",
        "ron" => "ro",
        "slv" => "sl",
        "hrv" => "hr",
        "srp" => "sr",
        "mkd" => "mk",
        "lit" => "lt",
        "lav" => "lv",
        "est" => "et",
        "tam" => "ta",
        "vie" => "vi",
        "urd" => "ur",
        "tha" => "th",
        "guj" => "gu",
        "uzb" => "uz",
        "pan" => "pa",
        "aze" => "az",
        "ind" => "id",
        "tel" => "te",
        "pes" => "fa",
        "mal" => "ml",
        "ori" => "or",
        "mya" => "my",
        "nep" => "ne",
        "sin" => "si",
        "khm" => "km",
        "tuk" => "tk",
        "aka" => "ak",
        "zul" => "zu",
        "sna" => "sn",
        "afr" => "af",
        "lat" => "la",
        "slk" => "sk",
        "cat" => "ca",
        "tgl" => "tl",
        "hye" => "hy",
        "cym" => "cy",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_are_told_and_scraps_are_not() {
        for (text, code) in [
            (
                "My parcel has not arrived and nobody answers the phone, what should I do now?",
                Some("en"),
            ),
            (
                "Mein Paket ist seit zwei Wochen unterwegs und niemand geht ans Telefon.",
                Some("de"),
            ),
            (
                "Je n'ai toujours pas reçu mon remboursement, pouvez-vous vérifier ma commande ?",
                Some("fr"),
            ),
            (
                "Здравствуйте, мой заказ до сих пор не пришёл, хотя прошло уже больше двух недель. Когда вы вернёте деньги?",
                Some("ru"),
            ),
            (
                "注文した商品がまだ届いていません。どうすればいいですか？",
                Some("ja"),
            ),
            ("ok thx", None),
            ("12345 67890 !!!", None),
            ("", None),
        ] {
            assert_eq!(detect(text), code, "{text}");
        }
    }

    #[test]
    fn every_language_known_has_a_code() {
        for language in Lang::all() {
            assert!(two_letters(*language).is_some(), "{}", language.code());
        }
    }

    proptest! {
        #[test]
        fn takes_any_text(text in "\\PC{0,200}") {
            let _ = detect(&text);
        }
    }
}

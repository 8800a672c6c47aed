//! Personal data in running text: what must not stand in public, and what shows that a case needs an account.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::lookalikes::folded;

/// Text that is looked at, in bytes; a public post is far shorter.
pub const TEXT_BYTES_MAX: usize = 200_000;

/// Fewest digits of an account number: its check digits.
const IBAN_DIGITS_MIN: usize = 2;
/// Fewest digits of a payment card's number.
const CARD_DIGITS_MIN: usize = 13;
/// Fewest digits of an order's number, and of a telephone's.
const ORDER_DIGITS_MIN: usize = 4;
const PHONE_DIGITS_MIN: usize = 7;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An email address.
    EmailAddress,
    /// An international bank account number whose check digits are right.
    Iban,
    /// A payment card number: 13 to 19 digits with a right check digit.
    CardNumber,
    /// A telephone number.
    PhoneNumber,
    /// The number of an order, invoice, contract, customer or parcel, told by the word before it.
    OrderNumber,
}

impl Kind {
    /// The word by which code, tables and reasons name the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::EmailAddress => "email_address",
            Kind::Iban => "iban",
            Kind::CardNumber => "card_number",
            Kind::PhoneNumber => "phone_number",
            Kind::OrderNumber => "order_number",
        }
    }

    /// How a person would say it.
    pub fn words(self) -> &'static str {
        match self {
            Kind::EmailAddress => "email address",
            Kind::Iban => "bank account",
            Kind::CardNumber => "card number",
            Kind::PhoneNumber => "phone number",
            Kind::OrderNumber => "order number",
        }
    }
}

/// One find: its kind and where it stands, in bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the text it takes.
    pub range: Range<usize>,
}

/// Everything personal in `text`, in order, without overlaps; where two kinds claim the same place the surer wins.
/// What is written in look-alike letters or digits, or with invisible marks between them, is found too.
pub fn find(text: &str) -> Vec<Finding> {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    if text.is_ascii() {
        return find_plain(text);
    }
    let letters = folded(text);
    let plain: String = letters.iter().map(|(_, c)| *c).collect();
    if plain == text {
        return find_plain(text);
    }
    let mut found: Vec<Finding> = placed(find_plain(&plain), &letters, text).collect();
    found.extend(find_plain(text));
    without_overlaps(found)
}

/// Finds of the folded text, at the places in `text` that they stand for.
fn placed<'a>(
    found: Vec<Finding>,
    letters: &'a [(usize, char)],
    text: &'a str,
) -> impl Iterator<Item = Finding> + 'a {
    // Finds come in order: one walk over the letters reaches all.
    let mut rest = letters.iter();
    let mut bytes = 0;
    let mut place_of = move |end: usize| {
        let mut place = 0;
        while bytes < end {
            let Some((at, c)) = rest.next() else { break };
            bytes += c.len_utf8();
            place = *at;
        }
        place
    };
    found.into_iter().map(move |Finding { kind, range }| {
        let start = place_of(range.start + 1);
        let last = place_of(range.end).max(start);
        let end = text[last..]
            .chars()
            .next()
            .map_or(last, |c| last + c.len_utf8());
        Finding {
            kind,
            range: start..end,
        }
    })
}

fn find_plain(text: &str) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut take = |kind, range: Range<usize>| found.push(Finding { kind, range });
    // Most posts hold neither an address nor a number, which is seen far sooner than searched for.
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if has_address_sign(text) {
        for hit in EMAIL.find_iter(text) {
            take(Kind::EmailAddress, hit.range());
        }
    }
    if digits >= IBAN_DIGITS_MIN {
        for hit in IBAN.find_iter(text) {
            if let Some(length) = iban_length(hit.as_str()) {
                take(Kind::Iban, hit.start()..hit.start() + length);
            }
        }
    }
    if digits >= CARD_DIGITS_MIN {
        for hit in DIGITS.find_iter(text) {
            if is_card_number(hit.as_str()) {
                take(Kind::CardNumber, hit.range());
            }
        }
    }
    if digits >= ORDER_DIGITS_MIN {
        for hit in ORDER.captures_iter(text) {
            if let Some(number) = hit.name("number")
                && number.as_str().bytes().filter(u8::is_ascii_digit).count() >= ORDER_DIGITS_MIN
            {
                take(Kind::OrderNumber, number.range());
            }
        }
    }
    if digits >= PHONE_DIGITS_MIN {
        for hit in PHONE.find_iter(text) {
            if is_phone_number(text, &hit.range()) {
                take(Kind::PhoneNumber, hit.range());
            }
        }
    }
    without_overlaps(found)
}

/// Whether an `@` stands behind what may be the name of a mailbox.
fn has_address_sign(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| {
        pair[1] == b'@' && (pair[0].is_ascii_alphanumeric() || b"._%+-".contains(&pair[0]))
    })
}

/// The text with each find replaced by its kind in brackets: `call me on [phone number]`.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for Finding { kind, range } in find(text) {
        masked.push_str(&text[at..range.start]);
        masked.push('[');
        masked.push_str(kind.words());
        masked.push(']');
        at = range.end;
    }
    masked.push_str(&text[at..]);
    masked
}

/// Earlier finds win: `found` is in order of sureness.
fn without_overlaps(mut found: Vec<Finding>) -> Vec<Finding> {
    // A stable sort keeps the surer first among finds that start at one place.
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|&i| found[i].range.start);
    let mut kept: Vec<usize> = Vec::new();
    for i in order {
        match kept.last() {
            Some(&last) if found[last].range.end > found[i].range.start => {
                if i < last {
                    kept.pop();
                    if kept
                        .last()
                        .is_none_or(|&before| found[before].range.end <= found[i].range.start)
                    {
                        kept.push(i);
                    }
                }
            }
            _ => kept.push(i),
        }
    }
    let kept: Vec<Finding> = kept.into_iter().map(|i| found[i].clone()).collect();
    found.clear();
    kept
}

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants, and a test builds each"
)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).unwrap()
}

// Digits are `[0-9]`: `\d` means those of every script, of which the checks below know nothing.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)[a-z0-9][a-z0-9._%+\-]{0,63}@[a-z0-9](?:[a-z0-9\-]{0,62}\.)+[a-z]{2,24}\b")
});
static IBAN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b[A-Za-z]{2}[0-9]{2}(?:[ ]?[A-Za-z0-9]){11,30}\b"));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[0-9](?:[ \-]?[0-9]){12,18}\b"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:\+|\b00|\(|\b)[0-9]{1,4}\)?(?:[ .\-/()\u{a0}]{0,2}[0-9]{1,5}){2,6}\b")
});
static ORDER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)
        \b(?: order | booking | invoice | ticket | case | account | customer | contract | tracking | parcel | reference | ref
            | bestell(?:ung|nummer|nr)? | auftrag(?:s(?:nummer|nr))? | rechnung(?:s(?:nummer|nr))? | kunden(?:nummer|nr) | sendung(?:s(?:nummer|nr))?
            | commande | facture | pedido | factura | ordine | fattura | bestelling | zam[oó]wieni[ea] )
        (?: \s* (?: number | no\.? | nr\.? | nummer | num\.? | n[°ºo]\.? | id | code | de\ client ) )?
        (?: \s* (?: is | was | ist | est | es | : | = | \# ) ){0,3}
        \s* (?P<number> [a-z]{0,4} [\-/]? [0-9] [a-z0-9\-/]{3,28} ) \b",
    )
});

/// The length in bytes of the account number at the start of `candidate`, when its length and check digits are right
/// (ISO 13616: mod 97 of the rearranged digits is 1).
fn iban_length(candidate: &str) -> Option<usize> {
    let mut compact = String::new();
    let mut longest = None;
    for (at, c) in candidate.char_indices() {
        if c == ' ' {
            continue;
        }
        compact.push(c.to_ascii_uppercase());
        // Words after the number may look like a part of it: the longest right prefix is taken.
        if (15..=34).contains(&compact.len())
            && mod_97(&compact) == 1
            && is_group_end(candidate, at + 1)
        {
            longest = Some(at + 1);
        }
    }
    longest
}

fn is_group_end(candidate: &str, at: usize) -> bool {
    candidate.as_bytes().get(at).is_none_or(|b| *b == b' ')
}

fn mod_97(iban: &str) -> u32 {
    let (head, tail) = iban.split_at(4);
    tail.chars()
        .chain(head.chars())
        .filter_map(|c| c.to_digit(36))
        .fold(0, |rest, value| {
            if value < 10 {
                (rest * 10 + value) % 97
            } else {
                (rest * 100 + value) % 97
            }
        })
}

/// Right length and check digit (Luhn, ISO/IEC 7812-1 annex B), and not one digit repeated.
fn is_card_number(candidate: &str) -> bool {
    let digits: Vec<u32> = candidate.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    // Payment cards begin with 2 to 6; other long numbers pass Luhn one time in ten.
    sum.is_multiple_of(10)
        && matches!(digits.first(), Some(2..=6))
        && digits.iter().any(|digit| *digit != digits[0])
}

/// Digits enough, and written as numbers are: with a `+` or `00`, or grouped and starting with 0 or a bracket.
fn is_phone_number(text: &str, range: &Range<usize>) -> bool {
    let candidate = &text[range.clone()];
    let digits = candidate.bytes().filter(u8::is_ascii_digit).count();
    if !(PHONE_DIGITS_MIN..=15).contains(&digits) {
        return false;
    }
    let touches_word = text[..range.start]
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || "#/.,-$€£".contains(c));
    if touches_word || is_date(candidate) {
        return false;
    }
    let groups = candidate
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .count();
    candidate.starts_with('+')
        || candidate.starts_with("00")
        || (candidate.starts_with('0') && digits >= 9)
        || (candidate.starts_with('(') && groups >= 2 && digits >= 9)
        || is_north_american(candidate)
}

/// `555-123-4567`, `555.123.4567` or `555 123 4567`.
fn is_north_american(candidate: &str) -> bool {
    let groups: Vec<usize> = candidate.split(['-', '.', ' ']).map(str::len).collect();
    groups == [3, 3, 4] || groups == [1, 3, 3, 4]
}

fn is_date(candidate: &str) -> bool {
    let groups: Vec<&str> = candidate.split(['-', '.', '/', ' ']).collect();
    match groups.as_slice() {
        [a, b, c, ..] => {
            (a.len() == 4 && b.len() <= 2 && c.len() <= 2)
                || (a.len() <= 2 && b.len() <= 2 && c.len() == 4)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        find(text)
            .into_iter()
            .map(|f| (f.kind, &text[f.range]))
            .collect()
    }

    #[test]
    fn finds_each_kind() {
        use Kind::*;
        for (text, expected) in [
            (
                "write to anna.lee+x@example.co.uk please",
                vec![(EmailAddress, "anna.lee+x@example.co.uk")],
            ),
            (
                "IBAN DE89 3704 0044 0532 0130 00 thanks",
                vec![(Iban, "DE89 3704 0044 0532 0130 00")],
            ),
            (
                "gb82west12345698765432",
                vec![(Iban, "gb82west12345698765432")],
            ),
            (
                "card 4111 1111 1111 1111 declined",
                vec![(CardNumber, "4111 1111 1111 1111")],
            ),
            (
                "call +44 20 7946 0958 now",
                vec![(PhoneNumber, "+44 20 7946 0958")],
            ),
            (
                "tel (030) 1234-5678",
                vec![(PhoneNumber, "(030) 1234-5678")],
            ),
            ("ring 555-123-4567", vec![(PhoneNumber, "555-123-4567")]),
            (
                "where is order #A-1234567?",
                vec![(OrderNumber, "A-1234567")],
            ),
            ("order 4711-0815 is late", vec![(OrderNumber, "4711-0815")]),
            ("Bestellnummer: 998877", vec![(OrderNumber, "998877")]),
            ("ma commande n° 12345", vec![(OrderNumber, "12345")]),
        ] {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }

    #[test]
    fn leaves_ordinary_numbers() {
        for text in [
            "it cost 1,299.00 in 2024",
            "since 2026-08-14 12:30",
            "on 14.08.2026 at 12.30",
            "error 500 after 30000 km",
            "I ordered 2 of them",
            "order of 12 pieces",
            "1234 5678 9012 3456",
            "0000 0000 0000 0000",
            "DE00 3704 0044 0532 0130 00",
            "firmware 3.12.4567",
            "@anna at the shop",
            "AB１２34567890123",
            "DE٨٩ 3704 0044 0532 0130 00",
            "K\u{17f}82west12345698765432",
        ] {
            assert_eq!(kinds(text), vec![], "{text}");
        }
    }

    #[test]
    fn what_is_written_in_lookalikes_is_found_where_it_stands() {
        for (text, masked) in [
            (
                "write to jоhn@exаmple.com now",
                "write to [email address] now",
            ),
            (
                "order ４７１１０８１５ is late",
                "order [order number] is late",
            ),
            (
                "order 47\u{200b}11\u{200b}0815, é",
                "order [order number], é",
            ),
            ("карта 4111 1111 1111 1111 – да", "карта [card number] – да"),
            ("ring 𝟓𝟓𝟓-𝟏𝟐𝟑-𝟒𝟓𝟔𝟕 😡", "ring [phone number] 😡"),
            ("мой адрес иван@почта.рф", "мой адрес иван@почта.рф"),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }

    #[test]
    fn masks_with_the_kind() {
        assert_eq!(
            mask("I'm jo@x.org, order 123456!"),
            "I'm [email address], order [order number]!"
        );
        assert_eq!(mask("nothing here"), "nothing here");
    }

    proptest! {
        #[test]
        fn ranges_are_ordered_and_on_boundaries(text in "(\\PC|[0-9 @.+-]){0,120}") {
            let mut end = 0;
            for finding in find(&text) {
                prop_assert!(finding.range.start >= end && text.get(finding.range.clone()).is_some());
                end = finding.range.end;
            }
            let _ = mask(&text);
        }

        #[test]
        fn digits_of_any_script_are_taken(text in "[A-Za-z \u{212a}\u{17f}]{0,4}[0-9０-９٠-٩०-९𝟎-𝟗 .+-]{0,40}[a-z0-9０-９]{0,12}") {
            for finding in find(&text) {
                prop_assert!(text.get(finding.range).is_some());
            }
            prop_assert!(mask(&text).chars().count() <= text.chars().count() + 200);
        }

        #[test]
        fn grouped_cards_are_found(seed in 0u64..10_000_000_000_000) {
            let body = format!("45{seed:013}");
            let check = (0..10).find(|check| is_card_number(&format!("{body}{check}")));
            if let Some(check) = check {
                let found = kinds(&format!("{body}{check}")).len();
                prop_assert_eq!(found, 1);
            }
        }
    }
}

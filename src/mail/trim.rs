//! What somebody wrote, apart from what their mail program put around it.
//!
//! A cut always takes the end of a mail: `reply_text` and `quoted_text` together are the whole. Cutting away a
//! customer's own words is the error that harms, so a doubtful line stays: an answer between quotes keeps the quotes
//! before it, a forwarded mail is content, and when nothing would be left everything is shown.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// Text that is looked at, in bytes.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Most lines over which a mail program breaks "On … wrote:".
const INTRODUCTION_LINES_MAX: usize = 4;
/// Lines of a mail in which the start of a quote is looked for; people write far fewer above one.
const LINES_MAX: usize = 5_000;
/// Longest such introduction, in bytes.
const INTRODUCTION_BYTES_MAX: usize = 400;
/// Most lines after a closing ("Kind regards,") that are a name and what belongs to it.
const SIGNATURE_LINES_MAX: usize = 8;
/// Longest line of such a name block, in characters; sentences are longer.
const SIGNATURE_CHARS_MAX: usize = 60;

/// A mail's text in two pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// What was written now.
    pub reply_text: String,
    /// The rest: quotes, signature, footers. Shown on request.
    pub quoted_text: String,
}

/// Parts the text of a mail.
pub fn trim(text: &str) -> Trimmed {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let head = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let lines: Vec<&str> = head.split('\n').collect();
    let mut kept = lines.len();
    kept = cut_at_marker(&lines[..kept]);
    kept = cut_quote(&lines[..kept]);
    // A signature may stand above another, and a quote between them.
    for _ in 0..3 {
        let before = kept;
        kept = cut_signature(&lines[..kept]);
        kept = cut_trailing_quote(&lines[..kept]);
        if kept == before {
            break;
        }
    }
    let length: usize = lines[..kept].iter().map(|line| line.len() + 1).sum();
    let (reply, rest) = text.split_at(length.min(text.len()));
    if reply.trim().is_empty() {
        return Trimmed {
            reply_text: text.trim().to_owned(),
            quoted_text: String::new(),
        };
    }
    Trimmed {
        reply_text: tidy(reply),
        quoted_text: rest.trim_matches('\n').to_owned(),
    }
}

/// No blank lines around, no blanks at the ends of lines.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants, and every test builds them"
)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).unwrap()
}

/// Our own line, in whatever a mail program made of it.
static MARKER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^[>\s*_#|-]*reply above this line[\s*_#|-]*$"));

fn cut_at_marker(lines: &[&str]) -> usize {
    lines
        .iter()
        .position(|line| line.len() < 200 && MARKER.is_match(line))
        .unwrap_or(lines.len())
}

/// The lines by which mail programs introduce what is answered; matched on the lines joined by blanks.
static INTRODUCTIONS: LazyLock<RegexSet> = LazyLock::new(|| {
    #[expect(
        clippy::unwrap_used,
        reason = "the patterns are constants, and every test builds them"
    )]
    RegexSet::new([
        // English, Gmail, Apple Mail, Thunderbird, Zoho
        r"(?i)^-*\s*On\s.{4,}\bwrote\s*(:|-{2,})?$",
        r"(?i)^At\s.*\d.*\bwrote\s*:$",
        r"(?i)^-{2,}\s.{2,}\bwrote\s*-{2,}$",
        r"(?i)^.{0,80}<[^<>\s]+@[^<>\s]+>\s*wrote\s*:$",
        r"(?i)^.{0,80}\d.{0,60}\bwrote\s*:$",
        // German
        r"(?i)^Am\s.{4,}\bschrieb\b.{0,120}:$",
        r"(?i)^.{2,120}\bschrieb\s(am|um|heute|gestern)\b.{0,80}:$",
        // French
        r"(?i)^Le\s.{4,}\ba\s?écrit\s*:?$",
        // Spanish, Portuguese, Italian
        r"(?i)^El\s.{4,}\bescribi[oó]\s*:$",
        r"(?i)^Em\s.{4,}\bescreveu\s*:$",
        r"(?i)^(Il|In data)\s.{4,}\bha scritto\s*:$",
        // Dutch
        r"(?i)^Op\s.{4,}\bschreef\b.{0,120}:$",
        r"(?i)^.{2,120}\bschreef op\b.{0,80}:$",
        r"(?i)^Op\s.{4,}\bgeschreven\s*:$",
        // Danish, Norwegian, Swedish, Finnish
        r"(?i)^(Den|På|Fre|Lør|Søn|Man|Tir|Ons|Tor|\d).{4,}\bskre[iv]v?\b.{0,120}:$",
        r"(?i)^.{0,120}\d.{0,120}\bkirjoitti\s*:$",
        // Polish, Czech
        r"(?i)^.{0,160}\d.{0,160}\bnapisał(\(a\)|a)?\s*:$",
        r"(?i)^.{0,160}\d.{0,160}\bnapsal(\(a\)|a)?\s*:$",
        // Russian, Ukrainian
        r"(?i)^.{0,160}\d.{0,160}\b(написал|пишет|написав)(\(а\)|а)?\s*:$",
        // A date and an address: Gmail in many languages, Japanese, Chinese, Korean
        r"^.{0,40}\d{4}.{0,120}<[^<>\s]*@[^<>\s]+>.{0,12}[:：]$",
        // The same with an address alone
        r"^\d{4}[-/年.].{0,120}\S+@\S+\s*[:：]$",
    ])
    .unwrap()
});

/// How an introduction ends; the patterns are tried only then.
const INTRODUCTION_ENDS: [&str; 6] = [":", "：", "-", "wrote", "Wrote", "écrit"];

/// What stands at the start of a line that may begin an introduction; joining lines is tried only there.
static INTRODUCTION_START: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)^(-{2,}\s|On\s|At\s|Am\s|Le\s|El\s|Em\s|Il\s|In data|Op\s|Den\s|På\s|Dnia\s|W dniu|\d{1,4}[-./年\s]|\pL{2,12}[.,]\s?\d|.{2,80}<[^<>]*@?|"?\pL[^:]{1,80}\b(wrote|schrieb|schreef)\b)"#,
    )
});

/// Lines that separate, in the words of Outlook and others.
static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s*>]*-{2,}\s*(original message|original appointment|ursprüngliche nachricht|originalnachricht|message d['’]origine|message original|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|oprindelig meddelelse|opprinnelig melding|ursprungligt meddelande|alkuperäinen viesti|wiadomość oryginalna|oryginalna wiadomość|původní zpráva|исходное сообщение|reply message|reply above)\s*-*\s*\*?$",
    )
});

/// A line of the header block that Outlook writes above what is answered.
static HEADER_LINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s>]*\*?(from|sent|date|to|cc|subject|reply-to|importance|von|gesendet|datum|an|betreff|de|envoyé|date|à|objet|enviado|para|asunto|assunto|da|inviato|a|oggetto|data|risposta|van|verzonden|aan|onderwerp|fra|sendt|til|emne|från|skickat|till|ämne|od|wysłano|do|temat|odesláno|komu|předmět|от|отправлено|кому|тема|дата|lähettäjä|lähetetty|vastaanottaja|aihe|发件人|发送时间|收件人|主题|差出人|送信日時|宛先|件名)\s?\*?\s?[:：]\*?\s?\S",
    )
});

/// The line of such a block that names the sender.
static FROM_LINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s>]*\*?(from|von|de|da|van|fra|från|od|от|lähettäjä|发件人|差出人)\s?\*?\s?[:：]\*?\s?\S",
    )
});

static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s>]*(-{2,}\s*(forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado|messaggio inoltrato|doorgestuurd bericht)|begin forwarded message:|anfang der weitergeleiteten nachricht)",
    )
});

/// Cuts the quote that a mail program introduced, unless an answer stands within or below it.
fn cut_quote(lines: &[&str]) -> usize {
    let Some(start) = quote_start(lines) else {
        return cut_trailing_quote(lines);
    };
    let below = &lines[start..];
    let first_quoted = below.iter().position(|line| is_quoted(line));
    if let Some(first) = first_quoted {
        let written = cut_signature(&below[first..]);
        let last_answer = below[first..first + written]
            .iter()
            .rposition(|line| is_answer(line));
        if let Some(last) = last_answer {
            return start + first + last + 1;
        }
    }
    start
}

/// Words of the writer's own below a quote; what a mail program or a list adds there is none.
fn is_answer(line: &str) -> bool {
    !is_quoted(line) && line.chars().filter(|c| c.is_alphanumeric()).count() >= 2
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// The line where the first introduced quote begins, when something of the writer's stands above.
fn quote_start(lines: &[&str]) -> Option<usize> {
    let mut in_code = false;
    let mut has_words = false;
    for at in 0..lines.len().min(LINES_MAX) {
        let line = lines[at].trim();
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.is_empty() {
            continue;
        }
        if FORWARD.is_match(line) {
            return None;
        }
        if has_words
            && !is_quoted(line)
            && (SEPARATOR.is_match(line)
                || is_header_block(&lines[at..])
                || is_introduction(&lines[at..]))
        {
            return Some(with_rule_above(lines, at));
        }
        has_words |= !is_rule(line);
    }
    None
}

/// A line drawn above the block belongs to it.
fn with_rule_above(lines: &[&str], at: usize) -> usize {
    let above = lines[..at].iter().rposition(|line| !line.trim().is_empty());
    above
        .filter(|&above| is_rule(lines[above].trim()))
        .unwrap_or(at)
}

/// A line that only separates: `-----`, `_____`, `***`.
fn is_rule(line: &str) -> bool {
    let bare: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    bare.chars().count() >= 2 && bare.chars().all(|c| "-_=*#~+—–·ᐧ".contains(c))
        || bare == "ᐧ"
        || bare == "—"
}

fn is_introduction(lines: &[&str]) -> bool {
    let first = lines[0].trim();
    if first.len() > INTRODUCTION_BYTES_MAX || !INTRODUCTION_START.is_match(first) {
        return false;
    }
    let mut joined = String::new();
    for line in lines.iter().take(INTRODUCTION_LINES_MAX) {
        let line = line.trim();
        // An empty line ends the sentence, and a colon ends the introduction.
        if line.is_empty() || is_quoted(line) || joined.len() + line.len() > INTRODUCTION_BYTES_MAX
        {
            return false;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(line);
        if INTRODUCTION_ENDS.iter().any(|end| joined.ends_with(end))
            && INTRODUCTIONS.is_match(&joined)
        {
            return true;
        }
    }
    false
}

/// Three or more lines of a mail's headers, the sender's among them, at the start of `lines`.
fn is_header_block(lines: &[&str]) -> bool {
    if !HEADER_LINE.is_match(lines[0]) {
        return false;
    }
    let block = || lines.iter().filter(|line| !line.trim().is_empty()).take(6);
    let count = block()
        .take_while(|line| HEADER_LINE.is_match(line))
        .count();
    count >= 3 && block().take(count).any(|line| FROM_LINE.is_match(line))
}

/// Quoted lines at the very end go, with the introduction above them.
fn cut_trailing_quote(lines: &[&str]) -> usize {
    let end = last_line(lines);
    let Some(last_own) = lines[..end]
        .iter()
        .rposition(|line| !is_quoted(line) && !line.trim().is_empty())
    else {
        return lines.len();
    };
    if last_own + 1 == end {
        return end;
    }
    let from = (0..INTRODUCTION_LINES_MAX).filter_map(|back| last_own.checked_sub(back));
    let introduced = from
        .take_while(|&at| !lines[at].trim().is_empty())
        .find(|&at| is_introduction(&lines[at..=last_own]));
    match introduced {
        Some(0) => lines.len(),
        Some(at) => at,
        None => last_own + 1,
    }
}

fn last_line(lines: &[&str]) -> usize {
    lines
        .iter()
        .rposition(|line| !line.trim().is_empty() && !is_rule(line.trim()))
        .map_or(0, |at| at + 1)
}

/// What a telephone or mail program adds.
static SENT_FROM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s*_>]*(sent (from|via|with|on) (my |the |a )?[^,.]{2,50}|get outlook for [^,.]{2,20}|envoyé (de|depuis|à partir de|avec) [^,]{2,50}|(von|mit) mein(em|er) .{2,40} gesendet|gesendet (von|mit|über) [^,]{2,50}|diese nachricht wurde von .{2,60} gesendet|enviado (desde|do|a partir do|de) [^,]{2,50}|inviato da(l| )[^,]{2,50}|verzonden (vanaf|met) [^,]{2,50}|verstuurd vanaf [^,]{2,50}|skickat från [^,]{2,50}|sendt fra [^,]{2,50}|lähetetty [^,]{2,50}|wysłan[eo] z [^,]{2,50}|отправлено (с|из) [^,]{2,50})(<https?://[^>]*>)?[\s*_]*$",
    )
});

/// A closing by itself on a line; what follows is the name.
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*((kind|best|warm|warmest|many|with (kind|best))?\s*regards|best wishes|best|cheers|sincerely|yours (sincerely|truly|faithfully)|sincerely yours|(mit )?(freundlichen|besten|lieben|herzlichen) grü(ß|ss)en|(viele|liebe|beste|herzliche|schöne) grü(ß|ss)e|gru(ß|ss)|mfg|lg|vg|cordialement|bien cordialement|bien à vous|salutations( distinguées)?|(un )?saludos?( cordial(es)?)?|atentamente|atenciosamente|cumprimentos|cordiali saluti|distinti saluti|saluti|met vriendelijke groet(en)?|vriendelijke groet(en)?|mvh|med v[äe]n(n)?lig(e)? h[iä]ls(e)?n(ing(ar)?)?|venlig hilsen|vennlig hilsen|hilsen|kh|terveisin|pozdrawiam|z poważaniem|s pozdravem|с уважением)\s*[,.!]*\s*\p{So}*\s*$",
    )
});

static LIST_FOOTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^_{20,}$"));
static DASH_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*[-–—]{1,2}\s?\p{Lu}[\pL.'-]*(\s\p{Lu}[\pL.'-]*){0,2}$"));

/// Cuts a signature, a telephone's advertisement and a list's footer from the end.
fn cut_signature(lines: &[&str]) -> usize {
    let mut end = lines.len();
    let mut in_code = false;
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_end();
        if bare.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || at == 0 {
            continue;
        }
        let is_footer = LIST_FOOTER.is_match(bare)
            && lines[at + 1..]
                .iter()
                .take(2)
                .any(|next| next.contains("list"));
        if bare == "--" || bare == "—" || is_footer {
            end = at;
            break;
        }
    }
    end = last_line(&lines[..end]);
    if let Some(at) = end
        .checked_sub(1)
        .filter(|&at| at > 0 && (SENT_FROM.is_match(lines[at]) || DASH_NAME.is_match(lines[at])))
    {
        end = last_line(&lines[..at]);
    }
    if let Some(at) = closing(&lines[..end]) {
        end = last_line(&lines[..at]);
    }
    if end == 0 { lines.len() } else { end }
}

/// The closing near the end after which only a name block stands.
fn closing(lines: &[&str]) -> Option<usize> {
    let first = lines.len().saturating_sub(SIGNATURE_LINES_MAX * 2);
    let at = (first.max(1)..lines.len())
        .rev()
        .find(|&at| CLOSING.is_match(lines[at]))?;
    let names: Vec<&str> = lines[at + 1..]
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let is_name_block = names.len() <= SIGNATURE_LINES_MAX
        && names.iter().all(|line| {
            line.chars().count() <= SIGNATURE_CHARS_MAX
                && !line.ends_with(['?', ':'])
                && !is_quoted(line)
                && !is_sentence(line)
        });
    is_name_block.then_some(at)
}

/// More than a few words and an end like a sentence's.
fn is_sentence(line: &str) -> bool {
    line.ends_with(['.', '!']) && line.split_whitespace().count() > 4
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn reply(text: &str) -> String {
        trim(text).reply_text
    }

    #[test]
    fn quotes_of_common_programs_are_cut() {
        for introduction in [
            "On Tue, 3 Mar 2026 at 10:15, Acme Help <help@example.com> wrote:",
            "On Tue, 3 Mar 2026 at 10:15, Acme Help\n<help@example.com>\nwrote:",
            "Am 03.03.2026 um 10:15 schrieb Acme Help:",
            "Acme Help <help@example.com> schrieb am Di., 3. März 2026, 10:15:",
            "Le mar. 3 mars 2026 à 10:15, Acme Help <help@example.com> a écrit :",
            "El mar, 3 mar 2026 a las 10:15, Acme Help (<help@example.com>) escribió:",
            "Il giorno mar 3 mar 2026 alle ore 10:15 Acme <help@example.com> ha scritto:",
            "Op di 3 mrt 2026 om 10:15 schreef Acme Help <help@example.com>:",
            "Den tis 3 mars 2026 10:15 Acme Help <help@example.com> skrev:",
            "2026年3月3日(火) 10:15 Acme <help@example.com>:",
        ] {
            let mail = format!(
                "It works now, thank you!\n\n{introduction}\n\n> Hello Anna,\n> please try.\n"
            );
            assert_eq!(reply(&mail), "It works now, thank you!", "{introduction}");
            assert_eq!(
                trim(&mail).quoted_text.lines().next(),
                introduction.lines().next()
            );
        }
    }

    #[test]
    fn outlook_blocks_are_cut() {
        for block in [
            "-----Original Message-----\nFrom: Acme\nSent: Monday\nTo: Anna\nSubject: Bike",
            "________________________________\nVon: Acme Help <help@example.com>\nGesendet: Montag, 2. März 2026 09:00\nAn: Anna\nBetreff: Rad",
            "From: Acme Help <help@example.com>\nDate: Monday\nTo: Anna\nSubject: Bike",
            "*De :* Acme\n*Envoyé :* lundi\n*À :* Anna\n*Objet :* Vélo",
        ] {
            assert_eq!(
                reply(&format!(
                    "Still broken.\n\n{block}\n\nHello Anna,\nplease try."
                )),
                "Still broken.",
                "{block}"
            );
        }
    }

    #[test]
    fn our_marker_comes_first() {
        let mail = "Thanks\n\nWhatever program says:\n| -- reply above this line --\n\nHello Anna";
        assert_eq!(reply(mail), "Thanks\n\nWhatever program says:");
    }

    #[test]
    fn answers_between_quotes_stay() {
        let mail = "Hello,\n\nOn Monday, Acme wrote:\n> Which colour?\n\nRed.\n\n> Which size?\n\nLarge.\n\n> Bye\n";
        let trimmed = trim(mail);
        assert!(
            trimmed.reply_text.ends_with("> Which size?\n\nLarge."),
            "{}",
            trimmed.reply_text
        );
        assert_eq!(trimmed.quoted_text, "> Bye");
        assert_eq!(reply("> Which colour?\n\nRed."), "> Which colour?\n\nRed.");
    }

    #[test]
    fn signatures_go_and_words_stay() {
        assert_eq!(
            reply("It works.\n\n-- \nAnna Lee\n+44 20 7946 0958"),
            "It works."
        );
        assert_eq!(reply("It works.\n\nSent from my iPhone"), "It works.");
        assert_eq!(
            reply("It works.\n\nKind regards,\n\nAnna Lee\nAcme Ltd"),
            "It works."
        );
        assert_eq!(
            reply("Two things:\n-- first\n-- second"),
            "Two things:\n-- first\n-- second"
        );
        for own in [
            "I sent it from my desk, which is easier.",
            "On Monday I wrote to you.\nNobody answered.",
            "Best\nof all would be a refund of the whole sum, as you had promised me before.",
            "See:\n```\nOn 3 Mar 2026, x wrote:\n> y\n```\ndone",
        ] {
            assert_eq!(reply(own), own);
        }
    }

    #[test]
    fn forwarded_mails_are_content() {
        let mail = "Please look.\n\n---------- Forwarded message ---------\nFrom: Shop <a@example.org>\nDate: Monday\nSubject: Invoice\nTo: Anna\n\nYou owe us.";
        assert_eq!(reply(mail), mail);
    }

    #[test]
    fn when_nothing_is_left_all_is_shown() {
        for mail in [
            "> only\n> a quote",
            "On Monday, Acme wrote:\n> a",
            "-- \nAnna",
            "-- reply above this line --\n\nHello",
            "   \n",
        ] {
            assert_eq!(reply(mail), tidy(mail.trim()), "{mail}");
            assert_eq!(trim(mail).quoted_text, "");
        }
    }

    #[test]
    fn long_hostile_text_is_quick() {
        for piece in [
            "> ",
            "On 1 ",
            "On 1\n",
            "From: a\n",
            "-",
            "--\n",
            "bq",
            "a <",
            "\n",
            "Sent from my ",
        ] {
            let text = format!("hello\n{}", piece.repeat(300_000 / piece.len()));
            let started = Instant::now();
            let _ = trim(&text);
            assert!(
                started.elapsed() < Duration::from_secs(15),
                "{piece:?} took {:?}",
                started.elapsed()
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(lines in proptest::collection::vec(line(), 0..25)) {
            let text = lines.join("\n");
            let Trimmed { reply_text, quoted_text } = trim(&text);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&reply_text) + &letters(&quoted_text), letters(&text));
            prop_assert!(text.trim().is_empty() || !reply_text.is_empty());
        }
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,20}",
            proptest::sample::select(vec![
                "",
                "> a",
                ">> b",
                "On Monday, 3 March, Jo wrote:",
                "-- ",
                "--",
                "Best regards,",
                "Jo",
                "From: a",
                "To: b",
                "Subject: c",
                "-----Original Message-----",
                "____",
                "Sent from my phone",
                "```",
                "hello there",
                "-- reply above this line --",
                "---------- Forwarded message ---------",
            ])
            .prop_map(str::to_owned),
        ]
    }
}

//! What somebody wrote, apart from what their mail program put around it.
//!
//! Each line goes into `reply_text` or into `quoted_text`: together they are the whole. Cutting away a customer's own
//! words is the error that harms, so a doubtful line stays: answers between quotes keep the quotes before them, a
//! forwarded mail is content, and when nothing would be left everything is shown.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::marker::is_marker;

/// Text that is looked at, in bytes.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Most lines over which a mail program breaks "On … wrote:".
const INTRODUCTION_LINES_MAX: usize = 6;
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

/// Parts the text of a mail. Where nothing would be left, everything is shown.
pub fn trim(text: &str) -> Trimmed {
    let parted = parted(text);
    if !is_only_of_program(&parted.reply_text) {
        return parted;
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Trimmed {
        reply_text: text.trim().to_owned(),
        quoted_text: String::new(),
    }
}

/// What was written now and nothing else, however little that is: for words that everybody will read, among which what
/// somebody else wrote to their writer has no place.
pub fn own_words(text: &str) -> String {
    let words = parted(text).reply_text;
    if is_only_of_program(&words) {
        return String::new();
    }
    words
}

/// Whether nobody wrote any of it: an introduction or a block of headers without its quote, or the name
/// of a device. Such is left where an answer stands below our line, or there is none.
fn is_only_of_program(words: &str) -> bool {
    let lines: Vec<&str> = words.lines().collect();
    let is_rule = |line: &&str| {
        let line = line.trim();
        SEPARATOR.is_match(line) || line.bytes().all(|b| matches!(b, b'_' | b'-'))
    };
    let Some(first) = lines.iter().position(|line| !is_rule(line)) else {
        return true;
    };
    let lines = &lines[first..];
    let is_device = |line: &&str| line.trim().is_empty() || SENT_FROM_DEVICE.is_match(line.trim());
    introduction(lines) == Some(lines.len())
        || (is_header_block(lines) && lines.iter().all(|line| is_of_block(line)))
        || lines.iter().all(is_device)
}

fn is_of_block(line: &str) -> bool {
    line.trim().is_empty() || HEADER_LINE.is_match(line)
}

fn parted(text: &str) -> Trimmed {
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
    let quote = answered_quote(&lines[..kept]);
    let reply = [&lines[..quote.start], &lines[quote.end..kept]].concat();
    let length: usize = lines[..kept].iter().map(|line| line.len() + 1).sum();
    let rest = text.split_at(length.min(text.len())).1;
    let quoted = [lines[quote].join("\n"), rest.trim_matches('\n').to_owned()];
    Trimmed {
        reply_text: tidy(&reply.join("\n")),
        quoted_text: quoted.join("\n\n").trim_matches('\n').to_owned(),
    }
}

/// The one quote that is answered below it, with its introduction; nothing when answers stand between
/// several, for each needs the quote before it.
fn answered_quote(lines: &[&str]) -> Range<usize> {
    // Below these the words of others are what the mail is about.
    let is_content =
        |line: &&str| line.trim_start().starts_with("```") || FORWARD.is_match(line.trim());
    let content = lines.iter().position(is_content);
    let looked_at = content.unwrap_or(lines.len()).min(LINES_MAX);
    let introduced = (0..looked_at).find_map(|at| {
        let below = at + introduction(&lines[at..])?;
        // Programs say when, or at which address; without it the words may be the writer's own.
        let says_when = |line: &&str| line.contains(|c: char| c.is_ascii_digit() || c == '@');
        lines[at..below]
            .iter()
            .any(says_when)
            .then_some((at, below))
    });
    let Some((start, below)) = introduced else {
        return 0..0;
    };
    let quote = lines[below..]
        .iter()
        .take_while(|line| line.trim().is_empty() || is_quoted(line) || is_torn_link(line));
    let Some(last) = quote
        .enumerate()
        .filter(|(_, line)| is_quoted(line))
        .map(|(at, _)| at)
        .last()
    else {
        return 0..0;
    };
    let answer = &lines[below + last + 1..];
    if answer.iter().any(|line| is_quoted(line)) || !answer.iter().any(|line| is_answer(line)) {
        return 0..0;
    }
    let blank = answer.iter().take_while(|line| line.trim().is_empty());
    start..below + last + 1 + blank.count()
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

fn cut_at_marker(lines: &[&str]) -> usize {
    lines
        .iter()
        .position(|line| is_marker(line))
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
        r"(?i)^-*\s*On\s.{4,}\b(wrote|sent)\s*(:|-{2,})?$",
        r"(?i)^At\s.*\d.*\bwrote\s*:$",
        r"(?i)^-{2,}\s.{2,}\bwrote\s*-{2,}$",
        r"(?i)^.*<[^<>\s]+@[^<>\s]+>\s*wrote\s*:$",
        r"(?i)^.*\d.*\bwrote\s*:$",
        // German
        r"(?i)^Am\s.{4,}\bschrieb\b.*:$",
        r"(?i)^.{2,}\bschrieb\s(am|um|heute|gestern)\b.*:$",
        // French
        r"(?i)^Le\s.{4,}\ba\s?écrit\s*:?$",
        // Spanish, Portuguese, Italian
        r"(?i)^El\s.{4,}\bescribi[oó]\s*:$",
        r"(?i)^Em\s.{4,}\bescreveu\s*:$",
        r"(?i)^(Il|In data)\s.{4,}\bha scritto\s*:$",
        // Dutch
        r"(?i)^Op\s.{4,}\bschreef\b.*:$",
        r"(?i)^.{2,}\bschreef op\b.*:$",
        r"(?i)^Op\s.{4,}\bgeschreven\s*:$",
        // Danish, Norwegian, Swedish, Finnish
        r"(?i)^(Den|På|Fre|Lør|Søn|Man|Tir|Ons|Tor|\d).{4,}\bskre[iv]v?\b.*:$",
        r"(?i)^.*\d.*\bkirjoitti\s*:$",
        // Polish, Czech
        r"(?i)^.*\d.*\bnapisał(\(a\)|a)?\s*:$",
        r"(?i)^.*\d.*\bnapsal(\(a\)|a)?\s*:$",
        // Russian, Ukrainian
        r"(?i)^.*\d.*\b(написал|пишет|написав)(\(а\)|а)?\s*:$",
        // Romanian, Hungarian, Turkish, Greek, Estonian, Latvian, Lithuanian, Croatian, Slovak, Slovene
        r"(?i)^.*\d.*\ba scris\s*:$",
        r"(?i)^.*\d.*\b(írta|ezt írta)\b.*:$",
        r"(?i)^.*\d.*\b(tarihinde|şunu yazdı|yazdı)\b.*:$",
        r"(?i)^.*\d.*\b(έγραψε|γράφει)\s*:$",
        r"(?i)^.*\d.*\b(kirjutas|rakstīja|rašė|je napisao|je napisala|je napisal/a|napísal|napísala|napísal\(a\)|напиша|написа)\b\)?\s*:$",
        // Catalan, Galician, Vietnamese, Indonesian
        r"(?i)^.*\d.*\b(va escriure|ha escrit|escribiu|đã viết|menulis)\s*:$",
        // Polish again, Hebrew, Arabic
        r"(?i)^(W dniu|Dnia)\s.{4,}\b(pisze|napisał|napisała|napisał\(a\)|użytkownik\s.{1,}\bnapisał)\s*:$",
        r"^.*\d.*(כתב|כתבה|מאת|كتب|كتبت).*:$",
        // Chinese, Japanese, Korean in words
        r"^.*\d.*(写道|寫道|書きました|のメール|님이 작성|작성)\s*[:：]$",
        // A date and an address: Gmail in many languages, Japanese, Chinese, Korean
        r"^.*\d{4}.*<[^<>\s]*@[^<>\s]+>.*[:：]$",
        // The same with an address alone
        r"^\d{4}[-/年.].*\S+@\S+\s*[:：]$",
    ])
    .unwrap()
});

/// How an introduction ends; the patterns are tried only then.
const INTRODUCTION_ENDS: [&str; 7] = [":", "：", "-", "wrote", "Wrote", "sent", "écrit"];

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

/// The line that programs draw above a mail that is sent on.
pub(super) static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s>]*(-{2,}\s*(forwarded (message|by)|weitergeleitete nachricht|message (transféré|transmis)|mensaje reenviado|mensagem (encaminhada|reencaminhada)|messaggio inoltrato|doorgestuurd bericht|vidarebefordrat meddelande|videresen(dt|dte) (meddelelse|besked|melding)|välitetty viesti|przekazana wiadomość|wiadomość przekazana|přeposlaná zpráva|пересылаемое сообщение|转发(邮件|的邮件)|轉寄的郵件|転送メッセージ)|begin forwarded message|anfang der weitergeleiteten nachricht|début du message (transféré|réexpédié)|inicio del mensaje reenviado|início da mensagem (reencaminhada|encaminhada)|inizio (del )?messaggio inoltrato|begin doorgestuurd bericht)",
    )
});

/// Cuts the quote that a mail program introduced, unless an answer stands within or below it.
fn cut_quote(lines: &[&str]) -> usize {
    let Some(start) = quote_start(lines) else {
        return cut_trailing_quote(lines);
    };
    // An introduction that a program tore apart looks like a quote itself.
    let start_of_quote = start + introduction(&lines[start..]).unwrap_or_default();
    let below = &lines[start_of_quote..];
    let first_quoted = below.iter().position(|line| is_quoted(line));
    if let Some(first) = first_quoted {
        let written = cut_signature(&below[first..]);
        let last_answer = below[first..first + written]
            .iter()
            .rposition(|line| is_answer(line));
        if let Some(last) = last_answer {
            return start_of_quote + first + last + 1;
        }
    }
    start
}

/// Words of the writer's own below a quote; what a mail program or a list adds there is none.
fn is_answer(line: &str) -> bool {
    !is_quoted(line)
        && !is_torn_link(line)
        && line.chars().filter(|c| c.is_alphanumeric()).count() >= 2
}

static TORN_LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*\(https?://\S+\)\s*>\s*$"));

/// A link of a quote that a mail program put before the mark of its line.
fn is_torn_link(line: &str) -> bool {
    TORN_LINK.is_match(line)
}

pub(super) fn is_quoted(line: &str) -> bool {
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
                || introduction(&lines[at..]).is_some()
                || is_bare_introduction(&lines[at..]))
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

/// How many lines an introduction takes at the start of `lines`, if one stands there.
fn introduction(lines: &[&str]) -> Option<usize> {
    let first = lines[0].trim();
    if first.len() > INTRODUCTION_BYTES_MAX || !INTRODUCTION_START.is_match(first) {
        return None;
    }
    let mut joined = String::new();
    for (at, line) in lines.iter().enumerate().take(INTRODUCTION_LINES_MAX) {
        let line = line.trim();
        // Some programs tear an address in angle brackets apart, over empty lines too.
        let in_brackets = joined.matches('<').count() > joined.matches('>').count();
        if line.is_empty() && (in_brackets || continues_in_brackets(&lines[at + 1..])) {
            continue;
        }
        // An empty line ends the sentence, and a colon ends the introduction.
        let is_end = line.is_empty() || is_quoted(line) && !in_brackets;
        if is_end || joined.len() + line.len() > INTRODUCTION_BYTES_MAX {
            return None;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(line);
        if INTRODUCTION_ENDS.iter().any(|end| joined.ends_with(end))
            && INTRODUCTIONS.is_match(&joined)
            && (joined.ends_with([':', '：', '-']) || is_quote_next(&lines[at + 1..]))
        {
            return Some(at + 1);
        }
    }
    None
}

fn continues_in_brackets(below: &[&str]) -> bool {
    let mut lines = below.iter().map(|line| line.trim());
    lines
        .find(|line| !line.is_empty())
        .is_some_and(|line| line.starts_with('<'))
}

fn is_quote_next(below: &[&str]) -> bool {
    let mut lines = below.iter().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(|line| is_quoted(line))
}

static DATE_AND_ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\d{1,4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,4}.{0,120}<[^<>\s]+@[^<>\s]+>$")
});

/// A date and an address right above a quote, without a word between.
fn is_bare_introduction(lines: &[&str]) -> bool {
    DATE_AND_ADDRESS.is_match(lines[0].trim()) && is_quote_next(&lines[1..])
}

/// Three or more lines of a mail's headers, the sender's among them, at the start of `lines`.
pub(super) fn is_header_block(lines: &[&str]) -> bool {
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
        .find(|&at| introduction(&lines[at..=last_own]).is_some());
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

/// A telephone's advertisement that cannot be somebody's sentence, wherever it stands.
static SENT_FROM_DEVICE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(sent from my [^,.]{2,50}|get outlook for \S{2,20}|von meinem .{2,40} gesendet|envoyé de mon .{2,40}|enviado desde mi .{2,40}|enviado do meu .{2,40}|inviato dal mio .{2,40}|verzonden vanaf mijn .{2,40})$",
    )
});

static LIST_FOOTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^_{2,}$"));
static DASH_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*([-–—]{1,2}\s?\p{Lu}|-\pL)[\pL.'-]*$"));
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\p{Lu}[\pL.'’-]*,?(\s(\p{Lu}[\pL.'’-]*,?|de|van|von|der|di|da|la)){0,4}$")
});
static CONTACT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(\+?\d[\d\s().-]{6,}\d|https?://|\bwww\.|\S@\S+\.\S|\bskype:)"));

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
        let below = &lines[at + 1..];
        let is_footer =
            LIST_FOOTER.is_match(bare) && below.iter().take(2).any(|next| next.contains("list"));
        let is_advertisement = lines[at - 1].trim().is_empty() && SENT_FROM_DEVICE.is_match(bare);
        let is_ruled = bare.len() >= 3 && is_rule(bare) && is_name_and_contact(below);
        if bare == "--" || bare == "—" || is_footer || is_advertisement || is_ruled {
            end = at;
            break;
        }
    }
    end = last_line(&lines[..end]);
    if let Some(at) = end
        .checked_sub(1)
        .filter(|&at| at > 0 && (SENT_FROM.is_match(lines[at]) || is_dash_and_name(&lines[..=at])))
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
    is_name_block(&names, SIGNATURE_LINES_MAX).then_some(at)
}

/// Few, short lines, none of them a sentence.
fn is_name_block(lines: &[&str], lines_max: usize) -> bool {
    lines.len() <= lines_max
        && lines.iter().all(|line| {
            line.chars().count() <= SIGNATURE_CHARS_MAX
                && !line.ends_with(['?', ':'])
                && !is_quoted(line)
                && !is_sentence(line)
        })
}

/// What stands below a line that was drawn: a name, or how somebody is reached, and nothing else.
fn is_name_and_contact(below: &[&str]) -> bool {
    let lines = below.iter().map(|line| line.trim());
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty())
        .take(2 * SIGNATURE_LINES_MAX)
        .collect();
    let Some(first) = lines.first() else {
        return false;
    };
    is_name_block(&lines, 2 * SIGNATURE_LINES_MAX - 1)
        && (NAME.is_match(first) || lines.iter().filter(|line| CONTACT.is_match(line)).count() > 1)
}

/// `-anna` as the last line; in a list of things it would be one of them.
fn is_dash_and_name(lines: &[&str]) -> bool {
    let Some((last, above)) = lines.split_last() else {
        return false;
    };
    let before = above.iter().rev().find(|line| !line.trim().is_empty());
    DASH_NAME.is_match(last)
        && before.is_some_and(|line| !line.trim_start().starts_with(['-', '*', '–', '—']))
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
    fn a_quote_that_is_answered_below_goes() {
        let mail =
            "On Monday, 2 March, Acme wrote:\n\n> Which colour?\n>\n> Acme\n\nRed, please.\n";
        let trimmed = trim(mail);
        assert_eq!(trimmed.reply_text, "Red, please.");
        assert!(
            trimmed.quoted_text.starts_with("On Monday") && trimmed.quoted_text.ends_with("Acme")
        );
        assert_eq!(
            reply("Hello Acme,\n\nOn Monday, 2 March, Acme wrote:\n> Which colour?\n\nRed.\nAnna"),
            "Hello Acme,\n\nRed.\nAnna"
        );
        // A link of the quote, torn out of its line, is no answer.
        assert_eq!(
            reply(
                "Stop it.\n\nOn Monday, Acme wrote:\n> See\n (https://help.example.com/t/1) >\n> Bye"
            ),
            "Stop it."
        );
        // Somebody's own quote, without a program's words, is theirs.
        let own = "You wrote this:\n> It lasts ten hours.\nIt does not.";
        assert_eq!(reply(own), own);
        let told = "On Monday your agent wrote:\n> We will refund you.\n\nThat never happened.";
        assert_eq!(reply(told), told);
        let forwarded = "Please look.\n\n---------- Forwarded message ----------\nFrom: Shop\n\n\
                         On Monday, 2 March, Anna wrote:\n> My lamp is dead\n\nWe can't help.";
        assert_eq!(reply(forwarded), forwarded);
        let code = "It prints\n```\nOn Monday, 2 March, Acme wrote:\n> a\n```\nand ends.";
        assert_eq!(reply(code), code);
    }

    #[test]
    fn what_only_a_program_wrote_is_nobodys_words() {
        let ours = "> -- reply above this line --\n> Hello Ana,\n> somebody replied.\n";
        let block = "From: Testwell <support@testwell.example>\nSent: Monday, March 2, 2026 10:00\n\
            To: Ana <ana@private.example>\nSubject: Re: Red ring\n\n-- reply above this line --\nHello";
        for text in [
            format!(
                "On Mon, 2 Mar 2026 at 10:00, Testwell <support@testwell.example> wrote:\n{ours}\nMy answer"
            ),
            block.to_owned(),
            format!("________________________________\n{block}"),
            format!("Sent from my iPhone\n\nOn Mon, 2 Mar 2026 at 10:00, Testwell wrote:\n{ours}"),
        ] {
            assert_eq!(own_words(&text), "", "{text}");
            assert!(
                trim(&text).quoted_text.is_empty(),
                "in a ticket everything is shown"
            );
        }
        assert_eq!(own_words(&format!("Yes.\n\n{block}")), "Yes.");
    }

    #[test]
    fn introductions_that_programs_broke_are_known() {
        for introduction in [
            "On Tue, Mar 3, 2026 at 10:15 AM Acme Help\n\n<\nmailto:Acme Help <help@example.com>\n> wrote:\nHello Anna,",
            "2026/3/3 Acme Hélp <help@example.com>\n\n> Hello Anna,",
            "On Mar 3, 2026, at 10:15, Acme Help sent:\n> Hello Anna,",
            "W dniu 3.03.2026 o 10:15, Acme Help pisze:\n> Hello Anna,",
            "2026年3月3日 上午10:15，Acme 写道：\n> Hello Anna,",
        ] {
            assert_eq!(
                reply(&format!("It works.\n\n{introduction}\n")),
                "It works.",
                "{introduction}"
            );
        }
        let own = "It broke.\nOn Tuesday I told you all that I had wrote";
        assert_eq!(reply(own), own);
    }

    #[test]
    fn names_below_a_line_go_and_lists_stay() {
        for signature in [
            "---\nAnna",
            "-anna",
            "--------\n\nAnna Lee\n\nt. 020 7946 0958\nhttps://example.org",
        ] {
            assert_eq!(
                reply(&format!("It is broken.\n{signature}")),
                "It is broken.",
                "{signature}"
            );
        }
        assert_eq!(
            reply("It is broken.\n\nSent from my Phone X\n\nThis mail is for its recipient alone."),
            "It is broken."
        );
        assert_eq!(
            reply("It is broken.\n\n__\nbikes mailing list\nbikes@lists.example.org"),
            "It is broken."
        );
        for own in [
            "Model   Price\n-------------\nLamp    12.50\nBoth are wrong on the bill that I got.",
            "What I tried:\n- reset\n-cable",
            "First part\n---\nthe second step fails",
            "It is broken.\n\nSent from my desk, which is easier than a phone.",
        ] {
            assert_eq!(reply(own), own);
        }
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
            let letters = |text: &str| {
                let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
                letters.sort_unstable();
                letters
            };
            prop_assert_eq!(letters(&(reply_text.clone() + &quoted_text)), letters(&text));
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

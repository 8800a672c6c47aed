//! HTML of a mail to plain text, in one pass and without a tree.
//!
//! Mail is hostile or careless: twenty thousand nested boxes take a tree builder seconds, and the tree is not needed.
//! Quotes keep their `>` so that `trim` sees them in HTML as it does in text.

use std::borrow::Cow;

/// HTML that is read, in bytes; what is beyond is dropped.
pub const HTML_BYTES_MAX: usize = 512 * 1024;
/// Deepest quote that is marked as such; deeper ones look like this one.
const QUOTE_DEPTH_MAX: usize = 8;
/// Longest address of a link that is written out, in characters; longer ones only track.
const LINK_CHARS_MAX: usize = 200;

/// Elements whose content is no text for a reader.
const SILENT: [&str; 8] = [
    "script", "style", "head", "title", "template", "noscript", "object", "svg",
];
/// Elements that begin and end a line.
const BLOCKS: [&str; 26] = [
    "address", "article", "aside", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
    "footer", "form", "header", "html", "main", "nav", "section", "table", "tbody", "thead", "tr",
    "ul", "ol", "caption", "details",
];
/// Elements that stand apart from what is around them.
const PARAGRAPHS: [&str; 8] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"];

/// The text a reader would see.
pub fn to_text(html: &str) -> String {
    let html = &html[..html.floor_char_boundary(HTML_BYTES_MAX)];
    let mut page = Page::default();
    let mut rest = html;
    // Silent elements without an end tag: looked for once, or many of them take for ever.
    let mut endless: Vec<String> = Vec::new();
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = &rest[at..];
        let Some((tag, after)) = Tag::read(rest) else {
            page.words("<");
            rest = &rest[1..];
            continue;
        };
        rest = after;
        if !tag.closes && SILENT.contains(&tag.name.as_str()) {
            if endless.contains(&tag.name) {
                continue;
            }
            match after_end_tag(rest, &tag.name) {
                Some(after) => rest = after,
                // A head or title that never ends would hide the letter; a script that never ends
                // hides nothing readable.
                None if matches!(tag.name.as_str(), "head" | "title") => endless.push(tag.name),
                None => rest = "",
            }
            continue;
        }
        page.tag(&tag);
    }
    page.words(rest);
    page.finish()
}

struct Tag<'h> {
    name: String,
    closes: bool,
    attributes: &'h str,
}

impl<'h> Tag<'h> {
    /// Reads the tag, comment or declaration at the start of `html`; None when the `<` is only a sign.
    fn read(html: &'h str) -> Option<(Tag<'h>, &'h str)> {
        let nothing = |after| {
            Some((
                Tag {
                    name: String::new(),
                    closes: false,
                    attributes: "",
                },
                after,
            ))
        };
        if let Some(comment) = html.strip_prefix("<!--") {
            return nothing(comment.find("-->").map_or("", |end| &comment[end + 3..]));
        }
        if html.starts_with("<!") || html.starts_with("<?") {
            return nothing(html.find('>').map_or("", |end| &html[end + 1..]));
        }
        let (inside, closes) = match html.strip_prefix("</") {
            Some(inside) => (inside, true),
            None => (&html[1..], false),
        };
        if !inside.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let end = end_of_tag(inside);
        let body = &inside[..end];
        let name_end = body
            .find(|c: char| c.is_whitespace() || c == '/')
            .unwrap_or(body.len());
        let tag = Tag {
            name: body[..name_end].to_ascii_lowercase(),
            closes,
            attributes: &body[name_end..],
        };
        Some((tag, inside.get(end + 1..).unwrap_or_default()))
    }

    /// The value of an attribute, its entities resolved.
    fn attribute(&self, name: &str) -> Option<Cow<'h, str>> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let key_end = rest
                .find(|c: char| c.is_whitespace() || c == '=')
                .unwrap_or(rest.len());
            let key = &rest[..key_end];
            rest = rest[key_end..].trim_start();
            let mut value = "";
            if let Some(after) = rest.strip_prefix('=') {
                let after = after.trim_start();
                let (taken, left) = match after.chars().next() {
                    Some(mark @ ('"' | '\'')) => {
                        let inner = &after[1..];
                        inner.split_once(mark).unwrap_or((inner, ""))
                    }
                    _ => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
                };
                (value, rest) = (taken, left);
            } else if key.is_empty() {
                return None;
            }
            if key.eq_ignore_ascii_case(name) {
                return Some(unescape(value));
            }
        }
    }

    /// Containers in which mail programs put what is answered.
    fn is_quote(&self) -> bool {
        if self.name == "blockquote" {
            return true;
        }
        let is_marked = |value: Cow<'_, str>| {
            value.split_whitespace().any(|word| {
                word.starts_with("gmail_quote")
                    || [
                        "yahoo_quoted",
                        "zmail_extra",
                        "OLK_SRC_BODY_SECTION",
                        "protonmail_quote",
                    ]
                    .contains(&word)
            })
        };
        self.name == "div"
            && (self.attribute("class").is_some_and(is_marked)
                || self.attribute("id").is_some_and(is_marked))
    }
}

/// Where the `>` of a tag stands, or the end of the text; one in a quoted value does not count.
fn end_of_tag(inside: &str) -> usize {
    let mut quoted = None;
    let mut before = ' ';
    for (at, c) in inside.char_indices() {
        match quoted {
            Some(mark) if c == mark => quoted = None,
            Some(_) => {}
            None if c == '>' => return at,
            // A quote mark opens a value only after its equals sign.
            None if matches!(c, '"' | '\'') && before == '=' => quoted = Some(c),
            None => {}
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    // An unclosed quote would swallow the letter: then the first sign that could end the tag does.
    inside.find('>').unwrap_or(inside.len())
}

/// What follows the end tag of `name`; `None` when there is no end tag.
fn after_end_tag<'h>(html: &'h str, name: &str) -> Option<&'h str> {
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        let inside = &rest[at + 2..];
        if inside
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
        {
            return Some(inside.find('>').map_or("", |end| &inside[end + 1..]));
        }
        rest = inside;
    }
    None
}

#[derive(Default)]
struct Page {
    text: String,
    line: String,
    /// Whether each open `div` or `blockquote` is a quote, the innermost last.
    boxes: Vec<bool>,
    quotes: usize,
    /// Open `pre` elements: their blanks stay.
    verbatim: usize,
    link: Option<(String, usize)>,
    pending_space: bool,
    wants_gap: bool,
}

impl Page {
    fn words(&mut self, raw: &str) {
        let words = unescape(raw);
        for c in words.chars() {
            if self.verbatim > 0 && c == '\n' {
                self.end_line();
                self.text_gap_guard();
            } else if c.is_whitespace() && (self.verbatim == 0 || c != ' ') && c != '\u{a0}' {
                self.pending_space = !self.line.is_empty();
            } else if c == '\u{200b}'
                || c == '\u{feff}'
                || c == '\u{ad}'
                || (c.is_control() && !c.is_whitespace())
            {
                // Signs that only pad the preview of a newsletter.
            } else {
                if std::mem::take(&mut self.pending_space) {
                    self.line.push(' ');
                }
                self.line.push(if c == '\u{a0}' { ' ' } else { c });
            }
        }
    }

    /// An empty line typed in a `pre` stays.
    fn text_gap_guard(&mut self) {
        if self.text.ends_with("\n\n\n") {
            self.text.pop();
        }
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        match (tag.name.as_str(), tag.closes) {
            ("br", _) => {
                if self.line.is_empty() {
                    self.wants_gap = true
                } else {
                    self.end_line()
                }
            }
            ("hr", _) => {
                self.end_line();
                self.line.push_str("---");
                self.end_line();
            }
            ("div" | "blockquote", false) => {
                self.end_line();
                let is_quote = tag.is_quote();
                self.boxes.push(is_quote);
                self.quotes += usize::from(is_quote);
                self.wants_gap |= is_quote;
            }
            ("div" | "blockquote", true) => {
                self.end_line();
                if self.boxes.pop() == Some(true) {
                    self.quotes -= 1;
                    self.wants_gap = true;
                }
            }
            ("li", false) => {
                self.end_line();
                self.line.push_str("- ");
            }
            ("li", true) => self.end_line(),
            ("td" | "th", _) => self.pending_space = !self.line.is_empty(),
            ("a", false) => {
                let url = tag
                    .attribute("href")
                    .map(Cow::into_owned)
                    .unwrap_or_default();
                let is_shown = (url.starts_with("http://") || url.starts_with("https://"))
                    && url.chars().count() <= LINK_CHARS_MAX
                    && !url.contains(char::is_whitespace);
                self.link = is_shown.then_some((url, self.line.len()));
            }
            ("a", true) => {
                if let Some((url, from)) = self.link.take() {
                    let label = self.line.get(from..).unwrap_or_default().trim();
                    let bare = url
                        .trim_start_matches("https://")
                        .trim_start_matches("http://")
                        .trim_end_matches('/');
                    if !label.is_empty() && !label.contains(bare) {
                        self.line.push_str(&format!(" <{url}>"));
                    }
                }
            }
            ("img", false) => {
                let source = tag.attribute("src").unwrap_or_default();
                if let Some(id) = source.trim().strip_prefix("cid:") {
                    self.words(&format!("[cid:{}]", super::one_line(id, LINK_CHARS_MAX)));
                } else if let Some(alt) = tag.attribute("alt").filter(|alt| !alt.trim().is_empty())
                {
                    self.words(&format!("[{}]", super::one_line(&alt, LINK_CHARS_MAX)));
                }
            }
            (name, closes) if PARAGRAPHS.contains(&name) => {
                self.end_line();
                self.wants_gap = true;
                if name == "pre" {
                    self.verbatim = if closes {
                        self.verbatim.saturating_sub(1)
                    } else {
                        1
                    };
                }
            }
            (name, _) if BLOCKS.contains(&name) => self.end_line(),
            _ => {}
        }
    }

    fn end_line(&mut self) {
        self.pending_space = false;
        let line = std::mem::take(&mut self.line);
        let line = line.trim_end();
        if line.is_empty() || line == "-" {
            return;
        }
        let depth = self.quotes.min(QUOTE_DEPTH_MAX);
        if std::mem::take(&mut self.wants_gap) && !self.text.is_empty() {
            self.text.push('\n');
        }
        for _ in 0..depth {
            self.text.push('>');
        }
        if depth > 0 {
            self.text.push(' ');
        }
        self.text.push_str(line);
        self.text.push('\n');
        if let Some((_, from)) = &mut self.link {
            *from = 0;
        }
    }

    fn finish(mut self) -> String {
        self.end_line();
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

/// Entities that stand in mails; what is unknown stays as it is.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    /// Longest entity that is looked for, in bytes.
    const ENTITY_BYTES_MAX: usize = 12;
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let window = &rest[..rest.floor_char_boundary(ENTITY_BYTES_MAX)];
        let found = window
            .find(';')
            .and_then(|end| Some((entity(&window[1..end])?, end + 1)));
        match found {
            Some((c, length)) => {
                text.push(c);
                rest = &rest[length..];
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "shy" => '\u{ad}',
        "zwnj" => '\u{200b}',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "sbquo" => '‚',
        "ldquo" => '“',
        "rdquo" => '”',
        "bdquo" => '„',
        "laquo" => '«',
        "raquo" => '»',
        "bull" => '•',
        "middot" => '·',
        "euro" => '€',
        "pound" => '£',
        "yen" => '¥',
        "sect" => '§',
        "deg" => '°',
        "times" => '×',
        "iexcl" => '¡',
        "iquest" => '¿',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "agrave" => 'à',
        "aacute" => 'á',
        "acirc" => 'â',
        "atilde" => 'ã',
        "aring" => 'å',
        "aelig" => 'æ',
        "ccedil" => 'ç',
        "egrave" => 'è',
        "eacute" => 'é',
        "ecirc" => 'ê',
        "euml" => 'ë',
        "iacute" => 'í',
        "icirc" => 'î',
        "iuml" => 'ï',
        "ntilde" => 'ñ',
        "oacute" => 'ó',
        "ocirc" => 'ô',
        "otilde" => 'õ',
        "oslash" => 'ø',
        "ugrave" => 'ù',
        "uacute" => 'ú',
        "ucirc" => 'û',
        "Agrave" => 'À',
        "Eacute" => 'É',
        "Aring" => 'Å',
        "Oslash" => 'Ø',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_without_end_are_looked_for_once() {
        let html = "<head></x>".repeat(HTML_BYTES_MAX / 10 - 1) + "hello";
        let begun = std::time::Instant::now();
        assert_eq!(to_text(&html).trim(), "hello");
        // Quadratic, it took minutes.
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }

    #[test]
    fn reads_as_a_person_would() {
        for (html, text) in [
            (
                "<p>Hello,</p><p>it is <b>broken</b>.</p>",
                "Hello,\n\nit is broken.",
            ),
            ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
            ("<div>one</div><div>two</div>", "one\ntwo"),
            ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
            (
                "a&nbsp;b &amp; c &lt;d&gt; &#8364; &unknown; & e",
                "a b & c <d> € &unknown; & e",
            ),
            (
                "<a href=\"https://x.test/a\">here</a>",
                "here <https://x.test/a>",
            ),
            (
                "<a href='https://x.test/'>https://x.test</a>",
                "https://x.test",
            ),
            ("<a href=\"javascript:x\">here</a>", "here"),
            (
                "<style>p{}</style><script>if (a<b) x()</script>seen<!-- not -->",
                "seen",
            ),
            ("<head><title>t</title></head><body>seen</body>", "seen"),
            ("x < y and y > z", "x < y and y > z"),
            ("<img src=x alt=\"a > b\">", "[a > b]"),
            (
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
                "a b\nc",
            ),
            ("<b", ""),
            ("", ""),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn quotes_are_marked() {
        assert_eq!(
            to_text("Yes.<blockquote>really?<blockquote>old</blockquote></blockquote>no"),
            "Yes.\n\n> really?\n\n>> old\n\nno"
        );
        assert_eq!(
            to_text("Yes<div class=\"gmail_quote\"><div>On Monday</div>hm</div>"),
            "Yes\n\n> On Monday\n> hm"
        );
    }

    #[test]
    fn hostile_html_is_quick() {
        for piece in [
            "<div>",
            "<div></x>",
            "<blockquote>",
            "<a href=\"",
            "<!--",
            "&#",
            "<b title='",
            "<pre>\n",
            "</p>",
            "<",
            "<script></scrip",
            "<li>",
        ] {
            let html = format!("seen{}", piece.repeat(100_000));
            let started = Instant::now();
            let text = to_text(&html);
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "{piece} took {:?}",
                started.elapsed()
            );
            assert!(text.starts_with("seen"), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn takes_anything(html in "(\\PC|[<>/\"'=&;#! a-z\n]){0,200}") {
            let text = to_text(&html);
            prop_assert!(text.len() <= html.len() * 12 + 16);
        }
    }
}

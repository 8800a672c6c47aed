//! Markdown to safe HTML, to plain text, to a quote, and excerpts of plain text.
//!
//! A post is rendered once, when it is written, and the HTML is stored. Three walls stand one behind the other:
//! the size and nesting of the source are checked before a tree is built, raw HTML is shown as the text it is, and
//! what comrak wrote still passes an allow list.

mod letter;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use comrak::adapters::SyntaxHighlighterAdapter;
use comrak::arena_tree::NodeEdge;
use comrak::nodes::NodeValue;
use comrak::options::Plugins;
use comrak::{Arena, Node, Options, parse_document};
use sha2::{Digest, Sha256};
use syntect::html::{ClassStyle, ClassedHTMLGenerator};
use syntect::parsing::SyntaxSet;
use syntect::util::LinesWithEndings;
use unicode_segmentation::UnicodeSegmentation;

pub use letter::{opening, to_letter};

/// Longest source that is read as Markdown, in bytes; longer text is shown as it was typed.
pub const SOURCE_BYTES_MAX: usize = 200_000;
/// Most block markers (`>`, `-`, `1.`) at the start of one line before the text counts as hostile.
pub const LINE_NESTING_MAX: usize = 40;
/// Most cells of all tables of one text together. The parser fills short rows up to the width of their table,
/// so that a few kilobytes could become half a million cells.
pub const TABLE_CELLS_MAX: usize = 20_000;
/// Deepest nesting of a parsed text: sanitising its HTML is quadratic in this number.
pub const HTML_DEPTH_MAX: usize = 150;
/// Largest HTML that is kept, in bytes.
pub const HTML_BYTES_MAX: usize = 2_000_000;
/// Code that is highlighted, in bytes over all blocks of one text; what is beyond stays plain.
pub const HIGHLIGHT_BYTES_MAX: usize = 20_000;
/// Longest line of code that is highlighted, in bytes: minified code costs much and helps nobody.
pub const HIGHLIGHT_LINE_BYTES_MAX: usize = 1_000;
/// Longest text taken into a quote, in characters.
pub const QUOTE_CHARS_MAX: usize = 4_000;
/// Bytes of source read for one character of its beginning: enough for marks and addresses between.
const SOURCE_BYTES_PER_CHAR: usize = 16;
/// Bytes that one character (grapheme) may take in an excerpt; stacked accents end there.
const GRAPHEME_BYTES_MAX: usize = 32;
/// The level that the writer's `#` becomes: a page has its `h1`, a post stands under an `h2`.
const HEADING_SHIFT: u8 = 2;

/// HTML that may stand in a page as it is. Only this module and the mail reader make one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SafeHtml(String);

impl SafeHtml {
    /// The markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The markup, to be stored.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for SafeHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Renders Markdown (CommonMark with tables, task lists, strikethrough, bare links and footnotes) to safe HTML.
///
/// Images become links: loading one would tell its site who reads what, and when, and an address of this site could
/// make each reader's browser ask for any page in their name. Headings begin at `h3` and carry no id, so that two
/// posts on a page can't collide.
/// Text beyond the limits of this module is shown as it was typed.
pub fn render(source: &str) -> SafeHtml {
    if is_beyond_limits(source) {
        return as_typed(source);
    }
    let arena = Arena::new();
    let root = parse_document(&arena, source, &OPTIONS);
    if is_deeper_than(root, HTML_DEPTH_MAX) {
        return as_typed(source);
    }
    adapt(&arena, root, source);
    let highlighter = Highlighter::default();
    let mut plugins = Plugins::default();
    plugins.render.codefence_syntax_highlighter = Some(&highlighter);
    let mut html = String::with_capacity(source.len() * 2);
    if comrak::format_html_with_plugins(root, &OPTIONS, &mut html, &plugins).is_err()
        || html.len() > HTML_BYTES_MAX
    {
        return as_typed(source);
    }
    SafeHtml(SANITIZER.clean(&html).to_string())
}

/// A Markdown quote of `text` by `author`, ready to stand above an answer.
pub fn quote(author: &str, text: &str) -> String {
    let author: String = author.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut quoted = format!("> **{}**\n>\n", comrak::escape_commonmark_inline(&author));
    let kept = match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    for line in kept.trim().lines() {
        quoted.push_str(if line.is_empty() { ">" } else { "> " });
        quoted.push_str(line);
        quoted.push('\n');
    }
    if kept.len() < text.len() {
        quoted.push_str(">\n> …\n");
    }
    quoted.push('\n');
    quoted
}

/// What a reader would hear: the words of a Markdown text without its marks, blocks on lines of their own.
pub fn to_plain(source: &str) -> String {
    if is_beyond_limits(source) {
        return cut_at(source, SOURCE_BYTES_MAX).to_owned();
    }
    let arena = Arena::new();
    let root = parse_document(&arena, source, &OPTIONS);
    let mut plain = String::with_capacity(source.len());
    for node in root.descendants() {
        let data = node.data();
        if data.value.block() && !plain.is_empty() && !plain.ends_with('\n') {
            plain.push('\n');
        }
        match &data.value {
            NodeValue::Text(text) => plain.push_str(text),
            NodeValue::Code(code) => plain.push_str(&code.literal),
            NodeValue::CodeBlock(block) => plain.push_str(&block.literal),
            NodeValue::HtmlBlock(block) => plain.push_str(&block.literal),
            NodeValue::HtmlInline(html) => plain.push_str(html),
            NodeValue::SoftBreak => plain.push(' '),
            NodeValue::LineBreak => plain.push('\n'),
            _ => {}
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// The words of HTML that `render` made: what a tag says goes, what stands between tags stays. Much
/// quicker than reading the Markdown again.
pub fn plain_of(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match rest.as_bytes()[0] {
            b'<' => {
                let end = rest.find('>').map_or(rest.len(), |end| end + 1);
                if ENDS_WORDS.iter().any(|tag| rest[1..end].starts_with(tag)) {
                    plain.push('\n');
                }
                end
            }
            _ => match ENTITIES.iter().find(|(name, _)| rest.starts_with(name)) {
                Some((name, character)) => {
                    plain.push(*character);
                    name.len()
                }
                None => {
                    plain.push('&');
                    1
                }
            },
        };
        rest = &rest[end..];
    }
    plain.push_str(rest);
    plain.truncate(plain.trim_end().len());
    plain
}

/// Tags at which a word ends even where no space stands.
const ENDS_WORDS: &[&str] = &["br", "/p", "/li", "/h", "/t", "/pre", "/blockquote", "hr"];
/// What ammonia writes for characters that mean something in HTML.
const ENTITIES: &[(&str, char)] = &[
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&nbsp;", '\u{a0}'),
];

/// The beginning of a plain text on one line, at most `chars` characters as a reader counts them, cut between words.
pub fn excerpt(plain: &str, chars: usize) -> String {
    let bytes_max = chars.saturating_mul(GRAPHEME_BYTES_MAX);
    let mut text = String::new();
    let mut count = 0;
    let mut word_end = 0;
    let mut pending_space = false;
    for grapheme in plain.graphemes(true) {
        if grapheme
            .chars()
            .all(|c| c.is_whitespace() || c.is_control())
        {
            pending_space = !text.is_empty();
            continue;
        }
        let needed = 1 + usize::from(pending_space);
        if count + needed > chars || text.len() + grapheme.len() > bytes_max {
            // A word cut in its middle goes, unless it is all there is.
            let whole_words = if pending_space { text.len() } else { word_end };
            if whole_words > 0 {
                text.truncate(whole_words);
            }
            let kept = text.trim_end_matches([',', ';', ':', '-', '–']).len();
            text.truncate(kept);
            text.push('…');
            return text;
        }
        if pending_space {
            word_end = text.len();
            text.push(' ');
            pending_space = false;
        }
        text.push_str(grapheme);
        count += needed;
    }
    text
}

/// The beginning of a Markdown text as `excerpt` cuts it, without reading all of a long source.
pub fn beginning(source: &str, chars: usize) -> String {
    let read = cut_at(source, chars.saturating_mul(SOURCE_BYTES_PER_CHAR));
    let mut text = excerpt(&to_plain(read), chars);
    if read.len() < source.len() && !text.ends_with('…') {
        text.push('…');
    }
    text
}

static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.tasklist = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    // A line break typed is a line break meant: people write posts and mails, not books.
    options.render.hardbreaks = true;
    options.render.escape = true;
    options
});

/// What may stand in a post. Everything that is not named here is dropped.
static SANITIZER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(HashSet::from([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "input",
            "li",
            "ol",
            "p",
            "pre",
            "section",
            "span",
            "strong",
            "sup",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .tag_attributes(HashMap::from([
            (
                "a",
                HashSet::from(["href", "title", "class", "id", "aria-label"]),
            ),
            ("code", HashSet::from(["class"])),
            ("input", HashSet::from(["checked"])),
            ("li", HashSet::from(["id"])),
            ("ol", HashSet::from(["start"])),
            ("section", HashSet::from(["class"])),
            ("span", HashSet::from(["class"])),
            ("sup", HashSet::from(["class"])),
            ("td", HashSet::from(["align"])),
            ("th", HashSet::from(["align"])),
        ]))
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .link_rel(Some("nofollow ugc noopener"))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            (_, "class") => {
                let kept: Vec<&str> = value
                    .split_whitespace()
                    .filter(|class| is_our_class(class))
                    .collect();
                (!kept.is_empty()).then(|| kept.join(" ").into())
            }
            (_, "id") => is_footnote_id(value).then(|| value.into()),
            (_, "align") => ["left", "right", "center"]
                .contains(&value)
                .then(|| value.into()),
            ("ol", "start") => value.parse::<u32>().is_ok().then(|| value.into()),
            _ => Some(value.into()),
        });
    builder
});

fn is_our_class(class: &str) -> bool {
    class.starts_with("language-")
        || class.starts_with("hl-")
        || ["footnotes", "footnote-ref", "footnote-backref"].contains(&class)
}

fn is_footnote_id(id: &str) -> bool {
    (id.starts_with("fn-") || id.starts_with("fnref-"))
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.%".contains(&b))
}

fn is_beyond_limits(source: &str) -> bool {
    source.len() > SOURCE_BYTES_MAX
        || source
            .lines()
            .any(|line| line_nesting(line) > LINE_NESTING_MAX)
        || table_cells(source) > TABLE_CELLS_MAX
}

/// At least as many cells as the tables of a text will have. The line under a table's head says how wide the table
/// is, and every line down to the next blank one may be a row of it.
fn table_cells(source: &str) -> usize {
    let (mut cells, mut columns) = (0usize, 0usize);
    for line in source.lines() {
        let row = line.trim_start_matches(|c: char| c == '>' || c.is_whitespace());
        if line.trim().is_empty() {
            columns = 0;
        } else if is_table_rule(row) {
            columns = columns.max(row.bytes().filter(|b| *b == b'|').count() + 1);
        }
        cells = cells.saturating_add(columns);
    }
    cells
}

/// `|---|:-:|` with two bars or more: narrower tables can't outgrow their text.
fn is_table_rule(row: &str) -> bool {
    row.contains('-')
        && row.bytes().all(|b| b"|-: \t\x0b\x0c".contains(&b))
        && row.bytes().filter(|b| *b == b'|').count() >= 2
}

/// How many containers the beginning of a line opens: `> - 1. ` are three.
fn line_nesting(line: &str) -> usize {
    let bytes = line.as_bytes();
    let (mut at, mut markers) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let after = match byte {
            b' ' | b'\t' => {
                at += 1;
                continue;
            }
            b'>' => at + 1,
            b'-' | b'+' | b'*' => at + 1,
            b'0'..=b'9' => {
                let digits = bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                at + digits + 1
            }
            _ => break,
        };
        let ends_marker = byte == b'>' || bytes.get(after).is_none_or(|b| b" \t".contains(b));
        if !ends_marker {
            break;
        }
        markers += 1;
        at = after;
    }
    markers
}

/// Text that is not rendered: escaped, its lines kept.
fn as_typed(source: &str) -> SafeHtml {
    let source = cut_at(source, SOURCE_BYTES_MAX);
    let mut html = String::with_capacity(source.len() + 64);
    html.push_str("<pre>");
    escape_into(&mut html, source);
    html.push_str("</pre>");
    SafeHtml(html)
}

fn cut_at(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn escape_into(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\0' => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
}

/// Whether a chain of nodes is longer than `depth_max`.
fn is_deeper_than(root: Node<'_>, depth_max: usize) -> bool {
    let mut depth = 0usize;
    root.traverse().any(|edge| {
        match edge {
            NodeEdge::Start(_) => depth += 1,
            NodeEdge::End(_) => depth = depth.saturating_sub(1),
        }
        depth > depth_max
    })
}

/// Shifts headings, turns images into links and makes the names of footnotes unique to this text.
fn adapt<'a>(arena: &'a Arena<'a>, root: Node<'a>, source: &str) {
    let nodes: Vec<Node<'a>> = root.descendants().collect();
    let fingerprint = LazyLock::new(|| short_hash(source));
    for node in nodes {
        let mut data = node.data_mut();
        match &mut data.value {
            NodeValue::Heading(heading) => heading.level = (heading.level + HEADING_SHIFT).min(6),
            NodeValue::FootnoteDefinition(definition) => {
                definition.name = format!("{}-{}", *fingerprint, definition.name);
            }
            NodeValue::FootnoteReference(reference) => {
                reference.name = format!("{}-{}", *fingerprint, reference.name);
            }
            NodeValue::CodeBlock(block) if block.info.split_whitespace().next() == Some("math") => {
                // comrak would write this block as a formula, which no page of ours draws.
                block.info = "text".to_owned();
            }
            NodeValue::Image(image) => {
                let link = image.clone();
                let shown = NodeValue::Text(link.url.clone().into());
                data.value = NodeValue::Link(link);
                drop(data);
                if node.first_child().is_none() {
                    node.append(arena.alloc(shown.into()));
                }
                unwrap_if_within_link(node);
            }
            NodeValue::Link(_) => {
                drop(data);
                unwrap_if_within_link(node);
            }
            _ => {}
        }
    }
}

/// A link in a link is no HTML: the words of the inner one stay as words of the outer one.
fn unwrap_if_within_link<'a>(node: Node<'a>) {
    let is_within = node
        .ancestors()
        .skip(1)
        .any(|above| matches!(above.data().value, NodeValue::Link(_)));
    if !is_within {
        return;
    }
    while let Some(child) = node.first_child() {
        node.insert_before(child);
    }
    node.detach();
}

fn short_hash(source: &str) -> String {
    Sha256::digest(source.as_bytes())
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// Writes fenced code with `hl-` classes where the language is known and the code is short enough.
#[derive(Default)]
struct Highlighter {
    highlighted_bytes: AtomicUsize,
}

impl Highlighter {
    /// Deepest nesting of scopes that is written; brackets nest as deep as somebody types them.
    const SPAN_DEPTH_MAX: usize = 40;

    fn highlight(&self, language: &str, code: &str) -> Option<String> {
        let language = language.split([',', ' ', '{']).next().unwrap_or_default();
        if language.is_empty()
            || self
                .highlighted_bytes
                .fetch_add(code.len(), Ordering::Relaxed)
                + code.len()
                > HIGHLIGHT_BYTES_MAX
            || code
                .lines()
                .any(|line| line.len() > HIGHLIGHT_LINE_BYTES_MAX)
        {
            return None;
        }
        let syntax = SYNTAXES.find_syntax_by_token(language)?;
        let style = ClassStyle::SpacedPrefixed { prefix: "hl-" };
        let mut generator = ClassedHTMLGenerator::new_with_class_style(syntax, &SYNTAXES, style);
        for line in LinesWithEndings::from(code) {
            generator
                .parse_html_for_line_which_includes_newline(line)
                .ok()?;
        }
        let html = generator.finalize();
        (span_depth(&html) <= Self::SPAN_DEPTH_MAX).then_some(html)
    }
}

fn span_depth(html: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    for piece in html.split('<').skip(1) {
        if piece.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

impl SyntaxHighlighterAdapter for Highlighter {
    fn write_highlighted(
        &self,
        output: &mut dyn fmt::Write,
        language: Option<&str>,
        code: &str,
    ) -> fmt::Result {
        if let Some(html) = self.highlight(language.unwrap_or_default(), code) {
            return output.write_str(&html);
        }
        let mut html = String::with_capacity(code.len() + 16);
        escape_into(&mut html, code);
        output.write_str(&html)
    }

    fn write_pre_tag(
        &self,
        output: &mut dyn fmt::Write,
        _: HashMap<&'static str, Cow<'_, str>>,
    ) -> fmt::Result {
        output.write_str("<pre>")
    }

    fn write_code_tag(
        &self,
        output: &mut dyn fmt::Write,
        attributes: HashMap<&'static str, Cow<'_, str>>,
    ) -> fmt::Result {
        let Some(class) = attributes.get("class") else {
            return output.write_str("<code>");
        };
        let mut html = String::from("<code class=\"");
        escape_into(&mut html, class);
        html.push_str("\">");
        output.write_str(&html)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn html(source: &str) -> String {
        render(source).into_string()
    }

    /// Ample on a busy machine and an unoptimised build; the quadratic cases take many times this.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn renders_the_agreed_markdown() {
        assert_eq!(
            html("Hello *you*, **all**"),
            "<p>Hello <em>you</em>, <strong>all</strong></p>\n"
        );
        assert!(html("| a | b |\n|:-:|---|\n| 1 | 2 |").contains("<th align=\"center\">a</th>"));
        assert!(html("~~old~~").contains("<del>old</del>"));
        let tasks = html("- [x] done\n- [ ] open");
        assert_eq!(tasks.matches("type=\"checkbox\"").count(), 2, "{tasks}");
        assert_eq!(tasks.matches("disabled=\"\"").count(), 2, "{tasks}");
        assert_eq!(tasks.matches("checked=\"\"").count(), 1, "{tasks}");
        assert!(html("a\nb").contains("a<br>\nb"));
    }

    #[test]
    fn headings_begin_at_three_and_have_no_id() {
        assert_eq!(html("# A"), "<h3>A</h3>\n");
        assert_eq!(html("###### A"), "<h6>A</h6>\n");
    }

    #[test]
    fn links_are_marked_as_user_content() {
        let link = html("https://example.com/a");
        assert!(
            link.contains("href=\"https://example.com/a\"")
                && link.contains("rel=\"nofollow ugc noopener\"")
        );
        assert!(!html("[x](javascript:alert(1))").contains("javascript:"));
        assert!(
            !html("[x](JaVaScRiPt:alert(1))")
                .to_lowercase()
                .contains("href=\"javascript")
        );
        assert!(!html("[x](data:text/html,hi)").contains("href=\"data:"));
    }

    #[test]
    fn images_become_links() {
        let foreign = html("![a cat](https://elsewhere.test/cat.png)");
        assert!(
            !foreign.contains("<img") && foreign.contains(">a cat</a>"),
            "{foreign}"
        );
        assert!(
            html("![](https://elsewhere.test/c.png)").contains(">https://elsewhere.test/c.png</a>")
        );
        assert!(html("![x](//elsewhere.test/c.png)").contains("<a "));
        for ours in ["/search?q=x1", "/t/7/slug", "/avatar/1.svg"] {
            let own = html(&format!("![own]({ours})"));
            assert!(!own.contains("<img") && own.contains(">own</a>"), "{own}");
        }
        let badge = html("[![build](https://elsewhere.test/b.svg)](https://ci.test/)");
        assert_eq!(badge.matches("<a ").count(), 1, "{badge}");
        assert!(
            badge.contains("https://ci.test/") && badge.contains(">build</a>"),
            "{badge}"
        );
    }

    #[test]
    fn raw_html_is_shown_as_typed() {
        let shown = html("Try <div onclick=\"x()\">this</div> <script>alert(1)</script>");
        assert!(
            shown.contains("&lt;div onclick=") && shown.contains("&lt;script&gt;"),
            "{shown}"
        );
        assert!(html("<script>\nalert(1)\n</script>").contains("&lt;script&gt;"));
    }

    #[test]
    fn code_is_highlighted_with_classes() {
        let rust = html("```rust\nfn main() {}\n```");
        assert!(
            rust.contains("<code class=\"language-rust\">") && rust.contains("class=\"hl-"),
            "{rust}"
        );
        let unknown = html("```nolang\n<b>&\n```");
        assert!(
            unknown.contains("&lt;b&gt;&amp;") && !unknown.contains("hl-"),
            "{unknown}"
        );
        let long = format!(
            "```rust\n{}```",
            "let a = 1;\n".repeat(HIGHLIGHT_BYTES_MAX / 10)
        );
        assert!(!html(&long).contains("hl-"));
        assert!(html("```math\na<b\n```").contains("a&lt;b"));
    }

    #[test]
    fn footnotes_of_two_posts_do_not_collide() {
        let (one, two) = (html("a[^1]\n\n[^1]: x"), html("b[^1]\n\n[^1]: y"));
        let id_of = |html: &str| {
            html.split("<li id=\"")
                .nth(1)
                .and_then(|s| s.split('"').next())
                .map(str::to_owned)
        };
        let id = id_of(&one).expect("a footnote has an id");
        assert_ne!(Some(id.clone()), id_of(&two));
        assert!(one.contains(&format!("href=\"#{id}\"")), "{one}");
    }

    #[test]
    fn deep_and_long_input_is_quick_and_keeps_its_words() {
        let hostile = [
            format!("{}word", ">".repeat(20_000)),
            format!("{}word", "> ".repeat(20_000)),
            format!("{}word", "- ".repeat(20_000)),
            format!("{}word", "1. ".repeat(20_000)),
            format!("{}word", "<div>".repeat(20_000)),
            format!("{}word", "<blockquote>\n".repeat(15_000)),
            format!("{}word{}", "*a ".repeat(20_000), " a*".repeat(20_000)),
            format!("{}word", "[".repeat(50_000)),
            format!("{}word", "![".repeat(50_000)),
            format!("{}word", "`a ".repeat(30_000)),
            format!("{}word", "http://a ".repeat(15_000)),
            format!("{}word", "a@b ".repeat(30_000)),
            format!("{}word", "[^1] ".repeat(30_000)),
            format!("|{}\n|{}\nword", "a|".repeat(5_000), "-|".repeat(5_000)),
            (0..300)
                .map(|depth| format!("{}- word\n", "  ".repeat(depth)))
                .collect(),
            "word\n".repeat(30_000),
            format!("```rust\n{}word\n```", "(".repeat(900)),
        ];
        for source in hostile {
            let started = Instant::now();
            let shown = html(&source);
            let head: String = source.chars().take(12).collect();
            assert!(
                started.elapsed() < PATIENCE,
                "{head} took {:?}",
                started.elapsed()
            );
            assert!(shown.contains("word"), "{head}");
            assert!(to_plain(&source).contains("word"), "{head}");
        }
    }

    #[test]
    fn a_wide_table_of_empty_rows_is_shown_as_typed() {
        for inside in ["", "> ", "> > ", "    "] {
            let bomb = format!(
                "{}{inside}|{}\n{inside}|{}\n{}",
                if inside == "    " { "- x\n\n" } else { "" },
                "a|".repeat(500),
                "-|".repeat(500),
                format!("{inside}|a\n").repeat(29_000 / (inside.len() + 3))
            );
            assert!(bomb.len() < 32_000);
            assert_eq!(html(&bomb).matches("<td").count(), 0, "{inside}");
            assert!(html(&bomb).len() < bomb.len() * 6);
            assert!(to_plain(&bomb).len() <= bomb.len());
        }
        let many = "|a|a|a|a|\n|-|-|-|-|\n|a\n\n".repeat(1_200);
        assert!(html(&many).matches("<td").count() <= TABLE_CELLS_MAX);
        let honest = format!("|a|b|c|\n|-|-|-|\n{}", "|1|2|3|\n".repeat(1_000));
        assert_eq!(html(&honest).matches("<td").count(), 3_000);
    }

    #[test]
    fn quotes_cannot_be_broken_out_of() {
        let quoted = quote("Eve\n# *x*", "line\n\n# two");
        assert!(
            quoted
                .lines()
                .all(|line| line.is_empty() || line.starts_with('>')),
            "{quoted}"
        );
        let shown = html(&quoted);
        assert_eq!(shown.matches("<blockquote>").count(), 1);
        assert!(shown.contains("<strong>Eve # *x*</strong>"), "{shown}");
        assert!(
            quote("a", &"x".repeat(QUOTE_CHARS_MAX * 2)).chars().count() < QUOTE_CHARS_MAX + 50
        );
    }

    #[test]
    fn plain_text_keeps_words_and_drops_marks() {
        assert_eq!(
            to_plain("# Hi\n\nsome *fine* [text](https://x.test)\nmore\n\n- one\n- two"),
            "Hi\nsome fine text more\none\ntwo"
        );
        assert_eq!(to_plain("use `<b>`\n\n```\ncode\n```"), "use <b>\ncode");
    }

    #[test]
    fn words_of_rendered_html_are_the_words_of_its_source() {
        for source in [
            "# Hi\n\nsome *fine* [text](https://x.test)\nmore\n\n- one\n- two",
            "use `<b>` & \"quotes\", 1 < 2 &nbsp; &lt;\n\n```rust\nlet a = b && c;\n```\nend",
            "<script>alert(1)</script> <img src=x> a<br>b",
            "| a | b |\n|---|---|\n| 1 > 0 | x |\n\n> quoted\n> more\n\n- [x] done",
        ] {
            let words = |text: &str| -> Vec<String> {
                text.split_whitespace().map(str::to_owned).collect()
            };
            let html = render(source).into_string();
            assert_eq!(words(&plain_of(&html)), words(&to_plain(source)), "{html}");
        }
        assert_eq!(plain_of("a < b & c <"), "a");
    }

    #[test]
    fn excerpts_end_between_words() {
        assert_eq!(excerpt("one two three", 20), "one two three");
        assert_eq!(excerpt("one two three", 9), "one two…");
        assert_eq!(excerpt("one two, three", 10), "one two…");
        assert_eq!(excerpt("  a \n\n b  ", 9), "a b");
        assert_eq!(excerpt("unbrokenword", 4), "unbr…");
        assert_eq!(excerpt("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2), "👩‍👩‍👧👩‍👩‍👧…");
        assert_eq!(excerpt("anything", 0), "…");
    }

    #[test]
    fn a_beginning_is_short_however_long_the_source() {
        assert_eq!(beginning("# Hi\n\n*two* words", 20), "Hi two words");
        assert_eq!(beginning(&"word ".repeat(5_000), 9), "word word…");
        assert_eq!(
            beginning(&format!("word{}", "\n".repeat(5_000)), 9),
            "word…"
        );
        let started = Instant::now();
        for _ in 0..20 {
            beginning(&"*a* [b](https://c.test) ".repeat(1_500), 180);
        }
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }

    fn attributes_of(html: &str) -> impl Iterator<Item = &str> {
        html.split('<')
            .skip(1)
            .filter_map(|piece| piece.split('>').next())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_text_becomes_safe_html(source in markdown_like()) {
            let html = html(&source);
            let lower = html.to_lowercase();
            prop_assert!(!lower.contains("<img") && !lower.contains("<script") && !lower.contains("<iframe") && !lower.contains("<style"));
            for tag in attributes_of(&lower) {
                // Values are quoted; outside of them no handler, style or script address may stand.
                let names: String = tag.split('"').step_by(2).collect();
                prop_assert!(!names.split_whitespace().skip(1).any(|name| name.starts_with("on") || name.starts_with("style")), "{}", tag);
                prop_assert!(!tag.contains("href=\"javascript:") && !tag.contains("href=\"data:"), "{}", tag);
            }
            prop_assert!(html.len() <= source.len() * 60 + 200);
        }

        #[test]
        fn no_table_outgrows_its_text(
            columns in 1usize..600,
            head in prop_oneof!["", "> ", "- ", "1. ", "[^1]: ", "# x\n", "a\n"],
            indent in prop_oneof!["", "> ", "  ", "   ", "    "],
            rule in prop_oneof!["-|", ":-:|", " - |", "--\t|"],
            row in prop_oneof!["|", "|a", "x", "a|b", "|-|-|", "> |"],
            rows in 0usize..2_000,
        ) {
            let source = format!(
                "{head}|{}\n{indent}|{}\n{}",
                "a|".repeat(columns), rule.repeat(columns), format!("{indent}{row}\n").repeat(rows)
            );
            let html = html(&source);
            prop_assert!(html.matches("<td").count() <= TABLE_CELLS_MAX);
            prop_assert!(html.len() <= source.len() * 6 + TABLE_CELLS_MAX * 40);
        }

        #[test]
        fn plain_quote_and_excerpt_take_anything(source in markdown_like(), chars in 0usize..40) {
            let plain = to_plain(&source);
            let short = excerpt(&plain, chars);
            prop_assert!(short.graphemes(true).count() <= chars + 1);
            prop_assert!(quote(&source, &source).lines().all(|line| line.is_empty() || line.starts_with('>')));
        }
    }

    fn markdown_like() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC{0,12}",
            proptest::sample::select(vec![
                "<script>",
                "</script>",
                "<img src=x onerror=alert(1)>",
                "[a](javascript:x)",
                "[a](",
                "![",
                "](",
                ")",
                "<a href='javascript:x'>",
                "<javascript:x>",
                "> ",
                "- ",
                "1. ",
                "```",
                "`",
                "*",
                "**",
                "_",
                "~~",
                "\n",
                "\n\n",
                "|",
                "|-|",
                "[^1]",
                "[^1]: ",
                "# ",
                "<!--",
                "-->",
                "<![CDATA[",
                "&#106;avascript:",
                "\u{0}",
                "\u{202e}",
                "[x]: data:text/html,a\n",
                "<svg/onload=x>",
                "    ",
                "\t",
                "\\",
                "&lt;",
                "http://a.b/\"onclick=x",
                "\r\n",
            ])
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }
}

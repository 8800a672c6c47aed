//! Markdown as a letter's plain text: what the HTML shows by its shape stays to be seen in lines.

use comrak::nodes::{ListType, NodeValue};
use comrak::{Arena, Node, parse_document};

use super::{
    HTML_DEPTH_MAX, OPTIONS, SOURCE_BYTES_MAX, SOURCE_BYTES_PER_CHAR, cut_at, is_beyond_limits,
    is_deeper_than,
};

/// How a list's items begin that have no number.
const BULLET: &str = "- ";
/// What stands before lines of code.
const CODE_INDENT: &str = "    ";

/// The words of a Markdown text as a person would type them into a mail: paragraphs apart, lists with their marks,
/// quotes behind `>`, addresses behind the words that link to them, without marks for bold or code. Addresses on our
/// own site are made whole with `site`.
pub fn to_letter(source: &str, site: &str) -> String {
    written(source, site, true).unwrap_or_else(|| cut_at(source, SOURCE_BYTES_MAX).to_owned())
}

/// The beginning of a Markdown text as `to_letter` writes it, at most `chars` characters and cut between words. What
/// the writer quotes is left out, unless there is nothing else.
pub fn opening(source: &str, site: &str, chars: usize) -> String {
    let read = cut_at(source, chars.saturating_mul(SOURCE_BYTES_PER_CHAR));
    let own = written(read, site, false).filter(|own| !own.is_empty());
    let mut text = own.unwrap_or_else(|| to_letter(read, site));
    let is_cut = match text.char_indices().nth(chars) {
        None => read.len() < source.len(),
        Some((end, _)) => {
            let is_between = text[end..].starts_with(char::is_whitespace);
            let word_end = text[..end].rfind(char::is_whitespace);
            if let (false, Some(at)) = (is_between, word_end) {
                text.truncate(at);
            } else {
                text.truncate(end);
            }
            true
        }
    };
    if is_cut {
        text.truncate(text.trim_end().len());
        text.push_str(" …");
    }
    text
}

/// `None` for what is not read as Markdown because of its size or depth.
fn written(source: &str, site: &str, with_quotes: bool) -> Option<String> {
    if is_beyond_limits(source) {
        return None;
    }
    let arena = Arena::new();
    let root = parse_document(&arena, source, &OPTIONS);
    if is_deeper_than(root, HTML_DEPTH_MAX) {
        return None;
    }
    let lines = Writer { site, with_quotes }.lines(root);
    Some(lines.join("\n").trim().to_owned())
}

struct Writer<'s> {
    site: &'s str,
    with_quotes: bool,
}

impl Writer<'_> {
    fn lines<'a>(&self, node: Node<'a>) -> Vec<String> {
        let value = &node.data().value;
        match value {
            NodeValue::Document => self.blocks(node, true),
            NodeValue::BlockQuote if !self.with_quotes => Vec::new(),
            NodeValue::BlockQuote => {
                let lines = self.blocks(node, true).into_iter();
                lines
                    .map(|line| format!("> {line}").trim_end().to_owned())
                    .collect()
            }
            NodeValue::List(list) => {
                let number = |n: usize| match list.list_type {
                    ListType::Bullet => BULLET.to_owned(),
                    ListType::Ordered => format!("{}. ", list.start.saturating_add(n)),
                };
                let items = node.children().enumerate();
                items
                    .flat_map(|(n, item)| marked(self.blocks(item, false), &number(n)))
                    .collect()
            }
            NodeValue::CodeBlock(block) => indented(&block.literal),
            NodeValue::HtmlBlock(block) => block.literal.lines().map(str::to_owned).collect(),
            NodeValue::ThematicBreak => vec!["* * *".to_owned()],
            NodeValue::Table(_) => self.blocks(node, false),
            NodeValue::TableRow(_) => {
                let cells: Vec<String> = node.children().map(|cell| self.words(cell)).collect();
                vec![cells.join(" | ")]
            }
            NodeValue::FootnoteDefinition(note) => {
                marked(self.blocks(node, false), &format!("[{}] ", note.name))
            }
            value if value.block() => self.words(node).lines().map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// The lines of what stands in a block, apart from each other or not.
    fn blocks<'a>(&self, node: Node<'a>, apart: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for child in node.children() {
            let more = self.lines(child);
            if apart && !lines.is_empty() && !more.is_empty() {
                lines.push(String::new());
            }
            lines.extend(more);
        }
        lines
    }

    fn words<'a>(&self, node: Node<'a>) -> String {
        let mut words = String::new();
        for child in node.children() {
            match &child.data().value {
                NodeValue::Text(text) => words.push_str(text),
                NodeValue::Code(code) => words.push_str(&code.literal),
                NodeValue::HtmlInline(html) => words.push_str(html),
                // A line break typed is one meant, as in `render`.
                NodeValue::SoftBreak | NodeValue::LineBreak => words.push('\n'),
                NodeValue::Link(link) | NodeValue::Image(link) => {
                    let shown = self.words(child);
                    let address = match link.url.starts_with('/') {
                        true => format!("{}{}", self.site, link.url),
                        false => link.url.clone(),
                    };
                    words.push_str(&shown);
                    let bare = address.strip_prefix("mailto:").unwrap_or(&address);
                    if shown.is_empty() {
                        words.push_str(bare);
                    } else if !bare.ends_with(shown.trim()) {
                        words.push_str(&format!(" ({bare})"));
                    }
                }
                NodeValue::FootnoteReference(note) => {
                    words.push_str(&format!("[{}]", note.name));
                }
                _ => words.push_str(&self.words(child)),
            }
        }
        words
    }
}

/// The first line behind a mark, the others as far in.
fn marked(lines: Vec<String>, mark: &str) -> Vec<String> {
    let inner = " ".repeat(mark.len());
    let mut lines = lines;
    if lines.is_empty() {
        lines.push(String::new());
    }
    let behind = |(n, line): (usize, String)| {
        let before = if n == 0 { mark } else { &inner };
        format!("{before}{line}").trim_end().to_owned()
    };
    lines.into_iter().enumerate().map(behind).collect()
}

fn indented(code: &str) -> Vec<String> {
    code.lines()
        .map(|line| format!("{CODE_INDENT}{line}").trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SITE: &str = "https://help.example";

    #[test]
    fn what_shape_says_in_html_lines_say_in_text() {
        let source = "> **Jo**\n>\n> It is _red_.\n\nHold the button:\nfor **ten** seconds.\n\n1. Off\n2. On\n   - wait\n\n```\nlet a = `b`;\n```\n\nSee [this](/t/1) or `reset --hard`, https://x.example/a.";
        assert_eq!(
            to_letter(source, SITE),
            "> Jo\n>\n> It is red.\n\nHold the button:\nfor ten seconds.\n\n1. Off\n2. On\n   - wait\n\n    let a = `b`;\n\nSee this (https://help.example/t/1) or reset --hard, https://x.example/a."
        );
    }

    #[test]
    fn an_opening_keeps_lines_and_leaves_quotes_out() {
        let source = "> **Jo**\n>\n> It is red.\n\n- Hold the button\n- Wait for the light";
        assert_eq!(
            opening(source, SITE, 100),
            "- Hold the button\n- Wait for the light"
        );
        assert_eq!(opening(source, SITE, 22), "- Hold the button\n- …");
        assert_eq!(opening("> Only this.", SITE, 100), "> Only this.");
        assert_eq!(
            opening(&"x".repeat(50), SITE, 10),
            format!("{} …", "x".repeat(10))
        );
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_letter(source in "[ \\n>*`|0-9.#\\[\\]()!<-]{0,60}|\\PC{0,60}", chars in 1usize..40) {
            to_letter(&source, SITE);
            prop_assert!(opening(&source, SITE, chars).chars().count() <= chars + 2);
        }
    }
}

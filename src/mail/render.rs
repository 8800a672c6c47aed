//! The shape of every mail we write: a letter of paragraphs, as plain text and as HTML that says the same.
//!
//! The HTML needs no image, carries its styles inline (mail readers drop style sheets) and sets no colours but the
//! button's and those of lines, so that light and dark readers both show it as they show everything.

use askama::Template;

/// One piece of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paragraph {
    /// Words; line breaks stay.
    Text(String),
    /// What a person wrote in Markdown.
    Prose {
        /// Its words for the plain text, as `text::markdown::to_letter` writes them.
        text: String,
        /// The same as `text::markdown` rendered it, with whole addresses in its links.
        html: String,
    },
    /// The one thing to do.
    Action {
        /// What the button says.
        label: String,
        /// Where it leads: http or https, else only the label is shown.
        url: String,
    },
    /// Somebody's words.
    Quote {
        /// Who said them.
        author: String,
        /// What was said; line breaks stay.
        text: String,
    },
    /// Words in small type, such as how long a link is good.
    Small(String),
}

/// A mail before it is written out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// The subject, which is the title of the HTML too.
    pub subject: String,
    /// The language of the words, ISO 639-1.
    pub language: String,
    /// `Hello Anna,`
    pub greeting: String,
    /// The letter itself.
    pub paragraphs: Vec<Paragraph>,
    /// Who we are and why this mail came; line breaks stay.
    pub footer: String,
    /// Whether an answer by mail is read: then the marker stands on top.
    pub replies_welcome: bool,
}

/// The two bodies of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

#[derive(Template)]
#[template(path = "mail/layout.html")]
struct Html<'a> {
    letter: &'a Letter,
    marker: &'a str,
}

#[derive(Template)]
#[template(path = "mail/layout.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
    marker: &'a str,
}

/// Writes a letter out. Fails only when a template can't be written, which memory alone can cause.
pub fn render(letter: &Letter) -> Result<Rendered, askama::Error> {
    let marker = &super::marker::line(&letter.language);
    let text = Text { letter, marker }.render()?;
    let html = Html { letter, marker }.render()?;
    Ok(Rendered {
        text: text.trim().to_owned() + "\n",
        html,
    })
}

/// HTML of a person's words with the little style that it needs where no style sheet is read: code breaks its lines
/// instead of widening a phone's page, and a quote looks like one.
fn styled(html: &str) -> String {
    // What people type stands escaped in there, so these are tags of the renderer's.
    html.replace(
        "<pre>",
        "<pre style=\"margin:0 0 16px;white-space:pre-wrap\">",
    )
    .replace(
        "<blockquote>",
        "<blockquote style=\"margin:0 0 16px;padding:0 0 0 12px;border-left:3px solid #8899aa\">",
    )
}

fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            subject: "We found <your> answer".to_owned(),
            language: "en".to_owned(),
            greeting: "Hello Anna,".to_owned(),
            paragraphs: vec![
                Paragraph::Text("It works again.\nTry it.".to_owned()),
                Paragraph::Quote {
                    author: "Jo".to_owned(),
                    text: "<script>alert(1)</script>\nsecond".to_owned(),
                },
                Paragraph::Action {
                    label: "See the thread".to_owned(),
                    url: "https://example.com/t/1?a=1&b=2".to_owned(),
                },
                Paragraph::Action {
                    label: "Bad".to_owned(),
                    url: "javascript:alert(1)".to_owned(),
                },
                Paragraph::Small("The link is good for a day.".to_owned()),
            ],
            footer: "Acme, Main Street 1\nYou asked us.".to_owned(),
            replies_welcome: true,
        }
    }

    #[test]
    fn text_and_html_say_the_same() {
        let Rendered { text, html } = render(&letter()).expect("renders");
        for words in [
            "Hello Anna,",
            "It works again.",
            "second",
            "See the thread",
            "good for a day",
            "Main Street 1",
            "-- reply above this line --",
        ] {
            assert!(text.contains(words), "{text}");
            assert!(html.contains(words), "{html}");
        }
        assert!(
            text.contains("> <script>alert(1)</script>\n> second"),
            "{text}"
        );
        assert!(
            text.contains("See the thread:\nhttps://example.com/t/1?a=1&b=2"),
            "{text}"
        );
        assert!(text.starts_with("-- reply above this line --"), "{text}");
        assert!(!text.contains("\n\n\n"), "{text}");
    }

    #[test]
    fn code_does_not_widen_a_phones_page() {
        let html =
            crate::text::markdown::render("> quoted\n\n```\na <pre> of code\n```").into_string();
        let letter = Letter {
            paragraphs: vec![Paragraph::Prose {
                text: String::new(),
                html,
            }],
            ..letter()
        };
        let html = render(&letter).expect("renders").html;
        assert_eq!(html.matches("white-space:pre-wrap").count(), 1, "{html}");
        assert!(!html.contains("<blockquote>"), "{html}");
    }

    #[test]
    fn html_is_escaped_and_links_only_to_the_web() {
        let html = render(&letter()).expect("renders").html;
        assert!(
            !html.contains("<script") && !html.contains("javascript:") && !html.contains("<img"),
            "{html}"
        );
        assert!(html.contains("Try it.") && html.contains("<br>"), "{html}");
    }

    #[test]
    fn an_answer_above_the_marker_is_found_again() {
        for language in ["en", "de", "ja"] {
            let letter = Letter {
                language: language.to_owned(),
                ..letter()
            };
            let sent = render(&letter).expect("renders").text;
            let answer = format!("Thanks, it works.\n\n{sent}");
            assert_eq!(
                crate::mail::trim::trim(&answer).reply_text,
                "Thanks, it works.",
                "{language}"
            );
        }
    }

    #[test]
    fn no_marker_where_answers_are_not_read() {
        let letter = Letter {
            replies_welcome: false,
            ..letter()
        };
        let Rendered { text, html } = render(&letter).expect("renders");
        let words = "reply above this line";
        assert!(!text.contains(words) && !html.contains(words));
    }
}

//! Pictures within a message: shown where they stand in its words; those of signatures are not.

use serde::{Deserialize, Serialize};

use super::FileLine;

/// Largest file that may be a signature's logo (bytes).
pub const LOGO_BYTES_MAX: i64 = 5 * 1024;

/// How a file of a message is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// In the list below the words.
    #[default]
    File,
    /// Within the words, at its mark `[image: name]`.
    Inline,
    /// Small, within the words, and seen before: a signature's.
    Logo,
}

impl Shown {
    const ALL: [Shown; 3] = [Shown::File, Shown::Inline, Shown::Logo];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Shown::File => "file",
            Shown::Inline => "inline",
            Shown::Logo => "logo",
        }
    }

    pub fn of(word: &str) -> Shown {
        let found = Shown::ALL.into_iter().find(|shown| shown.as_str() == word);
        found.unwrap_or_default()
    }
}

/// Whether a page may show it as a picture: kinds that hold nothing a browser runs.
pub fn is_picture(content_type: &str) -> bool {
    matches!(
        content_type,
        "image/png" | "image/jpeg" | "image/gif" | "image/webp"
    )
}

/// A stretch of a message.
#[derive(Clone, Debug)]
pub enum Piece {
    Words(String),
    Picture(FileLine),
}

/// A message with its pictures in their places.
#[derive(Clone, Debug, Default)]
pub struct Illustrated {
    pub pieces: Vec<Piece>,
    /// What the list below shows.
    pub files: Vec<FileLine>,
    /// What it does not show by itself.
    pub logos: Vec<FileLine>,
}

/// Puts the pictures of a message where its words mark them. A picture without a mark is listed.
pub fn illustrate(body: &str, files: Vec<FileLine>) -> Illustrated {
    let mut all = Illustrated::default();
    let mut rest = body.to_owned();
    for file in files {
        let mark = format!("[image: {}]", file.filename);
        match file.shown {
            Shown::File => all.files.push(file),
            Shown::Logo => {
                rest = rest.replacen(&mark, "", 1);
                all.logos.push(file);
            }
            Shown::Inline => match rest.contains(&mark) {
                true => all.pieces.push(Piece::Picture(file)),
                false => all.files.push(file),
            },
        }
    }
    let mut pictures: Vec<FileLine> = std::mem::take(&mut all.pieces)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Picture(file) => Some(file),
            Piece::Words(_) => None,
        })
        .collect();
    let mut rest = rest.as_str();
    while let Some((at, mark, index)) = next_mark(rest, &pictures) {
        let words = rest[..at].trim_matches('\n');
        if !words.is_empty() {
            all.pieces.push(Piece::Words(words.to_owned()));
        }
        all.pieces.push(Piece::Picture(pictures.remove(index)));
        rest = &rest[at + mark..];
    }
    let words = rest.trim_matches('\n');
    if !words.is_empty() || all.pieces.is_empty() {
        all.pieces.push(Piece::Words(words.to_owned()));
    }
    // Two pictures of one name and one mark: the second is listed.
    all.files.append(&mut pictures);
    all
}

/// Where the first mark of any of these stands, its length, and whose it is.
fn next_mark(text: &str, pictures: &[FileLine]) -> Option<(usize, usize, usize)> {
    let places = pictures.iter().enumerate().filter_map(|(index, file)| {
        let mark = format!("[image: {}]", file.filename);
        Some((text.find(&mark)?, mark.len(), index))
    });
    places.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AttachmentId, TicketMessageId};

    fn file(id: i64, filename: &str, shown: Shown) -> FileLine {
        FileLine {
            id: AttachmentId(id),
            message: TicketMessageId(1),
            filename: filename.to_owned(),
            content_type: "image/png".to_owned(),
            byte_count: 9,
            shown,
        }
    }

    fn told(all: &Illustrated) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Picture(file) => format!("<{}>", file.id),
        };
        let listed =
            |files: &[FileLine]| files.iter().map(|f| f.id.to_string()).collect::<Vec<_>>();
        let pieces: Vec<String> = all.pieces.iter().map(piece).collect();
        format!(
            "{}|{}|{}",
            pieces.join("/"),
            listed(&all.files).join(","),
            listed(&all.logos).join(",")
        )
    }

    #[test]
    fn pictures_stand_where_they_are_marked_and_once() {
        let files = vec![
            file(1, "a.png", Shown::Inline),
            file(2, "a.png", Shown::Inline),
            file(3, "b.png", Shown::Inline),
            file(4, "log.txt", Shown::File),
            file(5, "logo.png", Shown::Logo),
            file(6, "c.png", Shown::Inline),
        ];
        let body =
            "See\n[image: b.png]\nand [image: a.png][image: a.png] there.\n[image: logo.png]";
        let all = illustrate(body, files);
        assert_eq!(told(&all), "See/<3>/and /<1>/<2>/ there.|4,6|5");
        assert_eq!(told(&illustrate("", vec![])), "||");
        let same = vec![file(1, "a", Shown::Inline), file(2, "a", Shown::Inline)];
        assert_eq!(told(&illustrate("[image: a]", same)), "<1>|2|");
    }
}

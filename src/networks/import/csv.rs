//! The rows of a CSV file.

use std::io::BufRead;

use super::lines::Lines;
use super::row::{Row, lacking};
use super::{at_line, problem};
use crate::networks::Problem;

/// Longest CSV row, in bytes: several times the longest text.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// The rows of a CSV file (RFC 4180). One whose quotation marks don't end is refused alone: its
/// second line is read as the next row, so that it swallows nothing.
pub(super) struct CsvRows<R> {
    lines: Lines<R>,
    names: Vec<String>,
}

impl<R: BufRead> CsvRows<R> {
    pub(super) fn new(source: R) -> Result<CsvRows<R>, Problem> {
        let mut rows = CsvRows {
            lines: Lines::new(source),
            names: Vec::new(),
        };
        let (names, line) = rows
            .cells()
            .unwrap_or_else(|| Err(problem("the file", "is empty")))?;
        rows.names = names.iter().map(|n| n.to_ascii_lowercase()).collect();
        match lacking(&rows.names) {
            None => Ok(rows),
            Some(reason) => Err(at_line(line, &reason)),
        }
    }

    pub(super) fn next(&mut self) -> Option<Result<(Row, u64), Problem>> {
        let row = self.cells()?.and_then(|(cells, line)| {
            if cells.len() > self.names.len() {
                let reason = "has more columns than the header: text with commas stands in quotes";
                return Err(at_line(line, reason));
            }
            let row = self.names.iter().cloned().zip(cells);
            Ok((row.filter(|(_, cell)| !cell.is_empty()).collect(), line))
        });
        Some(row)
    }

    /// The cells of the next row, without blanks around them, and the line it begins in.
    fn cells(&mut self) -> Option<Result<(Vec<String>, u64), Problem>> {
        let mut cells = Cells::default();
        let mut taken = Vec::new();
        let mut bytes = 0;
        loop {
            match self.lines.next() {
                None if taken.is_empty() => return None,
                None => break,
                Some(Err(problem)) if taken.is_empty() => return Some(Err(problem)),
                Some(Err(problem)) => {
                    taken.push(Err(problem));
                    break;
                }
                Some(Ok(line)) if taken.is_empty() && line.trim_ascii().is_empty() => {}
                Some(Ok(line)) => {
                    let read = cells.read(&line);
                    bytes += line.len();
                    taken.push(Ok(line));
                    match read {
                        Reading::Open if bytes <= ROW_BYTES_MAX => {}
                        Reading::Open | Reading::Astray => break,
                        Reading::Whole => {
                            let began = self.lines.number + 1 - taken.len() as u64;
                            let cells = cells.in_words().map(|cells| (cells, began));
                            return Some(cells.map_err(|reason| at_line(began, reason)));
                        }
                    }
                }
            }
        }
        self.lines.give_back(taken.split_off(1));
        Some(Err(at_line(
            self.lines.number,
            "has a quotation mark that is not closed, or one within quotes that is not doubled",
        )))
    }
}

/// The cells of a row, as its lines are read.
#[derive(Default)]
struct Cells {
    whole: Vec<Vec<u8>>,
    cell: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy, Default)]
enum Place {
    #[default]
    Start,
    Plain,
    Quoted,
    /// After a quotation mark within quotes, which ends them or is the first of two.
    Mark,
}

enum Reading {
    Whole,
    /// The row goes on in the next line.
    Open,
    /// Something stands behind the end of the quotes.
    Astray,
}

impl Cells {
    fn read(&mut self, line: &[u8]) -> Reading {
        for byte in line {
            self.place = match (self.place, byte) {
                (Place::Start, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::Mark,
                (Place::Quoted, _) | (Place::Mark, b'"') => {
                    self.cell.push(*byte);
                    Place::Quoted
                }
                (_, b',') => {
                    self.whole.push(std::mem::take(&mut self.cell));
                    Place::Start
                }
                (place, b'\r' | b'\n') => place,
                (Place::Mark, _) => return Reading::Astray,
                (Place::Start | Place::Plain, _) => {
                    self.cell.push(*byte);
                    Place::Plain
                }
            };
        }
        if matches!(self.place, Place::Quoted) {
            return Reading::Open;
        }
        self.whole.push(std::mem::take(&mut self.cell));
        Reading::Whole
    }

    fn in_words(self) -> Result<Vec<String>, &'static str> {
        let words = |cell| match String::from_utf8(cell) {
            Ok(cell) => Ok(cell.trim().to_owned()),
            Err(_) => Err("is not UTF-8"),
        };
        self.whole.into_iter().map(words).collect()
    }
}

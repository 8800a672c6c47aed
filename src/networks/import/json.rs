//! JSON values one after the other.

use std::io::BufRead;

use serde_json::Value;

use super::at_line;
use super::lines::{ITEM_BYTES_MAX, Lines};
use crate::networks::Problem;

/// JSON values one after the other: one a line, or spread over lines.
pub(super) struct JsonItems<R> {
    lines: Lines<R>,
    /// Values span lines; found out at the first one.
    spread: Option<bool>,
}

impl<R: BufRead> JsonItems<R> {
    pub(super) fn new(source: R) -> JsonItems<R> {
        JsonItems {
            lines: Lines::new(source),
            spread: None,
        }
    }

    pub(super) fn next(&mut self) -> Option<Result<(Value, u64), Problem>> {
        let mut text: Vec<u8> = Vec::new();
        let mut depth = Depth::default();
        let mut began = 0;
        loop {
            let line = match self.lines.next() {
                Some(Ok(line)) => line,
                Some(Err(problem)) => return Some(Err(problem)),
                None if text.is_empty() => return None,
                None => return Some(Err(at_line(began, "ends before its JSON does"))),
            };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if text.is_empty() {
                began = self.lines.number;
            }
            depth.feed(&line);
            text.extend(line);
            if text.len() > ITEM_BYTES_MAX {
                return Some(Err(at_line(began, "is longer than 16 MB")));
            }
            let spread = *self
                .spread
                .get_or_insert_with(|| depth.open > 0 && looks_spread(&text));
            if spread && depth.open > 0 {
                continue;
            }
            let value = serde_json::from_slice::<Value>(&text);
            return Some(
                value
                    .map(|value| (value, began))
                    .map_err(|error| at_line(began, &format!("is not JSON ({error})"))),
            );
        }
    }
}

/// A first line that is open and breaks off where a printer breaks lines.
fn looks_spread(line: &[u8]) -> bool {
    matches!(
        line.trim_ascii_end().last(),
        Some(b'{' | b'[' | b',' | b':')
    )
}

/// Brackets open at a point of a JSON text.
#[derive(Default)]
struct Depth {
    open: i64,
    in_string: bool,
    escaped: bool,
}

impl Depth {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.open += 1,
                b'}' | b']' if !self.in_string => self.open -= 1,
                _ => {}
            }
        }
    }
}

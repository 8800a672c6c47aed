//! The lines of a file.

use std::collections::VecDeque;
use std::io::BufRead;

use super::{at_line, unreadable};
use crate::networks::Problem;

/// Longest line or document of JSON, in bytes; a page of 100 long posts stays below 4 MB.
pub(super) const ITEM_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The lines of a file with their ends, `\n`, `\r\n` or `\r`, none longer than an item may be.
pub(super) struct Lines<R> {
    source: R,
    /// The line given last.
    pub(super) number: u64,
    /// Lines that were given back.
    ahead: VecDeque<Result<Vec<u8>, Problem>>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Lines<R> {
        Lines {
            source,
            number: 0,
            ahead: VecDeque::new(),
            ended: false,
        }
    }

    pub(super) fn next(&mut self) -> Option<Result<Vec<u8>, Problem>> {
        let line = match self.ahead.pop_front() {
            None if self.ended => None,
            None => self.read().transpose(),
            given_back => given_back,
        };
        self.number += u64::from(line.is_some());
        line
    }

    /// Takes back the lines given last.
    pub(super) fn give_back(&mut self, lines: Vec<Result<Vec<u8>, Problem>>) {
        self.number -= lines.len() as u64;
        for line in lines.into_iter().rev() {
            self.ahead.push_front(line);
        }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut line = Vec::new();
        let mut is_too_long = false;
        loop {
            let buffer = self.look()?;
            let end = buffer.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let used = end.map_or(buffer.len(), |at| at + 1);
            is_too_long |= line.len() + used > ITEM_BYTES_MAX;
            if !is_too_long {
                line.extend_from_slice(&buffer[..used]);
            }
            let ends_in = end.map(|at| buffer[at]);
            self.source.consume(used);
            self.ended = used == 0;
            if ends_in == Some(b'\r') && self.look()?.first() == Some(&b'\n') {
                line.push(b'\n');
                self.source.consume(1);
            }
            if ends_in.is_some() || self.ended {
                break;
            }
        }
        if is_too_long {
            return Err(at_line(self.number + 1, "is longer than 16 MB"));
        }
        Ok((!line.is_empty()).then_some(line))
    }

    fn look(&mut self) -> Result<&[u8], Problem> {
        self.ended = true;
        let buffer = self.source.fill_buf().map_err(|error| unreadable(&error))?;
        self.ended = false;
        Ok(buffer)
    }
}

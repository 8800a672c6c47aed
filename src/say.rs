//! What commands say on standard output, whose reader may leave before all is said (`offramp doctor | head`).

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::process::exit;

/// Exit code of a command whose words could not be written, as to a full disk (sysexits.h: EX_IOERR).
const EX_IOERR: i32 = 74;

/// A line on standard output; `say!` writes it. That nobody reads any more is no reason to stop: the exit code still
/// tells how it went.
pub fn line(words: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{words}").and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("offramp: writing to standard output: {error}");
        exit(EX_IOERR);
    }
}

/// `println!` that does not panic when its reader is gone.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(::std::format_args!($($words)*)) };
}

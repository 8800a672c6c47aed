//! `offramp model fetch`: the files of the sentence model, each from its configured address, kept only
//! when it is the very file whose SHA-256 is configured.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The model's weights.
pub const WEIGHTS: &str = "model.safetensors";
/// Its words.
pub const VOCABULARY: &str = "vocab.txt";
/// Largest file that is fetched, in bytes.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// SHA-256 of all parts, one after the other, in lower hexadecimals.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    parts.iter().for_each(|part| sum.update(part));
    hexadecimals(&sum.finalize())
}

/// SHA-256 of a file, in lower hexadecimals.
pub fn digest_of(path: &Path) -> io::Result<String> {
    copy(File::open(path)?, io::sink())
}

fn hexadecimals(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Copies at most [`FILE_BYTES_MAX`]; the SHA-256 of what was copied.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<String> {
    let (mut sum, mut total) = (Sha256::new(), 0u64);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        total += count as u64;
        if total > FILE_BYTES_MAX {
            let words = format!("larger than {FILE_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        sum.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
    }
    to.flush()?;
    Ok(hexadecimals(&sum.finalize()))
}

/// Puts what `from` gives in place of `name`, in one step, if its SHA-256 is `wanted`; otherwise an
/// error, and what was there stays.
pub fn keep(dir: &Path, name: &str, from: impl Read, wanted: &str) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let part = dir.join(format!("{name}.part"));
    let kept = File::create(&part).and_then(|file| {
        let found = copy(from, &file)?;
        if !found.eq_ignore_ascii_case(wanted) {
            let words = format!("its SHA-256 is {found}, not the configured {wanted}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        file.sync_all()?;
        fs::rename(&part, dir.join(name))
    });
    if kept.is_err() {
        // What is left of it is of no use; a next attempt writes over it anyway.
        let _ = fs::remove_file(&part);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_file_is_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let wanted = digest(&[b"words"]);
        keep(dir.path(), VOCABULARY, &b"words"[..], &wanted).expect("kept");
        let refused = keep(dir.path(), VOCABULARY, &b"other"[..], &wanted).expect_err("refused");
        assert!(
            refused.to_string().contains("not the configured"),
            "{refused}"
        );
        let kept = fs::read(dir.path().join(VOCABULARY)).expect("a file");
        assert_eq!(kept, b"words");
        assert_eq!(
            digest_of(&dir.path().join(VOCABULARY)).expect("a digest"),
            wanted
        );
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }
}

//! Files that came with forms and mails: kept by the hash of their content under the data
//! folder, so that the same file is stored once and a name from outside never becomes a path.

use std::io::Write;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::keys;
use crate::random::Random;

/// The folder of uploads.
#[derive(Clone)]
pub struct Files {
    dir: PathBuf,
    random: Random,
}

impl Files {
    pub fn new(dir: PathBuf, random: Random) -> Files {
        Files { dir, random }
    }

    /// Stores `bytes`, durably before it answers; the key is their SHA-256.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        let key = keys::digest(bytes);
        let path = self.path(&key);
        // A file of another length was cut short, and is written anew.
        if std::fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64) {
            return Ok(key);
        }
        let dir = self.dir.join(&key[..2]);
        std::fs::create_dir_all(&dir)
            .map_err(|e| Error::io(format!("making {}", dir.display()), e))?;
        let unfinished = dir.join(format!("{key}.{}.part", self.random.token()));
        let written = std::fs::File::create_new(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)?;
            // The names are on the disk too, else a power cut takes the file with them.
            std::fs::File::open(&dir)?.sync_all()?;
            std::fs::File::open(&self.dir)?.sync_all()
        });
        written.map_err(|e| {
            let _ = std::fs::remove_file(&unfinished);
            Error::io(format!("writing {}", path.display()), e)
        })?;
        Ok(key)
    }

    /// Reads what `put` stored under `key`; `None` when there is nothing.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let is_key = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_key {
            return Ok(None);
        }
        let path = self.path(key);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(format!("reading {}", path.display()), e)),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(&key[..2]).join(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().join("uploads"), Random::seeded(1));
        let key = files.put(b"hello").unwrap();
        assert_eq!(files.put(b"hello").unwrap(), key);
        assert_eq!(files.get(&key).unwrap().as_deref(), Some(&b"hello"[..]));
        assert_eq!(files.get("../../etc/passwd").unwrap(), None);
        assert_eq!(files.get(&"0".repeat(64)).unwrap(), None);
    }

    #[test]
    fn a_file_that_was_cut_short_is_written_anew_and_nothing_unfinished_stays() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().to_owned(), Random::seeded(1));
        let key = files.put(b"hello").unwrap();
        std::fs::write(files.path(&key), b"he").unwrap();
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| files.put(b"hello").unwrap());
            }
        });
        assert_eq!(files.get(&key).unwrap().as_deref(), Some(&b"hello"[..]));
        let left = std::fs::read_dir(files.path(&key).parent().unwrap()).unwrap();
        assert_eq!(left.count(), 1);
    }
}

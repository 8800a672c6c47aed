//! Files that came with forms and mails: kept by the hash of their content under the data
//! folder, so that the same file is stored once and a name from outside never becomes a path.

use std::io::Write;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::keys;

/// The folder of uploads.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    pub fn new(dir: PathBuf) -> Files {
        Files { dir }
    }

    /// Stores `bytes`, durably before it answers; the key is their SHA-256.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        let key = keys::digest(bytes);
        let path = self.path(&key);
        if path.exists() {
            return Ok(key);
        }
        let dir = self.dir.join(&key[..2]);
        std::fs::create_dir_all(&dir)
            .map_err(|e| Error::io(format!("making {}", dir.display()), e))?;
        let unfinished = dir.join(format!("{key}.{}.part", std::process::id()));
        let written = std::fs::File::create(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)
        });
        written.map_err(|e| Error::io(format!("writing {}", path.display()), e))?;
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
        let files = Files::new(dir.path().join("uploads"));
        let key = files.put(b"hello").unwrap();
        assert_eq!(files.put(b"hello").unwrap(), key);
        assert_eq!(files.get(&key).unwrap().as_deref(), Some(&b"hello"[..]));
        assert_eq!(files.get("../../etc/passwd").unwrap(), None);
        assert_eq!(files.get(&"0".repeat(64)).unwrap(), None);
    }
}

//! Files that came with forms and mails: kept by the hash of their content under the data
//! folder, so that the same file is stored once and a name from outside never becomes a path. And
//! how every file and folder of ours is made: for its owner alone, as it may hold what people wrote.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::keys::Digest;
use crate::random::Random;

/// Rights of the folders and files that we make.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The folder of keys in which unfinished files lie, as their keys are not known yet.
const UNFINISHED: &str = "00";

/// The folder of uploads.
#[derive(Clone)]
pub struct Files {
    dir: PathBuf,
    random: Random,
    /// Bytes of what is on its way into storage, in the whole process.
    under_way: Arc<AtomicUsize>,
}

impl Files {
    pub fn new(dir: PathBuf, random: Random) -> Files {
        Files {
            dir,
            random,
            under_way: Arc::default(),
        }
    }

    /// Stores `bytes`, durably before it answers; the key is their SHA-256.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        let mut upload = self.begin()?;
        upload.write(bytes)?;
        self.keep(&upload)
    }

    /// Room on the disk for what somebody sends, nothing at first.
    pub fn room(&self) -> Room {
        Room {
            under_way: self.under_way.clone(),
            taken: 0,
        }
    }

    /// A file that comes piece by piece.
    pub fn begin(&self) -> Result<Upload> {
        let dir = self.dir.join(UNFINISHED);
        make_dir(&dir).map_err(|e| Error::io(format!("making {}", dir.display()), e))?;
        let path = dir.join(format!("{}.part", self.random.token()));
        let file =
            create_new(&path).map_err(|e| Error::io(format!("making {}", path.display()), e))?;
        Ok(Upload {
            path,
            file,
            digest: Digest::default(),
            byte_count: 0,
        })
    }

    /// Stores what came, durably before it answers; the key is its SHA-256.
    pub fn keep(&self, upload: &Upload) -> Result<String> {
        let key = upload.digest.hex();
        let path = self.path(&key);
        // A file of another length was cut short, and is written anew.
        let is_whole = std::fs::metadata(&path).is_ok_and(|found| found.len() == upload.byte_count);
        if is_whole && self.renew(&key)? {
            return Ok(key);
        }
        let dir = self.dir.join(&key[..2]);
        make_dir(&dir).map_err(|e| Error::io(format!("making {}", dir.display()), e))?;
        let kept = upload.file.sync_all().and_then(|()| {
            std::fs::rename(&upload.path, &path)?;
            // The names are on the disk too, else a power cut takes the file with them.
            File::open(&dir)?.sync_all()?;
            File::open(&self.dir)?.sync_all()
        });
        kept.map_err(|e| Error::io(format!("writing {}", path.display()), e))?;
        Ok(key)
    }

    /// Reads what `put` stored under `key`; `None` when there is nothing.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        if !is_key(key) {
            return Ok(None);
        }
        let path = self.path(key);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(format!("reading {}", path.display()), e)),
        }
    }

    /// Whether there is a file under `key`.
    pub fn is_there(&self, key: &str) -> bool {
        is_key(key) && self.path(key).exists()
    }

    /// Lets a file count as new, for whoever is about to refer to it; false when there is none.
    pub fn renew(&self, key: &str) -> Result<bool> {
        if !self.is_there(key) {
            return Ok(false);
        }
        let path = self.path(key);
        let renewed = File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        match renewed {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io(format!("renewing {}", path.display()), e)),
        }
    }

    /// Removes what was put down, or renewed, before `before` and is not named by `used`, which
    /// answers those of the keys it is given that are. How many files went.
    pub fn remove_unused(
        &self,
        before: SystemTime,
        used: impl Fn(&[String]) -> Result<Vec<String>>,
    ) -> Result<usize> {
        let mut removed = 0;
        for dir in entries(&self.dir)? {
            // What lies beside our own folders and files is somebody else's.
            if !name_of(&dir).is_some_and(|name| is_folder_of_keys(&name)) {
                continue;
            }
            let mut old: Vec<PathBuf> = entries(&dir)?;
            old.retain(|file| is_ours(file) && is_older(file, before));
            if old.is_empty() {
                continue;
            }
            let keys: Vec<String> = old.iter().filter_map(|file| name_of(file)).collect();
            let used = used(&keys)?;
            for file in old {
                let is_used = name_of(&file).is_some_and(|key| used.contains(&key));
                // It may have been renewed meanwhile.
                if !is_used && is_older(&file, before) {
                    std::fs::remove_file(&file)
                        .map_err(|e| Error::io(format!("removing {}", file.display()), e))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(&key[..2]).join(key)
    }
}

/// What one sender takes of the disk for files on their way; given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    under_way: Arc<AtomicUsize>,
    taken: usize,
}

impl Room {
    /// Takes room for `bytes` more, unless all senders together would then have more than `max`.
    pub fn take(&mut self, bytes: usize, max: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= max);
        let has_room = self
            .under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok();
        if has_room {
            self.taken += bytes;
        }
        has_room
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.under_way.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

/// A file on its way into storage, on the disk; it goes with this unless it was kept.
#[derive(Debug)]
pub struct Upload {
    path: PathBuf,
    file: File,
    digest: Digest,
    byte_count: u64,
}

impl Upload {
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|e| Error::io(format!("writing {}", self.path.display()), e))?;
        self.digest.add(bytes);
        self.byte_count += bytes.len() as u64;
        Ok(())
    }

    pub fn byte_count(&self) -> u64 {
        self.byte_count
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Not there any more when it was kept.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Makes a folder that only its owner may enter, with those above it that are missing. One that
/// is there keeps the rights it has.
pub fn make_dir(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(dir)
}

/// Makes a file that only its owner may read, to be written; one that is there is an error.
pub fn create_new(path: &Path) -> std::io::Result<File> {
    private().write(true).create_new(true).open(path)
}

/// How a file is opened that, if it is made by that, only its owner may read.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Writes a whole file that only its owner may read; what it held is gone.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?
        .write_all(bytes)
}

fn is_key(key: &str) -> bool {
    key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Keys lie in folders named by their first two digits.
fn is_folder_of_keys(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A file under its key, or one that was not finished.
fn is_ours(file: &Path) -> bool {
    name_of(file).is_some_and(|name| is_key(&name) || name.ends_with(".part"))
}

fn name_of(file: &Path) -> Option<String> {
    Some(file.file_name()?.to_str()?.to_owned())
}

fn is_older(file: &Path, than: SystemTime) -> bool {
    let modified = std::fs::metadata(file).and_then(|about| about.modified());
    modified.is_ok_and(|at| at < than)
}

/// What is in a folder; nothing when there is none.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    match read() {
        Ok(paths) => Ok(paths),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Error::io(format!("reading {}", dir.display()), e)),
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
    fn what_is_kept_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().join("data/uploads"), Random::seeded(1));
        let kept = files.path(&files.put(b"hello").unwrap());
        let written = dir.path().join("data/written");
        write(&written, b"once").unwrap();
        write(&written, b"two").unwrap();
        assert_eq!(std::fs::read(&written).unwrap(), b"two");
        let rights = |path: &Path| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!([rights(&kept), rights(&written)], [0o600; 2]);
        let folders = [kept.parent(), kept.ancestors().nth(2), written.parent()];
        assert_eq!(folders.map(|dir| rights(dir.unwrap())), [0o700; 3]);
    }

    #[test]
    fn what_nothing_names_goes_when_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().join("uploads"), Random::seeded(1));
        let none = |_: &[String]| -> Result<Vec<String>> { Ok(Vec::new()) };
        let noon = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        assert_eq!(files.remove_unused(noon, none).unwrap(), 0, "no folder yet");
        let [used, unused, renewed, new] = ["used", "unused", "renewed", "new"].map(|word| {
            let key = files.put(word.as_bytes()).unwrap();
            let file = std::fs::File::options()
                .append(true)
                .open(files.path(&key))
                .unwrap();
            if word != "new" {
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
            key
        });
        assert_eq!(files.put(b"renewed").unwrap(), renewed);
        let unfinished = files.path(&unused).with_extension("x.part");
        std::fs::write(&unfinished, "un").unwrap();
        let unfinished = std::fs::File::options()
            .append(true)
            .open(&unfinished)
            .unwrap();
        unfinished.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let one = |keys: &[String]| -> Result<Vec<String>> {
            Ok(keys.iter().filter(|key| **key == used).cloned().collect())
        };
        assert_eq!(files.remove_unused(noon, one).unwrap(), 2);
        let there = [&used, &unused, &renewed, &new].map(|key| files.is_there(key));
        assert_eq!(there, [true, false, true, true]);
        assert!(!files.renew(&unused).unwrap());
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

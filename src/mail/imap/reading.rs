//! Taking the mail of an open folder: which mails are new, their sizes first, then a page at a time;
//! a page is marked as seen once it is committed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_imap::error::Error as ImapError;
use async_imap::types::{Fetch, Mailbox as Folder, UnsolicitedResponse};
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use super::Watch;
use super::connection::{COMMAND_MAX, Imap};
use super::trouble::{Trouble, said};
use crate::mail::arriving::Arriving;
use crate::mail::store::mailboxes::{self as store, Place};
use crate::text::counted;

/// Mails that are fetched, committed and marked together.
const PAGE_MAILS: usize = 50;
/// Mails of a page together (bytes); a larger one is a page of its own.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Mails whose sizes are asked for in one command: it stays well below the 8,192 bytes that servers
/// must take (RFC 7162, section 4).
const SIZES_AT_ONCE: usize = 500;
/// Longest wait for a page.
const PAGE_MAX: Duration = Duration::from_secs(5 * 60);

/// What is known of an open folder.
pub struct Reading {
    /// The newest mail that was taken; 0: none.
    last_uid: u32,
    /// Taken on this connection, and not to be fetched again if the server forgets that it was seen.
    taken: HashSet<u32>,
    /// Not taken: too large, or not given out. They are looked at again from time to time.
    left: BTreeMap<u32, Left>,
    /// Why mails could not be marked as seen.
    unmarked: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    TooLarge,
    NotGiven,
}

impl Reading {
    /// Begins where the last reading ended. In a folder that is new to us, or whose UIDs are
    /// (UIDVALIDITY changed: it was made anew), what was seen already is left alone, and the rest is
    /// taken: the inbox keeps what it has once.
    pub async fn begin(watch: &Watch, folder: &Folder) -> Result<Reading, Trouble> {
        let uid_validity = folder.uid_validity.map(i64::from);
        let kept = watch.read(store::place).await?;
        let last_uid = match kept {
            Some(place) if place.uid_validity == uid_validity => place.last_uid,
            _ => {
                // Without UIDNEXT nothing counts as new but what is unseen.
                let newest = folder
                    .uid_next
                    .map_or(u32::MAX, |next| next.saturating_sub(1));
                let place = Place {
                    uid_validity,
                    last_uid: i64::from(newest),
                };
                watch
                    .write(move |tx, name, _| store::set_place(tx, name, place))
                    .await?;
                place.last_uid
            }
        };
        Ok(Reading {
            last_uid: u32::try_from(last_uid).unwrap_or(u32::MAX),
            taken: HashSet::new(),
            left: BTreeMap::new(),
            unmarked: None,
        })
    }

    /// What was left is to be looked at again.
    pub fn look_again(&mut self) {
        self.left.clear();
    }

    /// Takes every mail that is new. When this ends well, nothing new is there; the answer says what
    /// was left.
    pub async fn take_new(
        &mut self,
        watch: &Watch,
        imap: &mut Imap,
    ) -> Result<Option<String>, Trouble> {
        loop {
            while imap.unsolicited_responses.try_recv().is_ok() {}
            let uids = self.new_uids(imap).await?;
            for some in uids.chunks(SIZES_AT_ONCE) {
                let sizes = sizes(imap, some).await?;
                for page in self.pages(some, &sizes, watch.mail_bytes_max()) {
                    self.take_page(watch, imap, &page).await?;
                }
            }
            // What the server announced meanwhile, it will not announce again.
            let mut has_more = !uids.is_empty();
            while let Ok(said) = imap.unsolicited_responses.try_recv() {
                has_more |= matches!(said, UnsolicitedResponse::Exists(_));
            }
            if !has_more {
                return Ok(self.note(watch.mail_bytes_max()));
            }
        }
    }

    /// Mails that nobody has seen, and those after the last that was taken, seen or not: somebody may
    /// look into the mailbox before us.
    async fn new_uids(&self, imap: &mut Imap) -> Result<Vec<u32>, Trouble> {
        let query = match self.last_uid.checked_add(1) {
            Some(next) => format!("UNDELETED OR UNSEEN UID {next}:*"),
            None => "UNDELETED UNSEEN".to_owned(),
        };
        let found = timeout(COMMAND_MAX, imap.uid_search(query)).await??;
        // `n:*` names the newest mail, even when it is older than n; it is taken, and so left out.
        let is_new = |uid: &u32| !self.taken.contains(uid) && !self.left.contains_key(uid);
        let mut uids: Vec<u32> = found.into_iter().filter(is_new).collect();
        uids.sort_unstable();
        Ok(uids)
    }

    /// Puts mails together; what is too large or was not told of is left.
    fn pages(
        &mut self,
        uids: &[u32],
        sizes: &BTreeMap<u32, usize>,
        bytes_max: usize,
    ) -> Vec<Vec<u32>> {
        let mut pages: Vec<Vec<u32>> = Vec::new();
        let mut page_bytes = 0;
        for uid in uids {
            let size = match sizes.get(uid) {
                None => {
                    self.left.insert(*uid, Left::NotGiven);
                    continue;
                }
                Some(size) if *size > bytes_max => {
                    self.left.insert(*uid, Left::TooLarge);
                    continue;
                }
                Some(size) => *size,
            };
            let fits = |page: &&mut Vec<u32>| page.len() < PAGE_MAILS;
            match pages.last_mut().filter(fits) {
                Some(page) if page_bytes + size <= PAGE_BYTES => {
                    page.push(*uid);
                    page_bytes += size;
                }
                _ => {
                    pages.push(vec![*uid]);
                    page_bytes = size;
                }
            }
        }
        pages
    }

    async fn take_page(
        &mut self,
        watch: &Watch,
        imap: &mut Imap,
        uids: &[u32],
    ) -> Result<(), Trouble> {
        let mut mails: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let fetching = async {
            let mut fetched = imap.uid_fetch(set(uids), "(UID BODY.PEEK[])").await?;
            while let Some(mail) = next(&mut fetched).await? {
                if let (Some(uid), Some(body)) = (mail.uid, mail.body())
                    && uids.contains(&uid)
                {
                    mails.insert(uid, body.to_vec());
                }
            }
            Ok::<(), Trouble>(())
        };
        timeout(PAGE_MAX, fetching).await??;
        for uid in uids.iter().filter(|uid| !mails.contains_key(uid)) {
            self.left.insert(*uid, Left::NotGiven);
        }
        let taken: Vec<u32> = mails.keys().copied().collect();
        let Some(&newest) = taken.last() else {
            return Ok(());
        };
        let arriving = mails.into_values().map(|raw| Arriving {
            raw,
            recipients: Vec::new(),
        });
        watch.accept(arriving.collect()).await?;
        self.taken.extend(&taken);
        self.mark_seen(imap, &taken).await?;
        watch
            .write(move |tx, name, now| store::advance(tx, name, i64::from(newest), now))
            .await?;
        self.last_uid = self.last_uid.max(newest);
        Ok(())
    }

    /// A server that does not let us is told of, and no reason to stop.
    async fn mark_seen(&mut self, imap: &mut Imap, uids: &[u32]) -> Result<(), Trouble> {
        let command = format!("UID STORE {} +FLAGS.SILENT (\\Seen)", set(uids));
        let marked = timeout(COMMAND_MAX, imap.run_command_and_check_ok(command)).await?;
        match marked {
            Ok(()) => self.unmarked = None,
            Err(error @ (ImapError::No(_) | ImapError::Bad(_))) => {
                self.unmarked = Some(said(&error));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// What stays in the mailbox, in words.
    fn note(&self, bytes_max: usize) -> Option<String> {
        let count = |what: Left| {
            let n = self.left.values().filter(|left| **left == what).count();
            i64::try_from(n).unwrap_or(i64::MAX)
        };
        let mut notes = Vec::new();
        let (large, not_given) = (count(Left::TooLarge), count(Left::NotGiven));
        if large > 0 {
            notes.push(format!(
                "{} larger than {} MB stayed in the mailbox; `mail.inbound_bytes_max` says what is taken.",
                counted(large, "mail"),
                bytes_max / 1024 / 1024
            ));
        }
        if not_given > 0 {
            notes.push(format!(
                "{} could not be had from the server, and will be asked for again.",
                counted(not_given, "mail")
            ));
        }
        if let Some(why) = &self.unmarked {
            notes.push(format!(
                "Mail was taken and can't be marked as read there: {why}. The account needs the right to write to the folder."
            ));
        }
        (!notes.is_empty()).then(|| notes.join(" "))
    }
}

async fn sizes(imap: &mut Imap, uids: &[u32]) -> Result<BTreeMap<u32, usize>, Trouble> {
    let asking = async {
        let mut sizes = BTreeMap::new();
        let mut fetched = imap.uid_fetch(set(uids), "(UID RFC822.SIZE)").await?;
        while let Some(mail) = next(&mut fetched).await? {
            if let (Some(uid), Some(size)) = (mail.uid, mail.size) {
                sizes.insert(uid, usize::try_from(size).unwrap_or(usize::MAX));
            }
        }
        Ok(sizes)
    };
    timeout(COMMAND_MAX, asking).await?
}

async fn next(
    fetched: &mut (impl Stream<Item = Result<Fetch, ImapError>> + Unpin),
) -> Result<Option<Fetch>, Trouble> {
    Ok(fetched.next().await.transpose()?)
}

/// UIDs as a command names them.
fn set(uids: &[u32]) -> String {
    let uids: Vec<String> = uids.iter().map(ToString::to_string).collect();
    uids.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded_by_number_and_bytes_and_leave_what_is_too_large() {
        let mut reading = Reading {
            last_uid: 0,
            taken: HashSet::new(),
            left: BTreeMap::new(),
            unmarked: None,
        };
        let uids: Vec<u32> = (1..=120).collect();
        let mut sizes: BTreeMap<u32, usize> = uids.iter().map(|uid| (*uid, 1_000)).collect();
        sizes.insert(3, 99_000_000);
        sizes.insert(4, PAGE_BYTES);
        sizes.remove(&7);
        let pages = reading.pages(&uids, &sizes, 25_000_000);
        let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1, 50, 50, 15]);
        assert!(reading.left[&3] == Left::TooLarge && reading.left[&7] == Left::NotGiven);
        let note = reading.note(25 * 1024 * 1024).expect("a note");
        assert!(note.contains("1 mail larger than 25 MB"), "{note}");
        reading.look_again();
        assert_eq!(reading.note(0), None);
    }
}

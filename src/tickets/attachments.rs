//! Files of messages: kept, and handed out as downloads that no browser runs.

use actix_web::HttpResponse;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue, HeaderName,
};

use super::pictures::Shown;
use super::store::{self, FoundFile, KeptFile};
use crate::app::App;
use crate::config::Limits;
use crate::error::{Problem, Result};
use crate::ids::{AttachmentId, CaseId};
use crate::mail::inbound::clean_filename;
use crate::people::CurrentUser;
use crate::web::{Failure, UploadedFile, are_files_too_large, files_limit};

/// Longest media type that is kept (characters); RFC 6838 allows 127 for each half.
const CONTENT_TYPE_CHARS_MAX: usize = 127;
const ANY_TYPE: &str = "application/octet-stream";

/// What stands against taking these files beside those that are kept: the limit that its page tells.
pub fn too_large(limits: &Limits, files: &[UploadedFile], kept: &[KeptFile]) -> Vec<Problem> {
    let new: u64 = files.iter().map(|f| f.upload.byte_count()).sum();
    let before: u64 = kept.iter().map(|f| f.byte_count.unsigned_abs()).sum();
    if !are_files_too_large(limits, files.len() + kept.len(), new + before) {
        return Vec::new();
    }
    let words = format!("Up to {} fit into one message.", files_limit(limits));
    vec![Problem::new("files", words)]
}

/// Puts uploads into storage.
pub fn keep(app: &App, files: &[UploadedFile]) -> Result<Vec<KeptFile>> {
    let keep = |f: &UploadedFile| {
        let key = app.files.keep(&f.upload)?;
        Ok(kept(
            &f.filename,
            &f.content_type,
            f.upload.byte_count(),
            key,
        ))
    };
    files.iter().map(keep).collect()
}

/// Puts one file into storage.
pub fn keep_bytes(app: &App, filename: &str, content_type: &str, bytes: &[u8]) -> Result<KeptFile> {
    let key = app.files.put(bytes)?;
    Ok(kept(filename, content_type, bytes.len() as u64, key))
}

/// A file in storage, under a name that is no path.
fn kept(filename: &str, content_type: &str, byte_count: u64, storage_key: String) -> KeptFile {
    let name = clean_filename(filename);
    KeptFile {
        filename: if name.is_empty() { "file".into() } else { name },
        content_type: plain_type(content_type).to_owned(),
        byte_count: i64::try_from(byte_count).unwrap_or(i64::MAX),
        storage_key,
        shown: Shown::File,
    }
}

/// The media type when it is written plainly, without parameters.
fn plain_type(said: &str) -> &str {
    let plain = said.split(';').next().unwrap_or_default().trim();
    let is_token = |t: &str| {
        !t.is_empty()
            && t.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let is_plain = plain.len() <= CONTENT_TYPE_CHARS_MAX
        && plain
            .split_once('/')
            .is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    if is_plain { plain } else { ANY_TYPE }
}

/// For whom a file is asked.
pub enum Asker<'a> {
    Staff(&'a CurrentUser),
    /// Whoever holds the private address of this case.
    Customer(CaseId),
}

/// The file and its bytes; `None` when there is none for this person.
pub fn open(app: &App, id: AttachmentId, asker: &Asker<'_>) -> Result<Option<(KeptFile, Vec<u8>)>> {
    let found = app.db.read(|c| {
        let Some(found) = store::file(c, id)? else {
            return Ok(None);
        };
        Ok(may_read(c, &found, asker)?.then_some(found))
    })?;
    let Some(found) = found else { return Ok(None) };
    Ok(app
        .files
        .get(&found.file.storage_key)?
        .map(|bytes| (found.file, bytes)))
}

fn may_read(conn: &mut crate::db::Conn, found: &FoundFile, asker: &Asker<'_>) -> Result<bool> {
    Ok(match asker {
        Asker::Staff(user) => crate::cases::store::case(conn, found.case)?
            .is_some_and(|case| super::policy::can_read(user, &case)),
        Asker::Customer(case) => *case == found.case && found.direction.is_for_customer(),
    })
}

/// A download: saved, not shown, and without rights should a browser show it after all.
pub fn download(file: &KeptFile, bytes: Vec<u8>) -> Result<HttpResponse, Failure> {
    let ascii: String = file
        .filename
        .chars()
        .map(|c| if c.is_ascii() { c } else { '_' })
        .collect();
    let mut parameters = vec![DispositionParam::Filename(ascii)];
    if !file.filename.is_ascii() {
        // RFC 6266: for browsers that know it, beside the name above for those that don't.
        parameters.push(DispositionParam::FilenameExt(ExtendedValue {
            charset: Charset::Ext("UTF-8".into()),
            language_tag: None,
            value: file.filename.clone().into_bytes(),
        }));
    }
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters,
    };
    Ok(HttpResponse::Ok()
        .content_type(plain_type(&file.content_type))
        .insert_header(disposition)
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ))
        .body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_from_outside_never_becomes_a_header_of_its_own() {
        assert_eq!(plain_type("image/png; name=x"), "image/png");
        for bad in ["", "png", "text/html\r\nX-Evil: 1", "a/b/c", "text/ html"] {
            assert_eq!(plain_type(bad), ANY_TYPE, "{bad:?}");
        }
    }
}

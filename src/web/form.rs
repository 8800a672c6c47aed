//! Reading forms and query strings: bounded, cleaned, and never losing what was typed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{Failure, blocking, client_ip, csrf_token, session_token};
use crate::app::App;
use crate::config::Limits;
use crate::error::Problem;
use crate::files::{Room, Upload};
use crate::limits::Limit;

/// A form as sent: its fields as `T`.
///
/// Extracting it checks that the form is ours: a request with a session must carry the token
/// bound to that session in the field `csrf` (OWASP: synchroniser token).
pub struct Form<T> {
    pub fields: T,
}

/// A form that may come with files (`multipart/form-data`), checked as `Form` is. Its token must
/// stand before its files, so that none is read for another site's page.
pub struct FormWithFiles<T> {
    pub fields: T,
    pub files: Vec<UploadedFile>,
    /// What stands against files that were read and dropped, for the field `files`.
    pub refused: Vec<Problem>,
    /// Whether it was counted as a contact, as is done before anything of a file is stored for
    /// somebody whom `After` did not admit. An error holds the seconds until the next is allowed;
    /// then no file was read.
    pub counted: Option<Result<(), u64>>,
}

/// Extracts `A`, and `B` only once `A` went well: whoever may not send a form has none read.
pub struct After<A, B>(pub A, pub B);

/// Left in a request of somebody whom `After` let in.
struct Admitted;

/// A file as sent. The name is the sender's and not to be trusted as a path.
#[derive(Clone, Debug)]
pub struct UploadedFile {
    pub field: String,
    pub filename: String,
    pub content_type: String,
    /// Its bytes, on the disk until the request ends.
    pub upload: Arc<Upload>,
}

/// Most fields a form may have.
const FIELDS_MAX: usize = 200;
/// Most files a form may carry.
const FILES_MAX: usize = 10;
/// Size of all files of one form together (bytes): they leave in one mail, and most mail servers refuse
/// larger ones.
const FILES_BYTES_MAX: usize = 18 * 1024 * 1024;
/// Letters of a file's name that are said back.
const FILENAME_CHARS_SHOWN: usize = 80;
/// All files of a form together, in times of the largest single one, where that is less.
const FILES_WEIGHT_MAX: usize = 2;
/// Files of all forms that are being received, in times of what one form may carry: they lie on the
/// disk of the database, and a sender may take as long as they like.
const UNDER_WAY_FORMS_MAX: usize = 32;
/// When there may be room again (seconds); a guess at how long a form takes to arrive.
const BUSY_RETRY_SECONDS: u64 = 30;
/// Pieces in which a file goes to the disk (bytes): what a request holds of it in memory.
const PIECE_BYTES: usize = 256 * 1024;
/// Most parts of a form with files; each field and each file is one.
const PARTS_MAX: usize = FIELDS_MAX + FILES_MAX;

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Failure;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let payload = payload.take();
        let (tell, is_read) = watch::channel(false);
        req.extensions_mut().insert(Reading(is_read));
        Box::pin(async move {
            let app = app_of(&req)?;
            if is_multipart(&req) {
                return Err(Failure::bad("This form takes no files."));
            }
            let pairs = read_urlencoded(&app, payload).await?;
            keep(&req, &pairs);
            // Nobody may be waiting for it.
            let _ = tell.send(true);
            check_token(&app, &req, &pairs)?;
            Ok(Form {
                fields: typed(&pairs)?,
            })
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for FormWithFiles<T> {
    type Error = Failure;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let payload = payload.take();
        Box::pin(async move {
            let app = app_of(&req)?;
            let mut sent = if is_multipart(&req) {
                read_multipart(&app, &req, payload, Files::Read).await?
            } else {
                Sent {
                    pairs: read_urlencoded(&app, payload).await?,
                    ..Sent::default()
                }
            };
            keep(&req, &sent.pairs);
            check_token(&app, &req, &sent.pairs)?;
            if let Some(room) = sent.room.take() {
                // The files are there until the request ends.
                req.extensions_mut().insert(room);
            }
            Ok(FormWithFiles {
                fields: typed(&sent.pairs)?,
                files: sent.files,
                refused: sent.refused,
                counted: sent.counted,
            })
        })
    }
}

impl<A, B> FromRequest for After<A, B>
where
    A: FromRequest<Error = Failure> + 'static,
    B: FromRequest<Error = Failure> + 'static,
{
    type Error = Failure;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let first = match A::from_request(&req, &mut Payload::None).await {
                Err(Failure::LogInNeeded { .. }) if is_multipart(&req) => {
                    let app = app_of(&req)?;
                    let sent = read_multipart(&app, &req, payload, Files::Skip).await?;
                    return Err(Failure::logged_out(kept(&sent.pairs)));
                }
                other => other?,
            };
            req.extensions_mut().insert(Admitted);
            let second = B::from_request(&req, &mut payload).await?;
            Ok(After(first, second))
        })
    }
}

fn app_of(req: &HttpRequest) -> Result<App, Failure> {
    let app = req
        .app_data::<web::Data<App>>()
        .map(|a| a.get_ref().clone());
    Ok(app.ok_or_else(|| crate::error::Error::other("no App in the server's data"))?)
}

fn is_multipart(req: &HttpRequest) -> bool {
    req.headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Refuses a form that does not carry the token of the request's session.
fn check_token(app: &App, req: &HttpRequest, pairs: &Pairs) -> Result<(), Failure> {
    let Some(token) = session_token(app, req) else {
        return Ok(());
    };
    let sent = pairs.iter().find(|(name, _)| name == "csrf");
    if sent.is_some_and(|(_, value)| *value == csrf_token(app, &token)) {
        return Ok(());
    }
    Err(Failure::Bad {
        text: "This form is out of date, perhaps because you logged in again in another window. \
               Go back, reload the page and send it once more."
            .into(),
        kept: kept(pairs),
    })
}

/// Says when the form of a request was read.
#[derive(Clone)]
struct Reading(watch::Receiver<bool>);

/// What a person typed into the form of this request, for whoever refuses it: waits until the form
/// was read. Empty when the handler takes no form, or it could not be read.
pub async fn typed_text(req: &HttpRequest) -> Vec<(String, String)> {
    let reading = req.extensions().get::<Reading>().cloned();
    let Some(Reading(mut is_read)) = reading else {
        return Pairs::new();
    };
    // An error when its reader gave up; then nothing is kept.
    let _ = is_read.wait_for(|read| *read).await;
    let kept = req.extensions().get::<Kept>().map(|kept| kept.0.clone());
    kept.unwrap_or_default()
}

/// A query string as `T`. Fields that make no sense are an error in words; unknown ones are
/// ignored, because links from elsewhere append their own.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Failure;
    type Future = std::future::Ready<Result<Self, Failure>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = clean(url::form_urlencoded::parse(req.query_string().as_bytes()));
        std::future::ready(typed(&pairs).map(Query))
    }
}

type Pairs = Vec<(String, String)>;

/// Cut at `FIELDS_MAX`; without NUL, which PostgreSQL can't store; line ends as `\n`.
fn clean<'a>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
) -> Pairs {
    pairs
        .take(FIELDS_MAX)
        .map(|(name, value)| (name.into_owned(), clean_text(&value)))
        .collect()
}

fn clean_text(value: &str) -> String {
    value
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\0', "")
}

fn typed<T: DeserializeOwned>(pairs: &Pairs) -> Result<T, Failure> {
    let text = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    serde_urlencoded::from_str(&text).map_err(|e| Failure::Bad {
        text: format!("The form could not be read ({e}). Go back, check it and send it again."),
        kept: kept(pairs),
    })
}

/// Fields that no person fills in.
const HIDDEN: &[&str] = &[
    "csrf",
    "key",
    "request_key",
    "seen_similar",
    "seen",
    "next",
    "version",
];

/// What a person typed, without what they must not see again.
fn kept(pairs: &Pairs) -> Pairs {
    pairs
        .iter()
        .filter(|(name, value)| {
            !HIDDEN.contains(&name.as_str())
                && !name.contains("password")
                && value.chars().count() > 2
        })
        .cloned()
        .collect()
}

/// What was typed into the form of this request, for the page of any failure that follows.
pub(super) struct Kept(pub Pairs);

fn keep(req: &HttpRequest, pairs: &Pairs) {
    req.extensions_mut().insert(Kept(kept(pairs)));
}

async fn read_urlencoded(app: &App, mut payload: Payload) -> Result<Pairs, Failure> {
    let max = app.config.limits.body_bytes_max;
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Failure::bad("The form did not arrive whole. Try again."))?;
        if body.len() + chunk.len() > max {
            return Err(Failure::TooLarge(format!(
                "A form may have up to {} of text. Go back and shorten it.",
                size(max)
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(clean(url::form_urlencoded::parse(&body)))
}

/// A limit of bytes in words: `10 MB`.
pub fn size(bytes: usize) -> String {
    const MB: usize = 1024 * 1024;
    match bytes {
        n if n >= MB && n % MB == 0 => format!("{} MB", n / MB),
        n if n >= MB => format!("{:.1} MB", n as f64 / MB as f64),
        n if n >= 1024 => format!("{} KB", n / 1024),
        n => format!("{n} bytes"),
    }
}

/// Size of all files of one form together (bytes).
fn files_bytes_max(limits: &Limits) -> usize {
    let by_one = limits.upload_bytes_max.saturating_mul(FILES_WEIGHT_MAX);
    by_one.min(FILES_BYTES_MAX)
}

/// What files a form takes, in words: `10 files, 10 MB each and 18 MB together`.
pub fn files_limit(limits: &Limits) -> String {
    let (each, together) = (limits.upload_bytes_max, files_bytes_max(limits));
    format!(
        "{FILES_MAX} files, {} each and {} together",
        size(each),
        size(together)
    )
}

/// Whether so many files of so many bytes together are more than a form takes.
pub fn are_files_too_large(limits: &Limits, count: usize, bytes: u64) -> bool {
    count > FILES_MAX || bytes > files_bytes_max(limits) as u64
}

#[derive(Clone, Copy, PartialEq)]
enum Files {
    Read,
    /// Only the text that stands before them.
    Skip,
}

/// What came in a form with files.
#[derive(Default)]
struct Sent {
    pairs: Pairs,
    files: Vec<UploadedFile>,
    /// As in `FormWithFiles`.
    refused: Vec<Problem>,
    /// What its files take of the disk.
    room: Option<Room>,
    /// As in `FormWithFiles`.
    counted: Option<Result<(), u64>>,
}

async fn read_multipart(
    app: &App,
    req: &HttpRequest,
    payload: Payload,
    wanted: Files,
) -> Result<Sent, Failure> {
    let broken = |_| Failure::bad("The form did not arrive whole. Go back and send it again.");
    let text_max = app.config.limits.body_bytes_max;
    let file_max = app.config.limits.upload_bytes_max;
    let files_max = files_bytes_max(&app.config.limits);
    let mut multipart = actix_multipart::Multipart::new(req.headers(), payload);
    let (mut pairs, mut files, mut refused) = (Pairs::new(), Vec::new(), Vec::new());
    let mut has_too_many = false;
    let mut room = app.files.room();
    let under_way_max = files_max.saturating_mul(UNDER_WAY_FORMS_MAX);
    let is_admitted = req.extensions().get::<Admitted>().is_some();
    let mut counted = None;
    let (mut text_bytes, mut file_bytes, mut parts) = (0, 0, 0);
    while let Some(field) = multipart.next().await {
        let mut field = field.map_err(broken)?;
        parts += 1;
        if parts > PARTS_MAX {
            return Err(Failure::TooLarge(
                "A form with that many parts is none of ours.".into(),
            ));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field
            .content_disposition()
            .and_then(|d| d.get_filename().map(|f| f.replace('\0', "")));
        let content_type = field
            .content_type()
            .map(ToString::to_string)
            .unwrap_or_default();
        if filename.is_some() {
            if wanted == Files::Skip {
                break;
            }
            check_token(app, req, &pairs)?;
        }
        let mut bytes = Vec::new();
        let mut upload: Option<Upload> = None;
        let mut here = 0;
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(broken)?;
            here += chunk.len();
            if filename.is_some() && !is_admitted && counted.is_none() && !chunk.is_empty() {
                let asked = app.limits.check(Limit::Contact, &client_ip(app, req));
                counted = Some(asked);
                if asked.is_err() {
                    return Ok(Sent {
                        pairs,
                        counted,
                        ..Sent::default()
                    });
                }
            }
            let what = match &filename {
                None if text_bytes + here > text_max => {
                    format!("A form's text may have up to {}.", size(text_max))
                }
                Some(_) if file_bytes + here > files_max => {
                    format!("Up to {} fit.", files_limit(&app.config.limits))
                }
                // Read to its end, so that the form can come back with what was typed.
                Some(_) if here > file_max => {
                    (bytes, upload) = (Vec::new(), None);
                    continue;
                }
                Some(_) if !room.take(chunk.len(), under_way_max) => {
                    keep(req, &pairs);
                    return Err(Failure::Busy {
                        retry_seconds: BUSY_RETRY_SECONDS,
                    });
                }
                _ => {
                    bytes.extend_from_slice(&chunk);
                    if filename.is_some() && bytes.len() >= PIECE_BYTES {
                        let piece = std::mem::take(&mut bytes);
                        upload = Some(spooled(app, upload, piece).await?);
                    }
                    continue;
                }
            };
            keep(req, &pairs);
            return Err(Failure::TooLarge(format!("{what} Go back and send less.")));
        }
        match filename {
            // A file field left empty is sent as a file without a name.
            Some(filename) if filename.is_empty() && here == 0 => {}
            Some(filename) => {
                file_bytes += here;
                if here > file_max {
                    let name: String = filename.chars().take(FILENAME_CHARS_SHOWN).collect();
                    let text = format!(
                        "“{name}” is larger than {}; choose a smaller one, or go on without it.",
                        size(file_max)
                    );
                    refused.push(Problem::new("files", text));
                    continue;
                }
                if files.len() == FILES_MAX {
                    has_too_many = true;
                    continue;
                }
                files.push(UploadedFile {
                    field: name,
                    filename,
                    content_type,
                    upload: Arc::new(spooled(app, upload, bytes).await?),
                });
            }
            None => {
                text_bytes += bytes.len();
                if pairs.len() < FIELDS_MAX {
                    pairs.push((name, clean_text(&String::from_utf8_lossy(&bytes))));
                }
            }
        }
    }
    if has_too_many {
        let text = format!("Up to {FILES_MAX} files fit; those beyond were left out.");
        refused.push(Problem::new("files", text));
    }
    Ok(Sent {
        pairs,
        files,
        refused,
        room: Some(room),
        counted,
    })
}

/// The upload, begun when there is none yet, with a further piece of its file.
async fn spooled(app: &App, upload: Option<Upload>, piece: Vec<u8>) -> Result<Upload, Failure> {
    blocking(app, move |app| {
        let mut upload = match upload {
            Some(upload) => upload,
            None => app.files.begin()?,
        };
        upload.write(&piece)?;
        Ok(upload)
    })
    .await
}

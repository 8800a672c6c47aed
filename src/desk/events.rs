//! `/desk/events`: tells open pages of the desk that a case changed (server-sent events).
//! An event is only a hint to look again; what is lost is made good by the next look.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpResponse, http::header::ContentEncoding};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::db::changes::{Change, Subject};
use crate::live::Stream;
use crate::people::Staff;
use crate::web::{Answer, Failure};

/// Pages that may listen at a time, on one node.
const STREAMS_MAX: usize = 200;
/// A comment this often keeps proxies from closing the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After this the browser connects again by itself, and shows that its session still holds.
const STREAM_LASTS: Duration = Duration::from_secs(30 * 60);
/// How long the browser waits before it connects again (ms).
const RECONNECT_MS: u32 = 3_000;

struct Listening {
    changes: Receiver<Change>,
    stream: Stream,
    ends: Instant,
    greeted: bool,
}

/// `GET /desk/events`
pub async fn events(app: Data<App>, _staff: Staff) -> Answer {
    let stream = app.live.stream(STREAMS_MAX).ok_or(Failure::TooMany {
        retry_seconds: HEARTBEAT.as_secs(),
    })?;
    let listening = Listening {
        changes: app.live.listen(),
        stream,
        ends: Instant::now() + STREAM_LASTS,
        greeted: false,
    };
    let body = stream::unfold(listening, |mut listening| async move {
        let chunk = next(&mut listening).await?;
        Some((Ok::<_, actix_web::Error>(chunk), listening))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A compressor would hold events back until its block is full.
        .insert_header(ContentEncoding::Identity)
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

/// The next chunk; `None` ends the stream.
async fn next(listening: &mut Listening) -> Option<Bytes> {
    if !listening.greeted {
        listening.greeted = true;
        return Some(Bytes::from(format!("retry: {RECONNECT_MS}\n\n")));
    }
    let beat = Instant::now() + HEARTBEAT;
    loop {
        if Instant::now() >= listening.ends {
            return None;
        }
        let change = tokio::select! {
            () = listening.stream.closed() => return None,
            change = timeout_at(beat.min(listening.ends), listening.changes.recv()) => change,
        };
        match change {
            Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
            Ok(Err(RecvError::Closed)) => return None,
            Ok(Err(RecvError::Lagged(_))) => return Some(look_again()),
            Ok(Ok(first)) => {
                if let Some(chunk) = gather(first, &mut listening.changes) {
                    return Some(chunk);
                }
            }
        }
    }
}

/// One event for each case that changed, whatever else is ready taken along.
fn gather(first: Change, changes: &mut Receiver<Change>) -> Option<Bytes> {
    let mut cases = BTreeSet::new();
    let mut note = |change: Change| {
        if change.subject_kind == Subject::Case.as_str() {
            cases.insert(change.subject_id);
        }
    };
    note(first);
    loop {
        match changes.try_recv() {
            Ok(change) => note(change),
            Err(TryRecvError::Lagged(_)) => return Some(look_again()),
            Err(_) => break,
        }
    }
    if cases.is_empty() {
        return None;
    }
    let events: String = cases
        .iter()
        .map(|id| format!("event: case\ndata: {id}\n\n"))
        .collect();
    Some(Bytes::from(events))
}

/// Told to a listener who missed some.
fn look_again() -> Bytes {
    Bytes::from_static(b"event: reload\ndata: 0\n\n")
}

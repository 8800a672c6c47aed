//! The story of a case: everything that happened, in the order of time.

use std::collections::HashMap;

use crate::cases::store::{Note, StoredEvent};
use crate::cases::{self, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::forum::Thread;
use crate::ids::{CaseId, ThreadId, UserId};
use crate::people;
use crate::web::When;

/// Something that happened, or that somebody said.
pub enum Entry {
    Event(EventView),
    Note(NoteView),
}

pub struct EventView {
    pub at: When,
    /// The class of its dot.
    pub tone: &'static str,
    pub step: &'static str,
    pub actor: String,
    pub summary: String,
    pub reasons: Vec<String>,
    /// Address and title of the thread it is about.
    pub thread: Option<(String, String)>,
}

pub struct NoteView {
    pub at: When,
    pub author: String,
    pub author_id: i64,
    pub body: String,
}

impl Entry {
    fn at(&self) -> Moment {
        match self {
            Entry::Event(event) => event.at.at,
            Entry::Note(note) => note.at.at,
        }
    }
}

/// The events of a case and of those it took in, oldest first.
pub fn events_of(conn: &mut Conn, cases: &[CaseId]) -> Result<Vec<StoredEvent>> {
    let mut events = Vec::new();
    for case in cases {
        events.extend(cases::store::events(conn, *case)?);
    }
    events.sort_by_key(|e| e.id);
    Ok(events)
}

/// The thread an event is about.
pub fn thread_of_event(event: &StoredEvent) -> Option<ThreadId> {
    let target = event.data.get("target")?.as_str()?;
    target.strip_prefix("thread:")?.parse().ok()
}

/// Who did something, in words.
pub fn actor_words(kind: &str, name: &str) -> String {
    match kind {
        "rule" => format!("Offramp ({})", name.replace(['_', '-'], " ")),
        "customer" if name.is_empty() => "the customer".to_owned(),
        "customer" => format!("{name} (customer)"),
        _ => name.to_owned(),
    }
}

/// Puts everything into the order of time. `cases` are the case and those it took in.
pub fn tell(
    conn: &mut Conn,
    now: Moment,
    cases: &[CaseId],
    events: Vec<StoredEvent>,
    threads: &HashMap<ThreadId, Thread>,
) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = events
        .into_iter()
        .map(|event| Entry::Event(event_view(event, now, threads)))
        .collect();
    let mut notes: Vec<Note> = Vec::new();
    for case in cases {
        notes.extend(cases::store::notes(conn, *case)?);
    }
    let authors: Vec<UserId> = notes.iter().map(|n| UserId(n.author_id)).collect();
    let names = people::store::names(conn, &authors)?;
    entries.extend(notes.into_iter().map(|note| {
        Entry::Note(NoteView {
            at: When::new(note.created_at, now),
            author: names
                .get(&UserId(note.author_id))
                .cloned()
                .unwrap_or_default(),
            author_id: note.author_id,
            body: note.body,
        })
    }));
    // Stable: what happened in one moment stays in the order it was written.
    entries.sort_by_key(Entry::at);
    Ok(entries)
}

fn event_view(event: StoredEvent, now: Moment, threads: &HashMap<ThreadId, Thread>) -> EventView {
    let thread = thread_of_event(&event)
        .and_then(|id| threads.get(&id))
        .map(|thread| (thread.path(), thread.title.clone()));
    EventView {
        at: When::new(event.at.0, now),
        tone: tone(&event),
        step: event.step.label(),
        actor: actor_words(&event.actor_kind, &event.actor_name),
        summary: event.summary,
        reasons: event.reasons,
        thread,
    }
}

fn tone(event: &StoredEvent) -> &'static str {
    match event.step {
        Step::Capture | Step::Join | Step::Claim => "event-in",
        Step::CloseLoop => "event-good",
        Step::Deleted => "event-bad",
        Step::Acknowledge | Step::Ticket if event.actor_kind == "user" => "event-out",
        Step::Satisfaction => match event.data.get("verdict").and_then(|v| v.as_str()) {
            Some("solved") => "event-good",
            _ => "event-bad",
        },
        Step::State if event.data.get("to").and_then(|v| v.as_str()) == Some("resolved") => {
            "event-good"
        }
        _ if event.actor_kind == "rule" => "event-auto",
        _ => "",
    }
}

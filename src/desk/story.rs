//! The story of a case: everything that happened, in the order of time.

use std::collections::{HashMap, HashSet};

use crate::cases::store::{Note, StoredEvent};
use crate::cases::{self, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::actor_words;
use crate::error::Result;
use crate::escalations::store::{Mention, Reply, StoredTriage};
use crate::escalations::{self, Label, Standing};
use crate::forum::Thread;
use crate::ids::{CaseId, MentionId, ThreadId, UserId};
use crate::networks::Network;
use crate::people;
use crate::people::handles::{self, Handle};
use crate::text::personal_data;
use crate::tickets::pictures::{Illustrated, illustrate};
use crate::tickets::{Direction, Message};
use crate::web::When;

/// Mentions of one case that a page shows.
const MENTIONS_MAX: i64 = 200;
const MENTIONS_LIMIT: usize = MENTIONS_MAX as usize;

/// Something that happened, or that somebody said.
pub enum Entry {
    Event(EventView),
    Mention(MentionView),
    Message(MessageView),
    Note(NoteView),
    Reply(ReplyView),
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
    pub body: String,
}

/// A post of the customer's, as the network gave it.
pub struct MentionView {
    pub id: MentionId,
    pub at: When,
    pub network: &'static str,
    pub name: String,
    pub handle: String,
    pub url: Option<String>,
    pub text: String,
    /// The text with personal data covered, when it holds some.
    pub masked: Option<String>,
    pub is_deleted: bool,
    pub label: Option<Label>,
    /// Where nothing is left to do: why.
    pub standing: Option<Standing>,
    /// Whether it came to the case by a join, which a person can take back.
    pub is_joined: bool,
    /// Whether the author addressed us, so that the network lets us answer by itself.
    pub summoned: bool,
}

impl MentionView {
    /// Whether it was judged to be this.
    pub fn is(&self, label: &Label) -> bool {
        self.label.as_ref() == Some(label)
    }
}

/// A message of the ticket.
pub struct MessageView {
    pub at: When,
    pub direction: Direction,
    pub from: String,
    pub email: Option<String>,
    pub body: Illustrated,
    pub body_html: Option<String>,
    pub quoted: String,
    /// Where our mail stands, when it is not simply sent.
    pub trouble: Option<&'static str>,
}

impl MessageView {
    pub fn class(&self) -> &'static str {
        match self.direction {
            Direction::In => "message-in",
            Direction::Out => "message-out",
            Direction::Auto | Direction::Bounce => "message-auto",
        }
    }

    pub fn says(&self) -> &'static str {
        match self.direction {
            Direction::In => "wrote",
            Direction::Out => "answered by mail",
            Direction::Auto => "sent an automatic answer",
            Direction::Bounce => "reports on a mail of ours",
        }
    }
}

/// A public reply of ours that stands on the network.
pub struct ReplyView {
    pub at: When,
    pub network: &'static str,
    pub url: Option<String>,
    pub text: String,
}

impl Entry {
    fn at(&self) -> Moment {
        match self {
            Entry::Event(event) => event.at.at,
            Entry::Mention(mention) => mention.at.at,
            Entry::Message(message) => message.at.at,
            Entry::Note(note) => note.at.at,
            Entry::Reply(reply) => reply.at.at,
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

/// A mention with who wrote it and how it was judged.
pub struct Heard {
    pub mention: Mention,
    pub handle: Option<Handle>,
    pub triage: Option<StoredTriage>,
}

/// The newest mentions of a case and of those it took in, and those that `replies` answer, oldest
/// first; and whether there are older ones.
pub fn heard(conn: &mut Conn, cases: &[CaseId], replies: &[Reply]) -> Result<(Vec<Heard>, bool)> {
    let mut mentions = escalations::store::newest_mentions_of(conn, cases, MENTIONS_MAX)?;
    let has_older = mentions.len() >= MENTIONS_LIMIT;
    for reply in replies {
        if !mentions.iter().any(|m| m.id == reply.mention) {
            mentions.extend(escalations::store::mention(conn, reply.mention)?);
        }
    }
    mentions.sort_by_key(|m| m.id);
    Ok((with_judgement(conn, mentions)?, has_older))
}

/// These mentions with who wrote them and how they were judged.
pub fn with_judgement(conn: &mut Conn, mentions: Vec<Mention>) -> Result<Vec<Heard>> {
    let of: Vec<MentionId> = mentions.iter().map(|m| m.id).collect();
    let mut triages = escalations::store::triages_of(conn, &of)?;
    let ids: Vec<i64> = mentions
        .iter()
        .filter_map(|m| m.handle)
        .map(|h| h.0)
        .collect();
    let handles = handles::by_ids(conn, &ids)?;
    let heard = mentions.into_iter().map(|mention| Heard {
        handle: mention.handle.and_then(|h| handles.get(&h.0).cloned()),
        triage: triages.remove(&mention.id),
        mention,
    });
    Ok(heard.collect())
}

/// The public replies of a case and of those it took in, oldest first.
pub fn replies(conn: &mut Conn, cases: &[CaseId]) -> Result<Vec<Reply>> {
    let mut replies = Vec::new();
    for case in cases {
        replies.extend(escalations::store::replies_of(conn, *case)?);
    }
    Ok(replies)
}

/// What was said and done, as it was loaded.
pub struct Parts<'a> {
    /// The case and those it took in.
    pub cases: &'a [CaseId],
    pub events: Vec<StoredEvent>,
    pub threads: &'a HashMap<ThreadId, Thread>,
    pub heard: &'a [Heard],
    pub replies: &'a [Reply],
    pub messages: Vec<Message>,
}

/// Puts everything into the order of time.
pub fn tell(conn: &mut Conn, now: Moment, parts: Parts<'_>) -> Result<Vec<Entry>> {
    let Parts {
        cases,
        events,
        threads,
        heard,
        replies,
        messages,
    } = parts;
    let joined: HashSet<MentionId> = events
        .iter()
        .filter(|event| event.step == Step::Join)
        .filter_map(|event| event.mention)
        .collect();
    let mut entries: Vec<Entry> = heard
        .iter()
        .map(|heard| {
            let is_here = heard.mention.case.is_some_and(|case| cases.contains(&case));
            let is_joined = is_here && joined.contains(&heard.mention.id);
            Entry::Mention(MentionView {
                is_joined,
                ..mention_view(heard, now)
            })
        })
        .collect();
    entries.extend(
        messages
            .into_iter()
            .map(|m| Entry::Message(message_view(m, now))),
    );
    entries.extend(
        replies
            .iter()
            .filter_map(|reply| reply_view(reply, heard, now).map(Entry::Reply)),
    );
    entries.extend(
        events
            .into_iter()
            .filter(|event| !shows_as_a_card(event))
            .map(|event| Entry::Event(event_view(event, now, threads))),
    );
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
            body: note.body,
        })
    }));
    // Stable: what happened in one moment stays in the order above.
    entries.sort_by_key(Entry::at);
    Ok(entries)
}

pub fn mention_view(heard: &Heard, now: Moment) -> MentionView {
    let mention = &heard.mention;
    let (name, handle) = match &heard.handle {
        Some(handle) if handle.display_name.is_empty() => (handle.label(), String::new()),
        Some(handle) => (handle.display_name.clone(), handle.label()),
        None => ("Somebody".to_owned(), String::new()),
    };
    let masked = personal_data::mask(&mention.text);
    MentionView {
        id: mention.id,
        at: When::new(mention.posted_at.0, now),
        network: mention.network.label(),
        name,
        handle,
        url: mention.url.clone(),
        masked: (masked != mention.text).then_some(masked),
        text: mention.text.clone(),
        is_deleted: mention.deleted_at.is_some(),
        label: heard.triage.as_ref().map(|t| t.label),
        standing: (heard.triage.as_ref())
            .and_then(|t| t.standing)
            .filter(|standing| *standing != Standing::Actionable),
        is_joined: false,
        summoned: mention.summoned,
    }
}

fn message_view(message: Message, now: Moment) -> MessageView {
    MessageView {
        at: When::new(message.at.0, now),
        direction: message.direction,
        from: message.from_name,
        email: message.from_email,
        trouble: match message.mail_state.as_deref() {
            Some("failed") => Some("Not sent: an admin can see why, and try again"),
            Some("queued" | "sending") => Some("On its way"),
            Some("held") => Some(
                "Not sent: mail to this address comes back, so it is held until its owner writes to us or an admin lets it go",
            ),
            Some("bounced") => Some("It did not arrive"),
            Some("withdrawn") => Some("Not sent: the customer took back that we may write"),
            _ => None,
        },
        body: illustrate(&message.body, message.files),
        body_html: message.body_html,
        quoted: message.quoted,
    }
}

fn reply_view(reply: &Reply, heard: &[Heard], now: Moment) -> Option<ReplyView> {
    let at = reply.sent_at?;
    let answered = heard.iter().find(|h| h.mention.id == reply.mention)?;
    let id = reply.network_post_id.as_deref();
    Some(ReplyView {
        at: When::new(at.0, now),
        network: answered.mention.network.label(),
        url: id.and_then(|id| post_url(&answered.mention, id)),
        text: reply.body.clone(),
    })
}

/// The address of one of our posts, on the site on which the post it answers stands.
pub fn post_url(answered: &Mention, id: &str) -> Option<String> {
    if answered.network != Network::X {
        return None;
    }
    let theirs = url::Url::parse(answered.url.as_deref()?).ok()?;
    theirs
        .join(&format!("/i/web/status/{id}"))
        .ok()
        .map(String::from)
}

/// Whether the message or the reply of this event stands in the story itself.
fn shows_as_a_card(event: &StoredEvent) -> bool {
    let has = |field| event.data.get(field).is_some();
    match event.step {
        Step::Ticket => has("message"),
        Step::Acknowledge | Step::CloseLoop => has("reply") && has("post"),
        _ => false,
    }
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
        // "Linked" is said already, before "Linked: thread 4".
        summary: match event.summary.strip_prefix(event.step.label()) {
            Some(rest) => rest.trim_start_matches(':').trim().to_owned(),
            None => event.summary,
        },
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

//! What becomes of a mail: decided here, done in `receive_mail.rs`.

use super::store;
use crate::app::App;
use crate::clock::HOUR;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::CaseId;
use crate::keys::token_hash;
use crate::mail::classify::{Kind, Verdict};
use crate::mail::inbound::InboundMail;
use crate::mail::tokens::{self, Purpose};
use crate::tickets::customer_wrote::Related;
use crate::tickets::{self, Direction, Ticket};

/// Mails of one sender that are taken in an hour. People write a few; machines that answer each
/// other end here.
pub const MAILS_PER_HOUR_MAX: i64 = 30;

/// What becomes of a mail.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The ticket's customer answers.
    Answer(Ticket),
    /// A case of its own.
    NewCase(Option<Related>),
    /// A machine's mail about a ticket: kept with it for staff, moves nothing.
    Note(Ticket, Direction),
    /// A mail of ours did not arrive, or somebody called it spam, and the case it was about.
    Undelivered(CaseId),
    /// Kept where staff can look at it; nobody is told, nothing is opened.
    SetAside(&'static str),
    /// Our own mail, come back.
    Own,
    /// This mail was taken before.
    Duplicate,
    Refused(Refusal),
}

impl Decision {
    /// Whether the mail's files become those of a message.
    pub fn keeps_files(&self) -> bool {
        matches!(self, Decision::Answer(_) | Decision::NewCase(_))
    }

    /// The word in the table of decisions.
    pub fn as_str(&self) -> &'static str {
        match self {
            Decision::Answer(_) => "answer",
            Decision::NewCase(_) => "new_case",
            Decision::Note(..) => "note",
            Decision::Undelivered(_) => "undelivered",
            Decision::SetAside(_) => "set_aside",
            Decision::Own => "own",
            Decision::Duplicate => "duplicate",
            Decision::Refused(_) => "refused",
        }
    }
}

/// Why a person's mail is not taken. The mail itself is kept, and staff can have it read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No words and no files.
    Empty,
    TooMany,
}

impl Refusal {
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Empty => "empty",
            Refusal::TooMany => "too_many",
        }
    }

    /// What staff read.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::Empty => "no text and no file",
            Refusal::TooMany => "too many mails of one sender within an hour",
        }
    }

    /// What its sender is told, at most once a day.
    pub fn words(self) -> String {
        match self {
            Refusal::Empty => "your mail reached us without any text or file, so we do not know \
                               what you need. Please write to us again."
                .into(),
            Refusal::TooMany => format!(
                "we got more than {MAILS_PER_HOUR_MAX} mails from your address within an hour. We \
                 keep the others and a person looks at them; you need not send them again."
            ),
        }
    }
}

/// Decides about a mail from what it is, who wrote it and where it went. `recipients` begins with
/// those of the envelope.
pub fn decide(
    tx: &mut Conn,
    app: &App,
    mail: &InboundMail,
    verdict: &Verdict,
    recipients: &[String],
    from_key: Option<&str>,
) -> Result<Decision> {
    match verdict.kind {
        Kind::Own => return Ok(Decision::Own),
        Kind::Bounce | Kind::Complaint => {
            let sent = match &verdict.returned_message_id {
                Some(id) => tickets::store::sent_mail(tx, id)?,
                None => None,
            };
            return Ok(match sent {
                Some((_, Some(case), _)) => Decision::Undelivered(case),
                _ => Decision::SetAside("a report about a mail that is not one of a ticket"),
            });
        }
        Kind::AutoReply => {
            return Ok(match place(tx, app, mail, recipients, from_key)? {
                Place::Ticket(ticket) => Decision::Note(ticket, Direction::Auto),
                _ => Decision::SetAside("a machine's mail"),
            });
        }
        // A list or a bulk header on it makes no mail worthless: support addresses are often groups.
        Kind::Person | Kind::List => {}
    }
    if mail.text.trim().is_empty() && mail.attachments.is_empty() && mail.subject.is_empty() {
        return Ok(Decision::Refused(Refusal::Empty));
    }
    if let Some(from_key) = from_key
        && store::mails_from(tx, from_key, app.now().plus(-HOUR))? >= MAILS_PER_HOUR_MAX
    {
        return Ok(Decision::Refused(Refusal::TooMany));
    }
    take_by_hand(tx, app, mail, recipients, from_key)
}

/// Where a person's mail goes, for one of whom somebody has said that they are a person.
pub fn take_by_hand(
    tx: &mut Conn,
    app: &App,
    mail: &InboundMail,
    recipients: &[String],
    from_key: Option<&str>,
) -> Result<Decision> {
    Ok(match place(tx, app, mail, recipients, from_key)? {
        Place::Ticket(ticket) => Decision::Answer(ticket),
        Place::Perhaps(related) => Decision::NewCase(Some(related)),
        Place::Nowhere => Decision::NewCase(None),
    })
}

/// Where a mail belongs.
enum Place {
    Ticket(Ticket),
    /// It names a conversation that its sender has no part in.
    Perhaps(Related),
    Nowhere,
}

/// By the token in the address it was sent to, if the sender is whom the token was given to; else
/// by the mails it refers to, if the sender belongs to their ticket. Never by its subject.
fn place(
    tx: &mut Conn,
    app: &App,
    mail: &InboundMail,
    recipients: &[String],
    from_key: Option<&str>,
) -> Result<Place> {
    let mut perhaps = None;
    // Several senders, or none that can be read: nobody whom a token or a ticket could know.
    let from_key = from_key.filter(|_| mail.from_count <= 1);
    if let Some(token) = tokens::find(recipients.iter().map(String::as_str), Purpose::Reply)
        && let Some(known) = tickets::store::reply_token(tx, &token_hash(&token))?
        && let Some(ticket) = tickets::store::ticket(tx, known.ticket)?
    {
        let is_theirs = from_key == Some(known.email_key.as_str());
        if is_theirs && known.expires_at > app.now() {
            return Ok(Place::Ticket(ticket));
        }
        perhaps = Some(Related {
            case: ticket.case,
            why: if is_theirs {
                "answers a mail of this case, by an address that has expired"
            } else {
                "sent to the answer address of this case by somebody who is not its customer"
            },
        });
    }
    let mut ids = mail.in_reply_to.clone();
    ids.extend(mail.references.iter().rev().cloned());
    for ticket in tickets::store::tickets_of_message_ids(tx, &ids)? {
        let Some(ticket) = tickets::store::ticket(tx, ticket)? else {
            continue;
        };
        if let Some(from_key) = from_key
            && tickets::store::is_member(tx, ticket.id, from_key)?
        {
            return Ok(Place::Ticket(ticket));
        }
        perhaps.get_or_insert(Related {
            case: ticket.case,
            why: "refers to a mail of this case, but its sender is not the case's customer",
        });
    }
    Ok(perhaps.map_or(Place::Nowhere, Place::Perhaps))
}

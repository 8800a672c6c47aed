//! What becomes of a mail: decided here, done in `receive_mail.rs`.

use super::returned::{self, Reported};
use super::store;
use crate::app::App;
use crate::cases;
use crate::clock::HOUR;
use crate::db::Conn;
use crate::error::Result;
use crate::forum;
use crate::forum::Product;
use crate::forum::reply_by_mail::{self, Author};
use crate::ids::CaseId;
use crate::keys::token_hash;
use crate::mail::authentication::Dmarc;
use crate::mail::classify::{Kind, Verdict, is_newsletter};
use crate::mail::forward::{Forwarded, forwarded};
use crate::mail::inbound::InboundMail;
use crate::mail::tokens::{self, Purpose};
use crate::mail::trim::trim;
use crate::mail::{MailAddress, verp, without_tag};
use crate::people::store::User;
use crate::people::{self, Role};
use crate::text::names;
use crate::tickets::customer_wrote::Related;
use crate::tickets::{self, Direction, Ticket};

/// Mails of one sender that are taken in an hour. People write a few; machines that answer each
/// other end here.
pub const MAILS_PER_HOUR_MAX: i64 = 30;
/// Most addresses a person's mail goes to, with ours: a letter to half the world is no request.
pub const RECIPIENTS_MAX: usize = 50;

/// What is known of a mail when it is decided about.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub mail: &'a InboundMail,
    pub verdict: &'a Verdict,
    /// Whom it went to, those of the envelope first.
    pub recipients: &'a [String],
    /// Who wrote it, as addresses are compared.
    pub from_key: Option<&'a str>,
    /// What our own mail server found out about that.
    pub dmarc: Dmarc,
}

impl Known<'_> {
    /// Whether the address in From is surely its sender's.
    fn is_proved(&self) -> bool {
        self.dmarc == Dmarc::Pass && self.mail.from_count == 1
    }
}

/// What becomes of a mail.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The ticket's customer answers.
    Answer(Ticket),
    /// A case of its own.
    NewCase(Beginning),
    /// A member of staff sent a customer's mail on: a case of that customer's.
    SentOn {
        by: User,
        customer: MailAddress,
        letter: Forwarded,
    },
    /// A member of staff answered a mail of a case: a note, for nobody but staff.
    StaffNote {
        by: User,
        case: CaseId,
    },
    /// A machine's mail about a ticket: kept with it for staff, moves nothing.
    Note(Ticket, Direction),
    /// A mail of ours did not arrive, or somebody called it spam.
    Undelivered(Reported),
    /// A member answers a mail about a thread.
    ForumReply(Author),
    /// Kept where staff can look at it; nobody is told, nothing is opened.
    SetAside(Aside),
    /// Our own mail, come back.
    Own,
    /// A vacation note to news of a thread.
    NotNeeded,
    /// This mail was taken before.
    Duplicate,
    Refused(Refusal),
}

/// What a new case begins with.
#[derive(Clone, Debug, Default)]
pub struct Beginning {
    /// A case that may have to do with it.
    pub related: Option<Related>,
    /// Whose forum the mail was sent to.
    pub forum: Option<Product>,
    /// The member who surely wrote to that forum: a thread of theirs is drafted.
    pub member: Option<User>,
    /// What else staff should know.
    pub warning: Option<&'static str>,
}

/// Why a mail waits until somebody has looked at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// The report is about no mail of ours.
    StrangeReport,
    /// No report, and sent to where mail comes back.
    ToReturnAddress,
    Machine,
    /// A newsletter, which answers nothing of ours.
    Newsletter,
    /// DMARC failed.
    Forged,
    Spam,
    ManyRecipients,
}

impl Aside {
    /// What staff read.
    pub fn label(self) -> &'static str {
        match self {
            Aside::StrangeReport => "a report about a mail that we did not send",
            Aside::ToReturnAddress => "no report, and sent to the address for mail that comes back",
            Aside::Machine => "a machine's mail",
            Aside::Newsletter => "a newsletter, sent to many, that answers no mail of ours",
            Aside::Forged => {
                "it may be forged: its sender's domain does not stand behind it (DMARC)"
            }
            Aside::Spam => "our mail server takes it for spam",
            Aside::ManyRecipients => "it went to very many addresses",
        }
    }
}

impl Decision {
    /// Whether the mail's files become those of a message.
    pub fn keeps_files(&self) -> bool {
        matches!(
            self,
            Decision::Answer(_) | Decision::NewCase(_) | Decision::SentOn { .. }
        )
    }

    /// Whether a person wrote the mail, as far as can be told, and it was taken.
    pub fn is_somebodys(&self) -> bool {
        matches!(
            self,
            Decision::Answer(_)
                | Decision::NewCase(_)
                | Decision::SentOn { .. }
                | Decision::StaffNote { .. }
                | Decision::ForumReply(_)
        )
    }

    /// The word in the table of decisions.
    pub fn as_str(&self) -> &'static str {
        match self {
            Decision::Answer(_) => "answer",
            Decision::NewCase(_) => "new_case",
            Decision::SentOn { .. } => "sent_on",
            Decision::StaffNote { .. } => "staff_note",
            Decision::Note(..) => "note",
            Decision::Undelivered(_) => "undelivered",
            Decision::ForumReply(_) => "forum_reply",
            Decision::SetAside(_) => "set_aside",
            Decision::Own => "own",
            Decision::NotNeeded => "not_needed",
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
    /// It answers a mail about a thread, and can't be posted there.
    Forum(reply_by_mail::Refusal),
}

impl Refusal {
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Empty => "empty",
            Refusal::TooMany => "too_many",
            Refusal::Forum(refusal) => refusal.as_str(),
        }
    }

    /// What staff read.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::Empty => "no text and no file",
            Refusal::TooMany => "too many mails of one sender within an hour",
            Refusal::Forum(refusal) => refusal.label(),
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
            Refusal::Forum(refusal) => refusal.words(),
        }
    }
}

/// Decides about a mail from what it is, who wrote it and where it went.
pub fn decide(tx: &mut Conn, app: &App, known: &Known<'_>) -> Result<Decision> {
    let &Known {
        mail,
        verdict,
        from_key,
        ..
    } = known;
    match verdict.kind {
        Kind::Own => return Ok(Decision::Own),
        Kind::Bounce | Kind::Complaint => {
            return Ok(match returned::mail(tx, app, known)? {
                Some(reported) => Decision::Undelivered(reported),
                None => Decision::SetAside(Aside::StrangeReport),
            });
        }
        _ if known.dmarc == Dmarc::Fail => return Ok(Decision::SetAside(Aside::Forged)),
        Kind::AutoReply => {
            if let Place::Ticket(ticket) = place(tx, app, known)? {
                return Ok(Decision::Note(ticket, Direction::Auto));
            }
            // Vacation programs answer the envelope's sender (RFC 3834, section 4).
            let recipients = known.recipients.iter().map(String::as_str);
            return Ok(match returned::ticket(tx, app, known.recipients)? {
                Some(Some(ticket)) => Decision::Note(ticket, Direction::Auto),
                Some(None) => Decision::NotNeeded,
                None if tokens::find(recipients, Purpose::Post).is_some() => Decision::NotNeeded,
                None => Decision::SetAside(Aside::Machine),
            });
        }
        // A list or a bulk header on it makes no mail worthless: support addresses are often groups.
        Kind::Person | Kind::List => {}
    }
    if returned::is_sent_there(app, known.recipients) {
        return Ok(Decision::SetAside(Aside::ToReturnAddress));
    }
    if is_marked_as_spam(mail) {
        return Ok(Decision::SetAside(Aside::Spam));
    }
    if mail.recipients.len() > RECIPIENTS_MAX {
        return Ok(Decision::SetAside(Aside::ManyRecipients));
    }
    if mail.text.trim().is_empty() && mail.attachments.is_empty() && mail.subject.is_empty() {
        return Ok(Decision::Refused(Refusal::Empty));
    }
    if let Some(from_key) = from_key
        && store::mails_from(tx, from_key, app.now().plus(-HOUR))? >= MAILS_PER_HOUR_MAX
    {
        return Ok(Decision::Refused(Refusal::TooMany));
    }
    if let Some(answer) = to_a_thread(tx, app, known)? {
        return Ok(answer.map_or_else(
            |refusal| Decision::Refused(Refusal::Forum(refusal)),
            Decision::ForumReply,
        ));
    }
    if is_newsletter(mail) && matches!(place(tx, app, known)?, Place::Nowhere) {
        return Ok(Decision::SetAside(Aside::Newsletter));
    }
    take_by_hand(tx, app, known)
}

/// Who answers a mail about a thread, or why they may not; `None` for a mail that is no such answer.
fn to_a_thread(
    conn: &mut Conn,
    app: &App,
    known: &Known<'_>,
) -> Result<Option<Result<Author, reply_by_mail::Refusal>>> {
    let from_key = known.from_key.filter(|_| known.mail.from_count <= 1);
    match tokens::find(known.recipients.iter().map(String::as_str), Purpose::Post) {
        Some(token) => reply_by_mail::author(conn, app, &token, from_key).map(Some),
        None => Ok(None),
    }
}

/// Where a person's mail goes, for one of whom somebody has said that they are a person.
pub fn take_by_hand(tx: &mut Conn, app: &App, known: &Known<'_>) -> Result<Decision> {
    // Nobody's word makes a machine's mail, or one that may be forged, a member's post.
    let may_be_public = matches!(known.verdict.kind, Kind::Person | Kind::List)
        && known.dmarc != Dmarc::Fail
        && !is_marked_as_spam(known.mail);
    if may_be_public && let Some(Ok(author)) = to_a_thread(tx, app, known)? {
        return Ok(Decision::ForumReply(author));
    }
    let place = place(tx, app, known)?;
    if let Place::Ticket(ticket) = place {
        return Ok(Decision::Answer(ticket));
    }
    let account = account(tx, known)?;
    let mut beginning = Beginning {
        forum: forum_of(tx, known.recipients)?,
        ..Beginning::default()
    };
    if let Some(user) = account {
        match (user.role, known.is_proved()) {
            (Role::Staff | Role::Admin, true) => {
                // Not what the mail that is answered had sent on.
                let own_words = trim(&known.mail.text).reply_text;
                let sent_on = forwarded(&known.mail.subject, &own_words);
                if let Some(letter) = sent_on
                    && let Some(customer) = letter.from.clone()
                    && may_be_a_customer(tx, app, known, &customer.email)?
                {
                    return Ok(Decision::SentOn {
                        by: user,
                        customer,
                        letter,
                    });
                }
                if let Place::Perhaps(related) = &place
                    && may_work_on(tx, &user, related.case)?
                {
                    return Ok(Decision::StaffNote {
                        by: user,
                        case: related.case,
                    });
                }
                beginning.member = Some(user);
            }
            (Role::Staff | Role::Admin, false) => {
                beginning.warning = Some(
                    "Careful: the sender's address is one of staff, and nothing proves that they wrote this",
                );
            }
            (Role::Member | Role::Moderator, true) => beginning.member = Some(user),
            (Role::Member | Role::Moderator, false) => {}
        }
    }
    if let Place::Perhaps(related) = place {
        beginning.related = Some(related);
    }
    Ok(Decision::NewCase(beginning))
}

/// The account whose confirmed address the mail gives as its sender's. That alone proves nothing.
fn account(tx: &mut Conn, known: &Known<'_>) -> Result<Option<User>> {
    let Some(from_key) = known.from_key else {
        return Ok(None);
    };
    let user = people::store::by_email(tx, from_key)?;
    Ok(user.filter(|user| user.email_verified_at.is_some()))
}

/// Whether an address that a mail copied can be a customer's: neither ours nor the one who sent it on.
fn may_be_a_customer(tx: &mut Conn, app: &App, known: &Known<'_>, email: &str) -> Result<bool> {
    let Some(address) = without_tag(email) else {
        return Ok(false);
    };
    let mail = &app.config.mail;
    let ours = [mail.from.as_str(), verp::mailbox(mail)];
    let is_ours = ours
        .iter()
        .any(|our| without_tag(our).as_ref() == Some(&address));
    let is_sender = names::email_key(email).as_deref() == known.from_key;
    let is_forum = forum::store::settings::product_by_mail_address(tx, &[address])?.is_some();
    Ok(!is_ours && !is_sender && !is_forum)
}

fn may_work_on(tx: &mut Conn, user: &User, case: CaseId) -> Result<bool> {
    let Some(case) = cases::store::case(tx, case)? else {
        return Ok(false);
    };
    let staff = people::store::staff_of(tx, case.product)?;
    Ok(staff.iter().any(|(id, _)| *id == user.id))
}

/// The product whose forum has one of these addresses, with or without a tag.
fn forum_of(tx: &mut Conn, recipients: &[String]) -> Result<Option<Product>> {
    let keys: Vec<String> = recipients.iter().filter_map(|to| without_tag(to)).collect();
    forum::store::settings::product_by_mail_address(tx, &keys)
}

/// Marks of SpamAssassin, Amazon SES, rspamd, Exchange and Gmail's relay: a person looks at such a mail.
fn is_marked_as_spam(mail: &InboundMail) -> bool {
    let says = |name: &str, words: &[&str]| {
        mail.header(name).is_some_and(|value| {
            let value = value.trim_start().to_ascii_lowercase();
            words.iter().any(|word| value.starts_with(word))
        })
    };
    says("x-spam-flag", &["yes", "true"])
        || says("x-spam-status", &["yes"])
        || says("x-spam", &["yes", "true", "spam"])
        || says("x-ses-spam-verdict", &["fail"])
        || says("x-ses-virus-verdict", &["fail"])
        || says("x-spamd-result", &["default: true"])
        || says("x-gm-spam", &["1"])
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
fn place(tx: &mut Conn, app: &App, known: &Known<'_>) -> Result<Place> {
    let &Known {
        mail,
        recipients,
        from_key,
        ..
    } = known;
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

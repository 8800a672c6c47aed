//! One mail, from bytes to what became of it: everything is decided and done in one transaction.

use serde_json::json;

use super::decide::{Beginning, Decision, Known, Refusal, decide, take_by_hand};
use super::returned;
use super::store::{self, Judged, RawMail, Unread};
use crate::app::App;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::{Channel, Event, NO_SUBJECT, Step, add_note, record_event};
use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::{Error, Result};
use crate::forum::ThreadKind;
use crate::forum::draft_thread::{Draft, draft_thread};
use crate::forum::reply_by_mail::{self, FILES_NOT_POSTED};
use crate::forum::store::Origin;
use crate::ids::{CaseId, IntakeId, ProductId, TicketId};
use crate::keys::digest;
use crate::mail::arrival;
use crate::mail::authentication::{Dmarc, dmarc};
use crate::mail::classify::{Own, Verdict, classify};
use crate::mail::forward::Forwarded;
use crate::mail::inbound::{self, Attachment, InboundMail, parse};
use crate::mail::suppression;
use crate::mail::trim::{Trimmed, own_words, trim};
use crate::mail::{MailAddress, clean_message_id, one_line};
use crate::people::store::User;
use crate::text::names;
use crate::tickets::customer_wrote::{Opening, Taken, Words, follow_up, open_case};
use crate::tickets::pictures::{LOGO_BYTES_MAX, Shown, is_picture};
use crate::tickets::store::{KeptFile, NewMessage};
use crate::tickets::{
    self, BODY_CHARS_MAX, Direction, MAIL_FILES_MAX, OpenedBy, Ticket, attachments, clean_text,
    notices,
};

/// Copies of one mail that may be put aside before each further one is a mail of its own.
const COPIES_ASIDE_MAX: usize = 10;
/// How far back the same words of one sender are looked for (µs), and in how many of their mails.
const SAME_WORDS_WITHIN: i64 = 7 * DAY;
const SAME_WORDS_MAILS: i64 = 50;

/// Who wrote it, as addresses are written to and as they are compared; `None` when nobody can be told.
fn sender(mail: &InboundMail) -> Option<(String, String)> {
    let from = mail.from.as_ref()?;
    Some((names::email(&from.email)?, names::email_key(&from.email)?))
}

/// A group of our own domain sends mail on in its own name, because of DMARC, and says in
/// X-Original-From and Reply-To who wrote it: that is the sender then, whom nothing proves. Of others
/// these headers are not believed.
fn undo_group(mail: &mut InboundMail, own: &Own, dmarc: Dmarc, is_checked: bool) -> Dmarc {
    let is_ours = mail.from.as_ref().is_some_and(|from| {
        let domain = from.email.rsplit('@').next().unwrap_or_default();
        domain.eq_ignore_ascii_case(&own.domain)
    });
    if !is_ours || mail.from_count != 1 || (is_checked && dmarc != Dmarc::Pass) {
        return dmarc;
    }
    // Of two, one came with the mail.
    let named = |name: &str| mail.headers.iter().filter(|(key, _)| key == name).count();
    if named("x-original-from") != 1 || named("reply-to") != 1 {
        return dmarc;
    }
    let original = mail.header("x-original-from").and_then(|value| {
        let email = value.rsplit('<').next().unwrap_or(value);
        names::email_key(email.trim_end_matches('>').trim())
    });
    let writer = mail
        .reply_to
        .clone()
        .filter(|to| original.is_some() && names::email_key(&to.email) == original);
    match writer {
        Some(writer) => {
            mail.from = Some(writer);
            Dmarc::Unknown
        }
        None => dmarc,
    }
}

fn own(app: &App) -> Own {
    let mail = &app.config.mail;
    let from = mail.from.to_lowercase();
    let domain = from.rsplit_once('@').map_or("", |(_, d)| d).to_owned();
    let bounces = (!mail.bounce_address.is_empty()).then(|| mail.bounce_address.to_lowercase());
    Own {
        addresses: std::iter::once(from).chain(bounces).collect(),
        domain,
    }
}

/// A mail that was read: what is needed to decide about it and to do what it asks for.
pub(super) struct ReadMail<'a> {
    raw: &'a RawMail,
    by_hand: bool,
    mail: InboundMail,
    verdict: Verdict,
    dmarc: Dmarc,
    /// Of the envelope and of the header.
    recipients: Vec<String>,
    /// As it is written to, and as it is compared.
    sender: Option<(String, String)>,
    message_id: Option<String>,
    text: Trimmed,
    keeps_files: bool,
    /// Whether taking it holds nothing that staff may hold too: no case, thread or address of before.
    pub(super) holds_nothing: bool,
    files: Vec<KeptFile>,
    /// What of it a message has no room for, and in which of its files that is.
    left_out: Vec<String>,
}

impl<'a> ReadMail<'a> {
    /// From bytes to what is known of them, its files in storage: all but what is written in the
    /// transaction. `by_hand`: somebody of ours says that it is to be taken.
    pub(super) fn of(app: &App, raw: &'a RawMail, by_hand: bool) -> Result<ReadMail<'a>> {
        let mut recipients: Vec<String> = serde_json::from_str(&raw.source)
            .map_err(|e| Error::Data(format!("the envelope of mail {}: {e}", raw.id)))?;
        let mut mail = parse(&raw.body);
        let (own, authserv_id) = (own(app), &app.config.mail.authserv_id);
        let found = dmarc(&mail, authserv_id);
        let dmarc = undo_group(&mut mail, &own, found, !authserv_id.is_empty());
        recipients.extend(mail.recipients.iter().cloned());
        let mut text = trim(&mail.text);
        if let Some(invitation) = &mail.invitation {
            text.reply_text = format!("{}\n\n{}", text.reply_text, invitation.words());
        }
        let mut read = ReadMail {
            raw,
            by_hand,
            verdict: classify(&mail, &own),
            dmarc,
            recipients,
            sender: sender(&mail),
            message_id: mail.message_id.as_deref().and_then(clean_message_id),
            mail,
            text,
            keeps_files: false,
            holds_nothing: false,
            files: Vec::new(),
            left_out: Vec::new(),
        };
        // Before the transaction that refers to them, and only those of a mail that is taken.
        let decision = app.db.read(|c| {
            let key = read.dedupe_key(c)?;
            read.decide(c, app, &key)
        })?;
        read.keeps_files = decision.keeps_files();
        read.holds_nothing = matches!(
            decision,
            Decision::NewCase(_)
                | Decision::Refused(_)
                | Decision::SetAside(_)
                | Decision::NotNeeded
                | Decision::Duplicate
        );
        if read.keeps_files {
            (read.files, read.left_out) = keep_files(app, raw, &read.mail, &read.text)?;
        }
        Ok(read)
    }

    fn sender_key(&self) -> Option<&str> {
        self.sender.as_ref().map(|sender| sender.1.as_str())
    }

    /// Tells the log that it was taken.
    pub(super) fn log(&self, decided: Option<Decided>) {
        if let Some(Decided { decision, reason }) = decided {
            tracing::info!(intake = %self.raw.id, decision, reason, "received a mail");
        }
    }

    /// Two mails of one sender take turns under this name, so that limits and duplicates are seen.
    pub(super) fn turn(&self) -> String {
        format!("mail from {}", self.sender_key().unwrap_or_default())
    }

    /// What a further copy of it has in common with it.
    fn dedupe_key(&self, conn: &mut Conn) -> Result<String> {
        let raw = self.raw;
        // Ids are their senders' to choose: the same id from another sender is another mail.
        let mut key = match &self.message_id {
            Some(id) => {
                digest(format!("{id}\n{}", self.sender_key().unwrap_or_default()).as_bytes())
            }
            None => digest(&raw.body),
        };
        // A copy that nobody took may be a list's that broke its signature: of the others one is taken.
        for _ in 0..COPIES_ASIDE_MAX {
            match store::first_copy(conn, &key)? {
                Some(first) if first == raw.id => return Ok(key),
                // Somebody says that it is another mail, though it has the number of one.
                Some(_) if self.by_hand => return Ok(digest(&raw.body)),
                Some(first) if store::is_aside(conn, first)? => {
                    key = digest(format!("{key} after one put aside").as_bytes());
                }
                _ => return Ok(key),
            }
        }
        Ok(digest(&raw.body))
    }

    fn decide(&self, conn: &mut Conn, app: &App, dedupe_key: &str) -> Result<Decision> {
        if store::first_copy(conn, dedupe_key)?.is_some() {
            return Ok(Decision::Duplicate);
        }
        let known = Known {
            mail: &self.mail,
            verdict: &self.verdict,
            recipients: &self.recipients,
            from_key: self.sender_key(),
            dmarc: self.dmarc,
        };
        if self.by_hand {
            return take_by_hand(conn, app, &known);
        }
        decide(conn, app, &known)
    }
}

/// What was decided about a mail and why, in the words of the log.
pub(super) struct Decided {
    decision: &'static str,
    reason: String,
}

/// Decides about a mail that was read and does what it asks for, under its sender's turn; `None` when
/// somebody else did it meanwhile.
pub(super) fn take(tx: &mut Conn, app: &App, read: &ReadMail<'_>) -> Result<Option<Decided>> {
    let (raw, now) = (read.raw, app.now());
    if !store::is_waiting(tx, raw.id)? {
        return Ok(None);
    }
    let dedupe_key = read.dedupe_key(tx)?;
    let decision = match read.decide(tx, app, &dedupe_key)? {
        Decision::ForumReply(author) => {
            let words = own_words(&read.mail.text);
            match reply_by_mail::reply(tx, app, &author, &words)? {
                Ok(_) => Decision::ForumReply(author),
                Err(refusal) => Decision::Refused(Refusal::Forum(refusal)),
            }
        }
        other => other,
    };
    // Who only says that they are somebody lets no mail go to that address.
    let is_theirs = matches!(decision, Decision::Answer(_) | Decision::ForumReply(_));
    let is_known = is_theirs || (decision.is_somebodys() && read.dmarc == Dmarc::Pass);
    if let (true, Some((email, _))) = (is_known, &read.sender) {
        suppression::wrote(tx, now, email)?;
    }
    if decision.keeps_files() && !read.keeps_files {
        return Err(Error::other(
            "it was decided otherwise meanwhile; read it again",
        ));
    }
    let ticket = act(tx, app, read, &decision)?;
    let rule = read.verdict.rule;
    let reason = match &decision {
        Decision::SetAside(why) => format!("{} ({rule})", why.label()),
        Decision::Refused(refusal) => refusal.as_str().to_owned(),
        _ => rule.to_owned(),
    };
    if !matches!(decision, Decision::Duplicate) {
        store::insert_judged(
            tx,
            now,
            &Judged {
                intake: raw.id,
                message_id: read.message_id.as_deref().unwrap_or_default(),
                from_key: read.sender_key().unwrap_or_default(),
                dedupe_key: &dedupe_key,
                decision: decision.as_str(),
                reason: &reason,
                ticket,
            },
        )?;
    }
    let decided = Decided {
        decision: decision.as_str(),
        reason,
    };
    match decision {
        // Nobody has read it: it waits among those that need a person.
        Decision::Refused(refusal) => {
            store::leave_raw_mail(tx, raw.id, Unread::Refused, refusal.label(), now)
        }
        Decision::SetAside(why) => {
            store::leave_raw_mail(tx, raw.id, Unread::Aside, why.label(), now)
        }
        Decision::Duplicate => match store::first_copy(tx, &dedupe_key)? {
            Some(first) if first != raw.id => {
                let first = store::raw_mail(tx, first)?;
                duplicate(tx, raw.id, &read.mail, &first, now)
            }
            _ => store::finish_raw_mail(tx, raw.id, now),
        },
        _ => store::finish_raw_mail(tx, raw.id, now),
    }?;
    Ok(Some(decided))
}

/// A mail came with the number of an earlier one. Its own copy is let go of only when the first is
/// there to say the same: whoever forgets that one knows nothing of this.
fn duplicate(
    tx: &mut Conn,
    id: IntakeId,
    mail: &InboundMail,
    first: &[u8],
    now: Moment,
) -> Result<()> {
    let why = if first.is_empty() {
        "it has the number of a mail that its sender took back"
    } else if says_something_else(mail, &parse(first)) {
        "it has the number of another mail, and other words"
    } else {
        store::finish_raw_mail(tx, id, now)?;
        return tickets::store::empty_raw_mails(tx, &[id.0]);
    };
    store::leave_raw_mail(tx, id, Unread::Aside, why, now)
}

/// Whether a mail that carries the number of an earlier one is another mail.
fn says_something_else(mail: &InboundMail, first: &InboundMail) -> bool {
    let names = |mail: &InboundMail| -> Vec<String> {
        mail.attachments
            .iter()
            .map(|a| a.filename.clone())
            .collect()
    };
    first.text.trim() != mail.text.trim() || names(first) != names(mail)
}

/// Does what was decided; the ticket it was about, if any.
fn act(
    tx: &mut Conn,
    app: &App,
    read: &ReadMail<'_>,
    decision: &Decision,
) -> Result<Option<TicketId>> {
    let ReadMail {
        raw,
        mail,
        verdict,
        sender,
        ..
    } = read;
    let sender = sender.as_ref();
    let name = sender_name(mail);
    let body = clean_text(&read.text.reply_text);
    let quoted = clean_text(&read.text.quoted_text);
    let words = Words {
        name: &name,
        email: sender.map(|s| s.0.as_str()),
        body: &body,
        quoted: &quoted,
        message_id: read.message_id.as_deref(),
        in_reply_to: mail.in_reply_to.first().map(String::as_str),
        intake: Some(raw.id),
        request_key: None,
        files: &read.files,
        left_out: &read.left_out,
    };
    match decision {
        Decision::Answer(ticket) => {
            let by = (Channel::Email, OpenedBy::Email);
            let Some(taken) = follow_up(tx, app, ticket, by, &words)? else {
                return Ok(Some(ticket.id));
            };
            if taken.opened && verdict.answerable {
                notices::receipt(tx, app, &taken.ticket, true)?;
            }
            Ok(Some(taken.ticket.id))
        }
        Decision::NewCase(beginning) => {
            let is_repeated = says_it_again(tx, app, sender, &body)?;
            let Some(taken) = begin(tx, app, read, beginning, &words)? else {
                return Ok(None);
            };
            if verdict.answerable && !is_repeated {
                notices::receipt(tx, app, &taken.ticket, true)?;
            }
            Ok(Some(taken.ticket.id))
        }
        Decision::SentOn {
            by,
            customer,
            letter,
        } => sent_on(tx, app, read, (by, customer, letter), words),
        Decision::StaffNote { by, case } => {
            let (actor, key) = (by.actor(), format!("mail {}", raw.id));
            let mut note = clean_text(&read.text.reply_text);
            let files: Vec<&str> = mail
                .attachments
                .iter()
                .map(|file| file.filename.as_str())
                .collect();
            if !files.is_empty() {
                note.push_str(&format!(
                    "\n\n(Files came with this mail, and a note keeps none: {}. Send the customer's mail on to \
                     open a case with them.)",
                    files.join(", ")
                ));
            }
            add_note(tx, app.now(), *case, by.id, &actor, note.trim(), &key)?;
            Ok(tickets::store::ticket_of(tx, *case)?.map(|ticket| ticket.id))
        }
        Decision::Note(ticket, direction) => {
            note(tx, app, raw, ticket, *direction, &words)?;
            Ok(Some(ticket.id))
        }
        Decision::Undelivered(reported) => {
            returned::undelivered(tx, app, raw.id, verdict, reported)
        }
        Decision::ForumReply(_) => {
            let is_file = |file: &Attachment| {
                !file.inline
                    && !file.content_type.ends_with("-signature")
                    && !matches!(file.content_type.as_str(), "text/vcard" | "text/x-vcard")
            };
            let has_files = mail.attachments.iter().any(is_file);
            if let (true, true, Some((email, _))) = (has_files, verdict.answerable, sender) {
                notices::refusal(
                    tx,
                    app,
                    email,
                    &format!("forum_files {}", raw.id),
                    (FILES_NOT_POSTED, None),
                    words.message_id,
                )?;
            }
            Ok(None)
        }
        Decision::Refused(refusal) => {
            if let (true, Some((email, _))) = (verdict.answerable, sender) {
                let thread = reply_by_mail::thread_url(tx, app, &read.recipients)?;
                refuse(tx, app, email, (*refusal, thread), words.message_id)?;
            }
            Ok(None)
        }
        Decision::Own => {
            arrival::came_back(tx, app.now(), mail, &app.config.mail.authserv_id)?;
            Ok(None)
        }
        Decision::SetAside(_) | Decision::NotNeeded | Decision::Duplicate => Ok(None),
    }
}

/// Opens a case with a mail that belongs to none. Of one that a member wrote to a forum a thread is
/// drafted too, which its staff publish or discard.
fn begin(
    tx: &mut Conn,
    app: &App,
    read: &ReadMail<'_>,
    beginning: &Beginning,
    words: &Words<'_>,
) -> Result<Option<Taken>> {
    let mail = &read.mail;
    let mut reasons = vec![format!(
        "a mail of a new conversation ({})",
        read.verdict.rule
    )];
    if read.sender.is_none() {
        reasons.push("the mail names no sender that can be written to".into());
    }
    if let Some(product) = &beginning.forum {
        reasons.push(format!("sent to the forum of {}", product.name));
    }
    let opening = Opening {
        channel: Channel::Email,
        opened_by: OpenedBy::Email,
        subject: &mail.subject,
        product: beginning.forum.as_ref().map(|product| product.id),
        // An address that is not proved names no account.
        user: beginning.member.as_ref().map(|member| member.id),
        // The date a mail gives is its sender's to choose; the place in the queue is not.
        written_at: read.raw.received_at,
        related: beginning.related.clone(),
        reasons,
    };
    let Some(taken) = open_case(tx, app, &opening, words)? else {
        return Ok(None);
    };
    if let Some(warning) = beginning.warning {
        told(tx, app, taken.case, warning, vec![])?;
    }
    if let (Some(product), Some(member)) = (&beginning.forum, &beginning.member) {
        hold_thread(
            tx,
            app,
            taken.case,
            product.id,
            member,
            (&mail.subject, words.body),
        )?;
    }
    Ok(Some(taken))
}

/// Drafts the thread that a member wrote by mail, for staff to publish from its case.
fn hold_thread(
    tx: &mut Conn,
    app: &App,
    case: CaseId,
    product: ProductId,
    author: &User,
    (title, body): (&str, &str),
) -> Result<()> {
    let now = app.now();
    let draft = Draft {
        product,
        topic: None,
        author: author.id,
        kind: ThreadKind::Question,
        title: if title.is_empty() { NO_SUBJECT } else { title },
        body,
        from: Origin {
            case,
            mention: None,
        },
    };
    let thread = draft_thread(tx, now, &draft)?;
    let link = NewLink {
        target: Target::Thread(thread),
        score: 1.0,
        reasons: vec![format!("{} wrote it to the forum by mail", author.name)],
        rule: "mail to a forum".into(),
    };
    links::propose(tx, now, &Actor::rule("receive mail"), case, &link)?;
    Ok(())
}

/// A case of the customer whose mail a member of staff sent on. Who that is stands only in the mail
/// that was copied, so nobody is written to before a person has looked.
fn sent_on(
    tx: &mut Conn,
    app: &App,
    read: &ReadMail<'_>,
    (by, customer, letter): (&User, &MailAddress, &Forwarded),
    words: Words<'_>,
) -> Result<Option<TicketId>> {
    let email = names::email(&customer.email);
    let text = trim(&letter.text);
    let (body, quoted) = (clean_text(&text.reply_text), clean_text(&text.quoted_text));
    let name = customer.name.as_deref().unwrap_or(&customer.email);
    let opening = Opening {
        channel: Channel::Email,
        opened_by: OpenedBy::Email,
        subject: &letter.subject,
        product: None,
        user: None,
        written_at: read.raw.received_at,
        related: None,
        reasons: vec![format!(
            "{} sent this mail on; who wrote it stands only in it, and is not proved",
            by.name
        )],
    };
    let words = Words {
        name,
        email: email.as_deref(),
        body: &body,
        quoted: &quoted,
        // The ids are those of the mail that sent it on.
        message_id: None,
        in_reply_to: None,
        ..words
    };
    let Some(taken) = open_case(tx, app, &opening, &words)? else {
        return Ok(None);
    };
    let note = clean_text(&letter.note);
    if !note.is_empty() {
        let (actor, key) = (by.actor(), format!("mail {}", read.raw.id));
        add_note(tx, app.now(), taken.case, by.id, &actor, &note, &key)?;
    }
    Ok(Some(taken.ticket.id))
}

fn refuse(
    tx: &mut Conn,
    app: &App,
    email: &str,
    (refusal, thread): (Refusal, Option<String>),
    in_reply_to: Option<&str>,
) -> Result<()> {
    notices::refusal(
        tx,
        app,
        email,
        refusal.as_str(),
        (&refusal.words(), thread),
        in_reply_to,
    )
}

/// Whether the sender wrote the very same words lately: a machine may that answers each receipt of ours and says
/// nowhere that it is one. Such a mail is taken, and gets no receipt.
fn says_it_again(
    tx: &mut Conn,
    app: &App,
    sender: Option<&(String, String)>,
    body: &str,
) -> Result<bool> {
    let Some((_, key)) = sender else {
        return Ok(false);
    };
    let since = app.now().plus(-SAME_WORDS_WITHIN);
    let theirs = store::tickets_of_sender(tx, key, since, SAME_WORDS_MAILS)?;
    tickets::store::was_said(tx, &theirs, body)
}

/// A machine's words about a ticket: for staff to see, no more.
fn note(
    tx: &mut Conn,
    app: &App,
    raw: &RawMail,
    ticket: &Ticket,
    direction: Direction,
    words: &Words<'_>,
) -> Result<()> {
    let now = app.now();
    // As addresses are compared: whoever forgets it must find it.
    let from = words.email.and_then(names::email_key);
    let message = NewMessage {
        ticket: ticket.id,
        direction,
        author: None,
        from_name: words.name,
        from_email: from.as_deref(),
        body: words.body,
        quoted: words.quoted,
        body_html: None,
        message_id: words.message_id,
        in_reply_to: words.in_reply_to,
        intake: Some(raw.id),
        request_key: None,
    };
    tickets::store::insert_message(tx, now, &message)?;
    told(
        tx,
        app,
        ticket.case,
        "An automatic answer came; it counts for nothing",
        vec![],
    )
}

/// Tells the case's story.
pub(super) fn told(
    tx: &mut Conn,
    app: &App,
    case: CaseId,
    summary: &str,
    reasons: Vec<String>,
) -> Result<()> {
    record_event(
        tx,
        app.now(),
        case,
        Event {
            step: Step::Ticket,
            by: &Actor::rule("receive mail"),
            mention: None,
            summary,
            reasons,
            data: json!({}),
        },
    )
}

fn sender_name(mail: &InboundMail) -> String {
    let Some(from) = &mail.from else {
        return "Unknown sender".into();
    };
    let name = one_line(from.name.as_deref().unwrap_or_default(), 100);
    if name.is_empty() {
        // What stands before the @: staff see the whole address beside it.
        one_line(from.email.split('@').next().unwrap_or("Customer"), 100)
    } else {
        name
    }
}

/// One file of a mail. A small picture within its words that came before is a signature's.
fn keep_file(app: &App, file: &Attachment) -> Result<KeptFile> {
    let kept = attachments::keep_bytes(app, &file.filename, &file.content_type, &file.bytes)?;
    if !file.inline || !is_picture(&kept.content_type) {
        return Ok(kept);
    }
    let keys = [kept.storage_key.clone()];
    let is_known = kept.byte_count < LOGO_BYTES_MAX
        && !app
            .db
            .read(|c| tickets::store::storage_keys_among(c, &keys))?
            .is_empty();
    let shown = if is_known { Shown::Logo } else { Shown::Inline };
    Ok(KeptFile { shown, ..kept })
}

/// The mail's files in storage, before the transaction that refers to them, and what of the mail is
/// only in one of them.
fn keep_files(
    app: &App,
    raw: &RawMail,
    mail: &InboundMail,
    text: &Trimmed,
) -> Result<(Vec<KeptFile>, Vec<String>)> {
    let mut kept = mail
        .attachments
        .iter()
        .take(MAIL_FILES_MAX)
        .map(|file| keep_file(app, file))
        .collect::<Result<Vec<_>>>()?;
    let mut left_out = Vec::new();
    if let Some(by) = mail.sealed {
        left_out.push(format!(
            "the mail is sealed with {by}, which can't be opened here: it is kept as a file; ask for it \
             unsealed"
        ));
    }
    let is_long = |text: &str| text.chars().nth(BODY_CHARS_MAX).is_some();
    if mail.cut || mail.attachments.len() > MAIL_FILES_MAX {
        kept.push(attachments::keep_bytes(
            app,
            "mail.eml",
            "message/rfc822",
            &inbound::without_envelope(&raw.body),
        )?);
        left_out.push(
            "the mail has more text or files than a message takes: the whole of it is the file mail.eml"
                .to_owned(),
        );
    } else if is_long(&text.reply_text) || is_long(&text.quoted_text) {
        let whole = mail.text.as_bytes();
        kept.push(attachments::keep_bytes(
            app,
            "mail.txt",
            "text/plain",
            whole,
        )?);
        left_out.push(format!(
            "the mail is longer than {BODY_CHARS_MAX} characters: the whole of it is the file mail.txt"
        ));
    }
    Ok((kept, left_out))
}

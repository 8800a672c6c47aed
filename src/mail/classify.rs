//! Who or what wrote a mail: a person, a machine, a list, a bounce, a complaint, or we ourselves.
//!
//! An ordered list of rules; the first that applies decides and gives its name as the reason. A wrong "machine" hides
//! a person, a wrong "person" starts a loop between two machines, so a mail may also be a person's and yet not be
//! answered automatically.

use std::sync::LazyLock;

use regex::Regex;

use super::calendar::Method;
use super::inbound::InboundMail;
use super::{clean_message_id, without_tag};

/// Text of a bounce that is searched, in bytes.
const BOUNCE_TEXT_BYTES_MAX: usize = 32 * 1024;
/// Most recipients of one report.
const BOUNCES_MAX: usize = 100;
/// Longest diagnosis that is kept, in characters.
const DIAGNOSIS_CHARS_MAX: usize = 500;

/// Our side of the mail.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Addresses we write from, in lower case.
    pub addresses: Vec<String>,
    /// The domain of the message ids we make.
    pub domain: String,
}

/// What a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody's words.
    Person,
    /// A vacation note, a receipt, any machine's answer: kept, never answered, reopens nothing.
    AutoReply,
    /// A newsletter or a mailing list.
    List,
    /// A report that a mail of ours could not be delivered, or not yet.
    Bounce,
    /// A report that somebody called our mail spam.
    Complaint,
    /// Our own mail, come back: dropped.
    Own,
}

impl Kind {
    /// The word by which code and tables name the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::AutoReply => "auto_reply",
            Kind::List => "list",
            Kind::Bounce => "bounce",
            Kind::Complaint => "complaint",
            Kind::Own => "own",
        }
    }
}

/// One recipient who was not reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounce {
    /// The address, when the report names it.
    pub recipient: Option<String>,
    /// The status code, `5.1.1`; empty when the report gives none.
    pub status: String,
    /// Whether this mail will never arrive (5.x) rather than not yet (4.x).
    pub permanent: bool,
    /// Whether nobody is ever reached there: the mailbox, or its domain, does not exist any more. A full
    /// mailbox, a policy, or what the other side has against us says nothing of that.
    pub hard: bool,
    /// What the other server said.
    pub diagnosis: String,
}

/// The judgement on a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub kind: Kind,
    /// The name of the rule that decided.
    pub rule: &'static str,
    /// Whether a receipt or a notice may be sent to its writer.
    pub answerable: bool,
    /// For a bounce: who was not reached.
    pub bounces: Vec<Bounce>,
    /// For a bounce or a complaint: the id of the mail it is about. A token in the recipient is surer than this.
    pub returned_message_id: Option<String>,
}

type Rule = (&'static str, Kind, fn(&InboundMail, &Own) -> bool);

/// The rules, in order.
const RULES: [Rule; 16] = [
    ("feedback report", Kind::Complaint, is_feedback_report),
    ("complaint notice", Kind::Complaint, is_complaint_notice),
    ("failed recipients named", Kind::Bounce, |mail, _| {
        mail.header("x-failed-recipients").is_some()
    }),
    ("delivery report", Kind::Bounce, is_delivery_report),
    ("mail system's notice", Kind::Bounce, is_mail_system_notice),
    ("written by us", Kind::Own, is_from_us),
    ("automatic, with our id", Kind::Own, is_our_automatic_mail),
    ("Auto-Submitted", Kind::AutoReply, is_auto_submitted),
    (
        "automatic answer's headers",
        Kind::AutoReply,
        has_auto_reply_header,
    ),
    (
        "automatic answer's subject",
        Kind::AutoReply,
        has_auto_reply_subject,
    ),
    ("calendar's answer", Kind::AutoReply, is_calendars_answer),
    ("loop header", Kind::AutoReply, |mail, _| {
        mail.header("x-loop").is_some()
    }),
    ("list headers", Kind::List, |mail, _| is_list(mail)),
    ("bulk", Kind::List, is_bulk),
    ("null sender", Kind::AutoReply, |mail, _| {
        mail.return_path.as_deref() == Some("")
    }),
    ("mail system's address", Kind::AutoReply, |mail, _| {
        is_mail_system(mail)
    }),
];

/// Judges a mail.
pub fn classify(mail: &InboundMail, own: &Own) -> Verdict {
    let (rule, kind) = RULES
        .iter()
        .find(|(_, _, applies)| applies(mail, own))
        .map_or(("a person", Kind::Person), |(rule, kind, _)| (*rule, *kind));
    let bounces = if kind == Kind::Bounce {
        bounces(mail)
    } else {
        Vec::new()
    };
    let returned_message_id = matches!(kind, Kind::Bounce | Kind::Complaint)
        .then(|| returned_message_id(mail))
        .flatten();
    Verdict {
        kind,
        rule,
        answerable: kind == Kind::Person && wants_answers(mail),
        bounces,
        returned_message_id,
    }
}

/// Exchange sets `X-Auto-Response-Suppress` on people's mail too: the mail counts, only machines keep quiet.
fn wants_answers(mail: &InboundMail) -> bool {
    let suppressed = mail
        .header("x-auto-response-suppress")
        .is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            ["all", "oof", "autoreply"]
                .iter()
                .any(|word| value.contains(word))
        });
    let is_no_reply = mail.from.as_ref().is_none_or(|from| {
        let local = local_part(&from.email).replace(['-', '_', '.'], "");
        local.starts_with("noreply")
            || local.starts_with("donotreply")
            || local.starts_with("bounce")
    });
    !suppressed && !is_no_reply && mail.from_count == 1
}

fn is_feedback_report(mail: &InboundMail, _: &Own) -> bool {
    mail.report.feedback.is_some()
        || mail.header("content-type").is_some_and(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.contains("multipart/report") && kind.contains("feedback-report")
        })
}

/// A provider's notice in its own format.
fn is_complaint_notice(mail: &InboundMail, _: &Own) -> bool {
    let text = head(&mail.text);
    text.contains("\"notificationType\":\"Complaint\"")
        || mail.header("x-hmxmroriginalrecipient").is_some()
}

fn is_delivery_report(mail: &InboundMail, _: &Own) -> bool {
    let is_report = mail.header("content-type").is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.contains("multipart/report")
            && !kind.contains("disposition-notification")
            && !kind.contains("feedback-report")
    });
    // A report may also say that a mail arrived; that is a machine's mail but no bounce.
    let arrived = mail
        .report
        .delivery_status
        .as_deref()
        .is_some_and(|status| {
            let actions: Vec<String> = fields(status, "action")
                .map(|action| action.to_ascii_lowercase())
                .collect();
            !actions.is_empty()
                && actions
                    .iter()
                    .all(|action| matches!(action.as_str(), "delivered" | "relayed" | "expanded"))
        });
    (mail.report.delivery_status.is_some() || (is_report && is_mail_system(mail))) && !arrived
}

static BOUNCE_SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix) undeliver | non[ -]?deliver | not\ (be\ )?delivered | (mail|message|delivery|e-mail)\ (delivery\ )?(has\ )?(failed|failure|error|status)
        | fail(ed|ure)\ (notice|delivery|mail) | failure | returned\ (mail|to\ sender|message) | returning\ message
        | delayed | warning:\ (message|could) | could\ not\ (be\ )?(send|deliver|sent) | loop\ alert | mail\ system\ error
        | unzustellbar | nicht\ zugestellt | rückläufer | non\ remis | no\ se\ (ha\ )?(pudo|podido)\ entregar
        | mancato\ recapito | onbestelbaar | недоставлен | не\ доставлено | delivery\ (report|status|notification) | errors\ from",
    )
});

static BOUNCE_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix) \b[45]\.\d{1,3}\.\d{1,3}\b | \b(4[25]\d|55\d)[\s-] | user\ unknown | unknown\ user | no\ such\ (user|host|mailbox) | mailbox\ (is\ )?full
        | (could|can)\s*not\ be\ delivered | permanent\ (fatal\ )?error | undeliver | delivery\ .{0,40}fail | does\ not\ exist | over\ quota | has\ not\ been\ delivered
        | недоставлен | не\ может\ быть\ доставлено | 配信 | 送信できません",
    )
});

/// Formats of mail servers' own: no report, but a mail system's sender and the words of a bounce.
fn is_mail_system_notice(mail: &InboundMail, _: &Own) -> bool {
    let by_subject = BOUNCE_SUBJECT.is_match(&mail.subject);
    let by_text = BOUNCE_TEXT.is_match(head(&mail.text));
    let null_sender = mail.return_path.as_deref() == Some("");
    if has_auto_reply_subject(mail, &Own::default()) {
        return false;
    }
    if is_mail_system(mail) {
        return by_subject || by_text;
    }
    // A person may write "delivery failed" about a parcel: without a mail system's name both signs must agree
    // and the envelope or a returned mail must bear them out.
    (null_sender && by_subject && (by_text || mail.report.returned_headers.is_some()))
        || (by_subject && mail.subject.to_lowercase().starts_with("loop alert"))
}

fn is_mail_system(mail: &InboundMail) -> bool {
    const NAMES: [&str; 9] = [
        "mailer-daemon",
        "maildaemon",
        "postmaster",
        "mail-daemon",
        "mailerdaemon",
        "mail.delivery.system",
        "mail-delivery",
        "bounce-handler",
        "double-bounce",
    ];
    let from = mail.header("from").unwrap_or_default().to_ascii_lowercase();
    let named = [
        "mailer-daemon",
        "mail delivery s",
        "mailer daemon",
        "system administrator <postmaster",
    ];
    let local = mail
        .from
        .as_ref()
        .map(|from| local_part(&from.email))
        .unwrap_or_default();
    let path = mail
        .return_path
        .as_deref()
        .map(local_part)
        .unwrap_or_default();
    NAMES.contains(&local.as_str())
        || matches!(path.as_str(), "mailer-daemon" | "double-bounce")
        || named.iter().any(|name| from.contains(name))
}

fn is_from_us(mail: &InboundMail, own: &Own) -> bool {
    mail.from.as_ref().is_some_and(|from| {
        let email = without_tag(&from.email);
        email.is_some() && own.addresses.iter().any(|own| without_tag(own) == email)
    })
}

/// Our id alone proves nothing (a list may have sent it on); our id on a machine's mail is a loop.
fn is_our_automatic_mail(mail: &InboundMail, own: &Own) -> bool {
    let domain = own.domain.to_ascii_lowercase();
    let ours = mail
        .message_id
        .as_ref()
        .and_then(|id| id.rsplit_once('@'))
        .is_some_and(|(_, host)| host.to_ascii_lowercase() == domain);
    !domain.is_empty()
        && ours
        && (is_auto_submitted(mail, own) || has_auto_reply_header(mail, own) || is_bulk(mail, own))
}

/// RFC 3834: anything but `no`.
fn is_auto_submitted(mail: &InboundMail, _: &Own) -> bool {
    mail.header("auto-submitted").is_some_and(|value| {
        let word = value.split([';', '(']).next().unwrap_or_default().trim();
        !word.is_empty() && !word.eq_ignore_ascii_case("no")
    })
}

fn has_auto_reply_header(mail: &InboundMail, _: &Own) -> bool {
    const NAMES: [&str; 7] = [
        "x-autoreply",
        "x-autorespond",
        "x-auto-response-from",
        "x-autoreply-from",
        "x-vacation",
        "x-autogenerated",
        "x-mail-autoreply",
    ];
    let is_no = |value: &str| {
        value.eq_ignore_ascii_case("no") || value == "0" || value.eq_ignore_ascii_case("false")
    };
    NAMES
        .iter()
        .any(|name| mail.header(name).is_some_and(|value| !is_no(value)))
        || mail.header("precedence").is_some_and(|value| {
            value.eq_ignore_ascii_case("auto_reply") || value.eq_ignore_ascii_case("auto-reply")
        })
        || mail
            .header("delivered-to")
            .is_some_and(|to| to.eq_ignore_ascii_case("autoresponder"))
        || mail
            .header("preference")
            .is_some_and(|value| value.eq_ignore_ascii_case("auto_reply"))
}

static AUTO_SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)^\s*(auto(matic)?[\ -]?(reply|response|matic\ reply)\b | out\ of\ (the\ )?office\b | automatische\ antwort\b | abwesenheit(snotiz)?\b | réponse\ automatique\b
        | respuesta\ autom[aá]tica\b | resposta\ autom[aá]tica\b | risposta\ automatica\b | automatisch(e)?\ antwoord\b | afwezig\b | autosvar\b | automatiskt\ svar\b | automatisk\ svar\b
        | automaattinen\ vastaus | odpowiedź\ automatyczna | automatická\ odpověď | автоответ | 自動応答 | 自动回复 | vacation\ (reply|notice|message)\b )",
    )
});

fn has_auto_reply_subject(mail: &InboundMail, _: &Own) -> bool {
    AUTO_SUBJECT.is_match(&mail.subject)
}

static ANSWER_OF_CALENDAR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^.{0,120}\bhas\ (tentatively\ )?(accepted|declined|replied)\b.{0,60}\binvitation\b",
    )
});

/// A program accepts or declines, and nobody wrote a word beside it.
fn is_calendars_answer(mail: &InboundMail, _: &Own) -> bool {
    let is_reply = mail
        .invitation
        .as_ref()
        .is_some_and(|it| it.method == Method::Reply);
    is_reply && (mail.text.trim().is_empty() || ANSWER_OF_CALENDAR.is_match(mail.text.trim()))
}

/// Whether a list or a newsletter sent it.
pub fn is_list(mail: &InboundMail) -> bool {
    ["list-id", "list-post", "list-unsubscribe", "x-mailing-list"]
        .iter()
        .any(|name| mail.header(name).is_some())
}

/// Whether it is a newsletter or the like: sent to many by a program, with a way out for each of them (RFC 2369,
/// RFC 8058). A discussion list, which carries people's words, says `Precedence: list` or where to post.
pub fn is_newsletter(mail: &InboundMail) -> bool {
    let precedence = |words: &[&str]| {
        mail.header("precedence")
            .is_some_and(|value| words.iter().any(|word| value.eq_ignore_ascii_case(word)))
    };
    let posts_go_there = mail
        .header("list-post")
        .is_some_and(|to| !to.to_ascii_lowercase().starts_with("no"));
    if posts_go_there || precedence(&["list"]) || mail.header("x-mailing-list").is_some() {
        return false;
    }
    mail.header("list-unsubscribe").is_some()
        && (precedence(&["bulk", "junk"]) || mail.header("list-unsubscribe-post").is_some())
}

fn is_bulk(mail: &InboundMail, _: &Own) -> bool {
    mail.header("precedence").is_some_and(|value| {
        ["bulk", "list", "junk"]
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word))
    })
}

fn local_part(address: &str) -> String {
    address
        .split('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(BOUNCE_TEXT_BYTES_MAX)]
}

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants, and every test builds them"
)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).unwrap()
}

/// The values of a field, its folded lines joined.
fn fields<'t>(block: &'t str, name: &'t str) -> impl Iterator<Item = String> + 't {
    let lines: Vec<&str> = block.lines().collect();
    (0..lines.len()).filter_map(move |at| {
        let (key, value) = lines[at].split_once(':')?;
        if !key.trim().eq_ignore_ascii_case(name) {
            return None;
        }
        let folded = lines[at + 1..]
            .iter()
            .take(20)
            .take_while(|line| line.starts_with([' ', '\t']));
        Some(folded.fold(value.trim().to_owned(), |value, line| {
            value + " " + line.trim()
        }))
    })
}

static STATUS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b([45]\.\d{1,3}\.\d{1,3})\b"));
static REPLY_CODE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)(?:^|[\s:<\[(])([45]\d\d)[\s-]"));
/// A mail address within other words.
pub(super) static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)[a-z0-9][a-z0-9._%+=&'-]{0,63}@[a-z0-9](?:[a-z0-9-]{0,62}\.)+[a-z]{2,24}")
});

/// Who was not reached: from the report where there is one, else from the words.
fn bounces(mail: &InboundMail) -> Vec<Bounce> {
    let text = head(&mail.text);
    let reported = mail
        .report
        .delivery_status
        .as_deref()
        .map(|status| reported(status, mail))
        .unwrap_or_default();
    if !reported.is_empty() {
        return reported;
    }
    let named: Vec<String> = match mail.header("x-failed-recipients") {
        Some(named) => ADDRESS
            .find_iter(named)
            .map(|hit| hit.as_str().to_lowercase())
            .collect(),
        None => first_recipient(mail, text).into_iter().collect(),
    };
    let (status, permanent) = status_of(&mail.subject, text);
    let diagnosis = diagnosis(text);
    let hard = permanent && is_address_dead(&status, &[&diagnosis, text]);
    let bounce = |recipient| Bounce {
        recipient,
        status: status.clone(),
        permanent,
        hard,
        diagnosis: diagnosis.clone(),
    };
    if named.is_empty() {
        return vec![bounce(None)];
    }
    named
        .into_iter()
        .take(BOUNCES_MAX)
        .map(|recipient| bounce(Some(recipient)))
        .collect()
}

/// Codes of RFC 3463 (and 7505) by which a mailbox or a domain is not there: bad mailbox, bad domain,
/// bad syntax, moved, no null MX; no such host.
const DEAD_CODES: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4"];

static DEAD_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix) (user|recipient|address|account|mailbox|addressee|mail\ box|domain|host) (\ (name|address|is|was|does))* \ (not\ (found|exist|known|listed)|unknown|no\ longer|inactive|disabled|closed|has\ moved)
        | (unknown|no\ such|invalid|inactive|non-?existent|nonexisting|bad\ destination|undeliverable) \ (local\ )?(-?part|user|recipient|mailbox|address|account|domain|host|person)
        | (does|did)\ ?n.?[o']?t\ exist | not\ exist\b | host\ or\ domain\ name\ not\ found | not\ a\ (known|valid)\ (user|recipient|address|mailbox)
        | recipnotfound | no\ valid\ recipients | if\ (the\ )?address\ is\ correct | unrouteable\ address | not\ accepting\ (network\ )?messages | no\ mailbox\ here | isn't\ a\ real",
    )
});

/// What is held against us, or passes: such words tell more than a code, which servers choose badly.
static PASSING_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix) quota | (mailbox|user|storage|account)\ .{0,20}\bfull\b | \bspam\b | \bUBE\b | black-?list | block(ed|list) | banned | policy | \bdmarc\b | \bspf\b | \bdkim\b | \bptr\b | reverse\ dns
        | relay(ing|\ (access|denied)) | authentic | sender | sending\ | reputation | too\ (large|big|many) | frequency | time[sd]?\ ?-?out | expired | temporar | hop\ count | routing\ loop | content\ reject | header | gateway\ user",
    )
});

/// Where a notice ends and the mail begins that it gives back, whose words are somebody's.
static RETURNED_COPY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?im)^.{0,40}\b(copy of (the|your) (message|mail)|original message|unsent message|returned (message|mail)|below this line)\b",
    )
});

/// Whether the mailbox or its domain is gone: by the first of these sayings that tells, else by the
/// status code.
fn is_address_dead(status: &str, sayings: &[&str]) -> bool {
    for said in sayings {
        let copy = RETURNED_COPY
            .find(said)
            .map_or(said.len(), |hit| hit.start());
        let said = &said[..copy];
        if PASSING_WORDS.is_match(said) {
            return false;
        }
        if DEAD_WORDS.is_match(said) {
            return true;
        }
    }
    DEAD_CODES.contains(&status)
}

/// Whether a server that refuses a recipient says that there is no such address.
pub(super) fn says_gone(words: &str) -> bool {
    let status = STATUS.find(words).map_or("", |hit| hit.as_str());
    is_address_dead(status, &[words])
}

/// The recipients of a report by RFC 3464 whose Action is failed or delayed.
fn reported(status: &str, mail: &InboundMail) -> Vec<Bounce> {
    let mut bounces = Vec::new();
    for block in status.split("\n\n").take(BOUNCES_MAX) {
        let field = |name: &'static str| fields(block, name).next();
        let Some(recipient) = field("final-recipient").or_else(|| field("original-recipient"))
        else {
            continue;
        };
        let action = field("action").unwrap_or_default().to_ascii_lowercase();
        if matches!(action.as_str(), "delivered" | "relayed" | "expanded") {
            continue;
        }
        let diagnosis = field("diagnostic-code").unwrap_or_default();
        let said = field("status").unwrap_or_default();
        let status = STATUS
            .find(&said)
            .or_else(|| STATUS.find(&diagnosis))
            .map(|hit| hit.as_str().to_owned())
            .unwrap_or_default();
        // A reason that may have passed (4.x), and yet no more tries when it has failed.
        let is_passing = action == "delayed" || status.starts_with('4');
        let permanent = action == "failed" || !is_passing;
        let address = recipient
            .rsplit(';')
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches(['<', '>']);
        bounces.push(Bounce {
            recipient: ADDRESS.find(address).map(|hit| hit.as_str().to_lowercase()),
            hard: !is_passing && is_address_dead(&status, &[&diagnosis, head(&mail.text)]),
            status,
            permanent,
            diagnosis: super::one_line(&diagnosis, DIAGNOSIS_CHARS_MAX),
        });
    }
    bounces
}

/// The first address in the words that is neither the sender's nor ours nor a part of the mail system.
fn first_recipient(mail: &InboundMail, text: &str) -> Option<String> {
    let from = mail.from.as_ref().map(|from| from.email.to_lowercase());
    let hits = ADDRESS
        .find_iter(text)
        .map(|hit| hit.as_str().to_lowercase());
    hits.take(BOUNCES_MAX).find(|address| {
        Some(address) != from.as_ref()
            && !matches!(local_part(address).as_str(), "postmaster" | "mailer-daemon")
            && !mail
                .recipients
                .iter()
                .any(|own| own.eq_ignore_ascii_case(address))
    })
}

fn status_of(subject: &str, text: &str) -> (String, bool) {
    let status = STATUS
        .find(text)
        .map(|hit| hit.as_str().to_owned())
        .unwrap_or_default();
    let lower = subject.to_lowercase();
    let delayed = lower.contains("delay") || lower.starts_with("warning");
    let code = REPLY_CODE
        .captures(text)
        .and_then(|hit| hit.get(1))
        .map(|code| code.as_str());
    let permanent = match (status.chars().next(), code) {
        _ if delayed => false,
        (Some('4'), _) => false,
        (Some(_), _) => true,
        (None, Some(code)) => code.starts_with('5'),
        (None, None) => true,
    };
    (status, permanent)
}

/// The line with a code, which is what the other server said.
fn diagnosis(text: &str) -> String {
    let line = text
        .lines()
        .find(|line| STATUS.is_match(line) || REPLY_CODE.is_match(line));
    super::one_line(line.unwrap_or_default(), DIAGNOSIS_CHARS_MAX)
}

/// The id of the mail that came back: in the report's copy of its headers, else in the copy within the words.
fn returned_message_id(mail: &InboundMail) -> Option<String> {
    let within = |text: &str| fields(text, "message-id").find_map(|id| clean_message_id(&id));
    let original = mail.report.delivery_status.as_deref();
    mail.report
        .returned_headers
        .as_deref()
        .and_then(within)
        .or_else(|| {
            original.and_then(|status| {
                fields(status, "x-original-message-id").find_map(|id| clean_message_id(&id))
            })
        })
        .or_else(|| within(head(&mail.text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::inbound;

    fn own() -> Own {
        Own {
            addresses: vec!["help@example.com".to_owned()],
            domain: "example.com".to_owned(),
        }
    }

    fn verdict(headers: &str, body: &str) -> Verdict {
        let from = if headers.to_lowercase().contains("from:") {
            ""
        } else {
            "From: anna@example.org\r\n"
        };
        let raw = format!("{from}To: help@example.com\r\nSubject: Bike\r\n{headers}\r\n\r\n{body}");
        classify(&inbound::parse(raw.as_bytes()), &own())
    }

    #[test]
    fn headers_tell_machines_from_people() {
        for (headers, kind, answerable) in [
            ("X-A: b", Kind::Person, true),
            ("Auto-Submitted: no", Kind::Person, true),
            (
                "Auto-Submitted: auto-replied (vacation)",
                Kind::AutoReply,
                false,
            ),
            ("X-Autoreply: yes", Kind::AutoReply, false),
            ("Precedence: auto_reply", Kind::AutoReply, false),
            ("Precedence: bulk", Kind::List, false),
            ("List-Id: <bikes.example.org>", Kind::List, false),
            (
                "X-Auto-Response-Suppress: DR, OOF, AutoReply",
                Kind::Person,
                false,
            ),
            ("Return-Path: <>", Kind::AutoReply, false),
            ("From: no-reply@example.org", Kind::Person, false),
            ("From: postmaster@example.org", Kind::AutoReply, false),
            ("From: a@example.org, b@example.org", Kind::Person, false),
            ("From: Help <HELP+t.x@example.com>", Kind::Own, false),
            ("Message-ID: <m.1@example.com>", Kind::Person, true),
            (
                "Message-ID: <m.1@example.com>\r\nAuto-Submitted: auto-generated",
                Kind::Own,
                false,
            ),
        ] {
            let verdict = verdict(headers, "hello");
            assert_eq!(
                (verdict.kind, verdict.answerable),
                (kind, answerable),
                "{headers}: {}",
                verdict.rule
            );
        }
    }

    #[test]
    fn a_newsletter_is_no_discussion_list() {
        let out = "List-Unsubscribe: <https://example.org/out>";
        for (headers, expected) in [
            (
                format!("List-Id: <news.example.org>\r\n{out}\r\nPrecedence: bulk"),
                true,
            ),
            (
                format!("{out}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"),
                true,
            ),
            ("Precedence: bulk".into(), false),
            ("List-Id: <bikes.example.org>".into(), false),
            (out.into(), false),
            (format!("{out}\r\nPrecedence: list"), false),
            (
                format!("{out}\r\nPrecedence: bulk\r\nList-Post: <mailto:bikes@example.org>"),
                false,
            ),
            (
                format!("{out}\r\nPrecedence: bulk\r\nList-Post: NO (announcements only)"),
                true,
            ),
        ] {
            let raw = format!("From: anna@example.org\r\n{headers}\r\n\r\nhello");
            let mail = inbound::parse(raw.as_bytes());
            assert_eq!(is_newsletter(&mail), expected, "{headers}");
        }
    }

    #[test]
    fn a_customer_may_speak_of_failed_deliveries() {
        let raw = "From: anna@example.org\r\nSubject: Delivery failed: my parcel was returned to sender\r\n\r\nUser unknown, they said. 550 euros!";
        let verdict = classify(&inbound::parse(raw.as_bytes()), &own());
        assert_eq!(verdict.kind, Kind::Person, "{}", verdict.rule);
    }

    #[test]
    fn an_address_is_gone_only_when_that_is_said() {
        for (said, hard) in [
            (
                "550 5.1.1 <jo@example.net>: Recipient address rejected: User unknown in local recipient table",
                true,
            ),
            ("550 Unknown user jo@example.net", true),
            ("550 5.4.4 Invalid domain", true),
            (
                "Host or domain name not found. 550 Name service error for name=example.net",
                true,
            ),
            ("550 5.0.0 No such user here", true),
            ("Error: No valid recipients for this message", true),
            (
                "Unable to deliver. Please check if the address is correct",
                true,
            ),
            ("550 5.1.1 <jo@example.net>: Relay access denied", false),
            ("552 5.2.2 <jo@example.net>... Mailbox full", false),
            (
                "552 sorry, mailbox jo@example.net is over quota temporarily (#5.1.1)",
                false,
            ),
            ("550 5.7.1 IP address blacklisted by recipient", false),
            (
                "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy",
                false,
            ),
            (
                "553 5.1.8 Domain of sender address help@example.com does not exist",
                false,
            ),
            ("550 5.4.7 Message expired, connection refused", false),
            ("451 4.1.1 User unknown, try later", false),
        ] {
            let body = format!(
                "This is the mail system.\n\n<jo@example.net>: {said}\n\n------ This is a copy of the message ------\nNo such user, they told me."
            );
            let verdict = verdict("From: MAILER-DAEMON@example.net\r\nReturn-Path: <>", &body);
            assert_eq!(
                verdict.bounces[0].hard, hard,
                "{said}: {:?}",
                verdict.bounces
            );
        }
    }

    #[test]
    fn notices_without_a_report_name_who_was_not_reached() {
        let body = "This is the mail system at host mx.example.net.\n\n<jo@example.net>: host mx said: 550 5.1.1 User unknown\n\n--- below the mail ---\nMessage-ID: <m.7@example.com>\n";
        let verdict = verdict("From: MAILER-DAEMON@example.net\r\nReturn-Path: <>", body);
        assert_eq!(verdict.kind, Kind::Bounce);
        let bounce = &verdict.bounces[0];
        assert_eq!(
            (
                bounce.recipient.as_deref(),
                bounce.status.as_str(),
                bounce.permanent
            ),
            (Some("jo@example.net"), "5.1.1", true)
        );
        assert_eq!(
            verdict.returned_message_id.as_deref(),
            Some("m.7@example.com")
        );
    }
}

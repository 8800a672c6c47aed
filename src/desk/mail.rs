//! `/admin/mail`: how mail comes in and goes out. In the demo, where nothing leaves the machine, this
//! is where mail is read.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::arrival::Test;
use super::{Asked, Paged, one_more, paged};
use crate::app::App;
use crate::clock::Moment;
use crate::error::Problem;
use crate::ids::{AddressId, MailId};
use crate::inbox;
use crate::limits::Limit;
use crate::mail::arrival::{self, Pasted};
use crate::mail::mailboxes::{self, Health, State};
use crate::mail::outbox::{self, Counts, Given};
use crate::mail::store::ArrivalRow;
use crate::mail::suppression::{self, HeldAddress};
use crate::people::{self, Admin};
use crate::text::names;
use crate::web::{
    Answer, Failure, Form, Page, Problems, Query, When, blocking, html, html_with, redirect_saying,
};

/// Mails on one page.
const PAGE_MAILS: usize = 50;
/// Mails that were given up, shown above the others.
const GIVEN_UP_MAX: i64 = 20;
/// Addresses that are not written to, the newest.
const HELD_MAX: i64 = 50;
/// Tests of how mail arrives, the newest.
const TESTS_MAX: i64 = 5;

struct Line {
    id: i64,
    to: String,
    subject: String,
    purpose: String,
    state: String,
    error: Option<String>,
    attempts: i64,
    /// It was given up or came back.
    can_go_again: bool,
    at: When,
}

impl Line {
    fn of(mail: Given, now: Moment) -> Line {
        Line {
            id: mail.id,
            can_go_again: mail.can_go_again(),
            state: mail.fares().to_owned(),
            to: mail.to_email,
            subject: mail.subject,
            purpose: mail.purpose.replace('_', " "),
            error: mail.error,
            attempts: mail.attempts,
            at: When::new(mail.created_at, now),
        }
    }
}

#[derive(Template)]
#[template(path = "desk/mails.html")]
struct MailsPage {
    page: Page,
    counts: Counts,
    /// Whether the configuration lets mail leave.
    is_off: bool,
    /// Where mails are written instead of sent, if they are.
    folder: Option<String>,
    given_up: Vec<Line>,
    /// Mails that came in and that somebody has to look at.
    unread: i64,
    mailboxes: Vec<MailboxLine>,
    held: Vec<Held>,
    held_count: i64,
    /// Where a test would go, and the headers of one, as typed.
    test_to: String,
    headers: String,
    problems: Problems,
    tests: Vec<Test>,
    /// Whether mail that comes back can tell how it arrived.
    is_checked: bool,
    mails: Vec<Line>,
    older: Option<String>,
    newer: Option<String>,
}

/// A mailbox that is watched.
struct MailboxLine {
    name: String,
    /// The class of its badge, and what it is doing.
    class: &'static str,
    state: &'static str,
    /// What is wrong with it, or was left in it, in a sentence; and since when.
    trouble: Option<String>,
    since: Option<When>,
    ok: Option<When>,
    mail: Option<When>,
}

impl MailboxLine {
    fn of(health: Health, now: Moment) -> MailboxLine {
        let (class, state) = match health.state {
            State::Starting => ("badge-warn", "Not reached yet"),
            State::Listening => ("badge-good", "Hears of new mail"),
            State::Polling => ("badge-good", "Looked at now and then"),
            State::Failing => ("badge-bad", "Can’t be read"),
        };
        let when = |at: Option<Moment>| at.map(|at| When::new(at.0, now));
        MailboxLine {
            class,
            state,
            trouble: health.trouble(),
            name: health.name,
            since: when(health.failed_at),
            ok: when(health.ok_at),
            mail: when(health.mail_at),
        }
    }
}

/// An address that is not written to.
struct Held {
    id: AddressId,
    email: String,
    why: &'static str,
    since: When,
}

impl Held {
    fn of(held: HeldAddress, now: Moment) -> Held {
        Held {
            id: held.id,
            email: held.email,
            why: held.why.words(),
            since: When::new(held.held_at.0, now),
        }
    }
}

/// What the page shows, as it is read.
struct Read {
    counts: Counts,
    given_up: Vec<Given>,
    mails: Vec<Given>,
    unread: i64,
    mailboxes: Vec<Health>,
    held: Vec<HeldAddress>,
    held_count: i64,
    tests: Vec<ArrivalRow>,
    own_address: Option<String>,
}

/// What was typed into the forms of tests, and what stands against it.
#[derive(Default)]
struct TypedTest {
    to: Option<String>,
    headers: String,
    problems: Problems,
}

/// `GET /admin/mail`
pub async fn page(app: Data<App>, admin: Admin, Query(asked): Query<Asked>) -> Answer {
    show(&app, admin, asked, TypedTest::default()).await
}

async fn show(app: &Data<App>, admin: Admin, asked: Asked, typed: TypedTest) -> Answer {
    let now = app.now();
    let user = admin.user.id;
    let read = blocking(app, move |app| {
        app.db.read(|conn| {
            Ok(Read {
                counts: outbox::counts(conn)?,
                given_up: outbox::given_up(conn, GIVEN_UP_MAX)?,
                mails: outbox::page(conn, asked.before, one_more(PAGE_MAILS))?,
                unread: inbox::store::unread_count(conn)?,
                mailboxes: mailboxes::health(conn, &app.config.mailboxes)?,
                held: suppression::list(conn, None, HELD_MAX)?,
                held_count: suppression::count(conn)?,
                tests: crate::mail::store::arrivals(conn, TESTS_MAX)?,
                own_address: people::store::user(conn, user)?.and_then(|user| user.email),
            })
        })
    })
    .await?;
    let mut mails = read.mails;
    let Paged { older, newer } = paged(
        &mut mails,
        PAGE_MAILS,
        "/admin/mail",
        asked.before,
        |mail| mail.id,
    );
    let is_folder = app.config.mail.transport == crate::config::MailTransport::Folder;
    let status = if typed.problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = MailsPage {
        page: admin.page,
        counts: read.counts,
        is_off: app.mail.is_none(),
        folder: is_folder.then(|| app.config.mail.folder.display().to_string()),
        given_up: read
            .given_up
            .into_iter()
            .map(|m| Line::of(m, now))
            .collect(),
        unread: read.unread,
        mailboxes: read
            .mailboxes
            .into_iter()
            .map(|health| MailboxLine::of(health, now))
            .collect(),
        held: read
            .held
            .into_iter()
            .map(|held| Held::of(held, now))
            .collect(),
        held_count: read.held_count,
        test_to: typed.to.or(read.own_address).unwrap_or_default(),
        headers: typed.headers,
        problems: typed.problems,
        tests: read.tests.into_iter().map(|t| Test::of(t, now)).collect(),
        is_checked: !app.config.mail.authserv_id.is_empty(),
        mails: mails.into_iter().map(|m| Line::of(m, now)).collect(),
        older,
        newer,
    };
    html_with(status, &page)
}

#[derive(Template)]
#[template(path = "desk/mail.html")]
struct MailPage {
    page: Page,
    mail: Line,
    /// Its words are for its receiver alone.
    is_hidden: bool,
    text: Vec<Piece>,
}

/// A stretch of a mail's text: plain, or an address to follow.
struct Piece {
    text: String,
    is_address: bool,
}

/// `GET /admin/mail/{id}`
pub async fn mail(app: Data<App>, admin: Admin, id: Path<i64>) -> Answer {
    let now = app.now();
    let mail = stored(&app, *id).await?;
    let id = MailId(mail.id);
    let is_hidden = blocking(&app, move |app| outbox::is_hidden(app, id)).await?;
    let text = if is_hidden {
        Vec::new()
    } else {
        pieces(&mail.text)
    };
    html(&MailPage {
        page: admin.page,
        mail: Line::of(mail, now),
        is_hidden,
        text,
    })
}

async fn stored(app: &App, id: i64) -> Result<Given, Failure> {
    // The page of one mail: the one before the next id.
    let after = id.checked_add(1).ok_or(Failure::NotFound)?;
    let found = blocking(app, move |app| {
        app.db.read(|conn| outbox::page(conn, Some(after), 1))
    })
    .await?;
    found
        .into_iter()
        .find(|mail| mail.id == id)
        .ok_or(Failure::NotFound)
}

/// Finds the addresses that stand alone in a text, so that a page can link them.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    for part in text.split_inclusive(|c: char| c.is_whitespace()) {
        let word = part.trim_end();
        let is_address = ["https://", "http://"].iter().any(|s| word.starts_with(s));
        if !is_address {
            plain.push_str(part);
            continue;
        }
        pieces.push(Piece {
            text: std::mem::take(&mut plain),
            is_address: false,
        });
        pieces.push(Piece {
            text: word.to_owned(),
            is_address: true,
        });
        plain.push_str(&part[word.len()..]);
    }
    pieces.push(Piece {
        text: plain,
        is_address: false,
    });
    pieces
}

/// `GET /admin/mail/{id}/eml`: the whole mail, for a mail program.
pub async fn eml(app: Data<App>, _admin: Admin, id: Path<i64>) -> Answer {
    let id = *id;
    let bytes = blocking(&app, move |app| outbox::eml(app, MailId(id)))
        .await?
        .ok_or(Failure::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("message/rfc822")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(format!("mail-{id}.eml"))],
        })
        .body(bytes))
}

/// A form that has only its button.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /admin/mail/{id}/retry`: tries a mail again that was given up.
pub async fn retry(app: Data<App>, admin: Admin, id: Path<i64>, _form: Form<Nothing>) -> Answer {
    let (id, by) = (MailId(*id), admin.user.actor());
    let again = blocking(&app, move |app| {
        let now = app.now();
        app.db.write(|tx| outbox::retry(tx, now, &by, id))
    })
    .await?;
    let (kind, words) = if again {
        ("success", "The mail is tried again now.")
    } else {
        ("info", "This mail is not one that was given up.")
    };
    Ok(redirect_saying(&app, "/admin/mail", kind, words))
}

/// `POST /admin/mail/retry`: tries every mail again that was given up.
pub async fn retry_all(app: Data<App>, admin: Admin, _form: Form<Nothing>) -> Answer {
    let by = admin.user.actor();
    let tried = blocking(&app, move |app| outbox::retry_all(app, &by)).await?;
    let words = match tried {
        0 => "No mail was given up.".to_owned(),
        1 => "One mail is tried again now.".to_owned(),
        n => format!("{n} mails are tried again now."),
    };
    Ok(redirect_saying(&app, "/admin/mail", "success", &words))
}

/// `POST /admin/mail/held/{id}/lift`: writes to an address again.
pub async fn lift(app: Data<App>, admin: Admin, id: Path<i64>, _form: Form<Nothing>) -> Answer {
    let (id, by) = (AddressId(*id), admin.user.actor());
    let lifted = blocking(&app, move |app| {
        let now = app.now();
        app.db.write(|tx| suppression::lift(tx, now, &by, id))
    })
    .await?;
    let (kind, words) = if lifted {
        (
            "success",
            "The address is written to again; what waited for it leaves now.",
        )
    } else {
        ("info", "This address is written to already.")
    };
    Ok(redirect_saying(&app, "/admin/mail#held", kind, words))
}

/// Where a test goes.
#[derive(Deserialize)]
pub struct TestForm {
    #[serde(default)]
    to: String,
}

/// `POST /admin/mail/test`: sends a mail that shows how ours arrive.
pub async fn test(app: Data<App>, admin: Admin, form: Form<TestForm>) -> Answer {
    let typed = form.fields.to;
    let counted = admin.user.count(&app, Limit::Contact);
    let (to, problem) = match (names::email(&typed), counted) {
        (Some(to), Ok(())) => (to, None),
        (None, _) => (
            String::new(),
            Some("Give an email address, like you@example.com.".into()),
        ),
        (_, Err(seconds)) => (
            String::new(),
            Some(format!(
                "That were many tests. Try again in {seconds} seconds."
            )),
        ),
    };
    if let Some(problem) = problem {
        let typed = TypedTest {
            to: Some(typed),
            problems: Problems(vec![Problem::new("to", problem)]),
            ..TypedTest::default()
        };
        return show(&app, admin, Asked::default(), typed).await;
    }
    let (by, actor) = (admin.user.id, admin.user.actor());
    blocking(&app, move |app| arrival::send(app, (by, &actor), &to)).await?;
    let words = "The test is on its way.";
    Ok(redirect_saying(&app, "/admin/mail#tests", "success", words))
}

/// Headers that the receiver of a test copied.
#[derive(Deserialize)]
pub struct HeadersForm {
    #[serde(default)]
    headers: String,
}

/// `POST /admin/mail/test/headers`: reads how a test arrived elsewhere.
pub async fn test_headers(app: Data<App>, admin: Admin, form: Form<HeadersForm>) -> Answer {
    let headers = form.fields.headers.clone();
    let problem = match blocking(&app, move |app| arrival::paste(app, &headers)).await? {
        Pasted::Noted => {
            let words = "Read: the table shows what the other server found out.";
            return Ok(redirect_saying(&app, "/admin/mail#tests", "success", words));
        }
        Pasted::NoResults => {
            "There is no line that begins with Authentication-Results. Copy all headers of the mail, \
             from the top; mail programs call that its source, or the original."
        }
        Pasted::OtherMail => {
            "These are the headers of another mail: its Message-ID is that of no test."
        }
    };
    let typed = TypedTest {
        headers: form.fields.headers,
        problems: Problems(vec![Problem::new("headers", problem)]),
        ..TypedTest::default()
    };
    show(&app, admin, Asked::default(), typed).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_mail_can_be_followed_and_no_letter_is_lost() {
        let text = "Hello,\n\nhttps://help.example/case/x?a=1\n\nBye: javascript:alert(1)\n";
        let pieces = pieces(text);
        let addresses: Vec<&str> = pieces
            .iter()
            .filter(|p| p.is_address)
            .map(|p| p.text.as_str())
            .collect();
        assert_eq!(addresses, ["https://help.example/case/x?a=1"]);
        let whole: String = pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(whole, text);
    }
}

//! `/admin/mail`: the outbox. In the demo, where nothing leaves the machine, this is where mail is
//! read.

use actix_web::HttpResponse;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::{Asked, Paged, one_more, paged};
use crate::app::App;
use crate::ids::MailId;
use crate::mail::outbox::{self, Counts, Given};
use crate::people::Admin;
use crate::web::{Answer, Failure, Form, Page, Query, When, blocking, html, redirect_saying};

/// Mails on one page.
const PAGE_MAILS: usize = 50;
/// Mails that were given up, shown above the others.
const GIVEN_UP_MAX: i64 = 20;

struct Line {
    id: i64,
    to: String,
    subject: String,
    purpose: String,
    state: String,
    error: Option<String>,
    attempts: i64,
    at: When,
}

impl Line {
    fn of(mail: Given, now: crate::clock::Moment) -> Line {
        Line {
            id: mail.id,
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
    mails: Vec<Line>,
    older: Option<String>,
    newer: Option<String>,
}

/// `GET /admin/mail`
pub async fn page(app: Data<App>, admin: Admin, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let (counts, given_up, mut mails) = blocking(&app, move |app| {
        app.db.read(|conn| {
            Ok((
                outbox::counts(conn)?,
                outbox::given_up(conn, GIVEN_UP_MAX)?,
                outbox::page(conn, asked.before, one_more(PAGE_MAILS))?,
            ))
        })
    })
    .await?;
    let Paged { older, newer } = paged(
        &mut mails,
        PAGE_MAILS,
        "/admin/mail",
        asked.before,
        |mail| mail.id,
    );
    let is_folder = app.config.mail.transport == crate::config::MailTransport::Folder;
    html(&MailsPage {
        page: admin.page,
        counts,
        is_off: app.mail.is_none(),
        folder: is_folder.then(|| app.config.mail.folder.display().to_string()),
        given_up: given_up.into_iter().map(|m| Line::of(m, now)).collect(),
        mails: mails.into_iter().map(|m| Line::of(m, now)).collect(),
        older,
        newer,
    })
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

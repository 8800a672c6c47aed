//! `/desk/mail`: mails that came in and wait for a person, because they could not be read, were not
//! taken, or belong nowhere.

use actix_web::HttpResponse;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Path};
use askama::Template;

use super::mail::Nothing;
use super::{Asked, Paged, one_more, paged};
use crate::app::App;
use crate::clock::Moment;
use crate::ids::IntakeId;
use crate::inbox::receive_mail;
use crate::inbox::store::{self, Unread, UnreadMail};
use crate::mail::inbound;
use crate::mail::mailboxes::{self, Health};
use crate::people::Staff;
use crate::web::{Answer, Failure, Form, Page, Query, When, blocking, html, redirect_saying};

/// Mails on one page.
const PAGE_MAILS: usize = 50;

struct Line {
    id: IntakeId,
    at: When,
    from: String,
    subject: String,
    /// The class of its badge, and what happened.
    class: &'static str,
    left: &'static str,
    why: String,
    /// What the button says.
    again: &'static str,
}

impl Line {
    fn of(mail: UnreadMail, now: Moment) -> Line {
        let head = inbound::parse(&mail.head);
        let (class, left, again) = match mail.left {
            Unread::Failed => ("badge-bad", "Could not be read", "Read again"),
            Unread::Refused => ("badge-warn", "Not taken", "Take it"),
            Unread::Aside => ("", "Put aside", "Take it"),
        };
        Line {
            id: mail.id,
            at: When::new(mail.received_at.0, now),
            from: head
                .from
                .map_or_else(|| "Unknown sender".into(), |f| f.email),
            subject: match head.subject.is_empty() {
                true => "(no subject)".to_owned(),
                false => head.subject,
            },
            class,
            left,
            why: mail.why,
            again,
        }
    }
}

#[derive(Template)]
#[template(path = "desk/mail_in.html")]
struct MailInPage {
    page: Page,
    /// What is wrong with the mailboxes that are watched, or was left in them.
    troubles: Vec<String>,
    mails: Vec<Line>,
    older: Option<String>,
    newer: Option<String>,
}

/// `GET /desk/mail`
pub async fn page(app: Data<App>, staff: Staff, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let (mut mails, mailboxes) = blocking(&app, move |app| {
        app.db.read(|conn| {
            Ok((
                store::unread_mails(conn, asked.before, one_more(PAGE_MAILS))?,
                mailboxes::health(conn, &app.config.mailboxes)?,
            ))
        })
    })
    .await?;
    let Paged { older, newer } =
        paged(&mut mails, PAGE_MAILS, "/desk/mail", asked.before, |mail| {
            mail.id.0
        });
    html(&MailInPage {
        page: staff.page,
        troubles: mailboxes.iter().filter_map(Health::trouble).collect(),
        mails: mails.into_iter().map(|m| Line::of(m, now)).collect(),
        older,
        newer,
    })
}

/// `GET /desk/mail/{id}/eml`: the mail as it came.
pub async fn eml(app: Data<App>, _staff: Staff, id: Path<i64>) -> Answer {
    let id = IntakeId(*id);
    let bytes = blocking(&app, move |app| app.db.read(|c| store::unread_raw(c, id)))
        .await?
        .ok_or(Failure::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("message/rfc822")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(format!("mail-in-{id}.eml"))],
        })
        .body(bytes))
}

/// `POST /desk/mail/{id}/replay`
pub async fn replay(app: Data<App>, staff: Staff, id: Path<i64>, _form: Form<Nothing>) -> Answer {
    let (id, by) = (IntakeId(*id), staff.user.actor());
    let again = blocking(&app, move |app| receive_mail::replay(app, &by, id)).await?;
    let (kind, words) = if again {
        ("success", "The mail is read again now.")
    } else {
        ("info", "This mail does not wait here any more.")
    };
    Ok(redirect_saying(&app, "/desk/mail", kind, words))
}

//! Tests of how our mail arrives: one to an address of the operator's choice, and what its receiver's
//! server found out about it. A test to one of our own mailboxes is read when it comes back; of any
//! other the operator pastes the headers.

use serde_json::json;

use super::authentication::{self, Results};
use super::inbound::{InboundMail, parse};
use super::outbox::{self, NewMail};
use super::outgoing::Automatic;
use super::render::{Letter, Paragraph};
use super::store;
use crate::app::App;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::{MailId, UserId};

/// Longest headers that are pasted (bytes); servers' own limit is a tenth of it.
pub const HEADERS_BYTES_MAX: usize = 256 * 1024;

/// Sends a test to `to`, which is an address.
pub fn send(app: &App, (by, actor): (UserId, &Actor), to: &str) -> Result<MailId> {
    let now = app.now();
    let site = &app.config.site;
    let letter = Letter {
        subject: format!("A test from {}", site.name),
        language: "en".into(),
        greeting: "Hello,".into(),
        paragraphs: vec![
            Paragraph::Text(
                "this mail shows how mail of ours arrives. If it came to a mailbox that we watch, \
                 the page below tells what its server found out. If not, copy its headers (the \
                 whole source of the mail does too) and paste them there."
                    .into(),
            ),
            Paragraph::Action {
                label: "See how it arrived".into(),
                url: app.url("/admin/mail#tests"),
            },
        ],
        footer: format!("{}, {}", site.name, site.url),
        replies_welcome: false,
    };
    app.db.write(|tx| {
        let mail = NewMail {
            purpose: "delivery_test",
            to_email: to.to_owned(),
            letter: letter.clone(),
            dedupe_key: format!("delivery_test:{}", app.random.token()),
            automatic: Automatic::Generated,
            is_account: true,
            ..NewMail::default()
        };
        let id = outbox::put(tx, app, &mail)?;
        store::insert_arrival(tx, now, id, to, by)?;
        audit::record(
            tx,
            now,
            Act {
                by: actor,
                act: "mail_test_sent",
                subject: ("mail", id.0),
                reason: "",
                data: json!({}),
            },
        )?;
        Ok(id)
    })
}

/// A mail of ours came back to one of our mailboxes: if it is a test, what our own server found out
/// about it is noted. True when it is one.
pub fn came_back(
    tx: &mut Conn,
    now: Moment,
    mail: &InboundMail,
    authserv_id: &str,
) -> Result<bool> {
    let Some(id) = mail.message_id.as_deref() else {
        return Ok(false);
    };
    let Some(test) = store::arrival_of_message(tx, id)? else {
        return Ok(false);
    };
    let found = authentication::results(mail, authserv_id).unwrap_or_default();
    store::set_arrived(tx, now, test, &found)
}

/// What came of pasted headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pasted {
    Noted,
    /// There is no Authentication-Results among them.
    NoResults,
    /// The Message-ID is that of no test.
    OtherMail,
}

/// Reads the headers that the receiver of a test copied out of it.
pub fn paste(app: &App, headers: &str) -> Result<Pasted> {
    let mut text = headers.trim().replace("\r\n", "\n");
    text.truncate(text.floor_char_boundary(HEADERS_BYTES_MAX));
    text.push_str("\n\n");
    let mail = parse(text.as_bytes());
    let Some(found) = authentication::topmost(&mail) else {
        return Ok(Pasted::NoResults);
    };
    app.db.write(|tx| noted(tx, app.now(), &mail, &found))
}

fn noted(tx: &mut Conn, now: Moment, mail: &InboundMail, found: &Results) -> Result<Pasted> {
    let test = match mail.message_id.as_deref() {
        Some(id) => store::arrival_of_message(tx, id)?,
        None => None,
    };
    let Some(test) = test else {
        return Ok(Pasted::OtherMail);
    };
    store::set_arrived(tx, now, test, found)?;
    Ok(Pasted::Noted)
}

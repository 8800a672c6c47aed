//! What the ways in of `mail` end in: the one intake, and which addresses are ours.

use std::sync::Arc;

use super::receive_mail;
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::forum::store::settings::product_by_mail_address;
use crate::mail::arriving::{Arriving, Intake};
use crate::mail::without_tag;

/// The inbox as the ways in know it.
pub fn intake(app: &App) -> Arc<dyn Intake> {
    Arc::new(Inbox(app.clone()))
}

struct Inbox(App);

impl Intake for Inbox {
    fn accept(&self, mails: &[Arriving]) -> Result<()> {
        receive_mail::accept_all(&self.0, mails)
    }

    fn is_ours(&self, address: &str) -> Result<bool> {
        is_ours(&self.0, address)
    }
}

/// Whether mail for this address is for us: the address we write from, the one mails come back to, and
/// those of products' forums, each with anything after a plus.
pub fn is_ours(app: &App, address: &str) -> Result<bool> {
    let Some(key) = without_tag(address) else {
        return Ok(false);
    };
    let mail = &app.config.mail;
    let is_configured = [&mail.from, &mail.bounce_address]
        .into_iter()
        .any(|ours| without_tag(ours).as_deref() == Some(&key));
    if is_configured {
        return Ok(true);
    }
    let product = |conn: &mut Conn| product_by_mail_address(conn, &[key]);
    Ok(app.db.read(product)?.is_some())
}

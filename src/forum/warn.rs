//! A member wants to be warned of a product's known issues before they are hit, or no longer.

use super::store::{self, followers};
use super::{ThreadKind, Visibility, letters};
use crate::app::App;
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::forum::notify::{News, Notify};
use crate::ids::{ProductId, ThreadId, UserId};
use crate::jobs;
use crate::people::CurrentUser;

/// Switches warnings on (`yes`) or off; false when there is no such product.
pub fn warn(app: &App, by: &CurrentUser, product: &str, yes: bool) -> Result<bool> {
    let now = app.now();
    app.db.write(|tx| {
        let Some(product) = store::product_by_slug(tx, product)? else {
            return Ok(false);
        };
        if yes {
            followers::warn_of(tx, product.id, by.id, now)?;
        } else {
            followers::warn_no_more_of(tx, product.id, by.id)?;
        }
        Ok(true)
    })
}

/// Switches warnings off by the link of a mail, without logging in; false when it is not ours.
pub fn warn_no_more(app: &App, product: ProductId, user: UserId, signature: &str) -> Result<bool> {
    if !letters::may_warn_no_more(app, product, user, signature) {
        return Ok(false);
    }
    app.db
        .write(|tx| followers::warn_no_more_of(tx, product, user))?;
    Ok(true)
}

/// Warns everybody who asked for it of a thread that became a known issue which all can read; each is
/// told once. Call it in the transaction by which it became one.
pub(super) fn of_issue(
    tx: &mut Conn,
    now: Moment,
    by: &CurrentUser,
    thread: ThreadId,
) -> Result<()> {
    let Some(thread) = store::thread(tx, thread)? else {
        return Ok(());
    };
    if thread.kind == ThreadKind::KnownIssue && thread.visibility == Visibility::Public {
        jobs::enqueue(
            tx,
            now,
            &Notify::new(thread.id, by.id, now, News::KnownIssue),
        )?;
    }
    Ok(())
}

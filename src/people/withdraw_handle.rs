//! Takes back that a handle on a network is one's own.

use super::CurrentUser;
use super::handles::{self, Withdrawn};
use crate::app::App;
use crate::error::Result;
use crate::ids::HandleId;

pub fn withdraw_handle(app: &App, by: &CurrentUser, handle: HandleId) -> Result<Withdrawn> {
    let now = app.now();
    app.db
        .write(|tx| handles::withdraw(tx, &by.actor(), by.id, handle, now))
}

//! Logs out: ends the session of this browser.

use super::store;
use crate::app::App;
use crate::error::Result;

/// Whatever the token is, afterwards it is good for nothing.
pub fn log_out(app: &App, token: &str) -> Result<()> {
    let hash = app.keys.session_hash(token);
    app.db.write(|tx| store::delete_session_of_token(tx, &hash))
}

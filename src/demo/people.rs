//! The people of the demo, acting through the same verbs as real ones.

use super::feed::Progress;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::{SessionId, UserId};
use crate::people::{CurrentUser, store};

/// A user of the community by name, as if logged in.
pub fn acting(app: &App, progress: &Progress, name: &str) -> Result<CurrentUser> {
    let id = progress
        .users
        .get(name)
        .copied()
        .ok_or_else(|| Error::other(format!("nobody in the demo is called {name}")))?;
    app.db.read(|conn| {
        let user = store::user(conn, UserId(id))?
            .ok_or_else(|| Error::other(format!("{name} is gone from the database")))?;
        Ok(CurrentUser {
            id: user.id,
            name: user.name,
            role: user.role,
            session: SessionId(0),
            products: store::staff_products(conn, user.id)?,
        })
    })
}

//! Staff have looked at posts that no case was opened for, and agree that they want nothing of us.

use super::store::desk::{self, Aside};
use crate::app::App;
use crate::db::audit::{self, Act};
use crate::error::Result;
use crate::ids::MentionId;
use crate::people::CurrentUser;

/// Leaves these posts without a case, as far as they were judged, are in none, and `by` looks after
/// their products. How many that were.
pub fn look_at(app: &App, by: &CurrentUser, posts: &[MentionId]) -> Result<usize> {
    let now = app.now();
    let asked = Aside {
        products: by.bound_to().map(<[_]>::to_vec),
        among: Some(posts.to_vec()),
        ..Aside::default()
    };
    app.db.write(|tx| {
        let posts = desk::ids_without_case(tx, &asked, None, posts.len() as i64)?;
        let looked = desk::set_looked_at(tx, &posts, now)?;
        if looked > 0 {
            let act = Act {
                by: &by.actor(),
                act: "posts_looked_at",
                subject: ("mention", 0),
                reason: "",
                data: serde_json::json!({"posts": posts}),
            };
            audit::record(tx, now, act)?;
        }
        Ok(looked)
    })
}

//! Staff have looked at posts that no case was opened for, and agree that they want nothing of us.

use super::judge;
use super::store::{self, desk, desk::Aside};
use crate::app::App;
use crate::db::audit::{self, Act};
use crate::db::lock;
use crate::error::Result;
use crate::ids::{MentionId, TriageId};
use crate::people::CurrentUser;

/// Leaves these posts without a case, each with the judgement that was read beside it, as far as that
/// one still holds, they are in none, and `by` looks after their products. Which posts that were.
pub fn look_at(
    app: &App,
    by: &CurrentUser,
    read: &[(MentionId, TriageId)],
) -> Result<Vec<MentionId>> {
    let now = app.now();
    let asked = Aside {
        products: by.bound_to().map(<[_]>::to_vec),
        among: Some(read.iter().map(|(post, _)| *post).collect()),
        ..Aside::default()
    };
    app.db.write(|tx| {
        // A judge that has a post in hand may read in it what nobody here has.
        lock(tx, judge::TURN)?;
        let mut posts = desk::ids_without_case(tx, &asked, None, read.len() as i64)?;
        let judged = store::triages_of(tx, &posts)?;
        posts.retain(|post| {
            let holds = judged.get(post).map(|triage| triage.id);
            read.iter()
                .any(|(one, triage)| one == post && Some(*triage) == holds)
        });
        let looked = desk::set_looked_at(tx, &posts, now)?;
        if !looked.is_empty() {
            let act = Act {
                by: &by.actor(),
                act: "posts_looked_at",
                subject: ("mention", 0),
                reason: "",
                data: serde_json::json!({"posts": looked}),
            };
            audit::record(tx, now, act)?;
        }
        Ok(looked)
    })
}

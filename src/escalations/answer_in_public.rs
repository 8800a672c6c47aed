//! Answer in public: a further reply to the customer's newest post is begun; a person writes it.

use serde_json::json;

use super::Purpose;
use super::store::{self, NewReply};
use crate::cases::{self, Case};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act};
use crate::error::Result;
use crate::people::CurrentUser;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Begun,
    /// The form was sent before.
    Already,
    /// No post of the case stands.
    NothingToAnswer,
}

/// Begins the reply in the caller's transaction, which holds the case. `key` names one filling-in of
/// the form.
pub fn answer_in_public(
    tx: &mut Conn,
    now: Moment,
    by: &CurrentUser,
    case: &Case,
    key: &str,
) -> Result<Outcome> {
    let family = cases::store::desk::family(tx, case.id)?;
    let Some(mention) = store::desk::newest_mention_of(tx, &family)? else {
        return Ok(Outcome::NothingToAnswer);
    };
    let new = NewReply {
        case: case.id,
        mention,
        purpose: Purpose::Answer,
        body: "",
        has_link: false,
        weighted_length: 0,
        cost_micros: 0,
        handoff: false,
        automatic: false,
        dedupe_key: &format!("answer:{}:{}:{key}", case.id, by.id),
        drafted_by: Some(by.id),
    };
    let Some(reply) = store::insert_reply(tx, &new, now)? else {
        return Ok(Outcome::Already);
    };
    cases::store::touch(tx, case.id, now)?;
    audit::record(
        tx,
        now,
        Act {
            by: &by.actor(),
            act: "reply_drafted",
            subject: ("case", case.id.0),
            reason: "",
            data: json!({"reply": reply}),
        },
    )?;
    Ok(Outcome::Begun)
}

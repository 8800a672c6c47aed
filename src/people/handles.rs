//! Handles: accounts on networks, who proved that one is theirs, and what they agreed to.
//!
//! A handle is tied to a user or to a case's customer only by that person's own act: `prove` is
//! called after a sign-in at the network or a code sent from the handle, never on a guess.

use serde_json::json;

use super::store::handles as store;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::{CaseId, HandleId, UserId};

pub use store::{Consent, Handle, by_ids, consents_of, handle, has_consent, of_user, seen};

/// How a handle was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Signed in at the network.
    SignIn,
    /// A code of ours was posted or sent from the handle.
    Code,
}

impl Proof {
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::SignIn => "sign_in",
            Proof::Code => "code",
        }
    }

    pub fn parse(text: &str) -> Option<Proof> {
        [Proof::SignIn, Proof::Code]
            .into_iter()
            .find(|proof| proof.as_str() == text)
    }
}

/// What a person agreed to, in the words they saw.
#[derive(Clone, Copy, Debug)]
pub struct Agreement<'a> {
    /// The address they gave for it.
    pub email: &'a str,
    /// What for, like `ticket_by_email`.
    pub purpose: &'a str,
    /// The sentence beside the button.
    pub wording: &'a str,
}

/// Notes that whoever acts owns the handle, and what they agreed to. A handle proved to another
/// user before moves to this one: the network account's owner of today has just shown it.
#[allow(clippy::too_many_arguments)]
pub fn prove(
    tx: &mut Conn,
    by: &Actor,
    handle: HandleId,
    user: Option<UserId>,
    case: Option<CaseId>,
    proof: Proof,
    agreement: &Agreement<'_>,
    now: Moment,
) -> Result<()> {
    let before = store::handle(tx, handle)?.and_then(|h| h.user);
    if before.is_some() && before != user && user.is_some() {
        store::withdraw_consents(tx, handle, now)?;
    }
    store::set_proved(tx, handle, user.or(before), proof.as_str(), now)?;
    store::insert_consent(tx, handle, user, case, agreement, now)?;
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "handle_proved",
            subject: ("handle", handle.0),
            reason: agreement.purpose,
            data: json!({
                "proof": proof.as_str(), "user": user, "case": case,
            }),
        },
    )
}

/// What became of taking back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    Done,
    /// Not a handle of this user.
    NotFound,
}

/// The user takes back that the handle is theirs, and every consent that came with it.
pub fn withdraw(
    tx: &mut Conn,
    by: &Actor,
    user: UserId,
    handle: HandleId,
    now: Moment,
) -> Result<Withdrawn> {
    if store::handle(tx, handle)?.and_then(|h| h.user) != Some(user) {
        return Ok(Withdrawn::NotFound);
    }
    store::withdraw_consents(tx, handle, now)?;
    store::unprove(tx, handle)?;
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "handle_withdrawn",
            subject: ("handle", handle.0),
            reason: "",
            data: json!({ "user": user }),
        },
    )?;
    Ok(Withdrawn::Done)
}

/// The customer of a case takes back what they agreed to for it. A handle that no user has proved
/// is nobody's again; a user's own is taken back by [`withdraw`]. False when there was nothing.
pub fn withdraw_for_case(tx: &mut Conn, by: &Actor, case: CaseId, now: Moment) -> Result<bool> {
    let handles = store::withdraw_case_consents(tx, case, now)?;
    for id in &handles {
        if store::handle(tx, *id)?.is_some_and(|h| h.user.is_none()) {
            store::unprove(tx, *id)?;
        }
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "consent_withdrawn",
                subject: ("handle", id.0),
                reason: "",
                data: json!({ "case": case }),
            },
        )?;
    }
    Ok(!handles.is_empty())
}

/// Whoever writes as this handle does not want to hear from us.
pub fn opt_out(
    tx: &mut Conn,
    by: &Actor,
    handle: HandleId,
    reason: &str,
    now: Moment,
) -> Result<()> {
    store::set_opted_out(tx, handle, now)?;
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "handle_opted_out",
            subject: ("handle", handle.0),
            reason,
            data: json!({}),
        },
    )
}

/// Takes back that somebody asked for quiet: it was misread, or they write with us again. False
/// when they had not asked.
pub fn take_back_opt_out(
    tx: &mut Conn,
    by: &Actor,
    handle: HandleId,
    reason: &str,
    now: Moment,
) -> Result<bool> {
    if !store::clear_opted_out(tx, handle)? {
        return Ok(false);
    }
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "handle_opt_out_taken_back",
            subject: ("handle", handle.0),
            reason,
            data: json!({}),
        },
    )?;
    Ok(true)
}

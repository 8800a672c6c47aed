//! Claims: a private one-time address by which somebody proves a handle and leaves an email
//! address; that makes the ticket.
//!
//! The address stands in a public reply, so that it proves nothing by itself. The handle is
//! proved by signing in at the network, or by posting from it a code that only the visitor's own
//! page has shown; both are tied to the browser that asked by a signed cookie.

use serde_json::json;

use super::store::{self, Handle, Mention};
use crate::app::App;
use crate::cases::{self, Event, Step};
use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, ClaimId, HandleId};
use crate::keys::token_hash;

/// How long an address can be used (µs).
pub const LIFE: i64 = 30 * DAY;
/// Characters of the code that stands for the address where an address may not stand.
const CODE_CHARS: usize = 8;
/// A proof code is this prefix, random characters and as many of a signature.
const PROOF_PREFIX: &str = "OFF";
const PROOF_CHARS: usize = 5;

/// What a reply carries.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub token: String,
    pub code: String,
}

/// Makes the claim of a case, or gives its open one a new address: the old was only in a draft.
pub fn invite(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    case: CaseId,
    handle: HandleId,
) -> Result<Invitation> {
    let token = app.random.token();
    let hash = token_hash(&token);
    let expires = now.plus(LIFE);
    if let Some(open) = store::open_claim(tx, case, handle)? {
        store::renew_claim(tx, open.id, &hash, expires)?;
        return Ok(Invitation {
            token,
            code: open.code,
        });
    }
    let code = app.random.code(CODE_CHARS);
    store::insert_claim(tx, case, handle, &hash, &code, now, expires)?;
    Ok(Invitation { token, code })
}

/// A new code for one browser to show: whoever posts it from the handle proves it to that browser.
pub fn proof_code(app: &App, claim: ClaimId) -> String {
    let random = app.random.code(PROOF_CHARS);
    format!(
        "{PROOF_PREFIX}{random}{}",
        signature_of(app, claim, &random)
    )
}

fn signature_of(app: &App, claim: ClaimId, random: &str) -> String {
    let signed = app.keys.sign("claim_code", &format!("{claim}:{random}"));
    signed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .take(PROOF_CHARS)
        .collect()
}

/// Whether `word` is a proof code of this claim.
pub fn is_proof_code(app: &App, claim: ClaimId, word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let Some(rest) = word.strip_prefix(PROOF_PREFIX) else {
        return false;
    };
    rest.is_ascii()
        && rest.len() == 2 * PROOF_CHARS
        && signature_of(app, claim, &rest[..PROOF_CHARS]) == rest[PROOF_CHARS..]
}

/// Looks for a proof code in what a handle posted. True when it proved an open claim of this
/// handle: the mention then belongs to that case and needs no judgement.
pub fn recognise_code(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    mention: &Mention,
    handle: &Handle,
) -> Result<bool> {
    let wanted = PROOF_PREFIX.len() + 2 * PROOF_CHARS;
    let words: Vec<&str> = mention
        .text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| w.len() == wanted && w.to_ascii_uppercase().starts_with(PROOF_PREFIX))
        .collect();
    if words.is_empty() {
        return Ok(false);
    }
    for claim in store::open_claims_of(tx, handle.id, now)? {
        let Some(word) = words.iter().find(|w| is_proof_code(app, claim.id, w)) else {
            continue;
        };
        let proof = format!("code:{}", word.to_ascii_uppercase());
        store::set_claim_proved(tx, claim.id, &proof, now)?;
        store::set_case(tx, mention.id, claim.case)?;
        cases::record_event(
            tx,
            now,
            claim.case,
            Event {
                step: Step::Claim,
                by: &Actor::Customer {
                    name: handle.label(),
                },
                mention: Some(mention.id),
                summary: "Proved the handle by posting the code",
                reasons: vec!["the code was shown on the private page only".to_owned()],
                data: json!({"claim": claim.id}),
            },
        )?;
        return Ok(true);
    }
    Ok(false)
}

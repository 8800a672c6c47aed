//! Queries of claims.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::claims;
use crate::error::Result;
use crate::escalations::ClaimState;
use crate::ids::{CaseId, ClaimId, HandleId};

/// A claim as stored.
#[derive(Clone, Debug)]
pub struct Claim {
    pub id: ClaimId,
    pub case: CaseId,
    pub handle: HandleId,
    /// Stands for the address where an address may not stand.
    pub code: String,
    pub state: ClaimState,
    /// `sign_in:` or `code:` and the proof code of the browser it was proved to.
    pub proof: Option<String>,
    pub expires_at: Moment,
}

type ClaimRow = (i64, i64, i64, String, String, Option<String>, i64);

macro_rules! claim_columns {
    () => {
        (
            claims::id,
            claims::case_id,
            claims::handle_id,
            claims::code,
            claims::state,
            claims::proof,
            claims::expires_at,
        )
    };
}

fn claim_of(row: ClaimRow) -> Result<Claim> {
    let (id, case, handle, code, state, proof, expires_at) = row;
    Ok(Claim {
        id: ClaimId(id),
        case: CaseId(case),
        handle: HandleId(handle),
        code,
        state: state.parse()?,
        proof,
        expires_at: Moment(expires_at),
    })
}

pub fn insert_claim(
    tx: &mut Conn,
    case: CaseId,
    handle: HandleId,
    hash: &str,
    code: &str,
    now: Moment,
    expires: Moment,
) -> Result<()> {
    diesel::insert_into(claims::table)
        .values((
            claims::case_id.eq(case.0),
            claims::handle_id.eq(handle.0),
            claims::token_hash.eq(hash),
            claims::code.eq(code),
            claims::state.eq(ClaimState::Open.as_str()),
            claims::created_at.eq(now.0),
            claims::expires_at.eq(expires.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The claim of a case that nobody has used yet.
pub fn open_claim(conn: &mut Conn, case: CaseId, handle: HandleId) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .filter(
            claims::case_id
                .eq(case.0)
                .and(claims::handle_id.eq(handle.0)),
        )
        .filter(claims::state.eq(ClaimState::Open.as_str()))
        .order(claims::id.desc())
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

/// The codes of a case's claims.
pub fn claim_codes(conn: &mut Conn, case: CaseId) -> Result<Vec<String>> {
    Ok(claims::table
        .filter(claims::case_id.eq(case.0))
        .select(claims::code)
        .load(conn)?)
}

pub fn renew_claim(tx: &mut Conn, id: ClaimId, hash: &str, expires: Moment) -> Result<()> {
    diesel::update(claims::table.find(id.0))
        .set((
            claims::token_hash.eq(hash),
            claims::expires_at.eq(expires.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Claims of a handle that are not completed nor over.
pub fn open_claims_of(conn: &mut Conn, handle: HandleId, now: Moment) -> Result<Vec<Claim>> {
    let rows: Vec<ClaimRow> = claims::table
        .filter(claims::handle_id.eq(handle.0))
        .filter(claims::state.ne(ClaimState::Completed.as_str()))
        .filter(claims::expires_at.gt(now.0))
        .order(claims::id.desc())
        .select(claim_columns!())
        .load(conn)?;
    rows.into_iter().map(claim_of).collect()
}

/// Proved to a browser; a later proof takes the place of an earlier until the claim is completed.
pub fn set_claim_proved(tx: &mut Conn, id: ClaimId, proof: &str, now: Moment) -> Result<()> {
    let open = claims::state.ne(ClaimState::Completed.as_str());
    diesel::update(claims::table.filter(claims::id.eq(id.0).and(open)))
        .set((
            claims::state.eq(ClaimState::Proved.as_str()),
            claims::proof.eq(proof),
            claims::proved_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The claim whose address or code this is.
pub fn claim_by_key(conn: &mut Conn, hash: &str, code: &str) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .filter(claims::token_hash.eq(hash).or(claims::code.eq(code)))
        .order(claims::id.desc())
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

pub fn claim(conn: &mut Conn, id: ClaimId) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .find(id.0)
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

/// Completes a proved claim; false when it was completed before. The address is kept with the case.
pub fn complete_claim(tx: &mut Conn, id: ClaimId, now: Moment) -> Result<bool> {
    let n = diesel::update(
        claims::table.filter(
            claims::id
                .eq(id.0)
                .and(claims::state.eq(ClaimState::Proved.as_str())),
        ),
    )
    .set((
        claims::state.eq(ClaimState::Completed.as_str()),
        claims::completed_at.eq(now.0),
    ))
    .execute(tx)?;
    Ok(n == 1)
}

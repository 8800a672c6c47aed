//! Claims: a private one-time address by which somebody proves a handle and leaves an email
//! address; that makes the ticket.
//!
//! The address stands in a public reply, so that it proves nothing by itself. The handle is
//! proved by signing in at the network, or by posting from it a code that only the visitor's own
//! page has shown; both are tied to the browser that asked by a signed cookie.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ClaimState;
use super::store::{self, Claim, Mention};
use crate::app::App;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::states::{self, Happening};
use crate::cases::{self, Event, NewCase, State, Step};
use crate::clock::{DAY, Moment};
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Problem, Result};
use crate::ids::{CaseId, ClaimId, HandleId, UserId};
use crate::keys::token_hash;
use crate::networks::SignInPurpose;
use crate::people::handles::{self, Agreement, Handle, Proof};
use crate::text;
use crate::tickets::{self, OpenedBy};

/// How long an address can be used (µs).
pub const LIFE: i64 = 30 * DAY;
/// Characters of the code that stands for the address where an address may not stand.
const CODE_CHARS: usize = 8;
/// A proof code is this prefix, random characters and as many of a signature.
const PROOF_PREFIX: &str = "OFF";
const PROOF_CHARS: usize = 5;

/// Where the network sends a visitor back to.
pub const CALLBACK_PATH: &str = "/claim/callback";

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

/// What the browser of a visitor keeps: which claim, and the code that only it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    pub claim: ClaimId,
    pub code: String,
}

impl Browser {
    /// A browser that comes to a claim for the first time.
    pub fn new(app: &App, claim: ClaimId) -> Browser {
        Browser {
            claim,
            code: proof_code(app, claim),
        }
    }

    /// The value of its cookie.
    pub fn to_cookie(&self, app: &App) -> String {
        let body = format!("{}.{}", self.claim, self.code);
        let signature = app.keys.sign("claim_browser", &body);
        format!("{body}.{signature}")
    }

    /// Reads the cookie; `None` when it is not ours.
    pub fn from_cookie(app: &App, value: &str) -> Option<Browser> {
        let (body, signature) = value.rsplit_once('.')?;
        if !app.keys.verify("claim_browser", body, signature) {
            return None;
        }
        let (claim, code) = body.split_once('.')?;
        Some(Browser {
            claim: claim.parse().ok()?,
            code: code.to_owned(),
        })
    }

    /// Whether the handle was proved to this browser.
    pub fn has_proved(&self, claim: &Claim) -> bool {
        claim.id == self.claim
            && claim.state != ClaimState::Open
            && claim
                .proof
                .as_deref()
                .and_then(|proof| proof.split_once(':'))
                .is_some_and(|(_, code)| code == self.code)
    }
}

/// The claim behind an address or a code, while it can be used.
pub fn find(app: &App, key: &str) -> Result<Option<Claim>> {
    let now = app.now();
    let code = key.trim().to_ascii_uppercase();
    let found = app
        .db
        .read(|c| store::claim_by_key(c, &token_hash(key.trim()), &code))?;
    Ok(found.filter(|claim| claim.expires_at > now))
}

/// A sign-in at the network that a browser has begun. It stays in that browser, sealed, so that
/// nobody else who has the address can take its place.
#[derive(Clone, Serialize, Deserialize)]
pub struct Begun {
    claim: ClaimId,
    state: String,
    verifier: String,
}

impl Begun {
    /// The value of its cookie.
    pub fn to_cookie(&self, app: &App) -> Result<String> {
        let text = serde_json::to_string(self).map_err(Error::other)?;
        Ok(app.keys.seal(&app.random, &text))
    }

    /// Reads the cookie; `None` when it is not ours.
    pub fn from_cookie(app: &App, value: &str) -> Option<Begun> {
        serde_json::from_str(&app.keys.open(value)?).ok()
    }
}

/// Begins the sign-in at the network: the address to send the visitor to, and what their browser
/// keeps. `None` when the network offers none.
pub fn begin_sign_in(app: &App, claim: &Claim) -> Result<Option<(String, Begun)>> {
    let Some(handle) = app.db.read(|c| handles::handle(c, claim.handle))? else {
        return Ok(None);
    };
    let callback = app.url(CALLBACK_PATH);
    let begun = app
        .connector(handle.network)
        .and_then(|connector| connector.begin_sign_in(SignInPurpose::Prove, &callback));
    Ok(begun.map(|sign_in| {
        let begun = Begun {
            claim: claim.id,
            state: sign_in.state,
            verifier: sign_in.verifier,
        };
        (sign_in.url, begun)
    }))
}

/// What came of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedIn {
    Proved(ClaimId),
    /// Signed in as somebody else than the claim is for.
    OtherHandle {
        signed_in: String,
        wanted: String,
    },
    /// Begun in another browser, used before, or not begun at all.
    Unknown,
    /// The network said no, or nothing.
    Failed(String),
}

/// Ends the sign-in that came back with `state` and `code` to the browser that began it. The
/// network takes a code once; the browser forgets what it began.
pub fn finish_sign_in(
    app: &App,
    browser: &Browser,
    begun: Option<&Begun>,
    state: &str,
    code: &str,
) -> Result<SignedIn> {
    let Some(begun) = begun.filter(|b| b.state == state && b.claim == browser.claim) else {
        return Ok(SignedIn::Unknown);
    };
    let found = app.db.read(|c| store::claim(c, begun.claim))?;
    let Some(claim) = found.filter(|claim| claim.expires_at > app.now()) else {
        return Ok(SignedIn::Unknown);
    };
    let Some(handle) = app.db.read(|c| handles::handle(c, claim.handle))? else {
        return Ok(SignedIn::Unknown);
    };
    let Some(connector) = app.connector(handle.network) else {
        return Ok(SignedIn::Unknown);
    };
    let callback = app.url(CALLBACK_PATH);
    let author =
        match connector.finish_sign_in(SignInPurpose::Prove, &callback, code, &begun.verifier) {
            Ok(author) => author,
            Err(error) => return Ok(SignedIn::Failed(error.to_string())),
        };
    if !handle.is(&author) {
        return Ok(SignedIn::OtherHandle {
            signed_in: format!("@{}", author.username),
            wanted: handle.label(),
        });
    }
    let now = app.now();
    app.db.write(|tx| {
        cases::hold_successor(tx, claim.case)?;
        store::set_claim_proved(tx, claim.id, &proof_of(Proof::SignIn, &browser.code), now)?;
        cases::record_event(
            tx,
            now,
            claim.case,
            Event {
                step: Step::Claim,
                by: &Actor::Customer {
                    name: handle.label(),
                },
                mention: None,
                summary: "Proved the handle by signing in at the network",
                reasons: vec![],
                data: json!({"claim": claim.id}),
            },
        )
    })?;
    Ok(SignedIn::Proved(claim.id))
}

/// The sentence beside the button: what the person agrees to. Kept with the consent.
pub const WORDING: &str = "Yes, tie this account to my email address for this case, and write to \
    me there about it. I can take this back at any time, on the page of my case.";

/// What came of completing a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completed {
    Done,
    /// It was completed before; nothing was opened twice.
    Already,
    /// Not proved to this browser.
    NotProved,
    Problems(Vec<Problem>),
}

/// The visitor leaves an address: consent is kept, and the ticket opened. `user` is who is logged
/// in, whose handle it then is.
pub fn complete(
    app: &App,
    browser: &Browser,
    user: Option<UserId>,
    email: &str,
    agreed: bool,
) -> Result<Completed> {
    let mut problems = Vec::new();
    let address = text::names::email(email);
    if address.is_none() {
        problems.push(Problem::new(
            "email",
            "Write a whole email address, like ada@example.org.",
        ));
    }
    if !agreed {
        problems.push(Problem::new(
            "agreed",
            "Without your yes we can't tie the account to an address.",
        ));
    }
    let Some(email) = address.filter(|_| problems.is_empty()) else {
        return Ok(Completed::Problems(problems));
    };
    let now = app.now();
    app.db.write(|tx| {
        let Some(claim) = store::claim(tx, browser.claim)? else {
            return Ok(Completed::NotProved);
        };
        lock(tx, Lock::Case(claim.case.0))?;
        if !browser.has_proved(&claim) || claim.expires_at <= now {
            return Ok(Completed::NotProved);
        }
        if !store::complete_claim(tx, claim.id, now)? {
            return Ok(Completed::Already);
        }
        let Some(handle) = handles::handle(tx, claim.handle)? else {
            return Ok(Completed::NotProved);
        };
        let by = Actor::Customer {
            name: handle.label(),
        };
        let proof = claim.proof.as_deref().and_then(|p| p.split_once(':'));
        let Some(proof) = proof.and_then(|(how, _)| Proof::parse(how)) else {
            return Ok(Completed::NotProved);
        };
        let agreement = Agreement {
            email: &email,
            purpose: "ticket_by_email",
            wording: WORDING,
        };
        let Some(case) = home_of(tx, now, &by, &claim, user, &email)? else {
            return Ok(Completed::NotProved);
        };
        handles::prove(tx, &by, handle.id, user, Some(case), proof, &agreement, now)?;
        cases::store::set_customer(tx, case, user, Some(&email))?;
        // Not the post's words: they must go when the post goes, and a mail's subject stays.
        let subject = format!("What you wrote on {}", handle.network.label());
        let ticket =
            tickets::open_for_case(tx, app, case, &subject, Some(&email), OpenedBy::Claim)?;
        cases::record_event(
            tx,
            now,
            case,
            Event {
                step: Step::Claim,
                by: &by,
                mention: None,
                summary: "Left an email address; a ticket goes on from here",
                reasons: vec!["agreed to tie the handle to it".to_owned()],
                data: json!({"claim": claim.id, "ticket": ticket}),
            },
        )?;
        let why = "left an email address, as we asked";
        states::happen(tx, now, &by, case, Happening::CustomerWrote, why)?;
        if let Some(ticket) = tickets::store::ticket(tx, ticket)?
            && tickets::notices::receipt(tx, app, &ticket, false)?.is_none()
        {
            // They had their receipt when they first wrote by mail.
            tickets::notices::fresh_link(tx, app, ticket.case)?;
        }
        Ok(Completed::Done)
    })
}

/// The case in which the ticket of a claim is opened: the claim's own, or the one that went on in.
/// When that is closed, or belongs to somebody else's address or ticket, a case of its own is
/// opened and staff are told of the other: what stands there is not for this person.
fn home_of(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    claim: &Claim,
    user: Option<UserId>,
    email: &str,
) -> Result<Option<CaseId>> {
    let (Some(claimed), Some(case)) = (
        cases::store::case(tx, claim.case)?,
        cases::hold_successor(tx, claim.case)?,
    ) else {
        return Ok(None);
    };
    let key = text::names::email_key(email);
    let is_theirs = match &case.email {
        Some(known) => text::names::email_key(known) == key,
        None => tickets::store::tickets_of(tx, case.id)?.is_empty(),
    };
    let is_theirs = is_theirs && (case.user.is_none() || user.is_none() || case.user == user);
    if is_theirs && case.state != State::Closed {
        return Ok(Some(case.id));
    }
    let (why, written_at) = if is_theirs {
        ("the customer answered after that case was closed", now)
    } else {
        (
            "the same post; that case belongs to another address",
            claimed.waiting_since,
        )
    };
    let own = cases::open(
        tx,
        now,
        by,
        NewCase {
            channel: claimed.channel,
            severity: claimed.severity,
            summary: &claimed.summary,
            product: claimed.product,
            topic: claimed.topic,
            user,
            handle: Some(claim.handle),
            email: Some(email),
            customer_name: &claimed.customer_name,
            written_at,
            mention: None,
            reasons: vec![why.to_owned()],
        },
    )?;
    let link = NewLink {
        target: Target::Case(case.id),
        score: 0.5,
        reasons: vec![why.to_owned()],
        rule: "claim".to_owned(),
    };
    links::propose(tx, now, &Actor::rule("claim"), own, &link)?;
    Ok(Some(own))
}

/// What is kept of a proof: how, and the code of the browser it was made to.
fn proof_of(how: Proof, code: &str) -> String {
    format!("{}:{code}", how.as_str())
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
        cases::hold_successor(tx, claim.case)?;
        let proof = proof_of(Proof::Code, &word.to_ascii_uppercase());
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

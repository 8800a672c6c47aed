//! Addresses that are not written to: mail to them comes back, or their owner called it spam.
//!
//! Whoever goes on writing to dead mailboxes is soon taken for a spammer, and then reaches nobody. A held mail is not
//! lost: it waits, staff see it, and it leaves when the hold is lifted.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::outbox::SendMail;
use super::store;
use crate::app::App;
use crate::clock::{DAY, Moment};
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::AddressId;
use crate::jobs::{self, Job, Next};
use crate::text::names;

/// What a mail counts that was given up for a reason that may pass: a full mailbox, a policy. This and the next two
/// as in Discourse (soft_bounce_score, hard_bounce_score, bounce_score_threshold), which sends to many communities.
pub const SOFT_SCORE: i64 = 1;
/// What a mail counts that nobody will ever get: the address is gone. It is held at once.
pub const HARD_SCORE: i64 = 4;
/// The score at which an address is held.
pub const HOLD_AT: i64 = 4;
/// After how long without a returned mail the score is forgotten, and a hold that came of passing reasons ends (µs);
/// Discourse's reset_bounce_score_after_days.
pub const FORGOTTEN_AFTER: i64 = 30 * DAY;
/// How long a machine's mail (a notice, a receipt) may be held and still leave when the hold ends (µs). What a person
/// wrote leaves however old it is.
pub const NOTICE_LIFE: i64 = 7 * DAY;

/// What we are told about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A mail was given up, for a reason that may pass.
    Soft,
    /// A mail was given up because the address is gone.
    Hard,
    /// Its owner called our mail spam.
    Complaint,
}

/// Why an address is held. The later ones outweigh the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Several mails were given up within a month.
    Bounces,
    /// The address does not exist any more.
    Gone,
    /// Its owner called our mail spam.
    Complaint,
}

impl Why {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Bounces => "bounces",
            Why::Gone => "gone",
            Why::Complaint => "complaint",
        }
    }

    /// What staff read.
    pub fn words(self) -> &'static str {
        match self {
            Why::Bounces => "several mails to this address came back",
            Why::Gone => "mail to this address came back: it does not exist any more",
            Why::Complaint => "its owner's provider told us that they called our mail spam",
        }
    }
}

impl FromStr for Why {
    type Err = String;

    fn from_str(word: &str) -> Result<Why, String> {
        [Why::Bounces, Why::Gone, Why::Complaint]
            .into_iter()
            .find(|why| why.as_str() == word)
            .ok_or_else(|| format!("`{word}` is no reason to hold an address"))
    }
}

/// An address that is not written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAddress {
    pub id: AddressId,
    pub email: String,
    pub why: Why,
    pub held_at: Moment,
    /// When the last mail came back.
    pub bounced_at: Option<Moment>,
}

impl HeldAddress {
    /// Whether what stood against it is too old to count.
    fn is_over(&self, now: Moment) -> bool {
        self.why == Why::Bounces
            && now.since(self.bounced_at.unwrap_or(self.held_at)) > FORGOTTEN_AFTER
    }
}

/// Counts a report about an address; the reason when it is held by it from now on.
pub fn report(tx: &mut Conn, now: Moment, email: &str, report: Report) -> Result<Option<Why>> {
    let Some(key) = names::email_key(email) else {
        return Ok(None);
    };
    let score = match report {
        Report::Soft => SOFT_SCORE,
        Report::Hard => HARD_SCORE,
        Report::Complaint => 0,
    };
    take_turn(tx, &key)?;
    let cutoff = now.plus(-FORGOTTEN_AFTER);
    let score = store::add_score(tx, now, (&key, email), score, cutoff)?;
    let why = match report {
        Report::Complaint => Why::Complaint,
        Report::Hard => Why::Gone,
        Report::Soft if score >= HOLD_AT => Why::Bounces,
        Report::Soft => return Ok(None),
    };
    let before = store::held_address(tx, &key)?.map(|held| held.why);
    if before.is_some_and(|before| before >= why) {
        return Ok(None);
    }
    store::hold_address(tx, now, &key, why)?;
    if let Some(held) = store::held_address(tx, &key)? {
        audit::record(
            tx,
            now,
            Act {
                by: &Actor::rule("returned mail"),
                act: "mail_held",
                subject: ("mail_address", held.id.0),
                reason: why.as_str(),
                data: json!({}),
            },
        )?;
    }
    Ok(Some(why))
}

/// Why this address is not to be written to now, if so. A hold that has had its time ends here. Mails
/// about an account, which somebody asked for and waits for, are kept back only where the address is
/// gone, and then for a day after the last came back: it may be there again.
pub fn hold_on(tx: &mut Conn, now: Moment, email: &str, is_account: bool) -> Result<Option<Why>> {
    let Some(key) = names::email_key(email) else {
        return Ok(None);
    };
    if store::held_address(tx, &key)?.is_none() {
        return Ok(None);
    }
    // What is held now must not be missed by whoever lifts the hold at this moment.
    take_turn(tx, &key)?;
    let Some(held) = store::held_address(tx, &key)? else {
        return Ok(None);
    };
    if held.is_over(now) {
        lift(tx, now, &Actor::rule("forget old bounces"), held.id)?;
        return Ok(None);
    }
    let since = now.since(held.bounced_at.unwrap_or(held.held_at));
    let goes_anyway = is_account && (held.why != Why::Gone || since > DAY);
    Ok((!goes_anyway).then_some(held.why))
}

/// Why a mail to this address would be held now, if it would: to warn whoever is about to write.
pub fn would_hold(conn: &mut Conn, now: Moment, email: &str) -> Result<Option<Why>> {
    let Some(key) = names::email_key(email) else {
        return Ok(None);
    };
    let held = store::held_address(conn, &key)?.filter(|held| !held.is_over(now));
    Ok(held.map(|held| held.why))
}

/// Ends the holds that have had their time, so that what waits leaves though nobody writes again.
#[derive(Default, Serialize, Deserialize)]
pub struct ForgetOldBounces {}

impl Job for ForgetOldBounces {
    const KIND: &'static str = "forget_old_bounces";

    fn run(&self, app: &App) -> Result<Next> {
        const BATCH: i64 = 200;
        let mut before = None;
        loop {
            let held = app.db.read(|c| list(c, before, BATCH))?;
            let Some(last) = held.last() else {
                return Ok(Next::Done);
            };
            before = Some(last.id.0);
            let now = app.now();
            for address in held.iter().filter(|held| held.is_over(now)) {
                app.db
                    .write(|tx| lift(tx, now, &Actor::rule("forget old bounces"), address.id))?;
            }
        }
    }
}

/// Has those that decide about one address take turns.
fn take_turn(tx: &mut Conn, key: &str) -> Result<()> {
    lock(tx, Lock::named(&format!("mail to {key}")))
}

/// Writes to an address again, and sends what was held; false when it was not held.
pub fn lift(tx: &mut Conn, now: Moment, by: &Actor, id: AddressId) -> Result<bool> {
    let Some(seen) = store::held_address_of(tx, id)? else {
        return Ok(false);
    };
    take_turn(tx, &names::email_key(&seen.email).unwrap_or_default())?;
    // Somebody else may have lifted it while this waited for its turn.
    let Some(held) = store::held_address_of(tx, id)? else {
        return Ok(false);
    };
    store::lift_hold(tx, id)?;
    let (mut sent, mut too_old) = (0, 0);
    for mail in store::held_mails(tx, &held.email)? {
        if mail.is_automatic && now.since(mail.created_at) > NOTICE_LIFE {
            store::withdraw(
                tx,
                mail.id,
                "it was too old when its address could be written to again",
            )?;
            too_old += 1;
            continue;
        }
        store::release_held(tx, mail.id)?;
        jobs::enqueue(tx, now, &SendMail { mail: mail.id })?;
        sent += 1;
    }
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "mail_hold_lifted",
            subject: ("mail_address", id.0),
            reason: held.why.as_str(),
            data: json!({"sent": sent, "too_old": too_old}),
        },
    )?;
    Ok(true)
}

/// Somebody wrote to us from this address, so it exists: a hold ends that came of returned mail. Who called our mail
/// spam has not taken that back by writing.
pub fn wrote(tx: &mut Conn, now: Moment, email: &str) -> Result<()> {
    let Some(key) = names::email_key(email) else {
        return Ok(());
    };
    if let Some(held) = store::held_address(tx, &key)?
        && held.why != Why::Complaint
    {
        lift(tx, now, &Actor::rule("they wrote to us"), held.id)?;
    }
    Ok(())
}

/// Addresses that are held, before `before` (an id), the newest first.
pub fn list(conn: &mut Conn, before: Option<i64>, limit: i64) -> Result<Vec<HeldAddress>> {
    store::held_addresses(conn, before, limit)
}

/// How many addresses are held.
pub fn count(conn: &mut Conn) -> Result<i64> {
    store::count_held(conn)
}

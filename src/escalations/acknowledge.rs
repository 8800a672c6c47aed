//! Acknowledge: a reply is drafted. We hear you, and here is where it is being solved.
//!
//! A person sends it. A rule does only when the product has it switched on, the post addressed
//! us, the thread was linked by rule, nobody asked for quiet, it is the first one, and nobody else
//! was told the same words lately.
//!
//! An acknowledgement is no answer: it never costs the place in the queue. Only when it points to
//! a thread that answers, or asks the customer to go on in private, is it their turn.

use std::collections::HashSet;

use serde_json::json;

use super::store::{self, Mention, NewReply, ThreadFacts};
use super::triage::Product;
use super::wording::{phrases_in, says_solved};
use super::{Purpose, ReplyState, claim, send_reply};
use crate::app::App;
use crate::cases::links::{LinkState, Target};
use crate::cases::states::Happening;
use crate::cases::{self, Case, Event, Step};
use crate::clock::{DAY, Moment};
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::{CaseId, ReplyId};
use crate::jobs;
use crate::networks::x::weight::essence;
use crate::networks::{Draft, Network, ReplyTo};
use crate::people::handles::{self, Handle};
use crate::text;

/// Longest title of a thread inside a reply (characters).
const TITLE_CHARS_MAX: usize = 60;
/// What replies may weigh where no connector says it; X's limit.
const LENGTH_MAX: usize = 280;
const MICROS_A_DOLLAR: f64 = 1_000_000.0;
/// How long the same words are not said again by a rule, nor the same text by a person (µs): X
/// forbids identical posts to many accounts, and refuses a text that it saw a short while ago.
pub const SAID_WINDOW: i64 = DAY;
/// Why a rule does not send a reply whose words others were told.
pub const SAID_BEFORE: &str =
    "others were told the same words within a day, which the network forbids; say it in your own";

/// Where the reply points.
#[derive(Clone, Debug)]
pub enum Whereto {
    Thread(ThreadFacts),
    /// A private claim: its address and its code.
    Claim {
        address: String,
        code: String,
    },
    /// Not known yet; a person looks at it.
    Nowhere,
}

/// A text with what it weighs.
#[derive(Clone, Debug)]
pub struct Worded {
    pub body: String,
    pub draft: Draft,
    /// Why it is worded so, for the case's story.
    pub reasons: Vec<String>,
}

/// What a reply to this mention answers.
pub fn reply_to(mention: &Mention, handle: Option<&Handle>) -> ReplyTo {
    ReplyTo {
        post_id: mention.post_id.clone(),
        author_username: handle.map(|h| h.username.clone()).unwrap_or_default(),
        summoned: mention.summoned,
    }
}

/// Weighs a text as the network does; by X's figures where the network is switched off.
pub fn weigh(app: &App, network: Network, to: &ReplyTo, body: &str) -> Draft {
    match app.connector(network) {
        Some(connector) => connector.weigh(to, body),
        None => Draft {
            length: crate::networks::x::weight::weigh_reply(body, &[&to.author_username]),
            length_max: LENGTH_MAX,
            has_link: crate::networks::x::weight::has_url(body),
            cost_micros: 0,
            handoff_reason: Some(format!(
                "{} is not connected; a person can post it",
                network.label()
            )),
        },
    }
}

/// Whether a text may carry its address at the network's price.
pub fn affords_link(app: &App, draft: &Draft) -> bool {
    #[allow(clippy::cast_precision_loss)]
    let cost = draft.cost_micros as f64;
    // Half a millionth: prices are decimal fractions that no binary fraction meets.
    !draft.has_link || cost <= app.config.x.reply_link_cost_max * MICROS_A_DOLLAR + 0.5
}

/// Finds words that fit: with the address when the network's price for it is allowed, else
/// without.
pub fn word(
    app: &App,
    mention: &Mention,
    handle: Option<&Handle>,
    case: CaseId,
    whereto: &Whereto,
    said: &Said,
) -> Worded {
    let phrases = phrases_in(mention.language.as_deref());
    let to = reply_to(mention, handle);
    let mut reasons = Vec::new();
    let answered = [phrases.answered, phrases.solved].concat();
    let (with_link, without): (&[&str], &[&str]) = match whereto {
        Whereto::Thread(thread) if thread.is_solved => (&answered, phrases.answered_search),
        Whereto::Thread(_) => (phrases.thread, phrases.thread_search),
        Whereto::Claim { .. } => (phrases.claim, phrases.claim_code),
        Whereto::Nowhere => (&[], phrases.soon),
    };
    if let Some(worded) = fitting(app, mention, &to, case, whereto, with_link, said) {
        if affords_link(app, &worded.1) {
            return Worded {
                body: worded.0,
                draft: worded.1,
                reasons,
            };
        }
        reasons.push(format!(
            "without an address: one would cost {:.3} USD, more than {:.3} allowed",
            f64::from(i32::try_from(worded.1.cost_micros).unwrap_or(i32::MAX)) / MICROS_A_DOLLAR,
            app.config.x.reply_link_cost_max
        ));
    }
    let (body, draft) = fitting(app, mention, &to, case, whereto, without, said)
        .or_else(|| {
            let (whereto, soon) = (&Whereto::Nowhere, phrases.soon);
            fitting(app, mention, &to, case, whereto, soon, said)
        })
        .unwrap_or_else(|| (String::new(), weigh(app, mention.network, &to, "")));
    Worded {
        body,
        draft,
        reasons,
    }
}

/// The first of the phrases that fits and that nobody was told lately, beginning with the one that
/// is this mention's turn; when all were said, the one whose turn it is.
fn fitting(
    app: &App,
    mention: &Mention,
    to: &ReplyTo,
    case: CaseId,
    whereto: &Whereto,
    phrases: &[&str],
    said: &Said,
) -> Option<(String, Draft)> {
    let turn = usize::try_from(mention.id.0).unwrap_or(0);
    let fitting: Vec<(String, Draft)> = (0..phrases.len())
        .filter_map(|n| {
            let phrase = phrases[(turn + n) % phrases.len()];
            let body = filled(app, phrase, case, whereto);
            let draft = weigh(app, mention.network, to, &body);
            draft.fits().then_some((body, draft))
        })
        .collect();
    said.freshest(fitting)
}

/// What we said on a network within [`SAID_WINDOW`].
#[derive(Debug, Default)]
pub struct Said {
    bodies: HashSet<String>,
    essences: HashSet<String>,
}

impl Said {
    pub fn load(
        conn: &mut Conn,
        network: Network,
        except: Option<ReplyId>,
        now: Moment,
    ) -> Result<Said> {
        let bodies = store::said_since(conn, network, now.plus(-SAID_WINDOW), except)?;
        Ok(Said {
            essences: bodies.iter().map(|body| essence(body)).collect(),
            bodies: bodies.into_iter().collect(),
        })
    }

    /// Whether the words were said, whatever address stood among them.
    pub fn has(&self, body: &str) -> bool {
        self.essences.contains(&essence(body))
    }

    /// The first text whose words are new; else the first that is at least not the very same; else
    /// the first.
    pub fn freshest(&self, texts: Vec<(String, Draft)>) -> Option<(String, Draft)> {
        let new = texts.iter().position(|(body, _)| !self.has(body));
        let other = || texts.iter().position(|(body, _)| !self.has_exactly(body));
        let at = new.or_else(other).unwrap_or(0);
        texts.into_iter().nth(at)
    }

    /// Whether the very text was said, which the network refuses from whoever sends it.
    pub fn has_exactly(&self, body: &str) -> bool {
        self.bodies.contains(body)
    }
}

/// Whether others were told these words, addresses aside, within [`SAID_WINDOW`].
pub fn was_said(
    conn: &mut Conn,
    network: Network,
    body: &str,
    except: Option<ReplyId>,
    now: Moment,
) -> Result<bool> {
    Ok(Said::load(conn, network, except, now)?.has(body))
}

/// Whose turn it is after a first answer was said: the customer's when it asked them to go on in
/// private or points to a thread that answers; else it waits for us as before.
pub(super) fn whose_turn(tx: &mut Conn, app: &App, reply: &store::Reply) -> Result<Happening> {
    let body = &reply.body;
    if body.contains(&app.url("/claim/"))
        || store::claim_codes(tx, reply.case)?
            .iter()
            .any(|code| body.contains(code))
    {
        return Ok(Happening::AskedCustomer);
    }
    let named = named_threads(tx, app, reply)?;
    Ok(if named.iter().any(ThreadFacts::answers) {
        Happening::StaffAnswered
    } else {
        Happening::Acknowledged
    })
}

/// The public threads that a first answer names: by address, else those linked by title.
fn named_threads(tx: &mut Conn, app: &App, reply: &store::Reply) -> Result<Vec<ThreadFacts>> {
    let body = &reply.body;
    let mut named = threads_in(app, body);
    let by_title = named.is_empty();
    if by_title {
        for link in cases::store::links_of(tx, reply.case)? {
            if let (LinkState::Confirmed, Target::Thread(id)) = (link.state, link.target) {
                named.push(id.0);
            }
        }
    }
    let threads = store::public_threads(tx, &named)?.into_values();
    Ok(threads
        .filter(|t| !by_title || body.contains(&title_of(t)))
        .collect())
}

/// Whether a first answer says of a thread that it is solved, which it is not any more.
pub(super) fn is_outdated(tx: &mut Conn, app: &App, reply: &store::Reply) -> Result<bool> {
    if reply.purpose != Purpose::Acknowledge || !says_solved(&reply.body) {
        return Ok(false);
    }
    let named = named_threads(tx, app, reply)?;
    Ok(!named.iter().any(|thread| thread.is_solved))
}

/// Words the first answer of a case anew when it says of a thread that it is solved, and that was
/// taken up again. What was approved and is surely not out yet becomes a draft first; what a person
/// wrote stays, and they are told.
pub(super) fn follow_reopening(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    case: CaseId,
    why: &str,
) -> Result<()> {
    let Some(known) = store::reply_by_key(tx, &key(case))? else {
        return Ok(());
    };
    lock(tx, Lock::Reply(known.id.0))?;
    let Some(reply) = store::reply(tx, known.id)? else {
        return Ok(());
    };
    // A person may have posted by hand already what is left to hands.
    let waits = reply.state == ReplyState::Draft || reply.is_unsent() && !reply.handoff;
    if !waits || !is_outdated(tx, app, &reply)? {
        return Ok(());
    }
    store::set_held(tx, reply.id, why)?;
    redraft(tx, app, now, case)
}

/// The threads whose addresses stand in a text.
fn threads_in(app: &App, body: &str) -> Vec<i64> {
    let before = app.url("/t/");
    body.split(before.as_str())
        .skip(1)
        .filter_map(|rest| {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            rest[..end].parse().ok()
        })
        .collect()
}

/// A thread's title as replies name it.
fn title_of(thread: &ThreadFacts) -> String {
    text::markdown::excerpt(&thread.title, TITLE_CHARS_MAX)
}

fn filled(app: &App, phrase: &str, case: CaseId, whereto: &Whereto) -> String {
    let site = &app.config.site.name;
    let body = phrase
        .replace("{site}", site)
        .replace("{case}", &format!("C{case}"));
    match whereto {
        Whereto::Thread(thread) => body
            .replace(
                "{address}",
                &app.url(&crate::forum::thread_path(thread.id, &thread.slug)),
            )
            .replace("{title}", &title_of(thread)),
        Whereto::Claim { address, code } => {
            body.replace("{address}", address).replace("{code}", code)
        }
        Whereto::Nowhere => body,
    }
}

/// The key of a case's first answer.
pub fn key(case: CaseId) -> String {
    format!("ack:{case}")
}

/// Where the case stands bound now: its confirmed link.
fn whereto(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    case: CaseId,
    handle: Option<&Handle>,
) -> Result<(Whereto, bool)> {
    let links = cases::store::links_of(tx, case)?;
    let confirmed = links.iter().filter(|l| l.state == LinkState::Confirmed);
    let mut by_rule = false;
    let mut thread = None;
    for link in confirmed {
        match link.target {
            Target::Ticket => {
                if let Some(handle) = handle {
                    let invitation = claim::invite(tx, app, now, case, handle.id)?;
                    let whereto = Whereto::Claim {
                        address: app.url(&format!("/claim/{}", invitation.token)),
                        code: invitation.code,
                    };
                    return Ok((whereto, false));
                }
            }
            Target::Thread(id) if thread.is_none() => {
                thread = store::public_threads(tx, &[id.0])?.remove(&id.0);
                by_rule = !link.rule.is_empty();
            }
            _ => {}
        }
    }
    Ok(match thread {
        Some(thread) => (Whereto::Thread(thread), by_rule),
        None => (Whereto::Nowhere, false),
    })
}

/// Makes a draft of what a rule approved for a link that was undone since, if it is not out yet.
fn take_back(tx: &mut Conn, case: CaseId) -> Result<()> {
    let Some(known) = store::reply_by_key(tx, &key(case))? else {
        return Ok(());
    };
    let linked_by_rule = cases::store::links_of(tx, case)?.iter().any(|l| {
        l.state == LinkState::Confirmed
            && !l.rule.is_empty()
            && matches!(l.target, Target::Thread(_))
    });
    if !known.automatic || linked_by_rule {
        return Ok(());
    }
    lock(tx, Lock::Reply(known.id.0))?;
    if store::reply(tx, known.id)?.is_some_and(|r| r.is_unsent()) {
        store::set_held(
            tx,
            known.id,
            "the link by which a rule approved it was changed",
        )?;
    }
    Ok(())
}

/// Drafts the first answer to a case, or words its draft anew after its link changed. What a
/// person has edited, approved or discarded stays as it is. `None` when there is nothing to draft.
pub fn draft(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    case: &Case,
    mention: &Mention,
    handle: Option<&Handle>,
    product: Option<&Product>,
) -> Result<Option<ReplyId>> {
    let by = Actor::rule("acknowledge");
    if mention.network == Network::Import {
        return Ok(None);
    }
    take_back(tx, case.id)?;
    let known = store::reply_by_key(tx, &key(case.id))?;
    if let Some(known) = &known
        && (known.state != ReplyState::Draft || known.drafted_by.is_some())
    {
        return Ok(None);
    }
    let (whereto, by_rule) = whereto(tx, app, now, case.id, handle)?;
    let except = known.as_ref().map(|k| k.id);
    let said = Said::load(tx, mention.network, except, now)?;
    let mut worded = word(app, mention, handle, case.id, &whereto, &said);
    let quiet = handle.is_some_and(|h| h.opted_out_at.is_some());
    let switched_on = product.is_some_and(|p| p.auto_acknowledge);
    let automatic = switched_on
        && by_rule
        && !quiet
        && known.is_none()
        && mention.summoned
        && worded.draft.handoff_reason.is_none()
        && matches!(whereto, Whereto::Thread(_))
        && !store::is_answered(tx, mention.id)?;
    let was_said = said.has(&worded.body);
    if automatic && was_said {
        worded.reasons.push(SAID_BEFORE.to_owned());
    }
    let automatic = automatic && !was_said;
    if quiet {
        worded
            .reasons
            .push("asked for quiet: only a person may answer".to_owned());
    }
    worded.reasons.extend(worded.draft.handoff_reason.clone());
    let key = key(case.id);
    let new = NewReply {
        case: case.id,
        mention: mention.id,
        purpose: Purpose::Acknowledge,
        body: &worded.body,
        has_link: worded.draft.has_link,
        weighted_length: worded.draft.length,
        cost_micros: worded.draft.cost_micros,
        handoff: worded.draft.handoff_reason.is_some(),
        automatic,
        dedupe_key: &key,
        drafted_by: None,
    };
    let (id, summary) = match &known {
        Some(known) => {
            store::set_draft(tx, known.id, &new)?;
            (known.id, "The draft of the answer follows the link")
        }
        None => match store::insert_reply(tx, &new, now)? {
            Some(id) => (id, "An answer is drafted"),
            None => return Ok(None),
        },
    };
    let data = json!({"reply": id, "cost_micros": new.cost_micros, "length": new.weighted_length});
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::Acknowledge,
            by: &by,
            mention: Some(mention.id),
            summary,
            reasons: worded.reasons,
            data,
        },
    )?;
    if automatic {
        let rule = Actor::rule("auto_acknowledge");
        let why = "switched on for the product; linked by rule; the post addressed us";
        let newest = cases::store::desk::newest_event(tx, case.id)?;
        store::set_approved(tx, id, None, newest, None, now)?;
        audit::record(
            tx,
            now,
            Act {
                by: &rule,
                act: "reply_approved",
                subject: ("case", case.id.0),
                reason: why,
                data: json!({"reply": id}),
            },
        )?;
        jobs::enqueue(tx, now, &send_reply::SendReply { reply: id })?;
    }
    Ok(Some(id))
}

/// Words the draft of a case anew after a person chose its link. Call it in the same transaction.
pub fn redraft(tx: &mut Conn, app: &App, now: Moment, case: CaseId) -> Result<()> {
    let Some(case) = cases::store::case(tx, case)? else {
        return Ok(());
    };
    // What is drafted answers one post for good; without a draft it is the case's own post, and none
    // of a case that it took in.
    let mut mention = match store::reply_by_key(tx, &key(case.id))? {
        Some(reply) => store::mention(tx, reply.mention)?,
        None => None,
    };
    if mention.as_ref().is_none_or(|m| m.deleted_at.is_some()) {
        mention = store::oldest_standing_mention(tx, &[case.id])?;
    }
    let Some(mention) = mention else {
        return Ok(());
    };
    let handle = match mention.handle {
        Some(id) => handles::handle(tx, id)?,
        None => None,
    };
    draft(tx, app, now, &case, &mention, handle.as_ref(), None)?;
    Ok(())
}

//! Closing the loop: a thread or a ticket is resolved, and everyone linked is told, each on the
//! channel they came by, once. A thread that is closed without an answer is told to staff alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::send_reply::SendReply;
use super::store::{self, NewReply, ThreadFacts};
use super::{Purpose, acknowledge};
use crate::app::App;
use crate::cases::links::Link;
use crate::cases::states::{self, Happening};
use crate::cases::{self, Case, Event, State, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::{CaseId, LinkId, ThreadId};
use crate::jobs::{self, Job, Next};
use crate::mail::outbox::{self, NewMail};
use crate::mail::outgoing::Automatic;
use crate::mail::render::{Letter, Paragraph};
use crate::networks::Network;
use crate::people::handles;

/// Links of one transaction.
const BATCH_LINKS_MAX: i64 = 50;

/// Everybody linked to a thread that was solved or fixed is told.
#[derive(Serialize, Deserialize)]
pub struct ThreadResolved {
    pub thread: ThreadId,
}

impl Job for ThreadResolved {
    const KIND: &'static str = crate::forum::THREAD_RESOLVED;

    fn run(&self, app: &App) -> Result<Next> {
        let mut after = LinkId(0);
        loop {
            let now = app.now();
            let last = app.db.write(|tx| self.batch(tx, app, now, after))?;
            match last {
                Some(id) => after = id,
                None => return Ok(Next::Done),
            }
        }
    }
}

impl ThreadResolved {
    /// One batch by what the thread's state is now, not by what it was when the job was put down.
    fn batch(
        &self,
        tx: &mut Conn,
        app: &App,
        now: Moment,
        after: LinkId,
    ) -> Result<Option<LinkId>> {
        let Some(thread) = store::public_threads(tx, &[self.thread.0])?.remove(&self.thread.0)
        else {
            return Ok(None);
        };
        if thread.state == "open" {
            return take_back(tx, now, &thread, after);
        }
        let links = cases::store::untold_links_to(tx, self.thread, after, BATCH_LINKS_MAX)?;
        for link in &links {
            if thread.is_solved {
                tell(tx, app, now, link, &thread)?;
            } else {
                raise(tx, now, link, &thread)?;
            }
        }
        Ok(links.last().map(|l| l.id))
    }
}

/// The thread was closed without an answer: nobody is told anything, and a case that waited on it
/// waits for us again.
fn raise(tx: &mut Conn, now: Moment, link: &Link, thread: &ThreadFacts) -> Result<()> {
    let Some(case) = cases::store::case_or_successor(tx, link.case)?.filter(|c| c.state.is_open())
    else {
        return Ok(());
    };
    let by = Actor::rule("close_loop");
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::CloseLoop,
            by: &by,
            mention: None,
            summary: "The thread was closed without an answer; the customer was not told anything",
            reasons: vec![format!("“{}” is closed", thread.title)],
            data: json!({"link": link.id, "thread": thread.id}),
        },
    )?;
    let why = format!("thread {} was closed without an answer", thread.id);
    states::happen(tx, now, &by, case.id, Happening::CameToNothing, &why)?;
    Ok(())
}

/// The thread was taken up again: its cases reopen in their old place, and hear of the next
/// solution too.
fn take_back(
    tx: &mut Conn,
    now: Moment,
    thread: &ThreadFacts,
    after: LinkId,
) -> Result<Option<LinkId>> {
    let told = store::told_links_to(tx, thread.id, after, BATCH_LINKS_MAX)?;
    let by = Actor::rule("close_loop");
    let why = format!("thread {} was taken up again", thread.id);
    for (_, case) in &told {
        let Some(case) = cases::store::case_or_successor(tx, *case)? else {
            continue;
        };
        discard(tx, now, case.id, Purpose::CloseLoop, &why)?;
        if case.state == State::Resolved {
            states::happen(tx, now, &by, case.id, Happening::Reopened, &why)?;
        }
    }
    match told.last() {
        Some((id, _)) => Ok(Some(*id)),
        None => {
            cases::store::forget_told(tx, thread.id)?;
            Ok(None)
        }
    }
}

/// Tells the customer of one link, and resolves the case.
fn tell(tx: &mut Conn, app: &App, now: Moment, link: &Link, thread: &ThreadFacts) -> Result<()> {
    let Some(case) = cases::store::case_or_successor(tx, link.case)? else {
        return Ok(());
    };
    if !cases::store::set_link_told(tx, link.id, now)? {
        return Ok(());
    }
    let by = Actor::rule("close_loop");
    // By the person's case, not by the link: a merged case may hold two links to one thread. Told
    // again after the thread was reopened is another decision.
    let key = format!("close:{}:{}:{}", case.id, thread.id, case.reopened_count);
    let how = match store::mentions_of(tx, case.id, 1)?.into_iter().next() {
        Some(mention) if mention.network != Network::Import && mention.deleted_at.is_none() => {
            let handle = match mention.handle {
                Some(id) => handles::handle(tx, id)?,
                None => None,
            };
            let (linked, handle) = (link.case, handle.as_ref());
            draft(tx, app, now, &key, linked, &case, &mention, handle, thread)?
        }
        _ => mail(tx, app, &key, &case, thread)?,
    };
    let Some(how) = how else {
        return Ok(());
    };
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::CloseLoop,
            by: &by,
            mention: None,
            summary: how,
            reasons: vec![format!("“{}” is solved", thread.title)],
            data: json!({"link": link.id, "thread": thread.id}),
        },
    )?;
    let why = format!("thread {} is solved", thread.id);
    states::happen(tx, now, &by, case.id, Happening::Resolved, &why)?;
    Ok(())
}

/// Takes back what was drafted for this purpose and nobody has approved.
fn discard(tx: &mut Conn, now: Moment, case: CaseId, purpose: Purpose, why: &str) -> Result<()> {
    if store::discard_drafts(tx, case, purpose)? == 0 {
        return Ok(());
    }
    audit::record(
        tx,
        now,
        Act {
            by: &Actor::rule("close_loop"),
            act: "reply_discarded",
            subject: ("case", case.0),
            reason: why,
            data: json!({"purpose": purpose}),
        },
    )
}

/// The texts: with the thread's address, and without one.
struct Phrases {
    with: &'static [&'static str],
    without: &'static [&'static str],
}

const EN: Phrases = Phrases {
    with: &[
        "Good news: this is solved. What helped stands here: {address} Does it work for you? If not, just answer.",
        "This one is fixed. The answer is here: {address} Still broken for you? Tell us and we take it up again.",
        "It is solved now, see {address} Tell us if it still isn't right for you.",
        "We have an answer for you: {address} If it does not help, write to us here and we go on.",
    ],
    without: &[
        "Good news: this is solved. Search “{title}” on {site} for what helped. If it still fails for you, just answer.",
        "This one is fixed: “{title}” on {site} says how. Still broken for you? Tell us and we take it up again.",
        "This is solved. Still broken for you? Just answer, and we take it up again.",
    ],
};

const DE: Phrases = Phrases {
    with: &[
        "Gute Nachricht: Das ist gelöst. Hier steht, was geholfen hat: {address} Klappt es bei dir? Wenn nicht, einfach antworten.",
        "Das ist behoben, hier die Lösung: {address} Geht es noch immer nicht? Dann sag es uns, und wir machen weiter.",
    ],
    without: &[
        "Gute Nachricht: Das ist gelöst. Auf {site} nach „{title}“ suchen. Geht es noch immer nicht? Einfach antworten.",
        "Das ist gelöst. Geht es noch immer nicht? Einfach antworten, dann machen wir weiter.",
    ],
};

const ES: Phrases = Phrases {
    with: &[
        "Buenas noticias: está resuelto. Aquí está lo que ayudó: {address} ¿Te funciona? Si no, respóndenos.",
        "Ya está arreglado, la solución está aquí: {address} ¿Sigue fallando? Dínoslo y lo retomamos.",
    ],
    without: &[
        "Buenas noticias: está resuelto. Busca «{title}» en {site}. Si sigue fallando, respóndenos.",
        "Está resuelto. ¿Sigue fallando? Respóndenos y lo retomamos.",
    ],
};

const FR: Phrases = Phrases {
    with: &[
        "Bonne nouvelle : c'est résolu. Voici ce qui a aidé : {address} Cela marche chez vous ? Sinon, répondez-nous.",
        "C'est réparé, la solution est ici : {address} Toujours en panne ? Dites-le-nous et nous reprenons.",
    ],
    without: &[
        "Bonne nouvelle : c'est résolu. Cherchez « {title} » sur {site}. Si cela ne marche toujours pas, répondez-nous.",
        "C'est résolu. Toujours en panne ? Répondez-nous et nous reprenons.",
    ],
};

fn phrases_in(language: Option<&str>) -> &'static Phrases {
    match language {
        Some("de") => &DE,
        Some("es") => &ES,
        Some("fr") => &FR,
        _ => &EN,
    }
}

/// Puts down the word to the customer; what became of it, or `None` when they have it already.
/// `linked` is the case whose link it is, which may have gone on in `case`.
#[allow(clippy::too_many_arguments)]
fn draft(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    key: &str,
    linked: CaseId,
    case: &Case,
    mention: &store::Mention,
    handle: Option<&handles::Handle>,
    thread: &ThreadFacts,
) -> Result<Option<&'static str>> {
    let to = acknowledge::reply_to(mention, handle);
    let address = app.url(&crate::forum::thread_path(thread.id, &thread.slug));
    let title = crate::text::markdown::excerpt(&thread.title, 60);
    let turn = usize::try_from(mention.id.0).unwrap_or(0);
    let said = acknowledge::Said::load(tx, mention.network, None, now)?;
    let fitting = |phrases: &[&str]| {
        let all: Vec<_> = (0..phrases.len())
            .map(|n| {
                let body = phrases[(turn + n) % phrases.len()]
                    .replace("{address}", &address)
                    .replace("{title}", &title)
                    .replace("{site}", &app.config.site.name);
                let weight = acknowledge::weigh(app, mention.network, &to, &body);
                (body, weight)
            })
            .filter(|(_, weight)| weight.fits() && acknowledge::affords_link(app, weight))
            .collect();
        said.freshest(all)
    };
    let phrases = phrases_in(mention.language.as_deref());
    let Some((body, weight)) = fitting(phrases.with).or_else(|| fitting(phrases.without)) else {
        return Ok(Some("The customer is to be told; no words of ours fit"));
    };
    let product = store::catalogue(tx)?
        .into_iter()
        .find(|p| Some(p.id) == case.product);
    let automatic = product.is_some_and(|p| p.auto_acknowledge)
        && mention.summoned
        && weight.handoff_reason.is_none()
        && handle.is_none_or(|h| h.opted_out_at.is_none())
        && !said.has(&body)
        && !store::has_automatic_reply(tx, mention.id)?;
    let made = store::insert_reply(
        tx,
        &NewReply {
            case: case.id,
            mention: mention.id,
            purpose: Purpose::CloseLoop,
            body: &body,
            has_link: weight.has_link,
            weighted_length: weight.length,
            cost_micros: weight.cost_micros,
            handoff: weight.handoff_reason.is_some(),
            automatic,
            dedupe_key: key,
            drafted_by: None,
        },
        now,
    )?;
    let Some(reply) = made else {
        return Ok(None);
    };
    let why = "the thread is solved; that it is being worked on need not be said any more";
    for of in [case.id, linked] {
        discard(tx, now, of, Purpose::Acknowledge, why)?;
    }
    if !automatic {
        return Ok(Some("Word that it is solved is drafted; a person sends it"));
    }
    store::set_approved(tx, reply, None, None, now)?;
    audit::record(
        tx,
        now,
        Act {
            by: &Actor::rule("auto_acknowledge"),
            act: "reply_approved",
            subject: ("case", case.id.0),
            reason: "switched on for the product; the thread is solved",
            data: json!({"reply": reply}),
        },
    )?;
    jobs::enqueue(tx, now, &SendReply { reply })?;
    Ok(Some("Word that it is solved goes out"))
}

fn mail(
    tx: &mut Conn,
    app: &App,
    key: &str,
    case: &Case,
    thread: &ThreadFacts,
) -> Result<Option<&'static str>> {
    let Some(email) = &case.email else {
        return Ok(Some("Nobody to tell: no address and no network"));
    };
    if crate::tickets::store::has_mail(tx, key)? {
        return Ok(None);
    }
    let address = app.url(&crate::forum::thread_path(thread.id, &thread.slug));
    outbox::put(
        tx,
        app,
        &NewMail {
            purpose: "close_loop",
            to_email: email.clone(),
            letter: Letter {
                subject: format!("Solved: {}", thread.title),
                language: "en".to_owned(),
                greeting: "Hello,".to_owned(),
                paragraphs: vec![
                    Paragraph::Text("What you wrote to us about is solved.".to_owned()),
                    Paragraph::Action {
                        label: "See what helped".to_owned(),
                        url: address,
                    },
                    Paragraph::Text(
                        "If it is still broken for you, answer this mail and we take it up again."
                            .to_owned(),
                    ),
                ],
                footer: app.config.site.name.clone(),
                replies_welcome: true,
            },
            dedupe_key: key.to_owned(),
            case: Some(case.id),
            automatic: Automatic::Generated,
            ..NewMail::default()
        },
    )?;
    Ok(Some("Told by email that it is solved"))
}

//! Handoff: a reply that only a person may post. Offramp prepares it; the person posts it on the
//! network and pastes its address back.

use super::approve_reply::{Stop, load, tell};
use super::store::{self, Mention, Reply};
use super::{ReplyState, acknowledge, send_reply};
use crate::app::App;
use crate::error::Result;
use crate::ids::ReplyId;
use crate::networks::Network;
use crate::networks::x::intent;
use crate::people::CurrentUser;
use crate::people::handles::Handle;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Already,
    /// The text is no address of a post on this network.
    NoAddress,
    /// Not approved yet, or the network is to send it by itself.
    NotForHands,
    NotAllowed,
    NoSuchReply,
}

/// Where a person posts the reply by hand, with its text filled in.
pub fn address(app: &App, reply: &Reply, mention: &Mention, handle: Option<&Handle>) -> String {
    let to = acknowledge::reply_to(mention, handle);
    match app.connector(mention.network) {
        Some(connector) => connector.handoff_url(&to, &reply.body),
        None if mention.network == Network::X => {
            intent::reply_url("https://x.com", &mention.post_id, &reply.body)
        }
        None => mention.url.clone().unwrap_or_default(),
    }
}

/// The id in the address of a post on a network that we don't speak with: Bluesky and Mastodon put
/// it last.
fn last_segment(address: &str) -> Option<String> {
    let url = url::Url::parse(address.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let last = url.path_segments()?.rfind(|part| !part.is_empty())?;
    Some(last.to_owned())
}

/// The person has posted it: its address is kept, and the case answered.
pub fn posted_by_hand(app: &App, by: &CurrentUser, id: ReplyId, pasted: &str) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let (reply, case) = match load(tx, by, id)? {
            Ok(found) => found,
            Err(Stop::NoSuchReply) => return Ok(Outcome::NoSuchReply),
            Err(Stop::NotAllowed) => return Ok(Outcome::NotAllowed),
        };
        let Some(mention) = store::mention(tx, reply.mention)? else {
            return Ok(Outcome::NoSuchReply);
        };
        let waits =
            reply.handoff && matches!(reply.state, ReplyState::Approved | ReplyState::Failed);
        match reply.state {
            ReplyState::Sent => return Ok(Outcome::Already),
            _ if !waits => return Ok(Outcome::NotForHands),
            _ => {}
        }
        let post_id = match app.connector(mention.network) {
            Some(connector) => connector.post_id_of(pasted),
            None if mention.network == Network::X => {
                intent::parse_post_address(pasted, None).map(|a| a.id)
            }
            None => last_segment(pasted).filter(|_| mention.url.as_deref() != Some(pasted.trim())),
        };
        // The customer's own post is what people paste by mistake.
        let Some(post_id) = post_id.filter(|p| *p != mention.post_id) else {
            return Ok(Outcome::NoAddress);
        };
        let actor = by.actor();
        tell(
            tx,
            now,
            by,
            (case.id, &reply),
            "reply_posted_by_hand",
            "Posted the reply by hand",
            "",
        )?;
        send_reply::sent_now(tx, app, now, &reply, &post_id, Some(pasted.trim()), &actor)?;
        Ok(Outcome::Done)
    })
}

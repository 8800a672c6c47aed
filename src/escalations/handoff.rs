//! Handoff: a reply that only a person may post. Offramp prepares it; the person posts it on the
//! network and pastes its address back.

use super::approve_reply::{Stop, load, tell};
use super::store::{self, Mention, Reply};
use super::{ReplyState, acknowledge, send_reply};
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::ReplyId;
use crate::networks::x::intent;
use crate::networks::{Account, Network, PostAddress};
use crate::people::CurrentUser;
use crate::people::handles::Handle;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Already,
    /// The text is no address of a post on this network.
    NoAddress,
    /// A post of the customer's, or of somebody else, stands there.
    NotOurs,
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

/// What the address of a post says.
fn read_address(app: &App, network: Network, address: &str) -> Option<PostAddress> {
    match app.connector(network) {
        Some(connector) => connector.read_address(address),
        None if network == Network::X => intent::parse_post_address(address, None),
        None => last_segment(address),
    }
}

/// The address of a post on a network that we don't speak with: Bluesky and Mastodon put its id last,
/// behind what is the same for all posts of an account.
fn last_segment(address: &str) -> Option<PostAddress> {
    let url = url::Url::parse(address.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let mut parts: Vec<&str> = url.path_segments()?.filter(|p| !p.is_empty()).collect();
    let id = parts.pop()?.to_owned();
    let account = format!("{}/{}", url.host_str()?, parts.join("/"));
    Some(PostAddress {
        id,
        username: Some(account),
    })
}

/// Whether a post may be our reply to the mention. What people paste by mistake is a post of the
/// customer's: this one, or another.
fn may_be_ours(
    tx: &mut Conn,
    app: &App,
    ours: &[(Network, Account)],
    to: &Mention,
    post: &PostAddress,
) -> Result<bool> {
    if post.id == to.post_id || store::is_post_of_others(tx, to.network, &post.id)? {
        return Ok(false);
    }
    // Addresses of networks that we know nothing of need not name an account.
    let name = post.username.as_ref();
    let Some(name) = name.filter(|_| to.network != Network::Import) else {
        return Ok(true);
    };
    let is_known = |(network, account): &&(Network, Account)| {
        *network == to.network && !account.username.is_empty()
    };
    if let Some((_, account)) = ours.iter().find(is_known) {
        return Ok(account.is_called(name));
    }
    let theirs = to.url.as_deref();
    let theirs = theirs.and_then(|url| read_address(app, to.network, url)?.username);
    Ok(theirs.is_none_or(|theirs| !theirs.eq_ignore_ascii_case(name)))
}

/// The person has posted it: its address is kept, and the case answered.
pub fn posted_by_hand(app: &App, by: &CurrentUser, id: ReplyId, pasted: &str) -> Result<Outcome> {
    let now = app.now();
    // A network is not asked while the database is held.
    let ours: Vec<(Network, Account)> = app
        .connectors
        .iter()
        .filter_map(|connector| Some((connector.network(), connector.account().ok()?)))
        .collect();
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
        let Some(post) = read_address(app, mention.network, pasted) else {
            return Ok(Outcome::NoAddress);
        };
        if !may_be_ours(tx, app, &ours, &mention, &post)? {
            return Ok(Outcome::NotOurs);
        }
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
        send_reply::sent_now(tx, app, now, &reply, &post.id, Some(pasted.trim()), &actor)?;
        Ok(Outcome::Done)
    })
}

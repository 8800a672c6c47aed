//! A thread goes to the product and topic where people look for it. Its address stays.

use serde_json::json;

use super::store;
use super::{Outcome, policy, typed};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::people::CurrentUser;

/// `product` and `topic` are slugs; an empty topic is none.
pub fn move_thread(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    product: &str,
    topic: &str,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_moderate(by, thread.product) {
            return Ok(Outcome::NotAllowed(policy::ONLY_MODERATORS));
        }
        let Some(product) = store::product_by_slug(tx, product)? else {
            return Ok(Outcome::NotAllowed("There is no such product."));
        };
        let topics = store::topics(tx, product.id)?;
        let to = topics.iter().find(|t| t.slug == topic).map(|t| t.id);
        if to.is_none() && !topic.is_empty() {
            return Ok(Outcome::NotAllowed(
                "The product has no such topic. Choose the product first, then one of its topics.",
            ));
        }
        if product.id == thread.product && to == thread.topic {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        if !policy::can_move(by, &thread, product.id) {
            return Ok(Outcome::NotAllowed(policy::STAFF_MOVE));
        }
        store::set_place(tx, thread.id, product.id, to)?;
        if product.id != thread.product {
            // It was pinned for the readers of the other forum.
            store::set_pinned(tx, thread.id, false)?;
        }
        let data = json!({
            "from": { "product": thread.product, "topic": thread.topic },
            "to": { "product": product.id, "topic": to },
        });
        super::record(tx, now, by, "thread_moved", thread.id, &reason, data)?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}

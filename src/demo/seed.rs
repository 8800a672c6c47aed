//! Puts the demo's community into the database: products, people and threads, with the times their
//! files give them. Written through the slices' own stores, so that every counter is right.

use std::collections::HashMap;

use super::content::{Community, Thread};
use crate::app::App;
use crate::clock::{DAY, HOUR, Moment};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::forum::store::{self as forum, NewPost, NewProduct, NewThread, followers};
use crate::forum::{ThreadKind, ThreadState, Visibility};
use crate::ids::{PostId, ProductId, ThreadId, TopicId, UserId};
use crate::people::{Role, passwords, store as people};
use crate::text::{language, markdown, slug};

/// Threads written in one transaction.
const BATCH: usize = 20;

/// What other seeders refer to: ids by the names the content uses.
#[derive(Debug, Default)]
pub struct Seeded {
    /// By slug.
    pub products: HashMap<String, ProductId>,
    /// By the slugs of product and topic.
    pub topics: HashMap<(String, String), TopicId>,
    /// By name.
    pub users: HashMap<String, UserId>,
    /// By stem.
    pub threads: HashMap<String, ThreadId>,
}

/// Seeds an empty database; one that has products is an error.
pub fn seed(app: &App, community: &Community) -> Result<Seeded> {
    let now = app.now();
    // One hash for all: they share the password, and hashing is slow by design.
    let hash = passwords::hash(&app.random, &community.company.demo_password)?;
    let mut seeded = Seeded::default();
    app.db.write(|tx| {
        if !forum::products(tx)?.is_empty() {
            return Err(Error::other(
                "the database has products already; the demo starts from an empty one. Begin \
                 again with --fresh or, with DATABASE_URL, an empty database.",
            ));
        }
        products(tx, community, &mut seeded, now)?;
        users(tx, community, &mut seeded, &hash, now)
    })?;
    for batch in community.threads.chunks(BATCH) {
        app.db.write(|tx| {
            for one in batch {
                let id = thread(tx, one, &seeded, now)?;
                seeded.threads.insert(one.stem.clone(), id);
            }
            // Last, and by rising id: appending holds other writers back until the commit.
            for one in batch {
                forum::changed(tx, seeded.threads[&one.stem], now)?;
            }
            Ok(())
        })?;
    }
    Ok(seeded)
}

fn products(tx: &mut Conn, community: &Community, seeded: &mut Seeded, now: Moment) -> Result<()> {
    for (position, product) in (1..).zip(&community.products) {
        let new = NewProduct {
            slug: &product.slug,
            name: &product.name,
            description: &product.description,
            position,
            brand_terms: &product.brand_terms,
        };
        let id = forum::insert_product(tx, &new, now)?;
        seeded.products.insert(product.slug.clone(), id);
        for (position, topic) in (1..).zip(&product.topics) {
            let topic_id = forum::insert_topic(
                tx,
                id,
                &topic.slug,
                &topic.name,
                &topic.description,
                position,
            )?;
            let key = (product.slug.clone(), topic.slug.clone());
            seeded.topics.insert(key, topic_id);
        }
    }
    for tag in &community.tags {
        forum::ensure_tag(tx, &tag.slug, &tag.name)?;
    }
    Ok(())
}

fn users(
    tx: &mut Conn,
    community: &Community,
    seeded: &mut Seeded,
    hash: &str,
    now: Moment,
) -> Result<()> {
    for user in &community.users {
        let joined = now.plus(-i64::from(user.joined_days) * DAY);
        let new = people::NewUser {
            name: &user.name,
            email: user.email.as_deref(),
            email_verified_at: Some(joined),
            password_hash: user.email.as_ref().map(|_| hash),
            role: user.role.parse::<Role>().map_err(Error::Data)?,
        };
        let id = people::insert_user(tx, &new, joined)?;
        people::set_profile(tx, id, &user.name, &user.bio)?;
        let products: Vec<ProductId> = user
            .products
            .iter()
            .filter_map(|slug| seeded.products.get(slug).copied())
            .collect();
        people::set_staff_products(tx, id, &products)?;
        seeded.users.insert(user.name.clone(), id);
    }
    Ok(())
}

/// A name of the content as its id.
fn find<K: std::hash::Hash + Eq + std::fmt::Debug, V: Copy>(
    map: &HashMap<K, V>,
    key: &K,
) -> Result<V> {
    map.get(key)
        .copied()
        .ok_or_else(|| Error::other(format!("the demo's content names {key:?}, which it lacks")))
}

fn thread(tx: &mut Conn, one: &Thread, seeded: &Seeded, now: Moment) -> Result<ThreadId> {
    let opened = now.plus(-hours(one.age_hours));
    let author = find(&seeded.users, &one.author)?;
    let topic = (one.product.clone(), one.topic.clone());
    let kind: ThreadKind = one.kind.parse().map_err(Error::Data)?;
    let plain = markdown::to_plain(&one.body);
    let html = markdown::render(&one.body);
    let new = NewThread {
        product: find(&seeded.products, &one.product)?,
        topic: Some(find(&seeded.topics, &topic)?),
        author,
        kind,
        visibility: Visibility::Public,
        title: &one.title,
        slug: &slug::slug(&one.title),
        language: language::detect(&format!("{}. {plain}", one.title)),
        official: one.official || kind.is_of_staff(),
        from: None,
        request_key: None,
        tags: &one.tags,
        body: &one.body,
        body_html: html.as_str(),
    };
    let id = forum::insert_thread(tx, &new, opened)?;
    followers::follow(tx, id, author, opened)?;
    let solved = replies(tx, one, id, seeded, opened, now)?;
    for user in others(seeded, author, one.me_toos, id) {
        followers::add_me_too(tx, id, user, opened)?;
    }
    if one.pinned {
        forum::set_pinned(tx, id, true)?;
    }
    if one.fixed_in.is_some() {
        forum::set_kind(tx, id, kind, one.fixed_in.as_deref())?;
    }
    let state: ThreadState = one.state.parse().map_err(Error::Data)?;
    if state != ThreadState::Open {
        forum::set_state(tx, id, state, solved)?;
    }
    Ok(id)
}

/// Writes the replies; returns when the thread was solved, or last written to.
fn replies(
    tx: &mut Conn,
    one: &Thread,
    id: ThreadId,
    seeded: &Seeded,
    opened: Moment,
    now: Moment,
) -> Result<Moment> {
    let mut last = opened;
    let mut solved = None;
    let mut primary: Option<PostId> = None;
    for (number, reply) in (2..).zip(&one.replies) {
        // Nothing is in the future, whatever the file says.
        let at = opened.plus(hours(reply.hours_later)).min(now);
        let author = find(&seeded.users, &reply.author)?;
        let html = markdown::render(&reply.body);
        let new = NewPost {
            thread: id,
            author,
            number,
            body: &reply.body,
            body_html: html.as_str(),
            official: reply.official,
            reply_to: None,
            request_key: None,
        };
        let post_id = forum::insert_post(tx, &new, at)?;
        followers::follow(tx, id, author, at)?;
        if reply.official {
            forum::set_official(tx, id, true)?;
        }
        if reply.accepted || reply.primary {
            let asker = find(&seeded.users, &one.author)?;
            if let Some(post) = forum::post(tx, post_id)? {
                forum::set_accepted(tx, &post, Some((asker, at)))?;
            }
            solved = Some(at);
            if reply.primary {
                primary = Some(post_id);
            }
        }
        last = last.max(at);
    }
    forum::settle_answers(tx, id, primary)?;
    forum::set_active(tx, id, last)?;
    Ok(solved.unwrap_or(last))
}

fn hours(h: f64) -> i64 {
    // Hours of a few years: far inside what a float and an i64 hold.
    (h * HOUR as f64) as i64
}

/// `count` users besides the author, other ones for each thread, the same at every start.
fn others(seeded: &Seeded, author: UserId, count: u32, thread: ThreadId) -> Vec<UserId> {
    let mut users: Vec<UserId> = seeded
        .users
        .values()
        .copied()
        .filter(|u| *u != author)
        .collect();
    users.sort();
    if users.is_empty() {
        return users;
    }
    let start = usize::try_from(thread.0 * 7).unwrap_or(0) % users.len();
    users.rotate_left(start);
    users.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    users
}

//! Who follows a thread, who has the same problem, and the notices written to them.

use diesel::dsl::{count_star, exists, select};
use diesel::prelude::*;

use super::word;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{me_toos, notifications, posts, subscriptions, threads, users};
use crate::each;
use crate::error::Result;
use crate::forum::notify::NoticeKind;
use crate::forum::{Place, Visibility};
use crate::ids::{NotificationId, PostId, ProductId, ThreadId, UserId};

/// `subscriptions.subject_kind` of a followed thread.
pub const THREAD: &str = "thread";

/// `subscriptions.subject_kind` of a product of whose known issues somebody wants to be warned.
const KNOWN_ISSUES: &str = "known_issues";

/// Lets `user` be warned of the product's known issues; false when they are.
pub fn warn_of(tx: &mut Conn, product: ProductId, user: UserId, now: Moment) -> Result<bool> {
    let row = (
        subscriptions::user_id.eq(user.0),
        subscriptions::subject_kind.eq(KNOWN_ISSUES),
        subscriptions::subject_id.eq(product.0),
        subscriptions::created_at.eq(now.0),
    );
    let added = each!(&mut *tx, c => diesel::insert_into(subscriptions::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// False when they were not warned.
pub fn warn_no_more_of(tx: &mut Conn, product: ProductId, user: UserId) -> Result<bool> {
    let removed = diesel::delete(
        subscriptions::table
            .filter(subscriptions::user_id.eq(user.0))
            .filter(subscriptions::subject_kind.eq(KNOWN_ISSUES))
            .filter(subscriptions::subject_id.eq(product.0)),
    )
    .execute(tx)?;
    Ok(removed == 1)
}

/// Whether `user` is warned of the product's known issues.
pub fn is_warned_of(conn: &mut Conn, product: ProductId, user: UserId) -> Result<bool> {
    let n: i64 = subscriptions::table
        .filter(subscriptions::user_id.eq(user.0))
        .filter(subscriptions::subject_kind.eq(KNOWN_ISSUES))
        .filter(subscriptions::subject_id.eq(product.0))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Users who are warned of the known issues of the thread's product, by rising id after `after`.
pub fn warned(conn: &mut Conn, thread: ThreadId, after: UserId, limit: i64) -> Result<Vec<UserId>> {
    let product: Option<i64> = threads::table
        .find(thread.0)
        .select(threads::product_id)
        .first(conn)
        .optional()?;
    let ids: Vec<i64> = subscriptions::table
        .filter(subscriptions::subject_kind.eq(KNOWN_ISSUES))
        .filter(subscriptions::subject_id.eq(product.unwrap_or(0)))
        .filter(subscriptions::user_id.gt(after.0))
        .order(subscriptions::user_id)
        .limit(limit)
        .select(subscriptions::user_id)
        .load(conn)?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Lets `user` follow the thread and counts it; false when they did.
pub fn follow(tx: &mut Conn, thread: ThreadId, user: UserId, now: Moment) -> Result<bool> {
    let row = (
        subscriptions::user_id.eq(user.0),
        subscriptions::subject_kind.eq(THREAD),
        subscriptions::subject_id.eq(thread.0),
        subscriptions::created_at.eq(now.0),
    );
    let added = each!(&mut *tx, c => diesel::insert_into(subscriptions::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    if added == 1 {
        count_followers(tx, thread, 1)?;
    }
    Ok(added == 1)
}

/// False when they did not follow it.
pub fn unfollow(tx: &mut Conn, thread: ThreadId, user: UserId) -> Result<bool> {
    let removed = diesel::delete(
        subscriptions::table
            .filter(subscriptions::user_id.eq(user.0))
            .filter(subscriptions::subject_kind.eq(THREAD))
            .filter(subscriptions::subject_id.eq(thread.0)),
    )
    .execute(tx)?;
    if removed == 1 {
        count_followers(tx, thread, -1)?;
    }
    Ok(removed == 1)
}

fn count_followers(tx: &mut Conn, thread: ThreadId, by: i64) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::follower_count.eq(threads::follower_count + by))
        .execute(tx)?;
    Ok(())
}

/// Notes that `user` has the same problem and counts it; false when they said so before.
pub fn add_me_too(tx: &mut Conn, thread: ThreadId, user: UserId, now: Moment) -> Result<bool> {
    let row = (
        me_toos::thread_id.eq(thread.0),
        me_toos::user_id.eq(user.0),
        me_toos::created_at.eq(now.0),
    );
    let added = each!(&mut *tx, c => diesel::insert_into(me_toos::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    if added == 1 {
        count_me_toos(tx, thread, 1)?;
    }
    Ok(added == 1)
}

/// False when they had not said so.
pub fn remove_me_too(tx: &mut Conn, thread: ThreadId, user: UserId) -> Result<bool> {
    let removed = diesel::delete(
        me_toos::table.filter(
            me_toos::thread_id
                .eq(thread.0)
                .and(me_toos::user_id.eq(user.0)),
        ),
    )
    .execute(tx)?;
    if removed == 1 {
        count_me_toos(tx, thread, -1)?;
    }
    Ok(removed == 1)
}

fn count_me_toos(tx: &mut Conn, thread: ThreadId, by: i64) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::me_too_count.eq(threads::me_too_count + by))
        .execute(tx)?;
    Ok(())
}

/// Whether a user follows the thread, and whether they have the same problem.
pub fn ties(conn: &mut Conn, thread: ThreadId, user: UserId) -> Result<(bool, bool)> {
    let follows = subscriptions::table
        .filter(subscriptions::user_id.eq(user.0))
        .filter(subscriptions::subject_kind.eq(THREAD))
        .filter(subscriptions::subject_id.eq(thread.0));
    let is_hit = me_toos::table
        .filter(me_toos::thread_id.eq(thread.0))
        .filter(me_toos::user_id.eq(user.0));
    Ok((
        select(exists(follows)).get_result(conn)?,
        select(exists(is_hit)).get_result(conn)?,
    ))
}

/// Users who follow the thread, by rising id after `after`.
pub fn followers(
    conn: &mut Conn,
    thread: ThreadId,
    after: UserId,
    limit: i64,
) -> Result<Vec<UserId>> {
    let ids: Vec<i64> = subscriptions::table
        .filter(subscriptions::subject_kind.eq(THREAD))
        .filter(subscriptions::subject_id.eq(thread.0))
        .filter(subscriptions::user_id.gt(after.0))
        .order(subscriptions::user_id)
        .limit(limit)
        .select(subscriptions::user_id)
        .load(conn)?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Users who have the same problem, by rising id after `after`.
pub fn affected(
    conn: &mut Conn,
    thread: ThreadId,
    after: UserId,
    limit: i64,
) -> Result<Vec<UserId>> {
    let ids: Vec<i64> = me_toos::table
        .filter(me_toos::thread_id.eq(thread.0))
        .filter(me_toos::user_id.gt(after.0))
        .order(me_toos::user_id)
        .limit(limit)
        .select(me_toos::user_id)
        .load(conn)?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// A notice to be written.
pub struct NewNotice<'a> {
    pub user: UserId,
    pub kind: NoticeKind,
    pub thread: ThreadId,
    pub post: Option<PostId>,
    pub actor: Option<UserId>,
    pub dedupe_key: &'a str,
}

/// Writes a notice; false when one with this key exists.
pub fn insert_notice(tx: &mut Conn, new: &NewNotice<'_>, now: Moment) -> Result<bool> {
    let row = (
        notifications::user_id.eq(new.user.0),
        notifications::kind.eq(new.kind.as_str()),
        notifications::thread_id.eq(new.thread.0),
        notifications::post_id.eq(new.post.map(|p| p.0)),
        notifications::actor_id.eq(new.actor.map(|u| u.0)),
        notifications::created_at.eq(now.0),
        notifications::dedupe_key.eq(new.dedupe_key),
    );
    let added = each!(&mut *tx, c => diesel::insert_into(notifications::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// A notice as its page shows it.
#[derive(Clone, Debug)]
pub struct NoticeLine {
    pub id: NotificationId,
    pub kind: NoticeKind,
    pub actor_name: Option<String>,
    pub title: String,
    pub place: Place,
    pub created_at: Moment,
    pub unread: bool,
}

/// Notices to `user` about public threads, newest first, before the notice `before`.
pub fn notices(
    conn: &mut Conn,
    user: UserId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<NoticeLine>> {
    #[derive(Queryable)]
    struct Row {
        id: i64,
        kind: String,
        actor_name: Option<String>,
        thread: i64,
        slug: String,
        title: String,
        number: Option<i64>,
        created_at: i64,
        read_at: Option<i64>,
    }
    let rows: Vec<Row> = notifications::table
        .inner_join(threads::table)
        .left_join(posts::table.on(posts::id.nullable().eq(notifications::post_id)))
        .left_join(users::table.on(users::id.nullable().eq(notifications::actor_id)))
        .filter(notifications::user_id.eq(user.0))
        .filter(notifications::id.lt(before.unwrap_or(i64::MAX)))
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .order(notifications::id.desc())
        .limit(limit)
        .select((
            notifications::id,
            notifications::kind,
            users::name.nullable(),
            threads::id,
            threads::slug,
            threads::title,
            posts::number.nullable(),
            notifications::created_at,
            notifications::read_at,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|row| {
            Ok(NoticeLine {
                id: NotificationId(row.id),
                kind: word(&row.kind)?,
                actor_name: row.actor_name,
                title: row.title,
                place: Place {
                    thread: ThreadId(row.thread),
                    slug: row.slug,
                    post: row.number.unwrap_or(1),
                },
                created_at: Moment(row.created_at),
                unread: row.read_at.is_none(),
            })
        })
        .collect()
}

/// Marks all notices of a user read, or those about one thread.
pub fn mark_read(
    tx: &mut Conn,
    user: UserId,
    thread: Option<ThreadId>,
    now: Moment,
) -> Result<usize> {
    let mine = notifications::table
        .filter(notifications::user_id.eq(user.0))
        .filter(notifications::read_at.is_null());
    Ok(match thread {
        Some(thread) => diesel::update(mine.filter(notifications::thread_id.eq(thread.0)))
            .set(notifications::read_at.eq(now.0))
            .execute(tx)?,
        None => diesel::update(mine)
            .set(notifications::read_at.eq(now.0))
            .execute(tx)?,
    })
}

/// How many notices about this thread the user has not read, those of posts that were taken down left out.
pub fn unread_of_thread(conn: &mut Conn, user: UserId, thread: ThreadId) -> Result<i64> {
    Ok(notifications::table
        .left_join(posts::table.on(notifications::post_id.eq(posts::id.nullable())))
        .filter(posts::deleted_at.is_null())
        .filter(notifications::user_id.eq(user.0))
        .filter(notifications::thread_id.eq(thread.0))
        .filter(notifications::read_at.is_null())
        .select(count_star())
        .first(conn)?)
}

/// Deletes notices that were read before `before`; at most `limit`. Returns how many there were.
pub fn forget_read(tx: &mut Conn, before: Moment, limit: i64) -> Result<usize> {
    let old: Vec<i64> = notifications::table
        .filter(notifications::read_at.lt(before.0))
        .order(notifications::read_at)
        .limit(limit)
        .select(notifications::id)
        .load(tx)?;
    Ok(diesel::delete(notifications::table.filter(notifications::id.eq_any(old))).execute(tx)?)
}

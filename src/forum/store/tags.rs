//! Queries of tags, and how many public threads each has.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{tags, thread_tags};
use crate::each;
use crate::error::Result;
use crate::forum::{Tag, Thread, Visibility};
use crate::ids::{TagId, ThreadId};

type TagRow = (i64, String, String, i64);

fn tag_of((id, slug, name, thread_count): TagRow) -> Tag {
    Tag {
        id: TagId(id),
        slug,
        name,
        thread_count,
    }
}

macro_rules! tag_columns {
    () => {
        (tags::id, tags::slug, tags::name, tags::thread_count)
    };
}

pub fn tag_by_slug(conn: &mut Conn, slug: &str) -> Result<Option<Tag>> {
    let row: Option<TagRow> = tags::table
        .filter(tags::slug.eq(slug))
        .select(tag_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(tag_of))
}

/// The tags of one thread, by name.
pub fn tags_of(conn: &mut Conn, thread: ThreadId) -> Result<Vec<Tag>> {
    let rows: Vec<TagRow> = thread_tags::table
        .inner_join(tags::table)
        .filter(thread_tags::thread_id.eq(thread.0))
        .order(tags::slug)
        .select(tag_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(tag_of).collect())
}

/// The tag with this slug; made when missing, with `name` for people.
pub fn ensure_tag(tx: &mut Conn, slug: &str, name: &str) -> Result<TagId> {
    let row = (tags::slug.eq(slug), tags::name.eq(name));
    each!(&mut *tx, c => diesel::insert_into(tags::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    let id: i64 = tags::table
        .filter(tags::slug.eq(slug))
        .select(tags::id)
        .first(tx)?;
    Ok(TagId(id))
}

/// Gives the thread exactly these tags. Counts follow when the thread is public.
///
/// Tags are made in the order of their slugs, then counted in the order of their ids: two threads
/// that take and give the same tags can't wait for each other.
pub fn set_tags(tx: &mut Conn, thread: &Thread, slugs: &[String]) -> Result<()> {
    let slugs: BTreeSet<&String> = slugs.iter().collect();
    let mut after = BTreeSet::new();
    for slug in slugs {
        after.insert(ensure_tag(tx, slug, slug)?.0);
    }
    let before: BTreeSet<i64> = tag_ids(tx, thread.id)?.into_iter().collect();
    let gone: Vec<i64> = before.difference(&after).copied().collect();
    let of_thread = thread_tags::table.filter(thread_tags::thread_id.eq(thread.id.0));
    diesel::delete(of_thread.filter(thread_tags::tag_id.eq_any(gone))).execute(tx)?;
    for tag in after.difference(&before) {
        diesel::insert_into(thread_tags::table)
            .values((
                thread_tags::thread_id.eq(thread.id.0),
                thread_tags::tag_id.eq(tag),
                thread_tags::active_at.eq(thread.active_at.0),
            ))
            .execute(tx)?;
    }
    if thread.visibility == Visibility::Public {
        for tag in before.symmetric_difference(&after) {
            add_to_tag(tx, *tag, if after.contains(tag) { 1 } else { -1 })?;
        }
    }
    Ok(())
}

/// Adds `by` to the count of each tag of a thread that becomes, or stops being, public.
pub fn count_tags(tx: &mut Conn, thread: ThreadId, by: i64) -> Result<()> {
    for tag in tag_ids(tx, thread)? {
        add_to_tag(tx, tag, by)?;
    }
    Ok(())
}

/// The tags of a thread by rising id.
fn tag_ids(conn: &mut Conn, thread: ThreadId) -> Result<Vec<i64>> {
    Ok(thread_tags::table
        .filter(thread_tags::thread_id.eq(thread.0))
        .order(thread_tags::tag_id)
        .select(thread_tags::tag_id)
        .load(conn)?)
}

fn add_to_tag(tx: &mut Conn, tag: i64, by: i64) -> Result<()> {
    diesel::update(tags::table.find(tag))
        .set(tags::thread_count.eq(tags::thread_count + by))
        .execute(tx)?;
    Ok(())
}

//! Queries of the intake: pages as they came.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::intake;
use crate::error::Result;
use crate::ids::IntakeId;
use crate::networks::Network;
use crate::text::storable;

/// What came from outside, as it came.
#[derive(Clone, Debug, Queryable)]
pub struct Intake {
    pub id: i64,
    pub channel: String,
    pub source: String,
    pub body: Vec<u8>,
    pub state: String,
    pub error: Option<String>,
    pub attempts: i64,
}

/// Pages that are read together.
const PAGES_AT_ONCE: i64 = 20;

pub const INTAKE_NEW: &str = "new";
pub const INTAKE_DONE: &str = "done";
pub const INTAKE_FAILED: &str = "failed";

/// One that was read in full is emptied: each mention keeps its own raw form, which goes when its
/// author deletes the post, and a second copy would stay.
pub fn set_intake(
    tx: &mut Conn,
    id: IntakeId,
    state: &str,
    error: Option<&str>,
    now: Moment,
) -> Result<()> {
    diesel::update(intake::table.find(id.0))
        .set((
            intake::state.eq(state),
            intake::error.eq(error.map(storable)),
            intake::attempts.eq(intake::attempts + 1),
            intake::done_at.eq((state == INTAKE_DONE).then_some(now.0)),
        ))
        .execute(tx)?;
    if state == INTAKE_DONE {
        let nothing: &[u8] = &[];
        diesel::update(intake::table.find(id.0))
            .set(intake::body.eq(nothing))
            .execute(tx)?;
    }
    Ok(())
}

/// The channels whose pages hold posts of networks.
pub fn page_channels() -> Vec<&'static str> {
    Network::ALL.map(Network::as_str).to_vec()
}

/// Takes a post out of every page that is still kept because something in it could not be read.
pub fn strip_pages(tx: &mut Conn, post_ids: &[&str]) -> Result<()> {
    let mut after = 0;
    loop {
        let rows: Vec<(i64, Vec<u8>)> = intake::table
            .filter(intake::state.ne(INTAKE_DONE).and(intake::id.gt(after)))
            .filter(intake::channel.eq_any(page_channels()))
            .order(intake::id)
            .limit(PAGES_AT_ONCE)
            .select((intake::id, intake::body))
            .load(tx)?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after = *last;
        for (id, body) in rows {
            if let Some(less) = without_posts(&body, post_ids) {
                diesel::update(intake::table.find(id))
                    .set(intake::body.eq(less))
                    .execute(tx)?;
            }
        }
    }
}

/// A page without these posts; `None` when they are not in it. A page that is no JSON is emptied.
fn without_posts(body: &[u8], post_ids: &[&str]) -> Option<Vec<u8>> {
    let has = |id: &&str| body.windows(id.len()).any(|part| part == id.as_bytes());
    if !post_ids.iter().any(has) {
        return None;
    }
    let Ok(mut page) = serde_json::from_slice(body) else {
        return Some(Vec::new());
    };
    take_out(&mut page, post_ids);
    Some(page.to_string().into_bytes())
}

fn take_out(value: &mut serde_json::Value, post_ids: &[&str]) {
    let is_one = |v: &serde_json::Value| {
        let id = match &v["id"] {
            serde_json::Value::String(id) => id.clone(),
            id => id.to_string(),
        };
        post_ids.contains(&id.as_str())
    };
    if is_one(value) {
        *value = serde_json::Value::Null;
        return;
    }
    match value {
        serde_json::Value::Array(list) => {
            list.retain(|v| !is_one(v));
            list.iter_mut().for_each(|v| take_out(v, post_ids));
        }
        serde_json::Value::Object(map) => {
            map.values_mut().for_each(|v| take_out(v, post_ids));
        }
        _ => {}
    }
}

/// Network pages that are not worked through: failed ones, and new ones of a killed process.
pub fn open_intake(
    conn: &mut Conn,
    channels: &[&str],
    after: i64,
    limit: i64,
) -> Result<Vec<Intake>> {
    Ok(intake::table
        .filter(intake::state.ne(INTAKE_DONE).and(intake::id.gt(after)))
        .filter(intake::channel.eq_any(channels))
        .order(intake::id)
        .limit(limit)
        .select((
            intake::id,
            intake::channel,
            intake::source,
            intake::body,
            intake::state,
            intake::error,
            intake::attempts,
        ))
        .load(conn)?)
}

/// How many pages of networks could not be read, or not in full.
pub fn count_unread_pages(conn: &mut Conn) -> Result<i64> {
    Ok(intake::table
        .filter(intake::state.eq(INTAKE_FAILED))
        .filter(intake::channel.eq_any(page_channels()))
        .select(count_star())
        .first(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_taken_out_of_a_page() {
        let page = br#"{"data":[{"id":"7","text":"secret"},{"id":"8","text":"stays"}],"includes":{"tweets":[{"id":7,"text":"secret"}]}}"#;
        let less = without_posts(page, &["7"]).expect("it was there");
        let less = String::from_utf8(less).expect("text");
        assert!(!less.contains("secret") && less.contains("stays"), "{less}");
        assert_eq!(without_posts(page, &["9"]), None);
        assert_eq!(without_posts(b"7,secret\n", &["7"]), Some(Vec::new()));
        assert!(
            without_posts(br#"{"id":"7","text":"secret"}"#, &["7"]).is_some_and(|l| l == b"null")
        );
    }
}

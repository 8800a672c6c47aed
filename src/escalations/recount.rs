//! What `offramp check` compares about escalations.

use super::store;
use crate::db::{Conn, Mismatch};
use crate::error::Result;

/// Rules that hold of every mention and reply, checked over all of them.
pub fn recount(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    let mut found = Vec::new();
    let mut note = |what: String, expected: &str, is: &str| {
        found.push(Mismatch::new(what, expected, is));
    };
    for (id, stage) in store::unknown_stages(conn)? {
        note(format!("stage of mention {id}"), "a known stage", &stage);
    }
    for (id, error) in store::failed_mentions(conn)? {
        let is = error.unwrap_or_else(|| "it could not be".to_owned());
        note(format!("mention {id}"), "judged", &is);
    }
    match store::captured_without_job(conn)? {
        0 => {}
        n => note(
            format!("{n} mentions that wait to be judged"),
            "a job that judges them",
            "none",
        ),
    }
    for id in store::complaints_without_case(conn)? {
        note(format!("mention {id}, a complaint"), "a case", "none");
    }
    for id in store::sent_without_post(conn)? {
        note(format!("reply {id}, sent"), "the id of our post", "none");
    }
    for id in store::unfinished_without_job(conn)? {
        note(
            format!("reply {id}, to be sent"),
            "a job that sends it",
            "none",
        );
    }
    Ok(found)
}

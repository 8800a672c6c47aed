//! The audit log: every act of staff, moderators and rules, with who, when, what and why.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::Conn;
use super::schema::audit_log;
use crate::clock::Moment;
use crate::error::Result;
use crate::ids::UserId;

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Actor {
    /// A user, by id and the name at that moment.
    User { id: UserId, name: String },
    /// A rule of ours, by its name.
    Rule { name: String },
    /// A customer without an account, as they call themselves.
    Customer { name: String },
    /// The operator, at the command line.
    Operator,
}

impl Actor {
    pub fn rule(name: &str) -> Actor {
        Actor::Rule {
            name: name.to_owned(),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Actor::User { .. } => "user",
            Actor::Rule { .. } => "rule",
            Actor::Customer { .. } => "customer",
            Actor::Operator => "operator",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Actor::User { name, .. } | Actor::Rule { name } | Actor::Customer { name } => name,
            Actor::Operator => "operator",
        }
    }

    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Actor::User { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// An act to be recorded. `subject` is the kind and id of the row it was done to.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    pub by: &'a Actor,
    /// What was done: a verb of the past with underscores, like `link_confirmed`.
    pub act: &'static str,
    pub subject: (&'static str, i64),
    /// Why, in the actor's or the rule's words; may be empty when the act says it all.
    pub reason: &'a str,
    pub data: serde_json::Value,
}

/// A line of the log.
#[derive(Clone, Debug, Queryable)]
pub struct Line {
    pub id: i64,
    pub at: i64,
    pub actor_kind: String,
    pub actor_name: String,
    pub act: String,
    pub subject_kind: String,
    pub subject_id: i64,
    pub reason: String,
}

impl Line {
    /// Who did it, and why, in words: of a rule, both may be names from the code.
    pub fn who_and_why(&self) -> (String, String) {
        let why = match self.actor_kind.as_str() {
            "rule" => self.reason.replace('_', " "),
            _ => self.reason.clone(),
        };
        (actor_words(&self.actor_kind, &self.actor_name), why)
    }
}

/// Who did something, in words, from an actor's kind and name.
pub fn actor_words(kind: &str, name: &str) -> String {
    match kind {
        "rule" => format!("Offramp ({})", name.replace(['_', '-'], " ")),
        "customer" if name.is_empty() => "the customer".to_owned(),
        "customer" => format!("{name} (customer)"),
        _ => name.to_owned(),
    }
}

/// Writes the act into the log, in the transaction that does it.
pub fn record(tx: &mut Conn, now: Moment, act: Act<'_>) -> Result<()> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::at.eq(now.0),
            audit_log::actor_kind.eq(act.by.kind()),
            audit_log::actor_id.eq(act.by.user_id().map(|u| u.0)),
            audit_log::actor_name.eq(act.by.name()),
            audit_log::act.eq(act.act),
            audit_log::subject_kind.eq(act.subject.0),
            audit_log::subject_id.eq(act.subject.1),
            audit_log::reason.eq(act.reason),
            audit_log::data.eq(act.data.to_string()),
        ))
        .execute(tx)?;
    Ok(())
}

/// The lines about one subject, newest first.
pub fn of_subject(conn: &mut Conn, kind: &str, id: i64, limit: i64) -> Result<Vec<Line>> {
    Ok(audit_log::table
        .filter(
            audit_log::subject_kind
                .eq(kind)
                .and(audit_log::subject_id.eq(id)),
        )
        .order(audit_log::id.desc())
        .limit(limit)
        .select(LINE)
        .load(conn)?)
}

/// All lines before `before` (a line's id), newest first.
pub fn page(conn: &mut Conn, before: Option<i64>, limit: i64) -> Result<Vec<Line>> {
    Ok(audit_log::table
        .filter(audit_log::id.lt(before.unwrap_or(i64::MAX)))
        .order(audit_log::id.desc())
        .limit(limit)
        .select(LINE)
        .load(conn)?)
}

type LineColumns = (
    audit_log::id,
    audit_log::at,
    audit_log::actor_kind,
    audit_log::actor_name,
    audit_log::act,
    audit_log::subject_kind,
    audit_log::subject_id,
    audit_log::reason,
);

const LINE: LineColumns = (
    audit_log::id,
    audit_log::at,
    audit_log::actor_kind,
    audit_log::actor_name,
    audit_log::act,
    audit_log::subject_kind,
    audit_log::subject_id,
    audit_log::reason,
);

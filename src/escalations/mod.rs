//! Escalations: what complaints on public networks become.
//!
//! A mention is stored once (`capture`), judged (`triage`), tied to who wrote it (`identify`),
//! joined to the case it belongs to (`join`) or opened as one, bound to the thread that solves it
//! (`link`) and answered (`acknowledge`); `judge` runs these in order. A person approves what is
//! said in public (`approve_reply`), a job says it once (`send_reply`), and `claim` and
//! `close_loop` end the story.
//!
//! Invariants:
//! - A page of posts is in the intake before anything is made of it; a mention stands once,
//!   whatever way and however often it arrives.
//! - Our own posts and reposts never open a case. One mention opens at most one case.
//! - Every step leaves an event on the case with its reasons.
//! - A reply has a key that names its decision; no decision has two replies.
//! - Nobody is merged on a guess: a guess is only proposed.

pub mod acknowledge;
pub mod answer_in_public;
pub mod approve_reply;
pub mod capture;
pub mod claim;
pub mod close_loop;
pub mod commands;
pub mod correct_triage;
pub mod draft_thread;
pub mod handoff;
pub mod identify;
pub mod import;
pub mod join;
pub mod judge;
pub mod judge_case;
pub mod link;
pub mod look_at;
pub mod pages;
pub mod past_links;
pub mod poll;
pub mod quality;
pub mod recheck;
pub mod recount;
pub mod same_problem;
pub mod send_reply;
pub mod separate;
pub mod settle_deflections;
pub mod site_models;
pub mod spikes;
pub mod store;
mod told_worse;
pub mod triage;
pub mod wording;
pub mod words;

use crate::cases::{Channel, words};
use crate::clock::DAY;
use crate::jobs::Registry;
use crate::networks::Network;
use crate::text;
use serde::{Deserialize, Serialize};

words! {
    /// How far a mention has come.
    Stage {
        /// Stored, not yet judged.
        Captured = "captured", "Waits to be judged";
        /// Our own post, or a repost: kept, never judged.
        Ignored = "ignored", "Not judged";
        Done = "done", "Judged";
        /// Could not be judged; waits for a person.
        Failed = "failed", "Could not be judged";
    }
}

words! {
    /// What a mention is.
    Label {
        Complaint = "complaint", "Complaint";
        Question = "question", "Question";
        Praise = "praise", "Praise";
        Noise = "noise", "Noise";
    }
}

words! {
    /// What a complaint or question leaves to do.
    Standing {
        Actionable = "actionable", "Something to do";
        /// Its author tells that the trouble has ended.
        Over = "over", "Told to be over";
        /// Anger, and nothing told that could be put right.
        Venting = "venting", "Only venting";
    }
}

impl Label {
    /// Whether somebody wants something of us.
    pub fn wants_an_answer(self) -> bool {
        matches!(self, Label::Complaint | Label::Question)
    }
}

words! {
    /// Where an outgoing public post stands.
    ReplyState {
        Draft = "draft", "Draft";
        Approved = "approved", "Approved";
        Sending = "sending", "Being sent";
        Sent = "sent", "Sent";
        Failed = "failed", "Not sent";
        /// It may have gone out: we look before we try again.
        Unknown = "unknown", "Perhaps sent";
        Discarded = "discarded", "Discarded";
    }
}

words! {
    /// What a reply is for.
    Purpose {
        Acknowledge = "acknowledge", "First answer";
        CloseLoop = "close_loop", "Word that it is solved";
        Answer = "answer", "Answer";
    }
}

words! {
    /// Where a claim stands.
    ClaimState {
        Open = "open", "Open";
        Proved = "proved", "Handle proved";
        Completed = "completed", "Completed";
    }
}

/// The slice's kinds of jobs and its schedules.
pub fn register(registry: &mut Registry) {
    registry
        .job::<judge::JudgeMentions>()
        .job::<judge_case::JudgeCase>()
        .job::<send_reply::SendReply>()
        .job::<close_loop::ThreadResolved>()
        .job::<spikes::detect::LookForSpikes>()
        .every::<spikes::detect::LookForSpikes>(spikes::detect::EVERY)
        .job::<spikes::publish::LinkMembers>()
        .job::<settle_deflections::SettleDeflections>()
        .every::<settle_deflections::SettleDeflections>(settle_deflections::EVERY)
        .job::<site_models::learn::LearnFromStaff>()
        .every::<site_models::learn::LearnFromStaff>(site_models::learn::EVERY)
        .job::<same_problem::ForgetNumbers>()
        .every::<same_problem::ForgetNumbers>(DAY)
        .job::<recheck::Recheck>()
        .every::<recheck::Recheck>(recheck::EVERY)
        .job::<poll::Poll>()
        .every::<poll::Poll>(poll::LOOK_EVERY);
}

/// What a case that begins with this post is about: its words, with personal data covered.
pub(crate) fn summary_of(post: &str) -> String {
    let plain = text::words::normalise(&text::personal_data::mask(post));
    if plain.is_empty() {
        post.to_owned()
    } else {
        plain
    }
}

/// The channel that a network's mentions come in by.
pub fn channel_of(network: Network) -> Channel {
    match network {
        Network::X => Channel::X,
        Network::Bluesky => Channel::Bluesky,
        Network::Mastodon => Channel::Mastodon,
        Network::Import => Channel::Import,
    }
}

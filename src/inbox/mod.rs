//! The inbox: every mail that comes in, by whatever way, and what becomes of it.
//!
//! One way for all: stored raw and acknowledged (`receive_mail::accept`), then read by a job, judged,
//! decided about (`decide`) and acted on (`take_mail`), in one transaction, several mails to one. What can't be read, or is not taken,
//! waits where staff see it and can have it read again.

pub mod confirm_topic;
pub mod decide;
pub mod hooks;
pub mod receive_mail;
pub mod recount;
mod returned;
pub mod store;
mod take_mail;
pub mod ways_in;

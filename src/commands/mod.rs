//! What the commands do, apart from serving: each file one command.

pub mod check;
pub mod doctor;
pub mod doctor_mail;
pub mod eval_link;
pub mod eval_triage;
pub mod fetch_model;
pub mod import;
pub mod model;
pub mod reindex;
pub mod similar;
pub mod triage;

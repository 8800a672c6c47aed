//! People: users and their roles, log-in and sessions, handles and consent.
//!
//! An account exists only with a proved address (`register` mails, `verify_email` makes it), so
//! register, reset and log-in answer the same for known and unknown addresses. A session is an
//! opaque token, kept hashed; passwords are argon2id hashes. Nothing here knows the forum.

pub mod avatar;
pub mod change_email;
pub mod change_password;
pub mod change_profile;
pub mod command;
pub mod create_user;
pub mod device;
pub mod end_session;
pub mod handles;
pub mod jobs;
mod letters;
pub mod log_in;
pub mod log_out;
pub mod pages;
pub mod passwords;
pub mod register;
pub mod reset_password;
pub mod retry_job;
pub mod set_role;
pub mod store;
pub mod tokens;
pub mod verify_email;
pub mod viewer;
pub mod withdraw_handle;

pub use viewer::{Admin, CurrentUser, Member, Moderator, Staff, Viewer};

/// The kind of the job that is put down when a user has another name. Its payload is
/// `{"user": id}`; the slice that shows names elsewhere runs it.
pub const RENAMED: &str = "user_renamed";

/// What a user may do, each including what stands before it. A visitor has no account.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Member,
    Moderator,
    Staff,
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Moderator => "moderator",
            Role::Staff => "staff",
            Role::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(s: &str) -> Result<Role, String> {
        match s {
            "member" => Ok(Role::Member),
            "moderator" => Ok(Role::Moderator),
            "staff" => Ok(Role::Staff),
            "admin" => Ok(Role::Admin),
            other => Err(format!(
                "`{other}` is no role; there are member, moderator, staff and admin"
            )),
        }
    }
}

//! What every way in ends in: a raw mail with its envelope, handed to whoever stores it. `mail` knows no
//! slice, so `boot` brings the two together.

use crate::error::Result;

/// A mail as it came, and for whom by its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    pub raw: Vec<u8>,
    /// Addresses of RCPT TO or of their like. Empty where a way in has no envelope (a mailbox): the
    /// headers tell then.
    pub recipients: Vec<String>,
}

/// Whoever stores mails.
pub trait Intake: Send + Sync + 'static {
    /// Stores all of them or none. When this returns `Ok`, they are committed, and whoever handed them
    /// over may forget them. A mail that is stored already is not stored again.
    fn accept(&self, mails: &[Arriving]) -> Result<()>;

    /// Whether mail for this address is for us. An error when that can't be told now.
    fn is_ours(&self, address: &str) -> Result<bool>;
}

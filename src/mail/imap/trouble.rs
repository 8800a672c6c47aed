//! What can go wrong with a mailbox, in words for whoever looks after it: what happened, and which
//! setting to look at.

use std::error::Error as _;

use async_imap::error::Error as ImapError;

use crate::mail::one_line;

/// Longest words of a server that are told (characters).
const WORDS_CHARS_MAX: usize = 300;

/// Why a mailbox can't be read now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("No machine is called {0}. Check `host`.")]
    UnknownHost(String),
    #[error(
        "{at} does not answer ({why}). Check `host` and `port`, and whether a firewall is between."
    )]
    Unreachable { at: String, why: String },
    #[error(
        "{host} can't be talked to by TLS ({why}). Check `host`, `port` and `security`; set `ca_file` if the server's certificate is of your own authority."
    )]
    Tls { host: String, why: String },
    #[error(
        "{0} shows a certificate that signed itself. If that is meant to be so, put the certificate (PEM) into a file and set `ca_file` to its path."
    )]
    SelfSigned(String),
    #[error("{0}. Check `ca_file`.")]
    CaFile(String),
    #[error(
        "{0} can’t be talked to by TLS: what answers at this port does not speak it. Check `port` (993), or set `security = \"starttls\"` for a server that begins in the clear (143)."
    )]
    NoTls(String),
    #[error(
        "{host} offers no STARTTLS at this port ({why}). Set `security = \"tls\"` and the port for that, mostly 993."
    )]
    NoStartTls { host: String, why: String },
    #[error(
        "{at} was reached, and says nothing within {seconds} seconds. {}",
        silent_words(*is_clear)
    )]
    NoGreeting {
        at: String,
        seconds: u64,
        /// Whether we waited for words in the clear.
        is_clear: bool,
    },
    #[error("{at} does not speak IMAP. It says: {said}. Check `host` and `port`: mostly 993.")]
    NotImap { at: String, said: String },
    #[error(
        "The server does not let us in: {0}. Check `user` and `password`; some providers want a password made for this program, or OAuth."
    )]
    LogIn(String),
    #[error(
        "The server does not take the OAuth token: {0}. Check `user`, `oauth_scope`, and that the account may use IMAP."
    )]
    TokenRefused(String),
    #[error("No token could be had from `oauth_token_url`: {0}")]
    NoToken(String),
    #[error(
        "There is no folder {folder} that can be opened: {why}. The folders are: {there}. Check `folder`."
    )]
    Folder {
        folder: String,
        why: String,
        there: String,
    },
    #[error("The server said: {0}")]
    Refused(String),
    #[error("The connection broke off ({0}).")]
    Lost(String),
    #[error("The server did not answer in time.")]
    Silent,
    #[error("Reading an answer of the server broke; the trace is in the log.")]
    Broken,
    #[error("Mail could not be stored, and stays in the mailbox: {0}")]
    Store(String),
}

impl Trouble {
    /// Whether trying again soon may lock the account.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Trouble::LogIn(_) | Trouble::TokenRefused(_) | Trouble::NoToken(_)
        )
    }
}

impl From<ImapError> for Trouble {
    fn from(error: ImapError) -> Trouble {
        match error {
            ImapError::No(_) | ImapError::Bad(_) => Trouble::Refused(said(&error)),
            ImapError::ConnectionLost => Trouble::Lost("the server closed it".into()),
            other => Trouble::Lost(short(&other.to_string())),
        }
    }
}

impl From<tokio::time::error::Elapsed> for Trouble {
    fn from(_: tokio::time::error::Elapsed) -> Trouble {
        Trouble::Silent
    }
}

fn silent_words(is_clear: bool) -> &'static str {
    match is_clear {
        true => {
            "A port that wants TLS from the first byte (993) is silent like that: set `security = \"tls\"` for it."
        }
        false => "Check `host` and `port`.",
    }
}

/// What stands against TLS with this host, by the words of its library.
pub fn tls_trouble(host: &str, why: String) -> Trouble {
    let host = host.to_owned();
    if why.contains("CaUsedAsEndEntity") {
        return Trouble::SelfSigned(host);
    }
    if why.contains("InvalidContentType") {
        return Trouble::NoTls(host);
    }
    Trouble::Tls { host, why }
}

/// The server's own words in an answer that is not OK. The client library keeps them only in its debug
/// form, as `information: Some("…")`.
pub fn said(error: &ImapError) -> String {
    let text = error.to_string();
    let words = text
        .rsplit_once("Some(\"")
        .and_then(|(_, rest)| rest.rsplit_once("\")"))
        .map(|(words, _)| words.replace("\\\"", "\"").replace("\\\\", "\\"));
    short(words.as_deref().unwrap_or(&text).trim_end_matches('.'))
}

/// Why a TLS connection failed: the reason within, without the layers around it.
pub fn tls_words(error: &std::io::Error) -> String {
    let inner = error.get_ref().map(|inner| inner.to_string());
    let source = error.source().map(|source| source.to_string());
    short(&inner.or(source).unwrap_or_else(|| error.to_string()))
}

pub fn short(words: &str) -> String {
    one_line(words, WORDS_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_told_and_not_the_librarys() {
        let no = ImapError::No(
            r#"code: Some(AuthenticationFailed), info: Some("Invalid \"user\" or password.")"#
                .into(),
        );
        assert_eq!(said(&no), "Invalid \"user\" or password");
        let bare = ImapError::Bad("code: None, info: None".into());
        assert!(said(&bare).contains("info: None"));
        assert!(Trouble::LogIn(said(&no)).to_string().contains("`password`"));
    }
}

//! From a mailbox's settings to an open folder: name, TLS, log-in, SELECT.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error as ImapError;
use async_imap::imap_proto::{Response, Status};
use async_imap::types::{Capabilities, Mailbox as Folder};
use async_imap::{Client, Session};
use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use futures_util::StreamExt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::oauth::{Tokens, XOAuth2};
use super::trouble::{Trouble, said, short, tls_trouble, tls_words};
use crate::clock::Moment;
use crate::config::{Mailbox, SmtpSecurity};
use crate::net;

/// Longest wait for a connection, and for TLS on it.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Longest wait for a server's first words, which it says unasked: who waits longer mostly waits for a
/// port that wants TLS first.
const GREETING_MAX: Duration = Duration::from_secs(15);
/// Longest wait for the end of a command.
pub const COMMAND_MAX: Duration = Duration::from_secs(60);
/// Folders that are named when the one that was asked for is missing.
const FOLDERS_TOLD_MAX: usize = 20;

/// A connection, with TLS or without.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Debug> Wire for T {}

pub type Imap = Session<Box<dyn Wire>>;

/// An open folder.
#[derive(Debug)]
pub struct Open {
    pub imap: Imap,
    pub folder: Folder,
    /// Whether the server tells of new mail by itself (RFC 2177).
    pub has_idle: bool,
}

/// Connects, logs in and opens the folder.
pub async fn open(mailbox: &Mailbox, tokens: &Arc<Tokens>, now: Moment) -> Result<Open, Trouble> {
    let client = connect(mailbox).await?;
    let mut imap = log_in(client, mailbox, tokens, now).await?;
    let capabilities: Capabilities = timeout(COMMAND_MAX, imap.capabilities()).await??;
    let folder = match timeout(COMMAND_MAX, imap.select(utf7(&mailbox.folder))).await? {
        Ok(folder) => folder,
        Err(error @ ImapError::No(_)) => {
            return Err(Trouble::Folder {
                folder: mailbox.folder.clone(),
                why: said(&error),
                there: timeout(COMMAND_MAX, folders(&mut imap)).await??,
            });
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Open {
        has_idle: capabilities.has_str("IDLE"),
        imap,
        folder,
    })
}

/// Up to the server's greeting, with TLS where it is asked for.
async fn connect(mailbox: &Mailbox) -> Result<Client<Box<dyn Wire>>, Trouble> {
    let (host, at) = (mailbox.host.as_str(), (mailbox.host.as_str(), mailbox.port));
    let unreachable = |why: &str| Trouble::Unreachable {
        at: format!("{host}:{}", mailbox.port),
        why: short(why),
    };
    if tokio::net::lookup_host(at).await.is_err() {
        return Err(Trouble::UnknownHost(host.to_owned()));
    }
    let stream = timeout(CONNECT_MAX, TcpStream::connect(at))
        .await
        .map_err(|_| unreachable("no answer"))?
        .map_err(|e| unreachable(&e.to_string()))?;
    // Commands are short and waited for; an error only makes them slower.
    let _ = stream.set_nodelay(true);
    match mailbox.security {
        SmtpSecurity::None => {
            greeted(Client::new(Box::new(stream) as Box<dyn Wire>), mailbox).await
        }
        SmtpSecurity::Tls => {
            let stream = secure(mailbox, stream).await?;
            greeted(Client::new(stream), mailbox).await
        }
        SmtpSecurity::Starttls => {
            let mut client = greeted(Client::new(stream), mailbox).await?;
            timeout(
                COMMAND_MAX,
                client.run_command_and_check_ok("STARTTLS", None),
            )
            .await?
            .map_err(|e| Trouble::NoStartTls {
                host: host.to_owned(),
                why: said(&e),
            })?;
            // What the server sent before TLS began is dropped with the client, unread.
            Ok(Client::new(secure(mailbox, client.into_inner()).await?))
        }
    }
}

async fn secure(mailbox: &Mailbox, stream: TcpStream) -> Result<Box<dyn Wire>, Trouble> {
    let failed = |why: String| tls_trouble(&mailbox.host, why);
    let config = net::tls(mailbox.ca_file.as_deref()).map_err(Trouble::CaFile)?;
    let name = ServerName::try_from(mailbox.host.clone())
        .map_err(|_| Trouble::UnknownHost(mailbox.host.clone()))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = timeout(CONNECT_MAX, connecting)
        .await
        .map_err(|_| failed("no answer".into()))?
        .map_err(|e| failed(tls_words(&e)))?;
    Ok(Box::new(stream))
}

/// The client, once its server said that it is there (RFC 9051, section 7.1).
async fn greeted<T: Wire>(mut client: Client<T>, mailbox: &Mailbox) -> Result<Client<T>, Trouble> {
    let at = format!("{}:{}", mailbox.host, mailbox.port);
    let greeting = timeout(GREETING_MAX, client.read_response())
        .await
        .map_err(|_| Trouble::NoGreeting {
            at: at.clone(),
            seconds: GREETING_MAX.as_secs(),
            is_clear: mailbox.security != SmtpSecurity::Tls,
        })?
        .map_err(|e| no_greeting(at, &e))?;
    let Some(greeting) = greeting else {
        return Err(Trouble::Lost("the server closed it".into()));
    };
    match greeting.parsed() {
        Response::Data {
            status: Status::Ok, ..
        } => Ok(client),
        Response::Data { outcome, .. } => Err(Trouble::Refused(short(
            outcome.information.as_deref().unwrap_or("no greeting"),
        ))),
        _ => Err(Trouble::Refused("no greeting of an IMAP server".into())),
    }
}

/// Why no greeting could be read: mostly it was that of a server for something else.
fn no_greeting(at: String, error: &std::io::Error) -> Trouble {
    let words = error.to_string();
    // The client library's words for an answer that is none.
    match words.split_once(" during parsing of ") {
        Some((_, said)) => Trouble::NotImap {
            at,
            said: short(&said.trim_matches('"').replace("\\r\\n", " ")),
        },
        None => Trouble::Lost(short(&words)),
    }
}

async fn log_in(
    client: Client<Box<dyn Wire>>,
    mailbox: &Mailbox,
    tokens: &Arc<Tokens>,
    now: Moment,
) -> Result<Imap, Trouble> {
    if mailbox.oauth_token_url.is_empty() {
        let logging_in = client.login(&mailbox.user, mailbox.password.expose());
        return timeout(COMMAND_MAX, logging_in)
            .await?
            .map_err(|(error, _)| match error {
                ImapError::No(_) => Trouble::LogIn(said(&error)),
                other => other.into(),
            });
    }
    let (asking, asked) = (tokens.clone(), mailbox.clone());
    let token = tokio::task::spawn_blocking(move || asking.access(&asked, now))
        .await
        .map_err(|_| Trouble::NoToken("the asking failed; the log tells more.".into()))??;
    let logging_in = client.authenticate("XOAUTH2", XOAuth2::new(&mailbox.user, &token));
    timeout(COMMAND_MAX, logging_in)
        .await?
        .map_err(|(error, _)| match error {
            ImapError::No(_) | ImapError::Bad(_) => {
                tokens.forget();
                Trouble::TokenRefused(said(&error))
            }
            other => other.into(),
        })
}

/// The names of the folders there, for people.
async fn folders(imap: &mut Imap) -> Result<String, Trouble> {
    let mut names = Vec::new();
    let mut list = imap.list(None, Some("*")).await?;
    while let Some(name) = list.next().await {
        if names.len() < FOLDERS_TOLD_MAX {
            names.push(name?.name().to_owned());
        }
    }
    Ok(short(&names.join(", ")))
}

/// A folder's name as IMAP wants it: what is not ASCII in modified UTF-7 (RFC 3501, section 5.1.3).
fn utf7(name: &str) -> String {
    fn shift(wide: &mut Vec<u8>, written: &mut String) {
        const BASE64: GeneralPurpose = GeneralPurpose::new(
            &alphabet::IMAP_MUTF7,
            GeneralPurposeConfig::new().with_encode_padding(false),
        );
        if !wide.is_empty() {
            written.push('&');
            written.push_str(&BASE64.encode(std::mem::take(wide)));
            written.push('-');
        }
    }
    let (mut written, mut wide) = (String::new(), Vec::new());
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            shift(&mut wide, &mut written);
            written.push(c);
            if c == '&' {
                written.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                wide.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    shift(&mut wide, &mut written);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_as_imap_wants_it() {
        assert_eq!(utf7("INBOX"), "INBOX");
        assert_eq!(utf7("A & B"), "A &- B");
        assert_eq!(utf7("Entw\u{fc}rfe"), "Entw&APw-rfe");
        // The example of RFC 3501, section 5.1.3.
        assert_eq!(
            utf7("~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}"),
            "~peter/mail/&U,BTFw-/&ZeVnLIqe-"
        );
    }
}

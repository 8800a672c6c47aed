//! How a mail leaves: by SMTP, or into a folder where it can be looked at.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lettre::SmtpTransport;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use sha2::{Digest, Sha256};

use super::outgoing::{OutgoingError, OutgoingMail};

/// Time for one command and its answer, in seconds.
pub const SMTP_TIMEOUT_SECONDS: u64 = 30;
/// Most connections kept to one server.
const CONNECTIONS_MAX: u32 = 4;
/// How long an unused connection is kept, in seconds; most servers close after a minute or more.
const IDLE_SECONDS: u64 = 30;
/// Why a mail was not taken, in the words of the server or the system, without anybody's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Later may be better: try again.
    #[error("{words}")]
    Transient {
        /// What was said.
        words: String,
    },
    /// This mail will never be taken as it is.
    #[error("{words}")]
    Permanent {
        /// What was said.
        words: String,
    },
}

impl SendError {
    /// Whether trying again makes sense.
    pub fn is_transient(&self) -> bool {
        matches!(self, SendError::Transient { .. })
    }
}

impl From<OutgoingError> for SendError {
    fn from(error: OutgoingError) -> Self {
        SendError::Permanent {
            words: error.to_string(),
        }
    }
}

/// A way out for mail. Called from a job, on a thread that may block.
pub trait Transport: Send + Sync {
    /// Hands the mail over once. `Ok` means that the other side has taken it on; a transient error may also mean that
    /// it was taken and the answer got lost, so a second try may reach the recipient twice, with the same Message-ID.
    fn send(&self, mail: &OutgoingMail) -> Result<(), SendError>;
}

/// How a connection to the server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// Begins in the clear and must change to TLS (port 587).
    StartTls,
    /// In the clear: only for a server on this machine.
    None,
}

/// Where and how mail is handed over.
#[derive(Clone)]
pub struct SmtpSettings {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// User name and password, when the server wants them.
    pub credentials: Option<(String, String)>,
}

/// A mail server reached by SMTP, with a few connections kept open.
pub struct Smtp {
    transport: SmtpTransport,
}

impl Smtp {
    /// Prepares the connections; nothing is sent yet. Fails when the server's name can't be one.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SendError> {
        let tls = || {
            TlsParameters::new(settings.host.clone()).map_err(|error| SendError::Permanent {
                words: format!("TLS for {}: {error}", settings.host),
            })
        };
        let tls = match settings.security {
            Security::Tls => Tls::Wrapper(tls()?),
            Security::StartTls => Tls::Required(tls()?),
            Security::None => Tls::None,
        };
        let pool = PoolConfig::new()
            .max_size(CONNECTIONS_MAX)
            .idle_timeout(Duration::from_secs(IDLE_SECONDS));
        let mut builder = SmtpTransport::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(Duration::from_secs(SMTP_TIMEOUT_SECONDS)))
            .pool_config(pool);
        if let Some((user, password)) = &settings.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Smtp {
            transport: builder.build(),
        })
    }

    /// Whether the server answers and accepts us; for the operator's check.
    pub fn check(&self) -> Result<(), SendError> {
        match self.transport.test_connection() {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Transient {
                words: "the server closed the connection".to_owned(),
            }),
            Err(error) => Err(told(&error)),
        }
    }
}

impl Transport for Smtp {
    fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        let message = mail.compose()?;
        let bytes = message.formatted();
        // The pool asks a kept connection with NOOP before it is used and opens another when it is dead. Nothing is
        // sent a second time here: once the text has gone out, a lost answer does not say whether it was taken.
        lettre::Transport::send_raw(&self.transport, message.envelope(), &bytes)
            .map(drop)
            .map_err(|error| told(&error))
    }
}

fn told(error: &lettre::transport::smtp::Error) -> SendError {
    let mut words = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        let _ = write!(words, ": {source}");
    }
    let words = super::one_line(&words, 300);
    if error.is_permanent() {
        SendError::Permanent { words }
    } else {
        SendError::Transient { words }
    }
}

/// Writes each mail as an `.eml` file; for the demo, for tests and for looking at.
pub struct Folder {
    path: PathBuf,
    drafts: AtomicU64,
}

impl Folder {
    /// The folder is made when the first mail comes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Folder {
            path: path.into(),
            drafts: AtomicU64::new(0),
        }
    }

    /// The file of the mail with this id: the same mail sent twice is one file.
    pub fn file_of(&self, message_id: &str) -> PathBuf {
        let mut name = String::with_capacity(36);
        for byte in Sha256::digest(message_id.as_bytes()).iter().take(16) {
            let _ = write!(name, "{byte:02x}");
        }
        self.path.join(name + ".eml")
    }
}

impl Transport for Folder {
    fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        let bytes = mail.compose()?.formatted();
        let file = self.file_of(&mail.message_id);
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = file.with_extension(format!("{}-{number}.part", std::process::id()));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&self.path)?;
            let mut out = File::create(&draft)?;
            out.write_all(&bytes)?;
            out.sync_all()?;
            fs::rename(&draft, &file)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&draft);
            SendError::Transient {
                words: format!("the mail folder can't be written: {error}"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::mail::outgoing::tests::mail;

    #[test]
    fn the_same_mail_twice_is_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = Folder::new(folder.path().join("mail"));
        out.send(&mail()).expect("written");
        out.send(&mail()).expect("written again");
        let files: Vec<_> = fs::read_dir(folder.path().join("mail"))
            .expect("folder")
            .collect();
        assert_eq!(files.len(), 1);
        let text = fs::read_to_string(out.file_of(&mail().message_id)).expect("file");
        assert!(text.contains("Subject: Your bike"), "{text}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_transient_and_a_bad_address_permanent() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(
            Folder::new(file)
                .send(&mail())
                .expect_err("no folder")
                .is_transient()
        );
        let nobody = OutgoingMail {
            to: crate::mail::MailAddress::of("nobody"),
            ..mail()
        };
        assert!(
            !Folder::new(folder.path())
                .send(&nobody)
                .expect_err("no address")
                .is_transient()
        );
    }

    /// A mail server for one connection that answers RCPT with `answer`, and tells what it was sent.
    fn server(answer: &'static str, mails: usize) -> (u16, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let talk = move || {
            let mut taken: Vec<String> = Vec::new();
            while taken.len() < mails {
                let (mut stream, _) = listener.accept().expect("a caller");
                let mut lines = BufReader::new(stream.try_clone().expect("a clone")).lines();
                stream.write_all(b"220 test\r\n").expect("greeted");
                let mut data = None;
                while let Some(Ok(line)) = lines.next() {
                    if let Some(mail) = &mut data {
                        if line == "." {
                            taken.push(std::mem::take(mail));
                            if answer == SILENT {
                                return taken;
                            }
                            // Taken, and then the connection closes as busy servers do.
                            let _ = stream.write_all(b"250 taken\r\n");
                            break;
                        }
                        mail.push_str(&line);
                        mail.push('\n');
                        continue;
                    }
                    let reply = match line.get(..4) {
                        Some("RCPT") => answer,
                        Some("DATA") => {
                            data = Some(String::new());
                            "354 go on"
                        }
                        _ => "250 ok",
                    };
                    if write!(stream, "{reply}\r\n").is_err() {
                        break;
                    }
                    if !answer.starts_with("250") && line.starts_with("RCPT") {
                        return taken;
                    }
                }
            }
            taken
        };
        (port, thread::spawn(talk))
    }

    /// The answer to RCPT of a server that takes the text and then goes away without a word.
    const SILENT: &str = "250 silent";

    #[test]
    fn a_lost_answer_does_not_send_twice() {
        let (port, server) = server(SILENT, 2);
        let error = smtp(port).send(&mail()).expect_err("no answer came");
        assert!(error.is_transient(), "{error}");
        assert_eq!(server.join().expect("the server ends").len(), 1);
    }

    fn smtp(port: u16) -> Smtp {
        Smtp::new(&SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port,
            security: Security::None,
            credentials: None,
        })
        .expect("settings")
    }

    #[test]
    fn a_closed_connection_is_opened_again() {
        let (port, server) = server("250 ok", 2);
        let out = smtp(port);
        out.send(&mail()).expect("the first is taken");
        out.send(&mail())
            .expect("the second too, on a new connection");
        assert_eq!(server.join().expect("the server ends").len(), 2);
    }

    #[test]
    fn answers_say_whether_to_try_again() {
        for (answer, transient) in [("451 later", true), ("550 no such user", false)] {
            let (port, server) = server(answer, 1);
            let error = smtp(port).send(&mail()).expect_err("refused");
            assert_eq!(error.is_transient(), transient, "{error}");
            assert!(server.join().expect("the server ends").is_empty());
        }
        let unused = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port")
            .port();
        assert!(
            smtp(unused)
                .send(&mail())
                .expect_err("nobody there")
                .is_transient()
        );
    }
}

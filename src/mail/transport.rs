//! How a mail leaves: by SMTP, or into a folder where it can be looked at.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use sha2::{Digest, Sha256};

use super::classify;
use super::outgoing::{OutgoingError, ReadyMail};
use crate::files;

/// Time to connect, and for one command and its answer, in seconds.
pub const SMTP_TIMEOUT_SECONDS: u64 = 30;
/// The same where the operator waits for the result, in seconds.
const CHECK_SECONDS: u64 = 15;
/// Time for the answer after the text's end, in seconds: RFC 5321, section 4.5.3.2.6. Who hangs up
/// before sends the mail twice.
pub const SMTP_TAKEN_SECONDS: u64 = 600;
/// Most connections kept to one server.
const CONNECTIONS_MAX: usize = 4;
/// How long an unused connection is kept, in seconds; most servers close after a minute or more.
const IDLE_SECONDS: u64 = 30;
/// How long a server that could not be reached is left alone, in seconds: meanwhile every mail waits
/// without holding a worker up for the whole time-out.
const DOWN_SECONDS: u64 = 30;
/// Longest words of a server that are kept, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// Why a mail was not taken, in the words of the server or the system, without anybody's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Later may be better: try again.
    #[error("{words}")]
    Transient {
        /// What was said.
        words: String,
    },
    /// The server knows that nobody is reached at the recipient's address.
    #[error("{words}")]
    AddressGone {
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
    fn send(&self, mail: &ReadyMail) -> Result<(), SendError>;
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
    /// Our name in EHLO where the machine's own has no dot, which many servers refuse; empty for none.
    pub hello: String,
}

/// A mail server reached by SMTP, with a few connections kept open.
pub struct Smtp {
    host: String,
    port: u16,
    security: Secured,
    credentials: Option<Credentials>,
    name: ClientId,
    /// Unused ones, with the moment since when.
    idle: Mutex<Vec<(SmtpConnection, Instant)>>,
    /// When the server last could not be reached, and why.
    down: Mutex<Option<(Instant, SendError)>>,
}

enum Secured {
    Tls(TlsParameters),
    StartTls(TlsParameters),
    Clear,
}

impl Smtp {
    /// Prepares the connections; nothing is sent yet. Fails when the server's name can't be one.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SendError> {
        let tls = || {
            TlsParameters::new(settings.host.clone()).map_err(|error| SendError::Permanent {
                words: format!("TLS for {}: {error}", settings.host),
            })
        };
        Ok(Smtp {
            host: settings.host.clone(),
            port: settings.port,
            security: match settings.security {
                Security::Tls => Secured::Tls(tls()?),
                Security::StartTls => Secured::StartTls(tls()?),
                Security::None => Secured::Clear,
            },
            credentials: settings
                .credentials
                .clone()
                .map(|(user, password)| Credentials::new(user, password)),
            name: our_name(&settings.hello),
            idle: Mutex::default(),
            down: Mutex::default(),
        })
    }

    /// Whether the server answers and accepts us; for the operator's check.
    pub fn check(&self) -> Result<(), SendError> {
        let mut connection = self
            .connect(CHECK_SECONDS)
            .map_err(|error| not_now(&error))?;
        if !connection.test_connected() {
            return Err(SendError::Transient {
                words: "the server closed the connection".to_owned(),
            });
        }
        let _ = connection.quit();
        Ok(())
    }

    fn connect(&self, seconds: u64) -> Result<SmtpConnection, SmtpError> {
        let wrapper = match &self.security {
            Secured::Tls(tls) => Some(tls),
            Secured::StartTls(_) | Secured::Clear => None,
        };
        let server = (self.host.as_str(), self.port);
        let timeout = Some(Duration::from_secs(seconds));
        let mut connection = SmtpConnection::connect(server, timeout, &self.name, wrapper, None)?;
        if let Secured::StartTls(tls) = &self.security {
            connection.starttls(tls, &self.name)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
        }
        Ok(connection)
    }

    /// A kept connection that still answers, else a new one. Whatever stands in the way, a greeting
    /// of 554 or a password that is not taken, is no mail's fault.
    fn connection(&self) -> Result<SmtpConnection, SendError> {
        if let Some((since, why)) = &*self.down()
            && since.elapsed().as_secs() < DOWN_SECONDS
        {
            return Err(why.clone());
        }
        loop {
            let kept = self.kept().pop();
            let Some((mut connection, since)) = kept else {
                let connected = self
                    .connect(SMTP_TIMEOUT_SECONDS)
                    .map_err(|error| not_now(&error));
                *self.down() = match &connected {
                    Ok(_) => None,
                    Err(why) => Some((Instant::now(), why.clone())),
                };
                return connected;
            };
            if since.elapsed().as_secs() < IDLE_SECONDS && connection.test_connected() {
                return Ok(connection);
            }
            connection.abort();
        }
    }

    fn keep(&self, connection: SmtpConnection) {
        let mut kept = self.kept();
        if kept.len() < CONNECTIONS_MAX {
            kept.push((connection, Instant::now()));
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<(SmtpConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// One mail over an open connection. Not by `SmtpConnection::send`, because the server has more
    /// time for its last answer than for the others.
    fn hand_over(
        &self,
        connection: &mut SmtpConnection,
        envelope: &Envelope,
        text: &[u8],
    ) -> Result<(), SendError> {
        let server = connection.server_info();
        let mut options = Vec::new();
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.any(|address| !address.to_string().is_ascii()) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(SendError::Permanent {
                    words: "the mail server takes no address with letters beyond ASCII".to_owned(),
                });
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !text.is_ascii() && server.supports_feature(Extension::EightBitMime) {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        // A server that will not have us as a sender refuses every mail alike.
        let from = Mail::new(envelope.from().cloned(), options);
        let refused = |error| self.unless_silent(&error, not_now(&error));
        connection.command(from).map_err(refused)?;
        // Many servers wait with what they have against the sender until they hear for whom, or have the whole text.
        let said = |error| {
            if is_about_us(&error) {
                refused(error)
            } else {
                self.unless_silent(&error, told(&error))
            }
        };
        let said_of_text = |error| {
            if is_about_text(&error) {
                told(&error)
            } else {
                said(error)
            }
        };
        for to in envelope.to() {
            let to = Rcpt::new(to.clone(), vec![]);
            connection.command(to).map_err(|error| {
                if is_address_gone(&error) {
                    SendError::AddressGone {
                        words: words_of(&error),
                    }
                } else {
                    said(error)
                }
            })?;
        }
        connection.command(Data).map_err(said)?;
        wait_at_most(connection, SMTP_TAKEN_SECONDS)?;
        connection.message(text).map_err(said_of_text)?;
        // The mail is taken, whatever becomes of the connection: a broken one is found when it is used.
        let _ = wait_at_most(connection, SMTP_TIMEOUT_SECONDS);
        Ok(())
    }

    /// A server that no longer answers is left alone like one that can't be reached.
    fn unless_silent(&self, error: &SmtpError, said: SendError) -> SendError {
        if error.status().is_none() && !error.is_client() {
            *self.down() = Some((Instant::now(), said.clone()));
        }
        said
    }

    fn down(&self) -> std::sync::MutexGuard<'_, Option<(Instant, SendError)>> {
        self.down.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Transport for Smtp {
    fn send(&self, mail: &ReadyMail) -> Result<(), SendError> {
        let mut connection = self.connection()?;
        // Nothing is sent a second time here: once the text has gone out, a lost answer does not say whether it was
        // taken.
        let taken = self.hand_over(&mut connection, &mail.envelope, &mail.bytes);
        match taken {
            Ok(()) => self.keep(connection),
            Err(_) => connection.abort(),
        }
        taken
    }
}

fn wait_at_most(connection: &mut SmtpConnection, seconds: u64) -> Result<(), SendError> {
    let set = connection.set_timeout(Some(Duration::from_secs(seconds)));
    set.map_err(|error| SendError::Transient {
        words: format!("the connection to the mail server: {error}"),
    })
}

/// Answers that ask for a log-in, or for another: RFC 4954, sections 4 to 6.
const LOG_IN_CODES: [u16; 4] = [530, 534, 535, 538];
/// Enhanced codes (RFC 3463) that are about the sender: its address is wrong, or does not exist.
const SENDER_CODES: [&str; 2] = ["5.1.7", "5.1.8"];
/// Those of security and policy, 5.7.x, that are about the recipient all the same: a list that takes
/// no mail from us (RFC 3463), and a mailbox or a domain that changed hands (RFC 7293).
const POLICY_OF_RECIPIENT: [&str; 3] = ["5.7.2", "5.7.17", "5.7.18"];
/// Words of servers that give no enhanced code: of Exim, qmail, Exchange and others.
const SENDER_WORDS: [&str; 5] = ["relay", "sender", "authenticat", "log in", "rcpthosts"];

/// Words of servers that have something against the text they were sent; they say so under 5.7.1 too.
const TEXT_WORDS: [&str; 6] = ["content", "virus", "malware", "attachment", "spam", "phish"];

/// Whether the last answer refuses this text: another mail may be taken.
fn is_about_text(error: &SmtpError) -> bool {
    let words = said_in(error);
    error.is_permanent() && TEXT_WORDS.iter().any(|word| words.contains(word))
}

/// Whether the refusal of a recipient says that there is no such address.
fn is_address_gone(error: &SmtpError) -> bool {
    error.is_permanent() && !is_about_us(error) && classify::says_gone(&said_in(error))
}

/// What the server said, in lower case.
fn said_in(error: &SmtpError) -> String {
    let words = std::error::Error::source(error).map(ToString::to_string);
    without_addresses(&words.unwrap_or_default().to_lowercase())
}

/// Whether a refusal of a recipient or of the text is one of us: every mail would be refused alike.
fn is_about_us(error: &SmtpError) -> bool {
    let Some(code) = error.status() else {
        return false;
    };
    let code = u16::from(code);
    let words = said_in(error);
    if LOG_IN_CODES.contains(&code) {
        return true;
    }
    let enhanced = words.split_whitespace().next().unwrap_or_default();
    let is_enhanced = |part: &str| part.split('.').count() == 3 && part.starts_with("5.");
    if !is_enhanced(enhanced) {
        return SENDER_WORDS.iter().any(|word| words.contains(word));
    }
    let of_recipient = POLICY_OF_RECIPIENT.contains(&enhanced) || words.contains("recipient");
    SENDER_CODES.contains(&enhanced) || (enhanced.starts_with("5.7.") && !of_recipient)
}

/// An address that is refused may contain the very words that tell a reason.
fn without_addresses(words: &str) -> String {
    let kept = words.split_whitespace().filter(|word| !word.contains('@'));
    kept.collect::<Vec<_>>().join(" ")
}

/// About this mail: an answer of 5xx is for good.
fn told(error: &SmtpError) -> SendError {
    let words = words_of(error);
    if error.is_permanent() {
        SendError::Permanent { words }
    } else {
        SendError::Transient { words }
    }
}

/// About the server or our log-in there, whatever its answer's number: every mail waits.
/// The machine's name if it is a whole one, else the name that is given for that.
fn our_name(hello: &str) -> ClientId {
    let own = ClientId::default();
    let is_whole = matches!(&own, ClientId::Domain(name) if name.contains('.'));
    match hello.contains('.') && !is_whole {
        true => ClientId::Domain(hello.to_owned()),
        false => own,
    }
}

fn not_now(error: &SmtpError) -> SendError {
    SendError::Transient {
        words: words_of(error),
    }
}

fn words_of(error: &SmtpError) -> String {
    let words = error.to_string();
    // Servers repeat the address they refuse, and these words reach the log.
    let words = classify::ADDRESS.replace_all(&words, "(an address)");
    super::one_line(&words, WORDS_CHARS_MAX)
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
    fn send(&self, mail: &ReadyMail) -> Result<(), SendError> {
        // As a server notes it that puts a mail into a mailbox (RFC 5321, section 4.4).
        let returns_to = mail.envelope.from().map(ToString::to_string);
        let head = format!("Return-Path: <{}>\r\n", returns_to.unwrap_or_default());
        let file = self.file_of(&mail.message_id);
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = file.with_extension(format!("{}-{number}.part", std::process::id()));
        let write = || -> std::io::Result<()> {
            files::make_dir(&self.path)?;
            let mut out = files::private()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&draft)?;
            out.write_all(head.as_bytes())?;
            out.write_all(&mail.bytes)?;
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
    use crate::clock::Moment;
    use crate::mail::outgoing::OutgoingMail;
    use crate::mail::outgoing::tests::mail as written;

    fn mail() -> ReadyMail {
        written().ready(None, Moment(0)).expect("it composes")
    }

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
        let about = fs::metadata(out.file_of(&mail().message_id)).expect("file");
        let rights = std::os::unix::fs::PermissionsExt::mode(&about.permissions());
        assert_eq!(rights & 0o777, 0o600);
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
            ..written()
        };
        let error = nobody.ready(None, Moment(0)).expect_err("no address");
        assert!(!SendError::from(error).is_transient());
    }

    /// A mail server that takes `mails` and then ends; the answers to commands that begin like
    /// `refused.0` are `refused.1`, and after the first of them it ends too. Tells what it was sent.
    fn server(
        refused: (&'static str, &'static str),
        mails: usize,
    ) -> (u16, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let talk = move || {
            let mut taken: Vec<String> = Vec::new();
            while taken.len() < mails {
                let (mut stream, _) = listener.accept().expect("a caller");
                let mut lines = BufReader::new(stream.try_clone().expect("a clone")).lines();
                if refused.0 == GREETING {
                    write!(stream, "{}\r\n", refused.1).expect("greeted");
                    return taken;
                }
                stream.write_all(b"220 test\r\n").expect("greeted");
                let mut data = None;
                while let Some(Ok(line)) = lines.next() {
                    if let Some(mail) = &mut data {
                        if line == "." {
                            if refused.0 == END_OF_TEXT {
                                let _ = write!(stream, "{}\r\n", refused.1);
                                return taken;
                            }
                            taken.push(std::mem::take(mail));
                            if refused == SILENT {
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
                    if !refused.0.is_empty() && line.starts_with(refused.0) {
                        let _ = write!(stream, "{}\r\n", refused.1);
                        return taken;
                    }
                    let reply = match line.get(..4) {
                        Some("EHLO") => "250-test\r\n250 AUTH PLAIN",
                        Some("AUTH") => "235 welcome",
                        Some("DATA") => {
                            data = Some(String::new());
                            "354 go on"
                        }
                        _ => "250 ok",
                    };
                    if write!(stream, "{reply}\r\n").is_err() {
                        break;
                    }
                }
            }
            taken
        };
        (port, thread::spawn(talk))
    }

    const GREETING: &str = "greeting";
    const END_OF_TEXT: &str = "end of text";
    const TAKES_ALL: (&str, &str) = ("", "");
    /// A server that takes the text and then goes away without a word.
    const SILENT: (&str, &str) = ("", "silent");

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
            credentials: Some(("us".to_owned(), "secret".to_owned())),
            hello: String::new(),
        })
        .expect("settings")
    }

    #[test]
    fn a_closed_connection_is_opened_again() {
        let (port, server) = server(TAKES_ALL, 2);
        let out = smtp(port);
        out.send(&mail()).expect("the first is taken");
        out.send(&mail())
            .expect("the second too, on a new connection");
        assert_eq!(server.join().expect("the server ends").len(), 2);
    }

    #[test]
    fn answers_say_whether_to_try_again() {
        let about_us_or_the_mail = [
            ((GREETING, "554 not today"), true),
            (("EHLO", "550 who are you"), true),
            (("AUTH", "535 wrong password"), true),
            (("MAIL", "553 <help@example.com> is not yours"), true),
            (("RCPT", "451 later"), true),
            (("RCPT", "530 5.7.0 Authentication required"), true),
            (("RCPT", "535 log in first"), true),
            (
                ("RCPT", "550 5.7.1 <help@example.com>: Sender rejected"),
                true,
            ),
            (
                ("RCPT", "554 5.7.1 <anna@example.org>: Relay access denied"),
                true,
            ),
            (("RCPT", "550 relay not permitted"), true),
            (
                ("RCPT", "553 5.1.8 <help@example.com>: no such domain"),
                true,
            ),
            (("RCPT", "550 <anna@example.org>: no such user"), false),
            (
                (
                    "RCPT",
                    "550 5.1.1 <anna@example.org>: unknown to the sender",
                ),
                false,
            ),
            (
                (
                    "RCPT",
                    "551 5.7.17 <anna@example.org>: the mailbox has changed hands",
                ),
                false,
            ),
            (("DATA", "554 no"), false),
            (("DATA", "554 5.7.1 Relay access denied"), true),
            (
                (END_OF_TEXT, "550 5.7.1 not authenticated by SPF or DKIM"),
                true,
            ),
            ((END_OF_TEXT, "550 5.7.26 DMARC policy"), true),
            ((END_OF_TEXT, "550 sender verify failed"), true),
            ((END_OF_TEXT, "550 5.7.1 spam content rejected"), false),
            ((END_OF_TEXT, "554 5.6.0 bad structure"), false),
            ((END_OF_TEXT, "451 later"), true),
        ];
        for (refused, transient) in about_us_or_the_mail {
            let (port, server) = server(refused, 1);
            let error = smtp(port).send(&mail()).expect_err("refused");
            assert_eq!(error.is_transient(), transient, "{refused:?}: {error}");
            assert!(!error.to_string().contains("example."), "{error}");
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

    #[test]
    fn an_address_that_is_gone_is_told_from_a_mail_that_is_not_wanted() {
        for (answer, gone) in [
            ("550 5.1.1 <anna@example.org>: no such user here", true),
            ("550 <anna@example.org>: user unknown", true),
            ("552 5.2.2 mailbox full", false),
            ("550 5.7.1 relaying denied", false),
            ("550 we do not like this", false),
        ] {
            let (port, server) = server(("RCPT", answer), 1);
            let error = smtp(port).send(&mail()).expect_err("refused");
            server.join().expect("the server ends");
            let is_gone = matches!(error, SendError::AddressGone { .. });
            assert_eq!(is_gone, gone, "{answer}: {error}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_left_alone_for_a_while() {
        for silence in [(GREETING, "554 not today"), SILENT] {
            let (port, server) = server(silence, 1);
            let out = smtp(port);
            let first = out.send(&mail()).expect_err("not taken");
            server.join().expect("the server ends after one caller");
            assert_eq!(out.send(&mail()), Err(first));
        }
    }
}

//! The talk with a mail server that hands mail over, by LMTP (RFC 2033) or SMTP (RFC 5321): bytes in,
//! steps out. It knows no network and no database, so that every order of bytes can be tried.
//!
//! The first greeting decides which of the two is spoken. The difference that matters: after the text,
//! LMTP answers once a recipient.

use super::data::{Data, Flaw};

/// Longest command (bytes), with room for the parameters of extensions (RFC 5321, 4.5.3.1.4, asks 512).
pub const COMMAND_BYTES_MAX: usize = 2_048;
/// Recipients of one mail (RFC 5321, 4.5.3.1.8, asks for as many).
pub const RECIPIENTS_MAX: usize = 100;
/// Commands that can't be understood or come out of turn, until the talk is ended.
pub const MISTAKES_MAX: usize = 20;
/// Longest address: 64 bytes, `@` and 255 bytes (RFC 5321, 4.5.3.1).
const ADDRESS_BYTES_MAX: usize = 320;

/// A mail with the envelope it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// With the sender of the envelope as Return-Path in front (RFC 5321, section 4.4).
    pub raw: Vec<u8>,
    pub recipients: Vec<String>,
}

/// What is to be done before the talk goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the replies and read on.
    Read,
    /// Find out whose this address is, and say so by `found`.
    Ask(String),
    /// Store this mail, and say by `took` whether it is.
    Take(Letter),
    /// Send the replies and close.
    End,
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Ours,
    NotOurs,
    /// It can't be told now.
    Later,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// It is committed.
    Stored,
    /// It could not be stored now.
    Later,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Smtp,
    Lmtp,
}

/// One connection's talk.
#[derive(Debug)]
pub struct Session {
    host: String,
    mail_bytes_max: usize,
    input: Vec<u8>,
    replies: Vec<u8>,
    speech: Option<Speech>,
    /// Of the envelope; empty for a bounce.
    sender: Option<String>,
    recipients: Vec<String>,
    asked: Option<String>,
    data: Option<Data>,
    mistakes: usize,
    is_over: bool,
}

impl Session {
    /// Begins with the greeting as the first reply; `host` is our name.
    pub fn new(host: &str, mail_bytes_max: usize) -> Session {
        let mut session = Session {
            host: host.to_owned(),
            mail_bytes_max,
            input: Vec::new(),
            replies: Vec::new(),
            speech: None,
            sender: None,
            recipients: Vec::new(),
            asked: None,
            data: None,
            mistakes: 0,
            is_over: false,
        };
        session.reply(format_args!("220 {host} ESMTP and LMTP"));
        session
    }

    /// What came from the other side.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// What is to be sent to the other side.
    pub fn replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.replies)
    }

    /// Ends the talk from our side, with `reply` as the last.
    pub fn end(&mut self, reply: &str) {
        self.reply(format_args!("{reply}"));
        self.is_over = true;
    }

    /// Goes on as far as what came allows.
    pub fn step(&mut self) -> Step {
        loop {
            if self.is_over {
                return Step::End;
            }
            if let Some(address) = &self.asked {
                return Step::Ask(address.clone());
            }
            if let Some(data) = &mut self.data {
                let end = data.read(&self.input);
                let used = end.unwrap_or(self.input.len());
                self.input.drain(..used);
                if end.is_none() {
                    return Step::Read;
                }
                if let Some(letter) = self.finish_data() {
                    return Step::Take(letter);
                }
                continue;
            }
            match self.line() {
                Some(line) => self.command(&line),
                None if self.is_over => {}
                None => return Step::Read,
            }
        }
    }

    /// The answer to `Step::Ask`.
    pub fn found(&mut self, found: Found) {
        let Some(address) = self.asked.take() else {
            return;
        };
        match found {
            Found::Ours => {
                self.recipients.push(address);
                self.reply(format_args!("250 2.1.5 ok"));
            }
            Found::NotOurs => {
                self.reply(format_args!("550 5.1.1 <{address}> is no address of ours"))
            }
            Found::Later => self.reply(format_args!("451 4.3.0 not now, try again later")),
        }
    }

    /// The answer to `Step::Take`.
    pub fn took(&mut self, took: Took) {
        match took {
            Took::Stored => self.reply_to_text("250 2.0.0 stored"),
            Took::Later => self.reply_to_text("451 4.3.0 not stored, try again later"),
        }
    }

    fn reply(&mut self, words: std::fmt::Arguments<'_>) {
        self.replies
            .extend_from_slice(format!("{words}\r\n").as_bytes());
    }

    /// Answers the text of a mail, and begins anew.
    fn reply_to_text(&mut self, reply: &str) {
        let times = match self.speech {
            Some(Speech::Lmtp) => self.recipients.len(),
            _ => 1,
        };
        for _ in 0..times {
            self.reply(format_args!("{reply}"));
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.data = None;
    }

    fn mistake(&mut self, words: &str) {
        self.mistakes += 1;
        self.reply(format_args!("{words}"));
        if self.mistakes >= MISTAKES_MAX {
            self.end("421 4.7.0 too many mistakes");
        }
    }

    /// The next whole line; ends the talk at one that no mail server sends.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|&b| b == b'\n');
        if end.unwrap_or(self.input.len()) > COMMAND_BYTES_MAX {
            self.end("500 5.5.2 the line is too long");
            return None;
        }
        let mut line: Vec<u8> = self.input.drain(..=end?).collect();
        line.pop();
        // Whoever ends a line otherwise may mean another line than we read.
        if line.pop() != Some(b'\r') || line.contains(&b'\r') {
            self.end("521 5.5.2 lines end with CR LF");
            return None;
        }
        Some(line)
    }

    fn command(&mut self, line: &[u8]) {
        let Ok(line) = std::str::from_utf8(line) else {
            return self.mistake("500 5.5.2 not understood");
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" => self.greet(Speech::Lmtp, rest),
            "EHLO" => self.greet(Speech::Smtp, rest),
            "HELO" => {
                self.begin(Speech::Smtp);
                self.reply(format_args!("250 {}", self.host.clone()));
            }
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" => self.begin_data(),
            "RSET" => {
                self.reset();
                self.reply(format_args!("250 2.0.0 ok"));
            }
            "NOOP" => self.reply(format_args!("250 2.0.0 ok")),
            // RFC 5321, section 3.5.3: we do not say who is here.
            "VRFY" => self.reply(format_args!("252 2.5.2 send a mail and see")),
            "QUIT" => self.end("221 2.0.0 bye"),
            _ => self.mistake("500 5.5.2 not understood"),
        }
    }

    fn begin(&mut self, speech: Speech) {
        self.reset();
        self.speech = Some(speech);
    }

    fn greet(&mut self, speech: Speech, name: &str) {
        if name.trim().is_empty() {
            return self.mistake("501 5.5.4 say who you are");
        }
        self.begin(speech);
        let (host, size) = (self.host.clone(), self.mail_bytes_max);
        self.reply(format_args!(
            "250-{host}\r\n250-PIPELINING\r\n250-SIZE {size}\r\n250-8BITMIME\r\n\
             250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8"
        ));
    }

    fn mail(&mut self, rest: &str) {
        if self.speech.is_none() {
            return self.mistake("503 5.5.1 greet first");
        }
        if self.sender.is_some() {
            return self.mistake("503 5.5.1 one mail at a time");
        }
        let Some((sender, parameters)) = path(rest, "FROM:") else {
            return self.mistake("501 5.1.7 not understood");
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name.to_ascii_uppercase().as_str(), value.parse::<u64>()) {
                ("SIZE", Ok(size))
                    if usize::try_from(size).is_ok_and(|s| s <= self.mail_bytes_max) => {}
                ("SIZE", Ok(_)) => {
                    return self.reply(format_args!("552 5.3.4 larger than we take"));
                }
                ("BODY" | "SMTPUTF8", _) => {}
                _ => return self.mistake("555 5.5.4 unknown parameter"),
            }
        }
        self.sender = Some(sender);
        self.reply(format_args!("250 2.1.0 ok"));
    }

    fn rcpt(&mut self, rest: &str) {
        if self.sender.is_none() {
            return self.mistake("503 5.5.1 MAIL first");
        }
        match path(rest, "TO:") {
            Some((address, parameters)) if !address.is_empty() && parameters.trim().is_empty() => {
                if self.recipients.len() >= RECIPIENTS_MAX {
                    return self.reply(format_args!("452 4.5.3 too many recipients"));
                }
                self.asked = Some(address);
            }
            Some((address, _)) if !address.is_empty() => {
                self.mistake("555 5.5.4 unknown parameter");
            }
            _ => self.mistake("501 5.1.3 not understood"),
        }
    }

    fn begin_data(&mut self) {
        let Some(sender) = &self.sender else {
            return self.mistake("503 5.5.1 MAIL first");
        };
        // RFC 2033, section 4.2.
        if self.recipients.is_empty() {
            return self.mistake("503 5.5.1 no recipient of ours");
        }
        let head = format!("Return-Path: <{sender}>\r\n").into_bytes();
        self.data = Some(Data::after(head, self.mail_bytes_max));
        self.reply(format_args!("354 go on"));
    }

    /// The mail whose text has ended; `None` when it was refused.
    fn finish_data(&mut self) -> Option<Letter> {
        let refusal = match self.data.take()?.finish() {
            Ok(raw) => {
                let recipients = self.recipients.clone();
                return Some(Letter { raw, recipients });
            }
            Err(Flaw::TooLarge) => "552 5.3.4 larger than we take",
            Err(Flaw::LongLine) => "554 5.6.0 a line is too long",
            Err(Flaw::BareLineEnd) => "554 5.6.0 a CR or LF stands alone: lines end with CR LF",
            Err(Flaw::Empty) => "554 5.6.0 there is no mail in it",
        };
        self.reply_to_text(refusal);
        None
    }
}

/// The address in `FROM:<address> parameters`, and the parameters; `None` when it is none.
pub fn path<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let rest = rest.trim_start();
    let after = rest.get(keyword.len()..)?;
    if !rest.get(..keyword.len())?.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let inner = after.trim_start().strip_prefix('<')?;
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = inner.find(|c| {
        let is_end = c == '>' && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    let (address, parameters) = (&inner[..end], &inner[end + 1..]);
    // A route before the address is to be ignored (RFC 5321, appendix C).
    let address = match address.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => address,
    };
    let is_clean = address.len() <= ADDRESS_BYTES_MAX && !address.contains(char::is_control);
    let is_apart = parameters.is_empty() || parameters.starts_with(' ');
    (is_clean && is_apart).then(|| (address.to_owned(), parameters))
}

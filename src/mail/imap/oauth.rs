//! OAuth 2.0 for mailboxes (XOAUTH2): a refresh token is exchanged for access tokens of about an hour
//! (RFC 6749, section 6), and the log-in carries one of them, as Google and Microsoft document it
//! (developers.google.com/workspace/gmail/imap/xoauth2-protocol).

use std::sync::Mutex;
use std::time::Duration;

use async_imap::Authenticator;
use serde::Deserialize;

use super::trouble::{Trouble, short};
use crate::clock::{MINUTE, Moment, SECOND};
use crate::config::Mailbox;
use crate::net::http_client;

/// A token that runs out within this time is not used any more (µs).
const RENEW_BEFORE: i64 = 2 * MINUTE;
/// Lifetime taken where the answer names none (RFC 6749, section 5.1, leaves it out), in seconds.
const LIFETIME_SECONDS: i64 = 3_600;
/// Longest wait for the token's server.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest answer of the token's server that is read (bytes).
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// The tokens of one mailbox.
#[derive(Default)]
pub struct Tokens(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// With the moment at which it runs out.
    access: Option<(String, Moment)>,
    /// A newer one than the configured: Microsoft gives one with each answer.
    refresh: Option<String>,
}

/// The answer of a token's server: a token, or an error (RFC 6749, sections 5.1 and 5.2).
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<i64>,
    refresh_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Tokens {
    /// An access token that holds for a while yet; asks for one when there is none. Blocks.
    pub fn access(&self, mailbox: &Mailbox, now: Moment) -> Result<String, Trouble> {
        let mut kept = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((token, until)) = &kept.access
            && until.since(now) > RENEW_BEFORE
        {
            return Ok(token.clone());
        }
        let refresh = kept
            .refresh
            .as_deref()
            .unwrap_or(mailbox.oauth_refresh_token.expose());
        let answer = ask(mailbox, refresh)?;
        let Some(token) = answer.access_token else {
            let refused = answer
                .error
                .unwrap_or_else(|| "an answer without a token".into());
            let why = answer.error_description.unwrap_or_default();
            let remedy = match refused.as_str() {
                "invalid_grant" => {
                    " The permission ended: sign in once more and set `oauth_refresh_token`."
                }
                "invalid_client" | "unauthorized_client" => {
                    " Check `oauth_client_id` and `oauth_client_secret`."
                }
                "invalid_scope" => " Check `oauth_scope`.",
                _ => "",
            };
            return Err(Trouble::NoToken(format!(
                "{} ({}).{remedy}",
                short(&refused),
                short(&why)
            )));
        };
        let seconds = answer.expires_in.unwrap_or(LIFETIME_SECONDS);
        let until = now.plus(seconds.clamp(0, 24 * LIFETIME_SECONDS) * SECOND);
        kept.access = Some((token.clone(), until));
        if answer.refresh_token.is_some() {
            kept.refresh = answer.refresh_token;
        }
        Ok(token)
    }

    /// The token was refused: the next log-in asks for another.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).access = None;
    }
}

fn ask(mailbox: &Mailbox, refresh_token: &str) -> Result<Answer, Trouble> {
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("client_id", mailbox.oauth_client_id.as_str()),
        ("refresh_token", refresh_token),
    ];
    let optional = [
        ("client_secret", mailbox.oauth_client_secret.expose()),
        ("scope", mailbox.oauth_scope.as_str()),
    ];
    form.extend(optional.into_iter().filter(|(_, value)| !value.is_empty()));
    let response = http_client(TIMEOUT)
        .post(&mailbox.oauth_token_url)
        .send_form(form)
        .map_err(|e| {
            Trouble::NoToken(format!("it can't be reached ({}).", short(&e.to_string())))
        })?;
    let status = response.status();
    let body = response
        .into_body()
        .into_with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_vec()
        .map_err(|e| {
            Trouble::NoToken(format!("the answer broke off ({}).", short(&e.to_string())))
        })?;
    serde_json::from_slice(&body)
        .map_err(|_| Trouble::NoToken(format!("it answered {status} without saying why.")))
}

/// The client's side of the log-in.
pub struct XOAuth2 {
    first: Option<String>,
}

impl XOAuth2 {
    pub fn new(user: &str, token: &str) -> XOAuth2 {
        XOAuth2 {
            first: Some(format!("user={user}\x01auth=Bearer {token}\x01\x01")),
        }
    }
}

impl Authenticator for XOAuth2 {
    type Response = String;

    /// A second challenge tells of an error, and wants an empty answer before the server says NO.
    fn process(&mut self, _challenge: &[u8]) -> String {
        self.first.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;
    use crate::config::Secret;

    /// A token's server that gives these answers, one a request; then what it was sent.
    fn server(answers: &[(&str, &str)]) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "http://{}/token",
            listener.local_addr().expect("an address")
        );
        let answers: Vec<(String, String)> = answers
            .iter()
            .map(|(status, body)| ((*status).to_owned(), (*body).to_owned()))
            .collect();
        let talk = move || {
            let mut forms = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().expect("a caller");
                let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a line");
                    let line = line.trim_end().to_ascii_lowercase();
                    if let Some(value) = line.strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let mut form = vec![0; length];
                reader.read_exact(&mut form).expect("the form");
                forms.push(String::from_utf8(form).expect("text"));
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                )
                .expect("answered");
            }
            forms
        };
        (url, std::thread::spawn(talk))
    }

    fn mailbox(url: &str) -> Mailbox {
        Mailbox {
            oauth_token_url: url.to_owned(),
            oauth_client_id: "client".into(),
            oauth_refresh_token: Secret::new("first"),
            oauth_scope: "https://mail.google.com/".into(),
            ..Mailbox::default()
        }
    }

    #[test]
    fn a_token_is_kept_until_shortly_before_it_runs_out() {
        let (url, server) = server(&[
            (
                "200 OK",
                r#"{"access_token":"a1","expires_in":3600,"refresh_token":"second"}"#,
            ),
            ("200 OK", r#"{"access_token":"a2"}"#),
            ("200 OK", r#"{"access_token":"a3"}"#),
        ]);
        let (mailbox, tokens) = (mailbox(&url), Tokens::default());
        let at = |seconds: i64| tokens.access(&mailbox, Moment(seconds * SECOND));
        assert_eq!(at(0).as_deref(), Ok("a1"));
        assert_eq!(at(3_400).as_deref(), Ok("a1"));
        assert_eq!(at(3_500).as_deref(), Ok("a2"));
        tokens.forget();
        assert_eq!(at(3_501).as_deref(), Ok("a3"));
        let forms = server.join().expect("the server ends");
        assert!(
            forms[0].contains("grant_type=refresh_token"),
            "{}",
            forms[0]
        );
        assert!(forms[0].contains("refresh_token=first"), "{}", forms[0]);
        assert!(
            forms[0].contains("scope=https%3A%2F%2Fmail.google.com%2F"),
            "{}",
            forms[0]
        );
        assert!(!forms[0].contains("client_secret"), "{}", forms[0]);
        assert!(forms[1].contains("refresh_token=second"), "{}", forms[1]);
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let (url, server) = server(&[
            (
                "400 Bad Request",
                r#"{"error":"invalid_grant","error_description":"Token expired"}"#,
            ),
            ("502 Bad Gateway", "<html>"),
        ]);
        let (mailbox, tokens) = (mailbox(&url), Tokens::default());
        let words = tokens.access(&mailbox, Moment(0)).unwrap_err().to_string();
        assert!(
            words.contains("Token expired") && words.contains("sign in once more"),
            "{words}"
        );
        let words = tokens.access(&mailbox, Moment(0)).unwrap_err().to_string();
        assert!(words.contains("502"), "{words}");
        server.join().expect("the server ends");
        let words = tokens.access(&mailbox, Moment(0)).unwrap_err().to_string();
        assert!(words.contains("can't be reached"), "{words}");
    }

    #[test]
    fn the_log_in_is_written_as_documented_and_an_error_answered_with_nothing() {
        let mut sasl = XOAuth2::new("me@example.com", "ya29");
        assert_eq!(
            sasl.process(b""),
            "user=me@example.com\x01auth=Bearer ya29\x01\x01"
        );
        assert_eq!(sasl.process(br#"{"status":"401"}"#), "");
    }
}

//! Simulated customers of a headless demo: they follow their claim link, prove their handle,
//! answer mails, and say whether it works. Everything by the pages and mails a person would use.

use std::collections::HashSet;
use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use crate::app::App;
use crate::error::{Error, Result};
use crate::inbox;
use crate::mail::inbound::{self, InboundMail};
use crate::net::http_client;
use crate::networks::x::sandbox::{NewPost, Sandbox};

/// Customers who follow their claim link; the others leave it.
const CLAIMS_MAX: usize = 6;
/// Longest wait for a page.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shortest code that a claim page shows (characters).
const CODE_CHARS_MIN: usize = 9;

pub struct Customers<'a> {
    app: &'a App,
    x: &'a Sandbox,
    client: Agent,
    /// Where the demo's Offramp is served.
    address: String,
    /// Posts whose claim link was followed.
    claimed: HashSet<u64>,
    proving: Vec<Proving>,
    /// Files of mails that were read.
    read: HashSet<String>,
}

/// A customer on a claim page, who waits for their code to be seen.
struct Proving {
    url: String,
    cookie: String,
    email: String,
}

impl<'a> Customers<'a> {
    pub fn new(app: &'a App, x: &'a Sandbox, address: &str) -> Result<Self> {
        Ok(Customers {
            app,
            x,
            client: http_client(PATIENCE),
            address: address.to_owned(),
            claimed: HashSet::new(),
            proving: Vec::new(),
            read: HashSet::new(),
        })
    }

    /// One look at what arrived for them.
    pub fn work(&mut self) -> Result<()> {
        self.claim()?;
        self.go_on()?;
        self.read_mail()
    }

    /// They open the link they were sent and prove who they are: in turn by signing in, and by
    /// posting the code that the page shows.
    fn claim(&mut self) -> Result<()> {
        for (of, text) in self.x.brand_replies() {
            if self.claimed.len() >= CLAIMS_MAX || self.claimed.contains(&of) {
                continue;
            }
            let Some(path) = text
                .split_whitespace()
                .find_map(|word| word.find("/claim/").map(|at| &word[at..]))
            else {
                continue;
            };
            self.claimed.insert(of);
            let Some(username) = self.x.author_of(of) else {
                continue;
            };
            let url = format!("{}{path}", self.address);
            let mut page = self.get(&url, "")?;
            let cookie = cookies(&page);
            if self.claimed.len().is_multiple_of(2) {
                self.sign_in(&url, &cookie, &username)?;
            } else {
                self.post_code(&text_of(&mut page)?, &username)?;
            }
            self.proving.push(Proving {
                url,
                cookie,
                email: format!("{username}@example.org"),
            });
        }
        Ok(())
    }

    fn post_code(&self, page: &str, username: &str) -> Result<()> {
        let code = page
            .split(|c: char| !c.is_ascii_alphanumeric())
            .find(|word| word.starts_with("OFF") && word.len() >= CODE_CHARS_MIN);
        let Some(code) = code else {
            return Ok(());
        };
        let post = NewPost {
            username: username.to_owned(),
            text: format!("@{} {code}", self.app.config.x.username),
            ..NewPost::default()
        };
        self.x.post(post).map(|_| ()).map_err(Error::other)
    }

    fn sign_in(&self, url: &str, cookie: &str, username: &str) -> Result<()> {
        let url = format!("{url}/sign-in");
        let asked = self.post(&url, cookie, &[])?;
        let cookie = format!("{cookie}; {}", cookies(&asked));
        let Some(asked) = location(&url, &asked) else {
            return Ok(());
        };
        let pairs: Vec<_> = asked.query_pairs().collect();
        let form: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .chain([("username", username)])
            .collect();
        let mut page = asked.clone();
        page.set_query(None);
        let signed = self.post(page.as_str(), "", &form)?;
        if let Some(back) = location(page.as_str(), &signed) {
            let query = back.query().unwrap_or_default();
            self.get(&format!("{}{}?{query}", self.address, back.path()), &cookie)?;
        }
        Ok(())
    }

    /// Once the handle is proved, the page asks for an address.
    fn go_on(&mut self) -> Result<()> {
        let mut left = Vec::new();
        for proving in std::mem::take(&mut self.proving) {
            let mut page = self.get(&proving.url, &proving.cookie)?;
            let page = text_of(&mut page)?;
            if page.contains("name=\"email\"") {
                let form = [("email", proving.email.as_str()), ("agreed", "yes")];
                self.post(&proving.url, &proving.cookie, &form)?;
            } else {
                left.push(proving);
            }
        }
        self.proving = left;
        Ok(())
    }

    /// They answer what staff asked them, and say whether it works when they are asked that.
    fn read_mail(&mut self) -> Result<()> {
        let Ok(entries) = std::fs::read_dir(&self.app.config.mail.folder) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".eml") || !self.read.insert(name) {
                continue;
            }
            let Ok(raw) = std::fs::read(entry.path()) else {
                continue;
            };
            let mail = inbound::parse(&raw);
            if mail.text.contains(super::staff::ANSWER) {
                self.answer(&mail)?;
            } else if let Some(address) = verdict_address(&mail.text) {
                let url = format!("{}{address}/rate", self.address);
                self.post(&url, "", &[("verdict", "solved")])?;
            }
        }
        Ok(())
    }

    fn answer(&self, mail: &InboundMail) -> Result<()> {
        let (Some(reply_to), Some(to)) = (&mail.reply_to, mail.recipients.first()) else {
            return Ok(());
        };
        let id = mail.message_id.clone().unwrap_or_default();
        let raw = format!(
            "From: {to}\r\nTo: {}\r\nSubject: Re: {}\r\nMessage-ID: <re-{id}>\r\n\
             In-Reply-To: <{id}>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n\
             It works now, thank you!\r\n",
            reply_to.email, mail.subject
        );
        let recipients = std::slice::from_ref(&reply_to.email);
        inbox::receive_mail::accept(self.app, raw.as_bytes(), recipients)?;
        Ok(())
    }

    fn get(&self, url: &str, cookie: &str) -> Result<Response<Body>> {
        let request = self.client.get(url).header("cookie", cookie);
        request.call().map_err(Error::other)
    }

    fn post(&self, url: &str, cookie: &str, form: &[(&str, &str)]) -> Result<Response<Body>> {
        let request = self.client.post(url).header("cookie", cookie);
        request
            .send_form(form.iter().copied())
            .map_err(Error::other)
    }
}

fn text_of(response: &mut Response<Body>) -> Result<String> {
    response.body_mut().read_to_string().map_err(Error::other)
}

/// The path of the customer's page in a mail that asks whether it works.
fn verdict_address(text: &str) -> Option<&str> {
    let end = text.find("#verdict")?;
    let start = text[..end].rfind("/case/")?;
    Some(&text[start..end])
}

/// Where the answer of `url` leads.
fn location(url: &str, response: &Response<Body>) -> Option<url::Url> {
    let value = response.headers().get("location")?.to_str().ok()?;
    url::Url::parse(url).ok()?.join(value).ok()
}

fn cookies(response: &Response<Body>) -> String {
    response
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|v| v.to_str().ok()?.split(';').next().map(str::to_owned))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_that_asks_is_found_in_a_mail() {
        let text = "Does it work?\n\nhttp://127.0.0.1:8080/case/aB_9-x#verdict\n\nThe link";
        assert_eq!(verdict_address(text), Some("/case/aB_9-x"));
        assert_eq!(verdict_address("http://127.0.0.1:8080/case/aB"), None);
    }
}

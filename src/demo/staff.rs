//! Simulated staff and customers of a headless demo: what people would do on the desk, by the
//! claim page and by mail.

use std::collections::HashSet;

use super::feed::Progress;
use super::people::acting;
use crate::app::App;
use crate::cases::links::{self, LinkState};
use crate::cases::{self, queue};
use crate::error::{Error, Result};
use crate::escalations::approve_reply::approve_reply;
use crate::escalations::{ReplyState, acknowledge, store};
use crate::ids::CaseId;
use crate::mail::inbound;
use crate::networks::x::sandbox::{NewPost, Sandbox};
use crate::people::CurrentUser;
use crate::tickets::{self, Direction};

/// Customers who follow their claim link; the others leave it.
const CLAIMS_MAX: usize = 6;
/// Proposals confirmed; the others wait for a person, as on a real desk.
const CONFIRM_ONE_IN: i64 = 2;

pub struct Staff<'a> {
    app: &'a App,
    x: &'a Sandbox,
    address: String,
    staff: CurrentUser,
    /// Posts of the brand whose claim link was followed.
    claimed: HashSet<u64>,
    /// Claim pages that wait for the customer's code to arrive: address and cookie.
    proving: Vec<(String, String, String)>,
    /// Mails that customers have answered, by file name.
    answered: HashSet<String>,
}

impl<'a> Staff<'a> {
    pub fn new(app: &'a App, x: &'a Sandbox, address: &str, progress: &Progress) -> Result<Self> {
        let name = super::content::load()
            .map_err(Error::other)?
            .users
            .into_iter()
            .find(|u| u.role == "admin")
            .map(|u| u.name)
            .unwrap_or_default();
        Ok(Staff {
            app,
            x,
            address: address.to_owned(),
            staff: acting(app, progress, &name)?,
            claimed: HashSet::new(),
            proving: Vec::new(),
            answered: HashSet::new(),
        })
    }

    /// One look at everything that waits for somebody.
    pub fn work(&mut self) -> Result<()> {
        let waiting = self
            .app
            .db
            .read(|c| queue::page(c, &queue::Filter::default()))?
            .0;
        for case in waiting {
            self.confirm(case.id)?;
            self.approve(case.id)?;
            self.answer(case.id, case.version)?;
        }
        self.customers_claim()?;
        self.customers_prove()?;
        self.customers_write()
    }

    fn confirm(&self, case: CaseId) -> Result<()> {
        if case.0 % CONFIRM_ONE_IN != 0 {
            return Ok(());
        }
        let (app, by) = (self.app, self.staff.actor());
        let now = app.now();
        app.db.write(|tx| {
            let known = cases::store::links_of(tx, case)?;
            if known.iter().any(|l| l.state == LinkState::Confirmed) {
                return Ok(());
            }
            let best = known.into_iter().find(|l| {
                l.state == LinkState::Proposed && matches!(l.target, links::Target::Thread(_))
            });
            if let Some(best) = best {
                links::decide(
                    tx,
                    now,
                    &by,
                    best.id,
                    LinkState::Confirmed,
                    "it is the same",
                )?;
                acknowledge::redraft(tx, app, now, case)?;
            }
            Ok(())
        })
    }

    fn approve(&self, case: CaseId) -> Result<()> {
        for reply in self.app.db.read(|c| store::replies_of(c, case))? {
            if reply.state == ReplyState::Draft && !reply.handoff {
                approve_reply(self.app, &self.staff, reply.id, &reply.body, reply.version)?;
            }
        }
        Ok(())
    }

    /// Answers a ticket whose customer wrote last; the second answer resolves it.
    fn answer(&self, case: CaseId, version: i64) -> Result<()> {
        let app = self.app;
        let messages = app.db.read(|c| {
            Ok(match tickets::store::ticket_of(c, case)? {
                Some(ticket) => tickets::store::messages(c, ticket.id)?,
                None => Vec::new(),
            })
        })?;
        let Some(last) = messages.last() else {
            return Ok(());
        };
        if last.direction != Direction::In {
            return Ok(());
        }
        let answers = messages
            .iter()
            .filter(|m| m.direction == Direction::Out)
            .count();
        if answers > 0 {
            let by = self.staff.actor();
            return app.db.write(|tx| {
                cases::states::happen(
                    tx,
                    app.now(),
                    &by,
                    case,
                    cases::states::Happening::Resolved,
                    "the customer says it works",
                )?;
                tickets::notices::tell_resolved(tx, app, case, "It works again.")?;
                Ok(())
            });
        }
        tickets::reply::reply(
            app,
            &self.staff,
            case,
            "Thank you for writing. We have looked into it and put it right; could you try again?",
            &[],
            &format!("demo-answer-{case}"),
            version,
        )?;
        Ok(())
    }

    /// Customers open the link they were sent, and post the code the page shows them.
    fn customers_claim(&mut self) -> Result<()> {
        for (of, text) in self.x.brand_replies() {
            if self.claimed.len() >= CLAIMS_MAX || self.claimed.contains(&of) {
                continue;
            }
            let Some(path) = text
                .split_whitespace()
                .find_map(|word| word.find("/claim/").map(|at| word[at..].to_owned()))
            else {
                continue;
            };
            self.claimed.insert(of);
            let Some(username) = self.x.author_of(of) else {
                continue;
            };
            let url = format!("{}{path}", self.address);
            let page = client()?.get(&url).send().map_err(Error::other)?;
            let cookie = cookies(&page);
            let body = page.text().map_err(Error::other)?;
            let Some(code) = body
                .split(|c: char| !c.is_ascii_alphanumeric())
                .find(|word| word.starts_with("OFF") && word.len() > 8)
            else {
                continue;
            };
            let post = NewPost {
                username,
                text: format!("@{} {code}", self.app.config.x.username),
                ..NewPost::default()
            };
            self.x.post(post).map_err(Error::other)?;
            self.proving
                .push((url, cookie, format!("customer{of}@example.org")));
        }
        Ok(())
    }

    /// Once the code has arrived, the page asks for an email address.
    fn customers_prove(&mut self) -> Result<()> {
        let mut left = Vec::new();
        for (url, cookie, email) in std::mem::take(&mut self.proving) {
            let page = client()?
                .get(&url)
                .header("cookie", &cookie)
                .send()
                .and_then(reqwest::blocking::Response::text)
                .map_err(Error::other)?;
            if !page.contains("name=\"email\"") {
                left.push((url, cookie, email));
                continue;
            }
            client()?
                .post(format!("{url}/email"))
                .header("cookie", &cookie)
                .form(&[("email", email.as_str()), ("consent", "yes")])
                .send()
                .map_err(Error::other)?;
        }
        self.proving = left;
        Ok(())
    }

    /// Customers answer the mails that staff wrote them.
    fn customers_write(&mut self) -> Result<()> {
        let dir = &self.app.config.mail.folder;
        let Ok(entries) = std::fs::read_dir(dir) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".eml") || !self.answered.insert(name) {
                continue;
            }
            let Ok(raw) = std::fs::read(entry.path()) else {
                continue;
            };
            let mail = inbound::parse(&raw);
            let is_answer = mail.text.contains("could you try again?");
            let (Some(reply_to), Some(to)) = (&mail.reply_to, mail.recipients.first()) else {
                continue;
            };
            if !is_answer {
                continue;
            }
            let id = mail.message_id.clone().unwrap_or_default();
            let answer = format!(
                "From: {to}\r\nTo: {}\r\nSubject: Re: {}\r\nMessage-ID: <re-{id}>\r\n\
                 In-Reply-To: <{id}>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n\
                 It works now, thank you!\r\n",
                reply_to.email, mail.subject
            );
            tickets::receive_mail::accept(
                self.app,
                answer.as_bytes(),
                std::slice::from_ref(&reply_to.email),
            )?;
        }
        Ok(())
    }
}

fn client() -> Result<reqwest::blocking::Client> {
    crate::networks::x::client::http_client(std::time::Duration::from_secs(10))
        .map_err(Error::other)
}

fn cookies(response: &reqwest::blocking::Response) -> String {
    response
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|v| v.to_str().ok()?.split(';').next().map(str::to_owned))
        .collect::<Vec<_>>()
        .join("; ")
}

//! An admin adds a product, changes what is set about it, or gives its forum a further topic.

use serde_json::json;

use super::store::{self, NewProduct, settings};
use super::typed;
use crate::app::App;
use crate::db::audit::{self, Act};
use crate::db::changes::{self, Subject};
use crate::error::{Problem, Result};
use crate::ids::ProductId;
use crate::mail::without_tag;
use crate::people::{CurrentUser, Role};
use crate::text::{names, slug};

/// Longest name of a product or topic (characters).
pub const NAME_CHARS_MAX: usize = 60;
/// Longest description (characters).
pub const DESCRIPTION_CHARS_MAX: usize = 300;
/// Most words by which complaints name a product.
pub const TERMS_MAX: usize = 50;
/// Longest of these words (characters).
pub const TERM_CHARS_MAX: usize = 40;

/// What is set about a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub name: String,
    pub description: String,
    /// Words by which a complaint shows that it is about this product, lower case.
    pub terms: Vec<String>,
    /// From this likeness on (0 to 1) a thread is linked without a person.
    pub link_threshold: f64,
    /// From this likeness on (0 to 1) a thread is proposed.
    pub propose_threshold: f64,
    pub auto_link: bool,
    /// Whether a rule sends the first answer, where the network allows it.
    pub auto_acknowledge: bool,
    /// Where its forum gets mail; empty: nowhere.
    pub mail_address: String,
}

impl Settings {
    /// Reads the words as typed: by comma or line.
    pub fn terms_of(typed: &str) -> Vec<String> {
        let mut terms: Vec<String> = typed
            .split([',', '\n'])
            .map(|term| typed::one_line(term).to_lowercase())
            .filter(|term| !term.is_empty())
            .collect();
        terms.sort();
        terms.dedup();
        terms
    }

    /// What has to be put right first.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        name_problem(&self.name, &mut problems);
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            problems.push(Problem::new(
                "description",
                format!("Use at most {DESCRIPTION_CHARS_MAX} characters."),
            ));
        }
        let too_long = |term: &String| term.chars().count() > TERM_CHARS_MAX;
        if self.terms.len() > TERMS_MAX || self.terms.iter().any(too_long) {
            problems.push(Problem::new(
                "terms",
                format!("Use at most {TERMS_MAX} words of up to {TERM_CHARS_MAX} characters."),
            ));
        }
        if !self.mail_address.is_empty() && names::email(&self.mail_address).is_none() {
            problems.push(Problem::new(
                "mail_address",
                "Give an email address, like forum@example.com, or leave it empty.",
            ));
        }
        for (field, value) in [
            ("link_threshold", self.link_threshold),
            ("propose_threshold", self.propose_threshold),
        ] {
            if !(0.0..=1.0).contains(&value) {
                problems.push(Problem::new(field, "Give a number from 0 to 1."));
            }
        }
        if problems.is_empty() && self.propose_threshold > self.link_threshold {
            problems.push(Problem::new(
                "propose_threshold",
                "What is linked must be surer than what is proposed: make this the smaller one.",
            ));
        }
        problems
    }
}

fn name_problem(name: &str, problems: &mut Vec<Problem>) {
    if name.is_empty() {
        problems.push(Problem::new("name", "Give it a name."));
    } else if name.chars().count() > NAME_CHARS_MAX {
        let text = format!("Use at most {NAME_CHARS_MAX} characters.");
        problems.push(Problem::new("name", text));
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(ProductId),
    Problems(Vec<Problem>),
    NoSuchProduct,
    NotAllowed,
}

/// Changes a product, or adds one when `id` is `None`. Its address comes from its first name and
/// stays.
pub fn save_product(
    app: &App,
    by: &CurrentUser,
    id: Option<ProductId>,
    new: &Settings,
) -> Result<Outcome> {
    if by.role < Role::Admin {
        return Ok(Outcome::NotAllowed);
    }
    let mut problems = new.problems();
    // Every mail to the desk would be a thread.
    let ours = [&app.config.mail.from, &app.config.mail.bounce_address];
    if without_tag(&new.mail_address).is_some_and(|address| {
        ours.iter()
            .any(|our| without_tag(our).as_ref() == Some(&address))
    }) {
        problems.push(Problem::new(
            "mail_address",
            "This is the desk's own address: give the forum another.",
        ));
    }
    if !problems.is_empty() {
        return Ok(Outcome::Problems(problems));
    }
    let now = app.now();
    app.db.write(|tx| {
        let (id, act) = match id {
            Some(id) => {
                if store::product(tx, id)?.is_none() {
                    return Ok(Outcome::NoSuchProduct);
                }
                (id, "product_changed")
            }
            None => {
                let slug = slug::slug(&new.name);
                if store::product_by_slug(tx, &slug)?.is_some() {
                    let text = "There is a product of this name already.";
                    return Ok(Outcome::Problems(vec![Problem::new("name", text)]));
                }
                let row = NewProduct {
                    slug: &slug,
                    name: &new.name,
                    description: &new.description,
                    position: settings::next_product_position(tx)?,
                    brand_terms: &new.terms,
                };
                (store::insert_product(tx, &row, now)?, "product_added")
            }
        };
        let address: Vec<String> = without_tag(&new.mail_address).into_iter().collect();
        if let Some(other) = settings::product_by_mail_address(tx, &address)?
            && other.id != id
        {
            let text = format!("The forum of {} has this address.", other.name);
            return Ok(Outcome::Problems(vec![Problem::new("mail_address", text)]));
        }
        settings::update_settings(tx, id, new)?;
        let data = json!({
            "name": new.name,
            "mail_address": new.mail_address,
            "link_threshold": new.link_threshold,
            "propose_threshold": new.propose_threshold,
            "auto_link": new.auto_link,
            "auto_acknowledge": new.auto_acknowledge,
        });
        let act = Act {
            by: &by.actor(),
            act,
            subject: ("product", id.0),
            reason: "",
            data,
        };
        audit::record(tx, now, act)?;
        changes::append(tx, Subject::Site, id.0, now)?;
        Ok(Outcome::Done(id))
    })
}

/// Gives a product's forum a further topic.
pub fn add_topic(
    app: &App,
    by: &CurrentUser,
    product: ProductId,
    name: &str,
    description: &str,
) -> Result<Outcome> {
    if by.role < Role::Admin {
        return Ok(Outcome::NotAllowed);
    }
    let name = typed::one_line(name);
    let mut problems = Vec::new();
    name_problem(&name, &mut problems);
    if !problems.is_empty() {
        return Ok(Outcome::Problems(problems));
    }
    let description: String = typed::one_line(description)
        .chars()
        .take(DESCRIPTION_CHARS_MAX)
        .collect();
    let now = app.now();
    app.db.write(|tx| {
        if store::product(tx, product)?.is_none() {
            return Ok(Outcome::NoSuchProduct);
        }
        let slug = slug::slug(&name);
        if store::topics(tx, product)?.iter().any(|t| t.slug == slug) {
            let text = "There is a topic of this name already.";
            return Ok(Outcome::Problems(vec![Problem::new("name", text)]));
        }
        let position = settings::next_topic_position(tx, product)?;
        store::insert_topic(tx, product, &slug, &name, &description, position)?;
        let act = Act {
            by: &by.actor(),
            act: "topic_added",
            subject: ("product", product.0),
            reason: "",
            data: json!({"topic": name}),
        };
        audit::record(tx, now, act)?;
        changes::append(tx, Subject::Site, product.0, now)?;
        Ok(Outcome::Done(product))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_by_comma_or_line_and_thresholds_kept_in_order() {
        assert_eq!(
            Settings::terms_of(" Tern Wi-Fi,perch\nTern  wi-fi,, "),
            ["perch", "tern wi-fi"]
        );
        let settings = Settings {
            name: "Tern".into(),
            description: String::new(),
            terms: vec![],
            link_threshold: 0.8,
            propose_threshold: 0.3,
            auto_link: true,
            auto_acknowledge: false,
            mail_address: String::new(),
        };
        assert_eq!(settings.problems(), []);
        for (link, propose) in [(0.2, 0.3), (f64::NAN, 0.3), (1.1, 0.3), (0.8, -0.1)] {
            let wrong = Settings {
                link_threshold: link,
                propose_threshold: propose,
                ..settings.clone()
            };
            assert_eq!(wrong.problems().len(), 1, "{link} {propose}");
        }
    }
}

//! Which product and topic a text names.

use super::evidence::{Evidence, tokens};
use crate::escalations::words;
use crate::ids::{ProductId, TopicId};

/// A shorter word of a product's name (characters) tells of no product by itself ...
const TELLING_CHARS_MIN: usize = 4;

/// ... nor a shorter one at the end of a longer word.
const COMPOUND_CHARS_MIN: usize = 6;

/// A product as the judgement needs it.
#[derive(Clone, Debug)]
pub struct Product {
    pub id: ProductId,
    pub slug: String,
    pub name: String,
    /// Further names people call it by.
    pub terms: Vec<String>,
    /// From this confidence a thread is linked without asking.
    pub link_threshold: f64,
    /// From this confidence a thread is proposed.
    pub propose_threshold: f64,
    pub auto_link: bool,
    pub auto_acknowledge: bool,
    pub topics: Vec<Topic>,
}

impl Product {
    /// What it is called, its own name first.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.terms)
    }
}

/// A part of a product.
#[derive(Clone, Debug)]
pub struct Topic {
    pub id: TopicId,
    pub name: String,
}

impl Evidence<'_> {
    /// Whether a product is named, or a telling word of its name stands here, by itself or at the
    /// end of a longer one: "lamp" of "Glow Lamp".
    pub(super) fn names_one_of(&self, catalogue: &[Product]) -> bool {
        let names = catalogue.iter().flat_map(Product::names);
        names.map(|name| tokens(name)).any(|name| {
            let is_whole =
                !name.is_empty() && self.folded.contains(&format!(" {} ", name.join(" ")));
            is_whole || name.iter().any(|word| self.holds_telling(word))
        })
    }

    fn holds_telling(&self, word: &str) -> bool {
        let letters = word.chars().count();
        let is_telling = letters >= TELLING_CHARS_MIN
            && !words::COMMON.has(word)
            && !words::FEATURES.has(word)
            && !words::MODELS.has(word);
        let stem = word.trim_end_matches('s');
        is_telling
            && self.tokens.iter().any(|token| {
                token.trim_end_matches('s') == stem
                    || (letters >= COMPOUND_CHARS_MIN && token.ends_with(word))
            })
    }
}

/// Which product and topic the words name.
pub(super) fn product_of(
    e: &Evidence<'_>,
    catalogue: &[Product],
) -> (Option<ProductId>, Option<TopicId>, Vec<String>) {
    let named = |name: &str| -> bool {
        let folded = tokens(name).join(" ");
        !folded.is_empty() && e.folded.contains(&format!(" {folded} "))
    };
    let mut best: Option<(usize, &Product, String)> = None;
    for product in catalogue {
        let found: Vec<&String> = product.names().filter(|name| named(name)).collect();
        // The longest name is the most telling: "Fernwell Hub" before "Fernwell".
        let weight = found.iter().map(|n| n.chars().count()).max().unwrap_or(0);
        if let Some(name) = found.first()
            && best.as_ref().is_none_or(|(w, _, _)| weight > *w)
        {
            best = Some((weight, product, (*name).clone()));
        }
    }
    let (product, why) = match (best, catalogue) {
        (Some((_, product, name)), _) => (product, format!("names {}: “{name}”", product.name)),
        (None, [only]) => (only, format!("{} is the only product", only.name)),
        (None, _) => return (None, None, Vec::new()),
    };
    let topic = product.topics.iter().find(|topic| {
        tokens(&topic.name).iter().any(|word| {
            word.chars().count() > 3
                && !words::COMMON.has(word)
                && e.tokens
                    .iter()
                    .any(|t| t == word || t.trim_end_matches('s') == word.trim_end_matches('s'))
        })
    });
    let mut reasons = vec![why];
    if let Some(topic) = topic {
        reasons.push(format!("about {}", topic.name));
    }
    (Some(product.id), topic.map(|t| t.id), reasons)
}

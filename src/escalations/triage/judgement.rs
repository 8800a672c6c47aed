//! The judgement: what the rules found, put together.

use super::catalogue::{Product, product_of};
use super::evidence::Evidence;
use super::impact::{has_plain_danger, severity_of};
use super::likeness::likeness;
use super::model::features::Features;
use super::model::{self, Model};
use super::quiet::quiet_of;
use super::rules::{
    Finding, PRAISE_FROM, RULES, Rule, denial, lasting, negated_praise, negative_words, profanity,
    quoted, reach, unhappy_faces,
};
use super::standing::standing_of;
use crate::cases::Severity;
use crate::escalations::{Label, Standing, words};
use crate::ids::{ProductId, TopicId};
use crate::text;

/// From this probability on it is a complaint.
const COMPLAINT_FROM: f64 = 0.5;

/// What is said for a complaint before anything is read.
const BIAS: f64 = -1.0;
/// From this likeness (shared words) on, what staff said of an earlier post counts for this one.
pub(super) const CORRECTION_LIKENESS_MIN: f64 = 0.6;
/// A post to us of at least so many words is put before a person though no rule knows what it wants:
/// of such posts to brands about every second complains.
const DOUBT_WORDS_MIN: usize = 4;
/// From this weight of good words on it is praise whatever bitter words stand beside them.
const PRAISE_PLAIN_FROM: f64 = 2.0;
/// What, beside a few good words, may turn them into their opposite.
const BITTER: &[Rule] = &[
    negative_words,
    negated_praise,
    denial,
    profanity,
    unhappy_faces,
];
/// From this sum of the rules' findings a post is noise whatever else it says.
const NOISE_FROM: f64 = 1.0;

/// The judgement.
#[derive(Clone, Debug)]
pub struct Triage {
    pub label: Label,
    /// No rule knows what it wants: a person decides, whatever is switched on.
    pub in_doubt: bool,
    /// In a language of which no rule knows a word: the label and the probability mean nothing.
    pub is_unsure: bool,
    /// 0 to 1.
    pub p_complaint: f64,
    /// What it leaves to do; `None` when it wants nothing.
    pub standing: Option<Standing>,
    pub severity: Severity,
    /// How bad it was, where it is told to be over; otherwise the same.
    pub severity_told: Severity,
    /// The words that tell how bad it is, as a reason to read.
    pub why_severe: String,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub language: Option<&'static str>,
    pub needs_account: bool,
    /// Whether it needed one, where it is told to be over; otherwise the same.
    pub needs_account_told: bool,
    /// Kinds of personal data in the text, by their words in tables.
    pub personal_data: Vec<&'static str>,
    pub reasons: Vec<String>,
}

impl Triage {
    /// Calls it what a person sees in it. What is over is an annoyance that needs no account; of what
    /// is not, both are what the words tell.
    pub fn call(&mut self, label: Label, standing: Option<Standing>) {
        self.label = label;
        self.in_doubt = false;
        let standing = standing.or(self.standing).unwrap_or(Standing::Actionable);
        self.standing = label.wants_an_answer().then_some(standing);
        let is_over = self.standing == Some(Standing::Over);
        self.severity = if is_over {
            Severity::Annoyance
        } else {
            self.severity_told
        };
        self.needs_account = !is_over && self.needs_account_told;
    }

    /// What it is in words, and whether anything is left to do: `Complaint, told to be over`.
    pub fn called(&self) -> String {
        let mut called = self.label.label().to_owned();
        if let Some(standing) = self.standing.filter(|s| *s != Standing::Actionable) {
            called.push_str(", ");
            called.push_str(&standing.label().to_lowercase());
        }
        called
    }
}

/// A post that is to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    pub text: &'a str,
    /// It names us or answers us.
    pub addressed: bool,
    /// Its language (ISO 639-1), where somebody else has told it.
    pub language: Option<&'a str>,
}

/// What a judgement is made by.
#[derive(Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// Without one the rules judge alone.
    pub model: Option<&'a Model>,
    pub catalogue: &'a [Product],
    /// Earlier posts, and what staff called them.
    pub corrections: &'a [(String, Label)],
}

/// Judges a text by the rules and the shipped model. `addressed`: it names us or answers us.
pub fn judge(
    text: &str,
    addressed: bool,
    catalogue: &[Product],
    corrections: &[(String, Label)],
) -> Triage {
    let model = model::shipped();
    let knowledge = Knowledge {
        model: model.as_deref(),
        catalogue,
        corrections,
    };
    let language = None;
    judge_post(
        &knowledge,
        Post {
            text,
            addressed,
            language,
        },
    )
}

/// Judges a post by what is known.
pub fn judge_post(knowledge: &Knowledge<'_>, post: Post<'_>) -> Triage {
    let Knowledge {
        model,
        catalogue,
        corrections,
    } = *knowledge;
    let Post {
        text, addressed, ..
    } = post;
    let mut evidence = Evidence::of(text, addressed);
    if let Some(language) = post.language {
        evidence.take_language(language);
    }
    evidence.names_product = evidence.names_one_of(catalogue);
    let dangers = evidence.dangers();
    let endangers = !dangers.is_empty() && (addressed || evidence.names_product);
    let found: Vec<Option<Finding>> = RULES.iter().map(|rule| rule(&evidence)).collect();
    let features = model.map(|model| (model, Features::of(&evidence, &found)));
    let findings: Vec<Finding> = found.into_iter().flatten().collect();
    let sum = |part: fn(&Finding) -> f64| findings.iter().map(part).sum::<f64>();
    let by_rules_alone = 1.0 / (1.0 + (-(BIAS + sum(|f| f.complaint))).exp());
    let mut reasons: Vec<String> = findings.iter().map(|f| f.why.clone()).collect();
    let is_unsure = evidence.is_of_unknown_language() && !endangers;
    let p_complaint = match &features {
        _ if is_unsure => 0.5,
        // Where there are no words the model knows nothing but how many posts are complaints; and
        // who only asks for quiet has nothing to be put right.
        Some((model, features)) if !evidence.tokens.is_empty() && quiet_of(&evidence).is_none() => {
            reasons.extend(moved_by(model, features, &evidence));
            model.probability(features)
        }
        _ => by_rules_alone,
    };
    let faults = evidence.faults();
    // A fault told beside thanks is still a fault, and so is one of a product of ours that is told
    // to nobody: of both the rules know more than the model.
    let rules_know_more = sum(|f| f.praise) > 0.0 || (!addressed && evidence.names_product);
    let is_plain = is_unsure || faults.is_empty() || !rules_know_more;
    let p_complaint = if is_plain {
        p_complaint
    } else {
        p_complaint.max(f64::midpoint(p_complaint, by_rules_alone))
    };
    let mut label = label_of(
        if is_unsure { 0.0 } else { p_complaint },
        sum(|f| f.praise),
        sum(|f| f.noise),
        sum(|f| f.question),
        addressed,
    );
    let corrected = corrections
        .iter()
        .map(|(earlier, label)| (likeness(earlier, text), earlier, *label))
        .filter(|(like, ..)| *like >= CORRECTION_LIKENESS_MIN)
        // What staff said of words without danger says nothing of danger.
        .filter(|(_, earlier, _)| {
            !endangers || !Evidence::of(earlier, addressed).dangers().is_empty()
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(like, _, label)| (like, label));
    if let Some((like, told)) = corrected {
        label = told;
        reasons.insert(
            0,
            format!("staff called a post with the same words ({like:.2}) {told}"),
        );
    }
    let (severity_told, mut why_severe) = severity_of(&evidence);
    let mut severity = severity_told;
    let account = evidence.found(&words::ACCOUNT);
    let is_clearly_noise = sum(|f| f.noise) >= NOISE_FROM;
    let mut in_doubt = false;
    let is_unsure = is_unsure && corrected.is_none();
    if is_unsure && addressed {
        (label, in_doubt) = (Label::Question, true);
        reasons.push("in a language that is not known here: a person looks at it".to_owned());
    }
    let is_long = lasting(&evidence).is_some() && !evidence.is_earnest();
    let is_bitter = is_long || BITTER.iter().any(|rule| rule(&evidence).is_some());
    let is_praise_doubtful = (is_bitter && sum(|f| f.praise) < PRAISE_PLAIN_FROM)
        || !faults.is_empty()
        || (evidence.is_hollow() && !evidence.is_over());
    if label == Label::Praise && corrected.is_none() && is_praise_doubtful {
        (label, in_doubt) = (Label::Question, true);
        reasons.push("good words beside trouble: in doubt a person looks at it".to_owned());
    }
    if label == Label::Noise && corrected.is_none() && addressed && !is_clearly_noise {
        if severity != Severity::Annoyance || !account.is_empty() {
            (label, in_doubt) = (Label::Complaint, true);
            reasons.push("names us and tells of harm: in doubt a person looks at it".to_owned());
        } else if evidence.words() >= DOUBT_WORDS_MIN {
            (label, in_doubt) = (Label::Question, true);
            reasons.push("says something to us: in doubt a person looks at it".to_owned());
        }
    }
    let is_half_over = evidence.is_over() && !faults.is_empty() && !is_clearly_noise;
    let is_for_us = label == Label::Question || (label == Label::Noise && addressed);
    if is_half_over && is_for_us && corrected.is_none() && !in_doubt {
        (label, in_doubt) = (Label::Question, true);
        reasons.push("one trouble is over, another told: in doubt a person looks at it".to_owned());
    }
    let is_spam = reach(&evidence).is_some() && !has_plain_danger(&dangers);
    if endangers && corrected.is_none() && !is_spam {
        in_doubt = label != Label::Complaint || in_doubt || sum(|f| f.praise) > PRAISE_FROM;
        label = Label::Complaint;
        if in_doubt {
            reasons.push("may tell of danger: in doubt a person looks at it".to_owned());
        }
    }
    let standing = standing_of(&evidence, label, severity);
    let is_over = matches!(standing, Some((Standing::Over, _)));
    if is_over && severity != Severity::Annoyance {
        // What is over harms nobody any more.
        why_severe = format!("it is over: {}", severity.label().to_lowercase());
        severity = Severity::Annoyance;
    }
    reasons.push(why_severe.clone());
    if let Some((standing, Some(told))) = &standing {
        reasons.push(format!(
            "{}: {}",
            standing.label().to_lowercase(),
            quoted(&[told])
        ));
    }
    let (product, topic, why_product) = product_of(&evidence, catalogue);
    reasons.extend(why_product);
    let mut personal_data: Vec<&'static str> = Vec::new();
    for finding in text::personal_data::find(evidence.text) {
        if !personal_data.contains(&finding.kind.as_str()) {
            personal_data.push(finding.kind.as_str());
        }
    }
    // Nobody is asked for the number of an order that has come.
    let needs_account_told = !account.is_empty() || !personal_data.is_empty();
    let needs_account = !is_over && needs_account_told;
    if !account.is_empty() && !is_over {
        reasons.push(format!(
            "needs an account or an order: {}",
            quoted(&account)
        ));
    }
    if !personal_data.is_empty() {
        reasons.push(format!(
            "carries personal data: {}",
            personal_data.join(", ")
        ));
    }
    Triage {
        label,
        in_doubt,
        is_unsure,
        p_complaint,
        standing: standing.map(|(standing, _)| standing),
        severity,
        severity_told,
        why_severe,
        product,
        topic,
        language: evidence.language,
        needs_account,
        needs_account_told,
        personal_data,
        reasons,
    }
}

/// The words that moved the model, as reasons to read.
fn moved_by(model: &Model, features: &Features, evidence: &Evidence<'_>) -> Vec<String> {
    let (towards, away) = model.movers(features, &evidence.tokens);
    let mut reasons = Vec::new();
    for (words, direction) in [(towards, "towards a complaint"), (away, "away from it")] {
        if !words.is_empty() {
            reasons.push(format!(
                "words that move it {direction}: {}",
                quoted(&words)
            ));
        }
    }
    reasons
}

fn label_of(p_complaint: f64, praise: f64, noise: f64, question: f64, addressed: bool) -> Label {
    if p_complaint >= COMPLAINT_FROM {
        Label::Complaint
    } else if noise >= NOISE_FROM && noise >= question {
        Label::Noise
    } else if praise >= PRAISE_FROM && praise >= question {
        Label::Praise
    } else if question >= 1.0 || (question > 0.3 && addressed) {
        Label::Question
    } else {
        Label::Noise
    }
}

//! What is wrong with a form, as its page says it.

use crate::error::Problem;

/// What was typed wrong: a summary on top (`error_summary` in `templates/macros.html`) and words
/// beside each field. The empty field is the whole form.
#[derive(Clone, Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// What is said beside the field.
    pub fn of(&self, field: &str) -> Option<String> {
        let texts: Vec<&str> = self
            .0
            .iter()
            .filter(|p| p.field == field)
            .map(|p| p.text.as_str())
            .collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    /// For `aria-invalid`.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|p| p.field == field)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

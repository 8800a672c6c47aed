//! Who may do what with a case.

use super::Case;
use crate::people::CurrentUser;

/// Staff see and work on the cases of their products, and those that have none yet.
pub fn can_work_on(user: &CurrentUser, case: &Case) -> bool {
    user.is_staff_of(case.product)
}

//! Who may do what with a ticket.

use crate::cases::Case;
use crate::people::CurrentUser;

/// Staff of the case's product read its ticket.
pub fn can_read(user: &CurrentUser, case: &Case) -> bool {
    crate::cases::policy::can_work_on(user, case)
}

/// Who may read it as staff may answer.
pub fn can_reply(user: &CurrentUser, case: &Case) -> bool {
    can_read(user, case)
}

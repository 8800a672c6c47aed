//! Who may do what in the forum.

use super::{Post, Thread, ThreadKind, ThreadState, Visibility};
use crate::ids::ProductId;
use crate::people::{CurrentUser, Role};

/// Sentences for whoever may not do something.
pub const UNVERIFIED: &str = "Please confirm your email address first: the link is in the mail we \
    sent you when you registered. What you wrote is kept below.";
pub const STAFF_KIND: &str = "Known issues, articles and announcements are opened by the product's \
    staff. Choose a question or a discussion.";
pub const CLOSED: &str = "This thread is closed and takes no more replies. Open a new one if your \
    problem is not solved here.";
pub const ONLY_MODERATORS: &str = "Only moderators and the product's staff can do that.";
pub const ONLY_STAFF: &str = "Only the product's staff can do that.";
pub const DISCARDED: &str = "This draft was discarded. Draft the thread anew from its case.";
pub const STAFF_MOVE: &str =
    "What the company says is moved only by staff of the product it goes to.";
pub const SAYS_THIS_NOW: &str = "That is what the post says now: edit the post first, then take \
    this state out of its history.";
pub const ONLY_ASKER: &str = "Only whoever asked, the product's staff and moderators can do that.";
pub const ONLY_AUTHOR: &str = "Only the author and moderators can do that.";
pub const NOT_NOW: &str = "That can't be done while the thread stands as it does.";

/// Moderators keep order in every forum, staff in that of their products.
pub fn can_moderate(by: &CurrentUser, product: ProductId) -> bool {
    by.role == Role::Moderator || by.is_staff_of(Some(product))
}

/// A public thread is open to all; a draft to the product's staff; a hidden one to moderators.
pub fn can_see(by: Option<&CurrentUser>, thread: &Thread) -> bool {
    match thread.visibility {
        Visibility::Public => true,
        Visibility::Draft => by.is_some_and(|u| u.is_staff_of(Some(thread.product))),
        Visibility::Hidden => by.is_some_and(|u| can_moderate(u, thread.product)),
    }
}

/// Known issues, articles and announcements are the company's word.
pub fn can_open(by: &CurrentUser, product: ProductId, kind: ThreadKind) -> bool {
    !kind.is_of_staff() || by.is_staff_of(Some(product))
}

/// A closed thread takes replies of those who could reopen it.
pub fn can_reply(by: &CurrentUser, thread: &Thread) -> bool {
    thread.visibility == Visibility::Public
        && (thread.state != ThreadState::Closed || can_moderate(by, thread.product))
}

/// Official is what the product's staff say for the company.
pub fn can_be_official(by: &CurrentUser, product: ProductId) -> bool {
    by.is_staff_of(Some(product))
}

/// Authors edit their own posts while the thread is open to replies; moderators edit any. What is
/// official stays the company's word: only the product's staff change it.
pub fn can_edit(by: &CurrentUser, thread: &Thread, post: &Post) -> bool {
    can_see(Some(by), thread)
        && post.deleted_at.is_none()
        && (!post.official || can_be_official(by, thread.product))
        && (can_moderate(by, thread.product) || (post.author == by.id && can_reply(by, thread)))
}

/// Authors take back their own replies; moderators remove any. An opening post takes its thread
/// along, so its author may remove it only while nobody has replied. A draft is discarded instead.
pub fn can_delete(by: &CurrentUser, thread: &Thread, post: &Post) -> bool {
    can_see(Some(by), thread)
        && post.deleted_at.is_none()
        && thread.visibility != Visibility::Draft
        && (can_moderate(by, thread.product)
            || (post.author == by.id && (!post.is_opening() || thread.reply_count == 0)))
}

/// Whoever asked knows what helped; staff and moderators help along.
pub fn can_accept(by: &CurrentUser, thread: &Thread) -> bool {
    thread.kind == ThreadKind::Question
        && thread.visibility == Visibility::Public
        && (thread.author == by.id || can_moderate(by, thread.product))
}

/// Whoever did not open the thread may say that they have the same problem.
pub fn can_me_too(by: &CurrentUser, thread: &Thread) -> bool {
    thread.visibility == Visibility::Public
        && thread.author != by.id
        && matches!(thread.kind, ThreadKind::Question | ThreadKind::KnownIssue)
}

/// Authors may close their own question or discussion; moderators any thread.
pub fn can_close(by: &CurrentUser, thread: &Thread) -> bool {
    thread.visibility == Visibility::Public
        && (can_moderate(by, thread.product)
            || (thread.author == by.id && !thread.kind.is_of_staff()))
}

/// What was closed is opened again by moderators.
pub fn can_reopen(by: &CurrentUser, thread: &Thread) -> bool {
    thread.visibility == Visibility::Public && can_moderate(by, thread.product)
}

/// Moderators move threads between products. What the company says, or drafts, goes only to a
/// product that the mover speaks for.
pub fn can_move(by: &CurrentUser, thread: &Thread, to: ProductId) -> bool {
    let is_of_staff =
        thread.kind.is_of_staff() || thread.official || thread.visibility == Visibility::Draft;
    can_moderate(by, thread.product)
        && (to == thread.product || !is_of_staff || by.is_staff_of(Some(to)))
}

/// A draft is published or discarded by the product's staff.
pub fn can_publish(by: &CurrentUser, thread: &Thread) -> bool {
    by.is_staff_of(Some(thread.product))
}

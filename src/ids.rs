//! Row ids as types, so that a case can't be passed where a thread is wanted.

/// Declares a newtype over the `id` column of one table.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map($name)
            }
        }
    )+};
}

id! {
    /// A user's account.
    UserId,
    /// A log-in of one user on one device.
    SessionId,
    /// An account on a network.
    HandleId,
    /// What somebody agreed to.
    ConsentId,
    /// What the company sells; owns one forum.
    ProductId,
    /// A division of one product's forum.
    TopicId,
    /// A word that threads of any product may carry.
    TagId,
    /// A titled discussion.
    ThreadId,
    /// A message in a thread.
    PostId,
    /// A notice to one user.
    NotificationId,
    /// One person's problem that somebody must resolve.
    CaseId,
    /// The recorded bond of a case to a thread, a ticket or another case.
    LinkId,
    /// A public post on a network that concerns the company.
    MentionId,
    /// One judgement on a mention.
    TriageId,
    /// Weights that were learned from what staff did.
    SiteModelId,
    /// Many people who write of one problem at once.
    SpikeId,
    /// An outgoing public post.
    ReplyId,
    /// A private, one-time invitation to prove a handle.
    ClaimId,
    /// The private conversation of a case.
    TicketId,
    /// One message of a ticket.
    TicketMessageId,
    /// A file that came with, or goes with, a ticket message.
    AttachmentId,
    /// An outgoing email.
    MailId,
    /// An address to which mail did not arrive, or was not wanted.
    AddressId,
    /// Something that came from outside, stored raw before it was parsed.
    IntakeId,
    /// One unit of work in the queue.
    JobId,
}

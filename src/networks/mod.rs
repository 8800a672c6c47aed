//! Networks: the `Connector` trait, `PublicPost`, the budget meter; `x/` speaks X API v2.

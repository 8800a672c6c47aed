//! The real connector against the stand-in, over HTTP.

//! Full-text search over tantivy: schema, writer, reader, query language, "similar to this".
//! Nothing in here knows a user or a slice.

//! Reads saved files of posts, one post at a time.

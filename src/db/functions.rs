//! Functions of SQL that both databases have and diesel does not declare.

use diesel::sql_types::{Integer, Text};

#[diesel::declare_sql_function]
extern "SQL" {
    /// `count` characters of a text from the place `from` on, which counts from 1.
    fn substr(text: Text, from: Integer, count: Integer) -> Text;
}

//! The command line and the environment: what they say, and how they are described.

pub mod docs;
pub mod explain;
pub mod flags;
pub mod inspect;
pub mod parse;
pub mod settings;
mod table;

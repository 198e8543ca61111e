//! Placeholder.
use crate::Case;
pub(crate) const SCRIPT: &str = "users";
pub(crate) fn cases() -> Vec<Case> {
    Vec::new()
}
pub(crate) fn section() -> String {
    String::new()
}

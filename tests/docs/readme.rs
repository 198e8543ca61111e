//! The README's list of options: the help text, between two marks.

use std::fs;
use std::path::Path;

use session_init::cli::docs;
use session_init::cli::flags::Page;

const BEGIN: &str = "<!-- options: made by `make docs` -->\n";
const END: &str = "<!-- end of options -->\n";

/// The README as it is, but with the options of today.
pub(crate) fn with_current_options() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).expect("the README is there");
    let (before, rest) = text.split_once(BEGIN).expect("the README has the mark that the options begin");
    let (_, after) = rest.split_once(END).expect("the README has the mark that the options end");
    format!("{before}{BEGIN}\n```text\n{}```\n\n{END}{after}", docs::page(Page::Help))
}

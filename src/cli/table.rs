//! Tables for people: columns one below the other.
//!
//! What is printed is put together once, just before the program ends. So nothing here is ever given back: that would take
//! more code than all the rest.

#![forbid(unsafe_code)]

use std::fmt::Write;

/// A text that stays.
pub(super) type Text = &'static str;

/// What the text is written on.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// It can show bold face.
    pub is_styled: bool,
    /// How many characters a line may have.
    pub columns: usize,
}

/// Rows of cells.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<&'static [Text]>);

impl Rows {
    #[inline(never)]
    pub(super) fn add(&mut self, cells: &[Text]) {
        self.0.push(cells.to_vec().leak());
    }

    /// The rows below a heading.
    #[inline(never)]
    pub(super) fn write(self, text: &mut String, heading: Text, paper: Paper) {
        let (bold, plain) = if paper.is_styled { ("\x1b[1m", "\x1b[m") } else { ("", "") };
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(fill("%%%%\n", &[gap, bold, heading, plain]));
        let mut widths = [0; 8];
        let rows = self.0.leak();
        for row in &*rows {
            for (cell, width) in row.iter().zip(&mut widths) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &*rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "  {cell:width$}");
            }
            push(text, line.leak().trim_ascii_end(), paper.columns);
        }
    }
}

/// Adds as much of a line as there is room for.
fn push(text: &mut String, line: &str, columns: usize) {
    let end = line.char_indices().nth(columns).map_or(line.len(), |(end, _)| end);
    text.push_str(line.get(..end).unwrap_or_default());
    text.push('\n');
}

/// A text from elsewhere on one line, with nothing in it that a terminal would obey.
#[inline(never)]
pub(super) fn printable(text: &str) -> Text {
    let mut printable = String::new();
    for character in text.chars() {
        if character.is_control() {
            for escaped in character.escape_default() {
                printable.push(escaped);
            }
        } else {
            printable.push(character);
        }
    }
    printable.leak()
}

/// The words with a value in the place of each `%`. It takes less code than `format!` does.
#[inline(never)]
pub(super) fn fill(words: &str, values: &[&str]) -> Text {
    let (mut text, mut values) = (String::new(), values.iter());
    for character in words.chars() {
        if character == '%' {
            text.push_str(values.next().unwrap_or(&""));
        } else {
            text.push(character);
        }
    }
    text.leak()
}

/// A number in decimal digits.
#[inline(never)]
pub(super) fn decimal(number: i64) -> Text {
    number.to_string().leak()
}

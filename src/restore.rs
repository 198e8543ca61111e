//! Leaving a terminal as it was.

#![forbid(unsafe_code)]

use crate::reach::is_own_group;
use crate::sys::terminal::{SavedModes, Terminal};

/// Leaves the terminal's foreground and its modes as they were before a COMMAND that could not do so itself. What a shell
/// has given to another job is not touched.
#[cold]
#[inline(never)]
pub(crate) fn restore_terminal(modes: Option<&SavedModes>) {
    let Some(terminal) = Terminal::find() else { return };
    if !terminal.is_ours() && terminal.foreground().is_some_and(is_own_group) {
        terminal.take();
    }
    if let Some(modes) = modes.filter(|_| terminal.is_ours()) {
        terminal.set_modes(modes);
    }
}

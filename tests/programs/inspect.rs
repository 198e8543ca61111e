//! What `--inspect` says of real programs, told apart from one that listens to nothing.

use crate::recipe::labels_of;
use crate::support::scratch::need;
use crate::{Case, Seen};

/// The script, among the recipes, that runs a line.
pub(crate) const SCRIPT: &str = "inspect";

/// Those who get a QUIT for a TERM, and the same without the rule, of which less is said.
const LINES: [(&str, &[&str]); 2] = [
    ("session-init -r TERM:QUIT --", &[]),
    (
        "session-init --",
        &[
            "what nginx makes of both",
            "what php-fpm makes of both",
            "what gunicorn makes of both",
            "what a deaf child of a shell makes of both",
            "that the deaf one is not reached",
        ],
    ),
];
const COMMAND: &str = "bash -c 'nginx -g \"daemon off;\" & php-fpm -F & gunicorn app:app & \
                       (trap \"\" TERM QUIT; exec sleep 1000) & wait'";

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    LINES.into_iter().map(|(line, loses)| Case {
        group: "--inspect".to_owned(),
        name: line.to_owned(),
        run: Box::new(move |world| {
            ["nginx", "curl", "php-fpm8.2", "gunicorn"].into_iter().try_for_each(|program| need(program).map(drop))?;
            let loses: Vec<String> = loses.iter().map(|label| (*label).to_owned()).collect();
            let seen: Seen = world.seen(SCRIPT, &format!("{line} {COMMAND}"), &loses)?;
            seen.compare(&labels_of(SCRIPT)?, &loses)
        }),
    })
}

//! The zoo's animals: agents built to survive. The tests of this crate end each of them in every way that it has, and those of the
//! server in every way in which a turn ends.

/// Trees that stay in their process group.
pub(crate) const STAYS: [(&str, &str); 4] = [
    ("one process", ""),
    ("a tree that ignores TERM", "trap '' TERM; sleep 300 &"),
    ("a child that stops itself", "sh -c 'kill -STOP $$; sleep 300' &"),
    ("a grandchild that holds stdout", "sh -c 'sleep 300 & sleep 300' &"),
];

/// Trees that leave it, and so need a reaper.
pub(crate) const ESCAPES: [(&str, &str); 7] = [
    ("a setsid child", "setsid -f sleep 300"),
    ("a double fork", "(setsid sh -c 'sleep 300 & exit' &)"),
    ("a daemon without pipes", "(setsid sleep 300 </dev/null >/dev/null 2>&1 &)"),
    ("a setsid child that ignores TERM and stops", "setsid -f sh -c 'trap \"\" TERM; kill -STOP $$; sleep 300'"),
    ("a fork chain", "python3 -c \"$CHAIN\" ''"),
    ("a fork chain of sessions", "python3 -c \"$CHAIN\" setsid"),
    ("many sessions", "for i in $(seq 50); do setsid -f sleep 300; done"),
];

/// A process that forks and ends, and its child, and so on for ever.
pub(crate) const CHAIN: &str = "
import os, sys
if os.fork() == 0:
    while True:
        if os.fork(): os._exit(0)
        if sys.argv[1]: os.setsid()
";

/// An agent that builds its tree, says `ready`, and ends when its input does, or crashes when it is told `crash`.
pub(crate) fn agent(shape: &str) -> String {
    let chain = CHAIN.replace('\'', "'\\''");
    format!("CHAIN='{chain}'\n{shape}\necho ready; read -r how; case $how in crash) kill -KILL $$ ;; esac")
}

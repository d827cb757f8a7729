//! The reaper tier's fence, by Landlock: what is started here can signal and attach to nothing but its own run, and connect to
//! no abstract socket from outside. File rules are not used: agents' own sandboxes would not work with them.

use landlock::{CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetError, Scope};

/// Fences this process and all that it starts in. It takes away that setuid programs act as their owner, too: the kernel fences
/// nobody else who is not root.
///
/// # Errors
/// Where the kernel has no such fence (before Linux 6.12, or without Landlock). Then nothing has changed.
pub(super) fn enter() -> Result<(), RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.scope(Scope::Signal | Scope::AbstractUnixSocket)?.create()?.restrict_self().map(drop)
}

//! A repository into which an agent has written what git would run: none of it runs when we use git there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use inhouse_agents::Workspace;

use crate::house::{House, LIMITS, git, git_program};

/// Everything that a configuration or a folder of hooks can name.
const HOOKS: &[&str] = &[
    "applypatch-msg",
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "post-index-change",
    "reference-transaction",
    "fsmonitor-watchman",
    "pre-auto-gc",
];
const SETTINGS: &[&str] = &[
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.sshCommand",
    "core.askPass",
    "core.alternateRefsCommand",
    "pager.diff-tree",
    "pager.log",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "filter.lfs.clean",
    "merge.evil.driver",
    "gpg.program",
    "credential.helper",
    "uploadpack.packObjectsHook",
];

/// A program that leaves a mark, and the mark.
fn evil(house: &House) -> (PathBuf, PathBuf) {
    let (program, mark) = (house.folder.join("evil"), house.folder.join("mark"));
    std::fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", mark.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (program, mark)
}

/// A shell script that puts it into the repository of the current folder wherever it can be named.
fn plant(program: &str) -> String {
    let mut script = String::from("hooks=$(git rev-parse --git-common-dir)/hooks; mkdir -p $hooks\n");
    for hook in HOOKS {
        script += &format!("cp '{program}' $hooks/{hook}\n");
    }
    for setting in SETTINGS {
        script += &format!("git config {setting} '{program}'\n");
    }
    script += "git config filter.evil.required true; git config commit.gpgSign true; git config extensions.partialClone origin\n";
    script += &format!("git config remote.origin.promisor true; git config remote.origin.url 'ext::{program}'\n");
    script += "git config protocol.ext.allow always; git config alias.add '!false'\n";
    script += "echo '* filter=evil diff=evil merge=evil' > .gitattributes\n";
    script += "cp .gitattributes $(git rev-parse --git-common-dir)/info/attributes\n";
    script
}

/// A repository inside, which names it too, and is in the index outside.
fn nest(program: &str) -> String {
    format!(
        "git init -q nested; cd nested; echo x > x; git add x; git -c core.hooksPath=/dev/null -c user.name=x -c user.email=x commit -qm x\n\
         git config core.fsmonitor '{program}'; git config filter.evil.clean '{program}'; echo '* filter=evil' > .gitattributes\n\
         touch -d 2001-02-03 x; cd ..\n"
    )
}

#[tokio::test]
async fn nothing_that_a_repository_names_is_run() {
    let house = House::new();
    let (program, mark) = evil(&house);
    let program = program.to_str().unwrap();
    let mut scripts = house.scripts().await;
    // One agent writes it, as far as its own power goes; our git then runs for it and for everybody else.
    let planted = scripts.run("ann", "one", &(nest(program) + &plant(program) + "echo 1 >> kept")).await;
    assert!(planted.files().contains(&"modified kept".to_owned()), "{:?}", planted.files());
    for (caller, context) in [("ann", "one"), ("ann", "two"), ("bob", "one")] {
        let taken =
            scripts.run(caller, context, "echo 2 >> changed; rm -f gone; echo n > new; : > nested/z || :").await;
        assert!(taken.files().contains(&"modified changed".to_owned()), "{:?}", taken.files());
        let patch = String::from_utf8_lossy(&taken.patch()).into_owned();
        assert!(patch.contains("+2\n"), "{patch}");
    }
    drop(scripts);
    // Start, clean-up and making again as well.
    let limits = inhouse_agents::WorkspaceLimits { per_agent_max: 1, ..LIMITS };
    scripts = house.agent(house.open(House::worktree(), limits).await.unwrap());
    let again = scripts.run("ann", "two", "echo 3 >> changed; cat new").await;
    assert_eq!((again.text.as_str(), again.files()), ("n\n", vec!["modified changed".to_owned()]));
    // And the project's own folder.
    std::fs::write(house.folder.join("plant"), nest(program) + &plant(program)).unwrap();
    let shared = house.open(Workspace::Shared { git: git_program() }, LIMITS).await.unwrap();
    let scripts = house.agent(shared);
    assert!(!mark.exists(), "{}", std::fs::read_to_string(&mark).unwrap());
    scripts.run("ann", "one", "sh ../plant").await;
    let taken = scripts.run("bob", "one", "echo 4 >> changed; : > nested/z").await;
    assert_eq!(taken.files(), ["modified changed"]);
    assert!(!mark.exists(), "{}", std::fs::read_to_string(&mark).unwrap());
    // The traps are set: whoever uses git there without care falls into them.
    let _ = std::process::Command::new("git").args(["add", "-A"]).current_dir(house.project()).output();
    assert!(mark.exists(), "{}", git(&house.folder, &["--version"]));
}

#[tokio::test]
async fn a_pipe_where_git_reads_holds_nothing_up() {
    let house = House::new();
    let mut scripts = house.scripts().await;
    let pipes = "mkdir -p a/b; for name in .gitignore .gitattributes .gitmodules a/b/.gitignore changed; do rm -f $name; mkfifo $name; done; ";
    for (word, files) in [("1", &["deleted .gitignore", "added a/b/new"][..]), ("2", &["modified a/b/new"])] {
        let taken = scripts.run("ann", "one", &format!("{pipes} echo {word} > a/b/new")).await;
        assert_eq!(taken.files(), files);
    }
    drop(scripts);
    let shared = house.open(Workspace::Shared { git: git_program() }, LIMITS).await.unwrap();
    scripts = house.agent(shared);
    let exclude = "rm -f .git/info/exclude; mkfifo .git/info/exclude; ";
    let taken = scripts.run("ann", "one", &format!("{exclude}{pipes} echo 3 > a/b/new")).await;
    assert_eq!(taken.files(), ["deleted .gitignore", "added a/b/new"]);
}

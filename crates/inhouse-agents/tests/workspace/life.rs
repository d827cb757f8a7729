//! How workspaces come, go and are mended.

use std::path::{Path, PathBuf};

use inhouse_agents::{Workspace, WorkspaceError, WorkspaceLimits};
use inhouse_engine::agent::{End, Reason};

use crate::house::{House, LIMITS, git, git_program};
use crate::support::{Collected, DEADLINE};

/// The folder that a turn works in.
fn folder(text: &str) -> PathBuf {
    text.lines().last().unwrap().into()
}

/// What was put away is gone at once; its files some time later.
async fn emptied(house: &House) {
    let start = std::time::Instant::now();
    let away = |shelf: PathBuf| std::fs::read_dir(shelf).unwrap().map(|entry| entry.unwrap().file_name());
    let shelves = || std::fs::read_dir(house.folder.join("workspaces")).unwrap().map(|entry| entry.unwrap().path());
    while shelves().flat_map(away).any(|name| name.to_str().unwrap().starts_with("inhouse-")) {
        assert!(start.elapsed() < DEADLINE, "what was put away is not removed");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn beyond_the_bound_the_longest_unused_goes_and_its_branch_stays() {
    let house = House::new();
    let limits = WorkspaceLimits { per_agent_max: 2, ..LIMITS };
    let scripts = house.agent(house.open(House::worktree(), limits).await.unwrap());
    // A link out of the workspace, and what it leads to.
    let outside = house.folder.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), "stays").unwrap();
    let first = scripts.run("ann", "one", "echo 1 > file; ln -s ../../../outside out; ln -s . here; pwd").await;
    let second = scripts.run("ann", "two", "pwd").await;
    let third = scripts.run("ann", "three", "pwd").await;
    let there = |text: &str| folder(text).exists();
    assert_eq!((there(&first.text), there(&second.text), there(&third.text)), (false, true, true));
    emptied(&house).await;
    assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"stays");
    let worktrees = house.git(&["worktree", "list", "--porcelain"]);
    assert_eq!(worktrees.matches("worktree ").count(), 3, "{worktrees}");
    let branch = first.told()["branch"].as_str().unwrap().to_owned();
    assert_eq!(house.git(&["show", &format!("{branch}:file")]), "1");
    // Whoever comes back finds his work.
    let again = scripts.run("ann", "one", "cat file; pwd").await;
    assert_eq!(again.text, format!("1\n{}", first.text));
    assert!(!there(&second.text), "the longest unused");
}

#[tokio::test]
async fn what_was_unused_for_too_long_goes_at_the_start_of_a_server_with_nothing_lost() {
    let house = House::new();
    let scripts = house.scripts().await;
    let taken = scripts.run("ann", "one", "echo 1 > file; pwd").await;
    drop(scripts);
    let path = folder(&taken.text);
    // As a turn leaves it that had to be dropped.
    std::fs::write(path.join("late"), "late").unwrap();
    let open = async || drop(house.open(House::worktree(), LIMITS).await.unwrap());
    open().await;
    assert!(path.exists());
    let mark = std::fs::File::options().write(true).open(path.with_extension("ready")).unwrap();
    let used = std::time::SystemTime::now() - std::time::Duration::from_millis(LIMITS.idle_ms + 1);
    mark.set_modified(used).unwrap();
    open().await;
    assert!(!path.exists());
    let branch = taken.told()["branch"].as_str().unwrap().to_owned();
    assert_eq!(house.git(&["show", &format!("{branch}:late")]), "late");
    assert_eq!(house.git(&["log", "-1", "--format=%s", &branch]), "Left by an earlier turn");
}

#[tokio::test]
async fn a_workspace_of_an_earlier_server_is_used_again_and_a_half_made_one_is_mended() {
    let house = House::new();
    let scripts = house.scripts().await;
    let taken = scripts.run("ann", "one", "echo 1 > file; echo x > kept.log; pwd").await;
    let path = folder(&taken.text);
    assert!(matches!(house.open(House::worktree(), LIMITS).await, Err(WorkspaceError::InUse(_))));
    drop(scripts);
    // What an interrupted turn has left is not of the next one.
    std::fs::write(path.join("late"), "late").unwrap();
    let scripts = house.scripts().await;
    let again = scripts.run("ann", "one", "cat kept.log late; rm late; pwd").await;
    assert_eq!(again.text, format!("x\nlate{}", taken.text));
    assert_eq!(again.files(), ["deleted late"]);
    drop(scripts);
    let mark = path.with_extension("ready");
    let break_it: [&dyn Fn(); 4] = [
        &|| std::fs::remove_file(&mark).unwrap(),
        &|| std::fs::remove_dir_all(&path).unwrap(),
        &|| std::fs::remove_file(path.join(".git")).unwrap(),
        &|| {
            std::fs::remove_dir_all(&path).unwrap();
            std::os::unix::fs::symlink(&house.folder, &path).unwrap();
        },
    ];
    for (number, break_it) in break_it.into_iter().enumerate() {
        break_it();
        let scripts = house.scripts().await;
        let mended =
            scripts.run("ann", "one", &format!("cat file; git status --porcelain; echo {number} > number; pwd")).await;
        assert_eq!(mended.text, format!("1\n{}", taken.text), "{number}");
        assert_eq!(mended.files().len(), 1, "{number}");
        assert!(house.project().exists());
    }
}

#[tokio::test]
async fn an_agent_that_uses_git_itself_or_breaks_it_loses_nothing() {
    let house = House::new();
    let scripts = house.scripts().await;
    let commit = "git -c user.name=a -c user.email=a@a commit -qam";
    let own = scripts.run("ann", "one", &format!("echo 1 >> kept; {commit} mine; echo 2 >> changed; pwd")).await;
    assert_eq!(own.files(), ["modified changed", "modified kept"]);
    let branch = own.told()["branch"].as_str().unwrap().to_owned();
    assert_eq!(house.git(&["log", "--format=%s", &branch]), "Turn 1 of task task-1\nmine\nfirst");
    let path = folder(&own.text);
    for (script, status) in [
        (format!("echo 3 >> kept; {commit} all"), "modified kept"),
        (format!("git checkout -qb other; echo 4 > other; git add other; {commit} other"), "added other"),
        ("touch $(git rev-parse --git-dir)/index.lock; echo 5 > locked".to_owned(), "added locked"),
        ("echo broken > $(git rev-parse --git-dir)/index; echo 6 > broken".to_owned(), "added broken"),
        ("echo x > unreadable; chmod 0 unreadable; mkfifo pipe; echo 7 > seen".to_owned(), "added seen"),
        ("echo 8 > last; rm .git".to_owned(), "added last"),
    ] {
        let taken = scripts.run("ann", "one", &script).await;
        assert!(taken.files().contains(&status.to_owned()), "{script}: {:?}", taken.files());
        assert_eq!(taken.told()["branch"], branch.as_str());
        assert_eq!(house.git(&["rev-parse", &branch]), taken.told()["commit"].as_str().unwrap());
    }
    let gone = scripts.run("ann", "one", &format!("ls; cd ..; rm -rf {}", path.display())).await;
    assert!(gone.text.contains("last") && gone.left.is_empty());
    let back = scripts.run("ann", "one", "cat last; git status --porcelain; echo 9 > nine").await;
    assert_eq!((back.text.as_str(), back.files()), ("8\n", vec!["added nine".to_owned()]));
}

#[tokio::test]
async fn a_worktree_that_is_made_to_look_like_another_one_stays_its_own() {
    let house = House::new();
    let scripts = house.scripts().await;
    let other = scripts.run("bob", "one", "echo 1 > bobs; pwd").await;
    let script = format!("cp {}/.git .git; echo 2 > mine", folder(&other.text).display());
    assert_eq!(scripts.run("ann", "one", &script).await.files(), ["added mine"]);
    let after = scripts.run("bob", "one", "ls; git status --porcelain; git diff --cached --name-only").await;
    assert!(after.left.is_empty() && after.text == "bobs\nchanged\ndata.bin\ngone\nkept\nold name\n", "{}", after.text);
    let again = scripts.run("ann", "one", "ls; echo 3 > more").await;
    assert!(again.text.contains("mine") && !again.text.contains("bobs"));
    assert_eq!(again.files(), ["added more"]);
}

#[tokio::test]
async fn a_project_may_be_a_folder_of_its_repository() {
    let house = House::new();
    let project = house.project().join("sub");
    std::fs::create_dir(&project).unwrap();
    let scripts = house.agent(house.open_in(House::worktree(), LIMITS, &project).await.unwrap());
    let taken = scripts.run("ann", "one", "pwd; echo 1 > inner; echo 2 >> ../kept").await;
    assert!(folder(&taken.text).ends_with("sub"));
    assert_eq!(taken.files(), ["modified kept", "added sub/inner"]);
    // Whatever stands in its place leads nowhere.
    let outside = house.folder.join("outside");
    std::fs::create_dir(&outside).unwrap();
    let script = format!("cd ..; rm -r sub; ln -s {} sub", outside.display());
    scripts.run("ann", "one", &script).await;
    let refused = scripts.run("ann", "one", "touch escaped").await;
    assert!(matches!(&refused.end, End::Failed(failure) if failure.reason == Reason::StartFailed), "{:?}", refused.end);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn what_can_not_be_is_said_at_the_start() {
    let house = House::empty();
    let shared = Workspace::Shared { git: git_program() };
    for workspace in [House::worktree(), shared.clone()] {
        assert!(matches!(house.open(workspace, LIMITS).await, Err(WorkspaceError::NoRepository { .. })));
    }
    house.git(&["init", "-q"]);
    assert!(matches!(house.open(House::worktree(), LIMITS).await, Err(WorkspaceError::NoCommit(_))));
    house.open(shared, LIMITS).await.unwrap();
    let missing = Workspace::Worktree { git: "/no/such/git".into(), report: true };
    assert!(matches!(house.open(missing, LIMITS).await, Err(WorkspaceError::Git(_))));
    let slow = house.folder.join("slow");
    std::fs::write(&slow, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let limits = WorkspaceLimits { git_ms_max: 50, ..LIMITS };
    let error = house.open(Workspace::Shared { git: slow }, limits).await.unwrap_err();
    assert_eq!(error.to_string(), "git rev-parse took longer than 50 ms: raise git_ms_max in [limits]");
    let open = house.folder.join("workspaces");
    std::fs::write(&open, "no folder").unwrap();
    assert!(matches!(
        house.open(Workspace::Temporary { report: true }, LIMITS).await,
        Err(WorkspaceError::Folder { .. })
    ));
}

#[tokio::test]
async fn a_turn_without_a_workspace_fails_and_starts_nothing() {
    let house = House::new();
    let scripts = house.scripts().await;
    std::fs::rename(house.project().join(".git"), house.folder.join("taken")).unwrap();
    let taken = scripts.run("ann", "one", "echo started").await;
    let End::Failed(failure) = taken.end else { panic!() };
    assert_eq!((failure.reason, taken.text.as_str()), (Reason::StartFailed, ""));
    assert!(!failure.detail.unwrap().contains(house.folder.to_str().unwrap()), "no path for the caller");
}

#[tokio::test]
async fn a_task_that_is_nearly_full_gets_less() {
    let house = House::new();
    let scripts = house.scripts().await;
    for (full, parts) in [(1, 1), (2, 1)] {
        let output = Collected { full, ..Collected::default() };
        let taken = scripts.run_into("ann", "one", "date +%N > now; echo x >> other", output).await;
        assert_eq!((taken.left.len(), taken.left.last().unwrap().parts.len()), (full + 1, parts));
        assert_eq!(taken.told()["omitted"].as_array().unwrap().len(), full + 1);
    }
}

#[tokio::test]
async fn what_is_too_large_is_named_and_left_out() {
    let house = House::new();
    let limits = WorkspaceLimits { changed_files_max: 2, changed_bytes_max: 100, patch_bytes_max: 1_000, ..LIMITS };
    let scripts = house.agent(house.open(House::worktree(), limits).await.unwrap());
    let script = "echo a > a; head -c 200 /dev/zero > b; echo c > c; echo d > d";
    let taken = scripts.run("ann", "one", script).await;
    let omitted = serde_json::json!([{"name": "b", "reason": "too_large"}, {"name": "d", "reason": "too_many"}]);
    assert_eq!(taken.told()["omitted"], omitted);
    assert_eq!(taken.parts()[1..], [("a".to_owned(), b"a\n".to_vec()), ("c".to_owned(), b"c\n".to_vec())]);
    let taken = scripts.run("ann", "one", "seq 1000 > a; rm b c d").await;
    let large = |name: &str| serde_json::json!({"name": name, "reason": "too_large"});
    assert_eq!(taken.told()["omitted"], serde_json::json!([large("changes.patch"), large("a")]));
    let limits = WorkspaceLimits { changed_listed_max: 2, ..LIMITS };
    drop(scripts);
    let scripts = house.agent(house.open(House::worktree(), limits).await.unwrap());
    let taken = scripts.run("ann", "one", "touch 1 2 3 4").await;
    assert_eq!((taken.files().len(), &taken.told()["more"]), (2, &true.into()));
    assert!(git(Path::new(&house.project()), &["branch"]).contains("inhouse/"));
}

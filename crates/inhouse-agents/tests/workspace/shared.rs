//! The project's own folder, whose changes are told.

use inhouse_agents::Workspace;

use crate::house::{House, LIMITS, git, git_program, tree};

fn shared() -> Workspace {
    Workspace::Shared { git: git_program() }
}

#[tokio::test]
async fn a_turn_is_told_of_and_nothing_of_the_repository_is_written() {
    let house = House::new();
    // What was there before the turn is not of it.
    std::fs::write(house.project().join("before"), "1").unwrap();
    std::fs::write(house.project().join("kept"), "changed before").unwrap();
    let base = house.folder.join("base");
    std::process::Command::new("cp").arg("-a").arg(house.project()).arg(&base).status().unwrap();
    let git_files = || {
        let mut files = tree(&house.project().join(".git"));
        files.retain(|(name, ..)| !name.starts_with(b"logs"));
        files
    };
    let before = git_files();
    let scripts = house.agent(house.open(shared(), LIMITS).await.unwrap());
    let taken = scripts.run("ann", "one", "pwd; echo 2 >> kept; rm gone; mv changed moved; echo x > y.log").await;
    assert_eq!(taken.text.trim_end(), house.project().to_str().unwrap());
    assert_eq!(taken.files(), ["deleted gone", "modified kept", "renamed moved"]);
    let told = taken.told();
    assert!(told.get("branch").is_none() && told.get("commit").is_none() && told.get("base").is_none());
    assert_eq!(git_files(), before);
    std::fs::write(house.folder.join("patch"), taken.patch()).unwrap();
    git(&base, &["apply", "../patch"]);
    assert_eq!(tree(&base), tree(&house.project()));
    assert!(scripts.run("ann", "one", "ls").await.left.is_empty());
    let stopped = scripts.cancel("bob", "two", "rm kept; echo stop; exec sleep 600").await;
    assert_eq!(stopped.files(), ["deleted kept"]);
}

#[tokio::test]
async fn a_repository_without_a_commit_or_a_usable_index_will_do() {
    let house = House::empty();
    house.git(&["init", "-q"]);
    std::fs::write(house.project().join("old"), "1").unwrap();
    let scripts = house.agent(house.open(shared(), LIMITS).await.unwrap());
    assert_eq!(scripts.run("ann", "one", "echo 1 > new").await.files(), ["added new"]);
    house.git(&["add", "-A"]);
    house.git(&["update-index", "--split-index"]);
    assert_eq!(scripts.run("ann", "one", "echo 2 > new").await.files(), ["modified new"]);
}

#[tokio::test]
async fn names_of_objects_may_be_longer() {
    let house = House::empty();
    house.git(&["init", "-q", "--object-format=sha256"]);
    std::fs::write(house.project().join("old"), "1").unwrap();
    house.git(&["add", "-A"]);
    house.git(&["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "first"]);
    for workspace in [shared(), House::worktree()] {
        let scripts = house.agent(house.open(workspace, LIMITS).await.unwrap());
        let taken = scripts.run("ann", "one", "echo 2 > old").await;
        assert_eq!((taken.files(), taken.parts()[1].1.as_slice()), (vec!["modified old".to_owned()], &b"2\n"[..]));
        house.git(&["checkout", "-q", "old"]);
    }
}

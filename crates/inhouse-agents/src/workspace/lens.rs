//! A git folder of ours over somebody's files: its own index and an empty configuration, with the objects of the project. So no hook,
//! filter, monitor or diff program that the repository's configuration names can run, and its own index stays as it is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use inhouse_trust::Permit;

use super::git::{Call, GitError, Printed};
use super::project::{Project, text};
use crate::folder::{fresh, open_file, remove};

/// What the list of an index may have, which is some 600,000 files.
const INDEX_BYTES_MAX: usize = 64 << 20;
/// What git reads wherever it finds it.
const OPENED: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];
/// Folders that are looked at for pipes.
const FOLDERS_MAX: usize = 200_000;
/// The largest index that is copied: some millions of files.
const COPY_BYTES_MAX: u64 = 512 << 20;

/// Where new objects go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Objects<'a> {
    /// To the project's.
    Project,
    /// To the lens's own, which end with it. Those of another lens are known.
    Own(Option<&'a Lens<'a>>),
}

/// The folder; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Lens<'a> {
    project: &'a Project,
    permit: &'a Permit,
    /// The files.
    top: PathBuf,
    folder: PathBuf,
    objects: PathBuf,
}

impl Drop for Lens<'_> {
    fn drop(&mut self) {
        remove(std::mem::take(&mut self.folder));
    }
}

impl<'a> Lens<'a> {
    /// A lens over the files at `top`, with its folder in `parent`.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn over(
        project: &'a Project,
        permit: &'a Permit,
        top: &Path,
        parent: &Path,
        objects: Objects<'_>,
    ) -> io::Result<Self> {
        let folder = fresh(parent)?;
        let projects = project.common.join("objects");
        let mut lens = Self { project, permit, top: top.to_path_buf(), objects: folder.join("objects"), folder };
        fs::create_dir_all(lens.objects.join("info"))?;
        fs::create_dir(lens.folder.join("refs"))?;
        fs::write(lens.folder.join("HEAD"), "ref: refs/heads/none\n")?;
        let version = if project.format == "sha1" { 0 } else { 1 };
        let config = format!(
            "[core]\n\trepositoryformatversion = {version}\n[extensions]\n\tobjectformat = {}\n",
            project.format
        );
        if version == 1 {
            fs::write(lens.folder.join("config"), config)?;
        }
        match objects {
            Objects::Project => lens.objects = projects,
            Objects::Own(earlier) => {
                let others = earlier.map(|earlier| &earlier.objects).into_iter().chain([&projects]);
                let lines: String = others.map(|path| text(path) + "\n").collect();
                fs::write(lens.objects.join("info/alternates"), lines)?;
            }
        }
        Ok(lens)
    }

    /// Its index.
    pub(crate) fn index(&self) -> PathBuf {
        self.folder.join("index")
    }

    /// Runs a command with what it reads and how much is read of it.
    pub(crate) async fn run(&self, args: &[&str], input: Vec<u8>, bytes_max: usize) -> Result<Printed, GitError> {
        self.project.git.run(Call { input, bytes_max, ..self.call(args) }).await
    }

    /// Runs a command that answers in a line.
    pub(crate) async fn line(&self, args: &[&str]) -> Result<String, GitError> {
        Ok(self.project.git.run(self.call(args)).await?.line())
    }

    /// Writes the files as they are into a tree, but for those that are ignored. `seed` is an index of the same files, which saves
    /// reading those that have not changed; without a usable one it begins at `tree`.
    ///
    /// # Errors
    /// [`GitError`].
    pub(crate) async fn snapshot(&self, seed: &Path, tree: Option<&str>) -> Result<String, GitError> {
        let top = self.top.clone();
        // What can not be looked at shows when git looks.
        let _ = tokio::task::spawn_blocking(move || remove_pipes(&top)).await;
        let seeded = copy_index(seed, &self.index());
        if seeded.is_err() || self.add().await.is_err() {
            // It may be one that only its own git folder can read.
            let _ = fs::remove_file(self.index());
            let _ = fs::remove_file(self.folder.join("index.lock"));
            self.line(&["read-tree", tree.unwrap_or("--empty")]).await?;
            self.add().await?;
        }
        self.line(&["write-tree", "--missing-ok"]).await
    }

    /// Puts the files of a tree where the lens looks, in place of whatever is there.
    pub(crate) async fn check_out(&self, tree: &str) -> Result<(), GitError> {
        self.line(&["read-tree", "--reset", "-u", tree]).await.map(drop)
    }

    /// Makes the index that a git folder of these files has the same as the lens's.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn install_index(&self, git_folder: &Path) -> io::Result<()> {
        let beside = git_folder.join("index.inhouse");
        let _ = fs::remove_file(&beside);
        copy_index(&self.index(), &beside)?;
        // Left by a git that was killed with its turn; nobody else works here.
        let _ = fs::remove_file(git_folder.join("index.lock"));
        fs::rename(beside, git_folder.join("index"))
    }

    async fn add(&self) -> Result<(), GitError> {
        let repositories = self.repositories().await?;
        self.skip("--skip-worktree", &repositories).await?;
        // 1: a file could not be read, which is nothing to stop at.
        self.project.git.run(Call { fine: &[0, 1], ..self.call(&["add", "--all", "--ignore-errors"]) }).await?;
        self.skip("--no-skip-worktree", &repositories).await
    }

    /// The names of other repositories in the index, each with a NUL. Where git compares one with its files it runs itself in there, by
    /// a configuration that is not ours.
    async fn repositories(&self) -> Result<Vec<u8>, GitError> {
        let listed = self.run(&["ls-files", "--stage", "-z"], Vec::new(), INDEX_BYTES_MAX).await?;
        if listed.cut {
            return Err(GitError::TooMany("ls-files".to_owned()));
        }
        let links = listed.bytes.split_inclusive(|byte| *byte == 0).filter(|line| line.starts_with(b"160000 "));
        let names = links.filter_map(|line| line.splitn(2, |byte| *byte == b'\t').nth(1));
        Ok(names.collect::<Vec<_>>().concat())
    }

    async fn skip(&self, option: &str, names: &[u8]) -> Result<(), GitError> {
        if names.is_empty() {
            return Ok(());
        }
        self.run(&["update-index", option, "-z", "--stdin"], names.to_vec(), 0).await.map(drop)
    }

    fn call(&self, args: &[&str]) -> Call<'_> {
        let mut call = Call::new(self.permit, &self.top, args);
        call.env = vec![
            ("GIT_DIR", text(&self.folder)),
            ("GIT_WORK_TREE", text(&self.top)),
            ("GIT_OBJECT_DIRECTORY", text(&self.objects)),
        ];
        let exclude = self.project.common.join("info/exclude");
        // Git would wait for the other end of a pipe.
        if fs::metadata(&exclude).is_ok_and(|found| found.is_file()) {
            call.env.push(("GIT_CONFIG_COUNT", "1".to_owned()));
            call.env.push(("GIT_CONFIG_KEY_0", "core.excludesFile".to_owned()));
            call.env.push(("GIT_CONFIG_VALUE_0", text(&exclude)));
        }
        call
    }
}

/// Removes pipes that stand where git opens what it finds in a folder: it would wait for their other end until its time is over. They
/// hold nothing. No link is followed.
fn remove_pipes(top: &Path) {
    let (mut left, mut looked) = (vec![top.to_path_buf()], 0);
    while let Some(folder) = left.pop() {
        for name in OPENED {
            let path = folder.join(name);
            if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_fifo()) {
                tracing::warn!(path = %path.display(), "a pipe is removed that git would wait for");
                let _ = fs::remove_file(path);
            }
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let folders = folders.filter(|entry| entry.file_name() != ".git").map(|entry| entry.path());
        left.extend(folders);
        looked += 1;
        if looked == FOLDERS_MAX {
            return;
        }
    }
}

/// Copies an index to where nothing is, with its time: by that git knows which files may have changed since in the same second.
fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    let mut index = open_file(from)?;
    // An agent may have written it, as large as it likes.
    if index.metadata()?.len() > COPY_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut copy = File::create_new(to)?;
    io::copy(&mut index, &mut copy)?;
    copy.set_modified(index.metadata()?.modified()?)
}

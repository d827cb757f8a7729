//! The files of the repository as the rules see them: a path with forward slashes, the text, and for Rust the code
//! without comments and the contents of strings.

use std::fs;
use std::path::Path;

use super::{TidyError, code};

/// Folders that hold nothing of ours.
const FOREIGN_FOLDERS: [&str; 3] = ["target", "node_modules", ".git"];

/// What the rules look at.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    /// The modules that only tests have: each one's file, and the folder of its own modules.
    test_modules: Vec<(String, String)>,
}

/// One file.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
    /// The text with comments and the contents of strings blanked out, line by line; empty unless it is Rust.
    pub(super) code: String,
}

impl Tree {
    /// All text files below the folder.
    pub(super) fn read(root: &Path) -> Result<Self, TidyError> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self::new(files))
    }

    fn new(files: Vec<File>) -> Self {
        let test_modules = files.iter().flat_map(File::test_modules).collect();
        Self { files, test_modules }
    }

    /// A tree of these paths and texts.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self::new(files.into_iter().map(|(path, text)| File::new(path.to_owned(), text.to_owned())).collect())
    }

    /// The files of our own Rust code.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.has_extension(&["rs"]))
    }

    /// For each line of this Rust file, whether only tests have it.
    pub(super) fn test_lines(&self, file: &File) -> Vec<bool> {
        let mut tests = code::test_lines(&file.code);
        if file.is_test()
            || self.test_modules.iter().any(|(path, folder)| file.path == *path || file.path.starts_with(folder))
        {
            tests.fill(true);
        }
        tests
    }

    /// The file of this path.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is a file or a folder of this path.
    pub(super) fn exists(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

impl File {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { code::blank(&text) } else { String::new() };
        Self { path, text, code }
    }

    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Written by `cargo xtask codegen`.
    pub(super) fn is_generated(&self) -> bool {
        self.path.ends_with("generated.rs")
    }

    /// The modules that this file declares for tests only: each one's file, and the folder of its own modules.
    fn test_modules(&self) -> Vec<(String, String)> {
        let folder = self.folder_of_modules();
        let names = code::test_modules(&self.code).into_iter();
        names.map(|name| (format!("{folder}{name}.rs"), format!("{folder}{name}/"))).collect()
    }

    /// The folder of this module's own modules, with a slash at the end.
    fn folder_of_modules(&self) -> String {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let root = ["lib", "main", "mod"].into_iter().find_map(|name| path.strip_suffix(name)?.strip_suffix('/'));
        format!("{}/", root.unwrap_or(path))
    }

    /// A file of tests only, whose length is that of its tables.
    pub(super) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs" || name.ends_with("_tests.rs") || self.path.contains("/tests/")
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), TidyError> {
    let failed = |source| TidyError::Read(folder.display().to_string(), source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && !FOREIGN_FOLDERS.contains(&name.as_str()) {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            // What is not text is none of the rules' business, but a link may lead to it.
            files.push(File::new(path, fs::read_to_string(entry.path()).unwrap_or_default()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_have_is_known_by_name_by_place_and_by_declaration() {
        let tree = Tree::of([
            ("a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod testing;\n"),
            ("a/src/testing.rs", "fn t() {}"),
            ("a/src/b.rs", "#[cfg(test)]\nmod c;\n"),
            ("a/src/b/c.rs", "fn t() {}"),
            ("a/src/b/d_tests.rs", "fn t() {}"),
            ("a/tests/e.rs", "fn t() {}"),
            ("a/src/c.rs", "fn t() {}"),
        ]);
        let only_tests = |file: &&File| tree.test_lines(file).iter().all(|test| *test);
        let found: Vec<&str> = tree.rust().filter(only_tests).map(|file| file.path.as_str()).collect();
        assert_eq!(found, ["a/src/testing.rs", "a/src/b.rs", "a/src/b/c.rs", "a/src/b/d_tests.rs", "a/tests/e.rs"]);
    }
}

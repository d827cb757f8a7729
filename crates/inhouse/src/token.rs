//! A generated token: made of 256 random bits, shown once, or written where only its owner reads it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use inhouse_trust::Secret;
use nix::unistd::geteuid;

const TOKEN_BYTES: usize = 32;
/// A token of the operator's that is shorter can be guessed.
pub(crate) const STRONG_BYTES_MIN: usize = 16;

/// Why a token can not be made or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The system has no random bytes.
    #[error("no random bytes for a token: {0}")]
    Random(getrandom::Error),
    /// The file or its folder can not be written.
    #[error("the token file {path} can not be written: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Someone else could read or replace the file.
    #[error("the folder {path} for the token file is not this user's alone")]
    Shared {
        /// The folder.
        path: PathBuf,
    },
}

/// A new token of 64 hexadecimal digits.
///
/// # Errors
/// [`TokenError::Random`].
pub(crate) fn generate() -> Result<Secret, TokenError> {
    Ok(Secret::new(random_hex::<TOKEN_BYTES>()?))
}

/// Whether a token that the operator chose can be guessed.
pub(crate) fn is_weak(token: &Secret) -> bool {
    token.expose().len() < STRONG_BYTES_MIN
}

fn random_hex<const N: usize>() -> Result<String, TokenError> {
    let mut bytes = zeroize::Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(TokenError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file with the token, which only its owner can read. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// Writes a new file: below `runtime`, the user's own runtime folder, where there is one, else below `temporary`.
    ///
    /// # Errors
    /// [`TokenError`]; a folder that others can write to is never used.
    pub(crate) fn write(token: &Secret, runtime: Option<&Path>, temporary: &Path) -> Result<Self, TokenError> {
        let own = runtime.filter(|runtime| runtime.is_absolute()).map(|runtime| write_below(&folder(runtime), token));
        match own {
            Some(Ok(file)) => Ok(file),
            Some(Err(_)) | None => write_below(&shared_folder(temporary), token),
        }
    }

    /// The absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // It may have been removed by its owner already.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder of token files below a user's own runtime folder.
pub(crate) fn folder(runtime: &Path) -> PathBuf {
    runtime.join("inhouse")
}

/// The same below a folder that is everybody's.
pub(crate) fn shared_folder(temporary: &Path) -> PathBuf {
    temporary.join(format!("inhouse-{}", geteuid()))
}

fn write_below(folder: &Path, token: &Secret) -> Result<TokenFile, TokenError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| TokenError::Write { path, source }
    };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(folder)(error)),
        _ => {}
    }
    // Not followed: a link of another user's would lead the token anywhere.
    let found = fs::symlink_metadata(folder).map_err(failed(folder))?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(TokenError::Shared { path: folder.into() });
    }
    let path = folder.join(format!("token-{}", random_hex::<8>()?));
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed(&path))?;
    let kept = TokenFile { path };
    file.write_all(token.expose().as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed(&kept.path))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::testing::Folder;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_generated_token_has_256_bits_and_is_new_each_time() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert!(one.expose().len() == 64 && one.expose().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(one.expose(), other.expose());
        assert!(!is_weak(&one) && is_weak(&Secret::new("team-secret".into())));
    }

    #[test]
    fn the_token_file_is_its_owners_alone_and_goes_when_it_is_dropped() {
        let folder = Folder::new();
        let token = generate().unwrap();
        let file = TokenFile::write(&token, Some(folder.path()), Path::new("/no/such")).unwrap();
        let path = file.path().to_path_buf();
        assert!(path.starts_with(folder.path().join("inhouse")));
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), token.expose());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn without_a_runtime_folder_the_temporary_one_holds_a_folder_of_the_user() {
        let folder = Folder::new();
        let token = generate().unwrap();
        for runtime in [None, Some(Path::new("/no/such/runtime")), Some(Path::new("relative"))] {
            let file = TokenFile::write(&token, runtime, folder.path()).unwrap();
            assert_eq!(file.path().parent().unwrap().parent().unwrap(), folder.path());
        }
    }

    #[test]
    fn a_folder_that_others_can_write_to_or_lead_elsewhere_is_not_used() {
        let folder = Folder::new();
        let token = generate().unwrap();
        let taken = folder.path().join(format!("inhouse-{}", geteuid()));
        fs::create_dir(&taken).unwrap();
        fs::set_permissions(&taken, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(TokenFile::write(&token, None, folder.path()), Err(TokenError::Shared { .. })));
        assert_eq!(fs::read_dir(&taken).unwrap().count(), 0);
        fs::remove_dir(&taken).unwrap();
        folder.dir("elsewhere");
        symlink(folder.path().join("elsewhere"), &taken).unwrap();
        assert!(matches!(TokenFile::write(&token, None, folder.path()), Err(TokenError::Shared { .. })));
    }
}

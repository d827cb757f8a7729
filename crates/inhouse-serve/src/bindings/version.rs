//! Which generation of the protocol a caller speaks (spec 3.6).

use inhouse_proto::error::{A2aError, ErrorKind};

use super::Call;

/// A generation of the protocol, as far as callers can tell one from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// A2A 1.0.
    V1,
    /// A2A 0.3, and 0.2 where it is the same: `message/send` and its kin.
    V03,
    /// A2A 0.1: `tasks/send` and its kin.
    First,
}

impl Generation {
    /// What is remembered of a task that came by this generation.
    pub(crate) fn label(self) -> u8 {
        match self {
            Self::V1 => 0,
            Self::V03 => 3,
            Self::First => 1,
        }
    }
}

impl Generation {
    /// The version that it is called by.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V03 => "0.3",
            Self::First => "0.1",
        }
    }
}

impl Call<'_> {
    /// The generation that the caller says it speaks, if it says so.
    ///
    /// # Errors
    /// Version not supported, for any other.
    pub(crate) fn generation(&self) -> Result<Option<Generation>, A2aError> {
        let Some(version) = self.version()? else { return Ok(None) };
        match major_minor(version) {
            Ok((1, 0)) => Ok(Some(Generation::V1)),
            Ok((0, 2 | 3)) => Ok(Some(Generation::V03)),
            Ok((0, 1)) => Ok(Some(Generation::First)),
            _ => Err(version_refused(version, "1.0, 0.3, 0.2, 0.1")),
        }
    }
}

/// The version is not spoken here (spec 3.6.2).
pub(crate) fn version_refused(version: &str, supported: &str) -> A2aError {
    let asked: String = version.chars().take(32).collect();
    A2aError::new(ErrorKind::VersionNotSupported).with("version", asked).with("supportedVersions", supported)
}

/// `1.0` and `1.0.3` are the same version (spec 3.6).
fn major_minor(version: &str) -> Result<(u32, u32), ()> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().map_err(|_| ()));
    let (major, minor) = (numbers.next().ok_or(())??, numbers.next().ok_or(())??);
    match (numbers.next(), numbers.next()) {
        (None | Some(Ok(_)), None) => Ok((major, minor)),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_numbers_do_not_matter_and_other_forms_are_no_versions() {
        for (version, parsed) in [
            ("1.0", Ok((1, 0))),
            ("1.0.7", Ok((1, 0))),
            ("0.3", Ok((0, 3))),
            ("9.9", Ok((9, 9))),
            ("1", Err(())),
            ("1.0.0.0", Err(())),
            ("1.x", Err(())),
            ("v1.0", Err(())),
            ("1.0-rc", Err(())),
        ] {
            assert_eq!(major_minor(version), parsed, "{version}");
        }
    }
}

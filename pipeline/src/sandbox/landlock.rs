//! Landlock: rules for files, TCP and signals that a process puts on itself (Linux, `Documentation/userspace-api/landlock.rst`).

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// Denies access to files but for reading below `paths`, and to TCP and signals, as far as the kernel can.
///
/// # Errors
/// If the kernel has no Landlock.
pub(super) fn restrict_to_reading(paths: &[PathBuf]) -> Result<(), String> {
    restrict(paths, AccessFs::ReadFile | AccessFs::ReadDir)
}

/// The same for a process that becomes another program: it may read and run what is below `paths`.
///
/// # Errors
/// If the kernel has no Landlock.
pub(crate) fn restrict_to_programs(paths: &[PathBuf]) -> Result<(), String> {
    restrict(
        paths,
        AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute,
    )
}

fn restrict(paths: &[PathBuf], rights: BitFlags<AccessFs>) -> Result<(), String> {
    let restricted = || -> Result<RulesetStatus, RulesetError> {
        let abi = ABI::V6;
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(paths, rights))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match restricted() {
        // With an older kernel files are closed, TCP (before 6.7) and signals (before 6.12) are not.
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Ok(RulesetStatus::NotEnforced) => Err("this kernel does not offer it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::ErrorKind, thread};

    use super::*;

    #[test]
    fn only_fonts_can_be_read() {
        let (fonts, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&fonts, &other] {
            fs::write(dir.path().join("file"), "text").unwrap();
        }
        // Landlock holds for one thread and its children.
        let held = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let dirs = [fonts.path().to_owned(), "/nowhere".into()];
                    restrict_to_reading(&dirs).ok()?;
                    let read = |dir: &tempfile::TempDir| fs::read(dir.path().join("file"));
                    let write = fs::write(fonts.path().join("new"), "");
                    Some((read(&fonts), read(&other), write))
                })
                .join()
                .unwrap()
        });
        let Some((font, secret, write)) = held else {
            eprintln!("skipped: this kernel has no Landlock");
            return;
        };
        assert_eq!(font.unwrap(), b"text");
        assert_eq!(secret.unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(write.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}

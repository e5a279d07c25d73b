//! Keys of a gateway's configuration: read from the file of master keys, or made for itself as in the demo.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Random, Secret};

/// A new key: 32 random bytes as base64.
pub(crate) fn generate(random: &dyn Random) -> String {
    STANDARD.encode(random.bytes_32())
}

/// The key kept in `file`, made on first use and readable by its owner only.
pub(crate) fn kept(file: &Path, random: &dyn Random) -> anyhow::Result<String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = generate(random);
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut created = options
                .open(file)
                .with_context(|| format!("cannot create {}", file.display()))?;
            writeln!(created, "{key}").with_context(|| format!("cannot write {}", file.display()))?;
            created.sync_all()?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// The master keys of a file: lines of `id:key`, in order. Empty lines and those that begin with `#` say nothing.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<store::MasterKey>> {
    let named = || path.display().to_string();
    check_permissions(path)?;
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", named()))?;
    let lines = text.lines().map(str::trim).enumerate();
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    keys.map(|(number, line)| {
        // The line itself is not shown: it may be a key.
        let Some((id, key)) = line.split_once(':') else {
            bail!("{}, line {}: expected `id:key`", named(), number + 1);
        };
        Ok(store::MasterKey {
            id: id.trim().to_owned(),
            key: Secret::new(key.trim()),
        })
    })
    .collect()
}

/// Others than the owner and its group must not be able to read keys, nor anybody but the owner to replace them.
fn check_permissions(path: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let named = path.display();
        let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {named}"))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        ensure!(
            mode & 0o026 == 0,
            "{named} can be read by everybody or changed by others (mode {mode:04o}): `chmod 600`; in Kubernetes \
             `defaultMode: 0400` of the secret's volume"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;

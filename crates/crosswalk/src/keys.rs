//! Keys that a gateway makes for itself: a master key and, in the demo, an operator key.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Random;

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

//! `crosswalk mappings`: a folder of mapping documents checked, held to its golden cases, and explained.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use mapping::{Catalog, OverrideSource, Plan, editor_schemas, run_cases};

use crate::command_line::MappingsCommand;
use crate::manage::overrides;
use crate::output::object;

/// Does one of the commands and answers what it has to say; mistakes are the error.
pub(crate) async fn run(command: &MappingsCommand) -> anyhow::Result<String> {
    match command {
        MappingsCommand::Check { folder } => {
            let catalog = load(folder)?;
            let line = |provider| {
                let resources: Vec<&str> = catalog.provider_resources(provider).collect();
                format!("{provider}: {}\n", resources.join(", "))
            };
            let stands_here = |provider: &&str| folder.join(provider).is_dir();
            Ok(catalog.provider_names().filter(stands_here).map(line).collect())
        }
        MappingsCommand::Schemas { folder } => {
            let schemas = folder.join("schema");
            std::fs::create_dir_all(&schemas).with_context(|| schemas.display().to_string())?;
            let write = |(name, text): (&str, &str)| {
                let path = schemas.join(name);
                std::fs::write(&path, text).with_context(|| path.display().to_string())?;
                Ok(format!("{}\n", path.display()))
            };
            editor_schemas().map(write).collect()
        }
        MappingsCommand::Test { folder } => {
            let report = run_cases(&load(folder)?, folder);
            ensure!(
                report.mistakes.is_empty(),
                "{}\n\n{} of {} cases do not hold, or are missing",
                report.mistakes.join("\n\n"),
                report.mistakes.len(),
                report.cases
            );
            Ok(format!("{} cases hold\n", report.cases))
        }
        MappingsCommand::Explain(options) => {
            let described = match (&options.connection, options.names.as_slice()) {
                (Some(connection), [resource]) => {
                    let gateway = options.tenant.gateway()?.for_connection(connection)?;
                    gateway.get(&["unified", "meta", "crm", resource], &[]).await?
                }
                (None, [provider, resource]) => {
                    let catalog = match &options.folder {
                        Some(folder) => load(folder)?,
                        None => Catalog::embedded()?,
                    };
                    merged(&catalog, provider, resource, &options.overrides)?.description()
                }
                (Some(_), _) => bail!("with --connection name the resource alone: its provider is known"),
                (None, _) => bail!("name the provider and the resource, or a resource with --connection"),
            };
            Ok(object(&described))
        }
        MappingsCommand::Overrides(command) => overrides::run(command).await,
    }
}

pub(crate) fn load(folder: &Path) -> anyhow::Result<Catalog> {
    ensure!(
        folder.is_dir(),
        "{}: no such folder; name one that holds a folder for each provider, as `mappings` does",
        folder.display()
    );
    Ok(Catalog::from_dir(folder)?)
}

/// The plan of a resource with documents laid over it: the first as the tenant's, the second as the connection's.
fn merged(
    catalog: &Catalog,
    provider: &str,
    resource: &str,
    overrides: &[PathBuf],
) -> anyhow::Result<Arc<Plan>> {
    if catalog.provider(provider).is_none() {
        let known: Vec<&str> = catalog.provider_names().collect();
        bail!("{provider}: no such provider; there are: {}", known.join(", "));
    }
    let levels = ["tenant", "connection"];
    ensure!(
        overrides.len() <= levels.len(),
        "--override: there are two levels above the documents, a tenant's and a connection's"
    );
    let texts: Vec<String> = overrides
        .iter()
        .map(|path| std::fs::read_to_string(path).with_context(|| path.display().to_string()))
        .collect::<Result<_, _>>()?;
    let sources: Vec<OverrideSource<'_>> = levels
        .iter()
        .zip(&texts)
        .map(|(level_name, document)| OverrideSource { level_name, document })
        .collect();
    Ok(catalog.plan(provider, resource, &sources)?)
}

//! `crosswalk mappings`, as far as it is about a tenant's own layers over the mappings that ship.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{body, file, text};
use crate::client::{Body, TenantAccess, rows};
use crate::output::{Form, object, text_of};

#[derive(Debug, Subcommand)]
pub(crate) enum OverridesCommand {
    /// List the tenant's overrides, through a running gateway.
    List {
        #[command(flatten)]
        form: Form,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// Print an override as it was put, through a running gateway.
    Show {
        #[command(flatten)]
        target: Target,
        /// Its version and the time of its change too, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// Check an override and lay it over what ships, from now on and on every node, through a running gateway.
    Put {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// Take an override back, through a running gateway. Its history stays.
    Delete {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// List the versions of an override, through a running gateway; --json prints their documents.
    History {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        form: Form,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// Put the document of an earlier version again, as a version of its own, through a running gateway.
    RollBack {
        #[command(flatten)]
        target: Target,
        /// The version, as `history` lists them.
        #[arg(long, value_name = "VERSION")]
        to: i64,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// Print a real record as it is answered now and as it would be with an override, through a running gateway.
    Preview {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        document: Document,
        /// For an override of the tenant's: a record of this connection.
        #[arg(
            long,
            value_name = "ID",
            required_unless_present = "connection",
            conflicts_with = "connection"
        )]
        on: Option<String>,
        /// The provider's id of the record; without it, the first one found.
        #[arg(long, value_name = "ID")]
        record: Option<String>,
        #[command(flatten)]
        tenant: TenantAccess,
    },
}

/// Which override is meant.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The provider's name and the resource, such as contacts; with --connection the resource alone.
    #[arg(required = true, num_args = 1..=2, value_names = ["PROVIDER", "RESOURCE"])]
    names: Vec<String>,
    /// The override of this connection, instead of the tenant's.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
}

/// A mapping document.
#[derive(Debug, Args)]
pub(crate) struct Document {
    /// The document, YAML or JSON; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

impl Target {
    /// The override's route, or one below it.
    fn path<'a>(&'a self, below: &[&'a str]) -> anyhow::Result<Vec<&'a str>> {
        let mut path = match (&self.connection, self.names.as_slice()) {
            (Some(connection), [resource]) => vec!["connections", connection, "mappings", resource],
            (None, [provider, resource]) => vec!["mappings", provider, resource],
            (Some(_), _) => bail!("with --connection name the resource alone: its provider is known"),
            (None, _) => bail!("name the provider and the resource, or a resource with --connection"),
        };
        path.extend(below);
        Ok(path)
    }
}

pub(crate) async fn run(command: &OverridesCommand) -> anyhow::Result<String> {
    match command {
        OverridesCommand::List { form, tenant } => {
            let listed = tenant.gateway()?.get(&["mappings"], &[]).await?;
            let columns = [
                "provider",
                "resource",
                "level",
                "connection_id",
                "version",
                "updated_at",
            ];
            Ok(form.print(&rows(&listed), &columns))
        }
        OverridesCommand::Show { target, json, tenant } => {
            let kept = tenant.gateway()?.get(&target.path(&[])?, &[]).await?;
            Ok(match kept["document"].as_str() {
                // To the byte, for it to be edited and put again.
                Some(document) if !json => document.to_owned(),
                _ => object(&kept),
            })
        }
        OverridesCommand::Put {
            target,
            document,
            tenant,
        } => {
            let (path, document) = (target.path(&[])?, file(&document.file)?);
            let kept = tenant
                .gateway()?
                .call(Method::PUT, &path, &[], Body::Yaml(&document))
                .await?;
            Ok(version(&kept))
        }
        OverridesCommand::Delete { target, tenant } => {
            tenant.gateway()?.delete(&target.path(&[])?).await?;
            Ok("the override is taken back\n".to_owned())
        }
        OverridesCommand::History { target, form, tenant } => {
            let path = target.path(&["history"])?;
            let mut versions = rows(&tenant.gateway()?.get(&path, &[]).await?);
            if !form.json {
                for version in &mut versions {
                    let document = match version["document"].as_str() {
                        Some(document) => format!("{} bytes", document.len()),
                        None => "taken back".to_owned(),
                    };
                    version["document"] = Value::from(document);
                }
            }
            Ok(form.print(&versions, &["version", "created_at", "document"]))
        }
        OverridesCommand::RollBack { target, to, tenant } => {
            let path = target.path(&["rollback"])?;
            let kept = tenant.gateway()?.post(&path, &json!({ "version": to })).await?;
            Ok(version(&kept))
        }
        OverridesCommand::Preview {
            target,
            document,
            on,
            record,
            tenant,
        } => {
            let path = target.path(&["preview"])?;
            let body = body([
                ("document", Some(Value::from(file(&document.file)?))),
                ("record_id", text(record.as_ref())),
            ]);
            let mut gateway = tenant.gateway()?;
            if let Some(connection) = on {
                gateway = gateway.for_connection(connection)?;
            }
            Ok(object(&gateway.post(&path, &body).await?))
        }
    }
}

fn version(kept: &Value) -> String {
    format!("version {} is in force\n", text_of(&kept["version"]))
}

//! `crosswalk keys`: what is sealed by which key, and moving on to new ones, asked of a running gateway.
//!
//! A gateway is asked because on SQLite nobody else may open the database, and because it has the keys.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::client::Gateway;
use crate::command_line::{Keys, KeysCommand};

/// Longest wait for one answer: a count of many records takes its time.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

pub(crate) async fn run(Keys { operator, command }: &Keys) -> anyhow::Result<String> {
    let gateway = operator.gateway()?.within(ANSWER_TIMEOUT);
    match command {
        KeysCommand::Status => Ok(status(&gateway.get(&["admin", "keyring"], &[]).await?)),
        KeysCommand::Rotate { data_keys } => rotate(&gateway, *data_keys).await,
        KeysCommand::Retire { id } => {
            gateway
                .post(&["admin", "keyring", "retire"], &json!({ "id": id }))
                .await?;
            Ok(format!(
                "{id} is retired: take it off the list of every node at its next start\n"
            ))
        }
    }
}

/// Steps until none is left, and tells what they did together.
async fn rotate(gateway: &Gateway, data_keys: bool) -> anyhow::Result<String> {
    let mut body = json!({ "data_keys": data_keys });
    let mut done = [("rewrapped", 0), ("made", 0), ("resealed", 0), ("failed", 0)];
    loop {
        let step = gateway.post(&["admin", "keyring", "rotate"], &body).await?;
        for (name, count) in &mut done {
            *count += step[*name].as_u64().unwrap_or(0);
        }
        if step["next"].is_null() {
            break;
        }
        body = step["next"].clone();
    }
    let [(_, rewrapped), (_, made), (_, resealed), (_, failed)] = done;
    ensure!(
        failed == 0,
        "{failed} data keys or records do not open and were left as they are: the gateway's log names them; \
         {rewrapped} data keys were wrapped anew, {made} made, {resealed} records sealed anew"
    );
    Ok(format!(
        "{rewrapped} data keys wrapped by the first master key, {made} made, {resealed} records sealed anew\n"
    ))
}

/// A keyring as a table for people.
fn status(keyring: &Value) -> String {
    let mut text = String::from("master key                        data keys    records  \n");
    // Writing to a String cannot fail.
    for key in keyring["master_keys"].as_array().into_iter().flatten() {
        let records: u64 = key["records"]
            .as_object()
            .into_iter()
            .flat_map(|columns| columns.values().filter_map(Value::as_u64))
            .sum();
        let mut notes = Vec::new();
        if key["is_first"] == true {
            notes.push("wraps what is new".to_owned());
        }
        if key["is_configured"] == false {
            notes.push("not on this node's list".to_owned());
        }
        if let Some(at) = key["retired_at"].as_str() {
            notes.push(format!("retired {at}"));
        } else if key["is_needed"] == false && key["is_first"] == false {
            notes.push("not needed: may be retired".to_owned());
        }
        let _infallible = writeln!(
            text,
            "{:<32}  {:>9}  {records:>9}  {}",
            key["id"].as_str().unwrap_or_default(),
            key["data_keys"],
            notes.join("; ")
        );
    }
    text.push_str("\ndata keys of generation             tenants    records\n");
    for of in keyring["data_keys"].as_array().into_iter().flatten() {
        let generation = of["generation"].to_string();
        let _infallible = writeln!(
            text,
            "{generation:<32}  {:>9}  {:>9}",
            of["tenants"], of["records"]
        );
    }
    if let Some(unreadable) = keyring["unreadable"].as_u64().filter(|count| *count > 0) {
        let _infallible = writeln!(text, "\n{unreadable} records name no kind of key and do not open");
    }
    text
}

//! The commands that ask a gateway, as a tenant or an operator types them: what each does is read back by other means.

mod connecting;
mod https;
mod operator;
mod overrides;
mod webhooks;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Tenant, World, canaries};

const OPERATOR_KEY: &str = "CROSSWALK_OPERATOR_KEY";
const API_KEY: &str = "CROSSWALK_API_KEY";
const URL: &str = "CROSSWALK_URL";

/// Somebody at a shell that has these variables and no others.
struct Shell(Vec<(&'static str, String)>);

impl Shell {
    fn of(tenant: &Tenant, world: &World) -> Self {
        Self(vec![
            (URL, world.gateways[0].url.clone()),
            (API_KEY, tenant.key.clone()),
        ])
    }

    fn of_operator(world: &World) -> Self {
        Self(vec![
            (URL, world.gateways[0].url.clone()),
            (OPERATOR_KEY, world.operator_key.clone()),
        ])
    }

    /// With one variable said anew.
    fn with(&self, name: &'static str, value: &str) -> Self {
        let mut variables = self.0.clone();
        variables.retain(|(own, _)| *own != name);
        variables.push((name, value.to_owned()));
        Self(variables)
    }

    /// Whether the command worked, and what it said.
    fn run(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_crosswalk"))
            .args(arguments)
            .env_clear()
            .envs(self.0.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        // One that reads nothing may be over already.
        let _ = process
            .stdin
            .take()
            .expect("an input")
            .write_all(input.as_bytes());
        let done = process.wait_with_output().expect("a process");
        canaries::collect(&done.stdout);
        let told = String::from_utf8([done.stdout, done.stderr].concat()).expect("UTF-8");
        for (name, value) in &self.0 {
            assert!(
                !name.ends_with("_KEY") || value.is_empty() || !told.contains(value),
                "{arguments:?} tells a key: {told}"
            );
        }
        (done.status.success(), told)
    }

    /// What a command says that must work.
    fn done(&self, arguments: &[&str]) -> String {
        self.done_with(arguments, "")
    }

    fn done_with(&self, arguments: &[&str], input: &str) -> String {
        let (works, told) = self.run(arguments, input);
        assert!(works, "{arguments:?}: {told}");
        told
    }

    /// As JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        let told = self.done(arguments);
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {told}"))
    }

    /// As one JSON object to a line.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let told = self.done(arguments);
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        told.lines().map(read).collect()
    }

    /// What a command says that must not work.
    fn refused(&self, arguments: &[&str], why: &str) {
        let (works, told) = self.run(arguments, "");
        assert!(!works, "{arguments:?}: {told}");
        assert!(told.contains(why), "{arguments:?}: {told}");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

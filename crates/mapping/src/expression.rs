//! The one module that knows the JSONata engine (`jlens-core`, pinned).
//!
//! Everything that keeps a tenant's expression from harming anybody else is decided here: what is refused at compile,
//! which limits hold while it runs, and that a panic inside the engine is an error of that evaluation only.

mod input;
mod lenient;
mod output;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use jlens_core::reads::Read;
use jlens_core::{Bindings, Node, NodeKind, Options};
use serde_json::Value;

use self::output::TreeBuilder;
use crate::tree::Tree;

pub(crate) use input::Input;
pub(crate) use jlens_core::{Error as EngineError, HostCall, HostFunction};

/// Longest expression, bytes.
pub(crate) const SOURCE_MAX_BYTES: usize = 64 << 10;
/// Deepest nesting of brackets in an expression.
pub(crate) const NESTING_MAX: usize = 64;
/// Deepest evaluation: calls within calls, each of several levels.
const DEPTH_MAX: usize = 200;
/// Longest text an evaluation may build, bytes.
const STRING_MAX_BYTES: usize = 4 << 20;
/// Longest array an evaluation may build, items.
const ARRAY_MAX_ITEMS: usize = 100_000;
/// Steps an evaluation may take for each millisecond it has: more than the engine does in one.
const STEPS_PER_MS: u64 = 20_000;

/// Expressions in use, by their text: the plans of a thousand customers lie over the same documents, and the tree of one
/// of those takes more memory than all that a customer adds.
static SHARED: LazyLock<Mutex<HashMap<String, Weak<Expression>>>> = LazyLock::new(Mutex::default);
/// From so many texts on those are forgotten that nobody uses any more, each time their number has doubled.
const SHARED_SWEEP_MIN: usize = 1_024;

/// A compiled expression: shared between threads, evaluated many times.
pub(crate) struct Expression {
    engine: jlens_core::Expression,
    /// Names of variables it reads, without `$`: functions among them.
    variables: Vec<String>,
    /// Its text literals: names of provider fields are among them.
    literals: Vec<String>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Expression")
            .field(&self.engine.source())
            .finish()
    }
}

/// What became of an evaluation that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The expression is wrong, or wrong for this input.
    Failed,
    /// Out of time or steps.
    TimedOut,
    /// Built too much or went too deep.
    TooLarge,
}

/// Why an expression does not compile or did not evaluate. Holds no value of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpressionError {
    /// What became of it.
    pub(crate) failure: Failure,
    /// JSONata's code.
    pub(crate) code: String,
    /// JSONata's words.
    pub(crate) message: String,
    /// Offset in the expression, UTF-16 units.
    pub(crate) position: Option<usize>,
    /// The token there.
    pub(crate) token: Option<String>,
}

/// What one evaluation may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// Time, ms.
    pub(crate) time_ms: u64,
    /// Largest result, bytes of JSON text.
    pub(crate) result_max_bytes: usize,
    /// What `$now()` and `$millis()` answer, ms since 1970; without it they are errors.
    pub(crate) now_ms: Option<i64>,
}

impl Expression {
    /// Compiles an expression; a comma before `}`, `]` or `)` is forgiven.
    pub(crate) fn compile(source: &str) -> Result<Self, ExpressionError> {
        let expression = Self::compile_any(source)?;
        if let Some(position) = position_of_variable(&expression.engine.ast().root, "eval") {
            return Err(ExpressionError {
                failure: Failure::Failed,
                code: "S0500".to_owned(),
                message: "$eval is not available: text must not become an expression".to_owned(),
                position: Some(position),
                token: Some("eval".to_owned()),
            });
        }
        Ok(expression)
    }

    /// Compiles an expression, or gives the one of the same text that is in use.
    pub(crate) fn shared(source: &str) -> Result<Arc<Self>, ExpressionError> {
        let lock = || SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expression) = lock().get(source).and_then(Weak::upgrade) {
            return Ok(expression);
        }
        let expression = Arc::new(Self::compile(source)?);
        let mut shared = lock();
        if shared.len() >= SHARED_SWEEP_MIN && shared.len().is_power_of_two() {
            shared.retain(|_, expression| expression.strong_count() > 0);
        }
        shared.insert(source.to_owned(), Arc::downgrade(&expression));
        Ok(expression)
    }

    fn compile_any(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > SOURCE_MAX_BYTES {
            return Err(refused(format!(
                "The expression has {} bytes; at most {SOURCE_MAX_BYTES} are allowed",
                source.len()
            )));
        }
        let text =
            lenient::without_trailing_commas(source, NESTING_MAX).map_err(|position| ExpressionError {
                position: Some(position),
                ..refused(format!(
                    "The expression is nested more than {NESTING_MAX} levels deep"
                ))
            })?;
        let engine = guarded(|| jlens_core::Expression::compile(&text))?;
        let mut variables = Vec::new();
        let mut literals = Vec::new();
        visit(&engine.ast().root, &mut |node| match &node.kind {
            NodeKind::Variable { name } if !variables.contains(name) => variables.push(name.clone()),
            NodeKind::String { value } if !literals.contains(value) => literals.push(value.clone()),
            _ => {}
        });
        Ok(Self {
            engine,
            variables,
            literals,
        })
    }

    /// Whether the expression reads a variable or calls a function of this name, given without `$`.
    pub(crate) fn mentions(&self, variable: &str) -> bool {
        self.variables.iter().any(|name| name == variable)
    }

    /// The text literals of the expression.
    pub(crate) fn literals(&self) -> &[String] {
        &self.literals
    }

    /// Paths that the expression reads below a field of its input, dots between their parts; `None` when it reads the
    /// whole of it, as `$sift($, …)` does.
    pub(crate) fn reads_below(&self, field: &str, bindings: &Bindings) -> Option<Vec<String>> {
        let reads = self.engine.reads_with(bindings);
        let Some(below) = reads.input()?.fields()?.get(field) else {
            return Some(Vec::new());
        };
        let mut paths = Vec::new();
        gather(below.fields()?, "", &mut paths);
        Some(paths)
    }

    /// For an expression that ends in an object: each of its keys with the field paths that its value is made of.
    pub(crate) fn fields_by_key(&self) -> Vec<(String, Vec<String>)> {
        let mut keys = Vec::new();
        visit(&self.engine.ast().root, &mut |node| {
            // The outermost object is met first.
            if let NodeKind::Object { pairs } = &node.kind
                && keys.is_empty()
            {
                for (key, value) in pairs {
                    if let NodeKind::String { value: key } = &key.kind {
                        keys.push((key.clone(), field_paths(value)));
                    }
                }
            }
        });
        keys
    }

    /// Evaluates with functions and limits; `None` is JSONata's undefined.
    pub(crate) fn evaluate(
        &self,
        input: &Input<'_>,
        bindings: &Bindings,
        allowance: &Allowance,
    ) -> Result<Option<Value>, ExpressionError> {
        run(self, bindings, allowance, |bindings, options| {
            self.engine.evaluate_source(input, bindings, options)
        })
    }

    /// As [`Self::evaluate`], answering a tree.
    pub(crate) fn evaluate_tree(
        &self,
        input: &Input<'_>,
        bindings: &Bindings,
        allowance: &Allowance,
    ) -> Result<Option<Tree>, ExpressionError> {
        run(self, bindings, allowance, |bindings, options| {
            self.engine
                .evaluate_source_to(input, bindings, options, |output| output.write(&mut TreeBuilder))
        })
    }
}

/// Evaluates within the limits, and without a clock where none is given.
fn run<R>(
    expression: &Expression,
    bindings: &Bindings,
    allowance: &Allowance,
    evaluate: impl FnOnce(&Bindings, &Options) -> jlens_core::Result<R>,
) -> Result<R, ExpressionError> {
    let clockless;
    let reads_clock = || expression.mentions("now") || expression.mentions("millis");
    let bindings = if allowance.now_ms.is_none() && reads_clock() {
        clockless = without_clock(bindings);
        &clockless
    } else {
        bindings
    };
    guarded(|| evaluate(bindings, &options(allowance)))
}

fn options(allowance: &Allowance) -> Options {
    Options::new()
        .timeout(Duration::from_millis(allowance.time_ms))
        .max_steps(allowance.time_ms.saturating_mul(STEPS_PER_MS))
        .max_depth(DEPTH_MAX)
        .max_string_length(STRING_MAX_BYTES)
        .max_array_length(ARRAY_MAX_ITEMS)
        .max_result_size(allowance.result_max_bytes)
        .now(allowance.now_ms.unwrap_or_default())
        // The same records give the same answer, so `$random()` and `$shuffle()` repeat themselves.
        .seed(0)
}

/// Time is passed in; an evaluation that was given none must not answer a made-up one.
fn without_clock(bindings: &Bindings) -> Bindings {
    let refuse = |name: &'static str| {
        HostFunction::new(0, move |_, _| {
            Err(EngineError::new("D3137").with("message", format!("${name}() is not available here")))
        })
        .without_input()
    };
    bindings
        .clone()
        .function("now", refuse("now"))
        .function("millis", refuse("millis"))
}

/// Runs the engine; a panic inside it is an error of this evaluation.
fn guarded<T>(run: impl FnOnce() -> jlens_core::Result<T>) -> Result<T, ExpressionError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ExpressionError::from(&error)),
        Err(payload) => Err(panicked(payload.as_ref())),
    }
}

fn panicked(payload: &(dyn Any + Send)) -> ExpressionError {
    // What a panic says may hold a value of the input: only its place in the world is told.
    let overflow = payload
        .downcast_ref::<&str>()
        .is_some_and(|text| text.contains("overflow"));
    ExpressionError {
        failure: Failure::Failed,
        code: "U2004".to_owned(),
        message: if overflow {
            "The expression made the engine overflow".to_owned()
        } else {
            "The expression made the engine fail".to_owned()
        },
        position: None,
        token: None,
    }
}

fn refused(message: String) -> ExpressionError {
    ExpressionError {
        failure: Failure::TooLarge,
        code: "U1001".to_owned(),
        message,
        position: None,
        token: None,
    }
}

impl From<&EngineError> for ExpressionError {
    fn from(error: &EngineError) -> Self {
        let failure = match error.code() {
            "D1012" | "U1003" | "U1006" => Failure::TimedOut,
            "D1011" | "U1001" | "D2014" | "D2015" | "D2016" => Failure::TooLarge,
            _ => Failure::Failed,
        };
        let mut message = error.message();
        // JSONata puts the value at fault into its messages; it is somebody's data.
        if failure == Failure::Failed && !error.code().starts_with('S') {
            for value in [error.value(), error.detail("value2")].into_iter().flatten() {
                message = message.replace(&value.to_string(), "…");
            }
        }
        Self {
            failure,
            code: error.code().to_owned(),
            message,
            position: error.position(),
            token: error.token(),
        }
    }
}

impl std::fmt::Display for ExpressionError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)?;
        if let Some(position) = self.position {
            write!(formatter, " (position {position}")?;
            if let Some(token) = &self.token {
                write!(formatter, ", near `{token}`")?;
            }
            formatter.write_str(")")?;
        }
        Ok(())
    }
}

fn visit<'a>(node: &'a Node, seen: &mut impl FnMut(&'a Node)) {
    // A list instead of recursion: the depth of a tree is the writer's choice.
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        seen(node);
        node.for_each_child(|child| pending.push(child));
    }
}

/// Names and paths of names in a tree.
fn field_paths(node: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    visit(node, &mut |node| {
        if let NodeKind::Path { steps, .. } = &node.kind {
            let names: Vec<&str> = steps
                .iter()
                .map_while(|step| match &step.kind {
                    NodeKind::Name { name } => Some(name.as_str()),
                    _ => None,
                })
                .collect();
            let path = names.join(".");
            if !path.is_empty() && !paths.contains(&path) {
                paths.push(path);
            }
        }
    });
    paths
}

fn gather(fields: &BTreeMap<String, Read>, above: &str, paths: &mut Vec<String>) {
    for (name, read) in fields {
        let path = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        match read.fields() {
            Some(below) if !below.is_empty() => gather(below, &path, paths),
            _ => paths.push(path),
        }
    }
}

fn position_of_variable(root: &Node, wanted: &str) -> Option<usize> {
    let mut found = None;
    visit(root, &mut |node| {
        if matches!(&node.kind, NodeKind::Variable { name } if name == wanted) {
            found = Some(node.position);
        }
    });
    found
}

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;

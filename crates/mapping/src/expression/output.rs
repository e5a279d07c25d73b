//! What the engine answers, written into trees as it is read out.

use jlens_core::output::Builder;
use serde_json::Number;

use crate::tree::{Fields, Tree};

/// Builds trees from the engine's results.
pub(crate) struct TreeBuilder;

impl Builder for TreeBuilder {
    type Value = Tree;
    type Array = Vec<Tree>;
    type Object = Fields;

    fn null(&mut self) -> Tree {
        Tree::Null
    }

    fn bool(&mut self, value: bool) -> Tree {
        Tree::Bool(value)
    }

    fn number(&mut self, value: f64) -> Tree {
        number(value).map_or(Tree::Null, Tree::Number)
    }

    fn string(&mut self, value: &str) -> Tree {
        Tree::text(value)
    }

    fn array(&mut self, len: usize) -> Vec<Tree> {
        Vec::with_capacity(len)
    }

    fn push(&mut self, array: &mut Vec<Tree>, item: Tree) {
        array.push(item);
    }

    fn end_array(&mut self, array: Vec<Tree>) -> Tree {
        Tree::List(array)
    }

    fn object(&mut self, len: usize) -> Fields {
        Fields::with_capacity(len)
    }

    fn insert(&mut self, object: &mut Fields, key: &str, value: Tree) {
        object.push(key, value);
    }

    fn end_object(&mut self, object: Fields) -> Tree {
        Tree::Object(object)
    }
}

/// A number as JSON writes it: whole ones without a fraction.
fn number(value: f64) -> Option<Number> {
    /// Below it each whole number has a form of its own.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked: whole and far below 2^63"
        )]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

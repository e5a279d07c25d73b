//! Options of the form `--name value`, repeated where a command takes several.

use std::str::FromStr;

use anyhow::{Context as _, bail};

/// The options a command was given; each is one that it knows.
#[derive(Debug)]
pub(crate) struct Arguments {
    given: Vec<(String, String)>,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>, known: &[&str]) -> anyhow::Result<Self> {
        let mut given = Vec::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--").filter(|name| known.contains(name)) else {
                bail!("unknown option {word}; there are: --{}", known.join(", --"));
            };
            let value = words.next().with_context(|| format!("{word} needs a value"))?;
            given.push((name.to_owned(), value));
        }
        Ok(Self { given })
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given
            .iter()
            .filter(move |(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given
            .iter()
            .rev()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str) -> anyhow::Result<&str> {
        self.text(name).with_context(|| format!("--{name} is needed"))
    }

    /// The option's value, or `otherwise` when it was not given.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str, otherwise: T) -> anyhow::Result<T> {
        match self.text(name) {
            None => Ok(otherwise),
            Some(text) => text
                .parse()
                .ok()
                .with_context(|| format!("--{name} {text}: not understood")),
        }
    }

    pub(crate) fn provider(&self) -> &str {
        self.text("provider").unwrap_or("salesforce")
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(words: &[&str]) -> anyhow::Result<Arguments> {
        Arguments::parse(words.iter().map(|word| (*word).to_owned()), &["rounds", "header"])
    }

    #[test]
    fn the_last_value_counts_unless_all_are_asked_for() {
        let arguments = parse(&[
            "--rounds", "3", "--header", "a: 1", "--header", "b: 2", "--rounds", "4",
        ])
        .unwrap();
        assert_eq!(arguments.parsed("rounds", 9).unwrap(), 4);
        assert_eq!(arguments.all("header").collect::<Vec<_>>(), ["a: 1", "b: 2"]);
    }

    #[test]
    fn what_is_not_known_or_not_understood_is_told() {
        let message = |words: &[&str]| parse(words).unwrap_err().to_string();
        assert!(message(&["--round", "3"]).contains("--rounds"));
        assert!(message(&["3"]).contains('3'));
        assert!(message(&["--rounds"]).contains("needs a value"));
        assert!(
            parse(&["--rounds", "x"])
                .unwrap()
                .parsed("rounds", 1)
                .unwrap_err()
                .to_string()
                .contains("--rounds x")
        );
    }
}

//! The search term: words, phrases, wildcards, AND, OR, AND NOT.

/// One wanted phrase.
#[derive(Debug, Clone, PartialEq)]
struct Phrase {
    words: Vec<Vec<char>>,
}

/// A term as alternatives of required and forbidden phrases.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    any: Vec<(Vec<Phrase>, Vec<Phrase>)>,
}

/// A letter of a term after escapes are taken off.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Letter {
    Plain(char),
    /// `*` or `?` with its meaning.
    Wild(char),
}

/// Stands for a wildcard in a compiled word; both lie in the private use area.
const ANY: char = '\u{F8F3}';
const ONE: char = '\u{F8F4}';
/// Letters with a meaning of their own unless escaped.
const RESERVED: &str = "?&|!{}[]()^~*:\\\"'+-";

impl Term {
    /// Reads the text between the braces.
    pub(super) fn read(raw: &str) -> Result<Self, String> {
        let mut any = vec![(Vec::new(), Vec::new())];
        let mut negate = false;
        let mut after_and = false;
        for (quoted, letters) in split(raw) {
            let plain: String = letters
                .iter()
                .map(|letter| match letter {
                    Letter::Plain(l) | Letter::Wild(l) => *l,
                })
                .collect();
            if !quoted {
                match plain.to_ascii_uppercase().as_str() {
                    "AND" => {
                        after_and = true;
                        continue;
                    }
                    "OR" => {
                        any.push((Vec::new(), Vec::new()));
                        continue;
                    }
                    "NOT" if after_and => {
                        negate = true;
                        continue;
                    }
                    _ => {}
                }
            }
            let phrase = Phrase::compile(&letters);
            if let (Some(last), false) = (any.last_mut(), phrase.words.is_empty()) {
                if negate {
                    last.1.push(phrase);
                } else {
                    last.0.push(phrase);
                }
            }
            (negate, after_and) = (false, false);
        }
        Self { any }.checked()
    }

    /// Reads text without operators, as parameterized search takes it.
    pub(super) fn plain(text: &str) -> Result<Self, String> {
        let phrases = text
            .split_whitespace()
            .map(|word| Phrase::compile(&word.chars().map(Letter::Plain).collect::<Vec<_>>()))
            .filter(|phrase| !phrase.words.is_empty())
            .collect();
        Self {
            any: vec![(phrases, Vec::new())],
        }
        .checked()
    }

    fn checked(mut self) -> Result<Self, String> {
        self.any.retain(|(wanted, _)| !wanted.is_empty());
        let letters = |phrase: &Phrase| -> usize {
            phrase
                .words
                .iter()
                .flatten()
                .filter(|letter| **letter != ANY && **letter != ONE)
                .count()
        };
        let long_enough = self.any.iter().any(|(wanted, _)| {
            wanted.iter().map(letters).sum::<usize>() > 1
                || wanted
                    .iter()
                    .any(|phrase| phrase.words.iter().flatten().any(|letter| !letter.is_ascii()))
        });
        if long_enough {
            Ok(self)
        } else {
            Err("search term must be longer than one character".to_owned())
        }
    }

    /// Whether the texts of a row, taken together, satisfy the term.
    pub(super) fn matches(&self, texts: &[&str]) -> bool {
        let words: Vec<Vec<Vec<char>>> = texts.iter().map(|text| words(text)).collect();
        let has = |phrase: &Phrase| words.iter().any(|words| phrase.is_in(words));
        self.any
            .iter()
            .any(|(wanted, unwanted)| wanted.iter().all(has) && !unwanted.iter().any(has))
    }
}

/// Words of a stored text, lower case.
fn words(text: &str) -> Vec<Vec<char>> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().flat_map(char::to_lowercase).collect())
        .collect()
}

/// Splits a raw term at blanks and quotes; an unescaped reserved letter separates.
fn split(raw: &str) -> Vec<(bool, Vec<Letter>)> {
    let mut out = Vec::new();
    let mut current = Vec::new();
    let mut quoted = false;
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => current.extend(letters.next().map(Letter::Plain)),
            '"' => {
                if !current.is_empty() {
                    out.push((quoted, std::mem::take(&mut current)));
                }
                quoted = !quoted;
            }
            '*' | '?' => current.push(Letter::Wild(letter)),
            _ if quoted => current.push(Letter::Plain(letter)),
            _ if letter.is_whitespace() || RESERVED.contains(letter) => {
                if !current.is_empty() {
                    out.push((false, std::mem::take(&mut current)));
                }
            }
            _ => current.push(Letter::Plain(letter)),
        }
    }
    if !current.is_empty() {
        out.push((quoted, current));
    }
    out
}

impl Phrase {
    fn compile(letters: &[Letter]) -> Self {
        let mut words = vec![Vec::new()];
        for letter in letters {
            let (Some(word), next) = (words.last_mut(), letter) else {
                continue;
            };
            match next {
                Letter::Wild('*') => word.push(ANY),
                Letter::Wild(_) => word.push(ONE),
                Letter::Plain(letter) if letter.is_alphanumeric() => word.extend(letter.to_lowercase()),
                Letter::Plain(_) => words.push(Vec::new()),
            }
        }
        words.retain(|word: &Vec<char>| word.iter().any(|letter| *letter != ANY));
        Self { words }
    }

    fn is_in(&self, text: &[Vec<char>]) -> bool {
        text.windows(self.words.len()).any(|window| {
            window
                .iter()
                .zip(&self.words)
                .all(|(word, pattern)| glob(word, pattern))
        })
    }
}

/// Greedy with one point to come back to: linear steps even for hostile patterns.
fn glob(word: &[char], pattern: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < word.len() {
        match pattern.get(place) {
            Some(&ANY) => {
                star = Some((place, at));
                place += 1;
            }
            Some(letter) if *letter == ONE || *letter == word[at] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_place, star_at)) = star else {
                    return false;
                };
                star = Some((star_place, star_at + 1));
                place = star_place + 1;
                at = star_at + 1;
            }
        }
    }
    pattern[place..].iter().all(|letter| *letter == ANY)
}

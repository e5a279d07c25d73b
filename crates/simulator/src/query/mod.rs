//! SOQL and SOSL: own lexer, parser and evaluator over the rows of an org.

//! The nouns every crate shares: typed ids, the clock, secrets, limits. No I/O.

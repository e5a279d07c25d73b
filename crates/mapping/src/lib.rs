//! Mapping documents: load, overlay, check, compile, evaluate JSONata. No I/O.

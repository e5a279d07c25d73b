//! The pipeline: reads, writes, cursors.

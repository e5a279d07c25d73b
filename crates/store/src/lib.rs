//! Everything remembered or coordinated: Postgres or SQLite, sealing, leases.

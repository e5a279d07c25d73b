//! Everything remembered or coordinated: Postgres or SQLite, sealing, leases.

mod callers;
mod error;
mod records;
mod signatures;

pub use callers::{Caller, Operator, Tenant, TenantCaller};
pub use error::{AuthenticationError, StoreError};
pub use records::*;
pub use signatures::*;

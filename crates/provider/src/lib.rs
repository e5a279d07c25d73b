//! Every call that leaves the process: OAuth, refresh, sending, quota headers, proxying.

//! The HTTP edge: routes, authentication, limits, headers, errors to responses, pages.

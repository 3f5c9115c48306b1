//! killgate.

//! What an operator looks at and asks for.

pub mod audit;

//! The contract of `DerivativeStore`, clause by clause.

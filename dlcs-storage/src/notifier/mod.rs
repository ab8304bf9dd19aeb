//! Notifiers: who is told, and how, when a batch has finished.

#[cfg(feature = "notifier-webhook")]
pub mod webhook;

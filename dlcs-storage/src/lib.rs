#![doc = include_str!("../README.md")]

pub mod catalogue;
pub mod derivative;
pub mod notifier;
pub mod origin;
pub mod pyramid;

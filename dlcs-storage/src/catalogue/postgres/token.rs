//! Numbers of claims, taken in blocks.
//!
//! A claim is not durable at once, and a number that came from its transaction might be given again after a breakdown. So numbers are taken
//! before, in blocks that are durable.

use std::ops::Range;

use tokio::sync::Mutex;

use super::database::Database;
use super::error::Result;
use super::query::Sequence;

/// How many numbers a process takes at once.
const BLOCK: u32 = 1000;

/// Numbers that this process may give, each once.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    left: Mutex<Vec<u64>>,
}

impl Tokens {
    /// The next number.
    pub(super) async fn next(&self, database: &Database) -> Result<u64> {
        let mut left = self.left.lock().await;
        loop {
            if let Some(token) = left.pop() {
                return Ok(token);
            }
            let last = database
                .write(|session| async move { Sequence::LeaseToken.take(&session, BLOCK).await })
                .await?;
            let block: Range<u64> = last.saturating_sub(u64::from(BLOCK)) + 1..last + 1;
            left.extend(block.rev());
        }
    }

    /// Takes a number back that was certainly not given.
    pub(super) async fn give_back(&self, token: u64) {
        self.left.lock().await.push(token);
    }
}

//! Notices: who is told, and who waits for whom.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::notifier::{BatchNotifier, NotifyError};
use dlcs_core::queue::BatchNotice;
use dlcs_core::{Catalogue, CustomerId, IngestQueue, Registration, Space};
use tokio::time::{Instant, sleep};

use crate::fake::{Script, Setting, address};

const HOLD: Duration = Duration::from_secs(60);

/// Tells nobody of the first customer, for ten seconds each time, and everybody else at once.
#[derive(Debug, Clone, Default)]
struct FakeNotifier {
    /// Whom it began to tell, and when.
    told: Arc<Mutex<Vec<(CustomerId, Instant)>>>,
}

impl FakeNotifier {
    fn told(&self, customer: CustomerId) -> Vec<Instant> {
        let told = self.told.lock().unwrap();
        let theirs = told.iter().filter(|(other, _)| *other == customer);
        theirs.map(|(_, at)| *at).collect()
    }
}

#[async_trait]
impl BatchNotifier for FakeNotifier {
    async fn notify(&self, notice: &BatchNotice) -> Result<(), NotifyError> {
        let customer = notice.batch.customer;
        self.told.lock().unwrap().push((customer, Instant::now()));
        if customer == CustomerId::FIRST {
            sleep(Duration::from_secs(10)).await;
            let source = "the test says so".into();
            return Err(NotifyError::Unreachable { source });
        }
        Ok(())
    }
}

async fn space_of_another(setting: &Setting) -> Space {
    let new = NewCustomer {
        id: None,
        name: CustomerName::parse("another").unwrap(),
        display_name: "Another".to_owned(),
        role: Role::Ordinary,
    };
    let customer = setting.backend.create_customer(new).await.unwrap().id;
    setting
        .dlcs
        .spaces_of(customer)
        .create("maps")
        .await
        .unwrap()
}

async fn finish_a_batch(setting: &Setting, space: &Space, name: &str) {
    setting.origin.script(name, Script::Bytes("4x4"));
    let registration = Registration::new(space)
        .with_id(name.parse().unwrap())
        .with_origin(&address(name))
        .unwrap();
    let batch = setting.dlcs.submit_batch([registration]).await.unwrap();
    setting.dlcs.wait(space.customer, batch.id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_customer_who_does_not_answer_holds_up_nobody_else() {
    let notifier = FakeNotifier::default();
    let setting = Setting::built(|builder| builder.with_notifier(notifier.clone())).await;
    let other = space_of_another(&setting).await;
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    for name in ["a", "b", "c"] {
        finish_a_batch(&setting, &setting.space, name).await;
    }
    sleep(Duration::from_secs(3)).await;
    assert_eq!(notifier.told(CustomerId::FIRST).len(), 1, "one at a time");
    finish_a_batch(&setting, &other, "d").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(notifier.told(other.customer).len(), 1, "nobody waits");
    sleep(Duration::from_secs(60)).await;
    let times = notifier.told(CustomerId::FIRST);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let shortest = gaps.min().unwrap();
    assert!(shortest >= Duration::from_secs(10), "{shortest:?}");
    assert_eq!(notifier.told(other.customer).len(), 1, "it was heard");
}

#[tokio::test(start_paused = true)]
async fn notices_are_left_for_days_to_processes_that_have_a_notifier() {
    let setting = Setting::new().await;
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    finish_a_batch(&setting, &setting.space, "a").await;
    let day = Duration::from_secs(24 * 60 * 60);
    tokio::time::advance(6 * day).await;
    sleep(HOLD).await;
    let notice = setting.backend.claim_notice(HOLD, &[]).await.unwrap();
    assert_eq!(notice.map(|notice| notice.attempt), Some(1), "it waits");
    tokio::time::advance(8 * day).await;
    sleep(HOLD).await;
    let notice = setting.backend.claim_notice(HOLD, &[]).await.unwrap();
    assert_eq!(notice, None, "nobody wants to hear it");
}

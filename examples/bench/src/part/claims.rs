//! What a claim takes, with few images waiting and with many.

use std::time::{Duration, Instant};

use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::image::{ImageChanges, ImageSource, OriginUrl, RegistrationMode};
use dlcs_core::queue::{Claim, Completion, IngestQueue, Lane, Submission, SubmissionItem, Success};
use dlcs_core::space::SpaceChanges;
use dlcs_core::{ImageId, ModelId, Space};
use dlcs_storage::catalogue::{
    PostgresCatalogue, PostgresCatalogueConfig, SealingKey, SqliteCatalogue, SqliteCatalogueConfig,
};

use super::Bench;
use crate::Result;
use crate::table::{Table, ratio};

const CUSTOMERS: usize = 20;
const HOSTS: usize = 5;
const CLAIMS: usize = 500;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let many = if bench.options.smoke {
        2_000
    } else {
        1_000_000
    };
    let sqlite = |waiting: usize| -> Result<Vec<f64>> {
        let path = bench.folder().join(format!("claims-{waiting}.sqlite"));
        runtime.block_on(async {
            let catalogue = SqliteCatalogue::open(SqliteCatalogueConfig::file(path)).await?;
            fill_and_claim(&catalogue, waiting).await
        })
    };
    row(table, "SQLite", many, &sqlite(1_000)?, &sqlite(many)?, 2);
    if bench.options.postgres.is_none() {
        return Ok(());
    }
    let postgres = |waiting: usize| -> Result<Vec<f64>> {
        let database = bench
            .database("claims")?
            .ok_or("PostgreSQL was not named")?;
        let config = PostgresCatalogueConfig::parse(&database.url()?)?
            .with_sealing_key(SealingKey::new([7; 32]));
        runtime.block_on(async {
            let catalogue = PostgresCatalogue::open(config).await?;
            fill_and_claim(&catalogue, waiting).await
        })
    };
    row(
        table,
        "PostgreSQL",
        many,
        &postgres(1_000)?,
        &postgres(many)?,
        5,
    );
    Ok(())
}

fn row(table: &mut Table, database: &str, many: usize, few: &[f64], much: &[f64], goal: u32) {
    table.row(
        format!("p95 of claims with {many} images waiting (beside: with 1,000): {database}"),
        format!("{:.2} ms", p95(much)),
        format!("{:.2} ms", p95(few)),
        ratio(p95(much), p95(few)),
        format!("≤ {goal} ms, ≤ 1.5 ×"),
    );
}

async fn fill_and_claim<Q: Catalogue + IngestQueue>(queue: &Q, waiting: usize) -> Result<Vec<f64>> {
    fill(queue, waiting).await?;
    claims(queue).await
}

/// Lets so many images wait, of several customers and from several hosts.
async fn fill<Q: Catalogue + IngestQueue>(queue: &Q, waiting: usize) -> Result<()> {
    let mut spaces: Vec<Space> = Vec::new();
    for number in 0..CUSTOMERS {
        let new = NewCustomer {
            id: None,
            name: CustomerName::parse(format!("customer-{number}"))?,
            display_name: String::new(),
            role: Role::Ordinary,
        };
        let customer = queue.create_customer(new).await?;
        let space = SpaceChanges::named("default");
        spaces.push(queue.create_space(customer.id, None, space).await?);
    }
    let per_customer = waiting / CUSTOMERS;
    for space in &spaces {
        for first in (0..per_customer).step_by(1_000) {
            let numbers = first..per_customer.min(first + 1_000);
            let items: Result<Vec<_>> = numbers.map(|number| item(space, number)).collect();
            let submission = Submission {
                quota: dlcs_core::storage::Quota::NONE,
                customer: space.customer,
                lane: Lane::Default,
                items: items?,
            };
            queue.submit(submission).await?;
        }
    }
    Ok(())
}

fn item(space: &Space, number: usize) -> Result<SubmissionItem> {
    let origin = format!("https://host-{}.example/{number}.tif", number % HOSTS);
    let model = ModelId::parse(format!("image-{number}"))?;
    Ok(SubmissionItem {
        image: ImageId::new(space.customer, space.id, model),
        changes: ImageChanges {
            source: Some(ImageSource::Origin(OriginUrl::parse(&origin)?)),
            ..ImageChanges::default()
        },
        mode: RegistrationMode::Merge,
    })
}

/// How many milliseconds each claim took; what is claimed is completed before the next.
async fn claims(queue: &impl IngestQueue) -> Result<Vec<f64>> {
    let claim = Claim {
        owner: "bench",
        lease_for: Duration::from_secs(600),
        per_host: u32::MAX,
    };
    let mut took = Vec::new();
    for _ in 0..CLAIMS {
        let begun = Instant::now();
        let claimed = queue.claim(claim).await?.ok_or("nothing is due")?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        match queue.complete(claimed.lease, Success::NOTHING).await? {
            Completion::Recorded(_) => {}
            Completion::Superseded | Completion::OverQuota(..) => {
                return Err("a claim was overtaken".into());
            }
        }
    }
    Ok(took)
}

fn p95(took: &[f64]) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() * 95 / 100]
}

//! Registering: what a submission may say, and an immediate registration's way to its end.

use std::num::NonZeroUsize;

use futures_util::StreamExt;

use super::held::{Patience, Taken};
use super::{Dlcs, Registered, jitter};
use crate::batch::Batch;
use crate::catalogue::{CatalogueError, Subject};
use crate::derivative::{DerivativeBody, DerivativeKey, UploadId};
use crate::error::{Error, Result};
use crate::id::{ImageId, ModelId};
use crate::image::{Image, ImageChanges, ImageSource, Registration, RegistrationMode};
use crate::ingest::{IngestError, backoff};
use crate::queue::{
    Completion, Failure, Lane, QueueError, Submission, SubmissionItem, SubmissionProblem,
    SubmissionProblemKind,
};

impl Dlcs {
    /// Registers an image now: when this returns, its service is live.
    ///
    /// A failure that may pass is tried again, within the settings' bounds. The same image registered twice at once: the later one wins.
    ///
    /// # Errors
    /// * [`Error::Invalid`] or [`QueueError::Refused`]: nothing was stored;
    /// * [`Error::Ingest`]: the record is kept, says why, and what was served before is served still;
    /// * [`Error::Superseded`]: a later registration, or a deletion, won.
    pub async fn register(&self, registration: Registration) -> Result<Registered> {
        let items = self.prepare([registration]).await?;
        let uploads = uploads(&items);
        let Some(item) = items.into_iter().next() else {
            return Err(Error::BatchEmpty);
        };
        let (id, changes) = (item.image.clone(), item.changes.clone());
        let quota = self.quota(id.customer());
        match self.take_begun(item, quota).await {
            Ok(begun) => self.run_immediately(begun).await,
            Err(QueueError::Refused { problems })
                if has(&problems, SubmissionProblemKind::BytesGone) =>
            {
                // What there is of it stands; what is said of it can be changed all the same.
                match self.0.catalogue.update_image(&id, changes).await {
                    Ok(image) => Ok(Registered {
                        image,
                        created: false,
                    }),
                    Err(CatalogueError::NeedsProcessing) => {
                        Err(QueueError::Refused { problems }.into())
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => {
                // Of anything else than a refusal it is not known whether it was stored all the same.
                if matches!(error, QueueError::Refused { .. } | QueueError::OverQuota(_)) {
                    self.discard(&uploads).await;
                }
                Err(error.into())
            }
        }
    }

    /// Stores the bytes of a master, as they come, for a registration to name with
    /// [`with_upload`](Registration::with_upload).
    ///
    /// When this returns, they are durable; without a registration they are deleted after a day.
    ///
    /// # Errors
    /// The body's own error inside [`DerivativeError::Body`](crate::derivative::DerivativeError::Body), the store's, or the catalogue's;
    /// nothing is kept then.
    pub async fn upload(&self, body: DerivativeBody) -> Result<UploadId> {
        let upload = UploadId::assign();
        // First of all: a process that dies from here on leaves nothing that is not deleted one day.
        self.0.catalogue.expect_uploads(&[upload]).await?;
        self.store_upload(upload, body).await?;
        Ok(upload)
    }

    /// Deletes the bytes of a master that no registration is going to name.
    ///
    /// They would be deleted anyway, after a day; so a failure is only logged.
    pub async fn discard_upload(&self, upload: UploadId) {
        self.discard(&[upload]).await;
    }

    /// Submits images as one batch to the default lane, all or nothing; returns as soon as the batch is durable.
    ///
    /// # Errors
    /// * [`Error::BatchEmpty`], [`Error::BatchTooLarge`], [`Error::Invalid`];
    /// * [`QueueError::Refused`] with every faulty member.
    pub async fn submit_batch(
        &self,
        registrations: impl IntoIterator<Item = Registration> + Send,
    ) -> Result<Batch> {
        self.submit_batch_to(Lane::Default, registrations).await
    }

    /// Submits images as one batch to a lane, as [`Self::submit_batch`] does.
    ///
    /// # Errors
    /// As [`Self::submit_batch`].
    pub async fn submit_batch_to(
        &self,
        lane: Lane,
        registrations: impl IntoIterator<Item = Registration> + Send,
    ) -> Result<Batch> {
        let registrations: Vec<_> = registrations.into_iter().collect();
        let Some(customer) = registrations.first().map(|first| first.customer) else {
            return Err(Error::BatchEmpty);
        };
        let limit = self.0.settings.max_batch_size;
        if registrations.len() > limit {
            return Err(Error::BatchTooLarge {
                count: registrations.len(),
                limit,
            });
        }
        let items = self.prepare(registrations).await?;
        let uploads = uploads(&items);
        let submission = Submission {
            customer,
            lane,
            items,
            quota: self.quota(customer),
        };
        let submitted = self.0.queue.submit(submission).await;
        self.settle_uploads(submitted, &uploads).await
    }

    /// Submits images of one customer, as many as there are, in as many batches as they take, all or nothing; returns the batches in the
    /// order of their images as soon as they are durable.
    ///
    /// # Errors
    /// * [`Error::BatchEmpty`], [`Error::Invalid`];
    /// * [`QueueError::Refused`] with every faulty member, by its place among all.
    pub async fn submit_in_batches(
        &self,
        lane: Lane,
        registrations: impl IntoIterator<Item = Registration> + Send,
    ) -> Result<Vec<Batch>> {
        let registrations: Vec<_> = registrations.into_iter().collect();
        let Some(customer) = registrations.first().map(|first| first.customer) else {
            return Err(Error::BatchEmpty);
        };
        let items = self.prepare(registrations).await?;
        let uploads = uploads(&items);
        let submission = Submission {
            customer,
            lane,
            items,
            quota: self.quota(customer),
        };
        let size = self.0.settings.max_batch_size;
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        let submitted = self.0.queue.submit_in_batches(submission, size).await;
        self.settle_uploads(submitted, &uploads).await
    }

    /// Deletes the bytes that came with a submission which was refused.
    async fn settle_uploads<T>(
        &self,
        submitted: Result<T, QueueError>,
        uploads: &[UploadId],
    ) -> Result<T> {
        // Of anything else than a refusal it is not known whether it was stored all the same.
        if matches!(
            submitted,
            Err(QueueError::Refused { .. } | QueueError::OverQuota(_))
        ) {
            self.discard(uploads).await;
        }
        Ok(submitted?)
    }

    /// Changes an image; processes it again, as [`Self::register`] does, only when a change takes effect no other way.
    ///
    /// # Errors
    /// As [`Self::register`], and [`CatalogueError::NotFound`].
    pub async fn update_image(&self, id: &ImageId, changes: ImageChanges) -> Result<Image> {
        let mut changes = changes;
        self.settle_and_check_update(id, &mut changes).await?;
        match self.0.catalogue.update_image(id, changes.clone()).await {
            Err(CatalogueError::NeedsProcessing) => self.process_again(id, changes).await,
            result => Ok(result?),
        }
    }

    /// Fetches an image again and processes it, as [`Self::register`] does.
    ///
    /// # Errors
    /// As [`Self::register`], and [`CatalogueError::NotFound`]. Bytes that were sent and have been processed are not there any more:
    /// [`QueueError::Refused`] with [`SubmissionProblemKind::BytesGone`].
    pub async fn reingest(&self, id: &ImageId) -> Result<Image> {
        self.process_again(id, ImageChanges::default()).await
    }

    async fn process_again(&self, id: &ImageId, changes: ImageChanges) -> Result<Image> {
        let item = SubmissionItem {
            image: id.clone(),
            changes,
            mode: RegistrationMode::UpdateOnly,
        };
        let quota = self.quota(id.customer());
        let begun = match self.take_begun(item, quota).await {
            Err(QueueError::Refused { problems })
                if has(&problems, SubmissionProblemKind::NotFound) =>
            {
                return Err(Error::not_found(Subject::Image));
            }
            result => result?,
        };
        Ok(self.run_immediately(begun).await?.image)
    }

    /// Turns registrations into items of a submission: assigns ids, stores bytes that came along.
    async fn prepare(
        &self,
        registrations: impl IntoIterator<Item = Registration> + Send,
    ) -> Result<Vec<SubmissionItem>> {
        let mut registrations: Vec<_> = registrations.into_iter().collect();
        self.settle_and_check(&mut registrations).await?;
        let sent = registrations.iter().filter(|it| it.bytes.is_some());
        let mut expected: Vec<_> = sent.map(|_| UploadId::assign()).collect();
        if !expected.is_empty() {
            self.0.catalogue.expect_uploads(&expected).await?;
        }
        let mut items = Vec::with_capacity(registrations.len());
        for registration in registrations {
            let Registration {
                customer,
                space,
                model,
                mut changes,
                bytes,
                mode,
            } = registration;
            let image = ImageId::new(customer, space, model.unwrap_or_else(ModelId::assign));
            if let (Some(bytes), Some(upload)) = (bytes, expected.pop()) {
                changes.source = Some(ImageSource::Upload(upload));
                let body = futures_util::stream::once(async { Ok(bytes) }).boxed();
                if let Err(error) = self.store_upload(upload, body).await {
                    self.discard(&uploads(&items)).await;
                    return Err(error);
                }
            }
            items.push(SubmissionItem {
                image,
                changes,
                mode,
            });
        }
        Ok(items)
    }

    async fn store_upload(&self, upload: UploadId, body: DerivativeBody) -> Result<()> {
        let key = DerivativeKey::Upload(upload);
        self.0.derivatives.put(&key, body).await?;
        Ok(())
    }

    /// Deletes uploads before their day, where that can be.
    async fn discard(&self, uploads: &[UploadId]) {
        for upload in uploads {
            if let Err(error) = self
                .0
                .derivatives
                .delete(&DerivativeKey::Upload(*upload))
                .await
            {
                tracing::warn!(%upload, %error, "the bytes of a refused registration could not be deleted");
            }
        }
    }

    /// Runs a claimed image to its end, trying again within the bounds of an immediate registration.
    async fn run_immediately(&self, begun: Taken) -> Result<Registered> {
        let Taken {
            mut held,
            image,
            created,
        } = begun;
        let settings = &self.0.settings;
        let mut patience = settings.immediate_patience;
        let mut attempt = 1;
        let outcome = loop {
            let began = tokio::time::Instant::now();
            let error = match self.ingester().attempt(&image, &mut held.lease).await {
                Ok(stored) => break Ok(stored),
                Err(error) => error.after_attempts(attempt),
            };
            // A fraction of what a queued image waits: somebody is waiting for the answer.
            let wait =
                (backoff(attempt, None, jitter()) / 8).max(error.retry_after().unwrap_or_default());
            // Nor is an origin that was waited for in vain asked again while somebody waits.
            let slow = began.elapsed() > settings.immediate_patience;
            if !error.is_transient() || slow || attempt >= settings.attempts || wait > patience {
                break Err(error);
            }
            patience -= wait;
            attempt += 1;
            let pause = async {
                tokio::time::sleep(wait).await;
                Ok(())
            };
            if let Err(error) = self.ingester().holding(&mut held.lease, pause).await {
                break Err(error);
            }
        };
        // Nobody else has the image meanwhile, and it need not be made again.
        let patience = Patience::For(settings.lease_for);
        match outcome {
            Ok(stored) => match held.complete(stored, patience).await {
                Ok(Completion::Recorded(image)) => Ok(Registered {
                    image: *image,
                    created,
                }),
                Ok(Completion::OverQuota(image, over)) => Err(Error::Ingest {
                    image,
                    source: over.into(),
                }),
                Ok(Completion::Superseded) | Err(QueueError::LeaseLost) => {
                    Err(Error::Superseded { image: image.id })
                }
                Err(error) => Err(error.into()),
            },
            Err(IngestError::LeaseLost) => {
                held.lose();
                Err(Error::Superseded { image: image.id })
            }
            // It is in the queue again, for a worker to take up.
            Err(IngestError::NotRenewed(error)) => Err(error.into()),
            Err(source) => {
                tracing::info!(image = %image.id, error = source.sentence(), "an image could not be registered");
                let failure = Failure::Final {
                    error: source.sentence(),
                };
                match held.fail(failure, patience).await {
                    Ok(Completion::Recorded(image) | Completion::OverQuota(image, _)) => {
                        Err(Error::Ingest { image, source })
                    }
                    Ok(Completion::Superseded) | Err(QueueError::LeaseLost) => {
                        Err(Error::Superseded { image: image.id })
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}

fn has(problems: &[SubmissionProblem], kind: SubmissionProblemKind) -> bool {
    problems.iter().any(|problem| problem.kind == kind)
}

fn uploads(items: &[SubmissionItem]) -> Vec<UploadId> {
    let upload_of = |item: &SubmissionItem| match item.changes.source {
        Some(ImageSource::Upload(upload)) => Some(upload),
        _ => None,
    };
    items.iter().filter_map(upload_of).collect()
}

//! From a derivative and a request to the bytes of a response.

mod cost;
mod finish;
mod flight;
mod patience;
mod results;
mod strips;
mod tiles;
mod turn;
mod unsent;
mod window;
mod work;

pub(crate) use self::patience::step_back;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::derivative::{DerivativeKey, DerivativeStore, ImageRenderer, RenderError, Rendered};
use dlcs_core::iiif::{Format, FormatSet, Plan, ResolvedRequest};
use dlcs_core::image::ImageService;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::PyramidRendererConfig;
use super::admission::{Admission, Kept, SENT_FREELY};
use super::cover::Cover;
use super::encode::{EncodeOptions, FORMATS};
use super::error::damaged;
use super::index::{IndexWeight, ReadyIndex};
use super::reads::{Ahead, Reads};
pub(super) use cost::Cost;
use finish::Look;
use flight::{Flights, Wanted};
use results::Results;
use tiles::{Band, DecodedTiles, bands};
use unsent::Outbox;
use work::Work;

/// Answers image requests from tiled pyramidal TIFFs.
#[derive(Clone)]
pub struct PyramidRenderer {
    config: Arc<PyramidRendererConfig>,
    indexes: Arc<Cache<DerivativeKey, Arc<ReadyIndex>, IndexWeight>>,
    ahead: Arc<Cache<DerivativeKey, Arc<Ahead>, AheadWeight>>,
    decoded: Arc<DecodedTiles>,
    results: Arc<Results>,
    flights: Arc<Flights>,
    outbox: Arc<Outbox>,
    admission: Arc<Admission>,
}

impl PyramidRenderer {
    /// Makes a renderer with these settings.
    #[must_use]
    pub fn new(config: PyramidRendererConfig) -> Self {
        Self {
            // A typical index is a few KiB; the weight is what bounds the cache.
            indexes: Arc::new(Cache::with_weighter(
                1024,
                config.index_cache_bytes,
                IndexWeight,
            )),
            ahead: Arc::new(Cache::with_weighter(
                64,
                config.ahead_cache_bytes,
                AheadWeight,
            )),
            decoded: Arc::new(DecodedTiles::new(config.tile_cache_bytes)),
            results: Arc::new(Results::new(config.result_cache_bytes)),
            flights: Arc::default(),
            outbox: Arc::default(),
            admission: Arc::new(Admission::new(&config)),
            config: Arc::new(config),
        }
    }

    async fn index(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
    ) -> Result<Arc<ReadyIndex>, RenderError> {
        if let Some(index) = self.indexes.get(key) {
            return Ok(index);
        }
        // Those that miss it at the same time read it once.
        let read = async {
            let facts = &service.derivative;
            if !store.is_remote() {
                let head = store.get_range(key, facts.index.clone()).await?;
                return Ok(Arc::new(ReadyIndex::read(&head, service)?));
            }
            let ahead = Ahead::read(store, key, facts).await?;
            let head = ahead.get(&facts.index).unwrap_or_default();
            let index = Arc::new(ReadyIndex::read(&head, service)?);
            self.ahead.insert(key.clone(), Arc::new(ahead));
            Ok(index)
        };
        self.indexes.get_or_insert_async(key, read).await
    }

    /// Chooses the level, from the one that suffices down to one that may be had.
    fn choose(
        &self,
        index: &ReadyIndex,
        service: &ImageService,
        request: &ResolvedRequest,
        wanted: u32,
    ) -> Result<Choice, RenderError> {
        let pyramid = service.derivative.pyramid;
        let look = Look::of(index.channels(), request);
        let (mut alone, mut refused) = (None, None);
        let mut levels = index.levels().skip(wanted as usize).peekable();
        while let Some(level) = levels.next() {
            let cover = Cover::of(pyramid, request.region, level);
            let is_last = levels.peek().is_none();
            if cover.bytes(index.channels()) > self.config.max_decoded_bytes && !is_last {
                continue;
            }
            let bands = bands(index, &cover)?;
            let cost = Cost::of(&cover, index.channels(), &look, &bands);
            let available = self.admission.available(cost);
            if cost.bytes > available {
                refused = Some(RenderError::TooLarge {
                    needed: cost.bytes,
                    available,
                });
                continue;
            }
            let choice = Choice {
                cover,
                look: look.clone(),
                bands,
                cost,
            };
            if self.admission.shares(cost) {
                return Ok(choice);
            }
            alone.get_or_insert(choice);
        }
        alone.ok_or_else(|| refused.unwrap_or_else(|| damaged("a level is missing")))
    }

    async fn rendered(
        &self,
        from: Reads<'_>,
        wanted: &Wanted,
        index: Arc<ReadyIndex>,
        choice: Choice,
    ) -> Result<Rendered, RenderError> {
        let (_, request) = wanted;
        let cost = choice.cost;
        let turn = self.admission.turn(cost).await?;
        let work = Work {
            index,
            cover: choice.cover,
            look: choice.look,
            bands: choice.bands,
            options: EncodeOptions {
                jpeg_quality: self.config.quality,
                webp_quality: self.config.webp_quality,
                spool_directory: self.config.spool_directory.clone(),
            },
            decoded: Arc::clone(&self.decoded),
            remembers: cost.is_small,
        };
        let (mut bytes, turn) = work.run(from, turn).await?;
        if (bytes.capacity() - bytes.len()) as u64 > SENT_FREELY {
            // What it had room for is not counted.
            bytes.shrink_to_fit();
        }
        let rendered = Rendered {
            format: request.format,
            bytes: bytes.into(),
        };
        let length = rendered.bytes.len();
        if self.results.takes(length) {
            self.results.insert(wanted.clone(), &rendered);
        }
        if length as u64 <= SENT_FREELY {
            return Ok(rendered);
        }
        let kept = turn.keep(length as u64);
        Ok(self.send(wanted, rendered, kept))
    }

    /// Renders from a store of which each read is a request to another machine: stored tiles are remembered as results are, and what was read
    /// ahead is not asked for again.
    async fn render_remote(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        let wanted = (key.clone(), request.clone());
        if let Some(rendered) = self.at_hand(&wanted) {
            return Ok(rendered);
        }
        self.flights
            .join(&wanted, async {
                if let Some(rendered) = self.remembered(&wanted).await? {
                    return Ok(rendered);
                }
                let index = self.index(store, key, service).await?;
                let ahead = self.ahead.get(key);
                let from = Reads::new(store, key, ahead.as_deref());
                match index.plan(request) {
                    Plan::Render { level } => {
                        let choice = self.choose(&index, service, request, level)?;
                        self.rendered(from, &wanted, index, choice).await
                    }
                    stored => {
                        let tile = tile(&index, from, stored).await?;
                        if self.results.takes(tile.bytes.len()) {
                            self.results.insert(wanted.clone(), &tile);
                        }
                        Ok(tile)
                    }
                }
            })
            .await
    }

    /// A result that may be sent at once.
    fn at_hand(&self, wanted: &Wanted) -> Option<Rendered> {
        let is_free = |rendered: &Rendered| rendered.bytes.len() as u64 <= SENT_FREELY;
        let free = self.results.get(wanted).filter(is_free);
        free.or_else(|| {
            let bytes = self.outbox.get(wanted)?;
            let format = wanted.1.format;
            Some(Rendered { format, bytes })
        })
    }

    /// A result that is remembered, once there is room to send it. For a flight: who waits for the same result waits for one room with it.
    async fn remembered(&self, wanted: &Wanted) -> Result<Option<Rendered>, RenderError> {
        // It may have come since the flight was boarded.
        if let Some(rendered) = self.at_hand(wanted) {
            return Ok(Some(rendered));
        }
        let Some(rendered) = self.results.get(wanted) else {
            return Ok(None);
        };
        let kept = self.admission.unsent(rendered.bytes.len() as u64).await?;
        Ok(Some(self.send(wanted, rendered, kept)))
    }

    /// Lets a result take of a budget until it has been sent.
    fn send(&self, wanted: &Wanted, rendered: Rendered, kept: Kept) -> Rendered {
        Rendered {
            format: rendered.format,
            bytes: self.outbox.send(wanted.clone(), rendered.bytes, kept),
        }
    }
}

/// A tile or a thumbnail as it is stored.
async fn tile(index: &ReadyIndex, from: Reads<'_>, stored: Plan) -> Result<Rendered, RenderError> {
    Ok(Rendered {
        format: Format::Jpg,
        bytes: index.stored(from, stored).await?,
    })
}

/// Weighs what was read ahead by its bytes.
#[derive(Debug, Clone, Copy)]
struct AheadWeight;

impl Weighter<DerivativeKey, Arc<Ahead>> for AheadWeight {
    fn weight(&self, _key: &DerivativeKey, ahead: &Arc<Ahead>) -> u64 {
        ahead.weight()
    }
}

/// What a result is made from, and what that takes.
struct Choice {
    cover: Cover,
    look: Look,
    bands: Vec<Band>,
    cost: Cost,
}

impl Default for PyramidRenderer {
    fn default() -> Self {
        Self::new(PyramidRendererConfig::default())
    }
}

impl fmt::Debug for PyramidRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PyramidRenderer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ImageRenderer for PyramidRenderer {
    fn formats(&self) -> FormatSet {
        FORMATS
    }

    async fn render(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        if store.is_remote() {
            return self.render_remote(store, key, service, request).await;
        }
        let index = self.index(store, key, service).await?;
        let from = Reads::new(store, key, None);
        let level = match index.plan(request) {
            Plan::Render { level } => level,
            stored => return tile(&index, from, stored).await,
        };
        let wanted = (key.clone(), request.clone());
        if let Some(rendered) = self.at_hand(&wanted) {
            return Ok(rendered);
        }
        self.flights
            .join(&wanted, async {
                if let Some(rendered) = self.remembered(&wanted).await? {
                    return Ok(rendered);
                }
                let choice = self.choose(&index, service, request, level)?;
                self.rendered(from, &wanted, index, choice).await
            })
            .await
    }
}

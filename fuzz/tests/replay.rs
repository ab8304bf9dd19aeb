//! Replays every saved file, and what becomes of it by chance, on any toolchain.
//!
//! `DLCS_FUZZ_ROUNDS` says how often each target tries its number of mutations; 1 without it. Every run tries the same bytes in the same
//! order, and `DLCS_FUZZ_SEED` makes it others.

use std::path::Path;

/// Numbers that look random and are the same each time (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Changes a file at a few places, or takes a part of another into it.
    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        const TELLING: [u8; 8] = [0, 1, 0x7F, 0x80, 0xFF, b'/', b',', b'9'];
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match self.below(7) {
                0 if !bytes.is_empty() => bytes[place] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[place] = TELLING[self.below(TELLING.len())],
                2 if !bytes.is_empty() => bytes[place] = self.next() as u8,
                3 => bytes.truncate(place),
                4 => bytes.insert(place, self.next() as u8),
                5 if !bytes.is_empty() => {
                    let end = bytes.len().min(place + 1 + self.below(8));
                    bytes.drain(place..end);
                }
                _ if !other.is_empty() => {
                    let start = self.below(other.len());
                    let end = other.len().min(start + 1 + self.below(64));
                    bytes.splice(place..place, other[start..end].iter().copied());
                }
                _ => {}
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn replay(name: &str, target: fn(&[u8]), mutations: u64) {
    let mutations = mutations * number("DLCS_FUZZ_ROUNDS").unwrap_or(1);
    let seed = number("DLCS_FUZZ_SEED").filter(|seed| *seed != 0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus can be listed")
        .map(|entry| entry.expect("the corpus can be listed").path())
        .collect();
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("the corpus can be read"))
        .collect();
    assert!(corpus.len() >= 4, "a corpus of {} files", corpus.len());
    for bytes in &corpus {
        target(bytes);
    }
    let mut noise = Noise(seed.unwrap_or(0x5DEE_CE66_D1CE_1EE5));
    for _ in 0..mutations {
        let mut bytes = corpus[noise.below(corpus.len())].clone();
        let other = noise.below(corpus.len());
        noise.mutate(&mut bytes, &corpus[other]);
        if std::panic::catch_unwind(|| target(&bytes)).is_err() {
            let path = std::env::temp_dir().join(format!("dlcs-{name}.crash"));
            std::fs::write(&path, &bytes).expect("the crash can be kept");
            panic!("{name} fails on {}", path.display());
        }
    }
    println!(
        "{name}: {} saved files and {mutations} mutations of them",
        corpus.len()
    );
}

#[test]
fn no_request_is_taken_for_another() {
    replay("image_request", dlcs_fuzz::image_request, 2_000_000);
}

#[test]
fn no_index_is_believed() {
    replay("derivative_index", dlcs_fuzz::derivative_index, 2_000_000);
}

#[test]
fn no_header_is_believed() {
    replay("source_header", dlcs_fuzz::source_header, 50_000);
}

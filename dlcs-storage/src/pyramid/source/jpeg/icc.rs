//! ICC profiles, which a JPEG carries in chunks.

/// The largest profile that is kept.
const MAX_BYTES: usize = 4 << 20;

/// The chunks of a profile, as they were found.
#[derive(Debug, Default)]
pub(super) struct ProfileChunks {
    /// Number of the chunk, from 1; how many it says there are; its bytes.
    chunks: Vec<(u8, u8, Vec<u8>)>,
    bytes: usize,
}

impl ProfileChunks {
    /// Takes a segment that may be a chunk.
    pub(super) fn add(&mut self, segment: &[u8]) {
        let Some([number, count, bytes @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0") else {
            return;
        };
        self.bytes += bytes.len();
        if self.bytes <= MAX_BYTES {
            self.chunks.push((*number, *count, bytes.to_vec()));
        }
    }

    /// The whole profile; `None` where there is none, or not all of it.
    pub(super) fn join(&self) -> Option<Vec<u8>> {
        let (_, count, _) = self.chunks.first()?;
        let ordered: Option<Vec<&[u8]>> = (1..=*count)
            .map(|number| {
                let found = self.chunks.iter().find(|chunk| chunk.0 == number)?;
                Some(found.2.as_slice())
            })
            .collect();
        let is_whole = self.bytes <= MAX_BYTES && self.chunks.len() == usize::from(*count);
        let joined = ordered.filter(|_| is_whole).map(|chunks| chunks.concat());
        if joined.is_none() {
            tracing::warn!(
                chunks = self.chunks.len(),
                bytes = self.bytes,
                "the colour profile of a JPEG is too large or not whole, and is ignored"
            );
        }
        joined.filter(|profile| !profile.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(chunks: &[(u8, u8, &[u8])]) -> Option<Vec<u8>> {
        let mut all = ProfileChunks::default();
        all.add(b"another application's");
        for (number, count, bytes) in chunks {
            all.add(&[&b"ICC_PROFILE\0"[..], &[*number, *count], bytes].concat());
        }
        all.join()
    }

    #[test]
    fn chunks_are_joined_in_their_order_and_only_where_all_are_there() {
        assert_eq!(joined(&[(2, 2, b"b"), (1, 2, b"a")]).unwrap(), b"ab");
        assert_eq!(joined(&[]), None);
        assert_eq!(joined(&[(1, 2, b"a")]), None);
        assert_eq!(joined(&[(1, 2, b"a"), (1, 2, b"b")]), None);
        assert_eq!(joined(&[(0, 0, b"a")]), None);
        let large = vec![0; 60_000];
        let chunks: Vec<_> = (1..=80).map(|number| (number, 80, &large[..])).collect();
        assert_eq!(joined(&chunks), None);
    }
}

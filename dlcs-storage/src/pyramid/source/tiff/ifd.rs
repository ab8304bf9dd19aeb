//! Directories of a TIFF: found, bounded and read value by value. [TIFF 6.0, section 2; `BigTIFF`]

use std::collections::HashMap;

use dlcs_core::derivative::ProcessError;

use super::super::super::spool::SpooledFile;
use super::{bad, tag};

/// How many directories are looked through for the first full-resolution one.
const MAX_DIRECTORIES: usize = 256;
/// More entries than any honest directory has; the two bytes of a classic TIFF count no further.
const MAX_ENTRIES: u64 = 65_535;
/// How many bytes of a long list of numbers are read at once.
const WINDOW: u64 = 1 << 16;

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// A whole number of up to eight bytes.
    pub(super) fn number(self, bytes: &[u8]) -> u64 {
        let push = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, push),
            Self::Big => bytes.iter().fold(0, push),
        }
    }

    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// The values of one entry: where they are, not yet read.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u16,
    count: u64,
    /// Of the first value in the file.
    offset: u64,
}

impl Entry {
    /// Bytes of one value; `None` for kinds that nobody knows.
    const fn size(self) -> Option<u64> {
        match self.kind {
            1 | 2 | 6 | 7 => Some(1),
            3 | 8 => Some(2),
            4 | 9 | 11 | 13 => Some(4),
            5 | 10 | 12 | 16..=18 => Some(8),
            _ => None,
        }
    }
}

/// One directory.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    file: SpooledFile,
    order: ByteOrder,
    is_big: bool,
    entries: HashMap<u16, Entry>,
    next: u64,
}

impl Directory {
    /// The directory of the image: the first, or where that is a reduced copy or a mask, the first that is none.
    pub(super) fn of_image(file: &SpooledFile) -> Result<Self, ProcessError> {
        let first = Self::first(file)?;
        let is_reduced = |directory: &Self| -> Result<bool, ProcessError> {
            // Bit 0: a reduced copy of another image; bit 2: a mask for another one.
            Ok(directory.number(tag::NEW_SUBFILE_TYPE)?.unwrap_or(0) & 0b101 != 0)
        };
        if !is_reduced(&first)? {
            return Ok(first);
        }
        for later in first.followers() {
            let later = later?;
            if !is_reduced(&later)? {
                return Ok(later);
            }
        }
        Ok(first)
    }

    /// The directory that the header points to.
    pub(super) fn first(file: &SpooledFile) -> Result<Self, ProcessError> {
        let header = file.read_up_to(0, 16)?;
        let order = match header.get(..2) {
            Some(b"II") => ByteOrder::Little,
            Some(b"MM") => ByteOrder::Big,
            _ => return Err(bad("it has no header")),
        };
        let field = |from: usize, to: usize| header.get(from..to).map(|bytes| order.number(bytes));
        let (is_big, start) = match (field(2, 4), field(4, 8), field(8, 16)) {
            (Some(42), Some(start), _) => (false, start),
            // The size of offsets is always 8 and followed by a 0.
            (Some(43), Some(sizes), Some(start)) if sizes == order.number(&sizes_of(order)) => {
                (true, start)
            }
            _ => return Err(bad("it has no header")),
        };
        Self::read(file, order, is_big, start)
    }

    /// The directories after this one, as far as there are any and they are not too many.
    pub(super) fn followers(&self) -> impl Iterator<Item = Result<Self, ProcessError>> + '_ {
        let mut next = self.next;
        let mut seen = Vec::new();
        std::iter::from_fn(move || {
            // Directories that lead to each other in a circle end it as well.
            if next == 0 || seen.len() >= MAX_DIRECTORIES || seen.contains(&next) {
                return None;
            }
            seen.push(next);
            let directory = Self::read(&self.file, self.order, self.is_big, next);
            next = directory.as_ref().map_or(0, |directory| directory.next);
            Some(directory)
        })
    }

    /// The directories that belong to this one.
    pub(super) fn children(&self) -> impl Iterator<Item = Result<Self, ProcessError>> + '_ {
        let list = self.list(tag::SUB_IFDS).transpose();
        list.into_iter().flat_map(move |list| {
            let offsets: Result<Vec<u64>, _> = list.and_then(|mut list| {
                let count = list.count().min(MAX_DIRECTORIES as u64);
                (0..count).map(|index| list.get(index)).collect()
            });
            let (offsets, error) = match offsets {
                Ok(offsets) => (offsets, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            let read = |start| Self::read(&self.file, self.order, self.is_big, start);
            error.into_iter().chain(offsets.into_iter().map(read))
        })
    }

    fn read(
        file: &SpooledFile,
        order: ByteOrder,
        is_big: bool,
        start: u64,
    ) -> Result<Self, ProcessError> {
        let ended = || bad("its directory is not in the file");
        let (count_size, entry_size, word) = if is_big { (8, 20, 8) } else { (2, 12, 4) };
        let stretch = |from: u64, length: u64| {
            let end = from.checked_add(length).ok_or_else(ended)?;
            if end > file.length() {
                return Err(ended());
            }
            Ok(file.read(from, length as usize)?)
        };
        let count = order.number(&stretch(start, count_size)?);
        if count == 0 || count > MAX_ENTRIES {
            return Err(bad("its directory has an impossible number of entries"));
        }
        let begin = start + count_size;
        let bytes = stretch(begin, count * entry_size)?;
        let mut entries = HashMap::new();
        for (index, entry) in (0..).zip(bytes.chunks_exact(entry_size as usize)) {
            let (head, _) = entry.split_at(4 + word);
            let mut value = Entry {
                kind: order.number(&head[2..4]) as u16,
                count: order.number(&head[4..]),
                offset: begin + index * entry_size + 4 + word as u64,
            };
            let Some(size) = value.size() else {
                continue;
            };
            if value.count.saturating_mul(size) > word as u64 {
                value.offset = order.number(&entry[4 + word..]);
            }
            entries
                .entry(order.number(&head[..2]) as u16)
                .or_insert(value);
        }
        let after = begin + count * entry_size;
        // Some writers forget the offset of the next directory at the very end.
        let next = stretch(after, word as u64).map_or(0, |bytes| order.number(&bytes));
        Ok(Self {
            file: file.clone(),
            order,
            is_big,
            entries,
            next,
        })
    }

    pub(super) const fn order(&self) -> ByteOrder {
        self.order
    }

    /// Whether there is such an entry.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    /// The first value of an entry, as a whole number; `None` where there is no such entry.
    pub(super) fn number(&self, tag: u16) -> Result<Option<u64>, ProcessError> {
        match self.list(tag)? {
            Some(mut list) => list.get(0).map(Some),
            None => Ok(None),
        }
    }

    /// The values of a short entry, as whole numbers.
    pub(super) fn numbers(&self, tag: u16, most: u64) -> Result<Option<Vec<u64>>, ProcessError> {
        let Some(mut list) = self.list(tag)? else {
            return Ok(None);
        };
        (0..list.count().min(most))
            .map(|index| list.get(index))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The values of an entry, as whole numbers that are read when they are asked for.
    pub(super) fn list(&self, tag: u16) -> Result<Option<NumberList>, ProcessError> {
        let Some(entry) = self.entries.get(&tag).copied() else {
            return Ok(None);
        };
        let size = match entry.kind {
            1 | 3 | 4 | 13 | 16 | 18 | 6 | 7 | 8 | 9 | 17 => entry.size(),
            _ => None,
        };
        let size =
            size.ok_or_else(|| bad("a field of its directory has values of another kind"))?;
        self.check(entry, size)?;
        Ok(Some(NumberList {
            file: self.file.clone(),
            order: self.order,
            size,
            count: entry.count,
            offset: entry.offset,
            window: Vec::new(),
            window_start: 0,
        }))
    }

    /// The fractions of a short entry, as they are used.
    pub(super) fn fractions<const N: usize>(&self, tag: u16) -> Option<[f64; N]> {
        let entry = self.entries.get(&tag).copied()?;
        if entry.count < N as u64 {
            return None;
        }
        let size = entry.size()?;
        self.check(entry, size).ok()?;
        let bytes = self.file.read(entry.offset, size as usize * N).ok()?;
        let mut values = [0.0; N];
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(size as usize)) {
            *value = match entry.kind {
                5 => {
                    let (over, under) = bytes.split_at(4);
                    self.order.number(over) as f64 / self.order.number(under) as f64
                }
                3 | 4 => self.order.number(bytes) as f64,
                11 => f64::from(f32::from_bits(self.order.number(bytes) as u32)),
                12 => f64::from_bits(self.order.number(bytes)),
                _ => return None,
            };
            if !value.is_finite() {
                return None;
            }
        }
        Some(values)
    }

    /// The bytes of an entry; `None` where there is none, or where it has more than `most`.
    pub(super) fn bytes(&self, tag: u16, most: u64) -> Result<Option<Vec<u8>>, ProcessError> {
        let Some(entry) = self.entries.get(&tag).copied() else {
            return Ok(None);
        };
        let length = entry.count.saturating_mul(entry.size().unwrap_or(1));
        if length > most || self.check(entry, entry.size().unwrap_or(1)).is_err() {
            return Ok(None);
        }
        Ok(Some(self.file.read(entry.offset, length as usize)?.into()))
    }

    /// Refuses values that would lie outside of the file.
    fn check(&self, entry: Entry, size: u64) -> Result<(), ProcessError> {
        let end = entry
            .count
            .checked_mul(size)
            .and_then(|length| entry.offset.checked_add(length));
        match end {
            Some(end) if end <= self.file.length() && entry.count > 0 => Ok(()),
            _ => Err(bad("a field of its directory is not in the file")),
        }
    }
}

/// What follows the version of a `BigTIFF`: offsets of 8 bytes, and a 0.
const fn sizes_of(order: ByteOrder) -> [u8; 4] {
    match order {
        ByteOrder::Little => [8, 0, 0, 0],
        ByteOrder::Big => [0, 8, 0, 0],
    }
}

/// A list of whole numbers in the file, of which a window is in memory: there may be millions.
#[derive(Debug, Clone)]
pub(super) struct NumberList {
    file: SpooledFile,
    order: ByteOrder,
    size: u64,
    count: u64,
    offset: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl NumberList {
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// One number. Signed ones are read as if they were not: nothing here is below zero.
    pub(super) fn get(&mut self, index: u64) -> Result<u64, ProcessError> {
        if index >= self.count {
            return Err(bad("a field of its directory has too few values"));
        }
        let place = index * self.size;
        let within = |list: &Self| {
            place >= list.window_start
                && place + list.size <= list.window_start + list.window.len() as u64
        };
        if !within(self) {
            let length = (self.count * self.size - place).min(WINDOW);
            self.window = self.file.read(self.offset + place, length as usize)?.into();
            self.window_start = place;
        }
        let start = (place - self.window_start) as usize;
        Ok(self
            .order
            .number(&self.window[start..start + self.size as usize]))
    }
}

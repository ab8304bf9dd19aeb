//! Numbers of a box, one after the other.

const CUT: &str = "a box is cut";

/// What is left of a box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(CUT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, &'static str> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, &'static str> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, &'static str> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, &'static str> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn kind(&mut self) -> Result<[u8; 4], &'static str> {
        self.take()
    }

    /// A number of so many bytes, which may be none.
    pub(super) fn sized(&mut self, bytes: u8) -> Result<u64, &'static str> {
        match bytes {
            0 => Ok(0),
            4 => self.u32().map(u64::from),
            8 => self.u64(),
            _ => Err("a number has an impossible size"),
        }
    }

    pub(super) fn version_and_flags(&mut self) -> Result<(u8, u32), &'static str> {
        let number = self.u32()?;
        Ok(((number >> 24) as u8, number & 0xFF_FFFF))
    }

    pub(super) fn version(&mut self) -> Result<u8, &'static str> {
        self.version_and_flags().map(|(version, _)| version)
    }

    /// A number of two bytes, or of four where the version is not 0.
    pub(super) fn number_by_version(&mut self) -> Result<u32, &'static str> {
        if self.version()? == 0 {
            self.u16().map(u32::from)
        } else {
            self.u32()
        }
    }
}

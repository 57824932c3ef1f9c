//! Whole numbers in as many bytes as they need: seven bits each, the lowest first, the eighth says that more follow.

/// Appends numbers.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push((number & 0x7f) as u8);
    }

    /// Small ones of either sign are short.
    pub(crate) fn signed(&mut self, number: i64) {
        self.unsigned(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// Eight bytes, for what is as good as random.
    pub(crate) fn fixed(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Its length, then itself.
    pub(crate) fn section(&mut self, section: &[u8]) {
        self.unsigned(section.len() as u64);
        self.bytes.extend_from_slice(section);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what a [`Writer`] wrote; `None` where it did not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn fixed(&mut self) -> Option<i64> {
        let (bytes, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some(i64::from_le_bytes(*bytes))
    }

    /// All that was not read.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn section(&mut self) -> Option<Reader<'a>> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (section, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(Reader { bytes: section })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        let numbers = [0, 1, -1, 63, 64, -64, -65, 300, i64::MAX, i64::MIN];
        let mut writer = Writer::default();
        for number in numbers {
            writer.signed(number);
            writer.unsigned(number.cast_unsigned());
            writer.fixed(number);
        }
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        for number in numbers {
            assert_eq!(reader.signed(), Some(number));
            assert_eq!(reader.unsigned(), Some(number.cast_unsigned()));
            assert_eq!(reader.fixed(), Some(number));
        }
        assert!(reader.is_empty());
    }

    #[test]
    fn what_is_damaged_or_cut_short_is_nothing() {
        assert_eq!(Reader::new(&[0xff; 11]).unsigned(), None);
        assert_eq!(Reader::new(&[0x80]).unsigned(), None);
        assert_eq!(Reader::new(&[]).signed(), None);
        assert_eq!(Reader::new(&[1; 7]).fixed(), None);
        assert!(Reader::new(&[5, 1, 2]).section().is_none());
    }

    #[test]
    fn a_section_ends_where_it_was_ended() {
        let mut inner = Writer::default();
        inner.unsigned(300);
        let mut outer = Writer::default();
        outer.section(&inner.into_bytes());
        outer.unsigned(7);
        let bytes = outer.into_bytes();
        let mut reader = Reader::new(&bytes);
        let mut section = reader.section().unwrap();
        assert_eq!(section.unsigned(), Some(300));
        assert!(section.is_empty());
        assert_eq!(reader.unsigned(), Some(7));
    }
}

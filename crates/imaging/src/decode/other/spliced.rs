//! A file put together of a header of its own and bytes that stay where they are.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Seek, SeekFrom};

/// A part of the original behind a header written for it.
#[derive(Debug)]
pub(super) struct Spliced<'a> {
    head: Vec<u8>,
    body: &'a [u8],
    at: usize,
}

impl<'a> Spliced<'a> {
    pub(super) fn new(head: Vec<u8>, body: &'a [u8]) -> Self {
        Self { head, body, at: 0 }
    }

    /// What follows the place that is read next, up to the end of its part.
    fn rest(&self) -> &[u8] {
        let in_body = self.at.saturating_sub(self.head.len());
        let in_head = self.head.get(self.at..).filter(|rest| !rest.is_empty());
        in_head
            .or_else(|| self.body.get(in_body..))
            .unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

impl BufRead for Spliced<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Spliced<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.rest().read(into)?;
        self.at += read;
        Ok(read)
    }
}

impl Seek for Spliced<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let from = |origin: usize, offset: i64| (origin as u64).checked_add_signed(offset);
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(offset) => from(self.at, offset),
            SeekFrom::End(offset) => from(self.len(), offset),
        };
        let place = place.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        self.at = usize::try_from(place).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_one_file_from_any_place() {
        let whole = b"abcdefghi";
        for from in 0..12 {
            let mut file = Spliced::new(b"abc".to_vec(), b"defghi");
            file.seek(SeekFrom::Start(from)).unwrap();
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            let expected = whole.get(usize::try_from(from).unwrap()..);
            assert_eq!(read, expected.unwrap_or_default(), "{from}");
        }
        let mut file = Spliced::new(Vec::new(), whole);
        assert_eq!(file.seek(SeekFrom::End(-2)).unwrap(), 7);
        assert_eq!(file.seek(SeekFrom::Current(-3)).unwrap(), 4);
        assert!(file.seek(SeekFrom::Current(-5)).is_err());
    }
}

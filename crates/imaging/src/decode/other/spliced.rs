//! A file put together of bytes that stay where they are, and others written for it before and behind.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Seek, SeekFrom};

/// A part of the original between a head and a tail written for it.
#[derive(Debug)]
pub(super) struct Spliced<'a> {
    head: Vec<u8>,
    body: &'a [u8],
    tail: Vec<u8>,
    at: usize,
}

impl<'a> Spliced<'a> {
    pub(super) fn new(head: Vec<u8>, body: &'a [u8], tail: Vec<u8>) -> Self {
        Self {
            head,
            body,
            tail,
            at: 0,
        }
    }

    /// What follows the place that is read next, up to the end of its part.
    fn rest(&self) -> &[u8] {
        let mut before = 0;
        for part in [&self.head, self.body, &self.tail] {
            let rest = self.at.checked_sub(before).and_then(|at| part.get(at..));
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                return rest;
            }
            before += part.len();
        }
        &[]
    }

    fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.tail.len()
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
            let mut file = Spliced::new(b"abc".to_vec(), b"defg", b"hi".to_vec());
            file.seek(SeekFrom::Start(from)).unwrap();
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            let expected = whole.get(usize::try_from(from).unwrap()..);
            assert_eq!(read, expected.unwrap_or_default(), "{from}");
        }
        let mut file = Spliced::new(Vec::new(), whole, Vec::new());
        assert_eq!(file.seek(SeekFrom::End(-2)).unwrap(), 7);
        assert_eq!(file.seek(SeekFrom::Current(-3)).unwrap(), 4);
        assert!(file.seek(SeekFrom::Current(-5)).is_err());
    }
}

//! A body as it comes, in memory that is taken as the bytes arrive: who announces much and sends little holds
//! little. It is put together once all of it is there, and given up piece by piece while that is done.

use bytes::{Bytes, BytesMut};

/// The first piece has so many bytes, each further one as many as are there already.
const PIECE_BYTES_MIN: usize = 1 << 10;
/// Up to this.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Gathered {
    /// All of it, as long as it came at once, as most bodies do.
    first: Bytes,
    pieces: Vec<BytesMut>,
    length: usize,
    taken: usize,
}

impl Gathered {
    /// Bytes that are there.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Bytes of memory that it takes.
    pub(crate) fn taken(&self) -> usize {
        self.first.len() + self.taken
    }

    /// Adds what has arrived.
    pub(crate) fn push(&mut self, data: Bytes) {
        if self.length == 0 {
            self.length = data.len();
            self.first = data;
            return;
        }
        let first = std::mem::take(&mut self.first);
        if !first.is_empty() {
            self.length = 0;
            self.copy(&first);
        }
        self.copy(&data);
    }

    fn copy(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = self.pieces.last().map_or(0, |last| last.capacity() - last.len());
            if room == 0 {
                let piece = BytesMut::with_capacity(self.length.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX));
                self.taken += piece.capacity();
                self.pieces.push(piece);
                continue;
            }
            let (now, later) = data.split_at(room.min(data.len()));
            if let Some(last) = self.pieces.last_mut() {
                last.extend_from_slice(now);
            }
            self.length += now.len();
            data = later;
        }
    }

    /// All of it.
    pub(crate) fn into_bytes(self) -> Bytes {
        if self.pieces.is_empty() {
            return self.first;
        }
        let mut all = BytesMut::with_capacity(self.length);
        for piece in self.pieces {
            all.extend_from_slice(&piece);
        }
        all.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_pieces_is_whole_and_takes_little_more_than_it_is() {
        for (count, size) in [(0, 0), (1, 0), (1, 5_000), (2, 1), (3, 700), (1_000, 1), (40, 100_000)] {
            let mut gathered = Gathered::default();
            let mut sent = Vec::new();
            for number in 0..count {
                let data = vec![number as u8; size];
                sent.extend_from_slice(&data);
                gathered.push(data.into());
                assert!(gathered.taken() <= 2 * gathered.len() + PIECE_BYTES_MIN, "{count} of {size}");
                assert!(gathered.taken() <= gathered.len() + PIECE_BYTES_MAX, "{count} of {size}");
            }
            assert_eq!(gathered.len(), sent.len());
            let all = gathered.into_bytes();
            assert_eq!(all, sent);
            assert!(count < 2 || all.try_into_mut().unwrap().capacity() == sent.len());
        }
    }
}

//! Large answers that are not the log's own bytes: written in the words of an older generation, or as protobuf, each reader has a copy
//! for as long as he takes to read it. All of them together have a bound.

use std::sync::Arc;

use bytes::Bytes;
use inhouse_proto::error::{A2aError, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is smaller is bounded by the number of connections.
const LARGE_BYTES_MIN: usize = 64 << 10;
/// In such units it is counted, in bytes.
const UNIT_BYTES: usize = 1 << 10;
/// When whoever found no room may try again, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// The room for copies; clones are of the same.
#[derive(Debug, Clone)]
pub struct Copies {
    free: Arc<Semaphore>,
    units: u32,
}

/// A copy that counts as long as somebody has a piece of it.
struct Counted {
    bytes: Bytes,
    _room: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Copies {
    /// Room for so many bytes; an answer that is larger finds room when there is no other.
    pub fn new(bytes_max: usize) -> Self {
        let units = u32::try_from(bytes_max / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// What is taken of the room, in bytes.
    pub(crate) fn used(&self) -> usize {
        (self.units as usize).saturating_sub(self.free.available_permits()) * UNIT_BYTES
    }

    /// Counts the large pieces of an answer until they are written.
    ///
    /// # Errors
    /// Unavailable, when there is no room.
    pub(crate) fn count(&self, pieces: Vec<Bytes>) -> Result<Vec<Bytes>, A2aError> {
        let is_large = |piece: &Bytes| piece.len() >= LARGE_BYTES_MIN;
        let large: usize = pieces.iter().filter(|piece| is_large(piece)).map(Bytes::len).sum();
        if large == 0 {
            return Ok(pieces);
        }
        let units = u32::try_from(large.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units);
        let room = Arc::clone(&self.free).try_acquire_many_owned(units).map_err(|_| full())?;
        let room = Arc::new(room);
        let counted = |bytes: Bytes| match is_large(&bytes) {
            true => Bytes::from_owner(Counted { bytes, _room: Arc::clone(&room) }),
            false => bytes,
        };
        Ok(pieces.into_iter().map(counted).collect())
    }
}

fn full() -> A2aError {
    let why = "too many large answers are being read by clients of this generation or binding";
    A2aError::new(ErrorKind::Unavailable).detail(why).retry_after(RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Vec<Bytes> {
        vec![Bytes::from_static(b"head"), Bytes::from(vec![b'x'; bytes])]
    }

    #[test]
    fn there_is_room_again_when_the_last_piece_is_gone() {
        let copies = Copies::new(1 << 20);
        let mut first = copies.count(answer(800 << 10)).unwrap();
        assert_eq!(first[1].len(), 800 << 10);
        assert_eq!(copies.count(answer(800 << 10)).unwrap_err().kind, ErrorKind::Unavailable);
        assert!(copies.count(answer(200 << 10)).is_ok() && copies.count(answer(1_000)).is_ok());
        let rest = first.remove(1).split_off(700 << 10);
        drop(first);
        assert!(copies.count(answer(800 << 10)).is_err(), "a part of it is still to be written");
        drop(rest);
        let large = copies.count(answer(5 << 20));
        assert!(large.is_ok(), "one that is larger than all of the room has it alone");
        assert!(copies.count(answer(100 << 10)).is_err());
    }
}

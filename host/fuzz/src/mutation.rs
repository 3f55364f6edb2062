//! Inputs made from others by chance.

use rand::Rng as _;
use rand::rngs::StdRng;

/// Largest input that is made.
const BYTES_MAX: usize = 16 << 10;

/// `input`, changed in a few places; some of it may come from `other`.
pub(crate) fn mutated(input: &[u8], other: &[u8], chance: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..chance.random_range(1..=6) {
        change(&mut bytes, other, chance);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], chance: &mut StdRng) {
    const TELLING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'%', b'/', b'\\', b'{', b'-', b'9'];
    let at = chance.random_range(0..=bytes.len());
    let part = at..(at + chance.random_range(1..=8)).min(bytes.len());
    match chance.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = TELLING[chance.random_range(0..TELLING.len())],
        2 => bytes.insert(at, chance.random()),
        3 => bytes.insert(at, TELLING[chance.random_range(0..TELLING.len())]),
        4 => drop(bytes.drain(part)),
        5 => {
            let again = bytes[part].to_vec();
            bytes.splice(at..at, again);
        }
        _ if !other.is_empty() => {
            let from = chance.random_range(0..other.len());
            let to = (from + chance.random_range(1..=64)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => bytes.push(chance.random()),
    }
}

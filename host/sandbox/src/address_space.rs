//! Fits the pool of sandboxes into the address space that the process may have: as much as is asked for where there
//! is room, and otherwise smaller places, then fewer. Some is always left for the rest of the host.

use greenroom_core::Limits;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use wasmtime::Engine;

use crate::resources::Places;
use crate::settings::{Reservation, running_engine};

/// Address space that the pool leaves to the host: its heap, its threads' stacks, the code of components.
const LEFT_TO_THE_HOST_BYTES: usize = 4 << 30;

/// The engine, and what its pool has.
pub(crate) struct Fitted {
    pub(crate) engine: Engine,
    pub(crate) places: Places,
    pub(crate) reservation: Reservation,
}

/// Makes the engine with the largest pool that fits, and warns of what had to be lowered.
///
/// # Errors
/// There is not even room for one sandbox.
pub(crate) fn fit(limits: &Limits) -> wasmtime::Result<Fitted> {
    let wanted = Places::of(limits);
    let _left = LeftToTheHost::take()?;
    let mut engine = running_engine(limits, wanted, Reservation::FULL);
    let (mut places, mut reservation) = (wanted, Reservation::FULL);
    let smallest = Reservation::smallest(limits);
    while let Err(no_room) = engine {
        if reservation != smallest {
            reservation = smallest;
        } else if places.sandboxes > 1 {
            places = Places::at_most(places.sandboxes / 4 * 3, limits);
        } else {
            return Err(no_room.context(
                "the process may have too little address space (`ulimit -v`) even for one; raise it, or lower \
                 limits.sandbox_memory_bytes",
            ));
        }
        engine = running_engine(limits, places, reservation);
    }
    if (places, reservation) != (wanted, Reservation::FULL) {
        tracing::warn!(
            reserved_bytes = reservation.bytes,
            usual = Reservation::FULL.bytes,
            sandboxes = places.sandboxes,
            asked = wanted.sandboxes,
            "the process may have too little address space (`ulimit -v`, or the processor's): less of it is reserved for \
             each memory, so guests run slower, and there may be fewer sandboxes than limits.sandboxes asks for"
        );
    }
    Ok(Fitted { engine: engine?, places, reservation })
}

/// Address space that is kept from the pool, as long as this lives.
struct LeftToTheHost(*mut std::ffi::c_void);

impl LeftToTheHost {
    #[allow(unsafe_code)]
    fn take() -> wasmtime::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses where, and nobody can read or write there.
        let mapped = unsafe {
            mmap_anonymous(std::ptr::null_mut(), LEFT_TO_THE_HOST_BYTES, ProtFlags::empty(), flags)
        };
        let no_room = |error| {
            let needed = LEFT_TO_THE_HOST_BYTES >> 30;
            wasmtime::Error::from(std::io::Error::from(error)).context(format!(
                "the process may not even have {needed} GiB of address space for itself; raise it (`ulimit -v`)"
            ))
        };
        mapped.map(LeftToTheHost).map_err(no_room)
    }
}

impl Drop for LeftToTheHost {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and nothing points into it.
        let unmapped = unsafe { munmap(self.0, LEFT_TO_THE_HOST_BYTES) };
        debug_assert!(unmapped.is_ok(), "what was mapped can be given back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_given_where_there_is_room() {
        let limits = Limits { sandboxes: 20, ..Limits::default() };
        let Fitted { places, reservation, .. } = fit(&limits).unwrap();
        assert_eq!((places, reservation), (Places::of(&limits), Reservation::FULL));
    }
}

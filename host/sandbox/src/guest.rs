//! What the host keeps for one sandbox: the turn it is in, what it has used, and its WASI, made
//! when the guest first asks for it.

use std::sync::Arc;

use greenroom_core::sandbox::{Environment, TurnHost};
use greenroom_core::{FailPoint, Limits};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::limiter::Limiter;
use crate::meter::Meter;
use crate::resources::Holding;
use crate::ticker::Ticker;
use crate::traps::Stop;
use crate::wasi::Wasi;

/// The data of a sandbox's store.
pub(crate) struct Guest {
    turn: Option<Arc<dyn TurnHost>>,
    pub(crate) limiter: Limiter,
    pub(crate) meter: Arc<Meter>,
    environment: Environment,
    wasi: Option<Box<Wasi>>,
}

impl Guest {
    /// A guest outside any turn, whose WASI, if it uses any, shows it `environment`.
    pub(crate) fn new(
        limits: &Limits,
        environment: Environment,
        holding: Arc<Holding>,
        ticker: Arc<Ticker>,
    ) -> Self {
        Guest {
            turn: None,
            limiter: Limiter::new(limits, holding),
            meter: Arc::new(Meter::new(limits.turn_cpu, ticker)),
            environment,
            wasi: None,
        }
    }

    /// The turn that the guest's host calls belong to.
    pub(crate) fn turn(&self) -> Result<&Arc<dyn TurnHost>, Stop> {
        FailPoint::HostFunction.reach();
        self.turn.as_ref().ok_or(Stop::NoTurn)
    }

    /// From now on host calls belong to `turn`.
    pub(crate) fn begin_turn(&mut self, turn: Arc<dyn TurnHost>) {
        self.limiter.begin_turn();
        if let Some(wasi) = &self.wasi {
            wasi.console.begin_turn(Arc::clone(&turn));
        }
        self.turn = Some(turn);
    }

    /// Flushes what the guest printed, and lets go of the turn.
    pub(crate) fn end_turn(&mut self) {
        if let Some(wasi) = &self.wasi {
            wasi.console.end_turn();
        }
        self.turn = None;
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            Box::new(Wasi::new(&std::mem::take(&mut self.environment), self.turn.clone()))
        });
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

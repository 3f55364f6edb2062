//go:build wasip1

// Package runtime gives the host memory to write in, and keeps the collector from running while it does.
//
// The host writes arguments and results into memory that cabi_realloc gives it, and while cabi_realloc runs
// the component may call nothing outside of itself. A collection reads the clock, which is outside: one that
// an allocation in cabi_realloc started would trap with "cannot leave component instance". So the collector
// runs only within turns, between Resume and Suspend, and is suspended around each call of the host. Suspend
// waits for a collection under way, and after it no allocation looks at the clock.
//
// It stands in for go.bytecodealliance.org/pkg/wit/runtime, whose names the generated bindings use.
package runtime

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"unsafe"
)

const (
	// gcPercent is Go's own default.
	gcPercent = 100
	// What the host may have written before the collector is asked whether it is time.
	hostWroteMax = 1 << 20
	// An allocation of this size, and none that is smaller, always asks it.
	largeAllocation = 64 << 10
)

var (
	// hostWrote holds what the host was given, until the bindings have made slices and strings of it. The
	// collector moves nothing, so there is no need to pin it, which takes several times as long.
	hostWrote      []unsafe.Pointer
	hostWroteBytes uintptr
	hasStarted     bool
	asking         []byte
	cycles         = []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	// collected is how many collections there had been when the collector was last suspended.
	collected uint64
)

func init() {
	debug.SetGCPercent(-1)
	hasStarted = true
}

// Resume lets the collector run when it is time.
func Resume() {
	debug.SetGCPercent(gcPercent)
	// What was allocated while it could not run may have been all there is to collect.
	if hostWroteBytes > hostWroteMax {
		hostWroteBytes = 0
		asking = make([]byte, largeAllocation)
		asking = nil
	}
}

// Suspend keeps the collector from running.
func Suspend() {
	debug.SetGCPercent(-1)
	if now := collections(); now != collected {
		// A collection that ends while the collector is off leaves it with no goal for the heap. An allocation
		// that makes the heap grow would then give memory back to the system, and look at the clock for it.
		// Whether one did, or ended before, is not worth a second look at the count: looking takes longer
		// than all else here, and collections are rare.
		debug.SetGCPercent(gcPercent)
		runtime.GC()
		debug.SetGCPercent(-1)
		collected = collections()
	}
}

// collections counts those that there have been.
func collections() uint64 {
	metrics.Read(cycles)
	return cycles[0].Value.Uint64()
}

// Unpin leaves what the host has written to the collector.
func Unpin() {
	clear(hostWrote)
	hostWrote = hostWrote[:0]
}

// Allocate makes room for a value of the contract, until pinner lets go of it.
func Allocate(pinner *runtime.Pinner, size, _ uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	room := roomFor(size)
	pinner.Pin(room)
	return room
}

// roomFor is of uint64, for the strictest alignment that there is.
func roomFor(size uintptr) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
}

// early serves the calls that come before the runtime has run its initialisers: those of the adapter between
// WASI's two versions, whose own state is 64 KiB.
var (
	early     [192 << 10]byte
	earlyUsed uintptr
)

//go:wasmexport cabi_realloc
func cabiRealloc(_ unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if oldSize != 0 {
		panic("the host resizes nothing")
	}
	if hasStarted {
		if size == 0 {
			return nil
		}
		hostWroteBytes += size
		room := roomFor(size)
		hostWrote = append(hostWrote, room)
		return room
	}
	start := uintptr(unsafe.Pointer(&early))
	at := (start + earlyUsed + align - 1) &^ (align - 1)
	earlyUsed = at + size - start
	if earlyUsed > uintptr(len(early)) {
		panic("the adapter asks for more than it should")
	}
	return unsafe.Pointer(at)
}

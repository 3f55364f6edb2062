// A moment in time, as the host's clock tells it.

package greenroom

import (
	"math"
	"time"
)

// Timestamp is a moment to the millisecond: milliseconds since the Unix epoch, and in JSON that number.
// Sums and differences stop at the first and the last moment there is.
type Timestamp uint64

// TimestampOf is the moment t, or the Unix epoch for one before it.
func TimestampOf(t time.Time) Timestamp { return Timestamp(max(0, t.UnixMilli())) }

// Time is the moment as the standard library has it, in UTC.
func (t Timestamp) Time() time.Time {
	return time.UnixMilli(int64(min(uint64(t), math.MaxInt64))).UTC()
}

// Add is the moment d later, or earlier when d is negative.
func (t Timestamp) Add(d time.Duration) Timestamp {
	if d < 0 {
		return t - min(t, Timestamp(-(d/time.Millisecond)))
	}
	return t.AddMilliseconds(milliseconds(d))
}

// AddMilliseconds is the moment so many milliseconds later.
func (t Timestamp) AddMilliseconds(ms uint64) Timestamp {
	return t + min(Timestamp(ms), math.MaxUint64-t)
}

// Since says how long after earlier this is; zero when it is not.
func (t Timestamp) Since(earlier Timestamp) time.Duration {
	return duration(uint64(t - min(t, earlier)))
}

// milliseconds is d in whole milliseconds, rounded up, so that nothing happens too early.
func milliseconds(d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return (uint64(d) + uint64(time.Millisecond) - 1) / uint64(time.Millisecond)
}

// duration is the longest there is, for more milliseconds than it can hold.
func duration(ms uint64) time.Duration {
	if ms > uint64(math.MaxInt64/time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// What the world around an actor offers: the contract's imports as Go has them.

package greenroom

// Level is how much a log line matters.
type Level uint8

// The levels of the host's log.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Host is the world around one actor. In a component it is the real host, in a test greenroomtest's; an actor
// meets it as Context only.
//
// A passed limit is a *Failure with CodeResourceExhausted; a call without a reply is a *CallError.
type Host interface {
	StateGet(key string) (value []byte, found bool)
	StateSet(key string, value []byte) error
	StateDelete(key string) bool
	// StateKeys are the keys that begin with prefix and come after `after`, in byte order, at most limit; an
	// empty `after` is before all keys.
	StateKeys(prefix, after string, limit uint32) []string
	Call(to Address, method string, payload Payload) (Payload, error)
	Send(to Address, method string, payload Payload, delayMS uint64) error
	ReminderSet(name string, schedule Schedule, method string, payload Payload) error
	ReminderCancel(name string) bool
	ReminderList() []Reminder
	TimerSet(name string, schedule Schedule, method string, payload Payload) error
	TimerCancel(name string) bool
	Now() Timestamp
	// Random are at most 4,096 bytes.
	Random(count uint32) []byte
	Log(level Level, message string)
}

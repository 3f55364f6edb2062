// The actor's door to the host during one turn: who it is, who asks, what time it is, and everything that it
// may do besides changing its own struct.

package greenroom

import "log/slog"

const randomBytesMax = 4_096

// Context is what a method is handed besides its arguments, if its first parameter is a *Context.
//
// State, reminders, timers and sent messages are part of the turn: they take effect together when the method
// succeeds, and not at all when it fails. A call is a turn of the callee's own, which stays done even if the
// caller fails afterwards.
//
// A context is of one turn. A goroutine that uses it after the method has returned would act for a turn that
// is over, and panics.
type Context struct {
	world   Host
	me      Address
	message *Message
	over    bool
}

func (c *Context) host() Host {
	if c.over {
		panic("greenroom: a context was used after its turn; wait for what a method starts before it returns")
	}
	return c.world
}

// Me is this actor's address.
func (c *Context) Me() Address { return c.me }

// Message is the message of this turn; nil while the actor is activated or deactivated.
func (c *Context) Message() *Message { return c.message }

// Origin is who sent the message of this turn.
func (c *Context) Origin() Origin {
	if c.message == nil {
		return Origin{}
	}
	return c.message.Origin
}

// Now is the time; the same all through a turn. time.Now agrees with it.
func (c *Context) Now() Timestamp { return c.host().Now() }

// Random is so many cryptographically secure random bytes.
func (c *Context) Random(count int) []byte {
	random := make([]byte, 0, count)
	for len(random) < count {
		random = append(random, c.host().Random(uint32(min(count-len(random), randomBytesMax)))...)
	}
	return random
}

// State is the actor's state under keys of its own, beside its struct.
func (c *Context) State() State { return State{c} }

// Actor is another actor, or this one.
func (c *Context) Actor(actorType, id string) ActorRef { return c.At(Address{actorType, id}) }

// At is the actor at that address.
func (c *Context) At(address Address) ActorRef { return ActorRef{c, address} }

// Reminders are durable messages to oneself: they survive restarts, and wake a dormant actor.
func (c *Context) Reminders() Reminders { return Reminders{c} }

// Timers are like reminders, in memory only.
func (c *Context) Timers() Timers { return Timers{c} }

// Log is the actor's log, for the people who run it. The package-level functions of log and log/slog write to
// it too, in a component.
func (c *Context) Log() *slog.Logger { return slog.New(&logHandler{host: c.host}) }

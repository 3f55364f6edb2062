// Package greenroomtest runs an actor in an ordinary native test, without a host and without WebAssembly.
//
// A Host keeps what the real one promises: one message at a time, and each turn takes effect as a whole or not
// at all. Its clock stands still until the test moves it; nothing in it is random, so a test that passes once
// passes always.
//
//	func TestItCountsAndForgets(t *testing.T) {
//		host := greenroomtest.New(t, counter, "counter-1")
//		var count uint32
//		host.MustCall("add", 2, &count)
//		if err := host.Call("add", 0, nil); greenroom.CodeOf(err) != greenroom.CodeInvalidArgument {
//			t.Error(err)
//		}
//		host.Restart()
//		host.Advance(time.Hour)
//	}
package greenroomtest

import (
	"encoding/json/v2"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"greenroom"
)

// When every test begins: 2026-01-01, midnight UTC.
const begin greenroom.Timestamp = 1_767_225_600_000

var client = greenroom.Origin{Kind: greenroom.FromClient}

// Host is a host for one actor. Messages come from a client unless they are given another origin. The actor
// is activated by its first message, as it would be by the real host.
type Host struct {
	t          testing.TB
	me         greenroom.Address
	world      *world
	activation *greenroom.Activation
	messages   int
}

// New is a host for the actor with that id. Its actor type is called like the struct in lower case.
func New[T any](t testing.TB, actor *greenroom.Actor[T], id string) *Host {
	return NewAt(t, actor, greenroom.Address{Type: strings.ToLower(actor.Name()), ID: id})
}

// NewAt is a host for the actor at that address.
func NewAt[T any](t testing.TB, actor *greenroom.Actor[T], me greenroom.Address) *Host {
	world := &world{me: me, now: begin, effects: noEffects()}
	return &Host{t: t, me: me, world: world, activation: actor.Activation(world, me)}
}

// Call calls a method as a client would, and reads its reply into what reply points to, if that is not nil.
// The error is what the actor failed with, or an `invalid-argument` for a reply of another type.
func (h *Host) Call(method string, arguments, reply any) error {
	return h.CallFrom(client, method, arguments, reply)
}

// MustCall is like Call, and ends the test when the actor fails.
func (h *Host) MustCall(method string, arguments, reply any) {
	h.t.Helper()
	if err := h.Call(method, arguments, reply); err != nil {
		h.t.Fatalf("%s %s: %v", h.me, method, err)
	}
}

// CallFrom is like Call, with another sender.
func (h *Host) CallFrom(origin greenroom.Origin, method string, arguments, reply any) error {
	payload, err := payloadOf(arguments)
	if err != nil {
		return err
	}
	answer, err := h.receive(origin, method, payload)
	if err != nil || reply == nil {
		return err
	}
	if raw, isRaw := reply.(*greenroom.Payload); isRaw {
		*raw = answer
		return nil
	}
	return answer.Read(reply)
}

func (h *Host) receive(
	origin greenroom.Origin, method string, payload greenroom.Payload,
) (reply greenroom.Payload, err error) {
	if !h.activation.IsLoaded() {
		if err := h.world.turn(h.activation.Activate); err != nil {
			return reply, err
		}
	}
	h.messages++
	message := greenroom.Message{
		ID: fmt.Sprintf("message-%d", h.messages), Method: method, Origin: origin, Attempt: 1,
	}
	err = h.world.turn(func() error {
		reply, err = h.activation.Receive(message, payload)
		return err
	})
	return reply, err
}

// Responder answers a call that the actor makes: with a reply, as JSON unless it is a Payload, or with why
// there is none. A *CallError is that reason; any other error is the callee's own failure.
type Responder func(to greenroom.Address, method string, payload greenroom.Payload) (any, error)

// OnCall answers the calls that the actor makes; without it nothing is deployed but the actor.
func (h *Host) OnCall(respond Responder) { h.world.respond = respond }

// Delivered is a reminder's or timer's firing, or a message to itself, that Advance delivered.
type Delivered struct {
	Origin greenroom.Origin
	Method string
	// Reply is what it replied, if it succeeded.
	Reply greenroom.Payload
	// Err is what it failed with, if it failed.
	Err error
}

// Advance moves the clock, and delivers on the way what becomes due, in its order: reminders, timers, and
// messages that the actor sent itself. Zero delivers what is due already. A firing whose turn fails is
// reported and not tried again; the real host would.
func (h *Host) Advance(duration time.Duration) []Delivered {
	until := h.world.now.Add(duration)
	var delivered []Delivered
	for {
		due, found := h.world.takeDue(until)
		if !found {
			break
		}
		h.world.now = max(due.at, h.world.now)
		reply, err := h.receive(due.origin, due.method, due.payload)
		delivered = append(delivered, Delivered{due.origin, due.method, reply, err})
	}
	h.world.now = until
	return delivered
}

// Restart deactivates the actor, as when it was idle, and activates it again from what is stored. Timers are
// gone. The error is what either failed with.
func (h *Host) Restart() error {
	err := h.world.turn(h.activation.Deactivate)
	h.Crash()
	if err != nil {
		return err
	}
	return h.world.turn(h.activation.Activate)
}

// Crash drops the actor from memory, as when the host was killed. Its next message activates it.
func (h *Host) Crash() {
	h.activation.Discard()
	h.world.effects.timers = map[string]alarm{}
}

// Now is the time.
func (h *Host) Now() greenroom.Timestamp { return h.world.now }

// Sent is all messages that the actor has sent since the last TakeSent, those to itself included.
func (h *Host) Sent() []Sent { return slices.Clone(h.world.effects.sent) }

// TakeSent is like Sent, and begins anew.
func (h *Host) TakeSent() []Sent {
	sent := h.world.effects.sent
	h.world.effects.sent = nil
	return sent
}

// Reminders is the reminders that are set, by name.
func (h *Host) Reminders() []greenroom.Reminder { return h.world.ReminderList() }

// Timers is the timers that are set, by name.
func (h *Host) Timers() []greenroom.Reminder { return h.world.listed(h.world.effects.timers) }

// LogLine is a line of the actor's log.
type LogLine struct {
	Level   greenroom.Level
	Message string
}

// Logs is what the actor has said with its context, failed turns included.
func (h *Host) Logs() []LogLine { return slices.Clone(h.world.logs) }

// Stored reads the JSON that is stored under key into what value points to, and says whether there is any. The
// actor's struct is under `actor`.
func (h *Host) Stored(key string, value any) bool {
	h.t.Helper()
	stored, found := h.world.effects.state[key]
	if found {
		if err := json.Unmarshal(stored, value); err != nil {
			h.t.Fatalf("state %s: %v", key, err)
		}
	}
	return found
}

// StoredBytes is the bytes that are stored under key; nil when there are none.
func (h *Host) StoredBytes(key string) []byte { return h.world.effects.state[key] }

// StoredKeys is all keys that something is stored under.
func (h *Host) StoredKeys() []string { return slices.Sorted(maps.Keys(h.world.effects.state)) }

// Store puts bytes under key behind the actor's back and drops it from memory: what an earlier version of it,
// or one in another language, may have stored.
func (h *Host) Store(key string, value []byte) {
	h.Crash()
	h.world.effects.state[key] = value
}

func payloadOf(arguments any) (greenroom.Payload, error) {
	switch arguments := arguments.(type) {
	case nil:
		return greenroom.Payload{}, nil
	case greenroom.Payload:
		return arguments, nil
	default:
		return greenroom.JSON(arguments)
	}
}

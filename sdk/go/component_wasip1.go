//go:build wasip1

// The actor as a component: the contract's exports over an Activation. Together with componenthost_wasip1.go
// the only place where the contract's types meet the SDK's.

package greenroom

import (
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"

	types "greenroom/internal/bindings/imports/greenroom_actor_types"
	"greenroom/internal/wit/runtime"
)

// How often goroutines that have nothing left to do are given the chance to end.
const yieldsMax = 100

// codes is in the order of the contract.
var codes = []Code{
	CodeInvalidArgument, CodePermissionDenied, CodeNotFound, CodeConflict,
	CodeFailedPrecondition, CodeResourceExhausted, CodeInternal, CodeUnimplemented,
}

// component is the one actor of a sandbox.
type component struct {
	start      func(host Host, me Address) *Activation
	activation *Activation
}

// turn lets the collector run while it does, and takes care that nothing outlives it.
func turn(do func() error) *types.Failure {
	runtime.Resume()
	defer runtime.Suspend()
	before := goruntime.NumGoroutine()
	err := do()
	if failure := leftBehind(before); failure != nil {
		err = failure
	}
	if err == nil {
		return nil
	}
	failure := FailureOf(err)
	code := slices.Index(codes, failure.Code)
	if code < 0 {
		code = slices.Index(codes, CodeInternal)
	}
	return &types.Failure{Code: types.ErrorCode(code), Message: valid(failure.Message)}
}

// leftBehind fails when there are more goroutines than before: they would run within another message's turn.
func leftBehind(before int) error {
	for range yieldsMax {
		if goruntime.NumGoroutine() <= before {
			return nil
		}
		goruntime.Gosched()
	}
	if left := goruntime.NumGoroutine() - before; left > 0 {
		return Internal("%d goroutines still run when the method returns; wait for them, or end them", left)
	}
	return nil
}

// Activate is the contract's.
func (c *component) Activate(me types.Address) *types.Failure {
	return turn(func() error {
		c.activation = c.start(componentHost{}, Address{me.ActorType, me.Id})
		return c.activation.Activate()
	})
}

// Receive is the contract's.
func (c *component) Receive(message types.Message) (types.Payload, *types.Failure) {
	var reply Payload
	failure := turn(func() (err error) {
		if c.activation == nil {
			return Internal("a message came before the activation")
		}
		received := Message{message.Id, message.Method, originIn(message.Origin), message.Attempt}
		reply, err = c.activation.Receive(received, payloadIn(message.Payload))
		return err
	})
	return payloadOut(reply), failure
}

// Deactivate is the contract's. It has no failure there: an error is a trap, which keeps what was written so
// far from being committed.
func (c *component) Deactivate() {
	failure := turn(func() error {
		if c.activation == nil {
			return nil
		}
		return c.activation.Deactivate()
	})
	if failure != nil {
		panic(fmt.Sprintf("deactivate failed: %s", failure.Message))
	}
}

func originIn(origin types.Origin) Origin {
	switch origin.Tag() {
	case types.Origin_Actor:
		actor := origin.Actor()
		return Origin{Kind: FromActor, Actor: Address{actor.ActorType, actor.Id}}
	case types.Origin_Reminder:
		return Origin{Kind: FromReminder, Name: origin.Reminder()}
	case types.Origin_Timer:
		return Origin{Kind: FromTimer, Name: origin.Timer()}
	default:
		return Origin{Kind: FromClient}
	}
}

func payloadIn(payload types.Payload) Payload { return Payload{payload.ContentType, payload.Body} }

func payloadOut(payload Payload) types.Payload {
	return types.Payload{ContentType: valid(payload.ContentType), Body: payload.Body}
}

// valid is text as the contract has it: a Go string may hold bytes that are no UTF-8, which would trap.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

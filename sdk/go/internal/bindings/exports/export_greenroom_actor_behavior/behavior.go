//go:build wasip1

// Package export_greenroom_actor_behavior is where the generated exports look for the actor. The actor is put
// there by greenroom.Serve, for the bindings can't know it.
package export_greenroom_actor_behavior

import (
	"greenroom/internal/bindings/imports/greenroom_actor_types"
	"greenroom/internal/wit/types"
)

// Behavior is the contract's export.
type Behavior interface {
	Activate(me greenroom_actor_types.Address) *greenroom_actor_types.Failure
	Receive(message greenroom_actor_types.Message) (greenroom_actor_types.Payload, *greenroom_actor_types.Failure)
	Deactivate()
}

// Served is the one actor of this component.
var Served Behavior

func served() Behavior {
	if Served == nil {
		panic("greenroom: nothing was served; call greenroom.Serve from an init function")
	}
	return Served
}

// Activate is the export of that name.
func Activate(me greenroom_actor_types.Address) types.Result[types.Unit, greenroom_actor_types.Failure] {
	if failure := served().Activate(me); failure != nil {
		return types.Err[types.Unit](*failure)
	}
	return types.Ok[types.Unit, greenroom_actor_types.Failure](types.Unit{})
}

// Receive is the export of that name.
func Receive(
	message greenroom_actor_types.Message,
) types.Result[greenroom_actor_types.Payload, greenroom_actor_types.Failure] {
	reply, failure := served().Receive(message)
	if failure != nil {
		return types.Err[greenroom_actor_types.Payload](*failure)
	}
	return types.Ok[greenroom_actor_types.Payload, greenroom_actor_types.Failure](reply)
}

// Deactivate is the export of that name.
func Deactivate() { served().Deactivate() }

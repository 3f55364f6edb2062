// What a saga is made of: requests to other actors, and what takes them back.

package main

import (
	"encoding/json/jsontext"
	"errors"

	"greenroom"
)

// Request is a message to another actor.
type Request struct {
	// Method is what is asked.
	Method string `json:"method"`
	// Arguments is any JSON, or nothing.
	Arguments jsontext.Value `json:"arguments,omitzero"`
}

// Step is one thing to do, and how it is undone.
type Step struct {
	// To is the actor that does it.
	To greenroom.Address `json:"to"`
	// Do is what is asked.
	Do Request `json:"do"`
	// Undo is what takes it back; null when nothing has to be.
	Undo *Request `json:"undo"`
}

func (s Step) check(me greenroom.Address) error {
	switch {
	case s.To == me:
		return greenroom.InvalidArgument("a saga can't be a step of itself")
	case s.To.Type == "" || !greenroom.IsID(s.To.ID):
		return greenroom.InvalidArgument("`to` is an actor_type and an id of 1 to 512 bytes")
	case s.Do.Method == "" || s.Undo != nil && s.Undo.Method == "":
		return greenroom.InvalidArgument("`do` and `undo` have a method")
	default:
		return nil
	}
}

// ask waits for the reply, which does not matter: what matters is that there was one.
func (r Request) ask(ctx *greenroom.Context, to greenroom.Address) error {
	payload := greenroom.Payload{ContentType: "application/json", Body: r.Arguments}
	return ctx.At(to).Call(r.Method, payload, nil)
}

// isRefusal says whether the other actor has decided, and has done nothing. Anything else may be otherwise the
// next time, or may have been done.
func isRefusal(err error) bool {
	var failed *greenroom.CallError
	if !errors.As(err, &failed) {
		return false
	}
	return failed.Kind == greenroom.CallUnknownActorType ||
		failed.Failure != nil && failed.Failure.Code != greenroom.CodeInternal
}

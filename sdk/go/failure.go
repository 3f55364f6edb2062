// How an actor refuses a message. A turn that ends in an error leaves no trace: no write, no reminder, no
// sent message.

package greenroom

import (
	"errors"
	"fmt"
	"strings"
)

// Code is a kind of refusal, as it is spelled over HTTP. Each has its status.
type Code string

const (
	// CodeInvalidArgument is 400: the request itself is wrong, whatever the actor's state.
	CodeInvalidArgument Code = "invalid-argument"
	// CodePermissionDenied is 403: not for this sender.
	CodePermissionDenied Code = "permission-denied"
	// CodeNotFound is 404: what the request is about is not there.
	CodeNotFound Code = "not-found"
	// CodeConflict is 409: it contradicts what is there already.
	CodeConflict Code = "conflict"
	// CodeFailedPrecondition is 412: not in the actor's present state.
	CodeFailedPrecondition Code = "failed-precondition"
	// CodeResourceExhausted is 429: a limit is reached.
	CodeResourceExhausted Code = "resource-exhausted"
	// CodeInternal is 500: the actor itself is at fault.
	CodeInternal Code = "internal"
	// CodeUnimplemented is 501: the actor has no such method.
	CodeUnimplemented Code = "unimplemented"
)

// Failure is an actor's answer to a message that it could not do. It survives wrapping: an error made with
// fmt.Errorf and %w keeps the code, and its words are the message.
type Failure struct {
	// Code is the kind of refusal.
	Code Code
	// Message is the actor's own words, for its caller.
	Message string
}

// Error is the code and the message.
func (f *Failure) Error() string { return string(f.Code) + ": " + f.Message }

// InvalidArgument is 400: the request itself is wrong, whatever the actor's state.
func InvalidArgument(format string, arguments ...any) error {
	return &Failure{CodeInvalidArgument, fmt.Sprintf(format, arguments...)}
}

// PermissionDenied is 403: not for this sender.
func PermissionDenied(format string, arguments ...any) error {
	return &Failure{CodePermissionDenied, fmt.Sprintf(format, arguments...)}
}

// NotFound is 404: what the request is about is not there.
func NotFound(format string, arguments ...any) error {
	return &Failure{CodeNotFound, fmt.Sprintf(format, arguments...)}
}

// Conflict is 409: it contradicts what is there already.
func Conflict(format string, arguments ...any) error {
	return &Failure{CodeConflict, fmt.Sprintf(format, arguments...)}
}

// FailedPrecondition is 412: not in the actor's present state.
func FailedPrecondition(format string, arguments ...any) error {
	return &Failure{CodeFailedPrecondition, fmt.Sprintf(format, arguments...)}
}

// ResourceExhausted is 429: a limit is reached.
func ResourceExhausted(format string, arguments ...any) error {
	return &Failure{CodeResourceExhausted, fmt.Sprintf(format, arguments...)}
}

// Internal is 500: the actor itself is at fault.
func Internal(format string, arguments ...any) error {
	return &Failure{CodeInternal, fmt.Sprintf(format, arguments...)}
}

// Unimplemented is 501: the actor has no such method.
func Unimplemented(format string, arguments ...any) error {
	return &Failure{CodeUnimplemented, fmt.Sprintf(format, arguments...)}
}

// CodeOf is the code that an error goes out with: that of the Failure or the CallError in it, else
// CodeInternal; empty for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return FailureOf(err).Code
}

// FailureOf is an error as the caller of the actor sees it; nil for nil. An error with neither a Failure nor
// a CallError in it says nothing about whose fault it is, and so is the actor's own: `internal`.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	if failure, ok := err.(*Failure); ok {
		return failure
	}
	var call *CallError
	if errors.As(err, &call) {
		inner := call.failure()
		return &Failure{inner.Code, strings.Replace(err.Error(), call.Error(), inner.Message, 1)}
	}
	var failure *Failure
	if errors.As(err, &failure) {
		return &Failure{failure.Code, strings.Replace(err.Error(), failure.Error(), failure.Message, 1)}
	}
	return &Failure{CodeInternal, err.Error()}
}

// Why a call to another actor brought no reply, and what that means for the caller's own caller.

package greenroom

import "fmt"

// CallErrorKind is what went wrong with a call.
type CallErrorKind string

const (
	// CallFailed: the callee ran and answered with a failure.
	CallFailed CallErrorKind = "failed"
	// CallUnknownActorType: nothing is deployed under that actor type.
	CallUnknownActorType CallErrorKind = "unknown-actor-type"
	// CallDeadlock: the callee already waits for this very call chain; the detail lists it.
	CallDeadlock CallErrorKind = "deadlock"
	// CallOverloaded: the callee's mailbox is full.
	CallOverloaded CallErrorKind = "overloaded"
	// CallTimeout: no reply before the deadline. The callee may still run.
	CallTimeout CallErrorKind = "timeout"
	// CallCrashed: the callee trapped, or exceeded a limit; the detail says which.
	CallCrashed CallErrorKind = "crashed"
	// CallUnavailable: the callee can't be reached now.
	CallUnavailable CallErrorKind = "unavailable"
	// CallInvalidReply: the callee did what was asked, but its reply is not of the type that was expected.
	CallInvalidReply CallErrorKind = "invalid-reply"
)

// CallError is a call that brought no reply. A method that returns one fails with the callee's code, and the
// message says which call it was. The callee's own failure is in it for errors.As.
type CallError struct {
	// To is whom the call went to.
	To Address
	// Method is what was asked.
	Method string
	// Kind is what went wrong.
	Kind CallErrorKind
	// Failure is the callee's own, for CallFailed.
	Failure *Failure
	// Detail says more, where there is more to say.
	Detail string
}

// Error says which call it was and what went wrong.
func (e *CallError) Error() string {
	reason := e.reason()
	if e.Failure != nil {
		reason = e.Failure.Error()
	}
	return fmt.Sprintf("call %s %s: %s", e.To, e.Method, reason)
}

// Unwrap is the callee's own failure.
func (e *CallError) Unwrap() error {
	if e.Failure == nil {
		return nil
	}
	return e.Failure
}

func (e *CallError) reason() string {
	reason := map[CallErrorKind]string{
		CallUnknownActorType: "nothing is deployed under that actor type",
		CallDeadlock:         "it waits for this very call",
		CallOverloaded:       "its mailbox is full",
		CallTimeout:          "no reply before the deadline",
		CallCrashed:          "it crashed",
		CallUnavailable:      "it can't be reached",
		CallInvalidReply:     "the reply is not what was expected",
	}[e.Kind]
	if e.Detail == "" {
		return reason
	}
	return reason + ": " + e.Detail
}

// failure is what the caller's own caller is told.
func (e *CallError) failure() *Failure {
	if e.Failure != nil {
		return &Failure{e.Failure.Code, fmt.Sprintf("call %s %s: %s", e.To, e.Method, e.Failure.Message)}
	}
	code := CodeInternal
	switch e.Kind {
	case CallUnknownActorType:
		code = CodeFailedPrecondition
	case CallDeadlock:
		code = CodeConflict
	case CallOverloaded:
		code = CodeResourceExhausted
	}
	return &Failure{code, e.Error()}
}

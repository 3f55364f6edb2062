// Another actor, to ask or to tell something.

package greenroom

import "time"

// ActorRef is an actor that this one can send messages to.
type ActorRef struct {
	context *Context
	to      Address
}

// Address is where the actor is.
func (r ActorRef) Address() Address { return r.to }

// Call asks, waits, and reads the reply into what reply points to; nil leaves it unread, and a *Payload gets
// it as it is. arguments are nil, a Payload, or anything that has a JSON form.
//
// The error is a *CallError when there is no reply, or one of another type. The callee's turn commits on its
// own.
func (r ActorRef) Call(method string, arguments, reply any) error {
	payload, err := payloadOf(arguments)
	if err != nil {
		return err
	}
	answer, err := r.context.host().Call(r.to, method, payload)
	if err != nil {
		return err
	}
	if err := readReply(answer, reply); err != nil {
		return &CallError{To: r.to, Method: method, Kind: CallInvalidReply, Detail: FailureOf(err).Message}
	}
	return nil
}

// Send tells, once this turn succeeds: the message is stored with the turn, and processed exactly once, in
// the order sent. The error is a failure, `resource-exhausted`, when a limit of the host is passed.
func (r ActorRef) Send(method string, arguments any) error { return r.SendAfter(0, method, arguments) }

// SendAfter is like Send, and the message is delivered no sooner than delay from now.
func (r ActorRef) SendAfter(delay time.Duration, method string, arguments any) error {
	payload, err := payloadOf(arguments)
	if err != nil {
		return err
	}
	return r.context.host().Send(r.to, method, payload, milliseconds(delay))
}

func readReply(answer Payload, reply any) error {
	switch reply := reply.(type) {
	case nil:
		return nil
	case *Payload:
		*reply = answer
		return nil
	default:
		return answer.Read(reply)
	}
}

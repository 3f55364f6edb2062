// An actor in memory: loaded from its state, given messages, saved when it changed.
//
// Memory never differs from what is stored: an actor whose turn fails is dropped, and loaded again for its
// next message. The host does the same with the sandbox; a native test has only this.

package greenroom

import "bytes"

// Activation is one actor in memory. It is for what runs actors, a component or a test; not for actors.
type Activation struct {
	definition *definition
	host       Host
	me         Address
	// actor is nil when it has to be loaded.
	actor any
	// stored is the struct as it would be written when nothing had changed.
	stored []byte
}

// Activation is the actor of this type at the address me, in the world that host offers.
func (a *Actor[T]) Activation(host Host, me Address) *Activation {
	return &Activation{definition: a.definition, host: host, me: me}
}

// IsLoaded says whether the actor is in memory.
func (a *Activation) IsLoaded() bool { return a.actor != nil }

// Discard forgets what is in memory.
func (a *Activation) Discard() { a.actor = nil }

// Activate loads the struct and lets it act upon that.
func (a *Activation) Activate() error {
	actor, err := a.load()
	if err != nil {
		return err
	}
	if activator, wants := actor.(Activator); wants {
		ctx := a.context(nil)
		defer ctx.end()
		if err := activator.Activate(ctx); err != nil {
			return err
		}
	}
	if err := a.saveIfChanged(actor); err != nil {
		return err
	}
	a.actor = actor
	return nil
}

// Receive does one turn.
func (a *Activation) Receive(message Message, payload Payload) (Payload, error) {
	if a.actor == nil {
		if err := a.Activate(); err != nil {
			return Payload{}, err
		}
	}
	// Taken out, and put back only when the turn has succeeded.
	actor := a.actor
	a.actor = nil
	ctx := a.context(&message)
	defer ctx.end()
	reply, err := a.definition.receive(actor, ctx, message.Method, payload)
	if err != nil {
		return Payload{}, err
	}
	if err := a.saveIfChanged(actor); err != nil {
		return Payload{}, err
	}
	a.actor = actor
	return reply, nil
}

// Deactivate lets the actor act upon leaving memory, and leaves it.
func (a *Activation) Deactivate() error {
	actor := a.actor
	a.actor = nil
	deactivator, wants := actor.(Deactivator)
	if !wants {
		return nil
	}
	ctx := a.context(nil)
	defer ctx.end()
	if err := deactivator.Deactivate(ctx); err != nil {
		return err
	}
	return a.saveIfChanged(actor)
}

func (a *Activation) context(message *Message) *Context {
	return &Context{world: a.host, me: a.me, message: message}
}

func (c *Context) end() { c.over = true }

func (a *Activation) load() (any, error) {
	actor := a.definition.create()
	if !a.definition.isDurable {
		return actor, nil
	}
	if stored, found := a.host.StateGet(actorKey); found {
		if malformed := decode(stored, actor); malformed != nil {
			name := a.definition.name
			return nil, Internal("the state of %s can't be read as %s: %v", a.me, name, malformed)
		}
	}
	// What would be written now, and not what is stored: a turn that only reads must not rewrite the state of
	// an earlier version.
	var err error
	a.stored, err = a.encode(actor)
	return actor, err
}

func (a *Activation) saveIfChanged(actor any) error {
	if !a.definition.isDurable {
		return nil
	}
	encoded, err := a.encode(actor)
	if err != nil || bytes.Equal(encoded, a.stored) {
		return err
	}
	if err := a.host.StateSet(actorKey, encoded); err != nil {
		return err
	}
	a.stored = encoded
	return nil
}

func (a *Activation) encode(actor any) ([]byte, error) {
	encoded, err := encode(actor)
	if err != nil {
		return nil, Internal("the state of %s can't be written as JSON: %v", a.definition.name, err)
	}
	return encoded, nil
}

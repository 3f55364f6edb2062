// What an actor receives, apart from the arguments.

package greenroom

// OriginKind is a kind of sender.
type OriginKind uint8

const (
	// FromHost: the actor is being activated or deactivated, and there is no message.
	FromHost OriginKind = iota
	// FromClient: somebody outside, over HTTP.
	FromClient
	// FromActor: another actor.
	FromActor
	// FromReminder: this actor's own reminder.
	FromReminder
	// FromTimer: this actor's own timer.
	FromTimer
)

// Origin is who sent a message. The host sets it, so an actor may trust it.
type Origin struct {
	Kind OriginKind
	// Actor is who sent the message, if an actor did.
	Actor Address
	// Name is that of the reminder or the timer, if one fired.
	Name string
}

// IsReminder says whether this actor's own reminder of that name sent the message.
func (o Origin) IsReminder(name string) bool { return o.Kind == FromReminder && o.Name == name }

// IsTimer says whether this actor's own timer of that name sent the message.
func (o Origin) IsTimer(name string) bool { return o.Kind == FromTimer && o.Name == name }

// String is `client`, an address such as `chat/alice`, `reminder deadline`, `timer tick` or `host`.
func (o Origin) String() string {
	switch o.Kind {
	case FromClient:
		return "client"
	case FromActor:
		return o.Actor.String()
	case FromReminder:
		return "reminder " + o.Name
	case FromTimer:
		return "timer " + o.Name
	default:
		return "host"
	}
}

// Message is the message of the turn under way.
type Message struct {
	// ID is unique, and the same when the message is delivered again.
	ID string
	// Method is what is asked.
	Method string
	// Origin is who asks.
	Origin Origin
	// Attempt is 1 on the first delivery, and one more on each further one.
	Attempt uint32
}

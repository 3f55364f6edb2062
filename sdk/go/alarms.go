// Messages that an actor schedules to itself: reminders, which are durable, and timers, which are not.

package greenroom

// Reminders are this actor's reminders. One calls a method of the actor itself; a method meant for that only
// asks ctx.Origin().IsReminder.
type Reminders struct{ context *Context }

// Set calls this actor's method with arguments on that schedule. It replaces a reminder of the same name. The
// error is a failure, `resource-exhausted`, when a limit of the host is passed, the shortest period included.
func (r Reminders) Set(name string, schedule Schedule, method string, arguments any) error {
	payload, err := payloadOf(arguments)
	if err != nil {
		return err
	}
	return r.context.host().ReminderSet(name, schedule, method, payload)
}

// Cancel removes a reminder, and says whether there was one.
func (r Reminders) Cancel(name string) bool { return r.context.host().ReminderCancel(name) }

// List is the reminders that are set.
func (r Reminders) List() []Reminder { return r.context.host().ReminderList() }

// Timers are this actor's timers: like Reminders, but in memory only. They cost no write, and are gone when
// the actor is deactivated.
type Timers struct{ context *Context }

// Set is as that of Reminders.
func (t Timers) Set(name string, schedule Schedule, method string, arguments any) error {
	payload, err := payloadOf(arguments)
	if err != nil {
		return err
	}
	return t.context.host().TimerSet(name, schedule, method, payload)
}

// Cancel removes a timer, and says whether there was one.
func (t Timers) Cancel(name string) bool { return t.context.host().TimerCancel(name) }

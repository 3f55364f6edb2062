//go:build wasip1

// The contract's imports as Host.

package greenroom

import (
	"sync"

	"greenroom/internal/bindings/imports/greenroom_actor_context"
	"greenroom/internal/bindings/imports/greenroom_actor_log"
	"greenroom/internal/bindings/imports/greenroom_actor_messaging"
	"greenroom/internal/bindings/imports/greenroom_actor_reminders"
	"greenroom/internal/bindings/imports/greenroom_actor_state"
	"greenroom/internal/bindings/imports/greenroom_actor_timers"
	types "greenroom/internal/bindings/imports/greenroom_actor_types"
	"greenroom/internal/wit/runtime"
	wit "greenroom/internal/wit/types"
)

// componentHost is the host of this component.
type componentHost struct{}

// outside is held during a call of the host, for the goroutines of a turn may take turns in suspending the
// collector.
var outside sync.Mutex

// ask calls the host while the collector is suspended, and then lets go of what the host has written: by then
// the answer holds it.
func ask[T any](call func() T) T {
	outside.Lock()
	defer outside.Unlock()
	runtime.Suspend()
	answer := call()
	runtime.Unpin()
	runtime.Resume()
	return answer
}

func (componentHost) StateGet(key string) ([]byte, bool) {
	answer := ask(func() wit.Option[[]byte] { return greenroom_actor_state.Get(valid(key)) })
	if answer.Tag() == wit.OptionNone {
		return nil, false
	}
	return answer.Some(), true
}

func (componentHost) StateSet(key string, value []byte) error {
	return limited(func() wit.Result[wit.Unit, string] { return greenroom_actor_state.Set(valid(key), value) })
}

func (componentHost) StateDelete(key string) bool {
	return greenroom_actor_state.Delete(valid(key))
}

func (componentHost) StateKeys(prefix, after string, limit uint32) []string {
	from := wit.None[string]()
	if after != "" {
		from = wit.Some(valid(after))
	}
	return ask(func() []string { return greenroom_actor_state.Keys(valid(prefix), from, limit) })
}

func (componentHost) Call(to Address, method string, payload Payload) (Payload, error) {
	answer := ask(func() wit.Result[types.Payload, types.CallError] {
		return greenroom_actor_messaging.Call(addressOut(to), valid(method), payloadOut(payload))
	})
	if answer.Tag() == wit.ResultErr {
		return Payload{}, callErrorIn(to, method, answer.Err())
	}
	return payloadIn(answer.Ok()), nil
}

func (componentHost) Send(to Address, method string, payload Payload, delayMS uint64) error {
	return limited(func() wit.Result[wit.Unit, string] {
		return greenroom_actor_messaging.Send(addressOut(to), valid(method), payloadOut(payload), delayMS)
	})
}

func (componentHost) ReminderSet(name string, schedule Schedule, method string, payload Payload) error {
	return limited(func() wit.Result[wit.Unit, string] {
		return greenroom_actor_reminders.Set(valid(name), scheduleOut(schedule), valid(method), payloadOut(payload))
	})
}

func (componentHost) ReminderCancel(name string) bool {
	return greenroom_actor_reminders.Cancel(valid(name))
}

func (componentHost) ReminderList() []Reminder {
	listed := ask(greenroom_actor_reminders.List)
	reminders := make([]Reminder, len(listed))
	for position, each := range listed {
		schedule := scheduleIn(each.Schedule)
		reminders[position] = Reminder{each.Name, each.Method, duration(each.DueInMs), schedule}
	}
	return reminders
}

func (componentHost) TimerSet(name string, schedule Schedule, method string, payload Payload) error {
	return limited(func() wit.Result[wit.Unit, string] {
		return greenroom_actor_timers.Set(valid(name), scheduleOut(schedule), valid(method), payloadOut(payload))
	})
}

func (componentHost) TimerCancel(name string) bool {
	return greenroom_actor_timers.Cancel(valid(name))
}

func (componentHost) Now() Timestamp { return Timestamp(greenroom_actor_context.NowMs()) }

func (componentHost) Random(count uint32) []byte {
	return ask(func() []byte { return greenroom_actor_context.Random(count) })
}

func (componentHost) Log(level Level, message string) {
	greenroom_actor_log.Write(uint8(level), valid(message))
}

// limited asks for something that the host may refuse because of a limit.
func limited(call func() wit.Result[wit.Unit, string]) error {
	if answer := ask(call); answer.Tag() == wit.ResultErr {
		return ResourceExhausted("%s", answer.Err())
	}
	return nil
}

func addressOut(to Address) types.Address {
	return types.Address{ActorType: valid(to.Type), Id: valid(to.ID)}
}

func scheduleOut(schedule Schedule) greenroom_actor_reminders.Schedule {
	out := greenroom_actor_reminders.Schedule{DelayMs: milliseconds(schedule.Delay)}
	if schedule.Period != 0 {
		out.PeriodMs = wit.Some(milliseconds(schedule.Period))
	}
	if schedule.Repetitions != 0 {
		out.Repetitions = wit.Some(schedule.Repetitions)
	}
	return out
}

func scheduleIn(schedule greenroom_actor_reminders.Schedule) Schedule {
	in := Schedule{Delay: duration(schedule.DelayMs)}
	if schedule.PeriodMs.Tag() == wit.OptionSome {
		in.Period = duration(schedule.PeriodMs.Some())
	}
	if schedule.Repetitions.Tag() == wit.OptionSome {
		in.Repetitions = schedule.Repetitions.Some()
	}
	return in
}

func callErrorIn(to Address, method string, err types.CallError) *CallError {
	out := &CallError{To: to, Method: method}
	switch err.Tag() {
	case types.CallError_Failed:
		failed := err.Failed()
		out.Kind, out.Failure = CallFailed, &Failure{codes[failed.Code], failed.Message}
	case types.CallError_UnknownActorType:
		out.Kind = CallUnknownActorType
	case types.CallError_Deadlock:
		out.Kind, out.Detail = CallDeadlock, err.Deadlock()
	case types.CallError_Overloaded:
		out.Kind = CallOverloaded
	case types.CallError_Timeout:
		out.Kind = CallTimeout
	case types.CallError_Crashed:
		out.Kind, out.Detail = CallCrashed, err.Crashed()
	default:
		out.Kind, out.Detail = CallUnavailable, err.Unavailable()
	}
	return out
}

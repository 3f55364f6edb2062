// The world around an actor under test: what is stored, what is scheduled, what was sent and said.

package greenroomtest

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"greenroom"
)

// The host's limits that an actor is likely to meet, as they are by default.
const (
	stateKeyBytes   = 1 << 10
	stateValueBytes = 1 << 20
	sendsPerTurn    = 1_000
	alarmsMax       = 1_000
	periodMin       = 10 * time.Millisecond
	randomBytes     = 4_096
)

// Sent is a message that the actor has sent, in a turn that succeeded.
type Sent struct {
	To      greenroom.Address
	Method  string
	Payload greenroom.Payload
	// Delay is how long after it was sent it is delivered.
	Delay time.Duration
}

type alarm struct {
	schedule greenroom.Schedule
	method   string
	payload  greenroom.Payload
	due      greenroom.Timestamp
	fired    uint32
}

// due is the next thing that is due.
type due struct {
	at      greenroom.Timestamp
	origin  greenroom.Origin
	method  string
	payload greenroom.Payload
	take    func()
}

// mail is sent to itself and not yet delivered.
type mail struct {
	method  string
	payload greenroom.Payload
	due     greenroom.Timestamp
}

// effects is what a turn changes: put back as it was when the turn fails.
type effects struct {
	state      map[string][]byte
	reminders  map[string]alarm
	timers     map[string]alarm
	sent       []Sent
	mail       []mail
	sentInTurn int
}

func noEffects() effects {
	return effects{state: map[string][]byte{}, reminders: map[string]alarm{}, timers: map[string]alarm{}}
}

func (e effects) clone() effects {
	return effects{
		maps.Clone(e.state), maps.Clone(e.reminders), maps.Clone(e.timers), slices.Clone(e.sent),
		slices.Clone(e.mail), 0,
	}
}

// world is greenroom.Host for a test.
type world struct {
	me      greenroom.Address
	now     greenroom.Timestamp
	random  uint64
	effects effects
	respond Responder
	logs    []LogLine
}

// turn is one turn: all of its effects, or none, even when it panics.
func (w *world) turn(do func() error) error {
	w.effects.sentInTurn = 0
	before, succeeded := w.effects.clone(), false
	defer func() {
		if !succeeded {
			w.effects = before
		}
	}()
	err := do()
	succeeded = err == nil
	return err
}

// takeDue takes the first thing that is due by then; of a repeating alarm, one firing.
func (w *world) takeDue(until greenroom.Timestamp) (due, bool) {
	var candidates []due
	for position, each := range w.effects.mail {
		candidates = append(candidates, due{
			each.due, greenroom.Origin{Kind: greenroom.FromActor, Actor: w.me}, each.method, each.payload,
			func() { w.effects.mail = slices.Delete(w.effects.mail, position, position+1) },
		})
	}
	candidates = append(candidates, firings(w.effects.reminders, greenroom.FromReminder)...)
	candidates = append(candidates, firings(w.effects.timers, greenroom.FromTimer)...)
	candidates = slices.DeleteFunc(candidates, func(each due) bool { return each.at > until })
	if len(candidates) == 0 {
		return due{}, false
	}
	first := slices.MinFunc(candidates, func(a, b due) int { return cmp.Compare(a.at, b.at) })
	first.take()
	return first, true
}

func firings(alarms map[string]alarm, kind greenroom.OriginKind) []due {
	var all []due
	for _, name := range slices.Sorted(maps.Keys(alarms)) {
		it := alarms[name]
		all = append(all, due{
			it.due, greenroom.Origin{Kind: kind, Name: name}, it.method, it.payload,
			func() { fire(alarms, name) },
		})
	}
	return all
}

func fire(alarms map[string]alarm, name string) {
	it := alarms[name]
	it.fired++
	delete(alarms, name)
	if it.schedule.Period > 0 && (it.schedule.Repetitions == 0 || it.fired < it.schedule.Repetitions) {
		it.due = it.due.Add(it.schedule.Period)
		alarms[name] = it
	}
}

func (w *world) listed(alarms map[string]alarm) []greenroom.Reminder {
	var all []greenroom.Reminder
	for _, name := range slices.Sorted(maps.Keys(alarms)) {
		it := alarms[name]
		all = append(all, greenroom.Reminder{
			Name: name, Method: it.method, DueIn: it.due.Since(w.now), Schedule: it.schedule,
		})
	}
	return all
}

func (w *world) set(
	alarms map[string]alarm, name string, schedule greenroom.Schedule, method string, payload greenroom.Payload,
) error {
	if schedule.Period != 0 && schedule.Period < periodMin {
		return greenroom.ResourceExhausted("the period is %v, shorter than %v", schedule.Period, periodMin)
	}
	if schedule.Period == 0 && schedule.Repetitions > 1 {
		return greenroom.ResourceExhausted("%d repetitions need a period", schedule.Repetitions)
	}
	if _, known := alarms[name]; !known && len(alarms) >= alarmsMax {
		return greenroom.ResourceExhausted("more than %d reminders or timers of one actor", alarmsMax)
	}
	at := w.now.Add(max(0, schedule.Delay))
	alarms[name] = alarm{schedule: schedule, method: method, payload: payload, due: at}
	return nil
}

// cancel removes an alarm, and says whether there was one.
func cancel(alarms map[string]alarm, name string) bool {
	_, known := alarms[name]
	delete(alarms, name)
	return known
}

func (w *world) StateGet(key string) ([]byte, bool) {
	value, found := w.effects.state[key]
	return bytes.Clone(value), found
}

func (w *world) StateSet(key string, value []byte) error {
	if len(key) > stateKeyBytes {
		return greenroom.ResourceExhausted("state_key_bytes of %d is exceeded", stateKeyBytes)
	}
	if len(value) > stateValueBytes {
		return greenroom.ResourceExhausted("state_value_bytes of %d is exceeded", stateValueBytes)
	}
	w.effects.state[key] = bytes.Clone(value)
	return nil
}

func (w *world) StateDelete(key string) bool {
	_, known := w.effects.state[key]
	delete(w.effects.state, key)
	return known
}

func (w *world) StateKeys(prefix, after string, limit uint32) []string {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(w.effects.state)), func(key string) bool {
		return !strings.HasPrefix(key, prefix) || key <= after
	})
	return keys[:min(len(keys), int(min(limit, math.MaxInt32)))]
}

func (w *world) Call(to greenroom.Address, method string, payload greenroom.Payload) (greenroom.Payload, error) {
	failed := &greenroom.CallError{To: to, Method: method}
	if to == w.me {
		failed.Kind, failed.Detail = greenroom.CallDeadlock, to.String()+" → "+to.String()
		return greenroom.Payload{}, failed
	}
	if w.respond == nil {
		failed.Kind = greenroom.CallUnknownActorType
		return greenroom.Payload{}, failed
	}
	reply, err := w.respond(to, method, payload)
	if err == nil {
		return payloadOf(reply)
	}
	if given := (*greenroom.CallError)(nil); errors.As(err, &given) {
		failed.Kind, failed.Failure, failed.Detail = given.Kind, given.Failure, given.Detail
	} else {
		failed.Kind, failed.Failure = greenroom.CallFailed, greenroom.FailureOf(err)
	}
	return greenroom.Payload{}, failed
}

func (w *world) Send(to greenroom.Address, method string, payload greenroom.Payload, delayMS uint64) error {
	if w.effects.sentInTurn >= sendsPerTurn {
		return greenroom.ResourceExhausted("sends_per_turn of %d is exceeded", sendsPerTurn)
	}
	w.effects.sentInTurn++
	at := w.now.AddMilliseconds(delayMS)
	if to == w.me {
		w.effects.mail = append(w.effects.mail, mail{method, payload, at})
	}
	w.effects.sent = append(w.effects.sent, Sent{to, method, payload, at.Since(w.now)})
	return nil
}

func (w *world) ReminderSet(
	name string, schedule greenroom.Schedule, method string, payload greenroom.Payload,
) error {
	return w.set(w.effects.reminders, name, schedule, method, payload)
}

func (w *world) ReminderCancel(name string) bool { return cancel(w.effects.reminders, name) }

func (w *world) ReminderList() []greenroom.Reminder { return w.listed(w.effects.reminders) }

func (w *world) TimerSet(
	name string, schedule greenroom.Schedule, method string, payload greenroom.Payload,
) error {
	return w.set(w.effects.timers, name, schedule, method, payload)
}

func (w *world) TimerCancel(name string) bool { return cancel(w.effects.timers, name) }

func (w *world) Now() greenroom.Timestamp { return w.now }

// Random is Splitmix64: it looks random, and is the same in every run.
func (w *world) Random(count uint32) []byte {
	drawn := make([]byte, min(count, randomBytes))
	for position := range drawn {
		w.random += 0x9E37_79B9_7F4A_7C15
		drawn[position] = byte((w.random ^ (w.random >> 30)) * 0xBF58_476D_1CE4_E5B9 >> 56)
	}
	return drawn
}

func (w *world) Log(level greenroom.Level, message string) {
	w.logs = append(w.logs, LogLine{level, message})
}

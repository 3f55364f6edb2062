// When a reminder or a timer fires.

package greenroom

import "time"

// Schedule says when a reminder or a timer fires, counted from the moment it is set.
//
//	greenroom.Once(time.Minute)                                // in a minute
//	greenroom.Every(time.Minute)                               // in a minute, and every minute after
//	greenroom.Schedule{Period: time.Minute}                    // now, and every minute after
//	greenroom.Schedule{Period: time.Minute, Repetitions: 3}    // now, and twice more
//
// The host refuses a period shorter than 10 ms, and several firings without a period.
type Schedule struct {
	// Delay is how long after it is set it fires first.
	Delay time.Duration
	// Period is the time between firings; zero when there is only one.
	Period time.Duration
	// Repetitions counts the firings in all; zero is without end, or just one without a period.
	Repetitions uint32
}

// Once is one firing, after delay.
func Once(delay time.Duration) Schedule { return Schedule{Delay: delay} }

// Every is a firing after each period, without end.
func Every(period time.Duration) Schedule { return Schedule{Delay: period, Period: period} }

// Reminder is a reminder or a timer that is set.
type Reminder struct {
	Name string
	// Method is the method it calls.
	Method string
	// DueIn is how long until it fires next; zero when it is due.
	DueIn time.Duration
	// Schedule is what it was set with.
	Schedule Schedule
}

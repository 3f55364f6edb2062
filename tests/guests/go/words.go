// The arguments of a line.

package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"greenroom"
)

// words is what is left of a line.
type words struct {
	rest string
	// wrong is the first argument that was not what it should be.
	wrong error
}

// next is the next argument; `-` is nothing.
func (w *words) next() string {
	word, rest, _ := strings.Cut(w.rest, " ")
	w.rest = rest
	if word == "-" {
		return ""
	}
	return word
}

// number is the next argument as a number; `-` is zero, which is none wherever it may stand.
func (w *words) number() uint64 {
	word := w.next()
	if word == "" {
		return 0
	}
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil && w.wrong == nil {
		w.wrong = greenroom.InvalidArgument("%s is no number", word)
	}
	return number
}

func (w *words) milliseconds() time.Duration {
	return time.Duration(min(w.number(), uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
}

func (w *words) actor(ctx *greenroom.Context) greenroom.ActorRef {
	return ctx.Actor(w.next(), w.next())
}

// text is all that is left, as a payload.
func (w *words) text() greenroom.Payload {
	return greenroom.Payload{ContentType: "text/plain", Body: []byte(w.rest)}
}

func (w *words) schedule() greenroom.Schedule {
	return greenroom.Schedule{
		Delay: w.milliseconds(), Period: w.milliseconds(), Repetitions: uint32(w.number()),
	}
}

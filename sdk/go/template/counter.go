// The actor: a counter that forgets.
package main

import (
	"math"
	"time"

	"greenroom"
)

// Counter is one counter; its exported fields are durable.
type Counter struct {
	Count uint32 `json:"count"`
}

// What can be called, and what the arguments are called.
var counter = greenroom.Define[Counter](
	greenroom.Method("add", (*Counter).Add, "amount"),
	greenroom.Method("get", (*Counter).Get),
	greenroom.Method("forget", (*Counter).Forget),
)

func init() { greenroom.Serve(counter) }

func main() {}

// Add adds amount; an hour later the counter is back at zero.
func (c *Counter) Add(ctx *greenroom.Context, amount uint32) (uint32, error) {
	if amount == 0 {
		return 0, greenroom.InvalidArgument("add something")
	}
	if amount > math.MaxUint32-c.Count {
		return 0, greenroom.InvalidArgument("too much")
	}
	c.Count += amount
	return c.Count, ctx.Reminders().Set("forget", greenroom.Once(time.Hour), "forget", nil)
}

// Get says what the count is.
func (c *Counter) Get() uint32 { return c.Count }

// Forget is the reminder's method.
func (c *Counter) Forget() { c.Count = 0 }

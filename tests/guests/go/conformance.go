// The conformance guest, in Go with the SDK: `tests/guests/README.md` says what it does.
package main

import (
	"strconv"
	"strings"

	"greenroom"
)

// Conformance is an actor that does what a script says.
type Conformance struct{ remembered string }

var conformance = greenroom.Define[Conformance](
	greenroom.Method("echo", (*Conformance).Echo),
	greenroom.Method("increment", (*Conformance).Increment),
	greenroom.Method("run", (*Conformance).Run),
)

func init() { greenroom.Serve(conformance) }

func main() {}

// Activate fails or counts, if the id says so.
func (c *Conformance) Activate(ctx *greenroom.Context) error {
	id := ctx.Me().ID
	if _, healed := ctx.State().GetBytes("healed"); !healed && strings.HasPrefix(id, "fail-activate-") {
		return greenroom.FailedPrecondition("asked not to activate")
	}
	return countIfAsked(ctx, "activations")
}

// Deactivate counts, if the id says so.
func (c *Conformance) Deactivate(ctx *greenroom.Context) error {
	return countIfAsked(ctx, "deactivations")
}

// Echo replies with the payload as it came.
func (c *Conformance) Echo(payload greenroom.Payload) greenroom.Payload { return payload }

// Increment adds one to a durable number.
func (c *Conformance) Increment(ctx *greenroom.Context, _ greenroom.Payload) (greenroom.Payload, error) {
	next, err := addOne(ctx, "n")
	return greenroom.Text(strconv.Itoa(next)), err
}

// Run does what the script says.
func (c *Conformance) Run(ctx *greenroom.Context, script greenroom.Payload) (greenroom.Payload, error) {
	turn := turn{ctx, script.ContentType, &c.remembered}
	var results []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(script.Body), "\n"), "\n") {
		result, err := turn.perform(line)
		if err != nil {
			return greenroom.Payload{}, err
		}
		results = append(results, result)
	}
	return greenroom.Payload{ContentType: "text/plain", Body: []byte(strings.Join(results, "\n"))}, nil
}

func countIfAsked(ctx *greenroom.Context, key string) error {
	if !strings.HasPrefix(ctx.Me().ID, "counted-") {
		return nil
	}
	_, err := addOne(ctx, key)
	return err
}

func addOne(ctx *greenroom.Context, key string) (int, error) {
	stored, _ := ctx.State().GetBytes(key)
	before, _ := strconv.Atoi(string(stored))
	return before + 1, ctx.State().SetBytes(key, strconv.AppendInt(nil, int64(before+1), 10))
}

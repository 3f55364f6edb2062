// What a turn does to an actor's state and to the world around it.

package greenroom_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"greenroom"
	"greenroom/greenroomtest"
)

// ledger does what a test asks of it.
type ledger struct {
	Total   int            `json:"total"`
	Names   map[string]int `json:"names"`
	visits  int
	context *greenroom.Context
}

func (l *ledger) Activate(ctx *greenroom.Context) error {
	if strings.HasPrefix(ctx.Me().ID, "closed") {
		return greenroom.FailedPrecondition("closed")
	}
	ctx.Log().Info("opened", "by", ctx.Origin())
	return nil
}

func (l *ledger) Deactivate(ctx *greenroom.Context) error { return ctx.State().Set("rested", true) }

func (l *ledger) add(ctx *greenroom.Context, amount int) (int, error) {
	l.visits++
	l.Total += amount
	if err := ctx.State().Set("last", amount); err != nil {
		return 0, err
	}
	if err := ctx.Actor("auditor", "a").Send("added", amount); err != nil {
		return 0, err
	}
	if err := ctx.Reminders().Set("audit", greenroom.Every(time.Minute), "audit", nil); err != nil {
		return 0, err
	}
	if amount < 0 {
		return 0, greenroom.InvalidArgument("nothing is taken away")
	}
	return l.Total, nil
}

func (l *ledger) audit(ctx *greenroom.Context) (string, error) {
	if !ctx.Origin().IsReminder("audit") {
		return "", greenroom.PermissionDenied("not for %v", ctx.Origin())
	}
	return ctx.Message().ID, nil
}

func (l *ledger) seen() []int { return []int{l.Total, l.visits} }

func (l *ledger) ask(ctx *greenroom.Context, id string) (string, error) {
	var reply string
	err := ctx.Actor("auditor", id).Call("opinion", id, &reply)
	return reply, err
}

func (l *ledger) keep(ctx *greenroom.Context) error { l.context = ctx; return nil }

func (l *ledger) misuse() { l.context.Now() }

func (l *ledger) burst(ctx *greenroom.Context) error {
	schedule := greenroom.Schedule{Delay: time.Second, Period: time.Second, Repetitions: 3}
	return errors.Join(
		ctx.Timers().Set("tick", schedule, "read_all", nil),
		ctx.At(ctx.Me()).SendAfter(1500*time.Millisecond, "read_all", nil),
	)
}

func (l *ledger) file(ctx *greenroom.Context) ([]string, error) {
	for _, key := range []string{"b", "a", "zebra"} {
		if err := ctx.State().SetBytes("page/"+key, []byte(key)); err != nil {
			return nil, err
		}
	}
	return slices.Collect(ctx.State().Keys("")), ctx.State().SetBytes("actor", nil)
}

func (l *ledger) panics(ctx *greenroom.Context) {
	l.Total = -1
	ctx.State().Delete("last")
	panic("a bug")
}

var ledgerType = greenroom.Define[ledger](
	greenroom.Method("add", (*ledger).add, "amount"),
	greenroom.Method("audit", (*ledger).audit),
	greenroom.Method("read_all", (*ledger).seen),
	greenroom.Method("ask", (*ledger).ask, "id"),
	greenroom.Method("keep", (*ledger).keep),
	greenroom.Method("misuse", (*ledger).misuse),
	greenroom.Method("burst", (*ledger).burst),
	greenroom.Method("file", (*ledger).file),
	greenroom.Method("panics", (*ledger).panics),
)

func read(t *testing.T, host *greenroomtest.Host) [2]int {
	t.Helper()
	var seen [2]int
	host.MustCall("read_all", nil, &seen)
	return seen
}

func TestATurnThatFailsLeavesNoTrace(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	host.MustCall("add", 5, nil)
	err := host.Call("add", -1, nil)
	if greenroom.CodeOf(err) != greenroom.CodeInvalidArgument {
		t.Fatal(err)
	}
	var last int
	if seen := read(t, host); seen[0] != 5 || !host.Stored("last", &last) || last != 5 || len(host.Sent()) != 1 {
		t.Error(seen, last, host.Sent())
	}
	// What is not stored lives as long as the activation, which the failure has ended.
	if seen := read(t, host); seen[1] != 0 {
		t.Error(seen)
	}
}

func TestATurnThatPanicsLeavesNoTrace(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	host.MustCall("add", 5, nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = host.Call("panics", nil, nil)
	}()
	if seen := read(t, host); seen[0] != 5 || host.StoredBytes("last") == nil {
		t.Error(seen)
	}
}

func TestTheStructIsStoredWhenItChangedAndOnlyThen(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	read(t, host)
	if keys := host.StoredKeys(); len(keys) != 0 {
		t.Error(keys)
	}
	old := `{"total": 7, "colour": "red"}`
	host.Store("actor", []byte(old))
	if seen := read(t, host); seen[0] != 7 || string(host.StoredBytes("actor")) != old {
		t.Error(seen, string(host.StoredBytes("actor")))
	}
	host.MustCall("add", 1, nil)
	if stored := string(host.StoredBytes("actor")); stored != `{"total":8,"names":{}}` {
		t.Error(stored)
	}
	host.Store("actor", []byte(`{"total": "many"}`))
	expected := "internal: the state of ledger/l can't be read as ledger: total: invalid value: a string, expected "
	if err := host.Call("read_all", nil, nil); err == nil || !strings.HasPrefix(err.Error(), expected) {
		t.Error(err)
	}
}

func TestRemindersTimersAndMailComeWhenTheyAreDue(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	host.MustCall("add", 1, nil)
	host.Crash()
	fired := host.Advance(2 * time.Minute)
	if len(fired) != 2 || fired[0].Err != nil || host.Reminders()[0].DueIn != time.Minute {
		t.Fatal(fired, host.Reminders())
	}
	if err := host.Call("audit", nil, nil); greenroom.FailureOf(err).Message != "not for client" {
		t.Error(err)
	}

	host = greenroomtest.New(t, ledgerType, "m")
	host.MustCall("burst", nil, nil)
	var from []string
	for _, each := range host.Advance(time.Minute) {
		from = append(from, each.Origin.String())
	}
	if !slices.Equal(from, []string{"timer tick", "ledger/m", "timer tick", "timer tick"}) {
		t.Error(from)
	}
	host.MustCall("burst", nil, nil)
	if err := host.Restart(); err != nil || len(host.Timers()) != 0 || host.StoredBytes("rested") == nil {
		t.Error(err, host.Timers())
	}
}

func TestACallBringsAReplyOrSaysWhyNot(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	err := host.Call("ask", "a", nil)
	if greenroom.FailureOf(err).Error() !=
		"failed-precondition: call auditor/a opinion: nothing is deployed under that actor type" {
		t.Error(err)
	}
	host.OnCall(func(to greenroom.Address, _ string, _ greenroom.Payload) (any, error) {
		switch to.ID {
		case "slow":
			return nil, &greenroom.CallError{Kind: greenroom.CallTimeout}
		case "strict":
			return nil, greenroom.NotFound("no books")
		case "odd":
			return 5, nil
		default:
			return "fine", nil
		}
	})
	var reply string
	if host.MustCall("ask", "a", &reply); reply != "fine" {
		t.Error(reply)
	}
	for id, expected := range map[string]string{
		"slow":   "internal: call auditor/slow opinion: no reply before the deadline",
		"strict": "not-found: call auditor/strict opinion: no books",
		"odd": "internal: call auditor/odd opinion: the reply is not what was expected: " +
			"invalid value: a number, expected a string",
	} {
		err := host.Call("ask", id, nil)
		if greenroom.FailureOf(err).Error() != expected {
			t.Errorf("%s: %v", id, greenroom.FailureOf(err))
		}
	}
	var failure *greenroom.Failure
	if err := host.Call("ask", "strict", nil); !errors.As(err, &failure) || failure.Message != "no books" {
		t.Error("the callee's failure is not in the error")
	}
}

func TestStateUnderItsOwnKeysLeavesTheStructAlone(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	host.MustCall("add", 1, nil)
	err := host.Call("file", nil, nil)
	if greenroom.FailureOf(err).Message != "state `actor` belongs to the actor's struct" {
		t.Error(err)
	}
	if keys := host.StoredKeys(); !slices.Equal(keys, []string{"actor", "last"}) {
		t.Error(keys)
	}
}

func TestAnActivationMayBeRefused(t *testing.T) {
	err := greenroomtest.New(t, ledgerType, "closed-1").Call("read_all", nil, nil)
	if greenroom.CodeOf(err) != greenroom.CodeFailedPrecondition {
		t.Error(err)
	}
}

func TestAContextEndsWithItsTurn(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	host.MustCall("keep", nil, nil)
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "after its turn") {
			t.Error(said)
		}
	}()
	_ = host.Call("misuse", nil, nil)
}

func TestWhatIsLoggedGoesToTheHost(t *testing.T) {
	host := greenroomtest.New(t, ledgerType, "l")
	read(t, host)
	if logs := host.Logs(); !slices.Equal(logs, []greenroomtest.LogLine{{Level: greenroom.LevelInfo, Message: "opened by=host"}}) {
		t.Error(logs)
	}
	logged := greenroom.Define[logger](greenroom.Method("say", (*logger).say))
	host = greenroomtest.New(t, logged, "l")
	host.MustCall("say", nil, nil)
	expected := []greenroomtest.LogLine{
		{Level: greenroom.LevelWarn, Message: `careful of=1 who.name="a b" who.age=3`},
		{Level: greenroom.LevelTrace, Message: "deep"},
	}
	if !slices.Equal(host.Logs(), expected) || len(host.StoredKeys()) != 0 {
		t.Error(host.Logs(), host.StoredKeys())
	}
}

// logger has nothing to store.
type logger struct{ lines int }

func (l *logger) say(ctx *greenroom.Context) {
	l.lines++
	log := ctx.Log().With("of", 1).WithGroup("who")
	log.Warn("careful", "name", "a b", slog.Int("age", 3))
	ctx.Log().Log(context.Background(), slog.LevelDebug-4, "deep")
}

// What `README.md` says of a saga, without a host.

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"greenroom"
	"greenroom/greenroomtest"
)

// partners answers for the other actors, and keeps what they were asked.
type partners struct {
	asked   []string
	answers map[string]error
}

func (p *partners) answer(to greenroom.Address, method string, payload greenroom.Payload) (any, error) {
	what := fmt.Sprintf("%s %s%s", to.ID, method, payload.Body)
	p.asked = append(p.asked, what)
	return nil, p.answers[to.ID+" "+method]
}

func trip() []Step {
	var steps []Step
	for _, id := range []string{"flight", "hotel", "car"} {
		steps = append(steps, Step{
			To: greenroom.Address{Type: "booking", ID: id}, Do: Request{Method: "book", Arguments: []byte(`7`)},
			Undo: &Request{Method: "cancel"},
		})
	}
	return steps
}

func start(t *testing.T, answers map[string]error) (*greenroomtest.Host, *partners) {
	t.Helper()
	host, others := greenroomtest.New(t, saga, "trip-7"), &partners{answers: answers}
	host.OnCall(others.answer)
	host.MustCall("start", trip(), nil)
	return host, others
}

func expect(t *testing.T, host *greenroomtest.Host, status Status, done int, reason string) {
	t.Helper()
	var view View
	host.MustCall("get_saga", nil, &view)
	if view.Status != status || view.Done != done || !strings.Contains(view.Reason, reason) {
		t.Errorf("%+v", view)
	}
}

func expectAsked(t *testing.T, others *partners, expected ...string) {
	t.Helper()
	if !slices.Equal(others.asked, expected) {
		t.Errorf("asked %q", others.asked)
	}
}

func TestEveryStepIsATurnOfItsOwn(t *testing.T) {
	host, others := start(t, nil)
	expect(t, host, Running, 0, "")
	host.Crash()
	if turns := host.Advance(0); len(turns) != 3 {
		t.Error(turns)
	}
	expect(t, host, Done, 3, "")
	expectAsked(t, others, "flight book7", "hotel book7", "car book7")
	if len(host.Reminders()) != 0 {
		t.Error(host.Reminders())
	}
}

func TestARefusedStepHasTheEarlierOnesUndone(t *testing.T) {
	host, others := start(t, map[string]error{"car book": greenroom.Conflict("no cars left")})
	host.Advance(0)
	expect(t, host, Undone, 0, "no cars left")
	expectAsked(t, others, "flight book7", "hotel book7", "car book7", "hotel cancel", "flight cancel")
}

func TestAStepWithoutAnAnswerIsAskedAgainAndThenUndone(t *testing.T) {
	timeout := &greenroom.CallError{Kind: greenroom.CallTimeout}
	host, others := start(t, map[string]error{"flight book": timeout})
	host.Advance(0)
	expect(t, host, Running, 0, "no reply before the deadline")
	host.Crash()
	host.Advance(time.Second)
	others.answers = nil
	host.Advance(2 * time.Second)
	expect(t, host, Done, 3, "")

	host, others = start(t, map[string]error{"flight book": timeout})
	host.Advance(time.Minute)
	expect(t, host, Undone, 0, "no reply before the deadline")
	book := "flight book7"
	expectAsked(t, others, book, book, book, book, book, "flight cancel")
}

func TestWhatWasDoneIsUndoneHoweverLongItTakes(t *testing.T) {
	host, others := start(t, map[string]error{
		"hotel book":    &greenroom.CallError{Kind: greenroom.CallUnknownActorType},
		"flight cancel": greenroom.Internal("on strike"),
	})
	host.Advance(24 * time.Hour)
	expect(t, host, Undoing, 1, "nothing is deployed")
	others.answers = nil
	host.Advance(time.Hour)
	expect(t, host, Undone, 0, "nothing is deployed")
}

func TestWhatIsNoSagaIsRefused(t *testing.T) {
	host := greenroomtest.New(t, saga, "trip-7")
	expect(t, host, "new", 0, "")
	itself, nobody, nothing := trip(), trip(), trip()
	itself[1].To = greenroom.Address{Type: "saga", ID: "trip-7"}
	nobody[0].To.ID = ""
	nothing[2].Undo.Method = ""
	for _, steps := range [][]Step{nil, itself, nobody, nothing, make([]Step, stepsMax+1)} {
		if err := host.Call("start", steps, nil); greenroom.CodeOf(err) != greenroom.CodeInvalidArgument {
			t.Error(err)
		}
	}
	host.MustCall("start", trip(), nil)
	if err := host.Call("start", trip(), nil); greenroom.CodeOf(err) != greenroom.CodeConflict {
		t.Error(err)
	}
	if err := host.Call("advance", nil, nil); greenroom.CodeOf(err) != greenroom.CodePermissionDenied {
		t.Error(err)
	}
}

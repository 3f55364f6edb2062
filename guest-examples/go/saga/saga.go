// The actor type `saga`: several actors do something together, all of them or none.
//
// Each step is a turn of its own, begun by a message of the saga to itself, so that what is done is on disk before
// the next step is asked for. A step that is refused has the earlier ones undone, last one first. A step without an
// answer is asked again, later and later, by a reminder, which survives restarts.
package main

import (
	"cmp"
	"time"

	"greenroom"
)

const (
	stepsMax = 50
	// attemptsMax is how often a step without an answer is asked for, before the saga gives up and undoes it.
	attemptsMax = 5
	firstPause  = time.Second
	longestWait = time.Hour
	// retryReminder asks once more.
	retryReminder = "retry"
)

// Status is how far a saga is.
type Status string

const (
	// New: nobody has started it; others see it as `new`.
	New Status = ""
	// Running: its steps are being done.
	Running Status = "running"
	// Undoing: a step was refused, and those before it are being undone.
	Undoing Status = "undoing"
	// Done: all steps are.
	Done Status = "done"
	// Undone: none of the steps is, any more.
	Undone Status = "undone"
)

// Saga is a list of steps, and how many of them are done.
type Saga struct {
	Status Status `json:"status"`
	Steps  []Step `json:"steps"`
	Done   int    `json:"done"`
	// Attempts counts those of the present step that brought no answer.
	Attempts int `json:"attempts"`
	// Reason is why it is being undone, or what it waits for.
	Reason string `json:"reason"`
}

// View is a saga as others see it.
type View struct {
	Status Status `json:"status"`
	// Steps and Done are how many there are, and how many of them are done.
	Steps int `json:"steps"`
	Done  int `json:"done"`
	// Reason is why it is being undone, or what it waits for.
	Reason string `json:"reason"`
}

var saga = greenroom.Define[Saga](
	greenroom.Method("start", (*Saga).Start, "steps"),
	greenroom.Method("get_saga", (*Saga).GetSaga),
	greenroom.Method("advance", (*Saga).Advance),
)

func init() { greenroom.Serve(saga) }

func main() {}

// Start begins with the first step. It replies at once; GetSaga says how far the saga is.
func (s *Saga) Start(ctx *greenroom.Context, steps []Step) (View, error) {
	if s.Status != New {
		return View{}, greenroom.Conflict("the saga was started already")
	}
	if len(steps) == 0 || len(steps) > stepsMax {
		return View{}, greenroom.InvalidArgument("a saga has 1 to %d steps", stepsMax)
	}
	for _, step := range steps {
		if err := step.check(ctx.Me()); err != nil {
			return View{}, err
		}
	}
	s.Status, s.Steps = Running, steps
	return s.GetSaga(), s.goOn(ctx)
}

// GetSaga says how far the saga is.
func (s *Saga) GetSaga() View {
	return View{cmp.Or(s.Status, "new"), len(s.Steps), s.Done, s.Reason}
}

// Advance does or undoes one step. Only the saga itself asks for it.
func (s *Saga) Advance(ctx *greenroom.Context) error {
	origin := ctx.Origin()
	if !origin.IsReminder(retryReminder) && origin.Actor != ctx.Me() {
		return greenroom.PermissionDenied("only the saga itself says when to go on")
	}
	switch s.Status {
	case Running:
		return s.doNext(ctx)
	case Undoing:
		return s.undoLast(ctx)
	default:
		return nil
	}
}

func (s *Saga) doNext(ctx *greenroom.Context) error {
	step := s.Steps[s.Done]
	err := step.Do.ask(ctx, step.To)
	switch {
	case err == nil:
		s.Done++
		return s.goOn(ctx)
	case isRefusal(err):
		return s.turnBack(ctx, err)
	case s.Attempts+1 >= attemptsMax:
		// It may have been done, so it is undone like those before it.
		s.Done++
		return s.turnBack(ctx, err)
	default:
		return s.tryLater(ctx, err)
	}
}

// undoLast never gives up: what was done is not left half undone.
func (s *Saga) undoLast(ctx *greenroom.Context) error {
	step := s.Steps[s.Done-1]
	if step.Undo != nil {
		if err := step.Undo.ask(ctx, step.To); err != nil {
			ctx.Log().Warn("a step can't be undone yet", "step", s.Done, "why", err)
			return s.tryLater(ctx, err)
		}
	}
	s.Done--
	return s.goOn(ctx)
}

// goOn has the next step done in a turn of its own, unless there is none.
func (s *Saga) goOn(ctx *greenroom.Context) error {
	s.Attempts = 0
	switch {
	case s.Status == Running && s.Done == len(s.Steps):
		s.Status, s.Reason = Done, ""
		return nil
	case s.Status == Undoing && s.Done == 0:
		s.Status = Undone
		return nil
	default:
		return ctx.At(ctx.Me()).Send("advance", nil)
	}
}

func (s *Saga) turnBack(ctx *greenroom.Context, why error) error {
	ctx.Log().Info("turning back", "done", s.Done, "why", why)
	s.Status, s.Reason = Undoing, why.Error()
	return s.goOn(ctx)
}

func (s *Saga) tryLater(ctx *greenroom.Context, why error) error {
	// Doubling stops long before it could overflow.
	pause := min(firstPause<<min(s.Attempts, 20), longestWait)
	s.Attempts++
	if s.Status == Running {
		s.Reason = why.Error()
	}
	return ctx.Reminders().Set(retryReminder, greenroom.Once(pause), "advance", nil)
}

// The actor type `task`: a to-do item with a status, an assignee and a deadline.
//
// A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and tells the
// assignee's `chat` actor. The change of status and the message are one turn, so neither happens without the
// other.
package main

import (
	"unicode/utf8"

	"greenroom"
)

const (
	// deadlineReminder fires at the deadline.
	deadlineReminder = "deadline"
	titleCharsMax    = 200
)

// Task is a to-do item.
type Task struct {
	Title    *string              `json:"title"`
	Status   Status               `json:"status"`
	Assignee *string              `json:"assignee"`
	Deadline *greenroom.Timestamp `json:"deadline"`
	History  History              `json:"history"`
}

// View is a task as others see it.
type View struct {
	// ID is the actor's id.
	ID string `json:"id"`
	// Title is what is to be done.
	Title *string `json:"title"`
	// Status is how far it is.
	Status Status `json:"status"`
	// Assignee is who is to do it: the id of a `chat` actor.
	Assignee *string `json:"assignee"`
	// Deadline is when it is to be done.
	Deadline *greenroom.Timestamp `json:"deadline_ms"`
	// History is the latest changes of status, oldest first.
	History History `json:"history"`
}

// OverdueNote is what the assignee's `chat` actor is told when a deadline has passed.
type OverdueNote struct {
	// Title is what was to be done.
	Title *string `json:"title"`
	// Deadline is when it was to be done.
	Deadline greenroom.Timestamp `json:"deadline_ms"`
}

var task = greenroom.Define[Task](
	greenroom.Method("get_task", (*Task).GetTask),
	greenroom.Method("create", (*Task).Create, "title", "assignee"),
	greenroom.Method("set_title", (*Task).SetTitle, "title"),
	greenroom.Method("update_status", (*Task).UpdateStatus, "status"),
	greenroom.Method("assign_to", (*Task).AssignTo, "assignee"),
	greenroom.Method("set_deadline_reminder", (*Task).SetDeadlineReminder, "in_ms", "at_ms"),
	greenroom.Method("deadline_passed", (*Task).DeadlinePassed),
)

func init() { greenroom.Serve(task) }

func main() {}

// GetTask answers with the task.
func (t *Task) GetTask(ctx *greenroom.Context) View {
	return View{ctx.Me().ID, t.Title, t.Status, t.Assignee, t.Deadline, t.History}
}

// Create names a new task.
func (t *Task) Create(ctx *greenroom.Context, title string, assignee *string) (View, error) {
	if t.Title != nil {
		return View{}, greenroom.Conflict("the task is called `%s` already", *t.Title)
	}
	if assignee != nil {
		if err := t.assign(assignee); err != nil {
			return View{}, err
		}
	}
	return t.SetTitle(ctx, title)
}

// SetTitle renames the task.
func (t *Task) SetTitle(ctx *greenroom.Context, title string) (View, error) {
	if title == "" || utf8.RuneCountInString(title) > titleCharsMax {
		return View{}, greenroom.InvalidArgument("a title has 1 to %d characters", titleCharsMax)
	}
	t.Title = &title
	return t.GetTask(ctx), nil
}

// UpdateStatus changes the status, whatever it was. A finished task has no deadline.
func (t *Task) UpdateStatus(ctx *greenroom.Context, status Status) (View, error) {
	if status == Overdue {
		return View{}, greenroom.FailedPrecondition("only a deadline that passes makes a task overdue")
	}
	t.changeStatus(ctx, status)
	if status.IsFinished() {
		ctx.Reminders().Cancel(deadlineReminder)
		t.Deadline = nil
	}
	return t.GetTask(ctx), nil
}

// AssignTo hands the task to a user, or to nobody.
func (t *Task) AssignTo(ctx *greenroom.Context, assignee *string) (View, error) {
	if err := t.assign(assignee); err != nil {
		return View{}, err
	}
	return t.GetTask(ctx), nil
}

// SetDeadlineReminder sets the deadline, in so many milliseconds or at a moment, instead of an earlier one.
func (t *Task) SetDeadlineReminder(
	ctx *greenroom.Context, inMS *uint64, atMS *greenroom.Timestamp,
) (View, error) {
	if t.Status.IsFinished() {
		return View{}, greenroom.FailedPrecondition("the task is %v: it needs no deadline", t.Status)
	}
	now := ctx.Now()
	var deadline greenroom.Timestamp
	switch {
	case (inMS == nil) == (atMS == nil):
		return View{}, greenroom.InvalidArgument("give one of the arguments `in_ms` and `at_ms`")
	case inMS != nil:
		deadline = now.AddMilliseconds(*inMS)
	case *atMS < now:
		return View{}, greenroom.InvalidArgument("argument `at_ms`: it is past")
	default:
		deadline = *atMS
	}
	after := greenroom.Once(deadline.Since(now))
	if err := ctx.Reminders().Set(deadlineReminder, after, "deadline_passed", nil); err != nil {
		return View{}, err
	}
	t.Deadline = &deadline
	if t.Status == Overdue {
		t.changeStatus(ctx, t.History.BeforeOverdue())
	}
	return t.GetTask(ctx), nil
}

// DeadlinePassed is the reminder's method: the task is overdue, and its assignee hears of it.
func (t *Task) DeadlinePassed(ctx *greenroom.Context) (View, error) {
	if !ctx.Origin().IsReminder(deadlineReminder) {
		return View{}, greenroom.PermissionDenied("only the task's own reminder says that a deadline has passed")
	}
	if t.Status.IsFinished() {
		return t.GetTask(ctx), nil
	}
	t.changeStatus(ctx, Overdue)
	if t.Assignee != nil && t.Deadline != nil {
		note := OverdueNote{t.Title, *t.Deadline}
		if err := ctx.Actor("chat", *t.Assignee).Send("task_overdue", note); err != nil {
			return View{}, err
		}
	}
	return t.GetTask(ctx), nil
}

func (t *Task) assign(assignee *string) error {
	if assignee != nil && !greenroom.IsID(*assignee) {
		return greenroom.InvalidArgument("an assignee has 1 to 512 bytes and no control characters")
	}
	t.Assignee = assignee
	return nil
}

func (t *Task) changeStatus(ctx *greenroom.Context, status Status) {
	if t.Status != status {
		t.Status = status
		t.History.Add(status, ctx.Now(), ctx.Origin())
	}
}

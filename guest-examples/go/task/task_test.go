// What `README.md` says of a task, without a host.

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"greenroom"
	"greenroom/greenroomtest"
)

type fields map[string]any

func newTask(t *testing.T) *greenroomtest.Host { return greenroomtest.New(t, task, "task-123") }

func call(t *testing.T, host *greenroomtest.Host, method string, arguments any) View {
	t.Helper()
	var view View
	host.MustCall(method, arguments, &view)
	return view
}

func refused(t *testing.T, err error, code greenroom.Code) {
	t.Helper()
	if greenroom.CodeOf(err) != code {
		t.Errorf("%v, expected %s", err, code)
	}
}

func TestATaskIsThereBeforeAnybodyWritesToIt(t *testing.T) {
	host := newTask(t)
	var reply greenroom.Payload
	host.MustCall("get_task", nil, &reply)
	expected := `{"id":"task-123","title":null,"status":"todo","assignee":null,"deadline_ms":null,"history":[]}`
	if string(reply.Body) != expected || len(host.StoredKeys()) != 0 {
		t.Error(string(reply.Body), host.StoredKeys())
	}
}

func TestCreateNamesATaskOnce(t *testing.T) {
	host := newTask(t)
	view := call(t, host, "create", fields{"title": "Report", "assignee": "alice"})
	if *view.Title != "Report" || *view.Assignee != "alice" {
		t.Error(view)
	}
	refused(t, host.Call("create", fields{"title": "Other"}, nil), greenroom.CodeConflict)
	if view := call(t, host, "set_title", "Longer report"); *view.Title != "Longer report" {
		t.Error(view)
	}
}

func TestTitlesAndAssigneesAreBounded(t *testing.T) {
	host := newTask(t)
	for _, title := range []string{"", strings.Repeat("ä", titleCharsMax+1)} {
		refused(t, host.Call("set_title", title, nil), greenroom.CodeInvalidArgument)
	}
	call(t, host, "set_title", strings.Repeat("ä", titleCharsMax))
	for _, assignee := range []string{"", "a\nb", strings.Repeat("x", 513)} {
		refused(t, host.Call("assign_to", assignee, nil), greenroom.CodeInvalidArgument)
	}
	if view := call(t, host, "assign_to", "alice"); *view.Assignee != "alice" {
		t.Error(view)
	}
	if view := call(t, host, "assign_to", nil); view.Assignee != nil {
		t.Error(view)
	}
}

func TestChangesOfStatusAreNumberedInTheOrderTheyArrive(t *testing.T) {
	host := newTask(t)
	call(t, host, "update_status", "done")
	chat := greenroom.Origin{Kind: greenroom.FromActor, Actor: greenroom.Address{Type: "chat", ID: "alice"}}
	var view View
	if err := host.CallFrom(chat, "update_status", fields{"status": "cancelled"}, &view); err != nil {
		t.Fatal(err)
	}
	at := host.Now()
	if !slices.Equal(view.History, History{{1, Done, at, "client"}, {2, Cancelled, at, "chat/alice"}}) {
		t.Error(view.History)
	}
}

func TestTheSameStatusAgainIsNoChangeAndOldChangesAreForgotten(t *testing.T) {
	host := newTask(t)
	for range 15 {
		for _, status := range []Status{InProgress, InProgress, Todo} {
			call(t, host, "update_status", status)
		}
	}
	history := call(t, host, "get_task", nil).History
	if len(history) != 20 || history[0].Sequence != 11 || history[19].Sequence != 30 {
		t.Error(history)
	}
}

func TestAStatusNobodyKnowsIsRefusedByName(t *testing.T) {
	host := newTask(t)
	err := host.Call("update_status", "finished", nil)
	refused(t, err, greenroom.CodeInvalidArgument)
	if !strings.Contains(err.Error(), "argument `status`: unknown status `finished`") {
		t.Error(err)
	}
	refused(t, host.Call("update_status", fields{"state": "done"}, nil), greenroom.CodeInvalidArgument)
	refused(t, host.Call("update_status", "overdue", nil), greenroom.CodeFailedPrecondition)
}

func TestADeadlineThatPassesMakesTheTaskOverdueAndTellsTheAssignee(t *testing.T) {
	host := newTask(t)
	call(t, host, "create", fields{"title": "Report", "assignee": "alice"})
	deadline := host.Now().Add(time.Minute)
	call(t, host, "set_deadline_reminder", fields{"in_ms": 60_000})
	host.Crash()

	if fired := host.Advance(30 * time.Second); len(fired) != 0 {
		t.Fatal(fired)
	}
	if fired := host.Advance(30 * time.Second); len(fired) != 1 || fired[0].Err != nil {
		t.Fatal(fired)
	}
	view := call(t, host, "get_task", nil)
	if view.Status != Overdue || *view.Deadline != deadline || view.History[0].By != "reminder deadline" {
		t.Error(view)
	}
	sent := host.Sent()
	if len(sent) != 1 || sent[0].To.String() != "chat/alice" || sent[0].Method != "task_overdue" {
		t.Fatal(sent)
	}
	var note OverdueNote
	if err := sent[0].Payload.Read(&note); err != nil || *note.Title != "Report" || note.Deadline != deadline {
		t.Error(err, note)
	}
}

func TestFinishingATaskCancelsItsDeadline(t *testing.T) {
	host := newTask(t)
	call(t, host, "set_deadline_reminder", fields{"in_ms": 60_000})
	if view := call(t, host, "update_status", "done"); view.Deadline != nil || len(host.Reminders()) != 0 {
		t.Error(view, host.Reminders())
	}
	if fired := host.Advance(2 * time.Minute); len(fired) != 0 {
		t.Error(fired)
	}
	err := host.Call("set_deadline_reminder", fields{"in_ms": 1}, nil)
	refused(t, err, greenroom.CodeFailedPrecondition)
}

func TestANewDeadlineTakesAnOverdueTaskBack(t *testing.T) {
	host := newTask(t)
	call(t, host, "update_status", "in_progress")
	call(t, host, "set_deadline_reminder", fields{"in_ms": 0})
	host.Advance(0)
	if view := call(t, host, "get_task", nil); view.Status != Overdue {
		t.Fatal(view)
	}
	at := host.Now().Add(time.Minute)
	view := call(t, host, "set_deadline_reminder", fields{"at_ms": at})
	if view.Status != InProgress || *view.Deadline != at || host.Reminders()[0].DueIn != time.Minute {
		t.Error(view, host.Reminders())
	}
}

func TestADeadlineIsGivenOneWayAndNotInThePast(t *testing.T) {
	host := newTask(t)
	past := host.Now().Add(-time.Minute)
	for _, arguments := range []fields{{}, {"in_ms": 1, "at_ms": 2}, {"at_ms": past}} {
		refused(t, host.Call("set_deadline_reminder", arguments, nil), greenroom.CodeInvalidArgument)
	}
	if reminders := host.Reminders(); len(reminders) != 0 {
		t.Error(reminders)
	}
}

func TestNobodyElseSaysThatADeadlineHasPassed(t *testing.T) {
	host := newTask(t)
	other := greenroom.Address{Type: "task", ID: "x"}
	for _, origin := range []greenroom.Origin{
		{Kind: greenroom.FromClient},
		{Kind: greenroom.FromActor, Actor: other},
		{Kind: greenroom.FromTimer, Name: deadlineReminder},
	} {
		refused(t, host.CallFrom(origin, "deadline_passed", nil, nil), greenroom.CodePermissionDenied)
	}
}

func TestWhatAnotherLanguageHasStoredIsRead(t *testing.T) {
	host := newTask(t)
	host.Store("actor", []byte(`{"title":"Report","status":"in_progress","assignee":null,"deadline":null,`+
		`"history":[{"sequence":1,"status":"in_progress","at_ms":5,"by":"client"}]}`))
	view := call(t, host, "update_status", "todo")
	if *view.Title != "Report" || len(view.History) != 2 || view.History[1].Sequence != 2 {
		t.Error(view)
	}
}

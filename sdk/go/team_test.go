// The actor that the README shows to say how one speaks to others, and to itself later.

package greenroom_test

import (
	"fmt"
	"testing"
	"time"

	"greenroom"
	"greenroom/greenroomtest"
)

// Team is a team, each of whose members has a counter.
type Team struct{}

var team = greenroom.Define[Team](
	greenroom.Method("add", (*Team).Add, "member", "amount"),
	greenroom.Method("review", (*Team).Review, "member"),
)

// Add adds amount to a member's counter, and says what that is at then.
func (t *Team) Add(ctx *greenroom.Context, member string, amount uint32) (uint32, error) {
	var count uint32
	if err := ctx.Actor("counter", member).Call("add", amount, &count); err != nil {
		return 0, err
	}
	if err := ctx.Actor("journal", "team").Send("note", fmt.Sprintf("%s is at %d", member, count)); err != nil {
		return 0, err
	}
	daily := greenroom.Every(24 * time.Hour)
	daily.Repetitions = 3
	return count, ctx.Reminders().Set("review", daily, "review", member)
}

// Review is the reminder's method: once a day, three times.
func (t *Team) Review(ctx *greenroom.Context, member string) {
	ctx.Log().Info("time to review", "member", member)
}

func TestATeamAsksTellsAndIsRemindedThreeTimes(t *testing.T) {
	host := greenroomtest.New(t, team, "red")
	host.OnCall(func(to greenroom.Address, method string, _ greenroom.Payload) (any, error) {
		if to.String() != "counter/ada" || method != "add" {
			t.Error(to, method)
		}
		return 5, nil
	})
	count := 0
	if host.MustCall("add", []any{"ada", 2}, &count); count != 5 {
		t.Error(count)
	}
	if sent := host.Sent(); len(sent) != 1 || sent[0].To.String() != "journal/team" {
		t.Error(sent)
	}
	if fired := host.Advance(240 * time.Hour); len(fired) != 3 || fired[2].Err != nil {
		t.Error(fired)
	}
}

// What the counter promises, without a host, and with a clock that the test moves.
package main

import (
	"math"
	"testing"
	"time"

	"greenroom"
	"greenroom/greenroomtest"
)

func TestItCountsAndForgets(t *testing.T) {
	host := greenroomtest.New(t, counter, "counter-1")
	count := uint32(0)
	if host.MustCall("add", 2, &count); count != 2 {
		t.Error(count)
	}
	for _, bad := range []uint32{0, math.MaxUint32} {
		if err := host.Call("add", bad, nil); greenroom.CodeOf(err) != greenroom.CodeInvalidArgument {
			t.Error(bad, err)
		}
	}

	if err := host.Restart(); err != nil {
		t.Fatal(err)
	}
	if host.MustCall("get", nil, &count); count != 2 {
		t.Error(count)
	}

	host.Advance(time.Hour)
	if host.MustCall("get", nil, &count); count != 0 {
		t.Error(count)
	}
}

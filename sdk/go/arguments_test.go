// How a message's body becomes a method's arguments, and its result a reply.

package greenroom_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"greenroom"
	"greenroom/greenroomtest"
)

type desk struct{}

type item struct {
	Name  string `json:"name"`
	Sizes []int8 `json:"sizes"`
}

func (*desk) none() string            { return "none" }
func (*desk) one(it item) item        { return it }
func (*desk) maybe(number *int) *int  { return number }
func (*desk) whole(it item) string    { return it.Name }
func (*desk) list() []string          { return nil }
func (*desk) nothing()                {}
func (*desk) refuse(why string) error { return fmt.Errorf("drawer: %w", greenroom.Conflict("%s", why)) }
func (*desk) stumble() error          { return errors.New("stumbled") }

func (*desk) two(ctx *greenroom.Context, left uint8, right *string) (string, error) {
	if right == nil {
		return fmt.Sprintf("%d %v", left, ctx.Me()), nil
	}
	return fmt.Sprintf("%d %s", left, *right), nil
}

func (*desk) echo(payload greenroom.Payload) greenroom.Payload { return payload }

var deskType = greenroom.Define[desk](
	greenroom.Method("none", (*desk).none),
	greenroom.Method("one", (*desk).one, "item"),
	greenroom.Method("maybe", (*desk).maybe, "number"),
	greenroom.Method("whole", (*desk).whole),
	greenroom.Method("list", (*desk).list),
	greenroom.Method("nothing", (*desk).nothing),
	greenroom.Method("refuse", (*desk).refuse, "why"),
	greenroom.Method("stumble", (*desk).stumble),
	greenroom.Method("two", (*desk).two, "left", "right"),
	greenroom.Method("echo", (*desk).echo),
)

func TestABodyIsMatchedToTheParameters(t *testing.T) {
	for _, each := range []struct{ method, body, reply string }{
		{"none", "", `"none"`},
		{"none", "not even JSON", `"none"`},
		{"one", `{"name":"pen","sizes":[1,2]}`, `{"name":"pen","sizes":[1,2]}`},
		{"one", ` {"item": {"name":"pen","sizes":[]}} `, `{"name":"pen","sizes":[]}`},
		{"maybe", "5", "5"},
		{"maybe", `{"number": 5}`, "5"},
		{"maybe", "null", "null"},
		{"maybe", "", "null"},
		{"whole", `{"name":"pen"}`, `"pen"`},
		{"list", "", "[]"},
		{"nothing", "", ""},
		{"two", `{"right":"b","left":1}`, `"1 b"`},
		{"two", `[1,"b"]`, `"1 b"`},
		{"two", `[1]`, `"1 desk/d"`},
		{"two", `{"left":1,"right":null}`, `"1 desk/d"`},
	} {
		host := greenroomtest.New(t, deskType, "d")
		var reply greenroom.Payload
		host.MustCall(each.method, greenroom.Payload{Body: []byte(each.body)}, &reply)
		if string(reply.Body) != each.reply {
			t.Errorf("%s %s: %s, expected %s", each.method, each.body, reply.Body, each.reply)
		}
		if hasType := reply.ContentType != ""; hasType != (each.reply != "") {
			t.Errorf("%s: content type %q", each.method, reply.ContentType)
		}
	}
}

func TestWhatDoesNotFitIsRefusedByPlace(t *testing.T) {
	for _, each := range []struct{ method, body, message string }{
		{"one", "", "argument `item` is missing"},
		{"one", "5", "argument `item`: invalid value: a number, expected an object"},
		{"one", `{"name":"pen","sizes":[1,300]}`, "argument `item.sizes[1]`: invalid value: `300`, expected -128 to 127"},
		{"one", `{"name":`, "the body is not JSON: unexpected EOF"},
		{"maybe", `"x"`, "argument `number`: invalid value: a string, expected -9223372036854775808 to 9223372036854775807"},
		{"whole", `{"name":1}`, "argument `name`: invalid value: a number, expected a string"},
		{"whole", "", "the argument is missing"},
		{"refuse", "null", "argument `why`: invalid value: null, expected a string"},
		{"two", "5", "expected an object or an array of the arguments left, right"},
		{"two", `{"lift":1}`, "unknown argument `lift`; there are left, right"},
		{"two", `{"left":1,"left":2}`, "the body is not JSON: duplicate object member name"},
		{"two", `[1,"b",3]`, "3 arguments are too many; there are left, right"},
		{"two", `{"right":"b"}`, "argument `left` is missing"},
	} {
		err := greenroomtest.New(t, deskType, "d").Call(each.method, greenroom.Payload{Body: []byte(each.body)}, nil)
		failure := greenroom.FailureOf(err)
		if failure == nil || failure.Code != greenroom.CodeInvalidArgument ||
			!strings.HasPrefix(failure.Message, each.message) {
			t.Errorf("%s %s: %v, expected %s", each.method, each.body, err, each.message)
		}
	}
}

func TestAPayloadGoesThroughAsItIs(t *testing.T) {
	sent := greenroom.Payload{ContentType: "image/png", Body: []byte{0, 255}}
	var reply greenroom.Payload
	greenroomtest.New(t, deskType, "d").MustCall("echo", sent, &reply)
	if reply.ContentType != sent.ContentType || string(reply.Body) != string(sent.Body) {
		t.Error(reply)
	}
}

func TestAnErrorGoesOutWithTheCodeThatIsInIt(t *testing.T) {
	host := greenroomtest.New(t, deskType, "d")
	for _, each := range []struct{ method, failure string }{
		{"refuse", "conflict: drawer: it jams"},
		{"stumble", "internal: stumbled"},
		{"burn", "unimplemented: desk has no method `burn`; it has none, one, maybe, whole, list, nothing, " +
			"refuse, stumble, two, echo"},
	} {
		if err := host.Call(each.method, "it jams", nil); greenroom.FailureOf(err).Error() != each.failure {
			t.Errorf("%s: %v", each.method, greenroom.FailureOf(err))
		}
	}
}

func TestWhatCanBeNoActorIsRefusedWhenItIsDefined(t *testing.T) {
	refused := func(words string, define func()) {
		t.Helper()
		defer func() {
			if said, _ := recover().(string); !strings.Contains(said, words) {
				t.Errorf("%q, expected %q", said, words)
			}
		}()
		define()
	}
	refused("named struct", func() { greenroom.Define[int]() })
	refused("there are two methods one", func() {
		greenroom.Define[desk](greenroom.Method("one", (*desk).none), greenroom.Method("one", (*desk).none))
	})
	refused("not of *item", func() { greenroom.Define[item](greenroom.Method("none", (*desk).none)) })
	refused("a name is", func() { greenroom.Method("1st", (*desk).none) })
	refused("no function", func() { greenroom.Method("none", 5) })
	refused("it has 2 arguments, and names for 1", func() { greenroom.Method("two", (*desk).two, "left") })
	refused("more than a reply", func() { greenroom.Method("x", func(*desk) (int, int) { return 1, 2 }) })
	refused("takes the actor first", func() { greenroom.Method("x", func() {}) })
}

// What an actor type is: a struct, and which of its methods can be called under which names.

package greenroom

import (
	"encoding/json/v2"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Activator is an actor that does something when it comes into memory, before its first message. An error
// refuses that message; the next one activates anew.
type Activator interface {
	Activate(ctx *Context) error
}

// Deactivator is an actor that does something before it leaves memory, when it is idle. What it writes is
// committed. It is not called after a crash.
type Deactivator interface {
	Deactivate(ctx *Context) error
}

// Actor is an actor type whose state is a T.
type Actor[T any] struct{ definition *definition }

// Name is that of the struct.
func (a *Actor[T]) Name() string { return a.definition.name }

type definition struct {
	name string
	// isDurable is whether there is anything to store.
	isDurable bool
	create    func() any
	methods   map[string]*MethodOf
	names     []string
}

// MethodOf is a method under its name. It is made by Method.
type MethodOf struct {
	name       string
	function   reflect.Value
	parameters []parameter
	hasContext bool
	isRaw      bool
	hasReply   bool
	hasError   bool
}

var (
	contextType = reflect.TypeFor[*Context]()
	payloadType = reflect.TypeFor[Payload]()
	errorType   = reflect.TypeFor[error]()
)

// Define makes an actor type of the struct T and its methods. An actor that nobody wrote to yet is a zero T.
//
// It panics when a method can't be one, which any test finds out.
func Define[T any](methods ...*MethodOf) *Actor[T] {
	kind := reflect.TypeFor[T]()
	name, _, _ := strings.Cut(kind.Name(), "[")
	if kind.Kind() != reflect.Struct || name == "" {
		panic(fmt.Sprintf("greenroom: %v can't be an actor; a named struct can", kind))
	}
	defined := &definition{
		name:      name,
		isDurable: isDurable(kind),
		create:    func() any { return new(T) },
		methods:   make(map[string]*MethodOf, len(methods)),
	}
	for _, method := range methods {
		if receiver := method.function.Type().In(0); receiver != reflect.PointerTo(kind) {
			panic(fmt.Sprintf("greenroom: method %s is of %v, not of *%s", method.name, receiver, name))
		}
		if defined.methods[method.name] != nil {
			panic(fmt.Sprintf("greenroom: there are two methods %s", method.name))
		}
		defined.methods[method.name] = method
		defined.names = append(defined.names, method.name)
	}
	return &Actor[T]{defined}
}

// isDurable is so for a struct that JSON finds something in: an exported field, or a way of its own to be read.
func isDurable(kind reflect.Type) bool {
	readsItself := reflect.PointerTo(kind).Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		reflect.PointerTo(kind).Implements(reflect.TypeFor[json.UnmarshalerFrom]())
	return readsItself || slices.ContainsFunc(reflect.VisibleFields(kind), func(field reflect.StructField) bool {
		return field.IsExported() && field.Tag.Get("json") != "-"
	})
}

// Method makes a method callable under a name: `Method("add", (*Counter).Add, "amount")`.
//
// function takes the actor, then a *Context if it wants one, then its arguments, whose names follow. It
// returns a reply, an error, both or nothing. A single argument may be without a name: the body is its value.
// A single argument of the type Payload gets the body as it came, and a reply of that type goes out as it is.
//
// It panics when function is of another form.
func Method(name string, function any, parameters ...string) *MethodOf {
	method := &MethodOf{name: name, function: reflect.ValueOf(function)}
	if problem := method.inspect(parameters); problem != "" {
		panic(fmt.Sprintf("greenroom: method %s: %s", name, problem))
	}
	return method
}

func (m *MethodOf) inspect(names []string) string {
	if !isMethodName(m.name) {
		return "a name is 1 to 64 of A-Z a-z 0-9 _ . - and begins with a letter"
	}
	if m.function.Kind() != reflect.Func {
		return "it is no function"
	}
	kind := m.function.Type()
	if kind.NumIn() == 0 || kind.IsVariadic() {
		return "it takes the actor first, and no `...`; write (*Type).Method"
	}
	types := slices.Collect(kind.Ins())[1:]
	if len(types) > 0 && types[0] == contextType {
		m.hasContext = true
		types = types[1:]
	}
	m.isRaw = len(types) == 1 && types[0] == payloadType
	if len(names) != len(types) && !(len(names) == 0 && len(types) == 1) {
		return fmt.Sprintf("it has %d arguments, and names for %d", len(types), len(names))
	}
	for position, of := range types {
		parameter := parameter{kind: of}
		if len(names) > 0 {
			parameter.name = names[position]
		}
		m.parameters = append(m.parameters, parameter)
	}
	results := slices.Collect(kind.Outs())
	if len(results) > 0 && results[len(results)-1] == errorType {
		m.hasError = true
		results = results[:len(results)-1]
	}
	m.hasReply = len(results) == 1
	if len(results) > 1 {
		return "it returns more than a reply and an error"
	}
	return ""
}

func isMethodName(name string) bool {
	for position, char := range []byte(name) {
		isLetter := 'a' <= char|0x20 && char|0x20 <= 'z'
		if !isLetter && (position == 0 || !strings.ContainsRune("0123456789_.-", rune(char))) {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= 64
}

// receive does what one message asks.
func (d *definition) receive(actor any, ctx *Context, method string, payload Payload) (Payload, error) {
	known := d.methods[method]
	if known == nil {
		there := strings.Join(d.names, ", ")
		if there == "" {
			there = "none"
		}
		return Payload{}, Unimplemented("%s has no method `%s`; it has %s", d.name, method, there)
	}
	return known.call(actor, ctx, payload)
}

func (m *MethodOf) call(actor any, ctx *Context, payload Payload) (Payload, error) {
	values := append(make([]reflect.Value, 0, 2+len(m.parameters)), reflect.ValueOf(actor))
	if m.hasContext {
		values = append(values, reflect.ValueOf(ctx))
	}
	if m.isRaw {
		values = append(values, reflect.ValueOf(payload))
	} else {
		arguments, err := readArguments(payload.Body, m.parameters)
		if err != nil {
			return Payload{}, err
		}
		values = append(values, arguments...)
	}
	results := m.function.Call(values)
	if m.hasError {
		if err, failed := results[len(results)-1].Interface().(error); failed {
			return Payload{}, err
		}
	}
	if !m.hasReply {
		return Payload{}, nil
	}
	if reply, isRaw := results[0].Interface().(Payload); isRaw {
		return reply, nil
	}
	return JSON(results[0].Interface())
}

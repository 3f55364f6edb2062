// JSON in and out, with errors that say where and what in the words of JSON.

package greenroom

import (
	"encoding"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Longest part of a caller's value that is shown back.
const shownBytesMax = 60

// malformed says what is wrong with a JSON text, and where.
type malformed struct {
	// Path is the place within the value, for example `item.sizes[1]`; empty for the value itself.
	path    string
	problem string
}

func (m *malformed) Error() string {
	if m.path == "" {
		return m.problem
	}
	return m.path + ": " + m.problem
}

// encode writes equal values alike: the members of a map are sorted.
func encode(value any) ([]byte, error) {
	return json.Marshal(value, json.Deterministic(true))
}

// decode reads text into what value points to. Members that the type does not have are ignored.
func decode(text []byte, value any) *malformed {
	err := json.Unmarshal(text, value)
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return &malformed{pathOf(semantic.JSONPointer), problemOf(semantic)}
	}
	return &malformed{problem: "not JSON: " + strings.TrimPrefix(err.Error(), "jsontext: ")}
}

func pathOf(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			fmt.Fprintf(&path, "[%s]", token)
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	return path.String()
}

func problemOf(err *json.SemanticError) string {
	expected := "a value of another type"
	if err.GoType != nil {
		expected = describe(err.GoType)
	}
	isNumber := errors.Is(err.Err, strconv.ErrRange) || errors.Is(err.Err, strconv.ErrSyntax)
	isText := err.GoType != nil && readsText(err.GoType)
	// What a type's own unmarshaler says is better than anything that could be said here.
	if err.Err != nil && !isNumber && (!isText || err.JSONKind == jsontext.KindString) {
		return err.Err.Error()
	}
	return fmt.Sprintf("invalid value: %s, expected %s", found(err), expected)
}

func found(err *json.SemanticError) string {
	if len(err.JSONValue) > 0 && len(err.JSONValue) <= shownBytesMax {
		return "`" + string(err.JSONValue) + "`"
	}
	switch err.JSONKind {
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	default:
		return "a " + err.JSONKind.String()
	}
}

func readsText(kind reflect.Type) bool {
	return reflect.PointerTo(kind).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// describe says in words of JSON what a Go type is read from.
func describe(kind reflect.Type) string {
	if readsText(kind) {
		return "a string"
	}
	switch kind.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int, reflect.Int64:
		largest := uint64(1)<<(kind.Bits()-1) - 1
		return fmt.Sprintf("-%d to %d", largest+1, largest)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return fmt.Sprintf("0 to %d", ^uint64(0)>>(64-kind.Bits()))
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Pointer:
		return describe(kind.Elem())
	default:
		return "a value of another type"
	}
}

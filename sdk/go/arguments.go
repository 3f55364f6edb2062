// A message's body as the arguments of a method, matched to its parameters by name or by position.

package greenroom

import (
	"bytes"
	"encoding/json/jsontext"
	"maps"
	"reflect"
	"slices"
	"strings"
)

type parameter struct {
	// name is empty for a single one that takes the body as it is.
	name string
	kind reflect.Type
}

// mayBeLeftOut is so for pointers and interfaces, which are nil then.
func (p parameter) mayBeLeftOut() bool {
	return p.kind.Kind() == reflect.Pointer || p.kind.Kind() == reflect.Interface
}

// readArguments fails with `invalid-argument`, and the place and the problem.
func readArguments(body []byte, parameters []parameter) ([]reflect.Value, error) {
	given, err := match(bytes.TrimSpace(body), parameters)
	if err != nil {
		return nil, err
	}
	values := make([]reflect.Value, len(parameters))
	for position, parameter := range parameters {
		value := reflect.New(parameter.kind)
		if err := parameter.read(given[position], value); err != nil {
			return nil, err
		}
		values[position] = value.Elem()
	}
	return values, nil
}

// match finds the JSON of each argument; nil where there is none.
func match(body jsontext.Value, parameters []parameter) ([]jsontext.Value, error) {
	none := make([]jsontext.Value, len(parameters))
	if len(parameters) == 0 || len(body) == 0 {
		return none, nil
	}
	if len(parameters) == 1 && parameters[0].name == "" {
		return []jsontext.Value{body}, nil
	}
	var members map[string]jsontext.Value
	if body.Kind() == jsontext.KindBeginObject {
		if problem := decode(body, &members); problem != nil {
			return nil, InvalidArgument("the body is %v", problem)
		}
	}
	if len(parameters) == 1 {
		if alone, isNamed := members[parameters[0].name]; isNamed && len(members) == 1 {
			return []jsontext.Value{alone}, nil
		}
		return []jsontext.Value{body}, nil
	}
	there := joinNames(parameters)
	switch body.Kind() {
	case jsontext.KindBeginObject:
		return byName(none, members, parameters, there)
	case jsontext.KindBeginArray:
		var values []jsontext.Value
		if problem := decode(body, &values); problem != nil {
			return nil, InvalidArgument("the body is %v", problem)
		}
		if len(values) > len(parameters) {
			return nil, InvalidArgument("%d arguments are too many; there are %s", len(values), there)
		}
		return append(values, none[len(values):]...), nil
	default:
		return nil, InvalidArgument("expected an object or an array of the arguments %s", there)
	}
}

func byName(
	given []jsontext.Value, members map[string]jsontext.Value, parameters []parameter, there string,
) ([]jsontext.Value, error) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		position := slices.IndexFunc(parameters, func(known parameter) bool { return known.name == name })
		if position < 0 {
			return nil, InvalidArgument("unknown argument `%s`; there are %s", name, there)
		}
		given[position] = members[name]
	}
	return given, nil
}

func (p parameter) read(given jsontext.Value, value reflect.Value) error {
	switch {
	case given == nil && p.mayBeLeftOut():
		return nil
	case given == nil:
		return InvalidArgument("%s is missing", p.label(""))
	case given.Kind() == jsontext.KindNull && refusesNull(p.kind):
		return InvalidArgument("%s: invalid value: null, expected %s", p.label(""), describe(p.kind))
	}
	problem := decode(given, value.Interface())
	if problem == nil {
		return nil
	}
	if strings.HasPrefix(problem.problem, "not JSON") {
		return InvalidArgument("the body is %s", problem.problem)
	}
	return InvalidArgument("%s: %s", p.label(problem.path), problem.problem)
}

// refusesNull is so for types that would silently become zero.
func refusesNull(kind reflect.Type) bool {
	switch kind.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return false
	default:
		return true
	}
}

func (p parameter) label(path string) string {
	place := p.name + "." + path
	if p.name == "" || path == "" || path[0] == '[' {
		place = p.name + path
	}
	if place == "" {
		return "the argument"
	}
	return "argument `" + place + "`"
}

func joinNames(parameters []parameter) string {
	names := make([]string, len(parameters))
	for position, parameter := range parameters {
		names[position] = parameter.name
	}
	return strings.Join(names, ", ")
}

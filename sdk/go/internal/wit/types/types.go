// Package types is what the generated bindings are made of: the contract's options and results.
//
// It stands in for go.bytecodealliance.org/pkg/wit/types, as far as the contract needs it, so that an actor
// depends on nothing but the standard library.
package types

// Unit is a result that says nothing.
type Unit struct{}

// The tags of an Option.
const (
	OptionNone = iota
	OptionSome
)

// Option is a value or none.
type Option[T any] struct {
	some  bool
	value T
}

// Some is a value.
func Some[T any](value T) Option[T] { return Option[T]{true, value} }

// None is none.
func None[T any]() Option[T] { return Option[T]{} }

// Tag is OptionNone or OptionSome.
func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Some is the value; it panics when there is none.
func (o Option[T]) Some() T {
	if !o.some {
		panic("there is no value")
	}
	return o.value
}

// The tags of a Result.
const (
	ResultOk = iota
	ResultErr
)

// Result is a value or an error.
type Result[T, E any] struct {
	tag   uint8
	value T
	err   E
}

// Ok is a value.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{tag: ResultOk, value: value} }

// Err is an error.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{tag: ResultErr, err: err} }

// Tag is ResultOk or ResultErr.
func (r Result[T, E]) Tag() uint8 { return r.tag }

// Ok is the value; it panics when there is an error.
func (r Result[T, E]) Ok() T {
	if r.tag != ResultOk {
		panic("there is no value")
	}
	return r.value
}

// Err is the error; it panics when there is a value.
func (r Result[T, E]) Err() E {
	if r.tag != ResultErr {
		panic("there is no error")
	}
	return r.err
}

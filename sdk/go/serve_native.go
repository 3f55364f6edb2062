//go:build !wasip1

package greenroom

// Serve says which actor type a component is, once, from an init function. Outside of a component it does
// nothing, so that tests of the same package run.
func Serve[T any](*Actor[T]) {}

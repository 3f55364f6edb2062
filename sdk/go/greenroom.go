// Package greenroom is for actors in Go: structs whose fields are durable, and whose methods can be called
// by address.
//
//	// Counter is a counter that forgets.
//	type Counter struct {
//		Count uint32 `json:"count"`
//	}
//
//	var counter = greenroom.Define[Counter](
//		greenroom.Method("add", (*Counter).Add, "amount"),
//		greenroom.Method("get", (*Counter).Get),
//		greenroom.Method("forget", (*Counter).Forget),
//	)
//
//	func init() { greenroom.Serve(counter) }
//
//	func main() {}
//
// The host runs one message of an actor at a time, stores the struct with everything else the turn did, and
// replies when it is on disk. A method that returns an error has not happened. README.md has the rest;
// package greenroomtest runs actors in ordinary tests.
package greenroom

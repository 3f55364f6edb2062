//go:build wasip1

package greenroom

import (
	"log"
	"log/slog"

	"greenroom/internal/bindings/exports/export_greenroom_actor_behavior"
	_ "greenroom/internal/bindings/exports/wit_exports"
)

// Serve says which actor type a component is, once, from an init function.
func Serve[T any](actor *Actor[T]) {
	if export_greenroom_actor_behavior.Served != nil {
		panic("greenroom: a component is one actor type, and Serve was called twice")
	}
	slog.SetDefault(slog.New(&logHandler{host: func() Host { return componentHost{} }}))
	log.SetFlags(0)
	export_greenroom_actor_behavior.Served = &component{start: actor.Activation}
}

// State under keys of its own, beside the actor's struct: bytes, or JSON of a type.

package greenroom

import (
	"iter"
	"math"
	"slices"
)

const (
	// actorKey is where the actor's struct is kept.
	actorKey  = "actor"
	keysAPage = 1_000
)

// State is this actor's state under keys of its own. Reads see the turn's own writes. The key `actor` belongs
// to the actor's struct: it can't be written here, and Keys leaves it out.
type State struct{ context *Context }

// Get reads the JSON under key into what value points to, and says whether there is any. The error is a
// failure, `internal`, when it is not of that type.
func (s State) Get(key string, value any) (bool, error) {
	stored, found := s.context.host().StateGet(key)
	if !found {
		return false, nil
	}
	if malformed := decode(stored, value); malformed != nil {
		return true, Internal("state `%s` can't be read as %T: %v", key, value, malformed)
	}
	return true, nil
}

// Set puts value under key, as JSON. The error is a failure: `resource-exhausted` when a limit of the host is
// passed, `internal` when value has no JSON form.
func (s State) Set(key string, value any) error {
	encoded, err := encode(value)
	if err != nil {
		return Internal("state `%s` can't be written as JSON: %v", key, err)
	}
	return s.SetBytes(key, encoded)
}

// GetBytes is the bytes under key, and whether there are any.
func (s State) GetBytes(key string) ([]byte, bool) { return s.context.host().StateGet(key) }

// SetBytes puts bytes under key. The error is a failure, `resource-exhausted`, when a limit of the host is
// passed.
func (s State) SetBytes(key string, value []byte) error {
	if key == actorKey {
		return Internal("state `%s` belongs to the actor's struct", key)
	}
	return s.context.host().StateSet(key, value)
}

// Delete removes key, and says whether it was there.
func (s State) Delete(key string) bool {
	return key != actorKey && s.context.host().StateDelete(key)
}

// KeysAfter are the keys that begin with prefix and come after `after`, in byte order; at most limit. An empty
// `after` is before all keys.
func (s State) KeysAfter(prefix, after string, limit int) []string {
	// One more, in case the struct's key is among them.
	asked := uint32(min(max(limit, 0), math.MaxUint32-1)) + 1
	keys := s.context.host().StateKeys(prefix, after, asked)
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == actorKey })
	return keys[:min(len(keys), max(limit, 0))]
}

// Keys are all keys that begin with prefix, in byte order. Those that are deleted or added on the way may be
// seen or not.
func (s State) Keys(prefix string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for after := ""; ; {
			page := s.context.host().StateKeys(prefix, after, keysAPage)
			for _, key := range page {
				if key != actorKey && !yield(key) {
					return
				}
			}
			if len(page) < keysAPage {
				return
			}
			after = page[len(page)-1]
		}
	}
}

// Where an actor is. An address always exists: there is nothing to create or to look up.

package greenroom

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const idBytesMax = 512

// Address is where an actor is: its type and its id.
type Address struct {
	// Type is the name that the component was deployed under, for example `task`.
	Type string `json:"actor_type"`
	// ID says which actor of that type, for example `task-123`.
	ID string `json:"id"`
}

// String is `type/id`.
func (a Address) String() string { return a.Type + "/" + a.ID }

// IsID says whether text can be an actor's id: 1 to 512 bytes of UTF-8 without control characters. It is for
// ids that come from others, before they are kept.
func IsID(text string) bool {
	return text != "" && len(text) <= idBytesMax && utf8.ValidString(text) &&
		strings.IndexFunc(text, unicode.IsControl) < 0
}

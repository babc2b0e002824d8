package rows

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// Key is a place in a list that goes by the time something was created and its id.
type Key struct{ Created, ID string }

// Older reports whether the place is behind another in a list that begins with the newest.
func (k Key) Older(other Key) bool {
	return k.Created < other.Created || k.Created == other.Created && k.ID < other.ID
}

// Cursor is the place as clients are given it.
func (k Key) Cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.Created + "|" + k.ID))
}

// ReadCursor reads a place; ok is false for what no Cursor gave.
//
//kedrod:parser FuzzCursor
func ReadCursor(c string) (k Key, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return k, false
	}
	k.Created, k.ID, ok = strings.Cut(string(b), "|")
	return k, ok && len(k.Created) == len(job.TimeLayout)
}

// BadCursor is the refusal of such a one.
func BadCursor() error {
	return fault.InvalidField("cursor", "is not one that this service gave out; begin again without it")
}

// MaxItem is above the number of every item of a batch.
const MaxItem = 99999

// ItemKey is what stands as idempotency key at a batch's item: never what a client
// sends, since that has no NUL.
func ItemKey(key string, i int) string {
	return fmt.Sprintf("%s\x00item\x00%05d", key, i)
}

// OtherRequest is the refusal of an idempotency key that another request has used.
func OtherRequest() error {
	return fault.New(fault.Conflict, "this Idempotency-Key was used for another request: use a new key for each new request",
		fault.Field{Field: "Idempotency-Key", Message: "was used for another request"})
}

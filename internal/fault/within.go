package fault

import "errors"

// Within says of an error that the fields it names stand inside of another:
// "priority" within "items[3]" is "items[3].priority". Errors that are no Error stay
// as they are.
func Within(err error, path string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	inside := *e
	inside.Message = path + "." + e.Message
	if len(e.Fields) != 1 {
		inside.Message = path + ": " + e.Message
	}
	inside.Fields = make([]Field, len(e.Fields))
	for i, f := range e.Fields {
		inside.Fields[i] = Field{Field: path + "." + f.Field, Message: f.Message}
	}
	return &inside
}

package store

// LogStream is one of the files that a run writes and that workers hand to the store.
type LogStream string

// The streams: all that a run printed, and the events of the hook, which tell the level
// and node of its lines.
const (
	LogText   LogStream = "log"
	LogEvents LogStream = "events"
)

// LogHead is how far a stream has come in the store.
type LogHead struct {
	Size int64 // bytes that the run wrote, as far as they were handed over, those left out included
	// From, To is the stretch that was left out, [From, To), for a limit of Limit bytes;
	// all 0 for none.
	From, To, Limit int64
	Whole           bool // nothing will be added
}

// LogPiece is a part of a stream, packed by internal/compress. Pieces may overlap.
type LogPiece struct {
	Offset int64
	Length int // unpacked; 1 to LogPieceMost
	Packed []byte
}

// LogPieceMost bounds a piece, unpacked.
const LogPieceMost = 256 << 10

package kedro

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// LogRecord is what is known of a line of a run's log beside its text. Time is zero,
// Level and Node are "" where nothing tells.
type LogRecord struct {
	Time  time.Time
	Level string
	Node  string
}

// LogRecords tells of the lines of a run's log, one after the other, what the log
// records among the hook's events know: a line that shows the beginning of a record's
// message is that record's. Other lines, as print writes them, have the time and node
// of the last record before them, and no level. Where the hook is kept out, level and
// node are read from the lines' own words. It is for one goroutine.
type LogRecords struct {
	events  *EventReader
	pending []pendingRecord
	active  map[int]map[string]bool // by process: nodes at work; true: the function has returned
	last    LogRecord
	hooked  bool
	missed  int // lines without a record, in a row
	failed  bool
}

type pendingRecord struct {
	LogRecord
	key string
}

const (
	// recordAhead is how many records are looked through for a line's.
	recordAhead = 64
	// missedMost is after how many lines without a record all that are known are looked
	// through: lines may have been left out of the log.
	missedMost = 100
	// keyLength is how much of a message must stand in its line, which may be wrapped.
	keyLength = 60
)

// NewLogRecords makes one for a log that is read from its beginning on; eventsPath
// need not exist.
func NewLogRecords(eventsPath string) *LogRecords {
	return LogRecordsFrom(NewEventReader(eventsPath, 0))
}

// LogRecordsFrom makes one that knows what a reader of events knows, which is then its own.
func LogRecordsFrom(events *EventReader) *LogRecords {
	return &LogRecords{events: events, active: map[int]map[string]bool{}}
}

var (
	markup    = regexp.MustCompile(`\[/?[a-z_ ]*\]`) // of rich, which its handler does not print
	levelWord = regexp.MustCompile(`\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b`)
)

// Line tells of the log's next line, without its end.
//
//kedrod:parser FuzzLogRecords
func (r *LogRecords) Line(text string) LogRecord {
	if len(r.pending) < recordAhead {
		r.read()
	}
	line := markup.ReplaceAllString(plainLine(text), "")
	if !r.hooked {
		return r.words(line)
	}
	window := min(recordAhead, len(r.pending))
	if r.missed++; r.missed%missedMost == 0 {
		window = len(r.pending)
	}
	for i := range r.pending[:window] {
		if p := &r.pending[i]; p.key != "" && strings.Contains(line, p.key) {
			r.last, r.missed = p.LogRecord, 0
			r.pending = slices.Delete(r.pending, 0, i+1)
			return r.last
		}
	}
	return LogRecord{Time: r.last.Time, Node: r.last.Node}
}

// read takes what the hook has written since.
func (r *LogRecords) read() {
	if r.failed {
		return
	}
	if _, err := r.events.Read(r.take); err != nil {
		r.failed = true // the log itself is there all the same
	}
}

func (r *LogRecords) take(e Event) {
	r.hooked = true
	nodes := r.active[e.PID]
	switch e.Kind {
	case EventLoading, EventNodeStart:
		if nodes == nil {
			nodes = map[string]bool{}
			r.active[e.PID] = nodes
		}
		maps.DeleteFunc(nodes, func(_ string, returned bool) bool { return returned })
		nodes[e.Node] = false
	case EventNodeRun:
		if nodes != nil {
			nodes[e.Node] = true
		}
	case EventNodeDone, EventNodeError:
		for pid, nodes := range r.active {
			if delete(nodes, e.Node); len(nodes) == 0 {
				delete(r.active, pid)
			}
		}
	case EventLog:
		p := pendingRecord{LogRecord{Time: e.Time, Level: e.Level}, keyOf(e.Text)}
		if len(nodes) == 1 {
			for p.Node = range nodes {
			}
		}
		r.pending = append(r.pending, p)
	default:
	}
}

// keyOf is the part of a record's message that its line must hold.
func keyOf(message string) string {
	key := strings.TrimSpace(markup.ReplaceAllString(plainLine(firstLine(message)), ""))
	if len(key) > keyLength {
		key = key[:keyLength]
		for !utf8.ValidString(key) && len(key) > keyLength-utf8.UTFMax {
			key = key[:len(key)-1]
		}
	}
	return strings.TrimSpace(key)
}

// words reads what a line says itself.
func (r *LogRecords) words(line string) LogRecord {
	if m := logRunning.FindStringSubmatch(line); m != nil {
		r.last.Node = nodeOfLine(logSource.ReplaceAllString(m[1], ""))
	}
	found := LogRecord{Node: r.last.Node}
	if m := levelWord.FindString(line[:min(len(line), 80)]); m != "" {
		found.Level = m
	}
	return found
}

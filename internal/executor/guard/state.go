package guard

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds one message. Ids are short; a longer line is not from our worker.
const maxLine = 4096

// state is what the guard knows of the worker's runs.
type state struct {
	announced map[string]bool // runs between announcement and start
	groups    map[int]uint64  // leader's pid -> its start time
	partial   []byte          // of a line whose end has not come yet
	newest    uint64          // sequence number worked off
	owed      bool            // the worker waits for an answer
	cgroup    string          // folder of the worker's control group; "": none
	deadline  time.Duration   // until when the runs may live, by Now; 0: for as long as the worker
}

func newState() *state {
	return &state{announced: map[string]bool{}, groups: map[int]uint64{}}
}

// feed works off what came through the socket. It returns false if it is not our protocol.
//
//kedrod:parser FuzzFeed
func (s *state) feed(b []byte) bool {
	s.partial = append(s.partial, b...)
	for {
		end := bytes.IndexByte(s.partial, '\n')
		if end < 0 {
			return len(s.partial) <= maxLine
		}
		if end > maxLine || !s.line(string(s.partial[:end])) {
			return false
		}
		s.partial = append(s.partial[:0], s.partial[end+1:]...)
	}
}

func (s *state) line(line string) bool {
	f := strings.Split(line, " ")
	seq, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil || len(f) < 2 {
		return false
	}
	verb, args := f[1], f[2:]
	switch {
	case verb == "run" && len(args) == 1:
		s.announced[args[0]] = true
	case verb == "forget" && len(args) == 1:
		delete(s.announced, args[0])
	case verb == "started" && len(args) >= 3:
		group, start, ok := numbers(args[0], args[1])
		if !ok {
			return false
		}
		s.groups[group] = start
		delete(s.announced, args[2])
	case verb == "ended" && len(args) >= 2:
		group, _, ok := numbers(args[0], "0")
		if !ok {
			return false
		}
		delete(s.groups, group)
		delete(s.announced, args[1])
		s.owed = true
	case verb == "cgroup" && len(args) >= 1:
		s.cgroup = strings.Join(args, " ")
	case verb == "tick" && len(args) == 1:
		at, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || at <= 0 {
			return false
		}
		s.deadline = max(s.deadline, time.Duration(at))
		s.owed = true
	default: // a bare tick, and what a newer worker may say
		s.owed = true
	}
	s.newest = seq
	return true
}

// late tells whether the runs' time is over.
func (s *state) late(now time.Duration) bool { return s.deadline > 0 && now >= s.deadline }

// numbers reads a group and a start time. Groups 0 and 1 would mean the guard's own and everything: refused.
func numbers(group, start string) (int, uint64, bool) {
	g, err := strconv.Atoi(group)
	if err != nil || g <= 1 {
		return 0, 0, false
	}
	t, err := strconv.ParseUint(start, 10, 64)
	return g, t, err == nil
}

// answer is what the worker waits for; nil if it does not.
func (s *state) answer() []byte {
	if !s.owed {
		return nil
	}
	s.owed = false
	return append(strconv.AppendUint([]byte("ok "), s.newest, 10), '\n')
}

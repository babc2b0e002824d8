package kedro

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Where a project turns the hook off, Kedro's own log lines tell most of it. They
// are a person's text, so a log that is set up to look otherwise tells nothing.

var (
	logRunning   = regexp.MustCompile(`Running node: (.+)$`)
	logCompleted = regexp.MustCompile(`Completed node: (.+)$`)
	logCount     = regexp.MustCompile(`Completed (\d{1,9}) out of (\d{1,9}) tasks`)
	logSaving    = regexp.MustCompile(`Saving data to (\S+)`)
	logResume    = regexp.MustCompile(`--from-nodes "([^"]*)"`)
	logSource    = regexp.MustCompile(`\s+[\w.]+\.py:\d+\s*$`) // the right-hand column of a rich log
)

const logOK = "Pipeline execution completed successfully"

type logReader struct {
	done, total int
	current     string
}

// mayTell is quick: a run may print millions of lines, and few are Kedro's.
func mayTell(line string) bool {
	return strings.Contains(line, "node") || strings.Contains(line, "Completed") || strings.Contains(line, "Saving") || strings.Contains(line, logOK)
}

// LogLine folds one line of a run's log in. It does nothing once the hook has
// spoken. at is when the line was read.
func (s *State) LogLine(line string, at time.Time) (changed *Node) {
	if s.Hooked || len(line) > 64<<10 || !mayTell(line) {
		return nil
	}
	if s.fromLog == nil {
		s.fromLog = &logReader{}
	}
	line = strings.TrimRight(logSource.ReplaceAllString(plainLine(line), ""), " ")
	at = at.UTC().Truncate(time.Microsecond)
	if m := logRunning.FindStringSubmatch(line); m != nil {
		s.completeCurrent(at)
		n := s.addNode(Node{Name: nodeOfLine(m[1]), Status: NodePending, outputs: map[string]bool{}})
		if n.Status != NodePending {
			return nil
		}
		n.Status, n.StartedAt, s.Started, s.fromLog.current = NodeRunning, at, true, n.Name
		return n
	}
	if m := logCompleted.FindStringSubmatch(line); m != nil {
		n := s.node(strings.TrimSpace(m[1]))
		if n == nil || n.Status != NodeRunning {
			return nil
		}
		n.complete(at)
		return n
	}
	if m := logCount.FindStringSubmatch(line); m != nil {
		s.fromLog.done, _ = strconv.Atoi(m[1])
		s.fromLog.total, _ = strconv.Atoi(m[2])
	}
	if m := logSaving.FindStringSubmatch(line); m != nil && s.fromLog.current != "" {
		s.datasetFromLog(strings.TrimSuffix(m[1], "..."))
	}
	if m := logResume.FindStringSubmatch(line); m != nil {
		s.ResumeFrom = splitNames(m[1])
	}
	if strings.Contains(line, logOK) {
		s.Ended = true
		s.completeCurrent(at)
	}
	return nil
}

// completeCurrent closes the node at work when the next begins: 0.18 tells no more.
func (s *State) completeCurrent(at time.Time) {
	if n := s.node(s.fromLog.current); n != nil && n.Status == NodeRunning {
		n.complete(at)
	}
}

func (s *State) datasetFromLog(name string) {
	for _, o := range s.Outputs {
		if o.Dataset == name {
			return
		}
	}
	s.Outputs = append(s.Outputs, Output{Dataset: name, Node: s.fromLog.current})
}

func (s *State) finishLog() {
	if s.fromLog != nil && s.Ended {
		s.fromLog.done = s.fromLog.total
	}
}

// logProgress fills in the total, which without the hook only the log's counter knows.
func (s *State) logProgress(p Progress) Progress {
	if s.Hooked || s.fromLog == nil {
		return p
	}
	p.Done, p.Total = max(p.Done, s.fromLog.done), max(p.Total, s.fromLog.total)
	return p
}

// nodeOfLine takes the name from how Kedro writes a node: "name: f([a]) -> [b]", or
// "f([a]) -> [b]", which is then the name.
func nodeOfLine(text string) string {
	text = strings.TrimSpace(text)
	if name, _, ok := strings.Cut(text, ": "); ok && !strings.ContainsAny(name, "([") {
		return name
	}
	return text
}

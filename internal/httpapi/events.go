package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
)

func (a *api) jobEvents(c *call) error {
	after, err := c.lastSeq()
	if err != nil {
		return err
	}
	events, over, err := a.service.JobEvents(c.ctx(), c.caller, c.id(), after)
	if err != nil {
		return err
	}
	if over {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return a.pour(c, events)
}

func (a *api) allEvents(c *call) error {
	after, err := c.lastSeq()
	if err != nil {
		return err
	}
	events, err := a.service.AllEvents(c.ctx(), c.caller, after)
	if err != nil {
		return err
	}
	return a.pour(c, events)
}

// pour writes events until there are no more or nobody reads them.
func (a *api) pour(c *call, events *service.Events) error {
	defer events.Close()
	s, ctx, done := a.stream(c)
	defer done()
	if c.r.Method == http.MethodHead {
		return nil
	}
	for {
		batch, err := events.Next(ctx)
		if errors.Is(err, io.EOF) || (err != nil && ended(ctx, err)) {
			return nil
		}
		if err == nil {
			err = s.events(batch)
		}
		if err != nil {
			if ended(ctx, err) {
				return nil
			}
			return err
		}
	}
}

// events writes several at once.
func (s *stream) events(batch []job.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		e := &batch[i]
		s.add(string(e.Type), strconv.FormatInt(e.Seq, 10), eventData(e))
	}
	return s.send()
}

// eventData is the event's own object with the fields that every event has before it.
func eventData(e *job.Event) []byte {
	id, err := json.Marshal(e.JobID)
	if err != nil { // cannot be: a string
		id = []byte(`""`)
	}
	var b bytes.Buffer
	b.WriteString(`{"job_id":`)
	b.Write(id)
	b.WriteString(`,"attempt":` + strconv.Itoa(e.Attempt) + `,"time":"` + job.FormatTime(e.At) + `"`)
	own := bytes.TrimSpace(e.Data)
	if len(own) > 2 && own[0] == '{' {
		b.WriteByte(',')
		b.Write(own[1:])
	} else {
		b.WriteByte('}')
	}
	return b.Bytes()
}

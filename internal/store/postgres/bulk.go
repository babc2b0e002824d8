package postgres

import (
	"fmt"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// bulk holds rows that go to one table by one statement, however many callers' they are.
type bulk struct {
	events []job.Event
	freed  []string
	jobs   [][]any  // rows.Changing and the id
	ends   [][]any  // of attempts
	left   []string // ids of jobs that hold their files no more
}

// mark gives a function that forgets all that was queued since.
func (t *tx) mark() (undo func()) {
	queued, topics, b := len(t.queued), len(t.topics), t.bulk
	return func() { t.queued, t.topics, t.bulk = t.queued[:queued], t.topics[:topics], b }
}

// pour queues a statement for each kind of rows.
func (t *tx) pour() {
	b := t.bulk
	t.bulk = bulk{}
	if len(b.jobs) > 0 {
		t.queue(updateBy("jobs", rows.ChangingColumns, "id", jobTypes), columns(b.jobs, jobTypes)...)
	}
	if len(b.ends) > 0 {
		t.queue(updateBy("attempts", endColumns, "job_id, number", endTypes), columns(b.ends, endTypes)...)
	}
	if n := len(b.events); n > 0 {
		ids, attempts, types, ats, data := make([]string, n), make([]int, n), make([]string, n), make([]string, n), make([]string, n)
		for i, e := range b.events {
			ids[i], attempts[i], types[i], ats[i], data[i] = e.JobID, e.Attempt, string(e.Type), job.FormatTime(e.At), string(e.Data)
		}
		t.queue(insertEvents, ids, attempts, types, ats, data)
	}
	wake := func(changed int) {
		if changed > 0 {
			t.publish(store.TopicQueue)
		}
	}
	if len(b.freed) > 0 {
		t.queueThen(wake, insertFreed, b.freed)
	}
	if len(b.left) > 0 {
		t.queueThen(wake, forgetWrites, b.left)
	}
}

// The types of columns, one letter each: text, integer (of 8 bytes), double precision.
const (
	jobTypes = "ttttt" + "dtttt" + "iiitt" + "ttit" + "t"
	endTypes = "ttti" + "ttttd" + "ti"

	endColumns = `status, reason, error_message, exit_code, signal, start, started_at, ended_at, execution_time`
)

// updateBy makes a statement that sets columns of rows of a table by their keys, from an
// array for each column.
func updateBy(table, set, keys, types string) string {
	names := strings.Split(strings.Join(strings.Fields(set+", "+keys), " "), ", ")
	var arrays, sets, wheres []string
	for i, name := range names {
		kind := map[byte]string{'t': "text", 'i': "bigint", 'd': "double precision"}[types[i]]
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, kind))
		if pair := fmt.Sprintf("%s = new.%s", name, name); i < len(names)-strings.Count(keys, ",")-1 {
			sets = append(sets, pair)
		} else {
			wheres = append(wheres, table+"."+pair)
		}
	}
	return fmt.Sprintf("UPDATE %s SET %s FROM unnest(%s) AS new (%s) WHERE %s", table, strings.Join(sets, ", "), strings.Join(arrays, ", "),
		strings.Join(names, ", "), strings.Join(wheres, " AND "))
}

// columns turns rows into arrays.
func columns(of [][]any, types string) []any {
	all := make([]any, len(types))
	for c := range types {
		switch types[c] {
		case 't':
			all[c] = column(of, c, func(v any) *string {
				switch v := v.(type) {
				case *string:
					return v
				case string:
					return &v
				}
				return nil
			})
		case 'i':
			all[c] = column(of, c, func(v any) *int64 {
				switch v := v.(type) {
				case int64:
					return &v
				case int:
					return wide(v)
				case *int:
					if v != nil {
						return wide(*v)
					}
				}
				return nil
			})
		default:
			all[c] = column(of, c, func(v any) *float64 {
				switch v := v.(type) {
				case *float64:
					return v
				case float64:
					return &v
				}
				return nil
			})
		}
	}
	return all
}

func wide(n int) *int64 {
	w := int64(n)
	return &w
}

func column[T any](of [][]any, c int, as func(any) *T) []*T {
	all := make([]*T, len(of))
	for i := range of {
		if of[i][c] != nil {
			all[i] = as(of[i][c])
		}
	}
	return all
}

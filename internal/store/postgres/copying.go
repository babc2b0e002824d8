package postgres

import "errors"

// copying gives rows to COPY as the columns here take them.
type copying struct {
	next    func() ([]any, error, bool)
	columns []string
	kinds   []string // of the columns
	report  func(done int64)
	row     []any
	err     error
	done    int64
	altered int64
}

// Next is pgx.CopyFromSource's.
func (c *copying) Next() bool {
	var ok bool
	if c.row, c.err, ok = c.next(); !ok || c.err != nil {
		return false
	}
	if c.done++; c.done%reportEvery == 0 {
		c.report(c.done)
	}
	return true
}

const reportEvery = 1000

// Values is pgx.CopyFromSource's.
func (c *copying) Values() ([]any, error) {
	for i, v := range c.row {
		switch v := v.(type) {
		case string:
			if c.columns[i] == "idempotency_key" {
				v = keyText(v)
			}
			clean := saneText(v)
			if c.row[i] = clean; clean != v {
				c.altered++
			}
		case []byte:
			if c.kinds[i] == "text" {
				c.row[i] = saneText(string(v))
			}
		case int64:
			switch c.kinds[i] {
			case "boolean":
				c.row[i] = v != 0
			case "double precision":
				c.row[i] = float64(v)
			}
		case float64:
			if c.kinds[i] != "double precision" {
				return nil, errors.New("a fraction where a whole number belongs")
			}
		}
	}
	return c.row, nil
}

// Err is pgx.CopyFromSource's.
func (c *copying) Err() error { return c.err }

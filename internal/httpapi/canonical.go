package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/kedrod/kedrod/internal/service"
)

// hashRequest is the same for all forms of one request: the order of names, blanks
// and escapes don't count, numbers count as they are written, and a field that is
// null is the same as none.
//
//kedrod:parser FuzzSubmission
func hashRequest(members []member) string {
	c := &canonical{}
	given := slices.DeleteFunc(slices.Clone(members), member.null)
	c.object(given)
	sum := sha256.Sum256(c.out)
	return hex.EncodeToString(sum[:])
}

// hashBatch is hashRequest with every item of a batch as a request of its own.
//
//kedrod:parser FuzzBodies
func hashBatch(members []member) string {
	given := slices.Clone(members)
	for i, m := range given {
		if m.name != "items" || m.null() {
			continue
		}
		items, _ := elements(m.raw, service.MaxBatch)
		hashes := make([]string, len(items))
		for k, item := range items {
			fields, err := readObject(item)
			if err != nil { // cannot be: the batch was read
				continue
			}
			hashes[k] = strconv.Quote(hashRequest(fields))
		}
		given[i].raw = []byte("[" + strings.Join(hashes, ",") + "]")
	}
	return hashRequest(given)
}

// canonical writes the one form of values that a scanner has passed.
type canonical struct {
	in  []byte
	pos int
	out []byte
}

func (c *canonical) object(members []member) {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	c.out = append(c.out, '{')
	for _, m := range members {
		c.text(m.name)
		c.in, c.pos = m.raw, 0
		c.value()
	}
	c.out = append(c.out, '}')
}

func (c *canonical) text(s string) {
	c.out = strconv.AppendInt(c.out, int64(len(s)), 10)
	c.out = append(c.out, '"')
	c.out = append(c.out, s...)
}

// next skips blanks, commas and colons, which tell nothing once the value is known to
// be JSON.
func (c *canonical) next() byte {
	for strings.IndexByte(" \t\r\n,:", c.in[c.pos]) >= 0 {
		c.pos++
	}
	return c.in[c.pos]
}

func (c *canonical) value() {
	switch b := c.next(); b {
	case '{':
		c.sorted()
	case '[':
		c.pos++
		c.out = append(c.out, '[')
		for c.next() != ']' {
			c.value()
		}
		c.pos++
		c.out = append(c.out, ']')
	case '"':
		c.text(c.string())
	default:
		begin := c.pos
		for c.pos < len(c.in) && strings.IndexByte(" \t\r\n,:]}", c.in[c.pos]) < 0 {
			c.pos++
		}
		c.out = append(append(c.out, c.in[begin:c.pos]...), ' ')
	}
}

func (c *canonical) string() string {
	begin := c.pos
	for c.pos++; c.in[c.pos] != '"'; c.pos++ {
		if c.in[c.pos] == '\\' {
			c.pos++
		}
	}
	c.pos++
	return unquote(c.in[begin:c.pos])
}

// sorted writes an object as it comes, then moves its fields if they were not in
// order.
func (c *canonical) sorted() {
	type field struct {
		name     string
		from, to int
	}
	c.pos++
	c.out = append(c.out, '{')
	begin := len(c.out)
	var fields []field
	for c.next() != '}' {
		f := field{from: len(c.out), name: c.string()}
		c.text(f.name)
		c.value()
		f.to = len(c.out)
		fields = append(fields, f)
	}
	c.pos++
	byName := func(a, b field) int { return strings.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(fields, byName) {
		slices.SortFunc(fields, byName)
		as := slices.Clone(c.out[begin:])
		c.out = c.out[:begin]
		for _, f := range fields {
			c.out = append(c.out, as[f.from-begin:f.to-begin]...)
		}
	}
	c.out = append(c.out, '}')
}

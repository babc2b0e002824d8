package joblog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kedrod/kedrod/internal/regular"
)

// Gap is the stretch of a log that was left out: [From, To). The zero value is none.
type Gap struct {
	From, To int64
	Limit    int64 // that it was made for, in bytes
}

func (g Gap) holds(off int64) bool         { return g.From <= off && off < g.To }
func (g Gap) overlaps(from, to int64) bool { return g.From < to && from < g.To }
func (g Gap) size() int64                  { return g.To - g.From }
func (g Gap) notice(bytes int64) string {
	return fmt.Sprintf("[kedrod: %s bytes left out here; the log's limit is %s]\n", commas(bytes), sizeText(g.Limit))
}

// GapPath is the file that says which bytes of a log were left out; it exists only if some were.
func GapPath(log string) string { return log + ".gap" }

// maxGap is more than three numbers take.
const maxGap = 128

// readGap reads the gap of a log; none is no error.
func readGap(log string) (Gap, error) {
	f, err := regular.Open(GapPath(log))
	if errors.Is(err, os.ErrNotExist) {
		return Gap{}, nil
	}
	if err != nil {
		return Gap{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxGap))
	if err != nil {
		return Gap{}, err
	}
	g, err := parseGap(b)
	if err != nil {
		return Gap{}, fmt.Errorf("%s: %w", GapPath(log), err)
	}
	return g, nil
}

// parseGap reads "FROM TO LIMIT\n".
//
//kedrod:parser FuzzParseGap
func parseGap(b []byte) (Gap, error) {
	var g Gap
	if n, err := fmt.Sscanf(string(b), "%d %d %d\n", &g.From, &g.To, &g.Limit); n != 3 || err != nil {
		return Gap{}, fmt.Errorf("%.80q is not FROM TO LIMIT", b)
	}
	if g.From < 0 || g.To <= g.From || g.Limit <= 0 {
		return Gap{}, fmt.Errorf("%.80q is no stretch of a file", b)
	}
	return g, nil
}

func (g Gap) text() string { return fmt.Sprintf("%d %d %d\n", g.From, g.To, g.Limit) }

// writeGap puts the new gap in place of the old one, at once and durably: a hole without it would be read as zeros.
func writeGap(log string, g Gap) (err error) {
	f, err := os.CreateTemp(filepath.Dir(log), ".gap-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(g.text())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), GapPath(log))
}

// commas writes 12345678 as 12,345,678.
func commas(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sizeText writes a limit in the unit it was most likely given in.
func sizeText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1e9, "GB"}, {1 << 30, "GiB"}, {1e6, "MB"}, {1 << 20, "MiB"}, {1e3, "kB"}, {1 << 10, "KiB"}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return commas(n) + " bytes"
}

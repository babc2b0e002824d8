package proc

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMarker compares the search in a block with taking it apart.
func FuzzMarker(f *testing.F) {
	f.Add([]byte("A=1\x00M=w/r\x00B=2\x00"), "M=w/r", false)
	f.Add([]byte("XM=w/r\x00M=w/rest"), "M=w/", true)
	f.Add([]byte("M=M=w"), "M=w", false)
	f.Add([]byte(""), "", true)
	f.Fuzz(func(t *testing.T, block []byte, entry string, prefix bool) {
		if strings.ContainsRune(entry, 0) {
			return // no environment holds one
		}
		want := entry != "" && slices.ContainsFunc(bytes.Split(block, []byte{0}), func(e []byte) bool {
			return string(e) == entry || prefix && bytes.HasPrefix(e, []byte(entry))
		})
		require.Equal(t, want, Marker{entry, prefix}.In(block))
	})
}

// FuzzParseChildren: numbers, in their order, or an error.
func FuzzParseChildren(f *testing.F) {
	f.Add([]byte("12 345 \n"))
	f.Add([]byte("x"))
	f.Add([]byte("99999999999999999999"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pids, err := parseChildren(b, nil)
		if err != nil {
			return
		}
		fields := bytes.Fields(b)
		require.Len(t, pids, len(fields))
		for i, f := range fields {
			n, err := strconv.Atoi(string(f))
			require.NoError(t, err)
			require.Equal(t, n, pids[i])
		}
	})
}

package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	durationText = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$`)
	durationPart = regexp.MustCompile(`([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)`)
	sizeText     = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$`)
)

// ParseDuration reads 500ms, 15s, 30m, 1h30m, 90d, 2w and 0. A day has 24 hours. A
// number without a unit is refused: nobody knows which was meant.
//
//kedrod:parser FuzzUnits
func ParseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	if !durationText.MatchString(text) {
		return 0, errors.New("must be a duration with its unit, such as 500ms, 15s, 30m, 1h30m or 90d")
	}
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	total := 0.0
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, errors.New("must be at most 10 years")
		}
		total += n * float64(units[part[2]])
	}
	if total > float64(maxDuration) {
		return 0, errors.New("must be at most 10 years")
	}
	return time.Duration(math.Round(total)), nil
}

// ParseSize reads 50MB, 1.5 GiB, 4096B: bytes.
//
//kedrod:parser FuzzUnits
func ParseSize(text string) (int64, error) {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return 0, errors.New("must be a size with its unit, such as 50MB or 1GiB")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	base := 1000.0
	if strings.Contains(m[2], "i") {
		base = 1024
	}
	exponent := strings.Index("BKMGT", strings.ToUpper(m[2][:1]))
	bytes := n * math.Pow(base, float64(exponent))
	if err != nil || bytes > 1<<60 {
		return 0, errors.New("must be at most 1EiB")
	}
	return int64(bytes), nil
}

package notify

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/kedrod/kedrod/internal/job"
)

// Targets says where deliveries may go. The zero value is of no use.
type Targets struct {
	guard *ssrf.Guardian // nil: everywhere
}

// NewTargets makes the rules: public addresses only, unless private ones are allowed
// (loopback, private and link-local networks, those of cloud metadata, and whatever
// else is set aside by IANA).
func NewTargets(allowPrivate bool) *Targets {
	if allowPrivate {
		return &Targets{}
	}
	return &Targets{guard: ssrf.New(ssrf.WithAnyPort())}
}

const private = "the address is private or reserved, and webhook_allow_private is not set"

// Check says what is wrong with a receiver's URL, as the end of a sentence that does
// not repeat it; "" when nothing is. No name is resolved here: control judges the
// address that is dialled in the end.
//
//kedrod:parser FuzzCheck
func (t *Targets) Check(raw string) string {
	const form = "must be a URL such as https://host/path, of http or https"
	if len(raw) > job.MaxCallbackURL {
		return "at most " + strconv.Itoa(job.MaxCallbackURL) + " bytes"
	}
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\uFFFD' }) {
		return form + ", without blanks and control characters"
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Opaque != "" || u.Hostname() == "" {
		return form
	}
	if u.User != nil {
		return "must not hold a user name or password: put a token into the path or the query"
	}
	if strings.Contains(raw, "#") {
		return "must not have a fragment (#…), which is never sent"
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "the port must be a number from 1 to 65535"
		}
	}
	return t.checkHost(u.Hostname(), strings.HasPrefix(u.Host, "["))
}

func (t *Targets) checkHost(host string, bracketed bool) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "the address must have no zone (%…)"
		}
		if t.guard != nil && t.guard.SafeAddr(addr.Unmap()) != nil {
			return private
		}
		return ""
	}
	if bracketed {
		return "what stands in brackets must be an IPv6 address"
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
		}) {
			return "the host's name may hold letters, digits, - and _ only (others as xn--…)"
		}
	}
	last := labels[len(labels)-1]
	switch {
	case len(name) > 253:
		return "the host's name is too long"
	case numeric(last): // some resolvers read 127.1 and 0x7f000001 as addresses
		return "an IPv4 address is written as four numbers, such as 203.0.113.9"
	case t.guard != nil && last == "localhost":
		return private
	}
	return ""
}

func numeric(label string) bool {
	_, err := strconv.ParseUint(label, 0, 64)
	return err == nil || strings.Trim(label, "0123456789") == ""
}

// control is the dialer's: it sees the address that a name led to, so no answer of a
// name server gets around it.
func (t *Targets) control(network, address string, c syscall.RawConn) error {
	if t.guard == nil {
		return nil
	}
	return t.guard.Safe(network, address, c)
}

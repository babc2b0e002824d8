package auth

import "strings"

// maxHeader is more than any Authorization header with a key of ours has.
const maxHeader = 256

// Bearer reads the values of a request's Authorization headers (RFC 6750). given is
// false without any; ok is false for what holds no key of ours.
//
//kedrod:parser FuzzBearer
func Bearer(values []string) (key Secret, given, ok bool) {
	if len(values) == 0 {
		return Secret{}, false, false
	}
	if len(values) != 1 || len(values[0]) > maxHeader {
		return Secret{}, true, false
	}
	scheme, rest, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return Secret{}, true, false
	}
	key, ok = ParseSecret(strings.Trim(rest, " "))
	return key, true, ok
}

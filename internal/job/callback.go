package job

import (
	"net/url"
	"strings"
)

// MaxCallbackURL is how long a callback_url may be, in bytes.
const MaxCallbackURL = 2000

// EndEvent names the end of a job in the status for those who are told of it:
// job.completed, job.failed, job.cancelled.
func EndEvent(s Status) string { return "job." + string(s) }

// ShownURL is a receiver's address as it is shown to who need not know it: what stands
// behind the host may be a secret.
func ShownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "…"
	}
	shown := u.Scheme + "://" + u.Host
	if strings.TrimSuffix(raw, "/") == shown {
		return raw
	}
	return shown + "/…"
}

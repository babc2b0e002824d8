package store

import (
	"net/url"
	"strings"
	"time"
)

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery; the last two are final.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed" // given up
)

// Delivery tells one receiver of a job's end, at least once. It is written in the
// transaction of that end and goes with the job when that is deleted.
type Delivery struct {
	ID        string // UUIDv7, the same in every attempt
	JobID     string
	Event     string // see job.EndEvent
	URL       string
	State     DeliveryState
	Attempts  int // that have begun
	CreatedAt time.Time
	NextAt    *time.Time // not before, while pending; of one under way, when it is sent again without a word from there
	EndedAt   *time.Time
	Answer    int    // HTTP status of the last attempt; 0: none came
	Error     string // what was wrong with the last attempt; "" for nothing
}

// DeliveryHost is a host with its port that pending deliveries go to, and when the
// first of them is due.
type DeliveryHost struct {
	Host   string
	NextAt time.Time
}

// Attempted is what became of an attempt to deliver.
type Attempted struct {
	ID      string
	Attempt int // the number that Delivery.Attempts had: an older one's word does not count
	State   DeliveryState
	NextAt  *time.Time // while pending
	Answer  int
	Error   string
}

// HostOf gives what the limits of a receiver count over: the host of a URL with its port.
func HostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.Port() != "":
		return host
	case u.Scheme == "http":
		return host + ":80"
	}
	return host + ":443"
}

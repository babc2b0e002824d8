package postgres

import "time"

// publish wakes those who wait for a change in this process.
func (s *Store) publish(topics ...string) {
	if len(topics) > 0 {
		s.hub.Publish(topics...)
	}
}

// soon is publish a moment later.
func (s *Store) soon(topics ...string) {
	time.AfterFunc(wakeSoon, func() { s.hub.Publish(topics...) })
}

package postgres

// publish wakes those who wait for a change in this process.
func (s *Store) publish(topics ...string) {
	if len(topics) > 0 {
		s.hub.Publish(topics...)
	}
}

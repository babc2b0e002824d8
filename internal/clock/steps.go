// Package clock knows the time since boot, which never steps, and tells by it when the
// wall clock was stepped.
package clock

import (
	"sync"
	"time"
)

// Step is by how much a wall clock must be off at once to count as stepped: more than
// what slewing it takes between two looks.
const Step = 2 * time.Second

// Steps finds steps of the wall clock. It is safe for concurrent use.
type Steps struct {
	wall   func() time.Time
	boot   func() time.Duration
	mu     sync.Mutex
	offset time.Duration // of the wall clock from the other, at the last look
}

// NewSteps begins to watch. boot counts the time that passes, suspended or not, as
// SinceBoot does.
func NewSteps(wall func() time.Time, boot func() time.Duration) *Steps {
	s := &Steps{wall: wall, boot: boot}
	s.offset = s.apart()
	return s
}

func (s *Steps) apart() time.Duration { return time.Duration(s.wall().UnixNano()) - s.boot() }

// Look gives by how much the wall clock was stepped since the last look, back as a
// negative duration; 0 when it was not.
func (s *Steps) Look() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.apart()
	by := now - s.offset
	s.offset = now // what it is slewed by never adds up to a step
	if by.Abs() < Step {
		return 0
	}
	return by
}

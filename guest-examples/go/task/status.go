// How far a task is, and how it got there: a bounded list of changes, each with its number.

package main

import (
	"fmt"
	"slices"

	"greenroom"
)

// changesMax is how many changes are kept.
const changesMax = 20

// Status is how far a task is. In JSON it is its name.
type Status uint8

const (
	// Todo: nobody has begun.
	Todo Status = iota
	// InProgress: somebody is at it.
	InProgress
	// Done: finished.
	Done
	// Cancelled: not to be done any more.
	Cancelled
	// Overdue: the deadline has passed, and it is not finished.
	Overdue
)

var statusNames = []string{"todo", "in_progress", "done", "cancelled", "overdue"}

// String is the status's name.
func (s Status) String() string { return statusNames[s] }

// MarshalText writes the name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Status) UnmarshalText(name []byte) error {
	known := slices.Index(statusNames, string(name))
	if known < 0 {
		return fmt.Errorf("unknown status `%s`, expected one of %q", name, statusNames)
	}
	*s = Status(known)
	return nil
}

// IsFinished says whether there is nothing left to do.
func (s Status) IsFinished() bool { return s == Done || s == Cancelled }

// Change is one change of status.
type Change struct {
	// Sequence is 1 for the first change of the task, and one more for each further one.
	Sequence uint64 `json:"sequence"`
	// Status is what it was changed to.
	Status Status `json:"status"`
	// At is when.
	At greenroom.Timestamp `json:"at_ms"`
	// By is who asked for it.
	By string `json:"by"`
}

// History is the latest changes, oldest first.
type History []Change

// Add adds a change, and forgets the oldest one when there are too many.
func (h *History) Add(status Status, at greenroom.Timestamp, by greenroom.Origin) {
	sequence := uint64(1)
	if count := len(*h); count > 0 {
		sequence = (*h)[count-1].Sequence + 1
	}
	*h = append(*h, Change{sequence, status, at, by.String()})
	*h = slices.Delete(*h, 0, max(0, len(*h)-changesMax))
}

// BeforeOverdue is the status before the deadline passed.
func (h History) BeforeOverdue() Status {
	for _, change := range slices.Backward(h) {
		if change.Status != Overdue {
			return change.Status
		}
	}
	return Todo
}

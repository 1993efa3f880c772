package foreign

import (
	"io"

	"contralens/events"
)

// tensorboard reads an event file.
type tensorboard struct {
	events.Reader
}

func (t *tensorboard) offset() int64 { return t.Offset() }
func (t *tensorboard) about() string { return "TensorBoard" }

// read passes on the points. A file that begins after others belongs to a resumed
// training: its first step of a series replaces those that earlier files have from
// there on. Within a file, any order counts.
func (t *tensorboard) read(f io.ReaderAt, size int64, s *Source) error {
	begun := map[string]bool{}
	return t.Read(f, size, func(e events.Event) {
		if e.Restart {
			s.cut(e.Step)
		}
		for _, v := range e.Values {
			if c := s.series[v.Tag]; s.fresh && !begun[v.Tag] && c != nil && c.owner == s.owner && e.Step >= 0 {
				c.cut(int(min(e.Step, maxStep)))
			}
			begun[v.Tag] = true
			if v.Histogram != nil {
				s.addHistogram(v.Tag, e.Step, v.Histogram)
			} else {
				s.add(v.Tag, e.Step, v.Scalar)
			}
		}
	})
}

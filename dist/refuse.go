package dist

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Keys of ranks that end before all have joined.
const (
	refused = "refused" // the sentence of the first one
	excused = "excused" // how many ranks but 0 need the store no more
)

// Choice is the key of what rank 0 settles for all before they join.
const Choice = "choice"

// Refuse tells the other ranks why this one ends before it has joined, so that they end with its
// sentence instead of waiting for it. Rank 0, with which the store may end, gives them a moment to
// hear it. wrong says that it was started wrongly. Errors that every rank finds are not told.
func Refuse(s Store, l Launch, err error, wrong bool) {
	var disagreement *Disagreement
	var missing *Missing
	var occupied *Occupied
	var lost *Lost
	if errors.As(err, &disagreement) || errors.As(err, &missing) || errors.As(err, &occupied) || errors.As(err, &lost) {
		return
	}
	s = Prefix(s, l.Prefix())
	here := Here()
	text, failed := json.Marshal(sentence{
		Rank: l.Rank, Text: fmt.Sprintf("%s: %v", here.name(l.Rank), err), By: l.Rank, Wrong: wrong,
	})
	if failed != nil {
		return
	}
	late := time.Now().Add(2 * time.Second)
	told := make(chan struct{})
	go func() { // a store may not answer any more
		defer close(told)
		if ok, err := s.Check(refused); err != nil || !ok && s.Set(refused, text) != nil {
			return
		}
		if l.Rank != 0 {
			_, _ = s.Add(excused, 1)
			_, _ = s.Add("read", 1) // of what those that join find
			return
		}
		for l.Serves() && time.Now().Before(late) {
			if n, err := s.Add(excused, 0); err != nil || n >= int64(l.Size-1) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	select {
	case <-told:
	case <-time.After(time.Until(late)):
	}
}

// Refused returns a [Lost], or a [Disagreement] if a rank was started wrongly, if it has ended before all
// joined. s has the keys of this start of the job.
func Refused(s Store, l Launch) error {
	if ok, err := s.Check(refused); err != nil || !ok {
		return err
	}
	text, err := s.Get(refused)
	if err != nil {
		return err
	}
	var said sentence
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	if l.Rank != 0 {
		_, _ = s.Add(excused, 1) // else rank 0 waits a moment longer
	}
	if said.Wrong {
		return &Disagreement{Rank: said.Rank, Text: said.Text}
	}
	return &Lost{Rank: said.Rank, Text: said.Text}
}

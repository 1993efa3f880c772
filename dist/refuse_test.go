package dist

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// A rank that ends before it has joined ends those that wait for it, with its sentence. Rank 0 keeps
// the store until they have heard it.
func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, refuses := range []int{0, 2} {
		table := NewMemory(time.Second)
		var all sync.WaitGroup
		for rank := range 3 {
			all.Go(func() {
				if rank == refuses {
					Refuse(table, launched(rank, 3), errors.New("there are no images below /data"), false)
					return
				}
				_, err := Join(t.Context(), table, launched(rank, 3), greeting(rank), brisk, Hooks{})
				var lost *Lost
				if !errors.As(err, &lost) || lost.Rank != refuses || !strings.HasPrefix(err.Error(), fmt.Sprintf("rank %d (pid ", refuses)) ||
					!strings.HasSuffix(err.Error(), "): there are no images below /data") {
					t.Errorf("rank %d: got %v", rank, err)
				}
			})
		}
		all.Wait()
		if n, err := table.Add("contralens/job/0/excused", 0); n < 2 || err != nil {
			t.Errorf("rank %d refuses: %d ranks are done with the store, want both others: %v", refuses, n, err)
		}
	}
	table := NewMemory(time.Second)
	Refuse(table, launched(1, 2), &Missing{Ranks: []int{0}, Size: 2}, false)
	if len(table.values) > 0 {
		t.Errorf("what every rank finds is told: %v", table.values)
	}
	Refuse(table, launched(1, 2), errors.New("batch_size: want at least 4"), true)
	var wrong *Disagreement
	if err := Refused(Prefix(table, launched(0, 2).Prefix()), launched(0, 2)); !errors.As(err, &wrong) || wrong.Rank != 1 {
		t.Errorf("a rank that was started wrongly: %v", err)
	}
}

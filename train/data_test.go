package train

import (
	"slices"
	"testing"
)

// What a store or an image says before a training begins is kept, and then comes at once: the loop may
// wait for that store.
func TestNotes(t *testing.T) {
	var n notes
	var said []string
	n.add("a")
	n.tell(func(s string) { said = append(said, s) })
	n.add("b")
	if !slices.Equal(said, []string{"a", "b"}) {
		t.Errorf("said %q", said)
	}
}

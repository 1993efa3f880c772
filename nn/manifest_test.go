package nn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/tensortest"
)

func TestHeadManifest(t *testing.T) {
	var summary struct{ Heads map[string][][2]any }
	golden.JSON(t, &summary, "manifest", "summary.json")
	for key, want := range summary.Heads {
		parts := strings.Split(key, "/")
		t.Run(key, func(t *testing.T) {
			tensortest.Run(t, func() {
				c := Config{Arch: parts[1], Head: parts[2], Modal: parts[0][:3]}
				c.Jigsaw = strings.HasSuffix(parts[0], "MultiHeads")
				heads, err := Shapes(c)
				if err != nil {
					t.Fatal(err)
				}
				heads = slices.DeleteFunc(heads, func(s Shape) bool { return !strings.HasPrefix(s.Name, "head") })
				for i, s := range heads {
					if got := fmt.Sprint(s.Name, s.Shape); i >= len(want) || got != fmt.Sprint(want[i][0], want[i][1]) {
						t.Errorf("entry %d: got %s", i, got)
					}
				}
				if len(heads) != len(want) {
					t.Errorf("%d entries, want %d", len(heads), len(want))
				}
			})
		})
	}
}

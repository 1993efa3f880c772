package config

import "testing"

// Sizes are read with and without units, and nonsense is refused.
func TestCacheBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"auto": 0, "": 0, "none": -1, "0": -1, "1500": 1500, "500GB": 500e9, "2 TB": 2e12, "1.5mb": 15e5, "7b": 7,
	} {
		if got, err := cacheBytes(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"much", "-5GB", "GB", "5 XB", "1e30", "NaN", "0.5"} {
		if got, err := cacheBytes(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

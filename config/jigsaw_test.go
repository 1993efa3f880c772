package config_test

import (
	"testing"

	"contralens/config"
	"contralens/views"
)

// The smallest view with a jigsaw is the smallest from which views cuts jigsaw patches.
func TestJigsawMinimum(t *testing.T) {
	for _, size := range []int{views.JigsawMin - 1, views.JigsawMin} {
		c := config.DefaultContrast()
		c.Method, c.InputRes = "PIRL", size
		_, err := c.Resolve(map[string]bool{"method": true, "input_res": true})
		if _, cut := views.JigsawPreset(size); (err == nil) != (cut == nil) {
			t.Errorf("%d pixels: config says %v, views says %v", size, err, cut)
		}
	}
}

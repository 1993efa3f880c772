package demo

import (
	"testing"

	"contralens/config"
)

// Both trainings have the same options but the transformation, which starts after a third of
// the steps.
func TestTrainings(t *testing.T) {
	d := New(config.DefaultDemo(), Options{})
	p := Plan{Images: 1000, Tests: 1000, Epochs: 12, Seed: 3}
	plain, _, err := d.training(p, plainRun)
	if err != nil {
		t.Fatal(err)
	}
	p.Epochs = 6 // the first was too slow
	p.begin()
	p.Epochs = 3
	p.begin() // once
	ft, _, err := d.training(p, ftRun)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Transform().On() || !ft.Transform().On() {
		t.Errorf("transforms: %v and %v", plain.Transform().On(), ft.Transform().On())
	}
	if plain.Epochs != 12 || ft.Epochs != 6 {
		t.Errorf("%d and %d epochs", plain.Epochs, ft.Epochs)
	}
	if want := 6 * 16 / 3; ft.MixStep != want {
		t.Errorf("starts after step %d, want %d", ft.MixStep, want)
	}
	ft.FeatureTransform, ft.Epochs = plain.FeatureTransform, 12
	if a, b := config.YAML(&plain), config.YAML(&ft); a != b {
		t.Errorf("different options:\n%s\n%s", a, b)
	}
	if plain.Seed != 3 || plain.Limit != 1000 {
		t.Errorf("seed %d, %d images", plain.Seed, plain.Limit)
	}
}

// The queue is shorter than few images, and never shorter than a batch.
func TestQueue(t *testing.T) {
	d := New(config.DefaultDemo(), Options{})
	for images, want := range map[int]int{60_000: 1024, 1000: 500, 128: 64} {
		c, err := d.settings(Plan{Images: images, Epochs: 1})
		if err != nil || c.K != want {
			t.Errorf("%d images: K = %d, %v, want %d", images, c.K, err, want)
		}
	}
}

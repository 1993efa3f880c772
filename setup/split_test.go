package setup

import (
	"context"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data"
	"contralens/data/datatest"
)

// With --split validation, pre-training and evaluation see the same training and validation
// images, and no test image, whether there is a test split or it is held out.
func TestValidationSplit(t *testing.T) {
	picture := datatest.PNG(8, 8, func(x, y int) color.RGBA { return color.RGBA{uint8(x), uint8(y), 0, 255} })
	for _, splits := range [][]string{{"train", "val"}, {"."}} {
		dir := t.TempDir()
		for _, split := range splits {
			for i := range 60 {
				folder := filepath.Join(dir, split, fmt.Sprint("class ", i%2))
				if err := os.MkdirAll(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d-%s.png", i, split)), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		open := func(split string) (train, test, contrast []string, judged []string) {
			c := config.DefaultContrast()
			c.DataFolder, c.Split = dir, split
			a, b, err := Datasets(context.Background(), c.Data, c.Net, nil)
			if err != nil {
				t.Fatal(err)
			}
			a, b, _ = HoldOut(a, b)
			p, err := Splits(context.Background(), c, nil)
			if err != nil {
				t.Fatal(err)
			}
			return paths(a), paths(b), paths(p.Train), paths(p.Test)
		}
		_, tests, _, _ := open("test")
		train, validation, contrast, judged := open("validation")
		if !slices.Equal(train, contrast) || !slices.Equal(validation, judged) {
			t.Errorf("%v: pre-training sees %d and %d images, evaluation %d and %d", splits, len(contrast), len(judged), len(train), len(validation))
		}
		if len(validation) < 2 || len(validation) > 16 {
			t.Errorf("%v: %d validation images", splits, len(validation))
		}
		for _, p := range validation {
			if slices.Contains(train, p) || slices.Contains(tests, p) {
				t.Errorf("%v: the validation image %s is a training or a test image", splits, p)
			}
		}
		for _, p := range tests {
			if slices.Contains(train, p) {
				t.Errorf("%v: the test image %s is trained on", splits, p)
			}
		}
	}
	flat := t.TempDir()
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(flat, fmt.Sprint(i, ".png")), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := config.DefaultContrast()
	c.DataFolder, c.Split = flat, "validation"
	if _, err := Splits(context.Background(), c, nil); err == nil || !strings.Contains(err.Error(), "want training images with classes") {
		t.Errorf("images without classes: %v", err)
	}
}

func paths(d data.Dataset) (all []string) {
	if d == nil {
		return nil
	}
	for i := range d.Len() {
		all = append(all, d.Path(i))
	}
	return all
}

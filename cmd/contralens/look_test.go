package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
)

// writePhotos writes n small images into a folder.
func writePhotos(t *testing.T, dir string, n int) {
	t.Helper()
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%02d.png", i))
	}
	datatest.Write(t, dir, names...)
}

// look writes a page and a recipe that contrast reads, and prints a summary. It changes
// nothing in the folder.
func TestLook(t *testing.T) {
	t.Chdir(t.TempDir())
	writePhotos(t, "photos", 40)
	if err := os.WriteFile("photos/broken.png", []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := must(t, "look", "photos", "--minutes", "0.05", "--recipe", "mine.yaml", "--open=false")
	for _, want := range []string{"photos: 41 images", "broken.png: ", "Recommended training:", "--data_folder photos", "recipe: mine.yaml\n", "page: photos-look.html\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	page, err := os.ReadFile("photos-look.html")
	if err != nil || !strings.Contains(string(page), "broken.png") {
		t.Errorf("the page: %v", err)
	}
	if said := must(t, "contrast", "--config", "mine.yaml", "--dry_run"); !strings.Contains(said, "method: \"MoCov2\"") {
		t.Errorf("the recipe means\n%s", said)
	}
	if entries, err := os.ReadDir("photos"); err != nil || len(entries) != 41 {
		t.Errorf("%d files in the folder, %v", len(entries), err)
	}
}

// Mistakes are found before the work, and end in a sentence.
func TestLookMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	writePhotos(t, "photos", 3)
	for line, want := range map[string]string{
		"look":                         "want a folder of images",
		"look photos -o page.pdf":      "ends in .html",
		"look photos --recipe x.txt":   "ends in .yaml",
		"look photos --minutes 0":      "a number above 0",
		"look photos -o none/x.html":   "there is no folder none",
		"look nowhere":                 "nowhere: want a folder with images, but there is no such folder",
		"look photos --ckpt none.pth":  "none.pth",
		"look photos --dataset images": "want imagenet",
	} {
		code, text := command(t, strings.Fields(line)...)
		if code == 0 || !strings.Contains(text, want) || strings.Count(strings.TrimSpace(text), "\n") > 1 {
			t.Errorf("%s: exit code %d, want %q in\n%s", line, code, want, text)
		}
	}
	if left, _ := filepath.Glob("*.html"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The page is named after the folder, or after a list.
func TestPageName(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("a b/photos", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("train.txt", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	here, _ := os.Getwd()
	for folder, want := range map[string]string{"a b/photos/": "photos", "train.txt": "train", "v1.2": "v1.2", ".": filepath.Base(here), "/": "images"} {
		if got := pageName(folder); got != want+"-look.html" {
			t.Errorf("%s: %s", folder, got)
		}
	}
	if c := config.DefaultLook(); c.Minutes != 3 || !c.Open {
		t.Errorf("%+v", c)
	}
}

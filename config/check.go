package config

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// Checks of one option, each an error that says what is wanted and what came.

// first is the first error of several checks.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneOf(flag, got string, want ...string) error {
	if slices.Contains(want, got) {
		return nil
	}
	return fmt.Errorf("--%s: want %s or %s, got %q", flag, strings.Join(want[:len(want)-1], ", "), want[len(want)-1], got)
}

// The largest values of options that decide how much memory is asked for.
const (
	mostBatch   = 1 << 16
	mostWorkers = 1 << 12
	mostSide    = 1 << 12
)

// atMost refuses what no memory would hold.
func atMost(flag string, got, most int) error {
	if got <= most {
		return nil
	}
	return fmt.Errorf("--%s: want a whole number of at most %d, got %d", flag, most, got)
}

func atLeast(flag string, got, least int) error {
	if got >= least {
		return nil
	}
	return fmt.Errorf("--%s: want a whole number of at least %d, got %d", flag, least, got)
}

// within takes neither NaN nor what lies outside.
func within(flag string, got, low, high float64) error {
	if got >= low && got <= high {
		return nil
	}
	return fmt.Errorf("--%s: want a number from %v to %v, got %v", flag, low, high, got)
}

func positive(flag string, got float64) error {
	if got > 0 && !math.IsInf(got, 1) {
		return nil
	}
	return fmt.Errorf("--%s: want a number above 0, got %v", flag, got)
}

// picture is the name of a PNG file, the only kind that is written.
func picture(flag, name string) error {
	if strings.EqualFold(filepath.Ext(name), ".png") {
		return nil
	}
	return fmt.Errorf("--%s: want a file name that ends in .png, got %q", flag, name)
}

// fraction is a share that is not nothing.
func fraction(flag string, got float64) error {
	if got > 0 && got <= 1 {
		return nil
	}
	return fmt.Errorf("--%s: want a number above 0 and at most 1, got %v", flag, got)
}

// Datasets are the names that --dataset takes; without one the folder decides.
var Datasets = []string{"imagenet", "imagenet100", "folder", "list", "cifar10", "cifar100", "stl10", "fashion-mnist", "idx", "inat18"}

func dataset(name string) error {
	if name == "" {
		return nil
	}
	return oneOf("dataset", name, Datasets...)
}

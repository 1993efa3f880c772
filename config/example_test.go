package config_test

import (
	"errors"
	"fmt"

	"contralens/config"
)

// A configuration is a struct with defaults; Resolve applies the preset of its method.
func ExampleContrast_Resolve() {
	c := config.DefaultContrast()
	c.Method, c.FT, c.Epochs, c.Cosine = "MoCov2", "posneg", 50, true
	warnings, err := c.Resolve(nil)
	fmt.Println(c.Head, c.Temperature, c.Aug, c.MixTarget, len(warnings), err)
	// Output: mlp 0.2 B posneg 0 <nil>
}

// A value that cannot work gives a typed error.
func ExampleValueError() {
	c := config.DefaultKNN()
	c.Neighbors = 0
	_, err := c.Resolve(nil)
	var value *config.ValueError
	fmt.Println(errors.As(err, &value), value.Option)
	fmt.Println(err)
	// Output:
	// true neighbors
	// --neighbors: want a number above 0, got 0; -K is its short form
}

// The facts about an option are in the tags of its field.
func ExampleLookup() {
	for _, name := range []string{"threads", "seed", "neighbours"} {
		f, _ := config.Lookup(name)
		fmt.Printf("%s: group %s, runtime %v, repeat %v\n", f.Name, f.Group, f.Runtime, f.Repeat)
	}
	// Output:
	// threads: group machine, runtime true, repeat false
	// seed: group optimization, runtime false, repeat true
	// neighbors: group method, runtime false, repeat false
}

package torch_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"contralens/torch"
	"contralens/torch/engine"
)

// TestLoad loads libtorch and asks which it is, in programs with and without the tag engine.
func TestLoad(t *testing.T) {
	if err := torch.Load(); err != nil {
		t.Fatal(err)
	}
	if v := torch.Version(); !regexp.MustCompile(`^[12]\.\d+\.\d+`).MatchString(v) {
		t.Errorf("got version %q", v)
	}
	e, err := torch.Engine()
	if err != nil {
		t.Fatal(err)
	}
	if e != nil && (e.Sources != engine.Sources() || !strings.HasPrefix(e.Libtorch, torch.Version())) {
		t.Errorf("got %+v for libtorch %s", e, torch.Version())
	}
}

// TestNoEngine calls an operator, and Run, where there is no engine to load.
func TestNoEngine(t *testing.T) {
	if how := os.Getenv("CONTRALENS_TEST_LOAD"); how != "" {
		if how == "run" {
			err := torch.Run(func() error { panic("it ran") })
			if err == nil || torch.Version() != "none" {
				t.Errorf("got %v, version %s", err, torch.Version())
			}
			os.Stdout.WriteString(err.Error())
			return
		}
		torch.Ones([]int{1}, torch.Options{}) // ends the program
		return
	}
	if e, _ := torch.Engine(); e == nil {
		t.Skip("this program is linked with libtorch")
	}
	for _, how := range []string{"run", "operator"} {
		c := exec.Command(os.Args[0], "-test.run", "^TestNoEngine$")
		c.Env = append(os.Environ(), "CONTRALENS_TEST_LOAD="+how, engine.Variable+"=/no/such/engine.so")
		out, err := c.CombinedOutput()
		if (err != nil) != (how == "operator") || !strings.Contains(string(out), "engine /no/such/engine.so: want the library of an engine") {
			t.Errorf("%s: %v: %s", how, err, out)
		}
	}
}

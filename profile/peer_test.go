package profile

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Python looks for modules beside a script before it looks anywhere else, so a peer must not
// have the name of a package that PyTorch imports if it is installed.
func TestPeersHideNoModule(t *testing.T) {
	imported := []string{
		"cuda", "triton", "numpy", "torch", "torchvision", "PIL", "sympy", "networkx", "filelock", "fsspec", "jinja2",
		"random", "json", "statistics", "types", "platform", "profile", "queue", "select", "signal", "token",
	}
	peers, err := filepath.Glob("../bench/peer/*.py")
	if err != nil || len(peers) < 3 {
		t.Fatalf("found %v, %v", peers, err)
	}
	for _, p := range peers {
		if name := strings.TrimSuffix(filepath.Base(p), ".py"); slices.Contains(imported, name) {
			t.Errorf("%s hides the Python package %s", p, name)
		}
	}
}

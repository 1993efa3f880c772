package train

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reading are the methods and functions of package torch that bring values to the host at
// once. On a device the host waits there until all its work is done.
var reading = []string{
	"AllFinite", "Attend", "Bytes", "CopyBytes", "CopyTo", "Float32s", "Float64s", "Int64s", "Item", "Summarize", "Uint8s",
}

// mayRead are the functions of a training that read tensors at once, and why.
var mayRead = map[string]string{
	"contrast.InfoNCE":                "Attend has a kernel for the CPU alone",
	"contrast.streamed":               "the loss on the CPU",
	"contrast.streamedLoss":           "the same, of a relative",
	"contrast.summarize":              "the kernel of the CPU; summarizeBy is for devices",
	"contrast.uniformity":             "the CPU's; uniformityBy is for devices",
	"contrast.partners":               "the CPU's; neighbors is for devices",
	"contrast.drawnAt":                "the CPU's; devices hash",
	"contrast.SampledNegatives.mixed": "the CPU's; devices hash",
	"methods.Checksum":                "several processes, every hundredth step",
	"methods.allFinite":               "explains a step that failed",
	"optim.Finite":                    "a step that is not guarded, as the CPU's",
	"optim.GuardedStep":               "the CPU's",
	"optim.State":                     "LossScale.State, for a checkpoint",
	"train.ProbeHook":                 "after an epoch",
	"peers.Loudest":                   "several processes, at the border of an epoch",
	"peers.Union":                     "several processes, after an epoch",
	"train.loadRows":                  "tensors of a checkpoint",
}

// TestNothingWaits: in a step nothing reads a tensor at once but what runs on the CPU alone.
// Everything else goes through the step's Readback.
func TestNothingWaits(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range []string{"contrast", "methods", "optim", "peers", "train"} {
		paths, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files in %s: %v", dir, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				name := dir + "." + f.Name.Name
				if f.Name.Name == "mixed" {
					name = dir + "." + receiver(f) + ".mixed"
				}
				ast.Inspect(f, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !ok {
						return true
					}
					if s, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(reading, s.Sel.Name) {
						if used[name] = true; mayRead[name] == "" {
							t.Errorf("%v: %s in %s makes a GPU's host wait: want b.Readback or o.Readback", files.Position(s.Pos()), s.Sel.Name, name)
						}
					}
					return true
				})
			}
		}
	}
	for name := range mayRead {
		if !used[name] {
			t.Errorf("%s reads nothing: want it off the list", name)
		}
	}
}

// receiver is the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	e := f.Recv.List[0].Type
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	return e.(*ast.Ident).Name
}

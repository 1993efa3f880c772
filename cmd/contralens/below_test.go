package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Packages that programs use without our command line do not mention its flags. Their
// errors name the fields of their options.
func TestPackagesBelowDoNotWriteFlags(t *testing.T) {
	flag := regexp.MustCompile(`(^|[\s("])--[a-z]`)
	for _, dir := range []string{
		"checkpoint", "contrast", "data", "detect/box", "detect/draw", "detect/loader", "detect/mask", "detect/rcnn",
		"detect/score", "detect/sets", "detect/train", "detect/weights", "events", "features", "methods", "nn", "optim",
		"prefetch", "statedict", "torch", "views",
	} {
		files := 0
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "test/") {
				return err
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					if s, err := strconv.Unquote(text.Value); err == nil && flag.MatchString(s) {
						t.Errorf("%v: %q", set.Position(text.Pos()), s)
					}
				}
				return true
			})
			return nil
		})
		if err != nil || files == 0 {
			t.Errorf("%s: %d files: %v", dir, files, err)
		}
	}
}

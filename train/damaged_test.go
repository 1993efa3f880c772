package train_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/rundir"
	"contralens/train"
)

// TestAllDamaged: if all checkpoints of a run are damaged, --resume auto does not start
// again and overwrite them.
func TestAllDamaged(t *testing.T) {
	c := brief(t)
	result, err := train.Pretrain(context.Background(), c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(result.Dir, rundir.CurrentFile)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	c.Resume = "auto"
	if _, err := train.Pretrain(context.Background(), c, train.Options{}); err == nil || !strings.Contains(err.Error(), "all are damaged") {
		t.Errorf("want the run refused, got %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 100 {
		t.Errorf("the damaged checkpoint was touched: %v, %v", info, err)
	}
}

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/data/store/storetest"
)

// Two processes train on shards in a real S3 gateway. It is killed in the middle of an epoch, for as
// long as CONTRALENS_OUTAGE says (20 s), in which they wait and say so. Then they are stopped in
// the middle of an epoch, and go on. The end is that of a training on the folder, bit for bit.
func TestTrainingFromGateway(t *testing.T) {
	g := storetest.NewGateway(t)
	src := stripes(t, 48)
	t.Chdir(t.TempDir())
	d, err := sets.Open(t.Context(), sets.Options{Folder: src})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Write(t.Context(), "packed", d, pack.Options{ShardBytes: 8 << 10}); err != nil {
		t.Fatal(err)
	}
	g.Upload(t, "packed", "set")
	lasts, err := time.ParseDuration(os.Getenv("CONTRALENS_OUTAGE"))
	if err != nil {
		lasts = 20 * time.Second
	}
	line := func(folder, name string) []string {
		return pair(folder, name, "--nproc", "2", "--epochs", "3", "--streams", "2", "--shuffle_window", "8", "--cache_bytes", "none",
			"--resume", "auto")
	}
	if code, text := spawn(t, line("packed", "folder")...).end(t); code != 0 {
		t.Fatalf("code %d:\n%s", code, text)
	}
	p := spawn(t, line("s3://bucket/set", "gateway")...)
	p.until(t, "epoch 1/3 step 2/12")
	g.Stop()
	down := time.Now()
	p.until(t, "trying again")
	time.Sleep(lasts - time.Since(down))
	g.Start(t)
	p.until(t, "answers again after")
	p.until(t, "epoch 2/3 step 3/12")
	for _, pid := range children(t, p.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	if code, text := p.end(t); code != exitStopped || !strings.Contains(text, "stopped in epoch 2") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	code, text := spawn(t, line("s3://bucket/set", "gateway")...).end(t)
	if code != 0 || !strings.Contains(text, "resuming save/gateway/interrupted.pth: epoch 2") {
		t.Fatalf("code %d:\n%s", code, text)
	}
	sameWeights(t, "folder", "gateway")
	if n := len(g.Fetched(t)); n < 2*3*48 {
		t.Errorf("%d requests, want more: the images did not come from the gateway", n)
	}
}

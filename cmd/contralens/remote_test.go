package main

import (
	"bytes"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/data/pack"
	"contralens/data/sets"
	"contralens/data/store/storetest"
)

// A training on shards in an object store, which fails for a while in the middle, and which is
// stopped and resumed, ends like one on the folder, bit for bit.
func TestTrainingFromStore(t *testing.T) {
	src := stripes(t, 24)
	t.Chdir(t.TempDir())
	p, err := sets.Open(t.Context(), sets.Options{Folder: src})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Write(t.Context(), "bucket/packed", p, pack.Options{ShardBytes: 8 << 10}); err != nil {
		t.Fatal(err)
	}
	server := storetest.NewServer(t, "bucket", "bucket")
	fails := func() { // once a few images were read
		before := len(server.Requests(".tar"))
		for len(server.Requests(".tar")) < before+20 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		server.Fail(http.StatusServiceUnavailable, 0)
		time.Sleep(300 * time.Millisecond)
		server.Fail(0, 0)
	}
	line := []string{"--epochs", "2", "--streams", "2", "--shuffle_window", "8"}
	must(t, tiny("bucket/packed", "folder", line...)...)
	must(t, tiny("s3://bucket/packed", "whole", append(line, "--cache_dir", "kept")...)...)
	line = append(line, "--cache_bytes", "none", "--resume", "auto")
	go fails()
	first := spawn(t, tiny("s3://bucket/packed", "parts", line...)...)
	first.until(t, "epoch 1/2 step 5/12")
	first.Process.Signal(syscall.SIGTERM)
	if code, text := first.end(t); code != exitStopped {
		t.Fatalf("exit code %d, want %d\n%s", code, exitStopped, text)
	}
	go fails()
	if text := must(t, tiny("s3://bucket/packed", "parts", line...)...); !strings.Contains(text, "resuming save/parts/interrupted.pth: epoch 1") {
		t.Errorf("resuming printed\n%s", text)
	}
	same(t, "save/whole", "save/parts")
	var weights [2][]byte // the probe's files name the folder, so the rest is not compared
	for i, run := range []string{"folder", "parts"} {
		file, err := checkpoint.Read("save/" + run + "/current.pth")
		if err != nil {
			t.Fatal(err)
		}
		weights[i] = tensors(file.Get("model"))
	}
	if len(weights[0]) == 0 || !bytes.Equal(weights[0], weights[1]) {
		t.Error("the weights are not those of a training on the folder")
	}
	// Two processes, which share what is kept of the store, are two that read the folder.
	for name, folder := range map[string]string{"two folder": "bucket/packed", "two store": "s3://bucket/packed"} {
		two := pair(folder, name, "--nproc", "2", "--epochs", "2", "--streams", "2", "--shuffle_window", "8")
		if folder != "bucket/packed" {
			two = append(two, "--cache_dir", "kept by two")
		}
		if code, text := spawn(t, two...).end(t); code != 0 {
			t.Fatalf("%s: code %d\n%s", name, code, text)
		}
	}
	sameWeights(t, "two folder", "two store")
	if n := len(server.Requests(".tar")); n < 48 {
		t.Errorf("%d requests for shards, want more: nothing was read from the store", n)
	}
	for folder, want := range map[string]string{
		"ftp://host/x": "--data_folder ftp://host/x: want a path, or a URL that begins with s3://", "s3://other": `there is no bucket "other"`,
		"s3://bucket/paked": "--data_folder s3://bucket/paked: want a folder with images, but there is no such folder",
		src:                 "--streams: want images in shards, as contralens data pack makes them, got 2 for " + src,
	} {
		if _, text := command(t, tiny(folder, "wrong", "--streams", "2")...); !strings.Contains(text, want) || strings.Count(text, "\n") > 3 {
			t.Errorf("%s: got %s, want %s", folder, text, want)
		}
	}
}

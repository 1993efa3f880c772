package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestServeBesideTraining: --serve shows the training while it goes on, and ends
// with it.
func TestServeBesideTraining(t *testing.T) {
	images := stripes(t, 11)
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()

	seen, stop := make(chan string, 1), make(chan struct{})
	go func() {
		last := "nothing"
		for {
			select {
			case <-stop:
				seen <- last
				return
			case <-time.After(10 * time.Millisecond):
			}
			res, err := http.Get("http://" + address + "/api/runs")
			if err != nil {
				continue
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if last = string(b); strings.Contains(last, `"id":"served"`) && strings.Contains(last, `"state":"running"`) && !strings.Contains(last, `"loss":null`) {
				seen <- ""
				return
			}
		}
	}()
	text := must(t, small(images, "--epochs", "4", "--print_freq", "1", "--name", "served", "--serve", address)...)
	close(stop)
	if last := <-seen; last != "" {
		t.Errorf("want the training in the dashboard while it goes on, last seen: %s", last)
	}
	if want := "dashboard: http://" + address + "/\n"; !strings.Contains(text, want) {
		t.Errorf("want %q in\n%s", want, text)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the dashboard goes on after the training")
	}
}

func TestServeUsage(t *testing.T) {
	for line, want := range map[string]string{
		"serve one two":                 "want one directory",
		"serve --address nowhere":       "HOST:PORT",
		"contrast extra":                "takes no arguments",
		"contrast --serve a b":          "takes no arguments",
		"contrast --serve nowhere":      "HOST:PORT",
		"contrast --serve=1.2.3.4:8420": "--serve: ",
	} {
		if code, text := command(t, strings.Fields(line)...); code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: want exit code %d and %q, got %d\n%s", line, exitUsage, want, code, text)
		}
	}
	if code, text := command(t, "serve", "/nowhere/at/all", "--address", "127.0.0.1:0"); code != exitFailed || !strings.Contains(text, "want a directory with runs") {
		t.Errorf("a missing directory: exit code %d\n%s", code, text)
	}
}

package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServeBesideTraining: --serve shows the training while it runs, and ends with it.
func TestServeBesideTraining(t *testing.T) {
	images := stripes(t, 11)
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()

	// A signal that comes after the run must not end the tests.
	late := make(chan os.Signal, 1)
	signal.Notify(late, os.Interrupt)
	defer signal.Stop(late)
	seen, ended := make(chan string, 1), make(chan struct{})
	go func() {
		last := "nothing"
		for limit := time.Now().Add(2 * time.Minute); time.Now().Before(limit); {
			select {
			case <-ended:
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
				last = ""
				break
			}
		}
		syscall.Kill(os.Getpid(), syscall.SIGINT)
		seen <- last
	}()
	// It trains until it was seen.
	code, text := command(t, small(images, "--epochs", "1000000", "--print_freq", "1", "--name", "served", "--serve", address)...)
	close(ended)
	if last := <-seen; last != "" || code != exitStopped {
		t.Errorf("want the training in the dashboard while it runs, last seen: %s; exit code %d, want %d", last, code, exitStopped)
	}
	if want := "dashboard: http://" + address + "/\n"; !strings.Contains(text, want) {
		t.Errorf("want %q in\n%s", want, text)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the dashboard still runs after the training")
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
	if code, text := command(t, "serve", "/nowhere/at/all", "--address", "127.0.0.1:0"); code != exitFailed || !strings.Contains(text, "want a directory with runs, but there is none: train first") {
		t.Errorf("a missing directory: exit code %d\n%s", code, text)
	}
}

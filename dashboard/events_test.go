package dashboard

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEvents: an open page is notified of a new step and of a new run.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	f.train(t, 20)
	server := serve(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/events", nil)
	check(t, err)
	res, err := http.DefaultClient.Do(request)
	check(t, err)
	defer res.Body.Close()
	lines := bufio.NewReaderSize(res.Body, 1<<20)
	wait := func(want string) time.Duration {
		t.Helper()
		begin := time.Now()
		for {
			text, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("waiting for %q: %v", want, err)
			}
			if strings.Contains(text, want) {
				return time.Since(begin)
			}
		}
	}
	wait(`"step":20`)
	f.train(t, 10)
	if took := wait(`"step":30`); took > 3*time.Second {
		t.Errorf("a new step was told after %v", took)
	}
	newRun(t, filepath.Join(dir, "second"), nil)
	wait(`"id":"second"`)
}

// TestServe: the printed address works, with a token if others can connect, and
// everything ends with the context.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		address string
		token   bool
	}{{"127.0.0.1:0", false}, {"0.0.0.0:0", true}} {
		l, err := Listen(c.address)
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		told, done := make(chan string, 1), make(chan error, 1)
		go func() { done <- Serve(ctx, l, Options{Dir: dir}, func(a string) { told <- a }) }()
		address := <-told
		if strings.Contains(address, "?token=") != c.token {
			t.Errorf("%s: want a token: %v, got %s", c.address, c.token, address)
		}
		// The machine's name need not resolve here.
		_, token, _ := strings.Cut(address, "?")
		local := "http://" + net.JoinHostPort("127.0.0.1", address[strings.LastIndex(address[:strings.LastIndex(address, "/")], ":")+1:strings.LastIndex(address, "/")])
		for target, want := range map[string]int{"/?" + token: 200, "/api/runs": map[bool]int{true: 401, false: 200}[c.token]} {
			res, err := http.Get(local + target)
			check(t, err)
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s%s: want %d, got %d", c.address, target, want, res.StatusCode)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", c.address, err)
		}
	}
	if _, err := Listen("nowhere"); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
		t.Errorf("want what an address looks like, got %v", err)
	}
	l, err := Listen("127.0.0.1:0")
	check(t, err)
	if _, err := Listen(l.Addr().String()); err == nil || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("want what to do about a port in use, got %v", err)
	}
	// If no address is given, ports that are taken are skipped.
	for range 2 {
		near, err := Listen("")
		check(t, err)
		defer near.Close()
	}
	if err := Serve(t.Context(), l, Options{Dir: filepath.Join(dir, "missing")}, func(string) {}); err == nil || !strings.Contains(err.Error(), "want a directory") {
		t.Errorf("want what is missing, got %v", err)
	}
}

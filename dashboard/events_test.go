package dashboard

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// TestLastWords: open pages learn that the server ends, after the last update.
func TestLastWords(t *testing.T) {
	dir := t.TempDir()
	newRun(t, filepath.Join(dir, "run"), nil).train(t, 20)
	l, err := Listen("127.0.0.1:0")
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	told, done := make(chan string, 1), make(chan error, 1)
	o := Options{Dir: dir, LastWords: "The training is done."}
	go func() { done <- Serve(ctx, l, o, func(a string) { told <- a }) }()
	res, err := http.Get(<-told + "events")
	check(t, err)
	defer res.Body.Close()
	lines := bufio.NewReaderSize(res.Body, 1<<20)
	var text strings.Builder
	for !strings.Contains(text.String(), "event: runs") {
		line, err := lines.ReadString('\n')
		check(t, err)
		text.WriteString(line)
	}
	cancel()
	rest, err := io.ReadAll(lines)
	check(t, err)
	if want := "event: end\ndata: {\"message\":\"The training is done.\"}\n\n"; !strings.HasSuffix(string(rest), want) {
		t.Errorf("want %q at the end, got %q", want, rest)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestEnd: a page whose server ends says so, with the last state of its runs, and follows the
// next server at the same address.
func TestEnd(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), map[string]string{"epochs": "1"})
	f.train(t, 90)
	l, err := Listen("127.0.0.1:0")
	check(t, err)
	address := l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	begin := func(ctx context.Context, l net.Listener) {
		go func() {
			done <- Serve(ctx, l, Options{Dir: dir, LastWords: "The training has ended."}, func(string) {})
		}()
	}
	begin(ctx, l)
	p := open(t, &httptest.Server{URL: "http://" + address}, "", desktop)
	p.until(`document.querySelector("#live").textContent === "live" && document.querySelector(".chip").textContent === "running"`)
	f.train(t, 10)
	cancel()
	check(t, <-done)
	p.until(`document.querySelector("#words").textContent === "The training has ended." && document.querySelector("#live").textContent === "ended"`)
	p.until(`document.querySelector(".chip").textContent === "finished"`)
	p.shot("ended")
	l, err = Listen(address)
	check(t, err)
	ctx, cancel = context.WithCancel(t.Context())
	begin(ctx, l)
	p.within(20*time.Second, `document.querySelector("#live").textContent === "live" && document.querySelector("#words").hidden`)
	cancel()
	check(t, <-done)
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

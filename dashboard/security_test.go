package dashboard

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGuard: who is admitted, by method, Host, Origin, what browsers say about the
// sender, and token.
func TestGuard(t *testing.T) {
	token := NewToken()
	if len(token) < 32 || token == NewToken() {
		t.Fatalf("want a new long token each time, got %q", token)
	}
	for _, c := range []struct {
		name    string
		token   string
		method  string
		target  string
		host    string
		headers map[string]string
		want    int
	}{
		{name: "plain", want: 200},
		{name: "localhost", host: "localhost:8420", want: 200},
		{name: "IPv6", host: "[::1]:8420", want: 200},
		{name: "this machine's name", host: "lab3:8420", want: 200},
		{name: "rebound name", host: "evil.example:8420", want: 421},
		{name: "name that begins like ours", host: "localhost.evil.example", want: 421},
		{name: "no host", host: " ", want: 421},
		{name: "own origin", headers: map[string]string{"Origin": "http://127.0.0.1:8420", "Sec-Fetch-Site": "same-origin"}, want: 200},
		{name: "other origin", headers: map[string]string{"Origin": "http://evil.example"}, want: 403},
		{name: "other port", headers: map[string]string{"Origin": "http://127.0.0.1:9999"}, want: 403},
		{name: "hidden origin", headers: map[string]string{"Origin": "null"}, want: 403},
		{name: "script of another site", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, want: 403},
		{name: "another port of this machine", headers: map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, want: 403},
		{name: "link from elsewhere", target: "/", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, want: 200},
		{name: "frame elsewhere", target: "/", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, want: 403},
		{name: "writing", method: "POST", want: 405},
		{name: "deleting", method: "DELETE", want: 405},
		{name: "no token", token: token, want: 401},
		{name: "no token, a file of the page", token: token, target: "/style.css", want: 401},
		{name: "no token, events", token: token, target: "/events", want: 401},
		{name: "wrong token", token: token, target: "/api/runs?token=guess", want: 401},
		{name: "empty token", token: token, target: "/api/runs?token=", want: 401},
		{name: "token in the address", token: token, target: "/?token=" + token, want: 200},
		{name: "token in the header", token: token, headers: map[string]string{"Authorization": "Bearer " + token}, want: 200},
		{name: "wrong token in the header", token: token, headers: map[string]string{"Authorization": "Bearer x"}, want: 401},
		{name: "token in the cookie", token: token, headers: map[string]string{"Cookie": "contralens-8420=" + token}, want: 200},
		{name: "another dashboard's cookie", token: token, headers: map[string]string{"Cookie": "contralens-9000=" + token}, want: 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(Options{Dir: t.TempDir(), Token: c.token, Hosts: []string{"lab3"}})
			check(t, err)
			defer s.Close()
			method, target := c.method, c.target
			if method == "" {
				method = "GET"
			}
			if target == "" {
				target = "/api/runs"
			}
			r := httptest.NewRequest(method, target, nil)
			r.Host = "127.0.0.1:8420"
			if c.host != "" {
				r.Host = c.host
			}
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("want %d, got %d: %s", c.want, w.Code, w.Body)
			}
			h := w.Header()
			if csp := h.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("want a strict policy, got %q", csp)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("want nosniff")
			}
			if c.name == "token in the address" {
				set := h.Get("Set-Cookie")
				if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") {
					t.Errorf("want an HttpOnly, strict cookie, got %q", set)
				}
			}
		})
	}
}

// TestOutside: nothing outside the directory is shown, whatever the address or a
// symbolic link is.
func TestOutside(t *testing.T) {
	top := t.TempDir()
	const secret = "the-secret"
	write(t, filepath.Join(top, "secret.txt"), secret)
	newRun(t, filepath.Join(top, "outside"), map[string]string{"method": secret}).train(t, 20)
	dir := filepath.Join(top, "runs")
	newRun(t, filepath.Join(dir, "inside"), nil).train(t, 20)
	link := func(to, from string) {
		check(t, os.MkdirAll(filepath.Dir(from), 0o755))
		check(t, os.Symlink(to, from))
	}
	link(filepath.Join(top, "outside"), filepath.Join(dir, "linked"))
	link(filepath.Join(top, "outside", "run.json"), filepath.Join(dir, "linked-file", "run.json"))
	write(t, filepath.Join(dir, "linked-file", "metrics.jsonl"), `{"epoch":1,"step":1,"loss":2}`+"\n")
	newRun(t, filepath.Join(dir, "linked-scores"), nil)
	link(filepath.Join(top, "outside", "scores"), filepath.Join(dir, "linked-scores", "scores"))
	newRun(t, filepath.Join(dir, "linked-values"), nil).train(t, 20)
	check(t, os.Remove(filepath.Join(dir, "linked-values", "scores", "record", "values.0")))
	link(filepath.Join(top, "outside", "scores", "record", "values.0"), filepath.Join(dir, "linked-values", "scores", "record", "values.0"))
	newRun(t, filepath.Join(dir, "linked-pictures"), nil)
	link(filepath.Join(top, "secret.txt"), filepath.Join(dir, "linked-pictures", "scores", "probe", "thumbnails.png"))

	server := serve(t, dir)
	get := func(target string) (int, string) {
		r, err := http.NewRequest("GET", server.URL, nil)
		check(t, err)
		// As typed, without normalization by the client.
		path, query, _ := strings.Cut(target, "?")
		r.URL.Opaque, r.URL.RawQuery = "//"+r.URL.Host+path, query
		res, err := http.DefaultTransport.RoundTrip(r)
		check(t, err)
		defer res.Body.Close()
		b := make([]byte, 1<<20)
		n, _ := res.Body.Read(b)
		return res.StatusCode, string(b[:n])
	}
	for _, target := range []string{
		"/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/..%5csecret.txt", "//../secret.txt", "/web/../../secret.txt", "/lib/..%2f..%2f..%2fsecret.txt",
		"/api/thumbnails?run=linked-pictures", "/api/thumbnails?run=../outside", "/api/run?run=../outside", "/api/run?run=..%2foutside", "/api/run?run=inside/../../outside", "/api/run?run=linked",
		"/api/run?run=%00", "/api/run?run=/etc", "/api/run?run=" + strings.Repeat("../", 20) + "etc", "/api/curves?run=linked&names=loss", "/api/histogram?run=inside/../../outside&kind=../../secret", "/api/embedding?run=..%2foutside",
		"/api/histogram?run=linked-scores&kind=pos", "/api/histogram?run=linked-values&kind=pos",
	} {
		code, body := get(target)
		if code == 200 || strings.Contains(body, secret) || strings.Contains(body, "root:") {
			t.Errorf("%s: want a refusal, got %d: %.200s", target, code, body)
		}
	}
	for target, want := range map[string]string{
		"/api/runs": "symbolic links", "/api/run?run=inside": `"last":20`,
		"/api/run?run=linked-file":   "run.json: ",
		"/api/run?run=linked-scores": "leads out", "/api/run?run=linked-values": "leads out",
	} {
		code, body := get(target)
		if code != 200 || !strings.Contains(body, want) || strings.Contains(body, secret) {
			t.Errorf("%s: want %q, got %d: %.600s", target, want, code, body)
		}
	}
}

// post sends a body to the server as if from an address.
func post(t testing.TB, s *Server, target, body, from string, headers map[string]string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8420", from
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func withType(headers map[string]string, kind string) map[string]string {
	all := map[string]string{"Content-Type": kind}
	maps.Copy(all, headers)
	return all
}

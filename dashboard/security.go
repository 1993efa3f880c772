package dashboard

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// policy allows the page to load only its own files. Images may also be created in the
// browser, for downloads of charts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src " +
	"'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// cookie returns the name of the cookie that has the token after the first visit. It
// includes the port, because browsers send the cookies of a host to all of its ports.
func cookie(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "contralens-" + port
}

// NewToken returns a token that cannot be guessed: 192 random bits.
func NewToken() string {
	b := make([]byte, 24)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// guard accepts only requests from this server's own page. The Host must name this
// machine: a page from elsewhere whose name resolves to this machine has another one.
// The request must not come from a page of another site. It must have the token, if one
// is set.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !readsOnly(r) && (r.Method != http.MethodPost || r.URL.Path != writing):
			http.Error(w, "want GET: the dashboard changes nothing but notes", http.StatusMethodNotAllowed)
		case !s.knownHost(r.Host):
			message := "want this machine's address or name, got " + r.Host + "; --host NAME allows another name"
			http.Error(w, message, http.StatusMisdirectedRequest)
		case !sameSite(r):
			http.Error(w, "requests from other sites' pages are refused", http.StatusForbidden)
		case !s.admitted(w, r):
			http.Error(w, "want the token: open the address that the program printed, with ?token=…", http.StatusUnauthorized)
		case !readsOnly(r) && !mayWrite(r):
			http.Error(w, "notes can be changed only from the machine that the dashboard runs on", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func readsOnly(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// knownHost reports whether a Host header names this machine. An IP address does,
// because no other site's name can resolve to something that is sent as an address.
func (s *Server) knownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return name == "localhost" || net.ParseIP(name) != nil || slices.Contains(s.Hosts, name)
}

// sameSite reports whether a request comes from our own page or the address bar, rather
// than from a page of another site.
func sameSite(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	// A link from elsewhere may open the page, but do nothing else.
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return r.URL.Path == "/" && mode == "navigate" && dest == "document"
}

// admitted reports whether a request has the token: in its address (which also sets the
// cookie), in the cookie, or as Authorization: Bearer.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request) bool {
	if s.Token == "" {
		return true
	}
	if s.isToken(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{
			Name: cookie(r), Value: s.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		return true
	}
	if c, err := r.Cookie(cookie(r)); err == nil && s.isToken(c.Value) {
		return true
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.isToken(given)
}

func (s *Server) isToken(given string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(s.Token)) == 1
}

package dashboard

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// browser is one Chromium for all tests of the package; each test has a tab.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(code)
}

func start() {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil && path == "" {
			path = p
		}
	}
	if path == "" {
		browser.err = errors.New("want Chromium for the tests of the page, found none: apt-get install chromium, or make deps")
		return
	}
	profile, err := os.MkdirTemp("", "contralens-browser-")
	if err != nil {
		browser.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Env("TMPDIR="+profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	browser.ctx, browser.err = ctx, chromedp.Do(ctx)
	browser.stop = func() {
		closeTab()
		cancel()
		os.RemoveAll(profile)
	}
}

// tab is a page in the browser.
type tab struct {
	testing.TB
	ctx    context.Context
	server *httptest.Server
	saved  string // name of the last file that was downloaded
}

// look describes how a page is viewed.
type look struct {
	width, height int64
	dark, phone   bool
}

var desktop = look{width: 1280, height: 860}

// serve starts a dashboard on a directory.
func serve(t testing.TB, dir string) *httptest.Server {
	t.Helper()
	s, err := New(Options{Dir: dir, Poll: 200 * time.Millisecond})
	check(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		s.Close()
	})
	return server
}

// open opens a page of the dashboard in a new tab. Errors of scripts, and anything that
// the content security policy blocks, fail the test.
func open(t testing.TB, server *httptest.Server, hash string, l look) *tab {
	t.Helper()
	p := openAddress(t, server.URL+"/"+hash, l)
	p.server = server
	return p
}

// openAddress opens any page in a new tab.
func openAddress(t testing.TB, address string, l look) *tab {
	t.Helper()
	browser.once.Do(start)
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx)
	ctx, timeout := context.WithTimeout(ctx, 40*time.Second)
	t.Cleanup(func() { timeout(); cancel() })
	p := &tab{TB: t, ctx: ctx}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.troubles = [];
			addEventListener("error", (e) => troubles.push(e.message));
			addEventListener("unhandledrejection", (e) => troubles.push(String(e.reason)));
			addEventListener("securitypolicyviolation", (e) => troubles.push("policy: " + e.violatedDirective + " " + e.blockedURI));`})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.phone})
		return err
	}), chromedp.Navigate(address))
	t.Cleanup(func() {
		troubles, err := chromedp.Run(ctx, chromedp.Evaluate[[]string]("window.troubles ?? []"))
		if err == nil && len(troubles) > 0 {
			t.Errorf("the page reports %q", troubles)
		}
	})
	return p
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until a JavaScript expression is true.
func (p *tab) until(expression string) {
	p.Helper()
	p.within(10*time.Second, expression)
}

func (p *tab) within(limit time.Duration, expression string) {
	p.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(30 * time.Millisecond) {
		if eval[bool](p, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(end) {
			text := eval[string](p, "document.body.innerText")
			p.Fatalf("after %v still not: %s\nthe page says:\n%.1500s", limit, expression, text)
		}
	}
}

// press sends keys to the focused element.
func (p *tab) press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// shot saves a screenshot of the page as an artifact of the tests.
func (p *tab) shot(name string) {
	p.Helper()
	dir := os.Getenv("SCREENSHOT_DIR")
	if dir == "" {
		dir = filepath.Join("..", "bin", "screenshots")
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	check(p, err)
	check(p, os.MkdirAll(dir, 0o755))
	check(p, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

func runHash(tab string, runs ...string) string {
	return "#/runs?tab=" + tab + "&run=" + strings.Join(runs, "&run=")
}

// js runs JavaScript for its effect.
func js(source string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool]("(() => {"+source+"; return true;})()")(ctx, target)
		return err
	})
}

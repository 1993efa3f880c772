package dashboard

import (
	"bytes"
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestPrint: the tab with everything has all charts of a run, and prints in light colors,
// without what can be pressed.
func TestPrint(t *testing.T) {
	_, _, ft := twoRuns(t)
	path, _ := savePage(t, ft.dir)
	p := openAddress(t, "file://"+path+runHash("all", "ft"), look{width: 1280, height: 860, dark: true})
	for _, chart := range []string{"loss", "neg_mean", "pos", "distribution", "3d", "embedding"} {
		p.until(`document.querySelector("[data-chart='` + chart + `'] svg, [data-chart='` + chart + `'] canvas")`)
	}
	p.until(`document.querySelector(".options")`)
	const theme = `document.documentElement.dataset.theme ?? ""`
	p.do(js(`window.dispatchEvent(new Event("beforeprint"))`))
	if got := eval[string](p, theme); got != "light" {
		t.Errorf("want light paper, got %q", got)
	}
	p.do(js(`window.dispatchEvent(new Event("afterprint"))`))
	if got := eval[string](p, theme); got != "" {
		t.Errorf("want the theme of before, got %q", got)
	}
	pdf, err := chromedp.Run(p.ctx, chromedp.Action[[]byte](func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
		out, err := cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: new(true)})
		return out.Data, err
	}))
	check(t, err)
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF")) || pages < 3 || pages > 20 {
		t.Errorf("want a few pages, got %d of %d bytes", pages, len(pdf))
	}
}

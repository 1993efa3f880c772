// Command screenshot saves a page of the dashboard as a picture, for `make figures`.
//
//	go run ./scripts/screenshot -width 1280 -height 860 -wait canvas -o page.png http://…
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func main() {
	width := flag.Int64("width", 1280, "of the page, in pixels")
	height := flag.Int64("height", 860, "of the page, in pixels")
	wait := flag.String("wait", "canvas", "CSS selector of what the page has to show")
	rest := flag.Duration("rest", 2*time.Second, "time for drawing after that")
	before := flag.String("js", "", "JavaScript that runs before the picture is taken")
	out := flag.String("o", "page.png", "file to write")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "screenshot: want one address, for example http://127.0.0.1:8420/")
		os.Exit(2)
	}
	if err := shoot(flag.Arg(0), *wait, *before, *out, *width, *height, *rest); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

func shoot(address, wait, before, out string, width, height int64, rest time.Duration) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("hide-scrollbars", true))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, cancel := chromedp.NewContext(allocated)
	defer cancel()
	ctx, end := context.WithTimeout(ctx, 2*time.Minute)
	defer end()
	size := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride,
			emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
		return err
	})
	if err := chromedp.Do(ctx, size, chromedp.Navigate(address)); err != nil {
		return fmt.Errorf("%s: %w; want Chromium and a page that is served", address, err)
	}
	shown := fmt.Sprintf("Boolean(document.querySelector(%q))", wait)
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[bool](shown))
		if err != nil {
			return err
		}
		if found {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: want %s on the page, found none within a minute", address, wait)
		}
	}
	time.Sleep(rest) // charts draw, and images load
	if before != "" {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(() => {"+before+"; return true;})()")); err != nil {
			return fmt.Errorf("-js: %w", err)
		}
		time.Sleep(rest)
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(out, picture, 0o644) //nolint:gosec // a picture that everyone may read
}

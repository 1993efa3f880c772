package setup

import (
	"strings"
	"testing"
	"time"
)

func TestForecast(t *testing.T) {
	now := time.Date(2026, 11, 28, 13, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		f             Forecast
		want, warning string
	}{
		{Forecast{300, 50, 5}, "300 images × 50 epochs at 5 images/s: about 50 min, done at 14:20", ""},
		{Forecast{300, 1, 1}, "300 images × 1 epoch at 1 images/s: about 5 min, done at 13:35", ""},
		{Forecast{50_000, 20, 10}, "50000 images × 20 epochs at 10 images/s: about 28 h, done on Sun 29 Nov 2026", ""},
		{Forecast{1_281_167, 200, 2}, "at 2 images/s: about 1483 days, done on ", "will take 1483 days here: a smaller --arch"},
	} {
		if got := c.f.At(now); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s", c.f, got)
		}
		if got := c.f.Warning(); (got == "") != (c.warning == "") || !strings.Contains(got, c.warning) {
			t.Errorf("%+v: %q", c.f, got)
		}
	}
	if f := (Forecast{Images: 300, Epochs: 50}); f.Time() != 0 || f.Warning() != "" {
		t.Errorf("a forecast without a rate: %v", f.Time())
	}
}

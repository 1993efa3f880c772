package humanize

import (
	"slices"
	"testing"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"photo 1.jpg": "photo 1.jpg", "Kühe & 犬/👩‍🚀.png": "Kühe & 犬/👩‍🚀.png", "": "",
		"a\nb\tc\r.jpg": `a\nb\tc\r.jpg`, "\x1b[31mred": `\x1b[31mred`, "gpj.\u202ecod": `gpj.\u202ecod`,
		"\uFEFFim/0.jpg": `\ufeffim/0.jpg`, "Gr\xfc\xdfe": `Gr\xfc\xdfe`, "\x7f\u0085": `\x7f\u0085`, "it's": "it's", `a"b\`: `a"b\`,
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	if got := Lines("two\n\tlines\x1b"); got != "two\n\tlines\\x1b" {
		t.Errorf("lines: %q", got)
	}
	same := []string{"a", "b"}
	if got := Texts(same); &got[0] != &same[0] {
		t.Error("a list without hidden characters was copied")
	}
	odd := []string{"a", "b\x00", "c\n"}
	if got := Texts(odd); !slices.Equal(got, []string{"a", `b\x00`, `c\n`}) || odd[1] != "b\x00" {
		t.Errorf("a list: %q, of %q", got, odd)
	}
}

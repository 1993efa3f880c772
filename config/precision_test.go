package config

import (
	"slices"
	"strings"
	"testing"
)

// ampResolver is a configuration with --amp.
type ampResolver interface {
	Resolve(set map[string]bool) ([]string, error)
}

// --amp computes in bfloat16 where there are instructions for it. Elsewhere it leaves the
// precision automatic, with a note, in every command that has it. --precision bf16 stays.
func TestAmp(t *testing.T) {
	defer func(was func() bool) { nativeBF16 = was }(nativeBF16)
	all := every()
	for command, native := range map[string]bool{"native": true, "emulated": false} {
		nativeBF16 = func() bool { return native }
		for name, c := range all {
			Defaults(c)
			amp, device := Find(Fields(c), "amp"), Find(Fields(c), "device")
			r, ok := c.(ampResolver)
			if amp == nil || amp.Ignored || !ok {
				continue
			}
			for _, precision := range []string{"auto", "bf16"} {
				for _, on := range []string{"cpu", "cuda:0"} {
					Defaults(c)
					p := Find(Fields(c), "precision")
					if p == nil && precision == "bf16" {
						continue
					}
					must(t, amp.Set("true"), device.Set(on))
					if ckpt := Find(Fields(c), "ckpt"); ckpt != nil {
						must(t, ckpt.Set("x.pth")) // some commands need one
					}
					if p != nil {
						must(t, p.Set(precision))
					}
					notes, err := r.Resolve(map[string]bool{"amp": true})
					falls := !native && on == "cpu" && precision == "auto"
					told := slices.ContainsFunc(notes, func(s string) bool { return strings.HasPrefix(s, "--amp has no effect") })
					if err != nil || told != falls {
						t.Errorf("%s %s %s --precision %s: %v, notes %q", command, name, on, precision, err, notes)
					}
					if bf16 := p != nil && p.String() == "bf16" || p == nil && amp.String() == "true"; bf16 == falls {
						t.Errorf("%s %s %s --precision %s: computes in bf16: %v", command, name, on, precision, bf16)
					}
				}
			}
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := first(errs...); err != nil {
		t.Fatal(err)
	}
}

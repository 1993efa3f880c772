package pickle

import (
	"errors"
	"fmt"
	"testing"
)

func all(Class) bool { return true }

// TestLoad compares the results of instructions of each kind with those of Python's
// pickle.
func TestLoad(t *testing.T) {
	for program, want := range map[string]string{
		"N.": "<nil>", "I01\n.": "true", "I-7\n.": "-7", "L12L\n.": "12", "F2.5\n.": "2.5", "\x80\x02\x88.": "true",
		"K\xff.": "255", "M\x01\x02.": "513", "J\xff\xff\xff\xff.": "-1", "\x8a\x00.": "0", "\x8a\x01\xff.": "-1", "\x8a\x02\x00\x80.": "-32768",
		"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.": "18446744073709551616", "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff.": "-18446744073709551616",
		"G\x40\x04\x00\x00\x00\x00\x00\x00.": "2.5", "S'ab'\n.": "ab", "U\x02a\xe9.": "aé", "\x8c\x02é.": "é", "C\x02ab.": "[97 98]",
		"(K\x01K\x02t.": "[1 2]", "K\x01K\x02\x86.": "[1 2]", "](K\x01K\x02e.": "&{[1 2]}", "]K\x01a.": "&{[1]}", "(K\x01l.": "&{[1]}",
		"}(K\x01K\x02u.": "&{[{1 2}]}", "}K\x01K\x02s.": "&{[{1 2}]}", "(K\x01K\x02d.": "&{[{1 2}]}",
		"K\x01q\x000K\x02h\x00.": "1", "K\x01\x940K\x02j\x00\x00\x00\x00.": "1", "K\x01p5\n0g5\n.": "1", "K\x012\x86.": "[1 1]", "(K\x011K\x02.": "2",
		"cm\nc\n.": "m.c", "\x8c\x01m\x8c\x01c\x93.": "m.c", "cm\nc\nK\x01\x85R.": "&{m.c [1] <nil> {[]} {[]}}", "cm\nc\n)\x81}b.": "&{m.c [] 0 {[]} {[]}}",
		"cm\nc\n)RK\x01K\x02s.": "&{m.c [] <nil> {[{1 2}]} {[]}}", "(K\x01im\nc\n.": "&{m.c [1] <nil> {[]} {[]}}", "(cm\nc\nK\x01o.": "&{m.c [1] <nil> {[]} {[]}}",
		"K\x01Q.": "{1}", "Px\n.": "{x}", "\x8f(K\x01\x90.": "&{[1]}", "(K\x01\x91.": "&{[1]}", "\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00N.": "<nil>",
	} {
		v, n, err := Load([]byte(program+"rest"), all)
		if o, ok := v.(*Object); ok && o.State != nil {
			o.State = len(o.State.(*Dict).Items)
		}
		if got := fmt.Sprint(v); err != nil || got != want || n != len(program) {
			t.Errorf("%q: got %s (%v, %d bytes), want %s", program, got, err, n, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, program := range []string{
		"", ".", "N", "K", "I1", "Ix\n.", "S'a\n.", "X\xff\xff\xff\xffa.", "h\x00.", "g9\n.", "t.", "K\x01\x86.", "(K\x01u.", "}(K\x01u.", "K\x01a.", "K\x01K\x02s.", "K\x01K\x02R.", "cm\nc\nK\x01R.",
		"\x80\x09N.", "\xff.", "\x82\x01.", "(o.", "K\x01b.", "(0.", "K\x01(a.", "cm\nc\n)K\x01\x92.", "K\x01K\x02\x93.", "\x8b\xff\xff\xff\x7f.",
	} {
		if v, _, err := Load([]byte(program), all); err == nil {
			t.Errorf("%q: got %v, want an error", program, v)
		}
	}
	var refused *ClassError
	if _, _, err := Load([]byte("cos\nsystem\n."), func(Class) bool { return false }); !errors.As(err, &refused) || refused.Class != "os.system" {
		t.Errorf("a class that is not allowed: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("\x80\x02}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00bcm\nc\n(K\x01tRq\x00u."))
	f.Add([]byte("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00\x8c\x01m\x8c\x01c\x93)\x81}bh\x00."))
	f.Add([]byte("(I1\nL2L\nF3\nS'a'\nVb\ntp0\n0g0\n(lp1\ng0\na(d."))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, n, err := Load(b, all); err == nil && n > len(b) {
			t.Errorf("%d of %d bytes", n, len(b))
		}
	})
}

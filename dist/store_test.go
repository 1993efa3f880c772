package dist

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	m := NewMemory(50 * time.Millisecond)
	p := Prefix(m, "run/0/")
	value := []byte("one")
	if err := p.Set("a", value); err != nil {
		t.Fatal(err)
	}
	value[0] = 'x' // the store has its own copy
	if got, err := m.Get("run/0/a"); err != nil || string(got) != "one" {
		t.Errorf("below the prefix: %q, %v", got, err)
	}
	if got, err := p.Get("a"); err != nil || string(got) != "one" {
		t.Errorf("through the prefix: %q, %v", got, err)
	}
	for want := int64(2); want <= 4; want += 2 {
		if n, err := p.Add("n", 2); err != nil || n != want {
			t.Errorf("sum: %d, %v, want %d", n, err, want)
		}
	}
	if _, err := p.Add("a", 1); err == nil || !strings.Contains(err.Error(), `want a number, got "one"`) {
		t.Errorf("a sum with a text: %v", err)
	}
	if all, _ := p.Check("a", "n"); !all {
		t.Error("a and n are not there")
	}
	if all, _ := p.Check("a", "b"); all {
		t.Error("b is there")
	}
	if _, err := p.Get("b"); err == nil || !strings.Contains(err.Error(), `"run/0/b"`) {
		t.Errorf("a key that nobody sets: %v", err)
	}
	if was, _ := p.Delete("a"); !was {
		t.Error("a was not there")
	}
	if was, _ := p.Delete("a"); was {
		t.Error("a was there twice")
	}
}

func TestMemoryWait(t *testing.T) {
	m := NewMemory(time.Minute)
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := m.Wait(time.Minute, "x", "y"); err != nil {
			t.Error(err)
		}
	})
	for _, key := range []string{"z", "x", "y"} {
		if err := m.Set(key, nil); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
}

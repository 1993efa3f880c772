package option

import "testing"

func TestError(t *testing.T) {
	for want, err := range map[string]error{
		"feat_dim: want at least 1, got 0":                  &Error{Name: "feat_dim", Want: "at least 1", Got: "0"},
		"lr_sweep: want a class of two images":              &Error{Name: "lr_sweep", Want: "a class of two images"},
		`device: want auto, cpu, cuda or cuda:N, got "tpu"`: Text("device", "auto, cpu, cuda or cuda:N", "tpu"),
		`style: want one of paper, slides, web, got ""`:     Text("style", "one of paper, slides, web", ""),
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

package doctor

import (
	"errors"
	"strings"
	"testing"

	"contralens/torch/engine"
)

func TestLibtorch(t *testing.T) {
	const maps = `7f00-7f01 r-xp 00000000 fe:00 1                    /opt/torch/lib/libtorch_cpu.so
7f01-7f02 r--p 00001000 fe:00 1                    /opt/torch/lib/libtorch_cpu.so
7f02-7f03 r-xp 00000000 fe:00 2                    /opt/torch/lib/libtorch_cuda.so
7f03-7f04 r-xp 00000000 fe:00 3                    /opt/torch/lib/libtorch_cuda_linalg.so
7f04-7f05 rw-p 00000000 00:00 0
7f05-7f06 r-xp 00000000 fe:00 4                    /usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0
`
	e := &engine.Engine{Libtorch: "2.15.0+cu132", Folder: "/opt/torch"}
	text := func(found []Finding) string {
		var all []string
		for _, f := range found {
			all = append(all, f.What+": "+f.Found+" ! "+f.Problem)
		}
		return strings.Join(all, "\n")
	}
	for _, c := range []struct{ got, want string }{
		{text(libtorch("2.15.0", maps, e, nil)), "libtorch: 2.15.0 from /opt/torch/lib/libtorch_cpu.so, a build with CUDA ! \n" +
			"engine: inside the program, built for libtorch 2.15.0+cu132 in /opt/torch ! "},
		{text(libtorch("1.13.0", "", nil, nil)), "libtorch: 1.13.0 ! \nengine: linked into the program ! "},
		{text(libtorch("none", maps, nil, errors.New("engine: want one"))), "libtorch: none ! engine: want one"},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
	two := maps + "7f06-7f07 r-xp 00000000 fe:00 5  /opt/torch/lib/libgomp-a34b3233.so.1\n"
	found := text(libtorch("2.6.0", two, e, nil))
	if !strings.Contains(found, "OpenMP: /usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0, /opt/torch/lib/libgomp-a34b3233.so.1 ! these copies") {
		t.Errorf("got %s", found)
	}
}

// This process has one libtorch and one OpenMP.
func TestLoaded(t *testing.T) {
	found, ok := loaded()
	if !ok || len(found) != 2 || !strings.Contains(found[0].Found, " from /") {
		t.Errorf("got %+v", found)
	}
}
